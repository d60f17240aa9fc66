"""The trailing sweeps where something happens in between: a clock that was ahead, somebody who has it read again."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.errors import Unauthorised
from actors.domain.feed import FeedCursor, FeedOrder, MessageRow, PaymentMark
from actors.intake.keeping import OrderKeeper
from actors.intake.ports import OrderFeed
from actors.intake.rules import MINUTE, SweepRules, next_night
from actors.intake.sweeping import ASK_AGAIN, COMPLETE, MESSAGES, OPEN, PAYMENTS, Sweeper
from adapters.intake.platform import read_message_row
from storage import bodies, cursors, exceptions, meta, orders
from storage.bodies import Sealer
from storage.cursors import Cursor
from storage.database import Database
from storage.schema import upgrade
from tests.orders_builder import plain_order
from tests.stored import NOW
from tests.wire_doubles import StillClock

HOUR = 60 * MINUTE
RULES = SweepRules(since=NOW - 90 * 24 * HOUR)


class Feed:
    """Lists in memory; what is asked is kept, and something may happen while it is on the way."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, FeedCursor, int | None]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.orders: list[FeedOrder] = []
        self.payments: list[PaymentMark] = []
        self.of_payments: list[FeedOrder] = []
        self.rows: list[MessageRow] = []
        self.kept = True
        self.refused = False

    async def changed_orders(self, after: FeedCursor, *, until: int | None, limit: int) -> list[FeedOrder]:
        self.asked.append(("orders", after, until))
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.orders

    async def open_orders_before(self, created_before: int, *, after_id: str, limit: int) -> list[FeedOrder]:
        self.asked.append(("open", FeedCursor(at=created_before, id=after_id), None))
        return []

    async def changed_payments(self, after: FeedCursor, *, until: int | None, limit: int) -> list[PaymentMark]:
        if self.refused:
            raise Unauthorised("insufficient_scope", side="commercetools", operation="list_payments")
        self.asked.append(("payments", after, until))
        return self.payments

    async def orders_of_payments(self, payment_ids: Sequence[str]) -> list[FeedOrder]:
        self.asked.append((f"orders of {','.join(payment_ids)}", FeedCursor(at=0), None))
        return self.of_payments

    async def messages_enabled(self) -> bool:
        return self.kept

    async def messages(self, after: FeedCursor, *, until: int, limit: int) -> list[MessageRow]:
        self.asked.append(("messages", after, until))
        return self.rows


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = StillClock(NOW)
        self.feed = Feed()
        around = Surroundings(database=database, clock=self.clock, bell=Bell(), chance=random.Random(1))
        self.sweeper = Sweeper(
            around,
            feed=cast(OrderFeed, self.feed),
            rules=RULES,
            keeper=OrderKeeper(RULES, Sealer(bytes(32))),
            read_message=read_message_row,
            project="acme",
        )

    async def sweep(self, subject: str) -> int:
        """Sweep once; return in how many milliseconds it is to be done again."""
        done = await self.sweeper.sweep(subject)
        unit = done.unit
        assert unit is not None
        await self.database.run(lambda connection: unit(connection, self.clock.now()))
        return done.nudges[0].due_at - self.clock.now()

    async def place(self, subject: str) -> Cursor:
        stored = await self.database.read(lambda connection: cursors.get(connection, subject))
        assert stored is not None
        return stored

    async def subjects(self) -> list[str]:
        def unit(connection: sqlite3.Connection) -> list[str]:
            return [f"{row[0]} {row[1]}" for row in connection.execute("SELECT flow, subject FROM outbox ORDER BY id")]

        return await self.database.read(unit)

    async def said(self, subject: str) -> str:
        return await self.database.read(lambda connection: meta.text(connection, subject))


