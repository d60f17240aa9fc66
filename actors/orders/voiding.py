"""Voiding a sale: read first, written once, believed only when Cin7 shows it void. Never past what people did."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from actors.domain.calls import Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, WireError
from actors.domain.sale import SaleView
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk
from storage.orders import SaleRecord


class Result(StrEnum):
    """What came of it."""

    VOID = "void"
    GONE = "gone"  # Cin7 says there is no such sale, which proves nothing
    PICKED = "picked"  # a fulfilment is authorised: not voided
    AUTHORISED = "authorised"  # the order document is authorised, and was to be left alone
    UNPROVED = "unproved"  # asked for, and the answer does not show it void: read again
    REFUSED = "refused"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The result, how it came about in words, and the write it took (None: none was made). `done`: it was answered."""

    result: Result
    how: str
    intent: Intent | None = None
    done: bool = False
    view: SaleView | None = None


async def void(desk: Desk, case: Case, sale: SaleRecord, *, only_unauthorised: bool = False) -> Attempt:
    """Void the sale unless a person's work stands on it. `only_unauthorised` leaves an authorised order alone."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return Attempt(result=Result.GONE, how="not there")
    if view.voided:
        return Attempt(result=Result.VOID, how="void")
    if view.fulfilment_authorised:
        how = "its fulfilment was authorised before the cancellation"
        return Attempt(result=Result.PICKED, how=how, view=view)
    if only_unauthorised and view.order is not None and view.order.authorised:
        return Attempt(result=Result.AUTHORISED, how=f"its order is {view.order.status}", view=view)
    return await _write(desk, case, sale)


async def _write(desk: Desk, case: Case, sale: SaleRecord) -> Attempt:
    intent = Intent(Purpose.CIN7_VOID_SALE, subject=case.order.id, generation=case.record.generation)
    try:
        answer = await desk.write(case, intent, desk.book.void_sale(sale.sale_id, intent))
    except InDoubt as error:
        if error.reason == CONTRADICTION:
            return await _contradicted(desk, case, sale, intent, error)
        return Attempt(result=Result.UNPROVED, how=error.reason, intent=intent)
    except Rejected as error:
        return Attempt(result=Result.REFUSED, how=error.detail or error.reason, intent=intent)
    if not answer.voided:
        return Attempt(result=Result.UNPROVED, how=f"the answer shows {answer.status}", intent=intent, done=True)
    return Attempt(result=Result.VOID, how="voided", intent=intent, done=True)


async def _contradicted(desk: Desk, case: Case, sale: SaleRecord, intent: Intent, error: InDoubt) -> Attempt:
    """An error under a success status: the sale itself tells whether it is void."""
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except WireError:
        return Attempt(result=Result.UNPROVED, how=error.reason, intent=intent)
    if view.voided:
        return Attempt(result=Result.VOID, how="voided", intent=intent, done=True)
    return Attempt(result=Result.REFUSED, how=error.detail or error.reason, intent=intent)
