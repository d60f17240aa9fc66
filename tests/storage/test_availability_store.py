"""Cin7 Core's availability on disk, what people and guards decide about SKUs, and which SKU is read next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.domain.availability import Reading, StockRow
from actors.domain.facts import FactKind, KitPart
from actors.domain.inventory import Entry
from storage import availability, entries, facts, stock
from storage.availability import Asked, Hint
from storage.stock import Block
from tests.orders_builder import CREATED_AT, ORDER_ID, product
from tests.stored import NOW, accepted, fresh

SKU, MAIN, SHOP = "SKU-1", "Main Warehouse", "Shop"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def row(available: str, *, sku: str = SKU, location: str = MAIN, place: str = "") -> StockRow:
    return StockRow(sku=sku, location=location, bin=place, available=Decimal(available))


def met(connection: sqlite3.Connection, *rows: StockRow, number: int, at: int = NOW) -> None:
    availability.store_rows(connection, rows, number=number, began_at=at, ended_at=at + 100)


def reading(at: int, **figures: str) -> Reading:
    return Reading(began_at=at, ended_at=at + 100, figures={name: Decimal(value) for name, value in figures.items()})


# -- rows --------------------------------------------------------------------------------------------------------------


def test_a_row_comes_back_to_the_last_decimal(file: sqlite3.Connection) -> None:
    one = StockRow(
        sku=SKU,
        location=MAIN,
        bin="A-1",
        batch="B-1",
        on_hand=Decimal("10.123456789012345678"),
        allocated=Decimal("0.1"),
        available=Decimal("-3.5"),
        on_order=Decimal(7),
        in_transit=Decimal(2),
        next_delivery=date(2026, 12, 24),
    )
    met(file, one, number=1)
    assert availability.rows_of(file, SKU) == [one]


def test_rows_of_one_place_add_up(file: sqlite3.Connection) -> None:
    days = (date(2027, 1, 2), date(2026, 12, 24))
    met(file, *(msgspec.structs.replace(row("3"), next_delivery=day) for day in days), row("1", place="A-1"), number=1)
    found = {one.bin: (one.available, one.next_delivery) for one in availability.rows_of(file, SKU)}
    assert found == {"": (Decimal(6), days[1]), "A-1": (Decimal(1), None)}
    assert availability.reading_now(file, SKU) == {MAIN: Decimal(7)}


def test_a_pass_replaces_what_it_meets_and_misses_the_rest(file: sqlite3.Connection) -> None:
    met(file, row("3"), row("4", location=SHOP), row("9", sku="SKU-2"), number=1)
    met(file, row("5"), number=2, at=NOW + 1_000)
    assert availability.unmet(file, SKU, number=2)
    assert availability.missed_skus(file, number=2, after="", limit=5) == [SKU, "SKU-2"]
    assert availability.missed_skus(file, number=2, after=SKU, limit=5) == ["SKU-2"]
    met(file, row("4", location=SHOP), number=2, at=NOW + 2_000)
    assert not availability.unmet(file, SKU, number=2)
    assert availability.met_span(file, SKU, number=2) == (NOW + 1_000, NOW + 2_100)
    assert (availability.has_met(file, SKU, number=2), availability.has_met(file, "SKU-2", number=2)) == (True, False)


def test_a_row_of_nothing_need_not_be_met(file: sqlite3.Connection) -> None:
    met(file, row("3"), row("0.0", location=SHOP), number=1)
    met(file, row("3"), number=2)
    assert not availability.unmet(file, SKU, number=2)


def test_what_was_read_by_name_is_met_by_the_pass_that_runs(file: sqlite3.Connection) -> None:
    met(file, row("3"), number=-2)
    assert availability.has_met(file, SKU, number=2)
    assert availability.missed_skus(file, number=2, after="", limit=5) == []
    assert availability.repeated(file, [row("3")], number=2) == 0
    assert availability.missed_skus(file, number=3, after="", limit=5) == [SKU]


def test_a_row_met_twice_says_that_the_list_moved(file: sqlite3.Connection) -> None:
    met(file, row("3"), row("4", location=SHOP), number=2)
    assert availability.repeated(file, [row("3"), row("1", place="A-1")], number=2) == 1
    assert availability.repeated(file, [row("3")], number=3) == 0


def test_what_a_whole_pass_has_not_met_is_dropped(file: sqlite3.Connection) -> None:
    met(file, row("3"), row("9", sku="SKU-2"), number=1)
    met(file, row("4", location=SHOP), number=2)
    assert availability.drop_unmet(file, SKU, number=2)
    assert not availability.drop_unmet(file, "SKU-2", number=2)
    assert [one.location for one in availability.rows_of(file, SKU)] == [SHOP]
    assert availability.rows_of(file, "SKU-2") == []


# -- readings ----------------------------------------------------------------------------------------------------------


def test_so_many_readings_are_kept_newest_first(file: sqlite3.Connection) -> None:
    for place in range(4):
        availability.add_reading(file, SKU, reading(NOW + place, Main=str(place)), keep=3)
    availability.add_reading(file, "SKU-2", reading(NOW, Main="9"), keep=3)
    assert [one.began_at for one in availability.readings_of(file, SKU)] == [NOW + 3, NOW + 2, NOW + 1]
    availability.add_reading(file, SKU, reading(NOW + 4, Main="4"), keep=1)
    assert availability.readings_of(file, SKU) == [reading(NOW + 4, Main="4")]
    assert len(availability.readings_of(file, "SKU-2")) == 1


def test_a_reading_that_began_earlier_is_not_the_newest(file: sqlite3.Connection) -> None:
    for at in (NOW, NOW + 50, NOW + 20):
        availability.add_reading(file, SKU, reading(at), keep=2)
    assert [one.began_at for one in availability.readings_of(file, SKU)] == [NOW + 50, NOW + 20]
    assert availability.read_at(file, SKU) == NOW + 150


def test_a_reading_comes_back_as_it_was(file: sqlite3.Connection) -> None:
    one = msgspec.structs.replace(reading(NOW, Main="-0.10", Shop="12345678901234567890.5"), named=True)
    availability.add_reading(file, SKU, one, keep=2)
    assert availability.readings_of(file, SKU) == [one]
    assert str(availability.readings_of(file, SKU)[0].figures["Main"]) == "-0.10"
    assert availability.is_read(file, SKU)
    assert not availability.is_read(file, "SKU-2")
    assert availability.read_at(file, "SKU-2") is None


def test_a_reading_ends_what_was_pushed_before_it_began(file: sqlite3.Connection) -> None:
    places = {"a": NOW - 1, "b": NOW, "c": NOW + 1}
    hints = [Hint(sku=SKU, location=name, available=Decimal(4), received_at=at) for name, at in places.items()]
    assert availability.put_hints(file, [*hints, Hint(sku="SKU-2", location=MAIN, available=Decimal(1))]) == [
        SKU,
        "SKU-2",
    ]
    availability.add_reading(file, SKU, reading(NOW), keep=2)
    assert [hint.location for hint in availability.hints_of(file, SKU)] == ["b", "c"]
    assert len(availability.hints_of(file, "SKU-2")) == 1


def test_of_what_is_pushed_the_last_word_holds(file: sqlite3.Connection) -> None:
    first = Hint(sku=SKU, location=MAIN, bin="A-1", available=Decimal("4.5"), received_at=NOW)
    last = msgspec.structs.replace(first, available=Decimal(2), received_at=NOW + 1)
    other = msgspec.structs.replace(first, bin="A-2")
    availability.put_hints(file, [first, other, last])
    assert availability.hints_of(file, SKU) == [last, other]


def test_of_what_has_no_row_a_whole_pass_knows_that_anew(file: sqlite3.Connection) -> None:
    for sku in (SKU, "SKU-2"):
        for at in (NOW, NOW + 10):
            availability.add_reading(file, sku, reading(at, Main="0"), keep=2)
    met(file, row("0", sku="SKU-2"), number=1)
    assert availability.renew_empty(file, began_at=NOW + 1_000, ended_at=NOW + 2_000) == 1
    assert [one.began_at for one in availability.readings_of(file, SKU)] == [NOW + 1_000, NOW]
    assert [one.began_at for one in availability.readings_of(file, "SKU-2")] == [NOW + 10, NOW]


# -- what needs a look -------------------------------------------------------------------------------------------------


def shown(connection: sqlite3.Connection, sku: str, quantity: int, *, channel: str = "", begun: bool = True) -> None:
    """Have the storefront show so many of a SKU."""
    entry = Entry(
        id=f"{sku}{channel}",
        sku=sku,
        channel=channel,
        version=1,
        quantity=quantity,
        modified_at=NOW,
        read_from=NOW,
        read_at=NOW,
    )
    entries.saw(connection, entry)
    if begun:
        entries.restart(connection, sku, channel, put=quantity, base=NOW, now=NOW)


def test_a_reading_that_changes_nothing_needs_no_look(file: sqlite3.Connection) -> None:
    shown(file, SKU, 5)
    same = {"Main": Decimal(5)}
    assert not availability.settled(file, SKU, same)
    availability.add_reading(file, SKU, reading(NOW, Main="5"), keep=2)
    assert availability.settled(file, SKU, same)
    assert not availability.settled(file, SKU, {"Main": Decimal(6)})
    availability.add_reading(file, SKU, reading(NOW + 1, Main="4"), keep=2)
    assert not availability.settled(file, SKU, {"Main": Decimal(4)})  # the one before said something else


def test_another_day_of_delivery_needs_a_look(file: sqlite3.Connection) -> None:
    shown(file, SKU, 5)
    availability.add_reading(file, SKU, reading(NOW, Main="5"), keep=2)
    met(file, msgspec.structs.replace(row("5"), next_delivery=date(2026, 12, 24)), number=1)
    same = {"Main": Decimal(5)}
    assert not availability.settled(file, SKU, same, today=date(2026, 12, 24))
    assert availability.settled(file, SKU, same, today=date(2026, 12, 25))  # it has passed


@pytest.mark.parametrize("what", ["pushed", "waiting", "suspended", "held", "not begun", "no entry"])
def test_what_waits_needs_a_look(file: sqlite3.Connection, what: str) -> None:
    availability.add_reading(file, SKU, reading(NOW, Main="5"), keep=2)
    if what != "no entry":
        shown(file, SKU, 5, begun=what != "not begun")
    if what == "pushed":
        availability.put_hints(file, [Hint(sku=SKU, location=MAIN, available=Decimal(4), received_at=NOW)])
    if what == "waiting":
        entries.wait(file, SKU, "", "mark", now=NOW)
    if what == "suspended":
        entries.suspend(file, SKU, "", "unblocked")
    if what == "held":
        stock.hold_zero(file, SKU, number=1, now=NOW)
    assert not availability.settled(file, SKU, {"Main": Decimal(5)})


def test_a_known_order_needs_a_look(file: sqlite3.Connection) -> None:
    accepted(file)
    (sku,) = file.execute("SELECT sku FROM demand WHERE order_id = ?", (ORDER_ID,)).fetchone()
    availability.add_reading(file, sku, reading(NOW, Main="5"), keep=2)
    shown(file, sku, 5)
    assert not availability.settled(file, sku, {"Main": Decimal(5)})


def test_a_sku_on_sale_that_was_never_read_is_known(file: sqlite3.Connection) -> None:
    for sku, quantity in (("a", 1), ("b", 0), ("c", 1), ("d", 1), ("not of Cin7", 1)):
        shown(file, sku, quantity)
    facts.store(file, FactKind.PRODUCT, [product(sku) for sku in "abcd"], now=NOW, whole=True)
    availability.add_reading(file, "c", reading(NOW), keep=2)
    assert availability.never_read(file, after="", limit=5) == ["a", "d"]
    assert availability.never_read(file, after="a", limit=5) == ["d"]
    assert availability.read_skus(file, after="", limit=5) == ["c"]


def test_figures_of_what_is_on_sale_grow_old(file: sqlite3.Connection) -> None:
    for sku, quantity, ages in (("a", 1, (0, 50)), ("b", 0, (0,)), ("c", 1, (10,)), ("d", 1, (20,))):
        shown(file, sku, quantity)
        for age in ages:
            availability.add_reading(file, sku, reading(NOW + age), keep=2)
    assert availability.older_than(file, NOW + 121, limit=5) == ["c", "d"]
    assert availability.count_older(file, NOW + 121) == (2, NOW + 110)
    assert availability.count_older(file, NOW + 110) == (0, 0)


# -- the reading queue -------------------------------------------------------------------------------------------------


def order_of(connection: sqlite3.Connection, *, sold_since: int = 0) -> list[str]:
    """Read the queue to its end."""
    read = []
    while (asked := availability.next_asked(connection, sold_since=sold_since)) is not None:
        read.append(asked.sku)
        availability.answered(connection, asked.sku)
    return read


def ask(connection: sqlite3.Connection, sku: str, *, urgency: int = 1, now: int = NOW) -> None:
    availability.ask(connection, sku, urgency=urgency, reason=f"urgency {urgency}", now=now)


def test_urgent_ones_are_read_first_then_those_closest_to_zero(file: sqlite3.Connection) -> None:
    for sku, quantity in (("many", 50), ("few", 3), ("oversold", -2), ("one here, many there", 60), ("void", 90)):
        shown(file, sku, quantity)
        ask(file, sku)
    shown(file, "one here, many there", 1, channel="paris")
    ask(file, "void", urgency=0)
    ask(file, "never shown")
    assert order_of(file) == ["void", "oversold", "never shown", "one here, many there", "few", "many"]


def test_of_two_equally_close_to_zero_the_one_that_sells_is_read_first(file: sqlite3.Connection) -> None:
    accepted(file)
    (sold,) = file.execute("SELECT sku FROM demand WHERE order_id = ?", (ORDER_ID,)).fetchone()
    for sku in ("0", sold):
        shown(file, sku, 5)
        ask(file, sku, now=NOW if sku == "0" else NOW + 10)
    first = availability.next_asked(file, sold_since=CREATED_AT)
    assert first is not None
    assert first.sku == sold
    assert order_of(file, sold_since=CREATED_AT + 1) == ["0", sold]


def test_of_equals_the_one_that_waits_longest_is_read_first(file: sqlite3.Connection) -> None:
    for sku, now in (("b", NOW), ("a", NOW + 1), ("c", NOW)):
        ask(file, sku, now=now)
    assert order_of(file) == ["b", "c", "a"]


def test_asked_twice_a_sku_only_becomes_more_urgent(file: sqlite3.Connection) -> None:
    ask(file, SKU, urgency=1)
    ask(file, SKU, urgency=0, now=NOW + 5)
    ask(file, SKU, urgency=1, now=NOW + 9)
    assert availability.next_asked(file, sold_since=0) == Asked(sku=SKU, urgency=0, reason="urgency 0", since=NOW)
    assert availability.asked(file) == 1


def test_what_gives_no_answer_keeps_nobody_waiting(file: sqlite3.Connection) -> None:
    ask(file, "mute", urgency=0)
    ask(file, "other")
    availability.unanswered(file, "mute")
    assert order_of(file) == ["other", "mute"]


# -- blocks, zeros, kits -----------------------------------------------------------------------------------------------


def test_a_block_stands_until_it_is_ended(file: sqlite3.Connection) -> None:
    for sku, until in (("a", None), ("b", NOW), ("c", NOW + 1)):
        stock.block(file, Block(sku=sku, until=until, reason="recall", author="ann", at=NOW))
    assert [one.sku for one in stock.blocks(file)] == ["a", "b", "c"]
    assert stock.expired_blocks(file, now=NOW) == ["b"]
    stock.block(file, Block(sku="b", until=None, reason="again", author="bob", at=NOW))
    assert stock.expired_blocks(file, now=NOW) == []
    assert stock.block_of(file, "b") == Block(sku="b", until=None, reason="again", author="bob", at=NOW)
    assert (stock.unblock(file, "b"), stock.unblock(file, "b")) == (True, False)
    assert stock.block_of(file, "b") is None


def test_a_zero_is_held_until_it_is_confirmed(file: sqlite3.Connection) -> None:
    for sku in ("a", "b", "c"):
        stock.hold_zero(file, sku, number=1, now=NOW)
    stock.confirm_zero(file, "a")
    assert (stock.zero_confirmed(file, "a"), stock.zero_confirmed(file, "b")) == (True, False)
    assert (stock.held_zeros(file), stock.count_held(file)) == (["b", "c"], 2)
    stock.hold_zero(file, "a", number=2, now=NOW)  # the next pass sees it, too
    assert stock.zero_confirmed(file, "a")
    stock.forget_zero(file, "c")
    assert stock.confirm_zeros(file) == ["b"]
    assert (stock.held_zeros(file), stock.zero_confirmed(file, "c")) == ([], False)


def test_skus_on_sale_are_counted_once(file: sqlite3.Connection) -> None:
    shown(file, "a", 5)
    shown(file, "a", 5, channel="paris")
    shown(file, "b", 0)
    shown(file, "c", -1)
    assert stock.sellable(file) == 1


def test_kits_know_their_parts_and_parts_their_kits(file: sqlite3.Connection) -> None:
    stock.store_parts(
        file, "box", [KitPart(sku="mug", quantity=Decimal("0.25")), KitPart(sku="tea", quantity=Decimal(2))]
    )
    stock.store_parts(file, "set", [KitPart(sku="mug", quantity=Decimal(4))])
    assert stock.parts_of(file, "box") == [
        KitPart(sku="mug", quantity=Decimal("0.25")),
        KitPart(sku="tea", quantity=Decimal(2)),
    ]
    assert [kit.sku for kit in stock.kits_with(file, "mug")] == ["box", "set"]
    # An order for tea moves what can be made of the box; one for the box moves tea, mugs, and so the set.
    assert stock.related(file, "tea") == {"box"}
    assert stock.related(file, "box") == {"mug", "tea", "set"}
    stock.store_parts(file, "box", [])
    assert stock.related(file, "tea") == set()
