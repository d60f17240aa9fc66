"""Which fields of which resource a query may name; asking for another is refused, as commercetools does.

Names are those of the official OpenAPI. A field listed without a shape of its own may be descended into freely.
"""

from __future__ import annotations

from adapters.sandbox.predicates import ANYTHING, Shape


def _shape(names: str, **below: Shape) -> Shape:
    return Shape({**dict.fromkeys(names.split()), **below})


_RESOURCE = "id version createdAt lastModifiedAt createdBy lastModifiedBy "
_REFERENCE = _shape("typeId id")
_MONEY = _shape("type centAmount currencyCode fractionDigits preciseAmount")
_CUSTOM = _shape("type", fields=ANYTHING)

ORDER = _shape(
    _RESOURCE + "orderNumber purchaseOrderNumber customerId customerEmail anonymousId country locale origin orderState "
    "shipmentState paymentState shippingMode inventoryMode taxMode taxRoundingMode taxCalculationMode "
    "priceRoundingMode shippingKey completedAt billingAddress shippingAddress itemShippingAddresses returnInfo "
    "discountCodes directDiscounts refusedGifts discountOnTotalPrice taxedPrice taxedShippingPrice businessUnit "
    "lastMessageSequenceNumber shippingRateInput",
    customerGroup=_REFERENCE,
    store=_shape("typeId key"),
    cart=_REFERENCE,
    quote=_REFERENCE,
    recurringOrder=_REFERENCE,
    state=_REFERENCE,
    totalPrice=_MONEY,
    custom=_CUSTOM,
    paymentInfo=_shape("", payments=_REFERENCE),
    syncInfo=_shape("externalId syncedAt", channel=_REFERENCE),
    lineItems=_shape(
        "id key productId productKey name quantity priceMode lineItemMode inventoryMode totalPrice taxRate price "
        "taxedPrice discountedPricePerQuantity taxedPricePortions perMethodTaxRate shippingDetails state addedAt",
        variant=_shape("id sku key attributes prices"),
        supplyChannel=_REFERENCE,
        distributionChannel=_REFERENCE,
        custom=_CUSTOM,
    ),
    customLineItems=_shape("id key name slug quantity money totalPrice taxRate state", custom=_CUSTOM),
    shippingInfo=_shape(
        "shippingMethodName price taxRate taxedPrice discountedPrice deliveries shippingMethodState",
        shippingMethod=_REFERENCE,
        taxCategory=_REFERENCE,
    ),
    shipping=_shape("shippingKey shippingInfo shippingAddress"),
)

PAYMENT = _shape(
    _RESOURCE + "key customer anonymousId interfaceId externalId paymentMethodInfo interfaceInteractions",
    amountPlanned=_MONEY,
    paymentStatus=_shape("interfaceCode interfaceText", state=_REFERENCE),
    transactions=_shape("id type state timestamp interactionId", amount=_MONEY),
    custom=_CUSTOM,
)

MESSAGE = _shape(
    _RESOURCE + "sequenceNumber resourceVersion type",
    resource=_REFERENCE,
    resourceUserProvidedIdentifiers=_shape("key externalId orderNumber customerNumber sku slug containerAndKey"),
)

CHANNEL = _shape(_RESOURCE + "key roles name description address geoLocation", custom=_CUSTOM)

STATE = _shape(_RESOURCE + "key type name description initial builtIn roles transitions")

INVENTORY = _shape(
    _RESOURCE + "key sku quantityOnStock availableQuantity restockableInDays expectedDelivery minCartQuantity "
    "maxCartQuantity stockLevels reservationExpirationInMinutes",
    supplyChannel=_REFERENCE,
    custom=_CUSTOM,
)

_VARIANT = _shape(
    "id sku key images assets availability",
    prices=_shape("id key country validFrom validUntil", value=_MONEY, channel=_REFERENCE),
    attributes=ANYTHING,
)
_PRODUCT = _RESOURCE + "key priceMode reviewRatingStatistics"
_TEXTS = "name description slug metaTitle metaDescription metaKeywords"
_SIDE = f"{_TEXTS} categories categoryOrderHints searchKeywords attributes"
_PRODUCT_REFERENCES = {"productType": _REFERENCE, "taxCategory": _REFERENCE, "state": _REFERENCE}
_VARIANTS = {"masterVariant": _VARIANT, "variants": _VARIANT}

PRODUCT = _shape(
    _PRODUCT,
    masterData=_shape(
        "published hasStagedChanges", current=_shape(_SIDE, **_VARIANTS), staged=_shape(_SIDE, **_VARIANTS)
    ),
    **_PRODUCT_REFERENCES,
)

PROJECTION = _shape(f"{_PRODUCT} {_SIDE} published hasStagedChanges", **_PRODUCT_REFERENCES, **_VARIANTS)

PRODUCT_TYPE = _shape(_RESOURCE + "key name description", attributes=ANYTHING)

TAX_CATEGORY = _shape(_RESOURCE + "key name description", rates=ANYTHING)

STANDALONE_PRICE = _shape(
    _RESOURCE + "key sku country active validFrom validUntil tiers discounted staged",
    value=_MONEY,
    channel=_REFERENCE,
    customerGroup=_REFERENCE,
)

CUSTOM_OBJECT = _shape(_RESOURCE + "container key", value=ANYTHING)
