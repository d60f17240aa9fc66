"""The first page counts what needs somebody, says why, and for how long; what it counts is in the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.domain.exception_types import Finding
from actors.messages import Flow
from daemon.desk.lists import ListDesk
from storage import exceptions, orders
from storage.exceptions import Record
from tests.daemon_app import NOW, a_hold, a_sale, an_order, assembled, fill
from tests.orders_builder import plain_order

HOUR = 3_600_000


def books(connection: sqlite3.Connection, order_id: str, *, step: str, verdict: str = "agrees") -> None:
    connection.execute(
        "INSERT INTO books (order_id, sale_id, day, currency, step, verdict)"
        " VALUES (?, 'sale', '2027-01-14', 'GBP', ?, ?)",
        (order_id, step, verdict),
    )


async def shown(folder: Path, *units: Any) -> dict[str, Any]:
    async with assembled(folder, fill) as app:
        for unit in units:
            await app.engine.database.run(unit)
        return dict(await ListDesk(app).overview())


async def test_what_is_not_in_cin7_is_told_by_reason(tmp_path: Path) -> None:
    """A-1 has its sale, A-2 is held, A-3 was just accepted."""
    told = (await shown(tmp_path))["orders"]
    assert told == {
        "not_in_cin7": 2,
        "by_reason": [
            {"reason": "", "state": "accepted", "count": 1, "oldest_at": "2027-01-15T08:00:00.002Z"},
            {"reason": "sku_unknown", "state": "held", "count": 1, "oldest_at": "2027-01-15T08:00:00.001Z"},
        ],
        "oldest_waiting_at": "2027-01-15T08:00:00.001Z",
    }


async def test_a_held_order_with_a_sale_is_in_cin7(tmp_path: Path) -> None:
    def held(connection: sqlite3.Connection) -> None:
        record = orders.find(connection, "A-1")
        assert record is not None
        a_hold(connection, record.id, "A-1", code="totals_differ")

    assert (await shown(tmp_path, held))["orders"]["not_in_cin7"] == 2


EXCEPTIONS = [
    ("fresh", "UPDATE exceptions SET due_at = ?", NOW + HOUR, 0),
    ("past its due time", "UPDATE exceptions SET due_at = ?", NOW, 1),
    ("past it, but snoozed", "UPDATE exceptions SET due_at = 1, snoozed_until = ?", NOW + HOUR, 0),
    ("past it, and awake again", "UPDATE exceptions SET due_at = 1, snoozed_until = ?", NOW, 1),
]


@pytest.mark.parametrize(("name", "sql", "at", "overdue"), EXCEPTIONS, ids=[case[0] for case in EXCEPTIONS])
async def test_exceptions_are_counted_by_owner(tmp_path: Path, name: str, sql: str, at: int, overdue: int) -> None:
    def resolved(connection: sqlite3.Connection) -> None:
        exceptions.raise_finding(
            connection, Record(kind="order", id="x"), Finding(code="sku_unknown", cause="c", sku="B"), now=1
        )
        exceptions.resolve(connection, 2, resolution="over", now=NOW)

    told = (await shown(tmp_path, resolved, lambda connection: connection.execute(sql, (at,)) and None))["owners"]
    by_owner = {one["owner"]: one for one in told}
    assert list(by_owner) == ["ops", "finance", "ecommerce", "it"]
    owner = next(one for one in told if one["open"])
    assert owner["open"] == 1
    assert owner["overdue"] == overdue, name
    assert owner["oldest_at"] == "2027-01-15T08:00:00.000Z"
    assert sum(one["open"] for one in told) == 1


async def test_of_several_the_oldest_is_told_and_the_commonest_reason_first(tmp_path: Path) -> None:
    def several(connection: sqlite3.Connection) -> None:
        for number in range(3):
            order = msgspec.structs.replace(plain_order(), id=f"new-{number}", number=f"N-{number}")
            orders.accept(connection, order, now=NOW + HOUR * (number - 1))
        for sku, opened_at in (("B", NOW - HOUR), ("C", NOW + HOUR)):
            finding = Finding(code="sku_unknown", cause="c", sku=sku)
            exceptions.raise_finding(connection, Record(kind="order", id="x"), finding, now=opened_at)

    told = await shown(tmp_path, several)
    first, last = told["orders"]["by_reason"]
    assert (first["state"], first["count"], first["oldest_at"]) == ("accepted", 4, "2027-01-15T07:00:00.000Z")
    assert (last["state"], last["count"]) == ("held", 1)
    assert told["orders"]["oldest_waiting_at"] == "2027-01-15T07:00:00.000Z"
    owner = next(one for one in told["owners"] if one["open"])
    assert (owner["open"], owner["oldest_at"]) == (3, "2027-01-15T07:00:00.000Z")


async def test_finance_is_told_what_to_release(tmp_path: Path) -> None:
    def to_release(connection: sqlite3.Connection) -> None:
        ids = [record.id for record in orders.listing(connection)]
        for order_id, (step, verdict) in zip(
            ids, (("waits", "agrees"), ("asked", "differs"), ("", "differs")), strict=True
        ):
            books(connection, order_id, step=step, verdict=verdict)

    told = (await shown(tmp_path, to_release))["finance"]
    assert told == {
        "to_release": 2,
        "days": [{"day": "2027-01-14", "orders": 2, "amounts": ["39.98 GBP"]}],
        "differ": 2,
    }


async def test_the_backlog_counts_the_orders_that_wait(tmp_path: Path) -> None:
    """Two calls for the one that was accepted, one for the one whose sale is begun; sixty calls a minute."""
    told = (await shown(tmp_path))["backlog"]
    assert told["per_lane"]["orders"] == 3
    assert (told["calls"], told["orders"], told["paused"]) == (3, 1, False)
    assert told["minutes"] == pytest.approx(3 / 60)
    assert told["gone_at"] == "2027-01-15T08:00:04.000Z"


async def test_a_backlog_of_a_paused_flow_has_no_end(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        app.engine.dispatcher.paused.add(Flow.ORDERS)
        told = (await ListDesk(app).overview())["backlog"]
    assert (told["gone_at"], told["paused"], told["calls"]) == (None, True, 3)


async def test_a_backlog_of_a_flow_that_stands_still_has_no_end(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        app.engine.dispatcher.stopped.add(Flow.ORDERS)
        told = (await ListDesk(app).overview())["backlog"]
    assert (told["gone_at"], told["paused"], told["calls"]) == (None, False, 3)


async def test_without_orders_nothing_waits(tmp_path: Path) -> None:
    async with assembled(tmp_path, lambda connection: None) as app:
        told = await ListDesk(app).overview()
    assert (told["backlog"]["calls"], told["backlog"]["minutes"], told["backlog"]["gone_at"]) == (0, 0.0, None)
    assert told["orders"] == {"not_in_cin7": 0, "by_reason": [], "oldest_waiting_at": None}
    assert told["finance"] == {"to_release": 0, "days": [], "differ": 0}


def test_each_figure_is_read_from_its_index(tmp_path: Path) -> None:
    from storage import overview
    from tests.stored import fresh

    connection, run = fresh(tmp_path), list[str]()
    a_sale(connection, an_order("A-1", connection=connection))
    connection.set_trace_callback(run.append)
    overview.owners(connection, now=NOW)
    overview.not_in_cin7(connection)
    overview.to_release(connection)
    overview.differing(connection)
    connection.set_trace_callback(None)
    steps = [step[3] for one in run for step in connection.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert not [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert not [step for step in steps if step.startswith("SCAN b ") or "SCAN orders USING INDEX orders_by" in step]
    connection.close()
