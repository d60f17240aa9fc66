"""An order cancelled in commercetools leaves no live sale behind, whenever the cancellation is seen."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import msgspec

from actors.core.actor import Done, Later, Outcome
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState, may_follow
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from actors.orders.desk import Case, Desk, note, record_of
from actors.orders.voiding import Attempt, Beside, Result, void
from storage import exceptions, orders
from storage.orders import SaleRecord


def cancel_unsent(desk: Desk, case: Case) -> Done:
    """Nothing was sent: nothing will be."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        _end(desk, connection, case, now)

    return Done(unit=unit)


async def cancel_sale(desk: Desk, case: Case, sale: SaleRecord) -> Outcome:
    """Void the sale, and believe it only when Cin7 shows it void. Never after a pick or an invoice was authorised."""
    attempt = await void(desk, case, sale, beside=_begun(desk, case))
    match attempt.result:
        case Result.VOID | Result.GONE:
            return _voided(desk, case, sale, attempt)
        case Result.UNPROVED:
            return _read_again(case, attempt)
        case Result.SHIPPED if attempt.view is not None and _came_back(attempt.view):
            return _stands(desk, case, sale, attempt, "all of it came back")
        case Result.SHIPPED:
            return await _asked(desk, case, sale, attempt, _shipped(case, sale, attempt))
        case Result.PICKED:
            return await _asked(desk, case, sale, attempt, _live(case, sale, "cancelled_after_pick", attempt))
        case Result.INVOICED:
            return await _asked(desk, case, sale, attempt, _live(case, sale, "cancelled_after_invoice", attempt))
        case _:
            return held_live(desk, case, sale, "void_failed", attempt)


async def _asked(desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt, finding: Finding) -> Outcome:
    """Hold the order until a person decides; one who has, about this very sale, is not asked again."""
    shown = finding.facts["sale"]

    def read(connection: sqlite3.Connection) -> bool:
        return exceptions.was_dismissed(connection, record_of(case.order), finding.code, sale=shown)

    if await desk.around.database.read(read):
        return _stands(desk, case, sale, attempt, f"a person decided about {finding.code}")
    return hold_attempt(desk, case, finding, attempt)


def _begun(desk: Desk, case: Case) -> Beside:
    """From before the void is asked for until it is settled, the order is `cancelling`: a kill leaves it so."""

    def beside(connection: sqlite3.Connection, call_id: int) -> None:
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=desk.around.clock.now())

    return beside


def _voided(desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt) -> Done:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        attempt.settle(connection, now)
        orders.void_sale(connection, sale.sale_id, now=now)
        note(connection, case.order.id, "sale void", now, sale=sale.sale_id, how=attempt.how)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now)
        _end(desk, connection, case, now)

    return Done(unit=unit, points=attempt.points)


def _end(desk: Desk, connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    if not may_follow(case.record.state, OrderState.CANCELLED):
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now)  # its sale was voided by somebody else
    orders.move(connection, case.order.id, OrderState.CANCELLED, now=now, reason="cancelled in commercetools")
    desk.clear_holds(connection, case.order, now)
    exceptions.clear(
        connection,
        exceptions.Record(kind="order", id=case.order.id),
        resolution="the order was cancelled and no live sale exists",
        now=now,
    )


def _read_again(case: Case, attempt: Attempt) -> Later:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        attempt.settle(connection, now)
        orders.move(connection, case.order.id, OrderState.CANCELLING, now=now, reason=attempt.how)

    return Later(due_at=None, reason=attempt.how, unit=unit, points=attempt.points)


def _sent(view: SaleView) -> dict[str, Decimal]:
    """Units that have left the house, by SKU."""
    sent: dict[str, Decimal] = {}
    for box in (box for fulfilment in view.fulfilments for box in fulfilment.boxes):
        sent |= {sku: sent.get(sku, Decimal(0)) + quantity for sku, quantity in box.units.items()}
    return sent


def _came_back(view: SaleView) -> bool:
    """Say whether nothing is left to ship, and credit notes put back all that was shipped."""
    notes = [note for note in view.credit_notes if note.authorised]
    return not view.stages.is_partial and all(
        sum(note.restocked.get(sku, Decimal(0)) for note in notes) >= units for sku, units in _sent(view).items()
    )


def _stands(desk: Desk, case: Case, sale: SaleRecord, attempt: Attempt, why: str) -> Done:
    """The sale stands, though its order is cancelled, and nobody has anything left to decide."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        attempt.settle(connection, now)
        desk.clear_holds(connection, case.order, now)
        if case.record.state is OrderState.EXPORTED:
            return
        # Through `held`: nothing else leads there from a sale that people authorised and shipped by themselves.
        orders.move(connection, case.order.id, OrderState.HELD, now=now)
        orders.export(connection, case.order.id, now=now, reason=f"cancelled, and {why}")
        unmarked = ("sync_rejected", "channel_missing")
        exceptions.clear(connection, record_of(case.order), resolution=why, now=now, types=unmarked)
        note(connection, case.order.id, why, now, sale=sale.sale_id)

    return Done(unit=unit, points=attempt.points)


def _shipped(case: Case, sale: SaleRecord, attempt: Attempt) -> Finding:
    """The goods have left: what the carrier and the customer have to be asked about."""
    shown = sale.number or sale.sale_id
    fulfilments = attempt.view.fulfilments if attempt.view is not None else ()
    units = _sent(attempt.view) if attempt.view is not None else {}
    sent = ", ".join(f"{quantity.normalize():f} of {sku}" for sku, quantity in sorted(units.items()))
    parcels = {f"{box.carrier} {box.tracking}".strip() for fulfilment in fulfilments for box in fulfilment.boxes}
    return Finding(
        code="shipped_after_cancel",
        cause=f"Order {case.order.shown_as} was cancelled, and goods of its sale {shown} have left the house: {sent}.",
        facts={"sale": shown, "sent": sent, "parcels": ", ".join(sorted(parcels - {""}))},
    )


def held_live(desk: Desk, case: Case, sale: SaleRecord, code: str, attempt: Attempt) -> Done:
    """Hold the order with its sale still live: a person decides."""
    return hold_attempt(desk, case, _live(case, sale, code, attempt), attempt)


def _live(case: Case, sale: SaleRecord, code: str, attempt: Attempt) -> Finding:
    shown = sale.number or sale.sale_id
    why = "was cancelled, and its sale" if case.order.state == "Cancelled" else "is to be sent anew, and its sale"
    return Finding(
        code=code,
        cause=f"Order {case.order.shown_as} {why} {shown} could not be voided: {attempt.how}",
        facts={"sale": shown, "detail": attempt.how},
    )


def hold_attempt(desk: Desk, case: Case, finding: Finding, attempt: Attempt) -> Done:
    """Hold the order for what kept its sale from being voided; what it was held for before is over."""
    held = desk.hold(case, [finding])

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        attempt.settle(connection, now)
        if held.unit is not None:
            held.unit(connection, now)

    return msgspec.structs.replace(held, unit=unit, points=attempt.points)
