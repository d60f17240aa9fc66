"""What an event of a sale calls for: a look where somebody waits for it, nothing where the next sweep will do."""

from __future__ import annotations

import pytest

from actors.domain.notification import Notification
from actors.intake.rules import ECHOES, NOBODY_WAITS_FOR, PICKED, SENT, SHOWN_BY_THE_SALE, Known, Verdict, judge
from actors.messages import Flow

ORDER = "order-1"
OURS = Known(ours=True, order=ORDER)


def verdict(kind: str, known: Known = OURS) -> Verdict:
    """What an event of this kind about a sale calls for."""
    told = Notification(identity="h:1", kind=kind, about="sale", subject="sale-1")
    return judge(told, known, from_cin7=True, project="sandbox")


@pytest.mark.parametrize("kind", sorted(NOBODY_WAITS_FOR))
def test_what_we_posted_and_what_is_shown_nowhere_brings_no_sweep_forward(kind: str) -> None:
    assert verdict(kind) == verdict(kind, Known()) == Verdict(outcome="known")


def test_a_shipment_that_was_read_costs_nothing_and_one_that_was_not_is_read() -> None:
    assert verdict(SENT) == Verdict(outcome="look", flow=Flow.FULFILMENT, subject=ORDER)
    assert verdict(SENT, Known(ours=True, order=ORDER, sent=True)) == Verdict(outcome="known")


def test_of_a_pick_the_list_is_read_unless_it_showed_it() -> None:
    assert verdict(PICKED).flow is Flow.CENSUS
    assert verdict(PICKED, Known(ours=True, order=ORDER, picked=True)) == Verdict(outcome="known")
    assert verdict(SENT, Known(ours=True, order=ORDER, picked=True)).flow is Flow.FULFILMENT


def test_each_kind_is_judged_by_one_of_these() -> None:
    assert not NOBODY_WAITS_FOR & (SHOWN_BY_THE_SALE | ECHOES)
