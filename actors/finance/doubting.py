"""Pure: what became of postings whose answer was lost, by what the sale shows now (law L2, design §3).

One is found by its mark, and then stands. One that two looks did not find, `quiet` apart and after the last moment it
could be executed, is not there and may be posted again. What bears a mark and was never posted by this file, a
predecessor posted: a file that was lost, or put back from a copy, knows it again by that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from actors.domain.references import credit_mark, external_id, invoice_mark
from actors.domain.time import Instant
from actors.domain.vouchers import VoucherKind
from actors.finance.case import Subject
from actors.finance.rules import FinanceRules
from storage import books
from storage.books import Posting, Shown

LOOKS = 2
"""So many clean looks that do not show it prove that it was never executed."""


def inherited_from(subject: Subject, rules: FinanceRules) -> Instant | None:
    """Return from when on a reading shows what a predecessor with another file may have posted; None: nothing is.

    It may have posted for any order that is older than this file, as long as its last request could be executed.
    """
    shows_from = subject.born_at + rules.timeout + rules.quiet
    if subject.record.created_at >= subject.born_at or (subject.books.read_at or 0) >= shows_from:
        return None
    return shows_from


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a look for postings in doubt came to. `postings` are all of the order's, as they stand by it.

    `inherited` are those of them that this file did not know.
    """

    postings: tuple[Posting, ...]
    inherited: tuple[Posting, ...] = ()
    found: dict[str, str] = {}
    gone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def write(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Write it down."""
        for one in self.inherited:
            books.inherit(connection, one)
        for key, document_id in self.found.items():
            books.posted(connection, key, document_id)
        for key in self.gone:
            books.not_posted(connection, key)
        for key in self.left:
            books.looked_for(connection, key, now=now)


def resolve(subject: Subject, shown: Shown, rules: FinanceRules, now: Instant) -> Resolved:
    """Look for what is in doubt in what the sale shows; only what was read for it counts (the caller sees to that)."""
    kept: list[Posting] = []
    found: dict[str, str] = {}
    gone: list[str] = []
    left: list[str] = []
    for one in subject.postings:
        if one.state == "done":
            kept.append(one)
            continue
        document_id = _find(one, subject, shown)
        if document_id:
            found[one.key] = document_id
            kept.append(msgspec.structs.replace(one, state="done", document_id=document_id))
        elif one.looks + 1 >= LOOKS:
            gone.append(one.key)
        else:
            left.append(one.key)
            kept.append(one)
    inherited = tuple(_inherited(subject, shown, now))
    return Resolved(postings=(*kept, *inherited), inherited=inherited, found=found, gone=tuple(gone), left=tuple(left))


def _inherited(subject: Subject, shown: Shown, now: Instant) -> Iterator[Posting]:
    """Yield what bears a mark of this sale and is not known: payments bear none, and are known by their reference."""
    known = {one.key for one in subject.postings}
    for kind, key, document_id in _marked(subject, shown):
        if key not in known:
            yield Posting(
                key=key,
                order_id=subject.record.id,
                kind=kind,
                state="done",
                doubt_until=None,
                looks=0,
                looked_at=None,
                document_id=document_id,
                began_at=now,
            )


def _marked(subject: Subject, shown: Shown) -> Iterator[tuple[VoucherKind, str, str]]:
    """Yield the key and the id of each document that bears a mark."""
    order_id, generation = subject.record.id, subject.sale.generation
    of_sale, of_order = f"{external_id(order_id, generation)}#", credit_mark(order_id, "")
    for invoice in shown.invoices:
        if invoice.memo.startswith(of_sale):
            number = invoice.memo.removeprefix(of_sale)
            yield VoucherKind.INVOICE, f"invoice:{order_id}:{generation}:{number}", invoice.task_id
    for note in shown.notes:
        if note.memo.startswith(of_order):
            refund_id = note.memo.removeprefix(of_order)
            yield VoucherKind.CREDIT_NOTE, f"credit_note:{refund_id}", note.task_id


def _find(posting: Posting, subject: Subject, shown: Shown) -> str:
    """Return the id of the document that bears the posting's mark; "" where none does."""
    kind, *rest = posting.key.split(":")
    match kind:
        case VoucherKind.INVOICE:
            order_id, generation, number = rest
            mark = invoice_mark(order_id, int(generation), int(number))
            return next((one.task_id for one in shown.invoices if one.memo == mark), "")
        case VoucherKind.CREDIT_NOTE:
            mark = credit_mark(subject.record.id, rest[0])
            return next((one.task_id for one in shown.notes if one.memo == mark), "")
        case VoucherKind.PAYMENT:
            reference, task = rest
            paid = (pay for one in shown.invoices if one.task_id == task for pay in one.payments)
            return next((pay.id for pay in paid if pay.reference == reference), "")
        case _:
            back = (pay for one in shown.notes for pay in one.payments)
            return next((pay.id for pay in back if pay.reference == rest[0]), "")
