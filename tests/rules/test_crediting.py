"""What a refund was for: told by the amount, the invoices and the returns alone, or asked of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.crediting import beyond_its_invoice, credit_differences, to_credit
from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.invoicing import to_invoice
from actors.domain.order import Order, ReturnItem
from actors.domain.returning import Refund
from actors.domain.sale import Row
from actors.domain.vouchers import CreditVoucher, Restock
from tests.books_builder import NOTHING, REFUND_CHARGE, SALE_ID, Posted, invoice_of, note_of, posted, shown
from tests.orders_builder import LOCATION, ORDER_ID, REDUCED, ZERO, custom_line, gift, line, plain_order, shipment
from tests.rules.test_money_examples import POSTED, dinar, groups, two_rates_discounted

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


@pytest.mark.parametrize(
    ("order", "amount", "rows"),
    [
        (TWO, 300, "Refund 1×2.50 [0.42] · Refund 1×0.50 [0.02]"),
        (plain_order(("A", 2, 1000)), 1, "Refund 1×0.01 [0.00]"),
        (plain_order(("A", 2, 1000), rate="0.19", included=False), 1190, "Refund 1×10.00 [1.90]"),
        (plain_order(("A", 3, 298), rate="0.1", currency="JPY"), 300, "Refund 1×300.00 [27.00]"),
        (plain_order(("A", 1, 2000), custom=(custom_line("gift-card", 1, -1000, ZERO),)), 600, "Refund 1×6.00 [1.00]"),
    ],
    ids=["over two rules", "a penny", "exclusive", "no decimals", "never to what was paid with"],
)
def test_a_gesture_is_a_charge_of_each_rule(order: Order, amount: int, rows: str) -> None:
    made = voucher(credit(order, amount))

    assert text(made.rows) == rows
    assert made.restock == ()


def test_after_a_gesture_the_rest_is_the_invoice_less_the_gesture() -> None:
    gesture = voucher(credit(TWO, 300))
    rest = voucher(credit(TWO, 2695, noted(TWO, gesture)))

    assert text(rest.rows) == (
        "A 2×10.00 [3.33] · B 1×5.00 [0.24] · Shipping 1×4.95 [0.83] · Refund 1×-2.50 [-0.42] · Refund 1×-0.50 [-0.02]"
    )


# -- goods that came back --------------------------------------------------------------------------------------------


def restocked(made: CreditVoucher) -> dict[str, Decimal]:
    return {each.sku: each.quantity for each in made.restock}


@pytest.mark.parametrize(
    ("items", "amount", "units"),
    [
        ((back("A"),), 1000, {"A": 1}),
        ((back("A", 1, "BackInStock"),), 1000, {"A": 1}),
        ((back("A", 1, "Unusable"),), 1000, {}),
        ((back("A", 1, "Unusable"), back("A", 1)), 2000, {"A": 1}),
        ((back("A", 2), back("B")), 2995, {"A": 2, "B": 1}),
        ((), 2995, {}),
        ((back("A", 1, "Advised"),), 2995, {}),
    ],
    ids=["returned", "in stock", "unusable", "one of two unusable", "all of it", "all without goods", "on its way"],
)
def test_what_came_back_for_the_shelf_is_restocked(
    items: tuple[ReturnItem, ...], amount: int, units: dict[str, int]
) -> None:
    assert restocked(voucher(credit(with_returns(TWO, *items), amount))) == units


def test_a_restock_names_product_and_location() -> None:
    assert voucher(credit(with_returns(TWO, back("A")), 1000)).restock == (
        Restock(sku="A", product_id="product-A", name="Product A", quantity=Decimal(1), location=LOCATION),
    )


def test_what_nobody_shelves_is_not_restocked() -> None:
    order = with_returns(TWO, back("A"))
    sale = posted(order)
    service = {**sale.products, "A": msgspec.structs.replace(sale.products["A"], type="Service")}

    assert voucher(credit(order, 1000, products=service)).restock == ()


def test_the_next_return_is_credited_by_itself_and_the_last_brings_the_cents() -> None:
    """Three for 10.00, sent back one by one, beside another line that stays."""
    order = plain_order(line("A", 3, 0, total=1000), ("B", 1, 500))
    vouchers: list[CreditVoucher] = []
    for count, amount in ((1, 333), (2, 333), (3, 334)):
        vouchers.append(voucher(credit(with_returns(order, back("A", count)), amount, noted(order, *vouchers))))

    assert [text(made.rows) for made in vouchers] == [
        "A 1×3.33 [0.56]",
        "A 1×3.33 [0.55]",
        "A 1×3.33 [0.56] · Rounding 1×0.01 [0.00]",
    ]
    assert [restocked(made) for made in vouchers] == [{"A": 1}] * 3


def test_what_a_person_restocked_is_not_restocked_again() -> None:
    order = with_returns(TWO, back("A", 2))
    by_hand = note_of(posted(order).sold, (), 1, {"A": Decimal(1)})

    assert restocked(voucher(credit(order, 2000, [by_hand]))) == {"A": 1}


def test_no_more_is_restocked_than_the_note_credits() -> None:
    """One of two was credited by hand, and not restocked: that one is a person's."""
    order = with_returns(TWO, back("A", 2))
    by_hand = msgspec.structs.replace(
        noted(order, voucher(credit(with_returns(TWO, back("A")), 1000)))[0], restocked={}
    )

    assert restocked(voucher(credit(order, 1000, [by_hand]))) == {"A": 1}


