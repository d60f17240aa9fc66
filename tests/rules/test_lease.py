"""Who may write: the lease as read, and what to think of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.lease import Claim, LeaseView, StoredLease, decide, view_of
from actors.orders.lease import LEASE_SECONDS, RENEW_SECONDS, VALID_SECONDS

OWN = LeaseView(instance="a", beat=7)


@pytest.mark.parametrize(
    ("held", "unchanged", "claim"),
    [
        pytest.param(None, 0.0, Claim.TAKE, id="free"),
        pytest.param(LeaseView(instance="a", beat=7), 0.0, Claim.TAKE, id="ours"),
        pytest.param(LeaseView(instance="a", beat=6), 0.0, Claim.TAKE, id="ours-and-the-last-write-was-lost"),
        pytest.param(LeaseView(instance="a", beat=8), 0.0, Claim.WAIT, id="a-newer-file-of-ours-may-be-alive"),
        pytest.param(LeaseView(instance="a", beat=8), 89.9, Claim.WAIT, id="not-long-enough"),
        pytest.param(LeaseView(instance="a", beat=8), 90.0, Claim.TAKE_REBORN, id="our-file-was-restored"),
        pytest.param(LeaseView(instance="b", beat=1), 0.0, Claim.WAIT, id="somebody-elses"),
        pytest.param(LeaseView(instance="b", beat=1), 89.9, Claim.WAIT, id="not-renewed-for-a-while"),
        pytest.param(LeaseView(instance="b", beat=1), 90.0, Claim.TAKE, id="not-renewed-any-more"),
    ],
)
def test_the_claim(held: LeaseView | None, unchanged: float, claim: Claim) -> None:
    assert decide(held, own=OWN, unchanged_seconds=unchanged, lease_seconds=90.0) is claim


@given(instance=st.sampled_from("ab"), beat=st.integers(0, 20), own=st.integers(0, 20), unchanged=st.floats(0, 89.99))
def test_a_lease_somebody_may_be_renewing_is_never_taken(instance: str, beat: int, own: int, unchanged: float) -> None:
    held, mine = LeaseView(instance=instance, beat=beat), LeaseView(instance="a", beat=own)
    claim = decide(held, own=mine, unchanged_seconds=unchanged, lease_seconds=90.0)
    assert (claim is Claim.TAKE) == (instance == "a" and beat <= own)


@pytest.mark.parametrize(
    ("value", "view"),
    [
        ({"instance": "a", "beat": 3}, LeaseView(instance="a", beat=3)),
        ({"instance": "a", "beat": 3, "more": 1}, LeaseView(instance="a", beat=3)),
        ({"instance": "a"}, None),
        ({"beat": 3}, None),
        ({"instance": 5, "beat": 3}, None),
        ({"instance": "a", "beat": "3"}, None),
        ({}, None),
    ],
)
def test_what_is_not_a_lease_is_none(value: dict[str, Any], view: LeaseView | None) -> None:
    assert view_of(StoredLease(value=value, version=1)) == view


def test_a_holder_stops_before_another_may_begin_and_has_more_than_one_try() -> None:
    assert 2 * RENEW_SECONDS < VALID_SECONDS < LEASE_SECONDS
