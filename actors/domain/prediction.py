"""What Cin7 will show for an order, to the cent, before anything is sent (law L5, money §2, §7).

`predict` is pure and total: every order becomes a document or a hold with all that was found. Row amounts and taxes are
copied from commercetools' figures (`composing`); which arithmetic Cin7 applies to them is not known but learnt, so the
document is held against every model of it that is still alive, and says whether it may be authorised at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from actors.domain.arithmetic import MODELS, Figures, Sheet, from_ticks, ticks
from actors.domain.calibration import ALL, Knowledge, judge
from actors.domain.composing import Composition, Part, Terms, compose
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, ExchangeRate, FactKind, Facts, Location, Product, fact_ref
from actors.domain.features import absurdities, feature_findings, not_plain
from actors.domain.items import charged, items_of, shown
from actors.domain.limits import Field
from actors.domain.mapping import (
    charge_name,
    company_of,
    customer_of,
    gift_card_service,
    location_of,
    product_of,
    service_for_slug,
    service_of,
)
from actors.domain.money import to_decimal
from actors.domain.notes import carrier_of, note_findings
from actors.domain.order import Order
from actors.domain.people import text_findings
from actors.domain.period_lock import lock_date_of
from actors.domain.posting import PostingRules
from actors.domain.posting_date import posting_date, zone_of
from actors.domain.pricing import Price
from actors.domain.rates import rate_for
from actors.domain.sale import Row, RowKind
from actors.domain.source_check import source_findings
from actors.domain.taxation import Ruled, rule_items, taxes_by_rule

NOTHING = Decimal(0)
FREE = Decimal(100)


class Decision(StrEnum):
    """What to do with a document that can be written."""

    POST = "post"
    DRAFT_FIRST = "draft_first"


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The document as Cin7 will show it. Amounts are decimals in `currency`.

    `rows` are in the fixed order of money §3. `shipping`, `discount`, `cents` and `folded` are in the document's own
    terms: gross in an inclusive one, net in an exclusive one; `discount` is negative, `folded` is what the lines carry
    of it instead. `tax_rule` is what the header names; every row names its own too. `whole_only` are SKUs whose price
    is exact for the whole quantity only. `tolerated` are minor units the order itself does not explain.
    `percents` are those of the tax rules named, `exact_under` the numbers of the models that show it as it is meant.
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
    customer: Customer
    percents: dict[str, Decimal]
    rate: ExchangeRate | None = None
    carrier: str = ""
    shipping: Decimal = NOTHING
    discount: Decimal = NOTHING
    cents: Decimal = NOTHING
    folded: Decimal = NOTHING
    tolerated: int = 0
    whole_only: frozenset[str] = frozenset()
    exact_under: frozenset[int] = ALL
    decision: Decision = Decision.POST


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why the order is not sent: everything that was found, at least one thing."""

    findings: tuple[Finding, ...]


class _Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the order's names became in Cin7."""

    customer: Customer
    location: Location
    products: dict[str, Product]
    rate: ExchangeRate | None
    carrier: str


def predict(order: Order, facts: Facts, rules: PostingRules) -> Prediction | Hold:
    """Say what Cin7 will show for the order, or everything that stands in the way.

    Raises:
        TypeError: an amount is a float; that is no order (law L10).
    """
    absurd = absurdities(order)
    if absurd:
        return _hold(absurd)
    findings = [
        *feature_findings(order),
        *source_findings(order, tolerance=rules.tolerance),
        *text_findings(order, rules),
        *_payable(order),
    ]
    ruled, unruled = rule_items(order, items_of(order), facts, rules)
    account, unmapped = _account(order, facts, rules)
    source_is_sound = not findings
    findings += [*unruled, *unmapped]
    if unruled or not source_is_sound:
        return _hold([*findings, *_charges_by_name(order, facts, rules)])
    taxes = taxes_by_rule(order, ruled)
    if isinstance(taxes, Finding):
        return _hold([*findings, taxes])
    writer = _Writer(order=order, ruled=ruled, taxes=taxes, account=account, facts=facts, rules=rules)
    written = writer.write(inclusive=writer.modes[0])
    if account is None or findings or not isinstance(written, _Written):
        return _hold([*findings, *(written if isinstance(written, list) else ())])
    return _choose(writer, written)


