"""Counts and ages of stock: read-only, for health, metrics and lists."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from actors.domain.facts import Product
from actors.domain.time import Instant


def read_at(connection: sqlite3.Connection, *, after: str, limit: int) -> tuple[list[Instant], str | None]:
    """Return when each SKU of a slice was last read, and the SKU after which to go on (None: all done)."""
    rows = connection.execute(
        "SELECT sku, max(ended_at) FROM readings WHERE sku > ? GROUP BY sku ORDER BY sku LIMIT ?", (after, limit)
    ).fetchall()
    return [row[1] for row in rows], rows[-1][0] if len(rows) == limit else None


def products(
    connection: sqlite3.Connection, *, after: str, limit: int
) -> tuple[list[tuple[Product | None, int]], str | None]:
    """Count a slice of the SKUs that either side was seen to have, by what decides whether we write their entries.

    Return one product of each kind (None: Cin7 Core has none of this SKU) with how many are like it, and the SKU after
    which to go on (None: all done).
    """
    rows = connection.execute(
        "WITH known (sku) AS (SELECT sku FROM entries WHERE sku > :after UNION SELECT sku FROM readings"
        " WHERE sku > :after ORDER BY sku LIMIT :limit)"
        " SELECT min(f.value), count(*), max(known.sku) FROM known"
        " LEFT JOIN facts f ON f.kind = 'product' AND f.key = known.sku"
        " GROUP BY json_extract(f.value, '$.type'), json_extract(f.value, '$.drop_ship'),"
        " json_extract(f.value, '$.parts[0]') IS NULL, json_extract(f.value, '$.status'),"
        " json_extract(f.value, '$.sellable')",
        {"after": after, "limit": limit},
    ).fetchall()
    counted = [(None if row[0] is None else msgspec.json.decode(row[0], type=Product), row[1]) for row in rows]
    whole = sum(count for _, count in counted) < limit
    return counted, None if whole else max(row[2] for row in rows)


def counts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Count entries by what is the matter with them."""
    row = connection.execute(
        "SELECT count(entry_id), count(*) - count(entry_id), total(conflicts), total(refused <> ''),"
        " total(suspended <> ''), total(pending IS NOT NULL OR reread_after IS NOT NULL) FROM entries"
    ).fetchone()
    waiting = connection.execute("SELECT waits, count(*) FROM entries WHERE waits <> '' GROUP BY waits")
    [blocked] = connection.execute("SELECT count(*) FROM stock_blocks").fetchone()
    [held] = connection.execute("SELECT count(*) FROM held_zeros WHERE confirmed = 0").fetchone()
    return {
        "entries": row[0],
        "missing": row[1],
        "conflicts": int(row[2]),
        "refused": int(row[3]),
        "suspended": int(row[4]),
        "in_doubt": int(row[5]),
        "waiting": dict(waiting.fetchall()),
        "blocked": blocked,
        "held_zeros": held,
    }


def oldest_untrued(connection: sqlite3.Connection) -> Instant | None:
    """Return when the ledger was last trued up that is oldest, among those with known orders since."""
    row = connection.execute(
        "SELECT min(e.trued_at) FROM demand d JOIN entries e ON e.sku = d.sku AND e.channel = d.channel"
        " WHERE e.put IS NOT NULL"
    ).fetchone()
    return None if row[0] is None else int(row[0])
