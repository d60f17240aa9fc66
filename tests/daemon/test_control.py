"""The control socket: who is written down, what each action does, and that doing it twice does it once."""

from __future__ import annotations

import os
import pwd
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

from actors.census.hooks import APPLY
from actors.core.actor import set_aside
from actors.domain.exception_types import Finding
from actors.domain.notification import Unreadable
from actors.domain.order_state import OrderState
from actors.messages import Flow, Nudge, Urgency
from adapters.operator.problems import ProblemError
from daemon import actions
from daemon.control import SocketInUseError, control_server, socket_path
from daemon.control_client import DaemonDownError, RefusedError, address, ask
from daemon.settings import parse_settings
from storage import audit, exceptions, flows, fulfilments, orders, outbox
from tests.daemon_app import IDS, NOW, TestApp, assembled, config_text, fill

ASIDE = "message_quarantined"
ME = pwd.getpwuid(os.getuid()).pw_name


@asynccontextmanager
async def controlled(folder: Path) -> AsyncIterator[tuple[TestApp, Path]]:
    path = folder / "tallyd.sock"
    async with assembled(folder) as app, control_server(app, path):
        yield app, path


async def post(path: Path, *parts: str, reason: str = "because") -> dict[str, Any]:
    return await anyio.to_thread.run_sync(lambda: ask(path, "POST", address(*parts), {"reason": reason}))


async def audited(app: TestApp, record: str) -> list[tuple[str, str]]:
    rows = await app.engine.database.read(lambda connection: audit.of_record(connection, record))
    return [(author, action) for _, author, action, _ in rows]


async def waiting(app: TestApp, flow: Flow | None = None) -> list[tuple[str, str, int]]:
    def unit(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
        return list(
            connection.execute(
                "SELECT subject, state, urgency FROM outbox WHERE flow = coalesce(?, flow) ORDER BY id", (flow,)
            )
        )

    return await app.engine.database.read(unit)


def quarantined(connection: sqlite3.Connection, order_id: str) -> None:
    outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=NOW), now=NOW)
    [envelope] = outbox.claim(connection, Flow.ORDERS, limit=1, now=NOW)
    set_aside(connection, envelope, reason="ValueError at orders/actor.py:1", now=NOW)


# -- the socket -------------------------------------------------------------------------------------------------------


async def test_the_socket_is_for_its_group_and_names_who_asks(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await post(path, "orders", "A-2", "retry")
        assert await audited(app, f"order:{IDS['A-2']}") == [(ME, "retry")]
    assert not path.exists()


async def test_a_socket_left_behind_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        path = tmp_path / "tallyd.sock"
        async with control_server(app, path):
            with pytest.raises(SocketInUseError):
                async with control_server(app, path):
                    pass
            assert (await anyio.to_thread.run_sync(lambda: ask(path, "GET", "/health")))["version"] == "0.1.0"
            path.rename(tmp_path / "kept")
        (tmp_path / "kept").rename(path)
        async with control_server(app, path):
            assert (await anyio.to_thread.run_sync(lambda: ask(path, "GET", "/health")))["version"] == "0.1.0"


def test_the_socket_stands_beside_the_file_unless_configured(tmp_path: Path) -> None:
    text = config_text(tmp_path / "tallyd.db")
    assert socket_path(parse_settings(text, source="x")).parent == tmp_path
    moved = text.replace('bind = "127.0.0.1:0"', 'bind = "127.0.0.1:0"\nsocket = "/run/x.sock"')
    assert socket_path(parse_settings(moved, source="x")) == Path("/run/x.sock")


async def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DaemonDownError, match="not running"):
        ask(tmp_path / "no.sock", "GET", "/health")


async def test_what_is_refused_says_why(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, path):
        for parts, words in (
            (("orders", "nobody", "retry"), "No order"),
            (("exceptions", "999", "retry"), "no exception 999"),
            (("exceptions", "x", "retry"), "by its number"),
            (("flows", "nothing", "pause"), "no such flow"),
            (("nothing",), "nothing here"),
        ):
            with pytest.raises(RefusedError, match=words):
                await post(path, *parts)
        with pytest.raises(RefusedError, match="reason is needed"):
            await post(path, "exceptions", "1", "resolve", reason="  ")
        with pytest.raises(RefusedError, match="at most 500"):
            await post(path, "orders", "A-2", "retry", reason="x" * 501)


