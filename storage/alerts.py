"""Alerts on disk: one open at a time for each subject and owner; and what they are judged by."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.alerting import ALARMING_KINDS, RECENT, STILLING_KINDS, Incident, Over, Standing
from actors.domain.exception_types import HOLDING, Severity
from actors.domain.time import Instant
from storage import keyset
from storage.keyset import Order, Place

_SEVERITIES = {severity.value: severity for severity in Severity}
_ERROR = (Severity.ERROR, Severity.CRITICAL)


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it is shown. `told_at`: since when somebody was told of it; None: nothing was sent."""

    id: int
    rule: str
    subject: str
    owner: str
    severity: str
    title: str
    text: str
    link: str
    count: int
    raised_at: Instant
    told_at: Instant | None
    under_since: Instant | None
    escalated_at: Instant | None
    ended_at: Instant | None


_COLUMNS = ", ".join(AlertRow.__struct_fields__)


def _row(row: tuple[object, ...]) -> AlertRow:
    return msgspec.convert(dict(zip(AlertRow.__struct_fields__, row, strict=True)), AlertRow)


_CAUSES = """
SELECT grouped_as, owner, type, severity, record_kind, count(*), sum(awake),
       sum(awake AND opened_at > :recent), sum(awake AND due_at <= :now),
       min(opened_at), min(CASE WHEN awake THEN due_at END), min(id)
FROM (SELECT id, grouped_as, owner, type, severity, record_kind, opened_at, due_at,
             (snoozed_until IS NULL OR snoozed_until <= :now) AS awake
      FROM exceptions INDEXED BY exceptions_by_cause WHERE state = 'open')
GROUP BY grouped_as, owner, type, severity, record_kind
"""
"""One pass over an index, in its own order; what kinds of records there are is told apart afterwards."""


def incidents(connection: sqlite3.Connection, *, now: Instant) -> list[Incident]:
    """Return the open exceptions by cause and owner."""
    rows = connection.execute(_CAUSES, {"now": now, "recent": now - RECENT})
    found: dict[tuple[str, str], Incident] = {}
    for row in rows:
        incident = _incident(*row)
        key = incident.group, incident.owner
        other = found.get(key)
        found[key] = incident if other is None else other.with_also(incident)
    return list(found.values())


def _incident(  # noqa: PLR0917 - a row of `_CAUSES`
    group: str,
    owner: str,
    code: str,
    severity: str,
    kind: str,
    total: int,
    awake: int,
    recent: int,
    overdue: int | None,
    opened_at: Instant,
    due_at: Instant | None,
    example: int,
) -> Incident:
    rank = _SEVERITIES[severity]
    alarming = rank is Severity.CRITICAL or (kind in ALARMING_KINDS and rank is not Severity.INFO)
    return Incident(
        group,
        owner,
        code,
        rank,
        total,
        awake,
        awake if alarming else 0,
        awake if rank in _ERROR else 0,
        recent,
        overdue or 0,
        awake if kind == "order" and code in HOLDING else 0,
        opened_at,
        due_at,
        example,
        awake if kind in STILLING_KINDS and rank is not Severity.INFO else 0,
    )


def orders_since(connection: sqlite3.Connection, since: Instant) -> int:
    """Count the orders accepted since."""
    return int(connection.execute("SELECT count(*) FROM orders WHERE accepted_at >= ?", (since,)).fetchone()[0])


def went_on(connection: sqlite3.Connection, since: Instant, until: Instant) -> tuple[int, int]:
    """Count the orders accepted in a span, and the sales made in it."""
    orders = "SELECT count(*) FROM orders WHERE accepted_at >= ? AND accepted_at < ?"
    sales = "SELECT count(*) FROM sales WHERE made_at >= ? AND made_at < ?"
    counted = [int(connection.execute(sql, (since, until)).fetchone()[0]) for sql in (orders, sales)]
    return counted[0], counted[1]


def waiting_since(connection: sqlite3.Connection, flow: str, *, now: Instant) -> Instant | None:
    """Return since when the work of a flow that waits longest is due; None: none is."""
    row = connection.execute(
        "SELECT min(due_at) FROM outbox WHERE flow = ? AND state = 'ready' AND due_at <= ?", (flow, now)
    ).fetchone()
    return None if row[0] is None else int(row[0])


def standing(connection: sqlite3.Connection) -> list[Standing]:
    """Return the open alerts, the oldest first."""
    rows = connection.execute(
        "SELECT id, subject, owner, severity, raised_at, under_since, escalated_at FROM alerts"
        " WHERE ended_at IS NULL ORDER BY id"
    )
    return [
        Standing(
            id=row[0],
            subject=row[1],
            owner=row[2],
            severity=Severity(row[3]),
            raised_at=row[4],
            under_since=row[5],
            escalated_at=row[6],
        )
        for row in rows
    ]


