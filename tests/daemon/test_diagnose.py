"""The replay before go-live against both doubles: what it counts, and that nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.domain.facts import Company, FactKind
from actors.domain.feed import FeedOrder
from actors.domain.posting import CurrencyRule
from adapters.sandbox.generator import OrderGenerator
from daemon.asking import Line
from daemon.cli import main
from daemon.commands import diagnose as command
from daemon.commands.diagnose import replay
from daemon.diagnosis import CALLS, Diagnosis, Replay, about, diagnose, for_replay, skus_of
from storage import facts
from storage.database import connect
from storage.schema import upgrade
from tests.both_sides import Both
from tests.daemon_app import ENVIRON, NOW, write_config
from tests.orders_builder import facts_for, line, plain_order, rules_for

Printed = pytest.CaptureFixture[str]

TAXES = '"standard" = "20% (VAT on Income)"\n"GB/zero" = "Zero Rated Income"'


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both()
    generator = OrderGenerator(3, made.shop, clock=made.clock)
    for _ in range(30):
        assert generator.place_next() is not None
        made.clock.at += 60_000
    yield made


async def replayed(both: Both, wanted: int = 300) -> tuple[Diagnosis | None, list[Line]]:
    return await replay(
        both.settings(),
        both.secrets(),
        wanted,
        lambda text: None,
        shop=both.ct_wire,
        account=both.cin7_wire,
        clock=both.clock,
    )


def entry(order_id: str, **changes: object) -> FeedOrder:
    order = msgspec.structs.replace(plain_order(), id=order_id, number=None, **changes)
    return FeedOrder(id=order_id, version=1, modified_at=NOW, body=b"", order=order)


# -- asking -----------------------------------------------------------------------------------------------------------


async def test_every_order_is_counted_once_and_nothing_is_written(both: Both) -> None:
    found, _ = await replayed(both)
    assert found is not None
    assert found.read == 30
    assert found.held.count + found.draft_first.count + found.straight.count == 30
    assert {request.method for request in both.cin7_wire.sent} == {"GET"}
    assert {request.method for request in both.ct_wire.sent if "/oauth/" not in request.url} == {"GET"}
    assert len(both.cin7_wire.sent) <= CALLS
    assert not both.cin7.sales


async def test_an_account_nobody_has_asked_yet_leaves_most_orders_to_a_draft(both: Both) -> None:
    found, _ = await replayed(both)
    assert found is not None
    assert found.draft_first.count > found.straight.count


async def test_what_is_not_mapped_is_named_with_the_first_orders_that_need_it(both: Both) -> None:
    both.text = both.text.replace('"standard" = "20% (VAT on Income)"', '"luxury" = "20% (VAT on Income)"')
    found, _ = await replayed(both)
    assert found is not None
    assert not found.clean
    assert found.holds["tax_unmapped"].count == found.held.count == 30
    assert found.holds["tax_unmapped"].orders == [f"W1000{number}" for number in (30, 29, 28)]
    assert found.body()["holds"]["tax_unmapped"]["about"] == "unmapped"


async def test_the_newest_are_taken_whatever_their_state(both: Both) -> None:
    newest = list(both.shop.orders.values())[-1]
    both.shop.cancel(newest["id"])
    found, _ = await replayed(both, 4)
    assert found is not None
    assert found.read == 4


async def test_orders_of_long_ago_are_found_in_few_calls(both: Both) -> None:
    both.clock.at += 400 * 86_400_000
    asking = Replay(
        both.settings(), both.secrets(), ct_transport=both.ct_wire, cin7_transport=both.cin7_wire, clock=both.clock
    )
    orders = await asking.newest_orders(10)
    assert [each.order.number for each in orders if each.order is not None][:2] == ["W100030", "W100029"]
    assert len(orders) == 10
    assert len(both.ct_wire.sent) < 12
    assert all(each.body == b"" for each in orders), "people's data are not kept"


async def test_a_shop_without_orders_is_nothing_to_go_by() -> None:
    both = Both()
    found, _ = await replayed(both)
    assert found is not None
    assert (found.read, found.clean) == (0, True)
    assert "there is nothing to go by" in "\n".join(command._report(found))


@pytest.mark.parametrize("side", ["key", "secret"])
async def test_a_side_that_refuses_us_is_told_and_nothing_is_counted(both: Both, side: str) -> None:
    setattr(both, side, "33333333-3333-4333-8333-333333333333")
    found, lines = await replayed(both)
    assert found is None
    assert "the credentials are refused" in lines[-1].text


async def test_a_rates_file_is_read_as_it_stands(both: Both, tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    both.text += f'[mappings.currencies]\nEUR = {{ customer = "c", rate = "file:{rates}" }}\n'
    found, lines = await replayed(both)
    assert found is None
    assert lines[-1].text.startswith(f"rate_file_unreadable: {rates}")
    rates.write_text("date,currency,rate\n2026-12-01,EUR,0.855\nsoon,EUR,1\n")
    found, lines = await replayed(both)
    assert found is not None
    assert "line 3: the date is no day" in lines[-1].text


async def test_beside_a_running_daemon_its_file_tells_and_cin7_is_not_asked(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.text = both.text.replace("/tmp/tallyd.db", str(tmp_path / "tallyd.db"))
    monkeypatch.setattr(command, "_runs", lambda settings: True)
    with closing(connect(tmp_path / "tallyd.db")) as connection:
        upgrade(connection, now=NOW)
        found, lines = await replayed(both)
        assert found is None
        assert "has read nothing of the account yet" in lines[-1].text
        account = Replay(
            both.settings(), both.secrets(), ct_transport=both.ct_wire, cin7_transport=both.cin7_wire, clock=both.clock
        )
        known = await account.account(skus_of(await account.newest_orders(300)))
        assert known is not None
        assert known.company is not None
        facts.store(connection, FactKind.COMPANY, [known.company], now=NOW, whole=True)
        facts.store(connection, FactKind.TAX_RULE, known.tax_rules.values(), now=NOW, whole=True)
        facts.store(connection, FactKind.LOCATION, known.locations.values(), now=NOW, whole=True)
        facts.store(connection, FactKind.CUSTOMER, known.customers.values(), now=NOW, whole=True)
        products = {product.sku: product for product in (*known.products.values(), *known.services.values())}
        facts.store(connection, FactKind.PRODUCT, products.values(), now=NOW, whole=True)
    asked = len(both.cin7_wire.sent)
    found, lines = await replayed(both)
    assert found is not None
    assert found.read == 30
    assert "sku_unknown" not in found.holds
    assert len(both.cin7_wire.sent) == asked
    assert "the daemon runs, and read the account at" in lines[-1].text


# -- counting ---------------------------------------------------------------------------------------------------------


def test_unreadable_orders_and_those_that_break_the_rules_are_counted_and_stop_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = plain_order()
    broken = FeedOrder(id="gone", version=1, modified_at=NOW, body=b"", problem="lineItems: expected an array")
    entries = [entry("a"), broken, entry("b", total=1)]
    found = diagnose(entries, facts_for(order), rules_for(order))
    assert (found.read, found.unreadable.orders, found.clean) == (3, ["gone"], False)
    assert found.holds["source_inconsistent"].orders == ["b"]

    def defect(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("daemon.diagnosis.predict", defect)
    found = diagnose(entries, facts_for(order), rules_for(order))
    assert found.holds["message_quarantined"].count == found.held.count == 2


def test_no_more_than_three_orders_are_named() -> None:
    order = plain_order()
    found = diagnose([entry(name, total=1) for name in "abcde"], facts_for(order), rules_for(order))
    assert (found.held.count, found.held.orders) == (5, ["a", "b", "c"])


def test_an_order_whose_price_does_not_divide_needs_cents() -> None:
    order = plain_order(line("A", 3, 333, total=1000))
    found = diagnose(
        [FeedOrder(id=order.id, version=1, modified_at=NOW, body=b"", order=order)], facts_for(order), rules_for(order)
    )
    assert found.cents.orders == [order.number]


def test_what_is_true_of_today_only_is_left_out() -> None:
    order = plain_order()
    known = msgspec.structs.replace(facts_for(order))
    assert known.company is not None
    locked = msgspec.structs.replace(known.company, lock_date=date(2099, 1, 1).isoformat())
    rules = msgspec.structs.replace(
        rules_for(order),
        currencies={
            "EUR": CurrencyRule(customer="c", rate="cin7-last"),
            "USD": CurrencyRule(customer="d", rate="1.1"),
        },
    )
    replayed_facts, replayed_rules = for_replay(msgspec.structs.replace(known, company=locked), rules)
    assert isinstance(replayed_facts.company, Company)
    assert replayed_facts.company.lock_date is None
    assert Decimal(replayed_rules.currencies["EUR"].rate) == 1
    assert replayed_rules.currencies["USD"] == rules.currencies["USD"]


def test_every_hold_has_its_heading() -> None:
    assert {about(code) for code in ("tax_unknown", "charge_unmapped", "sku_unknown", "customer_discount")} == set(
        command._HEADINGS
    )


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr("adapters.commercetools.exchange._FIRST_PAUSE_SECONDS", 0.0)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return write_config(tmp_path)


def test_a_network_that_leads_nowhere_is_1_and_says_so(config: Path, capsys: Printed) -> None:
    assert main(["diagnose", "--config", str(config), "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["diagnosis"] is None
    assert body["lines"][-1]["level"] == "finding"


@pytest.mark.parametrize("orders", ["0", "x", "-1", "99999999"])
def test_a_mistake_in_usage_is_2(config: Path, orders: str, capsys: Printed) -> None:
    assert main(["diagnose", "--config", str(config), "--orders", orders]) == 2
    assert "is not a number from 1" in capsys.readouterr().err


def test_a_bad_file_is_2(config: Path, capsys: Printed) -> None:
    config.write_text(config.read_text() + "[cin8]\n")
    assert main(["diagnose", "--config", str(config)]) == 2
    assert "cin8" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_says_whether_anything_would_be_held(
    config: Path, code: int, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = plain_order()
    rules = rules_for(order) if code == 0 else msgspec.structs.replace(rules_for(order), tax={})
    found = diagnose([entry("a")], facts_for(order), rules)

    async def told(*_: object) -> tuple[Diagnosis, list[Line]]:
        return found, []

    monkeypatch.setattr(command, "_with_network", told)
    assert main(["diagnose", "--config", str(config)]) == code
    printed = capsys.readouterr().out
    assert ("Nothing would be held." in printed) is (code == 0)
    assert ("tax_unmapped" in printed) is (code == 1)
