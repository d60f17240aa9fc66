"""Pure rules of the orders flow: when an order goes ahead, and what a look-up in Cin7 proves."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from actors.domain.order import Order
from actors.domain.payments import authorised, paid
from actors.domain.references import generation_of
from actors.domain.sale import LookUp, SaleRow
from actors.domain.time import Instant


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """`[orders] trigger`: which orders go ahead. `payment` is any, authorised or paid; empty `states` asks nothing."""

    order_states: tuple[str, ...]
    payment: str
    states: tuple[str, ...] = ()


class ExportRules(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant's choices about when, not how, an order is exported. Durations in milliseconds."""

    since: Instant
    trigger: Trigger
    hold: int = 0
    awaiting: int = 86_400_000
    exclude_stores: frozenset[str] = frozenset()
    sync_channel: str = "cin7-core"
    quiet: int = 60_000
    timeout: int = 60_000
    shadow: bool = False


def awaited(order: Order, trigger: Trigger) -> str:
    """Say in plain words what the order still waits for; empty when it may go ahead."""
    if order.state not in trigger.order_states:
        return f"order state {order.state}, waits for {' or '.join(trigger.order_states)}"
    if trigger.states and order.workflow_state not in trigger.states:
        return f"workflow state {order.workflow_state or 'none'}, waits for {' or '.join(trigger.states)}"
    if trigger.payment == "paid" and not paid(order):
        return "payment, waits for it to be paid"
    if trigger.payment == "authorised" and not authorised(order):
        return "payment, waits for it to be authorised"
    return ""


def next_glance(order: Order, *, now: Instant) -> Instant:
    """When to look again at an order that waits: soon while it is young, at most every quarter of an hour.

    A payment changes without its order changing, so no sweep of orders tells.
    """
    age = max(0, now - order.created_at)
    return now + min(max(age // 4, 15_000), 900_000)


class Verdict(StrEnum):
    """What two look-ups, one per reference, prove together."""

    NO_ANSWER = "no_answer"
    NOT_THERE = "not_there"
    FOUND = "found"
    VOIDED = "voided"
    FOREIGN = "foreign"
    SEVERAL = "several"


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, and the sales it rests on."""

    verdict: Verdict
    sales: tuple[SaleRow, ...] = ()


def conclude(
    by_external_id: LookUp,
    by_reference: LookUp,
    *,
    external_id: str,
    customer_reference: str,
    known_void: frozenset[str] = frozenset(),
    order_id: str = "",
) -> Conclusion:
    """Judge the look-ups (design §3). *Not there* needs clean answers to both; anything else is no answer.

    Cin7 ignores a filter it does not like and answers everything (fact sheet §1.4), so rows are compared here, and a
    list is clean only when each of its rows carries what was asked for and none is missing from it. With an `order_id`
    a sale of any generation of that order is its own: a lost file does not know how many there were.
    """

    def own(row: SaleRow) -> bool:
        return row.external_id == external_id or bool(order_id and generation_of(row.external_id, order_id))

    rows: dict[str, SaleRow] = {}
    for row in (*by_external_id.rows, *by_reference.rows):
        # Of two rows about one sale that differ, the one counts that makes a second sale less likely.
        if row.id in known_void:
            continue
        if row.id not in rows or (own(row), not row.voided) > (own(rows[row.id]), not rows[row.id].voided):
            rows[row.id] = row
    ours = [row for row in rows.values() if own(row)]
    live = [row for row in ours if not row.voided]
    strangers = [
        row for row in rows.values() if row.customer_reference == customer_reference and not own(row) and not row.voided
    ]
    if len(live) + len(strangers) > 1:
        return Conclusion(verdict=Verdict.SEVERAL, sales=tuple(live + strangers))
    if live:
        return Conclusion(verdict=Verdict.FOUND, sales=tuple(live))
    if strangers:
        return Conclusion(verdict=Verdict.FOREIGN, sales=tuple(strangers))
    if not (_clean(by_external_id, external_id, exact=True) and _clean(by_reference, customer_reference, exact=False)):
        return Conclusion(verdict=Verdict.NO_ANSWER)
    if ours:
        return Conclusion(verdict=Verdict.VOIDED, sales=tuple(ours))
    return Conclusion(verdict=Verdict.NOT_THERE)


def _clean(look_up: LookUp, wanted: str, *, exact: bool) -> bool:
    if look_up.total != len(look_up.rows):
        return False
    if exact:
        return all(row.external_id == wanted for row in look_up.rows)
    return all(wanted.lower() in row.searched.lower() for row in look_up.rows)
