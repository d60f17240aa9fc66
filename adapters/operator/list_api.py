"""The API of what pages show beside exceptions: the overview, orders by search, stock over time, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

Document = Mapping[str, Any]

ORDER_SORTS = ("accepted_at", "created_at", "number")


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
        `age_seconds`, and `next`, `total`."""
        ...

    async def stock_csv(self, *, state: str, text: str, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV, and where to go on."""
        ...

    async def stock_history(self, sku: str, *, days: int) -> Document:
        """`{"sku", "channels": [{"channel", "points": [{"at", "quantity", "available", "step"}]}]}`, oldest first."""
        ...

    async def settings(self) -> Document:
        """The configuration in force, masked: `{"file", "hash", "tables": [{"name", "keys": [{"key", "value",
        "default", "given": bool, "secret": bool}]}], "secrets": [{"name", "given": bool, "meaning"}]}`."""
        ...


def routes(reading: ListReading) -> list[web.RouteDef]:
    """Return the routes."""
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
