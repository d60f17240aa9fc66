"""What the whole life of an order costs: five calls to Cin7 Core, and its share of the sweeps that webhooks bring."""

from __future__ import annotations

from bench.calls import LIFE_GOAL, lives
from tests.simulation.world import virtual

ORDERS, SPAN, REST = 12, 900.0, 300.0


@virtual
async def test_the_life_of_an_order_costs_no_more_than_its_goal() -> None:
    spent = await lives(ORDERS, SPAN, rest=REST)
    idle = await lives(0, SPAN, rest=REST)
    own = {purpose: count for (purpose, about), count in spent.items() if about}
    assert own == {
        "cin7.create_sale": ORDERS,
        "cin7.authorise_order": ORDERS,
        "cin7.read_fulfilment": ORDERS,
        "cin7.post_invoice": ORDERS,
        "cin7.post_payment": ORDERS,
    }
    assert (spent.total() - idle.total()) / ORDERS <= LIFE_GOAL
