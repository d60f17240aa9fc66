"""The API of what pages show beside exceptions: the overview, orders by search, stock over time, the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.order_state import OrderState
from adapters.operator import schema
from adapters.operator.answers import csv_stream, document
from adapters.operator.parameters import MOST_ROWS, falls, known, limit, one_of, whole
from adapters.operator.problems import ProblemError
from adapters.operator.schema import (
    COUNTS,
    CSV,
    DAY,
    FLAG,
    INSTANT,
    MAYBE_INSTANT,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    NUMBER,
    TEXT,
    WHOLE,
    array,
    ref,
    structure,
)

Document = Mapping[str, Any]

ORDER_SORTS = ("accepted_at", "created_at", "number")
ORDER_STATES = (*(state.value for state in OrderState), "in_cin7", "not_in_cin7")
STOCK_SORTS = ("sku", "published", "available", "read_at")
STOCK_STATES = ("all", "left", "blocked", "stale", "waiting", "refused", "held", "missing")
_ORDERS = ("asc", "desc")

MOST_SKUS = 100
LOOKUP_SECONDS = 2
"""How many SKUs may be asked for at a time, and for how long their figures may be kept."""

MOST_HOURS = 14 * 24
"""So long samples are kept."""


class OrderSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders. `text` is an order number, id, SO number, reference (or how one begins) or a SKU, exactly.

    `state` is a state or "in_cin7" / "not_in_cin7"; `first` and `last` are days (accepted, UTC); "" narrows nothing.
    `after` is the `next` of the page before.
    """

    text: str = ""
    state: str = ""
    currency: str = ""
    first: str = ""
    last: str = ""
    sort: str = "accepted_at"
    descending: bool = True
    after: str = ""
    limit: int = 50


