"""The API of alerts, digests and maintenance windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from adapters.operator.access import Person

Document = Mapping[str, Any]


class AlertReading(Protocol):
    """Alerts as people see them. Methods may raise `ProblemError`."""

    async def alerts(self, *, state: str, after: int, limit: int) -> Document:
        """The newest first: `{"items": [{"id", "rule", "owner", "subject", "severity", "title", "text", "link",
        "count", "raised_at", "ended_at", "escalated_at", "notices": [{"kind", "owner", "channel", "state", "sent_at",
        "error"}]}], "next"}`; `state` open, ended or all. A channel is told by its scheme, never with what is secret.
        """
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
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
