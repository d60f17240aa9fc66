"""What becomes, or became, an unpublished product of the storefront: a row per item or family of Cin7 Core."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from actors.domain.time import Instant
from storage import meta

_SINCE = "drafts_since"
_ENCODER = msgspec.json.Encoder(decimal_format="number")  # a number is compared with a number when it is read again


class DraftRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a draft stands: wanted, absent (seen to be missing once), made, or refused.

    `written` is what of it may be ours, by "<sku>/<attribute>" (`drafting.Written`). `conflicts` counts versions that
    were overtaken in a row. `asked_by`: a person asked for it.
    """

    key: str
    state: str
    absent_at: Instant | None = None
    product_id: str = ""
    written: dict[str, list[Any]] = {}
    conflicts: int = 0
    asked_by: str = ""
    at: Instant = 0


def item_key(item_id: str) -> str:
    """Name the draft of an item that stands alone."""
    return f"item:{item_id}"


def family_key(family_id: str) -> str:
    """Name the draft of a family."""
    return f"family:{family_id}"


def since(connection: sqlite3.Connection) -> Instant | None:
    """Return from when on new items become drafts; None: they do not yet."""
    return meta.counter(connection, _SINCE) or None


def begin(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Items that are fit from now on become drafts; those that were there before do not."""
    meta.set_counter(connection, _SINCE, now)


def end(connection: sqlite3.Connection) -> None:
    """Drafts are switched off: what is new meanwhile is not new when they are switched on again."""
    meta.set_counter(connection, _SINCE, 0)


def get(connection: sqlite3.Connection, key: str) -> DraftRow | None:
    """Return a draft's row."""
    row = connection.execute(
        "SELECT key, state, absent_at, product_id, written, conflicts, asked_by, at FROM drafts WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    values = dict(zip(DraftRow.__struct_fields__, row, strict=True))
    return msgspec.convert(values | {"written": msgspec.json.decode(values["written"])}, DraftRow)


def put(connection: sqlite3.Connection, row: DraftRow, *, now: Instant) -> None:
    """Keep a draft's row."""
    connection.execute(
        "INSERT OR REPLACE INTO drafts (key, state, absent_at, product_id, written, conflicts, asked_by, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.key,
            row.state,
            row.absent_at,
            row.product_id,
            _ENCODER.encode(row.written).decode(),
            row.conflicts,
            row.asked_by,
            now,
        ),
    )


def forget(connection: sqlite3.Connection, key: str) -> None:
    """Nothing becomes of it."""
    connection.execute("DELETE FROM drafts WHERE key = ?", (key,))


def unfinished(connection: sqlite3.Connection) -> list[str]:
    """Return the keys of drafts that are not made: a start looks at each."""
    return [row[0] for row in connection.execute("SELECT key FROM drafts WHERE state <> 'made' ORDER BY key")]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Count drafts by state."""
    return dict(connection.execute("SELECT state, count(*) FROM drafts GROUP BY state ORDER BY state"))
