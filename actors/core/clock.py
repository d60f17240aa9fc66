"""The machine's clock. A simulated run hands in another one of the same shape (`actors.domain.time.Clock`)."""

from __future__ import annotations

import time

import anyio

from actors.domain.time import Instant


class SystemClock:
    """Wall time from the system, waiting on the event loop."""

    def now(self) -> Instant:
        """Return milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)
