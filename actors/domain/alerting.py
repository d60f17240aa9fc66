"""When somebody is called: what is over its threshold, what that makes new, and what is over and done.

An exception is told once. What the alert of its cause tells counts for no other rule, and twenty causes of one type at
once are one alert of that type; so a storm of one cause is one message, and one more when it is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from actors.domain.exception_life import DUE
from actors.domain.exception_types import CATALOGUE, Owner, Severity
from actors.domain.time import Instant

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

CALM = MINUTE
"""So long something has to stay under its threshold before it is over: what comes and goes is one alert."""

MANY_CAUSES = 20
"""More new causes of one type than this are one alert of the type."""

RECENT = 10 * MINUTE
"""What counts as new for `rate_per_10_minutes`."""

FEWEST_ORDERS = 20
"""With fewer orders in a day a share of them says nothing."""

ALARMING_KINDS = ("connection", "door", "subscription", "webhook", "flow")
"""What more than one record depends on: an exception about one of these is told at once, whatever its severity."""

STILLING_KINDS = ("connection", "flow")
"""An exception about one of these says why a flow finishes nothing."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is called at. 0 switches a rule off."""

    default: float
    unit: str
    meaning: str


THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "critical_count": Threshold(
            default=1,
            unit="exceptions",
            meaning="Critical exceptions of one cause, or those of a connection, a door, a webhook or a flow.",
        ),
        "error_count": Threshold(default=1, unit="exceptions", meaning="Errors of one cause."),
        "incident_count": Threshold(
            default=25, unit="exceptions", meaning="Exceptions of one cause, however slight they are."
        ),
        "rate_per_10_minutes": Threshold(
            default=30, unit="exceptions", meaning="New exceptions of one type, of causes nobody was called about."
        ),
        "overdue_count": Threshold(
            default=10, unit="exceptions", meaning="Exceptions of one owner past their due time."
        ),
        "oldest_minutes": Threshold(
            default=7 * 24 * 60, unit="minutes", meaning="How long an exception of one owner has been open."
        ),
        "held_share_percent": Threshold(
            default=5, unit="percent", meaning="Exceptions that hold orders, among the orders of the last day."
        ),
        "silence_minutes": Threshold(
            default=15, unit="minutes", meaning="How long a flow has had work and finished none of it."
        ),
        "backlog_minutes": Threshold(
            default=30, unit="minutes", meaning="How long Cin7 Core will take to answer what is queued already."
        ),
    }
)
"""Every threshold by its name in `[alerts] thresholds`."""


class Incident(NamedTuple):
    """The open exceptions of one cause and owner. `due_at` is the first due time, of those nobody snoozed.

    `awake` are not snoozed; of those are `alarming`, `errors` (or worse), `recent`, `overdue`, `held` (orders), and
    `stilling` (why a flow is silent).
    """

    group: str
    owner: str
    type: str
    severity: Severity
    total: int
    awake: int
    alarming: int
    errors: int
    recent: int
    overdue: int
    held: int
    opened_at: Instant
    due_at: Instant | None
    example: int
    stilling: int = 0

    def with_also(self, other: Incident) -> Incident:
        """Return both as one: the same cause may be found of records of several kinds."""
        first = min(self, other, key=lambda incident: incident.example)
        due = [one.due_at for one in (self, other) if one.due_at is not None]
        return first._replace(
            severity=max(self.severity, other.severity, key=list(Severity).index),
            total=self.total + other.total,
            awake=self.awake + other.awake,
            alarming=self.alarming + other.alarming,
            errors=self.errors + other.errors,
            recent=self.recent + other.recent,
            overdue=self.overdue + other.overdue,
            held=self.held + other.held,
            stilling=self.stilling + other.stilling,
            opened_at=min(self.opened_at, other.opened_at),
            due_at=min(due, default=None),
        )


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What is read at one look. `silent`: for how many minutes each flow that has work has finished none."""

    now: Instant
    incidents: Sequence[Incident] = ()
    orders_of_day: int = 0
    silent: Mapping[str, float] = {}
    minutes_to_drain: float = 0.0

    def held_of(self, incidents: Sequence[Incident]) -> tuple[int, float]:
        """Return how many orders these hold, and their share of a day's orders in percent; 0 of too few orders."""
        held = sum(incident.held for incident in incidents)
        return held, 100 * held / self.orders_of_day if self.orders_of_day >= FEWEST_ORDERS else 0.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner is called about."""

    subject: str
    owner: str
    severity: Severity

    @property
    def key(self) -> tuple[str, str]:
        """What is open once at a time."""
        return self.subject, self.owner


class Over(Told, frozen=True, kw_only=True):
    """Something over its threshold. `figure` is in the threshold's unit, `count` how many exceptions it is about."""

    rule: str
    figure: float
    count: int = 0
    type: str = ""
    example: int = 0
    group: str = ""
    since: Instant | None = None
    due_at: Instant | None = None


