"""The table of exceptions, as it stands on several pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from actors.domain.exception_life import ExceptionFilter
from actors.domain.exception_types import Severity
from adapters.console.links import falls
from adapters.console.tables import PAGE, Column, Table, in_hand, listed
from adapters.operator.answers import csv_stream
from adapters.operator.desk_api import CAUSE_SORTS, SORTS, DeskReading, ExceptionListQuery
from adapters.operator.parameters import one_of

COLUMNS: Final = (
    Column("id", ""),
    Column("type", "Type", sort="type"),
    Column("severity", "Severity", sort="severity", by="rank", falls=True),
    Column("record_name", "Record"),
    Column("sku", ""),
    Column("field", ""),
    Column("cause", "Cause", wide=True),
    Column("owner", "Owner", sort="owner"),
    Column("assignee", ""),
    Column("stage", "Stage"),
    Column("opened_at", "Age", number=True, sort="opened_at"),
    Column("due_at", "Due", number=True, sort="due_at"),
)

_RANKS: Final = {severity.value: rank for rank, severity in enumerate(Severity)}


def exceptions_in_hand(request: web.Request, caption: str, items: Iterable[Mapping[str, Any]]) -> Table:
    """Return the exceptions of one record."""
    return in_hand(request, "exceptions", caption, COLUMNS, [_row(one) for one in items])


def list_query(request: web.Request, where: ExceptionFilter, *, first: str = "opened_at") -> ExceptionListQuery:
    """Read how a list of exceptions is to be shown; `first` is what it is sorted by where nobody said. Raises
    `ProblemError` 400.
    """
    asked = request.query.get("sort", "")
    # A sort of the list of causes is kept when somebody turns to the rows, where it means nothing.
    sort = first if asked in CAUSE_SORTS and asked not in SORTS else one_of(request, "sort", SORTS) or first
    return ExceptionListQuery(
        where=where,
        sort=sort,
        descending=falls(request),
        after=request.query.get("after", ""),
        limit=PAGE,
    )


def exceptions_listed(request: web.Request, caption: str, found: Mapping[str, Any], query: ExceptionListQuery) -> Table:
    """Return the exceptions a page is about."""
    return listed(request, caption, COLUMNS, found, sort=query.sort, down=query.descending)


async def exceptions_file(request: web.Request, desk: DeskReading, query: ExceptionListQuery) -> web.StreamResponse:
    """Answer with all of them as a file."""
    return await csv_stream(
        request,
        lambda after: desk.exceptions_csv(query.where, after=after, sort=query.sort, descending=query.descending),
        name="exceptions.csv",
    )


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    of = one["record"]
    return {
        **one,
        "rank": _RANKS.get(one["severity"], -1),
        "record_name": of["number"] or of["id"],
        "sku": of["sku"],
        "field": of["field"],
        "stage": one.get("stage") or one["state"],
        "assignee": one.get("assignee", ""),
    }
