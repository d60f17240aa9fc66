"""Procurement over both systems: what a buyer does in Cin7 Core is seen in the shop, by finance, and in margins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal

from actors.domain.margins import OrderMargin
from actors.finance.rules import FinanceRules
from actors.messages import Envelope
from actors.procurement.rules import ProcurementRules
from storage import exceptions, margins, purchases
from tests.simulation.world import virtual
from tests.stock_house import MINUTE, MUG, StockHouse, stock_house

TODAY = date(2026, 12, 1)
SHORTLY = 4 * MINUTE


@asynccontextmanager
async def shop(**rules: object) -> AsyncIterator[StockHouse]:
    """A shop whose purchases are read each minute."""
    chosen = ProcurementRules(**({"refresh": 60_000} | rules))  # type: ignore[arg-type]
    async with stock_house(the_plan={"procurement": chosen, "finance": FinanceRules(posting="off")}) as house:
        yield house


def shown(house: StockHouse) -> str:
    return str(house.entry().get("expectedDelivery", ""))[:10]


def earned_by(house: StockHouse, order: str) -> list[OrderMargin]:
    return house.made.read(lambda connection: margins.of_order(connection, order))


def told(house: StockHouse) -> list[tuple[str, str]]:
    rows = house.made.read(exceptions.listing)
    return [(row.type, row.record.number or row.record.id) for row in rows if row.record.kind in ("purchase", "sku")]


@virtual
async def test_the_day_of_a_purchase_reaches_the_storefront_moves_and_goes() -> None:
    async with shop() as house:
        bought = house.cin7.buy({MUG: (12, "4.00")}, required_by=TODAY + timedelta(days=9))
        await house.made.until(lambda: shown(house) == "2026-12-10", within=SHORTLY)
        house.cin7.change_required_by(bought, TODAY + timedelta(days=20))
        await house.made.until(lambda: shown(house) == "2026-12-21", within=20 * MINUTE)
        house.cin7.receive(bought, {MUG: 12})
        await house.made.until(lambda: shown(house) == "", within=20 * MINUTE)
        assert house.made.read(lambda connection: purchases.incoming(connection, MUG)) == []


@virtual
async def test_a_purchase_costs_a_call_when_it_moves_and_none_when_it_does_not() -> None:
    async with shop() as house:
        for _ in range(3):
            house.cin7.buy({MUG: (12, "4.00")})
        simple = house.cin7.buy({MUG: (1, "4.00")}, kind="Simple")
        reads = ("advanced_purchase_read", "purchase_read")
        await house.made.until(lambda: [house.made.calls(one) for one in reads] == [3, 1], within=SHORTLY)
        lists = house.made.calls("purchase_list")
        await house.made.clock.sleep(10 * 60)
        assert [house.made.calls(one) for one in reads] == [3, 1]
        assert 8 <= house.made.calls("purchase_list") - lists <= 11
        house.cin7.change_required_by(simple, TODAY)
        await house.made.until(lambda: house.made.calls("purchase_read") == 2, within=SHORTLY)
        assert house.made.calls("advanced_purchase_read") == 3


@virtual
async def test_what_a_sku_cost_landed_is_what_the_ledger_says_and_its_sale_is_held_against_it() -> None:
    async with shop(floor=Decimal(10), invoice_after=0, landed_cost_after=0, month_end=0) as house:
        bought = house.cin7.buy({MUG: (10, "40.00")}, currency="EUR")
        house.cin7.receive(bought, {MUG: 10})
        number = f"PO-{house.cin7.purchase(bought).number:05d}"
        types = ("purchase_rate_missing", "purchase_not_invoiced", "landed_cost_missing")
        missing = {(kind, number) for kind in types}
        await house.made.until(lambda: set(told(house)) == missing, within=SHORTLY)

        house.cin7.change_rate(bought, "0.85")
        house.cin7.invoice_purchase(bought, rate="0.86")
        house.cin7.link_service(bought, supplier="Haulage", amount="31.00")
        moved = ("cost_moved", number)  # what was worth face value at first
        await house.made.until(lambda: told(house) == [moved], within=SHORTLY)
        [cost] = house.made.read(lambda connection: purchases.costs_of(connection, bought))
        assert cost.value == house.cin7.value_of(bought, MUG)
        assert cost.unit == Decimal("37.5000")
        assert [part.kind.value for part in cost.parts] == ["goods", "journal"]

        order = house.order()
        await house.made.until(lambda: bool(earned_by(house, order)), within=6 * MINUTE)
        [earned] = earned_by(house, order)
        assert (earned.sku, earned.unit, earned.source) == (MUG, cost.unit, number)
        assert earned.net < cost.unit
        await house.made.until(lambda: told(house) == [moved, ("margin_below_floor", MUG)], within=SHORTLY)


@virtual
async def test_killed_again_and_again_nothing_of_a_purchase_is_lost() -> None:
    async with shop() as house:
        daemon, seen = house.made.daemon, [""]

        def note(envelope: Envelope) -> None:
            seen[0] = envelope.subject

        def now(point: str) -> bool:
            return seen[0].startswith("purchase") and point.startswith("actor.") and len(daemon.kills) < 9

        daemon.on_handle, daemon.kill_next = note, now
        bought = [house.cin7.buy({MUG: (place + 1, "4.00")}) for place in range(6)]
        await house.made.until(lambda: all(is_read(house, one) for one in bought), within=20 * MINUTE)
        assert len(daemon.kills) >= 3
        coming = house.made.read(lambda connection: purchases.incoming(connection, MUG))
        assert sorted(one.units for one in coming) == [Decimal(units) for units in range(1, 7)]


def is_read(house: StockHouse, purchase_id: str) -> bool:
    if not house.made.daemon.running:
        return False
    row = house.made.read(lambda connection: purchases.get(connection, purchase_id))
    return row is not None and row.value is not None
