"""Which tax rule of Cin7 each item of the order belongs to, and what the order says of each rule (money §2.2, §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import Facts, TaxRule
from actors.domain.items import Item, shown
from actors.domain.mapping import tax_rule_of, untaxed_rule
from actors.domain.order import Order, TaxPortion, TaxRate
from actors.domain.posting import PostingRules


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    """An item and the rule its tax is booked by."""

    item: Item
    rule: TaxRule


def rule_items(
    order: Order, items: Iterable[Item], facts: Facts, rules: PostingRules
) -> tuple[list[Ruled], list[Finding]]:
    """Give every item that will stand on the document its rule. Free shipping does not (money §9, trap 13)."""
    ruled: list[Ruled] = []
    findings: list[Finding] = []
    answers: dict[TaxRate, TaxRule | Finding] = {}
    for item in items:
        if item.amount == 0 and item.kind != "line":
            continue
        named: dict[str, TaxRule] = {}
        if order.tax_mode == "Disabled":
            _note(untaxed_rule(facts, rules), named, findings)
        for rate in item.rates if order.tax_mode != "Disabled" else ():
            if rate not in answers:
                answers[rate] = tax_rule_of(rate, facts, rules)
            _note(answers[rate], named, findings)
        if len(named) > 1:
            findings.append(_two_rules(item, named))
        elif len(named) == 1:
            ruled.append(Ruled(item=item, rule=next(iter(named.values()))))
    return ruled, findings


def _note(answer: TaxRule | Finding, named: dict[str, TaxRule], findings: list[Finding]) -> None:
    if isinstance(answer, Finding):
        findings.append(answer)
    else:
        named[answer.name] = answer


def _two_rules(item: Item, named: Mapping[str, TaxRule]) -> Finding:
    return Finding(
        code="line_two_rules",
        cause=f"{item.name} is taxed by {len(named)} rules in one line: {' and '.join(sorted(named))}",
        field=f"{item.where}.perMethodTaxRate",
        sku=item.sku,
        facts={"rules": ", ".join(sorted(named))},
    )


def taxes_by_rule(order: Order, ruled: Iterable[Ruled]) -> dict[str, int] | Finding:
    """Return what the order's own tax portions say of each rule, in minor units, after any discount.

    A portion finds its rule through the items, since sub-rates stand in the portions under their own names (money §9,
    trap 6). A portion that leads to none, or to two, is a contradiction.
    """
    known = list(ruled)
    if order.tax_mode == "Disabled" or order.taxed is None:
        return {each.rule.name: 0 for each in known}
    taxes = {each.rule.name: 0 for each in known}
    for portion in order.taxed.portions:
        led = {each.rule.name for each in known for rate in each.item.rates if _carries(rate, portion)}
        led = led or {each.rule.name for each in known for rate in each.item.rates if rate.rate == portion.rate}
        if portion.amount == 0:
            continue
        if len(led) != 1:
            return _lost(order, portion, led)
        taxes[led.pop()] += portion.amount
    return taxes


def _carries(rate: TaxRate, portion: TaxPortion) -> bool:
    parts = rate.sub_rates or (rate,)
    return any(part.rate == portion.rate and portion.name in (None, part.name) for part in parts)


def _lost(order: Order, portion: TaxPortion, led: set[str]) -> Finding:
    name = portion.name or f"{portion.rate:f}"
    where = f"belongs to {' and '.join(sorted(led))}" if led else "belongs to no item"
    return Finding(
        code="source_inconsistent",
        cause=f"the tax portion {name} of {shown(portion.amount, order)} {where}",
        field="taxedPrice.taxPortions",
        facts={"taxPortions": f"{name} {shown(portion.amount, order)}", "items": ", ".join(sorted(led)) or "none"},
    )
