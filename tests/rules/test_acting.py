"""What an action would do, what it costs, and who may do it: by table, and one property over all of them."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from actors.desk.acting import ACTIONS, Case, Refusal, Would, fitting, is_money, refused_to, would
from actors.domain.order_state import OrderState

HELD = Case(type="sku_unknown", owner="ecommerce", kind="order", holds=True, state=OrderState.HELD)
DIFFERS = Case(
    type="books_differ",
    owner="finance",
    kind="order",
    state=OrderState.EXPORTED,
    has_sale=True,
    books_due=True,
    differs=True,
)
UNCONFIRMED = msgspec.structs.replace(DIFFERS, type="release_unconfirmed")
CHANGED = msgspec.structs.replace(HELD, type="order_edited", owner="ops", has_sale=True, changed=True)
DAY = Case(type="posting_waits", owner="finance", kind="books", waiting=7)
LATE = Case(type="backordered", owner="ops", kind="order", state=OrderState.EXPORTED, has_sale=True, books_due=True)
STOPPED = Case(type="flow_stopped", owner="it", kind="flow")
ASIDE = Case(type="message_quarantined", owner="it", kind="message")
SOLD = msgspec.structs.replace(HELD, type="channel_unmapped", owner="ops", has_sale=True)
IN_DOUBT, MAKING = (msgspec.structs.replace(HELD, state=state) for state in (OrderState.IN_DOUBT, OrderState.CREATING))
CANCELLED = msgspec.structs.replace(HELD, state=OrderState.CANCELLED)
OVER = msgspec.structs.replace(HELD, open=False)
ALONE = Case(type="tax_rule_changed", owner="finance", kind="tax_rule", can_retry=False)


@pytest.mark.parametrize(
    ("action", "case", "calls", "says"),
    [
        ("retry", HELD, 2, "judged again"),
        ("retry", DIFFERS, 2, "read again"),
        ("retry", STOPPED, 0, "goes on"),
        ("retry", ASIDE, 1, "asked again"),
        ("retry", IN_DOUBT, 1, "never made blindly"),
        ("retry", SOLD, 2, "read again"),
        ("release", HELD, 2, "judged again"),
        ("release", DIFFERS, 3, "accepted as they stand"),
        ("release", DAY, 14, "every order of its day"),
        ("dismiss", HELD, 0, "excluded for good"),
        ("dismiss", DIFFERS, 3, "accepted as they stand, and posted"),
        ("dismiss", CHANGED, 1, "accepted as it was changed"),
        ("dismiss", SOLD, 1, "if the cause stands, it opens again"),
        ("dismiss", ALONE, 0, "closed with your reason"),
        ("dismiss", LATE, 0, "closed with your reason"),
        ("release", CHANGED, 1, "accepted as it was changed"),
        ("assign", HELD, 0, "assigned"),
        ("alias", HELD, 2, "the original kept"),
    ],
)
def test_what_it_would_do_and_cost(action: str, case: Case, calls: int, says: str) -> None:
    outcome = would(action, case)
    assert isinstance(outcome, Would)
    assert outcome.calls == calls
    assert says in outcome.what


@pytest.mark.parametrize(
    ("action", "case", "why"),
    [
        ("dismiss", STOPPED, "stands still"),
        ("dismiss", ASIDE, "unseen"),
        ("dismiss", DAY, "release them"),
        ("dismiss", UNCONFIRMED, "a second person"),
        ("release", STOPPED, "nothing of it waits"),
        ("alias", DIFFERS, "exported"),
        ("alias", DAY, "no order"),
        ("wake", HELD, "does not rest"),
        ("retry", CANCELLED, "nothing leads out of that"),
        ("retry", ALONE, "clears by itself"),
        ("note", SOLD, "corrected there"),
        ("address", msgspec.structs.replace(HELD, readable=False), "retry it"),
        ("note", MAKING, "corrected there"),
        *((action, OVER, "resolved already") for action in ACTIONS),
    ],
)
def test_what_it_would_refuse(action: str, case: Case, why: str) -> None:
    outcome = would(action, case)
    assert isinstance(outcome, Refusal)
    assert why in outcome.why


def test_what_is_no_sale_yet_may_be_edited() -> None:
    for state in (OrderState.ACCEPTED, OrderState.AWAITING, OrderState.HELD, OrderState.SHADOWED):
        assert isinstance(would("note", msgspec.structs.replace(HELD, state=state)), Would), state


@pytest.mark.parametrize(
    ("action", "case"), [("release", DIFFERS), ("dismiss", DIFFERS), ("release", DAY), ("release", LATE)]
)
def test_money_is_finances_alone(action: str, case: Case) -> None:
    assert is_money(action, case)
    assert refused_to({"finance"}, action, case) == ""
    for role in ("ops", "ecommerce", "it", "viewer"):
        assert refused_to({role}, action, case) == "this needs the role finance"


@pytest.mark.parametrize(
    ("action", "case", "roles"),
    [
        ("release", CHANGED, {"ops"}),
        ("release", msgspec.structs.replace(CHANGED, owner="ecommerce"), {"ops"}),
        ("retry", msgspec.structs.replace(CHANGED, owner="ecommerce"), {"ecommerce", "it"}),
        ("release", msgspec.structs.replace(LATE, books_due=False), {"ops"}),
        ("dismiss", SOLD, {"ops"}),
        ("dismiss", HELD, {"ecommerce"}),
        ("dismiss", msgspec.structs.replace(HELD, for_finance=True), {"finance"}),
        ("dismiss", msgspec.structs.replace(SOLD, for_finance=True), {"ops"}),
        ("note", HELD, {"ops", "ecommerce"}),
        ("assign", DIFFERS, {"ops", "finance", "ecommerce", "it"}),
    ],
)
def test_each_action_has_its_people(action: str, case: Case, roles: set[str]) -> None:
    people = {role for role in ("ops", "finance", "ecommerce", "it", "viewer") if not refused_to({role}, action, case)}
    assert people == roles


def test_a_viewer_may_nothing_and_admin_everything() -> None:
    for action, case in itertools.product(ACTIONS, (HELD, DIFFERS, DAY, LATE, STOPPED, ASIDE)):
        assert refused_to({"viewer"}, action, case)
        assert refused_to(set(), action, case)
        assert refused_to({"admin"}, action, case) == ""


def test_what_fits_is_what_would_do_something() -> None:
    assert fitting(STOPPED) == ["retry", "assign", "snooze"]
    assert fitting(DAY)[0] in ("retry", "release")
    assert "dismiss" not in fitting(ASIDE)
