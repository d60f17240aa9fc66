"""What people and guards decide about SKUs: stop-sell, zeros that are held, and the parts of kits."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from actors.domain.facts import KitPart
from actors.domain.time import Instant


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that is not to be sold. `until` None: until a person ends it."""

    sku: str
    until: Instant | None
    reason: str
    author: str
    at: Instant


def block(connection: sqlite3.Connection, one: Block) -> None:
    """Stop selling a SKU; a second block replaces the first."""
    connection.execute(
        "INSERT OR REPLACE INTO stock_blocks (sku, until, reason, author, at) VALUES (?, ?, ?, ?, ?)",
        (one.sku, one.until, one.reason, one.author, one.at),
    )


def unblock(connection: sqlite3.Connection, sku: str) -> bool:
    """Sell a SKU again; say whether it was blocked. Its units come back by true-up: see `entries.suspend`."""
    return connection.execute("DELETE FROM stock_blocks WHERE sku = ?", (sku,)).rowcount > 0


def block_of(connection: sqlite3.Connection, sku: str) -> Block | None:
    """Return the block of a SKU, if any, over or not."""
    row = connection.execute("SELECT sku, until, reason, author, at FROM stock_blocks WHERE sku = ?", (sku,)).fetchone()
    return None if row is None else Block(sku=row[0], until=row[1], reason=row[2], author=row[3], at=row[4])


def blocks(connection: sqlite3.Connection) -> list[Block]:
    """Return every block, by SKU."""
    rows = connection.execute("SELECT sku, until, reason, author, at FROM stock_blocks ORDER BY sku")
    return [Block(sku=row[0], until=row[1], reason=row[2], author=row[3], at=row[4]) for row in rows]


def expired_blocks(connection: sqlite3.Connection, *, now: Instant) -> list[str]:
    """Return the SKUs whose block is over."""
    rows = connection.execute(
        "SELECT sku FROM stock_blocks WHERE until IS NOT NULL AND until <= ? ORDER BY sku", (now,)
    )
    return [row[0] for row in rows]


# -- zeros -----------------------------------------------------------------------------------------------------------


def hold_zero(connection: sqlite3.Connection, sku: str, *, number: int, now: Instant) -> None:
    """A pass would bring a SKU to zero: it waits for the pass to be judged."""
    connection.execute(
        "INSERT INTO held_zeros (sku, pass, at) VALUES (?, ?, ?) ON CONFLICT (sku) DO UPDATE SET pass = excluded.pass",
        (sku, number, now),
    )


def zero_confirmed(connection: sqlite3.Connection, sku: str) -> bool:
    """Say whether a SKU may go to zero by what a pass read."""
    row = connection.execute("SELECT 1 FROM held_zeros WHERE sku = ? AND confirmed = 1", (sku,)).fetchone()
    return row is not None


def held_zeros(connection: sqlite3.Connection) -> list[str]:
    """Return the SKUs that wait to go to zero."""
    return [row[0] for row in connection.execute("SELECT sku FROM held_zeros WHERE confirmed = 0 ORDER BY sku")]


def any_zeros(connection: sqlite3.Connection) -> bool:
    """Say whether any SKU is held at zero, or may go there."""
    return connection.execute("SELECT 1 FROM held_zeros LIMIT 1").fetchone() is not None


def count_held(connection: sqlite3.Connection) -> int:
    """Count the SKUs that wait to go to zero."""
    return int(connection.execute("SELECT count(*) FROM held_zeros WHERE confirmed = 0").fetchone()[0])


def confirm_zeros(connection: sqlite3.Connection) -> list[str]:
    """Those that wait may go to zero: they are few enough, or a person said so. Return them."""
    held = held_zeros(connection)
    connection.execute("UPDATE held_zeros SET confirmed = 1 WHERE confirmed = 0")
    return held


def confirm_zero(connection: sqlite3.Connection, sku: str) -> None:
    """A SKU may go to zero by what a pass read."""
    connection.execute("UPDATE held_zeros SET confirmed = 1 WHERE sku = ?", (sku,))


def forget_zero(connection: sqlite3.Connection, sku: str) -> None:
    """A SKU is not about to go to zero (any more)."""
    connection.execute("DELETE FROM held_zeros WHERE sku = ?", (sku,))


def sellable(connection: sqlite3.Connection) -> int:
    """Count the SKUs that the storefront shows units of."""
    row = connection.execute("SELECT count(DISTINCT sku) FROM entries WHERE quantity > 0").fetchone()
    return int(row[0])


# -- kits --------------------------------------------------------------------------------------------------------------


def store_parts(connection: sqlite3.Connection, kit: str, parts: Sequence[KitPart]) -> None:
    """Keep what a kit is made of; no parts: it is none (any more)."""
    connection.execute("DELETE FROM kit_parts WHERE kit = ?", (kit,))
    connection.executemany(
        "INSERT OR REPLACE INTO kit_parts (kit, component, quantity) VALUES (?, ?, ?)",
        [(kit, part.sku, str(part.quantity)) for part in parts],
    )


def parts_of(connection: sqlite3.Connection, kit: str) -> list[KitPart]:
    """Return what a kit is made of."""
    rows = connection.execute("SELECT component, quantity FROM kit_parts WHERE kit = ? ORDER BY component", (kit,))
    return [KitPart(sku=row[0], quantity=Decimal(row[1])) for row in rows]


def kits_with(connection: sqlite3.Connection, component: str) -> list[KitPart]:
    """Return the kits a SKU is a part of; the quantity is how much of it one kit takes."""
    rows = connection.execute("SELECT kit, quantity FROM kit_parts WHERE component = ? ORDER BY kit", (component,))
    return [KitPart(sku=row[0], quantity=Decimal(row[1])) for row in rows]


def related(connection: sqlite3.Connection, sku: str) -> set[str]:
    """Return every SKU whose figure moves when an order for this one is seen: its parts, its kits, and their parts."""
    found = {part.sku for part in parts_of(connection, sku)} | {kit.sku for kit in kits_with(connection, sku)}
    for other in tuple(found):
        found |= {kit.sku for kit in kits_with(connection, other)}
    return found - {sku}
