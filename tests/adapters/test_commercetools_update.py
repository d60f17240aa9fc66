"""What the client writes about the rest of an order's life: action by action, whole, and as the double takes it."""

from __future__ import annotations

import json
import random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.calls import Purpose
from actors.domain.errors import Conflict, Rejected
from actors.domain.order import Delivery, Order, Parcel, ReturnItem
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    AddReturn,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetReturnState,
    SetShipmentState,
    SetTracking,
    ShipmentState,
)
from actors.governor.journal import Intent
from adapters.commercetools.client import CommercetoolsClient
from adapters.commercetools.order_actions import payloads
from adapters.commercetools.translate import read_order
from adapters.sandbox.carts import LineDraft, OrderDraft, ShipmentDraft, ShippingDraft, TravelDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from tests.commercetools_spec import check_request, requires_spec
from tests.ct_documents import order_document
from tests.wire_doubles import ListJournal, ScriptedWire, StillClock, answer, path_of, query_of, sent_json

TOKEN = answer(200, {"access_token": "tok-1", "expires_in": 172_800, "scope": "x", "token_type": "Bearer"})
ORDER = read_order(json.dumps(order_document()).encode())
MUG, BOOK = "HW-MUG-STN-01", "BK-CAMP-CKB"


def client_on(wire: Any, diary: list[str], secret: str = "s") -> CommercetoolsClient:  # noqa: S107
    return CommercetoolsClient(
        transport=wire,
        clock=StillClock(),
        journal=ListJournal(diary),
        probe=diary.append,
        project_key="acme",
        api_url="https://api.example/",
        auth_url="https://api.example",
        client_id="sandbox-client",
        client_secret=secret,
        max_in_flight=10,
        random=random.Random(7),
    )


async def update(client: CommercetoolsClient, order: Order, *actions: OrderAction) -> int:
    return await client.update_order(order, actions, Intent(Purpose.CT_UPDATE_ORDER, subject=order.id))


# -- action by action -----------------------------------------------------------------------------------------------

FULL = Parcel(key="p-1", items={"a": 2, "b": 1}, carrier="DHL", tracking="JD01")
FULL_ITEMS = [{"id": "a", "quantity": 2}, {"id": "b", "quantity": 1}]
FULL_DATA = {"trackingId": "JD01", "carrier": "DHL"}

ACTIONS: list[tuple[OrderAction, dict[str, Any]]] = [
    (
        AddDelivery(key="d-1", items={"a": 2, "b": 1}, parcels=(FULL, Parcel(key="p-2"))),
        {
            "action": "addDelivery",
            "deliveryKey": "d-1",
            "items": FULL_ITEMS,
            "parcels": [
                {"key": "p-1", "trackingData": FULL_DATA, "items": FULL_ITEMS},
                {"key": "p-2", "items": []},
            ],
        },
    ),
    (
        AddDelivery(key="d-1", items={"a": 2}, shipping_key="van"),
        {
            "action": "addDelivery",
            "deliveryKey": "d-1",
            "shippingKey": "van",
            "items": [{"id": "a", "quantity": 2}],
            "parcels": [],
        },
    ),
    (
        SetDeliveryItems(delivery_key="d-1", items={"a": 2, "b": 1}),
        {"action": "setDeliveryItems", "deliveryKey": "d-1", "items": FULL_ITEMS},
    ),
    (RemoveDelivery(delivery_key="d-1"), {"action": "removeDelivery", "deliveryKey": "d-1"}),
    (
        AddParcel(delivery_key="d-1", parcel=FULL),
        {
            "action": "addParcelToDelivery",
            "deliveryKey": "d-1",
            "parcelKey": "p-1",
            "trackingData": FULL_DATA,
            "items": FULL_ITEMS,
        },
    ),
    (
        SetTracking(parcel_key="p-1", carrier="DHL", tracking="JD01"),
        {"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": FULL_DATA},
    ),
    (
        SetTracking(parcel_key="p-1", carrier="DHL", tracking=""),
        {"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": {"carrier": "DHL"}},
    ),
    (
        SetTracking(parcel_key="p-1", carrier="", tracking="JD01"),
        {"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": {"trackingId": "JD01"}},
    ),
    (
        SetTracking(parcel_key="p-1", carrier="", tracking=""),
        {"action": "setParcelTrackingData", "parcelKey": "p-1"},
    ),
    (
        SetParcelItems(parcel_key="p-1", items={"a": 2, "b": 1}),
        {"action": "setParcelItems", "parcelKey": "p-1", "items": FULL_ITEMS},
    ),
    (RemoveParcel(parcel_key="p-1"), {"action": "removeParcelFromDelivery", "parcelKey": "p-1"}),
    (SetShipmentState(state="Partial"), {"action": "changeShipmentState", "shipmentState": "Partial"}),
    (SetOrderState(state="Cancelled"), {"action": "changeOrderState", "orderState": "Cancelled"}),
    (
        AddReturn(key="r-1", line_id="a", quantity=2, comment="CR-0007"),
        {
            "action": "addReturnInfo",
            "items": [
                {"key": "r-1", "lineItemId": "a", "quantity": 2, "shipmentState": "Returned", "comment": "CR-0007"}
            ],
        },
    ),
    (
        AddReturn(key="r-1", line_id="a", quantity=2),
        {
            "action": "addReturnInfo",
            "items": [{"key": "r-1", "lineItemId": "a", "quantity": 2, "shipmentState": "Returned"}],
        },
    ),
    (
        SetReturnState(item_id="ri-1", state="BackInStock"),
        {"action": "setReturnShipmentState", "returnItemId": "ri-1", "shipmentState": "BackInStock"},
    ),
    (
        SetReturnState(item_id="ri-1", key="r-1", state="BackInStock"),
        {"action": "setReturnShipmentState", "returnItemId": "ri-1", "shipmentState": "BackInStock"},
    ),
    (
        SetReturnState(item_id="", key="r-1", state="Unusable"),
        {"action": "setReturnShipmentState", "returnItemKey": "r-1", "shipmentState": "Unusable"},
    ),
]


