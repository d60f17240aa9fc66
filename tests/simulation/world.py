"""A whole world on virtual time: both doubles, the network between, and the daemon's engine, killed and started again.

The engine is the production code; only the clock, the transports and the threads are others. A kill stops it between
two instructions: nothing more is written, nothing more is sent, and what is on the wire goes on without it.
"""

from __future__ import annotations

import functools
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec

from actors.catalogue.rules import CatalogueRules
from actors.census import counting
from actors.core.actor import Log, no_log
from actors.domain.arithmetic import MODELS, TaxModel
from actors.domain.calibration import ALL
from actors.domain.calls import Lane
from actors.domain.facts import FactKind
from actors.domain.notification import Delivery, IntakeClosedError
from actors.domain.posting import Charges, PostingRules
from actors.domain.time import format_instant
from actors.domain.tracing import Tracer
from actors.intake.rules import SweepRules
from actors.messages import Envelope, Flow, Nudge
from actors.orders.actor import OrdersActor
from actors.orders.desk import Desk
from actors.orders.rules import ExportRules, Trigger
from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft, rule_of
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import Faults
from adapters.sandbox.network import VirtualTransport
from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from adapters.transport import NotSentError, Request, Response
from daemon.engine import Engine, Plan, born_at
from storage import calibration, census, exceptions, facts, meta, orders, outbox
from storage.calibration import Evidence
from storage.database import Database
from storage.exceptions import ExceptionRow
from storage.witness import Witness
from tests.stored import upgrade_quickly

T = TypeVar("T")

ACCOUNT = "11111111-1111-4111-8111-111111111111"
KEY = "22222222-2222-4222-8222-222222222222"

CIN7_WRITES = frozenset({"sale_create", "sale_update", "sale_order", "sale_void", "pick_write", "customer_create"})

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files of these runs are: they are killed, never without power."""

GIVEN = frozenset(number for number, model in enumerate(MODELS) if model.tax is TaxModel.GIVEN)
"""The models of the double as it is unless told otherwise: tax as it was sent."""

PLAIN_LINES = (LineDraft(sku="HW-MUG-STN-01", quantity=2),)
PLAIN_SHIPPING = ShippingDraft(tax=rule_of(20))


def virtual(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on virtual time."""

    @functools.wraps(scenario)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(functools.partial(scenario, *args, **kwargs))

    return run


Serve = Callable[[Request], Awaitable[Response]]


def intercept(network: VirtualTransport, change: Callable[[Request, Serve], Awaitable[Response]]) -> Callable[[], None]:
    """Put somebody between a network and its double: `change` is given each request and the double's door.

    Return a function that takes it out again. `DropConnectionError` cuts the connection.
    """
    door = network._handler

    async def handle(request: Request) -> Response:
        return await change(request, door)

    def undo() -> None:
        network._handler = door

    network._handler = handle
    return undo


class Killed(BaseException):
    """The process is gone, from here on."""


class _Wire:
    """The client's end of a transport: dead as soon as its process is."""

    def __init__(self, inner: VirtualTransport, alive: Callable[[], bool]) -> None:
        self._inner = inner
        self._alive = alive

    async def send(self, request: Request) -> Response:
        if not self._alive():
            raise NotSentError("the process is dead or cut off")
        return await self._inner.send(request)


def export_rules(**changes: Any) -> ExportRules:
    """The merchant's choices of these runs, or others."""
    base = ExportRules(since=0, trigger=Trigger(order_states=("Open", "Confirmed"), payment="paid"))
    return msgspec.structs.replace(base, **changes)


def plan(**changes: Any) -> Plan:
    """The plan of these runs, or another one."""
    base = Plan(
        name="test",
        export=export_rules(),
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
        cin7_account=ACCOUNT,
        cin7_key=KEY,
        ct_project="sandbox",
        ct_api_url="http://api.test",
        ct_auth_url="http://auth.test",
        ct_client_id="client",
        ct_client_secret="secret",
        ct_max_in_flight=10,
        storage_key=bytes(32),
        # Whoever is about products or purchases switches their sweeps on.
        catalogue=CatalogueRules(enabled=False),
    )
    return msgspec.structs.replace(base, **changes)


