"""What the stock flow needs from both systems."""

from __future__ import annotations

from typing import Protocol

from actors.domain.availability import StockPage
from actors.domain.feed import FeedCursor
from actors.domain.inventory import DateChange, Entry
from actors.domain.time import Instant
from actors.governor.journal import Intent


class Availability(Protocol):
    """Cin7 Core's list of what is available. It has no modified-since and may move while it is read (fact sheet §4)."""

    async def stock_page(self, *, page: int) -> StockPage:
        """Read one page of up to 1,000 rows of all SKUs.

        Raises:
            Transient: no clear answer, or one without its Total.
        """
        ...

    async def stock_of(self, sku: str) -> StockPage:
        """Read every row of exactly one SKU (the filter may mean *starts with*: others are left out).

        Raises:
            Transient: no clear answer, or rows and Total do not add up.
        """
        ...


class Shelves(Protocol):
    """commercetools' inventory entries. Reads by id and writes are strongly consistent, lists need not be."""

    async def entries_by_id(self, *, after_id: str, limit: int) -> list[Entry]:
        """Read one page of every entry, by id ("" begins)."""
        ...

    async def changed_entries(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[Entry]:
        """Read one page of the entries changed after a cursor, oldest change first."""
        ...

    async def entries_of(self, sku: str) -> list[Entry]:
        """Read every entry of a SKU."""
        ...

    async def read_entry(self, entry_id: str) -> Entry:
        """Read one entry.

        Raises:
            Missing: it is gone.
        """
        ...

    async def write_entry(
        self, entry: Entry, *, quantity: int | None, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Change quantity (absolute `changeQuantity`), date of delivery, or both, under `entry.version`.

        Raises:
            Conflict: the entry has changed since it was read.
            InDoubt: no clear answer.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was written.
        """
        ...

    async def create_entry(
        self, sku: str, channel: str, *, quantity: int, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Make an entry under its deterministic key.

        Raises:
            Rejected: refused; code DuplicateField where it exists already.
            InDoubt, Transient, Limited, Unauthorised: as for a change.
        """
        ...
