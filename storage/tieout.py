"""What the file knows of a period: both sides added up, what explains their difference, and what is still open.

Sums are made by SQLite over whole ten-thousandths, of the lines as they were posted. `period_report` reads one state of
the file, however long it takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from actors.domain.closing import (
    KINDS,
    WHOLE,
    Closing,
    Explained,
    Gathered,
    LineSum,
    OpenDifference,
    OpenException,
    OpenOrder,
    OpenRemainder,
    OrderCount,
    Period,
    Standing,
    Tolerated,
    standing_of,
    tie_out,
)
from actors.domain.discrepancy import Chain, Reason
from actors.domain.exception_types import Owner
from actors.domain.money import to_decimal
from actors.domain.order_state import OrderState
from actors.domain.time import Instant, date_in_zone
from storage.books import amount

_ENDED = (OrderState.CANCELLED.value, OrderState.EXCLUDED.value)
"""States in which an order without documents is accounted for, and nothing about it is open."""

_PAIRS = ", ".join(
    f"('{side}', '{kind}', '{chain.value}', {sign}, {int(chain in WHOLE)})"
    for chain, kinds in KINDS.items()
    for side, kind, sign in zip(("commercetools", "cin7"), kinds, (1, -1), strict=True)
)

_PERIOD = (
    "ours (order_id) AS MATERIALIZED (SELECT order_id FROM ledger_lines WHERE day BETWEEN :first AND :last"
    " GROUP BY order_id)"
)
"""The orders with a document in the period, where all of them are wanted: sorted, as their lines lie."""


def _booked(order_id: str, days: str = "AND day BETWEEN :first AND :last") -> str:
    """Write the condition that this order has a document in the period, where few are asked about."""
    return f"EXISTS (SELECT 1 FROM ledger_lines WHERE ledger_lines.order_id = {order_id} {days})"


_FRESH = (
    "fresh (order_id) AS MATERIALIZED (SELECT id FROM orders WHERE created_at >= :begins AND created_at < :ends"
    f" AND NOT {_booked('orders.id', '')})"
)
"""The orders created in the period that no document names."""


def period_report(connection: sqlite3.Connection, period: Period, zone: ZoneInfo, *, as_of: date) -> Closing:
    """Return the report of a period. `zone` is the books' time zone, `as_of` the day ages are counted to."""
    span = _span(period, zone)
    with _one_state(connection):
        remainders = _remainders(connection, span)
        gathered = Gathered(
            lines=_line_sums(connection, span),
            documents=_documents(connection, span),
            explained=_explained(connection, span),
            remainders=remainders,
        )
        return Closing(
            period=period,
            time_zone=zone.key,
            as_of=as_of,
            provisional=as_of <= period.last,
            orders=_counts(connection, span),
            tolerated=_tolerated(connection, span),
            chains=tie_out(gathered),
            differences=_differences(connection, span, zone, as_of),
            remainders=remainders,
            exceptions=_exceptions(connection, span, zone, as_of),
            without_documents=_without_documents(connection, span, zone, as_of),
        )


def _span(period: Period, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "begins": _midnight(period.first, zone),
        "ends": _midnight(period.after, zone),
    }


def _midnight(day: date, zone: ZoneInfo) -> Instant:
    moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return int(moment.timestamp()) * 1000


@contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """Let every statement see the same commit, whatever the daemon writes meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


# -- sums ------------------------------------------------------------------------------------------------------------


def _line_sums(connection: sqlite3.Connection, span: dict[str, Any]) -> tuple[LineSum, ...]:
    inside = connection.execute(
        "SELECT side, kind, currency, rule, sum(documents), sum(net), sum(tax) FROM (SELECT side, kind, currency, rule,"
        " count(*) AS documents, sum(net) AS net, sum(tax) AS tax FROM ledger_lines WHERE day BETWEEN :first AND :last"
        " GROUP BY day, side, kind, currency, rule) GROUP BY side, kind, currency, rule",
        span,
    ).fetchall()
    outside = connection.execute(
        f"WITH {_PERIOD} SELECT side, kind, currency, rule, 0, sum(net), sum(tax)"
        " FROM ours CROSS JOIN ledger_lines USING (order_id) WHERE day NOT BETWEEN :first AND :last"
        " GROUP BY side, kind, currency, rule",
        span,
    ).fetchall()
    found, others = {row[:4]: row[4:] for row in inside}, {row[:4]: row[4:] for row in outside}
    return tuple(_line_sum(key, found.get(key, _NONE), others.get(key, _NONE)) for key in sorted({*found, *others}))


_NONE = (0, 0, 0)


def _line_sum(key: tuple[str, ...], inside: tuple[int, ...], outside: tuple[int, ...]) -> LineSum:
    side, kind, currency, rule = key
    return LineSum(
        side=side,
        kind=kind,
        currency=currency,
        rule=rule,
        documents=inside[0],
        net=amount(inside[1]),
        tax=amount(inside[2]),
        other_net=amount(outside[1]),
        other_tax=amount(outside[2]),
    )


def _documents(connection: sqlite3.Connection, span: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    # All of a document is of one day: so few have to be told apart at a time.
    rows = connection.execute(
        "SELECT side, kind, currency, sum(documents) FROM (SELECT side, kind, currency, count(DISTINCT id) AS documents"
        " FROM ledger_lines WHERE day BETWEEN :first AND :last GROUP BY day, side, kind, currency)"
        " GROUP BY side, kind, currency",
        span,
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _explained(connection: sqlite3.Connection, span: dict[str, Any]) -> tuple[Explained, ...]:
    rows = connection.execute(
        "SELECT chain, currency, rule, reason, sum(net), sum(tax) FROM discrepancies"
        f" WHERE {_booked('discrepancies.order_id')} GROUP BY chain, currency, rule, reason",
        span,
    )
    return tuple(
        Explained(
            chain=Chain(row[0]),
            currency=row[1],
            rule=row[2],
            reason=Reason(row[3]),
            net=amount(row[4]),
            tax=amount(row[5]),
        )
        for row in rows
    )


def _remainders(connection: sqlite3.Connection, span: dict[str, Any]) -> tuple[OpenRemainder, ...]:
    """Find the orders whose discrepancies do not add up to what their sides differ by: sums alone would hide them."""
    rows = connection.execute(
        f"WITH {_PERIOD}, pairs (side, kind, chain, sign, whole) AS (VALUES {_PAIRS}),"
        " compared (order_id, chain, currency, rule, net, tax) AS ("
        " SELECT order_id, chain, currency, iif(whole, '', rule), sign * iif(whole, net + tax, net),"
        " sign * iif(whole, 0, tax) FROM ours CROSS JOIN ledger_lines USING (order_id)"
        " CROSS JOIN pairs USING (side, kind)"
        " UNION ALL SELECT order_id, chain, currency, iif(whole, '', rule), -iif(whole, net + tax, net),"
        " -iif(whole, 0, tax) FROM ours CROSS JOIN discrepancies USING (order_id)"
        " CROSS JOIN (SELECT DISTINCT chain, whole FROM pairs) USING (chain))"
        " SELECT order_id, number, chain, currency, rule, net, tax FROM ("
        " SELECT order_id, chain, currency, rule, sum(net) AS net, sum(tax) AS tax FROM compared"
        " GROUP BY order_id, chain, currency, rule HAVING sum(compared.net) <> 0 OR sum(compared.tax) <> 0)"
        " JOIN (SELECT id AS order_id, number FROM orders) USING (order_id)"
        " ORDER BY number, order_id, chain, currency, rule",
        span,
    )
    return tuple(
        OpenRemainder(
            order_id=row[0],
            number=row[1] or "",
            chain=Chain(row[2]),
            currency=row[3],
            rule=row[4],
            net=amount(row[5]),
            tax=amount(row[6]),
        )
        for row in rows
    )


# -- what is accounted for -------------------------------------------------------------------------------------------


def _counts(connection: sqlite3.Connection, span: dict[str, Any]) -> OrderCount:
    counts = dict.fromkeys(Standing, 0)
    judged = connection.execute(
        f"WITH {_PERIOD} SELECT coalesce(verdict, ''), coalesce(decision, ''), coalesce(step, ''), count(*)"
        " FROM ours LEFT JOIN books INDEXED BY books_by_standing USING (order_id) GROUP BY 1, 2, 3",
        span,
    )
    for verdict, decision, step, number in judged:
        counts[standing_of(verdict, decision, step)] += number
    fresh = connection.execute(
        f"WITH {_FRESH} SELECT state, count(*) FROM fresh JOIN orders ON id = order_id GROUP BY state ORDER BY state",
        span,
    )
    without = {row[0]: row[1] for row in fresh}
    return OrderCount(
        in_period=sum(counts.values()) + sum(without.values()),
        without_documents=without,
        **{standing.value: number for standing, number in counts.items()},
    )


# -- what is open ----------------------------------------------------------------------------------------------------

_FIELDS = (
    *("chain", "currency", "reason", "component", "where", "rule", "ours", "theirs"),
    *("our_document", "their_document", "our_rule", "their_rule", "decision"),
)


def _tolerated(connection: sqlite3.Connection, span: dict[str, Any]) -> tuple[Tolerated, ...]:
    """Count what was tolerated of the period's orders, by their own day."""
    rows = connection.execute(
        "SELECT orders.currency, digits, count(*), sum(tolerated) FROM orders INDEXED BY orders_tolerated"
        " JOIN books ON books.order_id = orders.id WHERE tolerated != 0 AND day BETWEEN :first AND :last"
        " GROUP BY orders.currency, digits ORDER BY orders.currency",
        span,
    )
    return tuple(
        Tolerated(currency=row[0], orders=row[2], amount=to_decimal(row[3], row[1])) for row in rows.fetchall()
    )


