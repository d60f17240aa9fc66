"""Wakes whoever waits for work: rung after every commit that may have made a nudge due."""

from __future__ import annotations

import anyio


class Bell:
    """Rings are not counted; a ring nobody heard yet is heard by the next wait."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Wait for a ring, at most so long (None: as long as it takes)."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        if self._event.is_set():
            self._event = anyio.Event()
