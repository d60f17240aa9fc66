"""Two catalogues of many SKUs with seeded mismatches of every class: each has to be found and named, and none invented.

Run as `python -m tests.simulation.mismatches [--skus 50000] [--mismatches 500] [--seed 0]`: the whole daemon against
both doubles on virtual time, at 60 calls a minute. What should be found is written down by whoever seeds it, from the
class alone; then some of each class are mended and some good ones broken, on either side, and judged again.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from heapq import merge

import msgspec

from actors.domain.coverage import Flag, Match
from adapters.sandbox.catalogue import ITEMS
from adapters.sandbox.cin7_books import Product
from storage import coverage
from tests.catalogue_house import CatalogueHouse, catalogue_house, rules
from tests.simulation.world import virtual

HOUR = 3600.0
MATCHED, ONLY_CIN7, ONLY_SHOP = Match.MATCHED.value, Match.ONLY_CIN7.value, Match.ONLY_COMMERCETOOLS.value

Stand = tuple[str, frozenset[str]]
"""How a SKU should stand: on which sides, and its flags."""


class Expected(msgspec.Struct):
    """What should be found: how each SKU stands, and which exceptions are open, by SKU."""

    skus: dict[str, Stand] = {}
    told: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)

    def stands(self, sku: str, match: str, *flags: Flag) -> None:
        """A SKU should stand so."""
        self.skus[sku] = (match, frozenset(flag.value for flag in flags))

    def tells(self, kind: str, sku: str) -> None:
        """Somebody should be told so."""
        self.told[kind, sku] += 1


class Catalogues:
    """Fills both doubles, and writes down what should be found."""

    def __init__(self, house: CatalogueHouse, *, skus: int, mismatches: int, seed: int) -> None:
        self.house = house
        self.expected = Expected()
        self.good: list[str] = []
        self._chance = random.Random(f"mismatches/{seed}")
        self.twins: list[Product] = []
        """Items that have the SKU of another one, which the double makes for nobody."""
        self._show_twins()
        classes: list[Callable[[str], None]] = [
            self._only_cin7,
            self._only_shop,
            self._other_case,
            self._other_blanks,
            self._look_alike,
            self._deprecated,
            self._not_sellable,
            self._not_set_up,
            self._not_published,
            self._without_tax_category,
            self._without_price,
            self._twice_in_cin7,
            self._collision,
            self._without_sku,
            self._variant_unmatched,
        ]
        for item in ITEMS:
            self._is_good(item.sku)
        for number in range(mismatches):
            classes[number % len(classes)](f"BAD-{number:05}")
        for number in range(skus - len(ITEMS) - mismatches):
            self._both(f"SKU-{number:06}")

    def _is_good(self, sku: str) -> None:
        self.good.append(sku)
        self.expected.stands(sku, MATCHED)

    def _both(self, sku: str, *, published: bool = True, tax_category: bool = True, price: bool = True) -> str:
        self.house.cin7.add_item(sku)
        product = self.house.shop.add_product(sku, published=published, tax_category=tax_category, price=price)
        self._is_good(sku)
        return product

    def _bad(self, sku: str, match: str, *flags: Flag) -> None:
        self.expected.stands(sku, match, *flags)
        if sku in self.good:
            self.good.remove(sku)

    def _show_twins(self) -> None:
        books = self.house.cin7.books
        others = books.products_in_order
        books.products_in_order = lambda: merge(others(), self.twins, key=lambda one: one.sku)  # type: ignore[method-assign]

    @property
    def items(self) -> int:
        """How many rows Cin7 Core's list has."""
        return len(self.house.cin7.books.products) + len(self.twins)

    # -- the classes ---------------------------------------------------------------------------------------------------

    def _only_cin7(self, sku: str) -> None:
        self.house.cin7.add_item(sku)
        self._bad(sku, ONLY_CIN7)

    def _only_shop(self, sku: str) -> None:
        self.house.shop.add_product(sku)
        self._bad(sku, ONLY_SHOP)
        self.expected.tells("product_unmatched", sku)

    def _near(self, ours: str, theirs: str) -> None:
        self.house.cin7.add_item(theirs)
        self.house.shop.add_product(ours)
        self._bad(theirs, ONLY_CIN7, Flag.NEAR_MISS)
        self._bad(ours, ONLY_SHOP, Flag.NEAR_MISS)
        self.expected.tells("product_unmatched", ours)

    def _other_case(self, sku: str) -> None:
        self._near(sku.lower(), sku)

    def _other_blanks(self, sku: str) -> None:
        self._near(f"{sku} ", sku)

    def _look_alike(self, sku: str) -> None:
        self._near(sku.replace("B", "В"), sku)  # a Cyrillic letter

    def _deprecated(self, sku: str) -> None:
        self._both(sku)
        self.house.cin7.retire_item(sku)
        self._bad(sku, MATCHED, Flag.DEPRECATED)
        self.expected.tells("product_not_for_sale", sku)

    def _not_sellable(self, sku: str) -> None:
        self._both(sku)
        self.house.cin7.edit_item(sku, sellable=False)
        self._bad(sku, MATCHED, Flag.NOT_SELLABLE)
        self.expected.tells("product_not_for_sale", sku)

    def _not_set_up(self, sku: str) -> None:
        self._both(sku)
        self.house.cin7.edit_item(sku, status="Setup required")
        self._bad(sku, MATCHED, Flag.NOT_SELLABLE)
        self.expected.tells("product_not_for_sale", sku)

    def _not_published(self, sku: str) -> None:
        self._both(sku, published=False)
        self._bad(sku, MATCHED, Flag.NOT_PUBLISHED)

    def _without_tax_category(self, sku: str) -> None:
        self._both(sku, tax_category=False)
        self._bad(sku, MATCHED, Flag.NO_TAX_CATEGORY)

    def _without_price(self, sku: str) -> None:
        self._both(sku, price=False)
        self._bad(sku, MATCHED, Flag.NO_PRICE)

    def _twice_in_cin7(self, sku: str) -> None:
        self._both(sku)
        first = self.house.cin7.books.product_by_sku(sku)
        assert first is not None
        self.twins.append(msgspec.structs.replace(first, id=self.house.cin7.books.new_id()))
        self._bad(sku, MATCHED, Flag.DUPLICATE)
        self.expected.tells("sku_duplicate", sku)

    def _collision(self, sku: str) -> None:
        other = sku.replace("-", " ")
        self._both(sku)
        self.house.cin7.add_item(other)
        self._bad(sku, MATCHED, Flag.COLLISION)
        # The other one is of no product, and looks like one that is.
        self._bad(other, ONLY_CIN7, Flag.COLLISION, Flag.NEAR_MISS)

    def _without_sku(self, sku: str) -> None:
        product = self._both(sku)
        self.house.shop.edit_product(product, sku="")
        self._bad(sku, ONLY_CIN7)
        self.expected.tells("product_unmatched", "")

    def _variant_unmatched(self, sku: str) -> None:
        product = self._both(sku)
        self.house.shop.add_variant(product, f"{sku}-XL")
        self._bad(f"{sku}-XL", ONLY_SHOP)
        self.expected.tells("product_unmatched", f"{sku}-XL")

    # -- edits ---------------------------------------------------------------------------------------------------------

    def edit(self, many: int) -> None:
        """Break good SKUs on either side, and mend bad ones."""
        for number, sku in enumerate(self._chance.sample(self.good, 3 * many)):
            [self._renamed_in_cin7, self._renamed_in_shop, self._retired][number % 3](sku)
        mended = [sku for sku, (match, _) in self.expected.skus.items() if match == ONLY_SHOP and sku.startswith("BAD")]
        for sku in self._chance.sample(sorted(mended), min(many, len(mended))):
            self.house.cin7.add_item(sku)
            flags = self.expected.skus[sku][1] & {Flag.NEAR_MISS.value}
            self.expected.told.pop(("product_unmatched", sku))
            if not flags:
                self.expected.stands(sku, MATCHED)
                continue
            # Its look-alike is still there: now two items of Cin7 Core look alike.
            self.expected.stands(sku, MATCHED, Flag.COLLISION)
            self.expected.stands(self._other(sku), ONLY_CIN7, Flag.NEAR_MISS, Flag.COLLISION)

    def _other(self, sku: str) -> str:
        return sku.upper().strip().replace("В", "B")

    def _renamed_in_cin7(self, sku: str) -> None:
        self.house.cin7.rename_item(sku, f"NEW/{sku}")
        self._bad(sku, ONLY_SHOP)
        self._bad(f"NEW/{sku}", ONLY_CIN7)
        self.expected.tells("product_unmatched", sku)

    def _renamed_in_shop(self, sku: str) -> None:
        self.house.shop.rename_sku(sku, f"SHOP/{sku}")
        self._bad(sku, ONLY_CIN7)
        self._bad(f"SHOP/{sku}", ONLY_SHOP)
        self.expected.tells("product_unmatched", f"SHOP/{sku}")

    def _retired(self, sku: str) -> None:
        self.house.cin7.retire_item(sku)
        self._bad(sku, MATCHED, Flag.DEPRECATED)
        self.expected.tells("product_not_for_sale", sku)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found. `calls` are those of one whole reading of Cin7's products."""

    skus: int
    items: int
    calls: int
    missed: tuple[str, ...]
    invented: tuple[str, ...]
    flags: dict[str, int]


