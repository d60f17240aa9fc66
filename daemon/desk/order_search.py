"""Orders by what people remember of them, as pages and tables show them."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any

from actors.domain.closing import date_of
from actors.domain.order_state import OrderState
from actors.domain.spreadsheet import table
from actors.domain.time import Instant
from adapters.operator.list_api import ORDER_STATES, OrderSearch
from adapters.operator.problems import ProblemError
from daemon import days
from daemon.views import head_of
from storage import order_search
from storage.order_search import Search, UnknownPlaceError

Document = dict[str, Any]

_S = OrderState
IN_CIN7 = (_S.EXPORTED, _S.HEADER, _S.POSTED, _S.CANCELLING, _S.HELD)
NOT_IN_CIN7 = (_S.ACCEPTED, _S.AWAITING, _S.HELD, _S.CREATING, _S.IN_DOUBT, _S.SHADOWED)
"""A held order is in Cin7 Core if its sale stands there. What was cancelled or excluded is not meant to be."""

DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()

_COLUMNS = (
    "number",
    "id",
    "state",
    "state_since",
    "reason",
    "accepted_at",
    "created_at",
    "currency",
    "payable",
    "sale",
    "reference",
    "open_exceptions",
)


def order_list(connection: sqlite3.Connection, query: OrderSearch) -> Document:
    """Return a page.

    Raises:
        ProblemError: 400, a day or the place to go on from means nothing.
    """
    try:
        found = order_search.page(connection, _search(query))
    except UnknownPlaceError:
        raise ProblemError(400, "after must be the `next` of a page.") from None
    ids = [record.id for record in found.records]
    sales = order_search.sales_of_all(connection, ids)
    opened = order_search.open_exceptions(connection, ids)
    items = [
        {**head_of(record, sales[record.id]), "open_exceptions": opened.get(record.id, 0)} for record in found.records
    ]
    return {"items": items, "next": found.next, "total": found.total}


def order_table(connection: sqlite3.Connection, query: OrderSearch) -> tuple[str, str | None]:
    """Return the same page as CSV, with the names of the columns on the first one.

    Raises:
        ProblemError: as for a page.
    """
    found = order_list(connection, query)
    rows = (
        {**item, "sale": item["cin7"]["number"] or item["cin7"]["sale_id"], "reference": item["cin7"]["reference"]}
        for item in found["items"]
    )
    shown = ({name: row[name] for name in _COLUMNS} for row in rows)
    return table(_COLUMNS, shown, head=not query.after), found["next"]


def _search(query: OrderSearch) -> Search:
    return Search(
        text=query.text,
        states=_states(query.state),
        held_with_sale={"in_cin7": True, "not_in_cin7": False}.get(query.state),
        currency=query.currency,
        since=_midnight("from", query.first),
        before=_midnight("to", query.last, days_on=1),
        sort=query.sort,
        descending=query.descending,
        after=query.after,
        limit=query.limit,
    )


def _states(name: str) -> tuple[OrderState, ...]:
    match name:
        case "":
            return ()
        case "in_cin7":
            return IN_CIN7
        case "not_in_cin7":
            return NOT_IN_CIN7
        case _ if name in ORDER_STATES:
            return (OrderState(name),)
        case _:
            raise ProblemError(400, f"state must be one of {', '.join(ORDER_STATES)}.")


def _midnight(name: str, text: str, *, days_on: int = 0) -> Instant | None:
    if not text:
        return None
    day = days.read(date_of, name, text)
    return (day.toordinal() - _EPOCH + days_on) * DAY
