"""The orders flow: looks at one order, decides the next step, makes at most one remote write.

Which step is next follows from what is on disk and what both systems say, never from the message: so every nudge may
come late, twice or out of order.
"""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager

import msgspec

from actors.core.actor import Actor, Done, Later, Outcome, Surroundings
from actors.core.unleased import wait_for_lease
from actors.domain.calls import POSTINGS, PRODUCT_WRITES, Purpose
from actors.domain.errors import Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.order_state import FINAL, OrderState
from actors.domain.patching import Patch, lay
from actors.domain.time import Instant
from actors.messages import Envelope, Flow
from actors.orders import (
    authorising,
    cancelling,
    creating,
    editing,
    inheriting,
    looking,
    marking,
    reopening,
    resending,
    shadowing,
)
from actors.orders.desk import Case, Desk, underway
from actors.orders.editing import Edit
from storage import books, calls, demand, exceptions, orders, patches
from storage.bodies import Sealer
from storage.orders import OrderRecord, SaleRecord

UNREADABLE_AGAIN = 900_000
"""Milliseconds until an order nobody could read is looked at again."""

_REPEATABLE = frozenset({Purpose.CIN7_CREATE_CUSTOMER, Purpose.CIN7_UPDATE_SALE})
"""Writes that need no proof of what became of them: a name is unique, a change says what the sale shall show."""

_KEPT = frozenset({OrderState.IN_DOUBT, OrderState.CANCELLING, OrderState.EXPORTED})
"""States an order that cannot be read stays in: the first two say of a write that it may still take effect."""

UNREADABLE_WAIT = 300_000
"""Milliseconds before an order that could not be read is read again."""


class OrdersActor(Actor):
    """Handles nudges to look at an order."""

    flow = Flow.ORDERS

    def __init__(self, surroundings: Surroundings, desk: Desk, *, concurrency: int) -> None:
        super().__init__(surroundings, concurrency=concurrency, capacity=concurrency)
        self.desk = desk

    def trace(self, envelope: Envelope) -> AbstractContextManager[None]:
        """Every handling is a span of the order's one trace."""
        return self.around.tracer.span(
            "orders.handle", order_id=envelope.subject, attempt=envelope.attempt, message=envelope.id
        )

    async def handle(self, envelope: Envelope) -> Outcome:
        """Decide the next step of one order and take it."""
        order_id = envelope.subject
        record, sales, edits = await self.around.database.read(
            lambda connection: _load(connection, order_id, self.desk.sealer)
        )
        if record is None:
            return await self._unknown(order_id)
        if record.state in FINAL:
            return await reopening.tell_ended(self.desk, record)
        if record.state is OrderState.CREATING:
            return self._doubt_open_create(record)
        refused_until = max(self.around.refused_until.values(), default=0)
        if self.around.clock.now() < refused_until:
            # One order asks now and then; a thousand that are refused would only use up the calls of a minute.
            return Later(due_at=refused_until, reason="credentials were refused")
        if not self.desk.export.shadow and not self.desk.may_write():
            # Not even read: a second daemon would ask for every open order again and again.
            return wait_for_lease(self.around.clock.now(), self.desk.may_write)
        try:
            read = await self.desk.storefront.read_order(order_id)
        except Missing:
            return self._deleted(record, sales)
        except Rejected as error:
            return self._unreadable(record, error)
        laid = lay(read.order, edits)
        patched = msgspec.structs.replace(read, order=laid.order)
        return await self._step(Case(record=record, sales=sales, read=patched, lost=laid.lost))

    async def _unknown(self, order_id: str) -> Outcome:
        """An order that could not be read when it was first seen: accept it once it can be, else look again later."""
        named = exceptions.Record(kind="order", id=order_id)
        unreadable = await self.around.database.read(
            lambda connection: exceptions.is_open(connection, named, "order_unreadable")
        )
        if not unreadable:
            return Done()
        try:
            read = await self.desk.storefront.read_order(order_id)
        except Missing:
            return Done(unit=lambda connection, now: _forget_unreadable(connection, named, now))
        except Rejected as error:
            due_at = self.around.clock.now() + UNREADABLE_AGAIN
            return Later(due_at=due_at, reason=error.reason)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            orders.accept(connection, read.order, now=now)
            exceptions.clear(connection, named, resolution="readable", now=now, types=("order_unreadable",))
            if read.order.created_at < self.desk.export.since:
                orders.exclude_history(connection, order_id, now=now)

        return Done(unit=unit, nudges=(underway(order_id, self.around.clock.now()),))

    async def _step(self, case: Case) -> Outcome:
        record, sale = case.record, case.live
        if sale is not None and self.desk.export.shadow:
            return shadowing.leave(self.desk, case, sale)
        if not self.desk.export.shadow and not self.desk.may_write():
            kept = self.desk.done(case).unit
            return wait_for_lease(self.around.clock.now(), self.desk.may_write, kept)
        if record.state is OrderState.IN_DOUBT:
            return await looking.resolve(self.desk, case)
        if case.order.state == "Cancelled":
            if sale is not None:
                return await cancelling.cancel_sale(self.desk, case, sale)
            return await inheriting.cancel_unknown(self.desk, case)
        if sale is not None and record.state is OrderState.CANCELLING:
            return await reopening.resume(self.desk, case, sale)
        if record.resend:
            return await resending.resend(self.desk, case)
        if sale is None:
            return await creating.create(self.desk, case)
        if record.cin7_total is None:
            return await authorising.authorise(self.desk, case, sale)
        edit = await editing.find(self.desk, case)
        return editing.tell(case, edit, await self._keep_up(case, sale, edit))

    async def _keep_up(self, case: Case, sale: SaleRecord, edit: Edit) -> Outcome:
        """The sale is authorised: mark it, and have it show what the order says."""
        state = case.record.state
        if edit.unsafe and state in (OrderState.HELD, OrderState.EXPORTED):
            return editing.hold(self.desk, case, sale, edit)
        if state is not OrderState.EXPORTED:
            return await marking.mark(self.desk, case, sale, edited=bool(edit.changes))
        return await editing.go_on(self.desk, case, sale, edit)

    def _doubt_open_create(self, record: OrderRecord) -> Later:
        """A create without an outcome that nobody waits for any more (a crash of its worker): in doubt."""
        until = self.around.clock.now() + self.desk.export.timeout

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            doubt_open_writes(connection, order_id=record.id, timeout=self.desk.export.timeout, now=now)

        return Later(due_at=until + self.desk.export.quiet, reason="in doubt", unit=unit)

    def _deleted(self, record: OrderRecord, sales: tuple[SaleRecord, ...]) -> Outcome:
        """The order was deleted in commercetools: nothing is sent for it; a sale it has is a person's decision."""
        finding = Finding(
            code="order_deleted",
            cause=f"Order {record.number or record.id} was deleted in commercetools.",
            facts={"sales": ", ".join(sale.number or sale.sale_id for sale in sales)},
        )
        live = any(sale.voided_at is None for sale in sales)
        due_at = self.around.clock.now() + 300_000

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            named = exceptions.Record(kind="order", id=record.id, number=record.number)
            exceptions.raise_finding(connection, named, finding, now=now)
            told = ("order_unlisted_there",)
            exceptions.clear(connection, named, resolution="told as order_deleted", now=now, types=told)
            if live:
                books.ask(connection, record.id, now=now)
            if record.state is OrderState.IN_DOUBT or record.state is OrderState.EXPORTED:
                return
            if not live:
                exceptions.clear(
                    connection, named, resolution="the order was deleted", now=now, keep={("order_deleted", "", "")}
                )
                demand.release(connection, record.id, now=now)
            state = OrderState.HELD if live else OrderState.EXCLUDED
            orders.move(connection, record.id, state, now=now, reason="deleted in commercetools")

        if record.state is OrderState.IN_DOUBT:
            return Later(due_at=due_at, reason="deleted while in doubt", unit=unit)
        return Done(unit=unit)

    def _unreadable(self, record: OrderRecord, error: Rejected) -> Later:
        """The order cannot be understood: it is held as it stands, and read again when it changes.

        And by and by without that, for what cannot be understood may be its payment, which changes without the order.
        """
        finding = Finding(
            code="order_unreadable",
            cause=f"Order {record.number or record.id} could not be read: {error.detail or error.reason}",
            group=f"order_unreadable:{error.detail or error.reason}",
            facts={"problem": error.detail},
        )

        due_at = self.around.clock.now() + UNREADABLE_WAIT

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            named = exceptions.Record(kind="order", id=record.id, number=record.number)
            exceptions.raise_finding(connection, named, finding, now=now, next_attempt_at=due_at)
            if record.state not in _KEPT:
                orders.move(connection, record.id, OrderState.HELD, now=now, reason="order_unreadable")

        return Later(due_at=due_at, reason="unreadable", unit=unit)

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant) -> None:
        """A write that was certainly not executed leaves nothing; one that broke off in a bug is in doubt."""
        if isinstance(error, WireError):
            if error.call_id is not None:
                calls.settle(connection, error.call_id, "refused", detail=error.reason)
                record = orders.get(connection, envelope.subject)
                if record is not None and record.state is OrderState.CREATING:
                    orders.move(connection, envelope.subject, OrderState.ACCEPTED, now=now, reason=error.reason)
            looking.tell_if_unanswered(connection, envelope.subject, error, quiet=self.desk.export.quiet, now=now)
            return
        doubt_open_writes(connection, order_id=envelope.subject, timeout=self.desk.export.timeout, now=now)


