"""Names of the order against what Cin7 has: SKUs, tax rules, service products, location, customer, company.

Each question answers with the fact or with findings that say which fact would settle it. A name missing from a list
that was never read is unknown, not wrong: `facts_missing` waits for the whole list (`fact_ref(kind, "")`). Names match
exactly; normalising would merge two codes (failure story K3).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, FactKind, Facts, Location, Product, TaxRule, fact_ref
from actors.domain.mapped import key_facts
from actors.domain.money import is_plain
from actors.domain.order import Order, TaxRate
from actors.domain.posting import PostingRules

ACTIVE = "Active"
GOODS = frozenset({"Stock", "Service"})
SERVICE = "Service"


def company_of(order: Order, facts: Facts, rules: PostingRules) -> Company | Finding:
    """Return the company if its books are in the order's currency, or the order's currency is mapped."""
    if facts.company is None:
        return _missing(FactKind.COMPANY, "the company settings")
    if facts.company.currency == order.currency or order.currency in rules.currencies:
        return facts.company
    return Finding(
        code="currency_unsupported",
        cause=f"the order is in {order.currency}, the books are in {facts.company.currency}, and [mappings.currencies]"
        f" names no customer of {order.currency}",
        field="totalPrice.currencyCode",
        waits_for=fact_ref(FactKind.COMPANY, ""),
        group=f"currency_unsupported:{order.currency}",
    )


def customer_of(order: Order, facts: Facts, rules: PostingRules) -> Customer | list[Finding]:
    """Return the customer sales are booked to, if it may carry this order without changing it."""
    name = customer_name(order, facts, rules)
    customer = facts.customers.get(name)
    waits_for = fact_ref(FactKind.CUSTOMER, name)
    if customer is None and FactKind.CUSTOMER not in facts.loaded:
        return [_missing(FactKind.CUSTOMER, f"customer {name}")]
    if customer is None or customer.status != ACTIVE:
        state = "does not exist" if customer is None else f"is {customer.status}"
        cause = f"customer {name} {state}"
        return [_about_customer("customer_unknown", cause, name, waits_for, "Customer")]
    findings = []
    if customer.currency != order.currency:
        cause = f"customer {name} holds {customer.currency}, the order is in {order.currency}"
        findings.append(_about_customer("customer_currency", cause, name, waits_for, "Currency"))
    if not customer.discount.is_finite() or customer.discount != 0:
        cause = f"customer {name} has a discount of {customer.discount} %"
        findings.append(_about_customer("customer_discount", cause, name, waits_for, "Discount"))
    return findings or customer


def customer_name(order: Order, facts: Facts, rules: PostingRules) -> str:
    """Return the name of the customer of the order's currency."""
    base = facts.company.currency if facts.company is not None else order.currency
    mapped = rules.currencies.get(order.currency)
    return rules.customer if order.currency == base or mapped is None else mapped.customer


def product_of(sku: str, facts: Facts) -> Product | Finding:
    """Return the product of exactly this SKU, if it may stand on a sale."""
    product = facts.products.get(sku)
    waits_for = fact_ref(FactKind.PRODUCT, sku)
    if product is None and FactKind.PRODUCT not in facts.loaded:
        return _missing(FactKind.PRODUCT, f"SKU {sku}", sku=sku)
    if product is None or product.sku != sku:
        return _about_sku("sku_unknown", f"Cin7 Core has no product with SKU {sku}", sku, waits_for)
    if product.status == "Deprecated":
        return _about_sku("product_deprecated", f"{sku} is deprecated", sku, waits_for)
    hindrance = _hindrance(product)
    return _about_sku("product_not_sellable", f"{sku} {hindrance}", sku, waits_for) if hindrance else product


def _hindrance(product: Product) -> str:
    """Say in words why the product cannot stand on a sale; empty when it can."""
    if product.status != ACTIVE:
        return f"has status {product.status}"
    if not product.sellable:
        return "is not sellable"
    return "" if product.type in GOODS else f"is of type {product.type}"


def tax_keys(rate: TaxRate) -> tuple[str, ...]:
    """List the keys of `[mappings.tax]` that may name this tax, most exact first."""
    figure = format(abs(rate.rate.normalize()), "f")
    by_country = (f"{rate.country}/{rate.name}",) if rate.country else ()
    return (*by_country, rate.name, figure)


def tax_rule_of(rate: TaxRate, facts: Facts, rules: PostingRules) -> TaxRule | Finding:
    """Return the mapped rule, if it exists, is for sales and has exactly the order's percentage."""
    keys = tax_keys(rate)
    name = next((rules.tax[key] for key in keys if key in rules.tax), None)
    if name is None:
        cause = f"no tax rule is mapped for {keys[0]} (looked for {', '.join(keys)})"
        group = f"tax_unmapped:{keys[0]}"
        return Finding(code="tax_unmapped", cause=cause, field="taxRate", group=group, facts=key_facts(keys))
    return _usable_rule(name, keys, rate.rate, facts)


