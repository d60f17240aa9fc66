"""The merchant's choices that decide how an order becomes a document: the part of the configuration the rules see."""

from __future__ import annotations

import msgspec


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the Cin7 service products that carry what no line can; a name may hold `{rule}`."""

    shipping: str = "Shipping"
    discount: str = "Discount"
    rounding: str = "Rounding"


class PostingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Mappings and names. `tax` maps "<country>/<name>", "<name>", "<rate>" or "none" to a Cin7 tax rule's name.

    `channels` maps a supply channel key ("" = none) to the Cin7 locations that feed it. `time_zone` is the IANA name of
    the books' zone where the configuration names one; empty: the one Cin7 reports.
    """

    customer: str
    location: str
    tax: dict[str, str]
    channels: dict[str, tuple[str, ...]] = {}
    charges: Charges = Charges()
    order_reference: str = "order-number"
    tolerance: int = 0
    time_zone: str = ""