def differences(house: CatalogueHouse, expected: Expected) -> tuple[list[str], list[str]]:
    """Return what was not found as it should be, and what was found that is not there."""
    found: dict[str, Stand] = {}
    place = None
    while True:
        page, place, _ = house.made.read(lambda file, place=place: coverage.listing(file, after=place, limit=1000))  # type: ignore[misc]
        found |= {one.sku: (one.match.value, frozenset(flag.value for flag in one.flags)) for one in page}
        if place is None:
            break
    types = ("product_unmatched", "product_not_for_sale", "sku_duplicate")
    told = Counter((row.type, row.sku) for row in house.told(*types))
    missed = [
        f"{sku} stands {found.get(sku)}, not {want}" for sku, want in expected.skus.items() if found.get(sku) != want
    ]
    missed += [f"{kind} of {sku!r} was not told" for kind, sku in (expected.told - told).elements()]
    invented = [f"{sku} is held by neither side" for sku in found.keys() - expected.skus.keys()]
    invented += [f"{kind} of {sku!r} was told" for kind, sku in (told - expected.told).elements()]
    return missed, invented


async def run(skus: int, mismatches: int, seed: int, *, edits: int) -> list[Result]:
    """Play one seed: the first judgement of everything, and that after some edits. One result for each."""
    made: list[Catalogues] = []

    def fill(house: CatalogueHouse) -> None:
        made.append(Catalogues(house, skus=skus, mismatches=mismatches, seed=seed))

    async with catalogue_house(seed, the_rules=rules(), before=fill, patience=6 * HOUR) as house:
        catalogues = made[0]
        await house.made.until(house.quiet, within=2 * HOUR, every=5)
        items = catalogues.items
        first = _result(house, catalogues, house.made.calls("products"))
        assert first.calls == math.ceil(items / 1000), f"{first.calls} calls for {items} items"
        catalogues.edit(edits)
        # One refresh of Cin7 Core (five minutes) and one sweep of the storefront (one), no more.
        await house.made.clock.sleep(310 + 60)
        await house.made.until(house.quiet, within=HOUR, every=5)
        return [first, _result(house, catalogues, first.calls)]


