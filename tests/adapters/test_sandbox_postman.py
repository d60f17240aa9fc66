"""Between a subscription and a door: late, twice, shuffled, garbled, cut off; in the end every event, once or more."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from adapters.sandbox import postman
from adapters.sandbox.announcements import cloud_event
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.event_grid import EventGrid, event_request, handshake_request
from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.postman import Postman, identity
from adapters.sandbox.timetable import Timetable
from adapters.sandbox.virtual_time import DEFAULT_START, VirtualClock
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.adapters.test_sandbox_webhooks import virtual
from tests.commercetools_spec import SPEC_IS_THERE, check_notification

URL = "https://tallyd.example.com/intake/commercetools/eventgrid"
KEY = "k&y="


class Door:
    """Whoever is told, on virtual time: everything that was brought, and what it says to it."""

    def __init__(self, **knobs: Any) -> None:
        self.clock = VirtualClock()
        self.came: list[tuple[float, dict[str, Any]]] = []
        self.says: Callable[[dict[str, Any]], bool | Exception] = lambda payload: True
        self.postman = Postman(self.send, clock=self.clock, **knobs)

    async def send(self, payload: dict[str, Any]) -> bool:
        self.came.append((self.clock.monotonic(), payload))
        answer = self.says(payload)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def after(self, seconds: float, act: Callable[[], object] = lambda: None) -> None:
        """Do something, and let so much time pass, with the postman at work."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.postman.run)
            await anyio.lowlevel.checkpoint()
            act()
            await self.clock.sleep(seconds)
            tasks.cancel_scope.cancel()

    def take(self, *numbers: int) -> None:
        for number in numbers:
            self.postman.take(message(number))

    def numbers(self) -> list[int]:
        return [payload["sequenceNumber"] for _, payload in self.came]


def message(number: int) -> dict[str, Any]:
    return {
        "notificationType": "Message",
        "projectKey": "acme",
        "id": f"m-{number}",
        "version": 1,
        "sequenceNumber": number,
        "resource": {"typeId": "order", "id": "o-1"},
        "resourceVersion": number,
        "type": "OrderStateChanged",
        "orderState": "Open",
        "createdAt": "2026-12-01T00:00:00.000Z",
        "lastModifiedAt": "2026-12-01T00:00:00.000Z",
    }


def change(version: int) -> dict[str, Any]:
    return {
        "notificationType": "ResourceUpdated",
        "projectKey": "acme",
        "resource": {"typeId": "payment", "id": "p-1"},
        "version": version,
        "oldVersion": version - 1,
        "modifiedAt": "2026-12-01T00:00:00.000Z",
    }


# --- the postman


@virtual
async def test_letters_are_late_and_overtake_each_other() -> None:
    door = Door(delay_seconds=(1.0, 5.0), seed=3)
    await door.after(5.1, lambda: door.take(*range(20)))
    assert sorted(door.numbers()) == list(range(20))
    assert door.numbers() != list(range(20))
    assert all(1.0 <= at <= 5.0 for at, _ in door.came)
    assert door.postman.waiting == 0


@virtual
async def test_unless_they_may_not() -> None:
    door = Door(delay_seconds=(1.0, 5.0), seed=3, shuffle=False)
    await door.after(5.1, lambda: door.take(*range(20)))
    assert door.numbers() == list(range(20))


@virtual
async def test_a_letter_is_brought_until_it_is_acknowledged() -> None:
    door = Door(delay_seconds=(0.0, 0.0), backoff_seconds=(1.0, 4.0))
    answers: list[bool | Exception] = [False, NotSentError("x"), AnswerLostError("x"), DropConnectionError(), True]
    door.says = lambda payload: answers.pop(0)
    await door.after(60, lambda: door.take(1))
    gaps = [round(later - earlier) for (earlier, _), (later, _) in zip(door.came, door.came[1:], strict=False)]
    assert gaps == [1, 2, 4, 4]
    [letter] = door.postman.letters
    assert (letter.tries, letter.acknowledged, door.postman.brought) == (5, True, {"m:o-1:1"})
    await door.after(600)
    assert len(door.came) == 5


@virtual
async def test_one_that_is_refused_delays_no_other() -> None:
    door = Door(at_once=2)
    door.says = lambda payload: payload["sequenceNumber"] != 0
    await door.after(30, lambda: door.take(*range(10)))
    assert set(door.numbers()) == set(range(10))
    assert door.postman.waiting == 1
    assert door.postman.taken - door.postman.brought == {"m:o-1:0"}


@virtual
async def test_duplicates_and_malformed_ones_come_beside_the_right_ones() -> None:
    door = Door(duplicate_share=0.2, malformed_share=0.1, seed=5)
    payloads = [message(number) for number in range(300)] + [change(number) for number in range(300)]

    def take() -> None:
        for payload in payloads:
            door.postman.take(payload)

    await door.after(10, take)
    kinds = Counter(letter.kind for letter in door.postman.letters)
    assert kinds["right"] == 600
    assert 90 <= kinds["duplicate"] <= 150
    assert 40 <= kinds["malformed"] <= 80
    assert door.postman.taken == door.postman.brought == {identity(payload) for payload in payloads}
    assert len(door.postman.taken) == 600
    assert door.postman.lost == set()
    assert len(door.came) == len(door.postman.letters)


