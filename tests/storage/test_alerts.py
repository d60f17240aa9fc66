"""What alerts are judged by is added up from an index alone; and rows of alerts, messages and windows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.domain.alerting import Over
from actors.domain.exception_types import Finding, Severity
from actors.domain.quiet import Window
from storage import alerts, exceptions, maintenance, notices
from storage.exceptions import Record
from tests.stored import NOW, fresh

MINUTE = 60_000


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = fresh(tmp_path)
    yield opened
    opened.close()


def raised(connection: sqlite3.Connection, record: str, *, code: str = "sku_unknown", kind: str = "order") -> None:
    finding = Finding(code=code, cause="c", group="g")
    exceptions.raise_finding(connection, Record(kind=kind, id=record), finding, now=NOW)


def test_a_look_reads_an_index_and_no_row_and_sorts_nothing(connection: sqlite3.Connection) -> None:
    raised(connection, "a")
    steps = [
        row[3]
        for row in connection.execute(f"EXPLAIN QUERY PLAN {alerts._CAUSES}", {"now": NOW, "recent": NOW}).fetchall()
    ]
    assert any("COVERING INDEX exceptions_by_cause" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_a_cause_of_several_kinds_of_records_is_one(connection: sqlite3.Connection) -> None:
    raised(connection, "a")
    raised(connection, "b", code="cin7_unreachable", kind="connection")
    raised(connection, "c", code="missed")
    raised(connection, "d")
    connection.execute("UPDATE exceptions SET snoozed_until = ? WHERE record_id = 'd'", (NOW + MINUTE,))
    by_owner = {one.owner: one for one in alerts.incidents(connection, now=NOW)}
    shop, machine = by_owner["ecommerce"], by_owner["it"]
    assert (shop.total, shop.awake, shop.errors, shop.held, shop.alarming) == (2, 1, 1, 1, 0)
    assert (machine.total, machine.alarming, machine.errors, machine.severity) == (2, 1, 1, Severity.ERROR)
    assert machine.example == 2
    later = {one.owner: one for one in alerts.incidents(connection, now=NOW + MINUTE)}
    assert later["ecommerce"].awake == 2, "what was snoozed is awake again"


def test_one_alert_of_a_subject_is_open_at_a_time(connection: sqlite3.Connection) -> None:
    over = Over(rule="error_count", subject="g", owner="ops", severity=Severity.ERROR, figure=1)
    first = alerts.open_alert(connection, over, title="t", text="x", link="/", now=NOW)
    assert first is not None
    assert alerts.open_alert(connection, over, title="t", text="x", link="/", now=NOW) is None
    alerts.stamp(connection, first, "ended_at", now=NOW + 1)
    alerts.stamp(connection, first, "ended_at", now=NOW + 9)
    found = alerts.get(connection, first)
    assert found is not None
    assert found.ended_at == NOW + 1, "what became true once stays"
    assert alerts.open_alert(connection, over, title="t", text="x", link="/", now=NOW + 2) is not None


def test_what_ended_long_ago_is_forgotten_with_its_messages(connection: sqlite3.Connection) -> None:
    over = Over(rule="error_count", subject="g", owner="ops", severity=Severity.ERROR, figure=1)
    number = alerts.open_alert(connection, over, title="t", text="x", link="/", now=NOW)
    assert number is not None
    for key, alert in (("a", number), ("d", None)):
        assert notices.write(
            connection,
            key=key,
            kind="alert",
            owner="ops",
            channel="c",
            severity="error",
            title="t",
            text="x",
            now=NOW,
            due_at=NOW,
            alert=alert,
        )
    alerts.prune(connection, before=NOW + MINUTE)
    assert [notice.alert for notice in notices.waiting(connection, "c", now=NOW)] == [number]
    alerts.stamp(connection, number, "ended_at", now=NOW + MINUTE)
    alerts.prune(connection, before=NOW + 2 * MINUTE)
    assert notices.waiting(connection, "c", now=NOW) == []


def test_windows_of_the_file_come_and_go_with_it(connection: sqlite3.Connection) -> None:
    window = Window(starts_at=NOW, ends_at=NOW + 10 * MINUTE)
    maintenance.keep(connection, [window], now=NOW - 1)
    assert maintenance.listing(connection) == []
    maintenance.keep(connection, [window], now=NOW)
    maintenance.keep(connection, [window], now=NOW + 1)
    assert len(maintenance.listing(connection)) == 1
    longer = Window(starts_at=NOW, ends_at=NOW + 20 * MINUTE)
    maintenance.keep(connection, [longer], now=NOW + 2)
    assert [row.ends_at for row in maintenance.listing(connection)] == [NOW + 20 * MINUTE]
    maintenance.keep(connection, [], now=NOW + 3)
    assert maintenance.current(connection, now=NOW + 3) is None
    assert [row.ended_at for row in maintenance.unreported(connection)] == [NOW + 3]


def test_a_window_that_was_over_is_on_again_when_the_file_says_so(connection: sqlite3.Connection) -> None:
    """Made longer a little late, or taken out and put back: nobody is called while the file says so."""
    window = Window(starts_at=NOW, ends_at=NOW + 10 * MINUTE)
    longer = Window(starts_at=NOW, ends_at=NOW + 60 * MINUTE)
    maintenance.keep(connection, [window], now=NOW)
    maintenance.keep(connection, [window], now=NOW + 11 * MINUTE)
    [over] = maintenance.unreported(connection)
    maintenance.reported(connection, over.id, now=NOW + 11 * MINUTE)
    maintenance.keep(connection, [longer], now=NOW + 12 * MINUTE)
    assert maintenance.current(connection, now=NOW + 12 * MINUTE) is not None
    maintenance.keep(connection, [], now=NOW + 20 * MINUTE)
    assert maintenance.current(connection, now=NOW + 20 * MINUTE) is None
    assert [row.ended_at for row in maintenance.unreported(connection)] == [NOW + 20 * MINUTE], "it is reported on anew"
    maintenance.keep(connection, [longer], now=NOW + 21 * MINUTE)
    assert maintenance.current(connection, now=NOW + 21 * MINUTE) is not None
    assert len(maintenance.listing(connection)) == 1


def test_of_windows_that_are_on_the_one_that_ends_last_counts_from_its_start_and_to_its_end(
    connection: sqlite3.Connection,
) -> None:
    short = Window(starts_at=NOW, ends_at=NOW + 10 * MINUTE)
    maintenance.keep(connection, [short], now=NOW)
    maintenance.start(connection, author="ian", reason="move", now=NOW, ends_at=NOW + 30 * MINUTE)
    maintenance.start(connection, author="ian", reason="move", now=NOW, ends_at=NOW + 20 * MINUTE)
    on = maintenance.current(connection, now=NOW)
    assert on is not None
    assert on.ends_at == NOW + 30 * MINUTE
    assert maintenance.current(connection, now=NOW - 1) is None
    assert maintenance.current(connection, now=NOW + 30 * MINUTE) is None
    assert maintenance.unreported(connection) == [], "what is on is not reported on"


def test_a_window_that_a_person_ended_stays_ended(connection: sqlite3.Connection) -> None:
    window = Window(starts_at=NOW, ends_at=NOW + 10 * MINUTE)
    maintenance.keep(connection, [window], now=NOW)
    [row] = maintenance.unended(connection)
    maintenance.end(connection, row.id, now=NOW + MINUTE)
    maintenance.keep(connection, [window], now=NOW + 2 * MINUTE)
    assert maintenance.current(connection, now=NOW + 2 * MINUTE) is None


def test_a_window_that_passed_while_nobody_ran_ends_when_it_was_to_end(connection: sqlite3.Connection) -> None:
    window = Window(starts_at=NOW, ends_at=NOW + 10 * MINUTE)
    maintenance.keep(connection, [window], now=NOW + MINUTE)
    maintenance.keep(connection, [window], now=NOW + 60 * MINUTE)
    assert [row.ended_at for row in maintenance.unreported(connection)] == [NOW + 10 * MINUTE]
    other = Window(starts_at=NOW + 20 * MINUTE, ends_at=NOW + 30 * MINUTE)
    maintenance.keep(connection, [other], now=NOW + 60 * MINUTE)
    assert len(maintenance.listing(connection)) == 1, "one that nobody saw begin is none of ours"


def test_a_digest_of_a_day_is_written_once(connection: sqlite3.Connection) -> None:
    assert maintenance.digest_once(connection, "digest", "ops", "2026-12-01", now=NOW)
    assert not maintenance.digest_once(connection, "digest", "ops", "2026-12-01", now=NOW)
    assert maintenance.was_digested(connection, "digest", "ops", "2026-12-01")
    assert not maintenance.was_digested(connection, "digest", "it", "2026-12-01")
