"""A commercetools order in our words (`actors.domain.order`): figures copied, names shortened, nothing recomputed.

Total: every body becomes an `Order` or one `UnreadableOrderError` that names the field and shows no value of it.
Sources: commercetools fact sheet §3.2 to §3.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.domain import order as domain
from actors.domain.time import Instant, parse_instant
from adapters.commercetools import wire
from adapters.commercetools.aftersales import deliveries, returns, travels
from adapters.commercetools.custom import custom_texts
from adapters.commercetools.localised import in_locale

_DECODER = msgspec.json.Decoder(wire.Order)
_DISCOUNT = "discountOnTotalPrice"


class UnreadableOrderError(ValueError):
    """The body is no order we can read. The message names the field, never its content."""


def read_order(body: bytes | msgspec.Raw) -> domain.Order:
    """Decode and translate one order document.

    Raises:
        UnreadableOrderError: not JSON, a field missing or of another type, or more than one currency.
    """
    try:
        document = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableOrderError(_without_values(error)) from None
    return translate_order(document)


def translate_order(document: wire.Order) -> domain.Order:
    """Translate a decoded order.

    Raises:
        UnreadableOrderError: a timestamp is none, the total's `fractionDigits` are missing, a second currency appears.
    """
    digits = document.total_price.fraction_digits
    if digits is None:
        raise UnreadableOrderError("totalPrice.fractionDigits is missing")
    money = _Purse(document.total_price.currency_code)
    payments = document.payment_info.payments if document.payment_info is not None else []
    discount = document.discount_on_total_price
    return domain.Order(
        id=document.id,
        version=document.version,
        created_at=_instant(document.created_at, "createdAt"),
        modified_at=_instant(document.last_modified_at, "lastModifiedAt"),
        currency=money.currency,
        digits=digits,
        total=document.total_price.cent_amount,
        state=document.order_state,
        number=document.order_number or None,
        payment_state=document.payment_state,
        shipment_state=document.shipment_state,
        workflow_state=_key_or_id(document.state),
        store=document.store.key if document.store is not None else None,
        country=document.country,
        taxed=_taxed_total(document.taxed_price, money),
        tax_mode=document.tax_mode,
        tax_rounding=document.tax_rounding_mode,
        tax_calculation=document.tax_calculation_mode,
        price_rounding=document.price_rounding_mode,
        inventory_mode=document.inventory_mode,
        shipping_mode=document.shipping_mode,
        lines=tuple(_line(item, f"lineItems[{n}]", money, document) for n, item in enumerate(document.line_items)),
        custom_lines=tuple(
            _custom_line(item, f"customLineItems[{n}]", money, document)
            for n, item in enumerate(document.custom_line_items)
        ),
        shipping=_shipments(document, money),
        discount_on_total=money.minor(discount.discounted_amount, f"{_DISCOUNT}.discountedAmount")
        if discount
        else None,
        discount_net=money.optional(discount.discounted_net_amount, f"{_DISCOUNT}.discountedNetAmount")
        if discount
        else None,
        discount_gross=money.optional(discount.discounted_gross_amount, f"{_DISCOUNT}.discountedGrossAmount")
        if discount
        else None,
        taxed_shipping=money.taxed(document.taxed_shipping_price, "taxedShippingPrice"),
        payments=tuple(_payment(payment) for payment in payments),
        payments_expanded=all(payment.obj is not None for payment in payments),
        sync=tuple(_sync_mark(mark, n) for n, mark in enumerate(document.sync_info or ())),
        customer_id=document.customer_id or None,
        purchase_order=document.purchase_order_number or "",
        custom=custom_texts(document.custom, document.locale),
        email=document.customer_email or "",
        billing=_address(document.billing_address),
        shipping_address=_address(document.shipping_address),
        deliveries=deliveries(document),
        returns=returns(document),
    )


class _Purse:
    """Takes minor units out of money of one currency; a second currency in an order is unreadable (law 10)."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def minor(self, money: wire.Money, field: str) -> int:
        if money.currency_code != self.currency:
            raise UnreadableOrderError(f"{field}.currencyCode differs from totalPrice.currencyCode")
        return money.cent_amount

    def optional(self, money: wire.Money | None, field: str) -> int | None:
        return None if money is None else self.minor(money, field)

    def taxed(self, price: wire.TaxedPrice | None, field: str) -> domain.Taxed | None:
        if price is None:
            return None
        return domain.Taxed(
            net=self.minor(price.total_net, f"{field}.totalNet"),
            gross=self.minor(price.total_gross, f"{field}.totalGross"),
        )

    def taxed_item(self, item: wire.LineItem | wire.CustomLineItem, field: str) -> domain.Taxed | None:
        """Read what an item is taxed; where only its parts by shipping method are, their sum.

        A part without its tax leaves the whole unknown: unknown is not zero.
        """
        if item.taxed_price is not None:
            return self.taxed(item.taxed_price, f"{field}.taxedPrice")
        portions = [
            self.taxed(portion.taxed_price, f"{field}.taxedPricePortions[{n}].taxedPrice")
            for n, portion in enumerate(item.taxed_price_portions or ())
        ]
        known = [portion for portion in portions if portion is not None]
        if not known or len(known) < len(portions):
            return None
        return domain.Taxed(net=sum(one.net for one in known), gross=sum(one.gross for one in known))