def test_a_void_note_credits_nothing() -> None:
    order = with_returns(TWO, back("A"))
    made = voucher(credit(order, 1000))
    void = msgspec.structs.replace(noted(order, made)[0], status="VOIDED")

    assert credit(order, 1000, [void]) == made


# -- what a person finds out -----------------------------------------------------------------------------------------


UNKNOWN_LINE = msgspec.structs.replace(back("A"), line_id="custom-line")


@pytest.mark.parametrize(
    ("order", "amount", "code", "words"),
    [
        (TWO, 2996, "credit_exceeds_invoice", "29.96 was given back, and 29.95 is invoiced"),
        (TWO, 440, "refund_unallocated", "exactly the tax that is left"),
        (TWO, 24, "refund_unallocated", "exactly the tax that is left"),
        (TWO, 416, "refund_unallocated", "exactly the tax that is left"),
        (with_returns(TWO, back("A", 2)), 1000, "refund_unallocated", "the returned pieces 20.00"),
        (with_returns(TWO, back("A")), 1100, "refund_unallocated", "goods came back that no note credits"),
        (with_returns(TWO, back("A", 1, "Advised")), 1000, "refund_unallocated", "on their way back"),
        (with_returns(TWO, UNKNOWN_LINE), 1000, "refund_unallocated", "goods came back"),
        (with_returns(TWO, back("A", 3)), 1000, "refund_unallocated", "goods came back"),
        (with_returns(plain_order(("A", 3, 495), shipping=495), back("A")), 495, "refund_unallocated",
         "the returned pieces and the shipping less its discount and the shipping come to it alike"),
    ],
    ids=["too much", "all tax", "tax of one rule", "tax of the other", "an exchange", "more than what came back",
         "advised", "of an unknown line", "more came back than was sold", "alike"],
)  # fmt: skip
def test_what_is_not_told_by_the_amount_is_asked(order: Order, amount: int, code: str, words: str) -> None:
    answer = found(credit(order, amount))

    assert answer.code == code
    assert words in answer.cause
    assert answer.field == PAID_BACK
    assert {"given back", "invoiced", "credited", "left", "left, rows"} <= answer.facts.keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refund_charge": ""}, "no service product is known"),
        ({"refund_charge": "Goodwill"}, "no service product is known"),
        ({"refund": refund_of(300, "EUR")}, "it is in EUR"),
        ({"invoices": ()}, "nothing is invoiced yet"),
    ],
)
def test_what_hinders_any_note(changes: dict[str, Any], words: str) -> None:
    answer = found(credit(TWO, 300, **changes))

    assert answer.code == "refund_unallocated"
    assert words in answer.cause


def test_a_draft_invoice_is_none() -> None:
    there = msgspec.structs.replace(all_invoiced(posted(TWO)), status="DRAFT", memo=f"ct-order:{ORDER_ID}#1")

    assert "nothing is invoiced yet" in found(credit(TWO, 300, invoices=(there,))).cause


