"""The API of exceptions and incidents, and of what people do to them: one, several, or all that a filter matches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.exception_life import ExceptionFilter
from adapters.operator.access import Person
from adapters.operator.answers import csv_stream, document
from adapters.operator.parameters import PERSON, falls, known, limit, one_of
from adapters.operator.problems import ProblemError

Document = Mapping[str, Any]

STAGES = ("open", "assigned", "snoozed", "waiting", "reopened", "resolved")
SORTS = ("opened_at", "due_at", "severity", "type", "owner")
CAUSE_SORTS = ("count", "oldest_at", "due_at", "severity", "owner", "type")
ACTIONS = ("retry", "release", "dismiss", "assign", "snooze", "wake", "alias", "note", "address", "contact")


class ExceptionListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them: sorted by one of `SORTS`; `after` is the `next` of the page before, "" at first."""

    where: ExceptionFilter = ExceptionFilter()
    sort: str = "opened_at"
    descending: bool = False
    after: str = ""
    limit: int = 100


class Deed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person asks for. `ids` None: everything `where` matches at that moment.

    `to` is whom to assign to; `until` an instant (RFC 3339) to snooze until; `values` what alias, note, address and
    contact put in (`adapters.operator.patch_api`).
    """

    action: str
    ids: tuple[int, ...] | None = None
    where: ExceptionFilter = ExceptionFilter()
    reason: str = ""
    to: str = ""
    until: str = ""
    values: dict[str, str] = {}


DEED_STANDS = ("all", "under_way", "ended", "refused")
DEED_SORTS = ("at", "author", "action", "total", "done", "refused", "ended_at")


class DeedListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deeds: how they stand (one of `DEED_STANDS`), `text` part of the reason or of what else was asked for.

    They are sorted by one of `DEED_SORTS`; `after` is the `next` of the page before.
    """

    author: str = ""
    action: str = ""
    stands: str = "all"
    text: str = ""
    sort: str = "at"
    descending: bool = True
    after: str = ""
    limit: int = 100


OUTCOMES = ("waits", "done", "unchanged", "refused")
DEED_ITEM_SORTS = ("exception", "record", "outcome", "message")


class DeedItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which items of a deed: by outcome, `text` part of what was said or of the record's number.

    They are sorted by one of `DEED_ITEM_SORTS`; `after` is the `next` of the page before.
    """

    outcome: str = ""
    text: str = ""
    sort: str = "exception"
    descending: bool = False
    after: str = ""
    limit: int = 100


class DeskReading(Protocol):
    """Exceptions as people see and settle them. Methods may raise `ProblemError`."""

    async def exceptions(self, query: ExceptionListQuery) -> Document:
        """`{"items": [exception…], "next": token|None, "total": n}`.

        An exception is the shape of `/api/exceptions` (design §5) with `stage` (one of `STAGES`), `assignee`,
        `snoozed_until`, `reopens` and `holds` beside it.
        """
        ...

    async def exceptions_csv(
        self, where: ExceptionFilter, *, after: str, sort: str = "opened_at", descending: bool = False
    ) -> tuple[str, str | None]:
        """A page of the same as CSV (with the names of its columns where `after` is ""), and where to go on."""
        ...

    async def incidents(
        self, where: ExceptionFilter, *, after: str, limit: int, sort: str = "count", descending: bool = True
    ) -> Document:
        """Open exceptions by cause, sorted by one of `CAUSE_SORTS`: `{"items": [incident…], "next", "total"}`.

        An incident: `{"group", "type", "owner", "severity", "count", "oldest_at", "due_at", "cause", "sku", "field",
        "next_step", "steps", "example": exception id}`.
        """
        ...

    async def exception(self, exception_id: int) -> Document | None:
        """One exception, with `life` (`[{"at", "what", "author", "detail"}]`), `order` (the head of its order, or
        None), `siblings` (how many are open of its group) and `actions` (those of `ACTIONS` that fit it)."""
        ...

    async def preview(self, deed: Deed, person: Person) -> Document:
        """What would happen: `{"action", "count", "would": [{"what": text, "count": n}], "refused": [{"why", "count"}],
        "examples": [{"id", "number", "what"}], "calls": n, "minutes": x, "allowed": bool, "why_not": text}`.

        `calls` are calls of Cin7 Core, `minutes` how long they take behind what is queued already.
        """
        ...

    async def do(self, key: str, deed: Deed, person: Person) -> Document:
        """Do it; the same key is the same deed, however often it is sent. Return `deed(key)`.

        Raises:
            ProblemError: 403, a role is missing; 409, the key was used for another deed; 400, something is missing.
        """
        ...

    async def deeds(self, query: DeedListQuery) -> Document:
        """Deeds without what became of their items: `{"items": [deed…], "next", "total"}`."""
        ...

    async def deeds_csv(self, query: DeedListQuery, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV (with the names of its columns where `after` is ""), and where to go on."""
        ...

    async def deed_items(self, key: str, query: DeedItemQuery) -> Document | None:
        """What became of its items: `{"items": [{"exception", "record_kind", "record_id", "number", "outcome",
        "message"}], "next", "total"}`; None: nothing was asked for under this key."""
        ...

    async def deed_items_csv(self, key: str, query: DeedItemQuery, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV. Raises `ProblemError` 404, nothing was asked for under this key."""
        ...

    async def people(self) -> list[str]:
        """Everybody an exception may be assigned to: who has a token, and who has one already."""
        ...

    async def deed(self, key: str) -> Document | None:
        """How far a deed is: `{"key", "action", "author", "at", "total", "done", "refused", "unchanged", "ended_at",
        "reason", "message", "refusals": [{"id", "message"}]}`."""
        ...


KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[A-Za-z0-9._~-]{8,100}")
_WHERE = ("owner", "type", "state", "stage", "severity", "group", "assignee", "text")
_CSV = "text/csv"


def key_of(request: web.Request) -> str:
    """Return the key under which something is done once, however often it is sent.

    Raises:
        ProblemError: 400, there is none, or it has another form.
    """
    key = request.headers.get(KEY_HEADER, "")
    if not _KEY.fullmatch(key):
        raise ProblemError(
            400, f"The header {KEY_HEADER} is needed: 8 to 100 letters, digits, or . _ ~ -; the same key does it once."
        )
    return key


def filter_of(request: web.Request) -> ExceptionFilter:
    """Return the filter of a query; "open" where no state is named, all states where a stage is resolved."""
    text = request.query.get
    return ExceptionFilter(
        **{name: text(name, "") for name in _WHERE if name != "state"}, state=text("state") or "open"
    )


def list_query_of(request: web.Request) -> ExceptionListQuery:
    """Return the page of exceptions a query asks for."""
    return ExceptionListQuery(
        where=filter_of(request),
        sort=one_of(request, "sort", SORTS) or "opened_at",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=limit(request),
    )


_DEED_FILTER = ("author", "action", "stands", "text", "sort", "order")
_ITEM_FILTER = ("outcome", "text", "sort", "order")


def _deed_query(request: web.Request) -> DeedListQuery:
    asked = request.query.get
    return DeedListQuery(
        author=asked("author", "").strip(),
        action=one_of(request, "action", ACTIONS) or "",
        stands=one_of(request, "stands", DEED_STANDS) or "all",
        text=asked("text", "").strip(),
        sort=one_of(request, "sort", DEED_SORTS) or "at",
        descending=falls(request, default="desc"),
        after=asked("after", ""),
        limit=limit(request),
    )


def _item_query(request: web.Request) -> DeedItemQuery:
    return DeedItemQuery(
        outcome=one_of(request, "outcome", OUTCOMES) or "",
        text=request.query.get("text", "").strip(),
        sort=one_of(request, "sort", DEED_ITEM_SORTS) or "exception",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=limit(request),
    )


async def deed_of(request: web.Request) -> Deed:
    """Return the deed a body holds. Raises `ProblemError` 400, naming the field."""
    try:
        return msgspec.json.decode(await request.read(), type=Deed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"The body must say what to do, and to which exceptions: {error}.") from None


class _Handlers:
    """The handlers."""

    def __init__(self, reading: DeskReading) -> None:
        self._reading = reading

    async def exceptions(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Accept", "").partition(";")[0].strip().lower() == _CSV:
            return await self.csv(request)
        known(request, *_WHERE, "sort", "order", "after", "limit")
        return document(await self._reading.exceptions(list_query_of(request)))

    async def csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_WHERE, "sort", "order")
        query = list_query_of(request)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.exceptions_csv(
                query.where, after=after, sort=query.sort, descending=query.descending
            )

        return await csv_stream(request, read, name="exceptions.csv")

    async def exception(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        found = await self._reading.exception(int(number)) if number.isascii() and len(number) < 19 else None
        if found is None:
            raise ProblemError(404, f"There is no exception {number[:19]}.")
        return document(found)

    async def incidents(self, request: web.Request) -> web.Response:
        known(request, *_WHERE, "sort", "order", "after", "limit")
        sort = one_of(request, "sort", CAUSE_SORTS) or "count"
        found = await self._reading.incidents(
            filter_of(request),
            after=request.query.get("after", ""),
            limit=limit(request),
            sort=sort,
            descending=falls(request, default="desc" if sort == "count" else "asc"),
        )
        return document(found)

    async def preview(self, request: web.Request) -> web.Response:
        return document(await self._reading.preview(await deed_of(request), request[PERSON]))

    async def do(self, request: web.Request) -> web.Response:
        deed, person = await deed_of(request), request[PERSON]
        return document(await self._reading.do(key_of(request), deed, person), status=202)

    async def deeds(self, request: web.Request) -> web.Response:
        known(request, *_DEED_FILTER, "after", "limit")
        return document(await self._reading.deeds(_deed_query(request)))

    async def deeds_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_DEED_FILTER)
        query = _deed_query(request)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.deeds_csv(query, after=after)

        return await csv_stream(request, read, name="deeds.csv")

    async def deed_items(self, request: web.Request) -> web.Response:
        known(request, *_ITEM_FILTER, "after", "limit")
        found = await self._reading.deed_items(request.match_info["key"], _item_query(request))
        if found is None:
            raise ProblemError(404, "Nothing was asked for under this key.")
        return document(found)

    async def deed_items_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_ITEM_FILTER)
        key, query = request.match_info["key"], _item_query(request)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.deed_items_csv(key, query, after=after)

        return await csv_stream(request, read, name="deed.csv")

    async def deed(self, request: web.Request) -> web.Response:
        found = await self._reading.deed(request.match_info["key"])
        if found is None:
            raise ProblemError(404, "Nothing was asked for under this key.")
        return document(found)


def routes(reading: DeskReading) -> list[web.RouteDef]:
    """Return the routes."""
    handlers = _Handlers(reading)
    return [
        web.get("/api/exceptions", handlers.exceptions),
        web.get("/api/exceptions.csv", handlers.csv),
        web.get(r"/api/exceptions/{id:\d+}", handlers.exception),
        web.get("/api/incidents", handlers.incidents),
        web.post("/api/deeds/preview", handlers.preview),
        web.post("/api/deeds", handlers.do),
        web.get("/api/deeds", handlers.deeds),
        web.get("/api/deeds.csv", handlers.deeds_csv),
        web.get("/api/deeds/{key}/items", handlers.deed_items),
        web.get("/api/deeds/{key}/items.csv", handlers.deed_items_csv),
        web.get("/api/deeds/{key}", handlers.deed),
    ]


_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_INSTANT = {"type": "string", "format": "date-time"}
_MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
_WHOLE = {"type": "integer"}
_FLAG = {"type": "boolean"}
_PROBLEM = {
    "description": "A problem document (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _query(name: str, told: str, schema: dict[str, Any] = _TEXT) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}


def _answers(summary: str, schema: str, status: str = "200") -> dict[str, Any]:
    answer = {"description": summary, "content": {"application/json": {"schema": _ref(schema)}}}
    return {"summary": summary, "responses": {status: answer, "default": _PROBLEM}}


_FILTER = (
    _query("owner", "ops, finance, ecommerce or it."),
    _query("type", "A declared exception type."),
    _query("state", "open (default), resolved or all."),
    _query("stage", f"{', '.join(STAGES)}."),
    _query("severity", "info, warning, error or critical."),
    _query("group", "The key of a cause, as `group` tells it."),
    _query("assignee", "Whose it is."),
    _query("text", "Part of the order's number, the SKU or the cause; or an id, exactly."),
)
_LIMIT = _query("limit", "At most so many rows.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100})
_AFTER = _query("after", "The `next` of the page before.")
_SORTED = (
    _query("sort", f"{', '.join(SORTS)}; default opened_at."),
    _query("order", "asc (default) or desc."),
)
_KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": True,
    "description": "Chosen by who asks: the same key does it once, however often it is sent.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 100},
}
_DEED_KEY = {"name": "key", "in": "path", "required": True, "schema": _TEXT}
_DEEDS_WANTED = (
    _query("author", "Who asked for it, exactly."),
    _query("action", "What was asked for.", {"enum": list(ACTIONS)}),
    _query("stands", "all (default), under_way, ended, or refused: some of it was.", {"enum": list(DEED_STANDS)}),
    _query("text", "Part of the reason or of what else was asked for, or how the key begins."),
    _query("sort", f"{', '.join(DEED_SORTS)}; default at.", {"enum": list(DEED_SORTS)}),
    _query("order", "asc or desc (default).", {"enum": ["asc", "desc"]}),
)
_ITEMS_WANTED = (
    _query("outcome", "How it went.", {"enum": list(OUTCOMES)}),
    _query("text", "Part of what was said or of the record's number."),
    _query("sort", f"{', '.join(DEED_ITEM_SORTS)}; default exception.", {"enum": list(DEED_ITEM_SORTS)}),
    _query("order", "asc (default) or desc.", {"enum": ["asc", "desc"]}),
)
_DEED_BODY = {"required": True, "content": {"application/json": {"schema": _ref("DeedRequest")}}}

PATHS: dict[str, Any] = {
    "/api/exceptions": {
        "get": {
            **_answers("Exceptions, the oldest first unless sorted otherwise", "ExceptionPage"),
            "parameters": [*_FILTER, *_SORTED, _AFTER, _LIMIT],
        }
    },
    "/api/exceptions.csv": {
        "get": {
            "summary": "All exceptions that match, as CSV",
            "parameters": [*_FILTER, *_SORTED],
            "responses": {"200": {"description": "A table.", "content": {_CSV: {}}}, "default": _PROBLEM},
        }
    },
    "/api/exceptions/{id}": {
        "get": {
            **_answers("One exception: its life, its order, and what can be done about it", "ExceptionDetail"),
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": _WHOLE}],
        }
    },
    "/api/incidents": {
        "get": {
            **_answers("Open exceptions by cause, the largest first unless sorted otherwise", "IncidentPage"),
            "parameters": [
                *_FILTER,
                _query("sort", f"{', '.join(CAUSE_SORTS)}; default count."),
                _query("order", "asc or desc; default desc for count, else asc."),
                _AFTER,
                _LIMIT,
            ],
        }
    },
    "/api/deeds/preview": {
        "post": {
            **_answers("What a deed would do, and what it costs in calls of Cin7 Core and minutes", "DeedPreview"),
            "requestBody": _DEED_BODY,
        }
    },
    "/api/deeds": {
        "get": {
            **_answers("Deeds, the newest first unless sorted otherwise", "DeedPage"),
            "parameters": [*_DEEDS_WANTED, _AFTER, _LIMIT],
        },
        "post": {
            **_answers("Do it: to some exceptions, or to all that the filter matches", "Deed", "202"),
            "parameters": [_KEY_PARAMETER],
            "requestBody": _DEED_BODY,
            "description": "Needs the role that owns each exception; money needs finance. What is refused of some stops"
            " no other.",
        },
    },
    "/api/deeds.csv": {
        "get": {
            "summary": "All deeds that match, as CSV",
            "parameters": [*_DEEDS_WANTED],
            "responses": {"200": {"description": "A table.", "content": {_CSV: {}}}, "default": _PROBLEM},
        }
    },
    "/api/deeds/{key}/items": {
        "get": {
            **_answers("What became of its items", "DeedItemPage"),
            "parameters": [_DEED_KEY, *_ITEMS_WANTED, _AFTER, _LIMIT],
        }
    },
    "/api/deeds/{key}/items.csv": {
        "get": {
            "summary": "What became of all its items, as CSV",
            "parameters": [_DEED_KEY, *_ITEMS_WANTED],
            "responses": {"200": {"description": "A table.", "content": {_CSV: {}}}, "default": _PROBLEM},
        }
    },
    "/api/deeds/{key}": {
        "get": {
            **_answers("How far a deed is", "Deed"),
            "parameters": [_DEED_KEY],
        }
    },
}
"""The OpenAPI paths of the routes."""

_EXCEPTION: dict[str, Any] = {
    "id": _WHOLE,
    "type": _TEXT,
    "owner": _TEXT,
    "state": {"enum": ["open", "resolved"]},
    "stage": {"enum": list(STAGES)},
    "severity": {"enum": ["info", "warning", "error", "critical"]},
    "record": _object(kind=_TEXT, id=_TEXT, number=_MAYBE, sku=_TEXT, field=_TEXT),
    "cause": _TEXT,
    "next_step": _TEXT,
    "steps": _list(_TEXT),
    "clears": _TEXT,
    "facts": {"type": "object", "additionalProperties": _TEXT},
    "opened_at": _INSTANT,
    "due_at": _MAYBE_INSTANT,
    "next_attempt_at": _MAYBE_INSTANT,
    "resolved_at": _MAYBE_INSTANT,
    "resolution": _MAYBE,
    "group": _TEXT,
    "overdue": _FLAG,
    "assignee": _TEXT,
    "snoozed_until": _MAYBE_INSTANT,
    "reopens": {"type": ["integer", "null"]},
    "holds": _FLAG,
}
_DEED: dict[str, Any] = {
    "key": _TEXT,
    "action": {"enum": list(ACTIONS)},
    "author": _TEXT,
    "at": _INSTANT,
    "total": _WHOLE,
    "done": _WHOLE,
    "refused": _WHOLE,
    "ended_at": _MAYBE_INSTANT,
    "reason": _TEXT,
}
_COUNTED = {"type": ["integer", "null"]}

SCHEMAS: dict[str, Any] = {
    "ExceptionItem": _object(**_EXCEPTION),
    "ExceptionPage": _object(
        items=_list(_ref("ExceptionItem")), next={"type": ["integer", "string", "null"]}, total=_COUNTED
    ),
    "ExceptionDetail": _object(
        **_EXCEPTION,
        meaning=_TEXT,
        life=_list(_object(at=_INSTANT, what=_TEXT, author=_TEXT, detail=_TEXT)),
        order={"type": ["object", "null"]},
        siblings=_WHOLE,
        actions=_list({"enum": list(ACTIONS)}),
        money=_FLAG,
    ),
    "Incident": _object(
        group=_TEXT,
        type=_TEXT,
        owner=_TEXT,
        severity=_TEXT,
        count=_WHOLE,
        oldest_at=_INSTANT,
        due_at=_MAYBE_INSTANT,
        cause=_TEXT,
        sku=_TEXT,
        field=_TEXT,
        next_step=_TEXT,
        steps=_list(_TEXT),
        example=_WHOLE,
    ),
    "IncidentPage": _object(items=_list(_ref("Incident")), next=_MAYBE, total=_WHOLE),
    "DeedRequest": {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"enum": list(ACTIONS)},
            "ids": {"type": ["array", "null"], "items": _WHOLE, "description": "null: all that `where` matches."},
            "where": {"type": "object", "additionalProperties": _TEXT},
            "reason": _TEXT,
            "to": {**_TEXT, "description": "Whom to assign to."},
            "until": {**_TEXT, "description": "Until when to snooze: an instant (RFC 3339)."},
            "values": {"type": "object", "additionalProperties": _TEXT},
        },
    },
    "DeedPreview": _object(
        action=_TEXT,
        count=_WHOLE,
        would=_list(_object(what=_TEXT, count=_WHOLE)),
        refused=_list(_object(why=_TEXT, count=_WHOLE)),
        examples=_list(_object(id=_WHOLE, number=_TEXT, what=_TEXT)),
        calls=_WHOLE,
        minutes={"type": "number"},
        allowed=_FLAG,
        why_not=_TEXT,
    ),
    "Deed": _object(
        **_DEED,
        unchanged=_WHOLE,
        waiting=_WHOLE,
        message=_TEXT,
        refusals=_list(_object(id=_WHOLE, message=_TEXT)),
    ),
    "DeedPage": _object(items=_list(_object(**_DEED)), next=_MAYBE, total=_WHOLE),
    "DeedItemPage": _object(
        items=_list(
            _object(
                exception=_WHOLE,
                record_kind=_TEXT,
                record_id=_TEXT,
                number=_MAYBE,
                outcome={"enum": list(OUTCOMES)},
                message=_TEXT,
            )
        ),
        next={"type": ["integer", "string", "null"]},
        total=_WHOLE,
    ),
}
"""The OpenAPI schemas they name."""
