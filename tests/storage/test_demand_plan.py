"""What orders claim is read for every SKU again and again: it must not go through the log of calls."""

from __future__ import annotations

import sqlite3
from typing import Any

from storage import demand
from storage.schema import upgrade


class _Planner:
    """Asks how a statement would be run instead of running it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.steps: list[str] = []

    def execute(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        rows = self._connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        self.steps += [row[3] for row in rows]
        return []


def test_the_calls_of_an_order_are_found_by_its_id() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=0)
    planner = _Planner(connection)

    demand.claims_of(planner, "A", "")  # type: ignore[arg-type]

    assert "SEARCH c USING INDEX calls_by_subject (subject=?)" in planner.steps, planner.steps


def test_what_no_ledger_needs_is_found_without_going_through_all_orders() -> None:
    connection, run = sqlite3.connect(":memory:", isolation_level=None), list[str]()
    upgrade(connection, now=0)
    connection.set_trace_callback(run.append)
    demand.prune(connection, before=1)
    connection.set_trace_callback(None)

    [statement] = run
    steps = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert "SEARCH orders USING PRIMARY KEY (id=?)" in steps, steps
    assert not [step for step in steps if step.startswith("SCAN orders")]
