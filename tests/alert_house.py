"""The alert workers on a clock that is moved by hand, over a file of their own, with channels that write down."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.desk.actor import DeskActor
from actors.desk.alerting import AlertWorker
from actors.desk.digesting import DigestWorker
from actors.desk.noticing import NoticeWorker
from actors.desk.rules import AlertRules, Channel
from actors.domain.digest import Month
from actors.domain.exception_types import Finding
from actors.domain.outgoing import Tone, UndeliveredError
from actors.domain.time import Instant
from actors.messages import Flow
from storage import exceptions, outbox
from storage.database import Database
from storage.exceptions import Record
from tests.stored import upgrade_quickly

START = 1_796_083_200_000  # 2026-12-01T00:00:00Z, a Tuesday
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


class Message(NamedTuple):
    at: Instant
    channel: str
    title: str
    body: str
    tone: Tone
    topic: str


class Clock:
    def __init__(self) -> None:
        self.at: Instant = START

    def now(self) -> Instant:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000

    async def sleep(self, seconds: float) -> None:
        self.at += round(seconds * 1000)


class Post:
    """Channels that write down what is sent, and may be broken."""

    def __init__(self, clock: Clock) -> None:
        self.sent: list[Message] = []
        self.broken: set[str] = set()
        self.unknown: set[str] = set()
        self.refused: set[str] = set()
        self.says_so = True
        self.asked = 0
        self._clock = clock

    async def send(self, channel: str, *, title: str, body: str, tone: Tone, topic: str = "") -> None:
        self.asked += 1
        if channel in self.broken:
            raise UndeliveredError("it answered 503")
        if any(part in title for part in self.refused):
            raise UndeliveredError("it answered 400", refused=self.says_so)
        self.sent.append(Message(self._clock.at, channel, title, body, tone, topic))

    async def understands(self, channel: str) -> bool:
        return channel not in self.unknown


class Pulse:
    def __init__(self) -> None:
        self.minutes = 0.0
        self.since: dict[str, Instant] = {}

    def minutes_to_drain(self) -> float:
        return self.minutes

    def working_since(self) -> Mapping[str, Instant]:
        return self.since


class AlertHouse:
    def __init__(self, database: Database, rules: AlertRules) -> None:
        self.clock = Clock()
        self.post = Post(self.clock)
        self.pulse = Pulse()
        self.database = database
        self.months: list[str] = []
        self.rules = rules
        self.actor = self._actor()

    def _actor(self) -> DeskActor:
        around = Surroundings(database=self.database, clock=self.clock, bell=Bell(), chance=random.Random(1))
        self.alerts = AlertWorker(around, self.rules, self.pulse)
        self.sender = NoticeWorker(around, self.rules, self.post)
        return DeskActor(around, workers=[self.alerts, self.sender, DigestWorker(around, self.rules, self._month)])

    async def _month(self, name: str) -> Month | None:
        self.months.append(name)
        return Month(
            name=name,
            provisional=False,
            unexplained={"sale GBP": "0.00", "payment EUR": "1.20"},
            open_exceptions=3,
            without_documents=2,
            held=1,
            not_posted=4,
        )

    async def start(self) -> None:
        """What a start of the daemon does for the flow."""
        self.actor.mailbox.dispose()
        self.actor = self._actor()

        def unit(connection: sqlite3.Connection) -> None:
            outbox.give_back(connection, Flow.DESK)
            for nudge in self.actor.first_nudges(self.clock.at):
                outbox.accept(connection, nudge, now=self.clock.at)

        await self.database.run(unit)

    async def until(self, end: Instant) -> None:
        """Let time go by: everything due is handled in its order."""
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.at = max(self.clock.at, due)
            for envelope in await self.run(
                lambda connection: outbox.claim(connection, Flow.DESK, limit=1, now=self.clock.at)
            ):
                await self.actor.step(envelope)
        self.clock.at = end

    async def for_(self, span: int) -> None:
        await self.until(self.clock.at + span)

    async def much_later(self, span: int) -> None:
        """Let time go by in one step, as if nothing had been looked at meanwhile, and then a minute as usual."""
        self.clock.at += span
        await self.for_(MINUTE)

    async def _next_due(self) -> Instant | None:
        def unit(connection: sqlite3.Connection) -> Instant | None:
            row = connection.execute(
                "SELECT min(due_at) FROM outbox WHERE flow = 'desk' AND state = 'ready'"
            ).fetchone()
            return None if row is None else row[0]

        return await self.database.run(unit)

    async def run(self, unit: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self.database.run(unit)

    async def fail(
        self,
        *numbers: str,
        code: str = "sku_unknown",
        group: str = "",
        kind: str = "order",
        cause: str = "no product A",
    ) -> None:
        """Raise an exception for each of these records."""

        def unit(connection: sqlite3.Connection) -> None:
            for number in numbers:
                record = Record(kind=kind, id=f"id-{number}", number=number)
                finding = Finding(code=code, cause=cause, group=group)
                exceptions.raise_finding(connection, record, finding, now=self.clock.at)

        await self.run(unit)

    async def mend(self, *numbers: str, kind: str = "order") -> None:
        def unit(connection: sqlite3.Connection) -> None:
            for number in numbers:
                record = Record(kind=kind, id=f"id-{number}", number=number)
                exceptions.clear(connection, record, resolution="mended", now=self.clock.at)

        await self.run(unit)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await self.run(lambda connection: connection.execute(sql).fetchall())
        return found

    def titles(self, channel: str = "") -> list[str]:
        return [message.title for message in self.post.sent if channel in ("", message.channel)]


def channel(key: str, *, apart: bool = False) -> Channel:
    return Channel(key=key, scheme=key, apart=apart)


def rules(**changes: Any) -> AlertRules:
    base: dict[str, Any] = {
        "connection": "acme",
        "channels": {owner: (channel(owner),) for owner in ("ops", "finance", "ecommerce", "it")},
        "names": {"ecommerce": "Web shop"},
        "escalate_to": (channel("boss"),),
        "time_zone": "UTC",
        "base": "https://desk.test",
    }
    return AlertRules(**(base | changes))


@asynccontextmanager
async def alert_house(folder: Path, **changes: Any) -> AsyncIterator[AlertHouse]:
    async with Database.open(
        folder / "tallyd.db",
        prepare=lambda connection: upgrade_quickly(connection, now=START),
        inline=True,
        synchronous="OFF",
    ) as database:
        house = AlertHouse(database, rules(**changes))
        try:
            await house.start()
            yield house
        finally:
            house.actor.mailbox.dispose()
