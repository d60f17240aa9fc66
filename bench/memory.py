"""Goal 7 of the performance reference: memory is flat with a million rows waiting.

Run as `python -m bench.memory [rows]`. Two processes, one after the other, each with the real dispatcher, supervisor,
database (`synchronous=FULL`, a real file in the current directory) and an actor whose handler does nothing. Both first
handle 20,000 nudges, so that every code path and the writer's page cache (2 MB) are warm. The first then has an *empty*
outbox. The second is filled by `outbox.accept` in units of 500, one key in ten a second time, all due at once, while
nothing is handled; and then handles them to the end. Both have imported the whole daemon, to weigh what it weighs.

The parent samples resident memory 20 times a second, from outside. *Peak ratio* is the highest sample of the second
process over the highest of the first; flat means at most 1.1. Every key must be handled exactly once. Exit status 1
means that a goal was missed.
"""

from __future__ import annotations

import importlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio
import msgspec
import psutil

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.bell import Bell
from actors.core.clock import SystemClock
from actors.messages import Envelope, Flow, Nudge
from daemon.dispatcher import Dispatcher
from daemon.supervisor import ChildSpec, Supervisor
from storage import outbox
from storage.database import Database
from storage.schema import upgrade

ROWS = 1_000_000
WARM = 20_000
UNIT = 500
REPEATED = 10
CONCURRENCY = 128
SAMPLES_PER_SECOND = 20
GOAL_FLAT = 1.1
MIB = 1 << 20


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a child says on its output: that a phase began or ended."""

    phase: str
    seconds: float = 0.0
    rows: int = 0


# --- the child -------------------------------------------------------------------------------------------------------


class Counting(Actor):
    """Counts how often each key was handled, in one byte per key that both processes have."""

    flow = Flow.ORDERS

    def __init__(self, around: Surroundings, keys: int) -> None:
        super().__init__(around, concurrency=CONCURRENCY, capacity=CONCURRENCY)
        self.times = bytearray(b"\1") * keys
        self.times[:] = bytes(keys)

    async def handle(self, envelope: Envelope) -> Outcome:
        """Count, and be done."""
        self.times[int(envelope.subject)] += 1
        return Done()


class Engine:
    """The mechanism around one actor."""

    def __init__(self, database: Database, keys: int) -> None:
        self.database = database
        self.clock = SystemClock()
        self.bell = Bell()
        around = Surroundings(database=database, clock=self.clock, bell=self.bell, chance=random.Random(1))
        self.actor = Counting(around, keys)
        self.dispatcher = Dispatcher(
            database=database, clock=self.clock, bell=self.bell, actors={Flow.ORDERS: self.actor}
        )
        self.supervisor = Supervisor(
            [
                ChildSpec(name="dispatcher", start=self.dispatcher.run, critical=True),
                ChildSpec(name="orders", start=self.actor.run),
            ],
            clock=self.clock,
            on_stopped=_defect,
        )

    async def fill(self, first: int, rows: int) -> None:
        """Accept that many keys, one in ten twice."""
        for start in range(first, first + rows, UNIT):
            keys = [str(key) for key in range(start, min(start + UNIT, first + rows))]
            keys += keys[::REPEATED]
            await self.database.run(partial(_accept, keys, self.clock.now()))

    async def drain(self, handled: int) -> None:
        """Wait until so many were handled in all."""
        self.bell.ring()
        while self.actor.handled < handled:  # noqa: ASYNC110  # an event would put the measuring into the actor
            await anyio.sleep(0.02)

    def close(self) -> None:
        """Let everything end."""
        self.supervisor.close()
        self.dispatcher.close()
        self.actor.mailbox.close()


async def _defect(name: str, error: BaseException) -> None:
    raise error


def _accept(keys: list[str], now: int, connection: sqlite3.Connection) -> None:
    for key in keys:
        outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=key, due_at=now), now=now)


async def live(path: Path, rows: int, keys: int) -> None:
    """Warm up, fill, drain; tell the parent at each step."""
    async with Database.open(path, prepare=lambda connection: upgrade(connection, now=0)) as database:
        engine = Engine(database, keys + WARM)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.supervisor.run)
            await engine.fill(keys, WARM)
            await engine.drain(WARM)
            tell(Line(phase="warm"))
            if rows:
                await _a_million(engine, rows)
            else:
                await anyio.sleep(3)
            # Counted in place: a copy to compare with would be measured too.
            times = engine.actor.times
            assert (times.count(1), times.count(0)) == (rows + WARM, keys - rows), "not each exactly once"
            engine.close()
    tell(Line(phase="done"))


async def _a_million(engine: Engine, rows: int) -> None:
    engine.dispatcher.paused.add(Flow.ORDERS)
    began = time.perf_counter()
    await engine.fill(0, rows)
    waiting = await engine.database.read(lambda connection: outbox.counts(connection, now=0).ready)
    assert waiting == rows, waiting
    tell(Line(phase="filled", seconds=time.perf_counter() - began, rows=waiting))
    engine.dispatcher.paused.clear()
    began = time.perf_counter()
    await engine.drain(WARM + rows)
    tell(Line(phase="drained", seconds=time.perf_counter() - began, rows=rows))


def tell(line: Line) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


# --- the parent ------------------------------------------------------------------------------------------------------


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What one child came to: highest sample by phase (MiB), and what it said."""

    peaks: dict[str, float]
    lines: dict[str, Line]

    @property
    def peak(self) -> float:
        """The highest sample once it was warm."""
        return max(peak for phase, peak in self.peaks.items() if phase != "start")


