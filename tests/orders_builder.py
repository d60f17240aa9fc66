"""Builds orders that agree with themselves, and the facts and rules under which they can be posted.

`plain_order` computes taxes the way commercetools documents it: the side of the price is kept, the other side is
rounded by the order's rounding mode, per line or per unit. Tests that are about figures state them beside it.

`cin7_shows` says what Cin7 would show for a document under one model of its arithmetic, written from money §6 and not
from the code under test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from actors.domain.arithmetic import Model
from actors.domain.facts import (
    Company,
    Customer,
    ExchangeRate,
    FactKind,
    Facts,
    Location,
    PaymentTerm,
    Product,
    TaxRule,
)
from actors.domain.money import to_decimal
from actors.domain.order import (
    Address,
    CustomLine,
    Line,
    Order,
    PriceGroup,
    Shipping,
    SubRate,
    Taxed,
    TaxedTotal,
    TaxPortion,
    TaxRate,
)
from actors.domain.posting import ChargeRule, CurrencyRule, PostingRules
from actors.domain.prediction import Prediction
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, RowKind
from actors.domain.time import parse_instant

ORDER_ID = "4f0c1d2e-0000-4000-8000-000000000001"
CREATED_AT = parse_instant("2026-12-24T10:15:30.123Z")
CUSTOMER = "commercetools web orders"
LOCATION = "Main Warehouse"
DAY_MS = 86_400_000
DAY_ONE = date(1970, 1, 1).toordinal()
ADDRESS = Address(
    country="GB",
    name="Ann Example",
    line1="3 Park St",
    city="Leeds",
    state="West Yorkshire",
    postcode="LS1 4AP",
    phone="+44 113 496 0000",
    email="ann@example.test",
)


DIGITS = {"JPY": 0, "KWD": 3}
"""Decimals of the currencies that do not have two."""
SERVICES = {"gift-wrap": "Gift wrap", "voucher": "Voucher", "gift-card": "Gift card"}
"""The service product of a custom line, by its slug; any other slug is called what it is."""
TENDER = "gift-card"

Item = Line | CustomLine | Shipping


def rate_of(
    rate: str = "0.2",
    *,
    included: bool = True,
    name: str = "standard",
    country: str | None = "GB",
    sub_rates: Mapping[str, str] | None = None,
) -> TaxRate:
    parts = tuple(SubRate(name=part, rate=Decimal(share)) for part, share in (sub_rates or {}).items())
    return TaxRate(name=name, rate=Decimal(rate), included=included, country=country, sub_rates=parts)


STANDARD = rate_of()
REDUCED = rate_of("0.05", name="reduced")
ZERO = rate_of("0", name="zero")


def added(rate: TaxRate) -> TaxRate:
    """The same tax on top of the price instead of within it."""
    return msgspec.structs.replace(rate, included=False)


def round_fraction(amount: Fraction, mode: str) -> int:
    """Round to a whole minor unit as commercetools does; only a tie depends on the mode."""
    floor = amount.numerator // amount.denominator
    part = amount - floor
    if part != Fraction(1, 2):
        return floor + (part > Fraction(1, 2))
    return {"HalfUp": floor + 1, "HalfDown": floor, "HalfEven": floor + floor % 2}[mode]


def largest_remainder(amount: int, weights: list[Fraction]) -> list[int]:
    """Share a whole amount out by weight; the units left over go to the largest remainders, ties to the first."""
    whole = sum(weights)
    exact = [amount * weight / whole for weight in weights]
    shares = [share.numerator // share.denominator for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda place: shares[place] - exact[place])
    for place in by_remainder[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def taxed_of(amount: int, rate: TaxRate, mode: str = "HalfEven") -> Taxed:
    """Tax one amount in minor units."""
    factor = 1 + Fraction(rate.rate)
    if rate.included:
        return Taxed(net=round_fraction(amount / factor, mode), gross=amount)
    return Taxed(net=amount, gross=round_fraction(amount * factor, mode))


def line(
    sku: str | None = "A",
    quantity: int = 1,
    unit: int = 1999,
    *,
    rate: TaxRate | None = None,
    total: int | None = None,
    listed: int | None = None,
    groups: tuple[tuple[int, int], ...] = (),
    rounding: str = "HalfEven",
    calculation: str = "LineItemLevel",
    currency: str = "GBP",
    **changes: Any,
) -> Line:
    """Build a taxed line; `unit` and the groups' (quantity, unit) are in minor units, `total` overrides their sum."""
    rate = rate or rate_of()
    parts = groups or ((quantity, unit),)
    amount = sum(pieces * price for pieces, price in parts) if total is None else total
    taxed = taxed_of(amount, rate, rounding)
    if calculation == "UnitPriceLevel" and total is None:
        each = [(pieces, taxed_of(price, rate, rounding)) for pieces, price in parts]
        taxed = Taxed(net=sum(n * t.net for n, t in each), gross=sum(n * t.gross for n, t in each))
    built = Line(
        id=f"line-{sku}",
        sku=sku,
        name=f"Product {sku}",
        quantity=quantity,
        unit_minor=unit,
        list_minor=unit if listed is None else listed,
        total=amount,
        currency=currency,
        groups=tuple(PriceGroup(quantity=pieces, unit_minor=price) for pieces, price in groups),
        tax_rate=rate,
        taxed=taxed,
    )
    return msgspec.structs.replace(built, **changes)


