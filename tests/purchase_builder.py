"""Purchases for tests: EUR goods for books in GBP, inventory on account 630, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from actors.domain.purchase import (
    JournalLine,
    Movement,
    Purchase,
    PurchaseCharge,
    PurchaseInvoice,
    PurchaseKind,
    PurchaseLine,
    Receipt,
)

STOCK = "630"
Figure = str | int | Decimal
DAY = date(2026, 11, 3)


def product(sku: str) -> str:
    """The id of the product: it tells SKUs apart, and sorts otherwise than they do."""
    return f"id-{sku[::-1]}"


def line(sku: str, quantity: Figure, total: Figure) -> PurchaseLine:
    return PurchaseLine(product_id=product(sku), sku=sku, quantity=Decimal(quantity), total=Decimal(total))


def charge(what: str, total: Figure, account: str = STOCK) -> PurchaseCharge:
    return PurchaseCharge(what=what, total=Decimal(total), account=account)


def receipt(sku: str, quantity: Figure, day: date = DAY, task: str = "R1") -> Receipt:
    return Receipt(task_id=task, day=day, product_id=product(sku), sku=sku, quantity=Decimal(quantity))


def movement(sku: str, value: Figure, day: date = DAY, task: str = "R1") -> Movement:
    return Movement(task_id=task, product_id=product(sku), day=day, value=Decimal(value))


def invoice(
    number: str,
    *lines: PurchaseLine,
    rate: Figure | None = None,
    charges: Sequence[PurchaseCharge] = (),
    day: date | None = DAY,
) -> PurchaseInvoice:
    return PurchaseInvoice(
        task_id=f"task-{number}",
        number=number,
        day=day,
        rate=None if rate is None else Decimal(rate),
        lines=lines,
        charges=tuple(charges),
    )


def journal(
    reference: str, amount: Figure, *, debit: str = STOCK, credit: str = "800", system: bool = False
) -> JournalLine:
    return JournalLine(reference=reference, amount=Decimal(amount), day=DAY, debit=debit, credit=credit, system=system)


def purchase(**given: Any) -> Purchase:
    usual: dict[str, Any] = {
        "id": "purchase-1",
        "number": "PO-00001",
        "kind": PurchaseKind.ADVANCED,
        "status": "ORDERED",
        "supplier": "Bayside Wholesale",
        "currency": "EUR",
        "base_currency": "GBP",
        "updated_at": 0,
        "location": "Main Warehouse",
        "inventory_account": STOCK,
        "rate": Decimal("0.86"),
        "ordered_on": date(2026, 10, 1),
        "required_by": date(2026, 12, 1),
    }
    return Purchase(**(usual | given))
