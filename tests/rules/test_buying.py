"""What finance is told of a purchase: by table; before the month ends, and never of what is right."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.arrivals import arrivals
from actors.domain.buying import BuyingRules, due_before_month_end, findings
from actors.domain.exception_types import Finding
from actors.domain.landed_cost import landed_costs
from actors.domain.purchase import Purchase, PurchaseKind
from actors.procurement.rules import ProcurementRules
from tests.purchase_builder import DAY, charge, invoice, journal, line, movement, purchase, receipt

RULES = BuyingRules()
LONG_AFTER = date(2026, 12, 15)
BILLED = invoice("RE-1", line("A", 10, 100), rate="0.9")
FREIGHT = journal("NSL-1", 5)
RIGHT: dict[str, Any] = {
    "ordered": (line("A", 10, 100),),
    "receipts": (receipt("A", 10),),
    "invoices": (BILLED,),
    "journals": (FREIGHT,),
    "movements": (movement("A", 95),),
}
"""A purchase of which nothing is to be told, however long it is ago."""


def found(
    of: Purchase, today: date = LONG_AFTER, rules: BuyingRules = RULES, first: dict[str, Decimal] | None = None
) -> list[Finding]:
    return list(findings(of, landed_costs(of), first or {}, today, rules))


def codes(of: Purchase, today: date = LONG_AFTER, rules: BuyingRules = RULES) -> list[str]:
    return [one.code for one in found(of, today, rules)]


def only(of: Purchase, today: date = LONG_AFTER, rules: BuyingRules = RULES, **first: Decimal) -> Finding:
    (finding,) = found(of, today, rules, first)
    return finding


def buy(**changed: Any) -> Purchase:
    return purchase(**(RIGHT | changed))


def billed(**changed: Any) -> tuple[Any, ...]:
    return (msgspec.structs.replace(BILLED, **changed),)


def test_of_a_purchase_that_is_right_nothing_is_told() -> None:
    assert codes(buy()) == []


def test_the_flows_rules_are_rules_of_buying() -> None:
    assert codes(buy(), rules=ProcurementRules(landed_cost="all")) == []
    assert ProcurementRules().invoice_after == RULES.invoice_after == 14


@pytest.mark.parametrize("status", ["DRAFT", "VOIDED", "voided"])
def test_of_what_was_not_bought_nothing_is_told(status: str) -> None:
    assert codes(buy(status=status, rate=None, invoices=(), journals=(), movements=())) == []


# -- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "today", "due"),
    [
        ("2026-11-03", "2026-11-16", False),
        ("2026-11-03", "2026-11-17", True),
        ("2026-11-03", "2027-02-01", True),
        # November ends on the 30th: the last five days begin with the 26th.
        ("2026-11-20", "2026-11-25", False),
        ("2026-11-20", "2026-11-26", True),
        ("2026-11-20", "2026-11-30", True),
        ("2026-11-28", "2026-11-28", False),
        ("2026-11-28", "2026-11-29", True),
        # The month is over, and nothing is mended.
        ("2026-11-24", "2026-12-01", True),
        # It was not told in time, or came in the last night: it is told as usual in the next month.
        ("2026-11-30", "2026-12-01", False),
        ("2026-11-30", "2026-12-14", True),
        # February and its leap day.
        ("2027-02-20", "2027-02-23", False),
        ("2027-02-20", "2027-02-24", True),
        ("2028-02-20", "2028-02-24", False),
        ("2028-02-20", "2028-02-25", True),
        # A receipt that is dated ahead.
        ("2026-12-05", "2026-11-30", False),
    ],
)
def test_it_is_told_after_so_many_days_or_before_the_month_ends(received: str, today: str, due: bool) -> None:
    assert due_before_month_end(date.fromisoformat(received), date.fromisoformat(today), 14, 5) is due


def test_no_month_end_and_no_patience() -> None:
    assert not due_before_month_end(DAY, date(2026, 11, 30), 30, 0)
    assert due_before_month_end(DAY, DAY, 0, 0)
    assert due_before_month_end(DAY, DAY + timedelta(1), 99, 31)


DAYS = st.dates(date(2024, 1, 1), date(2030, 1, 1))


@given(DAYS, st.integers(0, 60), st.integers(1, 31))
def test_whatever_came_before_the_last_day_of_a_month_is_told_in_it(received: date, days: int, month_end: int) -> None:
    last = received.replace(day=monthrange(received.year, received.month)[1])

    assert due_before_month_end(received, last, days, month_end) or received == last


@given(DAYS, st.integers(0, 60), st.integers(0, 31), st.integers(0, 90))
def test_what_was_due_once_is_due_until_it_is_mended(received: date, days: int, month_end: int, age: int) -> None:
    due = [due_before_month_end(received, received + timedelta(day), days, month_end) for day in (age, age + 1)]

    assert due == sorted(due)


@given(DAYS, st.integers(0, 400), st.integers(0, 400))
def test_without_a_month_end_what_is_due_stays_so(received: date, age: int, days: int) -> None:
    assert due_before_month_end(received, received + timedelta(age), days, 0) is (age >= days)


# -- the rate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({}, False),
        ({"rate": None}, False),
        ({"invoices": billed(rate=None)}, False),
        ({"invoices": billed(rate=None), "rate": None}, True),
        ({"invoices": billed(rate=None), "rate": Decimal(0)}, True),
        ({"invoices": billed(rate=None), "rate": Decimal("1.0000")}, True),
        ({"invoices": billed(rate=Decimal(1))}, True),
        ({"invoices": billed(rate=Decimal("1.0001"))}, False),
        ({"invoices": (*billed(), *billed(number="RE-2", rate=Decimal(1)))}, True),
        ({"invoices": (), "receipts": ()}, False),
        ({"invoices": (), "receipts": (), "rate": None}, True),
        ({"currency": "GBP", "invoices": billed(rate=None), "rate": None}, False),
        ({"currency": "GBP", "rate": Decimal(1)}, False),
        ({"currency": "", "rate": None}, False),
        ({"kind": PurchaseKind.SERVICE, "invoices": billed(rate=None), "rate": None}, True),
    ],
)
def test_a_foreign_purchase_needs_a_rate_for_each_invoice(changed: dict[str, Any], missing: bool) -> None:
    assert ("purchase_rate_missing" in codes(buy(**changed))) is missing


def test_a_missing_rate_is_told_once_with_all_rates_side_by_side() -> None:
    invoices = (*billed(number="RE-2", rate=Decimal(1)), *billed(), *billed(number="RE-3", rate=None))

    finding = next(one for one in found(buy(invoices=invoices, rate=None)) if one.code == "purchase_rate_missing")

    assert "invoice RE-2, invoice RE-3" in finding.cause
    assert "RE-1" not in finding.cause
    assert (finding.field, finding.group) == ("CurrencyRate", "purchase_rate_missing:EUR")
    assert finding.facts == {
        "supplier": "Bayside Wholesale",
        "currency": "EUR",
        "books": "GBP",
        "rate of invoice RE-1": "0.9",
        "rate of invoice RE-2": "1",
        "rate of invoice RE-3": "none",
    }


# -- the invoice -----------------------------------------------------------------------------------------------------

SIX = billed(lines=(line("A", 6, 60),))
THREE = billed(lines=(line("A", 3, 30),))


@pytest.mark.parametrize(
    ("changed", "since"),
    [
        ({"invoices": ()}, DAY),
        ({"invoices": billed(lines=(line("A", 4, 40),))}, DAY),
        # Invoices cover what came first.
        (
            {"receipts": (receipt("A", 6), receipt("A", 4, date(2026, 11, 9))), "invoices": SIX},
            date(2026, 11, 9),
        ),
        (
            {"receipts": (receipt("A", 6, date(2026, 11, 9)), receipt("A", 4)), "invoices": THREE},
            DAY,
        ),
        # What was credited and sent back leaves nothing open; what was credited and kept neither.
        ({"receipts": (receipt("A", 10), receipt("A", -2)), "invoices": billed(lines=(line("A", 8, 80),))}, None),
        ({"invoices": (BILLED, invoice("CN-1", line("A", -10, -9)))}, None),
        (
            {
                "receipts": (receipt("A", 10), receipt("A", -2, date(2026, 11, 5)), receipt("A", 2, date(2026, 11, 9))),
                "invoices": (BILLED, invoice("CN-1", line("A", -2, -20))),
            },
            date(2026, 11, 9),
        ),
        ({"receipts": ()}, None),
        ({"receipts": (receipt("A", 9),)}, None),
    ],
)  # fmt: skip
def test_what_was_received_and_not_billed_is_waited_for_since_it_came(
    changed: dict[str, Any], since: date | None
) -> None:
    of = buy(**changed)
    waiting = [one.waiting_since for one in arrivals(of) if one.uninvoiced]

    assert waiting == ([] if since is None else [since])
    for days, told in ((13, False), (14, True)):
        on = (since or DAY) + timedelta(days)
        assert ("purchase_not_invoiced" in codes(of, on)) is (told and since is not None)


def test_the_units_without_an_invoice_are_named_with_what_they_are_in_the_books_for() -> None:
    finding = only(
        buy(
            ordered=(line("A", 10, 100), line("B", 4, 10)),
            receipts=(receipt("A", 10), receipt("B", "2.50")),
            invoices=SIX,
            movements=(movement("A", 95), movement("B", 5)),
        )
    )

    assert finding.code == "purchase_not_invoiced"
    assert "6.5 received units" in finding.cause
    assert (finding.field, finding.group) == ("Invoice", "purchase_not_invoiced:Bayside Wholesale")
    assert finding.facts == {
        "supplier": "Bayside Wholesale",
        "received": "2026-11-03",
        "estimate": "39.775 GBP",
        "A": "4 of 10 on no invoice",
        "B": "2.5 of 2.5 on no invoice",
    }


def test_without_a_rate_an_estimate_is_none_in_the_books_currency() -> None:
    of = buy(ordered=(line("A", 10, 100),), receipts=(receipt("A", 10),), invoices=(), rate=None)
    [finding] = [one for one in found(of) if one.code == "purchase_not_invoiced"]

    assert finding.cause.endswith("an estimate by the order's price: 100.00 EUR, without a rate.")


# -- the landed cost -------------------------------------------------------------------------------------------------

PACKING = billed(charges=(charge("Packing", 5),))
NO_FREIGHT: dict[str, Any] = {"journals": ()}


@pytest.mark.parametrize(
    ("changed", "setting", "missing"),
    [
        (NO_FREIGHT, "foreign", True),
        (NO_FREIGHT, "all", True),
        (NO_FREIGHT, "none", False),
        (NO_FREIGHT | {"currency": "GBP"}, "foreign", False),
        (NO_FREIGHT | {"currency": "GBP"}, "all", True),
        (NO_FREIGHT | {"invoices": PACKING}, "foreign", False),
        (NO_FREIGHT | {"invoices": billed(charges=(charge("Bank", 5, "404"),))}, "foreign", True),
        ({"journals": (journal("S", 5, system=True),)}, "foreign", True),
        ({"journals": (journal("S", 5, debit="404"),)}, "foreign", True),
        (NO_FREIGHT | {"receipts": ()}, "all", False),
        ({}, "all", False),
    ],
)
def test_freight_or_duty_is_expected_as_the_setting_says(changed: dict[str, Any], setting: Any, missing: bool) -> None:
    of, rules = buy(**changed), BuyingRules(landed_cost=setting)

    assert ("landed_cost_missing" in codes(of, rules=rules)) is missing
    assert "landed_cost_missing" not in codes(of, date(2026, 11, 16), rules)
    assert ("landed_cost_missing" in codes(of, date(2026, 11, 17), rules)) is missing


TWELVE = billed(lines=(line("A", 12, 120),))


def test_what_has_no_freight_is_told_with_its_value() -> None:
    finding = only(buy(journals=(), movements=(movement("A", 90),)))

    assert (finding.field, finding.group) == ("ManualJournals", "landed_cost_missing:Bayside Wholesale")
    assert "goods of 90.00 GBP" in finding.cause
    # Whoever said that none is to come is not asked again for a value that moved; for more goods they are.
    assert only(buy(journals=(), movements=(movement("A", 91),))).facts == finding.facts
    more = buy(journals=(), ordered=(line("A", 12, 120),), receipts=(receipt("A", 12),), invoices=TWELVE)
    assert only(more).facts != finding.facts


def test_goods_that_are_worth_nothing_in_the_ledger_are_told_by_sku() -> None:
    of = buy(
        receipts=(receipt("A", 10), receipt("B", 3)),
        invoices=billed(lines=(line("A", 10, 100), line("B", 3, 30))),
        movements=(movement("A", 95),),
    )

    finding = only(of)

    assert (finding.code, finding.field) == ("landed_cost_missing", "InventoryMovements")
    assert finding.facts == {"supplier": "Bayside Wholesale", "B": "3 received, value 0 GBP"}
    assert codes(of, date(2026, 11, 16)) == []


# -- charges ---------------------------------------------------------------------------------------------------------


def test_each_charge_outside_the_inventory_account_is_told_by_itself() -> None:
    charges = (
        charge("Bank", "9.5", "404"),
        charge("Packing", 5),
        charge("Toll", 3, ""),
        charge("Bank", 1, "404"),
        charge("Tip", 0, "404"),
    )
    told = found(buy(invoices=billed(charges=charges)), DAY)

    assert [(one.code, one.field) for one in told] == [
        ("charge_expensed", "invoice RE-1, Bank, account 404"),
        ("charge_expensed", "invoice RE-1, Toll, account none"),
    ]
    assert told[0].facts == {
        "supplier": "Bayside Wholesale",
        "invoice": "RE-1",
        "charge": "Bank",
        "amount": "10.50 EUR",
        "account": "404",
        "inventory account": "630",
    }


def test_no_charge_is_told_of_a_service_or_while_the_inventory_account_is_not_known() -> None:
    invoices = billed(charges=(charge("Bank", 9, "404"),))

    assert codes(buy(invoices=invoices, kind=PurchaseKind.SERVICE)) == []
    assert "charge_expensed" not in codes(buy(invoices=invoices, inventory_account=""))


# -- a cost that moved -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "told"),
    [("9.5", False), ("9.4060", False), ("9.4059", True), ("9.5959", False), ("9.5960", True), ("0", False)],
)
def test_a_unit_cost_that_changed_by_more_than_the_limit_is_told(first: str, told: bool) -> None:
    assert [one.code for one in found(buy(), first={"A": Decimal(first)})] == ["cost_moved"] * told


def test_a_cost_that_moved_by_just_the_limit_is_let_be() -> None:
    assert found(buy(), rules=BuyingRules(moved_percent=Decimal(5)), first={"A": Decimal(10)}) == []
    assert found(buy(), rules=BuyingRules(moved_percent=Decimal("4.9")), first={"A": Decimal(10)})


def test_a_moved_cost_is_told_with_both_figures_and_its_parts() -> None:
    finding = only(buy(), A=Decimal("8.6"))

    assert (finding.sku, finding.group) == ("", "cost_moved:Bayside Wholesale")
    assert "9.5000 GBP" in finding.cause
    assert "8.6 GBP (+10.5 %)" in finding.cause
    assert finding.facts == {
        "supplier": "Bayside Wholesale",
        "A": "8.6 first, 9.5000 GBP now",
        "1. goods (RE-1)": "90.00 (100.00 EUR at 0.9)",
        "2. linked journal (NSL-1)": "5.00",
    }


def test_costs_of_one_purchase_that_moved_are_one_thing_to_look_at() -> None:
    of = buy(
        receipts=(receipt("A", 10), receipt("B", 10)),
        invoices=billed(lines=(line("A", 10, 100), line("B", 10, 100))),
        movements=(movement("A", 95), movement("B", 99)),
    )
    [finding] = [one for one in found(of, first={"A": Decimal(9), "B": Decimal(9)}) if one.code == "cost_moved"]

    assert "A unit of B" in finding.cause  # it moved most
    assert "1 other SKU moved" in finding.cause
    assert {"A", "B"} <= finding.facts.keys()


def test_a_sku_that_is_known_for_the_first_time_has_not_moved() -> None:
    assert found(buy(), first={"B": Decimal(1)}) == []


# -- all of them -----------------------------------------------------------------------------------------------------


def test_what_is_told_does_not_change_while_the_purchase_does_not() -> None:
    of = buy(invoices=billed(lines=(line("A", 4, 40),), rate=Decimal(1)), journals=(), movements=())

    first = found(of, LONG_AFTER)
    assert {one.code for one in first} == {"purchase_rate_missing", "purchase_not_invoiced", "landed_cost_missing"}
    assert found(of, LONG_AFTER + timedelta(100)) == first


def test_no_two_findings_of_a_purchase_are_about_the_same_thing() -> None:
    of = buy(
        receipts=(receipt("A", 10), receipt("B", 10)),
        invoices=billed(charges=(charge("Bank", 9, "404"), charge("Toll", 9, "404")), rate=Decimal(1)),
        journals=(),
        movements=(movement("A", 95),),
    )
    told = found(of, first={"A": Decimal(1), "B": Decimal(1)})

    assert len({(one.code, one.sku, one.field) for one in told}) == len(told) == 7