def test_credits_go_no_further_than_what_is_invoiced_of_it() -> None:
    """Of two A one is invoiced: the return of both waits for the other."""
    sale = posted(TWO)
    first = to_invoice(sale.sold, (), {"A": Decimal(1)}, products=sale.products, services=sale.services)
    assert not isinstance(first, Finding)
    there = (invoice_of(sale.sold, first),)

    assert text(voucher(credit(with_returns(TWO, back("A")), 1000, invoices=there)).rows) == "A 1×10.00 [1.67]"
    assert found(credit(with_returns(TWO, back("A", 2)), 2000, invoices=there)).code == "credit_exceeds_invoice"
    assert "goods came back" in found(credit(with_returns(TWO, back("A", 2)), 1200, invoices=there)).cause


def test_a_charge_that_was_not_invoiced_is_not_credited() -> None:
    sale = posted(TWO)
    goods = [row for row in sale.sold.rows if row.sku == "A"]

    made = voucher(credit(TWO, 495, invoices=(invoice_of(sale.sold, goods),)))

    assert text(made.rows) == "Refund 1×4.95 [0.82]"


def test_a_gift_that_was_not_invoiced_is_not_credited() -> None:
    order = plain_order(("A", 1, 3000), gift("G", 2), shipping=495)
    sale = posted(order)
    first = [row for row in sale.sold.rows if row.sku != "G"]
    sent_back = with_returns(order, back("A"), back("G"))

    assert "goods came back" in found(credit(sent_back, 3000, invoices=(invoice_of(sale.sold, first),))).cause
    assert text(voucher(credit(sent_back, 3000)).rows) == "A 1×30.00 [5.00] · G 1×6.50 [0.00]"


def test_a_gift_is_no_second_answer() -> None:
    """All that is left is the shipping and a gift that cost nothing: the money was for either, and it is the same."""
    made = voucher(credit(plain_order(gift("G", 1), shipping=495), 495))

    assert text(made.rows) == "G 1×6.50 [0.00] · Shipping 1×4.95 [0.83]"


def test_what_a_gesture_took_of_a_rule_is_not_credited_again() -> None:
    """The shipping is 4.95 of its rule, of which a gesture left 2.97."""
    order = plain_order(("A", 1, 2000), shipping=shipment(495, rate=REDUCED))
    gesture = voucher(credit(order, 1000))

    assert text(gesture.rows) == "Refund 1×8.02 [1.34] · Refund 1×1.98 [0.10]"
    assert (
        text(voucher(credit(order, 495, noted(order, gesture))).rows) == "Refund 1×3.97 [0.66] · Refund 1×0.98 [0.05]"
    )


def test_a_gesture_in_thousandths_is_a_persons() -> None:
    order = dinar(("A", 4, 2750), shipping=1500)

    assert "does not divide" in found(credit(order, 1255)).cause
    assert text(voucher(credit(order, 1250)).rows) == "Refund 1×1.25 [0.00]"


def test_what_was_split_over_invoices_is_credited_in_one() -> None:
    """The discount of B stands on two invoices, and is credited with both of them at once."""
    sale = posted(CUT)
    invoices: list[Invoice] = []
    for units in ({"B": Decimal(1)}, None):
        rows = to_invoice(sale.sold, invoices, units, products=sale.products, services=sale.services)
        assert not isinstance(rows, Finding)
        invoices.append(invoice_of(sale.sold, rows, len(invoices) + 1))
    first = voucher(credit(with_returns(CUT, back("B", 2)), 2692, invoices=invoices))

    rest = voucher(credit(with_returns(CUT, back("B", 2)), 3903, noted(CUT, first), invoices))

    assert text(first.rows) == "B 2×15.50 [1.48] · Discount 1×-4.08 [-0.20]"
    assert text(rest.rows) == "A 1×40.00 [6.67] · Shipping 1×4.95 [0.83] · Discount 1×-5.92 [-0.99]"


@pytest.mark.parametrize(
    "strange", [{"sku": "X"}, {"name": "Mistake", "is_charge": True, "quantity": NOTHING, "total": NOTHING}]
)
def test_what_a_person_credited_beside_the_sale_is_not_made_up_for(strange: dict[str, Any]) -> None:
    row = msgspec.structs.replace(posted(TWO).sold.rows[1], **strange)
    by_hand = msgspec.structs.replace(note_of(posted(TWO).sold, ()), rows=(row,))

    answer = found(credit(TWO, 2995 - int(row.total * 100), [by_hand]))

    assert "not what rows of the sale can say" in answer.cause


