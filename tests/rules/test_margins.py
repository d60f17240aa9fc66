"""What a sale earned: the worked order of docs/margins.md, what holds for any sale, and who is told of what."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.figures import Sold
from actors.domain.margin_report import COLUMNS, MarginReport, margin_report, to_csv
from actors.domain.margins import (
    Earned,
    Margin,
    OrderMargin,
    below,
    below_floor_finding,
    earned,
    margin_of,
    percent_of,
)
from actors.domain.purchase import CostPart, PartKind
from actors.domain.rows import OrderRow
from actors.domain.spreading import rounded, rounded_together
from tests import doc_tables

CHARGES = {"Shipping": "shipping", "Discount": "discount", "Rounding": "rounding", "Voucher": "custom"}
STANDARD, REDUCED = "20%", "5%"
DAY = date(2026, 11, 20)
Figure = str | int | Decimal


def table(head: str) -> list[dict[str, str]]:
    return doc_tables.table("margins.md", head)


def row(name: str, total: Figure, tax: Figure = 0, *, quantity: Figure = 1, rule: str = STANDARD) -> OrderRow:
    """A row of goods, or of a charge where the name is one's."""
    is_charge = name in CHARGES
    return OrderRow(
        sku="" if is_charge else name,
        name=name,
        quantity=Decimal(quantity),
        price=Decimal(total),
        tax=Decimal(tax),
        tax_rule=rule,
        total=Decimal(total),
        is_charge=is_charge,
    )


def sale(*rows: OrderRow, inclusive: bool = True, rate: Figure | None = None) -> Sold:
    nothing = Decimal(0)
    return Sold(
        rows=rows,
        tax_inclusive=inclusive,
        currency="GBP",
        net=nothing,
        tax=nothing,
        total=nothing,
        charges=CHARGES,
        rate=None if rate is None else Decimal(rate),
    )


def nets(of: Sold, digits: int = 2) -> list[tuple[str, str]]:
    return [(one.sku, str(one.net_base)) for one in earned(of, base_digits=digits)]


# -- the worked order ------------------------------------------------------------------------------------------------


def test_the_order_of_the_page_earned_what_the_page_says() -> None:
    rows = [row(one["row"], one["total"], one["tax"], quantity=one["quantity"]) for one in table("row")]
    shown = table("SKU")

    margins = [
        margin_of(one, Decimal(cells["unit cost"])) for one, cells in zip(earned(sale(*rows)), shown, strict=True)
    ]

    assert [
        {
            "SKU": one.sku,
            "net sales": str(one.net),
            "units": str(one.quantity),
            "cost": str(one.cost),
            "margin": str(one.margin),
            "percent": str(one.percent),
        }
        for one in margins
    ] == [{name: cells[name] for name in ("SKU", "net sales", "units", "cost", "margin", "percent")} for cells in shown]
    for cells, one in zip(table("row"), rows, strict=True):
        assert Decimal(cells["net"]) == one.total - one.tax


# -- what was earned -------------------------------------------------------------------------------------------------

OFF = row("Discount", -12, -2)


@pytest.mark.parametrize(
    ("rows", "inclusive", "expected"),
    [
        ((row("A", 12, 2), row("B", 24, 4)), True, [("A", "10.00"), ("B", "20.00")]),
        ((row("A", 12, 2), row("B", 24, 4)), False, [("A", "12.00"), ("B", "24.00")]),
        # Several rows of one SKU, whatever stands between them.
        ((row("A", 12, 2), row("B", 24, 4), row("A", 6, 1)), True, [("A", "15.00"), ("B", "20.00")]),
        # Charges are nobody's.
        (
            (row("A", 12, 2), row("Shipping", 5, 1), row("Rounding", "0.02"), row("Voucher", -6, -1)),
            True,
            [("A", "10.00")],
        ),
        ((row("Shipping", 5, 1),), True, []),
        # A discount is spread by net value.
        ((row("A", 12, 2), row("B", 24, 4), OFF), True, [("A", "6.67"), ("B", "13.33")]),
        ((row("A", 12, 2), row("B", 24, 4), OFF), False, [("A", "8.00"), ("B", "16.00")]),
        # A charge above zero that is called so is no discount.
        ((row("A", 12, 2), row("Discount", 6, 1)), True, [("A", "10.00")]),
        # Each rule's discount comes off the goods of that rule, and off all where it has none.
        ((row("A", 12, 2), row("B", 21, 1, rule=REDUCED), OFF), True, [("A", "0.00"), ("B", "20.00")]),
        ((row("A", 30, 0, rule="0%"), row("B", 21, 1, rule=REDUCED), OFF), True, [("A", "24.00"), ("B", "16.00")]),
        # Two discounts are each spread by what was there before both.
        ((row("A", 12, 2), row("B", 36, 6), OFF, OFF), True, [("A", "5.00"), ("B", "15.00")]),
        # What is free bears none of it; where all is free, there is nothing to spread by.
        ((row("A", 24, 4), row("G", 0), OFF), True, [("A", "10.00"), ("G", "0.00")]),
        ((row("A", 0), row("G", 0), OFF), True, [("A", "-5.00"), ("G", "-5.00")]),
    ],
)
def test_what_each_sku_earned(rows: tuple[OrderRow, ...], inclusive: bool, expected: list[tuple[str, str]]) -> None:
    assert nets(sale(*rows, inclusive=inclusive)) == expected


