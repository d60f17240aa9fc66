"""The local Cin7 Core after a sale is made: fulfilments, boxes, tracking, what is taken back, what comes back."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cin7 import translate, wire
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.cin7_books import Sale
from adapters.sandbox.cin7_fulfilments import Fulfilment
from adapters.sandbox.cin7_sale_view import sale_view
from adapters.sandbox.cin7_wire import RefusedError, written
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, Shop

KIT = "SET-2"

_SALE = msgspec.json.Decoder(wire.Sale, float_hook=Decimal)


def a_sale(shop: Shop, mugs: int = 3, plates: int = 2) -> Sale:
    return shop.double.make_sale_by_hand("ORD-1", lines=((MUG, mugs), (PLATE, plates)))


async def shown(shop: Shop, sale: Sale) -> Any:
    return await shop.call("GET", "/sale", {"ID": sale.id})


async def axes(shop: Shop) -> tuple[str, str, str, str]:
    """Picking, packing, shipping and fulfilment, as the row of the list says; `GET /sale` says the same."""
    [row] = await shop.rows()
    names = ("CombinedPickingStatus", "CombinedPackingStatus", "CombinedShippingStatus", "FulFilmentStatus")
    full = await shop.call("GET", "/sale", {"ID": row["SaleID"]})
    assert [full[name] for name in names] == [row[name] for name in names]
    picking, packing, shipping, fulfilment = (row[name] for name in names)
    return picking, packing, shipping, fulfilment


def shipped(shop: Shop, sale_id: str) -> dict[str, int]:
    return {sku: int(units) for sku, units in shop.double.shipped(sale_id).items()}


def restocked(shop: Shop, sale_id: str) -> dict[str, int]:
    return {sku: int(units) for sku, units in shop.double.restocked(sale_id).items()}


def free(shop: Shop, sku: str) -> int:
    return int(shop.double.available(sku))


def lines_of(stage: Any) -> list[tuple[str, int]]:
    return [(line["SKU"], int(line["Quantity"])) for line in stage["Lines"]]


NOTHING = ("NOT PICKED", "NOT PACKED", "NOT SHIPPED", "NOT FULFILLED")
ALL = ("PICKED", "PACKED", "SHIPPED", "FULFILLED")
PART = ("PARTIALLY PICKED", "PARTIALLY PACKED", "PARTIALLY SHIPPED", "PARTIALLY FULFILLED")


# --- stage after stage


async def test_a_simple_sale_goes_through_its_words() -> None:
    shop = Shop()
    sale = a_sale(shop)
    steps: list[tuple[Callable[[], object], str, tuple[str, ...]]] = [
        (lambda: None, "ORDERED", NOTHING),
        (lambda: shop.double.pick(sale.id), "PICKED", ("PICKED", *NOTHING[1:])),
        (lambda: shop.double.pack(sale.id), "PACKED", ("PICKED", "PACKED", *NOTHING[2:])),
        (lambda: shop.double.ship(sale.id, tracking="T1"), "PACKED", ALL),
        (lambda: shop.double.undo_ship(sale.id), "SHIPPING", ("PICKED", "PACKED", "SHIPPING", "NOT FULFILLED")),
        (lambda: shop.double.undo_pick(sale.id), "PICKING", ("PICKING", *NOTHING[1:])),
        (lambda: shop.double.ship_rest(sale.id), "PACKED", ALL),
        (lambda: shop.double.void_by_hand(sale.id, even_shipped=True), "VOIDED", ("VOIDED",) * 4),
    ]
    for step, word, expected in steps:
        before = sale.updated_ms
        shop.clock.forward(1)
        step()
        assert ((await shown(shop, sale))["Status"], await axes(shop)) == (word, expected)
        assert word == "ORDERED" or sale.updated_ms > before
    assert sale.type == "Simple Sale"


async def test_part_shipments_are_fulfilments_and_the_words_stay_the_same_between_them() -> None:
    shop = Shop()
    sale = a_sale(shop)
    seen: list[int] = []
    for part in ({MUG: 1}, {MUG: 1, PLATE: 1}, {MUG: 1}):
        shop.clock.forward(60)
        shop.double.ship_part(sale.id, part, tracking=f"T{len(seen)}")
        seen.append(sale.updated_ms)
        assert await axes(shop) == PART
    shop.double.ship_rest(sale.id)
    assert await axes(shop) == ALL
    assert len(set(seen)) == 3
    view = await shown(shop, sale)
    assert view["Type"] == "Advanced Sale"
    assert view["CombinedTrackingNumbers"] == "T0,T1,T2"
    assert [one["FulfillmentNumber"] for one in view["Fulfilments"]] == [1, 2, 3, 4]
    assert [one["FulFilmentStatus"] for one in view["Fulfilments"]] == ["FULFILLED"] * 4
    tasks = [one["TaskID"] for one in view["Fulfilments"]]
    assert (tasks[0], len(set(tasks))) == (sale.id, 4)
    assert [lines_of(one["Pick"]) for one in view["Fulfilments"]] == [
        [(MUG, 1)],
        [(MUG, 1), (PLATE, 1)],
        [(MUG, 1)],
        [(PLATE, 1)],
    ]
    assert shipped(shop, sale.id) == {MUG: 3, PLATE: 2}
    with pytest.raises(RefusedError, match="Status is AUTHORISED"):
        shop.double.ship_rest(sale.id)


async def test_some_boxes_may_leave_before_others() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.pick(sale.id)
    shop.double.pack(sale.id, {"A": {MUG: 2}, "B": {MUG: 1, PLATE: 1}, "C": {PLATE: 1}})
    shop.double.ship(sale.id, boxes=["B"], carrier="Royal Mail", tracking="T1")
    [ship] = [one["Ship"] for one in (await shown(shop, sale))["Fulfilments"]]
    lines = [(line["Boxes"], line["Carrier"], line["TrackingNumber"], line["IsShipped"]) for line in ship["Lines"]]
    assert ship["Status"] == "PARTIALLY AUTHORISED"
    assert lines == [("B", "Royal Mail", "T1", True), ("A", "", "", False), ("C", "", "", False)]
    assert await axes(shop) == ("PICKED", "PACKED", "PARTIALLY SHIPPED", "PARTIALLY FULFILLED")
    assert (sale.status, shipped(shop, sale.id)) == ("SHIPPING", {MUG: 1, PLATE: 1})
    with pytest.raises(RefusedError, match="Box 'B'"):
        shop.double.ship(sale.id, boxes=["B"])
    shop.double.ship(sale.id, tracking="T2")
    ship = await shop.call("GET", "/sale/fulfilment/ship", {"TaskID": sale.id})
    assert [(line["Boxes"], line["TrackingNumber"]) for line in ship["Lines"]] == [("B", "T1"), ("A,C", "T2")]
    assert (ship["Status"], await axes(shop)) == ("AUTHORISED", ALL)
    pack = await shop.call("GET", "/sale/fulfilment/pack", {"TaskID": sale.id.upper()})
    assert [(line["Box"], line["SKU"], line["Quantity"]) for line in pack["Lines"]] == [
        ("A", MUG, 2),
        ("B", MUG, 1),
        ("B", PLATE, 1),
        ("C", PLATE, 1),
    ]


async def test_each_box_may_have_a_number_of_its_own() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.pick(sale.id)
    shop.double.pack(sale.id, {"A": {MUG: 3}, "B": {PLATE: 1}, "C": {PLATE: 1}})
    task = shop.double.ship(sale.id, tracking={"A": "T1", "B": "T2", "C": "T1"})
    assert [(one.boxes, one.tracking) for one in task.shipments] == [(["A", "C"], "T1"), (["B"], "T2")]
    assert (await shown(shop, sale))["CombinedTrackingNumbers"] == "T1,T2"


async def test_a_part_of_what_is_picked_leaves_in_a_box_of_its_own() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.pick(sale.id)
    shop.double.ship_part(sale.id, {MUG: 1}, tracking="T1")
    shop.double.ship_part(sale.id, {MUG: 1, PLATE: 2}, tracking="T2")
    [task] = sale.fulfilments
    assert [(one.boxes, one.shipped) for one in task.shipments] == [
        (["Box 2"], True),
        (["Box 3"], True),
        (["Box 1"], False),
    ]
    assert (shipped(shop, sale.id), sale.type) == ({MUG: 2, PLATE: 2}, "Simple Sale")
    before = [units.quantity for units in task.packed]
    with pytest.raises(RefusedError, match="cannot ship 2"):
        shop.double.ship_part(sale.id, {MUG: 2})
    assert [units.quantity for units in task.packed] == before


async def test_the_same_sku_on_two_lines_is_served_line_by_line() -> None:
    shop = Shop(repeated_skus=True)
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=2), shop.line(quantity=3, price=10))
    shop.double.ship_part(sale_id, {MUG: 1})
    shop.double.ship_part(sale_id, {MUG: 3})
    sale = shop.double.sale(sale_id)
    first, second = sale.lines
    picked = [[(units.line is first, int(units.quantity)) for units in one.picked] for one in sale.fulfilments]
    assert picked == [[(True, 1)], [(True, 1), (False, 2)]]
    assert [int(units) for units in (first.picked, second.picked, second.reserved)] == [2, 2, 1]
    assert shipped(shop, sale_id) == {MUG: 4}


async def test_what_was_short_is_picked_in_another_fulfilment() -> None:
    shop = Shop()
    sale = a_sale(shop, mugs=182)
    shop.double.pick(sale.id)
    assert (await axes(shop))[0] == "PARTIALLY PICKED"
    with pytest.raises(RefusedError, match="Pick Status is AUTHORISED"):
        shop.double.pick(sale.id)
    shop.double.receive_stock(MUG, 5)
    shop.double.pick(sale.id)
    assert ((await axes(shop))[0], len(sale.fulfilments)) == ("PICKED", 2)
    shop.double.ship_rest(sale.id, tracking="T")
    assert await axes(shop) == ALL
    assert free(shop, MUG) == 3


def test_a_sale_of_services_has_nothing_to_wait_for() -> None:
    double = Shop().double
    sale = double.add_sale_by_hand("S")
    double.authorise_pick(sale.id)
    double.authorise_ship(sale.id)
    assert (sale.ship_status, double.shipped(sale.id)) == ("AUTHORISED", {})


# --- over the api


async def test_another_fulfilment_needs_every_pick_and_makes_the_sale_advanced() -> None:
    shop = Shop()
    header = await shop.create()
    assert "Status is NOT AVAILABLE" in await shop.refused("POST", "/sale/fulfilment", body={"SaleID": header})
    sale = a_sale(shop)
    assert "Status is NOT AVAILABLE" in await shop.refused("POST", "/sale/fulfilment", body={"SaleID": sale.id})
    shop.double.pick(sale.id, {MUG: 1})
    view = await shop.call("POST", "/sale/fulfilment", body={"SaleID": sale.id})
    first, second = view["Fulfilments"]
    assert (first["TaskID"], second["FulfillmentNumber"]) == (sale.id, 2)
    assert (second["Pick"], second["Pack"]) == (
        {"Status": "DRAFT", "Lines": []},
        {"Status": "NOT AVAILABLE", "Lines": []},
    )
    assert (await shown(shop, sale))["Type"] == "Advanced Sale"
    assert "Status is DRAFT" in await shop.refused("POST", "/sale/fulfilment", body={"SaleID": sale.id})
    pick = await shop.call(
        "POST", "/sale/fulfilment/pick", body={"TaskID": second["TaskID"], "AutoPickMode": "AUTOPICK"}
    )
    assert lines_of(pick) == [(MUG, 2), (PLATE, 2)]
    assert await shop.call("GET", "/sale/fulfilment/pick", {"TaskID": second["TaskID"]}) == pick
    assert "not found" in await shop.refused("GET", "/sale/fulfilment/pick", {"TaskID": header})


async def test_an_advanced_sales_tasks_are_never_the_sale() -> None:
    shop = Shop()
    sale_id = await shop.create(SaleType="Advanced")
    await shop.post_order(sale_id, shop.line())
    view = await shop.call("GET", "/sale/fulfilment", {"SaleID": sale_id})
    assert view["Fulfilments"][0]["TaskID"] != sale_id


async def test_a_fulfilment_of_an_advanced_sale_is_voided_or_undone() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.ship_part(sale.id, {MUG: 1}, tracking="T1")
    assert "Type is Simple" in await shop.refused("DELETE", "/sale/fulfilment", {"TaskID": sale.id, "Void": "true"})
    shop.double.ship_part(sale.id, {MUG: 1, PLATE: 2}, tracking="T2")
    second = sale.fulfilments[1].task_id
    view = await shop.call("DELETE", "/sale/fulfilment", {"TaskID": second, "Void": "true"})
    gone = view["Fulfilments"][1]
    assert [gone[stage]["Status"] for stage in ("Pick", "Pack", "Ship")] == ["VOIDED"] * 3
    assert gone["FulFilmentStatus"] == "VOIDED"
    assert [line["IsShipped"] for line in gone["Ship"]["Lines"]] == [True]  # the records stay
    assert (await shown(shop, sale))["CombinedTrackingNumbers"] == "T1"
    assert (await axes(shop), shipped(shop, sale.id)) == (PART, {MUG: 1})
    assert "is VOIDED" in await shop.refused("DELETE", "/sale/fulfilment", {"TaskID": second})
    third = shop.double.pick(sale.id)
    view = await shop.call("DELETE", "/sale/fulfilment", {"TaskID": third.task_id})
    assert view["Fulfilments"][2]["Pick"]["Status"] == "DRAFT"
    assert (third.number, shop.double.ship_rest(sale.id).status) == (3, "ORDERED")
    assert shipped(shop, sale.id) == {MUG: 3, PLATE: 2}


# --- what is taken back


async def test_an_undone_shipment_leaves_its_records_and_may_leave_again() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.ship_rest(sale.id, tracking="T1")
    shop.double.undo_ship(sale.id)
    [one] = (await shown(shop, sale))["Fulfilments"]
    assert [one[stage]["Status"] for stage in ("Pick", "Pack", "Ship")] == ["AUTHORISED", "AUTHORISED", "DRAFT"]
    assert [(line["TrackingNumber"], line["IsShipped"]) for line in one["Ship"]["Lines"]] == [("T1", True)]
    assert (shipped(shop, sale.id), (await shown(shop, sale))["CombinedTrackingNumbers"]) == ({}, "")
    shop.double.ship(sale.id, tracking="T2")
    assert [one.tracking for one in sale.fulfilments[0].shipments] == ["T2"]
    assert shipped(shop, sale.id) == {MUG: 3, PLATE: 2}


def test_the_last_thing_done_is_taken_back_unless_one_is_named() -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    double.ship_part(sale.id, {MUG: 1})
    double.ship_part(sale.id, {PLATE: 1})
    double.undo_ship(sale.id)
    assert double.shipped(sale.id) == {MUG: 1}
    double.undo_ship(sale.id, task=sale.id)
    assert double.shipped(sale.id) == {}
    double.undo_pick(sale.id, task=sale.fulfilments[0].task_id.upper())
    assert [one.pick_status for one in sale.fulfilments] == ["DRAFT", "AUTHORISED"]


def test_a_whole_sale_goes_back_to_a_draft_until_something_has_left() -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    double.pick(sale.id)
    double.undo_by_hand(sale.id)
    assert (sale.order_status, len(sale.fulfilments), free(shop, MUG)) == ("DRAFT", 0, 180)
    other = a_sale(shop)
    double.pick(other.id)
    double.pack(other.id, {"A": {MUG: 3}, "B": {PLATE: 2}})
    double.ship(other.id, boxes=["A"])
    for end in (double.undo_by_hand, double.void_by_hand):
        with pytest.raises(RefusedError, match="PARTIALLY AUTHORISED"):
            end(other.id)


async def test_a_shipped_sale_is_voided_only_by_hand_and_gives_all_back() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.ship_part(sale.id, {MUG: 1})
    shop.double.pick(sale.id)
    assert "Status is AUTHORISED" in await shop.refused("DELETE", "/sale", {"ID": sale.id, "Void": "true"})
    shop.double.void_by_hand(sale.id, even_shipped=True)
    assert sale.voided_after_pick
    assert (free(shop, MUG), free(shop, PLATE)) == (180, 132)
    assert shipped(shop, sale.id) == {}
    view = await shown(shop, sale)
    assert {one[stage]["Status"] for one in view["Fulfilments"] for stage in ("Pick", "Pack", "Ship")} == {"VOIDED"}
    assert view["CombinedTrackingNumbers"] == ""


def test_a_removed_sale_gives_back_what_has_not_left() -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    double.ship_part(sale.id, {MUG: 1})
    double.pick(sale.id, {MUG: 1})
    double.remove_sale(sale.id)
    assert (free(shop, MUG), free(shop, PLATE)) == (179, 132)


def _nothing(double: Cin7Double, sale: Sale) -> None:
    return None


REFUSALS: list[tuple[Callable[[Cin7Double, Sale], object], Callable[[Cin7Double, Sale], object], str]] = [
    (_nothing, lambda double, sale: double.pick(sale.id, {MUG: 4}), "cannot take 4"),
    (_nothing, lambda double, sale: double.pick(sale.id, {"X": 1}), "cannot take 1"),
    (_nothing, lambda double, sale: double.pack(sale.id), "Pick Status is NOT AVAILABLE"),
    (_nothing, lambda double, sale: double.ship(sale.id), "Pick Status is NOT AVAILABLE"),
    (_nothing, lambda double, sale: double.undo_pick(sale.id), "Pick Status is NOT AVAILABLE"),
    (_nothing, lambda double, sale: double.undo_ship(sale.id), "Ship Status is NOT AVAILABLE"),
    (_nothing, lambda double, sale: double.set_tracking(sale.id, "T"), "Ship Status is NOT AVAILABLE"),
    (_nothing, lambda double, sale: double.ship_part(sale.id, {MUG: 4}), "cannot ship 4"),
    (lambda double, sale: double.pick(sale.id), lambda double, sale: double.pack(sale.id, {"A": {MUG: 3}}), "no box"),
    (
        lambda double, sale: double.pick(sale.id),
        lambda double, sale: double.pack(sale.id, {"A": {MUG: 4, PLATE: 2}}),
        "cannot take 4",
    ),
    (lambda double, sale: double.pick(sale.id), lambda double, sale: double.ship(sale.id, carrier="X"), "Carrier 'X'"),
    (lambda double, sale: double.pick(sale.id), lambda double, sale: double.ship(sale.id, boxes=["X"]), "Box 'X'"),
    (lambda double, sale: double.ship_rest(sale.id), lambda double, sale: double.pack(sale.id), "Pack Status"),
    (lambda double, sale: double.ship_rest(sale.id), lambda double, sale: double.ship(sale.id), "Ship Status"),
    (
        lambda double, sale: double.ship_rest(sale.id),
        lambda double, sale: double.undo_pick(sale.id),
        "Ship Status is AUTHORISED",
    ),
    (
        lambda double, sale: double.ship_rest(sale.id),
        lambda double, sale: double.set_tracking(sale.id, "T", box="X"),
        "Tracking",
    ),
    (lambda double, sale: double.void_by_hand(sale.id), lambda double, sale: double.pick(sale.id), "VOIDED"),
    (lambda double, sale: double.void_by_hand(sale.id), lambda double, sale: double.ship_rest(sale.id), "VOIDED"),
    (lambda double, sale: double.undo_by_hand(sale.id), lambda double, sale: double.pick(sale.id), "DRAFT"),
]


@pytest.mark.parametrize(("before", "step", "words"), REFUSALS)
def test_what_a_stage_forbids_changes_nothing(
    before: Callable[[Cin7Double, Sale], object], step: Callable[[Cin7Double, Sale], object], words: str
) -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    before(double, sale)
    books = (repr(sale.lines), sale.updated_ms, double.available(MUG), double.shipped(sale.id))
    shop.clock.forward(1)
    with pytest.raises(RefusedError, match=words):
        step(double, sale)
    assert (repr(sale.lines), sale.updated_ms, double.available(MUG), double.shipped(sale.id)) == books


def test_a_sale_or_task_that_is_not_there_is_a_key_error() -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    for step in (
        lambda: double.pick("x"),
        lambda: double.pick(sale.id, task="x"),
        lambda: double.void_fulfilment(sale.id, "x"),
        lambda: double.void_credit_note(sale.id, "CR-9"),
        lambda: double.add_credit_note(sale.id, lines=(("X", 1),)),
        lambda: double.add_credit_note(sale.id, restock=(("X", 1),)),
    ):
        with pytest.raises(KeyError):
            step()


# --- the books


STEPS = (
    "sell", "pick", "pick some", "pack", "ship", "ship a box", "ship part", "ship rest", "undo ship", "undo pick",
    "void fulfilment", "undo", "void", "receive", "credit", "void credit",
)  # fmt: skip


def _step(double: Cin7Double, dice: random.Random, action: str) -> None:
    """Do something to a sale; what its stages forbid is refused."""
    if action == "sell" or not double.sales:
        double.make_sale_by_hand(lines=((MUG, dice.randint(1, 40)), (KIT, dice.randint(1, 9)), (PLATE, 2)))
        return
    sale = dice.choice(double.sales)
    some = {dice.choice((MUG, KIT, PLATE)): dice.randint(1, 5)}
    live = [one for one in sale.fulfilments if one.is_packed]
    box = [units.box for one in live for units in one.packed][:1]
    handle: dict[str, Callable[[], object]] = {
        "pick": lambda: double.pick(sale.id),
        "pick some": lambda: double.pick(sale.id, some),
        "pack": lambda: double.pack(sale.id),
        "ship": lambda: double.ship(sale.id),
        "ship a box": lambda: double.ship(sale.id, boxes=box),
        "ship part": lambda: double.ship_part(sale.id, some),
        "ship rest": lambda: double.ship_rest(sale.id),
        "undo ship": lambda: double.undo_ship(sale.id),
        "undo pick": lambda: double.undo_pick(sale.id),
        "void fulfilment": lambda: double.void_fulfilment(sale.id, sale.fulfilments[-1].task_id),
        "undo": lambda: double.undo_by_hand(sale.id),
        "void": lambda: double.void_by_hand(sale.id, even_shipped=dice.random() < 0.5),
        "receive": lambda: double.receive_stock(MUG, 10),
        "credit": lambda: double.add_credit_note(sale.id, restock=((MUG, 1),)),
        "void credit": lambda: double.void_credit_note(sale.id, sale.credit_notes[-1].number),
    }
    with contextlib.suppress(RefusedError, IndexError):
        handle[action]()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), actions=st.lists(st.sampled_from(STEPS), max_size=60))
def test_the_books_agree_whatever_is_done(seed: int, actions: list[str]) -> None:
    """Nothing is lost or made: what came in is on the shelf, picked, or gone; documents and stock say the same."""
    double, dice = Shop(seed=seed).double, random.Random(seed)
    double.add_kit(KIT, {PLATE: 2}, stock=3)
    received = {MUG: Decimal(180), PLATE: Decimal(132), KIT: Decimal(3)}
    for action in ["sell", *actions]:
        received[MUG] += 10 if action == "receive" else 0
        _step(double, dice, action)
        _recount(double, received)
    for sale in double.sales:
        _read_back(double, sale)


def _read_back(double: Cin7Double, sale: Sale) -> None:
    """What the client reads of a sale is what the books say."""
    document = _SALE.decode(written(sale_view(sale, double.books)))
    view = translate.sale_view(document, whole=True)
    boxes = [box.units for one in view.fulfilments for box in one.boxes]
    notes = [note.restocked for note in view.credit_notes if note.authorised]
    assert _summed(boxes) == double.shipped(sale.id)
    assert _summed(notes) == double.restocked(sale.id)
    picked = _summed([one.picked for one in view.fulfilments if one.is_picked])
    assert picked == _units(u for one in sale.fulfilments if one.is_picked for u in one.picked)


def _summed(counts: list[dict[str, Decimal]]) -> dict[str, Decimal]:
    skus = dict.fromkeys(sku for count in counts for sku in count)
    return {sku: sum((count.get(sku, Decimal(0)) for count in counts), Decimal(0)) for sku in skus}


def _recount(double: Cin7Double, received: dict[str, Decimal]) -> None:
    place = double.books.locations[0].id
    for sale in double.sales:
        for line in sale.lines:
            standing = [u.quantity for one in sale.fulfilments if one.is_picked for u in one.picked if u.line is line]
            assert line.picked == sum(standing)
            assert line.stocked == (line.quantity if sale.authorised else 0)
            assert 0 <= line.made <= line.reserved
        for one in sale.fulfilments:
            assert _units(one.packed) == _units(one.picked) or not one.is_packed
            boxes = {u.box for u in one.packed}
            assert one.gone_boxes <= boxes
            assert (one.ship_status == "AUTHORISED") == (one.has_left and one.gone_boxes == boxes) or not boxes
    lines = [line for sale in double.sales for line in sale.lines]
    for sku in (MUG, KIT):
        product = double.books.product_by_sku(sku)
        assert product is not None
        own = [line for line in lines if line.sku == sku]
        back = sum((double.restocked(sale.id).get(sku, Decimal(0)) for sale in double.sales), Decimal(0))
        assert double.books.allocated(product.id, place) == sum(line.reserved - line.made for line in own)
        if sku == MUG:
            assert double.books.on_hand(product.id, place) == received[sku] + back - sum(line.picked for line in own)


def _units(rows: Any) -> Any:
    counted: dict[str, Decimal] = {}
    for units in rows:
        counted[units.line.sku] = counted.get(units.line.sku, Decimal(0)) + units.quantity
    return counted


def test_a_kit_comes_back_as_a_kit() -> None:
    shop = Shop()
    shop.double.add_kit(KIT, {PLATE: 2}, stock=1)
    sale = shop.double.make_sale_by_hand(lines=((KIT, 3),))
    shop.double.pick(sale.id, {KIT: 2})
    assert (free(shop, PLATE), free(shop, KIT)) == (128, 0)
    shop.double.undo_pick(sale.id)
    shop.double.pick(sale.id)
    shop.double.void_by_hand(sale.id)
    assert (free(shop, PLATE), free(shop, KIT)) == (128, 3)


# --- what comes back


async def test_a_credit_note_shows_what_it_gives_back() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=3, price=12, Tax=6))
    sale = shop.double.sale(sale_id)
    shop.double.ship_rest(sale_id)
    shop.double.invoice(sale_id)
    note = shop.double.add_credit_note(
        sale_id, lines=((MUG, 2),), restock=((MUG, 1),), memo="one broken", refund_reference="re_1"
    )
    [view] = (await shown(shop, sale))["CreditNotes"]
    assert {
        name: view[name] for name in ("TaskID", "CreditNoteNumber", "Memo", "Status", "CreditNoteInvoiceNumber")
    } == {
        "TaskID": sale_id,
        "CreditNoteNumber": "CR-00001",
        "Memo": "one broken",
        "Status": "AUTHORISED",
        "CreditNoteInvoiceNumber": "INV-00001",
    }
    assert [(line["SKU"], line["Quantity"], line["Tax"], line["Total"]) for line in view["Lines"]] == [(MUG, 2, 4, 24)]
    assert (view["TotalBeforeTax"], view["Tax"], view["Total"], view["AdditionalCharges"]) == (20, 4, 24, [])
    assert [(row["SKU"], row["Quantity"], row["RestockLocation"]) for row in view["Restock"]] == [
        (MUG, 1, "Main Warehouse")
    ]
    assert [(refund["Reference"], refund["Amount"]) for refund in view["Refunds"]] == [("re_1", 24)]
    bare = await shop.call("GET", "/sale/creditnote", {"SaleID": sale_id})
    assert "Payments" not in bare["CreditNotes"][0]
    paid = await shop.call("GET", "/sale/creditnote", {"SaleID": sale_id, "IncludePaymentInfo": "true"})
    [document] = paid["CreditNotes"]
    [payment] = document["Payments"]
    assert document["CreditNoteBalance"] == 0
    assert (payment["Type"], payment["Reference"], payment["Amount"], payment["CreditNoteNumber"]) == (
        "Refund",
        "re_1",
        24,
        note.number,
    )
    [row] = (await shop.call("GET", "/saleCreditNoteList"))["SaleList"]
    assert (row["CreditNoteStatus"], row["RestockStatus"]) == ("AUTHORISED", "AUTHORISED")
    assert (restocked(shop, sale_id), shipped(shop, sale_id)) == ({MUG: 1}, {MUG: 3})
    assert free(shop, MUG) == 178


async def test_goods_are_on_the_shelf_while_their_note_counts() -> None:
    shop = Shop()
    sale = a_sale(shop)
    shop.double.ship_rest(sale.id)
    draft = shop.double.add_credit_note(sale.id, status="DRAFT", lines=((MUG, 1),), restock=((MUG, 1),))
    assert (free(shop, MUG), restocked(shop, sale.id), draft.restock_status) == (177, {}, "DRAFT")
    shop.clock.forward(5)
    shop.double.authorise_credit_note(sale.id, draft.number)
    assert (free(shop, MUG), restocked(shop, sale.id)) == (178, {MUG: 1})
    with pytest.raises(RefusedError, match="Status is AUTHORISED"):
        shop.double.authorise_credit_note(sale.id, draft.number)
    shop.clock.forward(5)
    shop.double.void_credit_note(sale.id, draft.number)
    assert (free(shop, MUG), restocked(shop, sale.id)) == (177, {})
    assert sale.updated_ms == draft.updated_ms == shop.clock.now()
    with pytest.raises(RefusedError, match="Status is VOIDED"):
        shop.double.void_credit_note(sale.id, draft.number)
    [row] = (await shop.call("GET", "/saleCreditNoteList"))["SaleList"]
    assert (row["CreditNoteStatus"], row["RestockStatus"]) == ("VOIDED", "VOIDED")
    second = shop.double.add_credit_note(sale.id, number="CR-HAND", restock_status="AUTHORISED", lines=((PLATE, 2),))
    assert (second.number, second.task_id != sale.id) == ("CR-HAND", True)
    assert restocked(shop, sale.id) == {PLATE: 2}


# --- what is told


async def _told(shop: Shop, *steps: Callable[[], object]) -> list[tuple[str, Any]]:
    """Do the steps with somebody listening to everything; return what is to be sent."""
    for kind in ("Pick", "Pack", "Shipment", "CreditNote"):
        shop.double.add_webhook(f"Sale/{kind}Authorised", "https://hooks.test/x", "t")
    for kind in ("Undo", "Voided", "ShipmentTrackingNumberChanged"):
        shop.double.add_webhook(f"Sale/{kind}", "https://hooks.test/x", "t")
    for step in steps:
        step()
    told = [(delivery.hook.type, json.loads(delivery.body)) for delivery in shop.double.webhook_deliveries]
    if cin7_spec.available():
        for kind, body in told:
            assert cin7_spec.check_delivery(kind, json.dumps(body).encode()) == []
    return told


def _second(sale: Sale) -> Fulfilment:
    return sale.fulfilments[1]


async def test_every_step_is_told_with_its_task() -> None:
    shop = Shop()
    sale, double = a_sale(shop), shop.double
    told = await _told(
        shop,
        lambda: double.ship_part(sale.id, {MUG: 1}),
        lambda: double.ship_part(sale.id, {MUG: 1}, tracking="T1"),
        lambda: double.set_tracking(sale.id, "T2", "Royal Mail"),
        lambda: double.undo_ship(sale.id),
        lambda: double.undo_pick(sale.id),
        lambda: double.void_fulfilment(sale.id, _second(sale).task_id),
        lambda: double.add_credit_note(sale.id, status="DRAFT"),
        lambda: double.add_credit_note(sale.id, restock=((MUG, 1),)),
        lambda: double.void_by_hand(sale.id, even_shipped=True),
    )
    kinds = ["Pick", "Pack", "Shipment"] * 2
    assert [kind for kind, _ in told] == [
        *(f"Sale/{kind}Authorised" for kind in kinds),
        "Sale/ShipmentTrackingNumberChanged",
        "Sale/Undo",
        "Sale/Undo",
        "Sale/CreditNoteAuthorised",
        "Sale/Voided",
    ]
    first, second = sale.id.upper(), _second(sale).task_id.upper()
    tasks = [body.get("TaskID", body.get("SaleTaskID")) for _, body in told[:6]]
    assert tasks == [first] * 3 + [second] * 3
    tracking = told[6][1]
    assert (tracking["TaskID"], tracking["SaleID"]) == (second.lower(), sale.id)
    assert (tracking["SaleOrderDate"], tracking["Shipments"]) == (
        "01/12/2026",
        [{"ShipmentDate": "01/12/2026", "TrackingNumber": "T2", "TrackingUrl": "", "Carrier": "Royal Mail"}],
    )
    note = sale.credit_notes[1]
    assert (told[9][1]["CreditNoteNumber"], told[9][1]["TaskID"]) == ("CR-00002", note.task_id.upper())


def test_a_tracking_number_changes_in_the_box_that_is_named() -> None:
    double = (shop := Shop()).double
    sale = a_sale(shop)
    double.pick(sale.id)
    double.pack(sale.id, {"A": {MUG: 3}, "B": {PLATE: 1}, "C": {PLATE: 1}})
    task = double.ship(sale.id, boxes=["A", "B"], tracking={"A": "T1", "B": "T2"})
    double.set_tracking(sale.id, "T3", box="B")
    assert [one.tracking for one in task.shipments] == ["T1", "T3", ""]
    double.set_tracking(sale.id, "T4", "Royal Mail")
    assert [(one.tracking, one.carrier) for one in task.shipments] == [("T4", "Royal Mail")] * 2 + [("", "")]


# --- the header


CHANGES: dict[str, object] = {
    "Contact": "Bea",
    "Email": "bea@x.test",
    "Phone": "0300",
    "Note": "ring twice",
    "ShippingNotes": "to the shed",
    "ShipBy": "2026-12-24T00:00:00",
    "Carrier": "Royal Mail",
    "CustomerReference": "PO 7",
    "BillingAddress": {"Line1": "1 Old Row", "Country": "United Kingdom"},
    "ShippingAddress": {"Line1": "9 New Lane", "City": "York", "Country": "United Kingdom", "ShipToOther": True},
    "AdditionalAttributes": {f"AdditionalAttribute{number}": f"v{number}" for number in range(1, 11)},
}


async def test_a_header_changes_in_what_is_sent_and_stays_in_the_rest() -> None:
    shop = Shop()
    before = {name: f"old {name}" for name in ("Contact", "Email", "Phone", "Note", "ShippingNotes")}
    sale_id = await shop.create(**before, Carrier="DHL Express")
    await shop.post_order(sale_id, shop.line())
    for sent in itertools.chain(([name] for name in CHANGES), [list(CHANGES)]):
        was = await shop.call("GET", "/sale", {"ID": sale_id})
        shop.clock.forward(1)
        body = {"ID": sale_id} | {name: CHANGES[name] for name in sent}
        now = await shop.call("PUT", "/sale", body=body)
        assert now == await shop.call("GET", "/sale", {"ID": sale_id})
        for name in sent:
            wanted = CHANGES[name]
            assert now[name] == wanted if not isinstance(wanted, dict) else now[name] | wanted == now[name]
        derived = {"LastModifiedOn", "Fulfilments", *sent}
        assert {name: value for name, value in now.items() if name not in derived} == {
            name: value for name, value in was.items() if name not in derived
        }
    ship = await shop.call("GET", "/sale/fulfilment/ship", {"TaskID": sale_id})
    assert (ship["ShippingAddress"]["City"], ship["ShippingNotes"]) == ("York", "to the shed")
    assert ship["RequireBy"] == "2026-12-24T00:00:00"
    shop.double.void_by_hand(sale_id)
    assert "Status is VOIDED" in await shop.refused("PUT", "/sale", body={"ID": sale_id, "Note": "x"})
