"""The sales of Cin7 Core as its own list shows them: what the census holds the orders against.

Only sales made since `since` are here. What people wrote as a reference is kept only where it may name an order.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from actors.domain.fulfilment import Stages, is_undone, word
from actors.domain.references import PREFIX
from actors.domain.sale import ListedCreditNote, ListedSale
from actors.domain.time import Instant

_REFERENCE = re.compile(r"(?=.*\d)[A-Za-z0-9._:#/-]{1,100}")


class ListedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as it was last listed."""

    sale_id: str
    number: str
    external_id: str
    reference: str
    voided: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sale is by the list: its stages, and how its credit notes stand by number."""

    stages: Stages
    notes: dict[str, str]
    updated_at: Instant | None
    seen_at: Instant


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """How many sales are known, how many a reading has seen, and how many it missed that the one before had not."""

    count: int
    seen: int
    missed: int


class ListedMoney(msgspec.Struct, frozen=True, kw_only=True):
    """What the list says was invoiced (less credits) and paid (less refunds) of a sale; "" where it does not say."""

    invoiced: str
    paid: str
    payment: str
    updated_at: Instant | None
    seen_at: Instant

    def agrees(self, invoiced: Decimal, paid: Decimal) -> bool:
        """Say whether these are the amounts listed; an amount the list does not say contradicts nothing."""
        return _same(self.invoiced, invoiced) and _same(self.paid, paid)


_COLUMNS = "sale_id, number, external_id, reference, status LIKE 'VOID%'"
_LIVE = "status NOT LIKE 'VOID%'"


def stages(sale: ListedSale) -> str:
    """Write the stages whose movement Cin7's webhooks tell of; what a draft becomes is not among them."""
    parts = (sale.picking, sale.packing, sale.shipping, sale.invoicing, sale.credit_note)
    told = ("" if not word(part) else part for part in parts)
    return "|".join(("VOIDED" if sale.voided else "", *told, sale.tracking)).replace("\n", " ")


def store(
    connection: sqlite3.Connection,
    sales: Collection[ListedSale],
    *,
    reading: int,
    now: Instant,
    since: Instant | None = None,
) -> None:
    """Store a page. `reading` numbers the reading it belongs to, later ones higher.

    `since` is from when on the reading shows movements; None: it shows all there is. A sale that is new, or of which a
    stage moved, moved now, after that instant or after it was last seen. A new one in a reading of all there is moved
    when Cin7 says it was updated, or long ago where Cin7 does not say.
    """
    connection.executemany(
        "INSERT INTO listed_sales (sale_id, number, external_id, reference, status, order_status, stages, updated_at,"
        " payment, invoiced, paid, seen_at, moved_at, moved_after, pass) VALUES (:id, :number, :external, :reference,"
        " :status, :order_status, :stages, :updated, :payment, :invoiced, :paid, :now, :moved, min(:since, :moved),"
        " :pass)"
        " ON CONFLICT (sale_id) DO UPDATE SET number = excluded.number, external_id = excluded.external_id,"
        " reference = excluded.reference, status = excluded.status, order_status = excluded.order_status,"
        " updated_at = excluded.updated_at, payment = excluded.payment, invoiced = excluded.invoiced,"
        " paid = excluded.paid,"
        " moved_at = CASE WHEN stages = excluded.stages THEN moved_at ELSE :now END,"
        " moved_after = CASE WHEN stages = excluded.stages THEN moved_after ELSE max(seen_at, :since) END,"
        " stages = excluded.stages, seen_at = excluded.seen_at, pass = max(pass, excluded.pass)",
        [
            {
                "id": sale.id,
                "number": sale.number or "",
                "external": _ours(sale.external_id or ""),
                "reference": _kept(connection, sale.customer_reference or ""),
                "status": sale.status,
                "order_status": sale.order_status,
                "stages": _joined(stages(sale), _notes(connection, sale.id)),
                "updated": sale.updated,
                "payment": sale.payment,
                "invoiced": _figure(sale.invoiced),
                "paid": _figure(sale.paid),
                "now": now,
                "moved": now if since is not None else min(now, sale.updated or 0),
                "since": since or 0,
                "pass": reading,
            }
            for sale in sales
        ],
    )


def money(connection: sqlite3.Connection, sale_id: str) -> ListedMoney | None:
    """Return what the list says of a sale's money; None where it is not listed."""
    row = connection.execute(
        "SELECT invoiced, paid, payment, updated_at, seen_at FROM listed_sales WHERE sale_id = ?", (sale_id,)
    ).fetchone()
    if row is None:
        return None
    return ListedMoney(invoiced=row[0], paid=row[1], payment=row[2], updated_at=row[3], seen_at=row[4])


