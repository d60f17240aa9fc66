"""A double behind real HTTP: the same handler that serves memory serves a socket on loopback.

Nothing is interpreted on the way. Path and query arrive as they were written, redirects and compression are the
handler's business, and a handler that cuts the connection has its socket closed without a byte.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from adapters.sandbox.faults import DropConnectionError
from adapters.transport import Request, Response

Handler = Callable[[Request], Awaitable[Response]]

_MAX_BODY_BYTES = 16 * 1024 * 1024
# The server computes these itself; a second one from the handler would contradict the first.
_HEADERS_OF_THE_WIRE = frozenset({"content-length", "transfer-encoding", "connection", "date"})


@asynccontextmanager
async def serve(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve `handler` over HTTP/1.1 while the block runs; yields the bound port (chosen by the kernel for 0).

    `Request.url` is `http://<Host header><path and query exactly as sent>`, header names are lower case.
    `DropConnectionError` from the handler closes the socket without an answer. Leaving the block stops the listener
    and ends exchanges still open.

    Raises:
        OSError: the address cannot be bound.
    """

    async def answer(incoming: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await handler(await _request(incoming))
        except DropConnectionError:
            _cut(incoming)
            return web.Response()
        return _answer(response)

    # A low-level server has no router, hence no habits: no 404 of its own, no path normalisation.
    server = web.Server(answer, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield _bound_port(runner)
    finally:
        await runner.cleanup()


async def _request(incoming: web.BaseRequest) -> Request:
    body = await incoming.content.read(_MAX_BODY_BYTES + 1)
    while not incoming.content.at_eof() and len(body) <= _MAX_BODY_BYTES:
        body += await incoming.content.read(_MAX_BODY_BYTES)
    if len(body) > _MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(max_size=_MAX_BODY_BYTES, actual_size=len(body))
    return Request(
        method=incoming.method,
        url=f"http://{incoming.host}{incoming.raw_path}",
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=body or None,
    )


def _answer(response: Response) -> web.Response:
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _HEADERS_OF_THE_WIRE}
    return web.Response(status=response.status, headers=headers, body=response.body)


def _cut(incoming: web.BaseRequest) -> None:
    if incoming.transport is not None:
        incoming.transport.abort()


def _bound_port(runner: web.ServerRunner) -> int:
    address = runner.addresses[0]
    return int(address[1])
