"""Stock: what is published and how old it is, and one SKU with the sum behind each figure and its course."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from markupsafe import Markup

from actors.domain.time import parse_instant
from adapters.console import charts
from adapters.console.forms import Form
from adapters.console.rendering import segment
from adapters.console.site import Site, as_csv, go
from adapters.operator.access import STOCK_ROLES, require
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import PERSON, one_of, whole
from adapters.operator.problems import ProblemError

PAGE = 50
STATES = ("all", "left", "blocked", "stale", "waiting", "refused", "held", "missing")
SORTS = ("sku", "published", "available", "read_at")
_DAY = 86_400_000
_SKU = "/stock/{sku:[^/]+}"


class StockQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of stock."""

    state: str
    text: str
    sort: str
    descending: bool
    after: str


class StockPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lists = site.reading.lists

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/stock", self.stock),
            web.get(_SKU, self.sku),
            web.post(f"{_SKU}/block", self._site.posted(self.block)),
            web.post(f"{_SKU}/unblock", self._site.posted(self.unblock)),
        ]

    async def stock(self, request: web.Request) -> web.StreamResponse:
        """Show SKUs and what is published of them."""
        query = StockQuery(
            state=one_of(request, "state", STATES) or "all",
            text=" ".join(request.query.get("text", "").split()),
            sort=one_of(request, "sort", SORTS) or "sku",
            descending=request.query.get("order") == "down",
            after=request.query.get("after", ""),
        )
        if as_csv(request):

            async def read(after: str) -> tuple[str, str | None]:
                return await self._lists.stock_csv(state=query.state, text=query.text, after=after)

            return await csv_stream(request, read, name="stock.csv")
        found = await self._lists.stock(
            state=query.state,
            text=query.text,
            sort=query.sort,
            descending=query.descending,
            after=query.after,
            limit=PAGE,
        )
        return await self._site.page(
            request, "stock", query=query, rows=found["items"], found=found, states=STATES, down=query.descending
        )

    async def sku(self, request: web.Request) -> web.Response:
        """Show one SKU."""
        sku = request.match_info["sku"]
        days = whole(request, "days", default=14, least=1, most=400)
        found = await self._site.reading.stock_of(sku)
        if found is None:
            raise ProblemError(404, "Neither side was seen to have this SKU; mind upper and lower case.")
        history = await self._lists.stock_history(sku, days=days)
        drawn = [{"channel": one["channel"], "chart": self._course(one, days)} for one in history["channels"]]
        return await self._site.page(request, "stock_sku", one=found, courses=drawn, days=days)

    async def block(self, request: web.Request, form: Form) -> web.Response:
        """Stop selling a SKU."""
        sku, person = request.match_info["sku"], request[PERSON]
        require(person, STOCK_ROLES)
        until = form.text("until")
        until = f"{until}:00Z" if until else ""
        done = await self._site.reading.block(sku, author=person.name, reason=form.needed("reason"), until=until)
        self._site.tell(request, done["message"])
        return go(f"/stock/{segment(sku)}")

    async def unblock(self, request: web.Request, form: Form) -> web.Response:
        """Sell it again."""
        sku, person = request.match_info["sku"], request[PERSON]
        require(person, STOCK_ROLES)
        done = await self._site.reading.unblock(sku, author=person.name, reason=form.text("reason"))
        self._site.tell(request, done["message"])
        return go(f"/stock/{segment(sku)}")

    def _course(self, channel: Mapping[str, Any], days: int) -> Markup:
        """Draw what was published, and what Cin7 Core had available behind it."""
        now = self._site.now()
        points = channel["points"]
        if not points:
            return Markup()
        label = f"Published quantity in {channel['channel'] or 'no channel'} over {days} days, {len(points)} changes"
        lines = [
            charts.Line(points=_points(points, name, now), style=style, filled=filled, step=True)
            for name, style, filled in (("available", "two", False), ("quantity", "one", True))
        ]
        since = charts.begin(lines, since=now - days * _DAY, until=now)
        return charts.chart(lines, since=since, until=now, label=label)


def _points(points: list[Mapping[str, Any]], name: str, now: int) -> list[charts.Point]:
    """Return a course that holds to this day."""
    told = [(parse_instant(one["at"]), float(one[name])) for one in points if one[name] is not None]
    return [*told, (now, told[-1][1])] if told else []
