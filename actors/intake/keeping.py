"""Keeps orders: the one way an order read from commercetools comes into the file, whoever had it read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.core.actor import clear_connection
from actors.domain.exception_types import Finding
from actors.domain.feed import FeedOrder
from actors.domain.returning import aftersales
from actors.domain.tendering import money_of
from actors.domain.time import Instant
from actors.intake.rules import SweepRules, calls_for_a_look, goes_first
from actors.messages import Flow, Nudge
from storage import bodies, books, exceptions, fulfilments, orders, outbox, timeline
from storage.bodies import Sealer
from storage.orders import Accepted

UNREADABLE_AGAIN = 900_000
"""Milliseconds until an order nobody could read is looked at again."""

_LARGEST = 2**63
"""An integer of SQLite is smaller."""

READABLE = ("order_unreadable", "order_unlisted_here")
"""What is over once an order is accepted."""


class OrderKeeper:
    """Keeps orders with their lines, their sealed bodies and the nudge to look at them."""

    def __init__(self, rules: SweepRules, sealer: Sealer) -> None:
        self._rules = rules
        self.sealer = sealer

    def keep_page(
        self, connection: sqlite3.Connection, page: Sequence[FeedOrder], source: str, now: Instant
    ) -> list[str]:
        """Keep a page; return the ids of the orders nobody knew."""
        clear_connection(connection, "commercetools", "list_orders", now=now)
        return [entry.id for entry in page if self.keep(connection, entry, source, now) is Accepted.NEW]

    def keep(self, connection: sqlite3.Connection, entry: FeedOrder, source: str, now: Instant) -> Accepted:
        """Keep one order. One that the file refuses is told as unreadable; the others of its page go on (law L7)."""
        connection.execute("SAVEPOINT entry")
        try:
            accepted = self._keep(connection, entry, source, now)
        except sqlite3.OperationalError:
            raise  # the file itself is in trouble: everything has to come again
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO entry")
            problem = f"it cannot be stored ({type(error).__name__})"
            refused = msgspec.structs.replace(entry, order=None, problem=problem)
            accepted = self._keep(connection, refused, source, now)
        connection.execute("RELEASE entry")
        return accepted

    def _keep(self, connection: sqlite3.Connection, entry: FeedOrder, source: str, now: Instant) -> Accepted:
        """Store the order, and a nudge to look at it, or know it already."""
        order = entry.order
        record = exceptions.Record(kind="order", id=entry.id, number=order.number if order is not None else None)
        if order is None:
            self._keep_unreadable(connection, entry, record, now)
            return Accepted.KNOWN
        accepted = orders.accept(connection, order, now=now)
        exceptions.clear(connection, record, resolution="readable", now=now, types=READABLE)
        # A refund changes the payment and not the order: it is seen whatever version this is.
        fulfilments.tell_aftersales(connection, order.id, aftersales(order), now=now)
        books.tell_money(connection, order.id, money_of(order), now=now)
        if accepted is Accepted.KNOWN:
            return accepted
        orders.set_express(connection, order.id, goes_first(self._rules, order))
        sealed = self.sealer.seal(entry.body, order_id=order.id, kind="order")
        bodies.put(connection, order.id, "order", version=order.version, sealed=sealed, now=now)
        what = "accepted" if accepted is Accepted.NEW else "changed"
        timeline.note(
            connection, order.id, what, now=now, source=source, version=order.version, order_state=order.state
        )
        if accepted is Accepted.NEW and order.created_at < self._rules.since:
            orders.exclude_history(connection, order.id, now=now)
            return accepted
        stored = orders.get(connection, order.id)
        if stored is not None and calls_for_a_look(stored.state):
            outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order.id, due_at=now), now=now)
        return accepted

    def _keep_unreadable(
        self, connection: sqlite3.Connection, entry: FeedOrder, record: exceptions.Record, now: Instant
    ) -> None:
        sealed = self.sealer.seal(entry.body, order_id=entry.id, kind="unreadable")
        version = entry.version if abs(entry.version) < _LARGEST else 0
        bodies.put(connection, entry.id, "unreadable", version=version, sealed=sealed, now=now)
        finding = Finding(
            code="order_unreadable",
            cause=f"Order {entry.id} could not be read: {entry.problem}",
            group=f"order_unreadable:{entry.problem}",
            facts={"version": str(entry.version), "problem": entry.problem},
        )
        exceptions.raise_finding(connection, record, finding, now=now)
        # It may be mended without being changed (a format understood by the next release): looked at once in a while.
        look = Nudge(flow=Flow.ORDERS, subject=entry.id, due_at=now + UNREADABLE_AGAIN)
        outbox.accept(connection, look, now=now)
