"""How much of a sender's body is read, and for how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from adapters.operator.problems import ProblemError

_BROKEN_OFF = (aiohttp.ClientError, web.RequestPayloadError, HttpProcessingError, OSError)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one listener spends on senders: bytes and seconds.

    `body` bounds one body and `bodies` all that are held at once; `body_seconds` is for the whole body,
    `header_seconds` from a request's first byte (or the connection's beginning) to the end of its headers,
    `idle_seconds` how long a connection is kept between requests, and `lingering_seconds` how long what was refused
    unread is still thrown away, so that the sender reads why.
    """

    body: int = 2 * 1024 * 1024
    bodies: int = 128 * 1024 * 1024
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    idle_seconds: float = 75.0
    lingering_seconds: float = 2.0
    connections: int = 512


class BodyReader:
    """Reads bodies piece by piece, never more than is allowed, and knows how much is held."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of bodies in memory now."""
        return self._held

    def refuse_declared(self, request: web.Request) -> None:
        """Refuse by the headers alone what would be refused anyway, or unpacked into more than it says.

        Raises:
            ProblemError: 413, or 415 for a compressed body: no sender documents one.
        """
        if (request.content_length or 0) > self._limits.body:
            raise self._too_large()
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise ProblemError(415, "Bodies are read uncompressed only.")

    @asynccontextmanager
    async def body_of(self, request: web.Request) -> AsyncIterator[bytes]:
        """Read the body; it counts as held until the block ends.

        Raises:
            ProblemError: 400 (it broke off), 408, 413, or 429 where too much is held.
        """
        body = bytearray()
        try:
            await self._fill(body, request)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _fill(self, body: bytearray, request: web.Request) -> None:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for part in request.content.iter_any():
                    body += part
                    self._held += len(part)
                    self._refuse_excess(len(body))
        except TimeoutError:
            raise ProblemError(408, f"The body took longer than {self._limits.body_seconds:g} seconds.") from None
        except _BROKEN_OFF:
            raise ProblemError(400, "The body broke off.") from None

    def _refuse_excess(self, size: int) -> None:
        if size > self._limits.body:
            raise self._too_large()
        if self._held > self._limits.bodies:
            raise ProblemError(429, "Too much is being read at once.", headers={"Retry-After": "1"})

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"The body is larger than {self._limits.body} bytes.")
