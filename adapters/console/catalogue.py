"""The SKUs of both catalogues, one SKU, and the products that would be unpublished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from actors.domain.coverage import Flag, Match
from adapters.console.exception_table import exceptions_in_hand
from adapters.console.forms import Form
from adapters.console.rendering import segment
from adapters.console.site import Site, as_csv, every, go
from adapters.console.tables import Column, in_hand, listed
from adapters.operator.access import CATALOGUE_ROLES, require
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import MOST_ROWS, PERSON, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.reading import SKU_SORTS, PlanQuery, SkuQuery

PAGE = 50
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
    Column("product_id", ""),
    Column("number", "Product"),
    Column("key", ""),
    Column("skus", "SKUs"),
    Column("why", "Why"),
    Column("stands", "Stands"),
    Column("modified_at", ""),
)


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

    async def plan(self, request: web.Request) -> web.Response:
        """Show what would be unpublished."""
        plan = await self._site.reading.unpublish_plan(PlanQuery(limit=1))
        rows = await every(lambda at: self._site.reading.unpublish_plan(PlanQuery(after=at, limit=MOST_ROWS)), "")
        planned = [{**row, "stands": _stands(row), "number": row["name"] or row["product_id"]} for row in rows]
        table = in_hand(request, "", "Products that would be unpublished", _PLAN, planned, narrow=False)
        return await self._site.page(request, "plan", plan=plan, tables=[table])

    async def approve(self, request: web.Request, form: Form) -> web.Response:
        """Let the products of the plan be unpublished."""
        person = request[PERSON]
        require(person, CATALOGUE_ROLES)
        done = await self._site.reading.approve_plan(author=person.name, reason=form.needed("reason"))
        self._site.tell(request, done["message"])
        return go("/unpublishing")


def _stands(row: Mapping[str, Any]) -> str:
    if row["approved"]:
        return "approved"
    return "waits for approval" if row["seen"] else "to be read first"


def _query(request: web.Request) -> SkuQuery:
    published = one_of(request, "published", PUBLISHED)
    return SkuQuery(
        match=one_of(request, "match", MATCHES) or "all",
        flag=one_of(request, "flag", FLAGS),
        published=None if published is None else published == "true",
        text=" ".join(request.query.get("text", "").split()),
        sort=one_of(request, "sort", SKU_SORTS) or "sku",
        descending=request.query.get("order") == "down",
        after=request.query.get("after", ""),
        limit=PAGE,
    )
