"""An order cancelled in commercetools leaves no live sale behind, whenever the cancellation is seen."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, answered, note, settled
from actors.orders.voiding import Attempt, Result, void
from storage import calls, exceptions, orders
from storage.orders import SaleRecord


def cancel_unsent(desk: Desk, case: Case) -> Done:
    """Nothing was sent: nothing will be."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        _end(desk, connection, case, now)

    return Done(unit=unit)


async def cancel_sale(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Void the sale, and believe it only when Cin7 shows it void. Never after a fulfilment was authorised."""
    attempt = await void(desk, case, sale)
    match attempt.result:
        case Result.VOID | Result.GONE:
            return _voided(desk, case, sale, attempt)
        case Result.UNPROVED:
            return _read_again(case, attempt)
        case Result.PICKED:
            return held_live(desk, case, sale, "cancelled_after_pick", attempt)
        case _:
            return held_live(desk, case, sale, "void_failed", attempt)


def _voided(desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if attempt.intent is not None:
            answered(connection, attempt.intent, now)
        orders.void_sale(connection, sale.sale_id, now=now)
        note(connection, case.order.id, "sale void", now, sale=sale.sale_id, how=attempt.how)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now)
        _end(desk, connection, case, now)

    return Done(unit=unit, points=settled(attempt.intent) if attempt.intent is not None else ())


def _end(desk: Desk, connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    orders.move(connection, case.order.id, OrderState.CANCELLED, now=now, reason="cancelled in commercetools")
    desk.clear_holds(connection, case.order, now)
    exceptions.clear(
        connection,
        exceptions.Record(kind="order", id=case.order.id),
        resolution="the order was cancelled and no live sale exists",
        now=now,
    )


def _read_again(case: Case, attempt: Attempt) -> Later:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        settle_unproved(connection, attempt)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now, reason=attempt.how)

    return Later(due_at=None, reason=attempt.how, unit=unit, points=settled(attempt.intent) if attempt.intent else ())


def settle_unproved(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Record a void whose answer did not prove it."""
    if attempt.intent is not None:
        calls.settle(connection, attempt.intent.call_id, "done" if attempt.done else "unknown", detail=attempt.how)


def held_live(desk: Desk, case: Case, sale: SaleRecord, code: str, attempt: Attempt) -> Done:
    """Hold the order with its sale still live: a person decides."""
    shown = sale.number or sale.sale_id
    why = "was cancelled, and its sale" if case.order.state == "Cancelled" else "is to be sent anew, and its sale"
    finding = Finding(
        code=code,
        cause=f"Order {case.order.shown_as} {why} {shown} could not be voided: {attempt.how}",
        facts={"sale": shown, "detail": attempt.how},
    )
    if attempt.intent is None:
        return desk.hold(case, [finding])
    return desk.hold_refused(case, finding, attempt.intent, attempt.how)
