"""A file with both catalogues: what matches, and one SKU of every way not to."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

from actors.catalogue import looking, matching
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import LISTINGS
from actors.domain.facts import FactKind, Product
from actors.domain.item import Family, Item, Member
from actors.domain.listing import Listing, Variant
from actors.domain.time import Instant
from storage import coverage, cursors, facts, items, listings, meta
from storage.cursors import Cursor
from tests.daemon_app import NOW

RULES = CatalogueRules()


def item(sku: str, *, item_id: str = "", barcode: str = "", **product: Any) -> Item:
    """An item of Cin7 Core that is fit for sale."""
    about = {"name": f"{sku} of stone", "type": "Stock", "category": "Mugs", **product}
    return Item(product=Product(id=item_id or f"i-{sku}", sku=sku, **about), barcode=barcode)


def listed(product_id: str, *skus: str, published: bool = True, **changes: Any) -> Listing:
    """A product of the storefront with a variant for each SKU."""
    about: dict[str, Any] = {"version": 3, "modified_at": NOW - 60_000, "name": f"Product {product_id}"}
    variants = tuple(Variant(id=place, sku=sku, prices=1) for place, sku in enumerate(skus, 1))
    return Listing(
        id=product_id, published=published, variants=variants, **{**about, "tax_category": "standard", **changes}
    )


ITEMS = (
    item("MUG", barcode="4006381333931"),
    item("BOWL"),
    item("HW-JUG-01"),
    item("OLD", status="Deprecated"),
    item("TWIN", item_id="i-1"),
    item("TWIN", item_id="i-2"),
    item("SIZED"),
)
PRODUCTS = (
    listed("p-mug", "MUG"),
    listed("p-jug", "hw-jug-01"),
    listed("p-old", "OLD"),
    listed("p-twin", "TWIN", tax_category=""),
    listed("p-ghost", "GHOST", "FAMILY"),
    listed("p-tea", "TEA-1"),
    listed("p-hidden", "=1+1", published=False),
    listed("p-nameless", ""),
)


def catalogue(
    connection: sqlite3.Connection,
    its_items: Iterable[Item] = ITEMS,
    products: Iterable[Listing] = PRODUCTS,
    *,
    mapped: Collection[str] = (),
    now: Instant = NOW,
) -> None:
    """Both sides were read whole, every SKU is judged, and what is wrong with products is told."""
    items.store(connection, [item("TEA-1", item_id="i-tea")], number=1, now=now)
    its_items = (*its_items, item("TEA-01", item_id="i-tea"))
    items.store(connection, its_items, number=2, now=now)
    sized = Family(
        id="f-1", sku="FAMILY", name="Sized", options=("Size",), members=(Member(item_id="i-SIZED", sku="SIZED"),)
    )
    items.store_families(connection, [sized], number=2)
    facts.store(connection, FactKind.PRODUCT, [one.product for one in its_items], now=now, whole=True)
    for one in products:
        for staged in (True, False) if one.published else (True,):
            listings.store(connection, [one], staged=staged, number=1)
    meta.set_counter(connection, matching.LISTED, now)
    cursors.put(connection, LISTINGS, Cursor(at=now), now=now)
    judge(connection, mapped=mapped, now=now)


def judge(connection: sqlite3.Connection, *, mapped: Collection[str] = (), now: Instant = NOW) -> None:
    """Judge every SKU, and look at every product."""
    for sku in listings.skus(connection, after="", limit=100_000):
        coverage.put(connection, sku, coverage.judge(connection, sku, mapped=sku in mapped), now=now)
    for (product_id,) in connection.execute("SELECT id FROM products ORDER BY id").fetchall():
        row = listings.get(connection, product_id)
        assert row is not None
        looking.tell(connection, row, now)
