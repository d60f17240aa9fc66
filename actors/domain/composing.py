"""From the items of an order to the rows of a document, in minor units (money §2).

Amounts are in the document's own terms: gross in an inclusive document, net in an exclusive one. Each part is copied
from commercetools' figures; what is made here is only where a whole price, a discount or a cent stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec

from actors.domain.apportioning import apportion
from actors.domain.exception_types import Finding
from actors.domain.facts import TaxRule
from actors.domain.items import ItemKind, shown
from actors.domain.money import half_up
from actors.domain.order import Line, Order
from actors.domain.pricing import Price, price_of
from actors.domain.sale import RowKind
from actors.domain.source_check import inconsistent
from actors.domain.taxation import Ruled

THIRD_DECIMAL = 10
"""Minor units of a currency of three decimals that make one of the second, which is as fine as a payment gets."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How the document is to be written.

    `fold`: discounts lower the lines. `negatives`: a charge may be below zero. `charges_only`: a discount never lowers
    lines. `tenders` are slugs that are paid with, `gift_cards` SKUs and slugs that are sold as a debt. `tolerance`:
    minor units the order may differ from its items by.
    """

    inclusive: bool
    fold: bool = False
    negatives: bool = True
    charges_only: bool = False
    tenders: frozenset[str] = frozenset()
    gift_cards: frozenset[str] = frozenset()
    tolerance: int = 0


class Part(msgspec.Struct, kw_only=True):
    """A row in the making. `key` is the SKU, or the slug of a custom line; `amount` and `tax` are minor units.

    `lines` are the order lines a goods row is made of. `free` rows stand at `list_minor` with a discount of 100 %.
    """

    kind: RowKind
    key: str
    rule: TaxRule
    quantity: int = 1
    amount: int = 0
    tax: int = 0
    where: str = ""
    price: Price = Price(ticks=0, left=0)
    fine: bool = False
    free: bool = False
    list_minor: int = 0
    lines: list[Line] = []


class Composition(msgspec.Struct, frozen=True, kw_only=True):
    """The rows in their fixed order. `folded` and `tolerated` are minor units that no row shows as such."""

    parts: list[Part]
    findings: list[Finding]
    folded: int = 0
    tolerated: int = 0


def compose(order: Order, ruled: Sequence[Ruled], taxes: dict[str, int], terms: Terms) -> Composition:
    """Lay the document out. `taxes` is what the order itself says of each rule, after any discount.

    With findings the parts are as far as it got, and are not to be used.
    """
    goods, findings = _goods(order, ruled, terms)
    customs = [
        *_gift_cards(ruled, terms),
        *(_custom(each, terms) for each in ruled if each.item.kind is ItemKind.CUSTOM and each.item.amount),
    ]
    shipping = _shipping(ruled, terms)
    findings += [*_taxed_tenders(order, customs, terms), *_no_debts(order, customs, terms)]
    discounts, gap, found = _beside_the_items(order, ruled, taxes, terms)
    findings += found
    kept, folded, found = _negatives(order, customs, discounts, terms)
    findings += found
    for part in folded:
        findings += _fold(order, part, goods)
    rows = [*goods, *(part for part in customs if part not in folded), *shipping, *kept]
    for part in rows:
        _price(order, part)
    cents = _cents(rows, gap, terms)
    for part in cents:
        _price(order, part)
    rows = [part for part in [*rows, *cents] if not _in_the_cents(part)]
    findings += _thousandths(order, rows)
    return Composition(
        parts=rows,
        findings=findings,
        folded=-sum(part.amount for part in folded),
        tolerated=gap.amount if gap is not None else 0,
    )


def in_terms(each: Ruled, *, inclusive: bool) -> int:
    """Return an item's amount as the document shows it: gross or net; without tax, what it cost."""
    if each.item.taxed is None:
        return each.item.amount
    return each.item.taxed.gross if inclusive else each.item.taxed.net


# -- goods, custom lines, shipping ---------------------------------------------------------------------------------


