"""What comes out of commercetools' list of orders: how far a sweep has read, and what it found there."""

from __future__ import annotations

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


class ReadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order and the body it was read from (personal data: goes to the encrypted table only)."""

    order: Order
    body: bytes
