"""The queue door against a real double of AWS: nothing is deleted before it is accepted, and nothing stops it."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from actors.core.clock import SystemClock
from actors.domain.notification import Delivery, IntakeClosedError, Notification, Unreadable
from actors.domain.time import Clock, Instant
from adapters.intake.sqs import Connect, SqsDoor
from adapters.intake.sqs_queue import Address, Client, Message, Queue, QueueError, opened
from tests.aws import KEYS, REGION, Aws, running_aws

SOON = 10.0


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with running_aws() as running:
        yield running


@pytest.fixture
def queue_url(aws: Aws, request: pytest.FixtureRequest) -> str:
    return aws.create_queue(request.node.name.replace("[", "-").replace("]", ""))


class HandClock:
    """Time passes when the test says so; `asleep` lists for how long each sleeper asked."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.asleep: list[float] = []
        self._changed = anyio.Event()

    def now(self) -> Instant:
        return round(self.passed * 1000)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        until = self.passed + seconds
        self.asleep.append(seconds)
        self._change()
        try:
            while self.passed < until:
                await self._changed.wait()
        finally:
            self.asleep.remove(seconds)

    def pass_time(self, seconds: float) -> None:
        self.passed += seconds
        self._change()

    async def slept_on(self, seconds: float) -> None:
        """Return once somebody sleeps for that long or longer."""
        with anyio.fail_after(SOON):
            while max(self.asleep, default=0) < seconds:
                await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class HastyClock(HandClock):
    """A hundred seconds take one."""

    async def sleep(self, seconds: float) -> None:
        self.asleep.append(seconds)
        self._change()
        await anyio.sleep(seconds / 100)


