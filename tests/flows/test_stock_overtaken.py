"""What is heard of while a write is about to leave: an order whose units nobody takes off counts once it is seen."""

from __future__ import annotations

from actors.domain.inventory import Entry
from actors.domain.ledger import Step
from actors.governor.journal import Intent
from actors.intake.rules import ORDER_LOOK
from actors.messages import Flow
from actors.orders.rules import Trigger
from actors.stock.actor import StockActor
from actors.stock.assessing import Case
from tests.simulation.world import export_rules, virtual
from tests.stock_house import MINUTE, MUG, stock_house

WAITING = {"export": export_rules(trigger=Trigger(order_states=("Confirmed",), payment="paid"))}
"""Orders that are Open wait for their trigger: Cin7 Core counts none of them."""


@virtual
async def test_an_order_that_is_seen_between_a_decision_and_its_intent_counts() -> None:
    async with stock_house(the_plan=WAITING) as house:
        there, made = house.available(), house.made
        actor = made.engine.actors[Flow.STOCK]
        assert isinstance(actor, StockActor)
        send, seen = actor.publisher._send, list[str]()

        async def slowly(case: Case, intent: Intent) -> Entry:
            if case.decision.step in (Step.RAISE, Step.TRUE_UP) and not seen:
                seen.append(house.order(2, inventory_mode="None"))
                await made.daemon.nudge(ORDER_LOOK + seen[0], Flow.INTAKE)
                await made.in_state(seen[0], "awaiting")
            return await send(case, intent)

        actor.publisher._send = slowly  # type: ignore[method-assign]
        house.cin7.receive_stock(MUG, 5)
        await house.shows(there + 3, within=3 * MINUTE)
        await house.stays(there + 3, minutes=1)

        assert seen
        assert [change.quantity for change in house.history()] == [there + 3]
