"""Keeps children running: children as data, restart budgets, backoff.

Past its budget a *flow* is stopped and alarmed while the others go on. A *critical* child (storage, dispatcher,
governor) past its budget ends the process, and systemd starts it again: the outermost supervisor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from actors.core.actor import Log, no_log
from actors.core.failure import place_of
from actors.domain.time import Clock

BACKOFF_SECONDS = (0.1, 0.5, 2.0, 5.0)
"""Waits before the first, second, … restart within the budget's window."""


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """One child. It may crash `max_restarts` times within `within_seconds` and is started again each time."""

    name: str
    start: Callable[[], Awaitable[None]]
    critical: bool = False
    max_restarts: int = 5
    within_seconds: float = 60.0


class UnfitError(Exception):
    """The process cannot go on: a critical child crashed more often than its budget allows."""


@dataclass
class _Child:
    spec: ChildSpec
    crashes: deque[float] = field(default_factory=deque)
    running: bool = False
    stopped: bool = False
    revive: anyio.Event = field(default_factory=anyio.Event)


class Supervisor:
    """Runs its children until each has returned."""

    def __init__(
        self,
        children: list[ChildSpec],
        *,
        clock: Clock,
        on_stopped: Callable[[str, BaseException], Awaitable[None]],
        log: Log = no_log,
    ) -> None:
        self._children = {spec.name: _Child(spec) for spec in children}
        self._clock = clock
        self._on_stopped = on_stopped
        self._log = log
        self._closing = False

    async def run(self) -> None:
        """Start every child and keep it running. Raises `UnfitError` when a critical one is out of budget."""
        async with anyio.create_task_group() as tasks:
            for child in self._children.values():
                tasks.start_soon(self._keep, child)

    def close(self) -> None:
        """Restart nothing more: a child that returns or crashes from now on is over."""
        self._closing = True
        for child in self._children.values():
            child.revive.set()

    def state(self, name: str) -> str:
        """`running`, `restarting` or `stopped`."""
        child = self._children[name]
        if child.stopped:
            return "stopped"
        return "running" if child.running else "restarting"

    def revive(self, name: str) -> bool:
        """Start a stopped child again with a fresh budget; False when it is not stopped."""
        child = self._children[name]
        if not child.stopped:
            return False
        child.crashes.clear()
        child.revive.set()
        return True

    async def _keep(self, child: _Child) -> None:
        while not self._closing:
            error = await self._run_once(child)
            if error is None or self._closing:
                return
            self._log("child.crashed", level="error", child=child.spec.name, error=place_of(error.__cause__ or error))
            if self._within_budget(child):
                await self._clock.sleep(BACKOFF_SECONDS[min(len(child.crashes), len(BACKOFF_SECONDS)) - 1])
                continue
            if child.spec.critical:
                raise UnfitError(f"{child.spec.name} crashed {len(child.crashes)} times") from error
            await self._stop(child, error)

    async def _run_once(self, child: _Child) -> BaseException | None:
        child.running = True
        try:
            await child.spec.start()
        except anyio.get_cancelled_exc_class():
            raise
        except Exception as error:
            return error
        finally:
            child.running = False
        return None

    def _within_budget(self, child: _Child) -> bool:
        now = self._clock.monotonic()
        child.crashes.append(now)
        while child.crashes and child.crashes[0] <= now - child.spec.within_seconds:
            child.crashes.popleft()
        return len(child.crashes) <= child.spec.max_restarts

    async def _stop(self, child: _Child, error: BaseException) -> None:
        child.stopped = True
        child.revive = anyio.Event()
        await self._on_stopped(child.spec.name, error)
        await child.revive.wait()
        child.stopped = False
