"""Shadow mode for an order that already has a sale, from a time when the mode was live: nothing is written about it."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note
from storage import orders
from storage.orders import SaleRecord


def leave(desk: Desk, case: Case, sale: SaleRecord) -> Done:
    """Note once what would be done next, and leave the order where it stands."""
    would = _would(case)
    reason = f"mode = shadow: {would}"

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        if would and case.record.reason != reason:
            orders.move(connection, case.record.id, case.record.state, now=now, reason=reason)
            note(connection, case.record.id, would, now, sale=sale.sale_id)

    return Done(unit=unit)


def _would(case: Case) -> str:
    record = case.record
    if case.order.state == "Cancelled":
        return "would void sale"
    if record.resend:
        return "would send again"
    if record.cin7_total is None:
        return "would authorise order"
    return "" if record.state is OrderState.EXPORTED else "would mark in commercetools"
