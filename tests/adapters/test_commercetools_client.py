"""The commercetools client against a scripted wire: every answer has one meaning, every write leaves a trace first."""

from __future__ import annotations

import json
import random
import uuid
from base64 import b64decode
from typing import Any

import anyio
import pytest

from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Limited, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.feed import FeedCursor
from actors.domain.order_update import SetShipmentState
from actors.domain.time import parse_instant
from actors.fulfilment.ports import Storefront as FulfilmentStorefront
from actors.governor.journal import Intent
from actors.intake.ports import OrderFeed
from actors.orders.ports import Storefront
from adapters.commercetools.client import CommercetoolsClient
from adapters.commercetools.translate import read_order
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.ct_documents import order_document
from tests.wire_doubles import (
    ListJournal,
    ScriptedWire,
    StillClock,
    answer,
    header,
    path_of,
    query_of,
    sent_json,
    text_answer,
)

TOKEN = answer(200, {"access_token": "tok-1", "expires_in": 172_800, "scope": "x", "token_type": "Bearer"})
ORDER = read_order(json.dumps(order_document()).encode())


def error(status: int, code: str, message: str = "no") -> Response:
    return answer(status, {"statusCode": status, "message": message, "errors": [{"code": code, "message": message}]})


class House:
    """A client with everything around it."""

    def __init__(self, *answers: Any, token: Response | None = TOKEN, seats: int = 10) -> None:
        self.clock = StillClock()
        self.wire = ScriptedWire(*([token] if token else []), *answers)
        self.diary: list[str] = []
        self.journal = ListJournal(self.diary)
        self.client = CommercetoolsClient(
            transport=self.wire,
            clock=self.clock,
            journal=self.journal,
            probe=self.diary.append,
            project_key="acme",
            api_url="https://api.example/",
            auth_url="https://auth.example/",
            client_id="id+1",
            client_secret="s/1",
            max_in_flight=seats,
            random=random.Random(7),
        )

    @property
    def api_requests(self) -> list[Request]:
        return [one for one in self.wire.requests if one.url.startswith("https://api.example/")]


async def mark(house: House) -> int:
    intent = Intent(Purpose.CT_SYNC_INFO, subject=ORDER.id)
    return await house.client.mark_exported(ORDER, channel_key="cin7-core", external_id="SO-9", intent=intent)


async def update(house: House) -> int:
    return await house.client.update_order(
        ORDER, [SetShipmentState(state="Ready")], Intent(Purpose.CT_UPDATE_ORDER, subject=ORDER.id)
    )


WRITES = {Purpose.CT_SYNC_INFO: mark, Purpose.CT_UPDATE_ORDER: update}


# -- ports and headers ----------------------------------------------------------------------------------------------


async def test_it_is_every_port() -> None:
    client = House().client
    storefront: Storefront = client
    shown: FulfilmentStorefront = client
    feed: OrderFeed = client
    assert all(isinstance(port, CommercetoolsClient) for port in (storefront, shown, feed))


async def test_token_and_headers() -> None:
    house = House(answer(200, order_document()))
    await house.client.read_order(ORDER.id)
    asked, read = house.wire.requests
    assert (asked.method, asked.url) == ("POST", "https://auth.example/oauth/token")
    assert asked.body == b"grant_type=client_credentials"
    assert header(asked, "content-type") == "application/x-www-form-urlencoded"
    credentials = header(asked, "authorization")
    assert credentials is not None
    assert b64decode(credentials.removeprefix("Basic ")) == b"id%2B1:s%2F1"
    assert header(read, "authorization") == "Bearer tok-1"
    assert (header(read, "user-agent") or "").startswith("tallyd/")
    assert uuid.UUID(header(read, "x-correlation-id") or "").version == 4
    assert header(read, "content-type") is None


# -- reads ----------------------------------------------------------------------------------------------------------


async def test_an_order_is_read_with_what_is_expanded() -> None:
    house = House(answer(200, order_document()))
    seen = await house.client.read_order(ORDER.id)
    assert seen.order == ORDER
    assert json.loads(seen.body) == order_document()
    [request] = house.api_requests
    assert path_of(request) == f"/acme/orders/{ORDER.id}"
    assert query_of(request) == {
        "expand": ["paymentInfo.payments[*]", "state", "lineItems[*].supplyChannel", "syncInfo[*].channel"]
    }
    assert house.journal.intents == []


