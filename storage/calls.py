"""The call log on disk, and `SqliteJournal`, which the governor and the commercetools client write it through."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.domain.calls import Lane, Purpose
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.governor.journal import Intent, LoggedCall
from storage import orders
from storage.database import Database
from storage.witness import Witness


class OpenWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A write without an outcome: it may or may not have been executed."""

    call_id: int
    purpose: Purpose
    subject: str
    generation: int
    sent_at: Instant


class SqliteJournal:
    """The call log as a port: one row before each send."""

    def __init__(self, database: Database, *, witness: Witness | None = None) -> None:
        self._database = database
        self._witness = witness

    async def begin(self, intent: Intent, *, at: Instant, finished: Sequence[tuple[int, Instant]] = ()) -> int:
        """Write the row; a create moves its order to `creating` in the same commit."""

        def unit(connection: sqlite3.Connection) -> int:
            _write_ends(connection, finished)
            return begin(connection, intent, at=at)

        call_id = await self._database.run(unit)
        if self._witness is not None and intent.purpose.writes and intent.purpose.side == "cin7":
            self._witness.saw(call_id)
        return call_id

    async def finish(self, finished: Sequence[tuple[int, Instant]]) -> None:
        """Write ends alone."""
        if finished:
            await self._database.run(lambda connection: _write_ends(connection, finished))


def begin(connection: sqlite3.Connection, intent: Intent, *, at: Instant) -> int:
    """Write the intent down. A second create for one order is refused by a unique index."""
    row = connection.execute(
        "INSERT INTO calls (purpose, lane, subject, generation, writes, sent_at) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        (
            intent.purpose.value,
            int(intent.lane),
            intent.subject,
            intent.generation,
            int(intent.purpose.writes),
            at,
        ),
    ).fetchone()
    if intent.purpose is Purpose.CIN7_CREATE_SALE:
        orders.move(connection, intent.subject, OrderState.CREATING, now=at, reason="")
    if intent.beside is not None:
        intent.beside(connection, int(row[0]))
    return int(row[0])


def _write_ends(connection: sqlite3.Connection, finished: Sequence[tuple[int, Instant]]) -> None:
    connection.executemany(
        "UPDATE calls SET ended_at = ? WHERE id = ?", [(ended_at, call_id) for call_id, ended_at in finished]
    )


def settle(connection: sqlite3.Connection, call_id: int | None, outcome: str, *, detail: str = "") -> None:
    """Record what came of a write: `done`, `refused` (certainly not executed), `unknown` (in doubt)."""
    if call_id is None:
        return
    connection.execute("UPDATE calls SET outcome = ?, detail = ? WHERE id = ?", (outcome, detail[:500], call_id))


def prove_create(connection: sqlite3.Connection, order_id: str, generation: int, *, outcome: str) -> None:
    """Decide the creates in doubt of an order: `done` (its sale was found) or `absent` (twice not there)."""
    connection.execute(
        "UPDATE calls SET outcome = ? WHERE subject = ? AND subject <> '' AND generation = ? AND purpose = ?"
        " AND (outcome IS NULL OR outcome = 'unknown')",
        (outcome, order_id, generation, Purpose.CIN7_CREATE_SALE.value),
    )


def may_be_done(connection: sqlite3.Connection, order_id: str, generation: int, purpose: Purpose) -> bool:
    """Say whether a write of this kind was done for an order, or may have been, or may still be."""
    row = connection.execute(
        "SELECT 1 FROM calls WHERE subject = ? AND subject <> '' AND generation = ? AND purpose = ?"
        " AND (outcome IS NULL OR outcome IN ('done', 'unknown'))",
        (order_id, generation, purpose.value),
    ).fetchone()
    return row is not None


def last_doubt(connection: sqlite3.Connection, order_id: str, generation: int) -> str:
    """Return why the last create of an order was in doubt (what the answer said, if it said anything)."""
    row = connection.execute(
        "SELECT detail FROM calls WHERE subject = ? AND subject <> '' AND generation = ? AND purpose = ?"
        " AND outcome = 'unknown' ORDER BY id DESC LIMIT 1",
        (order_id, generation, Purpose.CIN7_CREATE_SALE.value),
    ).fetchone()
    return "" if row is None else str(row[0])


def open_writes(connection: sqlite3.Connection) -> list[OpenWrite]:
    """Return writes without an outcome: what was on the wire when the process died."""
    rows = connection.execute(
        "SELECT id, purpose, subject, generation, sent_at FROM calls WHERE writes = 1 AND outcome IS NULL ORDER BY id"
    )
    return [
        OpenWrite(call_id=row[0], purpose=Purpose(row[1]), subject=row[2], generation=row[3], sent_at=row[4])
        for row in rows
    ]


def window(connection: sqlite3.Connection, *, since: Instant) -> list[LoggedCall]:
    """Return the Cin7 calls that may still count: sent or ended since, or never seen to end."""
    rows = connection.execute(
        "SELECT sent_at, ended_at, lane FROM calls WHERE purpose LIKE 'cin7.%' AND (sent_at >= :since)"
        " ORDER BY sent_at, id",
        {"since": since},
    )
    return [LoggedCall(sent_at=row[0], ended_at=row[1], lane=Lane(row[2])) for row in rows]


def newest(connection: sqlite3.Connection) -> int:
    """Return the id of the newest write to Cin7 Core this file knows (0: none): what its witness saw too."""
    row = connection.execute(
        "SELECT id FROM calls WHERE writes = 1 AND purpose LIKE 'cin7.%' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return 0 if row is None else int(row[0])


def prune(connection: sqlite3.Connection, *, before: Instant) -> int:
    """Delete calls that are about no record and older than that; an order's calls are its timeline."""
    cursor = connection.execute("DELETE FROM calls WHERE subject = '' AND sent_at < ?", (before,))
    return cursor.rowcount
