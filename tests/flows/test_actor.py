"""What becomes of a message, by how its handling ended; and what a crash does to the others."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from functools import partial
from typing import Any

import anyio
import pytest

from actors.core.actor import Done, Later, Outcome
from actors.core.retry import SCHEDULE_SECONDS
from actors.domain.errors import (
    Conflict,
    InDoubt,
    Limited,
    Missing,
    Rejected,
    Transient,
    Unauthorised,
    WireError,
)
from actors.governor.governor import GovernorClosed
from actors.messages import Envelope, Flow, Nudge, Urgency
from storage import outbox
from tests.stage import Fatal, Handler, Stage, on_stage

CALL: dict[str, Any] = {"side": "cin7", "operation": "read_sale"}


def raising(error: BaseException, *, times: int = 1_000_000, only: str = "") -> Handler:
    """A handler that fails so often for one subject (or all), then succeeds."""
    left = Counter({only: times})

    async def handle(envelope: Envelope) -> Outcome:
        if only in ("", envelope.subject) and left[only]:
            left[only] -= 1
            raise error
        return Done()

    return handle


def shows(stage: Stage, rows: list[tuple[str, str, int]]) -> bool:
    return stage.rows() == rows


# --- done, or not now ------------------------------------------------------------------------------------------------


def test_what_came_true_before_the_commit_is_not_waited_for() -> None:
    """Whoever waits for a fact would miss it in between: what brought all forward has not seen this row."""

    facts, seen = {"true": True, "false": False}, list[str]()

    async def handle(envelope: Envelope) -> Outcome:
        seen.append(envelope.subject)
        if seen.count(envelope.subject) > 1:
            return Done()
        return Later(due_at=1_900_000_000_000, reason="waits", unless=lambda: facts[envelope.subject])

    async def case(stage: Stage) -> None:
        await stage.put("true", "false")
        await stage.until(lambda: len(seen) == 3)
        assert seen.count("true") == 2
        assert stage.rows("subject, due_at") == [("false", 1_900_000_000_000)]

    on_stage(case, handle)


def test_done_is_gone_with_its_unit_and_its_next_nudge_in_one_commit() -> None:
    async def handle(envelope: Envelope) -> Outcome:
        if envelope.subject == "next":
            return Later(due_at=1_900_000_000_000, reason="waits")

        def unit(connection: sqlite3.Connection, now: int) -> None:
            connection.execute("INSERT INTO meta VALUES ('seen', ?)", (envelope.subject,))

        nudge = Nudge(flow=Flow.ORDERS, subject="next", due_at=0, urgency=Urgency.UNDERWAY)
        return Done(unit=unit, nudges=(nudge,))

    async def case(stage: Stage) -> None:
        began = stage.clock.now()
        await stage.put("a")
        await stage.until(lambda: stage.orders.handled == 2)
        assert stage.rows("subject, state, due_at, reason, attempts, tries, urgency") == [
            ("next", "ready", 1_900_000_000_000, "waits", 0, 0, 0)
        ]
        assert await stage.database.read(lambda c: c.execute("SELECT value FROM meta WHERE key = 'seen'").fetchone())
        assert stage.orders.last_success_at == began

    on_stage(case, handle)


@pytest.mark.parametrize(
    ("error", "reason", "seconds", "tries"),
    [
        (Transient("no_answer", **CALL), "no_answer", SCHEDULE_SECONDS[0], 1),
        (Limited(retry_after_seconds=60, **CALL), "limited", 1.0, 0),
        (Conflict("version", **CALL), "conflict", 0.2, 0),
        (Unauthorised("credentials", **CALL), "unauthorised", 60.0, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_is_not_the_messages_fault_is_no_attempt(
    error: WireError, reason: str, seconds: float, tries: int
) -> None:
    async def case(stage: Stage) -> None:
        began = stage.clock.now()
        await stage.put("a")
        await stage.until(lambda: stage.rows("reason") == [(reason,)])
        [(state, attempts, tried, due_at)] = stage.rows("state, attempts, tries, due_at")
        assert (state, attempts, tried) == ("ready", 0, tries)
        assert began + 800 * seconds <= due_at <= began + 1200 * seconds + 20
        assert stage.orders.undone == ["a"]
        await stage.empty()
        assert stage.orders.finished == ["a"]

    on_stage(case, raising(error, times=1))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("ann@example.test"),
        Missing("gone", **CALL),
        Rejected("refused", **CALL),
        InDoubt("lost", until=0, **CALL),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_handler_expected_is_a_bug_of_that_message(error: Exception) -> None:
    """Three times, then it is set aside with an exception that names the place and quotes nobody's data."""

    async def case(stage: Stage) -> None:
        await stage.put("bad", "good")
        await stage.until(lambda: "bad" in stage.orders.begun)
        assert ("bad", "ready", 1) in stage.rows()
        await stage.empty()
        assert stage.orders.begun.count("bad") == outbox.MAX_ATTEMPTS
        assert stage.orders.finished == ["good"]
        assert stage.rows() == [("bad", "quarantined", 3)]
        [found] = await stage.open_exceptions()
        assert (found.type, found.record.kind, found.record.id) == ("message_quarantined", "order", "bad")
        assert type(error).__name__ in found.cause
        assert "test_actor.py" in found.cause
        assert "ann@example.test" not in repr(found) + repr(stage.logged)
        await stage.put("bad")
        assert stage.rows() == [("bad", "quarantined", 3)]
        assert not [entry for entry in stage.logged if entry["event"] == "child.crashed"]

    on_stage(case, raising(error, only="bad"))


