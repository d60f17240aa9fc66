"""The month's report over 100,000 orders with all their documents: under ten seconds.

Run as `python -m bench.report [orders]`. Every order has its sale, invoice and payment on both sides, each third one
two tax rules, each tenth one a refund with its credit note, each hundredth one an edit in Cin7 Core that a discrepancy
explains. The file is read as `tallyd report month` reads it, and in turns with that, one bare `SELECT sum(net),
sum(tax)` goes over the same lines: the ratio of both is what a report costs beyond reading. Judged is the processor's
time, which on a machine with nothing else to do is the time it takes; that is printed beside it. Exit status 1 means
that the goal was missed, or that the report is wrong.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from actors.domain.closing import Closing, month_of
from actors.domain.closing_files import document_of
from actors.domain.time import parse_instant
from storage import tieout
from storage.database import connect
from storage.schema import upgrade

ORDERS = 100_000
ROUNDS = 3
GOAL_SECONDS = 10.0
MONTH = month_of("2026-11")
ZONE = ZoneInfo("Europe/Berlin")
SEEN_AT = parse_instant("2026-11-15T12:00:00Z")
EDITED = 10_000
"""What each hundredth sale is short of, in ten-thousandths."""
SHOWN = " " * 1500
"""Stands for the documents as Cin7 Core shows them, which nothing here reads."""

Line = tuple[object, ...]


def lines_of(number: int, order_id: str, chance: random.Random) -> Iterator[Line]:
    """Yield the rows of `ledger_lines` of one order."""
    day = f"2026-11-{number % 30 + 1:02d}"
    shares = [("20% (VAT on Income)", chance.randrange(10_000, 5_000_000), 20)]
    if number % 3 == 0:
        shares.append(("5% (VAT on Income)", chance.randrange(10_000, 1_000_000), 5))
    whole = sum(net + net * percent // 100 for _, net, percent in shares)

    def line(document: tuple[str, str, str], rule: str, net: int, tax: int = 0) -> Line:
        return (*document, rule, order_id, "", "", "", day, "EUR", net, tax, SEEN_AT, SEEN_AT)

    def document(side: str, kind: str) -> tuple[str, str, str]:
        return side, kind, str(uuid.UUID(int=chance.getrandbits(128)))

    for one in (document("commercetools", "order"), document("cin7", "sale"), document("cin7", "invoice")):
        for place, (rule, net, percent) in enumerate(shares):
            edit = EDITED if one[1] == "sale" and number % 100 == 0 and place == 0 else 0
            yield line(one, rule, net - edit, net * percent // 100)
    for side in ("commercetools", "cin7"):
        yield line(document(side, "payment"), "", whole)
    if number % 10 == 0:
        rule, net, percent = shares[0]
        tax = net * percent // 100
        for side in ("commercetools", "cin7"):
            yield line(document(side, "refund"), "", net + tax)
        yield line(document("cin7", "credit_note"), rule, net, tax)


def fill(connection: sqlite3.Connection, orders: int) -> None:
    """Make the orders with all their lines."""
    chance = random.Random(1)
    ids = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(orders)]
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
        " state_since, currency, digits, payable, exported_at)"
        " VALUES (:id, :number, 1, :at, :at, :at, 'Open', 'exported', :at, 'EUR', 2, 1, :at)",
        ({"id": order_id, "number": f"CT-{number}", "at": SEEN_AT} for number, order_id in enumerate(ids)),
    )
    connection.executemany(
        "INSERT INTO books (order_id, sale_id, currency, verdict, shown) VALUES (?, ?, 'EUR', ?, ?)",
        ((one, f"sale-{one}", "agrees" if number % 100 else "differs", SHOWN) for number, one in enumerate(ids)),
    )
    for number, order_id in enumerate(ids):
        connection.executemany(
            "INSERT INTO ledger_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            lines_of(number, order_id, chance),
        )
    connection.executemany(
        "INSERT INTO discrepancies (order_id, place, chain, reason, component, rule, currency, net, tax, found_at)"
        " VALUES (?, 0, 'sale', 'edited in Cin7 Core', 'total', '20% (VAT on Income)', 'EUR', ?, 0, ?)",
        ((order_id, EDITED, SEEN_AT) for order_id in ids[::100]),
    )
    connection.execute("COMMIT")


def timed_report(path: Path) -> tuple[float, float, Closing]:
    """Make the report with its digest on a fresh connection; return the processor's seconds, the clock's, and it."""
    began, clock = time.process_time(), time.perf_counter()
    with closing(connect(path, read_only=True)) as connection:
        report = tieout.period_report(connection, MONTH, ZONE, as_of=date(2026, 12, 1))
    document_of(report)
    return time.process_time() - began, time.perf_counter() - clock, report


def timed_sum(path: Path) -> tuple[float, int]:
    """Add every line up and nothing else; return the processor's seconds, and how many there are."""
    began = time.process_time()
    with closing(connect(path, read_only=True)) as connection:
        _, _, lines = connection.execute("SELECT sum(net), sum(tax), count(*) FROM ledger_lines").fetchone()
    return time.process_time() - began, lines


def right(report: Closing, orders: int) -> bool:
    """Say whether the report accounts for every order and explains every difference."""
    edited = len(range(0, orders, 100))
    counts = report.orders
    return (
        (counts.in_period, counts.differing, len(report.differences)) == (orders, edited, edited)
        and report.remainders == ()
        and all(chain.tie.unexplained.gross == Decimal(0) for chain in report.chains)
        and sum(chain.tie.difference.gross for chain in report.chains) == edited
    )


def measure(folder: Path, orders: int) -> bool:
    """Print what a report takes; return whether the goal was met."""
    path = folder / "tallyd.db"
    with closing(connect(path, synchronous="OFF")) as connection:
        upgrade(connection, now=SEEN_AT)
        fill(connection, orders)
    reports, clocks, sums = [], [], []
    for _ in range(ROUNDS):
        seconds, clock, report = timed_report(path)
        reports.append(seconds)
        clocks.append(clock)
        seconds, lines = timed_sum(path)
        sums.append(seconds)
    took, bare = statistics.median(reports), statistics.median(sums)
    met = took < GOAL_SECONDS and right(report, orders)
    print(f"the month's report over {orders:,} orders, {lines:,} ledger lines, {path.stat().st_size / 2**20:,.0f} MiB")
    print(f"  {took:.2f} s of the processor (goal < {GOAL_SECONDS:.0f} s), {min(clocks):.2f} s at best by the clock")
    print(f"  {took / bare:.0f} × one bare sum of the lines ({bare:.2f} s)")
    print(f"  {'every order accounted for, nothing unexplained' if right(report, orders) else 'the report is WRONG'}")
    return met


def main() -> int:
    """Measure in a folder of its own on this disk, and take it away again."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        return 0 if measure(Path(name), orders) else 1


if __name__ == "__main__":
    sys.exit(main())
