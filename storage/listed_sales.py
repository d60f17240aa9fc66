"""The sales of Cin7 Core as its own list shows them: what the census holds the orders against.

Only sales made since `since` are here. What people wrote as a reference is kept only where it may name an order.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from actors.domain.references import PREFIX
from actors.domain.sale import ListedSale
from actors.domain.time import Instant

_REFERENCE = re.compile(r"(?=.*\d)[A-Za-z0-9._:#/-]{1,100}")


class ListedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as it was last listed."""

    sale_id: str
    number: str
    external_id: str
    reference: str
    voided: bool


_COLUMNS = "sale_id, number, external_id, reference, status LIKE 'VOID%'"
_LIVE = "status NOT LIKE 'VOID%'"


def stages(sale: ListedSale) -> str:
    """Write the stages whose movement Cin7's webhooks tell of; what a draft becomes is not among them."""
    void = "VOIDED" if sale.voided else ""
    return "|".join((void, sale.picking, sale.packing, sale.shipping, sale.invoicing, sale.credit_note, sale.tracking))


def store(connection: sqlite3.Connection, sales: Collection[ListedSale], *, reading: int, now: Instant) -> list[str]:
    """Store a page; return the ids of the sales that moved (or are new). `reading` is the number of the reading."""
    moved = [sale.id for sale in sales if _moved(connection, sale)]
    connection.executemany(
        "INSERT INTO listed_sales (sale_id, number, external_id, reference, status, stages, updated_at, seen_at,"
        " moved_at, pass) VALUES (:id, :number, :external, :reference, :status, :stages, :updated, :now, :now, :pass)"
        " ON CONFLICT (sale_id) DO UPDATE SET number = excluded.number, external_id = excluded.external_id,"
        " reference = excluded.reference, status = excluded.status, updated_at = excluded.updated_at,"
        " moved_at = CASE WHEN stages = excluded.stages THEN moved_at ELSE excluded.moved_at END,"
        " stages = excluded.stages, seen_at = excluded.seen_at, pass = max(pass, excluded.pass)",
        [
            {
                "id": sale.id,
                "number": sale.number or "",
                "external": sale.external_id or "",
                "reference": _kept(connection, sale.customer_reference or ""),
                "status": sale.status,
                "stages": stages(sale),
                "updated": sale.updated,
                "now": now,
                "pass": reading,
            }
            for sale in sales
        ],
    )
    return moved


def _moved(connection: sqlite3.Connection, sale: ListedSale) -> bool:
    row = connection.execute("SELECT stages FROM listed_sales WHERE sale_id = ?", (sale.id,)).fetchone()
    return row is None or row[0] != stages(sale)


def _kept(connection: sqlite3.Connection, reference: str) -> str:
    """Keep a reference that looks like an order's, or is one; anything else may be a person's name."""
    if _REFERENCE.fullmatch(reference):
        return reference
    known = connection.execute("SELECT 1 FROM orders WHERE number = ? OR id = ?", (reference, reference)).fetchone()
    return reference if known is not None else ""


def touch(connection: sqlite3.Connection, sale_id: str, *, now: Instant) -> None:
    """Remember that a sale moved, where the list of sales does not say so itself."""
    connection.execute("UPDATE listed_sales SET moved_at = ? WHERE sale_id = ?", (now, sale_id))


def count(connection: sqlite3.Connection) -> int:
    """Count the sales listed."""
    return int(connection.execute("SELECT count(*) FROM listed_sales").fetchone()[0])


def count_read(connection: sqlite3.Connection, reading: int) -> int:
    """Count the sales a reading has seen."""
    return int(connection.execute("SELECT count(*) FROM listed_sales WHERE pass >= ?", (reading,)).fetchone()[0])


def drop_unseen(connection: sqlite3.Connection, reading: int) -> int:
    """Forget the sales that a whole reading of the list did not show; return how many."""
    return connection.execute("DELETE FROM listed_sales WHERE pass < ?", (reading,)).rowcount


