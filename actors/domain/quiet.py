"""When nobody is to be disturbed: quiet hours by the clock on the wall, and the next time a clock shows something."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec

from actors.domain.time import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY_MINUTES = 24 * 60


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """A span of every day, in minutes after midnight; `end` before `start` is on the next day."""

    start: int
    end: int

    def hold(self, minute: int) -> bool:
        """Say whether a minute of the day is within."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time."""

    starts_at: Instant
    ends_at: Instant


def minute_of(text: str) -> int:
    """Read `HH:MM` as minutes after midnight."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def on_the_wall(instant: Instant, zone: tzinfo) -> datetime:
    """Return what a clock in the zone shows."""
    return (EPOCH + timedelta(milliseconds=instant)).astimezone(zone)


def instant_of(day: date, minute: int, zone: tzinfo) -> Instant:
    """Return when a clock in the zone shows this on a day; a time that is skipped in spring is as much later."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return (wall.astimezone(UTC) - EPOCH) // MILLISECOND


def next_at(minute: int, *, now: Instant, zone: tzinfo) -> Instant:
    """Return the next instant, after now, at which a clock in the zone shows this."""
    today = on_the_wall(now, zone).date()
    found = instant_of(today, minute, zone)
    return found if found > now else instant_of(today + timedelta(days=1), minute, zone)


def quiet_until(hours: Hours | None, *, now: Instant, zone: tzinfo) -> Instant | None:
    """Return when the quiet hours that are now end; None: they are not now."""
    if hours is None:
        return None
    wall = on_the_wall(now, zone)
    if not hours.hold(wall.hour * 60 + wall.minute):
        return None
    if wall.fold:  # the hour that comes twice in autumn: its second end counts, and not that of tomorrow
        again = wall.replace(hour=hours.end // 60, minute=hours.end % 60, second=0, microsecond=0)
        end = (again.astimezone(UTC) - EPOCH) // MILLISECOND
        if end > now:
            return end
    return next_at(hours.end, now=now, zone=zone)
