"""The audit as people read it: over HTTP, on the command line, as a table; and the proof that it stands."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from adapters.operator.openapi import description
from adapters.operator.server import operator_server
from daemon.cli import main
from daemon.readmodel import LiveReading
from storage import audit
from storage.database import connect
from tests.daemon.test_operator import served
from tests.daemon_app import assembled, make_file, token, write_config

DAY = 86_400_000
BEGAN = 1_799_971_200_000  # 2027-01-15T00:00:00Z
VIEWER, VIEWER_TOKEN = token("vera", "viewer")
BEARER = {"Authorization": f"Bearer {VIEWER}"}

Printed = pytest.CaptureFixture[str]


def filled(connection: sqlite3.Connection) -> None:
    """Two a day for three days; the fifth tries to be a formula."""
    for number in range(6):
        audit.write(
            connection,
            author=("olga", "ian")[number % 2],
            action="retry" if number < 4 else "pause",
            record=f"order:{number}",
            now=BEGAN + number // 2 * DAY + number,
            reason="=1+1" if number == 4 else f"why {number}",
            **({"day": "2027-01-01"} if number == 5 else {}),
        )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_file(tmp_path / "tallyd.db", filled)
    return write_config(tmp_path)


def tampered(folder: Path, sql: str) -> None:
    with closing(connect(folder / "tallyd.db")) as connection:
        for name in ("audit_stands", "audit_stays"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def held_by(schema: str, body: Any) -> None:
    told = description("1")["components"]["schemas"]
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": told}})


async def asked(folder: Path, path: str, unit: Callable[[sqlite3.Connection], Any] = filled) -> tuple[int, Any]:
    async with served(folder, VIEWER_TOKEN) as here:
        await here.app.engine.database.run(unit)
        status, body, _ = await here.ask(path, headers=BEARER)
    return status, body


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("limit=2", [6, 5]),
        ("limit=2&after=5", [4, 3]),
        ("author=olga", [5, 3, 1]),
        ("author=olga&action=retry", [3, 1]),
        ("record=order:2", [3]),
        ("from=2027-01-16", [6, 5, 4, 3]),
        ("to=2027-01-16", [4, 3, 2, 1]),
        ("from=2027-01-16&to=2027-01-16", [4, 3]),
        ("author=%27%20OR%201=1%20--", []),
    ],
)
async def test_the_audit_over_http(tmp_path: Path, query: str, ids: list[int]) -> None:
    status, body = await asked(tmp_path, f"/api/audit?{query}")
    assert status == 200
    assert [item["id"] for item in body["items"]] == ids
    assert len(body["head"]) == 64
    held_by("AuditPage", body)
    assert body["next"] == (ids[-1] if query.startswith("limit") else None)


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=9999-12-31", "to=2027-02-30", "autor=olga", "after=-1", "limit=0"]
)
async def test_a_question_that_makes_no_sense_is_refused(tmp_path: Path, query: str) -> None:
    status, body = await asked(tmp_path, f"/api/audit?{query}")
    assert (status, body["status"]) == (400, 400)


async def test_nobody_reads_it_without_a_token(tmp_path: Path) -> None:
    async with served(tmp_path, VIEWER_TOKEN) as here:
        for path in ("/api/audit", "/api/audit.csv", "/api/audit/verify", "/api/model"):
            assert (await here.ask(path))[0] == 401


async def test_the_table_is_whole_whatever_a_page_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.operator.record_api.MOST_ROWS", 4)
    status, text = await asked(tmp_path, "/api/audit.csv?from=2027-01-15")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert status == 200
    assert [row["id"] for row in rows] == ["6", "5", "4", "3", "2", "1"]
    assert rows[1]["reason"] == "'=1+1"
    assert (rows[0]["reason"], rows[0]["detail"]) == ("why 5", '{"day":"2027-01-01"}')
    assert rows[5]["at"] == "2027-01-15T00:00:00.000Z"


async def test_the_chain_is_walked_over_http(tmp_path: Path) -> None:
    async with (
        assembled(tmp_path, filled, inline=False) as app,
        operator_server("127.0.0.1:0", LiveReading(app)),
    ):
        reading = LiveReading(app).records
        verdict = await reading.verify()
        held_by("AuditVerdict", verdict)
        assert (verdict["holds"], verdict["rows"], verdict["seen"]) == (True, 6, None)
        assert (await reading.verify(seen=verdict["head"][:12]))["seen"] is True
        assert (await reading.verify(seen="0" * 64))["holds"] is False


@pytest.mark.parametrize("head", ["abc", "x" * 64, "0" * 65])
async def test_what_is_no_hash_is_refused(tmp_path: Path, head: str) -> None:
    status, _ = await asked(tmp_path, f"/api/audit/verify?head={head}")
    assert status == 400


def test_the_page_s_own_program_agrees(config: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    program = page.partition("<<'PY'\n")[2].partition("\nPY\n")[0]
    file = config.parent / "tallyd.db"

    def judged() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-", str(file)]
        return subprocess.run(command, input=program, capture_output=True, text=True, check=False)

    with closing(connect(file, read_only=True)) as connection:
        assert judged().stdout == f"holds; head: {audit.head(connection)}\n"
    tampered(config.parent, "UPDATE audit SET author = 'eve' WHERE id = 4")
    assert "row 4 does not fit" in judged().stderr


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_with_the_daemon_down(config: Path, capsys: Printed) -> None:
    assert run("audit", "--config", config, "--author", "ian", "--from", "2027-01-17") == 0
    text = capsys.readouterr().out
    assert "order:5  why 5 · day 2027-01-01" in text
    assert "olga" not in text
    assert run("audit", "list", "--config", config, "--json", "--limit", 2) == 0
    assert [item["id"] for item in json.loads(capsys.readouterr().out)["items"]] == [6, 5]
    assert run("audit", "list", "--config", config, "--csv") == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 6
    assert run("audit", "list", "--config", config, "--from", "soon") == 2
    assert run("audit", "list", "--config", config, "--limit", "0") == 2


def test_verify_ends_with_0_while_it_holds(config: Path, capsys: Printed) -> None:
    assert run("audit", "verify", "--config", config) == 0
    text = capsys.readouterr().out
    assert text.startswith("holds: 6 rows")
    head = text.splitlines()[1].removeprefix("head: ")
    assert run("audit", "verify", "--config", config, "--head", head[:12].upper()) == 0
    assert "none was cut off" in capsys.readouterr().out
    assert run("audit", "verify", "--config", config, "--head", "short") == 2


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE audit SET author = 'eve' WHERE id = 4", "BROKEN at row 4"),
        ("DELETE FROM audit WHERE id = 2", "BROKEN at row 3: rows are missing before it: the last that fits is 1"),
    ],
)
def test_verify_ends_with_1_and_names_the_row(config: Path, capsys: Printed, sql: str, said: str) -> None:
    tampered(config.parent, sql)
    assert run("audit", "verify", "--config", config) == 1
    assert said in capsys.readouterr().out
    assert run("audit", "verify", "--config", config, "--json") == 1
    assert json.loads(capsys.readouterr().out)["holds"] is False


def test_a_cut_end_is_proved_by_the_head_that_was_noted(config: Path, capsys: Printed) -> None:
    assert run("audit", "verify", "--config", config, "--json") == 0
    noted = json.loads(capsys.readouterr().out)["head"]
    tampered(config.parent, "DELETE FROM audit WHERE id = 6")
    assert run("audit", "verify", "--config", config) == 0
    assert run("audit", "verify", "--config", config, "--head", noted) == 1
    assert "BROKEN: no row has the hash that was noted" in capsys.readouterr().out
