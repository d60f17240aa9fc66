"""What the intake flow needs from commercetools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.domain.feed import FeedCursor, FeedOrder, MessageRow, PaymentMark, ReadOrder, SubscriptionHealth
from actors.domain.time import Instant

__all__ = ["FeedCursor", "FeedOrder", "OrderFeed"]


class OrderFeed(Protocol):
    """Orders, payments and messages by keyset, so that nothing is skipped while rows move; and one order by id."""

    async def changed_orders(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[FeedOrder]:
        """Read one page of orders changed after the cursor (and not after `until`), oldest change first."""
        ...

    async def open_orders_before(self, created_before: Instant, *, after_id: str, limit: int) -> list[FeedOrder]:
        """Read one page of orders created before an instant and still open, in the order of their ids."""
        ...

    async def read_order(self, order_id: str) -> ReadOrder:
        """Read one order. Raises `Missing` where it was deleted, `Rejected` where it cannot be understood."""
        ...

    async def changed_payments(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[PaymentMark]:
        """Read one page of payments changed after the cursor (and not after `until`), oldest change first."""
        ...

    async def orders_of_payments(self, payment_ids: Sequence[str]) -> list[FeedOrder]:
        """Read the orders that name any of these payments."""
        ...

    async def messages(self, after: FeedCursor, *, until: Instant, limit: int) -> list[MessageRow]:
        """Read one page of messages created after the cursor and not after `until`, oldest first."""
        ...

    async def messages_enabled(self) -> bool:
        """Say whether the project keeps its messages; without that the list stays empty."""
        ...

    async def subscription_health(self, subscription_id: str) -> SubscriptionHealth:
        """Ask how a subscription fares; that needs no authorisation."""
        ...
