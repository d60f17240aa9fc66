"""What people asked for, of one exception or of thousands: accepted once, taken step by step, each item once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.domain.time import Instant
from storage import keyset
from storage.keyset import Order, Place


class DeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A deed as it stands. `detail` is what else was asked for; `total` counts its items, `done` those that changed
    something."""

    key: str
    at: Instant
    author: str
    roles: tuple[str, ...]
    action: str
    reason: str
    detail: dict[str, str]
    total: int
    done: int
    refused: int
    ended_at: Instant | None


_COLUMNS = "key, at, author, roles, action, reason, detail, total, done, refused, ended_at"


def _row(row: tuple[object, ...]) -> DeedRow:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    values["roles"] = tuple(str(values["roles"]).split())
    values["detail"] = msgspec.json.decode(str(values["detail"]))
    return msgspec.convert(values, DeedRow)


def accept(connection: sqlite3.Connection, deed: DeedRow, exceptions: Sequence[int]) -> None:
    """Write a deed down with what it is about. Raises `sqlite3.IntegrityError`: its key is taken."""
    connection.execute(
        f"INSERT INTO deeds ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL)",
        (
            deed.key,
            deed.at,
            deed.author,
            " ".join(deed.roles),
            deed.action,
            deed.reason,
            msgspec.json.encode(deed.detail).decode(),
            len(exceptions),
        ),
    )
    connection.execute(
        "INSERT INTO deed_items (deed, exception_id) SELECT ?, value FROM json_each(?)",
        (deed.key, msgspec.json.encode(list(exceptions)).decode()),
    )


def get(connection: sqlite3.Connection, key: str) -> DeedRow | None:
    """Return a deed."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM deeds WHERE key = ?", (key,)).fetchone()
    return None if row is None else _row(row)


SORTS = ("at", "author", "action", "total", "done", "refused", "ended_at")
"""What the list may be sorted by."""

_ENDED = "coalesce(ended_at, 9000000000000)"
_STANDS = {
    "all": "TRUE",
    "under_way": "ended_at IS NULL",
    "ended": "ended_at IS NOT NULL",
    "refused": "refused > 0",
}
STANDS = tuple(_STANDS)
_TEXT = "(instr(lower(reason), lower(:value)) OR instr(lower(detail), lower(:value)) OR instr(key, :value) = 1)"


class DeedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deeds; "" narrows nothing. `stands` is one of `STANDS`; `text` is part of the reason, of what else was
    asked for, or how the key begins.
    """

    author: str = ""
    action: str = ""
    stands: str = "all"
    text: str = ""


def page(
    connection: sqlite3.Connection,
    where: DeedFilter,
    *,
    sort: str = "at",
    descending: bool = True,
    after: Place | None = None,
    limit: int,
) -> tuple[list[DeedRow], Place | None, int]:
    """Return deeds, the newest first unless sorted otherwise, where the next page goes on, and how many there are."""
    within = _STANDS[where.stands]
    conditions = {
        "author = :value": where.author or None,
        "action = :value": where.action or None,
        _TEXT: where.text or None,
    }
    order = Order(_ENDED if sort == "ended_at" else sort, "key", descending)
    found = keyset.part(connection, _COLUMNS, "deeds", conditions, order, after=after, limit=limit, within=within)
    total = keyset.count(connection, "deeds", conditions, within=within)
    return [_row(row) for row in found.rows], found.next, total


OUTCOMES = ("waits", "done", "unchanged", "refused")
ITEM_SORTS = ("exception", "record", "outcome", "message")


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one exception of a deed, and the record it is about; `number` is what a person calls that."""

    exception: int
    record_kind: str
    record_id: str
    number: str | None
    outcome: str
    message: str


_ITEM_SORTS = {
    "exception": "exception_id",
    "record": "coalesce(e.record_number, e.record_id, '')",
    "outcome": "outcome",
    "message": "message",
}
_ITEMS = "deed_items LEFT JOIN exceptions e ON e.id = exception_id"


def items(
    connection: sqlite3.Connection,
    key: str,
    *,
    outcome: str = "",
    text: str = "",
    sort: str = "exception",
    descending: bool = False,
    after: Place | None = None,
    limit: int,
) -> tuple[list[ItemRow], Place | None, int]:
    """Return items of a deed, where the next page goes on, and how many there are; `sort` is one of `ITEM_SORTS`."""
    conditions = {
        "deed = :value": key,
        "outcome = :value": outcome or None,
        "(instr(lower(message), lower(:value)) OR instr(lower(coalesce(e.record_number, '')), lower(:value))"
        " OR e.record_id = :value)": text or None,
    }
    columns = "exception_id, coalesce(e.record_kind, ''), coalesce(e.record_id, ''), e.record_number, outcome, message"
    order = Order(_ITEM_SORTS[sort], "exception_id", descending)
    found = keyset.part(connection, columns, _ITEMS, conditions, order, after=after, limit=limit)
    rows = [msgspec.convert(dict(zip(ItemRow.__struct_fields__, row, strict=True)), ItemRow) for row in found.rows]
    return rows, found.next, keyset.count(connection, _ITEMS, conditions)


def unfinished(connection: sqlite3.Connection) -> list[str]:
    """Return the keys of deeds that are not at their end."""
    return [row[0] for row in connection.execute("SELECT key FROM deeds WHERE ended_at IS NULL ORDER BY at")]


def waiting(connection: sqlite3.Connection, key: str, *, limit: int) -> list[int]:
    """Return the next exceptions of a deed nothing was done about yet."""
    rows = connection.execute(
        "SELECT exception_id FROM deed_items WHERE deed = ? AND outcome = 'waits' ORDER BY exception_id LIMIT ?",
        (key, limit),
    )
    return [row[0] for row in rows]


def settle(connection: sqlite3.Connection, key: str, exception_id: int, *, outcome: str, message: str) -> None:
    """Write down how one item went: done, unchanged or refused."""
    connection.execute(
        "UPDATE deed_items SET outcome = ?, message = ? WHERE deed = ? AND exception_id = ?",
        (outcome, message, key, exception_id),
    )
    connection.execute(
        "UPDATE deeds SET done = done + ?, refused = refused + ? WHERE key = ?",
        (int(outcome == "done"), int(outcome == "refused"), key),
    )


def end(connection: sqlite3.Connection, key: str, *, now: Instant) -> None:
    """Say that nothing of a deed waits any more."""
    connection.execute("UPDATE deeds SET ended_at = ? WHERE key = ? AND ended_at IS NULL", (now, key))


def messages(connection: sqlite3.Connection, key: str, *, outcome: str, limit: int) -> list[tuple[int, str]]:
    """Return (exception, message) of items that went so."""
    rows = connection.execute(
        "SELECT exception_id, message FROM deed_items WHERE deed = ? AND outcome = ? ORDER BY exception_id LIMIT ?",
        (key, outcome, limit),
    )
    return [(row[0], row[1]) for row in rows]


def counted(connection: sqlite3.Connection, key: str) -> dict[str, int]:
    """Count the items of a deed by how they went."""
    return dict(
        connection.execute(
            "SELECT outcome, count(*) FROM deed_items WHERE deed = ? GROUP BY outcome", (key,)
        ).fetchall()
    )
