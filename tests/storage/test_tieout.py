"""The report of a period always adds up: the difference is what its reasons say, and what nobody explained."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.closing import (
    KINDS,
    WHOLE,
    ChainFigures,
    Closing,
    Standing,
    as_of,
    date_of,
    day_of,
    month_of,
    standing_of,
)
from actors.domain.closing_files import document_of, to_csv
from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.exception_types import Finding
from actors.domain.time import parse_instant
from storage import books, exceptions, orders, tieout, verified
from storage.books import LedgerLine
from storage.verified import Wanted
from tests.books_file import SAFE, ZONE, an_order, book, found, line, order_id_of
from tests.stored import fresh

NOVEMBER = month_of("2026-11")
AFTER = date(2026, 12, 1)
ZERO = Decimal(0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    connection = fresh(tmp_path_factory.mktemp("books"))
    yield connection
    connection.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = fresh(tmp_path)
    yield connection
    connection.close()


def emptied(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("DELETE FROM exceptions")
    connection.execute("DELETE FROM orders")
    return connection


def report(connection: sqlite3.Connection, period: str = "2026-11", counted_to: date = AFTER) -> Closing:
    found = month_of(period) if len(period) == 7 else day_of(period)
    return tieout.period_report(connection, found, ZoneInfo(ZONE), as_of=counted_to)


def chain_of(closing: Closing, chain: Chain, currency: str = "EUR") -> ChainFigures:
    return next(one for one in closing.chains if (one.chain, one.currency) == (chain, currency))


def sold(number: str, net: str = "10.00", tax: str = "2.00", day: str = "2026-11-15") -> list[LedgerLine]:
    """An order, its sale and its invoice, which agree."""
    return [
        line("commercetools", "order", f"ct-{number}", net, tax, rule="20%", day=day),
        line("cin7", "sale", f"so-{number}", net, tax, rule="20%", day=day),
        line("cin7", "invoice", f"inv-{number}", net, tax, rule="20%", day=day),
    ]


# -- properties -------------------------------------------------------------------------------------------------------

AMOUNTS = st.integers(-2_000_000, 2_000_000).map(lambda ticks: Decimal(ticks) / 10_000)
DAYS = st.sampled_from(["2026-10-31", "2026-11-01", "2026-11-15", "2026-11-30", "2026-12-01"])
CURRENCIES = st.sampled_from(["EUR", "CHF"])
RULES = st.sampled_from(["", "20%", "5%"])
SOURCES = [
    *(("commercetools", kind) for kind in ("order", "payment", "refund")),
    *(("cin7", kind) for kind in ("sale", "invoice", "payment", "credit_note", "refund")),
]


class Entry(msgspec.Struct, frozen=True):
    """An order as it is in the file: its lines and what explains them."""

    number: str
    lines: list[LedgerLine]
    discrepancies: list[Discrepancy]


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Orders with any lines, each chain explained to the last tick by one or two discrepancies of any reason."""
    made = []
    for number in draw(st.lists(st.integers(1, 9), unique=True, min_size=1, max_size=4)):
        lines = {}
        for side, kind in draw(st.lists(st.sampled_from(SOURCES), max_size=6)):
            rule = "" if kind in ("payment", "refund") else draw(RULES)
            entered = line(
                *(side, kind, f"{kind}-{number}", draw(AMOUNTS), ZERO if rule == "" else draw(AMOUNTS)),
                rule=rule,
                day=draw(DAYS),
                currency=draw(CURRENCIES),
            )
            lines[side, kind, rule] = entered
        made.append(Entry(str(number), list(lines.values()), draw(explained(list(lines.values())))))
    return made


@st.composite
def explained(draw: st.DrawFn, lines: list[LedgerLine]) -> list[Discrepancy]:
    told = []
    for (chain, currency, rule), (net, tax) in sorted(differences(lines).items()):
        part = draw(AMOUNTS)
        told.append(found(chain, draw(st.sampled_from(Reason)), part, rule=rule, currency=currency))
        told.append(found(chain, draw(st.sampled_from(Reason)), net - part, tax, rule=rule, currency=currency))
    return told


def differences(lines: list[LedgerLine]) -> dict[tuple[Chain, str, str], tuple[Decimal, Decimal]]:
    """What the sides of each chain differ by, over all days; written without the code under test."""
    sums: dict[tuple[Chain, str, str], tuple[Decimal, Decimal]] = {}
    for one in lines:
        for chain, kinds in KINDS.items():
            sign = {("commercetools", kinds[0]): 1, ("cin7", kinds[1]): -1}.get((one.side, one.kind), 0)
            if not sign:
                continue
            net, tax = (one.net + one.tax, ZERO) if chain in WHOLE else (one.net, one.tax)
            key = (chain, one.currency, "" if chain in WHOLE else one.rule)
            before = sums.get(key, (ZERO, ZERO))
            sums[key] = (before[0] + sign * net, before[1] + sign * tax)
    return sums


