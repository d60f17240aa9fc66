"""The unit price of a row: whole minor units, rounded down; what it leaves over goes to the cents row (money §2.3).

Prices are counted in ticks, whole ten-thousandths of the main unit. With a whole price, rounding a line total to two
or to four decimals, half up or half even, changes nothing, for the whole line and for any part of it.
"""

from __future__ import annotations

import math

import msgspec


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A unit price in `ticks`, and the minor units `left` of the amount beside quantity x price."""

    ticks: int
    left: int


def price_of(amount: int, quantity: int, digits: int, *, fine: bool = False) -> Price:
    """Divide an amount of minor units by the pieces.

    `fine` steps finer than a minor unit, as high-precision prices need; such a price is exact for the whole quantity
    only. Of three decimals the third always stays in `left`, since a payment in Cin7 has two.
    """
    beyond = 10 ** max(0, digits - 2)
    unit = 10 ** (4 - min(digits, 2))
    step = unit // math.gcd(quantity, unit) if fine else unit
    ticks = amount // beyond * unit // quantity // step * step
    return Price(ticks=ticks, left=amount - ticks * quantity // unit * beyond)