async def test_an_order_that_cannot_be_read_is_refused_by_field() -> None:
    house = House(answer(200, order_document(totalPrice={"centAmount": 1, "currencyCode": "EUR"})))
    with pytest.raises(Rejected) as seen:
        await house.client.read_order(ORDER.id)
    assert (seen.value.reason, seen.value.detail) == ("unreadable_order", "totalPrice.fractionDigits is missing")


async def test_the_id_is_escaped() -> None:
    house = House(error(404, "ResourceNotFound"))
    with pytest.raises(Missing):
        await house.client.read_order("a/b?c")
    assert house.api_requests[0].url.startswith("https://api.example/acme/orders/a%2Fb%3Fc?")


async def test_the_keyset_query_in_full() -> None:
    house = House(answer(200, {"limit": 500, "offset": 0, "count": 0, "results": []}))
    at, until = parse_instant("2026-11-23T10:00:00.123Z"), parse_instant("2026-11-23T11:00:00Z")
    found = await house.client.changed_orders(FeedCursor(at=at, id="o-5"), until=until, limit=9999)
    assert found == []
    [request] = house.api_requests
    assert path_of(request) == "/acme/orders"
    query = query_of(request)
    assert query.pop("expand") == [
        "paymentInfo.payments[*]",
        "state",
        "lineItems[*].supplyChannel",
        "syncInfo[*].channel",
    ]
    assert query == {
        "where": ["(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)) and lastModifiedAt <= :until"],
        "var.at": ["2026-11-23T10:00:00.123Z"],
        "var.id": ["o-5"],
        "var.until": ["2026-11-23T11:00:00.000Z"],
        "sort": ["lastModifiedAt asc", "id asc"],
        "limit": ["500"],
        "withTotal": ["false"],
    }


async def test_a_cursor_without_id_takes_its_instant_in() -> None:
    house = House(answer(200, {"results": []}))
    await house.client.changed_orders(FeedCursor(at=0), until=None, limit=2)
    query = query_of(house.api_requests[0])
    assert query["where"] == ["lastModifiedAt >= :at"]
    assert (query["var.at"], query["limit"]) == (["1970-01-01T00:00:00.000Z"], ["2"])
    assert "var.id" not in query
    assert "var.until" not in query


async def test_an_order_that_cannot_be_decoded_does_not_lose_the_page() -> None:
    second = {"id": "o-2", "version": 3, "lastModifiedAt": "2026-11-23T10:17:00.000Z", "totalPrice": "much"}
    third = {"id": "o-3", "version": "x", "lastModifiedAt": "lately"}
    fourth = order_document(id="o-4", lastModifiedAt="2026-11-23T10:19:00.000Z")
    house = House(answer(200, {"results": [order_document(), second, third, fourth]}))
    rows = await house.client.changed_orders(FeedCursor(at=0), until=None, limit=4)
    assert [(row.id, row.version, row.order is None) for row in rows] == [
        (ORDER.id, 7, False),
        ("o-2", 3, True),
        ("o-3", 0, True),
        ("o-4", 7, False),
    ]
    assert rows[0].order == ORDER
    assert "totalPrice" in rows[1].problem
    assert json.loads(rows[1].body) == second
    assert rows[1].modified_at == parse_instant("2026-11-23T10:17:00Z")
    # Its own time is not known: no older than the row before, so that nothing after it is skipped.
    assert rows[2].modified_at == rows[1].modified_at
    assert [row.problem == "" for row in rows] == [True, False, False, True]


@pytest.mark.parametrize(
    "body", [{"results": [{"version": 1}]}, {"results": [7]}, {"results": None}, [], "x"], ids=repr
)
async def test_a_page_without_identity_is_malformed(body: Any) -> None:
    house = House(answer(200, body))
    with pytest.raises(Transient) as seen:
        await house.client.changed_orders(FeedCursor(at=0), until=None, limit=4)
    assert seen.value.reason == "malformed"


def entry(sku: str, available: int, channel: str | None = None, key: str | None = None) -> dict[str, Any]:
    reference = {"typeId": "channel", "id": channel} | ({"obj": {"id": channel, "key": key}} if key else {})
    return {"id": "i", "sku": sku, "quantityOnStock": 99, "availableQuantity": available} | (
        {"supplyChannel": reference} if channel else {}
    )


STOCK = {"results": [entry("A", -3), entry("A", 5, "c-1", "berlin"), entry("A", 7, "c-2"), entry("B", 9, "c-3", "x")]}


