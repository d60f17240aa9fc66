"""Judges what was counted: every order about which the list of sales says something else than we know, and orphans.

What is in question is found by reading alone; it is little, and decided in the unit that raises it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from actors.census.rules import CensusRules
from actors.domain.census import KINDS, CarryingSale, KnownOrder, ends, is_settled, judge, orphan
from actors.domain.exception_types import Finding
from actors.domain.feed import OrderMark
from actors.domain.order_state import FINAL, OrderState
from actors.domain.references import generation_of
from actors.domain.time import Instant, format_instant
from actors.messages import Flow, Nudge
from storage import census, exceptions, listed_sales, meta, orders, outbox
from storage.exceptions import Record
from storage.listed_sales import ListedRow
from storage.orders import OrderRecord, SaleRecord

ORDER_LOOK = "order:"
"""What the intake flow calls a look at one order by its id."""

BY_NUMBER = "order-number"
"""`[orders] order_reference` under which an order's number is a reference to it."""

_WAITING = frozenset({OrderState.ACCEPTED, OrderState.AWAITING, OrderState.HELD, OrderState.SHADOWED})


CHUNK = 5_000
"""So many sales are looked through at once: a tenth of a second in which nobody else reads the file."""

MOST = 200
"""So many records are judged in one unit: a tenth of a second in which nobody else writes."""


class Found(StrEnum):
    """What may have been found before, in the order in which it is gone through."""

    SALES = "sales"
    ORPHANS = "orphans"
    THERE = "there"
    GONE = "gone"
    HERE = "here"


class Some(msgspec.Struct, frozen=True, kw_only=True):
    """What some of the sales say, up to the sale `until`: the orders in question, sales without one, and two counts."""

    until: str
    asked: tuple[str, ...]
    orphans: tuple[ListedRow, ...]
    ours: int
    orders_with_sale: int