@pytest.mark.parametrize(("action", "payload"), ACTIONS, ids=lambda value: type(value).__name__)
def test_an_action_as_commercetools_spells_it(action: OrderAction, payload: dict[str, Any]) -> None:
    assert payloads([action]) == [payload]


def test_no_action_is_forgotten() -> None:
    assert {type(action) for action, _ in ACTIONS} == set(get_args(OrderAction))


# -- the request ----------------------------------------------------------------------------------------------------


async def test_all_actions_go_in_one_request_in_their_order_under_the_version() -> None:
    wire, diary = ScriptedWire(TOKEN, answer(200, order_document(version=12))), list[str]()
    assert await update(client_on(wire, diary), ORDER, *(action for action, _ in ACTIONS)) == 12
    _, request = wire.requests
    assert (request.method, path_of(request), query_of(request)) == ("POST", f"/acme/orders/{ORDER.id}", {})
    assert sent_json(request) == {"version": 7, "actions": [payload for _, payload in ACTIONS]}


async def test_the_id_is_escaped() -> None:
    wire = ScriptedWire(TOKEN, answer(200, order_document()))
    await update(client_on(wire, []), msgspec.structs.replace(ORDER, id="a/b?c"), SetOrderState(state="Complete"))
    assert wire.requests[1].url == "https://api.example/acme/orders/a%2Fb%3Fc"


async def test_nothing_to_do_is_nothing_sent() -> None:
    wire, diary = ScriptedWire(), list[str]()
    with pytest.raises(ValueError, match="no action"):
        await update(client_on(wire, diary), ORDER)
    assert (wire.requests, diary) == ([], [])


_KEYS = st.from_regex(r"[A-Za-z0-9_-]{2,256}", fullmatch=True)
_UNITS = st.dictionaries(st.text("abc-1", min_size=1), st.integers(1, 10**6), max_size=3)
_PARCELS = st.builds(Parcel, key=_KEYS, items=_UNITS, carrier=st.text(max_size=5), tracking=st.text(max_size=5))
_SHIPMENTS = st.sampled_from(get_args(ShipmentState))
_DRAWN: st.SearchStrategy[list[OrderAction]] = st.lists(
    st.one_of(
        st.builds(
            AddDelivery,
            key=_KEYS,
            items=_UNITS,
            parcels=st.lists(_PARCELS, max_size=3).map(tuple),
            shipping_key=st.none() | _KEYS,
        ),
        st.builds(SetDeliveryItems, delivery_key=_KEYS, items=_UNITS),
        st.builds(RemoveDelivery, delivery_key=_KEYS),
        st.builds(AddParcel, delivery_key=_KEYS, parcel=_PARCELS),
        st.builds(SetTracking, parcel_key=_KEYS, carrier=st.text(max_size=5), tracking=st.text(max_size=5)),
        st.builds(SetParcelItems, parcel_key=_KEYS, items=_UNITS),
        st.builds(RemoveParcel, parcel_key=_KEYS),
        st.builds(SetShipmentState, state=_SHIPMENTS),
        st.builds(SetOrderState, state=st.sampled_from(["Complete", "Cancelled"])),
        st.builds(AddReturn, key=_KEYS, line_id=st.text(min_size=1), quantity=st.integers(1, 9), comment=st.text()),
        st.builds(SetReturnState, item_id=st.text(), key=_KEYS, state=st.sampled_from(["BackInStock", "Unusable"])),
    ),
    min_size=1,
    max_size=6,
)


