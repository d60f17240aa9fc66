"""Every kind of order the sandbox's commercetools can place; each document is held against the official spec."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from adapters.sandbox.carts import (
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PriceGroup,
    ShipmentDraft,
    ShippingDraft,
    TaxRule,
    TravelDraft,
    rule_of,
)
from adapters.sandbox.generator import Feature, Habits, OrderGenerator, Poison
from adapters.sandbox.refusals import PlacementRefused
from tests.adapters.test_sandbox_commercetools import BOOK, MUG, Place, amount, place
from tests.commercetools_spec import SPEC_IS_THERE, check_answer

NET = rule_of(20, included=False)
ZERO_RATE = rule_of(0)
TEXAS = TaxRule(
    name="Texas",
    rate=Decimal("0.0825"),
    included=False,
    country="US",
    sub_rates=(("State", Decimal("0.0625")), ("City", Decimal("0.02"))),
)


def rate(percent: int, *, included: bool = True) -> TaxRule:
    return TaxRule(name=f"vat{percent}", rate=Decimal(percent) / 100, included=included)


def line(quantity: int, unit: int, tax: TaxRule | None = None, **more: Any) -> LineDraft:
    return LineDraft(sku=MUG, quantity=quantity, unit_minor=unit, tax=tax or rule_of(20), **more)


def shipped(price: int, tax: TaxRule | None = None, **more: Any) -> ShippingDraft:
    return ShippingDraft(price_minor=price, tax=tax or rule_of(20), **more)


def order(*lines: LineDraft, **fields: Any) -> OrderDraft:
    return OrderDraft(lines=lines, **fields)


async def read(draft: OrderDraft) -> dict[str, Any]:
    """Place an order and read it as a client does; the document is checked on the way."""
    here = await place()
    answer = await here.caller.get(f"/orders/{here.double.place_order(draft)}")
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


def items(document: dict[str, Any]) -> list[dict[str, Any]]:
    sent = [document["shippingInfo"]] if "shippingInfo" in document else []
    sent += [shipment["shippingInfo"] for shipment in document["shipping"]]
    return [*document["lineItems"], *document["customLineItems"], *sent]


def taxes(document: dict[str, Any]) -> list[int]:
    return [amount(item["taxedPrice"]["totalTax"]) for item in items(document)]


def portions(taxed: dict[str, Any]) -> list[tuple[str, float, int]]:
    return [(part["name"], part["rate"], amount(part["amount"])) for part in taxed["taxPortions"]]


# Totals, against the hand-written table of the money fact sheet §8.

WRAP = CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=350, quantity=3, tax=NET)
VOUCHER = CustomLineDraft(slug="voucher", name="Voucher", unit_minor=-500)
GIFT_CARD = CustomLineDraft(slug="gift-card", name="Gift card redeemed", unit_minor=-1000, tax=ZERO_RATE)
UNIT: dict[str, Any] = {"tax_calculation": "UnitPriceLevel"}
OUTSIDE: dict[str, Any] = {"tax_mode": "ExternalAmount", "currency": "USD", "included": False}
TABLE: list[tuple[int, OrderDraft, int, int, list[int]]] = [
    # row, order, net, gross, tax of each item (lines, custom lines, then shipping)
    (29, order(line(1, 2000, NET), custom_lines=(WRAP,), included=False), 3050, 3660, [400, 210]),
    (30, order(line(1, 2000), custom_lines=(VOUCHER,)), 1250, 1500, [333, -83]),
    (31, order(line(1, 2000), custom_lines=(GIFT_CARD,)), 667, 1000, [333, 0]),
    (
        34,
        order(line(1, 1980, rate(10)), line(3, 298, rate(8)), shipping=shipped(550, rate(10)), currency="JPY"),
        3128,
        3424,
        [180, 66, 50],
    ),
    (
        35,
        order(LineDraft(sku=MUG, quantity=3, total_minor=1000, tax=rate(10)), currency="JPY"),
        909,
        1000,
        [91],
    ),
    (
        36,
        order(line(4, 2750, rate(0, included=False)), shipping=shipped(1500, rate(0, included=False)), currency="KWD"),
        12500,
        12500,
        [0, 0],
    ),
    (37, order(line(2, 1749, TEXAS), shipping=shipped(600, TEXAS), currency="USD"), 4098, 4437, [289, 50]),
    (
        38,
        order(
            line(2, 1749, TEXAS, tax_minor=292),
            line(1, 900, TEXAS, tax_minor=67),
            shipping=shipped(600, TEXAS, tax_minor=50),
            **OUTSIDE,
        ),
        4998,
        5407,
        [292, 67, 50],
    ),
    (39, order(line(5, 840, rate(21)), shipping=shipped(350, rate(21)), tax_mode="External"), 3760, 4550, [729, 61]),
    (42, order(line(3, 999), shipping=shipped(400, NET)), 2898, 3477, [499, 80]),
    (43, order(line(9, 99), line(3, 449), discount_minor=200, discount_per_line=True, **UNIT), 1698, 2038, [153, 225]),
    (51, order(*(line(1, thousandths, rate(0)) for thousandths in (1255, 1255, 490)), currency="KWD"), 3000, 3000, [0]),
]


@pytest.mark.parametrize(("row", "draft", "net", "gross", "wanted"), TABLE, ids=[str(row[0]) for row in TABLE])
async def test_totals_are_those_of_the_table(
    row: int, draft: OrderDraft, net: int, gross: int, wanted: list[int]
) -> None:
    document = await read(draft)
    taxed = document["taxedPrice"]
    assert (amount(taxed["totalNet"]), amount(taxed["totalGross"])) == (net, gross)
    assert sum(part[2] for part in portions(taxed)) == gross - net
    assert taxes(document)[: len(wanted)] == wanted
    digits = {"JPY": 0, "KWD": 3}.get(draft.currency, 2)
    assert {taxed["totalNet"]["fractionDigits"], document["totalPrice"]["fractionDigits"]} == {digits}


async def test_a_discount_may_be_taxed_per_rate_or_per_line() -> None:
    draft = order(line(1, 501), line(1, 501), discount_minor=2)
    per_rate = (await read(draft))["taxedPrice"]
    per_line = (await read(msgspec.structs.replace(draft, discount_per_line=True)))["taxedPrice"]
    # 10.00 / 1.2 is 8.33; twice 5.00 / 1.2 is twice 4.17.
    assert [amount(per_rate["totalNet"]), amount(per_line["totalNet"])] == [833, 834]
    assert [amount(taxed["totalGross"]) for taxed in (per_rate, per_line)] == [1000, 1000]


# Tax from elsewhere, in parts, or not at all.


async def test_sub_rates_are_what_the_portions_are_called() -> None:
    document = await read(order(line(2, 1749, TEXAS), shipping=shipped(600, TEXAS), currency="USD", country="US"))
    first = document["lineItems"][0]
    assert (first["taxRate"]["name"], first["taxRate"]["amount"]) == ("Texas", 0.0825)
    assert first["taxRate"]["subRates"] == [{"name": "State", "amount": 0.0625}, {"name": "City", "amount": 0.02}]
    assert portions(first["taxedPrice"]) == [("State", 0.0625, 219), ("City", 0.02, 70)]
    assert portions(document["shippingInfo"]["taxedPrice"]) == [("State", 0.0625, 38), ("City", 0.02, 12)]
    assert portions(document["taxedPrice"]) == [("State", 0.0625, 257), ("City", 0.02, 82)]
    assert portions(document["taxedShippingPrice"]) == [("State", 0.0625, 38), ("City", 0.02, 12)]


def test_sub_rates_must_be_the_rate() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        TaxRule(name="odd", rate=Decimal("0.1"), sub_rates=(("a", Decimal("0.05")),))


async def test_an_amount_from_outside_is_on_top_and_shipping_is_not_stated() -> None:
    rule = rule_of(20)
    document = await read(
        order(
            line(1, 1000, rule, tax_minor=123),
            custom_lines=(CustomLineDraft(slug="voucher", name="Voucher", unit_minor=-100, tax=rule, tax_minor=-12),),
            shipping=shipped(500, rule, tax_minor=61),
            tax_mode="ExternalAmount",
        )
    )
    first = document["lineItems"][0]
    assert (first["taxRate"]["includedInPrice"], "id" in first["taxRate"]) == (True, False)
    assert [amount(first["taxedPrice"][side]) for side in ("totalNet", "totalGross")] == [1000, 1123]
    assert taxes(document) == [123, -12, 61]
    assert "taxedShippingPrice" not in document
    assert portions(document["taxedPrice"]) == [("standard", 0.2, 172)]


async def test_a_discount_lowers_an_amount_from_outside_in_proportion() -> None:
    document = await read(
        order(line(1, 1000, NET, tax_minor=100), discount_minor=250, tax_mode="ExternalAmount", included=False)
    )
    assert [amount(document["taxedPrice"][side]) for side in ("totalNet", "totalGross")] == [750, 825]
    discount = document["discountOnTotalPrice"]
    assert [amount(discount[f"discounted{side}Amount"]) for side in ("Net", "Gross")] == [250, 275]


async def test_tax_that_nobody_calculated_is_missing_and_not_zero() -> None:
    document = await read(order(line(1, 1000), shipping=shipped(0, tax_minor=0), tax_mode="ExternalAmount"))
    assert "taxedPrice" not in document
    assert "taxedPrice" not in document["lineItems"][0]
    assert amount(document["totalPrice"]) == 1000


async def test_disabled_tax_has_no_tax_fields_at_all() -> None:
    document = await read(order(line(3, 1200), shipping=shipped(500), discount_minor=100, tax_mode="Disabled"))
    assert not {"taxedPrice", "taxedShippingPrice"} & document.keys()
    assert all(not {"taxRate", "taxedPrice"} & item.keys() for item in items(document))
    assert amount(document["totalPrice"]) == 4000


# Several shipments.


def by_two(*lines: LineDraft, **fields: Any) -> OrderDraft:
    home = {"firstName": "Harriet", "streetName": "Orchard Lane", "city": "Hebden Bridge", "country": "GB"}
    shipments = (
        ShipmentDraft(key="van", shipping=shipped(495)),
        ShipmentDraft(key="post", shipping=shipped(695, method="Royal Mail Tracked 24"), address=home),
    )
    return order(*lines, shipments=shipments, **fields)


async def test_several_shipments_are_stated_apart_and_lines_say_how_they_travel() -> None:
    travels = (TravelDraft(shipment="van", quantity=2), TravelDraft(shipment="post", quantity=1))
    document = await read(by_two(line(3, 1000, travels=travels), LineDraft(sku=BOOK, tax=ZERO_RATE)))
    assert (document["shippingMode"], "shippingInfo" in document) == ("Multiple", False)
    assert [shipment["shippingKey"] for shipment in document["shipping"]] == ["van", "post"]
    assert document["shipping"][1]["shippingAddress"]["streetName"] == "Orchard Lane"
    assert [address["key"] for address in document["itemShippingAddresses"]] == ["van", "post"]
    mug, book = document["lineItems"]
    assert all("taxRate" not in each for each in (mug, book))
    assert [(each["shippingMethodKey"], each["taxRate"]["name"]) for each in mug["perMethodTaxRate"]] == [
        ("van", "standard"),
        ("post", "standard"),
    ]
    parts = [(each["shippingMethodKey"], amount(each["taxedPrice"]["totalTax"])) for each in mug["taxedPricePortions"]]
    assert parts == [("van", 333), ("post", 167)]
    assert portions(mug["taxedPrice"]) == [("standard", 0.2, 500)]
    targets = [(each["shippingMethodKey"], each["quantity"]) for each in mug["shippingDetails"]["targets"]]
    assert targets == [("van", 2), ("post", 1)]
    assert [each["shippingMethodKey"] for each in book["taxedPricePortions"]] == ["van"]
    assert amount(document["taxedShippingPrice"]["totalTax"]) == 83 + 116


async def test_the_row_of_several_shipments_of_one_rule() -> None:  # row 41
    travels = (TravelDraft(shipment="van", quantity=2), TravelDraft(shipment="post", quantity=1))
    document = await read(by_two(line(3, 1000, travels=travels)))
    taxed = document["taxedPrice"]
    assert [amount(taxed[side]) for side in ("totalNet", "totalGross")] == [3491, 4190]
    assert taxes(document) == [500, 83, 116]


async def test_a_line_may_travel_at_two_rates_and_be_discounted() -> None:
    travels = (
        TravelDraft(shipment="van", quantity=1),
        TravelDraft(shipment="post", quantity=1, tax=rule_of(5)),
    )
    wrap = CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=350)
    draft = by_two(line(2, 999, travels=travels), custom_lines=(wrap,), discount_minor=500)
    document = await read(draft)
    (mug,) = document["lineItems"]
    assert portions(mug["taxedPrice"]) == [("standard", 0.2, 167), ("reduced", 0.05, 48)]
    assert document["customLineItems"][0]["perMethodTaxRate"][0]["shippingMethodKey"] == "van"
    assert amount(document["totalPrice"]) == 1998 + 350 + 495 + 695 - 500
    assert [name for name, _, _ in portions(document["taxedPrice"])] == ["standard", "reduced"]
    before = sum(amount(item["taxedPrice"]["totalNet"]) for item in items(document))
    gap = before - amount(document["taxedPrice"]["totalNet"])
    assert amount(document["discountOnTotalPrice"]["discountedNetAmount"]) == gap


async def test_several_shipments_with_tax_from_outside_or_none() -> None:
    travels = (TravelDraft(shipment="van", quantity=2), TravelDraft(shipment="post", quantity=1))
    shipments = tuple(ShipmentDraft(key=key, shipping=shipped(500, NET, tax_minor=41)) for key in ("van", "post"))
    bought = line(3, 1000, NET, tax_minor=250, travels=travels)
    document = await read(order(bought, shipments=shipments, tax_mode="ExternalAmount", included=False))
    parts = [amount(each["taxedPrice"]["totalTax"]) for each in document["lineItems"][0]["taxedPricePortions"]]
    assert (parts, taxes(document)) == ([167, 83], [250, 41, 41])
    assert "taxedShippingPrice" not in document
    unknown = await read(by_two(line(1, 1000), tax_mode="ExternalAmount"))
    assert unknown["lineItems"][0]["taxedPricePortions"] == []
    assert "taxedPrice" not in unknown
    off = await read(by_two(line(1, 1000), tax_mode="Disabled"))
    assert off["lineItems"][0]["perMethodTaxRate"] == []


@pytest.mark.parametrize(
    "draft",
    [
        by_two(line(3, 1000, travels=(TravelDraft(shipment="van", quantity=2),))),
        by_two(line(1, 1000, travels=(TravelDraft(shipment="train", quantity=1),))),
        order(line(1, 1000, travels=(TravelDraft(shipment="van", quantity=1),))),
        by_two(line(1, 1000), shipping=shipped(100)),
        order(line(1, 1000), shipments=(ShipmentDraft(key="a", shipping=shipped(1)),) * 2),
    ],
)
async def test_travels_that_make_no_sense_are_refused(draft: OrderDraft) -> None:
    with pytest.raises(PlacementRefused):
        (await place()).double.place_order(draft)


# Prices of every kind, in currencies of every kind.


@pytest.mark.parametrize(
    ("currency", "digits", "precise"), [("GBP", 2, "0.0399"), ("JPY", 0, "3.99"), ("KWD", 3, "0.00399")]
)
async def test_every_kind_of_price_in_every_kind_of_currency(currency: str, digits: int, precise: str) -> None:
    document = await read(
        order(
            LineDraft(sku=MUG, quantity=250, precise_unit=Decimal(precise)),
            LineDraft(sku=MUG, quantity=3, total_minor=1000),
            LineDraft(sku=BOOK, gift=True),
            LineDraft(
                sku=BOOK,
                quantity=3,
                groups=(PriceGroup(quantity=2, unit_minor=500), PriceGroup(quantity=1, unit_minor=1000)),
            ),
            custom_lines=(
                VOUCHER,
                GIFT_CARD,
                CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=50, quantity=2),
            ),
            shipping=shipped(495, NET, discounted_minor=295),
            discount_minor=100,
            currency=currency,
        )
    )
    precise_line, fixed, gift, grouped = document["lineItems"]
    assert precise_line["price"]["value"]["fractionDigits"] == digits + 2
    assert amount(precise_line["totalPrice"]) == 998
    assert (fixed["priceMode"], amount(fixed["totalPrice"])) == ("ExternalTotal", 1000)
    assert (amount(gift["price"]["value"]), amount(gift["totalPrice"])) == (1999, 0)
    assert [group["quantity"] for group in grouped["discountedPricePerQuantity"]] == [2, 1]
    assert [amount(custom["totalPrice"]) for custom in document["customLineItems"]] == [-500, -1000, 100]
    assert amount(document["shippingInfo"]["discountedPrice"]["value"]) == 295
    whole = sum(amount(item["totalPrice"]) for item in [*document["lineItems"], *document["customLineItems"]])
    assert amount(document["totalPrice"]) == whole + 295 - 100
    assert document["taxedPrice"]["totalGross"]["fractionDigits"] == digits


# What the shop notes on an order.


async def test_an_order_carries_the_shops_own_fields() -> None:
    fields = {"giftMessage": "Happy birthday!", "wrapped": True, "floor": 3}
    document = await read(order(line(1, 999), custom_fields=fields, purchase_order="PO-7", customer_id="c-1"))
    assert (document["custom"]["fields"], document["custom"]["type"]["typeId"]) == (fields, "type")
    assert (document["purchaseOrderNumber"], document["customerId"]) == ("PO-7", "c-1")
    bare = await read(order(line(1, 999)))
    assert not {"custom", "purchaseOrderNumber", "customerId"} & bare.keys()


async def test_an_edit_forgets_what_the_new_draft_does_not_say() -> None:
    here = await place()
    order_id = here.double.place_order(by_two(line(1, 999), custom_fields={"a": 1}, inventory_mode="None"))
    here.double.edit(order_id, order(line(1, 999), inventory_mode="None"))
    document = (await here.caller.get(f"/orders/{order_id}")).json
    assert (document["shippingMode"], document["shipping"]) == ("Single", [])
    assert not {"custom", "itemShippingAddresses"} & document.keys()


async def test_custom_fields_can_be_asked_for() -> None:
    here = await place()
    wanted = here.double.place_order(order(line(1, 999), custom_fields={"gift": "yes"}))
    here.double.place_order(order(line(1, 999)))
    assert await here.caller.found('custom(fields(gift="yes"))') == [wanted]


# Stock, asked for as it is needed: one SKU in one place.


async def test_stock_of_a_sku_is_what_accepted_orders_left() -> None:
    here = await place(decrement_lag_seconds=0.0)
    channel = here.double.channel_ids()["paris"]
    here.double.add_inventory(MUG, 9, channel="paris")
    general = here.double.items[MUG].stock

    async def stock(where: str) -> tuple[int, int]:
        answer = await here.caller.get("/inventory", ("where", where))
        (entry,) = answer.json["results"]
        return entry["quantityOnStock"], entry["availableQuantity"]

    anywhere = f'sku="{MUG}" and supplyChannel is not defined'
    paris = f'sku="{MUG}" and supplyChannel(id="{channel}")'
    assert (await stock(anywhere), await stock(paris)) == ((general, general), (9, 9))
    here.order(LineDraft(sku=MUG, quantity=2))
    here.order(LineDraft(sku=MUG, quantity=3, supply_channel="paris"), inventory_mode="ReserveOnOrder")
    here.order(LineDraft(sku=MUG, quantity=50), inventory_mode="None")
    assert (await stock(anywhere), await stock(paris)) == ((general - 2, general - 2), (6, 6))
    with pytest.raises(PlacementRefused, match="out of stock"):
        here.order(LineDraft(sku=MUG, quantity=7, supply_channel="paris"), inventory_mode="ReserveOnOrder")
    assert await stock(paris) == (6, 6)


# The generator, rich.


def rich(seed: int = 3, **habits: Any) -> tuple[Place, OrderGenerator]:
    here = Place()
    return here, OrderGenerator(seed, here.double, clock=here.clock, habits=Habits(rich=1.0, **habits))


def test_plain_draws_are_the_same_beside_rich_ones() -> None:
    here, plain_place = Place(), Place()
    mixed = OrderGenerator(5, here.double, clock=here.clock, habits=Habits(rich=0.5))
    plain = OrderGenerator(5, plain_place.double, clock=plain_place.clock)
    same = sum(mixed.next_draft() == plain.next_draft() for _ in range(100))
    assert 30 < same < 70
    assert mixed.next_draft(Poison.UNPAID) == plain.next_draft(Poison.UNPAID)


def test_rich_orders_are_of_every_kind_conform_and_add_up() -> None:
    here, orders = rich(currencies=("GBP", "EUR", "JPY"))
    for _ in range(150):
        assert orders.place_next() is not None
    assert {feature for placed in orders.placed for feature in placed.features} == set(Feature)
    for placed in orders.placed:
        document = here.double.orders[placed.order_id]
        if SPEC_IS_THERE:
            body = json.dumps(document, default=float).encode()
            assert check_answer("GET", f"/acme/orders/{placed.order_id}", 200, body) == []
        assert here.double.payable(placed.order_id) > 0
        whole = sum(amount(item["taxedPrice"]["totalGross"]) for item in items(document))
        off = document.get("discountOnTotalPrice", {}).get("discountedGrossAmount", {"centAmount": 0})
        assert here.double.payable(placed.order_id) == whole - amount(off)
    currencies = {document["totalPrice"]["currencyCode"] for document in here.double.orders.values()}
    assert currencies == {"GBP", "EUR", "JPY"}


@pytest.mark.parametrize("feature", list(Feature))
def test_a_feature_asked_for_is_in_the_order(feature: Feature) -> None:
    here, orders = rich(features=(feature,))
    for _ in range(10):
        placed = orders.place_next()
        assert placed is not None
        assert placed.features == (feature,)
    shows = [shown(document, feature) for document in here.double.orders.values()]
    # Collecting is free already: nothing to take off.
    assert any(shows) if feature is Feature.DISCOUNTED_SHIPPING else all(shows)


def shown(document: dict[str, Any], feature: Feature) -> bool:
    lines, slugs = document["lineItems"], {each["slug"] for each in document["customLineItems"]}
    skus = [each["variant"]["sku"] for each in lines]
    shows: dict[Feature, bool] = {
        Feature.SEVERAL_RATES: len({each["taxRate"]["name"] for each in lines}) == 2,
        Feature.ORDER_DISCOUNT: "discountOnTotalPrice" in document,
        Feature.GIFT_LINE: any(each["lineItemMode"] == "GiftLineItem" for each in lines),
        Feature.GIFT_WRAP: "gift-wrap" in slugs,
        Feature.VOUCHER: "voucher" in slugs,
        Feature.GIFT_CARD: "gift-card" in slugs,
        Feature.HIGH_PRECISION: any(each["price"]["value"]["type"] == "highPrecision" for each in lines),
        Feature.PRICE_GROUPS: any(len(each["discountedPricePerQuantity"]) == 2 for each in lines),
        Feature.EXTERNAL_TOTAL: any(
            each["priceMode"] == "ExternalTotal" and amount(each["totalPrice"]) % each["quantity"] > 0 for each in lines
        ),
        Feature.REPEATED_SKU: len(skus) > len(set(skus)),
        Feature.DISCOUNTED_SHIPPING: "discountedPrice" in document["shippingInfo"],
        Feature.UNIT_PRICE_LEVEL: document["taxCalculationMode"] == "UnitPriceLevel",
        Feature.HALF_UP: document["taxRoundingMode"] == "HalfUp",
        Feature.HALF_DOWN: document["taxRoundingMode"] == "HalfDown",
        Feature.CUSTOM_FIELDS: "giftMessage" in document.get("custom", {}).get("fields", {}),
        Feature.CUSTOMER_ID: "customerId" in document,
    }
    return shows[feature]
