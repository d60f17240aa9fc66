"""An order that was changed in commercetools after its sale was made (failure story C9).

At every look the order is compared with what its sale was made from. Texts of the header are applied to the sale, as
long as they can matter; goods and money are held for a person, field by field; and money that is no longer there is
told. What was told or held is over by evidence: order and sale agree again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from actors.core.actor import Done, Later, Outcome, Unit
from actors.domain import edits, payments
from actors.domain.calls import Purpose
from actors.domain.comparison import moved as moved_by_change
from actors.domain.edits import Change, Kind
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected
from actors.domain.exception_types import Finding
from actors.domain.sale import SaleChange, SaleView
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders import shortages
from actors.orders.desk import Case, Desk, answered, note, record_of, refused, settled
from actors.orders.standing import hold_voided, sale_vanished
from storage import calls, exceptions, exported, orders
from storage.orders import SaleRecord

EDITED = "order_edited"
NOT_APPLIED = "edit_not_applied"
REVERSED = "payment_reversed"

MOST_NAMED = 6
"""So many differences are named in the cause; all of them stand in the facts."""

_WHEN = ("before", "now")


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's sale was made from (None: not known), what it would be made from now, and what differs.

    `renamed`: its texts were named by another storage key, and are by that of today from now on.
    """

    sale: dict[str, str] | None
    now: dict[str, str]
    changes: tuple[Change, ...]
    renamed: bool = False

    @property
    def unsafe(self) -> tuple[Change, ...]:
        """What a person decides about."""
        return tuple(change for change in self.changes if change.kind is Kind.UNSAFE)


# -- what a sale is made from is kept with it --------------------------------------------------------------------------


def sends_header(desk: Desk, case: Case) -> Callable[[sqlite3.Connection, int], None]:
    """Keep what the header is made from, in the commit of the intent to send it: that survives a lost answer."""
    return _beside(desk, case, exported.put_header)


def sends_rows(desk: Desk, case: Case) -> Callable[[sqlite3.Connection, int], None]:
    """Keep what the order document is made from, in the commit of the intent to authorise it."""
    return _beside(desk, case, exported.put_rows)


def stands(desk: Desk, connection: sqlite3.Connection, case: Case) -> None:
    """The sale is authorised: what was not made from here counts as made from the order as it is."""
    order = case.order
    exported.complete(connection, order.id, case.record.generation, order.version, _made_from(desk, case))


def _beside(desk: Desk, case: Case, put: Callable[..., None]) -> Callable[[sqlite3.Connection, int], None]:
    made_from, order = _made_from(desk, case), case.order

    def beside(connection: sqlite3.Connection, call_id: int) -> None:
        put(connection, order.id, case.record.generation, order.version, made_from)

    return beside


def _made_from(desk: Desk, case: Case) -> dict[str, str]:
    return edits.fields(case.order, desk.posting, desk.sealer.digest)


# -- what differs ------------------------------------------------------------------------------------------------------


async def find(desk: Desk, case: Case) -> Edit:
    """Compare the order with what its sale was made from: no call.

    A sale of an earlier release, of which that was not kept, counts as made from the order as it is at the first look.
    So do its texts under another storage key: what they were cannot be read, and a later edit has to be seen.
    """
    order_id, generation = case.order.id, case.record.generation
    sale = await desk.around.database.read(lambda connection: exported.get(connection, order_id, generation))
    now = _made_from(desk, case)
    if sale is None:
        return Edit(sale=None, now=now, changes=())
    renamed = not edits.is_readable(sale, now)
    sale = edits.named_anew(sale, now) if renamed else sale
    now = edits.unseen(sale, now, case.lost)
    return Edit(sale=sale, now=now, changes=edits.compare(sale, now), renamed=renamed)


