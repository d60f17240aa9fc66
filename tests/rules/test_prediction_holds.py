"""Every name of an order that Cin7 does not know, or knows otherwise, holds it; and all of them are told at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.calibration import ALL, Calibration, ModeRecord
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, FactKind, Facts, Location, TaxRule
from actors.domain.order import Address, Order, Taxed, TaxedTotal, TaxPortion, TaxRate
from actors.domain.posting import ChargeRule, Charges, CurrencyRule, PostingRules
from actors.domain.prediction import Hold, Prediction, predict
from tests.orders_builder import (
    ADDRESS,
    CUSTOMER,
    LOCATION,
    REDUCED,
    STANDARD,
    ZERO,
    added,
    custom_line,
    disabled,
    discounted,
    facts_for,
    fine_line,
    gift,
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


def carried(order: Order, facts: Facts | None = None, rules: PostingRules | None = None) -> Prediction:
    answer = predict(order, facts or facts_for(order), rules or rules_for(order))
    assert isinstance(answer, Prediction), answer
    return answer


def test_the_order_of_these_tests_is_carried() -> None:
    carried(ORDER)


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


@pytest.mark.parametrize("channels", [("south", "north"), ("north", None), ("both",)])
def test_a_shop_that_names_a_place_for_them_has_them_carried_there(channels: tuple[str | None, ...]) -> None:
    order, facts, rules = placed(*channels)
    answer = predict(order, facts, msgspec.structs.replace(rules, split_location="South"))
    assert isinstance(answer, Prediction)
    assert answer.location == "South"


def test_the_place_for_split_orders_must_exist() -> None:
    order, facts, rules = placed("south", "north")
    finding = only(order, facts, msgspec.structs.replace(rules, split_location="East"))
    assert (finding.code, finding.group) == ("location_unknown", "location_unknown:East")


# Currencies: the books' own, or one that has a customer and a rate.


def test_an_order_in_another_currency_goes_to_the_customer_of_it() -> None:
    order = plain_order(currency="EUR")
    facts, rules = facts_for(plain_order(), order), rules_for(plain_order(), order)
    prediction = carried(order, facts, rules)
    assert facts.company is not None
    assert facts.company.currency == "GBP"
    assert (prediction.currency, prediction.customer_id) == ("EUR", "customer-2")


def test_a_currency_with_a_fixed_rate_needs_no_rate_of_the_day() -> None:
    order = plain_order(currency="EUR")
    facts = facts_for(plain_order(), order, rates=())
    rules = rules_for(plain_order(), order)
    named = {"EUR": CurrencyRule(customer=rules.currencies["EUR"].customer, rate="0.85")}
    assert isinstance(predict(order, facts, rules), Hold)
    carried(order, facts, msgspec.structs.replace(rules, currencies=named))


def test_a_currency_nobody_named_is_not_supported() -> None:
    order = plain_order(currency="EUR")
    facts, rules = facts_for(plain_order(), order), rules_for(plain_order(), order, currencies={})
    assert {(finding.code, finding.group) for finding in held(order, facts, rules)} >= {
        ("currency_unsupported", "currency_unsupported:EUR")
    }


# Taxes: the key of the mapping, most exact first; every row under its own rule.


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


def test_two_names_of_one_rate_may_be_one_rule() -> None:
    order = plain_order(("A", 1, 1000), shipping=shipment(rate=rate_of(name="shipping")))
    assert {row.tax_rule for row in carried(order).rows} == {RULE}


def test_two_rules_of_one_rate_are_told_apart_by_the_names_of_the_portions() -> None:
    order = plain_order(("A", 1, 1000), shipping=shipment(rate=rate_of(name="shipping")))
    rules = rules_for(order, tax={"standard": RULE, "shipping": "Other"})
    facts = facts_for(order, tax_rules=tax_rule() | {"Other": TaxRule(id="o", name="Other", percent=Decimal(20))})
    prediction = carried(order, facts, rules)
    assert [(row.sku, row.tax_rule) for row in prediction.rows] == [("A", RULE), ("Shipping", "Other")]
    assert prediction.tax_by_rule == {RULE: Decimal("1.67"), "Other": Decimal("0.83")}


def test_a_portion_that_may_be_of_two_rules_is_a_contradiction() -> None:
    """Two parents share a part: which rule its tax belongs to, nobody says (money §2.2, sub-rates)."""
    one = rate_of("0.0825", name="one", sub_rates={"state": "0.0625", "county 1": "0.02"}, included=False)
    two = rate_of("0.0725", name="two", sub_rates={"state": "0.0625", "county 2": "0.01"}, included=False)
    order = plain_order(line("A", 2, 1749, rate=one), line("B", 1, 1000, rate=two))
    assert {finding.code for finding in held(order)} == {"source_inconsistent"}
    assert len(carried(plain_order(line("A", 2, 1749, rate=one), line("B", 1, 1000, rate=one))).rows) == 2


def test_every_rate_of_an_order_must_be_mapped_and_all_that_are_not_are_told() -> None:
    order = plain_order(("A", 1, 1000), line("B", 1, 1000, rate=REDUCED), shipping=shipment(rate=ZERO))
    findings = held(order, rules=rules_for(order, tax={"GB/reduced": "Sales 5%"}))
    assert [(finding.code, finding.group) for finding in findings] == [
        ("tax_unmapped", "tax_unmapped:GB/standard"),
        ("tax_unmapped", "tax_unmapped:GB/zero"),
    ]


def test_an_order_without_tax_needs_a_rule_for_that() -> None:
    order = disabled(plain_order(("A", 1, 1000)))
    rules = rules_for(order, tax={"standard": RULE, "0": "Sales 0%"})
    assert only(order, rules=rules).group == "tax_unmapped:none"


def test_the_rule_of_orders_without_tax_must_have_none() -> None:
    order = disabled(plain_order(("A", 1, 1000)))
    rules = rules_for(order, tax={"none": RULE})
    assert only(order, facts_for(order, tax_rules=tax_rule()), rules).code == "tax_rate_differs"


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


def test_each_rule_may_have_a_charge_of_its_own() -> None:
    order = plain_order(("A", 1, 4000), line("B", 2, 1550, rate=REDUCED))
    order = discounted(order, 1000, net=5400, gross=6100, portions={"standard": 573, "reduced": 127})
    names = [f"Discount {RULE}", "Discount Sales 5%"]
    rules = rules_for(order, charges=Charges(discount="Discount {rule}"))
    prediction = carried(order, facts_for(order, services={name: service(name) for name in names}), rules)
    assert [row.sku for row in prediction.rows] == ["A", "B", *names]
    assert only(order, facts_for(order, services={names[0]: service(names[0])}), rules).group == (
        f"charge_unknown:{names[1]}"
    )


def test_a_charge_that_names_an_unmapped_rule_is_not_looked_for() -> None:
    rules = rules_for(ORDER, tax={}, charges=Charges(shipping="Shipping {rule}", rounding="Cents {rule}"))
    assert only(ORDER, facts_for(ORDER, services={}), rules).code == "tax_unmapped"


# Custom lines: a service product by the mapping of the slug, else by equal name.


def wrapped(slug: str = "gift-wrap", **changes: Any) -> Order:
    return plain_order(custom=(custom_line(slug, 3, 350, **changes),))


def test_a_custom_line_is_carried_by_the_product_its_slug_is_mapped_to() -> None:
    row = carried(wrapped()).rows[1]
    assert (row.sku, row.product_id) == ("Gift wrap", "service-Gift wrap")
    assert (row.quantity, row.price) == (Decimal(3), Decimal("3.50"))


def test_a_custom_line_nobody_mapped_goes_by_equal_name() -> None:
    order = wrapped("express-packing")
    facts = facts_for(order, services={"express-packing": service("express-packing")})
    assert carried(order, facts, rules_for(order, slugs={})).rows[1].sku == "express-packing"


def test_a_custom_line_that_is_neither_mapped_nor_named_is_held() -> None:
    order = wrapped()
    finding = only(order, facts_for(order, services={}), rules_for(order, slugs={}))
    assert (finding.code, finding.group) == ("charge_unmapped", "charge_unmapped:gift-wrap")
    assert "gift-wrap" in finding.cause


def test_a_custom_line_mapped_to_what_cin7_does_not_have_is_held() -> None:
    order = wrapped()
    assert only(order, facts_for(order, services={})).group == "charge_unknown:Gift wrap"


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_of_a_custom_line_below_one_is_held(quantity: int) -> None:
    strange = msgspec.structs.replace(custom_line("gift-wrap", 1, 350), quantity=quantity)
    order = plain_order(custom=(strange,))
    assert only(order).code == "quantity_unsupported"


def test_a_custom_line_whose_price_is_not_whole_stands_as_one_piece() -> None:
    row = carried(wrapped(total=1000, taxed=Taxed(net=833, gross=1000))).rows[1]
    assert (row.quantity, row.price, row.amount) == (Decimal(1), Decimal("10.00"), Decimal("10.00"))


@pytest.mark.parametrize(("rate", "tender", "codes"), [
    (ZERO, True, set()), (STANDARD, True, {"tender_taxed"}), (STANDARD, False, set()),
])  # fmt: skip
def test_what_is_paid_with_must_not_lower_the_tax(rate: TaxRate, tender: bool, codes: set[str]) -> None:
    order = plain_order(custom=(custom_line("gift-card", 1, -500, rate),))
    rules = rules_for(order, slugs={"gift-card": ChargeRule(product="Gift card", tender=tender)})
    answer = predict(order, facts_for(order), rules)
    assert {finding.code for finding in (answer.findings if isinstance(answer, Hold) else ())} == codes


# What an account that takes no charge below zero makes of it.

NO_NEGATIVES = Calibration(negative_charges=False)


@pytest.mark.parametrize("custom", [
    custom_line("voucher", 1, -2500),  # more than the goods
    custom_line("voucher", 1, -500, REDUCED),  # no goods of its rule
    custom_line("gift-card", 1, -500, ZERO),  # a payment is no discount
])  # fmt: skip
def test_what_no_line_can_carry_is_held_where_negatives_are_refused(custom: Any) -> None:
    order = plain_order(("A", 1, 1999), shipping=2000, custom=(custom,))
    finding = only(order, facts_for(order, calibration=NO_NEGATIVES))
    assert finding.code == "negative_refused"
    assert str(Decimal(-custom.total) / 100) in finding.cause
    carried(order)


def test_a_voucher_is_folded_into_the_lines_of_its_rule() -> None:
    order = plain_order(("A", 1, 2000), custom=(custom_line("voucher", 1, -500),))
    prediction = carried(order, facts_for(order, calibration=NO_NEGATIVES))
    assert [(row.sku, row.amount, row.tax) for row in prediction.rows] == [("A", Decimal("15.00"), Decimal("2.50"))]
    assert (prediction.folded, prediction.discount) == (Decimal("5.00"), Decimal("0.00"))


# Discounts on the whole order.


def off(net: int, tax: int) -> Order:
    """A of 20.00 at 20 % and 5.00 off it."""
    return discounted(plain_order(("A", 1, 2000)), 500, net=net, gross=net + tax, portions={"standard": tax})


@pytest.mark.parametrize("tax", [248, 249, 250, 251])
def test_a_discount_whose_tax_is_that_of_its_share_is_carried(tax: int) -> None:
    """Within a unit and one for each item: 0.83 is the part of 5.00, and there is one item."""
    assert carried(off(1500 - tax, tax)).rows[-1].tax == -(Decimal("3.33") - Decimal(tax) / 100)


@pytest.mark.parametrize("tax", [247, 252, 0, 333])
def test_a_discount_whose_tax_is_not_that_of_its_share_is_held(tax: int) -> None:
    finding = only(off(1500 - tax, tax))
    assert finding.code == "discount_not_proportional"
    assert all(figure in finding.cause for figure in ("5.00", f"{Decimal(333 - tax) / 100:.2f}"))


def test_pieces_taxed_one_by_one_give_a_discount_more_room() -> None:
    def of(tax: int) -> Order:
        order = plain_order(("A", 10, 200), tax_calculation="UnitPriceLevel")
        return discounted(order, 500, net=1500 - tax, gross=1500, portions={"standard": tax})

    carried(of(253))  # 3.30 before, 0.77 off: within 1 + 1 item + half of 10 pieces of 0.83
    assert only(of(254)).code == "discount_not_proportional"


def test_an_outside_engine_may_tax_a_discount_as_it_likes() -> None:
    rate = added(STANDARD)
    order = plain_order(line("A", 1, 2000, rate=rate), tax_mode="ExternalAmount")
    order = discounted(order, 500, net=1500, gross=1700, portions={"standard": 200})
    assert carried(order).rows[-1].tax == Decimal("-2.00")


def test_a_discount_that_takes_tax_and_nothing_else_is_held() -> None:
    order = plain_order(("A", 1, 2000), line("B", 1, 1, rate=REDUCED, taxed=Taxed(net=0, gross=1)))
    order = discounted(order, 100, net=1583, gross=1901, portions={"standard": 318, "reduced": 0})
    findings = held(order)
    assert {finding.code for finding in findings} == {"tax_on_nothing"}


def test_a_line_that_costs_nothing_and_is_taxed_is_held() -> None:
    free = line("G", 1, 650, total=0, rate=added(STANDARD), taxed=Taxed(net=0, gross=5))
    findings = held(plain_order(line("A", 1, 2000, rate=added(STANDARD)), free))
    assert {finding.code for finding in findings} == {"tax_on_nothing"}


@pytest.mark.parametrize("included", [True, False])
@pytest.mark.parametrize("shown", [0, 400, 501])
def test_a_discount_the_taxed_totals_show_otherwise_is_held(included: bool, shown: int) -> None:
    """What the customer was promised off is 5.00; nobody may be billed less of it, or more."""
    order = plain_order(("A", 1, 2000), rate=STANDARD if included else added(STANDARD))
    assert order.taxed is not None
    net = round(1666.667 - shown / 1.2) if included else 2000 - shown
    gross = 2000 - shown if included else round((2000 - shown) * 1.2)
    order = discounted(order, 500, net=net, gross=gross, portions={"standard": gross - net})
    held(order)
    held(msgspec.structs.replace(order, discount_net=None, discount_gross=None))


def off_by(net: int, tax: int) -> Order:
    """A of 19.99 (16.66 + 3.33), and an order that says otherwise without calling it a discount."""
    portions = (TaxPortion(rate=STANDARD.rate, amount=tax, name="standard"),)
    return plain_order(taxed=TaxedTotal(net=net, gross=net + tax, tax=tax, portions=portions))


@pytest.mark.parametrize(("net", "tax", "cents"), [(1667, 333, "0.00"), (1666, 334, "0.01")])
def test_a_gap_is_held_or_where_the_shop_allows_it_counted_on_the_cents_row(net: int, tax: int, cents: str) -> None:
    order = off_by(net, tax)
    assert {finding.code for finding in held(order)} == {"source_inconsistent"}
    prediction = carried(order, rules=rules_for(order, tolerance=1))
    assert [(row.sku, row.amount, row.tax) for row in prediction.rows] == [
        ("A", Decimal("19.99"), Decimal("3.33")),
        ("Rounding", Decimal("0.01"), Decimal(cents)),
    ]
    assert (prediction.tolerated, prediction.total) == (1, Decimal("20.00"))


@pytest.mark.parametrize(("net", "tax"), [(1668, 333), (1665, 333), (1666, 332), (1667, 332), (1664, 335)])
def test_a_gap_that_is_larger_or_downwards_or_only_of_tax_is_held_all_the_same(net: int, tax: int) -> None:
    order = off_by(net, tax)
    assert {finding.code for finding in held(order, rules=rules_for(order, tolerance=1))} == {"source_inconsistent"}


def test_a_discount_below_zero_is_held() -> None:
    order = discounted(plain_order(("A", 1, 2000)), -500, net=2083, gross=2500, portions={"standard": 417})
    held(order)


# Rules that meet in one place.


def test_a_sku_under_two_rules_is_held_once_with_both_rules() -> None:
    order = plain_order(("A", 1, 1000), line("A", 1, 1000, rate=REDUCED), ("A", 2, 500))
    finding = only(order)
    assert (finding.code, finding.sku) == ("sku_two_rules", "A")
    assert all(rule in finding.cause for rule in (RULE, "Sales 5%"))


@pytest.mark.parametrize("first", [True, False])
def test_a_gift_goes_with_what_was_bought_whatever_its_own_rate(first: bool) -> None:
    goods = [line("A", 1, 1000), gift("A", 1, 1000, rate=REDUCED)]
    prediction = carried(plain_order(*(goods if first else goods[::-1])))
    assert [(row.sku, row.quantity, row.price, row.tax_rule) for row in prediction.rows] == [
        ("A", Decimal(2), Decimal("5.00"), RULE)
    ]


@pytest.mark.parametrize(("rates", "code"), [
    ((STANDARD,), None), ((STANDARD, REDUCED), "line_two_rules"),
    ((STANDARD, rate_of(name="delivery")), None),  # two rates, one rule: one line
])  # fmt: skip
def test_a_line_sent_by_several_methods_stands_under_one_rule(rates: tuple[TaxRate, ...], code: str | None) -> None:
    bare = line("A", 2, 1500, tax_rate=rates[0] if len(rates) == 1 else None, method_rates=rates)
    portions = (TaxPortion(rate=STANDARD.rate, amount=500, name="standard"),)
    parcels = (shipment(0, key="one"), shipment(0, key="two"))
    order = plain_order(
        bare,
        shipping=parcels,
        shipping_mode="Multiple",
        taxed=TaxedTotal(net=2500, gross=3000, tax=500, portions=portions),
        total=3000,
    )
    answer = predict(order, facts_for(order), rules_for(order))
    assert (answer.findings[0].code if isinstance(answer, Hold) else None) == code


# Currencies of three decimals, and of none.


def dinars(*amounts: int, rate: str = "0", included: bool = False, **changes: Any) -> Order:
    goods = [(f"S{place}", 1, each) for place, each in enumerate(amounts)]
    return plain_order(*goods, rate=rate, included=included, currency="KWD", **changes)


def test_thousandths_that_no_payment_can_have_are_held() -> None:
    finding = only(dinars(1255, 1000))
    assert finding.code == "payment_two_decimals"
    assert "2.255" in finding.cause


def test_thousandths_that_meet_under_one_rule_are_carried() -> None:
    assert carried(dinars(1255, 1255)).cents == Decimal("0.01")


def test_thousandths_that_meet_across_rules_only_are_held() -> None:
    other = line("B", 1, 1255, rate=added(ZERO), currency="KWD")
    order = plain_order(
        line("A", 1, 1255, rate=added(rate_of("0", name="exempt")), currency="KWD"), other, currency="KWD"
    )
    rules = rules_for(order, tax={"exempt": "Exempt", "zero": "Sales 0%"})
    known = {name: TaxRule(id=name, name=name, percent=Decimal(0)) for name in ("Exempt", "Sales 0%")}
    assert {finding.code for finding in held(order, facts_for(order, tax_rules=known), rules)} == {"row_three_decimals"}


# What the account makes of it.


def test_what_the_account_is_known_to_show_otherwise_is_held_with_both_breakdowns() -> None:
    order = plain_order(("A", 3, 999), tax_rounding="HalfUp")
    facts = facts_for(order, calibration=Calibration(inclusive=ModeRecord(alive=frozenset({2, 3}))))
    finding = only(order, facts)
    assert finding.code == "prediction_differs"
    assert {"24.98", "24.97", "4.99", "5.00"} <= set(finding.facts.values())
    other = facts_for(order, calibration=Calibration(exclusive=ModeRecord(alive=frozenset({2, 3}))))
    assert carried(order, other).exact_under < ALL


def test_cents_that_nothing_is_named_for_are_held_with_the_figures() -> None:
    for order in (plain_order(fine_line("A", 250, "3.99")), plain_order(line("A", 3, 0, total=1000))):
        finding = only(order, rules=rules_for(order, charges=Charges(rounding="")))
        assert (finding.code, finding.sku) == ("needs_rounding_charge", "A")
    carried(plain_order(), rules=rules_for(plain_order(), charges=Charges(rounding="")))


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
