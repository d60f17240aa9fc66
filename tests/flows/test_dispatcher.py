"""What the dispatcher moves into mailboxes, what it leaves on disk, and what wakes it."""

from __future__ import annotations

import sqlite3
from functools import partial

import anyio
import pytest

from actors.core.actor import Done, Outcome
from actors.messages import Envelope, Flow, Urgency
from storage import outbox
from tests.stage import Fatal, Handler, Stage, done, on_stage


def held_back(finish: anyio.Event) -> Handler:
    async def handle(envelope: Envelope) -> Outcome:
        await finish.wait()
        return Done()

    return handle


@pytest.mark.parametrize(("concurrency", "capacity"), [(1, 1), (2, 4), (8, 8)])
def test_a_full_mailbox_leaves_rows_ready(concurrency: int, capacity: int) -> None:
    """However much waits, no more is in memory than one mailbox and what is being handled."""
    finish = anyio.Event()

    async def case(stage: Stage) -> None:
        await stage.put(*(f"{number:04}" for number in range(1000)))
        await stage.clock.sleep(60)
        assert stage.states() == {"running": concurrency + capacity, "ready": 1000 - concurrency - capacity}
        assert stage.orders.busy == concurrency
        assert stage.orders.mailbox.waiting == capacity
        finish.set()
        await stage.empty()
        assert sorted(stage.orders.finished) == [f"{number:04}" for number in range(1000)]

    on_stage(case, held_back(finish), concurrency=concurrency, capacity=capacity)


def test_a_full_flow_keeps_no_other_waiting() -> None:
    finish = anyio.Event()

    async def case(stage: Stage) -> None:
        await stage.put(*(str(number) for number in range(50)))
        await stage.until(lambda: stage.orders.mailbox.free == 0)
        await stage.put("sweep", flow=Flow.INTAKE)
        await stage.until(lambda: stage.actors[Flow.INTAKE].finished, within=0.1)
        finish.set()

    on_stage(case, {Flow.ORDERS: held_back(finish), Flow.INTAKE: done})


@pytest.mark.parametrize("how", ["paused", "stopped"])
def test_nudges_of_a_flow_that_stands_stay_where_they_are(how: str) -> None:
    async def case(stage: Stage) -> None:
        standing: set[Flow] = getattr(stage.dispatcher, how)
        standing.add(Flow.ORDERS)
        await stage.put("a", "b")
        await stage.put("sweep", flow=Flow.INTAKE)
        await stage.clock.sleep(60)
        assert stage.rows() == [("a", "ready", 0), ("b", "ready", 0)]
        standing.clear()
        stage.bell.ring()
        await stage.empty(within=0.1)
        assert stage.orders.finished == ["a", "b"]

    on_stage(case, {Flow.ORDERS: done, Flow.INTAKE: done})


def test_what_is_under_way_is_handled_first() -> None:
    async def case(stage: Stage) -> None:
        await stage.put(*(f"fresh {number}" for number in range(6)))
        await stage.put("begun 1", "begun 2", urgency=Urgency.UNDERWAY)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            await stage.empty()
            stage.close()
        assert stage.orders.finished[:2] == ["begun 1", "begun 2"]
        assert len(stage.orders.finished) == 8

    on_stage(case, concurrency=1, capacity=1, playing=False)


# --- wake-ups --------------------------------------------------------------------------------------------------------


def test_a_new_nudge_is_handled_at_once() -> None:
    async def case(stage: Stage) -> None:
        await stage.clock.sleep(1000)
        await stage.put("a")
        began = stage.clock.monotonic()
        await stage.until(lambda: stage.orders.finished, every=0.001)
        assert stage.clock.monotonic() - began <= 0.001

    on_stage(case)


def test_a_nudge_is_handled_when_it_is_due_and_not_before() -> None:
    async def case(stage: Stage) -> None:
        await stage.put("later", delay=90_000)
        await stage.put("sooner", delay=30_000)
        await stage.clock.sleep(29.9)
        assert stage.orders.begun == []
        await stage.clock.sleep(0.2)
        assert stage.orders.begun == ["sooner"]
        await stage.clock.sleep(59.7)
        assert stage.orders.begun == ["sooner"]
        await stage.clock.sleep(0.3)
        assert stage.orders.begun == ["sooner", "later"]

    on_stage(case)


def test_a_key_accepted_while_it_runs_is_handled_right_after() -> None:
    async def handle(envelope: Envelope) -> Outcome:
        await anyio.sleep(20)
        return Done()

    async def case(stage: Stage) -> None:
        await stage.put("a")
        await stage.until(lambda: stage.orders.busy)
        await stage.put("a")
        await stage.clock.sleep(19)
        assert stage.states() == {"running": 1, "ready": 1}
        await stage.until(lambda: stage.orders.begun == ["a", "a"], within=1.2)
        assert stage.orders.twice == []

    on_stage(case, handle)


def test_with_nothing_to_do_it_does_nothing() -> None:
    async def case(stage: Stage) -> None:
        await stage.put("a", delay=3_600_000)
        await stage.clock.sleep(10)
        before = stage.dispatcher.beats
        await stage.clock.sleep(3000)
        assert stage.dispatcher.beats == before
        stage.bell.ring()
        await stage.clock.sleep(1)
        assert stage.dispatcher.beats == before + 1

    on_stage(case)


