"""What waits of a day is counted at each look at an order: it must not go through all books."""

from __future__ import annotations

import sqlite3

from storage import books
from storage.schema import upgrade


def test_books_that_wait_are_found_by_their_step() -> None:
    connection, run = sqlite3.connect(":memory:", isolation_level=None), list[str]()
    upgrade(connection, now=0)
    connection.set_trace_callback(run.append)
    books.count_in_step(connection, "waits", day="2026-12-01")
    books.in_step(connection, "waits", day="2026-12-01")
    books.in_step(connection, "waits")
    connection.set_trace_callback(None)

    assert len(run) == 3
    for statement in run:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert all("books_by_step" in step for step in plan), plan
