"""Margins: worked out for what was sold, again where it was sold otherwise or cost something else, told once a SKU."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from actors.domain.facts import KitPart
from actors.domain.margins import OrderMargin
from actors.domain.purchase import Purchase
from actors.procurement.earning import SOME
from actors.procurement.rules import ProcurementRules
from storage import books, exceptions, margins, stock
from tests.procurement_house import House, house
from tests.purchase_builder import charge, invoice, line, movement, receipt
from tests.purchase_builder import purchase as bare
from tests.sold import sell, stock_item
from tests.stored import NOW

SLICE = 300
"""Seconds after which the flow looks again at what is due."""


def bought(unit: str, *, name: str = "p1", updated_at: int = NOW - 1) -> Purchase:
    """Ten MUGs, received and invoiced, each of which costs this."""
    return bare(
        id=name,
        number=f"PO-{name}",
        updated_at=updated_at,
        receipts=(receipt("MUG", 10),),
        invoices=(invoice("INV-1", line("MUG", 10, "50.00"), rate="0.86", charges=(charge("Freight", "1.00"),)),),
        movements=(movement("MUG", Decimal(unit) * 10),),
    )


async def opened(here: House, *held: Purchase) -> None:
    here.account.put(*held)
    await here.begin()
    await here.rest()


async def of_order(here: House, number: str) -> list[tuple[str, str | None, str, str | None]]:
    """What is known of an order: SKU, unit, source, percent."""

    def unit(connection: sqlite3.Connection) -> list[OrderMargin]:
        return margins.of_order(connection, f"order-{number}")

    return [
        (
            row.sku,
            None if row.unit is None else str(row.unit),
            row.source,
            None if row.percent is None else str(row.percent),
        )
        for row in await here.read(unit)
    ]


async def due(here: House) -> None:
    here.clock.pass_time(SLICE)
    await here.rest()


async def test_what_was_sold_is_held_against_what_its_purchase_cost(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00"), ("JAR", 1, "5.00")))
        await opened(here, bought("4.0000"))
        assert await of_order(here, "1") == [("JAR", None, "", None), ("MUG", "4.0000", "PO-p1", "60.00")]
        assert here.account.calls == 2
        assert await here.open() == []


async def test_a_sale_that_was_taken_over_counts_at_the_rate_it_shows(tmp_path: Path) -> None:
    async with house(tmp_path) as here:

        def taken_over(connection: sqlite3.Connection) -> None:
            order_id = sell(connection, "1", ("MUG", 2, "20.00"))
            books.show(connection, order_id, books.Shown(currency="EUR", rate=Decimal("0.5")))

        await here.run(taken_over)
        await opened(here, bought("4.0000"))
        assert await of_order(here, "1") == [("MUG", "4.0000", "PO-p1", "20.00")]


async def test_a_sale_in_another_currency_counts_in_the_books_own(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00"), rate="0.5"))
        await opened(here, bought("4.0000"))
        [row] = await here.read(lambda connection: margins.of_order(connection, "order-1"))
        assert (row.net, row.percent) == (Decimal("10.00"), Decimal("20.00"))


async def test_what_costs_something_else_is_worked_out_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00")))
        await opened(here, bought("4.0000"))
        here.account.put(bought("5.0000", updated_at=NOW + 1))
        await due(here)
        assert await of_order(here, "1") == [("MUG", "5.0000", "PO-p1", "50.00")]


async def test_a_kit_is_held_against_its_parts_also_when_their_cost_moves(tmp_path: Path) -> None:
    async with house(tmp_path) as here:

        def sold(connection: sqlite3.Connection) -> None:
            stock.store_parts(connection, "SET", [KitPart(sku="MUG", quantity=Decimal(2))])
            sell(connection, "1", ("SET", 1, "20.00"))

        await here.run(sold)
        await opened(here)
        assert await of_order(here, "1") == [("SET", None, "", None)]
        here.account.put(bought("4.0000"))
        await here.wait(25)
        assert await of_order(here, "1") == [("SET", "8.0000", "parts", "60.00")]
        here.account.put(bought("11.0000", updated_at=here.clock.now()))
        await due(here)
        assert await of_order(here, "1") == [("SET", "22.0000", "parts", "-10.00")]
        [told] = [row for row in await here.read(exceptions.listing) if row.type == "margin_below_floor"]
        assert "A unit costs 22.0000 GBP (the sum of its parts)." in told.cause


async def test_what_is_sold_otherwise_or_no_more_is_worked_out_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        order_id = await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00")))
        await opened(here, bought("4.0000"))
        await here.run(lambda connection: sell(connection, "1", ("MUG", 1, "8.00")))
        await due(here)
        assert await of_order(here, "1") == [("MUG", "4.0000", "PO-p1", "50.00")]
        await here.run(lambda connection: books.void(connection, order_id, "sale-1", now=NOW))
        await due(here)
        assert await of_order(here, "1") == []


async def test_a_sale_that_is_made_anew_is_none_until_it_stands(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        order_id = await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00")))
        await opened(here, bought("4.0000"))
        await here.run(lambda connection: books.begin(connection, order_id, "sale-2", "GBP"))
        await due(here)
        assert await of_order(here, "1") == []


async def test_without_a_purchase_the_average_counts_once_it_is_known(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 2, "20.00")))
        await opened(here)
        assert await of_order(here, "1") == [("MUG", None, "", None)]
        await here.run(lambda connection: stock_item(connection, "MUG", "3.0000"))
        await here.wait(24)
        assert await of_order(here, "1") == [("MUG", "3.0000", "average", "70.00")]


async def test_many_orders_are_worked_out_some_at_a_time(tmp_path: Path) -> None:
    def sold(connection: sqlite3.Connection) -> None:
        for place in range(2 * SOME + 1):
            sell(connection, str(place), ("MUG", 1, "10.00"))

    async with house(tmp_path) as here:
        await here.run(sold)
        await opened(here, bought("4.0000"))
        assert await here.read(margins.count_due) == 0
        assert here.handled.count("margins") >= 3
        assert await of_order(here, str(2 * SOME)) == [("MUG", "4.0000", "PO-p1", "60.00")]


# -- the floor -------------------------------------------------------------------------------------------------------


async def test_a_sku_below_the_floor_is_told_once_and_closed_by_its_newest_sale(tmp_path: Path) -> None:
    def cheap(connection: sqlite3.Connection) -> None:
        for place in range(3):
            sell(connection, str(place), ("MUG", 1, "4.40"), day=f"2026-11-2{place}")

    async with house(tmp_path, floor=Decimal(10)) as here:
        await here.run(cheap)
        await opened(here, bought("4.0000"))
        assert await here.open() == [("margin_below_floor", "MUG")]
        [row] = await here.read(lambda connection: exceptions.of_record(connection, "sku", "MUG"))
        assert (row.sku, row.owner) == ("MUG", "finance")
        assert row.cause.startswith(
            "3 orders sold MUG below the floor of 10 %. A unit costs 4.0000 GBP (purchase PO-p1)"
        )

        await here.run(lambda connection: sell(connection, "older", ("MUG", 1, "8.00"), day="2026-11-01"))
        await due(here)
        assert await here.open() == [("margin_below_floor", "MUG")]
        await here.run(lambda connection: sell(connection, "newer", ("MUG", 1, "8.00"), day="2026-12-01"))
        await due(here)
        assert await here.open() == []


@pytest.mark.parametrize(("paid", "told"), [("4.44", True), ("4.45", False), ("0.00", True)])
async def test_at_the_floor_is_not_below_it_and_for_nothing_is_below_any(tmp_path: Path, paid: str, told: bool) -> None:
    async with house(tmp_path, floor=Decimal(10)) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 1, paid)))
        await opened(here, bought("4.0000"))
        assert bool(await here.open()) == told


async def test_another_floor_is_held_to_all_that_was_sold(tmp_path: Path) -> None:
    def cheap(connection: sqlite3.Connection) -> None:
        for place in range(SOME + 3):
            stock_item(connection, f"S{place:03d}", "4.0000")
            sell(connection, str(place), (f"S{place:03d}", 1, "4.40"))

    async with house(tmp_path) as here:
        await here.run(cheap)
        await opened(here)
        assert await here.open() == []
        for floor, told in ((Decimal(10), SOME + 3), (Decimal(9), 0)):
            here.actor.mailbox.dispose()
            here.rules = ProcurementRules(floor=floor)
            here.start()
            await here.begin()
            await here.rest()
            assert len(await here.open()) == told


async def test_a_cost_that_is_mended_closes_it(tmp_path: Path) -> None:
    async with house(tmp_path, floor=Decimal(10), moved_percent=Decimal(99)) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 1, "4.40")))
        await opened(here, bought("4.0000"))
        assert await here.open() == [("margin_below_floor", "MUG")]
        here.account.put(bought("3.0000", updated_at=NOW + 1))
        await due(here)
        assert await here.open() == []


async def test_a_sale_that_is_void_is_no_sale_below_the_floor(tmp_path: Path) -> None:
    async with house(tmp_path, floor=Decimal(10)) as here:
        order_id = await here.run(lambda connection: sell(connection, "1", ("MUG", 1, "4.40")))
        await opened(here, bought("4.0000"))
        assert await here.open() == [("margin_below_floor", "MUG")]
        await here.run(lambda connection: books.void(connection, order_id, "sale-1", now=NOW))
        await due(here)
        assert await here.open() == []


async def test_what_a_person_dismissed_comes_back_with_a_worse_sale_alone(tmp_path: Path) -> None:
    def dismiss(connection: sqlite3.Connection) -> None:
        for row in exceptions.listing(connection):
            exceptions.resolve(connection, row.id, resolution="dismissed by fay: clearance", now=NOW)

    async with house(tmp_path, floor=Decimal(10)) as here:
        await here.run(lambda connection: sell(connection, "1", ("MUG", 1, "4.40")))
        await opened(here, bought("4.0000"))
        await here.run(dismiss)
        await here.run(lambda connection: sell(connection, "2", ("MUG", 1, "4.40")))
        await due(here)
        assert await here.open() == []
        await here.run(lambda connection: sell(connection, "3", ("MUG", 1, "4.10")))
        await due(here)
        assert await here.open() == [("margin_below_floor", "MUG")]


# -- a kill anywhere -------------------------------------------------------------------------------------------------


async def test_a_kill_anywhere_loses_no_margin(tmp_path: Path) -> None:
    def made(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    async def life(folder: Path, dies_after: int | None) -> tuple[bool, object]:
        async with house(folder, floor=Decimal(10)) as here:
            await here.run(lambda connection: sell(connection, "1", ("MUG", 1, "4.40")))
            here.account.put(bought("4.0000"))
            await here.begin()
            here.dies_after = dies_after
            died = await here.rest_through_kills()
            here.clock.pass_time(SLICE)
            died |= await here.rest_through_kills()
            return died, (await of_order(here, "1"), await here.open(), await here.read(margins.count_due))

    _, known = await life(made("plain"), None)
    assert known == ([("MUG", "4.0000", "PO-p1", "9.09")], [("margin_below_floor", "MUG")], 0)
    for place in range(100):
        died, after = await life(made(str(place)), place)
        assert after == known, place
        if not died:
            return
    raise AssertionError("it never comes through")
