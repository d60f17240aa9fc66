"""One HTTP exchange, without a library's habits: no redirects, no repeats, no cookies.

Both clients speak through a `Transport`, so the same code runs over aiohttp, or in a simulation over memory on a
virtual clock. The two ways an exchange can fail differ in the only thing that matters for a write: whether the request
may have been seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. `url` is absolute and complete with its query; `timeout_seconds` bounds the whole exchange."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    timeout_seconds: float = 60.0


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class NotSentError(Exception):
    """The request never left: no connection could be made. Nothing was executed."""


class AnswerLostError(Exception):
    """The request left, no complete answer came (timeout, reset, truncated). It may have been executed."""


class Transport(Protocol):
    """Something that can make one exchange."""

    async def send(self, request: Request) -> Response:
        """Make exactly one exchange.

        Raises:
            NotSentError: certainly not seen by the other side.
            AnswerLostError: perhaps seen.
        """
        ...
