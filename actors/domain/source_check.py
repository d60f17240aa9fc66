"""Does commercetools' order agree with itself? (money §2.1)

tallyd copies the order's figures and never recomputes them, so they must not contradict each other. A contradiction is
held with both figures; a missing tax is unknown, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from actors.domain.exception_types import Finding
from actors.domain.items import Item, items_of, shown
from actors.domain.money import is_plain
from actors.domain.order import Order, TaxedTotal


def source_findings(order: Order) -> list[Finding]:
    """List every contradiction. Checks that an unplain feature makes meaningless are left out, not guessed."""
    items = items_of(order)
    findings = [*_currencies(order), *_sum_of_items(order, items)]
    if order.tax_mode == "Disabled":
        return findings
    findings += _untaxed(order, items)
    findings += [finding for item in items for finding in _item(order, item)]
    if order.taxed is None:
        return findings
    findings += _portions(order, order.taxed)
    if not order.discount_on_total:
        findings += _order_against_items(order, order.taxed, items)
    return findings


def _inconsistent(order: Order, field: str, what: str, left: tuple[str, int], right: tuple[str, int]) -> Finding:
    facts = {name: shown(minor, order) for name, minor in (left, right)}
    cause = f"{what}: {left[0]} {facts[left[0]]}, {right[0]} {facts[right[0]]}"
    return Finding(code="source_inconsistent", cause=cause, field=field, facts=facts)


def _currencies(order: Order) -> Iterator[Finding]:
    for place, line in enumerate(order.lines):
        if line.currency != order.currency:
            yield Finding(
                code="source_inconsistent",
                cause=f"the order is in {order.currency}, a line of it in {line.currency}",
                field=f"lineItems[{place}].totalPrice.currencyCode",
                sku=line.sku or "",
                facts={"order": order.currency, "line": line.currency},
            )


def _sum_of_items(order: Order, items: tuple[Item, ...]) -> Iterator[Finding]:
    expected = sum(item.amount for item in items) - (order.discount_on_total or 0)
    if expected != order.total:
        yield _inconsistent(
            order, "totalPrice", "the items do not add up", ("order total", order.total), ("items add up to", expected)
        )


def _untaxed(order: Order, items: tuple[Item, ...]) -> Iterator[Finding]:
    """Find what has no tax figures. A line taxed per shipping method has its rates elsewhere; it is not plain."""
    per_method = order.shipping_mode == "Multiple"
    for item in items:
        if item.taxed is None:
            yield _unknown_tax(f"{item.where}.taxedPrice", f"{item.sku or item.where} has no taxedPrice", item.sku)
        if item.rate is None and not per_method:
            yield _unknown_tax(f"{item.where}.taxRate", f"{item.sku or item.where} has no taxRate", item.sku)
    if order.taxed is None:
        yield _unknown_tax("taxedPrice", "the order has no taxedPrice", "")


def _unknown_tax(field: str, cause: str, sku: str) -> Finding:
    return Finding(code="tax_unknown", cause=cause, field=field, sku=sku)


def _item(order: Order, item: Item) -> Iterator[Finding]:
    """Check one item: the side of its tax that its price stands on equals the price, and the tax is not absurd."""
    if item.taxed is None or item.rate is None:
        return
    taxed, name = item.taxed, item.sku or item.where
    included = item.rate.included and order.tax_mode != "ExternalAmount"
    side, figure = ("totalGross", taxed.gross) if included else ("totalNet", taxed.net)
    if figure != item.amount:
        yield _inconsistent(
            order, f"{item.where}.taxedPrice.{side}", f"{name} is taxed on another amount than it cost",
            (side, figure), ("price", item.amount),
        )  # fmt: skip
    if item.amount >= 0 and not 0 <= taxed.net <= taxed.gross:
        yield _inconsistent(
            order, f"{item.where}.taxedPrice", f"{name} has a net above its gross, or below zero",
            ("totalNet", taxed.net), ("totalGross", taxed.gross),
        )  # fmt: skip
    elif item.amount == 0 and taxed.net != taxed.gross:
        yield _inconsistent(
            order, f"{item.where}.taxedPrice", f"{name} costs nothing and is taxed",
            ("totalNet", taxed.net), ("totalGross", taxed.gross),
        )  # fmt: skip


def _portions(order: Order, taxed: TaxedTotal) -> Iterator[Finding]:
    tax = taxed.gross - taxed.net
    portions = sum(portion.amount for portion in taxed.portions)
    if portions != tax:
        yield _inconsistent(
            order, "taxedPrice.taxPortions", "taxPortions do not add up to gross less net",
            ("gross less net", tax), ("taxPortions", portions),
        )  # fmt: skip
    if taxed.tax is not None and taxed.tax != tax:
        yield _inconsistent(
            order, "taxedPrice.totalTax", "totalTax is not gross less net",
            ("gross less net", tax), ("totalTax", taxed.tax),
        )  # fmt: skip


def _order_against_items(order: Order, taxed: TaxedTotal, items: tuple[Item, ...]) -> Iterator[Finding]:
    """Without an order discount the order's tax figures are the sums of its items', in net, in gross and per rate."""
    figures = [item.taxed for item in items if item.taxed is not None]
    if len(figures) != len(items):
        return  # an unknown tax is already found; a sum without it means nothing
    for side, whole, parts in (
        ("totalNet", taxed.net, sum(figure.net for figure in figures)),
        ("totalGross", taxed.gross, sum(figure.gross for figure in figures)),
    ):
        if whole != parts:
            what = f"{side} of the order is not the sum of its items"
            yield _inconsistent(order, f"taxedPrice.{side}", what, ("order", whole), ("items add up to", parts))
    yield from _rates_against_items(order, taxed, items)


def _rates_against_items(order: Order, taxed: TaxedTotal, items: tuple[Item, ...]) -> Iterator[Finding]:
    """Compare per rate. Sub-rates stand in the portions under names and rates of their own (money §9 trap 6)."""
    rates = [item.rate for item in items]
    if any(rate is None or rate.has_sub_rates or not is_plain(rate.rate) for rate in rates):
        return
    if not all(is_plain(portion.rate) for portion in taxed.portions):
        return
    of_items: Counter[Decimal] = Counter()
    of_order: Counter[Decimal] = Counter()
    for item in items:
        if item.rate is not None and item.taxed is not None:
            of_items[item.rate.rate] += item.taxed.gross - item.taxed.net
    for portion in taxed.portions:
        of_order[portion.rate] += portion.amount
    for rate in sorted({*of_items, *of_order}):
        if of_items[rate] != of_order[rate]:
            yield _inconsistent(
                order, "taxedPrice.taxPortions", f"the tax at {rate:f} is not the sum of its items'",
                ("order", of_order[rate]), ("items add up to", of_items[rate]),
            )  # fmt: skip
