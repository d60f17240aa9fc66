"""Behind the API of mapping rows: what people map at the desk, effective at once, over what the configuration says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, TypeVar

import anyio
import msgspec

from actors.catalogue.actor import REFRESH
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.switches import settle_mapped
from actors.domain.exception_types import HOLDING
from actors.domain.mapped import Entry, MappingKind, Mappings, Row, lay
from actors.domain.time import Instant
from actors.finance.deciding import DIFFER as BOOKS_DIFFER
from actors.messages import Flow, Nudge
from actors.stock.publishing import sku_nudge
from adapters.operator.access import Person, require
from adapters.operator.mapping_api import Document, MappingDraft
from adapters.operator.problems import ProblemError
from daemon.desk.mapping_drafts import judge
from daemon.desk.mapping_trial import attempt
from daemon.engine import Engine
from daemon.instants import text_of
from daemon.running import Running
from storage import audit, books, exceptions, facts, mapping_rows, outbox
from storage.bodies import Sealer
from storage.database import CommitFailedError, connect
from storage.mapping_rows import MappingRow, Waiting

T = TypeVar("T")

HISTORY = 200
"""Rows of the past that are told."""

_FINANCE = ("finance", "admin")
_OPS = ("ops", "admin")
ROLES: dict[MappingKind, tuple[str, ...]] = {
    MappingKind.TAX: _FINANCE,
    MappingKind.CHARGES: _FINANCE,
    MappingKind.PAYMENTS: _FINANCE,
    MappingKind.GIFT_CARDS: _FINANCE,
    MappingKind.SHIPPING: _OPS,
    MappingKind.CARRIERS: _OPS,
}
"""Who may map what: what is booked differently is finance's, what the warehouse sees is operations'."""

_NO_RULES = frozenset({MappingKind.PAYMENTS, MappingKind.CARRIERS})
"""Kinds that are no part of what a document is made by, and for which no list of the account has to be read."""


class MappingDesk:
    """Implements `MappingReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._trials = anyio.CapacityLimiter(1)

    async def mappings(self, kind: str) -> Document:
        """See `MappingReading`."""
        configured = self._app.engine.configured.mappings
        wanted = None if not kind else MappingKind(kind)
        return await self._app.engine.database.read(lambda connection: document(connection, configured, wanted))

    async def try_mapping(self, draft: MappingDraft) -> Document:
        """See `MappingReading`."""
        engine = self._app.engine

        def read() -> dict[str, Any]:
            with closing(connect(engine.database.path, read_only=True)) as connection:
                return tried(connection, engine, draft)

        # Seconds of work, on a connection and a thread of its own: nothing else waits for it. One at a time.
        return await anyio.to_thread.run_sync(read, limiter=self._trials)

    async def map(self, key: str, draft: MappingDraft, person: Person) -> Document:
        """See `MappingReading`."""
        engine = self._app.engine
        if draft.kind in ROLES:
            require(person, ROLES[MappingKind(draft.kind)])
        if not draft.reason:
            raise ProblemError(400, "reason is missing: say why; it is kept with your name.")

        def unit(connection: sqlite3.Connection) -> dict[str, Any]:
            return _map(connection, engine, key, draft, author=person.name)

        async with engine.mapping:
            # Whoever asked may be gone: what is committed is in force, and what is not is not.
            with anyio.CancelScope(shield=True):
                done = await _committed(engine, unit)
        engine.bell.ring()
        engine.log("person.acted", operation="map", user=person.name)
        return done


# -- reading ----------------------------------------------------------------------------------------------------------


def document(connection: sqlite3.Connection, configured: Mappings, kind: MappingKind | None) -> dict[str, Any]:
    """Return what is in force of one kind or of all, and the rows of the past, the newest first."""
    made = {(row.row.kind, row.row.key): row for row in mapping_rows.in_force(connection)}
    wanted = tuple(MappingKind) if kind is None else (kind,)
    return {
        "items": [item for one in wanted for item in _items(one, configured.table(one), made)],
        "history": [_row(row) for row in mapping_rows.history(connection, kind=kind, limit=HISTORY)],
        "version": mapping_rows.version(connection),
    }


def _items(
    kind: MappingKind, configured: dict[str, Entry], made: dict[tuple[MappingKind, str], MappingRow]
) -> Iterable[dict[str, Any]]:
    desk = {key: row for (of, key), row in made.items() if of is kind and row.row.value}
    for key in sorted(configured.keys() | desk.keys()):
        entry, row = configured.get(key), desk.get(key)
        held = entry if row is None else Entry(row.row.value, row.row.tender)
        assert held is not None  # noqa: S101 -- the key is one of the two
        yield {
            "kind": kind.value,
            "key": key,
            "value": held.value,
            "tender": held.tender,
            "source": "file" if row is None else "desk",
            "version": None if row is None else row.version,
            "author": "" if row is None else row.author,
            "reason": "" if row is None else row.reason,
            "at": None if row is None else text_of(row.at),
            "file_value": None if entry is None else entry.value,
        }


def _row(made: MappingRow) -> dict[str, Any]:
    row = made.row
    return {
        "version": made.version,
        "kind": row.kind.value,
        "key": row.key,
        "value": row.value,
        "tender": row.tender,
        "author": made.author,
        "reason": made.reason,
        "at": text_of(made.at),
        "orders": made.woken,
    }


def tried(connection: sqlite3.Connection, engine: Engine, draft: MappingDraft) -> dict[str, Any]:
    """Return what the row would do to the newest orders, and how many open exceptions it would answer."""
    held = _held(connection, engine)
    judged = judge(draft, facts.for_order(connection, ()), held)
    row, warnings = judged.row, list(judged.warnings)
    then = _held(connection, engine, row)
    trial = attempt(connection, row.kind, held, then, sealer=Sealer(engine.plan.storage_key))
    waiting = mapping_rows.waiting_for(connection, row.kind, row.key, _value(held, row))
    if row.kind is MappingKind.CARRIERS:
        warnings.append("What a carrier is shown as is seen with the next shipments; no order is judged by it.")
    elif trial.looked_at == trial.unreadable:
        warnings.append("No order could be judged: none is kept with its body.")
    return {**msgspec.to_builtins(trial), "waiting_now": len(waiting), "warnings": warnings}


def _held(connection: sqlite3.Connection, engine: Engine, *more: Row) -> Mappings:
    """Return the tables as they hold, or would with more rows."""
    return lay(engine.configured.mappings, [*(made.row for made in mapping_rows.in_force(connection)), *more])


def _value(mappings: Mappings, row: Row) -> str:
    """Return what the key of a row is mapped to; "": nothing."""
    return mappings.table(row.kind).get(row.key, Entry("")).value


async def _committed(engine: Engine, unit: Callable[[sqlite3.Connection], T]) -> T:
    """Run the unit that puts a row in force; where it cannot be committed, what is on disk holds again."""
    try:
        return await engine.database.run(unit)
    except CommitFailedError:
        engine.map(made.row for made in await engine.database.read(mapping_rows.in_force))
        raise


# -- putting a row in force --------------------------------------------------------------------------------------------


def _map(
    connection: sqlite3.Connection, engine: Engine, key: str, draft: MappingDraft, *, author: str
) -> dict[str, Any]:
    """Add the row, put it in force, and have what waits for it judged again: all of it, or nothing.

    It is in force from the end of the transaction, before the commit: no order that is woken can be judged without it,
    and what is judged by it is written after it.
    """
    now = engine.clock.now()
    earlier = mapping_rows.of_request(connection, key)
    if earlier is not None:
        return _again(earlier, draft)
    held = _held(connection, engine)
    row = judge(draft, facts.for_order(connection, ()), held).row
    then = _held(connection, engine, row)
    if then.table(row.kind) == held.table(row.kind) and not _is_taken_back(connection, row):
        return _told(False, f"{_named(row)} {_holding(held, row)} already.", mapping_rows.version(connection), 0)
    before = _value(held, row)
    waiting = mapping_rows.waiting_for(connection, row.kind, row.key, before)
    woken = _wake(connection, waiting, now)
    version = mapping_rows.add(connection, row, request=key, author=author, reason=draft.reason, woken=woken, now=now)
    _tell_flows(connection, engine.configured.mapped(then).catalogue, row, now)
    audit.write(
        connection,
        author=author,
        action="map",
        record=f"mapping:{row.kind.value}:{row.key}",
        now=now,
        reason=draft.reason,
        value=row.value,
        before=before,
        version=str(version),
    )
    engine.map(made.row for made in mapping_rows.in_force(connection))
    return _told(True, f"{_named(row)} {_holding(then, row)} now.{_judged_again(woken)}", version, woken)


def _again(earlier: MappingRow, draft: MappingDraft) -> dict[str, Any]:
    asked = (draft.kind, draft.key, draft.value, draft.tender)
    row = earlier.row
    if asked != (row.kind.value, row.key, row.value, row.tender):
        raise ProblemError(409, f"This key was used for another row, version {earlier.version}: choose a new one.")
    return _told(False, f"This was done before: it is version {earlier.version}.", earlier.version, earlier.woken)


def _is_taken_back(connection: sqlite3.Connection, row: Row) -> bool:
    """Taking back a row that says what the configuration says changes no table, and yet who says it."""
    made = next((one for one in mapping_rows.in_force(connection) if _same_key(one.row, row)), None)
    return not row.value and made is not None and bool(made.row.value)


def _same_key(one: Row, other: Row) -> bool:
    return (one.kind, one.key) == (other.kind, other.key)


def _wake(connection: sqlite3.Connection, waiting: list[Waiting], now: Instant) -> int:
    """Have every order looked at again that waits for the row, and the books of those that are sold."""
    of_orders = [told for told in waiting if told.record_kind == "order"]
    orders = {told.record_id for told in of_orders}
    held = {told.record_id for told in of_orders if told.type in HOLDING}
    outbox.accept_all(connection, Flow.ORDERS, held, now=now)
    books.ask_all(connection, orders, now=now)
    return len(orders)


def _tell_flows(connection: sqlite3.Connection, rules: CatalogueRules, row: Row, now: Instant) -> None:
    """What was judged a moment ago by the rules before is judged again; what the row needs to be known is read."""
    facts.changed(connection)
    if row.kind is MappingKind.TAX:
        # Books that differ by the name of a tax rule alone are held against the rule that is right now.
        books.ask_all(connection, exceptions.open_ids(connection, "order", BOOKS_DIFFER), now=now)
    if row.kind not in _NO_RULES:
        outbox.accept(connection, Nudge(flow=Flow.CATALOGUE, subject=REFRESH, due_at=now), now=now)
    if row.kind is MappingKind.GIFT_CARDS:
        outbox.accept(connection, sku_nudge(row.key, now), now=now)
        settle_mapped(connection, rules, now=now)


def _named(row: Row) -> str:
    return f"{row.kind.value} {row.key}"


def _holding(mappings: Mappings, row: Row) -> str:
    value = _value(mappings, row)
    return f"is mapped to {value}" if value else "is mapped to nothing"


def _judged_again(woken: int) -> str:
    return f" Orders judged again: {woken}." if woken else ""


def _told(done: bool, message: str, version: int, orders: int) -> dict[str, Any]:
    return {"done": done, "message": message, "version": version, "orders": orders}
