"""What this release does not act on is refused or told, never ignored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.cli import main
from daemon.not_yet import PLACEHOLDER, refused, unused
from daemon.settings import (
    CustomerSettings,
    FirstSettings,
    Settings,
    SnsSettings,
    SqsSettings,
    load_settings,
)

SHIPPED = Path(__file__).parents[2] / "config" / "tallyd.toml"


@pytest.fixture
def settings() -> Settings:
    return load_settings(SHIPPED)


def test_the_shipped_file_asks_for_nothing_that_is_not_there(settings: Settings) -> None:
    assert {problem.key for problem in refused(settings)} == {"commercetools.client_id", "cin7.account_id"}
    assert not list(unused(settings))


def test_what_this_release_carries_is_neither_refused_nor_mentioned(settings: Settings) -> None:
    orders = msgspec.structs.replace(
        settings.orders,
        customer=CustomerSettings(mode="per-customer"),
        first=FirstSettings(shipping=("Express",)),
        split_location="Main Warehouse",
        discount_as="lines",
    )
    asked = msgspec.structs.replace(settings, orders=orders)
    assert refused(asked) == refused(settings)
    assert not list(unused(asked))


def test_a_placeholder_stops_the_start(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMMERCETOOLS_CLIENT_SECRET", "CIN7_APPLICATION_KEY"):
        monkeypatch.setenv(f"TALLYD_{name}", "x")
    monkeypatch.setenv("TALLYD_STORAGE_KEY", "A" * 43 + "=")
    assert main(["run", "--config", str(SHIPPED)]) == 2
    assert "cin7.account_id" in capsys.readouterr().err


def test_a_door_with_a_placeholder_is_refused(settings: Settings) -> None:
    sqs = SqsSettings(queue_url="https://q.test/1/orders", region=PLACEHOLDER)
    intake = msgspec.structs.replace(settings.intake, sqs=sqs, sns=SnsSettings(topic_arns=(PLACEHOLDER,)))
    problems = refused(msgspec.structs.replace(settings, intake=intake))
    doors = [problem.key for problem in problems if problem.key.startswith("intake.")]
    assert doors == ["intake.sqs.region", "intake.sns.topic_arns"]


def test_doors_are_no_setting_that_is_not_acted_on(settings: Settings) -> None:
    sqs = SqsSettings(queue_url="https://q.test/1/orders", region="eu-west-1")
    intake = msgspec.structs.replace(settings.intake, sqs=sqs, cin7_webhooks=True)
    assert list(unused(msgspec.structs.replace(settings, intake=intake))) == []
