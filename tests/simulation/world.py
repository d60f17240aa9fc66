"""A whole world on virtual time: both doubles, the network between, and the daemon's engine, killed and started again.

The engine is the production code; only the clock, the transports and the threads are others. A kill stops it between
two instructions: nothing more is written, nothing more is sent, and what is on the wire goes on without it.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from actors.domain.calls import Lane
from actors.domain.facts import FactKind
from actors.domain.posting import Charges, PostingRules
from actors.intake.rules import SweepRules
from actors.messages import Envelope
from actors.orders.rules import ExportRules, Trigger
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import Faults
from adapters.sandbox.network import VirtualTransport
from adapters.sandbox.virtual_time import VirtualClock
from adapters.transport import NotSentError, Request, Response
from daemon.engine import Engine, Plan, born_at
from storage import facts
from storage.database import Database
from storage.schema import upgrade


class Killed(BaseException):
    """The process is gone, from here on."""


class _Wire:
    """The client's end of a transport: dead as soon as its process is."""

    def __init__(self, inner: VirtualTransport, alive: Callable[[], bool]) -> None:
        self._inner = inner
        self._alive = alive

    async def send(self, request: Request) -> Response:
        if not self._alive():
            raise NotSentError("the process is dead")
        return await self._inner.send(request)


def plan(**changes: Any) -> Plan:
    base = Plan(
        name="test",
        export=ExportRules(
            since=0, trigger=Trigger(order_states=("Open", "Confirmed"), payment="paid"), sync_channel="cin7-core"
        ),
        posting=PostingRules(
            customer="commercetools web orders",
            location="Main Warehouse",
            tax={
                "standard": "20% (VAT on Income)",
                "reduced": "5% (VAT on Income)",
                "zero": "Zero Rated Income",
                "0.2": "20% (VAT on Income)",
                "0.05": "5% (VAT on Income)",
                "0": "Zero Rated Income",
            },
            channels={"": ("Main Warehouse",)},
            charges=Charges(),
        ),
        sweeps=SweepRules(since=0),
        refresh=300_000,
        concurrency=8,
        missed_after=900_000,
        calls_per_minute=60,
        max_in_flight=4,
        shares={Lane.FULFILMENT: 6, Lane.FINANCE: 4, Lane.STOCK: 10, Lane.CATALOGUE: 2, Lane.BACKFILL: 2},
        reserve=6,
        timeout_seconds=60,
        cin7_url="http://cin7.test/ExternalApi/v2",
        cin7_account="11111111-1111-4111-8111-111111111111",
        cin7_key="22222222-2222-4222-8222-222222222222",
        ct_project="sandbox",
        ct_api_url="http://api.test",
        ct_auth_url="http://auth.test",
        ct_client_id="client",
        ct_client_secret="secret",
        ct_max_in_flight=10,
        storage_key=bytes(32),
    )
    return msgspec.structs.replace(base, **changes)


