"""Exceptions by filter, in any order, page by page; and the causes that many share."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.exception_life import DUE, ExceptionFilter, Stage, stage
from actors.domain.exception_types import Severity
from storage import exception_lists, exceptions
from storage.exceptions import Record
from storage.keyset import Place
from tests.daemon_app import NOW
from tests.desk_house import held_orders, told
from tests.stored import fresh

ALL = ExceptionFilter()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        held_orders(connection, 7)
        for number, code in enumerate(("flow_stopped", "publish_again", "tax_rule_changed", "backordered")):
            told(connection, code, Record(kind="thing", id=f"t-{number}"), at=NOW + number)
        yield connection


def walked(
    file: sqlite3.Connection, sort: str, *, descending: bool, size: int, where: ExceptionFilter = ALL
) -> list[int]:
    """The ids of all pages, one after the other."""
    found: list[int] = []
    after: Place | None = None
    while page := exception_lists.page(file, where, sort=sort, descending=descending, after=after, limit=size, now=NOW):
        found += [row.id for row in page]
        after = Place(exception_lists.sorted_value(page[-1], sort), page[-1].id)
    return found


@pytest.mark.parametrize("sort", exception_lists.SORTS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 3, 50])
def test_pages_hold_each_row_once_in_the_order_asked_for(
    file: sqlite3.Connection, sort: str, descending: bool, size: int
) -> None:
    whole = exception_lists.page(
        file, ExceptionFilter(), sort=sort, descending=descending, after=None, limit=500, now=NOW
    )
    assert walked(file, sort, descending=descending, size=size) == [row.id for row in whole]
    keys = [(exception_lists.sorted_value(row, sort), row.id) for row in whole]
    assert keys == sorted(keys, reverse=descending)
    assert len(set(keys)) == 11


def test_severity_is_sorted_by_weight_not_by_name(file: sqlite3.Connection) -> None:
    rows = exception_lists.page(
        file, ExceptionFilter(), sort="severity", descending=True, after=None, limit=500, now=NOW
    )
    assert [row.severity for row in rows] == ["critical", *["error"] * 8, "warning", "info"]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (ExceptionFilter(), 11),
        (ExceptionFilter(owner="ecommerce"), 8),
        (ExceptionFilter(type="sku_unknown", owner="ops"), 0),
        (ExceptionFilter(severity="critical"), 1),
        (ExceptionFilter(group="sku_unknown:GONE"), 7),
        (ExceptionFilter(text="gone"), 7),
        (ExceptionFilter(text="H-3"), 1),
        (ExceptionFilter(text="%"), 0),
        (ExceptionFilter(state="resolved"), 0),
        (ExceptionFilter(state="all"), 11),
        (ExceptionFilter(stage="resolved"), 0),
        (ExceptionFilter(stage="open"), 11),
    ],
)
def test_a_filter_narrows(file: sqlite3.Connection, where: ExceptionFilter, count: int) -> None:
    assert exception_lists.count(file, where, now=NOW) == count
    assert len(exception_lists.ids(file, where, now=NOW, limit=100)) == count
    assert len(walked(file, "opened_at", descending=False, size=4, where=where)) == count


def test_the_stage_asked_for_is_the_stage_shown(file: sqlite3.Connection) -> None:
    """The rule in Python and the conditions in SQL say the same of every combination."""
    file.execute("DELETE FROM exceptions")
    combinations = list(
        itertools.product((False, True), (None, NOW - 1, NOW, NOW + 1), (None, NOW + 5), ("", "eve"), (None, 1))
    )
    for number, (resolved, snoozed, attempt, assignee, reopens) in enumerate(combinations):
        row_id = told(file, "backordered", Record(kind="thing", id=f"s-{number}"))
        file.execute(
            "UPDATE exceptions SET state = ?, resolved_at = ?, snoozed_until = ?, next_attempt_at = ?, assignee = ?,"
            " reopens = ? WHERE id = ?",
            (
                "resolved" if resolved else "open",
                NOW if resolved else None,
                snoozed,
                attempt,
                assignee,
                reopens,
                row_id,
            ),
        )
    seen: dict[str, Stage] = {}
    for name in Stage:
        for row in exception_lists.of_ids(
            file, exception_lists.ids(file, ExceptionFilter(stage=name), now=NOW, limit=1000)
        ):
            assert row.record.id not in seen
            seen[row.record.id] = name
    assert len(seen) == len(combinations)
    for number, (resolved, snoozed, attempt, assignee, reopens) in enumerate(combinations):
        said = stage(
            resolved=resolved,
            snoozed_until=snoozed,
            next_attempt_at=attempt,
            assignee=assignee,
            reopens=reopens,
            now=NOW,
        )
        assert seen[f"s-{number}"] is said


def test_many_orders_of_one_cause_are_one_incident(file: sqlite3.Connection) -> None:
    found, total = exception_lists.incidents(file, ExceptionFilter(), skip=0, limit=2, now=NOW)
    assert total == 5
    assert (found[0].group, found[0].count, found[0].owner) == ("sku_unknown:GONE", 7, "ecommerce")
    assert found[0].oldest_at == NOW + 60_000
    assert found[0].due_at == NOW + 60_000 + DUE[Severity.ERROR]
    rest, _ = exception_lists.incidents(file, ExceptionFilter(), skip=2, limit=10, now=NOW)
    assert {one.group for one in (*found, *rest)} == {
        "sku_unknown:GONE", "flow_stopped", "publish_again", "tax_rule_changed", "backordered"
    }  # fmt: skip


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", exception_lists.CAUSE_SORTS)
def test_causes_are_sorted_as_asked_page_by_page(file: sqlite3.Connection, sort: str, descending: bool) -> None:
    def page(skip: int, limit: int) -> list[exception_lists.Incident]:
        return exception_lists.incidents(file, ALL, skip=skip, limit=limit, now=NOW, sort=sort, descending=descending)[
            0
        ]

    weights = ("info", "warning", "error", "critical")
    whole = page(0, 99)
    keys = [weights.index(one.severity) if sort == "severity" else getattr(one, sort) for one in whole]
    assert keys == sorted(keys, reverse=descending)
    assert [one.group for skip in (0, 2, 4) for one in page(skip, 2)] == [one.group for one in whole]
    assert len(whole) == 5


def test_an_exception_is_due_by_its_severity(file: sqlite3.Connection) -> None:
    rows = {row.type: row for row in exception_lists.of_ids(file, list(range(1, 12)))}
    assert {row.severity: (row.due_at or 0) - row.opened_at for row in rows.values()} == {
        severity.value: wait for severity, wait in DUE.items()
    }


def test_a_look_at_open_ones_goes_through_no_resolved_one(file: sqlite3.Connection) -> None:
    plan = file.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM exceptions WHERE state = 'open' AND grouped_as = 'x' ORDER BY id LIMIT 10"
    ).fetchall()
    assert any("exceptions_by_group" in row[3] for row in plan)
    assert not any("SCAN" in row[3] for row in plan)


def test_what_is_told_again_keeps_whose_it_is(file: sqlite3.Connection) -> None:
    exceptions.assign(file, 1, "eve")
    held_orders_again = exceptions.get(file, 1)
    assert held_orders_again is not None
    told(file, "sku_unknown", held_orders_again.record, at=NOW + 99, sku="GONE")
    again = exceptions.get(file, 1)
    assert again is not None
    assert (again.assignee, again.opened_at) == ("eve", NOW + 60_000)