@virtual
async def test_switched_off_it_keeps_what_it_has() -> None:
    door = Door()
    await door.after(10, lambda: door.take(1))
    door.postman.switch_off()
    await door.after(3600, lambda: door.take(2, 3))
    assert door.numbers() == [1]
    assert door.postman.waiting == 2
    await door.after(10, door.postman.switch_on)
    assert sorted(door.numbers()) == [1, 2, 3]
    assert door.postman.lost == set()


@virtual
async def test_or_loses_what_comes_meanwhile_and_what_was_on_its_way() -> None:
    door = Door(delay_seconds=(5.0, 5.0), loses_when_off=True, duplicate_share=1.0)

    def cut() -> None:
        door.take(1)  # due while it is off
        door.postman.switch_off()
        door.take(2)

    await door.after(10, cut)
    door.postman.switch_on()
    await door.after(10, lambda: door.take(3))
    assert door.numbers() == [3, 3]
    assert door.postman.lost == {"m:o-1:1", "m:o-1:2"}
    assert door.postman.taken - door.postman.lost == door.postman.brought == {"m:o-1:3"}
    assert door.postman.waiting == 0


@virtual
async def test_it_fits_a_subscription() -> None:
    door = Door(duplicate_share=0.5)
    double = CommercetoolsDouble(clock=door.clock)

    def shop() -> None:
        double.subscribe(door.postman.take, "CloudEvents", changes=True)
        order_id = double.place_order(
            OrderDraft(lines=(LineDraft(sku="HW-CAF-8C"),), payment=PaymentDraft(status="absent"))
        )
        double.cancel(order_id)

    await door.after(10, shop)
    assert len(door.postman.taken) == 5  # the test notification, two Messages, two Changes
    assert door.postman.brought == door.postman.taken
    if SPEC_IS_THERE:
        assert [check_notification(payload) for _, payload in door.came] == [[]] * len(door.came)


def test_identities_are_the_platforms_own_and_a_garbled_letter_names_no_event() -> None:
    platform = pytest.importorskip("adapters.intake.platform")
    told = [message(7), cloud_event(message(7)), change(3), cloud_event(change(3))]
    for payload in told:
        assert platform.read_notifications(json.dumps(payload).encode()).identity == identity(payload)
    assert [identity(payload) for payload in told] == ["m:o-1:7"] * 2 + ["c:p-1:3:ResourceUpdated"] * 2
    dice = random.Random(1)
    for payload in told * 25:
        garbled = json.dumps(postman._garbled(payload, dice)).encode()
        assert not hasattr(platform.read_notifications(garbled), "identity"), garbled


# --- Event Grid


class Subscriber:
    """The other end of the wire."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0)


def test_a_notification_goes_as_a_cloud_event_whatever_its_format() -> None:
    for payload in (message(7), change(3)):
        request = event_request(payload, URL, KEY)
        assert (request.method, request.url) == ("POST", f"{URL}?key=k%26y%3D")
        assert request.headers["Content-Type"].startswith("application/cloudevents+json")
        assert request.headers["aeg-event-type"] == "Notification"
        assert request.body is not None
        event = json.loads(request.body)
        assert event == cloud_event(payload)
        assert event_request(event, URL, KEY) == request
        if SPEC_IS_THERE:
            assert check_notification(event) == []
    assert event_request(message(1), URL + "?a=b", "k").url == f"{URL}?a=b&key=k"


async def test_it_sends_only_where_it_is_wanted_and_counts_a_2xx_as_heard() -> None:
    allowed = {"webhook-allowed-origin": "eventgrid.azure.net"}
    wire = Subscriber(
        Response(status=200, headers=allowed),
        Response(status=200, headers={"webhook-allowed-origin": "*"}),
        Response(status=200, headers={"webhook-allowed-origin": "elsewhere.example"}),
        Response(status=404, headers=allowed),
        Response(status=202),
        Response(status=429),
    )
    grid = EventGrid(wire, URL, KEY)
    assert [await grid.shake_hands() for _ in range(4)] == [True, True, False, False]
    assert wire.requests[0] == handshake_request(URL, KEY)
    assert (wire.requests[0].method, wire.requests[0].headers["WebHook-Request-Origin"]) == (
        "OPTIONS",
        "eventgrid.azure.net",
    )
    assert [await grid.send(message(1)) for _ in range(2)] == [True, False]


# --- the timetable


@virtual
async def test_errands_run_by_time_and_of_one_instant_in_the_order_they_were_entered() -> None:
    clock = VirtualClock()
    timetable = Timetable(clock)
    ran: list[tuple[str, float]] = []

    def enter(name: str, seconds: float) -> None:
        async def errand() -> None:
            ran.append((name, clock.monotonic()))
            if name == "a":
                enter("late", 1.0)  # earlier than what it waits for

        timetable.add(DEFAULT_START + round(seconds * 1000), errand)

    for name, seconds in (("c", 9.0), ("a", 0.5), ("b", 0.5), ("past", -3.0)):
        enter(name, seconds)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timetable.run)
        await clock.sleep(20)
        tasks.cancel_scope.cancel()
    assert ran == [("past", 0.0), ("a", 0.5), ("b", 0.5), ("late", 1.0), ("c", 9.0)]


@virtual
async def test_no_more_errands_are_under_way_than_allowed() -> None:
    clock = VirtualClock()
    timetable = Timetable(clock, at_once=3)
    running: list[int] = [0]
    most: list[int] = [0]

    async def errand() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await clock.sleep(1)
        running[0] -= 1

    for _ in range(10):
        timetable.add(DEFAULT_START, errand)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timetable.run)
        await clock.sleep(4.5)
        tasks.cancel_scope.cancel()
    assert (most[0], running[0]) == (3, 0)