def gift(sku: str = "G", quantity: int = 1, listed: int = 650, **changes: Any) -> Line:
    """A gift line: it keeps its list price and costs nothing."""
    free: dict[str, Any] = {"total": 0, "listed": listed, "groups": ((quantity, 0),), "mode": "GiftLineItem"}
    return line(sku, quantity, listed, **{**free, **changes})


def fine_line(sku: str, quantity: int, unit: str, **changes: Any) -> Line:
    """A line of a high-precision price; `unit` is in minor units and may have decimals. The total is half even."""
    exact = Fraction(unit)
    whole = round_fraction(exact, "HalfEven")
    total = round_fraction(exact * quantity, "HalfEven")
    return line(sku, quantity, whole, **{"total": total, "high_precision": True, **changes})


def shipment(
    price: int = 495,
    *,
    discounted: int | None = None,
    rate: TaxRate | None = None,
    rounding: str = "HalfEven",
    **changes: Any,
) -> Shipping:
    rate = rate or rate_of()
    amount = price if discounted is None else discounted
    built = Shipping(
        method="Standard", price=price, discounted=discounted, tax_rate=rate, taxed=taxed_of(amount, rate, rounding)
    )
    return msgspec.structs.replace(built, **changes)


def custom_line(
    slug: str = "gift-wrap",
    quantity: int = 1,
    unit: int = 350,
    rate: TaxRate | None = None,
    *,
    rounding: str = "HalfEven",
    **changes: Any,
) -> CustomLine:
    """Build a taxed custom line; a negative `unit` makes it a voucher."""
    rate = rate or rate_of()
    amount = quantity * unit
    built = CustomLine(
        id=f"custom-{slug}",
        slug=slug,
        name=slug,
        quantity=quantity,
        unit_minor=unit,
        total=amount,
        tax_rate=rate,
        taxed=taxed_of(amount, rate, rounding),
    )
    return msgspec.structs.replace(built, **changes)


def items_in(order: Order) -> list[Item]:
    return [*order.lines, *order.custom_lines, *order.shipping]


def cost_of(item: Item) -> int:
    """What the customer was charged for an item, in minor units."""
    if isinstance(item, Shipping):
        return item.price if item.discounted is None else item.discounted
    return item.total


def portions_of(taxes: Iterable[tuple[TaxRate, int]]) -> tuple[TaxPortion, ...]:
    """Add taxes up to portions; a rate with sub-rates shows under their names, never its own (money §9 trap 6)."""
    by_rate: dict[tuple[str, Decimal], tuple[TaxRate, int]] = {}
    for rate, tax in taxes:
        key = (rate.name, rate.rate)
        by_rate[key] = (rate, tax + (by_rate[key][1] if key in by_rate else 0))
    portions: dict[tuple[str, Decimal], int] = {}
    for rate, tax in by_rate.values():
        parts = [(part.name, part.rate) for part in rate.sub_rates] or [(rate.name, rate.rate)]
        shares = largest_remainder(tax, [Fraction(share) for _, share in parts]) if rate.sub_rates else [tax]
        for part, share in zip(parts, shares, strict=True):
            portions[part] = portions.get(part, 0) + share
    return tuple(TaxPortion(rate=rate, amount=tax, name=name) for (name, rate), tax in portions.items())


