"""The entries of commercetools on disk, each with its ledger, and what was ever written into them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date

import msgspec

from actors.domain.inventory import Entry
from actors.domain.ledger import Ledger, Shelf, old_by
from actors.domain.time import Instant


class EntryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as kept: see `storage/migrations/0004_stock.sql`. `entry_id` None: there is certainly none."""

    sku: str
    channel: str
    entry_id: str | None
    version: int
    quantity: int
    expected_delivery: date | None
    read_from: Instant
    read_at: Instant
    modified_by: str
    put: int | None
    base: Instant | None
    trued_at: Instant | None
    suspended: str
    low_by: int
    waits: str
    waits_since: Instant | None
    pending: int | None
    pending_call: int | None
    doubtful: int | None
    reread_after: Instant | None
    published_at: Instant | None
    published_date: date | None
    conflicts: int
    refused: str
    listing: int
    sum: str

    @property
    def shelf(self) -> Shelf:
        """The entry, as rules see it."""
        quantity = self.quantity if self.entry_id is not None else None
        return Shelf(quantity=quantity, version=self.version, read_from=self.read_from, read_at=self.read_at)

    @property
    def ledger(self) -> Ledger | None:
        """Its ledger, if it has begun."""
        if self.put is None or self.base is None:
            return None
        return Ledger(put=self.put, base=self.base, suspended=self.suspended, low_by=self.low_by)


RAISED = "somebody else raised it"
"""Why a ledger is suspended whose entry rose without us."""

DUPLICATE = "there are two entries for this channel"
"""What is kept as refused where commercetools has an entry twice: none of them is written."""

_COLUMNS = ", ".join(EntryRecord.__struct_fields__)


def _record(row: Sequence[object]) -> EntryRecord:
    return msgspec.convert(dict(zip(EntryRecord.__struct_fields__, row, strict=True)), EntryRecord)


def of_sku(connection: sqlite3.Connection, sku: str) -> list[EntryRecord]:
    """Return the entries of a SKU, by channel."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE sku = ? ORDER BY channel", (sku,))
    return [_record(row) for row in rows]


def get(connection: sqlite3.Connection, sku: str, channel: str) -> EntryRecord | None:
    """Return one entry."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE sku = ? AND channel = ?", (sku, channel)).fetchone()
    return None if row is None else _record(row)


def saw(connection: sqlite3.Connection, entry: Entry) -> int:
    """Keep an entry as read, unless something newer is known; return by how much it rose without us (0: it did not).

    Between two readings an entry can only fall, by orders; what we wrote was noted before it was sent. A rise beyond
    that is somebody else's: its ledger is suspended until the next true-up.
    """
    known = get(connection, entry.sku, entry.channel)
    if known is not None and known.entry_id == entry.id and entry.version < known.version:
        return 0
    rise = 0
    if known is not None and known.entry_id == entry.id and entry.version > known.version:
        explained = (known.quantity, known.pending, known.doubtful)
        most = max(quantity for quantity in explained if quantity is not None)
        rise = max(0, entry.quantity - most)
    replaced = known is not None and known.entry_id != entry.id
    if known is not None and _proves_more(connection, known, entry):
        _look_from(connection, entry)
    _keep(connection, entry)
    if rise and known is not None and known.put is not None:
        suspend(connection, entry.sku, entry.channel, RAISED)
    if replaced:
        # Made anew, or made at all: nothing is known of what stands in it.
        connection.execute(
            "UPDATE entries SET put = NULL, base = NULL, pending = NULL, pending_call = NULL, doubtful = NULL,"
            " reread_after = NULL, suspended = '' WHERE sku = ? AND channel = ?",
            (entry.sku, entry.channel),
        )
    return rise


def _proves_more(connection: sqlite3.Connection, known: EntryRecord, entry: Entry) -> bool:
    """Say whether the same version seen again proves that orders are off it which may have been on it at first."""
    if known.entry_id != entry.id or known.version != entry.version:
        return False
    row = connection.execute(
        "SELECT 1 FROM demand d JOIN orders o ON o.id = d.order_id WHERE d.sku = ? AND d.channel = ? AND d.taken > 0"
        " AND o.created_at > ? AND o.created_at <= ? LIMIT 1",
        (entry.sku, entry.channel, old_by(known.shelf.read_from), old_by(entry.read_from)),
    ).fetchone()
    return row is not None


