"""From a header to an authorised order: one call whose answer is the read-back, compared to the cent."""

from __future__ import annotations

import sqlite3
from zoneinfo import ZoneInfo

import msgspec

from actors.core.actor import Done, Later, Outcome, Unit
from actors.domain import figures
from actors.domain.calls import Purpose
from actors.domain.comparison import breakdown, compare, totals_finding
from actors.domain.document import digest, order_document
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, fact_ref
from actors.domain.mapping import unfed_channels
from actors.domain.observation import understand
from actors.domain.order_state import OrderState
from actors.domain.posting_date import posting_date, zone_of
from actors.domain.prediction import Decision, Hold, Prediction
from actors.domain.sale import OrderView, RowKind, SaleOrder
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, answered, note, record_of, refused, settled, underway
from actors.orders.editing import sends_rows, stands
from actors.orders.posting import Posting
from actors.orders.shortages import tell_shortages
from actors.orders.standing import hold_voided, sale_vanished
from actors.orders.teaching import Teaching, learn_from_answer
from actors.orders.withdrawing import WITHDRAWING, withdraw
from storage import books, calibration, calls, demand, exceptions, orders
from storage.orders import SaleRecord

PROBING_WAIT = 1_500
"""Milliseconds before an order looks again while another one asks the account by a DRAFT."""

DIFFERED = "differed:"
"""Before the digest of a document whose DRAFT was shown with other figures."""


WITHDRAWN_BY = frozenset({"prediction_differs"})
"""What is found of an order whose unauthorised sale is taken back: it will not become what the customer owes."""


