"""Judges every few seconds what somebody has to be called about (subject `alerts`).

One look reads what is open and how the machine runs, the rules say what is over (`actors.domain.alerting`), and one
commit writes what follows: alerts, and a message for each channel of whoever they are for. Inside a maintenance window
alerts are kept and nothing is sent; when it ends, each owner gets one report.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from actors.core.actor import Later, Outcome, Surroundings
from actors.desk.messaging import Pulse
from actors.desk.rules import AlertRules, Channel
from actors.desk.telling import UNDELIVERED, Teller
from actors.domain import alert_texts, digest
from actors.domain.alert_texts import Example
from actors.domain.alerting import DAY, MINUTE, Limits, Measures, Over, Standing, Turn, judge, turn
from actors.domain.digest import Meanwhile
from actors.domain.exception_types import Owner, Severity
from actors.domain.time import Instant
from actors.messages import Flow, Nudge
from storage import alerts, exceptions, maintenance, notices
from storage.alerts import AlertRow

EVERY_MS = 15_000
"""From a failure to its alert: this, and the time of sending."""

NAME = "alerts"


def next_look(now: Instant) -> Nudge:
    """Return what brings the next look forward to now."""
    return Nudge(flow=Flow.DESK, subject=NAME, due_at=now)


class Beat(NamedTuple):
    """How the machine runs: minutes until Cin7 Core has answered what is queued, and when each flow finished last."""

    minutes_to_drain: float = 0.0
    working_since: Mapping[str, Instant] = {}


def measured(connection: sqlite3.Connection, beat: Beat, *, now: Instant) -> Measures:
    """Read what alerts are judged by."""
    silent: dict[str, float] = {}
    for flow, since in beat.working_since.items():
        waiting = alerts.waiting_since(connection, flow, now=now)
        if waiting is not None:
            silent[flow] = (now - max(since, waiting)) / MINUTE
    return Measures(
        now=now,
        incidents=alerts.incidents(connection, now=now),
        orders_of_day=alerts.orders_since(connection, now - DAY),
        silent=silent,
        minutes_to_drain=beat.minutes_to_drain,
    )


class AlertWorker:
    """Decides who is called."""

    name = NAME

    def __init__(self, around: Surroundings, rules: AlertRules, pulse: Pulse) -> None:
        self._around = around
        self.rules = rules
        self._limits = Limits(rules.thresholds)
        self._pulse = pulse

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """A look at each start; each look brings the next."""
        return (next_look(now),)

    async def work(self, _subject: str) -> Outcome:
        """Look once."""
        now, beat = self._around.clock.now(), self.beat()

        def look(connection: sqlite3.Connection) -> Turn:
            standing = alerts.standing(connection)
            over = judge(measured(connection, beat, now=now), self._limits, standing)
            return turn(over, standing, now=now, escalate_after=self.rules.escalate_after)

        found = await self._around.database.read(look)
        return Later(
            due_at=now + EVERY_MS,
            reason="looks again",
            unit=lambda connection, at: self._write(connection, found, beat.minutes_to_drain, at),
        )

    def beat(self) -> Beat:
        """Ask how the machine runs; what runs is asked where it runs, and not from the thread that reads the file."""
        return Beat(self._pulse.minutes_to_drain(), dict(self._pulse.working_since()))

    def _write(self, connection: sqlite3.Connection, found: Turn, minutes: float, now: Instant) -> None:
        rules = self.rules
        maintenance.keep(connection, rules.windows, now=now)
        silenced = maintenance.current(connection, now=now) is not None
        teller = Teller(connection, rules, now=now)
        for alert, one in found.standing:
            alerts.count_again(connection, alert.id, one)
        for alert in found.under:
            alerts.stamp(connection, alert.id, "under_since", now=now)
        for over in found.raised:
            self._raise(connection, teller, over, now=now)
        for alert in found.ended:
            self._end(connection, teller, alert, silenced=silenced, now=now)
        if not silenced:
            self._catch_up(connection, teller, minutes, now=now)
            self._tell_untold(connection, teller, now=now)
            for alert, one in found.escalated:
                self._escalate(connection, teller, alert, one, now=now)
        self._forget_channels(connection, now)
        alerts.prune(connection, before=now - rules.retain)

    def _forget_channels(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Nothing waits for a channel there is no more, and nothing is told of it."""
        channels = self.rules.all_channels()
        notices.drop_other_channels(connection, channels)
        for gone in exceptions.open_ids(connection, "channel", UNDELIVERED) - set(channels):
            record = exceptions.Record(kind="channel", id=gone)
            exceptions.clear(connection, record, resolution="the channel is configured no more", now=now)

    def _raise(self, connection: sqlite3.Connection, teller: Teller, over: Over, *, now: Instant) -> None:
        told = alert_texts.said(over, example_of(connection, over.example), teller.zone)
        text = f"{told.text}\n\n{self.rules.base}{told.link}"
        alerts.open_alert(connection, over, title=told.title, text=text, link=told.link, now=now)

    def _tell_untold(self, connection: sqlite3.Connection, teller: Teller, *, now: Instant) -> None:
        """Tell what is new; and what stands since before its owner had a channel that works."""
        for alert in alerts.untold(connection):
            if self._tell(teller, self.rules.of_owner(alert.owner), alert):
                alerts.stamp(connection, alert.id, "told_at", now=now)

    def _end(
        self, connection: sqlite3.Connection, teller: Teller, standing: Standing, *, silenced: bool, now: Instant
    ) -> None:
        """It is over: who was told is told so; what has not left yet need not leave any more."""
        alerts.stamp(connection, standing.id, "ended_at", now=now)
        notices.overtake(connection, standing.id)
        alert = alerts.get(connection, standing.id)
        if not silenced and alert is not None and alert.told_at is not None:
            self._recover(connection, teller, self._told_of(alert), alert, now=now)

    def _told_of(self, alert: AlertRow) -> tuple[Channel, ...]:
        channels = {channel.key: channel for channel in self.rules.of_owner(alert.owner)}
        if alert.escalated_at is not None:
            channels |= {channel.key: channel for channel in self.rules.escalate_to}
        return tuple(channels.values())

    def _recover(
        self,
        connection: sqlite3.Connection,
        teller: Teller,
        channels: Iterable[Channel],
        alert: AlertRow,
        *,
        now: Instant,
    ) -> None:
        unheard, about = notices.unheard(connection, alert.id), alert.subject.partition(":")[0]
        teller.tell(
            (channel for channel in teller.reaching(channels, about=about) if channel.key not in unheard),
            key=f"recovery:{alert.id}",
            kind="recovery",
            owner=alert.owner,
            severity=alert.severity,
            title=f"OVER {alert.title}",
            text=f"{alert_texts.recovery(alert.title, raised_at=alert.raised_at, now=now, zone=teller.zone)}\n\n"
            f"{self.rules.base}{alert.link}",
            alert=alert.id,
        )

    def _escalate(
        self, connection: sqlite3.Connection, teller: Teller, standing: Standing, over: Over, *, now: Instant
    ) -> None:
        alert = alerts.get(connection, standing.id)
        if alert is None:
            return
        alerts.stamp(connection, standing.id, "escalated_at", now=now)
        owner = self.rules.names.get(alert.owner, alert.owner)
        if teller.tell(
            teller.reaching(self.rules.escalate_to, about=over.type),
            key=f"escalation:{alert.id}",
            kind="escalation",
            owner=alert.owner,
            severity=alert.severity,
            title=f"ESCALATED {alert.title}",
            text=alert_texts.escalation(alert.text, owner=owner, raised_at=alert.raised_at, zone=teller.zone),
            alert=alert.id,
        ):
            alerts.stamp(connection, standing.id, "told_at", now=now)

    def _catch_up(self, connection: sqlite3.Connection, teller: Teller, minutes: float, *, now: Instant) -> None:
        """Report to each owner on what is over and was not reported on; several windows are one report."""
        over = maintenance.unreported(connection)
        if not over:
            return
        starts_at = min(window.starts_at for window in over)
        ended_at = max(window.ended_at or now for window in over)
        accepted, exported = alerts.went_on(connection, starts_at, ended_at)
        for owner in Owner:
            raised = alerts.raised_between(connection, owner.value, starts_at, ended_at)
            still = [alert for alert in raised if alert.ended_at is None]
            ended = alerts.ended_between(connection, owner.value, starts_at, now)
            meanwhile = Meanwhile(
                accepted=accepted,
                exported=exported,
                minutes_to_drain=minutes,
                raised=[alert.title for alert in raised],
                still_open=[alert.title for alert in still],
                over=[alert.title for alert in ended],
            )
            title, text = digest.catch_up(
                meanwhile,
                owner=owner.value,
                starts_at=starts_at,
                ended_at=ended_at,
                zone=teller.zone,
                base=self.rules.base,
            )
            told = teller.tell(
                self.rules.of_owner(owner.value),
                key=f"catch-up:{over[-1].id}:{ended_at}:{owner.value}",
                kind="catch-up",
                owner=owner.value,
                severity=worst(alert.severity for alert in still),
                title=title,
                text=text,
            )
            told = self._open_incidents(teller, still) or told
            for alert in ended:
                self._recover(connection, teller, self._without_report(alert), alert, now=now)
            for alert in still if told else ():
                alerts.stamp(connection, alert.id, "told_at", now=now)
        for window in over:
            maintenance.reported(connection, window.id, now=now)

    def _open_incidents(self, teller: Teller, still: Iterable[AlertRow]) -> bool:
        """Tell channels that keep incidents of each alert that still stands: a report opens none."""
        told = False
        for alert in still:
            apart = [channel for channel in self.rules.of_owner(alert.owner) if channel.apart]
            told = self._tell(teller, apart, alert) or told
        return told

    def _without_report(self, alert: AlertRow) -> list[Channel]:
        """Return who heard of an alert and gets no report: pagers, and whom it was escalated to."""
        owners = self.rules.of_owner(alert.owner)
        return [channel for channel in self._told_of(alert) if channel.apart or channel not in owners]

    def _tell(self, teller: Teller, channels: Iterable[Channel], alert: AlertRow) -> bool:
        return teller.tell(
            teller.reaching(channels, about=alert.subject.partition(":")[0]),
            key=f"alert:{alert.id}",
            kind="alert",
            owner=alert.owner,
            severity=alert.severity,
            title=f"{alert.severity.upper()} {alert.title}",
            text=alert.text,
            alert=alert.id,
        )


def example_of(connection: sqlite3.Connection, exception_id: int) -> Example | None:
    """Return an exception as alerts name it."""
    row = exceptions.get(connection, exception_id) if exception_id else None
    if row is None:
        return None
    name = row.record.number or row.record.id
    return Example(row.id, row.type, row.record.kind.replace("_", " "), name, row.cause)


def worst(severities: Iterable[str]) -> str:
    """Return the worst of several severities; info for none."""
    order = [severity.value for severity in Severity]
    return max(severities, key=order.index, default=Severity.INFO.value)
