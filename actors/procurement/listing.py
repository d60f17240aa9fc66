"""Reads Cin7 Core's list of purchases: what moved lately, and once a day all of it as far back as `history`.

Each message reads one page and commits it with its place. The list goes by number, and what is changed while it is
paged pushes others onto later pages, which are still to be read. A purchase that was taken away pulls another one onto
a page that was read: the next reading of all of them finds both, the one by its mark, the other by not meeting it.
"""

from __future__ import annotations

import sqlite3

import msgspec

from actors.core.actor import Done, Surroundings, clear_connection
from actors.domain.purchase import PurchaseMark, PurchasePage
from actors.domain.time import Instant
from actors.messages import Flow
from actors.procurement import nudges
from actors.procurement.nudges import PURCHASES
from actors.procurement.ports import PurchaseBook
from actors.procurement.rules import DAY, ProcurementRules
from storage import cursors, flows, outbox, purchases
from storage.cursors import Cursor

CURSOR = "purchases"
WHOLE_EVERY = DAY
OVERLAP = 300_000
"""`UpdatedSince` may be inclusive or not, and its clock is Cin7's: read this much again (milliseconds)."""

_OVER = ("COMPLETED", "VOIDED")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading stands. `page` 0: between two passes. `since` is what the pass asks for."""

    page: int = 0
    met: int = 0
    whole: bool = True
    since: Instant = 0
    began_at: Instant = 0
    whole_at: Instant = 0


class Lister:
    """Reads one page of a pass at a time."""

    def __init__(self, surroundings: Surroundings, *, book: PurchaseBook, rules: ProcurementRules) -> None:
        self._around = surroundings
        self._book = book
        self._rules = rules

    async def step(self) -> Done:
        """Read the next page; what moved is read whole by messages of its own."""
        place = await self._around.database.read(_read_place)
        if place.page == 0:
            place = self._begin(place, self._around.clock.now())
        page = await self._book.purchases(page=place.page, updated_since=place.since)
        last = page.met == 0 or place.met + page.met >= page.total

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "cin7", now=now)
            awaited = {mark.id for mark in page.marks if _is_awaited(mark)}
            for purchase_id in purchases.list_marks(connection, page.marks, again=place.whole, now=now):
                outbox.accept(connection, nudges.read(purchase_id, now, awaited=purchase_id in awaited), now=now)
            if last:
                self._end(connection, place, page, now)
            _write_place(connection, _after(place, last=last, met=page.met), now)

        due_at = self._around.clock.now() + (self._rules.refresh if last else 0)
        return Done(unit=unit, nudges=(nudges.nudge(PURCHASES, due_at),))

    def _begin(self, place: Place, now: Instant) -> Place:
        whole = place.whole_at == 0 or now - place.whole_at >= WHOLE_EVERY
        return Place(
            page=1,
            whole=whole,
            since=now - self._rules.history if whole else place.began_at - OVERLAP,
            began_at=now,
            whole_at=place.whole_at,
        )

    def _end(self, connection: sqlite3.Connection, place: Place, page: PurchasePage, now: Instant) -> None:
        flows.succeeded(connection, Flow.PROCUREMENT, now=now)
        # An empty page before Total is reached proves nothing of what was not met.
        if not place.whole or place.met + page.met < page.total:
            return
        missed = purchases.not_met(connection, before=place.began_at, updated_since=place.since)
        purchases.ask_again(connection, missed)
        for purchase_id in missed:
            outbox.accept(connection, nudges.read(purchase_id, now), now=now)


def begin_anew(connection: sqlite3.Connection, now: Instant) -> None:
    """Have the next pass read the whole list."""
    _write_place(connection, Place(), now)


def _is_awaited(mark: PurchaseMark) -> bool:
    return mark.status not in _OVER and mark.receiving != "FULLY RECEIVED"


def _after(place: Place, *, last: bool, met: int) -> Place:
    if not last:
        return msgspec.structs.replace(place, page=place.page + 1, met=place.met + met)
    whole_at = place.began_at if place.whole else place.whole_at
    return msgspec.structs.replace(place, page=0, met=0, whole_at=whole_at)


def _read_place(connection: sqlite3.Connection) -> Place:
    cursor = cursors.get(connection, CURSOR)
    return Place() if cursor is None else msgspec.json.decode(cursor.after_id, type=Place)


def _write_place(connection: sqlite3.Connection, place: Place, now: Instant) -> None:
    cursors.put(connection, CURSOR, Cursor(at=place.began_at, after_id=msgspec.json.encode(place).decode()), now=now)
