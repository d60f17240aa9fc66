"""Guards the doors: whom they missed, when they or the shop fell silent, how the subscription fares.

Everything here is judged from what is on disk, each minute, and clears by itself when the evidence is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from actors.core.actor import Done, Surroundings, Unit, clear_connection
from actors.domain.exception_types import Finding
from actors.domain.feed import SubscriptionHealth
from actors.domain.silence import WEEK, is_silent, same_hours
from actors.domain.time import Instant, format_instant
from actors.intake.accepting import CIN7
from actors.intake.ports import OrderFeed
from actors.intake.rules import DAY, MINUTE, DoorRules
from actors.intake.sweeping import COMPLETE
from actors.messages import Flow, Nudge, Urgency
from storage import cursors, doors, exceptions, facts, orders, outbox
from storage.doors import DoorRow
from storage.exceptions import Record

DOORS = "watch:doors"
SUBSCRIPTION = "watch:subscription"

EVERY = MINUTE
SUBSCRIPTION_EVERY = 5 * MINUTE
HOUR = 60 * MINUTE
BEHIND = 10 * MINUTE
"""With orders known only until so long ago the shop is not judged."""
MOST_AT_ONCE = 500
MOST_IDS = 50
"""How many ids an alarm names; its count is of all."""
RETAIN_EVENTS = 30 * DAY
RETAIN_IGNORED = 2 * DAY


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a door told of. `late`: records (with their instants) it did not name, of those accepted before `before`.

    `newest`: it named the newest of all; None where there is none to judge by.
    """

    door: DoorRow
    before: Instant
    late: tuple[tuple[str, Instant], ...]
    newest: bool | None


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """Orders created in the last hour, and in the same hour on earlier days and on the same day of earlier weeks."""

    count: int
    history: tuple[int, ...]
    weekdays: tuple[int, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged; `shop` None: it cannot be judged now."""

    doors: tuple[Told, ...]
    shop: Shop | None


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
        now = self._around.clock.now()
        seen = await self._around.database.read(lambda connection: self._see(connection, now))
        return Done(
            unit=lambda connection, at: self._judge_all(connection, seen, at), nudges=(self._nudge(DOORS, EVERY),)
        )

    def _nudge(self, subject: str, after: int) -> Nudge:
        due_at = self._around.clock.now() + after
        return Nudge(flow=Flow.INTAKE, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)

    def _see(self, connection: sqlite3.Connection, now: Instant) -> Seen:
        """Read what is judged, without keeping anybody from writing."""
        before = now - self._rules.grace
        told = tuple(_told(connection, door, before) for door in doors.all_doors(connection))
        return Seen(doors=told, shop=self._see_shop(connection, now))

    def _judge_all(self, connection: sqlite3.Connection, seen: Seen, now: Instant) -> None:
        for told in seen.doors:
            self._judge_missed(connection, told, now)
            self._judge_silent(connection, told.door, now)
            if not doors.is_foreign(connection, told.door.name, since=now - DAY):
                record = Record(kind="door", id=told.door.name)
                exceptions.clear(
                    connection, record, resolution="none for a day", now=now, types=("notification_foreign",)
                )
        if seen.shop is not None:
            self._judge_shop(connection, seen.shop, now)
        doors.prune(connection, before=now - RETAIN_EVENTS, ignored_before=now - RETAIN_IGNORED)

    # -- whom a door missed -------------------------------------------------------------------------------------------

    def _judge_missed(self, connection: sqlite3.Connection, told: Told, now: Instant) -> None:
        """What a sweep found and the door did not tell of within its grace is counted; above zero is an alarm.

        It clears when the door has told of everything, or tells of the newest again and missed nothing for a while: one
        that loses now and then must not be taken for one that works.
        """
        name = told.door.name
        about = "sale" if name == CIN7 else "order"
        doors.add_missed(connection, name, about, [record for record, _ in told.late], now=now)
        doors.judged(connection, name, told.late[-1][1] if len(told.late) >= MOST_AT_ONCE else told.before)
        record = Record(kind="door", id=name)
        owed = doors.missed(connection, name)
        quiet = bool(owed) and now - owed[-1][2] >= self._rules.grace
        if not owed or (told.newest and quiet):
            doors.forgive(connection, name)
            exceptions.clear(connection, record, resolution="it tells again", now=now, types=("push_missed",))
            return
        exceptions.raise_finding(connection, record, _missed(connection, name, owed), now=now)

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

    def _see_shop(self, connection: sqlite3.Connection, now: Instant) -> Shop | None:
        """Count the orders of the last hour that is known whole, and of the same hour on earlier days.

        None while the sweep is behind, as after a stop: an hour nobody has read yet is not a silent one.
        """
        cursor = cursors.get(connection, COMPLETE)
        born = orders.first_created(connection)
        if cursor is None or cursor.mark is None or born is None or now - cursor.mark > BEHIND:
            return None
        end = min(cursor.mark, now)
        hours = [hour for hour in same_hours(end, self._zone(connection)) if born <= hour.end - HOUR]
        counts = [(hour.days, orders.count_created(connection, hour.end - HOUR, hour.end)) for hour in hours]
        return Shop(
            count=orders.count_created(connection, end - HOUR, end),
            history=tuple(count for _, count in counts),
            weekdays=tuple(count for days, count in counts if days % WEEK == 0),
        )

    def _zone(self, connection: sqlite3.Connection) -> tzinfo:
        company = facts.company(connection)
        try:
            return ZoneInfo(self._rules.time_zone or (company.time_zone if company is not None else ""))
        except (KeyError, ValueError, OSError):
            return UTC

    def _judge_shop(self, connection: sqlite3.Connection, shop: Shop, now: Instant) -> None:
        record = Record(kind="connection", id="orders")
        if not is_silent(shop.count, shop.history, weekdays=shop.weekdays, floor=self._rules.floor):
            exceptions.clear(connection, record, resolution="orders come in", now=now, types=("orders_silent",))
            return
        usual = sorted(shop.history)[len(shop.history) // 2] if shop.history else 0
        finding = Finding(
            code="orders_silent",
            cause=f"{shop.count} orders in the last hour; at this hour of the last four weeks there were {usual}.",
            facts={"orders in the last hour": str(shop.count), "usual": str(usual), "floor": str(self._rules.floor)},
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


def _told(connection: sqlite3.Connection, door: DoorRow, before: Instant) -> Told:
    if door.name == CIN7:
        late = doors.sales_not_told(connection, door.name, before=before, limit=MOST_AT_ONCE)
        newest = doors.newest_sale_told(connection, door.name, before=before)
    else:
        late = doors.orders_not_told(connection, door.name, before=before, limit=MOST_AT_ONCE)
        newest = doors.newest_order_told(connection, door.name, before=before)
    return Told(door=door, before=before, late=tuple(late), newest=newest)


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
