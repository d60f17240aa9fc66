"""The rate limit of Cin7 Core as an outsider meets it, and the log a test judges it by.

Counted per application key at the instant a call *arrives* (fact sheet §1.3). What Cin7 really uses, a rolling or a
fixed window, is not settled, so both are here; a law must hold in either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

WINDOW_MS = 60_000

LimitWindow = Literal["sliding", "fixed"]


class Call(msgspec.Struct):
    """One call that reached the double. `status` is None while it runs, and stays so when its answer is never given."""

    arrived_ms: int
    operation: str
    key: str
    status: int | None = None
    limited: bool = False


class WorstWindow(msgspec.Struct, frozen=True):
    """The most calls any 60 seconds saw: half-open windows starting anywhere, and windows of the clock's minute."""

    sliding: int
    fixed: int


class Allowance:
    """What is left of the limit, per key. A call exactly 60 s after another is not in its window."""

    def __init__(self, *, limit: int, window: LimitWindow, refused_calls_count: bool) -> None:
        self.limit = limit
        self._window = window
        self._refused_calls_count = refused_calls_count
        self._counted: dict[str, deque[int]] = {}

    def take(self, key: str, arrived_ms: int) -> bool:
        """Count a call that arrived now; False when it is over the limit."""
        counted = self._counted.setdefault(key, deque())
        self._forget(counted, arrived_ms)
        granted = len(counted) < self.limit
        if granted or self._refused_calls_count:
            counted.append(arrived_ms)
        return granted

    def _forget(self, counted: deque[int], now_ms: int) -> None:
        oldest = now_ms - WINDOW_MS + 1 if self._window == "sliding" else now_ms - now_ms % WINDOW_MS
        while counted and counted[0] < oldest:
            counted.popleft()


def worst_window(calls: Iterable[Call]) -> WorstWindow:
    """Find the busiest 60 seconds of a log; calls of different keys are counted apart."""
    arrivals: dict[str, list[int]] = {}
    for call in calls:
        arrivals.setdefault(call.key, []).append(call.arrived_ms)
    lists = [sorted(instants) for instants in arrivals.values()]
    return WorstWindow(
        sliding=max((_busiest_sliding(instants) for instants in lists), default=0),
        fixed=max((_busiest_fixed(instants) for instants in lists), default=0),
    )


def _busiest_sliding(instants: list[int]) -> int:
    first = busiest = 0
    for last, instant in enumerate(instants):
        while instants[first] <= instant - WINDOW_MS:
            first += 1
        busiest = max(busiest, last - first + 1)
    return busiest


def _busiest_fixed(instants: list[int]) -> int:
    minutes: dict[int, int] = {}
    for instant in instants:
        minutes[instant // WINDOW_MS] = minutes.get(instant // WINDOW_MS, 0) + 1
    return max(minutes.values())
