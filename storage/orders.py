"""Orders on disk: accepted once, in exactly one state, with their lines and the sale that stands for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

import msgspec

from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.patching import sold_as
from actors.domain.time import Instant
from storage import availability, books, demand, fulfilments, patches, stock, timeline

_COLUMNS = (
    "id, number, version, created_at, modified_at, accepted_at, source_state, state, state_since, reason, generation,"
    " doubt_until, looks, looked_at, unsure, resend, currency, digits, payable, inclusive, net, tax, total,"
    " cin7_net, cin7_tax, cin7_total, reconciled, exported_at, express, drafted, currency_rate, rate_day, rate_source,"
    " tolerated, shortages, breakdown"
)


_NAMES = (
    "id = :wanted OR number = :wanted",
    "id IN (SELECT order_id FROM sales WHERE sale_id = lower(:wanted) OR number = :wanted OR reference = :wanted)",
    "id IN (SELECT lower(:wanted) UNION ALL SELECT id FROM orders WHERE name = :wanted AND number IS NOT NULL"
    " UNION ALL SELECT order_id FROM sales WHERE number = :wanted COLLATE NOCASE"
    " UNION ALL SELECT order_id FROM sales WHERE reference = :wanted COLLATE NOCASE) ORDER BY accepted_at DESC, id",
)
"""What an order may be called, the exact names first. A sale's CustomerReference is the order's number or its id."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The row of an order. Amounts with a name of money are decimals as text, in the order's currency.

    `express`: its shipping method goes first. `drafted` is the digest of the document whose DRAFT Cin7 answered as
    predicted. `currency_rate` is base units for one unit of the currency, as sent; `rate_day` is a date as ISO 8601.
    `tolerated` are the minor units put on the cents row. `shortages` says what Cin7 backordered. `breakdown` holds the
    figures of both sides, by component.
    """

    id: str
    number: str | None
    version: int
    created_at: Instant
    modified_at: Instant
    accepted_at: Instant
    source_state: str
    state: OrderState
    state_since: Instant
    reason: str
    generation: int
    doubt_until: Instant | None
    looks: int
    looked_at: Instant | None
    unsure: bool
    resend: bool
    currency: str
    digits: int
    payable: int
    inclusive: bool | None
    net: str | None
    tax: str | None
    total: str | None
    cin7_net: str | None
    cin7_tax: str | None
    cin7_total: str | None
    reconciled: bool | None
    exported_at: Instant | None
    express: bool
    drafted: str | None
    currency_rate: str | None
    rate_day: str | None
    rate_source: str | None
    tolerated: int
    shortages: str
    breakdown: dict[str, str]


class SaleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sale that stands, or stood, for an order."""

    sale_id: str
    order_id: str
    generation: int
    reference: str
    number: str | None
    made_at: Instant
    voided_at: Instant | None


class Accepted(StrEnum):
    """What an accept found."""

    NEW = "new"
    CHANGED = "changed"
    KNOWN = "known"


def _record(row: Sequence[object]) -> OrderRecord:
    names = _COLUMNS.replace(" ", "").split(",")
    values = dict(zip(names, row, strict=True))
    values["breakdown"] = msgspec.json.decode(str(values["breakdown"]))
    return msgspec.convert(values, OrderRecord, strict=False)


def accept(connection: sqlite3.Connection, order: Order, *, now: Instant) -> Accepted:
    """Store an order as read, with its lines and what they claim; an older or equal version changes nothing.

    Lines are kept under the SKUs they are sold as, whoever read the order.
    """
    order = sold_as(order, patches.aliases(connection, order.id))
    known = connection.execute("SELECT version, source_state FROM orders WHERE id = ?", (order.id,)).fetchone()
    if known is None:
        connection.execute(
            "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
            " state_since, currency, digits, payable, payment_state, shipment_state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'accepted', ?, ?, ?, ?, ?, ?)",
            (
                order.id,
                order.number,
                order.version,
                order.created_at,
                order.modified_at,
                now,
                order.state,
                now,
                order.currency,
                order.digits,
                order.payable,
                order.payment_state or "",
                order.shipment_state or "",
            ),
        )
        demand.store(connection, order, now=now)
        _store_lines(connection, order)
        return Accepted.NEW
    if order.version <= known[0]:
        return Accepted.KNOWN
    connection.execute(
        "UPDATE orders SET number = ?, version = ?, modified_at = ?, source_state = ?, payable = ?, payment_state = ?,"
        " shipment_state = ? WHERE id = ?",
        (
            order.number,
            order.version,
            order.modified_at,
            order.state,
            order.payable,
            order.payment_state or "",
            order.shipment_state or "",
            order.id,
        ),
    )
    demand.store(connection, order, now=now)
    before = _quantities(connection, order.id)
    connection.execute("DELETE FROM order_lines WHERE order_id = ?", (order.id,))
    _store_lines(connection, order)
    if before != {line.id: line.quantity for line in order.lines}:
        fulfilments.tell_edited(connection, order.id, now=now)
    if order.state != known[1]:
        demand.stir(connection, demand.released(connection, order.id), now=now)
    return Accepted.CHANGED


