"""Orders by search, and one order: its life, both sides, its totals and books, and what may be edited of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from actors.domain.order_state import STATES as MEANINGS
from actors.domain.order_state import OrderState
from adapters.console.forms import Form
from adapters.console.rendering import segment
from adapters.console.sides import side_by_side
from adapters.console.site import Site, as_csv, go
from adapters.operator.access import STOCK_ROLES, Person, require
from adapters.operator.answers import csv_stream
from adapters.operator.list_api import ORDER_SORTS, OrderSearch
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.patch_api import FIELDS, PatchDraft
from adapters.operator.problems import ProblemError

STATES = ("in_cin7", "not_in_cin7", *(state.value for state in OrderState))
_LONGEST_TEXT = 200
_HEAD = ("at", "what", "source")

EDITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "alias": (("sku", "SKU as ordered"), ("alias", "SKU in Cin7 Core")),
    "note": (("note", "Note"),),
    "contact": (
        ("first_name", "First name"),
        ("last_name", "Last name"),
        ("company", "Company"),
        ("email", "E-mail"),
        ("phone", "Telephone"),
    ),
    "address": (
        ("street", "Street"),
        ("additional", "Second line"),
        ("postal_code", "Postcode"),
        ("city", "Town"),
        ("region", "Region"),
        ("country", "Country (two letters)"),
    ),
}
"""The fields of each edit, and what they are called."""


class OrderPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lists = site.reading.lists
        self._patches = site.reading.patches

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        ref = "/orders/{ref:[^/]+}"
        return [
            web.get("/orders", self.orders),
            web.get(ref, self.order),
            web.get(f"{ref}/edit", self.editable),
            web.get(f"{ref}/payloads", self.payloads),
            web.post(f"{ref}/edits", self._site.posted(self.edit)),
            web.post(f"{ref}/edits/{{id}}/withdraw", self._site.posted(self.withdraw)),
            web.post(f"{ref}/release-units", self._site.posted(self.release_units)),
        ]

    async def orders(self, request: web.Request) -> web.StreamResponse:
        """Show orders, or the one order that goes by exactly what was looked for."""
        query = _search(request)
        if as_csv(request):

            async def read(after: str) -> tuple[str, str | None]:
                return await self._lists.orders_csv(query, after=after)

            return await csv_stream(request, read, name="orders.csv")
        found = await self._lists.orders(query)
        alone = found["items"][0] if len(found["items"]) == 1 and not query.after else None
        if alone is not None and query.text and query.text in _names(alone) and "go" in request.query:
            return go(f"/orders/{segment(alone['id'])}")
        return await self._site.page(
            request, "orders", query=query, rows=found["items"], found=found, states=STATES, down=query.descending
        )

    async def order(self, request: web.Request) -> web.Response:
        """Show one order."""
        ref = request.match_info["ref"]
        found = await self._site.reading.order(ref)
        if found is None:
            raise ProblemError(404, "No order has this number or id, nor does its sale.")
        return await self._site.page(
            request,
            "order",
            one=found,
            meaning=MEANINGS[OrderState(found["state"])],
            breakdown=side_by_side(found["totals"].get("breakdown") or {}),
            edits=await self._edits(str(found["id"]), request[PERSON]),
            rest_of=_rest_of,
            trace_link=found.get("trace_url") or "",
        )

    async def editable(self, request: web.Request) -> web.Response:
        """Show what may be edited, and as what; who sees people's data is written down."""
        ref = request.match_info["ref"]
        found = await self._patches.editable(ref, request[PERSON], opened=True)
        if found is None:
            raise ProblemError(404, "No order has this number or id, nor does its sale.")
        return await self._site.page(request, "edit", ref=ref, edits=found, forms=EDITS)

    async def payloads(self, request: web.Request) -> web.Response:
        """Show what is kept sealed of an order; who sees people's data is written down."""
        ref = request.match_info["ref"]
        found = await self._patches.payloads(ref, request[PERSON])
        if found is None:
            raise ProblemError(404, "No order has this number or id, nor does its sale.")
        bodies = [
            {**one, "text": _indented(one["document"]) if one["document"] is not None else ""}
            for one in found["bodies"]
        ]
        return await self._site.page(request, "payloads", ref=ref, personal=found["personal"], bodies=bodies)

    async def edit(self, request: web.Request, form: Form) -> web.Response:
        """Record an edit, and have the order looked at again."""
        ref, field = request.match_info["ref"], form.text("field")
        if field not in FIELDS:
            raise ProblemError(400, f"What may be edited is {', '.join(FIELDS)}.")
        draft = PatchDraft(field=field, values=form.starting("value_"), reason=form.needed("reason"))
        done = await self._patches.patch(form.needed("key"), ref, draft, request[PERSON])
        self._site.tell(request, done["message"])
        return go(f"/orders/{segment(ref)}")

    async def withdraw(self, request: web.Request, form: Form) -> web.Response:
        """Take an edit back."""
        ref, number = request.match_info["ref"], request.match_info["id"]
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise ProblemError(404, "An edit goes by its number.")
        done = await self._patches.withdraw(ref, int(number), request[PERSON], reason=form.needed("reason"))
        self._site.tell(request, done["message"])
        return go(f"/orders/{segment(ref)}")

    async def release_units(self, request: web.Request, form: Form) -> web.Response:
        """Let an order's units go."""
        ref, person = request.match_info["ref"], request[PERSON]
        require(person, STOCK_ROLES)
        done = await self._site.reading.release_units(ref, author=person.name, reason=form.needed("reason"))
        self._site.tell(request, done["message"])
        return go(f"/orders/{segment(ref)}")

    async def _edits(self, order_id: str, person: Person) -> Mapping[str, Any] | None:
        """What was edited, without a text about people: this page is read anew every few seconds."""
        try:
            return await self._patches.editable(order_id, person, opened=False)
        except ProblemError:
            return None  # the order itself is shown all the same


def _search(request: web.Request) -> OrderSearch:
    """Read what is looked for. Raises `ProblemError` 400."""
    asked = request.query.get
    text = " ".join(asked("text", "").split())
    if len(text) > _LONGEST_TEXT:
        raise ProblemError(400, f"What is looked for has at most {_LONGEST_TEXT} characters.")
    return OrderSearch(
        text=text,
        state=one_of(request, "state", STATES) or "",
        currency=asked("currency", "").strip().upper(),
        first=asked("first", ""),
        last=asked("last", ""),
        sort=one_of(request, "sort", ORDER_SORTS) or "accepted_at",
        descending=asked("order") != "up",
        after=asked("after", ""),
    )


def _names(order: Mapping[str, Any]) -> tuple[str | None, ...]:
    return order["number"], order["id"], *order["cin7"].values()


def _rest_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry of the timeline tells beside what every entry does."""
    return {name: value for name, value in event.items() if name not in _HEAD and value not in (None, "", {}, [])}


def _indented(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
