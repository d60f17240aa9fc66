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
from adapters.console.links import falls, text_of
from adapters.console.rendering import segment
from adapters.console.site import Site, as_csv, go
from adapters.console.tables import PAGE, Column, in_hand, listed, rows_of
from adapters.operator.access import STOCK_ROLES, require
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import PERSON, one_of, whole
from adapters.operator.problems import ProblemError

STATES = ("all", "left", "blocked", "stale", "waiting", "refused", "held", "missing")
SORTS = ("sku", "published", "available", "read_at")
_DAY = 86_400_000
_SKU = "/stock/{sku:[^/]+}"

_STOCK = (
    Column("sku", "SKU", sort="sku"),
    Column("name", "Name", wide=True),
    Column("channel", "Channel"),
    Column("published", "Published", number=True, sort="published"),
    Column("available", "Available in Cin7 Core", number=True, sort="available"),
    Column("expected", "Expected", wide=True),
    Column("read_at", "Read", number=True, sort="read_at"),
)
_LEFT = tuple(msgspec.structs.replace(column, sort="") for column in _STOCK)
_LOCATIONS = (
    Column("location", "Location"),
    Column("available", "Available", number=True),
    Column("on_hand", "On hand", number=True),
    Column("allocated", "Allocated", number=True),
    Column("on_order", "On order", number=True),
    Column("in_transit", "In transit", number=True),
)
_INCOMING = (
    Column("purchase", "Purchase"),
    Column("location", "Location"),
    Column("units", "Units", number=True),
    Column("day", "Day"),
)
_COURSE = (
    Column("at", "When"),
    Column("channel", "Channel"),
    Column("quantity", "Published", number=True),
    Column("available", "Available", number=True),
)


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
        state = one_of(request, "state", STATES) or "all"
        by_sku = state == "left"  # what is left alone is listed by SKU alone, also where another list was sorted
        query = StockQuery(
            state=state,
            text=text_of(request),
            sort="sku" if by_sku else one_of(request, "sort", SORTS) or "sku",
            descending=falls(request) and not by_sku,
            after=request.query.get("after", ""),
        )
        if as_csv(request):
            return await csv_stream(
                request,
                lambda after: self._lists.stock_csv(
                    state=query.state, text=query.text, sort=query.sort, descending=query.descending, after=after
                ),
                name="stock.csv",
            )
        found = await self._lists.stock(
            state=query.state,
            text=query.text,
            sort=query.sort,
            descending=query.descending,
            after=query.after,
            limit=PAGE,
        )
        caption = "SKUs and what is published of them"
        columns = _LEFT if query.state == "left" else _STOCK
        table = listed(request, caption, columns, found, sort=query.sort, down=query.descending)
        return await self._site.page(request, "stock", query=query, table=table, states=STATES)

    async def sku(self, request: web.Request) -> web.Response:
        """Show one SKU."""
        sku = request.match_info["sku"]
        days = whole(request, "days", default=14, least=1, most=400)
        found = await self._site.reading.stock_of(sku)
        if found is None:
            raise ProblemError(404, "Neither side was seen to have this SKU; mind upper and lower case.")
        history = await self._lists.stock_history(sku, days=days)
        drawn = [{"channel": one["channel"], "chart": self._course(one, days)} for one in history["channels"]]
        tables = [
            in_hand(request, "locations", "By location", _LOCATIONS, rows_of(found["locations"], "location")),
            in_hand(request, "incoming", "Purchases that bring it", _INCOMING, found["incoming"]),
            in_hand(request, "course", "What was published", _COURSE, _course_rows(history)),
        ]
        return await self._site.page(request, "stock_sku", one=found, courses=drawn, days=days, tables=tables)

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


def _course_rows(history: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the points behind the charts, the newest first."""
    rows = [{**point, "channel": one["channel"]} for one in history["channels"] for point in one["points"]]
    return sorted(rows, key=lambda row: str(row["at"]), reverse=True)


def _points(points: list[Mapping[str, Any]], name: str, now: int) -> list[charts.Point]:
    """Return a course that holds to this day."""
    told = [(parse_instant(one["at"]), float(one[name])) for one in points if one[name] is not None]
    return [*told, (now, told[-1][1])] if told else []
