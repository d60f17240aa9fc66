"""The network between a client and a double, over memory: latency, lost answers, late execution, outages.

The server's half of every exchange runs in the world's task group, not in the client's task. A client that is cancelled
or killed therefore never takes back what its request is about to do, which is the very thing that makes a write
ambiguous.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from adapters.sandbox.faults import DropConnectionError
from adapters.transport import AnswerLostError, NotSentError, Request, Response

Handler = Callable[[Request], Awaitable[Response]]


class NetworkClock(Protocol):
    """What the network needs of a clock."""

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


class _Exchange:
    """One request on its way: the answer, once there is one, and the event that tells so."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.response: Response | None = None
        self.over = anyio.Event()


class VirtualTransport:
    """One exchange at a time over memory; implements `adapters.transport.Transport`.

    `task_group` is the world's and must outlive every client. `latency` is asked once for the way up and once for the
    way down, in seconds. An exception of the handler other than `DropConnectionError` is a defect of the double and
    fails the world's task group.

    Knobs, changeable at any time: `reachable` (false: nothing can be sent), `lose_answer_chance` (0 to 1; executed, the
    client hears nothing until its timeout), `delay_execution_chance` and `delay_execution_seconds` (0 to 1; executed
    that much later than the client's timeout). Dice are drawn from `seed`, three per exchange, whatever the knobs say,
    so that turning one knob does not reshuffle the rest.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        task_group: TaskGroup,
        clock: NetworkClock,
        latency: Callable[[], float],
        seed: int = 0,
    ) -> None:
        self._handler = handler
        self._task_group = task_group
        self._clock = clock
        self._latency = latency
        self._random = random.Random(seed)
        self.reachable = True
        self.lose_answer_chance = 0.0
        self.delay_execution_chance = 0.0
        self.delay_execution_seconds = 5.0
        self.sent = 0
        self.lost = 0
        self.delayed = 0

    async def send(self, request: Request) -> Response:
        """Make one exchange.

        Raises:
            NotSentError: `reachable` is false.
            AnswerLostError: no answer within `request.timeout_seconds`, or the double cut the connection.
        """
        if not self.reachable:
            raise NotSentError("the other side is unreachable")
        exchange = _Exchange(request)
        self.sent += 1
        self._task_group.start_soon(self._serve, exchange)
        with anyio.move_on_after(request.timeout_seconds):
            await exchange.over.wait()
        if exchange.response is None:
            raise AnswerLostError("no complete answer")
        return exchange.response

    async def _serve(self, exchange: _Exchange) -> None:
        lose, delay, spread = (self._random.random() for _ in range(3))
        uplink, downlink = self._latency(), self._latency()
        lost = lose < self.lose_answer_chance
        if delay < self.delay_execution_chance:
            self.delayed += 1
            uplink += exchange.request.timeout_seconds + spread * self.delay_execution_seconds
        await self._clock.sleep(uplink)
        try:
            response = await self._handler(exchange.request)
        except DropConnectionError:
            exchange.over.set()
            return
        if lost:
            self.lost += 1
            return
        await self._clock.sleep(downlink)
        exchange.response = response
        exchange.over.set()
