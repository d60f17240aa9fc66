"""One poison record delays nobody (law L7, failure story R5)."""

from __future__ import annotations

import pytest

from tests.simulation.poison import DOSE, HELD, REFRESH_SECONDS, SET_ASIDE, Outcome, compare, verdict


@pytest.fixture(scope="module")
def runs() -> tuple[Outcome, Outcome]:
    """160 orders in 96 seconds, twice; a thousand are `python -m tests.simulation.poison`."""
    return compare(1, count=160, minutes=1.6)


def test_good_orders_are_not_later_for_the_poison_among_them(runs: tuple[Outcome, Outcome]) -> None:
    alone, among = runs
    assert alone.p99 > 120, "they are to come faster than the limit lets them go"
    assert among.p99 <= alone.p99 * 1.05, verdict(alone, among)


def test_held_orders_go_by_themselves_once_the_fact_changed(runs: tuple[Outcome, Outcome]) -> None:
    _, among = runs
    assert len(among.held) == sum(kind in HELD for kind in DOSE)
    assert among.healed_within <= REFRESH_SECONDS + 30


def test_what_breaks_its_handler_is_set_aside_with_an_exception(runs: tuple[Outcome, Outcome]) -> None:
    _, among = runs
    assert len(among.set_aside) == sum(kind in SET_ASIDE for kind in DOSE)
    assert set(among.set_aside.values()) == {"message_quarantined"}
    assert among.kills == 3, "the killer killed three times, then it was set aside"