def _line(item: wire.LineItem, field: str, money: _Purse, document: wire.Order) -> domain.Line:
    listed = item.price.value
    unit = item.price.discounted.value if item.price.discounted is not None else listed
    groups = item.discounted_price_per_quantity or []
    return domain.Line(
        id=item.id,
        sku=item.variant.sku or None,
        name=in_locale(item.name, document.locale),
        quantity=item.quantity,
        unit_minor=money.minor(unit, f"{field}.price"),
        list_minor=money.minor(listed, f"{field}.price.value"),
        total=money.minor(item.total_price, f"{field}.totalPrice"),
        currency=item.total_price.currency_code,
        high_precision=unit.high_precision or any(group.discounted_price.value.high_precision for group in groups),
        groups=tuple(
            domain.PriceGroup(
                quantity=group.quantity,
                unit_minor=money.minor(group.discounted_price.value, f"{field}.discountedPricePerQuantity[{n}]"),
                high_precision=group.discounted_price.value.high_precision,
            )
            for n, group in enumerate(groups)
        ),
        tax_rate=_rate(item.tax_rate, item.per_method_tax_rate),
        taxed=money.taxed_item(item, field),
        price_mode=item.price_mode,
        mode=item.line_item_mode,
        supply_channel=_key_or_id(item.supply_channel),
        inventory_mode=item.inventory_mode,
        method_rates=_method_rates(item.per_method_tax_rate),
        travels=travels(item, document),
    )


def _custom_line(item: wire.CustomLineItem, field: str, money: _Purse, document: wire.Order) -> domain.CustomLine:
    return domain.CustomLine(
        id=item.id,
        slug=item.slug,
        name=in_locale(item.name, document.locale),
        quantity=item.quantity,
        unit_minor=money.minor(item.money, f"{field}.money"),
        total=money.minor(item.total_price, f"{field}.totalPrice"),
        tax_rate=_rate(item.tax_rate, item.per_method_tax_rate),
        taxed=money.taxed_item(item, field),
        method_rates=_method_rates(item.per_method_tax_rate),
    )


def _shipments(document: wire.Order, money: _Purse) -> tuple[domain.Shipping, ...]:
    if document.shipping_mode == "Multiple":
        return tuple(
            _shipment(one.shipping_info, f"shipping[{n}].shippingInfo", money, one.shipping_key)
            for n, one in enumerate(document.shipping or ())
        )
    if document.shipping_info is None:
        return ()
    return (_shipment(document.shipping_info, "shippingInfo", money, None),)


def _shipment(info: wire.ShippingInfo, field: str, money: _Purse, key: str | None) -> domain.Shipping:
    discounted = info.discounted_price
    return domain.Shipping(
        method=info.shipping_method_name,
        price=money.minor(info.price, f"{field}.price"),
        discounted=money.minor(discounted.value, f"{field}.discountedPrice.value") if discounted is not None else None,
        tax_rate=_rate(info.tax_rate, None),
        taxed=money.taxed(info.taxed_price, f"{field}.taxedPrice"),
        key=key,
    )


