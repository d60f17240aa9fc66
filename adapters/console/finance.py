"""What finance looks at: what waits for a release, day by day, and the month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from actors.domain.closing_files import postings_to_csv, to_csv
from actors.domain.exception_life import ExceptionFilter
from actors.domain.wording import label
from adapters.console.exception_table import exceptions_file, exceptions_listed, list_query
from adapters.console.forms import Form
from adapters.console.links import falls, text_of
from adapters.console.permits import MONEY, why_not
from adapters.console.site import Site, as_csv, csv_of, go
from adapters.console.tables import PAGE, Column, Table, in_hand, listed
from adapters.operator.access import require
from adapters.operator.answers import csv_file
from adapters.operator.parameters import PERSON, one_of
from adapters.operator.problems import ProblemError
from adapters.operator.reading import POSTING_KINDS, POSTING_SORTS, PostingQuery

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RELEASES = (
    Column("day", "Day"),
    Column("orders", "Orders", number=True, falls=True),
    Column("amounts", "Amounts", number=True),
)
_DOCUMENTS = (
    Column("number", "Document", sort="number"),
    Column("id", ""),
    Column("kind", "Kind", sort="kind"),
    Column("order", "Order", sort="order"),
    Column("order_id", ""),
    Column("net", "Net", number=True, sort="net"),
    Column("tax", "Tax", number=True, sort="tax"),
    Column("total", "Total", number=True, sort="total"),
    Column("currency", ""),
    Column("account", "Account", wide=True, sort="account"),
    Column("verified_at", "Stands", falls=True, sort="verified_at"),
    Column("why", ""),
)
_CHAINS = (
    Column("chain", "Chain"),
    Column("currency", "Currency"),
    Column("ours", "commercetools", number=True),
    Column("theirs", "Cin7 Core", number=True),
    Column("difference", "Difference", number=True),
    Column("unexplained", "Unexplained", number=True),
    Column("reasons", "Explained by"),
)
_FIGURES = ("ours", "theirs", "net", "tax", "age_days")
_CODED = ("reason", "component", "decision", "type", "state", "chain")
"""Which columns of the report are figures, and which are names of the code."""

_PARTS = (
    (
        "differences",
        "Differences",
        ("reason", "component", "where", "ours", "theirs", "net", "tax", "currency", "owner", "decision", "age_days"),
    ),
    ("remainders", "Left unexplained", ("chain", "rule", "net", "tax", "currency")),
    ("exceptions", "Open exceptions", ("type", "severity", "cause", "owner", "age_days")),
    ("without_documents", "Orders without documents", ("state", "since", "age_days")),
)
"""The tables of the report: what each is called there and on the page, and its columns beside the order's."""


