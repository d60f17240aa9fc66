"""Exceptions by filter: a page of them in any order, how many there are, and the causes that many share.

Open ones number thousands at most, so they may be sorted as asked; each page costs one look into an index and a sort
of what is open. Conditions on the state are literals, so that indexes over open rows serve them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.domain.exception_life import ExceptionFilter, Stage
from actors.domain.time import Instant
from storage.exceptions import COLUMNS, ExceptionRow, row_of
from storage.keyset import Place

MOST_COUNTED = 100_000
"""Beyond it the exact number costs and says nothing more."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What many exceptions have in common; `example` is the oldest of them."""

    group: str
    owner: str
    type: str
    severity: str
    count: int
    oldest_at: Instant
    due_at: Instant | None
    example: ExceptionRow


_RANK = "CASE severity WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
_SEVERITIES = ("info", "warning", "error", "critical")
_SORTED_BY = {
    "opened_at": "id",  # rows are written in that order
    "due_at": "coalesce(due_at, 9000000000000)",
    "severity": _RANK,
    "type": "type",
    "owner": "owner",
}
SORTS = tuple(_SORTED_BY)

_SNOOZED = "coalesce(snoozed_until, 0) > :now"
# As `actors.domain.exception_life.stage` says it; a test holds the two against each other.
_STAGES = {
    Stage.RESOLVED: "state = 'resolved'",
    Stage.SNOOZED: f"state = 'open' AND {_SNOOZED}",
    Stage.ASSIGNED: f"state = 'open' AND NOT {_SNOOZED} AND assignee <> ''",
    Stage.WAITING: f"state = 'open' AND NOT {_SNOOZED} AND assignee = '' AND next_attempt_at IS NOT NULL",
    Stage.OPEN: f"state = 'open' AND NOT {_SNOOZED} AND assignee = '' AND next_attempt_at IS NULL AND reopens IS NULL",
    Stage.REOPENED: f"state = 'open' AND NOT {_SNOOZED} AND assignee = '' AND next_attempt_at IS NULL"
    " AND reopens IS NOT NULL",
}
_STATES = {"open": "state = 'open'", "resolved": "state = 'resolved'", "all": "TRUE"}
_EQUAL = {"owner": "owner", "type": "type", "severity": "severity", "group": "grouped_as", "assignee": "assignee"}
_TEXT = """(instr(lower(coalesce(record_number, '')), :text) OR instr(lower(sku), :text) OR record_id = :exact
 OR instr(lower(cause), :text))"""


def page(
    connection: sqlite3.Connection,
    where: ExceptionFilter,
    *,
    sort: str,
    descending: bool,
    after: Place | None,
    limit: int,
    now: Instant,
) -> list[ExceptionRow]:
    """Return a page, from after (value, id) on; `sort` is one of `SORTS`."""
    condition, values = _condition(where, now)
    by = _SORTED_BY[sort]
    order, beyond = ("DESC", "<") if descending else ("ASC", ">")
    if after is not None:
        condition += f" AND ({by}, id) {beyond} (:after_value, :after_id)"
        values |= {"after_value": after.value, "after_id": after.key}
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM exceptions WHERE {condition} ORDER BY {by} {order}, id {order} LIMIT :limit",
        values | {"limit": limit},
    )
    return [row_of(row) for row in rows]


def sorted_value(row: ExceptionRow, sort: str) -> str | int:
    """Return what a row is sorted by: with its id, where the next page goes on."""
    match sort:
        case "severity":
            return _SEVERITIES.index(row.severity)
        case "due_at":
            return row.due_at if row.due_at is not None else 9_000_000_000_000
        case "opened_at":
            return row.id
        case _:
            return str(getattr(row, sort))


def count(connection: sqlite3.Connection, where: ExceptionFilter, *, now: Instant) -> int:
    """Count them, as far as `MOST_COUNTED`."""
    condition, values = _condition(where, now)
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM exceptions WHERE {condition} LIMIT {MOST_COUNTED})", values
    ).fetchone()
    return int(row[0])


def ids(connection: sqlite3.Connection, where: ExceptionFilter, *, now: Instant, limit: int) -> list[int]:
    """Return the ids of those that match, the oldest first."""
    condition, values = _condition(where, now)
    rows = connection.execute(
        f"SELECT id FROM exceptions WHERE {condition} ORDER BY id LIMIT :limit", values | {"limit": limit}
    )
    return [row[0] for row in rows]


