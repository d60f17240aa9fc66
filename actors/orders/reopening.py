"""A cancellation that was taken back in commercetools: while its sale was being voided, or after the order had ended.

Taken back earlier it changes nothing: an order that waits, or is held with its sale live, goes on as it is read.
"""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome
from actors.domain.calls import Purpose
from actors.domain.errors import Missing, Rejected
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.orders.cancelling import hold_attempt
from actors.orders.desk import Case, Desk, note, underway
from actors.orders.standing import sale_vanished
from actors.orders.voiding import Attempt, Result, void
from actors.orders.withdrawing import begin_anew
from storage import calls, exceptions, orders
from storage.orders import OrderRecord, SaleRecord

OPENED_AGAIN = "opened again in commercetools"
"""Why an order that ended as cancelled is somebody's: kept with it, so that it is told once."""

TAKEN_BACK = "cancellation_taken_back"


async def resume(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Let an order go on whose sale was being voided.

    A void that was asked for may still take effect: it is brought to its end, and the order is sent anew. Where none
    can have been executed, or people's work stands on the sale, the sale stands.
    """
    record = case.record
    asked = await desk.around.database.read(
        lambda connection: calls.may_be_done(connection, record.id, record.generation, Purpose.CIN7_VOID_SALE)
    )
    if not asked:
        return _stands(desk, case, sale)
    attempt = await void(desk, case, sale)
    match attempt.result:
        case Result.VOID:
            return begin_anew(desk, case, sale, attempt, why="its cancellation was taken back")
        case Result.UNPROVED:
            return Later(due_at=None, reason=attempt.how, unit=attempt.settle, points=attempt.points)
        case Result.GONE:
            return hold_attempt(desk, case, sale_vanished(case, sale), attempt)
        case _:
            return _stands(desk, case, sale, attempt)


def _stands(desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt | None = None) -> Done:
    authorised = case.record.cin7_total is not None

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if attempt is not None:
            attempt.settle(connection, now)
        desk.clear_holds(connection, case.order, now)
        if authorised:
            orders.move(connection, case.order.id, OrderState.POSTED, now=now)
        else:
            # Through `held`: nothing else leads back to a sale whose order is still to be authorised.
            orders.set_unsure(connection, case.order.id, True)
            orders.move(connection, case.order.id, OrderState.HELD, now=now)
            orders.move(connection, case.order.id, OrderState.HEADER, now=now)
        note(connection, case.order.id, "cancellation taken back, the sale stands", now, sale=sale.sale_id)

    points = attempt.points if attempt is not None else ()
    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),), points=points)


async def tell_ended(desk: Desk, record: OrderRecord) -> Done:
    """Tell, once, of an order that ended as cancelled and is open again: nothing is sent for it by itself."""
    told = record.reason == OPENED_AGAIN
    if record.state is not OrderState.CANCELLED or told is not (record.source_state == "Cancelled"):
        return Done()
    if told:
        return Done(unit=lambda connection, now: _cancelled_again(connection, record, now))
    try:
        read = await desk.storefront.read_order(record.id)
    except (Missing, Rejected):
        return Done()
    if read.order.state == "Cancelled":
        return Done()
    return Done(unit=lambda connection, now: _opened_again(connection, record, now))


def _opened_again(connection: sqlite3.Connection, record: OrderRecord, now: Instant) -> None:
    shown = record.number or record.id
    finding = Finding(
        code=TAKEN_BACK,
        cause=f"Order {shown} is open again in commercetools. It was cancelled, no sale stands for it, none is made.",
    )
    exceptions.raise_finding(connection, _named(record), finding, now=now)
    orders.move(connection, record.id, OrderState.CANCELLED, now=now, reason=OPENED_AGAIN)
    note(connection, record.id, "cancellation taken back, nothing is sent", now)


def _cancelled_again(connection: sqlite3.Connection, record: OrderRecord, now: Instant) -> None:
    exceptions.clear(connection, _named(record), resolution="cancelled again", now=now, types=(TAKEN_BACK,))
    orders.move(connection, record.id, OrderState.CANCELLED, now=now, reason="cancelled in commercetools")
    note(connection, record.id, "cancelled again", now)


def _named(record: OrderRecord) -> exceptions.Record:
    return exceptions.Record(kind="order", id=record.id, number=record.number)
