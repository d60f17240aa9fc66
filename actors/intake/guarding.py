"""Guards the doors: whom they missed, when they or the shop fell silent, how the subscription fares.

Everything here is judged from what is on disk, each minute, and clears by itself when the evidence is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from actors.core.actor import Done, Surroundings, Unit, clear_connection
from actors.domain.exception_types import Finding
from actors.domain.feed import SubscriptionHealth
from actors.domain.silence import is_silent
from actors.domain.time import Instant, format_instant
from actors.intake.accepting import CIN7
from actors.intake.ports import OrderFeed
from actors.intake.rules import DAY, MINUTE, DoorRules
from actors.intake.sweeping import COMPLETE
from actors.messages import Flow, Nudge, Urgency
from storage import cursors, doors, exceptions, orders, outbox
from storage.doors import DoorRow
from storage.exceptions import Record

DOORS = "watch:doors"
SUBSCRIPTION = "watch:subscription"

EVERY = MINUTE
SUBSCRIPTION_EVERY = 5 * MINUTE
HOUR = 60 * MINUTE
JUDGED_BACK = DAY
"""How far back (milliseconds) orders and sales are compared with what the doors told of them."""
MOST_AT_ONCE = 500
MOST_IDS = 50
"""How many ids an alarm names; its count is of all."""
WEEKS = 28
RETAIN_EVENTS = 30 * DAY
RETAIN_IGNORED = 2 * DAY


class Guard:
    """Judges the doors, and asks for the health of the subscription."""

    def __init__(self, surroundings: Surroundings, *, feed: OrderFeed, rules: DoorRules, overlap: int) -> None:
        self._around = surroundings
        self._feed = feed
        self._rules = rules
        self._overlap = overlap

    async def look(self, subject: str) -> Done:
        """Do what `watch:doors` or `watch:subscription` asks for."""
        if subject == SUBSCRIPTION:
            return await self._subscription()
        return Done(unit=self._judge_all, nudges=(self._nudge(DOORS, EVERY),))

    def _nudge(self, subject: str, after: int) -> Nudge:
        due_at = self._around.clock.now() + after
        return Nudge(flow=Flow.INTAKE, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)

    def _judge_all(self, connection: sqlite3.Connection, now: Instant) -> None:
        for door in doors.all_doors(connection):
            self._judge_missed(connection, door, now)
            self._judge_silent(connection, door, now)
            if not doors.is_foreign(connection, door.name, since=now - DAY):
                record = Record(kind="door", id=door.name)
                exceptions.clear(
                    connection, record, resolution="none for a day", now=now, types=("notification_foreign",)
                )
        self._judge_shop(connection, now)
        doors.prune(connection, before=now - RETAIN_EVENTS, ignored_before=now - RETAIN_IGNORED)

    # -- whom a door missed -------------------------------------------------------------------------------------------

    def _judge_missed(self, connection: sqlite3.Connection, door: DoorRow, now: Instant) -> None:
        """What a sweep found and the door did not tell of within its grace is counted; above zero is an alarm.

        It clears when the door has told of everything, or tells of the newest again and missed nothing for a while: one
        that loses now and then must not be taken for one that works.
        """
        since, before = now - JUDGED_BACK, now - self._rules.grace
        if door.name == CIN7:
            late = doors.sales_not_told(connection, door.name, since=since, before=before, limit=MOST_AT_ONCE)
            about, works = "sale", doors.newest_sale_told(connection, door.name, since=since, before=before)
        else:
            late = doors.orders_not_told(connection, door.name, since=since, before=before, limit=MOST_AT_ONCE)
            about, works = "order", doors.newest_order_told(connection, door.name, since=since, before=before)
        doors.add_missed(connection, door.name, about, late, now=now)
        record = Record(kind="door", id=door.name)
        owed = doors.missed(connection, door.name)
        quiet = bool(owed) and now - owed[-1][2] >= self._rules.grace
        if not owed or (works and quiet):
            if owed:
                doors.forgive(connection, door.name, until=before)
            exceptions.clear(connection, record, resolution="it tells again", now=now, types=("push_missed",))
            return
        exceptions.raise_finding(connection, record, _missed(connection, door.name, owed), now=now)

    # -- silence ------------------------------------------------------------------------------------------------------

    def _judge_silent(self, connection: sqlite3.Connection, door: DoorRow, now: Instant) -> None:
        record = Record(kind="door", id=door.name)
        heard_at = door.last_at if door.last_at is not None else door.opened_at
        if now - heard_at <= self._rules.silent:
            exceptions.clear(connection, record, resolution="an event came", now=now, types=("door_silent",))
            return
        last = f"the last one at {format_instant(heard_at)}" if door.last_at is not None else "none ever"
        finding = Finding(
            code="door_silent",
            cause=f"No event came through door {door.name} for {(now - heard_at) // HOUR} hours ({last}).",
            group=f"door_silent:{door.name}",
        )
        exceptions.raise_finding(connection, record, finding, now=now)

    def _judge_shop(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Compare the orders created in the last hour with those of the same hour on each of the last 28 days."""
        born = orders.first_created(connection)
        count = orders.count_created(connection, now - HOUR, now)
        history = [
            orders.count_created(connection, now - day * DAY - HOUR, now - day * DAY)
            for day in range(1, WEEKS + 1)
            if born is not None and born <= now - day * DAY - HOUR
        ]
        record = Record(kind="connection", id="orders")
        if not is_silent(count, history, floor=self._rules.floor if born is not None else 0):
            exceptions.clear(connection, record, resolution="orders come in", now=now, types=("orders_silent",))
            return
        usual = sorted(history)[len(history) // 2] if history else 0
        finding = Finding(
            code="orders_silent",
            cause=f"{count} orders in the last hour; at this hour of the last four weeks there were {usual}.",
            facts={"orders in the last hour": str(count), "usual": str(usual), "floor": str(self._rules.floor)},
        )
        exceptions.raise_finding(connection, record, finding, now=now)

    # -- the subscription ---------------------------------------------------------------------------------------------

    async def _subscription(self) -> Done:
        """Ask for its health. commercetools writes: repairing it needs rights tallyd does not have, so it is told."""
        name = self._rules.subscription
        if not name:
            return Done()
        health = await self._feed.subscription_health(name)
        return Done(unit=self._of_health(name, health), nudges=(self._nudge(SUBSCRIPTION, SUBSCRIPTION_EVERY),))

    def _of_health(self, name: str, health: SubscriptionHealth) -> Unit:
        record = Record(kind="subscription", id=name)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "commercetools", "subscription", now=now)
            if health is SubscriptionHealth.HEALTHY:
                if exceptions.is_open(connection, record, "subscription_unhealthy"):
                    exceptions.clear(connection, record, resolution="it is healthy", now=now)
                    self._read_the_gap(connection, now)
                return
            finding = Finding(
                code="subscription_unhealthy",
                cause=f"The subscription {name} reports: {health.value}.",
                facts={"health": health.value},
            )
            exceptions.raise_finding(connection, record, finding, now=now)

        return unit

    def _read_the_gap(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Read again what changed since the doors were last heard from."""
        heard = [door.last_at or door.opened_at for door in doors.all_doors(connection) if door.name != CIN7]
        if heard:
            cursors.rewind(connection, COMPLETE, min(heard) - self._overlap, now=now)
            outbox.accept(connection, self._nudge(COMPLETE, 0), now=now)


def _missed(connection: sqlite3.Connection, door: str, owed: Sequence[tuple[str, str, Instant]]) -> Finding:
    names = [_name(connection, about, record) for about, record, _ in owed[:MOST_IDS]]
    what = "moved sales" if door == CIN7 else "orders"
    return Finding(
        code="push_missed",
        cause=f"Door {door} did not tell of {len(owed)} {what} that a sweep found.",
        group=f"push_missed:{door}",
        facts={"door": door, "count": str(len(owed)), "ids": ", ".join(names)},
    )


def _name(connection: sqlite3.Connection, about: str, record: str) -> str:
    """Name a record as people do, with its id: the id alone finds nothing on a screen."""
    found = orders.get(connection, record) if about == "order" else None
    return f"{found.number} ({record})" if found is not None and found.number else record
