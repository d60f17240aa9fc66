"""What programs write of a product, read: texts by language, variants, attributes, prices (fact sheet §5.1).

An attribute must be one the product's type defines, and of its kind. Of an enumeration the key is sent, and the value
with its label kept. Raises `Refusal` where a field is not what it must be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Protocol

from adapters.sandbox.action_fields import Action, objects, one_of, records, texts
from adapters.sandbox.orders import Wire, money, reference
from adapters.sandbox.predicates import PredicateError, canonical_instant
from adapters.sandbox.refusals import Refusal, invalid_input, invalid_json

MASTER = 1
"""The number of the master variant."""

_KEY = re.compile(r"[A-Za-z0-9_-]{2,256}")
_MOST_PRICES = 100
_PRICE_MODES = ("Embedded", "Standalone")
_PRICE_SCOPE = ("country", "customerGroup", "channel", "validFrom", "validUntil")


class ProductContext(Protocol):
    """What a draft or an action may ask of the shop."""

    languages: Sequence[str]

    def product_type_named(self, identifier: object) -> Wire:
        """Find a product type by a resource identifier (id or key). Raises `Refusal`."""
        ...

    def tax_category_named(self, identifier: object) -> Wire:
        """Find a tax category by a resource identifier (id or key). Raises `Refusal`."""
        ...

    def sku_is_stocked(self, sku: str) -> bool:
        """Say whether a SKU has an inventory entry."""
        ...

    def product_with(self, field: str, value: str) -> str | None:
        """Return the id of the product that has this `sku`, `slug` or `key`, in its current or its staged data."""
        ...

    def new_price_id(self) -> str:
        """Return a new id for an embedded price."""
        ...


def drafted_product(draft: Action, context: ProductContext) -> Wire:
    """Read the body of `POST /products` into the fields of a product, unpublished.

    Raises:
        Refusal: 400 with the code commercetools gives.
    """
    product_type = context.product_type_named(_required(draft, "productType"))
    definitions = product_type.get("attributes", ())
    name = localized(_required(draft, "name"), "name", context)
    data: Wire = {"name": name, "slug": slugs(_required(draft, "slug"), context)}
    if draft.get("description") is not None:
        data["description"] = localized(draft["description"], "description", context)
    if draft.get("categories"):
        raise Refusal(400, "ReferencedResourceNotFound", "There are no categories.", typeId="category")
    data |= {"categories": [], "searchKeywords": {}}
    data["attributes"] = attributes(draft.get("attributes") or [], definitions, "Product", context)
    drafts = [
        objects(draft, "masterVariant").get("masterVariant", {}),
        *records(draft.get("variants") or [], "variants"),
    ]
    made = [variant(one, number, definitions, context) for number, one in enumerate(drafts, MASTER)]
    data |= {"masterVariant": made[0], "variants": made[1:]}
    fields: Wire = {"productType": reference("product-type", product_type["id"])}
    if draft.get("key") is not None:
        fields["key"] = key_of(draft["key"])
    if draft.get("taxCategory") is not None:
        found = context.tax_category_named(draft["taxCategory"])
        fields["taxCategory"] = reference("tax-category", found["id"])
    fields["priceMode"] = one_of({"priceMode": "Embedded", **draft}, "priceMode", _PRICE_MODES)
    published = flag(draft, "publish", default=False)
    fields["masterData"] = {"published": published, "hasStagedChanges": False, "current": data, "staged": data}
    return fields


def variant(draft: Action, number: int, definitions: Sequence[Wire], context: ProductContext) -> Wire:
    """Read a variant. Raises `Refusal`."""
    made: Wire = {"id": number, **texts(draft, "sku")}
    if draft.get("key") is not None:
        made["key"] = key_of(draft["key"])
    return made | {
        "prices": prices(draft.get("prices") or [], context),
        "images": records(draft.get("images") or [], "images"),
        "attributes": attributes(draft.get("attributes") or [], definitions, "Variant", context),
        "assets": [],
    }


def localized(value: object, field: str, context: ProductContext) -> dict[str, str]:
    """Read texts by language, each of which the project has. Raises `Refusal`."""
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise invalid_json(f"{field}: Object of texts expected.")
    for language in value:
        if language not in context.languages:
            message = f"The language '{language}' of '{field}' is not one of the project's."
            raise invalid_field(field, language, message, allowedValues=list(context.languages))
    return dict(value)


def slugs(value: object, context: ProductContext) -> dict[str, str]:
    """Read slugs by language. Raises `Refusal`."""
    found = localized(value, "slug", context)
    for slug in found.values():
        if not _KEY.fullmatch(slug):
            raise invalid_field("slug", slug, f"The slug '{slug}' does not match [a-zA-Z0-9_-]{{2,256}}.")
    return found


def key_of(value: object) -> str:
    """Read a key. Raises `Refusal`."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise invalid_field("key", value, f"The key '{value}' does not match [A-Za-z0-9_-]{{2,256}}.")
    return value