def sell_as(connection: sqlite3.Connection, order: Order, *, now: Instant) -> None:
    """Keep the lines of an order, as it was last accepted, under the SKUs they are sold as by now; and what they claim.

    Beside the change of an alias, in its transaction: what is sold as another SKU counts against that one from then on.
    """
    order = sold_as(order, patches.aliases(connection, order.id))
    demand.store(connection, order, now=now)
    connection.execute("DELETE FROM order_lines WHERE order_id = ?", (order.id,))
    _store_lines(connection, order)


def _quantities(connection: sqlite3.Connection, order_id: str) -> dict[str, int]:
    return dict(connection.execute("SELECT line_id, quantity FROM order_lines WHERE order_id = ?", (order_id,)))


def _store_lines(connection: sqlite3.Connection, order: Order) -> None:
    connection.executemany(
        "INSERT INTO order_lines (order_id, line_id, sku, quantity, supply_channel, inventory_mode)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (order.id, line.id, line.sku, line.quantity, line.supply_channel, demand.mode_of(order, line))
            for line in order.lines
        ],
    )


def get(connection: sqlite3.Connection, order_id: str) -> OrderRecord | None:
    """Return an order's row."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM orders WHERE id = ?", (order_id,)).fetchone()
    return None if row is None else _record(row)


def version_of(connection: sqlite3.Connection, order_id: str) -> int | None:
    """Return the newest version known of an order; None where the order is not known."""
    row = connection.execute("SELECT version FROM orders WHERE id = ?", (order_id,)).fetchone()
    return None if row is None else int(row[0])


def has_sale(connection: sqlite3.Connection, sale_id: str) -> bool:
    """Say whether a sale is one that tallyd made, or found for an order."""
    return connection.execute("SELECT 1 FROM sales WHERE sale_id = ?", (sale_id,)).fetchone() is not None


def find(connection: sqlite3.Connection, wanted: str) -> OrderRecord | None:
    """Find an order by id, order number, or the number, id or reference of its sale.

    People type what they hear: `so-00017` finds `SO-00017`, and an order's number is found in any letter case where no
    other order has exactly that number.
    """
    for condition in _NAMES:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE {condition} LIMIT 1", {"wanted": wanted}
        ).fetchone()
        if row is not None:
            return _record(row)
    return None


def records(connection: sqlite3.Connection, rest: str, values: Mapping[str, object]) -> list[OrderRecord]:
    """Return orders by what a statement of ours says after FROM orders."""
    return [_record(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM orders {rest}", values)]


def listing(
    connection: sqlite3.Connection,
    *,
    state: OrderState | None = None,
    limit: int = 100,
    before: Instant | None = None,
    after: str | None = None,
) -> list[OrderRecord]:
    """Return orders, the newest accepted first; `after` is the id of the order the page before ended with."""
    conditions, values = ["accepted_at < ?"], [before if before is not None else 2**62]
    sql_values: list[object] = list(values)
    if state is not None:
        conditions.append("state = ?")
        sql_values.append(state.value)
    if after is not None:
        conditions.append("(-accepted_at, id) > (SELECT -accepted_at, id FROM orders WHERE id = ?)")
        sql_values.append(after)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM orders WHERE {' AND '.join(conditions)} ORDER BY accepted_at DESC, id LIMIT ?",
        (*sql_values, limit),
    )
    return [_record(row) for row in rows]


def move(connection: sqlite3.Connection, order_id: str, state: OrderState, *, now: Instant, reason: str = "") -> None:
    """Move an order to a state; the database refuses a move the table of states does not list.

    Leaving `in_doubt` clears its doubt. Once its sale is authorised, Cin7 Core counts what the order claims. Nothing is
    noted where nothing changes.
    """
    before = connection.execute("SELECT state, reason FROM orders WHERE id = ?", (order_id,)).fetchone()
    if before == (state.value, reason):
        return
    connection.execute(
        "UPDATE orders SET state = :state, reason = :reason,"
        " state_since = CASE WHEN state = :state THEN state_since ELSE :now END,"
        " doubt_until = CASE WHEN :state = 'in_doubt' THEN doubt_until END WHERE id = :id",
        {"state": state.value, "reason": reason, "now": now, "id": order_id},
    )
    if before[0] == state.value:
        return
    timeline.note(connection, order_id, f"state {state.value}", now=now, before=before[0], reason=reason)
    if state in (OrderState.POSTED, OrderState.EXPORTED):
        count(connection, order_id, now=now)
    if state is OrderState.CANCELLING:
        # Its units may be back in Cin7 Core before the void is proved: what a ledger has let go of is claimed again.
        demand.restore(connection, order_id)
    demand.stir(connection, demand.released(connection, order_id), now=now)


def count(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """The order's sale was proved to be authorised, for the first time since it was made or undone."""
    row = connection.execute(
        "UPDATE orders SET counted_at = ? WHERE id = ? AND counted_at IS NULL RETURNING shortages", (now, order_id)
    ).fetchone()
    if row is not None:
        demand.count(connection, order_id)
        demand.shorten(connection, order_id, _whole_units(row[0]), now=now)


