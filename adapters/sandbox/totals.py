"""How commercetools arrives at net, gross and tax: exact fractions, rounded once, to whole minor units.

Rules and their sources: commercetools fact sheet §3.3–3.4, worked tables in money fact sheet §8. How commercetools
rounds a total-price discount over several rates is not documented; here it is taken per rate (money fact sheet §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec


class RoundingMode(StrEnum):
    """What happens to exactly half a minor unit; the sign does not matter (as in Java's BigDecimal)."""

    HALF_EVEN = "HalfEven"
    HALF_UP = "HalfUp"
    HALF_DOWN = "HalfDown"


class Taxed(msgspec.Struct, frozen=True):
    """Net and gross of an amount in minor units."""

    net: int
    gross: int

    @property
    def tax(self) -> int:
        """Return what lies between them."""
        return self.gross - self.net

    def __add__(self, other: Taxed) -> Taxed:
        return Taxed(self.net + other.net, self.gross + other.gross)


NOTHING_TAXED = Taxed(0, 0)


class UnitGroup(msgspec.Struct, frozen=True):
    """So many pieces at one unit price; `unit` is minor units and may be a fraction (high precision)."""

    quantity: int
    unit: Fraction


def rounded(value: Fraction, mode: RoundingMode) -> int:
    """Round to a whole number; only an exact half depends on the mode."""
    whole, rest = divmod(abs(value), 1)
    half = Fraction(1, 2)
    up = rest > half or (rest == half and _half_goes_up(whole, mode))
    size = int(whole) + int(up)
    return size if value >= 0 else -size


def _half_goes_up(whole: int, mode: RoundingMode) -> bool:
    if mode is RoundingMode.HALF_EVEN:
        return whole % 2 == 1
    return mode is RoundingMode.HALF_UP


def taxed(amount: int, rate: Decimal, *, included: bool, mode: RoundingMode) -> Taxed:
    """Tax an amount: from gross the *net* is rounded, from net the *gross* (money fact sheet §9, trap 2)."""
    factor = 1 + Fraction(rate)
    if included:
        return Taxed(rounded(Fraction(amount) / factor, mode), amount)
    return Taxed(amount, rounded(Fraction(amount) * factor, mode))


def taxed_per_unit(
    groups: Sequence[UnitGroup], total: int, rate: Decimal, *, included: bool, mode: RoundingMode
) -> Taxed:
    """Tax one piece, round, multiply (UnitPriceLevel). The side the price is given on stays `total`."""
    factor = 1 + Fraction(rate)
    if included:
        return Taxed(sum(group.quantity * rounded(group.unit / factor, mode) for group in groups), total)
    return Taxed(total, sum(group.quantity * rounded(group.unit * factor, mode) for group in groups))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion by largest remainder, ties to the earlier. Weights below zero take no part.

    Raises:
        ValueError: something is to be split and there is nothing to split it over.
    """
    positive = [max(weight, 0) for weight in weights]
    whole = sum(positive)
    if whole == 0:
        if total:
            raise ValueError("nothing to split over")
        return [0] * len(positive)
    floors = [total * weight // whole for weight in positive]
    missing = total - sum(floors)
    by_remainder = sorted(range(len(positive)), key=lambda index: (-(total * positive[index] % whole), index))
    for index in by_remainder[:missing]:
        floors[index] += 1
    return floors