def flag(fields: Action, name: str, *, default: bool) -> bool:
    """Read a boolean. Raises `Refusal`."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid_json(f"{name}: Boolean expected.")
    return default if value is None else value


def attributes(given: object, definitions: Sequence[Wire], level: str, context: ProductContext) -> list[Wire]:
    """Read attributes of a product or of a variant (`level`). Raises `Refusal`."""
    found = {}
    for one in records(given, "attributes"):
        name = texts(one, "name").get("name", "")
        found[name] = attribute_value(name, one.get("value"), definitions, level, context)
    return [{"name": name, "value": value} for name, value in found.items() if value is not None]


def attribute_value(
    name: str, value: object, definitions: Sequence[Wire], level: str, context: ProductContext
) -> object:
    """Read the value of one attribute; None where it is none. Raises `Refusal`."""
    kind = next((one["type"] for one in definitions if (one["name"], one["level"]) == (name, level)), None)
    if kind is None:
        raise invalid_field(name, value, f"The product type defines no attribute '{name}' of a {level.lower()}.")
    if value is None:
        return None
    try:
        return _read(value, kind, context)
    except (ValueError, PredicateError) as problem:
        raise invalid_field(name, value, f"The value of '{name}' is no {kind['name']}: {problem}") from problem


def prices(given: object, context: ProductContext) -> list[Wire]:
    """Read embedded prices; one for each scope. Raises `Refusal`."""
    found = [_price(one, context) for one in records(given, "prices")]
    if len(found) > _MOST_PRICES:
        raise invalid_input(f"A variant has {_MOST_PRICES} prices at most.")
    check_scopes(found)
    return found


def check_scopes(found: Sequence[Wire]) -> None:
    """Refuse two prices of a variant for the same scope. Raises `Refusal`."""
    for index, price in enumerate(found):
        if any(_scope(price) == _scope(other) for other in found[:index]):
            message = "Another price of the variant has the same scope."
            raise Refusal(400, "DuplicatePriceScope", message, conflictingPrice=price)


def invalid_field(field: str, value: object, message: str, **more: object) -> Refusal:
    """A field's value is not one it may have."""
    return Refusal(400, "InvalidField", message, field=field, invalidValue=value, **more)


def _required(draft: Action, field: str) -> object:
    if draft.get(field) is None:
        raise invalid_json(f"{field}: Missing required value")
    return draft[field]


def _price(draft: Action, context: ProductContext) -> Wire:
    value = objects(draft, "value").get("value", {})
    currency, minor = value.get("currencyCode"), value.get("centAmount")
    if not isinstance(currency, str) or not isinstance(minor, int):
        raise invalid_json("prices -> value: 'currencyCode' and 'centAmount' expected.")
    kept = {field: draft[field] for field in ("key", *_PRICE_SCOPE) if draft.get(field) is not None}
    return {"id": context.new_price_id(), "value": money(minor, currency), **kept}


def _scope(price: Wire) -> list[object]:
    return [price["value"]["currencyCode"], *(price.get(field) for field in _PRICE_SCOPE)]


def _read(value: Any, kind: Wire, context: ProductContext) -> object:
    """Read a value of a kind of attribute. Raises ValueError and PredicateError."""
    match kind["name"]:
        case "ltext":
            if not isinstance(value, Mapping) or not value.keys() <= set(context.languages):
                raise ValueError("texts in languages of the project are expected")
            return dict(value)
        case "enum" | "lenum":
            return _choice(value, kind["values"])
        case "set":
            if not isinstance(value, list):
                raise ValueError("a list is expected")
            return [_read(one, kind["elementType"], context) for one in value]
    expected: type | tuple[type, ...] = _PYTHON[kind["name"]]
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise ValueError(f"'{value}'")
    if isinstance(value, str) and kind["name"] in _FORMATS:
        _FORMATS[kind["name"]](value)
    return value


def _choice(value: object, allowed: Sequence[Wire]) -> Wire:
    key = value.get("key") if isinstance(value, Mapping) else value
    found = next((one for one in allowed if one["key"] == key), None)
    if found is None:
        raise ValueError(f"'{key}' is not one of its values")
    return found


_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, Decimal),
    "boolean": bool,
    "date": str,
    "datetime": str,
    "time": str,
    "money": dict,
    "reference": dict,
    "nested": dict,
}
_FORMATS: Mapping[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": canonical_instant,
}
