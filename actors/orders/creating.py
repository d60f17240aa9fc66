"""From an order nothing was sent for to a sale's header: trigger, look-ups where they are due, one create."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome
from actors.domain.calls import Purpose
from actors.domain.document import header
from actors.domain.errors import InDoubt, Missing, Rejected
from actors.domain.exception_types import Finding
from actors.domain.facts import Facts
from actors.domain.order import SyncMark
from actors.domain.order_state import OrderState
from actors.domain.prediction import Hold, Prediction
from actors.domain.references import external_id
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, answered, note, record_of, refused, settled, underway
from actors.orders.looking import look_up, verdict_finding
from actors.orders.rules import Verdict, awaited, next_glance
from actors.orders.sales import adopt, record_sale
from storage import calls, exceptions, orders


async def create(desk: Desk, case: Case) -> Outcome:
    """Take the order as far as its header, or say what it waits for."""
    order = case.order
    if order.store is not None and order.store in desk.export.exclude_stores:
        return _exclude(desk, case, "excluded store")
    mark = _foreign_mark(desk, case)
    if mark is not None:
        return await _adopt_marked(desk, case, mark)
    if any(sale.generation == case.record.generation for sale in case.sales):
        return desk.hold(case, [_voided_by_hand(case)])
    waiting = _waiting(desk, case)
    if waiting is not None:
        return waiting
    judged, known = await desk.judge(order)
    if isinstance(judged, Hold):
        return desk.hold(case, judged.findings)
    if _may_be_there_already(desk, case):
        found = await _look_before(desk, case)
        if found is not None:
            return found
    if desk.export.shadow:
        return _shadow(desk, case, judged)
    return await _send(desk, case, judged, known)


def _exclude(desk: Desk, case: Case, reason: str) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, case.order, now)
        orders.move(connection, case.order.id, OrderState.EXCLUDED, now=now, reason=reason)

    return Done(unit=unit)


def _foreign_mark(desk: Desk, case: Case) -> SyncMark | None:
    """An order whose sync info names a sale is never created: find that name, unless it is a sale known to be void."""
    marks = [
        mark
        for mark in case.order.sync
        if mark.external_id
        and mark.channel_key in (desk.export.sync_channel, None)
        and mark.external_id.lower() not in case.voided_ids
    ]
    return max(marks, key=lambda mark: mark.synced_at, default=None)


async def _adopt_marked(desk: Desk, case: Case, mark: SyncMark) -> Outcome:
    """The order was exported before (by a database that is lost, perhaps): the sale it names decides."""
    sale_id = (mark.external_id or "").lower()
    try:
        view = await desk.book.read_sale(sale_id, subject=case.order.id)
    except (Missing, Rejected):
        return desk.hold(case, [_vanished(case, sale_id)])
    if view.voided:
        return _remember_void(desk, case, view)
    if not _is_ours(desk, case, view):
        return desk.hold(case, [_not_ours(case, view.number or view.id)])
    return adopt(desk, case, view.id, view.number)


def _is_ours(desk: Desk, case: Case, view: SaleView) -> bool:
    wanted = {external_id(case.order.id, generation) for generation in range(1, case.record.generation + 1)}
    return view.external_id in wanted


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
        if not too_long:
            return
        finding = Finding(
            code="awaiting_too_long",
            cause=f"The order waits since it was placed: {described}.",
            group=f"awaiting_too_long:{described.split(',')[0]}",
        )
        exceptions.raise_finding(connection, record_of(order), finding, now=at, next_attempt_at=due_at)

    return desk.later(case, due_at, described, unit)


def _may_be_there_already(desk: Desk, case: Case) -> bool:
    """Without doubt nothing is looked up, except orders older than this database: a predecessor may have sent them."""
    return case.order.created_at < desk.born_at and case.record.looked_at is None


async def _look_before(desk: Desk, case: Case) -> Outcome | None:
    """Look for a sale a predecessor may have made; None when both answers say there is none."""
    first_look = desk.born_at + desk.export.timeout + desk.export.quiet
    if desk.around.clock.now() < first_look:
        return desk.later(case, first_look, "older than this database: looked for first")
    conclusion = await look_up(desk, case)
    match conclusion.verdict:
        case Verdict.NOT_THERE:
            await desk.around.database.run(
                lambda connection: orders.looked(connection, case.order.id, looks=0, now=desk.around.clock.now())
            )
            return None
        case Verdict.FOUND:
            return adopt(desk, case, conclusion.sales[0].id, conclusion.sales[0].number)
        case Verdict.NO_ANSWER:
            return desk.later(case, desk.around.clock.now() + desk.export.quiet, "the look-up gave no answer")
        case _:
            return desk.hold(case, [verdict_finding(case, conclusion)])


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


async def _send(desk: Desk, case: Case, prediction: Prediction, known: Facts) -> Outcome:
    order, generation = case.order, case.record.generation
    body = header(order, prediction, desk.posting, known, generation)
    intent = Intent(Purpose.CIN7_CREATE_SALE, subject=order.id, generation=generation)
    try:
        view = await desk.write(intent, desk.book.create_sale(body, intent))
    except InDoubt as error:
        return _in_doubt(desk, case, intent, error)
    except Rejected as error:
        return _rejected(desk, case, intent, error)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        answered(connection, intent, now)
        record_sale(connection, case, view.id, view.number, now)
        _keep_prediction(connection, order.id, prediction)
        orders.set_inclusive(connection, order.id, view.tax_inclusive)
        orders.set_unsure(connection, order.id, False)
        orders.move(connection, order.id, OrderState.HEADER, now=now)
        note(connection, order.id, "sale created", now, sale=view.id, reference=body.external_id)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


def _in_doubt(desk: Desk, case: Case, intent: Intent, error: InDoubt) -> Later:
    """The answer was lost: look for the sale, first a quiet while after the last moment it could still be made."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        why = f"{error.reason}: {error.detail}" if error.detail else error.reason
        calls.settle(connection, intent.call_id, "unknown", detail=why)
        orders.doubt(connection, case.order.id, until=error.until, now=now)

    return Later(due_at=error.until + desk.export.quiet, reason="in doubt", unit=unit, points=settled(intent))


