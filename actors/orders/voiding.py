"""Voiding a sale: read first, written once, believed only when Cin7 shows it void. Never past what people did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import StrEnum

import msgspec

from actors.core.actor import clear_connection
from actors.domain.calls import Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, WireError
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.desk import Case, Desk, settled
from storage import calls
from storage.orders import SaleRecord

Beside = Callable[[sqlite3.Connection, int], None]
"""What is written with the intent of a call: (connection, the call's id)."""


class Result(StrEnum):
    """What came of it."""

    VOID = "void"
    GONE = "gone"  # Cin7 says there is no such sale, which proves nothing
    PICKED = "picked"  # a pick is authorised: not voided
    SHIPPED = "shipped"  # something of it has left the house: not voided
    INVOICED = "invoiced"  # an invoice stands in the books: not voided
    AUTHORISED = "authorised"  # the order document is authorised, and was to be left alone
    UNPROVED = "unproved"  # asked for, and the answer does not show it void: read again
    REFUSED = "refused"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The result, how it came about in words, and the write it took (None: none was made).

    `done`: the write was answered as done. `view` is the sale as it was read, where that decided.
    """

    result: Result
    how: str
    intent: Intent | None = None
    done: bool = False
    view: SaleView | None = None

    @property
    def points(self) -> tuple[str, ...]:
        """The crash point behind the commit that settles it."""
        return settled(self.intent) if self.intent is not None else ()

    def settle(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Record what came of the write. Believing the sale void, or live, is another matter."""
        if self.intent is None:
            return
        unanswered = "unknown" if self.result is Result.UNPROVED else "refused"
        calls.settle(connection, self.intent.call_id, "done" if self.done else unanswered, detail=self.how)
        if self.done:
            clear_connection(connection, "cin7", now=now)


async def void(
    desk: Desk, case: Case, sale: SaleRecord, *, only_unauthorised: bool = False, beside: Beside | None = None
) -> Attempt:
    """Void the sale unless a person's work stands on it. `only_unauthorised` leaves an authorised order alone.

    `beside` is written in the commit of the intent: before anything is asked for.
    """
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except Missing:
        return Attempt(result=Result.GONE, how="not there")
    stands = _stands(view)
    if stands is not None:
        return stands
    if only_unauthorised and view.order is not None and view.order.authorised:
        return Attempt(result=Result.AUTHORISED, how=f"its order is {view.order.status}", view=view)
    return await _write(desk, case, sale, beside)


def _stands(view: SaleView) -> Attempt | None:
    """Say why the sale, as it is shown, is not to be voided; None where nothing stands on it. A DRAFT pick is none."""
    if view.voided:
        return Attempt(result=Result.VOID, how="void", view=view)
    if view.shipped:
        return Attempt(result=Result.SHIPPED, how="something of it has left the house", view=view)
    if view.fulfilment_authorised:
        return Attempt(result=Result.PICKED, how="its pick is authorised", view=view)
    if view.invoiced:
        return Attempt(result=Result.INVOICED, how="it is invoiced", view=view)
    return None


async def _write(desk: Desk, case: Case, sale: SaleRecord, beside: Beside | None) -> Attempt:
    generation = case.record.generation
    intent = Intent(Purpose.CIN7_VOID_SALE, subject=case.order.id, generation=generation, beside=beside)
    try:
        answer = await desk.write(case, intent, desk.book.void_sale(sale.sale_id, intent))
    except InDoubt as error:
        if error.reason == CONTRADICTION:
            return await _refused(desk, case, sale, intent, error)
        return Attempt(result=Result.UNPROVED, how=error.reason, intent=intent)
    except Rejected as error:
        return await _refused(desk, case, sale, intent, error)
    if not answer.voided:
        return Attempt(result=Result.UNPROVED, how=f"the answer shows {answer.status}", intent=intent, done=True)
    return Attempt(result=Result.VOID, how="voided", intent=intent, done=True)


async def _refused(desk: Desk, case: Case, sale: SaleRecord, intent: Intent, error: WireError) -> Attempt:
    """The sale itself tells what a refusal means: it is void, or the warehouse was faster than we were.

    An error under a success status may have done it all the same.
    """
    contradicted = isinstance(error, InDoubt)
    try:
        view = await desk.book.read_sale(sale.sale_id, subject=case.order.id)
    except WireError:
        unread = Result.UNPROVED if contradicted else Result.REFUSED
        return Attempt(result=unread, how=error.detail or error.reason, intent=intent)
    found = _stands(view)
    if found is None:
        return Attempt(result=Result.REFUSED, how=error.detail or error.reason, intent=intent)
    done = contradicted and found.result is Result.VOID
    return msgspec.structs.replace(found, intent=intent, done=done)
