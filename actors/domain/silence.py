"""When too little comes in to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from actors.domain.time import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LEAST_DAYS = 7
"""So many days of the past are needed before they say what is usual."""

SHARE = 10
"""Fewer than one in so many of what is usual is silence."""


DAYS = 28
WEEK = 7


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """The same hour of an earlier day: it ends at `end`, so many `days` ago."""

    days: int
    end: Instant


def same_hours(end: Instant, zone: tzinfo) -> tuple[Hour, ...]:
    """Return the end of the same hour by the clock on the wall on each of the last 28 days."""
    wall = (EPOCH + timedelta(milliseconds=end)).astimezone(zone)
    return tuple(
        Hour(days=days, end=(wall - timedelta(days=days) - EPOCH) // timedelta(milliseconds=1))
        for days in range(1, DAYS + 1)
    )


def is_silent(count: int, history: Sequence[int], *, weekdays: Sequence[int] = (), floor: int = 0) -> bool:
    """Say whether a count is silence: below a tenth of the median of the same hour in the past, or below a floor.

    `history` are the counts of the same hour on earlier days (any order); with fewer than seven only the floor judges.
    `weekdays` are those of the same day of the week: a shop that sleeps on Sundays is not silent on a Sunday.
    """
    if count < floor:
        return True
    return len(history) >= LEAST_DAYS and _is_little(count, history) and (not weekdays or _is_little(count, weekdays))


def _is_little(count: int, history: Sequence[int]) -> bool:
    # Twice the median is whole, also between two counts.
    ordered, middle = sorted(history), len(history) // 2
    return 2 * SHARE * count < ordered[middle] + ordered[~middle]
