"""Each difference is classed by what it is, and all of a chain add up to what its two sides differ by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.facts import TaxRule
from actors.domain.figures import Figures, Sold
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order, TaxedTotal
from actors.domain.reconciling import Documents, disagrees, tax_rule_findings
from tests.orders_builder import discounted_by_rate
from tests.rules.booked import (
    CENT,
    an_order,
    changed,
    documents,
    entered,
    explained,
    invoice,
    judged,
    note,
    paid_with,
    paying,
    posted,
    reasons,
    resold,
    sides,
    transaction,
    view,
)

ORDER = an_order()
ORDERED, SOLD = posted(ORDER)
MUG, PLATE, SHIPPING = SOLD.rows
INVOICED = documents(SOLD, invoices=(invoice(SOLD),))
WRONG_RULE = "Sales 12%"


class Fault(NamedTuple):
    """What is wrong about an order that is otherwise sold and invoiced as ordered, and what it is called."""

    shown: Documents
    expected: dict[Chain, set[Reason]]
    components: set[str]
    order: Order = ORDER
    books: tuple[Figures, Sold] = (ORDERED, SOLD)


def both(reason: Reason) -> dict[Chain, set[Reason]]:
    return {Chain.SALE: {reason}, Chain.INVOICE: {reason}}


def sale_now(name: str, **changes: str) -> Documents:
    return msgspec.structs.replace(INVOICED, order=view(SOLD, changed(SOLD.rows, name, **changes)))


def invoiced(name: str, **changes: str) -> Documents:
    return documents(SOLD, invoices=(invoice(SOLD, changed(SOLD.rows, name, **changes)),))


def edited(net: int, gross: int) -> Order:
    return msgspec.structs.replace(ORDER, total=gross, taxed=TaxedTotal(net=net, gross=gross, portions=()))


def posted_as(name: str, **changes: str) -> tuple[Documents, tuple[Figures, Sold]]:
    """The sale was posted with a row that is not as ordered, is shown so and was invoiced so."""
    sold = resold(SOLD, changed(SOLD.rows, name, **changes))
    return documents(sold, invoices=(invoice(sold),)), (ORDERED, sold)


def _posted(reason: Reason, component: str, name: str, **changes: str) -> Fault:
    shown, books = posted_as(name, **changes)
    return Fault(shown, both(reason), {component}, books=books)


def _void() -> Documents:
    return msgspec.structs.replace(INVOICED, voided=True)


FAULTS: dict[str, Fault] = {
    "edited in commercetools": Fault(
        INVOICED, both(Reason.EDITED_COMMERCETOOLS), {"total"}, order=edited(net=5000, gross=6000)
    ),
    "posted: a cent of tax": _posted(Reason.ROUNDING, "total", "MUG", tax="5.01"),
    "posted: another rule, as much tax": _posted(Reason.TAX_TITLE, "tax rule", "MUG", tax_rule=WRONG_RULE),
    "posted: shipping": _posted(Reason.SHIPPING, "shipping", "Shipping", price="5.95", total="5.95", tax="0.99"),
    "posted: a price": _posted(Reason.EDITED_CIN7, "total", "MUG", price="11.00", total="33.00", tax="5.50"),
    "sale now: another rule, as much tax": Fault(
        sale_now("MUG", tax_rule=WRONG_RULE), {Chain.SALE: {Reason.TAX_TITLE}}, {"tax rule"}
    ),
    "sale now: another rule with its own tax": Fault(
        sale_now("MUG", tax_rule=WRONG_RULE, tax="3.21"), {Chain.SALE: {Reason.TAX_TITLE}}, {"tax rule"}
    ),
    "sale now: shipping": Fault(
        sale_now("Shipping", price="5.00", total="5.00"), {Chain.SALE: {Reason.SHIPPING}}, {"price"}
    ),
    "sale now: price": Fault(
        sale_now("MUG", price="10.01", total="30.03"), {Chain.SALE: {Reason.EDITED_CIN7}}, {"price"}
    ),
    "sale now: fewer": Fault(
        sale_now("MUG", quantity="2", total="20.00", tax="3.33"), {Chain.SALE: {Reason.EDITED_CIN7}}, {"quantity"}
    ),
    "sale now: fewer for as much": Fault(
        sale_now("MUG", quantity="2", price="15.00"), {Chain.SALE: {Reason.EDITED_CIN7}}, {"quantity"}
    ),
    "sale now: a cent of tax": Fault(sale_now("MUG", tax="4.99"), {Chain.SALE: {Reason.ROUNDING}}, {"total"}),
    "sale now: much tax": Fault(sale_now("MUG", tax="4.00"), {Chain.SALE: {Reason.EDITED_CIN7}}, {"total"}),
    "sale now: another SKU": Fault(sale_now("MUG", sku="JUG"), {Chain.SALE: {Reason.EDITED_CIN7}}, {"row"}),
    "sale now: no shipping": Fault(
        msgspec.structs.replace(INVOICED, order=view(SOLD, (MUG, PLATE))), {Chain.SALE: {Reason.SHIPPING}}, {"row"}
    ),
    "sale now: the other tax mode": Fault(
        msgspec.structs.replace(INVOICED, tax_inclusive=False, invoices=()),
        {Chain.SALE: {Reason.EDITED_CIN7, Reason.SHIPPING}, Chain.INVOICE: {Reason.MISSING_CIN7}},
        {"tax mode", "total", "total beyond its rows"},
    ),
    "sale now: another rate": Fault(
        msgspec.structs.replace(INVOICED, rate=Decimal("1.1")), {Chain.SALE: {Reason.FOREIGN_EXCHANGE}}, {"rate"}
    ),
    "sale void": Fault(_void(), both(Reason.MISSING_CIN7), {"total"}),
    "sale taken back": Fault(documents(SOLD, order=view(SOLD, status="DRAFT")), both(Reason.MISSING_CIN7), {"total"}),
    "sale and invoice carry an edit": Fault(
        msgspec.structs.replace(
            sale_now("MUG", quantity="2", total="20.00", tax="3.33"),
            invoices=(invoice(SOLD, changed(SOLD.rows, "MUG", quantity="2", total="20.00", tax="3.33")),),
        ),
        both(Reason.EDITED_CIN7),
        {"quantity"},
    ),
    "nothing invoiced": Fault(documents(SOLD), {Chain.INVOICE: {Reason.MISSING_CIN7}}, {"total"}),
    "invoice void": Fault(
        documents(SOLD, invoices=(invoice(SOLD, status="VOIDED"),)), {Chain.INVOICE: {Reason.MISSING_CIN7}}, {"total"}
    ),
    "invoiced: another rule": Fault(
        invoiced("PLATE", tax_rule=WRONG_RULE), {Chain.INVOICE: {Reason.TAX_TITLE}}, {"tax rule"}
    ),
    "invoiced: price": Fault(
        invoiced("PLATE", price="5.50", total="11.00"), {Chain.INVOICE: {Reason.EDITED_CIN7}}, {"price"}
    ),
    "invoiced: a cent": Fault(invoiced("PLATE", tax="0.58"), {Chain.INVOICE: {Reason.ROUNDING}}, {"total"}),
    "invoiced: too many": Fault(
        invoiced("PLATE", quantity="3", total="18.00", tax="0.86"), {Chain.INVOICE: {Reason.EDITED_CIN7}}, {"quantity"}
    ),
    "invoiced: shipping": Fault(
        invoiced("Shipping", price="4.00", total="4.00", tax="0.67"), {Chain.INVOICE: {Reason.SHIPPING}}, {"price"}
    ),
    "invoiced: no shipping": Fault(
        documents(SOLD, invoices=(invoice(SOLD, (MUG, PLATE)),)), {Chain.INVOICE: {Reason.SHIPPING}}, {"row"}
    ),
    "invoiced: in part": Fault(
        documents(SOLD, invoices=(invoice(SOLD, (PLATE, SHIPPING)),)), {Chain.INVOICE: {Reason.MISSING_CIN7}}, {"row"}
    ),
    "invoiced: in part, and dearer": Fault(
        documents(SOLD, invoices=(invoice(SOLD, changed((PLATE,), "PLATE", quantity="1", price="7", total="7")),)),
        {Chain.INVOICE: {Reason.MISSING_CIN7, Reason.EDITED_CIN7}},
        {"row", "price"},
    ),
    "invoiced: a part under another rule": Fault(
        documents(
            SOLD,
            invoices=(
                invoice(SOLD, changed((PLATE,), "PLATE", quantity="1", total="6", tax="0.29", tax_rule=WRONG_RULE)),
            ),
        ),
        {Chain.INVOICE: {Reason.MISSING_CIN7, Reason.TAX_TITLE}},
        {"row", "tax rule"},
    ),
    "invoiced: shipping in two parts, a cent short": Fault(
        documents(
            SOLD,
            invoices=(
                invoice(SOLD, (MUG, *changed((SHIPPING,), "Shipping", price="2", total="2", tax="0.33"))),
                invoice(SOLD, (PLATE, *changed((SHIPPING,), "Shipping", price="2.94", total="2.94", tax="0.49")), 2),
            ),
        ),
        {Chain.INVOICE: {Reason.ROUNDING}},
        {"total"},
    ),
    "invoiced twice": Fault(
        documents(SOLD, invoices=(invoice(SOLD), invoice(SOLD, number=2))),
        {Chain.INVOICE: {Reason.MISSING_COMMERCETOOLS}},
        {"quantity", "row"},
    ),
    "invoiced in another rate": Fault(
        documents(SOLD, invoices=(invoice(SOLD, rate=Decimal("1.2")),)),
        {Chain.INVOICE: {Reason.FOREIGN_EXCHANGE}},
        {"rate"},
    ),
    "an invoice whose totals are not its rows": Fault(
        documents(SOLD, invoices=(invoice(SOLD, tax=Decimal("9.40"), total=Decimal("49.95")),)),
        {Chain.INVOICE: {Reason.EDITED_CIN7}},
        {"total beyond its rows"},
    ),
    "an invoice whose total is not its net and tax": Fault(
        documents(SOLD, invoices=(invoice(SOLD, total=Decimal("49.95")),)),
        {Chain.INVOICE: {Reason.EDITED_CIN7}},
        {"total"},
    ),
    "in another currency": Fault(
        msgspec.structs.replace(INVOICED, currency="EUR"), both(Reason.FOREIGN_EXCHANGE), {"currency"}
    ),
    "cancelled, the sale stands": Fault(
        INVOICED,
        both(Reason.MISSING_COMMERCETOOLS),
        {"total"},
        order=msgspec.structs.replace(ORDER, state="Cancelled"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_difference_is_classed_by_what_it_is(fault: Fault) -> None:
    found = judged(fault.order, fault.shown, fault.books)

    assert reasons(found) == fault.expected
    assert {one.component for one in found} == fault.components
    assert all(one.our_document == "CT-100045" and one.their_document for one in found)
    assert disagrees(found, 0, 2)
    assert explained(found) == sides(entered(fault.order, fault.shown, fault.books))


def test_documents_that_are_as_they_should_be_differ_in_nothing() -> None:
    assert judged(ORDER, INVOICED, (ORDERED, SOLD)) == ()
    assert judged(ORDER, msgspec.structs.replace(INVOICED, order=None), (ORDERED, SOLD)) == ()


def test_a_discount_that_is_not_as_ordered_is_one() -> None:
    order = discounted_by_rate(an_order(), 500)
    ordered, sold = posted(order)
    names = [name for name, kind in sold.charges.items() if kind == "discount"]
    less = resold(sold, [row for row in sold.rows if row.name not in names])

    assert names
    for books, shown in (((ordered, less), documents(less)), ((ordered, sold), documents(sold, order=view(less)))):
        found = [one for one in judged(order, shown, books) if one.chain is Chain.SALE]
        assert {one.reason for one in found} == {Reason.DISCOUNT}


def test_what_is_merely_behind_is_timing_until_its_chain_is_due() -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1"), transaction("Refund", 500, "r1"))
    late = judged(order, documents(SOLD), (ORDERED, SOLD), due=frozenset())

    assert reasons(late) == {chain: {Reason.TIMING} for chain in (*list(Chain)[1:],)}
    assert not disagrees(late, 0, 2)
    assert {one.reason for one in judged(order, documents(SOLD), (ORDERED, SOLD))} == {Reason.MISSING_CIN7}


def test_a_cancelled_order_with_a_void_sale_is_nothing_on_either_side() -> None:
    order = paying(msgspec.structs.replace(ORDER, state="Cancelled"), transaction("Charge", 4695, "t1"))
    assert judged(order, _void(), (ORDERED, SOLD)) == ()


def test_a_cancelled_order_whose_sale_still_stands_waits_until_that_is_due() -> None:
    order = msgspec.structs.replace(ORDER, state="Cancelled")
    found = judged(order, documents(SOLD), (ORDERED, SOLD), due=frozenset())
    assert reasons(found) == {Chain.SALE: {Reason.TIMING}}


def test_each_figure_is_shown_with_how_it_was_made() -> None:
    (found,) = judged(ORDER, invoiced("PLATE", price="5.50", total="11.00"), (ORDERED, SOLD))

    assert found == Discrepancy(
        chain=Chain.INVOICE,
        reason=Reason.EDITED_CIN7,
        component="price",
        currency="GBP",
        where="PLATE",
        rule="Sales 5%",
        net=Decimal("1.00"),
        tax=Decimal("0.00"),
        ours="2 × 6.00 = 12.00 [0.57 @ Sales 5%]",
        theirs="2 × 5.50 = 11.00 [0.57 @ Sales 5%]",
        our_document="CT-100045",
        their_document="INV-00001",
        our_rule="taxedPrice, LineItemLevel, HalfEven, copied",
        their_rule="Sales 5%, as shown on INV-00001",
    )


# -- money ------------------------------------------------------------------------------------------------------------

MONEY: dict[str, tuple[Order, Documents, dict[Chain, set[Reason]]]] = {}


def money(
    name: str, order: Order, expected: dict[Chain, set[Reason]], *, notes: tuple[CreditNote, ...] = (), **changes: Any
) -> None:
    shown = documents(SOLD, invoices=(invoice(SOLD, **changes),), notes=notes)
    MONEY[name] = (order, shown, expected)


CHARGED = paying(ORDER, transaction("Charge", 4695, "t-1", interaction_id="psp-1"))
REFUNDED = paying(ORDER, transaction("Refund", 1200, "r-10001", interaction_id="psp-r1"))
BACK = paid_with("12.00", "r-10001", kind="REFUND")

money("paid", CHARGED, {}, payments=(paid_with("46.95", "t-1"),))
money("paid, by the provider's id", CHARGED, {}, payments=(paid_with("46.95", " psp-1 "),))
money("paid in two parts", CHARGED, {}, payments=(paid_with("40", "t-1", "a"), paid_with("6.95", "t-1", "b")))
money("not paid", CHARGED, {Chain.PAYMENT: {Reason.MISSING_CIN7}})
money(
    "paid twice",
    CHARGED,
    {Chain.PAYMENT: {Reason.MISSING_COMMERCETOOLS}},
    payments=(paid_with("46.95", "t-1", "a"), paid_with("46.95", "t-1", "b")),
)
money(
    "paid by nobody known",
    CHARGED,
    {Chain.PAYMENT: {Reason.MISSING_CIN7, Reason.MISSING_COMMERCETOOLS}},
    payments=(paid_with("46.95", "cash"),),
)
money("paid too little", CHARGED, {Chain.PAYMENT: {Reason.EDITED_CIN7}}, payments=(paid_with("46.00", "t-1"),))
money("paid too much", CHARGED, {Chain.PAYMENT: {Reason.EDITED_CIN7}}, payments=(paid_with("47.00", "t-1"),))
money(
    "paid in another rate",
    CHARGED,
    {Chain.PAYMENT: {Reason.FOREIGN_EXCHANGE}},
    payments=(paid_with("50.00", "t-1", rate=Decimal("1.1")),),
)
money(
    "captured in another currency",
    paying(ORDER, transaction("Charge", 5000, "t-1", currency="EUR")),
    {Chain.PAYMENT: {Reason.FOREIGN_EXCHANGE}},
)
money(
    "charged back after it was paid",
    paying(ORDER, transaction("Charge", 4695, "t-1"), transaction("Chargeback", 4695, "t-2")),
    {Chain.PAYMENT: {Reason.MISSING_COMMERCETOOLS}},
    payments=(paid_with("46.95", "t-1"),),
)
money("credited", REFUNDED, {}, notes=(note("12.00", memo="for r-10001", payments=(BACK,)),))
money(
    "credited, not paid back", REFUNDED, {Chain.REFUND: {Reason.MISSING_CIN7}}, notes=(note("12.00", memo="r-10001"),)
)
money("not credited", REFUNDED, {Chain.CREDIT: {Reason.MISSING_CIN7}, Chain.REFUND: {Reason.MISSING_CIN7}})
money("a credit nobody refunded", ORDER, {Chain.CREDIT: {Reason.MISSING_COMMERCETOOLS}}, notes=(note("12.00"),))
money(
    "credited twice",
    REFUNDED,
    {Chain.CREDIT: {Reason.MISSING_COMMERCETOOLS}},
    notes=(note("12.00", memo="r-10001", payments=(BACK,)), note("12.00", 2, memo="r-10001")),
)
money(
    "two notes of one number",
    REFUNDED,
    {Chain.CREDIT: {Reason.MISSING_COMMERCETOOLS}},
    notes=(note("12.00", memo="r-10001", payments=(BACK,)), note("12.00", memo="r-10001")),
)
money(
    "another amount credited",
    REFUNDED,
    {Chain.CREDIT: {Reason.EDITED_CIN7}},
    notes=(note("15.00", memo="r-10001", payments=(BACK,)),),
)
money(
    "credited in another rate",
    REFUNDED,
    {Chain.CREDIT: {Reason.FOREIGN_EXCHANGE}},
    notes=(note("15.00", memo="r-10001", payments=(BACK,), rate=Decimal("1.3")),),
)
money(
    "credited while it is pending",
    paying(ORDER, transaction("Refund", 1200, "r-10001", state="Pending")),
    {Chain.CREDIT: {Reason.TIMING}},
    notes=(note("12.00", memo="r-10001"),),
)
money(
    "credited although it failed",
    paying(ORDER, transaction("Refund", 1200, "r-10001", state="Failure")),
    {Chain.CREDIT: {Reason.MISSING_COMMERCETOOLS}},
    notes=(note("12.00", memo="r-10001"),),
)
money(
    "paid back twice",
    REFUNDED,
    {Chain.REFUND: {Reason.MISSING_COMMERCETOOLS}},
    notes=(note("12.00", memo="r-10001", payments=(BACK, msgspec.structs.replace(BACK, id="again"))),),
)


@pytest.mark.parametrize(("order", "shown", "expected"), MONEY.values(), ids=MONEY)
def test_money_is_held_against_its_transactions(
    order: Order, shown: Documents, expected: dict[Chain, set[Reason]]
) -> None:
    found = judged(order, shown, (ORDERED, SOLD))
    assert reasons(found) == expected
    assert all(one.rule == "" and one.tax == 0 for one in found)
    assert explained(found) == sides(entered(order, shown, (ORDERED, SOLD)))


def test_a_part_of_a_payment_waits_for_the_next_invoice() -> None:
    first = invoice(SOLD, (PLATE, SHIPPING), payments=(paid_with("16.95", "t-1"),))
    found = judged(CHARGED, documents(SOLD, invoices=(first,)), (ORDERED, SOLD), due=frozenset())
    (waits,) = [one for one in found if one.chain is Chain.PAYMENT]
    assert (waits.reason, waits.net) == (Reason.TIMING, Decimal("30.00"))


# -- what is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "tolerance", "reason", "differs"),
    [
        ("0.01", 0, Reason.SHIPPING, True),
        ("0.01", 1, Reason.ROUNDING, False),
        ("0.02", 1, Reason.SHIPPING, True),
        ("0.02", 2, Reason.ROUNDING, False),
    ],
)
def test_within_the_tolerance_a_difference_is_rounding(off: str, tolerance: int, reason: Reason, differs: bool) -> None:
    dearer = str(SHIPPING.price + Decimal(off))
    (found,) = judged(ORDER, invoiced("Shipping", price=dearer, total=dearer), (ORDERED, SOLD), tolerance=tolerance)
    assert found.reason is reason
    assert disagrees([found], tolerance, 2) is differs


def test_a_cent_in_two_chains_is_a_cent_in_each() -> None:
    shown, books = posted_as("MUG", tax="5.01")
    found = judged(ORDER, shown, books)
    assert disagrees(found, 0, 2)
    assert not disagrees(found, 1, 2)


def test_what_is_no_amount_is_never_within_the_tolerance() -> None:
    for name in ("sale now: another rate", "sale now: fewer for as much", "sale now: another rule, as much tax"):
        found = judged(ORDER, FAULTS[name].shown, (ORDERED, SOLD), tolerance=10_000)
        assert disagrees(found, 10_000, 2), name


def test_a_tenth_of_a_cent_is_counted_in_the_currency_s_own_unit() -> None:
    one = Discrepancy(chain=Chain.SALE, reason=Reason.ROUNDING, component="tax", currency="KWD", tax=CENT / 10)
    assert not disagrees([one], 1, 3)
    assert disagrees([one], 0, 3)


# -- tax rules --------------------------------------------------------------------------------------------------------


def test_a_tax_rule_that_is_not_what_it_was_is_told() -> None:
    percents = {"Sales 20%": Decimal(20), "Sales 5%": Decimal(5)}
    as_was = {name: TaxRule(id=name, name=name, percent=percent) for name, percent in percents.items()}
    dearer = as_was | {"Sales 20%": TaxRule(id="x", name="Sales 20%", percent=Decimal("22.5"))}

    assert tax_rule_findings(percents, as_was) == ()
    (changed_,) = tax_rule_findings(percents, dearer)
    assert "Sales 20% had 20 %" in changed_.cause and "22.5 %" in changed_.cause
    (gone,) = tax_rule_findings(percents, {"Sales 20%": as_was["Sales 20%"]})
    assert (gone.code, gone.field) == ("tax_rule_changed", "Sales 5%")
