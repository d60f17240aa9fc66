"""Looks at one record an event was about: the order by its id, or the orders a payment belongs to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from actors.core.actor import Done, Surroundings, Unit, clear_connection
from actors.domain.errors import Missing, Rejected
from actors.domain.feed import FeedOrder
from actors.domain.time import Instant
from actors.intake.keeping import READABLE, OrderKeeper
from actors.intake.ports import OrderFeed
from actors.intake.rules import ORDER_LOOK, PAYMENT_LOOK
from actors.intake.sweeping import Sweeper, wake
from actors.messages import Flow, Nudge
from storage import exceptions, orders, outbox
from storage.orders import Accepted


class Looker:
    """Reads the record again: what the event said of it is not believed."""

    def __init__(self, surroundings: Surroundings, *, feed: OrderFeed, keeper: OrderKeeper, sweeper: Sweeper) -> None:
        self._around = surroundings
        self._feed = feed
        self._keeper = keeper
        self._sweeper = sweeper

    async def look(self, subject: str) -> Done:
        """Read what `order:<id>` or `payment:<id>` names, and keep it."""
        if subject.startswith(ORDER_LOOK):
            return await self._order(subject.removeprefix(ORDER_LOOK))
        return await self._payment(subject.removeprefix(PAYMENT_LOOK))

    async def _order(self, order_id: str) -> Done:
        try:
            read = await self._feed.read_order(order_id)
        except Missing:
            return Done(unit=self._gone(order_id))
        except Rejected as error:
            return self._kept([_unreadable(order_id, error)], "event", "read_order")
        order = read.order
        entry = FeedOrder(
            id=order.id, version=order.version, modified_at=order.modified_at, body=read.body, order=order
        )
        return self._kept([entry], "event", "read_order")

    async def _payment(self, payment_id: str) -> Done:
        return self._kept(await self._feed.orders_of_payments([payment_id]), "payment event", "list_orders", wakes=True)

    def _kept(self, found: Sequence[FeedOrder], source: str, operation: str, *, wakes: bool = False) -> Done:
        new: list[str] = []

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "commercetools", operation, now=now)
            for entry in found:
                if self._keeper.keep(connection, entry, source, now) is Accepted.NEW:
                    new.append(entry.id)
                if wakes:
                    wake(connection, entry, now)

        return Done(unit=unit, after=lambda: self._sweeper.tell(new))

    def _gone(self, order_id: str) -> Unit:
        """commercetools has no such order (any more): the orders flow decides about one we know."""

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            record = exceptions.Record(kind="order", id=order_id)
            exceptions.clear(connection, record, resolution="it is no more there", now=now, types=READABLE)
            if orders.version_of(connection, order_id) is not None:
                outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now), now=now)

        return unit


def _unreadable(order_id: str, error: Rejected) -> FeedOrder:
    problem = error.detail or error.reason
    return FeedOrder(id=order_id, version=0, modified_at=0, body=b"", problem=problem)
