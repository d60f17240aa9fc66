"""What an order shows of the warehouse's work, case by case: deliveries, parcels, states, and what is told of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.domain.applying import applied
from actors.domain.delivering import DeliveryRules, Plan, delivery_key, parcel_key, plan
from actors.domain.fulfilment import Fulfilment, Stages
from actors.domain.order import Delivery, Order, Parcel, Payment
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetShipmentState,
    SetTracking,
)
from tests.rules.delivered import apply, box, fulfilment, line, methods, money, order

MUGS = order(line("l1", "MUG", 2), line("l2", "PLATE", 1), line("l3", "MUG", 3))
"""Two lines of one SKU, with another between them."""
PAIR = order(line("l1", "MUG", 2))
CARD = order(line("l1", "CARD", 1))
MIXED = order(line("l1", "MUG", 2), line("l2", "CARD", 1))
DIGITAL = frozenset({"CARD"})

PENDING, READY = SetShipmentState(state="Pending"), SetShipmentState(state="Ready")
PARTIAL, SHIPPED = SetShipmentState(state="Partial"), SetShipmentState(state="Shipped")
COMPLETE = SetOrderState(state="Complete")
PICKED = Stages(picking="PICKED")
SHIP_ONLY = DeliveryRules(publish_from="ship")
NEVER = DeliveryRules(complete="never")
PAID = DeliveryRules(complete="shipped-and-paid")
VOIDED = fulfilment(1, picking="VOIDED")

ONE = fulfilment(1, box("1", MUG=1))
BOTH = fulfilment(1, box("1", MUG=2))


def parcel(key: str, carrier: str = "", tracking: str = "", **items: int) -> Parcel:
    return Parcel(key=key, items=items, carrier=carrier, tracking=tracking)


def added(key: str, *parcels: Parcel, by: str | None = None, **items: int) -> AddDelivery:
    return AddDelivery(key=key, items=items, parcels=parcels, shipping_key=by)


def showing(before: Order, *seen: Fulfilment, rules: DeliveryRules = NEVER, **changes: Any) -> Order:
    """The order once these fulfilments were shown on it."""
    outcome = plan(before, seen, Stages(), digital=DIGITAL, published="", rules=rules)
    return msgspec.structs.replace(apply(before, outcome.actions), **changes)


def like(before: Order, **changes: Any) -> Order:
    return msgspec.structs.replace(before, **changes)


def paid(before: Order, *transactions: Any) -> Order:
    return like(before, payments=(Payment(id="p1", transactions=transactions),))


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An order, what is seen of its sale, and what follows. `told`: the SKUs of what was shipped beyond the order."""

    order: Order
    seen: tuple[Fulfilment, ...] | None
    stages: Stages = Stages()
    published: str = ""
    rules: DeliveryRules = NEVER
    actions: tuple[OrderAction, ...] = ()
    state: str = ""
    told: dict[str, tuple[int, int]] = {}
    taken_back: dict[str, int] = {}
    unpaid: bool = False


OTHERS = Delivery(key="dropship-1", items={"l1": 1}, parcels=(parcel("", l1=1),))
TWO_WAYS = order(line("l1", "MUG", 4, air=1, sea=2), line("l2", "MUG", 1), shipping=methods("sea", "air"))
HALF = showing(PAIR, ONE)
WHOLE = showing(PAIR, BOTH)
SPREAD = showing(PAIR, fulfilment(1, box("1", MUG=1)), fulfilment(2, box("1", MUG=1)))