class Judge:
    """Raises what is found and clears what is found no more; each method is called within a unit."""

    def __init__(self, rules: CensusRules, *, order_reference: str) -> None:
        self._rules = rules
        self._by_number = order_reference == BY_NUMBER

    # -- what only one side lists -------------------------------------------------------------------------------------

    def compare(
        self, connection: sqlite3.Connection, page: Sequence[OrderMark], ours: frozenset[str], now: Instant
    ) -> None:
        """Name what only one side has of a page of commercetools' orders. What both have again is over."""
        listed = {order.id: order for order in page}
        for order_id in sorted(listed.keys() - ours):
            self._unlisted_here(connection, listed[order_id], now)
        for order_id in sorted(ours - listed.keys()):
            self._unlisted_there(connection, order_id, now)
        for order_id in census.back_again(connection, listed.keys() & ours):
            record = Record(kind="order", id=order_id)
            exceptions.clear(connection, record, resolution="it is listed", now=now, types=("order_unlisted_there",))

    def _unlisted_here(self, connection: sqlite3.Connection, order: OrderMark, now: Instant) -> None:
        record = Record(kind="order", id=order.id, number=order.number)
        if exceptions.is_open(connection, record, "order_unreadable"):
            # It is known, and told of: nobody could read it.
            types = ("order_unlisted_here",)
            exceptions.clear(connection, record, resolution="told as order_unreadable", now=now, types=types)
            return
        finding = Finding(
            code="order_unlisted_here",
            cause=f"Order {order.number or order.id}, created {format_instant(order.created_at)}, was not known.",
            facts={"order": f"{order.number or ''} ({order.id})".strip(), "state": order.state},
        )
        exceptions.raise_finding(connection, record, finding, now=now)

    def _unlisted_there(self, connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
        known = orders.get(connection, order_id)
        if known is None or not census.note_gone(connection, order_id, now=now):
            return
        if not _why_not_told(connection, known):
            self._tell_gone(connection, known, now)

    def _tell_gone(self, connection: sqlite3.Connection, known: OrderRecord, now: Instant) -> None:
        sale = _live(orders.sales_of(connection, known.id))
        finding = Finding(
            code="order_unlisted_there",
            cause=f"Order {known.number or known.id} is no more in commercetools' list.",
            facts={"order": known.id, "sale": _shown(sale) if sale is not None else "none"},
        )
        exceptions.raise_finding(connection, Record(kind="order", id=known.id, number=known.number), finding, now=now)
        _look(connection, Flow.ORDERS, known.id, now)

    # -- what was found before ----------------------------------------------------------------------------------------

    def found_before(self, connection: sqlite3.Connection, what: Found, after: str) -> list[str]:
        """Return the next records of which something is told, or still to be told: at most `MOST` of them."""
        match what:
            case Found.SALES:
                return census.some_open(connection, "order", KINDS, after=after, limit=MOST)
            case Found.ORPHANS:
                return census.some_open(connection, "sale", ("sale_without_order",), after=after, limit=MOST)
            case Found.THERE:
                return census.some_open(connection, "order", ("order_unlisted_there",), after=after, limit=MOST)
            case Found.GONE:
                return census.some_gone_untold(connection, after=after, limit=MOST)
            case Found.HERE:
                return census.some_open(connection, "order", ("order_unlisted_here",), after=after, limit=MOST)

    def settle(self, connection: sqlite3.Connection, what: Found, records: Sequence[str], now: Instant) -> None:
        """Close what is over, and tell what is not told any more though it is not over."""
        how = {Found.ORPHANS: self._orphan, Found.THERE: self._there, Found.GONE: self._gone, Found.HERE: self._here}
        for record in records:
            how[what](connection, record, now)

    def _there(self, connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
        """An order without a sale may still wait to be sent: only the orders flow ends that, when it can look."""
        known = orders.get(connection, order_id)
        why = _why_not_told(connection, known) if known is not None else "the order is not known"
        if why:
            record, types = Record(kind="order", id=order_id), ("order_unlisted_there",)
            exceptions.clear(connection, record, resolution=why, now=now, types=types)

    def _gone(self, connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
        known = orders.get(connection, order_id)
        if known is not None:
            self._tell_gone(connection, known, now)

    def _here(self, connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
        if orders.version_of(connection, order_id) is None:
            # The look accepts the order, or finds that it is no more there: either ends it.
            _look(connection, Flow.INTAKE, f"{ORDER_LOOK}{order_id}", now)
            return
        record, types = Record(kind="order", id=order_id), ("order_unlisted_here",)
        exceptions.clear(connection, record, resolution="it is known", now=now, types=types)

    def _orphan(self, connection: sqlite3.Connection, sale_id: str, now: Instant) -> None:
        row = listed_sales.get(connection, sale_id)
        names = listed_sales.order_of(row.external_id) if row is not None and not row.voided else ""
        if row is None or row.voided or not row.external_id or orders.version_of(connection, names) is not None:
            record = Record(kind="sale", id=sale_id)
            exceptions.clear(connection, record, resolution="the order is known, or the sale is void", now=now)

    # -- sales --------------------------------------------------------------------------------------------------------

    def read(self, connection: sqlite3.Connection, after: str, end: Instant, most: int) -> Some:
        """Look through the next sales, at most so many; orders created from `end` on are not counted."""
        since, until = self._rules.since, listed_sales.end_of_some(connection, after, most)
        asked = listed_sales.orders_in_question(
            connection, since=since, by_number=self._by_number, after=after, until=until
        )
        return Some(
            until=until,
            asked=tuple(asked),
            orphans=tuple(listed_sales.orphans(connection, before=end, after=after, until=until)),
            ours=listed_sales.count_ours(connection, before=end, after=after, until=until),
            orders_with_sale=census.count_with_sale(connection, since, end, after=after, until=until),
        )

    def judge_sales(
        self, connection: sqlite3.Connection, asked: Sequence[str], *, began: Instant, whole: bool, now: Instant
    ) -> None:
        """Judge orders by the sales that carry their references.

        `began` is when the list they are judged by began to be read. Where it is not known to be `whole`, a sale it
        does not show may be there all the same: such an order waits for the next census.
        """
        born_at = meta.born_at(connection)
        for order_id in asked:
            record = orders.get(connection, order_id)
            if record is None:
                continue
            known = self._known(connection, record, born_at=born_at)
            sales = self._carrying(connection, known)
            unseen = known.sale_id is not None and all(sale.id != known.sale_id for sale in sales)
            if not is_settled(known, began=began, margin=self._rules.margin) or (unseen and not whole):
                continue
            self._tell(connection, known, sales, now)

    def _tell(
        self, connection: sqlite3.Connection, known: KnownOrder, sales: Sequence[CarryingSale], now: Instant
    ) -> None:
        record = Record(kind="order", id=known.id, number=known.number)
        found = judge(known, sales)
        for finding in found:
            exceptions.raise_finding(connection, record, finding, now=now)
        keep = {(finding.code, "", "") for finding in found}
        exceptions.clear(connection, record, resolution="both sides agree", now=now, types=KINDS, keep=keep)
        if ends(known, sales):
            _look(connection, Flow.ORDERS, known.id, now)

    def judge_orphans(self, connection: sqlite3.Connection, orphans: Sequence[ListedRow], now: Instant) -> None:
        """Name the sales whose order is not known. commercetools is asked for each: it may only never have come."""
        for row in orphans:
            order_id = listed_sales.order_of(row.external_id)
            if orders.version_of(connection, order_id) is not None:
                continue
            record = Record(kind="sale", id=row.sale_id, number=row.number or None)
            exceptions.raise_finding(connection, record, orphan(_carrying_sale(row, order_id), order_id), now=now)
            if _is_ours(row.external_id, order_id):
                _look(connection, Flow.INTAKE, f"{ORDER_LOOK}{order_id}", now)

    def _carrying(self, connection: sqlite3.Connection, order: KnownOrder) -> list[CarryingSale]:
        references = (order.number, order.id) if self._by_number and order.number else (order.id,)
        rows = listed_sales.carrying(connection, order.id, references)
        return [_carrying_sale(row, order.id) for row in rows]

    def _known(self, connection: sqlite3.Connection, record: OrderRecord, *, born_at: Instant) -> KnownOrder:
        sales = orders.sales_of(connection, record.id)
        live = _live(sales)
        moments = [record.accepted_at, record.state_since]
        moments += [moment for sale in sales for moment in (sale.made_at, sale.voided_at) if moment is not None]
        return KnownOrder(
            id=record.id,
            number=record.number,
            state=record.state,
            settled_at=max(moments),
            sale_id=live.sale_id if live is not None else None,
            sale_number=live.number if live is not None else None,
            by_hand=record.state in (OrderState.EXCLUDED, OrderState.SHADOWED) and live is None,
            cancelled=record.source_state == "Cancelled",
            busy=record.resend,
            inherits=record.created_at < born_at and live is None and record.state in _WAITING,
            told=census.told(connection, record.id),
        )


def _why_not_told(connection: sqlite3.Connection, order: OrderRecord) -> str:
    """Say why nothing is to be told of an order that is gone ("": it is to be told)."""
    if exceptions.is_open(connection, Record(kind="order", id=order.id), "order_deleted"):
        return "told as order_deleted"
    at_its_end = order.state in FINAL and _live(orders.sales_of(connection, order.id)) is None
    return "it is at its end, and no sale stands for it" if at_its_end else ""


def _carrying_sale(row: ListedRow, order_id: str) -> CarryingSale:
    return CarryingSale(id=row.sale_id, number=row.number, voided=row.voided, ours=_is_ours(row.external_id, order_id))


def _is_ours(external_id: str, order_id: str) -> bool:
    try:
        return generation_of(external_id, order_id) is not None
    except ValueError:  # what follows our prefix is no order's id
        return False


def _live(sales: Sequence[SaleRecord]) -> SaleRecord | None:
    return next((sale for sale in sales if sale.voided_at is None), None)


def _shown(sale: SaleRecord) -> str:
    return f"{sale.number or 'a sale'} ({sale.sale_id})"


def _look(connection: sqlite3.Connection, flow: Flow, subject: str, now: Instant) -> None:
    outbox.accept(connection, Nudge(flow=flow, subject=subject, due_at=now), now=now)
