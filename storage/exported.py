"""What the sale of an order was made from, kept with the sale: what an edit of the order is compared with.

The header's part is written in the commit of the intent to make the sale, the rows' part in that of the intent to
authorise it: both survive a lost answer, for they say what was sent. Texts about people are digests (law L9).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from actors.domain.edits import TOTAL, Kind, accept, forgive, is_header

Fields = Mapping[str, str]


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """`sale`: what the sale was made from. `order`: the order as it was last found to differ from that."""

    sale: dict[str, str]
    order: dict[str, str] = {}


def put_header(connection: sqlite3.Connection, order_id: str, generation: int, version: int, fields: Fields) -> None:
    """The header of a sale is about to be sent: keep its part, and nothing of any sale before."""
    header = {name: text for name, text in fields.items() if is_header(name)}
    _put(connection, order_id, generation, version, _Stored(sale=header))


def put_rows(connection: sqlite3.Connection, order_id: str, generation: int, version: int, fields: Fields) -> None:
    """The order document of the sale is about to be sent: keep its part beside the header's."""
    sale = get(connection, order_id, generation)
    header = fields if sale is None else sale
    kept = {name: text for name, text in header.items() if is_header(name)}
    rows = {name: text for name, text in fields.items() if not is_header(name)}
    _put(connection, order_id, generation, version, _Stored(sale=kept | rows))


def complete(connection: sqlite3.Connection, order_id: str, generation: int, version: int, fields: Fields) -> None:
    """The sale stands: where it was not made from here, the order as it is now counts as what it was made from."""
    sale = get(connection, order_id, generation)
    if sale is None or TOTAL not in sale:
        put_rows(connection, order_id, generation, version, fields)


def put(connection: sqlite3.Connection, order_id: str, generation: int, version: int, fields: Fields) -> None:
    """The sale shows this by now."""
    _put(connection, order_id, generation, version, _Stored(sale=dict(fields)))


def differs(connection: sqlite3.Connection, order_id: str, fields: Fields) -> None:
    """Keep the order as it was found to differ from its sale: what a person who accepts it accepts."""
    row = _row(connection, order_id)
    if row is not None:
        _put(connection, order_id, row[0], row[1], msgspec.structs.replace(row[2], order=dict(fields)))


def rename(connection: sqlite3.Connection, order_id: str, fields: Fields) -> None:
    """The storage key is another: what the sale was made from is named by it from now on."""
    row = _row(connection, order_id)
    if row is not None:
        _put(connection, order_id, row[0], row[1], msgspec.structs.replace(row[2], sale=dict(fields)))


def get(connection: sqlite3.Connection, order_id: str, generation: int) -> dict[str, str] | None:
    """Return what the order's n-th sale was made from; None where that is not known."""
    row = _row(connection, order_id)
    return None if row is None or row[0] != generation else row[2].sale


def accept_edit(connection: sqlite3.Connection, order_id: str, kind: Kind) -> None:
    """A person accepts that order and sale differ: the order as it was found to differ counts, for what is so."""
    row = _row(connection, order_id)
    if row is None or not row[2].order:
        return
    stored = row[2]
    sale = accept(stored.sale, stored.order, kind)
    _put(connection, order_id, row[0], row[1], _Stored(sale=sale, order=stored.order))


def forgive_payment(connection: sqlite3.Connection, order_id: str) -> None:
    """A person takes it on that the money of an order is gone: it is not told again."""
    row = _row(connection, order_id)
    if row is not None:
        _put(connection, order_id, row[0], row[1], msgspec.structs.replace(row[2], sale=forgive(row[2].sale)))


def _row(connection: sqlite3.Connection, order_id: str) -> tuple[int, int, _Stored] | None:
    row = connection.execute(
        "SELECT generation, version, fields FROM exported WHERE order_id = ?", (order_id,)
    ).fetchone()
    return None if row is None else (row[0], row[1], msgspec.json.decode(row[2], type=_Stored))


def _put(connection: sqlite3.Connection, order_id: str, generation: int, version: int, stored: _Stored) -> None:
    connection.execute(
        "INSERT INTO exported (order_id, generation, version, fields) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (order_id) DO UPDATE SET generation = excluded.generation, version = excluded.version,"
        " fields = excluded.fields",
        (order_id, generation, version, msgspec.json.encode(stored).decode()),
    )
