"""The sale that stands for an order: recorded when made, taken over when found."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done
from actors.domain.order_state import OrderState
from actors.domain.references import external_id, generation_of
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note, underway
from storage import calls, orders
from storage.orders import SaleRecord


def record_sale(
    connection: sqlite3.Connection,
    case: Case,
    sale_id: str,
    number: str | None,
    now: Instant,
    *,
    generation: int | None = None,
) -> None:
    """Store the sale of the order's present generation, or of another; the database refuses a second live one."""
    generation = generation or case.record.generation
    sale = SaleRecord(
        sale_id=sale_id,
        order_id=case.order.id,
        generation=generation,
        reference=external_id(case.order.id, generation),
        number=number,
        made_at=now,
        voided_at=None,
    )
    orders.add_sale(connection, sale)


def adopt(desk: Desk, case: Case, sale_id: str, number: str | None, *, external: str | None) -> Done:
    """A sale for this order exists: it is the order's sale from now on, and is read before anything is asked of it.

    Its external id tells which of the order's sales it is: a lost file begins to count anew, the sale does not.
    """
    order = case.order
    generation = generation_of(external, order.id) or case.record.generation

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        record_sale(connection, case, sale_id, number, now, generation=generation)
        orders.set_generation(connection, order.id, max(generation, case.record.generation))
        calls.prove_create(connection, order.id, case.record.generation, outcome="done")
        orders.set_unsure(connection, order.id, True)
        orders.move(connection, order.id, OrderState.HEADER, now=now, reason="found")
        note(connection, order.id, "sale found", now, sale=sale_id, number=number)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),))
