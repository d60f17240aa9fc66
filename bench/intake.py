"""Goal 1 of the performance reference: events over HTTP, on disk before they are answered.

Run as `python -m bench.intake`. The real doors listen twice in one process: once with the real `Acceptance` before the
real file (`synchronous=FULL`, in the current directory, whose disk is measured), once with an accept that keeps
nothing; everything else of the handler is the same. A sender, a process of its own, posts CloudEvents of 4 KB to the
Event Grid door, each an `OrderCreated` of an order never told before, over 1, 32 and 128 connections that are kept
open; each posts its next event when the last one is answered. Both take turns, either first as often as the other,
after a round that is not counted; printed are medians, and the median of each round's ratio.

All of it is done twice: with fsync as the disk has it, and made 1.5 ms slower, as a common cloud disk is. For that a
few lines of C are compiled and loaded before the C library; without a compiler this half is skipped, and said so. That
every event answered with 200 is in the file, exactly once, is checked. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.core.clock import SystemClock
from actors.domain.notification import Delivery
from actors.intake.accepting import Acceptance
from actors.intake.rules import DoorRules
from adapters.http_transport import HttpTransport
from adapters.intake.eventgrid import EventGrid
from adapters.intake.ports import EVENTGRID
from adapters.intake.server import Doors, intake_server
from storage import doors
from storage.bodies import Sealer
from storage.database import Database, connect
from storage.schema import upgrade

BYTES = 4_096
EVENTS = {1: 300, 32: 2_000, 128: 4_000}
"""Events of one turn, by number of connections."""

ROUNDS = 5
GOALS = {32: 0.60, 128: 0.65}
STRETCH = {128: 0.75}
GOALS_SLOW = {128: 0.55}

SLOWER = r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int file) { usleep(1500); return syscall(SYS_fsync, file); }
int fdatasync(int file) { usleep(1500); return syscall(SYS_fdatasync, file); }
"""

KEY = "bench-key"
TOPIC = "/subscriptions/1/resourceGroups/shop/providers/Microsoft.EventGrid/topics/orders"
NUMBER = "%012d"


def events() -> tuple[bytes, ...]:
    """Return a whole request, cut where an event's own number goes."""
    number = "{number}"
    payload: dict[str, Any] = {
        "notificationType": "Message",
        "projectKey": "acme",
        "id": f"8c6e1d0a-0000-4000-8000-{number}",
        "version": 1,
        "sequenceNumber": 1,
        "resource": {"typeId": "order", "id": f"4f0c7a1e-0000-4000-8000-{number}"},
        "resourceVersion": 1,
        "resourceUserProvidedIdentifiers": {"orderNumber": f"ORD-{number}"},
        "type": "OrderCreated",
        "createdAt": "2026-11-23T10:00:00.000Z",
        "lastModifiedAt": "2026-11-23T10:00:00.000Z",
        "order": {"id": f"4f0c7a1e-0000-4000-8000-{number}", "version": 1, "orderState": "Open", "lineItems": []},
    }
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"8c6e1d0a-0000-4000-8000-{number}",
        "type": "com.commercetools.order.message.OrderCreated",
        "source": "/acme/orders",
        "subject": f"4f0c7a1e-0000-4000-8000-{number}",
        "time": "2026-11-23T10:00:00.000Z",
        "data": payload,
    }
    lines = payload["order"]["lineItems"]
    while len(json.dumps(event).replace(number, NUMBER % 0)) < BYTES:
        lines.append(_line(len(lines)))
    body = json.dumps(event)
    head = (
        f"POST /intake/commercetools/eventgrid HTTP/1.1\r\nHost: tallyd\r\naeg-sas-key: {KEY}\r\n"
        f"Content-Type: application/cloudevents+json\r\nContent-Length: {len(body.replace(number, NUMBER % 0))}\r\n\r\n"
    )
    return tuple(part.encode() for part in (head + body).split(number))


def _line(place: int) -> dict[str, Any]:
    price = {"type": "centPrecision", "currencyCode": "EUR", "centAmount": 1999, "fractionDigits": 2}
    return {
        "id": f"li-{place}",
        "productId": f"p-{place}",
        "name": {"de": "Brot", "en": "Bread"},
        "variant": {"id": 1, "sku": f"BREAD-{place}", "prices": [], "images": [], "attributes": []},
        "price": {"id": f"price-{place}", "value": price},
        "quantity": 2,
        "totalPrice": {**price, "centAmount": 3998},
        "taxRate": {"name": "standard", "amount": 0.19, "includedInPrice": True, "country": "DE", "subRates": []},
        "state": [{"quantity": 2, "state": {"typeId": "state", "id": "initial"}}],
    }