class Daemon:
    """One process of a world: its file, its ends of both wires, its life after each kill.

    `kill_next` is asked at each crash point whether to die there; `on_handle` hears of each message before its handler.
    `cut_off` cuts this process, and no other, off from commercetools.
    """

    def __init__(self, world: World, path: Path, *, plan: Plan, name: str = "first") -> None:
        self.world = world
        self.path = path
        self.plan = plan
        self.name = name
        self.passed: Counter[str] = Counter()
        self.kills: list[str] = []
        self.kill_next: Callable[[str], bool] = lambda point: False
        self.on_handle: Callable[[Envelope], None] = lambda envelope: None
        self.engine: Engine | None = None
        self.tracer: Tracer | None = None
        self.log: Log = no_log
        self.restart_seconds = 2.0
        self.witness = Witness.beside(path)
        self.cut_off = False
        self._scope: anyio.CancelScope | None = None
        self._database: Database | None = None
        self._alive = 0
        self._ended = False

    # -- living and dying ----------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Run the engine; after a kill, again."""
        while not self._ended:
            await self._live_once()
            await self.world.clock.sleep(self.restart_seconds)

    async def _live_once(self) -> None:
        epoch, world = self._alive, self.world

        def alive() -> bool:
            return self._alive == epoch

        async with Database.open(
            self.path,
            prepare=lambda connection: upgrade_quickly(connection, now=world.clock.now()),
            inline=True,
            synchronous="OFF",
        ) as database:
            self._database = database
            engine = Engine(
                self.plan,
                database=database,
                clock=world.clock,
                ct_transport=_Wire(world.ct_network, lambda: alive() and not self.cut_off),
                cin7_transport=_Wire(world.cin7_network, alive),
                chance=random.Random(f"engine/{world.seed}/{self.name}/{epoch}"),
                born_at=await born_at(database),
                probe=self._probe,
                tracer=self.tracer,
                log=self.log,
                witness=self.witness,
            )
            self._hook(engine)
            self.engine = engine
            try:
                with anyio.CancelScope() as self._scope:
                    await engine.run()
            except BaseException:
                # Whatever falls out of a process that was just killed is the kill; anything else is a defect.
                if alive():
                    raise
            finally:
                for actor in engine.actors.values():
                    actor.mailbox.dispose()

    def _hook(self, engine: Engine) -> None:
        for actor in engine.actors.values():
            inner = actor.handle

            async def handle(envelope: Envelope, inner: Any = inner) -> Any:
                self.on_handle(envelope)
                return await inner(envelope)

            actor.handle = handle  # type: ignore[method-assign]

    def _probe(self, point: str) -> None:
        self.passed[str(point)] += 1
        if self.kill_next(point):
            self.kill(point)

    async def accept(self, door: str, deliveries: Sequence[Delivery]) -> bool:
        """Hand in what a door of this process brings; False where nobody acknowledges it, dead or alive."""
        if self.engine is None or not self.running:
            return False
        try:
            await self.engine.intake.accept(door, deliveries)
        except (IntakeClosedError, Killed):
            return False
        return True

    def kill(self, why: str) -> None:
        """Die in the very instruction that calls this."""
        self.die(why)
        raise Killed(why)

    def die(self, why: str) -> None:
        """Be killed from outside: nothing more is written or sent by this process."""
        self.kills.append(str(why))
        self._alive += 1
        if self._database is not None:
            self._database.break_off()
        if self._scope is not None:
            self._scope.cancel()

    def end(self) -> None:
        """Be gone for good."""
        self._ended = True
        self._alive += 1
        if self._scope is not None:
            self._scope.cancel()

    def stop(self) -> None:
        """Stop in good order: what is on the wire is waited for."""
        self._ended = True
        assert self.engine is not None
        self.engine.close()

    # -- its file ------------------------------------------------------------------------------------------------------

    def copy_file(self, name: str) -> Path:
        """Copy the file as a backup would, while the process runs."""
        target = self.path.with_name(name)
        with closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy)
        return target

    def lose_file(self) -> None:
        """Be killed and lose the file: the next start finds none."""
        self.die("file lost")
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def restore_file(self, copy: Path) -> None:
        """Be killed and find an older copy in place of the file."""
        self.lose_file()
        shutil.copyfile(copy, self.path)

    # -- looking at it -------------------------------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        """The orders flow's tools."""
        assert self.engine is not None
        actor = self.engine.actors[Flow.ORDERS]
        assert isinstance(actor, OrdersActor)
        return actor.desk

    async def teach(self) -> None:
        """Let the file know what the double's answers would teach it today: that it takes tax as it is sent."""
        desk = self.desk
        other = ALL - GIVEN

        def unit(connection: sqlite3.Connection) -> None:
            known = facts.for_order(connection, ())
            for inclusive in (True, False):
                evidence = Evidence(
                    kind="order", inclusive=inclusive, refuted=other, order_id="", sale_id="", sent="", answer=""
                )
                calibration.take_in(
                    connection,
                    evidence,
                    today=desk.today(known),
                    fingerprint=desk.settings_of(known),
                    now=self.world.clock.now(),
                )

        await self.write(unit)

    @property
    def running(self) -> bool:
        """True while there is a process with an open file."""
        try:
            self._connection.total_changes  # noqa: B018 -- raises when closed
        except (sqlite3.ProgrammingError, AssertionError):
            return False
        return True

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._database is not None
        assert self._database._inline is not None
        return self._database._inline

    def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Read the daemon's file."""
        return unit(self._connection)

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Write into the daemon's file as one of its units, then ring the bell (what a person's command does)."""
        assert self._database is not None
        assert self.engine is not None
        value = await self._database.run(unit)
        self.engine.bell.ring()
        return value

    async def nudge(self, subject: str, flow: Flow = Flow.ORDERS) -> None:
        """Ask for a look at an order (or what another flow looks at), as a person's retry does.

        What was set aside is let go.
        """
        now = self.world.clock.now()
        nudge = Nudge(flow=flow, subject=subject, due_at=now)
        await self.write(lambda connection: outbox.release(connection, nudge, now=now))

    async def census(self, *, within: float = 3600) -> dict[str, Any]:
        """Have both sides counted from now on, and return what came of it."""
        idle = lambda: self.running and not self.read(lambda file: meta.text(file, census.UNDERWAY))  # noqa: E731
        await self.world.until(idle, within=within)
        asked = format_instant(self.world.clock.now())
        await self.nudge(counting.CENSUS, Flow.CENSUS)
        await self.world.until(lambda: self.counted().get("taken_at", "") >= asked, within=within)
        return self.counted()

    def counted(self) -> dict[str, Any]:
        """The last census; empty before the first (or while the process is dead)."""
        taken = self.read(lambda connection: meta.text(connection, census.TAKEN)) if self.running else ""
        return msgspec.json.decode(taken, type=dict[str, Any]) if taken else {}

    def states(self) -> Counter[str]:
        """How many orders stand in each state; none while the process is dead."""
        if not self.running:
            return Counter()
        counted = self.read(orders.count_by_state)
        return Counter({state: count for state, count in counted.items() if count})

    def state(self, order_id: str) -> str:
        """Where an order stands; "" while it is not known (or the process is dead)."""
        record = self.read(lambda connection: orders.get(connection, order_id)) if self.running else None
        return "" if record is None else record.state.value

    def open_exceptions(self, record_id: str | None = None) -> list[ExceptionRow]:
        """Every open exception, of one record when asked; none while the process is dead."""
        if not self.running:
            return []
        rows = self.read(lambda connection: exceptions.listing(connection, limit=10_000))
        return [row for row in rows if record_id in (None, row.record.id)]

    def open_types(self, record_id: str | None = None) -> list[str]:
        """The types of the open exceptions, sorted."""
        return sorted(row.type for row in self.open_exceptions(record_id))

    def settled(self, expected: dict[str, int]) -> bool:
        """True when the states are exactly these (and the process is alive to ask)."""
        return self.states() == Counter(expected)

    def registry_read(self) -> bool:
        """True once all lists were read; carriers and rates are asked for only where a mapping names them."""
        asked = set(FactKind) - {FactKind.CARRIER, FactKind.RATE}
        return self.running and set(self.read(facts.lists)) >= asked


class World:
    """One seed's world: two doubles, two networks, and one daemon (or several, see `another_daemon`)."""

    def __init__(
        self,
        seed: int,
        tasks: anyio.abc.TaskGroup,
        folder: Path,
        *,
        the_plan: Plan | None = None,
        cin7: Mapping[str, Any] | None = None,
        shop: Mapping[str, Any] | None = None,
    ) -> None:
        self.seed = seed
        self.random = random.Random(f"world/{seed}")
        self.plan = the_plan or plan()
        self.clock = VirtualClock()
        self.tasks = tasks
        self.folder = folder
        self.ct_faults = Faults(seed=seed)
        self.cin7_faults = Faults(seed=seed + 1)
        self.shop = CommercetoolsDouble(
            clock=self.clock,
            project_key="sandbox",
            client_id="client",
            client_secret="secret",
            faults=self.ct_faults,
            seed=seed,
            **(shop or {}),
        )
        self.cin7 = Cin7Double(
            clock=self.clock,
            account_id=ACCOUNT,
            application_key=KEY,
            faults=self.cin7_faults,
            seed=seed,
            **(cin7 or {}),
        )
        self.ct_network = self._network(self.shop.handle, seed, 0.02, 0.08)
        self.cin7_network = self._network(self.cin7.handle, seed + 1, 0.05, 0.25)
        self.daemon = Daemon(self, folder / "tallyd.db", plan=self.plan)

    def _network(self, handler: Any, seed: int, low: float, high: float) -> VirtualTransport:
        chance = random.Random(f"latency/{seed}")
        return VirtualTransport(
            handler,
            task_group=self.tasks,
            clock=self.clock,
            latency=lambda: chance.uniform(low, high),
            seed=seed,
        )

    def another_daemon(self, *, file: Path | None = None, **changes: Any) -> Daemon:
        """Start one more process on the same two systems, with a file of its own (or a copy of somebody's)."""
        path = self.folder / "another.db" if file is None else file
        made = Daemon(self, path, plan=msgspec.structs.replace(self.plan, **changes), name=path.stem)
        self.tasks.start_soon(made.live)
        return made

    # -- the first daemon, which most runs have alone ------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        assert self.daemon.engine is not None
        return self.daemon.engine

    @property
    def passed(self) -> Counter[str]:
        return self.daemon.passed

    @property
    def kills(self) -> list[str]:
        return self.daemon.kills

    def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Read the first daemon's file."""
        return self.daemon.read(unit)

    def states(self) -> Counter[str]:
        """See `Daemon.states`."""
        return self.daemon.states()

    def settled(self, expected: dict[str, int]) -> bool:
        """See `Daemon.settled`."""
        return self.daemon.settled(expected)

    # -- time and orders -----------------------------------------------------------------------------------------------

    async def until(self, fact: Callable[[], bool], *, within: float, every: float = 1.0) -> None:
        """Wait on the virtual clock until a fact holds."""
        deadline = self.clock.monotonic() + within
        while not fact():
            if self.clock.monotonic() > deadline:
                raise AssertionError(f"seed {self.seed}: not within {within} s: {self.states()}, kills {self.kills}")
            await self.clock.sleep(every)

    async def ready(self, *, taught: bool = True) -> None:
        """Wait until the registry was read and the lease is held: orders go straight through from here on.

        `taught` False leaves the account's arithmetic to be learnt, by DRAFTs first.
        """
        await self.until(lambda: self.daemon.registry_read() and self.engine.lease.held, within=120, every=1)
        if taught:
            await self.daemon.teach()

    def place(self, draft: OrderDraft | None = None, **changes: Any) -> str:
        """Place one plain order (or a changed one) and return its id."""
        draft = draft if draft is not None else OrderDraft(lines=PLAIN_LINES, shipping=PLAIN_SHIPPING)
        return self.shop.place_order(msgspec.structs.replace(draft, **changes))

    async def exported(self, *order_ids: str, within: float = 60) -> None:
        """Wait until these orders are exported."""
        await self.until(
            lambda: all(self.daemon.state(order_id) == "exported" for order_id in order_ids), within=within
        )

    async def in_state(self, order_id: str, state: str, *, within: float = 60) -> None:
        """Wait until an order stands somewhere."""
        try:
            await self.until(lambda: self.daemon.state(order_id) == state, within=within)
        except AssertionError as error:
            raise AssertionError(f"{self.daemon.state(order_id)}, not {state}: {self.daemon.open_types()}") from error

    def calls(self, operation: str) -> int:
        """How many calls of this kind reached the double of Cin7, or of commercetools."""
        return sum(call.operation == operation for call in self.cin7.call_log) + sum(
            entry.operation == operation for entry in self.shop.request_log
        )

    def write_calls(self) -> list[str]:
        """Every call that changes something and reached a double, in order: by what the doubles logged."""
        cin7 = [
            (call.arrived_ms, f"cin7 {call.operation}") for call in self.cin7.call_log if call.operation in CIN7_WRITES
        ]
        shop = [
            (entry.at, f"commercetools {entry.operation}")
            for entry in self.shop.request_log
            if entry.method != "GET" and entry.operation != "token"
        ]
        return [what for _, what in sorted([*cin7, *shop])]


@asynccontextmanager
async def world(seed: int, **changes: Any) -> AsyncIterator[World]:
    """Make a world, run its daemon, and tear it down."""
    folder = Path(tempfile.mkdtemp(prefix="tallyd-sim-", dir=MEMORY))
    try:
        async with anyio.create_task_group() as tasks:
            made = World(seed, tasks, folder, **changes)
            tasks.start_soon(made.daemon.live)
            yield made
            made.daemon.end()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # One thing went wrong: say so without the wrapping.
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
