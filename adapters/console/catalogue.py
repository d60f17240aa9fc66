"""The SKUs of both catalogues, one SKU, and the products that would be unpublished."""

from __future__ import annotations

import msgspec
from aiohttp import web

from actors.domain.coverage import Flag, Match
from adapters.console.exception_table import exceptions_in_hand
from adapters.console.forms import Form
from adapters.console.links import falls, text_of
from adapters.console.rendering import segment
from adapters.console.site import Site, as_csv, go
from adapters.console.tables import PAGE, Column, listed
from adapters.operator.access import CATALOGUE_ROLES, require
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import MOST_ROWS, PERSON, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.reading import PLAN_SORTS, PLAN_STANDS, SKU_SORTS, PlanQuery, SkuQuery

MATCHES = ("all", "unmatched", *(match.value for match in Match))
FLAGS = tuple(flag.value for flag in Flag)
PUBLISHED = ("true", "false")
_SKU = "/skus/{sku:[^/]+}"
_SKUS = (
    Column("sku", "SKU", sort="sku"),
    Column("match", "Match", sort="match"),
    Column("flags", "Remarks", falls=True, sort="flags"),
    Column("published", "Can be bought", falls=True, sort="published"),
    Column("near", "Looks like", wide=True, falls=True, sort="near"),
    Column("suggestion", "Suggestion", wide=True),
)
_PLAN = (
    Column("name", "Product", sort="name"),
    Column("skus", "SKUs", sort="skus"),
    Column("why", "Why"),
    Column("stands", "Stands", sort="stands"),
)
_STANDS = {"unseen": "to be read first", "seen": "waits for approval", "approved": "approved"}


class CataloguePages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/skus", self.skus),
            web.get(_SKU, self.sku),
            web.post(f"{_SKU}/draft", self._site.posted(self.draft)),
            web.get("/unpublishing", self.plan),
            web.post("/unpublishing/approve", self._site.posted(self.approve)),
        ]

    async def skus(self, request: web.Request) -> web.StreamResponse:
        """Show how SKUs match."""
        query = _query(request)
        if as_csv(request):
            whole = msgspec.structs.replace(query, limit=MOST_ROWS)
            return await csv_stream(
                request,
                lambda after: self._site.reading.sku_table(msgspec.structs.replace(whole, after=after), head=not after),
                name="skus.csv",
            )
        found = await self._site.reading.skus(query)
        table = listed(request, "SKUs of both catalogues", _SKUS, found, sort=query.sort, down=query.descending)
        counts = found["counts"]
        return await self._site.page(
            request, "skus", query=query, table=table, counts=counts, matches=MATCHES, flags=FLAGS
        )

    async def sku(self, request: web.Request) -> web.Response:
        """Show one SKU with all that both catalogues have of it."""
        found = await self._site.reading.sku_of(request.match_info["sku"])
        if found is None:
            raise ProblemError(404, "Neither list had this SKU when it was last read; mind upper and lower case.")
        table = exceptions_in_hand(request, "Open exceptions of this SKU", found["exceptions"])
        return await self._site.page(request, "sku", one=found, tables=[table])

    async def draft(self, request: web.Request, form: Form) -> web.Response:
        """Ask for an unpublished product of an item."""
        sku, person = request.match_info["sku"], request[PERSON]
        require(person, CATALOGUE_ROLES)
        done = await self._site.reading.ask_for_draft(sku, author=person.name, reason=form.text("reason"))
        self._site.tell(request, done["message"])
        return go(f"/skus/{segment(sku)}")

    async def plan(self, request: web.Request) -> web.StreamResponse:
        """Show what would be unpublished."""
        query = PlanQuery(
            text=text_of(request),
            stands=one_of(request, "stands", PLAN_STANDS) or "",
            sort=one_of(request, "sort", PLAN_SORTS) or "product_id",
            descending=falls(request),
            after=request.query.get("after", ""),
            limit=PAGE,
        )
        if as_csv(request):
            whole = msgspec.structs.replace(query, limit=MOST_ROWS)
            return await csv_stream(
                request,
                lambda after: self._site.reading.unpublish_plan_csv(whole, after=after),
                name="unpublishing.csv",
            )
        found = await self._site.reading.unpublish_plan(query)
        caption = "Products that would be unpublished"
        table = listed(request, caption, _PLAN, found, sort=query.sort, down=query.descending)
        return await self._site.page(
            request, "plan", plan=found, query=query, table=table, stands=PLAN_STANDS, meanings=_STANDS
        )

    async def approve(self, request: web.Request, form: Form) -> web.Response:
        """Let the products of the plan be unpublished."""
        person = request[PERSON]
        require(person, CATALOGUE_ROLES)
        done = await self._site.reading.approve_plan(author=person.name, reason=form.needed("reason"))
        self._site.tell(request, done["message"])
        return go("/unpublishing")


def _query(request: web.Request) -> SkuQuery:
    published = one_of(request, "published", PUBLISHED)
    return SkuQuery(
        match=one_of(request, "match", MATCHES) or "all",
        flag=one_of(request, "flag", FLAGS),
        published=None if published is None else published == "true",
        text=text_of(request),
        sort=one_of(request, "sort", SKU_SORTS) or "sku",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=PAGE,
    )
