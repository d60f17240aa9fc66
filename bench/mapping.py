"""How long a cart of 500 lines takes from the order as read to the document: prediction under all sixteen models.

Run as `python -m bench.mapping`. The cart has 500 SKUs, several rates, price groups, totals that do not divide and a
discount on the total. Printed are the median and the worst of 30 runs in process time, beside the limit of 20 ms, and,
for information, beside one pass of the same number of `Decimal` multiplications and roundings. Exit status 1: missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from decimal import ROUND_HALF_UP, Decimal

from actors.domain.order import Line, Order
from actors.domain.prediction import Prediction, predict
from tests.orders_builder import discounted_by_rate, facts_for, line, plain_order, rate_of, rules_for

LINES = 500
LIMIT_MS = 20.0
ROUNDS = 30


def cart() -> Order:
    """Build the cart: each fifth line is at 5 %, each seventh a lump that does not divide, each third in groups."""
    return discounted_by_rate(plain_order(*(_line(number) for number in range(LINES)), shipping=495), 5000)


def _line(number: int) -> Line:
    rate = rate_of("0.05", name="reduced") if number % 5 == 0 else rate_of()
    quantity, unit = number % 7 + 1, 1999 + number
    if number % 7 == 3:
        return line(f"SKU-{number}", quantity, 0, total=unit * quantity + 1, rate=rate, price_mode="ExternalTotal")
    if number % 3 == 0 and quantity > 1:
        return line(f"SKU-{number}", quantity, unit, groups=((1, unit // 2), (quantity - 1, unit)), rate=rate)
    return line(f"SKU-{number}", quantity, unit, rate=rate)


def baseline() -> float:
    """Time the arithmetic alone: a multiplication and a rounding for each row and model."""
    begun = time.process_time()
    cent = Decimal("0.01")
    for number in range(LINES * 16):
        (Decimal(number) * Decimal("0.2")).quantize(cent, rounding=ROUND_HALF_UP)
    return (time.process_time() - begun) * 1000


def main() -> int:
    """Measure."""
    order = cart()
    facts, rules = facts_for(order), rules_for(order, most_rows=LINES + 50)
    judged = predict(order, facts, rules)
    assert isinstance(judged, Prediction), judged
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        predict(order, facts, rules)
        times.append((time.process_time() - begun) * 1000)
    median, worst = statistics.median(times), max(times)
    print(f"{LINES} lines to a document of {len(judged.rows)} rows, sixteen models: limit {LIMIT_MS:g} ms")
    met = median <= LIMIT_MS
    print(f"  median {median:5.1f} ms = {median / LIMIT_MS:.2f} of the limit, worst {worst:.1f} ms", end="  ")
    print("ok" if met else "MISSED")
    print(f"  beside the same number of Decimal multiplications and roundings: {median / baseline():.2f} ×")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
