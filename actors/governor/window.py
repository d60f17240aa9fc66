"""The exact log: how many calls the other side may have seen in its last 60 s (performance.md, "The rate governor").

A call counts from the moment it is granted, all the time it is in flight, and for 60 s and a margin after its *end*,
the moment its answer had arrived. Proof that this is enough: the other side saw call `i` between its start and its end,
and a call starts only when fewer than `cap` others count, so of any `cap + 1` calls in order of start the last starts
at least 60 s after some earlier one was over, hence is seen more than 60 s after it. That holds for every window,
sliding or fixed, whatever the latency does, and compares no two clocks; only their rates matter, and the margin covers
500 ppm.

Seconds here are those of one monotonic clock. Only `restore` meets the wall clock, because a restart has nothing else.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

from actors.domain.time import Instant
from actors.governor.journal import LoggedCall

SPAN_SECONDS = 60.0
MARGIN_SECONDS = 0.03
"""500 ppm of 60 s: how far two clocks' rates may differ (performance.md)."""

CLOCK_TOLERANCE_MS = 1_000
"""A restart forgives a wall clock stepped by this much while nobody looked: restored calls count so much longer."""

_COMPACT_AT = 256


class Window:
    """What counts now. Adding and forgetting a call is amortised O(1); an end out of order costs O(log n) to place."""

    def __init__(self, *, span: float = SPAN_SECONDS, margin: float = MARGIN_SECONDS) -> None:
        self._hold = span + margin
        self._in_flight = 0
        self._releases: list[float] = []  # ascending; those before `_first` are forgotten
        self._first = 0

    @property
    def in_flight(self) -> int:
        """Calls begun and not over."""
        return self._in_flight

    def begin(self) -> None:
        """Count a call from now on."""
        self._in_flight += 1

    def end(self, at: float) -> None:
        """Note that a call in flight is over, or will be at the latest at `at` (no answer came; it may be later)."""
        self._leave_flight()
        self._release(at + self._hold)

    def withdraw(self) -> None:
        """Forget a call in flight: it certainly never left."""
        self._leave_flight()

    def in_window(self, now: float) -> int:
        """Return how many calls count."""
        self._forget(now)
        return self._in_flight + len(self._releases) - self._first

    def free(self, now: float, cap: int) -> int:
        """Return how many calls may begin now; never negative."""
        return max(0, cap - self.in_window(now))

    def next_free_at(self, now: float, cap: int) -> float | None:
        """Return when a call may begin if nothing else begins or ends; None if only the end of a call can tell."""
        surplus = self.in_window(now) - cap
        if surplus < 0:
            return now
        index = self._first + surplus
        return self._releases[index] if index < len(self._releases) else None

    def restore(self, calls: Sequence[LoggedCall], *, now: float, wall_now: Instant, timeout_ms: int) -> bool:
        """Take over what an earlier process did; return False if its log cannot belong to this clock.

        A call with an end counts from there, a call without one from the last moment it may still be seen
        (`sent_at + timeout_ms`); both may lie ahead. A call *sent* later than now means that the clock went back; then
        nothing was taken over and the window must be filled (`fill`). A clock that went back less far than the newest
        call is old makes calls look younger, which errs on the safe side.
        """
        if any(call.sent_at > wall_now + CLOCK_TOLERANCE_MS for call in calls):
            return False
        for call in calls:
            end = call.sent_at + timeout_ms if call.ended_at is None else call.ended_at
            age = (wall_now - end - CLOCK_TOLERANCE_MS) / 1000
            self._release(now - age + self._hold)
        self._forget(now)
        return True

    def fill(self, *, now: float, cap: int, in_flight: int, timeout_ms: int) -> None:
        """Assume the worst an unknown log can hide: `cap` calls until now, `in_flight` of them still to be seen."""
        late = min(cap, in_flight)
        for _ in range(cap - late):
            self._release(now + self._hold)
        for _ in range(late):
            self._release(now + timeout_ms / 1000 + self._hold)

    def _leave_flight(self) -> None:
        if self._in_flight == 0:
            raise ValueError("no call is in flight")
        self._in_flight -= 1

    def _release(self, at: float) -> None:
        if not self._releases or at >= self._releases[-1]:
            self._releases.append(at)
            return
        insort(self._releases, at, lo=self._first)

    def _forget(self, now: float) -> None:
        while self._first < len(self._releases) and self._releases[self._first] <= now:
            self._first += 1
        if self._first >= _COMPACT_AT:
            del self._releases[: self._first]
            self._first = 0
