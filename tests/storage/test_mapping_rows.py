"""Mapping rows on disk: only added to, the newest of a key holds, and one request makes one row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.domain.exception_types import Finding
from actors.domain.mapped import MappingKind, Row
from storage import exceptions, mapping_rows
from tests.stored import NOW, fresh

TAX = MappingKind.TAX


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = fresh(tmp_path)
    yield connection
    connection.close()


def add(
    file: sqlite3.Connection, key: str, value: str, *, request: str, kind: MappingKind = TAX, tender: bool = False
) -> int:
    row = Row(kind=kind, key=key, value=value, tender=tender)
    return mapping_rows.add(file, row, request=request, author="ada", reason="because", woken=3, now=NOW)


def test_the_newest_row_of_a_key_holds_and_the_others_are_its_history(file: sqlite3.Connection) -> None:
    assert mapping_rows.version(file) == 0
    first = add(file, "0.2", "Old", request="a")
    second = add(file, "0.2", "New", request="b")
    third = add(file, "0.2", "Wrap", request="c", kind=MappingKind.CHARGES, tender=True)
    fourth = add(file, "0.05", "", request="d")
    assert [first, second, third, fourth] == [1, 2, 3, 4]
    assert mapping_rows.version(file) == 4
    assert [row.version for row in mapping_rows.in_force(file)] == [second, third, fourth]
    assert [row.version for row in mapping_rows.history(file, limit=10)] == [4, 3, 2, 1]
    assert [row.version for row in mapping_rows.history(file, kind=TAX, limit=2)] == [4, 2]
    kept = mapping_rows.of_request(file, "c")
    assert kept is not None
    assert (kept.row, kept.author, kept.reason, kept.at, kept.woken) == (
        Row(kind=MappingKind.CHARGES, key="0.2", value="Wrap", tender=True),
        "ada",
        "because",
        NOW,
        3,
    )
    assert mapping_rows.of_request(file, "e") is None


def test_a_request_makes_one_row(file: sqlite3.Connection) -> None:
    add(file, "0.2", "Old", request="a")
    with pytest.raises(sqlite3.IntegrityError):
        add(file, "0.2", "New", request="a")
    assert mapping_rows.version(file) == 1


@pytest.mark.parametrize("statement", ["UPDATE mapping_rows SET value = 'X'", "DELETE FROM mapping_rows"])
def test_a_row_is_neither_changed_nor_taken_out(file: sqlite3.Connection, statement: str) -> None:
    add(file, "0.2", "Old", request="a")
    with pytest.raises(sqlite3.IntegrityError, match="mapping row"):
        file.execute(statement)
    assert [row.row.value for row in mapping_rows.in_force(file)] == ["Old"]


@pytest.mark.parametrize(("kind", "key"), [("colours", "0.2"), ("tax", "")])
def test_a_row_of_no_table_or_without_a_key_is_refused_by_the_file_itself(
    file: sqlite3.Connection, kind: str, key: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        file.execute(
            "INSERT INTO mapping_rows (kind, key, value, author, reason, at, request)"
            " VALUES (?, ?, 'X', 'a', '', 1, 'r')",
            (kind, key),
        )


def test_what_waits_for_a_row_is_open_and_of_its_kind(file: sqlite3.Connection) -> None:
    for number, key in enumerate(("GB/standard", "GB/standard", "GB/zero", "GB/standard")):
        finding = Finding(code="tax_unmapped", cause="c", field="taxRate", group=f"tax_unmapped:{key}")
        exceptions.raise_finding(file, exceptions.Record(kind="order", id=f"o{number}"), finding, now=NOW)
    exceptions.resolve(file, 4, resolution="over", now=NOW)
    waiting = mapping_rows.waiting_for(file, TAX, "GB/standard", "")
    assert [told.record_id for told in waiting] == ["o0", "o1"]
    assert mapping_rows.waiting_for(file, MappingKind.CARRIERS, "GB/standard", "") == []
