"""Budgets, backoff, who may end the process, and how one that was stopped comes back. On virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from daemon.supervisor import BACKOFF_SECONDS, ChildSpec, Supervisor, UnfitError


class Child:
    """Crashes as often as told, `lives` seconds after each start, then runs until the end."""

    def __init__(self, clock: VirtualClock, *, crashes: int = 0, lives: float = 0.0) -> None:
        self.clock = clock
        self.crashes = crashes
        self.lives = lives
        self.starts: list[float] = []
        self.end = anyio.Event()

    async def run(self) -> None:
        self.starts.append(round(self.clock.monotonic(), 3))
        if self.crashes:
            self.crashes -= 1
            await self.clock.sleep(self.lives)
            raise LookupError("crashed")
        await self.end.wait()


class Run:
    """A supervisor over the children a test names."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.stopped: list[tuple[str, str]] = []
        self.logged: list[dict[str, object]] = []
        self.children: dict[str, Child] = {}
        self.specs: list[ChildSpec] = []

    def child(self, name: str, *, crashes: int = 0, lives: float = 0.0, **spec: Any) -> Child:
        child = Child(self.clock, crashes=crashes, lives=lives)
        self.children[name] = child
        self.specs.append(ChildSpec(name=name, start=child.run, **spec))
        return child

    def supervisor(self) -> Supervisor:
        async def on_stopped(name: str, error: BaseException) -> None:
            self.stopped.append((name, type(error).__name__))

        def log(event: str, **fields: object) -> None:
            self.logged.append({"event": event, **fields})

        return Supervisor(self.specs, clock=self.clock, on_stopped=on_stopped, log=log)


def supervised(case: Callable[[Run], Awaitable[None]]) -> None:
    async def run() -> None:
        await case(Run(VirtualClock()))

    run_virtual(run)


async def play(run: Run, seconds: float, then: Callable[[Supervisor], Awaitable[None]] | None = None) -> Supervisor:
    supervisor = run.supervisor()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        await run.clock.sleep(seconds)
        if then is not None:
            await then(supervisor)
        tasks.cancel_scope.cancel()
    return supervisor


def test_a_child_that_crashes_is_started_again_after_a_growing_pause() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=4)
        other = run.child("intake")
        supervisor = await play(run, 30)
        first, second, third, fourth = BACKOFF_SECONDS
        expected = [0.0, first, first + second, first + second + third, first + second + third + fourth]
        assert child.starts == [pytest.approx(each) for each in expected]
        assert other.starts == [0.0]
        assert run.stopped == []
        assert supervisor.state("orders") in ("running", "restarting")
        assert [entry["child"] for entry in run.logged] == ["orders"] * 4

    supervised(case)


def test_past_its_budget_a_flow_is_stopped_and_told_while_the_others_go_on() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=99)
        other = run.child("intake")

        async def then(supervisor: Supervisor) -> None:
            assert supervisor.state("orders") == "stopped"
            assert supervisor.state("intake") == "running"

        await play(run, 600, then)
        assert len(child.starts) == 1 + 5
        assert run.stopped == [("orders", "LookupError")]
        assert other.starts == [0.0]

    supervised(case)


@pytest.mark.parametrize(("restarts", "starts"), [(0, 1), (1, 2), (3, 4)])
def test_the_budget_is_what_the_child_says(restarts: int, starts: int) -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=99, max_restarts=restarts)
        await play(run, 600)
        assert len(child.starts) == starts

    supervised(case)


def test_crashes_that_are_long_past_do_not_count() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=50, lives=20, within_seconds=60)
        await play(run, 1500)
        assert child.crashes == 0
        assert len(child.starts) == 51
        assert run.stopped == []

    supervised(case)


def test_past_its_budget_a_critical_child_ends_the_process() -> None:
    async def case(run: Run) -> None:
        run.child("governor", crashes=99, critical=True)
        other = run.child("orders")
        with pytest.raises(ExceptionGroup) as ended:
            await run.supervisor().run()
        [error] = ended.value.exceptions
        assert isinstance(error, UnfitError)
        assert "governor" in str(error)
        assert isinstance(error.__cause__, LookupError)
        assert len(run.children["governor"].starts) == 6
        assert other.starts == [0.0]
        assert run.stopped == []

    supervised(case)


def test_a_stopped_child_is_revived_with_a_fresh_budget() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=8)
        run.child("intake")

        async def then(supervisor: Supervisor) -> None:
            assert not supervisor.revive("intake")
            assert len(child.starts) == 6
            assert supervisor.revive("orders")
            await run.clock.sleep(60)
            assert supervisor.state("orders") == "running"
            assert len(child.starts) == 9
            assert not supervisor.revive("orders")

        await play(run, 600, then)
        assert run.stopped == [("orders", "LookupError")]

    supervised(case)


def test_a_revived_child_that_goes_on_crashing_is_stopped_again() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=99)

        async def then(supervisor: Supervisor) -> None:
            supervisor.revive("orders")
            await run.clock.sleep(600)
            assert supervisor.state("orders") == "stopped"

        await play(run, 600, then)
        assert len(child.starts) == 12
        assert run.stopped == [("orders", "LookupError")] * 2

    supervised(case)


@pytest.mark.parametrize("seconds", [0.05, 3.0, 600.0], ids=["in its first pause", "in a later pause", "stopped"])
def test_closed_it_restarts_nothing_and_returns_once_its_children_have(seconds: float) -> None:
    async def case(run: Run) -> None:
        crashing = run.child("orders", crashes=99)
        running = run.child("intake")
        supervisor = run.supervisor()
        returned: list[float] = []

        async def live() -> None:
            await supervisor.run()
            returned.append(run.clock.monotonic())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(live)
            await run.clock.sleep(seconds)
            starts = len(crashing.starts)
            supervisor.close()
            await run.clock.sleep(10)
            assert returned == []
            running.end.set()
        assert returned == [pytest.approx(seconds + 10)]
        assert len(crashing.starts) == starts

    supervised(case)


def test_a_child_that_crashes_while_everything_closes_is_over() -> None:
    async def case(run: Run) -> None:
        child = run.child("orders", crashes=1, lives=5)
        supervisor = run.supervisor()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            await run.clock.sleep(1)
            supervisor.close()
        assert child.starts == [0.0]
        assert run.stopped == []

    supervised(case)


def test_a_child_that_returns_is_not_started_again() -> None:
    async def case(run: Run) -> None:
        child = run.child("lease")
        child.end.set()
        with anyio.fail_after(1):
            await run.supervisor().run()
        assert child.starts == [0.0]

    supervised(case)


def test_being_told_that_fails_ends_the_process_rather_than_passing_in_silence() -> None:
    async def case(run: Run) -> None:
        run.child("orders", crashes=99)

        async def on_stopped(name: str, error: BaseException) -> None:
            raise UnfitError("nothing can be written")

        supervisor = Supervisor(run.specs, clock=run.clock, on_stopped=on_stopped)
        with pytest.raises(ExceptionGroup) as ended:
            await supervisor.run()
        assert isinstance(ended.value.exceptions[0], UnfitError)

    supervised(case)
