"""When to ask again: one published schedule, jittered so that many waiters do not knock together."""

from __future__ import annotations

import random

from actors.domain.time import Instant

SCHEDULE_SECONDS = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Waits after the first, second, … failure; the last one repeats."""

LIMITED_SECONDS = 1.0
"""After a limit answer the governor itself waits; the nudge only has to come back."""

CONFLICT_SECONDS = 0.2
"""After somebody else's write: read again and decide again, soon."""

UNAUTHORISED_SECONDS = 60.0
"""With refused credentials: until a person mends them."""


def due_after(tries: int, *, now: Instant, chance: random.Random) -> Instant:
    """Return when to try again after `tries` failures so far (0 for the first), with ±20 % of jitter."""
    seconds = SCHEDULE_SECONDS[min(tries, len(SCHEDULE_SECONDS) - 1)]
    return now + int(seconds * 1000 * chance.uniform(0.8, 1.2))
