"""What the intake flow needs from commercetools."""

from __future__ import annotations

from typing import Protocol

from actors.domain.feed import FeedCursor, FeedOrder
from actors.domain.time import Instant

__all__ = ["FeedCursor", "FeedOrder", "OrderFeed"]


class OrderFeed(Protocol):
    """Orders in the order of their last change, by keyset: nothing is skipped while rows move."""

    async def changed_orders(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[FeedOrder]:
        """Read one page of orders changed after the cursor (and not after `until`), oldest change first."""
        ...

    async def open_orders_before(self, created_before: Instant, *, after_id: str, limit: int) -> list[FeedOrder]:
        """Read one page of orders created before an instant and still open, in the order of their ids."""
        ...
