"""All products of a project, found by what names them, in the orders one pages through.

An item of the shop that nobody has touched is not kept as a document: it is made whenever somebody looks. A shop of
fifty thousand costs little more than its items.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from adapters.sandbox.catalogue import Item
from adapters.sandbox.orders import Wire, stable_id
from adapters.sandbox.paging import KEPT_ORDERS
from adapters.sandbox.product_rules import datas_of, variants_of

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")

Names = Mapping[str, frozenset[str]]
"""What a product has of each kind of name: `sku`, `slug`, `key`."""


class SortedKeys:
    """Sort keys in order, put in order only when somebody reads after a change."""

    def __init__(self) -> None:
        self._keys: list[tuple[str, ...]] = []
        self._in_order = True

    def add(self, key: tuple[str, ...]) -> None:
        """Take a key in."""
        self._keys.append(key)
        self._in_order = False

    def drop(self, key: tuple[str, ...]) -> None:
        """Take a key out, which is there."""
        del self._ordered()[bisect_left(self._keys, key)]

    def onwards(self, start: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Return the keys from there on."""
        keys = self._ordered()
        return islice(keys, bisect_left(keys, start), None)

    def _ordered(self) -> list[tuple[str, ...]]:
        if not self._in_order:
            self._keys.sort()
            self._in_order = True
        return self._keys


class ProductBook(Mapping[str, Wire]):
    """Products by id, wire documents; read them, do not edit them. `make` shows an item as a product, by its names."""

    def __init__(self, make: Callable[[Item, Mapping[str, str]], Wire], laid_at: str) -> None:
        self._make = make
        self._laid_at = laid_at
        self._items: dict[str, tuple[Item, str]] = {}
        self._written: dict[str, Wire] = {}
        self._owners: dict[str, dict[str, str]] = {"sku": {}, "slug": {}, "key": {}}
        self._orders = {fields: SortedKeys() for fields in KEPT_ORDERS.values()}

    def __getitem__(self, product_id: str) -> Wire:
        if product_id in self._written:
            return self._written[product_id]
        item, slug = self._items[product_id]
        key = {"key": slug} if self.owner("key", slug) == product_id else {}
        return self._make(item, {"id": product_id, "slug": slug, **key})

    def __iter__(self) -> Iterator[str]:
        return chain(self._written, self._items)

    def __len__(self) -> int:
        return len(self._written) + len(self._items)

    def everything(self) -> Iterator[Wire]:
        """Return all products."""
        return iter(self.values())

    def owner(self, kind: str, value: str) -> str | None:
        """Return the id of the product with this `sku`, `slug` or `key`, in its current or its staged data."""
        return self._owners[kind].get(value)

    def lay(self, item: Item) -> str:
        """Put an item in, as a published product of its own; return the product's id."""
        product_id = stable_id("product", item.sku)
        slug = self.free_slug(item.sku, product_id)
        self._items[product_id] = (item, slug)
        for kind, value in (("sku", item.sku), ("slug", slug), ("key", slug)):
            self._owners[kind].setdefault(value, product_id)
        self._add_to_orders(product_id, self._laid_at)
        return product_id

    def free_slug(self, name: str, product_id: str) -> str:
        """Make a slug of a name; one that is taken, or too short, is told apart by the product's id."""
        slug = _UNFIT.sub("-", name).lower()[:200]
        taken = len(slug) < 2 or any(self.owner(kind, slug) is not None for kind in ("slug", "key"))
        return f"{slug}-{product_id[:8]}" if taken else slug

    def put(self, product: Wire) -> None:
        """Keep a product, in place of what it was."""
        if product["id"] in self:
            self.remove(product["id"])
        self._written[product["id"]] = product
        for kind, values in _names_of(product).items():
            for value in values:
                self._owners[kind][value] = product["id"]
        self._add_to_orders(product["id"], product["lastModifiedAt"])

    def remove(self, product_id: str) -> Wire:
        """Take a product out; return it. Raises KeyError."""
        product = self[product_id]
        for kind, values in _names_of(product).items():
            for value in values:
                del self._owners[kind][value]
        for fields, keys in self._orders.items():
            keys.drop(tuple(product[field] for field in fields))
        self._written.pop(product_id, None)
        self._items.pop(product_id, None)
        return product

    def _add_to_orders(self, product_id: str, modified_at: str) -> None:
        places = {"id": product_id, "lastModifiedAt": modified_at}
        for fields, keys in self._orders.items():
            keys.add(tuple(places[field] for field in fields))

    def ids_onwards(self, order: Sequence[str], start: tuple[str, ...]) -> Iterator[str]:
        """Return the ids from a place on, in one of the orders kept."""
        return (key[-1] for key in self._orders[tuple(order)].onwards(start))


class BookView:
    """The book as one endpoint shows it: `show` makes of a product what is listed, or nothing."""

    def __init__(self, book: ProductBook, show: Callable[[Wire], Wire | None]) -> None:
        self._book = book
        self._show = show

    def everything(self) -> Iterator[Wire]:
        """Return what all products show."""
        return self._shown(self._book)

    def having(self, values: Collection[tuple[str, str]]) -> Iterator[Wire] | None:
        """Return what is shown of the products that are named so; None where these are no names."""
        found: dict[str, None] = {}
        for path, value in values:
            kind = _kind_of(path)
            if kind is None:
                return None
            owner = value if kind == "id" else self._book.owner(kind, value)
            if owner is not None and owner in self._book:
                found[owner] = None
        return self._shown(found)

    def onwards(self, order: Sequence[str], start: tuple[str, ...]) -> Iterator[Wire]:
        """Return what is shown of the products from a place on."""
        return self._shown(self._book.ids_onwards(order, start))

    def _shown(self, ids: Iterable[str]) -> Iterator[Wire]:
        shown = (self._show(self._book[product_id]) for product_id in ids)
        return (document for document in shown if document is not None)


def _kind_of(path: str) -> str | None:
    """Say which name of a product stands there: its `id`, `key`, a `sku`, or a `slug` in some language."""
    steps = path.split(".")
    if path in ("id", "key") or steps[-1] == "sku":
        return steps[-1]
    return "slug" if steps[-2:-1] == ["slug"] else None


def _names_of(product: Wire) -> Names:
    sides = datas_of(product)
    return {
        "sku": frozenset(one["sku"] for data in sides for one in variants_of(data) if "sku" in one),
        "slug": frozenset(slug for data in sides for slug in data["slug"].values()),
        "key": frozenset([product["key"]] if "key" in product else []),
    }
