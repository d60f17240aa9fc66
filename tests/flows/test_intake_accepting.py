"""The one accept: what is written down, what it leads to, and when a sender is asked to come again."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.notification import IntakeClosedError, Notification, Unreadable
from actors.intake.accepting import Acceptance
from actors.intake.rules import DoorRules
from storage import doors, exceptions, orders, outbox
from storage.bodies import Sealer, get
from storage.database import CommitFailedError, Database
from storage.orders import SaleRecord
from storage.schema import upgrade
from tests.orders_builder import plain_order
from tests.stored import NOW
from tests.wire_doubles import StillClock

T = TypeVar("T")
RULES = DoorRules(names=frozenset({"sqs", "sns", "cin7"}), project="acme", most_waiting=3)


class Desk:
    """An acceptance over a file of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = StillClock(NOW)
        self.points: list[str] = []
        self.free = 2**40
        around = Surroundings(
            database=database,
            clock=self.clock,
            bell=Bell(),
            chance=random.Random(1),
            probe=lambda point: self.points.append(str(point)),
        )
        self.acceptance = Acceptance(around, rules=RULES, sealer=Sealer(bytes(32)), free_bytes=lambda: self.free)

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.read(unit)

    async def subjects(self) -> list[str]:
        return await self.read(
            lambda connection: [
                f"{flow} {subject}"
                for flow, subject in connection.execute("SELECT flow, subject FROM outbox ORDER BY id")
            ]
        )

    async def door(self, name: str) -> doors.DoorRow:
        return await self.read(lambda connection: next(row for row in doors.all_doors(connection) if row.name == name))


@asynccontextmanager
async def desk(path: Path, *, inline: bool = True) -> AsyncIterator[Desk]:
    prepare = lambda connection: upgrade(connection, now=NOW)  # noqa: E731 -- it is one line
    async with Database.open(path / "tallyd.db", prepare=prepare, inline=inline, synchronous="OFF") as database:
        await database.run(lambda connection: doors.open_doors(connection, RULES.names, now=NOW))
        yield Desk(database)


def event(identity: str = "m:o1:1", **changes: object) -> Notification:
    known = {"kind": "OrderCreated", "about": "order", "subject": "o1", "version": 1, "project": "acme"}
    return Notification(identity=identity, **{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "door", "outcome", "looks"),
    [
        (event(), "sqs", "look", ["intake order:o1"]),
        (event(version=0), "sqs", "look", ["intake order:o1"]),
        (event(kind="", version=9), "sqs", "look", ["intake order:o1"]),
        (event(kind="SomethingNew"), "sqs", "look", ["intake order:o1"]),
        (event(about="payment", subject="p1"), "sqs", "look", ["intake payment:p1"]),
        (event(about="subscription", kind="ResourceCreated"), "sqs", "test", []),
        (event(about="discount-code"), "sqs", "ignored", []),
        (event(subject=""), "sqs", "ignored", []),
        (event(project="other-shop"), "sqs", "foreign", []),
        (event(about="sale", kind="Sale/Voided", project=""), "cin7", "look", ["census sales"]),
        (event(about="product", kind="Product/Updated", project=""), "cin7", "look", ["catalogue products"]),
        (event(about="order", project=""), "cin7", "ignored", []),
    ],
)
async def test_an_event_is_written_down_with_what_it_leads_to(
    tmp_path: Path, told: Notification, door: str, outcome: str, looks: list[str]
) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept(door, [told])
        stored = await here.read(
            lambda connection: connection.execute("SELECT door, kind, outcome, copies FROM notifications").fetchall()
        )
        assert stored == [(door, told.kind, outcome, 0)]
        assert await here.subjects() == looks
        assert here.points == ["intake.delivered", "intake.noted"]


