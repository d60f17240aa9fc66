"""What people and the storefront's back end see of stock, and what they do: over HTTP, and at a terminal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import anyio
import pytest
import yarl

from actors.domain.availability import Reading, StockRow
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Product
from actors.domain.inventory import Entry
from actors.messages import Flow
from actors.stock.assessing import OLDER_ORDERS, ORDERS_MARK
from actors.stock.reading import STOCK, Progress, keep
from adapters.operator.server import operator_server
from daemon import actions, stock_actions
from daemon.cli import main
from daemon.control import control_server
from daemon.control_client import address, ask
from daemon.health import health
from daemon.readmodel import LiveReading
from daemon.secrets import OperatorToken
from storage import audit, availability, cursors, entries, exceptions, facts, outbox, purchases, stock
from storage.cursors import Cursor
from storage.exceptions import Record
from storage.stock import Block
from tests.bought import brings, mark, purchase
from tests.daemon_app import NOW, TestApp, assembled, fill, make_file, token, write_config

OPS, OPS_TOKEN = token("olga", "ops")
VIEWER, VIEWER_TOKEN = token("vera", "viewer")
ODD = "A/B c,é"
BRACED = "{50%}%2F?#"
SKUS = ("MUG", "BOWL", ODD, BRACED)


def on_sale(connection: sqlite3.Connection) -> None:
    """Three SKUs that are published, one service with an entry, and three orders that claim nothing of them."""
    fill(connection)
    products = [Product(id=sku, sku=sku, name=f"{sku} of stone", type="Stock") for sku in SKUS]
    products.append(Product(id="wrap", sku="WRAP", name="Gift wrap", type="Service"))
    facts.store(connection, FactKind.PRODUCT, products, now=NOW, whole=True)
    keep(connection, Progress(number=2, wholes=2, whole_at=NOW, took=4_000))
    for sweep in (ORDERS_MARK, OLDER_ORDERS):
        cursors.put(connection, sweep, Cursor(at=NOW, mark=NOW), now=NOW)
    for place, sku in enumerate((*SKUS, "WRAP")):
        entry = Entry(
            id=f"e-{place}",
            sku=sku,
            channel="",
            version=3,
            quantity=8,
            modified_at=NOW,
            read_from=NOW - 100_000,
            read_at=NOW - 100_000,
        )
        entries.saw(connection, entry)
    for sku in SKUS:
        row = StockRow(sku=sku, location="Main Warehouse", available=Decimal("8.5"), on_hand=Decimal(9))
        availability.store_rows(connection, [row], number=2, began_at=NOW - 5_000, ended_at=NOW - 4_000)
        for began in (NOW - 9_000, NOW - 5_000):
            reading = Reading(began_at=began, ended_at=began + 1_000, figures=availability.reading_now(connection, sku))
            availability.add_reading(connection, sku, reading, keep=2)
        entries.restart(connection, sku, "", put=8, base=NOW - 98_000, now=NOW - 90_000)


class Served:
    """The endpoints over a file with stock."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.base = f"http://127.0.0.1:{port}"
        self.session = session


@asynccontextmanager
async def served(
    folder: Path, *tokens: OperatorToken, unit: Callable[[sqlite3.Connection], None] = on_sale
) -> AsyncIterator[Served]:
    async with (
        assembled(folder, unit) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=tokens) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Served(app, port, session)


