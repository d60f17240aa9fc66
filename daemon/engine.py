"""The engine: everything between the two transports and the file, assembled and run.

It knows no settings file, no real clock and no network, so that the daemon and a simulated run are the same code: the
one hands in aiohttp and the system's clock, the other memory and virtual time.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import anyio
import msgspec

from actors.catalogue.actor import CatalogueActor, doubt_products
from actors.catalogue.rules import CatalogueRules
from actors.census.actor import CensusActor
from actors.census.rules import CensusRules
from actors.core.actor import Actor, Log, Surroundings, no_log
from actors.core.bell import Bell
from actors.core.rules_in_force import InForce
from actors.desk.actor import DeskActor
from actors.desk.ports import Worker
from actors.domain.calls import Lane
from actors.domain.crashpoints import Probe, no_probe
from actors.domain.exception_types import Finding
from actors.domain.mapped import Mappings, Row, lay
from actors.domain.order_state import UNSETTLED
from actors.domain.posting import PostingRules
from actors.domain.time import Clock, Instant
from actors.domain.tracing import Tracer
from actors.finance.actor import FinanceActor, doubt_postings
from actors.finance.rules import FinanceRules
from actors.fulfilment.actor import FulfilmentActor, doubt_updates
from actors.fulfilment.rules import FulfilmentRules
from actors.governor.governor import Governor
from actors.intake.accepting import Acceptance, no_bound
from actors.intake.actor import IntakeActor
from actors.intake.rules import DoorRules, SweepRules
from actors.messages import Flow, Nudge
from actors.orders.actor import OrdersActor, doubt_open_writes
from actors.orders.desk import Desk
from actors.orders.lease import LeaseKeeper
from actors.orders.rules import ExportRules
from actors.procurement.actor import ProcurementActor
from actors.procurement.rules import ProcurementRules
from actors.stock.actor import StockActor, doubt_writes
from actors.stock.rules import StockRules
from adapters.cin7.client import Cin7Client
from adapters.commercetools.client import CommercetoolsClient
from adapters.intake.platform import read_message_row
from adapters.rate_files import DiskRateFiles
from adapters.transport import Transport
from daemon.dispatcher import Dispatcher
from daemon.supervisor import ChildSpec, Supervisor, UnfitError
from daemon.watch import Watch
from storage import calls, doors, exceptions, flows, mapping_rows, meta, orders, outbox
from storage.bodies import Sealer
from storage.calls import SqliteJournal
from storage.database import CommitFailedError, Database
from storage.witness import Witness

CHORES = ("lease", "watch", "doors")
"""Children of every engine that are no flow."""


class Reader(Protocol):
    """A door that has to be read from: a queue. It runs until it is closed; what it read is accepted before it ends."""

    name: str

    async def run(self) -> None:
        """Read for ever."""
        ...

    def close(self) -> None:
        """Read nothing more."""
        ...


def no_readers(_engine: Engine) -> Sequence[Reader]:
    """Return none: every event comes in by a push, or by the sweeps."""
    return ()


def no_workers(_engine: Engine) -> Sequence[Worker]:
    """Return none: nobody asks for anything in bulk, and nobody is told."""
    return ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings and secrets come down to. Durations of rules are milliseconds, others as named."""

    name: str
    export: ExportRules
    posting: PostingRules
    sweeps: SweepRules
    refresh: int
    concurrency: int
    missed_after: int
    calls_per_minute: int
    max_in_flight: int
    shares: Mapping[Lane, int]
    reserve: int
    timeout_seconds: float
    cin7_url: str
    cin7_account: str
    cin7_key: str
    ct_project: str
    ct_api_url: str
    ct_auth_url: str
    ct_client_id: str
    ct_client_secret: str
    ct_max_in_flight: int
    storage_key: bytes
    retain_bodies: int = 30 * 86_400_000
    orders_enabled: bool = True
    stock: StockRules = StockRules(channels={}, enabled=False)
    catalogue: CatalogueRules = CatalogueRules()
    fulfilment: FulfilmentRules = FulfilmentRules()
    finance: FinanceRules = FinanceRules(enabled=False)
    procurement: ProcurementRules = ProcurementRules(enabled=False)
    doors: DoorRules = DoorRules()
    public_url: str = ""
    webhook_token: str = ""
    census: int = 3_600_000

    def __repr__(self) -> str:
        return f"Plan(name={self.name!r})"

    @property
    def mappings(self) -> Mappings:
        """The tables that people may add rows to."""
        return Mappings(
            posting=self.posting, accounts=self.finance.accounts, carriers=self.fulfilment.delivery.carriers
        )

    def mapped(self, mappings: Mappings) -> Plan:
        """Return the plan with these tables. Cards that are more concern stock, deliveries and the catalogue too."""
        replace, cards = msgspec.structs.replace, mappings.posting.gift_cards.keys() - self.posting.gift_cards.keys()
        delivery = replace(self.fulfilment.delivery, carriers=mappings.carriers)
        return replace(
            self,
            posting=mappings.posting,
            finance=replace(self.finance, accounts=dict(mappings.accounts)),
            fulfilment=replace(self.fulfilment, delivery=delivery, gift_cards=self.fulfilment.gift_cards | cards),
            stock=replace(self.stock, gift_cards=self.stock.gift_cards | cards),
            catalogue=replace(self.catalogue, mapped=self.catalogue.mapped | cards),
        )


