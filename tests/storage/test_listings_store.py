"""What is kept of the storefront's products."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.listing import ListedProduct, Variant
from storage import listings
from storage.schema import upgrade
from tests.catalogue_file import listed
from tests.daemon_app import NOW


def test_a_product_that_is_read_whole_forgets_no_price_that_stands_alone() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    for staged in (True, False):
        listings.store(connection, [listed("p", "MUG", "BOWL")], staged=staged, number=1)
    variants = tuple(Variant(id=place, sku=sku, prices=None) for place, sku in enumerate(("MUG", "BOWL", "NEW"), 1))
    whole = ListedProduct(id="p", version=4, modified_at=NOW, published=True, current=variants[:2], staged=variants)
    listings.store_whole(connection, whole)
    shown = {(row.sku, row.staged): row.prices for row in listings.variants_of(connection, "p")}
    known = {(sku, staged): 1 for sku in ("MUG", "BOWL") for staged in (True, False)}
    assert shown == known | {("NEW", True): None}
    connection.close()


def test_what_was_sold_of_a_product_is_forgotten_once_it_is_not_published() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    product = listed("p", "MUG")
    listings.store(connection, [product], staged=False, number=1)
    hidden = msgspec.structs.replace(product, version=product.version + 1, published=False, variants=())
    assert listings.store(connection, [hidden], staged=True, number=1) == {"MUG"}
    assert listings.with_sku(connection, "MUG") == []
    connection.close()
