"""The allowance: how many calls a minute we take when someone else uses the same key.

Nobody tells us what strangers leave. A limit answer does, afterwards: what we had in the window then was too much. The
allowance drops below that level, comes back quickly at first, lingers just under it, and only then probes upward, the
faster the longer nothing happens: a cubic in time, as in TCP CUBIC (RFC 9438 §4.1). Strangers that stay cost a limit
answer every ten minutes or so; strangers that leave give everything back in under half an hour. Every limit
answer pauses all calls (fact sheet §1.3: wait what Retry-After says), so rare ones matter more than a bold level.

A client that goes on at its rate after a limit answer may lock itself out for good if refused calls count. A client
that only ever lowers its allowance does it to itself. So there is a floor, and the way back up needs nothing but time.
"""

from __future__ import annotations

DROP = 0.12
"""Part of the level at a limit answer that is given up."""

PLATEAU_SECONDS = 600.0
"""Time from a limit answer until the level of it is reached again."""

MAX_PAUSE_SECONDS = 120.0
MIN_PAUSE_SECONDS = 1.0

_DEEPEST_CUT = 0.5  # one answer never takes more than half: our window may have been nearly empty by chance
_FLOOR = 0.1


class Allowance:
    """The cap on calls in the window, at most `limit`. Seconds are those of one monotonic clock."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("the limit is at least one call a minute")
        self._limit = limit
        self._floor = max(1, int(limit * _FLOOR))
        self._level: float | None = None  # what we had at the last limit answer; None before the first
        self._depth = 0.0
        self._since = 0.0
        self._paused_until = 0.0
        self._incident_at: float | None = None

    @property
    def limit(self) -> int:
        """What the configuration grants."""
        return self._limit

    def cap(self, now: float) -> int:
        """Return how many calls may count in the window now."""
        if self._level is None:
            return self._limit
        progress = (now - self._since) / PLATEAU_SECONDS - 1.0
        raw = self._level + self._depth * progress**3
        if raw >= self._limit:
            self._level = None
            return self._limit
        return max(self._floor, int(raw))

    def paused_until(self, now: float) -> float | None:
        """Return the instant before which nothing is sent, or None."""
        return self._paused_until if now < self._paused_until else None

    def limited(self, *, now: float, sent_at: float, in_window: int, retry_after_seconds: float) -> bool:
        """Take in a limit answer to a call sent at `sent_at`; return False if it tells nothing new.

        Calls that overlap are refused together: one incident, one pause, one step down.
        """
        if self._incident_at is not None and sent_at <= self._incident_at:
            return False
        before = self.cap(now)
        level = max(float(min(in_window, before)), before * _DEEPEST_CUT)
        self._level = level
        self._depth = max(level * DROP, self._limit * DROP / 2)  # never 0, or the cubic would stand still
        self._since = now
        self._incident_at = now
        pause = min(MAX_PAUSE_SECONDS, max(MIN_PAUSE_SECONDS, retry_after_seconds))
        self._paused_until = now + pause
        return True
