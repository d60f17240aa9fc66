"""Stock that Cin7 Core pushes: from the door of its webhooks to the storefront."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from adapters.intake.cin7_hooks import read_hook
from adapters.intake.ports import CIN7
from adapters.sandbox.cin7_books import Location
from tests.simulation.world import virtual
from tests.stock_house import BOWL, MAIN, MINUTE, MUG, StockHouse, rules, stock_house

SELDOM = rules(snapshot=3_600_000)
"""The whole list is read once an hour: only what is pushed, or asked for by name, tells in between."""

KIND = "Stock/AvailableStockLevelChanged"


async def _push(house: StockHouse, figures: Mapping[str, int], *, sku: str = MUG) -> None:
    """Deliver what Cin7 Core tells of a SKU at some locations."""
    body = [
        {"SKU": sku, "Location": place, "Bin": None, "Batch": None, "Available": available}
        for place, available in figures.items()
    ]
    assert await house.made.daemon.accept(CIN7, read_hook(KIND, msgspec.json.encode(body)))


@virtual
async def test_a_push_that_lowers_is_on_the_storefront_within_two_seconds_of_its_arrival() -> None:
    async with stock_house(the_rules=SELDOM) as house:
        there = house.available()
        house.cin7.receive_stock(MUG, -5)
        await _push(house, {MAIN: there - 5})
        await house.shows(there - 5, within=2)
        assert house.steps() == ["lower"]
        await house.stays(there - 5, minutes=2)


@virtual
async def test_a_push_that_raises_is_believed_after_two_readings_by_name() -> None:
    async with stock_house(the_rules=SELDOM) as house:
        there, before = house.available(), house.made.calls("availability")
        house.cin7.receive_stock(MUG, 5)
        await _push(house, {MAIN: there + 5})
        await house.shows(there + 5, within=30)
        assert house.named() == 2
        assert house.made.calls("availability") == before + 2


@pytest.mark.parametrize("said", [15, 1])
@virtual
async def test_a_push_that_is_76_minutes_old_raises_nothing_and_what_it_lowered_comes_back(said: int) -> None:
    """Interleaving 20: it is delivered late, and 5 is what there is."""
    async with stock_house(the_rules=SELDOM) as house:
        house.cin7.receive_stock(MUG, 5 - house.available())
        await _push(house, {MAIN: 5})
        await house.shows(5, within=2)
        await house.made.clock.sleep(60)
        await _push(house, {MAIN: said})
        for _ in range(60):
            assert (house.shown() or 0) <= 5
            await house.made.clock.sleep(1)
        await house.shows(5, within=3 * MINUTE)
        await house.stays(5, minutes=2)


@virtual
async def test_a_push_older_than_a_sale_of_ours_hands_nothing_back() -> None:
    """What was available before the order is told after it."""
    async with stock_house(the_rules=SELDOM) as house:
        there = house.available()
        order_id = house.order(3)
        await house.made.exported(order_id)
        await house.shows(there - 3, within=5)
        await _push(house, {MAIN: there})
        await house.stays(there - 3, minutes=3)
        await _push(house, {MAIN: there - 3})
        await house.stays(there - 3, minutes=3)


@virtual
async def test_a_push_about_one_location_leaves_the_others_as_they_were_read() -> None:
    def before(house: StockHouse) -> None:
        house.cin7.books.locations.append(Location(id=house.cin7.books.new_id(), name="North"))
        house.cin7.receive_stock(MUG, 7, location="North")
        house.shop.set_stock(MUG, house.available() + 7)

    both = rules(snapshot=3_600_000, channels={"": (MAIN, "North")})
    async with stock_house(the_rules=both, before=before) as house:
        there = house.available()
        assert house.shown() == there + 7
        house.cin7.receive_stock(MUG, -4, location="North")
        await _push(house, {"North": 3})
        await house.shows(there + 3, within=2)
        await _push(house, {"Somewhere else": 0})
        await house.stays(there + 3, minutes=2)


@virtual
async def test_a_push_that_says_none_is_left_sells_nothing_more() -> None:
    """What is told of one SKU is no list with a row missing: it is not held back."""
    async with stock_house(the_rules=SELDOM) as house:
        house.cin7.receive_stock(MUG, -house.available())
        await _push(house, {MAIN: 0})
        await house.shows(0, within=2)
        assert "stock_mass_zero" not in house.made.daemon.open_types("stock")


@virtual
async def test_a_sku_the_list_shows_none_of_is_zero_within_seconds_of_it() -> None:
    """One that is sold out is asked for by name, and believed."""
    async with stock_house(the_rules=SELDOM) as house:
        house.cin7.receive_stock(MUG, -house.available())
        await house.read()
        await house.shows(0, within=20)
        assert house.named() > 0
        assert house.shown(BOWL) == house.available(BOWL)


@virtual
async def test_bins_and_batches_are_added_up_and_floored_once() -> None:
    async with stock_house(the_rules=SELDOM) as house:
        house.cin7.receive_stock(MUG, 4 - house.available())
        for place in ("A1", "A2", "A3"):
            house.cin7.receive_stock(MUG, Decimal("0.5"), spot=(place, None))
        await house.read()
        await house.shows(5, within=2 * MINUTE)