def _look_from(connection: sqlite3.Connection, entry: Entry) -> None:
    """What is known of an entry counts from this look at it."""
    connection.execute(
        "UPDATE entries SET read_from = ?, read_at = ? WHERE sku = ? AND channel = ?",
        (entry.read_from, entry.read_at, entry.sku, entry.channel),
    )


def _keep(connection: sqlite3.Connection, entry: Entry) -> None:
    """Keep an entry, unless a newer version of it is kept."""
    day = entry.expected_delivery.isoformat() if entry.expected_delivery else None
    connection.execute(
        "INSERT INTO entries (sku, channel, entry_id, version, quantity, expected_delivery, read_from, read_at,"
        " modified_by) VALUES (:sku, :channel, :id, :version, :quantity, :day, :read_from, :read_at, :by)"
        " ON CONFLICT (sku, channel) DO UPDATE SET entry_id = :id, version = :version, quantity = :quantity,"
        " expected_delivery = :day, modified_by = :by,"
        # A true-up counts from the first look at a version: else one that is often seen would never be trued up.
        " read_from = CASE WHEN entry_id IS :id AND version = :version THEN read_from ELSE :read_from END,"
        " read_at = CASE WHEN entry_id IS :id AND version = :version THEN read_at ELSE :read_at END"
        " WHERE entry_id IS NOT :id OR version <= :version",
        {
            "sku": entry.sku,
            "channel": entry.channel,
            "id": entry.id,
            "version": entry.version,
            "quantity": entry.quantity,
            "day": day,
            "read_from": entry.read_from,
            "read_at": entry.read_at,
            "by": entry.modified_by,
        },
    )


def absent(connection: sqlite3.Connection, sku: str, channel: str, *, read_from: Instant, read_at: Instant) -> None:
    """Keep that commercetools had no such entry when it was asked. The ledger of one that is gone is gone with it."""
    connection.execute(
        "INSERT INTO entries (sku, channel, entry_id, read_from, read_at) VALUES (:sku, :channel, NULL, :from, :at)"
        " ON CONFLICT (sku, channel) DO UPDATE SET"
        " read_from = CASE WHEN entry_id IS NULL THEN read_from ELSE :from END,"
        " read_at = CASE WHEN entry_id IS NULL THEN read_at ELSE :at END,"
        " entry_id = NULL, version = 0, quantity = 0, put = NULL, base = NULL, pending = NULL, pending_call = NULL,"
        " doubtful = NULL, reread_after = NULL, suspended = ''",
        {"sku": sku, "channel": channel, "from": read_from, "at": read_at},
    )


# -- the ledger ----------------------------------------------------------------------------------------------------


def suspend(connection: sqlite3.Connection, sku: str, channel: str, why: str) -> None:
    """Raise nothing more before the next true-up; what suspended it first is kept."""
    connection.execute(
        "UPDATE entries SET suspended = CASE WHEN suspended = '' THEN ? ELSE suspended END"
        " WHERE sku = ? AND channel = ? AND put IS NOT NULL",
        (why, sku, channel),
    )


def suspend_all(connection: sqlite3.Connection, why: str) -> None:
    """Every ledger waits for its true-up: the file is not the one that was last written."""
    connection.execute("UPDATE entries SET suspended = ? WHERE put IS NOT NULL", (why,))


def restart(
    connection: sqlite3.Connection, sku: str, channel: str, *, put: int, base: Instant, now: Instant, low_by: int = 0
) -> None:
    """Begin the ledger anew with what stands in the entry."""
    connection.execute(
        "UPDATE entries SET put = ?, base = ?, low_by = ?, trued_at = ?, suspended = '', waits = '',"
        " waits_since = NULL, pending = NULL, pending_call = NULL, doubtful = NULL WHERE sku = ? AND channel = ?",
        (put, base, low_by, now, sku, channel),
    )


