"""The operator's endpoints on `[operator] bind`: health, metrics, orders, exceptions, and pausing a flow.

Every request passes the access rules before anything else, unknown addresses too. Nothing here reads bodies, so no
answer holds a customer's data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from actors.domain.closing_files import postings_to_csv, to_csv
from actors.domain.coverage import Flag, Match
from adapters.console.console import Console
from adapters.console.sessions import SessionStore
from adapters.operator import alert_api, desk_api, list_api, mapping_api, patch_api, record_api
from adapters.operator.access import (
    CATALOGUE_ROLES,
    FLOW_ROLES,
    MONEY_ROLES,
    STOCK_ROLES,
    AccessRules,
    Approach,
    Person,
    Token,
    require,
)
from adapters.operator.answers import LARGEST_BODY, Handler, csv_file, csv_stream, document, problems, reason_of, said
from adapters.operator.openapi import description
from adapters.operator.parameters import MOST_ROWS, PERSON, falls, known, limit, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.reading import (
    PLAN_SORTS,
    PLAN_STANDS,
    POSTING_KINDS,
    POSTING_SORTS,
    POSTING_STATES,
    SKU_SORTS,
    MarginQuery,
    OperatorReading,
    PlanQuery,
    PostingQuery,
    SkuQuery,
)

_CLOSE_SECONDS = 2.0
_SKU = "{sku:[^/]+}"
"""A SKU may hold anything; a slash of its own comes quoted."""
SKU_MATCHES = (*(match.value for match in Match), "unmatched", "all")
_PLAN_FILTER = ("text", "stands", "sort", "order")
_SKU_FILTER = ("match", "flag", "published", "text", "sort", "order")
_YES_NO = ("true", "false")
_CSV = "text/csv"
_FORMATS = ("json", "csv")


@asynccontextmanager
async def operator_server(
    bind: str,
    reading: OperatorReading,
    *,
    tokens: Sequence[Token] = (),
    sessions: SessionStore | None = None,
    public_url: str | None = None,
) -> AsyncIterator[tuple[str, int]]:
    """Listen on `host:port` (port 0: the machine chooses) until the block ends; yield the address bound.

    The console is there where it is told where sessions are kept. `public_url` is how people reach it.

    Raises:
        OSError: the address cannot be bound.
    """
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    runner = web.AppRunner(
        build(reading, tokens=tokens, bind_host=host, sessions=sessions, public_url=public_url),
        access_log=None,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        bound = runner.addresses[0]
        yield bound[0], bound[1]
    finally:
        await runner.cleanup()


def build(
    reading: OperatorReading,
    *,
    tokens: Sequence[Token],
    bind_host: str,
    sessions: SessionStore | None = None,
    public_url: str | None = None,
) -> web.Application:
    """Return the application. `bind_host` is a name or address besides loopback's that a Host may say."""
    desk = _Desk(reading)
    rules = AccessRules(tokens, bind_host=bind_host, public_host=urlsplit(public_url or "").hostname or "")
    console = Console(reading, rules, sessions) if sessions is not None else None
    pages = [console.middleware] if console is not None else []
    app = web.Application(middlewares=[problems, *pages, _access(rules, console)], client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.get("/health", desk.health),
            web.get("/health/live", desk.live),
            web.get("/health/ready", desk.ready),
            web.get("/metrics", desk.metrics),
            web.get("/api/orders/{ref}", desk.order),
            web.get(f"/api/stock/{_SKU}", desk.stock),
            web.post(f"/api/stock/{_SKU}/block", desk.block),
            web.post(f"/api/stock/{_SKU}/unblock", desk.unblock),
            web.post("/api/orders/{ref}/release-units", desk.release_units),
            web.post("/api/days/{day}/release", desk.release_day),
            web.get("/api/skus", desk.skus),
            web.get("/api/skus.csv", desk.sku_table),
            web.get("/api/skus/plan", desk.unpublish_plan),
            web.get("/api/skus/plan.csv", desk.unpublish_plan_csv),
            web.get(f"/api/skus/{_SKU}", desk.sku),
            web.post("/api/skus/plan/approve", desk.approve_plan),
            web.post(f"/api/skus/{_SKU}/draft", desk.draft),
            web.post("/api/flows/{flow}/pause", desk.pause),
            web.post("/api/flows/{flow}/resume", desk.resume),
            web.get("/api/reports/month/{period}", desk.month),
            web.get("/api/reports/day/{period}", desk.day),
            web.get("/api/reports/postings/{day}", desk.postings),
            web.get("/api/reports/margin", desk.earnings),
            web.get("/api/purchases/{number}", desk.purchase),
            web.get("/openapi.json", desk.openapi),
            *part_routes(reading),
            *(console.routes() if console is not None else ()),
        ]
    )
    return app


