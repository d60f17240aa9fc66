"""What a SKU of a purchase cost, landed, and what a purchase still brings (Cin7 fact sheet §7.5; docs/landed-cost.md).

The value is what Cin7 Core's ledger holds, and nothing else. The documents only explain it, part by part; what they do
not explain is shown as a rest, so that nobody takes an explanation for the cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from actors.domain.arrivals import Arrival, arrivals
from actors.domain.purchase import (
    ZERO,
    CostPart,
    Expected,
    JournalLine,
    LandedCost,
    Movement,
    PartKind,
    Purchase,
    PurchaseCharge,
    PurchaseInvoice,
    PurchaseKind,
    PurchaseLine,
    by_product,
)
from actors.domain.spreading import rounded, spread

LINKED = "linked journal"
NOT_INVOICED = "ordered price (not invoiced yet)"
ROUNDING = "rounding"
AHEAD = "invoiced, not received yet"
UNEXPLAINED = "not explained by a document"

_ONE = Decimal(1)
_CENT = Decimal("0.01")
_OVER = frozenset({"VOIDED", "DRAFT", "RECEIVED", "CREDITED", "COMPLETED"})
"""Statuses under which nothing comes any more. One that is made of two ("RECEIVED / CREDITED") begins with its own."""


def landed_costs(purchase: Purchase) -> tuple[LandedCost, ...]:
    """Return what each SKU that was received (and kept) cost, by SKU; none of a service purchase.

    `value` is the sum of the ledger's movements of the product over all receipts. The parts add up to it exactly: goods
    by invoice, what is not invoiced yet at the order's price, charges, linked journals, and a rest where one is left.
    """
    if purchase.kind is PurchaseKind.SERVICE:
        return ()
    arrived = arrivals(purchase)
    goods = _goods(purchase, arrived)
    charges = _charges(purchase)
    journals = _journals(purchase, arrived, goods)
    booked = by_product(purchase.movements)
    explained = (goods[one.product_id] + charges[one.product_id] + journals[one.product_id] for one in arrived)
    return tuple(_cost(purchase, *each, booked[each[0].product_id]) for each in zip(arrived, explained, strict=True))


def expected(purchase: Purchase) -> tuple[Expected, ...]:
    """Return what the purchase still brings, by SKU: units ordered and never received, by its `required_by`.

    What was sent back does not come again. Nothing is expected of a service, of a draft, or of what is over, nor of a
    drop shipment: it was sold before it was bought. A blind receipt has no order.
    """
    if purchase.kind is PurchaseKind.SERVICE or purchase.drop_ship or _leading(purchase.status) in _OVER:
        return ()
    open_units: dict[str, Decimal] = defaultdict(Decimal)
    skus = {line.product_id: line.sku for line in purchase.ordered}
    for line in purchase.ordered:
        open_units[line.product_id] += line.quantity
    for receipt in purchase.receipts:
        open_units[receipt.product_id] -= max(receipt.quantity, ZERO)
    found = (
        Expected(sku=skus[product], location=purchase.location, units=units, day=purchase.required_by)
        for product, units in open_units.items()
        if units > 0 and product in skus
    )
    return tuple(sorted(found, key=lambda one: one.sku))


def rate_of(purchase: Purchase, invoice: PurchaseInvoice | None = None) -> Decimal | None:
    """Return the rate an invoice (or what is not invoiced yet) is booked at; 1 in the books' own currency.

    An invoice that shows none, or 0, has the header's. None: there is none at all.
    """
    if not purchase.foreign:
        return _ONE
    return (invoice.rate if invoice is not None else None) or purchase.rate or None


def is_capitalised(purchase: Purchase, charge: PurchaseCharge) -> bool:
    """Say whether a charge enters the value of stock: only on an inventory account it does (fact sheet §7.5)."""
    return charge.account in _inventory_accounts(purchase)


def _inventory_accounts(purchase: Purchase) -> frozenset[str]:
    """Return the accounts its goods are booked to: the purchase's own, and those that products have themselves."""
    received = {receipt.product_id for receipt in purchase.receipts}
    of_goods = {line.account for one in purchase.invoices for line in one.lines if line.product_id in received}
    return frozenset({purchase.inventory_account, *of_goods} - {""})


def by_day(invoices: Iterable[PurchaseInvoice]) -> list[PurchaseInvoice]:
    """Put invoices into the order in which they are told, however they were listed."""
    return sorted(invoices, key=lambda one: (one.day or date.min, one.number, one.task_id))


# -- the parts -------------------------------------------------------------------------------------------------------


def _goods(purchase: Purchase, arrived: Sequence[Arrival]) -> defaultdict[str, list[CostPart]]:
    """What the goods cost themselves: by invoice, then what no invoice covers at the price of the order."""
    parts: defaultdict[str, list[CostPart]] = defaultdict(list)
    for invoice in by_day(purchase.invoices):
        for product, lines in by_product(invoice.lines).items():
            total = sum((line.total for line in lines), ZERO)
            what = "goods" if total >= 0 else "credit"
            parts[product].append(_billed(purchase, invoice, kind=PartKind.GOODS, what=what, amount=total))
    ordered = by_product(purchase.ordered)
    for arrival in arrived:
        parts[arrival.product_id] += _estimate(purchase, arrival.uninvoiced, ordered[arrival.product_id])
    return parts


def _estimate(purchase: Purchase, units: Decimal, ordered: Sequence[PurchaseLine]) -> Iterator[CostPart]:
    """What units that nobody billed yet cost at the price of the order; nothing of what was not ordered."""
    priced = sum((line.quantity for line in ordered), ZERO)
    if units > 0 and priced > 0:
        total = rounded(sum(Fraction(line.total) for line in ordered) * Fraction(units) / Fraction(priced))
        yield _billed(purchase, None, kind=PartKind.GOODS, what=NOT_INVOICED, amount=total)


