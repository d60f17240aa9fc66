"""The shop's products: what programs draft and change of them, and what people do to them by hand.

The shop's items are products of one variant, published from the first day. Whether a SKU can be ordered does not hang
on its product: lines in carts stay orderable (commercetools fact sheet §5.2). Ids and versions are derived and not
drawn, so that products change no order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import count

from adapters.sandbox.action_fields import Action
from adapters.sandbox.announcements import Announcer
from adapters.sandbox.catalogue import CURRENCY, Item
from adapters.sandbox.identifiers import identified
from adapters.sandbox.orders import Wire, instant_text, money, stable_id
from adapters.sandbox.product_actions import apply_product_action, with_data, with_field, with_variants
from adapters.sandbox.product_book import ProductBook
from adapters.sandbox.product_drafts import MASTER, drafted_product
from adapters.sandbox.product_rules import check_product, variants_of
from adapters.sandbox.product_view import (
    DEFAULT_ATTRIBUTES,
    DEFAULT_TYPE,
    STANDARD_TAX,
    VARIANTS,
    item_product,
    tax_fields,
    tax_key,
    type_fields,
)
from adapters.sandbox.refusals import invalid_input
from adapters.sandbox.shelves import OPENED_AT, STAFF, Author, Shelves, staff

_PRICE = 1999
_TAX_PERCENTS = (20, 5, 0)


class Products(Shelves):
    """All products of a project; `products` has the documents by id, which are replaced and never edited.

    `languages` are the project's; `catalog_model` is "Classic" or "Modular".
    """

    languages: Sequence[str] = ("en-GB",)
    catalog_model: str = "Classic"

    def __init__(self, news: Announcer) -> None:
        super().__init__(news)
        self.products = ProductBook(self._item_product, OPENED_AT)
        self.deleted_products: dict[str, Wire] = {}
        self.product_types: dict[str, Wire] = {}
        self.tax_categories: dict[str, Wire] = {}
        self.standalone_prices: dict[str, Wire] = {}
        self._price_ids = count(1)
        self.add_product_type(DEFAULT_TYPE, DEFAULT_ATTRIBUTES)
        for percent in _TAX_PERCENTS:
            self.add_tax_category(tax_key(percent), percent)

    def show_item(self, item: Item) -> None:
        """Let an item be a published product, unless a product has its SKU."""
        if self.product_of(item.sku) is not None:
            return
        if tax_key(item.tax_percent) not in {one["key"] for one in self.tax_categories.values()}:
            self.add_tax_category(tax_key(item.tax_percent), item.tax_percent)
        self.products.lay(item)

    def _item_product(self, item: Item, names: Mapping[str, str]) -> Wire:
        return item_product(item, names, language=self.languages[0], at=OPENED_AT, author=staff(STAFF))

    # What programs do.

    def create_product(self, draft: Action, author: Author) -> Wire:
        """Make a product of a draft; return it. Raises `Refusal`."""
        if self.catalog_model == "Modular" and any(draft.get(field) for field in VARIANTS):
            raise invalid_input("Variants are not part of a product in the Modular catalog model.")
        return self._make_product(draft, author, instant_text(self.now()))

    def update_product(self, product: Wire, actions: Sequence[object], author: Author) -> Wire:
        """Apply update actions, all or none; return the product, under another version if anything changed.

        Raises:
            Refusal: one of the actions is refused, or what comes of them all.
        """
        changed = reduce(lambda was, action: apply_product_action(was, action, self), actions, product)
        return product if changed == product else self._rewrite(changed, author, steps=len(actions))

    def _make_product(self, draft: Action, author: Author, at: str) -> Wire:
        fields = drafted_product(draft, self)
        data = fields["masterData"]["staged"]
        name = data["masterVariant"].get("sku") or next(iter(data["slug"].values()), "")
        dated = {"createdAt": at, "lastModifiedAt": at, "createdBy": author, "lastModifiedBy": author}
        product = {"id": self._new_product_id(name), "version": 1, **dated, **fields}
        return self._keep_product(product)

    def _rewrite(self, changed: Wire, author: Author, *, steps: int = 1) -> Wire:
        """Keep a product as somebody changed it. Each action counts as a version (fact sheet §1.3)."""
        dated = {
            "version": changed["version"] + steps,
            "lastModifiedAt": instant_text(self.now()),
            "lastModifiedBy": author,
        }
        return self._keep_product(changed | dated)

    def _keep_product(self, product: Wire) -> Wire:
        check_product(product, self.product_types[product["productType"]["id"]], self)
        self.products.put(product)
        return product

    def _new_product_id(self, name: str) -> str:
        """Return the id order lines give the product of this SKU; another if there was one already."""
        ids = (stable_id("product", name if attempt == 1 else f"{name}#{attempt}") for attempt in count(1))
        return next(one for one in ids if one not in self.products and one not in self.deleted_products)

    # What drafts and actions ask.

    def product_type_named(self, identifier: object) -> Wire:
        """Find a product type by a resource identifier (id or key). Raises `Refusal`."""
        return identified(self.product_types, "product-type", identifier)

    def tax_category_named(self, identifier: object) -> Wire:
        """Find a tax category by a resource identifier (id or key). Raises `Refusal`."""
        return identified(self.tax_categories, "tax-category", identifier)

    def sku_is_stocked(self, sku: str) -> bool:
        """Say whether a SKU has an inventory entry, on whichever channel."""
        return any(self.entry_exists(sku, channel) for channel in (None, *self.channel_ids().values()))

    def product_with(self, field: str, value: str) -> str | None:
        """Return the id of the product that has this `sku`, `slug` or `key`, in its current or its staged data."""
        return self.products.owner(field, value)

    def new_price_id(self) -> str:
        """Return a new id for an embedded price."""
        return stable_id("embedded-price", str(next(self._price_ids)))

    # What people do by hand. Their edits hold for both sides of a product unless `staged_only`.

    def add_product(
        self,
        sku: str,
        *,
        name: str | None = None,
        published: bool = True,
        price: bool | int = True,
        tax_category: bool | str = True,
        product_type: str = DEFAULT_TYPE,
        attributes: Mapping[str, object] | None = None,
        key: str | None = None,
        at: int | None = None,
        by: str = STAFF,
    ) -> str:
        """Make a product of one variant; return its id. `price` in minor units, `at` in milliseconds (default: now).

        Raises:
            Refusal: the SKU or the key is taken, no such type or tax category, attributes are not as they must be.
        """
        slug = self.products.free_slug(sku, stable_id("product", sku))
        draft: Wire = {
            "productType": {"typeId": "product-type", "key": product_type},
            "name": {self.languages[0]: name or f"Product {sku}"},
            "slug": {self.languages[0]: slug},
            "masterVariant": _variant_draft(sku, price, attributes),
            "publish": published,
        }
        if key is not None:
            draft["key"] = key
        if tax_category:
            draft["taxCategory"] = {"key": STANDARD_TAX if tax_category is True else tax_category}
        made = self._make_product(draft, staff(by), instant_text(self.now()) if at is None else instant_text(at))
        return str(made["id"])

    def add_variant(
        self,
        product_id: str,
        sku: str,
        *,
        price: bool | int = True,
        attributes: Mapping[str, object] | None = None,
        staged_only: bool = False,
        by: str = STAFF,
    ) -> int:
        """Add a variant; return its number. Raises `Refusal` and KeyError."""
        action = {"action": "addVariant", "staged": staged_only, **_variant_draft(sku, price, attributes)}
        product = self.update_product(self.products[product_id], [action], staff(by))
        return int(product["masterData"]["staged"]["variants"][-1]["id"])

    def edit_product(
        self,
        product_id: str,
        *,
        name: str | None = None,
        sku: str | None = None,
        variant: int = MASTER,
        price: int | None = None,
        staged_only: bool = False,
        by: str = STAFF,
    ) -> None:
        """Give a product another name, or one of its variants another SKU ("" for none) or price (minor units).

        An inventory entry of the old SKU stays where it is: a program could not change the SKU then.

        Raises:
            Refusal: the SKU is another's.
            KeyError: no such product.
        """

        def edited(one: Wire) -> Wire:
            if one["id"] != variant:
                return one
            priced = one if price is None else {**one, "prices": [self._price(price)]}
            return priced if sku is None else with_field(priced, "sku", sku or None)

        def change(data: Wire) -> Wire:
            named = data if name is None else with_field(data, "name", {self.languages[0]: name})
            return with_variants(named, edited)

        self._edit(product_id, change, staged_only=staged_only, by=by)

    def rename_sku(self, old: str, new: str, *, by: str = STAFF) -> None:
        """Give the variant of one SKU another, on both sides, as `edit_product` does. Raises `Refusal` and KeyError."""

        def renamed(one: Wire) -> Wire:
            return with_field(one, "sku", new) if one.get("sku") == old else one

        self._edit(self._holder_of(old), lambda data: with_variants(data, renamed), by=by)

    def remove_variant(self, sku: str, *, staged_only: bool = False, by: str = STAFF) -> None:
        """Take a variant out of its product; not the master. Raises `Refusal` and KeyError."""
        action = {"action": "removeVariant", "sku": sku, "staged": staged_only}
        self._act(self._holder_of(sku), action, by)

    def publish(self, product_id: str, *, by: str = STAFF) -> None:
        """Show a product as it is staged. Raises KeyError."""
        self._act(product_id, {"action": "publish"}, by)

    def unpublish(self, product_id: str, *, by: str = STAFF) -> None:
        """Show a product no more. Raises KeyError."""
        self._act(product_id, {"action": "unpublish"}, by)

    def delete_product(self, product_id: str) -> None:
        """Delete a product. Raises KeyError."""
        self.deleted_products[product_id] = self.products.remove(product_id)

    def remove_tax_category(self, product_id: str, *, by: str = STAFF) -> None:
        """Let a product have no tax category. Raises KeyError."""
        self._act(product_id, {"action": "setTaxCategory"}, by)

    def remove_prices(self, product_id: str, *, by: str = STAFF) -> None:
        """Let no variant of a product have a price, of its own or standing alone. Raises KeyError."""
        self._edit(product_id, lambda data: with_variants(data, lambda one: {**one, "prices": []}), by=by)
        skus = {*self.skus_of(product_id), *self.skus_of(product_id, staged=True)}
        gone = [one["id"] for one in self.standalone_prices.values() if one["sku"] in skus]
        for price_id in gone:
            del self.standalone_prices[price_id]

    def add_product_type(self, key: str, attributes: Iterable[Wire] = ()) -> str:
        """Define a type, or define it anew; return its id.

        Of an attribute `name` and `type` are needed: what else is left out is as usual (optional, unconstrained).
        """
        fields = type_fields(key, attributes, language=self.languages[0])
        return _define(self.product_types, stable_id("product-type", key), fields)

    def add_tax_category(self, key: str, percent: int = 20) -> str:
        """Open a tax category of one rate, contained in prices; return its id."""
        return _define(self.tax_categories, stable_id("tax-category", key), tax_fields(key, percent))

    def add_standalone_price(self, sku: str, minor: int = _PRICE, *, active: bool = True) -> str:
        """Give a SKU a price that stands alone, in minor units; return its id."""
        price_id = stable_id("standalone-price", str(next(self._price_ids)))
        fields = {"sku": sku, "value": money(minor, CURRENCY), "active": active}
        return _define(self.standalone_prices, price_id, fields)

    # What the books say.

    def product_of(self, sku: str) -> str | None:
        """Return the id of the product that has this SKU, in its current or its staged data."""
        return self.products.owner("sku", sku)

    def is_published(self, product_id: str) -> bool:
        """Say whether there is such a product and it is published."""
        return product_id in self.products and bool(self.products[product_id]["masterData"]["published"])

    def skus_of(self, product_id: str, *, staged: bool = False) -> list[str]:
        """Return the SKUs of a product, the master's first, as it is shown or as it is staged. Raises KeyError."""
        side = self.products[product_id]["masterData"]["staged" if staged else "current"]
        return [one["sku"] for one in variants_of(side) if "sku" in one]

    def _holder_of(self, sku: str) -> str:
        product_id = self.product_of(sku)
        if product_id is None:
            raise KeyError(sku)
        return product_id

    def _act(self, product_id: str, action: Wire, by: str) -> None:
        self.update_product(self.products[product_id], [action], staff(by))

    def _edit(
        self, product_id: str, change: Callable[[Wire], Wire], *, staged_only: bool = False, by: str = STAFF
    ) -> None:
        product = self.products[product_id]
        changed = with_data(product, change, staged=staged_only)
        if changed is not product:
            self._rewrite(changed, staff(by))

    def _price(self, minor: int) -> Wire:
        return {"id": self.new_price_id(), "value": money(minor, CURRENCY)}


def _variant_draft(sku: str, price: bool | int, attributes: Mapping[str, object] | None) -> Wire:
    given = [{"name": name, "value": value} for name, value in (attributes or {}).items()]
    minor = _PRICE if price is True else price
    prices = [{"value": {"currencyCode": CURRENCY, "centAmount": minor}}] if minor else []
    return {"sku": sku, "prices": prices, "attributes": given}


def _define(book: dict[str, Wire], resource_id: str, fields: Wire) -> str:
    version = book[resource_id]["version"] + 1 if resource_id in book else 1
    dated = {"createdAt": OPENED_AT, "lastModifiedAt": OPENED_AT}
    book[resource_id] = {"id": resource_id, "version": version, **dated, **fields}
    return resource_id
