"""What people read: orders, exceptions and flows in the shapes of design §5, for HTTP and for the command line.

The functions take a connection and return what goes into JSON as it is: instants are text, amounts are decimals as
text. Nothing here opens a body, so nothing here holds a customer's data.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from actors.domain.exception_types import CATALOGUE
from actors.domain.time import format_instant
from actors.domain.tracing import trace_id_of
from daemon import order_life
from daemon.book_views import books_view, written
from daemon.instants import text_of
from storage import life, orders
from storage.exceptions import ExceptionRow
from storage.orders import OrderRecord, SaleRecord

Document = dict[str, Any]


def order_view(connection: sqlite3.Connection, ref: str) -> Document | None:
    """Return one order with everything that happened to it; None when nothing goes by this name."""
    record = orders.find(connection, ref)
    if record is None:
        return None
    sales = orders.sales_of(connection, record.id)
    return {
        **head_of(record, sales),
        "version": record.version,
        "source_state": record.source_state,
        "generation": record.generation,
        "resend": record.resend,
        "doubt_until": text_of(record.doubt_until),
        "exported_at": text_of(record.exported_at),
        "sales": [_sale(sale) for sale in sales],
        "trace_id": trace_id_of(record.id),
        "totals": _totals(record),
        "sides": order_life.sides(connection, record, _standing(sales)),
        "refunds": order_life.refunds(connection, record),
        "books": books_view(connection, record.id),
        **order_life.timeline(connection, record.id),
        "exceptions": [exception_item(row) for row in life.exceptions_of(connection, record.id)],
    }


def exception_item(row: ExceptionRow) -> Document:
    """Return an exception in the shape of `/api/exceptions`."""
    kind = CATALOGUE.get(row.type)
    return {
        "id": row.id,
        "type": row.type,
        "owner": row.owner,
        "state": row.state,
        "severity": row.severity,
        "record": {
            "kind": row.record.kind,
            "id": row.record.id,
            "number": row.record.number,
            "sku": row.sku,
            "field": row.field,
        },
        "cause": row.cause,
        "next_step": row.next_step,
        "steps": list(kind.steps) if kind is not None else [row.next_step],
        "clears": kind.clears if kind is not None else "",
        "facts": row.facts,
        "opened_at": format_instant(row.opened_at),
        "due_at": text_of(row.due_at),
        "next_attempt_at": text_of(row.next_attempt_at),
        "resolved_at": text_of(row.resolved_at),
        "resolution": row.resolution,
        "group": row.group,
    }


def order_head(connection: sqlite3.Connection, order_id: str) -> Document | None:
    """Return what lists show of an order; None when it is not known."""
    record = orders.get(connection, order_id)
    return None if record is None else head_of(record, orders.sales_of(connection, order_id))


def head_of(record: OrderRecord, sales: list[SaleRecord]) -> Document:
    """Return what lists show of an order whose sales are known."""
    standing = _standing(sales)
    return {
        "id": record.id,
        "number": record.number,
        "state": record.state.value,
        "state_since": format_instant(record.state_since),
        "reason": record.reason,
        "created_at": format_instant(record.created_at),
        "accepted_at": format_instant(record.accepted_at),
        "currency": record.currency,
        "payable": _decimal(record.payable, record.digits),
        "cin7": {
            "sale_id": standing.sale_id if standing is not None else None,
            "number": standing.number if standing is not None else None,
            "reference": standing.reference if standing is not None else None,
        },
    }


def _standing(sales: list[SaleRecord]) -> SaleRecord | None:
    """Return the sale that stands for the order: the live one, else the last one there was."""
    live = [sale for sale in sales if sale.voided_at is None]
    return next(reversed(live or sales), None)


def _sale(sale: SaleRecord) -> Document:
    return {
        "sale_id": sale.sale_id,
        "number": sale.number,
        "reference": sale.reference,
        "generation": sale.generation,
        "made_at": format_instant(sale.made_at),
        "voided_at": text_of(sale.voided_at),
    }


def _decimal(minor: int, digits: int) -> str:
    return f"{Decimal(minor).scaleb(-digits):f}"


def _totals(record: OrderRecord) -> Document:
    return {
        "currency": record.currency,
        "payable": _decimal(record.payable, record.digits),
        "predicted": _figures(record.net, record.tax, record.total),
        "cin7": _figures(record.cin7_net, record.cin7_tax, record.cin7_total),
        "reconciled": record.reconciled,
        "rate": _rate(record),
        "tolerated": _decimal(record.tolerated, record.digits),
        "breakdown": record.breakdown,
    }


def _figures(net: str | None, tax: str | None, total: str | None) -> Document:
    """Write what was predicted or shown, with two decimals at least: Cin7 Core shows 59.90 as 59.9."""
    told = {"net": net, "tax": tax, "total": total}
    return {name: None if text is None else written(Decimal(text)) for name, text in told.items()}


def _rate(record: OrderRecord) -> Document | None:
    """Return the exchange rate the sale was sent with; None in the books' own currency, or before it was sent."""
    if record.currency_rate is None:
        return None
    return {"rate": record.currency_rate, "day": record.rate_day, "source": record.rate_source}
