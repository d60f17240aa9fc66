"""Maintenance windows on disk: of the file and of people, what is on now, and which are still to be reported on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.domain.quiet import Window
from actors.domain.time import Instant


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `ended_at`: when it was over; `reported_at`: when its catch-up report was written."""

    id: int
    source: str
    starts_at: Instant
    ends_at: Instant
    author: str
    reason: str
    ended_at: Instant | None
    reported_at: Instant | None


_COLUMNS = ", ".join(Maintenance.__struct_fields__)


def _row(row: tuple[object, ...]) -> Maintenance:
    return msgspec.convert(dict(zip(Maintenance.__struct_fields__, row, strict=True)), Maintenance)


_TAKE_OVER = """
INSERT INTO maintenance (source, starts_at, ends_at, reason) VALUES ('file', ?, ?, 'configured')
ON CONFLICT (starts_at) WHERE source = 'file' DO UPDATE SET ends_at = excluded.ends_at,
    ended_at = CASE WHEN excluded.ends_at > ends_at THEN NULL ELSE ended_at END,
    reported_at = CASE WHEN excluded.ends_at > ends_at THEN NULL ELSE reported_at END
"""


def keep(connection: sqlite3.Connection, windows: Sequence[Window], *, now: Instant) -> None:
    """Take over the windows of the file that are on, and end what is over. One that passed unseen is none of ours.

    One that is over and was made longer since, or taken out and put back, is on again; one that a person ended is not.
    """
    for window in windows:
        if window.starts_at <= now < window.ends_at:
            connection.execute(_TAKE_OVER, (window.starts_at, window.ends_at))
    listed = {window.starts_at for window in windows}
    for row in unended(connection):
        if row.ends_at <= now:
            end(connection, row.id, now=row.ends_at)
        elif row.source == "file" and row.starts_at not in listed:
            end(connection, row.id, now=now)
            connection.execute("UPDATE maintenance SET ends_at = ? WHERE id = ?", (now, row.id))


def start(connection: sqlite3.Connection, *, author: str, reason: str, now: Instant, ends_at: Instant) -> int:
    """Begin a window; return its number."""
    cursor = connection.execute(
        "INSERT INTO maintenance (source, starts_at, ends_at, author, reason) VALUES ('desk', ?, ?, ?, ?)",
        (now, ends_at, author, reason),
    )
    return int(cursor.lastrowid or 0)


def end(connection: sqlite3.Connection, window: int, *, now: Instant) -> None:
    """End a window."""
    connection.execute("UPDATE maintenance SET ended_at = ? WHERE id = ? AND ended_at IS NULL", (now, window))


def unended(connection: sqlite3.Connection) -> list[Maintenance]:
    """Return the windows that were not ended."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM maintenance WHERE ended_at IS NULL ORDER BY id")
    return [_row(row) for row in rows]


def current(connection: sqlite3.Connection, *, now: Instant) -> Maintenance | None:
    """Return the window that is on and ends last."""
    found = [row for row in unended(connection) if row.starts_at <= now < row.ends_at]
    return max(found, key=lambda row: row.ends_at, default=None)


def unreported(connection: sqlite3.Connection) -> list[Maintenance]:
    """Return the windows that are over and were not reported on."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM maintenance WHERE ended_at IS NOT NULL AND reported_at IS NULL ORDER BY starts_at"
    )
    return [_row(row) for row in rows]


def reported(connection: sqlite3.Connection, window: int, *, now: Instant) -> None:
    """Say that its catch-up report was written."""
    connection.execute("UPDATE maintenance SET reported_at = ? WHERE id = ?", (now, window))


def listing(connection: sqlite3.Connection, *, limit: int = 50) -> list[Maintenance]:
    """Return the newest windows."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM maintenance ORDER BY starts_at DESC, id DESC LIMIT ?", (limit,))
    return [_row(row) for row in rows]


def digest_once(connection: sqlite3.Connection, kind: str, owner: str, day: str, *, now: Instant) -> bool:
    """Say that a digest of a day is written; False: it was already."""
    cursor = connection.execute("INSERT OR IGNORE INTO digests VALUES (?, ?, ?, ?)", (kind, owner, day, now))
    return cursor.rowcount == 1


def was_digested(connection: sqlite3.Connection, kind: str, owner: str, day: str) -> bool:
    """Say whether a digest was written."""
    found = connection.execute("SELECT 1 FROM digests WHERE kind = ? AND owner = ? AND day = ?", (kind, owner, day))
    return found.fetchone() is not None
