"""What came back: returns of the storefront against what Cin7 Core put back in stock; refunds against its notes.

Cin7 is the master of what is in stock, commercetools of the return the customer was told of. A credit note that
restocks units is what makes a return `BackInStock`; where the storefront knows of no such return, one is entered first.
Nothing is refunded here, and no units are given back: the ledger of the entry finds them in Cin7's availability.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Line, Order, ReturnItem, Transaction
from actors.domain.order_update import AddReturn, OrderAction, SetReturnState

KEY = "cin7-"
RETURNED = "Returned"
BACK_IN_STOCK = "BackInStock"
_STANDING = "Success"
SHORTEST_ID = 5
"""Characters of an id that is looked for in a memo."""


class ReturnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to write about returns (`actions`), and what does not agree (`findings`)."""

    actions: tuple[OrderAction, ...] = ()
    findings: tuple[Finding, ...] = ()


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of the order; `amount` in minor units, `credit_note` the number of the note that names it (or None)."""

    transaction_id: str
    payment_id: str
    interaction_id: str
    amount: int
    currency: str
    state: str
    credit_note: str | None


def aftersales(order: Order) -> str:
    """Name the order's returns and refunds as they stand; "" where there are none.

    By their keys, where they have one: of a return that was just entered no id is known yet.
    """
    returns = sorted(f"{item.key or item.id}:{item.state}" for item in order.returns)
    paid_back = sorted(f"{refund.id}:{refund.state}" for _, refund in _paid_back(order))
    return ",".join([*returns, *paid_back])


# -- goods ------------------------------------------------------------------------------------------------------------


def plan_returns(order: Order, notes: Sequence[CreditNote] | None) -> ReturnPlan:
    """Compare the order's returns with what credit notes restocked. `notes` None: the sale was not read.

    The returns that are back are matched whole, oldest first, SKU by SKU; units that no return accounts for become one
    of our own, under a key that is the same whenever it is worked out. What is `Unusable` was decided by a person, and
    is none of the restocked. Advised returns have not arrived: they are let be.
    """
    if notes is None:
        return ReturnPlan()
    matched = [_match(order, notes, sku) for sku in _skus(order, notes)]
    return ReturnPlan(
        actions=tuple(action for one in matched for action in one.actions),
        findings=tuple(finding for one in matched for finding in one.findings),
    )


def _match(order: Order, notes: Sequence[CreditNote], sku: str) -> ReturnPlan:
    items = [item for line in _lines(order, sku) for item in order.returns if item.line_id == line.id]
    left = _restocked(notes, sku) - sum(item.quantity for item in items if item.state == BACK_IN_STOCK)
    if left < 0:
        return ReturnPlan(findings=(_differs(order, notes, sku, left),))
    actions: list[OrderAction] = []
    waiting: list[ReturnItem] = []
    for item in items:
        if item.state == RETURNED and item.quantity <= left:
            actions.append(SetReturnState(item_id=item.id, state="BackInStock"))
            left -= item.quantity
        elif item.state == RETURNED:
            waiting.append(item)
    if waiting:
        return ReturnPlan(actions=tuple(actions), findings=(_open(order, sku, waiting, left),))
    entered, left = _entered(order, notes, sku, left)
    found = (_differs(order, notes, sku, left),) if left else ()
    return ReturnPlan(actions=(*actions, *entered), findings=found)


def _entered(order: Order, notes: Sequence[CreditNote], sku: str, left: int) -> tuple[list[OrderAction], int]:
    """Enter as returned, and back in stock, what was restocked and no return tells of; return what finds no line."""
    actions: list[OrderAction] = []
    for line in _lines(order, sku) if left else ():
        known = [item.quantity for item in order.returns if item.line_id == line.id]
        taken = min(line.quantity - sum(known), left)
        if taken <= 0:
            continue
        named = max((note for note in notes if note.restocked.get(sku)), key=lambda note: note.number)
        key = f"{KEY}{named.task_id}-{line.id}-{len(known) + 1}"
        actions.append(AddReturn(key=key, line_id=line.id, quantity=taken, comment=f"Credit note {named.number}"))
        actions.append(SetReturnState(item_id="", key=key, state="BackInStock"))
        left -= taken
    return actions, left


def _differs(order: Order, notes: Sequence[CreditNote], sku: str, units: int) -> Finding:
    """Tell of more restocked than the order can have sent back, or (negative units) of less than it shows."""
    shown = order.shown_as
    more = f"Credit notes put back {units} of {sku} more than order {shown} can have sent back."
    less = f"{-units} of {sku} that order {shown} shows as back in stock are on no credit note that stands."
    return Finding(
        code="restock_differs",
        cause=more if units > 0 else less,
        sku=sku,
        facts={"credit notes": ", ".join(sorted(note.number for note in notes if note.restocked.get(sku)))},
    )


def _open(order: Order, sku: str, waiting: Sequence[ReturnItem], left: int) -> Finding:
    units = sum(item.quantity for item in waiting)
    return Finding(
        code="return_open",
        cause=f"{units} of {sku} came back from order {order.shown_as}, and no credit note in Cin7 Core restocks them.",
        sku=sku,
        facts={"returned": str(units), "restocked beside": str(left)},
    )


def _skus(order: Order, notes: Sequence[CreditNote]) -> list[str]:
    named = {item.line_id for item in order.returns}
    returned = {line.sku for line in order.lines if line.id in named and line.sku}
    return sorted(returned.union(*(note.restocked for note in notes)))


def _lines(order: Order, sku: str) -> list[Line]:
    return [line for line in order.lines if line.sku == sku]


def _restocked(notes: Sequence[CreditNote], sku: str) -> int:
    """Whole units put back: a part of a unit is none that could be sold."""
    return int(sum((note.restocked.get(sku, Decimal(0)) for note in notes), Decimal(0)))


# -- money ------------------------------------------------------------------------------------------------------------


def refunds(order: Order, notes: Sequence[CreditNote] | None, known: Sequence[Refund]) -> tuple[Refund, ...]:
    """Return the order's refunds, each with the credit note that names it. `notes` None: as `known` says.

    A credit note names a refund by its id or by the payment provider's, as the reference of its refund payment or in
    its memo. Amounts are never compared to find one: two refunds may be alike.
    """
    before = {refund.transaction_id: refund.credit_note for refund in known}
    return tuple(
        Refund(
            transaction_id=transaction.id,
            payment_id=payment_id,
            interaction_id=transaction.interaction_id,
            amount=transaction.amount,
            currency=transaction.currency,
            state=transaction.state,
            credit_note=(
                before.get(transaction.id)
                if notes is None
                else _naming(notes, {transaction.id, transaction.interaction_id} - {""})
            ),
        )
        for payment_id, transaction in _paid_back(order)
        if transaction.id
    )


def refund_findings(order: Order, found: Sequence[Refund]) -> tuple[Finding, ...]:
    """Tell of each refund that stands and that no credit note names."""
    return tuple(
        Finding(
            code="refund_open",
            cause=f"A refund of order {order.shown_as} over {_amount(order, refund)} is named by no credit note.",
            field=refund.transaction_id,
            facts={"refund": refund.transaction_id, "provider's id": refund.interaction_id},
            group="refund_open",
        )
        for refund in found
        if refund.state == _STANDING and refund.credit_note is None
    )


def _paid_back(order: Order) -> Iterator[tuple[str, Transaction]]:
    return (
        (payment.id, transaction)
        for payment in order.payments
        for transaction in payment.transactions
        if transaction.type == "Refund"
    )


def _naming(notes: Sequence[CreditNote], ids: set[str]) -> str | None:
    named = (
        note.number
        for note in notes
        if note.authorised and (ids.intersection(note.refunds) or any(_stands_in(note.memo, one) for one in ids))
    )
    return min(named, default=None)


def _stands_in(memo: str, name: str) -> bool:
    """Say whether a memo names this id: one too short to be anybody's own is in every text."""
    return len(name) >= SHORTEST_ID and name in memo


def _amount(order: Order, refund: Refund) -> str:
    if refund.currency != order.currency:
        return f"{refund.amount} minor units of {refund.currency}"
    return f"{Decimal(refund.amount).scaleb(-order.digits):.{order.digits}f} {refund.currency}"
