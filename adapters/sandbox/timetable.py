"""Errands and when each is due: entered by anybody at any time, run by whoever runs the timetable."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

Errand = Callable[[], Awaitable[None]]

_SOON_MS = 1


class _Clock(Protocol):
    def now(self) -> int: ...


class Timetable:
    """A queue by time; of what is due at one instant, what was entered first goes first.

    `clock` (ms since the epoch) must pass as the running loop's time does. Up to `at_once` errands are under way.
    """

    def __init__(self, clock: _Clock, *, at_once: int = 64) -> None:
        self._clock = clock
        self._at_once = at_once
        self._entries: list[tuple[int, int, Errand]] = []
        self._entered = itertools.count()
        self._bell: anyio.Event | None = None

    def add(self, due_ms: int, errand: Errand) -> None:
        """Enter an errand."""
        heapq.heappush(self._entries, (due_ms, next(self._entered), errand))
        if self._bell is not None:
            self._bell.set()

    async def run(self) -> None:
        """Run errands as they come due, for ever."""
        seats = anyio.Semaphore(self._at_once)
        async with anyio.create_task_group() as tasks:
            while True:
                self._bell = anyio.Event()
                while self._entries and self._entries[0][0] <= self._clock.now():
                    await seats.acquire()
                    tasks.start_soon(self._run_one, heapq.heappop(self._entries)[2], seats)
                with anyio.move_on_after(self._seconds_left()):
                    await self._bell.wait()

    async def _run_one(self, errand: Errand, seats: anyio.Semaphore) -> None:
        try:
            await errand()
        finally:
            seats.release()

    def _seconds_left(self) -> float | None:
        if not self._entries:
            return None
        return max(self._entries[0][0] - self._clock.now(), _SOON_MS) / 1000
