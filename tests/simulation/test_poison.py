"""One poison record delays nobody (law L7, failure story R5)."""

from __future__ import annotations

import functools

import pytest

from actors.catalogue.rules import CatalogueRules
from actors.procurement.rules import ProcurementRules
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.virtual_time import run_virtual
from storage import orders
from tests.simulation.poison import DOSE, HELD, REFRESH_SECONDS, SET_ASIDE, Outcome, compare, verdict
from tests.simulation.world import World, plan, world


@pytest.fixture(scope="module")
def runs() -> tuple[Outcome, Outcome]:
    """320 orders in 192 seconds, twice; a thousand are `python -m tests.simulation.poison`."""
    return compare(1, count=320, minutes=3.2)


def test_good_orders_are_not_later_for_the_poison_among_them(runs: tuple[Outcome, Outcome]) -> None:
    alone, among = runs
    assert alone.p99 > 120, "they are to come faster than the limit lets them go"
    assert among.p99 <= alone.p99 * 1.05, verdict(alone, among)


def test_held_orders_go_by_themselves_once_the_fact_changed(runs: tuple[Outcome, Outcome]) -> None:
    _, among = runs
    assert len(among.held) == sum(kind in HELD for kind in DOSE)
    assert among.healed_within <= REFRESH_SECONDS + 30


def test_what_breaks_its_handler_is_set_aside_with_an_exception(runs: tuple[Outcome, Outcome]) -> None:
    _, among = runs
    assert len(among.set_aside) == sum(kind in SET_ASIDE for kind in DOSE)
    assert set(among.set_aside.values()) == {"message_quarantined"}
    assert among.kills == 3, "the killer killed three times, then it was set aside"


async def _seconds(*, broken: bool) -> list[float]:
    """Sell for three minutes with the sweeps of products and purchases on; return how long each order took."""
    the_plan = plan(catalogue=CatalogueRules(sweep=10_000), procurement=ProcurementRules(refresh=30_000))
    async with world(3, the_plan=the_plan) as made:
        await made.ready()
        await made.clock.sleep(60)  # what a start reads is read: it has had its share of the limit
        if broken:
            made.ct_faults.chance("product_list", Fault(kind=FaultKind.ERROR_BEFORE, status=503), 1.0)
            made.cin7_faults.chance("purchase_list", Fault(kind=FaultKind.MALFORMED), 1.0)
        placed = []
        for _ in range(60):
            placed.append(made.place())
            await made.clock.sleep(3)
        await made.exported(*placed, within=600)
        assert ("commercetools_unreachable" in made.daemon.open_types()) == broken
        assert made.calls("purchase_list") >= 4
        return [_took(made, order_id) for order_id in placed]


def _took(made: World, order_id: str) -> float:
    record = made.read(lambda connection: orders.get(connection, order_id))
    assert record is not None
    assert record.exported_at is not None
    return (record.exported_at - record.created_at) / 1000


def test_orders_are_not_later_where_products_cannot_be_read_and_purchases_make_no_sense() -> None:
    well, broken = (run_virtual(functools.partial(_seconds, broken=how)) for how in (False, True))
    assert max(broken) <= max(well) + 1
