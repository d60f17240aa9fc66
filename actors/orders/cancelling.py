"""An order cancelled in commercetools leaves no live sale behind, whenever the cancellation is seen."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome
from actors.domain.calls import Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, answered, note, refused, settled
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
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return _voided(desk, case, sale, None, "not there")
    if view.voided:
        return _voided(desk, case, sale, None, "void")
    if view.fulfilment_authorised:
        return _held(desk, case, sale, "cancelled_after_pick", "its fulfilment was authorised before the cancellation")
    intent = Intent(Purpose.CIN7_VOID_SALE, subject=case.order.id, generation=case.record.generation)
    try:
        answer = await desk.write(case, intent, desk.book.void_sale(sale.sale_id, intent))
    except InDoubt as error:
        if error.reason == CONTRADICTION:
            return await _contradicted(desk, case, sale, intent, error)
        return _read_again(desk, case, intent, "unknown", error.reason)
    except Rejected as error:
        held = _held(desk, case, sale, "void_failed", error.detail or error.reason)
        return _with_refusal(held, intent, error.detail)
    if not answer.voided:
        return _read_again(desk, case, intent, "done", f"the answer shows {answer.status}")
    return _voided(desk, case, sale, intent, "voided")


async def _contradicted(desk: Desk, case: Case, sale: SaleRecord, intent: Intent, error: InDoubt) -> Outcome:
    """An error under a success status: the sale itself tells whether it is void; if not, a person is told."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except WireError:
        return _read_again(desk, case, intent, "unknown", error.reason)
    if view.voided:
        return _voided(desk, case, sale, intent, "voided")
    held = _held(desk, case, sale, "void_failed", error.detail or error.reason)
    return _with_refusal(held, intent, error.detail)


def _voided(desk: Desk, case: Case, sale: SaleRecord, intent: Intent | None, how: str) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if intent is not None:
            answered(connection, intent, now)
        orders.void_sale(connection, sale.sale_id, now=now)
        note(connection, case.order.id, "sale void", now, sale=sale.sale_id, how=how)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now)
        _end(desk, connection, case, now)

    return Done(unit=unit, points=settled(intent) if intent is not None else ())


def _end(desk: Desk, connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    orders.move(connection, case.order.id, OrderState.CANCELLED, now=now, reason="cancelled in commercetools")
    desk.clear_holds(connection, case.order, now)
    exceptions.clear(
        connection,
        exceptions.Record(kind="order", id=case.order.id),
        resolution="the order was cancelled and no live sale exists",
        now=now,
    )


def _read_again(desk: Desk, case: Case, intent: Intent, outcome: str, reason: str) -> Later:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        calls.settle(connection, intent.call_id, outcome, detail=reason)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now, reason=reason)

    return Later(due_at=None, reason=reason, unit=unit, points=settled(intent))


def _held(desk: Desk, case: Case, sale: SaleRecord, code: str, detail: str) -> Done:
    shown = sale.number or sale.sale_id
    finding = Finding(
        code=code,
        cause=f"Order {case.order.shown_as} was cancelled, and its sale {shown} could not be voided: {detail}",
        facts={"sale": shown, "detail": detail},
    )
    return desk.hold(case, [finding])


def _with_refusal(held: Done, intent: Intent, detail: str) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        refused(connection, intent, detail)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit, points=settled(intent))
