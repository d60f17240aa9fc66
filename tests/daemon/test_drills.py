"""The drills: each makes the trouble it tells of, is not solved before it is mended, and is solved then."""

from __future__ import annotations

import pytest

from actors.domain.exception_types import CATALOGUE
from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.stock.rules import StockRules
from daemon.commands.sandbox_drills import DRILLS, Drill
from tests.simulation.drills import play
from tests.simulation.world import plan, virtual, world

PLAN = plan(
    finance=FinanceRules(
        posting="auto", refunds="credit-note", accounts={"adyen/scheme": "090"}, location="Main Warehouse"
    ),
    fulfilment=FulfilmentRules(tell_refunds=False),
    stock=StockRules(channels={"": ("Main Warehouse",)}),
    refresh=30_000,
)
ELSEWHERE = {"tax-unmapped", "push-silent"}
"""These need the console, and a door."""


@pytest.mark.parametrize("name", sorted(set(DRILLS) - ELSEWHERE))
@virtual
async def test_a_drill_is_solved_by_mending_what_it_tells_of(name: str) -> None:
    async with world(31, the_plan=PLAN) as made:
        await made.ready()
        await made.clock.sleep(60)
        await play(made, DRILLS[name])


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS.keys())
def test_what_a_trainee_is_told_is_short_and_true(drill: Drill) -> None:
    assert 1 <= len(drill.steps) <= 3
    assert drill.code in ("", *CATALOGUE)
    if drill.code:
        assert CATALOGUE[drill.code].owner.value == drill.role
        assert f"`{drill.code}`" in drill.see or drill.name == "cin7-down"
    assert all(len(text) <= 120 for text in (drill.story, drill.see, drill.lesson, *drill.steps))
    assert all(text.endswith(".") for text in (drill.story, drill.see, drill.lesson, *drill.steps))
