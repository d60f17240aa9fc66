"""What people did through tallyd: author, action, record, reason; each row chained to the one before by a hash.

A row's hash is the SHA-256 of netstrings (`length:bytes,`) of: the hash of the row before it ("" for the first), its
id, its instant, author, action, record and detail. There is one writer, so the chain's order is that of the ids.
Whoever changes a row, takes one out or puts one in has to rewrite all that follow; whoever noted a hash somewhere else
(a digest, `/health`, a sheet of paper) sees even that. Only rows cut off the end leave no trace in the file itself.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from actors.domain.time import Instant
from storage import keyset
from storage.keyset import Order, Place

_BEFORE = "audit.before_the_chain"
"""Names the row in `meta` that holds the id of the last row written by a release without a chain."""

PAGE = 1000
"""Rows read at a time."""

_BYTES = "id, at, CAST(author AS BLOB), CAST(action AS BLOB), CAST(record AS BLOB), CAST(detail AS BLOB)"
"""A row as the bytes it is kept as: a text somebody spoilt must be found, not stumbled over."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did. `at` is in milliseconds since the epoch; `detail` holds the reason and what belongs to it."""

    id: int
    at: Instant
    author: str
    action: str
    record: str
    detail: dict[str, str]
    hash: str


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; "" and None narrow nothing. `first` is the earliest instant, `before` the first that is too late."""

    author: str = ""
    action: str = ""
    record: str = ""
    first: Instant | None = None
    before: Instant | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the chain holds. `broken_at` is the first row that does not fit, `why` says how.

    `unchained` rows were written before there was a chain: they are as they were when it began. `seen` answers whether
    the hash that was asked for is that of a row (None: nobody asked).
    """

    holds: bool
    rows: int
    head: str
    unchained: int
    broken_at: int | None = None
    why: str = ""
    seen: bool | None = None


def write(
    connection: sqlite3.Connection, *, author: str, action: str, record: str, now: Instant, **detail: str
) -> None:
    """Add a row, and chain it to the last one."""
    last, previous = _last(connection)
    text = msgspec.json.encode(detail)
    row = (last + 1, now, author.encode(), action.encode(), record.encode(), text)
    connection.execute(
        "INSERT INTO audit (id, at, author, action, record, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (last + 1, now, author, action, record, text.decode(), _hash(previous, row)),
    )


def of_record(connection: sqlite3.Connection, record: str) -> list[tuple[Instant, str, str, str]]:
    """Return (at, author, action, detail) of what people did to a record, oldest first."""
    rows = connection.execute("SELECT at, author, action, detail FROM audit WHERE record = ? ORDER BY id", (record,))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


SORTS = ("id", "author", "action", "record")
"""What the list may be sorted by: the numbers of its rows, and so the time, or another column by an index."""


def page(
    connection: sqlite3.Connection,
    where: Narrowing,
    *,
    sort: str = "id",
    descending: bool = True,
    after: Place | None = None,
    limit: int,
) -> tuple[list[AuditRow], Place | None]:
    """Return rows, the newest first unless sorted otherwise by one of `SORTS`, and where the next page goes on."""
    conditions = {
        "author = :value": where.author or None,
        "action = :value": where.action or None,
        "record = :value": where.record or None,
        "at >= :value": where.first,
        "at < :value": where.before,
    }
    columns = "id, at, author, action, record, detail, hash"
    order = Order(sort, "id", descending)
    found = keyset.part(connection, columns, "audit", conditions, order, after=after, limit=limit)
    return [_shown(row) for row in found.rows], found.next


def _shown(row: tuple[Any, ...]) -> AuditRow:
    return AuditRow(
        id=row[0],
        at=row[1],
        author=row[2],
        action=row[3],
        record=row[4],
        detail=msgspec.json.decode(row[5], type=dict[str, str]),
        hash=row[6],
    )


def head(connection: sqlite3.Connection) -> str:
    """Return the hash of the last row: whoever notes it can prove later that nothing before it was touched."""
    return _last(connection)[1]


def chain(connection: sqlite3.Connection) -> None:
    """Chain the rows of earlier releases, once in the life of a file; the caller's transaction makes it one step."""
    if connection.execute("SELECT 1 FROM meta WHERE key = ?", (_BEFORE,)).fetchone():
        return
    previous, last = "", 0
    for row in connection.execute(f"SELECT {_BYTES} FROM audit ORDER BY id").fetchall():
        last, previous = row[0], _hash(previous, row)
        connection.execute("UPDATE audit SET hash = ? WHERE id = ?", (previous, last))
    connection.execute("INSERT INTO meta VALUES (?, ?)", (_BEFORE, str(last)))


def verify(connection: sqlite3.Connection, *, seen: str = "") -> Verdict:
    """Walk the whole chain. `seen` is a hash noted earlier, or how it begins: it must be that of a row."""
    before = connection.execute("SELECT value FROM meta WHERE key = ?", (_BEFORE,)).fetchone()
    began_after = int(before[0]) if before is not None else 0
    previous, last, rows, unchained, found = "", 0, 0, 0, False
    for row in _rows(connection):
        why = _wrong(previous, last, row)
        if why:
            return Verdict(holds=False, rows=rows, head=previous, unchained=unchained, broken_at=row[0], why=why)
        last, previous, rows = row[0], row[6].decode(), rows + 1
        unchained += last <= began_after
        found = found or previous.startswith(seen)
    if seen and not found:
        why = "no row has the hash that was noted: rows were cut off the end, or written anew from some row on"
        return Verdict(holds=False, rows=rows, head=previous, unchained=unchained, why=why, seen=False)
    return Verdict(holds=True, rows=rows, head=previous, unchained=unchained, seen=True if seen else None)


_Row = tuple[int, int, bytes, bytes, bytes, bytes, bytes]


def _rows(connection: sqlite3.Connection) -> Iterator[_Row]:
    after: int | None = None
    while True:
        where = "1" if after is None else "id > ?"
        found: list[_Row] = connection.execute(
            f"SELECT {_BYTES}, CAST(hash AS BLOB) FROM audit WHERE {where} ORDER BY id LIMIT {PAGE}",
            () if after is None else (after,),
        ).fetchall()
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1][0]


def _wrong(previous: str, last: int, row: _Row) -> str:
    """Say what is wrong with a row that comes after another; "" for nothing."""
    if row[6] == _hash(previous, row[:6]).encode():
        return ""
    if not row[6]:
        return "the row was put in past tallyd: it has no hash"
    if row[0] != last + 1:
        return f"rows are missing before it: the last that fits is {last}"
    return "the row is not what was written, or the one before it is another"


def _last(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return (0, "") if row is None else (row[0], row[1])


def _hash(previous: str, row: tuple[int, int, bytes, bytes, bytes, bytes]) -> str:
    number, at, *texts = row
    parts = (previous.encode(), str(number).encode(), str(at).encode(), *texts)
    return hashlib.sha256(b"".join(b"%d:%s," % (len(part), part) for part in parts)).hexdigest()