def test_a_note_of_other_prices_is_left_to_a_person() -> None:
    sale = posted(TWO)
    row = msgspec.structs.replace(sale.sold.rows[0], quantity=Decimal(1), price=Decimal(9), total=Decimal(9))
    by_hand = msgspec.structs.replace(note_of(sale.sold, ()), rows=(row,), total=Decimal(9))

    answer = found(credit(TWO, 2095, [by_hand]))

    assert answer.code == "refund_unallocated"
    assert "not what rows of the sale can say" in answer.cause


def test_a_figure_that_is_none_is_left_to_a_person() -> None:
    there = all_invoiced(posted(TWO))
    broken = msgspec.structs.replace(there, rows=(msgspec.structs.replace(there.rows[0], tax=Decimal("NaN")),))

    assert "cannot be calculated with" in found(credit(TWO, 300, invoices=(broken,))).cause


@pytest.mark.parametrize(("unknown", "code"), [("products", "sku_unknown"), ("services", "charge_unknown")])
def test_what_cin7_does_not_have_any_more_is_told(unknown: str, code: str) -> None:
    changes: dict[str, Any] = {unknown: {}}

    assert found(credit(TWO, 2995, **changes)).code == code


def test_a_gesture_whose_product_is_gone_is_not_taken_back() -> None:
    notes = noted(TWO, voucher(credit(TWO, 300)))
    services = {name: made for name, made in posted(TWO).services.items() if name != REFUND_CHARGE}

    assert "no known service product" in found(credit(TWO, 2695, notes, services=services)).cause


def split(order: Order) -> tuple[Invoice, Invoice]:
    """The invoices of an order of which B left first."""
    sale = posted(order)
    first = to_invoice(sale.sold, (), {"B": Decimal(1)}, products=sale.products, services=sale.services)
    assert not isinstance(first, Finding)
    one = invoice_of(sale.sold, first)
    second = to_invoice(sale.sold, (one,), None, products=sale.products, services=sale.services)
    assert not isinstance(second, Finding)
    return one, invoice_of(sale.sold, second, 2)


def test_the_note_names_an_invoice_that_has_enough_left() -> None:
    both = split(TWO)
    assert voucher(credit(TWO, 495, invoices=both)).invoice_number == "INV-00001"
    assert voucher(credit(with_returns(TWO, back("A", 2)), 2000, invoices=both)).invoice_number == "INV-00002"


def test_what_goes_beyond_each_of_several_invoices_is_told_rather_than_refused() -> None:
    both = split(TWO)
    whole, part = voucher(credit(TWO, 2995, invoices=both)), voucher(credit(TWO, 495, invoices=both))
    told = beyond_its_invoice(whole, Decimal("29.95"), both, ())
    assert told is not None
    assert (told.code, set(told.facts)) == ("credit_exceeds_invoice", {"left of INV-00001", "left of INV-00002"})
    assert beyond_its_invoice(part, Decimal("4.95"), both, ()) is None
    credited = msgspec.structs.replace(noted(TWO, part)[0], invoice_number=part.invoice_number)
    assert beyond_its_invoice(part, both[0].total, both, (credited,)) is not None


def test_the_note_is_in_the_sales_rate_and_account() -> None:
    sale = posted(TWO)
    sold = msgspec.structs.replace(sale.sold, rate=Decimal("1.25"))
    made = to_credit(
        TWO, sold, [all_invoiced(sale)], (), refund_of(2995), sale_id=SALE_ID, products=sale.products,
        services=sale.services, refund_charge=REFUND_CHARGE, location=LOCATION, day=DAY, account="200",
    )  # fmt: skip

    assert (voucher(made).rate, voucher(made).account) == (Decimal("1.25"), "200")


def test_an_answer_that_shows_something_else_is_told_by_its_figures() -> None:
    made = voucher(credit(TWO, 2995))
    (note,) = noted(TWO, made)
    other = msgspec.structs.replace(note, total=Decimal("29.96"))

    assert credit_differences(made.rows, note, tax_inclusive=True) == ()
    assert [one.component for one in credit_differences(made.rows, other, tax_inclusive=True)] == ["total"]
