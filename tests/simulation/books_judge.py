"""The books by the doubles' own: one document for everything that happened, each found by its mark, none beside it.

Nothing here asks the daemon what it believes it posted.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from actors.domain.references import credit_mark, invoice_mark
from tests.simulation.laws import minor, sale_of
from tests.simulation.world import World


def assert_books_posted(world: World, order_ids: list[str] | None = None) -> Counter[str]:
    """Every standing order (or each one named) has exactly its documents. Return how many there are of each kind."""
    counted: Counter[str] = Counter()
    for order_id in world.shop.orders if order_ids is None else order_ids:
        order = world.shop.orders[order_id]
        if order["orderState"] != "Cancelled":
            counted.update(_judged(world, order))
    return counted


def _judged(world: World, order: dict[str, Any]) -> Counter[str]:
    number, [sale] = order["orderNumber"], sale_of(world, order)
    charged, given_back = moved(world, order, "Charge"), moved(world, order, "Refund")
    invoices = [one for one in world.cin7.invoices(sale.id) if one.stands]
    notes = [one for one in world.cin7.credit_notes(sale.id) if one.stands]
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


def moved(world: World, order: dict[str, Any], type_: str) -> dict[str, Decimal]:
    """Return what was charged, or given back, of an order: amounts by transaction."""
    payments = [world.shop.payments[one["id"]] for one in order.get("paymentInfo", {}).get("payments", [])]
    return {
        one["id"]: minor(one["amount"])
        for payment in payments
        for one in payment["transactions"]
        if (one["type"], one["state"]) == (type_, "Success")
    }


def _memos(invoices: list[Any]) -> list[str]:
    return [f"{one.number} {one.memo}" for one in invoices]
