"""What the warehouse did shows on the order: within seconds of a webhook, a sweep without one, for one read at most."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from actors.domain.delivering import DeliveryRules
from actors.domain.errors import Rejected
from actors.domain.feed import ReadOrder
from actors.domain.order import Order
from actors.domain.order_update import OrderAction
from actors.domain.sale import SaleView
from actors.fulfilment.actor import FulfilmentActor
from actors.fulfilment.ports import Storefront, Warehouse
from actors.fulfilment.rules import FulfilmentRules
from actors.governor.journal import Intent
from actors.intake.rules import SweepRules
from actors.messages import Flow
from actors.orders.desk import underway
from adapters.sandbox.carts import LineDraft, OrderDraft, ShipmentDraft, ShippingDraft, TravelDraft, rule_of
from adapters.sandbox.catalogue import Item
from adapters.sandbox.faults import Fault, FaultKind
from storage import fulfilments, orders, outbox, timeline
from tests.simulation.life import MUG, PLATE, Messenger, News
from tests.simulation.senders import plan_with_doors
from tests.simulation.world import World, plan, virtual, world

SOON = 5.0
SWEEP = 60.0
TWO = OrderDraft(
    lines=(LineDraft(sku=MUG, quantity=2), LineDraft(sku=PLATE, quantity=1)),
    shipping=ShippingDraft(tax=rule_of(20)),
)


MESSENGERS: dict[int, Messenger] = {}
"""Who carries the news of each world, by its seed."""


@asynccontextmanager
async def shop(
    seed: int, *, news: News = News.ONCE, rules: FulfilmentRules | None = None, **changes: Any
) -> AsyncIterator[World]:
    """A world in which both sides tell; from the start the news travels as the policy says."""
    # An order is told of by its door; an hour of hot sweeps takes three seconds to play.
    unhurried = {"sweeps": SweepRules(since=0, hot=30_000)}
    the_plan = plan_with_doors(base=plan(fulfilment=rules or FulfilmentRules(), **(unhurried | changes)))
    async with world(seed, the_plan=the_plan, cin7={"webhook_seconds": 0.2}) as made:
        messenger = Messenger(made, news)
        messenger.begin()
        messenger.start()
        await made.ready()
        await messenger.listen()
        MESSENGERS[seed] = messenger
        yield made


async def sold(made: World, draft: OrderDraft = TWO) -> str:
    """Place an order and wait until it is a sale, and until nothing of it is under way."""
    order = made.shop.place_order(draft)
    await made.exported(order, within=120)
    await made.clock.sleep(10)
    return order


def sale_of(made: World, order: str) -> str:
    return next(sale.id for sale in made.cin7.sales if order in (sale.external_id or ""))


def shown(made: World, order: str) -> tuple[str, int, str]:
    """Its shipment state, its delivered units, its own state."""
    document = made.shop.orders[order]
    return document.get("shipmentState") or "", sum(made.shop.delivered(order).values()), document["orderState"]


def _bears(made: World, order: str, number: str) -> bool:
    return made.shop.parcels(order)[0][2] == number


def _shows(made: World, order: str, state: str, units: int) -> bool:
    return shown(made, order)[:2] == (state, units)


def reads(made: World) -> int:
    return made.calls("sale_read")


@virtual
async def test_a_pick_and_a_shipment_show_within_five_seconds_for_one_read() -> None:
    async with shop(701) as made:
        order = await sold(made)
        before = reads(made)
        made.cin7.pick(sale_of(made, order))
        await made.until(lambda: shown(made, order) == ("Ready", 0, "Open"), within=SOON, every=0.1)
        assert reads(made) == before, "that it was picked stands on the list"
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SOON, every=0.1)
        await made.clock.sleep(20 * 60)
        assert reads(made) == before + 1


@virtual
async def test_a_webhook_that_comes_after_the_sweep_costs_no_second_read() -> None:
    async with shop(723, news=News.LATE) as made:
        order = await sold(made)
        before = reads(made)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SWEEP + SOON)
        await MESSENGERS[723].deliver_late()
        await made.clock.sleep(5 * SWEEP)
        assert reads(made) == before + 1


@virtual
async def test_without_a_webhook_it_shows_within_one_sweep_for_one_read() -> None:
    async with shop(702, news=News.LOST) as made:
        order = await sold(made)
        before = reads(made)
        made.cin7.pick(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Ready", within=SWEEP + SOON)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SWEEP + SOON)
        await made.clock.sleep(20 * 60)
        assert reads(made) == before + 1


@virtual
async def test_an_order_nothing_happens_to_costs_no_read() -> None:
    async with shop(703) as made:
        await sold(made)
        before = reads(made)
        await made.clock.sleep(60 * 60)
        assert reads(made) == before


@virtual
async def test_many_picks_at_once_cost_a_few_sweeps_and_no_read() -> None:
    async with shop(704) as made:
        orders = [await sold(made) for _ in range(12)]
        before, swept = reads(made), made.calls("sale_sweep")
        for order in orders:
            made.cin7.pick(sale_of(made, order))
        await made.until(lambda: all(shown(made, order)[0] == "Ready" for order in orders), within=2 * SOON, every=0.1)
        assert reads(made) == before
        assert made.calls("sale_sweep") - swept <= 4


@virtual
async def test_a_tracking_number_that_comes_or_changes_later_changes_the_parcel() -> None:
    async with shop(705) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        [(_, parcel, tracking)] = made.shop.parcels(order)
        assert tracking == ""
        for number in ("T-1", "T-2"):
            made.cin7.set_tracking(sale_of(made, order), number)
            await made.until(functools.partial(_bears, made, order, number), within=SOON, every=0.1)
        assert [key for _, key, _ in made.shop.parcels(order)] == [parcel]


@virtual
async def test_parts_follow_each_other_until_all_is_sent() -> None:
    async with shop(706) as made:
        order = await sold(made)
        made.cin7.ship_part(sale_of(made, order), {MUG: 1}, tracking="T-1")
        await made.until(lambda: shown(made, order)[:2] == ("Partial", 1), within=SOON, every=0.1)
        made.cin7.ship_part(sale_of(made, order), {MUG: 1}, tracking="T-2")
        await made.until(lambda: shown(made, order)[:2] == ("Partial", 2), within=SOON, every=0.1)
        made.cin7.ship_part(sale_of(made, order), {PLATE: 1}, tracking="T-3")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SOON, every=0.1)
        assert [tracking for _, _, tracking in made.shop.parcels(order)] == ["T-1", "T-2", "T-3"]


@virtual
async def test_a_part_costs_one_read_and_one_more_when_the_clocks_cannot_differ() -> None:
    async with shop(731) as made:
        order = await sold(made)
        before = reads(made)
        made.cin7.ship_part(sale_of(made, order), {MUG: 1})
        await made.until(lambda: shown(made, order)[:2] == ("Partial", 1), within=SOON, every=0.1)
        await made.clock.sleep(20 * 60)
        assert reads(made) == before + 2


@virtual
async def test_parts_are_found_by_the_sweep_though_cin7_has_one_word_for_them() -> None:
    async with shop(707, news=News.LOST) as made:
        order = await sold(made)
        for sent in (1, 2):
            made.cin7.ship_part(sale_of(made, order), {MUG: 1})
            await made.until(functools.partial(_shows, made, order, "Partial", sent), within=3 * SWEEP)


@virtual
async def test_a_shipment_undone_is_taken_off_and_told_until_as_much_is_sent_again() -> None:
    async with shop(708) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        made.cin7.undo_ship(sale_of(made, order))
        await made.until(lambda: shown(made, order)[:2] == ("Ready", 0), within=SOON, every=0.1)
        await made.until(lambda: made.daemon.open_types(order) == ["shipment_undone"], within=SOON, every=0.1)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-2")
        await made.until(lambda: shown(made, order)[:2] == ("Shipped", 3), within=SOON, every=0.1)
        await made.until(lambda: made.daemon.open_types(order) == [], within=SOON, every=0.1)


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.ERROR_AFTER], ids=lambda kind: kind.value)
def test_a_shipment_taken_off_by_a_write_without_an_answer_is_told_all_the_same(kind: FaultKind) -> None:
    _take_off(Fault(kind=kind, status=500))


@virtual
async def _take_off(fault: Fault) -> None:
    async with shop(723) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        made.ct_faults.plan("order_update", fault)
        made.cin7.undo_ship(sale_of(made, order))
        await made.until(lambda: shown(made, order)[:2] == ("Ready", 0), within=SOON, every=0.1)
        await made.clock.sleep(2 * SWEEP)
        assert made.daemon.open_types(order) == ["shipment_undone"]


@virtual
async def test_an_order_edited_after_it_was_sent_shows_what_is_left_to_send() -> None:
    async with shop(724) as made:
        order = await sold(made, msgspec.structs.replace(TWO, inventory_mode="None"))
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        made.shop.edit_order(order, {MUG: 3})
        await made.until(lambda: shown(made, order)[:2] == ("Partial", 3), within=2 * SOON, every=0.1)
        assert made.daemon.open_types(order) == ["order_edited"]


@virtual
async def test_what_somebody_else_set_is_never_moved_back() -> None:
    async with shop(709) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        made.shop.act(order, {"action": "changeShipmentState", "shipmentState": "Delivered"})
        made.cin7.undo_ship(sale_of(made, order))
        await made.clock.sleep(2 * SWEEP)
        assert shown(made, order)[0] == "Delivered"


@virtual
async def test_published_from_the_shipment_on_a_pick_shows_nothing() -> None:
    rules = FulfilmentRules(
        delivery=DeliveryRules(publish_from="ship", complete="never", carriers={"DHL": "Deutsche Post"})
    )
    async with shop(710, rules=rules) as made:
        order = await sold(made)
        made.cin7.pick(sale_of(made, order))
        await made.clock.sleep(2 * SWEEP)
        assert shown(made, order) == ("", 0, "Open")
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Open"), within=SOON, every=0.1)


@virtual
async def test_an_order_is_complete_once_it_is_sent_and_paid() -> None:
    rules = FulfilmentRules(delivery=DeliveryRules(complete="shipped-and-paid"))
    export = msgspec.structs.replace(
        plan().export, trigger=msgspec.structs.replace(plan().export.trigger, payment="any")
    )
    async with shop(711, rules=rules, export=export) as made:
        order = await sold(
            made, msgspec.structs.replace(TWO, payment=msgspec.structs.replace(TWO.payment, status="pending"))
        )
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        before = reads(made)
        assert shown(made, order)[2] == "Open"
        made.shop.pay(order)
        await made.until(lambda: shown(made, order)[2] == "Complete", within=SOON + SWEEP, every=0.1)
        assert reads(made) == before, "what was sent stands on the order"


@virtual
async def test_what_needs_no_shipping_is_not_waited_for() -> None:
    async with shop(712) as made:
        digital = made.cin7.books.service_by_name("Gift wrap")
        assert digital is not None
        made.shop.add_item(
            Item(sku=digital.sku, name="Gift wrap", price=500, stock=0, tax_percent=20, category="Service"), stock=1000
        )
        lines = (LineDraft(sku=MUG, quantity=1), LineDraft(sku=digital.sku, quantity=1))
        mixed = await sold(made, msgspec.structs.replace(TWO, lines=lines))
        made.cin7.ship_rest(sale_of(made, mixed))
        await made.until(lambda: shown(made, mixed) == ("Shipped", 1, "Complete"), within=SOON, every=0.1)
        alone = await sold(made, msgspec.structs.replace(TWO, lines=lines[1:], shipping=None))
        await made.until(lambda: shown(made, alone) == ("", 0, "Complete"), within=SOON, every=0.1)


@virtual
async def test_each_shipping_method_has_its_own_delivery() -> None:
    async with shop(713) as made:
        ways = tuple(ShipmentDraft(key=key, shipping=ShippingDraft(tax=rule_of(20))) for key in ("slow", "fast"))
        travels = (TravelDraft(shipment="fast", quantity=1), TravelDraft(shipment="slow", quantity=1))
        lines = (LineDraft(sku=MUG, quantity=2, travels=travels), LineDraft(sku=PLATE, quantity=1))
        order = await sold(made, OrderDraft(lines=lines, shipments=ways))
        made.cin7.ship_part(sale_of(made, order), {MUG: 2})
        await made.until(lambda: shown(made, order)[:2] == ("Partial", 2), within=SOON, every=0.1)
        infos = {one["shippingKey"]: one["shippingInfo"] for one in made.shop.orders[order]["shipping"]}
        units = {
            key: sum(item["quantity"] for one in info["deliveries"] for item in one["items"])
            for key, info in infos.items()
        }
        assert units == {"fast": 1, "slow": 1}


@virtual
async def test_an_order_without_a_shipping_method_shows_its_state_alone() -> None:
    async with shop(714) as made:
        order = await sold(made, msgspec.structs.replace(TWO, shipping=None))
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order) == ("Shipped", 0, "Complete"), within=SOON, every=0.1)
        assert made.daemon.open_types(order) == []


@virtual
async def test_a_void_sale_cancels_its_order_where_the_merchant_wants_it_so() -> None:
    async with shop(715, rules=FulfilmentRules(cancel_voided=True)) as made:
        order = await sold(made)
        made.cin7.void_by_hand(sale_of(made, order))
        await made.in_state(order, "cancelled", within=2 * SOON)
        assert shown(made, order)[2] == "Cancelled"
        assert made.daemon.open_types(order) == []


class _Meanwhile:
    """Cin7 Core, where a person sends the order again, and its sale is voided for that, just before it is read."""

    def __init__(self, made: World, order: str, inner: Warehouse) -> None:
        self.made, self.order, self.inner = made, order, inner

    async def read_fulfilment(self, sale_id: str, *, subject: str) -> SaleView:
        await self.made.engine.database.run(lambda file: orders.set_resend(file, self.order, True))
        self.made.cin7.void_by_hand(sale_id)
        return await self.inner.read_fulfilment(sale_id, subject=subject)


@virtual
async def test_a_sale_we_voided_ourselves_since_the_look_began_cancels_nothing() -> None:
    async with shop(729, rules=FulfilmentRules(cancel_voided=True)) as made:
        order = await sold(made)
        actor = made.engine.actors[Flow.FULFILMENT]
        assert isinstance(actor, FulfilmentActor)
        inner = actor.looker._warehouse
        actor.looker._warehouse = _Meanwhile(made, order, inner)
        sale = sale_of(made, order)
        made.cin7.undo_by_hand(sale)
        await made.until(lambda: made.cin7.sale(sale).voided, within=SOON, every=0.1)
        actor.looker._warehouse = inner
        await made.clock.sleep(SWEEP)
        assert shown(made, order)[2] == "Open"


@virtual
async def test_a_sale_authorised_again_after_an_undo_counts_again() -> None:
    async with shop(716) as made:
        order = await sold(made)
        sale = sale_of(made, order)
        made.cin7.undo_by_hand(sale)
        await made.until(lambda: made.daemon.open_types(order) == ["sale_undone"], within=SOON, every=0.1)
        uncounted = made.read(lambda file: file.execute("SELECT counted_at IS NULL FROM orders").fetchone()[0])
        assert uncounted
        made.cin7.authorise_again(sale)
        await made.until(lambda: made.daemon.open_types(order) == [], within=SWEEP + SOON)
        assert not made.read(lambda file: file.execute("SELECT counted_at IS NULL FROM orders").fetchone()[0])


class _Overtaken(_Meanwhile):
    """Cin7 Core, whose answer is overtaken: once it is on its way, the sale is known as void."""

    async def read_fulfilment(self, sale_id: str, *, subject: str) -> SaleView:
        view = await self.inner.read_fulfilment(sale_id, subject=subject)
        now = self.made.clock.now()
        await self.made.engine.database.run(lambda file: orders.void_sale(file, sale_id, now=now))
        return view


@virtual
async def test_of_a_sale_that_is_void_by_the_end_of_a_look_nothing_counts() -> None:
    async with shop(732) as made:
        order = await sold(made)
        sale = sale_of(made, order)
        made.cin7.undo_by_hand(sale)
        await made.until(lambda: made.daemon.open_types(order) == ["sale_undone"], within=SOON, every=0.1)
        actor = made.engine.actors[Flow.FULFILMENT]
        assert isinstance(actor, FulfilmentActor)
        actor.looker._warehouse = _Overtaken(made, order, actor.looker._warehouse)
        before = reads(made)
        made.cin7.authorise_again(sale)
        await made.until(lambda: reads(made) > before, within=SWEEP + SOON, every=0.1)
        await made.clock.sleep(1)
        assert made.read(lambda file: file.execute("SELECT counted_at IS NULL FROM orders").fetchone()[0])


@virtual
async def test_that_a_sale_was_undone_is_over_once_the_order_is_sent_again() -> None:
    async with shop(733) as made:
        order = await sold(made)
        sale = sale_of(made, order)
        made.cin7.undo_by_hand(sale)
        await made.until(lambda: made.daemon.open_types(order) == ["sale_undone"], within=SOON, every=0.1)
        actor = made.engine.actors[Flow.FULFILMENT]
        assert isinstance(actor, FulfilmentActor)
        actor.looker._may_write = lambda: False  # the person is faster than the look that would see it void
        made.cin7.void_by_hand(sale)
        await made.engine.database.run(lambda file: orders.set_resend(file, order, True))
        await made.engine.database.run(lambda file: outbox.accept(file, underway(order, 0), now=made.clock.now()))
        made.engine.bell.ring()
        await made.until(lambda: made.read(lambda file: len(orders.sales_of(file, order))) == 2, within=SWEEP)
        await made.clock.sleep(2 * SWEEP)
        assert made.daemon.open_types(order) == []


@virtual
async def test_a_return_in_commercetools_is_asked_for_until_it_is_restocked() -> None:
    async with shop(717) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        made.shop.receive_return(order, MUG, 1)
        await made.until(lambda: made.daemon.open_types(order) == ["return_open"], within=2 * SOON, every=0.1)
        made.cin7.add_credit_note(sale_of(made, order), status="AUTHORISED", lines=((MUG, 1),), restock=((MUG, 1),))
        await made.until(lambda: made.daemon.open_types(order) == [], within=SOON, every=0.1)
        [item] = made.shop.orders[order]["returnInfo"][0]["items"]
        assert item["shipmentState"] == "BackInStock"


@virtual
async def test_a_return_we_enter_ourselves_is_nothing_new_to_us() -> None:
    async with shop(724) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order)[0] == "Shipped", within=SOON, every=0.1)
        await made.clock.sleep(2 * SWEEP)
        before = reads(made)
        made.cin7.add_credit_note(sale_of(made, order), status="AUTHORISED", lines=((MUG, 1),), restock=((MUG, 1),))
        await made.until(lambda: bool(made.shop.orders[order].get("returnInfo")), within=SOON, every=0.1)
        await made.clock.sleep(20 * 60)
        assert reads(made) == before + 2, "one as the webhook tells of the note, one as the list of notes does"


@virtual
async def test_a_refund_before_anything_was_sent_is_matched_to_its_credit_note() -> None:
    async with shop(718) as made:
        order = await sold(made)
        refund = made.shop.refund(order, 500, interaction_id="psp-77001")
        await made.until(lambda: made.daemon.open_types(order) == ["refund_open"], within=2 * SWEEP)
        made.cin7.add_credit_note(
            sale_of(made, order),
            status="AUTHORISED",
            restock_status="NOT AVAILABLE",
            lines=((MUG, 1),),
            refund_reference="psp-77001",
        )
        await made.until(lambda: made.daemon.open_types(order) == [], within=SOON, every=0.1)
        [kept] = made.read(lambda file: fulfilments.refunds_of(file, order))
        assert (kept.transaction_id, kept.amount) == (refund, 500)
        assert kept.credit_note


@virtual
async def test_of_an_order_that_was_deleted_the_sale_is_not_read_again_and_again() -> None:
    async with shop(725) as made:
        order = await sold(made)
        made.shop.delete_order(order)
        before = reads(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(2 * 60 * 60)
        assert "order_deleted" in made.daemon.open_types(order)
        assert reads(made) == before


@virtual
async def test_a_sale_that_is_gone_is_asked_for_once() -> None:
    async with shop(726) as made:
        order = await sold(made)
        before = reads(made)
        sale = sale_of(made, order)
        made.cin7.ship_rest(sale)
        made.cin7.remove_sale(sale)
        await made.clock.sleep(2 * 60 * 60)
        assert reads(made) <= before + 3


@virtual
async def test_while_somebody_else_has_the_lease_nobody_asks_every_second() -> None:
    async with shop(727) as made:
        order = await sold(made)
        actor = made.engine.actors[Flow.FULFILMENT]
        assert isinstance(actor, FulfilmentActor)
        actor.looker._may_write = lambda: False
        await made.clock.sleep(SWEEP)
        made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(SOON)
        handled = actor.handled
        await made.clock.sleep(SWEEP)
        assert 0 < actor.handled - handled <= 6
        assert shown(made, order) == ("", 0, "Open")
        actor.looker._may_write = lambda: True
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SWEEP)


@virtual
async def test_while_commercetools_does_not_answer_no_call_to_cin7_is_spent() -> None:
    async with shop(728) as made:
        order = await sold(made)
        before = reads(made)
        made.ct_faults.plan("order_read", Fault(kind=FaultKind.ERROR_BEFORE, status=503), times=8)
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=60 * 60)
        assert reads(made) == before + 1


class _Refusing:
    """commercetools, which refuses the next updates of orders."""

    def __init__(self, inner: Storefront, *, times: int) -> None:
        self.inner, self.left = inner, times

    async def read_order(self, order_id: str) -> ReadOrder:
        return await self.inner.read_order(order_id)

    async def update_order(self, order: Order, actions: Sequence[OrderAction], intent: Intent) -> int:
        if not self.left:
            return await self.inner.update_order(order, actions, intent)
        self.left -= 1
        raise Rejected("rejected", side="commercetools", operation="update_order", detail="The parcel is odd.")


@virtual
async def test_what_commercetools_refuses_is_tried_again_once_an_hour_and_when_it_moves() -> None:
    async with shop(730) as made:
        order = await sold(made)
        before = reads(made)
        actor = made.engine.actors[Flow.FULFILMENT]
        assert isinstance(actor, FulfilmentActor)
        actor.looker._storefront = _Refusing(actor.looker._storefront, times=3)
        made.cin7.ship_part(sale_of(made, order), {MUG: 1})
        await made.until(lambda: made.daemon.open_types(order) == ["fulfilment_rejected"], within=SOON, every=0.1)
        await made.clock.sleep(55 * 60)
        assert reads(made) <= before + 3, (
            "as it is told, as it is listed, and when Cin7's clock can be behind no longer"
        )
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=60 * 60 + SOON)
        assert made.daemon.open_types(order) == []


LOST = [
    Fault(kind=FaultKind.DROP_AFTER),
    Fault(kind=FaultKind.DROP_BEFORE),
    Fault(kind=FaultKind.ERROR_AFTER, status=500),
    Fault(kind=FaultKind.ERROR_BEFORE, status=503),
    Fault(kind=FaultKind.MALFORMED),
    Fault(kind=FaultKind.LIMITED),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.kind.value)
def test_a_lost_answer_makes_no_second_delivery(fault: Fault) -> None:
    _lose(fault)


@virtual
async def _lose(fault: Fault) -> None:
    async with shop(719) as made:
        order = await sold(made)
        made.ct_faults.plan("order_update", fault)
        made.cin7.ship_rest(sale_of(made, order), tracking="T-1")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=3 * SWEEP)
        await made.clock.sleep(2 * SWEEP)
        assert len(made.shop.parcels(order)) == 1
        assert shown(made, order) == ("Shipped", 3, "Complete")


@virtual
async def test_an_order_changed_between_reading_and_writing_is_read_again() -> None:
    async with shop(720) as made:
        order = await sold(made)
        made.ct_faults.plan("order_update", Fault(kind=FaultKind.SLOW, seconds=1))
        made.cin7.ship_rest(sale_of(made, order))
        await made.until(
            lambda: any(
                entry.operation == "order_update" and entry.at > made.clock.now() - 3000
                for entry in made.shop.request_log
            ),
            within=SOON,
            every=0.05,
        )
        made.shop.touch(order)
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SWEEP)
        assert len(made.shop.parcels(order)) == 1


@virtual
async def test_in_shadow_nothing_is_written_and_it_is_said_what_would_be() -> None:
    async with shop(721, rules=FulfilmentRules(shadow=True)) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))

        def lines() -> int:
            found = made.read(lambda file: timeline.of_order(file, order))
            return sum(line.what == "would update order" for line in found)

        await made.until(lambda: lines() == 1, within=2 * SOON, every=0.1)
        await made.clock.sleep(20 * 60)
        assert shown(made, order) == ("", 0, "Open")
        assert lines() == 1


@virtual
async def test_the_units_of_a_paused_flow_are_made_good_when_it_goes_on() -> None:
    async with shop(722, rules=FulfilmentRules(enabled=False)) as made:
        order = await sold(made)
        made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(2 * SWEEP)
        assert shown(made, order) == ("", 0, "Open")
        made.daemon.plan = msgspec.structs.replace(made.daemon.plan, fulfilment=FulfilmentRules())
        made.daemon.die("restarted with fulfilment on")
        await made.until(lambda: shown(made, order) == ("Shipped", 3, "Complete"), within=SWEEP)
