"""Exceptions on disk: one open row per cause, refreshed but never younger, cleared by evidence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.exception_types import CATALOGUE, Finding
from storage import exceptions
from storage.exceptions import ExceptionRow, Record
from tests.stored import NOW, fresh

ORDER = Record(kind="order", id="o", number="CT-1")
CODE = "sku_unknown"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def finding(sku: str = "A", *, code: str = CODE, cause: str = "Nobody sells it.", waits_for: str = "") -> Finding:
    return Finding(
        code=code, cause=cause, sku=sku, field="sku", waits_for=waits_for, group=f"{code}:{sku}", facts={"sku": sku}
    )


def raised(
    connection: sqlite3.Connection, *found: Finding, record: Record = ORDER, now: int = NOW
) -> list[ExceptionRow]:
    for each in found:
        exceptions.raise_finding(connection, record, each, now=now)
    return exceptions.listing(connection)


def test_a_row_says_who_what_why_and_what_to_do(file: sqlite3.Connection) -> None:
    exceptions.raise_finding(file, ORDER, finding(waits_for="product:A"), now=NOW, next_attempt_at=NOW + 9)
    [row] = exceptions.listing(file)
    kind = CATALOGUE[CODE]
    assert (row.type, row.owner, row.severity, row.state) == (CODE, kind.owner.value, kind.severity.value, "open")
    assert (row.record, row.sku, row.field, row.group) == (ORDER, "A", "sku", f"{CODE}:A")
    assert (row.cause, row.next_step, row.facts) == ("Nobody sells it.", kind.steps[0], {"sku": "A"})
    assert (row.opened_at, row.next_attempt_at, row.resolved_at) == (NOW, NOW + 9, None)
    assert exceptions.get(file, row.id) == row
    assert exceptions.get(file, row.id + 1) is None


def test_raised_again_it_is_the_same_one_with_its_age_and_the_news(file: sqlite3.Connection) -> None:
    raised(file, finding())
    [row] = raised(file, finding(cause="Still nobody."), now=NOW + 1000)
    assert (row.opened_at, row.cause) == (NOW, "Still nobody.")


def test_another_sku_field_record_or_type_is_another_one(file: sqlite3.Connection) -> None:
    other = Record(kind="order", id="p")
    raised(file, finding("A"), finding("B"), finding("A", code="missed"))
    assert len(raised(file, finding("A"), record=other)) == 4


def test_one_that_was_resolved_is_opened_anew(file: sqlite3.Connection) -> None:
    [first] = raised(file, finding())
    assert exceptions.resolve(file, first.id, resolution="mapped", now=NOW + 5)
    assert not exceptions.resolve(file, first.id, resolution="again", now=NOW + 6)
    [second] = raised(file, finding(), now=NOW + 10)
    assert (second.opened_at, second.id != first.id) == (NOW + 10, True)
    story = exceptions.of_record(file, "order", "o")
    assert [(row.state, row.resolution) for row in story] == [("resolved", "mapped"), ("open", None)]


def test_clearing_keeps_what_still_stands_and_what_is_not_asked_for(file: sqlite3.Connection) -> None:
    raised(file, finding("A"), finding("B"), finding("A", code="missed"))
    raised(file, finding("A"), record=Record(kind="order", id="p"))
    cleared = exceptions.clear(file, ORDER, resolution="judged again", now=NOW, types={CODE}, keep={(CODE, "B", "sku")})
    assert cleared == 1
    left = {(row.type, row.sku, row.record.id) for row in exceptions.listing(file)}
    assert left == {(CODE, "B", "o"), ("missed", "A", "o"), (CODE, "A", "p")}
    assert exceptions.clear(file, ORDER, resolution="all", now=NOW) == 2
    assert exceptions.is_open(file, Record(kind="order", id="p"), CODE)
    assert not exceptions.is_open(file, ORDER, CODE)


def test_listed_by_owner_type_state_and_group_and_from_a_place_on(file: sqlite3.Connection) -> None:
    rows = raised(file, finding("A"), finding("B"), finding("A", code="missed"))
    owner = CATALOGUE[CODE].owner.value
    assert [row.sku for row in exceptions.listing(file, owner=owner, kind=CODE)] == ["A", "B"]
    assert [row.sku for row in exceptions.listing(file, group=f"{CODE}:B")] == ["B"]
    assert [row.id for row in exceptions.listing(file, after=rows[0].id, limit=1)] == [rows[1].id]
    assert exceptions.listing(file, state="resolved") == []
    exceptions.resolve(file, rows[0].id, resolution="done", now=NOW)
    assert len(exceptions.listing(file, state=None)) == 3


def test_counted_by_owner_and_grouped_by_cause(file: sqlite3.Connection) -> None:
    for order_id in ("o", "p", "q"):
        raised(file, finding("A"), record=Record(kind="order", id=order_id), now=NOW + len(order_id))
    raised(file, finding("B"))
    owner = CATALOGUE[CODE].owner.value
    assert exceptions.count_open_by_owner(file) == {"ops": 0, "finance": 0, "ecommerce": 0, "it": 0} | {owner: 4}
    assert exceptions.groups(file) == [(f"{CODE}:A", owner, 3, NOW + 1), (f"{CODE}:B", owner, 1, NOW)]


def test_what_waits_for_a_fact_is_found_by_it_while_it_is_open(file: sqlite3.Connection) -> None:
    [row] = raised(file, finding(waits_for="product:A"))
    raised(file, finding("B"))
    raised(file, finding(waits_for="product:A"), record=Record(kind="flow", id="orders"))
    assert exceptions.waiting_facts(file) == {"product:A"}
    assert exceptions.orders_waiting_for(file, "product:A") == ["o"]
    exceptions.resolve(file, row.id, resolution="there", now=NOW)
    assert exceptions.orders_waiting_for(file, "product:A") == []


def test_a_type_nobody_declared_cannot_be_stored(file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM exception_types WHERE code = ?", (CODE,))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        exceptions.raise_finding(file, ORDER, finding(), now=NOW)


def test_what_is_asked_of_one_record_goes_through_no_others(file: sqlite3.Connection) -> None:
    """Each is asked at the writer's turn, and what is resolved of a type grows with every year."""
    run: list[str] = []
    file.set_trace_callback(run.append)
    raised(file, finding())
    exceptions.was_dismissed(file, ORDER, CODE, sale="S")
    exceptions.dismissed_as_it_is(file, ORDER, finding())
    exceptions.is_open(file, ORDER, CODE)
    exceptions.next_attempt(file, ORDER, CODE)
    exceptions.clear(file, ORDER, resolution="found", now=NOW)
    exceptions.orders_waiting_for(file, "sku:A")
    file.set_trace_callback(None)

    asked = [sql for sql in run if sql.startswith("SELECT") and "LIMIT 100" not in sql]
    assert len(asked) == 7
    of_few = ("exceptions_by_record (record_kind=? AND record_id=?)", "one_open_exception", "exceptions_waiting")
    for sql in asked:
        plan = [str(row[3]) for row in file.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert any(index in plan[0] for index in of_few), (sql, plan)