def move_put(connection: sqlite3.Connection, sku: str, channel: str, by: int) -> None:
    """Add to the ledger what was really put in."""
    connection.execute(
        "UPDATE entries SET put = put + ? WHERE sku = ? AND channel = ? AND put IS NOT NULL", (by, sku, channel)
    )


def intend(connection: sqlite3.Connection, sku: str, channel: str, quantity: int, call_id: int) -> None:
    """Note what is about to be written, in the commit of the intent."""
    connection.execute(
        "UPDATE entries SET pending = ?, pending_call = ? WHERE sku = ? AND channel = ?",
        (quantity, call_id, sku, channel),
    )


def forget_intent(connection: sqlite3.Connection, sku: str, channel: str) -> None:
    """What was about to be written was certainly not, or is settled."""
    connection.execute(
        "UPDATE entries SET pending = NULL, pending_call = NULL WHERE sku = ? AND channel = ?", (sku, channel)
    )


def doubt(connection: sqlite3.Connection, sku: str, channel: str, *, until: Instant) -> None:
    """The answer to a write was lost: it counts as done if it raised, as not done if it lowered, until the true-up.

    It may still be executed `until` then; after that the entry is read. The quantity stays noted, so that its coming
    true is nobody else's rise.
    """
    connection.execute(
        "UPDATE entries SET put = put + max(0, coalesce(pending, quantity) - quantity), pending = NULL,"
        " pending_call = NULL, doubtful = max(coalesce(doubtful, pending), coalesce(pending, doubtful)),"
        " reread_after = ? WHERE sku = ? AND channel = ? AND pending_call IS NOT NULL",
        (until, sku, channel),
    )
    suspend(connection, sku, channel, "the answer to a write was lost")


def doubt_all(connection: sqlite3.Connection, *, until: Instant) -> list[str]:
    """Treat every write that was on the wire when the process ended as one whose answer was lost. Return the SKUs."""
    rows = connection.execute("SELECT sku, channel FROM entries WHERE pending_call IS NOT NULL").fetchall()
    for sku, channel in rows:
        doubt(connection, sku, channel, until=until)
    return [sku for sku, _ in rows]


def wait(connection: sqlite3.Connection, sku: str, channel: str, waits: str, *, now: Instant) -> None:
    """Keep what the next change of an entry waits for, and since when it waits at all."""
    connection.execute(
        "UPDATE entries SET waits = :waits, waits_since = CASE WHEN :waits = '' THEN NULL"
        " ELSE coalesce(waits_since, :now) END WHERE sku = :sku AND channel = :channel AND waits <> :waits",
        {"waits": waits, "now": now, "sku": sku, "channel": channel},
    )


def explain(connection: sqlite3.Connection, sku: str, channel: str, text: str) -> None:
    """Keep the sum behind the published figure."""
    connection.execute("UPDATE entries SET sum = ? WHERE sku = ? AND channel = ?", (text, sku, channel))


def published(
    connection: sqlite3.Connection,
    entry: Entry,
    *,
    step: str,
    before: int | None,
    explanation: str,
    now: Instant,
) -> None:
    """Keep an entry as we wrote it, with the sum behind it, in the history too. A stray write is void by now.

    The ledger was moved before. Somebody may have seen the entry while our answer was on its way: what is newer stays,
    and if it is more than we wrote, it is a rise that is not ours.
    """
    known = get(connection, entry.sku, entry.channel)
    newer = known is not None and known.entry_id == entry.id and known.version > entry.version
    if newer and known is not None and known.quantity > entry.quantity:
        suspend(connection, entry.sku, entry.channel, RAISED)
    _keep(connection, entry)
    if known is None or known.expected_delivery != entry.expected_delivery:
        # Only a date that was changed is ours: one that somebody set stays theirs, whatever else is written.
        day = entry.expected_delivery.isoformat() if entry.expected_delivery else None
        connection.execute(
            "UPDATE entries SET published_date = ? WHERE sku = ? AND channel = ?", (day, entry.sku, entry.channel)
        )
    connection.execute(
        "UPDATE entries SET published_at = ?, sum = ?, conflicts = 0, refused = '', pending = NULL,"
        " pending_call = NULL, doubtful = NULL, reread_after = NULL WHERE sku = ? AND channel = ?",
        (now, explanation, entry.sku, entry.channel),
    )
    connection.execute(
        "INSERT INTO stock_history (at, sku, channel, step, before, quantity, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (now, entry.sku, entry.channel, step, before, entry.quantity, explanation),
    )


