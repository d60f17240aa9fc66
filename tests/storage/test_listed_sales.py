"""The mirror of Cin7's list of sales: what is kept of a row, when it moved, what it says about our orders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.references import external_id
from actors.domain.sale import ListedCreditNote, ListedSale
from storage import census, listed_sales, orders
from storage.listed_sales import FIRST, LAST, stages
from storage.orders import SaleRecord
from tests.orders_builder import plain_order
from tests.stored import NOW, accepted, fresh

ORDER = "4f0c1d2e-0000-4000-8000-000000000001"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def sale(sale_id: str = "s1", **fields: object) -> ListedSale:
    known = {"number": "SO-1", "status": "ORDERED", "order_status": "AUTHORISED", "updated": NOW - 7}
    return ListedSale(id=sale_id, **{"external_id": None, "customer_reference": None, **known, **fields})  # type: ignore[arg-type]


def store(connection: sqlite3.Connection, *sales: ListedSale, now: int = NOW, reading: int = 1) -> None:
    listed_sales.store(connection, sales, reading=reading, now=now, since=now - 100)


def column(connection: sqlite3.Connection, name: str, sale_id: str = "s1") -> object:
    return connection.execute(f"SELECT {name} FROM listed_sales WHERE sale_id = ?", (sale_id,)).fetchone()[0]  # noqa: S608


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("W100001", "W100001"),
        ("4f0c1d2e-0000-4000-8000-000000000009", "4f0c1d2e-0000-4000-8000-000000000009"),
        ("PO#77/2026", "PO#77/2026"),
        ("n" * 99 + "1", "n" * 99 + "1"),
        ("n" * 100 + "1", ""),
        ("Ann Smith", ""),
        ("AnnSmith", ""),
        ("ann.smith1@example.org", ""),
        ("W100001 Ann", ""),
        ("Jürgen1", ""),
        ("SUMMER", "SUMMER"),
        ("", ""),
    ],
)
def test_of_a_reference_only_what_may_name_an_order_is_kept(
    file: sqlite3.Connection, reference: str, kept: str
) -> None:
    accepted(file, plain_order(id="o-summer", number="SUMMER"))
    store(file, sale(customer_reference=reference))
    assert column(file, "reference") == kept


@pytest.mark.parametrize(
    ("external", "kept"),
    [
        ("ct-order:o1:2", "ct-order:o1:2"),
        ("ann@example.org", ""),
        ("shopify-1001", ""),
        ("CT-ORDER:o1", ""),
        (None, ""),
    ],
)
def test_of_external_ids_only_ours_are_kept(file: sqlite3.Connection, external: str | None, kept: str) -> None:
    store(file, sale(external_id=external))
    assert column(file, "external_id") == kept


def test_a_sale_moves_when_a_stage_does_and_not_when_it_is_seen_again(file: sqlite3.Connection) -> None:
    store(file, sale())
    assert column(file, "moved_at") == NOW
    store(file, sale(updated=NOW, payment="PAID", customer_reference="X1"), now=NOW + 10)
    assert (column(file, "moved_at"), column(file, "seen_at"), column(file, "reference")) == (NOW, NOW + 10, "X1")
    for place, change in enumerate(
        (
            {"picking": "PICKED"},
            {"packing": "PARTIALLY PACKED"},
            {"shipping": "SHIPPED"},
            {"shipping": "SHIPPED", "tracking": "1Z"},
            {"invoicing": "INVOICED"},
            {"status": "VOIDED"},
            {"credit_note": "AUTHORISED"},
        ),
        start=20,
    ):
        store(file, sale(**change), now=NOW + place)
        assert column(file, "moved_at") == NOW + place, change


@pytest.mark.parametrize("draft", ["NOT AVAILABLE", "DRAFT", "NOT PICKED", "PICKING", "picking"])
def test_a_draft_moves_nothing_for_no_webhook_tells_of_one(file: sqlite3.Connection, draft: str) -> None:
    assert stages(sale(picking=draft)) == stages(sale())
    assert stages(sale(picking="PICKED")) != stages(sale(picking=draft)), "undone: Cin7 tells of that"


def test_in_the_first_reading_a_sale_moved_when_cin7_says_so(file: sqlite3.Connection) -> None:
    rows = (sale("s1", updated=NOW - 7), sale("s2", updated=None), sale("s3", updated=NOW + 60_000))
    listed_sales.store(file, rows, reading=1, now=NOW)
    assert [column(file, "moved_at", one) for one in ("s1", "s2", "s3")] == [NOW - 7, 0, NOW]


def test_a_movement_came_after_the_sale_was_last_seen_or_the_reading_begins(file: sqlite3.Connection) -> None:
    store(file, sale(), now=NOW)
    assert column(file, "moved_after") == NOW - 100
    store(file, sale(picking="PICKED"), now=NOW + 60)
    assert column(file, "moved_after") == NOW, "when it was last seen"
    store(file, sale(picking="PICKED", shipping="SHIPPED"), now=NOW + 600)
    assert column(file, "moved_after") == NOW + 500, "from when on this reading shows movements"
    listed_sales.store(file, [sale(picking="PICKED")], reading=9, now=NOW + 900)
    assert (column(file, "moved_at"), column(file, "moved_after")) == (NOW + 900, NOW + 600), (
        "a reading of all there is"
    )


def test_what_is_restocked_moves_nothing(file: sqlite3.Connection) -> None:
    store(file, sale(), now=NOW)
    note = ListedCreditNote(sale_id="s1", number="CR-1", status="AUTHORISED")
    assert listed_sales.note_credit(file, note, now=NOW + 1)
    restocked = ListedCreditNote(sale_id="s1", number="CR-1", status="AUTHORISED", restock_status="AUTHORISED")
    assert listed_sales.note_credit(file, restocked, now=NOW + 2)
    assert column(file, "moved_at") == NOW + 1


def test_a_credit_note_is_kept_with_its_sale(file: sqlite3.Connection) -> None:
    def told(number: str | None, status: str, now: int, sale_id: str = "s1") -> bool:
        note = ListedCreditNote(sale_id=sale_id, number=number, status=status)
        return listed_sales.note_credit(file, note, now=now)

    store(file, sale(picking="PICKED"))
    assert not told("CR-1", "DRAFT", NOW + 1, "unknown")
    assert told("CR-1", "DRAFT", NOW + 1)
    assert not told("CR-1", "DRAFT", NOW + 2)
    assert told("CR-2", "DRAFT", NOW + 3)
    assert told(None, "DRAFT", NOW + 4)
    assert column(file, "moved_at") == NOW, "of a draft no webhook tells"
    assert told("CR-2", "AUTHORISED", NOW + 4)
    store(file, sale(picking="PICKED"), now=NOW + 5)
    assert (column(file, "moved_at"), column(file, "moved_after")) == (NOW + 4, NOW)
    assert not told("CR-2", "AUTHORISED", NOW + 6)
    store(file, sale(picking="PICKED", tracking="line\nbreak"), now=NOW + 7)
    assert not told("CR-1", "DRAFT", NOW + 8)
    assert column(file, "moved_at") == NOW + 7


def test_readings_are_told_apart_and_what_none_saw_is_dropped(file: sqlite3.Connection) -> None:
    store(file, sale("s1"), sale("s2"), now=NOW, reading=NOW)
    store(file, sale("s2"), sale("s3"), now=NOW + 10, reading=NOW + 5)
    assert listed_sales.count_read(file, NOW + 5) == 2
    store(file, sale("s3"), now=NOW + 11, reading=NOW)
    assert listed_sales.count_read(file, NOW + 5) == 2, "an older reading that sees it later takes nothing away"
    seen = listed_sales.survey(file, NOW + 11, doubted=NOW + 10)
    assert (seen.count, seen.seen, seen.missed) == (3, 1, 1)
    assert [listed_sales.drop_unseen(file, NOW + 11, most=1) for _ in range(3)] == [1, 1, 0]
    assert listed_sales.count(file) == 1


def test_the_sales_that_carry_an_orders_references(file: sqlite3.Connection) -> None:
    accepted(file)
    orders.add_sale(file, recorded("s5"))
    store(
        file,
        sale("s1", number="A", external_id=external_id(ORDER, 1)),
        sale("s2", number="B", external_id=external_id(ORDER, 12)),
        sale("s3", number="C", external_id=f"{external_id(ORDER, 1)}-more"),
        sale("s4", number="D", customer_reference="N-1"),
        sale("s5", number="E"),
        sale("s6", number="F", customer_reference="n-1"),
        sale("s7", number="G", customer_reference=ORDER, status="VOIDED"),
    )
    found = listed_sales.carrying(file, ORDER, ("N-1", ORDER))
    assert [row.sale_id for row in found] == ["s1", "s2", "s4", "s5", "s7"]
    assert [row.sale_id for row in found if row.voided] == ["s7"]


def recorded(sale_id: str, order_id: str = ORDER) -> SaleRecord:
    return SaleRecord(
        sale_id=sale_id, order_id=order_id, generation=1, reference="N-1", number=None, made_at=NOW, voided_at=None
    )


def asked(connection: sqlite3.Connection, *, by_number: bool = True) -> list[str]:
    return listed_sales.orders_in_question(connection, since=0, by_number=by_number)


def test_the_orders_in_question(file: sqlite3.Connection) -> None:
    accepted(file)
    other = accepted(file, plain_order(id="other", number="N-2"))
    number = file.execute("SELECT number FROM orders WHERE id = ?", (ORDER,)).fetchone()[0]
    own = sale("s1", external_id=external_id(ORDER, 1), customer_reference=number)
    orders.add_sale(file, recorded("s1"))
    assert asked(file) == [ORDER], "its sale is not listed"
    store(file, own)
    assert asked(file) == []
    store(file, sale("s2", customer_reference=number))
    assert (asked(file), asked(file, by_number=False)) == ([ORDER], [])
    store(file, sale("s2", customer_reference=number, status="VOIDED"))
    assert asked(file) == []
    store(file, sale("s3", external_id=external_id(other, 2)))
    assert asked(file, by_number=False) == [other]
    store(file, sale("s3", customer_reference=other))
    assert asked(file, by_number=False) == [other]
    store(file, sale("s3"), sale("s1", external_id=external_id(ORDER, 1), customer_reference="N-2"))
    assert asked(file) == [other], "the sale of one order under the reference of another"
    assert listed_sales.orders_in_question(file, since=2**60, by_number=True) == []


def test_sales_of_orders_nobody_knows(file: sqlite3.Connection) -> None:
    accepted(file)
    store(file, sale("s1", external_id=external_id(ORDER, 3)), sale("s2", external_id="ct-order:gone:2"))
    store(file, sale("s3", external_id="ct-order:void", status="VOIDED"), sale("s4", external_id="ct-order;x"))
    assert [row.sale_id for row in listed_sales.orphans(file, before=NOW + 1)] == ["s2"]
    assert listed_sales.orphans(file, before=NOW) == []
    assert listed_sales.order_of("ct-order:gone:2") == "gone"


def test_sales_that_are_ours_are_counted_without_those_of_the_youngest_orders(file: sqlite3.Connection) -> None:
    accepted(file)
    born = file.execute("SELECT created_at FROM orders").fetchone()[0]
    orders.add_sale(file, recorded("s1"))
    store(file, sale("s1"), sale("s2", external_id="ct-order:gone"), sale("s3", customer_reference="N-1"))
    store(file, sale("s4", external_id="ct-order:void", status="VOIDED"))
    assert listed_sales.count_ours(file, before=born + 1) == 2
    assert listed_sales.count_ours(file, before=born) == 1


def test_what_the_list_says_is_the_same_however_many_sales_are_looked_at_at_once(file: sqlite3.Connection) -> None:
    numbers = range(1, 24)
    for number in numbers:
        accepted(file, plain_order(id=f"o{number:02}", number=f"N-{number}"))
    for number in range(1, 20):
        orders.add_sale(file, recorded(f"s{number:02}", f"o{number:02}"))
    store(file, *(sale(f"s{n:02}", status="VOIDED" if n % 5 == 0 else "ORDERED") for n in numbers if n % 4))
    store(file, sale("a", customer_reference="N-21"), sale("z", external_id="ct-order:nobody"))
    before = NOW + 1
    whole = (
        set(asked(file)),
        [row.sale_id for row in listed_sales.orphans(file, before=before)],
        listed_sales.count_ours(file, before=2**60),
        census.count_with_sale(file, 0, 2**60, after=FIRST, until=LAST),
    )
    assert whole == ({f"o{n:02}" for n in (4, 5, 8, 10, 12, 15, 16, 21)}, ["z"], 13, 19)
    for most in (1, 2, 5, 100):
        after, ends, found, lost, counts = FIRST, list[str](), set[str](), list[str](), [0, 0]
        while after != LAST:
            until = listed_sales.end_of_some(file, after, most)
            some = {"after": after, "until": until}
            found.update(listed_sales.orders_in_question(file, since=0, by_number=True, **some))
            lost.extend(row.sale_id for row in listed_sales.orphans(file, before=before, **some))
            counts[0] += listed_sales.count_ours(file, before=2**60, **some)
            counts[1] += census.count_with_sale(file, 0, 2**60, **some)
            ends.append(after := until)
        assert (found, lost, *counts) == whole
        assert ends[-1] == LAST and len(ends) >= listed_sales.count(file) // most + 1


def test_nothing_is_looked_for_by_going_through_all_of_a_table(file: sqlite3.Connection) -> None:
    said: list[str] = []
    file.set_trace_callback(said.append)
    some = {"after": "a", "until": "b"}
    listed_sales.carrying(file, ORDER, ("N-1", ORDER))
    listed_sales.orders_in_question(file, since=NOW, by_number=True, **some)
    listed_sales.orphans(file, before=NOW, **some)
    listed_sales.count_ours(file, before=NOW, **some)
    listed_sales.end_of_some(file, "a", 10)
    census.count_with_sale(file, NOW, NOW, **some)
    census.count_known(file, NOW, NOW)
    census.count_gone(file, NOW, NOW)
    census.cuts(file, NOW, NOW, every=10)
    census.ids(file, NOW, NOW, after="", until=None, limit=10)
    file.set_trace_callback(None)
    assert len(said) == 11
    for statement in said:
        steps = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {statement}")]
        through = [step for step in steps if step.startswith("SCAN") and "orders_gone" not in step]
        assert not through, (statement, steps)
        assert not any("orders" in step and "listed_sales_by" in step for step in steps)
