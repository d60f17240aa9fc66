"""A large shop's file for `bench.console`: a million orders with their sales and lines, and thousands of exceptions.

Rows are put in as they stand, without the moves that led there: nothing here runs a daemon. Indexes are made last: row
by row they would be written all over the file again and again.
"""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

from actors.domain.exception_types import CATALOGUE
from actors.domain.time import parse_instant
from storage import audit

NOW = parse_instant("2026-11-26T12:00:00Z")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SPAN = 700 * DAY
"""Orders were accepted since then."""

SKUS = 20_000
HELD, WAITING, RESOLVED, AUDITED = 10_000, 5_000, 40_000, 200_000
"""Orders with an open exception, orders that wait for their trigger, exceptions that are over, rows of the audit."""

JUDGED, ALERTS, DEEDS, POSTED = 50_000, 10_000, 2_000, 45_000
"""SKUs of both catalogues, alerts, deeds (one of them of every held order), orders whose documents are in the books."""

BIGGEST = "deed-000000"
"""The key of the deed of every held order."""

CODES = ("sku_unknown", "tax_unmapped", "total_differs", "cin7_rejected", "address_incomplete")
SHOWN = "{}".ljust(1500)
"""Stands for the documents as Cin7 Core shows them."""

Row = tuple[Any, ...]


def identity(number: int) -> str:
    """Return the id of the order of this number, the same every time, and in no order."""
    return str(uuid.UUID(int=random.Random(number).getrandbits(128)))


def accepted_at(number: int, orders: int) -> int:
    """Spread the orders evenly over the span."""
    return NOW - SPAN + SPAN * number // orders


def state_of(number: int, orders: int) -> tuple[str, str]:
    """Return the state and the reason: the newest wait or are held, of the rest most are sales."""
    if number >= orders - WAITING:
        return ("accepted", "") if number % 5 == 0 else ("awaiting", "payment is Pending, paid is asked for")
    if number >= orders - WAITING - 2 * HELD and number % 2:
        return "held", CODES[number // 100 % len(CODES)]
    if number % 50 == 0:
        return "cancelled", ""
    return ("excluded", "before since") if number < orders // 20 else ("exported", "")


def fill(connection: sqlite3.Connection, orders: int) -> None:
    """Put everything in."""
    states = [state_of(number, orders) for number in range(orders)]
    ids = [identity(number) for number in range(orders)]
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    connection.execute("PRAGMA foreign_keys = 0")
    connection.execute("PRAGMA journal_mode = OFF")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
        " state_since, reason, currency, digits, payable, exported_at, net, tax, total)"
        " VALUES (?, ?, 3, ?, ?, ?, 'Open', ?, ?, ?, ?, 2, ?, ?, '100.00', '20.00', '120.00')",
        _orders(ids, states),
    )
    connection.executemany("INSERT INTO order_lines VALUES (?, ?, ?, 1, NULL, NULL)", _lines(ids))
    connection.executemany("INSERT INTO sales VALUES (?, ?, 1, ?, ?, ?, NULL)", _sales(ids, states))
    connection.executemany(
        "INSERT INTO books (order_id, sale_id, day, currency, verdict, step, shown) VALUES (?, ?, ?, 'GBP', ?, ?, ?)",
        _books(ids, states),
    )
    _exceptions(connection, ids, states)
    _stock(connection)
    _around(connection, ids)
    _catalogue(connection)
    _desk(connection)
    connection.executemany(
        "INSERT INTO ledger_lines (side, kind, id, order_id, number, account, day, currency, net, tax, seen_at,"
        " verified_at) VALUES ('cin7', ?, ?, ?, ?, '200', ?, 'GBP', 1000000, 200000, ?, ?)",
        _documents(ids[-POSTED:]),
    )
    connection.execute("COMMIT")
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("PRAGMA journal_mode = WAL")


