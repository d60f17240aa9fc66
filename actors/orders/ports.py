"""What the orders flow needs from the two systems, in its own words."""

from __future__ import annotations

from datetime import date
from typing import Any, Protocol

from actors.domain.facts import Customer
from actors.domain.feed import ReadOrder
from actors.domain.lease import StoredLease
from actors.domain.order import Order
from actors.domain.sale import CustomerCard, LookUp, OrderView, SaleChange, SaleHeader, SaleOrder, SaleView
from actors.governor.journal import Intent

__all__ = ["LeaseBook", "ReadOrder", "SalesBook", "Storefront"]


class Storefront(Protocol):
    """commercetools. Every method may raise the errors of `actors.domain.errors`."""

    async def read_order(self, order_id: str) -> ReadOrder:
        """Read the order as it is now, payments expanded. Raises `Missing` when it was deleted."""
        ...

    async def mark_exported(self, order: Order, *, channel_key: str, external_id: str, intent: Intent) -> int:
        """Set the order's sync info for the channel under its version; return the new version."""
        ...

    async def available(self, sku: str, channel_key: str | None, *, subject: str) -> int | None:
        """Read what the storefront still sells of a SKU in a supply channel (None: the entry without one).

        Return its available quantity (may be negative), or None when there is no such entry.
        """
        ...


class SalesBook(Protocol):
    """Cin7 Core's sales. Every method is one governed call and may raise the errors of `actors.domain.errors`."""

    async def create_sale(self, header: SaleHeader, intent: Intent) -> SaleView:
        """Make the sale's header. In doubt if the answer is lost: Cin7 has no idempotency key."""
        ...

    async def post_order(self, order: SaleOrder, intent: Intent) -> OrderView:
        """Give the sale its order document, as a DRAFT or authorised; the answer is the read-back."""
        ...

    async def void_sale(self, sale_id: str, intent: Intent) -> SaleView:
        """Void the sale; the answer shows it."""
        ...

    async def update_sale(self, change: SaleChange, shown: SaleView, intent: Intent) -> SaleView:
        """Change what `change` names of a header `shown` so; the answer shows it. In doubt if the answer is lost."""
        ...

    async def read_sale(self, sale_id: str, *, subject: str) -> SaleView:
        """Read one sale. Raises `Missing` when there is none."""
        ...

    async def find_customer(self, name: str, *, subject: str) -> Customer | None:
        """Look for the customer of exactly this name, retired ones too."""
        ...

    async def create_customer(self, card: CustomerCard, intent: Intent) -> Customer:
        """Make a customer. The name is unique in Cin7, so a second create is refused, never a twin."""
        ...

    async def next_delivery(self, sku: str, location: str, *, subject: str) -> date | None:
        """Read when the next delivery of a SKU to a location is expected; None when Cin7 names no date."""
        ...

    async def find_by_external_id(self, external_id: str, *, subject: str) -> LookUp:
        """Ask `saleList` for one external id. What comes back may be unfiltered: judge the rows."""
        ...

    async def find_by_reference(self, reference: str, *, subject: str) -> LookUp:
        """Ask `saleList` to search for a customer reference (it searches by *contains*): judge the rows."""
        ...


class LeaseBook(Protocol):
    """Where the lease is kept: one custom object in commercetools."""

    async def read_lease(self, container: str, key: str) -> StoredLease | None:
        """Read it; None when there is none."""
        ...

    async def write_lease(
        self, container: str, key: str, value: dict[str, Any], version: int | None, intent: Intent
    ) -> StoredLease:
        """Write it under its version (None: an upsert). Raises `Conflict` when somebody was faster."""
        ...