def entered(connection: sqlite3.Connection, made: list[Entry]) -> Closing:
    emptied(connection)
    for one in made:
        book(connection, one.number, one.lines, one.discrepancies)
    return report(connection)


@settings(deadline=None)
@given(entries())
def test_what_is_judged_leaves_nothing_unexplained(file: sqlite3.Connection, made: list[Entry]) -> None:
    closing = entered(file, made)
    assert closing.remainders == ()
    for chain in closing.chains:
        for tie in (chain.tie, *(one.tie for one in chain.rules if one.tie is not None)):
            assert tie.unexplained.gross == ZERO
            assert tie.difference.gross == sum((one.gross for one in tie.reasons.values()), ZERO)
        assert chain.commercetools.gross - chain.cin7.gross == chain.tie.difference.gross
        for name in ("net", "tax", "gross", "documents"):
            assert (
                getattr(chain.cin7, name) == sum(getattr(one.cin7, name) for one in chain.rules) or name == "documents"
            )


@settings(deadline=None)
@given(entries(), st.data())
def test_an_explanation_that_is_dropped_shows_as_unexplained(
    file: sqlite3.Connection, made: list[Entry], data: st.DataObject
) -> None:
    inside = [one for one in made if any(entry.day.startswith("2026-11") for entry in one.lines)]
    told = [(one, each) for one in inside for each in one.discrepancies]
    if not told:
        return
    owner, dropped = data.draw(st.sampled_from(told))
    owner.discrepancies.remove(dropped)
    closing = entered(file, made)
    chain = chain_of(closing, dropped.chain, dropped.currency)
    assert chain.tie.unexplained.gross == dropped.net + dropped.tax
    if dropped.net or dropped.tax:
        (left,) = closing.remainders
        assert (left.order_id, left.chain, left.rule) == (order_id_of(owner.number), dropped.chain, dropped.rule)
        assert (left.net, left.tax) == (dropped.net, dropped.tax)