async def get(here: Served, path: str, **headers: str) -> tuple[int, Any, aiohttp.ClientResponse]:
    async with here.session.get(yarl.URL(here.base + path, encoded=True), headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else None, answer


async def act(here: Served, path: str, who: str, body: dict[str, str]) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {who}"}
    async with here.session.post(here.base + path, headers=headers, json=body) as answer:
        return answer.status, json.loads(await answer.text())


async def test_one_sku_has_the_shape_others_rely_on(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await get(here, "/api/stock/MUG")
    assert status == 200
    assert (body["sku"], body["standing"], body["age_seconds"]) == ("MUG", "stock", 5)
    [entry] = body["entries"]
    named = ("channel", "published", "target", "capacity", "put", "available", "uncounted", "buffer")
    assert {name: entry[name] for name in named} == {
        "channel": "",
        "published": 8,
        "target": 8,
        "capacity": 8,
        "put": 8,
        "available": 8,
        "uncounted": 0,
        "buffer": 0,
    }
    assert entry["read_at"] == "2027-01-15T07:58:20.000Z"
    assert body["locations"]["Main Warehouse"]["available"] == "8.5"
    assert entry["last_change"] is None


def bought(connection: sqlite3.Connection) -> None:
    """What is on sale, and more of it that was bought: a purchase with a day, and one without."""
    on_sale(connection)
    for name, line in (("p1", brings("12", date(2027, 1, 20), sku="MUG")), ("p2", brings("5", None, sku="MUG"))):
        purchases.list_marks(connection, [mark(name)], again=False, now=NOW)
        read = purchase(name)
        purchases.store(connection, read, listed=read.updated_at, costs=(), brings=(line,), now=NOW)
    row = StockRow(
        sku="MUG", location="Main Warehouse", available=Decimal(8), on_order=Decimal(17), in_transit=Decimal("2.5")
    )
    availability.store_rows(connection, [row], number=3, began_at=NOW - 5_000, ended_at=NOW - 4_000)


async def test_what_is_on_its_way_is_shown_with_the_purchases_that_bring_it(tmp_path: Path) -> None:
    async with served(tmp_path, unit=bought) as here:
        _, body, _ = await get(here, "/api/stock/MUG")
    assert (body["on_order"], body["in_transit"]) == ("17", "2.5")
    assert body["locations"]["Main Warehouse"]["in_transit"] == "2.5"
    assert body["incoming"] == [
        {"purchase": "PO-p1", "location": "Main", "units": "12", "day": "2027-01-20"},
        {"purchase": "PO-p2", "location": "Main", "units": "5", "day": None},
    ]


def test_what_is_on_its_way_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(write_config(tmp_path))
    make_file(tmp_path / "tallyd.db", bought)
    assert main(["stock", "show", "MUG", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert "IN TRANSIT" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("PO-")] == [
        ["PO-p1", "12", "Main", "2027-01-20"],
        ["PO-p2", "5", "Main", "?"],
    ]


@pytest.mark.parametrize(("sku", "status"), [(ODD, 200), (BRACED, 200), ("mug", 404), ("nothing", 404)])
async def test_a_sku_goes_by_its_exact_name(tmp_path: Path, sku: str, status: int) -> None:
    async with served(tmp_path) as here:
        answered, body, _ = await get(here, f"/api/stock/{quote(sku, safe='')}")
    assert answered == status
    assert body["sku" if status == 200 else "status"] == (sku if status == 200 else 404)


async def test_many_at_once_with_a_tag_of_the_figures(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        path = f"/api/stock?sku=MUG&sku={quote(ODD, safe='')}&sku=NEVER"
        status, body, answer = await get(here, path)
        assert status == 200
        assert [(item["sku"], item["known"]) for item in body["items"]] == [
            ("MUG", True),
            (ODD, True),
            ("NEVER", False),
        ]
        assert body["items"][0]["entries"] == [{"channel": "", "published": 8, "target": 8, "expected_delivery": None}]
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        tag = answer.headers["ETag"]
        here.app.engine.clock.at += 60_000  # type: ignore[attr-defined]
        status, body, answer = await get(here, path, **{"If-None-Match": tag})
        assert (status, body, answer.headers["ETag"]) == (304, None, tag)
        assert tag.startswith('"')
        assert (await get(here, path, **{"If-None-Match": f'"other", W/{tag}'}))[0] == 304  # weakened on the way
        await here.app.engine.database.run(
            lambda connection: connection.execute("UPDATE entries SET quantity = 7 WHERE sku = 'MUG'").rowcount
        )
        status, body, answer = await get(here, path, **{"If-None-Match": tag})
    assert (status, body["items"][0]["entries"][0]["published"]) == (200, 7)
    assert answer.headers["ETag"] != tag


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 400)])
async def test_a_hundred_and_no_more(tmp_path: Path, count: int, status: int) -> None:
    async with served(tmp_path) as here:
        answered, body, _ = await get(here, "/api/stock?" + "&".join(f"sku=S{number}" for number in range(count)))
    assert answered == status
    if status == 400:
        assert "100" in body["detail"]


LISTS = [
    ("all", ["A/B c,é", "BOWL", "MUG", "WRAP", BRACED]),
    ("left", ["WRAP"]),
    ("blocked", []),
    ("waiting", []),
    ("refused", []),
    ("held", []),
    ("missing", []),
    ("stale", []),
]


@pytest.mark.parametrize(("state", "skus"), LISTS)
async def test_lists(tmp_path: Path, state: str, skus: list[str]) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await get(here, f"/api/stock?state={state}")
    assert (status, [item["sku"] for item in body["items"]], body["next"]) == (200, skus, None)


async def test_what_is_blocked_is_listed_without_an_entry_too_and_until_it_is_over(tmp_path: Path) -> None:
    def stopped(connection: sqlite3.Connection) -> None:
        on_sale(connection)
        for sku, until in (("BOWL", NOW + 5_000), ("MUG", NOW - 5_000), ("NOT YET LISTED", None)):
            stock.block(connection, Block(sku=sku, until=until, reason="recall", author="olga", at=NOW - 9_000))

    async with served(tmp_path, unit=stopped) as here:
        _, body, _ = await get(here, "/api/stock?state=blocked")
        assert [(item["sku"], item["blocked"]) for item in body["items"]] == [("BOWL", True), ("NOT YET LISTED", True)]
        _, body, _ = await get(here, "/api/stock?sku=BOWL&sku=MUG")
        shown = [(item["blocked"], item["entries"][0]["published"]) for item in body["items"]]
    assert shown == [(True, 8), (False, 8)]


async def test_the_last_change_of_an_entry_stands_with_it(tmp_path: Path) -> None:
    def changed(connection: sqlite3.Connection) -> None:
        on_sale(connection)
        for at, before, quantity in ((NOW - 60_000, 3, 5), (NOW - 30_000, 5, 8)):
            connection.execute(
                "INSERT INTO stock_history (sku, channel, at, step, before, quantity, sum)"
                " VALUES ('MUG', '', ?, 'raise', ?, ?, '{}')",
                (at, before, quantity),
            )

    async with served(tmp_path, unit=changed) as here:
        _, body, _ = await get(here, "/api/stock/MUG")
    assert [(one["before"], one["quantity"]) for one in body["history"]] == [(5, 8), (3, 5)]
    assert body["entries"][0]["last_change"] == body["history"][0]


async def test_a_list_has_pages_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, first, _ = await get(here, "/api/stock?limit=3")
        _, second, _ = await get(here, f"/api/stock?limit=3&after={quote(first['next'], safe='')}")
        assert [len(page["items"]) for page in (first, second)] == [3, 2]
        assert second["next"] is None
        for path in ("/api/stock?state=odd", "/api/stock?sku=MUG&state=all", "/api/stock?colour=red"):
            status, body, _ = await get(here, path)
            assert (status, body["status"]) == (400, 400)


async def test_who_may_stop_a_sale(tmp_path: Path) -> None:
    async with served(tmp_path, OPS_TOKEN, VIEWER_TOKEN) as here:
        body = {"reason": "recall", "until": "2027-02-01T00:00:00Z"}
        assert (await act(here, "/api/stock/MUG/block", VIEWER, body))[0] == 403
        assert (await act(here, "/api/stock/MUG/block", OPS, {}))[0] == 400
        assert (await act(here, "/api/stock/MUG/block", OPS, body | {"until": "yesterday"}))[0] == 400
        assert (await act(here, "/api/stock/MUG/block", OPS, body | {"until": "2020-01-01T00:00:00Z"}))[0] == 400
        assert (await act(here, "/api/stock/NEVER/block", OPS, body))[0] == 404
        assert [(await act(here, "/api/stock/MUG/block", OPS, body))[1]["done"] for _ in range(2)] == [True, False]
        read = here.app.engine.database.read
        assert (await read(lambda connection: stock.block_of(connection, "MUG"))).author == "olga"  # type: ignore[union-attr]
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.STOCK, "sku:MUG"))
        assert [(await act(here, "/api/stock/MUG/unblock", OPS, {}))[1]["done"] for _ in range(2)] == [True, False]
        [entry] = await read(lambda connection: entries.of_sku(connection, "MUG"))
        assert entry.suspended == "unblocked"
        rows = await read(lambda connection: audit.of_record(connection, "sku:MUG"))
        assert [row[2] for row in rows] == ["block", "unblock"]


