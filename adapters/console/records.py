"""The audit, the operating model, and the settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from adapters.console.site import Site, as_csv, csv_of
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import MOST_ROWS, one_of, whole
from adapters.operator.record_api import AuditQuery

PAGE = 100
_SETTINGS = ("table", "key", "value", "default", "given", "secret")


class RecordPages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._records = site.reading.records

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/audit", self.audit), web.get("/model", self.model), web.get("/settings", self.settings)]

    async def audit(self, request: web.Request) -> web.StreamResponse:
        """Show what people did, and, when asked, whether the chain of hashes holds."""
        query = _query(request)
        if as_csv(request):
            whole_list = msgspec.structs.replace(query, limit=MOST_ROWS)

            async def read(after: str) -> tuple[str, str | None]:
                place = int(after) if after else 0
                text, onwards = await self._records.audit_csv(msgspec.structs.replace(whole_list, after=place))
                return text, None if onwards is None else str(onwards)

            return await csv_stream(request, read, name="audit.csv")
        found = await self._records.audit(query)
        verdict = await self._records.verify() if "verify" in request.query else None
        return await self._site.page(request, "audit", query=query, rows=found["items"], found=found, verdict=verdict)

    async def model(self, request: web.Request) -> web.Response:
        """Show the operating model by which it works."""
        return await self._site.page(request, "model", told=await self._records.model())

    async def settings(self, request: web.Request) -> web.Response:
        """Show the settings in force; what is secret is not there."""
        told = await self._site.reading.lists.settings()
        if as_csv(request):
            rows = [{"table": table["name"], **key} for table in told["tables"] for key in table["keys"]]
            return csv_of("settings.csv", _SETTINGS, rows)
        text, chosen = request.query.get("text", "").strip(), one_of(request, "from", ("file", "default")) or ""
        tables = [
            {"name": table["name"], "keys": keys}
            for table in told["tables"]
            if (keys := [key for key in table["keys"] if _fits(table["name"], key, text, chosen)])
        ]
        return await self._site.page(request, "settings", told=told, tables=tables, text=text, chosen=chosen)


def _fits(table: str, key: Mapping[str, Any], text: str, chosen: str) -> bool:
    shown = "" if key["secret"] else key["value"]
    found = text.lower() in f"{table} {key['key']} {shown}".lower()
    return found and chosen in ("", "file" if key["given"] else "default")


def _query(request: web.Request) -> AuditQuery:
    asked = request.query.get
    return AuditQuery(
        author=asked("author", "").strip(),
        action=asked("action", "").strip(),
        record=asked("record", "").strip(),
        first=asked("first", ""),
        last=asked("last", ""),
        after=whole(request, "after", default=0, least=0, most=2**62),
        limit=PAGE,
    )
