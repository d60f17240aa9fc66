"""The API of exceptions and incidents, and of what people do to them: one, several, or all that a filter matches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.exception_life import ExceptionFilter
from adapters.operator import schema
from adapters.operator.access import Person
from adapters.operator.answers import csv_stream, document
from adapters.operator.parameters import PERSON, falls, known, limit, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.schema import (
    CSV,
    FLAG,
    INSTANT,
    MAYBE_INSTANT,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    NEXT,
    PROBLEM,
    TEXT,
    WHOLE,
    array,
    ref,
    structure,
)

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
        None), `siblings` (how many are open of its group), `actions` (those of `ACTIONS` that fit it) and `roles` (by
        action, who may beside admin)."""
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


_FILTER = (
    schema.query("owner", "ops, finance, ecommerce or it."),
    schema.query("type", "A declared exception type."),
    schema.query("state", "open (default), resolved or all."),
    schema.query("stage", f"{', '.join(STAGES)}."),
    schema.query("severity", "info, warning, error or critical."),
    schema.query("group", "The key of a cause, as `group` tells it."),
    schema.query("assignee", "Whose it is."),
    schema.query("text", "Part of the order's number, the SKU or the cause; or an id, exactly."),
)
_SORTED = (
    schema.query("sort", f"{', '.join(SORTS)}; default opened_at."),
    schema.query("order", "asc (default) or desc."),
)
_KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": True,
    "description": "Chosen by who asks: the same key does it once, however often it is sent.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 100},
}
_DEED_KEY = {"name": "key", "in": "path", "required": True, "schema": TEXT}
_DEEDS_WANTED = (
    schema.query("author", "Who asked for it, exactly."),
    schema.query("action", "What was asked for.", {"enum": list(ACTIONS)}),
    schema.query("stands", "all (default), under_way, ended, or refused: some of it was.", {"enum": list(DEED_STANDS)}),
    schema.query("text", "Part of the reason or of what else was asked for, or how the key begins."),
    schema.query("sort", f"{', '.join(DEED_SORTS)}; default at.", {"enum": list(DEED_SORTS)}),
    schema.query("order", "asc or desc (default).", {"enum": ["asc", "desc"]}),
)
_ITEMS_WANTED = (
    schema.query("outcome", "How it went.", {"enum": list(OUTCOMES)}),
    schema.query("text", "Part of what was said or of the record's number."),
    schema.query("sort", f"{', '.join(DEED_ITEM_SORTS)}; default exception.", {"enum": list(DEED_ITEM_SORTS)}),
    schema.query("order", "asc (default) or desc.", {"enum": ["asc", "desc"]}),
)
_DEED_BODY = {"required": True, "content": {"application/json": {"schema": ref("DeedRequest")}}}

PATHS: dict[str, Any] = {
    "/api/exceptions": {
        "get": {
            **schema.told("Exceptions, the oldest first unless sorted otherwise", "ExceptionPage"),
            "parameters": [*_FILTER, *_SORTED, schema.AFTER, schema.LIMIT],
        }
    },
    "/api/exceptions.csv": {
        "get": {
            "summary": "All exceptions that match, as CSV",
            "parameters": [*_FILTER, *_SORTED],
            "responses": {"200": {"description": "A table.", "content": {CSV: {}}}, "default": PROBLEM},
        }
    },
    "/api/exceptions/{id}": {
        "get": {
            **schema.told("One exception: its life, its order, and what can be done about it", "ExceptionDetail"),
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": WHOLE}],
        }
    },
    "/api/incidents": {
        "get": {
            **schema.told("Open exceptions by cause, the largest first unless sorted otherwise", "IncidentPage"),
            "parameters": [
                *_FILTER,
                schema.query("sort", f"{', '.join(CAUSE_SORTS)}; default count."),
                schema.query("order", "asc or desc; default desc for count, else asc."),
                schema.AFTER,
                schema.LIMIT,
            ],
        }
    },
    "/api/deeds/preview": {
        "post": {
            **schema.told("What a deed would do, and what it costs in calls of Cin7 Core and minutes", "DeedPreview"),
            "requestBody": _DEED_BODY,
        }
    },
    "/api/deeds": {
        "get": {
            **schema.told("Deeds, the newest first unless sorted otherwise", "DeedPage"),
            "parameters": [*_DEEDS_WANTED, schema.AFTER, schema.LIMIT],
        },
        "post": {
            **schema.told("Do it: to some exceptions, or to all that the filter matches", "Deed", "202"),
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
            "responses": {"200": {"description": "A table.", "content": {CSV: {}}}, "default": PROBLEM},
        }
    },
    "/api/deeds/{key}/items": {
        "get": {
            **schema.told("What became of its items", "DeedItemPage"),
            "parameters": [_DEED_KEY, *_ITEMS_WANTED, schema.AFTER, schema.LIMIT],
        }
    },
    "/api/deeds/{key}/items.csv": {
        "get": {
            "summary": "What became of all its items, as CSV",
            "parameters": [_DEED_KEY, *_ITEMS_WANTED],
            "responses": {"200": {"description": "A table.", "content": {CSV: {}}}, "default": PROBLEM},
        }
    },
    "/api/deeds/{key}": {
        "get": {
            **schema.told("How far a deed is", "Deed"),
            "parameters": [_DEED_KEY],
        }
    },
}
"""The OpenAPI paths of the routes."""

