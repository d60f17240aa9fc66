"""Counts both sides against each other, and names by their ids whatever does not match.

A census goes in steps, one message each, and its place is in the file: first the mirror of Cin7's sales is brought up
to date and held against `Total`, in one call where it agrees; then the orders of commercetools, span by span, by one
count where it equals ours and by ids where it does not. The one at midnight lists both sides whole. Then everything is
judged, so many sales at a time.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, tzinfo

import msgspec

from actors.census.judging import Found, Judge
from actors.census.ports import OrderCount, SalesList
from actors.census.rules import LISTED, PAGE, SPAN, CensusRules, Span, next_midnight, pages, spans
from actors.census.sweeping import SALES, WHOLE, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.domain.exception_types import Finding
from actors.domain.facts import Company
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.sale import SalePage
from actors.domain.time import Instant, date_in_zone, format_instant
from storage import census, cursors, facts, listed_sales, meta, outbox

CENSUS = "census"

WAIT = 5_000
"""Milliseconds until a census that waits for a sweep looks again."""

MOST_RETRIES = 1
"""So often the end of the list is read again before a `Total` that differs is believed."""

MOST_ROUNDS = 2
"""So often the whole list is read again before it is left as one that does not add up."""

HOURLY = "hourly"
MIDNIGHT = "midnight"

SALES_COUNT = "sales"
WHOLE_LIST = "whole list"
ORDERS = "orders"
CONCLUSION = "conclusion"

OF_SALES = frozenset({Found.SALES, Found.ORPHANS})
"""What is not judged in shadow mode."""

COMPLETE = "sweep:complete"
"""The sweep of the intake flow whose mark says until when every order is known."""

_UNKNOWN = Company(name="", currency="", time_zone="")
"""The company while Cin7 was not asked yet: the zone may be configured all the same."""


class Progress(msgspec.Struct, kw_only=True):
    """How far a census is. `began`: when the list of sales that is judged by began to be read.

    `page` is the next page of that list (0: to be found out), `rounds` how often the whole of it was read again,
    `whole` whether a sale that the mirror does not hold is certainly not there. `after_id` is the order or the sale
    after which is read on, `found` what of the findings before is still to be gone through. `calls` counts both sides'.
    """

    kind: str
    began: int
    end: int
    step: str = SALES_COUNT
    page: int = 0
    retries: int = 0
    rounds: int = 0
    whole: bool = True
    spans: list[Span] = []
    after_id: str = ""
    found: list[Found] = []
    commercetools: int = 0
    orders_with_sale: int = 0
    cin7: int = 0
    calls: int = 0


class Census:
    """One step at a time."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        sales: SalesList,
        orders: OrderCount,
        rules: CensusRules,
        posting: PostingRules,
    ) -> None:
        self._around = surroundings
        self._sales = sales
        self._orders = orders
        self._rules = rules
        self._posting = posting
        self._judge = Judge(rules, order_reference=posting.order_reference)

    async def step(self) -> Outcome:
        """Take the next step of the census under way, or begin one."""
        stored = await self._around.database.read(lambda connection: meta.text(connection, census.UNDERWAY))
        if not stored:
            return await self._begin()
        progress = msgspec.json.decode(stored, type=Progress)
        if progress.step == SALES_COUNT:
            return await self._count_sales(progress)
        if progress.step == WHOLE_LIST:
            return await self._read_whole(progress)
        if progress.spans:
            return await self._span(progress)
        return await (self._settle(progress) if progress.step == CONCLUSION else self._judge_some(progress))

    # -- beginning ----------------------------------------------------------------------------------------------------

    async def _begin(self) -> Outcome:
        now = self._around.clock.now()
        known = await self._around.database.read(lambda connection: cursors.get(connection, COMPLETE))
        if known is None or known.mark is None:
            return Later(due_at=now + WAIT, reason="the orders were never read whole")
        end = known.mark - self._rules.margin
        zone = await self._around.database.read(self._zone)
        today = date_in_zone(now, zone).isoformat()
        last = await self._around.database.read(lambda connection: meta.text(connection, census.MIDNIGHT))
        kind = MIDNIGHT if last != today else HOURLY
        cuts = await self._around.database.read(
            lambda connection: census.cuts(connection, self._rules.since, end, every=SPAN)
        )
        progress = Progress(
            kind=kind,
            began=now,
            end=end,
            spans=list(spans(self._rules.since, end, cuts, whole=kind == MIDNIGHT)),
        )

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if kind == MIDNIGHT:
                meta.set_text(connection, census.MIDNIGHT, today)
            outbox.accept(connection, nudge(SALES, at), now=at)
            _keep(connection, progress)

        return self._on(unit)

    def _zone(self, connection: sqlite3.Connection) -> tzinfo:
        """The books' zone; UTC while it is not known."""
        zone = zone_of(facts.company(connection) or _UNKNOWN, self._posting)
        return UTC if isinstance(zone, Finding) else zone

    def _on(self, unit: Unit, *, after: int = 0) -> Done:
        return Done(unit=unit, nudges=(nudge(CENSUS, self._around.clock.now() + after),))

    # -- Cin7's sales -------------------------------------------------------------------------------------------------

    async def _count_sales(self, progress: Progress) -> Outcome:
        """Hold the mirror against the list by its end: one answer shows what came last, and how many there are."""
        around = self._around
        swept = await around.database.read(lambda connection: cursors.get(connection, SALES))
        if swept is None or swept.mark is None or swept.mark < progress.began:
            return Later(due_at=around.clock.now() + WAIT, reason="the sales are being read")
        if progress.kind == MIDNIGHT and not await self._was_read_whole(progress):
            return self._on(lambda connection, at: self._begin_whole(connection, progress))
        known = await around.database.read(listed_sales.count)
        number = progress.page or max(1, pages(known))
        page = await self._sales_page(progress, number)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            self._store(connection, progress, page, at)
            progress.page = 0
            if number * PAGE < page.total:
                progress.page = number + 1
            elif listed_sales.count(connection) == page.total:
                progress.step = ORDERS
            elif progress.retries < MOST_RETRIES:
                progress.retries += 1  # a sale that was swept while this was asked for
            else:
                self._begin_whole(connection, progress)
                return
            _keep(connection, progress)

        return self._on(unit)

    async def _was_read_whole(self, progress: Progress) -> bool:
        """Say whether the whole list was read just before: by the first sweep of all, or by another census."""
        read_at = await self._around.database.read(lambda connection: meta.counter(connection, WHOLE))
        return read_at > progress.began - self._rules.census

    def _begin_whole(self, connection: sqlite3.Connection, progress: Progress) -> None:
        progress.step, progress.page, progress.rounds = WHOLE_LIST, 0, 0
        _keep(connection, progress)

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
                self._see_if_whole(connection, progress, page.total)
            _keep(connection, progress)

        return self._on(unit)

    def _see_if_whole(self, connection: sqlite3.Connection, progress: Progress, total: int) -> None:
        if listed_sales.count_seen(connection, progress.began) >= total:
            listed_sales.drop_unseen(connection, progress.began)
            meta.set_counter(connection, WHOLE, progress.began)
            progress.step, progress.page = ORDERS, 0
        elif not progress.page and progress.rounds == MOST_ROUNDS:
            progress.step, progress.whole = ORDERS, False
        elif not progress.page:
            progress.page, progress.rounds = pages(total), progress.rounds + 1

    async def _find_the_end(self, progress: Progress) -> Done:
        progress.began = self._around.clock.now()
        page = await self._sales_page(progress, 1, rows=1)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            progress.page = max(1, pages(page.total))
            _keep(connection, progress)

        return self._on(unit)

    async def _sales_page(self, progress: Progress, number: int, *, rows: int = PAGE) -> SalePage:
        progress.calls += 1
        return await self._sales.listed_sales(
            page=number, created_since=self._rules.created_since, updated_since=None, rows=rows
        )

    def _store(self, connection: sqlite3.Connection, progress: Progress, page: SalePage, now: Instant) -> None:
        clear_connection(connection, "cin7", now=now)
        listed_sales.store(connection, page.sales, reading=progress.began, now=now)

    # -- commercetools' orders ----------------------------------------------------------------------------------------

    async def _span(self, progress: Progress) -> Done:
        span = progress.spans[0]
        return await (self._list(progress, span) if span.listed else self._count(progress, span))

    async def _count(self, progress: Progress, span: Span) -> Done:
        count = await self._orders.count_orders(span.start, span.end)
        progress.calls += 1

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "count_orders", now=at)
            if census.count_there(connection, span.start, span.end) == count:
                progress.commercetools += count
                progress.spans.pop(0)
            else:
                progress.spans[0] = Span(start=span.start, end=span.end, listed=True)
            _keep(connection, progress)

        return self._on(unit)

    async def _list(self, progress: Progress, span: Span) -> Done:
        after = progress.after_id
        page = await self._orders.listed_orders(span.start, span.end, after_id=after, limit=LISTED)
        progress.calls += 1
        last = len(page) < LISTED

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "list_orders", now=at)
            until = None if last else page[-1].id
            ours = census.ids(connection, span.start, span.end, after=after, until=until)
            self._judge.compare(connection, page, ours, at)
            progress.commercetools += len(page)
            progress.after_id = "" if last else page[-1].id
            if last:
                progress.spans.pop(0)
            _keep(connection, progress)

        return self._on(unit)

    # -- judging ------------------------------------------------------------------------------------------------------

    async def _judge_some(self, progress: Progress) -> Done:
        """Judge what some of the sales say about our orders: so many at a time that nobody waits for the file."""
        after = progress.after_id
        read = await self._around.database.read(lambda connection: self._judge.read(connection, after, progress.end))

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if not self._rules.shadow:
                self._judge.judge_sales(connection, read.asked, began=progress.began, whole=progress.whole, now=at)
                self._judge.judge_orphans(connection, read.orphans, at)
            progress.orders_with_sale += read.orders_with_sale
            progress.cin7 += read.ours
            progress.after_id = read.until
            if read.until == listed_sales.LAST:
                progress.step, progress.after_id = CONCLUSION, ""
                progress.found = [what for what in Found if not self._rules.shadow or what not in OF_SALES]
            _keep(connection, progress)

        return self._on(unit)

    async def _settle(self, progress: Progress) -> Done:
        """What was found before may be no more in question: it is gone through, so many at a time, and concluded."""
        while progress.found:
            what, after = progress.found[0], progress.after_id
            read = self._around.database.read
            records = await read(lambda connection: self._judge.found_before(connection, what, after))  # noqa: B023
            if records:
                return self._settle_some(progress, what, records)
            progress.found, progress.after_id = progress.found[1:], ""
        return await self._conclude(progress)

    def _settle_some(self, progress: Progress, what: Found, records: list[str]) -> Done:
        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if what is Found.SALES:
                self._judge.judge_sales(connection, records, began=progress.began, whole=progress.whole, now=at)
            else:
                self._judge.settle(connection, what, records, at)
            progress.after_id = records[-1]
            _keep(connection, progress)

        return self._on(unit)

    async def _conclude(self, progress: Progress) -> Done:
        span = (self._rules.since, progress.end)
        known, gone = await self._around.database.read(
            lambda connection: (census.count_known(connection, *span), census.count_gone(connection, *span))
        )

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            taken = {
                "taken_at": format_instant(at),
                "kind": progress.kind,
                "until": format_instant(progress.end),
                "commercetools": progress.commercetools,
                "tallyd": known,
                "deleted_in_commercetools": gone,
                "unreadable": len(census.open_records(connection, "order", "order_unreadable")),
                "orders_with_sale": progress.orders_with_sale,
                "cin7": progress.cin7,
                "cin7_read_whole": progress.whole,
                "findings": census.findings(connection),
                "calls": progress.calls,
            }
            meta.set_text(connection, census.TAKEN, msgspec.json.encode(taken).decode())
            meta.set_text(connection, census.UNDERWAY, "")
            due_at = min(at + self._rules.census, next_midnight(at, self._zone(connection)))
            outbox.accept(connection, nudge(CENSUS, due_at), now=at)

        def after() -> None:
            self._around.log("census.taken", kind=progress.kind, calls=progress.calls)

        return Done(unit=unit, after=after)


def _keep(connection: sqlite3.Connection, progress: Progress) -> None:
    meta.set_text(connection, census.UNDERWAY, msgspec.json.encode(progress).decode())
