"""The merchant's choices that decide how an order becomes a document: the part of the configuration the rules see."""

from __future__ import annotations

import msgspec


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the Cin7 service products that carry what no line can; a name may hold `{rule}`."""

    shipping: str = "Shipping"
    discount: str = "Discount"
    rounding: str = "Rounding"


class ChargeRule(msgspec.Struct, frozen=True, kw_only=True):
    """`[mappings.charges]`: the service product of a custom line; a `tender` is paid with, not discounted."""

    product: str
    tender: bool = False


class CurrencyRule(msgspec.Struct, frozen=True, kw_only=True):
    """`[mappings.currencies]`: the customer of a currency, and its rate: `cin7-last`, `file:PATH` or a figure."""

    customer: str
    rate: str


class PostingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Mappings and names. `tax` maps "<country>/<name>", "<name>", "<rate>" or "none" to a Cin7 tax rule's name.

    `channels` maps a supply channel key ("" = none) to the Cin7 locations that feed it. `time_zone` is the IANA name of
    the books' zone where the configuration names one; empty: the one Cin7 reports. `discount_as` is charge, lines or
    auto. `slugs` maps custom lines, `gift_cards` what is sold as a debt (SKUs and slugs) to the service product it is
    sold as, `carriers` shipping methods to Cin7 carriers, `fields` custom fields to fields of the sale, `currencies`
    the order's currency. `rate_max_age` is in days; None: any age. `split_location` "": orders whose channels differ
    are held. `most_rows` is how many rows a document may have.
    """

    customer: str
    location: str
    tax: dict[str, str]
    channels: dict[str, tuple[str, ...]] = {}
    charges: Charges = Charges()
    order_reference: str = "order-number"
    tolerance: int = 0
    time_zone: str = ""
    customer_mode: str = "single"
    split_location: str = ""
    discount_as: str = "auto"
    slugs: dict[str, ChargeRule] = {}
    gift_cards: dict[str, str] = {}
    carriers: dict[str, str] = {}
    fields: dict[str, str] = {}
    currencies: dict[str, CurrencyRule] = {}
    rate_max_age: int | None = None
    most_rows: int = 200