class Intake:
    """Accepts as the test says: `answers` are raised in order, then `hook` is awaited, then it is accepted."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.asked: list[list[Delivery]] = []
        self.accepted: list[Delivery] = []
        self.troubles: list[str | None] = []
        self.hook: Callable[[Sequence[Delivery]], Awaitable[None]] | None = None
        self._changed = anyio.Event()

    async def accept(self, door: str, deliveries: Sequence[Delivery]) -> None:
        assert door == "sqs"
        self.asked.append(list(deliveries))
        self._change()
        if self.answers:
            raise self.answers.pop(0)
        if self.hook is not None:
            await self.hook(deliveries)
        self.accepted += deliveries
        self._change()

    async def on_trouble(self, door: str, reason: str | None) -> None:
        assert door == "sqs"
        self.troubles.append(reason)
        self._change()

    async def until(self, fact: Callable[[], bool]) -> None:
        with anyio.fail_after(SOON):
            while not fact():
                await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    @property
    def identities(self) -> list[str]:
        return [event.identity for event in self.accepted if isinstance(event, Notification)]


def a_door(
    intake: Intake,
    queue_url: str,
    *,
    endpoint_url: str,
    clock: Clock | None = None,
    keys: tuple[str, str] | None = KEYS,
    wait_seconds: int = 1,
    visibility_seconds: int = 60,
    connect: Connect | None = None,
) -> SqsDoor:
    return SqsDoor(
        queue_url=queue_url,
        region=REGION,
        endpoint_url=endpoint_url,
        keys=keys,
        accept=intake.accept,
        clock=clock or SystemClock(),
        chance=random.Random(1),
        on_trouble=intake.on_trouble,
        wait_seconds=wait_seconds,
        visibility_seconds=visibility_seconds,
        connect=connect or connecting(InTurn),
    )


class InTurn(Queue):
    """Receives when nobody else does: the double, asked twice at once, may deliver twice."""

    def __init__(self, client: Client, queue_url: str, turn: anyio.Lock) -> None:
        super().__init__(client, queue_url)
        self._turn = turn

    async def receive(self, *, wait_seconds: int, hide_seconds: int) -> list[Message]:
        async with self._turn:
            return await super().receive(wait_seconds=wait_seconds, hide_seconds=hide_seconds)


def connecting(kind: type[InTurn]) -> Connect:
    """Open real connections of that kind."""
    turn = anyio.Lock()

    @asynccontextmanager
    async def connect(address: Address, *, wait_seconds: int) -> AsyncIterator[Queue]:
        async with opened(address, wait_seconds=wait_seconds) as queue:
            yield kind(queue._client, address.queue_url, turn)

    return connect


@asynccontextmanager
async def reading(door: SqsDoor) -> AsyncIterator[None]:
    """Run the door; then close it, after which it has to end by itself."""
    with anyio.fail_after(3 * SOON):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(door.run)
            try:
                yield
            finally:
                door.close()


def a_body(number: int) -> str:
    payload = {
        "notificationType": "Message",
        "projectKey": "sandbox",
        "id": f"message-{number}",
        "version": 1,
        "sequenceNumber": number,
        "resource": {"typeId": "order", "id": f"order-{number}"},
        "resourceVersion": 1,
        "type": "OrderCreated",
    }
    return json.dumps(payload)


def identities(count: int) -> set[str]:
    return {f"m:order-{number}:{number}" for number in range(1, count + 1)}


async def test_what_it_brings_is_accepted_in_batches_and_deleted(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(number) for number in range(1, 26)])
    intake = Intake()
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url)):
        await intake.until(lambda: len(intake.accepted) == 25)
    assert set(intake.identities) == identities(25)
    assert len(intake.asked) < 25, "not one by one"
    assert aws.counts(queue_url) == (0, 0)
    assert intake.troubles == []


async def test_an_envelope_of_sns_is_taken_off(aws: Aws, queue_url: str) -> None:
    aws.publish(aws.topic_to(queue_url), a_body(1))
    intake = Intake()
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url)):
        await intake.until(lambda: len(intake.accepted) == 1)
    assert set(intake.identities) == identities(1)


async def test_what_cannot_be_understood_is_handed_in_and_deleted(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, ["not JSON: Zoë", a_body(1)])
    intake = Intake()
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url)):
        await intake.until(lambda: len(intake.accepted) == 2)
    unreadable = [delivery for delivery in intake.accepted if isinstance(delivery, Unreadable)]
    assert [delivery.body for delivery in unreadable] == ["not JSON: Zoë".encode()]
    assert aws.counts(queue_url) == (0, 0)


async def test_what_cannot_be_accepted_stays_and_keeps_nothing_else_out(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(number) for number in (1, 2, 3)])
    intake = Intake()

    async def hook(deliveries: Sequence[Delivery]) -> None:
        if any(isinstance(event, Notification) and event.subject == "order-2" for event in deliveries):
            raise ValueError("secret words")

    intake.hook = hook
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url)):
        await intake.until(lambda: len(intake.accepted) == 2 and len(intake.troubles) > 0)
    assert set(intake.identities) == identities(3) - {"m:order-2:2"}
    assert aws.counts(queue_url) == (0, 1)
    assert intake.troubles[0] == "a message cannot be written down (ValueError)"


async def test_a_message_that_could_not_be_accepted_comes_again(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(1)])
    intake = Intake(ValueError("secret words"))
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url, visibility_seconds=1)):
        await intake.until(lambda: len(intake.troubles) == 2)
    assert intake.troubles == ["a message cannot be written down (ValueError)", None]
    assert aws.counts(queue_url) == (0, 0)


async def test_a_second_delivery_is_only_a_duplicate(aws: Aws, queue_url: str) -> None:
    """Given an accept slower than the message is hidden, and a clock that renews nothing: both deliveries succeed."""
    aws.send(queue_url, [a_body(1)])
    intake = Intake()
    second = anyio.Event()

    async def hook(_deliveries: Sequence[Delivery]) -> None:
        if len(intake.asked) > 1:
            second.set()
        await second.wait()

    intake.hook = hook
    door = a_door(intake, queue_url, endpoint_url=aws.url, clock=HandClock(), visibility_seconds=1)
    async with reading(door):
        await intake.until(lambda: len(intake.accepted) == 2)
    assert intake.identities == ["m:order-1:1", "m:order-1:1"]
    assert aws.counts(queue_url) == (0, 0)


async def test_a_message_stays_hidden_while_it_is_being_accepted(aws: Aws, queue_url: str) -> None:
    """The counterpart: with a clock that moves, an accept of more than two terms sees one delivery."""
    aws.send(queue_url, [a_body(1)])
    intake = Intake()
    clock = SystemClock()

    async def hook(_deliveries: Sequence[Delivery]) -> None:
        await clock.sleep(2.4)

    intake.hook = hook
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url, clock=clock, visibility_seconds=1)):
        await intake.until(lambda: len(intake.accepted) == 1)
    assert len(intake.asked) == 1
    assert aws.counts(queue_url) == (0, 0)


async def test_a_refusal_is_waited_out_with_the_message_in_hand(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(1)])
    clock = HandClock()
    intake = Intake(IntakeClosedError("the disk takes nothing", retry_after_seconds=37))
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url, clock=clock)):
        await clock.slept_on(37)
        assert aws.counts(queue_url) == (0, 1)
        clock.pass_time(37)
        await intake.until(lambda: len(intake.accepted) == 1)
    assert aws.counts(queue_url) == (0, 0)
    assert intake.troubles == []


async def test_a_long_refusal_gives_back_and_leaves_the_queue_alone() -> None:
    """Deliveries count towards the dead-letter queue: nothing is received until something is accepted again."""
    client, clock = ScriptedClient({}), HandClock()
    closed = IntakeClosedError("more than 10 messages wait", retry_after_seconds=60)
    intake = Intake(closed, closed, closed)
    first = list(client.waiting)
    async with reading(scripted_door(intake, client, clock)):
        await intake.until(lambda: len(intake.asked) == 2)
        client.waiting = first
        clock.pass_time(60)
        await intake.until(lambda: len(intake.asked) == 3)
        assert client.waiting == first
        clock.pass_time(60)
        await intake.until(lambda: len(intake.accepted) == 3)
    assert [len(asked) for asked in intake.asked] == [3, 0, 0, 0, 3]
    assert client.hidden == [60]


async def test_a_queue_that_is_not_there_is_told_until_it_is(aws: Aws) -> None:
    queue_url = aws.queue_url("made-later")
    intake = Intake()
    async with reading(a_door(intake, queue_url, endpoint_url=aws.url, clock=HastyClock())):
        await intake.until(lambda: len(intake.troubles) == 1)
        assert aws.create_queue("made-later") == queue_url
        aws.send(queue_url, [a_body(1)])
        await intake.until(lambda: len(intake.accepted) == 1)
    assert intake.troubles == ["there is no such queue", None]


async def test_nobody_there_is_told_once_and_asked_ever_less_often() -> None:
    clock = HastyClock()
    intake = Intake()
    door = a_door(intake, "http://127.0.0.1:9/123456789012/none", endpoint_url="http://127.0.0.1:9", clock=clock)
    async with reading(door):
        await intake.until(lambda: len(intake.troubles) == 1)
        await clock.slept_on(2.1)
    assert intake.troubles == ["it does not answer (EndpointConnectionError)"]
    assert min(clock.asleep) >= 0.5
    assert len(set(clock.asleep)) == len(clock.asleep), "every wait has its own jitter"


async def test_without_keys_and_without_a_role_it_says_so(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    intake = Intake()
    door = a_door(intake, aws.queue_url("any"), endpoint_url=aws.url, keys=None, clock=HastyClock())
    async with reading(door):
        await intake.until(lambda: len(intake.troubles) == 1)
    assert intake.troubles == ["there are no credentials: neither keys nor a role of this machine"]


async def test_wrong_keys_are_told_until_they_are_right(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(1)])
    intake = Intake()
    with aws.judging_keys():
        door = a_door(intake, queue_url, endpoint_url=aws.url, clock=HastyClock())
        async with reading(door):
            await intake.until(lambda: len(intake.troubles) == 1)
            aws.accept_all_keys()
            await intake.until(lambda: len(intake.accepted) == 1)
    assert intake.troubles == ["AWS refuses the credentials, or they may not (403)", None]


@pytest.mark.parametrize(
    ("code", "status"), [("InvalidSignatureException", 403), ("UnrecognizedClientException", 400), ("NewWord", 403)]
)
async def test_credentials_are_named_whatever_word_refuses_them(code: str, status: int) -> None:
    class Refusing(Exception):
        response: Mapping[str, Any] = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    queue = Queue(ScriptedClient(Refusing()), "http://queue")
    messages = await queue.receive(wait_seconds=0, hide_seconds=60)
    with pytest.raises(QueueError, match=rf"^AWS refuses the credentials, or they may not \({code}\)$"):
        await queue.delete(messages)


async def test_closing_does_not_wait_for_the_long_poll(aws: Aws, queue_url: str) -> None:
    polling = anyio.Event()

    class Polling(InTurn):
        async def receive(self, *, wait_seconds: int, hide_seconds: int) -> list[Message]:
            polling.set()
            return await super().receive(wait_seconds=wait_seconds, hide_seconds=hide_seconds)

    door = a_door(Intake(), queue_url, endpoint_url=aws.url, wait_seconds=20, connect=connecting(Polling))
    with anyio.fail_after(SOON):
        async with reading(door):
            await polling.wait()


async def test_closing_lets_what_was_received_be_accepted_and_deleted(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(1)])
    intake = Intake()
    door = a_door(intake, queue_url, endpoint_url=aws.url)

    async def hook(_deliveries: Sequence[Delivery]) -> None:
        door.close()
        await anyio.sleep(0.05)

    intake.hook = hook
    with anyio.fail_after(SOON):
        await door.run()
    assert set(intake.identities) == identities(1)
    assert aws.counts(queue_url) == (0, 0)


async def test_closing_gives_back_what_is_refused_because_all_stops() -> None:
    client, clock = ScriptedClient(), HandClock()
    closed = IntakeClosedError("the daemon stops", retry_after_seconds=37)
    intake = Intake(closed, closed)
    async with reading(scripted_door(intake, client, clock)):
        await clock.slept_on(37)
        assert client.hidden == []
    assert [len(asked) for asked in intake.asked] == [3, 3]
    assert client.hidden == [0]


async def test_a_cancel_while_it_is_being_accepted_gives_back() -> None:
    client, intake = ScriptedClient(), Intake()
    with anyio.fail_after(SOON):
        async with anyio.create_task_group() as tasks:

            async def hook(_deliveries: Sequence[Delivery]) -> None:
                tasks.cancel_scope.cancel()
                await anyio.sleep_forever()

            intake.hook = hook
            tasks.start_soon(scripted_door(intake, client, HandClock()).run)
    assert client.hidden == [0]
    assert client.deleted == []


async def test_a_cancel_after_it_was_accepted_still_deletes(aws: Aws, queue_url: str) -> None:
    aws.send(queue_url, [a_body(1)])
    intake = Intake()
    with anyio.fail_after(SOON):
        async with anyio.create_task_group() as tasks:
            door = a_door(intake, queue_url, endpoint_url=aws.url, connect=cancelling(tasks.cancel_scope))
            tasks.start_soon(door.run)
    assert set(intake.identities) == identities(1)
    assert aws.counts(queue_url) == (0, 0)


def cancelling(scope: anyio.CancelScope) -> Connect:
    """A connection that cancels the door when it begins to delete."""

    class Cancelling(InTurn):
        async def delete(self, messages: Sequence[Message]) -> list[Message]:
            scope.cancel()
            return await super().delete(messages)

    return connecting(Cancelling)


class ScriptedClient:
    """Three messages, and answers to deletions from a list; afterwards the queue is empty."""

    def __init__(self, *deletions: Mapping[str, Any] | Exception, lost_polls: int = 0) -> None:
        self.deletions = list(deletions)
        self.lost_polls = lost_polls
        self.deleted: list[list[str]] = []
        self.hidden: list[int] = []
        self.waiting = [{"ReceiptHandle": f"handle-{number}", "Body": a_body(number)} for number in (1, 2, 3)]

    async def receive_message(self, **_parameters: Any) -> Mapping[str, Any]:
        if self.lost_polls:
            self.lost_polls -= 1
            raise ConnectionResetError
        if not self.waiting:
            await anyio.sleep_forever()
        messages, self.waiting = self.waiting, []
        return {"Messages": messages}

    async def delete_message_batch(self, **parameters: Any) -> Mapping[str, Any]:
        self.deleted.append([entry["ReceiptHandle"] for entry in parameters["Entries"]])
        answer = self.deletions.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def change_message_visibility_batch(self, **parameters: Any) -> Mapping[str, Any]:
        self.hidden += {entry["VisibilityTimeout"] for entry in parameters["Entries"]}
        return {}

    def connect(self, address: Address, *, wait_seconds: int) -> AbstractAsyncContextManager[Queue]:
        @asynccontextmanager
        async def connected() -> AsyncIterator[Queue]:
            yield Queue(self, address.queue_url)

        return connected()


def scripted_door(intake: Intake, client: ScriptedClient, clock: Clock) -> SqsDoor:
    return a_door(intake, "http://queue", endpoint_url="http://queue", clock=clock, connect=client.connect)


@pytest.mark.parametrize("lost", [1, 2])
async def test_one_lost_connection_is_nobodys_business(lost: int) -> None:
    client = ScriptedClient({}, lost_polls=lost)
    intake = Intake()
    door = scripted_door(intake, client, HastyClock())
    async with reading(door):
        await intake.until(lambda: len(intake.accepted) == 3)
    assert intake.troubles == ([] if lost == 1 else ["it does not answer (ConnectionResetError)", None])


async def test_what_is_not_deleted_is_asked_for_again() -> None:
    some_failed = {"Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}
    client = ScriptedClient(some_failed, ConnectionResetError(), {"Successful": []})
    intake = Intake()
    door = scripted_door(intake, client, HastyClock())
    async with reading(door):
        await intake.until(lambda: len(intake.accepted) == 3)
    assert client.deleted == [["handle-1", "handle-2", "handle-3"], ["handle-2"], ["handle-2"]]
    assert intake.troubles == []


async def test_messages_that_can_never_be_deleted_are_told() -> None:
    class Denied(Exception):
        response: Mapping[str, Any] = {"Error": {"Code": "AccessDenied", "Message": "User arn:… is not authorized"}}

    client = ScriptedClient(*(Denied() for _ in range(6)), {})
    first, intake = list(client.waiting), Intake()
    door = scripted_door(intake, client, HastyClock())

    async def hook(_deliveries: Sequence[Delivery]) -> None:
        if len(intake.asked) < 3:
            client.waiting = list(first)

    intake.hook = hook
    async with reading(door):
        await intake.until(lambda: None in intake.troubles)
    assert intake.troubles == [
        "messages cannot be deleted: AWS refuses the credentials, or they may not (AccessDenied)",
        None,
    ]


async def test_no_failure_quotes_what_was_sent() -> None:
    class Quoting(Exception):
        response: Mapping[str, Any] = {"Error": {"Code": f"key {KEYS[1]}", "Message": KEYS[1]}}

    client = ScriptedClient(Quoting(KEYS[1]))
    queue = Queue(client, "http://queue")
    messages = await queue.receive(wait_seconds=0, hide_seconds=60)
    with pytest.raises(QueueError) as caught:
        await queue.delete(messages)
    address = Address(queue_url="http://queue", region=REGION, keys=KEYS)
    assert KEYS[1] not in f"{caught.value!r} {address!r}"
    assert "order-1" not in f"{messages!r}"
    assert caught.value.__cause__ is None
