"""The sandbox's own choices: its configuration maps what its orders need, and what is meant to be held is."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from actors.domain.notification import Notification
from actors.domain.webhook import NEEDED, Step, Webhook, plan
from adapters.intake.ports import CIN7, EVENTGRID
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.generator import OrderGenerator
from daemon.commands.diagnose import replay
from daemon.commands.sandbox import Shoppers, _decide_pace, add_arguments
from daemon.commands.sandbox_files import EURO_CUSTOMER, Doors, write_config, write_credentials, write_rates
from daemon.commands.sandbox_outage import Outage, outage
from daemon.commands.sandbox_pushes import Pushes
from daemon.commands.sandbox_status import Status, census_in_words, doors_in_words
from daemon.doors import pushed_doors
from daemon.not_yet import refused
from daemon.planning import door_rules
from daemon.secrets import Secrets, load_secrets
from daemon.settings import load_settings
from tests.both_sides import Both
from tests.daemon_app import ENVIRON, NOW
from tests.intake_listener import Listener, listening, until

PUSH_SECRETS = {"eventgrid_key": "grid-key", "cin7_webhook_token": "hook-token"}


def sandbox(folder: Path, *, pushed: bool = True) -> Both:
    """Both doubles, and the file the sandbox would write for them."""
    both = Both()
    both.cin7.add_customer(EURO_CUSTOMER, currency="EUR")
    write_rates(folder, datetime.fromtimestamp(NOW / 1000, UTC).date())
    account = both.settings().cin7.account_id
    doors = Doors(port=4, public_url="http://127.0.0.1:4", subscription="one") if pushed else None
    path = write_config(folder, shop_port=1, cin7_port=2, account=account, operator_port=3, limit=60, doors=doors)
    both.text = path.read_text(encoding="utf-8").replace("sandbox-client", "client")
    return both


@pytest.mark.parametrize("pushed", [True, False])
def test_the_file_and_the_secrets_it_writes_are_what_a_daemon_takes(tmp_path: Path, pushed: bool) -> None:
    sandbox(tmp_path, pushed=pushed)
    settings = load_settings(tmp_path / "tallyd.toml")
    assert door_rules(settings).names == ({EVENTGRID, CIN7} if pushed else set())
    assert refused(settings) == []
    named = {name.removeprefix("TALLYD_").lower(): value for name, value in ENVIRON.items()} | PUSH_SECRETS
    folder = write_credentials(tmp_path, named)
    assert load_secrets(settings, environ={"CREDENTIALS_DIRECTORY": str(folder)})["storage_key"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


class Senders:
    """Both doubles, and what they push to a listener that has the doors of the sandbox's file."""

    def __init__(self, listener: Listener, *, webhooks: bool = True) -> None:
        self.listener = listener
        clock = listener.clock
        self.shop = CommercetoolsDouble(clock=clock)
        self.cin7 = Cin7Double(clock=clock, account_id="a", application_key="k", webhook_seconds=0)
        self.generator = OrderGenerator(1, self.shop, clock=clock)
        port = listener.address[1]
        self.pushes = Pushes(
            self.shop,
            self.cin7,
            clock=clock,
            port=port,
            secrets=PUSH_SECRETS,
            webhooks=webhooks,
            delay_seconds=(0.0, 0.0),
        )

    def place(self) -> str:
        placed = self.generator.place_next()
        assert placed is not None
        return placed.order_id

    def told(self, door: str) -> set[str]:
        """Whom a door told of; a body that could not be read would be an error here."""
        return {cast(Notification, told).subject for name, told in self.listener.book.deliveries if name == door}


@asynccontextmanager
async def pushing(folder: Path) -> AsyncIterator[Senders]:
    sandbox(folder)
    secrets = Secrets(dict(PUSH_SECRETS), storage_key=bytes(32), operator_tokens=())
    doors = pushed_doors(load_settings(folder / "tallyd.toml"), secrets)
    assert doors is not None
    async with listening(doors) as listener, anyio.create_task_group() as tasks:
        senders = Senders(listener)
        tasks.start_soon(senders.pushes.run)
        yield senders
        tasks.cancel_scope.cancel()


