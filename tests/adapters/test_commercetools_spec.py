"""Each check against the official commercetools specification is shown refusing a wrong one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.order_actions import ACTIONS
from tests.commercetools_spec import check_answer, check_notification, check_request, requires_spec
from tests.commercetools_world import Caller, HandClock

pytestmark = requires_spec

UPDATE = "/acme/orders/o-1"
ITEMS = [{"id": "li-1", "quantity": 1}]
TRACKING = {"trackingId": "JD01", "carrier": "DHL", "isReturn": False}
PARCEL = {"key": "p-1", "trackingData": TRACKING, "measurements": {"weightInGram": 500}, "items": ITEMS}
DELIVERY = {"action": "addDelivery", "deliveryKey": "d-1", "shippingKey": "van", "items": ITEMS, "parcels": [PARCEL]}
RETURNED = {"key": "r-1", "lineItemId": "li-1", "quantity": 1, "shipmentState": "Returned", "comment": "Chipped"}
RETURN = {"action": "addReturnInfo", "returnTrackingId": "RMA-1", "items": [RETURNED]}
PAYMENT = {"typeId": "payment", "id": "pay-1"}
LIFE: tuple[dict[str, Any], ...] = (
    {**DELIVERY, "address": {"country": "GB"}},
    {"action": "removeDelivery", "deliveryKey": "d-1"},
    {"action": "setDeliveryItems", "deliveryId": "d", "items": ITEMS},
    {"action": "addParcelToDelivery", "deliveryKey": "d-1", "parcelKey": "p-1", "trackingData": TRACKING},
    {"action": "removeParcelFromDelivery", "parcelKey": "p-1"},
    {"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": TRACKING},
    {"action": "setParcelItems", "parcelId": "p", "items": ITEMS},
    RETURN,
    {"action": "setReturnShipmentState", "returnItemKey": "r-1", "shipmentState": "BackInStock"},
    {"action": "setReturnPaymentState", "returnItemId": "r", "paymentState": "Refunded"},
    {"action": "setShippingAddress", "address": {"country": "GB", "city": "York"}},
    {"action": "setBillingAddress", "address": {"country": "GB", "city": "York"}},
    {"action": "setCustomerEmail", "email": "h@example.org"},
    {"action": "setPurchaseOrderNumber", "purchaseOrderNumber": "PO-8"},
    {"action": "setCustomField", "name": "gift", "value": {"any": ["thing"]}},
    {"action": "addPayment", "payment": PAYMENT},
    {"action": "removePayment", "payment": PAYMENT},
)
"""What is done to an order after it was placed, each action once."""

SYNC = {"action": "updateSyncInfo", "channel": {"typeId": "channel", "key": "cin7-core"}, "externalId": "SO-00042"}


def _update(*actions: object, **fields: object) -> bytes:
    return json.dumps({"version": 3, "actions": actions, **fields}).encode()


def test_the_requests_the_daemon_makes_conform() -> None:
    query = [("where", "lastModifiedAt >= :from"), ("var.from", "2026-12-01T00:00:00.000Z"), ("limit", "500")]
    query += [("sort", "lastModifiedAt asc"), ("sort", "id asc"), ("expand", "paymentInfo.payments[*]")]
    assert check_request("GET", "/acme/orders", query, None) == []
    assert check_request("GET", "/acme/channels/key=cin7-core", "", None) == []
    assert check_request("POST", UPDATE, "", _update(SYNC, {**SYNC, "syncedAt": "2026-11-23T10:00:00.000Z"})) == []
    states = (
        {"action": "changeOrderState", "orderState": "Cancelled"},
        {"action": "setOrderNumber", "orderNumber": "W1"},
        {"action": "changeShipmentState", "shipmentState": "Partial"},
        {"action": "changePaymentState", "paymentState": "CreditOwed"},
    )
    assert check_request("POST", UPDATE, "", _update(*states)) == []
    assert check_request("POST", UPDATE, "", _update(*LIFE)) == []
    draft = json.dumps({"container": "tallyd", "key": "main", "value": {"holder": "a"}, "version": 2}).encode()
    assert check_request("POST", "/acme/custom-objects", "", draft) == []
    assert check_request("POST", "/oauth/token", "", b"grant_type=client_credentials") == []


def test_every_action_the_double_takes_is_judged() -> None:
    states = {"updateSyncInfo", "setOrderNumber", "changeOrderState", "changeShipmentState", "changePaymentState"}
    assert {action["action"] for action in LIFE} | states == ACTIONS.keys()


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=501", "above 500"),
        ("limit=many", "not a number"),
        ("withTotal=0", "neither true nor false"),
        ("wehre=id%3D%221%22", "unknown query parameter wehre"),
        ("var.from_date=x", "unknown query parameter var.from_date"),
        ("limit=1&limit=2", "repeated"),
    ],
)
def test_a_wrong_query_is_refused(query: str, word: str) -> None:
    assert word in " ".join(check_request("GET", "/acme/orders", query, None))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (_update({"action": "updateSyncInfos"}), "'updateSyncInfos' is not one of"),
        (_update({**SYNC, "externalID": "x"}), "externalID: unknown property"),
        (_update({**SYNC, "externalId": 42}), "42 is not of type 'string'"),
        (_update({**SYNC, "syncedAt": "yesterday"}), "'yesterday' is not a 'datetime'"),
        (_update({**SYNC, "syncedAt": "2026-11-23T10:00:00.123456+00:00"}), "is not a 'datetime'"),
        (_update({"action": "updateSyncInfo", "externalId": "x"}), "'channel' is a required property"),
        (_update({**SYNC, "channel": {"typeId": "channel", "name": "x"}}), "channel.name: unknown property"),
        (_update({"action": "changeOrderState", "orderState": "Canceled"}), "'Canceled' is not one of"),
        (_update({"action": "changeShipmentState", "shipmentState": "Cancelled"}), "'Cancelled' is not one of"),
        (_update({**DELIVERY, "key": "d-1"}), "key: unknown property"),
        (_update({**DELIVERY, "items": [{"id": "li-1"}]}), "'quantity' is a required property"),
        (_update({**DELIVERY, "items": [{"lineItemId": "li-1", "quantity": 1}]}), "'id' is a required property"),
        (_update({**DELIVERY, "parcels": [{**PARCEL, "parcelKey": "p-1"}]}), "parcelKey: unknown property"),
        (_update({**DELIVERY, "parcels": [{"trackingData": {"number": "JD01"}}]}), "number: unknown property"),
        (_update({**LIFE[1], "shippingKey": "van"}), "shippingKey: unknown property"),
        (_update({**LIFE[2], "items": [{"id": 7, "quantity": 1}]}), "7 is not of type 'string'"),
        (_update({**LIFE[3], "key": "p-1"}), "key: unknown property"),
        (_update({**LIFE[4], "deliveryKey": "d-1"}), "deliveryKey: unknown property"),
        (_update({**LIFE[5], "trackingData": {"trackingId": 7}}), "7 is not of type 'string'"),
        (_update({**LIFE[6], "quantity": 1}), "quantity: unknown property"),
        (_update({**RETURN, "items": [{**RETURNED, "shipmentState": "Back"}]}), "'Back' is not one of"),
        (_update({**RETURN, "items": [{**RETURNED, "id": "li-1"}]}), "id: unknown property"),
        (_update({"action": "addReturnInfo"}), "'items' is a required property"),
        (_update({**LIFE[8], "shipmentState": "Restocked"}), "'Restocked' is not one of"),
        (_update({**LIFE[9], "paymentState": "Paid"}), "'Paid' is not one of"),
        (_update({**LIFE[10], "address": {"city": "York"}}), "'country' is a required property"),
        (_update({**LIFE[11], "address": {"country": "GB", "town": "York"}}), "town: unknown property"),
        (_update({**LIFE[12], "customerEmail": "x"}), "customerEmail: unknown property"),
        (_update({**LIFE[13], "purchaseOrderNumber": 8}), "8 is not of type 'string'"),
        (_update({"action": "setCustomField", "value": 1}), "'name' is a required property"),
        (_update({"action": "addPayment"}), "'payment' is a required property"),
        (
            _update({"action": "removePayment", "payment": {"typeId": "payments", "id": "x"}}),
            "'payments' is not one of",
        ),
        (_update(SYNC, dryRun=True), "dryRun: unknown property"),
        (b'{"actions": []}', "'version' is a required property"),
        (b'{"version": "3", "actions": []}', "'3' is not of type 'integer'"),
        (b"{", "not JSON"),
        (None, "not JSON"),
    ],
)
def test_a_wrong_update_is_refused(body: bytes | None, word: str) -> None:
    assert word in " ".join(check_request("POST", UPDATE, "", body))


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "word"),
    [
        ("PUT", UPDATE, "", _update(SYNC), "no such operation"),
        ("GET", "/acme/order", "", None, "no such operation"),
        ("GET", "/acme/orders", "", b"{}", "a body where none belongs"),
        ("DELETE", "/acme/orders/o-1", "", None, "query parameter version is missing"),
        ("GET", "/acme/custom-objects/tallyd/a b", "", None, "no container or key"),
        ("POST", "/acme/custom-objects", "", b'{"container": "c", "key": "k"}', "'value' is a required property"),
        ("GET", "/oauth/token", "", None, "no such operation"),
        ("POST", "/oauth/token", "", b"grant_type=password", "grant_type"),
        ("POST", "/oauth/token", "", b"grant_type=client_credentials&scopes=x", "unknown field scopes"),
    ],
)
def test_a_wrong_request_is_refused(method: str, path: str, query: str, body: bytes | None, word: str) -> None:
    assert word in " ".join(check_request(method, path, query, body))


@pytest.fixture
async def order() -> dict[str, Any]:
    double = CommercetoolsDouble(clock=HandClock())
    draft = OrderDraft(lines=(LineDraft(sku="HW-CAF-8C", list_minor=4500),), shipping=ShippingDraft())
    order_id = double.place_order(draft)
    [line] = (item["id"] for item in double.orders[order_id]["lineItems"])
    items = [{"id": line, "quantity": 1}]
    returned = [{**RETURNED, "lineItemId": line}]
    delivery = {"action": "addDelivery", "items": items, "parcels": [{**PARCEL, "items": items}]}
    double.act(order_id, delivery, {**RETURN, "items": returned})
    caller = Caller(double)
    await caller.log_in()
    answer = await caller.get(f"/orders/{order_id}", ("expand", "paymentInfo.payments[*]"))
    found: dict[str, Any] = answer.json
    return found


def _break(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *way, last = path.split(".")
        place: Any = document
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("version", ..., "'version' is a required property"),
        ("lastModifiedAt", "2026-12-01 00:00", "is not a 'datetime'"),
        ("orderState", "Canceled", "'Canceled' is not one of"),
        ("syncInfo", ..., "'syncInfo' is a required property"),
        ("orderNumber", None, "orderNumber: null"),
        ("totalPrice.centAmount", 19.5, "is not of type 'integer'"),
        ("lineItems.0.state", ..., "'state' is a required property"),
        ("lineItems.0.quantity", "1", "is not of type 'integer'"),
        ("lineItems.0.name", {"en-GB": 4}, "4 is not of type 'string'"),
        ("lineItems.0.price.value.type", "cents", "'cents' is not one of"),
        ("lineItems.0.price.value.type", "highPrecision", "'preciseAmount' is a required property"),
        ("lineItems.0.price.discounted.discount", ..., "'discount' is a required property"),
        ("taxedPrice.taxPortions.0.rate", "0.2", "is not of type 'number'"),
        ("shippingInfo.shippingRate", ..., "'shippingRate' is a required property"),
        ("shippingInfo.deliveries.0.id", ..., "'id' is a required property"),
        ("shippingInfo.deliveries.0.items.0.quantity", "1", "is not of type 'integer'"),
        ("shippingInfo.deliveries.0.parcels", ..., "'parcels' is a required property"),
        ("shippingInfo.deliveries.0.parcels.0.createdAt", "today", "is not a 'datetime'"),
        ("shippingInfo.deliveries.0.parcels.0.trackingData.trackingId", 7, "is not of type 'string'"),
        ("shippingInfo.deliveries.0.parcels.0.measurements.weightInGram", "500", "is not of type 'integer'"),
        ("returnInfo.0.items.0.type", "ReturnItem", "'ReturnItem' is not one of"),
        ("returnInfo.0.items.0.lineItemId", ..., "'lineItemId' is a required property"),
        ("returnInfo.0.items.0.shipmentState", "Restocked", "'Restocked' is not one of"),
        ("returnInfo.0.items.0.paymentState", "Paid", "'Paid' is not one of"),
        ("returnInfo.0.items", ..., "'items' is a required property"),
        ("paymentInfo.payments.0.obj.transactions.0.type", "Charged", "'Charged' is not one of"),
        ("paymentInfo.payments.0.obj.amountPlanned.fractionDigits", ..., "'fractionDigits' is a required"),
    ],
)
async def test_a_wrong_order_is_refused(order: dict[str, Any], path: str, value: object, word: str) -> None:
    wrong = copy.deepcopy(order)
    _break(path, value)(wrong)
    assert word in " ".join(check_answer("GET", UPDATE, 200, json.dumps(wrong).encode()))


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "word"),
    [
        ("GET", UPDATE, 201, b"{}", "never answers 201"),
        ("GET", UPDATE, 200, b"<html>", "not JSON"),
        ("GET", "/acme/orders", 200, b'{"limit": 20, "offset": 0, "count": 0}', "'results' is a required property"),
        ("GET", "/acme/channels/key=x", 200, b'{"key": "x"}', "'roles' is a required property"),
        ("POST", UPDATE, 409, b'{"statusCode": 400, "message": "m"}', "400 in an answer of 409"),
        ("POST", UPDATE, 409, b'{"statusCode": 409}', "'message' is a required property"),
        (
            "POST",
            UPDATE,
            409,
            b'{"statusCode": 409, "message": "m", "errors": [{"code": "Conflict", "message": "m"}]}',
            "'Conflict' is not one of",
        ),
        (
            "POST",
            UPDATE,
            400,
            b'{"statusCode": 400, "message": "m", "errors": [{"code": "InvalidJsonInput", "message": "m"}]}',
            "'detailedErrorMessage' is a required property",
        ),
        ("GET", UPDATE, 401, b'{"statusCode": 401, "message": "m", "errors": []}', "'error' is a required property"),
        ("GET", UPDATE, 418, b'{"statusCode": 418, "message": "m"}', "never answers 418"),
        ("POST", "/oauth/token", 200, b'{"access_token": "x"}', "'expires_in' is a required property"),
        ("POST", "/oauth/token", 401, b'{"statusCode": 401, "message": "m", "error": "no"}', "'no' is not one of"),
    ],
)
def test_a_wrong_answer_is_refused(method: str, path: str, status: int, body: bytes, word: str) -> None:
    assert word in " ".join(check_answer(method, path, status, body))


def test_a_conflict_as_the_real_one_words_it_conforms() -> None:
    error = {"code": "ConcurrentModification", "message": "…", "currentVersion": 4}
    body = json.dumps({"statusCode": 409, "message": "…", "errors": [error]}).encode()
    assert check_answer("POST", UPDATE, 409, body) == []


MESSAGE: dict[str, Any] = {
    "notificationType": "Message",
    "projectKey": "acme",
    "id": "m-1",
    "version": 1,
    "sequenceNumber": 2,
    "resource": {"typeId": "order", "id": "o-1"},
    "resourceVersion": 4,
    "resourceUserProvidedIdentifiers": {"orderNumber": "ORD-1001"},
    "type": "OrderStateChanged",
    "orderState": "Cancelled",
    "oldOrderState": "Open",
    "createdAt": "2026-11-23T10:00:00.000Z",
    "lastModifiedAt": "2026-11-23T10:00:00.000Z",
}
CHANGE: dict[str, Any] = {
    "notificationType": "ResourceUpdated",
    "projectKey": "acme",
    "resource": {"typeId": "payment", "id": "p-1"},
    "version": 3,
    "oldVersion": 1,
    "modifiedAt": "2026-11-23T10:00:00.000Z",
}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "m-1",
    "type": "com.commercetools.order.message.OrderStateChanged",
    "source": "/acme/orders",
    "subject": "o-1",
    "time": "2026-11-23T10:00:00.000Z",
    "data": MESSAGE,
}


def test_the_notifications_of_the_fact_sheet_conform() -> None:
    without = {name: value for name, value in MESSAGE.items() if name not in ("type", "orderState", "oldOrderState")}
    left_out = {"payloadNotIncluded": {"reason": "too large", "payloadType": "OrderStateChanged"}}
    created = {"notificationType": "ResourceCreated", "resource": {"typeId": "subscription", "id": "s-1"}}
    test = {name: value for name, value in CHANGE.items() if name != "oldVersion"} | created
    for payload in (MESSAGE, without | left_out, CHANGE, EVENT, {**EVENT, "data": CHANGE}, test):
        assert check_notification(payload) == []


@pytest.mark.parametrize(
    ("payload", "path", "value", "word"),
    [
        (MESSAGE, "sequenceNumber", ..., "'sequenceNumber' is a required property"),
        (MESSAGE, "resourceVersion", "4", "is not of type 'integer'"),
        (MESSAGE, "type", "OrderStateSwitched", "OrderStateSwitched is no Message"),
        (MESSAGE, "type", ..., "None is no Message"),
        (MESSAGE, "orderState", ..., "'orderState' is a required property"),
        (MESSAGE, "orderState", "Canceled", "'Canceled' is not one of"),
        (MESSAGE, "shipmentState", "Shipped", "shipmentState: unknown property"),
        (MESSAGE, "resource.typeId", "orders", "'orders' is not one of"),
        (MESSAGE, "createdAt", "2026-11-23", "is not a 'datetime'"),
        (MESSAGE, "notificationType", "Event", "Event is no kind of notification"),
        (CHANGE, "oldVersion", ..., "'oldVersion' is a required property"),
        (CHANGE, "sequenceNumber", 1, "sequenceNumber: unknown property"),
        (CHANGE, "modifiedAt", None, "modifiedAt: null"),
        (EVENT, "subject", ..., "'subject' is a required property"),
        (EVENT, "sequence", 2, "is not of type 'string'"),
        (EVENT, "data.version", ..., "'version' is a required property"),
        (EVENT, "origin", "x", "origin: unknown property"),
    ],
)
def test_a_wrong_notification_is_refused(payload: dict[str, Any], path: str, value: object, word: str) -> None:
    wrong = copy.deepcopy(payload)
    _break(path, value)(wrong)
    assert word in " ".join(check_notification(wrong))


def test_the_answers_of_messages_and_healths_are_judged() -> None:
    message = {name: value for name, value in MESSAGE.items() if name not in ("notificationType", "projectKey")}
    page = {"limit": 20, "offset": 0, "count": 1, "results": [message]}
    assert check_answer("GET", "/acme/messages", 200, json.dumps(page).encode()) == []
    for change in ({"orderState": "Canceled"}, {"type": "OrderStateSwitched"}, {"sequenceNumber": "2"}):
        wrong = {**page, "results": [message | change]}
        assert check_answer("GET", "/acme/messages", 200, json.dumps(wrong).encode()) != []
    health = "/acme/subscriptions/s-1/health"
    assert [check_answer("GET", health, status, b"") for status in (200, 400, 503)] == [[], [], []]
    assert check_answer("GET", health, 200, b"{}") == ["a body where none is declared"]
