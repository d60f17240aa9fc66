"""Writes that shadow mode kept from being made."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from actors.domain.time import Instant


class WouldHave(msgspec.Struct, frozen=True, kw_only=True):
    """One write that was not made: what it would have done to which record."""

    at: Instant
    flow: str
    record: str
    what: str
    detail: dict[str, str]


def note(
    connection: sqlite3.Connection, *, flow: str, record: str, what: str, detail: Mapping[str, str], now: Instant
) -> bool:
    """Keep a write that was not made; False when the same was kept before."""
    cursor = connection.execute(
        "INSERT INTO would_haves (at, flow, record, what, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (now, flow, record, what, msgspec.json.encode(dict(sorted(detail.items()))).decode()),
    )
    return cursor.rowcount == 1


def listing(connection: sqlite3.Connection, *, flow: str, limit: int = 100) -> list[WouldHave]:
    """Return the newest of a flow first."""
    rows = connection.execute(
        "SELECT at, flow, record, what, detail FROM would_haves WHERE flow = ? ORDER BY id DESC LIMIT ?", (flow, limit)
    )
    return [
        WouldHave(at=at, flow=name, record=record, what=what, detail=msgspec.json.decode(detail))
        for at, name, record, what, detail in rows
    ]
