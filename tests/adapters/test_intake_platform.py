"""What commercetools tells, in either format, is read into the event it names; anything else says what is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from actors.domain.notification import Notification, Unreadable
from adapters.intake.platform import read_message_row, read_notifications, unwrap_sns

MESSAGE: dict[str, Any] = {
    "notificationType": "Message",
    "projectKey": "acme",
    "id": "message-1",
    "version": 1,
    "sequenceNumber": 2,
    "resource": {"typeId": "order", "id": "order-1"},
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
    "resource": {"typeId": "order", "id": "order-1"},
    "resourceUserProvidedIdentifiers": {"orderNumber": "ORD-1001"},
    "version": 3,
    "oldVersion": 1,
    "modifiedAt": "2026-11-23T10:00:00.000Z",
}
ORDER: dict[str, Any] = {"about": "order", "subject": "order-1", "number": "ORD-1001", "project": "acme"}
TOLD = Notification(identity="m:order-1:2", kind="OrderStateChanged", version=4, **ORDER)
CHANGED = Notification(identity="c:order-1:3:ResourceUpdated", kind="ResourceUpdated", version=3, **ORDER)


def cloud_event(kind: str = "message.OrderStateChanged", **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "event-1",
        "type": f"com.commercetools.order.{kind}",
        "source": "/acme/orders",
        "subject": "order-1",
        "time": "2026-11-23T10:00:00.000Z",
        **attributes,
    }


def read(payload: Any) -> Notification | Unreadable:
    return read_notifications(payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def without(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in names}


@pytest.mark.parametrize(("payload", "told"), [(MESSAGE, TOLD), (CHANGE, CHANGED)])
def test_both_formats_name_the_same_event(payload: dict[str, Any], told: Notification) -> None:
    packed = base64.b64encode(json.dumps(payload).encode()).decode()
    assert read(payload) == told
    assert read(cloud_event(data=payload)) == told
    assert read(cloud_event(data_base64=packed)) == told


@pytest.mark.parametrize("kind", ["ResourceCreated", "ResourceDeleted"])
def test_a_change_is_told_apart_by_its_kind_too(kind: str) -> None:
    told = read({**CHANGE, "notificationType": kind})
    assert isinstance(told, Notification)
    assert (told.identity, told.kind) == (f"c:order-1:3:{kind}", kind)


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ({"payloadNotIncluded": {"reason": "too large", "payloadType": "OrderCreated"}}, "OrderCreated"),
        ({"payloadNotIncluded": {"reason": "too large"}}, ""),
        ({"payloadNotIncluded": None}, ""),
        ({}, ""),
    ],
)
def test_a_message_whose_payload_was_left_out_still_names_its_record(left: dict[str, Any], kind: str) -> None:
    told = read({**without(MESSAGE, "type"), **left})
    assert isinstance(told, Notification)
    assert (told.kind, told.identity, told.subject, told.version) == (kind, "m:order-1:2", "order-1", 4)


def test_the_test_notification_is_about_the_subscription() -> None:
    resource = {"typeId": "subscription", "id": "sub-1"}
    told = read({"notificationType": "ResourceCreated", "projectKey": "acme", "resource": resource, "version": 1})
    assert told == Notification(
        identity="c:sub-1:1:ResourceCreated",
        kind="ResourceCreated",
        about="subscription",
        subject="sub-1",
        version=1,
        project="acme",
    )


@pytest.mark.parametrize(
    "payload",
    [
        {**MESSAGE, "type": "SomethingNew"},
        {**MESSAGE, "resource": {"typeId": "brand-new", "id": "order-1"}},
        {**MESSAGE, "somethingNew": {"a": [1]}},
        {**MESSAGE, "resourceUserProvidedIdentifiers": {"containerAndKey": {"key": "x"}, "sku": "y"}},
        without(MESSAGE, "resourceUserProvidedIdentifiers", "projectKey", "resourceVersion"),
    ],
)
def test_words_nobody_knows_and_fields_nobody_needs_pass(payload: dict[str, Any]) -> None:
    told = read(payload)
    assert isinstance(told, Notification)
    assert told.identity == "m:order-1:2"


# ---- a CloudEvent whose data was left out ----


@pytest.mark.parametrize("data", [{}, {"data": None}])
def test_an_event_whose_data_lies_elsewhere_is_named_by_its_attributes(data: dict[str, Any]) -> None:
    told = read(cloud_event(dataref="/acme/messages/message-1", sequence="2", sequencetype="Integer", **data))
    assert told == Notification(
        identity=TOLD.identity, kind="OrderStateChanged", about="order", subject="order-1", project="acme"
    )


@pytest.mark.parametrize(
    ("kind", "sequence"),
    [
        ("change.ResourceUpdated", {"sequence": "3"}),
        ("message.OrderCreated", {}),
        ("message.OrderCreated", {"sequence": "2b"}),
    ],
)
def test_without_a_number_of_the_message_it_is_known_by_its_own_id(kind: str, sequence: dict[str, str]) -> None:
    told = read(cloud_event(kind, dataref="/acme/orders/order-1", **sequence))
    assert isinstance(told, Notification)
    assert (told.identity, told.kind, told.version) == ("e:order-1:event-1", kind.partition(".")[2], 0)


@pytest.mark.parametrize(
    "event",
    [
        cloud_event(),
        without(cloud_event(dataref="x"), "subject"),
        cloud_event(dataref="x", subject=""),
        cloud_event(dataref="x", id="i" * 300),
        cloud_event(dataref="x", sequence=7),
        cloud_event(dataref="x", sequence="9" * 19),
        {**cloud_event(dataref="x"), "type": "com.example.order.message.OrderCreated"},
    ],
)
def test_what_then_names_no_record_is_unreadable(event: dict[str, Any]) -> None:
    assert isinstance(read(event), Unreadable)


# ---- what cannot be understood ----

SECRET = "Jane Doe"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"Jane Doe",
        b'"Jane Doe"',
        b"[]",
        b"null",
        b"{}",
        b'{"specversion":"Jane Doe"}',
        b"\xff\xfe" + SECRET.encode(),
        b"[" * 100_000,
        b'{"resource":' * 50_000,
        without(MESSAGE, "resource"),
        without(MESSAGE, "sequenceNumber"),
        without(CHANGE, "version"),
        without(MESSAGE, "notificationType"),
        {**MESSAGE, "notificationType": SECRET},
        {**MESSAGE, "notificationType": "Event"},
        {**MESSAGE, "resource": SECRET},
        {**MESSAGE, "resource": {"typeId": "order", "id": ""}},
        {**MESSAGE, "resource": {"typeId": "", "id": SECRET}},
        {**MESSAGE, "resource": {"typeId": "order", "id": SECRET * 100}},
        {**MESSAGE, "resource": {"typeId": "order", "id": "\ud800"}},
        {**MESSAGE, "sequenceNumber": 2**63},
        {**MESSAGE, "sequenceNumber": 10**400},
        {**MESSAGE, "sequenceNumber": -1},
        {**MESSAGE, "sequenceNumber": True},
        {**MESSAGE, "sequenceNumber": "2"},
        {**MESSAGE, "sequenceNumber": 2.5},
        {**MESSAGE, "resourceVersion": 2**63},
        {**CHANGE, "version": 2**63},
        {**MESSAGE, "type": [SECRET]},
        {**MESSAGE, "resourceUserProvidedIdentifiers": {"orderNumber": {SECRET: 1}}},
        cloud_event(data=SECRET),
        cloud_event(data={}),
        cloud_event(data_base64="%" + SECRET),
        cloud_event(data_base64=base64.b64encode(SECRET.encode()).decode()),
    ],
)
def test_what_names_no_event_is_unreadable_and_its_problem_quotes_nothing(payload: Any) -> None:
    told = read(payload)
    assert isinstance(told, Unreadable)
    assert told.problem
    assert "Jane" not in told.problem + repr(told)
    assert len(told.problem) < 200


def test_the_largest_numbers_there_may_be_are_kept() -> None:
    told = read({**MESSAGE, "sequenceNumber": 2**63 - 1, "resourceVersion": 2**63 - 1})
    assert isinstance(told, Notification)
    assert (told.identity, told.version) == (f"m:order-1:{2**63 - 1}", 2**63 - 1)


def test_words_are_kept_in_bounded_length() -> None:
    long = "x" * 100_000
    identifiers = {"orderNumber": long}
    told = read({**MESSAGE, "type": long, "projectKey": long, "resourceUserProvidedIdentifiers": identifiers})
    assert isinstance(told, Notification)
    assert {len(told.kind), len(told.project), len(told.number)} == {256}


# ---- rows of the list, and the envelope of a queue ----


def test_a_row_of_the_list_of_messages_is_the_event_the_subscription_tells() -> None:
    row = json.dumps(without(MESSAGE, "notificationType", "projectKey")).encode()
    told = read_message_row(row)
    assert isinstance(told, Notification)
    assert (told.identity, told.kind, told.version, told.number) == (TOLD.identity, TOLD.kind, 4, "ORD-1001")


@pytest.mark.parametrize("row", [b"[]", b"Jane Doe", b'{"resource":{"typeId":"order","id":"order-1"}}'])
def test_a_row_that_names_no_event_is_unreadable(row: bytes) -> None:
    told = read_message_row(row)
    assert isinstance(told, Unreadable)
    assert "Jane" not in told.problem


def test_only_an_envelope_of_sns_is_taken_off() -> None:
    envelope = {"Type": "Notification", "Message": '{"a":"é"}', "TopicArn": "arn:aws:sns:x", "MessageId": "1"}
    assert unwrap_sns(json.dumps(envelope).encode()) == '{"a":"é"}'.encode()
    for other in (
        json.dumps({**envelope, "Type": "SubscriptionConfirmation"}).encode(),
        json.dumps(without(envelope, "TopicArn")).encode(),
        json.dumps({**envelope, "Message": {"a": 1}}).encode(),
        json.dumps({**envelope, "Message": "\ud800"}).encode(),
        json.dumps(MESSAGE).encode(),
        b"\xff",
        b"[" * 100_000,
        b"",
    ):
        assert unwrap_sns(other) == other