def test_bugs_wait_by_the_published_schedule() -> None:
    async def case(stage: Stage) -> None:
        await stage.put("a")
        for attempt in range(1, outbox.MAX_ATTEMPTS):
            await stage.until(partial(shows, stage, [("a", "ready", attempt)]))
            waits = (stage.rows("due_at")[0][0] - stage.clock.now()) / 1000
            assert 0.8 * SCHEDULE_SECONDS[attempt - 1] - 0.1 <= waits <= 1.2 * SCHEDULE_SECONDS[attempt - 1]
        await stage.empty()

    on_stage(case, raising(ValueError()))


def test_a_side_that_does_not_answer_is_told_after_three_failures_in_a_row() -> None:
    """One exception for the side, however many orders; each message waits longer, and none is set aside."""

    async def case(stage: Stage) -> None:
        await stage.put("a", "b")
        await stage.until(lambda: Counter(stage.orders.begun) == {"a": 2, "b": 2})
        assert await stage.open_exceptions() == []
        await stage.until(lambda: stage.rows("tries") == [(3,), (3,)], within=20)
        [found] = await stage.open_exceptions()
        assert (found.type, found.record.kind, found.record.id) == ("cin7_unreachable", "connection", "cin7")
        assert found.next_attempt_at in {row[0] for row in stage.rows("due_at")}
        await stage.until(lambda: len(stage.orders.begun) > 16, within=3600)
        assert stage.states() == {"ready": 2}
        assert {row[0] for row in stage.rows("attempts")} == {0}

    on_stage(case, raising(Transient("no_answer", **CALL)))


def test_refused_credentials_are_told_at_once() -> None:
    async def case(stage: Stage) -> None:
        await stage.put("a")
        await stage.until(lambda: stage.rows("reason") == [("unauthorised",)])
        assert [found.type for found in await stage.open_exceptions()] == ["cin7_unauthorised"]

    on_stage(case, raising(Unauthorised("credentials", **CALL)))


