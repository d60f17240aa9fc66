"""What finance closes a period on: both sides of every chain of documents, what they differ by, and what is open.

A document belongs to the period of its own day. For every order with a document in the period, and every chain of it:

- the *difference* is commercetools' amounts less Cin7 Core's, of the documents in the period;
- what of it documents of other days make up for is timing;
- the rest is explained by the order's discrepancies, each with its reason;
- what they leave is *unexplained*: nothing, where every document was judged.

Amounts are `Decimal`, and of one currency each: nothing here adds two. Days are those of the books' time zone.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

from actors.domain.discrepancy import Chain, Reason
from actors.domain.financial import NOTHING

OURS = "commercetools"
THEIRS = "cin7"

KINDS: Mapping[Chain, tuple[str, str]] = MappingProxyType(
    {
        Chain.SALE: ("order", "sale"),
        Chain.INVOICE: ("order", "invoice"),
        Chain.PAYMENT: ("payment", "payment"),
        Chain.CREDIT: ("refund", "credit_note"),
        Chain.REFUND: ("refund", "refund"),
    }
)
"""Which documents a chain holds against each other: commercetools' kind, Cin7 Core's kind."""

WHOLE = frozenset({Chain.PAYMENT, Chain.CREDIT, Chain.REFUND})
"""Chains compared by whole amounts: a transaction of commercetools knows no tax rule."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


# -- the period ------------------------------------------------------------------------------------------------------


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A month or a day of the books, both ends included."""

    kind: str
    name: str
    first: date
    last: date

    @property
    def after(self) -> date:
        """The day after it: from then on it is over."""
        return self.last + timedelta(days=1)


def month_of(text: str) -> Period:
    """Return the month that is written `2026-11`.

    Raises:
        ValueError: it is not written so, or there is no such month.
    """
    found = _MONTH.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError("a month is written as 2026-11")
    year, month = int(found[1]), int(found[2])
    try:
        first = date(year, month, 1)
    except ValueError:
        raise ValueError(f"there is no month {text}") from None
    return _period("month", text, first, first.replace(day=calendar.monthrange(year, month)[1]))


def day_of(text: str) -> Period:
    """Return the day that is written `2026-11-26`.

    Raises:
        ValueError: it is not written so, or there is no such day.
    """
    day = date_of(text)
    return _period("day", text, day, day)


def _period(kind: str, name: str, first: date, last: date) -> Period:
    if last == date.max:
        raise ValueError("the calendar ends with that day")
    return Period(kind=kind, name=name, first=first, last=last)


def date_of(text: str) -> date:
    """Return the date that is written `2026-11-26`.

    Raises:
        ValueError: it is not written so, or there is no such day.
    """
    if not text.isascii() or _DAY.fullmatch(text) is None:
        raise ValueError("a day is written as 2026-11-26")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"there is no day {text}") from None


def as_of(period: Period, today: date, asked: date | None = None) -> date:
    """Return the day that ages are counted to: the one asked for, else the first after the period, or today until then.

    It alone makes a report provisional, so that one of a period that is over is the same whenever it is made.

    Raises:
        ValueError: the day asked for is still to come.
    """
    if asked is not None and asked > today:
        raise ValueError(f"{asked} is still to come; today is {today}")
    return asked or min(today, period.after)


# -- what the file holds, added up -----------------------------------------------------------------------------------


class LineSum(msgspec.Struct, frozen=True, kw_only=True):
    """Ledger lines of the period's orders of one side, kind, currency and tax rule.

    `documents`, `net` and `tax` are of the period, `other_net` and `other_tax` of all other days.
    """

    side: str
    kind: str
    currency: str
    rule: str
    documents: int
    net: Decimal
    tax: Decimal
    other_net: Decimal
    other_tax: Decimal


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What the discrepancies of the period's orders explain of a chain, for one reason."""

    chain: Chain
    currency: str
    rule: str
    reason: Reason
    net: Decimal
    tax: Decimal


# -- the report ------------------------------------------------------------------------------------------------------


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Net, tax and gross. `net` and `tax` are None where only whole amounts are compared."""

    net: Decimal | None
    tax: Decimal | None
    gross: Decimal


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What one side comes to, in so many documents."""

    documents: int
    net: Decimal
    tax: Decimal
    gross: Decimal


