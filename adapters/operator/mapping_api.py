"""The API of mapping rows: what people map at the desk, effective at once, over what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from adapters.operator.access import Person

Document = Mapping[str, Any]

KINDS = ("tax", "charges", "payments", "shipping", "carriers", "gift_cards")
"""The tables of `[mappings]` a row may be added to; each maps one text to another."""


class MappingDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A row: `value` "" takes the desk's row back, so that the configuration's holds again.

    `tender` is for charges alone: the order is paid with it, not discounted.
    """

    kind: str
    key: str
    value: str
    tender: bool = False
    reason: str = ""


class MappingReading(Protocol):
    """Mapping rows. Methods may raise `ProblemError`."""

    async def mappings(self, kind: str) -> Document:
        """`{"items": [{"kind", "key", "value", "tender", "source": "file"|"desk", "version", "author", "reason", "at",
        "file_value"}], "history": [{"version", "kind", "key", "value", "author", "reason", "at"}], "version": n}`;
        `kind` "": of all."""
        ...

    async def try_mapping(self, draft: MappingDraft) -> Document:
        """Judge the last 500 orders with and without the row; nothing is written.

        `{"looked_at": n, "unreadable": n, "same": n, "would_go_on": n, "would_be_held": n, "would_differ": n,
        "waiting_now": n, "examples": [{"order", "number", "before", "after"}], "warnings": [text]}`. `waiting_now` is
        how many open exceptions the row would answer.
        """
        ...

    async def map(self, key: str, draft: MappingDraft, person: Person) -> Document:
        """Put the row in force, and have what waits for it judged again: `{"done", "message", "version", "orders"}`.

        The same `key` does it once.

        Raises:
            ProblemError: 403, the role is missing (finance for tax, payments, charges and gift cards; ops for carriers
                and shipping; admin for all); 400, what is wrong with the row.
        """
        ...


def routes(reading: MappingReading) -> list[web.RouteDef]:
    """Return the routes."""
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