def totalled(order: Order) -> Order:
    """Return the order with its totals and portions added up from its items, as commercetools does."""
    items = items_in(order)
    taxed = [(item.tax_rate, item.taxed) for item in items if item.taxed is not None and item.tax_rate is not None]
    net, gross = sum(figures.net for _, figures in taxed), sum(figures.gross for _, figures in taxed)
    return msgspec.structs.replace(
        order,
        total=sum(cost_of(item) for item in items) - (order.discount_on_total or 0),
        taxed=TaxedTotal(
            net=net,
            gross=gross,
            tax=gross - net,
            portions=portions_of((rate, figures.gross - figures.net) for rate, figures in taxed),
        ),
    )


def discounted(order: Order, amount: int, *, net: int, gross: int, portions: Mapping[str, int]) -> Order:
    """Return the order with a discount on its total; net, gross and the portions (by name) after it are given."""
    before = order.taxed
    assert before is not None
    assert {portion.name for portion in before.portions} == set(portions)
    after = tuple(msgspec.structs.replace(each, amount=portions[each.name or ""]) for each in before.portions)
    return msgspec.structs.replace(
        order,
        total=order.total - amount,
        discount_on_total=amount,
        discount_net=before.net - net,
        discount_gross=before.gross - gross,
        taxed=TaxedTotal(net=net, gross=gross, tax=gross - net, portions=after),
    )


def discounted_by_rate(order: Order, amount: int) -> Order:
    """Return the order with a discount on its total, shared out and rounded once per rate as commercetools could."""
    if order.taxed is None:
        return msgspec.structs.replace(order, total=order.total - amount, discount_on_total=amount)
    rates: dict[tuple[str, Decimal, bool], list[Item]] = {}
    for item in items_in(order):
        assert item.tax_rate is not None
        rates.setdefault((item.tax_rate.name, item.tax_rate.rate, item.tax_rate.included), []).append(item)
    weights = [Fraction(sum(max(cost_of(item), 0) for item in items)) for items in rates.values()]
    net = gross = 0
    taxes: list[tuple[TaxRate, int]] = []
    for items, share in zip(rates.values(), largest_remainder(amount, weights), strict=True):
        rate = items[0].tax_rate
        assert rate is not None
        figures = [item.taxed for item in items if item.taxed is not None]
        before_net, before_gross = sum(each.net for each in figures), sum(each.gross for each in figures)
        if share and rate.included and order.tax_mode != "ExternalAmount":
            after = taxed_of(before_gross - share, rate, order.tax_rounding)
        elif share:
            after = taxed_of(before_net - share, added(rate), order.tax_rounding)
        else:
            after = Taxed(net=before_net, gross=before_gross)
        net, gross = net + after.net, gross + after.gross
        taxes.append((rate, after.gross - after.net))
    before = order.taxed
    return msgspec.structs.replace(
        order,
        total=order.total - amount,
        discount_on_total=amount,
        discount_net=before.net - net,
        discount_gross=before.gross - gross,
        taxed=TaxedTotal(net=net, gross=gross, tax=gross - net, portions=portions_of(taxes)),
    )


def disabled(order: Order) -> Order:
    """Return the order as it stands where tax is disabled: no tax field anywhere."""
    bare: dict[str, Any] = {"tax_rate": None, "taxed": None}
    return msgspec.structs.replace(
        order,
        tax_mode="Disabled",
        taxed=None,
        lines=tuple(msgspec.structs.replace(each, **bare) for each in order.lines),
        custom_lines=tuple(msgspec.structs.replace(each, **bare) for each in order.custom_lines),
        shipping=tuple(msgspec.structs.replace(each, **bare) for each in order.shipping),
    )


