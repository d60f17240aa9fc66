"""What people read of a purchase: what it brings, what was billed at which rate, and what its goods cost, landed.

Everything comes from the file, as Cin7 Core showed it last. Figures are text, as exact as they are kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from actors.domain.purchase import CostPart, JournalLine, LandedCost, Purchase, PurchaseInvoice
from daemon.instants import text_of
from storage import exceptions, purchases
from storage.purchases import PurchaseRow

Document = dict[str, Any]


def purchase_view(connection: sqlite3.Connection, number: str) -> Document | None:
    """Return a purchase by its number; None when none was ever listed under it."""
    row = purchases.by_number(connection, number)
    if row is None:
        return None
    found = exceptions.of_record(connection, "purchase", row.id)
    first = purchases.first_units(connection, row.id)
    return {
        **_listed(row),
        **(_read(row.value) if row.value is not None else {}),
        "landed_costs": [
            {**landed_view(cost), "first_unit": _figure(first.get(cost.sku))}
            for cost in purchases.costs_of(connection, row.id)
        ],
        "exceptions": [{"id": one.id, "type": one.type, "cause": one.cause} for one in found if one.state == "open"],
    }


def _listed(row: PurchaseRow) -> Document:
    return {
        "id": row.id,
        "number": row.number,
        "kind": row.kind,
        "status": row.status,
        "supplier": row.supplier,
        "currency": row.currency,
        "updated_at": text_of(row.updated_at),
        "read_at": text_of(row.read_at),
    }


def _read(purchase: Purchase) -> Document:
    return {
        "base_currency": purchase.base_currency,
        "rate": _figure(purchase.rate),
        "ordered_on": _day(purchase.ordered_on),
        "required_by": _day(purchase.required_by),
        "location": purchase.location,
        "lines": _lines(purchase),
        "invoices": [_invoice(one) for one in purchase.invoices],
        "journals": [_journal(one) for one in purchase.journals if not one.system],
    }


def _lines(purchase: Purchase) -> list[Document]:
    """Put beside each other what was ordered, received and billed of each SKU, in units."""
    ordered = _by_sku((line.sku, line.quantity) for line in purchase.ordered)
    received = _by_sku((one.sku, one.quantity) for one in purchase.receipts)
    billed = _by_sku((line.sku, line.quantity) for one in purchase.invoices for line in one.lines)
    return [
        {
            "sku": sku,
            "ordered": f"{ordered.get(sku, Decimal(0)):f}",
            "received": f"{received.get(sku, Decimal(0)):f}",
            "invoiced": f"{billed.get(sku, Decimal(0)):f}",
        }
        for sku in sorted({*ordered, *received, *billed})
    ]


def _by_sku(units: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for sku, quantity in units:
        found[sku] = found.get(sku, Decimal(0)) + quantity
    return found


def _invoice(one: PurchaseInvoice) -> Document:
    return {
        "number": one.number,
        "day": _day(one.day),
        "rate": _figure(one.rate),
        "goods": f"{sum((line.total for line in one.lines), Decimal(0)):f}",
        "charges": [{"what": each.what, "total": f"{each.total:f}", "account": each.account} for each in one.charges],
    }


def _journal(one: JournalLine) -> Document:
    return {
        "reference": one.reference,
        "amount": f"{one.amount:f}",
        "day": _day(one.day),
        "debit": one.debit,
        "credit": one.credit,
    }


def landed_view(cost: LandedCost) -> Document:
    """Return what a SKU of a purchase cost, with the parts that its value is made of."""
    return {
        "sku": cost.sku,
        "purchase": cost.number,
        "day": _day(cost.day),
        "quantity": f"{cost.quantity:f}",
        "value": f"{cost.value:f}",
        "unit": f"{cost.unit:f}",
        "currency": cost.currency,
        "invoiced": cost.invoiced,
        "parts": [_part(part) for part in cost.parts],
    }


def _part(part: CostPart) -> Document:
    return {
        "kind": part.kind.value,
        "what": part.what,
        "reference": part.reference,
        "amount": f"{part.amount:f}",
        "currency": part.currency,
        "rate": _figure(part.rate),
        "base": f"{part.base:f}",
    }


def _figure(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
