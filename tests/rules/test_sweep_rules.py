"""Where the sweeps begin and end, and what an accepted order calls for."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.order import Shipping
from actors.domain.order_state import OrderState
from actors.intake.rules import SweepRules, calls_for_a_look, goes_first, hot_start, pass_end, pass_start
from tests.orders_builder import plain_order

NOW = 1_800_000_000_000
DAY = 86_400_000


def test_the_hot_sweep_begins_a_little_back_and_not_before_since() -> None:
    assert hot_start(SweepRules(since=0, overlap=300_000), NOW).at == NOW - 300_000
    assert hot_start(SweepRules(since=NOW - 1_000, overlap=300_000), NOW).at == NOW - 1_000


def test_the_first_pass_begins_before_since_and_the_next_before_the_mark() -> None:
    rules = SweepRules(since=NOW - DAY, overlap=300_000)
    assert pass_start(rules, None).at == NOW - DAY - 300_000
    assert pass_start(rules, NOW).at == NOW - 300_000
    assert pass_start(SweepRules(since=0), None).at == 0


@given(
    since=st.integers(0, NOW),
    overlap=st.integers(0, DAY),
    trail=st.integers(0, DAY),
    steps=st.lists(st.integers(0, DAY), min_size=1, max_size=6),
)
def test_no_instant_lies_between_two_passes(since: int, overlap: int, trail: int, steps: list[int]) -> None:
    """Each pass begins no later than the one before it ended, and none reaches further than `trail` before now."""
    rules = SweepRules(since=since, overlap=overlap, trail=trail)
    now, mark = NOW, None
    for step in steps:
        begin, end = pass_start(rules, mark), pass_end(rules, now)
        assert begin.id == ""
        assert begin.at <= (since if mark is None else mark)
        assert end == now - trail
        mark, now = end, now + step


@pytest.mark.parametrize("state", list(OrderState))
def test_what_calls_for_a_look(state: OrderState) -> None:
    """Every changed order, one that is a sale too; but one that was excluded never."""
    assert calls_for_a_look(state) is (state is not OrderState.EXCLUDED)


@pytest.mark.parametrize(
    ("methods", "first"),
    [((), False), (("Standard",), False), (("Express",), True), (("express",), False), (("Standard", "Express"), True)],
)
def test_an_order_goes_first_by_the_exact_name_of_a_shipping_method(methods: tuple[str, ...], first: bool) -> None:
    order = msgspec.structs.replace(
        plain_order(), shipping=tuple(Shipping(method=method, price=0) for method in methods)
    )
    assert goes_first(SweepRules(since=0, first=frozenset({"Express"})), order) is first
    assert not goes_first(SweepRules(since=0), order)