def _orders(ids: list[str], states: list[tuple[str, str]]) -> Iterator[Row]:
    for number, (order_id, (state, reason)) in enumerate(zip(ids, states, strict=True)):
        at = accepted_at(number, len(ids))
        currency = ("GBP", "EUR", "GBP", "GBP", "USD")[number % 5]
        exported = at if state == "exported" else None
        yield (order_id, f"CT-{number:07d}", at - MINUTE, at, at, state, at, reason, currency, 12_000, exported)


def _lines(ids: list[str]) -> Iterator[Row]:
    for number, order_id in enumerate(ids):
        # Every second order has the one product everybody buys.
        yield order_id, "1", "SKU-000000" if number % 2 else f"SKU-{number % SKUS:06d}"
        yield order_id, "2", f"SKU-{number * 7 % SKUS:06d}"


def _sales(ids: list[str], states: list[tuple[str, str]]) -> Iterator[Row]:
    for number, (order_id, (state, _)) in enumerate(zip(ids, states, strict=True)):
        if state == "exported":
            at = accepted_at(number, len(ids))
            yield identity(-number - 1), order_id, f"CT-{number:07d}", f"SO-{number:07d}", at


def _books(ids: list[str], states: list[tuple[str, str]]) -> Iterator[Row]:
    for number, (order_id, (state, _)) in enumerate(zip(ids, states, strict=True)):
        if state != "exported":
            continue
        fresh = number > len(ids) * 99 // 100
        day = f"2026-11-{25 - number % 7:02d}" if fresh else f"2026-0{1 + number % 9}-15"
        differs = number % 500 == 3
        step = ("held" if differs else "waits") if fresh and number % 3 == 0 else ""
        yield order_id, identity(-number - 1), day, "differs" if differs else "agrees", step, SHOWN


