"""The SKUs of both catalogues, one SKU, and the products that would be unpublished."""

from __future__ import annotations

import msgspec
from aiohttp import web

from actors.domain.coverage import Flag, Match
from adapters.console.forms import Form
from adapters.console.rendering import segment
from adapters.console.site import Site, as_csv, csv_of, every, go
from adapters.operator.access import CATALOGUE_ROLES, require
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import MOST_ROWS, PERSON, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.reading import SkuQuery

PAGE = 50
MATCHES = ("all", "unmatched", *(match.value for match in Match))
FLAGS = tuple(flag.value for flag in Flag)
PUBLISHED = ("true", "false")
_SKU = "/skus/{sku:[^/]+}"
_PLANNED = ("product_id", "name", "key", "published", "skus", "why", "seen", "approved", "modified_at")


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

            async def read(after: str) -> tuple[str, str | None]:
                return await self._site.reading.sku_table(msgspec.structs.replace(whole, after=after), head=not after)

            return await csv_stream(request, read, name="skus.csv")
        found = await self._site.reading.skus(query)
        return await self._site.page(
            request, "skus", query=query, rows=found["items"], found=found, matches=MATCHES, flags=FLAGS
        )

    async def sku(self, request: web.Request) -> web.Response:
        """Show one SKU with all that both catalogues have of it."""
        found = await self._site.reading.sku_of(request.match_info["sku"])
        if found is None:
            raise ProblemError(404, "Neither list had this SKU when it was last read; mind upper and lower case.")
        return await self._site.page(request, "sku", one=found)

    async def draft(self, request: web.Request, form: Form) -> web.Response:
        """Ask for an unpublished product of an item."""
        sku, person = request.match_info["sku"], request[PERSON]
        require(person, CATALOGUE_ROLES)
        done = await self._site.reading.ask_for_draft(sku, author=person.name, reason=form.text("reason"))
        self._site.tell(request, done["message"])
        return go(f"/skus/{segment(sku)}")

    async def plan(self, request: web.Request) -> web.Response:
        """Show what would be unpublished."""
        found = await self._site.reading.unpublish_plan(after=request.query.get("after", ""), limit=PAGE)
        if as_csv(request):
            rows = await every(lambda at: self._site.reading.unpublish_plan(after=at, limit=MOST_ROWS), "")
            return csv_of("unpublishing.csv", _PLANNED, rows)
        return await self._site.page(request, "plan", plan=found, rows=found["items"], found=found)

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
        text=" ".join(request.query.get("text", "").split()),
        after=request.query.get("after", ""),
        limit=PAGE,
    )
