"""Messages to people on disk, one row for each channel: written with what they tell, and sent at least once.

A message is *leaving* from the commit before it is sent until the one after: a process that died in between sends it
again. What nobody needs any more, because it was over before it left, is *overtaken*.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from actors.domain.time import Instant

_OPEN = "state IN ('waits', 'leaving')"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A row."""

    id: int
    kind: str
    owner: str
    channel: str
    alert: int | None
    severity: str
    title: str
    text: str
    made_at: Instant
    due_at: Instant
    state: str
    tries: int
    sent_at: Instant | None
    error: str


_COLUMNS = ", ".join(Notice.__struct_fields__)


def _row(row: tuple[object, ...]) -> Notice:
    return msgspec.convert(dict(zip(Notice.__struct_fields__, row, strict=True)), Notice)


def write(
    connection: sqlite3.Connection,
    *,
    key: str,
    kind: str,
    owner: str,
    channel: str,
    severity: str,
    title: str,
    text: str,
    now: Instant,
    due_at: Instant,
    alert: int | None = None,
) -> bool:
    """Write a message down; False: it is there already."""
    cursor = connection.execute(
        "INSERT INTO notices (key, kind, owner, channel, alert, severity, title, text, made_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (key, kind, owner, channel, alert, severity, title, text, now, due_at),
    )
    return cursor.rowcount == 1


def waiting(connection: sqlite3.Connection, channel: str, *, now: Instant) -> list[Notice]:
    """Return what is to leave by a channel now, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM notices WHERE channel = ? AND {_OPEN} AND due_at <= ? ORDER BY id", (channel, now)
    )
    return [_row(row) for row in rows]


def next_due(connection: sqlite3.Connection, channel: str) -> Instant | None:
    """Return when the next message of a channel is to leave; None: none waits."""
    row = connection.execute(f"SELECT min(due_at) FROM notices WHERE channel = ? AND {_OPEN}", (channel,)).fetchone()
    return None if row[0] is None else int(row[0])


def sent_since(connection: sqlite3.Connection, channel: str, since: Instant) -> int:
    """Count what left by a channel since."""
    row = connection.execute(
        "SELECT count(*) FROM notices WHERE channel = ? AND sent_at >= ?", (channel, since)
    ).fetchone()
    return int(row[0])


def _all(connection: sqlite3.Connection, sql: str, notices: Sequence[Notice], *values: object) -> None:
    connection.executemany(sql, [(*values, notice.id) for notice in notices])


def leave(connection: sqlite3.Connection, notices: Sequence[Notice]) -> None:
    """Say that these are about to be sent."""
    _all(connection, "UPDATE notices SET state = 'leaving', tries = tries + 1 WHERE id = ?", notices)


def sent(connection: sqlite3.Connection, notices: Sequence[Notice], *, now: Instant) -> None:
    """Say that these were sent."""
    _all(connection, "UPDATE notices SET state = 'sent', sent_at = ?, error = '' WHERE id = ?", notices, now)


def failed(connection: sqlite3.Connection, notices: Sequence[Notice], error: str) -> None:
    """Say why these could not be sent this time."""
    _all(connection, "UPDATE notices SET error = ? WHERE id = ?", notices, error)


def give_up(connection: sqlite3.Connection, notices: Sequence[Notice], error: str) -> None:
    """Try these no more."""
    _all(connection, "UPDATE notices SET state = 'given_up', error = ? WHERE id = ?", notices, error)


def drop_other_channels(connection: sqlite3.Connection, channels: Collection[str]) -> int:
    """Give up what was for channels there are no more; return how many there were."""
    marks = ", ".join("?" for _ in channels)
    cursor = connection.execute(
        f"UPDATE notices SET state = 'given_up', error = 'the channel is configured no more' WHERE {_OPEN}"
        f" AND channel NOT IN ({marks})",
        tuple(channels),
    )
    return cursor.rowcount


def overtake(connection: sqlite3.Connection, alert: int) -> None:
    """Drop what of an alert has not left yet."""
    connection.execute("UPDATE notices SET state = 'overtaken' WHERE alert = ? AND state = 'waits'", (alert,))


def unheard(connection: sqlite3.Connection, alert: int) -> set[str]:
    """Return the channels that were to hear of an alert, and did not: it was over first, or given up."""
    rows = connection.execute(
        "SELECT channel FROM notices WHERE alert = ? AND kind IN ('alert', 'escalation') GROUP BY channel"
        " HAVING NOT max(state IN ('waits', 'leaving', 'sent'))",
        (alert,),
    )
    return {row[0] for row in rows}


def of_alerts(connection: sqlite3.Connection, alerts: Collection[int]) -> dict[int, list[Notice]]:
    """Return the messages of these alerts."""
    found: dict[int, list[Notice]] = {alert: [] for alert in alerts}
    marks = ", ".join("?" for _ in alerts)
    for row in connection.execute(
        f"SELECT {_COLUMNS} FROM notices WHERE alert IN ({marks}) ORDER BY id", tuple(alerts)
    ):
        notice = _row(row)
        if notice.alert is not None:
            found[notice.alert].append(notice)
    return found
