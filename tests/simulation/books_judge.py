"""The books by the doubles' own: one document for everything that happened, each found by its mark, none beside it.

Nothing here asks the daemon what it believes it posted.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from actors.domain.references import credit_mark, external_id, invoice_mark
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.commercetools import CommercetoolsDouble
from tests.simulation.laws import minor


def assert_books_posted(cin7: Cin7Double, shop: CommercetoolsDouble) -> Counter[str]:
    """Every order that stands has exactly its documents. Return how many there are of each kind."""
    counted: Counter[str] = Counter()
    for order in shop.orders.values():
        if order["orderState"] != "Cancelled":
            counted.update(_judged(cin7, shop, order))
    return counted


def _judged(cin7: Cin7Double, shop: CommercetoolsDouble, order: dict[str, Any]) -> Counter[str]:
    number, [sale] = order["orderNumber"], cin7.live_sales(external_id=external_id(order["id"], 1))
    charged, given_back = moved(shop, order, "Charge"), moved(shop, order, "Refund")
    invoices = [one for one in cin7.invoices(sale.id) if one.stands]
    notes = [one for one in cin7.credit_notes(sale.id) if one.stands]
    assert [one.memo for one in invoices] == [invoice_mark(order["id"], 1, 1)], f"{number}: {_memos(invoices)}"
    assert (invoices[0].net, invoices[0].tax, invoices[0].total) == (sale.net, sale.tax, sale.total), number
    assert invoices[0].total == minor(order["taxedPrice"]["totalGross"]), f"{number}: {invoices[0].total} invoiced"
    paid = sorted((one.reference, one.amount) for one in invoices[0].payments)
    assert paid == sorted(charged.items()), f"{number}: paid {paid}, charged {charged}"
    credited = sorted((one.memo, one.total) for one in notes)
    owed = sorted((credit_mark(order["id"], refund), amount) for refund, amount in given_back.items())
    assert credited == owed, f"{number}: credited {credited}, owed {owed}"
    back = sorted((one.reference, one.amount) for note in notes for one in note.refunds)
    assert back == sorted(given_back.items()), f"{number}: paid back {back}, given back {given_back}"
    return Counter(invoice=1, payment=len(paid), credit_note=len(notes), refund=len(back))


def moved(shop: CommercetoolsDouble, order: dict[str, Any], type_: str) -> dict[str, Decimal]:
    """Return what was charged, or given back, of an order: amounts by transaction."""
    payments = [shop.payments[one["id"]] for one in order.get("paymentInfo", {}).get("payments", [])]
    return {
        one["id"]: minor(one["amount"])
        for payment in payments
        for one in payment["transactions"]
        if (one["type"], one["state"]) == (type_, "Success")
    }


def _memos(invoices: list[Any]) -> list[str]:
    return [f"{one.number} {one.memo}" for one in invoices]