def test_a_wait_between_two_failures_starts_the_count_anew() -> None:
    async def handle(envelope: Envelope) -> Outcome:
        turns.append(1)
        if len(turns) > 12:
            return Done()
        if len(turns) % 3 == 0:
            return Later(due_at=0, reason="waits")
        raise Transient("down", **CALL)

    turns: list[int] = []

    async def case(stage: Stage) -> None:
        await stage.put("a")
        await stage.empty()
        assert len(turns) == 13
        assert await stage.open_exceptions() == []

    on_stage(case, handle)


# --- a unit that is refused ------------------------------------------------------------------------------------------


def test_a_unit_the_database_refuses_is_a_bug_of_that_message_alone() -> None:
    """An illegal move, a second live sale: the flow goes on, the message is counted and set aside at the third."""

    def refused(connection: sqlite3.Connection, now: int) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        connection.execute("INSERT INTO order_lines VALUES ('nobody', 'l', 's', 1, NULL, NULL)")

    async def handle(envelope: Envelope) -> Outcome:
        return Done(unit=refused if envelope.subject.startswith("bad") else None)

    async def case(stage: Stage) -> None:
        await stage.put(*(f"bad {number}" for number in range(5)), "good")
        await stage.empty()
        assert stage.rows() == [(f"bad {number}", "quarantined", 3) for number in range(5)]
        assert stage.orders.finished.count("good") == 1
        assert Counter(stage.orders.undone) == {f"bad {number}": 3 for number in range(5)}
        half = await stage.database.read(lambda c: c.execute("SELECT 1 FROM meta WHERE key = 'half'").fetchone())
        assert half is None
        assert stage.stopped == []
        assert not [entry for entry in stage.logged if entry["event"] == "child.crashed"]

    on_stage(case, handle)


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_a_message_that_brings_its_actor_down_is_counted_and_the_others_finish() -> None:
    finish = anyio.Event()

    async def handle(envelope: Envelope) -> Outcome:
        if envelope.subject == "fatal":
            raise Fatal
        if envelope.subject == "slow":
            await finish.wait()
        return Done()

    async def case(stage: Stage) -> None:
        await stage.put("slow")
        await stage.until(lambda: stage.orders.begun == ["slow"])
        await stage.put("fatal")
        await stage.put("waits 1", "waits 2", "waits 3")
        await stage.until(lambda: "fatal" in stage.orders.begun)
        await stage.clock.sleep(5)
        # Nobody is cut off: the slow one is still at work, and the actor does not begin again before it is done.
        assert stage.orders.busy == 1
        assert "waits 1" not in stage.orders.begun
        finish.set()
        await stage.empty()
        assert sorted(stage.orders.finished) == ["slow", "waits 1", "waits 2", "waits 3"]
        assert Counter(stage.orders.begun) == {"fatal": 3, "slow": 1, "waits 1": 1, "waits 2": 1, "waits 3": 1}
        assert stage.rows() == [("fatal", "quarantined", 3)]
        assert [found.type for found in await stage.open_exceptions()] == ["message_quarantined"]
        crashes = [entry for entry in stage.logged if entry["event"] == "child.crashed"]
        assert [entry["child"] for entry in crashes] == ["orders"] * 3
        assert stage.stopped == []

    on_stage(case, handle)


def test_a_crash_costs_those_in_the_mailbox_no_attempt() -> None:
    attempts: list[int] = []

    async def handle(envelope: Envelope) -> Outcome:
        if envelope.subject == "a fatal":
            raise Fatal
        attempts.append(envelope.attempt)
        return Done()

    async def case(stage: Stage) -> None:
        await stage.put("a fatal", *(f"b {number}" for number in range(20)))
        await stage.empty()
        assert attempts == [1] * 20

    on_stage(case, handle, concurrency=1, capacity=6)


