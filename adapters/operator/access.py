"""Who may ask: the Host check, the loopback rule without tokens, and tokens with roles (design §5).

Without tokens only this machine reads, and only directly: a request that a proxy passed on says so in a header, a page
in somebody's browser says another Host. With tokens each person has one; the Host check stays.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from adapters.operator.problems import ProblemError

READING = frozenset({"GET", "HEAD"})
SOCKET = "socket"
"""Beside the role of whoever came through the control socket: no list of tokens says what they may do."""

FLOW_ROLES = frozenset({"it", "admin"})
"""Who may pause and resume a flow."""

STOCK_ROLES = frozenset({"ops", "ecommerce", "admin"})
"""Who may stop and resume the sale of a SKU, and let an order's units go."""

CATALOGUE_ROLES = frozenset({"ecommerce", "admin"})
"""Who may let products be unpublished, and ask for drafts."""

MONEY_ROLES = frozenset({"finance", "admin"})
"""Who may let money go on: release what waits to be posted."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip"}
)
_FORWARDING_PREFIXES = ("x-forwarded", "x-original-")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Token(Protocol):
    """One person's way in; `digest` is the SHA-256 of the token."""

    @property
    def name(self) -> str:
        """Who it is."""
        ...

    @property
    def roles(self) -> frozenset[str]:
        """What they may do."""
        ...

    @property
    def digest(self) -> bytes:
        """32 bytes."""
        ...


class Approach(msgspec.Struct, frozen=True, kw_only=True):
    """A request as far as access is concerned. `peer` and `local` are the addresses of the two ends."""

    method: str
    target: str = "/"
    hosts: tuple[str, ...] = ()
    peer: str = ""
    local: str = ""
    header_names: tuple[str, ...] = ()
    authorization: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Without tokens nobody is named and nobody has a role."""

    name: str = ""
    roles: frozenset[str] = frozenset()


class AccessRules:
    """Admits or refuses. `bind_host` and `public_host` are names a Host may say besides those of loopback."""

    def __init__(self, tokens: Sequence[Token], *, bind_host: str, public_host: str = "") -> None:
        self._tokens = tuple(tokens)
        self._names = frozenset({"localhost", bind_host.lower(), public_host.lower()} - {""})

    @property
    def open(self) -> bool:
        """There are no tokens: whoever is at this machine reads, and nobody is named."""
        return not self._tokens

    def admit(self, approach: Approach) -> Person:
        """Return who asks.

        Raises:
            ProblemError: 403, or 401 where a token would help.
        """
        self.screen(approach)
        return self._bearer(approach.authorization) if self._tokens else Person()

    def screen(self, approach: Approach) -> None:
        """Refuse what nobody may send, whoever it is: what every request passes, also one that is to sign in.

        Raises:
            ProblemError: 403.
        """
        host = self._host(approach)
        if self._tokens:
            return
        if not _is_loopback(approach.peer):
            raise ProblemError(403, "Without operator tokens only this machine may ask.")
        if host != "localhost" and not _is_loopback(host):
            raise ProblemError(403, "Without operator tokens the Host must be a loopback name or address.")
        if any(_tells_of_a_proxy(name) for name in approach.header_names):
            raise ProblemError(403, "Without operator tokens no request may come through a proxy.")
        if approach.method not in READING:
            raise ProblemError(403, "Without operator tokens nothing can be changed here.")

    def known(self, token: str) -> Token | None:
        """Return whose token this is. Every one is compared, found or not: how long it takes tells nothing."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = [known for known in self._tokens if hmac.compare_digest(known.digest, digest)]
        return found[0] if found else None

    def holder(self, digest: bytes) -> Person | None:
        """Return whose token has this digest today; None once it was taken off the list."""
        found = [known for known in self._tokens if hmac.compare_digest(known.digest, digest)]
        return Person(name=found[0].name, roles=frozenset(found[0].roles)) if found else None

    def _host(self, approach: Approach) -> str:
        """Return the one Host, if it is ours: anything else is somebody else's page speaking through a browser."""
        if len(approach.hosts) != 1 or not approach.target.startswith("/"):
            raise ProblemError(403, "The request must name exactly one Host.")
        match = _HOST.fullmatch(approach.hosts[0])
        host = match.group(1).strip("[]").lower() if match else ""
        if host in self._names:
            return host
        if _is_loopback(host) or (_address(host) is not None and _address(host) == _address(approach.local)):
            return host
        raise ProblemError(403, "The Host is none of this daemon's.")

    def _bearer(self, authorization: Sequence[str]) -> Person:
        scheme, _, token = (authorization[0] if len(authorization) == 1 else "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise ProblemError(401, "A bearer token is needed.", headers={"WWW-Authenticate": 'Bearer realm="tallyd"'})
        found = self.known(token.strip())
        if found is None:
            headers = {"WWW-Authenticate": 'Bearer realm="tallyd", error="invalid_token"'}
            raise ProblemError(401, "The token is not known.", headers=headers)
        return Person(name=found.name, roles=frozenset(found.roles))


def require(person: Person, roles: Collection[str]) -> None:
    """Let only these roles go on. Raises `ProblemError` 403."""
    if not person.roles & frozenset(roles):
        raise ProblemError(403, f"This needs one of the roles {', '.join(sorted(roles))}.")


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_loopback(text: str) -> bool:
    address = _address(text)
    return address is not None and address.is_loopback


def _tells_of_a_proxy(header: str) -> bool:
    name = header.lower()
    return name in _FORWARDING or name.startswith(_FORWARDING_PREFIXES)
