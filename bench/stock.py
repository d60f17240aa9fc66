"""Goal 8 of the performance reference: a full stock pass takes no longer than the governor needs for its calls.

Run as `python -m bench.stock [SKUs] [calls a minute]` (100,000 and 60: about twenty-five minutes of real time). One
process runs the real stock flow (governor, client, actor, dispatcher, a real file with `synchronous=FULL` in the
current directory) against a Cin7 Core that answers each page of 1,000 rows after 0.3 s, three locations a SKU, and a
commercetools that holds its entries in memory. Beside it another process makes the same number of calls through the
same governor with nothing else to do: its time is what the governor needs.

Measured are the pass in which everything is new, the next one, while every ledger begins, one in which nothing changed,
and one in which 1 % of the SKUs moved: calls, time as a ratio to the bare calls of the same round (only the first
begins with an empty window), writes to commercetools, the longest unit of work on the writer, and the highest resident
memory, sampled from outside. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import importlib
import math
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import msgspec
import psutil

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.core.clock import SystemClock
from actors.core.rules_in_force import InForce
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import no_probe
from actors.domain.facts import FactKind, Product
from actors.domain.feed import FeedCursor
from actors.domain.inventory import DateChange, Entry
from actors.governor.governor import Governor
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge
from actors.stock.actor import StockActor
from actors.stock.assessing import OLDER_ORDERS, ORDERS_MARK
from actors.stock.reading import LIST, Progress, nudge, progress_of
from actors.stock.rules import StockRules
from adapters.cin7.client import Cin7Client
from adapters.transport import Request, Response
from daemon.dispatcher import Dispatcher
from daemon.supervisor import ChildSpec, Supervisor
from storage import cursors, facts, outbox
from storage.calls import SqliteJournal
from storage.cursors import Cursor
from storage.database import Database
from storage.schema import upgrade

SKUS = 100_000
LOCATIONS = ("Main Warehouse", "North", "South")
PAGE = 1000
LATENCY_SECONDS = 0.3
CALLS_PER_MINUTE = 60
MOVED = 0.01
PHASES = ("new", "ledgers begin", "unchanged", "moved")
SAMPLES_PER_SECOND = 10
SETTLE_SECONDS = 15.0
"""How long after a pass its writes are still counted."""
MIB = 1 << 20

GOAL_TIME = 1.02
GOAL_MEMORY = 150

_ENCODER = msgspec.json.Encoder()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a child says on its output: a phase that ended."""

    phase: str
    calls: int = 0
    seconds: float = 0.0
    writes: int = 0
    longest_unit: float = 0.0
    rows: int = 0


class Book:
    """A Cin7 Core that holds one figure per SKU and location, and makes its pages when they are asked for."""

    def __init__(self, skus: int) -> None:
        self.skus = skus
        self.moved = 0
        self.calls = 0
        self.first_at = 0.0
        self.last_at = 0.0

    @property
    def rows(self) -> int:
        """Rows of the whole list."""
        return self.skus * len(LOCATIONS)

    def available(self, sku: int, location: int) -> int:
        """What is there: the first SKUs have moved by one."""
        return 5 + (sku + location) % 40 - (1 if location == 0 and sku < self.moved else 0)

    async def send(self, request: Request) -> Response:
        """Answer a page."""
        now = time.monotonic()
        self.first_at = self.first_at or now
        await anyio.sleep(LATENCY_SECONDS)
        self.calls += 1
        query = parse_qs(urlsplit(request.url).query)
        if "Sku" in query:
            sku = int(query["Sku"][0].removeprefix("SKU-"))
            rows = [self._row(sku * len(LOCATIONS) + place) for place in range(len(LOCATIONS))]
            body: dict[str, Any] = {"Total": len(rows), "Page": 1, "ProductAvailabilityList": rows}
            return Response(status=200, headers={"content-type": "application/json"}, body=_ENCODER.encode(body))
        page = int(query["Page"][0])
        first = (page - 1) * PAGE
        numbers = range(first, min(first + PAGE, self.rows))
        body = {"Total": self.rows, "Page": page, "ProductAvailabilityList": [self._row(number) for number in numbers]}
        self.last_at = time.monotonic()
        return Response(status=200, headers={"content-type": "application/json"}, body=_ENCODER.encode(body))

    def _row(self, number: int) -> dict[str, object]:
        sku, location = divmod(number, len(LOCATIONS))
        available = self.available(sku, location)
        return {
            "ID": f"00000000-0000-4000-8000-{sku:012d}",
            "SKU": f"SKU-{sku:06d}",
            "Name": f"Item number {sku} of the catalogue",
            "Barcode": str(sku),
            "Location": LOCATIONS[location],
            "Bin": None,
            "Batch": None,
            "ExpiryDate": None,
            "OnHand": available + 1,
            "Allocated": 1,
            "Available": available,
            "OnOrder": 0,
            "StockOnHand": 12.5,
            "InTransit": 0,
            "NextDeliveryDate": None,
        }


