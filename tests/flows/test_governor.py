"""The governor against a server that counts calls when they arrive, on virtual time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from actors.domain.calls import Lane, Purpose
from actors.domain.errors import InDoubt, Limited, Rejected, WireError
from actors.governor.governor import BUCKET, GRACE_SECONDS, HEARTBEAT_SECONDS, Governor, GovernorClosed
from actors.governor.journal import Intent
from adapters.sandbox.virtual_time import run_virtual
from tests.governed_server import (
    OURS,
    Client,
    World,
    be_a_stranger,
    busy,
    constant,
    log_normal,
    run_for,
    steady_strangers,
)

LIMIT = 60


def with_world(case: Callable[[World], Awaitable[None]], **settings: object) -> None:
    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            world = World(tasks, **{"latency": constant(0.1), **settings})  # type: ignore[arg-type]
            await case(world)
            tasks.cancel_scope.cancel()

    run_virtual(run)


def with_governor(case: Callable[[World, Governor], Awaitable[None]], **settings: object) -> None:
    async def run(world: World) -> None:
        governor = world.governor()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(governor.run)
            await case(world, governor)
            tasks.cancel_scope.cancel()

    with_world(run, **settings)


def intent(lane: Lane = Lane.ORDERS) -> Intent:
    return Intent(Purpose.CIN7_READ_SALE, lane=lane)


# --- the law -----------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    mean=st.floats(0.01, 3.0),
    sigma=st.floats(0.1, 1.5),
    max_in_flight=st.integers(1, 10),
    lives=st.lists(st.tuples(st.floats(10.0, 200.0), st.integers(-7_200_000, 250)), min_size=1, max_size=4),
)
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_never_over_the_limit_whatever_latency_kills_and_clocks_do(
    *,
    seed: int,
    mean: float,
    sigma: float,
    max_in_flight: int,
    lives: list[tuple[float, int]],
) -> None:
    """A life ends in a kill; then the wall clock is stepped back by anything, or on by less than is forgiven."""
    dice = random.Random(seed)

    async def case(world: World) -> None:
        world.network.lose_answer_chance = dice.choice([0.0, 0.1])
        world.network.delay_execution_chance = dice.choice([0.0, 0.1])
        for life, step in lives:
            governor = world.governor()
            governor.restore(world.journal.rows)
            await run_for(life, world.clock, governor.run, *busy(world.client(governor), each=max_in_flight + 2))
            assert governor.snapshot().limit_answers == 0
            world.clock.shift(step)

        worst.append(world.server.worst().sliding)

    worst: list[int] = []
    with_world(
        case,
        latency=log_normal(mean, sigma, seed),
        max_in_flight=max_in_flight,
        timeout=10.0,
        doubt=5.0 + 100 * mean,
    )
    assert worst[0] <= LIMIT


def test_wall_clock_steps_while_running_change_nothing() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor)):
                tasks.start_soon(job)
            for step in (3_600_000, -7_200_000, 86_400_000):
                await anyio.sleep(100.0)
                seen = len(world.server.calls)
                world.clock.shift(step)
                await anyio.sleep(60.0)
                assert 58 <= len(world.server.calls) - seen <= LIMIT
            tasks.cancel_scope.cancel()

    with_governor(case)


def test_use_is_full_and_exact_when_orders_always_wait() -> None:
    async def case(world: World, governor: Governor) -> None:
        await run_for(1_800.0, world.clock, *busy(world.client(governor)))
        assert world.server.worst().sliding == LIMIT
        assert not any(call.limited for call in world.server.calls)
        assert len(world.server.calls) >= 0.99 * 1_800

    with_governor(case)


def test_a_burst_is_spread() -> None:
    async def case(world: World, governor: Governor) -> None:
        await run_for(10.0, world.clock, *busy(world.client(governor)))
        assert 12 <= len(world.server.calls) <= 18

    with_governor(case)


# --- a restart ---------------------------------------------------------------------------------------------------


def test_a_restart_knows_the_calls_of_the_process_before_and_those_it_left_open() -> None:
    async def case(world: World) -> None:
        first = world.governor()
        await run_for(58.0, world.clock, first.run, *busy(world.client(first)))
        second = world.governor()
        assert second.restore(world.journal.rows)
        assert second.snapshot().in_window == len(world.journal.rows)
        open_rows = sum(row.ended_at is None for row in world.journal.rows)
        assert open_rows > 0
        await run_for(61.5, world.clock, second.run)
        assert second.snapshot().in_window == open_rows  # until their timeout and a minute

    with_world(case)


def test_calls_that_arrive_long_after_the_kill_of_their_sender_are_still_counted() -> None:
    ways = {"seconds": 50.0}

    async def case(world: World) -> None:
        first = world.governor()
        await run_for(18.0, world.clock, first.run, *busy(world.client(first), each=30))
        assert (world.server.calls, len(world.journal.rows) > 15) == ([], True)
        ways["seconds"] = 0.05
        second = world.governor()
        second.restore(world.journal.rows)
        await run_for(240.0, world.clock, second.run, *busy(world.client(second)))
        assert world.server.worst().sliding <= LIMIT
        assert second.snapshot().limit_answers == 0

    with_world(case, latency=lambda: ways["seconds"], max_in_flight=30)


def test_a_clock_that_went_back_means_a_full_window() -> None:
    async def case(world: World) -> None:
        first = world.governor()
        await world_calls(world, first, 3)
        world.clock.shift(-60_000)
        second = world.governor()
        assert not second.restore(world.journal.rows)
        assert second.snapshot().in_window == LIMIT

    with_world(case)


async def world_calls(world: World, governor: Governor, count: int) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(governor.run)
        for _ in range(count):
            assert await world.client(governor).call() == 200
        tasks.cancel_scope.cancel()


def test_a_new_database_starts_empty_and_an_unknown_log_full() -> None:
    async def case(world: World) -> None:
        new, unknown = world.governor(), world.governor()
        assert new.restore([])
        unknown.assume_full()
        assert new.snapshot().in_window == 0
        assert unknown.snapshot().in_window == LIMIT
        await run_for(59.0, world.clock, unknown.run, *busy(world.client(unknown)))
        assert world.server.calls == []

    with_world(case)


# --- lanes -------------------------------------------------------------------------------------------------------


def test_orders_first_and_every_lane_its_share() -> None:
    async def case(world: World, governor: Governor) -> None:
        granted: Counter[Lane] = Counter()
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor), lanes=list(Lane), each=6):
                tasks.start_soon(job)
            await anyio.sleep(120.0)
            before = len(world.journal.rows)
            await anyio.sleep(600.0)
            granted.update(row.lane for row in world.journal.rows[before:])
            tasks.cancel_scope.cancel()
        for lane, share in {Lane.FULFILMENT: 6, Lane.FINANCE: 4, Lane.STOCK: 10, Lane.CATALOGUE: 2}.items():
            assert share * 10 - 3 <= granted[lane] <= share * 10 + 3, lane
        assert granted[Lane.ORDERS] >= 340

    with_governor(case)


def test_an_order_never_waits_long_behind_a_stock_pass() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor), lanes=[Lane.STOCK], each=20):
                tasks.start_soon(job)
            for _ in range(20):
                await anyio.sleep(61.0)
                assert governor.snapshot().in_window <= LIMIT - 5
                asked = world.clock.monotonic()
                async with governor.turn(intent()):
                    assert world.clock.monotonic() - asked < 1.0
            tasks.cancel_scope.cancel()

    with_governor(case)


def test_slow_lower_lanes_leave_one_place_in_flight() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor), lanes=[Lane.STOCK], each=20):
                tasks.start_soon(job)
            await anyio.sleep(25.0)
            assert governor.snapshot().in_flight == 3
            asked = world.clock.monotonic()
            async with governor.turn(intent()):
                assert world.clock.monotonic() - asked < 1.0
            tasks.cancel_scope.cancel()

    with_governor(case, latency=constant(10.0))


def test_strictly_serial_means_one_in_flight_for_any_lane() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor), lanes=[Lane.STOCK, Lane.ORDERS], each=5):
                tasks.start_soon(job)
            for _ in range(200):
                await anyio.sleep(0.7)
                assert governor.snapshot().in_flight <= 1
            assert len(world.server.of(OURS)) > 60
            tasks.cancel_scope.cancel()

    with_governor(case, max_in_flight=1)


def test_whoever_is_most_urgent_when_there_is_room_goes_first() -> None:
    async def case(world: World) -> None:
        governor = world.governor(shares={})
        governor.assume_full()
        order: list[str] = []

        async def ask(lane: Lane, after: float) -> None:
            await anyio.sleep(after)
            async with governor.turn(intent(lane)):
                order.append(lane.label)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(governor.run)
            tasks.start_soon(ask, Lane.BACKFILL, 0.0)
            tasks.start_soon(ask, Lane.ORDERS, 59.0)
            tasks.start_soon(ask, Lane.ORDERS, 59.5)
            await anyio.sleep(70.0)
            tasks.cancel_scope.cancel()
        assert order == ["orders", "orders", "backfill"]

    with_world(case)


# --- tickets, rows and ends --------------------------------------------------------------------------------------


def test_an_abandoned_ticket_costs_nothing() -> None:
    async def case(world: World, governor: Governor) -> None:
        governor.assume_full()
        for _ in range(50):
            with anyio.move_on_after(0.5):
                async with governor.turn(intent()):
                    raise AssertionError("the window is full")
        snapshot = governor.snapshot()
        assert (snapshot.queued["orders"], snapshot.in_flight, snapshot.granted) == (0, 0, 0)
        assert world.journal.rows == []

    with_governor(case)


def test_cancelled_between_grant_and_row_it_is_given_back_and_its_row_is_ended() -> None:
    async def case(world: World, governor: Governor) -> None:
        world.journal = slow = type(world.journal)(world.clock, commit_seconds=5.0)
        governor._journal = slow
        with anyio.move_on_after(2.0):
            async with governor.turn(intent()):
                raise AssertionError("cancelled before it began")
        assert governor.snapshot().in_window == 0
        await governor.flush()
        assert [row.ended_at is not None for row in slow.rows] == [True]

    with_governor(case)


def test_the_row_is_on_disk_before_the_turn_begins_and_ends_come_with_the_next_row() -> None:
    async def case(world: World, governor: Governor) -> None:
        first = intent()
        async with governor.turn(first) as turn:
            assert first.call_id == 0
            assert world.journal.rows[0].sent_at == turn.sent_at
            await anyio.sleep(3.0)
            ended = world.clock.now()
        ends_before = [row.ended_at for row in world.journal.rows]
        async with governor.turn(intent()):
            ends_after = [row.ended_at for row in world.journal.rows]
        assert (ends_before, ends_after) == ([None], [ended, None])
        await governor.flush()
        assert all(row.ended_at is not None for row in world.journal.rows)

    with_governor(case)


def test_a_journal_that_fails_costs_no_call_and_keeps_the_ends() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with governor.turn(intent()):
            pass
        world.journal.broken = True
        for _ in range(3):
            with pytest.raises(OSError, match="disk full"):
                async with governor.turn(intent()):
                    raise AssertionError("nothing may be sent without its row")
        with pytest.raises(OSError, match="disk full"):
            await governor.flush()
        assert governor.snapshot().in_window == 1
        assert governor.snapshot().in_flight == 0
        world.journal.broken = False
        await governor.flush()
        assert [row.ended_at is not None for row in world.journal.rows] == [True]

    with_governor(case)


def test_not_sent_counts_for_nothing_and_lost_counts_until_it_cannot_be_seen() -> None:
    async def case(world: World, governor: Governor) -> None:
        world.network.reachable = False
        assert await world.client(governor).call() is None
        assert governor.snapshot().in_window == 0
        async with governor.turn(intent()) as turn:
            turn.lost(turn.sent_at + 40_000)
        await anyio.sleep(99.0 + GRACE_SECONDS)
        assert governor.snapshot().in_window == 1
        await anyio.sleep(1.1)
        assert governor.snapshot().in_window == 0

    with_governor(case)


@pytest.mark.parametrize(("step", "reckoned_from_now"), [(3_600_000, False), (-3_600_000, True), (86_400_000, True)])
def test_a_wall_clock_stepped_under_a_lost_call_does_not_shorten_its_time(step: int, reckoned_from_now: bool) -> None:
    async def case(world: World, governor: Governor) -> None:
        async with governor.turn(intent()) as turn:
            await anyio.sleep(1.0)
            world.clock.shift(step)
            turn.lost(world.clock.now() + 39_000 if reckoned_from_now else turn.sent_at + 40_000)
        await anyio.sleep(98.0)
        assert governor.snapshot().in_window == 1
        await anyio.sleep(600.0)  # nor does it lengthen it for ever
        assert governor.snapshot().in_window == 0

    with_governor(case)


def wire(kind: type[WireError], status: int | None) -> WireError:
    return kind("x", side="cin7", operation="read", status=status)


@pytest.mark.parametrize(
    ("error", "counts_seconds"),
    [
        (wire(Rejected, 400), 60.0),  # an answer came: over now
        (wire(WireError, None), 120.0 + GRACE_SECONDS),  # nobody knows: until the timeout
        (KeyError("a bug"), 120.0 + GRACE_SECONDS),
        (InDoubt("timeout", side="cin7", operation="create", until=1_796_083_200_000 + 20_000), 80.0 + GRACE_SECONDS),
    ],
)
def test_a_block_left_by_an_exception_without_a_word_is_judged_with_caution(
    error: Exception, counts_seconds: float
) -> None:
    async def case(world: World, governor: Governor) -> None:
        with pytest.raises(type(error)):
            async with governor.turn(intent()):
                raise error
        await anyio.sleep(counts_seconds - 0.2)
        assert governor.snapshot().in_window == 1
        await anyio.sleep(0.3)
        assert governor.snapshot().in_window == 0

    with_governor(case)


def test_a_call_cancelled_on_the_wire_counts_until_its_timeout() -> None:
    async def case(world: World, governor: Governor) -> None:
        with anyio.move_on_after(5.0):
            await world.client(governor).call()
        assert governor.snapshot().in_flight == 0
        await anyio.sleep(114.0 + GRACE_SECONDS)
        assert governor.snapshot().in_window == 1
        await anyio.sleep(2.0)
        assert governor.snapshot().in_window == 0

    with_governor(case, latency=constant(30.0))


# --- limit answers -----------------------------------------------------------------------------------------------


def test_overlapping_limit_answers_are_one_incident_with_one_pause() -> None:
    async def case(world: World, governor: Governor) -> None:
        for _ in range(LIMIT):
            world.server.arrive("stranger")
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(world.client(governor).call)
            await anyio.sleep(1.0)
        snapshot = governor.snapshot()
        assert (snapshot.limit_answers, snapshot.foreign_use) == (4, 4)
        assert snapshot.foreign_use_at is not None
        assert snapshot.cap < LIMIT
        assert snapshot.paused_until is not None
        assert snapshot.paused_until - world.clock.now() <= 60_000
        asked = world.clock.monotonic()
        assert await world.client(governor).call() == 200
        assert 58.0 < world.clock.monotonic() - asked < 62.0

    with_governor(case)


def test_a_limit_answer_while_a_call_is_being_spread_holds_that_call_too() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor)):
                tasks.start_soon(job)
            await anyio.sleep(0.5)
            sent = governor.snapshot().granted
            assert sent == BUCKET  # the next one waits for the limiter
            governor.take_limit_answer(world.clock.monotonic(), 60.0)
            await anyio.sleep(59.0)
            assert governor.snapshot().granted == sent
            tasks.cancel_scope.cancel()

    with_governor(case)


def test_a_retry_after_beyond_reason_is_capped() -> None:
    async def case(world: World, governor: Governor) -> None:
        with pytest.raises(Limited):
            async with governor.turn(intent()):
                raise Limited(side="cin7", operation="read", retry_after_seconds=86_400.0)
        paused_until = governor.snapshot().paused_until
        assert paused_until is not None
        assert paused_until - world.clock.now() == 120_000

    with_governor(case)


@pytest.mark.parametrize("refused_calls_count", [True, False])
def test_strangers_cost_their_part_and_no_more_and_all_comes_back_when_they_leave(refused_calls_count: bool) -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor)):
                tasks.start_soon(job)
            with anyio.move_on_after(3_600.0):
                await be_a_stranger(world.server, world.clock, steady_strangers(20))
            done = sum(not call.limited for call in world.server.of(OURS))
            assert done >= 0.75 * 40 * 60
            assert governor.snapshot().foreign_use > 0
            await anyio.sleep(1_800.0)
            assert governor.snapshot().cap == LIMIT
            tasks.cancel_scope.cancel()

    with_governor(case, refused_calls_count=refused_calls_count)


def test_strangers_who_take_everything_never_lock_us_out_for_good() -> None:
    async def case(world: World, governor: Governor) -> None:
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor)):
                tasks.start_soon(job)
            with anyio.move_on_after(1_800.0):
                await be_a_stranger(world.server, world.clock, steady_strangers(200))
            assert governor.snapshot().cap >= 1
            await anyio.sleep(2_400.0)
            assert governor.snapshot().cap == LIMIT
            tasks.cancel_scope.cancel()

    with_governor(case)


# --- shutdown and health -----------------------------------------------------------------------------------------


def test_closing_refuses_whoever_waits_and_lets_the_wire_finish() -> None:
    async def case(world: World, governor: Governor) -> None:
        refused: list[str] = []

        async def ask() -> None:
            try:
                await world.client(governor).call()
            except GovernorClosed as error:
                refused.append(str(error))

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(ask)
            await anyio.sleep(1.0)
            assert governor.snapshot().in_flight == 4
            governor.close()
            await governor.drained()
            assert world.clock.monotonic() == pytest.approx(20.0, abs=1.0)
        assert len(refused) == 2
        assert len(world.server.calls) == 4
        with pytest.raises(GovernorClosed):
            await world.client(governor).call()
        await governor.flush()
        assert all(row.ended_at is not None for row in world.journal.rows)

    with_governor(case, latency=constant(10.0))


def test_the_snapshot_forecasts_the_backlog_and_the_loop_shows_signs_of_life() -> None:
    async def case(world: World, governor: Governor) -> None:
        governor.assume_full()
        async with anyio.create_task_group() as tasks:
            for job in busy(world.client(governor), lanes=[Lane.ORDERS, Lane.STOCK], each=120):
                tasks.start_soon(job)
            await anyio.sleep(1.0)
            before = governor.snapshot()
            assert before.queued["orders"] == 120
            assert before.lane_minutes_to_drain["orders"] == 2.0
            assert before.lane_minutes_to_drain["stock"] == 4.0  # behind orders; its share alone would take 12
            assert before.minutes_to_drain == 4.0
            await anyio.sleep(HEARTBEAT_SECONDS * 2)
            assert governor.snapshot().progress >= before.progress + 2
            tasks.cancel_scope.cancel()

    with_governor(case)


@pytest.mark.parametrize(
    "changes",
    [{"max_in_flight": 0}, {"reserve": 60}, {"shares": {Lane.STOCK: 60}}, {"shares": {Lane.STOCK: -1}}],
)
def test_settings_that_contradict_the_law_are_refused(changes: dict[str, object]) -> None:
    async def case(world: World) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            world.governor(**changes)

    with_world(case)


def test_a_client_of_the_gate_gets_the_status() -> None:
    async def case(world: World, governor: Governor) -> None:
        client: Client = world.client(governor)
        assert await client.call() == 200

    with_governor(case)
