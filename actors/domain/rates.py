"""The rate a sale is booked at: the books' currency for one unit of the order's (design §3, currencies).

Cin7 Core publishes no rates and never changes a booked one by itself, so the rate is chosen here, by the order's own
day: a later rate would book yesterday's sale at a price nobody knew yesterday.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from actors.domain.exception_types import Finding
from actors.domain.facts import ExchangeRate, FactKind, Facts, fact_ref
from actors.domain.money import half_up, is_plain, to_decimal
from actors.domain.posting import PostingRules

CIN7_LAST = "cin7-last"
"""The rate of the newest sale in Cin7 Core that somebody else made."""

FILE = "file:"
"""Followed by a path: `date,currency,rate` a line."""

FIXED = "fixed"
"""A figure in the configuration, good on every day."""

PLACES = 5
"""Cin7 takes a rate of at most five decimals (fact sheet §1.6)."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FIGURE = re.compile(r"\d+(\.\d+)?")
_HEADER = ("date", "currency", "rate")


def rate_for(order_day: date, currency: str, facts: Facts, rules: PostingRules) -> ExchangeRate | Finding:
    """Return the rate for an order of that day (in the books' zone), of five decimals at most.

    It is never one of a later day. Without any, or with one older than `rate_max_age` days, a finding says so and waits
    for the next rate that is read.
    """
    rule = rules.currencies.get(currency)
    if rule is None:
        return _missing(currency, f"[mappings.currencies] says nothing of {currency}", order_day)
    fixed = fixed_rate(rule.rate)
    if fixed is not None:
        return _as_sent(ExchangeRate(currency=currency, day=order_day, rate=fixed, source=FIXED), order_day)
    known = [one for one in facts.rates if (one.currency, one.source) == (currency, rule.rate) and one.day <= order_day]
    if not known:
        return _missing(currency, f"{rule.rate} has no rate of {currency} dated {order_day} or earlier", order_day)
    latest = max(known, key=lambda one: one.day)
    age = (order_day - latest.day).days
    if rules.rate_max_age is not None and age > rules.rate_max_age:
        return _too_old(latest, order_day, age, rules.rate_max_age)
    return _as_sent(latest, order_day)


def fixed_rate(text: str) -> Decimal | None:
    """Return the figure of a rule that names one, else None."""
    return _figure(text)


def file_path(text: str) -> str:
    """Return the path of a rule that names a file, else ""."""
    return text.removeprefix(FILE) if text.startswith(FILE) else ""


def parse_rates(text: str, source: str) -> tuple[tuple[ExchangeRate, ...], tuple[str, ...]]:
    """Read the text of a rates file: `date,currency,rate` a line; return the rates and what is wrong, line by line.

    A header line, empty lines and lines that begin with # are passed over. A line that cannot be read is a problem and
    no rate; so is a second line for the same day and currency, of which the first one stands.
    """
    rates: dict[tuple[str, date], ExchangeRate] = {}
    problems: list[str] = []
    begun = False
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        cells = tuple(cell.strip() for cell in line.split(","))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        header, begun = not begun and tuple(cell.lower() for cell in cells) == _HEADER, True
        if header:
            continue
        read = _line(cells, source)
        if isinstance(read, str):
            problems.append(f"line {number}: {read}")
        elif (read.currency, read.day) in rates:
            problems.append(f"line {number}: {read.currency} of {read.day} stands twice")
        else:
            rates[read.currency, read.day] = read
    return tuple(rates.values()), tuple(problems)


def unreadable_file(path: str, problems: Iterable[str]) -> Finding:
    """Tell what is wrong with a rates file. Lines that could be read are used all the same."""
    listed = list(problems)
    more = f" and {len(listed) - 1} more" if len(listed) > 1 else ""
    return Finding(
        code="rate_file_unreadable",
        cause=f"The rates file {path}: {listed[0]}{more}",
        field=path,
        group=f"rate_file_unreadable:{path}",
        facts={"file": path, "problems": "; ".join(listed[:20])},
    )


def _line(cells: tuple[str, ...], source: str) -> ExchangeRate | str:
    if len(cells) != len(_HEADER):
        return "is not date,currency,rate"
    day, currency, rate = cells
    if not _CURRENCY.fullmatch(currency):
        return "the currency is no code of three capitals"
    figure = _figure(rate)
    if figure is None:
        return "the rate is no figure above 0"
    try:
        parsed = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        parsed = None
    if parsed is None:
        return "the date is no day written YYYY-MM-DD"
    return ExchangeRate(currency=currency, day=parsed, rate=figure, source=source)


def _figure(text: str) -> Decimal | None:
    """Read a plain positive figure: no sign, no exponent, no thousands mark, for those are read differently by many."""
    if not text.isascii() or not _FIGURE.fullmatch(text.strip()):
        return None
    try:
        figure = Decimal(text.strip())
    except InvalidOperation:
        return None
    return figure if is_plain(figure) and figure > 0 else None


def _as_sent(rate: ExchangeRate, order_day: date) -> ExchangeRate | Finding:
    """Round half up to what Cin7 takes; what becomes nothing is no rate."""
    if not is_plain(rate.rate) or rate.rate <= 0:
        return _missing(rate.currency, f"the rate of {rate.currency} of {rate.day} is {rate.rate}", order_day)
    rounded = half_up(Fraction(rate.rate) * 10**PLACES)
    if rounded == 0:
        cause = f"the rate of {rate.currency} of {rate.day}, {rate.rate:f}, is 0 with {PLACES} decimals"
        return _missing(rate.currency, cause, order_day)
    return ExchangeRate(currency=rate.currency, day=rate.day, rate=to_decimal(rounded, PLACES), source=rate.source)


def _missing(currency: str, cause: str, order_day: date) -> Finding:
    return Finding(
        code="rate_missing",
        cause=cause,
        field="CurrencyRate",
        waits_for=fact_ref(FactKind.RATE, ""),
        group=f"rate_missing:{currency}",
        facts={"currency": currency, "order of": order_day.isoformat()},
    )


def _too_old(rate: ExchangeRate, order_day: date, age: int, most: int) -> Finding:
    return Finding(
        code="rate_too_old",
        cause=f"the newest rate of {rate.currency} for an order of {order_day} is of {rate.day}, {age} days before;"
        f" {most} are allowed",
        field="CurrencyRate",
        waits_for=fact_ref(FactKind.RATE, ""),
        group=f"rate_too_old:{rate.currency}",
        facts={
            "currency": rate.currency,
            "rate": f"{rate.rate:f}",
            "rate of": rate.day.isoformat(),
            "order of": order_day.isoformat(),
            "age in days": str(age),
            "most days allowed": str(most),
            "source": rate.source,
        },
    )
