"""Doubles behind real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.server import serve
from adapters.transport import Request, Response


class Recorder:
    def __init__(self) -> None:
        self.seen: list[Request] = []

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        if "drop" in request.url:
            raise DropConnectionError
        return Response(
            status=429, headers={"retry-after": "60 Seconds", "content-type": "text/plain"}, body=b"slow down"
        )


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_request_arrives_as_it_was_sent_and_the_answer_as_it_was_given(session: aiohttp.ClientSession) -> None:
    recorder = Recorder()
    async with serve(recorder.handle) as port:
        url = f"http://127.0.0.1:{port}/ExternalApi/v2/saleList"
        answer = await session.post(
            URL(f"{url}?Search=a%2Bb+c%20d&Empty=", encoded=True),
            data=b"x" * 300_000,
            headers={"Api-Auth-AccountId": "abc"},
        )
        assert (answer.status, answer.headers["Retry-After"], await answer.read()) == (429, "60 Seconds", b"slow down")
    request = recorder.seen[0]
    assert (request.method, request.url) == ("POST", f"{url}?Search=a%2Bb+c%20d&Empty=")
    assert request.headers["api-auth-accountid"] == "abc"
    assert request.body == b"x" * 300_000


async def test_a_cut_connection_gets_no_byte(session: aiohttp.ClientSession) -> None:
    async with serve(Recorder().handle) as port:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await session.post(f"http://127.0.0.1:{port}/drop")


async def test_the_port_is_free_after_the_block(session: aiohttp.ClientSession) -> None:
    async with serve(Recorder().handle) as port:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(f"http://127.0.0.1:{port}/")
    async with serve(Recorder().handle, port=port) as again:
        assert again == port
