"""Doors and what they told: every event once per door, who was missed, and since when nothing came."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from actors.domain.notification import Notification
from actors.domain.time import Instant

_IGNORED = frozenset({"ignored", "test", "foreign"})
_ROWS = 100
"""Most events in one statement: it has eight values for each."""

_COLUMNS = "name, opened_at, last_at, accepted, repeated, late, ignored, unreadable, missed"


_SINCE_OPENED = "created_at >= (SELECT opened_at FROM doors WHERE name = :door)"
_JUDGED = (
    f"accepted_at >= (SELECT judged_until FROM doors WHERE name = :door) AND accepted_at < :before AND {_SINCE_OPENED}"
)
_OWED = "EXISTS (SELECT 1 FROM missed WHERE door = :door AND record = {record})"
_TOLD = "EXISTS (SELECT 1 FROM notifications WHERE about = 'order' AND subject = orders.id AND door = :door)"


class DoorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A door's books. Counters are since the door was first configured."""

    name: str
    opened_at: Instant
    last_at: Instant | None
    accepted: int
    repeated: int
    late: int
    ignored: int
    unreadable: int
    missed: int


def open_doors(connection: sqlite3.Connection, names: Collection[str], *, now: Instant) -> None:
    """Know which doors are configured; one that is not any more is forgotten with whom it missed."""
    marks = ", ".join("?" for _ in names)
    connection.execute(f"DELETE FROM doors WHERE name NOT IN ({marks})", tuple(names))
    connection.execute(f"DELETE FROM missed WHERE door NOT IN ({marks})", tuple(names))
    connection.executemany(
        "INSERT OR IGNORE INTO doors (name, opened_at) VALUES (?, ?)", [(name, now) for name in names]
    )


def note(connection: sqlite3.Connection, door: str, notification: Notification, outcome: str, *, now: Instant) -> bool:
    """Write an event down; False: this door told it before, which is counted, and when it did so last."""
    return note_all(connection, door, [(notification, outcome)], now=now)[0]


def note_all(
    connection: sqlite3.Connection, door: str, told: Sequence[tuple[Notification, str]], *, now: Instant
) -> list[bool]:
    """Write events with their outcomes down, many in a statement; return for each what `note` returns."""
    unknown: set[str] = set()
    for begin in range(0, len(told), _ROWS):
        unknown |= _insert(connection, door, told[begin : begin + _ROWS], now)
    fresh: list[bool] = []
    for notification, _ in told:
        fresh.append(notification.identity in unknown)
        unknown.discard(notification.identity)
    outcomes = [outcome for (_, outcome), is_fresh in zip(told, fresh, strict=True) if is_fresh]
    connection.execute(
        "UPDATE doors SET last_at = ?, accepted = accepted + ?, repeated = repeated + ?, late = late + ?,"
        " ignored = ignored + ? WHERE name = ?",
        (
            now,
            len(outcomes),
            len(told) - len(outcomes),
            outcomes.count("known"),
            sum(outcome in _IGNORED for outcome in outcomes),
            door,
        ),
    )
    return fresh


def _insert(
    connection: sqlite3.Connection, door: str, told: Sequence[tuple[Notification, str]], now: Instant
) -> set[str]:
    """Insert events or count their copies; return the identities this door had never told."""
    values: list[str | int] = []
    for event, outcome in told:
        values += (door, event.identity, event.kind, event.about, event.subject, event.version, now, outcome)
    rows = connection.execute(
        "INSERT INTO notifications (door, identity, kind, about, subject, version, received_at, outcome)"
        f" VALUES {', '.join(['(?, ?, ?, ?, ?, ?, ?, ?)'] * len(told))}"
        " ON CONFLICT (door, identity) DO UPDATE SET copies = copies + 1, received_at = excluded.received_at"
        " RETURNING identity, copies",
        values,
    )
    return {identity for identity, copies in rows.fetchall() if copies == 0}


def is_noted(connection: sqlite3.Connection, door: str, identity: str) -> bool:
    """Say whether a door told of an event before."""
    row = connection.execute("SELECT 1 FROM notifications WHERE door = ? AND identity = ?", (door, identity)).fetchone()
    return row is not None


def note_unreadable(connection: sqlite3.Connection, door: str, *, now: Instant) -> None:
    """Count a delivery nobody could read: something came, all the same."""
    connection.execute("UPDATE doors SET last_at = ?, unreadable = unreadable + 1 WHERE name = ?", (now, door))


