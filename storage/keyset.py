"""Pages of a sorted list: each goes on right after the row the page before ended with, and costs what the first does.

A list is sorted by a value and, where values are equal, by a key no two rows share. So a row that comes or goes between
two pages moves no other onto a page twice, or past it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple


class Order(NamedTuple):
    """How a list is sorted: by an expression that is never NULL, and by its unique key."""

    by: str
    key: str
    descending: bool


class Place(NamedTuple):
    """The row a page ended with: the value it is sorted by, and its key."""

    value: str | int | float
    key: str | int


class Part(NamedTuple):
    """Rows of a page, and its last place (None: there is nothing after it)."""

    rows: list[tuple[Any, ...]]
    next: Place | None


def part(
    connection: sqlite3.Connection,
    columns: str,
    table: str,
    conditions: Mapping[str, Any],
    order: Order,
    *,
    after: Place | None,
    limit: int,
    within: str = "TRUE",
) -> Part:
    """Return a page of what of a table is `within` a condition.

    `conditions` are more of them that name one value (as `:value`) each, and that value; None: nobody asked for it.
    """
    found, values = _met(within, conditions)
    way, sign = ("DESC", "<") if order.descending else ("ASC", ">")
    if after is not None:
        found = [*found, f"({order.by}, {order.key}) {sign} (:after_value, :after_key)"]
        values |= {"after_value": after.value, "after_key": after.key}
    rows = connection.execute(
        f"SELECT {order.by}, {order.key}, {columns} FROM {table} WHERE {' AND '.join(found)}"
        f" ORDER BY {order.by} {way}, {order.key} {way} LIMIT :limit",
        values | {"limit": limit + 1},
    ).fetchall()
    page = rows[:limit]
    last = Place(page[-1][0], page[-1][1]) if len(rows) > len(page) else None
    return Part([row[2:] for row in page], last)


def count(connection: sqlite3.Connection, table: str, conditions: Mapping[str, Any], *, within: str = "TRUE") -> int:
    """Count the rows of the whole list."""
    found, values = _met(within, conditions)
    return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {' AND '.join(found)}", values).fetchone()[0])


def _met(within: str, conditions: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Give each condition that is asked for a name for its value."""
    found = [within]
    values: dict[str, Any] = {}
    for condition, value in conditions.items():
        if value is not None:
            name = f"value{len(values)}"
            found.append(condition.replace(":value", f":{name}"))
            values[name] = value
    return found, values
