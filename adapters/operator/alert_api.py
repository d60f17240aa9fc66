"""The API of alerts, digests and maintenance windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_types import Severity
from adapters.operator import schema
from adapters.operator.access import Person, require
from adapters.operator.answers import csv_stream, document, reason_of, said
from adapters.operator.parameters import MOST_ROWS, PERSON, falls, known, limit, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.schema import (
    CSV,
    FLAG,
    INSTANT,
    MAYBE_INSTANT,
    MAYBE_TEXT,
    NEXT,
    TEXT,
    WHOLE,
    array,
    ref,
    structure,
)

Document = Mapping[str, Any]

ALERT_ROLES = frozenset({"it", "admin"})
"""Who may begin and end a maintenance, and try every channel; an owner may try their own."""

OWNERS = ("ops", "finance", "ecommerce", "it")
STATES = ("open", "ended", "all")
SEVERITIES = tuple(severity.value for severity in Severity)
ALERT_SORTS = ("raised_at", "severity", "owner", "rule", "count", "ended_at", "title")
_FILTERS = ("state", "owner", "rule", "severity", "text", "sort", "order")


class AlertListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts: `state` is open, ended or all, `text` part of what they say; "" narrows nothing.

    They are sorted by one of `ALERT_SORTS`; `after` is the `next` of the page before.
    """

    state: str = "open"
    owner: str = ""
    rule: str = ""
    severity: str = ""
    text: str = ""
    sort: str = "raised_at"
    descending: bool = True
    after: str = ""
    limit: int = 100


