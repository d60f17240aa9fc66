"""What goods cost, landed: the worked example of docs/landed-cost.md to four places, and what holds for each cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.landed_cost import (
    AHEAD,
    LINKED,
    NOT_INVOICED,
    ROUNDING,
    UNEXPLAINED,
    expected,
    landed_costs,
)
from actors.domain.purchase import CostPart, Expected, LandedCost, PartKind, Purchase, PurchaseKind
from actors.domain.spreading import rounded, spread
from tests import doc_tables
from tests.purchase_builder import charge, invoice, journal, line, movement, product, purchase, receipt

SKUS = ("MUG-BLUE", "BOWL-OAK")
LATER = date(2026, 11, 17)


def table(head: str) -> list[dict[str, str]]:
    return doc_tables.table("landed-cost.md", head)


LEDGER = [
    (row["booked with"], movement(sku, row[sku], date.fromisoformat(row["dated"]), row["receipt"]))
    for row in table("booked with")
    for sku in SKUS
]
STEPS = list(dict.fromkeys(step for step, _ in LEDGER))


def worked(*, until: str = STEPS[-1]) -> Purchase:
    """The purchase of the page, as it stood after this step."""
    done = STEPS[: STEPS.index(until) + 1]
    ordered = [line(row["SKU"], row["ordered"], row["total EUR"]) for row in table("SKU")]
    documents = {row["document"].split(",")[0]: row for row in table("document")}
    bill = documents["goods invoice"]
    extras = [
        charge(name, row["amount"], row["account"]) for name, row in documents.items() if "on that" in row["document"]
    ]
    billed = invoice(bill["number"], *ordered, rate=bill["rate"], charges=extras if "packing" in done else ())
    return purchase(
        number="PO-01042",
        ordered=tuple(ordered),
        receipts=tuple(
            receipt(sku, row[sku], date.fromisoformat(row["day"]), row["receipt"])
            for row in table("receipt")[: done.count("first receipt") + done.count("second receipt")]
            for sku in SKUS
        ),
        invoices=(billed,) if "invoice" in done else (),
        journals=tuple(
            journal(documents[one]["number"], documents[one]["amount"], debit=documents[one]["account"])
            for one in ("freight", "duty")
            if one in done
        ),
        movements=tuple(moved for step, moved in LEDGER if step in done),
    )


def by_sku(of: Purchase) -> dict[str, LandedCost]:
    return {cost.sku: cost for cost in landed_costs(of)}


def only(of: Purchase) -> LandedCost:
    (cost,) = landed_costs(of)
    return cost


def told(parts: Sequence[CostPart]) -> list[tuple[str, str, str, Decimal]]:
    return [(part.kind.value, part.what, part.reference, part.base) for part in parts]


# -- the worked example ----------------------------------------------------------------------------------------------


def test_the_unit_costs_of_the_page_are_those_of_the_code_after_each_step() -> None:
    rows = table("after")

    assert [row["after"] for row in rows] == STEPS
    for row in rows:
        costs = by_sku(worked(until=row["after"]))
        shown = [(str(cost.value), str(cost.quantity), str(cost.unit)) for cost in (costs[sku] for sku in SKUS)]
        assert shown == [
            (row["MUG-BLUE"], row["÷ units"], row["a unit"]),
            (row["BOWL-OAK"], row["÷ units 5"], row["a unit 6"]),
        ]


def test_the_parts_of_the_page_are_those_of_the_code_and_leave_no_rest() -> None:
    *rows, whole = table("part | from")
    costs = by_sku(worked())

    for sku in SKUS:
        shown = [(part.what, part.reference, str(part.base)) for part in costs[sku].parts]
        assert shown == [(row["part"], row["from"], row[sku]) for row in rows]
        assert str(costs[sku].value) == whole[sku]
        assert costs[sku].invoiced


def test_until_the_invoice_comes_the_goods_are_an_estimate() -> None:
    for cost in landed_costs(worked(until="duty")):
        assert not cost.invoiced
        assert [part.what for part in cost.parts] == [NOT_INVOICED, LINKED, LINKED]


def test_the_documents_of_the_page_are_what_the_ledger_holds_of_them() -> None:
    for name, step in (("freight", "freight"), ("duty", "duty"), ("Packing", "packing")):
        (row,) = [row for row in table("document") if row["document"].startswith(name)]
        booked = sum(moved.value for one, moved in LEDGER if one == step)
        assert booked == Decimal(row["amount"]) * Decimal(row["rate"])


# -- case by case ----------------------------------------------------------------------------------------------------

TEN = [line("A", 10, "100")]
GOODS, REST = PartKind.GOODS.value, PartKind.REST.value
CASES: list[tuple[str, dict[str, Any], str, list[tuple[str, str, str, str]]]] = [
    (
        "an invoice without a rate has the header's",
        {"invoices": (invoice("I1", *TEN),), "movements": (movement("A", "86"),)},
        "8.6000",
        [(GOODS, "goods", "I1", "86.0000")],
    ),
    (
        "a rate of 0 is none",
        {"invoices": (invoice("I1", *TEN, rate=0),), "movements": (movement("A", "86"),)},
        "8.6000",
        [(GOODS, "goods", "I1", "86.0000")],
    ),
    (
        "in the books' own currency no rate counts",
        {"currency": "GBP", "invoices": (invoice("I1", *TEN, rate=2),), "movements": (movement("A", "100"),)},
        "10.0000",
        [(GOODS, "goods", "I1", "100.0000")],
    ),
    (
        "without any rate nothing is explained",
        {"rate": None, "invoices": (invoice("I1", *TEN),), "movements": (movement("A", "100"),)},
        "10.0000",
        [(GOODS, "goods", "I1", "0.0000"), (REST, UNEXPLAINED, "", "100.0000")],
    ),
    (
        "two invoices, each at its own rate",
        {
            "invoices": (invoice("I2", line("A", 4, 40), rate="0.9"), invoice("I1", line("A", 6, 60), rate="0.8")),
            "movements": (movement("A", "84"),),
        },
        "8.4000",
        [(GOODS, "goods", "I1", "48.0000"), (GOODS, "goods", "I2", "36.0000")],
    ),
    (
        "what is not invoiced yet is worth the order's price",
        {
            "ordered": (line("A", 20, 220),),
            "invoices": (invoice("I1", line("A", 6, 60), rate="0.9"),),
            "movements": (movement("A", "91.84"),),
        },
        "9.1840",
        [(GOODS, "goods", "I1", "54.0000"), (GOODS, NOT_INVOICED, "PO-00001", "37.8400")],
    ),
    (
        "a blind receipt has no price",
        {"movements": (movement("A", "5"),)},
        "0.5000",
        [(REST, UNEXPLAINED, "", "5")],
    ),
    (
        "an invoice ahead of the goods",
        {"invoices": (invoice("I1", line("A", 12, 120)),), "movements": (movement("A", "86"),)},
        "8.6000",
        [(GOODS, "goods", "I1", "103.2000"), (REST, AHEAD, "", "-17.2000")],
    ),
    (
        "sent back and credited",
        {
            "receipts": (receipt("A", 12), receipt("A", -2, LATER)),
            "invoices": (invoice("I1", line("A", 12, 120)), invoice("N1", line("A", -2, -20), day=LATER)),
            "movements": (movement("A", "103.20"), movement("A", "-17.20")),
        },
        "8.6000",
        [(GOODS, "goods", "I1", "103.2000"), (GOODS, "credit", "N1", "-17.2000")],
    ),
    (
        "a discount by credit note leaves the units invoiced",
        {
            "ordered": tuple(TEN),
            "invoices": (invoice("I1", *TEN), invoice("N1", line("A", -10, -10), day=LATER)),
            "movements": (movement("A", "77.40"),),
        },
        "7.7400",
        [(GOODS, "goods", "I1", "86.0000"), (GOODS, "credit", "N1", "-8.6000")],
    ),
    (
        "a charge on another account is none of it, and neither is one where no inventory account is known",
        {
            "invoices": (invoice("I1", *TEN, charges=[charge("Bank", 9, "404"), charge("Toll", 9, "")]),),
            "inventory_account": "",
            "movements": (movement("A", "86"),),
        },
        "8.6000",
        [(GOODS, "goods", "I1", "86.0000")],
    ),
    (
        "of the journals only what is a person's and stands on the inventory account, on either side",
        {
            "invoices": (invoice("I1", *TEN),),
            "journals": (
                journal("J1", 7),
                journal("J2", 2, debit="800", credit="630"),
                journal("J3", 5, debit="404"),
                journal("J4", 5, system=True),
                journal("J5", 5, credit="630"),
            ),
            "movements": (movement("A", "91"),),
        },
        "9.1000",
        [(GOODS, "goods", "I1", "86.0000"), ("journal", LINKED, "J1", "7.0000"), ("journal", LINKED, "J2", "-2.0000")],
    ),
    (
        "free goods bear their freight",
        {
            "invoices": (invoice("I1", line("A", 10, 0), charges=[charge("Freight", 10)]),),
            "journals": (journal("J1", 3),),
            "movements": (movement("A", "11.60"),),
        },
        "1.1600",
        [
            (GOODS, "goods", "I1", "0.0000"),
            ("charge", "Freight", "I1", "8.6000"),
            ("journal", LINKED, "J1", "3.0000"),
        ],
    ),
    (
        "a rest below a cent is rounding",
        {"invoices": (invoice("I1", *TEN),), "movements": (movement("A", "85.99112"),)},
        "8.5991",
        [(GOODS, "goods", "I1", "86.0000"), (REST, ROUNDING, "", "-0.00888")],
    ),
    (
        "no movement: no value",
        {"invoices": (invoice("I1", *TEN),)},
        "0.0000",
        [(GOODS, "goods", "I1", "86.0000"), (REST, UNEXPLAINED, "", "-86.0000")],
    ),
    (
        "a unit is rounded half up",
        {"receipts": (receipt("A", 8),), "invoices": (), "movements": (movement("A", "0.0012"),)},
        "0.0002",
        [(REST, ROUNDING, "", "0.0012")],
    ),
]


@pytest.mark.parametrize(("given_", "unit", "parts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_cost_and_its_parts(given_: dict[str, Any], unit: str, parts: list[tuple[str, str, str, str]]) -> None:
    cost = only(purchase(**({"receipts": (receipt("A", 10),)} | given_)))

    assert str(cost.unit) == unit
    assert told(cost.parts) == [(*part[:3], Decimal(part[3])) for part in parts]


@pytest.mark.parametrize("rates", [("0.9", "0.6"), ("0.9", None), (None, None)])
def test_a_journal_is_shared_by_value_whatever_the_rates(rates: tuple[str | None, str | None]) -> None:
    bills = [invoice(f"I{sku}", line(sku, 1, 50), rate=rate) for sku, rate in zip("AB", rates, strict=True)]

    costs = landed_costs(
        purchase(
            rate=None, receipts=(receipt("A", 1), receipt("B", 1)), invoices=tuple(bills), journals=(journal("J", 7),)
        )
    )

    shares = [part.base for cost in costs for part in cost.parts if part.kind is PartKind.JOURNAL]
    assert shares == [Decimal("3.5"), Decimal("3.5")]


def test_what_was_sent_back_altogether_cost_nothing() -> None:
    assert landed_costs(purchase(receipts=(receipt("A", 2), receipt("A", -2)), movements=(movement("A", 0),))) == ()


def test_a_service_has_no_landed_cost() -> None:
    assert landed_costs(purchase(kind=PurchaseKind.SERVICE, receipts=(receipt("A", 2),))) == ()


def test_a_cost_says_whose_it_is() -> None:
    cost = only(purchase(receipts=(receipt("A", 2, LATER), receipt("A", 1), receipt("A", -1, date(2026, 11, 20)))))

    assert (cost.number, cost.sku, cost.product_id, str(cost.quantity)) == ("PO-00001", "A", product("A"), "2")
    assert (cost.day, cost.currency) == (LATER, "GBP")


def test_a_charge_of_an_invoice_is_shared_with_what_has_not_come_yet() -> None:
    billed = invoice("I1", line("A", 1, 10), line("B", 1, 30), charges=[charge("Freight", 8)])

    cost = only(
        purchase(currency="GBP", receipts=(receipt("A", 1),), invoices=(billed,), movements=(movement("A", 12),))
    )

    assert told(cost.parts)[1] == ("charge", "Freight", "I1", Decimal(2))


def test_a_product_with_an_inventory_account_of_its_own_is_worth_what_is_booked_there() -> None:
    own = msgspec.structs.replace(line("A", 10, 100), account="631")
    fee = msgspec.structs.replace(line("FEE", 1, 9), account="404")
    extras = [charge("Packing", 7, "631"), charge("Bank fee", 3, "404")]
    (cost,) = landed_costs(
        purchase(
            currency="GBP",
            receipts=(receipt("A", 10),),
            invoices=(invoice("RE-1", own, fee, charges=extras),),
            journals=(journal("NSL-1", 5, debit="631"), journal("MOVED-1", 50, debit="631", credit="630")),
            movements=(movement("A", 112),),
        )
    )

    assert [(part.what, part.reference) for part in cost.parts][:2] == [("goods", "RE-1"), ("Packing", "RE-1")]
    assert (LINKED, "NSL-1", Decimal(5)) in [(part.what, part.reference, part.base) for part in cost.parts]
    assert not {"Bank fee", "MOVED-1"} & {name for part in cost.parts for name in (part.what, part.reference)}


# -- what is still to come -------------------------------------------------------------------------------------------

ORDERED = (line("A", 10, 100), line("B", 5, 50))
REQUIRED = date(2026, 12, 1)


def coming(of: Purchase) -> list[tuple[str, str]]:
    return [(one.sku, str(one.units)) for one in expected(of)]


def test_what_is_ordered_and_not_received_is_expected_at_the_location_on_the_required_day() -> None:
    of = purchase(ordered=ORDERED, receipts=(receipt("A", 4), receipt("B", 5)))

    assert expected(of) == (Expected(sku="A", location="Main Warehouse", units=Decimal(6), day=REQUIRED),)


@pytest.mark.parametrize(
    ("receipts", "units"),
    [
        ((), [("A", "10"), ("B", "5")]),
        ((receipt("B", "2.5"), receipt("A", 3), receipt("A", 4, LATER, "R2")), [("A", "3"), ("B", "2.5")]),
        # More than was ordered, and something that was not: nothing comes of it.
        ((receipt("A", 11), receipt("C", 1)), [("B", "5")]),
        # What is sent back does not come again.
        ((receipt("A", 10), receipt("A", -10, LATER)), [("B", "5")]),
    ],
)
def test_how_many_are_expected(receipts: tuple[Any, ...], units: list[tuple[str, str]]) -> None:
    assert coming(purchase(ordered=ORDERED, receipts=receipts)) == units


@pytest.mark.parametrize(
    ("status", "comes"),
    [
        *((status, True) for status in ("ORDERED", "RECEIVING", "RECEIVING / CREDITED", "INVOICED", "ordered", "NEW")),
        ("PARTIALLY INVOICED", True),
        *((status, False) for status in ("DRAFT", "VOIDED", "voided", "COMPLETED", "RECEIVED", "CREDITED")),
        ("RECEIVED / CREDITED", False),
    ],
)
def test_nothing_is_expected_of_what_is_over_or_not_begun(status: str, comes: bool) -> None:
    assert bool(expected(purchase(ordered=ORDERED, status=status))) is comes


def test_what_goes_to_a_customer_at_once_is_not_expected_in_stock() -> None:
    assert expected(purchase(ordered=ORDERED, drop_ship=True)) == ()


def test_nothing_is_expected_of_a_service_or_of_a_blind_receipt() -> None:
    assert expected(purchase(ordered=ORDERED, kind=PurchaseKind.SERVICE)) == ()
    assert expected(purchase(receipts=(receipt("A", 1),))) == ()


def test_nobody_said_when() -> None:
    assert {one.day for one in expected(purchase(ordered=ORDERED, required_by=None))} == {None}


# -- for any purchase ------------------------------------------------------------------------------------------------

LETTERS = "ABCD"


def figures(least: int, most: int, places: int) -> st.SearchStrategy[Decimal]:
    """Decimals of so many places between two units of the last one."""
    return st.integers(least, most).map(lambda units: Decimal(units).scaleb(-places))


AMOUNTS = figures(0, 500_000, 2)
SIGNED = figures(-10_000, 500_000, 2)
RATES = st.none() | figures(5_000, 900_000, 5)


@st.composite
def purchases(draw: st.DrawFn) -> Purchase:
    skus = st.sampled_from(LETTERS[: draw(st.integers(1, 4))])
    lines = st.lists(st.builds(line, skus, figures(5, 500, 1), AMOUNTS), min_size=1, max_size=4)
    charges = st.builds(charge, st.sampled_from(["Freight", "Toll"]), SIGNED, st.sampled_from(["630", "404"]))
    invoices = [
        invoice(f"I{number}", *draw(lines), rate=draw(RATES), charges=draw(st.lists(charges, max_size=2)))
        for number in range(draw(st.integers(0, 3)))
    ]
    journals = draw(st.lists(SIGNED, max_size=3))
    return purchase(
        currency=draw(st.sampled_from(["EUR", "GBP"])),
        rate=draw(RATES),
        ordered=tuple(draw(lines)),
        receipts=tuple(draw(st.lists(st.builds(receipt, skus, figures(-90, 500, 1)), max_size=6))),
        invoices=tuple(invoices),
        journals=tuple(journal(f"J{number}", amount) for number, amount in enumerate(journals)),
        movements=tuple(draw(st.lists(st.builds(movement, skus, figures(-(10**8), 10**9, 6)), max_size=6))),
    )


@given(purchases())
def test_the_parts_of_any_cost_add_up_to_its_value(of: Purchase) -> None:
    for cost in landed_costs(of):
        assert sum(part.base for part in cost.parts) == cost.value
        assert cost.value == sum(one.value for one in of.movements if one.product_id == cost.product_id)
        assert abs(cost.unit * cost.quantity - cost.value) <= Decimal("0.00005") * cost.quantity
        assert all(part.base for part in cost.parts if part.kind is PartKind.REST)


@given(purchases())
def test_a_journal_is_shared_out_whole(of: Purchase) -> None:
    costs = landed_costs(of)
    for one in of.journals if costs else ():
        shares = [part.base for cost in costs for part in cost.parts if part.reference == one.reference]
        assert sum(shares) == one.amount


@given(purchases())
def test_a_charge_is_shared_out_whole_once_everything_on_its_invoice_is_here(of: Purchase) -> None:
    whole = msgspec.structs.replace(
        of, receipts=tuple(receipt(one.sku, 1) for bill in of.invoices for one in bill.lines), currency="GBP"
    )
    costs = landed_costs(whole)
    for bill in of.invoices:
        shares = [
            part.base
            for cost in costs
            for part in cost.parts
            if part.kind is PartKind.CHARGE and part.reference == bill.number
        ]
        assert sum(shares) == sum(one.total for one in bill.charges if one.account == "630")


@given(st.data(), purchases())
def test_the_order_in_which_documents_are_listed_changes_nothing(data: st.DataObject, of: Purchase) -> None:
    names = ("ordered", "receipts", "invoices", "journals", "movements")
    mixed = {name: tuple(data.draw(st.permutations(getattr(of, name)))) for name in names}
    bills = [
        msgspec.structs.replace(
            bill,
            lines=tuple(data.draw(st.permutations(bill.lines))),
            charges=tuple(data.draw(st.permutations(bill.charges))),
        )
        for bill in mixed["invoices"]
    ]
    shuffled = msgspec.structs.replace(of, **(mixed | {"invoices": tuple(bills)}))

    assert landed_costs(shuffled) == landed_costs(of)
    assert expected(shuffled) == expected(of)


@given(SIGNED, st.lists(figures(-5_000, 500_000, 3), max_size=8))
def test_shares_add_up_and_are_within_a_tick_of_what_is_due(amount: Decimal, weights: list[Decimal]) -> None:
    shares = spread(amount, weights)
    positive = [max(weight, Decimal(0)) for weight in weights]
    whole = sum(positive)

    assert sum(shares) == (amount if whole else 0)
    for share, weight in zip(shares, positive, strict=True):
        assert abs(share - (amount * weight / whole if whole else 0)) < Decimal("0.0001")


@pytest.mark.parametrize(
    ("exact", "to_four"),
    [("0.00005", "0.0001"), ("-0.00005", "-0.0001"), ("0.000049", "0.0000"), ("2", "2.0000"), ("-1.23456", "-1.2346")],
)
def test_a_half_is_rounded_away_from_zero(exact: str, to_four: str) -> None:
    assert str(rounded(Fraction(exact))) == to_four


class Counted(tuple[Any, ...]):
    """Rows that count how often somebody goes through them."""

    passes = 0

    def __iter__(self) -> Iterator[Any]:
        Counted.passes += 1
        return super().__iter__()


def passes(skus: int) -> int:
    """How often the rows of a purchase of so many SKUs are gone through."""
    names = [f"SKU-{number}" for number in range(skus)]
    lines = Counted(line(name, 2, 10) for name in names)
    billed = invoice("RE-1", charges=[charge("Packing", 7)])
    of = purchase(
        ordered=lines,
        receipts=Counted(receipt(name, 2) for name in names),
        invoices=(msgspec.structs.replace(billed, lines=lines),),
        journals=(journal("NSL-1", 9),),
        movements=Counted(movement(name, 9) for name in names),
    )
    Counted.passes = 0
    assert len(landed_costs(of)) == skus
    return Counted.passes


def test_a_purchase_of_many_skus_is_gone_through_no_more_often_than_a_small_one() -> None:
    assert passes(60) == passes(2)
