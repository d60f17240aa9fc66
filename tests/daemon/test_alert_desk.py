"""Alerts as people see them: over HTTP, on the command line, and who may hold them back."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import jsonschema
import pytest

from actors.desk.actor import DeskActor
from actors.desk.alerting import AlertWorker
from actors.desk.noticing import NoticeWorker
from actors.desk.ports import Worker
from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_types import Finding
from actors.messages import Flow
from adapters.operator.access import Person
from adapters.operator.alert_api import AlertListQuery
from adapters.operator.openapi import description
from adapters.operator.problems import ProblemError
from daemon import actions
from daemon.cli import main
from daemon.control import control_server
from daemon.desk.alerts import AlertDesk, until_of
from storage import audit, exceptions, outbox
from storage.exceptions import Record
from tests.alert_house import Clock, Post, Pulse, channel, rules
from tests.daemon.test_operator import served
from tests.daemon_app import NOW, TestApp, assembled, make_file, token, write_config

IAN = Person(name="ian", roles=frozenset({"it"}))
OLGA = Person(name="olga", roles=frozenset({"ops"}))
DAY = 86_400_000

Printed = pytest.CaptureFixture[str]


@asynccontextmanager
async def desk(folder: Path, **changes: Any) -> AsyncIterator[tuple[AlertDesk, TestApp, Post]]:
    """The desk of a daemon whose channels write down; nothing runs by itself."""
    async with assembled(folder) as app:
        engine, clock = app.engine, Clock()
        clock.at = engine.clock.now()
        post, chosen = Post(clock), rules(**changes)
        engine.actors[Flow.DESK].mailbox.dispose()
        workers: list[Worker] = [AlertWorker(engine.around, chosen, Pulse()), NoticeWorker(engine.around, chosen, post)]
        engine.actors[Flow.DESK] = DeskActor(engine.around, workers=workers)
        yield AlertDesk(app), app, post


async def work(app: TestApp) -> None:
    """Handle what is due on the desk, until nothing is."""
    actor = app.engine.actors[Flow.DESK]

    def due(connection: sqlite3.Connection) -> Any:
        return outbox.claim(connection, Flow.DESK, limit=1, now=app.engine.clock.now())

    await app.engine.database.run(
        lambda connection: [outbox.accept(connection, one, now=NOW) for one in actor.first_nudges(NOW)]
    )
    while found := await app.engine.database.run(due):
        await actor.step(found[0])


def fits(body: Any, schema: str) -> None:
    jsonschema.validate(
        body, {"$ref": f"#/components/schemas/{schema}", "components": description("0.1.0")["components"]}
    )


async def test_an_alert_is_listed_with_what_was_sent_of_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as (alerts, app, post):
        await work(app)
        page = await alerts.alerts(AlertListQuery())
        fits(page, "AlertPage")
        [alert] = page["items"]
        assert (alert["rule"], alert["owner"], alert["link"]) == ("error_count", "ecommerce", "/exceptions/1")
        assert [(notice["channel"], notice["state"]) for notice in alert["notices"]] == [("ecommerce", "sent")]
        assert len(post.sent) == 1
        assert (await alerts.alerts(AlertListQuery(state="ended")))["items"] == []


async def test_pages_of_alerts(tmp_path: Path) -> None:
    async with desk(tmp_path) as (alerts, app, _):

        def many(connection: sqlite3.Connection) -> None:
            for number in range(7):
                finding = Finding(code="sku_unknown", cause="c", group=f"g{number}")
                exceptions.raise_finding(connection, Record(kind="order", id=f"o{number}"), finding, now=NOW)

        await app.engine.database.run(many)
        await work(app)
        seen, after = [], ""
        while True:
            page = await alerts.alerts(AlertListQuery(state="all", after=after, limit=3))
            seen += [alert["id"] for alert in page["items"]]
            if page["next"] is None:
                break
            after = str(page["next"])
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == 8


async def test_thresholds_are_shown_with_what_they_are_held_against(tmp_path: Path) -> None:
    async with desk(tmp_path, thresholds={"error_count": 2}) as (alerts, _app, _):
        page = await alerts.rules()
        fits(page, "AlertRules")
        shown = {item["rule"]: (item["threshold"], item["now"], item["over"]) for item in page["items"]}
        assert shown["error_count"] == (2, 1, False)
        assert page["channels"][2] == {"owner": "ecommerce", "name": "Web shop", "schemes": ["ecommerce"]}


async def test_a_maintenance_is_begun_once_and_ended_with_a_report(tmp_path: Path) -> None:
    async with desk(tmp_path) as (alerts, app, post):
        await alerts.start_maintenance(IAN, until="2h", reason="move")
        await work(app)
        assert post.sent == []
        page = await alerts.maintenance()
        fits(page, "MaintenancePage")
        assert (page["now"]["author"], page["now"]["reason"], page["now"]["source"]) == ("ian", "move", "desk")
        with pytest.raises(ProblemError) as refused:
            await alerts.start_maintenance(IAN, until="30m", reason="again")
        assert refused.value.status == 409
        done = await alerts.end_maintenance(IAN, reason="done early")
        assert done["done"] is True
        await work(app)
        assert {message.channel for message in post.sent} == {"ops", "finance", "ecommerce", "it"}
        assert not (await alerts.end_maintenance(IAN, reason=""))["done"]
        written = await app.engine.database.run(
            lambda connection: [row[2] for row in audit.of_record(connection, "maintenance:1")]
        )
        assert written == ["start-maintenance", "end-maintenance"]


@pytest.mark.parametrize("act", ["start", "end", "try"])
async def test_who_may_not(tmp_path: Path, act: str) -> None:
    async with desk(tmp_path) as (alerts, _app, post):
        with pytest.raises(ProblemError) as refused:
            match act:
                case "start":
                    await alerts.start_maintenance(OLGA, until="2h", reason="r")
                case "end":
                    await alerts.end_maintenance(OLGA, reason="r")
                case _:
                    await alerts.try_channels("it", OLGA)
        assert refused.value.status == 403
        assert post.asked == 0


async def test_a_channel_is_tried_and_one_that_works_again_clears_its_exception(tmp_path: Path) -> None:
    broken = channel("chat")
    async with desk(tmp_path, channels={"ops": (channel("mail"), broken)}) as (alerts, app, post):
        post.broken = {"chat"}
        found = await alerts.try_channels("ops", OLGA)
        fits(found, "ChannelTest")
        assert found["items"] == [
            {"channel": "mail", "sent": True, "error": ""},
            {"channel": "chat", "sent": False, "error": "it answered 503"},
        ]

        def told(connection: sqlite3.Connection) -> None:
            finding = Finding(code="alert_undelivered", cause="c")
            exceptions.raise_finding(connection, Record(kind="channel", id="chat"), finding, now=NOW)

        await app.engine.database.run(told)
        post.broken = set()
        await alerts.try_channels("ops", OLGA)
        rows = await app.engine.database.run(lambda connection: exceptions.of_record(connection, "channel", "chat"))
        assert [row.resolution for row in rows] == ["a message went out"]


async def test_a_person_may_try_at_once_what_does_not_go_out(tmp_path: Path) -> None:
    async with desk(tmp_path) as (alerts, app, post):
        post.broken = {"ecommerce"}
        await work(app)
        assert post.asked == 1

        def told(connection: sqlite3.Connection) -> int:
            finding = Finding(code="alert_undelivered", cause="c")
            exceptions.raise_finding(connection, Record(kind="channel", id="ecommerce"), finding, now=NOW)
            return exceptions.of_record(connection, "channel", "ecommerce")[0].id

        number = await app.engine.database.run(told)
        post.broken = set()
        await actions.retry_exception(app, number, author="ian", reason="the relay is back")
        await work(app)
        assert post.sent[0].title == "[acme] ERROR SKU unknown: order A-2"
        rows = await app.engine.database.run(
            lambda connection: exceptions.of_record(connection, "channel", "ecommerce")
        )
        assert rows[0].state == "resolved"
        assert (await alerts.alerts(AlertListQuery(limit=9)))["items"][-1]["notices"][0]["state"] == "sent"


async def test_a_digest_is_shown_as_it_would_be_sent(tmp_path: Path) -> None:
    async with desk(tmp_path) as (alerts, _app, post):
        page = await alerts.digest("ecommerce")
        fits(page, "AlertDigest")
        assert page["title"] == "digest of Web shop: 1 open, 1 cause"
        assert [(item["group"], item["count"]) for item in page["items"]] == [("sku_unknown", 1)]
        assert post.sent == []


UNTIL = [
    ("30m", 30 * 60_000),
    ("2h", 2 * 3_600_000),
    ("7d", 7 * DAY),
    ("8d", None),
    ("0m", None),
    ("2027-01-15T08:00:01Z", 1000),
    ("2027-01-15T08:00:00Z", None),
    ("tomorrow", None),
    ("", None),
    ("-2h", None),
    ("99999d", None),
]


@pytest.mark.parametrize(("text", "span"), UNTIL)
def test_until_when(text: str, span: int | None) -> None:
    if span is not None:
        assert until_of(text, now=NOW) == NOW + span
        return
    with pytest.raises(ProblemError):
        until_of(text, now=NOW)


async def test_over_http_roles_are_asked_for_and_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    it, it_token = token("ian", "it")
    viewer, viewer_token = token("vera", "viewer")
    async with served(tmp_path, it_token, viewer_token) as here:
        ian, vera = ({"Authorization": f"Bearer {text}"} for text in (it, viewer))

        async def ask(path: str, method: str = "GET", who: dict[str, str] = vera, **body: str) -> tuple[int, Any]:
            status, answer, _ = await here.ask(path, method, headers=who, body=json.dumps(body).encode())
            return status, answer

        for path, schema in (
            ("/api/alerts", "AlertPage"),
            ("/api/alerts/rules", "AlertRules"),
            ("/api/alerts/digest/ops", "AlertDigest"),
            ("/api/maintenance", "MaintenancePage"),
        ):
            status, body = await ask(path)
            assert status == 200, path
            fits(body, schema)
        assert (await ask("/api/alerts?state=new"))[0] == 400
        assert (await ask("/api/alerts?sate=all"))[0] == 400
        assert (await ask("/api/alerts/digest/nobody"))[0] == 404
        assert (await ask("/api/maintenance/start", "POST", until="1h", reason="r"))[0] == 403
        assert (await ask("/api/maintenance/start", "POST", ian, until="1h"))[0] == 400
        assert (await ask("/api/maintenance/start", "POST", ian, until="soon", reason="r"))[0] == 400
        assert (await ask("/api/maintenance/start", "POST", ian, until="1h", reason="r"))[0] == 200
        assert (await ask("/api/maintenance/end", "POST", ian))[1]["done"] is True
        assert (await ask("/api/alerts/test/ops", "POST"))[0] == 403
        assert (await ask("/api/alerts/test/ops", "POST", ian)) == (200, {"items": []})


def test_without_a_daemon_the_command_line_reads_the_file(tmp_path: Path, capsys: Printed) -> None:
    make_file(tmp_path / "tallyd.db")
    config = str(write_config(tmp_path))
    assert main(["alerts", "list", "--config", config]) == 0
    assert "SEVERITY" in capsys.readouterr().out
    assert main(["alerts", "rules", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert "error_count" in shown
    assert "no digest: [alerts] digest_at" in shown
    assert main(["alerts", "digest", "ecommerce", "--json", "--config", config]) == 0
    fits(json.loads(capsys.readouterr().out), "AlertDigest")
    assert main(["maintenance", "list", "--json", "--config", config]) == 0
    fits(json.loads(capsys.readouterr().out), "MaintenancePage")
    assert main(["maintenance", "end", "--config", config]) == 1
    assert main(["alerts", "test", "ops", "--config", config]) == 1
    assert "not running" in capsys.readouterr().err
    assert main(["alerts", "digest", "nobody", "--config", config]) == 2


def test_at_a_terminal_alerts_are_sorted_and_narrowed_as_asked(tmp_path: Path, capsys: Printed) -> None:
    def two(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO alerts (rule, subject, owner, severity, title, text, link, count, raised_at)"
            " VALUES ('error_count', ?, ?, 'error', ?, 'text', '/', 1, ?)",
            [("1", "it", "b", NOW), ("2", "ops", "a", NOW + 1)],
        )

    make_file(tmp_path / "tallyd.db", two)
    config = str(write_config(tmp_path))

    def titles(*words: str) -> list[str]:
        assert main(["alerts", "list", "--json", "--config", config, *words]) == 0
        return [item["title"] for item in json.loads(capsys.readouterr().out)["items"]]

    assert titles() == ["a", "b"]
    assert titles("--ascending") == ["b", "a"]
    assert titles("--sort", "title") == ["b", "a"]
    assert titles("--sort", "title", "--ascending") == ["a", "b"]
    assert titles("--owner", "it") == titles("--text", "B") == ["b"]


async def test_the_command_line_begins_and_ends_a_maintenance(tmp_path: Path, capsys: Printed) -> None:
    config = str(write_config(tmp_path))
    async with assembled(tmp_path) as app, control_server(app, app.settings.socket_path):

        async def tallyd(*words: str) -> int:
            return await anyio.to_thread.run_sync(main, [*words, "--config", config])

        assert await tallyd("maintenance", "start", "--until", "2h", "--reason", "move") == 0
        assert "none is sent until" in capsys.readouterr().out
        assert await tallyd("maintenance", "start", "--until", "2h", "--reason", "again") == 1
        assert await tallyd("maintenance", "end") == 0
        assert await tallyd("alerts", "rules", "--json") == 0
        assert '"quiet_now": false' in capsys.readouterr().out
        assert await tallyd("alerts", "test", "ops") == 1
        assert "ops has no channels" in capsys.readouterr().err


def test_the_page_names_every_threshold_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    assert told == {name: f"{threshold.default:g}" for name, threshold in THRESHOLDS.items()}