# ---- the process that listens ----


async def keep_nothing(door: str, deliveries: Sequence[Delivery]) -> None:
    """Accept without storing: what the handler costs by itself."""


async def serve(file: Path) -> None:
    """Listen with both, tell where, until standard input ends."""
    clock = SystemClock()
    prepare = lambda connection: upgrade(connection, now=0)  # noqa: E731 -- it is one line
    async with Database.open(file, prepare=prepare) as database, HttpTransport(reuse_connections=False) as fetch:
        await database.run(lambda connection: doors.open_doors(connection, {EVENTGRID}, now=clock.now()))
        around = Surroundings(database=database, clock=clock, bell=Bell(), chance=random.Random(1))
        rules = DoorRules(names=frozenset({EVENTGRID}), project="acme", most_waiting=10**9)
        storing = Acceptance(around, rules=rules, sealer=Sealer(bytes(32)))
        wanted = Doors(eventgrid=EventGrid(topic=TOPIC, key=KEY))
        async with (
            intake_server("127.0.0.1:0", storing.accept, wanted, clock=clock, fetch=fetch) as kept,
            intake_server("127.0.0.1:0", keep_nothing, wanted, clock=clock, fetch=fetch) as bare,
        ):
            print(kept[1], bare[1], flush=True)
            await asyncio.to_thread(sys.stdin.read)


# ---- the process that sends ----


class Turn:
    """One turn: so many events over so many connections."""

    def __init__(self, parts: tuple[bytes, ...], *, first: int, events: int) -> None:
        self._parts = parts
        self._next = first
        self._end = first + events
        self._left = events
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bytes | None:
        """Return the next request; None when all are sent."""
        if self._next >= self._end:
            return None
        self._next += 1
        return (NUMBER % self._next).encode().join(self._parts)

    def answered(self, answer: bytes) -> None:
        """Count an answer; anything but 200 spoils the turn."""
        self._left -= 1
        if not answer.startswith(b"HTTP/1.1 200 "):
            self.spoil(answer.decode(errors="replace"))
        elif not self._left and not self.over.done():
            self.over.set_result(None)

    def spoil(self, why: str) -> None:
        """End the turn with an error, unless it is over."""
        if not self.over.done():
            self.over.set_exception(AssertionError(why))


class Connection(asyncio.Protocol):
    """One connection: the next event when the last one is answered."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._answer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready; the turn begins when all are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        """Send the next event, if any is left."""
        assert self._transport is not None
        request = self._turn.take()
        if request is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take the answer; one that is 200 has no body."""
        self._answer += data
        if not self._answer.endswith(b"\r\n\r\n") and b" 200 " in self._answer:
            return
        answer, self._answer = self._answer, b""
        self._turn.answered(answer)
        self.send()

    def connection_lost(self, error: BaseException | None) -> None:
        """Spoil the turn, unless it is over."""
        self._turn.spoil("a connection was lost")

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()


async def send(port: int, connections: int, first: int, parts: tuple[bytes, ...]) -> float:
    """Send one turn's events; return the seconds from the first one to the last answer."""
    loop = asyncio.get_running_loop()
    turn = Turn(parts, first=first, events=EVENTS[connections])
    made = [(await loop.create_connection(lambda: Connection(turn), "127.0.0.1", port))[1] for _ in range(connections)]
    began = time.perf_counter()
    for connection in made:
        connection.send()
    await turn.over
    seconds = time.perf_counter() - began
    for connection in made:
        connection.close()
    return seconds


def send_as_told() -> None:
    """Send a turn for every line of standard input (`port connections first`) and print its seconds."""
    parts = events()
    for line in sys.stdin:
        port, connections, first = (int(word) for word in line.split())
        print(asyncio.run(send(port, connections, first, parts)), flush=True)


# ---- the process that compares ----