ALLOCATED = {
    "the same item on two lines, in the order's order": Case(
        order=MUGS,
        seen=(fulfilment(1, box("1", MUG=3)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2, l3=1), l1=2, l3=1), PARTIAL),
        state="Partial",
    ),
    "fulfilments go by their number, boxes by their label": Case(
        order=MUGS,
        seen=(fulfilment(2, box("1", MUG=1)), fulfilment(1, box("b", MUG=1), box("a", MUG=1))),
        actions=(
            added("cin7-t1", parcel("cin7-t1-a", l1=1), parcel("cin7-t1-b", l1=1), l1=2),
            added("cin7-t2", parcel("cin7-t2-1", l3=1), l3=1),
            PARTIAL,
        ),
        state="Partial",
    ),
    "a box that leaves later and comes first by its name moves nothing": Case(
        order=showing(MUGS, fulfilment(1, box("b", MUG=2))),
        seen=(fulfilment(1, box("a", MUG=2), box("b", MUG=2)),),
        actions=(
            SetDeliveryItems(delivery_key="cin7-t1", items={"l3": 2, "l1": 2}),
            AddParcel(delivery_key="cin7-t1", parcel=parcel("cin7-t1-a", l3=2)),
        ),
        published="Partial",
        state="Partial",
    ),
    "a box that holds more than before takes none of another's lines": Case(
        order=showing(MUGS, fulfilment(1, box("a", MUG=1), box("b", MUG=1))),
        seen=(fulfilment(1, box("a", MUG=2), box("b", MUG=1)),),
        actions=(
            SetDeliveryItems(delivery_key="cin7-t1", items={"l1": 2, "l3": 1}),
            SetParcelItems(parcel_key="cin7-t1-a", items={"l1": 1, "l3": 1}),
        ),
        published="Partial",
        state="Partial",
    ),
    "parts of a unit count once they are a whole one": Case(
        order=PAIR,
        seen=(fulfilment(1, box("a", MUG="0.6"), box("b", MUG="0.6")),),
        actions=(added("cin7-t1", parcel("cin7-t1-b", l1=1), l1=1), PARTIAL),
        state="Partial",
    ),
    "more than was ordered": Case(
        order=MUGS,
        seen=(fulfilment(1, box("1", MUG=9, PLATE=1)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2, l3=3, l2=1), l1=2, l3=3, l2=1), SHIPPED),
        state="Shipped",
        told={"MUG": (9, 5)},
    ),
    "another item, in two boxes": Case(
        order=PAIR,
        seen=(fulfilment(1, box("1", SPOON=1), box("2", SPOON=2)),),
        actions=(READY,),
        state="Ready",
        told={"SPOON": (3, 0)},
    ),
    "written otherwise": Case(
        order=PAIR,
        seen=(fulfilment(1, box("1", mug=2)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2), l1=2), SHIPPED),
        state="Shipped",
    ),
    "two items that differ in case alone are two": Case(
        order=order(line("l1", "MUG", 1), line("l2", "mug", 1)),
        seen=(fulfilment(1, box("1", mug=1, Mug=1)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l2=1), l2=1), PARTIAL),
        state="Partial",
        told={"Mug": (1, 0)},
    ),
    "by several methods of shipping": Case(
        order=TWO_WAYS,
        seen=(fulfilment(1, box("1", MUG=2), box("2", MUG=3)),),
        actions=(
            added("cin7-t1-air", parcel("cin7-t1-air-1", l1=1), by="air", l1=1),
            added(
                "cin7-t1-sea", parcel("cin7-t1-sea-1", l1=1), parcel("cin7-t1-sea-2", l1=2, l2=1), by="sea", l1=3, l2=1
            ),
            SHIPPED,
        ),
        state="Shipped",
    ),
    "what stays goes on by the method it went by": Case(
        order=showing(TWO_WAYS, fulfilment(1, box("1", MUG=1), box("2", MUG=1))),
        seen=(fulfilment(1, box("2", MUG=1)),),
        actions=(RemoveDelivery(delivery_key="cin7-t1-air"),),
        published="Partial",
        state="Partial",
        taken_back={"MUG": 1},
    ),
}

