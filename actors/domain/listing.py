"""A product of the storefront as the catalogue sees it (commercetools fact sheet §5).

commercetools keeps two versions of each: *current*, which is what is sold while it is published, and *staged*, which is
what somebody is preparing. SKUs of the two may differ (§5.3).
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.domain.time import Instant

CLASSIC = "Classic"
MODULAR = "Modular"

STANDALONE = "Standalone"
"""The price mode under which prices are records of their own and stand on no variant."""


PRODUCT_LEVEL = "Product"
"""The level of an attribute that is one of the product as a whole; else each variant has its own."""


class ProjectModel(msgspec.Struct, frozen=True, kw_only=True):
    """What of the project decides how products are read and written. `catalogue` is an open string."""

    catalogue: str = CLASSIC
    languages: tuple[str, ...] = ()


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant. `id` counts from 1 within its product; `sku` "" is none. `prices` None: they are kept elsewhere."""

    id: int
    sku: str = ""
    key: str = ""
    prices: int | None = 0
    attributes: dict[str, Any] = {}


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A product projection: one of the two versions, with what is true of the product as a whole.

    `name` and `slug` are in the first language that has one. `tax_category` and `product_type` are ids ("" none).
    """

    id: str
    version: int
    modified_at: Instant
    published: bool
    staged_changes: bool = False
    key: str = ""
    name: str = ""
    slug: str = ""
    product_type: str = ""
    tax_category: str = ""
    price_mode: str = ""
    variants: tuple[Variant, ...] = ()


class ListedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product read whole: both versions, and who changed it last (a client id or a user id; "" unknown).

    `names` and `slugs` are those of the staged version, by language.
    """

    id: str
    version: int
    modified_at: Instant
    published: bool
    key: str = ""
    modified_by: str = ""
    product_type: str = ""
    tax_category: str = ""
    names: dict[str, str] = {}
    slugs: dict[str, str] = {}
    current: tuple[Variant, ...] = ()
    staged: tuple[Variant, ...] = ()

    @property
    def skus(self) -> frozenset[str]:
        """Every SKU of either version."""
        return frozenset(variant.sku for variant in (*self.current, *self.staged) if variant.sku)


class AttributeDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute of a product type. `kind` is its type's name (text, ltext, number, enum, …; open string).

    `values` are the keys an enumeration allows. `many`: a set of that kind. `constraint`: None, Unique,
    CombinationUnique or SameForAll. `level`: Product or Variant.
    """

    name: str
    kind: str
    required: bool = False
    many: bool = False
    values: tuple[str, ...] = ()
    constraint: str = "None"
    level: str = "Variant"


class ProductType(msgspec.Struct, frozen=True, kw_only=True):
    """A product type: what attributes its products have."""

    id: str
    key: str
    attributes: tuple[AttributeDefinition, ...] = ()


class DraftVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant to be made. Attribute values are as the wire takes them."""

    sku: str
    key: str
    attributes: dict[str, Any] = {}


class ProductDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /products` is told: never published (§5.1). The first variant is the master."""

    key: str
    product_type: str
    names: dict[str, str]
    slugs: dict[str, str]
    variants: tuple[DraftVariant, ...]
    tax_category: str = ""


class AddVariant(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A variant more, staged."""

    variant: DraftVariant


class SetAttribute(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One attribute of one variant, staged. `value` None takes it away."""

    variant_id: int
    name: str
    value: Any


class SetTaxCategory(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The tax category of a product that has none (it has no staged version)."""

    key: str


DraftAction = AddVariant | SetAttribute | SetTaxCategory
"""What may be changed about a product: nothing of it publishes, and nothing of it is content."""
