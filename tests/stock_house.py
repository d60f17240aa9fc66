"""A shop whose stock is published: both doubles, the daemon, and a few SKUs whose ledgers run."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from actors.messages import Flow
from actors.stock.publishing import sku_nudge
from actors.stock.reading import LIST
from actors.stock.rules import StockRules
from adapters.sandbox.carts import LineDraft
from storage import availability, entries, outbox
from storage.entries import Change, EntryRecord
from tests.simulation.world import World, plan, world

MUG = "HW-MUG-STN-01"
BOWL = "EN-INS-DOOR"
MAIN = "Main Warehouse"
MINUTE = 60.0


def rules(**changes: Any) -> StockRules:
    """The merchant's choices: one channel, a pass a minute."""
    return msgspec.structs.replace(StockRules(channels={"": (MAIN,)}, snapshot=60_000), **changes)


class StockHouse:
    """What scenarios ask and do."""

    def __init__(self, made: World) -> None:
        self.made = made
        self.shop = made.shop
        self.cin7 = made.cin7

    # -- looking -------------------------------------------------------------------------------------------------------

    def shown(self, sku: str = MUG, channel: str | None = None) -> int | None:
        """What the storefront shows; None: no entry."""
        try:
            return self.shop.stock(sku, channel)
        except KeyError:
            return None

    def available(self, sku: str = MUG) -> int:
        """What Cin7 Core has available at the main location."""
        books = self.cin7.books
        product = books.product_by_sku(sku)
        assert product is not None
        return int(books.available(product.id, books.locations[0].id))

    def record(self, sku: str = MUG, channel: str = "") -> EntryRecord | None:
        """What the daemon's file knows of an entry."""
        return self.made.read(lambda connection: entries.get(connection, sku, channel))

    def history(self, sku: str = MUG) -> list[Change]:
        """What the daemon wrote, oldest first."""
        return self.made.read(lambda connection: entries.history(connection, sku, limit=100))[::-1]

    def steps(self, sku: str = MUG) -> list[str]:
        """The steps it took."""
        return [change.step for change in self.history(sku)]

    def runs(self, sku: str = MUG, channel: str = "") -> bool:
        """Say whether a ledger may be raised by."""
        record = self.record(sku, channel) if self.made.daemon.running else None
        return record is not None and record.put is not None and not record.suspended

    def conflicts(self, sku: str = MUG) -> int:
        """How many conflicts its entry has met since it was last written."""
        record = self.record(sku)
        return 0 if record is None else record.conflicts

    def entry(self, sku: str = MUG) -> dict[str, Any]:
        """The entry as commercetools holds it."""
        return next(one for one in self.shop.inventory.values() if one["sku"] == sku)

    def told(self, sku: str = MUG) -> list[str]:
        """The types of open exceptions about a SKU."""
        return self.made.daemon.open_types(sku)

    def writes(self) -> int:
        """How many writes of entries reached commercetools."""
        return self.made.calls("inventory_update") + self.made.calls("inventory_create")

    def named(self, sku: str = MUG) -> int:
        """How often a SKU was asked for by name."""
        readings = self.made.read(lambda connection: availability.readings_of(connection, sku))
        return sum(reading.named for reading in readings)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def order(self, quantity: int = 1, sku: str = MUG, **changes: Any) -> str:
        """Place an order of one SKU."""
        line = LineDraft(sku=sku, quantity=quantity, supply_channel=changes.pop("channel", None))
        return self.made.place(lines=(line,), **changes)

    async def act(self, unit: Callable[[sqlite3.Connection], Any], sku: str = MUG) -> None:
        """Do what a person's command does in the file, and have the SKU looked at."""
        now = self.made.clock.now()

        def acted(connection: sqlite3.Connection) -> None:
            unit(connection)
            outbox.accept(connection, sku_nudge(sku, now), now=now)

        await self.made.daemon.write(acted)

    async def read(self) -> None:
        """Have the whole list read now, and wait until it was."""
        before = self.made.calls("availability")
        await self.made.daemon.nudge(LIST, Flow.STOCK)
        await self.made.until(lambda: self.made.calls("availability") > before, within=120)
        await self.made.clock.sleep(2)

    async def shows(self, quantity: int | None, sku: str = MUG, *, within: float = 5 * MINUTE) -> None:
        """Wait until the storefront shows a figure."""
        try:
            await self.made.until(lambda: self.shown(sku) == quantity, within=within)
        except AssertionError as error:
            raise AssertionError(f"{sku} shows {self.shown(sku)}, not {quantity}: {self.record(sku)}") from error

    async def stays(self, quantity: int | None, sku: str = MUG, *, minutes: float = 4) -> None:
        """Let time pass, and see that the storefront shows the same all along."""
        for _ in range(round(minutes * 12)):
            assert self.shown(sku) == quantity, f"{self.shown(sku)}, not {quantity}: {self.history(sku)[-3:]}"
            await self.made.clock.sleep(5)


@asynccontextmanager
async def stock_house(
    seed: int = 1, *, the_rules: StockRules | None = None, until: str = MUG, before: Any = None, **changes: Any
) -> AsyncIterator[StockHouse]:
    """Open the shop. `before` sets the doubles up before the daemon reads anything; `until`: whose ledger runs."""
    shop = {"decrement_lag_seconds": 2.0} | changes.pop("shop", {})
    the_plan = plan(stock=the_rules or rules(), **changes.pop("the_plan", {}))
    async with world(seed, the_plan=the_plan, shop=shop, **changes) as made:
        house = StockHouse(made)
        if before is not None:
            before(house)
        await made.ready()
        if until:
            await made.until(lambda: house.runs(until), within=10 * MINUTE, every=5)
        yield house
