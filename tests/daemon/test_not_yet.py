"""An example that was never filled in stops the start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.cli import main
from daemon.not_yet import PLACEHOLDER, refused
from daemon.settings import Settings, SnsSettings, SqsSettings, load_settings

SHIPPED = Path(__file__).parents[2] / "config" / "tallyd.toml"


@pytest.fixture
def settings() -> Settings:
    return load_settings(SHIPPED)


def test_the_shipped_file_wants_two_values(settings: Settings) -> None:
    assert {problem.key for problem in refused(settings)} == {"commercetools.client_id", "cin7.account_id"}


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
