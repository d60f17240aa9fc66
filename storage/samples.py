"""The call budget and the backlog as they were, a row a minute."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from actors.domain.time import Instant


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: calls of Cin7 Core in the last sixty seconds and how many are allowed, calls that wait by lane, the
    minutes they take, messages that wait, open exceptions.
    """

    at: Instant
    limit: int
    in_window: int
    queued: Mapping[str, int]
    minutes_to_drain: float
    outbox_ready: int
    open_exceptions: int


def add(connection: sqlite3.Connection, sample: Sample, *, keep_from: Instant) -> None:
    """Keep a sample, and none from before an instant. Two of the same millisecond are one."""
    connection.execute(
        "INSERT OR REPLACE INTO samples (at, call_limit, in_window, queued, minutes_to_drain, outbox_ready,"
        " open_exceptions) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            sample.at,
            sample.limit,
            sample.in_window,
            msgspec.json.encode(dict(sample.queued)).decode(),
            sample.minutes_to_drain,
            sample.outbox_ready,
            sample.open_exceptions,
        ),
    )
    connection.execute("DELETE FROM samples WHERE at < ?", (keep_from,))


def thinned(connection: sqlite3.Connection, *, since: Instant, every: int) -> list[Sample]:
    """Return samples since an instant, the oldest first: of each `every` milliseconds the one with most to do."""
    rows = connection.execute(
        "SELECT at, call_limit, in_window, queued, max(minutes_to_drain), outbox_ready, open_exceptions FROM samples"
        " WHERE at >= ? GROUP BY at / ? ORDER BY at",
        (since, every),
    )
    return [
        Sample(
            at=row[0],
            limit=row[1],
            in_window=row[2],
            queued=msgspec.json.decode(row[3], type=dict[str, int]),
            minutes_to_drain=row[4],
            outbox_ready=row[5],
            open_exceptions=row[6],
        )
        for row in rows
    ]
