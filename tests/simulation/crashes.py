"""The run that stands on every crash point: 200 orders, lost answers, repeated and shuffled events, and a kill at each."""

from __future__ import annotations

import random
from collections import Counter

from actors.domain.crashpoints import crash_points
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.generator import OrderGenerator
from tests.simulation.laws import assert_exactly_once, assert_nothing_silent, assert_within_the_limit
from tests.simulation.world import World, world

HOUR = 3600.0


class Reaper:
    """Kills at every crash point once, each at a random passing, never more often than the world can bear."""

    def __init__(self, points: frozenset[str], chance: random.Random, made: World) -> None:
        self.left = dict.fromkeys(sorted(points), 0)
        self._chance = chance
        self._world = made
        self._rest_until = 0.0

    def __call__(self, point: str) -> bool:
        if point not in self.left or self._world.clock.monotonic() < self._rest_until:
            return False
        self.left[point] += 1
        rare = self.left[point] >= 3
        if not rare and self._chance.random() > 0.5:
            return False
        del self.left[point]
        self._rest_until = self._world.clock.monotonic() + self._chance.uniform(5, 40)
        return True


def faults_of_a_bad_day(made: World) -> None:
    """Every kind of fault on every call that matters, at once."""
    lost = Fault(kind=FaultKind.DROP_AFTER)
    for operation in ("sale_create", "sale_order", "sale_void"):
        made.cin7_faults.chance(operation, lost, 0.02)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.DROP_BEFORE), 0.02)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.01)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.01)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.MALFORMED), 0.01)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.SLOW, seconds=75), 0.005)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.SLOW_ANSWER, seconds=20), 0.01)
    made.cin7_faults.chance("sale_list", Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.03)
    made.cin7_faults.chance("sale_read", Fault(kind=FaultKind.MALFORMED), 0.03)
    made.ct_faults.chance("order_update", lost, 0.03)
    made.ct_faults.chance("order_update", Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.02)
    made.ct_faults.chance("order_list", Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.02)
    made.ct_faults.chance("order_read", Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.02)


CANCELLED_AFTER = (0.0, 900.0, 1.0, 600.0, 30.0, 1200.0)
"""Seconds between an order and its cancellation: before, while and after its sale is made."""


async def bad_day(seed: int, *, count: int = 200, cancelled: int = 12, points: frozenset[str] | None = None) -> Counter[str]:
    """Run one seed; return how often each crash point was passed. Raises when a law is broken or a point not reached."""
    chance = random.Random(f"bad day/{seed}")
    async with world(seed) as made:
        made.cin7.visibility_lag_seconds = chance.choice((0.0, 2.0, 20.0))
        made.shop.visibility_lag_seconds = chance.choice((0.0, 1.0, 15.0))
        await made.clock.sleep(8)
        reaper = Reaper(crash_points() if points is None else points, chance, made)
        made.kill_next = reaper
        faults_of_a_bad_day(made)
        generator = OrderGenerator(seed, made.shop, clock=made.clock)
        to_cancel = sorted(chance.sample(range(count + cancelled), cancelled))
        for index in range(count + cancelled):
            await made.clock.sleep(chance.expovariate(1 / 1.5))
            placed = generator.place_next()
            assert placed is not None, generator.refused
            if index in to_cancel:
                after = CANCELLED_AFTER[to_cancel.index(index) % len(CANCELLED_AFTER)]
                made.tasks.start_soon(cancel_later, made, placed.order_id, after)
            elif chance.random() < 0.3:
                made.tasks.start_soon(touch_later, made, placed.order_id, chance.uniform(0, 600))
        await made.clock.sleep(0.5 * HOUR)
        made.kill_next = lambda point: False
        await made.until(lambda: finished(made), within=6 * HOUR, every=30)
        missed = sorted(reaper.left)
        assert not missed, f"seed {seed}: never reached {missed}; passed {dict(made.passed)}"
        assert_exactly_once(made)
        assert_within_the_limit(made)
        assert_nothing_silent(made)
        return made.passed


def finished(made: World) -> bool:
    """True when every order the shop ever took is exported or cancelled."""
    try:
        states = {state: count for state, count in made.states().items() if count}
    except Exception:
        return False
    return set(states) <= {"exported", "cancelled"} and sum(states.values()) == len(made.shop.orders)


async def cancel_later(made: World, order_id: str, seconds: float) -> None:
    await made.clock.sleep(seconds)
    made.shop.cancel(order_id)


async def touch_later(made: World, order_id: str, seconds: float) -> None:
    await made.clock.sleep(seconds)
    made.shop.touch(order_id)
