"""Counts both sides against each other, and names by their ids whatever does not match.

A census goes in steps, one message each, and its place is in the file: first the mirror of Cin7's sales is brought up
to date and held against `Total`, in one call where it agrees; then the orders of commercetools, span by span, by one
count where it equals ours and by ids where it does not. The one at midnight lists both sides whole. Then everything is
judged in one unit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, tzinfo

import msgspec

from actors.census.ports import OrderCount, SalesList
from actors.census.rules import LISTED, PAGE, SPAN, CensusRules, Span, next_midnight, spans
from actors.census.sweeping import SALES, is_last, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.domain.census import KINDS, CarryingSale, KnownOrder, is_settled, judge, orphan
from actors.domain.exception_types import Finding
from actors.domain.feed import OrderMark
from actors.domain.order_state import OrderState
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.time import Instant, date_in_zone, format_instant
from actors.messages import Flow, Nudge, Urgency
from storage import census, cursors, exceptions, facts, listed_sales, meta, orders, outbox
from storage.exceptions import Record

CENSUS = "census"

WAIT = 5_000
"""Milliseconds until a census that waits for a sweep looks again."""

MOST_RETRIES = 2
"""So often the sales are read on before a `Total` that differs is believed."""

COMPLETE = "sweep:complete"
"""The sweep of the intake flow whose mark says until when every order is known."""

_Zone = tzinfo


class Progress(msgspec.Struct, kw_only=True):
    """How far a census is. `page` counts pages of a whole reading of the sales; 0: none is under way."""

    kind: str
    began: int
    end: int
    step: str = "sales"
    page: int = 0
    retries: int = 0
    spans: list[Span] = []
    after_id: str = ""
    commercetools: int = 0
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

    async def step(self) -> Outcome:
        """Take the next step of the census under way, or begin one."""
        stored = await self._around.database.read(lambda connection: meta.text(connection, census.UNDERWAY))
        if not stored:
            return await self._begin()
        progress = msgspec.json.decode(stored, type=Progress)
        if progress.step == "sales":
            return await self._count_sales(progress)
        if progress.spans:
            return await self._span(progress)
        return await self._judge(progress)

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
        kind = "midnight" if last != today else "hourly"
        cuts = await self._around.database.read(
            lambda connection: census.cuts(connection, self._rules.since, end, every=SPAN)
        )
        progress = Progress(
            kind=kind,
            began=now,
            end=end,
            spans=list(spans(self._rules.since, end, cuts, whole=kind == "midnight")),
        )

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if kind == "midnight":
                meta.set_text(connection, census.MIDNIGHT, today)
            outbox.accept(connection, nudge(SALES, at), now=at)
            _keep(connection, progress)

        return self._on(unit)

    def _zone(self, connection: sqlite3.Connection) -> _Zone:
        company = facts.company(connection)
        if company is None:
            return UTC
        zone = zone_of(company, self._posting)
        return UTC if isinstance(zone, Finding) else zone

    def _on(self, unit: Unit, *, after: int = 0) -> Done:
        return Done(unit=unit, nudges=(nudge(CENSUS, self._around.clock.now() + after),))

    # -- Cin7's sales -------------------------------------------------------------------------------------------------

    async def _count_sales(self, progress: Progress) -> Outcome:
        if progress.page or progress.kind == "midnight":
            return await self._read_whole(progress)
        swept = await self._around.database.read(lambda connection: cursors.get(connection, SALES))
        if swept is None or swept.mark is None or swept.mark < progress.began:
            return Later(due_at=self._around.clock.now() + WAIT, reason="the sales are being read")
        page = await self._sales.listed_sales(
            page=1, created_since=self._rules.created_since, updated_since=None, rows=1
        )
        progress.calls += 1

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            if listed_sales.count(connection) == page.total:
                progress.step = "orders"
            elif progress.retries < MOST_RETRIES:
                # A sale made between the two readings is the usual cause: read on, and count again.
                progress.retries += 1
                progress.began = at
                outbox.accept(connection, nudge(SALES, at), now=at)
            else:
                progress.page = 1
            _keep(connection, progress)

        return self._on(unit)

    async def _read_whole(self, progress: Progress) -> Done:
        """Read the list from its beginning; what it does not show is no more there."""
        number = max(1, progress.page)
        if number == 1:
            progress.began = self._around.clock.now()
        page = await self._sales.listed_sales(
            page=number, created_since=self._rules.created_since, updated_since=None, rows=PAGE
        )
        progress.calls += 1
        last = is_last(page, number)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "cin7", now=at)
            listed_sales.store(connection, page.sales, reading=progress.began, now=at)
            progress.page = number + 1
            if last and listed_sales.count_read(connection, progress.began) >= page.total:
                listed_sales.drop_unseen(connection, progress.began)
                progress.step = "orders"
            elif last:
                progress.page = 1  # rows moved while they were paged: a list that is not whole proves nothing
            _keep(connection, progress)

        return self._on(unit)

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
            self._compare(connection, page, ours, at)
            progress.commercetools += len(page)
            progress.after_id = "" if last else page[-1].id
            if last:
                progress.spans.pop(0)
            _keep(connection, progress)

        return self._on(unit)

    def _compare(
        self, connection: sqlite3.Connection, page: Sequence[OrderMark], ours: frozenset[str], now: Instant
    ) -> None:
        """Name what only one side has. What both have again is over."""
        listed = {order.id: order for order in page}
        for order_id in sorted(listed.keys() - ours):
            self._unlisted_here(connection, listed[order_id], now)
        for order_id in sorted(ours - listed.keys()):
            self._unlisted_there(connection, order_id, now)
        for order_id in census.back_again(connection, listed.keys() & ours):
            record = Record(kind="order", id=order_id)
            exceptions.clear(connection, record, resolution="it is listed", now=now, types=("order_unlisted_there",))

    def _unlisted_here(self, connection: sqlite3.Connection, order: OrderMark, now: Instant) -> None:
        finding = Finding(
            code="order_unlisted_here",
            cause=f"Order {order.number or order.id}, created {format_instant(order.created_at)}, was not known.",
            facts={"order": f"{order.number or ''} ({order.id})".strip(), "state": order.state},
        )
        exceptions.raise_finding(connection, Record(kind="order", id=order.id, number=order.number), finding, now=now)
        outbox.accept(connection, Nudge(flow=Flow.INTAKE, subject=f"order:{order.id}", due_at=now), now=now)

    def _unlisted_there(self, connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
        known = orders.get(connection, order_id)
        if known is None or not census.note_gone(connection, order_id, now=now):
            return
        record = Record(kind="order", id=order_id, number=known.number)
        sale = next((sale for sale in orders.sales_of(connection, order_id) if sale.voided_at is None), None)
        at_its_end = known.state in (OrderState.CANCELLED, OrderState.EXCLUDED)
        if exceptions.is_open(connection, record, "order_deleted") or (at_its_end and sale is None):
            return
        finding = Finding(
            code="order_unlisted_there",
            cause=f"Order {known.number or order_id} is no more in commercetools' list.",
            facts={"order": order_id, "sale": (sale.number or sale.sale_id) if sale is not None else "none"},
        )
        exceptions.raise_finding(connection, record, finding, now=now)
        look = Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now, urgency=Urgency.FRESH)
        outbox.accept(connection, look, now=now)

    # -- judging ------------------------------------------------------------------------------------------------------

    async def _judge(self, progress: Progress) -> Done:
        now = self._around.clock.now()
        asked = await self._around.database.read(
            lambda connection: listed_sales.orders_in_question(connection, since=self._rules.since)
        )

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            if not self._rules.shadow:
                self._judge_sales(connection, asked, progress, at)
            self._judge_gone(connection, at)
            counted = census.result(connection, self._rules.since, progress.end)
            taken = {
                "taken_at": format_instant(at),
                "kind": progress.kind,
                "until": format_instant(progress.end),
                "commercetools": progress.commercetools,
                **counted,
                "cin7": listed_sales.count_ours(connection),
                "calls": progress.calls,
            }
            meta.set_text(connection, census.TAKEN, msgspec.json.encode(taken).decode())
            meta.set_text(connection, census.UNDERWAY, "")
            due_at = min(at + self._rules.census, next_midnight(at, self._zone(connection)))
            outbox.accept(connection, nudge(CENSUS, due_at), now=at)

        self._around.log("census.taken", kind=progress.kind, calls=progress.calls, ms=now - progress.began)
        return Done(unit=unit)

    def _judge_gone(self, connection: sqlite3.Connection, now: Instant) -> None:
        """An order that was deleted there needs nobody once no sale stands for it, or once the orders flow tells so."""
        for order_id in census.open_records(connection, "order", "order_unlisted_there"):
            record = Record(kind="order", id=order_id)
            told = exceptions.is_open(connection, record, "order_deleted")
            if told or all(sale.voided_at is not None for sale in orders.sales_of(connection, order_id)):
                why = "told as order_deleted" if told else "no sale stands for it"
                exceptions.clear(connection, record, resolution=why, now=now, types=("order_unlisted_there",))

    def _judge_sales(
        self, connection: sqlite3.Connection, asked: Sequence[str], progress: Progress, now: Instant
    ) -> None:
        """Judge every order in question; what was found before and is no more in question is over."""
        for order_id in {*asked, *census.suspected(connection, KINDS)}:
            known = self._known(connection, order_id)
            if known is None or not is_settled(known, began=progress.began, margin=self._rules.margin):
                continue
            carried = listed_sales.carrying(connection, order_id, self._references(known))
            sales = [CarryingSale(id=row.sale_id, number=row.number, voided=row.voided) for row in carried]
            record = Record(kind="order", id=order_id, number=known.number)
            found = judge(known, sales)
            for finding in found:
                exceptions.raise_finding(connection, record, finding, now=now)
            keep = {(finding.code, "", "") for finding in found}
            exceptions.clear(connection, record, resolution="both sides agree", now=now, types=KINDS, keep=keep)
        self._judge_orphans(connection, progress, now)

    def _judge_orphans(self, connection: sqlite3.Connection, progress: Progress, now: Instant) -> None:
        found = listed_sales.orphans(connection, before=now - self._rules.margin)
        for row in found:
            sale = CarryingSale(id=row.sale_id, number=row.number, voided=row.voided)
            record = Record(kind="sale", id=row.sale_id, number=row.number or None)
            finding = orphan(sale, listed_sales.order_of(row.external_id))
            exceptions.raise_finding(connection, record, finding, now=now)
        standing = {row.sale_id for row in found}
        for sale_id in census.open_records(connection, "sale", "sale_without_order"):
            if sale_id not in standing:
                record = Record(kind="sale", id=sale_id)
                exceptions.clear(connection, record, resolution="the order is known, or the sale is void", now=now)

    def _references(self, order: KnownOrder) -> tuple[str, ...]:
        return (order.id,) if order.number is None else (order.number, order.id)

    def _known(self, connection: sqlite3.Connection, order_id: str) -> KnownOrder | None:
        record = orders.get(connection, order_id)
        if record is None:
            return None
        sales = orders.sales_of(connection, order_id)
        live = next((sale for sale in sales if sale.voided_at is None), None)
        moments = [record.accepted_at, record.state_since]
        moments += [moment for sale in sales for moment in (sale.made_at, sale.voided_at) if moment is not None]
        return KnownOrder(
            id=record.id,
            number=record.number,
            state=record.state,
            settled_at=max(moments),
            sale_id=live.sale_id if live is not None else None,
            sale_number=live.number if live is not None else None,
            by_hand=record.state is OrderState.EXCLUDED and live is None,
        )


def _keep(connection: sqlite3.Connection, progress: Progress) -> None:
    meta.set_text(connection, census.UNDERWAY, msgspec.json.encode(progress).decode())
