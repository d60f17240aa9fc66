"""The listener itself: what is answered when, and what a sender can make it spend."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from actors.domain.notification import IntakeClosedError, Notification, Unreadable
from adapters.intake.eventgrid import EventGrid
from adapters.intake.proof import is_same
from adapters.intake.reading import Limits
from adapters.intake.server import Doors
from tests.intake_listener import DOORS, GRID_TOPIC, KEY, PATHS, TOKEN, Listener, listening, until

HOOK = b'{"SaleID":"AB-1","SaleOrderNumber":"SO-1"}'
BEARER = f"Authorization: Bearer {TOKEN}\r\n"


@asynccontextmanager
async def raw(
    listener: Listener, text: str | bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, and begin with these bytes."""
    reader, writer = await asyncio.open_connection(*listener.address)
    try:
        writer.write(text.encode() if isinstance(text, str) else text)
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def head(more: str = "", *, door: str = "cin7") -> str:
    return f"POST {PATHS[door]} HTTP/1.1\r\nHost: x\r\n{BEARER}{more}\r\n"


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Read to the end of the connection."""
    async with asyncio.timeout(10):
        return await reader.read()


async def test_200_is_answered_only_after_the_commit() -> None:
    async with listening() as listener:
        listener.book.committed.clear()
        sending = asyncio.create_task(listener.cin7(HOOK))
        await until(lambda: listener.book.calls == 1)
        assert not sending.done()
        listener.book.committed.set()
        assert (await sending).status == 200
        ((door, event),) = listener.book.deliveries
        assert door == "cin7"
        assert isinstance(event, Notification)
        assert (event.kind, event.subject) == ("Sale/Voided", "ab-1")


async def test_an_unreadable_body_of_a_proven_sender_is_accepted_and_acknowledged() -> None:
    async with listening() as listener:
        assert (await listener.cin7(b"Jane Doe")).status == 200
        ((_, delivery),) = listener.book.deliveries
        assert isinstance(delivery, Unreadable)


async def test_where_nothing_can_be_accepted_the_sender_is_asked_to_come_again() -> None:
    async with listening() as listener:
        listener.book.failing = IntakeClosedError("the disk is nearly full", retry_after_seconds=30)
        reply = await listener.cin7(HOOK)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "30")
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert msgspec.json.decode(reply.body)["detail"] == "Nothing is accepted now: the disk is nearly full."


async def test_a_defect_of_ours_is_500_and_never_200() -> None:
    async with listening() as listener:
        listener.book.failing = RuntimeError("a defect")
        assert (await listener.cin7(HOOK)).status == 500


@pytest.mark.parametrize(
    "path", [*PATHS.values(), "/", "/intake", "/health", "/intake/cin7/Sale", "/intake/cin7/a/b/c"]
)
async def test_what_is_not_configured_is_not_there(path: str) -> None:
    async with listening(Doors()) as listener:
        for method in ("POST", "GET", "OPTIONS"):
            reply = await listener.send(method, path, HOOK, {"Authorization": "Bearer "})
            assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("door", PATHS)
async def test_other_methods_are_not_for_a_door(door: str) -> None:
    async with listening() as listener:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", *(() if door == "eventgrid" else ("OPTIONS",))):
            reply = await listener.send(method, PATHS[door])
            assert reply.status == 405
            assert "POST" in reply.headers["Allow"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"{TOKEN}"]
)
async def test_the_bearer_token_is_needed(authorization: str | None) -> None:
    async with listening() as listener:
        headers = {"Authorization": authorization} if authorization is not None else {}
        reply = await listener.post("cin7", HOOK, headers)
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert listener.book.calls == 0
        assert b"AB-1" not in reply.body


async def test_two_authorizations_are_none() -> None:
    async with (
        listening() as listener,
        raw(listener, head(f"{BEARER}Content-Length: 2\r\nConnection: close\r\n") + "{}") as (reader, _),
    ):
        assert (await answered(reader)).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("proof", [BEARER, ""])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(proof: str) -> None:
    text = head("Content-Length: 2097153\r\n").replace(BEARER, proof)
    async with listening() as listener, raw(listener, text) as (reader, _), asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        assert listener.book.calls == 0


async def test_a_body_that_does_not_say_so_is_cut_at_the_bound_and_not_gathered() -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    sent = 0
    async with listening(limits=Limits(body=100_000)) as listener:
        async with raw(listener, head("Transfer-Encoding: chunked\r\n")) as (reader, writer), asyncio.timeout(10):
            first = asyncio.create_task(reader.readline())
            while not first.done():
                writer.write(chunk)
                sent += len(chunk)
                await writer.drain()
                await asyncio.sleep(0)
            assert (await first).startswith(b"HTTP/1.1 413")
        assert sent < 16_000_000  # what sockets hold on the way, not what somebody sends
        assert listener.book.calls == 0


async def test_the_largest_body_there_may_be_is_read() -> None:
    async with listening() as listener:
        body = HOOK + b" " * (2 * 1024 * 1024 - len(HOOK))
        assert (await listener.cin7(body)).status == 200


async def test_all_bodies_together_are_bounded_too() -> None:
    async with listening(limits=Limits(bodies=1000)) as listener:
        listener.book.committed.clear()
        first = asyncio.create_task(listener.cin7(HOOK + b" " * 900))
        await until(lambda: listener.book.calls == 1)
        reply = await listener.cin7(HOOK + b" " * 200)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
        listener.book.committed.set()
        assert (await first).status == 200
        assert (await listener.cin7(HOOK + b" " * 900)).status == 200


async def test_a_compressed_body_is_not_unpacked() -> None:
    async with listening() as listener:
        reply = await listener.post(
            "cin7", b"\x1f\x8b", {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}
        )
        assert reply.status == 415


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with listening(limits=Limits(body_seconds=0.05)) as listener:
        async with raw(listener, head("Content-Length: 100\r\n") + "{") as (reader, _), asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        assert listener.book.calls == 0


@pytest.mark.parametrize("text", ["", "POST /intake", f"POST {PATHS['cin7']} HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_headers_that_do_not_come_are_not_waited_for(text: str) -> None:
    async with listening(limits=Limits(header_seconds=0.05)) as listener, raw(listener, text) as (reader, _):
        assert await answered(reader) == b""


async def test_headers_of_a_second_request_are_not_waited_for_either() -> None:
    async with (
        listening(limits=Limits(header_seconds=0.2)) as listener,
        raw(listener, head("Content-Length: 2\r\n") + "{}") as (reader, writer),
    ):
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"POST /int")
        assert await answered(reader) == b""


async def test_a_commit_takes_as_long_as_it_takes() -> None:
    async with listening(limits=Limits(header_seconds=0.05, body_seconds=0.05, idle_seconds=0.05)) as listener:
        listener.book.committed.clear()
        sending = asyncio.create_task(listener.cin7(HOOK))
        await until(lambda: listener.book.calls == 1)
        cut = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.1, cut.set_result, None)
        await cut
        listener.book.committed.set()
        assert (await sending).status == 200


async def test_an_idle_connection_is_kept_for_a_while_and_then_closed() -> None:
    loop = asyncio.get_running_loop()
    async with (
        listening(limits=Limits(header_seconds=0.02, idle_seconds=0.1)) as listener,
        raw(listener, head("Content-Length: 2\r\n") + "{}") as (reader, _),
    ):
        began = loop.time()
        assert (await answered(reader)).startswith(b"HTTP/1.1 200")
        assert loop.time() - began >= 0.09


async def test_more_connections_than_there_may_be_are_closed_at_once() -> None:
    text = head("Content-Length: 2\r\n") + "{}"
    async with listening(limits=Limits(connections=2)) as listener, raw(listener, "") as (kept, _):
        async with raw(listener, ""):
            async with raw(listener, text) as (reader, _):
                assert await answered(reader) == b""
            assert listener.book.calls == 0
        async with asyncio.timeout(10):
            while listener.book.calls == 0:  # the listener hears a little later that there is room again
                async with raw(listener, text) as (reader, _):
                    await reader.readline()
        assert not kept.at_eof()


@pytest.mark.parametrize(
    "text",
    [
        f"POST {PATHS['eventgrid']}?key={KEY} HTTP/1.1\r\nHost: x\r\nBad Header\x01: s3cret\r\n\r\n",
        f"POST {PATHS['eventgrid']}?key={KEY}\x01 HTTP/1.1\r\n\r\n",
        f"POST {PATHS['eventgrid']}?key={KEY}{'s3cret' * 2000} HTTP/1.1\r\n\r\n",
        "s3cret\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_neither_logged_nor_shown(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening() as listener, raw(listener, text) as (reader, _):
        answer = await answered(reader)
    assert answer.split()[1] == b"400"
    assert b"application/problem+json" in answer
    assert KEY not in answer.decode() + caplog.text
    assert "s3cret" not in answer.decode() + caplog.text


async def test_a_body_that_breaks_off_is_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as listener:
        async with raw(listener, head("Transfer-Encoding: chunked\r\n") + "not-a-size\r\n") as (reader, _):
            assert (await answered(reader)).split()[1] == b"400"
        async with raw(listener, head("Content-Length: 100\r\n") + "{"):
            pass
        assert (await listener.cin7(HOOK)).status == 200
    assert listener.book.calls == 1
    assert not caplog.records


async def test_nothing_of_a_refused_body_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening() as listener:
        for door in PATHS:
            reply = await listener.post(door, b'{"Name":"Jane Doe"}', {"Authorization": "Bearer s3cret"})
            assert 400 <= reply.status < 500
            assert b"Jane" not in reply.body
    assert "Jane" not in caplog.text
    assert "s3cret" not in caplog.text


def test_no_secret_is_nobodys_secret() -> None:
    assert is_same("x", "x")
    assert not is_same("", "")
    assert not is_same("\udcff", "x")


def test_no_secret_shows() -> None:
    shown = repr(DOORS) + repr(EventGrid(topic=GRID_TOPIC, key=KEY)) + str(DOORS)
    assert TOKEN not in shown
    assert KEY not in shown
    assert json.dumps(GRID_TOPIC)[1:-1] in shown
