"""Pure rules of the sweeps: where a pass begins, where it ends, and what an accepted order calls for."""

from __future__ import annotations

import msgspec

from actors.domain.feed import FeedCursor
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.time import Instant


class SweepRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[intake]` in milliseconds. `since` is `[orders] since`: older orders are counted and never posted.

    `first` are the names of the shipping methods whose orders go ahead (`[orders] first`), compared exactly.
    """

    since: Instant
    hot: int = 3_000
    complete: int = 60_000
    trail: int = 60_000
    overlap: int = 300_000
    page: int = 500
    first: frozenset[str] = frozenset()


def hot_start(rules: SweepRules, now: Instant) -> FeedCursor:
    """Where the hot sweep begins when it never ran: a little back; the complete sweep brings what is older."""
    return FeedCursor(at=max(rules.since, now - rules.overlap))


def pass_start(rules: SweepRules, mark: Instant | None) -> FeedCursor:
    """Where a complete pass begins: an overlap before the mark, since rows may show late and out of order."""
    return FeedCursor(at=max(0, (mark if mark is not None else rules.since) - rules.overlap))


def pass_end(rules: SweepRules, now: Instant) -> Instant:
    """Where a complete pass ends: it trails now, so that what commits late is seen before the mark passes it."""
    return now - rules.trail


def goes_first(rules: SweepRules, order: Order) -> bool:
    """Say whether the order travels by a method that the merchant put ahead."""
    return any(part.method in rules.first for part in order.shipping)


def calls_for_a_look(state: OrderState, source_state: str) -> bool:
    """Say whether a changed order has to be looked at. Our own echo never comes here: its version is known."""
    if state in (OrderState.CANCELLED, OrderState.EXCLUDED):
        return False
    return state is not OrderState.EXPORTED or source_state == "Cancelled"