def part_routes(reading: OperatorReading) -> list[web.RouteDef]:
    """Return the routes of the desk's parts; the control socket answers them too."""
    return [
        *desk_api.routes(reading.desk),
        *mapping_api.routes(reading.mappings),
        *patch_api.routes(reading.patches),
        *alert_api.routes(reading.alerts),
        *list_api.routes(reading.lists),
        *record_api.routes(reading.records),
    ]


def _access(rules: AccessRules, console: Console | None) -> Middleware:
    @web.middleware
    async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
        approach = _approach(request)
        rules.screen(approach)
        asks_console = console is not None and not approach.authorization and not rules.open
        person = await console.signed_in(request) if console is not None and asks_console else None
        if person is None and not (console is not None and console.open_to_all(request)):
            person = rules.admit(approach)
        request[PERSON] = person or Person()
        return await handler(request)

    return admitted


def _approach(request: web.Request) -> Approach:
    def end(name: str) -> str:
        address = request.transport.get_extra_info(name) if request.transport is not None else None
        return str(address[0]) if address else ""

    return Approach(
        method=request.method,
        target=request.raw_path,
        hosts=tuple(request.headers.getall("Host", ())),
        peer=end("peername"),
        local=end("sockname"),
        header_names=tuple(request.headers.keys()),
        authorization=tuple(request.headers.getall("Authorization", ())),
    )


