"""The order document as commercetools writes it: every required field, no nulls, empty optional fields left out.

Field by field after the official OpenAPI (commercetools fact sheet §3.2–3.4). Rates are `Decimal` and written as JSON
numbers; amounts are integers. A document is never changed in place: every change makes a new one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from adapters.sandbox.carts import (
    FRACTION_DIGITS,
    GIFT_CARD_INTERFACE,
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PaymentDraft,
    Portion,
    PricedCart,
    PricedGoods,
    PricedItem,
    PricedLeg,
    PricedLine,
    ShippingDraft,
    TaxRule,
    portions_of,
)
from adapters.sandbox.totals import RoundingMode, Taxed, rounded

Wire = dict[str, Any]
"""A JSON object as it goes over the wire. Held documents are replaced, never edited."""

_NAMES = uuid.UUID("6f0c9d7e-6d0b-4c0e-9f6a-1f1f3c7b9a52")
_MAX_PRECISION = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(milliseconds: int) -> str:
    """Write an instant as commercetools does: `2026-11-23T10:15:30.123Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def stable_id(kind: str, name: str) -> str:
    """Return the id of something that exists once per name (a product, a tax rate): the same in every run."""
    return str(uuid.uuid5(_NAMES, f"{kind}/{name}"))


def reference(type_id: str, resource_id: str) -> Wire:
    """Return a reference as answers carry it."""
    return {"typeId": type_id, "id": resource_id}


def money(minor: int, currency: str) -> Wire:
    """Return a cent-precision amount."""
    digits = FRACTION_DIGITS.get(currency, 2)
    return {"type": "centPrecision", "currencyCode": currency, "centAmount": minor, "fractionDigits": digits}


def unit_money(minor: Fraction, currency: str) -> Wire:
    """Return a unit price: cent precision where it is whole, else high precision.

    Raises:
        ValueError: no number of decimals up to 20 holds it.
    """
    if minor.denominator == 1:
        return money(int(minor), currency)
    digits = FRACTION_DIGITS.get(currency, 2)
    for precise_digits in range(digits + 1, _MAX_PRECISION + 1):
        precise = minor * 10 ** (precise_digits - digits)
        if precise.denominator == 1:
            return {
                "type": "highPrecision",
                "currencyCode": currency,
                "centAmount": rounded(minor, RoundingMode.HALF_EVEN),
                "preciseAmount": int(precise),
                "fractionDigits": precise_digits,
            }
    raise ValueError(f"{minor} has no finite decimal form")


def order_fields(
    cart: PricedCart, *, new_id: Callable[[], str], channels: Mapping[str, str], initial_state: str
) -> Wire:
    """Return what the cart decides of an order: lines, shipping, totals, modes, addresses.

    `channels` maps channel keys to ids, `initial_state` is the id of the built-in line item state.
    """
    draft = cart.draft
    fields: Wire = {
        "customerEmail": draft.email,
        "country": draft.country,
        "locale": "en-GB",
        "origin": "Customer",
        "totalPrice": money(cart.total, draft.currency),
        "priceRoundingMode": str(draft.price_rounding),
        "taxMode": draft.tax_mode,
        "taxRoundingMode": str(draft.tax_rounding),
        "taxCalculationMode": draft.tax_calculation,
        "inventoryMode": draft.inventory_mode,
        "shippingMode": "Multiple" if draft.shipments else "Single",
        "shipping": _shipments(cart),
        "refusedGifts": [],
        "billingAddress": dict(draft.billing),
        "shippingAddress": dict(draft.delivery),
        "lineItems": [_line_item(draft, line, new_id, channels, initial_state) for line in cart.lines],
        "customLineItems": [
            _custom_line_item(draft, line, priced, new_id, initial_state)
            for line, priced in zip(draft.custom_lines, cart.custom_lines, strict=True)
        ],
    }
    fields |= _taxes(cart)
    if draft.shipping is not None and cart.shipping is not None:
        fields["shippingInfo"] = _shipping_info(draft, draft.shipping, cart.shipping)
    if draft.shipments:
        fields["itemShippingAddresses"] = [
            {**(shipment.address or draft.delivery), "key": shipment.key} for shipment in draft.shipments
        ]
    if draft.discount_minor:
        fields["discountOnTotalPrice"] = _discount(cart)
    for name, value in (("paymentState", draft.payment_state), ("shipmentState", draft.shipment_state)):
        if value is not None:
            fields[name] = value
    if draft.store is not None:
        fields["store"] = {"typeId": "store", "key": draft.store}
    return fields | _shops_own(draft)


def _shops_own(draft: OrderDraft) -> Wire:
    """Return what the shop or the customer notes on an order, as far as there is anything."""
    fields: Wire = {}
    if draft.custom_fields:
        fields["custom"] = {"type": reference("type", stable_id("type", "order")), "fields": dict(draft.custom_fields)}
    if draft.purchase_order:
        fields["purchaseOrderNumber"] = draft.purchase_order
    if draft.customer_id is not None:
        fields["customerId"] = draft.customer_id
    return fields


def _taxes(cart: PricedCart) -> Wire:
    if cart.taxed is None:
        return {}
    currency = cart.draft.currency
    found = {"taxedPrice": _taxed_price(cart.taxed, cart.portions, currency)}
    if cart.taxed_shipping is not None:
        found["taxedShippingPrice"] = _taxed_price(cart.taxed_shipping, cart.shipping_portions, currency)
    return found


def _taxed_price(amounts: Taxed, portions: Sequence[Portion], currency: str) -> Wire:
    return {
        "totalNet": money(amounts.net, currency),
        "totalGross": money(amounts.gross, currency),
        "totalTax": money(amounts.tax, currency),
        "taxPortions": [
            {"name": portion.name, "rate": portion.rate, "amount": money(portion.amount, currency)}
            for portion in portions
        ],
    }


def _item_tax(order: OrderDraft, priced: PricedItem) -> Wire:
    """Return `taxRate` and `taxedPrice` of an item, as far as there are any."""
    if order.tax_mode == "Disabled":
        return {}
    if priced.taxed is None:
        return {"taxRate": _tax_rate(order, priced.tax)}
    return {"taxRate": _tax_rate(order, priced.tax), "taxedPrice": _taxed_by(priced.tax, priced.taxed, order.currency)}


def _tax_rate(order: OrderDraft, rule: TaxRule) -> Wire:
    """Return a tax rate; one that was set from outside has no id."""
    rate: Wire = {
        "name": rule.name,
        "amount": rule.rate,
        "includedInPrice": rule.included,
        "country": rule.country,
        "subRates": [{"name": name, "amount": amount} for name, amount in rule.sub_rates],
    }
    if order.tax_mode != "Platform":
        return rate
    return {"id": stable_id("tax-rate", f"{rule.country}/{rule.name}/{rule.included}")[:8], **rate}


def _taxed_by(rule: TaxRule, amounts: Taxed, currency: str) -> Wire:
    return _taxed_price(amounts, portions_of(rule, amounts.tax), currency)


def _goods_tax(order: OrderDraft, priced: PricedGoods) -> Wire:
    """Return the tax fields of a line: its own rate, or one per shipment it travels by."""
    single: Wire = {"taxedPricePortions": [], "perMethodTaxRate": []}
    if not priced.legs:
        return single | _item_tax(order, priced)
    fields = single | {"shippingDetails": _targets(priced.legs)}
    if order.tax_mode == "Disabled":
        return fields
    fields["perMethodTaxRate"] = [
        {"shippingMethodKey": leg.shipment, "taxRate": _tax_rate(order, leg.tax)} for leg in priced.legs
    ]
    if priced.taxed is None:
        return fields
    fields["taxedPricePortions"] = [
        {"shippingMethodKey": leg.shipment, "taxedPrice": _taxed_by(leg.tax, leg.taxed, order.currency)}
        for leg in priced.legs
        if leg.taxed is not None
    ]
    return fields | {"taxedPrice": _sum_of_legs(priced.legs, priced.taxed, order.currency)}


def _sum_of_legs(legs: Sequence[PricedLeg], amounts: Taxed, currency: str) -> Wire:
    found: dict[tuple[str, Decimal], int] = {}
    for leg in legs:
        for portion in portions_of(leg.tax, leg.taxed.tax if leg.taxed is not None else 0):
            found[portion.name, portion.rate] = found.get((portion.name, portion.rate), 0) + portion.amount
    portions = [Portion(name=name, rate=rate, amount=amount) for (name, rate), amount in found.items()]
    return _taxed_price(amounts, portions, currency)


def _targets(legs: Sequence[PricedLeg]) -> Wire:
    targets = [
        {"addressKey": leg.shipment, "quantity": leg.quantity, "shippingMethodKey": leg.shipment} for leg in legs
    ]
    return {"targets": targets, "valid": True}


def _line_item(
    order: OrderDraft,
    line: PricedLine,
    new_id: Callable[[], str],
    channels: Mapping[str, str],
    initial_state: str,
) -> Wire:
    draft, item = line.draft, line.item
    product_id = stable_id("product", item.sku)
    price = _price(order, line)
    wire: Wire = {
        "id": new_id(),
        "productId": product_id,
        "productKey": item.sku.lower(),
        "productType": reference("product-type", stable_id("product-type", item.category)),
        "name": {"en-GB": item.name},
        "variant": {
            "id": 1,
            "sku": item.sku,
            "key": item.sku,
            "prices": [price],
            "images": [],
            "attributes": [{"name": "category", "value": item.category}],
            "assets": [],
        },
        "price": price,
        "quantity": draft.quantity,
        "totalPrice": money(line.total, order.currency),
        "discountedPricePerQuantity": _price_groups(order, draft, line),
        "priceMode": "Platform" if draft.total_minor is None else "ExternalTotal",
        "lineItemMode": "GiftLineItem" if draft.gift else "Standard",
        "state": [{"quantity": draft.quantity, "state": reference("state", initial_state)}],
        **_goods_tax(order, line),
    }
    if draft.supply_channel is not None:
        wire["supplyChannel"] = reference("channel", channels[draft.supply_channel])
    if draft.inventory_mode is not None:
        wire["inventoryMode"] = draft.inventory_mode
    return wire


def _price(order: OrderDraft, line: PricedLine) -> Wire:
    price: Wire = {
        "id": stable_id("price", f"{line.item.sku}/{line.list_price}"),
        "value": unit_money(line.list_price, order.currency),
    }
    if line.unit < line.list_price:
        price["discounted"] = {
            "value": unit_money(line.unit, order.currency),
            "discount": reference("product-discount", stable_id("product-discount", "seasonal")),
        }
    return price


def _price_groups(order: OrderDraft, draft: LineDraft, line: PricedLine) -> list[Wire]:
    groups = [(group.quantity, group.unit_minor) for group in draft.groups]
    if draft.gift:
        groups = [(draft.quantity, 0)]
    discount = reference("cart-discount", stable_id("cart-discount", "gift" if draft.gift else "groups"))
    return [
        {"quantity": quantity, "discountedPrice": _discounted(line.unit - unit, unit, discount, order.currency)}
        for quantity, unit in groups
    ]


def _discounted(taken: Fraction, left: int, discount: Wire, currency: str) -> Wire:
    applied = [{"discount": discount, "discountedAmount": unit_money(taken, currency)}] if taken > 0 else []
    return {"value": money(left, currency), "includedDiscounts": applied}


def _custom_line_item(
    order: OrderDraft, draft: CustomLineDraft, priced: PricedGoods, new_id: Callable[[], str], initial_state: str
) -> Wire:
    return {
        "id": new_id(),
        "name": {"en-GB": draft.name},
        "slug": draft.slug,
        "money": money(draft.unit_minor, order.currency),
        "quantity": draft.quantity,
        "totalPrice": money(priced.total, order.currency),
        "discountedPricePerQuantity": [],
        "priceMode": "Standard",
        "state": [{"quantity": draft.quantity, "state": reference("state", initial_state)}],
        **_goods_tax(order, priced),
    }


def _shipments(cart: PricedCart) -> list[Wire]:
    draft = cart.draft
    return [
        {
            "shippingKey": shipment.key,
            "shippingInfo": _shipping_info(draft, shipment.shipping, priced),
            "shippingAddress": {**(shipment.address or draft.delivery), "key": shipment.key},
        }
        for shipment, priced in zip(draft.shipments, cart.shipments, strict=True)
    ]


def _shipping_info(order: OrderDraft, draft: ShippingDraft, priced: PricedItem) -> Wire:
    wire: Wire = {
        "shippingMethodName": draft.method,
        "shippingMethod": reference("shipping-method", stable_id("shipping-method", draft.method)),
        "price": money(draft.price_minor, order.currency),
        "shippingRate": {"price": money(draft.price_minor, order.currency), "tiers": []},
        "shippingMethodState": "MatchesCart",
        "deliveries": [],
        **_item_tax(order, priced),
    }
    if draft.discounted_minor is not None:
        discount = reference("cart-discount", stable_id("cart-discount", "shipping"))
        taken = Fraction(draft.price_minor - draft.discounted_minor)
        wire["discountedPrice"] = _discounted(taken, draft.discounted_minor, discount, order.currency)
    return wire


def _discount(cart: PricedCart) -> Wire:
    currency = cart.draft.currency
    amount = money(cart.draft.discount_minor, currency)
    discount = reference("cart-discount", stable_id("cart-discount", "total"))
    wire: Wire = {
        "discountedAmount": amount,
        "includedDiscounts": [{"discount": discount, "discountedAmount": amount}],
    }
    if cart.taxed is not None:
        wire["discountedNetAmount"] = money(cart.discounted.net, currency)
        wire["discountedGrossAmount"] = money(cart.discounted.gross, currency)
    return wire


def payment_fields(draft: PaymentDraft, *, planned: Wire, transactions: list[Wire]) -> Wire:
    """Return what an order decides of a payment: what is planned of it, and by which means."""
    return {
        "amountPlanned": planned,
        "paymentMethodInfo": {
            "paymentInterface": draft.interface,
            "method": draft.method,
            "name": {"en-GB": "Gift card" if draft.interface == GIFT_CARD_INTERFACE else "Card"},
        },
        "paymentStatus": {},
        "transactions": transactions,
        "interfaceInteractions": [],
    }


def transaction(
    *, new_id: Callable[[], str], type_: str, amount: Mapping[str, object], at: str, state: str = "Success"
) -> Wire:
    """Return a payment's transaction."""
    return {"id": new_id(), "type": type_, "amount": dict(amount), "state": state, "timestamp": at}


def at_the_provider(made: Wire) -> Wire:
    """Return a transaction with the id that the payment provider knows it by."""
    return {**made, "interactionId": f"psp-{made['id'][:8]}"}