async def test_the_units_of_an_order_are_let_go_once(tmp_path: Path) -> None:
    async with assembled(tmp_path, on_sale) as app:
        done = [
            (await stock_actions.release_units(app, "A-3", author="olga", reason="sold by hand"))["done"]
            for _ in range(2)
        ]
        assert done == [True, False]
        released = await app.engine.database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM demand WHERE released_at IS NOT NULL"
            ).fetchone()
        )
        assert released[0] > 0


async def test_zeros_are_confirmed_by_retrying_what_was_told(tmp_path: Path) -> None:
    def held(connection: sqlite3.Connection) -> None:
        on_sale(connection)
        stock.hold_zero(connection, "MUG", number=2, now=NOW)
        exceptions.raise_finding(connection, STOCK, Finding(code="stock_mass_zero", cause="many"), now=NOW)

    async with assembled(tmp_path, held) as app:
        read = app.engine.database.read
        [row] = await read(lambda connection: exceptions.of_record(connection, "flow", "stock"))
        await actions.retry_exception(app, row.id, author="olga", reason="sold out")
        assert await read(lambda connection: stock.zero_confirmed(connection, "MUG"))
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.STOCK, "sku:MUG"))
        [row] = await read(lambda connection: exceptions.of_record(connection, "flow", "stock"))
        assert row.state == "resolved"


