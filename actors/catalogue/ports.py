"""What the catalogue flow needs from Cin7 Core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.domain.facts import (
    Carrier,
    Company,
    Customer,
    ExchangeRate,
    LedgerAccount,
    Location,
    PaymentTerm,
    TaxRule,
)
from actors.domain.feed import FeedCursor
from actors.domain.item import FamilyPage, ItemPage
from actors.domain.listing import DraftAction, ListedProduct, Listing, ProductDraft, ProductType, ProjectModel
from actors.domain.time import Instant
from actors.governor.journal import Intent

__all__ = ["AccountBook", "RateFiles", "Showcase"]


class RateFiles(Protocol):
    """Files of exchange rates that a person or a job keeps."""

    async def read(self, path: str) -> str:
        """Return a file's text.

        Raises:
            OSError: it is not there or may not be read.
            ValueError: it is no text.
        """
        ...


class AccountBook(Protocol):
    """The account's reference data. Every call is governed, in the catalogue lane; lists are read to their end."""

    async def company(self) -> Company:
        """`GET /me`: also the proof that the credentials are good."""
        ...

    async def tax_rules(self) -> tuple[TaxRule, ...]:
        """Every tax rule, active or not."""
        ...

    async def locations(self) -> tuple[Location, ...]:
        """Every location, deprecated ones too."""
        ...

    async def payment_terms(self) -> tuple[PaymentTerm, ...]:
        """Every payment term."""
        ...

    async def accounts(self) -> tuple[LedgerAccount, ...]:
        """Every account of the books."""
        ...

    async def customers_named(self, name: str) -> tuple[Customer, ...]:
        """Customers whose name *starts with* this one (the filter's documented meaning)."""
        ...

    async def carriers(self) -> tuple[Carrier, ...]:
        """Every carrier."""
        ...

    async def latest_rates(self, currencies: frozenset[str], *, since: Instant) -> tuple[ExchangeRate, ...]:
        """Return, per currency, the rate of the newest sale made since then that tallyd did not make itself.

        A currency nobody sold in since then is left out.
        """
        ...

    async def products(self, *, page: int, modified_since: Instant | None) -> ItemPage:
        """One page of 1,000 products, deprecated ones too; all of them, or those changed since."""
        ...

    async def families(self, *, page: int, modified_since: Instant | None) -> FamilyPage:
        """One page of 1,000 product families; all of them, or those changed since."""
        ...


class Showcase(Protocol):
    """The storefront's products. Reads raise Transient, Limited, Unauthorised, Rejected as every read does."""

    async def project(self) -> ProjectModel:
        """Which catalogue model the project uses, and its languages."""
        ...

    async def listings(self, *, staged: bool, after_id: str, limit: int) -> list[Listing]:
        """One page of projections, by id ("" begins): staged of every product, or current of the published ones."""
        ...

    async def changed_listings(self, after: FeedCursor, *, staged: bool, until: Instant, limit: int) -> list[Listing]:
        """One page of the projections changed after a cursor and not after `until`, oldest change first."""
        ...

    async def priced_apart(self, skus: Sequence[str]) -> frozenset[str]:
        """Which of these SKUs (100 at most) have a price of their own record (price mode Standalone).

        Raises:
            Unauthorised: the API client may not read prices; then nobody knows.
        """
        ...

    async def read_product(self, product_id: str) -> ListedProduct:
        """Read one product whole. Raises `Missing`: it is gone."""
        ...

    async def products_with(self, sku: str) -> list[ListedProduct]:
        """Every product that has a SKU in either version, asked of the strongly consistent endpoint (K1)."""
        ...

    async def product_with_key(self, key: str) -> ListedProduct | None:
        """The product of a key, or None."""
        ...

    async def products_with_slug(self, slug: str, language: str) -> list[ListedProduct]:
        """Every product that has a slug in either version."""
        ...

    async def product_type(self, key: str) -> ProductType | None:
        """The product type of a key, or None."""
        ...

    async def has_tax_category(self, key: str) -> bool:
        """Whether there is a tax category of this key."""
        ...

    async def unpublish(self, product: ListedProduct, intent: Intent) -> ListedProduct:
        """Unpublish under `product.version`.

        Raises:
            Conflict: the product has changed since it was read; nothing was done.
            InDoubt: no clear answer.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was done.
        """
        ...

    async def create_draft(self, draft: ProductDraft, intent: Intent) -> ListedProduct:
        """Make an unpublished product.

        Raises:
            Rejected: refused; with reason `duplicate` something of it exists (`detail` names the field as
                commercetools spells it: `masterVariant.sku`, `slug.en-GB`, `key` ...).
            InDoubt: no clear answer.
            Transient (not sent), Limited, Unauthorised: nothing was made.
        """
        ...

    async def update_draft(
        self, product: ListedProduct, actions: Sequence[DraftAction], intent: Intent
    ) -> ListedProduct:
        """Do all of these under `product.version`, staged, or none. Raises as `unpublish`, and `Rejected` duplicates.

        Raises:
            ValueError: there is nothing to do; nothing was sent.
        """
        ...
