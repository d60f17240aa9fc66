"""The doors' books: each event once, counters, who was not told of, and what is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.notification import Notification
from actors.domain.sale import ListedSale
from storage import doors, listed_sales, orders
from storage.doors import DoorRow
from tests.orders_builder import plain_order
from tests.stored import NOW, fresh

HOUR = 3_600_000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        doors.open_doors(connection, ("sqs", "cin7"), now=NOW)
        yield connection


def event(identity: str = "m:o1:1", *, about: str = "order", subject: str = "o1", kind: str = "K") -> Notification:
    return Notification(identity=identity, kind=kind, about=about, subject=subject, version=1)


def door(connection: sqlite3.Connection, name: str = "sqs") -> DoorRow:
    return next(row for row in doors.all_doors(connection) if row.name == name)


def order(connection: sqlite3.Connection, order_id: str, at: int, *, created_at: int | None = None) -> None:
    made = plain_order(id=order_id, number=order_id, created_at=at if created_at is None else created_at)
    orders.accept(connection, made, now=at)


def sale(connection: sqlite3.Connection, sale_id: str, at: int, *, number: str = "", shipping: str = "") -> None:
    row = ListedSale(
        id=sale_id,
        number=number,
        status="ORDERED",
        order_status="AUTHORISED",
        external_id=None,
        customer_reference=None,
        shipping=shipping,
    )
    listed_sales.store(connection, [row], reading=1, now=at, since=at - 10)


def late(connection: sqlite3.Connection, *, name: str = "sqs", before: int = NOW + HOUR) -> list[str]:
    return [record for record, _ in doors.orders_not_told(connection, name, before=before, limit=100)]


def test_an_event_is_noted_once_per_door_and_its_copies_are_counted(file: sqlite3.Connection) -> None:
    assert doors.note(file, "sqs", event(), "look", now=NOW)
    assert not doors.note(file, "sqs", event(), "look", now=NOW + 5)
    assert doors.note(file, "cin7", event(), "look", now=NOW + 6)
    assert door(file) == DoorRow(
        name="sqs",
        opened_at=NOW,
        last_at=NOW + 5,
        accepted=1,
        repeated=1,
        late=0,
        ignored=0,
        unreadable=0,
        missed=0,
    )
    assert doors.is_noted(file, "sqs", "m:o1:1")
    assert not doors.is_noted(file, "sqs", "m:o1:2")


@pytest.mark.parametrize(
    ("outcome", "counters"),
    [("look", (1, 0, 0)), ("known", (1, 1, 0)), ("ignored", (1, 0, 1)), ("test", (1, 0, 1)), ("foreign", (1, 0, 1))],
)
def test_what_came_of_an_event_is_counted(
    file: sqlite3.Connection, outcome: str, counters: tuple[int, int, int]
) -> None:
    doors.note(file, "sqs", event(), outcome, now=NOW)
    row = door(file)
    assert (row.accepted, row.late, row.ignored) == counters


def test_an_unreadable_delivery_is_a_sign_of_life(file: sqlite3.Connection) -> None:
    doors.note_unreadable(file, "sqs", now=NOW + 7)
    assert (door(file).unreadable, door(file).last_at, door(file).accepted) == (1, NOW + 7, 0)


def test_a_door_that_is_configured_no_more_is_forgotten_and_a_known_one_keeps_its_books(
    file: sqlite3.Connection,
) -> None:
    doors.note(file, "sqs", event(), "look", now=NOW)
    doors.add_missed(file, "cin7", "sale", ["s1"], now=NOW)
    doors.open_doors(file, ("sqs", "sns"), now=NOW + HOUR)
    assert [(row.name, row.opened_at, row.accepted) for row in doors.all_doors(file)] == [
        ("sns", NOW + HOUR, 0),
        ("sqs", NOW, 1),
    ]
    assert doors.missed(file, "cin7") == []
    doors.open_doors(file, (), now=NOW)
    assert doors.all_doors(file) == []


def test_orders_a_door_did_not_name(file: sqlite3.Connection) -> None:
    for place, order_id in enumerate(("a", "b", "c")):
        order(file, order_id, NOW + place)
    order(file, "before the door", NOW + 3, created_at=NOW - 1)
    order(file, "young", NOW + HOUR)
    doors.note(file, "sqs", event("m:b:1", subject="b"), "look", now=NOW)
    doors.note(file, "cin7", event("m:c:1", subject="c"), "look", now=NOW)
    doors.note(file, "sqs", event("p:a:1", subject="a", about="payment"), "look", now=NOW)
    assert late(file) == ["a", "c"]
    assert late(file, before=NOW + 1) == ["a"]
    assert [record for record, _ in doors.orders_not_told(file, "sqs", before=NOW + HOUR, limit=1)] == ["a"]


def test_the_newest_order_says_whether_a_door_works(file: sqlite3.Connection) -> None:
    def works() -> bool | None:
        return doors.newest_order_told(file, "sqs", before=NOW + HOUR)

    assert works() is None
    order(file, "a", NOW)
    doors.note(file, "sqs", event("m:a:1", subject="a"), "look", now=NOW)
    assert works() is True
    order(file, "b", NOW + 1)
    assert works() is False


def test_who_was_missed_is_counted_once_and_struck_off_when_told_late(file: sqlite3.Connection) -> None:
    assert doors.add_missed(file, "sqs", "order", ["a", "b"], now=NOW) == 2
    assert doors.add_missed(file, "sqs", "order", ["b", "c"], now=NOW + 1) == 1
    assert (door(file).missed, doors.count_missed(file, "sqs")) == (3, 3)
    doors.note(file, "sqs", event("m:a:1", subject="a"), "look", now=NOW + 2)
    doors.note(file, "cin7", event("m:b:1", subject="b"), "look", now=NOW + 2)
    assert doors.missed(file, "sqs") == [("order", "b", NOW), ("order", "c", NOW + 1)]
    assert door(file).missed == 3, "the counter is of all there ever were"


def test_what_was_judged_is_not_judged_again(file: sqlite3.Connection) -> None:
    order(file, "a", NOW)
    order(file, "b", NOW + 10)
    doors.add_missed(file, "sqs", "order", late(file), now=NOW + 20)
    doors.judged(file, "sqs", NOW + 5)
    doors.forgive(file, "sqs")
    assert doors.missed(file, "sqs") == []
    assert late(file) == ["b"]


def test_sales_a_door_did_not_tell_of_by_id_or_by_number(file: sqlite3.Connection) -> None:
    def untold() -> list[str]:
        return [record for record, _ in doors.sales_not_told(file, "cin7", before=NOW + HOUR, limit=100)]

    for place in (1, 2, 3):
        sale(file, f"s{place}", NOW + place, number=f"SO-{place}")
    assert untold() == ["s1", "s2", "s3"]
    doors.note(file, "cin7", event("h:1", about="sale", subject="s1"), "look", now=NOW)
    doors.note(file, "cin7", event("h:2", about="sale", subject="SO-2"), "look", now=NOW)
    assert untold() == ["s3"], "it may tell before the sweep sees it"
    sale(file, "s1", NOW + 900_000, number="SO-1", shipping="SHIPPED")
    assert untold() == ["s3", "s1"], "this movement came after the sale was last seen"
    doors.note(file, "cin7", event("h:3", about="sale", subject="s1"), "look", now=NOW + 900_001)
    assert untold() == ["s3"]
    assert doors.newest_sale_told(file, "cin7", before=NOW + HOUR) is True
    assert doors.newest_sale_told(file, "cin7", before=NOW) is None


def test_a_sale_told_late_is_struck_off(file: sqlite3.Connection) -> None:
    sale(file, "s1", NOW + 1, number="SO-1")
    doors.add_missed(file, "cin7", "sale", ["s1"], now=NOW + 500)
    assert [record for _, record, _ in doors.missed(file, "cin7")] == ["s1"]
    doors.note(file, "cin7", event("h:1", about="sale", subject="SO-1"), "look", now=NOW + 600)
    assert doors.missed(file, "cin7") == []


def test_old_events_are_forgotten_a_bounded_number_at_a_time_ignored_ones_sooner(file: sqlite3.Connection) -> None:
    for place in range(10):
        doors.note(file, "sqs", event(f"m:o:{place}"), "look", now=NOW + place)
    doors.note(file, "sqs", event("ignored"), "ignored", now=NOW + 7)
    doors.note(file, "sqs", event("m:o:0"), "look", now=NOW + 100)
    doors.prune(file, before=NOW + 5, ignored_before=NOW + 7, limit=3)
    assert file.execute("SELECT count(*) FROM notifications").fetchone()[0] == 8
    doors.prune(file, before=NOW + 5, ignored_before=NOW + 8)
    assert {row[0] for row in file.execute("SELECT identity FROM notifications")} == {
        f"m:o:{place}" for place in (0, 5, 6, 7, 8, 9)
    }, "one that came again lately is remembered"
