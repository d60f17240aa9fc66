"""The running daemon as its operators read it: what HTTP asks is answered from the file's read-only connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import anyio
import msgspec

from actors.domain.time import date_in_zone
from adapters.operator.problems import ProblemError
from adapters.operator.reading import MarginQuery, PlanQuery, PostingQuery, SkuQuery
from adapters.telemetry.metrics import Metrics
from daemon import actions, sku_actions, stock_actions
from daemon.desk.alerts import AlertDesk
from daemon.desk.exceptions import ExceptionDesk
from daemon.desk.lists import ListDesk
from daemon.desk.mappings import MappingDesk
from daemon.desk.months import Months
from daemon.desk.patches import PatchDesk
from daemon.desk.records import RecordDesk
from daemon.health import health, ready
from daemon.margin_views import margin_csv, margin_document
from daemon.purchase_views import purchase_view
from daemon.report_views import books_zone, period_report, postings
from daemon.running import Running
from daemon.settings_checks import TRACE
from daemon.sku_views import plan_table, plan_view, sku_page, sku_table, sku_view
from daemon.stock_views import stock_view
from daemon.views import order_view
from storage.database import connect

Document = dict[str, Any]
T = TypeVar("T")


class LiveReading:
    """The running daemon behind the operator's endpoints; implements `OperatorReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._reports = anyio.CapacityLimiter(1)
        self._months = Months(self._month, app.engine.clock)
        self.desk = ExceptionDesk(app)
        self.mappings = MappingDesk(app)
        self.patches = PatchDesk(app)
        self.alerts = AlertDesk(app)
        self.lists = ListDesk(app)
        self.records = RecordDesk(app)

    async def health(self) -> Document:
        """Everything."""
        return await health(self._app)

    async def ready(self) -> bool:
        """Say whether events are accepted and committed."""
        return await ready(self._app)

    async def metrics(self) -> tuple[bytes, str]:
        """The figures of `/health` for Prometheus."""
        snapshot = await health(self._app)
        return Metrics(lambda: snapshot).render()

    async def order(self, ref: str) -> Document | None:
        """One order."""
        found = await self._app.engine.database.read(lambda connection: order_view(connection, ref))
        if found is None:
            return None
        return {**found, "trace_url": self._trace_url(found["trace_id"])}

    def _trace_url(self, trace_id: str) -> str | None:
        """Where a person looks at a trace, if the configuration says."""
        page = self._app.settings.telemetry.trace_url
        return None if page is None else page.replace(TRACE, trace_id)

    async def stock_of(self, sku: str) -> Document | None:
        """One SKU."""
        rules, now = self._app.engine.plan.stock, self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: stock_view(connection, rules, sku, now=now))

    async def skus(self, query: SkuQuery) -> Document:
        """A page of the SKUs of both catalogues."""
        return await self._app.engine.database.read(lambda connection: sku_page(connection, query))

    async def sku_table(self, query: SkuQuery, *, head: bool) -> tuple[str, str | None]:
        """The same page as CSV."""
        return await self._app.engine.database.read(lambda connection: sku_table(connection, query, head=head))

    async def sku_of(self, sku: str) -> Document | None:
        """One SKU of either catalogue."""
        rules = self._app.engine.plan.catalogue
        return await self._app.engine.database.read(lambda connection: sku_view(connection, rules, sku))

    async def unpublish_plan(self, query: PlanQuery) -> Document:
        """A page of the products that would be unpublished."""
        rules, now = self._app.engine.plan.catalogue, self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: plan_view(connection, rules, query, now=now))

    async def unpublish_plan_csv(self, query: PlanQuery, *, after: str) -> tuple[str, str | None]:
        """The same page as CSV."""
        asked = msgspec.structs.replace(query, after=after)
        rules, now = self._app.engine.plan.catalogue, self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: plan_table(connection, rules, asked, now=now))

    async def report(self, kind: str, name: str, *, counted_to: str) -> Document:
        """The report of a month or a day."""
        return await self._apart(lambda connection: self._report(connection, kind, name, counted_to=counted_to))

    def _report(self, connection: sqlite3.Connection, kind: str, name: str, *, counted_to: str = "") -> Document:
        zone, now = self._app.settings.connection.time_zone or "", self._app.engine.clock.now()
        return period_report(connection, kind, name, counted_to=counted_to, time_zone=zone, now=now)

    async def this_month(self) -> str:
        """The month under way where the books are; in UTC while nobody knows where."""
        configured, now = self._app.settings.connection.time_zone or "", self._app.engine.clock.now()
        try:
            zone = await self._app.engine.database.read(lambda connection: books_zone(connection, configured))
        except ProblemError:
            zone = ZoneInfo("UTC")
        return date_in_zone(now, zone).isoformat()[:7]

    async def month_shown(self, period: str) -> Document | None:
        """The report of a month for a page."""
        return await self._months.shown(period)

    def _month(self, period: str) -> Document:
        return self._with_own_connection(lambda connection: self._report(connection, "month", period))

    async def postings(self, day: str, query: PostingQuery) -> Document:
        """A page of the documents of a day."""
        return await self._apart(lambda connection: postings(connection, day, query))

    async def earnings(self, query: MarginQuery) -> Document:
        """What sales earned in a period."""
        settings, now = self._app.settings, self._app.engine.clock.now()
        floor, zone = settings.procurement.margin_floor_percent, settings.connection.time_zone or ""
        return await self._apart(
            lambda connection: margin_document(connection, query, floor=floor, time_zone=zone, now=now)
        )

    async def earnings_csv(self, query: MarginQuery) -> str:
        """What sales earned in a period, as a table."""
        zone, now = self._app.settings.connection.time_zone or "", self._app.engine.clock.now()
        return await self._apart(lambda connection: margin_csv(connection, query, time_zone=zone, now=now))

    async def purchase(self, number: str) -> Document | None:
        """One purchase."""
        return await self._app.engine.database.read(lambda connection: purchase_view(connection, number))

    async def _apart(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Read on a connection of its own: a report takes seconds, and health must not wait for it. One at a time."""

        return await anyio.to_thread.run_sync(self._with_own_connection, unit, limiter=self._reports)

    def _with_own_connection(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        with closing(connect(self._app.engine.database.path, read_only=True)) as connection:
            return unit(connection)

    async def block(self, sku: str, *, author: str, reason: str, until: str) -> Document:
        """Stop selling a SKU."""
        return await stock_actions.block_sku(self._app, sku, author=author, reason=reason, until=until)

    async def unblock(self, sku: str, *, author: str, reason: str) -> Document:
        """Sell a SKU again."""
        return await stock_actions.unblock_sku(self._app, sku, author=author, reason=reason)

    async def release_units(self, ref: str, *, author: str, reason: str) -> Document:
        """Let an order's units go."""
        return await stock_actions.release_units(self._app, ref, author=author, reason=reason)

    async def release_day(self, day: str, *, author: str, reason: str) -> Document:
        """Release what agrees and waits of a day."""
        return await actions.release_day(self._app, day, author=author, reason=reason)

    async def approve_plan(self, *, author: str, reason: str) -> Document:
        """Let the products of the plan be unpublished."""
        return await sku_actions.approve_plan(self._app, author=author, reason=reason)

    async def ask_for_draft(self, sku: str, *, author: str, reason: str) -> Document:
        """Ask for an unpublished product of an item."""
        return await sku_actions.ask_for_draft(self._app, sku, author=author, reason=reason)

    async def pause(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a flow claim nothing more."""
        return await actions.pause_flow(self._app, flow, author=author, reason=reason)

    async def resume(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a paused or stopped flow go on."""
        return await actions.resume_flow(self._app, flow, author=author, reason=reason)
