"""What comes out of commercetools' list of orders: how far a sweep has read, and what it found there."""

from __future__ import annotations

from enum import StrEnum

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


class PaymentMark(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a page: which one, and when it changed."""

    id: str
    version: int
    modified_at: Instant


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of commercetools' list of messages: its place in the list, and the message as it was sent."""

    id: str
    created_at: Instant
    body: bytes


class OrderMark(msgspec.Struct, frozen=True, kw_only=True):
    """An order as far as a count needs it."""

    id: str
    number: str | None
    version: int
    created_at: Instant
    state: str


class SubscriptionHealth(StrEnum):
    """What the health endpoint of a subscription says by its status alone (fact sheet §2.1).

    400 stands for ConfigurationError, ConfigurationErrorDeliveryStopped and ManuallySuspended alike.
    """

    HEALTHY = "healthy"
    CONFIGURATION_ERROR = "configuration error, stopped or suspended"
    TEMPORARY_ERROR = "temporary error"
    ABSENT = "absent"