def _goods(order: Order, ruled: Iterable[Ruled], terms: Terms) -> tuple[list[Part], list[Finding]]:
    """Add the lines up, one part per SKU in order of first appearance: Cin7 refuses a SKU that stands twice."""
    rules = {each.item.where: each for each in ruled}
    goods: dict[str, Part] = {}
    findings: list[Finding] = []
    for place, line in enumerate(order.lines):
        each = rules.get(f"lineItems[{place}]")
        if each is None or not line.sku or line.sku in terms.gift_cards or line.quantity < 1:
            continue
        part = goods.setdefault(line.sku, Part(kind=RowKind.LINE, key=line.sku, rule=each.rule, quantity=0, lines=[]))
        if part.amount == 0 and line.total:
            part.rule = each.rule  # a gift of a SKU that is also bought goes with what was paid
        elif line.total and part.rule != each.rule:
            findings.append(_sku_two_rules(part, each.rule, each.item.where))
        part.lines.append(line)
        part.quantity += line.quantity
        part.amount += in_terms(each, inclusive=terms.inclusive)
        part.tax += each.item.tax
        part.fine = part.fine or line.high_precision or any(group.high_precision for group in line.groups)
        part.list_minor = max(part.list_minor, line.list_minor)
    return list(goods.values()), findings


def _sku_two_rules(part: Part, rule: TaxRule, where: str) -> Finding:
    return Finding(
        code="sku_two_rules",
        cause=f"{part.key} is taxed by {part.rule.name} and by {rule.name}, and one SKU stands once on a document",
        field=f"{where}.taxRate",
        sku=part.key,
        facts={"rules": f"{part.rule.name}, {rule.name}"},
    )


def _custom(each: Ruled, terms: Terms) -> Part:
    return Part(
        kind=RowKind.CUSTOM,
        key=each.item.sku,
        rule=each.rule,
        quantity=each.item.quantity,
        amount=in_terms(each, inclusive=terms.inclusive),
        tax=each.item.tax,
        where=each.item.where,
    )


def _gift_cards(ruled: Iterable[Ruled], terms: Terms) -> list[Part]:
    """Add the lines up that sell gift cards, one charge per SKU and rule; one that was given away is no debt."""
    parts: dict[tuple[str, str], Part] = {}
    for each in ruled:
        item = each.item
        if item.kind is not ItemKind.LINE or item.sku not in terms.gift_cards or not item.amount:
            continue
        known = parts.get((item.sku, each.rule.name))
        if known is None:
            parts[item.sku, each.rule.name] = _custom(each, terms)
            continue
        known.quantity += item.quantity
        known.amount += in_terms(each, inclusive=terms.inclusive)
        known.tax += item.tax
    return list(parts.values())


def _no_debts(order: Order, customs: Iterable[Part], terms: Terms) -> list[Finding]:
    """A gift card is owed for: no tax is due before it is paid with, and nothing is owed below zero."""
    return [
        Finding(
            code="gift_card_unmapped",
            cause=f"the gift card {part.key} is sold for {shown(part.amount, order)} with {shown(part.tax, order)} of"
            " tax; what is sold as a debt has no tax, and is paid for",
            field=f"{part.where}.taxedPrice",
            sku=part.key,
            facts={"gift card": shown(part.amount, order), "tax": shown(part.tax, order)},
            group=f"gift_card_unmapped:{part.key}",
        )
        for part in customs
        if part.key in terms.gift_cards and (part.tax or part.amount < 0)
    ]


def _taxed_tenders(order: Order, customs: Iterable[Part], terms: Terms) -> list[Finding]:
    """What is paid with never lowers the tax (failure story M7)."""
    return [
        Finding(
            code="tender_taxed",
            cause=f"{part.key} is tender (paid with), yet it changes the tax base: its tax is {shown(part.tax, order)}",
            field=f"{part.where}.taxedPrice",
            facts={"tender": shown(part.amount, order), "tax": shown(part.tax, order)},
            group=f"tender_taxed:{part.key}",
        )
        for part in customs
        if part.key in terms.tenders and part.tax
    ]


def _shipping(ruled: Iterable[Ruled], terms: Terms) -> list[Part]:
    """Add the shipments up per rule: one charge each."""
    parts: dict[str, Part] = {}
    for each in ruled:
        if each.item.kind is not ItemKind.SHIPPING or each.item.amount == 0:
            continue
        part = parts.setdefault(each.rule.name, Part(kind=RowKind.SHIPPING, key="", rule=each.rule))
        part.amount += in_terms(each, inclusive=terms.inclusive)
        part.tax += each.item.tax
    return [parts[name] for name in sorted(parts)]