def _rejected(desk: Desk, case: Case, intent: Intent, error: Rejected) -> Done:
    finding = Finding(
        code="create_rejected",
        cause=f"Cin7 Core refused the sale: {error.detail or error.reason}",
        group=f"create_rejected:{error.detail or error.reason}",
        facts={"answer": error.detail, "status": str(error.status or "")},
    )
    held = desk.hold(case, [finding])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        refused(connection, intent, error.detail)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit, points=settled(intent))


def _remember_void(desk: Desk, case: Case, view: SaleView) -> Done:
    held = desk.hold(case, [_voided_by_hand(case)])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        record_sale(connection, case, view.id, view.number, now)
        orders.void_sale(connection, view.id, now=now)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit)


def _voided_by_hand(case: Case) -> Finding:
    return Finding(
        code="sale_voided_by_hand",
        cause=f"The sale of order {case.order.shown_as} was voided in Cin7 Core, not by tallyd.",
        facts={"order": case.order.shown_as, "sales": ", ".join(sorted(case.voided_ids))},
    )


def _vanished(case: Case, sale_id: str) -> Finding:
    return Finding(
        code="sale_vanished",
        cause=f"Order {case.order.shown_as} names sale {sale_id}, and Cin7 Core has no such sale.",
        facts={"sale": sale_id},
    )


def _not_ours(case: Case, sale: str) -> Finding:
    return Finding(
        code="sale_not_ours",
        cause=f"Order {case.order.shown_as} names sale {sale}, which does not carry this order's reference.",
        facts={"sale": sale},
    )