async def watch(folder: Path, rows: int, keys: int) -> Watched:
    """Run a child and sample its resident memory until it ends."""
    command = [sys.executable, "-m", "bench.memory", "--child", str(folder / f"{rows}.db"), str(rows), str(keys)]
    peaks: dict[str, float] = {"start": 0.0}
    lines: dict[str, Line] = {}
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None) as process:
        seen = psutil.Process(process.pid)

        async def sample() -> None:
            while True:
                phase = next(reversed(peaks))
                peaks[phase] = max(peaks[phase], seen.memory_info().rss / MIB)
                await anyio.sleep(1 / SAMPLES_PER_SECOND)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sample)
            assert process.stdout is not None
            rest = b""
            async for chunk in process.stdout:
                *whole, rest = (rest + chunk).split(b"\n")
                for text in whole:
                    line = msgspec.json.decode(text, type=Line)
                    lines[line.phase] = line
                    peaks[line.phase] = seen.memory_info().rss / MIB
                    if line.phase == "done":
                        tasks.cancel_scope.cancel()
        assert await process.wait() == 0, "the child failed"
    return Watched(peaks=peaks, lines=lines)


NAMES = {"warm": "filling", "filled": "draining", "drained": "drained"}
"""What happens after each line of the child."""


async def compare(rows: int) -> bool:
    """Run both children and print; return whether memory was flat."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        empty = await watch(Path(name), 0, rows)
        full = await watch(Path(name), rows, rows)
    print(f"resident memory with an empty outbox: peak {empty.peak:.1f} MiB")
    for phase, doing in NAMES.items():
        print(f"  {doing:9} {rows:,} rows: peak {full.peaks[phase]:.1f} MiB")
    for phase, done in (("filled", "accepted"), ("drained", "handled")):
        line = full.lines[phase]
        print(f"  {done} {line.rows:,} rows in {line.seconds:.0f} s: {line.rows / line.seconds:,.0f} rows/s")
    ratio = full.peak / empty.peak
    met = ratio <= GOAL_FLAT
    print(
        f"peak ratio {ratio:.3f} (+{full.peak - empty.peak:.1f} MiB, {(full.peak - empty.peak) * MIB / rows:.1f} bytes"
        f" a row), goal ≤ {GOAL_FLAT}: {'ok' if met else 'MISSED'}; every key handled exactly once"
    )
    return met


def main(arguments: list[str]) -> int:
    """Compare; or be one of the children."""
    if arguments[:1] == ["--child"]:
        importlib.import_module("daemon.app")
        anyio.run(live, Path(arguments[1]), int(arguments[2]), int(arguments[3]))
        return 0
    return 0 if anyio.run(compare, int(arguments[0]) if arguments else ROWS) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
