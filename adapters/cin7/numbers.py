"""Figures as Cin7 Core takes them: plain, of at most so many decimals (fact sheet §1.6, §2.5)."""

from __future__ import annotations

from decimal import Decimal

AMOUNT_PLACES = 4
RATE_PLACES = 5
PAYMENT_PLACES = 2

_WORDS = {PAYMENT_PLACES: "two", AMOUNT_PLACES: "four", RATE_PLACES: "five"}
_ZERO = Decimal(0)


def plain_number(value: Decimal, places: int = AMOUNT_PLACES) -> Decimal:
    """Return an equal `Decimal` that is written without exponent and superfluous zeros.

    Raises:
        ValueError: not finite, or more decimals than that.
    """
    if not value.is_finite():
        raise ValueError("a figure for Cin7 Core must be finite")
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        return _ZERO
    if exponent > 0:
        return Decimal((sign, digits + (0,) * exponent, 0))
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if -exponent > places:
        raise ValueError(f"Cin7 Core takes at most {_WORDS[places]} decimals here")
    return Decimal((sign, digits, exponent))
