"""The sandbox's own choices: its configuration maps what its orders need, and what is meant to be held is."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.commands.diagnose import replay
from daemon.commands.sandbox import Shoppers
from daemon.commands.sandbox_files import EURO_CUSTOMER, write_config, write_credentials, write_rates
from daemon.commands.sandbox_status import Status
from daemon.not_yet import refused, unused
from daemon.secrets import load_secrets
from daemon.settings import load_settings
from tests.both_sides import Both
from tests.daemon_app import ENVIRON, NOW


def sandbox(folder: Path) -> Both:
    """Both doubles, and the file the sandbox would write for them."""
    both = Both()
    both.cin7.add_customer(EURO_CUSTOMER, currency="EUR")
    write_rates(folder, datetime.fromtimestamp(NOW / 1000, UTC).date())
    account = both.settings().cin7.account_id
    path = write_config(folder, shop_port=1, cin7_port=2, account=account, operator_port=3, limit=60)
    both.text = path.read_text(encoding="utf-8").replace("sandbox-client", "client")
    return both


def test_the_file_and_the_secrets_it_writes_are_what_a_daemon_takes(tmp_path: Path) -> None:
    sandbox(tmp_path)
    settings = load_settings(tmp_path / "tallyd.toml")
    assert refused(settings) == []
    assert list(unused(settings)) == []
    named = {name.removeprefix("TALLYD_").lower(): value for name, value in ENVIRON.items()}
    folder = write_credentials(tmp_path, named)
    assert load_secrets(settings, environ={"CREDENTIALS_DIRECTORY": str(folder)})["storage_key"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_check_finds_nothing(tmp_path: Path) -> None:
    _, lines = await sandbox(tmp_path).check()
    assert [line for line in lines if line.level == "finding"] == []


async def test_of_many_orders_those_are_held_that_should_be(tmp_path: Path) -> None:
    both = sandbox(tmp_path)
    args = argparse.Namespace(seed=2, orders=160, holds=20, rate=60.0, rich=0.5)
    await Shoppers(args, both.shop, both.clock).shop()
    assert Counter(order["totalPrice"]["currencyCode"] for order in both.shop.orders.values())["EUR"] > 20
    found, _ = await replay(
        both.settings(),
        both.secrets(),
        300,
        lambda text: None,
        shop=both.ct_wire,
        account=both.cin7_wire,
        clock=both.clock,
    )
    assert found is not None
    assert found.read == 160
    # Of the twenty that go wrong five are unpaid: they wait for a payment, which is not what a replay judges.
    assert {code: tally.count for code, tally in found.holds.items()} == {
        "sku_unknown": 5,
        "tender_taxed": 5,
        "tax_unmapped": 5,
    }
    assert found.cents.count > 0


class _Places:
    def __init__(self) -> None:
        self.orders: dict[str, Any] = {str(number): {} for number in range(10)}

    def live_sales(self) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("states", "looks"),
    [
        ({"exported": 10}, 1),
        ({"exported": 9, "held": 1}, 1),
        ({"exported": 8, "held": 1, "awaiting": 1}, 11),  # more than should be: one may still be freed
        ({"exported": 8, "held": 1, "posted": 1}, None),
    ],
)
async def test_it_is_done_when_nothing_moves(states: dict[str, int], looks: int | None) -> None:
    health = {
        "orders": {"states": states},
        "governor": {"in_window": 1, "limit": 60, "minutes_to_drain": 0.0},
    }

    class Told(Status):
        async def _health(self) -> dict[str, Any] | None:
            return health

    status = Told(_Places(), _Places(), 1, Path("c"), Path("l"), command="t", asking="t", plain=True)
    seen = [await status.show(10, 1) for _ in range(20)]
    assert (seen.index(True) + 1 if True in seen else None) == looks
    assert status.waiting == 10 - states["exported"] - states.get("posted", 0)
