"""The table of an order's states says what it has to."""

from __future__ import annotations

import pytest

from actors.domain.order_state import FINAL, STATES, UNTOUCHED, OrderState, may_follow

S = OrderState


def test_every_state_is_in_the_table_and_explained() -> None:
    assert set(STATES) == set(OrderState)
    for note in STATES.values():
        assert note.meaning.endswith(".")
        assert note.moved_by.endswith(".")


def test_every_state_is_reached_from_accepted() -> None:
    reached, frontier = {S.ACCEPTED}, {S.ACCEPTED}
    while frontier:
        frontier = {after for state in frontier for after in STATES[state].followed_by} - reached
        reached |= frontier
    assert reached == set(OrderState)


def test_every_state_that_is_not_final_leads_to_a_final_one_or_to_exported() -> None:
    good = set(FINAL) | {S.EXPORTED}
    for _ in OrderState:
        good |= {state for state, note in STATES.items() if note.followed_by & good}
    assert good == set(OrderState)


def test_final_states() -> None:
    assert {S.CANCELLED, S.EXCLUDED} == FINAL


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.IN_DOUBT, S.CREATING),  # a doubt is settled before anything is created
        (S.IN_DOUBT, S.CANCELLED),  # a sale that may be there is not forgotten
        (S.CREATING, S.CANCELLED),
        (S.CREATING, S.EXPORTED),
        (S.HEADER, S.ACCEPTED),  # a sale that is there is not forgotten either
        (S.HEADER, S.CREATING),
        (S.HEADER, S.CANCELLED),
        (S.POSTED, S.CREATING),
        (S.POSTED, S.CANCELLED),
        (S.EXPORTED, S.CREATING),
        (S.EXPORTED, S.CANCELLED),  # only by way of a proved void
        (S.EXPORTED, S.EXCLUDED),
        (S.CANCELLED, S.ACCEPTED),
    ],
)
def test_moves_that_would_forget_or_double_a_sale_are_not_in_the_table(before: OrderState, after: OrderState) -> None:
    assert not may_follow(before, after)


def test_staying_is_always_allowed() -> None:
    assert all(may_follow(state, state) for state in OrderState)


def test_untouched_states_may_be_created_or_left() -> None:
    for state in UNTOUCHED:
        assert may_follow(state, S.CREATING)
        assert may_follow(state, S.CANCELLED)
        assert may_follow(state, S.EXCLUDED)
