"""Edits people made at the desk: which, by whom and why. What they say of people stands sealed in `bodies` (law L9)."""

from __future__ import annotations

import sqlite3

import msgspec
from cryptography.exceptions import InvalidTag

from actors.domain.patching import Edited, Patch, Texts
from actors.domain.time import Instant
from storage import bodies
from storage.bodies import Sealer


class PatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """An edit as it was recorded; `names` are the texts it put in, without them. It stands until it is withdrawn."""

    id: int
    order_id: str
    field: Edited
    sku: str
    alias: str
    names: tuple[str, ...]
    author: str
    reason: str
    at: Instant
    withdrawn_at: Instant | None
    withdrawn_by: str
    said: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit puts in and what stood there then: the body that is sealed."""

    values: dict[str, str]
    base: dict[str, str]


_NAMES = PatchRow.__struct_fields__
_SELECT = f"SELECT {', '.join(_NAMES)} FROM patches"


def kind(patch_id: int) -> str:
    """Return the kind of body an edit's texts are kept as."""
    return f"patch:{patch_id}"


def add_alias(
    connection: sqlite3.Connection,
    order_id: str,
    sku: str,
    alias: str,
    *,
    author: str,
    reason: str,
    key: str,
    said: str,
    now: Instant,
) -> int:
    """Record what a SKU of an order is sold as; return the edit's number."""
    return _add(
        connection,
        {"order_id": order_id, "field": Edited.ALIAS.value, "sku": sku, "alias": alias, "names": "[]"}
        | {"author": author, "reason": reason, "key": key, "said": said, "at": now},
    )


def add_texts(
    connection: sqlite3.Connection,
    order_id: str,
    field: Edited,
    values: Texts,
    base: Texts,
    *,
    sealer: Sealer,
    author: str,
    reason: str,
    key: str,
    said: str,
    now: Instant,
) -> int:
    """Record texts that are put into an order, sealed, with what stood there then; return the edit's number."""
    names = msgspec.json.encode(list(values)).decode()
    number = _add(
        connection,
        {"order_id": order_id, "field": field.value, "sku": "", "alias": "", "names": names}
        | {"author": author, "reason": reason, "key": key, "said": said, "at": now},
    )
    plain = msgspec.json.encode(Said(values=dict(values), base=dict(base)))
    sealed = sealer.seal(plain, order_id=order_id, kind=kind(number))
    bodies.put(connection, order_id, kind(number), version=1, sealed=sealed, now=now)
    return number


def _add(connection: sqlite3.Connection, values: dict[str, object]) -> int:
    row = connection.execute(
        "INSERT INTO patches (order_id, field, sku, alias, names, author, reason, at, key, said)"
        " VALUES (:order_id, :field, :sku, :alias, :names, :author, :reason, :at, :key, :said) RETURNING id",
        values,
    ).fetchone()
    return int(row[0])


def withdraw(connection: sqlite3.Connection, patch_id: int, *, author: str, now: Instant) -> None:
    """Let an edit stand no longer. Its texts stay sealed until their time is over."""
    connection.execute(
        "UPDATE patches SET withdrawn_at = ?, withdrawn_by = ? WHERE id = ? AND withdrawn_at IS NULL",
        (now, author, patch_id),
    )


def get(connection: sqlite3.Connection, patch_id: int) -> PatchRow | None:
    """Return an edit."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (patch_id,)).fetchone()
    return None if row is None else _row(row)


def by_key(connection: sqlite3.Connection, key: str) -> PatchRow | None:
    """Return the edit that was recorded under a key."""
    row = connection.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone()
    return None if row is None else _row(row)


def of_order(connection: sqlite3.Connection, order_id: str) -> list[PatchRow]:
    """Return every edit of an order, the oldest first, withdrawn ones too."""
    return [_row(row) for row in connection.execute(f"{_SELECT} WHERE order_id = ? ORDER BY id", (order_id,))]


def aliases(connection: sqlite3.Connection, order_id: str) -> dict[str, str]:
    """Return what SKUs of an order are sold as; of several edits of one the newest counts."""
    rows = connection.execute(
        "SELECT sku, alias FROM patches WHERE order_id = ? AND field = 'alias' AND withdrawn_at IS NULL ORDER BY id",
        (order_id,),
    )
    return dict(rows.fetchall())


def standing(connection: sqlite3.Connection, order_id: str, sealer: Sealer) -> tuple[Patch, ...]:
    """Return the edits of an order that stand, opened; of what can be opened no more, that it was there."""
    return tuple(opened(connection, row, sealer) for row in of_order(connection, order_id) if row.withdrawn_at is None)


def opened(connection: sqlite3.Connection, row: PatchRow, sealer: Sealer) -> Patch:
    """Return an edit with its texts; without, where their time is over or the storage key is another."""
    patch = Patch(id=row.id, field=row.field, sku=row.sku, alias=row.alias, names=row.names)
    sealed = bodies.get(connection, row.order_id, kind(row.id))
    if row.field is Edited.ALIAS or sealed is None:
        return patch
    try:
        plain = sealer.open(sealed, order_id=row.order_id, kind=kind(row.id))
    except InvalidTag:
        return patch
    said = msgspec.json.decode(plain, type=Said)
    return msgspec.structs.replace(patch, values=said.values, base=said.base)


def _row(row: tuple[object, ...]) -> PatchRow:
    values = dict(zip(_NAMES, row, strict=True))
    values["names"] = tuple(msgspec.json.decode(str(values["names"])))
    return msgspec.convert(values, PatchRow, strict=False)
