"""What the database itself refuses, whatever the code believes, and how a file comes to this release's schema."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.domain.calls import Purpose
from actors.domain.exception_types import CATALOGUE, Finding, Severity
from actors.domain.order_state import OrderState, may_follow
from actors.governor.journal import Intent
from actors.messages import Flow, Urgency
from storage import calls, exceptions, meta, orders, outbox, schema
from storage.database import connect
from storage.exceptions import Record
from storage.schema import SchemaError, upgrade
from tests.orders_builder import ORDER_ID
from tests.stored import NOW, ROAD, accepted, fresh, moved, nudge


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def dump(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


# --- upgrading -------------------------------------------------------------------------------------------------------


def test_a_new_file_has_the_newest_schema_and_knows_when_it_was_born(file: sqlite3.Connection) -> None:
    assert file.execute("PRAGMA user_version").fetchone() == (schema.migrations()[-1][0],)
    assert meta.born_at(file) == NOW
    assert len(meta.instance(file)) == 16
    assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_upgrading_again_changes_nothing(file: sqlite3.Connection) -> None:
    accepted(file)
    before = dump(file)
    upgrade(file, now=NOW + 1000)
    assert dump(file) == before


def test_two_files_are_two_instances(tmp_path: Path) -> None:
    names = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with closing(fresh(tmp_path / name)) as connection:
            names.add(meta.instance(connection))
    assert len(names) == 2


def test_a_file_of_a_newer_release_is_refused_untouched(file: sqlite3.Connection) -> None:
    newest = schema.migrations()[-1][0]
    file.execute(f"PRAGMA user_version = {newest + 1}")
    before = dump(file)
    with pytest.raises(SchemaError, match="newer release"):
        upgrade(file, now=NOW)
    assert dump(file) == before
    assert file.execute("PRAGMA user_version").fetchone() == (newest + 1,)


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.migrations()
    good = (steps[-1][0] + 1, "CREATE TABLE good (id INTEGER);")
    bad = (steps[-1][0] + 2, "CREATE TABLE half (id INTEGER); INSERT INTO half VALUES (1); SELECT no_such_column;")
    with closing(fresh(tmp_path)) as connection:
        accepted(connection)
        monkeypatch.setattr(schema, "migrations", lambda: [*steps, good, bad])
        with pytest.raises(sqlite3.OperationalError, match="no_such_column"):
            upgrade(connection, now=NOW)
        assert not connection.in_transaction
        assert connection.execute("PRAGMA user_version").fetchone() == (good[0],)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert "good" in tables
        assert "half" not in tables
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_the_tables_that_come_from_code_follow_it(file: sqlite3.Connection) -> None:
    file.execute("INSERT INTO order_moves VALUES ('exported', 'excluded')")
    file.execute("UPDATE exception_types SET owner = 'it', holds = 0")
    upgrade(file, now=NOW)
    allowed = {(OrderState(before), OrderState(after)) for before, after in file.execute("SELECT * FROM order_moves")}
    assert allowed == {(a, b) for a, b in itertools.permutations(OrderState, 2) if may_follow(a, b)}
    stored = {code: (owner, holds) for code, owner, holds in file.execute("SELECT * FROM exception_types")}
    assert stored == {code: (kind.owner.value, int(kind.holds)) for code, kind in CATALOGUE.items()}


# --- from schema 1 ---------------------------------------------------------------------------------------------------

WAITING = (
    # id, flow, subject, state, urgency, due_at, accepted_at, claimed_at, attempts, tries, suspect, reason
    (3, "orders", ORDER_ID, "ready", 0, NOW + 5, NOW, None, 1, 2, 0, "not_sent"),
    (4, "orders", "b", "ready", 1, NOW, NOW - 9, None, 0, 0, 1, ""),
    (7, "orders", "c", "running", 1, NOW, NOW, NOW + 1, 2, 0, 0, ""),
    (8, "orders", "c", "ready", 1, NOW, NOW, None, 0, 0, 0, ""),
    (9, "orders", "d", "quarantined", 1, NOW, NOW, None, 3, 0, 0, "KeyError"),
    (11, "intake", "sweep:hot", "running", 1, NOW, NOW, NOW, 1, 0, 1, ""),
)


@pytest.fixture
def old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A file of schema 1 with an order in every way of waiting; closed and opened again by this release."""
    steps = schema.migrations()
    with closing(connect(tmp_path / "tallyd.db", synchronous="OFF")) as connection:
        with monkeypatch.context() as earlier:
            earlier.setattr(schema, "migrations", lambda: steps[:1])
            upgrade(connection, now=NOW)
        for number, state in enumerate(("accepted", "held", "creating", "header", "posted")):
            connection.execute(
                "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
                " state_since, reason, currency, digits, payable) VALUES (?, ?, 3, 1, 2, ?, 'Open', ?, 4, 'why', 'GBP',"
                " 2, 1999)",
                (ORDER_ID if number == 0 else f"order-{number}", f"CT-{number}", NOW + number, state),
            )
        sale(connection, "live", "order-4")
        write_call(connection, outcome="unknown", subject="order-2")
        marks = ", ".join("?" * len(WAITING[0]))
        connection.executemany(f"INSERT INTO outbox VALUES ({marks})", WAITING)  # noqa: S608
        # A row that was settled long ago: its number is never used again.
        connection.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'outbox'")
        yield connection


