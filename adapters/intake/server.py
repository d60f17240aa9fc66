"""The doors on `[intake] bind`: where senders push to. Each is 404 unless configured.

A request goes configured → declared size → what proves the sender without the body → body, bounded in bytes and time →
signature → read → `accept` → 200. So 200 says that the events are on disk, and nothing of a body that failed its check
is kept, logged or shown. A body that comes from where it should and cannot be understood is accepted as unreadable: it
would only come again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from actors.domain.notification import Delivery, IntakeClosedError
from actors.domain.time import Clock
from adapters.intake import eventgrid
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.connections import Connection, Connections
from adapters.intake.errands import Errands
from adapters.intake.eventgrid import EventGrid
from adapters.intake.keys import KeySet
from adapters.intake.platform import read_notifications
from adapters.intake.ports import CIN7, EVENTGRID, PUBSUB, SNS, Accept
from adapters.intake.proof import bearer_of, is_same, unproven
from adapters.intake.pubsub import PubSub, PubSubDoor, read_push
from adapters.intake.reading import BodyReader, Limits
from adapters.intake.sns import CONFIRMATION, NOTIFICATION, SnsDoor
from adapters.operator.answers import Handler, document, problems
from adapters.operator.problems import ProblemError
from adapters.transport import Transport

_CLOSE_SECONDS = 5.0
_BACKLOG = 256

_log = logging.getLogger(__name__)


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """Which doors are open. `cin7_token` is the bearer token of Cin7 Core's webhooks ("": no such door).

    `sns_topics` are the topics' ARNs (none: no such door). `sns_certificates` is for a local double only: the base
    address that SNS's certificates and confirmations must lie under instead of the hosts of AWS.
    """

    cin7_token: str = ""
    sns_topics: frozenset[str] = frozenset()
    sns_certificates: str = ""
    pubsub: PubSub | None = None
    eventgrid: EventGrid | None = None

    def __repr__(self) -> str:
        return (
            f"Doors(cin7={bool(self.cin7_token)}, sns_topics={sorted(self.sns_topics)!r}, pubsub={self.pubsub!r},"
            f" eventgrid={self.eventgrid!r})"
        )


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
    errands = Errands()
    hall = _Hall(accept, doors, clock=clock, fetch=fetch, errands=errands, bodies=BodyReader(limits))
    runner = web.AppRunner(_application(hall, doors), access_log=None, shutdown_timeout=_CLOSE_SECONDS)
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
        await errands.close()


def _application(hall: _Hall, doors: Doors) -> web.Application:
    """Return the application with a route per open door."""
    app = web.Application(middlewares=[_timed, problems, _closing])
    if doors.cin7_token:
        app.router.add_post("/intake/cin7/{record:[A-Za-z]{1,40}}/{event:[A-Za-z]{1,40}}", hall.cin7)
    if doors.sns_topics:
        app.router.add_post("/intake/commercetools/sns", hall.sns)
    if doors.pubsub is not None:
        app.router.add_post("/intake/commercetools/pubsub", hall.pubsub)
    if doors.eventgrid is not None:
        app.router.add_options("/intake/commercetools/eventgrid", hall.eventgrid_handshake)
        app.router.add_post("/intake/commercetools/eventgrid", hall.eventgrid)
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
    """The handlers: one per door. Those of a door that is not configured are never routed to."""

    def __init__(
        self, accept: Accept, doors: Doors, *, clock: Clock, fetch: Transport, errands: Errands, bodies: BodyReader
    ) -> None:
        self._accept = accept
        self._bodies = bodies
        self._cin7_token = doors.cin7_token
        self._eventgrid = doors.eventgrid or EventGrid(topic="", key="")
        self._sns = SnsDoor(
            doors.sns_topics, fetch=fetch, clock=clock, errands=errands, certificates=doors.sns_certificates
        )
        pubsub = doors.pubsub or PubSub(audience="", service_account="")
        keys = KeySet(pubsub.keys_url, fetch, clock, errands)
        self._pubsub = PubSubDoor(pubsub, keys, clock)
        if doors.pubsub is not None:
            errands.start(keys.refresh_forever())

    async def cin7(self, request: web.Request) -> web.Response:
        self._bodies.refuse_declared(request)
        if not is_same(bearer_of(request), self._cin7_token):
            raise unproven("The bearer token is missing or wrong.")
        kind = f"{request.match_info['record']}/{request.match_info['event']}"
        async with self._bodies.body_of(request) as body:
            return await self._accepted(CIN7, read_hook(kind, body))

    async def sns(self, request: web.Request) -> web.Response:
        self._bodies.refuse_declared(request)
        async with self._bodies.body_of(request) as body:
            envelope = self._sns.verified(body)
            if envelope.type == NOTIFICATION:
                return await self._accepted(SNS, [read_notifications(envelope.message.encode())])
        if envelope.type == CONFIRMATION:
            await self._sns.confirm(envelope)
        else:
            _log.warning("SNS sends nothing of topic %s any more: its subscription was ended", envelope.topic_arn)
        return web.Response()

    async def pubsub(self, request: web.Request) -> web.Response:
        self._bodies.refuse_declared(request)
        self._pubsub.require_token(bearer_of(request))
        async with self._bodies.body_of(request) as body:
            return await self._accepted(PUBSUB, [read_push(body)])

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

    async def _accepted(self, door: str, deliveries: Sequence[Delivery]) -> web.Response:
        await self._accept(door, deliveries)
        return web.Response()
