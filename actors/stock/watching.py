"""Watches commercetools' entries: all of them once a day, those that changed every minute.

An entry falls by orders and rises by us. What else happens to it is seen here: a rise is told at once, and the daily
compare sorts every difference between the two systems into what is under way, what is lag, and drift.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.core.actor import Done, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.exception_types import Finding
from actors.domain.feed import FeedCursor
from actors.domain.inventory import Entry
from actors.domain.time import Instant
from actors.stock.assessing import LISTED, Case, Listed
from actors.stock.comparing import Difference, difference
from actors.stock.ports import Shelves
from actors.stock.publishing import READS, drift_finding, record_of, see
from actors.stock.reading import ASSESS, ASSESSED, nudge
from actors.stock.rules import DAY, StockRules
from actors.stock.settling import assess_all, settle
from storage import cursors, demand, entries, exceptions, meta, outbox
from storage.cursors import Cursor

ALL = "entries:all"
CHANGED = "entries:changed"
"""Subjects: the listing of every entry, and that of the changed ones."""

LISTING = "stock_listing"
COMPARE = "stock_compare"
CURSOR = "stock:entries"

PAGE = 500
OVERLAP = 30_000
"""Milliseconds that are read again: a list may show a change late."""


class Listing(msgspec.Struct, kw_only=True):
    """How far the listing of every entry is, and what its compare has found so far. `after_id` "": it begins."""

    number: int = 0
    began_at: Instant = 0
    after_id: str = ""
    elsewhere: int = 0
    counts: dict[str, int] = {}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The last whole compare."""

    at: Instant
    compared: int
    exact: int
    in_flight: int
    lag: int
    drift: int
    elsewhere: int


