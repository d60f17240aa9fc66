"""Stock over both systems: entries that are bought from while they are written, lists that move while they are read."""

from __future__ import annotations

import pytest

from adapters.cin7 import client as cin7_client
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from tests.simulation.world import Serve, intercept, virtual
from tests.stock_house import BOWL, MINUTE, MUG, rules, stock_house

FORBIDDEN = b'{"statusCode": 403, "message": "Insufficient scope", "errors": [{"code": "insufficient_scope"}]}'


def _writes(request: Request) -> bool:
    return request.method == "POST" and "/inventory" in request.url


@pytest.mark.parametrize("waits", [0, 3])
@pytest.mark.parametrize(("moved", "right"), [(5, 2), (-5, -8)])
@virtual
async def test_an_order_between_our_reading_and_our_writing_is_not_handed_back(
    waits: int, moved: int, right: int
) -> None:
    """Interleaving 7: taken off before the write it is a conflict, after it nothing at all."""
    async with stock_house() as house:
        there = house.available()
        bought: list[str] = []

        async def buy_first(request: Request, serve: Serve) -> Response:
            if _writes(request) and not bought:
                bought.append(house.order(3))
                await house.made.clock.sleep(waits)
            return await serve(request)

        intercept(house.made.ct_network, buy_first)
        house.cin7.receive_stock(MUG, moved)
        await house.shows(there + right, within=4 * MINUTE)
        await house.stays(there + right)
        assert house.writes() == (2 if waits else 1)
        assert house.told() == []


@virtual
async def test_units_sold_behind_a_lost_answer_stay_sold() -> None:
    """Interleaving 8: the raise was executed; what was sold of it since is not put in again."""
    async with stock_house() as house:
        there = house.available()
        house.made.ct_faults.plan("inventory_update", Fault(kind=FaultKind.DROP_AFTER))
        house.cin7.receive_stock(MUG, 5)
        await house.shows(there + 5, within=4 * MINUTE)
        house.order(6)
        await house.shows(there - 1, within=5)
        await house.stays(there - 1, minutes=10)
        assert house.runs()
        assert house.told() == []


@virtual
async def test_a_list_with_rows_lost_between_pages_zeroes_nothing_and_heals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cin7_client, "_STOCK_ROWS", 10)
    async with stock_house() as house:
        shown = {sku: house.shown(sku) for sku in house.shop.items}
        house.cin7.stock_list.lost_rows = 1
        await house.made.clock.sleep(5 * MINUTE)
        assert {sku: house.shown(sku) for sku in shown} == shown
        assert house.writes() == 0
        # A pass that does not add up proves nothing: what it has not met is not even asked for.
        assert sum(house.named(sku) for sku in shown) == 0
        house.cin7.stock_list.lost_rows = 0
        house.cin7.receive_stock(MUG, -4)
        await house.shows(house.available(), within=3 * MINUTE)


@virtual
async def test_a_row_that_moves_to_a_page_already_read_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first row of all goes between two pages, and each of the others moves up by one."""
    monkeypatch.setattr(cin7_client, "_STOCK_ROWS", 10)
    async with stock_house() as house:
        house.cin7.stock_list.zero_rows = False
        await house.read()
        await house.made.clock.sleep(MINUTE)
        shown = {sku: house.shown(sku) for sku in house.shop.items}
        first = next(row.product.sku for row in house.cin7.books.stock_rows())
        taken = house.available(first)

        async def sell_out(request: Request, serve: Serve) -> Response:
            answer = await serve(request)
            if "productavailability" in request.url and "Page=1&" in request.url + "&" and house.available(first):
                house.cin7.receive_stock(first, -taken)
            return answer

        intercept(house.made.cin7_network, sell_out)
        await house.shows(0, first, within=3 * MINUTE)
        await house.made.clock.sleep(3 * MINUTE)
        assert {sku: house.shown(sku) for sku in shown} == shown | {first: 0}
        assert house.made.daemon.open_types() == []


@virtual
async def test_an_entry_that_is_never_at_rest_is_told_with_its_bound_and_ends_exact() -> None:
    async with stock_house(the_rules=rules(trueup_max=600_000)) as house:
        there = house.available()
        sold = 0
        while "stock_untrued" not in house.told():
            house.order(1)
            sold += 1
            assert sold < 150
            await house.made.clock.sleep(12)
        [row] = house.made.daemon.open_exceptions(MUG)
        assert 0 < int(row.facts["bound"]) <= sold
        assert sold * 12 >= 600
        await house.shows(there - sold, within=MINUTE)
        await house.made.until(lambda: house.told() == [], within=10 * MINUTE)
        await house.stays(there - sold, minutes=1)


@virtual
async def test_writes_that_are_forbidden_are_told_once_and_go_on_once_they_are_allowed() -> None:
    async with stock_house() as house:

        async def forbid(request: Request, serve: Serve) -> Response:
            if _writes(request):
                return Response(status=403, headers={"content-type": "application/json"}, body=FORBIDDEN)
            return await serve(request)

        undo = intercept(house.made.ct_network, forbid)
        for sku in (MUG, BOWL):
            house.cin7.receive_stock(sku, -2)
        await house.made.until(lambda: house.made.daemon.open_types() != [], within=3 * MINUTE)
        order_id = house.order(1)
        await house.made.exported(order_id)
        assert len(house.made.daemon.open_types()) == 1
        undo()
        for sku in (MUG, BOWL):
            await house.shows(house.available(sku), sku, within=20 * MINUTE)
        await house.made.until(lambda: house.made.daemon.open_types() == [], within=10 * MINUTE)


@virtual
async def test_a_sold_out_sku_is_zero_at_once_and_sells_again_by_a_receipt() -> None:
    async with stock_house(the_rules=rules(snapshot=600_000)) as house:
        house.cin7.receive_stock(MUG, -house.available())
        await house.read()
        await house.shows(0, within=20)
        house.cin7.receive_stock(MUG, 12)
        await house.shows(12, within=25 * MINUTE)
        assert "stock_mass_zero" not in house.made.daemon.open_types("stock")
