"""The guard of the doors: whom one missed, when one or the shop falls silent, how the subscription fares."""

from __future__ import annotations

import functools
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar, cast

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.feed import SubscriptionHealth
from actors.domain.notification import Notification
from actors.intake import guarding
from actors.intake.guarding import Guard
from actors.intake.ports import OrderFeed
from actors.intake.rules import DAY, MINUTE, DoorRules
from actors.intake.sweeping import COMPLETE
from storage import cursors, doors, exceptions, orders
from storage.cursors import Cursor
from storage.database import Database
from storage.exceptions import ExceptionRow
from storage.schema import upgrade
from tests.orders_builder import plain_order
from tests.stored import NOW
from tests.wire_doubles import StillClock

T = TypeVar("T")
HOUR = 60 * MINUTE


class Feed:
    health = SubscriptionHealth.HEALTHY

    async def subscription_health(self, subscription_id: str) -> SubscriptionHealth:
        assert subscription_id == "sub-1"
        return self.health


class Post:
    """A guard over a file of its own, and a clock that a test moves."""

    def __init__(self, database: Database, rules: DoorRules) -> None:
        self.database = database
        self.clock = StillClock(NOW)
        self.feed = Feed()
        around = Surroundings(database=database, clock=self.clock, bell=Bell(), chance=random.Random(1))
        self.guard = Guard(around, feed=cast(OrderFeed, self.feed), rules=rules, overlap=300_000)

    def later(self, milliseconds: int) -> None:
        self.clock.pass_time(milliseconds / 1000)

    async def order(self, order_id: str, *, created_at: int | None = None) -> None:
        at = self.clock.now()
        made = plain_order(id=order_id, number=f"N-{order_id}", created_at=at if created_at is None else created_at)
        await self.database.run(lambda connection: orders.accept(connection, made, now=at))

    async def swept(self, *, behind: int = 0) -> None:
        """The complete sweep has read all orders until (about) now."""
        at = self.clock.now()
        place = Cursor(at=at - behind, mark=at - behind)
        await self.database.run(lambda connection: cursors.put(connection, COMPLETE, place, now=at))

    async def told(self, order_id: str, door: str = "sqs") -> None:
        told = Notification(identity=f"m:{order_id}:1", kind="OrderCreated", about="order", subject=order_id)
        at = self.clock.now()
        await self.database.run(lambda connection: doors.note(connection, door, told, "look", now=at))

    async def look(self, subject: str = guarding.DOORS) -> None:
        done = await self.guard.look(subject)
        unit, at = done.unit, self.clock.now()
        assert unit is not None
        await self.database.run(lambda connection: unit(connection, at))

    async def open(self, kind: str) -> ExceptionRow | None:
        found = await self.read(lambda connection: exceptions.listing(connection, kind=kind))
        return found[0] if found else None

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.read(unit)

    async def missed(self, door: str = "sqs") -> int:
        return await self.read(
            lambda connection: next(row.missed for row in doors.all_doors(connection) if row.name == door)
        )


