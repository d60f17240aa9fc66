"""What this release does not act on is refused or told, never ignored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.cli import main
from daemon.not_yet import refused, unused
from daemon.settings import CustomerSettings, FirstSettings, Settings, SqsSettings, load_settings

SHIPPED = Path(__file__).parents[2] / "config" / "tallyd.toml"


@pytest.fixture
def settings() -> Settings:
    return load_settings(SHIPPED)


def test_the_shipped_file_asks_for_nothing_that_is_not_there(settings: Settings) -> None:
    assert {problem.key for problem in refused(settings)} == {"commercetools.client_id", "cin7.account_id"}
    assert not list(unused(settings))


def test_a_customer_per_order_is_refused_because_it_would_be_booked_elsewhere(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = msgspec.structs.replace(settings.orders, customer=CustomerSettings(mode="per-customer"))
    assert "orders.customer" in {problem.key for problem in refused(msgspec.structs.replace(settings, orders=orders))}
    text = SHIPPED.read_text("utf-8").replace('mode = "single"', 'mode = "per-customer"', 1)
    path = tmp_path / "tallyd.toml"
    path.write_text(text, encoding="utf-8")
    for name in ("COMMERCETOOLS_CLIENT_SECRET", "CIN7_APPLICATION_KEY"):
        monkeypatch.setenv(f"TALLYD_{name}", "x")
    monkeypatch.setenv("TALLYD_STORAGE_KEY", "A" * 43 + "=")
    assert main(["run", "--config", str(path)]) == 2
    assert "orders.customer" in capsys.readouterr().err


def test_a_door_that_is_not_there_is_named(settings: Settings) -> None:
    intake = msgspec.structs.replace(
        settings.intake, sqs=SqsSettings(queue_url="https://q.test", region="eu"), cin7_webhooks=True
    )
    orders = msgspec.structs.replace(settings.orders, first=FirstSettings(shipping=("Express",)))
    told = list(unused(msgspec.structs.replace(settings, intake=intake, orders=orders)))
    assert [text.split(":")[0] for text in told] == ["intake.cin7_webhooks", "intake.sqs", "orders.first"]
