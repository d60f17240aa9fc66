"""How one SKU stands on both sides: matched exactly or not at all, and what is odd about it. Pure.

A SKU matches where both sides hold it exactly, character for character. Look-alikes are named and never merged (K3).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from actors.domain.item import FIT_STATUS

DEPRECATED = "Deprecated"
SERVICE = "Service"

MOST_NEAR = 5
"""So many look-alikes are named."""


class Match(StrEnum):
    """On which sides a SKU is."""

    MATCHED = "matched"
    ONLY_CIN7 = "only_cin7"
    ONLY_COMMERCETOOLS = "only_commercetools"


class Flag(StrEnum):
    """What is odd about a SKU. The first three are Cin7 Core's business, the next three the storefront's."""

    DEPRECATED = "deprecated"
    NOT_SELLABLE = "not_sellable"
    DUPLICATE = "duplicate"
    NOT_PUBLISHED = "not_published"
    NO_TAX_CATEGORY = "no_tax_category"
    NO_PRICE = "no_price"
    NEAR_MISS = "near_miss"  # a SKU of the other side looks like this one, and this one has no match
    COLLISION = "collision"  # two SKUs of one side look alike
    MAPPED = "mapped"  # a mapping names what it is sold as in Cin7 Core


class ItemFact(msgspec.Struct, frozen=True, kw_only=True):
    """An item of Cin7 Core that has the SKU."""

    id: str
    status: str
    sellable: bool
    type: str

    @property
    def for_sale(self) -> bool:
        """True when it may stand on a sale."""
        return self.status == FIT_STATUS and self.sellable


class VariantFact(msgspec.Struct, frozen=True, kw_only=True):
    """A variant of the storefront that has the SKU. `live`: it is of the current version of a published product.

    `prices` None: nobody knows.
    """

    product_id: str
    live: bool
    taxed: bool
    prices: int | None


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How a SKU stands. `published`: it can be bought now. `near` are SKUs that look like it."""

    sku: str
    match: Match
    flags: frozenset[Flag] = frozenset()
    near: tuple[str, ...] = ()
    published: bool = False
    item_id: str = ""
    product_id: str = ""


def judge(
    sku: str,
    items: Sequence[ItemFact],
    variants: Sequence[VariantFact],
    *,
    near_items: Sequence[str] = (),
    near_variants: Sequence[str] = (),
    mapped: bool = False,
) -> Coverage | None:
    """Judge one SKU; None where neither side has it for sale. `near_*` are others of each side of the same normal form.

    `mapped`: a mapping says what it is sold as (a gift card), so it needs no item of its own. A service product of Cin7
    Core (shipping, a discount) is no goods: it counts only where the storefront has its SKU.
    """
    goods = [item for item in items if variants or item.type != SERVICE]
    if not goods and not variants:
        return None
    match = Match.MATCHED if mapped and variants else _match(items, variants)
    live = [variant for variant in variants if variant.live]
    across = {Match.ONLY_CIN7: near_variants, Match.ONLY_COMMERCETOOLS: near_items, Match.MATCHED: ()}[match]
    same = [*(near_items if items else ()), *(near_variants if variants else ())]
    found = {
        Flag.DUPLICATE: _repeated(items, variants),
        Flag.DEPRECATED: any(item.status == DEPRECATED for item in items),
        Flag.NOT_SELLABLE: any(not item.for_sale and item.status != DEPRECATED for item in items),
        Flag.NOT_PUBLISHED: bool(variants) and not live,
        Flag.NO_TAX_CATEGORY: any(not variant.taxed for variant in variants),
        Flag.NO_PRICE: any(variant.prices == 0 for variant in live or variants),
        Flag.NEAR_MISS: bool(across),
        Flag.COLLISION: bool(same),
        Flag.MAPPED: mapped and not items,
    }
    return Coverage(
        sku=sku,
        match=match,
        flags=frozenset(flag for flag, holds in found.items() if holds),
        near=tuple(dict.fromkeys((*across, *same)))[:MOST_NEAR],
        published=bool(live),
        item_id=min((item.id for item in items), default=""),
        product_id=min((one.product_id for one in live or variants), default=""),
    )


def _match(items: Sequence[ItemFact], variants: Sequence[VariantFact]) -> Match:
    if items and variants:
        return Match.MATCHED
    return Match.ONLY_CIN7 if items else Match.ONLY_COMMERCETOOLS


def _repeated(items: Sequence[ItemFact], variants: Sequence[VariantFact]) -> bool:
    """One SKU on several records of one side; both versions of one product are one record."""
    return len({item.id for item in items}) > 1 or len({variant.product_id for variant in variants}) > 1


def suggestion(sku: str, *, near: Sequence[str], renamed_to: str = "", family: str = "") -> str:
    """Say what an unmatched SKU of the storefront probably should be; "" where nothing is near.

    `renamed_to`: Cin7 Core's item was called so before, and has this SKU now. `family`: it is the SKU of a family.
    """
    if renamed_to:
        return f"the item was renamed in Cin7 Core: it is {renamed_to!r} now"
    if near:
        others = ", ".join(repr(one) for one in near)
        return f"it looks like {others} of Cin7 Core, but is not written the same"
    if family:
        return f"it is the SKU of the family {family!r} in Cin7 Core; a variant needs that of one of its products"
    return f"nothing in Cin7 Core looks like {sku!r}: create the item, or take the product off the storefront"
