"""The workers as the daemon runs them: from a failure in the file to a web server on this machine."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from actors.desk.alerting import AlertWorker
from actors.desk.ports import Worker
from actors.domain.digest import month_end
from actors.domain.quiet import Hours
from actors.domain.time import Instant
from actors.messages import Flow
from daemon.channel_check import channel_lines
from daemon.desk.alert_rules import alert_rules, console_url
from daemon.desk.alert_workers import alert_workers, month_figures, month_of
from daemon.desk.channels import addresses, channel_of, every, hosts, key_of, nobody
from daemon.engine import Engine
from daemon.planning import plan_of
from daemon.secrets import Secrets, load_secrets, required_secrets
from daemon.settings import Settings, parse_settings
from storage import outbox
from storage.database import Database, connect
from tests.daemon.test_report import november
from tests.daemon_app import ENVIRON, NOW, FixedClock, NoNetwork, config_text, fill, make_file
from tests.receivers import web_server
from tests.stored import upgrade_quickly

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def settings_of(folder: Path, more: str) -> Settings:
    return parse_settings(config_text(folder / "tallyd.db") + more, source="tallyd.toml")


def secrets_of(settings: Settings, **more: str) -> Secrets:
    return load_secrets(settings, ENVIRON | {f"TALLYD_{name.upper()}": value for name, value in more.items()})


@asynccontextmanager
async def engine(settings: Settings, secrets: Secrets) -> AsyncIterator[Engine]:
    """An engine with the workers of the daemon, over a file with one held order; nothing runs by itself."""

    def workers(made: Engine) -> list[Worker]:
        return alert_workers(made, settings, secrets)

    async with Database.open(
        settings.database_path,
        prepare=lambda connection: upgrade_quickly(connection, now=NOW),
        inline=True,
        synchronous="OFF",
    ) as database:
        await database.run(fill)
        made = Engine(
            plan_of(settings, client_secret="x", application_key="y", storage_key=bytes(32)),
            database=database,
            clock=FixedClock(NOW + 1000),
            ct_transport=NoNetwork(),
            cin7_transport=NoNetwork(),
            chance=random.Random(1),
            born_at=NOW,
            workers=workers,
        )
        try:
            yield made
        finally:
            for actor in made.actors.values():
                actor.mailbox.dispose()


async def work(made: Engine) -> None:
    """What a start leads to on the desk."""
    actor, now = made.actors[Flow.DESK], made.clock.now()

    def first(connection: sqlite3.Connection) -> None:
        for nudge in actor.first_nudges(now):
            outbox.accept(connection, nudge, now=now)

    def due(connection: sqlite3.Connection) -> Any:
        return outbox.claim(connection, Flow.DESK, limit=1, now=now)

    await made.database.run(first)
    while found := await made.database.run(due):
        await actor.step(found[0])


async def test_a_failure_reaches_a_web_server(tmp_path: Path) -> None:
    with web_server() as receiver:
        settings = settings_of(
            tmp_path,
            '[owners]\necommerce = { name = "Web shop", channels = ["credential:shop_hook"] }\n'
            '[alerts]\ndigest_at = "00:00"\n',
        )
        secrets = secrets_of(settings, shop_hook=f"json://127.0.0.1:{receiver.port}/alerts")
        async with engine(settings, secrets) as made:
            await work(made)
            kept = await made.database.run(lambda connection: list(connection.execute("SELECT * FROM notices")))
        told = [json.loads(got.body) for got in receiver.received]
    by_type = {one["type"]: one for one in told}
    alert, digest = by_type["failure"], by_type["info"]
    assert alert["title"] == "[test] ERROR SKU unknown: order A-2"
    assert alert["message"].endswith("http://127.0.0.1:0/exceptions/1")
    assert digest["title"] == "[test] digest of Web shop: 1 open, 1 cause"
    assert str(receiver.port) not in repr(kept), "no address is kept in the file"


async def test_a_flow_that_may_not_work_is_not_silent(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    async with engine(settings, secrets_of(settings)) as made:
        [judging] = [worker for worker in _workers(made) if isinstance(worker, AlertWorker)]
        assert set(judging.beat().working_since) == {flow.value for flow in Flow}
        made.dispatcher.paused.add(Flow.STOCK)
        made.dispatcher.stopped.add(Flow.ORDERS)
        made.actors[Flow.INTAKE].last_success_at = NOW + 77
        since = judging.beat().working_since
        assert set(since) == {flow.value for flow in Flow} - {"stock", "orders"}
        assert (since["intake"], since["finance"]) == (NOW + 77, NOW + 1000)


def _workers(made: Engine) -> list[Any]:
    desk: Any = made.actors[Flow.DESK]
    return [desk.worker(name) for name in ("alerts", "notice", "digest")]


async def test_the_month_waits_until_the_books_have_a_time_zone(tmp_path: Path) -> None:
    make_file(tmp_path / "tallyd.db")

    def now() -> Instant:
        return NOW

    assert await month_figures(settings_of(tmp_path, ""), now)("2026-12") is None
    zoned = config_text(tmp_path / "tallyd.db").replace('name = "test"', 'name = "test"\ntime_zone = "Europe/London"')
    month = await month_figures(parse_settings(zoned, source="t"), now)("2026-12")
    assert month is not None
    assert (month.name, month.provisional, month.unexplained, month.not_posted) == ("2026-12", False, {}, 0)


def test_the_month_s_figures_are_those_of_the_report(tmp_path: Path) -> None:
    make_file(tmp_path / "tallyd.db", november)
    with closing(connect(tmp_path / "tallyd.db", read_only=True)) as connection:
        month = month_of(connection, "2026-11", time_zone="", now=NOW)
    assert set(month.unexplained) == {"sale EUR", "invoice EUR", "payment EUR"}
    assert (month.held, month.without_documents, month.open_exceptions, month.not_posted) == (1, 1, 1, 0)
    title, text = month_end(month, base="https://desk.test")
    assert title == "month 2026-11 ties out, 2 orders to settle"
    assert text.endswith("https://desk.test/month/2026-11")


OWNERS = """
[owners]
ops = {{ name = "Desk", channels = ["mailto://relay.test?from=a@b.test&to=c@d.test", "credential:chat"] }}
it = {{ name = "On call", channels = ["credential:pager"] }}
[alerts]
escalate_to = {to}
maintenance = ["2026-12-24T18:00:00+01:00/2026-12-25T06:00:00Z"]
quiet_hours = "22:00-07:00"
"""


@pytest.mark.parametrize(
    ("to", "escalated"),
    [
        ('["it"]', ["credential:pager"]),
        ('["it", "ops", "credential:boss"]', ["credential:pager", "mailto", "credential:chat", "credential:boss"]),
        ("[]", []),
    ],
)
def test_whom_the_file_names(tmp_path: Path, to: str, escalated: list[str]) -> None:
    settings = settings_of(tmp_path, OWNERS.format(to=to))
    known = {"chat": SLACK, "pager": "pagerduty://" + "k" * 32 + "@" + "a" * 20, "boss": "json://boss.test/"}
    rules = alert_rules(settings, known.get)
    keys = [channel.key for channel in rules.escalate_to]
    assert [key.partition(":")[0] if key.startswith("mailto") else key for key in keys] == escalated
    assert [channel.scheme for channel in rules.of_owner("ops")] == ["mailto", "slack"]
    assert [channel.apart for channel in rules.of_owner("it")] == [True]
    assert rules.of_owner("finance") == ()
    assert [window.ends_at - window.starts_at for window in rules.windows] == [13 * 3_600_000]
    assert rules.quiet is not None
    assert rules.quiet.hold(23 * 60)
    assert set(addresses(settings, known.get)) == {key_of(text) for text in every(settings)}
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in repr(rules)
    wanted = {name for name in ("chat", "pager", "boss") if f"credential:{name}" in every(settings)}
    assert wanted <= set(required_secrets(settings)), "what is named has to be given"


ALERTS = """
[alerts]
quiet_hours = "22:30-06:05"
digest_at = "07:15"
escalate_after_minutes = 5
maintenance = ["2026-12-24T18:00:00Z/2026-12-24T20:00:00+01:00", "2026-12-31T18:00:00Z/2026-12-31T19:00:00Z"]
thresholds = { error_count = 3 }
"""


def test_what_the_file_says_of_alerts_is_what_the_desk_runs_on(tmp_path: Path) -> None:
    text = config_text(tmp_path / "tallyd.db").replace('name = "test"', 'name = "test"\ntime_zone = "Europe/Berlin"')
    rules = alert_rules(parse_settings(text + ALERTS, source="t"))
    assert (rules.time_zone, rules.connection) == ("Europe/Berlin", "test")
    assert (rules.quiet, rules.digest_at) == (Hours(start=22 * 60 + 30, end=6 * 60 + 5), 7 * 60 + 15)
    assert (rules.escalate_after, rules.retain) == (5 * 60_000, 400 * 86_400_000)
    assert rules.thresholds == {"error_count": 3}
    first, second = rules.windows
    assert (first.ends_at - first.starts_at, second.ends_at - second.starts_at) == (3_600_000, 3_600_000)


def test_hosts_of_channels_are_named_and_nothing_else_of_them(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OWNERS.format(to="[]"))
    known = {"chat": SLACK, "pager": "pagerduty://" + "k" * 32 + "@" + "a" * 20}
    assert list(hosts(settings, known.get)) == [
        ("relay.test", "alerts by mailto"),
        ("hooks.slack.com", "alerts by slack"),
        ("events.pagerduty.com", "alerts by pagerduty"),
    ]
    assert ("credential: channel of an owner", "alerts by credential") in list(hosts(settings, nobody))
    assert channel_of("credential:chat", nobody).scheme == "credential"
    for bare in ("TIiajkdnlazkcOXrIdevi7FQ", "TIiajkdnlazkcOXrIdevi7FQ:rest", "TIia/jk://half"):
        assert channel_of("credential:chat", {"chat": bare}.get).scheme == "credential", "a secret is no kind"
        assert list(hosts(settings, {"chat": bare}.get))[1] == (
            "credential: channel of an owner",
            "alerts by credential",
        )


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("pbul://o.gn5kj6nfhv736I7jC3cj3QLRiyhgl98b", "pbul: channel of an owner"),
        ("wxteams://ab.cd.ef", "wxteams: channel of an owner"),
        ("workflows://prod-1.westus.logic.azure.com:443/flow/sign", "prod-1.westus.logic.azure.com"),
        ("jsons://user:pass@hook.test/path", "hook.test"),
    ],
)
def test_what_may_be_a_token_is_no_host(tmp_path: Path, address: str, host: str) -> None:
    """Some tokens have dots: a host is shown only of kinds whose address names one."""
    settings = settings_of(tmp_path, OWNERS.format(to="[]"))
    scheme = address.partition(":")[0]
    assert (host, f"alerts by {scheme}") in list(hosts(settings, {"chat": address}.get))


def test_the_check_finds_a_channel_nobody_understands(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OWNERS.format(to="[]"))
    known = {"chat": "slack://half", "pager": "pagerduty://" + "k" * 32 + "@" + "a" * 20}
    [line] = channel_lines(settings, known.get)
    assert line.level == "finding"
    assert "credential:chat" in line.text
    assert "half" not in line.text
    [note] = channel_lines(settings_of(tmp_path, ""), known.get)
    assert note.level == "note"


@pytest.mark.parametrize(
    ("operator", "base"),
    [
        ('bind = "127.0.0.1:8710"', "http://127.0.0.1:8710"),
        ('bind = "[::1]:8710"', "http://[::1]:8710"),
        ('bind = "127.0.0.1:0"\npublic_url = "https://tallyd.test/desk/"', "https://tallyd.test/desk"),
    ],
)
def test_where_links_lead(tmp_path: Path, operator: str, base: str) -> None:
    text = config_text(tmp_path / "tallyd.db").replace('bind = "127.0.0.1:0"', operator)
    assert console_url(parse_settings(text, source="t")) == base
