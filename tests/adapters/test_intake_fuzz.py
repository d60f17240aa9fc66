"""Whatever anybody sends: nothing unproven is accepted, and no bad input is a failure of ours."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.intake.reading import Limits
from tests import intake_vectors
from tests.intake_listener import KEY, PATHS, TOKEN, Listener, all_fetched, listening
from tests.intake_vectors import CERTIFICATE_URL, MESSAGE, TOPIC

VECTORS = intake_vectors.read()
SIGNED = VECTORS.sns["version 2"]
SIGNED_NAMES = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
GOOD = VECTORS.tokens["good"]
SMALL = Limits(lingering_seconds=0.01, body=50_000)
QUICK = Limits(lingering_seconds=0.01, body=50_000, header_seconds=0.05, body_seconds=0.05, idle_seconds=0.05)

few = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.sampled_from(
    [
        *json.loads(SIGNED),
        *json.loads(SIGNED).values(),
        *(
            "specversion",
            "data",
            "data_base64",
            "eventType",
            "topic",
            "message",
            "validationCode",
            "payloadNotIncluded",
        ),
        *("Microsoft.EventGrid.SubscriptionValidationEvent", "SubscriptionConfirmation", "Token", "SubscribeURL"),
        *("notificationType", "Message", "resource", "typeId", "id", "order", "sequenceNumber", "ResourceCreated"),
        *("SaleID", "SaleTaskID", "OrderNumber", "ProductDetailsList", "CustomerDetailsList", "Customer", "SKU", "ID"),
        *(TOPIC, CERTIFICATE_URL, "http://127.0.0.1/", "9" * 400, "\u0000", "é" * 300),
    ]
)
TEXTS = st.one_of(WORDS, st.text(max_size=20))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**18, 10**40), st.floats(allow_nan=False), TEXTS
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=6)),
    max_leaves=20,
)


def bitten(text: str, place: int, by: str) -> str:
    place %= len(text)
    return text[:place] + by + text[place + 1 :]


MUTATED = st.builds(bitten, st.sampled_from([SIGNED, MESSAGE]), st.integers(0), st.text(max_size=2))
REPLACED = st.builds(
    lambda name, value: json.dumps({**json.loads(SIGNED), name: value}),
    st.sampled_from([*json.loads(SIGNED), "Subject", "Token", "SubscribeURL"]),
    SCALARS,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    MUTATED.map(lambda text: text.encode("utf-8", "surrogatepass")),
    REPLACED.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Authorization", "aeg-sas-key", "aeg-event-type", "x-amz-sns-message-type", "Content-Type", "Accept"),
            *("WebHook-Request-Origin", "Content-Encoding", "Expect", "Cookie", "X-Forwarded-For", "If-Match"),
        ]
    ),
    st.one_of(
        VALUES,
        VALUES.map(lambda value: f"Bearer {value}"),
        st.sampled_from(["gzip", "100-continue", "eventgrid.azure.net", "text/html", *VECTORS.tokens.values()]),
    ),
    max_size=4,
)
QUERIES = st.one_of(st.just(""), st.text("?&=%+;/.key01é \x00", max_size=12).map(lambda text: f"?key={text}"))
METHODS = st.sampled_from(["POST", "POST", "POST", "OPTIONS", "GET", "HEAD", "PUT", "PURGE"])
DOORS = st.sampled_from(sorted(PATHS))


@few
@given(method=METHODS, door=DOORS, query=QUERIES, headers=HEADERS, body=BODIES)
async def test_what_is_not_proven_is_refused(
    method: str, door: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    assume(door != "pubsub" or GOOD not in "".join(headers.values()))
    assume(door != "sns" or not is_as_signed(body))
    async with listening(limits=SMALL) as listener:
        await all_fetched()
        for _ in range(2):
            status = await status_of(listener, method, PATHS[door] + query, headers, body)
            assert 400 <= status < 500
            await all_fetched()
        assert listener.book.calls == 0


@few
@given(
    door=st.sampled_from(["cin7", "pubsub", "eventgrid"]), body=BODIES, kind=st.sampled_from(["Sale", "Stock", "New"])
)
async def test_whatever_a_proven_sender_says_is_kept_or_refused(door: str, body: bytes, kind: str) -> None:
    async with listening(limits=SMALL) as listener:
        await all_fetched()
        path = {**PATHS, "cin7": f"/intake/cin7/{kind}/Updated"}[door]
        proof = {"cin7": TOKEN, "pubsub": GOOD, "eventgrid": ""}[door]
        headers = {"Authorization": f"Bearer {proof}"} if proof else {"aeg-sas-key": KEY}
        status = await status_of(listener, "POST", path, headers, body)
        assert status == 200 or (door == "eventgrid" and status in (400, 403))
        handshake = status == 200 and door == "eventgrid" and b"SubscriptionValidationEvent" in body
        assert bool(listener.book.deliveries) == (status == 200) or handshake


@few
@given(body=st.one_of(MUTATED, REPLACED))
async def test_of_a_signed_message_nothing_can_be_changed(body: str) -> None:
    async with listening(limits=SMALL) as listener:
        for _ in range(2):
            await status_of(listener, "POST", PATHS["sns"], {}, body.encode("utf-8", "surrogatepass"))
            await all_fetched()
        assert listener.book.calls == 0 or is_as_signed(body.encode())


def is_as_signed(body: bytes) -> bool:
    """Say whether a message says what was signed, however it is written and whatever else it says."""
    try:
        told = json.loads(body)
        signed = {"Subject": None, **json.loads(SIGNED)}
        return all(told.get(name) == signed[name] for name in SIGNED_NAMES)
    except (ValueError, AttributeError):
        return False


@few
@given(place=st.integers(0), by=st.text("ABab01-_.= é", max_size=2))
async def test_of_a_token_nothing_can_be_changed(place: int, by: str) -> None:
    token = bitten(GOOD, place, by)
    async with listening(limits=SMALL) as listener:
        await all_fetched()
        headers = {"Authorization": f"Bearer {token}"}
        status = await status_of(listener, "POST", PATHS["pubsub"], headers, b"{}")
        assert status == (200 if said(token) == said(GOOD) else 401)


def said(token: str) -> Any:
    """What a token's parts are, however the last bits of their base64 are written."""
    try:
        parts = token.strip().split(".")
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts], list(parts[:2])
    except ValueError:
        return None


