"""Exceptions on disk: one open row per type, record, SKU and field; cleared by evidence, never by age (law L6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from actors.domain.exception_life import due_at
from actors.domain.exception_types import Finding
from actors.domain.time import Instant


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What an exception is about: `kind` is order, flow, connection, sweep or message."""

    kind: str
    id: str
    number: str | None = None


class ExceptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as operators see it."""

    id: int
    type: str
    owner: str
    state: str
    severity: str
    record: Record
    sku: str
    field: str
    cause: str
    next_step: str
    waits_for: str
    group: str
    facts: dict[str, str]
    opened_at: Instant
    due_at: Instant | None
    next_attempt_at: Instant | None
    resolved_at: Instant | None
    resolution: str | None
    assignee: str = ""
    snoozed_until: Instant | None = None
    reopens: int | None = None


COLUMNS = (
    "id, type, owner, state, severity, record_kind, record_id, record_number, sku, field, cause, next_step, waits_for,"
    " grouped_as, facts, opened_at, due_at, next_attempt_at, resolved_at, resolution, assignee, snoozed_until, reopens"
)


_NAMES = tuple(COLUMNS.replace(" ", "").split(","))


def row_of(row: tuple[object, ...]) -> ExceptionRow:
    """Return a row of `COLUMNS`."""
    values = dict(zip(_NAMES, row, strict=True))
    record = {
        "kind": values.pop("record_kind"),
        "id": values.pop("record_id"),
        "number": values.pop("record_number"),
    }
    facts = msgspec.json.decode(str(values.pop("facts")))
    group = values.pop("grouped_as")
    return msgspec.convert(values | {"record": record, "facts": facts, "group": group}, ExceptionRow, strict=False)


def raise_finding(
    connection: sqlite3.Connection,
    record: Record,
    finding: Finding,
    *,
    now: Instant,
    next_attempt_at: Instant | None = None,
) -> None:
    """Open an exception, or refresh the open one for the same cause (its age, and whose it is, stay).

    One that was resolved and is found again is a new row that names the old one, and belongs to whom that belonged.
    """
    kind = finding.type
    before = _last_of(connection, record, finding)
    connection.execute(
        "INSERT INTO exceptions (type, owner, state, severity, record_kind, record_id, record_number, sku, field,"
        " cause, next_step, waits_for, grouped_as, facts, opened_at, next_attempt_at, due_at, assignee, reopens)"
        " VALUES (?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (type, record_kind, record_id, sku, field) WHERE state = 'open' DO UPDATE SET"
        " cause = excluded.cause, next_step = excluded.next_step, waits_for = excluded.waits_for,"
        " grouped_as = excluded.grouped_as, facts = excluded.facts, next_attempt_at = excluded.next_attempt_at",
        (
            finding.code,
            kind.owner.value,
            kind.severity.value,
            record.kind,
            record.id,
            record.number,
            finding.sku,
            finding.field,
            finding.cause,
            kind.steps[0],
            finding.waits_for,
            finding.group,
            msgspec.json.encode(finding.facts).decode(),
            now,
            next_attempt_at,
            due_at(kind.severity, now),
            before.assignee,
            before.reopens,
        ),
    )


class _Before(NamedTuple):
    """The last exception of the same cause: its number, if it is resolved, and whose it was."""

    reopens: int | None = None
    assignee: str = ""


def _last_of(connection: sqlite3.Connection, record: Record, finding: Finding) -> _Before:
    # `+` keeps the planner at the few of this record: it would go through all of the type that ever were resolved.
    row = connection.execute(
        "SELECT id, assignee FROM exceptions WHERE record_kind = ? AND record_id = ? AND type = ? AND sku = ?"
        " AND field = ? AND +state = 'resolved' ORDER BY id DESC LIMIT 1",
        (record.kind, record.id, finding.code, finding.sku, finding.field),
    ).fetchone()
    return _Before() if row is None else _Before(row[0], row[1])


def clear(
    connection: sqlite3.Connection,
    record: Record,
    *,
    resolution: str,
    now: Instant,
    types: Collection[str] | None = None,
    fields: Collection[str] | None = None,
    keep: Collection[tuple[str, str, str]] = (),
) -> int:
    """Resolve open exceptions of a record by evidence.

    `types` and `fields` narrow; `keep` names (type, sku, field) that stand.
    """
    cleared = 0
    rows = connection.execute(
        "SELECT id, type, sku, field FROM exceptions WHERE record_kind = ? AND record_id = ? AND state = 'open'",
        (record.kind, record.id),
    ).fetchall()
    for row_id, kind, sku, field in rows:
        wanted = (types is None or kind in types) and (fields is None or field in fields)
        if wanted and (kind, sku, field) not in keep:
            resolve(connection, row_id, resolution=resolution, now=now)
            cleared += 1
    return cleared


def resolve(connection: sqlite3.Connection, exception_id: int, *, resolution: str, now: Instant) -> bool:
    """Resolve one open exception; False when it was not open."""
    cursor = connection.execute(
        "UPDATE exceptions SET state = 'resolved', resolved_at = ?, resolution = ? WHERE id = ? AND state = 'open'",
        (now, resolution, exception_id),
    )
    return cursor.rowcount == 1


def resolve_types(connection: sqlite3.Connection, types: Collection[str], *, resolution: str, now: Instant) -> int:
    """Resolve every open exception of these types, whatever it is about; return how many there were."""
    marks = ", ".join("?" for _ in types)
    cursor = connection.execute(
        "UPDATE exceptions SET state = 'resolved', resolved_at = ?, resolution = ? WHERE state = 'open'"
        f" AND type IN ({marks})",
        (now, resolution, *types),
    )
    return cursor.rowcount


def was_dismissed(connection: sqlite3.Connection, record: Record, kind: str, *, sale: str) -> bool:
    """Say whether a person has dismissed an exception of this type about this sale of a record."""
    row = connection.execute(
        "SELECT 1 FROM exceptions WHERE record_kind = ? AND record_id = ? AND type = ? AND +state = 'resolved'"
        " AND resolution LIKE 'dismissed by %' AND json_extract(facts, '$.sale') = ? LIMIT 1",
        (record.kind, record.id, kind, sale),
    ).fetchone()
    return row is not None


def dismissed_as_it_is(
    connection: sqlite3.Connection, record: Record, finding: Finding, *, but: Collection[str] = ()
) -> bool:
    """Say whether a person has dismissed just this of a record: it was told last with the same facts, and closed.

    `but` names facts that may differ.
    """
    row = connection.execute(
        "SELECT resolution, facts FROM exceptions WHERE record_kind = ? AND record_id = ? AND type = ? AND sku = ?"
        " AND field = ? ORDER BY id DESC LIMIT 1",
        (record.kind, record.id, finding.code, finding.sku, finding.field),
    ).fetchone()
    dismissed = row is not None and str(row[0] or "").startswith("dismissed by ")
    if not dismissed:
        return False
    before = msgspec.json.decode(row[1], type=dict[str, str])
    return {name: fact for name, fact in before.items() if name not in but} == {
        name: fact for name, fact in finding.facts.items() if name not in but
    }


def get(connection: sqlite3.Connection, exception_id: int) -> ExceptionRow | None:
    """Return one exception."""
    row = connection.execute(f"SELECT {COLUMNS} FROM exceptions WHERE id = ?", (exception_id,)).fetchone()
    return None if row is None else row_of(row)


def of_record(connection: sqlite3.Connection, kind: str, record_id: str) -> list[ExceptionRow]:
    """Return every exception a record ever had, oldest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM exceptions WHERE record_kind = ? AND record_id = ? ORDER BY id", (kind, record_id)
    )
    return [row_of(row) for row in rows]


