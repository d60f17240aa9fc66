"""Alerts, the rules behind them, maintenance windows and digests."""

from __future__ import annotations

from aiohttp import web

from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_types import Severity
from adapters.console.forms import Form
from adapters.console.links import falls, text_of
from adapters.console.site import Site, as_csv, go
from adapters.console.tables import PAGE, Column, in_hand, listed
from adapters.operator.alert_api import ALERT_SORTS, AlertListQuery
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import PERSON, one_of

STATES = ("open", "ended", "all")
OWNERS = ("ops", "finance", "ecommerce", "it")
SEVERITIES = tuple(severity.value for severity in Severity)
_ALERTS = (
    Column("title", "Alert", sort="title"),
    Column("severity", "Severity", falls=True, sort="severity"),
    Column("owner", "Owner", sort="owner"),
    Column("count", "Count", number=True, falls=True, sort="count"),
    Column("raised_at", "Raised", number=True, falls=True, sort="raised_at"),
    Column("ended_at", "Ended", falls=True, sort="ended_at"),
    Column("notices", "Told"),
)
_RULES = (
    Column("rule", "Rule"),
    Column("meaning", "Meaning"),
    Column("now", "Now", number=True, falls=True),
    Column("threshold", "Threshold", number=True),
    Column("unit", ""),
    Column("owner", "Owner"),
    Column("over", "Stands"),
)
_WINDOWS = (
    Column("starts_at", "From", falls=True),
    Column("ends_at", "To"),
    Column("ended_at", ""),
    Column("author", ""),
    Column("reason", "Why"),
)


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

    async def alerts(self, request: web.Request) -> web.StreamResponse:
        """Show alerts, rules and windows."""
        query = AlertListQuery(
            state=one_of(request, "state", STATES) or "open",
            owner=one_of(request, "owner", OWNERS) or "",
            rule=one_of(request, "rule", sorted(THRESHOLDS)) or "",
            severity=one_of(request, "severity", SEVERITIES) or "",
            text=text_of(request),
            sort=one_of(request, "sort", ALERT_SORTS) or "raised_at",
            descending=falls(request, first=True),
            after=request.query.get("after", ""),
            limit=PAGE,
        )
        if as_csv(request):
            return await csv_stream(
                request, lambda after: self._alerts.alerts_csv(query, after=after), name="alerts.csv"
            )
        found, rules = await self._alerts.alerts(query), await self._alerts.rules()
        maintenance = await self._alerts.maintenance()
        return await self._site.page(
            request,
            "alerts",
            query=query,
            states=STATES,
            severities=SEVERITIES,
            codes=sorted(THRESHOLDS),
            table=listed(request, "Alerts", _ALERTS, found, sort=query.sort, down=query.descending),
            tables=[
                in_hand(request, "rules", "What raises an alert, and how it stands", _RULES, rules["items"]),
                in_hand(request, "windows", "Windows of maintenance", _WINDOWS, maintenance["items"]),
            ],
            rules=rules,
            maintenance=maintenance,
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
