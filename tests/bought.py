"""Purchases as the procurement flow meets them: what a list shows, what is read, what follows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from actors.domain.purchase import Expected, LandedCost, Purchase, PurchaseKind, PurchaseMark
from tests.stored import NOW

DAY = 86_400_000
TODAY = date(2026, 12, 1)


def mark(purchase_id: str = "p1", *, updated_at: int = NOW - DAY, number: str = "") -> PurchaseMark:
    return PurchaseMark(
        id=purchase_id,
        number=number or f"PO-{purchase_id}",
        kind=PurchaseKind.ADVANCED,
        status="RECEIVING",
        supplier="Mill",
        currency="EUR",
        base_currency="GBP",
        updated_at=updated_at,
    )


def purchase(purchase_id: str = "p1", *, updated_at: int = NOW - DAY) -> Purchase:
    return Purchase(
        id=purchase_id,
        number=f"PO-{purchase_id}",
        kind=PurchaseKind.ADVANCED,
        status="RECEIVING",
        supplier="Mill",
        currency="EUR",
        base_currency="GBP",
        updated_at=updated_at,
        rate=Decimal("0.8500"),
    )


def cost(
    unit: str,
    *,
    sku: str = "A",
    purchase_id: str = "p1",
    day: date = TODAY,
    first: date | None = None,
    invoiced: bool = True,
    value: str = "10",
) -> LandedCost:
    return LandedCost(
        purchase_id=purchase_id,
        number=f"PO-{purchase_id}",
        sku=sku,
        product_id="i",
        first=first or day,
        day=day,
        quantity=Decimal(2),
        value=Decimal(value),
        unit=Decimal(unit),
        currency="GBP",
        parts=(),
        invoiced=invoiced,
    )


def brings(units: str, day: date | None, *, sku: str = "A", location: str = "Main") -> Expected:
    return Expected(sku=sku, location=location, units=Decimal(units), day=day)
