"""A file with orders, ledger lines and discrepancies, as the finance flow leaves them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.time import parse_instant
from storage import books, orders
from storage.books import LedgerLine
from tests.orders_builder import plain_order

ZONE = "Europe/Berlin"
NOVEMBER = parse_instant("2026-11-15T12:00:00Z")
SAFE = parse_instant("2026-11-20T08:00:00Z")


def order_id_of(number: str) -> str:
    return f"order-{number}"


def an_order(connection: sqlite3.Connection, number: str, *, created_at: int = NOVEMBER) -> str:
    order = msgspec.structs.replace(plain_order(), id=order_id_of(number), number=number, created_at=created_at)
    orders.accept(connection, order, now=created_at)
    return order.id


def line(
    side: str,
    kind: str,
    document: str,
    net: str | Decimal,
    tax: str | Decimal = "0",
    *,
    day: str = "2026-11-15",
    rule: str = "",
    currency: str = "EUR",
    reference: str = "",
    account: str = "",
) -> LedgerLine:
    return LedgerLine(
        side=side,
        kind=kind,
        id=document,
        day=day,
        currency=currency,
        net=Decimal(net),
        tax=Decimal(tax),
        rule=rule,
        number=document.upper(),
        reference=reference,
        account=account,
    )


def found(
    chain: Chain,
    reason: Reason,
    net: str | Decimal,
    tax: str | Decimal = "0",
    *,
    rule: str = "",
    currency: str = "EUR",
    component: str = "total",
) -> Discrepancy:
    return Discrepancy(
        chain=chain,
        reason=reason,
        component=component,
        currency=currency,
        rule=rule,
        net=Decimal(net),
        tax=Decimal(tax),
        ours="12.00",
        theirs="11.00",
        our_document="CT-1",
        their_document="SO-1",
    )


def book(
    connection: sqlite3.Connection,
    number: str,
    lines: Sequence[LedgerLine],
    discrepancies: Iterable[Discrepancy] = (),
    *,
    verdict: str = "agrees",
    decision: str = "",
    step: str = "",
    now: int = SAFE,
) -> str:
    """Enter what counts of an order, with where its books stand."""
    order_id = an_order(connection, number)
    books.begin(connection, order_id, f"sale-{number}", "EUR")
    connection.execute(
        "UPDATE books SET verdict = ?, decision = ?, step = ? WHERE order_id = ?", (verdict, decision, step, order_id)
    )
    books.enter(connection, order_id, lines, now=now, verified=verdict == "agrees")
    books.put_discrepancies(connection, order_id, list(discrepancies), now=now)
    return order_id
