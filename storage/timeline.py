"""What happened to an order, line by line (law L8). Details hold ids, SKUs, amounts and states; never
a person's data.
"""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.time import Instant

Detail = dict[str, str | int | None]


class TimelineLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    at: Instant
    what: str
    detail: Detail


def note(connection: sqlite3.Connection, order_id: str, what: str, *, now: Instant, **detail: str | int | None) -> None:
    """Add a line."""
    connection.execute(
        "INSERT INTO timeline (order_id, at, what, detail) VALUES (?, ?, ?, ?)",
        (order_id, now, what, msgspec.json.encode(detail).decode()),
    )


def of_order(connection: sqlite3.Connection, order_id: str) -> list[TimelineLine]:
    """Return an order's lines and its calls, oldest first."""
    lines = [
        (at, 0, row_id, TimelineLine(at=at, what=what, detail=msgspec.json.decode(detail)))
        for row_id, at, what, detail in connection.execute(
            "SELECT id, at, what, detail FROM timeline WHERE order_id = ?", (order_id,)
        )
    ]
    calls = [
        (
            sent_at,
            1,
            row_id,
            TimelineLine(
                at=sent_at,
                what=f"call {purpose}",
                detail={"call": row_id, "outcome": outcome or ("pending" if writes else ""), "ended_at": ended_at}
                | ({"detail": detail} if detail else {}),
            ),
        )
        for row_id, purpose, sent_at, ended_at, outcome, writes, detail in connection.execute(
            "SELECT id, purpose, sent_at, ended_at, outcome, writes, detail FROM calls WHERE subject = ?"
            " AND subject <> ''",
            (order_id,),
        )
    ]
    return [line for *_, line in sorted([*lines, *calls], key=lambda entry: entry[:3])]
