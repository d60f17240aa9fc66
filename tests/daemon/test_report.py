"""The same report at every door: the table, JSON and CSV of the command line, and the operator's endpoints."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from actors.domain.closing_files import COLUMNS, POSTING_COLUMNS, digest_of
from actors.domain.discrepancy import Chain, Reason
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, FactKind
from daemon import report_views
from daemon.cli import main
from daemon.commands import report as command
from daemon.commands.reading import read_file
from daemon.readmodel import LiveReading
from storage import exceptions, facts
from tests.books_file import SAFE, ZONE, an_order, book, found, line
from tests.daemon.test_operator import Served, served
from tests.daemon_app import assembled, make_file, write_config

EVIL = '=HYPERLINK("http://example.org")'


def november(connection: sqlite3.Connection) -> None:
    """One order that agrees, one whose sale was edited, one that was never exported."""
    company = Company(name="Books", currency="EUR", time_zone=ZONE)
    facts.store(connection, FactKind.COMPANY, [company], now=SAFE, whole=True)
    both = [
        line("commercetools", "order", "ct-1", "10.00", "2.00", rule="20%"),
        line("cin7", "sale", "so-1", "10.00", "2.00", rule="20%"),
        line("cin7", "invoice", "inv-1", "10.00", "2.00", rule="20%", account="400"),
        line("commercetools", "payment", "tx-1", "12.00"),
        line("cin7", "payment", "pay-1", "12.00", reference="tx-1", account="610"),
    ]
    book(connection, "1", both)
    edited = [
        line("commercetools", "order", "ct-2", "10.00", "2.00", rule="20%"),
        line("cin7", "sale", "so-2", "9.00", "1.80", rule="20%"),
        line("cin7", "invoice", "inv-2", "10.00", "2.00", rule="20%"),
    ]
    difference = found(Chain.SALE, Reason.EDITED_CIN7, "1.00", "0.20", rule="20%")
    order_id = book(
        connection,
        "2",
        edited,
        [msgspec.structs.replace(difference, our_rule="taxedPrice", their_rule="as shown")],
        verdict="differs",
    )
    record = exceptions.Record(kind="order", id=order_id, number="2")
    exceptions.raise_finding(connection, record, Finding(code="books_differ", cause=EVIL), now=SAFE)
    an_order(connection, "3")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_file(tmp_path / "tallyd.db", november)
    return write_config(tmp_path)


def run(config: Path, *arguments: str) -> int:
    return main(["report", *arguments, "--config", str(config)])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_table_json_and_csv_are_one_report(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for option in ([], ["--json"], ["--csv"], ["--json"]):
        assert run(config, "month", "2026-11", "--as-of", "2026-11-26", *option) == 0
        texts.append(capsys.readouterr().out)
    shown, as_json, as_csv, again = texts
    assert as_json == again
    digest = json.loads(as_json)["sha256"]
    assert f"SHA-256 {digest}" in shown
    assert rows(as_csv)[0] == {**dict.fromkeys(COLUMNS, ""), "section": "sha256", "text": digest}


def test_anybody_can_make_the_digest_again(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "month", "2026-11", "--as-of", "2026-11-26", "--json")
    document = json.loads(capsys.readouterr().out)
    canonical = json.dumps(document["report"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == document["sha256"]


@pytest.mark.parametrize("text", ["plain", "ü €", '"quoted" \\ back', "a\tb\r\n\x01\x1f", "\x7f", "\U0001f600"])
def test_the_digest_knows_every_text(text: str) -> None:
    body = {"b": text, "a": {"z": 1, "y": None}}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest_of(body) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_table_says_what_finance_asks(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "month", "2026-11", "--as-of", "2026-11-26") == 0
    shown = capsys.readouterr().out
    for expected in (
        f"Report of 2026-11 (2026-11-01 to 2026-11-30, {ZONE}), ages as of 2026-11-26",
        "PROVISIONAL: the period is not over by 2026-11-26.",
        "3 orders are accounted for: 1 verified, 1 differing",
        "Without a document yet: 1 accepted",
        "total: 12.00 in commercetools (CT-1, by taxedPrice), 11.00 in Cin7 Core (SO-1, by as shown)",
        f"{EVIL}. Next: Compare both sides",
    ):
        assert expected in shown
    cells = [line.split() for line in shown.splitlines()]
    assert ["1", "2", "finance", "books_differ", "6"] in [row[:5] for row in cells]
    assert ["sale", "20%", "2", "20.00", "4.00", "24.00", "2", "19.00", "3.80", "22.80"] in cells
    assert ["sale", "differs", "by", "1.00", "0.20", "1.20"] in cells
    assert ["edited", "in", "Cin7", "Core", "1.00", "0.20", "1.20"] in cells
    assert ["unexplained", "0.00", "0.00", "0.00"] in cells


def test_the_csv_adds_up_and_is_no_formula(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "day", "2026-11-15", "--csv") == 0
    table = rows(capsys.readouterr().out)
    (difference,) = [one for one in table if (one["section"], one["chain"]) == ("rule difference", "sale")]
    (reason,) = [one for one in table if (one["section"], one["chain"]) == ("rule reason", "sale")]
    assert (difference["gross"], reason["gross"], reason["reason"]) == ("1.20", "1.20", "edited in Cin7 Core")
    (exception,) = [one for one in table if one["section"] == "open exception"]
    assert exception["text"].startswith(f"'{EVIL}. Next: ")
    assert (exception["order"], exception["owner"], exception["exception"]) == ("2", "finance", "1")
    assert {one["gross"] for one in table if one["section"] == "total unexplained"} == {"0.00"}


def test_one_order_is_one(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(config.with_name("tallyd.db"))) as connection, connection:
        connection.execute("DELETE FROM ledger_lines")
        connection.execute("DELETE FROM orders WHERE number <> '3'")
    assert run(config, "month", "2026-11", "--as-of", "2026-11-26") == 0
    assert "\n1 order is accounted for: none has a document\n" in capsys.readouterr().out


def test_it_is_written_to_a_file_whole(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "report.csv"
    assert run(config, "month", "2026-11", "--csv", "--output", str(target)) == 0
    assert capsys.readouterr().out == ""
    assert target.read_bytes().startswith(",".join(COLUMNS).encode() + b"\r\n")
    assert not list(tmp_path.glob("*.part"))
    assert run(config, "month", "2026-11", "--output", str(tmp_path / "nowhere" / "report.csv")) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_postings_of_a_day(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "postings", "2026-11-15", "--json") == 0
    page = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["number"], one["order"], one["total"]) for one in page["items"]] == [
        ("invoice", "INV-1", "1", "12.00"),
        ("payment", "PAY-1", "1", "12.00"),
    ]
    assert {one["verified_at"] for one in page["items"]} == {"2026-11-20T08:00:00.000Z"}
    assert [(one["number"], one["why"], one["verified_at"]) for one in page["not_yet"]] == [("INV-2", EVIL, None)]
    assert run(config, "postings", "2026-11-15", "--csv") == 0
    table = rows(capsys.readouterr().out)
    assert list(table[0]) == list(POSTING_COLUMNS)
    assert [(one["safe"], one["kind"], one["rule"], one["gross"], one["account"]) for one in table] == [
        ("yes", "invoice", "20%", "12.00", "400"),
        ("yes", "payment", "", "12.00", "610"),
        ("no", "invoice", "20%", "12.00", ""),
    ]
    assert run(config, "postings", "2026-11-15") == 0
    shown = capsys.readouterr().out
    assert "Safe to sync on, of 2026-11-15: 2" in shown
    assert "Not yet: 1" in shown


REFUSED = [
    (["month", "2026-13"], "month '2026-13': there is no month"),
    (["month", "november"], "month 'november': a month is written as 2026-11"),
    (["day", "2026-11-31"], "day '2026-11-31': there is no day"),
    (["postings", "yesterday"], "day 'yesterday': a day is written as 2026-11-26"),
    (["postings", "2026-11-15", "--after", "x"], "after 'x': it must be the `next`"),
    (["month", "2026-11", "--as-of", "9999-01-01"], "as_of '9999-01-01': 9999-01-01 is still to come"),
    (["month", "2026-11", "--as-of", "soon"], "as_of 'soon': a day is written as"),
    (["month", "2026-11", "--json", "--csv"], "either --json or --csv"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_what_makes_no_sense_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(config, *arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e3", "99999999999"])
def test_how_many_postings_is_a_count(config: Path, capsys: pytest.CaptureFixture[str], limit: str) -> None:
    assert run(config, "postings", "2026-11-15", f"--limit={limit}") == 2
    assert f"--limit: '{limit}' is no whole number from 1 on" in capsys.readouterr().err


def test_a_page_of_postings_says_where_the_next_begins(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "postings", "2026-11-15", "--limit", "1") == 0
    place = re.search(r"More: --after (\S+)", capsys.readouterr().out)
    assert place is not None
    assert run(config, "postings", "2026-11-15", "--after", place[1]) == 0
    assert "PAY-1" in capsys.readouterr().out


def test_books_without_a_time_zone_have_no_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_file(tmp_path / "tallyd.db", lambda connection: None)
    assert run(write_config(tmp_path), "month", "2026-11") == 1
    assert "time_zone" in capsys.readouterr().err


def test_a_report_that_takes_long_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    clock: Iterator[float] = iter(range(10_000))
    monkeypatch.setattr("daemon.commands.check.progress_line", lambda: (said.append, lambda: said.append("")))
    monkeypatch.setattr(command, "_STEPS", 100)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert run(config, "month", "2026-11", "--output", str(config.with_name("report.txt"))) == 0
    assert said[0] == "adding up the books: 2 s"
    assert said[-1] == ""


# -- over HTTP --------------------------------------------------------------------------------------------------------


async def test_the_endpoints_answer_what_the_command_prints(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.app.engine.database.run(november)
        status, body, _ = await here.ask("/api/reports/month/2026-11?as_of=2026-11-26")
        expected = read_file(tmp_path / "tallyd.db", lambda connection: _report(connection, "month", "2026-11"))
        assert (status, body) == (200, msgspec.to_builtins(expected))
        status, text, answer = await here.ask("/api/reports/month/2026-11?as_of=2026-11-26&format=csv")
        assert (status, answer.content_type) == (200, "text/csv")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="report-2026-11.csv"'
        assert rows(text)[0]["text"] == body["sha256"]
        status, body, _ = await here.ask("/api/reports/day/2026-11-15")
        assert (status, body["report"]["orders"]["verified"]) == (200, 1)
        await pages(here)


async def pages(here: Served) -> None:
    status, first, _ = await here.ask("/api/reports/postings/2026-11-15?limit=1")
    assert (status, [one["id"] for one in first["items"]], first["total"]) == (200, ["inv-1"], 2)
    assert first["next"].split("/")[1:] == ["invoice", "inv-1"]  # a place that others keep
    status, second, _ = await here.ask(f"/api/reports/postings/2026-11-15?limit=1&after={first['next']}")
    assert (status, [one["id"] for one in second["items"]], second["next"]) == (200, ["pay-1"], None)
    status, text, answer = await here.ask("/api/reports/postings/2026-11-15?format=csv")
    assert (status, answer.content_type, len(rows(text))) == (200, "text/csv", 3)
    await sorted_and_narrowed(here)


async def sorted_and_narrowed(here: Served) -> None:
    asked = "/api/reports/postings/2026-11-15?sort=number&order=desc&limit=1"
    _, first, _ = await here.ask(asked)
    _, second, _ = await here.ask(f"{asked}&after={first['next']}")
    assert [one["id"] for one in (*first["items"], *second["items"])] == ["pay-1", "inv-1"]
    _, waiting, _ = await here.ask("/api/reports/postings/2026-11-15?state=waiting")
    assert (waiting["items"], waiting["total"], waiting["not_yet"]) == (first["not_yet"], len(first["not_yet"]), [])
    _, paid, _ = await here.ask("/api/reports/postings/2026-11-15?kind=payment&text=PAY-")
    assert [one["id"] for one in paid["items"]] == ["pay-1"]
    for query in ("state=odd", "kind=order", "sort=odd", "sort=net&after=x"):
        assert (await here.ask(f"/api/reports/postings/2026-11-15?{query}"))[0] == 400


def _report(connection: sqlite3.Connection, kind: str, name: str) -> dict[str, Any]:
    return report_views.period_report(connection, kind, name, counted_to="2026-11-26", time_zone="", now=SAFE * 2)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/reports/month/2026-13", 400),
        ("/api/reports/day/2026-11", 400),
        ("/api/reports/month/2026-11?as_of=soon", 400),
        ("/api/reports/month/2026-11?format=xml", 400),
        ("/api/reports/month/2026-11?asof=2026-11-26", 400),
        ("/api/reports/postings/2026-11-15?after=x", 400),
        ("/api/reports/year/2026", 404),
    ],
)
async def test_the_endpoints_refuse_what_makes_no_sense(tmp_path: Path, path: str, status: int) -> None:
    async with served(tmp_path) as here:
        await here.app.engine.database.run(november)
        assert (await here.ask(path))[0] == status


async def test_books_whose_zone_is_not_known_yet_are_a_conflict(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert (await here.ask("/api/reports/month/2026-11"))[0] == 409


async def test_reports_do_not_stand_in_the_way_of_other_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(*_: object, **__: object) -> dict[str, Any]:
        return {"went on": go_on.wait(timeout=30)}

    monkeypatch.setattr("daemon.readmodel.period_report", slow)
    made: list[Any] = []
    async with assembled(tmp_path, november, inline=False) as app:
        reading = LiveReading(app)

        async def report() -> None:
            made.append(await reading.report("month", "2026-11", counted_to=""))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(report)
            with anyio.fail_after(10):
                assert await reading.order("2") is not None
            assert made == []
            go_on.set()
    assert made == [{"went on": True}]
