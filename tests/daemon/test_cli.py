"""The command line: exit codes, what it prints, and that reading needs no daemon."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import COMMANDS, main
from daemon.commands.exceptions import _groups
from daemon.version import VERSION
from storage import orders
from storage.database import connect
from tests.command_line import daemon_in, give_secrets, run
from tests.daemon_app import ENVIRON, IDS, make_file, write_config

HERE = Path(__file__).parents[2]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    give_secrets(monkeypatch)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_file(tmp_path / "tallyd.db")
    return write_config(tmp_path)


def read_json(printed: Printed) -> Any:
    return json.loads(printed.readouterr().out)


# -- usage ------------------------------------------------------------------------------------------------------------


def test_the_version_is_the_package_s(capsys: Printed) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"tallyd {VERSION}\n"
    assert tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_version_loads_nothing_of_ours_or_others() -> None:
    code = (
        "import sys; before = set(sys.modules); from daemon.cli import main; main(['--version']);"
        " print(sorted(name for name in set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[1] == "['__future__', 'daemon', 'daemon.cli', 'daemon.version']"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_every_help_has_an_example(arguments: list[str], capsys: Printed) -> None:
    assert main(arguments) == 0
    assert "example: tallyd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        *(("orders", verb) for verb in ("list", "show", "retry", "release", "reject", "resend")),
        *(("exceptions", verb) for verb in ("list", "show", "retry", "resolve")),
        *(("flows", verb) for verb in ("list", "pause", "resume")),
    ],
)
def test_every_subcommand_s_help_has_an_example(command: str, verb: str, capsys: Printed) -> None:
    assert run(command, verb, "--help") == 0
    printed = capsys.readouterr().out
    assert f"example: tallyd {command} {verb}" in printed
    assert "--config FILE" in printed
    assert "--json" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["orders"],
        ["orders", "nonsense"],
        ["orders", "show"],
        ["orders", "release"],
        ["orders", "release", "A-1", "--day", "2026-11-26"],
        ["orders", "reject", "A-1"],
        ["exceptions", "show", "x"],
        ["exceptions", "resolve", "1"],
        ["exceptions", "list", "--owner", "nobody"],
        ["flows", "list", "--nonsense"],
        ["check", "--nonsense"],
    ],
)
def test_a_mistake_in_usage_is_2(arguments: list[str], capsys: Printed) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: tallyd" in printed.err


def test_python_m_daemon_is_the_same() -> None:
    result = subprocess.run([sys.executable, "-m", "daemon", "nonsense"], cwd=HERE, capture_output=True, check=False)
    assert result.returncode == 2


# -- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["check", "--offline"], ["orders", "list"], ["orders", "retry", "A-1"], ["flows", "list"], ["run"]],
)
def test_a_bad_file_is_2_with_a_line_for_each_problem(tmp_path: Path, arguments: list[str], capsys: Printed) -> None:
    path = write_config(tmp_path)
    text = path.read_text().replace("[cin7]", '[cin7]\ncals_per_minute = 60\nmax_in_flight = "4"')
    path.write_text(text)
    assert run(*arguments, "--config", path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line, key in zip(lines, ("cin7.cals_per_minute", "cin7.max_in_flight"), strict=True):
        assert line.startswith(f"tallyd: {path}: {key}: "), line
        assert "; " in line


@pytest.mark.parametrize("arguments", [["check", "--offline"], ["run"]])
def test_missing_secrets_are_2_and_none_is_printed(
    tmp_path: Path, arguments: list[str], capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLYD_CIN7_APPLICATION_KEY")
    monkeypatch.setenv("TALLYD_STORAGE_KEY", "much-too-short-secret")
    assert run(*arguments, "--config", write_config(tmp_path)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cin7_application_key" in printed.err
    assert "storage_key" in printed.err
    assert len(printed.err.splitlines()) == 2
    for value in ("much-too-short-secret", *ENVIRON.values()):
        assert value not in printed.err


def test_a_file_that_is_not_there_is_2(tmp_path: Path, capsys: Printed) -> None:
    assert run("orders", "list", "--config", tmp_path / "no.toml") == 2
    assert "does not exist" in capsys.readouterr().err


def test_check_offline_asks_nobody_and_lists_the_hosts(config: Path, capsys: Printed) -> None:
    assert run("check", "--offline", "--config", config) == 0
    printed = capsys.readouterr().out
    assert "127.0.0.1:9 (Cin7 Core)" in printed
    assert "Neither system was asked" in printed
    for value in ENVIRON.values():
        assert value not in printed


def test_check_finds_that_nobody_answers(config: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.commercetools.exchange._FIRST_PAUSE_SECONDS", 0.0)
    assert run("check", "--json", "--config", config) == 1
    body = read_json(capsys)
    assert body["findings"] == 2
    assert {line["about"] for line in body["lines"]} == {"commercetools", "cin7", "finance", "alerts"}


def said_of_the_arithmetic(config: Path, capsys: Printed) -> str:
    run("check", "--json", "--config", config)
    [text] = [line["text"] for line in read_json(capsys)["lines"] if "arithmetic" in line["text"]]
    return str(text)


def test_check_says_what_is_known_of_the_arithmetic(
    config: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.commercetools.exchange._FIRST_PAUSE_SECONDS", 0.0)
    unknown = "The account's arithmetic is not known yet: the first orders go as DRAFTs first."
    assert said_of_the_arithmetic(config, capsys) == unknown
    with monkeypatch.context() as learnt:
        learnt.setattr("storage.calibration.sentence", lambda connection: "This is what the arithmetic is.")
        assert said_of_the_arithmetic(config, capsys) == "This is what the arithmetic is."
    earlier = connect(config.with_name("tallyd.db"))
    earlier.execute("DROP TABLE refutations")
    earlier.close()
    assert said_of_the_arithmetic(config, capsys) == unknown
    config.with_name("tallyd.db").write_bytes(b"no database" * 99)
    assert "cannot be read" in said_of_the_arithmetic(config, capsys)
    config.with_name("tallyd.db").unlink()
    assert said_of_the_arithmetic(config, capsys) == unknown


# -- reading ----------------------------------------------------------------------------------------------------------


def test_orders_list(config: Path, capsys: Printed) -> None:
    assert run("orders", "list", "--config", config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ORDER", "A-3", "A-2", "A-1"]
    assert "SO-00042" in lines[3]
    assert run("orders", "list", "--state", "held", "--json", "--config", config) == 0
    assert [item["number"] for item in read_json(capsys)["items"]] == ["A-2"]
    with closing(connect(config.with_name("tallyd.db"))) as file:
        file.execute("UPDATE orders SET accepted_at = accepted_at - 86400000 WHERE number = 'A-2'")
    for words, numbers in (
        (["--sort", "number"], ["A-3", "A-2", "A-1"]),
        (["--sort", "number", "--ascending"], ["A-1", "A-2", "A-3"]),
        (["--ascending"], ["A-2", "A-1", "A-3"]),
    ):
        assert run("orders", "list", *words, "--json", "--config", config) == 0
        assert [item["number"] for item in read_json(capsys)["items"]] == numbers
    assert run("orders", "list", "--state", "nowhere", "--config", config) == 2
    assert "state must be one of" in capsys.readouterr().err


def test_orders_show(config: Path, capsys: Printed) -> None:
    assert run("orders", "show", "A-1", "--config", config) == 0
    printed = capsys.readouterr().out
    for part in ("header", "SO-00042", "19.99 GBP", "agree", "state creating", "trace"):
        assert part in printed
    assert run("orders", "show", "SO-00042", "--json", "--config", config) == 0
    body = read_json(capsys)
    assert body.keys() >= {"id", "number", "state", "cin7", "trace_id", "totals", "timeline", "exceptions"}
    assert run("orders", "show", "A-2", "--config", config) == 0
    assert "sku_unknown (ecommerce): Cin7 Core has no product A" in capsys.readouterr().out


def test_an_unknown_order_is_1(config: Path, capsys: Printed) -> None:
    assert run("orders", "show", "nobody", "--config", config) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no order has the number or id nobody" in printed.err


def test_exceptions(config: Path, capsys: Printed) -> None:
    assert run("exceptions", "list", "--config", config) == 0
    assert "sku_unknown" in capsys.readouterr().out
    assert run("exceptions", "list", "--owner", "finance", "--json", "--config", config) == 0
    assert read_json(capsys) == {"items": [], "next": None, "total": 0}
    assert run("exceptions", "show", "1", "--json", "--config", config) == 0
    assert read_json(capsys)["record"]["number"] == "A-2"
    assert run("exceptions", "show", "1", "--config", config) == 0
    assert "step 1" in capsys.readouterr().out
    assert run("exceptions", "show", "99", "--config", config) == 1
    assert run("exceptions", "list", "--type", "nothing", "--config", config) == 2
    assert run("exceptions", "list", "--text", "no such words", "--json", "--config", config) == 0
    assert read_json(capsys)["total"] == 0
    assert run("exceptions", "list", "--after", "spoilt", "--config", config) == 2
    assert "after must be" in capsys.readouterr().err


def test_a_group_shows_the_cause_of_the_record_it_names() -> None:
    def item(number: int, order: str, cause: str) -> dict[str, Any]:
        record = {"number": order, "id": order}
        shown = {"type": "prediction_differs", "severity": "error", "owner": "finance", "opened_at": None}
        return {"id": number, "group": "g", "record": record, "cause": cause, **shown}

    def listed(*items: dict[str, Any]) -> str:
        return _groups({"items": list(items), "next": None}).splitlines()[1]

    differing = listed(item(1, "W-9", "net 1"), item(2, "W-1", "net 2"))
    assert "W-9 and 1 more" in differing
    assert differing.endswith("net 1 (the first; --all shows each)")
    assert listed(item(1, "W-9", "same"), item(2, "W-1", "same")).endswith(" same")


BREAKDOWN = {
    "net predicted": "24.98",
    "net shown": "24.97",
    "rows predicted": "A 1 × 9.99 · B 2 × 7.50",
    "rows shown": "A 1 × 9.99",
    "cents predicted": "0.02",
}


def test_an_order_shows_its_rate_and_both_sides_component_by_component(config: Path, capsys: Printed) -> None:
    assert run("orders", "show", "A-1", "--config", config) == 0
    plain = capsys.readouterr().out
    assert "rate " not in plain
    assert "tolerated" not in plain
    assert "COMPONENT" not in plain
    connection = connect(config.with_name("tallyd.db"))
    orders.set_rate(connection, IDS["A-1"], "0.85500", "2026-12-01", "cin7-last")
    orders.set_tolerated(connection, IDS["A-1"], 2)
    orders.set_breakdown(connection, IDS["A-1"], BREAKDOWN)
    connection.close()
    assert run("orders", "show", "a-1", "--config", config) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["rate", "0.85500", "of", "2026-12-01", "(cin7-last)"] in lines
    assert ["tolerated", "0.02", "GBP", "on", "the", "cents", "row"] in lines
    assert ["COMPONENT", "predicted", "Cin7", "Core"] in lines
    assert ["net", "24.98", "24.97"] in lines
    assert ["B", "2", "×", "7.50", "-"] in lines
    assert ["cents", "0.02", "-"] in lines
    assert run("orders", "show", "so-00042", "--json", "--config", config) == 0
    totals = read_json(capsys)["totals"]
    assert totals["rate"] == {"rate": "0.85500", "day": "2026-12-01", "source": "cin7-last"}
    assert (totals["tolerated"], totals["breakdown"]) == ("0.02", BREAKDOWN)


def test_an_exception_shows_both_sides_beside_each_other(config: Path, capsys: Printed) -> None:
    facts = {"channel": "london", "net commercetools": "24.98", "net Cin7 Core": "24.97"}
    connection = connect(config.with_name("tallyd.db"))
    connection.execute("UPDATE exceptions SET facts = ?", (json.dumps(facts),))
    connection.close()
    assert run("exceptions", "show", 1, "--config", config) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["channel", "london"] in lines
    assert ["COMPONENT", "commercetools", "Cin7", "Core"] in lines
    assert ["net", "24.98", "24.97"] in lines


def test_flows_without_a_daemon_say_so(config: Path, capsys: Printed) -> None:
    assert run("flows", "list", "--config", config) == 0
    assert "does not answer" in capsys.readouterr().out
    assert run("flows", "list", "--json", "--config", config) == 0
    body = read_json(capsys)
    assert body["running"] is False
    assert body["flows"]["orders"]["state"] == "unknown"


def test_no_database_yet_is_1(tmp_path: Path, capsys: Printed) -> None:
    assert run("orders", "list", "--config", write_config(tmp_path)) == 1
    assert "has the daemon run?" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_1(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "tallyd.db").write_bytes(b"not a database" * 100)
    assert run("orders", "list", "--config", write_config(tmp_path)) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_reading_sees_what_a_running_daemon_has_just_committed(config: Path, capsys: Printed) -> None:
    writer = connect(config.with_name("tallyd.db"))
    writer.execute("UPDATE orders SET reason = 'fresh' WHERE number = 'A-3'")
    try:
        assert run("orders", "list", "--config", config) == 0
        assert "fresh" in capsys.readouterr().out
    finally:
        writer.close()


def test_reading_never_writes(config: Path) -> None:
    before = config.with_name("tallyd.db").read_bytes()
    assert run("orders", "show", "A-1", "--config", config) == 0
    assert config.with_name("tallyd.db").read_bytes() == before


COUNTED_BY_NOBODY = """
import os, sys
from pathlib import Path
from daemon.commands.reading import read_file
os.setgid(65534)
os.setuid(65534)
try:
    print(read_file(Path(sys.argv[1]), lambda file: file.execute("SELECT count(*) FROM orders").fetchone()[0]), end="")
