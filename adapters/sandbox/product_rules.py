"""What must hold of a product as a whole before it is kept: what nobody else may have, and what its type asks.

Facts: commercetools fact sheet §5.1; the codes are those of the official OpenAPI.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from adapters.sandbox.orders import Wire, reference
from adapters.sandbox.product_drafts import ProductContext, invalid_field
from adapters.sandbox.refusals import Refusal, invalid_input

_MOST_VARIANTS = 100


def check_product(product: Wire, product_type: Wire, context: ProductContext) -> None:
    """Judge a product as it is going to be.

    Raises:
        Refusal: 400; `DuplicateField` for a SKU, a slug or a key of another product (or of two variants),
            `RequiredField` for an attribute its type requires, `InvalidField`, `DuplicateAttributeValue` or
            `DuplicateAttributeValues` for one of its constraints.
    """
    if "key" in product:
        _check_owner(product["id"], "key", product["key"], "key", context)
    for data in datas_of(product):
        _check_variants(product["id"], data, context)
        for slug in data["slug"].values():
            _check_owner(product["id"], "slug", slug, "slug", context)
        _check_attributes(data, product_type.get("attributes", ()))


def datas_of(product: Wire) -> list[Wire]:
    """Return the staged data, and the current data where it is another."""
    data = product["masterData"]
    return [data["staged"]] if data["current"] is data["staged"] else [data["staged"], data["current"]]


def variants_of(data: Wire) -> Iterator[Wire]:
    """Return the variants, the master first."""
    yield data["masterVariant"]
    yield from data["variants"]


def _check_variants(product_id: str, data: Wire, context: ProductContext) -> None:
    if len(data["variants"]) >= _MOST_VARIANTS:
        raise invalid_input(f"A product has {_MOST_VARIANTS} variants at most.")
    seen = set()
    for variant in variants_of(data):
        field = "masterVariant.sku" if variant is data["masterVariant"] else "variants.sku"
        sku = variant.get("sku")
        if sku is None:
            continue
        if sku in seen:
            raise _duplicate(field, sku, product_id)
        seen.add(sku)
        _check_owner(product_id, "sku", sku, field, context)


def _check_owner(product_id: str, kind: str, value: str, field: str, context: ProductContext) -> None:
    owner = context.product_with(kind, value)
    if owner not in (None, product_id):
        raise _duplicate(field, value, str(owner))


def _duplicate(field: str, value: str, product_id: str) -> Refusal:
    message = f"A duplicate value '\"{value}\"' exists for field '{field}'."
    conflicting = reference("product", product_id)
    return Refusal(400, "DuplicateField", message, field=field, duplicateValue=value, conflictingResource=conflicting)


def _check_attributes(data: Wire, definitions: Sequence[Wire]) -> None:
    variants = [_values(variant) for variant in variants_of(data)]
    places = {"Product": [_values(data)], "Variant": variants}
    for definition in definitions:
        name = definition["name"]
        if definition["isRequired"] and not all(name in values for values in places[definition["level"]]):
            raise Refusal(400, "RequiredField", f"The attribute '{name}' is required.", field=name)
        _check_constraint(name, definition["attributeConstraint"], variants)
    combined = [one["name"] for one in definitions if one["attributeConstraint"] == "CombinationUnique"]
    twice = _twice([values.get(name) for name in combined] for values in variants) if combined else None
    if twice is not None:
        pairs = [{"name": name, "value": value} for name, value in zip(combined, twice, strict=True) if value]
        message = "Two variants have the same combination of attributes."
        raise Refusal(400, "DuplicateAttributeValues", message, attributes=pairs)


def _check_constraint(name: str, constraint: str, variants: Sequence[Wire]) -> None:
    given = [values[name] for values in variants if name in values]
    if constraint == "SameForAll" and any(values.get(name) != variants[0].get(name) for values in variants):
        raise invalid_field(name, given[-1], f"The attribute '{name}' is the same for all variants.")
    twice = _twice([value] for value in given) if constraint == "Unique" else None
    if twice is not None:
        message = f"Two variants have the same '{name}'."
        raise Refusal(400, "DuplicateAttributeValue", message, attribute={"name": name, "value": twice[0]})


def _values(holder: Wire) -> Wire:
    return {one["name"]: one["value"] for one in holder["attributes"]}


def _twice(rows: Iterable[list[object]]) -> list[object] | None:
    seen = set()
    for row in rows:
        written = json.dumps(row, sort_keys=True, default=str)
        if written in seen:
            return row
        seen.add(written)
    return None