@pytest.mark.parametrize(
    ("channel", "quantity"), [(None, -3), ("berlin", 5), ("c-2", 7), ("x", None), ("c-1", None), ("", None)]
)
async def test_what_is_available_is_that_of_the_very_sku_and_channel(channel: str | None, quantity: int | None) -> None:
    house = House(answer(200, STOCK))
    assert await house.client.available("A", channel, subject="o-1") == quantity
    [request] = house.api_requests
    assert path_of(request) == "/acme/inventory"
    assert query_of(request) == {
        "where": ["sku = :sku"],
        "var.sku": ["A"],
        "sort": ["id asc"],
        "limit": ["500"],
        "withTotal": ["false"],
        "expand": ["supplyChannel"],
    }


async def test_a_sku_cannot_end_the_predicate() -> None:
    house = House(answer(200, {"results": []}))
    assert await house.client.available('A" or sku = "B', None, subject="o-1") is None
    assert query_of(house.api_requests[0])["where"] == ["sku = :sku"]
    assert query_of(house.api_requests[0])["var.sku"] == ['A" or sku = "B']


async def test_project_and_channel() -> None:
    project = {"key": "acme", "version": 2, "name": "Acme", "countries": ["DE"], "currencies": ["EUR"]}
    channel = {"id": "c-9", "key": "cin7-core", "roles": ["OrderExport"], "version": 1}
    house = House(answer(200, project), answer(200, channel), error(404, "ResourceNotFound"))
    assert (await house.client.settings()).currencies == ["EUR"]
    found = await house.client.export_channel("cin7-core")
    assert found is not None
    assert (found.id, found.roles) == ("c-9", ["OrderExport"])
    assert await house.client.export_channel("other one") is None
    assert [one.url for one in house.api_requests] == [
        "https://api.example/acme",
        "https://api.example/acme/channels/key=cin7-core",
        "https://api.example/acme/channels/key=other%20one",
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        error(500, "General"),
        error(503, "OverCapacity"),
        error(400, "QueryTimedOut"),
        text_answer(502, "<html>", "text/html"),
        text_answer(200, "<html>", "text/html"),
        text_answer(404, "<html>", "text/html"),
        text_answer(302, "", "text/html", location="/login"),
        NotSentError("x"),
        AnswerLostError("x"),
    ],
    ids=["500", "503", "code-first", "502-html", "200-html", "404-html", "302", "not-sent", "lost"],
)
async def test_a_read_is_asked_three_times_with_growing_pauses(trouble: Any) -> None:
    house = House(trouble, trouble, answer(200, order_document()))
    assert (await house.client.read_order(ORDER.id)).order == ORDER
    first, second = house.clock.slept
    assert 0.2 <= first <= 0.4
    assert 0.4 <= second <= 0.8
    house = House(trouble, trouble, trouble)
    with pytest.raises(Transient):
        await house.client.read_order(ORDER.id)
    assert len(house.api_requests) == 3


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error(404, "ResourceNotFound"), Missing),
        (error(400, "ResourceNotFound"), Missing),
        (error(400, "InvalidInput"), Rejected),
        (error(500, "InvalidOperation"), Rejected),
        (error(418, "SomethingNew"), Rejected),
        (error(403, "insufficient_scope"), Unauthorised),
        (error(409, "ConcurrentModification"), Conflict),
        (error(409, "SomethingNew"), Conflict),
        (answer(429, {}), Limited),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value.status,
)
async def test_a_clear_answer_is_not_asked_again(given: Response, kind: type[WireError]) -> None:
    house = House(given)
    with pytest.raises(WireError) as seen:
        await house.client.read_order(ORDER.id)
    assert type(seen.value) is kind
    assert seen.value.operation == "read_order"
    assert (len(house.api_requests), house.clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("7 seconds", 7), ("9999", 120), ("", 5), ("soon", 5), ("Fri, 15 Jan 2027 08:00:30 GMT", 30)],
)
async def test_retry_after(text: str, seconds: float) -> None:
    house = House(text_answer(429, "slow down", retry_after=text))
    with pytest.raises(Limited) as seen:
        await house.client.read_order(ORDER.id)
    assert seen.value.retry_after_seconds == seconds


# -- token ----------------------------------------------------------------------------------------------------------


async def test_twenty_callers_ask_for_one_token() -> None:
    async def slow_token(request: Request) -> Response:
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        return TOKEN

    house = House(slow_token, *[answer(200, order_document())] * 20, token=None)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(house.client.read_order, ORDER.id)
    assert len(house.wire.requests) == 21
    assert len(house.api_requests) == 20