def plain_order(
    *goods: tuple[str, int, int] | Line,
    rate: str | TaxRate = "0.2",
    included: bool = True,
    shipping: int | Shipping | tuple[Shipping, ...] | None = None,
    custom: tuple[CustomLine, ...] = (),
    currency: str = "GBP",
    tax_rounding: str = "HalfEven",
    tax_calculation: str = "LineItemLevel",
    **changes: Any,
) -> Order:
    """Build a consistent order.

    `goods` are (SKU, quantity, unit price in minor units) or ready lines; by default A 1×19.99. `rate` is the tax of
    the goods that are not ready lines, and of shipping given as a figure.

    `changes` replace fields of the finished order: nothing is added up again after them.
    """
    country = "GB" if currency == "GBP" else "DE"
    tax = rate if isinstance(rate, TaxRate) else rate_of(rate, included=included, country=country)
    lines = tuple(
        each
        if isinstance(each, Line)
        else line(*each, rate=tax, rounding=tax_rounding, calculation=tax_calculation, currency=currency)
        for each in goods or (("A", 1, 1999),)
    )
    if isinstance(shipping, int):
        shipping = shipment(shipping, rate=tax, rounding=tax_rounding)
    parcels = (shipping,) if isinstance(shipping, Shipping) else shipping or ()
    order = Order(
        id=ORDER_ID,
        version=1,
        created_at=CREATED_AT,
        modified_at=CREATED_AT,
        currency=currency,
        digits=DIGITS.get(currency, 2),
        total=0,
        state="Open",
        number="CT-100045",
        payment_state="Paid",
        inventory_mode="TrackOnly",
        country=tax.country,
        tax_rounding=tax_rounding,
        tax_calculation=tax_calculation,
        lines=lines,
        custom_lines=custom,
        shipping=parcels,
        email="ann@example.test",
        billing=ADDRESS,
        shipping_address=ADDRESS,
    )
    return msgspec.structs.replace(totalled(order), **changes)


def rule_name(rate: Decimal) -> str:
    """Name the tax rule of a rate the way the facts below do."""
    return f"Sales {(rate * 100).normalize():f}%"


NO_TAX = rule_name(Decimal(0))
"""The rule of orders on which tax is disabled (mapping key `none`)."""


def _rates(orders: Iterable[Order]) -> list[TaxRate]:
    """Every tax the orders name, those of shipping methods too. Sub-rates are parts, and mapped by their parent."""
    rates: list[TaxRate] = []
    for order in orders:
        rates += [item.tax_rate for item in items_in(order) if item.tax_rate is not None]
        rates += [rate for item in order.lines for rate in item.method_rates]
        rates += [rate for item in order.custom_lines for rate in item.method_rates]
    return rates or [rate_of()]


def customer_for(currency: str, books: str) -> str:
    """Name the customer of a currency: the one customer for the books' own, one each for the others."""
    return CUSTOMER if currency == books else f"{CUSTOMER} {currency}"


def _currencies(orders: tuple[Order, ...]) -> tuple[str, list[str]]:
    """Return the books' currency (that of the first order) and the others."""
    named = list(dict.fromkeys(order.currency for order in orders)) or ["GBP"]
    return named[0], named[1:]


def rules_for(*orders: Order, **changes: Any) -> PostingRules:
    """Map every tax of the orders, by country and name, to the rule that `facts_for` knows; and their custom lines."""
    books, foreign = _currencies(orders)
    slugs = dict.fromkeys(each.slug for order in orders for each in order.custom_lines)
    tax = {(f"{r.country}/{r.name}" if r.country else r.name): rule_name(r.rate) for r in _rates(orders)}
    if any(order.tax_mode == "Disabled" for order in orders):
        tax["none"] = NO_TAX
    rules = PostingRules(
        customer=CUSTOMER,
        location=LOCATION,
        tax=tax,
        slugs={slug: ChargeRule(product=SERVICES.get(slug, slug), tender=slug == TENDER) for slug in slugs},
        currencies={
            currency: CurrencyRule(customer=customer_for(currency, books), rate="cin7-last") for currency in foreign
        },
    )
    return msgspec.structs.replace(rules, **changes)


def service(name: str, /, **changes: Any) -> Product:
    product = Product(id=f"service-{name}", sku=name.upper(), name=name, type="Service")
    return msgspec.structs.replace(product, **changes)


def product(sku: str, /, **changes: Any) -> Product:
    return msgspec.structs.replace(
        Product(id=f"product-{sku}", sku=sku, name=f"Product {sku}", type="Stock"), **changes
    )


