"""From a header to an authorised order: one call whose answer is the read-back, compared to the cent."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome, Unit
from actors.domain.calls import Purpose
from actors.domain.comparison import compare, totals_finding
from actors.domain.document import order_document
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.prediction import Hold, Prediction
from actors.domain.sale import OrderView
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, answered, note, record_of, refused, settled, underway
from storage import calls, exceptions, orders
from storage.orders import SaleRecord


async def authorise(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Give the sale its order document. After any doubt the sale is read first; Cin7 itself refuses a second one."""
    judged, known = await desk.judge(case.order)
    if isinstance(judged, Hold):
        return desk.hold(case, judged.findings, known=known)
    inclusive = case.record.inclusive
    if case.record.unsure or inclusive is None:
        return await _read_first(desk, case, sale, judged)
    if inclusive != judged.tax_inclusive:
        return desk.hold(case, [_edited(case)])
    return await _send(desk, case, sale, judged)


async def _read_first(desk: Desk, case: Case, sale: SaleRecord, prediction: Prediction) -> Outcome:
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return desk.hold(case, [_vanished(case, sale)])
    if view.voided:
        return _voided(desk, case, sale)
    if view.tax_inclusive != prediction.tax_inclusive:
        return desk.hold(case, [_edited(case)])
    if view.order is not None and _is_authorised(view.order):
        return Done(
            unit=_posted(desk, case, sale, prediction, view.order, inclusive=view.tax_inclusive),
            nudges=(underway(case.order.id, desk.around.clock.now()),),
        )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        orders.set_unsure(connection, case.order.id, False)
        orders.set_inclusive(connection, case.order.id, view.tax_inclusive)
        note(connection, case.order.id, "sale read, no order yet", now, sale=sale.sale_id)

    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),))


async def _send(desk: Desk, case: Case, sale: SaleRecord, prediction: Prediction) -> Outcome:
    order = case.order
    intent = Intent(Purpose.CIN7_AUTHORISE_ORDER, subject=order.id, generation=case.record.generation)
    try:
        answer = await desk.write(case, intent, desk.book.post_order(order_document(sale.sale_id, prediction), intent))
    except InDoubt as error:
        if error.reason == CONTRADICTION:
            return await _contradicted(desk, case, sale, intent, error)
        return _unsure(desk, case, intent, "unknown", error.reason)
    except Rejected as error:
        if "IS AUTHORISED" in error.detail.upper():
            return _unsure(desk, case, intent, "refused", "authorised already")
        return _rejected(desk, case, intent, error.detail or error.reason)
    if not _is_authorised(answer):
        return _rejected(desk, case, intent, f"the order was left {answer.status}", done=True)
    posted = _posted(desk, case, sale, prediction, answer, inclusive=bool(case.record.inclusive))

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        answered(connection, intent, now)
        posted(connection, now)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


def _posted(
    desk: Desk, case: Case, sale: SaleRecord, prediction: Prediction, answer: OrderView, *, inclusive: bool
) -> Unit:
    """The order is authorised: keep what Cin7 shows; a difference is finance's, and keeps the invoice from posting."""
    differences = compare(prediction, answer, tax_inclusive_answer=inclusive)
    order = case.order

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        orders.set_unsure(connection, order.id, False)
        orders.set_inclusive(connection, order.id, inclusive)
        orders.set_prediction(
            connection, order.id, net=f"{prediction.net:f}", tax=f"{prediction.tax:f}", total=f"{prediction.total:f}"
        )
        orders.set_answer(
            connection,
            order.id,
            net=f"{answer.net:f}",
            tax=f"{answer.tax:f}",
            total=f"{answer.total:f}",
            reconciled=not differences,
        )
        orders.name_sale(connection, sale.sale_id, answer.number)
        orders.move(connection, order.id, OrderState.POSTED, now=now)
        note(connection, order.id, "order authorised", now, sale=sale.sale_id, total=f"{answer.total:f}")
        if differences:
            finding = totals_finding(prediction, answer, differences)
            exceptions.raise_finding(connection, record_of(order), finding, now=now)

    return unit


def _is_authorised(answer: OrderView) -> bool:
    """`AUTH_NO_ALLOC` counts: the order stands, though nothing is allocated (fact sheet §2.1)."""
    return answer.status.upper().startswith("AUTH") or answer.status.upper() in ("FULFILLED", "CLOSED")


def _unsure(desk: Desk, case: Case, intent: Intent, outcome: str, reason: str) -> Later:
    """Read the sale before asking again, by the schedule: Cin7 refuses a second order, so a late twin does no harm."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        calls.settle(connection, intent.call_id, outcome, detail=reason)
        orders.set_unsure(connection, case.order.id, True)

    return Later(due_at=None, reason=reason, unit=unit, points=settled(intent))


async def _contradicted(desk: Desk, case: Case, sale: SaleRecord, intent: Intent, error: InDoubt) -> Outcome:
    """An error under a success status: the sale itself tells. Not authorised means refused, and a person is told."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except WireError:
        return _unsure(desk, case, intent, "unknown", error.reason)
    if view.voided or (view.order is not None and _is_authorised(view.order)):
        return _unsure(desk, case, intent, "unknown", error.reason)
    return _rejected(desk, case, intent, error.detail or error.reason)


def _rejected(desk: Desk, case: Case, intent: Intent, detail: str, *, done: bool = False) -> Done:
    finding = Finding(
        code="order_rejected",
        cause=f"Cin7 Core refused the order document of {case.order.shown_as}: {detail}",
        group=f"order_rejected:{detail}",
        facts={"answer": detail},
    )
    held = desk.hold(case, [finding])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        if done:
            answered(connection, intent, now)
        else:
            refused(connection, intent, detail)
        # A person may mend the sale by hand: read it before anything is asked of it again.
        orders.set_unsure(connection, case.order.id, True)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit, points=settled(intent))


def _voided(desk: Desk, case: Case, sale: SaleRecord) -> Done:
    finding = Finding(
        code="sale_voided_by_hand",
        cause=f"Sale {sale.number or sale.sale_id} of order {case.order.shown_as} was voided in Cin7 Core.",
        facts={"sale": sale.number or sale.sale_id},
    )
    held = desk.hold(case, [finding])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        orders.void_sale(connection, sale.sale_id, now=now)
        if held.unit is not None:
            held.unit(connection, now)

    return Done(unit=unit)


def _vanished(case: Case, sale: SaleRecord) -> Finding:
    return Finding(
        code="sale_vanished",
        cause=f"Cin7 Core has no sale {sale.number or sale.sale_id}, which stood for order {case.order.shown_as}.",
        facts={"sale": sale.sale_id},
    )


def _edited(case: Case) -> Finding:
    return Finding(
        code="edited_while_creating",
        cause=f"Order {case.order.shown_as} changed its tax mode after its sale was begun: the sale's header says"
        " otherwise.",
    )
