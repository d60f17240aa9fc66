"""The API of exceptions and incidents, and of what people do to them: one, several, or all that a filter matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from adapters.operator.access import Person

Document = Mapping[str, Any]

STAGES = ("open", "assigned", "snoozed", "waiting", "reopened", "resolved")
SORTS = ("opened_at", "due_at", "severity", "type", "owner")
ACTIONS = ("retry", "release", "dismiss", "assign", "snooze", "wake", "alias", "note", "address", "contact")


class ExceptionFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which exceptions. "" narrows nothing; `state` is open, resolved or all, `text` part of number, SKU or cause."""

    owner: str = ""
    type: str = ""
    state: str = "open"
    stage: str = ""
    severity: str = ""
    group: str = ""
    assignee: str = ""
    text: str = ""


class ExceptionListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them: sorted by one of `SORTS`; `after` is the `next` of the page before, "" at first."""

    where: ExceptionFilter = ExceptionFilter()
    sort: str = "opened_at"
    descending: bool = False
    after: str = ""
    limit: int = 100


class Deed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person asks for. `ids` None: everything `where` matches at that moment.

    `to` is whom to assign to; `until` an instant (RFC 3339) to snooze until; `values` what alias, note, address and
    contact put in (`adapters.operator.patch_api`).
    """

    action: str
    ids: tuple[int, ...] | None = None
    where: ExceptionFilter = ExceptionFilter()
    reason: str = ""
    to: str = ""
    until: str = ""
    values: dict[str, str] = {}


class DeskReading(Protocol):
    """Exceptions as people see and settle them. Methods may raise `ProblemError`."""

    async def exceptions(self, query: ExceptionListQuery) -> Document:
        """`{"items": [exception…], "next": token|None, "total": n}`.

        An exception is the shape of `/api/exceptions` (design §5) with `stage` (one of `STAGES`), `assignee`,
        `snoozed_until`, `reopens` and `holds` beside it.
        """
        ...

    async def exceptions_csv(self, where: ExceptionFilter, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV (with the names of its columns where `after` is ""), and where to go on."""
        ...

    async def incidents(self, where: ExceptionFilter, *, after: str, limit: int) -> Document:
        """Open exceptions by cause, the largest first: `{"items": [incident…], "next", "total"}`.

        An incident: `{"group", "type", "owner", "severity", "count", "oldest_at", "due_at", "cause", "sku", "field",
        "next_step", "steps", "example": exception id}`.
        """
        ...

    async def exception(self, exception_id: int) -> Document | None:
        """One exception, with `life` (`[{"at", "what", "author", "detail"}]`), `order` (the head of its order, or
        None), `siblings` (how many are open of its group) and `actions` (those of `ACTIONS` that fit it)."""
        ...

    async def preview(self, deed: Deed, person: Person) -> Document:
        """What would happen: `{"action", "count", "would": [{"what": text, "count": n}], "refused": [{"why", "count"}],
        "examples": [{"id", "number", "what"}], "calls": n, "minutes": x, "allowed": bool, "why_not": text}`.

        `calls` are calls of Cin7 Core, `minutes` how long they take behind what is queued already.
        """
        ...

    async def do(self, key: str, deed: Deed, person: Person) -> Document:
        """Do it; the same key is the same deed, however often it is sent. Return `deed(key)`.

        Raises:
            ProblemError: 403, a role is missing; 409, the key was used for another deed; 400, something is missing.
        """
        ...

    async def deed(self, key: str) -> Document | None:
        """How far a deed is: `{"key", "action", "author", "at", "total", "done", "refused", "unchanged", "ended_at",
        "reason", "message", "refusals": [{"id", "message"}]}`."""
        ...


def routes(reading: DeskReading) -> list[web.RouteDef]:
    """Return the routes."""
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