class ListReading(Protocol):
    """What pages show. Methods may raise `ProblemError`."""

    async def overview(self) -> Document:
        """`{"health": the document of /health, "owners": [{"owner", "open", "overdue", "critical", "oldest_at"}],
        "orders": {"not_in_cin7": n, "by_reason": [{"reason", "state", "count", "oldest_at"}], "oldest_waiting_at"},
        "finance": {"to_release": n, "days": [{"day", "orders", "amounts": [text]}], "differ": n},
        "backlog": {"calls": n, "minutes": x, "gone_at": instant|None, "per_lane": {lane: n}},
        "stock": {"oldest_read_at", "age_seconds", "median_age_seconds", "skus", "stale", "blocked"},
        "samples": [...]}` with the samples of the last 24 hours, thinned to 288."""
        ...

    async def budget(self, *, hours: int) -> Document:
        """`{"limit", "samples": [{"at", "limit", "in_window", "queued": {lane: n}, "minutes_to_drain",
        "outbox_ready", "open_exceptions"}]}`, oldest first, at most 500."""
        ...

    async def orders(self, query: OrderSearch) -> Document:
        """`{"items": [head of an order as in /api/orders, with "open_exceptions": n], "next", "total": n|None}`.

        `total` None: more than are worth counting.
        """
        ...

    async def orders_csv(self, query: OrderSearch, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV, and where to go on."""
        ...

    async def stock(self, *, state: str, text: str, sort: str, descending: bool, after: str, limit: int) -> Document:
        """A page of SKUs, sorted by sku, published, available or read_at: the items of /api/stock with `name`,
        `available`, `standing`, and `next`, `total`. `text` is part of the SKU or of the name."""
        ...

    async def stock_csv(
        self, *, state: str, text: str, sort: str, descending: bool, after: str
    ) -> tuple[str, str | None]:
        """A page of the same as CSV, by SKU, and where to go on."""
        ...

    async def stock_lookup(self, skus: Sequence[str]) -> tuple[Document, str]:
        """What is published of many SKUs, and an ETag of the figures."""
        ...

    async def stock_history(self, sku: str, *, days: int) -> Document:
        """`{"sku", "channels": [{"channel", "points": [{"at", "quantity", "available", "step"}]}]}`, oldest first."""
        ...

    async def settings(self) -> Document:
        """The configuration in force, masked: `{"file", "hash", "tables": [{"name", "keys": [{"key", "value",
        "default", "given": bool, "secret": bool}]}], "secrets": [{"name", "given": bool, "meaning"}]}`."""
        ...


def order_search_of(request: web.Request) -> OrderSearch:
    """Return the page of orders a query asks for, the newest accepted first where nothing is said."""
    text = request.query.get
    return OrderSearch(
        text=text("text", "").strip(),
        state=one_of(request, "state", ORDER_STATES) or "",
        currency=text("currency", "").upper(),
        first=text("from", ""),
        last=text("to", ""),
        sort=one_of(request, "sort", ORDER_SORTS) or "accepted_at",
        descending=falls(request, default="desc"),
        after=text("after", ""),
        limit=limit(request),
    )


def routes(reading: ListReading) -> list[web.RouteDef]:
    """Return the routes."""
    handlers = _Handlers(reading)
    return [
        web.get("/api/overview", handlers.overview),
        web.get("/api/budget", handlers.budget),
        web.get("/api/orders", handlers.orders),
        web.get("/api/orders.csv", handlers.orders_csv),
        web.get("/api/stock", handlers.stock),
        web.get("/api/stock.csv", handlers.stock_csv),
        web.get("/api/stock/{sku:[^/]+}/history", handlers.stock_history),
        web.get("/api/settings", handlers.settings),
    ]


_ORDER_QUERY = ("text", "state", "currency", "from", "to", "sort", "order")


class _Handlers:
    """The handlers."""

    def __init__(self, reading: ListReading) -> None:
        self._reading = reading

    async def overview(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.overview())

    async def budget(self, request: web.Request) -> web.Response:
        known(request, "hours")
        hours = whole(request, "hours", default=24, least=1, most=MOST_HOURS)
        return document(await self._reading.budget(hours=hours))

    async def orders(self, request: web.Request) -> web.Response:
        known(request, *_ORDER_QUERY, "after", "limit")
        return document(await self._reading.orders(order_search_of(request)))

    async def orders_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_ORDER_QUERY)
        query = msgspec.structs.replace(order_search_of(request), limit=MOST_ROWS)
        return await csv_stream(request, lambda after: self._reading.orders_csv(query, after=after), name="orders.csv")

    async def stock(self, request: web.Request) -> web.Response:
        if "sku" in request.query:
            return await self._stock_lookup(request)
        known(request, "sku", "state", "text", "sort", "order", "after", "limit")
        found = await self._reading.stock(
            state=one_of(request, "state", STOCK_STATES) or "all",
            text=request.query.get("text", "").strip(),
            sort=one_of(request, "sort", STOCK_SORTS) or "sku",
            descending=falls(request),
            after=request.query.get("after", ""),
            limit=limit(request),
        )
        return document(found)

    async def _stock_lookup(self, request: web.Request) -> web.Response:
        known(request, "sku")
        skus = request.query.getall("sku")
        if len(skus) > MOST_SKUS:
            raise ProblemError(400, f"At most {MOST_SKUS} SKUs at a time; {len(skus)} were asked for: ask in parts.")
        found, tag = await self._reading.stock_lookup(skus)
        headers = {"ETag": tag, "Cache-Control": f"private, max-age={LOOKUP_SECONDS}"}
        # Compared weakly (RFC 9110 §13.1.2): who compresses on the way makes a tag weak.
        sent = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
        if tag in sent or "*" in sent:
            return web.Response(status=304, headers=headers)
        response = document(found)
        response.headers.update(headers)
        return response

    async def stock_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, "state", "text", "sort", "order")
        state, text = one_of(request, "state", STOCK_STATES) or "all", request.query.get("text", "").strip()
        sort, down = one_of(request, "sort", STOCK_SORTS) or "sku", falls(request)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.stock_csv(state=state, text=text, sort=sort, descending=down, after=after)

        return await csv_stream(request, read, name="stock.csv")

    async def stock_history(self, request: web.Request) -> web.Response:
        known(request, "days")
        days = whole(request, "days", default=30, least=1, most=400)
        return document(await self._reading.stock_history(request.match_info["sku"], days=days))

    async def settings(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.settings())


# -- as OpenAPI -------------------------------------------------------------------------------------------------------


_ORDER_FILTER = (
    schema.query(
        "text", "Its number or id, the number or reference of its sale, or how one begins; or a SKU, exactly."
    ),
    schema.query("state", "A state, in_cin7 or not_in_cin7.", {"enum": list(ORDER_STATES)}),
    schema.query("currency", "Such as EUR."),
    schema.query("from", "The first day on which it was accepted (UTC).", DAY),
    schema.query("to", "The last one.", DAY),
    schema.query("sort", "By what; default accepted_at.", {"enum": list(ORDER_SORTS)}),
    schema.query("order", "asc, or desc (default).", {"enum": list(_ORDERS)}),
)
_STOCK_FILTER = (
    schema.query("state", "all (default), or what is the matter with it.", {"enum": list(STOCK_STATES)}),
    schema.query("text", "Part of the SKU or of the name."),
)
_STOCK_SORTED = (
    schema.query(
        "sort", "By what; default sku. What is left alone is listed by SKU, from A on.", {"enum": list(STOCK_SORTS)}
    ),
    schema.query("order", "asc (default) or desc.", {"enum": list(_ORDERS)}),
)
_PAGED = (schema.AFTER, schema.LIMIT)

PATHS: dict[str, Any] = {
    "/api/overview": schema.read("Where everything stands, on one page", "Overview"),
    "/api/budget": schema.read(
        "The call budget and the backlog over time, at most 500 points",
        "Budget",
        schema.query("hours", "So far back.", {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": 24}),
    ),
    "/api/orders": schema.read(
        "Orders, the newest accepted first unless sorted otherwise. A page may be short and go on: only `next` null"
        " is the end",
        "OrderPage",
        *_ORDER_FILTER,
        *_PAGED,
    ),
    "/api/orders.csv": schema.read_as("All orders that match, as CSV", CSV, TEXT, *_ORDER_FILTER),
    "/api/stock": schema.read(
        "What is published of up to 100 SKUs (each `sku`), from the cache; or a list of SKUs",
        "StockPage",
        schema.query("sku", "A SKU, up to 100 times; an unknown one is listed as such.", array(TEXT)),
        *_STOCK_FILTER,
        *_STOCK_SORTED,
        *_PAGED,
        **{"304": {"description": "The figures are those of the ETag sent in If-None-Match."}},
    ),
    "/api/stock.csv": schema.read_as("All SKUs that match, as CSV", CSV, TEXT, *_STOCK_FILTER, *_STOCK_SORTED),
    "/api/stock/{sku}/history": schema.read(
        "What was published of a SKU, and what was available then",
        "StockHistory",
        {
            "name": "sku",
            "in": "path",
            "required": True,
            "description": "Exactly as in Cin7 Core.",
            "schema": TEXT,
        },
        schema.query("days", "So far back.", {"type": "integer", "minimum": 1, "maximum": 400, "default": 30}),
    ),
    "/api/settings": schema.read("The configuration in force; of secrets, only whether they are given", "Settings"),
}
"""The OpenAPI paths of the routes."""

_BUDGET: dict[str, Any] = {
    "at": INSTANT,
    "limit": WHOLE,
    "in_window": WHOLE,
    "queued": COUNTS,
    "minutes_to_drain": NUMBER,
    "outbox_ready": WHOLE,
    "open_exceptions": WHOLE,
}
_STOCK_LEVEL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sku": TEXT,
        "known": FLAG,
        "blocked": FLAG,
        "read_at": MAYBE_INSTANT,
        "age_seconds": MAYBE_WHOLE,
        "entries": array(
            {
                "type": "object",
                "properties": {
                    "channel": TEXT,
                    "published": WHOLE,
                    "expected_delivery": {"type": ["string", "null"], "format": "date"},
                    "target": {
                        **MAYBE_WHOLE,
                        "description": "By SKUs: what it should show, after orders on their way.",
                    },
                },
                "required": ["channel", "expected_delivery", "published"],
            }
        ),
        "name": {**MAYBE_TEXT, "description": "In a list, as the two that follow."},
        "available": {**TEXT, "description": "In Cin7 Core, all locations together; a decimal."},
        "standing": TEXT,
    },
    "required": ["age_seconds", "blocked", "entries", "known", "read_at", "sku"],
}

SCHEMAS: dict[str, Any] = {
    "Overview": structure(
        health=ref("Health"),
        owners=array(
            structure(
                owner=TEXT,
                open=WHOLE,
                overdue=WHOLE,
                critical=WHOLE,
                oldest_at=MAYBE_INSTANT,
            )
        ),
        orders=structure(
            not_in_cin7=WHOLE,
            by_reason=array(structure(reason=TEXT, state=TEXT, count=WHOLE, oldest_at=INSTANT)),
            oldest_waiting_at=MAYBE_INSTANT,
        ),
        finance=structure(
            to_release=WHOLE,
            days=array(structure(day=TEXT, orders=WHOLE, amounts=array(TEXT))),
            differ=WHOLE,
        ),
        backlog=structure(
            calls=WHOLE,
            minutes=NUMBER,
            gone_at=MAYBE_INSTANT,
            per_lane=COUNTS,
            orders=WHOLE,
            paused=FLAG,
        ),
        stock={
            "type": "object",
            "properties": {
                "enabled": FLAG,
                "oldest_read_at": MAYBE_INSTANT,
                "age_seconds": MAYBE_WHOLE,
                "median_age_seconds": MAYBE_WHOLE,
                "skus": WHOLE,
                "stale": WHOLE,
                "blocked": WHOLE,
            },
            "required": ["age_seconds", "blocked", "enabled", "median_age_seconds", "oldest_read_at", "skus", "stale"],
        },
        samples=array(ref("BudgetSample")),
    ),
    "BudgetSample": structure(**_BUDGET),
    "Budget": structure(limit=WHOLE, samples=array(ref("BudgetSample"))),
    "OrderItem": structure(
        id=TEXT,
        number=MAYBE_TEXT,
        state={"enum": [state.value for state in OrderState]},
        state_since=INSTANT,
        reason=TEXT,
        created_at=INSTANT,
        accepted_at=INSTANT,
        currency=TEXT,
        payable={**TEXT, "description": "A decimal in the order's currency."},
        cin7=structure(sale_id=MAYBE_TEXT, number=MAYBE_TEXT, reference=MAYBE_TEXT),
        open_exceptions=WHOLE,
    ),
    "OrderPage": structure(
        items=array(ref("OrderItem")),
        next=MAYBE_TEXT,
        total={**MAYBE_WHOLE, "description": "Null: more than are worth counting."},
    ),
    "StockLevel": _STOCK_LEVEL,
    "StockPage": {
        "type": "object",
        "properties": {
            "items": array(ref("StockLevel")),
            "next": MAYBE_TEXT,
            "total": MAYBE_WHOLE,
        },
        "required": ["items"],
        "description": "Of SKUs asked for by name there are the items alone.",
    },
    "StockHistory": structure(
        sku=TEXT,
        channels=array(
            structure(
                channel=TEXT,
                points=array(structure(at=INSTANT, quantity=WHOLE, available=MAYBE_WHOLE, step=TEXT)),
            )
        ),
    ),
    "Settings": structure(
        file=MAYBE_TEXT,
        hash={**TEXT, "description": "SHA-256 of everything in force, without secrets."},
        tables=array(
            structure(
                name=TEXT,
                keys=array(
                    structure(
                        key=TEXT,
                        value=TEXT,
                        default=MAYBE_TEXT,
                        given=FLAG,
                        secret=FLAG,
                    )
                ),
            )
        ),
        secrets=array(structure(name=TEXT, given=FLAG, meaning=TEXT)),
    ),
}
"""The OpenAPI schemas they name."""
