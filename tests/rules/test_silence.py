"""When too little comes in."""

from __future__ import annotations

from fractions import Fraction
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.silence import DAYS, LEAST_DAYS, is_silent, same_hours
from actors.domain.time import format_instant, parse_instant


@pytest.mark.parametrize(
    ("count", "history", "floor", "silent"),
    [
        (0, [], 0, False),
        (0, [], 1, True),
        (1, [], 1, False),
        (0, [100] * 6, 0, False),
        (0, [100] * 7, 0, True),
        (9, [100] * 7, 0, True),
        (10, [100] * 7, 0, False),
        (0, [0] * 28, 0, False),
        (0, [0] * 15 + [50] * 13, 0, False),
        (0, [0] * 13 + [50] * 15, 0, True),
        (50, [100] * 28, 60, True),
    ],
)
def test_silence(count: int, history: list[int], floor: int, silent: bool) -> None:
    assert is_silent(count, history, floor=floor) is silent


def test_a_day_of_the_week_on_which_nothing_is_sold_is_usual() -> None:
    busy = [100] * 24 + [0] * 4
    assert is_silent(0, busy)
    assert not is_silent(0, busy, weekdays=[0, 0, 0, 0])
    assert is_silent(0, busy, weekdays=[100, 100, 0, 90])
    assert is_silent(0, busy, weekdays=[0, 0], floor=1)


def test_the_same_hour_is_that_of_the_clock_on_the_wall() -> None:
    zone = ZoneInfo("Europe/London")
    end = parse_instant("2026-10-26T09:00:00Z")  # the clocks went back on the 25th
    hours = same_hours(end, zone)
    assert [hour.days for hour in hours] == list(range(1, DAYS + 1))
    assert [format_instant(hour.end) for hour in hours[:3]] == [
        "2026-10-25T09:00:00.000Z",
        "2026-10-24T08:00:00.000Z",
        "2026-10-23T08:00:00.000Z",
    ]


@given(count=st.integers(0, 1000), history=st.lists(st.integers(0, 10_000), min_size=LEAST_DAYS, max_size=28))
def test_it_is_a_tenth_of_the_median_exactly(count: int, history: list[int]) -> None:
    assert is_silent(count, history) == (count < Fraction(median(Fraction(each) for each in history)) / 10)