class FinancePages:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/reconciliation", self.reconciliation),
            web.get("/reconciliation/{day}", self.day),
            web.post("/reconciliation/{day}/release", self._site.posted(self.release)),
            web.get("/month", self.this_month),
            web.get("/month/{period}", self.month),
        ]

    async def reconciliation(self, request: web.Request) -> web.StreamResponse:
        """Show what must be released, and what differs."""
        told = (await self._site.reading.lists.overview())["finance"]
        where = ExceptionFilter(owner="finance", text=text_of(request))
        query = list_query(request, where, first="due_at")
        if as_csv(request):
            return await exceptions_file(request, self._site.reading.desk, query)
        differing = await self._site.reading.desk.exceptions(query)
        can_release = not why_not(request[PERSON], "money")
        columns = (*_RELEASES, Column("release", "Release", buttons=True)) if can_release else _RELEASES
        return await self._site.page(
            request,
            "reconciliation",
            told=told,
            where=where,
            tables=[in_hand(request, "to-release", "Orders to release by accounting day", columns, told["days"])],
            table=exceptions_listed(request, "Open exceptions of finance", differing, query),
            can_release=can_release,
        )

    async def day(self, request: web.Request) -> web.Response:
        """Show the documents of a day: those that are safe to sync on, and those that are not yet."""
        day = request.match_info["day"]
        if not _DAY.fullmatch(day):
            raise ProblemError(404, "A day is written 2026-11-26.")
        if request.query.get("as") == "postings":
            whole = await self._site.reading.postings(day, PostingQuery(limit=None))
            return csv_file(postings_to_csv(dict(whole)), name=f"postings-{day}.csv")
        query = _posting_query(request)
        if as_csv(request):
            whole = await self._site.reading.postings(day, msgspec.structs.replace(query, after="", limit=None))
            return csv_of(f"safe-{day}.csv", [column.name for column in _DOCUMENTS], whole["items"])
        found = await self._site.reading.postings(day, query)
        table = listed(
            request, "Documents that are safe to sync on", _DOCUMENTS, found, sort=query.sort, down=query.descending
        )
        not_yet = in_hand(request, "not-yet", "Documents that are not safe yet", _DOCUMENTS, found["not_yet"])
        return await self._site.page(
            request, "day", told=found, query=query, table=table, tables=[not_yet], kinds=POSTING_KINDS
        )

    async def release(self, request: web.Request, form: Form) -> web.Response:
        """Release what agrees and waits of a day."""
        person = request[PERSON]
        require(person, MONEY)
        day, reason = request.match_info["day"], form.needed("reason")
        done = await self._site.reading.release_day(day, author=person.name, reason=reason)
        self._site.tell(request, done["message"])
        return go("/reconciliation")

    async def this_month(self, _request: web.Request) -> web.Response:
        """Go to the month under way."""
        return go(f"/month/{await self._site.reading.this_month()}")

    async def month(self, request: web.Request) -> web.Response:
        """Show a month: both sides, what they differ by, and why."""
        period = request.match_info["period"]
        if not _MONTH.fullmatch(period):
            raise ProblemError(404, "A month is written 2026-11.")
        if as_csv(request):
            whole = await self._site.reading.report("month", period, counted_to="")
            return csv_file(to_csv(dict(whole)), name=f"report-{period}.csv")
        found = await self._site.reading.month_shown(period)
        report = None if found is None else found["report"]
        year, month = int(period[:4]), int(period[5:])
        before = f"{year - (month == 1):04}-{(month - 2) % 12 + 1:02}"
        later = f"{year + (month == 12):04}-{month % 12 + 1:02}"
        return await self._site.page(
            request,
            "month",
            period=period,
            report=report,
            tables=[] if report is None else [_chains(request, report), *_parts(request, report)],
            parts=_PARTS,
            coded=_CODED,
            sha256="" if found is None else found["sha256"],
            before=before,
            later=later,
        )


def _posting_query(request: web.Request) -> PostingQuery:
    return PostingQuery(
        kind=one_of(request, "kind", POSTING_KINDS) or "",
        text=text_of(request),
        sort=one_of(request, "sort", POSTING_SORTS) or "verified_at",
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=PAGE,
    )


def _chains(request: web.Request, report: Mapping[str, Any]) -> Table:
    rows = [
        {
            **one,
            "ours": one["commercetools"]["gross"],
            "theirs": one["cin7"]["gross"],
            "difference": one["tie"]["difference"]["gross"],
            "unexplained": one["tie"]["unexplained"]["gross"],
            "reasons": {reason: amounts["gross"] for reason, amounts in one["tie"]["reasons"].items()},
        }
        for one in report["chains"]
    ]
    return in_hand(request, "chains", "What both sides come to", _CHAINS, rows)


def _parts(request: web.Request, report: Mapping[str, Any]) -> list[Table]:
    return [
        in_hand(
            request,
            name,
            caption,
            [Column("record", "Order"), *(Column(one, label(one), number=one in _FIGURES) for one in columns)],
            [{**row, "record": row["number"] or row.get("order_id") or row.get("record_id")} for row in report[name]],
        )
        for name, caption, columns in _PARTS
    ]
