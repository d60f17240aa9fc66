"""An amount split over several weights, and rounded, to four places: the finest Cin7 Core writes (fact sheet §1.6).

Everything is calculated as a fraction, so that no context rounds it on the way; a sign plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

from actors.domain.apportioning import apportion
from actors.domain.money import half_up, minor_units, to_decimal

PLACES = 4


def rounded(exact: Fraction, places: int = PLACES) -> Decimal:
    """Round to so many decimals, a half away from zero."""
    minor = half_up(abs(exact) * 10**places)
    return to_decimal(minor if exact >= 0 else -minor, places)


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
