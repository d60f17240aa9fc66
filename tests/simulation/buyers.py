"""The people who keep the range: they enter items, correct barcodes, and put up products that no item is behind."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

from actors.catalogue import planning
from actors.catalogue.matching import PRODUCTS
from actors.catalogue.registry import FAMILIES
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import LISTINGS
from actors.domain.drafting import DraftRules
from actors.messages import Flow
from storage import drafts
from tests.simulation.laws import catalogue_off
from tests.simulation.world import World

RANGE = CatalogueRules(
    drafts=True,
    unpublish=True,
    share=100,
    sweep=120_000,
    quiet=10_000,
    draft=DraftRules(product_type="default", tax_category="standard", attributes={"Barcode": "barcode"}),
)
"""Everything that is written to products, with sweeps that cost little."""


class Buyers:
    """What they did, to be held against both sides.

    `barcodes` are those of items that have to become drafts, by SKU; `names` those that people gave to drafts, by
    product; `strangers` the products that no item is behind.
    """

    def __init__(self, made: World, chance: random.Random) -> None:
        self._made = made
        self._chance = chance
        self._numbers = 0
        self.barcodes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.strangers: list[str] = []
        self.over = False

    async def run(self) -> None:
        """Do something every minute or so; what is asked of a person is answered to the end."""
        while True:
            await self._made.clock.sleep(self._chance.uniform(10, 60))
            if not self.over:
                self._chance.choice(self._ways())()
            await self._approve()

    async def disturb(self, left: Collection[str]) -> None:
        """Give the points of products that are left something to happen at."""
        if any(point.startswith("commercetools.create_product") for point in left):
            self._enter()
            await self._ask(FAMILIES, PRODUCTS)
        if any(point.startswith("commercetools.update_product") for point in left):
            self._correct()
            await self._ask(PRODUCTS)
        if any(point.startswith("commercetools.unpublish_product") for point in left):
            self._put_up()
            await self._ask(LISTINGS)
            await self._approve()

    def settled(self) -> bool:
        """True when what they did is done on the other side too."""
        return not catalogue_off(self._made.shop, self.barcodes, self.strangers)

    def _ways(self) -> tuple[Callable[[], None], ...]:
        return (self._enter, self._correct, self._correct, self._put_up, self._put_up_beside, self._name)

    def _enter(self) -> None:
        """Enter an item, once new items become drafts: what is older does not."""
        if not self._made.daemon.running or self._made.read(drafts.since) is None:
            return
        sku = f"RANGE-{self._next()}"
        self.barcodes[sku] = self._new_barcode()
        self._made.cin7.add_item(sku, name=f"Lamp {sku}", barcode=self.barcodes[sku], stock=5)

    def _correct(self) -> None:
        """Give an item whose draft is there another barcode."""
        drafted = [sku for sku in self.barcodes if self._made.shop.product_of(sku) is not None]
        if drafted:
            sku = self._chance.choice(drafted)
            self.barcodes[sku] = self._new_barcode()
            self._made.cin7.edit_item(sku, barcode=self.barcodes[sku])

    def _put_up(self) -> None:
        """Publish a product whose SKU Cin7 Core does not know."""
        number = self._next()
        self.strangers.append(self._made.shop.add_product(f"STRANGER-{number}", name=f"Vase {number}"))

    def _put_up_beside(self) -> None:
        """Publish such a variant of a product that is sold: the product stays up."""
        known = self._made.cin7.books.product_by_sku
        sold = [sku for sku in self._made.shop.items if known(sku) is not None]
        product = self._made.shop.product_of(self._chance.choice(sold))
        assert product is not None
        self._made.shop.add_variant(product, f"BESIDE-{self._next()}")

    def _name(self) -> None:
        """Give a draft a better name."""
        found = [product for sku in self.barcodes if (product := self._made.shop.product_of(sku)) is not None]
        if found:
            product = self._chance.choice(found)
            self.names[product] = f"A better name {self._next()}"
            self._made.shop.edit_product(product, name=self.names[product])

    async def _approve(self) -> None:
        """Say yes to what would be unpublished."""
        made = self._made
        if "unpublish_asks" in made.daemon.open_types():
            now = made.clock.now()
            await made.daemon.write(lambda connection: planning.approve(connection, RANGE, now=now))

    async def _ask(self, *subjects: str) -> None:
        for subject in subjects:
            if self._made.daemon.running:
                await self._made.daemon.nudge(subject, Flow.CATALOGUE)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _new_barcode(self) -> str:
        return f"40123456{self._next():05}"
