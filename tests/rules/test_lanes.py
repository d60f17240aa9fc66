"""Who goes next when calls are scarce."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.calls import Lane
from actors.governor.lanes import Lanes

SHARES = {Lane.FULFILMENT: 6, Lane.FINANCE: 4, Lane.STOCK: 10, Lane.CATALOGUE: 2, Lane.BACKFILL: 2}
LOWER = [lane for lane in Lane if lane is not Lane.ORDERS]


def lanes_without_shares(reserve: int = 0) -> Lanes[str]:
    return Lanes[str](shares={}, reserve=reserve)


@pytest.mark.parametrize(
    ("waiting", "free", "only_orders", "expected"),
    [
        ([], 60, False, None),
        ([Lane.BACKFILL, Lane.ORDERS], 60, False, Lane.ORDERS),
        ([Lane.BACKFILL, Lane.STOCK, Lane.FINANCE], 60, False, Lane.FINANCE),
        ([Lane.ORDERS], 1, False, Lane.ORDERS),  # orders may use the reserve
        ([Lane.STOCK], 6, False, None),  # lower lanes leave it
        ([Lane.STOCK], 7, False, Lane.STOCK),
        ([Lane.STOCK], 60, True, None),
        ([Lane.STOCK, Lane.ORDERS], 60, True, Lane.ORDERS),
        ([Lane.ORDERS], 0, False, None),
    ],
)
def test_order_of_lanes_and_reserve(waiting: list[Lane], free: int, only_orders: bool, expected: Lane | None) -> None:
    lanes = lanes_without_shares(reserve=6)
    for lane in waiting:
        lanes.add(lane.label, lane, 0.0)
    picked = lanes.pick(0.0, free, only_orders=only_orders)
    assert picked == (None if expected is None else expected.label)


def test_first_come_first_served_within_a_lane_and_an_abandoned_ticket_is_gone() -> None:
    lanes = lanes_without_shares()
    for name in ("a", "b", "c"):
        lanes.add(name, Lane.ORDERS, 0.0)
    lanes.remove("b", Lane.ORDERS)
    lanes.remove("never queued", Lane.ORDERS)
    assert [lanes.pick(0.0, 9) for _ in range(3)] == ["a", "c", None]


def test_a_due_share_goes_before_orders_and_into_the_reserve_then_waits_its_interval() -> None:
    lanes = Lanes[str](shares={Lane.STOCK: 10}, reserve=6)
    for index in range(3):
        lanes.add(f"stock {index}", Lane.STOCK, 0.0)
        lanes.add(f"order {index}", Lane.ORDERS, 0.0)
    assert lanes.pick(0.0, 1) == "stock 0"
    assert lanes.pick(1.0, 1) == "order 0"
    assert lanes.next_due_at() == 6.0
    assert lanes.pick(5.9, 1) == "order 1"
    assert lanes.pick(6.0, 1) == "stock 1"


def test_half_the_allowance_halves_the_share() -> None:
    lanes = Lanes[str](shares={Lane.STOCK: 10}, reserve=6)
    for index in range(2):
        lanes.add(f"stock {index}", Lane.STOCK, 0.0)
    lanes.pick(0.0, 1, scale=0.5)
    assert lanes.next_due_at() == 12.0
    assert lanes.kept_free(0.5) == 3


def test_a_share_is_not_saved_up_while_there_is_no_work() -> None:
    lanes = Lanes[str](shares={Lane.STOCK: 10}, reserve=6)
    for index in range(10):
        lanes.add(f"stock {index}", Lane.STOCK, 1_000.0)
        lanes.add(f"order {index}", Lane.ORDERS, 1_000.0)
    picked = [lanes.pick(1_000.0 + second, 1) for second in range(6)]
    assert [name for name in picked if name is not None and name.startswith("stock")] == ["stock 0"]


def test_nobody_due_means_never() -> None:
    lanes = lanes_without_shares()
    lanes.add("stock", Lane.STOCK, 0.0)
    assert lanes.next_due_at() == math.inf


def test_clear_hands_back_everybody() -> None:
    lanes = lanes_without_shares()
    lanes.add("a", Lane.ORDERS, 0.0)
    lanes.add("b", Lane.STOCK, 0.0)
    assert lanes.clear() == ["a", "b"]
    assert len(lanes) == 0


@given(
    backlogged=st.sets(st.sampled_from(LOWER), min_size=1),
    slot=st.floats(0.9, 1.1),
)
@settings(max_examples=60, deadline=None)
def test_with_orders_always_waiting_every_lane_gets_its_share_and_orders_the_rest(
    backlogged: set[Lane], slot: float
) -> None:
    """Slots of about one a second, as under a full window; every queue is refilled at once."""
    lanes = Lanes[tuple[Lane, int]](shares=SHARES, reserve=6)
    waiting = [Lane.ORDERS, *sorted(backlogged)]
    for lane in waiting:
        for number in range(400):
            lanes.add((lane, number), lane, 0.0)
    now, taken, since_order, longest = 0.0, Counter[Lane](), 0, 0
    while now < 300.0:
        ticket = lanes.pick(now, 1)
        assert ticket is not None
        taken[ticket[0]] += 1
        since_order = 0 if ticket[0] is Lane.ORDERS else since_order + 1
        longest = max(longest, since_order)
        now += slot
    for lane in backlogged:
        assert SHARES[lane] * 5 - 2 <= taken[lane] <= SHARES[lane] * 5 + 2
    assert longest <= 2  # spread: never a row of lower lanes in front of an order
