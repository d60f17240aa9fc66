"""Reads one purchase whole and keeps what follows from it: what it still brings, what its goods cost, what is wrong.

A purchase that Cin7 Core refuses to show, or shows in a way that makes no sense, is an exception of its own: the others
go on. One that is gone leaves nothing behind.
"""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Surroundings, clear_connection
from actors.domain.errors import Missing, Rejected
from actors.domain.exception_types import Finding
from actors.domain.landed_cost import expected, landed_costs
from actors.domain.posting import PostingRules
from actors.domain.purchase import Purchase, PurchaseKind, PurchaseMark
from actors.domain.time import Instant
from actors.procurement import nudges
from actors.procurement.judging import TYPES, judge, record_of
from actors.procurement.nudges import MARGINS
from actors.procurement.ports import PurchaseBook
from actors.procurement.rules import ProcurementRules
from storage import demand, exceptions, facts, margins, outbox, purchases
from storage.purchases import Moved, PurchaseRow

UNREADABLE = "purchase_unreadable"


class Reader:
    """Reads the purchases that wait to be read."""

    def __init__(
        self, surroundings: Surroundings, *, book: PurchaseBook, rules: ProcurementRules, posting: PostingRules
    ) -> None:
        self._around = surroundings
        self._book = book
        self._rules = rules
        self._posting = posting

    async def read(self, purchase_id: str) -> Done:
        """Read a purchase, unless it was read since somebody asked for it."""
        row, currency = await self._around.database.read(lambda connection: _known(connection, purchase_id))
        if row is None or row.read_at is not None:
            return Done()
        try:
            found = await self._book.read_purchase(_mark(row, currency))
        except Missing:
            return Done(unit=lambda connection, now: _remove(connection, row, now))
        except Rejected as error:
            refused = error
            return Done(unit=lambda connection, now: _not_understood(connection, row, refused, now))
        return self._keep(row, found)

    def _keep(self, row: PurchaseRow, found: Purchase) -> Done:
        costs, brings = landed_costs(found), expected(found)  # out of the commit's way: lines may be many

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "cin7", now=now)
            moved = purchases.store(connection, found, listed=row.updated_at, costs=costs, brings=brings, now=now)
            exceptions.clear(connection, record_of(row), resolution="it was read", now=now, types=(UNREADABLE,))
            judge(connection, found, rules=self._rules, posting=self._posting, now=now)
            _stir(connection, row, moved, now)

        return Done(unit=unit)


def _known(connection: sqlite3.Connection, purchase_id: str) -> tuple[PurchaseRow | None, str]:
    company = facts.company(connection)
    return purchases.get(connection, purchase_id), company.currency if company is not None else ""


def _mark(row: PurchaseRow, currency: str) -> PurchaseMark:
    return PurchaseMark(
        id=row.id,
        number=row.number,
        kind=PurchaseKind(row.kind),
        status=row.status,
        supplier=row.supplier,
        currency=row.currency,
        base_currency=currency,
        updated_at=row.updated_at,
    )


def _remove(connection: sqlite3.Connection, row: PurchaseRow, now: Instant) -> None:
    clear_connection(connection, "cin7", now=now)
    moved = purchases.remove(connection, row.id)
    exceptions.clear(connection, record_of(row), resolution="the purchase is gone", now=now, types=(UNREADABLE, *TYPES))
    _stir(connection, row, moved, now)


def _not_understood(connection: sqlite3.Connection, row: PurchaseRow, error: Rejected, now: Instant) -> None:
    purchases.not_understood(connection, row.id, listed=row.updated_at, now=now)
    finding = Finding(
        code=UNREADABLE,
        cause=f"Purchase {row.number} cannot be read: {error.in_words()}",
        group=f"{UNREADABLE}:{error.reason}",
        facts={"purchase": row.number, "reason": error.reason, "detail": error.detail},
    )
    exceptions.raise_finding(connection, record_of(row), finding, now=now)


def _stir(connection: sqlite3.Connection, row: PurchaseRow, moved: Moved, now: Instant) -> None:
    """Other flows and figures follow: the date a SKU is expected at, and what it earns."""
    demand.stir(connection, moved.expected, now=now)
    if moved.costed:
        margins.purchase_moved(connection, row.id, row.number, moved.costed)
        outbox.accept(connection, nudges.nudge(MARGINS, now), now=now)
