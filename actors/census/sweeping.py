"""Reads Cin7 Core's lists of sales and credit notes: what moved lately; the very first time, all of it.

The list goes up by document number and cannot be sorted, and rows move while it is paged (Cin7 fact sheet §1.5). Each
message reads one page and commits it with its place. Rows are told apart by id. Sales that join the list while it is
paged push others onto later pages, which are still to be read: nothing is skipped, and who joined is found by the next
pass, for that begins before this one began. A sale that leaves the list pulls another one onto a page that was read
already; `Total` then shrinks, or does not add up, and the pass is read once more.
"""

from __future__ import annotations

import sqlite3

import msgspec

from actors.census.ports import SalesList
from actors.census.rules import PAGE, CensusRules
from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.domain.sale import CreditNotePage, SalePage
from actors.domain.time import Instant
from actors.messages import Flow, Nudge, Urgency
from storage import books, cursors, flows, fulfilments, listed_sales, meta
from storage.cursors import Cursor

SALES = "sales"
CREDIT_NOTES = "credit-notes"

AGAIN = "sales:again"
"""Counter in the file: how often the pass under way was begun again because its rows did not add up."""

WHOLE = "sales:whole"
"""Counter in the file: when the last reading of the whole list began (0: there was none)."""

MOST_REPEATS = 2


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """A pass under way. `since` None: it reads everything. `most` is the largest Total that a page of it showed."""

    began: Instant
    since: Instant | None
    page: int = 1
    most: int = 0


class SaleSweeper:
    """Reads one page of a pass at a time. `mark` of its cursor: every movement before it is in the mirror.

    While a pass is under way the cursor's `at` is from when on it reads (0: everything), `after_id` its page and the
    largest Total, and `until` when it began. Between two passes `at` is when the last one ended.
    """

    def __init__(self, surroundings: Surroundings, *, sales: SalesList, rules: CensusRules) -> None:
        self._around = surroundings
        self._sales = sales
        self._rules = rules

    async def sweep(self, subject: str) -> Outcome:
        """Read one page of the sales or credit notes that moved."""
        return await (self._read_sales() if subject == SALES else self._credit_notes())

    async def _read_sales(self) -> Outcome:
        now = self._around.clock.now()
        stored = await self._around.database.read(lambda connection: cursors.get(connection, SALES))
        if stored is not None and stored.until is None and 0 <= now - stored.at < self._rules.pause:
            # A storm of webhooks must not eat the calls: one pass finds whatever moved.
            return Later(due_at=stored.at + self._rules.pause, reason="read a moment ago")
        under_way = self._pass(stored, now)
        page = await self._sales.listed_sales(
            page=under_way.page, created_since=self._rules.created_since, updated_since=under_way.since, rows=PAGE
        )
        last = is_last(page, under_way.page)
        ended_at = self._around.clock.now()

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            listed_sales.store(connection, page.sales, reading=under_way.began, now=at, since=under_way.since)
            fulfilments.stir(connection, (sale.id for sale in page.sales), now=at)
            books.stir(connection, (sale.id for sale in page.sales), now=at)
            if cursors.get(connection, SALES) != stored:
                return  # somebody had it read from earlier on: that pass is begun, and this page is not lost
            if not last:
                cursors.put(connection, SALES, _place(under_way, page, stored), now=at)
                return
            self._end(connection, under_way, page, stored, at)

        return Done(unit=unit, nudges=(nudge(SALES, ended_at + (self._rules.sweep if last else 0)),))

    def _pass(self, stored: Cursor | None, now: Instant) -> Pass:
        """Go on with the pass under way, or begin one."""
        # A clock that was ahead for a while left a mark that lies in the future.
        mark = min(stored.mark, now) if stored is not None and stored.mark is not None else None
        if stored is None or stored.until is None:
            return Pass(began=now, since=None if mark is None else mark - self._rules.overlap)
        page, _, most = stored.after_id.partition("/")
        return Pass(began=stored.until, since=stored.at or None, page=int(page or 1), most=int(most or 0))

    def _end(
        self, connection: sqlite3.Connection, ended: Pass, page: SalePage, stored: Cursor | None, now: Instant
    ) -> None:
        """End a pass. Where rows may have been skipped its mark does not move, so the next one reads them again."""
        again = meta.counter(connection, AGAIN)
        skipped = page.total < ended.most or listed_sales.count_read(connection, ended.began) < page.total
        whole = not skipped or again >= MOST_REPEATS
        meta.set_counter(connection, AGAIN, 0 if whole else again + 1)
        mark = ended.began if whole else stored.mark if stored is not None else None
        cursors.put(connection, SALES, Cursor(at=now, mark=mark), now=now)
        if whole and ended.since is None:
            meta.set_counter(connection, WHOLE, ended.began)
        flows.succeeded(connection, Flow.CENSUS, now=now)

    # -- credit notes -------------------------------------------------------------------------------------------------

    async def _credit_notes(self) -> Done:
        """A credit note moves its sale, of which the list of sales shows no more than one word for all of them."""
        now = self._around.clock.now()
        stored = await self._around.database.read(lambda connection: cursors.get(connection, CREDIT_NOTES))
        under_way = self._pass(stored, now)
        if under_way.since is None:
            # What was credited before anybody looked moves nothing now.
            under_way = msgspec.structs.replace(under_way, since=now - self._rules.overlap)
        assert under_way.since is not None  # noqa: S101
        page = await self._sales.credit_notes(page=under_way.page, updated_since=under_way.since)
        last = is_last(page, under_way.page)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            for note in page.notes:
                if listed_sales.note_credit(connection, note, now=at):
                    fulfilments.stir(connection, (note.sale_id,), now=at)
            place = Cursor(at=at, mark=under_way.began) if last else _place(under_way, page, stored)
            cursors.put(connection, CREDIT_NOTES, place, now=at)

        pause = self._rules.credit_notes if last else 0
        return Done(unit=unit, nudges=(nudge(CREDIT_NOTES, self._around.clock.now() + pause),))


def _place(read: Pass, page: SalePage | CreditNotePage, stored: Cursor | None) -> Cursor:
    """Where a pass is after a page that was not its last."""
    return Cursor(
        at=read.since or 0,
        after_id=f"{read.page + 1}/{max(read.most, page.total)}",
        until=read.began,
        mark=stored.mark if stored is not None else None,
    )


def is_last(page: SalePage | CreditNotePage, number: int) -> bool:
    """Say whether a page is the last one: it is not full, or `Total` says so."""
    return page.rows < PAGE or number * PAGE >= page.total


def nudge(subject: str, due_at: Instant) -> Nudge:
    """What keeps the lists read."""
    return Nudge(flow=Flow.CENSUS, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)