def test_it_is_counted_in_the_books_currency_and_its_digits() -> None:
    abroad = sale(row("A", 12, 2), row("B", 24, 4), rate="0.87125")

    assert nets(abroad) == [("A", "8.71"), ("B", "17.43")]
    assert nets(abroad, digits=0) == [("A", "9"), ("B", "17")]
    assert [one.net_base for one in earned(abroad, rate=Decimal(2))] == [Decimal(20), Decimal(40)]


def test_quantities_are_added_up() -> None:
    (one,) = earned(sale(row("A", 12, 2, quantity=2), row("A", 3, "0.5", quantity="0.5")))

    assert one == Earned(sku="A", quantity=Decimal("2.5"), net_base=Decimal("12.50"))


CENTS = st.integers(0, 100_000).map(lambda cents: Decimal(cents).scaleb(-2))
SKUS = st.sampled_from(["A", "B", "C"])
RULES = st.sampled_from([STANDARD, REDUCED])


@st.composite
def sales(draw: st.DrawFn) -> Sold:
    def one(name: str, sign: int = 1) -> OrderRow:
        total = draw(CENTS)
        tax = (total * Decimal(draw(st.integers(0, 20))) / 100).quantize(Decimal("0.01"))
        return row(name, sign * total, sign * tax, quantity=draw(st.integers(1, 9)), rule=draw(RULES))

    goods = [one(sku) for sku in draw(st.lists(SKUS, min_size=1, max_size=5))]
    charges = [one("Discount", -1) for _ in range(draw(st.integers(0, 2)))]
    others = [one(name) for name in draw(st.lists(st.sampled_from(["Shipping", "Rounding"]), max_size=2))]
    rate = draw(st.none() | st.integers(1, 500_000).map(lambda units: Decimal(units).scaleb(-5)))
    rows = draw(st.permutations([*goods, *charges, *others, *([one("Voucher", -1)] if draw(st.booleans()) else [])]))
    return sale(*rows, inclusive=draw(st.booleans()), rate=rate)


@given(sales(), st.integers(0, 3))
def test_the_skus_add_up_to_goods_and_discounts(of: Sold, digits: int) -> None:
    counted = [one for one in of.rows if one.name not in {"Shipping", "Rounding", "Voucher"}]
    whole = sum(one.total - (one.tax if of.tax_inclusive else 0) for one in counted)

    parts = earned(of, base_digits=digits)

    assert sum(one.net_base for one in parts) == rounded(Fraction(whole) * Fraction(of.rate or 1), digits)
    assert sum(one.quantity for one in parts) == sum(one.quantity for one in of.rows if not one.is_charge)
    assert len({one.sku for one in parts}) == len(parts)


@given(st.lists(st.fractions(-100, 100, max_denominator=997), max_size=9), st.integers(0, 4))
def test_figures_rounded_together_add_up_and_none_is_a_unit_off(exact: list[Fraction], places: int) -> None:
    figures = rounded_together(exact, places)

    assert sum(figures) == rounded(sum(exact, Fraction(0)), places)
    for figure, one in zip(figures, exact, strict=True):
        assert abs(Fraction(figure) - one) <= Fraction(1, 10**places)


# -- a margin and its floor ------------------------------------------------------------------------------------------


def margin(net: Figure, unit: Figure | None, quantity: Figure = 1) -> Margin:
    one = Earned(sku="A", quantity=Decimal(quantity), net_base=Decimal(net))
    return margin_of(one, None if unit is None else Decimal(unit))