def of_kinds(connection: sqlite3.Connection, kinds: Collection[str]) -> list[ExceptionRow]:
    """Return every open exception of records of these kinds."""
    marks = ", ".join("?" for _ in kinds)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM exceptions WHERE state = 'open' AND record_kind IN ({marks}) ORDER BY id", tuple(kinds)
    )
    return [row_of(row) for row in rows]


def listing(
    connection: sqlite3.Connection,
    *,
    owner: str | None = None,
    kind: str | None = None,
    state: str | None = "open",
    group: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[ExceptionRow]:
    """Return exceptions by filter, in the order they were opened, from after an id on."""
    wanted = {"owner": owner, "type": kind, "state": state, "grouped_as": group}
    conditions = ["id > ?"] + [f"{name} = ?" for name, value in wanted.items() if value is not None]
    values: list[object] = [after, *(value for value in wanted.values() if value is not None)]
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM exceptions WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?", (*values, limit)
    )
    return [row_of(row) for row in rows]


def count_open_by_owner(connection: sqlite3.Connection) -> dict[str, int]:
    """Count open exceptions of each owner; owners without any are there with 0."""
    counted = dict(connection.execute("SELECT owner, count(*) FROM exceptions WHERE state = 'open' GROUP BY owner"))
    return {owner: counted.get(owner, 0) for owner in ("ops", "finance", "ecommerce", "it")}


def count_alarming(connection: sqlite3.Connection) -> dict[str, int]:
    """Count open exceptions, by type, that concern more than one record: critical ones, and those of what connects."""
    rows = connection.execute(
        "SELECT type, count(*) FROM exceptions WHERE state = 'open' AND (severity = 'critical' OR"
        " record_kind IN ('connection', 'door', 'subscription', 'webhook')) GROUP BY type ORDER BY type"
    )
    return {row[0]: row[1] for row in rows}


