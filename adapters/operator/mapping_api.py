"""The API of mapping rows: what people map at the desk, effective at once, over what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from actors.domain.mapped import MappingKind
from adapters.operator import schema
from adapters.operator.access import Person
from adapters.operator.answers import LONGEST_REASON, document
from adapters.operator.desk_api import KEY_HEADER, key_of
from adapters.operator.parameters import PERSON, known, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.schema import FLAG, MAYBE_INSTANT, MAYBE_TEXT, TEXT, WHOLE, array, ref, structure

Document = Mapping[str, Any]

KINDS = tuple(kind.value for kind in MappingKind)
"""The tables of `[mappings]` a row may be added to; each maps one text to another."""


class MappingDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class _Handlers:
    """The handlers."""

    def __init__(self, reading: MappingReading) -> None:
        self._reading = reading

    async def mappings(self, request: web.Request) -> web.Response:
        known(request, "kind")
        return document(await self._reading.mappings(one_of(request, "kind", KINDS) or ""))

    async def try_mapping(self, request: web.Request) -> web.Response:
        return document(await self._reading.try_mapping(await draft_of(request)))

    async def map(self, request: web.Request) -> web.Response:
        key, draft = key_of(request), await draft_of(request)
        return document(await self._reading.map(key, draft, request[PERSON]))


async def draft_of(request: web.Request) -> MappingDraft:
    """Return the row a body holds. Raises `ProblemError` 400, naming the field."""
    try:
        draft = msgspec.json.decode(await request.read(), type=MappingDraft)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"The body must say what is mapped to what: {error}.") from None
    if len(draft.reason) > LONGEST_REASON:
        raise ProblemError(400, f"The reason must be text of at most {LONGEST_REASON} characters.")
    return msgspec.structs.replace(draft, reason=" ".join(draft.reason.split()))


def routes(reading: MappingReading) -> list[web.RouteDef]:
    """Return the routes."""
    handlers = _Handlers(reading)
    return [
        web.get("/api/mappings", handlers.mappings),
        web.post("/api/mappings/try", handlers.try_mapping),
        web.post("/api/mappings", handlers.map),
    ]


_KIND = {"enum": list(KINDS)}
_BODY = {"required": True, "content": {"application/json": {"schema": ref("MappingDraft")}}}


PATHS: dict[str, Any] = {
    "/api/mappings": {
        "get": {
            **schema.told("What is mapped to what, and who says so", "Mappings"),
            "parameters": [
                {
                    "name": "kind",
                    "in": "query",
                    "required": False,
                    "description": f"{', '.join(KINDS)}.",
                    "schema": _KIND,
                }
            ],
        },
        "post": {
            **schema.told("Put a row in force at once, and have what waits for it judged again", "Mapped"),
            "description": "Needs finance for tax, charges, payments and gift cards, ops for shipping and carriers, or"
            " admin. An empty `value` takes the desk's row back.",
            "parameters": [
                {
                    "name": KEY_HEADER,
                    "in": "header",
                    "required": True,
                    "description": "Chosen by who asks: the same key does it once, however often it is sent.",
                    "schema": {"type": "string", "minLength": 8, "maxLength": 100},
                }
            ],
            "requestBody": _BODY,
        },
    },
    "/api/mappings/try": {
        "post": {
            **schema.told("Judge the last 500 orders with and without a row; nothing is written", "MappingTrial"),
            "requestBody": _BODY,
        }
    },
}
"""The OpenAPI paths of the routes."""

SCHEMAS: dict[str, Any] = {
    "MappingDraft": {
        "type": "object",
        "properties": {
            "kind": _KIND,
            "key": {**TEXT, "description": "For example GB/standard, gift-wrap, adyen/scheme."},
            "value": {**TEXT, "description": "As Cin7 Core spells it; empty: the desk's row is taken back."},
            "tender": {**FLAG, "description": "Of a charge: the order is paid with it, not discounted."},
            "reason": {**TEXT, "maxLength": LONGEST_REASON, "description": "Needed to put it in force."},
        },
        "required": ["key", "kind", "value"],
    },
    "Mappings": structure(
        items=array(
            structure(
                kind=_KIND,
                key=TEXT,
                value=TEXT,
                tender=FLAG,
                source={"enum": ["file", "desk"], "description": "Who says so: the configuration, or a person here."},
                version={"type": ["integer", "null"]},
                author=TEXT,
                reason=TEXT,
                at=MAYBE_INSTANT,
                file_value={**MAYBE_TEXT, "description": "What the configuration says; null: nothing."},
            )
        ),
        history=array(
            structure(
                version=WHOLE,
                kind=_KIND,
                key=TEXT,
                value=TEXT,
                tender=FLAG,
                author=TEXT,
                reason=TEXT,
                at=MAYBE_INSTANT,
                orders={**WHOLE, "description": "Orders that were judged again for it."},
            )
        ),
        version={**WHOLE, "description": "Of the newest row; 0: there is none."},
    ),
    "MappingTrial": structure(
        looked_at=WHOLE,
        unreadable={**WHOLE, "description": "Orders whose body is kept no longer."},
        same=WHOLE,
        would_go_on={**WHOLE, "description": "Held without the row, and a sale with it."},
        would_be_held=WHOLE,
        would_differ={**WHOLE, "description": "A sale both ways, with other figures, rules or names."},
        waiting_now={**WHOLE, "description": "Open exceptions that the row may answer."},
        examples=array(structure(order=TEXT, number=MAYBE_TEXT, before=TEXT, after=TEXT)),
        warnings=array(TEXT),
    ),
    "Mapped": structure(done=FLAG, message=TEXT, version=WHOLE, orders=WHOLE),
}
"""The OpenAPI schemas they name."""