@pytest.mark.parametrize(
    ("one", "cost", "left", "percent"),
    [
        (margin("20.00", "4.1206", 2), "8.2412", "11.7588", "58.79"),
        (margin("10.00", "12.5"), "12.5", "-2.50", "-25.00"),
        (margin("10.00", "0"), "0", "10.00", "100.00"),
        (margin("3.00", "1"), "1", "2.00", "66.67"),
        (margin("8.00", "7.9996"), "7.9996", "0.0004", "0.01"),
        (margin("0.00", "5"), "5", "-5.00", "None"),
        (margin("-1.00", "5"), "5", "-6.00", "None"),
        (margin("20.00", None, 2), "None", "None", "None"),
    ],
)
def test_a_margin(one: Margin, cost: str, left: str, percent: str) -> None:
    assert [str(figure) for figure in (one.cost, one.margin, one.percent)] == [cost, left, percent]
    assert one.percent == percent_of(one.net, one.cost)


@pytest.mark.parametrize(
    ("net", "unit", "floor", "is_below"),
    [
        ("10", "7.99", 20, False),
        ("10", "8", 20, False),
        ("10", "8.01", 20, True),
        ("10", "10", 0, False),
        ("10", "10.01", 0, True),
        ("10", "11", -20, False),
        ("0", "1", -100, True),
        ("-1", "1", -100, True),
        ("0", None, 100, False),
        ("10", None, 100, False),
    ],
)
def test_what_is_below_a_floor(net: str, unit: str | None, floor: int, is_below: bool) -> None:
    one = margin(net, unit)

    assert one.below(Decimal(floor)) is is_below
    if unit is not None:
        assert below(one.net, one.percent, Decimal(floor)) is is_below


# -- who is told -----------------------------------------------------------------------------------------------------


def sold_at(
    net: Figure, unit: Figure | None, *, sku: str = "A", order: str = "1", quantity: Figure = 1, source: str = "PO-1"
) -> OrderMargin:
    one = margin(net, unit, quantity)
    return OrderMargin(
        order_id=f"id-{order}",
        number=order,
        sku=sku,
        day=DAY + timedelta(int(order)),
        quantity=one.quantity,
        net=one.net,
        unit=one.unit,
        source=source if unit is not None else "",
        percent=one.percent,
    )


GOODS = CostPart(
    kind=PartKind.GOODS,
    what="goods",
    reference="RE-1",
    amount=Decimal(30),
    currency="EUR",
    rate=Decimal("0.9"),
    base=Decimal(27),
)


def test_a_sku_below_the_floor_is_told_once_with_its_newest_and_worst_sale_and_what_it_cost() -> None:
    finding = below_floor_finding(
        sold_at("18", "8", order="9", quantity=2),
        sold_at("8", "9", order="4"),
        floor=Decimal(20),
        count=7,
        currency="GBP",
        parts=(GOODS,),
    )

    assert (finding.code, finding.sku, finding.group) == ("margin_below_floor", "A", "margin_below_floor:A")
    assert finding.cause == (
        "7 orders sold A below the floor of 20 %. A unit costs 8 GBP (purchase PO-1)."
        " Newest: order 9 of 2026-11-29, 2 for 18.00 GBP, margin 11.11 %."
        " Worst: order 4 of 2026-11-24, 1 for 8.00 GBP, margin -12.50 %."
    )
    assert finding.facts == {
        "floor %": "20",
        "worst margin %": "-12.50",
        "unit cost": "8 GBP",
        "cost from": "purchase PO-1",
        "1. goods (RE-1)": "27.00 (30.00 EUR at 0.9)",
    }


def test_the_first_sale_below_is_newest_and_worst_and_may_have_been_given_away() -> None:
    gift = sold_at(0, "8", source="average")

    finding = below_floor_finding(gift, gift, floor=Decimal(0), count=1, currency="GBP")

    assert finding.cause == (
        "1 order sold A below the floor of 0 %. A unit costs 8 GBP (the average cost of the product)."
        " Newest: order 1 of 2026-11-21, 1 for 0.00 GBP, nothing was paid."
    )
    assert finding.facts["worst margin %"] == "nothing was paid"


def test_another_order_alone_does_not_change_the_facts() -> None:
    worst = sold_at("8", "9", order="4")
    told = [
        below_floor_finding(newest, worst, floor=Decimal(20), count=count, currency="GBP")
        for newest, count in ((sold_at("9", "8", order="8"), 2), (sold_at("8.5", "8", order="9"), 3))
    ]

    assert told[0].facts == told[1].facts
    assert told[0].cause != told[1].cause


