"""An order's calls stay with it for good, millions of them: what is asked of one goes through those of no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from actors.domain.calls import Purpose
from storage import calls, customers, timeline
from tests.stored import fresh


def test_the_calls_of_one_order_are_found_by_it(tmp_path: Path) -> None:
    with closing(fresh(tmp_path)) as connection:
        run: list[str] = []
        connection.set_trace_callback(run.append)
        calls.prove_create(connection, "o", 1, outcome="done")
        calls.may_be_done(connection, "o", 1, Purpose.CIN7_VOID_SALE)
        calls.last_doubt(connection, "o", 1)
        timeline.of_order(connection, "o")
        customers.refusals(connection, "o")
        connection.set_trace_callback(None)
        asked = [sql for sql in run if " calls " in sql]
        assert len(asked) == 5
        assert all("calls_by_subject" in step for sql in asked for step in plan(connection, sql))


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    """Return the steps of a statement that go to a table."""
    steps = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    return [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