class Tie(msgspec.Struct, frozen=True, kw_only=True):
    """What two sides differ by. The reasons and what is unexplained add up to the difference."""

    difference: Amounts
    reasons: dict[str, Amounts]
    unexplained: Amounts


class RuleFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of what is taxed by one rule. `tie` is None in a chain that is compared by whole amounts."""

    rule: str
    commercetools: Figure
    cin7: Figure
    tie: Tie | None


class ChainFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A chain in one currency: in all, and by tax rule. `unexplained_orders` counts those that leave a remainder."""

    chain: Chain
    currency: str
    commercetools: Figure
    cin7: Figure
    tie: Tie
    unexplained_orders: int
    rules: tuple[RuleFigures, ...]


class Standing(StrEnum):
    """How an order with documents in the period is accounted for: each is exactly one of these."""

    VERIFIED = "verified"  # both sides agree, and nothing more is to be posted now
    WAITING = "waiting"  # not judged yet, or something is still to be posted
    DIFFERING = "differing"  # the sides do not agree, and nobody has decided
    RELEASED = "released"  # they do not agree, and a person has accepted it
    REJECTED = "rejected"  # a person books it by hand


class OrderCount(msgspec.Struct, frozen=True, kw_only=True):
    """Every order of the period, accounted for. `without_documents` are those created in it that no document names yet,
    by state."""

    in_period: int
    verified: int
    waiting: int
    differing: int
    released: int
    rejected: int
    without_documents: dict[str, int]


class Tolerated(msgspec.Struct, frozen=True, kw_only=True):
    """What orders of the period owe beyond what explains it, within `tolerance_minor_units`: on the rounding charge."""

    currency: str
    orders: int
    amount: Decimal


class OpenException(msgspec.Struct, frozen=True, kw_only=True):
    """An open exception of an order of the period, of a day of it (`books`), or of a tax rule used in it.

    `record_kind` is order, message (one about the order was set aside: nobody looks at it), books or tax_rule,
    `record_id` the order's id, the day or the rule's name.
    """

    id: int
    record_kind: str
    record_id: str
    number: str
    owner: str
    severity: str
    type: str
    cause: str
    next_step: str
    since: date
    age_days: int


class OpenDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A discrepancy that is wrong, with both documents. `decision` is what a person decided about the order, or ""."""

    order_id: str
    number: str
    owner: str
    chain: Chain
    currency: str
    reason: Reason
    component: str
    where: str
    rule: str
    net: Decimal
    tax: Decimal
    ours: str
    theirs: str
    our_document: str
    their_document: str
    our_rule: str
    their_rule: str
    decision: str
    since: date
    age_days: int


class OpenRemainder(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's discrepancies leave unexplained of a chain."""

    order_id: str
    number: str
    chain: Chain
    currency: str
    rule: str
    net: Decimal
    tax: Decimal


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order created in the period that no document names yet, and that has not ended."""

    order_id: str
    number: str
    state: str
    since: date
    age_days: int


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a period. Nothing in it tells when it was made: the same file gives the same report."""

    period: Period
    time_zone: str
    as_of: date
    provisional: bool
    orders: OrderCount
    tolerated: tuple[Tolerated, ...]
    chains: tuple[ChainFigures, ...]
    differences: tuple[OpenDifference, ...]
    remainders: tuple[OpenRemainder, ...]
    exceptions: tuple[OpenException, ...]
    without_documents: tuple[OpenOrder, ...]


