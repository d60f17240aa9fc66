"""Goal 1 of the performance reference: events over HTTP, committed before the answer.

Run as `python -m bench.intake`. An event is an `OrderCreated` CloudEvent of 4 KB about an order never seen before,
posted through the Event Grid door: key, body, both envelopes, one commit with the event's row and its nudge, 200. The
server is a process of its own with the real listener, `Acceptance` and `Database` (`synchronous=FULL`) on the current
directory's disk, and beside it the same listener with an accept that stores nothing. The client, in this process, keeps
1, 32 or 128 connections busy, each sending as soon as it is answered, to either in turn; figures are medians of the
ratios of five rounds.

Then all of it again with every `fsync` and `fdatasync` of the server made 1.5 ms slower, as on a common cloud disk:
a library put in front of the system's (`LD_PRELOAD`), compiled with `cc`; where there is none, that half is left out
and said. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.core.clock import SystemClock
from actors.domain.notification import Delivery
from actors.intake.accepting import Acceptance
from actors.intake.rules import DoorRules
from adapters.http_transport import HttpTransport
from adapters.intake.eventgrid import EventGrid
from adapters.intake.server import Doors, intake_server
from storage import doors
from storage.bodies import Sealer
from storage.database import Database
from storage.schema import upgrade

ROUNDS = 5
REQUESTS = {1: 400, 32: 4_000, 128: 6_000}
"""Of one round, by connections."""

GOALS = {"as it is": {32: 0.60, 128: 0.65}, "1.5 ms slower": {128: 0.55}}
KEY = "bench"
MARK = b"############"
BODY_BYTES = 4096

SLOW_FSYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void pause_a_little(void) { struct timespec t = {0, 1500000}; nanosleep(&t, 0); }
int fsync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fsync"); pause_a_little(); return real(fd); }
int fdatasync(int fd) { int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync"); pause_a_little(); return real(fd); }
"""


# ---- the server's process ----


async def forget(door: str, deliveries: Sequence[Delivery]) -> None:
    """Accept without storing: the limit."""


async def serve(path: Path) -> None:
    """Listen twice, say where (and how long an fsync takes here), and end with the standard input."""
    clock = SystemClock()
    config = Doors(eventgrid=EventGrid(topic="/topics/bench", key=KEY))
    rules = DoorRules(names=frozenset({"eventgrid"}), project="acme", most_waiting=2**40)
    async with (
        HttpTransport(reuse_connections=True) as fetch,
        Database.open(path, prepare=lambda connection: upgrade(connection, now=clock.now())) as database,
    ):
        await database.run(lambda connection: doors.open_doors(connection, rules.names, now=clock.now()))
        around = Surroundings(database=database, clock=clock, bell=Bell(), chance=random.Random(1))
        acceptance = Acceptance(around, rules=rules, sealer=Sealer(bytes(32)))
        async with (
            intake_server("127.0.0.1:0", acceptance.accept, config, clock=clock, fetch=fetch) as stored,
            intake_server("127.0.0.1:0", forget, config, clock=clock, fetch=fetch) as forgotten,
        ):
            print(json.dumps([stored[1], forgotten[1], fsync_seconds(path.parent)]), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        count = await database.read(
            lambda connection: connection.execute("SELECT count(*) FROM notifications").fetchone()
        )
        print(count[0], flush=True)


def fsync_seconds(folder: Path) -> float:
    """Return the median time of writing a page and syncing it."""
    taken = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


# ---- the client ----


class Requests:
    """Requests as bytes; no two are about the same order."""

    def __init__(self) -> None:
        self._template = template()
        self.made = 0

    def __next__(self) -> bytes:
        self.made += 1
        return self._template.replace(MARK, b"%012d" % self.made)


def template() -> bytes:
    """Write a request whose body has 4 KB, with a mark where the order's number goes."""
    order = "00000000-0000-4000-8000-" + MARK.decode()
    data = {
        "notificationType": "Message",
        "projectKey": "acme",
        "id": order,
        "version": 1,
        "sequenceNumber": 1,
        "resource": {"typeId": "order", "id": order},
        "resourceVersion": 1,
        "resourceUserProvidedIdentifiers": {"orderNumber": "ORD-" + MARK.decode()},
        "type": "OrderCreated",
        "order": {"type": "Order", "id": order, "lineItems": [{"name": ""}]},
        "createdAt": "2026-11-23T10:00:00.000Z",
    }
    event = {
        "specversion": "1.0",
        "id": order,
        "type": "com.commercetools.order.message.OrderCreated",
        "source": "/acme/orders",
        "subject": order,
        "time": "2026-11-23T10:00:00.000Z",
        "data": data,
    }
    data["order"]["lineItems"][0]["name"] = "x" * (BODY_BYTES - len(json.dumps(event)))  # type: ignore[index]
    head = (
        "POST /intake/commercetools/eventgrid HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/cloudevents+json\r\naeg-sas-key: {KEY}\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    )
    return (head + json.dumps(event)).encode()


class Sender(asyncio.Protocol):
    """One connection: sends the next request as soon as the last one is answered, until enough are."""

    def __init__(self, requests: Requests, load: Load) -> None:
        self._requests = requests
        self._load = load
        self._answer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        """Send one, if there is one left to send."""
        assert self._transport is not None
        if self._load.take():
            self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Read an answer; none has a body."""
        self._answer += data
        if not self._answer.endswith(b"\r\n\r\n"):
            return
        assert self._answer.startswith(b"HTTP/1.1 200 "), self._answer
        self._answer = b""
        self._load.answered()
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """A connection lost before the end is a failure of the run."""
        self._load.lost(error)

    def close(self) -> None:
        """End."""
        assert self._transport is not None
        self._transport.close()


class Load:
    """So many requests, however many connections share them."""

    def __init__(self, requests: int) -> None:
        self._left = self._open = requests
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bool:
        """Take one to send."""
        self._left -= 1
        return self._left >= 0

    def answered(self) -> None:
        """Count an answer."""
        self._open -= 1
        if self._open == 0:
            self.done.set_result(None)

    def lost(self, error: Exception | None) -> None:
        """End the run."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed"))