SHOWN = {
    "nothing": Case(order=PAIR, seen=()),
    "a part, then all of it": Case(
        order=HALF,
        seen=(ONE, fulfilment(2, box("1", MUG=1))),
        published="Partial",
        actions=(added("cin7-t2", parcel("cin7-t2-1", l1=1), l1=1), SHIPPED),
        state="Shipped",
    ),
    "several boxes, each with its number and carrier": Case(
        order=PAIR,
        seen=(fulfilment(1, box("1", "DPD Local", "T-1", MUG=1), box("2", "UPS", "T-2", MUG=1)),),
        rules=DeliveryRules(complete="never", carriers={"DPD Local": "DPD"}),
        actions=(
            added("cin7-t1", parcel("cin7-t1-1", "DPD", "T-1", l1=1), parcel("cin7-t1-2", "UPS", "T-2", l1=1), l1=2),
            SHIPPED,
        ),
        state="Shipped",
    ),
    "a number that comes later": Case(
        order=WHOLE,
        seen=(fulfilment(1, box("1", "UPS", "T-1", MUG=2)),),
        published="Shipped",
        actions=(SetTracking(parcel_key="cin7-t1-1", carrier="UPS", tracking="T-1"),),
        state="Shipped",
    ),
    "a number that is taken off": Case(
        order=showing(PAIR, fulfilment(1, box("1", "", "T-1", MUG=2))),
        seen=(BOTH,),
        published="Shipped",
        actions=(SetTracking(parcel_key="cin7-t1-1", carrier="", tracking=""),),
        state="Shipped",
    ),
    "what goes, what changes, what comes: in this order": Case(
        order=showing(
            MUGS, fulfilment(1, box("1", MUG=1)), fulfilment(2, box("1", MUG=1), box("2", PLATE=1), box("3", MUG=1))
        ),
        seen=(
            fulfilment(2, box("1", "", "T-1", MUG=2), box("2", PLATE=1), box("4", MUG=1)),
            fulfilment(3, box("1", MUG=1)),
        ),
        published="Partial",
        actions=(
            RemoveDelivery(delivery_key="cin7-t1"),
            RemoveParcel(parcel_key="cin7-t2-3"),
            SetDeliveryItems(delivery_key="cin7-t2", items={"l1": 2, "l2": 1, "l3": 1}),
            SetParcelItems(parcel_key="cin7-t2-1", items={"l1": 2}),
            SetTracking(parcel_key="cin7-t2-1", carrier="", tracking="T-1"),
            AddParcel(delivery_key="cin7-t2", parcel=parcel("cin7-t2-4", l3=1)),
            added("cin7-t3", parcel("cin7-t3-1", l3=1), l3=1),
        ),
        state="Partial",
    ),
    "one of two is undone": Case(
        order=SPREAD,
        seen=(fulfilment(1), fulfilment(2, box("1", MUG=1))),
        published="Shipped",
        actions=(RemoveDelivery(delivery_key="cin7-t1"), PARTIAL),
        state="Partial",
        taken_back={"MUG": 1},
    ),
    "both are undone, and stay picked": Case(
        order=SPREAD,
        seen=(fulfilment(1), fulfilment(2)),
        published="Shipped",
        actions=(RemoveDelivery(delivery_key="cin7-t1"), RemoveDelivery(delivery_key="cin7-t2"), READY),
        state="Ready",
        taken_back={"MUG": 2},
    ),
    "a void one": Case(
        order=WHOLE,
        seen=(VOIDED,),
        stages=Stages(voided=True, picking="PICKED"),
        published="Shipped",
        actions=(RemoveDelivery(delivery_key="cin7-t1"), PENDING),
        state="Pending",
        taken_back={"MUG": 2},
    ),
    "a void sale whose box has left all the same": Case(
        order=WHOLE, seen=(BOTH,), stages=Stages(voided=True), published="Shipped", state="Shipped"
    ),
    "packed into another box, nothing is taken back": Case(
        order=WHOLE,
        seen=(fulfilment(1, box("2", MUG=2)),),
        published="Shipped",
        actions=(
            RemoveParcel(parcel_key="cin7-t1-1"),
            AddParcel(delivery_key="cin7-t1", parcel=parcel("cin7-t1-2", l1=2)),
        ),
        state="Shipped",
    ),
    "a line that an edit took off the order": Case(
        order=showing(MUGS, fulfilment(1, box("1", PLATE=1)), lines=PAIR.lines),
        seen=(fulfilment(1, box("1", PLATE=1)),),
        published="Partial",
        actions=(RemoveDelivery(delivery_key="cin7-t1"), READY),
        state="Ready",
        told={"PLATE": (1, 0)},
    ),
    "without a method of shipping there are states alone": Case(
        order=like(PAIR, shipping=()), seen=(BOTH,), actions=(SHIPPED,), state="Shipped"
    ),
    "without a method of shipping an undone one is a state alone": Case(
        order=like(PAIR, shipping=(), shipment_state="Shipped"),
        seen=(fulfilment(1),),
        published="Shipped",
        actions=(READY,),
        state="Ready",
    ),
    "the deliveries of others are not ours to count or touch": Case(
        order=like(PAIR, deliveries=(OTHERS,)),
        seen=(ONE,),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=1), l1=1), PARTIAL),
        state="Partial",
    ),
    "a parcel that somebody put into our delivery stays": Case(
        order=apply(WHOLE, [AddParcel(delivery_key="cin7-t1", parcel=parcel("mine"))]),
        seen=(BOTH,),
        published="Shipped",
        state="Shipped",
    ),
    "a cancelled order shows what is": Case(
        order=like(PAIR, state="Cancelled"),
        seen=(BOTH,),
        rules=DeliveryRules(),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2), l1=2), SHIPPED),
        state="Shipped",
    ),
}

