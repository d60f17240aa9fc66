"""Pure: what became of postings whose answer was lost, by what the sale shows now (law L2, design §3).

One is found by its mark, and then stands. One that two looks did not find, `quiet` apart and after the last moment it
could be executed, is not there and may be posted again.
"""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.references import credit_mark, invoice_mark
from actors.domain.time import Instant
from actors.domain.vouchers import VoucherKind
from actors.finance.case import Subject
from actors.finance.rules import FinanceRules
from storage import books
from storage.books import Posting, Shown

LOOKS = 2
"""So many clean looks that do not show it prove that it was never executed."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a look for postings in doubt came to. `postings` are all of the order's, as they stand by it."""

    postings: tuple[Posting, ...]
    found: dict[str, str] = {}
    gone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def write(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Write it down."""
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
    return Resolved(postings=tuple(kept), found=found, gone=tuple(gone), left=tuple(left))


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
