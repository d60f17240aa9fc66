"""commercetools documents as they arrive, reduced to the fields that are used (commercetools fact sheet §3.2, §3.4).

Unknown fields pass, enumerations are open strings, a JSON number that is a rate becomes a `Decimal`, and amounts are
integers (int64). Nothing here is interpreted: `translate` does that. What only names or describes may be odd without
spoiling the order: it is left as it came (`Raw`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_NULL = msgspec.Raw(b"null")


class Wire(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of the wire structs: camelCase names, unknown fields ignored."""


class Money(Wire):
    """Cent or high precision; `centAmount` of the latter is the rounded form, `preciseAmount` the exact one."""

    cent_amount: int
    currency_code: str
    type: str = "centPrecision"
    fraction_digits: int | None = None
    precise_amount: int | None = None

    @property
    def high_precision(self) -> bool:
        """True when the amount has more decimals than its currency."""
        return self.type == "highPrecision"


class SubRate(Wire):
    """Part of a rate (US states, counties)."""

    name: str
    amount: Decimal


class TaxRate(Wire):
    """`amount` is a fraction."""

    name: str
    amount: Decimal
    included_in_price: bool
    country: str | None = None
    sub_rates: list[SubRate] | None = None


class TaxPortion(Wire):
    """Tax of one rate."""

    rate: Decimal
    amount: Money
    name: str | None = None


class TaxedPrice(Wire):
    """Net and gross of the order or of an item."""

    total_net: Money
    total_gross: Money
    tax_portions: list[TaxPortion] | None = None
    total_tax: Money | None = None


class KeyedObject(Wire):
    """What is used of an expanded channel or state."""

    key: str | None = None


class Reference(Wire):
    """A reference, expanded or not."""

    id: str
    obj: KeyedObject | None = None


class KeyReference(Wire):
    """A reference by key (stores)."""

    key: str


class DiscountedValue(Wire):
    """`{value, …}`: a discounted price."""

    value: Money


class Price(Wire):
    """A unit price."""

    value: Money
    discounted: DiscountedValue | None = None


class PriceGroup(Wire):
    """So many pieces at one discounted price."""

    quantity: int
    discounted_price: DiscountedValue


class MethodTaxRate(Wire):
    """Rate of an item under one shipping method (`shippingMode: Multiple`)."""

    shipping_method_key: str
    tax_rate: TaxRate | None = None


class MethodTaxedPrice(Wire):
    """What an item costs under one shipping method (`shippingMode: Multiple`)."""

    shipping_method_key: str
    taxed_price: TaxedPrice | None = None


class Variant(Wire):
    """The variant that was bought."""

    sku: str | None = None


class ShippingTarget(Wire):
    """So many units of an item go to one address, by one of several shipments."""

    quantity: int
    shipping_method_key: str | None = None


class ShippingDetails(Wire):
    """Where the units of an item go."""

    targets: list[ShippingTarget]


class LineItem(Wire):
    """A line item."""

    id: str
    name: dict[str, str]
    variant: Variant
    price: Price
    quantity: int
    total_price: Money
    discounted_price_per_quantity: list[PriceGroup] | None = None
    tax_rate: TaxRate | None = None
    taxed_price: TaxedPrice | None = None
    taxed_price_portions: list[MethodTaxedPrice] | None = None
    per_method_tax_rate: list[MethodTaxRate] | None = None
    supply_channel: Reference | None = None
    price_mode: str = "Platform"
    line_item_mode: str = "Standard"
    inventory_mode: str | None = None
    shipping_details: msgspec.Raw = _NULL


class CustomLineItem(Wire):
    """A custom line item."""

    id: str
    slug: str
    name: dict[str, str]
    money: Money
    quantity: int
    total_price: Money
    tax_rate: TaxRate | None = None
    taxed_price: TaxedPrice | None = None
    taxed_price_portions: list[MethodTaxedPrice] | None = None
    per_method_tax_rate: list[MethodTaxRate] | None = None


class DeliveryItem(Wire):
    """So many units of an item."""

    id: str
    quantity: int


class TrackingData(Wire):
    """How a parcel travels."""

    tracking_id: msgspec.Raw = _NULL
    carrier: msgspec.Raw = _NULL


class Parcel(Wire):
    """A parcel of a delivery; what it holds need not be said."""

    key: msgspec.Raw = _NULL
    tracking_data: msgspec.Raw = _NULL
    items: list[DeliveryItem] | None = None


class Delivery(Wire):
    """A delivery with its parcels."""

    items: list[DeliveryItem]
    key: msgspec.Raw = _NULL
    parcels: list[Parcel] | None = None


class ReturnItem(Wire):
    """Units of an item that come back."""

    id: str
    quantity: int
    shipment_state: str
    payment_state: msgspec.Raw = _NULL
    key: msgspec.Raw = _NULL
    line_item_id: msgspec.Raw = _NULL
    custom_line_item_id: msgspec.Raw = _NULL


class ReturnInfo(Wire):
    """One return, of several items."""

    items: list[ReturnItem]


class ShippingInfo(Wire):
    """Price of one shipment, and what was delivered of it."""

    shipping_method_name: str
    price: Money
    discounted_price: DiscountedValue | None = None
    tax_rate: TaxRate | None = None
    taxed_price: TaxedPrice | None = None
    deliveries: list[Delivery] | None = None


class Shipping(Wire):
    """One of several shipments."""

    shipping_key: str
    shipping_info: ShippingInfo


class Transaction(Wire):
    """A payment's transaction."""

    type: str
    state: str
    amount: Money
    id: str = ""
    interaction_id: str | None = None
    timestamp: str | None = None


