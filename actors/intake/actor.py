"""The intake flow: two sweeps over commercetools' orders, and one reading of those older than `since`.

The *hot* one reads up to now every few seconds, so that an order is seen at once; it may miss what shows late. The
*complete* one trails and overlaps, and it alone moves the mark "every order before this instant is known". Each message
reads one page and commits its orders with the cursor, so a kill costs at most one page read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.core.actor import Actor, Done, Outcome, Surroundings, Unit, clear_connection
from actors.domain.crashpoints import MechanismPoint
from actors.domain.exception_types import Finding
from actors.domain.feed import FeedCursor, FeedOrder
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.intake.ports import OrderFeed
from actors.intake.rules import SweepRules, calls_for_a_look, goes_first, hot_start, pass_end, pass_start
from actors.messages import Envelope, Flow, Nudge
from storage import bodies, cursors, exceptions, flows, orders, outbox, timeline
from storage.bodies import Sealer
from storage.cursors import Cursor
from storage.orders import Accepted

HOT = "sweep:hot"
COMPLETE = "sweep:complete"
OLDER = "sweep:before-since"

UNREADABLE_AGAIN = 900_000
"""Milliseconds until an order nobody could read is looked at again."""

_LARGEST = 2**63
"""An integer of SQLite is smaller."""


class IntakeActor(Actor):
    """Handles nudges to read on."""

    flow = Flow.INTAKE
    standing = True

    def __init__(self, surroundings: Surroundings, *, feed: OrderFeed, rules: SweepRules, sealer: Sealer) -> None:
        super().__init__(surroundings, concurrency=2, capacity=4)
        self.feed = feed
        self.rules = rules
        self.sealer = sealer
        self.accepted = 0
        self.repeated = 0

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts the sweeps."""
        return tuple(Nudge(flow=Flow.INTAKE, subject=subject, due_at=now) for subject in (HOT, COMPLETE, OLDER))

    async def handle(self, envelope: Envelope) -> Outcome:
        """Read one page of one sweep."""
        if envelope.subject == HOT:
            return await self._hot()
        if envelope.subject == COMPLETE:
            return await self._complete()
        if envelope.subject == OLDER:
            return await self._older()
        return Done()

    async def _hot(self) -> Done:
        now = self.around.clock.now()
        stored = await self.around.database.read(lambda connection: cursors.get(connection, HOT))
        after = FeedCursor(at=stored.at, id=stored.after_id) if stored is not None else hot_start(self.rules, now)
        page = await self._read(after, until=None)
        last = FeedCursor(at=page[-1].modified_at, id=page[-1].id) if page else after
        full = len(page) >= self.rules.page
        due_at = self.around.clock.now() + (0 if full else self.rules.hot)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._accept(connection, page, "hot sweep", at))
            cursors.put(connection, HOT, Cursor(at=last.at, after_id=last.id), now=at)

        return self._read_on(unit, page, new, Nudge(flow=Flow.INTAKE, subject=HOT, due_at=due_at))

    async def _complete(self) -> Done:
        now = self.around.clock.now()
        stored = await self.around.database.read(lambda connection: cursors.get(connection, COMPLETE))
        until = stored.until if stored is not None and stored.until is not None else pass_end(self.rules, now)
        if stored is not None and stored.until is not None:
            after = FeedCursor(at=stored.at, id=stored.after_id)
        else:
            after = pass_start(self.rules, stored.mark if stored is not None else None)
        page = await self._read(after, until=until)
        full = len(page) >= self.rules.page
        last = FeedCursor(at=page[-1].modified_at, id=page[-1].id) if page else after
        place = Cursor(at=last.at, after_id=last.id, until=until) if full else Cursor(at=until, mark=until)
        due_at = self.around.clock.now() + (0 if full else self.rules.complete)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._accept(connection, page, "complete sweep", at))
            cursors.put(connection, COMPLETE, place, now=at)
            flows.succeeded(connection, Flow.INTAKE, now=at)

        return self._read_on(unit, page, new, Nudge(flow=Flow.INTAKE, subject=COMPLETE, due_at=due_at))

    async def _older(self) -> Done:
        """Read once what is still open from before `since`: counted and shown, never posted. `mark` says it is done."""
        since = self.rules.since
        stored = await self.around.database.read(lambda connection: cursors.get(connection, OLDER))
        if stored is not None and stored.mark is not None and stored.mark >= since:
            return Done()
        after_id = stored.after_id if stored is not None and stored.at == since else ""
        page = await self.feed.open_orders_before(since, after_id=after_id, limit=self.rules.page)
        full = len(page) >= self.rules.page
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._accept(connection, page, "reading before since", at))
            last = page[-1].id if page else after_id
            cursors.put(connection, OLDER, Cursor(at=since, after_id=last, mark=None if full else since), now=at)

        nudge = Nudge(flow=Flow.INTAKE, subject=OLDER, due_at=self.around.clock.now()) if full else None
        return self._read_on(unit, page, new, nudge)

    async def _read(self, after: FeedCursor, *, until: Instant | None) -> list[FeedOrder]:
        page = await self.feed.changed_orders(after, until=until, limit=self.rules.page)
        self.around.probe(MechanismPoint.PAGE_READ)
        return page

    def _read_on(self, unit: Unit, page: Sequence[FeedOrder], new: list[str], nudge: Nudge | None) -> Done:
        def after() -> None:
            self.accepted += len(new)
            for order_id in new:
                tracer = self.around.tracer
                with tracer.span("order", order_id=order_id), tracer.span("intake.accept", order_id=order_id):
                    self.around.log("order.accepted", order=order_id)

        points = (MechanismPoint.PAGE_ACCEPTED,) if page else ()
        return Done(unit=unit, nudges=() if nudge is None else (nudge,), points=points, after=after)

    def _accept(
        self, connection: sqlite3.Connection, page: Sequence[FeedOrder], source: str, now: Instant
    ) -> list[str]:
        """Accept a page; return the ids of the orders nobody knew."""
        clear_connection(connection, "commercetools", "list_orders", now=now)
        return [entry.id for entry in page if self._accept_alone(connection, entry, source, now) is Accepted.NEW]

    def _accept_alone(self, connection: sqlite3.Connection, entry: FeedOrder, source: str, now: Instant) -> Accepted:
        """Accept one order of a page. One that the file refuses is told as unreadable; the page goes on (law L7)."""
        connection.execute("SAVEPOINT entry")
        try:
            accepted = self._accept_one(connection, entry, source, now)
        except sqlite3.OperationalError:
            raise  # the file itself is in trouble: the whole page has to come again
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO entry")
            problem = f"it cannot be stored ({type(error).__name__})"
            refused = msgspec.structs.replace(entry, order=None, problem=problem)
            accepted = self._accept_one(connection, refused, source, now)
        connection.execute("RELEASE entry")
        return accepted

    def _accept_one(self, connection: sqlite3.Connection, entry: FeedOrder, source: str, now: Instant) -> Accepted:
        """The one door: store the order, and a nudge to look at it, or know it already."""
        order = entry.order
        record = exceptions.Record(kind="order", id=entry.id, number=order.number if order is not None else None)
        if order is None:
            self._keep_unreadable(connection, entry, record, now)
            return Accepted.KNOWN
        accepted = orders.accept(connection, order, now=now)
        exceptions.clear(connection, record, resolution="readable", now=now, types=("order_unreadable",))
        if accepted is Accepted.KNOWN:
            self.repeated += 1
            return accepted
        orders.set_express(connection, order.id, goes_first(self.rules, order))
        sealed = self.sealer.seal(entry.body, order_id=order.id, kind="order")
        bodies.put(connection, order.id, "order", version=order.version, sealed=sealed, now=now)
        what = "accepted" if accepted is Accepted.NEW else "changed"
        timeline.note(
            connection, order.id, what, now=now, source=source, version=order.version, order_state=order.state
        )
        if accepted is Accepted.NEW and order.created_at < self.rules.since:
            orders.move(connection, order.id, OrderState.EXCLUDED, now=now, reason="before since")
            return accepted
        stored = orders.get(connection, order.id)
        if stored is not None and calls_for_a_look(stored.state, order.state):
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
