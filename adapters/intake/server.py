"""The doors on `[intake] bind`: where senders push to. Each is 404 unless configured.

A request goes configured → declared size → what proves the sender without the body → body, bounded in bytes and time →
signature → read → `accept` → 200. So 200 says that the events are on disk, and nothing of a body that failed its check
is kept, logged or shown. A body that comes from where it should and cannot be understood is accepted as unreadable: it
would only come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from actors.domain.notification import Delivery, IntakeClosedError
from actors.domain.time import Clock
from adapters.intake import eventgrid
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.connections import Connection, Connections
from adapters.intake.eventgrid import EventGrid
from adapters.intake.ports import CIN7, EVENTGRID, Accept
from adapters.intake.proof import bearer_of, is_same, unproven
from adapters.intake.reading import BodyReader, Limits
from adapters.operator.answers import Handler, document, problems
from adapters.operator.problems import ProblemError
from adapters.transport import Transport

_CLOSE_SECONDS = 5.0
_BACKLOG = 256


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """Which doors are open. `cin7_token` is the bearer token of Cin7 Core's webhooks ("": no such door)."""

    cin7_token: str = ""
    eventgrid: EventGrid | None = None

    def __repr__(self) -> str:
        return f"Doors(cin7={bool(self.cin7_token)}, eventgrid={self.eventgrid!r})"


@asynccontextmanager
async def intake_server(
    bind: str, accept: Accept, doors: Doors, *, clock: Clock, fetch: Transport, limits: Limits | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Listen on `host:port` (port 0: the machine chooses) until the block ends; yield the address bound.

    `fetch` brings the keys and certificates that signatures are verified with, never on the way of an event.

    Raises:
        OSError: the address cannot be bound.
    """
    limits = limits or Limits()
    host, _, port = bind.rpartition(":")
    runner = web.AppRunner(build(accept, doors, limits=limits), access_log=None, shutdown_timeout=_CLOSE_SECONDS)
    await runner.setup()
    try:
        assert runner.server is not None  # noqa: S101 -- set up above
        listener = await asyncio.get_running_loop().create_server(
            Connections(runner.server, limits), host.strip("[]"), int(port), backlog=_BACKLOG
        )
        try:
            bound = listener.sockets[0].getsockname()
            yield bound[0], bound[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()


def build(accept: Accept, doors: Doors, *, limits: Limits) -> web.Application:
    """Return the application with a route per open door."""
    hall = _Hall(accept, doors, BodyReader(limits))
    app = web.Application(middlewares=[_timed, problems, _closing])
    if doors.cin7_token:
        app.add_routes([web.post("/intake/cin7/{record:[A-Za-z]{1,40}}/{event:[A-Za-z]{1,40}}", hall.cin7)])
    if doors.eventgrid is not None:
        here = "/intake/commercetools/eventgrid"
        app.add_routes([web.options(here, hall.eventgrid_handshake), web.post(here, hall.eventgrid)])
    return app


@web.middleware
async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection where a request begins and ends."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.headers_read()
    try:
        response = await handler(request)
        if response.status in (408, 413):
            response.force_close()
        return response
    finally:
        connection.answered()


@web.middleware
async def _closing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask a sender to come again where nothing can be accepted."""
    try:
        return await handler(request)
    except IntakeClosedError as error:
        raise ProblemError(
            429, f"Nothing is accepted now: {error.reason}.", headers={"Retry-After": str(error.retry_after_seconds)}
        ) from None


class _Hall:
    """The handlers."""

    def __init__(self, accept: Accept, doors: Doors, bodies: BodyReader) -> None:
        self._accept = accept
        self._doors = doors
        self._bodies = bodies

    async def cin7(self, request: web.Request) -> web.Response:
        self._bodies.refuse_declared(request)
        if not is_same(bearer_of(request), self._doors.cin7_token):
            raise unproven("The bearer token is missing or wrong.")
        kind = f"{request.match_info['record']}/{request.match_info['event']}"
        async with self._bodies.body_of(request) as body:
            return await self._accepted(CIN7, read_hook(kind, body))

    async def eventgrid_handshake(self, request: web.Request) -> web.Response:
        eventgrid.require_key(request, self._eventgrid.key)
        return web.Response(headers=eventgrid.handshake(request.headers))

    async def eventgrid(self, request: web.Request) -> web.Response:
        self._bodies.refuse_declared(request)
        eventgrid.require_key(request, self._eventgrid.key)
        async with self._bodies.body_of(request) as body:
            told = eventgrid.read_events(body, topic=self._eventgrid.topic)
            if isinstance(told, eventgrid.Validation):
                return document(eventgrid.answer(told))
            return await self._accepted(EVENTGRID, told)

    @property
    def _eventgrid(self) -> EventGrid:
        assert self._doors.eventgrid is not None  # noqa: S101 -- routed only if it is configured
        return self._doors.eventgrid

    async def _accepted(self, door: str, deliveries: Sequence[Delivery]) -> web.Response:
        await self._accept(door, deliveries)
        return web.Response()
