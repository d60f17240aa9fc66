"""The sweeps over what commercetools lists: orders (up to now, complete, older, all open), payments, messages.

Each message reads one page and commits it with the cursor, so a kill costs at most one page read again. The complete
one of each list trails and overlaps, because rows show late and out of order (commercetools fact sheet §2.5); of the
orders it alone moves the mark "every order before this instant is known".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from actors.core.actor import Done, Surroundings, Unit, clear_connection
from actors.domain.crashpoints import MechanismPoint
from actors.domain.edits import owed_by
from actors.domain.errors import Unauthorised
from actors.domain.feed import FeedCursor, FeedOrder, PaymentMark
from actors.domain.notification import PAYMENT, Delivery, Notification
from actors.domain.order import Order
from actors.domain.order_state import UNSETTLED, OrderState
from actors.domain.payments import is_reversed
from actors.domain.time import Instant
from actors.intake.accepting import note_deliveries
from actors.intake.keeping import OrderKeeper
from actors.intake.ports import OrderFeed
from actors.intake.rules import MINUTE, SweepRules, believable, hot_start, next_night, pass_end, pass_start
from actors.messages import Flow, Nudge, Urgency
from storage import cursors, doors, exceptions, exported, flows, meta, orders, outbox
from storage.cursors import Cursor
from storage.orders import OrderRecord

HOT = "sweep:hot"
COMPLETE = "sweep:complete"
OLDER = "sweep:before-since"
OPEN = "sweep:open"
PAYMENTS = "sweep:payments"
MESSAGES = "sweep:messages"

SWEEPS = (HOT, COMPLETE, OLDER, OPEN, PAYMENTS, MESSAGES)

ASK_AGAIN = 60 * MINUTE
"""How long a list that commercetools does not keep, or does not show us, is left alone (milliseconds)."""

ReadMessage = Callable[[bytes], Delivery]
"""Reads a row of the list of messages."""


class Sweeper:
    """Reads one page of one list at a time."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        feed: OrderFeed,
        rules: SweepRules,
        keeper: OrderKeeper,
        read_message: ReadMessage,
        project: str,
    ) -> None:
        self._around = surroundings
        self._feed = feed
        self._rules = rules
        self._keeper = keeper
        self._read_message = read_message
        self._project = project

    async def sweep(self, subject: str) -> Done:
        """Read one page of the named list."""
        sweeps = {
            HOT: self._hot,
            COMPLETE: self._complete,
            OLDER: self._older,
            OPEN: self._open,
            PAYMENTS: self._payments,
            MESSAGES: self._messages,
        }
        return await sweeps[subject]()

    # -- orders -------------------------------------------------------------------------------------------------------

    async def _hot(self) -> Done:
        stored = await self._stored(HOT)
        now = self._around.clock.now()
        after = FeedCursor(at=stored.at, id=stored.after_id) if stored is not None else hot_start(self._rules, now)
        page = await self._page(after, until=None)
        last = FeedCursor(at=page[-1].modified_at, id=page[-1].id) if page else after
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._keeper.keep_page(connection, page, "hot sweep", at))
            cursors.put(connection, HOT, Cursor(at=last.at, after_id=last.id), now=at)

        return self._read_on(unit, page, new, self._again(HOT, page, self._rules.hot))

    async def _complete(self) -> Done:
        stored, after, until = await self._pass(COMPLETE)
        page = await self._page(after, until=until)
        last = FeedCursor(at=page[-1].modified_at, id=page[-1].id) if page else after
        place = self._place(last, until, page)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._keeper.keep_page(connection, page, "complete sweep", at))
            _advance(connection, COMPLETE, stored, place, at)
            flows.succeeded(connection, Flow.INTAKE, now=at)

        return self._read_on(unit, page, new, self._again(COMPLETE, page, self._rules.complete))

    async def _older(self) -> Done:
        """Read once what is still open from before `since`: counted and shown, never posted. `mark` says it is done."""
        since = self._rules.since
        stored = await self._stored(OLDER)
        if stored is not None and stored.mark is not None and stored.mark >= since:
            return Done()
        after_id = stored.after_id if stored is not None and stored.at == since else ""
        page = await self._feed.open_orders_before(since, after_id=after_id, limit=self._rules.page)
        full = self._is_full(page)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._keeper.keep_page(connection, page, "reading before since", at))
            last = page[-1].id if page else after_id
            cursors.put(connection, OLDER, Cursor(at=since, after_id=last, mark=None if full else since), now=at)

        return self._read_on(unit, page, new, self._again(OLDER, page, 0) if full else None)

    async def _open(self) -> Done:
        """Every night: read all that is open in commercetools, and look at all that is not at its end here."""
        now = self._around.clock.now()
        stored = await self._stored(OPEN)
        if stored is None or (stored.until is None and now < stored.at):
            # Nothing to read before the first night: the sweeps have just read everything.
            due_at = stored.at if stored is not None else next_night(now)
            return Done(unit=self._wait_for_night(due_at), nudges=(self._nudge(OPEN, due_at),))
        until = stored.until if stored.until is not None else now
        page = await self._feed.open_orders_before(until, after_id=stored.after_id, limit=self._rules.page)
        full = self._is_full(page)
        night = next_night(now)
        place = Cursor(at=stored.at, after_id=page[-1].id, until=until) if full else Cursor(at=night)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            new.extend(self._keeper.keep_page(connection, page, "nightly reading", at))
            cursors.put(connection, OPEN, place, now=at)
            if not full:
                outbox.accept_orders(connection, UNSETTLED, now=at)

        return self._read_on(unit, page, new, self._nudge(OPEN, now if full else night))

    def _wait_for_night(self, due_at: Instant) -> Unit:
        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            cursors.put(connection, OPEN, Cursor(at=due_at), now=at)

        return unit

    # -- payments and messages ----------------------------------------------------------------------------------------

    async def _payments(self) -> Done:
        """A payment changes without its order: whoever waits to be paid is found by what was paid."""
        stored, after, until = await self._pass(PAYMENTS)
        try:
            page = await self._feed.changed_payments(after, until=until, limit=self._rules.page)
            fresh = await self._around.database.read(lambda connection: _unseen(connection, page))
            found = await self._feed.orders_of_payments([payment.id for payment in fresh]) if fresh else []
        except Unauthorised:
            return await self._not_shown(PAYMENTS, "not allowed")
        last = FeedCursor(at=page[-1].modified_at, id=page[-1].id) if page else after
        place = self._place(last, until, page)
        new: list[str] = []

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "list_payments", now=at)
            new.extend(self._keeper.keep_page(connection, found, "payments sweep", at))
            for entry in found:
                wake(connection, entry, at)
            for payment in fresh:
                doors.note(connection, PAYMENTS, _event(payment), "look", now=at)
            _advance(connection, PAYMENTS, stored, place, at)
            meta.set_text(connection, PAYMENTS, "read")

        return self._read_on(unit, (), new, self._again(PAYMENTS, page, self._rules.complete))

    async def _messages(self) -> Done:
        """The project's own list of messages, where it keeps one: each row is an event like any other."""
        try:
            if not await self._feed.messages_enabled():
                return await self._not_shown(MESSAGES, "not kept")
            stored, after, until = await self._pass(MESSAGES)
            page = await self._feed.messages(after, until=until, limit=self._rules.page)
        except Unauthorised:
            return await self._not_shown(MESSAGES, "not allowed")
        last = FeedCursor(at=page[-1].created_at, id=page[-1].id) if page else after
        place = self._place(last, until, page)
        events = [self._read_message(row.body) for row in page]

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            clear_connection(connection, "commercetools", "list_messages", now=at)
            note_deliveries(connection, "messages", events, project=self._project, sealer=self._keeper.sealer, now=at)
            _advance(connection, MESSAGES, stored, place, at)
            meta.set_text(connection, MESSAGES, "read")

        return Done(unit=unit, nudges=(self._again(MESSAGES, page, self._rules.complete),))

    async def _not_shown(self, subject: str, why: str) -> Done:
        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            meta.set_text(connection, subject, why)

        return Done(unit=unit, nudges=(self._nudge(subject, self._around.clock.now() + ASK_AGAIN),))

    # -- pages --------------------------------------------------------------------------------------------------------

    async def _stored(self, name: str) -> Cursor | None:
        return await self._around.database.read(lambda connection: cursors.get(connection, name))

    async def _pass(self, name: str) -> tuple[Cursor | None, FeedCursor, Instant]:
        """Return the stored place of a list's trailing pass, where it goes on, and where it ends."""
        stored = await self._stored(name)
        if stored is not None and stored.until is not None:
            return stored, FeedCursor(at=stored.at, id=stored.after_id), stored.until
        now = self._around.clock.now()
        if stored is None and name != COMPLETE:
            # What changed before is in the orders, which the complete sweep reads from the beginning.
            return stored, hot_start(self._rules, now), pass_end(self._rules, now)
        mark = believable(self._rules, stored.mark if stored is not None else None, now)
        return stored, pass_start(self._rules, mark), pass_end(self._rules, now)

    def _place(self, last: FeedCursor, until: Instant, page: Sequence[object]) -> Cursor:
        """Where a trailing pass is after a page; only a page that is not full ends it."""
        if self._is_full(page):
            return Cursor(at=last.at, after_id=last.id, until=until)
        return Cursor(at=until, mark=until)

    async def _page(self, after: FeedCursor, *, until: Instant | None) -> list[FeedOrder]:
        page = await self._feed.changed_orders(after, until=until, limit=self._rules.page)
        self._around.probe(MechanismPoint.PAGE_READ)
        return page

    def _is_full(self, page: Sequence[object]) -> bool:
        return len(page) >= self._rules.page

    def _again(self, subject: str, page: Sequence[object], pause: int) -> Nudge:
        return self._nudge(subject, self._around.clock.now() + (0 if self._is_full(page) else pause))

    def _nudge(self, subject: str, due_at: Instant) -> Nudge:
        """Sweeps go before single looks: however many events wait, what is listed is read in time."""
        return Nudge(flow=Flow.INTAKE, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)

    def _read_on(self, unit: Unit, page: Sequence[FeedOrder], new: list[str], nudge: Nudge | None) -> Done:
        points = (MechanismPoint.PAGE_ACCEPTED,) if page else ()
        return Done(unit=unit, nudges=() if nudge is None else (nudge,), points=points, after=lambda: self.tell(new))

    def tell(self, new: Sequence[str]) -> None:
        """Say that orders nobody knew are on disk."""
        for order_id in new:
            tracer = self._around.tracer
            with tracer.span("order", order_id=order_id), tracer.span("intake.accept", order_id=order_id):
                self._around.log("order.accepted", order=order_id)


