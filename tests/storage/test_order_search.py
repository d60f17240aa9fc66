"""Orders are found by what people remember of them; every page is the next part of one list, whatever way led to it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.order_state import OrderState
from storage import order_search, orders
from storage.order_search import Page, Search, UnknownPlaceError, page
from tests.stored import NOW, _migrated

ORDERS = 60
DAY = 86_400_000
STATES = (OrderState.EXPORTED, OrderState.HELD, OrderState.AWAITING)


@pytest.fixture(scope="module")
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _migrated().backup(connection)
    fill(connection)
    yield connection
    connection.close()


def fill(connection: sqlite3.Connection) -> None:
    """Make orders of three states; some have no number, some the same instant, two thirds a sale."""
    chance = random.Random(7)
    connection.executemany("INSERT INTO order_states VALUES (?)", [(state.value,) for state in OrderState])
    for number in range(ORDERS):
        state = STATES[number % 3]
        order_id = f"{chance.getrandbits(32):08x}-{number}"
        at = NOW + number // 4 * DAY // 2
        name = None if number % 10 == 3 else f"Ct-{chance.randrange(300)}"
        currency = "EUR" if number % 7 == 0 else "GBP"
        connection.execute(
            "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
            " state_since, currency, digits, payable, exported_at) VALUES (?, ?, 1, ?, ?, ?, 'Open', ?, ?, ?, 2, 1, ?)",
            (order_id, name, chance.randrange(20), at, at, state.value, at, currency, at),
        )
        sku = "MUG" if number % 2 else "mug"
        connection.execute("INSERT INTO order_lines VALUES (?, '1', ?, 1, NULL, NULL)", (order_id, sku))
        if state is OrderState.EXPORTED or number % 2:
            connection.execute(
                "INSERT INTO sales VALUES (?, ?, 1, ?, ?, ?, ?)",
                (f"5a1e-{number}", order_id, name or order_id, f"SO-{number:03d}", at, at if number == 7 else None),
            )


def expected(connection: sqlite3.Connection, search: Search) -> list[str]:
    """Find and sort without any index."""
    rows = connection.execute(
        "SELECT o.id, o.number, o.state, o.currency, o.accepted_at, o.created_at, l.sku, s.sale_id, s.number,"
        " s.reference, s.voided_at FROM orders o JOIN order_lines l ON l.order_id = o.id"
        " LEFT JOIN sales s ON s.order_id = o.id"
    ).fetchall()

    def fits(row: tuple[Any, ...]) -> bool:
        order_id, number, state, currency, accepted_at, _, sku, sale_id, so, reference, voided_at = row
        text = search.text.lower()
        begins = any(name is not None and name.lower().startswith(text) for name in (order_id, number, so, reference))
        named = not text or begins or sku == search.text or sale_id == text
        placed = (search.since is None or accepted_at >= search.since) and (
            search.before is None or accepted_at < search.before
        )
        of_state = not search.states or OrderState(state) in search.states
        standing = search.held_with_sale
        of_sale = standing is None or state != "held" or standing == (sale_id is not None and voided_at is None)
        return named and placed and of_state and of_sale and search.currency in ("", currency)

    keys = {"accepted_at": 4, "created_at": 5, "number": 1}
    place = keys[search.sort]

    def key(row: tuple[Any, ...]) -> tuple[Any, str]:
        return (row[place] or "").lower() if search.sort == "number" else row[place], row[0]

    return [row[0] for row in sorted(filter(fits, rows), key=key, reverse=search.descending)]


def all_pages(connection: sqlite3.Connection, search: Search) -> list[Page]:
    """Read on until there is no more."""
    found = [page(connection, search)]
    while found[-1].next is not None:
        assert len(found) <= 2 * ORDERS
        found.append(page(connection, msgspec.structs.replace(search, after=found[-1].next)))
    return found


SEARCHES = st.builds(
    Search,
    text=st.sampled_from(["", "ct-1", "CT-2", "so-0", "SO-01", "MUG", "mug", "mu", "5a1e-3", "a", "%", "\U0010ffff"]),
    states=st.lists(st.sampled_from(STATES), unique=True).map(tuple),
    held_with_sale=st.sampled_from([None, True, False]),
    currency=st.sampled_from(["", "GBP", "EUR", "JPY"]),
    since=st.none() | st.integers(-1, 8).map(lambda days: NOW + days * DAY),
    before=st.none() | st.integers(-1, 8).map(lambda days: NOW + days * DAY),
    sort=st.sampled_from(["accepted_at", "created_at", "number"]),
    descending=st.booleans(),
    limit=st.integers(1, 9),
)


@given(search=SEARCHES, few=st.sampled_from([0, 5, 20, 1000]), walk=st.sampled_from([3, 10, 1000]))
def test_pages_together_are_what_fits_in_its_order(
    file: sqlite3.Connection, search: Search, few: int, walk: int
) -> None:
    with mock.patch.multiple(order_search, FEW=few, WALK=walk):
        pages = all_pages(file, search)
    wanted = expected(file, search)
    assert [record.id for one in pages for record in one.records] == wanted
    assert all(len(one.records) <= search.limit for one in pages)
    assert all(one.total in (None, len(wanted)) for one in pages)


def test_a_few_are_counted(file: sqlite3.Connection) -> None:
    assert page(file, Search()).total == ORDERS
    assert page(file, Search(states=(OrderState.HELD,), currency="EUR", sort="number")).total == 3
    with mock.patch.object(order_search, "FEW", 30):
        assert page(file, Search()).total is None


def test_nobody_goes_on_after_an_order_that_is_not_there(file: sqlite3.Connection) -> None:
    with pytest.raises(UnknownPlaceError):
        page(file, Search(after="gone"))


def plans(connection: sqlite3.Connection, search: Search) -> list[str]:
    run = list[str]()
    connection.set_trace_callback(run.append)
    try:
        page(connection, search)
    finally:
        connection.set_trace_callback(None)
    return [step[3] for one in run for step in connection.execute(f"EXPLAIN QUERY PLAN {one}")]


NARROWINGS: list[dict[str, Any]] = [
    {},
    {"states": STATES},
    {"states": (OrderState.HELD,), "currency": "GBP"},
    {"currency": "GBP"},
    {"since": NOW, "before": NOW + DAY},
    {"text": "CT-"},
    {"text": "CT-", "states": STATES, "currency": "GBP", "since": NOW},
]


@pytest.mark.parametrize("narrowing", NARROWINGS, ids=str)
@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("sort", ["accepted_at", "created_at", "number"])
@pytest.mark.parametrize("after", [False, True])
def test_no_page_goes_through_all_orders(
    file: sqlite3.Connection, narrowing: dict[str, Any], few: int, sort: str, after: bool
) -> None:
    place = page(file, Search(sort=sort, limit=3)).next if after else None
    with mock.patch.object(order_search, "FEW", few):
        steps = plans(file, Search(sort=sort, after=place or "", **narrowing))
    tables = ("SCAN orders", "SCAN sales", "SCAN order_lines")
    assert not [step for step in steps if step.startswith(tables) and "INDEX" not in step]
    assert not [step for step in steps if "INDEX orders_by" in step and "SCAN" in step and step.endswith("_by_state")]
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    assert not sorts or few, "only a few are sorted"


@pytest.mark.parametrize("text", ["CT-0035", "so-0001", "SKU-7", "0f3a"])
def test_what_is_called_so_is_looked_up(file: sqlite3.Connection, text: str) -> None:
    steps = plans(file, Search(text=text))
    assert not [step for step in steps if step.startswith("SCAN") and "subquery" not in step]


def test_a_name_nobody_has_is_looked_up_and_not_searched_for(file: sqlite3.Connection) -> None:
    run = list[str]()
    file.set_trace_callback(run.append)
    assert orders.find(file, "nobody") is None
    file.set_trace_callback(None)
    steps = [step[3] for one in run for step in file.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert len(run) == 3
    assert not [step for step in steps if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