def _rate(rate: wire.TaxRate | None, by_method: list[wire.MethodTaxRate] | None) -> domain.TaxRate | None:
    """Read the item's rate; under several shipping methods, the one they agree on, or none if they differ."""
    if rate is None:
        rates = [method.tax_rate for method in by_method or ()]
        if not rates or any(other != rates[0] for other in rates):
            return None
        rate = rates[0]
    return None if rate is None else _tax_rate(rate)


def _method_rates(by_method: Sequence[wire.MethodTaxRate] | None) -> tuple[domain.TaxRate, ...]:
    """List the distinct rates an item travels under, by first appearance."""
    rates = (_tax_rate(method.tax_rate) for method in by_method or () if method.tax_rate is not None)
    return tuple(dict.fromkeys(rates))


def _tax_rate(rate: wire.TaxRate) -> domain.TaxRate:
    return domain.TaxRate(
        name=rate.name,
        rate=rate.amount,
        included=rate.included_in_price,
        country=rate.country,
        sub_rates=tuple(domain.SubRate(name=part.name, rate=part.amount) for part in rate.sub_rates or ()),
    )


def _taxed_total(price: wire.TaxedPrice | None, money: _Purse) -> domain.TaxedTotal | None:
    if price is None:
        return None
    return domain.TaxedTotal(
        net=money.minor(price.total_net, "taxedPrice.totalNet"),
        gross=money.minor(price.total_gross, "taxedPrice.totalGross"),
        portions=tuple(
            domain.TaxPortion(
                rate=portion.rate,
                amount=money.minor(portion.amount, f"taxedPrice.taxPortions[{n}].amount"),
                name=portion.name,
            )
            for n, portion in enumerate(price.tax_portions or ())
        ),
        tax=money.minor(price.total_tax, "taxedPrice.totalTax") if price.total_tax is not None else None,
    )


def _payment(reference: wire.PaymentReference) -> domain.Payment:
    # A payment may be in another currency than the order: that is for the rules to judge, not for the reader.
    transactions = (reference.obj.transactions or []) if reference.obj is not None else []
    method = reference.obj.payment_method_info if reference.obj is not None else None
    return domain.Payment(
        id=reference.id,
        interface=(method.payment_interface or "") if method is not None else "",
        method=(method.method or "") if method is not None else "",
        transactions=tuple(
            domain.Transaction(
                id=one.id,
                type=one.type,
                state=one.state,
                amount=one.amount.cent_amount,
                currency=one.amount.currency_code,
                interaction_id=one.interaction_id or "",
                at=_instant(one.timestamp, "transactions.timestamp") if one.timestamp else None,
            )
            for one in transactions
        ),
    )


def _sync_mark(mark: wire.SyncInfo, position: int) -> domain.SyncMark:
    return domain.SyncMark(
        channel_id=mark.channel.id,
        external_id=mark.external_id,
        synced_at=_instant(mark.synced_at, f"syncInfo[{position}].syncedAt"),
        channel_key=mark.channel.obj.key if mark.channel.obj is not None else None,
    )


def _address(address: wire.Address | None) -> domain.Address | None:
    if address is None:
        return None
    return domain.Address(
        country=address.country,
        name=_joined(" ", address.first_name, address.last_name),
        company=_joined(", ", address.company, address.department),
        line1=_joined(" ", address.street_name, address.street_number) or (address.p_o_box or ""),
        line2=_joined(
            ", ",
            address.additional_street_info,
            address.building,
            address.apartment,
            address.p_o_box if address.street_name else None,
            address.additional_address_info,
        ),
        city=address.city or "",
        state=address.state or address.region or "",
        postcode=address.postal_code or "",
        phone=address.phone or address.mobile or "",
        email=address.email or "",
    )


def _joined(separator: str, *parts: str | None) -> str:
    return separator.join(part.strip() for part in parts if part and part.strip())


def _key_or_id(reference: wire.Reference | None) -> str | None:
    """Read the key of an expanded reference; of one that points nowhere its id, which no mapping names."""
    if reference is None:
        return None
    if reference.obj is None or not reference.obj.key:
        return reference.id
    return reference.obj.key


def _instant(text: str, field: str) -> Instant:
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise UnreadableOrderError(f"{field} is no timestamp") from None


def _without_values(error: Exception) -> str:
    """Keep msgspec's path and type names; its syntax errors speak of positions only. Neither shows content."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "the body is not UTF-8"
