"""What orders claim of inventory entries. One row per order, SKU and channel, for as long as a ledger needs it.

Seeing an order leaves a figure alone, since commercetools takes its units off by itself: the stock flow is only nudged
(`stir`) about what does move one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

from actors.domain.availability import Claim
from actors.domain.calls import Purpose
from actors.domain.order import Line, Order
from actors.domain.time import Instant
from actors.messages import Flow, Nudge
from storage import outbox, stock

TAKING_MODES = frozenset({"TrackOnly", "ReserveOnOrder", "ReserveOnCart"})
"""Inventory modes in which commercetools takes ordered units off the entry by itself (its fact sheet §4.3)."""

SUBJECT = "sku:"
"""What the subject of a nudge about one SKU begins with."""

_ENDED = "('Complete', 'Cancelled')"

Place = tuple[str, str]
"""A SKU and the key of a supply channel ("" without)."""


def stir(connection: sqlite3.Connection, skus: Iterable[str], *, now: Instant) -> None:
    """Have the stock flow look at SKUs, at the kits they are parts of, and at the parts of these."""
    named = set(skus)
    for sku in tuple(named):
        named |= stock.related(connection, sku)
    for sku in sorted(named):
        outbox.accept(connection, Nudge(flow=Flow.STOCK, subject=SUBJECT + sku, due_at=now), now=now)


def mode_of(order: Order, line: Line) -> str:
    """Return the inventory mode of a line: its own, else the order's; neither means None.

    Of a line that is sold as another SKU than it was ordered as it is None: commercetools takes nothing off that one.
    """
    return "None" if line.ordered_as is not None else _ordered_mode(order, line)


def _ordered_mode(order: Order, line: Line) -> str:
    return line.inventory_mode or order.inventory_mode or "None"


def store(connection: sqlite3.Connection, order: Order, *, now: Instant) -> None:
    """Keep what an order claims now; what its sale holds already stays as it is.

    To be called while `order_lines` still holds the lines as they were: what a ledger has let go of them is not claimed
    again, only what an edit asks for beyond it.
    """
    before, kept, claims = _lines(connection, order.id), _kept(connection, order.id), _claims(order)
    moving: set[str] = set()
    for place, (units, taken) in claims.items():
        if kept.get(place) == (units, taken) or (place not in kept and units <= before.get(place, 0)):
            continue
        connection.execute(
            "INSERT INTO demand (order_id, sku, channel, units, taken, counted) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (order_id, sku, channel) DO UPDATE SET units = excluded.units, taken = excluded.taken",
            (order.id, *place, units, taken, before.get(place, 0)),
        )
        sku = place[0]
        if taken < units or place in before or place in kept or stock.related(connection, sku):
            moving.add(sku)
    for place in kept.keys() - claims.keys():
        if kept[place] == (0, 0):
            continue
        # Taken out of the order by an edit: its sale may hold the units still.
        connection.execute(
            "UPDATE demand SET units = 0, taken = 0 WHERE order_id = ? AND sku = ? AND channel = ?", (order.id, *place)
        )
        moving.add(place[0])
    stir(connection, moving, now=now)


def _claims(order: Order) -> dict[Place, tuple[int, int]]:
    """Add up units, and those commercetools takes off, by SKU and channel.

    A line that is sold as another SKU claims its units of that one; commercetools takes them off the one that was
    ordered all the same, and there nothing of Cin7 Core's is claimed.
    """
    claims: dict[Place, tuple[int, int]] = {}

    def add(sku: str, channel: str, more: int, taking: int) -> None:
        units, taken = claims.get((sku, channel), (0, 0))
        claims[sku, channel] = (units + more, taken + taking)

    for line in order.lines:
        if line.sku is None:
            continue
        channel, takes = line.supply_channel or "", _ordered_mode(order, line) in TAKING_MODES
        if line.ordered_as is None:
            add(line.sku, channel, line.quantity, line.quantity * takes)
            continue
        add(line.sku, channel, line.quantity, 0)
        add(line.ordered_as, channel, 0, line.quantity * takes)
    return claims


def _kept(connection: sqlite3.Connection, order_id: str) -> dict[Place, tuple[int, int]]:
    rows = connection.execute("SELECT sku, channel, units, taken FROM demand WHERE order_id = ?", (order_id,))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _lines(connection: sqlite3.Connection, order_id: str) -> dict[Place, int]:
    """Return the units of the order's lines as they stand."""
    rows = connection.execute(
        "SELECT sku, coalesce(supply_channel, ''), sum(quantity) FROM order_lines"
        " WHERE order_id = ? AND sku IS NOT NULL GROUP BY 1, 2",
        (order_id,),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def count(connection: sqlite3.Connection, order_id: str) -> None:
    """The order's sale is authorised: from now on Cin7 Core counts what it holds."""
    connection.execute(
        "UPDATE demand SET counted = units, short = 0, short_before = 0, short_at = NULL WHERE order_id = ?",
        (order_id,),
    )


def misplace(connection: sqlite3.Connection, order_id: str, channels: Collection[str]) -> None:
    """The order's sale stands where these channels are not fed from: their entries' readings never count it."""
    connection.executemany(
        "UPDATE demand SET counted = 0 WHERE order_id = ? AND channel = ?",
        [(order_id, channel) for channel in sorted(channels)],
    )


def shorten(connection: sqlite3.Connection, order_id: str, shortages: Mapping[str, int], *, now: Instant) -> None:
    """The sale was seen: this much of each SKU is on backorder, and the rest is allocated.

    What is allocated now may not have been when a reading began before now; what is on backorder now is believed of
    every reading. Where an order has a SKU on several channels, each is taken for short: the sale does not tell which.
    """
    moving: set[str] = set()
    rows = connection.execute("SELECT sku, channel, units, short FROM demand WHERE order_id = ?", (order_id,))
    for sku, channel, units, short in rows.fetchall():
        left = min(units, shortages.get(sku, 0))
        if left == short:
            continue
        connection.execute(
            "UPDATE demand SET short = ?, short_before = max(short_before, short), short_at = ?"
            " WHERE order_id = ? AND sku = ? AND channel = ?",
            (left, now, order_id, sku, channel),
        )
        moving.add(sku)
    stir(connection, moving, now=now)


def restore(connection: sqlite3.Connection, order_id: str) -> None:
    """The order's sale is void: what was forgotten because Cin7 Core counted it is claimed again."""
    modes = ", ".join(f"'{mode}'" for mode in sorted(TAKING_MODES))
    connection.execute(
        "INSERT OR IGNORE INTO demand (order_id, sku, channel, units, taken, counted)"
        " SELECT order_id, sku, coalesce(supply_channel, ''), sum(quantity),"
        f" sum(CASE WHEN inventory_mode IN ({modes}) THEN quantity ELSE 0 END), sum(quantity)"
        " FROM order_lines WHERE order_id = ? AND sku IS NOT NULL GROUP BY sku, coalesce(supply_channel, '')",
        (order_id,),
    )


def release(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> int:
    """Let the units of an order go: a person says so, or the order is deleted. Return how many rows there were."""
    rows = connection.execute(
        "UPDATE demand SET released_at = ? WHERE order_id = ? AND released_at IS NULL", (now, order_id)
    ).rowcount
    stir(connection, released(connection, order_id), now=now)
    return rows


def forget(connection: sqlite3.Connection, sku: str, channel: str, order_ids: Iterable[str]) -> None:
    """A ledger begins anew: it need not know these orders."""
    connection.executemany(
        "DELETE FROM demand WHERE order_id = ? AND sku = ? AND channel = ?",
        [(order_id, sku, channel) for order_id in order_ids],
    )


def forget_history(connection: sqlite3.Connection, order_id: str) -> None:
    """Forget the claims of an order that had ended before we saw it, but where a ledger is older than the order.

    Its units are gone from the entry as from the shelf: a claim would take them off once more.
    """
    connection.execute(
        "DELETE FROM demand WHERE order_id = :id"
        f" AND EXISTS (SELECT 1 FROM orders WHERE id = :id AND source_state IN {_ENDED})"
        " AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.sku = demand.sku AND e.channel = demand.channel"
        "  AND e.base < (SELECT created_at FROM orders WHERE id = :id))",
        {"id": order_id},
    )


def prune(connection: sqlite3.Connection, *, before: Instant) -> int:
    """Drop what no ledger needs: orders counted before an instant, on entries that have none. Return how many rows."""
    return connection.execute(
        "DELETE FROM demand WHERE counted >= units AND short = 0 AND EXISTS"
        " (SELECT 1 FROM orders WHERE id = order_id AND counted_at < ?) AND NOT EXISTS (SELECT 1 FROM entries e"
        " WHERE e.sku = demand.sku AND e.channel = demand.channel AND e.put IS NOT NULL)",
        (before,),
    ).rowcount


_RELEASED = (
    "d.released_at IS NOT NULL OR o.gone_at IS NOT NULL OR o.state = 'cancelled'"
    f" OR (o.state IN ('excluded', 'shadowed') AND o.source_state IN {_ENDED})"
    # Its sale takes them from another place: somebody has moved them by the time the order is complete.
    " OR (o.state = 'exported' AND d.counted = 0 AND o.source_state = 'Complete')"
)


def released(connection: sqlite3.Connection, order_id: str) -> list[str]:
    """Return the SKUs an order claims nothing of any more, though the ledgers have yet to see to it."""
    rows = connection.execute(
        "SELECT DISTINCT d.sku FROM demand d JOIN orders o ON o.id = d.order_id"
        f" WHERE d.order_id = ? AND ({_RELEASED}) ORDER BY d.sku",
        (order_id,),
    )
    return [row[0] for row in rows]


_CLAIMS_OF = (
    "SELECT d.order_id, o.created_at, d.units, d.taken, d.counted, d.short, d.short_before, d.short_at,"
    f" o.counted_at, o.uncounted_at, {_RELEASED}, o.state = 'cancelling',"
    " CASE WHEN o.counted_at IS NULL AND o.state IN ('accepted', 'awaiting', 'creating', 'cancelled', 'excluded')"
    " THEN NULL ELSE (SELECT min(c.sent_at) FROM calls c WHERE c.subject = d.order_id"
    # Said again for the planner: the index of subjects leaves out calls about nothing.
    "  AND c.subject <> '' AND c.generation = o.generation"
    # Spelt out: a parameter that decides whether a partial index fits has the statement compiled at each execution.
    f"  AND c.purpose = '{Purpose.CIN7_AUTHORISE_ORDER.value}'"
    "  AND coalesce(c.outcome, 'unknown') IN ('done', 'unknown'))"
    " END FROM demand d JOIN orders o ON o.id = d.order_id WHERE d.sku = ? AND d.channel = ?"
    " ORDER BY o.created_at, d.order_id"
)


def claims_of(connection: sqlite3.Connection, sku: str, channel: str) -> list[Claim]:
    """Return what known orders claim of an entry, oldest first."""
    rows = connection.execute(_CLAIMS_OF, (sku, channel))
    return [
        Claim(
            order_id=row[0],
            created_at=row[1],
            units=row[2],
            taken=row[3],
            counted=row[4],
            short=row[5],
            short_before=row[6],
            short_at=row[7],
            counted_at=row[8],
            uncounted_at=row[9],
            released=bool(row[10]),
            leaving=bool(row[11]),
            maybe_from=row[12],
        )
        for row in rows
    ]


def skus_of(connection: sqlite3.Connection, order_id: str) -> list[str]:
    """Return the SKUs an order claims."""
    rows = connection.execute("SELECT DISTINCT sku FROM demand WHERE order_id = ? ORDER BY sku", (order_id,))
    return [row[0] for row in rows]
