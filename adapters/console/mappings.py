"""Mapping rows: what is in force, a row tried on the last orders, and a row put in force."""

from __future__ import annotations

from aiohttp import web

from adapters.console.forms import Form
from adapters.console.site import SESSION, Site, go
from adapters.console.tables import Column, in_hand
from adapters.operator.mapping_api import KINDS, MappingDraft
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.problems import ProblemError

_ROWS = (
    Column("kind", "Table"),
    Column("key", "commercetools"),
    Column("value", "Cin7 Core"),
    Column("tender", ""),
    Column("source", "From"),
    Column("version", ""),
    Column("author", "By", wide=True),
    Column("at", ""),
    Column("reason", "Why", wide=True),
    Column("file_value", ""),
)
_HISTORY = (
    Column("version", "Version", number=True, falls=True),
    Column("kind", "Table"),
    Column("key", "commercetools"),
    Column("value", "Cin7 Core"),
    Column("author", "By"),
    Column("at", "When", falls=True),
    Column("reason", "Why"),
)
_EXAMPLES = (
    Column("number", "Order"),
    Column("order", ""),
    Column("before", "Now"),
    Column("after", "With the row"),
)


class MappingPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._mappings = site.reading.mappings

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/mappings", self.mappings),
            web.get("/mappings/try", self.try_row),
            web.post("/mappings", self._site.posted(self.map)),
        ]

    async def mappings(self, request: web.Request) -> web.Response:
        """Show the rows in force, and the form for another one."""
        kind = one_of(request, "kind", KINDS) or ""
        found = await self._mappings.mappings(kind)
        tables = [
            in_hand(request, "", "Mapping rows in force", _ROWS, found["items"], narrow=False),
            in_hand(request, "history", "What was mapped at the desk", _HISTORY, found["history"]),
        ]
        draft = MappingDraft(kind=kind, key=request.query.get("key", ""), value=request.query.get("value", ""))
        return await self._site.page(request, "mappings", kind=kind, tables=tables, kinds=KINDS, draft=draft)

    async def try_row(self, request: web.Request) -> web.Response:
        """Show what the row would do to the last orders; nothing is written."""
        if SESSION not in request:  # it costs seconds: nobody is sent here by another page
            raise ProblemError(403, "Sign in at the console to try a row.")
        draft = _draft(Form(request.query))
        told = await self._mappings.try_mapping(draft)
        examples = in_hand(request, "examples", "Orders it would change", _EXAMPLES, told["examples"])
        return await self._site.page(request, "mapping_try", draft=draft, told=told, tables=[examples])

    async def map(self, request: web.Request, form: Form) -> web.Response:
        """Put it in force."""
        draft = _draft(form)
        form.needed("reason")
        done = await self._mappings.map(form.needed("key_of_form"), draft, request[PERSON])
        self._site.tell(request, done["message"])
        return go(f"/mappings?kind={draft.kind}")


def _draft(form: Form) -> MappingDraft:
    """Read a row: a name is another one with another blank."""
    form.needed("key")
    return MappingDraft(
        kind=form.needed("kind"),
        key=form.exact("key"),
        value=form.exact("value"),
        tender=bool(form.text("tender")),
        reason=form.text("reason"),
    )
