"""Writes each owner's digest once a day, and finance's once a month (subject `digest`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import NamedTuple

from actors.core.actor import Done, Later, Outcome, Surroundings
from actors.desk.alerting import example_of
from actors.desk.rules import AlertRules
from actors.desk.telling import Teller, zone_of
from actors.domain import digest
from actors.domain.digest import MOST_CAUSES, Cause, Month
from actors.domain.exception_types import Owner, Severity
from actors.domain.quiet import instant_of, next_at, on_the_wall
from actors.domain.time import Instant
from actors.messages import Flow, Nudge
from storage import alerts, audit, maintenance

LATE_DAYS = 7
"""So many days into a month the one before is still reported on, after a daemon that was down on the first."""

MonthFigures = Callable[[str], Awaitable[Month | None]]
"""Reads the figures of a month (`2026-11`), or None while they cannot be told."""


class Digest(NamedTuple):
    """An owner's digest as it is sent, and the causes in it."""

    title: str
    text: str
    causes: list[Cause]


def digest_of(connection: sqlite3.Connection, rules: AlertRules, owner: str, *, now: Instant) -> Digest:
    """Return what an owner's digest would say now."""
    theirs = [incident for incident in alerts.incidents(connection, now=now) if incident.owner == owner]
    theirs.sort(key=lambda incident: (-incident.total, incident.opened_at))
    causes = []
    for place, incident in enumerate(theirs):
        example = example_of(connection, incident.example) if place < MOST_CAUSES else None
        causes.append(Cause(incident, example.cause if example is not None else ""))
    zone = zone_of(connection, rules)
    title, text = digest.daily(
        causes,
        owner=owner,
        name=rules.names.get(owner, owner),
        now=now,
        zone=zone,
        base=rules.base,
        audit_head=audit.head(connection) if owner == Owner.IT.value else "",
    )
    return Digest(title, text, causes)


class DigestWorker:
    """Writes digests when it is time."""

    name = "digest"

    def __init__(self, around: Surroundings, rules: AlertRules, month: MonthFigures) -> None:
        self._around = around
        self._rules = rules
        self._month = month

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """A look at each start, where digests are asked for; each look brings the next."""
        return () if self._rules.digest_at is None else (Nudge(flow=Flow.DESK, subject=self.name, due_at=now),)

    async def work(self, _subject: str) -> Outcome:
        """Write what is due today and was not written."""
        minute = self._rules.digest_at
        if minute is None:
            return Done()
        now = self._around.clock.now()
        zone = await self._around.database.read(lambda connection: zone_of(connection, self._rules))
        today = on_the_wall(now, zone).date()
        tomorrow = next_at(minute, now=now, zone=zone)
        if now < instant_of(today, minute, zone):
            return Later(due_at=tomorrow, reason="until the next digest")
        month = await self._last_month(today)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            teller = Teller(connection, self._rules, now=at)
            for owner in Owner:
                self._daily(connection, teller, owner.value, today, at)
            if month is not None:
                self._monthly(connection, teller, month, at)

        return Later(due_at=tomorrow, reason="until the next digest", unit=unit)

    async def _last_month(self, today: date) -> Month | None:
        if today.day > LATE_DAYS:
            return None
        name = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
        written = await self._around.database.read(
            lambda connection: maintenance.was_digested(connection, "month", Owner.FINANCE.value, name)
        )
        return None if written else await self._month(name)

    def _daily(self, connection: sqlite3.Connection, teller: Teller, owner: str, today: date, now: Instant) -> None:
        if maintenance.digest_once(connection, "digest", owner, today.isoformat(), now=now):
            found = digest_of(connection, self._rules, owner, now=now)
            self._tell(teller, "digest", owner, today.isoformat(), (found.title, found.text))

    def _monthly(self, connection: sqlite3.Connection, teller: Teller, month: Month, now: Instant) -> None:
        owner = Owner.FINANCE.value
        if maintenance.digest_once(connection, "month", owner, month.name, now=now):
            self._tell(teller, "month", owner, month.name, digest.month_end(month, base=self._rules.base))

    def _tell(self, teller: Teller, kind: str, owner: str, day: str, words: tuple[str, str]) -> None:
        teller.tell(
            self._rules.of_owner(owner),
            key=f"{kind}:{owner}:{day}",
            kind=kind,
            owner=owner,
            severity=Severity.INFO.value,
            title=words[0],
            text=words[1],
            awaited=True,
        )