def _charges(purchase: Purchase) -> defaultdict[str, list[CostPart]]:
    """Each product's share of the charges of its invoices, by the value of the lines."""
    parts: defaultdict[str, list[CostPart]] = defaultdict(list)
    for invoice in by_day(purchase.invoices):
        lines = by_product(invoice.lines)
        products = sorted(lines)
        weights = _line_weights([lines[one] for one in products])
        for charge in sorted(invoice.charges, key=lambda one: (one.what, one.reference, one.total)):
            if is_capitalised(purchase, charge):
                whole = _billed(purchase, invoice, kind=PartKind.CHARGE, what=charge.what, amount=charge.total)
                _share_out(whole, products, weights, parts)
    return parts


def _journals(
    purchase: Purchase, arrived: Sequence[Arrival], goods: Mapping[str, Sequence[CostPart]]
) -> defaultdict[str, list[CostPart]]:
    """Each product's share of what other suppliers billed, by the value of its lines in the supplier's currency.

    The rate plays no part: it may come later than the freight, or differ between invoices. Nor does what was sent back
    since: it had travelled.
    """
    parts: defaultdict[str, list[CostPart]] = defaultdict(list)
    products = [one.product_id for one in arrived]
    values = [
        sum((part.amount for part in goods[one.product_id]), ZERO) * (one.quantity + one.sent_back) / one.quantity
        for one in arrived
    ]
    weights = _weights(values, [one.quantity for one in arrived])
    for journal in sorted(purchase.journals, key=lambda one: (one.day or date.min, one.reference, one.amount)):
        amount = _booked(purchase, journal)
        if amount:
            whole = _in_base(purchase, kind=PartKind.JOURNAL, what=LINKED, reference=journal.reference, amount=amount)
            _share_out(whole, products, weights, parts)
    return parts


def _booked(purchase: Purchase, journal: JournalLine) -> Decimal:
    """What a journal adds to the value of stock; one that takes off it again is below zero."""
    accounts = _inventory_accounts(purchase)
    if journal.system or (journal.debit in accounts) == (journal.credit in accounts):
        return ZERO
    return journal.amount if journal.debit in accounts else -journal.amount


def _cost(
    purchase: Purchase, arrival: Arrival, explained: Sequence[CostPart], booked: Sequence[Movement]
) -> LandedCost:
    value = sum((move.value for move in booked), ZERO)
    rest = value - sum((part.base for part in explained), ZERO)
    rests = (_rest(purchase, arrival, rest),) if rest else ()
    return LandedCost(
        purchase_id=purchase.id,
        number=purchase.number,
        sku=arrival.sku,
        product_id=arrival.product_id,
        first=arrival.first,
        day=arrival.last,
        quantity=arrival.quantity,
        value=value,
        unit=rounded(Fraction(value) / Fraction(arrival.quantity)),
        currency=purchase.base_currency,
        parts=(*explained, *rests),
        invoiced=arrival.uninvoiced == 0,
    )


def _rest(purchase: Purchase, arrival: Arrival, rest: Decimal) -> CostPart:
    """What the documents leave (or explain too much), kept to the last digit, unlike the other parts."""
    what = AHEAD if arrival.invoiced > arrival.quantity else UNEXPLAINED
    what = ROUNDING if abs(rest) < _CENT else what
    return _in_base(purchase, kind=PartKind.REST, what=what, reference="", amount=rest)


# -- small arithmetic ------------------------------------------------------------------------------------------------


def _billed(
    purchase: Purchase, invoice: PurchaseInvoice | None, *, kind: PartKind, what: str, amount: Decimal
) -> CostPart:
    """A part in the supplier's currency, and at its rate to four places. Without any rate it explains nothing."""
    rate = rate_of(purchase, invoice)
    return CostPart(
        kind=kind,
        what=what,
        reference=purchase.number if invoice is None else invoice.number,
        amount=amount,
        currency=purchase.currency or purchase.base_currency,
        rate=rate,
        base=rounded(Fraction(amount) * Fraction(rate or 0)),
    )


def _in_base(purchase: Purchase, *, kind: PartKind, what: str, reference: str, amount: Decimal) -> CostPart:
    return CostPart(
        kind=kind,
        what=what,
        reference=reference,
        amount=amount,
        currency=purchase.base_currency,
        rate=_ONE,
        base=amount,
    )


def _share_out(
    whole: CostPart, products: Sequence[str], weights: Sequence[Decimal], parts: dict[str, list[CostPart]]
) -> None:
    """Add to each product its share of a part; the shares add up to it, before and after the rate."""
    amounts = spread(rounded(Fraction(whole.amount)), weights)
    bases = spread(rounded(Fraction(whole.base)), weights)
    for product, amount, base in zip(products, amounts, bases, strict=True):
        if amount or base:
            parts[product].append(msgspec.structs.replace(whole, amount=amount, base=base))


def _line_weights(products: Sequence[Sequence[PurchaseLine]]) -> list[Decimal]:
    """The value of each product's lines on an invoice; on a credit note all are below zero, and weigh the same."""
    totals = [abs(sum((line.total for line in lines), ZERO)) for lines in products]
    units = [abs(sum((line.quantity for line in lines), ZERO)) for lines in products]
    return _weights(totals, units)


def _weights(values: Sequence[Decimal], quantities: Sequence[Decimal]) -> list[Decimal]:
    """Weigh by value; where nothing has any, by units, so that freight of free goods is theirs all the same."""
    return list(values if any(value > 0 for value in values) else quantities)


def _leading(status: str) -> str:
    return status.split("/", maxsplit=1)[0].strip().upper()