async def test_twenty_callers_share_one_refusal() -> None:
    async def refused(request: Request) -> Response:
        await anyio.lowlevel.checkpoint()
        return answer(401, {"error": "invalid_client", "error_description": "wrong"})

    house = House(refused, token=None)
    seen: list[WireError] = []

    async def read() -> None:
        with pytest.raises(Unauthorised) as refusal:
            await house.client.read_order(ORDER.id)
        seen.append(refusal.value)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(read)
    assert (len(seen), len(house.wire.requests)) == (20, 1)
    assert len({id(one) for one in seen}) == 20
    assert {(one.reason, one.status, str(one)) for one in seen} == {
        ("credentials", 401, "commercetools token: credentials")
    }
    # A later caller asks anew.
    house.wire.answers += [TOKEN, answer(200, order_document())]
    await house.client.read_order(ORDER.id)


async def test_a_token_is_renewed_five_minutes_early() -> None:
    house = House(answer(200, order_document()), answer(200, order_document()), TOKEN, answer(200, order_document()))
    await house.client.read_order(ORDER.id)
    house.clock.pass_time(172_800 - 301)
    await house.client.read_order(ORDER.id)
    house.clock.pass_time(2)
    await house.client.read_order(ORDER.id)
    assert [one.url.split("/")[2] for one in house.wire.requests].count("auth.example") == 2


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(400, {"error": "invalid_client"}), Unauthorised),
        (answer(429, {}), Limited),
    ],
    ids=["400", "429"],
)
async def test_a_refused_token(given: Any, kind: type[WireError]) -> None:
    house = House(given, token=None)
    with pytest.raises(WireError) as seen:
        await house.client.read_order(ORDER.id)
    assert type(seen.value) is kind
    assert "s/1" not in str(seen.value)


@pytest.mark.parametrize(
    "given",
    [answer(503, {}), text_answer(200, "<html>", "text/html"), answer(200, {"expires_in": 1}), AnswerLostError("x")],
    ids=["503", "html", "no-token", "lost"],
)
async def test_a_token_without_a_clear_answer_leaves_a_write_undone(given: Any) -> None:
    house = House(given, token=None)
    with pytest.raises(Transient):
        await mark(house)
    assert (house.journal.intents, house.diary, house.api_requests) == ([], [], [])


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_a_refused_token_is_renewed_once(write: bool) -> None:
    refused = error(401, "invalid_token")
    fresh = answer(200, {"access_token": "tok-2", "expires_in": 172_800})
    house = House(refused, fresh, answer(200, order_document(version=8)))
    if write:
        assert await mark(house) == 8
    else:
        await house.client.read_order(ORDER.id)
    assert [header(one, "authorization") for one in house.api_requests] == ["Bearer tok-1", "Bearer tok-2"]
    house = House(refused, fresh, refused)
    with pytest.raises(Unauthorised):
        await (mark(house) if write else house.client.read_order(ORDER.id))
    assert len(house.api_requests) == 2


# -- writes ---------------------------------------------------------------------------------------------------------


async def test_sync_info_is_written_under_the_version() -> None:
    house = House(answer(200, order_document(version=9)))
    assert await mark(house) == 9
    [request] = house.api_requests
    assert (request.method, path_of(request)) == ("POST", f"/acme/orders/{ORDER.id}")
    assert header(request, "content-type") == "application/json"
    assert sent_json(request) == {
        "version": 7,
        "actions": [
            {
                "action": "updateSyncInfo",
                "channel": {"typeId": "channel", "key": "cin7-core"},
                "externalId": "SO-9",
                "syncedAt": "2027-01-15T08:00:00.000Z",
            }
        ],
    }
    assert house.journal.intents[0].call_id == 41


def phases(purpose: Purpose) -> list[str]:
    decided, intended, answered = (
        write_point(purpose, phase) for phase in (WritePhase.DECIDED, WritePhase.INTENDED, WritePhase.ANSWERED)
    )
    return [decided, "on disk", intended, "sent", answered]