def open_alert(
    connection: sqlite3.Connection, over: Over, *, title: str, text: str, link: str, now: Instant
) -> int | None:
    """Open an alert; return its number, or None where one is open for the subject and owner."""
    cursor = connection.execute(
        "INSERT INTO alerts (rule, subject, owner, severity, title, text, link, count, raised_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject, owner) WHERE ended_at IS NULL DO NOTHING",
        (over.rule, over.subject, over.owner, over.severity.value, title, text, link, over.count, now),
    )
    return cursor.lastrowid if cursor.rowcount == 1 else None


def count_again(connection: sqlite3.Connection, alert: int, over: Over) -> None:
    """Write down how many it is about now, and that it is over its threshold (again)."""
    connection.execute(
        "UPDATE alerts SET count = ?, severity = ?, under_since = NULL WHERE id = ?"
        " AND (count <> ? OR severity <> ? OR under_since IS NOT NULL)",
        (over.count, over.severity.value, alert, over.count, over.severity.value),
    )


def stamp(connection: sqlite3.Connection, alert: int, what: str, *, now: Instant) -> None:
    """Write down when something became true of an alert, once: told_at, under_since, escalated_at or ended_at."""
    connection.execute(f"UPDATE alerts SET {what} = coalesce({what}, ?) WHERE id = ?", (now, alert))


def get(connection: sqlite3.Connection, alert: int) -> AlertRow | None:
    """Return one alert."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM alerts WHERE id = ?", (alert,)).fetchone()
    return None if row is None else _row(row)


_SORTED_BY = {
    "raised_at": "id",  # rows are written in that order
    "severity": "CASE severity WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END",
    "owner": "owner",
    "rule": "rule",
    "count": "count",
    "ended_at": "coalesce(ended_at, 9000000000000)",
    "title": "title",
}
SORTS = tuple(_SORTED_BY)
"""What the list may be sorted by."""

_STATES = {"open": "ended_at IS NULL", "ended": "ended_at IS NOT NULL", "all": "TRUE"}


class AlertFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts; "" narrows nothing. `state` is open, ended or all; `text` is part of what it says."""

    state: str = "open"
    owner: str = ""
    rule: str = ""
    severity: str = ""
    text: str = ""


def page(
    connection: sqlite3.Connection,
    where: AlertFilter,
    *,
    sort: str = "raised_at",
    descending: bool = True,
    after: Place | None = None,
    limit: int,
) -> tuple[list[AlertRow], Place | None, int]:
    """Return alerts, the newest first unless sorted otherwise, where the next page goes on, and how many there are."""
    within = _STATES[where.state]
    conditions = {
        "owner = :value": where.owner or None,
        "rule = :value": where.rule or None,
        "severity = :value": where.severity or None,
        "(instr(lower(title), lower(:value)) OR instr(lower(text), lower(:value)))": where.text or None,
    }
    order = Order(_SORTED_BY[sort], "id", descending)
    found = keyset.part(connection, _COLUMNS, "alerts", conditions, order, after=after, limit=limit, within=within)
    total = keyset.count(connection, "alerts", conditions, within=within)
    return [_row(row) for row in found.rows], found.next, total


def untold(connection: sqlite3.Connection) -> list[AlertRow]:
    """Return what stands and nobody was told of: it began in a maintenance, or before there was a channel."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE ended_at IS NULL AND told_at IS NULL AND under_since IS NULL ORDER BY id"
    )
    return [_row(row) for row in rows]


def raised_between(connection: sqlite3.Connection, owner: str, since: Instant, until: Instant) -> list[AlertRow]:
    """Return what was raised for an owner in a span, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE raised_at >= ? AND raised_at < ? AND owner = ? ORDER BY id",
        (since, until, owner),
    )
    return [_row(row) for row in rows]


def ended_between(connection: sqlite3.Connection, owner: str, since: Instant, until: Instant) -> list[AlertRow]:
    """Return what somebody was told of before a span, and what ended in it without their being told."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE ended_at >= ?1 AND ended_at < ?2 AND raised_at < ?1 AND owner = ?3"
        " AND told_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM notices WHERE notices.alert = alerts.id"
        " AND notices.kind = 'recovery') ORDER BY id",
        (since, until, owner),
    )
    return [_row(row) for row in rows]


def prune(connection: sqlite3.Connection, *, before: Instant) -> None:
    """Forget what ended long ago, with what was sent of it."""
    connection.execute("DELETE FROM alerts WHERE ended_at < ?", (before,))
    connection.execute("DELETE FROM notices WHERE made_at < ? AND alert IS NULL", (before,))
