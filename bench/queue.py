"""Goal 3 of the performance reference: the outbox beside a power-safe queue on the same file system.

Run as `python -m bench.queue`. *Process and acknowledge*: 2,000 messages that wait are taken, handled by a handler that
does nothing, and taken out. Ours through the real dispatcher, database and actors (tracing off), with 64 keys at once;
the configuration's default of 8 and a whole batch of 256 stand beside it, since what shares an fsync is what is handled
at the same time. Huey's through `dequeue` and `execute`, one consumer. *Enqueue*: 2,000 messages from 64 producers;
huey's from one, since more would only wait for its lock.

Both sync each commit (`synchronous=FULL`, huey `fsync=True`), both write to the current directory's disk, and they take
turns, five rounds; medians of the ratios of each round. Printed for information, and never a failure: huey moves a
pickled call, we move a nudge to look at a key, and the slower the disk's fsync, the larger the ratio.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
from huey import SqliteHuey

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.bell import Bell
from actors.core.clock import SystemClock
from actors.messages import Envelope, Flow, Nudge
from daemon.dispatcher import Dispatcher
from storage import outbox
from storage.database import Database
from storage.schema import upgrade

MESSAGES = 2_000
PRODUCERS = 64
COMPARED = 64
CONCURRENCIES = (8, COMPARED, 256)
ROUNDS = 5
GOAL_PROCESS, STRETCH_PROCESS = 3.0, 6.0
GOAL_ENQUEUE = 4.0


class Idle(Actor):
    """Handles by doing nothing."""

    flow = Flow.ORDERS

    async def handle(self, envelope: Envelope) -> Outcome:
        """Be done."""
        return Done()


@contextmanager
def stopwatch(rates: list[float]) -> Iterator[None]:
    """Append messages per second."""
    began = time.perf_counter()
    yield
    rates.append(MESSAGES / (time.perf_counter() - began))


def accept(subject: str, now: int, connection: sqlite3.Connection) -> bool:
    return outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=subject, due_at=now), now=now)


async def ours(path: Path, concurrency: int, enqueue: list[float], process: list[float]) -> None:
    """Enqueue from many producers, then process to the end."""
    clock, bell = SystemClock(), Bell()
    async with Database.open(path, prepare=lambda connection: upgrade(connection, now=0)) as database:

        async def produce(producer: int) -> None:
            for number in range(producer, MESSAGES, PRODUCERS):
                await database.run(partial(accept, str(number), clock.now()))

        with stopwatch(enqueue):
            async with anyio.create_task_group() as producers:
                for producer in range(PRODUCERS):
                    producers.start_soon(produce, producer)
        around = Surroundings(database=database, clock=clock, bell=bell, chance=random.Random(1))
        actor = Idle(around, concurrency=concurrency, capacity=concurrency)
        dispatcher = Dispatcher(database=database, clock=clock, bell=bell, actors={Flow.ORDERS: actor})
        async with anyio.create_task_group() as tasks:
            with stopwatch(process):
                tasks.start_soon(dispatcher.run)
                tasks.start_soon(actor.run)
                while actor.handled < MESSAGES:  # noqa: ASYNC110  # an event would put the measuring into the actor
                    await anyio.sleep(0.002)
            dispatcher.close()
            actor.mailbox.close()
        actor.mailbox.dispose()
        left = await database.read(lambda connection: outbox.counts(connection, now=0))
        assert (left.ready, left.running) == (0, 0)


async def hueys(path: Path, enqueue: list[float], process: list[float]) -> None:
    """The same through huey."""
    huey = SqliteHuey(filename=str(path), fsync=True, results=False)
    handled = 0

    @huey.task()  # type: ignore[untyped-decorator]
    def look(subject: str) -> None:
        nonlocal handled
        handled += 1

    with stopwatch(enqueue):
        for number in range(MESSAGES):
            look(str(number))
    with stopwatch(process):
        while (task := huey.dequeue()) is not None:
            huey.execute(task)
    assert handled == MESSAGES
    huey.storage.close()


async def measure(folder: Path) -> None:
    """Let them take turns and print the ratios."""
    huey_in: list[float] = []
    huey_out: list[float] = []
    ours_in: dict[int, list[float]] = {concurrency: [] for concurrency in CONCURRENCIES}
    ours_out: dict[int, list[float]] = {concurrency: [] for concurrency in CONCURRENCIES}
    for turn in range(ROUNDS):
        runs: list[Callable[[], Awaitable[None]]] = [partial(hueys, folder / f"{turn}-huey.db", huey_in, huey_out)]
        for at_once in CONCURRENCIES:
            runs.append(partial(ours, folder / f"{turn}-{at_once}.db", at_once, ours_in[at_once], ours_out[at_once]))
        for run in runs:
            await run()
    print(f"process and acknowledge, goal ≥ {GOAL_PROCESS:g} × huey (stretch {STRETCH_PROCESS:g})")
    print(f"  huey, fsync on           {statistics.median(huey_out):8,.0f} messages/s")
    for at_once in CONCURRENCIES:
        _print(f"ours, {at_once} keys at once", ours_out[at_once], huey_out)
    print(f"enqueue, goal ≥ {GOAL_ENQUEUE:g} × huey")
    print(f"  huey, fsync on           {statistics.median(huey_in):8,.0f} messages/s")
    _print(f"ours, {PRODUCERS} producers", ours_in[COMPARED], huey_in)


def _print(name: str, rates: list[float], beside: list[float]) -> None:
    ratio = statistics.median(mine / theirs for mine, theirs in zip(rates, beside, strict=True))
    print(f"  {name:24} {statistics.median(rates):8,.0f} messages/s, {ratio:5.1f} ×")


def main() -> int:
    """Measure in a folder of its own on this disk, and take it away again."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        anyio.run(measure, Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
