"""Amounts rounded, and split over several weights, mostly to four places: the finest Cin7 writes (fact sheet §1.6).

Everything is calculated as a fraction, so that no context rounds it on the way; a sign plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor, lcm

from actors.domain.apportioning import apportion
from actors.domain.money import half_up, minor_units, to_decimal

PLACES = 4


def rounded(exact: Fraction, places: int = PLACES) -> Decimal:
    """Round to so many decimals, a half away from zero."""
    minor = half_up(abs(exact) * 10**places)
    return to_decimal(minor if exact >= 0 else -minor, places)


def rounded_together(exact: Sequence[Fraction], places: int) -> list[Decimal]:
    """Round figures so that they add up to their sum, rounded: by largest remainder; ties go to the earlier one."""
    scaled = [figure * 10**places for figure in exact]
    whole = [floor(figure) for figure in scaled]
    missing = minor_units(rounded(sum(exact, Fraction(0)), places), places) - sum(whole)
    by_remainder = sorted(range(len(exact)), key=lambda place: whole[place] - scaled[place])
    for place in by_remainder[:missing]:
        whole[place] += 1
    return [to_decimal(minor, places) for minor in whole]


def spread(amount: Decimal, weights: Sequence[Decimal], places: int = PLACES) -> list[Decimal]:
    """Split an amount in proportion to the weights by largest remainder, so that the shares add up to it.

    A weight of zero or below takes no part; where none is above, nothing is split and all shares are 0. Ties go to the
    earlier weight.

    Raises:
        ValueError: the amount is finer than so many places, or not finite.
    """
    exact = [Fraction(weight) for weight in weights]
    whole = lcm(*(weight.denominator for weight in exact))
    minor = minor_units(amount, places)
    shares = apportion(abs(minor), [int(weight * whole) for weight in exact])
    return [to_decimal(share if minor >= 0 else -share, places) for share in shares]