STATES = {
    "picked, by the list": Case(order=PAIR, seen=None, stages=PICKED, actions=(READY,), state="Ready"),
    "picked in part": Case(
        order=PAIR, seen=None, stages=Stages(picking="PARTIALLY PICKED"), actions=(READY,), state="Ready"
    ),
    "picked, by the sale": Case(order=PAIR, seen=(fulfilment(1),), actions=(READY,), state="Ready"),
    "a pick shows nothing where only shipments do": Case(order=PAIR, seen=None, stages=PICKED, rules=SHIP_ONLY),
    "a shipment shows where picks do not": Case(
        order=PAIR,
        seen=(ONE,),
        stages=PICKED,
        rules=SHIP_ONLY,
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=1), l1=1), PARTIAL),
        state="Partial",
    ),
    "a pick that is undone": Case(
        order=like(PAIR, shipment_state="Ready"), seen=None, published="Ready", actions=(PENDING,), state="Pending"
    ),
    "a pick that is undone, of an order somebody else made ready": Case(
        order=like(PAIR, shipment_state="Ready"), seen=None
    ),
    "ready already, by somebody else": Case(order=like(PAIR, shipment_state="Ready"), seen=None, stages=PICKED),
    "from where others left it": Case(
        order=like(PAIR, shipment_state="Delayed"), seen=None, stages=PICKED, actions=(READY,), state="Ready"
    ),
    "from a backorder": Case(
        order=like(PAIR, shipment_state="Backorder"), seen=None, stages=PICKED, actions=(READY,), state="Ready"
    ),
    "others say it waits, and nothing happened": Case(order=like(PAIR, shipment_state="Backorder"), seen=()),
    "delivered, says a person": Case(order=like(HALF, shipment_state="Delivered"), seen=(ONE,), published="Partial"),
    "delivered, and then undone": Case(
        order=like(HALF, shipment_state="Delivered"),
        seen=(fulfilment(1),),
        published="Partial",
        actions=(RemoveDelivery(delivery_key="cin7-t1"),),
        taken_back={"MUG": 1},
    ),
    "a word of tomorrow": Case(order=like(PAIR, shipment_state="Teleported"), seen=None, stages=PICKED),
    "somebody is ahead of us": Case(order=like(HALF, shipment_state="Shipped"), seen=(ONE,), published="Partial"),
    "a list that is late takes no shipment back": Case(
        order=HALF, seen=None, stages=PICKED, published="Partial", state="Partial"
    ),
    "nor where the state is all there is": Case(
        order=like(PAIR, shipping=(), shipment_state="Shipped"),
        seen=None,
        stages=PICKED,
        published="Shipped",
        state="Shipped",
    ),
    "unread, the deliveries still speak": Case(
        order=like(HALF, shipment_state="Ready"), seen=None, published="Ready", actions=(PARTIAL,), state="Partial"
    ),
    "nothing needs shipping": Case(order=CARD, seen=None, stages=PICKED),
    "nothing needs shipping any more": Case(
        order=like(CARD, shipment_state="Ready"), seen=(), published="Ready", state="Ready"
    ),
    "nothing needs shipping, and a box has left": Case(
        order=CARD,
        seen=(fulfilment(1, box("1", CARD=1)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=1), l1=1),),
    ),
    "what needs none is not waited for": Case(
        order=MIXED,
        seen=(BOTH,),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2), l1=2), SHIPPED),
        state="Shipped",
    ),
    "what needs none is no part": Case(
        order=MIXED,
        seen=(fulfilment(1, box("1", CARD=1)),),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l2=1), l2=1), READY),
        state="Ready",
    ),
    "an item without a name of its own is waited for": Case(
        order=order(line("l1", "MUG", 2), line("l2", None, 1)),
        seen=(BOTH,),
        actions=(added("cin7-t1", parcel("cin7-t1-1", l1=2), l1=2), PARTIAL),
        state="Partial",
    ),
}

