"""The commercetools client on inventory entries: against a scripted wire, and against the double."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Limited, Missing, Rejected, Transient, WireError
from actors.domain.feed import FeedCursor
from actors.domain.inventory import DateChange, Entry, entry_key
from actors.governor.journal import Intent
from actors.stock.ports import Shelves
from adapters.commercetools.client import CommercetoolsClient
from adapters.sandbox.carts import LineDraft, OrderDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.wire_doubles import ListJournal, ScriptedWire, StillClock, answer, path_of, query_of, sent_json, text_answer

TOKEN = answer(200, {"access_token": "tok-1", "expires_in": 172_800, "scope": "x", "token_type": "Bearer"})
NOW = 1_800_000_000_000
CHANNEL = {"typeId": "channel", "id": "c-1", "obj": {"id": "c-1", "key": "paris"}}
FOUND: dict[str, Any] = {
    "id": "e-1",
    "version": 7,
    "createdAt": "2026-11-01T00:00:00.000Z",
    "lastModifiedAt": "2026-11-23T10:15:30.123Z",
    "lastModifiedBy": {"isPlatformClient": False, "clientId": "abc"},
    "key": "A-1--paris",
    "sku": "A-1",
    "supplyChannel": CHANNEL,
    "quantityOnStock": -4,
    "availableQuantity": -7,
    "expectedDelivery": "2026-12-24T09:30:00.000Z",
}
ENTRY = Entry(
    id="e-1",
    sku="A-1",
    channel="paris",
    version=7,
    quantity=-4,
    modified_at=1_795_428_930_123,
    read_from=NOW,
    read_at=NOW,
    key="A-1--paris",
    expected_delivery=date(2026, 12, 24),
    modified_by="abc",
)
XMAS = DateChange(date(2026, 12, 24))


def error(status: int, code: str) -> Response:
    return answer(status, {"statusCode": status, "message": "no", "errors": [{"code": code, "message": "no"}]})


def made_client(wire: Any, clock: Any, diary: list[str], secret: str = "s") -> CommercetoolsClient:  # noqa: S107
    return CommercetoolsClient(
        transport=wire,
        clock=clock,
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


class House:
    """A client on a scripted wire; answers after the token's."""

    def __init__(self, *answers: Any) -> None:
        self.clock = StillClock(NOW)
        self.wire = ScriptedWire(TOKEN, *answers)
        self.diary: list[str] = []
        self.client = made_client(self.wire, self.clock, self.diary)

    @property
    def requests(self) -> list[Request]:
        return [one for one in self.wire.requests if "/acme/" in one.url]


def after(clock: StillClock, seconds: float, then: Response | Exception) -> Any:
    def step(request: Request) -> Response | Exception:
        clock.pass_time(seconds)
        return then

    return step


async def write(client: CommercetoolsClient, quantity: int | None = 3, delivery: DateChange | None = None) -> Entry:
    return await client.write_entry(ENTRY, quantity=quantity, delivery=delivery, intent=Intent(Purpose.CT_WRITE_ENTRY))


async def create(client: CommercetoolsClient, channel: str = "paris", delivery: DateChange | None = None) -> Entry:
    intent = Intent(Purpose.CT_CREATE_ENTRY)
    return await client.create_entry("A-1", channel, quantity=3, delivery=delivery, intent=intent)


# Reading.


async def test_an_entry_is_read_whole() -> None:
    house = House(answer(200, FOUND))
    shelves: Shelves = house.client
    assert await shelves.read_entry("e/1") == ENTRY
    [request] = house.requests
    assert path_of(request) == "/acme/inventory/e%2F1"
    assert query_of(request) == {"expand": ["supplyChannel"]}


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"supplyChannel": None}, "channel", ""),
        ({"supplyChannel": {"typeId": "channel", "id": "c-2"}}, "channel", "c-2"),
        ({"key": None}, "key", ""),
        ({"expectedDelivery": None}, "expected_delivery", None),
        ({"lastModifiedBy": None}, "modified_by", ""),
        ({"lastModifiedBy": {}}, "modified_by", ""),
        ({"lastModifiedBy": {"user": {"typeId": "user", "id": "u-1"}}}, "modified_by", "u-1"),
        ({"lastModifiedBy": {"customer": {"typeId": "customer", "id": "k-1"}}}, "modified_by", "k-1"),
        ({"lastModifiedBy": {"externalUserId": "x-1"}}, "modified_by", "x-1"),
        ({"lastModifiedBy": {"anonymousId": "n-1"}}, "modified_by", "n-1"),
        ({"lastModifiedBy": {"clientId": "abc", "externalUserId": "x-1"}}, "modified_by", "abc"),
    ],
)
async def test_what_an_entry_may_leave_out(changed: dict[str, Any], field: str, value: object) -> None:
    found = {name: part for name, part in {**FOUND, **changed}.items() if part is not None}
    entry = await House(answer(200, found)).client.read_entry("e-1")
    assert getattr(entry, field) == value


