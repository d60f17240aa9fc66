"""What Cin7 will show for an order, to the cent, before anything is sent (law L5, money §2, §7).

`predict` is pure and total: every order becomes a document or a hold with all that was found. Row amounts and taxes are
copied from commercetools' figures; the only arithmetic is adding lines of one SKU up and dividing into whole prices.
Today it carries plain orders (see `plainness`); carrying more means widening `predict` and nothing around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, Facts, Location, Product, TaxRule
from actors.domain.items import charged, items_of, shown
from actors.domain.limits import Field
from actors.domain.mapping import (
    charge_name,
    company_of,
    customer_of,
    location_of,
    product_of,
    service_of,
    tax_keys,
    tax_rule_of,
)
from actors.domain.money import half_up, to_decimal
from actors.domain.order import Line, Order, TaxedTotal, TaxRate
from actors.domain.people import text_findings
from actors.domain.plainness import absurdities, not_plain, plainness_findings
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.sale import Row, RowKind
from actors.domain.source_check import source_findings

NOTHING = Decimal(0)


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The document as Cin7 will show it. Amounts are decimals in `currency`.

    `rows` are in the fixed order of money §3. `shipping`, `discount` and `cents` are in the document's own terms: gross
    in an inclusive one, net in an exclusive one. `tax_rule` is what the header names; every row names its own too.
    """

    currency: str
    tax_inclusive: bool
    rows: tuple[Row, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    tax_by_rule: dict[str, Decimal]
    tax_rule: str
    location: str
    customer_id: str
    shipping: Decimal = NOTHING
    discount: Decimal = NOTHING
    cents: Decimal = NOTHING


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why the order is not sent: everything that was found, at least one thing."""

    findings: tuple[Finding, ...]


class _Goods(msgspec.Struct, kw_only=True):
    """All lines of one SKU added up; amounts in minor units. `price` is per piece, `left` what it leaves over."""

    sku: str
    lines: list[Line]
    quantity: int
    amount: int
    tax: int

    @property
    def price(self) -> int:
        return self.amount // self.quantity

    @property
    def left(self) -> int:
        return self.amount % self.quantity


class _Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the order's names became in Cin7. `shipping` and `rounding` are None where the order needs none."""

    customer: Customer
    location: Location
    rate: TaxRate
    rule: TaxRule
    products: dict[str, Product]
    shipping: Product | None
    rounding: Product | None


def predict(order: Order, facts: Facts, rules: PostingRules) -> Prediction | Hold:
    """Say what Cin7 will show for the order, or everything that stands in the way.

    Raises:
        TypeError: an amount is a float; that is no order (law L10).
    """
    absurd = absurdities(order)
    if absurd:
        return _hold(absurd)
    findings = [*plainness_findings(order), *source_findings(order), *text_findings(order, rules)]
    goods = _goods(order)
    findings += _prices_too_small(goods)
    account, unmapped = _account(order, goods, facts, rules)
    findings += unmapped
    if account is None or order.taxed is None or findings:
        return _hold(findings)
    return _document(order, order.taxed, goods, account)


def _hold(findings: Iterable[Finding]) -> Hold:
    """Collect the findings, each once: the same cause on the same field is one thing to mend."""
    distinct: dict[tuple[str, str, str, str], Finding] = {}
    for finding in findings:
        distinct.setdefault((finding.code, finding.field, finding.sku, finding.cause), finding)
    return Hold(findings=tuple(distinct.values()))


def _goods(order: Order) -> list[_Goods]:
    """Add the lines up by SKU, in order of first appearance. Lines that cannot be sold are found elsewhere."""
    goods: dict[str, _Goods] = {}
    for line in order.lines:
        if not line.sku or line.quantity < 1:
            continue
        tax = 0 if line.taxed is None else line.taxed.gross - line.taxed.net
        known = goods.setdefault(line.sku, _Goods(sku=line.sku, lines=[], quantity=0, amount=0, tax=0))
        known.lines.append(line)
        known.quantity += line.quantity
        known.amount += line.total
        known.tax += tax
    return list(goods.values())


def _prices_too_small(goods: list[_Goods]) -> list[Finding]:
    """Find goods that cost less than a minor unit apiece: no whole price but zero, which Cin7 may refuse."""
    return [
        not_plain(
            "price below a minor unit",
            f"{each.sku}: {each.quantity} pieces for {each.amount} minor units leave no whole price",
            field="lineItems.totalPrice",
            sku=each.sku,
        )
        for each in goods
        if 0 < each.amount < each.quantity
    ]


def _account(
    order: Order, goods: list[_Goods], facts: Facts, rules: PostingRules
) -> tuple[_Account | None, list[Finding]]:
    """Look up every name the document needs. None where one is missing, with all that was found on the way."""
    findings = [*_books(order, facts, rules), *_unnamed(order)]
    customer = customer_of(order, facts, rules)
    location = location_of(order, facts, rules)
    findings += [*(customer if isinstance(customer, list) else ()), *(location if isinstance(location, list) else ())]
    products, strangers = _products(goods, facts)
    rate, rule, wrong_rules = _tax(order, facts, rules)
    shipping = _shipping_service(order, rule, facts, rules)
    rounding = _rounding_service(order, goods, rule, facts, rules)
    findings += [*strangers, *wrong_rules]
    findings += [charge for charge in (shipping, rounding) if isinstance(charge, Finding)]
    if isinstance(customer, list) or isinstance(location, list) or isinstance(shipping, Finding):
        return None, findings
    if isinstance(rounding, Finding) or rate is None or rule is None or findings:
        return None, findings
    return _Account(
        customer=customer,
        location=location,
        rate=rate,
        rule=rule,
        products=products,
        shipping=shipping,
        rounding=rounding,
    ), []


def _books(order: Order, facts: Facts, rules: PostingRules) -> list[Finding]:
    """Check what the company settings decide: the books' currency and their day."""
    company: Company | Finding = company_of(order, facts)
    findings = [company] if isinstance(company, Finding) else []
    if facts.company is not None:
        zone = zone_of(facts.company, rules)
        findings += [zone] if isinstance(zone, Finding) else []
    return findings


def _unnamed(order: Order) -> list[Finding]:
    return [
        Finding(
            code="sku_missing",
            cause=f"line {place + 1} ({line.quantity} pieces) carries no SKU",
            field=f"lineItems[{place}].variant.sku",
        )
        for place, line in enumerate(order.lines)
        if not line.sku
    ]


def _products(goods: list[_Goods], facts: Facts) -> tuple[dict[str, Product], list[Finding]]:
    products: dict[str, Product] = {}
    findings: list[Finding] = []
    for each in goods:
        found = product_of(each.sku, facts)
        if isinstance(found, Finding):
            findings.append(found)
            continue
        products[each.sku] = found
        if Field.SKU.too_long(each.sku):
            cause = f"the SKU has {len(each.sku)} characters, Cin7 Core takes {Field.SKU.most}"
            findings.append(Finding(code="field_too_long", cause=cause, field="variant.sku", sku=each.sku))
    return products, findings


def _tax(order: Order, facts: Facts, rules: PostingRules) -> tuple[TaxRate | None, TaxRule | None, list[Finding]]:
    """Return the one tax of all priced items and the one rule it is mapped to, or the reasons why there is none.

    An order without any rate gives no reason here: its items were found untaxed, unpriced or absent before.
    """
    rates = _rates(order)
    answers = [tax_rule_of(rate, facts, rules) for rate in rates]
    findings = [answer for answer in answers if isinstance(answer, Finding)]
    named = {answer.name: answer for answer in answers if not isinstance(answer, Finding)}
    if len(named) > 1 and len({rate.rate for rate in rates}) == 1:  # several rates are found by plainness already
        cause = f"the order is taxed by {' and '.join(named)}"
        findings.append(not_plain("several tax rules", cause, field="taxRate"))
    if findings or len(named) != 1:
        return None, None, findings
    return rates[0], next(iter(named.values())), []


def _rates(order: Order) -> list[TaxRate]:
    """List the distinct taxes of what has a price. Free shipping is left out, and so is its tax (money §9 trap 13)."""
    rates = [item.rate for item in items_of(order) if item.amount and item.rate is not None]
    return list({tax_keys(rate): rate for rate in rates}.values())


def _shipping_service(
    order: Order, rule: TaxRule | None, facts: Facts, rules: PostingRules
) -> Product | Finding | None:
    """Look up the charge that carries shipping; None where shipping costs nothing."""
    if not any(charged(part) for part in order.shipping):
        return None
    return _service(rules.charges.shipping, rule, facts)


def _rounding_service(
    order: Order, goods: list[_Goods], rule: TaxRule | None, facts: Facts, rules: PostingRules
) -> Product | Finding | None:
    """Look up the charge that carries the cents whole prices leave over; None where they leave none."""
    uneven = next((each for each in goods if each.left), None)
    if uneven is None:
        return None
    if rules.charges.rounding:
        return _service(rules.charges.rounding, rule, facts)
    return Finding(
        code="needs_rounding_charge",
        cause=f"{uneven.sku}: {shown(uneven.amount, order)} do not divide by {uneven.quantity} pieces",
        field="lineItems.totalPrice",
        sku=uneven.sku,
    )


def _service(template: str, rule: TaxRule | None, facts: Facts) -> Product | Finding | None:
    """Look up a charge by name. A name that holds the tax rule cannot be looked for until the rule is known."""
    if rule is None and "{rule}" in template:
        return None
    return service_of(charge_name(template, "" if rule is None else rule.name), facts)


def _document(order: Order, taxed: TaxedTotal, goods: list[_Goods], account: _Account) -> Prediction:
    """Write the document of a plain, consistent, mapped order."""
    cents = sum(each.left for each in goods)
    cents_tax = _take_tax(goods, half_up(_tax_within(cents, account.rate)))
    rows = [_goods_row(order, each, account) for each in goods]
    shipping = sum(charged(part) for part in order.shipping)
    if account.shipping is not None:
        shipping_tax = sum(part.taxed.gross - part.taxed.net for part in order.shipping if part.taxed is not None)
        rows.append(_charge_row(order, RowKind.SHIPPING, account.shipping, account, (shipping, shipping_tax)))
    if account.rounding is not None:
        rows.append(_charge_row(order, RowKind.ROUNDING, account.rounding, account, (cents, cents_tax)))
    tax = to_decimal(taxed.gross - taxed.net, order.digits)
    return Prediction(
        currency=order.currency,
        tax_inclusive=account.rate.included,
        rows=tuple(rows),
        net=to_decimal(taxed.net, order.digits),
        tax=tax,
        total=to_decimal(taxed.gross, order.digits),
        tax_by_rule={account.rule.name: tax},
        tax_rule=account.rule.name,
        location=account.location.name,
        customer_id=account.customer.id,
        shipping=to_decimal(shipping, order.digits),
        cents=to_decimal(cents, order.digits),
    )


def _tax_within(amount: int, rate: TaxRate) -> Fraction:
    """Return the tax inside (included) or on top of an amount, unrounded, in minor units."""
    fraction = Fraction(rate.rate)
    return amount * fraction / (1 + fraction) if rate.included else amount * fraction


def _take_tax(goods: list[_Goods], wanted: int) -> int:
    """Take the tax of the cents row off the goods the cents came from, largest tax first, ties by SKU (money §2.4).

    Returns what was taken: a line gives no more than it has, so the sum per rule stays commercetools' own.
    """
    taken = 0
    for each in sorted((each for each in goods if each.left), key=lambda each: (-each.tax, each.sku)):
        share = min(wanted - taken, each.tax)
        each.tax -= share
        taken += share
    return taken


def _goods_row(order: Order, goods: _Goods, account: _Account) -> Row:
    product = account.products[goods.sku]
    return Row(
        kind=RowKind.LINE,
        sku=goods.sku,
        product_id=product.id,
        name=Field.NAME.fit(product.name),
        quantity=Decimal(goods.quantity),
        price=to_decimal(goods.price, order.digits),
        tax=to_decimal(goods.tax, order.digits),
        tax_rule=account.rule.name,
        amount=to_decimal(goods.price * goods.quantity, order.digits),
        comment=Field.LINE_COMMENT.fit(_comment(order, goods)),
    )


def _charge_row(order: Order, kind: RowKind, service: Product, account: _Account, figures: tuple[int, int]) -> Row:
    """Write an additional charge: one piece at the whole amount. `figures` are amount and tax in minor units."""
    amount, tax = (to_decimal(figure, order.digits) for figure in figures)
    return Row(
        kind=kind,
        sku=service.name,
        product_id=service.id,
        name=service.name,
        quantity=Decimal(1),
        price=amount,
        tax=tax,
        tax_rule=account.rule.name,
        amount=amount,
    )


def _comment(order: Order, goods: _Goods) -> str:
    """Tell what the merged price hides: the prices it is made of ("2 @ 5.00, 1 @ 10.00") and the list price.

    Sorted by price, so that the same lines in another order give the same text.
    """
    at_price: dict[int, int] = {}
    lumps: list[str] = []
    for line in goods.lines:
        groups = [(group.quantity, group.unit_minor) for group in line.groups] or [(line.quantity, line.unit_minor)]
        if sum(quantity * unit for quantity, unit in groups) != line.total:
            lumps.append(f"{line.quantity} for {to_decimal(line.total, order.digits)}")
            continue
        for quantity, unit in groups:
            at_price[unit] = at_price.get(unit, 0) + quantity
    parts = [f"{at_price[unit]} @ {to_decimal(unit, order.digits)}" for unit in sorted(at_price)] + sorted(lumps)
    prices = ", ".join(parts) if len(parts) > 1 or lumps else ""
    lists = sorted({line.list_minor for line in goods.lines if line.list_minor > line.unit_minor})
    listed = f"list {', '.join(str(to_decimal(minor, order.digits)) for minor in lists)}" if lists else ""
    return "; ".join(part for part in (prices, listed) if part)
