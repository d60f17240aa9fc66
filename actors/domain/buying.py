"""What finance is told of a purchase before its month is closed (design, procurement; docs/landed-cost.md).

Each finding stands for one thing a person can mend in Cin7 Core. Its facts hold nothing that changes with the day, so
that what was dismissed stays so until the purchase itself changes.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from actors.domain.arrivals import Arrival, arrivals
from actors.domain.closing_files import shown
from actors.domain.exception_types import Finding
from actors.domain.landed_cost import NOT_INVOICED, by_day, is_capitalised, rate_of
from actors.domain.purchase import ZERO, CostPart, LandedCost, PartKind, Purchase, PurchaseInvoice, PurchaseKind
from actors.domain.spreading import rounded

_NOT_BOUGHT = frozenset({"DRAFT", "VOIDED"})
_BROUGHT_IN = frozenset({PartKind.CHARGE, PartKind.JOURNAL})
_MOST_NAMED = 20
"""SKUs of one purchase that are named with their figures."""

_ONE = Decimal(1)


class BuyingRules(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody is told of a purchase. Durations are whole days.

    Received stock is told of when it is `invoice_after` days without an invoice, or `landed_cost_after` days without
    landed cost, or earlier, in the last `month_end` days of a month, so that finance sees it before the books close.
    `landed_cost`: of which purchases freight or duty is expected. `moved_percent`: a unit cost that changed by no more
    is let be.
    """

    invoice_after: int = 14
    landed_cost_after: int = 14
    landed_cost: Literal["foreign", "all", "none"] = "foreign"
    moved_percent: Decimal = Decimal(1)
    month_end: int = 5


def findings(
    purchase: Purchase,
    costs: Sequence[LandedCost],
    first_units: Mapping[str, Decimal],
    today: date,
    rules: BuyingRules,
) -> Iterator[Finding]:
    """Find what is wrong with a purchase on a day of the books.

    `costs` are its landed costs, `first_units` by SKU the unit cost that was known first. A service is looked at for
    its rate alone; a draft, or what is void, not at all.
    """
    if purchase.status.upper() in _NOT_BOUGHT:
        return
    yield from _rate_missing(purchase)
    if purchase.kind is PurchaseKind.SERVICE:
        return
    yield from _not_invoiced(purchase, costs, today, rules)
    yield from _without_value(purchase, costs, today, rules)
    yield from _without_freight(purchase, costs, today, rules)
    yield from _expensed(purchase)
    yield from _moved(purchase, costs, first_units, rules)


def due_before_month_end(received_on: date, today: date, days: int, month_end: int) -> bool:
    """Say whether it is time to ask for what is missing of goods received on a day.

    It is after so many `days`; or from the first of the last `month_end` days of a month that follows that day. What is
    due stays so: a new month mends nothing.
    """
    if (today - received_on).days >= days:
        return True
    return month_end > 0 and today >= _next_month_end(received_on, month_end)


def _next_month_end(day: date, month_end: int) -> date:
    """Return the first day after this one that is among the last so many of its month."""
    following = day + timedelta(1)
    last = following.replace(day=monthrange(following.year, following.month)[1])
    return max(following, last - timedelta(month_end - 1))


# -- each finding ----------------------------------------------------------------------------------------------------


def _rate_missing(purchase: Purchase) -> Iterator[Finding]:
    """One for a purchase: what it is booked at says nothing, or says face value."""
    if not purchase.foreign:
        return
    where: list[tuple[str, PurchaseInvoice | None]] = [
        (f"invoice {one.number}", one) for one in by_day(purchase.invoices)
    ]
    rates = {name: rate_of(purchase, one) for name, one in where or [("the purchase", None)]}
    wrong = [name for name, rate in rates.items() if rate in (None, _ONE)]
    if not wrong:
        return
    yield Finding(
        code="purchase_rate_missing",
        cause=f"{purchase.number} is in {purchase.currency} and the books are in {purchase.base_currency}, but the rate"
        f" of {', '.join(wrong)} is missing, or exactly 1.",
        field="CurrencyRate",
        group=f"purchase_rate_missing:{purchase.currency}",
        facts={
            "supplier": purchase.supplier,
            "currency": purchase.currency,
            "books": purchase.base_currency,
            **{f"rate of {name}": _figure(rate) for name, rate in rates.items()},
        },
    )


