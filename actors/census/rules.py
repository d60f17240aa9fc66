"""Pure rules of the census: how often lists are read, where spans of orders end, and when it is midnight."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from actors.domain.time import Instant, date_in_zone

MINUTE = 60_000
DAY = 86_400_000
PAGE = 1000
"""Rows a page of Cin7's lists may have."""
SPAN = 5_000
"""Orders a span may hold by our own count: commercetools counts no further than 10,000."""
LISTED = 500
"""Orders a page of commercetools' list may have."""


class CensusRules(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in milliseconds. `since` is `[orders] since`: what is older is counted on neither side.

    `sweep` and `overlap`: how often the sales that moved are read, and how much of the time before again; `pause`: the
    least time between two such passes, however many webhooks come. `margin`: what moved later than so long before a
    list was read is judged the next time. `webhooks`: how often they are looked at, and how often one is written at
    most; `timeout`: the longest a call to Cin7 may take; `quiet`: how long after that its effect may take to show;
    `public_url` "": webhooks are none of ours to look after. `shadow`: nothing is written, and no sale is expected to
    be ours.
    """

    since: Instant
    sweep: int = MINUTE
    overlap: int = 5 * MINUTE
    pause: int = 3_000
    credit_notes: int = 5 * MINUTE
    census: int = 60 * MINUTE
    margin: int = 2 * MINUTE
    webhooks: int = 60 * MINUTE
    timeout: int = 60_000
    quiet: int = 60_000
    public_url: str = ""
    shadow: bool = False

    @property
    def created_since(self) -> Instant:
        """From when on Cin7's sales are listed: a day early, since its clock and its days are its own."""
        return max(0, self.since - DAY)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Orders created from `start` on and before `end`; `listed`: told apart by id, not only counted."""

    start: Instant
    end: Instant
    listed: bool


def spans(since: Instant, end: Instant, cuts: Sequence[Instant], *, whole: bool) -> tuple[Span, ...]:
    """Divide the time from `since` to `end` at the cuts. The last day is always listed; with `whole` everything is."""
    if end <= since:
        return ()
    youngest = max(since, end - DAY)
    edges = sorted({since, youngest, end, *(cut for cut in cuts if since < cut < end)})
    return tuple(
        Span(start=start, end=stop, listed=whole or start >= youngest) for start, stop in itertools.pairwise(edges)
    )


def pages(rows: int) -> int:
    """Return how many pages so many rows of Cin7's lists are."""
    return -(-rows // PAGE)


def is_much(rows: int, of: int) -> bool:
    """Say whether so many rows are more than one answer of Cin7's is believed about: 20, and 2 % of all."""
    return rows > 20 and rows * 50 > of


def next_midnight(now: Instant, zone: tzinfo) -> Instant:
    """Return the first whole minute of the next day of the books."""
    today, at = date_in_zone(now, zone), now - now % MINUTE + MINUTE
    # A day has 23 to 25 hours where clocks are changed: the minute is looked for, half a day at a time.
    step = 720
    while step:
        while date_in_zone(at + (step - 1) * MINUTE, zone) == today:
            at += step * MINUTE
        step //= 2
    return at
