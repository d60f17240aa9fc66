"""Returns follow what was put back in stock; refunds are matched by their ids, never by their amounts."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.fulfilment import CreditNote
from actors.domain.order import Line, Order, Payment, ReturnItem, Transaction
from actors.domain.order_update import AddReturn, OrderAction, SetReturnState
from actors.domain.returning import Refund, aftersales, plan_returns, refund_findings, refunds

LINES = (("l1", "MUG", 2), ("l2", "PLATE", 1), ("l3", "MUG", 3))


def order(*returns: ReturnItem, payments: tuple[Payment, ...] = ()) -> Order:
    lines = tuple(
        Line(id=id_, sku=sku, name=sku, quantity=units, unit_minor=100, list_minor=100, total=100, currency="GBP")
        for id_, sku, units in LINES
    )
    return Order(
        id="o1",
        number="1001",
        version=3,
        created_at=0,
        modified_at=0,
        currency="GBP",
        digits=2,
        total=600,
        state="Open",
        lines=lines,
        returns=returns,
        payments=payments,
    )


def back(line: str, units: int, state: str = "Returned", id_: str = "r1") -> ReturnItem:
    return ReturnItem(id=id_, key="", line_id=line, quantity=units, state=state)


def note(number: str = "CR-1", status: str = "AUTHORISED", **restocked: int) -> CreditNote:
    return CreditNote(
        task_id=f"task-{number}",
        number=number,
        status=status,
        restocked={sku: Decimal(units) for sku, units in restocked.items()},
    )


def entered(units: int, line: str = "l1", number: str = "CR-1", nth: int = 1) -> tuple[OrderAction, ...]:
    key = f"cin7-task-{number}-{line}-{nth}"
    return (
        AddReturn(key=key, line_id=line, quantity=units, comment=f"Credit note {number}"),
        SetReturnState(item_id="", key=key, state="BackInStock"),
    )


RESTOCK = SetReturnState(item_id="r1", state="BackInStock")

CASES = {
    "nothing": ((), (), (), ()),
    "a return that is back and restocked": ((back("l1", 1),), (note(MUG=1),), (RESTOCK,), ()),
    "a return that is back and on no note": ((back("l1", 1),), (), (), ("return_open",)),
    "less restocked than came back": ((back("l1", 2),), (note(MUG=1),), (), ("return_open",)),
    "money without goods": ((back("l1", 1),), (note(),), (), ("return_open",)),
    "announced is waited for": ((back("l1", 1, "Advised"),), (), (), ()),
    "unusable was decided": ((back("l1", 1, "Unusable"),), (), (), ()),
    "in stock already": ((back("l1", 1, "BackInStock"),), (note(MUG=1),), (), ()),
    "restocked and nobody told": ((), (note(MUG=1),), entered(1), ()),
    "over two lines": ((), (note(MUG=4),), (*entered(2), *entered(2, "l3")), ()),
    "a second note": (
        (back("l1", 1, "BackInStock"),),
        (note(MUG=1), note("CR-2", MUG=1)),
        entered(1, number="CR-2", nth=2),
        (),
    ),
    "more than the order has": ((), (note(PLATE=3),), entered(1, "l2"), ("restock_differs",)),
    "another item": ((), (note(SPOON=1),), (), ("restock_differs",)),
    "a note taken back": ((back("l1", 1, "BackInStock"),), (), (), ("restock_differs",)),
    "a draft of a note": ((back("l1", 1),), (note(status="DRAFT"),), (), ("return_open",)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_and_told_of_returns(name: str) -> None:
    returns, notes, actions, told = CASES[name]
    plan = plan_returns(order(*returns), notes)
    assert plan.actions == actions
    assert tuple(finding.code for finding in plan.findings) == told
    assert all(finding.cause.endswith(".") for finding in plan.findings)


def test_a_sale_that_was_not_read_says_nothing() -> None:
    plan = plan_returns(order(back("l1", 1)), None)
    assert (plan.actions, plan.findings) == ((), ())


def apply(before: Order, actions: tuple[OrderAction, ...]) -> Order:
    """What commercetools makes of the actions."""
    items = list(before.returns)
    for action in actions:
        if isinstance(action, AddReturn):
            assert action.key not in {item.key for item in items}, "a key twice"
            made = ReturnItem(
                id=f"made-{action.key}",
                key=action.key,
                line_id=action.line_id,
                quantity=action.quantity,
                state="Returned",
            )
            items.append(made)
        elif isinstance(action, SetReturnState):
            [at] = [
                n for n, one in enumerate(items) if action.item_id == one.id or (action.key and action.key == one.key)
            ]
            assert items[at].state == "Returned", "only what is back can be restocked"
            items[at] = msgspec.structs.replace(items[at], state=action.state)
    return msgspec.structs.replace(before, returns=tuple(items))


STATES = st.sampled_from(["Advised", "Returned", "BackInStock", "Unusable"])


@given(
    returned=st.lists(st.tuples(st.sampled_from(["l1", "l2", "l3"]), st.integers(1, 3), STATES), max_size=5),
    restocked=st.lists(st.dictionaries(st.sampled_from(["MUG", "PLATE", "SPOON"]), st.integers(1, 5)), max_size=3),
)
def test_written_once_nothing_is_left_to_write(
    returned: list[tuple[str, int, str]], restocked: list[dict[str, int]]
) -> None:
    items = [back(line, units, state, id_=f"r{n}") for n, (line, units, state) in enumerate(returned)]
    notes = [note(f"CR-{n}", status="AUTHORISED", **units) for n, units in enumerate(restocked)]
    first = plan_returns(order(*items), notes)
    after = apply(order(*items), first.actions)
    second = plan_returns(after, notes)
    assert second.actions == ()
    assert [finding.code for finding in second.findings] == [finding.code for finding in first.findings]
    shown: Counter[str] = Counter()
    skus = {line.id: line.sku or "" for line in after.lines}
    for item in after.returns:
        shown[skus[item.line_id]] += item.quantity if item.state == "BackInStock" else 0
    back_before: Counter[str] = Counter()
    for item in items:
        back_before[skus[item.line_id]] += item.quantity if item.state == "BackInStock" else 0
    for sku in ("MUG", "PLATE"):
        put_back = sum(int(one.restocked.get(sku, 0)) for one in notes)
        assert shown[sku] <= max(put_back, back_before[sku]), "more shown than is on the shelf"


# -- refunds ----------------------------------------------------------------------------------------------------------


def paid(*transactions: Transaction) -> tuple[Payment, ...]:
    return (Payment(id="p1", transactions=transactions),)


def refund(id_: str = "t1", state: str = "Success", amount: int = 500, interaction: str = "psp-1") -> Transaction:
    return Transaction(id=id_, type="Refund", state=state, amount=amount, currency="GBP", interaction_id=interaction)


CHARGE = Transaction(id="c1", type="Charge", state="Success", amount=600, currency="GBP")


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (CreditNote(task_id="k", number="CR-1", status="AUTHORISED", refunds=("t1",)), "CR-1"),
        (CreditNote(task_id="k", number="CR-1", status="AUTHORISED", refunds=("psp-1",)), "CR-1"),
        (CreditNote(task_id="k", number="CR-1", status="AUTHORISED", memo="refund psp-1, by Ann"), "CR-1"),
        (CreditNote(task_id="k", number="CR-1", status="DRAFT", refunds=("t1",)), None),
        (CreditNote(task_id="k", number="CR-1", status="AUTHORISED", refunds=("t2",)), None),
        (CreditNote(task_id="k", number="CR-1", status="AUTHORISED"), None),
    ],
)
def test_a_note_names_a_refund_by_its_ids_alone(noted: CreditNote, expected: str | None) -> None:
    found = refunds(order(payments=paid(CHARGE, refund())), (noted,), ())
    assert [one.credit_note for one in found] == [expected]
    told = refund_findings(order(), found)
    assert [finding.code for finding in told] == ([] if expected else ["refund_open"])


def test_a_refund_that_failed_or_waits_is_nobodys_to_book() -> None:
    payments = paid(refund("t1", "Failure"), refund("t2", "Pending"), refund("t3", "Initial"))
    found = refunds(order(payments=payments), (), ())
    assert [one.state for one in found] == ["Failure", "Pending", "Initial"]
    assert refund_findings(order(), found) == ()


def test_what_a_note_named_stays_known_while_the_sale_is_not_read() -> None:
    known = Refund(
        transaction_id="t1",
        payment_id="p1",
        interaction_id="",
        amount=500,
        currency="GBP",
        state="Pending",
        credit_note="CR-7",
    )
    [found] = refunds(order(payments=paid(refund())), None, (known,))
    assert (found.credit_note, found.state) == ("CR-7", "Success")


def test_the_amount_is_told_in_its_own_currency() -> None:
    found = refunds(order(payments=paid(refund(amount=1234))), (), ())
    [told] = refund_findings(order(), found)
    assert "12.34 GBP" in told.cause
    assert told.field == "t1"


def test_returns_and_refunds_have_a_name_that_changes_with_them() -> None:
    names = [
        aftersales(order()),
        aftersales(order(back("l1", 1, "Advised"))),
        aftersales(order(back("l1", 1))),
        aftersales(order(back("l1", 1), payments=paid(CHARGE, refund(state="Pending")))),
        aftersales(order(back("l1", 1), payments=paid(CHARGE, refund()))),
    ]
    assert names[0] == ""
    assert len(set(names)) == len(names)
    assert aftersales(order(payments=paid(CHARGE))) == ""
