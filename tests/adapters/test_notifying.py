"""Every kind of channel people are called by, against a receiver on this machine; and that nothing secret leaks."""

from __future__ import annotations

import io
import json
import logging
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from actors.domain.outgoing import Tone, UndeliveredError
from adapters.notifying.messenger import ChannelMessenger, is_understood
from tests.receivers import Received, Receiver, mail_server, web_server, world

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts"
TEAMS = "workflows://prod-1.uksouth.logic.azure.com:443/643e69f83c8944438d68119179a10a64/KODuebWbDGYFr0z0eu"
PAGER = "pagerduty://" + "k" * 32 + "@" + "a" * 20
DISCORD = "discord://4174216298/" + "d" * 64
SECRETS = ("TIiajkdnlazkcOXrIdevi7FQ", "KODuebWbDGYFr0z0eu", "k" * 32, "d" * 64, "hunter2")

TITLE = "[acme] ERROR SKU unknown: order CT-7"
BODY = "Cin7 Core has no product <A&B>\n\nWhat to do:\n1. Make it.\n\nhttps://desk.test/exceptions/17"


@pytest.fixture
def everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The world as a process sees it that may only leave through a proxy."""
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with world(tmp_path) as (receiver, certificate):
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        yield receiver


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the daemon's log would hold of libraries: it takes them from `warning` on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


async def send(url: str, *, tone: Tone = Tone.FAILURE, topic: str = "", body: str = BODY) -> None:
    await ChannelMessenger({"it": url}).send("it", title=TITLE, body=body, tone=tone, topic=topic)


def as_json(received: Received) -> Any:
    return json.loads(received.body)


async def test_mail() -> None:
    with mail_server() as receiver:
        await send(f"mailto://127.0.0.1:{receiver.port}?from=tallyd@example.test&to=desk@example.test")
        [got] = receiver.received
    assert got.host == "RCPT TO:<desk@example.test>" or "<desk@example.test>" in got.host
    mail = message_from_bytes(got.body, policy=policy.default)
    assert mail["Subject"] == TITLE
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    assert any("https://desk.test/exceptions/17" in part for part in parts)
    assert not any("<A&B>" in part for part in parts if "<br" in part), "text is no markup"


async def test_a_webhook() -> None:
    with web_server() as receiver:
        await send(f"json://127.0.0.1:{receiver.port}/hooks/tallyd")
        [got] = receiver.received
    assert got.path == "/hooks/tallyd"
    told = as_json(got)
    assert (told["title"], told["message"], told["type"]) == (TITLE, BODY, "failure")


async def test_ntfy() -> None:
    with web_server() as receiver:
        await send(f"ntfy://127.0.0.1:{receiver.port}/alerts")
        [got] = receiver.received
    assert (as_json(got)["topic"], as_json(got)["title"], as_json(got)["message"]) == ("alerts", TITLE, BODY)


async def test_slack(everywhere: Receiver) -> None:
    await send(SLACK)
    [got] = everywhere.received
    assert got.host == "hooks.slack.com:443"
    assert got.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert "SKU unknown" in got.body.decode()
    assert "https://desk.test/exceptions/17" in got.body.decode()
    assert "apprise" not in got.body.decode().lower(), "no picture of somebody else's server"


async def test_teams(everywhere: Receiver) -> None:
    everywhere.status = 202
    await send(TEAMS)
    [got] = everywhere.received
    assert got.host == "prod-1.uksouth.logic.azure.com:443"
    assert "/workflows/643e69f83c8944438d68119179a10a64/" in got.path
    assert "sig=KODuebWbDGYFr0z0eu" in got.path
    card = as_json(got)["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard"
    assert "SKU unknown" in json.dumps(card)
    assert "[https://desk.test/exceptions/17](https://desk.test/exceptions/17)" in json.dumps(card)


async def test_pagerduty_opens_an_incident_and_a_recovery_closes_just_that_one(everywhere: Receiver) -> None:
    everywhere.status = 202
    await send(PAGER, topic="tallyd/acme/7")
    await send(PAGER, topic="tallyd/acme/7", tone=Tone.SUCCESS, body="Over")
    opened, closed = (as_json(got) for got in everywhere.received)
    assert {got.host for got in everywhere.received} == {"events.pagerduty.com:443"}
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "tallyd/acme/7"
    assert TITLE in opened["payload"]["summary"]


async def test_discord(everywhere: Receiver) -> None:
    everywhere.status = 204
    await send(DISCORD, body="\n".join(f"line {number} of a long digest" for number in range(200)))
    assert {got.host for got in everywhere.received} == {"discord.com:443"}
    told = "".join(got.body.decode() for got in everywhere.received)
    assert "line 0 of" in told
    assert "line 199 of" in told, "what is longer than a channel takes is sent in parts"


@pytest.mark.parametrize(("url", "why"), [(SLACK, "404"), (TEAMS, "403"), (PAGER, "500"), (DISCORD, "401")])
async def test_a_refusal_is_told_by_its_status_alone(
    everywhere: Receiver, url: str, why: str, logged: io.StringIO
) -> None:
    everywhere.status = int(why)
    with pytest.raises(UndeliveredError) as refused:
        await send(url)
    assert refused.value.reason == f"it answered {why}"
    assert logged.getvalue() == "", "what is sent where is nobody's line in the log"
    for secret in SECRETS:
        assert secret not in repr(refused.value)


FAILING = [
    ("nobody there", "json://127.0.0.1:9/hook", "no connection, or no answer that makes sense"),
    ("no such kind", "nonsense://x", "its address is not understood"),
    ("half an address", "slack://T1JJ3T3L2", "its address is not understood"),
    ("nothing", "", "its address is not understood"),
]


@pytest.mark.parametrize(("_case", "url", "why"), FAILING)
async def test_what_does_not_go_out(_case: str, url: str, why: str) -> None:
    with pytest.raises(UndeliveredError, match=why):
        await send(url)


async def test_mail_that_is_refused() -> None:
    with mail_server() as receiver:
        receiver.status = 550
        with pytest.raises(UndeliveredError):
            await send(f"mailto://127.0.0.1:{receiver.port}?from=tallyd@example.test&to=nobody@example.test")
        assert receiver.received == []


async def test_a_channel_nobody_configured() -> None:
    with pytest.raises(UndeliveredError, match="not configured"):
        await ChannelMessenger({}).send("it", title="t", body="b", tone=Tone.INFO)


@pytest.mark.parametrize(
    "url", [SLACK, TEAMS, PAGER, DISCORD, "mailto://relay.test?from=a@b.test&to=c@d.test", "ntfy://h.test/t"]
)
def test_addresses_that_are_understood(url: str) -> None:
    assert is_understood(url)


def test_a_messenger_does_not_show_its_addresses() -> None:
    assert "hunter2" not in repr(ChannelMessenger({"it": "mailto://user:hunter2@relay.test"}))


@pytest.mark.parametrize(("status", "refused"), [(400, True), (413, True), (422, True), (404, False), (503, False)])
async def test_what_is_said_of_the_message_is_told_from_what_is_said_of_the_channel(
    status: int, *, refused: bool
) -> None:
    with web_server() as receiver:
        receiver.status = status
        with pytest.raises(UndeliveredError) as told:
            await send(f"json://127.0.0.1:{receiver.port}/hook")
    assert told.value.refused is refused


async def test_channels_that_hang_delay_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=20) as silent, web_server() as receiver:
        hanging = {f"hangs-{n}": f"json://127.0.0.1:{silent.getsockname()[1]}/{n}?rto=60" for n in range(9)}
        messenger = ChannelMessenger({**hanging, "works": f"json://127.0.0.1:{receiver.port}/hook"})
        await messenger.understands("works")  # what takes a moment the first time
        async with anyio.create_task_group() as sending:
            for name in hanging:
                sending.start_soon(partial(messenger.send, name, title=TITLE, body=BODY, tone=Tone.INFO))
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(10):
                await messenger.send("works", title=TITLE, body=BODY, tone=Tone.INFO)
            sending.cancel_scope.cancel()
        assert len(receiver.received) == 1


async def test_a_bug_of_a_kind_is_a_message_that_did_not_go_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_told: object) -> str:
        raise OSError("no certificates for https://hooks.test/SECRET")

    monkeypatch.setattr("adapters.notifying.messenger.deliver", fails)
    with pytest.raises(UndeliveredError) as told:
        await ChannelMessenger({"k": "json://hooks.test/SECRET"}).send("k", title="t", body="b", tone=Tone.INFO)
    assert told.value.reason == "its kind failed: OSError"
    assert told.value.__suppress_context__