# -- the report ------------------------------------------------------------------------------------------------------

SOLD = (
    sold_at("20", "4", sku="B", order="1", quantity=2),
    sold_at("10", "5", sku="A", order="1"),
    sold_at("12", "8", sku="A", order="2", source="PO-2"),
    sold_at("7", None, sku="A", order="3"),
    sold_at("9", None, sku="C", order="3"),
)


def test_the_report_adds_up_by_sku_and_in_all() -> None:
    report = margin_report(SOLD)

    figures = ("quantity", "net", "uncosted", "unit", "cost", "margin", "percent")
    rows = [
        (one.sku, one.orders, *(str(getattr(one, name)) for name in figures)) for one in (*report.rows, report.total)
    ]
    assert rows == [
        ("A", 3, "3", "29", "7", "6.5000", "13", "9", "40.91"),
        ("B", 1, "2", "20", "0", "4.0000", "8", "12", "60.00"),
        ("C", 1, "1", "9", "9", "None", "None", "None", "None"),
        ("", 3, "6", "58", "16", "None", "21", "21", "50.00"),
    ]
    assert [one.source for one in (*report.rows, report.total)] == ["PO-2, PO-1", "PO-1", "", ""]


def test_a_row_is_below_the_floor_as_far_as_its_cost_is_known() -> None:
    a, _, c = margin_report(SOLD).rows

    assert [a.below(Decimal(floor)) for floor in ("40.90", "40.91", "40.92")] == [False, False, True]
    assert not c.below(Decimal(100))
    (given,) = margin_report([sold_at(0, 1)]).rows
    assert given.below(Decimal(-100))


def test_of_many_purchases_the_newest_are_named() -> None:
    many = [sold_at("9", "1", order=str(number), source=f"PO-{number}") for number in range(1, 6)]

    assert margin_report(many).rows[0].source == "PO-5, PO-4, PO-3 and 2 more"


def test_a_period_without_sales_is_a_report_of_nothing() -> None:
    report = margin_report([])

    assert report.rows == ()
    assert (report.total.orders, report.total.net, report.total.percent) == (0, Decimal(0), None)


@given(st.data())
def test_rows_add_up_to_the_total_in_whichever_order_they_come(data: st.DataObject) -> None:
    units = st.none() | st.integers(0, 100_000).map(lambda ticks: Decimal(ticks).scaleb(-4))
    orders = st.integers(1, 9).map(str)
    sold = st.builds(sold_at, CENTS, units, sku=SKUS, order=orders, quantity=st.integers(1, 9))
    margins = data.draw(st.lists(sold, max_size=12))

    report = margin_report(margins)

    for name in ("quantity", "net", "uncosted"):
        assert sum(getattr(one, name) for one in report.rows) == getattr(report.total, name)
    for one in (*report.rows, report.total):
        assert one.margin is None or one.cost is None or one.margin + one.cost + one.uncosted == one.net
    assert margin_report(data.draw(st.permutations(margins))) == report


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_as_csv_every_figure_is_exact_and_no_text_is_a_formula() -> None:
    evil = sold_at("-1E+1", "0.00001", sku="=1+1", quantity="0.00010", source='@x,"y"')
    text = to_csv(margin_report([*SOLD, evil]), "GBP")
    rows = {one["sku"]: one for one in read(text)}

    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert rows["A"] == {
        "section": "sku",
        "sku": "A",
        "orders": "3",
        "quantity": "3",
        "currency": "GBP",
        "net": "29",
        "uncosted_net": "7",
        "unit_cost": "6.5000",
        "cost": "13",
        "margin": "9",
        "percent": "40.91",
        "cost_from": "PO-2, PO-1",
    }
    assert rows["C"]["cost"] == rows["C"]["percent"] == ""
    odd = rows["'=1+1"]
    assert (odd["cost_from"], odd["net"], odd["quantity"], odd["cost"]) == ('\'@x,"y"', "-10", "0.0001", "0.0000")
    assert rows[""]["section"] == "total"
    assert rows[""]["cost_from"] == rows[""]["unit_cost"] == ""


def test_a_report_of_nothing_is_a_head_and_a_total() -> None:
    assert [one["section"] for one in read(to_csv(MarginReport(rows=(), total=margin_report([]).total), "GBP"))] == [
        "total"
    ]