@requires_spec
@settings(max_examples=60, deadline=None)
@given(_DRAWN)
def test_whatever_is_written_is_what_the_specification_allows(actions: list[OrderAction]) -> None:
    body = msgspec.json.encode({"version": 7, "actions": payloads(actions)})
    assert check_request("POST", f"/acme/orders/{ORDER.id}", "", body) == []


# -- taken by the double, and read back -----------------------------------------------------------------------------


class Memory:
    """The double as a transport."""

    def __init__(self, double: CommercetoolsDouble) -> None:
        self.send = double.handle


class Shop:
    """A double with one order of three mugs and a book, and a client of it."""

    def __init__(self, *, several: bool = False) -> None:
        self.double = CommercetoolsDouble(clock=StillClock(), decrement_lag_seconds=0.0)
        self.client = client_on(Memory(self.double), [], secret="sandbox-secret")
        self.order_id = self.double.place_order(_several() if several else _single())

    async def order(self) -> Order:
        return (await self.client.read_order(self.order_id)).order

    async def after(self, *actions: OrderAction) -> Order:
        """Do it, and read the order as it is then."""
        before = await self.order()
        version = await update(self.client, before, *actions)
        now = await self.order()
        assert version == now.version > before.version
        return now


def _single() -> OrderDraft:
    return OrderDraft(lines=(LineDraft(sku=MUG, quantity=3), LineDraft(sku=BOOK)), shipping=ShippingDraft())


def _several() -> OrderDraft:
    travels = (TravelDraft(shipment="van", quantity=2), TravelDraft(shipment="post", quantity=1))
    shipments = tuple(ShipmentDraft(key=key, shipping=ShippingDraft()) for key in ("van", "post"))
    return OrderDraft(lines=(LineDraft(sku=MUG, quantity=3, travels=travels), LineDraft(sku=BOOK)), shipments=shipments)


async def test_a_delivery_lives_and_goes_as_it_was_told() -> None:
    shop = Shop()
    mug, book = (line.id for line in (await shop.order()).lines)
    box = Parcel(key="p-1", items={mug: 1}, carrier="DHL", tracking="JD01")
    bag = Parcel(key="p-2", items={book: 1})
    steps: list[tuple[OrderAction, tuple[Delivery, ...]]] = [
        (
            AddDelivery(key="d-1", items={mug: 1}, parcels=(box,)),
            (Delivery(key="d-1", items={mug: 1}, parcels=(box,)),),
        ),
        (
            SetDeliveryItems(delivery_key="d-1", items={mug: 2, book: 1}),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(box,)),),
        ),
        (
            AddParcel(delivery_key="d-1", parcel=bag),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(box, bag)),),
        ),
        (
            SetTracking(parcel_key="p-2", carrier="UPS", tracking="1Z"),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(box, with_(bag, carrier="UPS", tracking="1Z"))),),
        ),
        (
            SetTracking(parcel_key="p-2", carrier="", tracking=""),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(box, bag)),),
        ),
        (
            SetParcelItems(parcel_key="p-1", items={mug: 2}),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(with_(box, items={mug: 2}), bag)),),
        ),
        (
            RemoveParcel(parcel_key="p-1"),
            (Delivery(key="d-1", items={mug: 2, book: 1}, parcels=(bag,)),),
        ),
        (RemoveDelivery(delivery_key="d-1"), ()),
    ]
    for action, expected in steps:
        assert (await shop.after(action)).deliveries == expected, action