def facts_for(*orders: Order, **changes: Any) -> Facts:
    """Know everything the orders name: SKUs, taxes, currencies, custom lines, and the three charges."""
    skus = {each.sku for order in orders for each in order.lines if each.sku}
    books, foreign = _currencies(orders)
    rates = {rate.rate for rate in _rates(orders)}
    rates |= {Decimal(0)} if any(order.tax_mode == "Disabled" for order in orders) else set()
    charges = ["Shipping", "Rounding", "Discount"]
    charges += sorted({SERVICES.get(each.slug, each.slug) for order in orders for each in order.custom_lines})
    days = {date.fromordinal(DAY_ONE + order.created_at // DAY_MS) for order in orders}
    facts = Facts(
        products={sku: product(sku) for sku in skus},
        services={name: service(name) for name in charges},
        tax_rules={
            rule_name(rate): TaxRule(id=f"rule-{rate}", name=rule_name(rate), percent=rate * 100) for rate in rates
        },
        locations={LOCATION: Location(id="location-1", name=LOCATION)},
        payment_terms={"30 days": PaymentTerm(id="term-1", name="30 days", is_default=True)},
        customers={
            customer_for(currency, books): Customer(
                id=f"customer-{number}", name=customer_for(currency, books), currency=currency
            )
            for number, currency in enumerate((books, *foreign), 1)
        },
        rates=tuple(
            ExchangeRate(currency=currency, day=day, rate=Decimal("1.25"), source="cin7-last")
            for currency in foreign
            for day in sorted(days)
        ),
        company=Company(name="Demo Co", currency=books, time_zone="Europe/London"),
        loaded=frozenset(FactKind),
    )
    return msgspec.structs.replace(facts, **changes)


class Shown(NamedTuple):
    """A document as one model of Cin7 shows it: its rows' totals and taxes, and what they add up to."""

    totals: tuple[Decimal, ...]
    taxes: tuple[Decimal, ...]
    net: Decimal
    tax: Decimal
    total: Decimal


def cin7_shows(prediction: Prediction, facts: Facts, model: Model) -> Shown:
    """Calculate a document as a Cin7 of this model would (money §6): row totals, then taxes, then the sums.

    Under the document model a row's tax is shown as sent; only the document's own tax is rounded once per rule.
    """

    def rounded(amount: Fraction, digits: int) -> Decimal:
        sign, scaled = (-1 if amount < 0 else 1), abs(amount) * 10**digits
        whole = round_fraction(scaled, "HalfEven" if model.even else "HalfUp")
        return to_decimal(sign * whole, digits)

    def tax_on(amount: Fraction, rule: str, digits: int) -> Decimal:
        rate = Fraction(facts.tax_rules[rule].percent) / 100
        return rounded(amount * rate / (1 + rate) if prediction.tax_inclusive else amount * rate, digits)

    totals: list[Decimal] = []
    taxes: list[Decimal] = []
    by_rule: dict[str, Fraction] = {}
    for row in prediction.rows:
        paid = Fraction(row.quantity) * Fraction(row.price) * (100 - Fraction(row.discount)) / 100
        total = rounded(paid, model.line_digits)
        totals.append(total)
        by_rule[row.tax_rule] = by_rule.get(row.tax_rule, Fraction(0)) + Fraction(total)
        taxes.append(tax_on(Fraction(total), row.tax_rule, model.tax_digits) if model.tax == "row" else row.tax)
    if model.tax == "document":
        tax = sum((tax_on(amount, rule, model.tax_digits) for rule, amount in by_rule.items()), Decimal(0))
    else:
        tax = sum(taxes, Decimal(0))
    amount = sum(totals, Decimal(0))
    net, total = (amount - tax, amount) if prediction.tax_inclusive else (amount, amount + tax)
    return Shown(tuple(totals), tuple(taxes), net, tax, total)


def shows_exactly(prediction: Prediction, facts: Facts, model: Model) -> tuple[bool, bool]:
    """Say whether the model agrees with the document's figures, and whether with those of every row as well."""
    shown = cin7_shows(prediction, facts, model)
    document = (shown.net, shown.tax, shown.total) == (prediction.net, prediction.tax, prediction.total)
    rows = all(
        (total, tax) == (row.amount, row.tax)
        for row, total, tax in zip(prediction.rows, shown.totals, shown.taxes, strict=True)
    )
    return document, document and rows


def answer_for(prediction: Prediction, *, status: str = "AUTHORISED") -> OrderView:
    """Show the order document as a Cin7 that takes every figure as given would."""
    rows = tuple(
        OrderRow(
            sku=row.sku if row.kind is RowKind.LINE else "",
            name=row.name,
            quantity=row.quantity,
            price=row.price,
            tax=row.tax,
            tax_rule=row.tax_rule,
            total=row.amount,
            discount=row.discount,
            is_charge=row.kind is not RowKind.LINE,
        )
        for row in prediction.rows
    )
    return OrderView(
        status=status,
        rows=rows,
        net=prediction.net,
        tax=prediction.tax,
        total=prediction.total,
        number="SO-00001",
    )
