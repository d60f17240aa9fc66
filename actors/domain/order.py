"""A commercetools order as tallyd thinks of it: the figures copied, the names shortened, nothing recomputed.

Amounts are integer minor units of `currency` (whose `digits` say how many decimals that is). Enumerations stay open
strings, since commercetools adds values without notice (commercetools fact sheet §3.3).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.domain.time import Instant


class SubRate(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a rate (US state, county): the order's portions carry these names, not the rate's."""

    name: str
    rate: Decimal


class TaxRate(msgspec.Struct, frozen=True, kw_only=True):
    """The rate on an item. `rate` is a fraction: 0.2 is twenty percent; with `sub_rates` it is their sum."""

    name: str
    rate: Decimal
    included: bool
    country: str | None = None
    sub_rates: tuple[SubRate, ...] = ()


class Taxed(msgspec.Struct, frozen=True, kw_only=True):
    """`taxedPrice` of an item: net and gross in minor units."""

    net: int
    gross: int


class TaxPortion(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the order's `taxPortions`."""

    rate: Decimal
    amount: int
    name: str | None = None


class TaxedTotal(msgspec.Struct, frozen=True, kw_only=True):
    """`taxedPrice` of the order."""

    net: int
    gross: int
    portions: tuple[TaxPortion, ...]
    tax: int | None = None


class PriceGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `discountedPricePerQuantity`: so many pieces at this unit price."""

    quantity: int
    unit_minor: int
    high_precision: bool = False


class Travel(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a line go with one of several shipments."""

    shipping_key: str
    quantity: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line item. `unit_minor` is the effective price before price groups; `list_minor` the undiscounted one.

    `method_rates` are the distinct rates of the shipping methods it travels by (`shippingMode: Multiple`); `tax_rate`
    is then the one they agree on, or None. `travels` says which units go with which of them, in their order.
    `ordered_as` is what the order itself calls the SKU, where a person at the desk had it sold as another one.
    """

    id: str
    sku: str | None
    name: str
    quantity: int
    unit_minor: int
    list_minor: int
    total: int
    currency: str
    high_precision: bool = False
    groups: tuple[PriceGroup, ...] = ()
    tax_rate: TaxRate | None = None
    taxed: Taxed | None = None
    price_mode: str = "Platform"
    mode: str = "Standard"
    supply_channel: str | None = None
    inventory_mode: str | None = None
    method_rates: tuple[TaxRate, ...] = ()
    travels: tuple[Travel, ...] = ()
    ordered_as: str | None = None


class CustomLine(msgspec.Struct, frozen=True, kw_only=True):
    """A custom line item; `total` may be negative."""

    id: str
    slug: str
    name: str
    quantity: int
    unit_minor: int
    total: int
    tax_rate: TaxRate | None = None
    taxed: Taxed | None = None
    method_rates: tuple[TaxRate, ...] = ()


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """One shipment's price: `price` as listed, `discounted` where a discount applies."""

    method: str
    price: int
    discounted: int | None = None
    tax_rate: TaxRate | None = None
    taxed: Taxed | None = None
    key: str | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel of a delivery: units by line, carrier and number ("": none). `key` "": somebody else's, without one."""

    key: str
    items: dict[str, int] = {}
    carrier: str = ""
    tracking: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as the order shows it: units by line. `shipping_key`: which of several shipments it belongs to."""

    key: str
    items: dict[str, int]
    parcels: tuple[Parcel, ...] = ()
    shipping_key: str | None = None


class ReturnItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that come back, or are back; states as commercetools writes them (fact sheet §3.3)."""

    id: str
    key: str
    line_id: str
    quantity: int
    state: str
    payment_state: str = ""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A payment's transaction; type and state as commercetools writes them.

    `interaction_id` is the payment provider's own name for it, "" where it gave none. `at` is when it happened, None
    where the provider did not say.
    """

    type: str
    state: str
    amount: int
    currency: str
    id: str = ""
    interaction_id: str = ""
    at: Instant | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of the order, when it was expanded. `interface` is who handles it, `method` what was paid with."""

    id: str
    interface: str = ""
    method: str = ""
    transactions: tuple[Transaction, ...] = ()


class SyncMark(msgspec.Struct, frozen=True, kw_only=True):
    """A `syncInfo` entry: which export channel, and what it says the order became."""

    channel_id: str
    external_id: str | None
    synced_at: Instant
    channel_key: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Personal data: lives only in memory and in the encrypted table. Only `country` (ISO code) is guaranteed."""

    country: str
    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    phone: str = ""
    email: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The order, read once, as of `version`.

    `discount_net` and `discount_gross` are what the total-price discount took off net and gross, where the order says.
    `custom` are its custom fields as texts (dates as ISO 8601); they, like names and addresses, are about people.
    `note` is what a person at the desk wrote for the sale's note, in the place of what the order would give it.
    """

    id: str
    version: int
    created_at: Instant
    modified_at: Instant
    currency: str
    digits: int
    total: int
    state: str
    number: str | None = None
    payment_state: str | None = None
    shipment_state: str | None = None
    workflow_state: str | None = None
    store: str | None = None
    country: str | None = None
    taxed: TaxedTotal | None = None
    tax_mode: str = "Platform"
    tax_rounding: str = "HalfEven"
    tax_calculation: str = "LineItemLevel"
    price_rounding: str = "HalfEven"
    inventory_mode: str | None = None
    shipping_mode: str = "Single"
    lines: tuple[Line, ...] = ()
    custom_lines: tuple[CustomLine, ...] = ()
    shipping: tuple[Shipping, ...] = ()
    discount_on_total: int | None = None
    discount_net: int | None = None
    discount_gross: int | None = None
    taxed_shipping: Taxed | None = None
    payments: tuple[Payment, ...] = ()
    payments_expanded: bool = True
    sync: tuple[SyncMark, ...] = ()
    customer_id: str | None = None
    purchase_order: str = ""
    custom: dict[str, str] = {}
    email: str = ""
    billing: Address | None = None
    shipping_address: Address | None = None
    deliveries: tuple[Delivery, ...] = ()
    returns: tuple[ReturnItem, ...] = ()
    note: str | None = None

    @property
    def payable(self) -> int:
        """What the customer owes in minor units: the taxed gross where there is one, else the total."""
        return self.taxed.gross if self.taxed is not None else self.total

    @property
    def shown_as(self) -> str:
        """What people call it: the order number, else the id."""
        return self.number or self.id