def _advance(connection: sqlite3.Connection, name: str, stored: Cursor | None, place: Cursor, now: Instant) -> None:
    """Store where a pass is, unless somebody had it read from earlier on while its page was on the way."""
    if cursors.get(connection, name) == stored:
        cursors.put(connection, name, place, now=now)


def wake(connection: sqlite3.Connection, entry: FeedOrder, now: Instant) -> None:
    """Have an order looked at whose payment changed, though nothing of the order itself did.

    One that waits for its trigger; and one that is a sale whose money went away, or came back.
    """
    record = orders.get(connection, entry.id)
    if record is None:
        return
    if record.state is OrderState.AWAITING or _money_moved(connection, record, entry.order):
        outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=entry.id, due_at=now), now=now)


def _money_moved(connection: sqlite3.Connection, record: OrderRecord, order: Order | None) -> bool:
    """Say whether the payment of an order that is a sale is told otherwise than it stands now."""
    sale = exported.get(connection, record.id, record.generation)
    owed = owed_by(sale) if sale is not None else None
    if order is None or owed is None or order.state == "Cancelled":
        return False
    named = exceptions.Record(kind="order", id=record.id)
    return is_reversed(order, owed) is not exceptions.is_open(connection, named, "payment_reversed")


def _event(payment: PaymentMark) -> Notification:
    identity = f"p:{payment.id}:{payment.version}"
    return Notification(identity=identity, kind="", about=PAYMENT, subject=payment.id, version=payment.version)


def _unseen(connection: sqlite3.Connection, page: Sequence[PaymentMark]) -> list[PaymentMark]:
    return [payment for payment in page if not doors.is_noted(connection, PAYMENTS, _event(payment).identity)]