def tell(case: Case, edit: Edit, outcome: Outcome) -> Outcome:
    """Write, with whatever else comes of the look, what it says of edits that are over and of the payment."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        order = case.order
        if edit.sale is not None and edit.renamed:
            exported.rename(connection, order.id, edit.sale)
        if outcome.unit is not None:
            outcome.unit(connection, now)
        if edit.sale is None:
            exported.put(connection, order.id, case.record.generation, order.version, edit.now)
        if len(edit.unsafe) == len(edit.changes):
            agree = "order and sale agree"
            exceptions.clear(connection, record_of(order), resolution=agree, now=now, types=(NOT_APPLIED,))
        _tell_payment(connection, case, edit, now)

    return msgspec.structs.replace(outcome, unit=unit)


def _tell_payment(connection: sqlite3.Connection, case: Case, edit: Edit, now: Instant) -> None:
    order, owed = case.order, edits.owed_by(edit.sale or edit.now)
    if owed is None or not order.payments_expanded:
        return
    if payments.is_reversed(order, owed):
        exceptions.raise_finding(connection, record_of(order), _reversed(case), now=now)
        return
    exceptions.clear(connection, record_of(order), resolution="the payment covers it", now=now, types=(REVERSED,))


def _reversed(case: Case) -> Finding:
    order = case.order
    return Finding(
        code=REVERSED,
        cause=f"Order {order.shown_as} was covered by its payments when its sale was made, and is not any more.",
        facts={"paymentState": order.payment_state or ""}
        | {
            f"{one.type} {one.id or place}": f"{one.state}, {one.amount} minor units of {one.currency}"
            for payment in order.payments
            for place, one in enumerate(payment.transactions, 1)
        },
    )


# -- held for a person -------------------------------------------------------------------------------------------------


def hold(desk: Desk, case: Case, sale: SaleRecord, edit: Edit) -> Done:
    """Hold an order whose goods or money differ from its sale's; nothing of it is applied meanwhile."""
    held = desk.hold(case, [_edited(case, sale, edit)])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        if held.unit is not None:
            held.unit(connection, now)
        exported.differs(connection, case.order.id, edit.now)

    return msgspec.structs.replace(held, unit=unit)


def _edited(case: Case, sale: SaleRecord, edit: Edit) -> Finding:
    shown = {change.field: change.shown for change in edit.changes}
    named = "; ".join(f"{change.field} {' → '.join(filter(None, change.shown))}" for change in edit.unsafe[:MOST_NAMED])
    more = len(edit.unsafe) - MOST_NAMED
    return Finding(
        code=EDITED,
        cause=f"Order {case.order.shown_as} was changed, and its sale {sale.number or sale.sale_id} shows what it was:"
        f" {named}{f'; and {more} more' if more > 0 else ''}.",
        facts={
            label: text
            for field, (before, after) in shown.items()
            for label, text in ((f"{field} before", before), (f"{field} now", after))
            if text
        },
    )


# -- applied to the sale -----------------------------------------------------------------------------------------------


async def go_on(desk: Desk, case: Case, sale: SaleRecord, edit: Edit) -> Outcome:
    """Apply what may be applied; with nothing to apply, see to what the sale has too little of."""
    if edit.changes:
        return await _apply(desk, case, sale, edit)
    return await shortages.follow(desk, case, sale) if case.record.shortages else desk.done(case)


class _Applying(NamedTuple):
    """One look at a sale that is to be changed: what may be changed about it, and what was found that may not."""

    desk: Desk
    case: Case
    sale: SaleRecord
    view: SaleView
    edit: Edit
    changes: list[Change]
    findings: list[Finding]