def with_(parcel: Parcel, **changes: Any) -> Parcel:
    return msgspec.structs.replace(parcel, **changes)


async def test_of_several_shipments_each_has_its_deliveries() -> None:
    shop = Shop(several=True)
    order = await shop.order()
    mug, book = order.lines
    assert [(travel.shipping_key, travel.quantity) for travel in mug.travels] == [("van", 2), ("post", 1)]
    assert [(travel.shipping_key, travel.quantity) for travel in book.travels] == [("van", 1)]
    by_post = AddDelivery(key="d-post", items={mug.id: 1}, shipping_key="post")
    by_van = AddDelivery(key="d-van", items={mug.id: 2, book.id: 1}, shipping_key="van")
    assert (await shop.after(by_post, by_van)).deliveries == (
        Delivery(key="d-van", items={mug.id: 2, book.id: 1}, shipping_key="van"),
        Delivery(key="d-post", items={mug.id: 1}, shipping_key="post"),
    )


async def test_states_and_returns_are_set_together() -> None:
    shop = Shop()
    mug, book = (line.id for line in (await shop.order()).lines)
    order = await shop.after(
        SetShipmentState(state="Shipped"),
        AddReturn(key="r-1", line_id=mug, quantity=2, comment="CR-0007"),
        SetReturnState(item_id="", key="r-1", state="BackInStock"),
        AddReturn(key="r-2", line_id=book, quantity=1),
        SetOrderState(state="Complete"),
    )
    assert (order.shipment_state, order.state) == ("Shipped", "Complete")
    [first, second] = order.returns
    assert first == ReturnItem(
        id=first.id, key="r-1", line_id=mug, quantity=2, state="BackInStock", payment_state="Initial"
    )
    assert (second.key, second.line_id, second.state) == ("r-2", book, "Returned")
    order = await shop.after(SetReturnState(item_id=second.id, state="Unusable"), SetOrderState(state="Cancelled"))
    assert ([item.state for item in order.returns], order.state) == (["BackInStock", "Unusable"], "Cancelled")


@pytest.mark.parametrize("state", get_args(ShipmentState))
async def test_every_shipment_state_is_taken(state: ShipmentState) -> None:
    assert (await Shop().after(SetShipmentState(state=state), SetOrderState(state="Complete"))).shipment_state == state


async def test_one_refused_action_undoes_them_all() -> None:
    shop = Shop()
    before = await shop.after(AddDelivery(key="d-1", items={}))
    with pytest.raises(Rejected) as seen:
        await update(shop.client, before, SetShipmentState(state="Shipped"), AddDelivery(key="d-1", items={}))
    assert seen.value.reason == "duplicate"
    assert await shop.order() == before


async def test_an_order_that_changed_since_is_left_alone() -> None:
    shop = Shop()
    read = await shop.order()
    now = await shop.after(SetShipmentState(state="Ready"))
    with pytest.raises(Conflict):
        await update(shop.client, read, SetShipmentState(state="Shipped"))
    assert await shop.order() == now


_JSON = msgspec.json.Encoder(decimal_format="number")
SHELF = CommercetoolsDouble(clock=StillClock(), decrement_lag_seconds=0.0)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_deliveries_come_back_as_they_went(data: st.DataObject) -> None:
    several = data.draw(st.booleans())
    order_id = SHELF.place_order(_several() if several else _single())
    lines = [item["id"] for item in SHELF.orders[order_id]["lineItems"]]
    units = st.dictionaries(st.sampled_from(lines), st.integers(1, 9))
    words = st.text(max_size=4)
    sent = []
    for number in range(data.draw(st.integers(1, 3))):
        parcels = tuple(
            Parcel(key=f"p-{number}-{n}", items=data.draw(units), carrier=data.draw(words), tracking=data.draw(words))
            for n in range(data.draw(st.integers(0, 2)))
        )
        key = data.draw(st.sampled_from(["van", "post"])) if several else None
        sent.append(Delivery(key=f"d-{number}", items=data.draw(units), parcels=parcels, shipping_key=key))
    SHELF.act(order_id, *payloads([AddDelivery(**msgspec.structs.asdict(one)) for one in sent]))
    seen = read_order(_JSON.encode(SHELF.orders[order_id])).deliveries
    assert sorted(seen, key=lambda one: one.key) == sent
