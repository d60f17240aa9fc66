"""Behind the API of what pages show beside exceptions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from adapters.operator.list_api import Document, OrderSearch
from adapters.operator.parameters import MOST_ROWS
from daemon.desk.order_search import order_list, order_table
from daemon.desk.overview import Overview
from daemon.desk.sampling import budget
from daemon.desk.settings_view import settings_view
from daemon.desk.stock_list import StockSearch, stock_history, stock_list, stock_table
from daemon.running import Running
from daemon.stock_views import etag_of, stock_lookup

MOST_POINTS = 500
"""So many points of the budget are drawn."""


class ListDesk:
    """Implements `ListReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._overview = Overview(app)

    async def overview(self) -> Document:
        """See `ListReading`."""
        return await self._overview.document()

    async def budget(self, *, hours: int) -> Document:
        """See `ListReading`."""
        engine = self._app.engine
        now = engine.clock.now()
        drawn = await engine.database.read(
            lambda connection: budget(connection, hours=hours, most=MOST_POINTS, now=now)
        )
        return {"limit": engine.governor.snapshot().limit, "samples": drawn}

    async def orders(self, query: OrderSearch) -> Document:
        """See `ListReading`."""
        return await self._app.engine.database.read(lambda connection: order_list(connection, query))

    async def orders_csv(self, query: OrderSearch, *, after: str) -> tuple[str, str | None]:
        """See `ListReading`."""
        part = msgspec.structs.replace(query, after=after, limit=MOST_ROWS)
        return await self._app.engine.database.read(lambda connection: order_table(connection, part))

    async def stock(self, *, state: str, text: str, sort: str, descending: bool, after: str, limit: int) -> Document:
        """See `ListReading`."""
        query = StockSearch(state=state, text=text, sort=sort, descending=descending, after=after, limit=limit)
        rules, now = self._app.engine.plan.stock, self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: stock_list(connection, rules, query, now=now))

    async def stock_csv(
        self, *, state: str, text: str, sort: str, descending: bool, after: str
    ) -> tuple[str, str | None]:
        """See `ListReading`."""
        query = StockSearch(state=state, text=text, sort=sort, descending=descending, after=after, limit=MOST_ROWS)
        rules, now = self._app.engine.plan.stock, self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: stock_table(connection, rules, query, now=now))

    async def stock_lookup(self, skus: Sequence[str]) -> tuple[Document, str]:
        """See `ListReading`."""
        rules, now = self._app.engine.plan.stock, self._app.engine.clock.now()
        found = await self._app.engine.database.read(lambda connection: stock_lookup(connection, rules, skus, now=now))
        return found, etag_of(found)

    async def stock_history(self, sku: str, *, days: int) -> Document:
        """See `ListReading`."""
        now = self._app.engine.clock.now()
        return await self._app.engine.database.read(
            lambda connection: stock_history(connection, sku, days=days, now=now)
        )

    async def settings(self) -> Document:
        """See `ListReading`."""
        return settings_view(self._app.settings, self._app.secrets)
