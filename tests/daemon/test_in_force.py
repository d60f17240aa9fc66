"""`check` and `diagnose` judge by what was mapped at the desk too, as the daemon does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.mapped import MappingKind, Row, lay
from adapters.sandbox.generator import OrderGenerator
from daemon.cli import main
from daemon.commands.diagnose import replay
from daemon.commands.in_force import in_force
from daemon.planning import mappings_of, with_mappings
from storage import mapping_rows
from storage.database import connect
from storage.schema import upgrade
from tests.both_sides import Both
from tests.daemon_app import ENVIRON, NOW, write_config

Printed = pytest.CaptureFixture[str]

TAX = Row(kind=MappingKind.TAX, key="standard", value="20% (VAT on Income)")
CARD = Row(kind=MappingKind.PAYMENTS, key="card", value="1200")


@pytest.fixture
def both(tmp_path: Path) -> Both:
    made = Both()
    made.text = made.text.replace("/tmp/tallyd.db", str(tmp_path / "tallyd.db"))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "tallyd.db")) as connection:
        upgrade(connection, now=NOW)
        yield connection


def put(file: sqlite3.Connection, *rows: Row) -> None:
    for row in rows:
        request = str(mapping_rows.version(file))
        mapping_rows.add(file, row, request=request, author="ada", reason="because", woken=0, now=NOW)


def test_each_table_comes_back_as_it_was_laid(both: Both) -> None:
    rows = [Row(kind=kind, key=f"a {kind}", value=f"of {kind}") for kind in MappingKind]
    rows += [Row(kind=MappingKind.CHARGES, key="voucher", value="Voucher", tender=True)]
    laid = lay(mappings_of(both.settings()), rows)
    assert mappings_of(with_mappings(both.settings(), laid)) == laid
    assert {laid.table(kind)[f"a {kind}"].value for kind in MappingKind} == {f"of {kind}" for kind in MappingKind}
    assert laid.table(MappingKind.CHARGES)["voucher"].tender


async def test_an_order_that_the_desk_mapped_is_not_held_in_the_replay(both: Both, file: sqlite3.Connection) -> None:
    both.text = both.text.replace('"standard" = "20% (VAT on Income)"', '"luxury" = "20% (VAT on Income)"')
    generator = OrderGenerator(3, both.shop, clock=both.clock)
    assert generator.place_next() is not None

    async def held() -> tuple[int, list[str]]:
        found, lines = await replay(
            both.settings(),
            both.secrets(),
            10,
            lambda text: None,
            shop=both.ct_wire,
            account=both.cin7_wire,
            clock=both.clock,
        )
        assert found is not None
        return found.held.count, [line.text for line in lines if line.about == "mappings"]

    assert await held() == (1, [])
    put(file, TAX)
    count, [said] = await held()
    assert count == 0
    assert "(1 in force)" in said
    put(file, Row(kind=TAX.kind, key=TAX.key, value=""))
    assert await held() == (1, [])


def test_a_file_that_is_not_there_or_not_ours_leaves_the_configuration_alone(both: Both, tmp_path: Path) -> None:
    assert in_force(both.settings()) == (both.settings(), [])
    with closing(connect(tmp_path / "tallyd.db")) as connection:
        connection.execute("CREATE TABLE earlier (id)")
    assert in_force(both.settings()) == (both.settings(), [])
    (tmp_path / "tallyd.db").write_bytes(b"no database" * 99)
    settings, [line] = in_force(both.settings())
    assert settings == both.settings()
    assert "the file alone is" in line.text


def test_check_judges_the_desk_too_but_not_offline(
    tmp_path: Path, file: sqlite3.Connection, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr("adapters.commercetools.exchange._FIRST_PAUSE_SECONDS", 0.0)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path)
    put(file, CARD)

    def said(*options: str) -> str:
        main(["check", *options, "--config", str(config)])
        return capsys.readouterr().out

    assert "[mappings.payments] names no account" in said("--offline")
    online = said()
    assert "[mappings.payments] names no account" not in online
    assert "(1 in force)" in online