def _not_invoiced(
    purchase: Purchase, costs: Sequence[LandedCost], today: date, rules: BuyingRules
) -> Iterator[Finding]:
    """One for a purchase: it takes one invoice to mend."""
    waiting = {one: day for one in arrivals(purchase) if (day := one.waiting_since) is not None}
    since = min(waiting.values(), default=None)
    if since is None or not due_before_month_end(since, today, rules.invoice_after, rules.month_end):
        return
    units = sum((one.uninvoiced for one in waiting), ZERO)
    worth = _estimate(purchase, costs)
    yield Finding(
        code="purchase_not_invoiced",
        cause=f"{purchase.number} of {purchase.supplier}: {_units(units)} received units, the oldest of"
        f" {since}, are on no invoice. What they are worth is an estimate by the order's price: {worth}.",
        field="Invoice",
        group=f"purchase_not_invoiced:{purchase.supplier}",
        facts={
            "supplier": purchase.supplier,
            "received": since.isoformat(),
            "estimate": worth,
            **{one.sku: f"{_units(one.uninvoiced)} of {_units(one.quantity)} on no invoice" for one in waiting},
        },
    )


def _estimate(purchase: Purchase, costs: Sequence[LandedCost]) -> str:
    """Return what units that nobody billed are taken to be worth; without a rate nobody can say."""
    parts = [part for cost in costs for part in cost.parts if part.what == NOT_INVOICED]
    if any(part.rate is None for part in parts):
        return f"{shown(sum((part.amount for part in parts), ZERO))} {purchase.currency}, without a rate"
    return f"{shown(sum((part.base for part in parts), ZERO))} {purchase.base_currency}"


def _without_value(
    purchase: Purchase, costs: Sequence[LandedCost], today: date, rules: BuyingRules
) -> Iterator[Finding]:
    """One for a purchase whose ledger says that something received is worth nothing."""
    arrived = _arrived(purchase)
    worthless = [cost for cost in costs if cost.value == 0 and _due(arrived.get(cost.product_id), today, rules)]
    if not worthless:
        return
    names = ", ".join(cost.sku for cost in worthless)
    yield Finding(
        code="landed_cost_missing",
        cause=f"{purchase.number} of {purchase.supplier}: the ledger shows a value of 0 {purchase.base_currency} for"
        f" what was received of {names}.",
        field="InventoryMovements",
        group=f"landed_cost_missing:{purchase.supplier}",
        facts={
            "supplier": purchase.supplier,
            **{cost.sku: f"{_units(cost.quantity)} received, value 0 {cost.currency}" for cost in worthless},
        },
    )


def _without_freight(
    purchase: Purchase, costs: Sequence[LandedCost], today: date, rules: BuyingRules
) -> Iterator[Finding]:
    """One for a purchase of which freight or duty is expected, and none is in the cost of anything."""
    wanted = rules.landed_cost == "all" or (rules.landed_cost == "foreign" and purchase.foreign)
    brought_in = any(part.kind in _BROUGHT_IN for cost in costs for part in cost.parts)
    arrived = arrivals(purchase)
    if not wanted or brought_in or not any(_due(one, today, rules) for one in arrived):
        return
    worth = sum((cost.value for cost in costs), ZERO)
    since = min(one.first for one in arrived)
    yield Finding(
        code="landed_cost_missing",
        cause=f"{purchase.number} of {purchase.supplier}: goods of {shown(worth)} {purchase.base_currency}, received"
        f" since {since}, have no freight, duty or other charge in their cost.",
        field="ManualJournals",
        group=f"landed_cost_missing:{purchase.supplier}",
        facts={
            "supplier": purchase.supplier,
            "currency": purchase.currency,
            "received": since.isoformat(),
            "units": _units(sum((one.quantity for one in arrived), ZERO)),
            "charges and journals": "none",
        },
    )


