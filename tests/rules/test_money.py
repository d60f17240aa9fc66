"""Money is exact, has a currency, and is never a float."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.money import Money, floor_once, half_up, minor_units, same_number, to_decimal


def pounds(minor: int) -> Money:
    return Money(minor=minor, currency="GBP", digits=2)


EURO = Money(minor=1, currency="EUR", digits=2)


def test_adding_and_ordering_one_currency() -> None:
    assert pounds(1999) + pounds(1) == pounds(2000)
    assert pounds(1999) - pounds(2000) == -pounds(1)
    assert pounds(3).times(4) == pounds(12)
    assert pounds(1) < pounds(2) <= pounds(2) < pounds(3)
    assert pounds(3) > pounds(2) >= pounds(2)
    assert str(pounds(-5)) == "-0.05 GBP"


MIXING = [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("mix", MIXING)
@pytest.mark.parametrize("other", [EURO, Money(minor=1, currency="GBP", digits=3), 1, 1.0, Decimal(1)])
def test_two_currencies_do_not_mix(mix: Callable[[Any, Any], Any], other: object) -> None:
    with pytest.raises(TypeError):
        mix(pounds(1), other)


def test_equal_figures_of_two_currencies_are_not_equal() -> None:
    assert pounds(1) != EURO


@pytest.mark.parametrize("figure", [19.99, 1.0, "1", None, Decimal(1), True])
def test_only_whole_numbers_are_minor_units(figure: Any) -> None:
    with pytest.raises(TypeError):
        Money(minor=figure, currency="GBP", digits=2)
    with pytest.raises(TypeError):
        pounds(1).times(figure)
    with pytest.raises(TypeError):
        to_decimal(figure, 2)


@pytest.mark.parametrize("figure", [19.99, 1, "1", None])
def test_only_decimals_are_read(figure: Any) -> None:
    with pytest.raises(TypeError):
        minor_units(figure, 2)
    with pytest.raises(TypeError):
        floor_once(figure)


@given(st.integers(-(10**40), 10**40), st.integers(0, 4))
def test_there_and_back_is_the_same(minor: int, digits: int) -> None:
    amount = to_decimal(minor, digits)
    assert Fraction(amount) * Fraction(10) ** digits == minor
    if abs(minor) < 10**30:
        assert minor_units(amount, digits) == minor
        assert Money.of(amount, currency="X", digits=digits).to_decimal() == amount


@pytest.mark.parametrize("figure", ["0.001", "1.999", "NaN", "sNaN", "Infinity", "1E-50", "1E+999999"])
def test_what_is_no_amount_is_an_error(figure: str) -> None:
    with pytest.raises(ValueError, match=r"is no amount|is finer"):
        minor_units(Decimal(figure), 2)


def test_trailing_zeros_are_no_precision() -> None:
    assert minor_units(Decimal("19.9900"), 2) == 1999
    assert minor_units(Decimal("2E+1"), 2) == 2000
    assert same_number(Decimal("1.50"), Decimal("1.5"))
    assert not same_number(Decimal("9.9999"), Decimal(10))
    assert not same_number(Decimal("NaN"), Decimal("NaN"))


@pytest.mark.parametrize(("quantity", "pieces"), [("1.9", 1), ("2", 2), ("0.0001", 0), ("-0.5", -1), ("-3", -3)])
def test_quantities_are_floored(quantity: str, pieces: int) -> None:
    assert floor_once(Decimal(quantity)) == pieces


def test_what_is_no_quantity_is_an_error() -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        floor_once(Decimal("NaN"))


@given(st.fractions(min_value=0, max_value=10**6))
def test_half_up_is_the_nearest_and_a_tie_goes_up(amount: Fraction) -> None:
    assert -Fraction(1, 2) < half_up(amount) - amount <= Fraction(1, 2)