async def test_both_sides_push_through_the_doors_of_the_file(tmp_path: Path) -> None:
    async with pushing(tmp_path) as senders:
        order = senders.place()
        sale = senders.cin7.make_sale_by_hand("ORD-1", lines=(("HW-MUG-STN-01", 1),)).id
        await until(lambda: order in senders.told(EVENTGRID) and sale in senders.told(CIN7))
        assert senders.pushes.doors.subscription in senders.told(EVENTGRID), "the test notification"


async def test_what_the_shop_pushes_while_its_source_is_off_is_lost(tmp_path: Path) -> None:
    said: list[str] = []
    async with pushing(tmp_path) as senders, anyio.create_task_group() as tasks:
        before = senders.place()
        await until(lambda: before in senders.told(EVENTGRID))
        tasks.start_soon(senders.pushes.be_off, Outage(10, 70), said.append)
        await until(lambda: senders.listener.clock.sleepers == 1)
        senders.listener.clock.pass_time(10)
        await until(lambda: len(said) == 1)
        unheard = senders.place()
        senders.listener.clock.pass_time(60)
        await until(lambda: len(said) == 2)
        after = senders.place()
        await until(lambda: after in senders.told(EVENTGRID))
        assert unheard not in senders.told(EVENTGRID)
    assert "off for 60 seconds" in said[0]
    assert "on again" in said[1]


async def test_the_webhooks_entered_are_those_that_would_be_made() -> None:
    async with listening() as listener:
        made = Senders(listener)
        assert [line.step for line in plan(_webhooks(made), made.pushes.doors.public_url)] == [Step.KEEP] * len(NEEDED)
        assert not _webhooks(Senders(listener, webhooks=False))


def _webhooks(senders: Senders) -> list[Webhook]:
    return [
        Webhook(id=hook.id, type=hook.type, url=hook.url, active=hook.active, bearer=bool(hook.credentials))
        for hook in senders.cin7.webhooks
    ]


@pytest.mark.parametrize("text", ["", "10", "70:10", "10:10", "-1:5", "a:b", "1:inf", "nan:2", "1:2:3"])
def test_an_outage_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="FROM:TO"):
        outage(text)
    assert outage("10:70") == (10, 70)


@pytest.mark.parametrize(
    ("options", "pace"),
    [
        ([], (30, 120)),
        (["--push-off", "10:70"], (50, 30)),
        (["--push-off", "10:70", "--rate", "60"], (100, 60)),
        (["--push-off", "10:70", "--orders", "0", "--rate", "6"], (0, 6)),
    ],
)
def test_the_shop_still_sells_when_its_pushes_are_on_again(options: list[str], pace: tuple[int, float]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(options)
    _decide_pace(args)
    assert (args.orders, args.rate) == pace


def test_the_doors_and_the_census_in_words() -> None:
    quiet = {"accepted": 3, "repeated": 0, "missed": 0, "missing_now": 0}
    told = doors_in_words({"cin7": quiet, "eventgrid": quiet | {"repeated": 2, "missed": 5, "missing_now": 4}})
    assert told == "cin7 3 events · eventgrid 3 events, 2 again, missed 5 (owes 4)"
    assert "sweeps" in doors_in_words({})
    assert census_in_words({"taken_at": None}) == "not yet taken"
    taken = {"taken_at": "2026-12-01T10:00:30Z", "until": "2026-12-01T09:57:30.000Z", "findings": {"sales_two": 2}}
    assert (
        census_in_words(taken | {"commercetools": 7, "tallyd": 8, "cin7": 9})
        == "commercetools 7 · tallyd 8 · Cin7 Core 9 · 2 findings · orders until 09:57:30"
    )


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
        "status": "ok",
    }

    class Told(Status):
        async def _read_health(self) -> dict[str, Any] | None:
            return health

    status = Told(_Places(), _Places(), 1, Path("c"), Path("l"), command="t", asking="t", plain=True)
    seen = [await status.show(10, 1) for _ in range(20)]
    assert (seen.index(True) + 1 if True in seen else None) == looks
    assert status.waiting == 10 - states["exported"] - states.get("posted", 0)
