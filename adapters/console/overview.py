"""The first page: what is not in Cin7 Core and why, how old stock is, what waits for finance, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from markupsafe import Markup

from actors.domain.exception_types import CATALOGUE
from actors.domain.order_state import STATES
from actors.domain.time import parse_instant
from adapters.console import charts
from adapters.console.forms import Form
from adapters.console.site import Site, go
from adapters.console.tables import Column, Table, in_hand, rows_of
from adapters.operator.access import FLOW_ROLES, require
from adapters.operator.parameters import PERSON

_DAY = 86_400_000
_SILENCE = 20 * 60_000
"""A longer time without a sample is drawn as a gap; milliseconds."""

_WORDS = {
    "Exception": "Something that needs somebody: it has an owner, a cause, steps, and clears by evidence.",
    "Cause": "What many exceptions may share: one thing to mend, and all of them go on.",
    "Holds": "The record goes no further while the exception is open.",
    "Flow": "One part of tallyd that alone takes its kind of decisions; it can be paused.",
    "Due": "Until when somebody should have looked at it.",
    "Retry": "Judge it again now, by what both systems say.",
    "Release": "Let it go on as it stands; of what is finance's, finance alone.",
    "Dismiss": "Close it without its evidence, with a reason that is kept.",
    "Snooze": "Let it rest for a while; it holds what it holds.",
}

_KEYS = (
    ("/", "Find an order, sale or SKU"),
    ("j", "Next row"),
    ("k", "Row before"),
    ("Enter", "Open the row"),
    ("x", "Tick the row"),
    ("n", "Next page"),
    ("p", "Page before"),
    ("?", "This page"),
    ("Esc", "Leave a field"),
    ("g o", "Overview"),
    ("g e", "Exceptions"),
    ("g r", "Orders"),
    ("g s", "Stock"),
    ("g k", "SKUs"),
    ("g c", "Reconciliation"),
    ("g m", "Month"),
    ("g p", "Mappings"),
    ("g l", "Alerts"),
    ("g a", "Audit"),
    ("g d", "Model"),
    ("g t", "Settings"),
)

_REASONS = (
    Column("reason", "Reason"),
    Column("state", ""),
    Column("count", "Orders", number=True, falls=True),
    Column("oldest_at", "Oldest", number=True),
)
_DAYS = (
    Column("day", "Day"),
    Column("orders", "Orders", number=True, falls=True),
    Column("amounts", "Amounts", number=True),
)
_OWNERS = (
    Column("owner", "Owner"),
    Column("open", "Open", number=True, falls=True),
    Column("overdue", "Overdue", number=True, falls=True),
    Column("critical", "Critical", number=True, falls=True),
    Column("oldest_at", "Oldest", number=True),
)
_FLOWS = (
    Column("flow", "Flow"),
    Column("state", "State"),
    Column("queued", "Waiting", number=True, falls=True),
    Column("quarantined", "Set aside", number=True, wide=True, falls=True),
    Column("last_success_at", "Last success", number=True, wide=True),
    Column("pause_reason", ""),
    Column("switch", "Switch", buttons=True),
)
_SAMPLES = (
    Column("at", "When"),
    Column("limit", "Limit", number=True),
    Column("in_window", "Calls in a minute", number=True),
    Column("minutes_to_drain", "Minutes to drain", number=True),
    Column("outbox_ready", "Waiting", number=True),
    Column("open_exceptions", "Open exceptions", number=True),
)
_OF_AN_ANSWER = 6
"""So many rows stand beside one answer at once."""


class OverviewPages:
    """The overview, the flows' switches, and help."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/", self.overview),
            web.get("/help", self.help),
            web.post("/flows/{flow}/pause", self._site.posted(self.pause)),
            web.post("/flows/{flow}/resume", self._site.posted(self.resume)),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        """Show how things stand."""
        found = await self._site.reading.lists.overview()
        samples = found["samples"]
        return await self._site.page(
            request,
            "overview",
            tables=_tables(request, found),
            told=found,
            health=found["health"],
            types=CATALOGUE,
            calls_chart=self._calls(samples, found["health"]["governor"]),
            drain_chart=self._drain(samples, found["backlog"]),
        )

    async def help(self, request: web.Request) -> web.Response:
        """Show the keys, and what the words mean."""
        return await self._site.page(request, "help", keys=_KEYS, words_of=_WORDS, states=STATES)

    async def pause(self, request: web.Request, form: Form) -> web.Response:
        """Let a flow claim nothing more."""
        person = request[PERSON]
        require(person, FLOW_ROLES)
        flow, reason = request.match_info["flow"], form.needed("reason")
        done = await self._site.reading.pause(flow, author=person.name, reason=reason)
        self._site.tell(request, done["message"])
        return go("/")

    async def resume(self, request: web.Request, form: Form) -> web.Response:
        """Let a flow go on."""
        person = request[PERSON]
        require(person, FLOW_ROLES)
        flow, reason = request.match_info["flow"], form.text("reason")
        done = await self._site.reading.resume(flow, author=person.name, reason=reason)
        self._site.tell(request, done["message"])
        return go("/")

    def _calls(self, samples: Sequence[Mapping[str, Any]], governor: Mapping[str, Any]) -> Markup:
        now = self._site.now()
        label = (
            f"Calls to Cin7 Core in the last minute, over 24 hours; now {governor['in_window']} of {governor['limit']}"
        )
        points = [*_course(samples, "in_window"), (now, float(governor["in_window"]))]
        line = charts.Line(points=points, filled=True, gap=_SILENCE)
        since = charts.begin([line], since=now - _DAY, until=now)
        return charts.chart([line], since=since, until=now, label=label, ceiling=float(governor["limit"]))

    def _drain(self, samples: Sequence[Mapping[str, Any]], backlog: Mapping[str, Any]) -> Markup:
        now = self._site.now()
        label = f"Minutes until the backlog is gone, over 24 hours; now {backlog['minutes']:.1f}"
        points = [*_course(samples, "minutes_to_drain"), (now, float(backlog["minutes"]))]
        line = charts.Line(points=points, style="two", filled=True, gap=_SILENCE)
        return charts.chart([line], since=charts.begin([line], since=now - _DAY, until=now), until=now, label=label)


def _tables(request: web.Request, told: Mapping[str, Any]) -> list[Table]:
    reasons, days = told["orders"]["by_reason"], told["finance"]["days"]
    flows = rows_of(told["health"]["flows"], "flow")
    return [
        in_hand(request, "not-in-cin7", "Why orders are not in Cin7 Core", _REASONS, reasons, page=_OF_AN_ANSWER),
        in_hand(request, "to-release", "Orders to release by day", _DAYS, days, page=_OF_AN_ANSWER),
        in_hand(request, "owners", "Open exceptions by owner", _OWNERS, told["owners"]),
        in_hand(request, "flows", "Flows, how they stand, and their switches", _FLOWS, flows),
        in_hand(request, "budget", "The last 24 hours", _SAMPLES, reversed(told["samples"]), page=24),
    ]


def _course(samples: Sequence[Mapping[str, Any]], name: str) -> list[charts.Point]:
    return [(parse_instant(one["at"]), float(one[name])) for one in samples]
