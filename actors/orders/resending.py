"""A deliberate second sale: a person wants the order sent again, whose first one is void, or does not show its edit."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome
from actors.domain.errors import Missing
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note, record_of, underway
from actors.orders.editing import EDITED
from actors.orders.standing import is_replaced
from actors.orders.voiding import Attempt, Result, void
from storage import exceptions, orders
from storage.orders import SaleRecord


async def resend(desk: Desk, case: Case) -> Outcome:
    """Begin a new generation once every sale of the order is proved void; a live one refuses the resend.

    But for an order held because it was edited: its sale is voided for the new one, unless the warehouse has begun.
    """
    sale = case.live
    if sale is None:
        return _begin(desk, case)
    if case.record.reason == EDITED:
        return await _replace(desk, case, sale)
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return _begin(desk, case)
    if view.voided:
        return _begin(desk, case)
    return _refuse(desk, case, f"{view.number or view.id} is {view.status}")


async def _replace(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    attempt = await void(desk, case, sale)
    if attempt.result in (Result.VOID, Result.GONE):
        return _begin(desk, case, attempt)
    if attempt.result is Result.UNPROVED:
        return Later(due_at=None, reason=attempt.how, unit=attempt.settle, points=attempt.points)
    return _refuse(desk, case, f"{sale.number or sale.sale_id} could not be voided: {attempt.how}", attempt)


def _begin(desk: Desk, case: Case, attempt: Attempt | None = None) -> Done:
    order, sale = case.order, case.live

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if attempt is not None:
            attempt.settle(connection, now)
        if sale is not None:
            orders.void_sale(connection, sale.sale_id, now=now)
        generation = orders.next_generation(connection, order.id)
        desk.clear_holds(connection, order, now)
        is_replaced(connection, case, now)
        # Through `held`: an order whose export never came to its end has no other way back to its beginning.
        orders.move(connection, order.id, OrderState.HELD, now=now, reason="sent again")
        orders.move(connection, order.id, OrderState.ACCEPTED, now=now, reason="sent again")
        note(connection, order.id, "sent again", now, generation=generation)

    points = attempt.points if attempt is not None else ()
    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=points)


def _refuse(desk: Desk, case: Case, shown: str, attempt: Attempt | None = None) -> Done:
    finding = Finding(
        code="resend_refused",
        cause=f"Order {case.order.shown_as} was not sent again: its sale {shown}. Void it in Cin7 Core first.",
        facts={"sale": shown},
    )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if attempt is not None:
            attempt.settle(connection, now)
        orders.set_resend(connection, case.order.id, False)
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now)

    # The nudge of the resend may have taken the place of the order's own next step.
    points = attempt.points if attempt is not None else ()
    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),), points=points)