def note_would(
    connection: sqlite3.Connection,
    sku: str,
    channel: str,
    *,
    step: str,
    before: int | None,
    quantity: int,
    explanation: str,
    now: Instant,
) -> None:
    """Keep what would have been written (shadow mode)."""
    connection.execute(
        "INSERT INTO stock_history (at, sku, channel, step, before, quantity, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (now, sku, channel, step, before, quantity, explanation),
    )


def refuse(connection: sqlite3.Connection, sku: str, channel: str, words: str) -> None:
    """Keep what commercetools said when it refused to change an entry ("": nothing)."""
    connection.execute("UPDATE entries SET refused = ? WHERE sku = ? AND channel = ?", (words, sku, channel))


def forget_duplicates(connection: sqlite3.Connection) -> None:
    """A listing begins: it will tell which entries are there twice."""
    connection.execute("UPDATE entries SET refused = '' WHERE refused = ?", (DUPLICATE,))


def conflict(connection: sqlite3.Connection, sku: str, channel: str, times: int) -> None:
    """Count conflicts in a row."""
    connection.execute(
        "UPDATE entries SET conflicts = conflicts + ? WHERE sku = ? AND channel = ?", (times, sku, channel)
    )


def reread(connection: sqlite3.Connection, sku: str, channel: str) -> None:
    """The entry was read after a write of lost outcome could last be executed."""
    connection.execute("UPDATE entries SET reread_after = NULL WHERE sku = ? AND channel = ?", (sku, channel))


def met(connection: sqlite3.Connection, entries: Sequence[Entry], *, number: int) -> None:
    """Note that a listing of all entries met these."""
    connection.executemany(
        "UPDATE entries SET listing = ? WHERE sku = ? AND channel = ?",
        [(number, entry.sku, entry.channel) for entry in entries],
    )


def not_met(connection: sqlite3.Connection, *, number: int, before: Instant) -> list[EntryRecord]:
    """Return entries that a listing did not meet, of those known before it began."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE entry_id IS NOT NULL AND listing <> ? AND read_at < ? LIMIT 1000",
        (number, before),
    )
    return [_record(row) for row in rows]


def waiting(
    connection: sqlite3.Connection, kinds: Sequence[str], *, untrued_before: Instant, after: str, limit: int
) -> list[str]:
    """Return SKUs whose entries wait for one of these, or have known orders and a ledger older than that, by name."""
    marks = ", ".join("?" for _ in kinds)
    rows = connection.execute(
        f"SELECT sku FROM entries WHERE waits IN ({marks}) AND sku > ? UNION"
        " SELECT e.sku FROM demand d JOIN entries e ON e.sku = d.sku AND e.channel = d.channel"
        " WHERE e.put IS NOT NULL AND e.trued_at < ? AND e.sku > ? ORDER BY 1 LIMIT ?",
        (*kinds, after, untrued_before, after, limit),
    )
    return [row[0] for row in rows]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an entry's history."""

    at: Instant
    channel: str
    step: str
    before: int | None
    quantity: int
    sum: str


def history(connection: sqlite3.Connection, sku: str, *, limit: int) -> list[Change]:
    """Return the last changes we made to the entries of a SKU, newest first."""
    rows = connection.execute(
        "SELECT at, channel, step, before, quantity, sum FROM stock_history WHERE sku = ? ORDER BY id DESC LIMIT ?",
        (sku, limit),
    )
    names = Change.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), Change) for row in rows]


def prune_history(connection: sqlite3.Connection, *, before: Instant, limit: int = 1000) -> int:
    """Drop the oldest lines, some at a time; return how many."""
    return connection.execute(
        "DELETE FROM stock_history WHERE id IN (SELECT id FROM stock_history WHERE at < ? LIMIT ?)", (before, limit)
    ).rowcount