def _result(house: CatalogueHouse, catalogues: Catalogues, calls: int) -> Result:
    missed, invented = differences(house, catalogues.expected)
    return Result(
        skus=len(catalogues.expected.skus),
        items=catalogues.items,
        calls=calls,
        missed=tuple(missed),
        invented=tuple(invented),
        flags=house.counts(),
    )


def main() -> int:
    """Run one seed from the command line; 1 where something was missed or invented."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mismatches", description=__doc__)
    parser.add_argument("--skus", type=int, default=50_000)
    parser.add_argument("--mismatches", type=int, default=500)
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.process_time()
    results: list[Result] = []

    @virtual
    async def play() -> None:
        results.extend(await run(asked.skus, asked.mismatches, asked.seed, edits=asked.edits))

    play()
    for line in _lines(results):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{time.process_time() - began:.0f} s of processor\n")
    return int(any(one.missed or one.invented for one in results))


def _lines(results: list[Result]) -> Iterator[str]:
    for name, one in zip(("first", "after edits"), results, strict=True):
        yield f"{name}: {one.skus} SKUs, {one.items} items, {one.calls} calls; {len(one.missed)} missed,"
        yield f"  {len(one.invented)} invented; {one.flags}"
        yield from (f"  missed: {what}" for what in one.missed[:20])
        yield from (f"  invented: {what}" for what in one.invented[:20])


if __name__ == "__main__":
    sys.exit(main())
