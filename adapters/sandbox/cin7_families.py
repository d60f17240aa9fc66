"""Product families of the double of Cin7 Core, and `GET /productFamily` (fact sheet §3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from adapters.sandbox.cin7_wire import JsonObject, Query, page_of, written_instant

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Books, Product

MOST_OPTIONS = 3


class Member(msgspec.Struct, kw_only=True):
    """A product of a family, with its value of each option."""

    product: Product
    options: tuple[str, ...]


class Family(msgspec.Struct, kw_only=True):
    """Products that differ in one to three options; `options` are their names."""

    id: str
    sku: str
    name: str
    options: tuple[str, ...]
    members: list[Member] = []
    category: str = "Other"
    brand: str = ""
    tax_rule: str | None = None
    description: str = ""
    modified_ms: int = 0


def families(books: Books, query: Query) -> JsonObject:
    """`GET /productFamily`: by SKU; `Sku` and `Name` find by *contains*."""
    since = query.instant("ModifiedSince")
    sku, name, wanted = ((query.text(field) or "").lower() for field in ("Sku", "Name", "ID"))
    found = [
        family
        for family in books.families
        if (since is None or family.modified_ms > since) and wanted in ("", family.id)
        if sku in family.sku.lower() and name in family.name.lower()
    ]
    found.sort(key=lambda family: family.sku)
    return page_of(found, "ProductFamilies", query, lambda family: family_view(family, books))


def family_view(family: Family, books: Books) -> JsonObject:
    """A family with everything its list shows; an option that is not in use has no name."""
    places = range(1, MOST_OPTIONS + 1)
    return {
        "Products": [_member(member) for member in family.members],
        "ID": family.id,
        "SKU": family.sku,
        "Name": family.name,
        "Category": family.category,
        "DefaultLocation": books.locations[0].name,
        "Brand": family.brand or None,
        "CostingMethod": "FIFO",
        "UOM": "Item",
        "MinimumBeforeReorder": 0,
        "ReorderQuantity": 0,
        **{f"PriceTier{tier}": 0 for tier in range(1, 11)},
        "ShortDescription": family.description or None,
        "Description": None,
        "AttributeSet": None,
        "DiscountRule": None,
        "Tags": "",
        "COGSAccount": None,
        "RevenueAccount": None,
        "InventoryAccount": None,
        "PurchaseTaxRule": None,
        "SaleTaxRule": family.tax_rule,
        "DropShipMode": "No Drop Ship",
        **{f"Option{place}Name": _at(family.options, place) for place in places},
        **{f"Option{place}Values": _values(family, place) for place in places},
        "LastModifiedOn": written_instant(family.modified_ms, len(family.sku)),
        "Attachments": [],
        "HSCode": None,
        "CountryOfOrigin": None,
        "CountryOfOriginCode": None,
    }


def _member(member: Member) -> JsonObject:
    options = {f"Option{place}": _at(member.options, place) for place in range(1, MOST_OPTIONS + 1)}
    return {"ID": member.product.id, "SKU": member.product.sku, "Name": member.product.name, **options}


def _values(family: Family, place: int) -> str:
    """Each value once, in the order of the members."""
    values = (_at(member.options, place) for member in family.members)
    return ",".join(dict.fromkeys(value for value in values if value))


def _at(texts: tuple[str, ...], place: int) -> str:
    return texts[place - 1] if place <= len(texts) else ""