def table_of(connection: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608


def test_a_file_of_schema_1_comes_over_with_nothing_lost(old_file: sqlite3.Connection) -> None:
    assert old_file.execute("PRAGMA user_version").fetchone() == (1,)
    kept = ("sales", "calls", "meta", "order_lines", "exceptions", "timeline", "cursors")
    before = {name: table_of(old_file, name) for name in kept}
    older = table_of(old_file, "orders")
    upgrade(old_file, now=NOW + 1)
    assert {name: table_of(old_file, name) for name in kept} == before
    assert [row[: len(older[0])] for row in table_of(old_file, "orders")] == older
    found = orders.get(old_file, ORDER_ID)
    assert found is not None
    assert (found.express, found.drafted, found.tolerated, found.shortages, found.breakdown) == (False, None, 0, "", {})
    assert old_file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert old_file.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_waited_in_a_file_of_schema_1_waits_on_and_fresh_is_still_the_last(old_file: sqlite3.Connection) -> None:
    upgrade(old_file, now=NOW + 1)
    expected = [(*row[:4], 2 if row[4] == 1 else 0, *row[5:]) for row in WAITING]
    assert old_file.execute("SELECT * FROM outbox ORDER BY id").fetchall() == expected
    claimed = outbox.claim(old_file, Flow.ORDERS, limit=9, now=NOW + 10)
    assert [(envelope.subject, envelope.urgency) for envelope in claimed] == [
        (ORDER_ID, Urgency.UNDERWAY),
        ("b", Urgency.FRESH),
    ]
    assert not outbox.accept(old_file, nudge("d"), now=NOW), "what was set aside stays so"


def test_the_numbers_of_messages_go_on_where_they_were(old_file: sqlite3.Connection) -> None:
    upgrade(old_file, now=NOW + 1)
    outbox.accept(old_file, nudge("new"), now=NOW)
    [number] = old_file.execute("SELECT id FROM outbox WHERE subject = 'new'").fetchone()
    assert number == 41


def test_an_upgraded_file_and_a_new_one_have_the_same_schema(old_file: sqlite3.Connection, tmp_path: Path) -> None:
    upgrade(old_file, now=NOW + 1)
    (tmp_path / "new").mkdir()
    wanted = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    with closing(fresh(tmp_path / "new")) as new:
        assert old_file.execute(wanted).fetchall() == new.execute(wanted).fetchall()


def test_what_was_open_before_exceptions_were_due_is_due_as_if_it_were_opened_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = schema.migrations()
    with closing(connect(tmp_path / "tallyd.db", synchronous="OFF")) as file:
        with monkeypatch.context() as earlier:
            earlier.setattr(schema, "migrations", lambda: steps[:8])
            upgrade(file, now=NOW)
        for code, kind in CATALOGUE.items():
            finding = Finding(code=code, cause="c", group=code)
            exceptions.raise_finding(file, Record(kind=kind.severity.value, id=code), finding, now=NOW)
        wanted = file.execute("SELECT id, due_at FROM exceptions ORDER BY id").fetchall()
        file.execute("UPDATE exceptions SET due_at = NULL")
        exceptions.resolve(file, 1, resolution="over", now=NOW)
        upgrade(file, now=NOW + 1)
        assert file.execute("SELECT id, due_at FROM exceptions ORDER BY id").fetchall() == [(1, None), *wanted[1:]]
        assert len({due for _, due in wanted}) == len(Severity)


# --- what is refused -------------------------------------------------------------------------------------------------


def write_call(
    connection: sqlite3.Connection, *, outcome: str | None = None, generation: int = 1, subject: str = "o"
) -> None:
    connection.execute(
        "INSERT INTO calls (purpose, lane, subject, generation, writes, sent_at, outcome) VALUES (?, 0, ?, ?, 1, ?, ?)",
        (Purpose.CIN7_CREATE_SALE.value, subject, generation, NOW, outcome),
    )


@pytest.mark.parametrize("first", [None, "unknown", "done"])
@pytest.mark.parametrize("second", [None, "unknown", "done"])
def test_no_second_create_while_one_may_have_taken_effect(
    file: sqlite3.Connection, first: str | None, second: str | None
) -> None:
    write_call(file, outcome=first)
    with pytest.raises(sqlite3.IntegrityError, match=r"calls\.subject"):
        write_call(file, outcome=second)


@pytest.mark.parametrize("first", ["refused", "absent"])
def test_a_create_that_certainly_did_not_happen_may_be_made_again(file: sqlite3.Connection, first: str) -> None:
    write_call(file, outcome=first)
    write_call(file)


def test_a_resend_is_another_generation_and_another_order_another_create(file: sqlite3.Connection) -> None:
    write_call(file)
    write_call(file, generation=2)
    write_call(file, subject="p")


def test_an_outcome_cannot_turn_into_a_second_possible_create(file: sqlite3.Connection) -> None:
    write_call(file, outcome="refused")
    write_call(file)
    with pytest.raises(sqlite3.IntegrityError, match=r"calls\.subject"):
        calls.settle(file, 1, "unknown")


def sale(connection: sqlite3.Connection, sale_id: str, order_id: str, *, voided_at: int | None = None) -> None:
    connection.execute(
        "INSERT INTO sales (sale_id, order_id, generation, reference, made_at, voided_at) VALUES (?, ?, 1, 'r', ?, ?)",
        (sale_id, order_id, NOW, voided_at),
    )


def test_an_order_has_one_live_sale_at_most(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    sale(file, "void-1", order_id, voided_at=NOW)
    sale(file, "void-2", order_id, voided_at=NOW)
    sale(file, "live", order_id)
    with pytest.raises(sqlite3.IntegrityError, match=r"sales\.order_id"):
        sale(file, "another", order_id)
    with pytest.raises(sqlite3.IntegrityError, match=r"sales\.order_id"):
        file.execute("UPDATE sales SET voided_at = NULL WHERE sale_id = 'void-1'")


def test_a_sale_stands_for_an_order_that_is_known(file: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        sale(file, "live", "nobody")


def test_an_order_makes_every_move_of_the_table_and_no_other(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    for before, after in itertools.permutations(OrderState, 2):
        put_into(file, order_id, before)
        if may_follow(before, after):
            file.execute("UPDATE orders SET state = ?, doubt_until = ?", (after, doubt(after)))
            continue
        with pytest.raises(sqlite3.IntegrityError, match="may not move"):
            file.execute("UPDATE orders SET state = ?, doubt_until = ?", (after, doubt(after)))


def doubt(state: OrderState) -> int | None:
    return NOW if state is OrderState.IN_DOUBT else None


def put_into(connection: sqlite3.Connection, order_id: str, state: OrderState) -> None:
    """Place the order into a state past the trigger, which looks at updates only."""
    connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM orders")
    connection.execute("ALTER TABLE kept DROP COLUMN name")  # SQLite makes it from the number
    connection.execute("DELETE FROM orders")
    connection.execute("UPDATE kept SET state = ?, doubt_until = ?, exported_at = ?", (state, doubt(state), NOW))
    connection.execute("INSERT INTO orders SELECT * FROM kept")
    connection.execute("DROP TABLE kept")


REFUSED = {
    "a state nobody declared": "UPDATE orders SET state = 'lost'",
    "in_doubt without an instant": "UPDATE orders SET state = 'in_doubt'",
    "an instant without in_doubt": "UPDATE orders SET doubt_until = 1",
    "exported without an instant": "UPDATE orders SET state = 'exported'",
    "generation 0": "UPDATE orders SET generation = 0",
    "a negative count of looks": "UPDATE orders SET looks = -1",
    "unsure that is no flag": "UPDATE orders SET unsure = 2",
    "resend that is no flag": "UPDATE orders SET resend = 2",
    "reconciled that is no flag": "UPDATE orders SET reconciled = 2",
    "express that is no flag": "UPDATE orders SET express = 2",
    "tolerated that is text": "UPDATE orders SET tolerated = 'some'",
    "a refutation of no mode": "INSERT INTO refutations VALUES (2, 0, '2026-12-01')",
    "evidence of no kind": "INSERT INTO evidence (at, inclusive, kind) VALUES (1, 1, 'hearsay')",
    "inclusive that is no flag": "UPDATE orders SET inclusive = 2",
    "an amount that is a float": "UPDATE orders SET payable = 19.99",
    "a line of no order": "INSERT INTO order_lines VALUES ('nobody', 'l', 's', 1, NULL, NULL)",
    "a broken quantity": "UPDATE order_lines SET quantity = 1.5",
    "an outcome nobody knows": "INSERT INTO calls (purpose, lane, subject, writes, sent_at, outcome)"
    " VALUES ('cin7.me', 0, '', 0, 1, 'perhaps')",
    "a sale of generation 0": "INSERT INTO sales VALUES ('s', (SELECT id FROM orders), 0, 'r', NULL, 1, NULL)",
    "an outbox state nobody knows": "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
    " VALUES ('orders', 'a', 'waiting', 1, 1, 1)",
    "an urgency nobody knows": "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
    " VALUES ('orders', 'a', 'ready', 3, 1, 1)",
    "running and never claimed": "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
    " VALUES ('orders', 'a', 'running', 1, 1, 1)",
    "claimed and not running": "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at, claimed_at)"
    " VALUES ('orders', 'a', 'ready', 1, 1, 1, 1)",
    "attempts below zero": "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at, attempts)"
    " VALUES ('orders', 'a', 'ready', 1, 1, 1, -1)",
    "an exception type nobody declared": "INSERT INTO exceptions (type, owner, severity, state, record_kind, record_id,"
    " cause, next_step, grouped_as, opened_at) VALUES ('odd', 'it', 'error', 'open', 'order', 'o', 'c', 'n', 'g', 1)",
    "resolved at no time": "INSERT INTO exceptions (type, owner, severity, state, record_kind, record_id, cause,"
    " next_step, grouped_as, opened_at) VALUES ('missed', 'it', 'error', 'resolved', 'order', 'o', 'c', 'n', 'g', 1)",
    "open and resolved": "INSERT INTO exceptions (type, owner, severity, state, record_kind, record_id, cause,"
    " next_step, grouped_as, opened_at, resolved_at)"
    " VALUES ('missed', 'it', 'error', 'open', 'order', 'o', 'c', 'n', 'g', 1, 1)",
    "an owner nobody knows": "INSERT INTO exception_types VALUES ('odd', 'nobody', 0)",
    "a body that is text": "INSERT INTO bodies VALUES ('o', 'order', 1, 1, 'plain')",
}


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED.keys())
def test_refused(file: sqlite3.Connection, sql: str) -> None:
    accepted(file)
    with pytest.raises(sqlite3.IntegrityError, match=r"CHECK|FOREIGN KEY|may not move|cannot store"):
        file.execute(sql)


@pytest.mark.parametrize("state", ["ready", "running", "quarantined"])
def test_one_nudge_per_key_and_state(file: sqlite3.Connection, state: str) -> None:
    row = (
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at, claimed_at)"
        " VALUES (?, ?, :state, 1, 1, 1, CASE WHEN :state = 'running' THEN 1 END)"
    ).replace(":state", f"'{state}'")
    file.execute(row, ("orders", "a"))
    file.execute(row, ("orders", "b"))
    file.execute(row, ("intake", "a"))
    with pytest.raises(sqlite3.IntegrityError, match=r"outbox\.flow, outbox\.subject"):
        file.execute(row, ("orders", "a"))


def test_one_open_exception_per_cause(file: sqlite3.Connection) -> None:
    row = (
        "INSERT INTO exceptions (type, owner, severity, state, record_kind, record_id, sku, field, cause, next_step,"
        " grouped_as, opened_at, resolved_at) VALUES ('missed', 'it', 'error', ?, 'order', 'o', ?, '', 'c', 'n', 'g',"
        " 1, ?)"
    )
    file.execute(row, ("open", "A", None))
    file.execute(row, ("open", "B", None))
    file.execute(row, ("resolved", "A", 2))
    file.execute(row, ("resolved", "A", 2))
    with pytest.raises(sqlite3.IntegrityError, match=r"exceptions\.type"):
        file.execute(row, ("open", "A", None))


def test_a_state_with_orders_in_it_cannot_be_forgotten(file: sqlite3.Connection) -> None:
    moved(file, *ROAD)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        file.execute("DELETE FROM order_states WHERE state = 'posted'")


def test_a_create_moves_its_order_in_the_same_commit(file: sqlite3.Connection) -> None:
    """The intent is refused where the order may not move: the row of the call is not there either."""
    order_id = moved(file, *ROAD)
    intent = Intent(Purpose.CIN7_CREATE_SALE, subject=order_id)
    file.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError, match="may not move"):
        calls.begin(file, intent, at=NOW)
    file.execute("ROLLBACK")
    assert calls.open_writes(file) == []
    record = orders.get(file, order_id)
    assert record is not None
    assert record.state is OrderState.POSTED


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT id FROM calls WHERE writes = 1 AND outcome IS NULL ORDER BY id", "calls_without_outcome"),
        ("SELECT id FROM calls WHERE subject = 'o' AND subject <> ''", "calls_by_subject"),
        ("SELECT id FROM orders WHERE state = 'held' ORDER BY accepted_at", "orders_by_state"),
        ("SELECT id FROM exceptions WHERE record_kind = 'order' AND record_id = 'o'", "exceptions_by_record"),
        (
            "SELECT id FROM outbox WHERE flow = 'orders' AND urgency = 1 AND state = 'ready' ORDER BY due_at",
            "outbox_due",
        ),
        ("DELETE FROM bodies WHERE stored_at < 1", "bodies_by_age"),
    ],
)
def test_what_is_asked_often_has_an_index(file: sqlite3.Connection, sql: str, index: str) -> None:
    plan = " ".join(row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}"))
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_the_file_is_opened_the_same_way_twice(tmp_path: Path) -> None:
    with closing(fresh(tmp_path)) as connection:
        born = meta.born_at(connection), meta.instance(connection)
    with closing(connect(tmp_path / "tallyd.db")) as connection:
        upgrade(connection, now=NOW + 5)
        assert (meta.born_at(connection), meta.instance(connection)) == born