class Shop:
    """commercetools' entries, in memory."""

    def __init__(self, book: Book, clock: SystemClock, journal: SqliteJournal) -> None:
        self._book = book
        self._clock = clock
        self._journal = journal
        self._changed: dict[int, tuple[int, int]] = {}
        self.writes = 0

    def _entry(self, number: int) -> Entry:
        now = self._clock.now()
        opening = sum(5 + (number + location) % 40 for location in range(len(LOCATIONS)))
        version, quantity = self._changed.get(number, (1, opening))
        return Entry(
            id=f"{number:08d}",
            sku=f"SKU-{number:06d}",
            channel="",
            version=version,
            quantity=quantity,
            modified_at=now,
            read_from=now,
            read_at=now,
        )

    async def entries_by_id(self, *, after_id: str, limit: int) -> list[Entry]:
        """Read a page of all of them."""
        first = int(after_id) + 1 if after_id else 0
        return [self._entry(number) for number in range(first, min(first + limit, self._book.skus))]

    async def changed_entries(self, after: FeedCursor, *, until: int | None, limit: int) -> list[Entry]:
        """Nobody buys."""
        return []

    async def entries_of(self, sku: str) -> list[Entry]:
        """Read the entry of a SKU."""
        return [self._entry(int(sku.removeprefix("SKU-")))]

    async def read_entry(self, entry_id: str) -> Entry:
        """Read one."""
        return self._entry(int(entry_id))

    async def write_entry(
        self, entry: Entry, *, quantity: int | None, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Write one, after 40 ms."""
        intent.call_id = await self._journal.begin(intent, at=self._clock.now())
        await anyio.sleep(0.04)
        self.writes += 1
        number = int(entry.id)
        self._changed[number] = (entry.version + 1, entry.quantity if quantity is None else quantity)
        return self._entry(number)

    async def create_entry(
        self, sku: str, channel: str, *, quantity: int, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Nothing is missing."""
        raise AssertionError("every SKU has its entry")


def _governor(journal: SqliteJournal, calls_per_minute: int) -> Governor:
    return Governor(
        clock=SystemClock(),
        journal=journal,
        calls_per_minute=calls_per_minute,
        max_in_flight=4,
        shares={lane: 10 for lane in Lane if lane is not Lane.ORDERS},
        reserve=0,
        timeout_seconds=60,
    )


def _client(book: Book, governor: Governor) -> Cin7Client:
    return Cin7Client(
        transport=book,
        clock=SystemClock(),
        gate=governor,
        probe=no_probe,
        base_url="http://cin7.test",
        account_id="account",
        application_key="key",
        timeout_seconds=60,
    )


# --- the children ----------------------------------------------------------------------------------------------------


async def bare(path: Path, calls: int, calls_per_minute: int) -> None:
    """Make as many calls for each pass through the governor, one after the other, and nothing else."""
    async with Database.open(path, prepare=lambda connection: upgrade(connection, now=0)) as database:
        governor = _governor(SqliteJournal(database), calls_per_minute)
        book = Book(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(governor.run)
            for phase in PHASES:
                began = time.monotonic()
                for _ in range(calls):
                    async with governor.turn(Intent(Purpose.CIN7_STOCK_PAGE, lane=Lane.STOCK)):
                        await book.send(Request(method="GET", url="http://cin7.test/?Page=1"))
                tell(Line(phase=phase, calls=calls, seconds=time.monotonic() - began))
                # The first passes follow each other at once; the last one is asked for after what follows has settled.
                await anyio.sleep(SETTLE_SECONDS if phase == PHASES[-2] else 0)
            tasks.cancel_scope.cancel()


class Flowing:
    """The stock flow, alone."""

    def __init__(self, database: Database, skus: int, calls_per_minute: int) -> None:
        self.database = database
        self.clock = SystemClock()
        self.book = Book(skus)
        journal = SqliteJournal(database)
        self.governor = _governor(journal, calls_per_minute)
        self.shop = Shop(self.book, self.clock, journal)
        self.longest_unit = 0.0
        bell = self._bell = Bell()
        around = Surroundings(database=database, clock=self.clock, bell=bell, chance=random.Random(1))
        rules = InForce(StockRules(channels={"": LOCATIONS}, snapshot=36_000_000))
        self.actor = StockActor(
            around, book=_client(self.book, self.governor), shelves=self.shop, rules=rules, may_write=lambda: True
        )
        self.dispatcher = Dispatcher(database=database, clock=self.clock, bell=bell, actors={Flow.STOCK: self.actor})
        self.supervisor = Supervisor(
            [
                ChildSpec(name="governor", start=self.governor.run, critical=True),
                ChildSpec(name="dispatcher", start=self.dispatcher.run, critical=True),
                ChildSpec(name="stock", start=self.actor.run),
            ],
            clock=self.clock,
            on_stopped=_defect,
        )
        self._time_units()

    def _time_units(self) -> None:
        run = self.database.run

        async def timed(unit: Callable[[sqlite3.Connection], Any]) -> Any:
            def measured(connection: sqlite3.Connection) -> Any:
                began = time.perf_counter()
                value = unit(connection)
                self.longest_unit = max(self.longest_unit, time.perf_counter() - began)
                return value

            return await run(measured)

        self.database.run = timed  # type: ignore[method-assign]

    async def prepare(self) -> None:
        """Know the products and that every order is known; start."""

        def unit(connection: sqlite3.Connection) -> None:
            now = self.clock.now()
            products = (
                Product(id=str(sku), sku=f"SKU-{sku:06d}", name=str(sku), type="Stock") for sku in range(self.book.skus)
            )
            facts.store(connection, FactKind.PRODUCT, products, now=now, whole=True)
            mark = now + 86_400_000
            for sweep in (ORDERS_MARK, OLDER_ORDERS):
                cursors.put(connection, sweep, Cursor(at=now, mark=mark), now=now)
            for first in self.actor.first_nudges(now):
                outbox.accept(connection, first, now=now)

        await self.database.run(unit)
        self.longest_unit = 0.0

    async def one_pass(self, phase: str, number: int) -> None:
        """Have the list read, wait for the end of it, and tell what it took."""
        writes, self.longest_unit = self.shop.writes, 0.0
        await self.database.run(lambda connection: outbox.accept(connection, self._now(), now=self.clock.now()))
        self._bell.ring()
        progress = Progress()
        while progress.number < number or progress.page:
            await anyio.sleep(0.2)
            progress = await self.database.read(progress_of)
        await anyio.sleep(SETTLE_SECONDS)
        tell(
            Line(
                phase=phase,
                calls=progress.calls,
                seconds=progress.took / 1000,
                writes=self.shop.writes - writes,
                longest_unit=self.longest_unit,
                rows=progress.rows,
            )
        )

    def _now(self) -> Nudge:
        return nudge(LIST, self.clock.now())


async def _defect(name: str, error: BaseException) -> None:
    raise error


async def live(path: Path, skus: int, calls_per_minute: int) -> None:
    """Three passes."""
    async with Database.open(path, prepare=lambda connection: upgrade(connection, now=0)) as database:
        flow = Flowing(database, skus, calls_per_minute)
        await flow.prepare()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(flow.supervisor.run)
            for number, phase in enumerate(PHASES, start=1):
                if phase == "moved":
                    flow.book.moved = int(skus * MOVED)
                await flow.one_pass(phase, number)
            flow.supervisor.close()
            flow.dispatcher.close()
            flow.governor.close()
            flow.actor.mailbox.close()
            tasks.cancel_scope.cancel()
    tell(Line(phase="done"))


def tell(line: Line) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


# --- the parent ------------------------------------------------------------------------------------------------------


async def watch(kind: str, path: Path, *numbers: int) -> tuple[dict[str, Line], float]:
    """Run a child; return what it said, and its highest resident memory (MiB)."""
    command = [sys.executable, "-m", "bench.stock", kind, str(path), *map(str, numbers)]
    lines: dict[str, Line] = {}
    peak = 0.0
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None) as process:
        seen = psutil.Process(process.pid)

        async def sample() -> None:
            nonlocal peak
            while True:
                peak = max(peak, seen.memory_info().rss / MIB)
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
            tasks.cancel_scope.cancel()
        assert await process.wait() == 0, "the child failed"
    return lines, peak


async def compare(skus: int, calls_per_minute: int) -> bool:
    """Run both children side by side, and print."""
    calls = math.ceil(skus * len(LOCATIONS) / PAGE)
    found: dict[str, tuple[dict[str, Line], float]] = {}

    async def child(kind: str, path: Path, *numbers: int) -> None:
        found[kind] = await watch(kind, path, *numbers)

    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child, "--bare", Path(name) / "bare.db", calls, calls_per_minute)
            tasks.start_soon(child, "--flow", Path(name) / "flow.db", skus, calls_per_minute)
    (bare_lines, _), (lines, peak) = found["--bare"], found["--flow"]
    print(f"{skus:,} SKUs at {len(LOCATIONS)} locations; {calls} calls a pass")
    good = peak < GOAL_MEMORY
    for phase in PHASES:
        line, needed = lines[phase], bare_lines[phase].seconds
        ratio = line.seconds / needed
        met = ratio <= GOAL_TIME and line.calls == calls and (phase != "unchanged" or line.writes == 0)
        good = good and met
        print(
            f"  {phase:13} {line.calls} calls, {line.seconds:.1f} s beside {needed:.1f} s of the governor alone,"
            f" ratio {ratio:.3f} (goal ≤ {GOAL_TIME}),"
            f" {line.writes} writes, longest unit {line.longest_unit * 1000:.0f} ms: {'ok' if met else 'MISSED'}"
        )
    print(f"highest resident memory {peak:.1f} MiB, goal < {GOAL_MEMORY}: {'ok' if peak < GOAL_MEMORY else 'MISSED'}")
    return good


def main(arguments: list[str]) -> int:
    """Compare; or be one of the children."""
    if arguments[:1] == ["--bare"]:
        anyio.run(bare, Path(arguments[1]), int(arguments[2]), int(arguments[3]))
        return 0
    if arguments[:1] == ["--flow"]:
        importlib.import_module("daemon.app")
        anyio.run(live, Path(arguments[1]), int(arguments[2]), int(arguments[3]))
        return 0
    skus = int(arguments[0]) if arguments else SKUS
    return 0 if anyio.run(compare, skus, int(arguments[1]) if len(arguments) > 1 else CALLS_PER_MINUTE) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
