"""The audit, the operating model, and the settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from adapters.console.links import falls
from adapters.console.site import FRAGMENT, Site, as_csv
from adapters.console.tables import Column, Table, in_hand, listed
from adapters.operator.answers import csv_stream
from adapters.operator.parameters import MOST_ROWS, one_of
from adapters.operator.record_api import AUDIT_SORTS, AuditQuery

PAGE = 100
_AUDIT = (
    Column("id", "Row", number=True, falls=True, sort="id"),
    Column("at", "When", falls=True, sort="id"),
    Column("author", "Who", sort="author"),
    Column("action", "Did", sort="action"),
    Column("record", "To", sort="record"),
    Column("detail", "With"),
    Column("hash", "Hash", wide=True),
)
_MOST_SETTINGS = 500
_SETTINGS = (
    Column("table", "Table"),
    Column("key", "Key"),
    Column("value", "Value"),
    Column("default", "Default", wide=True),
    Column("from", "From"),
    Column("secret", ""),
)
_SECRETS = (Column("name", "Name"), Column("given", "Given"), Column("meaning", "Meaning"))


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
            return await csv_stream(
                request,
                lambda after: self._records.audit_csv(msgspec.structs.replace(whole_list, after=after)),
                name="audit.csv",
            )
        found = await self._records.audit(query)
        # Not again with every look at what is new.
        asked = "verify" in request.query and FRAGMENT not in request.headers
        verdict = await self._records.verify() if asked else None
        table = listed(request, "What people did", _AUDIT, found, sort=query.sort, down=query.descending)
        return await self._site.page(request, "audit", query=query, table=table, verdict=verdict)

    async def model(self, request: web.Request) -> web.Response:
        """Show the operating model by which it works."""
        told = await self._records.model()
        tables = [_section(request, number, one) for number, one in enumerate(told["sections"], 1)]
        return await self._site.page(request, "model", told=told, tables=tables)

    async def settings(self, request: web.Request) -> web.Response:
        """Show the settings in force; what is secret is not there."""
        told = await self._site.reading.lists.settings()
        chosen = one_of(request, "from", ("file", "default")) or ""
        keys = [row for table in told["tables"] for row in _keys(table) if chosen in ("", row["from"])]
        tables = [
            in_hand(request, "", "Settings in force", _SETTINGS, keys, page=_MOST_SETTINGS, narrow=False),
            in_hand(request, "secrets", "Secrets, and whether they were given", _SECRETS, told["secrets"]),
        ]
        return await self._site.page(request, "settings", told=told, tables=tables, chosen=chosen)


def _section(request: web.Request, number: int, section: Mapping[str, Any]) -> Table:
    columns = [Column(f"c{place}", told) for place, told in enumerate(section["columns"])]
    rows = [{f"c{place}": cell for place, cell in enumerate(row)} for row in section["rows"]]
    return in_hand(request, f"m{number}", section["title"], columns, rows, page=200)


def _keys(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table of the configuration, without what is secret."""
    return [
        {
            **key,
            "table": table["name"],
            "value": None if key["secret"] else key["value"],
            "from": "file" if key["given"] else "default",
        }
        for key in table["keys"]
    ]


def _query(request: web.Request) -> AuditQuery:
    asked = request.query.get
    return AuditQuery(
        author=asked("author", "").strip(),
        action=asked("action", "").strip(),
        record=asked("record", "").strip(),
        first=asked("first", ""),
        last=asked("last", ""),
        sort=one_of(request, "sort", AUDIT_SORTS) or "id",
        descending=falls(request, first=True),
        after=asked("after", ""),
        limit=PAGE,
    )
