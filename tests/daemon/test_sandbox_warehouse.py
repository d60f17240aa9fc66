"""The sandbox's warehouse ships as many sales as it was asked to, and none that is short or cancelled."""

from __future__ import annotations

import anyio

from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from daemon.commands.sandbox_warehouse import PICK_SECONDS, SHIP_SECONDS, Warehouse
from tests.simulation.life import MUG
from tests.simulation.world import ACCOUNT, KEY


def test_so_many_are_shipped_the_oldest_first() -> None:
    async def play() -> None:
        clock = VirtualClock()
        cin7 = Cin7Double(clock=clock, account_id=ACCOUNT, application_key=KEY)
        short = cin7.make_sale_by_hand(lines=((MUG, 1_000_000),))
        sales = [cin7.make_sale_by_hand(lines=((MUG, 1),)) for _ in range(3)] if short.backordered else []
        cin7.receive_stock(MUG, 10, fill_backorders=False)
        free = [cin7.make_sale_by_hand(lines=((MUG, 1),)) for _ in range(2)]
        warehouse = Warehouse(cin7, clock=clock, count=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(warehouse.run)
            await clock.sleep(20 * (PICK_SECONDS + SHIP_SECONDS))
        assert warehouse.shipped == [free[0].order_number]
        assert not any(cin7.shipped(sale.id) for sale in (short, *sales, free[1]))

    run_virtual(play)
