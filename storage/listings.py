"""The registry of the storefront's products and their variants, current and staged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from actors.domain.listing import ListedProduct, Listing, Variant
from actors.domain.sku_form import form
from actors.domain.time import Instant


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product as last read. `approved_at`: it may be unpublished; `unpublished_at`: it was, by us."""

    id: str
    version: int
    key: str
    name: str
    published: bool
    modified_at: Instant
    modified_by: str
    tax_category: str
    approved_at: Instant | None
    unpublished_at: Instant | None


class VariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """A variant as last read. `live`: of the current version of a product that is published."""

    product_id: str
    staged: bool
    variant: int
    sku: str
    key: str
    prices: int | None
    published: bool
    tax_category: str

    @property
    def live(self) -> bool:
        """True when it can be bought now."""
        return self.published and not self.staged


_COLUMNS = "id, version, key, name, published, modified_at, modified_by, tax_category, approved_at, unpublished_at"


def store(connection: sqlite3.Connection, listings: Iterable[Listing], *, staged: bool, number: int) -> set[str]:
    """Store projections as read; return the SKUs that were or are concerned by a change.

    A page that is older than what is known (a write of ours was answered meanwhile) changes nothing. `number` tells
    whole readings apart; 0 is none.
    """
    changed: set[str] = set()
    for listing in listings:
        known = get(connection, listing.id)
        if known is None or known.version <= listing.version:
            changed |= _put(connection, listing, known, staged=staged)
        if number:
            connection.execute(
                f"UPDATE products SET {'pass' if staged else 'current_pass'} = ? WHERE id = ?", (number, listing.id)
            )
    return changed


def _put(connection: sqlite3.Connection, listing: Listing, known: ProductRow | None, *, staged: bool) -> set[str]:
    connection.execute(
        "INSERT INTO products (id, version, key, name, published, modified_at, tax_category)"
        " VALUES (:id, :version, :key, :name, :published, :modified, :tax) ON CONFLICT (id) DO UPDATE SET"
        " modified_by = CASE WHEN version = :version THEN modified_by ELSE '' END,"
        " unpublished_at = CASE WHEN :published THEN NULL ELSE unpublished_at END,"
        " version = :version, key = :key, name = :name, published = :published, modified_at = :modified,"
        " tax_category = :tax",
        {
            "id": listing.id,
            "version": listing.version,
            "key": listing.key,
            "name": listing.name,
            "published": listing.published,
            "modified": listing.modified_at,
            "tax": listing.tax_category,
        },
    )
    moved = known is None or known.published != listing.published or known.tax_category != listing.tax_category
    changed = _variants(connection, listing.id, listing.variants, staged=staged, moved=moved)
    if not listing.published:
        changed |= _variants(connection, listing.id, (), staged=False, moved=False)
    if moved and known is not None:
        changed |= {row.sku for row in variants_of(connection, listing.id) if row.sku}
    return changed


def _variants(
    connection: sqlite3.Connection, product_id: str, variants: Sequence[Variant], *, staged: bool, moved: bool
) -> set[str]:
    before = {
        row[0]: tuple(row[1:])
        for row in connection.execute(
            "SELECT variant, sku, key, prices FROM variants WHERE product_id = ? AND staged = ?", (product_id, staged)
        )
    }
    after = {one.id: (one.sku, one.key, one.prices) for one in variants}
    touched = {number for number in before.keys() | after.keys() if before.get(number) != after.get(number)}
    connection.executemany(
        "DELETE FROM variants WHERE product_id = ? AND staged = ? AND variant = ?",
        [(product_id, staged, number) for number in touched if number in before],
    )
    connection.executemany(
        "INSERT INTO variants (product_id, staged, variant, sku, form, key, prices) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (product_id, staged, number, after[number][0], form(after[number][0]), after[number][1], after[number][2])
            for number in touched
            if number in after
        ],
    )
    concerned = after.keys() if moved else touched
    rows = [side[number] for number in concerned for side in (before, after) if number in side]
    rows += [before[number] for number in touched if number in before]
    return {str(row[0]) for row in rows if row[0]}


