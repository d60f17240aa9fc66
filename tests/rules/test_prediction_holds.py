"""Every name of an order that Cin7 does not know, or knows otherwise, holds it; and all of them are told at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, FactKind, Facts, Location, TaxRule
from actors.domain.order import Address, Order, TaxedTotal, TaxPortion, TaxRate
from actors.domain.posting import Charges, PostingRules
from actors.domain.prediction import Hold, Prediction, predict
from tests.orders_builder import (
    ADDRESS,
    CUSTOMER,
    LOCATION,
    facts_for,
    line,
    plain_order,
    product,
    rate_of,
    rules_for,
    service,
    shipment,
    totalled,
)

ORDER = plain_order(line("A", 3, 0, total=1000), shipping=495)
RULE = "Sales 20%"


def held(order: Order, facts: Facts | None = None, rules: PostingRules | None = None) -> tuple[Finding, ...]:
    answer = predict(order, facts or facts_for(order), rules or rules_for(order))
    assert isinstance(answer, Hold), answer
    assert answer.findings
    return answer.findings


def only(order: Order, facts: Facts | None = None, rules: PostingRules | None = None) -> Finding:
    findings = held(order, facts, rules)
    assert len(findings) == 1, findings
    return findings[0]


def test_the_order_of_these_tests_is_plain() -> None:
    assert isinstance(predict(ORDER, facts_for(ORDER), rules_for(ORDER)), Prediction)


def tax_rule(**changes: Any) -> dict[str, TaxRule]:
    rule = TaxRule(id="r", name=RULE, percent=Decimal(20))
    return {RULE: msgspec.structs.replace(rule, **changes)}


def customer(**changes: Any) -> dict[str, Customer]:
    known = Customer(id="c", name=CUSTOMER, currency="GBP")
    return {CUSTOMER: msgspec.structs.replace(known, **changes)}


def services(**changes: Any) -> dict[str, Any]:
    return {"Shipping": service("Shipping", **changes), "Rounding": service("Rounding")}


def books(currency: str = "GBP", time_zone: str = "UTC") -> dict[str, Any]:
    return {"company": Company(name="", currency=currency, time_zone=time_zone)}


DEAD_PLACE = {LOCATION: Location(id="l", name=LOCATION, deprecated=True)}
AWAITED = {
    "sku": "product:A",
    "rule": f"tax_rule:{RULE}",
    "place": f"location:{LOCATION}",
    "who": f"customer:{CUSTOMER}",
}

FACTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("sku_unknown", {"products": {}}, AWAITED["sku"], "A"),
    ("sku_unknown", {"products": {"A": product("a")}}, AWAITED["sku"], "A"),
    ("product_deprecated", {"products": {"A": product("A", status="Deprecated")}}, AWAITED["sku"], "A"),
    ("product_not_sellable", {"products": {"A": product("A", sellable=False)}}, AWAITED["sku"], "A"),
    ("product_not_sellable", {"products": {"A": product("A", type="Kit")}}, AWAITED["sku"], "A"),
    ("product_not_sellable", {"products": {"A": product("A", status="Setup required")}}, AWAITED["sku"], "A"),
    ("tax_rule_unknown", {"tax_rules": {}}, AWAITED["rule"], RULE),
    ("tax_rule_inactive", {"tax_rules": tax_rule(active=False)}, AWAITED["rule"], RULE),
    ("tax_rule_inactive", {"tax_rules": tax_rule(for_sale=False)}, AWAITED["rule"], RULE),
    ("tax_rate_differs", {"tax_rules": tax_rule(percent=Decimal("20.0001"))}, AWAITED["rule"], RULE),
    ("tax_rate_differs", {"tax_rules": tax_rule(percent=Decimal("NaN"))}, AWAITED["rule"], RULE),
    ("charge_unknown", {"services": {"Rounding": service("Rounding")}}, "product:", "Shipping"),
    ("charge_unknown", {"services": {"Shipping": service("Shipping")}}, "product:", "Rounding"),
    ("charge_unknown", {"services": services(type="Stock")}, "product:SHIPPING", "Shipping"),
    ("charge_unknown", {"services": services(status="Deprecated")}, "product:SHIPPING", "Shipping"),
    ("charge_unknown", {"services": services(name="shipping")}, "product:SHIPPING", "Shipping"),
    ("location_unknown", {"locations": {}}, AWAITED["place"], LOCATION),
    ("location_unknown", {"locations": DEAD_PLACE}, AWAITED["place"], LOCATION),
    ("customer_unknown", {"customers": {}}, AWAITED["who"], CUSTOMER),
    ("customer_unknown", {"customers": customer(status="Deprecated")}, AWAITED["who"], CUSTOMER),
    ("customer_currency", {"customers": customer(currency="EUR")}, AWAITED["who"], CUSTOMER),
    ("customer_discount", {"customers": customer(discount=Decimal("0.5"))}, AWAITED["who"], CUSTOMER),
    ("currency_unsupported", books(currency="EUR"), "company:", "GBP"),
    ("time_zone_unknown", books(time_zone="Mars/Base"), "company:", "Mars/Base"),
    ("time_zone_unknown", books(time_zone="Europe"), "company:", "Europe"),
    ("time_zone_unknown", books(time_zone=""), "company:", ""),
    ("facts_missing", {"company": None}, "company:", "company"),
]


@pytest.mark.parametrize(("code", "changes", "waits_for", "subject"), FACTS)
def test_a_fact_that_stands_in_the_way_is_told_with_what_would_settle_it(
    code: str, changes: dict[str, Any], waits_for: str, subject: str
) -> None:
    finding = only(ORDER, facts_for(ORDER, **changes))

    assert (finding.code, finding.waits_for, finding.group) == (code, waits_for, f"{code}:{subject}")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (FactKind.PRODUCT, {"products": {}, "services": {}}),
        (FactKind.TAX_RULE, {"tax_rules": {}}),
        (FactKind.LOCATION, {"locations": {}}),
        (FactKind.CUSTOMER, {"customers": {}}),
    ],
)
def test_a_list_that_was_never_read_makes_nothing_wrong_only_unknown(kind: FactKind, changes: dict[str, Any]) -> None:
    facts = facts_for(ORDER, loaded=frozenset(FactKind) - {kind}, **changes)

    findings = held(ORDER, facts)

    assert {finding.code for finding in findings} == {"facts_missing"}
    assert {finding.waits_for for finding in findings} == {f"{kind.value}:"}
    assert {finding.group for finding in findings} == {f"facts_missing:{kind.value}"}


def test_a_fact_that_was_read_by_itself_serves_although_its_list_was_not() -> None:
    assert isinstance(predict(ORDER, facts_for(ORDER, loaded=frozenset()), rules_for(ORDER)), Prediction)


def test_everything_is_told_at_once() -> None:
    order = plain_order(("A", 1, 100), ("B", 2, 200), line(None, 1, 300), shipping=495, discount_on_total=0)
    facts = facts_for(order, products={}, tax_rules={}, locations={}, customers={}, services={})

    codes = sorted(finding.code for finding in held(order, facts))

    assert codes == [
        "charge_unknown",
        "customer_unknown",
        "location_unknown",
        "sku_missing",
        "sku_unknown",
        "sku_unknown",
        "tax_rule_unknown",
    ]


def test_one_unknown_sku_on_two_lines_is_one_thing_to_mend() -> None:
    order = plain_order(("A", 1, 100), ("A", 1, 200))
    assert only(order, facts_for(order, products={})).sku == "A"


@pytest.mark.parametrize("sku", [None, ""])
def test_a_line_without_a_sku_is_held_and_never_left_out(sku: str | None) -> None:
    order = plain_order(("A", 1, 100), line(sku, 2, 300))
    finding = only(order)
    assert (finding.code, finding.field) == ("sku_missing", "lineItems[1].variant.sku")


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_below_one_is_held(quantity: int) -> None:
    order = plain_order(("A", 1, 100), line("B", quantity, 100, total=100))
    assert only(order).code == "quantity_unsupported"


# Locations: one per sale, decided by the supply channels of the lines.

NORTH = {"north": ("North",), "south": ("South",), "both": ("North", "South"), "main": (LOCATION,), "none": ()}


def placed(*channels: str | None) -> tuple[Order, Facts, PostingRules]:
    order = plain_order(*(line(f"S{n}", 1, 100, supply_channel=channel) for n, channel in enumerate(channels)))
    locations = {name: Location(id=name, name=name) for name in (LOCATION, "North", "South")}
    return order, facts_for(order, locations=locations), rules_for(order, channels=NORTH)


@pytest.mark.parametrize(
    ("channels", "location"),
    [
        ((None,), LOCATION),
        (("north",), "North"),
        (("north", "north"), "North"),
        ((None, "main"), LOCATION),
        (("", None), LOCATION),
    ],
)
def test_lines_that_agree_decide_the_location(channels: tuple[str | None, ...], location: str) -> None:
    answer = predict(*placed(*channels))
    assert isinstance(answer, Prediction)
    assert answer.location == location


@pytest.mark.parametrize(
    ("channels", "code", "group"),
    [
        (("south", "north"), "location_split", "location_split:North+South"),
        (("north", None), "location_split", f"location_split:{LOCATION}+North"),
        (("both",), "location_split", "location_split:both"),
        (("west",), "channel_unmapped", "channel_unmapped:west"),
        (("none",), "channel_unmapped", "channel_unmapped:none"),
    ],
)
def test_lines_that_do_not_agree_are_held(channels: tuple[str | None, ...], code: str, group: str) -> None:
    order, facts, rules = placed(*channels)
    finding = only(order, facts, rules)
    assert (finding.code, finding.group) == (code, group)


# Taxes: the key of the mapping, most exact first; one rule for the whole document.


@pytest.mark.parametrize(
    ("mapping", "rate"),
    [
        ({"GB/standard": RULE, "standard": "wrong", "0.2": "wrong"}, rate_of()),
        ({"standard": RULE, "0.2": "wrong"}, rate_of()),
        ({"0.2": RULE}, rate_of("0.20")),
        ({"/standard": "wrong", "standard": RULE}, rate_of(country=None)),
    ],
)
def test_the_most_exact_key_names_the_rule(mapping: dict[str, str], rate: TaxRate) -> None:
    order = plain_order(line("A", 1, 1000, rate=rate))
    answer = predict(order, facts_for(order), rules_for(order, tax=mapping))
    assert isinstance(answer, Prediction)
    assert answer.tax_rule == RULE


def test_rate_zero_is_mapped_by_its_figure() -> None:
    order = plain_order(("A", 1, 1000), rate="0.00")
    answer = predict(order, facts_for(order), rules_for(order, tax={"0": "Sales 0%"}))
    assert isinstance(answer, Prediction)


def test_two_names_of_one_rate_are_plain_when_they_are_one_rule() -> None:
    order = plain_order(("A", 1, 1000), shipping=shipment(rate=rate_of(name="shipping")))
    assert isinstance(predict(order, facts_for(order), rules_for(order)), Prediction)


def test_two_rules_of_one_rate_are_not_plain() -> None:
    order = plain_order(("A", 1, 1000), shipping=shipment(rate=rate_of(name="shipping")))
    rules = rules_for(order, tax={"standard": RULE, "shipping": "Other"})
    facts = facts_for(order, tax_rules=tax_rule() | {"Other": TaxRule(id="o", name="Other", percent=Decimal(20))})
    assert only(order, facts, rules).group == "not_plain:several tax rules"


def test_free_shipping_needs_neither_a_charge_nor_a_mapped_tax() -> None:
    order = plain_order(("A", 1, 1000), shipping=shipment(0, rate=rate_of("0.05", name="reduced")))
    facts = facts_for(order, services={})
    assert isinstance(predict(order, facts, rules_for(order, tax={"standard": RULE})), Prediction)


def test_a_charge_may_name_the_tax_rule() -> None:
    rules = rules_for(ORDER, charges=Charges(shipping="Shipping {rule}", rounding="Cents {rule}"))
    names = (f"Shipping {RULE}", f"Cents {RULE}")
    answer = predict(ORDER, facts_for(ORDER, services={name: service(name) for name in names}), rules)
    assert isinstance(answer, Prediction)
    assert [row.sku for row in answer.rows] == ["A", *names]


def test_a_charge_that_names_an_unmapped_rule_is_not_looked_for() -> None:
    rules = rules_for(ORDER, tax={}, charges=Charges(shipping="Shipping {rule}", rounding="Cents {rule}"))
    assert only(ORDER, facts_for(ORDER, services={}), rules).code == "tax_unmapped"


# The source: each contradiction alone is found, with both figures.


def figures(**changes: Any) -> TaxedTotal:
    total = plain_order().taxed
    assert total is not None
    return msgspec.structs.replace(total, **changes)


def portion(amount: int, rate: str = "0.2") -> tuple[TaxPortion, ...]:
    return (TaxPortion(rate=Decimal(rate), amount=amount),)


INCONSISTENT: list[tuple[Order, str]] = [
    (plain_order(total=2000), "totalPrice"),
    (plain_order(taxed=figures(net=1665, tax=334, portions=portion(334))), "taxedPrice.totalNet"),
    (plain_order(taxed=figures(gross=2000, tax=334, portions=portion(334))), "taxedPrice.totalGross"),
    (plain_order(taxed=figures(tax=334)), "taxedPrice.totalTax"),
    (plain_order(taxed=figures(portions=portion(333, "0.19"))), "taxedPrice.taxPortions"),
    (plain_order(taxed=figures(portions=())), "taxedPrice.taxPortions"),
    (plain_order(line("A", 1, 1999, currency="EUR")), "lineItems[0].totalPrice.currencyCode"),
]


@pytest.mark.parametrize(("order", "field"), INCONSISTENT, ids=[field for _, field in INCONSISTENT])
def test_an_order_that_contradicts_itself_is_held_with_both_figures(order: Order, field: str) -> None:
    findings = held(order)
    assert {finding.code for finding in findings} == {"source_inconsistent"}
    assert field in {finding.field for finding in findings}
    assert all(len(finding.facts) == 2 for finding in findings)


@pytest.mark.parametrize("included", [True, False])
def test_a_line_taxed_on_another_amount_is_held(included: bool) -> None:
    rate = rate_of(included=included)
    good = line("A", 1, 1000, rate=rate)
    assert good.taxed is not None
    side = "gross" if included else "net"
    taxed = msgspec.structs.replace(good.taxed, **{side: getattr(good.taxed, side) + 1})
    order = totalled(plain_order(msgspec.structs.replace(good, taxed=taxed)))
    finding = only(order)
    assert finding.code == "source_inconsistent"
    assert finding.field == f"lineItems[0].taxedPrice.{'totalGross' if included else 'totalNet'}"


@pytest.mark.parametrize("included", [True, False])
def test_a_net_above_the_gross_is_held(included: bool) -> None:
    good = line("A", 1, 1000, rate=rate_of(included=included))
    assert good.taxed is not None
    taxed = msgspec.structs.replace(good.taxed, **({"net": 1001} if included else {"gross": 999}))
    assert only(totalled(plain_order(msgspec.structs.replace(good, taxed=taxed)))).field == "lineItems[0].taxedPrice"


def test_free_shipping_that_is_taxed_is_held() -> None:
    free = shipment(0, rate=rate_of(included=False))
    assert free.taxed is not None
    taxed = msgspec.structs.replace(free, taxed=msgspec.structs.replace(free.taxed, gross=5))
    order = plain_order(("A", 1, 1000), included=False, shipping=taxed)
    assert only(order).field == "shippingInfo.taxedPrice"


# What no shop has, and what people's texts may do.


def address(**changes: Any) -> Address:
    return msgspec.structs.replace(ADDRESS, **changes)


def with_rate(figure: str) -> Order:
    order = plain_order()
    tax = msgspec.structs.replace(rate_of(), rate=Decimal(figure))
    return msgspec.structs.replace(order, lines=(msgspec.structs.replace(order.lines[0], tax_rate=tax),))


ABSURD = [
    plain_order(total=10**16),
    plain_order(digits=-1),
    plain_order(digits=40),
    with_rate("NaN"),
    with_rate("-0.2"),
    with_rate("1.01"),
    with_rate("1E-99"),
    plain_order(taxed=TaxedTotal(net=1, gross=1, portions=(TaxPortion(rate=Decimal("sNaN"), amount=0),))),
]


@pytest.mark.parametrize("order", ABSURD)
def test_absurd_figures_are_held_before_anything_is_calculated(order: Order) -> None:
    findings = held(order, facts_for(plain_order()), rules_for())
    assert {finding.code for finding in findings} == {"not_plain"}


@pytest.mark.parametrize(
    ("changes", "field", "group"),
    [
        ({"number": "9" * 257}, "orderNumber", "CustomerReference"),
        ({"email": "e" * 257}, "customerEmail", "Email"),
        ({"shipping_address": address(postcode="9" * 21)}, "shippingAddress.postalCode", "Postcode"),
        ({"billing": address(line1="x" * 257)}, "billingAddress.streetName", "Line1"),
        ({"billing": address(phone="1" * 51)}, "billingAddress.phone", "Phone"),
    ],
)
def test_a_text_that_must_not_be_cut_holds_the_order_and_is_not_repeated(
    changes: dict[str, Any], field: str, group: str
) -> None:
    order = plain_order(**changes)
    finding = only(order)
    assert (finding.code, finding.field, finding.group) == ("field_too_long", field, f"field_too_long:{group}")
    assert not any(run * 20 in finding.cause for run in "9ex1")


def test_a_sku_longer_than_cin7_takes_is_held() -> None:
    order = plain_order(("S" * 51, 1, 100))
    assert only(order).code == "field_too_long"


@pytest.mark.parametrize("figure", [19.99, 1999.0])
def test_a_float_is_a_type_error(figure: float) -> None:
    order = plain_order()
    with pytest.raises(TypeError):
        predict(msgspec.structs.replace(order, total=figure), facts_for(order), rules_for(order))
    with pytest.raises(TypeError):
        bad = msgspec.structs.replace(order.lines[0], total=figure)
        predict(msgspec.structs.replace(order, lines=(bad,)), facts_for(order), rules_for(order))
    with pytest.raises(TypeError):
        rate = msgspec.structs.replace(rate_of(), rate=0.2)
        bad = msgspec.structs.replace(order.lines[0], tax_rate=rate)
        predict(msgspec.structs.replace(order, lines=(bad,)), facts_for(order), rules_for(order))
