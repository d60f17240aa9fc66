"""Health: the shape others read, and what makes it degraded or failing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind
from actors.domain.order_state import OrderState
from actors.messages import Flow, Nudge
from adapters.telemetry.metrics import Metrics
from daemon.health import health, ready, status_line
from storage import books, exceptions, facts, flows, outbox
from storage.database import CommitFailedError
from tests.daemon_app import IDS, NOW, TestApp, assembled, fill


def known_account(connection: sqlite3.Connection) -> None:
    fill(connection)
    for kind in FactKind:
        facts.mark_read(connection, kind, now=NOW, full=True, changed=False)


def run_all(app: TestApp) -> None:
    """Say that every child runs, as after a start."""
    for child in app.engine.supervisor._children.values():
        child.running = True
    app.engine.lease._renewed = app.engine.clock.monotonic()


async def test_the_document_has_what_others_read(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        document = await health(app)
    assert document["status"] == "ok", document["reasons"]
    assert document["orders"]["accepted"] == 3
    assert document["orders"]["states"]["held"] == 1
    assert set(document["orders"]["states"]) == set(OrderState)
    assert set(document["flows"]) == set(Flow)
    assert document["flows"]["orders"].keys() >= {
        "state", "last_success_at", "queued", "running", "quarantined", "paused_by",
    }  # fmt: skip
    assert document["governor"].keys() >= {"limit", "in_window", "queued", "minutes_to_drain", "cap", "in_flight"}
    assert document["governor"]["queued"].keys() >= {"orders", "stock"}
    assert document["exceptions"] == {"ops": 0, "finance": 0, "ecommerce": 1, "it": 0}
    assert document["outbox"].keys() == {"ready", "running", "quarantined", "oldest_due_at"}
    assert document["facts"]["tax_rule"] == {"read_at": "2027-01-15T08:00:00.000Z", "rows": 0}
    assert document["storage"]["failing"] is False
    assert document["storage"]["file_bytes"] > 0
    assert document["census"] == {"taken_at": None}
    assert document["audit"] == {"head": ""}
    assert document["books"] == {"steps": {}, "differs": 0}
    msgspec.json.encode(document)


async def test_books_are_counted_by_what_they_wait_for_and_those_that_differ_without_a_scan(tmp_path: Path) -> None:
    def three(connection: sqlite3.Connection) -> None:
        fill(connection)
        for (order_id, verdict), step in zip(
            ((IDS["A-1"], "differs"), (IDS["A-2"], "agrees"), (IDS["A-3"], "differs")),
            ("held", "waits", ""),
            strict=True,
        ):
            books.begin(connection, order_id, f"sale of {order_id}", "GBP")
            books.looked(connection, order_id, looked_from=NOW, now=NOW, moved="", verdict=verdict, step=step)

    def plans(connection: sqlite3.Connection) -> list[str]:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        books.count_steps(connection)
        books.count_differing(connection)
        connection.set_trace_callback(None)
        return [row[3] for query in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]

    async with assembled(tmp_path, three) as app:
        document = await health(app)
        found = await app.engine.database.read(plans)
    assert document["books"] == {"steps": {"held": 1, "waits": 1}, "differs": 2}
    assert all("COVERING INDEX" in plan for plan in found), found


async def test_messages_are_counted_for_their_flow(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        nudge = Nudge(flow=Flow.ORDERS, subject="x", due_at=NOW)
        await app.engine.database.run(lambda connection: outbox.accept(connection, nudge, now=NOW))
        document = await health(app)
    assert document["flows"]["orders"]["queued"] == 1
    assert document["flows"]["intake"]["queued"] == 0
    assert document["outbox"]["oldest_due_at"] == "2027-01-15T08:00:00.000Z"


async def test_a_paused_flow_degrades_and_names_who(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        await app.engine.database.run(
            lambda connection: flows.pause(connection, Flow.ORDERS, author="ann", reason="count", now=NOW)
        )
        app.engine.dispatcher.paused.add(Flow.ORDERS)
        document = await health(app)
    assert document["status"] == "degraded"
    assert document["flows"]["orders"]["state"] == "paused"
    assert document["flows"]["orders"]["paused_by"] == "ann"
    assert document["reasons"] == ["flow orders is paused"]


async def test_lists_never_read_degrade(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        run_all(app)
        document = await health(app)
    assert document["status"] == "degraded"
    assert "never read: product, tax_rule" in document["reasons"][0]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("connection", "cin7_unauthorised"),
        ("connection", "cin7_unreachable"),
        ("connection", "second_daemon"),
        ("door", "push_missed"),
        ("subscription", "subscription_unhealthy"),
        ("webhook", "webhook_absent"),
    ],
)
async def test_an_alarming_exception_degrades(tmp_path: Path, kind: str, code: str) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        record = exceptions.Record(kind=kind, id="one")
        finding = Finding(code=code, cause="no answer")
        await app.engine.database.run(lambda connection: exceptions.raise_finding(connection, record, finding, now=NOW))
        document = await health(app)
    assert document["status"] == "degraded"
    assert document["reasons"] == [f"1 open: {code}"]


@pytest.mark.parametrize("child", ["orders", "lease"])
async def test_what_was_stopped_is_failing(tmp_path: Path, child: str) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        app.engine.supervisor._children[child].stopped = True
        document = await health(app)
    assert document["status"] == "failing"
    assert child in document["reasons"][0]


async def test_a_commit_that_fails_is_failing_and_not_ready(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        app.engine.dispatcher.beats = 1
        assert await ready(app)

        def broken(connection: sqlite3.Connection) -> None:
            connection.execute("ROLLBACK")
            raise OSError("disk")

        with pytest.raises(CommitFailedError):
            await app.engine.database.run(broken)
        document = await health(app)
        assert document["status"] == "failing"
        assert document["storage"]["failing"] is True
        assert not await ready(app)


async def test_before_the_dispatcher_turns_it_is_not_ready(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        assert not await ready(app)


async def test_a_file_that_cannot_be_read_is_failing_and_still_an_answer(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        app.engine.database.break_off()
        document = await health(app)
        Metrics(lambda: document).render()
    assert document["status"] == "failing"
    assert "cannot be read" in document["reasons"][0]


async def test_the_status_line_is_one_line(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        line = status_line(await health(app))
    assert line == "ok; 3 orders, 0 exported; 1 open exceptions; 0.0 min to drain"


async def test_metrics_are_made_of_it(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        document = await health(app)
    page, _ = Metrics(lambda: document).render()
    assert b'tallyd_orders{state="held"} 1.0' in page
    assert b"tallyd_storage_file_bytes" in page


async def test_without_the_lease_nothing_is_written_and_health_says_so(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)
        app.engine.lease._renewed = None
        document = await health(app)
    assert (document["status"], document["reasons"]) == ("degraded", ["the lease is not held: nothing is written"])


async def test_a_sweep_that_is_set_aside_is_a_flow_that_stands_still(tmp_path: Path) -> None:
    async with assembled(tmp_path, known_account) as app:
        run_all(app)

        def set_aside(connection: sqlite3.Connection) -> None:
            outbox.accept(connection, Nudge(flow=Flow.INTAKE, subject="sweep:hot", due_at=0), now=0)
            [envelope] = outbox.claim(connection, Flow.INTAKE, limit=1, now=0)
            outbox.quarantine(connection, envelope.id, reason="a bug")

        await app.engine.database.run(set_aside)
        document = await health(app)
    assert (document["status"], document["reasons"]) == ("failing", ["a sweep of intake is set aside"])
