"""A deliberate second sale: a person voided the first one by hand and wants the order sent again."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Outcome
from actors.domain.errors import Missing
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note, record_of, underway
from actors.orders.shortages import TYPES as SHORT
from storage import exceptions, orders


async def resend(desk: Desk, case: Case) -> Outcome:
    """Begin a new generation once every sale of the order is proved void; a live one refuses the resend."""
    sale = case.live
    if sale is not None:
        try:
            view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
        except Missing:
            view = None
        if view is not None and not view.voided:
            return _refuse(desk, case, f"{view.number or view.id} is {view.status}")
    order = case.order

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if sale is not None:
            orders.void_sale(connection, sale.sale_id, now=now)
        generation = orders.next_generation(connection, order.id)
        desk.clear_holds(connection, order, now)
        exceptions.clear(
            connection,
            record_of(order),
            resolution="sent again",
            now=now,
            types=("resend_refused", "totals_differ", "sale_voided_by_hand", "sale_vanished", *SHORT),
        )
        # Through `held`: an order whose export never came to its end has no other way back to its beginning.
        orders.move(connection, order.id, OrderState.HELD, now=now, reason="sent again")
        orders.move(connection, order.id, OrderState.ACCEPTED, now=now, reason="sent again")
        note(connection, order.id, "sent again", now, generation=generation)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),))


def _refuse(desk: Desk, case: Case, shown: str) -> Done:
    finding = Finding(
        code="resend_refused",
        cause=f"Order {case.order.shown_as} was not sent again: its sale {shown}. Void it in Cin7 Core first.",
        facts={"sale": shown},
    )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        orders.set_resend(connection, case.order.id, False)
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now)

    # The nudge of the resend may have taken the place of the order's own next step.
    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),))
