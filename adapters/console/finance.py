"""What finance looks at: what waits for a release, day by day, and the month."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aiohttp import web

from actors.domain.closing_files import postings_to_csv, to_csv
from actors.domain.exception_life import ExceptionFilter
from adapters.console.forms import Form
from adapters.console.permits import MONEY, why_not
from adapters.console.site import Site, as_csv, csv_of, go
from adapters.operator.access import require
from adapters.operator.answers import csv_file
from adapters.operator.desk_api import ExceptionListQuery
from adapters.operator.parameters import PERSON
from adapters.operator.problems import ProblemError

PAGE = 100
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIGURES = ("ours", "theirs", "net", "tax", "age_days")
_CODED = ("reason", "component", "decision", "type", "state", "chain")
"""Which columns of the report are figures, and which are names of the code."""

_RELEASES = ("day", "orders", "amounts")


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

    async def reconciliation(self, request: web.Request) -> web.Response:
        """Show what must be released, and what differs."""
        told = (await self._site.reading.lists.overview())["finance"]
        if as_csv(request):
            return csv_of("to-release.csv", _RELEASES, told["days"])
        differing = await self._site.reading.desk.exceptions(
            ExceptionListQuery(
                where=ExceptionFilter(owner="finance"), sort="due_at", after=request.query.get("after", "")
            )
        )
        return await self._site.page(
            request,
            "reconciliation",
            told=told,
            rows=differing["items"],
            can_release=not why_not(request[PERSON], "money"),
        )

    async def day(self, request: web.Request) -> web.Response:
        """Show the documents of a day: those that are safe to sync on, and those that are not yet."""
        day = request.match_info["day"]
        if not _DAY.fullmatch(day):
            raise ProblemError(404, "A day is written 2026-11-26.")
        after = request.query.get("after", "")
        found = await self._site.reading.postings(day, after=after, limit=PAGE)
        if as_csv(request):
            return csv_file(postings_to_csv(dict(found)), name=f"postings-{found['day']}.csv")
        return await self._site.page(request, "day", told=found, rows=found["items"], found=found)

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
        return go(f"/month/{datetime.fromtimestamp(self._site.now() / 1000, UTC):%Y-%m}")

    async def month(self, request: web.Request) -> web.Response:
        """Show a month: both sides, what they differ by, and why."""
        period = request.match_info["period"]
        if not _MONTH.fullmatch(period):
            raise ProblemError(404, "A month is written 2026-11.")
        found = await self._site.reading.report("month", period, counted_to="")
        if as_csv(request):
            return csv_file(to_csv(dict(found)), name=f"report-{period}.csv")
        year, month = int(period[:4]), int(period[5:])
        before = f"{year - (month == 1):04}-{(month - 2) % 12 + 1:02}"
        later = f"{year + (month == 12):04}-{month % 12 + 1:02}"
        return await self._site.page(
            request,
            "month",
            period=period,
            report=found["report"],
            figures=_FIGURES,
            coded=_CODED,
            sha256=found["sha256"],
            before=before,
            later=later,
        )