def test_a_full_disk_is_waited_for() -> None:
    async def case(stage: Stage) -> None:
        await stage.put("a")
        stage.disk.full = True
        stage.bell.ring()
        await stage.clock.sleep(100)
        assert stage.orders.begun == []
        stage.disk.full = False
        await stage.until(lambda: stage.orders.finished, within=2)

    on_stage(case)


def test_closed_it_claims_nothing_more_and_returns() -> None:
    async def case(stage: Stage) -> None:
        stage.dispatcher.close()
        await stage.put("a")
        with anyio.fail_after(1):
            await stage.dispatcher.run()
        assert stage.rows() == [("a", "ready", 0)]

    on_stage(case, playing=False)


def test_closed_while_it_waits_it_returns_too() -> None:
    async def case(stage: Stage) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.dispatcher.run)
            await stage.clock.sleep(10)
            stage.dispatcher.close()

    on_stage(case, playing=False)


# --- after an unclean stop -------------------------------------------------------------------------------------------


async def died(stage: Stage, *subjects: str, flow: Flow = Flow.ORDERS, times: int = 1) -> None:
    """Leave nudges as a process leaves them that was killed so often while it handled them."""
    await stage.put(*subjects, flow=flow)

    def unit(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE outbox SET state = 'running', claimed_at = 1, attempts = ? WHERE flow = ?", (times, flow.value)
        )

    await stage.database.run(unit)


def test_after_a_kill_the_suspects_are_handled_one_at_a_time_and_alone() -> None:
    async def handle(envelope: Envelope) -> Outcome:
        await anyio.sleep(1)
        return Done()

    async def case(stage: Stage) -> None:
        await died(stage, "s1", "s2", "s3")
        await stage.dispatcher.reclaim()
        await stage.put("fresh 1", "fresh 2", urgency=Urgency.UNDERWAY)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            for suspect in ("s1", "s2", "s3"):
                await stage.until(partial(last_begun, stage, suspect))
                await stage.clock.sleep(0.9)
                assert stage.states()["running"] == 1, stage.rows()
            await stage.empty()
            stage.close()
        assert stage.orders.begun[:3] == ["s1", "s2", "s3"]
        assert sorted(stage.orders.begun[3:]) == ["fresh 1", "fresh 2"]

    on_stage(case, handle, playing=False)


def test_what_kills_the_process_is_found_out_and_the_innocent_go_through() -> None:
    """Three were running at each kill; only the one that did it is set aside, and it is told."""

    async def handle(envelope: Envelope) -> Outcome:
        if envelope.subject == "killer":
            raise KeyboardInterrupt
        return Done()

    async def case(stage: Stage) -> None:
        await died(stage, "innocent 1", "killer", "innocent 2", times=2)
        assert await stage.dispatcher.reclaim() == []
        for _ in range(3):
            [envelope] = outbox.claim_suspect(inline(stage), [Flow.ORDERS], now=stage.clock.now())[0]
            if envelope.subject == "killer":
                break
            outbox.settle(inline(stage), envelope)
        [spent] = await stage.dispatcher.reclaim()
        assert spent.subject == "killer"
        assert ("killer", "quarantined", 3) in stage.rows()
        [found] = await stage.open_exceptions()
        assert (found.type, found.record.id) == ("message_quarantined", "killer")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            await stage.empty()
            stage.close()
        assert stage.rows() == [("killer", "quarantined", 3)]

    on_stage(case, handle, playing=False)


def last_begun(stage: Stage, subject: str) -> bool:
    return stage.orders.begun[-1:] == [subject]


def inline(stage: Stage) -> sqlite3.Connection:
    assert stage.database._inline is not None
    return stage.database._inline


def test_suspects_of_a_paused_flow_stay_and_keep_nobody_waiting() -> None:
    async def case(stage: Stage) -> None:
        await died(stage, "a", "b")
        await stage.dispatcher.reclaim()
        stage.dispatcher.paused.add(Flow.ORDERS)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            await stage.put("sweep", flow=Flow.INTAKE)
            await stage.until(lambda: stage.actors[Flow.INTAKE].finished, within=0.1)
            await stage.clock.sleep(60)
            assert stage.rows() == [("a", "ready", 1), ("b", "ready", 1)]
            stage.dispatcher.paused.clear()
            stage.bell.ring()
            await stage.empty(within=1)
            stage.close()
        assert stage.orders.finished == ["a", "b"]

    on_stage(case, {Flow.ORDERS: done, Flow.INTAKE: done}, playing=False)


def test_a_flow_stopped_amid_its_suspects_keeps_nobody_waiting() -> None:
    """Six poisoned suspects in a row stop their flow; the others go on (law L7)."""

    async def fatal(envelope: Envelope) -> Outcome:
        raise Fatal

    async def case(stage: Stage) -> None:
        await died(stage, *(f"poison {number}" for number in range(8)))
        await stage.dispatcher.reclaim()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.supervisor.run)
            await stage.until(lambda: stage.stopped == ["orders"])
            await stage.put("sweep", flow=Flow.INTAKE)
            await stage.until(lambda: stage.actors[Flow.INTAKE].finished, within=1)
            stage.close()

    on_stage(case, {Flow.ORDERS: fatal, Flow.INTAKE: done}, playing=False)
