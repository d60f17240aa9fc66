"""Brings the mirror of Cin7's sales up to date and holds it against the list: in one call where both agree.

What one reading does not show is not gone yet: Cin7 may have answered with an empty list, or a short one, by mistake.
Where much would go, nothing does before a second reading of the whole list, at a later census, shows the same.
"""

from __future__ import annotations

import sqlite3

from actors.census.ports import SalesList
from actors.census.progress import CENSUS, DROPPING, MIDNIGHT, ORDERS, SALES_COUNT, WHOLE_LIST, Progress, keep
from actors.census.rules import PAGE, CensusRules, is_much, pages
from actors.census.sweeping import SALES, WHOLE, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.domain.sale import SalePage
from actors.domain.time import Instant
from actors.messages import Urgency
from storage import books, cursors, fulfilments, listed_sales, meta
from storage.listed_sales import Survey

WAIT = 5_000
"""Milliseconds until a census that waits for a sweep looks again."""

MOST_RETRIES = 1
"""So often the end of the list is read again before a `Total` that differs is believed."""

MOST_ROUNDS = 2
"""So often the whole list is read again before it is left as one that does not add up."""

MOST_DROPPED = 2_000
"""So many sales are forgotten in one unit: a tenth of a second in which nobody else writes."""

DOUBTED = "sales:doubted"
"""Counter in the file: when the last whole reading began that showed much less than the mirror (0: it did not)."""

UNSEEN = "sales:unseen"
"""Counter in the file: how many sales `Total` counts that no page of a whole reading showed (0: it adds up)."""

LEFT = "sales:left"
"""Counter in the file: by how many `Total` differed from the mirror after such a reading."""


class Mirror:
    """One step of a census at a time, until the orders are next."""

    def __init__(self, surroundings: Surroundings, *, sales: SalesList, rules: CensusRules) -> None:
        self._around = surroundings
        self._sales = sales
        self._rules = rules

    async def step(self, progress: Progress) -> Outcome:
        """Count by the end of the list, read the whole of it, or forget what it does not show any more."""
        if progress.step == SALES_COUNT:
            return await self._count(progress)
        if progress.step == WHOLE_LIST:
            return await self._read_whole(progress)
        return self._drop(progress)

    def _on(self, unit: Unit) -> Done:
        return Done(unit=unit, nudges=(nudge(CENSUS, self._around.clock.now()),))

    # -- by the end of the list ---------------------------------------------------------------------------------------

    async def _count(self, progress: Progress) -> Outcome:
        """Hold the mirror against the list by its end: one answer shows what came last, and how many there are."""
        around = self._around
        swept = await around.database.read(lambda connection: cursors.get(connection, SALES))
        if swept is None or swept.mark is None or swept.mark < progress.began:
            return Later(due_at=around.clock.now() + WAIT, reason="the sales are being read")
        if progress.kind == MIDNIGHT and not await self._was_read_whole(progress):
            return self._on(lambda connection, at: _begin_whole(connection, progress))
        known = await around.database.read(listed_sales.count)
        number = progress.page or max(1, pages(known))
        page = await self._sales_page(progress, number)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            self._store(connection, progress, page, at)
            progress.page = 0
            if number * PAGE < page.total:
                progress.page = number + 1
            else:
                _hold(connection, progress, page.total)
            keep(connection, progress)

        return self._on(unit)

    async def _was_read_whole(self, progress: Progress) -> bool:
        """Say whether the whole list was read just before: by the first sweep of all, or by another census."""
        read_at = await self._around.database.read(lambda connection: meta.counter(connection, WHOLE))
        return read_at > progress.began - self._rules.census

    # -- the whole list -----------------------------------------------------------------------------------------------

    async def _read_whole(self, progress: Progress) -> Done:
        """Read the list from its last page to its first; what no page shows is no more there.

        A sale that is taken out moves those behind it forward, onto pages still to be read, so none is skipped; those
        that come meanwhile come at the end, and the sweep brings them. Where it does not add up all the same, it is
        read on in the same way, and in the end nothing is taken for gone.
        """
        if not progress.page:
            return await self._find_the_end(progress)
        number = progress.page
        page = await self._sales_page(progress, number)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            self._store(connection, progress, page, at)
            progress.page = number - 1
            if not progress.page or progress.rounds:
                _see_if_whole(connection, progress, page.total)
            keep(connection, progress)

        return self._on(unit)

    async def _find_the_end(self, progress: Progress) -> Done:
        progress.began = self._around.clock.now()
        page = await self._sales_page(progress, 1, rows=1)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            progress.page, progress.total = max(1, pages(page.total)), page.total
            keep(connection, progress)

        return self._on(unit)

    def _drop(self, progress: Progress) -> Done:
        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if listed_sales.drop_unseen(connection, progress.unseen_since, most=MOST_DROPPED) < MOST_DROPPED:
                progress.step = ORDERS
            keep(connection, progress)

        return self._on(unit)

    async def _sales_page(self, progress: Progress, number: int, *, rows: int = PAGE) -> SalePage:
        progress.calls += 1
        return await self._sales.listed_sales(
            page=number, created_since=self._rules.created_since, updated_since=None, rows=rows
        )

    def _store(self, connection: sqlite3.Connection, progress: Progress, page: SalePage, now: Instant) -> None:
        clear_connection(connection, "cin7", now=now)
        listed_sales.store(connection, page.sales, reading=progress.began, now=now)
        # What moved lately was swept: this finds what was left behind, and that waits for the other.
        fulfilments.stir(connection, (sale.id for sale in page.sales), now=now, urgency=Urgency.FRESH)
        books.stir(connection, (sale.id for sale in page.sales), now=now)