def store_whole(connection: sqlite3.Connection, product: ListedProduct) -> set[str]:
    """Store a product that was read whole, with who changed it last; return the SKUs concerned by a change."""
    known = get(connection, product.id)
    if known is not None and known.version > product.version:
        return set()
    about = {
        "id": product.id,
        "version": product.version,
        "modified_at": product.modified_at,
        "published": product.published,
        "key": product.key,
        "name": next(iter(product.names.values()), ""),
        "tax_category": product.tax_category,
    }
    priced = {row.sku: row.prices for row in variants_of(connection, product.id)}
    changed = set()
    for staged, variants in ((True, product.staged), (False, product.current)):
        if staged or product.published:
            version = msgspec.convert(about | {"variants": _with_known_prices(variants, priced)}, Listing)
            changed |= store(connection, [version], staged=staged, number=0)
    connection.execute("UPDATE products SET modified_by = ? WHERE id = ?", (product.modified_by, product.id))
    return changed


def _with_known_prices(variants: Iterable[Variant], priced: Mapping[str, int | None]) -> list[Variant]:
    """Prices that are records of their own are not told with a product: what was read of them before still holds."""
    return [msgspec.structs.replace(one, prices=priced.get(one.sku)) if one.prices is None else one for one in variants]


def finish_pass(connection: sqlite3.Connection, *, number: int, began_at: Instant) -> tuple[set[str], set[str]]:
    """What a whole reading of both lists did not meet is gone, or is not published; return SKUs and products concerned.

    What changed since the reading began may only have moved behind it, and is let be.
    """
    gone = _ids(connection, "pass <> ? AND modified_at < ?", number, began_at)
    changed = {sku for product_id in gone for sku in forget(connection, product_id)}
    hidden = _ids(connection, "published = 1 AND current_pass <> ? AND modified_at < ?", number, began_at)
    for product_id in hidden:
        changed |= {row.sku for row in variants_of(connection, product_id) if row.sku}
        connection.execute("UPDATE products SET published = 0 WHERE id = ?", (product_id,))
        connection.execute("DELETE FROM variants WHERE product_id = ? AND staged = 0", (product_id,))
    return changed, {*gone, *hidden}


def _ids(connection: sqlite3.Connection, condition: str, *values: int) -> list[str]:
    return [row[0] for row in connection.execute(f"SELECT id FROM products WHERE {condition}", values)]


def forget(connection: sqlite3.Connection, product_id: str) -> set[str]:
    """A product is gone; return its SKUs."""
    skus = {row.sku for row in variants_of(connection, product_id) if row.sku}
    connection.execute("DELETE FROM products WHERE id = ?", (product_id,))
    return skus