def count_ours(connection: sqlite3.Connection) -> int:
    """Count the listed sales that stand and carry a reference of ours."""
    row = connection.execute(
        f"SELECT count(*) FROM listed_sales WHERE {_LIVE} AND (external_id >= :low AND external_id < :high"
        " OR sale_id IN (SELECT sale_id FROM sales))",
        _PREFIX,
    ).fetchone()
    return int(row[0])


_PREFIX = {"low": PREFIX, "high": f"{PREFIX[:-1]}{chr(ord(PREFIX[-1]) + 1)}"}
"""The span of external ids that begin as ours do."""


def carrying(connection: sqlite3.Connection, order_id: str, references: Sequence[str]) -> list[ListedRow]:
    """Return the listed sales that carry an external id of the order's or one of its references, or are its own."""
    marks = ", ".join("?" for _ in references)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM listed_sales WHERE external_id = ? OR (external_id > ? AND external_id < ?)"
        f" OR (reference <> '' AND reference IN ({marks}))"
        " OR sale_id IN (SELECT sale_id FROM sales WHERE order_id = ?) ORDER BY number, sale_id",
        (f"{PREFIX}{order_id}", f"{PREFIX}{order_id}:", f"{PREFIX}{order_id};", *references, order_id),
    )
    return [_row(row) for row in rows]


def orders_in_question(connection: sqlite3.Connection, *, since: Instant) -> list[str]:
    """Return the ids of the orders about which the list of sales says something else than we know.

    Its sale is not listed, or is void there; or a sale that stands carries a reference of the order and is not the one
    known to stand for it.
    """
    rows = connection.execute(
        "SELECT order_id FROM sales LEFT JOIN listed_sales USING (sale_id) WHERE voided_at IS NULL"
        f" AND (status IS NULL OR NOT ({_LIVE}))"
        " UNION SELECT orders.id FROM listed_sales JOIN orders ON orders.number = listed_sales.reference"
        f" WHERE listed_sales.reference <> '' AND {_LIVE} AND {_STRANGE}"
        " UNION SELECT orders.id FROM listed_sales JOIN orders ON orders.id = listed_sales.reference"
        f" WHERE listed_sales.reference <> '' AND {_LIVE} AND {_STRANGE}",
        (),
    ).fetchall()
    ours = connection.execute(
        f"SELECT external_id FROM listed_sales WHERE external_id >= :low AND external_id < :high AND {_LIVE}"
        f" AND {_STRANGE}",
        _PREFIX,
    )
    named = {order_of(row[0]) for row in ours}
    wanted = {row[0] for row in rows} | named
    created = "SELECT 1 FROM orders WHERE id = ? AND created_at >= ?"
    return sorted(one for one in wanted if connection.execute(created, (one, since)).fetchone() is not None)


_STRANGE = "NOT EXISTS (SELECT 1 FROM sales WHERE sales.sale_id = listed_sales.sale_id AND sales.voided_at IS NULL)"
"""A sale that is not the one known to stand for its order."""


def order_of(external_id: str) -> str:
    """Return the order id an external id of ours names."""
    return external_id.removeprefix(PREFIX).split(":", 1)[0]


def orphans(connection: sqlite3.Connection, *, before: Instant) -> list[ListedRow]:
    """Return the sales that stand, carry an external id of ours and name no order we know, and have not moved since."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM listed_sales WHERE external_id >= :low AND external_id < :high AND {_LIVE}"
        " AND moved_at < :before ORDER BY number, sale_id",
        {**_PREFIX, "before": before},
    ).fetchall()
    known = "SELECT 1 FROM orders WHERE id = ?"
    return [_row(row) for row in rows if connection.execute(known, (order_of(row[2]),)).fetchone() is None]


def _row(row: Sequence[object]) -> ListedRow:
    return ListedRow(
        sale_id=str(row[0]),
        number=str(row[1]),
        external_id=str(row[2]),
        reference=str(row[3]),
        voided=bool(row[4]),
    )
