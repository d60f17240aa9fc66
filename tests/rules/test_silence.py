"""When too little comes in."""

from __future__ import annotations

from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.silence import LEAST_DAYS, is_silent


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


@given(count=st.integers(0, 1000), history=st.lists(st.integers(0, 10_000), min_size=LEAST_DAYS, max_size=28))
def test_it_is_a_tenth_of_the_median_exactly(count: int, history: list[int]) -> None:
    assert is_silent(count, history) == (count < Fraction(median(Fraction(each) for each in history)) / 10)