class Pair:
    """A listener and a sender, and how many events were stored."""

    def __init__(self, listener: subprocess.Popen[str], sender: subprocess.Popen[str]) -> None:
        self._sender = sender
        kept, bare = _line_of(listener).split()
        self._ports = {"kept": kept, "bare": bare}
        self._first = 0
        self.stored = 0

    def rate(self, which: str, connections: int) -> float:
        """Send one turn to one of the two; return events per second."""
        assert self._sender.stdin is not None
        print(self._ports[which], connections, self._first, file=self._sender.stdin, flush=True)
        seconds = float(_line_of(self._sender))
        self._first += EVENTS[connections]
        self.stored += EVENTS[connections] if which == "kept" else 0
        return EVENTS[connections] / seconds


def _line_of(process: subprocess.Popen[str]) -> str:
    out: IO[str] | None = process.stdout
    line = out.readline() if out is not None else ""
    assert line, f"{process.args!r} ended"
    return line


@contextmanager
def pair(file: Path, environ: Mapping[str, str]) -> Iterator[Pair]:
    """Start both; at the end see that every event is on disk."""
    command = [sys.executable, "-m", "bench.intake"]
    with (
        _started([*command, "serve", str(file)], {**os.environ, **environ}) as listener,
        _started([*command, "send"], dict(os.environ)) as sender,
    ):
        made = Pair(listener, sender)
        yield made
    with closing(connect(file, read_only=True)) as connection:
        assert_all_stored(connection, made.stored)


@contextmanager
def _started(command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)


def assert_all_stored(connection: sqlite3.Connection, count: int) -> None:
    for table in ("notifications", "outbox"):
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        assert found == count, f"{count} events were answered with 200, {found} are in {table}"


def rounds(made: Pair) -> dict[int, list[tuple[float, float]]]:
    """Return (stored, without storing) in events per second, by connections."""
    found: dict[int, list[tuple[float, float]]] = {connections: [] for connections in EVENTS}
    for turn in range(ROUNDS + 1):
        for connections, rates in found.items():
            order = ("kept", "bare") if turn % 2 else ("bare", "kept")
            rate = {which: made.rate(which, connections) for which in order}
            rates.append((rate["kept"], rate["bare"]))
    return {connections: rates[1:] for connections, rates in found.items()}


def report(
    found: dict[int, list[tuple[float, float]]], goals: Mapping[int, float], stretch: Mapping[int, float]
) -> bool:
    """Print a line per number of connections; return whether all goals were met."""
    good = True
    for connections, rates in found.items():
        ratio = statistics.median(kept / bare for kept, bare in rates)
        kept, bare = (statistics.median(rate[place] for rate in rates) for place in (0, 1))
        goal = goals.get(connections)
        met = goal is None or ratio >= goal
        good = good and met
        wanted = "" if goal is None else f"  goal ≥ {goal:.2f}{_stretch(stretch.get(connections))}  {_verdict(met)}"
        print(f"  {connections:3} connections  {kept:7,.0f} of {bare:7,.0f} events/s, {ratio:4.2f}{wanted}")
    return good


def _stretch(goal: float | None) -> str:
    return "" if goal is None else f" (stretch {goal:.2f})"


def _verdict(met: bool) -> str:
    return "ok" if met else "MISSED"


def slower(folder: Path) -> dict[str, str]:
    """Return the environment in which an fsync takes 1.5 ms more; empty without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return {}
    source, library = folder / "slower.c", folder / "slower.so"
    source.write_text(SLOWER)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library)}


def compare(folder: Path) -> bool:
    """Compare on this disk as it is, and made slower; return whether all goals were met."""
    print("events/s that are on disk before the answer, of those of the same handler without storing")
    with pair(folder / "as-is.db", {}) as made:
        print(" fsync as it is")
        good = report(rounds(made), GOALS, STRETCH)
    environ = slower(folder)
    if not environ:
        print(" fsync 1.5 ms slower: skipped, there is no C compiler here")
        return good
    with pair(folder / "slower.db", environ) as made:
        print(" fsync 1.5 ms slower")
        return report(rounds(made), GOALS_SLOW, {}) and good


def main() -> int:
    """Compare, in a folder of its own on this disk; or be one of the two others."""
    match sys.argv[1:]:
        case ["serve", file]:
            asyncio.run(serve(Path(file)))
            return 0
        case ["send"]:
            send_as_told()
            return 0
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        return 0 if compare(Path(name)) else 1


if __name__ == "__main__":
    sys.exit(main())
