"""A shop whose products are matched with Cin7 Core's items: both doubles, and the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from actors.catalogue import planning
from actors.catalogue.matching import PRODUCTS, ready
from actors.catalogue.registry import FAMILIES
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import LISTINGS
from actors.domain.coverage import Coverage
from actors.domain.drafting import DraftRules
from actors.intake.rules import SweepRules
from actors.messages import Flow
from storage import coverage, cursors, outbox, stock, would_haves
from storage.exceptions import ExceptionRow
from tests.simulation.world import World, plan, world

MUG = "HW-MUG-STN-01"
MINUTE = 60.0

DRAFTS = DraftRules(product_type="default", tax_category="standard", attributes={"Barcode": "barcode", "Size": "size"})


def rules(**changes: Any) -> CatalogueRules:
    """The merchant's choices: nothing is written."""
    return msgspec.structs.replace(CatalogueRules(), **changes)


class CatalogueHouse:
    """What scenarios ask and do."""

    def __init__(self, made: World) -> None:
        self.made = made
        self.shop = made.shop
        self.cin7 = made.cin7

    # -- looking -------------------------------------------------------------------------------------------------------

    def covered(self, sku: str) -> Coverage | None:
        """How a SKU stands; None while the process is dead as well."""
        return self.made.read(lambda connection: coverage.get(connection, sku)) if self.made.daemon.running else None

    def product_of(self, sku: str) -> str:
        """The product that has a SKU in the shop."""
        found = self.shop.product_of(sku)
        assert found is not None
        return found

    def counts(self) -> dict[str, int]:
        """How many SKUs stand how."""
        return self.made.read(coverage.counts)

    def told(self, *types: str) -> list[ExceptionRow]:
        """The open exceptions of these types."""
        return [row for row in self.made.daemon.open_exceptions() if row.type in types]

    def types(self) -> list[str]:
        """The types of all open exceptions, sorted."""
        return self.made.daemon.open_types()

    def blocked(self, sku: str) -> str:
        """Who blocked a SKU, "" where nobody did."""
        block = self.made.read(lambda connection: stock.block_of(connection, sku))
        return "" if block is None else block.author

    def would_haves(self) -> list[tuple[str, str]]:
        """What was not written: (what, record), oldest first."""
        rows = self.made.read(lambda connection: would_haves.listing(connection, flow="catalogue"))
        return [(row.what, row.record.partition(":")[0]) for row in rows][::-1]

    def writes(self) -> int:
        """How many writes of products reached commercetools."""
        return self.made.calls("product_create") + self.made.calls("product_update")

    def judged(self) -> bool:
        """True once both sides were read whole, and every SKU was judged."""
        if not self.made.daemon.running:
            return False
        waiting = self.made.read(lambda connection: outbox.is_waiting(connection, Flow.CATALOGUE, "judge"))
        some, _, _ = self.made.read(lambda connection: coverage.listing(connection, limit=1))
        return self.made.read(ready) and not waiting and bool(some)

    def quiet(self) -> bool:
        """True when nothing waits to be judged or looked at now."""
        now = self.made.clock.now()
        due = "SELECT 1 FROM outbox WHERE flow = 'catalogue' AND due_at <= ? AND subject LIKE '%:%'"
        return self.judged() and self.made.read(lambda file: file.execute(due, (now,)).fetchone()) is None

    # -- doing ---------------------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Have the storefront's changes read now, and what follows done."""
        await self._again(LISTINGS)

    async def refresh(self) -> None:
        """Have Cin7 Core's changes read now, families first, and what follows done."""
        await self._again(FAMILIES)
        await self._again(PRODUCTS)

    async def _again(self, subject: str) -> None:
        def read_at() -> int:
            if not self.made.daemon.running:
                return 0
            cursor = self.made.read(lambda connection: cursors.get(connection, subject))
            return cursor.at if cursor is not None else 0

        before = read_at()
        await self.made.clock.sleep(0.01)
        await self.made.daemon.nudge(subject, Flow.CATALOGUE)
        await self.made.until(lambda: read_at() > before, within=5 * MINUTE, every=0.5)
        await self.made.clock.sleep(3)

    async def approve(self) -> None:
        """A person approves what is planned."""
        now = self.made.clock.now()
        the_rules = self.made.plan.catalogue
        await self.made.daemon.write(lambda connection: planning.approve(connection, the_rules, now=now))


@asynccontextmanager
async def catalogue_house(
    seed: int = 1,
    *,
    the_rules: CatalogueRules | None = None,
    before: Any = None,
    patience: float = 10 * MINUTE,
    **changes: Any,
) -> AsyncIterator[CatalogueHouse]:
    """Open the shop. `before` sets the doubles up before the daemon reads anything."""
    # Nothing here hangs on the second an order is known in, and an hour of hot sweeps takes three seconds to play.
    unhurried = {"sweeps": SweepRules(since=0, hot=30_000)}
    the_plan = plan(catalogue=the_rules or rules(), **(unhurried | changes.pop("the_plan", {})))
    async with world(seed, the_plan=the_plan, **changes) as made:
        house = CatalogueHouse(made)
        if before is not None:
            before(house)
        await made.until(house.judged, within=patience)
        await made.clock.sleep(5)
        yield house
