"""The rows of commercetools' lists as tallyd thinks of them. A row that is odd is not lost, nor are those after it.

Only a row without an id is nobody's: then the page itself counts as malformed (`msgspec.DecodeError`). Rows come
sorted, so one whose instant cannot be read is taken to be no older than the one before it, the `floor`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from actors.domain.feed import FeedOrder, MessageRow, OrderMark, PaymentMark
from actors.domain.time import Instant, parse_instant
from adapters.commercetools import wire
from adapters.commercetools.translate import UnreadableOrderError, read_order


class _Changed(Protocol):
    @property
    def modified_at(self) -> Instant: ...


_C = TypeVar("_C", bound=_Changed)


def in_order(results: Sequence[msgspec.Raw], reading: Callable[[bytes, Instant], _C], floor: Instant) -> list[_C]:
    """Read rows sorted by their last change; `floor` is where the page begins."""
    found: list[_C] = []
    for raw in results:
        row = reading(bytes(raw), floor)
        floor = row.modified_at
        found.append(row)
    return found


def feed_order(body: bytes, floor: Instant) -> FeedOrder:
    """Read an order, or say why it cannot be read and keep what is known of it."""
    try:
        order = read_order(body)
    except UnreadableOrderError as error:
        known = _mark(body)
        return FeedOrder(
            id=known.id,
            version=_whole(known.version),
            modified_at=max(floor, _instant(known.last_modified_at, floor)),
            body=body,
            problem=str(error),
        )
    return FeedOrder(id=order.id, version=order.version, modified_at=order.modified_at, body=body, order=order)


def payment_mark(body: bytes, floor: Instant) -> PaymentMark:
    """Read of a payment which one it is and when it changed."""
    known = _mark(body)
    modified_at = max(floor, _instant(known.last_modified_at, floor))
    return PaymentMark(id=known.id, version=_whole(known.version), modified_at=modified_at)


def message_rows(results: Sequence[msgspec.Raw], floor: Instant) -> list[MessageRow]:
    """Read messages sorted by their creation; `floor` is where the page begins."""
    found: list[MessageRow] = []
    for raw in results:
        body = bytes(raw)
        known = _mark(body)
        floor = max(floor, _instant(known.created_at, floor))
        found.append(MessageRow(id=known.id, created_at=floor, body=body))
    return found


def order_mark(body: bytes, floor: Instant) -> OrderMark:
    """Read of an order what a count needs; `floor` is where the span begins."""
    known = _mark(body)
    return OrderMark(
        id=known.id,
        number=known.order_number if isinstance(known.order_number, str) and known.order_number else None,
        version=_whole(known.version),
        created_at=_instant(known.created_at, floor),
        state=known.order_state if isinstance(known.order_state, str) else "",
    )


def _mark(body: bytes) -> wire.Mark:
    return msgspec.json.decode(body, type=wire.Mark)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _instant(value: object, otherwise: Instant) -> Instant:
    try:
        return parse_instant(value) if isinstance(value, str) else otherwise
    except (ValueError, OverflowError):
        return otherwise
