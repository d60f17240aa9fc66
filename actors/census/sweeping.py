"""Reads Cin7 Core's lists of sales and credit notes: what moved lately, and now and then all of it.

The list goes up by document number and cannot be sorted, and rows move while it is paged (Cin7 fact sheet §1.5). Each
message reads one page and commits it with its place. Rows are told apart by id; a pass whose rows do not add up to
`Total` is read once more, and the next pass overlaps it anyway.
"""

from __future__ import annotations

import sqlite3

from actors.census.ports import SalesList
from actors.census.rules import PAGE, CensusRules
from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.domain.sale import SalePage
from actors.domain.time import Instant
from actors.messages import Flow, Nudge, Urgency
from storage import cursors, flows, listed_sales, meta
from storage.cursors import Cursor

SALES = "sales"
CREDIT_NOTES = "credit-notes"

AGAIN = "sales:again"
"""Counter in the file: how often the pass under way was begun again because its rows did not add up."""

MOST_REPEATS = 2


class SaleSweeper:
    """Reads one page of a pass at a time. `mark` of its cursor: every movement before it is in the mirror."""

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
        if stored is not None and stored.until is None and now < stored.at + self._rules.pause:
            # A storm of webhooks must not eat the calls: one pass finds whatever moved.
            return Later(due_at=stored.at + self._rules.pause, reason="read a moment ago")
        began, number = (now, 1) if stored is None or stored.until is None else (stored.until, int(stored.after_id))
        mark = stored.mark if stored is not None else None
        page = await self._sales.listed_sales(
            page=number,
            created_since=self._rules.created_since,
            updated_since=None if mark is None else mark - self._rules.overlap,
            rows=PAGE,
        )
        last = is_last(page, number)
        ended_at = self._around.clock.now()

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            listed_sales.store(connection, page.sales, reading=began, now=at)
            if not last:
                place = Cursor(at=began, after_id=str(number + 1), until=began, mark=mark)
                cursors.put(connection, SALES, place, now=at)
                return
            again = meta.counter(connection, AGAIN)
            whole = listed_sales.count_read(connection, began) >= page.total or again >= MOST_REPEATS
            meta.set_counter(connection, AGAIN, 0 if whole else again + 1)
            # Without a mark that moves, the next pass reads the same rows again.
            place = Cursor(at=ended_at, mark=began if whole else mark)
            cursors.put(connection, SALES, place, now=at)
            flows.succeeded(connection, Flow.CENSUS, now=at)

        pause = self._rules.sweep if last else 0
        return Done(unit=unit, nudges=(nudge(SALES, ended_at + pause),))

    async def _credit_notes(self) -> Done:
        """A credit note moves its sale, which the list of sales may not show."""
        now = self._around.clock.now()
        stored = await self._around.database.read(lambda connection: cursors.get(connection, CREDIT_NOTES))
        began, number = (now, 1) if stored is None or stored.until is None else (stored.until, int(stored.after_id))
        mark = stored.mark if stored is not None else None
        since = self._rules.created_since if mark is None else mark - self._rules.overlap
        page = await self._sales.credit_notes(page=number, updated_since=since)
        last = page.rows < PAGE or number * PAGE >= page.total

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            for note in page.notes:
                if mark is not None and (note.updated is None or note.updated > mark):
                    listed_sales.touch(connection, note.sale_id, now=at)
            place = Cursor(at=began, mark=began)
            if not last:
                place = Cursor(at=began, after_id=str(number + 1), until=began, mark=mark)
            cursors.put(connection, CREDIT_NOTES, place, now=at)

        pause = self._rules.credit_notes if last else 0
        return Done(unit=unit, nudges=(nudge(CREDIT_NOTES, self._around.clock.now() + pause),))


def is_last(page: SalePage, number: int) -> bool:
    """Say whether a page is the last one: it is not full, or `Total` says so."""
    return page.rows < PAGE or number * PAGE >= page.total


def nudge(subject: str, due_at: Instant) -> Nudge:
    """What keeps the lists read."""
    return Nudge(flow=Flow.CENSUS, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)
