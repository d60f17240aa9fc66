"""The API of the audit and of the operating model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from adapters.operator import schema
from adapters.operator.answers import csv_stream, document
from adapters.operator.parameters import MOST_ROWS, falls, known, limit, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.schema import DAY, NEXT, TEXT, WHOLE, array, ref, structure

Document = Mapping[str, Any]

AUDIT_SORTS = ("id", "author", "action", "record")

_HASH = re.compile(r"[0-9a-f]{12,64}")
"""A hash of the audit's chain, or how one begins: twelve digits are told apart by no accident."""


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; "" narrows nothing; what is named is named exactly.

    `first` and `last` are days (UTC), both included. They are sorted by one of `AUDIT_SORTS`; `after` is the `next` of
    the page before.
    """

    author: str = ""
    action: str = ""
    record: str = ""
    first: str = ""
    last: str = ""
    sort: str = "id"
    descending: bool = True
    after: str = ""
    limit: int = 100


class RecordReading(Protocol):
    """Audit and operating model. Methods may raise `ProblemError`."""

    async def audit(self, query: AuditQuery) -> Document:
        """`{"items": [{"id", "at", "author", "action", "record", "detail": {…}, "hash"}], "next", "head"}`."""
        ...

    async def audit_csv(self, query: AuditQuery) -> tuple[str, str | None]:
        """A page of the same as CSV, with the names of the columns on the first one, and where to go on."""
        ...

    async def verify(self, *, seen: str = "") -> Document:
        """`{"holds": bool, "rows": n, "head": hash, "broken_at": id|None, "why": text, "unchained": n, "seen":
        bool|None}`. `seen`: a hash noted earlier (or how it begins) that has to be that of a row."""
        ...

    async def model(self) -> Document:
        """`{"hash", "text", "signatures", "sections": [{"title", "columns": [text], "rows": [[text]]}]}`: who masters
        what, triggers, frequencies, the owner of every exception, from the configuration in force. `hash` is the
        SHA-256 of `text`."""
        ...


def routes(reading: RecordReading) -> list[web.RouteDef]:
    """Return the routes."""
    desk = _Records(reading)
    return [
        web.get("/api/audit", desk.audit),
        web.get("/api/audit.csv", desk.audit_csv),
        web.get("/api/audit/verify", desk.verify),
        web.get("/api/model", desk.model),
    ]


class _Records:
    """The handlers."""

    def __init__(self, reading: RecordReading) -> None:
        self._reading = reading

    async def audit(self, request: web.Request) -> web.Response:
        known(request, *_FILTERS, "after", "limit")
        after = request.query.get("after", "")
        query = msgspec.structs.replace(_query(request), after=after, limit=limit(request))
        return document(await self._reading.audit(query))

    async def audit_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_FILTERS)
        query = msgspec.structs.replace(_query(request), limit=MOST_ROWS)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.audit_csv(msgspec.structs.replace(query, after=after))

        return await csv_stream(request, read, name="audit.csv")

    async def verify(self, request: web.Request) -> web.Response:
        known(request, "head")
        seen = request.query.get("head", "").strip().lower()
        if seen and not _HASH.fullmatch(seen):
            raise ProblemError(400, "head must be a hash of the audit: 12 to 64 hexadecimal digits.")
        return document(await self._reading.verify(seen=seen))

    async def model(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.model())


_FILTERS = ("author", "action", "record", "from", "to", "sort", "order")


def _query(request: web.Request) -> AuditQuery:
    text = request.query.get
    return AuditQuery(
        author=text("author", ""),
        action=text("action", ""),
        record=text("record", ""),
        first=text("from", ""),
        last=text("to", ""),
        sort=one_of(request, "sort", AUDIT_SORTS) or "id",
        descending=falls(request, default="desc"),
    )


_TEXTS = array(TEXT)


_NARROWING = (
    schema.query("author", "Who did it, exactly."),
    schema.query("action", "What was done, exactly: retry, release, pause …"),
    schema.query("record", "To what, exactly: `order:ID`, `sku:SKU`, `flow:NAME`, `exception:ID` …"),
    schema.query("from", "The first day (UTC).", DAY),
    schema.query("to", "The last day (UTC).", DAY),
    schema.query("sort", "id (default: by time), author, action or record.", {**TEXT, "enum": list(AUDIT_SORTS)}),
    schema.query("order", "asc or desc (default).", {**TEXT, "enum": ["asc", "desc"]}),
)

PATHS: dict[str, Any] = {
    "/api/audit": schema.read_as(
        "What people did, the newest first unless sorted otherwise.",
        "application/json",
        ref("AuditPage"),
        *_NARROWING,
        schema.AFTER,
        schema.query("limit", f"At most so many rows (1 to {MOST_ROWS}, default 100).", WHOLE),
    ),
    "/api/audit.csv": schema.read_as("The same as a table, whole.", "text/csv", TEXT, *_NARROWING),
    "/api/audit/verify": schema.read_as(
        "Whether the audit is what was written: every row holds the hash of the one before.",
        "application/json",
        ref("AuditVerdict"),
        schema.query("head", "A hash noted earlier, or its first 12 digits: it has to be that of a row."),
    ),
    "/api/model": schema.read_as(
        "The operating model: who masters what, when what is done, who owns what.",
        "application/json",
        ref("OperatingModel"),
    ),
}
"""The OpenAPI paths of the routes."""


SCHEMAS: dict[str, Any] = {
    "AuditPage": structure(
        items={
            "type": "array",
            "items": structure(
                id=WHOLE,
                at={"type": "string", "format": "date-time"},
                author=TEXT,
                action=TEXT,
                record=TEXT,
                detail={"type": "object", "additionalProperties": TEXT},
                hash=TEXT,
            ),
        },
        next=NEXT,
        head={**TEXT, "description": "The hash of the newest row of all."},
    ),
    "AuditVerdict": structure(
        holds={"type": "boolean"},
        rows={**WHOLE, "description": "How many fit, from the first on."},
        head={**TEXT, "description": "The hash of the last row that fits."},
        unchained={**WHOLE, "description": "Of those, written before there was a chain."},
        broken_at={"type": ["integer", "null"], "description": "The first row that does not fit."},
        why=TEXT,
        seen={"type": ["boolean", "null"], "description": "Whether a row has the hash asked for."},
    ),
    "OperatingModel": structure(
        hash={**TEXT, "description": "SHA-256 of the text."},
        text=TEXT,
        signatures={**TEXT, "description": "What stands below it, to be filled in by hand."},
        sections={
            "type": "array",
            "items": structure(title=TEXT, columns=_TEXTS, rows={"type": "array", "items": _TEXTS}),
        },
    ),
}
"""The OpenAPI schemas they name."""
