"""Writes messages down: for whom, by which channels, and when they may leave."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from actors.desk.messaging import notice_nudge
from actors.desk.rules import AlertRules, Channel
from actors.domain.exception_types import Severity
from actors.domain.quiet import quiet_until
from actors.domain.time import Instant
from storage import exceptions, facts, notices, outbox

UNDELIVERED = "alert_undelivered"

INCIDENTS = ("alert", "recovery", "escalation")
"""What a channel that keeps incidents of its own is told: a digest would be an incident there."""


def zone_of(connection: sqlite3.Connection, rules: AlertRules) -> tzinfo:
    """Return the connection's time zone; UTC while nobody has told it."""
    company = facts.company(connection)
    name = rules.time_zone or (company.time_zone if company is not None else "")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # none yet, unknown, or the name of a folder of zones
        return UTC


class Teller:
    """Writes messages in one commit; `zone` is whose clocks quiet hours go by."""

    def __init__(self, connection: sqlite3.Connection, rules: AlertRules, *, now: Instant) -> None:
        self._connection = connection
        self._rules = rules
        self._now = now
        self.zone = zone_of(connection, rules)
        self._quiet_until = quiet_until(rules.quiet, now=now, zone=self.zone)

    def tell(
        self,
        channels: Iterable[Channel],
        *,
        key: str,
        kind: str,
        owner: str,
        severity: str,
        title: str,
        text: str,
        alert: int | None = None,
        awaited: bool = False,
    ) -> bool:
        """Write a message for each channel; False: for none.

        A channel that keeps incidents is told of incidents alone. In quiet hours only what is critical leaves at once,
        or is `awaited`: a digest comes at the time it was asked for.
        """
        written = False
        for channel in channels:
            if channel.apart and kind not in INCIDENTS:
                continue
            urgent = awaited or severity == Severity.CRITICAL.value or self._quiet_until is None
            due_at = self._now if urgent else self._quiet_until or self._now
            if notices.write(
                self._connection,
                key=f"{key}@{channel.key}",
                kind=kind,
                owner=owner,
                channel=channel.key,
                severity=severity,
                title=" ".join(title.split()),  # a line break in an order's number would be one in a mail's head
                text=text,
                alert=alert,
                now=self._now,
                due_at=due_at,
            ):
                outbox.accept(self._connection, notice_nudge(channel.key, due_at=due_at), now=self._now)
                written = True
        return written

    def reaching(self, channels: Iterable[Channel], *, about: str) -> tuple[Channel, ...]:
        """Return the channels to tell of an exception type; that one does not work is not told through it."""
        if about != UNDELIVERED:
            return tuple(channels)
        broken = exceptions.open_ids(self._connection, "channel", UNDELIVERED)
        return tuple(channel for channel in channels if channel.key not in broken)
