"""Exceptions by cause and one by one, and what people do to them: looked at first, then done once."""

from __future__ import annotations

import re
from typing import Any, TypedDict

import msgspec
from aiohttp import web

from actors.domain.exception_life import ExceptionFilter
from actors.domain.exception_types import CATALOGUE, Owner, Severity
from adapters.console.forms import WHERE, Form, deed_of
from adapters.console.orders import EDITS
from adapters.console.security import local
from adapters.console.sides import side_by_side
from adapters.console.site import OF_A_FILE, Site, as_csv, csv_of, every, go
from adapters.operator.answers import csv_stream
from adapters.operator.desk_api import CAUSE_SORTS, SORTS, STAGES, ExceptionListQuery
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.problems import ProblemError

PAGE = 50
OWNERS = tuple(owner.value for owner in Owner)
SEVERITIES = tuple(severity.value for severity in Severity)
STATES = ("open", "resolved", "all")
VIEWS = ("incidents", "rows")

_KEY = re.compile(r"[A-Za-z0-9._~-]{8,100}")
_DEEDS = ("key", "action", "author", "at", "total", "done", "refused", "unchanged", "ended_at", "reason")
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
        after = request.query.get("after", "")
        if view == "incidents":
            by = _cause_order(request)
            if as_csv(request):
                rows = await every(lambda at: self._desk.incidents(where, after=at, limit=OF_A_FILE, **by), "")
                return csv_of("incidents.csv", _INCIDENTS, rows)
            found = await self._desk.incidents(where, after=after, limit=PAGE, **by)
        else:
            if as_csv(request):
                return await self._file(request, where)
            found = await self._desk.exceptions(_query(request, where, after))
        return await self._site.page(
            request,
            "exceptions",
            view=view,
            where=where,
            bulk_where=msgspec.structs.asdict(where),
            rows=found["items"],
            found=found,
            people_known=await self._desk.people(),
            **_choices(request),
            cause_order=_cause_order(request),
        )

    async def incident(self, request: web.Request) -> web.StreamResponse:
        """Show one cause, and everything that is open of it."""
        where = ExceptionFilter(group=request.match_info["group"])
        if as_csv(request):
            return await self._file(request, where)
        causes = await self._desk.incidents(where, after="", limit=1)
        found = await self._desk.exceptions(_query(request, where, request.query.get("after", "")))
        cause = causes["items"][0] if causes["items"] else None
        return await self._site.page(
            request,
            "incident",
            cause=cause,
            bulk_where=msgspec.structs.asdict(where),
            rows=found["items"],
            found=found,
            people_known=await self._desk.people(),
            **_choices(request),
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
            facts=side_by_side(found["facts"]),
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

    async def deeds(self, request: web.Request) -> web.Response:
        """Show what people asked for lately."""
        found = await self._desk.deeds(limit=PAGE)
        if as_csv(request):
            return csv_of("deeds.csv", _DEEDS, found["items"])
        return await self._site.page(request, "deeds", rows=found["items"], found=found)

    async def deed(self, request: web.Request) -> web.Response:
        """Show how far a deed is."""
        key = request.match_info["key"]
        found = await self._desk.deed(key) if _KEY.fullmatch(key) else None
        if found is None:
            raise ProblemError(404, "Nothing of this key was asked for.")
        return await self._site.page(request, "deed", told=found)

    async def _file(self, request: web.Request, where: ExceptionFilter) -> web.StreamResponse:
        async def read(after: str) -> tuple[str, str | None]:
            return await self._desk.exceptions_csv(where, after=after)

        return await csv_stream(request, read, name="exceptions.csv")


def _where(request: web.Request) -> ExceptionFilter:
    """Read the filter. Raises `ProblemError` 400."""
    one_of(request, "owner", OWNERS)
    one_of(request, "severity", SEVERITIES)
    one_of(request, "stage", STAGES)
    one_of(request, "state", STATES)
    one_of(request, "type", sorted(CATALOGUE))
    told = {name: " ".join(request.query.get(name, "").split()) for name in WHERE}
    return msgspec.structs.replace(ExceptionFilter(), **{name: text for name, text in told.items() if text})


def _query(request: web.Request, where: ExceptionFilter, after: str) -> ExceptionListQuery:
    asked = request.query.get("sort", "")
    # A sort of the list of causes is kept when somebody turns to the rows, where it means nothing.
    sort = "opened_at" if asked in CAUSE_SORTS and asked not in SORTS else one_of(request, "sort", SORTS) or "opened_at"
    return ExceptionListQuery(
        where=where, sort=sort, descending=request.query.get("order") == "down", after=after, limit=PAGE
    )


class _CauseOrder(TypedDict):
    sort: str
    descending: bool


def _cause_order(request: web.Request) -> _CauseOrder:
    """Return how causes are sorted: the largest first, unless one of their columns is asked for."""
    sort = request.query.get("sort", "")
    if sort not in CAUSE_SORTS:
        return {"sort": "count", "descending": True}
    return {"sort": sort, "descending": request.query.get("order") == "down"}


def _choices(request: web.Request) -> dict[str, Any]:
    return {
        "owners": OWNERS,
        "severities": SEVERITIES,
        "stages": STAGES,
        "states": STATES,
        "types": sorted(CATALOGUE),
        "sort": request.query.get("sort", "opened_at"),
        "down": request.query.get("order") == "down",
    }