def _exceptions(connection: sqlite3.Connection, ids: list[str], states: list[tuple[str, str]]) -> None:
    held = [number for number, (state, _) in enumerate(states) if state == "held"]
    sql = (
        "INSERT INTO exceptions (type, owner, severity, state, record_kind, record_id, record_number, sku, cause,"
        " next_step, grouped_as, opened_at, due_at, resolved_at, resolution)"
        " VALUES (?, ?, ?, ?, 'order', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )

    def row(place: int, number: int, *, is_open: bool) -> Row:
        code = CODES[number // 100 % len(CODES)]
        code = code if code in CATALOGUE else "sku_unknown"
        kind, sku, at = CATALOGUE[code], f"SKU-{place % 300:06d}", NOW - HOUR - place * MINUTE // 4
        over = (None, None) if is_open else (at + HOUR, "resolved by evidence")
        shown = (f"CT-{number:07d}", sku, f"What is wrong with {sku}", kind.steps[0], f"{code}:{sku}")
        state = "open" if is_open else "resolved"
        return (code, kind.owner.value, kind.severity.value, state, ids[number % len(ids)], *shown, at, at + DAY, *over)

    connection.executemany(sql, (row(place, number, is_open=False) for place, number in enumerate(range(1, RESOLVED))))
    connection.executemany(sql, (row(place, number, is_open=True) for place, number in enumerate(held)))


def _stock(connection: sqlite3.Connection) -> None:
    skus = [f"SKU-{number:06d}" for number in range(SKUS)]
    connection.executemany(
        "INSERT INTO entries (sku, channel, entry_id, version, quantity, read_from, read_at, waits, waits_since)"
        " VALUES (?, '', ?, 1, ?, ?, ?, ?, ?)",
        (
            (sku, f"e-{sku}", place % 90, NOW - HOUR, NOW - HOUR, "mark" if place % 40 == 0 else "", NOW - HOUR)
            for place, sku in enumerate(skus)
        ),
    )
    connection.executemany(
        "INSERT INTO readings VALUES (?, ?, ?, 0, ?)",
        ((sku, NOW - back, NOW - back + MINUTE, '{"Main Warehouse":"12"}') for sku in skus for back in (HOUR, DAY)),
    )
    connection.executemany(
        "INSERT INTO stock_history (at, sku, channel, step, before, quantity, sum)"
        " VALUES (?, ?, '', 'sold', ?, ?, '{}')",
        (
            (NOW - step * HOUR, skus[0] if step % 2 else skus[step % SKUS], step % 90 + 1, step % 90)
            for step in range(2_000, 0, -1)
        ),
    )


def _around(connection: sqlite3.Connection, ids: list[str]) -> None:
    connection.executemany(
        "INSERT INTO samples VALUES (?, 60, ?, ?, ?, ?, ?)",
        (
            (NOW - back * MINUTE, back % 60, '{"orders":12,"stock":4}', back % 7 / 2, back % 900, HELD)
            for back in range(14 * 1440)
        ),
    )
    connection.executemany(
        "INSERT INTO timeline (order_id, at, what) VALUES (?, ?, ?)",
        ((one, NOW - DAY + step, f"step {step}") for one in ids[-HELD:] for step in range(10)),
    )
    connection.executemany(
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
        " VALUES ('orders', ?, 'ready', 2, ?, ?)",
        ((one, NOW + HOUR, NOW) for one in ids[-WAITING:]),
    )
    for number in range(AUDITED):
        author = ("olga", "finn", "ian")[number % 3]
        audit.write(
            connection,
            author=author,
            action=("retry", "release", "alias")[number // 7 % 3],
            record=ids[-number % len(ids)],
            now=NOW,
            reason="asked",
        )


def _catalogue(connection: sqlite3.Connection) -> None:
    """Judge the SKUs of both sides: one in a hundred is on one alone."""
    connection.executemany(
        "INSERT INTO coverage (sku, match, flags, near, published, product_id, judged_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                f"SKU-{number:06d}",
                ("only_cin7", "only_commercetools")[number // 100 % 2] if number % 100 == 0 else "matched",
                " deprecated " if number % 50 == 0 else " ",
                '["SKU-1"]' if number % 300 == 0 else "[]",
                number % 3 != 0,
                f"p{number}",
                NOW,
            )
            for number in range(JUDGED)
        ),
    )


def _desk(connection: sqlite3.Connection) -> None:
    """Write what was told and what was asked for."""
    connection.executemany(
        "INSERT INTO alerts (rule, subject, owner, severity, title, text, link, count, raised_at, ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '/', ?, ?, ?)",
        (
            (
                ("exceptions", "oldest_order")[number % 2],
                f"subject {number}",
                ("ops", "finance", "ecommerce", "it")[number % 4],
                ("warning", "error", "critical")[number % 3],
                f"{number % 90} orders wait",
                "What to do first, and then.",
                number % 90,
                NOW - (ALERTS - number) * MINUTE,
                None if number % 100 == 0 else NOW - (ALERTS - number) * MINUTE + HOUR,
            )
            for number in range(ALERTS)
        ),
    )
    connection.executemany(
        "INSERT INTO deeds (key, at, author, roles, action, reason, total, done, ended_at)"
        " VALUES (?, ?, ?, 'ops', ?, ?, ?, ?, ?)",
        (
            (
                f"deed-{number:06d}",
                NOW - number * HOUR,
                ("olga", "finn", "ian")[number % 3],
                ("retry", "assign", "dismiss")[number % 3],
                f"reason {number % 40}",
                HELD if number == 0 else 1,
                HELD if number == 0 else 1,
                NOW - number * HOUR + MINUTE,
            )
            for number in range(DEEDS)
        ),
    )
    connection.execute(
        "INSERT INTO deed_items SELECT ?, id, iif(id % 9 = 0, 'refused', 'done'), 'its order is judged again'"
        " FROM exceptions WHERE state = 'open'",
        (BIGGEST,),
    )


def _documents(ids: list[str]) -> Iterator[Row]:
    """Yield an invoice and a payment for each, over the last thirty days; one in ten is not safe yet."""
    for number, order_id in enumerate(ids):
        day = f"2026-11-{1 + number * 25 // len(ids):02d}"
        safe = None if number % 10 == 0 else NOW - HOUR + number
        yield "invoice", f"i-{order_id}", order_id, f"INV-{number:06d}", day, NOW, safe
        yield "payment", f"p-{order_id}", order_id, f"PAY-{number:06d}", day, NOW, safe
