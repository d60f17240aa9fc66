"""Exceptions by cause and one by one, and what people do to them: looked at first, then done once."""

from __future__ import annotations

import re
from typing import Any, TypedDict

import msgspec
from aiohttp import web

from actors.domain.exception_life import ExceptionFilter
from actors.domain.exception_types import CATALOGUE, Owner, Severity
from adapters.console.exception_table import exceptions_file, exceptions_listed, list_query
from adapters.console.forms import EDITS, WHERE, Form, deed_of
from adapters.console.links import falls, text_of
from adapters.console.security import local
from adapters.console.sides import sides_in_hand
from adapters.console.site import OF_A_FILE, Site, as_csv, csv_of, every, go
from adapters.console.tables import PAGE, Column, Table, listed
from adapters.operator.answers import csv_stream
from adapters.operator.desk_api import (
    ACTIONS,
    CAUSE_SORTS,
    DEED_ITEM_SORTS,
    DEED_SORTS,
    DEED_STANDS,
    OUTCOMES,
    STAGES,
    DeedItemQuery,
    DeedListQuery,
)
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.problems import ProblemError

OWNERS = tuple(owner.value for owner in Owner)
SEVERITIES = tuple(severity.value for severity in Severity)
STATES = ("open", "resolved", "all")
VIEWS = ("incidents", "rows")

_CHOICES: dict[str, Any] = {
    "owners": OWNERS,
    "severities": SEVERITIES,
    "stages": STAGES,
    "states": STATES,
    "types": sorted(CATALOGUE),
}
_CAUSES = (
    Column("type", "Cause", sort="type"),
    Column("count", "Open", number=True, falls=True, sort="count"),
    Column("severity", "Severity", falls=True, sort="severity"),
    Column("owner", "Owner", sort="owner"),
    Column("next_step", "What to do", wide=True),
    Column("oldest_at", "Oldest", number=True, sort="oldest_at"),
    Column("due_at", "Due", number=True, sort="due_at"),
)
_DEEDS = (
    Column("action", "Deed", sort="action"),
    Column("author", "Who", sort="author"),
    Column("at", "When", falls=True, sort="at"),
    Column("total", "Of", number=True, falls=True, sort="total"),
    Column("done", "Done", number=True, falls=True, sort="done"),
    Column("refused", "Refused", number=True, falls=True, sort="refused"),
    Column("ended_at", "Stands", sort="ended_at"),
    Column("reason", "Why", wide=True),
)
_ITEMS = (
    Column("exception", "Exception", sort="exception"),
    Column("record", "Record", sort="record"),
    Column("outcome", "Went", sort="outcome"),
    Column("message", "Said", sort="message"),
)

_KEY = re.compile(r"[A-Za-z0-9._~-]{8,100}")
_INCIDENTS = (
    "group",
    "type",
    "owner",
    "severity",
    "count",
    "oldest_at",
    "due_at",
    "cause",
    "sku",
    "field",
    "next_step",
)


class ExceptionPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk = site.reading.desk

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/exceptions", self.exceptions),
            web.get("/exceptions/{id}", self.exception),
            web.get("/incidents/{group:[^/]+}", self.incident),
            web.post("/deeds/preview", self._site.posted(self.preview)),
            web.post("/deeds", self._site.posted(self.do)),
            web.get("/deeds", self.deeds),
            web.get("/deeds/{key}", self.deed),
        ]

    async def exceptions(self, request: web.Request) -> web.StreamResponse:
        """Show exceptions by cause, or one by one."""
        where = _where(request)
        view = one_of(request, "view", VIEWS) or "incidents"
        if where.state != "open" or where.stage or where.assignee:
            view = "rows"  # what shares a cause is open, and its rows differ in these
        if as_csv(request):
            return await self._file(request, where, view)
        table = await (self._causes if view == "incidents" else self._rows)(request, where)
        return await self._site.page(
            request,
            "exceptions",
            view=view,
            where=where,
            bulk_where=msgspec.structs.asdict(where),
            table=table,
            edits=EDITS,
            people_known=await self._desk.people(),
            **_CHOICES,
        )

    async def incident(self, request: web.Request) -> web.StreamResponse:
        """Show one cause, and everything that is open of it."""
        group = request.match_info["group"]
        where = msgspec.structs.replace(_where(request), group=group, state="open")
        query = list_query(request, where)
        if as_csv(request):
            return await exceptions_file(request, self._desk, query)
        causes = await self._desk.incidents(ExceptionFilter(group=group), after="", limit=1)
        found = await self._desk.exceptions(query)
        return await self._site.page(
            request,
            "incident",
            where=where,
            cause=causes["items"][0] if causes["items"] else None,
            bulk_where=msgspec.structs.asdict(where),
            table=exceptions_listed(request, "Exceptions of this cause", found, query),
            edits=EDITS,
            people_known=await self._desk.people(),
        )

    async def exception(self, request: web.Request) -> web.Response:
        """Show one exception with its life, and what can be done."""
        number = request.match_info["id"]
        known = number.isascii() and number.isdigit() and len(number) < 19
        found = await self._desk.exception(int(number)) if known else None
        if found is None:
            raise ProblemError(404, "There is no exception of this number.")
        kind = CATALOGUE.get(found["type"])
        meaning = kind.meaning if kind is not None else ""
        return await self._site.page(
            request,
            "exception",
            one=found,
            meaning=meaning,
            tables=[sides_in_hand(request, "figures", "What both sides say", found["facts"])],
            forms=EDITS,
            people_known=await self._desk.people(),
        )

    async def preview(self, request: web.Request, form: Form) -> web.Response:
        """Show what would happen, and what it costs; nothing is done yet."""
        deed = deed_of(form)
        told = await self._desk.preview(deed, request[PERSON])
        where = {name: getattr(deed.where, name) for name in WHERE}
        return await self._site.page(
            request, "preview", deed=deed, where=where, told=told, back=local(form.text("back") or "/exceptions")
        )

    async def do(self, request: web.Request, form: Form) -> web.Response:
        """Do it, once however often it is sent, and show how far it is."""
        key = form.text("key")
        if not _KEY.fullmatch(key):
            raise ProblemError(400, "The form has no key of its own: load the page again.")
        await self._desk.do(key, deed_of(form), request[PERSON])
        return go(f"/deeds/{key}")

    async def deeds(self, request: web.Request) -> web.StreamResponse:
        """Show what people asked for lately."""
        query = DeedListQuery(
            text=text_of(request),
            author=request.query.get("author", "").strip(),
            action=one_of(request, "action", ACTIONS) or "",
            stands=one_of(request, "stands", DEED_STANDS) or "all",
            sort=one_of(request, "sort", DEED_SORTS) or "at",
            descending=falls(request, first=True),
            after=request.query.get("after", ""),
            limit=PAGE,
        )
        if as_csv(request):
            return await csv_stream(request, lambda after: self._desk.deeds_csv(query, after=after), name="deeds.csv")
        found = await self._desk.deeds(query)
        caption = "What people asked for"
        table = listed(request, caption, _DEEDS, found, sort=query.sort, down=query.descending)
        return await self._site.page(request, "deeds", query=query, table=table, actions=ACTIONS, stands=DEED_STANDS)

    async def deed(self, request: web.Request) -> web.StreamResponse:
        """Show how far a deed is, and how each of its items went."""
        key = request.match_info["key"]
        found = await self._desk.deed(key) if _KEY.fullmatch(key) else None
        if found is None:
            raise ProblemError(404, "Nothing of this key was asked for.")
        query = DeedItemQuery(
            outcome=one_of(request, "outcome", OUTCOMES) or "",
            text=text_of(request),
            sort=one_of(request, "sort", DEED_ITEM_SORTS) or "exception",
            descending=falls(request),
            after=request.query.get("after", ""),
            limit=PAGE,
        )
        if as_csv(request):
            return await csv_stream(
                request, lambda after: self._desk.deed_items_csv(key, query, after=after), name="deed.csv"
            )
        items = await self._desk.deed_items(key, query) or {"items": [], "next": None, "total": 0}
        table = listed(request, "Its items", _ITEMS, items, sort=query.sort, down=query.descending)
        return await self._site.page(request, "deed", told=found, query=query, table=table, outcomes=OUTCOMES)

    async def _causes(self, request: web.Request, where: ExceptionFilter) -> Table:
        by, after = _cause_order(request), request.query.get("after", "")
        found = await self._desk.incidents(where, after=after, limit=PAGE, **by)
        caption = "Open exceptions by cause"
        return listed(request, caption, _CAUSES, found, sort=by["sort"], down=by["descending"])

    async def _rows(self, request: web.Request, where: ExceptionFilter) -> Table:
        query = list_query(request, where)
        found = await self._desk.exceptions(query)
        return exceptions_listed(request, "Exceptions, one by one", found, query)

    async def _file(self, request: web.Request, where: ExceptionFilter, view: str) -> web.StreamResponse:
        if view == "rows":
            return await exceptions_file(request, self._desk, list_query(request, where))
        by = _cause_order(request)
        rows = await every(lambda at: self._desk.incidents(where, after=at, limit=OF_A_FILE, **by), "")
        return csv_of("incidents.csv", _INCIDENTS, rows)


def _where(request: web.Request) -> ExceptionFilter:
    """Read the filter. Raises `ProblemError` 400."""
    one_of(request, "owner", OWNERS)
    one_of(request, "severity", SEVERITIES)
    one_of(request, "stage", STAGES)
    one_of(request, "state", STATES)
    one_of(request, "type", sorted(CATALOGUE))
    told = {name: text_of(request, name) for name in WHERE}
    return msgspec.structs.replace(ExceptionFilter(), **{name: text for name, text in told.items() if text})


class _CauseOrder(TypedDict):
    sort: str
    descending: bool


def _cause_order(request: web.Request) -> _CauseOrder:
    """Return how causes are sorted: the largest first, unless one of their columns is asked for."""
    sort = request.query.get("sort", "")
    if sort not in CAUSE_SORTS:
        return {"sort": "count", "descending": True}
    return {"sort": sort, "descending": falls(request)}
