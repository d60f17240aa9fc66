"""What the census needs from both systems."""

from __future__ import annotations

from typing import Protocol

from actors.domain.feed import OrderMark
from actors.domain.sale import CreditNotePage, SalePage
from actors.domain.time import Instant
from actors.domain.webhook import Webhook
from actors.governor.journal import Intent


class SalesList(Protocol):
    """Cin7 Core's lists of sales, and its webhooks. Lists go up by document number and cannot be sorted."""

    async def listed_sales(
        self, *, page: int, created_since: Instant, updated_since: Instant | None, rows: int = 1000
    ) -> SalePage:
        """Read one page of the sales created since an instant, those updated since another one where it is given."""
        ...

    async def credit_notes(self, *, page: int, updated_since: Instant) -> CreditNotePage:
        """Read one page of the credit notes updated since an instant."""
        ...

    async def webhooks(self) -> tuple[Webhook, ...]:
        """Read every webhook of the account."""
        ...

    async def create_webhook(self, kind: str, url: str, intent: Intent) -> Webhook:
        """Make a webhook of one type that sends our bearer token to `url`."""
        ...

    async def revive_webhook(self, hook: Webhook, intent: Intent) -> Webhook:
        """Switch a webhook of ours on again, with our bearer token."""
        ...


class OrderCount(Protocol):
    """commercetools' own list of orders, counted and by id."""

    async def count_orders(self, created_from: Instant, created_before: Instant) -> int:
        """Count the orders created in a span. commercetools counts to 10,000 when filtered."""
        ...

    async def listed_orders(
        self, created_from: Instant, created_before: Instant, *, after_id: str, limit: int
    ) -> list[OrderMark]:
        """Read one page of the orders created in a span, in the order of their ids."""
        ...