class Standing(Told, frozen=True, kw_only=True):
    """An alert that is open."""

    id: int
    raised_at: Instant
    under_since: Instant | None = None
    escalated_at: Instant | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the alerts: new ones, those that stand (with what is now over), under, over, and past due."""

    raised: tuple[Over, ...] = ()
    standing: tuple[tuple[Standing, Over], ...] = ()
    under: tuple[Standing, ...] = ()
    ended: tuple[Standing, ...] = ()
    escalated: tuple[tuple[Standing, Over], ...] = ()


class Limits:
    """The thresholds of a configuration: its own, and the defaults of the others."""

    def __init__(self, chosen: Mapping[str, float] | None = None) -> None:
        self._figures = {name: threshold.default for name, threshold in THRESHOLDS.items()} | dict(chosen or {})

    def __getitem__(self, name: str) -> float:
        return self._figures[name]

    def over(self, name: str, figure: float) -> bool:
        """Say whether a figure has reached its threshold; one of 0 is never reached."""
        return 0 < self._figures[name] <= figure


def judge(measures: Measures, limits: Limits, standing: Sequence[Standing]) -> tuple[Over, ...]:
    """Return everything that is over, the alerts of causes first.

    What an alert of a type told stays with it when it is few by then: nobody is called about each of the last ones.
    """
    told = {alert.key: alert.raised_at for alert in standing}
    over: list[Over] = []
    fresh: dict[str, list[tuple[Incident, Over]]] = defaultdict(list)
    rest: list[Incident] = []
    for incident in measures.incidents:
        is_told = (incident.group, incident.owner) in told
        rule = _rule_of(incident, limits)
        if is_told and (rule or incident.total > incident.awake):
            over.append(_of_cause(incident, rule or "incident_count"))
        elif rule and incident.severity is Severity.CRITICAL:
            over.append(_of_cause(incident, rule))
        elif rule:
            fresh[incident.type].append((incident, _of_cause(incident, rule)))
        else:
            rest.append(incident)
    for code, found in fresh.items():
        since = told.get((f"type:{code}", found[0][1].owner), -1)
        known = [one for one, _ in found if len(found) > MANY_CAUSES or one.opened_at <= since]
        if known:
            over.append(_of_type(code, known, "rate_per_10_minutes"))
        if len(known) < len(found):
            over += [one for incident, one in found if incident.opened_at > since]
    rest = _uncovered(rest, over)
    over += _rates(rest, limits)
    rest = _uncovered(rest, over)
    over += [*_of_owners(rest, measures.now, limits), *_of_machine(rest, measures, limits)]
    if not any(incident.stilling for incident in measures.incidents):
        over += _silences(measures, limits)
    return tuple(over)


def _uncovered(incidents: Sequence[Incident], over: Sequence[Over]) -> list[Incident]:
    """Return those whose type has no alert of its own."""
    covered = {one.type for one in over if one.subject.startswith("type:")}
    return [incident for incident in incidents if incident.type not in covered]


def _rule_of(incident: Incident, limits: Limits) -> str:
    """Return the first threshold a cause has reached by itself, "" for none."""
    if limits.over("critical_count", incident.alarming):
        return "critical_count"
    if limits.over("error_count", incident.errors):
        return "error_count"
    return "incident_count" if limits.over("incident_count", incident.awake) else ""


def _of_cause(incident: Incident, rule: str) -> Over:
    return Over(
        rule=rule,
        subject=incident.group,
        owner=incident.owner,
        severity=incident.severity,
        figure=incident.total,
        count=incident.total,
        type=incident.type,
        example=incident.example,
        group=incident.group,
        since=incident.opened_at,
        due_at=incident.due_at,
    )


def _of_type(code: str, incidents: Sequence[Incident], rule: str) -> Over:
    worst = max((incident.severity for incident in incidents), key=list(Severity).index)
    due = [incident.due_at for incident in incidents if incident.due_at is not None]
    count = sum(incident.total for incident in incidents)
    return Over(
        rule=rule,
        subject=f"type:{code}",
        owner=incidents[0].owner,
        severity=worst,
        figure=count,
        count=count,
        type=code,
        example=min(incident.example for incident in incidents),
        since=min(incident.opened_at for incident in incidents),
        due_at=min(due, default=None),
    )


def _rates(rest: Sequence[Incident], limits: Limits) -> Iterator[Over]:
    by_type: dict[str, list[Incident]] = defaultdict(list)
    for incident in rest:
        if incident.recent:
            by_type[incident.type].append(incident)
    for code, incidents in by_type.items():
        if limits.over("rate_per_10_minutes", sum(incident.recent for incident in incidents)):
            yield _of_type(code, incidents, "rate_per_10_minutes")


def _of_owners(rest: Sequence[Incident], now: Instant, limits: Limits) -> Iterator[Over]:
    for owner in Owner:
        theirs = [incident for incident in rest if incident.owner == owner and incident.awake]
        if not theirs:
            continue
        yield from _overdue(theirs, owner.value, limits)
        yield from _oldest(theirs, owner.value, now, limits)


def _overdue(theirs: Sequence[Incident], owner: str, limits: Limits) -> Iterator[Over]:
    count = sum(incident.overdue for incident in theirs)
    if limits.over("overdue_count", count):
        yield Over(
            rule="overdue_count",
            subject="overdue",
            owner=owner,
            severity=Severity.WARNING,
            figure=count,
            count=count,
        )


def _oldest(theirs: Sequence[Incident], owner: str, now: Instant, limits: Limits) -> Iterator[Over]:
    oldest = min(theirs, key=lambda incident: incident.opened_at)
    minutes = (now - oldest.opened_at) / MINUTE
    if limits.over("oldest_minutes", minutes):
        yield Over(
            rule="oldest_minutes",
            subject="oldest",
            owner=owner,
            severity=Severity.WARNING,
            figure=minutes,
            count=sum(incident.awake for incident in theirs),
            type=oldest.type,
            example=oldest.example,
            since=oldest.opened_at,
        )


def _of_machine(rest: Sequence[Incident], measures: Measures, limits: Limits) -> Iterator[Over]:
    held, share = measures.held_of(rest)
    if limits.over("held_share_percent", share):
        yield Over(
            rule="held_share_percent",
            subject="held_share",
            owner=Owner.OPS.value,
            severity=Severity.ERROR,
            figure=share,
            count=held,
        )
    if limits.over("backlog_minutes", measures.minutes_to_drain):
        yield Over(
            rule="backlog_minutes",
            subject="backlog",
            owner=Owner.IT.value,
            severity=Severity.ERROR,
            figure=measures.minutes_to_drain,
        )


def _silences(measures: Measures, limits: Limits) -> Iterator[Over]:
    """A flow that finishes nothing; where a connection is told of already, that is why."""
    for flow, minutes in measures.silent.items():
        if limits.over("silence_minutes", minutes):
            yield Over(
                rule="silence_minutes",
                subject=f"silence:{flow}",
                owner=Owner.IT.value,
                severity=Severity.CRITICAL,
                figure=minutes,
            )


def turn(over: Sequence[Over], standing: Sequence[Standing], *, now: Instant, escalate_after: int) -> Turn:
    """Return what becomes of the alerts. `escalate_after` (milliseconds) is for critical ones, due times for others."""
    known = {alert.key: alert for alert in standing}
    still = {one.key: one for one in over}
    stands = [(known[key], one) for key, one in still.items() if key in known]
    down = [alert for alert in standing if alert.key not in still]
    calm = [alert for alert in down if alert.under_since is not None and now - alert.under_since >= CALM]
    return Turn(
        raised=tuple(one for key, one in still.items() if key not in known),
        standing=tuple(stands),
        under=tuple(alert for alert in down if alert.under_since is None),
        ended=tuple(calm),
        escalated=tuple(
            (alert, one)
            for alert, one in stands
            if alert.escalated_at is None and _is_late(alert, one, now=now, escalate_after=escalate_after)
        ),
    )


def _is_late(alert: Standing, over: Over, *, now: Instant, escalate_after: int) -> bool:
    """Say whether nobody mended it in time. Where everything it is about was snoozed, somebody has decided."""
    if over.group and over.due_at is None:
        return False
    due = over.due_at if over.due_at is not None else alert.raised_at + DUE[over.severity]
    if over.severity is Severity.CRITICAL:
        due = min(due, alert.raised_at + escalate_after)
    return now >= due


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold as it stands: the highest figure now, and whose it is."""

    rule: str
    figure: float
    owner: str


