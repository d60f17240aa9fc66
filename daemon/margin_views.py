"""What sales earned, as people and machines read it: by SKU, in all, and for one SKU line by line with its cost.

Everything comes from the file, in the books' currency. Functions take a connection and return what goes into JSON as it
is.
"""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from typing import Any

from actors.domain.closing import Period, date_of, month_of
from actors.domain.closing_files import shown
from actors.domain.facts import KitPart
from actors.domain.margin_report import MarginRow, margin_report, to_csv
from actors.domain.margins import Earned, OrderMargin, below, margin_of
from actors.domain.time import Instant, date_in_zone
from actors.procurement.earning import LATELY
from adapters.operator.problems import ProblemError
from adapters.operator.reading import MarginQuery
from daemon import days
from daemon.purchase_views import landed_view
from daemon.report_views import books_zone
from storage import facts, margins, purchases, stock

Document = dict[str, Any]

MOST_COSTS = 20
"""So many purchases of a SKU are shown with what it cost."""


def margin_document(
    connection: sqlite3.Connection, query: MarginQuery, *, floor: Decimal, time_zone: str, now: Instant
) -> Document:
    """Return what was earned in a period; of one SKU alone, also each of its sales and what it cost.

    `time_zone` is the configured one ("": what Cin7 Core reports), `floor` the least margin in percent.

    Raises:
        ProblemError: 400, there are no such days; 409, the books' time zone is not known yet.
    """
    period = period_of(query, today=date_in_zone(now, books_zone(connection, time_zone)))
    report = margin_report(margins.of_period(connection, period.first, period.last, sku=query.sku))
    return {
        "period": {
            "kind": period.kind,
            "name": period.name,
            "first": period.first.isoformat(),
            "last": period.last.isoformat(),
        },
        "currency": currency_of(connection),
        "floor_percent": f"{floor:f}",
        "not_yet": margins.count_due(connection),
        "rows": [_row(row, floor) for row in report.rows],
        "total": _row(report.total, floor),
        "sku": _of_sku(connection, query.sku, period, floor) if query.sku else None,
    }


def margin_csv(connection: sqlite3.Connection, query: MarginQuery, *, time_zone: str, now: Instant) -> str:
    """Return the same rows as a table.

    Raises:
        ProblemError: as for `margin_document`.
    """
    period = period_of(query, today=date_in_zone(now, books_zone(connection, time_zone)))
    found = margins.of_period(connection, period.first, period.last, sku=query.sku)
    return to_csv(margin_report(found), currency_of(connection))


def period_of(query: MarginQuery, *, today: date) -> Period:
    """Return the days that are asked for: a month, from one day to another (or today).

    Without any it is the month under way; of one SKU it is what the floor looks at (`LATELY`).

    Raises:
        ProblemError: 400, there are no such days.
    """
    if query.sku and not (query.month or query.first or query.last):
        return _days(today - LATELY, today)
    if not query.first and not query.last:
        return days.read(month_of, "month", query.month or f"{today:%Y-%m}")
    if query.month or not query.first:
        raise ProblemError(400, "Either a month, or the days from one to another: the first of them is needed.")
    first = days.read(date_of, "from", query.first)
    last = days.read(date_of, "to", query.last) if query.last else today
    if last < first:
        raise ProblemError(400, f"{last} is before {first}.")
    return _days(first, last)


def _days(first: date, last: date) -> Period:
    return Period(kind="days", name=f"{first}..{last}", first=first, last=last)


def currency_of(connection: sqlite3.Connection) -> str:
    """Return the books' currency; "" while it is not known."""
    company = facts.company(connection)
    return company.currency if company is not None else ""


def _row(row: MarginRow, floor: Decimal) -> Document:
    return {
        "sku": row.sku,
        "orders": row.orders,
        "quantity": _units(row.quantity),
        "net": shown(row.net),
        "uncosted_net": shown(row.uncosted),
        "unit_cost": _figure(row.unit),
        "cost": _amount(row.cost),
        "margin": _amount(row.margin),
        "percent": _figure(row.percent),
        "cost_from": row.source,
        "below_floor": row.below(floor),
    }


def _of_sku(connection: sqlite3.Connection, sku: str, period: Period, floor: Decimal) -> Document:
    costs = purchases.costs_of_sku(connection, sku, limit=MOST_COSTS)
    average = purchases.average_costs(connection, [sku]).get(sku)
    return {
        "sku": sku,
        "average_cost": _figure(average),
        "parts": [_kit_part(connection, part, period.last) for part in stock.parts_of(connection, sku)],
        "costs": [landed_view(cost) for cost in costs],
        "sales": [_sale(one, floor) for one in margins.of_period(connection, period.first, period.last, sku=sku)],
    }


def _kit_part(connection: sqlite3.Connection, part: KitPart, day: date) -> Document:
    """Return a part of a kit that is assembled on sale, with what it cost by that day."""
    cost = purchases.unit_cost(connection, part.sku, day)
    return {
        "sku": part.sku,
        "units": _units(part.quantity),
        "unit_cost": _figure(cost.unit) if cost is not None else None,
        "cost_from": cost.source if cost is not None else "",
    }


def _sale(one: OrderMargin, floor: Decimal) -> Document:
    margin = margin_of(Earned(sku=one.sku, quantity=one.quantity, net_base=one.net), one.unit)
    return {
        "order": one.number or one.order_id,
        "order_id": one.order_id,
        "day": one.day.isoformat(),
        "quantity": _units(one.quantity),
        "net": shown(one.net),
        "unit_cost": _figure(one.unit),
        "cost": _amount(margin.cost),
        "margin": _amount(margin.margin),
        "percent": _figure(one.percent),
        "cost_from": one.source,
        "below_floor": one.unit is not None and below(one.net, one.percent, floor),
    }


def _units(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else shown(amount)


def _figure(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"
