"""Orders whose shipping method the merchant put ahead are sales before those that came earlier."""

from __future__ import annotations

import msgspec

from adapters.sandbox.carts import OrderDraft, ShippingDraft, rule_of
from storage import orders
from tests.simulation.world import PLAIN_LINES, World, plan, virtual, world

EXPRESS = "Special Delivery by 1pm"
FAST = OrderDraft(lines=PLAIN_LINES, shipping=ShippingDraft(method=EXPRESS, tax=rule_of(20)))


@virtual
async def test_express_orders_overtake_those_that_only_wait() -> None:
    base = plan()
    the_plan = plan(
        sweeps=msgspec.structs.replace(base.sweeps, first=frozenset({EXPRESS})), concurrency=1, calls_per_minute=31
    )
    async with world(7, the_plan=the_plan) as made:
        await made.ready()
        slow = [made.place() for _ in range(40)]
        await made.until(lambda: sum(made.states().values()) == 40, within=60)
        fast = [made.place(FAST) for _ in range(3)]
        await made.exported(*fast, within=900)
        assert made.states()["exported"] < 40, "they did not wait for everything before them"
        assert [_goes_first(made, order_id) for order_id in (slow[0], fast[0])] == [False, True]
        await made.exported(*slow, within=3600)


def _goes_first(made: World, order_id: str) -> bool:
    record = made.read(lambda connection: orders.get(connection, order_id))
    assert record is not None
    return record.express