_EXCEPTION: dict[str, Any] = {
    "id": WHOLE,
    "type": TEXT,
    "owner": TEXT,
    "state": {"enum": ["open", "resolved"]},
    "stage": {"enum": list(STAGES)},
    "severity": {"enum": ["info", "warning", "error", "critical"]},
    "record": structure(kind=TEXT, id=TEXT, number=MAYBE_TEXT, sku=TEXT, field=TEXT),
    "cause": TEXT,
    "next_step": TEXT,
    "steps": array(TEXT),
    "clears": TEXT,
    "facts": {"type": "object", "additionalProperties": TEXT},
    "opened_at": INSTANT,
    "due_at": MAYBE_INSTANT,
    "next_attempt_at": MAYBE_INSTANT,
    "resolved_at": MAYBE_INSTANT,
    "resolution": MAYBE_TEXT,
    "group": TEXT,
    "overdue": FLAG,
    "assignee": TEXT,
    "snoozed_until": MAYBE_INSTANT,
    "reopens": {"type": ["integer", "null"]},
    "holds": FLAG,
}
_DEED: dict[str, Any] = {
    "key": TEXT,
    "action": {"enum": list(ACTIONS)},
    "author": TEXT,
    "at": INSTANT,
    "total": WHOLE,
    "done": WHOLE,
    "refused": WHOLE,
    "ended_at": MAYBE_INSTANT,
    "reason": TEXT,
}

SCHEMAS: dict[str, Any] = {
    "ExceptionItem": structure(**_EXCEPTION),
    "ExceptionPage": structure(
        items=array(ref("ExceptionItem")),
        next=NEXT,
        total=MAYBE_WHOLE,
    ),
    "ExceptionDetail": structure(
        **_EXCEPTION,
        meaning=TEXT,
        life=array(structure(at=INSTANT, what=TEXT, author=TEXT, detail=TEXT)),
        order={"type": ["object", "null"]},
        siblings=WHOLE,
        actions=array({"enum": list(ACTIONS)}),
        roles={"type": "object", "additionalProperties": array(TEXT), "description": "Who may, by action."},
        money=FLAG,
    ),
    "Incident": structure(
        group=TEXT,
        type=TEXT,
        owner=TEXT,
        severity=TEXT,
        count=WHOLE,
        oldest_at=INSTANT,
        due_at=MAYBE_INSTANT,
        cause=TEXT,
        sku=TEXT,
        field=TEXT,
        next_step=TEXT,
        steps=array(TEXT),
        example=WHOLE,
    ),
    "IncidentPage": structure(items=array(ref("Incident")), next=MAYBE_TEXT, total=WHOLE),
    "DeedRequest": {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"enum": list(ACTIONS)},
            "ids": {"type": ["array", "null"], "items": WHOLE, "description": "null: all that `where` matches."},
            "where": {"type": "object", "additionalProperties": TEXT},
            "reason": TEXT,
            "to": {**TEXT, "description": "Whom to assign to."},
            "until": {**TEXT, "description": "Until when to snooze: an instant (RFC 3339)."},
            "values": {"type": "object", "additionalProperties": TEXT},
        },
    },
    "DeedPreview": structure(
        action=TEXT,
        count=WHOLE,
        would=array(structure(what=TEXT, count=WHOLE)),
        refused=array(structure(why=TEXT, count=WHOLE)),
        examples=array(structure(id=WHOLE, number=TEXT, what=TEXT)),
        calls=WHOLE,
        minutes={"type": "number"},
        allowed=FLAG,
        why_not=TEXT,
    ),
    "Deed": structure(
        **_DEED,
        unchanged=WHOLE,
        waiting=WHOLE,
        message=TEXT,
        refusals=array(structure(id=WHOLE, message=TEXT)),
    ),
    "DeedPage": structure(items=array(structure(**_DEED)), next=MAYBE_TEXT, total=WHOLE),
    "DeedItemPage": structure(
        items=array(
            structure(
                exception=WHOLE,
                record_kind=TEXT,
                record_id=TEXT,
                number=MAYBE_TEXT,
                outcome={"enum": list(OUTCOMES)},
                message=TEXT,
            )
        ),
        next=NEXT,
        total=WHOLE,
    ),
}
"""The OpenAPI schemas they name."""
