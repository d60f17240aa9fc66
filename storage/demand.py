"""What orders claim of inventory entries. One row per order, SKU and channel, for as long as a ledger needs it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from actors.domain.availability import Claim
from actors.domain.calls import Purpose
from actors.domain.order import Order
from actors.domain.time import Instant

TAKING_MODES = frozenset({"TrackOnly", "ReserveOnOrder", "ReserveOnCart"})
"""Inventory modes in which commercetools takes ordered units off the entry by itself (its fact sheet §4.3)."""

_ENDED = "('Complete', 'Cancelled')"


def store(connection: sqlite3.Connection, order: Order) -> None:
    """Keep what an order claims now; what its sale holds already stays as it is."""
    claims: dict[tuple[str, str], list[int]] = {}
    for line in order.lines:
        if line.sku is None:
            continue
        units = claims.setdefault((line.sku, line.supply_channel or ""), [0, 0])
        units[0] += line.quantity
        if (line.inventory_mode or order.inventory_mode or "None") in TAKING_MODES:
            units[1] += line.quantity
    kept = {
        (row[0], row[1])
        for row in connection.execute("SELECT sku, channel FROM demand WHERE order_id = ?", (order.id,))
    }
    for sku, channel in kept - claims.keys():
        # Taken out of the order by an edit: its sale may hold the units still.
        connection.execute(
            "UPDATE demand SET units = 0, taken = 0 WHERE order_id = ? AND sku = ? AND channel = ?",
            (order.id, sku, channel),
        )
    connection.executemany(
        "INSERT INTO demand (order_id, sku, channel, units, taken) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (order_id, sku, channel) DO UPDATE SET units = excluded.units, taken = excluded.taken",
        [(order.id, sku, channel, units, taken) for (sku, channel), (units, taken) in claims.items()],
    )


def count(connection: sqlite3.Connection, order_id: str, shortages: Mapping[str, int]) -> None:
    """The order's sale is authorised: from now on Cin7 Core counts what it holds, but for what is on backorder."""
    connection.execute(
        "UPDATE demand SET counted = units, short = 0, short_before = 0, short_at = NULL WHERE order_id = ?",
        (order_id,),
    )
    for sku, units in shortages.items():
        connection.execute(
            "UPDATE demand SET short = min(units, ?) WHERE order_id = ? AND sku = ?", (units, order_id, sku)
        )


def shorten(connection: sqlite3.Connection, order_id: str, shortages: Mapping[str, int], *, now: Instant) -> None:
    """The sale was read: this much of it is on backorder, and what is not is allocated."""
    for sku, short in connection.execute(
        "SELECT sku, short FROM demand WHERE order_id = ? AND (short > 0 OR short_before > 0)", (order_id,)
    ).fetchall():
        left = min(short, shortages.get(sku, 0)) if short else shortages.get(sku, 0)
        if left != short:
            connection.execute(
                "UPDATE demand SET short = ?, short_before = max(short_before, ?), short_at = ?"
                " WHERE order_id = ? AND sku = ?",
                (left, short, now, order_id, sku),
            )


def restore(connection: sqlite3.Connection, order_id: str) -> None:
    """The order's sale is void: what was forgotten because Cin7 Core counted it is claimed again."""
    connection.execute(
        "INSERT OR IGNORE INTO demand (order_id, sku, channel, units, taken, counted)"
        " SELECT order_id, sku, coalesce(supply_channel, ''), sum(quantity),"
        " sum(CASE WHEN inventory_mode = 'None' THEN 0 ELSE quantity END), sum(quantity)"
        " FROM order_lines WHERE order_id = ? AND sku IS NOT NULL GROUP BY sku, coalesce(supply_channel, '')",
        (order_id,),
    )


def release(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> int:
    """A person lets the units of an order go; return how many rows there were."""
    return connection.execute(
        "UPDATE demand SET released_at = ? WHERE order_id = ? AND released_at IS NULL", (now, order_id)
    ).rowcount


def forget(connection: sqlite3.Connection, sku: str, channel: str, order_ids: Iterable[str]) -> None:
    """A ledger begins anew: it need not know these orders."""
    connection.executemany(
        "DELETE FROM demand WHERE order_id = ? AND sku = ? AND channel = ?",
        [(order_id, sku, channel) for order_id in order_ids],
    )


_RELEASED = (
    "d.released_at IS NOT NULL OR o.gone_at IS NOT NULL OR o.state = 'cancelled'"
    f" OR (o.state IN ('excluded', 'shadowed') AND o.source_state IN {_ENDED})"
)


def claims_of(connection: sqlite3.Connection, sku: str, channel: str) -> list[Claim]:
    """Return what known orders claim of an entry, oldest first."""
    rows = connection.execute(
        "SELECT d.order_id, o.created_at, d.units, d.taken, d.counted, d.short, d.short_before, d.short_at,"
        f" o.counted_at, o.uncounted_at, {_RELEASED},"
        " CASE WHEN o.counted_at IS NULL AND o.state IN ('accepted', 'awaiting', 'creating', 'cancelled', 'excluded')"
        " THEN NULL ELSE (SELECT min(c.sent_at) FROM calls c WHERE c.subject = d.order_id"
        "  AND c.generation = o.generation AND c.purpose = ? AND coalesce(c.outcome, 'unknown') IN ('done', 'unknown'))"
        " END FROM demand d JOIN orders o ON o.id = d.order_id WHERE d.sku = ? AND d.channel = ?"
        " ORDER BY o.created_at, d.order_id",
        (Purpose.CIN7_AUTHORISE_ORDER.value, sku, channel),
    )
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
            maybe_from=row[11],
        )
        for row in rows
    ]


def skus_of(connection: sqlite3.Connection, order_id: str) -> list[str]:
    """Return the SKUs an order claims."""
    rows = connection.execute("SELECT DISTINCT sku FROM demand WHERE order_id = ? ORDER BY sku", (order_id,))
    return [row[0] for row in rows]
