"""Looking for a sale that may or may not exist: both references, and what to think of the answers (design §3)."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome, clear_connection
from actors.domain.errors import CONTRADICTION, WireError
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.references import customer_reference, external_id
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note, record_of, underway
from actors.orders.rules import Conclusion, Verdict, conclude
from actors.orders.sales import adopt, record_sale
from storage import calls, exceptions, orders

LOOKS_NEEDED = 2
"""So many clean *not there*, a quiet while apart, allow a new create."""

PATIENCE = 5
"""So many quiet whiles a doubt may go without an answer before somebody is told."""


async def look_up(desk: Desk, case: Case) -> Conclusion:
    """Ask for both references and judge: two governed calls."""
    order, generation = case.order, case.record.generation
    wanted = external_id(order.id, generation)
    reference = customer_reference(order, desk.posting.order_reference)
    by_external_id = await desk.book.find_by_external_id(wanted, subject=order.id)
    by_reference = await desk.book.find_by_reference(reference, subject=order.id)
    return conclude(
        by_external_id,
        by_reference,
        external_id=wanted,
        customer_reference=reference,
        known_void=case.voided_ids,
        order_id=order.id,
    )


async def resolve(desk: Desk, case: Case) -> Outcome:
    """Settle the doubt about a create: found, or twice not there; anything else is told and looked at again."""
    record, now = case.record, desk.around.clock.now()
    due_at = (record.doubt_until or now) + desk.export.quiet * (record.looks + 1)
    if record.looks and record.looked_at is not None:
        due_at = max(due_at, record.looked_at + desk.export.quiet)
    if now < due_at:
        return Later(due_at=due_at, reason="in doubt")
    conclusion = await look_up(desk, case)
    match conclusion.verdict:
        case Verdict.FOUND:
            found = conclusion.sales[0]
            return adopt(desk, case, found.id, found.number, external=found.external_id)
        case Verdict.NOT_THERE:
            return await _not_there(desk, case)
        case Verdict.VOIDED:
            return _voided(desk, case, conclusion)
        case _:
            return _unresolved(desk, case, conclusion)


async def _not_there(desk: Desk, case: Case) -> Outcome:
    record, now = case.record, desk.around.clock.now()
    looks = record.looks + 1
    if looks < LOOKS_NEEDED:
        return Later(
            due_at=now + desk.export.quiet,
            reason="in doubt, second look",
            unit=lambda connection, at: _looked(connection, case, looks, at),
        )
    why = await desk.around.database.read(lambda connection: calls.last_doubt(connection, record.id, record.generation))
    refusal = _refusal(case, why)

    def unit(connection: sqlite3.Connection, at: Instant) -> None:
        _looked(connection, case, looks, at)
        calls.prove_create(connection, record.id, record.generation, outcome="absent")
        exceptions.clear(
            connection, record_of(case.order), resolution="proved not there", now=at, types=("in_doubt_unresolved",)
        )
        orders.move(connection, record.id, OrderState.ACCEPTED, now=at, reason="proved not there")
        if refusal is not None and refusal.unit is not None:
            refusal.unit(connection, at)

    return Done(unit=unit, nudges=() if refusal is not None else (underway(record.id, now),))


def _refusal(case: Case, why: str) -> Done | None:
    """What was probably a refusal is not asked again by itself: it would only be refused again."""
    if not why.startswith(CONTRADICTION) or case.order.state == "Cancelled":
        return None
    finding = Finding(
        code="create_rejected",
        cause=f"Cin7 Core answered the sale with an error: {why.removeprefix(CONTRADICTION).lstrip(': ')}",
        group=f"create_rejected:{why}",
        facts={"answer": why},
    )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now)
        orders.move(connection, case.order.id, OrderState.HELD, now=now, reason=finding.code)

    return Done(unit=unit)


def _looked(connection: sqlite3.Connection, case: Case, looks: int, now: Instant) -> None:
    clear_connection(connection, "cin7", now=now)
    orders.looked(connection, case.record.id, looks=looks, now=now)
    note(connection, case.record.id, "sale not there", now, look=looks)


def _voided(desk: Desk, case: Case, conclusion: Conclusion) -> Done:
    """The sale was made and somebody voided it: that is a person's decision, and a person's to undo (`resend`).

    A cancelled order wants nothing else: it ends with the next look.
    """
    found, cancelled = conclusion.sales[0], case.order.state == "Cancelled"
    held = desk.hold(case, [verdict_finding(case, conclusion)])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        calls.prove_create(connection, case.record.id, case.record.generation, outcome="done")
        record_sale(connection, case, found.id, found.number, now)
        orders.void_sale(connection, found.id, now=now)
        if cancelled:
            orders.move(connection, case.order.id, OrderState.HELD, now=now, reason="its sale is void")
        elif held.unit is not None:
            held.unit(connection, now)

    nudges = (underway(case.order.id, desk.around.clock.now()),) if cancelled else ()
    return Done(unit=unit, nudges=nudges)


def _unresolved(desk: Desk, case: Case, conclusion: Conclusion) -> Later:
    """No answer, several, somebody else's: the order stays in doubt, so nothing can be created; a person is told."""
    due_at = desk.around.clock.now() + max(desk.export.quiet, 300_000)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        finding = verdict_finding(case, conclusion)
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now, next_attempt_at=due_at)

    return Later(due_at=due_at, reason=conclusion.verdict.value, unit=unit)


def tell_if_unanswered(
    connection: sqlite3.Connection, order_id: str, error: WireError, *, quiet: int, now: Instant
) -> None:
    """A doubt whose look-ups fail again and again is told of the order itself: its side may answer everything else."""
    record = orders.get(connection, order_id)
    if record is None or record.doubt_until is None or now < record.doubt_until + quiet * PATIENCE:
        return
    finding = Finding(
        code="in_doubt_unresolved",
        cause=f"Whether order {record.number or record.id} became a sale is not known: {error.operation} of"
        f" {error.side} fails ({error.reason}).",
    )
    named = exceptions.Record(kind="order", id=record.id, number=record.number)
    exceptions.raise_finding(connection, named, finding, now=now)


def verdict_finding(case: Case, conclusion: Conclusion) -> Finding:
    """Put what the look-ups found in words."""
    shown = case.order.shown_as
    sales = ", ".join(f"{row.number or row.id} ({row.status})" for row in conclusion.sales)
    match conclusion.verdict:
        case Verdict.SEVERAL:
            return Finding(
                code="several_sales", cause=f"Several sales stand for order {shown}: {sales}.", facts={"sales": sales}
            )
        case Verdict.FOREIGN:
            return Finding(
                code="sale_not_ours",
                cause=f"Sale {sales} carries the reference of order {shown} and was not made by tallyd.",
                facts={"sales": sales},
            )
        case Verdict.VOIDED:
            return Finding(
                code="sale_voided_by_hand",
                cause=f"The sale of order {shown} was made and then voided in Cin7 Core: {sales}.",
                facts={"sales": sales},
            )
        case _:
            return Finding(
                code="in_doubt_unresolved",
                cause=f"Whether order {shown} became a sale is not known: the look-up gave no clear answer.",
            )