def _hold(connection: sqlite3.Connection, progress: Progress, total: int) -> None:
    """Hold the mirror against `Total`."""
    left = total - listed_sales.count(connection)
    if meta.counter(connection, UNSEEN) and left == meta.counter(connection, LEFT):
        # It did not add up when all of it was read, and differs by as much as then: reading it again shows nothing.
        progress.step, progress.whole = ORDERS, False
    elif not left:
        _adds_up(connection)
        meta.set_counter(connection, DOUBTED, 0)
        progress.step = ORDERS
    elif progress.retries < MOST_RETRIES:
        progress.retries += 1  # a sale that was swept while this was asked for
    else:
        _begin_whole(connection, progress)


def _begin_whole(connection: sqlite3.Connection, progress: Progress) -> None:
    progress.step, progress.page, progress.rounds = WHOLE_LIST, 0, 0
    keep(connection, progress)


def _see_if_whole(connection: sqlite3.Connection, progress: Progress, total: int) -> None:
    seen = listed_sales.survey(connection, progress.began, doubted=meta.counter(connection, DOUBTED))
    unseen, fell = total - seen.seen, is_much(progress.total - total, progress.total)
    if unseen <= 0 and not fell:
        _adds_up(connection)
        _believe(connection, progress, seen)
    elif progress.page:
        return
    elif progress.rounds < MOST_ROUNDS and (fell or unseen != meta.counter(connection, UNSEEN)):
        progress.page, progress.rounds, progress.total = pages(total), progress.rounds + 1, total
    else:
        meta.set_counter(connection, UNSEEN, 0 if fell else unseen)
        meta.set_counter(connection, LEFT, total - seen.count)
        progress.step, progress.whole = ORDERS, False


def _adds_up(connection: sqlite3.Connection) -> None:
    meta.set_counter(connection, UNSEEN, 0)
    meta.set_counter(connection, LEFT, 0)


def _believe(connection: sqlite3.Connection, progress: Progress, seen: Survey) -> None:
    """Let go what the list does not show any more; where that is much, only what it did not show before either."""
    doubted = meta.counter(connection, DOUBTED)
    progress.page, progress.step, progress.unseen_since = 0, DROPPING, progress.began
    gone = seen.count - seen.seen
    if is_much(seen.missed, seen.count) or (seen.missed and not seen.seen):
        meta.set_counter(connection, DOUBTED, progress.began)
        progress.whole, progress.unseen_since, gone = False, doubted, gone - seen.missed
    else:
        meta.set_counter(connection, DOUBTED, 0)
        meta.set_counter(connection, WHOLE, progress.began)
    if not gone:
        progress.step = ORDERS
