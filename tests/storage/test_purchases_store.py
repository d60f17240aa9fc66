"""Purchases on disk: what is to be read, what they bring, and what their goods cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.domain.facts import KitPart, Product
from actors.domain.item import Item
from actors.domain.purchase import Expected, LandedCost
from storage import purchases, stock
from tests.bought import DAY, TODAY, brings, cost, mark, purchase
from tests.sold import stock_item
from tests.stored import NOW, fresh


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def read(
    file: sqlite3.Connection,
    *costs: LandedCost,
    purchase_id: str = "p1",
    expected: tuple[Expected, ...] = (),
    now: int = NOW,
    listed: int = NOW - DAY,
) -> purchases.Moved:
    if purchases.get(file, purchase_id) is None:
        purchases.list_marks(file, [mark(purchase_id, updated_at=listed)], again=False, now=now)
    return purchases.store(file, purchase(purchase_id), listed=listed, costs=costs, brings=expected, now=now)


# -- what is to be read ----------------------------------------------------------------------------------------------


def test_a_purchase_is_read_when_it_is_new_or_moved_and_never_otherwise(file: sqlite3.Connection) -> None:
    assert purchases.list_marks(file, [mark("p2"), mark("p1")], again=False, now=NOW) == ["p2", "p1"]
    read(file, purchase_id="p1")
    assert purchases.list_marks(file, [mark("p1"), mark("p2")], again=False, now=NOW) == ["p2"]
    assert purchases.list_marks(file, [mark("p1", updated_at=NOW)], again=False, now=NOW) == ["p1"]
    assert purchases.unread(file) == ["p1", "p2"]


def test_what_moved_while_it_was_read_is_read_again(file: sqlite3.Connection) -> None:
    purchases.list_marks(file, [mark(updated_at=NOW)], again=False, now=NOW)
    purchases.store(file, purchase(), listed=NOW - DAY, costs=(), brings=(), now=NOW)
    assert purchases.unread(file) == ["p1"]
    row = purchases.get(file, "p1")
    assert row is not None
    assert row.value == purchase()


def test_what_was_not_understood_is_tried_again_by_the_reading_of_all_alone(file: sqlite3.Connection) -> None:
    purchases.list_marks(file, [mark()], again=False, now=NOW)
    purchases.not_understood(file, "p1", listed=NOW - DAY, now=NOW)
    assert purchases.list_marks(file, [mark()], again=False, now=NOW) == []
    assert purchases.list_marks(file, [mark()], again=True, now=NOW) == ["p1"]


def test_a_reading_of_all_knows_what_it_should_have_met(file: sqlite3.Connection) -> None:
    purchases.list_marks(file, [mark("old", updated_at=NOW - 9 * DAY), mark("gone")], again=False, now=NOW)
    purchases.list_marks(file, [mark("there")], again=False, now=NOW + 10)
    assert purchases.not_met(file, before=NOW + 5, updated_since=NOW - 5 * DAY) == ["gone"]


def test_a_purchase_is_found_by_its_number_and_read_ones_by_id(file: sqlite3.Connection) -> None:
    for name in ("p3", "p1", "p2"):
        purchases.list_marks(file, [mark(name)], again=False, now=NOW)
    read(file, purchase_id="p1")
    read(file, purchase_id="p3")
    found = purchases.by_number(file, "PO-p3")
    assert found is not None
    assert (found.id, found.value) == ("p3", purchase("p3"))
    assert purchases.by_number(file, "PO-9") is None
    assert [row.id for row in purchases.read_after(file, "", limit=5)] == ["p1", "p3"]
    assert [row.id for row in purchases.read_after(file, "p1", limit=5)] == ["p3"]


# -- what is expected ------------------------------------------------------------------------------------------------


def test_the_next_day_is_the_first_that_has_not_passed_at_the_locations_asked_for(file: sqlite3.Connection) -> None:
    read(file, expected=(brings("5", date(2026, 11, 30)), brings("3", date(2026, 12, 24), location="North")))
    read(file, purchase_id="p2", expected=(brings("4", date(2026, 12, 20)), brings("1", None, location="North")))
    assert purchases.next_day(file, "A", ["Main"], TODAY) == date(2026, 12, 20)
    assert purchases.next_day(file, "A", ["Main"], date(2026, 12, 20)) == date(2026, 12, 20)
    assert purchases.next_day(file, "A", ["Main"], date(2026, 12, 21)) is None
    assert purchases.next_day(file, "A", ["Main", "North"], date(2026, 12, 21)) == date(2026, 12, 24)
    assert purchases.next_day(file, "B", ["Main"], TODAY) is None
    assert [(one.number, int(one.units)) for one in purchases.incoming(file, "A")] == [
        ("PO-p1", 5),
        ("PO-p2", 4),
        ("PO-p1", 3),
        ("PO-p2", 1),
    ]


@pytest.mark.parametrize(
    ("after", "news"),
    [
        ((brings("5", TODAY), brings("1", TODAY, sku="B")), set()),
        ((brings("4", TODAY), brings("1", TODAY, sku="B")), {"A"}),
        ((brings("5", None), brings("1", TODAY, sku="B")), {"A"}),
        ((brings("5", TODAY, location="North"), brings("1", TODAY, sku="B")), {"A"}),
        ((brings("5", TODAY),), {"B"}),
        ((), {"A", "B"}),
    ],
)
def test_news_is_what_comes_otherwise_than_it_did(
    file: sqlite3.Connection, after: tuple[Expected, ...], news: set[str]
) -> None:
    first = (brings("5", TODAY), brings("1", TODAY, sku="B"))
    assert read(file, expected=first).expected == {"A", "B"}
    assert read(file, expected=after).expected == news
    assert {(one.sku, one.units) for sku in "AB" for one in [*_of(file, sku)]} == {
        (one.sku, one.units) for one in after
    }


def _of(file: sqlite3.Connection, sku: str) -> list[Expected]:
    return [
        Expected(sku=sku, location=one.location, units=one.units, day=one.day) for one in purchases.incoming(file, sku)
    ]


def test_a_purchase_that_is_gone_leaves_nothing(file: sqlite3.Connection) -> None:
    read(file, cost("5"), expected=(brings("5", TODAY, sku="B"),))
    moved = purchases.remove(file, "p1")
    assert moved == purchases.Moved(expected=frozenset("B"), costed=frozenset("A"))
    assert purchases.get(file, "p1") is None
    assert (purchases.incoming(file, "B"), purchases.costs_of(file, "p1")) == ([], [])


# -- what it cost ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "first"),
    [
        ([("5.0000", True, "10")], "5.0000"),
        ([("5.0000", True, "10"), ("6.0000", True, "12")], "5.0000"),
        ([("5.0000", False, "10"), ("6.0000", True, "12"), ("7.0000", True, "14")], "5.0000"),
        ([("0", True, "0"), ("6.0000", True, "12"), ("7.0000", True, "14")], "6.0000"),
        ([("5.0000", True, "10"), ("6.0000", False, "12"), ("7.0000", True, "14")], "5.0000"),
    ],
    ids=["once", "it stays", "an estimate is one", "nothing is none", "received again"],
)
def test_the_first_cost_is_the_first_that_is_known(
    file: sqlite3.Connection, readings: list[tuple[str, bool, str]], first: str
) -> None:
    for unit, invoiced, value in readings:
        read(file, cost(unit, invoiced=invoiced, value=value))
    assert purchases.first_units(file, "p1") == {"A": Decimal(first)}
    assert [one.unit for one in purchases.costs_of(file, "p1")] == [Decimal(readings[-1][0])]


def test_news_is_what_costs_something_else(file: sqlite3.Connection) -> None:
    assert read(file, cost("5"), cost("1", sku="B")).costed == {"A", "B"}
    assert read(file, cost("5"), cost("1", sku="B")).costed == set()
    assert read(file, cost("5.01"), cost("1", sku="B")).costed == {"A"}
    assert read(file, cost("5.01")).costed == {"B"}
    assert read(file, cost("5.01", day=date(2026, 11, 1))).costed == {"A"}


@pytest.mark.parametrize(
    ("day", "unit", "source"),
    [
        (date(2026, 10, 1), "4", "PO-p1"),
        (date(2026, 11, 1), "4", "PO-p1"),
        (date(2026, 11, 14), "4", "PO-p1"),
        (date(2026, 11, 15), "5", "PO-p2"),
        (date(2027, 1, 1), "5", "PO-p2"),
    ],
)
def test_a_unit_costs_what_the_newest_receipt_until_that_day_cost_else_the_first(
    file: sqlite3.Connection, day: date, unit: str, source: str
) -> None:
    read(file, cost("4", day=date(2026, 11, 1)))
    read(file, cost("5", purchase_id="p2", day=date(2026, 11, 15)), purchase_id="p2")
    read(file, cost("0", purchase_id="p3", day=date(2026, 11, 20), value="0"), purchase_id="p3")
    found = purchases.unit_cost(file, "A", day)
    assert found is not None
    assert (found.unit, found.source) == (Decimal(unit), source)
    assert found.cost is not None
    assert found.cost.number == source


def test_without_a_purchase_the_average_of_the_item_counts(file: sqlite3.Connection) -> None:
    assert purchases.unit_cost(file, "A", TODAY) is None
    for sku, average in (("A", "3.2500"), ("B", "0")):
        item = Item(product=Product(id=f"i-{sku}", sku=sku, name=sku, type="Stock"), average_cost=Decimal(average))
        file.execute(
            "INSERT INTO items (id, sku, form, value, pass) VALUES (?, ?, ?, ?, 1)",
            (item.id, sku, sku, msgspec.json.encode(item).decode()),
        )
    assert purchases.unit_cost(file, "A", TODAY) == purchases.UnitCost(unit=Decimal("3.25"), source="average")
    assert purchases.unit_cost(file, "B", TODAY) is None
    read(file, cost("5"))
    found = purchases.unit_cost(file, "A", TODAY)
    assert found is not None
    assert found.source == "PO-p1"


@pytest.mark.parametrize(
    ("day", "source"),
    [("2026-10-31", "PO-p1"), ("2026-11-05", "PO-p2"), ("2026-11-12", "PO-p3"), ("2026-11-18", "PO-p2")],
)
def test_a_purchase_that_comes_in_parts_counts_from_the_first_one_on(
    file: sqlite3.Connection, day: str, source: str
) -> None:
    parts = cost("5", purchase_id="p2", first=date(2026, 11, 3), day=date(2026, 11, 17))
    read(file, cost("4", day=date(2026, 1, 20)))
    read(file, parts, purchase_id="p2")
    read(file, cost("6", purchase_id="p3", day=date(2026, 11, 10)), purchase_id="p3")
    found = purchases.unit_cost(file, "A", date.fromisoformat(day))
    assert found is not None
    assert found.source == source


def test_a_kit_costs_what_its_parts_do_unless_it_was_bought_whole(file: sqlite3.Connection) -> None:
    parts = [KitPart(sku="A", quantity=Decimal(2)), KitPart(sku="B", quantity=Decimal("0.3333"))]
    stock.store_parts(file, "KIT", parts)
    stock_item(file, "KIT", "9")
    read(file, cost("5"))
    assert purchases.unit_cost(file, "KIT", TODAY) == purchases.UnitCost(unit=Decimal(9), source="average")
    stock_item(file, "B", "0.50")
    assert purchases.unit_cost(file, "KIT", TODAY) == purchases.UnitCost(unit=Decimal("10.1667"), source="parts")
    read(file, cost("8", sku="KIT", purchase_id="p2"), purchase_id="p2")
    found = purchases.unit_cost(file, "KIT", TODAY)
    assert found is not None
    assert (found.unit, found.source) == (Decimal(8), "PO-p2")


# -- how it is found -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT id FROM purchases WHERE read_at IS NULL ORDER BY listed_at, id", "purchases_unread"),
        ("SELECT cost FROM landed_costs WHERE sku = 'A' AND day <= '2026' ORDER BY day DESC", "landed_costs_by_day"),
        ("SELECT sku FROM margins WHERE sku = 'A' AND day >= '2026' ORDER BY day DESC", "margins_by_sku"),
        ("SELECT DISTINCT sku FROM margins WHERE unit IS NULL ORDER BY sku", "margins_uncosted"),
    ],
)
def test_what_is_asked_often_has_an_index(file: sqlite3.Connection, sql: str, index: str) -> None:
    plan = " ".join(row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}"))
    assert index in plan
    assert "TEMP B-TREE" not in plan
