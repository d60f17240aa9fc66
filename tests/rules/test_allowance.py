"""What we take when someone else uses the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.governor.allowance import PLATEAU_SECONDS, Allowance

HALF_AN_HOUR = 1_800.0


def test_before_any_limit_answer_it_is_the_limit() -> None:
    allowance = Allowance(60)
    assert allowance.cap(1e9) == 60
    assert allowance.paused_until(1e9) is None
    with pytest.raises(ValueError, match="at least one"):
        Allowance(0)


def test_it_drops_below_what_we_had_lingers_there_and_then_gives_everything_back() -> None:
    allowance = Allowance(60)
    assert allowance.limited(now=0.0, sent_at=-1.0, in_window=41, retry_after_seconds=60.0)
    assert allowance.cap(0.0) == 36
    assert allowance.cap(PLATEAU_SECONDS / 2) == 40
    assert allowance.cap(PLATEAU_SECONDS) == 41
    assert allowance.cap(PLATEAU_SECONDS * 1.5) == 41
    assert allowance.cap(HALF_AN_HOUR) == 60
    assert allowance.cap(HALF_AN_HOUR + 1) == 60


def test_calls_sent_before_the_pause_belong_to_its_incident() -> None:
    allowance = Allowance(60)
    assert allowance.limited(now=10.0, sent_at=9.0, in_window=41, retry_after_seconds=60.0)
    before = allowance.cap(12.0)
    assert not allowance.limited(now=12.0, sent_at=9.5, in_window=41, retry_after_seconds=60.0)
    assert allowance.cap(12.0) == before
    assert allowance.paused_until(12.0) == 70.0
    assert allowance.limited(now=75.0, sent_at=74.0, in_window=2, retry_after_seconds=60.0)


@pytest.mark.parametrize(("asked", "paused"), [(60.0, 60.0), (0.0, 1.0), (-5.0, 1.0), (86_400.0, 120.0)])
def test_a_pause_is_what_was_asked_for_within_reason(asked: float, paused: float) -> None:
    allowance = Allowance(60)
    allowance.limited(now=0.0, sent_at=0.0, in_window=60, retry_after_seconds=asked)
    assert allowance.paused_until(0.0) == paused
    assert allowance.paused_until(paused) is None


@given(
    limit=st.integers(1, 600),
    incidents=st.lists(st.tuples(st.floats(0.0, 2_000.0), st.integers(0, 700)), max_size=30),
)
def test_never_above_the_limit_never_nothing_and_always_back(limit: int, incidents: list[tuple[float, int]]) -> None:
    allowance, now = Allowance(limit), 0.0
    for gap, in_window in incidents:
        now += gap
        allowance.limited(now=now, sent_at=now, in_window=in_window, retry_after_seconds=60.0)
        assert 1 <= allowance.cap(now) <= limit
    caps = [allowance.cap(now + second) for second in range(0, 3_600, 60)]
    assert caps == sorted(caps)
    assert caps[-1] == limit
