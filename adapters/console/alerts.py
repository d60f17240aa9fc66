"""Alerts, the rules behind them, maintenance windows and digests."""

from __future__ import annotations

from aiohttp import web

from adapters.console.forms import Form
from adapters.console.site import OF_A_FILE, Site, as_csv, csv_of, every, go
from adapters.operator.parameters import PERSON, one_of, whole

PAGE = 50
STATES = ("open", "ended", "all")
OWNERS = ("ops", "finance", "ecommerce", "it")
_COLUMNS = ("id", "rule", "owner", "subject", "severity", "title", "text", "count", "raised_at", "ended_at")


class AlertPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._alerts = site.reading.alerts

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/alerts", self.alerts),
            web.get("/alerts/digest", self.digest),
            web.post("/alerts/maintenance", self._site.posted(self.start)),
            web.post("/alerts/maintenance/end", self._site.posted(self.end)),
            web.post("/alerts/try", self._site.posted(self.try_channels)),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        """Show alerts, rules and windows."""
        state = one_of(request, "state", STATES) or "open"
        after = whole(request, "after", default=0, least=0, most=2**62)
        if as_csv(request):
            rows = await every(lambda at: self._alerts.alerts(state=state, after=at, limit=OF_A_FILE), 0)
            return csv_of("alerts.csv", _COLUMNS, rows)
        found = await self._alerts.alerts(state=state, after=after, limit=PAGE)
        return await self._site.page(
            request,
            "alerts",
            state=state,
            states=STATES,
            rows=found["items"],
            found=found,
            rules=await self._alerts.rules(),
            maintenance=await self._alerts.maintenance(),
            owners=OWNERS,
        )

    async def digest(self, request: web.Request) -> web.Response:
        """Show today's digest of an owner, as it would be sent."""
        owner = one_of(request, "owner", OWNERS) or OWNERS[0]
        told = await self._alerts.digest(owner)
        return await self._site.page(request, "digest", told=told, owner=owner, owners=OWNERS)

    async def start(self, request: web.Request, form: Form) -> web.Response:
        """Hold alerts back for a while."""
        reason = form.needed("reason")
        done = await self._alerts.start_maintenance(request[PERSON], until=form.needed("until"), reason=reason)
        self._site.tell(request, str(done.get("message", "Alerts are held back.")))
        return go("/alerts")

    async def end(self, request: web.Request, form: Form) -> web.Response:
        """Send alerts again, and what was held back."""
        done = await self._alerts.end_maintenance(request[PERSON], reason=form.text("reason"))
        self._site.tell(request, str(done.get("message", "Alerts are sent again.")))
        return go("/alerts")

    async def try_channels(self, request: web.Request, form: Form) -> web.Response:
        """Send a test message."""
        owner = form.needed("owner")
        told = await self._alerts.try_channels(owner, request[PERSON])
        return await self._site.page(request, "channels", owner=owner, rows=told["items"])