# -- discounts, and what the items do not explain ------------------------------------------------------------------


class _Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What the order costs beyond its items without calling it a discount: an allowed cent (money §2.1)."""

    rule: str
    amount: int
    tax: int


def _beside_the_items(
    order: Order, ruled: Sequence[Ruled], taxes: dict[str, int], terms: Terms
) -> tuple[list[Part], _Gap | None, list[Finding]]:
    if order.discount_on_total:
        discounts, findings = _discounts(order, ruled, taxes, terms)
        return discounts, None, findings
    gap = _gap(order, ruled, taxes, terms)
    return [], *((gap, []) if not isinstance(gap, list) else (None, gap))


def _gap(order: Order, ruled: Sequence[Ruled], taxes: dict[str, int], terms: Terms) -> _Gap | list[Finding] | None:
    """Without a discount the order is the sum of its items, per rule too; or within the tolerance, upwards, once."""
    by_rule = _per_rule(ruled, terms)
    amount = _order_amount(order, terms) - sum(known.amount for known in by_rule.values())
    off = {name: taxes.get(name, 0) - known.tax for name, known in by_rule.items() if taxes.get(name, 0) != known.tax}
    if not amount and not off:
        return None
    allowed = (
        bool(by_rule)
        and len(off) <= 1
        and 0 < amount <= terms.tolerance
        and all(0 <= tax <= amount for tax in off.values())
    )
    if not allowed:
        return [
            inconsistent(
                order, "taxedPrice.taxPortions", f"the tax of {name} is not the sum of its items'",
                ("order, taxPortions", taxes.get(name, 0)), ("items add up to", by_rule[name].tax),
            )
            for name in off
        ] or [
            inconsistent(
                order, "taxedPrice", "the order is not the sum of its items",
                ("order", _order_amount(order, terms)), ("items add up to", _order_amount(order, terms) - amount),
            )
        ]  # fmt: skip
    rule = next(iter(off), max(by_rule, key=lambda name: (by_rule[name].amount, name)))
    return _Gap(rule=rule, amount=amount, tax=off.get(rule, 0))


def _negatives(
    order: Order, customs: Sequence[Part], discounts: Sequence[Part], terms: Terms
) -> tuple[list[Part], list[Part], list[Finding]]:
    """Tell what stands below zero on rows of its own from what is folded into lines, and what can be neither."""
    if terms.negatives:
        return ([], list(discounts), []) if terms.fold else (list(discounts), [], [])
    below = [part for part in customs if part.amount < 0]
    findings = [_refused_tender(order, part) for part in below if part.key in terms.tenders]
    if terms.charges_only:
        return [], [], [*findings, *(_refused_discount(order, part) for part in discounts)]
    return [], [*(part for part in below if part.key not in terms.tenders), *discounts], findings


def _discounts(
    order: Order, ruled: Sequence[Ruled], taxes: dict[str, int], terms: Terms
) -> tuple[list[Part], list[Finding]]:
    """One negative part per rule: amount by largest remainder, tax by difference (money §5)."""
    by_rule = _per_rule(ruled, terms)
    names = sorted(by_rule)
    whole = _order_amount(order, terms)
    taken = sum(each.amount for each in by_rule.values()) - whole
    if taken < 0 or not any(by_rule[name].positive for name in names):
        return [], [_no_discount(order, taken)]
    shares = apportion(taken, [by_rule[name].positive for name in names])
    parts, findings = [], []
    for name, share in zip(names, shares, strict=True):
        known = by_rule[name]
        tax = known.tax - taxes.get(name, 0)
        findings += _implausible(order, known, share=share, tax=tax, inclusive=terms.inclusive)
        if share or tax:
            parts.append(Part(kind=RowKind.DISCOUNT, key="", rule=known.rule, amount=-share, tax=-tax))
    return parts, findings


class _RuleSum(msgspec.Struct, kw_only=True):
    """What the items of one rule add up to; `positive` leaves out what is below zero."""

    rule: TaxRule
    amount: int = 0
    positive: int = 0
    tax: int = 0
    items: int = 0
    pieces: int = 0


def _per_rule(ruled: Iterable[Ruled], terms: Terms) -> dict[str, _RuleSum]:
    sums: dict[str, _RuleSum] = {}
    for each in ruled:
        known = sums.setdefault(each.rule.name, _RuleSum(rule=each.rule))
        amount = in_terms(each, inclusive=terms.inclusive)
        known.amount += amount
        known.positive += max(amount, 0)
        known.tax += each.item.tax
        known.items += 1
        known.pieces += each.item.quantity
    return sums


def _order_amount(order: Order, terms: Terms) -> int:
    if order.taxed is None:
        return order.total
    return order.taxed.gross if terms.inclusive else order.taxed.net


def _no_discount(order: Order, taken: int) -> Finding:
    return Finding(
        code="discount_not_proportional",
        cause=f"the order says it was discounted, and its items cost {shown(-taken, order)} less than it",
        field="discountOnTotalPrice",
        facts={"discount": shown(order.discount_on_total or 0, order), "items less the order": shown(taken, order)},
    )


def _implausible(order: Order, known: _RuleSum, *, share: int, tax: int, inclusive: bool) -> list[Finding]:
    """Find a discount whose tax is not that of its share (money §5.4); an outside engine's tax is not judged."""
    name = known.rule.name
    if share == 0 and tax:
        cause = f"the discount takes nothing off {name} and {shown(tax, order)} of its tax"
        facts = {"discount": shown(share, order), "tax of the discount": shown(tax, order)}
        return [Finding(code="tax_on_nothing", cause=cause, field="taxedPrice.taxPortions", facts=facts)]
    if order.tax_mode in ("ExternalAmount", "Disabled"):
        return []
    allowed = Fraction(1 + known.items)
    if order.tax_calculation == "UnitPriceLevel":
        allowed += Fraction(known.pieces, 2)
    expected = tax_within(share, known.rule, inclusive=inclusive)
    if abs(tax - expected) <= allowed:
        return []
    return [
        Finding(
            code="discount_not_proportional",
            cause=f"the discount of {shown(share, order)} on {name} lowers its tax by {shown(tax, order)},"
            f" about {shown(half_up(expected), order)} would be its part",
            field="taxedPrice.taxPortions",
            facts={
                "discount": shown(share, order),
                "tax before, items added up": shown(known.tax, order),
                "tax after, taxPortions": shown(known.tax - tax, order),
                "rate": f"{known.rule.percent} %",
            },
        )
    ]


