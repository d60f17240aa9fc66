"""Where the console's sessions are kept: in the daemon's file, with each sign-in and its refusals in the audit."""

from __future__ import annotations

import sqlite3

from actors.domain.time import Instant
from daemon.running import Running
from storage import audit, sessions
from storage.sessions import SessionRow

RECORD = "console"


class SessionDesk:
    """Implements `SessionStore`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    def now(self) -> Instant:
        """See `SessionStore`."""
        return self._app.engine.clock.now()

    async def add(self, digest: bytes, *, token: bytes, expires_at: Instant, person: str) -> None:
        """See `SessionStore`."""
        now = self.now()

        def unit(connection: sqlite3.Connection) -> None:
            sessions.add(connection, digest, token=token, now=now, expires_at=expires_at)
            audit.write(connection, author=person, action="sign in", record=RECORD, now=now)

        await self._app.engine.database.run(unit)

    async def find(self, digest: bytes) -> SessionRow | None:
        """See `SessionStore`."""
        return await self._app.engine.database.read(lambda connection: sessions.get(connection, digest))

    async def touch(self, digest: bytes) -> None:
        """See `SessionStore`."""
        now = self.now()
        await self._app.engine.database.run(lambda connection: sessions.touch(connection, digest, now=now))

    async def remove(self, digest: bytes, *, person: str) -> None:
        """See `SessionStore`."""
        now = self.now()

        def unit(connection: sqlite3.Connection) -> None:
            sessions.remove(connection, digest)
            audit.write(connection, author=person, action="sign out", record=RECORD, now=now)

        await self._app.engine.database.run(unit)

    async def refused(self, peer: str) -> None:
        """See `SessionStore`."""
        now = self.now()
        await self._app.engine.database.run(
            lambda connection: audit.write(
                connection, author="", action="sign-in refused", record=RECORD, now=now, peer=peer
            )
        )
