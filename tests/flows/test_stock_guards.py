"""Stock over both systems: what is not plain stock, what guards stop, and what people and other programs do to it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from actors.domain.inventory import entry_key
from actors.messages import Flow
from actors.orders.rules import Trigger
from actors.stock.rules import StockRules
from actors.stock.watching import ALL, COMPARE
from adapters.sandbox.catalogue import ITEMS
from adapters.sandbox.cin7_books import Location
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.transport import Request, Response
from storage import availability, entries, exceptions, meta, stock
from storage.availability import Hint
from storage.stock import Block
from storage.stop_sell import sell_again
from tests.simulation.world import Serve, export_rules, intercept, virtual
from tests.stock_house import BOWL, MAIN, MINUTE, MUG, StockHouse, rules, stock_house

NEW = "NEW-1"
REFUSAL = b'{"statusCode": 400, "message": "no", "errors": [{"code": "InvalidOperation", "message": "no"}]}'


async def _push(house: StockHouse, available: int, sku: str = MUG) -> None:
    """Keep a pushed row as the door does."""
    now = house.made.clock.now()
    hint = Hint(sku=sku, location=MAIN, available=Decimal(available), received_at=now)

    await house.act(lambda connection: availability.put_hints(connection, [hint]), sku)


# -- pushes ------------------------------------------------------------------------------------------------------------


@virtual
async def test_a_push_that_lowers_is_there_within_two_seconds() -> None:
    async with stock_house(the_rules=rules(snapshot=3_600_000)) as house:
        there = house.available()
        house.cin7.receive_stock(MUG, -5)
        await _push(house, there - 5)
        await house.shows(there - 5, within=2)


@virtual
async def test_a_push_that_raises_is_believed_after_two_readings_by_name() -> None:
    async with stock_house(the_rules=rules(snapshot=3_600_000)) as house:
        there = house.available()
        house.cin7.receive_stock(MUG, 5)
        await _push(house, there + 5)
        await house.shows(there + 5, within=30)
        assert len(house.steps()) == 1
        assert house.named() == 2


@virtual
async def test_an_old_push_raises_nothing() -> None:
    """Interleaving 20: what it says was true 76 minutes ago."""
    async with stock_house(the_rules=rules(snapshot=3_600_000)) as house:
        there = house.available()
        await _push(house, there + 5)
        await house.stays(there, minutes=2)
        assert house.writes() == 0


# -- people and programs -----------------------------------------------------------------------------------------------


@virtual
async def test_a_rise_that_is_not_ours_is_taken_back_and_told_with_who_did_it() -> None:
    """Interleaving 16."""
    async with stock_house() as house:
        there = house.available()
        house.shop.set_stock(MUG, there + 4)
        await house.made.until(lambda: "stock_edited" in house.told(), within=2 * MINUTE)
        await house.shows(there, within=10)
        row = next(row for row in house.made.daemon.open_exceptions(MUG) if row.type == "stock_edited")
        assert row.facts["who"]
        await house.made.until(lambda: house.runs() and house.told() == [], within=6 * MINUTE)


@pytest.mark.parametrize(("ends", "sold"), [("lost", 0), ("killed", 0), ("killed", 6)])
@virtual
async def test_a_write_whose_answer_is_on_its_way_is_nobody_elses(ends: str, sold: int) -> None:
    """No ledger begins anew by what stood before it, though a reading agrees with that: the intent would be forgotten.

    Its units would be somebody else's rise; or, hidden by as many sold, in the entry and in no ledger.
    """
    async with stock_house() as house:
        there, made = house.available(), house.made
        written: list[int | None] = []

        async def hold_the_answer(request: Request, serve: Serve) -> Response:
            response = await serve(request)
            if request.method != "POST" or "/inventory/" not in request.url or written:
                return response
            written.append(house.shown())
            house.cin7.receive_stock(MUG, -5)
            # As after another answer that was lost: what is suspended begins anew wherever a reading agrees.
            await made.daemon.write(lambda connection: entries.suspend(connection, MUG, "", "lost"))
            await house.read()
            if sold:
                house.order(sold)
                await made.clock.sleep(3)
            if ends == "killed":
                made.daemon.die("killed")
            raise DropConnectionError

        intercept(made.ct_network, hold_the_answer)
        house.cin7.receive_stock(MUG, 5)
        await made.until(lambda: bool(written), within=4 * MINUTE)
        await made.clock.sleep(10)
        await house.shows(there - sold)
        await house.stays(there - sold)
        told = made.read(lambda connection: exceptions.of_record(connection, "sku", MUG))

        assert written == [there + 5]
        assert [row.cause for row in told] == []


@virtual
async def test_a_zero_by_hand_stands_until_the_true_up_and_is_told_as_drift() -> None:
    """Interleaving 17."""
    async with stock_house() as house:
        there = house.available()
        house.shop.set_stock(MUG, 0)
        await house.made.clock.sleep(60)
        assert house.shown() == 0
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.shows(there, within=8 * MINUTE)
        assert house.told() == ["stock_drift"]
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.made.until(lambda: house.told() == [], within=2 * MINUTE)


@virtual
async def test_a_script_that_gives_units_back_does_not_double_them() -> None:
    """Interleaving 10."""
    waiting = {"export": export_rules(trigger=Trigger(order_states=("Confirmed",), payment="paid"))}
    async with stock_house(the_plan=waiting) as house:
        there = house.available()
        order_id = house.order(2)
        await house.shows(there - 2, within=5)
        house.shop.cancel(order_id)
        house.shop.give_back(MUG, 2)
        for _ in range(40):
            assert (house.shown() or 0) <= there
            await house.made.clock.sleep(10)
        await house.shows(there)


@virtual
async def test_the_daily_compare_finds_everything_exact() -> None:
    async with stock_house() as house:
        await house.made.daemon.nudge(ALL, Flow.STOCK)
        await house.made.clock.sleep(30)
        found = house.made.read(lambda connection: meta.text(connection, COMPARE))
        assert '"drift":0' in found
        assert '"lag":0' in found


@virtual
async def test_a_blocked_sku_shows_zero_until_it_is_unblocked_by_true_up() -> None:
    async with stock_house() as house:
        there, now = house.available(), house.made.clock.now()
        block = Block(sku=MUG, until=None, reason="recall", author="olga", at=now)

        await house.act(lambda connection: stock.block(connection, block))
        await house.shows(0, within=5)
        house.cin7.receive_stock(MUG, 4)
        await house.stays(0, minutes=3)
        await house.act(lambda connection: sell_again(connection, MUG))
        await house.shows(there + 4, within=8 * MINUTE)


@virtual
async def test_a_block_ends_by_the_clock() -> None:
    async with stock_house() as house:
        there, now = house.available(), house.made.clock.now()
        block = Block(sku=MUG, until=now + 120_000, reason="photo", author="olga", at=now)

        await house.act(lambda connection: stock.block(connection, block))
        await house.shows(0, within=5)
        await house.shows(there, within=8 * MINUTE)


# -- the list ----------------------------------------------------------------------------------------------------------


@virtual
async def test_a_sku_that_is_missing_is_asked_for_by_name_before_it_counts_as_zero() -> None:
    async with stock_house() as house:
        there = house.available()
        house.cin7.stock_list.unlisted = frozenset({MUG})
        await house.read()
        await house.stays(there, minutes=1)
        assert house.named() > 0
        house.cin7.stock_list.zero_rows = False
        house.cin7.receive_stock(MUG, -there)
        await house.shows(0, within=3 * MINUTE)


@pytest.mark.parametrize("how", ["lost", "wrong total"])
@virtual
async def test_a_list_that_does_not_add_up_brings_nothing_to_zero(how: str) -> None:
    async with stock_house() as house:
        shown = {sku: house.shown(sku) for sku in house.shop.items}
        house.cin7.stock_list.unlisted = frozenset({MUG})
        house.cin7.stock_list.wrong_by = 1 if how == "wrong total" else -1
        await house.made.clock.sleep(150)
        assert {sku: house.shown(sku) for sku in shown} == shown


@virtual
async def test_too_many_zeros_at_once_are_stopped_told_and_confirmed() -> None:
    async with stock_house() as house:
        skus = sorted(sku for sku, item in house.shop.items.items() if item.stock > 0)[:12]
        skus = [sku for sku in skus if house.cin7.books.product_by_sku(sku)]
        before = {sku: house.shown(sku) for sku in skus}
        for sku in skus:
            house.cin7.receive_stock(sku, -house.available(sku))
        await house.made.until(lambda: "stock_mass_zero" in house.made.daemon.open_types("stock"), within=3 * MINUTE)
        held = [sku for sku in skus if house.shown(sku) == before[sku]]
        assert len(held) > len(skus) / 2
        await house.act(stock.confirm_zeros)
        for sku in skus:
            await house.made.daemon.nudge(f"sku:{sku}", Flow.STOCK)
        await house.made.until(lambda: all(house.shown(sku) == 0 for sku in skus), within=2 * MINUTE)
        await house.made.until(lambda: not house.made.daemon.open_types("stock"), within=3 * MINUTE)


@virtual
async def test_too_many_zeros_heal_by_themselves_when_the_list_is_whole_again() -> None:
    async with stock_house() as house:
        skus = [sku for sku in sorted(house.shop.items) if house.cin7.books.product_by_sku(sku)]
        before = {sku: house.shown(sku) for sku in skus}
        house.cin7.stock_list.unlisted = frozenset(skus[:20])
        await house.made.until(lambda: "stock_mass_zero" in house.made.daemon.open_types("stock"), within=3 * MINUTE)
        assert {sku: house.shown(sku) for sku in skus} == before
        house.cin7.stock_list.unlisted = frozenset()
        await house.made.until(lambda: not house.made.daemon.open_types("stock"), within=4 * MINUTE)
        assert {sku: house.shown(sku) for sku in skus} == before


# -- what is not plain stock -------------------------------------------------------------------------------------------


LEFT = [
    ("a service", {"type": "Service"}),
    ("always drop-shipped", {"drop_ship": "Always Drop Ship"}),
    ("of a type nobody knows", {"type": "Bundle"}),
]


@pytest.mark.parametrize(("_what", "changes"), LEFT)
@virtual
async def test_what_is_no_stock_is_never_written(_what: str, changes: dict[str, str]) -> None:
    def before(house: StockHouse) -> None:
        house.cin7.change_product(MUG, **changes)
        house.shop.set_stock(MUG, 999)

    async with stock_house(before=before, until=BOWL) as house:
        await house.stays(999, minutes=3)
        assert house.history() == []


@pytest.mark.parametrize("changes", [{"status": "Deprecated"}, {"sellable": False}])
@virtual
async def test_what_is_retired_goes_to_zero_and_comes_back(changes: dict[str, object]) -> None:
    async with stock_house() as house:
        there = house.available()
        house.cin7.change_product(MUG, **changes)
        await house.shows(0, within=6 * MINUTE)
        house.cin7.change_product(MUG, status="Active", sellable=True)
        await house.shows(there, within=12 * MINUTE)


@virtual
async def test_a_missing_entry_is_made_under_its_key_and_only_where_it_may_be() -> None:
    async with stock_house(before=lambda house: house.cin7.add_product(NEW, stock=6)) as house:
        await house.shows(6, NEW, within=6 * MINUTE)
        assert house.entry(NEW)["key"] == entry_key(NEW, "")
        assert house.steps(NEW) == ["create"]
        house.cin7.receive_stock(NEW, 3)
        await house.shows(9, NEW, within=4 * MINUTE)
    async with stock_house(
        2, the_rules=rules(create_missing=False), before=lambda h: h.cin7.add_product(NEW, stock=6)
    ) as house:
        await house.stays(None, NEW, minutes=4)


@virtual
async def test_an_entry_somebody_made_meanwhile_is_taken_over() -> None:
    def before(house: StockHouse) -> None:
        house.cin7.add_product(NEW, stock=6)
        house.made.ct_faults.plan("inventory_create", Fault(kind=FaultKind.DROP_AFTER))

    async with stock_house(before=before) as house:
        await house.shows(6, NEW, within=6 * MINUTE)
        await house.made.until(lambda: house.runs(NEW), within=8 * MINUTE)
        assert sum(entry["sku"] == NEW for entry in house.shop.inventory.values()) == 1


KIT = "KIT-1"


@virtual
async def test_kits_are_sold_by_their_scarcest_component_and_both_subtract_from_each_other() -> None:
    waiting = {"export": export_rules(trigger=Trigger(order_states=("Confirmed",), payment="paid"))}

    def before(house: StockHouse) -> None:
        house.cin7.receive_stock(MUG, 20 - house.available(MUG))
        house.cin7.receive_stock(BOWL, 9 - house.available(BOWL))
        house.shop.set_stock(MUG, 20)
        house.shop.set_stock(BOWL, 9)
        house.cin7.add_kit(KIT, {MUG: 2, BOWL: 1})
        item = house.shop.items[MUG]
        house.shop.items[KIT] = type(item)(
            sku=KIT, name="Kit", price=item.price, stock=0, tax_percent=item.tax_percent, category=item.category
        )
        house.shop.add_inventory(KIT, 9)

    async with stock_house(before=before, the_plan=waiting, until=KIT) as house:
        await house.shows(9, KIT)
        house.order(3, KIT)
        await house.shows(6, KIT, within=10)
        await house.shows(14, MUG)
        await house.shows(6, BOWL)
        house.order(4, BOWL)
        await house.shows(2, BOWL, within=10)
        await house.shows(2, KIT)


CATEGORY = next(item.category for item in ITEMS if item.sku == MUG)

BUFFERS = [
    (rules(buffer=3), 3),
    (rules(buffer=3, channel_buffers={"": 4}), 4),
    (rules(buffer=3, channel_buffers={"": 4}, buffers={CATEGORY: 5}), 5),
    (rules(buffer=3, channel_buffers={"": 4}, buffers={MUG: 6}), 6),
]


@pytest.mark.parametrize(("the_rules", "kept"), BUFFERS)
@virtual
async def test_units_kept_back(the_rules: StockRules, kept: int) -> None:
    async with stock_house(the_rules=the_rules, until="") as house:
        await house.shows(house.available() - kept, within=2 * MINUTE)


@virtual
async def test_what_may_be_oversold_is_published_below_zero_and_nothing_else_is() -> None:
    async with stock_house(the_rules=rules(below_zero=frozenset({MUG}))) as house:
        for sku in (MUG, BOWL):
            house.cin7.receive_stock(sku, -house.available(sku) - 3)
        await house.shows(-3, MUG, within=3 * MINUTE)
        await house.shows(0, BOWL, within=3 * MINUTE)


POLICIES = [("keep", 0), ("zero", None), ("buffer", 1)]


@pytest.mark.parametrize(("policy", "less"), POLICIES)
@virtual
async def test_what_is_published_of_a_figure_that_grew_old(policy: str, less: int | None) -> None:
    the_rules = rules(max_age=120_000, stale_policy=policy)
    async with stock_house(the_rules=the_rules) as house:
        there = house.available()
        house.made.cin7_network.reachable = False
        await house.made.until(lambda: "stock_stale" in house.made.daemon.open_types("stock"), within=10 * MINUTE)
        await house.shows(0 if less is None else there - less, within=2 * MINUTE)
        house.made.cin7_network.reachable = True
        await house.made.until(lambda: not house.made.daemon.open_types("stock"), within=15 * MINUTE)
        await house.shows(there, within=5 * MINUTE)
        assert "stock_stale" not in house.made.daemon.open_types("stock")


@virtual
async def test_the_date_of_the_next_delivery_is_shown_moved_and_cleared() -> None:
    async with stock_house() as house:
        today = date(2026, 12, 1)
        house.cin7.expect_delivery(MUG, today + timedelta(days=3), quantity=5)
        await house.made.until(lambda: "expectedDelivery" in house.entry(), within=3 * MINUTE)
        assert house.entry()["expectedDelivery"].startswith("2026-12-04")
        house.cin7.receive_delivery(MUG, today + timedelta(days=3))
        await house.made.until(lambda: "expectedDelivery" not in house.entry(), within=3 * MINUTE)
        assert "restockableInDays" not in house.entry()


@virtual
async def test_a_sku_that_is_refused_keeps_nobody_else_back() -> None:
    async with stock_house() as house:
        entry_id = house.entry()["id"]

        async def refuse(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and entry_id in request.url:
                return Response(status=400, headers={"content-type": "application/json"}, body=REFUSAL)
            return await serve(request)

        undo = intercept(house.made.ct_network, refuse)
        house.cin7.receive_stock(MUG, -2)
        await house.made.until(lambda: "stock_refused" in house.told(), within=3 * MINUTE)
        house.cin7.receive_stock(BOWL, -2)
        await house.shows(house.available(BOWL), BOWL, within=2 * MINUTE)
        undo()
        await house.shows(house.available(), within=20 * MINUTE)
        assert house.told() == []


@virtual
async def test_in_shadow_mode_nothing_is_written_and_each_would_have_is_kept_once() -> None:
    async with stock_house(the_rules=rules(shadow=True)) as house:
        house.cin7.receive_stock(MUG, -2)
        for _ in range(4):
            await house.read()
            await house.made.clock.sleep(20)
        assert house.writes() == 0
        assert house.steps() == ["would lower"]


@virtual
async def test_two_channels_are_fed_by_their_own_locations() -> None:
    def before(house: StockHouse) -> None:
        house.cin7.books.locations.append(Location(id=house.cin7.books.new_id(), name="Paris"))
        house.cin7.receive_stock(MUG, 7, location="Paris")
        house.shop.add_inventory(MUG, 7, channel="paris")

    both = rules(channels={"": (MAIN,), "paris": ("Paris",)})
    async with stock_house(the_rules=both, before=before) as house:
        await house.made.until(lambda: house.runs(MUG, "paris"), within=8 * MINUTE)
        there = house.available()
        house.cin7.receive_stock(MUG, -3, location="Paris")
        await house.made.until(lambda: house.shown(MUG, "paris") == 4, within=3 * MINUTE)
        assert house.shown() == there


@virtual
async def test_the_push_of_our_own_sale_costs_no_call() -> None:
    async with stock_house(the_rules=rules(snapshot=3_600_000)) as house:
        there, calls = house.available(), house.made.calls("availability")
        order_id = house.order(2)
        await house.made.exported(order_id)
        await house.made.clock.sleep(30)
        await _push(house, there - 2)
        await house.stays(there - 2, minutes=2)
        assert house.made.calls("availability") == calls