def _hold(findings: Iterable[Finding]) -> Hold:
    """Collect the findings, each once: the same cause on the same field is one thing to mend."""
    distinct: dict[tuple[str, str, str, str], Finding] = {}
    for finding in findings:
        distinct.setdefault((finding.code, finding.field, finding.sku, finding.cause), finding)
    return Hold(findings=tuple(distinct.values()))


def _payable(order: Order) -> list[Finding]:
    """A payment in Cin7 has two decimals: what cannot be paid must not be posted."""
    if order.digits <= 2 or order.payable % 10 ** (order.digits - 2) == 0:
        return []
    return [
        Finding(
            code="payment_two_decimals",
            cause=f"{shown(order.payable, order)} ({order.payable}) is owed, and a payment in Cin7 Core has two"
            " decimals",
            field="taxedPrice.totalGross",
            facts={"commercetools": shown(order.payable, order), "Cin7 Core": "two decimals"},
        )
    ]


# -- names -----------------------------------------------------------------------------------------------------------


def _account(order: Order, facts: Facts, rules: PostingRules) -> tuple[_Account | None, list[Finding]]:
    """Look up every name the header and the goods need. None where one is missing, with all that was found."""
    books, rate = _books(order, facts, rules)
    findings = [*books, *_unnamed(order), *note_findings(order, facts, rules)]
    customer = customer_of(order, facts, rules)
    location = location_of(order, facts, rules)
    carrier = carrier_of(order, facts, rules)
    findings += [*(customer if isinstance(customer, list) else ()), *(location if isinstance(location, list) else ())]
    findings += [carrier] if isinstance(carrier, Finding) else []
    products, strangers = _products(order, facts, rules)
    findings += strangers
    if isinstance(customer, list) or isinstance(location, list) or isinstance(carrier, Finding) or findings:
        return None, findings
    return _Account(customer=customer, location=location, products=products, rate=rate, carrier=carrier), []


def _books(order: Order, facts: Facts, rules: PostingRules) -> tuple[list[Finding], ExchangeRate | None]:
    """Check what the company settings decide: currency and rate, the books' day, and whether it is still open."""
    company: Company | Finding = company_of(order, facts, rules)
    findings = [company] if isinstance(company, Finding) else []
    if facts.company is None:
        return findings, None
    zone = zone_of(facts.company, rules)
    if isinstance(zone, Finding):
        return [*findings, zone], None
    day = posting_date(order, zone)
    findings += _locked(facts.company, day)
    if findings or order.currency == facts.company.currency:
        return findings, None
    rate = rate_for(day, order.currency, facts, rules)
    return ([*findings, rate], None) if isinstance(rate, Finding) else (findings, rate)


def _locked(company: Company, day: date) -> list[Finding]:
    """Nothing is dated into a period the books have closed (fact sheet §1.2). An unreadable date is told elsewhere."""
    try:
        opens = lock_date_of(company.lock_date)
    except ValueError:
        return []
    if opens is None or day >= opens:
        return []
    return [
        Finding(
            code="period_locked",
            cause=f"the order is of {day}, and the books are locked before {opens}",
            field="LockDate",
            waits_for=fact_ref(FactKind.COMPANY, ""),
            facts={"order": str(day), "books open from": str(opens)},
        )
    ]


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


