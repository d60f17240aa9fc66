"""What a refund was for: told by the amount, the invoices and the returns alone, or asked of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import pytest

from actors.domain.crediting import to_credit
from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.invoicing import to_invoice
from actors.domain.order import Order, ReturnItem
from actors.domain.returning import Refund
from actors.domain.sale import Row
from actors.domain.vouchers import CreditVoucher
from tests.books_builder import REFUND_CHARGE, SALE_ID, Posted, invoice_of, note_of, posted, shown
from tests.orders_builder import LOCATION, ORDER_ID, REDUCED, line, plain_order
from tests.rules.test_money_examples import POSTED, groups, two_rates_discounted

DAY = date(2026, 12, 30)
PAID_BACK = "paid-back-0001"


def refund_of(amount: int, currency: str = "GBP", name: str = PAID_BACK) -> Refund:
    return Refund(
        transaction_id=name,
        payment_id="payment-1",
        interaction_id="psp-1",
        amount=amount,
        currency=currency,
        state="Success",
        credit_note=None,
    )


def back(sku: str, quantity: int = 1, state: str = "Returned") -> ReturnItem:
    return ReturnItem(id=f"return-{sku}-{state}", key="", line_id=f"line-{sku}", quantity=quantity, state=state)


def with_returns(order: Order, *items: ReturnItem) -> Order:
    return msgspec.structs.replace(order, returns=items)


def all_invoiced(sale: Posted) -> Invoice:
    made = to_invoice(sale.sold, (), None, products=sale.products, services=sale.services)
    assert not isinstance(made, Finding), made
    return invoice_of(sale.sold, made)


def credit(
    order: Order,
    amount: int,
    notes: Sequence[CreditNote] = (),
    invoices: Sequence[Invoice] | None = None,
    **changes: Any,
) -> CreditVoucher | Finding:
    """Credit a refund of an order that is invoiced whole, where nothing else is said."""
    sale = posted(order)
    refund = changes.pop("refund", refund_of(amount, order.currency))
    known: dict[str, Any] = {
        "sale_id": SALE_ID,
        "products": sale.products,
        "services": sale.services,
        "refund_charge": REFUND_CHARGE,
        "location": LOCATION,
        "day": DAY,
    }
    there = invoices if invoices is not None else (all_invoiced(sale),)
    return to_credit(order, sale.sold, there, notes, refund, **{**known, **changes})


def voucher(answer: CreditVoucher | Finding) -> CreditVoucher:
    assert isinstance(answer, CreditVoucher), answer
    return answer


def found(answer: CreditVoucher | Finding) -> Finding:
    assert isinstance(answer, Finding), answer
    return answer


def text(rows: Sequence[Row]) -> str:
    return " · ".join(f"{row.sku} {row.quantity}×{row.price} [{row.tax}]" for row in rows)


def noted(order: Order, *vouchers: CreditVoucher) -> list[CreditNote]:
    """Show the notes as a Cin7 that takes them as given."""
    sold = posted(order).sold
    return [
        note_of(sold, made.rows, number, {each.sku: each.quantity for each in made.restock}, memo=made.memo)
        for number, made in enumerate(vouchers, 1)
    ]


TWO = plain_order(("A", 2, 1000), line("B", 1, 500, rate=REDUCED), shipping=495)
"""29.95: two A at 20 %, a B at 5 %, shipping."""
CUT = two_rates_discounted()
"""65.95 after 10.00 off: A 40.00, two B 15.50, shipping 4.95."""


@pytest.mark.parametrize("order", [case[1] for case in POSTED], ids=[case[0] for case in POSTED])
def test_all_of_an_example_is_credited_as_it_was_invoiced(order: Order) -> None:
    sale = posted(order)

    made = voucher(credit(order, order.payable))

    assert tuple(shown(row) for row in made.rows) == sale.sold.rows
    assert made.restock == ()
    assert (made.sale_id, made.day, made.invoice_number) == (SALE_ID, DAY, "INV-00001")
    assert made.memo == f"ct-order:{ORDER_ID}#{PAID_BACK}"


@pytest.mark.parametrize(
    ("order", "amount", "rows"),
    [
        (with_returns(TWO, back("A")), 1000, "A 1×10.00 [1.67]"),
        (with_returns(TWO, back("A"), back("B")), 1500, "A 1×10.00 [1.67] · B 1×5.00 [0.24]"),
        (with_returns(TWO, back("A")), 1495, "A 1×10.00 [1.67] · Shipping 1×4.95 [0.83]"),
        (with_returns(CUT, back("A")), 3473, "A 1×40.00 [6.67] · Discount 1×-5.27 [-0.88]"),
        (with_returns(CUT, back("B")), 1346, "B 1×15.50 [0.74] · Discount 1×-2.04 [-0.10]"),
        (with_returns(groups((4, 799), (3, 0)), back("A", 6)), 2736, "A 6×4.56 [4.56]"),
        (TWO, 495, "Shipping 1×4.95 [0.83]"),
        (CUT, 430, "Shipping 1×4.95 [0.83] · Discount 1×-0.65 [-0.11]"),
        (CUT, 495, "Shipping 1×4.95 [0.83]"),
    ],
    ids=["one", "two lines", "with shipping", "less its discount", "one of two less its discount", "a part of a deal",
         "shipping", "shipping less its discount", "shipping as charged"],
)  # fmt: skip
def test_what_the_money_was_for_is_told_by_the_amount(order: Order, amount: int, rows: str) -> None:
    assert text(voucher(credit(order, amount)).rows) == rows