UNTAXED = "none"
"""Key of `[mappings.tax]` for orders whose tax is disabled."""


def untaxed_rule(facts: Facts, rules: PostingRules) -> TaxRule | Finding:
    """Return the rule of orders without tax, which must be one of 0 percent."""
    name = rules.tax.get(UNTAXED)
    if name is None:
        cause = f"no tax rule is mapped for orders without tax (looked for {UNTAXED})"
        group = f"tax_unmapped:{UNTAXED}"
        return Finding(code="tax_unmapped", cause=cause, field="taxMode", group=group, facts=key_facts((UNTAXED,)))
    return _usable_rule(name, (UNTAXED,), Decimal(0), facts)


def _usable_rule(name: str, keys: tuple[str, ...], rate: Decimal, facts: Facts) -> TaxRule | Finding:
    """Return the rule of this name if it is for sales and has exactly this rate."""
    key, rule = keys[0], facts.tax_rules.get(name)
    if rule is None and FactKind.TAX_RULE not in facts.loaded:
        return _missing(FactKind.TAX_RULE, f"tax rule {name}")
    if rule is None:
        return _about_rule("tax_rule_unknown", f"{key} is mapped to {name}, which Cin7 Core does not have", name, keys)
    if not rule.active or not rule.for_sale:
        state = "not active" if not rule.active else "not for sales"
        return _about_rule("tax_rule_inactive", f"{key} is mapped to {name}, which is {state}", name, keys)
    if not _same_percent(rule.percent, rate):
        return Finding(
            code="tax_rate_differs",
            cause=f"{key}: the order is taxed at {rate * 100:f} %, {name} has {rule.percent} % ({rate:f} vs"
            f" {rule.percent / 100})",
            field="taxRate.amount",
            waits_for=fact_ref(FactKind.TAX_RULE, name),
            group=f"tax_rate_differs:{name}",
            facts={"commercetools": f"{rate * 100:f} %", "Cin7 Core": f"{rule.percent} %", **key_facts(keys)},
        )
    return rule


def charge_name(template: str, rule: str) -> str:
    """Return the service product's name; `{rule}` stands for the tax rule."""
    return template.replace("{rule}", rule)


def service_of(name: str, facts: Facts) -> Product | Finding:
    """Return the service product that carries a charge. Matched by exact name: Cin7 joins charges by it."""
    product = facts.services.get(name)
    if product is None and FactKind.PRODUCT not in facts.loaded:
        return _missing(FactKind.PRODUCT, f"service product {name}")
    if product is not None and product.name == name and product.type == SERVICE and product.status == ACTIVE:
        return product
    if product is None or product.name != name:
        cause = f"Cin7 Core has no service product named {name}"
    else:
        cause = f"the product {name} is {product.status} and of type {product.type}; a charge needs an active Service"
    # The fact that settles it is a product of this *name*; its SKU is not known, so it waits for products as a whole.
    return Finding(
        code="charge_unknown",
        cause=cause,
        field="AdditionalCharges.Description",
        waits_for=fact_ref(FactKind.PRODUCT, product.sku if product is not None else ""),
        group=f"charge_unknown:{name}",
    )


def service_for_slug(slug: str, name: str, facts: Facts, rules: PostingRules) -> Product | Finding:
    """Return the service product that carries a custom line: the mapped one, else one of the line's own name."""
    if slug in rules.gift_cards:
        return gift_card_service(slug, facts, rules)
    mapped = rules.slugs.get(slug)
    if mapped is not None:
        return service_of(mapped.product, facts)
    product = facts.services.get(name)
    if product is None and FactKind.PRODUCT not in facts.loaded:
        return _missing(FactKind.PRODUCT, f"the service product of custom line {slug}")
    if product is not None and product.name == name and product.type == SERVICE and product.status == ACTIVE:
        return product
    return Finding(
        code="charge_unmapped",
        cause=f"the custom line {slug} is mapped to no service product, and none is named like the line",
        field="customLineItems.slug",
        waits_for=fact_ref(FactKind.PRODUCT, ""),
        group=f"charge_unmapped:{slug}",
    )


LIABILITY = "LIABILITY"
"""Class of an account that holds what is owed (fact sheet §6)."""


def gift_card_service(card: str, facts: Facts, rules: PostingRules) -> Product | Finding:
    """Return the service product a gift card is sold as: what it brings in is owed until somebody pays with it."""
    name = rules.gift_cards[card]
    product = service_of(name, facts)
    if isinstance(product, Finding):
        return product if product.code == "facts_missing" else _about_card(card, f"cannot be sold: {product.cause}")
    code = product.revenue_account
    account = facts.accounts.get(code)
    if code and account is None and FactKind.ACCOUNT not in facts.loaded:
        return _missing(FactKind.ACCOUNT, f"account {code}")
    if account is not None and account.kind.upper() == LIABILITY:
        return product
    kind = account.kind if account is not None and account.kind else "unknown"
    booked = f"account {code}, of class {kind}" if code else "no account of its own"
    return _about_card(card, f"is sold as {name}, which is booked to {booked}, and not to a liability", product.sku)


