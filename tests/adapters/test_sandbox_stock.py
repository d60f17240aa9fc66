"""Stock of the local Cin7 Core: bins, deliveries, kits, wholesale, and a list that moves while it is read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from actors.domain.availability import summed
from actors.domain.errors import Transient
from adapters.cin7.client import Cin7Client
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, Shop
from tests.wire_doubles import OpenGate, StillClock

FIGURES = ("OnHand", "Allocated", "Available")
PATH = "/ref/productavailability"


async def rows(shop: Shop, **query: str) -> list[dict[str, Any]]:
    answer = await shop.call("GET", PATH, {"Limit": "1000", **query})
    assert answer["Total"] == len(answer["ProductAvailabilityList"])
    return list(answer["ProductAvailabilityList"])


def figures(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in FIGURES)


# --- bins and batches


async def test_each_bin_and_batch_is_a_row_and_what_orders_hold_has_none() -> None:
    shop = Shop()
    shop.double.receive_stock(PLATE, -shop.double.available(PLATE))
    shop.double.receive_stock(PLATE, Decimal("4.5"), spot=("B-2", None))
    shop.double.receive_stock(PLATE, 3, spot=("B-1", "2026-11"))
    shop.double.receive_stock(PLATE, 2, spot=("B-1", "2026-10"), location="Paris")
    shop.double.sell_by_hand(PLATE, 5)
    shown = await rows(shop, Sku=PLATE)
    assert [(row["Location"], row["Bin"], row["Batch"], *figures(row)) for row in shown] == [
        ("Main Warehouse", None, None, 0, 5, -5),
        ("Main Warehouse", "B-1", "2026-11", 3, 0, 3),
        ("Main Warehouse", "B-2", None, Decimal("4.5"), 0, Decimal("4.5")),
        ("Paris", "B-1", "2026-10", 2, 0, 2),
    ]
    assert shop.double.available(PLATE) == Decimal("2.5")
    assert [figures(row) for row in await rows(shop, Sku=PLATE, Batch="2026-10")] == [(2, 0, 2)]
    assert len(await rows(shop, Location="Paris")) == 1


async def test_a_pick_empties_bins_and_a_void_puts_the_goods_where_there_is_none() -> None:
    shop = Shop(zero_rows=False)
    shop.double.receive_stock(PLATE, -shop.double.available(PLATE))
    shop.double.receive_stock(PLATE, 3, spot=("B-1", None))
    shop.double.receive_stock(PLATE, 3, spot=("B-2", None))
    sale = shop.double.sell_by_hand(PLATE, 4)
    shop.double.authorise_pick(sale.id)
    assert [(row["Bin"], *figures(row)) for row in await rows(shop, Sku=PLATE)] == [("B-2", 2, 0, 2)]
    shop.double.void_by_hand(sale.id)
    assert {row["Bin"]: row["OnHand"] for row in await rows(shop, Sku=PLATE)} == {None: 4, "B-2": 2}
    shop.double.receive_stock(PLATE, -7)
    assert [(row["Bin"], row["Available"]) for row in await rows(shop, Sku=PLATE)] == [(None, -3), ("B-2", 2)]


# --- deliveries


async def test_deliveries_are_documents_of_their_own() -> None:
    shop = Shop()
    early, late = date(2026, 12, 9), date(2026, 12, 24)
    shop.double.receive_stock(PLATE, 1, spot=("B-1", None))
    shop.double.expect_delivery(PLATE, late, quantity=30)
    shop.double.expect_delivery(PLATE, early, quantity=Decimal("2.5"))
    [plain, binned] = await rows(shop, Sku=PLATE)
    assert (plain["OnOrder"], plain["NextDeliveryDate"]) == (Decimal("32.5"), "2026-12-09T00:00:00")
    assert (binned["OnOrder"], binned["NextDeliveryDate"]) == (0, None)
    sale = shop.double.sell_by_hand(PLATE, 134)
    assert sale.lines[0].backordered == 1
    shop.double.receive_delivery(PLATE, early)
    assert sale.lines[0].backordered == 0
    [plain, _] = await rows(shop, Sku=PLATE)
    assert (plain["OnOrder"], plain["NextDeliveryDate"]) == (30, "2026-12-24T00:00:00")
    assert shop.double.available(PLATE) == Decimal("1.5")
    with pytest.raises(KeyError):
        shop.double.receive_delivery(PLATE, early)


# --- wholesale


async def test_wholesale_takes_stock_and_is_nobodys_order() -> None:
    shop = Shop()
    sale = shop.double.sell_by_hand(MUG, Decimal("2.5"))
    assert (sale.status, sale.external_id, sale.reference) == ("ORDERED", None, "")
    assert shop.double.available(MUG) == Decimal("177.5")
    assert shop.double.sell_by_hand(MUG, 200, location="Paris").lines[0].backordered == 200
    assert shop.double.available(MUG) == Decimal("177.5")


# --- kits


def kitchen(**stock: int) -> Shop:
    """Two components, and a kit of two of the one and half of the other."""
    shop = Shop()
    for sku in ("A", "B"):
        shop.double.add_product(sku, stock=stock.get(sku, 0))
    shop.double.add_kit("KIT", {"A": 4, "B": 1}, makes=2, stock=stock.get("KIT", 0))
    return shop


def free(shop: Shop) -> Any:
    return tuple(shop.double.available(sku) for sku in ("KIT", "A", "B"))


async def test_an_order_takes_kits_off_the_shelf_before_their_parts() -> None:
    shop = kitchen(KIT=3, A=10, B=10)
    assert shop.double.sell_by_hand("KIT", 2).status == "ORDERED"
    assert free(shop) == (1, 10, 10)
    sale = shop.double.sell_by_hand("KIT", 4)
    assert free(shop) == (0, 4, Decimal("8.5"))
    [line] = sale.lines
    assert [line.reserved, line.made, line.backordered] == [4, 3, 0]
    order = await shop.call("GET", "/sale/order", {"SaleID": sale.id})
    assert order["Lines"][0]["BackorderQuantity"] == 0
    short = shop.double.sell_by_hand("KIT", 5)
    assert short.status == "BACKORDERED"
    assert free(shop) == (0, 0, Decimal("7.5"))
    order = await shop.call("GET", "/sale/order", {"SaleID": short.id})
    assert order["Lines"][0]["BackorderQuantity"] == 3


def test_whole_kits_only() -> None:
    shop = kitchen(A=3, B=9)
    sale = shop.double.sell_by_hand("KIT", 9)
    assert sale.lines[0].made == 1
    assert free(shop) == (0, 1, Decimal("8.5"))


def test_a_receipt_of_a_part_goes_to_the_kits_that_wait_for_it() -> None:
    shop = kitchen(A=0, B=9)
    sale = shop.double.sell_by_hand("KIT", 2)
    other = shop.double.sell_by_hand("A", 1)
    shop.double.receive_stock("A", 3, fill_backorders=False)
    assert sale.lines[0].backordered == 2
    assert free(shop) == (0, 3, 9)
    shop.double.receive_stock("A", 2)
    assert [line.backordered for line in (*sale.lines, *other.lines)] == [0, 0]
    assert free(shop) == (0, 0, 8)


@pytest.mark.parametrize("end", ["void_by_hand", "undo_by_hand", "remove_sale"])
@pytest.mark.parametrize("picked", [False, True])
def test_the_end_of_a_sale_gives_parts_back_and_kits_that_were_made(end: str, picked: bool) -> None:
    shop = kitchen(KIT=1, A=10, B=10)
    sale = shop.double.sell_by_hand("KIT", 3)
    assert free(shop) == (0, 6, 9)
    if picked:
        shop.double.authorise_pick(sale.id)
        assert free(shop) == (0, 6, 9)
    getattr(shop.double, end)(sale.id)
    assert free(shop) == ((3, 6, 9) if picked else (1, 10, 10))


def test_a_bill_that_changes_later_leaves_documents_as_they_are() -> None:
    shop = kitchen(A=2, B=10)
    sale = shop.double.sell_by_hand("KIT", 2)
    shop.double.change_product("KIT", quantity_to_produce=Decimal(1))
    shop.double.receive_stock("A", 8)
    assert free(shop) == (0, 6, 9)
    shop.double.void_by_hand(sale.id)
    assert free(shop) == (0, 10, 10)
    shop.double.sell_by_hand("KIT", 2)
    assert free(shop) == (0, 2, 8)


async def test_the_bill_is_shown_to_who_asks_for_it() -> None:
    shop = kitchen()
    [kit] = (await shop.call("GET", "/product", {"Sku": "KIT", "IncludeBOM": "true"}))["Products"]
    assert (kit["BillOfMaterial"], kit["AutoAssembly"], kit["QuantityToProduce"]) == (True, True, 2)
    assert [(part["ProductCode"], part["Quantity"]) for part in kit["BillOfMaterialsProducts"]] == [("A", 4), ("B", 1)]
    [kit] = (await shop.call("GET", "/product", {"Sku": "KIT"}))["Products"]
    assert (kit["BillOfMaterial"], kit["BillOfMaterialsProducts"]) == (True, [])
    [mug] = (await shop.call("GET", "/product", {"Sku": MUG, "IncludeBOM": "true"}))["Products"]
    assert (mug["BillOfMaterial"], mug["AutoAssembly"], mug["BillOfMaterialsProducts"]) == (False, False, [])
    shop.double.change_product("KIT", auto_assembly=False)
    sale = shop.double.sell_by_hand("KIT", 1)
    assert sale.lines[0].backordered == 1
    with pytest.raises(ValueError):
        shop.double.change_product("KIT", nonsense=1)
    with pytest.raises(KeyError):
        shop.double.add_kit("KIT-2", {"NO-SUCH-SKU": 1})
    assert shop.double.books.product_by_sku("KIT-2") is None


def test_stock_of_kits_is_what_the_documents_add_up_to() -> None:
    """Random handling of kits and parts, held against a recount from the documents after every step."""
    for seed in range(15):
        dice, shop = random.Random(seed), kitchen(KIT=2, A=20, B=20)
        double, received, assembled = shop.double, {"KIT": Decimal(2), "A": Decimal(20), "B": Decimal(20)}, Decimal(0)
        for _ in range(50):
            live = [sale for sale in double.live_sales() if sale.authorised]
            unpicked = [sale for sale in live if sale.pick_status == "NOT AVAILABLE"]
            sku, action = dice.choice(("KIT", "A", "B")), dice.choice(["sell", "sell", "receive", "void", "pick"])
            if action == "sell":
                double.sell_by_hand(sku, dice.randint(1, 6))
            elif action == "receive":
                received[sku] += (quantity := dice.randint(-2, 9))
                double.receive_stock(sku, quantity, spot=(dice.choice(("B-1", None)), None))
            elif action == "void" and live:
                double.void_by_hand(dice.choice(live).id)
            elif action == "pick" and unpicked:
                sale = dice.choice(unpicked)
                assembled += sum((line.made for line in sale.lines), Decimal(0))  # from now on they are kits
                double.authorise_pick(sale.id)
            _recount(shop, received, assembled)


def _recount(shop: Shop, received: dict[str, Decimal], assembled: Decimal) -> None:
    """Compare what is available with what came in, was assembled for picks, and is held or gone by lines of orders."""
    wanted = dict(received)
    lines = [line for sale in shop.double.live_sales() for line in sale.lines]
    made = assembled + sum((line.made for line in lines), Decimal(0))
    wanted["KIT"] += made
    wanted["A"] -= made * 2
    wanted["B"] -= made / 2
    for line in lines:
        wanted[line.sku] -= line.reserved + line.picked
        assert line.reserved + line.picked + line.backordered == line.quantity
    assert {sku: shop.double.available(sku) for sku in wanted} == wanted


# --- a list that moves


async def pages(shop: Shop, between: Callable[[], object] = lambda: None, **query: str) -> tuple[list[str], list[int]]:
    """Read the list by pages of 25; return the SKUs met and the Totals."""
    met: list[str] = []
    totals: list[int] = []
    for number in range(1, 9):
        answer = await shop.call("GET", PATH, {"Page": str(number), "Limit": "25", **query})
        met += [row["SKU"] for row in answer["ProductAvailabilityList"]]
        totals.append(answer["Total"])
        if len(answer["ProductAvailabilityList"]) < 25:
            break
        between()
    return met, totals


def once(happens: Callable[[], object]) -> Callable[[], object]:
    waiting = [happens]
    return lambda: waiting.pop()() if waiting else None


async def test_a_list_that_stands_still_adds_up() -> None:
    shop = Shop()
    met, totals = await pages(shop)
    assert len(set(met)) == len(met) == totals[0]
    assert len(set(totals)) == 1


async def test_rows_move_up_when_the_last_unit_goes_and_down_when_a_new_place_appears() -> None:
    shop = Shop(zero_rows=False)
    whole, _ = await pages(shop)
    met, totals = await pages(shop, once(lambda: shop.double.receive_stock(MUG, -180)))
    assert set(whole) - set(met) == {whole[25]}  # it was on neither page
    assert totals[0] == totals[1] + 1
    met, totals = await pages(shop, once(lambda: shop.double.receive_stock(whole[1], 1, location="Paris")))
    assert max(met.count(sku) for sku in met if sku != whole[1]) == 2
    assert totals[1] == totals[0] + 1


async def test_rows_are_lost_and_totals_wrong_when_told_to() -> None:
    shop = Shop()
    whole, _ = await pages(shop)
    shop.double.stock_list.lost_rows = 1
    met, totals = await pages(shop)
    assert (len(met), set(totals)) == (len(whole) - 2, {len(whole)})
    shop.double.stock_list.wrong_by = -2
    met, totals = await pages(shop)
    assert (len(met), set(totals)) == (len(whole) - 2, {len(whole) - 2})  # it adds up, and is wrong all the same
    shop.double.stock_list.lost_rows = shop.double.stock_list.wrong_by = 0
    shop.double.stock_list.unlisted = frozenset({MUG})
    met, totals = await pages(shop)
    assert (MUG in met, set(totals)) == (False, {len(whole) - 1})
    assert (await pages(shop, Sku=MUG)) == ([MUG], [1])


async def test_the_filter_for_a_sku_may_mean_starts_with() -> None:
    shop = Shop()
    assert (await pages(shop, Sku="HW-MUG"))[0] == []
    shop.double.stock_list.sku_filter = "starts"
    assert (await pages(shop, Sku="hw-mug"))[0] == [MUG, "HW-MUG-STN-02", "HW-MUG-ENA-01"]


async def test_a_stock_event_has_a_row_for_every_place_of_the_location() -> None:
    shop = Shop()
    shop.double.add_webhook("Stock/AvailableStockLevelChanged", "https://hooks.example/x", "t")
    shop.double.receive_stock(PLATE, 2, spot=("B-1", None))
    [told] = [json.loads(delivery.body) for delivery in shop.double.webhook_deliveries]
    assert [(row["Bin"], row["Available"], row["MaxRows"]) for row in told] == [(None, 132, 2), ("B-1", 2, 2)]


# --- the client against it


class Memory:
    """The double as a transport."""

    def __init__(self, shop: Shop) -> None:
        self.send = shop.double.handle


async def test_the_client_reads_what_the_documents_say() -> None:
    shop, clock = kitchen(KIT=1, A=5, B=5), StillClock()
    client = Cin7Client(
        transport=Memory(shop),
        clock=clock,
        gate=OpenGate(clock),
        probe=lambda point: None,
        base_url="https://cin7.test/ExternalApi/v2",
        account_id=shop.account,
        application_key=shop.key,
        timeout_seconds=60,
    )
    shop.double.receive_stock("A", Decimal("0.5"), spot=("B-1", "x"))
    shop.double.receive_stock("A", 2, location="Paris")
    shop.double.expect_delivery("A", date(2026, 12, 24), quantity=7)
    shop.double.sell_by_hand("KIT", 2)
    whole = await client.stock_page(page=1)
    assert whole.met == whole.total == len(whole.rows)
    figures = summed(row for row in whole.rows if row.sku == "A")
    assert figures == {"Main Warehouse": Decimal("3.5"), "Paris": Decimal(2)}
    shop.double.stock_list.sku_filter = "starts"
    shop.double.add_product("A-2", stock=4)
    alone = await client.stock_of("A")
    assert summed(alone.rows) == figures
    assert (len(alone.rows), alone.met) == (3, 4)
    assert {row.next_delivery for row in alone.rows} == {date(2026, 12, 24), None}
    assert sum(row.on_order for row in alone.rows) == 7
    kit = next(one for one in (await client.products(page=1, modified_since=None)).products if one.sku == "KIT")
    assert {part.sku: part.quantity for part in kit.parts} == {"A": Decimal(2), "B": Decimal("0.5")}
    shop.double.stock_list.wrong_by = 1
    with pytest.raises(Transient):
        await client.stock_of("A")