class Watcher(Ruled[StockRules]):
    """Handles the messages that read commercetools' entries."""

    def __init__(self, surroundings: Surroundings, *, shelves: Shelves, rules: InForce[StockRules]) -> None:
        self._around = surroundings
        self._shelves = shelves
        super().__init__(rules)

    # -- every entry ---------------------------------------------------------------------------------------------------

    async def list_page(self) -> Done:
        """Read one page of all entries, keep it, and compare it."""
        listing = await self._around.database.read(listing_of)
        if not listing.after_id:
            listing = Listing(number=listing.number + 1, began_at=self._around.clock.now())
        page = await self._shelves.entries_by_id(after_id=listing.after_id, limit=PAGE)
        ours = [entry for entry in page if entry.channel in self._rules.channels]
        await self._around.database.run(lambda connection: self._keep(connection, listing, ours))
        cases = await assess_all(self._around, self._rules, list(dict.fromkeys(entry.sku for entry in ours)))
        met = {(entry.sku, entry.channel) for entry in ours}
        compared = [case for case in cases if (case.sku, case.channel) in met]
        return self._advance(listing, page, len(page) - len(ours), compared)

    def _keep(self, connection: sqlite3.Connection, listing: Listing, ours: Sequence[Entry]) -> None:
        now = self._around.clock.now()
        if not listing.after_id:
            entries.forget_duplicates(connection)
        for entry in ours:
            known = entries.get(connection, entry.sku, entry.channel)
            if known is not None and known.entry_id not in (None, entry.id) and known.listing == listing.number:
                _tell_duplicate(connection, entry, known.entry_id or "", now)
                continue
            see(connection, entry, now)
            # At once: its twin may stand on the same page.
            entries.met(connection, [entry], number=listing.number)

    def _advance(self, listing: Listing, page: Sequence[Entry], elsewhere: int, cases: Sequence[Case]) -> Done:
        last = len(page) < PAGE
        counts = dict(listing.counts)
        found = [(case, *difference(case)) for case in cases]
        for _, kind, _ in found:
            counts[kind.value] = counts.get(kind.value, 0) + 1
        following = msgspec.structs.replace(
            listing,
            after_id="" if last or not page else page[-1].id,
            counts=counts,
            elsewhere=listing.elsewhere + elsewhere,
        )
        now = self._around.clock.now()

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            for case, kind, units in found:
                _tell(connection, case, kind, units, at)
            for one in settle(connection, self._rules, cases, at):
                outbox.accept(connection, one, now=at)
            meta.set_text(connection, LISTING, msgspec.json.encode(following).decode())
            clear_connection(connection, "commercetools", *READS, now=at)
            if last:
                self._conclude(connection, following, at)

        return Done(unit=unit, nudges=(nudge(ALL, listing.began_at + DAY if last else now),))

    def _conclude(self, connection: sqlite3.Connection, listing: Listing, now: Instant) -> None:
        """The listing is whole: what it has not met is gone, and what was never met is not there."""
        for record in entries.not_met(connection, number=listing.number, before=listing.began_at):
            entries.absent(connection, record.sku, record.channel, read_from=listing.began_at, read_at=now)
        listed = Listed(began_at=listing.began_at, ended_at=now)
        meta.set_text(connection, LISTED, msgspec.json.encode(listed).decode())
        counts = listing.counts
        compared = Compared(
            at=now,
            compared=sum(counts.values()),
            exact=counts.get(Difference.EXACT, 0),
            in_flight=counts.get(Difference.IN_FLIGHT, 0),
            lag=counts.get(Difference.LAG, 0),
            drift=counts.get(Difference.DRIFT, 0),
            elsewhere=listing.elsewhere,
        )
        meta.set_text(connection, COMPARE, msgspec.json.encode(compared).decode())
        meta.set_text(connection, ASSESSED, "")
        outbox.accept(connection, nudge(ASSESS, now), now=now)
        demand.prune(connection, before=now - DAY)
        if cursors.get(connection, CURSOR) is None:
            cursors.put(connection, CURSOR, Cursor(at=listing.began_at - OVERLAP), now=now)

    # -- those that changed --------------------------------------------------------------------------------------------

    async def changes(self) -> Done:
        """Read the entries that changed since the last look."""
        now = self._around.clock.now()
        cursor = await self._around.database.read(lambda connection: cursors.get(connection, CURSOR))
        if cursor is None:
            return Done(nudges=(nudge(CHANGED, now + self._rules.sweep),))
        after = FeedCursor(at=cursor.at, id=cursor.after_id)
        page = await self._shelves.changed_entries(after, until=None, limit=PAGE)
        ours = [entry for entry in page if entry.channel in self._rules.channels]
        full = len(page) == PAGE
        await self._around.database.run(lambda connection: self._see(connection, ours))
        cases = await assess_all(self._around, self._rules, list(dict.fromkeys(entry.sku for entry in ours)))

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            for one in settle(connection, self._rules, cases, at):
                outbox.accept(connection, one, now=at)
            if page and full:
                following = Cursor(at=page[-1].modified_at, after_id=page[-1].id)
            else:
                newest = max([cursor.at + OVERLAP, *(entry.modified_at for entry in page)])
                following = Cursor(at=newest - OVERLAP)
            cursors.put(connection, CURSOR, following, now=at)
            clear_connection(connection, "commercetools", *READS, now=at)

        return Done(unit=unit, nudges=(nudge(CHANGED, now if full else now + self._rules.sweep),))

    def _see(self, connection: sqlite3.Connection, ours: Sequence[Entry]) -> None:
        now = self._around.clock.now()
        for entry in ours:
            see(connection, entry, now)


def listing_of(connection: sqlite3.Connection) -> Listing:
    """Return how far the listing of every entry is."""
    known = meta.text(connection, LISTING)
    return msgspec.json.decode(known, type=Listing) if known else Listing()


def _tell(connection: sqlite3.Connection, case: Case, kind: Difference, units: int, now: Instant) -> None:
    record = record_of(case.sku)
    if kind is Difference.DRIFT:
        right = (case.sum.there or 0) - units
        exceptions.raise_finding(connection, record, drift_finding(case, units, right), now=now)
        return
    if kind is Difference.EXACT:
        exceptions.clear(
            connection,
            record,
            resolution="the compare finds it exact",
            now=now,
            types=("stock_drift", "stock_duplicate"),
            fields=(case.channel,),
        )


def _tell_duplicate(connection: sqlite3.Connection, entry: Entry, other: str, now: Instant) -> None:
    finding = Finding(
        code="stock_duplicate",
        cause=f"{entry.sku} has two inventory entries for the same channel: {other} and {entry.id}.",
        field=entry.channel,
        sku=entry.sku,
        facts={"entries": f"{other}, {entry.id}", "channel": entry.channel},
    )
    exceptions.raise_finding(connection, record_of(entry.sku), finding, now=now)
    entries.refuse(connection, entry.sku, entry.channel, entries.DUPLICATE)