def test_even_a_crash_whose_traces_cannot_be_written_is_settled() -> None:
    async def case(stage: Stage) -> None:
        def undo(connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: int) -> None:
            raise LookupError("undo has a bug too")

        stage.orders.undo = undo  # type: ignore[method-assign]
        await stage.put("fatal", "good 1", "good 2", "good 3")
        await stage.empty()
        assert stage.rows() == [("fatal", "quarantined", 1)]
        assert sorted(stage.orders.finished) == ["good 1", "good 2", "good 3"]
        [found] = await stage.open_exceptions()
        assert "LookupError" in found.cause

    on_stage(case, raising(Fatal(), only="fatal"))


def test_a_disk_that_is_full_for_minutes_costs_nothing_and_stops_nobody() -> None:
    """Storage that fails is nobody's attempt: the flow rides it out and goes on by itself."""
    finish = anyio.Event()

    async def handle(envelope: Envelope) -> Outcome:
        await finish.wait()
        return Done()

    async def case(stage: Stage) -> None:
        await stage.put("a", "b", "c", "d", "e")
        await stage.until(lambda: stage.orders.busy == 2)
        stage.disk.full = True
        finish.set()
        await stage.clock.sleep(300)
        assert len(stage.rows()) == 5
        stage.disk.full = False
        await stage.empty(within=10)
        assert Counter(stage.orders.finished) == {"a": 2, "b": 2, "c": 1, "d": 1, "e": 1}
        assert sorted(stage.orders.undone) == ["a", "b"]
        assert stage.stopped == []
        assert await stage.open_exceptions() == []

    on_stage(case, handle)


def test_a_full_disk_keeps_nobody_from_stopping() -> None:
    async def case(stage: Stage) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            await stage.put("a")
            stage.disk.full = True
            await stage.clock.sleep(20)
            stage.close()

    on_stage(case, raising(Fatal()), playing=False)


def test_a_message_cut_off_by_the_end_of_the_daemon_is_not_settled() -> None:
    async def handle(envelope: Envelope) -> Outcome:
        raise GovernorClosed

    async def case(stage: Stage) -> None:
        await stage.put("a")
        await stage.until(lambda: stage.orders.begun)
        await stage.clock.sleep(60)
        assert stage.rows() == [("a", "running", 1)]
        assert stage.orders.begun == ["a"]

    on_stage(case, handle)


# --- how many at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_never_more_at_once_than_concurrency(concurrency: int) -> None:
    async def case(stage: Stage) -> None:
        await stage.put(*(str(number) for number in range(100)))
        await stage.empty()
        assert stage.orders.most_on == concurrency
        assert len(stage.orders.finished) == 100

    async def handle(envelope: Envelope) -> Outcome:
        await anyio.sleep(random.Random(envelope.subject).uniform(0.1, 2))
        return Done()

    on_stage(case, handle, concurrency=concurrency, capacity=concurrency)


@pytest.mark.parametrize("seed", range(12))
def test_one_key_never_twice_at_once_whatever_crashes_meanwhile(seed: int) -> None:
    """Commits that take their time, keys that repeat, bugs, waits and crashes: whoever is on is alone with its key."""
    dice = random.Random(seed)

    async def handle(envelope: Envelope) -> Outcome:
        await anyio.sleep(dice.uniform(0, 0.3))
        match dice.randrange(12):
            case 0:
                raise Fatal
            case 1:
                raise Transient("down", **CALL)
            case 2:
                return Later(due_at=0, reason="waits")
        return Done()

    async def case(stage: Stage) -> None:
        stage.disk.delay = lambda: dice.uniform(0, 0.15)
        for _ in range(300):
            await stage.put(dice.choice("abcdefghijkl"))
            await stage.clock.sleep(dice.uniform(0, 0.2))
            if stage.stopped:
                stage.dispatcher.stopped.clear()
                stage.stopped.clear()
                stage.supervisor.revive("orders")
        assert stage.orders.twice == []
        assert stage.orders.most_on <= 4
        assert any(entry["event"] == "child.crashed" for entry in stage.logged)

    on_stage(case, handle, concurrency=4, capacity=4, seed=seed)