def groups(connection: sqlite3.Connection) -> list[tuple[str, str, int, Instant]]:
    """Return open groups: (group, owner, how many, opened first), largest first."""
    rows = connection.execute(
        "SELECT grouped_as, owner, count(*), min(opened_at) FROM exceptions WHERE state = 'open'"
        " GROUP BY grouped_as, owner ORDER BY count(*) DESC, min(opened_at)"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def waiting_facts(connection: sqlite3.Connection) -> set[str]:
    """Return every fact some open exception waits for."""
    rows = connection.execute("SELECT DISTINCT waits_for FROM exceptions WHERE state = 'open' AND waits_for <> ''")
    return {row[0] for row in rows}


def orders_waiting_for(connection: sqlite3.Connection, fact: str) -> list[str]:
    """Return ids of orders with an open exception that waits for this fact."""
    rows = connection.execute(
        "SELECT DISTINCT record_id FROM exceptions INDEXED BY exceptions_waiting WHERE state = 'open'"
        " AND waits_for <> '' AND waits_for = ? AND record_kind = 'order'",
        (fact,),
    )
    return [row[0] for row in rows]


def next_attempt(connection: sqlite3.Connection, record: Record, kind: str) -> Instant | None:
    """Return when what an open exception of this type is about is tried again; None: there is none, or nothing is."""
    row = connection.execute(
        "SELECT max(next_attempt_at) FROM exceptions WHERE record_kind = ? AND record_id = ? AND type = ?"
        " AND state = 'open'",
        (record.kind, record.id, kind),
    ).fetchone()
    return None if row is None else row[0]


def open_ids(connection: sqlite3.Connection, record_kind: str, kind: str) -> set[str]:
    """Return the ids of the records of a kind that have an open exception of a type."""
    rows = connection.execute(
        "SELECT record_id FROM exceptions WHERE type = ? AND record_kind = ? AND state = 'open'", (kind, record_kind)
    )
    return {row[0] for row in rows}


def is_open(connection: sqlite3.Connection, record: Record, kind: str, *, group: str | None = None) -> bool:
    """Say whether a record has an open exception of a type, and of one cause where a `group` is named."""
    row = connection.execute(
        "SELECT 1 FROM exceptions WHERE record_kind = ?1 AND record_id = ?2 AND type = ?3 AND state = 'open'"
        " AND (?4 IS NULL OR grouped_as = ?4)",
        (record.kind, record.id, kind, group),
    ).fetchone()
    return row is not None


# -- what people do with one ------------------------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a person did to an exception."""

    at: Instant
    author: str
    what: str
    detail: str


def note(
    connection: sqlite3.Connection, exception_id: int, what: str, *, author: str, now: Instant, detail: str = ""
) -> None:
    """Write down what a person did to an exception."""
    connection.execute(
        "INSERT INTO exception_events (exception_id, at, author, what, detail) VALUES (?, ?, ?, ?, ?)",
        (exception_id, now, author, what, detail),
    )


def events_of(connection: sqlite3.Connection, exception_id: int) -> list[Event]:
    """Return what people did to an exception, oldest first."""
    rows = connection.execute(
        "SELECT at, author, what, detail FROM exception_events WHERE exception_id = ? ORDER BY id", (exception_id,)
    )
    return [Event(at=row[0], author=row[1], what=row[2], detail=row[3]) for row in rows]


def assign(connection: sqlite3.Connection, exception_id: int, to: str) -> bool:
    """Say whose an open exception is ("": nobody's); False when it was so already, or is not open."""
    cursor = connection.execute(
        "UPDATE exceptions SET assignee = ? WHERE id = ? AND state = 'open' AND assignee <> ?", (to, exception_id, to)
    )
    return cursor.rowcount == 1


def snooze(connection: sqlite3.Connection, exception_id: int, until: Instant | None) -> bool:
    """Let an open exception rest until then (None: wake it); False when it was so already, or is not open."""
    cursor = connection.execute(
        "UPDATE exceptions SET snoozed_until = ? WHERE id = ? AND state = 'open' AND snoozed_until IS NOT ?",
        (until, exception_id, until),
    )
    return cursor.rowcount == 1


def count_of_group(connection: sqlite3.Connection, group: str) -> int:
    """Count the open exceptions of a cause."""
    row = connection.execute(
        "SELECT count(*) FROM exceptions WHERE state = 'open' AND grouped_as = ?", (group,)
    ).fetchone()
    return int(row[0])


def people(connection: sqlite3.Connection) -> list[str]:
    """Return everybody who has open exceptions."""
    rows = connection.execute("SELECT DISTINCT assignee FROM exceptions WHERE state = 'open' AND assignee <> ''")
    return sorted(row[0] for row in rows)