async def _apply(desk: Desk, case: Case, sale: SaleRecord, edit: Edit) -> Outcome:
    """Read the sale, then change its header once. Where the warehouse has begun, the address is left and told."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return desk.hold(case, [sale_vanished(case, sale)])
    if view.voided:
        return hold_voided(desk, case, sale)
    begun = _begun(view)
    late = [change for change in edit.changes if begun and change.group == edits.SHIPPING]
    changes = [change for change in edit.changes if change not in late]
    applying = _Applying(desk, case, sale, view, edit, changes, [_too_late(case, sale, late, begun)] if late else [])
    zone = desk.zone(await desk.facts_for(case.order))
    try:
        change = edits.change_of(case.order, changes, sale.sale_id, desk.posting, zone)
    except ValueError as error:
        return _left(applying, [_refusal(applying, str(error))])
    return await _write(applying, change) if change is not None else _changed(applying)


async def _write(applying: _Applying, change: SaleChange) -> Outcome:
    """Send the change. It names what the sale shall show, not what to do to it: sent twice it does the same.

    So a lost answer needs no proof: it is sent again, by the schedule. What else stands on the header goes back as it
    was read; should the change have moved money all the same, finance is told.
    """
    desk, case, view = applying.desk, applying.case, applying.view
    intent = Intent(Purpose.CIN7_UPDATE_SALE, subject=case.order.id, generation=case.record.generation)
    try:
        answer = await desk.write(case, intent, desk.book.update_sale(change, view, intent))
    except InDoubt as error:
        if error.reason != CONTRADICTION:
            return _unknown(intent, error.reason)
        words = error.detail or error.reason
    except Rejected as error:
        words = error.detail or error.reason
    else:
        return _settling(_changed(applying, sent=True), intent, _answered(applying, intent, answer))
    left = _left(applying, [_refusal(applying, words)])
    return _settling(left, intent, lambda file, now: refused(file, intent, words))


def _answered(applying: _Applying, intent: Intent, answer: SaleView) -> Unit:
    case = applying.case
    inclusive = case.record.inclusive
    # The mode is known from when the sale was made: a change whose answer was lost may have moved it before.
    before = applying.view if inclusive is None else msgspec.structs.replace(applying.view, tax_inclusive=inclusive)
    moved = moved_by_change(before, answer)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        answered(connection, intent, now)
        if not moved:
            return
        exceptions.raise_finding(connection, record_of(case.order), _moved(applying, moved), now=now)
        if (shown := answer.order) is not None:
            figures = {"net": f"{shown.net:f}", "tax": f"{shown.tax:f}", "total": f"{shown.total:f}"}
            orders.set_answer(connection, case.order.id, **figures, reconciled=False)

    return unit


def _moved(applying: _Applying, moved: dict[str, tuple[str, str]]) -> Finding:
    shown = applying.sale.number or applying.sale.sale_id
    words = "; ".join(f"{name} {before} → {after}" for name, (before, after) in moved.items())
    return Finding(
        code="totals_differ",
        cause=f"Texts of sale {shown} of order {applying.case.order.shown_as} were changed, and Cin7 Core changed its"
        f" money with them: {words}.",
        field=next(iter(moved)),
        facts={f"{name} {when}": text for name, pair in moved.items() for when, text in zip(_WHEN, pair, strict=True)},
    )


def _unknown(intent: Intent, reason: str) -> Later:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        calls.settle(connection, intent.call_id, "unknown", detail=reason)

    return Later(due_at=None, reason=reason, unit=unit, points=settled(intent))


def _changed(applying: _Applying, *, sent: bool = False) -> Outcome:
    """The sale shows by now what could be changed about it."""
    case, edit, changes = applying.case, applying.edit, applying.changes
    order, shows = case.order, edits.applied(edit.sale or {}, edit.now, changes)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        exported.put(connection, order.id, case.record.generation, order.version, shows)
        if sent:
            note(connection, order.id, "sale changed", now, fields=", ".join(change.field for change in changes))

    return _left(applying, [], unit)


def _left(applying: _Applying, more: list[Finding], beside: Unit | None = None) -> Outcome:
    """Tell what the sale does not show. That is tried again when something moves, and not before."""
    desk, case, edit = applying.desk, applying.case, applying.edit
    found = [*applying.findings, *more]

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        if beside is not None:
            beside(connection, now)
        exported.differs(connection, case.order.id, edit.now)
        record = record_of(case.order)
        for finding in found:
            exceptions.raise_finding(connection, record, finding, now=now)
        kept = {(finding.code, finding.sku, finding.field) for finding in found}
        exceptions.clear(
            connection, record, resolution="the sale was changed", now=now, types=(NOT_APPLIED,), keep=kept
        )

    now = desk.around.clock.now()
    if not case.record.shortages:
        return desk.done(case, unit)
    return desk.later(case, now + shortages.LOOK_AGAIN if found else now, "waits for stock", unit)


def _settling(outcome: Outcome, intent: Intent, settle: Unit) -> Outcome:
    """Record what came of the write in the commit of everything else that follows from it."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        settle(connection, now)
        if outcome.unit is not None:
            outcome.unit(connection, now)

    return msgspec.structs.replace(outcome, unit=unit, points=settled(intent))


def _begun(view: SaleView) -> str:
    """Say how far the warehouse is with the sale; "" where nothing is picked."""
    if view.shipped:
        return "something of it has left the house"
    return "its pick is authorised" if view.fulfilment_authorised else ""


def _too_late(case: Case, sale: SaleRecord, late: Sequence[Change], begun: str) -> Finding:
    return Finding(
        code=NOT_APPLIED,
        cause=f"The shipping address of order {case.order.shown_as} was changed, and its sale"
        f" {sale.number or sale.sale_id} keeps the one it has: {begun}.",
        field=edits.SHIPPING,
        facts={f"{change.field} now": "changed" for change in late},
    )


def _refusal(applying: _Applying, words: str) -> Finding:
    case, sale, changes = applying.case, applying.sale, applying.changes
    shown = sale.number or sale.sale_id
    return Finding(
        code=NOT_APPLIED,
        cause=f"Order {case.order.shown_as} was changed, and its sale {shown} could not be: {words}",
        field=", ".join(sorted({change.group for change in changes})),
        facts={"answer": words} | {f"{change.field} now": change.shown[1] for change in changes},
        group=f"{NOT_APPLIED}:{words}",
    )
