"""Figures that take long are kept for a while: `KEEPS` times as long as they took.

A small shop's are never old, and a large shop's cost two hundredths of the reader's time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actors.domain.time import Clock

Document = dict[str, Any]

KEEPS = 50


class Kept:
    """Keeps what was gathered, by name. Who calls it lets one in at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Document]] = {}

    async def get(self, name: str, clock: Clock, gather: Callable[[], Awaitable[Document]]) -> Document:
        """Return what is kept, or gather it anew.

        Raises:
            Exception: whatever `gather` raises; nothing is kept then.
        """
        began = clock.monotonic()
        until, kept = self._kept.get(name, (began, {}))
        if began < until:
            return kept
        found = await gather()
        ended = clock.monotonic()
        self._kept[name] = (ended + KEEPS * (ended - began), found)
        return found
