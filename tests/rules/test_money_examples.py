"""The worked examples of the money reference: each plain one to the cent, each other one held by name."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from actors.domain.facts import TaxRule
from actors.domain.order import Order, TaxedTotal, TaxPortion
from actors.domain.posting import Charges
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.sale import Row, RowKind
from tests.orders_builder import (
    custom_line,
    facts_for,
    line,
    plain_order,
    rate_of,
    rules_for,
    shipment,
    totalled,
)


def groups(*parts: tuple[int, int]) -> Order:
    pieces = sum(quantity for quantity, _ in parts)
    return plain_order(line("A", pieces, parts[-1][1], groups=parts))


def lump(quantity: int, total: int, *, included: bool = True, rate: str = "0.2") -> Order:
    tax = rate_of(rate, included=included)
    return plain_order(line("A", quantity, 0, total=total, rate=tax, price_mode="ExternalTotal"))


PLAIN: list[tuple[str, Order, str, str, str]] = [
    ("1 incl", plain_order(("A", 1, 1999), shipping=495),
     "20.78 + 4.16 = 24.94", "I", "A 1×19.99 [3.33] · Shipping 1×4.95 [0.83]"),
    ("2 a tie, HalfEven", plain_order(("A", 1, 999)), "8.32 + 1.67 = 9.99", "I", "A 1×9.99 [1.67]"),
    ("3 a tie, HalfUp", plain_order(("A", 1, 999), tax_rounding="HalfUp"),
     "8.33 + 1.66 = 9.99", "I", "A 1×9.99 [1.66]"),
    ("4 HalfDown", plain_order(("A", 3, 999), tax_rounding="HalfDown"),
     "24.97 + 5.00 = 29.97", "I", "A 3×9.99 [5.00]"),
    ("5 HalfUp", plain_order(("A", 3, 999), tax_rounding="HalfUp"),
     "24.98 + 4.99 = 29.97", "I", "A 3×9.99 [4.99]"),
    ("6 excl 19 %", plain_order(("A", 2, 1005), rate="0.19", included=False, shipping=590),
     "26.00 + 4.94 = 30.94", "E", "A 2×10.05 [3.82] · Shipping 1×5.90 [1.12]"),
    ("9 LineItemLevel", plain_order(("A", 3, 108), rate="0.19", included=False),
     "3.24 + 0.62 = 3.86", "E", "A 3×1.08 [0.62]"),
    ("10 UnitPriceLevel", plain_order(("A", 3, 108), rate="0.19", included=False, tax_calculation="UnitPriceLevel"),
     "3.24 + 0.63 = 3.87", "E", "A 3×1.08 [0.63]"),
    ("11 UnitPriceLevel incl", plain_order(("A", 7, 99), tax_calculation="UnitPriceLevel"),
     "5.74 + 1.19 = 6.93", "I", "A 7×0.99 [1.19]"),
    ("12 product discount", plain_order(line("A", 2, 1750, listed=2500)),
     "29.17 + 5.83 = 35.00", "I", "A 2×17.50 [5.83]"),
    ("13 groups", groups((2, 500), (1, 1000)),
     "16.67 + 3.33 = 20.00", "I", "A 3×6.66 [3.33] · Rounding 1×0.02 [0.00]"),
    ("14 groups, divisible", groups((1, 500), (1, 1000)), "12.50 + 2.50 = 15.00", "I", "A 2×7.50 [2.50]"),
    ("15 pay 4 take 7", groups((4, 799), (3, 0)),
     "26.63 + 5.33 = 31.96", "I", "A 7×4.56 [5.32] · Rounding 1×0.04 [0.01]"),
    ("16 3 for 10.00", lump(3, 1000), "8.33 + 1.67 = 10.00", "I", "A 3×3.33 [1.67] · Rounding 1×0.01 [0.00]"),
    ("17 7 for 10.00 excl", lump(7, 1000, included=False, rate="0.19"),
     "10.00 + 1.90 = 11.90", "E", "A 7×1.42 [1.89] · Rounding 1×0.06 [0.01]"),
    ("18 12 for 100.00", lump(12, 10000),
     "83.33 + 16.67 = 100.00", "I", "A 12×8.33 [16.66] · Rounding 1×0.04 [0.01]"),
    ("24 one SKU on two lines", plain_order(("A", 1, 1000), ("A", 2, 800)),
     "21.66 + 4.34 = 26.00", "I", "A 3×8.66 [4.34] · Rounding 1×0.02 [0.00]"),
    ("32 shipping discounted", plain_order(("A", 1, 2000), shipping=shipment(495, discounted=295)),
     "19.13 + 3.82 = 22.95", "I", "A 1×20.00 [3.33] · Shipping 1×2.95 [0.49]"),
    ("33 shipping free", plain_order(("A", 1, 2000), shipping=0), "16.67 + 3.33 = 20.00", "I", "A 1×20.00 [3.33]"),
    ("33 shipping made free", plain_order(("A", 1, 2000), shipping=shipment(495, discounted=0)),
     "16.67 + 3.33 = 20.00", "I", "A 1×20.00 [3.33]"),
    ("39 External rates",
     plain_order(("A", 5, 840), rate="0.21", shipping=350, tax_mode="External"),
     "37.60 + 7.90 = 45.50", "I", "A 5×8.40 [7.29] · Shipping 1×3.50 [0.61]"),
    ("rate 0", plain_order(("A", 4, 275), rate="0", included=False, shipping=150),
     "12.50 + 0.00 = 12.50", "E", "A 4×2.75 [0.00] · Shipping 1×1.50 [0.00]"),
]  # fmt: skip


def written(row: Row) -> str:
    assert row.discount == 0
    assert row.amount == row.quantity * row.price
    return f"{row.sku} {row.quantity}×{row.price} [{row.tax}]"


@pytest.mark.parametrize(("order", "source", "mode", "rows"), [case[1:] for case in PLAIN], ids=[c[0] for c in PLAIN])
def test_a_plain_example_is_predicted_to_the_cent(order: Order, source: str, mode: str, rows: str) -> None:
    prediction = predict(order, facts_for(order), rules_for(order))

    assert isinstance(prediction, Prediction), prediction
    assert f"{prediction.net} + {prediction.tax} = {prediction.total}" == source
    assert prediction.tax_inclusive == (mode == "I")
    assert " · ".join(written(row) for row in prediction.rows) == rows
    assert prediction.tax_by_rule == {prediction.tax_rule: prediction.tax}
    assert {row.tax_rule for row in prediction.rows} == {prediction.tax_rule}
    by_kind = {row.kind: row.amount for row in prediction.rows if row.kind is not RowKind.LINE}
    assert prediction.shipping == by_kind.get(RowKind.SHIPPING, 0)
    assert prediction.cents == by_kind.get(RowKind.ROUNDING, 0)
    assert prediction.discount == 0


def disabled() -> Order:
    bare = plain_order(("A", 3, 1200), shipping=500)
    lines = tuple(msgspec.structs.replace(each, taxed=None, tax_rate=None) for each in bare.lines)
    shipping = tuple(msgspec.structs.replace(each, taxed=None, tax_rate=None) for each in bare.shipping)
    return msgspec.structs.replace(bare, lines=lines, shipping=shipping, taxed=None, tax_mode="Disabled")


def discounted() -> Order:
    order = plain_order(("A", 2, 4500), shipping=500)
    taxed = TaxedTotal(net=7083, gross=8500, tax=1417, portions=(TaxPortion(rate=rate_of().rate, amount=1417),))
    return msgspec.structs.replace(order, discount_on_total=1000, total=8500, taxed=taxed)


def with_custom(slug: str, quantity: int, unit: int) -> Order:
    return totalled(msgspec.structs.replace(plain_order(), custom_lines=(custom_line(slug, quantity, unit),)))


def yen() -> Order:
    return plain_order(("A", 1, 1980), rate="0.1", currency="JPY", digits=0)


def dinar() -> Order:
    return plain_order(("A", 4, 2750), rate="0", included=False, currency="KWD", digits=3)


def two_parcels(mode: str) -> Order:
    order = plain_order(("A", 3, 1000), shipping_mode=mode)
    return totalled(msgspec.structs.replace(order, shipping=(shipment(600), shipment(590))))


REDUCED = rate_of("0.05", name="reduced")
SALES_TAX = rate_of("0.0825", included=False, sub=True)

NOT_PLAIN: list[tuple[str, Order, str]] = [
    ("7 two rates", plain_order(("A", 2, 2490), line("B", 4, 349, rate=REDUCED)), "several tax rates"),
    ("8 shipping's rate", plain_order(("A", 2, 1250), shipping=shipment(395, rate=REDUCED)), "several tax rates"),
    ("19 fine", plain_order(line("A", 250, 4, total=998, high_precision=True)), "high precision"),
    ("21 ExternalPrice", plain_order(line("A", 3, 123, total=370, high_precision=True)), "high precision"),
    ("22 gift line", plain_order(("A", 1, 3000), line("G", 1, 0, mode="GiftLineItem")), "gift line"),
    ("22 line of 0", plain_order(("A", 1, 3000), ("G", 1, 0)), "line without a price"),
    ("23 gift of a bought SKU", plain_order(("A", 2, 999), line("A", 1, 999, total=0)), "line without a price"),
    ("25 order discount", discounted(), "order discount"),
    ("29 custom line", with_custom("gift-wrap", 3, 350), "custom line"),
    ("30 voucher", with_custom("voucher", 1, -500), "custom line"),
    ("34 JPY", yen(), "currency digits"),
    ("36 KWD", dinar(), "currency digits"),
    ("37 sub-rates", plain_order(line("A", 2, 1749, rate=SALES_TAX)), "sub-rates"),
    ("38 ExternalAmount", plain_order(included=False, tax_mode="ExternalAmount"), "tax mode ExternalAmount"),
    ("40 Disabled", disabled(), "tax mode Disabled"),
    ("41 Multiple", two_parcels("Multiple"), "shipping mode Multiple"),
    ("several shipments", two_parcels("Single"), "several shipments"),
    ("42 mixed", plain_order(shipping=shipment(400, rate=rate_of(included=False))), "mixed tax inclusion"),
    ("no lines", plain_order(lines=(), total=0, taxed=TaxedTotal(net=0, gross=0, portions=())), "no lines"),
    ("new tax calculation", plain_order(tax_calculation="New"), "tax calculation New"),
    ("new line mode", plain_order(line("A", 1, 100, mode="New")), "line mode New"),
    ("new price mode", plain_order(line("A", 1, 100, price_mode="New")), "price mode New"),
    ("two methods", plain_order(line("A", 2, 100, methods=2)), "several shipping methods"),
    ("201 lines", plain_order(*((f"S{n}", 1, 100) for n in range(201))), "too many lines"),
    ("less than a penny apiece", lump(3, 2), "price below a minor unit"),
    ("negative line", plain_order(("A", 1, 1999), ("B", 1, -5)), "negative line"),
    ("negative shipping", plain_order(shipping=-5), "negative shipping"),
]


@pytest.mark.parametrize(("order", "feature"), [case[1:] for case in NOT_PLAIN], ids=[case[0] for case in NOT_PLAIN])
def test_what_is_not_plain_is_held_and_the_feature_named(order: Order, feature: str) -> None:
    held = predict(order, facts_for(order), rules_for(order))

    assert isinstance(held, Hold)
    assert {finding.group for finding in held.findings} == {f"not_plain:{feature}"}
    assert all(finding.cause and finding.code == "not_plain" for finding in held.findings)


def test_44_a_tax_that_is_not_mapped_is_held() -> None:
    order = plain_order(line("A", 1, 1000, rate=rate_of("0.33", name="luxury")))

    held = predict(order, facts_for(order), rules_for())

    assert isinstance(held, Hold)
    assert [(finding.code, finding.group) for finding in held.findings] == [("tax_unmapped", "tax_unmapped:GB/luxury")]


def test_45_a_rule_of_another_rate_is_held_with_both_figures() -> None:
    order = plain_order(("A", 1, 1000), rate="0.19")
    rules = rules_for(order, tax={"GB/standard": "Sales 20%"})
    facts = facts_for(order, tax_rules={"Sales 20%": TaxRule(id="r", name="Sales 20%", percent=Decimal(20))})

    held = predict(order, facts, rules)

    assert isinstance(held, Hold)
    assert [finding.code for finding in held.findings] == ["tax_rate_differs"]
    assert held.findings[0].facts == {"commercetools": "19.00 %", "Cin7 Core": "20 %"}
    assert held.findings[0].waits_for == "tax_rule:Sales 20%"


def test_46_tax_that_was_never_calculated_is_unknown_and_not_zero() -> None:
    order = plain_order(line("A", 1, 1000, taxed=None), taxed=None)

    held = predict(order, facts_for(order), rules_for(order))

    assert isinstance(held, Hold)
    assert {(finding.code, finding.field) for finding in held.findings} == {
        ("tax_unknown", "lineItems[0].taxedPrice"),
        ("tax_unknown", "taxedPrice"),
    }


def test_47_portions_that_do_not_add_up_are_held_with_both_figures() -> None:
    order = plain_order(("A", 1, 1000))
    taxed = TaxedTotal(net=833, gross=1000, tax=167, portions=(TaxPortion(rate=rate_of().rate, amount=168),))

    held = predict(msgspec.structs.replace(order, taxed=taxed), facts_for(order), rules_for(order))

    assert isinstance(held, Hold)
    assert {finding.code for finding in held.findings} == {"source_inconsistent"}
    assert held.findings[0].facts == {"gross less net": "1.67 GBP", "taxPortions": "1.68 GBP"}


def test_53_cents_without_a_named_charge_are_held() -> None:
    order = lump(3, 1000)

    held = predict(order, facts_for(order), rules_for(order, charges=Charges(rounding="")))

    assert isinstance(held, Hold)
    assert [finding.code for finding in held.findings] == ["needs_rounding_charge"]
    assert "10.00 GBP do not divide by 3 pieces" in held.findings[0].cause


def test_a_merged_price_tells_what_it_is_made_of() -> None:
    def comment(order: Order) -> str:
        prediction = predict(order, facts_for(order), rules_for(order))
        assert isinstance(prediction, Prediction)
        return prediction.rows[0].comment

    assert comment(groups((2, 500), (1, 1000))) == "2 @ 5.00, 1 @ 10.00"
    assert comment(plain_order(("A", 1, 1000), ("A", 2, 800))) == "2 @ 8.00, 1 @ 10.00"
    assert comment(lump(3, 1000)) == "3 for 10.00"
    assert comment(plain_order(line("A", 2, 1750, listed=2500))) == "list 25.00"
    assert comment(plain_order()) == ""


def test_the_tax_of_the_cents_comes_off_the_goods_with_the_most_tax() -> None:
    def taxes(*goods: tuple[str, int, int]) -> dict[str, str]:
        lines = (line(sku, pieces, 0, total=total, price_mode="ExternalTotal") for sku, pieces, total in goods)
        order = plain_order(*lines)
        prediction = predict(order, facts_for(order), rules_for(order))
        assert isinstance(prediction, Prediction)
        return {row.sku: str(row.tax) for row in prediction.rows}

    assert taxes(("A", 3, 1000), ("B", 7, 10000)) == {"A": "1.67", "B": "16.66", "Rounding": "0.01"}
    assert taxes(("B", 12, 1000), ("A", 12, 1000)) == {"B": "1.67", "A": "1.66", "Rounding": "0.01"}
    # C divides: its tax stays, although it is the largest
    assert taxes(("A", 7, 1000), ("C", 2, 90000)) == {"A": "1.66", "C": "150.00", "Rounding": "0.01"}
