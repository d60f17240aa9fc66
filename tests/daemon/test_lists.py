"""Orders, SKUs and their history over HTTP: narrowed, sorted, a page at a time, and as tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from adapters.operator.server import operator_server
from daemon.readmodel import LiveReading
from tests.daemon.test_stock_desk import bought
from tests.daemon_app import IDS, NOW, assembled

DAY = 86_400_000


class Asking:
    """A client of the lists."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self._port = port
        self._session = session

    async def text(self, path: str) -> tuple[int, str]:
        async with self._session.get(f"http://127.0.0.1:{self._port}/api/{path}") as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> dict[str, Any]:
        async with self._session.get(f"http://127.0.0.1:{self._port}/api/{path}") as answer:
            body: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 200, body
            return body

    async def rows(self, path: str) -> list[dict[str, str]]:
        status, text = await self.text(path)
        assert status == 200, text
        return list(csv.DictReader(io.StringIO(text)))


def shop(connection: sqlite3.Connection) -> None:
    """Three orders (a sale, a held one, a new one), four SKUs on sale and a service."""
    bought(connection)
    connection.execute("UPDATE orders SET currency = 'EUR', created_at = 1 WHERE number = 'A-3'")


@asynccontextmanager
async def asking(folder: Path, *, inline: bool = True) -> AsyncIterator[Asking]:
    async with (
        assembled(folder, shop, inline=inline) as app,
        operator_server("127.0.0.1:0", LiveReading(app)) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Asking(port, session)


# -- orders -----------------------------------------------------------------------------------------------------------

FOUND = [
    ("", ["A-3", "A-2", "A-1"]),
    ("?order=asc", ["A-1", "A-2", "A-3"]),
    ("?sort=created_at&order=asc", ["A-3", "A-1", "A-2"]),
    ("?sort=number&order=desc", ["A-3", "A-2", "A-1"]),
    ("?state=held", ["A-2"]),
    ("?state=in_cin7", ["A-1"]),
    ("?state=not_in_cin7", ["A-3", "A-2"]),
    ("?currency=eur", ["A-3"]),
    ("?text=a-2", ["A-2"]),
    ("?text=so-0004", ["A-1"]),
    (f"?text={IDS['A-3'][:36].upper()}", ["A-3"]),
    ("?text=nobody", []),
    ("?from=2027-01-15&to=2027-01-15", ["A-3", "A-2", "A-1"]),
    ("?from=2027-01-16", []),
    ("?to=2027-01-14", []),
    ("?to=9999-12-31", ["A-3", "A-2", "A-1"]),
]


async def test_orders_are_found_and_sorted(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        for query, wanted in FOUND:
            found = await here.get(f"orders{query}")
            assert [item["number"] for item in found["items"]] == wanted, query
            assert (found["next"], found["total"]) == (None, len(wanted)), query


async def test_an_order_says_how_many_of_its_exceptions_are_open(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        found = await here.get("orders")
    assert {item["number"]: item["open_exceptions"] for item in found["items"]} == {"A-1": 0, "A-2": 1, "A-3": 0}
    assert found["items"][2]["cin7"]["number"] == "SO-00042"


@pytest.mark.parametrize(
    "query",
    ["state=nowhere", "sort=payable", "order=up", "from=2027-13-01", "to=today", "after=nobody", "currencies=EUR"],
)
async def test_what_means_nothing_is_refused(tmp_path: Path, query: str) -> None:
    async with asking(tmp_path) as here:
        status, _ = await here.text(f"orders?{query}")
    assert status == 400


async def test_orders_are_saved_as_a_table_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.desk.lists.MOST_ROWS", 1)
    async with asking(tmp_path) as here:
        rows = await here.rows("orders.csv?sort=number&order=asc")
        narrowed = await here.rows("orders.csv?state=held")
    assert [row["number"] for row in rows] == ["A-1", "A-2", "A-3"]
    assert (rows[0]["sale"], rows[1]["open_exceptions"], rows[2]["currency"]) == ("SO-00042", "1", "EUR")
    assert [row["reason"] for row in narrowed] == ["sku_unknown"]


async def test_a_number_is_no_formula(tmp_path: Path) -> None:
    def named(connection: sqlite3.Connection) -> None:
        shop(connection)
        connection.execute("UPDATE orders SET number = '=HYPERLINK(\"x\")' WHERE number = 'A-3'")

    async with (
        assembled(tmp_path, named) as app,
        operator_server("127.0.0.1:0", LiveReading(app)) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        rows = await Asking(port, session).rows("orders.csv")
    assert rows[0]["number"] == '\'=HYPERLINK("x")'


# -- SKUs -------------------------------------------------------------------------------------------------------------


async def test_skus_are_sorted_by_their_figures_a_page_at_a_time(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        for sort in ("sku", "published", "available", "read_at"):
            for order in ("asc", "desc"):
                whole = await here.get(f"stock?sort={sort}&order={order}")
                places = [_figure(item, sort) for item in whole["items"]]
                assert places == sorted(places, reverse=order == "desc"), (sort, order)
                assert whole["total"] == len(whole["items"]) == 5
                assert await _by_pages(here, sort, order) == [item["sku"] for item in whole["items"]]


def _figure(item: dict[str, Any], sort: str) -> tuple[Any, str]:
    figures = {
        "sku": "",
        "published": sum(entry["published"] for entry in item["entries"]),
        "available": float(item["available"]),
        "read_at": item["read_at"] or "",
    }
    return figures[sort], item["sku"]


async def _by_pages(here: Asking, sort: str, order: str) -> list[str]:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        # As a parameter: an SKU may hold anything.
        query = str(yarl.URL("").with_query(sort=sort, order=order, limit="2", after=after))
        part = await here.get(f"stock{query}")
        found += [item["sku"] for item in part["items"]]
        after = part["next"]
    return found


NARROWED = [
    ("text=mug", ["MUG"]),
    ("text=of STONE", ["A/B c,é", "BOWL", "MUG", "{50%}%2F?#"]),
    ("state=waiting", []),
    ("state=missing", []),
    ("state=left", ["WRAP"]),
    ("state=left&text=GIFT", ["WRAP"]),
    ("state=left&text=mug", []),
]


@pytest.mark.parametrize(("query", "wanted"), NARROWED)
async def test_skus_are_narrowed(tmp_path: Path, query: str, wanted: list[str]) -> None:
    async with asking(tmp_path) as here:
        found = await here.get(f"stock?{query}")
        rows = await here.rows(f"stock.csv?{query}")
    assert [item["sku"] for item in found["items"]] == wanted
    assert [row["sku"] for row in rows] == wanted


async def test_what_is_left_alone_is_listed_by_sku(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        for query in ("state=left&sort=published", "state=left&order=desc"):
            status, _ = await here.text(f"stock?{query}")
            assert status == 400, query


async def test_what_was_published_is_drawn_by_channel(tmp_path: Path) -> None:
    def changed(connection: sqlite3.Connection) -> None:
        shop(connection)
        for days, channel, quantity in ((1, "uk", 5), (2, "", 7), (0, "", 3), (40, "", 9)):
            connection.execute(
                "INSERT INTO stock_history (at, sku, channel, step, before, quantity, sum)"
                " VALUES (?, 'MUG', ?, 'sold', NULL, ?, ?)",
                (NOW - days * DAY, channel, quantity, '{"available": 8}' if quantity == 7 else "{}"),
            )

    async with (
        assembled(tmp_path, changed) as app,
        operator_server("127.0.0.1:0", LiveReading(app)) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        told = await Asking(port, session).get("stock/MUG/history?days=30")
        long_ago = await Asking(port, session).get("stock/MUG/history?days=60")
        nothing = await Asking(port, session).get("stock/NEVER/history")
    shown = {one["channel"]: [(at["quantity"], at["available"]) for at in one["points"]] for one in told["channels"]}
    assert shown == {"": [(7, 8), (3, None)], "uk": [(5, None)]}
    assert sum(len(one["points"]) for one in long_ago["channels"]) == 4
    assert nothing == {"sku": "NEVER", "channels": []}


# -- the rest ---------------------------------------------------------------------------------------------------------


async def test_the_budget_has_bounds(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        assert await here.get("budget?hours=336") == {"limit": 60, "samples": []}
        for hours in ("0", "337", "x"):
            assert (await here.text(f"budget?hours={hours}"))[0] == 400


async def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        told = await here.get("settings")
    assert told["file"] == "tallyd.toml"
    assert len(told["hash"]) == 64


async def test_it_is_answered_from_the_reader_thread_too(tmp_path: Path) -> None:
    async with asking(tmp_path, inline=False) as here:
        assert (await here.get("overview"))["orders"]["not_in_cin7"] == 2
        assert (await here.get("orders?state=not_in_cin7"))["total"] == 2
