"""What an invoice holds: whole prices, tax cumulated, charges with the first piece, the cents with the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest

from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice
from actors.domain.invoicing import invoice_differences, to_invoice
from actors.domain.order import Order, TaxRate
from actors.domain.sale import Row
from tests.books_builder import NOTHING, Posted, by_rule, invoice_of, posted, shown, summed
from tests.orders_builder import (
    ORDER_ID,
    REDUCED,
    STANDARD,
    ZERO,
    added,
    custom_line,
    discounted,
    facts_for,
    fine_line,
    gift,
    line,
    plain_order,
)
from tests.rules.test_money_examples import NO_NEGATIVES, POSTED, TEN, groups, two_rates_discounted

Units = Mapping[str, int]


def invoiced(sale: Posted, invoices: Sequence[Invoice] = (), units: Units | None = None) -> tuple[Row, ...] | Finding:
    wanted = None if units is None else {sku: Decimal(count) for sku, count in units.items()}
    return to_invoice(sale.sold, invoices, wanted, products=sale.products, services=sale.services)


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


TWO_LINES = plain_order(("A", 2, 1000), line("B", 1, 500, rate=REDUCED), shipping=495, custom=(custom_line(),))
"""Two A at 20 %, a B at 5 %, gift wrap and shipping."""
FINE = plain_order(fine_line("A", 250, "3.99", rate=added(STANDARD)), line("B", 2, 1000, rate=added(STANDARD)))
"""250 A that are exact as a whole only, and two B."""
TINY = discounted(plain_order(("A", 1, 9), ("B", 1, 6), ("C", 1, 3)), 1, net=15, gross=17, portions={"standard": 2})
"""A discount of one cent with one of tax: A is half the amount, and a third of the tax."""


@pytest.mark.parametrize("rate", [ZERO, STANDARD])
def test_two_that_take_off_never_take_more_together_than_there_is(rate: TaxRate) -> None:
    """Each would round up with the second piece; by their own rule, or over all of the sale."""
    off = (custom_line("voucher", 1, -2, ZERO), custom_line("coupon", 1, -2, ZERO))
    sale = posted(plain_order(line("A", 5, 1, rate=rate), custom=off))

    texts = in_parts(sale, *({"A": count} for count in range(1, 6)))

    vouchers = [[part for part in text.split(" · ") if "-0.01" in part] for text in texts]
    assert [[part.split()[0] for part in each] for each in vouchers] == [
        ["coupon"],
        ["Voucher"],
        [],
        ["Voucher"],
        ["coupon"],
    ]


@pytest.mark.parametrize(
    ("order", "steps", "texts"),
    [
        (groups((4, 799), (3, 0)), [{"A": 1}, {"A": 2}, {"A": 7}],
         ["A 1×4.56 [0.76]", "A 1×4.56 [0.76]", "A 5×4.56 [3.80] · Rounding 1×0.04 [0.01]"]),
        (TWO_LINES, [{"B": 1}, {"A": 1, "B": 1}, {"A": 2, "B": 1}],
         ["B 1×5.00 [0.24] · Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]", "A 1×10.00 [1.67]",
          "A 1×10.00 [1.66]"]),
        (TWO_LINES, [{"A": 1}, None],
         ["A 1×10.00 [1.67] · Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]", "A 1×10.00 [1.66] · B 1×5.00 [0.24]"]),
        (two_rates_discounted(), [{"A": 1}, {"A": 1, "B": 1}, {"A": 1, "B": 2}],
         ["A 1×40.00 [6.67] · Shipping 1×4.95 [0.83] · Discount 1×-5.92 [-0.99]",
          "B 1×15.50 [0.74] · Discount 1×-2.04 [-0.10]", "B 1×15.50 [0.74] · Discount 1×-2.04 [-0.10]"]),
        (plain_order(("A", 4, 1000), custom=(custom_line("gift-card", 1, -1001, ZERO),)),
         [{"A": 1}, {"A": 2}, {"A": 3}, {"A": 4}],
         ["A 1×10.00 [1.67] · Gift card 1×-2.50 [0.00]", "A 1×10.00 [1.67] · Gift card 1×-2.51 [0.00]",
          "A 1×10.00 [1.66] · Gift card 1×-2.50 [0.00]", "A 1×10.00 [1.67] · Gift card 1×-2.50 [0.00]"]),
        (TINY, [{"A": 1}, None], ["A 1×0.09 [0.01] · Discount 1×-0.01 [-0.01]", "B 1×0.06 [0.01] · C 1×0.03 [0.01]"]),
        (plain_order(("A", 1, 3000), gift("G", 2, 650)), [{"G": 1}, {"G": 2, "A": 1}],
         ["G 1×6.50 [0.00]", "A 1×30.00 [5.00] · G 1×6.50 [0.00]"]),
        (plain_order(line("A", 3, 0, total=1000, rate=TEN, currency="JPY"), currency="JPY"), [{"A": 1}, {"A": 3}],
         ["A 1×333 [30.00]", "A 2×333 [61.00] · Rounding 1×1 [0.00]"]),
        (TWO_LINES, [{"A": 1}, {"A": 1}, {"A": 0}],
         ["A 1×10.00 [1.67] · Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]", "", ""]),
        (TWO_LINES, [{}, {"X": 3}, {"A": 9, "B": 9}],
         ["", "", "A 2×10.00 [3.33] · B 1×5.00 [0.24] · Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]"]),
        (FINE, [{"A": 100, "B": 1}, {"A": 250, "B": 1}, None],
         ["B 1×10.00 [2.00]", "A 250×0.0398 [1.99]", "B 1×10.00 [2.00] · Rounding 1×0.03 [0.01]"]),
    ],
    ids=["cents with the last", "charges with the first", "the rest at once", "discount spread", "tender spread",
         "a cent off", "gift", "no decimals", "nothing more", "beyond what was sold", "whole only waits"],
)  # fmt: skip
def test_a_sale_in_parts(order: Order, steps: list[Units | None], texts: list[str]) -> None:
    assert in_parts(posted(order), *steps) == texts


def test_what_nobody_ships_goes_with_the_first_piece_or_at_once() -> None:
    card = plain_order(line("CARD", 2, 2500, rate=ZERO), ("A", 2, 1000))
    sale = serviced(posted(card), "CARD")
    assert in_parts(sale, {}, {"A": 1}, {"A": 2}) == ["", "CARD 2×25.00 [0.00] · A 1×10.00 [1.67]", "A 1×10.00 [1.66]"]

    alone = serviced(posted(plain_order(line("CARD", 2, 2500, rate=ZERO))), "CARD")
    assert in_parts(alone, {}) == ["CARD 2×25.00 [0.00]"]


def serviced(sale: Posted, sku: str) -> Posted:
    made = msgspec.structs.replace(sale.products[sku], type="Service")
    return sale._replace(products={**sale.products, sku: made})


def test_a_part_of_what_is_exact_as_a_whole_is_not_invoiced() -> None:
    answer = found(invoiced(posted(FINE), (), {"A": 100}))

    assert (answer.code, answer.sku) == ("part_not_invoiceable", "A")
    assert "100 of 250 A" in answer.cause


def test_a_discount_that_was_folded_needs_no_row() -> None:
    order = two_rates_discounted()
    sale = posted(order, facts_for(order, calibration=NO_NEGATIVES))

    assert in_parts(sale, {"B": 1}, None) == [
        "B 1×13.46 [0.64] · Shipping 1×4.95 [0.83]",
        "A 1×34.08 [5.68] · B 1×13.46 [0.64]",
    ]


# -- invoices that are there already ---------------------------------------------------------------------------------


def by_hand(sale: Posted, *some: tuple[str, int, str, str]) -> Invoice:
    """An invoice a person made: (SKU or service, pieces, price, tax) by row; rules as they were sold."""
    named = {row.name if row.is_charge else row.sku: row for row in sale.sold.rows}
    lines = [
        msgspec.structs.replace(
            named[name], quantity=Decimal(pieces), price=Decimal(price), tax=Decimal(tax), total=pieces * Decimal(price)
        )
        for name, pieces, price, tax in some
    ]
    return invoice_of(sale.sold, lines)


@pytest.mark.parametrize(
    ("invoice", "units", "text"),
    [
        ([("A", 1, "10.00", "1.60")], None,
         "A 1×10.00 [1.73] · B 1×5.00 [0.24] · Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]"),
        ([("Shipping", 1, "4.95", "0.83")], {"A": 1}, "A 1×10.00 [1.67] · Gift wrap 1×3.50 [0.58]"),
        ([("Shipping", 1, "2.00", "0.33")], {"A": 1},
         "A 1×10.00 [1.67] · Gift wrap 1×3.50 [0.58] · Shipping 1×2.95 [0.50]"),
        ([("A", 2, "10.00", "3.33")], {"A": 1}, "Gift wrap 1×3.50 [0.58] · Shipping 1×4.95 [0.83]"),
    ],
    ids=["a piece, taxed otherwise", "shipping", "a part of the shipping", "ahead of the parcels"],
)  # fmt: skip
def test_what_a_person_invoiced_is_not_invoiced_again(
    invoice: list[tuple[str, int, str, str]], units: Units | None, text: str
) -> None:
    sale = posted(TWO_LINES)
    there = [by_hand(sale, *invoice)]

    assert written(rows(invoiced(sale, there, units))) == text
    rest = rows(invoiced(sale, there))
    assert by_rule([*there[0].rows, *map(shown, rest)]) == by_rule(sale.sold.rows)


@pytest.mark.parametrize(
    ("invoice", "words"),
    [
        ([("A", 3, "10.00", "3.33")], "more of A is invoiced"),
        ([("A", 1, "10.00", "4.00")], "more of A is invoiced"),
        ([("A", 1, "9.00", "1.50")], "A is invoiced otherwise"),
        ([("A", 2, "10.00", "3.00")], "A is invoiced otherwise"),
        ([("Shipping", 1, "5.00", "0.83")], "more of Shipping is invoiced"),
        ([("Shipping", 1, "4.95", "0.80")], "Shipping is invoiced otherwise"),
    ],
    ids=["pieces", "tax", "price", "tax of all", "charge", "tax of a charge"],
)
def test_what_rows_cannot_say_any_more_differs(invoice: list[tuple[str, int, str, str]], words: str) -> None:
    sale = posted(TWO_LINES)

    answer = found(invoiced(sale, [by_hand(sale, *invoice)]))

    assert answer.code == "books_differ"
    assert words in answer.cause


def test_a_discount_that_a_person_invoiced_early_is_not_spread_again() -> None:
    order = discounted(plain_order(("A", 4, 2500)), 1000, net=7500, gross=9000, portions={"standard": 1500})
    sale = posted(order)
    there = by_hand(sale, ("A", 1, "25.00", "4.17"), ("Discount", 1, "-10.00", "-1.67"))

    assert written(rows(invoiced(sale, [there], {"A": 2}))) == "A 1×25.00 [4.17]"
    assert written(rows(invoiced(sale, [there]))) == "A 3×25.00 [12.50]"


def test_charges_of_one_service_stand_as_they_were_sold_and_what_a_person_left_of_them_in_one() -> None:
    wrapped = plain_order(("A", 1, 2000), custom=(custom_line("gift-wrap", 3, 350), custom_line("gift-wrap", 1, 200)))
    sale = posted(wrapped)
    there = by_hand(sale, ("Gift wrap", 1, "3.50", "0.58"))

    assert in_parts(sale, None) == ["A 1×20.00 [3.33] · Gift wrap 3×3.50 [1.75] · Gift wrap 1×2.00 [0.33]"]
    assert written(rows(invoiced(sale, [there]))) == "A 1×20.00 [3.33] · Gift wrap 1×9.00 [1.50]"


def test_an_invoice_by_another_rule_or_of_something_else_differs() -> None:
    sale = posted(TWO_LINES)
    made = by_hand(sale, ("A", 1, "10.00", "1.67"))
    other_rule = msgspec.structs.replace(made.rows[0], tax_rule="Other")
    stranger = msgspec.structs.replace(made.rows[0], sku="X")
    for row in (other_rule, stranger):
        answer = found(invoiced(sale, [msgspec.structs.replace(made, rows=(row,))]))
        assert answer.code == "books_differ"
        assert "no such row" in answer.cause


def test_a_discount_that_a_person_left_out_is_no_invoice_of_its_own() -> None:
    sale = posted(two_rates_discounted())
    there = by_hand(sale, ("A", 1, "40.00", "6.67"), ("B", 2, "15.50", "1.48"), ("Shipping", 1, "4.95", "0.83"))

    answer = found(invoiced(sale, [there]))

    assert answer.code == "books_differ"
    assert "less than nothing" in answer.cause


def test_a_figure_that_is_none_differs() -> None:
    sale = posted(TWO_LINES)

    assert found(invoiced(sale, [by_hand(sale, ("A", 1, "NaN", "1.67"))])).code == "books_differ"


@pytest.mark.parametrize(
    ("status", "memo", "counted"),
    [
        ("AUTHORISED", "", True),
        ("PAID", "", True),
        ("DRAFT", f"ct-order:{ORDER_ID}#1", True),
        ("DRAFT", "to be checked", False),
        ("VOIDED", f"ct-order:{ORDER_ID}#1", False),
    ],
)
def test_what_stands_counts_and_a_draft_of_ours(status: str, memo: str, counted: bool) -> None:
    sale = posted(TWO_LINES)
    there = invoice_of(sale.sold, rows(invoiced(sale)), status=status, memo=memo)

    assert bool(rows(invoiced(sale, [there]))) is not counted


@pytest.mark.parametrize(("unknown", "code"), [("products", "sku_unknown"), ("services", "charge_unknown")])
def test_what_cin7_does_not_have_any_more_is_told(unknown: str, code: str) -> None:
    sale = posted(TWO_LINES)
    bare = sale._replace(products={}) if unknown == "products" else sale._replace(services={})

    assert found(invoiced(bare)).code == code


# -- what came back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [TWO_LINES, plain_order(("A", 2, 1005), rate="0.19", included=False)])
def test_an_answer_that_shows_what_was_posted_has_no_differences(order: Order) -> None:
    sale = posted(order)
    made = rows(invoiced(sale))

    assert invoice_differences(made, invoice_of(sale.sold, made), tax_inclusive=sale.sold.tax_inclusive) == ()


def test_an_answer_that_shows_something_else_is_told_by_its_figures() -> None:
    sale = posted(TWO_LINES)
    made = rows(invoiced(sale))
    good = invoice_of(sale.sold, made)
    dearer = msgspec.structs.replace(good.rows[0], tax=Decimal("3.34"))

    def differences(invoice: Invoice, *, inclusive: bool = True) -> list[tuple[str, str]]:
        return [(one.component, one.where) for one in invoice_differences(made, invoice, tax_inclusive=inclusive)]

    assert differences(msgspec.structs.replace(good, rows=(dearer, *good.rows[1:]))) == [("row tax", "A")]
    assert differences(msgspec.structs.replace(good, rows=good.rows[1:])) == [("row", "A")]
    assert differences(msgspec.structs.replace(good, total=Decimal("33.46"))) == [("total", "")]
    assert differences(msgspec.structs.replace(good, net=NOTHING, tax=NOTHING)) == [("net", ""), ("tax", "")]
    assert differences(good, inclusive=False) == [("net", ""), ("total", "")]