PIECES = st.one_of(
    st.sampled_from(
        [
            *(f"{method} {path} HTTP/1.1\r\n" for method in ("POST", "OPTIONS", "GET") for path in PATHS.values()),
            *("Host: x\r\n", "Content-Length: 5\r\n", "Content-Length: 99999\r\n", "Content-Length: -1\r\n"),
            *("Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Content-Encoding: gzip\r\n"),
            *(
                "5\r\nhello\r\n",
                "0\r\n\r\n",
                "fffffffffffffffff\r\n",
                "Connection: close\r\n",
                "Connection: Upgrade\r\n",
            ),
            *(
                "Upgrade: websocket\r\n",
                "Upgrade: h2c\r\n",
                "Expect: 100-continue\r\n",
                "Expect: x\r\n",
                "\r\n",
                "\r\n",
            ),
            *(
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "X: " + "y" * 9000 + "\r\n",
                "Authorization: Bearer x\r\n",
                "\x16\x03\x01",
            ),
        ]
    ).map(str.encode),
    st.binary(max_size=30),
)


@few
@given(pieces=st.lists(PIECES, min_size=1, max_size=12))
async def test_bytes_that_may_be_no_http_do_no_harm(pieces: list[bytes]) -> None:
    async with listening(limits=QUICK) as listener:
        answer = await answer_to(listener, pieces)
        assert b"HTTP/1.1 5" not in answer
        assert b"HTTP/1.0 5" not in answer
        assert b"HTTP/1.1 200" not in answer
        assert listener.book.calls == 0
        headers = {"Authorization": f"Bearer {TOKEN}"}
        status = 0
        while status == 0:  # a busy machine may be too slow for limits as tight as these
            status = await status_of(listener, "POST", PATHS["cin7"], headers, b'{"SaleID":"a"}')
        assert status == 200


async def status_of(listener: Listener, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """Send it byte for byte, as no polite client would, and return the status; 0: the connection was closed."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answer = await answer_to(listener, [head.encode("utf-8") + b"\r\n" + body])
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.") and b" 100 " not in line]
    return int(lines[0].split()[1]) if lines else 0


async def answer_to(listener: Listener, pieces: list[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection(*listener.address)
    answer = b""
    try:
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        with suppress(OSError):
            async with asyncio.timeout(10):
                while part := await reader.read(65536):
                    answer += part
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return answer
