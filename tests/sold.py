"""Orders that were sold, as the orders flow leaves them in the books."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import msgspec

from actors.domain.facts import Product
from actors.domain.figures import Figures, Sold
from actors.domain.item import Item
from actors.domain.rows import OrderRow
from storage import books
from tests.books_file import an_order
from tests.stored import NOW

Rows = tuple[tuple[str, int | str, str], ...]


def sold_of(rows: Rows, *, currency: str = "GBP", rate: str | None = None) -> Sold:
    """What was sold, by SKU, quantity and net total, at 20 % on top."""
    net = sum((Decimal(total) for _, _, total in rows), Decimal(0))
    return Sold(
        rows=tuple(
            OrderRow(
                sku=sku,
                name=sku,
                quantity=Decimal(quantity),
                price=Decimal(total) / Decimal(quantity),
                tax=Decimal(total) / 5,
                tax_rule="20%",
                total=Decimal(total),
            )
            for sku, quantity, total in rows
        ),
        tax_inclusive=False,
        currency=currency,
        net=net,
        tax=net / 5,
        total=net + net / 5,
        rate=None if rate is None else Decimal(rate),
    )


def sell(
    connection: sqlite3.Connection,
    number: str,
    *rows: tuple[str, int | str, str],
    day: str = "2026-12-01",
    created_at: int = NOW,
    rate: str | None = None,
) -> str:
    """Post the sale of an order; return the order's id. Again, under the same number: it is sold otherwise now."""
    order_id = f"order-{number}"
    if books.get(connection, order_id) is None:
        order_id = an_order(connection, number, created_at=created_at)
        books.begin(connection, order_id, f"sale-{number}", "GBP")
    what = sold_of(rows, currency="GBP" if rate is None else "EUR", rate=rate)
    ordered = Figures(currency=what.currency, net=what.net, tax=what.tax, total=what.total)
    books.open_books(
        connection, order_id, f"sale-{number}", ordered=ordered, sold=what, day=day, percents={}, now=created_at
    )
    return order_id


def stock_item(connection: sqlite3.Connection, sku: str, average: str) -> None:
    """Let Cin7 Core show an average cost of an item."""
    item = Item(product=Product(id=f"i-{sku}", sku=sku, name=sku, type="Stock"), average_cost=Decimal(average))
    connection.execute(
        "INSERT OR REPLACE INTO items (id, sku, form, value, pass) VALUES (?, ?, ?, ?, 1)",
        (item.id, sku, sku, msgspec.json.encode(item).decode()),
    )
