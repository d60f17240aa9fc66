"""Documents of Cin7 Core that are safe to sync on: their orders' books agree with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from actors.domain.figures import Share
from actors.domain.time import Instant
from storage import keyset
from storage.books import amount
from storage.keyset import Order, Place

NOT_JUDGED = "Its order was not held against it yet."
DIFFERS = "It does not agree with its order."
RELEASED = "It does not agree with its order, and a person accepted that."
REJECTED = "Its order was rejected: a person books it."


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was posted. `safe_at` is since when its order's books agree with it, None while they do not."""

    kind: str
    id: str
    number: str
    order_id: str
    order: str
    reference: str
    account: str
    currency: str
    by_rule: dict[str, Share]
    safe_at: Instant | None
    why: str = ""

    @property
    def total(self) -> Decimal:
        """What it comes to."""
        return sum((share.gross for share in self.by_rule.values()), Decimal(0))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents: those that are `safe`, or those that are not yet; `kind` and `text` "" narrow nothing.

    `text` is part of the number of the document or of its order, of the reference or of the account.
    """

    safe: bool = True
    kind: str = ""
    text: str = ""


class Page(NamedTuple):
    """Documents of a page, where the next one begins (None: there is none), and how many there are in all."""

    documents: list[Posted]
    next: Place | None
    total: int


_SORTED_BY = {
    "verified_at": "coalesce(safe_at, 0)",
    "number": "documents.number",
    "kind": "documents.kind",
    "order": "coalesce(orders.number, '')",
    "net": "documents.net",
    "tax": "documents.tax",
    "total": "documents.net + documents.tax",
    "account": "documents.account",
}
SORTS = tuple(_SORTED_BY)
_KEY = "documents.kind || '/' || documents.id"
_ALL = 2**31

# A document is a sale's, and so one order's: its lines are found by that, which is how their key begins.
_DOCUMENTS = (
    "(SELECT day, kind, id, min(order_id) AS of_order, max(number) AS number, max(reference) AS reference,"
    " max(account) AS account, sum(net) AS net, sum(tax) AS tax,"
    " CASE WHEN count(*) = count(verified_at) THEN max(verified_at) END AS safe_at FROM ledger_lines"
    " WHERE side = 'cin7' AND kind IN ('invoice', 'payment', 'credit_note', 'refund') GROUP BY day, kind, id)"
    " AS documents LEFT JOIN orders ON orders.id = of_order"
)
_TEXT = (
    "(instr(lower(documents.number), lower(:value)) OR instr(lower(coalesce(orders.number, '')), lower(:value))"
    " OR instr(lower(reference), lower(:value)) OR instr(lower(account), lower(:value)))"
)

_LINES = (
    "WITH chosen AS MATERIALIZED (SELECT key AS place, value ->> 0 AS kind, value ->> 1 AS id, value ->> 2 AS of_order,"
    " value ->> 3 AS safe_at FROM json_each(?))"
    " SELECT chosen.kind, chosen.id, chosen.safe_at, rule, lines.number, lines.order_id, coalesce(orders.number, ''),"
    " reference, account, lines.currency, lines.net, lines.tax, coalesce(verdict, ''),"
    " (SELECT cause FROM exceptions WHERE record_kind = 'order' AND record_id = lines.order_id"
    " AND exceptions.state = 'open' AND owner = 'finance'"
    " ORDER BY type NOT IN ('books_differ', 'totals_differ'), opened_at, exceptions.id LIMIT 1),"
    " coalesce(decision, '')"
    " FROM chosen CROSS JOIN ledger_lines AS lines ON lines.order_id = of_order AND lines.side = 'cin7'"
    " AND lines.kind = chosen.kind AND lines.id = chosen.id LEFT JOIN orders ON orders.id = lines.order_id"
    " LEFT JOIN books ON books.order_id = lines.order_id ORDER BY place, rule"
)


def documents(
    connection: sqlite3.Connection,
    day: date,
    wanted: Wanted,
    *,
    sort: str = "verified_at",
    descending: bool = False,
    after: Place | None = None,
    limit: int | None = None,
) -> Page:
    """Return documents of a day, sorted by one of `SORTS` and by kind and id; a `limit` of None is none."""
    within = f"safe_at IS {'NOT ' if wanted.safe else ''}NULL"
    conditions = {"day = :value": day.isoformat(), "kind = :value": wanted.kind or None, _TEXT: wanted.text or None}
    columns = "documents.kind, documents.id, of_order, safe_at"
    order = Order(_SORTED_BY[sort], _KEY, descending)
    most = _ALL if limit is None else limit
    found = keyset.part(connection, columns, _DOCUMENTS, conditions, order, after=after, limit=most, within=within)
    total = keyset.count(connection, _DOCUMENTS, conditions, within=within)
    return Page(_posted(connection, found.rows), found.next, total)


def _posted(connection: sqlite3.Connection, chosen: Sequence[tuple[Any, ...]]) -> list[Posted]:
    """Read the lines of documents, in their order."""
    found: dict[tuple[str, str], Posted] = {}
    for row in connection.execute(_LINES, (msgspec.json.encode(chosen).decode(),)):
        one = found.get((row[0], row[1]))
        if one is None:
            one = found[row[0], row[1]] = _document(row)
        one.by_rule[row[3]] = Share(net=amount(row[10]), tax=amount(row[11]))
    return list(found.values())


def _document(row: tuple[Any, ...]) -> Posted:
    return Posted(
        kind=row[0],
        id=row[1],
        safe_at=row[2],
        number=row[4],
        order_id=row[5],
        order=row[6],
        reference=row[7],
        account=row[8],
        currency=row[9],
        by_rule={},
        why="" if row[2] is not None else _why(verdict=row[12], cause=row[13], decision=row[14]),
    )


def _why(*, verdict: str, cause: str | None, decision: str) -> str:
    """Say why a document is not safe: what a person decided of its order, else what finance is told first of it."""
    if verdict != "differs":
        return cause or NOT_JUDGED
    return {"released": RELEASED, "rejected": REJECTED}.get(decision) or cause or DIFFERS