def _expensed(purchase: Purchase) -> Iterator[Finding]:
    """One for each charge outside the inventory account. While that is not known, nobody can say."""
    if not purchase.inventory_account:
        return
    outside: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for invoice in by_day(purchase.invoices):
        for charge in invoice.charges:
            if not is_capitalised(purchase, charge):
                outside[invoice.number, charge.what, charge.account] += charge.total
    for (number, what, account), total in outside.items():
        if total:
            yield _charge_expensed(purchase, number, what, account, total)


def _charge_expensed(purchase: Purchase, number: str, what: str, account: str, total: Decimal) -> Finding:
    amount = f"{shown(total)} {purchase.currency or purchase.base_currency}"
    return Finding(
        code="charge_expensed",
        cause=f"{purchase.number} of {purchase.supplier}: {what} ({amount}) of invoice {number} is booked to account"
        f" {account or 'none'}, not to {purchase.inventory_account}: an expense, no cost of the goods.",
        field=f"invoice {number}, {what}, account {account or 'none'}",
        group=f"charge_expensed:{purchase.supplier}",
        facts={
            "supplier": purchase.supplier,
            "invoice": number,
            "charge": what,
            "amount": amount,
            "account": account or "none",
            "inventory account": purchase.inventory_account,
        },
    )


def _moved(
    purchase: Purchase, costs: Sequence[LandedCost], first_units: Mapping[str, Decimal], rules: BuyingRules
) -> Iterator[Finding]:
    """One for a purchase whose goods are worth something else than when their cost was known first.

    Late freight moves every SKU of a container, and is one thing to look at. The SKU that moved most is shown with its
    parts, and so are the figures of the next ones.
    """
    moved = [
        (percent, cost)
        for cost in costs
        if (percent := _percent(cost.unit, first_units.get(cost.sku))) is not None
        if abs(percent) > Fraction(rules.moved_percent)
    ]
    if not moved:
        return
    moved.sort(key=lambda pair: (-abs(pair[0]), pair[1].sku))
    percent, most = moved[0]
    others = len(moved) - 1
    also = f", and {others} other {'SKU' if others == 1 else 'SKUs'} moved as well" if others else ""
    yield Finding(
        code="cost_moved",
        cause=f"A unit of {most.sku} received with {most.number} costs {_figure(most.unit)} {most.currency} by now."
        f" When its cost was known first, it was {_figure(first_units[most.sku])} {most.currency}"
        f" ({rounded(percent, 1):+f} %){also}.",
        field="InventoryMovements",
        group=f"cost_moved:{purchase.supplier}",
        facts={
            "supplier": purchase.supplier,
            **{
                cost.sku: f"{_figure(first_units[cost.sku])} first, {_figure(cost.unit)} {cost.currency} now"
                for _, cost in moved[:_MOST_NAMED]
            },
            **part_facts(most.parts),
        },
    )


def _percent(unit: Decimal, first: Decimal | None) -> Fraction | None:
    """Return by how many percent a cost moved; None where none was known."""
    return (Fraction(unit) - Fraction(first)) / abs(Fraction(first)) * 100 if first else None


# -- words -----------------------------------------------------------------------------------------------------------


def part_facts(parts: Sequence[CostPart]) -> dict[str, str]:
    """Name each part of a cost, with what it is made of."""
    facts: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        name = f"{number}. {part.what}{f' ({part.reference})' if part.reference else ''}"
        facts[name] = f"{shown(part.base)}{_origin(part)}"
    return facts


def _origin(part: CostPart) -> str:
    """Say which foreign amount it is, at which rate."""
    if part.rate == _ONE:
        return ""
    return f" ({shown(part.amount)} {part.currency} at {_figure(part.rate)})"


def _arrived(purchase: Purchase) -> dict[str, Arrival]:
    return {one.product_id: one for one in arrivals(purchase)}


def _due(arrival: Arrival | None, today: date, rules: BuyingRules) -> bool:
    if arrival is None:
        return False
    return due_before_month_end(arrival.first, today, rules.landed_cost_after, rules.month_end)


def _figure(figure: Decimal | None) -> str:
    return "none" if figure is None else f"{figure:f}"


def _units(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
