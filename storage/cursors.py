"""How far each sweep has read. `mark`: all that its list shows of the time before that instant is known."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.time import Instant


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep's place: after (`at`, `after_id`); `until` while a pass is under way; `mark` after a whole one."""

    at: Instant
    after_id: str = ""
    until: Instant | None = None
    mark: Instant | None = None


def get(connection: sqlite3.Connection, name: str) -> Cursor | None:
    """Return a sweep's place, if it ever read."""
    row = connection.execute("SELECT at, after_id, until, mark FROM cursors WHERE name = ?", (name,)).fetchone()
    return None if row is None else Cursor(at=row[0], after_id=row[1], until=row[2], mark=row[3])


def put(connection: sqlite3.Connection, name: str, cursor: Cursor, *, now: Instant) -> None:
    """Store a sweep's place; a mark never moves back, unless it lies in the future: then a clock was wrong."""
    connection.execute(
        "INSERT INTO cursors (name, at, after_id, until, mark, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET at = excluded.at, after_id = excluded.after_id, until = excluded.until,"
        " mark = CASE WHEN mark > excluded.updated_at THEN coalesce(excluded.mark, mark)"
        " ELSE max(coalesce(mark, excluded.mark), coalesce(excluded.mark, mark)) END, updated_at = excluded.updated_at",
        (name, cursor.at, cursor.after_id, cursor.until, cursor.mark, now),
    )


def rewind(connection: sqlite3.Connection, name: str, at: Instant, *, now: Instant) -> None:
    """Have the next pass of a sweep begin earlier than it would: its mark stands, what lies before it is read again."""
    stored = get(connection, name)
    mark = stored.mark if stored is not None else None
    if mark is not None and at < mark:
        connection.execute(
            "UPDATE cursors SET at = ?, after_id = '', until = coalesce(until, mark), updated_at = ? WHERE name = ?",
            (at, now, name),
        )
