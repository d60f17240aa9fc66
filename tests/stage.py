"""The mechanism alone on virtual time: outbox, dispatcher, supervisor, and actors whose handlers a test writes."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.bell import Bell
from actors.messages import Envelope, Flow, Nudge, Urgency
from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from daemon.dispatcher import Dispatcher
from daemon.supervisor import ChildSpec, Supervisor
from storage import exceptions, outbox
from storage.database import CommitFailedError, Database
from storage.exceptions import ExceptionRow
from tests.stored import upgrade_quickly

T = TypeVar("T")
Handler = Callable[[Envelope], Awaitable[Outcome]]


async def done(envelope: Envelope) -> Outcome:
    return Done()


class Fatal(BaseException):
    """What brings a worker down: no `Exception`."""


class Disk:
    """Between the callers and the file: how long a commit takes, and whether it succeeds at all."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self._run = database.run
        self._clock = clock
        self.full = False
        self.delay: Callable[[], float] | None = None

    async def run(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        if self.full:
            raise CommitFailedError("the disk is full")
        if self.delay is None:
            return await self._run(unit)
        await self._clock.sleep(self.delay())
        value = await self._run(unit)
        await self._clock.sleep(self.delay())
        return value


class Performer(Actor):
    """An actor that does what the test says, and notes who was on at the same time."""

    def __init__(self, flow: Flow, around: Surroundings, handler: Handler, *, concurrency: int, capacity: int) -> None:
        self.flow = flow
        super().__init__(around, concurrency=concurrency, capacity=capacity)
        self.handler = handler
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.on: Counter[str] = Counter()
        self.most_on = 0
        self.twice: list[str] = []
        self.undone: list[str] = []

    async def handle(self, envelope: Envelope) -> Outcome:
        self.begun.append(envelope.subject)
        self.on[envelope.subject] += 1
        if self.on[envelope.subject] > 1:
            self.twice.append(envelope.subject)
        self.most_on = max(self.most_on, self.on.total())
        try:
            outcome = await self.handler(envelope)
        finally:
            self.on[envelope.subject] -= 1
        self.finished.append(envelope.subject)
        return outcome

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: int) -> None:
        self.undone.append(envelope.subject)


class Stage:
    """One run: put nudges in, let it play, look at the table."""

    def __init__(
        self, database: Database, handlers: Mapping[Flow, Handler], *, concurrency: int, capacity: int, seed: int
    ) -> None:
        self.clock = VirtualClock()
        self.database = database
        self.disk = Disk(database, self.clock)
        database.run = self.disk.run  # type: ignore[method-assign]
        self.bell = Bell()
        self.logged: list[dict[str, Any]] = []
        self.around = Surroundings(
            database=database, clock=self.clock, bell=self.bell, chance=random.Random(seed), log=self._log
        )
        self.actors = {
            flow: Performer(flow, self.around, handler, concurrency=concurrency, capacity=capacity)
            for flow, handler in handlers.items()
        }
        self.dispatcher = Dispatcher(database=database, clock=self.clock, bell=self.bell, actors=self.actors)
        self.stopped: list[str] = []
        self.supervisor = Supervisor(
            [
                ChildSpec(name="dispatcher", start=self.dispatcher.run, critical=True),
                *(ChildSpec(name=flow.value, start=actor.run) for flow, actor in self.actors.items()),
            ],
            clock=self.clock,
            on_stopped=self._on_stopped,
            log=self._log,
        )

    def _log(self, event: str, **fields: object) -> None:
        self.logged.append({"event": event, **fields})

    async def _on_stopped(self, name: str, error: BaseException) -> None:
        self.stopped.append(name)
        self.dispatcher.stopped.add(Flow(name))
        self.bell.ring()

    @property
    def orders(self) -> Performer:
        return self.actors[Flow.ORDERS]

    async def put(
        self, *subjects: str, flow: Flow = Flow.ORDERS, delay: int = 0, urgency: Urgency = Urgency.FRESH
    ) -> None:
        def unit(connection: sqlite3.Connection) -> None:
            now = self.clock.now()
            for subject in subjects:
                nudge = Nudge(flow=flow, subject=subject, due_at=now + delay, urgency=urgency)
                outbox.accept(connection, nudge, now=now)

        await self.database.run(unit)
        self.bell.ring()

    def rows(self, columns: str = "subject, state, attempts") -> list[tuple[Any, ...]]:
        assert self.database._inline is not None
        return self.database._inline.execute(f"SELECT {columns} FROM outbox ORDER BY subject, id").fetchall()  # noqa: S608

    def states(self) -> Counter[str]:
        return Counter(row[0] for row in self.rows("state"))

    async def open_exceptions(self) -> list[ExceptionRow]:
        return await self.database.read(exceptions.listing)

    async def until(self, fact: Callable[[], object], *, within: float = 600, every: float = 0.01) -> None:
        deadline = self.clock.monotonic() + within
        while not fact():
            assert self.clock.monotonic() < deadline, (self.rows(), self.logged[-5:])
            await self.clock.sleep(every)

    async def empty(self, *, within: float = 600) -> None:
        """Wait until nothing waits or runs (what was set aside stays)."""
        await self.until(lambda: not set(self.states()) - {"quarantined"}, within=within)

    def close(self) -> None:
        self.supervisor.close()
        self.dispatcher.close()
        for actor in self.actors.values():
            actor.mailbox.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tallyd-stage-") as name:
        yield Path(name)


def on_stage(
    case: Callable[[Stage], Awaitable[None]],
    handlers: Mapping[Flow, Handler] | Handler = done,
    *,
    concurrency: int = 2,
    capacity: int = 4,
    playing: bool = True,
    seed: int = 1,
) -> None:
    """Play a case; `playing` starts dispatcher and actors under their supervisor before it."""
    by_flow = handlers if isinstance(handlers, Mapping) else {Flow.ORDERS: handlers}

    async def run() -> None:
        with _folder() as folder:
            async with Database.open(
                folder / "stage.db",
                prepare=lambda connection: upgrade_quickly(connection, now=VirtualClock().now()),
                inline=True,
                synchronous="OFF",
            ) as database:
                stage = Stage(database, by_flow, concurrency=concurrency, capacity=capacity, seed=seed)
                async with anyio.create_task_group() as tasks:
                    if playing:
                        tasks.start_soon(stage.supervisor.run)
                    await case(stage)
                    tasks.cancel_scope.cancel()
                for actor in stage.actors.values():
                    actor.mailbox.dispose()

    run_virtual(run)