async def test_a_repeated_event_is_counted_and_causes_no_work(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept("sqs", [event(), event(), event("m:o2:1", subject="o2")])
        await here.acceptance.accept("sqs", [event()])
        door = await here.door("sqs")
        assert (door.accepted, door.repeated, door.last_at) == (2, 2, NOW)
        assert await here.subjects() == ["intake order:o1", "intake order:o2"]


async def test_the_same_event_through_two_doors_is_known_to_both(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept("sqs", [event()])
        await here.acceptance.accept("sns", [event()])
        assert (await here.door("sns")).accepted == 1
        assert await here.subjects() == ["intake order:o1"]


async def test_a_version_that_is_known_is_late_or_our_own_echo(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        order = plain_order(id="o1", version=5)
        await here.database.run(lambda connection: orders.accept(connection, order, now=NOW))
        await here.acceptance.accept("sqs", [event("c:o1:5:ResourceUpdated", version=5), event(version=3)])
        assert await here.subjects() == []
        assert (await here.door("sqs")).late == 2
        await here.acceptance.accept("sqs", [event("c:o1:6:ResourceUpdated", version=6)])
        assert await here.subjects() == ["intake order:o1"]


async def test_a_deletion_is_looked_at_whatever_its_version(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        order = plain_order(id="o1", version=5)
        await here.database.run(lambda connection: orders.accept(connection, order, now=NOW))
        await here.acceptance.accept("sqs", [event(kind="ResourceDeleted", version=5)])
        assert await here.subjects() == ["intake order:o1"]


async def test_cin7_numbers_no_events_so_the_same_words_are_looked_at_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        told = event(about="sale", kind="Sale/Undo", project="")
        await here.acceptance.accept("cin7", [told])
        await here.database.run(lambda connection: connection.execute("DELETE FROM outbox").rowcount)
        here.clock.pass_time(60)
        await here.acceptance.accept("cin7", [told])
        assert await here.subjects() == ["census sales"]
        assert (await here.door("cin7")).repeated == 1


async def test_what_cin7_tells_of_a_sale_we_made_is_an_echo(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:

        def made(connection: sqlite3.Connection) -> None:
            orders.accept(connection, plain_order(id="o1"), now=NOW)
            sale = SaleRecord(
                sale_id="s1", order_id="o1", generation=1, reference="N", number=None, made_at=NOW, voided_at=None
            )
            orders.add_sale(connection, sale)

        await here.database.run(made)
        await here.acceptance.accept(
            "cin7", [event("h:1", about="sale", subject="s1", kind="Sale/Created", project="")]
        )
        assert await here.subjects() == []
        await here.acceptance.accept(
            "cin7", [event("h:2", about="sale", subject="s2", kind="Sale/Created", project="")]
        )
        assert await here.subjects() == ["census sales"], "somebody else made that one"
        await here.database.run(lambda connection: connection.execute("DELETE FROM outbox").rowcount)
        picked = event("h:3", about="sale", subject="s1", kind="Sale/PickAuthorised", project="")
        await here.acceptance.accept("cin7", [picked])
        assert await here.subjects() == ["census sales"], "one call finds every sale that was picked"
        await here.database.run(lambda connection: connection.execute("DELETE FROM outbox").rowcount)
        await here.acceptance.accept("cin7", [event("h:4", about="sale", subject="s1", kind="Sale/Voided", project="")])
        assert await here.subjects() == ["fulfilment o1"], "the sale itself has to be read"


async def test_what_nobody_can_read_is_an_exception_with_its_body_sealed(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        body = b'{"customer": "Ann Smith"'
        await here.acceptance.accept("sqs", [Unreadable(body=body, problem="it is not JSON"), event()])
        [found] = await here.read(exceptions.listing)
        assert found.type == "notification_unreadable"
        assert "Ann" not in found.cause + str(found.facts)
        sealed = await here.read(lambda connection: get(connection, found.record.id, "notification"))
        assert sealed is not None
        opened = Sealer(bytes(32)).open(sealed, order_id=found.record.id, kind="notification")
        assert opened == body
        assert await here.subjects() == ["intake order:o1"]


async def test_events_of_another_project_are_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept("sqs", [event(project="other-shop")])
        [found] = await here.read(exceptions.listing)
        assert (found.type, found.record.id) == ("notification_foreign", "sqs")


async def test_a_key_that_was_set_aside_takes_no_nudge_but_the_event_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept("sqs", [event()])
        await here.database.run(
            lambda connection: outbox.quarantine(
                connection, connection.execute("SELECT id FROM outbox").fetchone()[0], reason="a bug"
            )
        )
        await here.acceptance.accept("sqs", [event("m:o1:2", version=2)])
        assert (await here.door("sqs")).accepted == 2


async def test_senders_are_asked_to_come_again_while_the_disk_is_nearly_full(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.free = 1024
        await here.acceptance.look()
        with pytest.raises(IntakeClosedError, match="nearly full") as refused:
            await here.acceptance.accept("sqs", [event()])
        assert refused.value.retry_after_seconds == 30
        assert here.points == []
        here.free = 2**40
        await here.acceptance.look()
        await here.acceptance.accept("sqs", [event()])


async def test_the_backlog_has_a_bound_also_between_two_looks_at_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.acceptance.accept("sqs", [event(f"m:o{n}:1", subject=f"o{n}") for n in range(4)])
        with pytest.raises(IntakeClosedError, match="more than 3 messages wait"):
            await here.acceptance.accept("sqs", [event("m:o9:1", subject="o9")])
        await here.database.run(lambda connection: connection.execute("DELETE FROM outbox").rowcount)
        await here.acceptance.look()
        await here.acceptance.accept("sqs", [event("m:o9:1", subject="o9")])


async def test_a_commit_that_fails_is_no_acknowledgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path) as here:

        async def fails(unit: object) -> None:
            raise CommitFailedError("the disk is full")

        monkeypatch.setattr(here.database, "run", fails)
        with pytest.raises(IntakeClosedError, match="the disk takes nothing"):
            await here.acceptance.accept("sqs", [event()])
        assert here.points == ["intake.delivered"]


async def test_nothing_is_accepted_once_the_daemon_stops(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.acceptance.close()
        with pytest.raises(IntakeClosedError, match="stops"):
            await here.acceptance.accept("sqs", [event()])


async def test_what_comes_at_the_same_time_shares_a_commit(tmp_path: Path) -> None:
    async with desk(tmp_path, inline=False) as here:
        before = here.database.stats.commits
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                door = ("sqs", "sns")[number % 2]
                told = event(f"m:o{number // 2}:1", subject=f"o{number // 2}")
                tasks.start_soon(here.acceptance.accept, door, [told, told])
        assert here.database.stats.commits - before == 2
        for door in ("sqs", "sns"):
            assert ((await here.door(door)).accepted, (await here.door(door)).repeated) == (10, 10)
        assert sorted(await here.subjects()) == [f"intake order:o{number}" for number in range(10)]
        assert here.points == ["intake.delivered"] * 20 + ["intake.noted"] * 20


async def test_one_that_cannot_be_written_takes_none_of_the_others_along(tmp_path: Path) -> None:
    failed: list[str] = []

    async def accept(here: Desk, subject: str) -> None:
        try:
            await here.acceptance.accept("sqs", [event(f"m:{subject}:1", subject=subject)])
        except UnicodeEncodeError:
            failed.append(subject)

    async with desk(tmp_path, inline=False) as here:
        async with anyio.create_task_group() as tasks:
            for subject in ("a", "b", "c\udcff", "d"):
                tasks.start_soon(accept, here, subject)
        assert failed == ["c\udcff"]
        assert (await here.door("sqs")).accepted == 3
        assert await here.subjects() == ["intake order:a", "intake order:b", "intake order:d"]


async def test_a_disk_that_takes_nothing_closes_the_door_to_all_who_wait(tmp_path: Path) -> None:
    closed: list[str] = []

    async def accept(here: Desk, subject: str) -> None:
        try:
            await here.acceptance.accept("sqs", [event(f"m:{subject}:1", subject=subject)])
        except IntakeClosedError as error:
            closed.append(error.reason)

    async with desk(tmp_path, inline=False) as here:
        await here.database.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").rowcount)
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(accept, here, "x" * 200 + str(number))
        assert set(closed) == {"the disk takes nothing"}
        assert (await here.door("sqs")).accepted == 200 - len(closed)