@settings(deadline=None)
@given(entries(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(file: sqlite3.Connection, made: list[Entry], chance: random.Random) -> None:
    first = document_of(entered(file, made))
    chance.shuffle(made)
    for one in made:
        chance.shuffle(one.lines)
    again = document_of(entered(file, made))
    assert again == first
    assert to_csv(again) == to_csv(first)


@settings(deadline=None)
@given(entries())
def test_every_order_with_a_document_in_the_period_is_accounted_for(
    file: sqlite3.Connection, made: list[Entry]
) -> None:
    counts = entered(file, made).orders
    named = [one for one in made if any(entry.day.startswith("2026-11") for entry in one.lines)]
    # The others were created in the period: those without any document count by their state.
    bare = [one for one in made if not one.lines]
    assert counts.in_period == len(named) + len(bare)
    assert counts.verified == len(named)
    assert counts.without_documents == ({"accepted": len(bare)} if bare else {})


# -- examples ---------------------------------------------------------------------------------------------------------


def test_what_another_month_makes_up_for_is_timing(connection: sqlite3.Connection) -> None:
    lines = sold("1", day="2026-11-30")
    book(connection, "1", [*lines[:2], msgspec.structs.replace(lines[2], day="2026-12-01")])
    november, december = report(connection), report(connection, "2026-12", date(2027, 1, 1))
    for closing, expected in ((november, "12.00"), (december, "-12.00")):
        tie = chain_of(closing, Chain.INVOICE).tie
        assert tie.difference.gross == Decimal(expected)
        assert {reason: one.gross for reason, one in tie.reasons.items()} == {"timing": Decimal(expected)}
        assert tie.unexplained.gross == ZERO


def test_remainders_that_cancel_each_other_are_named(connection: sqlite3.Connection) -> None:
    for number, shown in (("1", "11.00"), ("2", "9.00")):
        lines = sold(number)
        book(connection, number, [lines[0], msgspec.structs.replace(lines[1], net=Decimal(shown)), lines[2]])
    closing = report(connection)
    sale = chain_of(closing, Chain.SALE)
    assert (sale.tie.unexplained.gross, sale.unexplained_orders) == (ZERO, 2)
    assert [(one.number, one.net) for one in closing.remainders] == [("1", Decimal(-1)), ("2", Decimal(1))]


def test_a_refund_is_held_against_a_note_of_two_rules_as_a_whole(connection: sqlite3.Connection) -> None:
    lines = [
        line("commercetools", "refund", "tx-1", "17.00"),
        line("cin7", "credit_note", "note-1", "10.00", "2.00", rule="20%"),
        line("cin7", "credit_note", "note-1", "5.00", rule="0%"),
        line("cin7", "refund", "pay-1", "17.00"),
    ]
    book(connection, "1", lines)
    credit = chain_of(report(connection), Chain.CREDIT)
    assert credit.tie.difference.gross == ZERO
    assert (credit.commercetools.documents, credit.cin7.documents, credit.cin7.tax) == (1, 1, Decimal(2))
    assert [(one.rule, one.cin7.gross, one.tie) for one in credit.rules] == [
        ("", ZERO, None),
        ("0%", Decimal(5), None),
        ("20%", Decimal(12), None),
    ]


def test_currencies_are_never_added(connection: sqlite3.Connection) -> None:
    for number, currency in (("1", "EUR"), ("2", "CHF")):
        book(connection, number, [line("commercetools", "order", f"ct-{number}", "10", rule="20%", currency=currency)])
    sales = [one for one in report(connection).chains if one.chain is Chain.SALE]
    assert [(one.currency, one.commercetools.gross) for one in sales] == [("CHF", Decimal(10)), ("EUR", Decimal(10))]


STANDINGS = [
    ("agrees", "", "", Standing.VERIFIED),
    ("agrees", "released", "", Standing.VERIFIED),
    ("agrees", "", "release", Standing.WAITING),
    ("", "", "", Standing.WAITING),
    ("differs", "", "", Standing.DIFFERING),
    ("differs", "asked", "", Standing.DIFFERING),
    ("differs", "released", "", Standing.RELEASED),
    ("differs", "rejected", "", Standing.REJECTED),
    ("agrees", "rejected", "", Standing.REJECTED),
]


@pytest.mark.parametrize(("verdict", "decision", "step", "standing"), STANDINGS)
def test_an_order_is_accounted_for_once(
    connection: sqlite3.Connection, verdict: str, decision: str, step: str, standing: Standing
) -> None:
    assert standing_of(verdict, decision, step) is standing
    book(connection, "1", sold("1"), verdict=verdict, decision=decision, step=step)
    counts = msgspec.structs.asdict(report(connection).orders)
    assert counts.pop("without_documents") == {}
    assert counts == {**{one.value: 0 for one in Standing}, standing.value: 1, "in_period": 1}


def test_open_items_are_named_with_owner_age_and_next_step(connection: sqlite3.Connection) -> None:
    wrong = found(Chain.SALE, Reason.EDITED_CIN7, "1.00", rule="20%")
    ahead = found(Chain.INVOICE, Reason.TIMING, "12.00", rule="20%")
    lines = sold("1")
    lines = [lines[0], msgspec.structs.replace(lines[1], net=Decimal(9))]
    order_id = book(connection, "1", lines, [wrong, ahead], verdict="differs")
    record = exceptions.Record(kind="order", id=order_id, number="1")
    exceptions.raise_finding(connection, record, Finding(code="books_differ", cause="1.00 less"), now=SAFE)
    closed = exceptions.Record(kind="order", id=order_id, number="1")
    exceptions.raise_finding(connection, closed, Finding(code="payment_unmapped", cause="card"), now=SAFE)
    exceptions.clear(connection, closed, resolution="mapped", now=SAFE, types=["payment_unmapped"])
    an_order(connection, "2")
    an_order(connection, "3", created_at=parse_instant("2026-11-30T22:59:59Z"))
    an_order(connection, "4", created_at=parse_instant("2026-11-30T23:00:00Z"))  # 1 December in Berlin
    closing = report(connection)
    (difference,) = closing.differences
    assert (difference.number, difference.reason, difference.their_document) == ("1", Reason.EDITED_CIN7, "SO-1")
    assert (difference.since, difference.age_days, difference.owner) == (date(2026, 11, 20), 11, "finance")
    (exception,) = closing.exceptions
    assert (exception.type, exception.owner, exception.age_days) == ("books_differ", "finance", 11)
    assert exception.next_step
    assert [(one.number, one.state, one.age_days) for one in closing.without_documents] == [
        ("2", "accepted", 16),
        ("3", "accepted", 1),
    ]
    assert closing.orders.in_period == 3


OF_NO_ORDER = [
    ("books", "2026-11-15", True),
    ("books", "2026-12-01", False),
    ("tax_rule", "20%", True),
    ("tax_rule", "5%", False),
    ("connection", "cin7", False),
]


@pytest.mark.parametrize(("kind", "name", "listed"), OF_NO_ORDER)
def test_what_is_open_of_a_day_or_a_tax_rule_is_listed(
    connection: sqlite3.Connection, kind: str, name: str, listed: bool
) -> None:
    book(connection, "1", sold("1"))
    record = exceptions.Record(kind=kind, id=name)
    exceptions.raise_finding(connection, record, Finding(code="posting_waits", cause="waits"), now=SAFE)
    assert [one.record_id for one in report(connection).exceptions] == ([name] if listed else [])


def test_an_order_nobody_looks_at_any_more_is_listed(connection: sqlite3.Connection) -> None:
    """Its message was set aside: the order only seems to wait."""
    for order_id in (book(connection, "1", sold("1"), verdict=""), an_order(connection, "2"), "SKU-1"):
        record = exceptions.Record(kind="message", id=order_id)
        finding = Finding(code="message_quarantined", cause="three times", field="finance")
        exceptions.raise_finding(connection, record, finding, now=SAFE)
    listed = report(connection).exceptions
    assert [(one.type, one.number) for one in listed] == [("message_quarantined", "1"), ("message_quarantined", "2")]


def test_a_day_holds_the_documents_of_that_day(connection: sqlite3.Connection) -> None:
    book(connection, "1", sold("1", day="2026-11-14"))
    book(connection, "2", sold("2", net="20.00"))
    closing = report(connection, "2026-11-15")
    assert chain_of(closing, Chain.SALE).commercetools.net == Decimal(20)
    assert closing.orders.verified == 1


def test_a_report_of_the_same_file_is_the_same_whenever_it_is_made(connection: sqlite3.Connection) -> None:
    book(connection, "1", sold("1"))
    made = [document_of(report(connection, counted_to=as_of(NOVEMBER, today))) for today in (AFTER, date(2027, 5, 1))]
    assert made[0] == made[1]
    assert not made[0]["report"]["provisional"]
    books.enter(connection, order_id_of("1"), sold("1", tax="2.01"), now=SAFE, verified=True)
    assert document_of(report(connection))["sha256"] != made[0]["sha256"]


AS_OF = [
    (date(2026, 11, 26), None, date(2026, 11, 26)),
    (date(2026, 11, 30), None, date(2026, 11, 30)),
    (date(2026, 12, 1), None, date(2026, 12, 1)),
    (date(2027, 3, 1), None, date(2026, 12, 1)),
    (date(2027, 3, 1), date(2026, 12, 5), date(2026, 12, 5)),
]


@pytest.mark.parametrize(("today", "asked", "counted"), AS_OF)
def test_ages_are_counted_to(today: date, asked: date | None, counted: date) -> None:
    assert as_of(NOVEMBER, today, asked) == counted


def test_what_was_tolerated_is_counted_by_currency_in_its_own_period(connection: sqlite3.Connection) -> None:
    for number, cents in (("1", 1), ("2", -2), ("3", 4), ("4", 0)):
        order_id = an_order(connection, number)
        books.begin(connection, order_id, f"sale-{number}", "GBP")
        day = "2026-12-01" if number == "3" else "2026-11-15"
        connection.execute("UPDATE books SET day = ? WHERE order_id = ?", (day, order_id))
        orders.set_tolerated(connection, order_id, cents)
    report = tieout.period_report(connection, month_of("2026-11"), ZoneInfo(ZONE), as_of=date(2026, 12, 1))
    (one,) = report.tolerated
    assert (one.currency, one.orders, one.amount) == ("GBP", 2, Decimal("-0.01"))
    assert "tolerated,GBP" in to_csv(document_of(report))


def test_a_day_that_is_still_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match="still to come"):
        as_of(NOVEMBER, date(2026, 11, 26), date(2026, 12, 1))


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "2026-1", "2026-11-01", "٢٠٢٦-١١", "9999-12"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|calendar"):
        month_of(text)


@pytest.mark.parametrize("text", ["", "2026-11", "2026-11-31", "20261126", "2026-W48-4"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="day"):
        date_of(text)


# -- postings ---------------------------------------------------------------------------------------------------------


def test_only_what_agrees_is_safe(connection: sqlite3.Connection) -> None:
    lines = [*sold("1"), line("cin7", "payment", "pay-1", "12.00", reference="tx-1", account="610")]
    lines.append(line("cin7", "invoice", "inv-1", "5.00", "0.25", rule="5%"))
    book(connection, "1", lines)
    book(connection, "2", sold("2"), verdict="differs")
    order_id = book(connection, "3", sold("3"), verdict="differs")
    record = exceptions.Record(kind="order", id=order_id)
    exceptions.raise_finding(connection, record, Finding(code="books_differ", cause="1.00 less"), now=SAFE)
    safe = verified.documents(connection, date(2026, 11, 15), Wanted()).documents
    assert [(one.kind, one.id, str(one.total), one.account) for one in safe] == [
        ("invoice", "inv-1", "17.25", ""),
        ("payment", "pay-1", "12", "610"),
    ]
    assert list(safe[0].by_rule) == ["20%", "5%"]
    assert [(one.id, one.why) for one in waiting(connection)] == [
        ("inv-2", verified.DIFFERS),
        ("inv-3", "1.00 less"),
    ]
    assert verified.documents(connection, date(2026, 11, 16), Wanted()) == ([], None, 0)


def test_why_is_what_differs_or_what_a_person_decided(connection: sqlite3.Connection) -> None:
    """Money that waits is not why a document that differs is unsafe, though it was told first."""
    for number, decision in (("1", ""), ("2", "asked"), ("3", "released"), ("4", "rejected")):
        order_id = book(connection, number, sold(number), verdict="differs", decision=decision)
        record = exceptions.Record(kind="order", id=order_id)
        exceptions.raise_finding(connection, record, Finding(code="payment_unmapped", cause="no account"), now=SAFE)
        exceptions.raise_finding(connection, record, Finding(code="books_differ", cause="1.00 less"), now=SAFE + 1)
    order_id = book(connection, "5", sold("5"), verdict="")
    record = exceptions.Record(kind="order", id=order_id)
    exceptions.raise_finding(connection, record, Finding(code="payment_unmapped", cause="no account"), now=SAFE)
    assert [one.why for one in waiting(connection)] == [
        "1.00 less",
        "1.00 less",
        verified.RELEASED,
        verified.REJECTED,
        "no account",
    ]


def waiting(connection: sqlite3.Connection) -> list[verified.Posted]:
    return verified.documents(connection, date(2026, 11, 15), Wanted(safe=False), sort="kind").documents


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", verified.SORTS)
def test_pages_hold_every_document_once_and_in_order(
    connection: sqlite3.Connection, sort: str, descending: bool
) -> None:
    for number in range(1, 8):
        paid = line("cin7", "payment", f"pay-{number}", f"{number % 4}.00", account="610")
        lines = [*sold(str(number), tax=f"{number % 3}.00"), paid]
        book(connection, str(number), lines, now=SAFE + number % 3)
    day, place = date(2026, 11, 15), None
    seen: list[verified.Posted] = []
    while len(seen) < 15:
        page = verified.documents(connection, day, Wanted(), sort=sort, descending=descending, after=place, limit=3)
        assert page.total == 14
        seen += page.documents
        place = page.next
        if place is None:
            break
    told = [(sorted_value(one, sort), f"{one.kind}/{one.id}") for one in seen]
    assert (len(told), told) == (14, sorted(set(told), reverse=descending))
    assert len({value for value, _ in told}) < 14 or sort in ("number", "verified_at")


def sorted_value(one: verified.Posted, sort: str) -> Any:
    match sort:
        case "verified_at":
            return one.safe_at
        case "net" | "tax":
            return sum(getattr(share, sort) for share in one.by_rule.values())
        case _:
            return getattr(one, sort)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(kind="payment"), ["pay-1", "pay-2"]),
        (Wanted(kind="refund"), []),
        (Wanted(text="TX-2"), ["pay-2"]),
        (Wanted(text="61"), ["pay-1", "pay-2"]),
        (Wanted(safe=False, kind="invoice"), ["inv-3"]),
        (Wanted(safe=False, text="TX-2"), []),
    ],
)
def test_documents_are_narrowed(connection: sqlite3.Connection, wanted: Wanted, ids: list[str]) -> None:
    for number, verdict in (("1", "agrees"), ("2", "agrees"), ("3", "differs")):
        paid = line("cin7", "payment", f"pay-{number}", "12.00", reference=f"tx-{number}", account="610")
        book(connection, number, [*sold(number), paid], verdict=verdict)
    page = verified.documents(connection, date(2026, 11, 15), wanted)
    assert ([one.id for one in page.documents], page.total) == (ids, len(ids))
