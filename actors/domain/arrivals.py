"""What of a purchase arrived and was kept, and how much of it the supplier billed (Cin7 fact sheet §7.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.purchase import ZERO, Purchase, Receipt


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived of a product: `quantity` was kept, `sent_back` was not; `first` and `last` day of a receipt."""

    product_id: str
    sku: str
    quantity: Decimal
    sent_back: Decimal
    first: date
    last: date


def arrivals(purchase: Purchase) -> tuple[Arrival, ...]:
    """Return what of each product arrived and was kept, by SKU."""
    received: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in purchase.receipts:
        received[receipt.product_id].append(receipt)
    found = (_arrival(product, receipts) for product, receipts in received.items())
    return tuple(sorted((one for one in found if one), key=lambda one: (one.sku, one.product_id)))


def invoiced(purchase: Purchase, arrival: Arrival) -> Decimal:
    """Return the units that are billed, less those that were credited and sent back: a discount credits no unit."""
    lines = [line for one in purchase.invoices for line in one.lines if line.product_id == arrival.product_id]
    billed = sum((line.quantity for line in lines if line.quantity > 0), ZERO)
    credited = -sum((line.quantity for line in lines if line.quantity < 0), ZERO)
    return billed - min(credited, arrival.sent_back)


def uninvoiced(purchase: Purchase, arrival: Arrival) -> Decimal:
    """Return the units that arrived, were kept, and that nobody billed."""
    return max(arrival.quantity - invoiced(purchase, arrival), ZERO)


def waiting_since(purchase: Purchase, arrival: Arrival) -> date:
    """Return the day on which the first unit that nobody billed arrived: invoices cover what came first."""
    left = uninvoiced(purchase, arrival)
    came = [one for one in purchase.receipts if one.product_id == arrival.product_id and one.quantity > 0]
    for receipt in sorted(came, key=lambda one: one.day, reverse=True):
        left -= receipt.quantity
        if left <= 0:
            return receipt.day
    return arrival.first


def _arrival(product_id: str, receipts: Sequence[Receipt]) -> Arrival | None:
    came = [one for one in receipts if one.quantity > 0]
    kept = sum((one.quantity for one in receipts), ZERO)
    if kept <= 0:
        return None
    newest = max(came, key=lambda one: (one.day, one.sku))
    return Arrival(
        product_id=product_id,
        sku=newest.sku,
        quantity=kept,
        sent_back=sum((one.quantity for one in came), ZERO) - kept,
        first=min(one.day for one in came),
        last=newest.day,
    )
