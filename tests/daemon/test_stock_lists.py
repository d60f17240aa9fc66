"""Each list of SKUs holds those it is named for and no others; what people do about stock goes over the socket too."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec
import pytest

from actors.domain.facts import FactKind, Product
from actors.messages import Flow
from actors.stock.assessing import outlook
from adapters.operator.list_api import STOCK_STATES
from adapters.operator.problems import ProblemError
from daemon import stock_actions
from daemon.cli import main
from daemon.control import control_server
from daemon.control_client import RefusedError, address, ask
from daemon.desk.stock_list import StockSearch, stock_list
from storage import audit, demand, entries, facts, outbox, stock
from storage.database import connect
from storage.stock import Block
from tests.daemon.test_stock_desk import BRACED, ODD, SKUS, on_sale
from tests.daemon_app import IDS, NOW, TestApp, assembled, make_file, write_config

ME = pwd.getpwuid(os.getuid()).pw_name
HOUR = 3_600_000

Change = Callable[[sqlite3.Connection], object]


def on_entry(assignment: str) -> Change:
    return lambda connection: connection.execute(f"UPDATE entries SET {assignment} WHERE sku = 'MUG'")  # noqa: S608


def blocked(until: int | None) -> Change:
    block = Block(sku="MUG", until=until, reason="recall", author="olga", at=NOW)
    return lambda connection: stock.block(connection, block)


def confirmed(connection: sqlite3.Connection) -> None:
    stock.hold_zero(connection, "MUG", number=2, now=NOW)
    stock.confirm_zeros(connection)


def as_product(**changes: Any) -> Change:
    product = msgspec.structs.replace(Product(id="MUG", sku="MUG", name="Mug", type="Stock"), **changes)
    return lambda connection: facts.store(connection, FactKind.PRODUCT, [product], now=NOW, whole=False)


LISTED = [
    ("waiting", on_entry("waits = 'mark', waits_since = 1"), ["MUG"]),
    ("refused", on_entry("refused = 'no such channel'"), ["MUG"]),
    ("missing", on_entry("entry_id = NULL"), ["MUG"]),
    ("held", lambda connection: stock.hold_zero(connection, "MUG", number=2, now=NOW), ["MUG"]),
    ("held", confirmed, []),
    ("blocked", blocked(None), ["MUG"]),
    ("blocked", blocked(NOW + 1), ["MUG"]),
    ("blocked", blocked(NOW), []),  # over: it is published again
    ("left", as_product(type="Service"), ["MUG", "WRAP"]),
    ("left", as_product(drop_ship="Always Drop Ship"), ["MUG", "WRAP"]),
    ("left", as_product(type="Something new"), ["MUG", "WRAP"]),
    ("left", as_product(status="Deprecated"), ["WRAP"]),  # it is ours: published as 0
]


@pytest.mark.parametrize(("state", "change", "skus"), LISTED)
async def test_a_list_holds_what_it_is_named_for(tmp_path: Path, state: str, change: Change, skus: list[str]) -> None:
    async with assembled(tmp_path, on_sale) as app:
        await app.engine.database.run(lambda connection: [change(connection)])
        rules, read = app.engine.plan.stock, app.engine.database.read
        page = await read(
            lambda connection: stock_list(connection, rules, StockSearch(state=state, after="", limit=100), now=NOW)
        )
    assert [item["sku"] for item in page["items"]] == skus


async def test_a_figure_is_stale_from_its_limit_on(tmp_path: Path) -> None:
    """A SKU that was never read has no figure that could be old."""
    async with assembled(tmp_path, on_sale) as app:
        rules, read = app.engine.plan.stock, app.engine.database.read
        limit = (await read(lambda connection: outlook(connection, rules, now=NOW))).stale_after
        assert limit == HOUR

        async def stale(now: int) -> list[str]:
            page = await read(
                lambda connection: stock_list(
                    connection, rules, StockSearch(state="stale", after="", limit=100), now=now
                )
            )
            return [item["sku"] for item in page["items"]]

        read_at = NOW - 4_000
        assert await stale(read_at + limit) == []
        assert await stale(read_at + limit + 1) == sorted(SKUS)


def on_sale_only(connection: sqlite3.Connection) -> None:
    """Nothing is the matter."""


def block_all(connection: sqlite3.Connection) -> None:
    for sku in SKUS:
        stock.block(connection, Block(sku=sku, until=None, reason="recall", author="olga", at=NOW))


def hold_all(connection: sqlite3.Connection) -> None:
    for sku in SKUS:
        stock.hold_zero(connection, sku, number=2, now=NOW)


_EVERY: dict[str, Change] = {
    "left": lambda connection: connection.execute("DELETE FROM facts WHERE kind = 'product'"),
    "blocked": block_all,
    "waiting": lambda connection: connection.execute("UPDATE entries SET waits = 'mark', waits_since = 1"),
    "refused": lambda connection: connection.execute("UPDATE entries SET refused = 'no'"),
    "held": hold_all,
    "missing": lambda connection: connection.execute("UPDATE entries SET entry_id = NULL"),
}
"""What puts every SKU on a list; on the others they stand already, hours later."""


@pytest.mark.parametrize("state", STOCK_STATES)
async def test_every_list_goes_on_where_its_page_ended(tmp_path: Path, state: str) -> None:
    """One SKU a page shows the same as all at once, in the same order."""

    def all_of_them(connection: sqlite3.Connection) -> None:
        on_sale(connection)
        _EVERY.get(state, on_sale_only)(connection)

    async with assembled(tmp_path, all_of_them) as app:
        rules, read = app.engine.plan.stock, app.engine.database.read

        async def page(after: str, limit: int) -> dict[str, Any]:
            now = NOW + 2 * HOUR
            return await read(
                lambda connection: stock_list(
                    connection, rules, StockSearch(state=state, after=after, limit=limit), now=now
                )
            )

        whole = await page("", 100)
        found: list[str] = []
        after: str | None = ""
        while after is not None and len(found) <= len(whole["items"]):  # a page that stands still ends as well
            one = await page(after, 1)
            found += [item["sku"] for item in one["items"]]
            after = one["next"]
    assert found == [item["sku"] for item in whole["items"]]
    assert len(found) >= 4
    assert whole["next"] is None


# -- over the socket ---------------------------------------------------------------------------------------------------


async def post(path: Path, *parts: str, **body: str) -> dict[str, Any]:
    return await anyio.to_thread.run_sync(lambda: ask(path, "POST", address(*parts), dict(body)))


async def audited(app: TestApp, record: str) -> list[tuple[str, str]]:
    rows = await app.engine.database.read(lambda connection: audit.of_record(connection, record))
    return [(author, action) for _, author, action, _ in rows]


@pytest.mark.parametrize("sku", ["MUG", ODD, BRACED])
async def test_a_sale_is_stopped_and_goes_on_once_each(tmp_path: Path, sku: str) -> None:
    path = tmp_path / "tallyd.sock"
    async with assembled(tmp_path, on_sale) as app, control_server(app, path):
        for verb, words in (("block", {"reason": "recall"}), ("unblock", {})):
            done = [(await post(path, "stock", sku, verb, **words))["done"] for _ in range(2)]
            assert done == [True, False]
        with pytest.raises(RefusedError, match="reason"):
            await post(path, "stock", sku, "block")
        assert await audited(app, f"sku:{sku}") == [(ME, "block"), (ME, "unblock")]
        read = app.engine.database.read
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.STOCK, f"sku:{sku}"))
        assert [entry.suspended for entry in await read(lambda connection: entries.of_sku(connection, sku))] == [
            "unblocked"
        ]


async def test_a_block_outlives_the_sku_and_is_ended_all_the_same(tmp_path: Path) -> None:
    async with assembled(tmp_path, blocked(None)) as app:
        assert (await stock_actions.unblock_sku(app, "MUG", author="olga", reason=""))["done"]
        with pytest.raises(ProblemError, match="Neither side"):
            await stock_actions.unblock_sku(app, "MUG", author="olga", reason="")


async def test_an_orders_units_are_let_go_and_its_skus_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "tallyd.sock"
    async with assembled(tmp_path, on_sale) as app, control_server(app, path):
        read = app.engine.database.read
        skus = await read(lambda connection: demand.skus_of(connection, IDS["A-3"]))
        assert skus
        await app.engine.database.run(lambda connection: connection.execute("DELETE FROM outbox").rowcount)
        with pytest.raises(RefusedError, match="reason"):
            await post(path, "orders", "A-3", "release-units")
        done = [(await post(path, "orders", "A-3", "release-units", reason="by hand"))["done"] for _ in range(2)]
        assert done == [True, False]
        assert await audited(app, f"order:{IDS['A-3']}") == [(ME, "release units")]
        nudged = await read(lambda connection: connection.execute("SELECT flow, subject FROM outbox").fetchall())
        assert {(Flow.STOCK, f"sku:{sku}") for sku in skus} <= set(nudged)
        with pytest.raises(RefusedError, match="No order"):
            await post(path, "orders", "A-999", "release-units", reason="by hand")


# -- at a terminal -----------------------------------------------------------------------------------------------------


SHOWN = [
    (on_entry("waits = 'mark', waits_since = 1"), "waits for: the sweep to know every order"),
    (on_entry("suspended = 'unblocked'"), "raised again only after a true-up: unblocked"),
    (on_entry("refused = 'no such channel'"), "refused: no such channel"),
    (on_entry("expected_delivery = '2027-03-01'"), "next delivery: 2027-03-01"),
    (blocked(None), "Blocked until it is unblocked by olga: recall"),
    (as_product(type="Service"), "It is service."),
]


@pytest.mark.parametrize(("change", "line"), SHOWN)
def test_what_stands_in_the_way_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, line: str
) -> None:
    config = str(write_config(tmp_path))
    make_file(tmp_path / "tallyd.db", on_sale)
    assert main(["stock", "show", "MUG", "--config", config]) == 0
    assert line not in capsys.readouterr().out
    connection = connect(tmp_path / "tallyd.db")
    change(connection)
    connection.close()
    assert main(["stock", "show", "MUG", "--config", config]) == 0
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["block", "MUG", "--reason", "recall"],
        ["unblock", "MUG"],
        ["release", "A-3", "--reason", "by hand"],
    ],
)
def test_without_a_daemon_nothing_is_done_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    config = str(write_config(tmp_path))
    make_file(tmp_path / "tallyd.db", on_sale)
    assert main(["stock", *words, "--config", config]) == 1
    assert "the daemon is not running" in capsys.readouterr().err
