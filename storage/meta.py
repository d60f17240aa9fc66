"""Facts about the file itself: when it was born (or restored), and which daemon it belongs to."""

from __future__ import annotations

import sqlite3

from actors.domain.time import Instant
from storage import entries


def born_at(connection: sqlite3.Connection) -> Instant:
    """The instant this database was born or last restored: what came before it may be in Cin7 without our knowing."""
    return int(connection.execute("SELECT value FROM meta WHERE key = 'born_at'").fetchone()[0])


def reborn(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Record that the file was restored: everything older has to be looked up before it is created.

    Nor does it know what was put into the storefront's entries since: no ledger is believed before its true-up.
    """
    entries.suspend_all(connection, "the file was put back from a copy")
    connection.execute("UPDATE meta SET value = ? WHERE key = 'born_at'", (str(now),))


def instance(connection: sqlite3.Connection) -> str:
    """The name this file's daemon holds its lease under."""
    return str(connection.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()[0])


def counter(connection: sqlite3.Connection, name: str) -> int:
    """A counter kept in the file (0 before its first use)."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def set_counter(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Set a counter."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (name, str(value))
    )


def text(connection: sqlite3.Connection, name: str) -> str:
    """A text kept in the file ("" before its first use)."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    return "" if row is None else str(row[0])


def set_text(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a text."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (name, value)
    )
