"""What people mapped at the desk: rows that are only ever added to; of one key the newest holds."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from actors.domain.mapped import TYPES, MappingKind, Row, answers
from actors.domain.time import Instant


class MappingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it was made. `version` counts all rows; `woken` is how many records were judged again for it."""

    version: int
    row: Row
    author: str
    reason: str
    at: Instant
    woken: int


_COLUMNS = "version, kind, key, value, tender, author, reason, at, woken"


def add(
    connection: sqlite3.Connection, row: Row, *, request: str, author: str, reason: str, woken: int, now: Instant
) -> int:
    """Add a row; return its version. Raises `sqlite3.IntegrityError` where this request has one."""
    cursor = connection.execute(
        "INSERT INTO mapping_rows (kind, key, value, tender, author, reason, at, request, woken)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row.kind.value, row.key, row.value, row.tender, author, reason, now, request, woken),
    )
    return int(cursor.lastrowid or 0)


def of_request(connection: sqlite3.Connection, request: str) -> MappingRow | None:
    """Return the row that a request made."""
    return next(_rows(connection.execute(f"SELECT {_COLUMNS} FROM mapping_rows WHERE request = ?", (request,))), None)


def in_force(connection: sqlite3.Connection) -> list[MappingRow]:
    """Return the newest row of each key, those that take one back among them, in the order they were made."""
    return list(
        _rows(
            connection.execute(
                f"SELECT {_COLUMNS} FROM mapping_rows WHERE version IN (SELECT max(version) FROM mapping_rows"
                " GROUP BY kind, key) ORDER BY version"
            )
        )
    )


def history(connection: sqlite3.Connection, *, kind: MappingKind | None = None, limit: int) -> list[MappingRow]:
    """Return the rows that were made, the newest first."""
    wanted = None if kind is None else kind.value
    return list(
        _rows(
            connection.execute(
                f"SELECT {_COLUMNS} FROM mapping_rows WHERE ?1 IS NULL OR kind = ?1 ORDER BY version DESC LIMIT ?2",
                (wanted, limit),
            )
        )
    )


def version(connection: sqlite3.Connection) -> int:
    """Return the version of the newest row; 0: there is none."""
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM mapping_rows").fetchone()[0])


class Waiting(NamedTuple):
    """As much of an open exception as says of which record it is."""

    type: str
    record_kind: str
    record_id: str


class _Cause(NamedTuple):
    """As much of it as says what it waits for; thousands may be told in the same words."""

    type: str
    group: str
    field: str
    sku: str
    facts: dict[str, str]


_FACTS = msgspec.json.Decoder(dict[str, str])


def waiting_for(connection: sqlite3.Connection, kind: MappingKind, key: str, before: str) -> list[Waiting]:
    """Return the open exceptions that a row for this key may answer; `before` is what it was mapped to until now."""
    types = TYPES[kind]
    found = connection.execute(
        "SELECT type, record_kind, record_id, grouped_as, field, sku, facts FROM exceptions WHERE state = 'open'"
        f" AND type IN ({', '.join('?' for _ in types)}) ORDER BY id",
        types,
    )

    @functools.cache  # each cause is judged once, however many share it
    def is_answered(of: str, group: str, field: str, sku: str, told: str) -> bool:
        return answers(kind, key, before, _Cause(of, group, field, sku, _FACTS.decode(told)))

    return [Waiting(*row[:3]) for row in found if is_answered(row[0], *row[3:])]


def _rows(found: Iterable[tuple[object, ...]]) -> Iterator[MappingRow]:
    for number, kind, key, value, tender, author, reason, at, woken in found:
        row = {"kind": kind, "key": key, "value": value, "tender": bool(tender)}
        told = {"version": number, "row": row, "author": author, "reason": reason, "at": at, "woken": woken}
        yield msgspec.convert(told, MappingRow)
