"""Update actions on a product, each refused where commercetools refuses it (commercetools fact sheet §5.2).

An action takes a document and returns a new one, so that an update is all or nothing. Most change the staged data, and
the current data too only where they say `staged: false`. What must hold of the whole is judged after the last action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.sandbox.action_fields import Action, one_of, texts
from adapters.sandbox.orders import Wire, reference
from adapters.sandbox.product_drafts import (
    MASTER,
    ProductContext,
    attribute_value,
    check_scopes,
    flag,
    key_of,
    localized,
    prices,
    slugs,
    variant,
)
from adapters.sandbox.product_rules import datas_of, variants_of
from adapters.sandbox.refusals import Refusal, invalid_input, invalid_json

Change = Callable[[Wire], Wire]
"""From the data of a product, or from a variant, to what it is then; the same object where nothing changes."""

_SCOPES = ("All", "Prices")


def apply_product_action(product: Wire, action: object, context: ProductContext) -> Wire:
    """Return the product after one action; the same object if nothing changed.

    Raises:
        Refusal: 400 with the code commercetools gives.
    """
    if not isinstance(action, Mapping):
        raise invalid_json("actions: Object expected.")
    name = action.get("action")
    handler = _ACTIONS.get(name) if isinstance(name, str) else None
    if handler is None:
        raise invalid_json(f"actions: Invalid type value '{name}' in 'action'.")
    return handler(product, action, context)


def with_data(product: Wire, change: Change, *, staged: bool) -> Wire:
    """Return the product with its staged data changed, and its current data too unless `staged`."""
    data = product["masterData"]
    after = change(data["staged"])
    shared = data["current"] is data["staged"]
    current = data["current"] if staged else after if shared else change(data["current"])
    if after is data["staged"] and current is data["current"]:
        return product
    changed = {**data, "current": current, "staged": after, "hasStagedChanges": after != current}
    return {**product, "masterData": changed}


def with_variants(data: Wire, change: Change) -> Wire:
    """Return the data with every variant changed."""
    master, *others = [change(one) for one in variants_of(data)]
    changed = {**data, "masterVariant": master, "variants": others}
    return data if changed == data else changed


def with_field(document: Wire, field: str, value: object) -> Wire:
    """Return the document with another value of a field, or without it; the same object if nothing changed."""
    if document.get(field) == value:
        return document
    kept = {name: document[name] for name in document if name != field}
    return kept if value is None else kept | {field: value}


# Publishing.


def _publish(product: Wire, action: Action, context: ProductContext) -> Wire:
    if one_of({"scope": "All", **action}, "scope", _SCOPES) == "Prices":
        return _publish_prices(product)
    data = product["masterData"]
    if data["published"] and not data["hasStagedChanges"]:
        return product
    shown = {**data, "published": True, "hasStagedChanges": False, "current": data["staged"]}
    return {**product, "masterData": shown}


def _publish_prices(product: Wire) -> Wire:
    data = product["masterData"]
    if not data["published"]:
        raise _impossible("Prices are published of a published product only.")
    staged = {one["id"]: one["prices"] for one in variants_of(data["staged"])}
    current = with_variants(data["current"], lambda one: {**one, "prices": staged.get(one["id"], one["prices"])})
    differs = current != data["staged"]
    return {**product, "masterData": {**data, "current": current, "hasStagedChanges": differs}}


def _unpublish(product: Wire, action: Action, context: ProductContext) -> Wire:
    return {**product, "masterData": with_field(product["masterData"], "published", False)}


# Variants.


def _add_variant(product: Wire, action: Action, context: ProductContext) -> Wire:
    number = 1 + max(one["id"] for data in datas_of(product) for one in variants_of(data))
    added = variant(action, number, _definitions(product, context), context)
    return _in_data(product, action, lambda data: {**data, "variants": [*data["variants"], added]})


def _remove_variant(product: Wire, action: Action, context: ProductContext) -> Wire:
    gone = _number(product, action, "id")
    if gone == MASTER:
        raise _impossible("The master variant cannot be removed.")

    def without(data: Wire) -> Wire:
        return {**data, "variants": [one for one in data["variants"] if one["id"] != gone]}

    return _in_data(product, action, without)


def _set_sku(product: Wire, action: Action, context: ProductContext) -> Wire:
    new = texts(action, "sku").get("sku")
    number = _number(product, action)
    for data in datas_of(product):
        old = next((one.get("sku") for one in variants_of(data) if one["id"] == number), None)
        if old not in (None, new) and context.sku_is_stocked(str(old)):
            raise _impossible(f"The SKU '{old}' cannot be changed: it has an inventory entry.")
    return _in_variant(product, action, lambda one: with_field(one, "sku", new))


def _set_variant_key(product: Wire, action: Action, context: ProductContext) -> Wire:
    key = None if action.get("key") is None else key_of(action["key"])
    return _in_variant(product, action, lambda one: with_field(one, "key", key))


def _set_prices(product: Wire, action: Action, context: ProductContext) -> Wire:
    asked = prices(action.get("prices"), context)
    return _in_variant(product, action, lambda one: {**one, "prices": asked})


def _add_price(product: Wire, action: Action, context: ProductContext) -> Wire:
    [added] = prices([action.get("price")], context)

    def priced(one: Wire) -> Wire:
        held = [*one["prices"], added]
        check_scopes(held)
        return {**one, "prices": held}

    return _in_variant(product, action, priced)


def _set_attribute(product: Wire, action: Action, context: ProductContext) -> Wire:
    return _in_variant(product, action, _attribute_setter(product, action, context))


def _set_attribute_in_all(product: Wire, action: Action, context: ProductContext) -> Wire:
    setter = _attribute_setter(product, action, context)
    return _in_data(product, action, lambda data: with_variants(data, setter))


def _attribute_setter(product: Wire, action: Action, context: ProductContext) -> Change:
    name = texts(action, "name").get("name", "")
    value = attribute_value(name, action.get("value"), _definitions(product, context), "Variant", context)

    def set_in(one: Wire) -> Wire:
        held = {known["name"]: known["value"] for known in one["attributes"]} | {name: value}
        return {**one, "attributes": [{"name": key, "value": kept} for key, kept in held.items() if kept is not None]}

    return set_in


# The product itself.


def _change_name(product: Wire, action: Action, context: ProductContext) -> Wire:
    name = localized(action.get("name"), "name", context)
    return _in_data(product, action, lambda data: with_field(data, "name", name))


def _change_slug(product: Wire, action: Action, context: ProductContext) -> Wire:
    slug = slugs(action.get("slug"), context)
    return _in_data(product, action, lambda data: with_field(data, "slug", slug))


def _set_description(product: Wire, action: Action, context: ProductContext) -> Wire:
    given = action.get("description")
    text = None if given is None else localized(given, "description", context)
    return _in_data(product, action, lambda data: with_field(data, "description", text))


def _set_tax_category(product: Wire, action: Action, context: ProductContext) -> Wire:
    given = action.get("taxCategory")
    found = None if given is None else reference("tax-category", context.tax_category_named(given)["id"])
    return with_field(product, "taxCategory", found)


def _set_key(product: Wire, action: Action, context: ProductContext) -> Wire:
    return with_field(product, "key", None if action.get("key") is None else key_of(action["key"]))


# Where an action goes.


def _in_data(product: Wire, action: Action, change: Change) -> Wire:
    return with_data(product, change, staged=flag(action, "staged", default=True))


def _in_variant(product: Wire, action: Action, change: Change) -> Wire:
    number = _number(product, action)
    return _in_data(
        product, action, lambda data: with_variants(data, lambda one: change(one) if one["id"] == number else one)
    )


def _number(product: Wire, action: Action, field: str = "variantId") -> int:
    """Return the number of the variant an action names, by number or by SKU."""
    given = [name for name in (field, "sku") if action.get(name) is not None]
    if action.get("action") == "setSku":
        given = [name for name in given if name == field]
    if len(given) != 1:
        raise invalid_json(f"actions: either '{field}' or 'sku' is needed.")
    kind = "id" if given[0] == field else "sku"
    wanted = action[given[0]]
    found = next((one["id"] for one in variants_of(product["masterData"]["staged"]) if one.get(kind) == wanted), None)
    if found is None:
        raise invalid_input(f"The product has no variant with {kind} '{wanted}'.")
    return int(found)


def _definitions(product: Wire, context: ProductContext) -> list[Wire]:
    found = context.product_type_named({"id": product["productType"]["id"]})
    return list(found.get("attributes", ()))


def _impossible(message: str) -> Refusal:
    return Refusal(400, "InvalidOperation", message)


_ACTIONS: Mapping[str, Callable[[Wire, Action, ProductContext], Wire]] = {
    "publish": _publish,
    "unpublish": _unpublish,
    "addVariant": _add_variant,
    "removeVariant": _remove_variant,
    "setSku": _set_sku,
    "setAttribute": _set_attribute,
    "setAttributeInAllVariants": _set_attribute_in_all,
    "changeName": _change_name,
    "changeSlug": _change_slug,
    "setDescription": _set_description,
    "setTaxCategory": _set_tax_category,
    "setKey": _set_key,
    "setProductVariantKey": _set_variant_key,
    "setPrices": _set_prices,
    "addPrice": _add_price,
}
