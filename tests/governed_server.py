"""A server with a limit that counts calls as they arrive, a journal in memory, and a client between the two."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
from anyio.abc import TaskGroup

from actors.domain.calls import Lane, Purpose
from actors.domain.time import Instant
from actors.governor.governor import Governor
from actors.governor.journal import Intent, LoggedCall
from adapters.sandbox.cin7_limit import Allowance, Call, LimitWindow, WorstWindow, worst_window
from adapters.sandbox.network import VirtualTransport
from adapters.sandbox.virtual_time import VirtualClock
from adapters.transport import AnswerLostError, NotSentError, Request, Response

Latency = Callable[[], float]
Job = Callable[[], Coroutine[Any, Any, None]]

OURS = "ours"
STRANGER = "stranger"
SHARES = {Lane.FULFILMENT: 6, Lane.FINANCE: 4, Lane.STOCK: 10, Lane.CATALOGUE: 2, Lane.BACKFILL: 2}


class MemoryJournal:
    """Rows that survive a killed governor. `commit_seconds` is how long a commit takes, `broken` makes it fail."""

    def __init__(self, clock: VirtualClock, *, commit_seconds: float = 0.002) -> None:
        self._clock = clock
        self._commit_seconds = commit_seconds
        self.broken = False
        self.rows: list[LoggedCall] = []

    async def begin(self, intent: Intent, *, at: Instant, finished: Sequence[tuple[int, Instant]] = ()) -> int:
        await self._commit()
        self._write(finished)
        self.rows.append(LoggedCall(sent_at=at, ended_at=None, lane=intent.lane))
        return len(self.rows) - 1

    async def finish(self, finished: Sequence[tuple[int, Instant]]) -> None:
        await self._commit()
        self._write(finished)

    async def _commit(self) -> None:
        await self._clock.sleep(self._commit_seconds)
        if self.broken:
            raise OSError("disk full")

    def _write(self, finished: Sequence[tuple[int, Instant]]) -> None:
        for call_id, at in finished:
            self.rows[call_id].ended_at = at


class LimitedServer:
    """Counts what arrives, whoever sent it; answers 200, or 429 over the limit."""

    def __init__(
        self, clock: VirtualClock, *, limit: int = 60, window: LimitWindow = "sliding", refused_calls_count: bool = True
    ) -> None:
        self._clock = clock
        self._allowance = Allowance(limit=limit, window=window, refused_calls_count=refused_calls_count)
        self.calls: list[Call] = []

    async def answer(self, request: Request) -> Response:
        call = self.arrive(request.url)
        return Response(status=429 if call.limited else 200)

    def arrive(self, operation: str) -> Call:
        now = self._clock.now()
        limited = not self._allowance.take("key", now)
        call = Call(arrived_ms=now, operation=operation, key="key", status=429 if limited else 200, limited=limited)
        self.calls.append(call)
        return call

    def of(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    def worst(self) -> WorstWindow:
        return worst_window(self.of(OURS))


class Client:
    """Speaks as the Cin7 client does: one turn, one request, one word about its end."""

    def __init__(
        self,
        governor: Governor,
        transport: VirtualTransport,
        clock: VirtualClock,
        *,
        timeout: float = 60.0,
        doubt: float = 0.0,
    ) -> None:
        self._governor = governor
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._doubt_ms = round(doubt * 1000)

    async def call(self, lane: Lane = Lane.ORDERS) -> int | None:
        """Return the status, or None when no answer came or nothing was sent."""
        intent = Intent(Purpose.CIN7_READ_SALE, lane=lane)
        async with self._governor.turn(intent) as turn:
            try:
                response = await self._transport.send(Request(method="GET", url=OURS, timeout_seconds=self._timeout))
            except NotSentError:
                turn.not_sent()
                return None
            except AnswerLostError:
                turn.lost(self._clock.now() + self._doubt_ms)
                return None
            if response.status == 429:
                turn.limited(60.0)
            return response.status

    async def call_for_ever(self, lane: Lane = Lane.ORDERS) -> None:
        while True:
            await self.call(lane)


def constant(seconds: float) -> Latency:
    """One way always takes this long."""
    return lambda: seconds


def log_normal(mean: float, sigma: float, seed: int) -> Latency:
    """One way takes `mean` seconds on average, with a long tail."""
    dice = random.Random(seed)
    return lambda: mean * dice.lognormvariate(-sigma * sigma / 2, sigma)


def spiky(base: float, spike: float, chance: float, seed: int) -> Latency:
    """One way takes `base` seconds and now and then `spike`."""
    dice = random.Random(seed)
    return lambda: spike if dice.random() < chance else base


def steady_strangers(per_minute: float) -> Latency:
    """Give the gaps of a client on a timer."""
    return constant(60.0 / per_minute)


def random_strangers(per_minute: float, seed: int) -> Latency:
    """Give the gaps of many independent clients (a Poisson process)."""
    dice = random.Random(seed)
    return lambda: dice.expovariate(per_minute / 60.0)


async def be_a_stranger(server: LimitedServer, clock: VirtualClock, gap: Latency) -> None:
    """Call with the same key for ever, whatever the answers."""
    while True:
        await clock.sleep(gap())
        server.arrive(STRANGER)


async def run_for(seconds: float, clock: VirtualClock, *jobs: Job) -> None:
    """Run endless jobs for a while, then kill them where they stand."""
    async with anyio.create_task_group() as tasks:
        for job in jobs:
            tasks.start_soon(job)
        await clock.sleep(seconds)
        tasks.cancel_scope.cancel()


def busy(client: Client, *, lanes: Sequence[Lane] = (Lane.ORDERS,), each: int = 8) -> list[Job]:
    """Make callers that keep every one of the lanes queued all the time."""
    return [_caller(client, lane) for lane, _ in itertools.product(lanes, range(each))]


def _caller(client: Client, lane: Lane) -> Job:
    async def call_for_ever() -> None:
        await client.call_for_ever(lane)

    return call_for_ever


class World:
    """A clock, a server, a network and a journal that outlive every governor."""

    def __init__(
        self,
        task_group: TaskGroup,
        *,
        latency: Latency,
        window: LimitWindow = "sliding",
        refused_calls_count: bool = True,
        max_in_flight: int = 4,
        timeout: float = 60.0,
        doubt: float = 0.0,
    ) -> None:
        self.clock = VirtualClock()  # ours, which a case may step; the server has its own
        self.server = LimitedServer(VirtualClock(), window=window, refused_calls_count=refused_calls_count)
        self.journal = MemoryJournal(self.clock)
        self.network = VirtualTransport(
            self.server.answer, task_group=task_group, clock=self.clock, latency=latency, seed=1
        )
        self._max_in_flight = max_in_flight
        self._timeout = timeout
        self._doubt = doubt

    def governor(self, **changes: object) -> Governor:
        """Make a governor as a fresh process would; it knows nothing yet."""
        settings: dict[str, object] = {
            "clock": self.clock,
            "journal": self.journal,
            "calls_per_minute": 60,
            "max_in_flight": self._max_in_flight,
            "shares": SHARES,
            "reserve": 6,
            "timeout_seconds": self._timeout + self._doubt,
            **changes,
        }
        return Governor(**settings)  # type: ignore[arg-type]

    def client(self, governor: Governor) -> Client:
        return Client(governor, self.network, self.clock, timeout=self._timeout, doubt=self._doubt)