async def authorise(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Give the sale its order document. After any doubt the sale is read first; Cin7 itself refuses a second one.

    Where the account's arithmetic is open for this order, the document goes as a DRAFT first and is compared: the
    answer teaches, and the order is judged again by what is then known.
    """
    judged, known = await desk.judge(case.order)
    findings = judged.findings if isinstance(judged, Hold) else ()
    if case.record.drafted == WITHDRAWING:
        # Its void was asked for and may still take effect: nothing else is done with this sale.
        return await _take_back(desk, case, sale, judged, known, why="its withdrawal is not proved yet")
    if case.record.unsure or case.record.inclusive is None:
        return await _read_first(desk, case, sale, judged, known)
    misfit = _misfit(desk, case, judged, known)
    if misfit is not None:
        return await _take_back(desk, case, sale, judged, known, why=misfit.why, found=misfit.findings)
    if isinstance(judged, Hold):
        return desk.hold(case, findings, known=known)
    if judged.decision is Decision.POST or case.record.drafted == _verdict(desk, known, judged):
        return await _send(Posting(desk, case, sale, judged, known))
    return await _ask_first(desk, case, sale)


async def _take_back(
    desk: Desk,
    case: Case,
    sale: SaleRecord,
    judged: Prediction | Hold,
    known: Facts,
    *,
    why: str,
    found: tuple[Finding, ...] = (),
) -> Outcome:
    """Withdraw the sale. An order that turns out to be authorised by then is compared like any other."""
    findings = found or (judged.findings if isinstance(judged, Hold) else ())
    outcome = await withdraw(desk, case, sale, findings, known=known, why=why)
    if not isinstance(outcome, OrderView):
        return outcome
    if isinstance(judged, Hold):
        return _posted_otherwise(desk, case, sale, outcome, judged.findings)
    inclusive = bool(case.record.inclusive)
    unit = _posted(Posting(desk, case, sale, judged, known), outcome, inclusive=inclusive)
    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),))


def _posted_otherwise(
    desk: Desk, case: Case, sale: SaleRecord, answer: OrderView, findings: tuple[Finding, ...]
) -> Done:
    """The order is authorised although it would be held by now: it stands, and finance is told what was found."""
    order = case.order
    finding = Finding(
        code="totals_differ",
        cause=f"The sale of order {order.shown_as} is authorised with total {answer.total:f}, and the order would be"
        f" held: {'; '.join(one.cause for one in findings)}",
        field="total",
        facts={key: value for one in findings for key, value in one.facts.items()},
    )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        orders.set_unsure(connection, order.id, False)
        orders.set_drafted(connection, order.id, None)
        figures = {"net": f"{answer.net:f}", "tax": f"{answer.tax:f}", "total": f"{answer.total:f}"}
        orders.set_answer(connection, order.id, **figures, reconciled=False)
        _authorised(desk, connection, case, sale, answer=answer, now=now)
        exceptions.raise_finding(connection, record_of(order), finding, now=now)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),))


def _verdict(desk: Desk, known: Facts, prediction: Prediction) -> str:
    """Name what a DRAFT proves: this document, under these settings of the account, on this day of the books."""
    return f"{desk.today(known)}/{desk.settings_of(known)[:12]}/{digest(prediction)}"


class _Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """Why the sale that was begun is taken back; without findings the order begins anew at once."""

    why: str
    findings: tuple[Finding, ...] = ()


def _misfit(desk: Desk, case: Case, judged: Prediction | Hold, known: Facts) -> _Misfit | None:
    if isinstance(judged, Hold):
        if any(finding.code in WITHDRAWN_BY for finding in judged.findings):
            return _Misfit(why="the account would show other figures", findings=judged.findings)
        return None
    if case.record.inclusive is not None and case.record.inclusive != judged.tax_inclusive:
        return _Misfit(why="its header is of the other tax mode")
    if case.record.drafted == DIFFERED + _verdict(desk, known, judged):
        return _Misfit(why="its DRAFT was shown with other figures", findings=(_draft_differed(case),))
    return None


async def _ask_first(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Send the document as a DRAFT, one order at a time: whoever comes later knows more by then."""
    if desk.probing.locked():
        return desk.later(case, desk.around.clock.now() + PROBING_WAIT, "another order asks the account")
    async with desk.probing:
        judged, known = await desk.judge(case.order)
        if isinstance(judged, Hold) or _misfit(desk, case, judged, known) or judged.decision is Decision.POST:
            return desk.later(case, desk.around.clock.now(), "learnt meanwhile")
        return await _draft(Posting(desk, case, sale, judged, known))


async def _draft(posting: Posting) -> Outcome:
    desk, case, sale, prediction, known = posting
    order = case.order
    intent = Intent(Purpose.CIN7_DRAFT_ORDER, subject=order.id, generation=case.record.generation)
    document = order_document(sale.sale_id, prediction, authorise=False)
    answer = await _post(posting, document, intent)
    if not isinstance(answer, OrderView):
        return answer
    differences = compare(prediction, answer, tax_inclusive_answer=bool(case.record.inclusive))
    lesson = learn_from_answer(posting, answer, draft=True)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        answered(connection, intent, now)
        _learn(connection, lesson, prediction, now, agrees=not differences)
        orders.set_breakdown(connection, order.id, breakdown(prediction, answer))
        verdict = DIFFERED if differences else ""
        orders.set_drafted(connection, order.id, verdict + _verdict(desk, known, prediction))
        shown = "as predicted" if not differences else "; ".join(str(one) for one in differences[:3])
        note(connection, order.id, "order drafted", now, sale=sale.sale_id, total=f"{answer.total:f}", answer=shown)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


def _draft_differed(case: Case) -> Finding:
    return Finding(
        code="prediction_differs",
        cause=f"Cin7 Core showed the DRAFT of order {case.order.shown_as} with other figures than the customer owes:"
        " see both sides.",
        field="draft",
        facts=case.record.breakdown,
        waits_for=fact_ref(FactKind.COMPANY, ""),
        group="prediction_differs:draft",
    )


def _learn(
    connection: sqlite3.Connection, lesson: Teaching | None, prediction: Prediction, now: Instant, *, agrees: bool
) -> None:
    """Write what an answer taught. That it was an answer at all says that the account takes what was sent."""
    if lesson is not None:
        lesson.write(connection, now, agrees=agrees)
    charges = [row for row in prediction.rows if row.kind is not RowKind.LINE]
    if any(row.price < 0 for row in charges):
        calibration.flag(connection, "negative_charges", True)
    if len({row.sku for row in charges}) < len(charges):
        calibration.flag(connection, "repeated_charges", True)


async def _read_first(desk: Desk, case: Case, sale: SaleRecord, judged: Prediction | Hold, known: Facts) -> Outcome:
    """Nothing is asked of a sale in doubt before it was read: what stands is authorised already, void, or open."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return desk.hold(case, [sale_vanished(case, sale)])
    if view.voided:
        return hold_voided(desk, case, sale)
    if view.order is not None and view.order.authorised:
        if isinstance(judged, Hold):
            return _posted_otherwise(desk, case, sale, view.order, judged.findings)
        posting = Posting(desk, case, sale, judged, known)
        return Done(
            unit=_posted(posting, view.order, inclusive=view.tax_inclusive),
            nudges=(underway(case.order.id, desk.around.clock.now()),),
        )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        orders.set_unsure(connection, case.order.id, False)
        orders.set_inclusive(connection, case.order.id, view.tax_inclusive)
        note(connection, case.order.id, "sale read, no order yet", now, sale=sale.sale_id)

    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),))


async def _send(posting: Posting) -> Outcome:
    desk, case, sale, prediction, _ = posting
    order = case.order
    beside, generation = sends_rows(desk, case), case.record.generation
    intent = Intent(Purpose.CIN7_AUTHORISE_ORDER, subject=order.id, generation=generation, beside=beside)
    document = order_document(sale.sale_id, prediction)
    answer = await _post(posting, document, intent)
    if not isinstance(answer, OrderView):
        return answer
    if not answer.authorised:
        return _rejected(desk, case, intent, f"the order was left {answer.status}", done=True)
    posted = _posted(posting, answer, inclusive=bool(case.record.inclusive))

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        answered(connection, intent, now)
        posted(connection, now)

    return Done(unit=unit, nudges=(underway(order.id, desk.around.clock.now()),), points=settled(intent))


async def _post(posting: Posting, document: SaleOrder, intent: Intent) -> OrderView | Outcome:
    """Send a document once; return the answer, or what its failure comes to."""
    desk, case, sale, _, _ = posting
    try:
        return await desk.write(case, intent, desk.book.post_order(document, intent))
    except InDoubt as error:
        if error.reason == CONTRADICTION:
            return await _contradicted(desk, case, sale, intent, error)
        return _unsure(desk, case, intent, "unknown", error.reason)
    except Rejected as error:
        if "IS AUTHORISED" in error.detail.upper():
            return _unsure(desk, case, intent, "refused", "authorised already")
        return _refused(posting, intent, error.detail or error.reason)


def _refused(posting: Posting, intent: Intent, detail: str) -> Done:
    """A refusal that says what the account does not take, or expects, is evidence: the order is planned anew."""
    desk, case, _, prediction, known = posting
    refusal = understand(prediction, detail)
    believed = {
        "negative_charges": known.calibration.negative_charges,
        "repeated_charges": known.calibration.repeated_charges,
    }
    mode = known.calibration.of(inclusive=prediction.tax_inclusive)
    news = refusal.refuted is not None and not mode.outside and bool(mode.alive & refusal.refuted)
    if not news and (not refusal.flag or believed[refusal.flag] is False):
        return _rejected(desk, case, intent, detail)
    refuted = refusal.refuted
    lesson = Teaching(posting, refuted, kind="refusal", shown=detail) if news and refuted is not None else None

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        refused(connection, intent, detail)
        if refusal.flag:
            calibration.flag(connection, refusal.flag, False)
        if lesson is not None:
            lesson.write(connection, now, agrees=False)
        note(connection, case.order.id, "order refused, planned anew", now, answer=detail)

    return Done(unit=unit, nudges=(underway(case.order.id, desk.around.clock.now()),), points=settled(intent))


def _posted(posting: Posting, answer: OrderView, *, inclusive: bool) -> Unit:
    """The order is authorised: keep what Cin7 shows; a difference is finance's, and keeps the invoice from posting."""
    desk, case, sale, prediction, _ = posting
    differences = compare(prediction, answer, tax_inclusive_answer=inclusive)
    lesson = learn_from_answer(posting, answer, draft=False)
    order = case.order

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        _learn(connection, lesson, prediction, now, agrees=not differences)
        orders.set_unsure(connection, order.id, False)
        orders.set_drafted(connection, order.id, None)
        orders.set_inclusive(connection, order.id, inclusive)
        orders.set_tolerated(connection, order.id, prediction.tolerated)
        orders.set_breakdown(connection, order.id, breakdown(prediction, answer))
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
        _authorised(desk, connection, case, sale, answer=answer, now=now)
        _open_books(posting, connection, answer, inclusive=inclusive, now=now)
        if differences:
            finding = totals_finding(prediction, answer, differences)
            exceptions.raise_finding(connection, record_of(order), finding, now=now)

    return unit


def _open_books(
    posting: Posting, connection: sqlite3.Connection, answer: OrderView, *, inclusive: bool, now: Instant
) -> None:
    """Keep what was ordered and what was sold: whatever finance posts later is made from these figures."""
    desk, case, sale, prediction, known = posting
    zone = zone_of(known.company, desk.posting) if known.company is not None else None
    books.open_books(
        connection,
        case.order.id,
        sale.sale_id,
        ordered=figures.ordered(prediction),
        sold=figures.sold(prediction, answer, tax_inclusive=inclusive),
        day=posting_date(case.order, zone).isoformat() if isinstance(zone, ZoneInfo) else "",
        percents=prediction.percents,
        now=now,
    )


def _authorised(
    desk: Desk, connection: sqlite3.Connection, case: Case, sale: SaleRecord, *, answer: OrderView, now: Instant
) -> None:
    """The order is posted, and Cin7 counts its units: but for what it has not, and for channels fed from elsewhere."""
    order = case.order
    stands(desk, connection, case)
    orders.name_sale(connection, sale.sale_id, answer.number)
    orders.move(connection, order.id, OrderState.POSTED, now=now)
    demand.misplace(connection, order.id, unfed_channels(order, desk.posting))
    note(connection, order.id, "order authorised", now, sale=sale.sale_id, total=f"{answer.total:f}")
    if answer.shortages:
        tell_shortages(connection, case, answer, now)


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
    if view.voided or (view.order is not None and view.order.authorised):
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