def of_ids(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[ExceptionRow]:
    """Return those with these ids, in their order; an unknown id has none."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM exceptions WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (msgspec.json.encode(list(wanted)).decode(),),
    )
    return [row_of(row) for row in rows]


_CAUSES_BY = {
    "count": "count(*)",
    "oldest_at": "min(opened_at)",
    "due_at": "coalesce(min(due_at), 9000000000000)",
    "severity": f"max({_RANK})",
    "owner": "owner",
    "type": "min(type)",
}
CAUSE_SORTS = tuple(_CAUSES_BY)


def incidents(
    connection: sqlite3.Connection,
    where: ExceptionFilter,
    *,
    skip: int,
    limit: int,
    now: Instant,
    sort: str = "count",
    descending: bool = True,
) -> tuple[list[Incident], int]:
    """Return a page of causes, sorted by one of `CAUSE_SORTS`, and how many causes there are.

    Of those that are alike in it, the one that was found first comes first.
    """
    condition, values = _condition(where, now)
    order = f"{_CAUSES_BY[sort]} {'DESC' if descending else 'ASC'}"
    rows = connection.execute(
        f"SELECT grouped_as, owner, max({_RANK}), count(*), min(opened_at), min(due_at), min(id), count(*) OVER ()"
        f" FROM exceptions WHERE {condition} GROUP BY grouped_as, owner ORDER BY {order}, min(id)"
        " LIMIT :limit OFFSET :skip",
        values | {"limit": limit, "skip": skip},
    ).fetchall()
    examples = {row.id: row for row in of_ids(connection, [row[6] for row in rows])}
    found = [
        Incident(
            group=row[0],
            owner=row[1],
            type=examples[row[6]].type,
            severity=_SEVERITIES[row[2]],
            count=row[3],
            oldest_at=row[4],
            due_at=row[5],
            example=examples[row[6]],
        )
        for row in rows
    ]
    return found, rows[0][7] if rows else 0


def _condition(where: ExceptionFilter, now: Instant) -> tuple[str, dict[str, object]]:
    # A stage says the state as well; both are asked, so that a stage of the other state matches nothing.
    conditions = [_STATES[where.state if where.stage != Stage.RESOLVED else "all"]]
    values: dict[str, object] = {"now": now}
    if where.stage:
        conditions.append(_STAGES[Stage(where.stage)])
    for name, column in _EQUAL.items():
        if getattr(where, name):
            conditions.append(f"{column} = :{name}")
            values[name] = getattr(where, name)
    if where.text:
        conditions.append(_TEXT)
        values |= {"text": where.text.lower(), "exact": where.text}
    return " AND ".join(conditions), values


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What an action on an exception depends on beside its row: its order, a sale of it, and its books.

    `for_finance`: an open exception of finance's holds the order; `has_body`: what the order says is still kept.
    """

    state: str | None = None
    reason: str = ""
    for_finance: bool = False
    has_sale: bool = False
    has_books: bool = False
    verdict: str = ""
    step: str = ""
    has_body: bool = False


def standings(connection: sqlite3.Connection, wanted: Sequence[int]) -> dict[int, Standing]:
    """Return how the orders of these exceptions stand, by exception; one that is about no order is not in it."""
    rows = connection.execute(
        "SELECT e.id, o.state, EXISTS (SELECT 1 FROM sales s WHERE s.order_id = o.id AND s.voided_at IS NULL),"
        " coalesce(b.verdict, ''), coalesce(b.step, ''), o.reason, EXISTS (SELECT 1 FROM exceptions f"
        "  JOIN exception_types t ON t.code = f.type AND t.holds WHERE f.record_kind = 'order' AND f.record_id = o.id"
        # The `+` keeps the planner at the few of this order.
        "  AND +f.state = 'open' AND +f.owner = 'finance'), b.order_id IS NOT NULL,"
        " EXISTS (SELECT 1 FROM bodies d WHERE d.order_id = o.id AND d.kind = 'order')"
        # CROSS JOIN keeps the order: from the few that are asked for, each by its key.
        " FROM json_each(?) AS wanted CROSS JOIN exceptions e ON e.id = wanted.value"
        " CROSS JOIN orders o ON e.record_kind = 'order' AND o.id = e.record_id"
        " LEFT JOIN books b ON b.order_id = o.id",
        (msgspec.json.encode(list(wanted)).decode(),),
    )
    return {
        row[0]: Standing(
            state=row[1],
            has_sale=bool(row[2]),
            verdict=row[3],
            step=row[4],
            reason=row[5],
            for_finance=bool(row[6]),
            has_books=bool(row[7]),
            has_body=bool(row[8]),
        )
        for row in rows
    }
