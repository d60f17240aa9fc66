"""Sales this database did not see being made: named by the order itself, or made by a predecessor with another file.

A lost file, a restored one, a daemon that held the lease before us: each may have sent an order of which nothing is on
disk here. Such an order is never created, and never forgotten when it is cancelled, before it was looked for.
"""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Outcome
from actors.domain.errors import Missing, Rejected
from actors.domain.exception_types import Finding
from actors.domain.order import SyncMark
from actors.domain.references import generation_of
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from actors.orders.cancelling import cancel_unsent
from actors.orders.desk import Case, Desk
from actors.orders.looking import look_up, verdict_finding
from actors.orders.rules import Verdict
from actors.orders.sales import adopt, record_sale
from storage import meta, orders


async def named_sale(desk: Desk, case: Case) -> Outcome | None:
    """Take over the sale the order's sync info names (a lost database wrote it, perhaps); None if it names none.

    An order whose sync info names a sale is never created, unless that sale is known to be void.
    """
    mark = _unknown_mark(desk, case)
    if mark is None:
        return None
    sale_id = (mark.external_id or "").lower()
    try:
        view = await desk.book.read_sale(sale_id, subject=case.order.id)
    except (Missing, Rejected):
        return desk.hold(case, [_vanished(case, sale_id)])
    if not _is_ours(case, view):
        return desk.hold(case, [_not_ours(case, view.number or view.id)])
    if view.voided:
        return _remember_void(desk, case, view.id, view.number)
    return adopt(desk, case, view.id, view.number, external=view.external_id)


async def predecessors_sale(desk: Desk, case: Case) -> Outcome | None:
    """Look for a sale a predecessor may have made; None when none may be there, or both answers say there is none.

    Without doubt nothing is looked up, except orders created before this file was born, restored, or took over the
    lease. The instant is read here, and not kept in memory: it moves while the daemon runs.
    """
    record = case.record
    born_at = await desk.around.database.read(meta.born_at)
    if case.order.created_at >= born_at or (record.looked_at is not None and record.looked_at >= born_at):
        return None
    first_look = born_at + desk.export.timeout + desk.export.quiet
    if desk.around.clock.now() < first_look:
        return desk.later(case, first_look, "older than this database: looked for first")
    conclusion = await look_up(desk, case)
    match conclusion.verdict:
        case Verdict.NOT_THERE:
            await desk.around.database.run(
                lambda connection: orders.looked(connection, record.id, looks=0, now=desk.around.clock.now())
            )
            return None
        case Verdict.FOUND:
            found = conclusion.sales[0]
            return adopt(desk, case, found.id, found.number, external=found.external_id)
        case Verdict.VOIDED:
            return _remember_void(desk, case, conclusion.sales[0].id, conclusion.sales[0].number)
        case Verdict.NO_ANSWER:
            return desk.later(case, desk.around.clock.now() + desk.export.quiet, "the look-up gave no answer")
        case _:
            return desk.hold(case, [verdict_finding(case, conclusion)])


async def cancel_unknown(desk: Desk, case: Case) -> Outcome:
    """Cancelled, and we know of no sale. One that a predecessor made is taken over first, and voided next."""
    found = await named_sale(desk, case) or await predecessors_sale(desk, case)
    return found or cancel_unsent(desk, case)


def voided_by_hand(case: Case) -> Finding:
    """The order's sale is void, and tallyd did not do it."""
    return Finding(
        code="sale_voided_by_hand",
        cause=f"The sale of order {case.order.shown_as} was voided in Cin7 Core, not by tallyd.",
        facts={"order": case.order.shown_as, "sales": ", ".join(sorted(case.voided_ids))},
    )


def _unknown_mark(desk: Desk, case: Case) -> SyncMark | None:
    marks = [
        mark
        for mark in case.order.sync
        if mark.external_id
        and mark.channel_key in (desk.export.sync_channel, None)
        and mark.external_id.lower() not in case.voided_ids
    ]
    return max(marks, key=lambda mark: mark.synced_at, default=None)


def _is_ours(case: Case, view: SaleView) -> bool:
    return generation_of(view.external_id, case.order.id) is not None


def _remember_void(desk: Desk, case: Case, sale_id: str, number: str | None) -> Done:
    """A void sale counts for nothing; whether the order is to be sent again is a person's decision (`resend`)."""
    cancelled = case.order.state == "Cancelled"
    settled = cancel_unsent(desk, case) if cancelled else desk.hold(case, [voided_by_hand(case)])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        record_sale(connection, case, sale_id, number, now)
        orders.void_sale(connection, sale_id, now=now)
        if settled.unit is not None:
            settled.unit(connection, now)

    return Done(unit=unit)


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
