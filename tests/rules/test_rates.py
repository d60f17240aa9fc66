"""The rate of an order: of its own day or before, never later, young enough, and of five decimals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.exception_types import Finding
from actors.domain.facts import ExchangeRate, Facts
from actors.domain.posting import CurrencyRule, PostingRules
from actors.domain.rates import file_path, fixed_rate, parse_rates, rate_for, unreadable_file
from tests.orders_builder import rules_for

DAY = date(2026, 12, 24)


def rate(day: int, figure: str = "0.86123", *, source: str = "cin7-last", currency: str = "EUR") -> ExchangeRate:
    return ExchangeRate(currency=currency, day=date(2026, 12, day), rate=Decimal(figure), source=source)


def rules(source: str = "cin7-last", **changes: Any) -> PostingRules:
    return rules_for(currencies={"EUR": CurrencyRule(customer="Web EUR", rate=source)}, **changes)


def chosen(*rates: ExchangeRate, source: str = "cin7-last", **changes: Any) -> ExchangeRate | Finding:
    return rate_for(DAY, "EUR", Facts(rates=rates), rules(source, **changes))


@pytest.mark.parametrize(
    ("figure", "sent"),
    [
        ("0.86123", "0.86123"),
        ("1", "1.00000"),
        ("0.861235", "0.86124"),
        ("0.861234999", "0.86123"),
        ("0.000005", "0.00001"),
    ],
)
def test_a_figure_is_good_on_every_day_and_rounded_half_up(figure: str, sent: str) -> None:
    assert chosen(source=figure, rate_max_age=0) == ExchangeRate(
        currency="EUR", day=DAY, rate=Decimal(sent), source="fixed"
    )


@pytest.mark.parametrize("source", ["cin7-last", "file:/etc/rates.csv"])
def test_the_latest_rate_of_the_order_s_day_or_before_is_taken_from_the_named_source_alone(source: str) -> None:
    rates = (
        rate(20, "0.80", source=source),
        rate(23, "0.81", source=source),
        rate(22, "0.82", source=source),
        rate(25, "0.83", source=source),
        rate(24, "0.84", source="file:/other"),
        rate(24, "0.85", source=source, currency="USD"),
    )
    assert chosen(*rates, source=source) == rate(23, "0.81", source=source)
    assert chosen(*rates, rate(24, "0.9", source=source), source=source) == rate(24, "0.9", source=source)


def test_without_a_rate_of_the_day_or_before_the_order_waits_for_one() -> None:
    found = chosen(rate(25))
    assert isinstance(found, Finding)
    assert (found.code, found.waits_for, found.field) == ("rate_missing", "rate:", "CurrencyRate")
    assert found.facts == {"currency": "EUR", "order of": "2026-12-24"}


@pytest.mark.parametrize("figure", ["0", "-1", "NaN", "0.0000049"])
def test_a_rate_that_is_nothing_is_none(figure: str) -> None:
    found = chosen(rate(24, figure))
    assert isinstance(found, Finding)
    assert found.code == "rate_missing"


def test_a_currency_without_a_rule_has_no_rate() -> None:
    found = rate_for(DAY, "USD", Facts(), rules())
    assert isinstance(found, Finding)
    assert (found.code, found.group) == ("rate_missing", "rate_missing:USD")


@pytest.mark.parametrize(("most", "held"), [(None, False), (4, False), (3, False), (2, True), (0, True)])
def test_a_rate_may_be_so_old_and_no_older(most: int | None, held: bool) -> None:
    found = chosen(rate(21), rate_max_age=most)
    if not held:
        assert found == rate(21)
        return
    assert isinstance(found, Finding)
    assert (found.code, found.waits_for) == ("rate_too_old", "rate:")
    assert found.facts == {
        "currency": "EUR",
        "rate": "0.86123",
        "rate of": "2026-12-21",
        "order of": "2026-12-24",
        "age in days": "3",
        "most days allowed": str(most),
        "source": "cin7-last",
    }


@given(
    days=st.lists(st.integers(1, 31), unique=True, max_size=8),
    figures=st.lists(st.decimals("0.00001", 100000, places=7), min_size=8, max_size=8),
    most=st.none() | st.integers(0, 30),
)
def test_no_later_rate_is_ever_taken_and_five_decimals_suffice(
    days: list[int], figures: list[Decimal], most: int | None
) -> None:
    known = [rate(day, f"{figure:f}") for day, figure in zip(days, figures, strict=False)]
    found = chosen(*known, rate_max_age=most)
    if isinstance(found, Finding):
        assert not [one for one in known if one.day <= DAY and (most is None or (DAY - one.day).days <= most)]
        return
    assert found.day <= DAY
    assert found.day == max(one.day for one in known if one.day <= DAY)
    [origin] = [one for one in known if one.day == found.day]
    assert abs(found.rate - origin.rate) <= Decimal("0.000005")
    assert found.rate.as_tuple().exponent == -5


def test_a_file_is_read_line_by_line() -> None:
    text = """\ufeffDate, Currency, Rate
# the bank's, daily

2026-12-23,EUR,0.86123
 2026-12-23 , USD , 0.74
2026-12-24,EUR,0.87
24.12.2026,EUR,0.87
2026-02-30,EUR,0.87
20261224,EUR,0.87
2026-12-24,eur,0.87
2026-12-24,CHF,"0,87"
2026-12-24,CHF,-1
2026-12-24,CHF,1e5
2026-12-24,CHF,0
2026-12-24,CHF,NaN
2026-12-24,EUR,0.99
2026-12-24
date,currency,rate
"""
    rates, problems = parse_rates(text, "file:/r.csv")
    assert rates == (
        rate(23, "0.86123", source="file:/r.csv"),
        rate(23, "0.74", source="file:/r.csv", currency="USD"),
        rate(24, "0.87", source="file:/r.csv"),
    )
    assert [problem.split(":")[0] for problem in problems] == [f"line {number}" for number in range(7, 19)]
    assert problems[0] == "line 7: the date is no day written YYYY-MM-DD"
    assert problems[3] == "line 10: the currency is no code of three capitals"
    assert problems[4] == "line 11: is not date,currency,rate"
    assert problems[5] == "line 12: the rate is no figure above 0"
    assert problems[9] == "line 16: EUR of 2026-12-24 stands twice"
    told = unreadable_file("/r.csv", problems)
    assert told.cause == "The rates file /r.csv: line 7: the date is no day written YYYY-MM-DD and 11 more"
    assert told.field == "/r.csv"


def test_an_empty_file_has_no_rates_and_no_problems() -> None:
    assert parse_rates("", "x") == ((), ())
    assert parse_rates("# nothing yet\n\n", "x") == ((), ())


@given(st.text(max_size=300))
def test_any_text_is_rates_or_problems(text: str) -> None:
    rates, _ = parse_rates(text, "x")
    assert all(one.rate > 0 for one in rates)


@pytest.mark.parametrize("text", ["cin7-last", "file:/x", "", "-1", "1e3", "0", "0.0", "½", "1,5", " "])
def test_what_is_no_figure(text: str) -> None:
    assert fixed_rate(text) is None


def test_a_rule_names_a_figure_or_a_file() -> None:
    assert fixed_rate("0.86") == Decimal("0.86")
    assert file_path("file:/etc/rates.csv") == "/etc/rates.csv"
    assert file_path("cin7-last") == ""
