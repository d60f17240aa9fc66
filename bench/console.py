"""Pages of the console and of the API over a large shop: each within 300 ms.

Run as `python -m bench.console [orders] [file]`. A file with a million orders, 10,000 open exceptions and what belongs
to them is made (`bench.console_file`), the real server is put on it, and every page is asked for over HTTP in turns:
the first time, and the median and the 95th percentile of the times after it. Judged is the processor's time of server
and client together, which on a machine with nothing else to do is the time a page takes; that is printed beside it. The
daemon's other parts do not run. Exit status 1 means that a page took longer, or was refused. A file that is there
already is measured as it is.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import anyio

from adapters.operator.server import operator_server
from bench.console_file import BIGGEST, MINUTE, NOW, fill, identity
from daemon.desk.sessions import SessionDesk
from daemon.engine import Engine
from daemon.planning import plan_of
from daemon.readmodel import LiveReading
from daemon.settings import parse_settings
from storage.database import Database, connect
from storage.schema import upgrade
from tests.daemon_app import FixedClock, NoNetwork, TestApp, config_text, token

ORDERS = 1_000_000
ROUNDS = 12
GOAL_MS = 300.0

SECRET, TOKEN = token("bench", "admin", "ops", "finance", "ecommerce", "it", "viewer")
HEADERS = {"Authorization": f"Bearer {SECRET}", "Accept": "text/html, application/json"}


class Clock(FixedClock):
    """Shows the instant of the file; what takes time takes it."""

    def monotonic(self) -> float:
        """Return real seconds: what is kept for a while grows old."""
        return time.monotonic()


def paths(orders: int) -> Sequence[str]:
    """Return what is asked for."""
    sale, middle, held = orders // 2 + 1, identity(orders // 2), identity(orders - 10_001)
    return (
        "/health",
        "/metrics",
        "/api/overview",
        "/api/budget?hours=336",
        "/api/orders",
        f"/api/orders?after={middle}",
        "/api/orders?limit=500",
        "/api/orders?state=not_in_cin7",
        "/api/orders?state=in_cin7",
        "/api/orders?state=held&sort=number",
        "/api/orders?state=exported&currency=USD&sort=created_at&order=asc",
        f"/api/orders?sort=number&after={middle}",
        f"/api/orders?text=CT-{sale:07d}",
        f"/api/orders?text=so-{sale:07d}",
        "/api/orders?text=CT-00",
        "/api/orders?text=SKU-000123",
        "/api/orders?text=SKU-000000",
        "/api/orders?text=SKU-000000&state=held",
        "/api/orders?text=nobody",
        "/api/orders?from=2026-11-01&to=2026-11-26&currency=EUR",
        f"/api/orders/CT-{sale:07d}",
        f"/api/orders/so-{sale:07d}",
        "/api/orders/nobody",
        "/api/exceptions",
        "/api/exceptions?sort=due_at&order=desc&limit=500",
        "/api/exceptions?text=CT-0",
        "/api/exceptions?owner=finance&stage=open",
        "/api/exceptions?state=all",
        "/api/exceptions/45000",
        "/api/incidents",
        "/api/deeds",
        "/api/deeds?sort=refused&order=desc",
        "/api/deeds?text=reason+7",
        f"/api/deeds/{BIGGEST}/items",
        f"/api/deeds/{BIGGEST}/items?sort=record&order=desc",
        f"/api/deeds/{BIGGEST}/items?outcome=refused&text=CT-0",
        "/api/audit",
        "/api/audit?sort=author",
        "/api/audit?sort=action&order=asc",
        "/api/audit?sort=record",
        "/api/audit?author=olga",
        f"/api/audit?record={held}",
        "/api/stock",
        "/api/stock?sort=published&order=desc",
        "/api/stock?sort=read_at",
        "/api/stock?sort=available",
        "/api/stock?text=0001",
        "/api/stock?state=stale",
        "/api/stock/SKU-000000",
        "/api/stock/SKU-000000/history?days=400",
        "/api/skus",
        "/api/skus?sort=flags&order=desc",
        "/api/skus?sort=match&text=0001",
        "/api/skus?match=unmatched&sort=near",
        "/api/settings",
        "/api/model",
        "/api/alerts",
        "/api/alerts?state=all&sort=title",
        "/api/alerts?state=all&text=7+orders",
        "/api/mappings",
        "/",
        "/orders",
        "/orders?state=not_in_cin7",
        f"/orders?text=CT-{sale:07d}",
        f"/orders/CT-{sale:07d}",
        f"/orders/{held}",
        "/exceptions",
        "/exceptions?view=incidents",
        "/exceptions/45000",
        "/stock",
        "/stock?sort=read_at",
        "/stock/SKU-000000",
        "/skus",
        "/skus?sort=published&order=down",
        "/unpublishing",
        "/deeds",
        f"/deeds/{BIGGEST}",
        "/reconciliation",
        "/reconciliation/2026-11-20",
        "/month/2026-11",
        "/mappings",
        "/alerts",
        "/alerts?state=all&sort=severity&order=down",
        "/audit",
        "/audit?sort=action&order=up",
        "/model",
        "/settings",
    )


def made(path: Path, orders: int) -> None:
    """Make the file."""
    began = time.perf_counter()
    with closing(connect(path, synchronous="OFF")) as connection:
        upgrade(connection, now=NOW)
        fill(connection, orders)
    print(f"{orders:,} orders, {path.stat().st_size / 2**20:,.0f} MiB, made in {time.perf_counter() - began:.0f} s")


@asynccontextmanager
async def served(path: Path, *, inline: bool = False) -> AsyncIterator[tuple[int, Database]]:
    """Serve a file; yield the port and the file. `inline`: it is read in the server's own thread."""
    text = config_text(path).replace("[connection]", "[connection]\ntime_zone = 'Europe/London'", 1)
    settings = parse_settings(text + "[owners.it]\nname = 'Ian'\n", source="tallyd.toml")
    plan = plan_of(settings, client_secret="x", application_key="y", storage_key=bytes(32))  # noqa: S106
    async with Database.open(path, prepare=lambda connection: upgrade(connection, now=NOW), inline=inline) as database:
        engine = Engine(
            plan,
            database=database,
            clock=Clock(NOW + MINUTE),
            ct_transport=NoNetwork(),
            cin7_transport=NoNetwork(),
            chance=random.Random(1),
            born_at=NOW,
        )
        app = TestApp(settings, engine)
        try:
            async with operator_server("127.0.0.1:0", LiveReading(app), tokens=[TOKEN], sessions=SessionDesk(app)) as (
                _,
                port,
            ):
                yield port, database
        finally:
            for actor in engine.actors.values():
                actor.mailbox.dispose()


