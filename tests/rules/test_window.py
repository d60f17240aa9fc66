"""The exact log: what counts, for how long, and what a restart knows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.calls import Lane
from actors.governor.journal import LoggedCall
from actors.governor.window import CLOCK_TOLERANCE_MS, Window

WALL = 1_796_083_200_000
TIMEOUT_MS = 60_000
TOLERANCE = CLOCK_TOLERANCE_MS / 1000


def logged(sent_ago: float, ended_ago: float | None) -> LoggedCall:
    ended_at = None if ended_ago is None else WALL - round(ended_ago * 1000)
    return LoggedCall(sent_at=WALL - round(sent_ago * 1000), ended_at=ended_at, lane=Lane.ORDERS)


def test_a_call_counts_in_flight_and_60_seconds_and_the_margin_after_its_end() -> None:
    window = Window()
    window.begin()
    assert window.in_window(1_000.0) == 1  # however long it takes
    window.end(1_000.0)
    assert window.in_flight == 0
    assert window.in_window(1_060.02) == 1
    assert window.in_window(1_060.04) == 0


def test_a_lost_call_counts_from_the_last_moment_it_may_be_seen() -> None:
    window = Window()
    window.begin()
    window.end(50.0)  # told at 10 that it may be seen until 50
    assert window.in_window(100.0) == 1
    assert window.in_window(110.04) == 0


def test_a_withdrawn_call_never_counted() -> None:
    window = Window()
    window.begin()
    window.withdraw()
    assert window.in_window(0.0) == 0


def test_more_ends_than_calls_are_a_bug() -> None:
    with pytest.raises(ValueError, match="no call is in flight"):
        Window().end(0.0)


def test_next_free_is_now_or_the_release_that_makes_room_or_unknown() -> None:
    window = Window(margin=0.0)
    assert window.next_free_at(5.0, cap=2) == 5.0
    for end in (1.0, 3.0, 2.0):
        window.begin()
        window.end(end)
    assert window.next_free_at(5.0, cap=3) == 61.0
    assert window.next_free_at(5.0, cap=1) == 63.0  # a lowered cap waits for all that is too much
    window.begin()
    assert window.next_free_at(5.0, cap=1) is None  # only the end of the call in flight can tell
    assert window.free(5.0, cap=1) == 0
    assert window.free(5.0, cap=6) == 2


def test_restore_counts_an_ended_call_from_its_end() -> None:
    window = Window(margin=0.0)
    assert window.restore([logged(50.0, 40.0)], now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)
    assert window.in_window(19.9 + TOLERANCE) == 1
    assert window.in_window(20.1 + TOLERANCE) == 0


def test_restore_counts_an_open_call_from_the_end_of_its_timeout() -> None:
    window = Window(margin=0.0)
    assert window.restore([logged(10.0, None)], now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)
    assert window.in_window(109.9 + TOLERANCE) == 1  # may be seen until 50
    assert window.in_window(110.1 + TOLERANCE) == 0


def test_restore_of_an_empty_log_is_an_empty_window() -> None:
    window = Window()
    assert window.restore([], now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)
    assert window.in_window(0.0) == 0


def test_restore_refuses_a_log_from_the_future_and_takes_nothing_over() -> None:
    window = Window()
    future = [logged(30.0, 29.0), logged(-5.0, None)]
    assert not window.restore(future, now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)
    assert window.in_window(0.0) == 0
    within_tolerance = [logged(-TOLERANCE, None)]
    assert window.restore(within_tolerance, now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)


def test_a_lost_calls_end_may_lie_ahead() -> None:
    window = Window(margin=0.0)
    assert window.restore([logged(10.0, -50.0)], now=0.0, wall_now=WALL, timeout_ms=TIMEOUT_MS)
    assert window.in_window(109.9) == 1


def test_fill_leaves_no_room_and_holds_what_may_still_travel_longer() -> None:
    window = Window(margin=0.0)
    window.fill(now=0.0, cap=60, in_flight=4, timeout_ms=TIMEOUT_MS)
    assert window.free(59.9, cap=60) == 0
    assert window.free(60.1, cap=60) == 56
    assert window.free(120.1, cap=60) == 60


steps = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "lost", "withdraw", "wait"]), st.floats(0, 30)), max_size=400
)


@given(steps=steps, cap=st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_a_plain_list_of_everything_that_ever_happened(steps: list[tuple[str, float]], cap: int) -> None:
    window, now, in_flight = Window(margin=0.0), 0.0, 0
    ends: list[float] = []
    for what, amount in steps:
        if what == "begin":
            window.begin()
            in_flight += 1
        elif what == "wait":
            now += amount
        elif in_flight:
            in_flight -= 1
            if what == "withdraw":
                window.withdraw()
            else:
                ends.append(now + (amount if what == "lost" else 0.0))
                window.end(ends[-1])
        counted = in_flight + sum(end + 60.0 > now for end in ends)
        assert window.in_window(now) == counted
        assert window.free(now, cap) == max(0, cap - counted)
        free_at = window.next_free_at(now, cap)
        if free_at is None:
            assert in_flight >= cap
        elif free_at > now:
            assert in_flight + sum(end + 60.0 > free_at for end in ends) < cap
            assert in_flight + sum(end + 60.0 >= free_at for end in ends) >= cap


def test_a_million_calls_do_not_pile_up() -> None:
    window = Window()
    for second in range(20_000):
        window.begin()
        window.end(float(second))
        window.in_window(float(second))
    assert len(window._releases) < 400