GONE = added("cin7-t1", parcel("cin7-t1-1", l1=2), l1=2)
SHIP = DeliveryRules()

ENDS = {
    "shipped is complete": Case(
        order=PAIR, seen=(BOTH,), rules=SHIP, actions=(GONE, SHIPPED, COMPLETE), state="Shipped"
    ),
    "of a confirmed one too": Case(
        order=like(PAIR, state="Confirmed"),
        seen=(BOTH,),
        rules=SHIP,
        actions=(GONE, SHIPPED, COMPLETE),
        state="Shipped",
    ),
    "a part is not": Case(order=HALF, seen=(ONE,), rules=SHIP, published="Partial", state="Partial"),
    "shown already": Case(
        order=WHOLE, seen=(BOTH,), rules=SHIP, published="Shipped", actions=(COMPLETE,), state="Shipped"
    ),
    "whoever says it is delivered": Case(
        order=like(WHOLE, shipment_state="Delivered"), seen=(BOTH,), rules=SHIP, actions=(COMPLETE,)
    ),
    "once complete, an undone one leaves it so": Case(
        order=like(WHOLE, state="Complete"),
        seen=(fulfilment(1),),
        rules=SHIP,
        published="Shipped",
        actions=(RemoveDelivery(delivery_key="cin7-t1"), READY),
        state="Ready",
        taken_back={"MUG": 2},
    ),
    "nothing to ship is complete": Case(order=CARD, seen=None, rules=SHIP, actions=(COMPLETE,)),
    "nothing to ship, and its sale is void": Case(order=CARD, seen=(), stages=Stages(voided=True), rules=SHIP),
    "nothing to ship, and its sale is a draft again": Case(order=CARD, seen=(), stages=Stages(undone=True), rules=SHIP),
    "nothing to ship, and never": Case(order=CARD, seen=None),
    "a cancelled one with nothing to ship": Case(order=like(CARD, state="Cancelled"), seen=None, rules=SHIP),
    "shipped and not paid": Case(
        order=PAIR, seen=(BOTH,), rules=PAID, actions=(GONE, SHIPPED), state="Shipped", unpaid=True
    ),
    "shipped and paid": Case(
        order=paid(PAIR, money("Charge", 1), money("Charge", 1)),
        seen=(BOTH,),
        rules=PAID,
        actions=(GONE, SHIPPED, COMPLETE),
        state="Shipped",
    ),
    "paid and given back": Case(
        order=paid(WHOLE, money("Charge", 2), money("Refund", 1)), seen=(BOTH,), rules=PAID, unpaid=True
    ),
    "paid and charged back": Case(
        order=paid(WHOLE, money("Charge", 2), money("Chargeback", 1)), seen=(BOTH,), rules=PAID, unpaid=True
    ),
    "authorised, failed or in another currency is not paid": Case(
        order=paid(
            WHOLE, money("Authorization", 2), money("Charge", 2, state="Failure"), money("Charge", 2, currency="EUR")
        ),
        seen=(BOTH,),
        rules=PAID,
        unpaid=True,
    ),
    "paid and in part": Case(order=paid(HALF, money("Charge", 2)), seen=(ONE,), rules=PAID),
}