def _figure(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _same(listed: str, known: Decimal) -> bool:
    return not listed or Decimal(listed) == known


def _ours(external_id: str) -> str:
    """Keep an external id of ours; what other programs write there is none of our business."""
    return external_id if external_id.startswith(PREFIX) else ""


def _kept(connection: sqlite3.Connection, reference: str) -> str:
    """Keep a reference that looks like an order's, or is one; anything else may be a person's name."""
    if _REFERENCE.fullmatch(reference):
        return reference
    known = connection.execute("SELECT 1 FROM orders WHERE number = ?1 OR id = ?1", (reference,)).fetchone()
    return reference if known is not None else ""


def note_credit(connection: sqlite3.Connection, note: ListedCreditNote, *, now: Instant) -> bool:
    """Keep how a credit note stands. False: it was known, or there is no sale of ours to see.

    Its sale moved if the note was authorised or voided: of a draft, and of what is restocked, no webhook tells.
    """
    row = connection.execute("SELECT stages FROM listed_sales WHERE sale_id = ?", (note.sale_id,)).fetchone()
    if row is None:
        return False
    own, known = _parted(row[0])
    name, stands = note.number or "", f"{note.status} {note.restock_status}".strip()
    if known.get(name) == stands:
        return False
    told = bool(word(note.status)) and not known.get(name, "").startswith(note.status)
    connection.execute(
        "UPDATE listed_sales SET stages = :stages,"
        " moved_after = CASE WHEN :told THEN min(moved_at, seen_at) ELSE moved_after END,"
        " moved_at = CASE WHEN :told THEN :now ELSE moved_at END WHERE sale_id = :id",
        {"stages": _joined(own, known | {name: stands}), "told": told, "now": now, "id": note.sale_id},
    )
    return True


def stands(connection: sqlite3.Connection, sale_id: str) -> Standing | None:
    """Return how far a sale is by the list; None where it is not listed."""
    row = connection.execute(
        "SELECT stages, updated_at, seen_at, order_status FROM listed_sales WHERE sale_id = ?", (sale_id,)
    ).fetchone()
    if row is None:
        return None
    own, notes = _parted(row[0])
    voided, picking, packing, shipping, invoicing, _, tracking = (own.split("|", 6) + [""] * 7)[:7]
    stages = Stages(
        voided=bool(voided),
        undone=not voided and is_undone(row[3]),
        picking=word(picking),
        packing=word(packing),
        shipping=word(shipping),
        invoicing=word(invoicing),
        tracking=tracking,
    )
    return Standing(stages=stages, notes=notes, updated_at=row[1], seen_at=row[2])


def _notes(connection: sqlite3.Connection, sale_id: str) -> dict[str, str]:
    """Return what is known of a sale's credit notes, by their numbers: the list of sales does not show each."""
    row = connection.execute("SELECT stages FROM listed_sales WHERE sale_id = ?", (sale_id,)).fetchone()
    return {} if row is None else _parted(row[0])[1]


def _joined(own: str, notes: dict[str, str]) -> str:
    return f"{own}\n{msgspec.json.encode(notes, order='sorted').decode()}" if notes else own


def _parted(text: str) -> tuple[str, dict[str, str]]:
    own, _, notes = text.partition("\n")
    return own, msgspec.json.decode(notes, type=dict[str, str]) if notes else {}


def count(connection: sqlite3.Connection) -> int:
    """Count the sales listed."""
    return int(connection.execute("SELECT count(*) FROM listed_sales").fetchone()[0])


def count_read(connection: sqlite3.Connection, reading: int) -> int:
    """Count the sales that this reading, and no later one, has seen."""
    return int(connection.execute("SELECT count(*) FROM listed_sales WHERE pass = ?", (reading,)).fetchone()[0])


def survey(connection: sqlite3.Connection, began: Instant, *, doubted: Instant) -> Survey:
    """Count the sales by when a reading saw them last: since one began, or only since an earlier one, in doubt."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE seen_at >= :began),"
        " count(*) FILTER (WHERE seen_at < :began AND seen_at >= :doubted) FROM listed_sales",
        {"began": began, "doubted": doubted},
    ).fetchone()
    return Survey(count=row[0], seen=row[1], missed=row[2])


def drop_unseen(connection: sqlite3.Connection, since: Instant, *, most: int) -> int:
    """Forget sales that no reading has seen since the reading of the whole list began, at most so many.

    Return how many: fewer than `most` were the last ones.
    """
    return connection.execute(
        "DELETE FROM listed_sales WHERE sale_id IN (SELECT sale_id FROM listed_sales WHERE seen_at < ? LIMIT ?)",
        (since, most),
    ).rowcount


# -- what the list says about our orders, so many sales at a time ----------------------------------------------------

FIRST, LAST = "", chr(0x10FFFF)
"""Before the id of any sale, and after it."""

_OURS = f"external_id >= '{PREFIX}' AND external_id < '{PREFIX[:-1]}{chr(ord(PREFIX[-1]) + 1)}'"
"""An external id that begins as ours do."""

_NAMED = (
    f"CASE instr(substr(external_id, {len(PREFIX) + 1}), ':') WHEN 0 THEN substr(external_id, {len(PREFIX) + 1})"
    f" ELSE substr(external_id, {len(PREFIX) + 1}, instr(substr(external_id, {len(PREFIX) + 1}), ':') - 1) END"
)
"""The order id that an external id of ours names, as `order_of` reads it."""

_SOME = "sale_id > :after AND sale_id <= :until"


def end_of_some(connection: sqlite3.Connection, after: str, most: int) -> str:
    """Return the id up to which there are at most so many sales, listed and recorded ones (`LAST`: no more are left).

    Recorded ones count too: a list that shows none of them must not have all of them looked at together.
    """
    ends = [
        connection.execute(
            f"SELECT sale_id FROM {table} WHERE sale_id > ? ORDER BY sale_id LIMIT 1 OFFSET ?", (after, most - 1)
        ).fetchone()
        for table in ("listed_sales", "sales")
    ]
    return min((str(row[0]) for row in ends if row is not None), default=LAST)


def count_ours(connection: sqlite3.Connection, *, before: Instant, after: str = FIRST, until: str = LAST) -> int:
    """Count the listed sales that stand and are ours, without those of orders created from an instant on."""
    row = connection.execute(
        f"SELECT count(*) FROM listed_sales WHERE {_SOME} AND {_LIVE}"
        f" AND ({_OURS} OR EXISTS (SELECT 1 FROM sales WHERE sales.sale_id = listed_sales.sale_id))"
        " AND NOT EXISTS (SELECT 1 FROM sales CROSS JOIN orders ON orders.id = order_id"
        " WHERE sales.sale_id = listed_sales.sale_id AND created_at >= :before)",
        {"before": before, "after": after, "until": until},
    ).fetchone()
    return int(row[0])


def carrying(connection: sqlite3.Connection, order_id: str, references: Sequence[str]) -> list[ListedRow]:
    """Return the listed sales that carry an external id of the order's or one of its references, or are its own."""
    marks = ", ".join("?" for _ in references)
    rows = connection.execute(
        " UNION ".join(
            f"SELECT {_COLUMNS} FROM listed_sales WHERE {condition}"
            for condition in (
                "external_id <> '' AND external_id = ?",
                "external_id <> '' AND external_id > ? AND external_id < ?",
                f"reference <> '' AND reference IN ({marks})",
                "sale_id IN (SELECT sale_id FROM sales WHERE order_id = ?)",
            )
        )
        + " ORDER BY number, sale_id",
        (f"{PREFIX}{order_id}", f"{PREFIX}{order_id}:", f"{PREFIX}{order_id};", *references, order_id),
    )
    return [_row(row) for row in rows]


def orders_in_question(
    connection: sqlite3.Connection, *, since: Instant, by_number: bool, after: str = FIRST, until: str = LAST
) -> list[str]:
    """Return the ids of the orders about which some of the list of sales says something else than we know.

    Its sale is not listed, or is void there; or a sale that stands carries a reference of the order (its id, and its
    number where `by_number`) and is not the one known to stand for it.
    """
    # The plus keeps the planner off the indexes of references: the sales are gone through by their ids.
    names = [f"orders.id = {_NAMED} AND +external_id <> ''", "orders.id = reference AND +reference <> ''"]
    if by_number:
        names.append("orders.number = reference AND +reference <> ''")
    strange = (
        f"SELECT orders.id FROM listed_sales CROSS JOIN orders ON {{}} WHERE {_SOME} AND {_LIVE}"
        " AND created_at >= :since AND NOT EXISTS (SELECT 1 FROM sales WHERE sales.sale_id = listed_sales.sale_id"
        " AND sales.voided_at IS NULL AND sales.order_id = orders.id)"
    )
    missing = (
        "SELECT orders.id FROM sales LEFT JOIN listed_sales USING (sale_id) CROSS JOIN orders ON orders.id = order_id"
        f" WHERE {_SOME} AND voided_at IS NULL AND (listed_sales.status IS NULL OR NOT listed_sales.{_LIVE})"
        " AND created_at >= :since"
    )
    rows = connection.execute(
        " UNION ".join((missing, *(strange.format(name) for name in names))) + " ORDER BY 1",
        {"since": since, "after": after, "until": until},
    )
    return [row[0] for row in rows]


def order_of(external_id: str) -> str:
    """Return the order id an external id of ours names."""
    return external_id.removeprefix(PREFIX).split(":", 1)[0]


def orphans(
    connection: sqlite3.Connection, *, before: Instant, after: str = FIRST, until: str = LAST
) -> list[ListedRow]:
    """Return the sales that stand, carry an external id of ours and name no order we know, and have not moved since."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM listed_sales WHERE {_SOME} AND {_OURS} AND {_LIVE} AND moved_at < :before"
        f" AND NOT EXISTS (SELECT 1 FROM orders WHERE id = {_NAMED}) ORDER BY sale_id",
        {"before": before, "after": after, "until": until},
    )
    return [_row(row) for row in rows]


def get(connection: sqlite3.Connection, sale_id: str) -> ListedRow | None:
    """Return one listed sale."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM listed_sales WHERE sale_id = ?", (sale_id,)).fetchone()
    return None if row is None else _row(row)


def _row(row: Sequence[object]) -> ListedRow:
    return ListedRow(
        sale_id=str(row[0]),
        number=str(row[1]),
        external_id=str(row[2]),
        reference=str(row[3]),
        voided=bool(row[4]),
    )
