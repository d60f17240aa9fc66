"""Deliveries and parcels of the local commercetools: every action, its refusals, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.sandbox.carts import (
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PaymentDraft,
    ShipmentDraft,
    ShippingDraft,
    TravelDraft,
)
from adapters.sandbox.commercetools import CommercetoolsDouble
from tests.commercetools_spec import SPEC_IS_THERE, check_notification
from tests.commercetools_world import Answer, Caller, HandClock

MUG, CAFETIERE = "HW-MUG-STN-01", "HW-CAF-8C"
TRACKING = {"trackingId": "JD01", "carrier": "DHL"}
WRAP = CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=350)


class Place:
    """A double with one order of three mugs, a cafetiere and gift wrap, and what a subscriber was told of it."""

    def __init__(self, **changes: Any) -> None:
        self.clock = HandClock()
        self.double = CommercetoolsDouble(clock=self.clock)
        self.caller = Caller(self.double)
        self.told: list[dict[str, Any]] = []
        lines = (LineDraft(sku=MUG, quantity=3), LineDraft(sku=CAFETIERE))
        fields: dict[str, Any] = {"lines": lines, "custom_lines": (WRAP,), "payment": PaymentDraft(status="absent")}
        self.order_id = self.double.place_order(OrderDraft(**(fields | {"shipping": ShippingDraft()} | changes)))
        self.mug, self.cafetiere = (item["id"] for item in self.order["lineItems"])
        [self.wrap] = (item["id"] for item in self.order["customLineItems"])
        self.double.subscribe(self._take)
        self.told.clear()

    def _take(self, payload: dict[str, Any]) -> None:
        if SPEC_IS_THERE:
            assert check_notification(payload) == []
        self.told.append(payload)

    @property
    def order(self) -> dict[str, Any]:
        return self.double.orders[self.order_id]

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.order["shippingInfo"]["deliveries"]
        return found

    async def act(self, *actions: dict[str, Any]) -> Answer:
        """Update the order by requests and answers that conform, and read it again as it was answered."""
        body = {"version": self.order["version"], "actions": list(actions)}
        answer = await self.caller.post(f"/orders/{self.order_id}", body)
        assert answer.status == 200, answer.body
        assert (await self.caller.get(f"/orders/{self.order_id}")).json == answer.json
        return answer

    async def refusal(self, *actions: dict[str, Any]) -> str:
        """Return the code an update is refused with; the order is as it was, and nothing is told."""
        before, told = self.order, len(self.told)
        answer = await self.caller.act(self.order_id, *actions)
        assert answer.status == 400, answer.body
        assert (self.order, len(self.told)) == (before, told)
        return answer.code

    def news(self) -> list[dict[str, Any]]:
        """Return the Messages since the last call, each with its type and its own fields only."""
        common = {"notificationType", "projectKey", "id", "version", "sequenceNumber", "resource", "resourceVersion"}
        common |= {"resourceUserProvidedIdentifiers", "createdAt", "lastModifiedAt"}
        assert all(one["resourceVersion"] == self.order["version"] for one in self.told)
        told = [{name: value for name, value in one.items() if name not in common} for one in self.told]
        self.told.clear()
        return told


async def place(**changes: Any) -> Place:
    made = Place(**changes)
    await made.caller.log_in()
    return made


def units(line: str, quantity: int) -> dict[str, Any]:
    return {"id": line, "quantity": quantity}


def adding(key: str | None = "d-1", *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    named = {"deliveryKey": key} if key else {}
    return {"action": "addDelivery", **named, "items": list(items), **fields}


# -- what is read back ------------------------------------------------------------------------------------------------


async def test_a_delivery_as_it_is_read_back() -> None:
    here = await place()
    here.clock.forward(60)
    address = {"country": "GB", "city": "Totnes"}
    size = {"weightInGram": 500}
    parcels = [
        {"key": "p-1", "trackingData": TRACKING, "measurements": size, "items": [units(here.mug, 2)]},
        {},
    ]
    action = adding("d-1", units(here.mug, 2), units(here.wrap, 1), address=address, parcels=parcels)
    [delivery] = (await here.act(action)).json["shippingInfo"]["deliveries"]
    boxed, bare = delivery["parcels"]
    at = "2026-12-01T00:01:00.000Z"
    assert delivery == {
        "id": delivery["id"],
        "key": "d-1",
        "createdAt": at,
        "items": [units(here.mug, 2), units(here.wrap, 1)],
        "parcels": [
            {
                "id": boxed["id"],
                "key": "p-1",
                "createdAt": at,
                "measurements": size,
                "trackingData": TRACKING,
                "items": [units(here.mug, 2)],
            },
            {"id": bare["id"], "createdAt": at, "items": []},
        ],
        "address": address,
    }
    assert len({delivery["id"], boxed["id"], bare["id"]}) == 3


async def test_more_than_was_ordered_may_be_delivered_under_another_key() -> None:
    here = await place()
    await here.act(adding("d-1", units(here.mug, 3)), adding("d-2", units(here.mug, 3), units(here.cafetiere, 9)))
    await here.act(adding(None, units(here.mug, 1)), adding(None))
    assert here.double.delivered(here.order_id) == {here.mug: 7, here.cafetiere: 9}
    assert ["key" in one for one in here.deliveries] == [True, True, False, False]


async def test_the_books_of_parcels() -> None:
    here = await place()
    assert (here.double.delivered(here.order_id), here.double.parcels(here.order_id)) == ({}, [])
    parcels = [{"key": "p-1", "trackingData": TRACKING}, {"items": [units(here.mug, 1)]}]
    await here.act(adding("d-1", parcels=parcels), adding(None, parcels=[{"key": "p-2"}]))
    assert here.double.parcels(here.order_id) == [("d-1", "p-1", "JD01"), ("d-1", "", ""), ("", "p-2", "")]
    assert here.double.delivered(here.order_id) == {}  # what a parcel holds is not delivered by that


@pytest.mark.parametrize("by", ["Key", "Id"])
async def test_each_change_by_key_and_by_id(by: str) -> None:
    here = await place()
    await here.act(adding("d-0", parcels=[{"key": "p-0"}]), adding("d-1", parcels=[{"key": "p-1"}]))
    untouched = here.deliveries[0]
    delivery = {f"delivery{by}": here.deliveries[1][by.lower()]}
    parcel = {f"parcel{by}": here.deliveries[1]["parcels"][0][by.lower()]}

    async def after(action: str, **fields: Any) -> dict[str, Any]:
        await here.act({"action": action, **fields})
        assert here.deliveries[0] == untouched
        return here.deliveries[1]

    items = [units(here.mug, 2)]
    assert (await after("setDeliveryItems", **delivery, items=items))["items"] == items
    added = (await after("addParcelToDelivery", **delivery, trackingData=TRACKING, items=items))["parcels"][1]
    assert (added["trackingData"], added["items"], "key" in added) == (TRACKING, items, False)
    told = (await after("setParcelTrackingData", **parcel, trackingData=TRACKING))["parcels"]
    assert [one.get("trackingData") for one in told] == [TRACKING, TRACKING]
    assert "trackingData" not in (await after("setParcelTrackingData", **parcel))["parcels"][0]
    assert (await after("setParcelItems", **parcel, items=items))["parcels"][0]["items"] == items
    assert (await after("removeParcelFromDelivery", **parcel))["parcels"] == [added]
    await here.act({"action": "removeDelivery", **delivery})
    assert here.deliveries == [untouched]


async def test_a_key_that_went_may_come_again() -> None:
    here = await place()
    await here.act(adding("d-1", parcels=[{"key": "p-1"}]))
    await here.act({"action": "removeDelivery", "deliveryKey": "d-1"}, adding("d-1", parcels=[{"key": "p-1"}]))
    assert here.double.parcels(here.order_id) == [("d-1", "p-1", "")]


# -- refusals ---------------------------------------------------------------------------------------------------------


async def test_an_order_that_is_not_shipped_takes_no_delivery() -> None:
    here = await place(shipping=None)
    assert await here.refusal({"action": "changeOrderState", "orderState": "Complete"}, adding()) == "InvalidOperation"


@pytest.mark.parametrize(
    "actions",
    [
        [adding("d-1")],
        [adding("d-9"), adding("d-9")],
        [adding("d-9", parcels=[{"key": "p-1"}])],
        [adding("d-9", parcels=[{"key": "p-9"}, {"key": "p-9"}])],
        [{"action": "addParcelToDelivery", "deliveryKey": "d-2", "parcelKey": "p-1"}],
    ],
)
async def test_a_key_stands_once_in_an_order(actions: list[dict[str, Any]]) -> None:
    here = await place()
    await here.act(adding("d-1", parcels=[{"key": "p-1"}]), adding("d-2"))
    assert await here.refusal(*actions) == "DuplicateField"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"action": "removeDelivery", "deliveryKey": "d-9"}, "InvalidOperation"),
        ({"action": "removeDelivery", "deliveryId": "d-1"}, "InvalidOperation"),
        ({"action": "removeDelivery"}, "InvalidJsonInput"),
        ({"action": "removeDelivery", "deliveryKey": "d-1", "deliveryId": "x"}, "InvalidJsonInput"),
        ({"action": "setDeliveryItems", "deliveryKey": "d-1"}, "InvalidJsonInput"),
        ({"action": "setDeliveryItems", "deliveryKey": "d-9", "items": []}, "InvalidOperation"),
        ({"action": "addParcelToDelivery", "deliveryKey": "d-9"}, "InvalidOperation"),
        ({"action": "setParcelTrackingData", "parcelKey": "p-9"}, "InvalidOperation"),
        ({"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": "JD01"}, "InvalidJsonInput"),
        ({"action": "setParcelItems", "parcelKey": "p-1"}, "InvalidJsonInput"),
        ({"action": "removeParcelFromDelivery", "parcelId": "p-1"}, "InvalidOperation"),
        (adding("d"), "InvalidJsonInput"),
        (adding("d 9"), "InvalidJsonInput"),
        (adding("d" * 257), "InvalidJsonInput"),
        (adding("d-9", units("somebody-else", 1)), "InvalidInput"),
        (adding("d-9", {"id": "x"}), "InvalidInput"),
        (adding("d-9", items=["x"]), "InvalidJsonInput"),
        (adding("d-9", items={}), "InvalidJsonInput"),
        (adding("d-9", parcels={}), "InvalidJsonInput"),
        (adding("d-9", parcels=["p-9"]), "InvalidJsonInput"),
        (adding("d-9", parcels=[{"key": "p"}]), "InvalidJsonInput"),
        (adding("d-9", parcels=[{"items": [units("somebody-else", 1)]}]), "InvalidInput"),
    ],
)
async def test_what_makes_no_sense_is_refused(action: dict[str, Any], code: str) -> None:
    here = await place()
    await here.act(adding("d-1", parcels=[{"key": "p-1"}]))
    assert await here.refusal({"action": "changeShipmentState", "shipmentState": "Shipped"}, action) == code


@pytest.mark.parametrize("quantity", ["1", 1.5, True, None])
async def test_a_quantity_is_a_whole_number(quantity: object) -> None:
    here = await place()
    assert await here.refusal(adding("d-1", {"id": here.mug, "quantity": quantity})) == "InvalidJsonInput"


# -- several shipments ------------------------------------------------------------------------------------------------

SHIPMENTS = tuple(ShipmentDraft(key=key, shipping=ShippingDraft()) for key in ("van", "post"))
BY_BOTH = (TravelDraft(shipment="van", quantity=2), TravelDraft(shipment="post", quantity=1))
SEVERAL: dict[str, Any] = {
    "shipping": None,
    "shipments": SHIPMENTS,
    "lines": (LineDraft(sku=MUG, quantity=3, travels=BY_BOTH), LineDraft(sku=CAFETIERE)),
}


async def test_a_line_says_by_which_shipments_it_travels() -> None:
    here = await place(**SEVERAL)
    mug, cafetiere = (await here.caller.get(f"/orders/{here.order_id}")).json["lineItems"]
    van, post = ({"addressKey": key, "quantity": n, "shippingMethodKey": key} for key, n in (("van", 2), ("post", 1)))
    assert mug["shippingDetails"] == {"targets": [van, post], "valid": True}
    assert cafetiere["shippingDetails"] == {"targets": [van | {"quantity": 1}], "valid": True}
    assert "shippingDetails" not in (await place()).order["lineItems"][0]


async def test_each_shipment_has_its_own_deliveries() -> None:
    here = await place(**SEVERAL)
    await here.act(adding("d-1", units(here.mug, 1), shippingKey="post"), adding("d-2", shippingKey="van"))
    found = {one["shippingKey"]: one["shippingInfo"]["deliveries"] for one in here.order["shipping"]}
    assert {key: [one["key"] for one in deliveries] for key, deliveries in found.items()} == {
        "van": ["d-2"],
        "post": ["d-1"],
    }
    assert "shippingInfo" not in here.order
    assert [(one["type"], one["shippingKey"]) for one in here.news()] == [
        ("DeliveryAdded", "post"),
        ("DeliveryAdded", "van"),
    ]
    await here.act({"action": "setDeliveryItems", "deliveryKey": "d-1", "items": [units(here.mug, 2)]})
    assert here.double.delivered(here.order_id) == {here.mug: 2}
    assert [(one["type"], one["shippingKey"]) for one in here.news()] == [("DeliveryItemsUpdated", "post")]
    await here.act({"action": "removeDelivery", "deliveryKey": "d-1"})
    assert [(one["type"], one["shippingKey"]) for one in here.news()] == [("DeliveryRemoved", "post")]


@pytest.mark.parametrize("fields", [{}, {"shippingKey": "ship"}])
async def test_an_unknown_shipment_takes_no_delivery(fields: dict[str, Any]) -> None:
    here = await place(**SEVERAL)
    assert await here.refusal(adding(**fields)) == "InvalidOperation"


async def test_a_key_stands_once_over_all_shipments() -> None:
    here = await place(**SEVERAL)
    await here.act(adding("d-1", shippingKey="van"))
    assert await here.refusal(adding("d-1", shippingKey="post")) == "DuplicateField"


# -- what is told -----------------------------------------------------------------------------------------------------


async def test_parcels_given_with_a_delivery_are_told_one_by_one() -> None:
    here = await place()
    state = {"action": "changeShipmentState", "shipmentState": "Partial"}
    await here.act(adding("d-1", units(here.mug, 1), parcels=[{"key": "p-1"}, {"key": "p-2"}]), state)
    [delivery] = here.deliveries
    assert here.news() == [
        {"type": "DeliveryAdded", "delivery": delivery | {"parcels": []}},
        *({"type": "ParcelAddedToDelivery", "delivery": delivery, "parcel": parcel} for parcel in delivery["parcels"]),
        {"type": "OrderShipmentStateChanged", "shipmentState": "Partial"},
    ]


async def test_every_change_of_a_delivery_is_a_message() -> None:
    here = await place()
    await here.act(adding("d-1"))
    here.news()
    [delivery] = here.deliveries
    items = [units(here.mug, 1)]
    named = {"deliveryId": delivery["id"]}

    async def told(action: str, **fields: Any) -> dict[str, Any]:
        await here.act({"action": action, **fields})
        [one] = here.news()
        return one

    assert await told("setDeliveryItems", deliveryKey="d-1", items=items) == {
        "type": "DeliveryItemsUpdated",
        **named,
        "items": items,
        "oldItems": [],
    }
    added = await told("addParcelToDelivery", deliveryKey="d-1", parcelKey="p-1")
    [parcel] = here.deliveries[0]["parcels"]
    assert added == {"type": "ParcelAddedToDelivery", "delivery": here.deliveries[0], "parcel": parcel}
    named |= {"parcelId": parcel["id"]}
    tracked = await told("setParcelTrackingData", parcelKey="p-1", trackingData=TRACKING)
    assert tracked == {"type": "ParcelTrackingDataUpdated", **named, "trackingData": TRACKING}
    assert await told("setParcelTrackingData", parcelKey="p-1") == {"type": "ParcelTrackingDataUpdated", **named}
    filled = await told("setParcelItems", parcelKey="p-1", items=items)
    assert filled == {"type": "ParcelItemsUpdated", **named, "items": items, "oldItems": []}
    [parcel] = here.deliveries[0]["parcels"]
    removed = await told("removeParcelFromDelivery", parcelKey="p-1")
    assert removed == {"type": "ParcelRemovedFromDelivery", "deliveryId": delivery["id"], "parcel": parcel}
    [delivery] = here.deliveries
    assert await told("removeDelivery", deliveryKey="d-1") == {"type": "DeliveryRemoved", "delivery": delivery}


async def test_steps_of_one_update_are_told_each() -> None:
    here = await place()
    gone = {"action": "removeDelivery", "deliveryKey": "d-1"}
    states = [{"action": "changeShipmentState", "shipmentState": state} for state in ("Ready", "Shipped")]
    await here.act(adding("d-1"), *states, gone)
    assert [one["type"] for one in here.news()] == [
        "DeliveryAdded",
        "OrderShipmentStateChanged",
        "OrderShipmentStateChanged",
        "DeliveryRemoved",
    ]


async def test_what_is_told_is_kept_to_be_asked_for() -> None:
    here = await place()
    await here.act(adding("d-1", parcels=[{"key": "p-1", "trackingData": TRACKING}]))
    where = 'type in ("DeliveryAdded", "ParcelAddedToDelivery")'
    found = await here.caller.get("/messages", ("where", where), ("sort", "sequenceNumber asc"))
    assert [one["type"] for one in found.json["results"]] == ["DeliveryAdded", "ParcelAddedToDelivery"]