def all_doors(connection: sqlite3.Connection) -> list[DoorRow]:
    """Return the configured doors, by name."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM doors ORDER BY name").fetchall()
    names = _COLUMNS.replace(" ", "").split(",")
    return [msgspec.convert(dict(zip(names, row, strict=True)), DoorRow) for row in rows]


def orders_not_told(
    connection: sqlite3.Connection, door: str, *, before: Instant, limit: int
) -> list[tuple[str, Instant]]:
    """Return (id, accepted at) of orders the door never named, of those not judged yet, oldest first."""
    rows = connection.execute(
        f"SELECT id, accepted_at FROM orders WHERE {_JUDGED} AND NOT {_TOLD}"
        f" AND NOT {_OWED.format(record='orders.id')} ORDER BY accepted_at, id LIMIT :limit",
        {"door": door, "before": before, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def newest_order_told(connection: sqlite3.Connection, door: str, *, before: Instant) -> bool | None:
    """Say whether the door named the newest order accepted before an instant; None where there is none to judge by."""
    row = connection.execute(
        f"SELECT {_TOLD} FROM orders WHERE accepted_at < :before AND {_SINCE_OPENED}"
        " ORDER BY accepted_at DESC, id DESC LIMIT 1",
        {"door": door, "before": before},
    ).fetchone()
    return None if row is None else bool(row[0])


_MOVED = "moved_at >= (SELECT max(judged_until, opened_at) FROM doors WHERE name = :door) AND moved_at < :before"
_SALE_TOLD = (
    "EXISTS (SELECT 1 FROM notifications WHERE about = 'sale' AND subject IN (sale_id, number) AND door = :door"
    " AND received_at >= listed_sales.moved_after)"
)
"""A webhook may name the sale by its id or, without one, by its number; it may come before the sweep sees the move."""


def sales_not_told(
    connection: sqlite3.Connection, door: str, *, before: Instant, limit: int
) -> list[tuple[str, Instant]]:
    """Return (id, moved at) of listed sales of whose movement the door told nothing, of those not judged yet."""
    rows = connection.execute(
        f"SELECT sale_id, moved_at FROM listed_sales WHERE {_MOVED} AND NOT {_SALE_TOLD}"
        f" AND NOT {_OWED.format(record='listed_sales.sale_id')}"
        " ORDER BY moved_at, sale_id LIMIT :limit",
        {"door": door, "before": before, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def newest_sale_told(connection: sqlite3.Connection, door: str, *, before: Instant) -> bool | None:
    """Say whether the door told of the sale that moved last before an instant; None where there is none to judge by."""
    row = connection.execute(
        f"SELECT {_SALE_TOLD} FROM listed_sales WHERE moved_at < :before"
        " AND moved_at >= (SELECT opened_at FROM doors WHERE name = :door)"
        " ORDER BY moved_at DESC, sale_id DESC LIMIT 1",
        {"door": door, "before": before},
    ).fetchone()
    return None if row is None else bool(row[0])


def judged(connection: sqlite3.Connection, door: str, until: Instant) -> None:
    """Remember until when it was asked what a door told of; who was missed stands in its own table."""
    connection.execute("UPDATE doors SET judged_until = ? WHERE name = ?", (until, door))


def add_missed(connection: sqlite3.Connection, door: str, about: str, records: Collection[str], *, now: Instant) -> int:
    """Write down whom a door did not tell of; return how many are new, which its counter counts."""
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO missed VALUES (?, ?, ?, ?)", [(door, about, record, now) for record in records]
    )
    added = connection.total_changes - before
    if added:
        connection.execute("UPDATE doors SET missed = missed + ? WHERE name = ?", (added, door))
    return added


def missed(connection: sqlite3.Connection, door: str) -> list[tuple[str, str, Instant]]:
    """Return (about, record, found at) of what the door owes, oldest first, without what it has told meanwhile."""
    connection.execute(
        "DELETE FROM missed WHERE door = :door AND about = 'order' AND EXISTS (SELECT 1 FROM notifications"
        " WHERE notifications.about = 'order' AND subject = record AND notifications.door = :door)",
        {"door": door},
    )
    connection.execute(
        "DELETE FROM missed WHERE door = :door AND about = 'sale' AND EXISTS (SELECT 1 FROM listed_sales WHERE"
        f" sale_id = record AND {_SALE_TOLD})",
        {"door": door},
    )
    rows = connection.execute(
        "SELECT about, record, found_at FROM missed WHERE door = ? ORDER BY found_at, about, record", (door,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def count_missed(connection: sqlite3.Connection, door: str) -> int:
    """Count what a door owes now."""
    return int(connection.execute("SELECT count(*) FROM missed WHERE door = ?", (door,)).fetchone()[0])


def forgive(connection: sqlite3.Connection, door: str) -> None:
    """Forget whom a door missed: it works again, and what it missed was found."""
    connection.execute("DELETE FROM missed WHERE door = ?", (door,))


def is_foreign(connection: sqlite3.Connection, door: str, *, since: Instant) -> bool:
    """Say whether a door brought an event of another project lately."""
    row = connection.execute(
        "SELECT 1 FROM notifications WHERE outcome = 'foreign' AND door = ? AND received_at >= ? LIMIT 1", (door, since)
    ).fetchone()
    return row is not None


def prune(connection: sqlite3.Connection, *, before: Instant, ignored_before: Instant, limit: int = 2_000) -> None:
    """Forget old events, a bounded number at a time; no sender repeats one that long. Ignored ones go sooner."""
    for condition, instant in (("", before), (" AND outcome = 'ignored'", ignored_before)):
        connection.execute(
            "DELETE FROM notifications WHERE (door, identity) IN"
            f" (SELECT door, identity FROM notifications WHERE received_at < ?{condition} LIMIT ?)",
            (instant, limit),
        )
