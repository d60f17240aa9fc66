"""The wire itself: one `send` is at most one request, over aiohttp with its helpful habits switched off.

What aiohttp would do by itself and must not: follow redirects (custom auth headers would travel along), keep cookies,
take a proxy from the environment, and **repeat** an idempotent request when a kept-alive connection drops before the
answer (one governed call would be two on the wire; performance sheet, "The rate governor"). aiohttp 3.14 repeats on a
fresh connection as well, so closing each after use is not enough. The repeat is prevented with aiohttp's own means, a
client middleware: it sits inside the loop that would repeat, and turns "the connection dropped" into
`AnswerLostError`, which that loop does not catch.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from adapters.transport import AnswerLostError, NotSentError, Request, Response

_CONNECT_SECONDS = 10.0
_CHUNK_BYTES = 256 * 1024
_DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024

# What can only happen while there is no connection yet. Everything else may have been seen by the other side.
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


async def _never_repeat(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Pass one attempt on; a dropped connection leaves as an error that aiohttp's own retry does not know."""
    try:
        return await handler(request)
    except _NO_CONNECTION:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise AnswerLostError(type(error).__name__) from None


class HttpTransport:
    """A `Transport` over aiohttp, used as an async context manager.

    `reuse_connections` False closes each connection after its exchange (for Cin7 Core, where a call must be exactly one
    request and connections are cheap beside the rate limit). `max_body_bytes` bounds a decompressed answer; beyond it
    the answer counts as lost. Nothing is shielded here: who must not be cut half-way shields the call.
    """

    def __init__(self, *, reuse_connections: bool, max_body_bytes: int = _DEFAULT_MAX_BODY_BYTES) -> None:
        self._reuse_connections = reuse_connections
        self._max_body_bytes = max_body_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session; no connection is made yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=not self._reuse_connections, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_never_repeat,),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: Request) -> Response:
        """Make exactly one exchange; `request.timeout_seconds` bounds it from the first look-up to the last byte.

        Raises:
            NotSentError: no connection could be made.
            AnswerLostError: timeout, reset, truncated or oversized answer.
        """
        if self._session is None:
            raise RuntimeError("HttpTransport is used inside `async with`")
        # The causes are cut off (`from None`): aiohttp's errors show request headers, and those hold credentials.
        try:
            return await self._exchange(self._session, request)
        except _NO_CONNECTION as error:
            raise NotSentError(type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AnswerLostError(type(error).__name__) from None

    async def _exchange(self, session: aiohttp.ClientSession, request: Request) -> Response:
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=dict(request.headers),
            data=request.body,
            allow_redirects=False,
            timeout=_timeout(request.timeout_seconds),
        ) as answer:
            body = await self._whole_body(answer)
            return Response(status=answer.status, headers=_flat_headers(answer), body=body)

    async def _whole_body(self, answer: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in answer.content.iter_chunked(_CHUNK_BYTES):
            size += len(part)
            if size > self._max_body_bytes:
                raise AnswerLostError("answer too large")
            parts.append(part)
        return b"".join(parts)


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    # The connect timeout stays below the total, so that "could not connect in time" is told apart from "no answer";
    # aiohttp would round timeouts above 5 s up to a whole second of its loop: the threshold switches that off.
    connect = min(_CONNECT_SECONDS, seconds / 2)
    return aiohttp.ClientTimeout(total=seconds, connect=connect, sock_connect=connect, ceil_threshold=float("inf"))


def _flat_headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return headers
