"""The client's lists of payments, messages and orders, its counts, and the health of a subscription."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.census.ports import OrderCount
from actors.domain.errors import Limited, Rejected, Transient, WireError
from actors.domain.feed import FeedCursor, MessageRow, OrderMark, PaymentMark, SubscriptionHealth
from actors.domain.time import parse_instant
from actors.intake.ports import OrderFeed
from adapters.commercetools.client import CommercetoolsClient
from adapters.transport import NotSentError, Response
from tests.adapters.test_commercetools_client import ORDER, House, error
from tests.ct_documents import order_document
from tests.wire_doubles import answer, header, path_of, query_of, text_answer

AT = parse_instant("2026-11-23T10:00:00.123Z")
UNTIL = parse_instant("2026-11-23T11:00:00Z")
KEYSET = ("lastModifiedAt asc", "id asc")


def page(*rows: Any) -> Response:
    return answer(200, {"limit": 500, "offset": 0, "count": len(rows), "results": list(rows)})


def asked(house: House, number: int = 0) -> dict[str, list[str]]:
    return query_of(house.api_requests[number])


async def test_it_is_both_ports() -> None:
    feed: OrderFeed = House().client
    count: OrderCount = House().client
    assert isinstance(feed, CommercetoolsClient)
    assert isinstance(count, CommercetoolsClient)


# -- payments ---------------------------------------------------------------------------------------------------------


def payment(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "version": 3, "lastModifiedAt": "2026-11-23T10:17:00.000Z", "transactions": []} | changes


async def test_payments_by_keyset_in_full() -> None:
    house = House(page(payment("p-1"), payment("p-2", version="x", lastModifiedAt="lately"), payment("p-3", version=9)))
    found = await house.client.changed_payments(FeedCursor(at=AT, id="p-0"), until=UNTIL, limit=9999)
    at = parse_instant("2026-11-23T10:17:00Z")
    assert found == [
        PaymentMark(id="p-1", version=3, modified_at=at),
        PaymentMark(id="p-2", version=0, modified_at=at),  # no older than the one before it
        PaymentMark(id="p-3", version=9, modified_at=at),
    ]
    assert path_of(house.api_requests[0]) == "/acme/payments"
    assert asked(house) == {
        "where": ["(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)) and lastModifiedAt <= :until"],
        "var.at": ["2026-11-23T10:00:00.123Z"],
        "var.id": ["p-0"],
        "var.until": ["2026-11-23T11:00:00.000Z"],
        "sort": [*KEYSET],
        "limit": ["500"],
        "withTotal": ["false"],
    }


async def test_a_payment_without_a_time_at_the_head_of_a_page_is_where_the_page_begins() -> None:
    house = House(page(payment("p-1", lastModifiedAt=None)))
    [found] = await house.client.changed_payments(FeedCursor(at=AT), until=None, limit=1)
    assert found.modified_at == AT
    assert asked(house)["where"] == ["lastModifiedAt >= :at"]


async def test_the_orders_of_payments_are_whole() -> None:
    house = House(page(order_document(), {"id": "o-2", "version": 4, "lastModifiedAt": "2026-11-23T10:17:00.000Z"}))
    found = await house.client.orders_of_payments(["p-1", 'p" or id != "'])
    assert [(one.id, one.order is None) for one in found] == [(ORDER.id, False), ("o-2", True)]
    assert found[0].order == ORDER
    assert path_of(house.api_requests[0]) == "/acme/orders"
    assert asked(house) == {
        "where": ["paymentInfo(payments(id in :payments))"],
        "var.payments": ["p-1", 'p" or id != "'],
        "sort": ["id asc"],
        "limit": ["500"],
        "withTotal": ["false"],
        "expand": ["paymentInfo.payments[*]", "state", "lineItems[*].supplyChannel", "syncInfo[*].channel"],
    }


async def test_many_payments_are_asked_in_chunks_and_an_order_is_there_once() -> None:
    one = order_document()
    house = House(page(one), page(one, order_document(id="o-2")), page())
    found = await house.client.orders_of_payments([f"p-{number}" for number in range(120)])
    assert [order.id for order in found] == [ORDER.id, "o-2"]
    chunks = [asked(house, number)["var.payments"] for number in range(3)]
    assert [len(chunk) for chunk in chunks] == [50, 50, 20]
    assert [name for chunk in chunks for name in chunk] == [f"p-{number}" for number in range(120)]
    assert all(len(request.url) < 8_000 for request in house.api_requests)


async def test_more_orders_than_a_page_are_read_to_their_end() -> None:
    rows = [{"id": f"o-{number:03d}"} for number in range(501)]
    house = House(page(*rows[:500]), page(rows[500]))
    assert len(await house.client.orders_of_payments(["p-1"])) == 501
    assert asked(house, 1)["where"] == ["paymentInfo(payments(id in :payments)) and id > :id"]
    assert asked(house, 1)["var.id"] == ["o-499"]


async def test_no_payment_asks_nothing() -> None:
    house = House(token=None)
    assert await house.client.orders_of_payments([]) == []
    assert house.wire.requests == []


# -- messages ---------------------------------------------------------------------------------------------------------


def message(name: str, **changes: Any) -> dict[str, Any]:
    made = {"id": name, "version": 1, "createdAt": "2026-11-23T10:17:00.000Z", "sequenceNumber": 1}
    return made | {"type": "OrderCreated", "resource": {"typeId": "order", "id": "o-1"}} | changes


async def test_messages_by_compound_keyset_and_as_they_came() -> None:
    rows = [message("m-1"), message("m-2", createdAt=7), message("m-3", createdAt="2026-11-23T10:18:00Z", odd=[None])]
    house = House(page(*rows))
    found = await house.client.messages(FeedCursor(at=AT, id="m-0"), until=UNTIL, limit=100)
    first, second = parse_instant("2026-11-23T10:17:00Z"), parse_instant("2026-11-23T10:18:00Z")
    assert [(one.id, one.created_at) for one in found] == [("m-1", first), ("m-2", first), ("m-3", second)]
    assert all(isinstance(one, MessageRow) for one in found)
    assert [json.loads(one.body) for one in found] == rows
    assert path_of(house.api_requests[0]) == "/acme/messages"
    assert asked(house) == {
        "where": [
            'resource(typeId in ("order", "payment"))',
            "(createdAt > :at or (createdAt = :at and id > :id)) and createdAt <= :until",
        ],
        "var.at": ["2026-11-23T10:00:00.123Z"],
        "var.id": ["m-0"],
        "var.until": ["2026-11-23T11:00:00.000Z"],
        "sort": ["createdAt asc", "id asc"],
        "limit": ["100"],
        "withTotal": ["false"],
    }


@pytest.mark.parametrize(
    ("messages", "kept"), [({"enabled": True}, True), ({"enabled": False}, False), (None, False), ({}, False)]
)
async def test_whether_the_project_keeps_its_messages(messages: Any, kept: bool) -> None:
    project = {"key": "acme", "version": 1} | ({} if messages is None else {"messages": messages})
    assert await House(answer(200, project)).client.messages_enabled() is kept


# -- counts -----------------------------------------------------------------------------------------------------------


async def test_a_count_reads_no_order() -> None:
    house = House(answer(200, {"limit": 0, "offset": 0, "count": 0, "total": 1234, "results": []}))
    assert await house.client.count_orders(AT, UNTIL) == 1234
    assert asked(house) == {
        "where": ["createdAt >= :from and createdAt < :before"],
        "var.from": ["2026-11-23T10:00:00.123Z"],
        "var.before": ["2026-11-23T11:00:00.000Z"],
        "limit": ["0"],
        "withTotal": ["true"],
    }


async def test_a_count_without_a_total_is_none() -> None:
    house = House(*[page()] * 3)
    with pytest.raises(Transient) as seen:
        await house.client.count_orders(AT, UNTIL)
    assert seen.value.reason == "malformed"


async def test_an_odd_order_is_counted_all_the_same() -> None:
    odd = {"id": "o-2", "version": "7", "orderNumber": 12, "createdAt": "lately", "orderState": None, "lineItems": 3}
    house = House(page(order_document(totalPrice=None), odd))
    found = await house.client.listed_orders(AT, UNTIL, after_id="o-0", limit=2)
    assert found == [
        OrderMark(
            id=ORDER.id,
            number="ORD-1001",
            version=7,
            created_at=parse_instant("2026-11-23T10:15:30.123Z"),
            state="Open",
        ),
        OrderMark(id="o-2", number=None, version=0, created_at=AT, state=""),
    ]
    assert asked(house) == {
        "where": ["createdAt >= :from and createdAt < :before and id > :id"],
        "var.from": ["2026-11-23T10:00:00.123Z"],
        "var.before": ["2026-11-23T11:00:00.000Z"],
        "var.id": ["o-0"],
        "sort": ["id asc"],
        "limit": ["2"],
        "withTotal": ["false"],
    }
    first = House(page())
    assert await first.client.listed_orders(AT, UNTIL, after_id="", limit=2) == []
    assert asked(first)["where"] == ["createdAt >= :from and createdAt < :before"]


@pytest.mark.parametrize("row", [{"version": 1}, {"id": 7}, 7, None], ids=repr)
@pytest.mark.parametrize("call", ["payments", "messages", "orders", "of payments"])
async def test_a_row_that_is_nobodys_makes_the_page_malformed(row: Any, call: str) -> None:
    client = House(*[page({"id": "x"}, row)] * 3).client
    with pytest.raises(Transient) as seen:
        match call:
            case "payments":
                await client.changed_payments(FeedCursor(at=0), until=None, limit=5)
            case "messages":
                await client.messages(FeedCursor(at=0), until=9, limit=5)
            case "orders":
                await client.listed_orders(0, 9, after_id="", limit=5)
            case _:
                await client.orders_of_payments(["p"])
    assert seen.value.reason == "malformed"


async def test_a_refused_query_is_a_refusal() -> None:
    with pytest.raises(Rejected):
        await House(error(400, "InvalidInput")).client.messages(FeedCursor(at=0), until=9, limit=5)


# -- a subscription's health ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "health"),
    [
        (text_answer(200, ""), SubscriptionHealth.HEALTHY),
        (answer(200, {"status": "Healthy"}), SubscriptionHealth.HEALTHY),
        (text_answer(400, ""), SubscriptionHealth.CONFIGURATION_ERROR),
        (answer(400, {"statusCode": 400}), SubscriptionHealth.CONFIGURATION_ERROR),
        (text_answer(503, "<html>", "text/html"), SubscriptionHealth.TEMPORARY_ERROR),
        (text_answer(404, ""), SubscriptionHealth.ABSENT),
        (error(404, "ResourceNotFound"), SubscriptionHealth.ABSENT),
    ],
)
async def test_the_health_is_the_status_whatever_the_body(given: Response, health: SubscriptionHealth) -> None:
    house = House(given, token=None)
    assert await house.client.subscription_health("s/1") is health
    [request] = house.wire.requests  # and no token was asked for
    assert (request.method, request.url) == ("GET", "https://api.example/acme/subscriptions/s%2F1/health")
    assert header(request, "authorization") is None
    assert header(request, "x-correlation-id")


@pytest.mark.parametrize(
    ("given", "kind", "tries"),
    [
        (NotSentError("x"), Transient, 3),
        (text_answer(502, ""), Transient, 3),
        (text_answer(302, "", location="/login"), Transient, 3),
        (answer(403, {"error": "insufficient_scope"}), Transient, 3),
        (answer(429, {}), Limited, 1),
    ],
)
async def test_an_answer_that_is_no_health_is_none(given: Any, kind: type[WireError], tries: int) -> None:
    house = House(*[given] * 3, token=None)
    with pytest.raises(WireError) as seen:
        await house.client.subscription_health("s-1")
    assert type(seen.value) is kind
    assert seen.value.operation == "subscription"
    assert len(house.wire.requests) == tries
