"""The API of edits (address, contact, note and SKU alias of an order) and of what is kept sealed of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from adapters.operator import schema
from adapters.operator.access import Person, require
from adapters.operator.answers import LONGEST_REASON, document, reason_of
from adapters.operator.parameters import PERSON, known
from adapters.operator.problems import ProblemError
from adapters.operator.schema import FLAG, MAYBE_INSTANT, MAYBE_TEXT, TEXT, WHOLE, array, ref, structure

Document = Mapping[str, Any]

FIELDS = ("alias", "note", "address", "contact")
"""What may be edited. Never quantity, price, tax or currency: those are mended at their source."""

EDIT_ROLES = frozenset({"ops", "ecommerce", "admin"})
"""Who may edit an order."""

PERSONAL_ROLES = frozenset({"ops", "ecommerce", "finance", "admin"})
"""Who may see what an order says of people."""

LONGEST_KEY = 200
"""Characters of an `Idempotency-Key`."""

_DIGITS = 19
"""So many digits a number of the file never has."""
"""An integer of SQLite is smaller."""


class PatchDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One edit. `values` by field:

    alias: `{"sku": as ordered, "alias": as Cin7 Core has it}`; note: `{"note"}`; contact: any of `{"email", "phone",
    "first_name", "last_name", "company"}`; address: any of `{"street", "additional", "postal_code", "city", "region",
    "country"}` of the shipping address. What is named is put in as it is given, also where it is empty.
    """

    field: str
    values: dict[str, str]
    reason: str = ""


