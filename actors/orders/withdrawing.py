"""Taking back a sale whose order was never authorised: it does not fit, and must not stand about in Cin7.

A header or a DRAFT takes no stock and enters no books, but somebody could authorise it by hand. So it is voided, proved
void, and the order's next sale gets a reference of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from actors.core.actor import Done, Later, Outcome
from actors.domain.exception_types import Finding
from actors.domain.facts import Facts
from actors.domain.order_state import OrderState
from actors.domain.sale import OrderView
from actors.domain.time import Instant
from actors.orders.cancelling import held_live
from actors.orders.desk import Case, Desk, note, underway
from actors.orders.standing import is_replaced, sale_vanished
from actors.orders.voiding import Attempt, Result, void
from storage import orders
from storage.orders import SaleRecord

WITHDRAWING = "withdrawing"
"""Kept with the order before its void is asked for: until the sale is shown void, nothing else is done with it."""


async def withdraw(
    desk: Desk, case: Case, sale: SaleRecord, findings: Iterable[Finding] = (), *, known: Facts | None = None, why: str
) -> Outcome | OrderView:
    """Void the unauthorised sale; then hold the order with what was found, or send it anew where nothing was.

    Returns the order document where it turned out to be authorised: then it stands.
    """
    await desk.around.database.run(lambda connection: orders.set_drafted(connection, case.order.id, WITHDRAWING))
    attempt = await void(desk, case, sale, only_unauthorised=True)
    match attempt.result:
        case Result.VOID:
            found = tuple(findings)
            held = desk.hold(case, found, known=known) if found else None
            return begin_anew(desk, case, sale, attempt, why=why, held=held)
        case Result.UNPROVED:
            return _read_again(attempt)
        case Result.GONE:
            return desk.hold(case, [sale_vanished(case, sale)])
        case Result.AUTHORISED if attempt.view is not None and attempt.view.order is not None:
            return attempt.view.order
        case _:
            return held_live(desk, case, sale, "void_failed", attempt)


def begin_anew(
    desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt, *, why: str, held: Done | None = None
) -> Done:
    """The sale is void: the order's next one gets a reference of its own, at once or once what holds it is over."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        attempt.settle(connection, now)
        orders.void_sale(connection, sale.sale_id, now=now)
        generation = orders.next_generation(connection, case.order.id)
        is_replaced(connection, case, now)
        note(connection, case.order.id, "sale withdrawn", now, sale=sale.sale_id, reason=why, generation=generation)
        if held is not None and held.unit is not None:
            held.unit(connection, now)
            return
        desk.refresh(connection, case, now)
        # Through `held`: an order whose sale was begun has no other way back to its beginning.
        orders.move(connection, case.order.id, OrderState.HELD, now=now, reason=why)
        orders.move(connection, case.order.id, OrderState.ACCEPTED, now=now, reason=why)

    return Done(
        unit=unit,
        nudges=() if held is not None else (underway(case.order.id, desk.around.clock.now()),),
        points=attempt.points,
        after=held.after if held is not None else None,
    )


def _read_again(attempt: Attempt) -> Later:
    return Later(due_at=None, reason=attempt.how, unit=attempt.settle, points=attempt.points)
