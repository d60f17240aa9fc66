"""Margins at every door: the table, JSON and CSV of the command line, and the operator's endpoints; and a purchase."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from actors.domain.exception_types import Finding
from actors.domain.facts import Company, FactKind, KitPart
from actors.domain.landed_cost import expected, landed_costs
from actors.domain.margin_report import COLUMNS
from actors.domain.margins import OrderMargin
from actors.domain.purchase import PurchaseMark
from adapters.operator.openapi import description
from adapters.operator.problems import ProblemError
from adapters.operator.reading import MarginQuery
from adapters.operator.server import operator_server
from daemon.cli import main
from daemon.commands import earnings
from daemon.margin_views import margin_document, period_of
from daemon.readmodel import LiveReading
from storage import exceptions, facts, margins, purchases, stock
from storage.schema import upgrade
from tests.books_file import an_order, order_id_of
from tests.daemon.test_operator import Served
from tests.daemon_app import assembled, make_file, write_config
from tests.purchase_builder import charge, invoice, journal, line, movement, purchase, receipt
from tests.sold import sell
from tests.stored import NOW

TODAY = date(2026, 12, 1)


def sold(connection: sqlite3.Connection) -> None:
    """Two orders of November with MUG, one of them below a floor, a JAR without a cost; one of December, one due."""
    company = Company(name="Books", currency="GBP", time_zone="Europe/London")
    facts.store(connection, FactKind.COMPANY, [company], now=NOW, whole=True)
    bought = purchase(
        ordered=(line("MUG", 12, "60.00"),),
        receipts=(receipt("MUG", 10),),
        invoices=(invoice("INV-1", line("MUG", 10, "40.00"), rate="0.85", charges=(charge("Freight", "4.00"),)),),
        journals=(journal("SP-9", "2.60"),),
        movements=(movement("MUG", "40.00"),),
    )
    mark = PurchaseMark(
        **{name: getattr(bought, name) for name in ("id", "number", "kind", "status", "supplier", "currency")},
        base_currency="GBP",
        updated_at=0,
    )
    purchases.list_marks(connection, [mark], again=False, now=NOW)
    purchases.store(connection, bought, listed=0, costs=landed_costs(bought), brings=expected(bought), now=NOW)
    record = exceptions.Record(kind="purchase", id=bought.id, number=bought.number)
    exceptions.raise_finding(connection, record, Finding(code="cost_moved", cause="4.00 by now"), now=NOW)
    _earn(connection, "1", "2026-11-10", ("MUG", 2, "20.00", "4.0000"), ("JAR", 1, "5.00", None))
    _earn(connection, "2", "2026-11-20", ("MUG", 1, "4.20", "4.0000"))
    _earn(connection, "3", "2026-12-01", ("MUG", 1, "10.00", "4.0000"))
    sell(connection, "4", ("MUG", 1, "10.00"))


def _earn(connection: sqlite3.Connection, number: str, day: str, *rows: tuple[str, int, str, str | None]) -> None:
    an_order(connection, number)
    found = [
        OrderMargin(
            order_id=order_id_of(number),
            sku=sku,
            day=date.fromisoformat(day),
            quantity=Decimal(quantity),
            net=Decimal(net),
            unit=None if unit is None else Decimal(unit),
            source="" if unit is None else "PO-00001",
            percent=None if unit is None else _percent(Decimal(net), Decimal(unit) * quantity),
        )
        for sku, quantity, net, unit in rows
    ]
    margins.store(connection, order_id_of(number), found, now=NOW)


def _percent(net: Decimal, cost: Decimal) -> Decimal:
    return round((net - cost) / net * 100, 2)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_file(tmp_path / "tallyd.db", sold)
    return write_config(tmp_path)


def run(config: Path, *arguments: str) -> int:
    return main(["report", "margin", *arguments, "--config", str(config)])


def report(**query: str) -> Any:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, now=NOW)
        sold(connection)
        return margin_document(connection, MarginQuery(**query), floor=Decimal(10), time_zone="", now=NOW)


def test_a_month_by_sku_and_in_all() -> None:
    found = report(month="2026-11")
    jar, mug = found["rows"]
    assert mug == {
        "sku": "MUG",
        "orders": 2,
        "quantity": "3",
        "net": "24.20",
        "uncosted_net": "0.00",
        "unit_cost": "4.0000",
        "cost": "12.00",
        "margin": "12.20",
        "percent": "50.41",
        "cost_from": "PO-00001",
        "below_floor": False,
    }
    assert (jar["net"], jar["cost"], jar["percent"], jar["below_floor"]) == ("5.00", None, None, False)
    total = found["total"]
    assert (total["orders"], total["net"], total["uncosted_net"], total["margin"]) == (2, "29.20", "5.00", "12.20")
    assert (found["currency"], found["floor_percent"], found["not_yet"], found["sku"]) == ("GBP", "10", 1, None)


def test_one_sku_shows_its_sales_and_what_its_cost_is_made_of() -> None:
    found = report(first="2026-11-15", last="2026-12-31", sku="MUG")
    assert found["period"]["name"] == "2026-11-15..2026-12-31"
    assert [(one["order"], one["percent"], one["below_floor"]) for one in found["sku"]["sales"]] == [
        ("2", "4.76", True),
        ("3", "60.00", False),
    ]
    [cost] = found["sku"]["costs"]
    assert (cost["purchase"], cost["unit"], cost["value"], cost["invoiced"]) == ("PO-00001", "4.0000", "40.00", True)
    assert [
        (part["kind"], part["reference"], part["amount"], part["rate"], part["base"]) for part in cost["parts"]
    ] == [
        ("goods", "INV-1", "40.00", "0.85", "34.0000"),
        ("charge", "INV-1", "4.0000", "0.85", "3.4000"),
        ("journal", "SP-9", "2.6000", "1", "2.6000"),
    ]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, "2026-12-01", "2026-12-31"),
        ({"sku": "MUG"}, "2026-09-02", "2026-12-01"),
        ({"sku": "MUG", "month": "2026-02"}, "2026-02-01", "2026-02-28"),
        ({"month": "2026-02"}, "2026-02-01", "2026-02-28"),
        ({"first": "2026-11-05"}, "2026-11-05", "2026-12-01"),
        ({"first": "2026-11-05", "last": "2026-11-05"}, "2026-11-05", "2026-11-05"),
    ],
)
def test_the_days_that_are_asked_for(query: dict[str, str], first: str, last: str) -> None:
    period = period_of(MarginQuery(**query), today=TODAY)
    assert (str(period.first), str(period.last)) == (first, last)


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13"},
        {"month": "November"},
        {"month": "2026-11", "first": "2026-11-01"},
        {"month": "2026-11", "last": "2026-11-01"},
        {"last": "2026-11-01"},
        {"first": "2026-11-31"},
        {"first": "2026-11-05", "last": "2026-11-04"},
        {"first": "2026-12-05"},
    ],
)
def test_days_that_make_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as caught:
        period_of(MarginQuery(**query), today=TODAY)
    assert caught.value.status == 400


def test_a_kit_is_shown_with_what_its_parts_cost() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, now=NOW)
        sold(connection)
        parts = [KitPart(sku="MUG", quantity=Decimal("2.00")), KitPart(sku="JAR", quantity=Decimal(1))]
        stock.store_parts(connection, "SET", parts)
        found = margin_document(connection, MarginQuery(sku="SET"), floor=Decimal(10), time_zone="", now=NOW)
    assert found["sku"]["parts"] == [
        {"sku": "JAR", "units": "1", "unit_cost": None, "cost_from": ""},
        {"sku": "MUG", "units": "2", "unit_cost": "4.0000", "cost_from": "PO-00001"},
    ]
    lines = [line.split() for line in earnings.text_of(found).splitlines()]
    assert ["JAR", "1", "-", "-"] in lines
    assert ["MUG", "2", "4.0000", "PO-00001"] in lines


def test_at_a_terminal(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "--month", "2026-11") == 0
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert ["MUG", "2", "3", "24.20", "4.0000", "12.00", "12.20", "50.41", "PO-00001"] in lines
    assert ["in", "all", "2", "4", "29.20", "-", "12.00", "12.20", "50.41", "-"] in lines
    assert "Margins from 2026-11-01 to 2026-11-30, in GBP" in shown
    assert "Still being worked out: 1 (" in shown
    assert "No cost is known of 1; what was sold without one comes to 5.00." in shown
    assert run(config, "--sku", "MUG", "--from", "2026-11-01", "--to", "2026-12-31") == 0
    shown = capsys.readouterr().out
    assert "Purchase PO-00001, received by 2026-11-03: 10 units worth 40.00 GBP, 4.0000 each" in shown
    assert ["linked", "journal", "SP-9", "2.6000", "GBP", "1", "2.6000"] in [one.split() for one in shown.splitlines()]
    assert [one.split()[0] for one in shown.splitlines() if " 2026-1" in one and one[0].isdigit()] == ["1", "2", "3"]


def test_a_terminal_is_shown_what_is_below_the_floor_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earnings, "MOST_ROWS", 1)
    found = report(month="2026-11")
    jar, mug = found["rows"]
    shown = earnings.text_of(found | {"rows": [jar, mug | {"below_floor": True}]})
    assert "MUG" in shown
    assert "JAR" not in shown
    assert "… and 1 more SKUs: --json or --csv" in shown
    assert "1 below the floor of 10 %." in shown


def test_json_and_csv(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "--month", "2026-11", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["net"] == "29.20"
    assert run(config, "--month", "2026-11", "--csv", "--output", str(tmp_path / "m.csv")) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["section"], row["sku"], row["net"]) for row in rows] == [
        ("sku", "JAR", "5.00"),
        ("sku", "MUG", "24.20"),
        ("total", "", "29.20"),
    ]
    assert run(config, "--month", "2026-11", "--csv", "--json") == 2
    assert run(config, "--month", "November") == 2


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    async with (
        assembled(folder, sold) as app,
        operator_server("127.0.0.1:0", LiveReading(app)) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Served(app, port, session)


async def test_over_http(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await here.ask("/api/reports/margin?month=2026-11")
        assert (status, body["total"]["net"], body["sku"]) == (200, "29.20", None)
        status, body, _ = await here.ask("/api/reports/margin?from=2026-11-15&to=2026-12-31&sku=MUG")
        assert (status, len(body["sku"]["sales"]), len(body["sku"]["costs"])) == (200, 2, 1)
        _, text, _ = await here.ask("/api/reports/margin?month=2026-11&format=csv")
        assert text.splitlines()[0].split(",") == list(COLUMNS)
        for path in ("month=x", "mont=2026-11", "format=xml"):
            status, _, _ = await here.ask(f"/api/reports/margin?{path}")
            assert status == 400, path


async def test_a_purchase_over_http(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await here.ask("/api/purchases/PO-00001")
        assert status == 200
        assert (body["currency"], body["rate"], body["status"]) == ("EUR", "0.86", "ORDERED")
        assert body["lines"] == [{"sku": "MUG", "ordered": "12", "received": "10", "invoiced": "10"}]
        [billed] = body["invoices"]
        assert (billed["number"], billed["rate"], billed["goods"], billed["charges"][0]["what"]) == (
            *("INV-1", "0.85", "40.00"),
            "Freight",
        )
        [cost] = body["landed_costs"]
        assert (cost["unit"], cost["first_unit"], len(cost["parts"])) == ("4.0000", "4.0000", 3)
        assert [one["type"] for one in body["exceptions"]] == ["cost_moved"]
        status, _, _ = await here.ask("/api/purchases/PO-9")
        assert status == 404


def test_the_description_names_what_is_answered() -> None:
    schema = description("1")["components"]["schemas"]["MarginReport"]
    found = report(month="2026-11", sku="MUG")
    assert set(schema["required"]) == set(found)
    assert set(schema["properties"]["rows"]["items"]["required"]) == set(found["rows"][0])
    of_sku = schema["properties"]["sku"]
    assert set(of_sku["required"]) == set(found["sku"])
    assert set(of_sku["properties"]["sales"]["items"]["required"]) == set(found["sku"]["sales"][0])
    assert set(of_sku["properties"]["costs"]["items"]["required"]) == set(found["sku"]["costs"][0])
