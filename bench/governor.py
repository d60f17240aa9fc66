"""Goal 4 of the performance reference: how exactly, and how fully, the rate governor uses its limit.

Run as `python -m bench.governor`. Everything runs on virtual time with fixed seeds, so the figures are the same on
every machine. A server counts calls at the instant they *arrive*, 60 per 60 s; eight callers keep orders queued all
the time, up to four calls overlap, and half way through the process is killed with its calls on the wire and restored
from the log it left.

*Use* is calls answered 200 that arrived between minute 10 (the first burst out of an empty window is not counted in our
favour) and the end, over 60 a minute. *Use of the rest* is the same over 40 a minute, with a stranger's 20 calls a
minute on the same key; every limit answer asks for, and gets, a pause of 60 s. The worst window is the busiest 60 s of
our own arrivals, starting anywhere. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import anyio
import msgspec

from adapters.sandbox.cin7_limit import LimitWindow
from adapters.sandbox.virtual_time import DEFAULT_START, run_virtual
from tests.governed_server import (
    OURS,
    Latency,
    World,
    be_a_stranger,
    busy,
    constant,
    log_normal,
    random_strangers,
    run_for,
    spiky,
    steady_strangers,
)

HOURS = 3.0
WARM_UP_MS = 10 * 60_000
LIMIT = 60
STRANGE_CALLS = 20

GOAL_USE = 0.990
STRETCH_USE = 0.994
GOAL_USE_OF_REST = 0.75

LATENCIES: dict[str, Callable[[], Latency]] = {
    "constant 0.25 s": lambda: constant(0.125),
    "log-normal, mean 0.3 s": lambda: log_normal(0.15, 0.8, seed=11),
    "spiky, 0.16 s, 2 % + 4 s": lambda: spiky(0.08, 4.0, 0.01, seed=12),
}
WINDOWS: tuple[LimitWindow, ...] = ("sliding", "fixed")


class Measured(msgspec.Struct, frozen=True):
    """What one run came to. `use` is calls a minute."""

    worst: int
    limit_answers: int
    calls_per_minute: float


def measure(
    latency: Latency, window: LimitWindow, *, strangers: Latency | None = None, refused_calls_count: bool = True
) -> Measured:
    """Run one case: half the time, a kill, the other half."""

    async def run() -> Measured:
        async with anyio.create_task_group() as tasks:
            world = World(tasks, latency=latency, window=window, refused_calls_count=refused_calls_count)
            if strangers is not None:
                tasks.start_soon(be_a_stranger, world.server, world.clock, strangers)
            for _ in range(2):
                governor = world.governor()
                governor.restore(world.journal.rows)
                await run_for(HOURS * 1800, world.clock, governor.run, *busy(world.client(governor)))
            ended = world.clock.now()
            tasks.cancel_scope.cancel()
        return _judge(world, ended)

    return run_virtual(run)


def _judge(world: World, ended: int) -> Measured:
    ours = world.server.of(OURS)
    begun = DEFAULT_START + WARM_UP_MS
    done = sum(begun <= call.arrived_ms < ended and not call.limited for call in ours)
    return Measured(
        worst=world.server.worst().sliding,
        limit_answers=sum(call.limited for call in ours),
        calls_per_minute=done / ((ended - begun) / 60_000),
    )


def alone() -> bool:
    """Print the cases without strangers; return whether all goals were met."""
    print(f"goal: worst ≤ {LIMIT}, limit answers 0, use ≥ {GOAL_USE:.1%} (stretch {STRETCH_USE:.1%})")
    good = True
    for name, make in LATENCIES.items():
        for window in WINDOWS:
            found = measure(make(), window)
            use = found.calls_per_minute / LIMIT
            met = found.worst <= LIMIT and found.limit_answers == 0 and use >= GOAL_USE
            good = good and met
            print(
                f"  {name:26} {window:8} worst {found.worst:3}  limit answers {found.limit_answers:3}"
                f"  use {use:7.2%}  {_verdict(met)}"
            )
    return good


def with_strangers() -> bool:
    """Print the cases with strangers on the key; return whether all goals were met."""
    print(f"{STRANGE_CALLS} strange calls a minute on the same key; goal: ≥ {GOAL_USE_OF_REST:.0%} of what is left")
    good = True
    for refused_calls_count in (True, False):
        for window in WINDOWS:
            found = measure(
                log_normal(0.15, 0.8, seed=11),
                window,
                strangers=steady_strangers(STRANGE_CALLS),
                refused_calls_count=refused_calls_count,
            )
            met = found.worst <= LIMIT and _use_of_rest(found) >= GOAL_USE_OF_REST
            good = good and met
            _print_strange("on a timer", window, found, refused_calls_count=refused_calls_count, verdict=_verdict(met))
    for window in WINDOWS:
        found = measure(log_normal(0.15, 0.8, seed=11), window, strangers=random_strangers(STRANGE_CALLS, seed=13))
        _print_strange("at random", window, found, refused_calls_count=True, verdict="no goal")
    return good


def _use_of_rest(found: Measured) -> float:
    return found.calls_per_minute / (LIMIT - STRANGE_CALLS)


def _print_strange(who: str, window: LimitWindow, found: Measured, *, refused_calls_count: bool, verdict: str) -> None:
    refused = "refused calls count" if refused_calls_count else "refused calls do not"
    print(
        f"  {who:10} {refused:20} {window:8} worst {found.worst:3}"
        f"  limit answers {found.limit_answers / HOURS:4.1f}/h  use of the rest {_use_of_rest(found):6.1%}  {verdict}"
    )


def _verdict(met: bool) -> str:
    return "ok" if met else "MISSED"


def main() -> int:
    """Run all cases."""
    began = time.perf_counter()
    print(f"{HOURS:g} virtual hours a case, orders queued all the time, one kill half way")
    results = [alone(), with_strangers()]
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
