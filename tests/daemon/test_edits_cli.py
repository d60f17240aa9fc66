"""Edits from the command line: what is asked of the daemon, and that no text about people stands on the line."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from actors.domain.exception_types import Finding
from storage.exceptions import Record, raise_finding
from tests.command_line import daemon_in, give_secrets, run
from tests.daemon_app import NOW, make_file, write_config
from tests.patched_file import ID, NUMBER, SKU, fill

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    give_secrets(monkeypatch)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_file(tmp_path / "tallyd.db", fill)
    return write_config(tmp_path)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def edits(config: Path, printed: Printed) -> Any:
    """What is listed, with the daemon up or down."""
    printed.readouterr()
    assert run("orders", "edits", NUMBER, "--config", config, "--json") == 0
    return json.loads(printed.readouterr().out)


def test_an_alias_is_set_listed_and_withdrawn(config: Path, capsys: Printed) -> None:
    about = ("--config", config, "--reason", "renamed")
    with daemon_in(config.parent):
        assert run("orders", "edit", NUMBER, "alias", SKU, "LOAF", *about) == 0
        assert f"{SKU} of order {NUMBER} is sold as LOAF" in capsys.readouterr().out
        assert run("orders", "edit", NUMBER, "alias", SKU, "NO", *about) == 1
        assert "cannot stand in" in capsys.readouterr().err
        assert run("orders", "withdraw", NUMBER, 1, *about) == 0
    listed = edits(config, capsys)
    assert (listed["order"], listed["number"]) == (ID, NUMBER)
    [one] = listed["history"]
    assert (one["sku"], one["alias"], one["reason"], one["stands"]) == (SKU, "LOAF", "renamed", False)
    assert run("orders", "edits", NUMBER, "--config", config) == 0
    assert f"{SKU} sold as LOAF" in capsys.readouterr().out


def test_texts_are_read_from_standard_input_and_shown_to_whom_the_socket_is(
    config: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = ("--config", config, "--reason", "they called")
    with daemon_in(config.parent):
        type_in(monkeypatch, "city = Kiel\n\nstreet=Ring = 3\n")
        assert run("orders", "edit", NUMBER, "address", *about) == 0
        type_in(monkeypatch, "Ring twice\nand wait\n")
        assert run("orders", "edit", NUMBER, "note", *about) == 0
        capsys.readouterr()
        assert run("orders", "payloads", NUMBER, "--config", config) == 0
        shown = json.loads(capsys.readouterr().out)
    said = [body["document"]["values"] for body in shown["bodies"] if body["kind"] != "order"]
    assert said == [{"city": "Kiel", "street": "Ring = 3"}, {"note": "Ring twice\nand wait"}]
    assert [one["names"] for one in edits(config, capsys)["history"]] == [["city", "street"], ["note"]]
    with sqlite3.connect(config.parent / "tallyd.db") as file:
        assert file.execute("SELECT count(*) FROM audit WHERE action = 'body'").fetchone() == (1,)
    file.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("address", "Kiel"), "standard input"),
        (("alias", SKU), "needs SKU and ALIAS"),
        (("address",), "line 1 of standard input"),
    ],
)
def test_a_mistake_is_2_and_not_repeated(
    config: Path,
    capsys: Printed,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    type_in(monkeypatch, "Kiel\n")
    assert run("orders", "edit", NUMBER, *arguments, "--config", config, "--reason", "x") == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Kiel" not in said


def test_with_the_daemon_down_edits_are_listed_and_none_is_made(config: Path, capsys: Printed) -> None:
    assert edits(config, capsys)["history"] == []
    assert run("orders", "edit", NUMBER, "alias", SKU, "LOAF", "--config", config, "--reason", "x") == 1
    assert "not running" in capsys.readouterr().err
    assert run("orders", "edits", "nobody", "--config", config) == 1


@pytest.mark.parametrize("verb", ["edit", "edits", "withdraw", "payloads"])
def test_every_help_has_an_example(verb: str, capsys: Printed) -> None:
    assert run("orders", verb, "--help") == 0
    assert f"example: tallyd orders {verb}" in capsys.readouterr().out


def test_many_are_edited_at_once_and_nothing_about_people_stands_on_the_line(
    config: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(connection: sqlite3.Connection) -> None:
        finding = Finding(code="field_too_long", cause="Lindenweg is too long a street")
        raise_finding(connection, Record(kind="order", id=ID, number=NUMBER), finding, now=NOW)

    make_file(config.parent / "tallyd.db", tell)
    about = ("--config", config, "--reason", "they called", "--type", "field_too_long")
    with daemon_in(config.parent):
        type_in(monkeypatch, "city = Kiel\nstreet=Ring 3\n")
        assert run("exceptions", "do", "address", *about, "--preview") == 0
        assert "1 exceptions" in capsys.readouterr().out
        assert edits(config, capsys)["history"] == []
        type_in(monkeypatch, "city = Kiel\nstreet=Ring 3\n")
        assert run("exceptions", "do", "address", *about, "--yes") == 0
        type_in(monkeypatch, "Ring twice")
        assert run("exceptions", "do", "note", 1, "--config", config, "--reason", "x", "--yes") == 0
        type_in(monkeypatch, "Kiel\n")
        assert run("exceptions", "do", "contact", *about, "--yes") == 2
        assert "line 1 of standard input" in capsys.readouterr().err
    assert [one["names"] for one in edits(config, capsys)["history"]] == [["city", "street"], ["note"]]
