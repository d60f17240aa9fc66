"""Builds what the books are held against: the sale of an order as it was posted, its invoices and its credit notes.

A Cin7 that takes every figure as given shows them; what they add up to is worked out here, not by the code under test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from actors.domain.facts import Facts, Product
from actors.domain.figures import Sold
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order
from actors.domain.prediction import Prediction, predict
from actors.domain.rows import OrderRow
from actors.domain.sale import Row, RowKind
from tests.orders_builder import answer_for, facts_for, rules_for, service

NOTHING = Decimal(0)
SALE_ID = "sale-1"
REFUND_CHARGE = "Refund"


class Posted(NamedTuple):
    """An order that is a sale: the order, its order document, and what Cin7 has of products and services."""

    order: Order
    sold: Sold
    products: Mapping[str, Product]
    services: Mapping[str, Product]


def sold_of(prediction: Prediction) -> Sold:
    answer = answer_for(prediction)
    return Sold(
        rows=answer.rows,
        tax_inclusive=prediction.tax_inclusive,
        currency=prediction.currency,
        net=answer.net,
        tax=answer.tax,
        total=answer.total,
        charges={row.sku: row.kind.value for row in prediction.rows if row.kind is not RowKind.LINE},
        whole_only=prediction.whole_only,
    )


def posted(order: Order, facts: Facts | None = None) -> Posted:
    known = facts if facts is not None else facts_for(order)
    prediction = predict(order, known, rules_for(order))
    assert isinstance(prediction, Prediction), prediction
    services = {**known.services, REFUND_CHARGE: service(REFUND_CHARGE)}
    return Posted(order, sold_of(prediction), known.products, services)


def shown(row: Row) -> OrderRow:
    """Show a row as a Cin7 that takes it as given."""
    return OrderRow(
        sku=row.sku if row.kind is RowKind.LINE else "",
        name=row.name,
        quantity=row.quantity,
        price=row.price,
        tax=row.tax,
        tax_rule=row.tax_rule,
        total=row.quantity * row.price * (100 - row.discount) / 100,
        discount=row.discount,
        is_charge=row.kind is not RowKind.LINE,
    )


class Summed(NamedTuple):
    """What rows come to."""

    net: Decimal
    tax: Decimal
    total: Decimal


def summed(rows: Iterable[OrderRow], *, inclusive: bool) -> Summed:
    listed = list(rows)
    amount, tax = sum((row.total for row in listed), NOTHING), sum((row.tax for row in listed), NOTHING)
    return Summed(amount - tax, tax, amount) if inclusive else Summed(amount, tax, amount + tax)


def invoice_of(sold: Sold, rows: Sequence[Row] | Sequence[OrderRow], number: int = 1, **changes: Any) -> Invoice:
    lines = tuple(shown(row) if isinstance(row, Row) else row for row in rows)
    net, tax, total = summed(lines, inclusive=sold.tax_inclusive)
    made = Invoice(
        task_id=f"invoice-{number}",
        number=f"INV-{number:05d}",
        status="AUTHORISED",
        rows=lines,
        net=net,
        tax=tax,
        total=total,
    )
    return msgspec.structs.replace(made, **changes)


def note_of(
    sold: Sold, rows: Sequence[Row], number: int = 1, restocked: Mapping[str, Decimal] | None = None, **changes: Any
) -> CreditNote:
    lines = tuple(shown(row) for row in rows)
    net, tax, total = summed(lines, inclusive=sold.tax_inclusive)
    credited: dict[str, Decimal] = {}
    for line in lines:
        if not line.is_charge:
            credited[line.sku] = credited.get(line.sku, NOTHING) + line.quantity
    made = CreditNote(
        task_id=f"note-{number}",
        number=f"CR-{number:05d}",
        status="AUTHORISED",
        invoice_number="INV-00001",
        rows=lines,
        net=net,
        tax=tax,
        total=total,
        credited=credited,
        restocked=dict(restocked or {}),
    )
    return msgspec.structs.replace(made, **changes)


def by_rule(rows: Iterable[OrderRow]) -> dict[str, tuple[Decimal, Decimal]]:
    """Amount and tax by tax rule; rules that come to nothing are left out."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        amount, tax = found.get(row.tax_rule, (NOTHING, NOTHING))
        found[row.tax_rule] = (amount + row.total, tax + row.tax)
    return {rule: both for rule, both in found.items() if any(both)}