async def rate(port: int, connections: int, requests: Requests) -> float:
    """Return events per second over that many connections."""
    loop = asyncio.get_running_loop()
    load = Load(REQUESTS[connections])
    senders = [
        (await loop.create_connection(lambda: Sender(requests, load), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    began = time.perf_counter()
    for sender in senders:
        sender.send()
    await load.done
    seconds = time.perf_counter() - began
    for sender in senders:
        sender.close()
    return REQUESTS[connections] / seconds


async def compared(stored: int, forgotten: int, requests: Requests) -> tuple[dict[int, float], int]:
    """Return the median ratio by connections, and how many events were sent to be stored."""
    ratios, sent = {}, 0
    for connections, count in REQUESTS.items():
        rounds: list[tuple[float, float]] = []
        for turn in range(ROUNDS + 1):
            pair = {}
            for port in (stored, forgotten) if turn % 2 else (forgotten, stored):
                pair[port] = await rate(port, connections, requests)
            sent += count
            if turn:  # the first turn warms up
                rounds.append((pair[stored], pair[forgotten]))
        ratios[connections] = statistics.median(ours / limit for ours, limit in rounds)
        ours, limit = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"  {connections:4} connections  {ours:6.0f}/s of {limit:6.0f}/s", end="", flush=True)
        print(f"  ratio {ratios[connections]:.2f}")
    return ratios, sent


@contextmanager
def server(path: Path, library: Path | None) -> Iterator[tuple[subprocess.Popen[str], list[float]]]:
    """Run the server's process, with a library in front of the system's where one is given."""
    environment = {**os.environ, **({"LD_PRELOAD": str(library)} if library is not None else {})}
    command = [sys.executable, "-m", "bench.intake", "serve", str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def measure(folder: Path, title: str, library: Path | None) -> bool:
    """Print one half; return whether its goals were met."""
    with server(folder / f"{title.split(maxsplit=1)[0]}.db", library) as (process, told):
        stored, forgotten, fsync = int(told[0]), int(told[1]), told[2]
        print(f"fsync {title}: {fsync * 1000:.2f} ms")
        ratios, sent = asyncio.run(compared(stored, forgotten, Requests()))
        written, _ = process.communicate()
        assert int(written) == sent, f"{written.strip()} events are there, {sent} were acknowledged"
    met = True
    for connections, goal in GOALS[title].items():
        good = ratios[connections] >= goal
        met = met and good
        print(f"  goal at {connections}: {ratios[connections]:.2f} of {goal:.2f}  {'ok' if good else 'MISSED'}")
    return met


def slow_fsync(folder: Path) -> Path | None:
    """Compile the library that makes every sync slower; None where nothing compiles."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(SLOW_FSYNC)
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def main() -> int:
    """Measure both halves."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as name:
        folder = Path(name).resolve()
        results = [measure(folder, "as it is", None)]
        library = slow_fsync(folder)
        if library is None:
            print("fsync 1.5 ms slower: not measured, there is no cc to make it so")
        else:
            results.append(measure(folder, "1.5 ms slower", library))
    return 0 if all(results) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2])))
    else:
        sys.exit(main())
