"""No page goes through a table that grows with every order: each statement behind each page is explained."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from bench import console, console_file
from storage.database import connect

ORDERS = 1_000

GROWING = frozenset(
    {
        "bodies",
        "books",
        "calls",
        "deed_items",
        "demand",
        "discrepancies",
        "exported",
        "fulfilments",
        "ledger_lines",
        "listed_sales",
        "margins",
        "notifications",
        "order_lines",
        "orders",
        "outbox",
        "postings",
        "refunds",
        "sales",
        "timeline",
    }
)
"""Tables with a row, or many, for every order there ever was."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop in small: plans do not depend on how much there is."""
    path = tmp_path_factory.mktemp("shop") / "tallyd.db"
    sizes = {"HELD": 300, "WAITING": 100, "RESOLVED": 200, "AUDITED": 100, "SKUS": 200}
    sizes |= {"JUDGED": 200, "ALERTS": 50, "DEEDS": 20, "POSTED": 200}
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(console_file, name, size)
        console.made(path, ORDERS)
    yield path


async def test_no_page_goes_through_all_there_ever_was(shop: Path) -> None:
    run: list[str] = []
    asked: dict[str, str] = {}
    async with (
        console.served(shop, inline=True) as (port, database),
        aiohttp.ClientSession(headers=console.HEADERS) as session,
    ):
        assert database._inline_reader is not None
        database._inline_reader.set_trace_callback(run.append)
        for path in console.paths(ORDERS):
            run.clear()
            _, _, status = await console.asked(session, f"http://127.0.0.1:{port}{path}")
            assert status in (200, 404), path
            asked |= dict.fromkeys(run, path)
    assert len(asked) > 100, "what is asked is seen"
    with closing(connect(shop, read_only=True)) as connection:
        whole = [f"{path}: {sql}" for sql, path in asked.items() if _reads_whole(connection, sql)]
    assert not whole


def _reads_whole(connection: sqlite3.Connection, sql: str) -> bool:
    steps = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    scanned = [step.split()[1] for step in steps if step.startswith("SCAN ") and " USING " not in step]
    return any(_table(sql, name) in GROWING for name in scanned)


def _table(sql: str, name: str) -> str:
    """Return the table that goes by a name in a statement."""
    found = re.search(rf"(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?{re.escape(name)}\b", sql)
    return name if found is None else found.group(1)