@asynccontextmanager
async def desk(path: Path) -> AsyncIterator[Desk]:
    prepare = lambda connection: upgrade(connection, now=NOW)  # noqa: E731 -- it is one line
    async with Database.open(path / "tallyd.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        yield Desk(database)


def read(order_id: str) -> FeedOrder:
    order = plain_order(id=order_id, version=3)
    return FeedOrder(id=order_id, version=3, modified_at=NOW, body=b"{}", order=order)


async def test_a_clock_that_was_ahead_leaves_nothing_unread(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.clock.pass_time(6 * 3600)
        await here.sweep(COMPLETE)
        here.clock.pass_time(-6 * 3600)
        await here.sweep(COMPLETE)
        _, after, until = here.feed.asked[-1]
        assert after.at == NOW - RULES.trail - RULES.overlap
        assert until == NOW - RULES.trail
        assert (await here.place(COMPLETE)).mark == NOW - RULES.trail
        here.clock.pass_time(600)
        await here.sweep(COMPLETE)
        assert here.feed.asked[-1][1].at == NOW - RULES.trail - RULES.overlap, "from where the last one ended"


async def test_a_rewind_while_a_page_is_on_its_way_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.sweep(COMPLETE)
        mark = (await here.place(COMPLETE)).mark
        earlier = NOW - 5 * HOUR

        async def rewind() -> None:
            await here.database.run(
                lambda connection: cursors.rewind(connection, COMPLETE, earlier, now=here.clock.now())
            )

        here.clock.pass_time(60)
        here.feed.meanwhile = rewind
        await here.sweep(COMPLETE)
        here.feed.meanwhile = None
        await here.sweep(COMPLETE)
        assert here.feed.asked[-1][1].at == earlier
        assert (await here.place(COMPLETE)).mark == mark, "a mark never moves back, nor past what was not read"


async def test_a_changed_payment_brings_its_order_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.feed.payments = [PaymentMark(id="p1", version=2, modified_at=NOW - 2 * MINUTE)]
        here.feed.of_payments = [read("o1")]
        await here.sweep(PAYMENTS)
        assert await here.subjects() == ["orders o1"]
        await here.sweep(PAYMENTS)
        assert [what for what, _, _ in here.feed.asked].count("orders of p1") == 1
        here.feed.payments = [PaymentMark(id="p1", version=3, modified_at=NOW - MINUTE)]
        await here.sweep(PAYMENTS)
        assert [what for what, _, _ in here.feed.asked].count("orders of p1") == 2


async def test_a_payment_wakes_only_who_waits_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.feed.payments = [PaymentMark(id="p1", version=2, modified_at=NOW - 2 * MINUTE)]
        here.feed.of_payments = [read("waits"), read("held")]
        for order_id in ("waits", "held"):
            await here.database.run(
                lambda connection, one=order_id: orders.accept(connection, plain_order(id=one, version=3), now=NOW)  # type: ignore[misc]
            )
        await here.database.run(
            lambda connection: connection.execute("UPDATE orders SET state = 'awaiting' WHERE id = 'waits'").rowcount
        )
        await here.database.run(
            lambda connection: connection.execute("UPDATE orders SET state = 'held' WHERE id = 'held'").rowcount
        )
        await here.sweep(PAYMENTS)
        assert await here.subjects() == ["orders waits"]


async def test_what_commercetools_does_not_show_is_said_and_asked_again_in_an_hour(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.feed.refused, here.feed.kept = True, False
        assert await here.sweep(PAYMENTS) == ASK_AGAIN
        assert await here.sweep(MESSAGES) == ASK_AGAIN
        assert (await here.said(PAYMENTS), await here.said(MESSAGES)) == ("not allowed", "not kept")
        here.feed.refused = False
        await here.sweep(PAYMENTS)
        assert await here.said(PAYMENTS) == "read"


async def test_messages_are_events_like_any_other(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        body = (
            b'{"id":"m1","sequenceNumber":4,"resourceVersion":5,"type":"OrderStateChanged",'
            b'"resource":{"typeId":"order","id":"o9"}}'
        )
        here.feed.rows = [MessageRow(id="m1", created_at=NOW - 2 * MINUTE, body=body)]
        await here.sweep(MESSAGES)
        await here.sweep(MESSAGES)
        assert await here.subjects() == ["intake order:o9"]


async def test_a_message_nobody_can_read_is_told_with_its_body(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.feed.rows = [MessageRow(id="m1", created_at=NOW - 2 * MINUTE, body=b'{"id":"m1","resource":7}')]
        await here.sweep(MESSAGES)
        [told] = await here.database.read(exceptions.listing)
        assert (told.type, told.field) == ("notification_unreadable", "messages")
        assert await here.database.read(lambda connection: bodies.get(connection, told.record.id, "notification"))


async def test_everything_open_is_read_every_night(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        night = next_night(NOW)
        assert await here.sweep(OPEN) == night - NOW
        assert here.feed.asked == []
        here.clock.pass_time((night - NOW) / 1000)
        assert await here.sweep(OPEN) == 24 * HOUR
        assert [what for what, _, _ in here.feed.asked] == ["open"]


@pytest.mark.parametrize("hour", range(24))
def test_the_next_night_is_at_most_a_day_away(hour: int) -> None:
    now = NOW - NOW % (24 * HOUR) + hour * HOUR
    assert 0 < next_night(now) - now <= 24 * HOUR
    assert next_night(now) % (24 * HOUR) == 2 * HOUR