async def test_an_order_number_may_hold_anything(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        name = "2026/11 #7?ü"
        await app.engine.database.run(
            lambda connection: connection.execute("UPDATE orders SET number = ? WHERE number = 'A-2'", (name,)).rowcount
        )
        assert (await post(path, "orders", name, "retry"))["number"] == name


# -- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "action"), [("A-2", "retry"), ("A-2", "release"), ("A-1", "resend")])
async def test_an_action_is_one_nudge_however_often(tmp_path: Path, number: str, action: str) -> None:
    async with controlled(tmp_path) as (app, path):
        for _ in range(2):
            done = await post(path, "orders", number, action)
            assert done["done"] is True
            assert done["order"] == IDS[number]
        assert await waiting(app, Flow.ORDERS) == [(IDS[number], "ready", int(Urgency.UNDERWAY))]


async def test_a_resend_is_remembered(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        await post(path, "orders", "A-1", "resend")
        record = await app.engine.database.read(lambda connection: orders.get(connection, IDS["A-1"]))
        assert record is not None
        assert record.resend


@pytest.mark.parametrize(
    ("number", "action", "words"),
    [("A-3", "release", "not held"), ("A-2", "resend", "never had a sale"), ("A-3", "resend", "never had a sale")],
)
async def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    tmp_path: Path, number: str, action: str, words: str
) -> None:
    async with controlled(tmp_path) as (app, path):
        with pytest.raises(RefusedError, match=words):
            await post(path, "orders", number, action)
        assert await waiting(app) == []
        assert await audited(app, f"order:{IDS[number]}") == []


@pytest.mark.parametrize("action", ["retry", "release", "resend"])
async def test_nothing_leads_out_of_a_final_state(tmp_path: Path, action: str) -> None:
    async with controlled(tmp_path) as (app, path):
        await app.engine.database.run(
            lambda connection: orders.move(connection, IDS["A-2"], OrderState.CANCELLED, now=NOW)
        )
        with pytest.raises(RefusedError, match="is cancelled"):
            await post(path, "orders", "A-2", action)


async def test_a_retry_lets_a_message_go_that_was_set_aside(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        await app.engine.database.run(lambda connection: quarantined(connection, IDS["A-3"]))
        assert await waiting(app) == [(IDS["A-3"], "quarantined", int(Urgency.FRESH))]
        await post(path, "orders", "A-3", "retry")
        assert await waiting(app) == [(IDS["A-3"], "ready", int(Urgency.UNDERWAY))]
        rows = await app.engine.database.read(lambda connection: exceptions.of_record(connection, "order", IDS["A-3"]))
        assert [(row.type, row.state, row.resolution) for row in rows] == [
            ("message_quarantined", "resolved", f"retry by {ME}")
        ]


async def test_a_retry_has_the_sale_read_again_where_one_stands(tmp_path: Path) -> None:
    order_id = IDS["A-1"]

    def unit(connection: sqlite3.Connection) -> None:
        outbox.accept(connection, fulfilments.nudge(order_id, NOW), now=NOW)
        [envelope] = outbox.claim(connection, Flow.FULFILMENT, limit=1, now=NOW)
        set_aside(connection, envelope, reason="ValueError at fulfilment/look.py:1", now=NOW)

    async with controlled(tmp_path) as (app, path):
        await app.engine.database.run(unit)
        await post(path, "orders", "A-1", "retry")
        told = await app.engine.database.read(lambda connection: fulfilments.get(connection, order_id).told_at)
        assert told is not None
        rows = await app.engine.database.read(
            lambda connection: list(connection.execute("SELECT flow, subject, state FROM outbox ORDER BY flow"))
        )
        assert rows == [("fulfilment", order_id, "ready"), ("orders", order_id, "ready")]
        [row] = await app.engine.database.read(lambda connection: exceptions.of_record(connection, "message", order_id))
        assert (row.state, row.resolution) == ("resolved", f"retry by {ME}")


async def test_the_bell_is_rung(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        await post(path, "orders", "A-3", "retry")
        with anyio.fail_after(1):
            await app.engine.bell.wait(None)


# -- exceptions -------------------------------------------------------------------------------------------------------


async def held_exception(app: TestApp) -> int:
    rows = await app.engine.database.read(lambda connection: exceptions.of_record(connection, "order", IDS["A-2"]))
    return rows[0].id


async def test_a_dismissal_is_kept_with_its_author_and_takes_the_order_out_of_our_hands(tmp_path: Path) -> None:
    """Given an order without a sale that a person booked by hand: tallyd makes none of it, now or after a start."""
    async with controlled(tmp_path) as (app, path):
        number = await held_exception(app)
        assert (await post(path, "exceptions", str(number), "resolve", reason="booked by hand"))["done"] is True
        assert (await post(path, "exceptions", str(number), "resolve", reason="again"))["done"] is False
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, number))
        assert row is not None
        assert (row.state, row.resolution) == ("resolved", f"dismissed by {ME}: booked by hand")
        assert await audited(app, f"order:{IDS['A-2']}") == [(ME, "resolve")]
        record = await app.engine.database.read(lambda connection: orders.get(connection, IDS["A-2"]))
        assert record is not None
        assert (record.state, record.reason) == (OrderState.EXCLUDED, f"dismissed by {ME}: booked by hand")
        assert not await waiting(app)


async def test_an_exception_is_retried_as_what_it_is_about(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        number = await held_exception(app)
        await post(path, "exceptions", str(number), "retry")
        assert await waiting(app, Flow.ORDERS) == [(IDS["A-2"], "ready", int(Urgency.UNDERWAY))]
        assert await audited(app, f"order:{IDS['A-2']}") == [(ME, "retry")]


async def test_a_side_that_did_not_answer_is_asked_again(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        number = await raised(app, exceptions.Record(kind="connection", id="cin7"), "cin7_unreachable")
        await post(path, "exceptions", str(number), "retry")
        assert [subject for subject, *_ in await waiting(app)] == ["refresh", "products"]
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, number))
        assert row is not None
        assert row.state == "open", "only an answer clears it"


async def test_a_sweep_set_aside_is_retried(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):

        def unit(connection: sqlite3.Connection) -> int:
            outbox.accept(connection, Nudge(flow=Flow.INTAKE, subject="sweep:hot", due_at=NOW), now=NOW)
            [envelope] = outbox.claim(connection, Flow.INTAKE, limit=1, now=NOW)
            set_aside(connection, envelope, reason="KeyError", now=NOW)
            return exceptions.of_record(connection, "message", "sweep:hot")[0].id

        number = await app.engine.database.run(unit)
        with pytest.raises(RefusedError, match="retry it instead"):
            await post(path, "exceptions", str(number), "resolve")
        await post(path, "exceptions", str(number), "retry")
        assert [(subject, state) for subject, state, _ in await waiting(app)] == [("sweep:hot", "ready")]
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, number))
        assert row is not None
        assert row.state == "resolved"