def _products(order: Order, facts: Facts, rules: PostingRules) -> tuple[dict[str, Product], list[Finding]]:
    products: dict[str, Product] = {}
    findings: list[Finding] = []
    for sku in dict.fromkeys(line.sku for line in order.lines if line.sku and line.sku not in rules.gift_cards):
        found = product_of(sku, facts)
        if isinstance(found, Finding):
            findings.append(found)
            continue
        products[sku] = found
        if Field.SKU.too_long(sku):
            cause = f"the SKU has {len(sku)} characters, Cin7 Core takes {Field.SKU.most}"
            findings.append(Finding(code="field_too_long", cause=cause, field="variant.sku", sku=sku))
    return products, findings


# -- the document ----------------------------------------------------------------------------------------------------


class _Written(NamedTuple):
    """A document and its sheet, which is worth making only once."""

    document: Prediction
    sheet: Sheet


class _Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a document is written from; `account` None: a name is missing, and only findings can come of it."""

    order: Order
    ruled: Sequence[Ruled]
    taxes: dict[str, int]
    account: _Account | None
    facts: Facts
    rules: PostingRules

    @property
    def modes(self) -> tuple[bool, ...]:
        """Mirror the order: all prices with tax in them make an inclusive document, anything else an exclusive one."""
        if self.order.tax_mode in ("ExternalAmount", "Disabled"):
            return (False,)
        priced = {rate.included for each in self.ruled if each.item.amount for rate in each.item.rates}
        if len(priced) > 1:
            return (False,)
        return (True, False) if priced == {True} else (False, True)

    def write(self, *, inclusive: bool) -> _Written | list[Finding]:
        """Write the document in one mode."""
        terms = _terms(self.rules, self.facts, inclusive=inclusive)
        composition = compose(self.order, self.ruled, self.taxes, terms)
        services = _services(self.order, composition, self.facts, self.rules)
        found = [*composition.findings, *services.findings, *_too_many(composition, self.rules)]
        if not composition.parts:
            found.append(
                not_plain("nothing to post", "nothing of the order has a price or is goods", field="lineItems")
            )
        if found or self.account is None:
            return found
        document = _document(self.order, composition, services.named, self.account, inclusive=inclusive)
        written = _Written(document, sheet_of(document))
        return written if _adds_up(written) else [_does_not_add_up(written)]


def _terms(rules: PostingRules, facts: Facts, *, inclusive: bool) -> Terms:
    refused = facts.calibration.negative_charges is False
    return Terms(
        inclusive=inclusive,
        fold=rules.discount_as == "lines",
        negatives=not refused,
        charges_only=rules.discount_as == "charge",
        tenders=frozenset(slug for slug, charge in rules.slugs.items() if charge.tender),
        gift_cards=frozenset(rules.gift_cards),
        tolerance=rules.tolerance,
    )


def _too_many(composition: Composition, rules: PostingRules) -> list[Finding]:
    rows = len(composition.parts)
    if rows <= rules.most_rows:
        return []
    cause = f"the order needs {rows} rows; up to {rules.most_rows} are known to fit one document"
    return [not_plain("too many rows", cause, field="lineItems")]


class _Services(msgspec.Struct, frozen=True, kw_only=True):
    """The service product of each charge, by its place among the parts."""

    named: dict[int, Product]
    findings: list[Finding]


def _services(order: Order, composition: Composition, facts: Facts, rules: PostingRules) -> _Services:
    """Look up the service product of every charge (Cin7 joins charges by name)."""
    named: dict[int, Product] = {}
    findings: list[Finding] = []
    names = {f"customLineItems[{place}]": line.name for place, line in enumerate(order.custom_lines)}
    templates = {
        RowKind.SHIPPING: rules.charges.shipping,
        RowKind.DISCOUNT: rules.charges.discount,
        RowKind.ROUNDING: rules.charges.rounding,
    }
    for place, part in enumerate(composition.parts):
        if part.kind is RowKind.LINE:
            continue
        if part.kind is RowKind.CUSTOM:
            found = service_for_slug(part.key, names.get(part.where, ""), facts, rules)
        elif part.kind is RowKind.ROUNDING and not rules.charges.rounding:
            found = _no_rounding_charge(order, composition)
        else:
            found = service_of(charge_name(templates[part.kind], part.rule.name), facts)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            named[place] = found
    if facts.calibration.repeated_charges is False:
        findings += _repeated(named)
    return _Services(named=named, findings=findings)


def _charges_by_name(order: Order, facts: Facts, rules: PostingRules) -> list[Finding]:
    """Look the charges up that need no tax rule to be named, so that all that is missing is told at once."""
    found: list[Product | Finding] = []
    if any(charged(part) for part in order.shipping) and "{rule}" not in rules.charges.shipping:
        found.append(service_of(rules.charges.shipping, facts))
    uneven = any(line.quantity > 0 and line.total % line.quantity for line in order.lines)
    if uneven and rules.charges.rounding and "{rule}" not in rules.charges.rounding:
        found.append(service_of(rules.charges.rounding, facts))
    found += [service_for_slug(line.slug, line.name, facts, rules) for line in order.custom_lines if line.total]
    cards = dict.fromkeys(line.sku for line in order.lines if line.sku and line.total)
    found += [gift_card_service(sku, facts, rules) for sku in cards if sku in rules.gift_cards]
    return [answer for answer in found if isinstance(answer, Finding)]


def _no_rounding_charge(order: Order, composition: Composition) -> Finding:
    uneven = next((part for part in composition.parts if part.price.left), composition.parts[0])
    return Finding(
        code="needs_rounding_charge",
        cause=f"{uneven.key}: {shown(uneven.amount, order)} ({uneven.amount} / {uneven.quantity}) do not divide into"
        f" whole prices of {uneven.quantity} pieces",
        field="lineItems.totalPrice",
        sku=uneven.key if uneven.kind is RowKind.LINE else "",
        facts={
            "commercetools": shown(uneven.amount, order),
            "Cin7 Core": f"{uneven.quantity} × {from_ticks(uneven.price.ticks):f}",
            "left over": shown(uneven.price.left, order),
        },
    )


def _repeated(named: dict[int, Product]) -> list[Finding]:
    """The account refused one service product twice in a document: then each rule needs one of its own."""
    seen: set[str] = set()
    findings = []
    for service in named.values():
        if service.name in seen:
            findings.append(
                Finding(
                    code="charge_repeated",
                    cause=f"{service.name} would stand twice on the document, which this account refuses",
                    field="AdditionalCharges.Description",
                    group=f"charge_repeated:{service.name}",
                )
            )
        seen.add(service.name)
    return findings


def _document(
    order: Order, composition: Composition, services: dict[int, Product], account: _Account, *, inclusive: bool
) -> Prediction:
    """Write the rows. What they add up to is the order's own net and gross, or the composition would be wrong."""
    parts = composition.parts
    rows = tuple(_row(order, part, services.get(place), account) for place, part in enumerate(parts))
    taxes: dict[str, int] = {}
    for part in parts:
        taxes[part.rule.name] = taxes.get(part.rule.name, 0) + part.tax
    net, gross = (order.taxed.net, order.taxed.gross) if order.taxed is not None else (order.total, order.total)

    def amount(*kinds: RowKind) -> Decimal:
        return sum((row.amount for row in rows if row.kind in kinds), to_decimal(0, order.digits))

    return Prediction(
        currency=order.currency,
        tax_inclusive=inclusive,
        rows=rows,
        net=to_decimal(net, order.digits),
        tax=to_decimal(gross - net, order.digits),
        total=to_decimal(gross, order.digits),
        tax_by_rule={name: to_decimal(tax, order.digits) for name, tax in taxes.items()},
        tax_rule=parts[0].rule.name,
        location=account.location.name,
        customer_id=account.customer.id,
        customer=account.customer,
        percents={part.rule.name: part.rule.percent for part in parts},
        rate=account.rate,
        carrier=account.carrier,
        shipping=amount(RowKind.SHIPPING),
        discount=amount(RowKind.DISCOUNT),
        cents=amount(RowKind.ROUNDING),
        folded=to_decimal(composition.folded, order.digits),
        tolerated=composition.tolerated,
        whole_only=frozenset(part.key for part in parts if part.fine and part.price.ticks % _unit(order.digits)),
    )


