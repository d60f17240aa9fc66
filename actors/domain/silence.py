"""When too little comes in to be believed."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_DAYS = 7
"""So many days of the past are needed before they say what is usual."""

SHARE = 10
"""Fewer than one in so many of what is usual is silence."""


def is_silent(count: int, history: Sequence[int], *, floor: int = 0) -> bool:
    """Say whether a count is silence: below a tenth of the median of the same hour in the past, or below a floor.

    `history` are the counts of the same hour on earlier days (any order); with fewer than seven only the floor judges.
    """
    if count < floor:
        return True
    if len(history) < LEAST_DAYS:
        return False
    # Twice the median is whole, also between two counts.
    ordered, middle = sorted(history), len(history) // 2
    twice = ordered[middle] + ordered[~middle]
    return 2 * SHARE * count < twice