async def test_what_has_nothing_to_retry_says_so(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        number = await raised(app, exceptions.Record(kind="connection", id="lease"), "second_daemon")
        with pytest.raises(RefusedError, match="nothing to try"):
            await post(path, "exceptions", str(number), "retry")


async def raised(app: TestApp, record: exceptions.Record, code: str, field: str = "") -> int:
    def unit(connection: sqlite3.Connection) -> int:
        exceptions.raise_finding(connection, record, Finding(code=code, cause="x", field=field), now=NOW)
        return exceptions.of_record(connection, record.kind, record.id)[-1].id

    return await app.engine.database.run(unit)


# -- flows ------------------------------------------------------------------------------------------------------------


async def test_pause_and_resume_change_file_and_process_once(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        assert [(await post(path, "flows", "orders", "pause"))["done"] for _ in range(2)] == [True, False]
        assert app.engine.dispatcher.paused == {Flow.ORDERS}
        assert [(await post(path, "flows", "orders", "resume"))["done"] for _ in range(2)] == [True, False]
        assert app.engine.dispatcher.paused == set()
        assert await audited(app, "flow:orders") == [(ME, "pause"), (ME, "resume")]
        assert (await app.engine.database.read(flows.all_flows))[Flow.ORDERS].paused_at is None


async def test_what_the_file_switched_off_is_not_switched_on_by_resuming_it(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        app.engine.plan = msgspec.structs.replace(app.engine.plan, orders_enabled=False)
        app.engine.dispatcher.paused.add(Flow.ORDERS)
        with pytest.raises(RefusedError, match="enabled is false"):
            await post(path, "flows", "orders", "resume")
        assert app.engine.dispatcher.paused == {Flow.ORDERS}
        assert await audited(app, "flow:orders") == []


@pytest.mark.parametrize("name", ["orders", "lease"])
async def test_resume_revives_what_was_stopped(tmp_path: Path, name: str) -> None:
    async with controlled(tmp_path) as (app, path):
        child = app.engine.supervisor._children[name]
        child.stopped = True
        if name in set(Flow):
            app.engine.dispatcher.stopped.add(Flow(name))
        number = await raised(app, exceptions.Record(kind="flow", id=name), "flow_stopped", field=name)
        with pytest.raises(RefusedError, match="resume it instead"):
            await post(path, "exceptions", str(number), "resolve")
        assert (await post(path, "exceptions", str(number), "retry"))["done"] is True
        assert child.revive.is_set()
        assert app.engine.dispatcher.stopped == set()
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, number))
        assert row is not None
        assert (row.state, row.resolution) == ("resolved", f"resumed by {ME}")


# -- one unit ---------------------------------------------------------------------------------------------------------


async def test_audit_and_effect_are_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk")

    async with assembled(tmp_path) as app:
        monkeypatch.setattr(audit, "write", broken)
        for act in (
            actions.resend_order(app, "A-1", author="ann", reason=""),
            actions.resolve_exception(app, await held_exception(app), author="ann", reason="x"),
            actions.pause_flow(app, "orders", author="ann", reason=""),
        ):
            with pytest.raises(RuntimeError):
                await act
        record = await app.engine.database.read(lambda connection: orders.get(connection, IDS["A-1"]))
        assert record is not None
        assert not record.resend
        assert await waiting(app) == []
        assert app.engine.dispatcher.paused == set()
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, 1))
        assert row is not None
        assert row.state == "open"