def readings(measures: Measures) -> tuple[Reading, ...]:
    """Return what each threshold is held against now; what is told already is counted too."""
    owners = {code: kind.owner.value for code, kind in CATALOGUE.items()}
    rates: dict[str, int] = defaultdict(int)
    overdue: dict[str, int] = defaultdict(int)
    for incident in measures.incidents:
        rates[incident.type] += incident.recent
        overdue[incident.owner] += incident.overdue
    awake = [incident for incident in measures.incidents if incident.awake]
    oldest = min(awake, key=lambda incident: incident.opened_at, default=None)
    code, rate = max(rates.items(), key=lambda item: item[1], default=("", 0))
    late, most = max(overdue.items(), key=lambda item: item[1], default=("", 0))
    _, share = measures.held_of(measures.incidents)
    counted = {
        "critical_count": max(((i.alarming, i.owner) for i in awake), default=(0, "")),
        "error_count": max(((i.errors, i.owner) for i in awake), default=(0, "")),
        "incident_count": max(((i.awake, i.owner) for i in awake), default=(0, "")),
        "rate_per_10_minutes": (rate, owners.get(code, "")),
        "overdue_count": (most, late),
        "oldest_minutes": (0, "") if oldest is None else ((measures.now - oldest.opened_at) / MINUTE, oldest.owner),
        "held_share_percent": (share, Owner.OPS.value),
        "silence_minutes": (max(measures.silent.values(), default=0.0), Owner.IT.value),
        "backlog_minutes": (measures.minutes_to_drain, Owner.IT.value),
    }
    return tuple(Reading(rule=rule, figure=figure, owner=owner) for rule, (figure, owner) in counted.items())
