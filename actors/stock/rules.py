"""`[stock]`, and the pure rules that follow from it: what is stock at all, and what of it is kept back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

from actors.domain.facts import Product

DAY = 86_400_000

ALWAYS_DROP_SHIP = "Always Drop Ship"


class StockRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[stock]`, durations in milliseconds. `channels`: the locations that feed each supply channel ("": none).

    `buffers` are by SKU or category, `channel_buffers` by channel. `wanted`: readings a raise needs. `sweep`: how often
    changed entries are read. `mass_zero_least`: so many SKUs may always go to zero in a pass. `gift_cards` are SKUs
    that are sold as a debt.
    """

    channels: Mapping[str, tuple[str, ...]]
    enabled: bool = True
    snapshot: int = 900_000
    buffer: int = 0
    buffers: Mapping[str, int] = {}
    channel_buffers: Mapping[str, int] = {}
    wanted: int = 2
    trueup_max: int = 3_600_000
    kits: bool = True
    below_zero: frozenset[str] = frozenset()
    gift_cards: frozenset[str] = frozenset()
    max_age: int = 3_600_000
    stale_policy: Literal["keep", "zero", "buffer"] = "keep"
    stale_buffer: int = 1
    mass_zero_percent: float = 2
    mass_zero_least: int = 5
    create_missing: bool = True
    sweep: int = 60_000
    concurrency: int = 8
    retain: int = 400 * DAY
    shadow: bool = False


class Standing(StrEnum):
    """What a SKU is to stock. Only the first three have entries we write."""

    STOCK = "stock"
    KIT = "kit"
    RETIRED = "retired"  # deprecated or not sellable: 0
    KIT_LEFT = "kit left alone"
    SERVICE = "service"
    DROP_SHIP = "drop-ship"
    UNKNOWN = "unknown"

    @property
    def ours(self) -> bool:
        """True where we write."""
        return self in (Standing.STOCK, Standing.KIT, Standing.RETIRED)


def standing_of(product: Product | None, rules: StockRules) -> Standing:
    """Say what a SKU is. A type nobody knows is left alone, like a SKU Cin7 has not; a gift card is no goods."""
    if product is None:
        return Standing.UNKNOWN
    if product.type == "Service" or product.sku in rules.gift_cards:
        return Standing.SERVICE
    if product.type != "Stock":
        return Standing.UNKNOWN
    if product.drop_ship == ALWAYS_DROP_SHIP:
        return Standing.DROP_SHIP
    if product.parts and not rules.kits:
        return Standing.KIT_LEFT
    if product.status == "Deprecated" or not product.sellable:
        return Standing.RETIRED
    return Standing.KIT if product.parts else Standing.STOCK


def buffer_of(rules: StockRules, sku: str, category: str, channel: str) -> int:
    """Return the units kept back of a SKU on a channel: its own, else its category's, the channel's, or everybody's."""
    for kept, name in ((rules.buffers, sku), (rules.buffers, category), (rules.channel_buffers, channel)):
        if name in kept:
            return kept[name]
    return rules.buffer
