"""Five mapping bugs of the field, planted one by one: the books of both doubles must give each of them away.

=====================  ============================================================================================
planted                where
=====================  ============================================================================================
a lost discount        `composing._discounts` finds none
a swapped rate         `taxation.tax_rule_of` answers with the other rule, percentage unchecked
a truncated quantity   `translate` reads one piece fewer of each line
a day off by the zone  `posting_date` takes the day in UTC
a wrong currency       `mapping.customer_name` names the customer of the books' currency; its currency is not asked
=====================  ============================================================================================

The guards hold the sale in Cin7's double against the order in commercetools' double, and ask tallyd nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain import composing, document, mapping
from actors.domain.facts import TaxRule
from actors.domain.posting import CurrencyRule
from actors.domain.time import date_in_zone
from adapters.commercetools import translate
from adapters.sandbox.carts import LineDraft
from tests.simulation.laws import assert_sale_equals_order
from tests.simulation.test_removals import notices
from tests.simulation.world import World, plan, virtual, world

RICH: dict[str, Any] = {
    "lines": (LineDraft(sku="HW-MUG-STN-01", quantity=3), LineDraft(sku="EN-INS-DOOR", quantity=2)),
    "discount_minor": 500,
}
EUROS = plan(
    posting=msgspec.structs.replace(
        plan().posting, currencies={"EUR": CurrencyRule(customer="web orders EUR", rate="0.85")}
    )
)


async def assert_the_sale_is_the_order(made: World) -> None:
    """One rich order: whatever is live in Cin7 equals it, and something is."""
    await made.ready()
    order_id = made.place(**RICH)
    await made.until(lambda: made.daemon.state(order_id) in ("exported", "held"), within=120)
    live = made.cin7.live_sales()
    assert len(live) == 1, f"equals: {len(live)} live sales"
    assert live[0].order_status == "AUTHORISED", "equals: not authorised"
    assert_equal(made, order_id, live[0])


def assert_equal(made: World, order_id: str, sale: Any) -> None:
    try:
        assert_sale_equals_order(made.shop.orders[order_id], sale)
    except AssertionError as error:
        raise AssertionError(f"equals: {error}") from error


async def assert_the_day_is_the_books_own(made: World) -> None:
    """An order of half past midnight in London summer time is of that day, not of the day before."""
    made.cin7.set_company(time_zone="Europe/London")
    await made.ready()
    midnight = datetime(2027, 7, 1, 23, 30, tzinfo=UTC)
    made.clock.shift(round(midnight.timestamp() * 1000) - made.clock.now())
    order_id = made.place()
    await made.until(lambda: bool(made.cin7.sales), within=300)
    assert made.daemon.state(order_id)
    [sale] = made.cin7.sales
    assert sale.order_date == date(2027, 7, 2), f"day: {sale.order_date}"


async def assert_the_currency_is_the_orders(made: World) -> None:
    """An order in euros stands on a sale in euros, at a rate."""
    made.cin7.add_customer("web orders EUR", currency="EUR")
    await made.ready()
    order_id = made.place(currency="EUR")
    await made.until(lambda: made.daemon.state(order_id) in ("exported", "held"), within=120)
    currencies = [(sale.currency, sale.currency_rate) for sale in made.cin7.live_sales()]
    assert currencies == [("EUR", Decimal("0.85"))], f"currency: {currencies}"


@virtual
async def test_guard_the_sale_is_the_order() -> None:
    async with world(91) as made:
        await assert_the_sale_is_the_order(made)


@virtual
async def test_guard_the_day_is_the_books_own() -> None:
    async with world(92) as made:
        await assert_the_day_is_the_books_own(made)


@virtual
async def test_guard_the_currency_is_the_orders() -> None:
    async with world(93, the_plan=EUROS) as made:
        await assert_the_currency_is_the_orders(made)


def test_a_lost_discount_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "_discounts", lambda *_: ([], []))
    _noticed()


def test_a_swapped_rate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = mapping.tax_rule_of
    other = {"20% (VAT on Income)": "5% (VAT on Income)", "5% (VAT on Income)": "20% (VAT on Income)"}

    def swapped(rate: Any, facts: Any, rules: Any) -> Any:
        rule = true(rate, facts, rules)
        return facts.tax_rules[other.get(rule.name, rule.name)] if isinstance(rule, TaxRule) else rule

    monkeypatch.setattr("actors.domain.taxation.tax_rule_of", swapped)
    _noticed()


def test_a_truncated_quantity_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = translate._line

    def truncated(*args: Any) -> Any:
        line = true(*args)
        return msgspec.structs.replace(line, quantity=max(1, line.quantity - 1))

    monkeypatch.setattr(translate, "_line", truncated)
    _noticed()


def _noticed() -> None:
    @virtual
    async def play() -> None:
        async with world(91) as made:
            await assert_the_sale_is_the_order(made)

    with notices("equals"):
        play()


def test_a_day_off_by_the_zone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "posting_date", lambda order, _: date_in_zone(order.created_at, UTC))

    @virtual
    async def play() -> None:
        async with world(92) as made:
            await assert_the_day_is_the_books_own(made)

    with notices("day"):
        play()


def test_a_wrong_currency_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "customer_name", lambda order, facts, rules: rules.customer)
    true = mapping.customer_of

    def unchecked(order: Any, facts: Any, rules: Any) -> Any:
        company = facts.company
        return true(msgspec.structs.replace(order, currency=company.currency), facts, rules)

    monkeypatch.setattr("actors.domain.prediction.customer_of", unchecked)

    @virtual
    async def play() -> None:
        async with world(93, the_plan=EUROS) as made:
            await assert_the_currency_is_the_orders(made)

    with notices("currency"):
        play()
