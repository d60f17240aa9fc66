"""Posts one thing: its intent and its key are on disk before it leaves, and whatever comes back is settled with it.

A lost answer is never followed by a second posting before it was looked for twice (law L2).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable

import msgspec

from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.tendering import paid
from actors.domain.time import Instant
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, VoucherKind
from actors.finance.case import Case
from actors.finance.deciding import REFUSED, Draw
from actors.finance.ports import Ledger
from actors.finance.rules import FinanceRules
from actors.governor.journal import Intent
from storage import books, calls, exceptions, fulfilments, timeline
from storage.books import Shown

_PURPOSES = {
    VoucherKind.INVOICE: Purpose.CIN7_POST_INVOICE,
    VoucherKind.PAYMENT: Purpose.CIN7_POST_PAYMENT,
    VoucherKind.CREDIT_NOTE: Purpose.CIN7_POST_CREDIT_NOTE,
    VoucherKind.REFUND: Purpose.CIN7_POST_PAYMENT,
}

Answer = Invoice | PostedPayment | CreditNote
Settle = Callable[[sqlite3.Connection, Instant], None]


class Poster:
    """Posts what was decided."""

    def __init__(self, surroundings: Surroundings, *, ledger: Ledger, rules: FinanceRules) -> None:
        self._around = surroundings
        self._ledger = ledger
        self._rules = rules

    async def post(self, case: Case, draw: Draw, settle: Settle) -> Outcome:
        """Post it; `settle` writes what the look found, in the commit that settles the message."""
        order_id = case.order.id
        now = self._around.clock.now
        intent = Intent(
            _PURPOSES[draw.kind],
            subject=order_id,
            lane=Lane.FINANCE,
            generation=case.subject.sale.generation,
            beside=lambda connection, _: books.intend(connection, draw.key, order_id, draw.kind, now=now()),
        )
        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        try:
            answer = await self._send(draw, intent)
        except InDoubt as error:
            return self._in_doubt(draw, intent, error, points)
        except Rejected as error:
            return self._rejected(case, draw, intent, error, settle=settle, points=points)
        except WireError as error:
            error.call_id = intent.call_id
            raise

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            calls.settle(connection, intent.call_id, "done")
            clear_connection(connection, intent.purpose.side, intent.purpose.operation, now=at)
            settle(connection, at)
            self._posted(connection, case, draw, answer, at)

        return Done(unit=unit, nudges=(books.nudge(order_id, now()),), points=points, after=self._tell(case, draw))

    def _send(self, draw: Draw, intent: Intent) -> Awaitable[Answer]:
        match draw.voucher:
            case InvoiceVoucher():
                return self._ledger.post_invoice(draw.voucher, intent)
            case PaymentVoucher():
                return self._ledger.post_payment(draw.voucher, intent)
            case CreditVoucher():
                return self._ledger.post_credit_note(draw.voucher, intent)

    def _posted(self, connection: sqlite3.Connection, case: Case, draw: Draw, answer: Answer, now: Instant) -> None:
        """Keep the document as the answer shows it: that is its read-back, and the next look judges it.

        It is added to what is known by now: the sale may have been read while the answer was on its way.
        """
        order_id = case.order.id
        books.posted(connection, draw.key, answer.id if isinstance(answer, PostedPayment) else answer.task_id)
        kept = books.get(connection, order_id)
        known = case.shown if kept is None else kept.shown
        books.show(connection, order_id, with_answer(known, draw, answer), posted_at=now)
        if isinstance(answer, CreditNote):
            refund_id = draw.key.partition(":")[2]
            refund = next(one for one in case.refunds if one.transaction_id == refund_id)
            named = msgspec.structs.replace(refund, credit_note=answer.number)
            fulfilments.put_refund(connection, order_id, named, now=now)
        record = exceptions.Record(kind="order", id=order_id, number=case.order.number)
        exceptions.clear(connection, record, resolution="posted", now=now, types=("posting_rejected",))
        amount = answer.amount if isinstance(answer, PostedPayment) else answer.total
        number = answer.reference if isinstance(answer, PostedPayment) else answer.number
        what = f"{draw.kind.value.replace('_', ' ')} posted"
        timeline.note(connection, order_id, what, now=now, number=number, total=f"{amount:f}")

    # -- no clear answer ----------------------------------------------------------------------------------------------

    def _in_doubt(self, draw: Draw, intent: Intent, error: InDoubt, points: tuple[str, ...]) -> Later:
        reason, until = error.reason, error.until

        def unit(connection: sqlite3.Connection, _now: Instant) -> None:
            calls.settle(connection, intent.call_id, "unknown", detail=reason)
            books.doubt(connection, draw.key, until=until)

        return Later(due_at=until + self._rules.quiet, reason=reason, unit=unit, points=points)

    def _rejected(
        self, case: Case, draw: Draw, intent: Intent, error: Rejected, *, settle: Settle, points: tuple[str, ...]
    ) -> Later:
        words = error.detail or error.reason
        due_at = self._around.clock.now() + self._rules.refused
        what = draw.kind.value.replace("_", " ")
        finding = Finding(
            code="posting_rejected",
            cause=f"Cin7 Core refused the {what} of order {case.order.shown_as}: {words}",
            field=draw.kind.value,
            group=f"posting_rejected:{words}",
            facts={"answer": words, "document": what},
        )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=words)
            books.not_posted(connection, draw.key)
            settle(connection, now)
            books.set_step(connection, case.order.id, REFUSED)
            record = exceptions.Record(kind="order", id=case.order.id, number=case.order.number)
            exceptions.raise_finding(connection, record, finding, now=now, next_attempt_at=due_at)
            # What stands may be another than what is known: the next look reads the sale.
            books.tell(connection, case.order.id, now=now)

        return Later(due_at=due_at, reason="refused", unit=unit, points=points)

    def _tell(self, case: Case, draw: Draw) -> Callable[[], None]:
        return lambda: self._around.log("books.posted", order=case.order.id, operation=draw.kind.value)


def with_answer(shown: Shown, draw: Draw, answer: Answer) -> Shown:
    """Return what is shown with the document that an answer shows."""
    match answer:
        case Invoice():
            others = tuple(one for one in shown.invoices if one.task_id != answer.task_id)
            return msgspec.structs.replace(shown, invoices=(*others, answer))
        case CreditNote():
            notes = tuple(one for one in shown.notes if one.task_id != answer.task_id)
            return msgspec.structs.replace(shown, notes=(*notes, answer))
        case PostedPayment() if draw.kind is VoucherKind.REFUND:
            # A note may have the task id of its invoice: what a payment is of, its kind says.
            notes = tuple(_paid_back(one, answer) for one in shown.notes)
            return msgspec.structs.replace(shown, notes=notes)
        case PostedPayment():
            invoices = tuple(_paid(one, answer) for one in shown.invoices)
            return msgspec.structs.replace(shown, invoices=invoices)


def _paid(invoice: Invoice, payment: PostedPayment) -> Invoice:
    if invoice.task_id != payment.task_id:
        return invoice
    payments = (*(one for one in invoice.payments if one.id != payment.id), payment)
    return msgspec.structs.replace(invoice, payments=payments, paid=paid(payments))


def _paid_back(note: CreditNote, payment: PostedPayment) -> CreditNote:
    if note.task_id != payment.task_id:
        return note
    payments = (*(one for one in note.payments if one.id != payment.id), payment)
    references = tuple(dict.fromkeys((*note.refunds, payment.reference)))
    return msgspec.structs.replace(note, payments=payments, refunds=references)
