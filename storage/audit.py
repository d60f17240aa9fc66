"""What people did through tallyd: author, action, record, reason."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.time import Instant


def write(
    connection: sqlite3.Connection, *, author: str, action: str, record: str, now: Instant, **detail: str
) -> None:
    """Add a row."""
    connection.execute(
        "INSERT INTO audit (at, author, action, record, detail) VALUES (?, ?, ?, ?, ?)",
        (now, author, action, record, msgspec.json.encode(detail).decode()),
    )


def of_record(connection: sqlite3.Connection, record: str) -> list[tuple[Instant, str, str, str]]:
    """Return (at, author, action, detail) of what people did to a record, oldest first."""
    rows = connection.execute("SELECT at, author, action, detail FROM audit WHERE record = ? ORDER BY id", (record,))
    return [(row[0], row[1], row[2], row[3]) for row in rows]
