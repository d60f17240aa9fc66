"""The registry on disk: what changed, what is gone, and what judging one order is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from actors.domain.facts import (
    Carrier,
    Company,
    Customer,
    ExchangeRate,
    Fact,
    FactKind,
    LedgerAccount,
    Location,
    PaymentTerm,
    Product,
    TaxRule,
)
from storage import facts
from tests.orders_builder import product, service
from tests.stored import NOW, fresh


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def store(connection: sqlite3.Connection, kind: FactKind, *known: Fact, now: int = NOW, whole: bool = True) -> set[str]:
    return facts.store(connection, kind, known, now=now, whole=whole)


def rule(name: str, percent: str = "20") -> TaxRule:
    return TaxRule(id=f"id-{name}", name=name, percent=Decimal(percent))


def test_a_list_read_whole_tells_what_is_new_changed_and_gone(file: sqlite3.Connection) -> None:
    assert store(file, FactKind.TAX_RULE, rule("a"), rule("b")) == {"tax_rule:a", "tax_rule:b"}
    assert store(file, FactKind.TAX_RULE, rule("a"), rule("b")) == set()
    assert store(file, FactKind.TAX_RULE, rule("a", "5"), rule("c")) == {"tax_rule:a", "tax_rule:b", "tax_rule:c"}
    assert set(facts.for_order(file, ()).tax_rules) == {"a", "c"}


def test_a_part_of_a_list_takes_nothing_away(file: sqlite3.Connection) -> None:
    store(file, FactKind.PRODUCT, product("A"), product("B"))
    assert store(file, FactKind.PRODUCT, product("B", sellable=False), whole=False) == {"product:B"}
    known = facts.for_order(file, ("A", "B"))
    assert known.products == {"A": product("A"), "B": product("B", sellable=False)}


def test_a_list_read_page_by_page_loses_what_no_page_had(file: sqlite3.Connection) -> None:
    for number, skus in ((1, "ABC"), (2, "AC")):
        for sku in skus:
            facts.store(file, FactKind.PRODUCT, [product(sku)], now=NOW, whole=False, number=number)
        gone = facts.finish_pass(file, FactKind.PRODUCT, number=number, now=NOW)
        assert gone == (set() if number == 1 else {"product:B"})
    assert set(facts.for_order(file, "ABC").products) == {"A", "C"}
    assert facts.lists(file)[FactKind.PRODUCT] == (NOW, NOW, 2)


def test_an_order_is_given_its_products_every_service_and_every_small_list(file: sqlite3.Connection) -> None:
    store(file, FactKind.PRODUCT, product("A"), product("B"), product("a"), service("Shipping"))
    store(file, FactKind.TAX_RULE, rule("standard"))
    store(file, FactKind.LOCATION, Location(id="l", name="Main"))
    store(file, FactKind.PAYMENT_TERM, PaymentTerm(id="t", name="30 days", is_default=True))
    store(file, FactKind.CUSTOMER, Customer(id="c", name="Web", currency="GBP", discount=Decimal("2.5")))
    known = facts.for_order(file, ("A", "unknown"))
    assert known.products == {"A": product("A")}
    assert known.services == {"Shipping": service("Shipping")}
    assert known.tax_rules["standard"].percent == Decimal(20)
    assert known.customers["Web"].discount == Decimal("2.5")
    assert (set(known.locations), set(known.payment_terms)) == ({"Main"}, {"30 days"})
    assert known.company is None
    assert known.loaded == set(FactKind) - {FactKind.ACCOUNT, FactKind.COMPANY, FactKind.CARRIER, FactKind.RATE}
    assert (known.carriers, known.rates) == ({}, ())
    store(file, FactKind.CARRIER, Carrier(id="k", name="DHL"))
    assert facts.for_order(file, ()).carriers == {"DHL": Carrier(id="k", name="DHL")}
    store(file, FactKind.COMPANY, Company(name="Demo", currency="GBP", time_zone="Europe/London"))
    assert facts.for_order(file, ()).company == Company(name="Demo", currency="GBP", time_zone="Europe/London")
    assert facts.company(file) == facts.for_order(file, ()).company


def rate(currency: str, day: int, figure: str = "0.86", source: str = "cin7-last") -> ExchangeRate:
    return ExchangeRate(currency=currency, day=date(2026, 12, day), rate=Decimal(figure), source=source)


def test_rates_are_a_history_and_an_order_sees_those_of_its_currency(file: sqlite3.Connection) -> None:
    first = store(file, FactKind.RATE, rate("EUR", 1), rate("EUR", 2), rate("EURX", 2), rate("USD", 2), whole=False)
    assert "rate:EUR/2026-12-01/cin7-last" in first
    assert store(file, FactKind.RATE, rate("EUR", 3), rate("EUR", 2, "0.87"), whole=False) == {
        "rate:EUR/2026-12-03/cin7-last",
        "rate:EUR/2026-12-02/cin7-last",
    }
    assert facts.for_order(file, (), currency="EUR").rates == (rate("EUR", 1), rate("EUR", 2, "0.87"), rate("EUR", 3))
    assert len(facts.for_order(file, ()).rates) == 5
    assert facts.for_order(file, (), currency="GBP").rates == ()
    assert facts.for_order(file, (), currency="").rates == ()


def test_a_source_may_lose_rates_and_takes_no_other_s(file: sqlite3.Connection) -> None:
    path = "file:/srv/a/b.csv"
    store(file, FactKind.RATE, rate("EUR", 1, source=path), rate("EUR", 2, source=path), rate("EUR", 1), whole=False)
    gone = facts.forget_rates(file, path, but=[rate("EUR", 2, "0.9", source=path)])
    assert gone == {"rate:EUR/2026-12-01/file:/srv/a/b.csv"}
    assert facts.rates(file) == (rate("EUR", 1), rate("EUR", 2, source=path))


def test_a_list_that_was_never_read_is_unknown_and_an_empty_one_is_known(file: sqlite3.Connection) -> None:
    assert facts.for_order(file, ()).loaded == frozenset()
    assert facts.for_order(file, ()).read_at is None
    store(file, FactKind.LOCATION)
    known = facts.for_order(file, ())
    assert known.loaded == {FactKind.LOCATION}
    assert known.locations == {}


def test_the_facts_are_as_old_as_the_list_read_longest_ago(file: sqlite3.Connection) -> None:
    store(file, FactKind.TAX_RULE, rule("a"), now=NOW + 5)
    store(file, FactKind.LOCATION, Location(id="l", name="Main"), now=NOW)
    assert facts.for_order(file, ()).read_at == NOW


def test_a_service_product_is_found_by_its_name_after_a_change(file: sqlite3.Connection) -> None:
    store(file, FactKind.PRODUCT, service("Shipping"))
    renamed = Product(id="service-Shipping", sku="SHIPPING", name="Delivery", type="Service")
    store(file, FactKind.PRODUCT, renamed)
    assert facts.for_order(file, ()).services == {"Delivery": renamed}
    store(file, FactKind.PRODUCT, Product(id="x", sku="SHIPPING", name="Delivery", type="Stock"))
    assert facts.for_order(file, ()).services == {}


def test_keys_are_exact(file: sqlite3.Connection) -> None:
    """SKUs that differ in case are two products: a wrong match would post somebody else's item."""
    store(file, FactKind.PRODUCT, product("a"))
    assert facts.for_order(file, ("A",)).products == {}
    assert facts.key_of(LedgerAccount(code="200", name="Sales")) == "200"
    assert facts.key_of(Company(name="Demo", currency="GBP", time_zone="")) == ""
