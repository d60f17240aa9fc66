"""Which margins are worked out anew when what a purchase cost moves: all that would be others, and few beside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.domain.facts import KitPart
from actors.domain.margins import OrderMargin
from actors.domain.purchase import LandedCost
from storage import margins, purchases, stock
from tests.bought import cost, mark, purchase
from tests.sold import sell, stock_item
from tests.stored import NOW, fresh

DAYS = [date(2026, 11, day) for day in range(1, 8)]
UPDATED = 1


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A file in which a SKU, and a kit of two of it, were sold on each of these days."""
    folder: Path = tmp_path_factory.mktemp("margins")
    with closing(fresh(folder)) as connection:
        stock.store_parts(connection, "KIT", [KitPart(sku="A", quantity=Decimal(2))])
        for day in DAYS:
            sell(connection, day.isoformat(), ("A", 1, "20.00"), ("KIT", 1, "50.00"), day=day.isoformat())
        yield connection


@contextmanager
def undone(file: sqlite3.Connection) -> Iterator[None]:
    """Whatever happens to the file here did not happen."""
    file.execute("SAVEPOINT example")
    try:
        yield
    finally:
        file.execute("ROLLBACK TO example")
        file.execute("RELEASE example")


def work_out(file: sqlite3.Connection) -> int:
    """Work out what is due; return how many orders it was."""
    due = margins.due(file, limit=99)
    for order_id in due:
        day = date.fromisoformat(order_id.removeprefix("order-"))
        rows = [_margin(file, order_id, sku, day) for sku in ("A", "KIT")]
        margins.store(file, order_id, rows, now=NOW)
    return len(due)


def _margin(file: sqlite3.Connection, order_id: str, sku: str, day: date) -> OrderMargin:
    known = purchases.unit_cost(file, sku, day)
    return OrderMargin(
        order_id=order_id,
        sku=sku,
        day=day,
        quantity=Decimal(1),
        net=Decimal(20),
        unit=known.unit if known is not None else None,
        source=known.source if known is not None else "",
        percent=None,
    )


def read(file: sqlite3.Connection, purchase_id: str, *costs: LandedCost) -> None:
    purchases.list_marks(file, [mark(purchase_id, updated_at=UPDATED)], again=False, now=NOW)
    moved = purchases.store(file, purchase(purchase_id), listed=UPDATED, costs=costs, brings=(), now=NOW)
    margins.purchase_moved(file, purchase_id, f"PO-{purchase_id}", moved.costed)


def remove(file: sqlite3.Connection, purchase_id: str) -> None:
    moved = purchases.remove(file, purchase_id)
    margins.purchase_moved(file, purchase_id, f"PO-{purchase_id}", moved.costed)


Step = tuple[str, str, str, date, date]
STEPS = st.tuples(
    st.sampled_from(["p1", "p2", "p3"]),
    st.sampled_from(["nothing", "gone", "0", "1"]),
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from(DAYS),
    st.sampled_from(DAYS),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, max_size=6), average=st.booleans())
def test_whatever_moves_each_margin_is_what_it_would_be_from_scratch(
    file: sqlite3.Connection, steps: list[Step], average: bool
) -> None:
    with undone(file):
        if average:
            stock_item(file, "A", "4")
        work_out(file)
        for purchase_id, value, unit, one, other in steps:
            first, last = sorted((one, other))
            if value == "gone":
                remove(file, purchase_id)
            elif value == "nothing":
                read(file, purchase_id)
            else:
                read(file, purchase_id, cost(unit, purchase_id=purchase_id, value=value, first=first, day=last))
            work_out(file)
            for day in DAYS:
                order_id = f"order-{day.isoformat()}"
                assert margins.of_order(file, order_id) == [_margin(file, order_id, sku, day) for sku in ("A", "KIT")]


def test_a_new_receipt_moves_what_was_sold_since_and_nothing_before(file: sqlite3.Connection) -> None:
    with undone(file):
        stock.store_parts(file, "KIT", [])
        read(file, "p1", cost("2", day=DAYS[0]))
        work_out(file)
        read(file, "p2", cost("3", purchase_id="p2", day=DAYS[5]))
        assert margins.due(file, limit=9) == [f"order-{day.isoformat()}" for day in DAYS[5:]]