class _Desk:
    """The handlers."""

    def __init__(self, reading: OperatorReading) -> None:
        self._reading = reading

    async def health(self, _request: web.Request) -> web.Response:
        body = await self._reading.health()
        return document(body, status=503 if body["status"] == "failing" else 200)

    async def live(self, _request: web.Request) -> web.Response:
        return document({"status": "alive"})

    async def ready(self, _request: web.Request) -> web.Response:
        if not await self._reading.ready():
            raise ProblemError(503, "Events cannot be accepted and committed at this moment.")
        return document({"status": "ready"})

    async def metrics(self, _request: web.Request) -> web.Response:
        body, content_type = await self._reading.metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def order(self, request: web.Request) -> web.Response:
        ref = request.match_info["ref"]
        found = await self._reading.order(ref)
        if found is None:
            raise ProblemError(404, "No order has this number or id, nor does its sale.")
        return document(found)

    async def stock(self, request: web.Request) -> web.Response:
        found = await self._reading.stock_of(request.match_info["sku"])
        if found is None:
            raise ProblemError(404, "Neither side was seen to have this SKU; mind upper and lower case.")
        return document(found)

    async def block(self, request: web.Request) -> web.Response:
        sku, author, reason = await self._asked_of_stock(request, "sku")
        until = await said(request, "until")
        return document(await self._reading.block(sku, author=author, reason=reason, until=until))

    async def unblock(self, request: web.Request) -> web.Response:
        sku, author, reason = await self._asked_of_stock(request, "sku")
        return document(await self._reading.unblock(sku, author=author, reason=reason))

    async def release_units(self, request: web.Request) -> web.Response:
        ref, author, reason = await self._asked_of_stock(request, "ref")
        return document(await self._reading.release_units(ref, author=author, reason=reason))

    async def release_day(self, request: web.Request) -> web.Response:
        person = request[PERSON]
        require(person, MONEY_ROLES)
        day, reason = request.match_info["day"], await reason_of(request, needed=True)
        return document(await self._reading.release_day(day, author=person.name, reason=reason))

    async def _asked_of_stock(self, request: web.Request, name: str) -> tuple[str, str, str]:
        person = request[PERSON]
        require(person, STOCK_ROLES)
        return request.match_info[name], person.name, await reason_of(request)

    async def skus(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Accept", "").partition(";")[0].strip().lower() == _CSV:
            return await self.sku_table(request)
        known(request, *_SKU_FILTER, "after", "limit")
        return document(await self._reading.skus(_sku_query(request)))

    async def sku_table(self, request: web.Request) -> web.StreamResponse:
        """Answer with the whole list: who asks for a file wants no pages."""
        known(request, *_SKU_FILTER)
        query = msgspec.structs.replace(_sku_query(request), limit=MOST_ROWS)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.sku_table(msgspec.structs.replace(query, after=after), head=not after)

        return await csv_stream(request, read, name="skus.csv")

    async def sku(self, request: web.Request) -> web.Response:
        found = await self._reading.sku_of(request.match_info["sku"])
        if found is None:
            raise ProblemError(404, "Neither list had this SKU when it was last read; mind upper and lower case.")
        return document(found)

    async def unpublish_plan(self, request: web.Request) -> web.Response:
        known(request, *_PLAN_FILTER, "after", "limit")
        return document(await self._reading.unpublish_plan(_plan_query(request)))

    async def unpublish_plan_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_PLAN_FILTER)
        query = msgspec.structs.replace(_plan_query(request), limit=MOST_ROWS)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.unpublish_plan_csv(query, after=after)

        return await csv_stream(request, read, name="plan.csv")

    async def approve_plan(self, request: web.Request) -> web.Response:
        author, reason = await self._asked_of_catalogue(request)
        return document(await self._reading.approve_plan(author=author, reason=reason))

    async def draft(self, request: web.Request) -> web.Response:
        author, reason = await self._asked_of_catalogue(request)
        return document(await self._reading.ask_for_draft(request.match_info["sku"], author=author, reason=reason))

    async def _asked_of_catalogue(self, request: web.Request) -> tuple[str, str]:
        person = request[PERSON]
        require(person, CATALOGUE_ROLES)
        return person.name, await reason_of(request)

    async def pause(self, request: web.Request) -> web.Response:
        flow, author, reason = await self._asked(request)
        return document(await self._reading.pause(flow, author=author, reason=reason))

    async def resume(self, request: web.Request) -> web.Response:
        flow, author, reason = await self._asked(request)
        return document(await self._reading.resume(flow, author=author, reason=reason))

    async def _asked(self, request: web.Request) -> tuple[str, str, str]:
        person = request[PERSON]
        require(person, FLOW_ROLES)
        return request.match_info["flow"], person.name, await reason_of(request)

    async def month(self, request: web.Request) -> web.Response:
        return await self._report(request, "month")

    async def day(self, request: web.Request) -> web.Response:
        return await self._report(request, "day")

    async def _report(self, request: web.Request, kind: str) -> web.Response:
        known(request, "format", "as_of")
        as_csv = one_of(request, "format", _FORMATS) == "csv"
        period = request.match_info["period"]
        found = await self._reading.report(kind, period, counted_to=request.query.get("as_of", ""))
        # Not what was asked for: what was read of it is a date and nothing else.
        name = found["report"]["period"]["name"]
        return csv_file(to_csv(found), name=f"report-{name}.csv") if as_csv else document(found)

    async def postings(self, request: web.Request) -> web.Response:
        known(request, "format", "state", "kind", "text", "sort", "order", "after", "limit")
        as_csv = one_of(request, "format", _FORMATS) == "csv"
        found = await self._reading.postings(request.match_info["day"], _posting_query(request))
        return csv_file(postings_to_csv(found), name=f"postings-{found['day']}.csv") if as_csv else document(found)

    async def earnings(self, request: web.Request) -> web.Response:
        known(request, "format", "month", "from", "to", "sku")
        text = request.query.get
        query = MarginQuery(month=text("month", ""), first=text("from", ""), last=text("to", ""), sku=text("sku", ""))
        if one_of(request, "format", _FORMATS) == "csv":
            return csv_file(await self._reading.earnings_csv(query), name="margin.csv")
        return document(await self._reading.earnings(query))

    async def purchase(self, request: web.Request) -> web.Response:
        found = await self._reading.purchase(request.match_info["number"])
        if found is None:
            raise ProblemError(404, "Cin7 Core was not seen to have a purchase of this number.")
        return document(found)

    async def openapi(self, _request: web.Request) -> web.Response:
        return document(description(str((await self._reading.health())["version"])))


def _posting_query(request: web.Request) -> PostingQuery:
    return PostingQuery(
        state=one_of(request, "state", POSTING_STATES) or "safe",
        kind=one_of(request, "kind", POSTING_KINDS) or "",
        text=request.query.get("text", "").strip(),
        sort=one_of(request, "sort", POSTING_SORTS) or "verified_at",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=limit(request),
    )


def _plan_query(request: web.Request) -> PlanQuery:
    return PlanQuery(
        text=request.query.get("text", "").strip(),
        stands=one_of(request, "stands", PLAN_STANDS) or "",
        sort=one_of(request, "sort", PLAN_SORTS) or "product_id",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=limit(request),
    )


def _sku_query(request: web.Request) -> SkuQuery:
    published = one_of(request, "published", _YES_NO)
    return SkuQuery(
        match=one_of(request, "match", SKU_MATCHES) or "all",
        flag=one_of(request, "flag", [flag.value for flag in Flag]),
        published=None if published is None else published == "true",
        text=request.query.get("text", ""),
        sort=one_of(request, "sort", SKU_SORTS) or "sku",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=limit(request),
    )
