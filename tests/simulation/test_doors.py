"""The doors of a whole daemon on virtual time: who fails, what finds it, and when it is over."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from actors.census import hooks
from actors.domain.notification import Notification
from actors.domain.time import format_instant
from actors.intake.rules import SweepRules
from actors.messages import Flow
from adapters.intake.platform import read_notifications
from adapters.intake.ports import CIN7, SQS
from adapters.sandbox.cin7_webhooks import SCHEDULE_SECONDS
from adapters.sandbox.virtual_time import run_virtual
from adapters.transport import Request, Response
from storage import doors, exceptions, orders
from storage.doors import DoorRow
from storage.exceptions import ExceptionRow
from tests.simulation import notifications
from tests.simulation.senders import Senders, body_of, plan_with_doors
from tests.simulation.world import Serve, World, intercept, plan, virtual, world

MINUTE = 60.0
HOUR = 60 * MINUTE

ONLY_SQS: dict[str, Any] = {"names": frozenset({SQS})}
CALM = plan(sweeps=SweepRules(since=0, hot=30_000))
"""The plan of runs that last for hours: fewer sweeps, since what they show does not hang on seconds."""

LATENCY = 1.0
"""Seconds that reading and storing a page may take on top of the time between two sweeps."""


def told(made: World, kind: str) -> ExceptionRow | None:
    """The open exception of a type."""
    return next((row for row in made.daemon.open_exceptions() if row.type == kind), None)


def over(made: World, kind: str) -> list[ExceptionRow]:
    """What was told of a type and is over."""
    return made.read(lambda connection: exceptions.listing(connection, kind=kind, state="resolved"))


def seconds_to_accept(made: World, order_id: str) -> float:
    record = made.read(lambda connection: orders.get(connection, order_id))
    assert record is not None
    return (record.accepted_at - record.created_at) / 1000


def looks_waiting(made: World) -> int:
    """How many records wait to be looked at because of an event."""
    query = "SELECT count(*) FROM outbox WHERE subject LIKE 'order:%' OR subject LIKE 'payment:%'"
    return int(made.read(lambda connection: connection.execute(query).fetchone()[0]))


def outcomes(made: World, identity: str) -> list[str]:
    """What became of an event of door sqs."""
    query = "SELECT outcome FROM notifications WHERE door = 'sqs' AND identity = ?"
    return [row[0] for row in made.read(lambda connection: connection.execute(query, (identity,)).fetchall())]


# --- a push source that is off ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loses", [True, False], ids=["what is told meanwhile is lost", "it waits in the queue"])
def test_a_source_that_is_off_for_an_hour_delays_no_order_and_is_told(loses: bool) -> None:
    @virtual
    async def play() -> None:
        async with world(31, the_plan=plan_with_doors(base=CALM, **ONLY_SQS)) as made:
            senders = Senders(made, loses_when_off=loses)
            senders.start()
            await made.ready()
            before = made.place()
            await made.until(lambda: made.daemon.state(before) == "exported", within=MINUTE)
            senders.postman.switch_off()
            unheard = []
            for _ in range(12):
                unheard.append(made.place())
                await made.clock.sleep(5 * MINUTE)
            latest = max(seconds_to_accept(made, order_id) for order_id in unheard)
            assert latest <= made.plan.sweeps.hot / 1000 + LATENCY
            alarm = told(made, "push_missed")
            assert alarm is not None
            assert alarm.facts["door"] == SQS
            assert alarm.facts["count"] == "12"
            assert all(order_id in alarm.facts["ids"] for order_id in unheard)
            assert before not in alarm.facts["ids"]
            senders.postman.switch_on()
            made.place()
            await made.until(lambda: told(made, "push_missed") is None, within=10 * MINUTE)
            await made.clock.sleep(10 * MINUTE)
            assert told(made, "push_missed") is None, "told again"

    play()


# --- a subscription whose deliveries stopped --------------------------------------------------------------------------


@virtual
async def test_a_subscription_that_was_stopped_is_told_and_its_gap_is_read_once_it_is_healthy() -> None:
    async with world(32, the_plan=plan_with_doors(base=CALM, **ONLY_SQS), shop=LATE_LISTS) as made:
        senders = Senders(made)
        rules = msgspec.structs.replace(made.plan.doors, subscription=senders.subscription)
        made.daemon.plan = msgspec.structs.replace(made.plan, doors=rules)
        senders.start()
        await made.ready()
        await made.exported(made.place())
        made.shop.news.set_health(senders.subscription, "ConfigurationErrorDeliveryStopped")
        listed = made.place()
        unlisted = made.place()
        show_later(made, unlisted, 10 * MINUTE)
        await made.until(lambda: told(made, "subscription_unhealthy") is not None, within=6 * MINUTE)
        await made.exported(listed)
        await made.clock.sleep(20 * MINUTE)
        assert made.daemon.state(unlisted) == "", "no sweep reads so far back"
        made.shop.news.set_health(senders.subscription, "Healthy")
        await made.until(lambda: told(made, "subscription_unhealthy") is None, within=6 * MINUTE)
        await made.exported(unlisted, within=MINUTE)
        [row] = over(made, "subscription_unhealthy")
        assert row.record.id == senders.subscription


LATE_LISTS: dict[str, Any] = {"messages_enabled": False, "visibility_lag_seconds": 0.001}
"""A shop whose lists may be late, and that keeps no messages to find things by instead."""


def show_later(made: World, order_id: str, seconds: float) -> None:
    """Let an order show in lists only so much later, as one does that is committed late."""
    [(_, order)] = made.shop._shown[order_id]
    made.shop._shown[order_id] = [(made.clock.now() + int(seconds * 1000), order)]


# --- a webhook that was given up -------------------------------------------------------------------------------------


@virtual
async def test_a_webhook_that_failed_six_times_is_revived_and_its_gap_is_read() -> None:
    async with world(33, the_plan=plan_with_doors(base=CALM, names=frozenset({CIN7}))) as made:
        senders = Senders(made)
        senders.start()
        await made.ready()
        await made.daemon.nudge(hooks.APPLY, Flow.CENSUS)
        await made.until(senders.all_stand, within=10 * MINUTE)
        await made.exported(made.place())
        await made.clock.sleep(3 * MINUTE)
        heard = door(made, CIN7).last_at
        assert heard is not None
        senders.listening = False
        await made.exported(made.place())
        await made.until(lambda: not senders.all_stand(), within=sum(SCHEDULE_SECONDS) + 2 * MINUTE, every=10)
        alarm = told(made, "push_missed")
        assert alarm is not None
        assert alarm.facts["ids"] == made.cin7.sales[-1].id
        senders.listening = True
        asked = sales_asked_for_since(made)
        await made.until(senders.all_stand, within=HOUR + 2 * MINUTE, every=10)
        await made.until(lambda: told(made, "webhook_deactivated") is None, within=MINUTE)
        await made.clock.sleep(MINUTE)
        assert {row.record.id for row in over(made, "webhook_deactivated")} == {
            "Sale/Created",
            "Stock/AvailableStockLevelChanged",
        }
        assert min(asked) <= format_instant(heard), "the gap is read"
        await made.exported(made.place())
        await made.until(lambda: told(made, "push_missed") is None, within=10 * MINUTE)


def door(made: World, name: str) -> DoorRow:
    """A door's books."""
    return next(row for row in made.read(doors.all_doors) if row.name == name)