class PatchReading(Protocol):
    """Edits and sealed bodies. Methods may raise `ProblemError`."""

    async def editable(self, ref: str, person: Person, *, opened: bool) -> Document | None:
        """`{"order", "number", "personal": bool, "fields": [{"field", "name", "original", "now", "patched", "lost"}],
        "history": [{"id", "field", "sku", "alias", "author", "reason", "at", "withdrawn_at", "withdrawn_by", "names":
        [text], "stands": bool}], "may_edit", "why_not"}`.

        `original` and `now` are None where they are about a person and `person` may not see it, or are not kept.
        Not `opened`: they are None whoever asks. Opened for who may see them, it is written down in the audit.
        `lost`: what was put in is not kept any more. `stands` false: it was withdrawn.
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
    desk = _Desk(reading)
    return [
        web.get("/api/orders/{ref}/edits", desk.editable),
        web.post("/api/orders/{ref}/edits", desk.patch),
        web.post("/api/orders/{ref}/edits/{patch}/withdraw", desk.withdraw),
        web.get("/api/orders/{ref}/payloads", desk.payloads),
    ]


class _Desk:
    """The handlers."""

    def __init__(self, reading: PatchReading) -> None:
        self._reading = reading

    async def editable(self, request: web.Request) -> web.Response:
        known(request)
        return _found(await self._reading.editable(request.match_info["ref"], request[PERSON], opened=True))

    async def patch(self, request: web.Request) -> web.Response:
        person = request[PERSON]
        require(person, EDIT_ROLES)
        key, draft = _key(request), await _draft(request)
        return document(await self._reading.patch(key, request.match_info["ref"], draft, person))

    async def withdraw(self, request: web.Request) -> web.Response:
        person = request[PERSON]
        require(person, EDIT_ROLES)
        reason = await reason_of(request)
        number = _number(request.match_info["patch"])
        return document(await self._reading.withdraw(request.match_info["ref"], number, person, reason=reason))

    async def payloads(self, request: web.Request) -> web.Response:
        known(request)
        return _found(await self._reading.payloads(request.match_info["ref"], request[PERSON]))


def _found(body: Document | None) -> web.Response:
    if body is None:
        raise ProblemError(404, "No order has this number or id, nor does its sale.")
    return document(body)


def _key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > LONGEST_KEY:
        raise ProblemError(400, f"An Idempotency-Key of at most {LONGEST_KEY} characters is needed: one for each edit.")
    return key


async def _draft(request: web.Request) -> PatchDraft:
    try:
        draft = msgspec.json.decode(await request.read(), type=PatchDraft)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProblemError(400, 'The body must be such as {"field": "note", "values": {"note": "…"}}.') from None
    if len(draft.reason) > LONGEST_REASON:
        raise ProblemError(400, f"The reason must be text of at most {LONGEST_REASON} characters.")
    return msgspec.structs.replace(draft, reason=" ".join(draft.reason.split()))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        raise ProblemError(404, "An edit goes by its number.")
    return int(text)


# -- the description ---------------------------------------------------------------------------------------------------

_REF = {
    "name": "ref",
    "in": "path",
    "required": True,
    "description": "Order number or id, or the number, id or reference of its sale.",
    "schema": TEXT,
}
_PATCH = {"name": "patch", "in": "path", "required": True, "description": "The edit's number.", "schema": WHOLE}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen by who asks: the same key is the same edit, however often it is sent.",
    "schema": {"type": "string", "maxLength": LONGEST_KEY},
}


_ROLES = "Needs a token with the role ops, ecommerce or admin, and an order that is no sale yet."

PATHS: dict[str, Any] = {
    "/api/orders/{ref}/edits": {
        "get": {
            "summary": "What may be edited of an order, and what was",
            "description": "Values about people are null without one of the roles ops, ecommerce, finance and admin;"
            " with one, that they were shown is written down in the audit.",
            "parameters": [_REF],
            "responses": schema.answers("As asked.", ref("Edits")),
        },
        "post": {
            "summary": "Edit address, contact, note or SKU alias of an order that is no sale yet",
            "description": _ROLES,
            "parameters": [_REF, _KEY],
            "requestBody": schema.body(ref("EditDraft"), needed=True),
            "responses": schema.answers("As asked.", ref("EditDone")),
        },
    },
    "/api/orders/{ref}/edits/{patch}/withdraw": {
        "post": {
            "summary": "Take an edit back",
            "description": _ROLES,
            "parameters": [_REF, _PATCH],
            "requestBody": schema.body({"type": "object", "properties": {"reason": TEXT}}, needed=False),
            "responses": schema.answers("As asked.", ref("EditDone")),
        }
    },
    "/api/orders/{ref}/payloads": {
        "get": {
            "summary": "What is kept sealed of an order, opened",
            "description": "Values about people are masked without one of the roles ops, ecommerce, finance and admin;"
            " with one, that they were shown is written down in the audit.",
            "parameters": [_REF],
            "responses": schema.answers("As asked.", ref("Payloads")),
        }
    },
}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {
    "EditDraft": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "enum": list(FIELDS)},
            "values": {
                "type": "object",
                "additionalProperties": TEXT,
                "description": "alias: sku, alias; note: note; contact: email, phone, first_name, last_name, company;"
                " address: street, additional, postal_code, city, region.",
            },
            "reason": TEXT,
        },
        "required": ["field", "values", "reason"],
    },
    "EditDone": structure(done=FLAG, message=TEXT, order=TEXT, number=MAYBE_TEXT, patch=WHOLE),
    "Edits": structure(
        order=TEXT,
        number=MAYBE_TEXT,
        personal={**FLAG, "description": "False: values about people are left out."},
        fields=array(
            structure(
                field=TEXT,
                name=TEXT,
                original=MAYBE_TEXT,
                now=MAYBE_TEXT,
                patched=FLAG,
                lost=FLAG,
            )
        ),
        history=array(
            structure(
                id=WHOLE,
                field=TEXT,
                sku=TEXT,
                alias=TEXT,
                names=array(TEXT),
                author=TEXT,
                reason=TEXT,
                at=MAYBE_INSTANT,
                withdrawn_at=MAYBE_INSTANT,
                withdrawn_by=TEXT,
                stands=FLAG,
            )
        ),
        may_edit=FLAG,
        why_not=TEXT,
    ),
    "Payloads": structure(
        personal=FLAG,
        bodies=array(
            structure(
                kind=TEXT,
                version=WHOLE,
                stored_at=MAYBE_INSTANT,
                bytes=WHOLE,
                document={"type": ["object", "null"], "description": "null: it cannot be opened, or is no object."},
            )
        ),
    ),
}
"""The OpenAPI schemas they name."""
