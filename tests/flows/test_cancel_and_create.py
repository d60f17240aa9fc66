"""Cancel and create in every order (failure stories C1, C2): enumerated from a dry run, not sampled."""

from __future__ import annotations

import functools

import pytest

from adapters.sandbox.virtual_time import run_virtual
from tests.simulation.cancellations import ANSWERED, GROUPS, Group, News, cancelled_first, dry


def played(group: Group) -> bool:
    """Say whether the suite has time for the group: `python -m tests.simulation.cancellations` plays the whole product.

    Of the writes whose answer is lost these are the extremes of news: none at all, and everything twice.
    """
    if group.fate is ANSWERED:
        return not group.kill or group.news is News.TOLD
    lost_on_the_way_there = group.fate.fault is not None and group.fate.operation != "sale_void"
    return group.news is News.TWICE or (group.news is News.LATE and lost_on_the_way_there)


PLAYED = [group for group in GROUPS if played(group)]

CALLS = (
    "commercetools: GET orders",
    "commercetools: GET orders/{id}",
    "cin7: POST sale",
    "commercetools: GET orders/{id}",
    "cin7: POST sale/order",
    "commercetools: GET orders/{id}",
    "commercetools: POST orders/{id}",
)
"""The calls of an export whose answers all come, and what is known after: enumerated, they must be these."""

STATES = ("accepted", "creating", "header", "posted", "exported")

LEAST = 450
"""So many interleavings the suite plays at least: fewer, and the enumeration has lost something."""


@pytest.mark.parametrize("group", PLAYED, ids=lambda group: group.name)
def test_a_cancellation_at_every_place_leaves_no_live_sale(group: Group) -> None:
    places = run_virtual(group.play)
    assert len(places) == len(set(places)) >= 6


def test_the_places_are_each_call_before_and_after_it_takes_effect_and_each_commit() -> None:
    places = run_virtual(functools.partial(dry, ANSWERED, News.SWEPT))
    calls = [place.split(" #")[0] for place in places if not place.startswith("commit")]
    assert calls == [f"{call} {moment}" for call in CALLS for moment in ("arrives", "is done")]
    commits = [place.split()[1] for place in places if place.startswith("commit")]
    assert tuple(dict.fromkeys(commits)) == STATES
    assert len(commits) > len(CALLS)


def test_the_interleavings_are_not_a_sample() -> None:
    """As many as the sum of the places of every group: a group that lost its places would be missed here."""
    found = sum(len(run_virtual(functools.partial(dry, group.fate, group.news))) for group in PLAYED)
    assert found >= LEAST


@pytest.mark.parametrize("kill", [False, True], ids=["alive", "killed"])
def test_the_news_of_the_creation_after_that_of_the_cancellation_makes_no_sale(kill: bool) -> None:
    """The tombstone (C2): the order is cancelled before it is known; the creation is told at every later place."""
    places = run_virtual(cancelled_first)
    assert len(places) >= 5
    for at in places:
        run_virtual(functools.partial(cancelled_first, at=at, kill=kill))
