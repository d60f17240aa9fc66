"""The books of one order as people read them: where they stand, both sides side by side, and each difference.

A part of `/api/orders/{ref}` (design §5). Figures are those that were posted, never recomputed; amounts are decimals as
text, in the order's currency. Nothing here is about a person who bought; a decision names who took it, and why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from typing import Any

from actors.domain.discrepancy import Discrepancy
from actors.domain.figures import Figures, Sold
from daemon.instants import text_of
from storage import books, life
from storage.books import BooksRecord, Posting
from storage.life import BookedLine

Document = dict[str, Any]

_OURS, _THEIRS = "commercetools", "cin7"
_TOTALS = {
    "ordered": (_OURS, "order"),
    "sold": (_THEIRS, "sale"),
    "invoiced": (_THEIRS, "invoice"),
    "captured": (_OURS, "payment"),
    "paid": (_THEIRS, "payment"),
    "credited": (_THEIRS, "credit_note"),
    "given_back": (_OURS, "refund"),
    "refunded": (_THEIRS, "refund"),
}
"""What is added up, of which side and kind of document."""


def books_view(connection: sqlite3.Connection, order_id: str) -> Document | None:
    """Return the books of an order; None where it never had a sale."""
    kept = books.get(connection, order_id)
    if kept is None:
        return None
    lines = life.booked_of(connection, order_id)
    return {
        "verdict": kept.verdict,
        "step": kept.step,
        "day": kept.day,
        "currency": kept.currency,
        "sale_id": kept.sale_id,
        "voided": kept.shown.voided,
        "decision": _decision(kept),
        "read_at": text_of(kept.read_at),
        "posted_at": text_of(kept.posted_at),
        "looked_at": text_of(kept.looked_at),
        "verified_at": text_of(kept.verified_at),
        "totals": _before_the_first_look(kept) if not lines else _totals(lines),
        "documents": _documents(lines),
        "discrepancies": [_discrepancy(one) for one in books.discrepancies_of(connection, order_id)],
        "postings": [_posting(one) for one in books.postings_of(connection, order_id)],
    }


def _decision(kept: BooksRecord) -> Document | None:
    """What a person decided; `asked` waits for a second one."""
    if not kept.decision:
        return None
    return {"decision": kept.decision, "by": kept.decided_by, "at": text_of(kept.decided_at), "why": kept.why}


def _totals(lines: Iterable[BookedLine]) -> Document:
    told = list(lines)
    return {name: _sum(line for line in told if (line.side, line.kind) == of) for name, of in _TOTALS.items()}


def _before_the_first_look(kept: BooksRecord) -> Document:
    """What was exported is known from the beginning; what became of it is not."""
    return {**dict.fromkeys(_TOTALS), "ordered": _kept(kept.ordered), "sold": _kept(kept.sold)}


def _kept(document: Figures | Sold | None) -> Document | None:
    return None if document is None else _figures(document.net, document.tax)


def _sum(lines: Iterable[BookedLine]) -> Document | None:
    """Add lines up; None where there is none."""
    told = list(lines)
    if not told:
        return None
    return _figures(sum((line.net for line in told), Decimal(0)), sum((line.tax for line in told), Decimal(0)))


def _figures(net: Decimal, tax: Decimal) -> Document:
    return {"net": written(net), "tax": written(tax), "total": written(net + tax)}


def _documents(lines: Iterable[BookedLine]) -> list[Document]:
    """Return each document that counts, with its shares by tax rule; a payment and a refund have none."""
    return [_document(list(group)) for _, group in groupby(lines, lambda line: (line.side, line.kind, line.id))]


def _document(lines: list[BookedLine]) -> Document:
    first = lines[0]
    return {
        "side": first.side,
        "kind": first.kind,
        "number": first.number,
        "id": first.id,
        "day": first.day,
        "reference": first.reference,
        "account": first.account,
        **(_sum(lines) or {}),
        "by_rule": {line.rule: _figures(line.net, line.tax) for line in lines if line.rule},
        "verified_at": text_of(first.verified_at),
    }


def _discrepancy(one: Discrepancy) -> Document:
    return {
        "chain": one.chain.value,
        "reason": one.reason.value,
        "wrong": one.wrong,
        "component": one.component,
        "where": one.where,
        "rule": one.rule,
        "currency": one.currency,
        "net": written(one.net),
        "tax": written(one.tax),
        "commercetools": {"figure": one.ours, "document": one.our_document, "rule": one.our_rule},
        "cin7": {"figure": one.theirs, "document": one.their_document, "rule": one.their_rule},
    }


def _posting(one: Posting) -> Document:
    return {
        "key": one.key,
        "kind": one.kind.value,
        "state": one.state,
        "document": one.document_id,
        "began_at": text_of(one.began_at),
        "doubt_until": text_of(one.doubt_until),
        "looks": one.looks,
    }


def written(amount: Decimal) -> str:
    """Write an amount with two decimals, and with more where it has more."""
    trimmed = amount.normalize()
    decimals = -int(trimmed.as_tuple().exponent)
    return f"{amount:.2f}" if decimals <= 2 else f"{trimmed:f}"
