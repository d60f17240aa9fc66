"""Virtual time and the network over memory: what a simulation rests on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from aiolimiter import AsyncLimiter
from anyio.abc import TaskGroup

from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.network import VirtualTransport
from adapters.sandbox.virtual_time import DEFAULT_START, DeadlockError, VirtualClock, run_virtual
from adapters.transport import AnswerLostError, NotSentError, Request, Response


def test_a_day_passes_at_once_on_every_kind_of_wait() -> None:
    async def day() -> tuple[float, int, bool]:
        clock = VirtualClock()
        await anyio.sleep(86_400)
        with anyio.move_on_after(10) as scope:
            await anyio.sleep_forever()
        limiter = AsyncLimiter(1, 7.0)
        for _ in range(3):
            await limiter.acquire()
        return clock.monotonic(), clock.now(), scope.cancelled_caught

    elapsed, now, gave_up = run_virtual(day)
    assert elapsed == pytest.approx(86_424.0, abs=1e-4)
    assert now == DEFAULT_START + 86_424_000
    assert gave_up


def test_the_wall_clock_can_be_stepped_without_the_monotonic_one() -> None:
    async def step() -> tuple[float, int]:
        clock = VirtualClock(start=1_000_000)
        clock.shift(-5_000)
        await clock.sleep(1)
        return clock.monotonic(), clock.now()

    assert run_virtual(step) == (1.0, 996_000)


def test_waiting_for_nobody_is_an_error_and_not_a_hung_run() -> None:
    async def wait() -> None:
        await anyio.Event().wait()

    with pytest.raises(DeadlockError, match="every task waits"):
        run_virtual(wait)


class Net:
    """A transport to a handler that notes when each request was executed."""

    def __init__(self, task_group: TaskGroup, error: Exception | None = None) -> None:
        self.executed: list[float] = []
        self.clock = VirtualClock()
        self._error = error
        self.transport = VirtualTransport(self._handle, task_group=task_group, clock=self.clock, latency=lambda: 2.0)

    async def _handle(self, request: Request) -> Response:
        self.executed.append(self.clock.monotonic())
        if self._error is not None:
            raise self._error
        return Response(status=200, body=request.body or b"")

    async def send(self, timeout: float = 60.0) -> Response:
        return await self.transport.send(Request(method="POST", url="/", body=b"x", timeout_seconds=timeout))


def with_net(case: Callable[[Net], Awaitable[None]], error: Exception | None = None) -> None:
    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            await case(Net(tasks, error))

    run_virtual(run)


def test_an_exchange_takes_both_ways() -> None:
    async def case(net: Net) -> None:
        assert (await net.send()).body == b"x"
        assert net.executed == [2.0]
        assert net.clock.monotonic() == 4.0

    with_net(case)


def test_unreachable_is_certainly_not_executed() -> None:
    async def case(net: Net) -> None:
        net.transport.reachable = False
        with pytest.raises(NotSentError):
            await net.send()
        await anyio.sleep(1_000)
        assert net.executed == []

    with_net(case)


@pytest.mark.parametrize(("timeout", "expected_at"), [(3.0, 2.0), (1.0, 2.0)])
def test_a_timeout_never_takes_the_effect_back(timeout: float, expected_at: float) -> None:
    async def case(net: Net) -> None:
        with pytest.raises(AnswerLostError):
            await net.send(timeout)
        assert net.clock.monotonic() == timeout
        await anyio.sleep(1_000)
        assert net.executed == [expected_at]

    with_net(case)


def test_a_killed_client_never_takes_the_effect_back() -> None:
    async def case(net: Net) -> None:
        with anyio.move_on_after(1.0):
            await net.send()
        assert net.executed == []
        await anyio.sleep(5)
        assert net.executed == [2.0]

    with_net(case)


def test_a_lost_answer_is_executed_and_waited_for_in_vain() -> None:
    async def case(net: Net) -> None:
        net.transport.lose_answer_chance = 1.0
        with pytest.raises(AnswerLostError):
            await net.send(30.0)
        assert net.executed == [2.0]
        assert net.clock.monotonic() == 30.0

    with_net(case)


def test_a_delayed_execution_comes_after_the_client_gave_up() -> None:
    async def case(net: Net) -> None:
        net.transport.delay_execution_chance = 1.0
        with pytest.raises(AnswerLostError):
            await net.send(30.0)
        assert net.executed == []
        await anyio.sleep(10)
        assert 32.0 <= net.executed[0] <= 37.0

    with_net(case)


def test_a_cut_connection_is_a_lost_answer_at_once() -> None:
    async def case(net: Net) -> None:
        with pytest.raises(AnswerLostError):
            await net.send()
        assert net.clock.monotonic() == 2.0

    with_net(case, DropConnectionError())


def test_a_bug_of_the_double_fails_the_world() -> None:
    async def case(net: Net) -> None:
        await net.send()

    with pytest.raises(ExceptionGroup) as failure:
        with_net(case, KeyError("books"))
    assert failure.group_contains(KeyError)
