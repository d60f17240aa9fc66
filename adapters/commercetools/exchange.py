"""One exchange with commercetools: a request under a token, and what its answer means.

A *read* is asked up to three times, with growing pauses on the injected clock, when no clear answer came. A *write* is
one request: its intent is on disk first, and without a clear answer it is in doubt. The one thing sent twice is a
request refused for its token (401), which by then was certainly not executed. A limit answer is handed to the caller.
"""

from __future__ import annotations

import random as randomness
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import anyio
import msgspec

from actors.domain.calls import Purpose
from actors.domain.crashpoints import Probe, WritePhase, write_point
from actors.domain.errors import Limited, Transient, WireError
from actors.domain.time import Clock, Instant
from actors.domain.tracing import NoTracer, Tracer
from actors.governor.journal import CallJournal, Intent
from adapters.commercetools import wire
from adapters.commercetools.answers import SIDE, failure, unclear
from adapters.commercetools.queries import Query
from adapters.commercetools.token import TokenSource
from adapters.transport import AnswerLostError, NotSentError, Request, Response, Transport

_T = TypeVar("_T")
_READ_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.2
_ONE_TIMEOUT_SECONDS = 30.0
PAGE_TIMEOUT_SECONDS = 60.0
_USER_AGENT = "tallyd/0.1.0"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request before it has a token."""

    purpose: Purpose
    method: str
    path: str
    query: Query = ()
    body: bytes | None = None
    seconds: float = _ONE_TIMEOUT_SECONDS


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, when the request left and the answer was there, and until when the request may still take effect."""

    body: bytes
    until: Instant
    began_at: Instant
    ended_at: Instant


class Exchanges:
    """What every call of the client is made with. It knows no record."""

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        journal: CallJournal,
        probe: Probe,
        project_key: str,
        api_url: str,
        auth_url: str,
        client_id: str,
        client_secret: str,
        max_in_flight: int,
        random: randomness.Random,
        tracer: Tracer | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._transport = transport
        self._may_write = may_write
        self._tracer: Tracer = tracer if tracer is not None else NoTracer()
        self._clock = clock
        self._journal = journal
        self._probe = probe
        self._base = f"{api_url.rstrip('/')}/{quote(project_key, safe='')}"
        self._random = random
        self._seats = anyio.CapacityLimiter(max_in_flight)
        self._tokens = TokenSource(
            transport, clock, auth_url=auth_url, client_id=client_id, client_secret=client_secret
        )

    async def _results(self, purpose: Purpose, path: str, query: Query) -> list[msgspec.Raw]:
        """Read a page of a list and leave its rows as they came."""
        body = await self._read(purpose, path, query, seconds=PAGE_TIMEOUT_SECONDS)
        return self._decoded(body, wire.Page, purpose).results

    async def _read(
        self, purpose: Purpose, path: str, query: Query = (), *, seconds: float = _ONE_TIMEOUT_SECONDS
    ) -> bytes:
        return (await self._timed_read(purpose, path, query, seconds=seconds)).body

    async def _timed_read(
        self, purpose: Purpose, path: str, query: Query = (), *, seconds: float = _ONE_TIMEOUT_SECONDS
    ) -> Exchange:
        call = Call(purpose=purpose, method="GET", path=path, query=query, seconds=seconds)

        async def once() -> Exchange:
            token = await self._tokens.token()
            async with self._seats:
                return await self._exchange(call, token)

        return await self._patiently(once)

    async def _patiently(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Ask up to three times; a limit answer is handed on at once."""
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_READ_TRIES - 1):
            try:
                return await once()
            except Limited:
                raise
            except Transient:
                await self._clock.sleep(pause * (1 + self._random.random()))
                pause *= 2
        return await once()

    async def _write(self, intent: Intent, path: str, payload: dict[str, Any]) -> tuple[bytes, Instant]:
        """Send one write; return the body and the last instant at which it may take effect."""
        sent = await self._timed_write(intent, path, payload)
        return sent.body, sent.until

    async def _timed_write(self, intent: Intent, path: str, payload: dict[str, Any], query: Query = ()) -> Exchange:
        call = Call(purpose=intent.purpose, method="POST", path=path, query=query, body=msgspec.json.encode(payload))
        token = await self._tokens.token()
        # The seat first: what is on disk as about to be sent leaves now, by what is known now.
        async with self._seats:
            return await self._intended(intent, call, token)

    async def _intended(self, intent: Intent, call: Call, token: str) -> Exchange:
        purpose = intent.purpose
        self._probe(write_point(purpose, WritePhase.DECIDED))
        intent.call_id = await self._journal.begin(intent, at=self._clock.now())
        self._probe(write_point(purpose, WritePhase.INTENDED))
        if purpose is not Purpose.CT_WRITE_LEASE and not self._may_write():
            self._probe(write_point(purpose, WritePhase.ANSWERED))
            raise Transient("lease_lost", side=SIDE, operation=purpose.operation)
        try:
            answer = await self._exchange(call, token)
        except WireError:
            self._probe(write_point(purpose, WritePhase.ANSWERED))
            raise
        self._probe(write_point(purpose, WritePhase.ANSWERED))
        return answer

    async def _exchange(self, call: Call, token: str) -> Exchange:
        """Send, once more with a new token if this one was refused, and judge; the caller has a seat.

        Even an answer is no proof that the work is over: a gateway may give up before the server behind it does.
        """
        response, sent = await self._send(call, token)
        if response.status == 401:
            self._tokens.forget(token)
            response, sent = await self._send(call, await self._tokens.token())
        error = failure(response, call.purpose, now=self._clock.now(), until=sent.until)
        if error is not None:
            raise error
        return sent

    async def _send(self, call: Call, token: str | None) -> tuple[Response, Exchange]:
        request = Request(
            method=call.method,
            url=self._base + call.path + (f"?{urlencode(call.query, quote_via=quote)}" if call.query else ""),
            headers=self._headers(token, call.body),
            body=call.body,
            timeout_seconds=call.seconds,
        )
        began_at = self._clock.now()
        try:
            with self._tracer.span(call.purpose.value):
                response = await self._transport.send(request)
        except NotSentError as error:
            raise Transient("not_sent", side=SIDE, operation=call.purpose.operation) from error
        except AnswerLostError as error:
            until = self._latest_arrival(began_at, call)
            raise unclear("no_answer", call.purpose, until=until, detail=str(error)) from error
        ended_at, until = self._clock.now(), self._latest_arrival(began_at, call)
        return response, Exchange(body=response.body, until=until, began_at=began_at, ended_at=ended_at)

    def _latest_arrival(self, sent_at: Instant, call: Call) -> Instant:
        return max(sent_at + round(call.seconds * 1000), self._clock.now())

    def _headers(self, token: str | None, body: bytes | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
            "X-Correlation-ID": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _decoded(self, body: bytes, kind: type[_T], purpose: Purpose, until: Instant = 0) -> _T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unclear("malformed", purpose, until=until, detail=str(error)) from None


def rows_of(purpose: Purpose, reading: Callable[[], list[_T]]) -> list[_T]:
    """Read the rows of a page; one without an id makes the page malformed."""
    try:
        return reading()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unclear("malformed", purpose, until=0, detail=str(error)) from None
