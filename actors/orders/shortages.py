"""What Cin7 has too little of: one exception per SKU, with its date, until the sale shows nothing on backorder.

More than there is does not fail in Cin7; it becomes a backorder without a word (fact sheet §2.5). Whether the shop
*oversold* is judged by what the storefront says: an entry that still stands at zero or above had the pieces when they
were ordered, and one that reserves on order sold nothing it did not show.
"""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal

import msgspec

from actors.core.actor import Outcome
from actors.domain.errors import Missing, WireError
from actors.domain.exception_types import Finding
from actors.domain.sale import OrderView
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, record_of
from actors.orders.standing import hold_voided, sale_vanished
from storage import exceptions, orders
from storage.orders import SaleRecord

LOOK_AGAIN = 6 * 3_600_000
"""Milliseconds between two looks at a sale that waits for stock."""

LANDED = 15_000
"""Milliseconds after an order by which commercetools has taken it off its entry: up to ten seconds are usual."""

TYPES = ("backordered", "oversold")
_RESERVES = "ReserveOnOrder"


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one SKU on backorder. `sellable`: the storefront sold it as available."""

    sku: str
    quantity: str
    next_delivery: date | None = None
    sellable: bool = False


def tell_shortages(connection: sqlite3.Connection, case: Case, answer: OrderView, now: Instant) -> None:
    """Tell at once what the answer shows; dates and blame follow with the next look."""
    orders.set_shortages(connection, case.order.id, answer.shortages, now=now)
    for sku, quantity in answer.shortages.items():
        finding = shortage_finding(case, Shortage(sku=sku, quantity=f"{quantity.normalize():f}"))
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now)


def shortage_finding(case: Case, shortage: Shortage) -> Finding:
    """Say what is short, when it comes, and whose it is."""
    due = f"the next delivery is due {shortage.next_delivery}" if shortage.next_delivery else "no delivery is due"
    sold = " It was sold as available." if shortage.sellable else ""
    return Finding(
        code="oversold" if shortage.sellable else "backordered",
        cause=f"{shortage.quantity} of {shortage.sku} are on backorder for order {case.order.shown_as}; {due}.{sold}",
        field="BackorderQuantity",
        sku=shortage.sku,
        facts={"quantity": shortage.quantity, "next delivery": str(shortage.next_delivery or "")},
        group=f"short:{shortage.sku}",
    )


async def follow(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Look at the sale again: what is filled is over, what is still short gets its date."""
    landed = case.order.created_at + LANDED
    if desk.around.clock.now() < landed:
        # Until then the storefront shows what it had before this order, and would be blamed for it.
        return desk.later(case, landed, "the storefront has yet to take it off")
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return desk.hold(case, [sale_vanished(case, sale)])
    if view.voided:
        return hold_voided(desk, case, sale)
    short = view.order.shortages if view.order is not None else {}
    known = [await _judge(desk, case, sku, quantity, view.location) for sku, quantity in short.items()]
    due_at = desk.around.clock.now() + LOOK_AGAIN

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        record = record_of(case.order)
        findings = [shortage_finding(case, shortage) for shortage in known]
        for finding in findings:
            exceptions.raise_finding(connection, record, finding, now=now, next_attempt_at=due_at)
        kept = {(finding.code, finding.sku, finding.field) for finding in findings}
        exceptions.clear(connection, record, resolution="nothing of it is short", now=now, types=TYPES, keep=kept)
        orders.set_shortages(connection, case.order.id, short, now=now)

    return desk.later(case, due_at, "waits for stock", unit) if known else desk.done(case, unit)


async def _judge(desk: Desk, case: Case, sku: str, quantity: Decimal, location: str) -> Shortage:
    """Ask both sides about one SKU. What cannot be asked is left out: the shortage stands without it."""
    return Shortage(
        sku=sku,
        quantity=f"{quantity.normalize():f}",
        next_delivery=await _next_delivery(desk, case, sku, location),
        sellable=await _sellable(desk, case, sku),
    )


async def _next_delivery(desk: Desk, case: Case, sku: str, location: str) -> date | None:
    try:
        return await desk.book.next_delivery(sku, location, subject=case.order.id)
    except WireError as error:
        desk.around.log("shortage.no_date", level="warning", sku=sku, reason=error.reason)
        return None


async def _sellable(desk: Desk, case: Case, sku: str) -> bool:
    """True when the storefront sold the SKU as available when the order was placed."""
    line = next((line for line in case.order.lines if line.sku == sku), None)
    mode = (line.inventory_mode if line is not None else None) or case.order.inventory_mode
    if mode == _RESERVES:
        return True
    try:
        left = await desk.storefront.available(
            sku, line.supply_channel if line is not None else None, subject=case.order.id
        )
    except WireError as error:
        desk.around.log("shortage.unjudged", level="warning", sku=sku, reason=error.reason)
        return False
    return left is not None and left >= 0