def _adds_up(written: _Written) -> bool:
    """Whether the rows, as Cin7 multiplies them, are the order's own net, tax and gross."""
    document, sent = written.document, written.sheet.sent()
    return (sent.net, sent.tax, sent.total) == tuple(map(ticks, (document.net, document.tax, document.total)))


def _does_not_add_up(written: _Written) -> Finding:
    """Never seen; should a kind of order slip through the rules above, it is held and not posted."""
    document, sent = written.document, written.sheet.sent()
    cause = (
        f"the rows would add up to net {from_ticks(sent.net):f}, tax {from_ticks(sent.tax):f}; the order is net"
        f" {document.net:f}, tax {document.tax:f}"
    )
    return not_plain("rows do not add up", cause, field="taxedPrice")


def _row(order: Order, part: Part, service: Product | None, account: _Account) -> Row:
    quantity = Decimal(part.quantity)
    price = to_decimal(part.list_minor, order.digits) if part.free else _price(order, part.price)
    product = service if service is not None else account.products[part.key]
    is_line = part.kind is RowKind.LINE
    return Row(
        kind=part.kind,
        sku=part.key if is_line else product.name,
        product_id=product.id,
        name=Field.NAME.fit(product.name) if is_line else product.name,
        quantity=quantity,
        price=price,
        tax=to_decimal(part.tax, order.digits),
        tax_rule=part.rule.name,
        amount=to_decimal(part.amount - part.price.left, order.digits),
        discount=FREE if part.free else NOTHING,
        comment=Field.LINE_COMMENT.fit(_comment(order, part)) if is_line else "",
    )


