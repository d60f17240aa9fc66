"""What is known of how an order was fulfilled, what its storefront was told, and its refunds."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

import msgspec

from actors.domain.fulfilment import Stages
from actors.domain.order_state import OrderState
from actors.domain.returning import Refund
from actors.domain.time import Instant
from actors.messages import Flow, Nudge, Urgency
from storage import exceptions, listed_sales, outbox
from storage.exceptions import Record

CLOCK_SLACK = 60_000
"""Milliseconds Cin7's clock may be behind ours: what it changed so shortly before a reading is read once more."""

FORWARD = frozenset({"Ready", "Partial", "Shipped"})
"""Shipment states that say something of a sale that stands."""

_CONCERNED = frozenset({OrderState.HELD.value, OrderState.CANCELLING.value})
"""States of an order that may wait for what the warehouse does."""


class FulfilmentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The row of an order. Defaults are those of an order nothing is known of.

    `seen` are the stages of its sale as of the last look, as text; `alias` is how the list writes the same.
    `told_at` is when a webhook, or the order itself, said that something moved that was not looked at since.
    `published` is the shipment state tallyd set last, `intended` one that a write without an answer may have set,
    `shown` the most units by SKU that the storefront ever showed as sent; `unpaid`: it would be complete, were it
    paid. `aftersales` names returns and refunds as last looked at. `cin7` and `storefront` are what each side
    showed, for people.
    """

    seen: str = ""
    alias: str = ""
    told_at: Instant | None = None
    read_at: Instant | None = None
    published: str = ""
    intended: str = ""
    shown: dict[str, int] = {}
    aftersales: str = ""
    unpaid: bool = False
    looked_at: Instant | None = None
    cin7: dict[str, str] = {}
    storefront: dict[str, str] = {}


_COLUMNS = FulfilmentRecord.__struct_fields__
_JSON = ("shown", "cin7", "storefront")


def get(connection: sqlite3.Connection, order_id: str) -> FulfilmentRecord:
    """Return what is known of an order's fulfilment."""
    row = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM fulfilments WHERE order_id = ?", (order_id,)
    ).fetchone()
    if row is None:
        return FulfilmentRecord()
    values = dict(zip(_COLUMNS, row, strict=True))
    values |= {name: msgspec.json.decode(values[name]) for name in _JSON}
    return msgspec.convert(values, FulfilmentRecord, strict=False)


def put(connection: sqlite3.Connection, order_id: str, record: FulfilmentRecord, *, looked_from: Instant) -> None:
    """Keep what a look found. What was told after the look began stays told."""
    values = msgspec.structs.asdict(record)
    values |= {name: msgspec.json.encode(values[name], order="sorted").decode() for name in _JSON}
    names = [name for name in _COLUMNS if name != "told_at"]
    connection.execute(
        f"INSERT INTO fulfilments (order_id, {', '.join(names)})"
        f" VALUES (:order_id, {', '.join(f':{name}' for name in names)})"
        f" ON CONFLICT (order_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)},"
        " told_at = CASE WHEN told_at > :looked_from THEN told_at END",
        values | {"order_id": order_id, "looked_from": looked_from},
    )


def claim(connection: sqlite3.Connection, order_id: str, state: str) -> None:
    """A shipment state is about to be set by us ("": none): should the order show it from now on, it is ours."""
    connection.execute(
        "INSERT INTO fulfilments (order_id, intended) VALUES (?1, ?2)"
        " ON CONFLICT (order_id) DO UPDATE SET intended = excluded.intended",
        (order_id, state),
    )


