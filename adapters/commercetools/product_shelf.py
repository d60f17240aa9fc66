"""The calls that concern the storefront's products (commercetools fact sheet §5): all of `Showcase`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote

from actors.domain.calls import Purpose
from actors.domain.errors import Missing, WireError
from actors.domain.feed import FeedCursor
from actors.domain.listing import DraftAction, ListedProduct, Listing, ProductDraft, ProductType, ProjectModel
from actors.domain.time import Instant
from actors.governor.journal import Intent
from adapters.commercetools import products, queries, wire, wire_products
from adapters.commercetools.answers import unclear
from adapters.commercetools.exchange import PAGE_TIMEOUT_SECONDS, Exchange, Exchanges
from adapters.commercetools.queries import Query

_T = TypeVar("_T")
_LONGEST_NAMES = 3_000  # SKUs are the request's URL, of which nobody says how long it may be (§10, row 5)


class ProductShelf(Exchanges):
    """Implements `Showcase`. Nothing here publishes, and nothing changes what is sold but `unpublish`."""

    async def settings(self) -> wire.Project:
        """Read the project's settings: proof of the credentials, currencies, whether messages are kept."""
        body = await self._read(Purpose.CT_PROJECT, "")
        return self._decoded(body, wire.Project, Purpose.CT_PROJECT)

    async def project(self) -> ProjectModel:
        """Read which catalogue model the project uses, and its languages."""
        return products.project_model(await self.settings())

    async def listings(self, *, staged: bool, after_id: str, limit: int) -> list[Listing]:
        """Read one page of projections, by id ("" begins); `limit` is cut to 500.

        Raises:
            Transient: also when a product of the page cannot be read.
            Limited, Unauthorised, Rejected: as for every read.
        """
        return await self._listings([*queries.version(staged=staged), *queries.by_id(after_id, limit)])

    async def changed_listings(self, after: FeedCursor, *, staged: bool, until: Instant, limit: int) -> list[Listing]:
        """Read one page of the projections changed after a cursor, oldest change first. Raises as `listings`."""
        return await self._listings([*queries.version(staged=staged), *queries.changed(after, until, limit)])

    async def priced_apart(self, skus: Sequence[str]) -> frozenset[str]:
        """Read which of these SKUs have an active price of their own record, in as many calls as it takes.

        Raises:
            Unauthorised: the API client may not read prices.
            Transient, Limited, Rejected: as for every read.
        """
        priced: set[str] = set()
        for some in _in_urls(skus):
            priced |= await self._priced(set(some))
        return frozenset(priced)

    async def read_product(self, product_id: str) -> ListedProduct:
        """Read one product whole. Raises `Missing` (it is gone), and as every read."""
        purpose = Purpose.CT_READ_PRODUCT
        body = await self._read(purpose, f"/products/{quote(product_id, safe='')}")
        return _product(self._decoded(body, wire_products.Product, purpose), purpose)

    async def products_with(self, sku: str) -> list[ListedProduct]:
        """Read every product that has this very SKU in either version. Raises as `listings`."""
        return [one for one in await self._found(queries.products_with_sku(sku)) if sku in one.skus]

    async def product_with_key(self, key: str) -> ListedProduct | None:
        """Read the product of a key; None when there is none. Raises as every read."""
        purpose = Purpose.CT_FIND_PRODUCT
        try:
            body = await self._read(purpose, f"/products/key={quote(key, safe='')}")
        except Missing:
            return None
        return _product(self._decoded(body, wire_products.Product, purpose), purpose)

    async def products_with_slug(self, slug: str, language: str) -> list[ListedProduct]:
        """Read every product that has a slug in a language, in either version. Raises as `listings`.

        Raises:
            ValueError: that is no language tag; nothing was sent.
        """
        return await self._found(queries.products_with_slug(slug, language))

    async def product_type(self, key: str) -> ProductType | None:
        """Read the product type of a key; None when there is none. Raises as every read."""
        purpose = Purpose.CT_PRODUCT_TYPE
        try:
            body = await self._read(purpose, f"/product-types/key={quote(key, safe='')}")
        except Missing:
            return None
        return products.product_type(self._decoded(body, wire_products.ProductType, purpose), key)

    async def has_tax_category(self, key: str) -> bool:
        """Say whether there is a tax category of a key. Raises as every read."""
        try:
            await self._read(Purpose.CT_TAX_CATEGORY, f"/tax-categories/key={quote(key, safe='')}")
        except Missing:
            return False
        return True

    async def unpublish(self, product: ListedProduct, intent: Intent) -> ListedProduct:
        """Unpublish under `product.version`; return the product as it is then. Staged changes stay as they are.

        Raises:
            Conflict: the product has changed since it was read; nothing was done.
            InDoubt: no clear answer, or one about another product.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was done.
        """
        return await self._update(product, products.UNPUBLISH, intent)

    async def create_draft(self, draft: ProductDraft, intent: Intent) -> ListedProduct:
        """Make an unpublished product.

        Raises:
            ValueError: it has no variant; nothing was sent.
            Rejected: refused; with reason `duplicate` something of it exists, and `detail` begins with the field.
            InDoubt: no clear answer, or one about another product.
            Transient (not sent), Limited, Unauthorised: nothing was made.
        """
        sent = await self._timed_write(intent, "/products", products.draft(draft))
        made = self._written(sent, intent.purpose)
        if made.key != draft.key:
            raise _another(sent, intent.purpose)
        return made

    async def update_draft(
        self, product: ListedProduct, actions: Sequence[DraftAction], intent: Intent
    ) -> ListedProduct:
        """Do all of these, in their order and staged, under `product.version`, or none. Raises as `unpublish`.

        Raises:
            ValueError: there is nothing to do; nothing was sent.
        """
        return await self._update(product, products.actions(actions), intent)

    async def _update(
        self, product: ListedProduct, actions: Sequence[products.Payload], intent: Intent
    ) -> ListedProduct:
        payload = {"version": product.version, "actions": actions}
        sent = await self._timed_write(intent, f"/products/{quote(product.id, safe='')}", payload)
        changed = self._written(sent, intent.purpose)
        if changed.id != product.id:
            raise _another(sent, intent.purpose)
        return changed

    def _written(self, sent: Exchange, purpose: Purpose) -> ListedProduct:
        found = self._decoded(sent.body, wire_products.Product, purpose, sent.until)
        return _product(found, purpose, sent.until)

    async def _listings(self, query: Query) -> list[Listing]:
        purpose = Purpose.CT_LIST_PRODUCTS
        body = await self._read(purpose, "/product-projections", query, seconds=PAGE_TIMEOUT_SECONDS)
        found = self._decoded(body, wire_products.Projections, purpose).results
        return _understood(lambda: [products.listing(one) for one in found], purpose)

    async def _priced(self, missing: set[str]) -> set[str]:
        """A SKU may have thousands of prices: one that is found is not asked for again."""
        purpose = Purpose.CT_LIST_PRICES
        priced: set[str] = set()
        last = ""
        while missing:
            query = queries.prices_of(sorted(missing), last)
            body = await self._read(purpose, "/standalone-prices", query, seconds=PAGE_TIMEOUT_SECONDS)
            page = self._decoded(body, wire_products.PriceRecords, purpose).results
            found = {one.sku for one in page if one.active} & missing
            priced |= found
            missing = missing - found
            if len(page) < queries.LARGEST_PAGE:
                return priced
            last = page[-1].id
        return priced

    async def _found(self, query: Query) -> list[ListedProduct]:
        purpose = Purpose.CT_FIND_PRODUCT
        body = await self._read(purpose, "/products", query, seconds=PAGE_TIMEOUT_SECONDS)
        found = self._decoded(body, wire_products.Products, purpose).results
        return [_product(one, purpose) for one in found]


def _product(found: wire_products.Product, purpose: Purpose, until: Instant = 0) -> ListedProduct:
    return _understood(lambda: products.product(found), purpose, until)


def _understood(reading: Callable[[], _T], purpose: Purpose, until: Instant = 0) -> _T:
    try:
        return reading()
    except ValueError as error:
        raise unclear("malformed", purpose, until=until, detail=str(error)) from None


def _another(sent: Exchange, purpose: Purpose) -> WireError:
    return unclear("malformed", purpose, until=sent.until, detail="another product's answer")


def _in_urls(skus: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list into parts whose names fit into a URL."""
    part: list[str] = []
    length = 0
    for sku in skus:
        longer = len("&var.skus=") + len(quote(sku, safe=""))
        if part and length + longer > _LONGEST_NAMES:
            yield part
            part, length = [], 0
        part.append(sku)
        length += longer
    if part:
        yield part
