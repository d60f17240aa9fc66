"""The API of the audit and of the operating model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

Document = Mapping[str, Any]


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, the newest first; "" narrows nothing. `record` is exact, `after` the id the last page ended with."""

    author: str = ""
    action: str = ""
    record: str = ""
    first: str = ""
    last: str = ""
    after: int = 0
    limit: int = 100


class RecordReading(Protocol):
    """Audit and operating model. Methods may raise `ProblemError`."""

    async def audit(self, query: AuditQuery) -> Document:
        """`{"items": [{"id", "at", "author", "action", "record", "detail": {…}, "hash"}], "next", "head"}`."""
        ...

    async def audit_csv(self, query: AuditQuery) -> tuple[str, int | None]:
        """A page of the same as CSV, and where to go on."""
        ...

    async def verify(self) -> Document:
        """`{"holds": bool, "rows": n, "head": hash, "broken_at": id|None, "why": text}`."""
        ...

    async def model(self) -> Document:
        """`{"hash", "text", "sections": [{"title", "columns": [text], "rows": [[text]]}]}`: who masters what, triggers,
        frequencies, the owner of every exception, from the configuration in force."""
        ...


def routes(reading: RecordReading) -> list[web.RouteDef]:
    """Return the routes."""
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
