"""Whose sale it is under `per-customer`: the buyer's own Cin7 customer, found by its unique name or made, once.

One look at an order makes at most one remote write, so an order whose customer had to be made comes back for its sale.
Two orders of one new buyer may both find nobody and both send the create: Cin7 refuses the second name, and the loser
looks again. A create in doubt is simply looked for, for there can be no twin.
"""

from __future__ import annotations

import re
import sqlite3

import msgspec

from actors.core.actor import Done, Later, Outcome
from actors.domain.calls import Purpose
from actors.domain.customers import PER_CUSTOMER, customer_card, identity_of
from actors.domain.errors import InDoubt, Rejected
from actors.domain.exception_types import Finding
from actors.domain.facts import Customer
from actors.domain.mapping import ACTIVE
from actors.domain.sale import CustomerCard
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, answered, note, refused, settled, underway
from storage import calls, customers, facts

_EXISTS = re.compile(r"\balready\b|\bduplicate|\bunique\b", re.IGNORECASE)
"""A refusal of the name itself. "Does not exist" speaks of something the customer refers to."""

_MOST_REFUSALS = 3
"""A name that exists and is not found after so many looks is not ours to wait for."""


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The customer an order needs."""

    identity: str
    card: CustomerCard


async def customer_id_for(desk: Desk, case: Case, prediction_customer: Customer) -> str | Outcome:
    """Return the id of the Cin7 customer the order's sale is booked to, or what to do first.

    `prediction_customer` is the one the order was predicted with: the customer itself in the mode `single`, the
    template in `per-customer`. Costs no call for a buyer who is known, one look-up for one who is not, and one create
    more.

    Raises:
        Transient, Limited, Unauthorised: as for every call; nothing was made.
    """
    if desk.posting.customer_mode != PER_CUSTOMER:
        return prediction_customer.id
    order, currency = case.order, prediction_customer.currency
    identity = identity_of(order)

    def read(connection: sqlite3.Connection) -> tuple[str | None, str]:
        company = facts.company(connection)
        return customers.get(connection, identity, currency), currency if company is None else company.currency

    known, base = await desk.around.database.read(read)
    if known is not None:
        return known
    wanted = _Wanted(identity=identity, card=customer_card(order, identity, prediction_customer, base=base))
    found = await desk.book.find_customer(wanted.card.name, subject=order.id)
    return await _make(desk, case, wanted) if found is None else await _take(desk, case, wanted, found)


async def _take(desk: Desk, case: Case, wanted: _Wanted, found: Customer) -> str | Outcome:
    """Use a customer that stands in Cin7 under the buyer's name, if it may carry the order without changing it."""
    findings = _unfit(found, wanted.card)
    if findings:
        return desk.hold(case, findings)
    clock = desk.around.clock

    def unit(connection: sqlite3.Connection) -> None:
        customers.put(connection, wanted.identity, wanted.card.currency, found.id, now=clock.now())

    await desk.around.database.run(unit)
    return found.id


def _unfit(found: Customer, card: CustomerCard) -> list[Finding]:
    findings = []
    if found.status != ACTIVE:
        findings.append(_about("customer_unknown", f"customer {card.name} is {found.status}", card, "Status"))
    if found.currency != card.currency:
        cause = f"customer {card.name} holds {found.currency}, the order needs {card.currency}"
        findings.append(_about("customer_currency", cause, card, "Currency"))
    if not found.discount.is_finite() or found.discount != 0:
        cause = f"customer {card.name} has a discount of {found.discount} %"
        findings.append(_about("customer_discount", cause, card, "Discount"))
    return findings


def _about(code: str, cause: str, card: CustomerCard, field: str) -> Finding:
    return Finding(code=code, cause=cause, field=field, group=f"{code}:{card.name}")


async def _make(desk: Desk, case: Case, wanted: _Wanted) -> Outcome:
    order = case.order
    intent = Intent(Purpose.CIN7_CREATE_CUSTOMER, subject=order.id, generation=case.record.generation)
    try:
        made = await desk.write(case, intent, desk.book.create_customer(wanted.card, intent))
    except InDoubt as error:
        return _in_doubt(desk, case, intent, error)
    except Rejected as error:
        return await _rejected(desk, case, intent, error)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        answered(connection, intent, now)
        customers.put(connection, wanted.identity, wanted.card.currency, made.id, now=now)
        note(connection, order.id, "customer created", now, customer=made.id, name=wanted.card.name)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


def _in_doubt(desk: Desk, case: Case, intent: Intent, error: InDoubt) -> Later:
    """The answer was lost. The next look finds the customer by its name, or sends a create that cannot make a twin."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        why = f"{error.reason}: {error.detail}" if error.detail else error.reason
        calls.settle(connection, intent.call_id, "unknown", detail=why)

    return Later(due_at=None, reason="customer in doubt", unit=unit, points=settled(intent))


async def _rejected(desk: Desk, case: Case, intent: Intent, error: Rejected) -> Outcome:
    if _EXISTS.search(error.detail):
        before = await desk.around.database.read(lambda connection: customers.refusals(connection, case.order.id))
        if before < _MOST_REFUSALS:
            return _look_again(desk, case, intent, error)
    finding = Finding(
        code="customer_rejected",
        cause=f"Cin7 Core refused the customer: {error.detail or error.reason}",
        group=f"customer_rejected:{error.detail or error.reason}",
        facts={"answer": error.detail, "status": str(error.status or "")},
    )
    return desk.hold_refused(case, finding, intent, error.detail)


def _look_again(desk: Desk, case: Case, intent: Intent, error: Rejected) -> Later:
    """Another order of the same buyer was faster, or our own lost create was: the name is there."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        refused(connection, intent, error.detail)

    return Later(due_at=None, reason="customer exists", unit=unit, points=settled(intent))