def _forget_unreadable(connection: sqlite3.Connection, named: exceptions.Record, now: Instant) -> None:
    exceptions.clear(
        connection, named, resolution="it is no more there", now=now, types=("order_unreadable", "order_unlisted_here")
    )


def _load(
    connection: sqlite3.Connection, order_id: str, sealer: Sealer
) -> tuple[OrderRecord | None, tuple[SaleRecord, ...], tuple[Patch, ...]]:
    sales = tuple(orders.sales_of(connection, order_id))
    return orders.get(connection, order_id), sales, patches.standing(connection, order_id, sealer)


_OF_OTHERS = POSTINGS | PRODUCT_WRITES | {Purpose.CT_UPDATE_ORDER}
"""Writes that the finance flow, the catalogue flow and the fulfilment flow look after."""


def doubt_open_writes(
    connection: sqlite3.Connection, *, timeout: int, now: Instant, order_id: str | None = None
) -> list[tuple[str, Instant]]:
    """Turn writes without an outcome into doubts: of one order, or (at start) of all.

    `timeout` is the milliseconds after which a request can no longer be executed. Return each order touched and when
    it may be looked at: a create only after its last possible moment.
    """
    touched: list[tuple[str, Instant]] = []
    for write in calls.open_writes(connection):
        if write.purpose in _OF_OTHERS or order_id not in (None, write.subject):
            continue
        calls.settle(connection, write.call_id, "unknown", detail="no answer was recorded")
        record = orders.get(connection, write.subject)
        if record is None:
            continue
        if write.purpose is Purpose.CIN7_CREATE_SALE:
            until = write.sent_at + timeout
            orders.doubt(connection, record.id, until=until, now=now)
            touched.append((record.id, until))
            continue
        if write.purpose not in _REPEATABLE:
            orders.set_unsure(connection, record.id, True)
        touched.append((record.id, now))
    return touched