CASES = ALLOCATED | SHOWN | STATES | ENDS


def planned(case: Case, shop: Order) -> Plan:
    return plan(shop, case.seen, case.stages, digital=DIGITAL, published=case.published, rules=case.rules)


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_claimed_and_told(name: str) -> None:
    case = CASES[name]
    outcome = planned(case, case.order)
    assert outcome.actions == case.actions
    assert outcome.state == case.state
    assert {one.sku: (int(one.facts["shipped"]), int(one.facts["ordered"])) for one in outcome.findings} == case.told
    assert outcome.taken_back == case.taken_back
    assert outcome.unpaid == case.unpaid


@pytest.mark.parametrize("name", CASES)
def test_what_an_order_is_taken_to_be_after_its_update_is_what_it_is(name: str) -> None:
    case = CASES[name]
    actions = planned(case, case.order).actions
    assert applied(case.order, actions) == apply(case.order, actions)


@pytest.mark.parametrize("name", CASES)
def test_once_written_nothing_is_left_to_write(name: str) -> None:
    case = CASES[name]
    first = planned(case, case.order)
    again = planned(msgspec.structs.replace(case, published=first.state), apply(case.order, first.actions))
    assert again.actions == ()
    assert again.state == first.state


def test_no_case_is_hidden_by_another_of_its_name() -> None:
    assert len(CASES) == sum(map(len, (ALLOCATED, SHOWN, STATES, ENDS)))


def test_more_than_was_ordered_is_told_in_words() -> None:
    [finding] = planned(CASES["more than was ordered"], MUGS).findings
    assert finding.code == "shipment_differs"
    assert finding.cause == "9 of MUG were shipped; order 1001 holds 5."


KEYED = {
    "as they are": ("2f1c7a52-0d1e", None, "Box_1", "cin7-2f1c7a52-0d1e-Box_1"),
    "by a method": ("t1", "sea-2", "1", "cin7-t1-sea-2-1"),
    "a label with a space": ("t1", None, "Box 1", "cin7-t1-xcc9ca48a094cd393"),
    "a method that no key may hold": ("t1", "über", "1", "cin7-t1-xb51c854170449c38-1"),
    "a label with a hyphen, which could be of the method": ("t1", "sea", "2-1", "cin7-t1-sea-xe2433ac3278279ac"),
    "a label that is too long": ("t1", None, "b" * 61, "cin7-t1-x1515258a117fd7e4"),
    "a label like a digest": ("t1", None, "xcc9ca48a094cd393", "cin7-t1-x28c13cf9839c1f20"),
    "no label": ("t1", None, "", "cin7-t1-xe3b0c44298fc1c14"),
}


@pytest.mark.parametrize("name", KEYED)
def test_a_box_is_named_the_same_for_ever(name: str) -> None:
    """These keys stand on orders: one that changes would send everything again."""
    task_id, shipping_key, label, key = KEYED[name]
    assert parcel_key(task_id, shipping_key, label) == key
    assert key.startswith(delivery_key(task_id, shipping_key))
