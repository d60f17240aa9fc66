"""What comes in at the same time is written down together: one unit of work for all who wait.

There is no timer. The first who comes commits at once; whoever comes meanwhile waits, and one of them then commits for
all of those. So the writer does few large things instead of many small ones, and nobody waits longer than for the
commit under way and their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class _Waiting(Generic[T]):
    __slots__ = ("done", "error", "item", "woken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.woken = anyio.Event()
        self.done = False
        self.error: Exception | None = None


class Gathering(Generic[T]):
    """Hands items to `commit` in groups. `abandoned` makes the error of those whose group's commit was cut off."""

    def __init__(self, commit: Callable[[list[T]], Awaitable[None]], *, abandoned: Callable[[], Exception]) -> None:
        self._commit = commit
        self._abandoned = abandoned
        self._waiting: list[_Waiting[T]] = []
        self._busy = False

    async def add(self, item: T) -> None:
        """Return once the item is committed; raise what its group's commit raised."""
        mine = _Waiting(item)
        self._waiting.append(mine)
        if self._busy:
            await self._woken(mine)
        if not mine.done:
            await self._commit_all()
        if mine.error is not None:
            raise mine.error

    async def _woken(self, mine: _Waiting[T]) -> None:
        """Wait until the item is committed, or until it is its turn to commit for all who wait."""
        try:
            await mine.woken.wait()
        except BaseException:
            if not mine.done:
                self._waiting.remove(mine)
                if mine.woken.is_set():
                    self._next()
            raise

    async def _commit_all(self) -> None:
        self._busy = True
        group, self._waiting = self._waiting, []
        error: Exception | None = self._abandoned()
        try:
            await self._commit([waiting.item for waiting in group])
            error = None
        except Exception as raised:
            error = raised
        finally:
            for waiting in group:
                waiting.done, waiting.error = True, error
                waiting.woken.set()
            self._next()

    def _next(self) -> None:
        """Let the first who waits commit for all of them; nobody is busy where nobody waits."""
        self._busy = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()
