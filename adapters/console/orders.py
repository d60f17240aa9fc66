"""Orders by search, and one order: its life, both sides, its totals and books, and what may be edited of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from actors.domain.order_state import STATES as MEANINGS
from actors.domain.order_state import OrderState
from adapters.console.exception_table import exceptions_in_hand
from adapters.console.forms import EDITS, Form, values_of
from adapters.console.links import falls
from adapters.console.rendering import segment
from adapters.console.sides import sides_in_hand
from adapters.console.site import Site, as_csv, go
from adapters.console.tables import Column, Table, in_hand, listed, rows_of
from adapters.operator.access import STOCK_ROLES, Person, require
from adapters.operator.answers import csv_stream
from adapters.operator.list_api import ORDER_SORTS, OrderSearch
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.patch_api import FIELDS, PatchDraft
from adapters.operator.problems import ProblemError

STATES = ("in_cin7", "not_in_cin7", *(state.value for state in OrderState))
_LONGEST_TEXT = 200
_HEAD = ("at", "what", "source")

_ORDERS = (
    Column("number", "Number", sort="number"),
    Column("state", "State"),
    Column("reason", "Reason", wide=True),
    Column("sale", "Sale in Cin7 Core"),
    Column("payable", "Payable", number=True),
    Column("accepted_at", "Accepted", number=True, falls=True, sort="accepted_at"),
    Column("created_at", "Created", number=True, wide=True, falls=True, sort="created_at"),
    Column("open_exceptions", "Exceptions", number=True),
)
_TOTALS = (
    Column("figure", "Figure"),
    Column("predicted", "Predicted", number=True),
    Column("cin7", "Cin7 Core", number=True),
)
_BOOKS = (
    Column("side", "Side"),
    Column("net", "Net", number=True),
    Column("tax", "Tax", number=True),
    Column("total", "Total", number=True),
)
_DIFFERENCES = (
    Column("component", "What"),
    Column("where", ""),
    Column("reason", "Reason"),
    Column("ours", "commercetools", number=True),
    Column("theirs", "Cin7 Core", number=True),
    Column("net", "Net", number=True),
    Column("tax", "Tax", number=True),
)
_DOCUMENTS = (
    Column("side", "Side"),
    Column("kind", "Kind"),
    Column("number", "Number"),
    Column("day", "Day"),
    Column("total", "Total", number=True),
    Column("verified_at", "Safe since"),
)
_REFUNDS = (
    Column("refund", "Refund"),
    Column("amount", "Amount", number=True),
    Column("currency", ""),
    Column("state", "State"),
    Column("credit_note", "Credit note"),
)
_FIELDS = (Column("field", "Field"), Column("name", ""), Column("original", "As ordered"), Column("now", "Now"))


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
            return await csv_stream(
                request, lambda after: self._lists.orders_csv(query, after=after), name="orders.csv"
            )
        found = await self._lists.orders(query)
        alone = found["items"][0] if len(found["items"]) == 1 and not query.after else None
        if alone is not None and query.text and query.text in _names(alone) and "go" in request.query:
            return go(f"/orders/{segment(alone['id'])}")
        table = listed(request, "Orders", _ORDERS, found, sort=query.sort, down=query.descending)
        return await self._site.page(request, "orders", query=query, table=table, found=found, states=STATES)

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
            tables=_tables(request, found),
            meaning=MEANINGS[OrderState(found["state"])],
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
        fields = in_hand(request, "fields", "What can be edited", _FIELDS, found["fields"])
        return await self._site.page(request, "edit", ref=ref, edits=found, forms=EDITS, tables=[fields])

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
        draft = PatchDraft(field=field, values=values_of(form, field), reason=form.needed("reason"))
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
        descending=falls(request, first=True),
        after=asked("after", ""),
    )


def _tables(request: web.Request, order: Mapping[str, Any]) -> list[Table]:
    """Return the tables of an order's page."""
    totals, books = order["totals"], order["books"] or {}
    open_ones = [one for one in order["exceptions"] if one["state"] == "open"]
    caption = "What was predicted, and what Cin7 Core shows"
    return [
        exceptions_in_hand(request, "Open exceptions of this order", open_ones),
        in_hand(request, "totals", caption, _TOTALS, _totals(totals)),
        sides_in_hand(request, "breakdown", "Both sides by component", totals.get("breakdown") or {}),
        in_hand(request, "books", "The books of the order", _BOOKS, rows_of(_told(books.get("totals")), "side")),
        in_hand(request, "differences", "What differs, and why", _DIFFERENCES, _differences(books)),
        in_hand(request, "documents", "Documents of both sides", _DOCUMENTS, books.get("documents", ())),
        in_hand(request, "refunds", "Refunds", _REFUNDS, map(_refund, order["refunds"])),
    ]


def _totals(totals: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {"figure": name, "predicted": totals["predicted"][name], "cin7": totals["cin7"][name]}
        for name in ("net", "tax", "total")
    ]
    for row in rows:
        row["differs"] = bool(row["predicted"] and row["cin7"] and row["predicted"] != row["cin7"])
    payable = {"figure": "payable in commercetools", "predicted": totals["payable"], "cin7": "", "differs": False}
    return [*rows, payable]


def _told(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: row for name, row in (figures or {}).items() if row}


def _differences(books: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = books.get("discrepancies", ())
    return [{**row, "ours": row["commercetools"]["figure"], "theirs": row["cin7"]["figure"]} for row in found]


def _refund(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "refund": row["provider_id"] or row["id"], "amount": row["amount"] or row["minor_units"]}


def _names(order: Mapping[str, Any]) -> tuple[str | None, ...]:
    return order["number"], order["id"], *order["cin7"].values()


def _rest_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry of the timeline tells beside what every entry does."""
    return {name: value for name, value in event.items() if name not in _HEAD and value not in (None, "", {}, [])}


def _indented(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
