"""Documents of Cin7 Core that are safe to sync on: their orders' books agree with them."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.figures import Share
from actors.domain.time import Instant
from storage.books import amount

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


# A document is a sale's, and so one order's: its lines are found by that, which is how their key begins.
_DOCUMENTS = (
    "documents (kind, id, of_order, safe_at) AS MATERIALIZED (SELECT kind, id, min(order_id),"
    " CASE WHEN count(*) = count(verified_at) THEN max(verified_at) END FROM ledger_lines"
    " WHERE day = :day AND side = 'cin7' AND kind IN ('invoice', 'payment', 'credit_note', 'refund') GROUP BY kind, id)"
)

_LINES = (
    "SELECT chosen.kind, chosen.id, chosen.safe_at, rule, lines.number, lines.order_id, coalesce(orders.number, ''),"
    " reference, account, lines.currency, lines.net, lines.tax, coalesce(verdict, ''),"
    " (SELECT cause FROM exceptions WHERE record_kind = 'order' AND record_id = lines.order_id"
    " AND exceptions.state = 'open' AND owner = 'finance'"
    " ORDER BY type NOT IN ('books_differ', 'totals_differ'), opened_at, exceptions.id LIMIT 1),"
    " coalesce(decision, '')"
    " FROM chosen CROSS JOIN ledger_lines AS lines ON lines.order_id = of_order AND lines.side = 'cin7'"
    " AND lines.kind = chosen.kind AND lines.id = chosen.id LEFT JOIN orders ON orders.id = lines.order_id"
    " LEFT JOIN books ON books.order_id = lines.order_id"
)


def safe(
    connection: sqlite3.Connection, day: date, *, after: tuple[Instant, str, str] = (0, "", ""), limit: int = -1
) -> list[Posted]:
    """Return the documents of a day that are safe, by since when, kind and id; `after` is where the last page ended.

    A negative `limit` is none.
    """
    rows = connection.execute(
        f"WITH {_DOCUMENTS}, chosen AS MATERIALIZED (SELECT * FROM documents WHERE safe_at IS NOT NULL"
        " AND (safe_at, kind, id) > (:safe_at, :kind, :id) ORDER BY safe_at, kind, id LIMIT :limit)"
        f" {_LINES} ORDER BY chosen.safe_at, chosen.kind, chosen.id, rule",
        {"day": day.isoformat(), "safe_at": after[0], "kind": after[1], "id": after[2], "limit": limit},
    )
    return _posted(rows)


def not_yet(connection: sqlite3.Connection, day: date) -> list[Posted]:
    """Return the documents of a day that nobody may rely on yet, with why, by kind and id."""
    rows = connection.execute(
        f"WITH {_DOCUMENTS}, chosen AS MATERIALIZED (SELECT * FROM documents WHERE safe_at IS NULL)"
        f" {_LINES} ORDER BY chosen.kind, chosen.id, rule",
        {"day": day.isoformat()},
    )
    return _posted(rows)


def _posted(rows: sqlite3.Cursor) -> list[Posted]:
    found: dict[tuple[str, str], Posted] = {}
    for row in rows:
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
