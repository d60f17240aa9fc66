"""What of a purchase arrived and was kept, and how much of it the supplier billed (Cin7 fact sheet §7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.purchase import ZERO, Purchase, PurchaseLine, Receipt, by_product


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived of a product: `quantity` was kept, `sent_back` was not; `first` and `last` day of a receipt.

    `invoiced` are the units that are billed, less those that were credited and sent back: a discount credits no unit.
    `waiting_since` is when the first unit that nobody billed arrived: invoices cover what came first. None: all are.
    """

    product_id: str
    sku: str
    quantity: Decimal
    sent_back: Decimal
    invoiced: Decimal
    first: date
    last: date
    waiting_since: date | None

    @property
    def uninvoiced(self) -> Decimal:
        """The units that arrived, were kept, and that nobody billed."""
        return max(self.quantity - self.invoiced, ZERO)


def arrivals(purchase: Purchase) -> tuple[Arrival, ...]:
    """Return what of each product arrived and was kept, by SKU."""
    billed = by_product(line for invoice in purchase.invoices for line in invoice.lines)
    received = by_product(purchase.receipts)
    found = (_arrival(product, receipts, billed[product]) for product, receipts in received.items())
    return tuple(sorted((one for one in found if one), key=lambda one: (one.sku, one.product_id)))


def _arrival(product_id: str, receipts: Sequence[Receipt], billed: Sequence[PurchaseLine]) -> Arrival | None:
    came = sorted((one for one in receipts if one.quantity > 0), key=lambda one: (one.day, one.sku))
    kept = sum((one.quantity for one in receipts), ZERO)
    if kept <= 0:
        return None
    sent_back = sum((one.quantity for one in came), ZERO) - kept
    invoiced = _invoiced(billed, sent_back)
    return Arrival(
        product_id=product_id,
        sku=came[-1].sku,
        quantity=kept,
        sent_back=sent_back,
        invoiced=invoiced,
        first=came[0].day,
        last=came[-1].day,
        waiting_since=_waiting_since(came, kept - invoiced),
    )


def _invoiced(billed: Sequence[PurchaseLine], sent_back: Decimal) -> Decimal:
    invoiced = sum((line.quantity for line in billed if line.quantity > 0), ZERO)
    credited = -sum((line.quantity for line in billed if line.quantity < 0), ZERO)
    return invoiced - min(credited, sent_back)


def _waiting_since(came: Sequence[Receipt], left: Decimal) -> date | None:
    """Return the day of the receipt, from the newest one back, that the units nobody billed reach to."""
    if left <= 0:
        return None
    for receipt in reversed(came):
        left -= receipt.quantity
        if left <= 0:
            return receipt.day
    return came[0].day
