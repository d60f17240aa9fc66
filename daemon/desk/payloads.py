"""What is kept sealed of an order, opened; with what it says of people masked for those who may not see it.

What is shown then is a list of what may be, by its place in the document: whatever is not on it is masked, also what
commercetools adds tomorrow. Sources: commercetools fact sheet §3.2 to §3.4.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag

from actors.domain.time import format_instant
from storage import bodies
from storage.bodies import Sealer

MASK = "•••"

_Tree = dict[str, Any]
_PLAIN = None
"""A leaf that may be shown: a figure, a state, an id or a name of the merchant's own."""


def _plain(*names: str) -> _Tree:
    return dict.fromkeys(names, _PLAIN)


_MONEY = _plain("type", "currencyCode", "centAmount", "preciseAmount", "fractionDigits")
_KEYED: _Tree = {**_plain("typeId", "id", "key"), "obj": _plain("id", "key", "version")}
_RATE: _Tree = {
    **_plain("id", "key", "name", "amount", "includedInPrice", "country", "state"),
    "subRates": _plain("name", "amount"),
}
_PORTIONS: _Tree = {**_plain("rate", "name"), "amount": _MONEY}
_TAXED: _Tree = {"totalNet": _MONEY, "totalGross": _MONEY, "totalTax": _MONEY, "taxPortions": _PORTIONS}
_BY_METHOD: _Tree = {"shippingMethodKey": _PLAIN, "taxRate": _RATE}
_TAXED_BY_METHOD: _Tree = {"shippingMethodKey": _PLAIN, "taxedPrice": _TAXED}
_REDUCED: _Tree = {"value": _MONEY, "discount": _KEYED}
_GROUP: _Tree = {
    "quantity": _PLAIN,
    "discountedPrice": {"value": _MONEY, "includedDiscounts": {"discount": _KEYED, "discountedAmount": _MONEY}},
}
_UNITS: _Tree = {"quantity": _PLAIN, "state": _KEYED}
_ITEM: _Tree = {
    **_plain("id", "key", "quantity", "priceMode", "taxRoundingMode"),
    "totalPrice": _MONEY,
    "taxCategory": _KEYED,
    "taxRate": _RATE,
    "taxedPrice": _TAXED,
    "taxedPricePortions": _TAXED_BY_METHOD,
    "perMethodTaxRate": _BY_METHOD,
    "discountedPricePerQuantity": _GROUP,
    "state": _UNITS,
    "shippingDetails": {"targets": _plain("quantity", "shippingMethodKey"), "valid": _PLAIN},
}
_LINE: _Tree = {
    **_ITEM,
    **_plain("productId", "productKey", "lineItemMode", "inventoryMode", "addedAt", "lastModifiedAt"),
    "productType": _KEYED,
    "variant": _plain("id", "sku", "key"),
    "price": {"id": _PLAIN, "key": _PLAIN, "value": _MONEY, "discounted": _REDUCED, "country": _PLAIN},
    "supplyChannel": _KEYED,
    "distributionChannel": _KEYED,
}
_CUSTOM_LINE: _Tree = {**_ITEM, "slug": _PLAIN, "money": _MONEY}
_SHIPPING: _Tree = {
    **_plain("shippingMethodName", "shippingMethodState"),
    "price": _MONEY,
    "shippingRate": {"price": _MONEY, "freeAbove": _MONEY},
    "taxedPrice": _TAXED,
    "taxRate": _RATE,
    "taxCategory": _KEYED,
    "shippingMethod": _KEYED,
    "discountedPrice": {"value": _MONEY},
}
_ADDRESS = _plain("country")
_PARTS = _plain("id", "quantity")
_DELIVERY: _Tree = {
    **_plain("id", "key", "createdAt"),
    "items": _PARTS,
    "address": _ADDRESS,
    "parcels": {**_plain("id", "key", "createdAt"), "trackingData": _plain("carrier", "isReturn"), "items": _PARTS},
}
_RETURNED = _plain(
    "id", "key", "type", "quantity", "lineItemId", "customLineItemId", "shipmentState", "paymentState", "createdAt"
)
_TRANSACTION: _Tree = {**_plain("id", "type", "state", "timestamp", "interactionId"), "amount": _MONEY}
_PAYMENT: _Tree = {
    **_plain("typeId", "id"),
    "obj": {
        **_plain("id", "version", "createdAt", "lastModifiedAt"),
        "amountPlanned": _MONEY,
        "paymentMethodInfo": _plain("paymentInterface", "method"),
        "paymentStatus": {"state": _KEYED},
        "transactions": _TRANSACTION,
    },
}
_SHOWN: _Tree = {
    **_plain("id", "version", "orderNumber", "createdAt", "lastModifiedAt", "completedAt", "country", "locale"),
    **_plain("origin", "orderState", "paymentState", "shipmentState", "taxMode", "taxRoundingMode"),
    **_plain("taxCalculationMode", "priceRoundingMode", "inventoryMode", "shippingMode", "shippingKey"),
    "state": _KEYED,
    "store": _plain("typeId", "key"),
    "cart": _plain("typeId", "id"),
    "totalPrice": _MONEY,
    "taxedPrice": _TAXED,
    "taxedShippingPrice": _TAXED,
    "discountOnTotalPrice": {
        "discountedAmount": _MONEY,
        "discountedNetAmount": _MONEY,
        "discountedGrossAmount": _MONEY,
    },
    "lineItems": _LINE,
    "customLineItems": _CUSTOM_LINE,
    "shippingInfo": {**_SHIPPING, "deliveries": _DELIVERY},
    "shipping": {"shippingKey": _PLAIN, "shippingInfo": {**_SHIPPING, "deliveries": _DELIVERY}},
    "shippingAddress": _ADDRESS,
    "billingAddress": _ADDRESS,
    "paymentInfo": {"payments": _PAYMENT},
    "syncInfo": {"channel": _KEYED, **_plain("externalId", "syncedAt")},
    "returnInfo": {"returnDate": _PLAIN, "items": _RETURNED},
}
"""What of an order anybody may see who may see the order."""


def payload_view(connection: sqlite3.Connection, order_id: str, *, sealer: Sealer, personal: bool) -> dict[str, Any]:
    """Return what is kept sealed of an order; `personal`: as it came, else masked."""
    shown = [
        {
            "kind": body.kind,
            "version": body.version,
            "stored_at": format_instant(body.stored_at),
            "bytes": len(body.sealed),
            "document": _document(body.sealed, order_id, body.kind, sealer, personal=personal),
        }
        for body in bodies.of_order(connection, order_id)
    ]
    return {"personal": personal, "bodies": shown}


def masked(document: Any, shown: Any = _SHOWN) -> Any:
    """Return a document with everything masked that is not on the list of what may be shown."""
    if isinstance(document, list):
        return [masked(part, shown) for part in document]
    if isinstance(document, dict):
        return {name: masked(part, shown.get(name, MASK)) for name, part in document.items()} if _lists(shown) else MASK
    return document if shown is _PLAIN or document is None else MASK


def _lists(shown: Any) -> bool:
    return isinstance(shown, dict)


def _document(sealed: bytes, order_id: str, kind: str, sealer: Sealer, *, personal: bool) -> Any:
    try:
        document = msgspec.json.decode(sealer.open(sealed, order_id=order_id, kind=kind))
    except (InvalidTag, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(document, dict):
        return None
    if personal:
        return document
    # Of what a person put in, and of what could not be understood, no place is known to be free of people.
    return masked(document, _SHOWN if kind == "order" else {})