async def asked(session: aiohttp.ClientSession, url: str) -> tuple[float, float, int]:
    """Ask once; return the milliseconds of the processor and of the clock, and the status."""
    began, clock = time.process_time(), time.perf_counter()
    async with session.get(url, allow_redirects=False) as answer:
        await answer.read()
        return (time.process_time() - began) * 1000, (time.perf_counter() - clock) * 1000, answer.status


async def being_added_up(session: aiohttp.ClientSession, url: str) -> bool:
    """Say whether a page says that it is still being made."""
    async with session.get(url) as answer:
        return 'aria-busy="true"' in await answer.text()


async def measure(path: Path, orders: int) -> bool:
    """Print what each page takes; return whether all are quick enough."""
    took: dict[str, list[tuple[float, float]]] = {one: [] for one in paths(orders)}
    refused: dict[str, int] = {}
    async with served(path) as (port, _), aiohttp.ClientSession(headers=HEADERS) as session:
        for _ in range(ROUNDS + 1):
            for one, times in took.items():
                ms, clock, status = await asked(session, f"http://127.0.0.1:{port}{one}")
                times.append((ms, clock))
                while one.startswith("/month/") and await being_added_up(session, f"http://127.0.0.1:{port}{one}"):  # noqa: ASYNC110
                    await anyio.sleep(0.1)  # what is made aside is nobody else's time
                if status != (404 if one.endswith("/nobody") else 200):
                    refused[one] = status
    met = not refused
    print(f"{'milliseconds of':72} {'first':>7} {'p50':>7} {'p95':>7}  of {GOAL_MS:.0f}   {'clock':>7} at best")
    for one, times in took.items():
        (first, _), *later = times
        p50, p95 = (statistics.quantiles([ms for ms, _ in later], n=20)[place] for place in (9, 18))
        met = met and p95 < GOAL_MS
        told = f"answered {refused[one]}" if one in refused else "" if p95 < GOAL_MS else "MISSED"
        best = min(clock for _, clock in later)
        print(f"{one:72} {first:7.1f} {p50:7.1f} {p95:7.1f}  {p95 / GOAL_MS:6.2f}   {best:7.1f} {told}")
    return met


def main(arguments: Sequence[str]) -> int:
    """Make the file where there is none, and measure."""
    orders = int(arguments[0]) if arguments else ORDERS
    if len(arguments) > 1:
        path = Path(arguments[1])
        if not path.exists():
            made(path, orders)
        return 0 if anyio.run(measure, path, orders) else 1
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "tallyd.db"
        made(path, orders)
        return 0 if anyio.run(measure, path, orders) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
