"""What counts on either side of an order's books, per tax rule: the same for who compares and for who enters.

Amounts are `Decimal` in the document's currency. Under the rule "" stands what no single tax rule accounts for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from actors.domain.figures import Figures, Share, by_rule
from actors.domain.financial import NOTHING
from actors.domain.money import to_decimal
from actors.domain.order import Order
from actors.domain.rows import OrderRow

NO_RULE = ""

Shares = dict[str, Share]


def is_cancelled(order: Order) -> bool:
    """Say whether the order counts for nothing any more."""
    return order.state == "Cancelled"


def owed(order: Order) -> Share:
    """Return what the order comes to as it is now; where it is not taxed, all of it is net (money §2.1)."""
    net = order.taxed.net if order.taxed is not None else order.total
    return Share(net=to_decimal(net, order.digits), tax=to_decimal(order.payable - net, order.digits))


def ordered_shares(order: Order, ordered: Figures) -> Shares:
    """Return what commercetools' side comes to: as exported per rule, and what the order differs from that now.

    The split of a later edit is not known before it is predicted, so it has no rule. Nothing, once it is cancelled.
    """
    if is_cancelled(order):
        return {}
    shares = dict(ordered.by_rule)
    edited = edit_of(order, ordered)
    if edited != Share():
        shares[NO_RULE] = plus(shares.get(NO_RULE, Share()), edited)
    return shares or {NO_RULE: Share()}


def edit_of(order: Order, ordered: Figures) -> Share:
    """Return what the order comes to now, less what was exported. Two currencies are never subtracted."""
    if order.currency != ordered.currency:
        return Share()
    return minus(owed(order), total(ordered.by_rule.values()))


def document_shares(rows: Sequence[OrderRow], net: Decimal, tax: Decimal, *, tax_inclusive: bool) -> Shares:
    """Return what a document of Cin7 Core comes to: its rows per rule, and what its own totals go beyond them."""
    shares = by_rule(rows, tax_inclusive=tax_inclusive)
    beyond = beyond_rows(rows, net, tax, tax_inclusive=tax_inclusive)
    if beyond != Share():
        shares[NO_RULE] = plus(shares.get(NO_RULE, Share()), beyond)
    return shares or {NO_RULE: Share()}


def beyond_rows(rows: Sequence[OrderRow], net: Decimal, tax: Decimal, *, tax_inclusive: bool) -> Share:
    """Return what a document's own totals go beyond its rows: nothing, unless they contradict each other."""
    return minus(Share(net=net, tax=tax), total(by_rule(rows, tax_inclusive=tax_inclusive).values()))


def plus(one: Share, other: Share) -> Share:
    """Add two amounts."""
    return Share(net=one.net + other.net, tax=one.tax + other.tax)


def minus(one: Share, other: Share) -> Share:
    """Subtract an amount."""
    return Share(net=one.net - other.net, tax=one.tax - other.tax)


def total(shares: Iterable[Share]) -> Share:
    """Add amounts up over all rules."""
    listed = list(shares)
    return Share(net=sum((one.net for one in listed), NOTHING), tax=sum((one.tax for one in listed), NOTHING))


def added(shares: Iterable[Mapping[str, Share]]) -> Shares:
    """Add several documents up, rule by rule."""
    result: Shares = {}
    for one in shares:
        for rule, share in one.items():
            result[rule] = plus(result.get(rule, Share()), share)
    return result


def gap(ours: Mapping[str, Share], theirs: Mapping[str, Share]) -> Shares:
    """Return ours less theirs, for each rule where that is not nothing, in a fixed order."""
    rules = sorted({*ours, *theirs})
    gaps = {rule: minus(ours.get(rule, Share()), theirs.get(rule, Share())) for rule in rules}
    return {rule: share for rule, share in gaps.items() if share != Share()}
