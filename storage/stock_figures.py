"""Counts and ages of stock: read-only, for health, metrics and lists."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.domain.time import Instant


def ages(connection: sqlite3.Connection, *, now: Instant) -> list[int]:
    """Return the age in seconds of every SKU's last reading, ascending."""
    rows = connection.execute("SELECT max(ended_at) FROM readings GROUP BY sku")
    return sorted(max(0, now - row[0]) // 1000 for row in rows)


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


def skus_where(connection: sqlite3.Connection, condition: str, *, after: str, limit: int) -> list[str]:
    """Return SKUs with an entry that meets one of our own conditions, in their order."""
    rows = connection.execute(
        f"SELECT DISTINCT sku FROM entries WHERE {condition} AND sku > ? ORDER BY sku LIMIT ?", (after, limit)
    )
    return [row[0] for row in rows]


def known_skus(connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
    """Return SKUs that either side was seen to have, in their order."""
    rows = connection.execute(
        "SELECT sku FROM entries WHERE sku > :after UNION SELECT sku FROM readings WHERE sku > :after"
        " ORDER BY sku LIMIT :limit",
        {"after": after, "limit": limit},
    )
    return [row[0] for row in rows]