def _fold(order: Order, taken: Part, goods: Iterable[Part]) -> list[Finding]:
    """Take a discount or a voucher off the lines of its rule, where a charge below zero is not taken (money §2.2).

    A tax below zero (half pennies under UnitPriceLevel) goes to the line with the largest tax.
    """
    lines = sorted((part for part in goods if part.rule == taken.rule and part.amount > 0), key=lambda part: part.key)
    amount, tax = -taken.amount, -taken.tax
    amounts = apportion(amount, [part.amount for part in lines])
    taxes = apportion(max(tax, 0), [part.tax for part in lines])
    shares = list(zip(lines, amounts, taxes, strict=True))
    too_much = amount > sum(part.amount for part in lines) or tax > sum(part.tax for part in lines)
    if too_much or any(part.amount == less and part.tax != off for part, less, off in shares):
        carried = sum(part.amount for part in lines)
        return [
            Finding(
                code="negative_refused",
                cause=f"{taken.rule.name}: {shown(amount, order)} to take off with {shown(tax, order)} of tax, its"
                f" lines carry less or not so much of either ({shown(carried, order)} with"
                f" {shown(sum(part.tax for part in lines), order)})",
                field="AdditionalCharges.Price",
                facts={
                    "to take off": f"{shown(amount, order)}, tax {shown(tax, order)}",
                    "lines of the rule": f"{shown(carried, order)}, tax {shown(sum(p.tax for p in lines), order)}",
                },
                group=f"negative_refused:{taken.rule.name}",
            )
        ]
    for part, less, off in shares:
        part.amount -= less
        part.tax -= off
    if tax < 0 and lines:
        max(lines, key=lambda part: (part.tax, part.key)).tax -= tax
    return []


