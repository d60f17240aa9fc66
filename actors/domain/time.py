"""Instants: whole milliseconds since the epoch, UTC.

Both APIs give timestamps of millisecond precision or finer; an integer sorts, subtracts and stores without surprise.
Nothing here reads a clock: `Clock` is only the shape of one, handed in from outside so that a run can be virtual.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

Instant = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


class Clock(Protocol):
    """Wall time, monotonic time and waiting, all from one source."""

    def now(self) -> Instant:
        """Return the wall clock's instant (it may step backwards; see `monotonic`)."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""
        ...


def parse_instant(text: str) -> Instant:
    """Read an ISO-8601 timestamp: 0 to 7 fractional digits, with or without a zone (none means UTC).

    Raises:
        ValueError: the text is no timestamp.
    """
    shortened = _FRACTION.sub(lambda match: "." + match.group(1).ljust(6, "0"), text.strip())
    moment = datetime.fromisoformat(shortened)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def format_instant(instant: Instant) -> str:
    """Write `2026-11-23T10:15:30.123Z`, the form commercetools documents."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"


def date_in_zone(instant: Instant, zone: tzinfo) -> date:
    """Return the calendar day an instant falls on in a zone: the posting date of an order."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)).astimezone(zone).date()
