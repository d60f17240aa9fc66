"""Money as it is counted: whole minor units of one currency, or an exact `Decimal`; never a float (law L10).

Everything here is exact or an error. The only rounding is the one the rules ask for by name: `floor_once` for
quantities, `half_up` for the tax of a cents row (money §2.4).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

MOST_PLACES = 40
"""More zeros than this behind or before the point is no amount of anything; refused before it costs memory."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount: `minor` units of `currency`, which has `digits` decimals (2 for GBP, 0 for JPY, 3 for KWD).

    Adding, subtracting or ordering two currencies raises TypeError, and so does a float. Two amounts of different
    currencies are never equal.
    """

    minor: int
    currency: str
    digits: int

    def __post_init__(self) -> None:
        require_minor(self.minor)
        require_minor(self.digits)

    @classmethod
    def of(cls, amount: Decimal, *, currency: str, digits: int) -> Money:
        """Read a decimal amount. Raises ValueError if it is finer than the currency's minor unit."""
        return cls(minor=minor_units(amount, digits), currency=currency, digits=digits)

    def to_decimal(self) -> Decimal:
        """Return the amount in the currency's main unit: 1999 pence are `Decimal("19.99")`."""
        return to_decimal(self.minor, self.digits)

    def times(self, quantity: int) -> Money:
        """Return the amount of that many whole pieces."""
        return Money(minor=self.minor * require_minor(quantity), currency=self.currency, digits=self.digits)

    def _same(self, other: object) -> Money:
        """Return `other` if it may be added to or ordered with this amount, else raise TypeError."""
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not mix")
        if (other.currency, other.digits) != (self.currency, self.digits):
            raise TypeError(f"{self.currency} and {other.currency} do not mix")
        return other

    def __add__(self, other: object) -> Money:
        return Money(minor=self.minor + self._same(other).minor, currency=self.currency, digits=self.digits)

    def __sub__(self, other: object) -> Money:
        return Money(minor=self.minor - self._same(other).minor, currency=self.currency, digits=self.digits)

    def __neg__(self) -> Money:
        return Money(minor=-self.minor, currency=self.currency, digits=self.digits)

    def __lt__(self, other: object) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: object) -> bool:
        return self.minor <= self._same(other).minor

    def __gt__(self, other: object) -> bool:
        return self.minor > self._same(other).minor

    def __ge__(self, other: object) -> bool:
        return self.minor >= self._same(other).minor

    def __str__(self) -> str:
        return f"{self.to_decimal():f} {self.currency}"


def require_minor(value: object) -> int:
    """Return the value if it is a whole number. Raises TypeError otherwise: this is where a float is stopped."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"an amount of minor units is an int, not {type(value).__name__}")
    return value


def require_decimal(value: object) -> Decimal:
    """Return the value if it is a Decimal. Raises TypeError otherwise."""
    if not isinstance(value, Decimal):
        raise TypeError(f"an amount is a Decimal, not {type(value).__name__}")
    return value


def to_decimal(minor: int, digits: int) -> Decimal:
    """Return minor units as a decimal of exactly `digits` places, whatever their size (no context rounds it)."""
    return Decimal(f"{require_minor(minor)}E{-digits}")


def minor_units(amount: Decimal, digits: int) -> int:
    """Return a decimal amount in minor units.

    Raises:
        ValueError: the amount is not finite, absurdly long, or finer than one minor unit.
        TypeError: the amount is not a Decimal.
    """
    require_decimal(amount)
    if not is_plain(amount):
        raise ValueError(f"{amount} is no amount of money")
    numerator, denominator = amount.as_integer_ratio()
    minor, finer = divmod(numerator * 10**digits, denominator)
    if finer:
        raise ValueError(f"{amount} is finer than {digits} decimals")
    return int(minor)


def is_plain(value: Decimal) -> bool:
    """Tell whether a decimal is finite and short enough to calculate with exactly."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= MOST_PLACES and abs(value.adjusted()) <= MOST_PLACES


def same_number(left: Decimal, right: Decimal) -> bool:
    """Compare as numbers: 1.50 equals 1.5. What is not finite equals nothing, not even itself."""
    return left.is_finite() and right.is_finite() and left == right


def floor_once(quantity: Decimal) -> int:
    """Return a quantity in whole pieces, rounded down. Call it once, at the end of the sum (failure story I10).

    Raises:
        ValueError: the quantity is not finite or absurdly long.
        TypeError: the quantity is not a Decimal.
    """
    require_decimal(quantity)
    if not is_plain(quantity):
        raise ValueError(f"{quantity} is no quantity")
    exact = Fraction(quantity)
    return exact.numerator // exact.denominator


def half_up(amount: Fraction) -> int:
    """Round a non-negative amount of minor units to a whole one, a half upwards."""
    doubled = amount * 2 + 1
    return doubled.numerator // (doubled.denominator * 2)
