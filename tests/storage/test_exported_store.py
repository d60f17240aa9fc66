"""What a sale was made from: kept in two parts, by generation, with what a person accepted of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.edits import Kind
from storage import exported
from tests.stored import accepted, fresh

FIRST = {"currency": "GBP", "shippingAddress.city": "d1", "total": "10.00 GBP", "line A quantity": "1", "(key)": "k"}
LATER = {"currency": "GBP", "shippingAddress.city": "d2", "total": "20.00 GBP", "line A quantity": "2", "(key)": "k"}
MIXED = LATER | {"shippingAddress.city": "d1"}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


@pytest.fixture
def order(file: sqlite3.Connection) -> str:
    return accepted(file)


def test_the_header_is_as_it_was_sent_and_the_rows_as_they_were(file: sqlite3.Connection, order: str) -> None:
    exported.put_header(file, order, 1, 1, FIRST)
    assert exported.get(file, order, 1) == {
        "currency": "GBP",
        "shippingAddress.city": "d1",
        "(key)": "k",
    }
    exported.put_rows(file, order, 1, 2, LATER)
    assert exported.get(file, order, 1) == MIXED
    exported.complete(file, order, 1, 3, FIRST)
    assert exported.get(file, order, 1) == MIXED, "what was sent counts, not what is read once it stands"


def test_a_document_sent_again_replaces_the_rows_alone(file: sqlite3.Connection, order: str) -> None:
    exported.put_header(file, order, 1, 1, FIRST)
    exported.put_rows(file, order, 1, 1, FIRST)
    exported.put_rows(file, order, 1, 2, LATER)
    assert exported.get(file, order, 1) == MIXED


def test_a_sale_that_was_not_made_here_counts_as_made_from_the_order_as_it_is(
    file: sqlite3.Connection, order: str
) -> None:
    exported.complete(file, order, 3, 1, FIRST)
    assert exported.get(file, order, 3) == FIRST
    assert exported.get(file, order, 2) is None


def test_the_next_sale_has_nothing_of_the_one_before(file: sqlite3.Connection, order: str) -> None:
    exported.put(file, order, 1, 1, FIRST)
    exported.put_header(file, order, 2, 2, {"currency": "GBP"})
    assert exported.get(file, order, 1) is None
    assert exported.get(file, order, 2) == {"currency": "GBP"}
    exported.put(file, order, 2, 2, FIRST)
    exported.put_rows(file, order, 3, 3, LATER)
    assert exported.get(file, order, 3) == LATER, "a header of another sale says nothing of this one"


@pytest.mark.parametrize("kind", list(Kind))
def test_what_a_person_accepts_is_what_was_found_and_of_that_kind(
    file: sqlite3.Connection, order: str, kind: Kind
) -> None:
    exported.put(file, order, 1, 1, FIRST)
    exported.differs(file, order, LATER)
    assert exported.get(file, order, 1) == FIRST
    exported.accept_edit(file, order, kind)
    assert exported.get(file, order, 1) == (
        MIXED if kind is Kind.UNSAFE else FIRST | {"shippingAddress.city": LATER["shippingAddress.city"]}
    )


def test_nothing_is_accepted_where_nothing_was_found(file: sqlite3.Connection, order: str) -> None:
    exported.accept_edit(file, order, Kind.UNSAFE)
    exported.forgive_payment(file, order)
    exported.differs(file, order, LATER)
    assert exported.get(file, order, 1) is None
    exported.put(file, order, 1, 1, FIRST)
    exported.accept_edit(file, order, Kind.UNSAFE)
    assert exported.get(file, order, 1) == FIRST


def test_money_that_is_given_up_is_owed_no_more(file: sqlite3.Connection, order: str) -> None:
    exported.put(file, order, 1, 1, FIRST | {"(paid)": "1000"})
    exported.differs(file, order, LATER)
    exported.forgive_payment(file, order)
    assert exported.get(file, order, 1) == FIRST
    exported.accept_edit(file, order, Kind.UNSAFE)
    assert exported.get(file, order, 1) == MIXED, "the one decision leaves the other to be taken"
