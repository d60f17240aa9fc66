"""What the intake flow needs from commercetools."""

from __future__ import annotations

from typing import Protocol

import msgspec

from actors.domain.order import Order
from actors.domain.time import Instant


class FeedCursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sweep has read: the last order's `lastModifiedAt` and, for ties, its id ("" = before any of them)."""

    at: Instant
    id: str = ""


class FeedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a page: decoded, or why it could not be (then `order` is None, the ids are its envelope's)."""

    id: str
    version: int
    modified_at: Instant
    body: bytes
    order: Order | None = None
    problem: str = ""


class OrderFeed(Protocol):
    """Orders in the order of their last change, by keyset: nothing is skipped while rows move."""

    async def changed_orders(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[FeedOrder]:
        """Read one page of orders changed after the cursor (and not after `until`), oldest change first."""
        ...
