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

from actors.census import judging
from actors.census.judging import Found, Judge, Some
from actors.census.mirror import WAIT, Mirror
from actors.census.ports import OrderCount, SalesList
from actors.census.progress import CENSUS, CONCLUSION, HOURLY, MIDNIGHT, OF_THE_MIRROR, Progress, keep
from actors.census.rules import LISTED, SPAN, CensusRules, Span, next_midnight, spans
from actors.census.sweeping import SALES, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.domain.exception_types import Finding
from actors.domain.facts import Company
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.time import Instant, date_in_zone, format_instant
from storage import census, cursors, facts, listed_sales, meta, outbox

__all__ = ["CENSUS", "COMPLETE", "Census"]

OF_SALES = frozenset({Found.SALES, Found.ORPHANS})
"""What is not judged in shadow mode."""

COMPLETE = "sweep:complete"
"""The sweep of the intake flow whose mark says until when every order is known."""

_UNKNOWN = Company(name="", currency="", time_zone="")
"""The company while Cin7 was not asked yet: the zone may be configured all the same."""


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
        self._orders = orders
        self._rules = rules
        self._posting = posting
        self._mirror = Mirror(surroundings, sales=sales, rules=rules)
        self._judge = Judge(rules, order_reference=posting.order_reference)

    async def step(self) -> Outcome:
        """Take the next step of the census under way, or begin one."""
        stored = await self._around.database.read(lambda connection: meta.text(connection, census.UNDERWAY))
        if not stored:
            return await self._begin()
        progress = msgspec.json.decode(stored, type=Progress)
        if progress.step in OF_THE_MIRROR:
            return await self._mirror.step(progress)
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
            keep(connection, progress)

        return self._on(unit)

    def _zone(self, connection: sqlite3.Connection) -> tzinfo:
        """The books' zone; UTC while it is not known."""
        zone = zone_of(facts.company(connection) or _UNKNOWN, self._posting)
        return UTC if isinstance(zone, Finding) else zone

    def _on(self, unit: Unit) -> Done:
        return Done(unit=unit, nudges=(nudge(CENSUS, self._around.clock.now()),))

    # -- commercetools' orders ----------------------------------------------------------------------------------------

    async def _span(self, progress: Progress) -> Done:
        span = progress.spans[0]
        return await (self._list(progress, span) if span.listed else self._count(progress, span))

    async def _count(self, progress: Progress, span: Span) -> Done:
        count = await self._orders.count_orders(span.start, span.end)
        known = await self._around.database.read(lambda c: census.count_there(c, span.start, span.end))
        progress.calls += 1

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "count_orders", now=at)
            if known == count:
                progress.commercetools += count
                progress.spans.pop(0)
            else:
                progress.spans[0] = Span(start=span.start, end=span.end, listed=True)
            keep(connection, progress)

        return self._on(unit)

    async def _list(self, progress: Progress, span: Span) -> Done:
        after = progress.after_id
        page = await self._orders.listed_orders(span.start, span.end, after_id=after, limit=LISTED)
        progress.calls += 1

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "list_orders", now=at)
            until = None if len(page) < LISTED else page[-1].id
            ours = census.ids(connection, span.start, span.end, after=after, until=until, limit=LISTED)
            if len(ours) == LISTED:
                # There may be more of ours that the page does not show: they are compared with the next one.
                until = ours[-1]
            listed = page if until is None else [order for order in page if order.id <= until]
            self._judge.compare(connection, listed, frozenset(ours), at)
            progress.commercetools += len(listed)
            progress.after_id = until or ""
            if until is None:
                progress.spans.pop(0)
            keep(connection, progress)

        return self._on(unit)

    # -- judging ------------------------------------------------------------------------------------------------------

    async def _judge_some(self, progress: Progress) -> Done:
        """Judge what some of the sales say about our orders: so many at a time that nobody waits for the file."""
        read = await self._read_some(progress)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if not self._rules.shadow:
                self._judge.judge_sales(connection, read.asked, began=progress.began, whole=progress.whole, now=at)
                self._judge.judge_orphans(connection, read.orphans, at)
            progress.orders_with_sale += read.orders_with_sale
            progress.cin7 += read.ours
            progress.after_id = read.until
            progress.some = min(judging.CHUNK, 2 * progress.some)
            if read.until == listed_sales.LAST:
                progress.step, progress.after_id = CONCLUSION, ""
                progress.found = [what for what in Found if not self._rules.shadow or what not in OF_SALES]
            keep(connection, progress)

        return self._on(unit)

    async def _read_some(self, progress: Progress) -> Some:
        """Look through the next sales: fewer of them where more orders are in question than one unit may judge."""
        after, most = progress.after_id, progress.some or judging.CHUNK
        while True:
            read = self._around.database.read
            some = await read(lambda connection: self._judge.read(connection, after, progress.end, most))  # noqa: B023
            if most == 1 or len(some.asked) + len(some.orphans) <= judging.MOST:
                progress.some = most
                return some
            most //= 2

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
            keep(connection, progress)

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