async def test_a_dismissal_needs_a_reason(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        with pytest.raises(ProblemError, match="reason"):
            await actions.resolve_exception(app, 1, author="ann", reason="")


# -- what could not be understood -------------------------------------------------------------------------------------


async def test_what_came_and_could_not_be_read_is_shown_and_the_look_is_written_down(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        body = b'{"customer": "Ann", \xff'
        await app.engine.intake.accept("sqs", [Unreadable(body=body, problem="it is not JSON")])
        [row] = await app.engine.database.read(
            lambda connection: exceptions.listing(connection, kind="notification_unreadable")
        )
        shown = await post(path, "exceptions", str(row.id), "body", reason="which sender is this")
        assert shown["message"] == '{"customer": "Ann", \\xff'
        assert await audited(app, f"exception:{row.id}") == [(ME, "body")]
        with pytest.raises(RefusedError, match="reason"):
            await post(path, "exceptions", str(row.id), "body", reason="")


async def test_an_exception_without_a_body_says_so(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        record = exceptions.Record(kind="flow", id="orders")
        finding = Finding(code="flow_stopped", cause="it crashed", field="orders")
        await app.engine.database.run(lambda connection: exceptions.raise_finding(connection, record, finding, now=NOW))
        [row] = await app.engine.database.read(lambda connection: exceptions.listing(connection, kind="flow_stopped"))
        with pytest.raises(RefusedError, match="Nothing was kept"):
            await post(path, "exceptions", str(row.id), "body")


# -- Cin7 Core's webhooks ---------------------------------------------------------------------------------------------


async def test_webhooks_that_are_not_configured_are_neither_planned_nor_made(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, path):
        with pytest.raises(RefusedError, match="not configured"):
            await post(path, "webhooks", "apply")
        with pytest.raises(RefusedError, match="public_url"):
            await anyio.to_thread.run_sync(lambda: ask(path, "GET", "/webhooks/plan"))


async def test_applying_lets_go_what_was_set_aside_and_says_so(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (app, path):
        intake = msgspec.structs.replace(
            app.settings.intake, cin7_webhooks=True, public_url="https://hooks.example.com"
        )
        app.settings = msgspec.structs.replace(app.settings, intake=intake)

        def aside(connection: sqlite3.Connection) -> None:
            outbox.accept(connection, Nudge(flow=Flow.CENSUS, subject=APPLY, due_at=NOW), now=NOW)
            [envelope] = outbox.claim(connection, Flow.CENSUS, limit=1, now=NOW)
            set_aside(connection, envelope, reason="the process died", now=NOW)

        await app.engine.database.run(aside)
        assert await app.engine.database.read(lambda connection: exceptions.listing(connection, kind=ASIDE))
        done = await post(path, "webhooks", "apply", reason="a new account")
        assert done["done"]
        assert (APPLY, "ready", int(Urgency.FRESH)) in await waiting(app)
        assert not await app.engine.database.read(lambda connection: exceptions.listing(connection, kind=ASIDE))
        assert await audited(app, "webhooks") == [(ME, "apply")]


@pytest.mark.parametrize(
    ("waits_for", "subjects"), [("product:A", ["products"]), ("tax_rule:20%", ["refresh"]), ("", [])]
)
@pytest.mark.parametrize("action", [actions.retry_order, actions.release_order])
async def test_what_an_order_waits_for_is_read_when_somebody_says_it_is_mended(
    tmp_path: Path, action: Callable[..., Awaitable[object]], waits_for: str, subjects: list[str]
) -> None:
    def unit(connection: sqlite3.Connection) -> None:
        fill(connection)
        connection.execute("UPDATE exceptions SET waits_for = ?", (waits_for,))
        connection.execute("DELETE FROM outbox")

    async with assembled(tmp_path, unit) as app:
        for _ in range(2):
            await action(app, "A-2", author="ann", reason="it is there now")
        read = await app.engine.database.read(
            lambda connection: connection.execute("SELECT subject FROM outbox WHERE flow = 'catalogue'").fetchall()
        )
        assert [row[0] for row in read] == subjects