class AlertReading(Protocol):
    """Alerts as people see them. Methods may raise `ProblemError`."""

    async def alerts(self, query: AlertListQuery) -> Document:
        """`{"items": [{"id", "rule", "owner", "subject", "severity", "title", "text", "link", "count", "raised_at",
        "ended_at", "escalated_at", "notices": [{"kind", "owner", "channel", "state", "sent_at", "error"}]}], "next",
        "total"}`. A channel is told by its scheme, never with what is secret.
        """
        ...

    async def alerts_csv(self, query: AlertListQuery, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV (with the names of its columns where `after` is ""), and where to go on."""
        ...

    async def rules(self) -> Document:
        """`{"items": [{"rule", "meaning", "threshold", "unit", "owner", "now", "over": bool}], "channels": [{"owner",
        "name", "schemes": [text]}], "quiet_hours", "quiet_now": bool, "digest_at"}`."""
        ...

    async def maintenance(self) -> Document:
        """`{"now": {...}|None, "items": [{"id", "starts_at", "ends_at", "author", "reason", "source": "file"|"desk",
        "ended_at"}]}`."""
        ...

    async def start_maintenance(self, person: Person, *, until: str, reason: str) -> Document:
        """Hold alerts back until then (RFC 3339, or minutes as `30m`, `2h`); queueing goes on.

        Raises:
            ProblemError: 403, needs it or admin; 400, no such instant; 409, there is one.
        """
        ...

    async def end_maintenance(self, person: Person, *, reason: str) -> Document:
        """End it now; its catch-up report goes out."""
        ...

    async def try_channels(self, owner: str, person: Person) -> Document:
        """Send a test message to every channel of an owner; `{"items": [{"channel", "sent": bool, "error"}]}`."""
        ...

    async def digest(self, owner: str) -> Document:
        """Today's digest of an owner as it would be sent: `{"owner", "title", "text", "items": [...]}`."""
        ...


def routes(reading: AlertReading) -> list[web.RouteDef]:
    """Return the routes."""
    desk = _Alerts(reading)
    return [
        web.get("/api/alerts", desk.alerts),
        web.get("/api/alerts.csv", desk.alerts_csv),
        web.get("/api/alerts/rules", desk.rules),
        web.get("/api/alerts/digest/{owner}", desk.digest),
        web.post("/api/alerts/test/{owner}", desk.try_channels),
        web.get("/api/maintenance", desk.maintenance),
        web.post("/api/maintenance/start", desk.start),
        web.post("/api/maintenance/end", desk.end),
    ]


def list_query_of(request: web.Request) -> AlertListQuery:
    """Return the page of alerts a query asks for. Raises `ProblemError` 400."""
    asked = request.query.get
    return AlertListQuery(
        state=one_of(request, "state", STATES) or "open",
        owner=one_of(request, "owner", OWNERS) or "",
        rule=one_of(request, "rule", tuple(THRESHOLDS)) or "",
        severity=one_of(request, "severity", SEVERITIES) or "",
        text=asked("text", "").strip(),
        sort=one_of(request, "sort", ALERT_SORTS) or "raised_at",
        descending=falls(request, default="desc"),
        after=asked("after", ""),
        limit=limit(request),
    )


class _Alerts:
    """The handlers."""

    def __init__(self, reading: AlertReading) -> None:
        self._reading = reading

    async def alerts(self, request: web.Request) -> web.Response:
        known(request, *_FILTERS, "after", "limit")
        return document(await self._reading.alerts(list_query_of(request)))

    async def alerts_csv(self, request: web.Request) -> web.StreamResponse:
        known(request, *_FILTERS)
        query = list_query_of(request)

        async def read(after: str) -> tuple[str, str | None]:
            return await self._reading.alerts_csv(query, after=after)

        return await csv_stream(request, read, name="alerts.csv")

    async def rules(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.rules())

    async def digest(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.digest(_owner(request)))

    async def try_channels(self, request: web.Request) -> web.Response:
        owner, person = _owner(request), request[PERSON]
        require(person, {*ALERT_ROLES, owner})
        return document(await self._reading.try_channels(owner, person))

    async def maintenance(self, request: web.Request) -> web.Response:
        known(request)
        return document(await self._reading.maintenance())

    async def start(self, request: web.Request) -> web.Response:
        person = request[PERSON]
        require(person, ALERT_ROLES)
        reason, until = await reason_of(request, needed=True), await said(request, "until")
        return document(await self._reading.start_maintenance(person, until=until, reason=reason))

    async def end(self, request: web.Request) -> web.Response:
        person = request[PERSON]
        require(person, ALERT_ROLES)
        return document(await self._reading.end_maintenance(person, reason=await reason_of(request)))


def _owner(request: web.Request) -> str:
    owner = request.match_info["owner"]
    if owner not in OWNERS:
        raise ProblemError(404, f"Owners are {', '.join(OWNERS)}.")
    return owner


_OWNER = {
    "name": "owner",
    "in": "path",
    "required": True,
    "description": "Whose it is.",
    "schema": {**TEXT, "enum": list(OWNERS)},
}

_NARROWING = (
    schema.query("state", "open (default), ended or all.", {**TEXT, "enum": list(STATES)}),
    schema.query("owner", "Whose it is.", {**TEXT, "enum": list(OWNERS)}),
    schema.query("rule", "The threshold that was reached.", {**TEXT, "enum": list(THRESHOLDS)}),
    schema.query("severity", "info, warning, error or critical.", {**TEXT, "enum": list(SEVERITIES)}),
    schema.query("text", "Part of what it says.", TEXT),
    schema.query("sort", "Default raised_at.", {**TEXT, "enum": list(ALERT_SORTS)}),
    schema.query("order", "asc or desc (default).", {**TEXT, "enum": ["asc", "desc"]}),
)

PATHS: dict[str, Any] = {
    "/api/alerts": schema.read(
        "Alerts, the newest first unless sorted otherwise.",
        "AlertPage",
        *_NARROWING,
        schema.AFTER,
        schema.query("limit", f"At most so many (1 to {MOST_ROWS}, default 100).", WHOLE),
    ),
    "/api/alerts.csv": schema.read_as("All alerts that match, as CSV.", CSV, TEXT, *_NARROWING),
    "/api/alerts/rules": schema.read("Thresholds, what they are held against now, and who is told how.", "AlertRules"),
    "/api/alerts/digest/{owner}": schema.read("An owner's digest as it would be sent now.", "AlertDigest", _OWNER),
    "/api/alerts/test/{owner}": schema.act(
        "Send a test message through every channel of an owner.",
        "it, admin or the owner's own",
        None,
        _OWNER,
        name="ChannelTest",
    ),
    "/api/maintenance": schema.read("Maintenance windows: the one that is on, and the newest.", "MaintenancePage"),
    "/api/maintenance/start": schema.act(
        "Keep alerts and send none; queueing goes on.",
        "it or admin",
        schema.reason(
            needed=True,
            until={**TEXT, "description": "An instant (RFC 3339), or so long from now: 30m, 2h, 1d."},
        ),
    ),
    "/api/maintenance/end": schema.act(
        "End it now; each owner gets a report of what went on.", "it or admin", schema.reason(needed=False)
    ),
}
"""The OpenAPI paths of the routes."""

_WINDOW: dict[str, Any] = {
    "id": WHOLE,
    "starts_at": INSTANT,
    "ends_at": INSTANT,
    "author": TEXT,
    "reason": TEXT,
    "source": {**TEXT, "enum": ["file", "desk"]},
    "ended_at": MAYBE_INSTANT,
}

SCHEMAS: dict[str, Any] = {
    "AlertPage": structure(
        items=array(ref("Alert")),
        next=NEXT,
        total=WHOLE,
    ),
    "Alert": structure(
        id=WHOLE,
        rule={**TEXT, "description": "The threshold that was reached."},
        owner=TEXT,
        subject={**TEXT, "description": "The cause many exceptions share, or what else it is about."},
        severity=TEXT,
        title=TEXT,
        text=TEXT,
        link={**TEXT, "description": "A path of the console."},
        count={**WHOLE, "description": "How many exceptions it was about when it was last over."},
        raised_at=INSTANT,
        told_at={**MAYBE_INSTANT, "description": "Since when somebody was told; null: nothing was sent."},
        escalated_at=MAYBE_INSTANT,
        ended_at=MAYBE_INSTANT,
        notices=array(
            structure(
                kind=TEXT,
                owner=TEXT,
                channel={**TEXT, "description": "Its kind, or the name of its credential."},
                state={**TEXT, "enum": ["waits", "leaving", "sent", "given_up", "overtaken"]},
                sent_at=MAYBE_INSTANT,
                error=TEXT,
            )
        ),
    ),
    "AlertRules": structure(
        items=array(
            structure(
                rule=TEXT,
                meaning=TEXT,
                threshold={"type": "number", "description": "0: never."},
                unit=TEXT,
                owner={**TEXT, "description": "Whose the highest figure is."},
                now={"type": "number"},
                over=FLAG,
            )
        ),
        channels=array(structure(owner=TEXT, name=TEXT, schemes=array(TEXT))),
        escalate_to=array(TEXT),
        escalate_after_minutes=WHOLE,
        quiet_hours=MAYBE_TEXT,
        quiet_now=FLAG,
        digest_at=MAYBE_TEXT,
    ),
    "AlertDigest": structure(
        owner=TEXT,
        title=TEXT,
        text=TEXT,
        items=array(
            structure(
                group=TEXT,
                type=TEXT,
                severity=TEXT,
                count=WHOLE,
                snoozed=WHOLE,
                oldest_at=INSTANT,
                due_at=MAYBE_INSTANT,
                cause=TEXT,
            )
        ),
    ),
    "ChannelTest": structure(items=array(structure(channel=TEXT, sent=FLAG, error=TEXT))),
    "MaintenancePage": structure(
        now={**structure(**_WINDOW), "type": ["object", "null"]},
        items=array(structure(**_WINDOW)),
    ),
}
"""The OpenAPI schemas they name."""
