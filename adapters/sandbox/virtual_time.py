"""An event loop on virtual time: a day of waiting passes in the blink it takes to compute it.

The loop never sleeps. When nothing is ready, its clock jumps to the next timer; file descriptors are still polled, but
without waiting. When nothing is ready and no timer exists, nobody can ever wake anybody: that is a `DeadlockError`
instead of a hung run. `anyio.sleep`, `anyio.move_on_after`, `asyncio.wait_for` and `aiolimiter` all read the loop's
clock and need nothing more.

Worker threads and network peers live on the real clock, which this loop does not wait for while it has a timer to jump
to: keep both out of a virtual run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")

DEFAULT_START = 1_796_083_200_000
"""2026-12-01T00:00:00Z in milliseconds since the epoch."""

_DEADLOCK_GRACE_SECONDS = 1.0  # real seconds a stray thread or socket gets to wake the loop before we call it dead
_STANDING_STILL = 10  # times in a row that only timers of this very instant fired before the clock is nudged
_NUDGE_SECONDS = 1e-6


class DeadlockError(RuntimeError):
    """Every task waits and no timer will ever fire."""


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves its loop's clock forward where another would block."""

    def __init__(self, has_ready: Callable[[], bool]) -> None:
        self._inner = selectors.DefaultSelector()
        self._has_ready = has_ready
        self.now = 0.0
        self._still = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 and self._has_ready():
            return []  # somebody can go on: the outside is asked once nobody can
        ready = self._inner.select(0)
        if ready:
            return ready
        if timeout is None:
            return self._wait_for_the_outside()
        if timeout > 0:
            self.now += timeout
            self._still = 0
            return []
        if not self._has_ready():
            self._count_a_timer_of_this_instant()
        return []

    def _count_a_timer_of_this_instant(self) -> None:
        # Rounding can make somebody re-arm a timer at this very instant again and again (aiolimiter does). Real time
        # would move on by itself.
        self._still += 1
        if self._still >= _STANDING_STILL:
            self.now += _NUDGE_SECONDS
            self._still = 0

    def _wait_for_the_outside(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(_DEADLOCK_GRACE_SECONDS)
        if ready:
            return ready
        raise DeadlockError(f"virtual time {self.now:.3f} s: every task waits and no timer is set")

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` starts at 0.0 s and advances only when every task waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector(self._has_ready)
        super().__init__(self._jumping)

    def _has_ready(self) -> bool:
        return bool(self._ready)  # type: ignore[attr-defined]  # the loop's own list of callbacks to run now

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jumping.now


class VirtualClock:
    """Wall time, monotonic time and waiting on the running virtual loop (the shape of a clock the daemon is given).

    Readable only while a loop runs.
    """

    def __init__(self, start: int = DEFAULT_START) -> None:
        """Let the wall clock show `start` (milliseconds since the epoch) at loop time 0."""
        self._start = start

    def now(self) -> int:
        """Return the wall clock's instant in milliseconds since the epoch."""
        return self._start + round(asyncio.get_running_loop().time() * 1000)

    def monotonic(self) -> float:
        """Return the loop's time in seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait that many virtual seconds."""
        await anyio.sleep(seconds)

    def shift(self, milliseconds: int) -> None:
        """Step the wall clock (not the monotonic one), as an administrator or a time server would."""
        self._start += milliseconds


def run_virtual(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` to its end on a new virtual loop and return its result.

    Raises:
        DeadlockError: every task waits and no timer is set.
    """
    return anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualLoop})
