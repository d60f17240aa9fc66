"""From an order nothing was sent for to a sale's header: trigger, look-ups where they are due, one create."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.core.actor import Done, Later, Outcome
from actors.domain.calls import Purpose
from actors.domain.document import header
from actors.domain.errors import InDoubt, Rejected
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, fact_ref
from actors.domain.notes import cuts
from actors.domain.order_state import OrderState
from actors.domain.prediction import Hold, Prediction
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.customers import customer_id_for
from actors.orders.desk import Case, Desk, answered, note, record_of, settled, underway
from actors.orders.editing import sends_header
from actors.orders.inheriting import named_sale, predecessors_sale, voided_by_hand
from actors.orders.rules import awaited, next_glance
from actors.orders.sales import record_sale
from storage import calls, customers, exceptions, orders

MOST_BEGUN = 4
"""So many sales of one order may be begun and void again within a day; then a person is told instead."""

DAY = 86_400_000


async def create(desk: Desk, case: Case) -> Outcome:
    """Take the order as far as its header, or say what it waits for."""
    order = case.order
    if order.store is not None and order.store in desk.export.exclude_stores:
        return _exclude(desk, case, "excluded store")
    named = await named_sale(desk, case)
    if named is not None:
        return named
    if any(sale.generation == case.record.generation for sale in case.sales):
        return desk.hold(case, [voided_by_hand(case)])
    waiting = _waiting(desk, case)
    if waiting is not None:
        return waiting
    judged, known = await desk.judge(order)
    findings = (*_lost(case), *(judged.findings if isinstance(judged, Hold) else ()))
    if findings or isinstance(judged, Hold):
        return desk.hold(case, findings, known=known)
    found = await predecessors_sale(desk, case)
    if found is not None:
        return found
    if desk.export.shadow:
        return _shadow(desk, case, judged)
    if _begun_too_often(desk, case):
        return desk.hold(case, [_given_up(case)], known=known)
    customer_id = await customer_id_for(desk, case, judged.customer)
    if not isinstance(customer_id, str):
        return customer_id
    return await _send(desk, case, judged, known, customer_id)


def _lost(case: Case) -> tuple[Finding, ...]:
    """What the desk put in and can be read no more is not replaced by what it was meant to replace."""
    if not case.lost:
        return ()
    names = ", ".join(sorted(case.lost))
    finding = Finding(
        code="desk_edit_lost",
        cause=f"Order {case.order.shown_as} was edited at the desk ({names}), and what was put in is kept no longer.",
        field=names,
    )
    return (finding,)


def _begun_too_often(desk: Desk, case: Case) -> bool:
    """Whether sales of this order were begun and taken back again and again today: the next would be no better."""
    since = desk.around.clock.now() - DAY
    begun = sum(sale.made_at >= since for sale in case.sales if sale.voided_at is not None)
    return begun >= MOST_BEGUN


def _given_up(case: Case) -> Finding:
    return Finding(
        code="prediction_differs",
        cause=f"{MOST_BEGUN} sales of order {case.order.shown_as} were begun within a day and taken back, because Cin7"
        " Core showed them otherwise than they were sent. No more is begun before tomorrow.",
        field="begun too often",
        facts=case.record.breakdown,
        waits_for=fact_ref(FactKind.COMPANY, ""),
        group="prediction_differs:begun too often",
    )


def _exclude(desk: Desk, case: Case, reason: str) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, case.order, now)
        orders.move(connection, case.order.id, OrderState.EXCLUDED, now=now, reason=reason)

    return Done(unit=unit)


def _waiting(desk: Desk, case: Case) -> Outcome | None:
    """Trigger and hold window. An order that waits too long is told of, and goes on waiting."""
    order, now = case.order, desk.around.clock.now()
    reason = awaited(order, desk.export.trigger)
    held_until = order.created_at + desk.export.hold
    if not reason and now >= held_until:
        return None
    due_at = next_glance(order, now=now) if reason else held_until
    too_long = now - order.created_at >= desk.export.awaiting
    described = reason or "the hold window"

    def unit(connection: sqlite3.Connection, at: Instant) -> None:
        orders.move(connection, order.id, OrderState.AWAITING, now=at, reason=described)
        exceptions.clear(connection, record_of(order), resolution=f"waits for {described}", now=at, types=("missed",))
        if not too_long:
            return
        finding = Finding(
            code="awaiting_too_long",
            cause=f"The order waits since it was placed: {described}.",
            group=f"awaiting_too_long:{described.split(',')[0]}",
        )
        exceptions.raise_finding(connection, record_of(order), finding, now=at, next_attempt_at=due_at)

    return desk.later(case, due_at, described, unit)


def _shadow(desk: Desk, case: Case, prediction: Prediction) -> Done:
    order = case.order

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        _keep_prediction(connection, order.id, prediction)
        orders.move(connection, order.id, OrderState.SHADOWED, now=now, reason="mode = shadow")
        note(
            connection,
            order.id,
            "would create sale",
            now,
            total=f"{prediction.total:f}",
            tax=f"{prediction.tax:f}",
            rows=len(prediction.rows),
        )

    return Done(unit=unit)


def _keep_prediction(connection: sqlite3.Connection, order_id: str, prediction: Prediction) -> None:
    orders.set_prediction(
        connection, order_id, net=f"{prediction.net:f}", tax=f"{prediction.tax:f}", total=f"{prediction.total:f}"
    )


async def _send(desk: Desk, case: Case, prediction: Prediction, known: Facts, customer_id: str) -> Outcome:
    order, generation = case.order, case.record.generation
    rate = prediction.rate
    body = header(order, prediction, desk.posting, known, generation, customer_id=customer_id, rate=rate)
    beside = sends_header(desk, case)
    intent = Intent(Purpose.CIN7_CREATE_SALE, subject=order.id, generation=generation, beside=beside)
    try:
        view = await desk.write(case, intent, desk.book.create_sale(body, intent))
    except InDoubt as error:
        return _in_doubt(desk, case, intent, error)
    except Rejected as error:
        return _rejected(desk, case, intent, error, customer_id)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        answered(connection, intent, now)
        record_sale(connection, case, view.id, view.number, now)
        _keep_prediction(connection, order.id, prediction)
        orders.set_inclusive(connection, order.id, view.tax_inclusive)
        orders.set_unsure(connection, order.id, False)
        if rate is not None:
            orders.set_rate(connection, order.id, rate.rate, rate.day, rate.source)
        orders.move(connection, order.id, OrderState.HEADER, now=now)
        for cut in cuts(order, desk.posting):
            note(connection, order.id, "text cut", now, field=cut.field, length=cut.length, kept=cut.kept)
        note(connection, order.id, "sale created", now, sale=view.id, reference=body.external_id)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


def _in_doubt(desk: Desk, case: Case, intent: Intent, error: InDoubt) -> Later:
    """The answer was lost: look for the sale, first a quiet while after the last moment it could still be made."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        why = f"{error.reason}: {error.detail}" if error.detail else error.reason
        calls.settle(connection, intent.call_id, "unknown", detail=why)
        orders.doubt(connection, case.order.id, until=error.until, now=now)

    return Later(due_at=error.until + desk.export.quiet, reason="in doubt", unit=unit, points=settled(intent))


def _rejected(desk: Desk, case: Case, intent: Intent, error: Rejected, customer_id: str) -> Done:
    finding = Finding(
        code="create_rejected",
        cause=f"Cin7 Core refused the sale: {error.detail or error.reason}",
        group=f"create_rejected:{error.detail or error.reason}",
        facts={"answer": error.detail, "status": str(error.status or "")},
    )
    held = desk.hold_refused(case, finding, intent, error.detail)
    if "customer" not in error.detail.lower():
        return held

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        customers.forget(connection, customer_id)
        if held.unit is not None:
            held.unit(connection, now)

    return msgspec.structs.replace(held, unit=unit)