def tell(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Something of the order's sale moved, or of the order after its sale: the next look has to read the sale."""
    connection.execute(
        "INSERT INTO fulfilments (order_id, told_at) VALUES (?1, ?2)"
        " ON CONFLICT (order_id) DO UPDATE SET told_at = excluded.told_at",
        (order_id, now),
    )


def tell_aftersales(connection: sqlite3.Connection, order_id: str, aftersales: str, *, now: Instant) -> None:
    """Tell of returns and refunds of an order, unless they are those that were looked at already.

    One that waits for nothing but its payment is looked at too: no sale has to be read for that.
    """
    record = get(connection, order_id)
    if record.aftersales != aftersales:
        _ask(connection, order_id, now)
    elif record.unpaid:
        outbox.accept(connection, nudge(order_id, now), now=now)


def tell_void(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Tell that the sale of an order is void: what it shows of it, picked or sent, no longer stands."""
    if get(connection, order_id).published in FORWARD:
        _ask(connection, order_id, now)


def tell_edited(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Tell that an order holds something else than before: what it shows as sent may be all of it, or no longer."""
    if get(connection, order_id).shown:
        _ask(connection, order_id, now)


def _ask(connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
    tell(connection, order_id, now=now)
    outbox.accept(connection, nudge(order_id, now), now=now)


def nudge(order_id: str, due_at: Instant, urgency: Urgency = Urgency.UNDERWAY) -> Nudge:
    """Look at how an order was fulfilled: it moved just now, or (`FRESH`) was left behind and can wait for those."""
    return Nudge(flow=Flow.FULFILMENT, subject=order_id, due_at=due_at, urgency=urgency)


def is_all_sent(connection: sqlite3.Connection, order_id: str) -> bool:
    """Say whether all of an order's sale stood as shipped at the last look."""
    return _seen(connection, order_id, "shipping") == "SHIPPED"


def is_all_picked(connection: sqlite3.Connection, order_id: str) -> bool:
    """Say whether all of an order's sale stood as picked at the last look."""
    return _seen(connection, order_id, "picking") == "PICKED"


def _seen(connection: sqlite3.Connection, order_id: str, stage: str) -> str:
    seen = get(connection, order_id).seen
    return str(msgspec.json.decode(seen)["stages"][stage]) if seen else ""


def order_of_sale(connection: sqlite3.Connection, sale_id: str, number: str) -> str | None:
    """Return the order that a sale of ours stands for, named by its id or its number; a live one is preferred."""
    row = connection.execute(
        "SELECT order_id FROM sales WHERE sale_id = ? OR number = ?"
        " ORDER BY voided_at IS NULL DESC, made_at DESC LIMIT 1",
        (sale_id.lower(), number),
    ).fetchone()
    return None if row is None else str(row[0])


# -- what moved -------------------------------------------------------------------------------------------------------


def seen_text(stages: Stages, notes: Mapping[str, str]) -> str:
    """Write stages and credit notes (how each stands, by number) as they are compared; "" where nothing happened.

    Packing and invoicing move nothing on the storefront.
    """
    relevant = msgspec.structs.replace(stages, packing="", invoicing="")
    if relevant == Stages() and not notes:
        return ""
    return msgspec.json.encode({"stages": relevant, "notes": notes}, order="sorted").decode()


def standing(connection: sqlite3.Connection, order_id: str, sale_id: str) -> listed_sales.Standing | None:
    """Return how the list shows a sale; None where it does not, or was last read before the sale was authorised."""
    listed = listed_sales.stands(connection, sale_id)
    if listed is None:
        return None
    row = connection.execute("SELECT counted_at FROM orders WHERE id = ?", (order_id,)).fetchone()
    counted_at = row[0] if row is not None else None
    return None if counted_at is not None and listed.seen_at <= counted_at else listed


def is_behind(connection: sqlite3.Connection, order_id: str, sale_id: str) -> bool:
    """Say whether the list shows of a sale what was not looked at yet."""
    return behind_from(connection, order_id, sale_id) is not None


def behind_from(connection: sqlite3.Connection, order_id: str, sale_id: str) -> Instant | None:
    """Return from when on there is something to look at: 0 where the list shows what was not; None: there is nothing.

    A part shipped that was read since it moved is read once more, when Cin7's clock can be behind no longer.
    """
    listed = standing(connection, order_id, sale_id)
    if listed is None:
        return None
    record = get(connection, order_id)
    text = seen_text(listed.stages, listed.notes)
    if text != record.seen and (not record.alias or text != record.alias):
        return 0
    moved_at, read_at = listed.updated_at or 0, record.read_at or 0
    if not listed.stages.is_partial or moved_at + CLOCK_SLACK <= read_at:
        return None
    return 0 if moved_at > read_at else moved_at + CLOCK_SLACK


def stir(
    connection: sqlite3.Connection,
    sale_ids: Iterable[str],
    *,
    now: Instant,
    urgency: Urgency = Urgency.UNDERWAY,
    told: bool = False,
) -> None:
    """Nudge whoever is concerned by these sales, of ours and live, where the list shows something new of them.

    With `told`, also where something was told of them that was not looked at since.
    """
    for sale_id in sale_ids:
        row = connection.execute(
            "SELECT order_id, state FROM sales JOIN orders ON orders.id = order_id"
            " WHERE sale_id = ? AND voided_at IS NULL AND cin7_total IS NOT NULL",
            (sale_id,),
        ).fetchone()
        if row is None:
            continue
        order_id, named = row[0], Record(kind="order", id=row[0])
        since = behind_from(connection, order_id, sale_id)
        moved = since is not None
        if told and _is_told(connection, order_id):
            since = now
        if since is not None:
            outbox.accept(connection, nudge(order_id, max(since, now), urgency), now=now)
        waits = row[1] in _CONCERNED or exceptions.is_open(connection, named, "edit_not_applied")
        listed = standing(connection, order_id, sale_id)
        if (moved and waits) or (listed is not None and is_free(connection, order_id, listed.stages)):
            concerned = Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now, urgency=Urgency.UNDERWAY)
            outbox.accept(connection, concerned, now=now)


def is_free(connection: sqlite3.Connection, order_id: str, stages: Stages) -> bool:
    """Say whether what kept a cancellation or an edit from the sale (its invoice, its pick) stands no more by these.

    It may have stood for so short a while that nobody saw it move. An edit that Cin7 refused waits for no pick.
    """
    over = {
        "cancelled_after_invoice": (stages.invoicing,),
        "edit_not_applied": (stages.picking, stages.shipping),
    }
    return any(
        all(one in ("", "VOIDED") for one in kept_by)
        and exceptions.is_open(connection, Record(kind="order", id=order_id), kind, group=kind)
        for kind, kept_by in over.items()
    )


def catch_up(
    connection: sqlite3.Connection, order_id: str, sale_id: str, *, now: Instant, unsent: Collection[str] = ()
) -> None:
    """An order is through: nudge a look at what the warehouse did before it was, or if nothing is left to be sent.

    `unsent` are SKUs of which nothing ever is.
    """
    told = get(connection, order_id).told_at is not None
    if told or is_behind(connection, order_id, sale_id) or needs_no_shipping(connection, order_id, unsent):
        outbox.accept(connection, nudge(order_id, now), now=now)


def needs_no_shipping(connection: sqlite3.Connection, order_id: str, unsent: Collection[str] = ()) -> bool:
    """Say whether Cin7 Core holds every item of an order as a service, or none of it is ever sent."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE service = 1 OR sku IN (SELECT value FROM json_each(?)))"
        " FROM order_lines LEFT JOIN facts ON kind = 'product' AND key = sku WHERE order_id = ?",
        (msgspec.json.encode(sorted(unsent)).decode(), order_id),
    ).fetchone()
    return bool(row[0] == row[1])


def behind(connection: sqlite3.Connection, *, after: str, limit: int) -> tuple[list[str], str]:
    """Look through so many live sales, by id: return those that are to be looked at, and where to go on ("": the end).

    A sweep nudges what moved; this finds whatever a kill, a pause or a switch in the settings left behind: what the
    list shows otherwise than it was looked at, and what was told and not looked at since.
    """
    rows = connection.execute(
        "SELECT sale_id, order_id FROM sales JOIN orders ON orders.id = order_id WHERE sale_id > ?"
        " AND voided_at IS NULL AND cin7_total IS NOT NULL ORDER BY sale_id LIMIT ?",
        (after, limit),
    ).fetchall()
    found = [
        sale_id
        for sale_id, order_id in rows
        if is_behind(connection, order_id, sale_id) or _is_told(connection, order_id)
    ]
    return found, (rows[-1][0] if len(rows) == limit else "")


def _is_told(connection: sqlite3.Connection, order_id: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM fulfilments WHERE order_id = ? AND told_at IS NOT NULL", (order_id,)
    ).fetchone()
    return row is not None


# -- refunds ----------------------------------------------------------------------------------------------------------


def put_refund(connection: sqlite3.Connection, order_id: str, refund: Refund, *, now: Instant) -> None:
    """Keep a refund as it stands, and the credit note that names it; of a payment of two orders, for the first one."""
    connection.execute(
        "INSERT INTO refunds (transaction_id, order_id, payment_id, interaction_id, amount, currency, state,"
        " credit_note, seen_at) VALUES (:transaction_id, :order_id, :payment_id, :interaction_id, :amount, :currency,"
        " :state, :credit_note, :now) ON CONFLICT (transaction_id) DO UPDATE SET state = excluded.state,"
        " interaction_id = excluded.interaction_id, credit_note = excluded.credit_note"
        " WHERE order_id = excluded.order_id",
        msgspec.structs.asdict(refund) | {"order_id": order_id, "now": now},
    )


def refunds_of(connection: sqlite3.Connection, order_id: str) -> list[Refund]:
    """Return the refunds of an order, in the order they were seen."""
    names = Refund.__struct_fields__
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM refunds WHERE order_id = ? ORDER BY seen_at, transaction_id", (order_id,)
    )
    return [Refund(**dict(zip(names, row, strict=True))) for row in rows]