@pytest.mark.parametrize(
    "changed",
    [
        {"quantityOnStock": None},
        {"quantityOnStock": 1.5},
        {"sku": None},
        {"version": "7"},
        {"lastModifiedAt": "soon"},
        {"expectedDelivery": "soon"},
    ],
)
async def test_an_entry_that_cannot_be_read_is_asked_for_again(changed: dict[str, Any]) -> None:
    house = House(answer(200, {**FOUND, **changed}))
    house.wire.answers.extend([answer(200, {**FOUND, **changed})] * 2)
    with pytest.raises(Transient) as seen:
        await house.client.read_entry("e-1")
    assert seen.value.reason == "malformed"
    with pytest.raises(InDoubt):
        await write(House(answer(200, {**FOUND, **changed})).client)


async def test_an_entry_that_is_gone() -> None:
    with pytest.raises(Missing):
        await House(error(404, "ResourceNotFound")).client.read_entry("e-1")


async def test_a_reading_has_the_span_of_the_very_exchange_that_showed_it() -> None:
    """Not of the pauses and the lost answers before it."""
    house = House()
    house.wire.answers += [
        after(house.clock, 30, AnswerLostError("cut")),
        after(house.clock, 2, answer(200, FOUND)),
    ]
    entry = await house.client.read_entry("e-1")
    assert entry.read_at - entry.read_from == 2_000
    assert entry.read_from >= NOW + 30_000
    assert entry.read_at == house.clock.now()


async def test_every_entry_of_a_sku_is_read_and_no_other() -> None:
    house = House(answer(200, {"results": [FOUND, {**FOUND, "id": "e-2", "sku": "A-10"}]}))
    assert await house.client.entries_of("A-1") == [ENTRY]
    assert query_of(house.requests[0]) == {
        "where": ["sku = :sku"],
        "var.sku": ["A-1"],
        "sort": ["id asc"],
        "limit": ["500"],
        "withTotal": ["false"],
        "expand": ["supplyChannel"],
    }


async def test_all_entries_and_changed_ones_are_read_by_keyset() -> None:
    house = House(*[answer(200, {"results": [FOUND]})] * 3)
    assert await house.client.entries_by_id(after_id="", limit=9_999) == [ENTRY]
    assert await house.client.entries_by_id(after_id="e-0", limit=2) == [ENTRY]
    assert await house.client.changed_entries(FeedCursor(at=5, id="e-0"), until=9_000, limit=2) == [ENTRY]
    first, second, third = (query_of(request) for request in house.requests)
    assert "where" not in first and first["limit"] == ["500"]
    assert (second["where"], second["var.id"], second["sort"]) == (["id > :id"], ["e-0"], ["id asc"])
    assert third["where"] == [
        "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)) and lastModifiedAt <= :until"
    ]
    assert third["sort"] == ["lastModifiedAt asc", "id asc"]
    assert all(query["expand"] == ["supplyChannel"] for query in (first, second, third))


async def test_a_page_without_its_entries_is_no_page() -> None:
    house = House(*[answer(200, {"count": 0})] * 3)
    with pytest.raises(Transient):
        await house.client.entries_by_id(after_id="", limit=500)


# Writing.


@pytest.mark.parametrize(
    ("quantity", "delivery", "actions"),
    [
        (-3, None, [{"action": "changeQuantity", "quantity": -3}]),
        (None, XMAS, [{"action": "setExpectedDelivery", "expectedDelivery": "2026-12-24T00:00:00.000Z"}]),
        (0, DateChange(None), [{"action": "changeQuantity", "quantity": 0}, {"action": "setExpectedDelivery"}]),
    ],
)
async def test_what_is_written(quantity: int | None, delivery: DateChange | None, actions: list[Any]) -> None:
    house = House()
    house.wire.answers.append(after(house.clock, 3, answer(200, {**FOUND, "version": 9, "quantityOnStock": 1})))
    written = await write(house.client, quantity, delivery)
    assert (written.version, written.quantity, written.channel) == (9, 1, "paris")
    assert (written.read_from, written.read_at) == (NOW, NOW + 3_000)
    [request] = house.requests
    assert (request.method, path_of(request)) == ("POST", "/acme/inventory/e-1")
    assert query_of(request) == {"expand": ["supplyChannel"]}
    assert sent_json(request) == {"version": 7, "actions": actions}


async def test_an_intent_is_on_disk_before_an_entry_is_written() -> None:
    for purpose, call in ((Purpose.CT_WRITE_ENTRY, write), (Purpose.CT_CREATE_ENTRY, create)):
        house = House(answer(200, FOUND))
        await call(house.client)
        phases = (WritePhase.DECIDED, WritePhase.INTENDED, WritePhase.ANSWERED)
        decided, intended, answered = (write_point(purpose, phase) for phase in phases)
        assert house.diary == [decided, "on disk", intended, answered]


async def test_nothing_to_change_is_not_sent() -> None:
    house = House()
    with pytest.raises(ValueError):
        await write(house.client, None, None)
    assert not house.wire.requests and not house.diary