def _price(order: Order, price: Price) -> Decimal:
    """Write a price with as many decimals as the currency has, or as it needs."""
    unit = _unit(order.digits)
    if price.ticks % unit:
        return from_ticks(price.ticks)
    return to_decimal(price.ticks // unit, min(order.digits, 2))


def _unit(digits: int) -> int:
    """Return the ticks of the least step of a whole price."""
    return int(10 ** (4 - min(digits, 2)))


def _comment(order: Order, part: Part) -> str:
    """Tell what the merged price hides: the prices it is made of ("2 @ 5.00, 1 @ 10.00") and the list price.

    Sorted by price, so that the same lines in another order give the same text.
    """
    if len(part.lines) == 1 and not part.lines[0].groups and part.lines[0].list_minor == part.lines[0].unit_minor:
        line = part.lines[0]
        if line.unit_minor * line.quantity == line.total:
            return ""
    at_price: dict[int, int] = {}
    lumps: list[str] = []
    for line in part.lines:
        groups = [(group.quantity, group.unit_minor) for group in line.groups] or [(line.quantity, line.unit_minor)]
        if sum(quantity * unit for quantity, unit in groups) != line.total:
            lumps.append(f"{line.quantity} for {to_decimal(line.total, order.digits)}")
            continue
        for quantity, unit in groups:
            at_price[unit] = at_price.get(unit, 0) + quantity
    parts = [f"{at_price[unit]} @ {to_decimal(unit, order.digits)}" for unit in sorted(at_price)] + sorted(lumps)
    prices = ", ".join(parts) if len(parts) > 1 or lumps else ""
    lists = sorted({line.list_minor for line in part.lines if line.list_minor > line.unit_minor})
    listed = f"list {', '.join(str(to_decimal(minor, order.digits)) for minor in lists)}" if lists else ""
    return "; ".join(text for text in (prices, listed) if text)


# -- what Cin7 will make of it ---------------------------------------------------------------------------------------


def sheet_of(prediction: Prediction) -> Sheet:
    """Return the document as something the models can calculate."""
    return Sheet(prediction.rows, prediction.percents, inclusive=prediction.tax_inclusive)


def _choose(writer: _Writer, written: _Written) -> Prediction | Hold:
    """Take the order's own mode unless every model alive shows other figures; then the other, where it is certain.

    A document in the other mode is only written where nothing about it is open: it is no place to learn.
    """
    calibration = writer.facts.calibration
    document = written.document
    record = calibration.of(inclusive=document.tax_inclusive)
    # The models alive are asked first: where none of them shows the document as meant, the others need not be asked.
    if record.outside or written.sheet.exact_under(record.alive):
        exact = written.sheet.exact_under()
        return _decided(document, exact, judge(record, exact))
    for inclusive in writer.modes[1:]:
        other = writer.write(inclusive=inclusive)
        if isinstance(other, list):
            continue
        record = calibration.of(inclusive=inclusive)
        if not record.outside and other.sheet.exact_under(record.alive) == record.alive:
            exact = other.sheet.exact_under()
            return _decided(other.document, exact, judge(record, exact))
    return Hold(findings=(differs_finding(writer.order, written, writer.facts),))


def _decided(document: Prediction, exact: frozenset[int], knowledge: Knowledge) -> Prediction:
    decision = Decision.POST if knowledge is Knowledge.SURE else Decision.DRAFT_FIRST
    return msgspec.structs.replace(document, exact_under=exact, decision=decision)


def differs_finding(order: Order, written: _Written, facts: Facts) -> Finding:
    """Say which component Cin7 would show otherwise, with both figures and the rule that makes each."""
    document, sheet = written
    record = facts.calibration.of(inclusive=document.tax_inclusive)
    number = min(record.alive)
    meant, theirs = sheet.sent(), sheet.under(MODELS[number])
    sides = _sides(document, meant, theirs, sheet.tax_by_rule(MODELS[number]))
    sides["how tax is made commercetools"] = f"{order.tax_calculation}, {order.tax_rounding}, copied"
    sides["how tax is made Cin7 Core"] = str(MODELS[number])
    wrong = (name for name in ("net", "tax", "total") if sides[f"{name} commercetools"] != sides[f"{name} Cin7 Core"])
    field = next(wrong, "rows")
    rows = [name.removesuffix(" Cin7 Core") for name in sides if name.startswith("row tax") and "Cin7 Core" in name]
    apart = "" if field != "rows" else f"; the {', '.join(rows)} would trade a unit"
    return Finding(
        code="prediction_differs",
        cause=f"Cin7 would show net {from_ticks(theirs.net):f}, tax {from_ticks(theirs.tax):f}, total"
        f" {from_ticks(theirs.total):f}; the customer owes net {document.net:f}, tax {document.tax:f}, total"
        f" {document.total:f} {document.currency}{apart}",
        field=field,
        facts=sides,
        waits_for=fact_ref(FactKind.COMPANY, ""),
        group=f"prediction_differs:{MODELS[number].tax.value}",
    )


def _sides(document: Prediction, meant: Figures, theirs: Figures, taxes: Mapping[str, int]) -> dict[str, str]:
    """Write both documents side by side: each component once as owed, once as Cin7 would show it."""
    sides: dict[str, str] = {}

    def pair(name: str, ours: str, other: str) -> None:
        sides[f"{name} commercetools"], sides[f"{name} Cin7 Core"] = ours, other

    for name, ours, other in (
        ("net", document.net, theirs.net),
        ("tax", document.tax, theirs.tax),
        ("total", document.total, theirs.total),
    ):
        pair(name, f"{ours:f}", f"{from_ticks(other):f}")
    for rule in sorted(document.tax_by_rule):
        pair(f"tax {rule}", f"{document.tax_by_rule[rule]:f}", f"{from_ticks(taxes[rule]):f}")
    for row, (_, sent), (_, made) in zip(document.rows, meant.rows, theirs.rows, strict=True):
        if sent != made:
            pair(f"row tax {row.sku}", f"{from_ticks(sent):f}", f"{from_ticks(made):f}")
    return sides
