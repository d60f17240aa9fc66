"""A sale that does not stand as it should: voided by hand, or gone. A person decides what follows."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done
from actors.domain.exception_types import Finding
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk
from storage import orders
from storage.orders import SaleRecord


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
