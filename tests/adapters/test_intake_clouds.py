"""SNS, Pub/Sub and Event Grid: what is verified, what is refused, and that keys are fetched beside the requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from actors.domain.notification import Notification, Unreadable
from adapters.intake.pubsub import PubSub
from adapters.intake.server import Doors
from adapters.intake.sns import host_of
from tests import intake_vectors
from tests.intake_listener import (
    DOORS,
    GRID_TOPIC,
    KEY,
    PATHS,
    Cloud,
    Listener,
    Reply,
    all_fetched,
    listening,
    published,
    until,
)
from tests.intake_vectors import CERTIFICATE_URL, MESSAGE, SUBSCRIBE_URL

VECTORS = intake_vectors.read()
KEYS_URL = PubSub(audience="", service_account="").keys_url
PUSH = {"message": {"data": base64.b64encode(MESSAGE.encode()).decode(), "messageId": "1"}, "subscription": "s"}
ORDER = Notification(
    identity="m:order-1:2",
    kind="OrderStateChanged",
    about="order",
    subject="order-1",
    number="ORD-1001",
    version=4,
    project="acme",
)


def refused(listener: Listener, reply: Reply, status: int) -> None:
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert b"order-1" not in reply.body
    assert listener.book.calls == 0


# ---- SNS ----


async def sns(listener: Listener, cloud: Cloud, body: str) -> Reply:
    """Send as SNS does: again where it is asked to, once the certificate is there."""
    first = await listener.post("sns", body.encode(), {"Content-Type": "text/plain; charset=UTF-8"})
    if first.status != 429 or not cloud.asked:
        return first
    assert first.headers["Retry-After"] == "5"
    await all_fetched()
    return await listener.post("sns", body.encode())


@pytest.mark.parametrize("name", ["version 1", "version 2", "with a subject", "as old as SNS sends", "china"])
async def test_what_sns_signed_is_accepted(name: str) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns[name])).status == 200
        assert listener.book.deliveries == [("sns", ORDER)]
        assert len(cloud.asked) == 2  # the keys of Pub/Sub, and the certificate once


async def test_what_it_cannot_mean_is_accepted_as_unreadable() -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns["unreadable"])).status == 200
        assert listener.book.deliveries == [("sns", Unreadable(body=b"Jane Doe", problem="it is not JSON"))]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("other key", 403),
        ("other topic", 403),
        ("old", 403),
        ("future", 403),
        ("no time", 403),
        ("unknown type", 400),
    ],
)
async def test_what_sns_did_not_sign_for_us_and_now_is_refused(name: str, status: int) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        refused(listener, await sns(listener, cloud, VECTORS.sns[name]), status)


async def test_a_message_told_again_later_is_refused() -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 200
        listener.clock.pass_time(3_900)
        reply = await listener.post("sns", VECTORS.sns["version 2"].encode())
        assert reply.status == 403
        assert listener.book.calls == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Message", MESSAGE.replace("order-1", "order-2")),
        ("MessageId", "x"),
        ("Subject", "x"),
        ("Timestamp", "2027-01-15T07:59:00.000Z"),
        ("Type", "SubscriptionConfirmation"),
        ("Type", "UnsubscribeConfirmation"),
        ("SignatureVersion", "1"),
        ("SignatureVersion", "3"),
        ("SignatureVersion", ""),
        ("Signature", ""),
        ("Signature", "not base64"),
        ("Signature", base64.b64encode(b"x" * 256).decode()),
        ("TopicArn", intake_vectors.CHINA),
        ("TopicArn", intake_vectors.TOPIC.upper()),
    ],
)
async def test_one_thing_changed_is_refused(field: str, value: str) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        await sns(listener, cloud, VECTORS.sns["version 2"])
        listener.book.calls = 0
        body = json.dumps({**json.loads(VECTORS.sns["version 2"]), field: value})
        refused(listener, await sns(listener, cloud, body), 403)
        assert SUBSCRIBE_URL not in cloud.asked


@pytest.mark.parametrize(
    "url",
    [
        "",
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace("https", "HTTPS"),
        CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
        CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.test"),
        CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.cn"),
        CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com."),
        CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com:443"),
        CERTIFICATE_URL.replace("sns.", "evil@sns."),
        CERTIFICATE_URL.replace("sns.", "evil.test/sns."),
        CERTIFICATE_URL.replace("sns.", "evil.test#sns."),
        CERTIFICATE_URL.replace("sns.", "evil.test\\sns."),
        CERTIFICATE_URL.replace("sns.", "xsns."),
        CERTIFICATE_URL.replace("sns.", "sns%2e"),
        CERTIFICATE_URL.replace("sns.", "SNS."),
        CERTIFICATE_URL + "?x=1",
        CERTIFICATE_URL + "?",
        CERTIFICATE_URL + "#x",
        CERTIFICATE_URL + "\n",
        CERTIFICATE_URL.replace("Simple", "\tSimple"),
        CERTIFICATE_URL.replace("/Simple", "/a/../Simple"),
        CERTIFICATE_URL.replace(".pem", ".pem.txt"),
        CERTIFICATE_URL.replace(".pem", ""),
        "https://[::1/x.pem",
        "file:///etc/x.pem",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(url: str) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        body = json.dumps({**json.loads(VECTORS.sns["version 2"]), "SigningCertURL": url})
        refused(listener, await listener.post("sns", body.encode()), 403)
        assert cloud.asked == [KEYS_URL]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, MESSAGE.encode(), b'{"Type":7}', b'{"Type":"Notification"}']
)
async def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    async with listening() as listener:
        refused(listener, await listener.post("sns", body), 400)


@pytest.mark.parametrize(
    ("certificate", "status"),
    [
        (VECTORS.certificate_expired.encode(), 403),
        (VECTORS.certificate_other.encode(), 403),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 429),
        (b"<html>", 429),
        (None, 429),
    ],
)
async def test_a_certificate_that_is_none_now_proves_nothing(certificate: bytes | None, status: int) -> None:
    there = published()
    del there[CERTIFICATE_URL]
    cloud = Cloud(there | ({CERTIFICATE_URL: certificate} if certificate is not None else {}))
    async with listening(cloud=cloud) as listener:
        refused(listener, await sns(listener, cloud, VECTORS.sns["version 2"]), status)


async def test_no_event_waits_for_a_certificate_and_few_are_fetched_at_once() -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        await all_fetched()
        cloud.open.clear()
        for number in range(10):
            url = CERTIFICATE_URL.replace("0123", f"{number:04}")
            body = json.dumps({**json.loads(VECTORS.sns["version 2"]), "SigningCertURL": url})
            for _ in range(3):
                refused(listener, await listener.post("sns", body.encode()), 429)
        await until(lambda: len(cloud.asked) == 5)
        cloud.open.set()
        await all_fetched()
        assert len(cloud.asked) == 5


async def test_a_certificate_that_could_not_be_had_is_asked_for_again_a_minute_later() -> None:
    there = published()
    certificate = there.pop(CERTIFICATE_URL)
    cloud = Cloud(there)
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 429
        cloud.published[CERTIFICATE_URL] = certificate
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 429
        assert cloud.asked.count(CERTIFICATE_URL) == 1
        listener.clock.pass_time(60)
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 200


async def test_a_certificate_that_is_renewed_in_its_place_is_fetched_again() -> None:
    cloud = Cloud(published() | {CERTIFICATE_URL: VECTORS.certificate_expired.encode()})
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 403
        cloud.published[CERTIFICATE_URL] = VECTORS.certificate.encode()
        listener.clock.pass_time(60)
        assert (await sns(listener, cloud, VECTORS.sns["version 2"])).status == 200


@pytest.mark.parametrize("name", ["confirmation", "confirmation version 1"])
async def test_a_subscription_is_confirmed_once_it_is_verified(name: str) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns[name])).status == 200
        assert cloud.asked[-2:] == [CERTIFICATE_URL, SUBSCRIBE_URL]
        assert listener.book.calls == 0


@pytest.mark.parametrize("name", ["confirmation elsewhere", "confirmation in clear"])
async def test_a_confirmation_that_leads_elsewhere_is_not_followed(name: str) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        refused(listener, await sns(listener, cloud, VECTORS.sns[name]), 403)
        assert cloud.asked[-1] == CERTIFICATE_URL


async def test_a_confirmation_that_is_changed_is_not_followed() -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        for field in ("Token", "SubscribeURL", "TopicArn"):
            told = json.loads(VECTORS.sns["confirmation"])
            changed = {**told, field: told[field] + "x"}
            refused(listener, await sns(listener, cloud, json.dumps(changed)), 403)
        assert SUBSCRIBE_URL not in cloud.asked


async def test_a_confirmation_that_fails_is_asked_for_again() -> None:
    there = published()
    del there[SUBSCRIBE_URL]
    cloud = Cloud(there)
    async with listening(cloud=cloud) as listener:
        reply = await sns(listener, cloud, VECTORS.sns["confirmation"])
        assert (reply.status, reply.headers["Retry-After"]) == (429, "5")


async def test_a_goodbye_is_acknowledged_told_and_nothing_is_fetched_for_it(caplog: pytest.LogCaptureFixture) -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await sns(listener, cloud, VECTORS.sns["goodbye"])).status == 200
        assert cloud.asked[-1] == CERTIFICATE_URL
        assert listener.book.calls == 0
    (told,) = caplog.records
    assert told.levelname == "WARNING"
    assert intake_vectors.TOPIC in told.getMessage()


async def test_a_local_double_replaces_the_hosts_of_aws_and_is_not_beside_them() -> None:
    base = "http://127.0.0.1:9999"
    cloud = Cloud(published() | {f"{base}/x.pem": VECTORS.certificate.encode()})
    doors = Doors(sns_topics=DOORS.sns_topics, sns_certificates=base)
    async with listening(doors, cloud=cloud) as listener:
        told = json.loads(VECTORS.sns["version 2"])
        refused(listener, await listener.post("sns", json.dumps(told).encode()), 403)
        other = {**told, "SigningCertURL": f"{base}9/x.pem"}
        refused(listener, await listener.post("sns", json.dumps(other).encode()), 403)
        local = {**told, "SigningCertURL": f"{base}/x.pem"}
        assert (await sns(listener, cloud, json.dumps(local))).status == 200


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        (intake_vectors.TOPIC, "sns.eu-west-1.amazonaws.com"),
        (intake_vectors.CHINA, "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:x", "sns.us-gov-west-1.amazonaws.com"),
        ("arn:aws:sns:evil.test/:123456789012:x", ""),
        ("arn:aws:sqs:eu-west-1:123456789012:x", ""),
        ("", ""),
    ],
)
def test_the_host_is_that_of_the_topics_region(topic: str, host: str) -> None:
    assert host_of(topic) == host


# ---- Pub/Sub ----


async def push(listener: Listener, token: str, body: Any = PUSH) -> Reply:
    """Push once the keys are there."""
    await all_fetched()
    return await listener.post("pubsub", json.dumps(body).encode(), {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", ["good", "just expired"])
async def test_a_push_with_the_accounts_token_is_accepted(name: str) -> None:
    async with listening() as listener:
        assert (await push(listener, VECTORS.tokens[name])).status == 200
        assert listener.book.deliveries == [("pubsub", ORDER)]


@pytest.mark.parametrize("name", sorted(set(VECTORS.tokens) - {"good", "just expired"}))
async def test_any_other_token_is_refused(name: str) -> None:
    async with listening() as listener:
        reply = await push(listener, VECTORS.tokens[name])
        refused(listener, reply, 401)
        assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.x",
        base64.urlsafe_b64encode(b'{"alg":["RS256"]}').decode() + ".e30.x",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":{"a":1}}').decode().rstrip("=") + ".e30.x",
        VECTORS.tokens["good"] + "x",
        VECTORS.tokens["good"].rpartition(".")[0] + ".",
        " ".join([VECTORS.tokens["good"]] * 2),
    ],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    async with listening() as listener:
        refused(listener, await push(listener, token), 401)


async def test_a_token_told_again_later_is_refused() -> None:
    async with listening() as listener:
        listener.clock.pass_time(3_540 + 60)
        refused(listener, await push(listener, VECTORS.tokens["good"]), 401)


async def test_without_keys_a_push_is_asked_to_come_again() -> None:
    cloud = Cloud(published())
    cloud.open.clear()
    async with listening(cloud=cloud) as listener:
        headers = {"Authorization": f"Bearer {VECTORS.tokens['good']}"}
        reply = await listener.post("pubsub", json.dumps(PUSH).encode(), headers)
        refused(listener, reply, 429)
        assert reply.headers["Retry-After"] == "5"
        cloud.open.set()
        assert (await push(listener, VECTORS.tokens["good"])).status == 200
        assert cloud.asked == [KEYS_URL]


async def test_an_unknown_key_is_asked_for_once_a_minute_at_most() -> None:
    there = published()
    there[KEYS_URL] = b'{"keys":[]}'
    cloud = Cloud(there)
    async with listening(cloud=cloud) as listener:
        for _ in range(3):
            refused(listener, await push(listener, VECTORS.tokens["good"]), 429)
        assert cloud.asked == [KEYS_URL]
        cloud.published[KEYS_URL] = published()[KEYS_URL]
        listener.clock.pass_time(60)
        await push(listener, VECTORS.tokens["good"])
        assert (await push(listener, VECTORS.tokens["good"])).status == 200
        for _ in range(3):
            assert (await push(listener, VECTORS.tokens["unknown key"])).status == 401
        assert cloud.asked == [KEYS_URL] * 2


async def test_keys_are_fetched_every_hour_and_the_old_ones_kept_where_that_fails() -> None:
    cloud = Cloud(published())
    async with listening(cloud=cloud) as listener:
        assert (await push(listener, VECTORS.tokens["good"])).status == 200
        del cloud.published[KEYS_URL]
        for seconds in (60, 3_539, 1):
            await until(lambda: listener.clock.sleepers == 1)
            assert len(cloud.asked) == 1
            listener.clock.pass_time(seconds, on_the_wall=False)
        await until(lambda: len(cloud.asked) == 2)
        assert (await push(listener, VECTORS.tokens["good"])).status == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "it is no push message"),
        ({"message": {"data": "%"}}, "it is no push message"),
        ({"message": {"attributes": {"a": "b"}}}, "a push message without data"),
        ({"message": {"data": base64.b64encode(b"Jane").decode()}}, "it is not JSON"),
    ],
)
async def test_a_push_that_says_nothing_is_unreadable(body: Any, problem: str) -> None:
    async with listening() as listener:
        assert (await push(listener, VECTORS.tokens["good"], body)).status == 200
        ((_, delivery),) = listener.book.deliveries
        assert isinstance(delivery, Unreadable)
        assert delivery.problem == problem


# ---- Event Grid ----

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "type": "com.commercetools.order.message.OrderStateChanged",
    "source": "/acme/orders",
    "subject": "order-1",
    "time": "2027-01-15T08:00:00.000Z",
    "data": json.loads(MESSAGE),
}
GRID_EVENT = {"topic": GRID_TOPIC, "eventType": "x", "id": "1", "subject": "order-1", "data": json.loads(MESSAGE)}
VALIDATION = {
    "id": "1",
    "topic": GRID_TOPIC,
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "data": {"validationCode": "c0de", "validationUrl": "https://rp.eventgrid.azure.net/…"},
}


async def grid(listener: Listener, body: Any, *, query: str = f"?key={KEY}", key: str | None = None) -> Reply:
    headers = {"aeg-sas-key": key} if key is not None else {}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await listener.send("POST", PATHS["eventgrid"] + query, data, headers)


@pytest.mark.parametrize("event", [EVENT, GRID_EVENT, {**EVENT, "topic": GRID_TOPIC.upper()}])
async def test_an_event_of_either_schema_is_accepted_alone_and_in_an_array(event: Any) -> None:
    async with listening() as listener:
        assert (await grid(listener, event)).status == 200
        assert (await grid(listener, [event, event], query="", key=KEY)).status == 200
        assert listener.book.deliveries == [("eventgrid", ORDER)] * 3
        assert listener.book.calls == 2


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("", None),
        ("", ""),
        ("?key=", None),
        ("?key=x", None),
        (f"?key={KEY}x", None),
        (f"?Key={KEY}", None),
        ("", "x"),
        (f"?key={KEY}&key={KEY}", None),
        (f"?key={KEY}", "x"),
        ("?key=%FF%00", None),
    ],
)
async def test_the_key_is_needed(query: str, key: str | None) -> None:
    async with listening() as listener:
        refused(listener, await grid(listener, EVENT, query=query, key=key), 403)
        refused(listener, await grid(listener, [VALIDATION], query=query, key=key), 403)
        reply = await listener.send(
            "OPTIONS",
            PATHS["eventgrid"] + query,
            headers={"WebHook-Request-Origin": "eventgrid.azure.net"} | ({"aeg-sas-key": key} if key else {}),
        )
        refused(listener, reply, 403)
        assert "WebHook-Allowed-Origin" not in reply.headers


async def test_an_event_of_another_topic_refuses_all_with_it() -> None:
    async with listening() as listener:
        for event in ({**GRID_EVENT, "topic": GRID_TOPIC + "2"}, {**EVENT, "topic": ""}):
            refused(listener, await grid(listener, [EVENT, event]), 403)


async def test_the_handshake_of_cloud_events_is_answered_to_event_grid_only() -> None:
    async with listening() as listener:
        path = f"{PATHS['eventgrid']}?key={KEY}"
        reply = await listener.send("OPTIONS", path, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
        assert reply.status == 200
        assert reply.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        assert reply.headers["WebHook-Allowed-Rate"] == "120"
        for headers in ({}, {"WebHook-Request-Origin": "evil.test"}, {"WebHook-Request-Origin": "*"}):
            refused(listener, await listener.send("OPTIONS", path, headers=headers), 403)


async def test_the_handshake_of_the_other_schema_is_answered_for_the_topic_only() -> None:
    async with listening() as listener:
        for body in (VALIDATION, [VALIDATION]):
            reply = await grid(listener, body)
            assert (reply.status, msgspec.json.decode(reply.body)) == (200, {"validationResponse": "c0de"})
        for topic in (GRID_TOPIC + "2", "", None):
            refused(listener, await grid(listener, [{**VALIDATION, "topic": topic}]), 403)
        refused(listener, await grid(listener, [VALIDATION, EVENT]), 400)
        refused(listener, await grid(listener, [{**VALIDATION, "data": {}}]), 400)


@pytest.mark.parametrize(
    ("body", "unreadable", "problem"),
    [
        (b"Jane", b"Jane", "it is not JSON"),
        (b"[", b"[", "it is not JSON"),
        (b"[[[" * 50_000, b"[[[" * 50_000, "it is not JSON"),
        (b" []", b" []", "an array without events"),
        (b"7", b"7", "it is no event of Event Grid"),
        (b'{"specversion":"1.0"}', b'{"specversion":"1.0"}', "a CloudEvent without data"),
        (b'[{"topic":7}]', b'{"topic":7}', "it is no event of Event Grid"),
    ],
)
async def test_what_a_proven_sender_cannot_mean_is_unreadable(body: bytes, unreadable: bytes, problem: str) -> None:
    async with listening() as listener:
        assert (await grid(listener, body)).status == 200
        assert listener.book.deliveries == [("eventgrid", Unreadable(body=unreadable, problem=problem))]


async def test_one_bad_event_of_an_array_does_not_take_the_others_along() -> None:
    async with listening() as listener:
        assert (await grid(listener, [EVENT, 7, EVENT])).status == 200
        kinds = [type(delivery).__name__ for _, delivery in listener.book.deliveries]
        assert kinds == ["Notification", "Unreadable", "Notification"]
