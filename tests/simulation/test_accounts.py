"""Each of the sixteen accounts: learnt in at most nine drafts, never wrong, not even when it changes overnight.

The full run is a command of its own: `python -m tests.simulation.accounts`.
"""

from __future__ import annotations

import pytest

from adapters.sandbox.cin7_documents import Arithmetic
from tests.rich_orders import rich_orders
from tests.simulation.accounts import MOST_DRAFTS, Account, accounts, change_overnight, learn_one, run

CHANGES = [
    ("2 given half_up", "2 row2 half_even"),
    ("2 given half_even", "4 document half_up"),
    ("2 row2 half_up", "2 row2 half_even"),
    ("4 document half_even", "4 given half_up"),
    ("2 row2 half_even", "2 document half_even"),
]


@pytest.mark.parametrize("name", accounts())
def test_an_account_is_learnt_in_at_most_nine_drafts_and_nothing_is_posted_wrong(name: str) -> None:
    tally = learn_one(name, seed=1, orders=120).tally

    assert tally.wrong == []
    assert tally.drafts <= MOST_DRAFTS
    assert tally.posted
    if "given" in name:
        assert not tally.held
        assert tally.calls == 2 * tally.posted + tally.drafts


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_an_account_that_changes_overnight_posts_nothing_wrong(before: str, after: str) -> None:
    tally = change_overnight(before, after, seed=2, orders=80)

    assert tally.wrong == []
    assert tally.posted


@pytest.mark.parametrize("refused", ["negative_charges", "repeated_charges"])
def test_an_account_that_refuses_is_understood_at_the_first_refusal(refused: str) -> None:
    account = Account(Arithmetic(), **{refused: False})
    tally = run(account, rich_orders(3, 150))

    assert tally.wrong == []
    assert getattr(account.calibration, refused) is False
    assert set(tally.held) <= {"negative_refused", "charge_repeated"}


@pytest.mark.parametrize("name", ["2 row2 half_up", "2 row2 half_even"])
def test_an_account_that_refuses_another_tax_is_learnt_from_its_refusals(name: str) -> None:
    tally = run(Account(accounts()[name], check_tax=True), rich_orders(4, 100))

    assert tally.wrong == []
    assert set(tally.held) <= {"prediction_differs"}
    assert tally.posted