def _differences(
    connection: sqlite3.Connection, span: dict[str, Any], zone: ZoneInfo, as_of: date
) -> tuple[OpenDifference, ...]:
    rows = connection.execute(
        "SELECT discrepancies.order_id, number, discrepancies.net, discrepancies.tax, found_at, chain,"
        " discrepancies.currency, discrepancies.reason, component, place_where, rule, ours, theirs, our_document,"
        " their_document, our_rule, their_rule, coalesce(decision, '')"
        " FROM discrepancies JOIN orders ON orders.id = discrepancies.order_id LEFT JOIN books USING (order_id)"
        f" WHERE discrepancies.reason <> :timing AND {_booked('discrepancies.order_id')}"
        " ORDER BY number, discrepancies.order_id, place",
        {**span, "timing": Reason.TIMING.value},
    )
    return tuple(
        msgspec.convert(
            {
                "order_id": row[0],
                "number": row[1] or "",
                "owner": Owner.FINANCE.value,
                "net": amount(row[2]),
                "tax": amount(row[3]),
                **_age(row[4], zone, as_of),
                **dict(zip(_FIELDS, row[5:], strict=True)),
            },
            OpenDifference,
        )
        for row in rows
    )


def _exceptions(
    connection: sqlite3.Connection, span: dict[str, Any], zone: ZoneInfo, as_of: date
) -> tuple[OpenException, ...]:
    rows = connection.execute(
        "SELECT exceptions.id, record_kind, record_id, coalesce(number, record_number, ''), owner,"
        " severity, type, cause, next_step, opened_at FROM exceptions LEFT JOIN orders ON orders.id = record_id"
        f" WHERE exceptions.state = 'open' AND (record_kind IN ('order', 'message') AND ({_booked('record_id')}"
        f" OR orders.created_at >= :begins AND orders.created_at < :ends AND NOT {_booked('record_id', '')})"
        " OR record_kind = 'books' AND record_id BETWEEN :first AND :last OR record_kind = 'tax_rule' AND EXISTS"
        " (SELECT 1 FROM ledger_lines WHERE rule = record_id AND day BETWEEN :first AND :last))"
        " ORDER BY opened_at, exceptions.id",
        span,
    )
    return tuple(
        OpenException(
            id=row[0],
            record_kind=row[1],
            record_id=row[2],
            number=row[3],
            owner=row[4],
            severity=row[5],
            type=row[6],
            cause=row[7],
            next_step=row[8],
            **_age(row[9], zone, as_of),
        )
        for row in rows
    )


def _without_documents(
    connection: sqlite3.Connection, span: dict[str, Any], zone: ZoneInfo, as_of: date
) -> tuple[OpenOrder, ...]:
    rows = connection.execute(
        f"WITH {_FRESH} SELECT order_id, number, state, created_at FROM fresh JOIN orders ON id = order_id"
        " WHERE state NOT IN (:cancelled, :excluded) ORDER BY number, order_id",
        {**span, "cancelled": _ENDED[0], "excluded": _ENDED[1]},
    )
    return tuple(
        OpenOrder(order_id=row[0], number=row[1] or "", state=row[2], **_age(row[3], zone, as_of)) for row in rows
    )


def _age(since: Instant, zone: ZoneInfo, as_of: date) -> dict[str, Any]:
    """Return the day since when, and how many days that is. What came after the day counted to is no day old."""
    day = date_in_zone(since, zone)
    return {"since": day, "age_days": max(0, (as_of - day).days)}
