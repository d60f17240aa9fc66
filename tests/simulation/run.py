"""The full run as a command: `python -m tests.simulation.run --seeds 200 --orders 200`.

Each seed is one bad day (`tests/simulation/crashes.py`). Exit 0: every law held in every seed and every crash point was
reached; exit 1: a seed failed, and how to run it again is printed.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import time
import traceback
from collections import Counter

import msgspec

from actors.domain.crashpoints import crash_points
from adapters.sandbox.virtual_time import run_virtual
from tests.simulation.crashes import Day, bad_day


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that went through, or the words of what broke."""

    seed: int
    seconds: float
    day: Day | None = None
    failure: str = ""


class Figures:
    """What the run adds up to."""

    def __init__(self) -> None:
        self.seeds = self.orders = self.sales = self.outages = self.kills = 0
        self.faults: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.killed_at: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.posted: Counter[str] = Counter()
        self.products: Counter[str] = Counter()

    def add(self, day: Day) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.orders += day.orders
        self.sales += day.sales
        self.outages += day.outages
        self.kills += len(day.kills)
        self.faults.update(day.faults)
        self.passed.update(day.passed)
        self.killed_at.update(day.kills)
        self.told.update(day.told)
        self.posted.update(day.posted)
        self.products.update(day.products)

    def lines(self) -> list[str]:
        """The figures in words."""
        reached = sorted(point for point in crash_points() if self.killed_at[point])
        return [
            f"seeds {self.seeds}, orders {self.orders}, sales made {self.sales}, kills {self.kills},"
            f" outages {self.outages}, faults {self.faults.total()}",
            f"doors told: {', '.join(f'{what} {count}' for what, count in sorted(self.told.items()))}",
            f"posted: {', '.join(f'{what} {count}' for what, count in sorted(self.posted.items()))}",
            f"products: {', '.join(f'{what} {count}' for what, count in sorted(self.products.items()))}",
            f"crash points killed at: {len(reached)} of {len(crash_points())}",
            *(f"  {point}: passed {self.passed[point]}, killed at {self.killed_at[point]}" for point in reached),
            "faults that happened:",
            *(f"  {kind}: {count}" for kind, count in sorted(self.faults.items())),
        ]


def run_seed(seed: int, *, orders: int) -> Result:
    """Run one seed, whatever comes of it."""
    began = time.monotonic()
    try:
        day = run_virtual(functools.partial(bad_day, seed, count=orders))
    except BaseException:  # a deadlock, a broken law, a defect of the double: all of it is this seed's failure
        return Result(seed=seed, seconds=time.monotonic() - began, failure=traceback.format_exc())
    return Result(seed=seed, seconds=time.monotonic() - began, day=msgspec.structs.replace(day, trace=()))


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (default 200)")
    parser.add_argument("--orders", type=int, default=200, help="orders a seed (default 200)")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    chosen = parser.parse_args(arguments)
    figures, failed = Figures(), list[Result]()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    began = time.monotonic()
    # Spawned, not forked: no seed inherits anything from another.
    with multiprocessing.get_context("spawn").Pool(chosen.jobs, maxtasksperchild=10) as pool:
        work = functools.partial(run_seed, orders=chosen.orders)
        for done, result in enumerate(pool.imap_unordered(work, seeds), start=1):
            if result.day is None:
                failed.append(result)
            else:
                figures.add(result.day)
            _progress(done, len(seeds), result, time.monotonic() - began)
    sys.stdout.write("\n".join(figures.lines()) + "\n")
    for result in sorted(failed, key=lambda one: one.seed):
        again = f"python -m tests.simulation.run --first {result.seed} --seeds 1 --jobs 1 --orders {chosen.orders}"
        sys.stderr.write(f"\nseed {result.seed} FAILED:\n{result.failure}again: {again}\n")
    return 1 if failed else 0


def _progress(done: int, of: int, result: Result, elapsed: float) -> None:
    state = "FAILED" if result.day is None else f"{len(result.day.kills)} kills"
    sys.stdout.write(f"{done}/{of} seed {result.seed}: {state}, {result.seconds:.1f} s ({elapsed:.0f} s in all)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
