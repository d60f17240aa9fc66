"""SKUs of both sides: what matches, what does not, who is told, and what a fix sets free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from actors.domain.coverage import Flag, Match
from adapters.sandbox.carts import LineDraft
from adapters.sandbox.catalogue import ITEMS, Item
from storage import exceptions
from tests.catalogue_house import MUG, CatalogueHouse, catalogue_house, rules
from tests.simulation.world import virtual

MINUTE = 60.0
LAMP = Item(sku="NEW-1", name="Lamp", price=2_000, stock=5, tax_percent=20, category="Home")


@virtual
async def test_a_shop_that_matches_has_nothing_to_tell() -> None:
    async with catalogue_house() as house:
        assert not house.told("product_unmatched", "product_not_for_sale", "sku_duplicate")
        counts = house.counts()
        assert counts["matched"] == len(ITEMS)
        assert counts["only_commercetools"] == 0
        covered = house.covered(MUG)
        assert covered is not None
        assert (covered.match, covered.published) == (Match.MATCHED, True)


@virtual
async def test_an_edit_of_content_or_price_costs_no_call_of_cin7_and_nobody_is_told() -> None:
    async with catalogue_house() as house:
        product = house.product_of(MUG)
        # Half an hour of the schedule alone, and as long with the product team at work beside it.
        quiet = await _half_an_hour(house, lambda step: None)
        busy = await _half_an_hour(
            house, lambda step: house.shop.edit_product(product, name=f"Mug {step}", price=1_000 + step)
        )
        # They begin at another moment of the schedule: by one call they may differ, by sixty they would.
        assert all(abs(busy[kind] - quiet[kind]) <= 1 for kind in busy | quiet), (busy, quiet)
        assert not [row for row in house.made.daemon.open_exceptions() if row.record.kind in ("product", "sku")]


async def _half_an_hour(house: CatalogueHouse, work: Callable[[int], None]) -> Counter[str]:
    """Count the calls of Cin7 Core over half an hour."""
    before = len(house.cin7.call_log)
    for step in range(60):
        work(step)
        await house.made.clock.sleep(MINUTE / 2)
    return Counter(call.operation for call in house.cin7.call_log[before:])


@virtual
async def test_a_published_variant_without_a_match_is_told_with_who_and_when_and_what_it_should_be() -> None:
    async with catalogue_house() as house:
        product = house.product_of(MUG)
        house.shop.rename_sku(MUG, "hw-mug-stn-01")
        await house.sweep()
        [row] = house.told("product_unmatched")
        assert (row.record.kind, row.record.id, row.sku, row.owner) == (
            "product",
            product,
            "hw-mug-stn-01",
            "ecommerce",
        )
        assert row.facts["changed by"] == "shop-staff"
        assert row.facts["changed at"]
        assert repr(MUG) in row.facts["suggestion"]
        covered = house.covered("hw-mug-stn-01")
        assert covered is not None
        assert (covered.match, set(covered.flags)) == (Match.ONLY_COMMERCETOOLS, {Flag.NEAR_MISS})
        assert house.covered(MUG) is not None  # only Cin7 Core has it now
        house.shop.rename_sku("hw-mug-stn-01", MUG)
        await house.sweep()
        assert not house.told("product_unmatched")


@virtual
async def test_what_a_person_dismissed_is_not_told_again_for_an_edit_and_again_for_a_new_suggestion() -> None:
    async with catalogue_house() as house:
        product = house.shop.add_product("PRINT-1", name="A print nobody counts")
        await house.sweep()
        [row] = house.told("product_unmatched")
        now = house.made.clock.now()
        await house.made.daemon.write(
            lambda file: exceptions.resolve(file, row.id, resolution="dismissed by ada: made to order", now=now)
        )
        house.shop.edit_product(product, name="A print that nobody counts", price=9_900)
        await house.sweep()
        assert not house.told("product_unmatched")
        house.cin7.add_item("print-1")
        await house.refresh()
        [row] = house.told("product_unmatched")
        assert "'print-1'" in row.facts["suggestion"]


@virtual
async def test_what_nothing_is_near_to_is_told_as_that_and_a_new_item_sets_it_and_its_orders_free() -> None:
    async with catalogue_house() as house:
        house.shop.add_item(LAMP)
        await house.sweep()
        [row] = house.told("product_unmatched")
        assert "create the item" in row.facts["suggestion"]
        order = house.made.place(lines=(LineDraft(sku="NEW-1", quantity=1),))
        await house.made.until(lambda: "sku_unknown" in house.made.daemon.open_types(order), within=5 * MINUTE)
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.refresh()
        assert not house.told("product_unmatched")
        await house.made.until(lambda: house.made.daemon.state(order) == "exported", within=5 * MINUTE)


@virtual
async def test_an_item_renamed_in_cin7_is_told_as_that_within_one_refresh() -> None:
    async with catalogue_house() as house:
        house.cin7.rename_item(MUG, "HW-MUG-SLATE")
        await house.refresh()
        [row] = house.told("product_unmatched")
        assert (row.sku, "HW-MUG-SLATE" in row.facts["suggestion"]) == (MUG, True)
        assert "renamed" in row.facts["suggestion"]
        covered = house.covered("HW-MUG-SLATE")
        assert covered is not None
        assert covered.match is Match.ONLY_CIN7
        # Cin7 Core would refuse the old name: no order is posted with it, and it waits for it no longer than a refresh.
        order = house.made.place(lines=(LineDraft(sku=MUG, quantity=1),))
        await house.made.until(lambda: "sku_unknown" in house.made.daemon.open_types(order), within=5 * MINUTE)
        house.cin7.rename_item("HW-MUG-SLATE", MUG)
        await house.refresh()
        assert not house.told("product_unmatched")
        await house.made.until(lambda: house.made.daemon.state(order) == "exported", within=5 * MINUTE)


@virtual
async def test_a_deprecated_item_that_is_published_is_told_and_its_stock_is_zero() -> None:
    async with catalogue_house() as house:
        house.cin7.retire_item(MUG)
        await house.refresh()
        [row] = house.told("product_not_for_sale")
        assert (row.sku, "deprecated" in row.cause) == (MUG, True)
        house.cin7.edit_item(MUG, status="Active", sellable=False)
        await house.refresh()
        [row] = house.told("product_not_for_sale")
        assert "not sellable" in row.cause
        house.cin7.edit_item(MUG, sellable=True)
        await house.refresh()
        assert not house.told("product_not_for_sale")


@virtual
async def test_a_variant_without_a_sku_is_told_and_one_that_is_only_staged_is_not() -> None:
    async with catalogue_house() as house:
        product = house.product_of(MUG)
        house.shop.edit_product(product, sku="", staged_only=True)
        await house.sweep()
        assert not house.told("product_unmatched")
        house.shop.publish(product)
        await house.sweep()
        [row] = house.told("product_unmatched")
        assert (row.sku, row.field) == ("", "variant 1")
        house.shop.unpublish(product)
        await house.sweep()
        assert not house.told("product_unmatched")


@virtual
async def test_a_product_that_is_deleted_is_told_of_no_more_at_the_next_whole_reading() -> None:
    async with catalogue_house(the_rules=rules(whole=10 * 60_000)) as house:
        product = house.shop.add_product("NEW-1", name="Lamp")
        await house.sweep()
        assert house.told("product_unmatched")
        house.shop.delete_product(product)
        await house.made.until(lambda: not house.told("product_unmatched"), within=15 * MINUTE)
        assert house.covered("NEW-1") is None


@virtual
async def test_a_modular_catalogue_is_told_once_and_neither_matched_nor_written() -> None:
    async with catalogue_house(the_rules=rules(whole=10 * 60_000)) as house:
        house.shop.catalog_model = "Modular"
        await house.made.until(lambda: bool(house.told("catalogue_modular")), within=15 * MINUTE)
        [row] = house.told("catalogue_modular")
        assert row.record.id == "commercetools"
        assert not house.told("product_unmatched")
        house.shop.catalog_model = "Classic"
        await house.made.until(lambda: not house.told("catalogue_modular"), within=70 * MINUTE, every=60)
