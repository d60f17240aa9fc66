"""What the local commercetools tells: Messages, Changes, the list of messages, how a subscription fares."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from actors.domain.feed import FeedCursor, SubscriptionHealth
from adapters.commercetools.client import CommercetoolsClient
from adapters.sandbox.announcements import HEALTH_STATUS
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft, ShippingDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.transport import Request, Response
from tests.commercetools_spec import SPEC_IS_THERE, check_answer, check_notification
from tests.commercetools_world import START, Caller, HandClock
from tests.wire_doubles import ListJournal, StillClock

UNTIL = "2026-12-01T00:00:30.000Z"
CAFETIERE = LineDraft(sku="HW-CAF-8C")
SYNC = {"action": "updateSyncInfo", "channel": {"typeId": "channel", "key": "cin7-core"}, "externalId": "SO-00042"}


def draft(status: str = "charged", **fields: Any) -> OrderDraft:
    return OrderDraft(
        lines=(CAFETIERE,),
        shipping=ShippingDraft(),
        payment=PaymentDraft(status=status),
        inventory_mode="None",
        **fields,
    )


class Place:
    """A double, its clock, and what somebody who subscribed was told."""

    def __init__(self, **knobs: Any) -> None:
        self.clock = HandClock()
        self.double = CommercetoolsDouble(clock=self.clock, **knobs)
        self.caller = Caller(self.double)
        self.told: list[dict[str, Any]] = []

    def hear(self, **how: Any) -> str:
        """Subscribe; every notification is held against the specification as it comes."""
        return self.double.subscribe(self._take, **how)

    def _take(self, payload: dict[str, Any]) -> None:
        assert json.loads(json.dumps(payload)) == payload
        if SPEC_IS_THERE:
            assert check_notification(payload) == []
        self.told.append(payload)

    def kinds(self) -> list[str]:
        return [one.get("type") or one["notificationType"] for one in self.told]

    def after(self, act: Callable[[], object]) -> list[dict[str, Any]]:
        """Do something; return what was told of it."""
        before = len(self.told)
        act()
        return self.told[before:]


async def place(**knobs: Any) -> Place:
    made = Place(**knobs)
    await made.caller.log_in()
    return made


# --- what is told


async def test_the_test_notification_comes_first() -> None:
    here = await place()
    subscription = here.hear()
    [test] = here.told
    assert (test["notificationType"], test["resource"]) == (
        "ResourceCreated",
        {"typeId": "subscription", "id": subscription},
    )
    assert test["projectKey"] == "acme"


async def test_an_order_as_a_message_in_full() -> None:
    here = await place()
    here.hear()
    here.clock.forward(1.5)
    order_id = here.double.place_order(draft("absent", order_number="ORD-1001"))
    message = here.told[-1]
    order = message.pop("order")
    assert order["id"] == order_id
    assert order["orderNumber"] == "ORD-1001"
    assert message == {
        "notificationType": "Message",
        "projectKey": "acme",
        "id": message["id"],
        "version": 1,
        "sequenceNumber": 1,
        "resource": {"typeId": "order", "id": order_id},
        "resourceVersion": 1,
        "resourceUserProvidedIdentifiers": {"orderNumber": "ORD-1001"},
        "type": "OrderCreated",
        "createdAt": "2026-12-01T00:00:01.500Z",
        "lastModifiedAt": "2026-12-01T00:00:01.500Z",
    }


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("checkout", "OrderCreated"),
        ("import", "OrderImported"),
        ("recurring", "OrderCreatedFromRecurringOrder"),
    ],
)
async def test_how_an_order_came_about_is_its_message(source: Any, kind: str) -> None:
    here = await place()
    here.hear()
    order_id = here.double.place_order(draft("absent"), source=source)
    assert here.kinds() == ["ResourceCreated", kind]
    order = (await here.caller.get(f"/orders/{order_id}")).json
    assert ("cart" in order) is (source != "import")
    assert ("recurringOrder" in order) is (source == "recurring")
    assert order["origin"] == ("RecurringOrder" if source == "recurring" else "Customer")


async def test_the_whole_life_of_an_order_and_its_payment() -> None:
    here = await place()
    here.hear(changes=True)
    double = here.double
    order_id = double.place_order(draft("authorized", order_number=""))
    payment_id = double.orders[order_id]["paymentInfo"]["payments"][0]["id"]
    acts: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: double.pay(order_id, 100, state="Pending"), ["ResourceUpdated", "PaymentTransactionAdded"]),
        (lambda: double.settle_charges(order_id), ["ResourceUpdated", "PaymentTransactionStateChanged"]),
        (lambda: double.edit(order_id, draft("pending")), ["OrderEditApplied"]),  # and no Change
        (lambda: double.touch(order_id), ["ResourceUpdated"]),
        (lambda: double.cancel(order_id), ["ResourceUpdated", "OrderStateChanged"]),
        (lambda: double.delete_order(order_id), ["ResourceDeleted", "OrderDeleted"]),
    ]
    assert here.kinds()[1:] == ["ResourceCreated", "PaymentCreated", "ResourceCreated", "OrderCreated"]
    for act, kinds in acts:
        told = here.after(act)
        assert [one.get("type") or one["notificationType"] for one in told] == kinds
    state = next(one for one in here.told if one.get("type") == "OrderStateChanged")
    assert (state["orderState"], state["oldOrderState"]) == ("Cancelled", "Open")
    assert "resourceUserProvidedIdentifiers" not in state  # the order has no number
    settled = next(one for one in here.told if one.get("type") == "PaymentTransactionStateChanged")
    authorized, transaction = double.payments[payment_id]["transactions"]
    assert (authorized["type"], transaction["type"], transaction["state"]) == ("Authorization", "Charge", "Success")
    assert (settled["transactionId"], settled["state"]) == (transaction["id"], "Success")
    # Numbers rise by one per resource, whatever the type.
    for resource, count in ((order_id, 4), (payment_id, 3)):
        numbers = [one["sequenceNumber"] for one in here.told if one["resource"]["id"] == resource and "type" in one]
        assert numbers == list(range(1, count + 1))
    changes = [one for one in here.told if one["notificationType"] == "ResourceUpdated"]
    assert all(one["oldVersion"] < one["version"] for one in changes)
    deleted = next(one for one in here.told if one["notificationType"] == "ResourceDeleted")
    assert deleted["version"] == double.deleted_orders[order_id]["version"]


async def test_a_payment_for_an_order_without_one_is_told_of_both() -> None:
    here = await place()
    order_id = here.double.place_order(draft("absent"))
    here.hear(changes=True)
    told = here.after(lambda: here.double.pay(order_id))
    assert [one.get("type") or one["notificationType"] for one in told] == [
        "ResourceCreated",
        "PaymentCreated",
        "ResourceUpdated",
        "OrderPaymentAdded",
        "ResourceUpdated",
        "PaymentTransactionAdded",
    ]
    assert told[3]["paymentRef"] == here.double.orders[order_id]["paymentInfo"]["payments"][0]


async def test_our_own_writes_come_back_as_changes_and_states_as_messages() -> None:
    here = await place()
    order_id = here.double.place_order(draft())
    here.hear(changes=True)
    before = here.double.orders[order_id]["version"]
    marked = (await here.caller.act(order_id, SYNC)).json
    [test, change] = here.told
    assert test["resource"]["typeId"] == "subscription"
    assert (change["notificationType"], change["version"], change["oldVersion"]) == (
        "ResourceUpdated",
        marked["version"],
        before,
    )
    states = (
        {"action": "changeShipmentState", "shipmentState": "Shipped"},
        {"action": "changePaymentState", "paymentState": "Paid"},
        {"action": "changeOrderState", "orderState": "Complete"},
    )
    await here.caller.act(order_id, *states)
    assert set(here.kinds()[3:]) == {"OrderShipmentStateChanged", "OrderPaymentStateChanged", "OrderStateChanged"}
    shipped = next(one for one in here.told if one.get("type") == "OrderShipmentStateChanged")
    assert shipped["shipmentState"] == "Shipped"
    assert "oldShipmentState" not in shipped  # it had none
    told = len(here.told)
    await here.caller.act(order_id, {"action": "changeOrderState", "orderState": "Complete"})
    assert len(here.told) == told  # a write that changes nothing tells nothing


async def test_who_is_told_of_what() -> None:
    here = await place()
    heard: dict[str, list[str]] = {"all": [], "changes": [], "created": []}

    def into(name: str) -> Callable[[dict[str, Any]], None]:
        return lambda payload: heard[name].append(payload.get("type") or payload["notificationType"])

    here.double.subscribe(into("all"))
    here.double.subscribe(into("changes"), messages=False, changes=True)
    one = here.double.subscribe(into("created"), types=("OrderCreated", "OrderImported"))
    order_id = here.double.place_order(draft("absent"))
    here.double.cancel(order_id)
    here.double.news.unsubscribe(one)
    here.double.place_order(draft("absent"))
    assert heard["all"] == ["ResourceCreated", "OrderCreated", "OrderStateChanged", "OrderCreated"]
    assert heard["changes"] == ["ResourceCreated"] * 2 + ["ResourceUpdated", "ResourceCreated"]
    assert heard["created"] == ["ResourceCreated", "OrderCreated"]


async def test_a_payload_that_is_too_large_or_by_chance_is_left_out() -> None:
    here = await place()
    here.hear(largest_bytes=2_000)
    here.hear(not_included_share=1.0, changes=True)
    order_id = here.double.place_order(draft("absent"))
    messages = [one for one in here.told if one["notificationType"] == "Message"]
    assert [one["payloadNotIncluded"]["payloadType"] for one in messages] == ["OrderCreated"] * 2
    assert all("type" not in one and "order" not in one for one in messages)
    assert all(one["resource"]["id"] == order_id and one["sequenceNumber"] == 1 for one in messages)
    assert here.told[2]["notificationType"] == "ResourceCreated"  # a Change has nothing to leave out
    here.told.clear()
    here.double.cancel(order_id)  # small enough
    assert [one.get("type") for one in here.told] == [None, "OrderStateChanged", None]


async def test_cloud_events_carry_the_platform_payload() -> None:
    here = await place()
    here.hear(format="CloudEvents", changes=True, not_included_share=0.5)
    order_id = here.double.place_order(draft("absent"))
    _, change, message = here.told
    told = message["data"]
    assert {name: value for name, value in message.items() if name != "data"} == {
        "specversion": "1.0",
        "id": told["id"],
        "type": "com.commercetools.order.message.OrderCreated",
        "source": "/acme/orders",
        "subject": order_id,
        "time": "2026-12-01T00:00:00.000Z",
        "sequence": "1",
        "sequencetype": "Integer",
        "dataref": f"/acme/messages/{told['id']}",
    }
    assert change["type"] == "com.commercetools.order.change.ResourceCreated"
    assert change["data"]["notificationType"] == "ResourceCreated"
    assert "sequence" not in change
    again = [one["id"] for one in here.after(lambda: here.double.touch(order_id))]
    assert len({change["id"], message["id"], *again}) == 3


async def test_what_was_told_is_nobodys_to_change() -> None:
    here = await place()
    here.double.subscribe(lambda payload: payload.get("order", {}).clear())
    order_id = here.double.place_order(draft("absent"))
    assert here.double.orders[order_id]["lineItems"]


# --- a destination that fails


@pytest.mark.parametrize(
    ("health", "status", "kept"),
    [
        ("ConfigurationError", 400, True),
        ("TemporaryError", 503, True),
        ("ConfigurationErrorDeliveryStopped", 400, False),
        ("ManuallySuspended", 400, False),
    ],
)
async def test_what_is_held_and_what_is_lost(health: Any, status: int, kept: bool) -> None:
    here = await place()
    subscription = here.hear()
    here.double.news.set_health(subscription, health)
    assert (await here.caller.get(f"/subscriptions/{subscription}/health")).status == status
    told = here.after(lambda: here.double.place_order(draft("absent")))
    assert told == []
    here.double.news.set_health(subscription, "Healthy")
    assert here.kinds()[1:] == (["OrderCreated"] if kept else [])
    assert (await here.caller.get(f"/subscriptions/{subscription}/health")).status == 200
    assert len(here.after(lambda: here.double.place_order(draft("absent")))) == 1


async def test_what_was_held_is_lost_once_the_delivery_stops() -> None:
    here = await place()
    subscription = here.hear()
    here.double.news.set_health(subscription, "ConfigurationError")
    here.double.place_order(draft("absent"))
    here.double.news.set_health(subscription, "ConfigurationErrorDeliveryStopped")
    here.double.news.set_health(subscription, "Healthy")
    assert here.kinds() == ["ResourceCreated"]
    assert set(HEALTH_STATUS.values()) == {200, 400, 503}


async def test_anybody_may_ask_for_the_health() -> None:
    here = Place()
    subscription = here.hear()
    here.caller.lenient = True  # that an unknown one is a 404 is not declared
    assert (await here.caller.get(f"/subscriptions/{subscription}/health")).body == b""
    assert (await here.caller.get("/subscriptions/x/health")).status == 404
    here.double.faults.plan("subscription_health", Fault(kind=FaultKind.DROP_BEFORE))
    with pytest.raises(DropConnectionError):
        await here.caller.get(f"/subscriptions/{subscription}/health")
    assert [entry.operation for entry in here.double.request_log] == ["subscription_health"] * 3
    if SPEC_IS_THERE:
        path = f"/acme/subscriptions/{subscription}/health"
        assert check_answer("GET", path, 200, b"{}") == ["a body where none is declared"]


# --- lists


async def test_messages_are_listed_by_the_compound_keyset() -> None:
    here = await place()
    orders = [here.double.place_order(draft("absent")) for _ in range(3)]  # all in one instant
    here.clock.forward(1)
    here.double.cancel(orders[0])
    here.clock.forward(60)
    here.double.cancel(orders[1])
    seen: list[str] = []
    at, last = "2026-11-30T00:00:00.000Z", ""
    while True:
        where = f'(createdAt > "{at}" or (createdAt = "{at}" and id > "{last}")) and createdAt <= "{UNTIL}"'
        query = [("where", where), ("where", 'resource(typeId in ("order", "payment"))')]
        query += [("sort", "createdAt asc"), ("sort", "id asc"), ("limit", "2"), ("withTotal", "false")]
        answer = (await here.caller.get("/messages", *query)).json
        seen += [one["id"] for one in answer["results"]]
        if answer["count"] < 2:
            break
        at, last = answer["results"][-1]["createdAt"], answer["results"][-1]["id"]
    kept = here.double.news.kept_messages()
    assert len(kept) == 5
    assert sorted(seen) == sorted(one["id"] for one in kept[:4])
    assert len(set(seen)) == 4
    found = (await here.caller.get("/messages", ("where", 'type in ("OrderStateChanged")'))).json["results"]
    assert [one["resource"]["id"] for one in found] == orders[:2]
    assert "notificationType" not in found[0]
    assert (await here.caller.get("/messages", ("where", 'orderState = "Open"'))).status == 400


async def test_only_a_project_that_keeps_its_messages_lists_them() -> None:
    here = await place(messages_enabled=False)
    here.hear()
    here.double.place_order(draft("absent"))
    assert (await here.caller.get("")).json["messages"]["enabled"] is False
    assert (await here.caller.get("/messages")).json["results"] == []
    assert len(here.told) == 2  # subscriptions work without it
    here.double.news.enabled = True
    here.double.place_order(draft("absent"))
    assert (await here.caller.get("")).json["messages"]["enabled"] is True
    assert (await here.caller.get("/messages")).json["count"] == 1


async def test_a_message_may_show_late() -> None:
    here = await place(messages_lag_seconds=(5.0, 5.0))
    here.double.place_order(draft("absent"))
    here.clock.forward(4.999)
    assert (await here.caller.get("/messages")).json["count"] == 0
    here.clock.forward(0.001)
    [message] = (await here.caller.get("/messages")).json["results"]
    assert message["createdAt"] == "2026-12-01T00:00:00.000Z"


async def test_messages_need_a_scope() -> None:
    for scope, status in (("view_messages", 200), ("view_orders", 200), ("view_payments", 403)):
        here = await place(scopes=(scope,))
        assert (await here.caller.get("/messages")).status == status


async def test_a_payment_moves_in_its_list_when_a_transaction_comes() -> None:
    here = await place()
    first, second = here.double.place_order(draft("pending")), here.double.place_order(draft("pending"))
    here.clock.forward(10)
    here.double.pay(first, state="Pending")
    here.clock.forward(10)
    here.double.settle_charges(first)
    payments = [here.double.orders[one]["paymentInfo"]["payments"][0]["id"] for one in (first, second)]
    since = ("where", 'lastModifiedAt > "2026-12-01T00:00:00.000Z"')
    [moved] = (await here.caller.get("/payments", since, ("sort", "lastModifiedAt asc"))).json["results"]
    assert (moved["id"], moved["lastModifiedAt"]) == (payments[0], "2026-12-01T00:00:20.000Z")
    assert moved["version"] >= 3
    assert here.double.orders[first]["lastModifiedAt"] == "2026-12-01T00:00:00.000Z"  # the order did not change
    found = await here.caller.found("paymentInfo(payments(id in :ids))", ("var.ids", payments[0]), ("var.ids", "x"))
    assert found == [first]


async def test_a_filtered_total_is_capped_and_a_page_may_be_of_nothing() -> None:
    here = await place()
    for _ in range(3):
        here.double.place_order(draft("absent"))
    order = next(iter(here.double.orders.values()))
    here.double.orders |= {f"o-{number}": {**order, "id": f"o-{number}"} for number in range(10_000)}
    span = ("where", 'createdAt >= "2026-12-01T00:00:00.000Z"')
    capped = (await here.caller.get("/orders", span, ("limit", "0"), ("withTotal", "true"))).json
    assert (capped["total"], capped["count"], capped["results"]) == (10_000, 0, [])
    assert (await here.caller.get("/orders", ("limit", "0"))).json["total"] == 10_003


# --- the client meets the double


class Wire:
    def __init__(self, double: CommercetoolsDouble) -> None:
        self.double = double

    async def send(self, request: Request) -> Response:
        return await self.double.handle(request)


def client_of(double: CommercetoolsDouble) -> CommercetoolsClient:
    return CommercetoolsClient(
        transport=Wire(double),
        clock=StillClock(),
        journal=ListJournal([]),
        probe=lambda point: None,
        project_key="acme",
        api_url="http://ct.test",
        auth_url="http://ct.test",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        max_in_flight=4,
        random=random.Random(1),
    )


async def test_the_client_reads_all_of_it() -> None:
    here = Place()
    subscription = here.hear()
    client = client_of(here.double)
    orders = [here.double.place_order(draft("pending")) for _ in range(5)]
    here.clock.forward(5)
    here.double.pay(orders[2])
    until = START + 60_000
    everything = FeedCursor(at=0)
    assert await client.messages_enabled() is True
    messages = await client.messages(everything, until=until, limit=500)
    assert [json.loads(one.body)["id"] for one in messages] == [one.id for one in messages]
    assert len(messages) == 11
    later = await client.messages(FeedCursor(at=messages[3].created_at, id=messages[3].id), until=until, limit=500)
    assert later == messages[4:]
    [changed] = await client.changed_payments(FeedCursor(at=START, id="g"), until=until, limit=500)
    assert changed.modified_at == START + 5_000
    [paid] = await client.orders_of_payments([changed.id])
    assert paid.order is not None
    assert (paid.id, paid.order.payments[0].transactions[-1].type) == (orders[2], "Charge")
    assert await client.count_orders(START, START + 1) == 5
    assert await client.count_orders(START + 1, until) == 0
    first = await client.listed_orders(START, START + 1, after_id="", limit=3)
    rest = await client.listed_orders(START, START + 1, after_id=first[-1].id, limit=3)
    assert [one.id for one in (*first, *rest)] == sorted(orders)
    assert {one.number for one in (*first, *rest)} == {here.double.orders[one]["orderNumber"] for one in orders}
    for health, expected in (
        ("Healthy", SubscriptionHealth.HEALTHY),
        ("ManuallySuspended", SubscriptionHealth.CONFIGURATION_ERROR),
        ("TemporaryError", SubscriptionHealth.TEMPORARY_ERROR),
    ):
        here.double.news.set_health(subscription, health)  # type: ignore[arg-type]
        assert await client.subscription_health(subscription) is expected
    assert await client.subscription_health("x") is SubscriptionHealth.ABSENT
