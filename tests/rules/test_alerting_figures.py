"""What alerts are judged by is added up, and shown beside its thresholds, figure by figure."""

from __future__ import annotations

import msgspec
import pytest

from actors.domain.alerting import FEWEST_ORDERS, MANY_CAUSES, MINUTE, Incident, Limits, Measures, judge, readings
from actors.domain.exception_types import Severity

NOW = 1_796_083_200_000

ONE = Incident(
    group="sku_unknown:A",
    owner="ecommerce",
    type="sku_unknown",
    severity=Severity.WARNING,
    total=9,
    awake=8,
    alarming=1,
    errors=2,
    recent=3,
    overdue=4,
    held=5,
    opened_at=NOW - 90 * MINUTE,
    due_at=NOW + 2,
    example=7,
    stilling=6,
)
OTHER = ONE._replace(
    severity=Severity.ERROR,
    total=90,
    awake=80,
    alarming=10,
    errors=20,
    recent=30,
    overdue=40,
    held=50,
    opened_at=NOW - 30 * MINUTE,
    due_at=NOW + 1,
    example=8,
    stilling=60,
)


@pytest.mark.parametrize(("first", "second"), [(ONE, OTHER), (OTHER, ONE)])
def test_one_cause_of_records_of_two_kinds_is_one_incident(first: Incident, second: Incident) -> None:
    both = first.with_also(second)
    assert both == ONE._replace(
        severity=Severity.ERROR,
        total=99,
        awake=88,
        alarming=11,
        errors=22,
        recent=33,
        overdue=44,
        held=55,
        due_at=NOW + 1,
        stilling=66,
    )


@pytest.mark.parametrize(("one", "other", "due"), [(None, NOW, NOW), (NOW, None, NOW), (None, None, None)])
def test_what_rests_is_not_due(one: int | None, other: int | None, due: int | None) -> None:
    assert ONE._replace(due_at=one).with_also(OTHER._replace(due_at=other)).due_at == due


def test_each_threshold_is_shown_beside_its_highest_figure_and_whose_it_is() -> None:
    low = ONE._replace(
        group="g", owner="ops", type="location_unmapped", alarming=0, errors=1, awake=2, recent=1, overdue=1, held=1
    )
    asleep = OTHER._replace(
        group="h", owner="finance", awake=0, recent=0, overdue=0, held=0, opened_at=NOW - 1000 * MINUTE
    )
    measures = Measures(
        now=NOW,
        incidents=(low._replace(opened_at=NOW), asleep, ONE),
        orders_of_day=100,
        silent={"orders": 3.0, "stock": 17.0},
        minutes_to_drain=2.5,
    )
    shown = {one.rule: (one.figure, one.owner) for one in readings(measures)}
    assert shown == {
        "critical_count": (1, "ecommerce"),
        "error_count": (2, "ecommerce"),
        "incident_count": (8, "ecommerce"),
        "rate_per_10_minutes": (3, "ecommerce"),
        "overdue_count": (4, "ecommerce"),
        "oldest_minutes": (90, "ecommerce"),
        "held_share_percent": (6.0, "ops"),
        "silence_minutes": (17.0, "it"),
        "backlog_minutes": (2.5, "it"),
    }
    least = {one.rule: one.figure for one in readings(msgspec.structs.replace(measures, orders_of_day=FEWEST_ORDERS))}
    assert least["held_share_percent"] == 30.0
    few = {one.rule: one.figure for one in readings(msgspec.structs.replace(measures, orders_of_day=19, incidents=()))}
    assert (few["held_share_percent"], few["oldest_minutes"], few["critical_count"]) == (0.0, 0, 0)


def test_the_alert_of_a_type_tells_the_worst_the_oldest_and_the_first_due_of_all_its_causes() -> None:
    many = [
        ONE._replace(
            group=f"g{number}",
            severity=Severity.WARNING if number else Severity.ERROR,
            total=1,
            awake=1,
            alarming=0,
            errors=1,
            opened_at=NOW - (number + 1) * MINUTE,
            due_at=None if number == 3 else NOW + abs(number - 5) * MINUTE,
            example=100 + abs(number - 7),
        )
        for number in range(MANY_CAUSES + 1)
    ]
    [over] = judge(Measures(now=NOW, incidents=many), Limits(), ())
    assert (over.subject, over.severity, over.count) == ("type:sku_unknown", Severity.ERROR, MANY_CAUSES + 1)
    assert (over.since, over.due_at, over.example) == (NOW - (MANY_CAUSES + 1) * MINUTE, NOW, 100)


def test_of_what_is_open_for_long_the_oldest_is_told() -> None:
    week = 7 * 24 * 60
    old = [
        ONE._replace(
            group=f"g{age}",
            awake=1,
            alarming=0,
            errors=0,
            recent=0,
            overdue=0,
            held=0,
            example=age,
            opened_at=NOW - age * MINUTE,
        )
        for age in (week, week + 5, week + 1)
    ]
    [over] = judge(Measures(now=NOW, incidents=old), Limits(), ())
    assert (over.rule, over.figure, over.example, over.since) == (
        "oldest_minutes",
        week + 5,
        week + 5,
        NOW - (week + 5) * MINUTE,
    )
