"""What is known of how an order was fulfilled, what its storefront was told, and its refunds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from actors.domain.fulfilment import Stages
from actors.domain.time import Instant
from storage import listed_sales


class FulfilmentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The row of an order. Defaults are those of an order nothing is known of.

    `seen` are the stages of its sale as of the last look, as text; `told_at` is when a webhook said that something of
    it moved that was not looked at since. `published` is the shipment state tallyd set last, `told` whether a customer
    may have been told of a delivery. `cin7` and `storefront` are what each side showed, in words for people.
    """

    seen: str = ""
    told_at: Instant | None = None
    read_at: Instant | None = None
    published: str = ""
    told: bool = False
    looked_at: Instant | None = None
    cin7: dict[str, str] = {}
    storefront: dict[str, str] = {}


class RefundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of an order: `amount` in minor units; `credit_note` is the number of the note that names it."""

    transaction_id: str
    payment_id: str
    interaction_id: str
    amount: int
    currency: str
    state: str
    credit_note: str | None


_COLUMNS = "seen, told_at, read_at, published, told, looked_at, cin7, storefront"


def get(connection: sqlite3.Connection, order_id: str) -> FulfilmentRecord:
    """Return what is known of an order's fulfilment."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM fulfilments WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        return FulfilmentRecord()
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    values |= {name: msgspec.json.decode(values[name]) for name in ("cin7", "storefront")}
    return msgspec.convert(values, FulfilmentRecord, strict=False)


def put(connection: sqlite3.Connection, order_id: str, record: FulfilmentRecord) -> None:
    """Keep what a look found. What a webhook told meanwhile stays told."""
    connection.execute(
        "INSERT INTO fulfilments (order_id, seen, told_at, read_at, published, told, looked_at, cin7, storefront)"
        " VALUES (:order, :seen, :told_at, :read_at, :published, :told, :looked_at, :cin7, :storefront)"
        " ON CONFLICT (order_id) DO UPDATE SET seen = excluded.seen, read_at = excluded.read_at,"
        " told_at = CASE WHEN told_at > coalesce(excluded.looked_at, 0) THEN told_at ELSE excluded.told_at END,"
        " published = excluded.published, told = excluded.told, looked_at = excluded.looked_at,"
        " cin7 = excluded.cin7, storefront = excluded.storefront",
        {
            "order": order_id,
            "seen": record.seen,
            "told_at": record.told_at,
            "read_at": record.read_at,
            "published": record.published,
            "told": int(record.told),
            "looked_at": record.looked_at,
            "cin7": msgspec.json.encode(record.cin7, order="sorted").decode(),
            "storefront": msgspec.json.encode(record.storefront, order="sorted").decode(),
        },
    )


def tell(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """A webhook said that something of the order's sale moved: the sale is to be read."""
    connection.execute(
        "INSERT INTO fulfilments (order_id, told_at) VALUES (?1, ?2)"
        " ON CONFLICT (order_id) DO UPDATE SET told_at = excluded.told_at",
        (order_id, now),
    )


def order_of_sale(connection: sqlite3.Connection, sale_id: str, number: str) -> str | None:
    """Return the order a live sale of ours stands for, named by its id or (where that is "") its number."""
    condition, value = ("sale_id = ?", sale_id.lower()) if sale_id else ("number = ?", number)
    row = connection.execute(
        f"SELECT order_id FROM sales WHERE {condition} ORDER BY voided_at IS NULL DESC, made_at DESC LIMIT 1", (value,)
    ).fetchone()
    return None if row is None else str(row[0])


def seen_text(stages: Stages, notes: Mapping[str, str]) -> str:
    """Write stages and credit notes (how each stands, by number) as they are compared.

    Packing and invoicing move nothing on the storefront.
    """
    relevant = msgspec.structs.replace(stages, packing="", invoicing="")
    return msgspec.json.encode({"stages": relevant, "notes": notes}, order="sorted").decode()


def moved(connection: sqlite3.Connection, sale_ids: Iterable[str]) -> list[str]:
    """Return the orders of those of these sales that stand otherwise than at the last look; a void one counts."""
    found = []
    for sale_id in sale_ids:
        row = connection.execute("SELECT order_id FROM sales WHERE sale_id = ?", (sale_id,)).fetchone()
        if row is not None and is_behind(connection, row[0], sale_id):
            found.append(str(row[0]))
    return found


def is_behind(connection: sqlite3.Connection, order_id: str, sale_id: str) -> bool:
    """Say whether the list shows of a sale what was not looked at yet."""
    listed = listed_sales.stands(connection, sale_id)
    if listed is None:
        return False
    record = get(connection, order_id)
    if seen_text(listed.stages, listed.notes) != (record.seen or seen_text(Stages(), {})):
        return True
    return listed.stages.is_partial and (listed.updated_at or 0) + CLOCK_SLACK > (record.read_at or 0)


CLOCK_SLACK = 60_000
"""Milliseconds Cin7's clock may be behind ours: what it changed so shortly before a reading is read once more."""


def behind(connection: sqlite3.Connection, *, after: str, limit: int) -> tuple[list[str], str]:
    """Look through so many orders with a live sale, by id: return those that are behind, and where to go on ("": end).

    A sweep nudges what moved; this finds whatever a lost nudge, a pause or a kill left behind.
    """
    rows = connection.execute(
        "SELECT order_id, sale_id FROM sales WHERE order_id > ? AND voided_at IS NULL ORDER BY order_id LIMIT ?",
        (after, limit),
    ).fetchall()
    found = [row[0] for row in rows if is_behind(connection, row[0], row[1])]
    return found, (rows[-1][0] if len(rows) == limit else "")


# -- refunds ----------------------------------------------------------------------------------------------------------


def put_refund(connection: sqlite3.Connection, order_id: str, refund: RefundRecord, *, now: Instant) -> None:
    """Keep a refund as it stands, and the credit note that names it."""
    connection.execute(
        "INSERT INTO refunds (transaction_id, order_id, payment_id, interaction_id, amount, currency, state,"
        " credit_note, seen_at) VALUES (:transaction_id, :order_id, :payment_id, :interaction_id, :amount, :currency,"
        " :state, :credit_note, :now) ON CONFLICT (transaction_id) DO UPDATE SET state = excluded.state,"
        " interaction_id = excluded.interaction_id, credit_note = excluded.credit_note",
        msgspec.structs.asdict(refund) | {"order_id": order_id, "now": now},
    )


def refunds_of(connection: sqlite3.Connection, order_id: str) -> Sequence[RefundRecord]:
    """Return the refunds of an order, in the order they were seen."""
    rows = connection.execute(
        "SELECT transaction_id, payment_id, interaction_id, amount, currency, state, credit_note FROM refunds"
        " WHERE order_id = ? ORDER BY seen_at, transaction_id",
        (order_id,),
    )
    names = RefundRecord.__struct_fields__
    return [RefundRecord(**dict(zip(names, row, strict=True))) for row in rows]
