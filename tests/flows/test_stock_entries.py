"""Stock over both systems: entries that are made, made twice, gone, dated; and what decides which of them are ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from actors.catalogue import registry as catalogue
from actors.domain.inventory import entry_key
from actors.domain.purchase import Expected
from actors.messages import Flow
from actors.stock.watching import ALL
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from storage import exceptions, purchases
from tests.bought import mark, purchase
from tests.simulation.world import Serve, intercept, virtual
from tests.stock_house import BOWL, MINUTE, MUG, StockHouse, rules, stock_house
from tests.stored import NOW

NEW = "NEW/1 ü"
TODAY = date(2026, 12, 1)


def _new(house: StockHouse) -> None:
    house.cin7.add_product(NEW, stock=6)


def _entries(house: StockHouse, sku: str = NEW) -> int:
    return sum(entry["sku"] == sku for entry in house.shop.inventory.values())


# -- making them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR_AFTER])
@virtual
async def test_an_entry_whose_making_was_in_doubt_is_there_once(kind: FaultKind) -> None:
    def before(house: StockHouse) -> None:
        _new(house)
        house.made.ct_faults.plan("inventory_create", Fault(kind=kind))

    async with stock_house(before=before) as house:
        await house.shows(6, NEW, within=6 * MINUTE)
        await house.made.until(lambda: house.runs(NEW), within=8 * MINUTE)
        house.cin7.receive_stock(NEW, 3)
        await house.shows(9, NEW, within=4 * MINUTE)
        assert _entries(house) == 1
        assert house.entry(NEW)["key"] == entry_key(NEW, "")


POINTS = [f"commercetools.create_entry.{phase}" for phase in ("decided", "intended", "answered", "settled")]


@pytest.mark.parametrize("point", POINTS)
@virtual
async def test_killed_around_the_making_of_an_entry_there_is_one_and_it_is_exact(point: str) -> None:
    def before(house: StockHouse) -> None:
        _new(house)
        house.made.daemon.kill_next = lambda passed: passed == point and not house.made.kills

    async with stock_house(before=before, until="") as house:
        await house.made.until(lambda: bool(house.made.kills), within=10 * MINUTE)
        await house.shows(6, NEW, within=10 * MINUTE)
        await house.made.until(lambda: house.runs(NEW), within=12 * MINUTE)
        house.cin7.receive_stock(NEW, -2)
        await house.shows(4, NEW, within=2 * MINUTE)
        assert house.made.kills == [point]
        assert _entries(house) == 1
        assert house.told(NEW) == []


@pytest.mark.parametrize("theirs", [2, 9])
@virtual
async def test_an_entry_somebody_made_in_the_same_moment_is_taken_over(theirs: int) -> None:
    """commercetools answers DuplicateField: theirs is read, and brought to what is right."""
    async with stock_house(before=_new, until="") as house:
        hurried: list[str] = []

        async def hurry(request: Request, serve: Serve) -> Response:
            path = request.url.partition("?")[0]
            if request.method == "POST" and path.endswith("/inventory") and not hurried:
                hurried.append(house.shop.add_inventory(NEW, theirs))
            return await serve(request)

        intercept(house.made.ct_network, hurry)
        await house.shows(6, NEW, within=12 * MINUTE)
        await house.made.until(lambda: house.runs(NEW), within=8 * MINUTE)
        assert [house.entry(NEW)["id"]] == hurried
        assert house.made.read(lambda file: exceptions.listing(file, kind="stock_refused", state="resolved")) == []
        assert house.told(NEW) == []


@virtual
async def test_what_is_not_sold_yet_gets_an_entry_of_zero_and_its_first_delivery_is_published() -> None:
    async with stock_house(before=lambda house: house.cin7.add_product(NEW, stock=0) and None) as house:
        await house.shows(0, NEW, within=6 * MINUTE)
        house.cin7.receive_stock(NEW, 8)
        await house.shows(8, NEW, within=5 * MINUTE)
        assert house.steps(NEW)[0] == "create"


@virtual
async def test_an_entry_a_person_deletes_is_made_anew_once_that_is_seen() -> None:
    async with stock_house() as house:
        there = house.available()
        house.shop.remove_inventory(MUG)
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.shows(there, within=8 * MINUTE)
        assert _entries(house, MUG) == 1
        await house.made.until(house.runs, within=8 * MINUTE)


# -- two of them -------------------------------------------------------------------------------------------------------


@virtual
async def test_two_entries_of_one_channel_are_told_and_none_is_written_until_one_is_gone() -> None:
    def before(house: StockHouse) -> None:
        twin = dict(house.entry(), id=house.shop.new_id(), key="twin")
        house.shop.inventory[twin["id"]] = twin

    async with stock_house(before=before, until=BOWL) as house:
        there = house.available()
        await house.made.until(lambda: house.told() == ["stock_duplicate"], within=3 * MINUTE)
        house.cin7.receive_stock(MUG, -2)
        await house.made.clock.sleep(150)
        assert {one["quantityOnStock"] for one in house.shop.inventory.values() if one["sku"] == MUG} == {there}
        twin = next(one["id"] for one in house.shop.inventory.values() if one.get("key") == "twin")
        del house.shop.inventory[twin]
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.shows(there - 2, within=10 * MINUTE)
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.made.until(lambda: house.told() == [], within=3 * MINUTE)


# -- dates -------------------------------------------------------------------------------------------------------------


def _date_of(house: StockHouse) -> str:
    return str(house.entry().get("expectedDelivery", ""))[:10]


def _set_date(house: StockHouse, day: date) -> None:
    """Let a person set the date of the next delivery."""
    house.shop.write_entry({**house.entry(), "expectedDelivery": f"{day}T00:00:00.000Z"}, {"isPlatformClient": True})


@virtual
async def test_the_next_of_several_deliveries_is_shown_and_follows_when_it_moves() -> None:
    async with stock_house() as house:
        house.cin7.expect_delivery(MUG, TODAY + timedelta(days=9), quantity=5)
        await house.made.until(lambda: _date_of(house) == "2026-12-10", within=3 * MINUTE)
        house.cin7.expect_delivery(MUG, TODAY + timedelta(days=4), quantity=5)
        await house.made.until(lambda: _date_of(house) == "2026-12-05", within=3 * MINUTE)
        house.cin7.expect_delivery(MUG, None)
        await house.made.until(lambda: _date_of(house) == "", within=3 * MINUTE)
        assert house.shown() == house.available()
        assert "restockableInDays" not in house.entry()


@virtual
async def test_the_day_of_a_purchase_is_shown_where_it_is_the_first_and_goes_when_it_was_received() -> None:
    def brings(*lines: Expected) -> Callable[[sqlite3.Connection], object]:
        def unit(connection: sqlite3.Connection) -> object:
            purchases.list_marks(connection, [mark("p1")], again=False, now=NOW)
            return purchases.store(connection, purchase("p1"), listed=0, costs=(), brings=lines, now=NOW)

        return unit

    def of(days: int, place: str = "Main Warehouse") -> Expected:
        return Expected(sku=MUG, location=place, units=Decimal(5), day=TODAY + timedelta(days=days))

    async with stock_house() as house:
        house.cin7.expect_delivery(MUG, TODAY + timedelta(days=9), quantity=5)
        await house.made.until(lambda: _date_of(house) == "2026-12-10", within=3 * MINUTE)
        await house.act(brings(of(6), of(2, "Elsewhere")))
        await house.made.until(lambda: _date_of(house) == "2026-12-07", within=3 * MINUTE)
        await house.act(brings(of(-1)))
        await house.made.until(lambda: _date_of(house) == "2026-12-10", within=3 * MINUTE)
        house.cin7.expect_delivery(MUG, None)
        await house.act(brings(of(6)))
        await house.made.until(lambda: _date_of(house) == "2026-12-07", within=3 * MINUTE)
        await house.act(brings())
        await house.made.until(lambda: _date_of(house) == "", within=3 * MINUTE)


@virtual
async def test_a_date_of_a_persons_is_left_and_one_that_has_passed_is_cleared() -> None:
    def before(house: StockHouse) -> None:
        _set_date(house, TODAY + timedelta(days=20))

    async with stock_house(before=before) as house:
        house.cin7.receive_stock(MUG, -2)
        await house.shows(house.available(), within=2 * MINUTE)
        await house.made.clock.sleep(2 * MINUTE)
        assert _date_of(house) == "2026-12-21"
        _set_date(house, TODAY - timedelta(days=2))
        await house.made.until(lambda: _date_of(house) == "", within=4 * MINUTE)


# -- which are ours ----------------------------------------------------------------------------------------------------


@virtual
async def test_a_kit_that_is_left_alone_is_never_written() -> None:
    def before(house: StockHouse) -> None:
        house.cin7.add_kit("KIT", {MUG: 1, BOWL: 2})
        house.shop.add_inventory("KIT", 77)

    async with stock_house(before=before, the_rules=rules(kits=False)) as house:
        house.cin7.receive_stock(MUG, -3)
        await house.shows(house.available(), within=2 * MINUTE)
        await house.stays(77, "KIT", minutes=3)


@virtual
async def test_a_sku_cin7_core_no_longer_has_goes_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FULL_EVERY", 0)  # every list of products is a whole one
    async with stock_house() as house:
        books = house.cin7.books
        product = books.product_by_sku(MUG)
        assert product is not None
        books.products.remove(product)
        del books._products_by_sku[MUG]
        books._rows = None
        await house.shows(0, within=12 * MINUTE)
        assert house.shown(BOWL) == house.available(BOWL)


@virtual
async def test_an_entry_cin7_core_never_knew_is_somebody_elses() -> None:
    async with stock_house(before=lambda house: house.shop.add_inventory("VOUCHER", 5) and None) as house:
        await house.stays(5, "VOUCHER", minutes=3)
        house.shop.set_stock("VOUCHER", 50)
        await house.stays(50, "VOUCHER", minutes=3)
        assert house.told("VOUCHER") == []


@virtual
async def test_fractions_and_bins_are_floored_once() -> None:
    async with stock_house() as house:
        house.cin7.receive_stock(MUG, Decimal("4.5") - house.available())
        for place in ("A1", "A2"):
            house.cin7.receive_stock(MUG, Decimal("0.75"), spot=(place, None))
        await house.shows(6, within=4 * MINUTE)
        house.cin7.receive_stock(MUG, Decimal("-0.01"))
        await house.shows(5, within=2 * MINUTE)
