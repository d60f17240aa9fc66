"""Money that moved, as payments of the books: what was captured onto invoices, what was given back onto credit notes.

One transaction, one reference: a payment in Cin7 Core is the transaction whose id (or whose provider's id, where a
person entered it) stands in its Reference (fact sheet §2.8). Nothing is ever matched by its amount alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, LedgerAccount, fact_ref
from actors.domain.financial import NOTHING, Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.money import to_decimal
from actors.domain.order import Order, Payment, Transaction
from actors.domain.returning import Refund
from actors.domain.time import Instant, date_in_zone
from actors.domain.vouchers import PaymentVoucher

SUCCESS = "Success"
CENT = Decimal("0.01")
"""Cin7 Core takes payments with two decimals (fact sheet §1.4)."""

_MOVING = ("Charge", "Refund", "Chargeback")


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved in commercetools. `amount` in main units; `names` are what a payment may call it."""

    id: str
    names: frozenset[str]
    amount: Decimal
    at: Instant | None = None


class _Ways(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how payments are to be posted: see `to_pay`."""

    order: Order
    sale_id: str
    accounts: Mapping[str, str]
    ledger: Mapping[str, LedgerAccount]
    zone: ZoneInfo
    opens: date | None
    rate: Decimal
    today: date


# -- what moved -------------------------------------------------------------------------------------------------------


def captured(order: Order) -> tuple[tuple[Payment, Transaction], ...]:
    """Return what was captured and still stands, in the order it happened; of any currency.

    A chargeback takes the money of its payment's charges away again, the last one's first.
    """
    standing = [one for payment in order.payments for one in _charges(payment)]
    return tuple(sorted(standing, key=lambda one: (one[1].at is None, one[1].at or 0)))


def _charges(payment: Payment) -> list[tuple[Payment, Transaction]]:
    lost: dict[str, int] = {}
    for one in payment.transactions:
        if one.type == "Chargeback" and one.state == SUCCESS:
            lost[one.currency] = lost.get(one.currency, 0) + one.amount
    kept: list[tuple[Payment, Transaction]] = []
    for one in reversed(payment.transactions):
        if one.type != "Charge" or one.state != SUCCESS:
            continue
        gone = min(one.amount, lost.get(one.currency, 0))
        lost[one.currency] = lost.get(one.currency, 0) - gone
        if one.amount > gone:
            kept.append((payment, msgspec.structs.replace(one, amount=one.amount - gone)))
    return kept[::-1]


def receipts(order: Order) -> list[Movement]:
    """Return the captured transactions of the order's own currency as movements."""
    return [
        movement(order, one.id, one.interaction_id, one.amount, at=one.at)
        for _, one in captured(order)
        if one.currency == order.currency
    ]


def repayments(order: Order, refunds: Sequence[Refund]) -> list[Movement]:
    """Return the refunds that stand, of the order's own currency, as movements."""
    moments = {one.id: one.at for payment in order.payments for one in payment.transactions}
    return [
        movement(order, one.transaction_id, one.interaction_id, one.amount, at=moments.get(one.transaction_id))
        for one in refunds
        if one.state == SUCCESS and one.currency == order.currency
    ]


def movement(order: Order, name: str, interaction: str, amount: int, *, at: Instant | None) -> Movement:
    """Make a movement of a transaction's figures."""
    return Movement(
        id=name, names=frozenset({name, interaction} - {""}), amount=to_decimal(amount, order.digits), at=at
    )


def money_moved(order: Order) -> str:
    """Name every charge, chargeback and refund with its state and amount, and every return: what moved shows in it.

    "" where there are none. What is merely reserved is not money yet.
    """
    money = sorted(
        f"{one.type}:{one.id}:{one.state}:{one.amount}{one.currency}"
        for payment in order.payments
        for one in payment.transactions
        if one.type in _MOVING
    )
    returns = sorted(f"{item.key or item.id}:{item.state}" for item in order.returns)
    return ",".join([*money, *returns])


def money_of(order: Order) -> str:
    """Name what is owed, whether the order was cancelled, and what moved of its money: the books look again by it."""
    cancelled = " cancelled" if order.state == "Cancelled" else ""
    return f"{order.payable} {order.currency}{cancelled}; {money_moved(order)}"


def assign(
    movements: Sequence[Movement], payments: Sequence[PostedPayment]
) -> tuple[list[list[PostedPayment]], list[PostedPayment]]:
    """Find each payment's movement by its reference: return the payments of each movement, and those of none.

    A provider may give several captures one id of its own: such a payment goes to one that still lacks its amount.
    """
    found: list[list[PostedPayment]] = [[] for _ in movements]
    strangers: list[PostedPayment] = []
    for payment in payments:
        place = _place(movements, found, payment)
        (found[place] if place is not None else strangers).append(payment)
    return found, strangers


def _place(movements: Sequence[Movement], found: list[list[PostedPayment]], payment: PostedPayment) -> int | None:
    reference = payment.reference.strip()
    named = [place for place, one in enumerate(movements) if reference in one.names]
    if not named:
        return None
    lacking = {place: movements[place].amount - paid(found[place]) for place in named}
    return min(
        named,
        key=lambda place: (
            movements[place].id != reference,
            lacking[place] != payment.amount,
            lacking[place] < payment.amount,
            place,
        ),
    )


def entered_on(documents: Sequence[Invoice | CreditNote]) -> list[PostedPayment]:
    """Return the payments on invoices or notes, each with the id of the one it is on."""
    return [msgspec.structs.replace(pay, task_id=one.task_id) for one in documents for pay in one.payments]


def paid(payments: Sequence[PostedPayment]) -> Decimal:
    """Add payments up."""
    return sum((one.amount for one in payments), NOTHING)


# -- where it goes ----------------------------------------------------------------------------------------------------


def account_of(payment: Payment, accounts: Mapping[str, str]) -> str | None:
    """Return the code of the account this payment goes to, None where it is not mapped.

    `accounts` names "<interface>/<method>", or only the method, or only the interface; the closest name counts.
    """
    names = [name for name in (payment.method, payment.interface) if name]
    if len(names) > 1:
        names.insert(0, f"{payment.interface}/{payment.method}")
    return next((accounts[name] for name in names if name in accounts), None)


def to_pay(
    order: Order,
    sale_id: str,
    invoices: Sequence[Invoice],
    *,
    due: Decimal,
    accounts: Mapping[str, str],
    ledger: Mapping[str, LedgerAccount],
    zone: ZoneInfo,
    opens: date | None,
    rate: Decimal,
    today: date,
) -> tuple[PaymentVoucher | Finding, ...]:
    """Return the payments still to be posted, in the order the money came, and what cannot be posted.

    They go onto the invoices that stand and are open, oldest first, split where one is too small; what waits for an
    invoice gives nothing. `due` is what will be invoiced in all, beyond which nothing waits. `ledger` are accounts by
    code, `opens` is the first day that is not locked (None: all are), `rate` base units for one unit of the order's
    currency; a transaction without an instant is of `today`. A tender that is a line of the order lowers the invoice
    and is no payment.
    """
    standing = sorted((one for one in invoices if one.stands), key=lambda one: (one.day or date.max, one.number))
    if not standing:
        return ()
    ways = _Ways(
        order=order,
        sale_id=sale_id,
        accounts=accounts,
        ledger=ledger,
        zone=zone,
        opens=opens,
        rate=rate,
        today=today,
    )
    entered = entered_on(standing)
    money = captured(order)
    known, _ = assign([_moved(order, one) for _, one in money], entered)
    open_of = {one.task_id: one.open for one in standing}
    could = max(due, sum((one.total for one in standing), NOTHING))
    room = could - paid(entered)
    result: list[PaymentVoucher | Finding] = []
    for (payment, transaction), posted in zip(money, known, strict=True):
        rest = _rest(order, transaction, posted, standing)
        if rest <= 0:
            continue
        if (problem := _unpostable(order, transaction)) is not None:
            result.append(problem)
            continue
        fits = min(rest, max(room, NOTHING))
        room -= fits
        parts = _split(fits, open_of)
        result += _vouchers(ways, payment, transaction, parts)
        if rest > fits:
            result.append(_beyond(order, transaction, rest - fits, could))
    return tuple(result)


def to_pay_back(
    order: Order,
    sale_id: str,
    refund: Refund,
    note: CreditNote,
    *,
    accounts: Mapping[str, str],
    ledger: Mapping[str, LedgerAccount],
    zone: ZoneInfo,
    opens: date | None,
    rate: Decimal,
    today: date,
) -> PaymentVoucher | Finding | None:
    """Return the refund payment of a credit note; None where it is there, or no transaction that stands asks for it.

    Never more than the note's total less its refunds: a refund beyond that is a Finding, whole. The other arguments are
    those of `to_pay`.
    """
    found = _transaction(order, refund)
    names = {refund.transaction_id, refund.interaction_id} - {""}
    entered = {*note.refunds, *(one.reference.strip() for one in note.payments)}
    if found is None or refund.state != SUCCESS or names & entered or not note.authorised:
        return None
    payment, transaction = found
    if (problem := _unpostable(order, transaction)) is not None:
        return problem
    amount, left = to_decimal(refund.amount, order.digits), note.total - paid(note.payments)
    if amount > left:
        return _finding(
            "payment_unpostable",
            f"The refund of {amount} {refund.currency} goes beyond credit note {note.number}, of which {left} is left.",
            transaction,
        )
    ways = _Ways(
        order=order,
        sale_id=sale_id,
        accounts=accounts,
        ledger=ledger,
        zone=zone,
        opens=opens,
        rate=rate,
        today=today,
    )
    return _vouchers(ways, payment, transaction, [(note.task_id, amount)], refund=True)[0]


def _moved(order: Order, one: Transaction) -> Movement:
    """Return a transaction as a movement; in another currency its amount says nothing here."""
    amount = one.amount if one.currency == order.currency else 0
    return movement(order, one.id, one.interaction_id, amount, at=one.at)


def _transaction(order: Order, refund: Refund) -> tuple[Payment, Transaction] | None:
    every = ((payment, one) for payment in order.payments for one in payment.transactions)
    return next((pair for pair in every if pair[1].id and pair[1].id == refund.transaction_id), None)


def _rest(
    order: Order, transaction: Transaction, posted: Sequence[PostedPayment], standing: Sequence[Invoice]
) -> Decimal:
    """Return what of a transaction is still to be posted.

    A payment that left its invoice open was not split for want of room: a person entered another amount, which is told
    as a difference and not made up for.
    """
    if transaction.currency != order.currency:
        return NOTHING if posted else to_decimal(transaction.amount, 0)
    return waiting(to_decimal(transaction.amount, order.digits), posted, {one.task_id: one.open for one in standing})


def waiting(amount: Decimal, posted: Sequence[PostedPayment], open_of: Mapping[str, Decimal]) -> Decimal:
    """Return what of an amount waits for room: all of it, or what its payments left when they filled their documents.

    `open_of` is what is left to be paid of each document, by task id.
    """
    if any(open_of.get(one.task_id, NOTHING) > 0 for one in posted):
        return NOTHING
    return max(amount - paid(posted), NOTHING)


def _split(amount: Decimal, open_of: dict[str, Decimal]) -> list[tuple[str, Decimal]]:
    """Spread an amount over what is open, in order, and take it off."""
    parts: list[tuple[str, Decimal]] = []
    for task_id, left in open_of.items():
        part = min(amount, left).quantize(CENT, rounding=ROUND_DOWN)
        if part <= 0:
            continue
        parts.append((task_id, part))
        open_of[task_id] -= part
        amount -= part
    return parts


def _vouchers(
    ways: _Ways,
    payment: Payment,
    transaction: Transaction,
    parts: Sequence[tuple[str, Decimal]],
    *,
    refund: bool = False,
) -> list[PaymentVoucher | Finding]:
    """Make a voucher of each part, or one Finding that says why there is none."""
    if not parts:
        return []
    account = account_of(payment, ways.accounts)
    problem = account_problem(f"{payment.interface}/{payment.method}".strip("/"), account, ways.ledger)
    day = ways.today if transaction.at is None else min(date_in_zone(transaction.at, ways.zone), ways.today)
    if problem is None and ways.opens is not None and day < ways.opens:
        problem = _locked(ways.order, transaction, day, ways.opens)
    if problem is not None or account is None:
        return [problem] if problem is not None else []
    return [
        PaymentVoucher(
            sale_id=ways.sale_id,
            task_id=task_id,
            reference=transaction.id,
            amount=amount,
            day=day,
            account=account,
            rate=ways.rate,
            refund=refund,
        )
        for task_id, amount in parts
    ]


# -- why not ----------------------------------------------------------------------------------------------------------


def account_problem(named: str, code: str | None, ledger: Mapping[str, LedgerAccount]) -> Finding | None:
    """Say why payments of a method ("<interface>/<method>") cannot be entered by the account they are mapped to."""
    method = named or "a payment without a method"
    account = ledger.get(code) if code is not None else None
    if code is None:
        cause = f"[mappings.payments] names no account for {method}."
    elif account is None:
        cause = f"{method} is mapped to account {code}, which Cin7 Core does not have."
    elif not account.active or not account.for_payments:
        why = "takes no payments" if account.active else "is not active"
        cause = f"{method} is mapped to account {code} ({account.name}), which {why}."
    else:
        return None
    return Finding(
        code="payment_unmapped",
        cause=cause,
        field=method,
        waits_for=fact_ref(FactKind.ACCOUNT, code) if code is not None else "",
        group=f"payment_unmapped:{method}",
    )


def _unpostable(order: Order, transaction: Transaction) -> Finding | None:
    if transaction.currency != order.currency:
        cause = f"{transaction.amount} minor units of {transaction.currency} moved on an order in {order.currency}."
    elif not transaction.id:
        cause = f"{_written(order, transaction)} moved by a transaction without an id: nothing could find it again."
    elif to_decimal(transaction.amount, order.digits) % CENT:
        cause = f"{_written(order, transaction)} moved, and Cin7 Core takes payments with two decimals."
    else:
        return None
    return _finding("payment_unpostable", cause, transaction)


def _beyond(order: Order, transaction: Transaction, amount: Decimal, could: Decimal) -> Finding:
    cause = (
        f"{amount} of the captured {_written(order, transaction)} goes beyond all that is or will be invoiced:"
        f" {could} {order.currency}."
    )
    return _finding("payment_unpostable", cause, transaction)


def _locked(order: Order, transaction: Transaction, day: date, opens: date) -> Finding:
    cause = f"{_written(order, transaction)} moved on {day}, and the books are locked until {opens} in Cin7 Core."
    facts = {"day": day.isoformat(), "next open day": opens.isoformat(), "transaction": transaction.id}
    waits_for = fact_ref(FactKind.COMPANY, "")
    return Finding(code="posting_locked", cause=cause, field=transaction.id, facts=facts, waits_for=waits_for)


def _finding(code: str, cause: str, transaction: Transaction) -> Finding:
    facts = {"transaction": transaction.id, "provider's id": transaction.interaction_id}
    return Finding(code=code, cause=cause, field=transaction.id, facts=facts)


def _written(order: Order, transaction: Transaction) -> str:
    return f"{to_decimal(transaction.amount, order.digits)} {transaction.currency}"
