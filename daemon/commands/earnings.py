"""`tallyd report margin`: what each SKU earned against its landed cost, as text, JSON or CSV."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from actors.domain.time import Instant
from adapters.operator.reading import MarginQuery
from daemon.commands.reading import plain, to_json
from daemon.commands.table import table
from daemon.margin_views import margin_csv, margin_document

Document = dict[str, Any]

MOST_ROWS = 50
"""So many SKUs a terminal is shown, those below the floor first; JSON and CSV hold all."""

MOST_SALES = 50
"""So many sales of a SKU a terminal is shown, the newest ones; JSON holds all."""


def written(
    args: argparse.Namespace, *, floor: Decimal, time_zone: str, now: Instant
) -> Callable[[sqlite3.Connection], str]:
    """Return what reads the report and writes it in the form that is asked for."""
    query = MarginQuery(month=args.month, first=args.first, last=args.last, sku=args.sku)

    def unit(connection: sqlite3.Connection) -> str:
        if args.csv:
            return margin_csv(connection, query, time_zone=time_zone, now=now)
        found = margin_document(connection, query, floor=floor, time_zone=time_zone, now=now)
        return to_json(found) if args.json else plain(text_of(found)) + "\n"

    return unit


def text_of(report: Document) -> str:
    """Print a report."""
    period = report["period"]
    parts = [f"Margins from {period['first']} to {period['last']}, in {report['currency']}"]
    if report["not_yet"]:
        parts.append(f"Still being worked out: {report['not_yet']} (look again in a few minutes).")
    parts += ["", _rows(report), *_remarks(report)]
    if report["sku"] is not None:
        parts += _of_sku(report["sku"], report["currency"])
    return "\n".join(parts)


_FIGURES = ("quantity", "net", "unit_cost", "cost", "margin", "percent", "cost_from")
_HEADS = ["UNITS", "NET", "UNIT COST", "COST", "MARGIN", "%", "COST FROM"]


def _rows(report: Document) -> str:
    shown = sorted(report["rows"], key=lambda row: not row["below_floor"])[:MOST_ROWS]
    rows: list[list[object]] = [
        [row["sku"], row["orders"], *(row[name] for name in _FIGURES), _mark(row)] for row in shown
    ]
    total = report["total"]
    rows.append(["in all", total["orders"], *(total[name] for name in _FIGURES), " "])
    return table(["SKU", "ORDERS", *_HEADS, " "], rows)


def _mark(row: Document) -> str:
    return "below the floor" if row["below_floor"] else " "


def _remarks(report: Document) -> list[str]:
    more, below = len(report["rows"]) - MOST_ROWS, sum(row["below_floor"] for row in report["rows"])
    remarks = [f"… and {more} more SKUs: --json or --csv"] if more > 0 else []
    remarks += [f"{below} below the floor of {report['floor_percent']} %."] if below else []
    without = [row for row in report["rows"] if row["cost"] is None]
    if without:
        net = report["total"]["uncosted_net"]
        remarks.append(f"No cost is known of {len(without)}; what was sold without one comes to {net}.")
    return ["", *remarks] if remarks else []


def _of_sku(of: Document, currency: str) -> list[str]:
    parts: list[str] = []
    for cost in of["costs"]:
        state = "" if cost["invoiced"] else ", not all of it is invoiced"
        parts += [
            "",
            f"Purchase {cost['purchase']}, received by {cost['day']}: {cost['quantity']} units worth {cost['value']}"
            f" {cost['currency']}, {cost['unit']} each{state}",
            table(
                ["  PART", "DOCUMENT", "AMOUNT", "CURRENCY", "RATE", currency],
                [
                    [f"  {part['what']}", *(part[name] for name in ("reference", "amount", "currency", "rate", "base"))]
                    for part in cost["parts"]
                ],
            ),
        ]
    if of["parts"]:
        kit = [[f"  {one['sku']}", one["units"], one["unit_cost"], one["cost_from"] or "-"] for one in of["parts"]]
        parts += ["", "Assembled on sale of:", table(["  PART", "UNITS", "UNIT COST", "COST FROM"], kit)]
    if of["average_cost"] is not None:
        parts += ["", f"Cin7 Core's average cost of the item: {of['average_cost']} {currency}"]
    sales = of["sales"][-MOST_SALES:]
    if sales:
        rows = [[one["order"], one["day"], *(one[name] for name in _FIGURES), _mark(one)] for one in sales]
        parts += ["", table(["ORDER", "DAY", *_HEADS, " "], rows)]
    if len(of["sales"]) > len(sales):
        parts.append(f"… and {len(of['sales']) - len(sales)} older: --json")
    return parts
