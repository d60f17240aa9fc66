"""What is over its threshold, told once; and what becomes of an alert from look to look."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.alert_texts import Example, said
from actors.domain.alerting import (
    CALM,
    DAY,
    MANY_CAUSES,
    MINUTE,
    THRESHOLDS,
    Incident,
    Limits,
    Measures,
    Over,
    Standing,
    judge,
    readings,
    turn,
)
from actors.domain.exception_types import Severity
from actors.domain.quiet import Hours, instant_of, minute_of, next_at, quiet_until

NOW = 1_796_083_200_000
UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def incident(group: str = "g", owner: str = "ops", **changes: object) -> Incident:
    total = int(str(changes.get("total", 1)))
    awake = int(str(changes.get("awake", total)))
    severity = changes.get("severity", Severity.ERROR)
    worse = severity in (Severity.ERROR, Severity.CRITICAL)
    base: dict[str, object] = {
        "type": "t",
        "severity": severity,
        "total": total,
        "awake": awake,
        "alarming": awake if severity is Severity.CRITICAL else 0,
        "errors": awake if worse else 0,
        "recent": 0,
        "overdue": 0,
        "held": 0,
        "opened_at": NOW - MINUTE,
        "due_at": NOW + DAY if awake else None,
        "example": 1,
    }
    return Incident(group=group, owner=owner, **(base | changes))  # type: ignore[arg-type]


def rules_of(*incidents: Incident, standing: tuple[Standing, ...] = (), **more: object) -> dict[str, str]:
    measures = Measures(now=NOW, incidents=incidents, **more)  # type: ignore[arg-type]
    return {one.subject: one.rule for one in judge(measures, Limits(), standing)}


def stands(subject: str, owner: str = "ops", **changes: object) -> Standing:
    base: dict[str, object] = {"id": 1, "severity": Severity.ERROR, "raised_at": NOW - MINUTE}
    return Standing(subject=subject, owner=owner, **(base | changes))  # type: ignore[arg-type]


WARNING = {"severity": Severity.WARNING}

OVER = [
    ("nothing", (), {}),
    ("an error", (incident(),), {"g": "error_count"}),
    ("a critical one", (incident(severity=Severity.CRITICAL),), {"g": "critical_count"}),
    ("a warning", (incident(**WARNING),), {}),
    ("a warning of what connects", (incident(alarming=1, **WARNING),), {"g": "critical_count"}),
    ("many warnings of one cause", (incident(total=25, **WARNING),), {"g": "incident_count"}),
    ("many, of which most are snoozed", (incident(total=25, awake=24, **WARNING),), {}),
    ("an error that is snoozed", (incident(awake=0),), {}),
    ("new ones of one type", tuple(incident(f"g{n}", recent=3, total=3, **WARNING) for n in range(10)),
     {"type:t": "rate_per_10_minutes"}),
    ("not so many new ones", tuple(incident(f"g{n}", recent=3, total=3, **WARNING) for n in range(9)), {}),
    ("new ones of two types",
     tuple(incident(f"g{n}", type=f"t{n % 2}", recent=3, total=3, **WARNING) for n in range(10)), {}),
    ("many past their due time", tuple(incident(f"g{n}", overdue=1, **WARNING) for n in range(10)),
     {"overdue": "overdue_count"}),
    ("many of two owners past it",
     tuple(incident(f"g{n}", owner=("ops", "it")[n % 2], overdue=1, **WARNING) for n in range(10)), {}),
    ("an old one", (incident(opened_at=NOW - 7 * DAY, **WARNING),), {"oldest": "oldest_minutes"}),
    ("an old one nobody is to see", (incident(opened_at=NOW - 7 * DAY, awake=0, **WARNING),), {}),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "incidents", "over"), OVER, ids=[case for case, _, _ in OVER])
def test_what_is_over(_case: str, incidents: tuple[Incident, ...], over: dict[str, str]) -> None:
    assert rules_of(*incidents) == over


def test_figures_of_the_machine() -> None:
    assert rules_of(minutes_to_drain=29.9) == {}
    assert rules_of(minutes_to_drain=30.0) == {"backlog": "backlog_minutes"}
    held = incident(total=6, held=6, **WARNING)
    assert rules_of(held, orders_of_day=100) == {"held_share": "held_share_percent"}
    assert rules_of(held, orders_of_day=19) == {}, "a share of few says nothing"
    assert rules_of(silent={"stock": 14.0}) == {}
    assert rules_of(silent={"stock": 15.0}) == {"silence:stock": "silence_minutes"}
    critical = incident(severity=Severity.CRITICAL)
    assert rules_of(critical, silent={"stock": 15.0}) == {"g": "critical_count", "silence:stock": "silence_minutes"}
    assert rules_of(critical._replace(stilling=1), silent={"stock": 15.0}) == {"g": "critical_count"}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_threshold_of_nothing_is_never_reached(name: str) -> None:
    assert not Limits({name: 0}).over(name, 10**9)
    assert Limits({name: 7}).over(name, 7)
    assert not Limits({name: 7}).over(name, 6.9)


def test_many_new_causes_of_one_type_are_one_alert_and_few_are_each_their_own() -> None:
    few = [incident(f"g{n}") for n in range(MANY_CAUSES)]
    assert set(rules_of(*few).values()) == {"error_count"}
    assert len(rules_of(*few)) == MANY_CAUSES
    assert rules_of(*few, incident("one more")) == {"type:t": "rate_per_10_minutes"}
    critical = incident("worse", severity=Severity.CRITICAL)
    assert rules_of(*few, incident("one more"), critical) == {
        "type:t": "rate_per_10_minutes",
        "worse": "critical_count",
    }


def test_what_an_alert_of_a_type_told_stays_with_it_to_the_last_and_what_is_new_does_not() -> None:
    few = [incident(f"g{n}") for n in range(MANY_CAUSES)]
    told = stands("type:t", raised_at=NOW - MINUTE)
    assert rules_of(*few, standing=(told,)) == {"type:t": "rate_per_10_minutes"}
    assert rules_of(few[0], standing=(told,)) == {"type:t": "rate_per_10_minutes"}
    newer = incident("newer", opened_at=NOW)
    assert rules_of(few[0], newer, standing=(told,)) == {"type:t": "rate_per_10_minutes", "newer": "error_count"}
    assert rules_of(newer, standing=(told,)) == {"newer": "error_count"}


def test_an_alert_stands_while_all_it_is_about_is_snoozed() -> None:
    assert rules_of(incident(awake=0), standing=(stands("g"),)) == {"g": "incident_count"}
    assert rules_of(standing=(stands("g"),)) == {}


severities = st.sampled_from(list(Severity))
causes = st.builds(
    lambda n, owner, kind, severity, total, snoozed, recent, overdue, held, age: incident(
        f"g{n}",
        owner,
        type=kind,
        severity=severity,
        total=total,
        awake=max(0, total - snoozed),
        recent=min(recent, max(0, total - snoozed)),
        overdue=min(overdue, max(0, total - snoozed)),
        held=min(held, max(0, total - snoozed)),
        opened_at=NOW - age * MINUTE,
    ),
    st.integers(0, 200),
    st.sampled_from(["ops", "finance", "it"]),
    st.sampled_from(["a", "b"]),
    severities,
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 20_000),
)


@given(
    found=st.lists(causes, max_size=60, unique_by=lambda one: (one.group, one.owner)),
    orders=st.integers(0, 500),
    told=st.sets(st.integers(0, 200)),
)
def test_an_exception_is_told_once(found: list[Incident], orders: int, told: set[int]) -> None:
    standing = [stands(f"g{n}", owner, id=n) for n in told for owner in ("ops", "it")]
    over = judge(Measures(now=NOW, incidents=found, orders_of_day=orders), Limits(), standing)
    assert len({one.key for one in over}) == len(over)
    by_cause = {one.key for one in over if one.group}
    by_type = {one.type for one in over if one.subject.startswith("type:")}
    rest = [one for one in found if (one.group, one.owner) not in by_cause and one.type not in by_type]
    for one in over:
        if one.rule == "overdue_count":
            assert one.count == sum(each.overdue for each in rest if each.owner == one.owner)
        if one.rule == "held_share_percent":
            assert one.count == sum(each.held for each in rest)
    for critical in found:
        if critical.severity is Severity.CRITICAL and critical.awake:
            assert (critical.group, critical.owner) in by_cause


@given(looks=st.lists(st.tuples(st.booleans(), st.integers(1, 90)), min_size=1, max_size=60))
def test_an_alert_is_over_only_after_it_was_quiet_for_a_minute(looks: list[tuple[bool, int]]) -> None:
    now, alert, last_over = NOW, None, None
    for is_over, seconds in looks:
        now += seconds * 1000
        over = (
            [Over(rule="error_count", subject="g", owner="ops", severity=Severity.ERROR, figure=1)] if is_over else []
        )
        found = turn(over, [alert] if alert else [], now=now, escalate_after=DAY)
        assert len(found.raised) == int(is_over and alert is None)
        if is_over:
            last_over = now
            alert = stands("g", raised_at=now if alert is None else alert.raised_at)
        elif found.ended:
            assert last_over is not None
            assert now - last_over >= CALM
            alert = None
        elif found.under:
            alert = stands("g", under_since=now, raised_at=found.under[0].raised_at)


LATE = [
    ("in time", Severity.ERROR, NOW + 1, False),
    ("past its due time", Severity.ERROR, NOW, True),
    ("critical, long before its due time", Severity.CRITICAL, NOW + DAY, True),
    ("everything snoozed", Severity.CRITICAL, None, False),
]


@pytest.mark.parametrize(("_case", "severity", "due_at", "late"), LATE, ids=[case for case, *_ in LATE])
def test_what_is_escalated(_case: str, severity: Severity, due_at: int | None, late: bool) -> None:
    alert = stands("g", raised_at=NOW - 60 * MINUTE, severity=severity)
    over = Over(rule="r", subject="g", owner="ops", severity=severity, figure=1, group="g", due_at=due_at)
    assert bool(turn([over], [alert], now=NOW, escalate_after=60 * MINUTE).escalated) is late
    told = stands("g", raised_at=alert.raised_at, escalated_at=NOW - 1)
    assert not turn([over], [told], now=NOW, escalate_after=60 * MINUTE).escalated


def test_every_threshold_has_a_reading() -> None:
    found = readings(Measures(now=NOW, incidents=[incident(total=3, overdue=2)], minutes_to_drain=4.5))
    figures = {reading.rule: (reading.figure, reading.owner) for reading in found}
    assert set(figures) == set(THRESHOLDS)
    some = [figures[name] for name in ("error_count", "overdue_count", "backlog_minutes")]
    assert some == [(3, "ops"), (2, "ops"), (4.5, "it")]


QUIET = [
    ("22:00-07:00", "21:59", None),
    ("22:00-07:00", "22:00", "07:00 the day after"),
    ("22:00-07:00", "06:59", "07:00"),
    ("22:00-07:00", "07:00", None),
    ("12:00-13:30", "12:00", "13:30"),
    ("12:00-13:30", "13:30", None),
]


@pytest.mark.parametrize(("hours", "at", "until"), QUIET)
def test_quiet_hours(hours: str, at: str, until: str | None) -> None:
    start, _, end = hours.partition("-")
    now = instant_of(date(2026, 7, 1), minute_of(at), BERLIN)
    found = quiet_until(Hours(start=minute_of(start), end=minute_of(end)), now=now, zone=BERLIN)
    day = date(2026, 7, 2 if until and "after" in until else 1)
    assert found == (None if until is None else instant_of(day, minute_of(until[:5]), BERLIN))


def test_quiet_hours_end_today_also_within_the_hour_that_comes_twice() -> None:
    hours, london = Hours(start=minute_of("22:00"), end=minute_of("01:30")), ZoneInfo("Europe/London")
    midnight = instant_of(date(2026, 10, 25), 0, UTC)
    for minutes, until in ((5, 30), (25, 30), (30, None), (59, None), (60, 90), (75, 90), (90, None)):
        found = quiet_until(hours, now=midnight + minutes * MINUTE, zone=london)
        assert found == (None if until is None else midnight + until * MINUTE), minutes


@given(now=st.integers(NOW - 400 * DAY, NOW + 400 * DAY), minute=st.integers(0, 1439))
def test_the_next_time_a_clock_shows_something_is_later_and_within_a_day(now: int, minute: int) -> None:
    found = next_at(minute, now=now, zone=BERLIN)
    assert now < found <= now + 25 * 60 * MINUTE


@pytest.mark.parametrize(
    ("subject", "rule", "told"),
    [
        ("overdue", "overdue_count", "12 exceptions of ops are past their due time"),
        ("oldest", "oldest_minutes", "an exception of ops has been open for 8 days"),
        ("held_share", "held_share_percent", "12 exceptions hold orders: 11520.0 % of a day's orders"),
        ("backlog", "backlog_minutes", "calls to Cin7 Core are 8 days behind"),
        ("silence:stock", "silence_minutes", "flow stock has work and has finished none for 8 days"),
    ],
)
def test_what_is_no_single_cause_says_what_to_do_too(subject: str, rule: str, told: str) -> None:
    over = Over(rule=rule, subject=subject, owner="ops", severity=Severity.ERROR, figure=11_520, count=12)
    words = said(over, None, UTC)
    assert words.title == told
    assert words.text.startswith(f"{told[0].upper()}{told[1:]}.\n")
    assert "What to do:\n" in words.text
    assert words.link.startswith("/")


def test_a_cause_with_a_slash_is_a_path_of_its_own() -> None:
    over = Over(
        rule="error_count", subject="a/b?c", owner="ops", severity=Severity.ERROR, figure=2, count=2, group="a/b?c"
    )
    words = said(over, Example(7, "sku_unknown", "order", "CT-1", "no product"), UTC)
    assert words.link == "/incidents/a%2Fb%3Fc"
    assert words.title == "SKU unknown: 2 of one cause, order CT-1"