class World:
    """One seed's world. `kill_at` names the crash point to die at and at which passing of it."""

    def __init__(self, seed: int, tasks: anyio.abc.TaskGroup, folder: Path, *, the_plan: Plan | None = None) -> None:
        self.seed = seed
        self.random = random.Random(f"world/{seed}")
        self.plan = the_plan or plan()
        self.clock = VirtualClock()
        self.tasks = tasks
        self.path = folder / "tallyd.db"
        self.ct_faults = Faults(seed=seed)
        self.cin7_faults = Faults(seed=seed + 1)
        self.shop = CommercetoolsDouble(
            clock=self.clock,
            project_key=self.plan.ct_project,
            client_id=self.plan.ct_client_id,
            client_secret=self.plan.ct_client_secret,
            faults=self.ct_faults,
            seed=seed,
        )
        self.cin7 = Cin7Double(
            clock=self.clock,
            account_id=self.plan.cin7_account,
            application_key=self.plan.cin7_key,
            faults=self.cin7_faults,
            seed=seed,
        )
        self.ct_network = self._network(self.shop.handle, seed, 0.02, 0.08)
        self.cin7_network = self._network(self.cin7.handle, seed + 1, 0.05, 0.25)
        self.passed: Counter[str] = Counter()
        self.kills: list[str] = []
        self.kill_next: Callable[[str], bool] = lambda point: False
        self.on_handle: Callable[[Envelope], None] = lambda envelope: None
        self.engine: Engine | None = None
        self.restart_seconds = 2.0
        self._scope: anyio.CancelScope | None = None
        self._database: Database | None = None
        self._alive = 0
        self._ended = False

    def _network(self, handler: Any, seed: int, low: float, high: float) -> VirtualTransport:
        chance = random.Random(f"latency/{seed}")
        return VirtualTransport(
            handler,
            task_group=self.tasks,
            clock=self.clock,
            latency=lambda: chance.uniform(low, high),
            seed=seed,
        )

    def _probe(self, point: str) -> None:
        self.passed[point] += 1
        if self.kill_next(point):
            self.kill(point)

    def kill(self, why: str) -> None:
        """Die here: nothing more is written or sent by this process."""
        self.kills.append(why)
        self._alive += 1
        assert self._database is not None
        assert self._scope is not None
        self._database.break_off()
        self._scope.cancel()
        raise Killed(why)

    async def live(self) -> None:
        """Run the engine; after a kill, again."""
        while not self._ended:
            await self._live_once()
            await self.clock.sleep(self.restart_seconds)

    async def _live_once(self) -> None:
        epoch = self._alive

        def alive() -> bool:
            return self._alive == epoch

        async with Database.open(
            self.path,
            prepare=lambda connection: upgrade(connection, now=self.clock.now()),
            inline=True,
            synchronous="OFF",
        ) as database:
            self._database = database
            engine = Engine(
                self.plan,
                database=database,
                clock=self.clock,
                ct_transport=_Wire(self.ct_network, alive),
                cin7_transport=_Wire(self.cin7_network, alive),
                chance=random.Random(f"engine/{self.seed}/{epoch}"),
                born_at=await born_at(database),
                probe=self._probe,
            )
            self._hook(engine)
            self.engine = engine
            with anyio.CancelScope() as self._scope:
                try:
                    await engine.run()
                except BaseException:
                    # Whatever falls out of a process that was just killed is the kill; anything else is a defect.
                    if alive():
                        raise

    def _hook(self, engine: Engine) -> None:
        for actor in engine.actors.values():
            inner = actor.handle

            async def handle(envelope: Envelope, inner: Any = inner) -> Any:
                self.on_handle(envelope)
                return await inner(envelope)

            actor.handle = handle  # type: ignore[method-assign]

    def end(self) -> None:
        """Stop for good."""
        self._ended = True
        if self._scope is not None:
            self._alive += 1
            self._scope.cancel()

    def stop(self) -> None:
        """Stop in good order: what is on the wire is waited for."""
        self._ended = True
        assert self.engine is not None
        self.engine.close()

    # -- looking at it -------------------------------------------------------------------------------------------------

    def read(self, unit: Any) -> Any:
        """Read the daemon's file."""
        assert self._database is not None
        assert self._database._inline is not None
        return unit(self._database._inline)

    def states(self) -> Counter[str]:
        return Counter(dict(self.read(lambda connection: connection.execute(
            "SELECT state, count(*) FROM orders GROUP BY state").fetchall())))

    async def until(self, fact: Callable[[], bool], *, within: float, every: float = 5.0) -> None:
        """Wait on the virtual clock until a fact holds."""
        deadline = self.clock.monotonic() + within
        while not fact():
            if self.clock.monotonic() > deadline:
                raise AssertionError(f"seed {self.seed}: not within {within} s: {self.states()}, kills {self.kills}")
            await self.clock.sleep(every)

    def settled(self, expected: dict[str, int]) -> bool:
        """True when the states are exactly these (and the process is alive to ask)."""
        try:
            return {state: count for state, count in self.states().items() if count} == expected
        except Exception:
            return False

    def registry_read(self) -> bool:
        """True once all lists were read."""
        try:
            return set(self.read(facts.lists)) == set(FactKind)
        except Exception:
            return False


@asynccontextmanager
async def world(seed: int, **changes: Any) -> AsyncIterator[World]:
    """Make a world, run its daemon, and tear it down."""
    folder = Path(tempfile.mkdtemp(prefix="tallyd-sim-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        async with anyio.create_task_group() as tasks:
            made = World(seed, tasks, folder, **changes)
            tasks.start_soon(made.live)
            yield made
            made.end()
            tasks.cancel_scope.cancel()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
