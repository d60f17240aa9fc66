"""A sale that does not stand as it should: voided by hand, or gone. A person decides what follows."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done
from actors.domain.exception_types import Finding
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, record_of
from storage import exceptions, orders
from storage.orders import SaleRecord

_TOLD_OF_A_SALE = (
    "resend_refused",
    "totals_differ",
    "sale_voided_by_hand",
    "sale_vanished",
    "sale_undone",
    "edit_not_applied",
    "backordered",
    "oversold",
)


def is_replaced(connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    """The order's sale is void and another is made: what was told of the void one is over."""
    exceptions.clear(connection, record_of(case.order), resolution="sent again", now=now, types=_TOLD_OF_A_SALE)


def hold_voided(desk: Desk, case: Case, sale: SaleRecord) -> Done:
    """Hold the order whose sale was voided, and not by tallyd."""
    finding = Finding(
        code="sale_voided_by_hand",
        cause=f"Sale {sale.number or sale.sale_id} of order {case.order.shown_as} was voided in Cin7 Core.",
        facts={"sale": sale.number or sale.sale_id},
    )
    held = desk.hold(case, [finding])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        orders.void_sale(connection, sale.sale_id, now=now)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit, after=held.after)


def sale_vanished(case: Case, sale: SaleRecord) -> Finding:
    """Say that a sale is no longer found."""
    return Finding(
        code="sale_vanished",
        cause=f"Cin7 Core has no sale {sale.number or sale.sale_id}, which stood for order {case.order.shown_as}.",
        facts={"sale": sale.sale_id},
    )