@pytest.mark.parametrize(
    ("channel", "delivery", "draft"),
    [
        ("", None, {"sku": "A-1", "key": "A-1", "quantityOnStock": 3}),
        (
            "paris",
            XMAS,
            {"sku": "A-1", "key": "A-1--paris", "quantityOnStock": 3, "expectedDelivery": "2026-12-24T00:00:00.000Z"}
            | {"supplyChannel": {"typeId": "channel", "key": "paris"}},
        ),
        ("", DateChange(None), {"sku": "A-1", "key": "A-1", "quantityOnStock": 3}),
    ],
)
async def test_what_is_made(channel: str, delivery: DateChange | None, draft: dict[str, Any]) -> None:
    house = House(answer(201, FOUND))
    assert await create(house.client, channel, delivery) == ENTRY
    [request] = house.requests
    assert (request.method, path_of(request)) == ("POST", "/acme/inventory")
    assert sent_json(request) == draft


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (error(409, "ConcurrentModification"), Conflict, "conflict"),
        (error(404, "ResourceNotFound"), Missing, "missing"),
        (error(400, "DuplicateField"), Rejected, "duplicate"),
        (error(400, "InvalidField"), Rejected, "rejected"),
        (error(400, "MissingRoleOnChannel"), Rejected, "rejected"),
        (answer(429, {}), Limited, "limited"),
        (error(503, "OverCapacity"), InDoubt, "unavailable"),
        (text_answer(200, "<html>", "text/html"), InDoubt, "malformed"),
        (answer(200, {**FOUND, "sku": "B"}), InDoubt, "malformed"),
        (AnswerLostError("cut"), InDoubt, "no_answer"),
        (NotSentError("refused"), Transient, "not_sent"),
    ],
)
async def test_what_an_answer_to_a_write_means(reply: Any, kind: type[WireError], reason: str) -> None:
    for call in (write, create):
        house = House(reply)
        with pytest.raises(kind) as seen:
            await call(house.client)
        assert (type(seen.value), seen.value.reason) == (kind, reason)
        assert len(house.requests) == 1  # never sent again by itself


async def test_another_entrys_answer_leaves_a_write_in_doubt() -> None:
    with pytest.raises(InDoubt):
        await write(House(answer(200, {**FOUND, "id": "e-2"})).client)


async def test_a_lost_answer_says_until_when_it_may_land() -> None:
    house = House(AnswerLostError("cut"))
    with pytest.raises(InDoubt) as seen:
        await write(house.client)
    assert seen.value.until == NOW + 30_000


# Against the double.


class Memory:
    """The double as a transport."""

    def __init__(self, double: CommercetoolsDouble) -> None:
        self.send = double.handle


async def test_the_double_and_the_client_understand_each_other() -> None:
    clock = StillClock(NOW)
    double = CommercetoolsDouble(clock=clock, items=(), decrement_lag_seconds=0.0)
    client = made_client(Memory(double), clock, [], secret="sandbox-secret")
    made = await create(client, "paris", XMAS)
    assert (made.key, made.channel, made.expected_delivery) == (entry_key("A-1", "paris"), "paris", date(2026, 12, 24))
    assert (made.modified_by, made.modified_at) == ("sandbox-client", clock.now())
    with pytest.raises(Rejected) as seen:
        await create(client, "paris")
    assert seen.value.reason == "duplicate"
    assert await client.entries_of("A-1") == await client.entries_by_id(after_id="", limit=500) == [made]
    clock.pass_time(1)
    cleared = await client.write_entry(
        made, quantity=-2, delivery=DateChange(None), intent=Intent(Purpose.CT_WRITE_ENTRY)
    )
    assert (cleared.quantity, cleared.expected_delivery, cleared.version > made.version) == (-2, None, True)
    with pytest.raises(Conflict):
        await client.write_entry(made, quantity=1, delivery=None, intent=Intent(Purpose.CT_WRITE_ENTRY))
    clock.pass_time(1)
    double.set_stock("A-1", 9, "paris")
    [changed] = await client.changed_entries(FeedCursor(at=cleared.modified_at, id=cleared.id), until=None, limit=500)
    assert (changed.quantity, changed.modified_by) == (9, "shop-staff")
    assert await client.read_entry(made.id) == changed
    double.remove_inventory("A-1", "paris")
    with pytest.raises(Missing):
        await client.read_entry(made.id)


async def test_a_sweep_meets_every_entry_that_changed() -> None:
    clock = StillClock(NOW)
    double = CommercetoolsDouble(clock=clock, decrement_lag_seconds=0.0)
    client = made_client(Memory(double), clock, [], secret="sandbox-secret")
    everything = [entry.id for entry in await client.entries_by_id(after_id="", limit=500)]
    assert everything == sorted(double.inventory) and len(everything) == len(double.items)
    clock.pass_time(1)
    sold = sorted(double.items)[:7]
    for sku in sold:
        double.place_order(OrderDraft(lines=(LineDraft(sku=sku),)))
    cursor, met = FeedCursor(at=clock.now()), []
    while page := await client.changed_entries(cursor, until=None, limit=3):
        met += [entry.sku for entry in page]
        cursor = FeedCursor(at=page[-1].modified_at, id=page[-1].id)
    assert sorted(met) == sold
