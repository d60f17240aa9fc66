"""An order is read exactly or refused by name; nothing in between."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.order import Address, PriceGroup, Shipping, SyncMark, TaxPortion, TaxRate, Transaction
from adapters.commercetools.translate import UnreadableOrderError, read_order
from tests.ct_documents import RATE, money, order_document, precise


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
    assert order.payments[0].transactions == (Transaction(type="Charge", state="Success", amount=4493, currency="EUR"),)
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
    assert (line.tax_rate, line.supply_channel, line.methods) == (rate, "berlin", 0)
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
    assert (order.lines[0].methods, order.lines[0].tax_rate.name) == (2, "standard")
    line["perMethodTaxRate"][1] = {"shippingMethodKey": "b", "taxRate": RATE | {"amount": 0.07}}
    assert read(document).lines[0].tax_rate is None


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