def standing_of(verdict: str, decision: str, step: str) -> Standing:
    """Say how an order is accounted for by where its books stand (see `BooksRecord`)."""
    if decision == "rejected":
        return Standing.REJECTED
    if verdict == "differs":
        return Standing.RELEASED if decision == "released" else Standing.DIFFERING
    return Standing.VERIFIED if verdict == "agrees" and not step else Standing.WAITING


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds of a period's orders. `documents` counts those of the period by side, kind and currency:
    one with two tax rules is one."""

    lines: tuple[LineSum, ...]
    documents: dict[tuple[str, str, str], int]
    explained: tuple[Explained, ...]
    remainders: tuple[OpenRemainder, ...]


def tie_out(gathered: Gathered) -> tuple[ChainFigures, ...]:
    """Hold both sides of every chain against each other, currency by currency."""
    currencies = sorted({one.currency for one in gathered.lines} | {one.currency for one in gathered.explained})
    found = [_chain(gathered, chain, currency) for currency in currencies for chain in Chain]
    return tuple(one for one in found if one is not None)


def _chain(gathered: Gathered, chain: Chain, currency: str) -> ChainFigures | None:
    ends = dict(zip((OURS, THEIRS), KINDS[chain], strict=True))
    sides = {
        side: {one.rule: one for one in gathered.lines if (one.side, one.kind, one.currency) == (side, kind, currency)}
        for side, kind in ends.items()
    }
    explained = [one for one in gathered.explained if (one.chain, one.currency) == (chain, currency)]
    rules = {*sides[OURS], *sides[THEIRS]} | ({one.rule for one in explained} if chain not in WHOLE else set())
    if not rules and not explained:
        return None
    figures = {
        side: _figure(lines.values(), gathered.documents.get((side, ends[side], currency), 0))
        for side, lines in sides.items()
    }
    left = {one.order_id for one in gathered.remainders if (one.chain, one.currency) == (chain, currency)}
    return ChainFigures(
        chain=chain,
        currency=currency,
        commercetools=figures[OURS],
        cin7=figures[THEIRS],
        tie=_tie(sides[OURS].values(), sides[THEIRS].values(), explained, whole=chain in WHOLE),
        unexplained_orders=len(left),
        rules=tuple(_rule(rule, sides, explained, whole=chain in WHOLE) for rule in sorted(rules)),
    )


def _rule(
    rule: str, sides: Mapping[str, Mapping[str, LineSum]], explained: Sequence[Explained], *, whole: bool
) -> RuleFigures:
    ours, theirs = ([lines[rule]] if rule in lines else [] for lines in (sides[OURS], sides[THEIRS]))
    return RuleFigures(
        rule=rule,
        commercetools=_figure(ours),
        cin7=_figure(theirs),
        tie=None if whole else _tie(ours, theirs, [one for one in explained if one.rule == rule], whole=False),
    )


def _figure(lines: Iterable[LineSum], documents: int | None = None) -> Figure:
    lines = list(lines)
    net = sum((one.net for one in lines), NOTHING)
    tax = sum((one.tax for one in lines), NOTHING)
    counted = sum(one.documents for one in lines) if documents is None else documents
    return Figure(documents=counted, net=net, tax=tax, gross=net + tax)


def _tie(ours: Iterable[LineSum], theirs: Iterable[LineSum], explained: Iterable[Explained], *, whole: bool) -> Tie:
    """Take the sums of one side off the other's, and share the difference out among the reasons."""
    ours, theirs = list(ours), list(theirs)
    net = _over(ours, theirs, "net")
    tax = _over(ours, theirs, "tax")
    shares = {Reason.TIMING: (-_over(ours, theirs, "other_net"), -_over(ours, theirs, "other_tax"))}
    for one in explained:
        before = shares.get(one.reason, (NOTHING, NOTHING))
        shares[one.reason] = (before[0] + one.net, before[1] + one.tax)
    left = (
        net - sum((one[0] for one in shares.values()), NOTHING),
        tax - sum((one[1] for one in shares.values()), NOTHING),
    )
    return Tie(
        difference=_amounts(net, tax, whole=whole),
        reasons={
            reason.value: _amounts(*shares[reason], whole=whole) for reason in Reason if any(shares.get(reason, ()))
        },
        unexplained=_amounts(*left, whole=whole),
    )


def _over(ours: Iterable[LineSum], theirs: Iterable[LineSum], name: str) -> Decimal:
    return sum((getattr(one, name) for one in ours), NOTHING) - sum((getattr(one, name) for one in theirs), NOTHING)


def _amounts(net: Decimal, tax: Decimal, *, whole: bool) -> Amounts:
    return Amounts(net=None if whole else net, tax=None if whole else tax, gross=net + tax)
