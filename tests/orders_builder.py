"""Builds orders that agree with themselves, and the facts and rules under which they are plain.

`plain_order` computes taxes the way commercetools documents it: the side of the price is kept, the other side is
rounded by the order's rounding mode, per line or per unit. Tests that are about figures state them beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from actors.domain.facts import Company, Customer, FactKind, Facts, Location, PaymentTerm, Product, TaxRule
from actors.domain.order import (
    Address,
    CustomLine,
    Line,
    Order,
    PriceGroup,
    Shipping,
    Taxed,
    TaxedTotal,
    TaxPortion,
    TaxRate,
)
from actors.domain.posting import PostingRules
from actors.domain.prediction import Prediction
from actors.domain.sale import OrderRow, OrderView, RowKind
from actors.domain.time import parse_instant

ORDER_ID = "4f0c1d2e-0000-4000-8000-000000000001"
CREATED_AT = parse_instant("2026-12-24T10:15:30.123Z")
CUSTOMER = "commercetools web orders"
LOCATION = "Main Warehouse"
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


def rate_of(
    rate: str = "0.2", *, included: bool = True, name: str = "standard", country: str | None = "GB", sub: bool = False
) -> TaxRate:
    return TaxRate(name=name, rate=Decimal(rate), included=included, country=country, has_sub_rates=sub)


def round_fraction(amount: Fraction, mode: str) -> int:
    """Round to a whole minor unit as commercetools does; only a tie depends on the mode."""
    floor = amount.numerator // amount.denominator
    part = amount - floor
    if part != Fraction(1, 2):
        return floor + (part > Fraction(1, 2))
    return {"HalfUp": floor + 1, "HalfDown": floor, "HalfEven": floor + floor % 2}[mode]


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


def shipment(
    price: int = 495, *, discounted: int | None = None, rate: TaxRate | None = None, rounding: str = "HalfEven"
) -> Shipping:
    rate = rate or rate_of()
    amount = price if discounted is None else discounted
    return Shipping(
        method="Standard", price=price, discounted=discounted, tax_rate=rate, taxed=taxed_of(amount, rate, rounding)
    )


def custom_line(slug: str = "gift-wrap", quantity: int = 1, unit: int = 350, rate: TaxRate | None = None) -> CustomLine:
    rate = rate or rate_of()
    amount = quantity * unit
    return CustomLine(
        id=f"custom-{slug}",
        slug=slug,
        name=slug,
        quantity=quantity,
        unit_minor=unit,
        total=amount,
        tax_rate=rate,
        taxed=taxed_of(amount, rate),
    )


def totalled(order: Order) -> Order:
    """Return the order with its totals and portions added up from its items, as commercetools does."""
    items: list[Line | CustomLine | Shipping] = [*order.lines, *order.custom_lines, *order.shipping]
    taxed = [(item.tax_rate, item.taxed) for item in items if item.taxed is not None and item.tax_rate is not None]
    portions: dict[tuple[str, Decimal], int] = {}
    for rate, figures in taxed:
        key = (rate.name, rate.rate)
        portions[key] = portions.get(key, 0) + figures.gross - figures.net
    net, gross = sum(figures.net for _, figures in taxed), sum(figures.gross for _, figures in taxed)
    total = sum(item.total for item in order.lines) + sum(item.total for item in order.custom_lines)
    total += sum(part.price if part.discounted is None else part.discounted for part in order.shipping)
    return msgspec.structs.replace(
        order,
        total=total - (order.discount_on_total or 0),
        taxed=TaxedTotal(
            net=net,
            gross=gross,
            tax=gross - net,
            portions=tuple(TaxPortion(rate=rate, amount=tax, name=name) for (name, rate), tax in portions.items()),
        ),
    )


def plain_order(
    *goods: tuple[str, int, int] | Line,
    rate: str = "0.2",
    included: bool = True,
    shipping: int | Shipping | None = None,
    currency: str = "GBP",
    tax_rounding: str = "HalfEven",
    tax_calculation: str = "LineItemLevel",
    **changes: Any,
) -> Order:
    """Build a consistent order.

    `goods` are (SKU, quantity, unit price in minor units) or ready lines; by default A 1×19.99.

    `changes` replace fields of the finished order: nothing is added up again after them.
    """
    tax = rate_of(rate, included=included, country="GB" if currency == "GBP" else "DE")
    lines = tuple(
        each
        if isinstance(each, Line)
        else line(*each, rate=tax, rounding=tax_rounding, calculation=tax_calculation, currency=currency)
        for each in goods or (("A", 1, 1999),)
    )
    parcels = (shipment(shipping, rate=tax, rounding=tax_rounding),) if isinstance(shipping, int) else ()
    parcels = (shipping,) if isinstance(shipping, Shipping) else parcels
    order = Order(
        id=ORDER_ID,
        version=1,
        created_at=CREATED_AT,
        modified_at=CREATED_AT,
        currency=currency,
        digits=2,
        total=0,
        state="Open",
        number="CT-100045",
        payment_state="Paid",
        country=tax.country,
        tax_rounding=tax_rounding,
        tax_calculation=tax_calculation,
        lines=lines,
        shipping=parcels,
        email="ann@example.test",
        billing=ADDRESS,
        shipping_address=ADDRESS,
    )
    return msgspec.structs.replace(totalled(order), **changes)


def rule_name(rate: Decimal) -> str:
    """Name the tax rule of a rate the way the facts below do."""
    return f"Sales {(rate * 100).normalize():f}%"


def _rates(orders: Iterable[Order]) -> list[TaxRate]:
    items: list[Line | CustomLine | Shipping] = []
    for order in orders:
        items += [*order.lines, *order.custom_lines, *order.shipping]
    return [item.tax_rate for item in items if item.tax_rate is not None] or [rate_of()]


def rules_for(*orders: Order, **changes: Any) -> PostingRules:
    """Map every tax of the orders, by country and name, to the rule that `facts_for` knows."""
    rules = PostingRules(
        customer=CUSTOMER,
        location=LOCATION,
        tax={(f"{r.country}/{r.name}" if r.country else r.name): rule_name(r.rate) for r in _rates(orders)},
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
    """Know everything the orders name: their SKUs, their taxes, their currency, and the three charges."""
    skus = {each.sku for order in orders for each in order.lines if each.sku}
    currency = orders[0].currency if orders else "GBP"
    rates = {rate.rate for rate in _rates(orders)}
    facts = Facts(
        products={sku: product(sku) for sku in skus},
        services={name: service(name) for name in ("Shipping", "Rounding", "Discount")},
        tax_rules={
            rule_name(rate): TaxRule(id=f"rule-{rate}", name=rule_name(rate), percent=rate * 100) for rate in rates
        },
        locations={LOCATION: Location(id="location-1", name=LOCATION)},
        payment_terms={"30 days": PaymentTerm(id="term-1", name="30 days", is_default=True)},
        customers={CUSTOMER: Customer(id="customer-1", name=CUSTOMER, currency=currency)},
        company=Company(name="Demo Co", currency=currency, time_zone="Europe/London"),
        loaded=frozenset(FactKind),
    )
    return msgspec.structs.replace(facts, **changes)


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
