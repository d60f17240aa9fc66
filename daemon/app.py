"""The composition root: settings and secrets in, a running daemon out.

Reading it top to bottom is the architecture: the file is locked and opened, the wires are strung, the engine is put
between them, and what people see is put on top. Everything is closed in the opposite order.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio

from actors.core.actor import Actor
from actors.core.clock import SystemClock
from actors.domain.crashpoints import Probe, no_probe
from actors.domain.time import Instant
from actors.messages import Flow
from adapters.http_transport import HttpTransport
from adapters.intake.server import intake_server
from adapters.operator.server import operator_server
from adapters.telemetry.logs import start_logging
from adapters.telemetry.tracing import Tracing, otlp_exporter
from daemon import health
from daemon.catalogue_health import CatalogueHealth
from daemon.control import control_server, socket_path
from daemon.desk.sessions import SessionDesk
from daemon.desk.workers import desk_workers
from daemon.doors import pushed_doors, sqs_readers
from daemon.engine import Engine, born_at
from daemon.notify import Notifier, watchdog_interval
from daemon.planning import plan_of
from daemon.readmodel import LiveReading
from daemon.secrets import Secrets
from daemon.settings import Settings
from daemon.stock_health import StockHealth
from daemon.version import VERSION
from storage import lock
from storage.database import Database
from storage.schema import upgrade
from storage.witness import Witness

WATCHDOG_FALLBACK_SECONDS = 10.0
"""How often progress is checked where systemd asks for none: it still goes into health."""


class App:
    """What the parts on top (health, operator's endpoints, control socket) are given."""

    def __init__(self, settings: Settings, secrets: Secrets, engine: Engine, clock: SystemClock) -> None:
        self.settings = settings
        self.secrets = secrets
        self.engine = engine
        self.clock = clock
        self.started_at: Instant = clock.now()
        self.version = VERSION
        self.stock = StockHealth()
        self.catalogue = CatalogueHealth()

    @property
    def database(self) -> Database:
        """The daemon's file."""
        return self.engine.database

    @property
    def actors(self) -> dict[Flow, Actor]:
        """The flows' actors."""
        return self.engine.actors


@asynccontextmanager
async def opened(settings: Settings, secrets: Secrets, *, probe: Probe = no_probe) -> AsyncIterator[App]:
    """Open everything the daemon needs, and close it again.

    Raises:
        storage.lock.HeldByAnotherError: another daemon uses the file.
        storage.schema.SchemaError: the file is of a newer release.
        OSError: the file, an address or the socket cannot be opened.
    """
    clock = SystemClock()
    log = start_logging(now=clock.now)
    path = Path(settings.storage.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(lock.held(path))
        tracing = Tracing(
            connection=settings.connection.name,
            version=VERSION,
            sample_ratio=settings.telemetry.sample_ratio,
            exporter=otlp_exporter(settings.telemetry.otlp_endpoint) if settings.telemetry.otlp_endpoint else None,
        )
        stack.callback(tracing.shutdown)
        database = await stack.enter_async_context(
            Database.open(path, prepare=lambda connection: upgrade(connection, now=clock.now()))
        )
        witness = Witness.beside(path)
        stack.callback(witness.close)
        ct_transport = await stack.enter_async_context(HttpTransport(reuse_connections=True))
        cin7_transport = await stack.enter_async_context(HttpTransport(reuse_connections=False))
        plan = plan_of(
            settings,
            client_secret=secrets["commercetools_client_secret"],
            application_key=secrets["cin7_application_key"],
            storage_key=secrets.storage_key,
            webhook_token=secrets.get("cin7_webhook_token") or "",
        )
        engine = Engine(
            plan,
            database=database,
            clock=clock,
            ct_transport=ct_transport,
            cin7_transport=cin7_transport,
            chance=random.Random(),
            born_at=await born_at(database),
            tracer=tracing,
            probe=probe,
            log=log,
            witness=witness,
            free_bytes=lambda: shutil.disk_usage(path.parent).free,
            readers=sqs_readers(settings, secrets, clock),
            workers=desk_workers(lambda: app, settings, secrets),
        )
        app = App(settings, secrets, engine, clock)
        await stack.enter_async_context(
            operator_server(
                settings.operator.bind,
                LiveReading(app),
                tokens=secrets.operator_tokens,
                sessions=SessionDesk(app),
                public_url=settings.operator.public_url,
            )
        )
        await stack.enter_async_context(control_server(app, socket_path(settings)))
        doors = pushed_doors(settings, secrets)
        if doors is not None:
            await stack.enter_async_context(
                intake_server(settings.intake.bind, engine.intake.accept, doors, clock=clock, fetch=ct_transport)
            )
        yield app


async def serve(settings: Settings, secrets: Secrets, probe: Probe = no_probe) -> None:
    """Run the daemon until it is told to stop. Raises what `opened` raises, and `UnfitError` past a critical budget."""
    notifier = Notifier.from_environment()
    async with opened(settings, secrets, probe=probe) as app:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, app, notifier, tasks.cancel_scope)
            tasks.start_soon(_feed_watchdog, app, notifier)
            notifier.ready(f"serving {settings.connection.name}")
            app.engine.log("daemon.ready", version=app.version, mode=settings.connection.mode)
            await app.engine.run()
            tasks.cancel_scope.cancel()
        app.engine.log("daemon.stopped")


async def _stop_on_signal(app: App, notifier: Notifier, scope: anyio.CancelScope) -> None:
    """The first signal stops in good order; a second one cuts the wait, and what it cuts is in doubt."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        stopping = False
        async for _ in signals:
            if stopping:
                scope.cancel()
                return
            stopping = True
            notifier.stopping("waiting for what is on the wire")
            app.engine.log("daemon.stopping", in_flight=app.engine.governor.snapshot().in_flight)
            app.engine.close()


async def _feed_watchdog(app: App, notifier: Notifier) -> None:
    """Feed systemd's watchdog only while the dispatcher turns, the file answers and the governor is not stuck."""
    interval = watchdog_interval() or WATCHDOG_FALLBACK_SECONDS
    while True:
        before = app.engine.progress()
        app.engine.bell.ring()
        await anyio.sleep(interval)
        if await _moves(app, before):
            notifier.beat()
            notifier.status(health.status_line(await health.health(app)))


async def _moves(app: App, before: tuple[int, int]) -> bool:
    dispatched, granted = app.engine.progress()
    governor = app.engine.governor.snapshot()
    stuck = (
        granted == before[1]
        and sum(governor.queued.values()) > 0
        and governor.in_flight < app.settings.cin7.max_in_flight
        and governor.paused_until is None
    )
    with anyio.move_on_after(5):
        await app.database.read(lambda connection: connection.execute("SELECT 1").fetchone())
        return dispatched > before[0] and not stuck
    return False