def sales_asked_for_since(made: World) -> list[str]:
    """Note from now on since when the sales that moved are asked for."""
    asked: list[str] = []

    async def note(request: Request, serve: Serve) -> Response:
        address = urlsplit(request.url)
        if address.path.endswith("/saleList"):
            asked.extend(parse_qs(address.query).get("UpdatedSince", ()))
        return await serve(request)

    intercept(made.cin7_network, note)
    return asked


# --- late events, early events, events about nothing -----------------------------------------------------------------


@virtual
async def test_an_event_that_comes_late_is_recorded_and_causes_no_work() -> None:
    async with world(35, the_plan=plan_with_doors(**ONLY_SQS)) as made:
        await made.ready()
        order_id = made.place()
        await made.exported(order_id)
        before = made.calls("order_read")
        late = change_of(order_id, version=1)
        assert await made.daemon.accept(SQS, [late])
        await made.clock.sleep(MINUTE)
        assert outcomes(made, late.identity) == ["known"]
        assert door(made, SQS).late == 1
        assert made.calls("order_read") == before


@virtual
async def test_an_order_that_no_list_shows_yet_is_read_by_its_id_when_an_event_names_it() -> None:
    async with world(36, the_plan=plan_with_doors(**ONLY_SQS), shop=LATE_LISTS) as made:
        senders = Senders(made, delay_seconds=(1.0, 1.0))
        senders.start()
        await made.ready()
        order_id = made.place()
        show_later(made, order_id, HOUR)
        await made.exported(order_id, within=MINUTE)
        assert seconds_to_accept(made, order_id) <= 1 + LATENCY


@virtual
async def test_events_about_orders_that_never_existed_settle_without_a_word() -> None:
    async with world(37, the_plan=plan_with_doors(**ONLY_SQS)) as made:
        await made.ready()
        before = made.daemon.open_types()
        for _ in range(50):
            ghost = change_of(str(uuid.UUID(int=made.random.getrandbits(128), version=4)), version=7)
            assert await made.daemon.accept(SQS, [ghost])
        assert looks_waiting(made) == 50
        await made.until(lambda: not looks_waiting(made), within=MINUTE)
        assert made.calls("order_read") == 50, "each is asked for once"
        assert made.daemon.open_types() == before
        assert not made.states()
        order_id = made.place()
        await made.exported(order_id)


def change_of(order_id: str, *, version: int) -> Notification:
    """Say that an order changed, as the queue would."""
    told = read_notifications(
        body_of(
            {
                "notificationType": "ResourceUpdated",
                "projectKey": "sandbox",
                "resource": {"typeId": "order", "id": order_id},
                "version": version,
                "modifiedAt": "2026-12-01T00:00:00.000Z",
            }
        )
    )
    assert isinstance(told, Notification)
    return told


# --- many notifications ----------------------------------------------------------------------------------------------


def test_what_is_sent_is_accepted_once_and_what_makes_no_sense_is_told(tmp_path: Path) -> None:
    """The slice; the whole of it is `python -m tests.simulation.notifications`."""
    figures = run_virtual(functools.partial(notifications.run, 1, 5_000, tmp_path))
    assert figures.events >= 5_000
    assert figures.door.accepted == figures.events
    assert figures.duplicates > 900
    # A kill after the commit, too, has the post come again.
    assert figures.door.repeated > figures.duplicates
    assert figures.garbled > 50
    assert figures.kills > 10