@pytest.mark.parametrize("purpose", WRITES)
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(200, order_document()), None),
        (error(409, "ConcurrentModification"), Conflict),
        (error(404, "ResourceNotFound"), Missing),
        (error(400, "InvalidOperation"), Rejected),
        (error(400, "DuplicateField"), Rejected),
        (error(403, "insufficient_scope"), Unauthorised),
        (answer(429, {}), Limited),
        (NotSentError("x"), Transient),
        (AnswerLostError("x"), InDoubt),
        (error(500, "General"), InDoubt),
        (error(400, "ExtensionNoResponse"), InDoubt),
        (text_answer(503, "busy"), InDoubt),
        (text_answer(200, "<html>", "text/html"), InDoubt),
        (text_answer(404, "<html>", "text/html"), InDoubt),
        (text_answer(200, "{", "application/json"), InDoubt),
        (answer(200, {"id": "x"}), InDoubt),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(getattr(value, "status", value)),
)
async def test_every_end_of_a_write(given: Any, kind: type[WireError] | None, purpose: Purpose) -> None:
    house = House()

    def told(request: Request) -> Any:
        house.diary.append("sent")
        house.clock.pass_time(2)
        return given

    house.wire.answers.append(told)
    sent_at = house.clock.now()
    if kind is None:
        assert await WRITES[purpose](house) == 7
    else:
        with pytest.raises(WireError) as seen:
            await WRITES[purpose](house)
        assert type(seen.value) is kind
        if isinstance(seen.value, InDoubt):
            assert seen.value.until == sent_at + 30_000
    assert house.diary == phases(purpose)
    assert (len(house.api_requests), house.clock.slept) == (1, [])


async def test_an_answer_later_than_the_timeout_moves_the_doubt() -> None:
    house = House()

    def late(request: Request) -> Any:
        house.clock.pass_time(31)
        return AnswerLostError("x")

    house.wire.answers.append(late)
    with pytest.raises(InDoubt) as seen:
        await mark(house)
    assert seen.value.until == house.clock.now()


async def test_the_other_sides_words_are_kept_without_addresses() -> None:
    house = House(error(400, "InvalidField", "value 'ann@example.com' is\n not allowed"))
    with pytest.raises(Rejected) as seen:
        await mark(house)
    assert seen.value.detail == "InvalidField: value '<e-mail>' is not allowed"


async def test_the_lease_is_read_and_written_by_compare_and_set() -> None:
    stored = {"id": "x", "version": 4, "container": "tallyd", "key": "acme-uk", "value": {"holder": "a", "until": 5}}
    house = House(
        error(404, "ResourceNotFound"), answer(200, stored), answer(200, stored), error(409, "ConcurrentModification")
    )
    assert await house.client.read_lease("tallyd", "acme-uk") is None
    lease = await house.client.read_lease("tallyd", "acme-uk")
    assert lease is not None
    assert (lease.value, lease.version) == ({"holder": "a", "until": 5}, 4)
    intent = Intent(Purpose.CT_WRITE_LEASE, subject="acme-uk")
    written = await house.client.write_lease("tallyd", "acme-uk", {"holder": "b"}, None, intent)
    assert written.version == 4
    with pytest.raises(Conflict):
        await house.client.write_lease("tallyd", "acme-uk", {"holder": "b"}, 4, intent)
    assert [(one.method, path_of(one)) for one in house.api_requests] == [
        ("GET", "/acme/custom-objects/tallyd/acme-uk"),
        ("GET", "/acme/custom-objects/tallyd/acme-uk"),
        ("POST", "/acme/custom-objects"),
        ("POST", "/acme/custom-objects"),
    ]
    bodies = [sent_json(one) for one in house.api_requests[2:]]
    assert bodies == [
        {"container": "tallyd", "key": "acme-uk", "value": {"holder": "b"}},
        {"container": "tallyd", "key": "acme-uk", "value": {"holder": "b"}, "version": 4},
    ]


async def test_no_more_in_flight_than_allowed() -> None:
    flying = 0
    most = 0

    async def slow(request: Request) -> Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        flying -= 1
        return answer(200, order_document())

    house = House(*[slow] * 12, seats=3)
    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(house.client.read_order, ORDER.id)
    assert most == 3


async def test_what_is_written_down_as_about_to_be_sent_leaves_at_once() -> None:
    """A write waits for its seat before its intent: what is decided in that commit is not overtaken in a queue."""
    left: list[list[str]] = []

    async def slow(request: Request) -> Response:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        left.append(list(house.diary))
        return answer(200, order_document())

    house = House(slow, answer(200, order_document()), seats=1)
    async with anyio.create_task_group() as group:
        group.start_soon(house.client.read_order, ORDER.id)
        await anyio.lowlevel.checkpoint()
        group.start_soon(mark, house)
    assert left == [[]]
    assert "on disk" in house.diary
