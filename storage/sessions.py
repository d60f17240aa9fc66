"""Who is signed in at the console: digests alone, so that the file lets nobody in."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from actors.domain.time import Instant


class SessionRow(NamedTuple):
    """A session: the digest of the token it was opened with, when it was last used, and when it ends at the latest."""

    token: bytes
    seen_at: Instant
    expires_at: Instant


def add(connection: sqlite3.Connection, digest: bytes, *, token: bytes, now: Instant, expires_at: Instant) -> None:
    """Open a session, and forget those that are over."""
    connection.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
    connection.execute(
        "INSERT INTO sessions (digest, token, opened_at, seen_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        (digest, token, now, now, expires_at),
    )


def get(connection: sqlite3.Connection, digest: bytes) -> SessionRow | None:
    """Return a session by the digest of its id."""
    row = connection.execute("SELECT token, seen_at, expires_at FROM sessions WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else SessionRow(*row)


def touch(connection: sqlite3.Connection, digest: bytes, *, now: Instant) -> None:
    """Note that it is used."""
    connection.execute("UPDATE sessions SET seen_at = ? WHERE digest = ?", (now, digest))


def remove(connection: sqlite3.Connection, digest: bytes) -> None:
    """End it."""
    connection.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
