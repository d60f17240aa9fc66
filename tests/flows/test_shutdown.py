"""A stop in good order: doors closed, nothing new begun, what is on the wire waited for, never cancelled by us."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from adapters.sandbox.generator import OrderGenerator
from adapters.sandbox.virtual_time import run_virtual
from storage import calls
from tests.simulation.laws import assert_exactly_once, assert_within_the_limit
from tests.simulation.world import World, world

MOMENTS = (0.3, 1.7, 4.1, 7.9, 13.2)
"""Seconds after twenty orders were placed: each cuts the flow somewhere else."""


def _left_behind(connection: sqlite3.Connection) -> dict[str, Any]:
    return {
        "open writes": calls.open_writes(connection),
        "calls without an end": connection.execute(
            "SELECT purpose FROM calls WHERE ended_at IS NULL AND purpose LIKE 'cin7.%'"
        ).fetchall(),
        "running": connection.execute("SELECT subject FROM outbox WHERE state = 'running'").fetchall(),
        "in doubt": connection.execute("SELECT id FROM orders WHERE state = 'in_doubt'").fetchall(),
        "suspects": connection.execute("SELECT subject FROM outbox WHERE suspect = 1").fetchall(),
        "attempts": connection.execute("SELECT subject FROM outbox WHERE attempts > 0").fetchall(),
    }


async def _stop_and_go_on(made: World, after: float) -> None:
    await made.clock.sleep(8)
    generator = OrderGenerator(made.seed, made.shop, clock=made.clock)
    for _ in range(20):
        assert generator.place_next() is not None
    await made.clock.sleep(3 + after)
    engine = made.daemon.engine
    assert engine is not None
    seen: dict[str, Any] = {}
    leave = engine._leave

    async def look_and_leave() -> None:
        await leave()
        seen.update(made.daemon.read(_left_behind))

    engine._leave = look_and_leave  # type: ignore[method-assign]
    began = made.clock.monotonic()
    engine.close()
    await made.until(lambda: bool(seen), within=120, every=0.1)
    assert made.clock.monotonic() - began < 10, "a stop waits for what is on the wire, not for what queues"
    assert not any(seen.values()), seen
    await made.until(lambda: made.daemon.settled({"exported": 20}), within=600)
    looked_up = [call.operation for call in made.cin7.call_log if call.operation in ("sale_list", "sale_read")]
    assert not looked_up, "nothing was in doubt, so nothing was looked up"
    assert_exactly_once(made)
    assert_within_the_limit(made)


@pytest.mark.parametrize("after", MOMENTS)
def test_a_stop_leaves_nothing_in_doubt_and_the_next_start_goes_on(after: float) -> None:
    async def run() -> None:
        async with world(int(after * 10)) as made:
            await _stop_and_go_on(made, after)

    run_virtual(run)


def test_a_stopped_daemon_that_waits_for_the_wire_is_cut_by_a_second_signal_and_the_cut_is_a_doubt() -> None:
    """Given an answer that takes long: the first signal waits, the second cuts, the next start looks for the sale."""

    async def run() -> None:
        async with world(5) as made:
            await made.clock.sleep(8)
            generator = OrderGenerator(5, made.shop, clock=made.clock)
            made.cin7_network.lose_answer_chance = 1.0
            assert generator.place_next() is not None
            await made.until(lambda: made.daemon.settled({"creating": 1}), within=60, every=0.1)
            made.cin7_network.lose_answer_chance = 0.0
            engine = made.daemon.engine
            assert engine is not None
            engine.close()
            await made.clock.sleep(5)
            assert made.daemon.states() == {"creating": 1}, "the first signal waits for the answer"
            made.daemon.die("second signal")
            await made.until(lambda: made.daemon.settled({"exported": 1}), within=900)
            assert_exactly_once(made)

    run_virtual(run)
