"""The API of alerts, digests and maintenance windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_types import Severity
from adapters.operator.access import Person, require
from adapters.operator.answers import csv_stream, document, reason_of, said
from adapters.operator.parameters import MOST_ROWS, PERSON, falls, known, limit, one_of
from adapters.operator.problems import ProblemError

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


_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_WHOLE = {"type": "integer"}
_YES_NO = {"type": "boolean"}
_INSTANT = {"type": "string", "format": "date-time"}
_MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _answers(summary: str, schema: str) -> dict[str, Any]:
    problem = {
        "description": "A problem document (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": summary, "content": content}, "default": problem}


def _get(summary: str, schema: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": _answers(summary, schema)}}


def _post(
    summary: str, schema: str, needs: str, *parameters: dict[str, Any], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    act: dict[str, Any] = {
        "summary": summary,
        "description": f"Needs a token with the role {needs}.",
        "parameters": list(parameters),
        "responses": _answers(summary, schema),
    }
    if body is not None:
        content = {"application/json": {"schema": {"type": "object", "properties": body}}}
        act["requestBody"] = {"required": "until" in body, "content": content}
    return {"post": act}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_OWNER = {
    "name": "owner",
    "in": "path",
    "required": True,
    "description": "Whose it is.",
    "schema": {**_TEXT, "enum": list(OWNERS)},
}

_NARROWING = (
    _query("state", "open (default), ended or all.", {**_TEXT, "enum": list(STATES)}),
    _query("owner", "Whose it is.", {**_TEXT, "enum": list(OWNERS)}),
    _query("rule", "The threshold that was reached.", {**_TEXT, "enum": list(THRESHOLDS)}),
    _query("severity", "info, warning, error or critical.", {**_TEXT, "enum": list(SEVERITIES)}),
    _query("text", "Part of what it says.", _TEXT),
    _query("sort", "Default raised_at.", {**_TEXT, "enum": list(ALERT_SORTS)}),
    _query("order", "asc or desc (default).", {**_TEXT, "enum": ["asc", "desc"]}),
)

PATHS: dict[str, Any] = {
    "/api/alerts": _get(
        "Alerts, the newest first unless sorted otherwise.",
        "AlertPage",
        *_NARROWING,
        _query("after", "The `next` of the page before.", _TEXT),
        _query("limit", f"At most so many (1 to {MOST_ROWS}, default 100).", _WHOLE),
    ),
    "/api/alerts.csv": {
        "get": {
            "summary": "All alerts that match, as CSV.",
            "parameters": list(_NARROWING),
            "responses": {
                "200": {"description": "A table.", "content": {"text/csv": {"schema": _TEXT}}},
                "default": _answers("", "Problem")["default"],
            },
        }
    },
    "/api/alerts/rules": _get("Thresholds, what they are held against now, and who is told how.", "AlertRules"),
    "/api/alerts/digest/{owner}": _get("An owner's digest as it would be sent now.", "AlertDigest", _OWNER),
    "/api/alerts/test/{owner}": _post(
        "Send a test message through every channel of an owner.", "ChannelTest", "it, admin or the owner's own", _OWNER
    ),
    "/api/maintenance": _get("Maintenance windows: the one that is on, and the newest.", "MaintenancePage"),
    "/api/maintenance/start": _post(
        "Keep alerts and send none; queueing goes on.",
        "Done",
        "it or admin",
        body={
            "until": {**_TEXT, "description": "An instant (RFC 3339), or so long from now: 30m, 2h, 1d."},
            "reason": _TEXT,
        },
    ),
    "/api/maintenance/end": _post(
        "End it now; each owner gets a report of what went on.", "Done", "it or admin", body={"reason": _TEXT}
    ),
}
"""The OpenAPI paths of the routes."""

_WINDOW: dict[str, Any] = {
    "id": _WHOLE,
    "starts_at": _INSTANT,
    "ends_at": _INSTANT,
    "author": _TEXT,
    "reason": _TEXT,
    "source": {**_TEXT, "enum": ["file", "desk"]},
    "ended_at": _MAYBE_INSTANT,
}

SCHEMAS: dict[str, Any] = {
    "AlertPage": _object(
        items=_list({"$ref": "#/components/schemas/Alert"}),
        next={"type": ["integer", "string", "null"]},
        total=_WHOLE,
    ),
    "Alert": _object(
        id=_WHOLE,
        rule={**_TEXT, "description": "The threshold that was reached."},
        owner=_TEXT,
        subject={**_TEXT, "description": "The cause many exceptions share, or what else it is about."},
        severity=_TEXT,
        title=_TEXT,
        text=_TEXT,
        link={**_TEXT, "description": "A path of the console."},
        count={**_WHOLE, "description": "How many exceptions it was about when it was last over."},
        raised_at=_INSTANT,
        told_at={**_MAYBE_INSTANT, "description": "Since when somebody was told; null: nothing was sent."},
        escalated_at=_MAYBE_INSTANT,
        ended_at=_MAYBE_INSTANT,
        notices=_list(
            _object(
                kind=_TEXT,
                owner=_TEXT,
                channel={**_TEXT, "description": "Its kind, or the name of its credential."},
                state={**_TEXT, "enum": ["waits", "leaving", "sent", "given_up", "overtaken"]},
                sent_at=_MAYBE_INSTANT,
                error=_TEXT,
            )
        ),
    ),
    "AlertRules": _object(
        items=_list(
            _object(
                rule=_TEXT,
                meaning=_TEXT,
                threshold={"type": "number", "description": "0: never."},
                unit=_TEXT,
                owner={**_TEXT, "description": "Whose the highest figure is."},
                now={"type": "number"},
                over=_YES_NO,
            )
        ),
        channels=_list(_object(owner=_TEXT, name=_TEXT, schemes=_list(_TEXT))),
        escalate_to=_list(_TEXT),
        escalate_after_minutes=_WHOLE,
        quiet_hours=_MAYBE_TEXT,
        quiet_now=_YES_NO,
        digest_at=_MAYBE_TEXT,
    ),
    "AlertDigest": _object(
        owner=_TEXT,
        title=_TEXT,
        text=_TEXT,
        items=_list(
            _object(
                group=_TEXT,
                type=_TEXT,
                severity=_TEXT,
                count=_WHOLE,
                snoozed=_WHOLE,
                oldest_at=_INSTANT,
                due_at=_MAYBE_INSTANT,
                cause=_TEXT,
            )
        ),
    ),
    "ChannelTest": _object(items=_list(_object(channel=_TEXT, sent=_YES_NO, error=_TEXT))),
    "MaintenancePage": _object(
        now={**_object(**_WINDOW), "type": ["object", "null"]},
        items=_list(_object(**_WINDOW)),
    ),
}
"""The OpenAPI schemas they name."""
