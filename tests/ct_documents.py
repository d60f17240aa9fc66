"""commercetools documents for tests: an order with everything that is read, and small variations of it."""

from __future__ import annotations

import copy
from typing import Any


def money(amount: int, currency: str = "EUR", digits: int = 2) -> dict[str, Any]:
    return {"type": "centPrecision", "currencyCode": currency, "centAmount": amount, "fractionDigits": digits}


def precise(amount: int, cents: int, digits: int, currency: str = "EUR") -> dict[str, Any]:
    return {
        "type": "highPrecision",
        "currencyCode": currency,
        "centAmount": cents,
        "preciseAmount": amount,
        "fractionDigits": digits,
    }


RATE = {"name": "standard", "amount": 0.19, "includedInPrice": True, "country": "DE", "subRates": []}
TAXED_LINE = {"totalNet": money(3358), "totalGross": money(3998), "totalTax": money(640), "taxPortions": []}

_ORDER: dict[str, Any] = {
    "id": "4f0c7a1e-0000-4000-8000-000000000001",
    "version": 7,
    "createdAt": "2026-11-23T10:15:30.123Z",
    "lastModifiedAt": "2026-11-23T10:16:00.456Z",
    "orderNumber": "ORD-1001",
    "customerEmail": "ann@example.com",
    "orderState": "Open",
    "paymentState": "Paid",
    "shipmentState": "Pending",
    "state": {"typeId": "state", "id": "s-1", "obj": {"id": "s-1", "key": "released", "type": "OrderState"}},
    "store": {"typeId": "store", "key": "berlin"},
    "country": "DE",
    "locale": "de",
    "origin": "Customer",
    "totalPrice": money(4493),
    "taxedPrice": {
        "totalNet": money(3774),
        "totalGross": money(4493),
        "totalTax": money(719),
        "taxPortions": [{"rate": 0.19, "amount": money(719), "name": "standard"}],
    },
    "taxMode": "Platform",
    "taxRoundingMode": "HalfUp",
    "taxCalculationMode": "UnitPriceLevel",
    "priceRoundingMode": "HalfEven",
    "inventoryMode": "ReserveOnOrder",
    "shippingMode": "Single",
    "shippingInfo": {
        "shippingMethodName": "Standard",
        "price": money(595),
        "discountedPrice": {"value": money(495), "includedDiscounts": []},
        "shippingRate": {"price": money(595), "tiers": []},
        "taxRate": RATE,
        "taxedPrice": {"totalNet": money(416), "totalGross": money(495), "taxPortions": []},
        "shippingMethodState": "MatchesCart",
    },
    "shipping": [],
    "lineItems": [
        {
            "id": "li-1",
            "productId": "p-1",
            "productType": {"typeId": "product-type", "id": "pt-1"},
            "name": {"de": "Brot", "en": "Bread"},
            "variant": {"id": 1, "sku": "BREAD", "attributes": []},
            "price": {
                "id": "pr-1",
                "value": money(2499),
                "discounted": {"value": money(1999), "discount": {"typeId": "product-discount", "id": "d"}},
            },
            "quantity": 2,
            "totalPrice": money(3998),
            "discountedPricePerQuantity": [],
            "taxRate": RATE,
            "taxedPrice": TAXED_LINE,
            "taxedPricePortions": [],
            "perMethodTaxRate": [],
            "state": [{"quantity": 2, "state": {"typeId": "state", "id": "initial"}}],
            "supplyChannel": {
                "typeId": "channel",
                "id": "c-1",
                "obj": {"id": "c-1", "key": "berlin", "version": 1, "roles": ["InventorySupply"]},
            },
            "priceMode": "Platform",
            "lineItemMode": "Standard",
        }
    ],
    "customLineItems": [
        {
            "id": "cl-1",
            "slug": "voucher",
            "name": {"en": "Voucher"},
            "money": money(-500),
            "quantity": 1,
            "totalPrice": money(-500),
            "discountedPricePerQuantity": [],
            "taxedPricePortions": [],
            "perMethodTaxRate": [],
            "priceMode": "Standard",
            "state": [],
        }
    ],
    "discountOnTotalPrice": {"discountedAmount": money(100), "includedDiscounts": []},
    "paymentInfo": {
        "payments": [
            {
                "typeId": "payment",
                "id": "pay-1",
                "obj": {
                    "id": "pay-1",
                    "transactions": [{"id": "t", "type": "Charge", "state": "Success", "amount": money(4493)}],
                },
            }
        ]
    },
    "syncInfo": [
        {
            "channel": {"typeId": "channel", "id": "c-9", "obj": {"id": "c-9", "key": "cin7-core"}},
            "externalId": "SO-1",
            "syncedAt": "2026-11-23T11:00:00.000Z",
        }
    ],
    "refusedGifts": [],
    "billingAddress": {
        "country": "DE",
        "firstName": "Ann",
        "lastName": "Lee",
        "streetName": "Ring",
        "streetNumber": "3",
        "pOBox": "77",
        "postalCode": "10115",
        "city": "Berlin",
        "mobile": "+49",
        "email": "ann@example.com",
    },
    "somethingNew": {"from": "next week"},
}


def order_document(**changes: Any) -> dict[str, Any]:
    """An order; `changes` replace top-level fields, and one given as None is left out."""
    document = copy.deepcopy(_ORDER) | changes
    return {name: value for name, value in document.items() if value is not None}


def delivery_document(
    key: str | None, units: dict[str, int], /, *parcels: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """A delivery as the order shows it; `more` replaces fields."""
    document: dict[str, Any] = {
        "id": "d-1",
        "createdAt": "2026-11-24T09:00:00.000Z",
        "items": items_document(units),
        "parcels": list(parcels),
    }
    return document | ({"key": key} if key is not None else {}) | more


def parcel_document(key: str | None, units: dict[str, int], /, **more: Any) -> dict[str, Any]:
    """A parcel of a delivery; `more` replaces fields."""
    document = {"id": "pa-1", "createdAt": "2026-11-24T09:00:00.000Z", "items": items_document(units)}
    return document | ({"key": key} if key is not None else {}) | more


def items_document(units: dict[str, int]) -> list[dict[str, Any]]:
    return [{"id": line, "quantity": count} for line, count in units.items()]


def return_document(line_id: str, quantity: int, state: str, /, **more: Any) -> dict[str, Any]:
    """An item of a return; `more` replaces fields."""
    return {
        "id": "ri-1",
        "type": "LineItemReturnItem",
        "lineItemId": line_id,
        "quantity": quantity,
        "shipmentState": state,
        "paymentState": "Initial",
        "createdAt": "2026-11-24T09:00:00.000Z",
        "lastModifiedAt": "2026-11-24T09:00:00.000Z",
    } | more