class RulesInForce:
    """Those rules of a plan that a row mapped at the desk changes, as flows read them."""

    def __init__(self, plan: Plan) -> None:
        self.posting = InForce(plan.posting)
        self.finance = InForce(plan.finance)
        self.fulfilment = InForce(plan.fulfilment)
        self.stock = InForce(plan.stock)
        self.catalogue = InForce(plan.catalogue)

    def put(self, plan: Plan) -> None:
        """Let the rules of a plan hold from here on."""
        self.posting.current = plan.posting
        self.finance.current = plan.finance
        self.fulfilment.current = plan.fulfilment
        self.stock.current = plan.stock
        self.catalogue.current = plan.catalogue


class Engine:
    """The running parts."""

    def __init__(
        self,
        plan: Plan,
        *,
        database: Database,
        clock: Clock,
        ct_transport: Transport,
        cin7_transport: Transport,
        chance: random.Random,
        born_at: Instant,
        probe: Probe = no_probe,
        tracer: Tracer | None = None,
        log: Log = no_log,
        witness: Witness | None = None,
        free_bytes: Callable[[], int] = no_bound,
        readers: Callable[[Engine], Sequence[Reader]] = no_readers,
        workers: Callable[[Engine], Sequence[Worker]] = no_workers,
    ) -> None:
        #: As the settings say, and below as it holds: with the rows laid over it that were mapped at the desk.
        self.configured = plan
        self.plan = plan
        #: Held while a row is put in force and committed: one at a time, so that what failed takes nobody else's back.
        self.mapping = anyio.Lock()
        self._rules = RulesInForce(plan)
        self.witness = witness
        self.database = database
        self.clock = clock
        self.bell = Bell()
        self.log = log
        self._closing = anyio.Event()
        self.around = Surroundings(
            database=database, clock=clock, bell=self.bell, chance=chance, probe=probe, tracer=tracer, log=log
        )
        journal = SqliteJournal(database, witness=witness)
        self.governor = self._governor(journal)
        self.cin7 = self._cin7(cin7_transport)
        self.commercetools = self._commercetools(ct_transport, journal)
        self.lease = LeaseKeeper(
            self.around, self.commercetools, connection_name=plan.name, on_reborn=self.governor.assume_full
        )
        self.intake = Acceptance(self.around, rules=plan.doors, sealer=Sealer(plan.storage_key), free_bytes=free_bytes)
        self.actors = self._actors(born_at) | {Flow.DESK: DeskActor(self.around, workers=workers(self))}
        self.dispatcher = Dispatcher(database=database, clock=clock, bell=self.bell, actors=self.actors)
        self.watch = Watch(
            self.around, governor=self.governor, missed_after=plan.missed_after, retain_bodies=plan.retain_bodies
        )
        self._readers = readers(self)
        self.supervisor = Supervisor(self._children(), clock=clock, on_stopped=self._flow_stopped, log=log)

    def _governor(self, journal: SqliteJournal) -> Governor:
        plan = self.plan
        return Governor(
            clock=self.clock,
            journal=journal,
            calls_per_minute=plan.calls_per_minute,
            max_in_flight=plan.max_in_flight,
            shares=plan.shares,
            reserve=plan.reserve,
            timeout_seconds=plan.timeout_seconds,
        )

    def _cin7(self, transport: Transport) -> Cin7Client:
        plan = self.plan
        return Cin7Client(
            transport=transport,
            clock=self.clock,
            gate=self.governor,
            probe=self.around.probe,
            base_url=plan.cin7_url,
            account_id=plan.cin7_account,
            application_key=plan.cin7_key,
            timeout_seconds=plan.timeout_seconds,
            tracer=self.around.tracer,
            may_write=lambda: self.lease.held,
            webhook_token=plan.webhook_token,
        )

    def _commercetools(self, transport: Transport, journal: SqliteJournal) -> CommercetoolsClient:
        plan = self.plan
        return CommercetoolsClient(
            transport=transport,
            clock=self.clock,
            journal=journal,
            probe=self.around.probe,
            project_key=plan.ct_project,
            api_url=plan.ct_api_url,
            auth_url=plan.ct_auth_url,
            client_id=plan.ct_client_id,
            client_secret=plan.ct_client_secret,
            max_in_flight=plan.ct_max_in_flight,
            random=self.around.chance,
            tracer=self.around.tracer,
            may_write=lambda: self.lease.held,
        )

    def _actors(self, born_at: Instant) -> dict[Flow, Actor]:
        sealer = Sealer(self.plan.storage_key)
        desk = Desk(
            self.around,
            storefront=self.commercetools,
            book=self.cin7,
            export=self.plan.export,
            posting=self._rules.posting,
            sealer=sealer,
            born_at=born_at,
            # In shadow mode nothing is written, the lease neither: nobody is kept out, and nobody has to be.
            may_write=lambda: self.plan.export.shadow or self.lease.held,
        )
        return {
            Flow.INTAKE: IntakeActor(
                self.around,
                feed=self.commercetools,
                rules=self.plan.sweeps,
                sealer=sealer,
                doors=self.plan.doors,
                read_message=read_message_row,
            ),
            Flow.ORDERS: OrdersActor(self.around, desk, concurrency=self.plan.concurrency),
            Flow.CATALOGUE: CatalogueActor(
                self.around,
                account=self.cin7,
                showcase=self.commercetools,
                posting=self._rules.posting,
                refresh=self.plan.refresh,
                rate_files=DiskRateFiles(),
                rules=self._rules.catalogue,
                may_write=lambda: self.lease.held,
            ),
            Flow.CENSUS: CensusActor(
                self.around,
                sales=self.cin7,
                orders=self.commercetools,
                rules=self._census_rules(),
                posting=self.plan.posting,
            ),
            Flow.FULFILMENT: FulfilmentActor(
                self.around,
                storefront=self.commercetools,
                warehouse=self.cin7,
                rules=self._rules.fulfilment,
                may_write=lambda: self.lease.held,
            ),
            Flow.FINANCE: FinanceActor(
                self.around,
                storefront=self.commercetools,
                ledger=self.cin7,
                rules=self._rules.finance,
                posting=self._rules.posting,
                may_write=lambda: self.lease.held,
            ),
            Flow.PROCUREMENT: ProcurementActor(
                self.around, book=self.cin7, rules=self.plan.procurement, posting=self.plan.posting
            ),
            Flow.STOCK: StockActor(
                self.around,
                book=self.cin7,
                shelves=self.commercetools,
                rules=self._rules.stock,
                may_write=lambda: self.lease.held,
            ),
        }

    @property
    def chores(self) -> tuple[str, ...]:
        """Children beside the flows that can stand still: the lease (without it nothing is written), the doors, …"""
        return (*CHORES, *(reader.name for reader in self._readers))

    def _census_rules(self) -> CensusRules:
        plan = self.plan
        return CensusRules(
            since=plan.sweeps.since,
            sweep=plan.sweeps.complete,
            overlap=plan.sweeps.overlap,
            census=plan.census,
            timeout=int(plan.timeout_seconds * 1000),
            quiet=plan.export.quiet,
            public_url=plan.public_url if "cin7" in plan.doors.names else "",
            shadow=plan.export.shadow,
        )

    def _children(self) -> list[ChildSpec]:
        """Order matters to a reader only: each child waits for work."""
        shadow = self.plan.export.shadow
        critical = [
            ChildSpec(name="governor", start=self._until_closed(self.governor.run), critical=True),
            ChildSpec(name="dispatcher", start=self.dispatcher.run, critical=True),
        ]
        chores = [
            ChildSpec(name="lease", start=self._until_closed(self._closing.wait if shadow else self.lease.run)),
            ChildSpec(name="watch", start=self._until_closed(self.watch.run)),
            ChildSpec(name="doors", start=self._until_closed(self.intake.watch)),
        ]
        return [
            *critical,
            *chores,
            *(ChildSpec(name=reader.name, start=self._until_closed(reader.run)) for reader in self._readers),
            *(ChildSpec(name=flow.value, start=actor.run) for flow, actor in self.actors.items()),
        ]

    def _until_closed(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def start() -> None:
            async with anyio.create_task_group() as tasks:

                async def end() -> None:
                    await self._closing.wait()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(end)
                await run()

        return start

    def map(self, rows: Iterable[Row]) -> None:
        """Put rows mapped at the desk in force over the configuration: everything judges by them from here on."""
        self.plan = self.configured.mapped(lay(self.configured.mappings, rows))
        self._rules.put(self.plan)

    async def recover(self) -> None:
        """Before anything runs: take over from the process before this one (design §3).

        The rate window is restored from the log, writes without an outcome are in doubt, claimed nudges wait again, and
        every open order is looked at once.
        """
        spent = await self.dispatcher.reclaim()
        timeout = int(self.plan.timeout_seconds * 1000)

        def unit(connection: sqlite3.Connection) -> list[tuple[str, Instant]]:
            now = self.clock.now()
            self.map(made.row for made in mapping_rows.in_force(connection))
            touched = doubt_open_writes(connection, timeout=timeout, now=now)
            postings = doubt_postings(connection, timeout=timeout, now=now)
            products = doubt_products(connection, self.plan.catalogue, now=now)
            for look in (*postings, *products, *doubt_writes(connection, now=now), *doubt_updates(connection, now=now)):
                outbox.accept(connection, look, now=now)
            doors.open_doors(connection, self.plan.doors.names, now=now)
            self._forget_other_doors(connection, now)
            for actor in self.actors.values():
                for nudge in actor.first_nudges(now):
                    # A start is a fresh chance for what a flow runs on: nothing of it stays set aside.
                    outbox.release(connection, nudge, now=now)
                    message = exceptions.Record(kind="message", id=nudge.subject)
                    exceptions.clear(connection, message, resolution="started again", now=now)
            outbox.accept_orders(connection, UNSETTLED, now=now)
            for order_id in orders.short(connection):
                outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now), now=now)
            self.dispatcher.paused = {
                flow for flow, row in flows.all_flows(connection).items() if row.paused_at is not None
            }
            if not self.plan.orders_enabled:
                self.dispatcher.paused.add(Flow.ORDERS)
            return touched

        touched = await self.database.run(unit)
        since = self.clock.now() - timeout - 180_000
        known = await self.database.read(lambda connection: calls.window(connection, since=since))
        believed = self.governor.restore(known)
        if await self._was_restored():
            believed = False
            self.governor.assume_full()
        self.log("daemon.recovered", in_doubt=len(touched), set_aside=len(spent), window_believed=believed)

    def _forget_other_doors(self, connection: sqlite3.Connection, now: Instant) -> None:
        """What was told of a door that is not configured any more is nobody's business; a queue is tried anew."""
        names, subscription = self.plan.doors.names, self.plan.doors.subscription
        for row in exceptions.of_kinds(connection, ("door", "subscription", "webhook")):
            known = {"door": row.record.id in names, "subscription": row.record.id == subscription}
            stands = known.get(row.record.kind, "cin7" in names and bool(self.plan.public_url))
            if not stands or row.type == "door_unreachable":
                exceptions.resolve(connection, row.id, resolution="started again", now=now)

    async def _was_restored(self) -> bool:
        """Compare the file with its witness; a file put back from a copy looks for older orders before it makes any."""
        witness = self.witness
        newest = await self.database.read(calls.newest)
        if witness is None or not witness.contradicts(newest):
            return False
        witness.reset(newest)
        await self.database.run(lambda connection: meta.reborn(connection, now=self.clock.now()))
        self.log("daemon.restored", level="warning", reason="the file is older than what was sent")
        return True

    async def run(self) -> None:
        """Run until closed; afterwards everything on the wire has been settled."""
        await self.recover()
        await self.supervisor.run()
        await self._leave()

    def close(self) -> None:
        """Stop: accept and claim nothing, grant nothing, let what is on the wire finish. `run` then returns."""
        self.intake.close()
        for reader in self._readers:
            reader.close()
        self.supervisor.close()
        self.dispatcher.close()
        self.governor.close()
        for actor in self.actors.values():
            actor.mailbox.empty()
            actor.mailbox.close()
        self._closing.set()

    async def _leave(self) -> None:
        """Give back what was claimed and never begun, and complete the call log."""

        def unit(connection: sqlite3.Connection) -> None:
            for flow in self.actors:
                outbox.give_back(connection, flow)

        await self.governor.drained()
        await self.governor.flush()
        await self.database.run(unit)
        for actor in self.actors.values():
            actor.mailbox.dispose()

    async def _flow_stopped(self, name: str, error: BaseException) -> None:
        """A child used up its budget: its flow stands, the others go on, a person is told."""
        if name in {flow.value for flow in self.actors}:
            self.dispatcher.stopped.add(Flow(name))
        finding = Finding(
            code="flow_stopped",
            cause=f"Flow {name} crashed again and again and was stopped: {error}",
            field=name,
            group=f"flow_stopped:{name}",
        )
        record = exceptions.Record(kind="flow", id=name)
        self.bell.ring()
        try:
            await self.database.run(
                lambda connection: exceptions.raise_finding(connection, record, finding, now=self.clock.now())
            )
        except CommitFailedError as failure:
            raise UnfitError(f"flow {name} was stopped, and nothing can be written about it: {failure}") from failure

    async def door_trouble(self, door: str, reason: str | None) -> None:
        """Tell, or tell no more, that a queue cannot be read; `reason` None: it can again."""
        record = exceptions.Record(kind="door", id=door)

        def unit(connection: sqlite3.Connection) -> None:
            now = self.clock.now()
            if reason is None:
                exceptions.clear(connection, record, resolution="it answers", now=now, types=("door_unreachable",))
                return
            cause = f"Door {door} cannot be read: {reason}."
            finding = Finding(code="door_unreachable", cause=cause, group=f"door_unreachable:{door}")
            exceptions.raise_finding(connection, record, finding, now=now)

        with contextlib.suppress(CommitFailedError):  # then something worse is told
            await self.database.run(unit)

    def resume(self, flow: Flow) -> None:
        """Let a paused or stopped flow go on (what is on disk about it is the caller's)."""
        self.dispatcher.paused.discard(flow)
        self.dispatcher.stopped.discard(flow)
        self.supervisor.revive(flow.value)
        self.bell.ring()

    def progress(self) -> tuple[int, int]:
        """What must move while the process is alive: the watchdog is fed only when both did."""
        return self.dispatcher.beats, self.governor.snapshot().progress


async def born_at(database: Database) -> Instant:
    """When this file was born or restored."""
    return await database.read(meta.born_at)
