"""Between commercetools' products and ours (commercetools fact sheet §5).

Nothing that is written publishes: a draft is made unpublished, and what is changed about one is staged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from actors.domain.listing import (
    CLASSIC,
    STANDALONE,
    AddVariant,
    AttributeDefinition,
    DraftAction,
    DraftVariant,
    ListedProduct,
    Listing,
    ProductDraft,
    ProductType,
    ProjectModel,
    SetAttribute,
    SetTaxCategory,
    Variant,
)
from adapters.commercetools import wire, wire_products
from adapters.commercetools.changes import instant, who
from adapters.commercetools.localised import in_locale

Payload = dict[str, Any]

UNPUBLISH: tuple[Payload, ...] = ({"action": "unpublish"},)


# Reading.


def project_model(found: wire.Project) -> ProjectModel:
    """Read the catalogue model and the languages; a project that names no model is Classic."""
    return ProjectModel(catalogue=found.product_catalog_model or CLASSIC, languages=tuple(found.languages))


def listing(found: wire_products.Projection) -> Listing:
    """Read a projection; attributes of its variants are not told.

    Raises:
        ValueError: an instant is none.
    """
    return Listing(
        id=found.id,
        version=found.version,
        modified_at=instant(found.last_modified_at, "lastModifiedAt"),
        published=found.published,
        staged_changes=found.has_staged_changes,
        key=found.key or "",
        name=_first(found.name),
        slug=_first(found.slug),
        product_type=_id(found.product_type),
        tax_category=_id(found.tax_category),
        price_mode=found.price_mode or "",
        variants=_variants(found.master_variant, found.variants, found.price_mode),
    )


def product(found: wire_products.Product) -> ListedProduct:
    """Read a product.

    Raises:
        ValueError: an instant is none.
    """
    current, staged = found.master_data.current, found.master_data.staged
    return ListedProduct(
        id=found.id,
        version=found.version,
        modified_at=instant(found.last_modified_at, "lastModifiedAt"),
        published=found.master_data.published,
        key=found.key or "",
        modified_by=who(found.last_modified_by),
        product_type=_id(found.product_type),
        tax_category=_id(found.tax_category),
        names=staged.name,
        slugs=staged.slug,
        current=_variants(current.master_variant, current.variants, found.price_mode),
        staged=_variants(staged.master_variant, staged.variants, found.price_mode),
    )


def product_type(found: wire_products.ProductType, key: str) -> ProductType:
    """Read a product type that was asked for by its key."""
    return ProductType(id=found.id, key=key, attributes=tuple(_definition(one) for one in found.attributes))


def _definition(found: wire_products.AttributeDefinition) -> AttributeDefinition:
    element = found.type.element_type
    kind = found.type if element is None else element
    return AttributeDefinition(
        name=found.name,
        kind=kind.name,
        required=found.is_required,
        many=element is not None,
        values=tuple(one.key for one in kind.values),
        constraint=found.attribute_constraint,
        level=found.level,
    )


def _variants(
    master: wire_products.Sight | None, others: Sequence[wire_products.Sight], price_mode: str | None
) -> tuple[Variant, ...]:
    found = [*([] if master is None else [master]), *others]
    return tuple(_variant(one, price_mode) for one in found)


def _variant(found: wire_products.Sight, price_mode: str | None) -> Variant:
    attributes = found.attributes or () if isinstance(found, wire_products.Variant) else ()
    return Variant(
        id=found.id,
        sku=found.sku or "",
        key=found.key or "",
        prices=None if price_mode == STANDALONE else len(found.prices or ()),
        attributes={one.name: one.value for one in attributes},
    )


def _first(texts: Mapping[str, str]) -> str:
    return in_locale({language: text for language, text in texts.items() if text}, None)


def _id(reference: wire.Reference | None) -> str:
    return "" if reference is None else reference.id


# Writing.


def draft(made: ProductDraft) -> Payload:
    """Write the body of `POST /products`.

    Raises:
        ValueError: there is no variant.
    """
    if not made.variants:
        raise ValueError("no variant")
    master, *others = (_variant_draft(one) for one in made.variants)
    return {
        "key": made.key,
        "productType": {"typeId": "product-type", "key": made.product_type},
        "name": made.names,
        "slug": made.slugs,
        "masterVariant": master,
        "variants": others,
        **(_tax_category(made.tax_category) if made.tax_category else {}),
        "publish": False,
    }


def actions(wanted: Sequence[DraftAction]) -> list[Payload]:
    """Write the actions of an update, in their order.

    Raises:
        ValueError: there are none.
    """
    if not wanted:
        raise ValueError("no action")
    return [_action(one) for one in wanted]


def _action(wanted: DraftAction) -> Payload:
    match wanted:
        case AddVariant():
            return {"action": "addVariant", **_variant_draft(wanted.variant), "staged": True}
        case SetAttribute():
            value = {} if wanted.value is None else {"value": wanted.value}  # without one it is taken away
            named = {"variantId": wanted.variant_id, "name": wanted.name}
            return {"action": "setAttribute", **named, **value, "staged": True}
        case SetTaxCategory():
            return {"action": "setTaxCategory", **_tax_category(wanted.key)}
        case _:
            assert_never(wanted)


def _variant_draft(made: DraftVariant) -> Payload:
    attributes = [{"name": name, "value": value} for name, value in made.attributes.items()]
    return {"sku": made.sku, "key": made.key, "attributes": attributes}


def _tax_category(key: str) -> Payload:
    return {"taxCategory": {"typeId": "tax-category", "key": key}}