def exclude_history(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Set a new order apart that was placed before `since`: counted, shown, never posted."""
    demand.forget_history(connection, order_id)
    move(connection, order_id, OrderState.EXCLUDED, now=now, reason="before since")


def doubt(connection: sqlite3.Connection, order_id: str, *, until: Instant, now: Instant) -> None:
    """The create may have been executed until that instant: nothing is asked again before it was looked for."""
    connection.execute(
        "UPDATE orders SET state = 'in_doubt', doubt_until = ?, looks = 0, state_since = ?, reason = 'answer lost'"
        " WHERE id = ?",
        (until, now, order_id),
    )
    timeline.note(connection, order_id, "state in_doubt", now=now, until=until)


def looked(connection: sqlite3.Connection, order_id: str, *, looks: int, now: Instant) -> None:
    """Record a clean look that found nothing."""
    connection.execute("UPDATE orders SET looks = ?, looked_at = ? WHERE id = ?", (looks, now, order_id))


def set_unsure(connection: sqlite3.Connection, order_id: str, unsure: bool) -> None:
    """Remember that the last write about this order has no known outcome: read before asking again."""
    connection.execute("UPDATE orders SET unsure = ? WHERE id = ?", (int(unsure), order_id))


def set_resend(connection: sqlite3.Connection, order_id: str, resend: bool) -> None:
    """Remember that a person wants the order sent again, once its sale is proved void."""
    connection.execute("UPDATE orders SET resend = ? WHERE id = ?", (int(resend), order_id))


def set_version(connection: sqlite3.Connection, order_id: str, version: int) -> None:
    """Know the version our own write made, so that its echo causes no work."""
    connection.execute("UPDATE orders SET version = max(version, ?) WHERE id = ?", (version, order_id))


def updated(connection: sqlite3.Connection, order: Order, *, version: int, now: Instant) -> None:
    """Know what our own update made of an order, so that its echo causes no work."""
    [before] = connection.execute("SELECT source_state FROM orders WHERE id = ?", (order.id,)).fetchone()
    connection.execute(
        "UPDATE orders SET source_state = ?, shipment_state = ? WHERE id = ?",
        (order.state, order.shipment_state or "", order.id),
    )
    set_version(connection, order.id, version)
    if order.state != before:
        demand.stir(connection, demand.released(connection, order.id), now=now)


def set_prediction(connection: sqlite3.Connection, order_id: str, *, net: str, tax: str, total: str) -> None:
    """Keep the predicted totals."""
    connection.execute("UPDATE orders SET net = ?, tax = ?, total = ? WHERE id = ?", (net, tax, total, order_id))


def set_inclusive(connection: sqlite3.Connection, order_id: str, inclusive: bool) -> None:
    """Keep the mode of the sale's document as Cin7 shows it."""
    connection.execute("UPDATE orders SET inclusive = ? WHERE id = ?", (int(inclusive), order_id))


def set_answer(
    connection: sqlite3.Connection, order_id: str, *, net: str, tax: str, total: str, reconciled: bool
) -> None:
    """Keep what Cin7 shows, and whether it equals the prediction."""
    connection.execute(
        "UPDATE orders SET cin7_net = ?, cin7_tax = ?, cin7_total = ?, reconciled = ? WHERE id = ?",
        (net, tax, total, int(reconciled), order_id),
    )


def set_reconciled(connection: sqlite3.Connection, order_id: str) -> None:
    """The sale was read again, and agrees with its order by now."""
    connection.execute("UPDATE orders SET reconciled = 1 WHERE id = ?", (order_id,))


def set_express(connection: sqlite3.Connection, order_id: str, express: bool) -> None:
    """Remember that the order goes ahead of those that are merely fresh. Its nudges are as urgent as its row says."""
    connection.execute("UPDATE orders SET express = ? WHERE id = ?", (int(express), order_id))


def set_drafted(connection: sqlite3.Connection, order_id: str, digest: str | None) -> None:
    """Keep the digest of the document whose DRAFT was answered as predicted; None: there is none."""
    connection.execute("UPDATE orders SET drafted = ? WHERE id = ?", (digest, order_id))


def set_rate(connection: sqlite3.Connection, order_id: str, rate: Decimal | str, day: date | str, source: str) -> None:
    """Keep the exchange rate the sale was sent with, as of which day, and who said so."""
    connection.execute(
        "UPDATE orders SET currency_rate = ?, rate_day = ?, rate_source = ? WHERE id = ?",
        (_plain(rate), str(day), source, order_id),
    )


def _plain(figure: Decimal | str) -> str:
    """Write a figure without an exponent: what is stored is what people read."""
    return figure if isinstance(figure, str) else f"{figure.normalize():f}"


def set_tolerated(connection: sqlite3.Connection, order_id: str, minor: int) -> None:
    """Keep how many minor units the tolerance put on the cents row."""
    connection.execute("UPDATE orders SET tolerated = ? WHERE id = ?", (minor, order_id))


def set_shortages(
    connection: sqlite3.Connection, order_id: str, shortages: Mapping[str, Decimal], *, now: Instant
) -> None:
    """Keep what Cin7 has backordered by now, by SKU: so much of the order it does not count yet."""
    shown = {sku: _plain(quantity) for sku, quantity in shortages.items()}
    text = msgspec.json.encode(shown).decode() if shown else ""
    row = connection.execute(
        "UPDATE orders SET shortages = ? WHERE id = ? RETURNING counted_at", (text, order_id)
    ).fetchone()
    if row[0] is not None:
        demand.shorten(connection, order_id, _whole_units(text), now=now)


def _whole_units(shortages: str) -> dict[str, int]:
    """Round what is on backorder up: a part of a unit cannot be sold."""
    if not shortages:
        return {}
    quantities = msgspec.json.decode(shortages, type=dict[str, Decimal])
    return {sku: int(quantity.to_integral_value(ROUND_CEILING)) for sku, quantity in quantities.items()}


def short(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of orders whose sale waits for stock."""
    rows = connection.execute("SELECT id FROM orders WHERE shortages <> '' AND state = 'exported' ORDER BY id")
    return [row[0] for row in rows]


def set_breakdown(connection: sqlite3.Connection, order_id: str, breakdown: Mapping[str, str]) -> None:
    """Keep the figures of both sides, by component: `net commercetools` beside `net Cin7 Core`."""
    stored = msgspec.json.encode(dict(breakdown)).decode()
    connection.execute("UPDATE orders SET breakdown = ? WHERE id = ?", (stored, order_id))


def export(connection: sqlite3.Connection, order_id: str, *, now: Instant, reason: str = "") -> None:
    """Both sides show each other; or, with a `reason`, nothing is left to be shown."""
    connection.execute("UPDATE orders SET exported_at = ? WHERE id = ?", (now, order_id))
    move(connection, order_id, OrderState.EXPORTED, now=now, reason=reason)


def next_generation(connection: sqlite3.Connection, order_id: str) -> int:
    """Begin a deliberate resend: a new reference, nothing known of it yet."""
    row = connection.execute(
        "UPDATE orders SET generation = generation + 1, looks = 0, looked_at = NULL, unsure = 0, resend = 0,"
        " inclusive = NULL, reconciled = NULL, cin7_net = NULL, cin7_tax = NULL, cin7_total = NULL, drafted = NULL,"
        " shortages = '', counted_at = NULL"
        " WHERE id = ? RETURNING generation",
        (order_id,),
    ).fetchone()
    return int(row[0])


def set_generation(connection: sqlite3.Connection, order_id: str, generation: int) -> None:
    """Know how many sales the order had, where a file that was lost had counted further."""
    connection.execute("UPDATE orders SET generation = ? WHERE id = ?", (generation, order_id))


def add_sale(connection: sqlite3.Connection, sale: SaleRecord) -> None:
    """Record the sale that stands for an order; a second live one is refused by the database."""
    connection.execute(
        "INSERT INTO sales (sale_id, order_id, generation, reference, number, made_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (sale_id) DO UPDATE SET number = coalesce(excluded.number, number)",
        (sale.sale_id, sale.order_id, sale.generation, sale.reference, sale.number, sale.made_at),
    )


def name_sale(connection: sqlite3.Connection, sale_id: str, number: str | None) -> None:
    """Record the number Cin7 gave the sale."""
    if number:
        connection.execute("UPDATE sales SET number = ? WHERE sale_id = ?", (number, sale_id))


def void_sale(connection: sqlite3.Connection, sale_id: str, *, now: Instant) -> None:
    """Record that a sale is void: from now on Cin7 Core does not count what its order claims."""
    row = connection.execute(
        "UPDATE sales SET voided_at = ? WHERE sale_id = ? AND voided_at IS NULL RETURNING order_id", (now, sale_id)
    ).fetchone()
    if row is None:
        return
    uncount(connection, row[0], now=now)
    fulfilments.tell_void(connection, row[0], now=now)
    books.void(connection, row[0], sale_id, now=now)


def is_counted(connection: sqlite3.Connection, order_id: str) -> bool:
    """Say whether Cin7 Core counts what the order claims, as far as is known."""
    row = connection.execute("SELECT counted_at IS NOT NULL FROM orders WHERE id = ?", (order_id,)).fetchone()
    return row is not None and bool(row[0])


def uncount(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Cin7 Core holds nothing for the order any more: what it claims is claimed again.

    A reading from after that is asked for first, where units may have been held.
    """
    [held] = connection.execute(
        "SELECT counted_at IS NOT NULL OR unsure FROM orders WHERE id = ?", (order_id,)
    ).fetchone()
    connection.execute("UPDATE orders SET uncounted_at = ?, counted_at = NULL WHERE id = ?", (now, order_id))
    demand.restore(connection, order_id)
    skus = demand.skus_of(connection, order_id)
    if held:
        parts = {part.sku for sku in skus for part in stock.parts_of(connection, sku)}
        for sku in sorted({*skus, *parts}):
            availability.ask(connection, sku, urgency=0, reason="void", now=now)
    demand.stir(connection, skus, now=now)


def sales_of(connection: sqlite3.Connection, order_id: str) -> list[SaleRecord]:
    """Return every sale known for an order, oldest first."""
    rows = connection.execute(
        "SELECT sale_id, order_id, generation, reference, number, made_at, voided_at FROM sales WHERE order_id = ?"
        " ORDER BY made_at, generation",
        (order_id,),
    )
    return [
        SaleRecord(
            sale_id=row[0],
            order_id=row[1],
            generation=row[2],
            reference=row[3],
            number=row[4],
            made_at=row[5],
            voided_at=row[6],
        )
        for row in rows
    ]


def count_by_state(connection: sqlite3.Connection) -> dict[str, int]:
    """Count orders in each state; states without orders are there with 0.

    Most orders are exported. They are what the others leave of all: all are counted page by page, not one by one.
    """
    counts = ", ".join(f"(SELECT count(*) FROM orders WHERE state = '{state.value}')" for state in _COUNTED)
    whole, *counted = connection.execute(f"SELECT (SELECT count(*) FROM orders), {counts}").fetchone()
    others = dict(zip(_COUNTED, counted, strict=True))
    return {state.value: others.get(state, whole - sum(counted)) for state in OrderState}


_COUNTED = tuple(state for state in OrderState if state is not OrderState.EXPORTED)


def in_states(connection: sqlite3.Connection, states: Sequence[OrderState]) -> list[str]:
    """Return the ids of orders in these states, oldest accepted first."""
    marks = ", ".join("?" for _ in states)
    rows = connection.execute(
        f"SELECT id FROM orders WHERE state IN ({marks}) ORDER BY accepted_at, id", [state.value for state in states]
    )
    return [row[0] for row in rows]


def count_created(connection: sqlite3.Connection, since: Instant, before: Instant) -> int:
    """Count the orders created in a span."""
    row = connection.execute(
        "SELECT count(*) FROM orders WHERE created_at >= ? AND created_at < ?", (since, before)
    ).fetchone()
    return int(row[0])


def first_created(connection: sqlite3.Connection) -> Instant | None:
    """When the oldest order known was created."""
    row = connection.execute("SELECT min(created_at) FROM orders").fetchone()
    return None if row[0] is None else int(row[0])


def stuck(
    connection: sqlite3.Connection, states: Sequence[OrderState], *, before: Instant, limit: int = 100
) -> list[tuple[str, str | None, str]]:
    """Return (id, number, state) of orders that stand in one of these states since before an instant."""
    marks = ", ".join("?" for _ in states)
    rows = connection.execute(
        f"SELECT id, number, state FROM orders WHERE state IN ({marks}) AND state_since < ? LIMIT ?",
        [*(state.value for state in states), before, limit],
    )
    return [(row[0], row[1], row[2]) for row in rows]
