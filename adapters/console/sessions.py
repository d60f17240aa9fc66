"""Who is signed in: a random id in a cookie, its digest on disk, and the roles of the token it was opened with.

Roles are asked of the list of tokens at every request, so whoever is taken off it is out at once.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol

import msgspec

from actors.domain.time import Instant
from adapters.operator.access import AccessRules, Person

MINUTE = 60_000
IDLE = 30 * MINUTE
LONGEST = 12 * 60 * MINUTE
"""How long a session lasts unused, and at most; milliseconds."""

_TOUCHED_EVERY = MINUTE
"""How often its use is written down: a write a minute for each person, not one a request."""


class Kept(Protocol):
    """A session as it is kept."""

    @property
    def token(self) -> bytes:
        """The digest of the token it was opened with."""
        ...

    @property
    def seen_at(self) -> Instant:
        """When it was last used."""
        ...

    @property
    def expires_at(self) -> Instant:
        """When it ends at the latest."""
        ...


class SessionStore(Protocol):
    """Where sessions are kept, and what of them is written down for good."""

    def now(self) -> Instant:
        """Return the daemon's clock."""
        ...

    async def add(self, digest: bytes, *, token: bytes, expires_at: Instant, person: str) -> None:
        """Keep a session, with who opened it in the audit."""
        ...

    async def find(self, digest: bytes) -> Kept | None:
        """Return a session by the digest of its id."""
        ...

    async def touch(self, digest: bytes) -> None:
        """Note that it is used."""
        ...

    async def remove(self, digest: bytes, *, person: str) -> None:
        """End a session, with who ended it in the audit."""
        ...

    async def refused(self, peer: str) -> None:
        """Write down that somebody at this address tried a token nobody has; never the token."""
        ...


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in."""

    id: str
    person: Person


class Sessions:
    """Opens, finds and ends them."""

    def __init__(self, store: SessionStore, rules: AccessRules) -> None:
        self._store = store
        self._rules = rules

    async def open(self, token: str, *, peer: str) -> Session | None:
        """Sign somebody in under an id nobody has seen; None, and an audit row, if the token is nobody's."""
        found = self._rules.known(token)
        if found is None:
            await self._store.refused(peer)
            return None
        session_id = secrets.token_urlsafe(32)
        expires_at = self._store.now() + LONGEST
        await self._store.add(_digest(session_id), token=found.digest, expires_at=expires_at, person=found.name)
        return Session(id=session_id, person=Person(name=found.name, roles=frozenset(found.roles)))

    async def find(self, session_id: str, *, by_hand: bool) -> Session | None:
        """Return who is signed in under this id. What a page asks for by itself (not `by_hand`) keeps nobody in."""
        digest, now = _digest(session_id), self._store.now()
        kept = await self._store.find(digest)
        if kept is None or now >= kept.expires_at or now - kept.seen_at >= IDLE:
            return None
        person = self._rules.holder(kept.token)
        if person is None:
            return None
        if by_hand and now - kept.seen_at >= _TOUCHED_EVERY:
            await self._store.touch(digest)
        return Session(id=session_id, person=person)

    async def close(self, session: Session) -> None:
        """Sign out."""
        await self._store.remove(_digest(session.id), person=session.person.name)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode("utf-8", "surrogateescape")).digest()
