"""Splitting one amount over several weights to the last minor unit (money §5): by largest remainder, no rounding."""

from __future__ import annotations

from collections.abc import Sequence


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Split a non-negative amount of minor units in proportion to the weights; ties go to the earlier weight.

    Weights below zero take no part. Where nothing has a weight, nothing is split and all shares are 0.
    """
    positive = [max(weight, 0) for weight in weights]
    whole = sum(positive)
    if whole == 0:
        return [0] * len(positive)
    shares = [amount * weight // whole for weight in positive]
    by_remainder = sorted(range(len(positive)), key=lambda place: -(amount * positive[place] % whole))
    for place in by_remainder[: amount - sum(shares)]:
        shares[place] += 1
    return shares
