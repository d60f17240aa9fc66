"""The figures of stock in health: what is counted, in slices, and for how long what took long is kept."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from actors.domain.availability import Reading
from actors.domain.facts import FactKind, KitPart, Product
from actors.domain.inventory import Entry
from actors.stock.reading import Progress, keep
from adapters.telemetry.metrics import Metrics
from daemon import stock_health
from daemon.health import health
from storage import availability, entries, facts
from tests.daemon_app import NOW, TestApp, assembled

PRODUCTS = {
    "A": Product(id="a", sku="A", name="A", type="Stock"),
    "B": Product(id="b", sku="B", name="B", type="Stock", status="Deprecated"),
    "C": Product(id="c", sku="C", name="C", type="Stock", parts=(KitPart(sku="A", quantity=Decimal(2)),)),
    "D": Product(id="d", sku="D", name='"type":"Stock"', type="Service"),
    "E": Product(id="e", sku="E", name="E", type="Service"),
    "F": Product(id="f", sku="F", name="F", type="Stock", drop_ship="Always Drop Ship"),
    "G": Product(id="g", sku="G", name="G", type="Gift card"),
    "unseen": Product(id="u", sku="unseen", name="unseen", type="Service"),
}
READ = "ACFX"
"""SKUs with readings; X has no product. Each was read 10 s later than the next."""
LEFT = {"drop-ship": 1, "service": 2, "unknown": 3}
"""D and E; F; G, H (an entry and no product) and X. The service nobody has seen on either side is not counted."""


def of_each_kind(connection: sqlite3.Connection) -> None:
    facts.store(connection, FactKind.PRODUCT, PRODUCTS.values(), now=NOW, whole=True)
    keep(connection, Progress(number=4, page=3, pages=9, rows=8_500, took=5_500, wholes=3, whole_at=NOW - 60_000))
    for sku in "ABCDEFGH":
        entry = Entry(
            id=sku, sku=sku, channel="", version=1, quantity=1, modified_at=NOW, read_from=NOW - 9, read_at=NOW - 9
        )
        entries.saw(connection, entry)
    for place, sku in enumerate(READ):
        for older in (1, 0):
            ended = NOW + 1_000 - 10_000 * (place + 1) - 100_000 * older
            reading = Reading(began_at=ended - 500, ended_at=ended, figures={})
            availability.add_reading(connection, sku, reading, keep=2)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 10, 5_000])
async def test_every_sku_is_counted_once_however_they_are_sliced(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_health, "SLICE", size)
    async with assembled(tmp_path, of_each_kind) as app:
        found = await app.stock.figures(app.engine)
    assert found["left"] == LEFT
    assert (found["skus"], found["entries"]) == (4, 8)
    assert [found[name] for name in ("oldest_seconds", "p50_seconds", "p95_seconds")] == [40, 30, 40]


async def test_the_pass_is_shown_and_measured(tmp_path: Path) -> None:
    async with assembled(tmp_path, of_each_kind) as app:
        document = await health(app)
    shown = document["stock"]["pass"]
    assert (shown["number"], shown["page"], shown["pages"], shown["rows"], shown["took"]) == (4, 3, 9, 8_500, 5_500)
    assert (shown["began_at"], shown["whole_at"]) == (None, "2027-01-15T07:59:00.000Z")
    page, _ = Metrics(lambda: document).render()
    for line in (
        b'tallyd_stock_left{standing="unknown"} 3.0',
        b"tallyd_stock_pass_page 3.0",
        b"tallyd_stock_pass_pages 9.0",
        b"tallyd_stock_pass_rows 8500.0",
        b"tallyd_stock_pass_seconds 5.5",
        b"tallyd_stock_pass_whole_timestamp_seconds 1.79999994e+09",
    ):
        assert line in page


def slow(app: TestApp, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Let counting what is left take a while; return the list of how often it was done."""
    done: list[int] = []

    async def left(_engine: object) -> dict[str, int]:
        done.append(1)
        await app.engine.clock.sleep(seconds)
        await anyio.lowlevel.checkpoint()
        return {"service": len(done)}

    monkeypatch.setattr(stock_health, "_left", left)
    return done


@pytest.mark.parametrize(
    ("took", "later", "counted"),
    [(0, 0, 2), (1, 0, 1), (1, 49, 1), (1, 50, 2), (0.001, 0.051, 2)],
)
async def test_what_took_long_is_kept(
    took: float, later: float, counted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with assembled(tmp_path, of_each_kind) as app:
        done = slow(app, monkeypatch, took)
        await app.stock.figures(app.engine)
        await app.engine.clock.sleep(later)
        found = await app.stock.figures(app.engine)
    assert len(done) == counted
    assert found["left"] == {"service": counted}


async def test_who_asks_meanwhile_waits_for_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with assembled(tmp_path, of_each_kind) as app:
        done = slow(app, monkeypatch, 1)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(app.stock.figures, app.engine)
    assert len(done) == 1


async def test_without_stock_nothing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with assembled(tmp_path, of_each_kind) as app:
        monkeypatch.setattr(type(app.engine.plan.stock), "enabled", False)
        assert await app.stock.figures(app.engine) == {"enabled": False}
