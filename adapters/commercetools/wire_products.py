"""commercetools' products as they arrive, reduced to the fields that are used (commercetools fact sheet §5).

A product may have a hundred variants with a hundred prices each, and a page five hundred products: what is not used is
never made into an object, and prices are only counted.
"""

from __future__ import annotations

from typing import Any

import msgspec

from adapters.commercetools.wire import ModifiedBy, Reference, Wire


class Sight(Wire):
    """A variant as a list shows it."""

    id: int
    sku: str | None = None
    key: str | None = None
    prices: list[msgspec.Raw] | None = None


class Attribute(Wire):
    """An attribute's value, of whatever shape its type gives it."""

    name: str
    value: Any = None


class Variant(Sight):
    """A variant, whole."""

    attributes: list[Attribute] | None = None


class Projection(Wire):
    """One version of a product. In the Modular model variants are records of their own."""

    id: str
    version: int
    last_modified_at: str
    published: bool = False
    has_staged_changes: bool = False
    key: str | None = None
    name: dict[str, str] = msgspec.field(default_factory=dict)
    slug: dict[str, str] = msgspec.field(default_factory=dict)
    product_type: Reference | None = None
    tax_category: Reference | None = None
    price_mode: str | None = None
    master_variant: Sight | None = None
    variants: list[Sight] = msgspec.field(default_factory=list)


class Projections(Wire):
    """A page of projections."""

    results: list[Projection]


class Version(Wire):
    """The current or the staged version of a product."""

    name: dict[str, str] = msgspec.field(default_factory=dict)
    slug: dict[str, str] = msgspec.field(default_factory=dict)
    master_variant: Variant | None = None
    variants: list[Variant] = msgspec.field(default_factory=list)


class Versions(Wire):
    """Both versions of a product."""

    published: bool
    current: Version
    staged: Version


class Product(Wire):
    """A product, whole."""

    id: str
    version: int
    last_modified_at: str
    master_data: Versions
    key: str | None = None
    last_modified_by: ModifiedBy | None = None
    product_type: Reference | None = None
    tax_category: Reference | None = None
    price_mode: str | None = None


class Products(Wire):
    """A page of products."""

    results: list[Product]


class PriceRecord(Wire):
    """A price that is a record of its own; one that is not active is never chosen."""

    id: str
    sku: str
    active: bool = True


class PriceRecords(Wire):
    """A page of prices."""

    results: list[PriceRecord]


class EnumValue(Wire):
    """A value that an enumeration allows."""

    key: str


class AttributeType(Wire):
    """An attribute's type; a set names that of its elements."""

    name: str
    values: list[EnumValue] = msgspec.field(default_factory=list)
    element_type: AttributeType | None = None


class AttributeDefinition(Wire):
    """An attribute of a product type."""

    name: str
    type: AttributeType
    is_required: bool = False
    attribute_constraint: str = "None"
    level: str = "Variant"


class ProductType(Wire):
    """A product type."""

    id: str
    key: str | None = None
    attributes: list[AttributeDefinition] = msgspec.field(default_factory=list)
