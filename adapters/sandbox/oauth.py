"""The token desk of commercetools: client credentials in, bearer tokens out (commercetools fact sheet §1.1, §1.2)."""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

import msgspec

from adapters.sandbox.refusals import Refusal


class _Token(msgspec.Struct, frozen=True):
    expires_at: int
    scopes: frozenset[str]


class TokenDesk:
    """One API client of one project. `scopes` are scope names without the project key; they may be changed."""

    def __init__(
        self,
        *,
        now: Callable[[], int],
        project_key: str,
        client_id: str,
        client_secret: str,
        scopes: Iterable[str],
        lifetime_seconds: int,
        seed: int,
    ) -> None:
        self.client_id = client_id
        self.scopes = frozenset(scopes)
        self.lifetime_seconds = lifetime_seconds
        self._now = now
        self._project_key = project_key
        self._client = f"{client_id}:{client_secret}".encode()
        self._random = random.Random(f"tokens/{seed}")
        self._tokens: dict[str, _Token] = {}

    def granted(
        self, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes | None
    ) -> frozenset[str]:
        """Return the scopes a token request is entitled to.

        Raises:
            Refusal: 401 `invalid_client`, 400 `unsupported_grant_type` or `invalid_scope`.
        """
        if not self._is_client(headers.get("authorization", "")):
            message = "Please provide valid client credentials using HTTP Basic Authentication."
            raise Refusal(401, "invalid_client", message)
        form = dict([*query, *parse_qsl((body or b"").decode("utf-8", "replace"))])
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type", "The grant type is not supported.")
        return self._entitled(form.get("scope", ""))

    def issue(self, scopes: frozenset[str]) -> Mapping[str, object]:
        """Make a token; return the answer to its request."""
        token = f"{self._random.getrandbits(192):048x}"
        self._tokens[token] = _Token(self._now() + self.lifetime_seconds * 1000, scopes)
        return {
            "access_token": token,
            "expires_in": self.lifetime_seconds,
            "scope": " ".join(sorted(f"{name}:{self._project_key}" for name in scopes)),
            "token_type": "Bearer",
        }

    def scopes_of(self, authorization: str) -> frozenset[str]:
        """Return what the bearer of this header may do.

        Raises:
            Refusal: 401 `invalid_token`, for a token unknown, revoked or expired.
        """
        kind, _, text = authorization.partition(" ")
        token = self._tokens.get(text) if kind.lower() == "bearer" else None
        if token is None or token.expires_at <= self._now():
            raise Refusal(401, "invalid_token", "invalid_token")
        return token.scopes

    def revoke_all(self) -> None:
        """Let every token given out so far be refused from now on."""
        self._tokens.clear()

    def _is_client(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            return kind.lower() == "basic" and base64.b64decode(encoded, validate=True) == self._client
        except binascii.Error:
            return False

    def _entitled(self, wanted: str) -> frozenset[str]:
        if not wanted:
            return self.scopes
        names = frozenset(wanted.split())
        suffix = f":{self._project_key}"
        short = frozenset(name.removesuffix(suffix) for name in names)
        if not all(name.endswith(suffix) for name in names) or not self._covers(short):
            raise Refusal(400, "invalid_scope", f"The scope '{wanted}' is not permitted for this client.")
        return short

    def _covers(self, wanted: frozenset[str]) -> bool:
        return "manage_project" in self.scopes or wanted <= self.scopes


def allowed(granted: frozenset[str], one_of: Sequence[str]) -> bool:
    """Say whether a token's scopes include one of those a request needs; `manage_project` includes all."""
    return "manage_project" in granted or not granted.isdisjoint(one_of)
