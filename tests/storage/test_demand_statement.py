"""What an order claims is asked for every SKU at every reading: the statement is compiled once, not each time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storage import demand
from tests.stored import fresh


def test_the_claims_of_another_sku_are_asked_by_the_statement_that_is_compiled(tmp_path: Path) -> None:
    compiled: list[int] = []

    def note(action: int, *_named: str | None) -> int:
        compiled.append(action)
        return sqlite3.SQLITE_OK

    with closing(fresh(tmp_path)) as connection:
        connection.set_authorizer(note)
        demand.claims_of(connection, "A", "")
        assert compiled
        compiled.clear()
        demand.claims_of(connection, "B", "main")
        assert compiled == []
