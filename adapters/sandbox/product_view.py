"""How products are shown: as projections of one side, and as the shop's items that nobody has touched (fact sheet §5).

Also what goes with a product: its type, its tax category, a price of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from adapters.sandbox.catalogue import CURRENCY, Item
from adapters.sandbox.orders import Wire, money, reference, stable_id
from adapters.sandbox.product_drafts import MASTER

DEFAULT_TYPE = "default"
"""The key of the type all the shop's items are of."""

DEFAULT_ATTRIBUTES: tuple[Wire, ...] = tuple(
    {"name": name, "type": {"name": "text"}} for name in ("barcode", "size", "colour", "brand")
)
"""What that type defines; nothing of it is required."""

STANDARD_TAX = "standard"
_NOT_PROJECTED = ("masterData", "createdBy", "lastModifiedBy")
_TAX_KEYS = {20: STANDARD_TAX, 5: "reduced", 0: "zero"}
VARIANTS = ("masterVariant", "variants")
"""Where the variants of a product stand."""


def tax_key(percent: int) -> str:
    """Name the tax category of a rate."""
    return _TAX_KEYS.get(percent, f"vat-{percent}")


def item_product(item: Item, names: Mapping[str, str], *, language: str, at: str, author: Mapping[str, object]) -> Wire:
    """Return the product an item is: published, one variant, unchanged since `at`. `names`: its id, slug and key."""
    data = product_data({language: item.name}, {language: names["slug"]}, item_variant(item))
    return {
        "id": names["id"],
        "version": 1,
        "createdAt": at,
        "lastModifiedAt": at,
        "createdBy": author,
        "lastModifiedBy": author,
        **({"key": names["key"]} if "key" in names else {}),
        "productType": reference("product-type", stable_id("product-type", DEFAULT_TYPE)),
        "taxCategory": reference("tax-category", stable_id("tax-category", tax_key(item.tax_percent))),
        "priceMode": "Embedded",
        "masterData": {"published": True, "hasStagedChanges": False, "current": data, "staged": data},
    }


def item_variant(item: Item) -> Wire:
    """Return the one variant of an item, at its price."""
    price = {"id": stable_id("price", f"{item.sku}/{item.price}"), "value": money(item.price, CURRENCY)}
    return {"id": MASTER, "sku": item.sku, "prices": [price], "images": [], "attributes": [], "assets": []}


def product_data(name: Wire, slug: Wire, *variants: Wire) -> Wire:
    """Return one side of a product."""
    listed: Wire = {"name": name, "slug": slug, "categories": [], "searchKeywords": {}, "attributes": []}
    return listed | {"masterVariant": variants[0], "variants": list(variants[1:])}


def projected(product: Wire, *, staged: bool, modular: bool) -> Wire | None:
    """Return one side of a product as a projection; None of what is not published, where its current side is asked."""
    data = product["masterData"]
    if not staged and not data["published"]:
        return None
    side = data["staged" if staged else "current"]
    shown = {name: value for name, value in product.items() if name not in _NOT_PROJECTED}
    shown |= side | {"published": data["published"], "hasStagedChanges": data["hasStagedChanges"]}
    return without_variants(shown) if modular else shown


def as_shown(product: Wire, *, modular: bool) -> Wire:
    """Return a product as the API shows it: in the Modular model its variants are resources of their own."""
    if not modular:
        return product
    data = product["masterData"]
    sides = {side: without_variants(data[side]) for side in ("current", "staged")}
    return {**product, "masterData": {**data, **sides}}


def without_variants(document: Wire) -> Wire:
    """Return the document without them."""
    return {name: value for name, value in document.items() if name not in VARIANTS}


def type_fields(key: str, attributes: Iterable[Wire], *, language: str) -> Wire:
    """Return a product type; what a definition leaves out is as commercetools has it by default."""
    defaults = {
        "isRequired": False,
        "level": "Variant",
        "attributeConstraint": "None",
        "inputHint": "SingleLine",
        "isSearchable": False,
    }
    defined = [{**defaults, "label": {language: one["name"]}, **one} for one in attributes]
    return {"key": key, "name": key.title(), "description": f"Products of the kind '{key}'.", "attributes": defined}


def tax_fields(key: str, percent: int, *, country: str = "GB") -> Wire:
    """Return a tax category of one rate, contained in prices."""
    rate = {
        "id": stable_id("tax-rate", f"{country}/{key}")[:8],
        "name": f"{percent}%",
        "amount": Decimal(percent) / 100,
        "includedInPrice": True,
        "country": country,
    }
    return {"key": key, "name": key.title(), "rates": [rate]}
