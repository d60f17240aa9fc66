"""What an invoice holds: whole prices, tax cumulated, charges with the first piece, the cents with the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice
from actors.domain.invoicing import to_invoice
from actors.domain.order import Order
from actors.domain.sale import Row
from tests.books_builder import Posted, invoice_of, posted, shown, summed
from tests.rules.test_money_examples import POSTED, groups

Units = Mapping[str, int]


def invoiced(
    sale: Posted, invoices: Sequence[Invoice] = (), units: Units | None = None, **changes: Any
) -> tuple[Row, ...] | Finding:
    wanted = None if units is None else {sku: Decimal(count) for sku, count in units.items()}
    known: dict[str, Any] = {"products": sale.products, "services": sale.services, **changes}
    return to_invoice(sale.sold, invoices, wanted, **known)


def rows(answer: tuple[Row, ...] | Finding) -> tuple[Row, ...]:
    assert not isinstance(answer, Finding), answer
    return answer


def found(answer: tuple[Row, ...] | Finding) -> Finding:
    assert isinstance(answer, Finding), answer
    return answer


def written(some: Sequence[Row]) -> str:
    return " · ".join(f"{row.sku} {row.quantity}×{row.price} [{row.tax}]" for row in some)


def in_parts(sale: Posted, *steps: Units | None) -> list[str]:
    """Invoice step by step; return the rows of each."""
    invoices: list[Invoice] = []
    texts = []
    for step in steps:
        made = rows(invoiced(sale, invoices, step))
        texts.append(written(made))
        invoices.append(invoice_of(sale.sold, made, len(invoices) + 1))
    return texts


@pytest.mark.parametrize("order", [case[1] for case in POSTED], ids=[case[0] for case in POSTED])
def test_an_example_is_invoiced_as_it_was_posted(order: Order) -> None:
    sale = posted(order)

    made = rows(invoiced(sale))

    assert tuple(shown(row) for row in made) == sale.sold.rows
    assert summed(map(shown, made), inclusive=sale.sold.tax_inclusive) == (
        sale.sold.net, sale.sold.tax, sale.sold.total
    )  # fmt: skip
    assert all(row.product_id for row in made)
    assert rows(invoiced(sale, [invoice_of(sale.sold, made)])) == ()


def test_the_tax_of_pieces_is_cumulated_and_the_cents_go_with_the_last() -> None:
    assert in_parts(posted(groups((4, 799), (3, 0))), {"A": 1}, {"A": 2}, {"A": 7}) == [
        "A 1×4.56 [0.76]",
        "A 1×4.56 [0.76]",
        "A 5×4.56 [3.80] · Rounding 1×0.04 [0.01]",
    ]