except Exception as error:
    print(f"{type(error).__name__}: {error}", end="")
"""


def counted_by_nobody(path: Path) -> str:
    """Count the orders in a process of no rights (a fork of this one would take its threads' locks along)."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", COUNTED_BY_NOBODY, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        timeout=60,
    )
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_a_folder_nobody_may_write_to_is_read_all_the_same() -> None:
    """SQLite cannot make its shared memory there; the file at rest is the whole truth (and only then)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "tallyd.db"
        make_file(path)
        assert not path.with_name("tallyd.db-wal").exists()

        assert counted_by_nobody(path) == "3"
        path.with_name("tallyd.db-wal").write_bytes(b"x" * 4096)
        assert counted_by_nobody(path).startswith("UnreadableError: ")


def test_text_from_elsewhere_cannot_steer_the_terminal(config: Path, capsys: Printed) -> None:
    connection = sqlite3.connect(config.with_name("tallyd.db"))
    connection.execute("UPDATE exceptions SET cause = ?", ("\x1b[2Jgone",))
    connection.commit()
    connection.close()
    assert run("exceptions", "list", "--config", config) == 0
    assert run("exceptions", "show", 1, "--config", config) == 0
    assert run("orders", "show", "A-2", "--config", config) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_reader_that_has_enough_is_no_failure(config: Path) -> None:
    command = f"{sys.executable} -m daemon orders list --config {config} | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], cwd=HERE, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


# -- acting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["orders", "retry", "A-2"],
        ["orders", "release", "A-2"],
        ["orders", "release", "--day", "2026-11-26"],
        ["orders", "reject", "A-1", "--reason", "x"],
        ["orders", "resend", "A-1"],
        ["exceptions", "retry", "1"],
        ["exceptions", "resolve", "1", "--reason", "x"],
        ["flows", "pause", "orders"],
        ["flows", "resume", "orders"],
    ],
)
def test_acting_without_a_daemon_is_1_and_changes_nothing(config: Path, arguments: list[str], capsys: Printed) -> None:
    before = config.with_name("tallyd.db").read_bytes()
    assert run(*arguments, "--config", config) == 1
    assert "the daemon is not running" in capsys.readouterr().err
    assert config.with_name("tallyd.db").read_bytes() == before


@pytest.mark.parametrize("day", ["today", "20261126", "2026-11-31", ""])
def test_a_day_that_is_none_is_told_before_anybody_is_asked(config: Path, capsys: Printed, day: str) -> None:
    assert run("orders", "release", "--day", day, "--reason", "seen", "--config", config) == 2
    assert f"argument --day: {day!r}: " in capsys.readouterr().err


def test_acting_reaches_the_daemon(config: Path, capsys: Printed) -> None:
    with daemon_in(config.parent):
        assert run("orders", "release", "A-2", "--reason", "mended", "--config", config) == 0
        assert "judged again now" in capsys.readouterr().out
        assert run("orders", "resend", "A-3", "--config", config) == 1
        assert "never had a sale" in capsys.readouterr().err
        assert run("orders", "retry", "nobody", "--config", config) == 1
        assert run("orders", "reject", "A-3", "--reason", "x", "--config", config) == 1
        assert "no sale that would be booked" in capsys.readouterr().err
        assert run("orders", "release", "--day", "2026-11-26", "--reason", "seen", "--config", config) == 0
        assert "No order of 2026-11-26 waits" in capsys.readouterr().out
        assert run("flows", "pause", "orders", "--reason", "count", "--json", "--config", config) == 0
        assert read_json(capsys) == {"done": True, "message": "Flow orders is paused.", "flow": "orders"}
        assert run("flows", "list", "--json", "--config", config) == 0
        body = read_json(capsys)
        assert body["running"] is True
        assert body["flows"]["orders"]["state"] == "paused"
        assert run("orders", "show", "A-2", "--json", "--config", config) == 0
        assert read_json(capsys)["timeline"][-1]["what"] == "person release"
