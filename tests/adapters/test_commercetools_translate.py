"""An order is read exactly or refused by name; nothing in between."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.order import (
    Address,
    Delivery,
    Parcel,
    PriceGroup,
    ReturnItem,
    Shipping,
    SubRate,
    SyncMark,
    Taxed,
    TaxPortion,
    TaxRate,
    Transaction,
    Travel,
)
from adapters.commercetools.translate import UnreadableOrderError, read_order
from tests.ct_documents import (
    RATE,
    delivery_document,
    money,
    order_document,
    parcel_document,
    precise,
    return_document,
)


def read(document: dict[str, Any]) -> Any:
    return read_order(json.dumps(document).encode())


def test_everything_is_copied() -> None:
    order = read(order_document())
    assert (order.id, order.version, order.number) == ("4f0c7a1e-0000-4000-8000-000000000001", 7, "ORD-1001")
    assert (order.created_at, order.modified_at) == (1_795_428_930_123, 1_795_428_960_456)
    assert (order.currency, order.digits, order.total, order.payable) == ("EUR", 2, 4493, 4493)
    assert (order.state, order.payment_state, order.shipment_state) == ("Open", "Paid", "Pending")
    assert (order.workflow_state, order.store, order.country) == ("released", "berlin", "DE")
    assert order.taxed is not None
    assert order.taxed.portions == (TaxPortion(rate=Decimal("0.19"), amount=719, name="standard"),)
    assert (order.taxed.net, order.taxed.gross, order.taxed.tax) == (3774, 4493, 719)
    assert (order.tax_rounding, order.tax_calculation, order.inventory_mode) == (
        "HalfUp",
        "UnitPriceLevel",
        "ReserveOnOrder",
    )
    assert order.discount_on_total == 100
    assert order.payments_expanded
    assert order.payments[0].transactions == (
        Transaction(id="t", type="Charge", state="Success", amount=4493, currency="EUR"),
    )
    assert order.sync == (
        SyncMark(channel_id="c-9", channel_key="cin7-core", external_id="SO-1", synced_at=1_795_431_600_000),
    )
    assert order.billing == Address(
        country="DE",
        name="Ann Lee",
        line1="Ring 3",
        line2="77",
        city="Berlin",
        postcode="10115",
        phone="+49",
        email="ann@example.com",
    )
    assert order.shipping_address is None


def test_lines_charges_and_shipping() -> None:
    order = read(order_document())
    line = order.lines[0]
    assert (line.sku, line.name, line.quantity, line.unit_minor, line.list_minor, line.total) == (
        "BREAD",
        "Brot",
        2,
        1999,
        2499,
        3998,
    )
    rate = TaxRate(name="standard", rate=Decimal("0.19"), included=True, country="DE")
    assert (line.tax_rate, line.supply_channel, line.method_rates) == (rate, "berlin", ())
    assert (line.taxed.net, line.taxed.gross) == (3358, 3998)
    charge = order.custom_lines[0]
    assert (charge.slug, charge.unit_minor, charge.total, charge.taxed, charge.tax_rate) == (
        "voucher",
        -500,
        -500,
        None,
        None,
    )
    [shipping] = order.shipping
    assert isinstance(shipping, Shipping)
    assert (shipping.method, shipping.price, shipping.discounted, shipping.key) == ("Standard", 595, 495, None)


def test_high_precision_is_marked_and_its_rounded_cents_are_taken() -> None:
    document = order_document()
    line = document["lineItems"][0]
    line["price"] = {"value": precise(39_900, 4, 6)}
    line["discountedPricePerQuantity"] = [
        {"quantity": 2, "discountedPrice": {"value": precise(125, 13, 3), "includedDiscounts": []}}
    ]
    seen = read(document).lines[0]
    assert (seen.unit_minor, seen.list_minor, seen.high_precision) == (4, 4, True)
    assert seen.groups == (PriceGroup(quantity=2, unit_minor=13, high_precision=True),)


def test_several_shipments() -> None:
    document = order_document(shippingMode="Multiple")
    info = document.pop("shippingInfo")
    document["shipping"] = [{"shippingKey": key, "shippingInfo": info} for key in ("a", "b")]
    line = document["lineItems"][0]
    del line["taxRate"]
    line["perMethodTaxRate"] = [{"shippingMethodKey": key, "taxRate": RATE} for key in ("a", "b")]
    order = read(document)
    assert [one.key for one in order.shipping] == ["a", "b"]
    rate = TaxRate(name="standard", rate=Decimal("0.19"), included=True, country="DE")
    assert (order.lines[0].method_rates, order.lines[0].tax_rate) == ((rate,), rate)
    line["perMethodTaxRate"][1] = {"shippingMethodKey": "b", "taxRate": RATE | {"amount": 0.07}}
    seen = read(document).lines[0]
    assert seen.tax_rate is None
    assert seen.method_rates == (rate, msgspec.structs.replace(rate, rate=Decimal("0.07")))
    line["perMethodTaxRate"][1] = {"shippingMethodKey": "b"}
    assert (read(document).lines[0].tax_rate, read(document).lines[0].method_rates) == (None, (rate,))


def portion(key: str, net: int, gross: int) -> dict[str, Any]:
    return {
        "shippingMethodKey": key,
        "taxedPrice": {"totalNet": money(net), "totalGross": money(gross), "taxPortions": []},
    }


@pytest.mark.parametrize(
    ("portions", "taxed"),
    [
        ([portion("a", 1000, 1190), portion("b", 2358, 2808)], Taxed(net=3358, gross=3998)),
        ([portion("a", 1000, 1190), {"shippingMethodKey": "b"}], None),
        ([], None),
        (None, None),
    ],
)
def test_an_item_taxed_by_shipping_method_is_taxed_by_their_sum(portions: Any, taxed: Taxed | None) -> None:
    document = order_document()
    for item in (document["lineItems"][0], document["customLineItems"][0]):
        item.pop("taxedPrice", None)
        item["taxedPricePortions"] = portions
    order = read(document)
    assert (order.lines[0].taxed, order.custom_lines[0].taxed) == (taxed, taxed)


def test_a_price_of_its_own_comes_before_its_parts() -> None:
    document = order_document()
    document["lineItems"][0]["taxedPricePortions"] = [portion("a", 1, 2)]
    assert read(document).lines[0].taxed == Taxed(net=3358, gross=3998)


def test_sub_rates_keep_their_names() -> None:
    document = order_document()
    parts = [{"name": "State", "amount": 0.0625}, {"name": "County", "amount": 0.02}]
    document["lineItems"][0]["taxRate"] = RATE | {"amount": 0.0825, "subRates": parts}
    assert read(document).lines[0].tax_rate.sub_rates == (
        SubRate(name="State", rate=Decimal("0.0625")),
        SubRate(name="County", rate=Decimal("0.02")),
    )


def test_what_the_discount_took_off_and_what_shipping_is_taxed() -> None:
    order = read(order_document())
    assert (order.discount_net, order.discount_gross, order.taxed_shipping) == (None, None, None)
    discount = {"discountedAmount": money(100), "discountedNetAmount": money(84), "discountedGrossAmount": money(100)}
    shipping = {"totalNet": money(400), "totalGross": money(476), "taxPortions": []}
    order = read(order_document(discountOnTotalPrice=discount, taxedShippingPrice=shipping))
    assert (order.discount_on_total, order.discount_net, order.discount_gross) == (100, 84, 100)
    assert order.taxed_shipping == Taxed(net=400, gross=476)
    with pytest.raises(UnreadableOrderError, match=r"discountedNetAmount\.currencyCode"):
        read(order_document(discountOnTotalPrice=discount | {"discountedNetAmount": money(84, "USD")}))


def test_who_bought_and_under_what_number() -> None:
    order = read(order_document(customerId="cust-1", purchaseOrderNumber="PO 7"))
    assert (order.customer_id, order.purchase_order) == ("cust-1", "PO 7")
    order = read(order_document())
    assert (order.customer_id, order.purchase_order, order.custom) == (None, "", {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Happy birthday", "Happy birthday"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-24T10:00:00.000Z", "2026-12-24T10:00:00.000Z"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (0.1, "0.1"),
        (1e300, None),
        (10**60, None),
        ({"key": "gift", "label": "Gift"}, "Gift"),
        ({"key": "gift", "label": {"de": "Geschenk", "en": "Gift"}}, "Geschenk"),
        ({"de": "Hallo", "en": "Hello"}, "Hallo"),
        ({"fr": "Bonjour", "en": "Hello"}, "Hello"),
        (money(1999), "19.99 EUR"),
        (money(-5, "JPY", 0), "-5 JPY"),
        (precise(39_900, 4, 6), "0.039900 EUR"),
        ({"typeId": "product", "id": "p-1"}, "p-1"),
        ({"typeId": "store", "key": "berlin"}, "berlin"),
        (["a", "b"], "a, b"),
        ([money(100), money(200)], "1.00 EUR, 2.00 EUR"),
        ([{"typeId": "product", "id": "p-1"}, 2], "p-1, 2"),
        (None, None),
        ([], None),
        ({}, None),
        (["a", None], None),
        ([["a"]], None),
        ({"typeId": "product"}, None),
        ({"centAmount": 1, "currencyCode": "EUR"}, None),
        ({"centAmount": 1, "currencyCode": "EUR", "fractionDigits": 10**9}, None),
        ({"key": "gift", "label": 7}, None),
        ({"de": 7}, None),
    ],
)
def test_custom_fields_are_texts_and_an_odd_one_is_left_out(value: Any, text: str | None) -> None:
    custom = {"type": {"typeId": "type", "id": "t-1"}, "fields": {"odd": value, "plain": "stays"}}
    expected = {"plain": "stays"} | ({} if text is None else {"odd": text})
    assert read(order_document(custom=custom)).custom == expected


@pytest.mark.parametrize("custom", [7, "text", [], {}, {"fields": None}, {"fields": []}, {"fields": "x"}])
def test_custom_fields_of_no_known_shape_are_none(custom: Any) -> None:
    assert read(order_document(custom=custom)).custom == {}


def test_bytes_that_are_no_text_spoil_the_custom_fields_alone() -> None:
    body = json.dumps(order_document(custom={"fields": {"a": "FIELD"}})).encode()
    assert read_order(body.replace(b"FIELD", b"\xff")).custom == {}


# -- what came after the sale ---------------------------------------------------------------------------------------


def with_deliveries(*deliveries: Any) -> dict[str, Any]:
    document = order_document()
    document["shippingInfo"]["deliveries"] = list(deliveries)
    return document


TRACKED = parcel_document("p-1", {"li-1": 1}, trackingData={"trackingId": "JD01", "carrier": "DHL", "isReturn": False})


@pytest.mark.parametrize(
    ("document", "delivery"),
    [
        (
            delivery_document("d-key", {"li-1": 2, "cl-1": 1}, TRACKED),
            Delivery(
                key="d-key",
                items={"li-1": 2, "cl-1": 1},
                parcels=(Parcel(key="p-1", items={"li-1": 1}, carrier="DHL", tracking="JD01"),),
            ),
        ),
        (delivery_document(None, {}), Delivery(key="", items={})),
        (delivery_document("d", {}, parcels=None), Delivery(key="d", items={})),
        (delivery_document("d", {}, key=None), Delivery(key="", items={})),
        (delivery_document("d", {}, key=7, id=None, createdAt="lately", address=[]), Delivery(key="", items={})),
        (
            delivery_document("d", {}, items=[{"id": "a", "quantity": 1}, {"id": "a", "quantity": 2, "new": {}}]),
            Delivery(key="d", items={"a": 3}),
        ),
        (
            delivery_document("d", {}, parcel_document(None, {}, items=None), {}),
            Delivery(key="d", items={}, parcels=(Parcel(key=""), Parcel(key=""))),
        ),
    ],
    ids=["whole", "bare", "no-parcels", "no-key", "odd-names", "named-twice", "empty-parcels"],
)
def test_deliveries_are_read(document: dict[str, Any], delivery: Delivery) -> None:
    assert read(with_deliveries(document)).deliveries == (delivery,)


@pytest.mark.parametrize(
    ("data", "carrier", "tracking"),
    [
        ({"trackingId": "JD01"}, "", "JD01"),
        ({"carrier": "DHL", "trackingId": None}, "DHL", ""),
        ({"carrier": "DHL", "trackingId": 7}, "DHL", ""),
        ({"carrier": {}, "trackingId": "JD01"}, "", "JD01"),
        ({}, "", ""),
        (None, "", ""),
        ("JD01", "", ""),
        ([], "", ""),
    ],
    ids=repr,
)
def test_tracking_is_read_as_far_as_it_goes(data: Any, carrier: str, tracking: str) -> None:
    parcel = parcel_document("p-1", {"li-1": 1}, trackingData=data)
    [seen] = read(with_deliveries(delivery_document("d", {}, parcel))).deliveries
    assert seen.parcels == (Parcel(key="p-1", items={"li-1": 1}, carrier=carrier, tracking=tracking),)


@pytest.mark.parametrize(
    ("deliveries", "named"),
    [
        ({"0": {}}, "shippingInfo.deliveries"),
        ([7], "shippingInfo.deliveries[0]"),
        ([None], "shippingInfo.deliveries[0]"),
        ([{"key": "d"}], "items"),
        ([{"key": "d", "items": None}], "deliveries[0].items"),
        ([{"key": "d", "items": {}}], "deliveries[0].items"),
        ([{"key": "d", "items": ["li-1"]}], "items[0]"),
        ([{"key": "d", "items": [{"id": "li-1"}]}], "quantity"),
        ([{"key": "d", "items": [{"id": "li-1", "quantity": 1.5}]}], "items[0].quantity"),
        ([{"key": "d", "items": [{"id": "li-1", "quantity": "1"}]}], "items[0].quantity"),
        ([{"key": "d", "items": [{"id": None, "quantity": 1}]}], "items[0].id"),
        ([delivery_document("d", {}, parcels=[7])], "parcels[0]"),
        ([delivery_document("d", {}, {"key": "p", "items": [7]})], "parcels[0].items[0]"),
    ],
    ids=repr,
)
def test_a_delivery_whose_units_cannot_be_counted_is_not_taken_for_none(deliveries: Any, named: str) -> None:
    """One that vanished would be sent again."""
    document = order_document()
    document["shippingInfo"]["deliveries"] = deliveries
    with pytest.raises(UnreadableOrderError) as seen:
        read(document)
    assert named in str(seen.value)


def test_deliveries_of_several_shipments_say_which() -> None:
    document = order_document(shippingMode="Multiple")
    info = document.pop("shippingInfo")
    document["shipping"] = [
        {"shippingKey": "van", "shippingInfo": info | {"deliveries": [delivery_document("a", {"li-1": 1})]}},
        {"shippingKey": "post", "shippingInfo": info | {"deliveries": [delivery_document("b", {"li-1": 1})]}},
        {"shippingKey": "later", "shippingInfo": info},
    ]
    assert read(document).deliveries == (
        Delivery(key="a", items={"li-1": 1}, shipping_key="van"),
        Delivery(key="b", items={"li-1": 1}, shipping_key="post"),
    )


def test_returns_are_read_one_after_another() -> None:
    infos = [
        {"items": [return_document("li-1", 1, "Returned", key="r-1", comment="too small")], "returnTrackingId": "RMA"},
        {"items": []},
        {
            "items": [
                return_document("", 2, "Advised", lineItemId=None, customLineItemId="cl-1", paymentState=None),
                return_document("li-1", 3, "Mislaid", id="ri-2", key=7, lineItemId=[], paymentState={}),
            ]
        },
    ]
    assert read(order_document(returnInfo=infos)).returns == (
        ReturnItem(id="ri-1", key="r-1", line_id="li-1", quantity=1, state="Returned", payment_state="Initial"),
        ReturnItem(id="ri-1", key="", line_id="cl-1", quantity=2, state="Advised"),
        ReturnItem(id="ri-2", key="", line_id="", quantity=3, state="Mislaid"),
    )


@pytest.mark.parametrize(
    ("infos", "named"),
    [
        ({}, "returnInfo"),
        ([{}], "items"),
        ([{"items": None}], "items"),
        ([{"items": [7]}], "items[0]"),
        ([{"items": [return_document("li-1", 1, "Returned", quantity=None)]}], "quantity"),
        ([{"items": [return_document("li-1", 1, "Returned", id=None)]}], "id"),
        ([{"items": [return_document("li-1", 1, "Returned", shipmentState=None)]}], "shipmentState"),
    ],
    ids=repr,
)
def test_a_return_that_cannot_be_counted_is_not_taken_for_none(infos: Any, named: str) -> None:
    with pytest.raises(UnreadableOrderError) as seen:
        read(order_document(returnInfo=infos))
    assert named in str(seen.value)


def by(*keys: str) -> list[dict[str, Any]]:
    return [{"shippingMethodKey": key} for key in keys]


def target(key: str | None, quantity: Any) -> dict[str, Any]:
    named = {} if key is None else {"shippingMethodKey": key}
    return {"addressKey": "home", "quantity": quantity} | named


@pytest.mark.parametrize(
    ("fields", "travels"),
    [
        ({"shippingDetails": {"targets": [target("van", 1), target("post", 4)]}}, [("van", 1), ("post", 4)]),
        ({"shippingDetails": {"targets": [target("van", 1), target("van", 4)]}}, [("van", 1), ("van", 4)]),
        ({"shippingDetails": {"targets": [target("van", 1), target("boat", 4)]}}, [("van", 1)]),
        ({"shippingDetails": {"targets": [target("van", 0), target("post", -4)]}}, []),
        ({"shippingDetails": {"targets": [target("post", 5)]}, "perMethodTaxRate": by("van")}, [("post", 5)]),
        ({"shippingDetails": {"targets": []}, "perMethodTaxRate": by("van")}, [("van", 5)]),
        ({"shippingDetails": {"targets": [target(None, 5)]}, "taxedPricePortions": by("van")}, [("van", 5)]),
        ({"perMethodTaxRate": by("van"), "taxedPricePortions": by("van")}, [("van", 5)]),
        ({"perMethodTaxRate": by("van", "post")}, []),
        ({"perMethodTaxRate": by("van"), "taxedPricePortions": by("post")}, []),
        ({"perMethodTaxRate": by("boat")}, []),
        ({}, []),
        ({"shippingDetails": None}, []),
        ({"shippingDetails": 7}, []),
        ({"shippingDetails": {"targets": [target("van", 1), target("post", "4")]}}, []),
        ({"shippingDetails": {"targets": [target("van", 1), 7]}, "perMethodTaxRate": by("post")}, [("post", 5)]),
    ],
    ids=repr,
)
def test_how_a_line_travels(fields: dict[str, Any], travels: list[tuple[str, int]]) -> None:
    document = order_document(shippingMode="Multiple")
    info = document.pop("shippingInfo")
    document["shipping"] = [{"shippingKey": key, "shippingInfo": info} for key in ("van", "post")]
    document["lineItems"][0] |= {"quantity": 5} | fields
    assert read(document).lines[0].travels == tuple(Travel(shipping_key=key, quantity=n) for key, n in travels)


def test_with_one_shipment_nothing_has_to_say_how_it_travels() -> None:
    document = order_document()
    document["lineItems"][0] |= {"shippingDetails": {"targets": [target("van", 2)]}, "perMethodTaxRate": by("van")}
    assert read(document).lines[0].travels == ()


@pytest.mark.parametrize(
    ("fields", "names"),
    [({"interactionId": "psp-9"}, ("t", "psp-9")), ({"interactionId": None}, ("t", "")), ({}, ("t", ""))],
)
def test_a_transaction_has_its_names(fields: dict[str, Any], names: tuple[str, str]) -> None:
    document = order_document()
    document["paymentInfo"]["payments"][0]["obj"]["transactions"][0] |= fields
    [seen] = read(document).payments[0].transactions
    assert (seen.id, seen.interaction_id) == names


# -- what is absent, and what cannot be read ------------------------------------------------------------------------


def test_what_may_be_absent_is_absent() -> None:
    gone = ("orderNumber", "taxedPrice", "shippingInfo", "paymentInfo", "state", "store", "customerEmail")
    order = read(order_document(**dict.fromkeys(gone)))
    assert (order.number, order.shown_as) == (None, order.id)
    assert (order.taxed, order.shipping, order.payments, order.payments_expanded) == (None, (), (), True)
    document = order_document()
    del document["lineItems"][0]["variant"]["sku"]
    del document["paymentInfo"]["payments"][0]["obj"]
    del document["lineItems"][0]["supplyChannel"]["obj"]
    order = read(document)
    assert (order.lines[0].sku, order.lines[0].supply_channel, order.payments_expanded) == (None, "c-1", False)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("totalPrice", "centAmount"), 19.99, "totalPrice.centAmount"),
        (("totalPrice", "centAmount"), "1999", "totalPrice.centAmount"),
        (("totalPrice", "fractionDigits"), ..., "totalPrice.fractionDigits"),
        (("lineItems", 0, "quantity"), ..., "quantity"),
        (("lineItems", 0, "totalPrice"), money(1, "USD"), "lineItems[0].totalPrice.currencyCode"),
        (("shippingInfo", "price"), money(1, "USD"), "shippingInfo.price.currencyCode"),
        (("createdAt",), "yesterday", "createdAt"),
        (("syncInfo", 0, "syncedAt"), "9999999", "syncInfo[0].syncedAt"),
        (("lineItems", 0, "taxRate", "amount"), "a lot", "taxRate.amount"),
        (("lineItems",), ..., "lineItems"),
        (("version",), None, "version"),
    ],
)
def test_the_unreadable_field_is_named_and_its_value_is_not(path: tuple[Any, ...], value: Any, named: str) -> None:
    document = order_document()
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(UnreadableOrderError) as seen:
        read(document)
    assert named in str(seen.value)
    assert "ann@example.com" not in str(seen.value)
    assert "yesterday" not in str(seen.value)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"id": "\xff"}', b"<html>"])
def test_any_body_is_an_order_or_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableOrderError):
        read_order(body)


def floats_in(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict):
        return [found for one in value.values() for found in floats_in(one)]
    if isinstance(value, list | tuple):
        return [found for one in value for found in floats_in(one)]
    return []


@settings(max_examples=150, deadline=None)
@given(
    amounts=st.lists(st.integers(-(2**53) - 9, 2**62), min_size=4, max_size=4),
    rate=st.decimals(0, 1, places=12),
    quantity=st.integers(1, 10**9),
)
def test_amounts_and_rates_come_through_exactly_and_never_as_floats(
    amounts: list[int], rate: Decimal, quantity: int
) -> None:
    total, line_total, net, gross = amounts
    document = order_document(totalPrice=money(total))
    line = document["lineItems"][0]
    line |= {"totalPrice": money(line_total), "quantity": quantity}
    line["taxedPrice"] = {"totalNet": money(net), "totalGross": money(gross), "taxPortions": []}
    body = json.dumps(document).replace('"amount": 0.19', f'"amount": {rate:f}').encode()
    order = read_order(body)
    seen = order.lines[0]
    assert seen.taxed is not None
    assert seen.tax_rate is not None
    assert (order.total, seen.total, seen.taxed.net, seen.taxed.gross) == (total, line_total, net, gross)
    assert (seen.quantity, seen.tax_rate.rate) == (quantity, rate)
    assert floats_in(msgspec.to_builtins(order, builtin_types=(Decimal,))) == []
