"""Applies the migrations, forward only; `PRAGMA user_version` is the ledger.

The two tables that come from code (states with their moves, exception types) are written anew at every start, so the
database enforces what this release believes.
"""

from __future__ import annotations

import secrets
import sqlite3
from importlib import resources

from actors.domain.exception_types import CATALOGUE
from actors.domain.order_state import STATES
from actors.domain.time import Instant
from storage import audit


class SchemaError(Exception):
    """The file cannot be used by this release."""


def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations in order: (number, SQL)."""
    folder = resources.files("storage") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_", 1)[0]), (folder / name).read_text("utf-8")) for name in names]


def upgrade(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Bring the file to this release's schema. `now` is recorded as the instant the database was born.

    Raises:
        SchemaError: the file was written by a newer release.
    """
    steps = migrations()
    newest = steps[-1][0]
    have = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if have > newest:
        raise SchemaError(f"the database has schema {have}, this release knows {newest}: install the newer release")
    for number, sql in steps:
        if number > have:
            _apply(connection, number, sql)
    _write_declared(connection, now)


def _apply(connection: sqlite3.Connection, number: int, sql: str) -> None:
    # executescript() commits whatever is open, so the transaction has to stand inside the script.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write_declared(connection: sqlite3.Connection, now: Instant) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR IGNORE INTO order_states VALUES (?)", [(state.value,) for state in STATES])
    connection.execute("DELETE FROM order_moves")
    connection.executemany(
        "INSERT INTO order_moves VALUES (?, ?)",
        [(state.value, after.value) for state, note in STATES.items() for after in note.followed_by],
    )
    connection.executemany(
        "INSERT INTO exception_types VALUES (?, ?, ?)"
        " ON CONFLICT (code) DO UPDATE SET owner = excluded.owner, holds = excluded.holds",
        [(kind.code, kind.owner.value, int(kind.holds)) for kind in CATALOGUE.values()],
    )
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('born_at', ?)", (str(now),))
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?)", (secrets.token_hex(8),))
    audit.chain(connection)
    connection.execute("COMMIT")