def get(connection: sqlite3.Connection, product_id: str) -> ProductRow | None:
    """Return a product as last read."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM products WHERE id = ?", (product_id,)).fetchone()
    if row is None:
        return None
    return msgspec.convert(dict(zip(ProductRow.__struct_fields__, row, strict=True)), ProductRow, strict=False)


_VARIANTS = (
    "SELECT v.product_id, v.staged, v.variant, v.sku, v.key, v.prices, p.published, p.tax_category"
    " FROM variants v JOIN products p ON p.id = v.product_id"
)


def _variant(row: tuple[object, ...]) -> VariantRow:
    return msgspec.convert(dict(zip(VariantRow.__struct_fields__, row, strict=True)), VariantRow, strict=False)


def variants_of(connection: sqlite3.Connection, product_id: str) -> list[VariantRow]:
    """Return the variants of a product, the current ones first."""
    rows = connection.execute(f"{_VARIANTS} WHERE v.product_id = ? ORDER BY v.staged, v.variant", (product_id,))
    return [_variant(row) for row in rows]


def with_sku(connection: sqlite3.Connection, sku: str) -> list[VariantRow]:
    """Return every variant of exactly this SKU, of either version."""
    rows = connection.execute(f"{_VARIANTS} WHERE v.sku = ? ORDER BY v.product_id, v.staged", (sku,))
    return [_variant(row) for row in rows]


def alike(connection: sqlite3.Connection, normal: str) -> list[str]:
    """Return the SKUs of a normal form, in order."""
    if not normal:
        return []
    rows = connection.execute("SELECT DISTINCT sku FROM variants WHERE form = ? ORDER BY sku", (normal,))
    return [row[0] for row in rows]


def skus(connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
    """Return SKUs of either side after one, in order: the way through all of them."""
    sides = " UNION ".join(
        f"SELECT sku FROM (SELECT DISTINCT sku FROM {table} WHERE sku > :after ORDER BY sku LIMIT :limit)"
        for table in ("items", "variants", "coverage")
    )
    rows = connection.execute(f"{sides} ORDER BY sku LIMIT :limit", {"after": after, "limit": limit})
    return [row[0] for row in rows]


def nameless(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of published products with a variant that has no SKU."""
    rows = connection.execute(
        "SELECT DISTINCT v.product_id FROM variants v JOIN products p ON p.id = v.product_id"
        " WHERE v.sku = '' AND v.staged = 0 AND p.published = 1 ORDER BY v.product_id"
    )
    return [row[0] for row in rows]


def count_published(connection: sqlite3.Connection) -> int:
    """Count the products that are published."""
    return int(connection.execute("SELECT count(*) FROM products WHERE published = 1").fetchone()[0])


def approve(connection: sqlite3.Connection, product_ids: Iterable[str], *, now: Instant) -> None:
    """These may be unpublished, where nothing of them matches."""
    connection.executemany("UPDATE products SET approved_at = ? WHERE id = ?", [(now, one) for one in product_ids])


def disapprove(connection: sqlite3.Connection, product_id: str) -> None:
    """A product has a match again: what was approved of it is over."""
    connection.execute("UPDATE products SET approved_at = NULL WHERE id = ?", (product_id,))


def live_skus(connection: sqlite3.Connection, product_ids: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Return the name of each of these products and the SKUs of its current version, by variant."""
    found: dict[str, tuple[str, list[str]]] = {}
    rows = connection.execute(
        "SELECT p.id, p.name, v.sku FROM json_each(?) AS asked CROSS JOIN products p ON p.id = asked.value"
        " LEFT JOIN variants v ON v.product_id = p.id AND v.staged = 0 ORDER BY asked.key, v.variant",
        (msgspec.json.encode(product_ids).decode(),),
    )
    for product_id, name, sku in rows:
        _, skus = found.setdefault(product_id, (name, []))
        if sku:
            skus.append(sku)
    return found


def approved(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of products that may be unpublished and are not yet."""
    return set(_ids(connection, "approved_at IS NOT NULL"))


def disapprove_all(connection: sqlite3.Connection) -> None:
    """Nothing may be unpublished any more."""
    connection.execute("UPDATE products SET approved_at = NULL WHERE approved_at IS NOT NULL")


def approve_anew(connection: sqlite3.Connection, *, now: Instant) -> None:
    """What is approved is so from now on: whatever has to be read since then is read once more."""
    connection.execute("UPDATE products SET approved_at = ? WHERE approved_at IS NOT NULL", (now,))


def count_approved(connection: sqlite3.Connection) -> int:
    """Count the products that may be unpublished and are not yet."""
    return int(connection.execute("SELECT count(*) FROM products WHERE approved_at IS NOT NULL").fetchone()[0])


def unpublished(connection: sqlite3.Connection, product_id: str, *, now: Instant) -> None:
    """Keep that a product was unpublished by us."""
    connection.execute("UPDATE products SET unpublished_at = ?, approved_at = NULL WHERE id = ?", (now, product_id))


def unpublished_since(connection: sqlite3.Connection, since: Instant) -> int:
    """Count the products that we unpublished since."""
    row = connection.execute("SELECT count(*) FROM products WHERE unpublished_at >= ?", (since,)).fetchone()
    return int(row[0])
