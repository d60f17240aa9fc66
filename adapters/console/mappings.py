"""Mapping rows: what is in force, a row tried on the last orders, and a row put in force."""

from __future__ import annotations

from aiohttp import web

from adapters.console.forms import Form
from adapters.console.site import Site, as_csv, csv_of, go
from adapters.operator.mapping_api import KINDS, MappingDraft
from adapters.operator.parameters import PERSON, one_of

_COLUMNS = ("kind", "key", "value", "tender", "source", "version", "author", "reason", "at", "file_value")


class MappingPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._mappings = site.reading.mappings

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/mappings", self.mappings),
            web.post("/mappings/try", self._site.posted(self.try_row)),
            web.post("/mappings", self._site.posted(self.map)),
        ]

    async def mappings(self, request: web.Request) -> web.Response:
        """Show the rows in force, and the form for another one."""
        kind = one_of(request, "kind", KINDS) or ""
        found = await self._mappings.mappings(kind)
        if as_csv(request):
            return csv_of("mappings.csv", _COLUMNS, found["items"])
        text = " ".join(request.query.get("text", "").split()).lower()
        rows = [one for one in found["items"] if text in f"{one['key']} {one['value']}".lower()]
        draft = MappingDraft(kind=kind, key=request.query.get("key", ""), value=request.query.get("value", ""))
        return await self._site.page(
            request, "mappings", kind=kind, text=text, rows=rows, found=found, kinds=KINDS, draft=draft
        )

    async def try_row(self, request: web.Request, form: Form) -> web.Response:
        """Show what the row would do to the last orders; nothing is written."""
        draft = _draft(form)
        told = await self._mappings.try_mapping(draft)
        return await self._site.page(request, "mapping_try", draft=draft, told=told)

    async def map(self, request: web.Request, form: Form) -> web.Response:
        """Put it in force."""
        draft = _draft(form)
        form.needed("reason")
        done = await self._mappings.map(form.needed("key_of_form"), draft, request[PERSON])
        self._site.tell(request, done["message"])
        return go(f"/mappings?kind={draft.kind}")


def _draft(form: Form) -> MappingDraft:
    return MappingDraft(
        kind=form.needed("kind"),
        key=form.needed("key"),
        value=form.text("value"),
        tender=bool(form.text("tender")),
        reason=form.text("reason"),
    )
