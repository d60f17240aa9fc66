"""Does commercetools' order agree with itself? (money §2.1)

tallyd copies the order's figures and never recomputes them, so they must not contradict each other. A contradiction is
held with both figures; a missing tax is unknown, never zero. What the order's tax portions say per rule is compared by
`taxation`, once the rules are known.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.exception_types import Finding
from actors.domain.items import Item, ItemKind, items_of, shown
from actors.domain.order import Order, TaxedTotal


def source_findings(order: Order, *, tolerance: int = 0) -> list[Finding]:
    """List every contradiction. `tolerance`: minor units by which order and items may differ without a discount."""
    items = items_of(order)
    findings = [*_currencies(order), *_sum_of_items(order, items)]
    if order.tax_mode == "Disabled":
        return findings
    findings += _untaxed(order, items)
    findings += [finding for item in items for finding in _item(order, item)]
    if order.taxed is None:
        return findings
    findings += _portions(order, order.taxed)
    findings += _order_against_items(order, order.taxed, items, tolerance)
    return findings


def inconsistent(order: Order, field: str, what: str, left: tuple[str, int], right: tuple[str, int]) -> Finding:
    """Make the finding of two figures of the order that should be equal; each is named by the rule that made it."""
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
        yield inconsistent(
            order, "totalPrice", "the items do not add up", ("order total", order.total), ("items add up to", expected)
        )


def _untaxed(order: Order, items: tuple[Item, ...]) -> Iterator[Finding]:
    """Find what has no tax figures."""
    for item in items:
        if item.kind is ItemKind.SHIPPING and item.amount == 0 and item.taxed is None:
            continue  # free shipping is left out of the document (money §9, trap 13)
        if item.taxed is None:
            yield _unknown_tax(f"{item.where}.taxedPrice", f"{item.name} has no taxedPrice", item.sku)
        if not item.rates:
            yield _unknown_tax(f"{item.where}.taxRate", f"{item.name} has no taxRate", item.sku)
    if order.taxed is None:
        yield _unknown_tax("taxedPrice", "the order has no taxedPrice", "")


def _unknown_tax(field: str, cause: str, sku: str) -> Finding:
    return Finding(code="tax_unknown", cause=cause, field=field, sku=sku)


def _item(order: Order, item: Item) -> Iterator[Finding]:
    """Check one item: the side of its tax that its price stands on equals the price, and the tax is not absurd."""
    if item.taxed is None or not item.rates:
        return
    taxed, name = item.taxed, item.name
    included = {rate.included for rate in item.rates} == {True} and order.tax_mode != "ExternalAmount"
    side, figure = ("totalGross", taxed.gross) if included else ("totalNet", taxed.net)
    if figure != item.amount:
        yield inconsistent(
            order, f"{item.where}.taxedPrice.{side}", f"{name} is taxed on another amount than it cost",
            (side, figure), ("price", item.amount),
        )  # fmt: skip
    if item.amount == 0 and taxed.net != taxed.gross:
        yield Finding(
            code="tax_on_nothing",
            cause=f"{name} costs nothing and is taxed {shown(item.tax, order)}",
            field=f"{item.where}.taxedPrice",
            sku=item.sku,
            facts={"price": shown(item.amount, order), "tax": shown(item.tax, order)},
        )
        return
    sensible = taxed.gross <= taxed.net <= 0 if item.amount < 0 else 0 <= taxed.net <= taxed.gross
    if not sensible:
        yield inconsistent(
            order, f"{item.where}.taxedPrice", f"net and gross of {name} are on the wrong side of each other",
            ("totalNet", taxed.net), ("totalGross", taxed.gross),
        )  # fmt: skip


def _portions(order: Order, taxed: TaxedTotal) -> Iterator[Finding]:
    tax = taxed.gross - taxed.net
    portions = sum(portion.amount for portion in taxed.portions)
    if taxed.tax is not None and taxed.tax != tax:
        yield inconsistent(
            order, "taxedPrice.totalTax", "totalTax is not gross less net",
            ("gross less net", tax), ("totalTax", taxed.tax),
        )  # fmt: skip
    if portions != tax:
        yield inconsistent(
            order, "taxedPrice.taxPortions", "taxPortions do not add up to totalTax (gross less net)",
            ("gross less net", tax), ("taxPortions", portions),
        )  # fmt: skip


def _order_against_items(order: Order, taxed: TaxedTotal, items: tuple[Item, ...], tolerance: int) -> Iterator[Finding]:
    """The order's net and gross are the sums of its items', less what the discount says it took off each."""
    figures = [item.taxed for item in items if item.taxed is not None]
    if any(item.taxed is None and item.amount for item in items):
        return  # an unknown tax is already found; a sum without it means nothing
    discounted = bool(order.discount_on_total)
    if discounted:
        yield from _discount_on_its_side(order, taxed, items)
    for side, whole, parts, taken in (
        ("totalNet", taxed.net, sum(figure.net for figure in figures), order.discount_net),
        ("totalGross", taxed.gross, sum(figure.gross for figure in figures), order.discount_gross),
    ):
        if discounted and taken is None:
            continue
        expected = parts - (taken or 0) if discounted else parts
        if abs(whole - expected) <= (0 if discounted else tolerance):
            continue
        less = " less the discount" if discounted else ""
        what = f"{side} of the order is not the sum of its items{less}"
        yield inconsistent(order, f"taxedPrice.{side}", what, ("order", whole), (f"items{less} add up to", expected))


def _discount_on_its_side(order: Order, taxed: TaxedTotal, items: tuple[Item, ...]) -> Iterator[Finding]:
    """Where all prices stand on one side of their taxes, the discount is what lies between items and order there."""
    outside = order.tax_mode == "ExternalAmount"
    sides = {rate.included and not outside for item in items if item.amount for rate in item.rates}
    if len(sides) != 1:
        return
    included = sides == {True}
    parts = sum(item.amount for item in items)
    side, whole = ("totalGross", taxed.gross) if included else ("totalNet", taxed.net)
    discount = order.discount_on_total or 0
    if parts - whole != discount:
        yield inconsistent(
            order, "discountOnTotalPrice.discountedAmount", f"the discount is not what {side} is below the items",
            ("discount", discount), (f"items less {side}", parts - whole),
        )  # fmt: skip
