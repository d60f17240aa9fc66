"""Who goes next: lanes in order, with a guaranteed share for each lower one, spread evenly in time.

Three rules, in this order:

1. A lane below orders whose share is *due* goes first, even before orders and into the reserve. A share of 10 a minute
   is due every 6 s while the lane has work; dues that found no room are made up for, dues without work are not. Two
   such preferments keep a distance, so that lanes which are due together do not stand before an order as a burst.
2. Orders.
3. The other lanes in order of urgency, as long as they leave the reserve free.

Within a lane the first come goes first. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from actors.domain.calls import Lane

_SHARES_SPACING = 0.75
"""Distance between two preferments as a part of the mean one; below 1, so that a late share catches up."""

_LONGEST_DEBT_SECONDS = 30.0
"""Dues older than this are forgotten, so that the end of a long pause does not belong to the lower lanes alone."""

TicketT = TypeVar("TicketT", bound=Hashable)


class _Queue(Generic[TicketT]):
    """One lane's tickets and the instant from which its share entitles it to a call."""

    def __init__(self, share: int) -> None:
        self.share = share
        self.tickets: dict[TicketT, None] = {}  # a dict keeps order and forgets an abandoned ticket at once
        self.due_at = -math.inf

    def served(self, now: float, interval: float) -> None:
        # A late call keeps the beat (else the share would erode); an early one, out of spare room, starts it anew.
        late = now >= self.due_at
        self.due_at = max(self.due_at + interval, now - _LONGEST_DEBT_SECONDS) if late else now + interval


class Lanes(Generic[TicketT]):
    """The tickets that wait. `shares` are calls a minute at full allowance; a lane without one gets what is left."""

    def __init__(self, *, shares: Mapping[Lane, int], reserve: int) -> None:
        self._queues = {lane: _Queue[TicketT](shares.get(lane, 0)) for lane in Lane}
        self._queues[Lane.ORDERS].share = 0  # orders take precedence; a share would mean nothing
        self._reserve = reserve
        self._prefer_at = -math.inf

    def __len__(self) -> int:
        return sum(len(queue.tickets) for queue in self._queues.values())

    def waiting(self) -> dict[Lane, int]:
        """Return how many tickets wait in each lane."""
        return {lane: len(queue.tickets) for lane, queue in self._queues.items()}

    def add(self, ticket: TicketT, lane: Lane, now: float) -> None:
        """Queue a ticket."""
        queue = self._queues[lane]
        if not queue.tickets:
            queue.due_at = max(queue.due_at, now)  # nothing is saved up while there is no work
        queue.tickets[ticket] = None

    def remove(self, ticket: TicketT, lane: Lane) -> None:
        """Forget a ticket that nobody waits for any more; it costs nothing."""
        self._queues[lane].tickets.pop(ticket, None)

    def clear(self) -> list[TicketT]:
        """Remove and return all tickets."""
        everybody = [ticket for queue in self._queues.values() for ticket in queue.tickets]
        for queue in self._queues.values():
            queue.tickets.clear()
        return everybody

    def pick(self, now: float, free: int, *, scale: float = 1.0, only_orders: bool = False) -> TicketT | None:
        """Remove and return the ticket that goes next, or None if those who wait must wait on.

        `free` is the number of calls that may begin now. `scale` (0 to 1) shrinks shares and reserve when the allowance
        itself has shrunk. `only_orders` is set while lower lanes hold all the places in flight that they may.
        """
        if free <= 0:
            return None
        lane = self._choose(now, free, scale, only_orders=only_orders)
        if lane is None:
            return None
        queue = self._queues[lane]
        ticket = next(iter(queue.tickets))
        del queue.tickets[ticket]
        if queue.share:
            queue.served(now, _interval(queue.share, scale))
        return ticket

    def next_due_at(self) -> float:
        """Return when a share next entitles a waiting lane to a call (perhaps in the past); infinity if none does."""
        dues = [queue.due_at for queue in self._queues.values() if queue.share and queue.tickets]
        return max(self._prefer_at, min(dues)) if dues else math.inf

    def kept_free(self, scale: float = 1.0) -> int:
        """Return the reserve at that scale."""
        return int(self._reserve * scale)

    def _choose(self, now: float, free: int, scale: float, *, only_orders: bool) -> Lane | None:
        if not only_orders and (lane := self._due(now)) is not None:
            entitled = sum(queue.share for queue in self._queues.values() if queue.tickets)
            spacing = _SHARES_SPACING * _interval(entitled, scale)
            self._prefer_at = max(self._prefer_at + spacing, now + spacing / 2)  # catches up, but never in a row
            return lane
        if self._queues[Lane.ORDERS].tickets:
            return Lane.ORDERS
        if only_orders or free <= self.kept_free(scale):
            return None
        return next((lane for lane, queue in self._queues.items() if queue.tickets), None)

    def _due(self, now: float) -> Lane | None:
        if now < self._prefer_at:
            return None
        due = [
            (queue.due_at, lane)
            for lane, queue in self._queues.items()
            if queue.share and queue.tickets and queue.due_at <= now
        ]
        return min(due)[1] if due else None


def _interval(share: int, scale: float) -> float:
    """Return the seconds between two calls of a share."""
    return 60.0 / (share * scale)