async def test_what_is_wrong_with_a_sku_is_looked_at_again_by_retrying(tmp_path: Path) -> None:
    def drifted(connection: sqlite3.Connection) -> None:
        on_sale(connection)
        record = Record(kind="sku", id=ODD)
        exceptions.raise_finding(connection, record, Finding(code="stock_drift", cause="3, not 8"), now=NOW)

    async with assembled(tmp_path, drifted) as app:
        read = app.engine.database.read
        [row] = await read(lambda connection: exceptions.of_record(connection, "sku", ODD))
        await actions.retry_exception(app, row.id, author="olga", reason="mended")
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.STOCK, f"sku:{ODD}"))
        [row] = await read(lambda connection: exceptions.of_record(connection, "sku", ODD))
        assert row.state == "open"  # it clears by evidence


async def test_what_is_wrong_with_a_purchase_or_a_margin_is_looked_at_again_by_retrying(tmp_path: Path) -> None:
    def told(connection: sqlite3.Connection) -> None:
        bought(connection)
        about = Finding(code="charge_expensed", cause="Freight of 5.00 EUR")
        exceptions.raise_finding(connection, Record(kind="purchase", id="p1"), about, now=NOW)
        earned = Finding(code="margin_below_floor", cause="2 %")
        exceptions.raise_finding(connection, Record(kind="sku", id="MUG"), earned, now=NOW)

    async with assembled(tmp_path, told) as app:
        read = app.engine.database.read
        for row in await read(exceptions.listing):
            if row.record.kind in ("purchase", "sku"):
                await actions.retry_exception(app, row.id, author="fay", reason="mended")
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.PROCUREMENT, "purchase:p1"))
        assert await read(lambda connection: outbox.is_waiting(connection, Flow.PROCUREMENT, "margins"))
        assert await read(purchases.unread) == ["p1"]


@pytest.mark.parametrize("sku", [ODD, BRACED])
async def test_whatever_a_sku_holds_it_is_stopped_over_the_socket(sku: str, tmp_path: Path) -> None:
    path = tmp_path / "tallyd.sock"
    async with assembled(tmp_path, on_sale) as app, control_server(app, path):

        def told(verb: str) -> dict[str, Any]:
            return ask(path, "POST", address("stock", sku, verb), {"reason": "recall", "until": ""})

        for verb in ("block", "unblock"):
            assert [(await anyio.to_thread.run_sync(told, verb))["done"] for _ in range(2)] == [True, False]
        rows = await app.engine.database.read(lambda connection: audit.of_record(connection, f"sku:{sku}"))
    assert [row[2] for row in rows] == ["block", "unblock"]


async def test_the_figures_of_health(tmp_path: Path) -> None:
    async with assembled(tmp_path, on_sale) as app:
        found = (await health(app))["stock"]
        page, _ = await LiveReading(app).metrics()
    assert (found["skus"], found["entries"], found["behind"], found["queued"]) == (4, 5, 0, 0)
    assert (found["oldest_seconds"], found["p50_seconds"], found["p95_seconds"]) == (5, 5, 5)
    assert found["forecast_seconds"] == 908
    assert b'tallyd_stock_age_seconds{of="p95"} 5.0' in page
    assert b'tallyd_stock_entries{what="blocked"} 0.0' in page


def listed_at_a_terminal(config: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["stock", "list", "--config", config, "--json", *words]) == 0
    return [item["sku"] for item in json.loads(capsys.readouterr().out)["items"]]


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(write_config(tmp_path))
    make_file(tmp_path / "tallyd.db", on_sale)
    assert main(["stock", "show", "MUG", "--config", config]) == 0
    shown = capsys.readouterr().out
    for line in ("available", "= target", "= capacity", "- put in so far", "= change", "published"):
        assert line in shown
    assert main(["stock", "show", "MUG", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sku"] == "MUG"
    assert main(["stock", "list", "--config", config, "--state", "left"]) == 0
    assert "WRAP" in capsys.readouterr().out
    assert main(["stock", "show", "NEVER", "--config", config]) == 1
    assert main(["stock", "list", "--config", config, "--state", "odd"]) == 2
    capsys.readouterr()
    walked: tuple[list[str], ...] = ([], ["--descending"], ["--text", "mUg"])
    lists = [listed_at_a_terminal(config, capsys, *words) for words in walked]
    assert lists[1] == lists[0][::-1]
    assert len(lists[0]) > len(lists[2])
    assert lists[2] == ["MUG"]
    assert main(["stock", "block", "MUG", "--config", config, "--reason", "recall"]) == 1  # nobody answers
