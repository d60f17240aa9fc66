"""What of an order counts in the books, as the lines of the ledger: each document of either side, by its own day.

The amounts are those that `actors.domain.reconciling` compares, chain by chain: nothing is left out of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from actors.domain.counting import Shares, is_cancelled, ordered_shares
from actors.domain.figures import Figures, Sold
from actors.domain.financial import NOTHING, Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order
from actors.domain.reconciling import Documents
from actors.domain.returning import Refund
from actors.domain.tendering import Movement, receipts, repayments
from actors.domain.time import date_in_zone
from storage.books import LedgerLine

OURS, THEIRS = "commercetools", "cin7"


def lines(
    order: Order,
    ordered: Figures,
    sold: Sold,
    documents: Documents,
    refunds: Sequence[Refund],
    *,
    day: date,
    zone: ZoneInfo,
) -> list[LedgerLine]:
    """Return every line of both sides. `day` is the accounting day of the order.

    A transaction is of the day of its own instant in `zone`, a document of its own day; either of the order's where it
    names none. A cancelled order with a void sale has no line.
    """
    if is_cancelled(order) and documents.voided:
        return []
    return _merged([*_ours(order, ordered, refunds, day, zone), *_theirs(order, sold, documents, day)])


def _ours(order: Order, ordered: Figures, refunds: Sequence[Refund], day: date, zone: ZoneInfo) -> Iterator[LedgerLine]:
    yield from _per_rule(
        ordered_shares(order, ordered),
        LedgerLine(
            side=OURS,
            kind="order",
            id=order.id,
            number=order.shown_as,
            day=day.isoformat(),
            currency=ordered.currency,
            net=NOTHING,
        ),
    )
    for kind, moved in (("payment", receipts(order)), ("refund", repayments(order, refunds))):
        for place, one in enumerate(moved):
            yield LedgerLine(
                side=OURS,
                kind=kind,
                id=one.id or f"{order.id}/{place}",
                number=order.shown_as,
                reference=one.id,
                day=_day(one, day, zone).isoformat(),
                currency=order.currency,
                net=one.amount,
            )


def _day(moved: Movement, day: date, zone: ZoneInfo) -> date:
    return day if moved.at is None else date_in_zone(moved.at, zone)


def _theirs(order: Order, sold: Sold, documents: Documents, day: date) -> Iterator[LedgerLine]:
    sale = LedgerLine(
        side=THEIRS,
        kind="sale",
        id=documents.sale_number,
        number=documents.sale_number,
        reference=order.shown_as,
        day=day.isoformat(),
        currency=documents.currency,
        net=NOTHING,
    )
    yield from _per_rule(documents.sale_shares(sold), sale)
    for invoice in documents.standing_invoices:
        yield from _document(documents, invoice, msgspec.structs.replace(sale, kind="invoice"), "payment")
    for note in documents.standing_notes:
        yield from _document(documents, note, msgspec.structs.replace(sale, kind="credit_note"), "refund")


def _document(
    documents: Documents, shown: Invoice | CreditNote, like: LedgerLine, paid_as: str
) -> Iterator[LedgerLine]:
    """Return the lines of an invoice or a credit note, and of the payments on it."""
    day = shown.day.isoformat() if shown.day is not None else like.day
    line = msgspec.structs.replace(like, id=shown.task_id, number=shown.number, day=day)
    yield from _per_rule(documents.shares(shown), line)
    for place, one in enumerate(shown.payments):
        yield msgspec.structs.replace(
            line,
            kind=paid_as,
            id=one.id or f"{shown.task_id}/{place}",
            reference=one.reference,
            account=one.account,
            day=one.day.isoformat() if one.day is not None else day,
            net=one.amount,
        )


def _per_rule(shares: Shares, line: LedgerLine) -> Iterator[LedgerLine]:
    for rule, share in sorted(shares.items()):
        yield msgspec.structs.replace(line, rule=rule, net=share.net, tax=share.tax)


def _merged(entered: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Add lines of one key up: what is shown twice under one id is one line of both amounts."""
    merged: dict[tuple[str, str, str, str], LedgerLine] = {}
    for line in entered:
        key = (line.side, line.kind, line.id, line.rule)
        merged[key] = _plus(merged[key], line) if key in merged else line
    return list(merged.values())


def _plus(one: LedgerLine, other: LedgerLine) -> LedgerLine:
    return msgspec.structs.replace(one, net=one.net + other.net, tax=one.tax + other.tax)
