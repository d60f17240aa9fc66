"""The books of an order, as the endpoint and the command line tell them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.figures import Figures, Sold
from actors.domain.time import format_instant
from actors.domain.vouchers import VoucherKind
from actors.finance import deciding
from adapters.operator.openapi import description
from daemon.book_views import books_view
from daemon.commands.order_text import STEPS, WIDTH, local, order_text
from daemon.views import order_view
from storage import books, orders
from storage.books import LedgerLine
from storage.schema import upgrade
from tests.daemon_app import IDS, NOW, SALE_ID, a_sale, an_order

ORDER = IDS["A-1"]
RULE, ZERO = "20% (VAT on Income)", "No VAT"
LATER = NOW + 1000


def line(side: str, kind: str, net: str, tax: str = "0", **more: str) -> LedgerLine:
    named = {"id": f"{side}-{kind}", "number": f"{kind}-1", "day": "2026-11-26", "currency": "GBP", **more}
    figures = {"net": Decimal(net), "tax": Decimal(tax)}
    return msgspec.convert({"side": side, "kind": kind, **figures, **named}, LedgerLine)


LINES = [
    line("cin7", "invoice", "16.66", "3.33", rule=RULE, number="INV-1"),
    line("cin7", "refund", "4.99", reference="t-2", account="090"),
    line("cin7", "payment", "19.99", reference="t-1", account="090"),
    line("commercetools", "payment", "19.99", id="t-1", reference="t-1"),
    line("commercetools", "refund", "5", id="t-2", reference="t-2"),
    line("cin7", "credit_note", "4.16", "0.83", rule=RULE, number="CR-1"),
    line("commercetools", "order", "16.66", "3.33", rule=RULE, number="A-1"),
    line("commercetools", "order", "1.005", "0", rule=ZERO, number="A-1"),
    line("cin7", "sale", "16.66", "3.33", rule=RULE, number="SO-00042"),
]

DIFFERENCE = Discrepancy(
    chain=Chain.REFUND,
    reason=Reason.ROUNDING,
    component="total",
    currency="GBP",
    where="t-2",
    net=Decimal("0.01"),
    ours="5.00",
    theirs="4.99",
    our_document="A-1",
    their_document="CR-1",
    our_rule="as it was given back",
    their_rule="as it was entered by hand",
)


def begun(connection: sqlite3.Connection) -> None:
    a_sale(connection, an_order("A-1", connection=connection))
    figures = Figures(currency="GBP", net=Decimal("16.66"), tax=Decimal("3.33"), total=Decimal("19.99"))
    sold = Sold(rows=(), tax_inclusive=True, currency="GBP", net=figures.net, tax=figures.tax, total=figures.total)
    books.open_books(
        connection,
        ORDER,
        SALE_ID,
        ordered=figures,
        sold=sold,
        day="2026-11-26",
        percents={},
        now=NOW,
    )


def looked_at(connection: sqlite3.Connection) -> None:
    books.enter(connection, ORDER, LINES, now=LATER, verified=False)
    books.put_discrepancies(connection, ORDER, [DIFFERENCE], now=LATER)
    books.looked(connection, ORDER, looked_from=LATER, now=LATER, moved="", verdict="differs", step="held")
    books.decide(connection, ORDER, "asked", author="ann", why="a cent", now=LATER + 1000)


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    begun(connection)
    yield connection
    connection.close()


def shown(connection: sqlite3.Connection) -> dict[str, Any]:
    found = books_view(connection, ORDER)
    assert found is not None
    return found


def test_before_the_first_look_what_was_exported_is_known(file: sqlite3.Connection) -> None:
    told = shown(file)
    figures = {"net": "16.66", "tax": "3.33", "total": "19.99"}
    assert (told["totals"]["ordered"], told["totals"]["sold"], told["totals"]["paid"]) == (figures, figures, None)
    assert (told["verdict"], told["decision"], told["documents"]) == ("", None, [])
    order = order_view(file, ORDER)
    assert order is not None
    assert "not judged yet, of 2026-11-26" in order_text(order)


def test_what_cin7_shows_with_one_decimal_is_written_with_two(file: sqlite3.Connection) -> None:
    orders.set_answer(file, ORDER, net="49.9", tax="10", total="59.905", reconciled=True)
    order = order_view(file, ORDER)
    assert order is not None
    assert order["totals"]["cin7"] == {"net": "49.90", "tax": "10.00", "total": "59.905"}
    assert "Cin7 Core  49.90  10.00  59.905" in order_text(order)


def test_an_order_without_a_sale_has_no_books(file: sqlite3.Connection) -> None:
    an_order("A-3", connection=file)
    order = order_view(file, IDS["A-3"])
    assert order is not None
    assert order["books"] is None
    assert "books" not in order_text(order)


def test_every_figure_is_the_sum_of_what_was_entered(file: sqlite3.Connection) -> None:
    looked_at(file)
    told = shown(file)
    assert {name: figures and figures["total"] for name, figures in told["totals"].items()} == {
        "ordered": "20.995",
        "sold": "19.99",
        "invoiced": "19.99",
        "captured": "19.99",
        "paid": "19.99",
        "credited": "4.99",
        "given_back": "5.00",
        "refunded": "4.99",
    }
    kinds = [(one["side"], one["kind"]) for one in told["documents"]]
    assert kinds == [
        ("commercetools", "order"),
        ("commercetools", "payment"),
        ("commercetools", "refund"),
        ("cin7", "sale"),
        ("cin7", "invoice"),
        ("cin7", "payment"),
        ("cin7", "credit_note"),
        ("cin7", "refund"),
    ]
    assert told["documents"][0]["by_rule"] == {
        RULE: {"net": "16.66", "tax": "3.33", "total": "19.99"},
        ZERO: {"net": "1.005", "tax": "0.00", "total": "1.005"},
    }


def test_a_difference_is_told_with_both_figures_documents_and_rules(file: sqlite3.Connection) -> None:
    looked_at(file)
    assert shown(file)["discrepancies"] == [
        {
            "chain": "refund",
            "reason": "rounding",
            "wrong": True,
            "component": "total",
            "where": "t-2",
            "rule": "",
            "currency": "GBP",
            "net": "0.01",
            "tax": "0.00",
            "commercetools": {"figure": "5.00", "document": "A-1", "rule": "as it was given back"},
            "cin7": {"figure": "4.99", "document": "CR-1", "rule": "as it was entered by hand"},
        }
    ]
    at = format_instant(LATER + 1000)
    assert shown(file)["decision"] == {"decision": "asked", "by": "ann", "at": at, "why": "a cent"}


def test_what_may_have_been_posted_is_told(file: sqlite3.Connection) -> None:
    file.execute(
        "INSERT INTO postings (key, order_id, kind, state, doubt_until, began_at) VALUES (?, ?, ?, 'unknown', ?, ?)",
        (f"invoice:{ORDER}:1:1", ORDER, VoucherKind.INVOICE.value, LATER, NOW),
    )
    [told] = shown(file)["postings"]
    assert (told["kind"], told["state"], told["doubt_until"]) == ("invoice", "unknown", format_instant(LATER))
    order = order_view(file, ORDER)
    assert order is not None
    assert f"unknown since {local(format_instant(NOW))}, may be" in " ".join(order_text(order).split())


def test_the_text_puts_both_sides_beside_each_other(file: sqlite3.Connection) -> None:
    looked_at(file)
    order = order_view(file, ORDER)
    assert order is not None
    text = order_text(order)
    rows = {row.split("  ")[0]: " ".join(row.split()) for row in text.splitlines()}
    assert rows["paid"] == "paid 19.99 (t-1) 19.99 on 090 (t-1)"
    assert rows["invoiced"] == "invoiced - 19.99, tax 3.33 (INV-1)"
    flowing = " ".join(text.split())
    assert "DIFFER, held until they agree, or a person releases or rejects them, of 2026-11-26" in flowing
    assert "asked by ann" in flowing
    assert "rounding: total of t-2 (refund), 0.01 net, 0.00 tax" in flowing
    assert "Cin7 Core 4.99 (CR-1, by as it was entered by hand)" in flowing
    assert max(len(row) for row in text.splitlines()) <= WIDTH


def test_what_is_only_ahead_of_the_other_side_does_not_differ(file: sqlite3.Connection) -> None:
    ahead = msgspec.structs.replace(DIFFERENCE, reason=Reason.TIMING)
    books.put_discrepancies(file, ORDER, [ahead, DIFFERENCE], now=LATER)
    order = order_view(file, ORDER)
    assert order is not None
    rows = order_text(order).splitlines()
    assert [row[:30] for row in rows if "total of t-2" in row] == [
        "not yet    timing: total of t-2"[:30],
        "differs    rounding: total of t-2"[:30],
    ]


def test_every_step_is_told_in_words() -> None:
    steps = {deciding.HELD, deciding.ASKED, deciding.WAITS, deciding.LOCKED, deciding.REFUSED, deciding.STUCK}
    assert set(STEPS) == steps | {books.NEXT}


def test_the_description_names_what_is_told(file: sqlite3.Connection) -> None:
    looked_at(file)
    books_schema = description("1")["components"]["schemas"]["Books"]
    assert set(books_schema["properties"]) == set(shown(file))
    assert msgspec.json.decode(msgspec.json.encode(shown(file)))
