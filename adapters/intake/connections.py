"""The connections of the listener: so many and no more, and none that keeps it waiting for headers."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from adapters.intake.reading import Limits
from adapters.operator.answers import problem
from adapters.operator.problems import ProblemError

_log = logging.getLogger(__name__)


class Connections:
    """Makes a protocol per connection, and counts them."""

    def __init__(self, server: web.Server, limits: Limits) -> None:
        self._server = server
        self.limits = limits
        self.open: set[Connection] = set()

    def __call__(self) -> Connection:
        """Return the protocol of a new connection, as the event loop asks for it."""
        return Connection(self, self._server)


class Connection(web.RequestHandler):
    """aiohttp's protocol of one connection, with a timer for headers, which it has not.

    The timer runs from the connection's beginning, and from the first byte after an answer, until a request's headers
    are complete. What is no HTTP is answered as a problem, and neither logged nor shown again: aiohttp does both.
    """

    __slots__ = ("_asked", "_connections", "_timer")

    def __init__(self, connections: Connections, server: web.Server) -> None:
        limits = connections.limits
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.lingering_seconds,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]
            logger=_log,
        )
        self._connections = connections
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many."""
        if len(self._connections.open) >= self._connections.limits.connections:
            transport.close()
            return
        self._connections.open.add(self)
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, error: BaseException | None) -> None:
        """End."""
        self._stop_timer()
        if self in self._connections.open:
            self._connections.open.discard(self)
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first ones of a request start its timer."""
        if self not in self._connections.open:
            return
        if data and not self._asked and self._timer is None:
            self._start_timer()
        super().data_received(data)

    def headers_read(self) -> None:
        """Stop the timer: the headers are complete."""
        self._asked = True
        self._stop_timer()

    def answered(self) -> None:
        """Expect the next request."""
        self._asked = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not read."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was sent already")
        response = problem(ProblemError(400, "This is not a request that can be read."))
        response.headers["Server"] = "tallyd"
        response.force_close()
        return response

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._connections.limits.header_seconds, self.force_close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