def _refused_discount(order: Order, part: Part) -> Finding:
    return Finding(
        code="negative_refused",
        cause=f"{part.rule.name}: {shown(-part.amount, order)} to take off as a charge, which Cin7 Core refuses, and"
        " the lines are not to carry it ([orders] discount_as)",
        field="AdditionalCharges.Price",
        facts={"to take off": shown(-part.amount, order), "rule": part.rule.name},
        group="negative_refused:charge",
    )


def _refused_tender(order: Order, part: Part) -> Finding:
    return Finding(
        code="negative_refused",
        cause=f"{part.key}: {shown(-part.amount, order)} was paid with it, and Cin7 Core takes no charge below zero;"
        " what is paid with cannot lower the lines",
        field="AdditionalCharges.Price",
        facts={"tender": shown(part.amount, order)},
        group=f"negative_refused:{part.key}",
    )


# -- whole prices and cents ----------------------------------------------------------------------------------------


def _price(order: Order, part: Part) -> None:
    """Find the unit price. A charge keeps its quantity only where its price is whole."""
    if part.amount == 0:
        part.free = True
        return
    if part.kind is not RowKind.LINE and not _divides(order, part):
        part.quantity = 1
    part.price = price_of(part.amount, part.quantity, order.digits, fine=part.fine)


def _divides(order: Order, part: Part) -> bool:
    step = THIRD_DECIMAL if order.digits > 2 else 1
    return part.amount % (part.quantity * step) == 0


def _cents(rows: Iterable[Part], gap: _Gap | None, terms: Terms) -> list[Part]:
    """Gather per rule what the prices left over; its tax is taken off the rows it came from (money §2.4)."""
    by_rule: dict[str, list[Part]] = {}
    for part in rows:
        if part.price.left or (gap is not None and gap.rule == part.rule.name):
            by_rule.setdefault(part.rule.name, []).append(part)
    cents = []
    for name in sorted(by_rule):
        uneven = [part for part in by_rule[name] if part.price.left]
        rule = by_rule[name][0].rule
        amount = sum(part.price.left for part in uneven)
        tax = _take_tax(uneven, half_up(tax_within(amount, rule, inclusive=terms.inclusive))) if amount > 0 else 0
        if gap is not None and gap.rule == name:
            amount, tax = amount + gap.amount, tax + gap.tax
        if amount:
            cents.append(Part(kind=RowKind.ROUNDING, key="", rule=rule, amount=amount, tax=tax))
    return cents


def _in_the_cents(part: Part) -> bool:
    """Whether nothing of a charge is left beside what it gave to the cents row (thousandths of a KWD)."""
    charge = part.kind not in (RowKind.LINE, RowKind.ROUNDING)
    return charge and part.price.ticks == 0 and part.tax == 0


def _take_tax(parts: Iterable[Part], wanted: int) -> int:
    """Take the tax of a cents row off the rows the cents came from, largest tax first, ties by SKU.

    Returns what was taken: a row gives no more than it has, so the sum per rule stays commercetools' own.
    """
    taken = 0
    for part in sorted(parts, key=lambda part: (-part.tax, part.key)):
        share = max(0, min(wanted - taken, part.tax))
        part.tax -= share
        taken += share
    return taken


def tax_within(amount: int, rule: TaxRule, *, inclusive: bool) -> Fraction:
    """Return the tax inside (inclusive) or on top of an amount, unrounded, in minor units."""
    share = Fraction(rule.percent) / 100
    return amount * share / (1 + share) if inclusive else amount * share


def _thousandths(order: Order, parts: Iterable[Part]) -> list[Finding]:
    """Find rows that would need a third decimal: thousandths meet in the cents row, or nowhere (money §2.2)."""
    if order.digits <= 2:
        return []
    return [
        Finding(
            code="row_three_decimals",
            cause=f"{part.key or part.kind.value} of {part.rule.name}: {shown(part.amount, order)} has three decimals",
            field="Price",
            facts={"amount": shown(part.amount, order), "rule": part.rule.name},
        )
        for part in parts
        if _needs_a_third_decimal(part)
    ]


def _needs_a_third_decimal(part: Part) -> bool:
    if part.kind is RowKind.LINE:
        return False
    if part.kind is RowKind.ROUNDING or part.amount < 0:
        return part.amount % THIRD_DECIMAL != 0
    return part.price.ticks == 0  # all of it went to the cents row, but for its tax
