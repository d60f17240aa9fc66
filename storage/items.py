"""The registry of Cin7 Core's items and families: by Cin7's own ids, so that a rename is seen as one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from actors.domain.item import Family, Item
from actors.domain.sku_form import form
from actors.domain.time import Instant

_DECODE = msgspec.json.Decoder(Item).decode
_FAMILY = msgspec.json.Decoder(Family).decode


def store(connection: sqlite3.Connection, items: Iterable[Item], *, number: int, now: Instant) -> set[str]:
    """Store items as read; `number` tells whole readings apart. Return the SKUs that a change is about, old and new."""
    changed: set[str] = set()
    for item in items:
        row = connection.execute("SELECT sku, value FROM items WHERE id = ?", (item.id,)).fetchone()
        value = msgspec.json.encode(item).decode()
        connection.execute(
            "INSERT INTO items (id, sku, form, fit_at, value, pass) VALUES (:id, :sku, :form, :fit, :value, :pass)"
            " ON CONFLICT (id) DO UPDATE SET former_sku = CASE WHEN sku = :sku THEN former_sku ELSE sku END,"
            " sku = :sku, form = :form, fit_at = coalesce(fit_at, :fit), value = :value, pass = :pass",
            {
                "id": item.id,
                "sku": item.sku,
                "form": form(item.sku),
                "fit": now if item.fit else None,
                "value": value,
                "pass": number,
            },
        )
        if row is None or row[1] != value:
            changed.add(item.sku)
        if row is not None and row[0] != item.sku:
            changed.add(row[0])
    return changed


def finish_pass(connection: sqlite3.Connection, *, number: int) -> set[str]:
    """What a whole reading did not meet is gone; return its SKUs."""
    gone = {row[0] for row in connection.execute("DELETE FROM items WHERE pass <> ? RETURNING sku", (number,))}
    return gone - held(connection, gone)


def held(connection: sqlite3.Connection, skus: Iterable[str]) -> set[str]:
    """Return those of some SKUs that an item has."""
    return {sku for sku in skus if connection.execute("SELECT 1 FROM items WHERE sku = ?", (sku,)).fetchone()}


def given_up(connection: sqlite3.Connection, skus: Iterable[str]) -> set[str]:
    """Return those of some SKUs that no item has any more."""
    skus = set(skus)
    return skus - held(connection, skus)


def get(connection: sqlite3.Connection, item_id: str) -> Item | None:
    """Return an item by Cin7's id."""
    row = connection.execute("SELECT value FROM items WHERE id = ?", (item_id,)).fetchone()
    return None if row is None else _DECODE(row[0])


def with_sku(connection: sqlite3.Connection, sku: str) -> list[Item]:
    """Return every item of exactly this SKU: more than one where Cin7 Core, or a reading of it, has it twice."""
    rows = connection.execute("SELECT value FROM items WHERE sku = ? ORDER BY id", (sku,))
    return [_DECODE(row[0]) for row in rows]


def fit_at(connection: sqlite3.Connection, item_id: str) -> Instant | None:
    """Return when an item was first seen ready for sale."""
    row = connection.execute("SELECT fit_at FROM items WHERE id = ?", (item_id,)).fetchone()
    return None if row is None else row[0]


def alike(connection: sqlite3.Connection, normal: str) -> list[str]:
    """Return the SKUs of a normal form, in order."""
    if not normal:
        return []
    return [
        row[0] for row in connection.execute("SELECT DISTINCT sku FROM items WHERE form = ? ORDER BY sku", (normal,))
    ]


def renamed(connection: sqlite3.Connection, sku: str) -> str:
    """Return what the item that was called so is called now, "" where none was."""
    row = connection.execute("SELECT sku FROM items WHERE former_sku = ? ORDER BY sku LIMIT 1", (sku,)).fetchone()
    return "" if row is None else str(row[0])


def former_sku(connection: sqlite3.Connection, item_id: str) -> str:
    """Return what an item was called before it was renamed, "" where it never was."""
    row = connection.execute("SELECT former_sku FROM items WHERE id = ?", (item_id,)).fetchone()
    return "" if row is None else str(row[0])


def count_met(connection: sqlite3.Connection, *, number: int) -> int:
    """Count the items that a whole reading has met so far."""
    return int(connection.execute("SELECT count(*) FROM items WHERE pass = ?", (number,)).fetchone()[0])


def count(connection: sqlite3.Connection) -> int:
    """Count the items."""
    return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])


# -- families ----------------------------------------------------------------------------------------------------------


def store_families(connection: sqlite3.Connection, families: Iterable[Family], *, number: int) -> set[str]:
    """Store families as read; return the ids of those that are new or changed."""
    changed: set[str] = set()
    for family in families:
        value = msgspec.json.encode(family).decode()
        known = connection.execute("SELECT value FROM families WHERE id = ?", (family.id,)).fetchone()
        connection.execute(
            "INSERT INTO families (id, sku, value, pass) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " sku = excluded.sku, value = excluded.value, pass = excluded.pass",
            (family.id, family.sku, value, number),
        )
        if known is not None and known[0] == value:
            continue
        changed.add(family.id)
        connection.execute("DELETE FROM family_members WHERE family_id = ?", (family.id,))
        connection.executemany(
            "INSERT INTO family_members (item_id, family_id) VALUES (?, ?)"
            " ON CONFLICT (item_id) DO UPDATE SET family_id = excluded.family_id",
            [(member.item_id, family.id) for member in family.members],
        )
    return changed


def finish_families(connection: sqlite3.Connection, *, number: int) -> None:
    """What a whole reading did not meet is gone."""
    connection.execute("DELETE FROM families WHERE pass <> ?", (number,))


def family(connection: sqlite3.Connection, family_id: str) -> Family | None:
    """Return a family."""
    row = connection.execute("SELECT value FROM families WHERE id = ?", (family_id,)).fetchone()
    return None if row is None else _FAMILY(row[0])


def family_of(connection: sqlite3.Connection, item_id: str) -> str:
    """Return the id of the family an item belongs to, "" where it stands alone."""
    row = connection.execute("SELECT family_id FROM family_members WHERE item_id = ?", (item_id,)).fetchone()
    return "" if row is None else str(row[0])


def family_with_sku(connection: sqlite3.Connection, sku: str) -> str:
    """Return the name of the family of exactly this SKU, "" where there is none."""
    row = connection.execute("SELECT value FROM families WHERE sku = ? LIMIT 1", (sku,)).fetchone()
    return "" if row is None else _FAMILY(row[0]).name