class PaymentMethodInfo(Wire):
    """What a payment was made with, and by whom it is handled."""

    payment_interface: str | None = None
    method: str | None = None


class PaymentObject(Wire):
    """An expanded payment."""

    payment_method_info: PaymentMethodInfo | None = None
    transactions: list[Transaction] | None = None


class PaymentReference(Wire):
    """A payment, expanded or not."""

    id: str
    obj: PaymentObject | None = None


class PaymentInfo(Wire):
    """The order's payments."""

    payments: list[PaymentReference]


class SyncInfo(Wire):
    """A mark of an export."""

    channel: Reference
    synced_at: str
    external_id: str | None = None


class DiscountOnTotal(Wire):
    """Discount on the order's total price."""

    discounted_amount: Money
    discounted_net_amount: Money | None = None
    discounted_gross_amount: Money | None = None


class Address(Wire):
    """Only `country` is guaranteed."""

    country: str
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    department: str | None = None
    street_name: str | None = None
    street_number: str | None = None
    additional_street_info: str | None = None
    building: str | None = None
    apartment: str | None = None
    p_o_box: str | None = msgspec.field(default=None, name="pOBox")
    additional_address_info: str | None = None
    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    state: str | None = None
    phone: str | None = None
    mobile: str | None = None
    email: str | None = None


class CustomFields(Wire):
    """Custom fields as the shop made them up; read one by one, so that one odd field spoils nothing else."""

    fields: msgspec.Raw = msgspec.Raw(b"{}")


class Order(Wire):
    """An order. `custom` is left as it came: nothing in it may make the order unreadable."""

    id: str
    version: int
    created_at: str
    last_modified_at: str
    order_state: str
    total_price: Money
    line_items: list[LineItem]
    custom_line_items: list[CustomLineItem]
    shipping: list[Shipping] | None = None
    shipping_mode: str = "Single"
    shipping_info: ShippingInfo | None = None
    order_number: str | None = None
    payment_state: str | None = None
    shipment_state: str | None = None
    state: Reference | None = None
    store: KeyReference | None = None
    country: str | None = None
    locale: str | None = None
    taxed_price: TaxedPrice | None = None
    taxed_shipping_price: TaxedPrice | None = None
    tax_mode: str = "Platform"
    tax_rounding_mode: str = "HalfEven"
    tax_calculation_mode: str = "LineItemLevel"
    price_rounding_mode: str = "HalfEven"
    inventory_mode: str | None = None
    discount_on_total_price: DiscountOnTotal | None = None
    payment_info: PaymentInfo | None = None
    sync_info: list[SyncInfo] | None = None
    return_info: list[ReturnInfo] | None = None
    customer_id: str | None = None
    customer_email: str | None = None
    purchase_order_number: str | None = None
    custom: msgspec.Raw = _NULL
    billing_address: Address | None = None
    shipping_address: Address | None = None


class Mark(Wire):
    """What is read of a row of any list that may be odd; without an id it is nobody's."""

    id: str
    version: Any = None
    created_at: Any = None
    last_modified_at: Any = None
    order_number: Any = None
    order_state: Any = None


class Page(Wire):
    """A page of a query, its results untouched."""

    results: list[msgspec.Raw]


class Count(Wire):
    """How many there are."""

    total: int


class Versioned(Wire):
    """The answer to a write, as far as it is used."""

    version: int


class CustomObject(Wire):
    """A custom object whose value is a JSON object."""

    version: int
    value: dict[str, Any]


class Channel(Wire):
    """A channel; `OrderExport` among its roles makes it fit for sync info."""

    id: str
    key: str
    roles: list[str]


class InventoryEntry(Wire):
    """What the storefront has of a SKU, in a supply channel or without one."""

    sku: str
    available_quantity: int
    supply_channel: Reference | None = None


class InventoryPage(Wire):
    """A page of inventory entries."""

    results: list[InventoryEntry]


class Person(Wire):
    """A reference to whoever changed something."""

    id: str | None = None


class ModifiedBy(Wire):
    """Who changed something last: an API client, somebody of the merchant's (`user`), a customer."""

    client_id: str | None = None
    user: Person | None = None
    external_user_id: str | None = None
    customer: Person | None = None
    associate: Person | None = None
    anonymous_id: str | None = None


class StockEntry(Wire):
    """An inventory entry, whole."""

    id: str
    version: int
    sku: str
    quantity_on_stock: int
    last_modified_at: str
    key: str | None = None
    expected_delivery: str | None = None
    supply_channel: Reference | None = None
    last_modified_by: ModifiedBy | None = None


class StockEntries(Wire):
    """A page of inventory entries, whole."""

    results: list[StockEntry]


class MessagesConfiguration(Wire):
    """Whether messages can be queried."""

    enabled: bool = False


class Project(Wire):
    """`GET /{projectKey}`, as far as it is used."""

    key: str
    version: int
    name: str = ""
    countries: list[str] = []
    currencies: list[str] = []
    languages: list[str] = []
    messages: MessagesConfiguration | None = None
    product_catalog_model: str | None = None


class ErrorItem(Wire):
    """One error; of the code-specific fields, only which field of ours is at fault."""

    code: str = ""
    message: str = ""
    field: Any = None


class ErrorBody(Wire):
    """An error answer, of the API or (`error`, `error_description`) of the authorisation server."""

    message: str = ""
    errors: list[ErrorItem] = []
    error: str = ""
    error_description: str = msgspec.field(default="", name="error_description")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """The authorisation server's answer; `expires_in` in seconds."""

    access_token: str
    expires_in: int