@asynccontextmanager
async def post(path: Path, *names: str, **rules: object) -> AsyncIterator[Post]:
    prepare = lambda connection: upgrade(connection, now=NOW)  # noqa: E731 -- it is one line
    async with Database.open(path / "tallyd.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        await database.run(lambda connection: doors.open_doors(connection, names, now=NOW))
        yield Post(database, DoorRules(names=frozenset(names), **rules))  # type: ignore[arg-type]


async def test_an_order_the_door_named_in_time_is_no_alarm(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        await here.order("a")
        here.later(4 * MINUTE)
        await here.look()
        assert await here.open("push_missed") is None, "the door still has time"
        await here.told("a")
        here.later(10 * MINUTE)
        await here.look()
        assert await here.open("push_missed") is None
        assert await here.missed() == 0


async def test_what_a_door_did_not_name_is_counted_and_told_with_ids(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs", "sns") as here:
        for order_id in ("a", "b", "c"):
            await here.order(order_id)
        await here.told("b")
        for order_id in ("a", "b", "c"):
            await here.told(order_id, "sns")
        here.later(6 * MINUTE)
        await here.look()
        alarm = await here.open("push_missed")
        assert alarm is not None
        assert (alarm.record.id, alarm.owner) == ("sqs", "it")
        assert alarm.facts["count"] == "2"
        assert alarm.facts["ids"] == "N-a (a), N-c (c)"
        assert await here.missed() == 2
        await here.look()
        assert await here.missed() == 2, "counted once"
        assert await here.missed("sns") == 0


async def test_the_alarm_clears_when_the_door_works_again_and_counts_no_old_orders(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        await here.order("a")
        here.later(6 * MINUTE)
        await here.look()
        here.later(HOUR)
        await here.order("b")
        await here.told("b")
        here.later(6 * MINUTE)
        await here.look()
        assert await here.open("push_missed") is None
        here.later(MINUTE)
        await here.look()
        assert await here.open("push_missed") is None
        assert await here.missed() == 1


async def test_it_clears_too_when_the_door_tells_late_of_what_it_missed(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        await here.order("a")
        here.later(6 * MINUTE)
        await here.look()
        await here.told("a")
        await here.look()
        assert await here.open("push_missed") is None


async def test_a_door_that_loses_now_and_then_is_not_taken_for_one_that_works(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        await here.order("lost")
        here.later(1000)
        await here.order("told")
        await here.told("told")
        here.later(6 * MINUTE)
        await here.look()
        assert await here.open("push_missed") is not None
        here.later(MINUTE)
        await here.look()
        assert await here.open("push_missed") is not None


async def test_orders_from_before_the_door_was_configured_are_not_held_against_it(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        await here.order("old", created_at=NOW - HOUR)
        here.later(6 * MINUTE)
        await here.look()
        assert await here.missed() == 0


async def test_a_sale_that_moved_without_a_webhook_is_missed(tmp_path: Path) -> None:
    async with post(tmp_path, "cin7") as here:

        def moved(connection: sqlite3.Connection, *, sale: str, number: str) -> None:
            connection.execute(
                "INSERT INTO listed_sales (sale_id, number, status, seen_at, moved_at, pass)"
                " VALUES (?, ?, 'X', ?, ?, 1)",
                (sale, number, here.clock.now(), here.clock.now()),
            )

        here.later(MINUTE)
        for sale, number in (("s1", "SO-1"), ("s2", "SO-2"), ("s3", "SO-3")):
            await here.database.run(functools.partial(moved, sale=sale, number=number))
        told = Notification(identity="h:1", kind="Sale/Voided", about="sale", subject="s1")
        by_number = Notification(identity="h:2", kind="Sale/ShipmentAuthorised", about="sale", subject="SO-2")
        at = here.clock.now()
        await here.database.run(lambda connection: doors.note(connection, "cin7", told, "look", now=at))
        await here.database.run(lambda connection: doors.note(connection, "cin7", by_number, "look", now=at))
        here.later(6 * MINUTE)
        await here.look()
        alarm = await here.open("push_missed")
        assert alarm is not None
        assert (alarm.record.id, alarm.facts["ids"]) == ("cin7", "s3")


async def test_a_silent_door_is_told_and_clears_with_its_next_event(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs", silent=HOUR) as here:
        here.later(HOUR)
        await here.look()
        assert await here.open("door_silent") is None
        here.later(MINUTE)
        await here.look()
        alarm = await here.open("door_silent")
        assert alarm is not None
        assert "none ever" in alarm.cause
        await here.told("a")
        await here.look()
        assert await here.open("door_silent") is None


async def sold(here: Post, days: Iterable[int], number: int = 30) -> None:
    for day in days:
        for place in range(number):
            await here.order(f"{day}-{place}", created_at=NOW - day * DAY - place * MINUTE)


async def test_a_silent_shop_is_told_and_clears_when_orders_come(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        await sold(here, range(1, 11))
        for number in range(2):
            await here.order(f"now-{number}")
        here.later(1)
        await here.swept()
        await here.look()
        alarm = await here.open("orders_silent")
        assert alarm is not None
        assert alarm.cause == "2 orders in the last hour; at this hour of the last four weeks there were 30."
        await here.order("now-3")
        here.later(1)
        await here.swept()
        await here.look()
        assert await here.open("orders_silent") is None


async def test_an_hour_nobody_has_read_yet_is_not_silent(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        await sold(here, range(1, 11))
        await here.swept(behind=2 * HOUR)
        here.later(1)
        await here.look()
        assert await here.open("orders_silent") is None, "after a stop the sweep has to catch up first"


async def test_a_shop_that_sleeps_on_this_day_of_the_week_is_not_silent(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        await sold(here, (day for day in range(1, 29) if day % 7))
        await here.order("long ago", created_at=NOW - 60 * DAY)
        here.later(1)
        await here.swept()
        await here.look()
        assert await here.open("orders_silent") is None


async def test_a_plain_floor_needs_no_past_but_a_first_order(tmp_path: Path) -> None:
    async with post(tmp_path, floor=1) as here:
        await here.swept()
        await here.look()
        assert await here.open("orders_silent") is None, "a shop that never sold is not silent"
        await here.order("a")
        here.later(HOUR + 1)
        await here.swept()
        await here.look()
        assert await here.open("orders_silent") is not None


async def test_however_many_are_missed_each_is_counted(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs") as here:
        for number in range(1_100):
            await here.order(f"{number:05d}")
        here.later(6 * MINUTE)
        for _ in range(4):
            await here.look()
        assert await here.missed() == 1_100


async def test_an_unhealthy_subscription_is_told_and_the_gap_is_read_when_it_heals(tmp_path: Path) -> None:
    async with post(tmp_path, "sqs", subscription="sub-1") as here:
        await here.told("a")
        heard = here.clock.now()
        await here.database.run(
            lambda connection: cursors.put(
                connection, COMPLETE, Cursor(at=NOW + 2 * HOUR, mark=NOW + 2 * HOUR), now=NOW
            )
        )
        here.later(2 * HOUR)
        here.feed.health = SubscriptionHealth.CONFIGURATION_ERROR
        await here.look(guarding.SUBSCRIPTION)
        assert await here.open("subscription_unhealthy") is not None
        here.feed.health = SubscriptionHealth.HEALTHY
        await here.look(guarding.SUBSCRIPTION)
        assert await here.open("subscription_unhealthy") is None
        place = await here.read(lambda connection: cursors.get(connection, COMPLETE))
        assert place is not None
        assert place.at == heard - 300_000
        assert place.mark == NOW + 2 * HOUR, "the mark never moves back"
