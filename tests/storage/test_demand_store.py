"""Claims on disk over an order's life: edits, shortages told early or late, sales booked elsewhere, history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.domain.availability import Claim
from actors.domain.facts import KitPart
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from storage import availability, census, demand, orders, stock
from storage.orders import SaleRecord
from tests.orders_builder import ORDER_ID, line, plain_order
from tests.stored import NOW, fresh

LATER = NOW + 60_000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def an_order(*goods: tuple[str, int, str], version: int = 1, **changes: Any) -> Order:
    """Return an order of (SKU, quantity, channel)."""
    lines = tuple(
        msgspec.structs.replace(line(sku, quantity), id=f"{place}", supply_channel=channel or None)
        for place, (sku, quantity, channel) in enumerate(goods)
    )
    return msgspec.structs.replace(plain_order(), lines=lines, version=version, **changes)


def claim(file: sqlite3.Connection, sku: str = "A", channel: str = "") -> Claim:
    [found] = demand.claims_of(file, sku, channel)
    return found


def uncounted(file: sqlite3.Connection, sku: str = "A", channel: str = "", *, began: int = 3_600_000) -> int:
    """Return what a reading of much later does not show as taken, at most."""
    return int(claim(file, sku, channel).uncounted(NOW + began, NOW + began + 100).most)


def stirred(file: sqlite3.Connection) -> set[str]:
    """Return the SKUs the stock flow was nudged about, and forget the nudges."""
    found = {row[0].removeprefix("sku:") for row in file.execute("SELECT subject FROM outbox WHERE flow = 'stock'")}
    file.execute("DELETE FROM outbox")
    return found


def post(file: sqlite3.Connection, *, sale: str = "sale-1", now: int = NOW + 5_000) -> None:
    for state in (OrderState.CREATING, OrderState.HEADER):
        orders.move(file, ORDER_ID, state, now=now)
    orders.add_sale(
        file,
        SaleRecord(
            sale_id=sale, order_id=ORDER_ID, generation=1, reference=sale, number=None, made_at=now, voided_at=None
        ),
    )
    orders.move(file, ORDER_ID, OrderState.POSTED, now=now)


def export(file: sqlite3.Connection) -> None:
    post(file)
    orders.export(file, ORDER_ID, now=NOW + 6_000)


# -- what an order asks for --------------------------------------------------------------------------------------------


def test_lines_of_one_sku_and_channel_are_one_claim_and_channels_are_apart(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, ""), ("A", 3, ""), ("A", 1, "paris"), ("B", 1, "")), now=NOW)
    assert (claim(file).units, claim(file, "A", "paris").units, claim(file, "B").units) == (5, 1, 1)
    assert stirred(file) == set()


def test_a_line_of_another_mode_than_the_order_takes_nothing_off(file: sqlite3.Connection) -> None:
    order = an_order(("A", 2, ""), ("B", 3, ""))
    quiet = msgspec.structs.replace(order.lines[1], inventory_mode="None")
    orders.accept(file, msgspec.structs.replace(order, lines=(order.lines[0], quiet)), now=NOW)
    assert (claim(file).taken, claim(file, "B").taken) == (2, 0)
    assert stirred(file) == {"B"}


EDITS = [  # what was ordered before the edit, after it; whether the ledger had let go of it; what is claimed then
    ("more", 3, 5, False, 2),
    ("less", 3, 1, False, 0),
    ("the same", 3, 3, False, 0),
    ("more, let go", 3, 5, True, 2),
    ("less, let go", 3, 1, True, None),
    ("the same, let go", 3, 3, True, None),
]


@pytest.mark.parametrize(("_name", "before", "after", "let_go", "left"), EDITS)
def test_an_edit_of_a_counted_order(
    file: sqlite3.Connection, _name: str, before: int, after: int, let_go: bool, left: int | None
) -> None:
    orders.accept(file, an_order(("A", before, "")), now=NOW)
    export(file)
    if let_go:
        demand.forget(file, "A", "", [ORDER_ID])
    stirred(file)
    orders.accept(file, an_order(("A", after, ""), version=2), now=LATER)
    if left is None:
        assert demand.claims_of(file, "A", "") == []
        assert stirred(file) == set()
        return
    assert uncounted(file) == left
    assert stirred(file) == ({"A"} if before != after else set())


def test_a_sku_taken_out_by_an_edit_is_claimed_no_more_though_the_sale_holds_it(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, ""), ("B", 1, "")), now=NOW)
    export(file)
    stirred(file)
    orders.accept(file, an_order(("B", 1, ""), version=2), now=LATER)
    assert (claim(file).units, claim(file).counted, uncounted(file)) == (0, 2, 0)
    assert stirred(file) == {"A"}
    orders.accept(file, an_order(("B", 1, ""), version=3), now=LATER)
    assert stirred(file) == set()


def test_an_order_for_a_kit_moves_its_parts_and_the_kits_that_share_them(file: sqlite3.Connection) -> None:
    for kit in ("KIT", "BOX"):
        stock.store_parts(file, kit, [KitPart(sku="A", quantity=Decimal(1))])
    orders.accept(file, an_order(("KIT", 1, "")), now=NOW)
    assert stirred(file) == {"KIT", "A", "BOX"}


# -- what Cin7 counts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["shortage", "move"])
def test_a_shortage_may_be_told_before_the_order_is_posted_or_after(file: sqlite3.Connection, first: str) -> None:
    orders.accept(file, an_order(("A", 5, "")), now=NOW)
    tell: Callable[[], None] = lambda: orders.set_shortages(file, ORDER_ID, {"A": Decimal("1.2")}, now=NOW + 5_000)  # noqa: E731
    if first == "shortage":
        tell()
    post(file)
    if first == "move":
        tell()
    assert (uncounted(file), uncounted(file, began=5_000)) == (2, 2)
    assert stirred(file) == {"A"}


def test_what_comes_on_backorder_later_is_subtracted_again(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 5, "")), now=NOW)
    export(file)
    stirred(file)
    assert uncounted(file) == 0
    orders.set_shortages(file, ORDER_ID, {"A": Decimal(4)}, now=LATER)
    assert (uncounted(file), uncounted(file, began=30_000)) == (4, 4)
    assert stirred(file) == {"A"}
    orders.set_shortages(file, ORDER_ID, {"A": Decimal(4)}, now=LATER + 1)
    assert stirred(file) == set()


def test_counting_happens_once_a_generation(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, "")), now=NOW)
    export(file)
    found = file.execute("SELECT counted_at, uncounted_at FROM orders").fetchone()
    assert found == (NOW + 5_000, None)
    orders.void_sale(file, "sale-1", now=LATER)
    orders.void_sale(file, "sale-1", now=LATER + 9)
    assert file.execute("SELECT counted_at FROM orders").fetchone() == (None,)
    orders.next_generation(file, ORDER_ID)
    assert file.execute("SELECT counted_at, uncounted_at FROM orders").fetchone() == (None, LATER)
    assert uncounted(file) == 2
    orders.move(file, ORDER_ID, OrderState.HELD, now=LATER)
    post(file, sale="sale-2", now=LATER + 10_000)
    assert file.execute("SELECT counted_at FROM orders").fetchone() == (LATER + 10_000,)
    assert uncounted(file) == 0


def test_a_new_generation_begins_uncounted(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, "")), now=NOW)
    export(file)
    orders.next_generation(file, ORDER_ID)
    assert uncounted(file) == 2


def test_a_sale_that_held_nothing_is_voided_without_a_reading(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, "")), now=NOW)
    for state in (OrderState.CREATING, OrderState.HEADER):
        orders.move(file, ORDER_ID, state, now=NOW)
    orders.add_sale(
        file,
        SaleRecord(
            sale_id="draft", order_id=ORDER_ID, generation=1, reference="r", number=None, made_at=NOW, voided_at=None
        ),
    )
    orders.void_sale(file, "draft", now=LATER)
    assert availability.asked(file) == 0
    assert uncounted(file) == 2


def test_a_void_of_a_kit_has_its_parts_read(file: sqlite3.Connection) -> None:
    stock.store_parts(file, "A", [KitPart(sku="PART", quantity=Decimal(2))])
    orders.accept(file, an_order(("A", 2, "")), now=NOW)
    export(file)
    orders.void_sale(file, "sale-1", now=LATER)
    assert [row[0] for row in file.execute("SELECT sku FROM stock_queue ORDER BY sku")] == ["A", "PART"]


# -- sales booked elsewhere --------------------------------------------------------------------------------------------


def test_what_is_booked_where_a_channel_is_not_fed_from_counts_until_the_order_is_complete(
    file: sqlite3.Connection,
) -> None:
    goods = (("A", 2, "paris"), ("A", 1, "online"))
    orders.accept(file, an_order(*goods), now=NOW)
    post(file)
    demand.misplace(file, ORDER_ID, {"paris"})
    orders.export(file, ORDER_ID, now=NOW + 6_000)
    assert (uncounted(file, "A", "paris"), uncounted(file, "A", "online")) == (2, 0)
    stirred(file)
    orders.accept(file, an_order(*goods, version=2, state="Confirmed"), now=LATER)
    assert not claim(file, "A", "paris").released
    assert stirred(file) == set()
    orders.accept(file, an_order(*goods, version=3, state="Complete"), now=LATER)
    assert (claim(file, "A", "paris").released, claim(file, "A", "online").released) == (True, False)
    assert stirred(file) == {"A"}


# -- orders that claim nothing -----------------------------------------------------------------------------------------

HISTORY = [  # the order's state in commercetools when it is first seen; where the ledger begins; whether it claims
    ("Complete", None, False),
    ("Complete", "younger", False),
    ("Complete", "older", True),
    ("Cancelled", "younger", False),
    ("Open", "younger", True),
]


@pytest.mark.parametrize(("state", "ledger", "claims"), HISTORY)
def test_history_that_had_ended_claims_nothing_of_a_ledger_younger_than_it(
    file: sqlite3.Connection, state: str, ledger: str | None, claims: bool
) -> None:
    order = an_order(("A", 2, ""), state=state)
    if ledger is not None:
        base = order.created_at + (1 if ledger == "younger" else -1)
        file.execute(
            "INSERT INTO entries (sku, channel, read_from, read_at, put, base) VALUES ('A', '', 0, 0, 9, ?)", (base,)
        )
    orders.accept(file, order, now=NOW)
    orders.exclude_history(file, ORDER_ID, now=NOW)
    assert bool(demand.claims_of(file, "A", "")) is claims
    orders.accept(file, msgspec.structs.replace(order, version=2), now=LATER)
    assert bool(demand.claims_of(file, "A", "")) is claims


def test_an_order_commercetools_lists_no_more_is_let_go_and_looked_at(file: sqlite3.Connection) -> None:
    orders.accept(file, an_order(("A", 2, "")), now=NOW)
    assert census.note_gone(file, ORDER_ID, now=LATER)
    assert claim(file).released
    assert stirred(file) == {"A"}
    assert not census.note_gone(file, ORDER_ID, now=LATER)
    assert stirred(file) == set()


# -- any life ----------------------------------------------------------------------------------------------------------

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(0, 6)),
        st.tuples(st.just("short"), st.integers(0, 9)),
        st.sampled_from([("post", 0), ("void", 0), ("forget", 0), ("misplace", 0), ("release", 0), ("complete", 0)]),
    ),
    max_size=12,
)


def _take(file: sqlite3.Connection, step: tuple[str, int], version: int, now: int) -> None:
    what, figure = step
    state = file.execute("SELECT state FROM orders").fetchone()[0]
    match what:
        case "edit":
            orders.accept(file, an_order(*((("A", figure, ""),) if figure else ()), version=version), now=now)
        case "complete":
            units = file.execute("SELECT coalesce(sum(quantity), 0) FROM order_lines").fetchone()[0]
            goods = (("A", units, ""),) if units else ()
            orders.accept(file, an_order(*goods, version=version, state="Complete"), now=now)
        case "short":
            orders.set_shortages(file, ORDER_ID, {"A": Decimal(figure)} if figure else {}, now=now)
        case "post" if state in ("accepted", "held"):
            post(file, sale=f"sale-{version}", now=now)
        case "void" if state == "posted":
            [sale] = file.execute("SELECT sale_id FROM sales WHERE voided_at IS NULL").fetchone()
            orders.void_sale(file, sale, now=now)
            orders.next_generation(file, ORDER_ID)
            orders.move(file, ORDER_ID, OrderState.HELD, now=now)
        case "forget" if state == "posted":
            demand.forget(file, "A", "", [ORDER_ID])
        case "misplace":
            demand.misplace(file, ORDER_ID, {""})
        case "release":
            demand.release(file, ORDER_ID, now=now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(steps=_STEPS, bought=st.integers(1, 6), began=st.integers(-1, 14))
def test_no_life_of_an_order_claims_below_zero_or_more_than_it_has(
    file: sqlite3.Connection, steps: list[tuple[str, int]], bought: int, began: int
) -> None:
    file.execute("DELETE FROM sales")
    file.execute("DELETE FROM order_lines")
    file.execute("DELETE FROM orders")
    orders.accept(file, an_order(("A", bought, "")), now=NOW)
    for place, step in enumerate(steps):
        _take(file, step, place + 2, NOW + (place + 1) * 1_000)
    for found in demand.claims_of(file, "A", ""):
        bounds = found.uncounted(NOW + began * 1_000, NOW + began * 1_000 + 500)
        assert 0 <= bounds.least <= bounds.most <= found.units
        assert found.units >= 0 <= found.taken
