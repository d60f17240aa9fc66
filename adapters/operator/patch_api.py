"""The API of edits (address, contact, note and SKU alias of an order) and of what is kept sealed of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from adapters.operator.access import Person

Document = Mapping[str, Any]

FIELDS = ("alias", "note", "address", "contact")
"""What may be edited. Never quantity, price, tax or currency: those are mended at their source."""


class PatchDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One edit. `values` by field:

    alias: `{"sku": as ordered, "alias": as Cin7 Core has it}`; note: `{"note"}`; contact: any of `{"email", "phone",
    "first_name", "last_name", "company"}`; address: any of `{"street", "additional", "postal_code", "city", "region",
    "country"}` of the shipping address.
    """

    field: str
    values: dict[str, str]
    reason: str = ""


class PatchReading(Protocol):
    """Edits and sealed bodies. Methods may raise `ProblemError`."""

    async def editable(self, ref: str, person: Person) -> Document | None:
        """`{"order", "number", "personal": bool, "fields": [{"field", "name", "original", "now", "patched"}],
        "history": [{"id", "field", "author", "reason", "at", "withdrawn_at", "names": [text]}],
        "may_edit", "why_not"}`.

        `original` and `now` are None where they are about a person and `person` may not see it.
        """
        ...

    async def patch(self, key: str, ref: str, draft: PatchDraft, person: Person) -> Document:
        """Record the edit and look at the order again: `{"done", "message", "order", "number", "patch"}`; the same
        `key` does it once.

        Raises:
            ProblemError: 403, the role is missing; 404, no such order; 409, its sale stands already or it is final;
                400, what is wrong with the edit.
        """
        ...

    async def withdraw(self, ref: str, patch_id: int, person: Person, *, reason: str) -> Document:
        """Take an edit back while the order is not exported yet."""
        ...

    async def payloads(self, ref: str, person: Person) -> Document | None:
        """What is kept sealed of an order: `{"personal": bool, "bodies": [{"kind", "version", "stored_at", "bytes",
        "document": object|None}]}`. Who may not see personal data gets it with those values masked; who does is
        written down in the audit."""
        ...


def routes(reading: PatchReading) -> list[web.RouteDef]:
    """Return the routes."""
    return []


PATHS: dict[str, Any] = {}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {}
"""The OpenAPI schemas they name."""