def _about_card(card: str, fault: str, sku: str = "") -> Finding:
    return Finding(
        code="gift_card_unmapped",
        cause=f"the gift card {card} {fault}",
        field="RevenueAccount",
        sku=card,
        waits_for=fact_ref(FactKind.PRODUCT, sku),
        group=f"gift_card_unmapped:{card}",
    )


def location_of(order: Order, facts: Facts, rules: PostingRules) -> Location | list[Finding]:
    """Return the one location of the sale: what its lines' supply channels agree on."""
    names, findings = _location_names(order, rules)
    if findings:
        return findings
    if len(names) > 1 and rules.split_location:
        names = [rules.split_location]
    if len(names) > 1:
        shown = " and ".join(names)
        return [
            Finding(
                code="location_split",
                cause=f"the lines belong to {shown}",
                field="lineItems.supplyChannel",
                group=f"location_split:{'+'.join(sorted(names))}",
            )
        ]
    name = names[0]
    location = facts.locations.get(name)
    if location is None and FactKind.LOCATION not in facts.loaded:
        return [_missing(FactKind.LOCATION, f"location {name}")]
    if location is not None and not location.deprecated:
        return location
    return [
        Finding(
            code="location_unknown",
            cause=f"location {name} {'does not exist' if location is None else 'is deprecated'}",
            field="Location",
            waits_for=fact_ref(FactKind.LOCATION, name),
            group=f"location_unknown:{name}",
        )
    ]


def unfed_channels(order: Order, rules: PostingRules) -> frozenset[str]:
    """Return the supply channels of the lines ("": none) that are not fed from where the order's sale is booked.

    What the sale takes there is never seen in what these channels have (`orders.split_location`).
    """
    names, _ = _location_names(order, rules)
    if not names:
        return frozenset()
    booked = rules.split_location if len(names) > 1 and rules.split_location else names[0]
    channels = {line.supply_channel or "" for line in order.lines if line.sku not in rules.gift_cards}
    return frozenset(channel for channel in channels if booked not in _fed_by(channel, rules))


def _fed_by(channel: str, rules: PostingRules) -> tuple[str, ...]:
    return rules.channels.get(channel, () if channel else (rules.location,))


def _location_names(order: Order, rules: PostingRules) -> tuple[list[str], list[Finding]]:
    """List the distinct locations of the goods, by first appearance, and the channels that lead to none or many."""
    names: dict[str, None] = {}
    findings: list[Finding] = []
    goods = (line for line in order.lines if line.sku not in rules.gift_cards)
    for channel in dict.fromkeys(line.supply_channel or "" for line in goods) or {"": None}:
        if not channel:
            names[rules.location] = None
            continue
        mapped = rules.channels.get(channel, ())
        if len(mapped) == 1:
            names[mapped[0]] = None
            continue
        if mapped and rules.split_location:
            names[rules.split_location] = None
            continue
        if not mapped:
            code, cause = "channel_unmapped", f"supply channel {channel} is mapped to no location"
        else:
            code, cause = "location_split", f"supply channel {channel} is fed by {' and '.join(mapped)}"
        findings.append(Finding(code=code, cause=cause, field="lineItems.supplyChannel", group=f"{code}:{channel}"))
    return list(names), findings


def _same_percent(percent: Decimal, rate: Decimal) -> bool:
    return is_plain(percent) and is_plain(rate) and Fraction(percent) == Fraction(rate) * 100


def _missing(kind: FactKind, what: str, sku: str = "") -> Finding:
    return Finding(
        code="facts_missing",
        cause=f"The {kind.value.replace('_', ' ')} list of Cin7 Core was never read, so {what} cannot be judged yet",
        field=kind.value,
        facts={"sku": sku} if sku else {},
        waits_for=fact_ref(kind, ""),
        group=f"facts_missing:{kind.value}",
    )


def _about_customer(code: str, cause: str, name: str, waits_for: str, field: str) -> Finding:
    return Finding(code=code, cause=cause, field=field, waits_for=waits_for, group=f"{code}:{name}")


def _about_sku(code: str, cause: str, sku: str, waits_for: str) -> Finding:
    return Finding(code=code, cause=cause, field="variant.sku", sku=sku, waits_for=waits_for, group=f"{code}:{sku}")


def _about_rule(code: str, cause: str, name: str, keys: tuple[str, ...]) -> Finding:
    waits_for, group = fact_ref(FactKind.TAX_RULE, name), f"{code}:{name}"
    return Finding(code=code, cause=cause, field="taxRate", waits_for=waits_for, group=group, facts=key_facts(keys))
