"""What a refund was for, by evidence only, and the credit note that says it (money §5, §7; stories C4, C5, C6).

A note is made from the order document as it was posted, less what earlier notes hold: whatever is credited in whichever
order, all of it is the invoices to the cent, and no tax rule is ever credited beyond them. Where the amount, the
invoices and the returns leave open what the money was for, a person says it: nothing is guessed, no line balances.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from actors.domain.apportioning import apportion
from actors.domain.arithmetic import TICK_DIGITS, from_ticks
from actors.domain.comparison import Difference, compare_voucher
from actors.domain.exception_types import Finding
from actors.domain.facts import Product
from actors.domain.figures import Sold
from actors.domain.financial import NOTHING, Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.invoicing import written
from actors.domain.mapping import SERVICE
from actors.domain.order import Order
from actors.domain.portions import Key, Part, Parts, charge_row, parts_of, rounded, shown, tally
from actors.domain.references import credit_mark
from actors.domain.returning import BACK_IN_STOCK, RETURNED, Refund
from actors.domain.sale import Row, RowKind
from actors.domain.vouchers import CreditVoucher, Restock

_UNUSABLE = "Unusable"
_ADVISED = "Advised"
_CAME_BACK = frozenset({RETURNED, BACK_IN_STOCK, _UNUSABLE})
_TO_THE_SHELF = frozenset({RETURNED, BACK_IN_STOCK})

Choice = dict[Key, Part]


def to_credit(
    order: Order,
    sold: Sold,
    invoices: Sequence[Invoice],
    notes: Sequence[CreditNote],
    refund: Refund,
    *,
    sale_id: str,
    products: Mapping[str, Product],
    services: Mapping[str, Product],
    refund_charge: str,
    location: str,
    day: date,
    account: str = "",
) -> CreditVoucher | Finding:
    """Return the credit note of a refund, or what a person has to find out. Only what stands of the documents counts.

    The amount is taken for: all that is invoiced and not credited; else the returned pieces that no note credits, each
    with its share of a discount, without or with the shipping that is left; else that shipping, with its share of the
    discount or as it was charged. Where several of these come to it, or the tax alone does, it is
    `refund_unallocated`. Anything else is a gesture, booked as one charge (`refund_charge`) per tax rule, but only
    while nothing of the order is coming back or came back uncredited; else it is `refund_unallocated` too.
    `credit_exceeds_invoice`: it is more than is left. Pieces that came back for the shelf are restocked at `location`
    on the note that credits them; what is unusable is credited alone.
    """
    standing = [invoice for invoice in invoices if invoice.stands]
    if not standing:
        return _unallocated(refund, "nothing is invoiced yet: a credit note needs an invoice that stands")
    if refund.currency != order.currency or sold.currency != order.currency:
        return _unallocated(refund, f"it is in {refund.currency}, and the sale in {sold.currency}")
    counted = [note for note in notes if note.authorised]
    try:
        case = _case(order, sold, standing, counted, refund)
    except ValueError as error:
        return _unallocated(refund, f"a figure of the sale cannot be calculated with: {error}")
    if case.amount > case.gross(case.left):
        return _exceeds(case)
    rows = _rows(case, products, services, refund_charge)
    if isinstance(rows, Finding):
        return rows
    return CreditVoucher(
        sale_id=sale_id,
        invoice_number=_invoice_number(standing, counted, from_ticks(case.amount)),
        rows=rows,
        day=day,
        memo=credit_mark(order.id, refund.transaction_id),
        restock=_restock(order, rows, counted, products, location),
        account=account,
        rate=sold.rate,
    )


def beyond_its_invoice(
    voucher: CreditVoucher, amount: Decimal, invoices: Sequence[Invoice], notes: Sequence[CreditNote]
) -> Finding | None:
    """Find that a note is of more than its invoice has left: Cin7 Core takes none beyond the one it names.

    A refund has one note, and that one invoice: where an order was invoiced in parts, one that goes beyond each of them
    is a person's to enter.
    """
    left = _left_of(invoices, notes)
    if amount <= left.get(voucher.invoice_number, NOTHING):
        return None
    return Finding(
        code="credit_exceeds_invoice",
        cause=f"{amount:f} was given back, and no invoice alone has as much left to credit",
        field=voucher.memo.rpartition("#")[2],
        facts={f"left of {number}": f"{rest:f}" for number, rest in left.items()},
    )


def credit_differences(rows: Sequence[Row], note: CreditNote, *, tax_inclusive: bool) -> tuple[Difference, ...]:
    """List every difference between the rows that were posted and the credit note Cin7 shows: rows, net, tax, total."""
    return compare_voucher(rows, note, tax_inclusive=tax_inclusive)


# -- what there is ---------------------------------------------------------------------------------------------------


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """A refund and what it can be for. `amount` is ticks; `left` is what is invoiced and not credited, by key.

    What was credited as no item of the sale (a gesture) is left below zero. `back` are pieces that came back and that
    no note credits, by SKU; `advised`: some are still on their way. `cents` are the ticks whole prices left of a SKU.
    """

    parts: Parts
    refund: Refund
    amount: int
    invoiced: Choice
    credited: Choice
    left: Choice
    back: dict[str, Decimal]
    advised: bool
    cents: dict[Key, int]

    def gross(self, choice: Choice) -> int:
        """Return what a choice comes to for the customer, in ticks."""
        amount = sum(part.amount for part in choice.values())
        return amount if self.parts.inclusive else amount + sum(part.tax for part in choice.values())

    @property
    def left_by_rule(self) -> dict[str, Part]:
        """What is left of each tax rule; a rule all of which is credited is left out."""
        return _by_rule(self.left)

    @property
    def shipping(self) -> set[Key]:
        """The shipping charges."""
        return {key for key, item in self.parts.items.items() if item.kind is RowKind.SHIPPING}


def _case(order: Order, sold: Sold, invoices: Sequence[Invoice], notes: Sequence[CreditNote], refund: Refund) -> _Case:
    parts = parts_of(sold)
    invoiced = tally(row for invoice in invoices for row in invoice.rows)
    credited = tally(row for note in notes for row in note.rows)
    keys = [*parts.items, *(key for key in (*invoiced, *credited) if key not in parts.items)]
    left = {key: _left(key, invoiced.get(key, Part()), credited.get(key, Part())) for key in dict.fromkeys(keys)}
    return _Case(
        parts=parts,
        refund=refund,
        amount=refund.amount * 10**TICK_DIGITS // 10**order.digits,
        invoiced=invoiced,
        credited=credited,
        left={key: part for key, part in left.items() if part},
        back=_uncredited(order, credited),
        advised=any(item.state == _ADVISED for item in order.returns),
        cents=_cents(order, parts),
    )


def _left(key: Key, invoiced: Part, credited: Part) -> Part:
    """Return the rest. Pieces of a charge say nothing: it may be split over documents in any way."""
    left = invoiced - credited
    free_goods = not key.is_charge and left.pieces > 0
    return left if left.amount or left.tax or free_goods else Part()


def _uncredited(order: Order, credited: Choice) -> dict[str, Decimal]:
    """Return the pieces that came back and that no note credits, by SKU ("": of a line that is unknown)."""
    back = _pieces_back(order, _CAME_BACK)
    for key, part in credited.items():
        if not key.is_charge and key.name in back:
            back[key.name] -= part.pieces
    return {sku: pieces for sku, pieces in back.items() if pieces > 0}


def _pieces_back(order: Order, states: Collection[str]) -> dict[str, Decimal]:
    skus = {line.id: line.sku or "" for line in order.lines}
    back: dict[str, Decimal] = {}
    for item in order.returns:
        if item.state in states:
            sku = skus.get(item.line_id, "")
            back[sku] = back.get(sku, NOTHING) + item.quantity
    return back


def _cents(order: Order, parts: Parts) -> dict[Key, int]:
    """Tell whose the cents are that whole prices left over: who sends three for 10.00 back gets 10.00, not 9.99."""
    charged: dict[str, int] = {}
    for line in order.lines:
        amount = line.total if line.taxed is None else line.taxed.gross if parts.inclusive else line.taxed.net
        charged[line.sku or ""] = charged.get(line.sku or "", 0) + amount
    scale = Fraction(10**TICK_DIGITS, 10**order.digits)
    cents = {item.key: int(charged.get(item.key.name, 0) * scale) - item.whole.amount for item in parts.goods}
    return {key: left for key, left in cents.items() if 0 < left < parts.items[key].whole.pieces * parts.price_unit}


def _by_rule(choice: Choice) -> dict[str, Part]:
    sums: dict[str, Part] = {}
    for key, part in choice.items():
        sums[key.rule] = sums.get(key.rule, Part()) + msgspec.structs.replace(part, pieces=NOTHING)
    return {rule: part for rule, part in sums.items() if part}


# -- what it was for -------------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """One thing the money may have been for, in words, and the parts it would credit."""

    words: str
    choice: Choice


def _rows(
    case: _Case, products: Mapping[str, Product], services: Mapping[str, Product], refund_charge: str
) -> tuple[Row, ...] | Finding:
    readings = list(_readings(case))
    fitting = [reading for reading in readings if case.gross(reading.choice) == case.amount]
    if any(_money(reading.choice) != _money(fitting[0].choice) for reading in fitting):
        words = " and ".join(reading.words for reading in fitting)
        return _open(case, readings, f"{words} come to it alike, and nothing says which it was for")
    if fitting:
        return _credited(case, fitting[0].choice, products, services)
    if case.amount == case.gross(case.left):
        return _open(case, readings, "it is all that is left, and that is not what rows of the sale can say")
    if case.amount in _taxes(case):
        return _open(case, readings, "it is exactly the tax that is left; a note of tax alone is entered by a person")
    return _gesture(case, readings, services.get(refund_charge))


def _readings(case: _Case) -> Iterator[_Reading]:
    """List what the money may have been for, as far as rows can say it and the invoices hold it."""
    held = {key for key in case.credited if key.is_charge}
    before = {key: part.pieces for key, part in case.credited.items() if not key.is_charge}
    after = _with_returns(case, before)
    found = [_Reading("all that is left", case.left)]
    if after is not None:
        found.append(_Reading("the returned pieces", _step(case, after, held)))
        found.append(_Reading("the returned pieces with the shipping", _step(case, after, held | case.shipping)))
    found.append(_Reading("the shipping less its discount", _step(case, before, held | case.shipping)))
    found.append(_Reading("the shipping", {key: case.left[key] for key in case.shipping if key in case.left}))
    return (reading for reading in found if reading.choice and _sayable(case, reading.choice))


def _money(choice: Choice) -> Choice:
    """Leave out what is free: whether a gift is on the note is no other answer to what the money was for."""
    return {key: part for key, part in choice.items() if part.amount or part.tax}


def _with_returns(case: _Case, before: Mapping[Key, Decimal]) -> dict[Key, Decimal] | None:
    """Return the pieces that are credited with what came back; None where nothing did, or it is not of the sale."""
    keys = {item.key.name: item.key for item in case.parts.goods}
    if not case.back or not case.back.keys() <= keys.keys():
        return None
    return {**before, **{keys[sku]: before.get(keys[sku], NOTHING) + count for sku, count in case.back.items()}}


def _step(case: _Case, pieces: Mapping[Key, Decimal], charges: Collection[Key]) -> Choice:
    by_now = case.parts.by_now(pieces, charges, case.cents)
    steps = {
        key: item.next_after(case.credited.get(key, Part()), by_now[key]) for key, item in case.parts.items.items()
    }
    return {key: part for key, part in steps.items() if part}


def _sayable(case: _Case, choice: Choice) -> bool:
    """Whether rows can say it, and neither an item nor a tax rule is credited beyond what is invoiced."""
    for key, part in choice.items():
        item, left = case.parts.items.get(key), case.left.get(key, Part())
        if item is None:
            if not key.is_charge or not part.amount:
                return False
        elif not item.holds(part) or not part.within(left) or (item.is_goods and part.pieces > left.pieces):
            return False
    left_by_rule = case.left_by_rule
    return all(part.within(left_by_rule.get(rule, Part())) for rule, part in _by_rule(choice).items())


def _taxes(case: _Case) -> set[int]:
    """Return the amounts that would be tax alone: of one rule, or of all."""
    taxes = [part.tax for part in case.left_by_rule.values()]
    return {tax for tax in (*taxes, sum(taxes)) if tax > 0}


def _credited(
    case: _Case, choice: Choice, products: Mapping[str, Product], services: Mapping[str, Product]
) -> tuple[Row, ...] | Finding:
    """Write the rows. An earlier gesture is taken back on the note that credits all: it was a part of it."""
    rows = written(case.parts, choice, products=products, services=services)
    if isinstance(rows, Finding):
        return rows
    taken_back: list[Row] = []
    for key, part in choice.items():
        if key in case.parts.items:
            continue
        service = services.get(key.name)
        if service is None:
            return _unallocated(case.refund, f"an earlier note credits {key.name}, which is no known service product")
        taken_back.append(charge_row(service, key.rule, part))
    return (*rows, *taken_back)


# -- a gesture -------------------------------------------------------------------------------------------------------


def _gesture(case: _Case, readings: Sequence[_Reading], service: Product | None) -> tuple[Row, ...] | Finding:
    """Book money given back for no item: over the tax rules by what is left of each, their tax cumulated."""
    if case.back:
        return _open(case, readings, "goods came back that no note credits, and what is left over explains nothing")
    if case.advised:
        return _open(case, readings, "goods are on their way back, so it may be for them")
    if service is None:
        return _open(case, readings, "no service product is known that money given back for no item is booked to")
    unit = case.parts.price_unit
    left = dict(sorted(case.left_by_rule.items()))
    shares = apportion(case.amount // unit, [_gross(case, part) for part in left.values()])
    chosen = {
        rule: _gesture_part(case, left[rule], share * unit) for rule, share in zip(left, shares, strict=True) if share
    }
    off_grid = case.amount % unit or any(part.amount % unit for part in chosen.values())
    if off_grid:
        return _open(case, readings, "it does not divide over the tax rules in whole prices")
    return tuple(charge_row(service, rule, part) for rule, part in chosen.items())


def _gross(case: _Case, part: Part) -> int:
    return part.amount if case.parts.inclusive else part.amount + part.tax


def _gesture_part(case: _Case, left: Part, gross: int) -> Part:
    """Return the part of a rule's rest that is worth so much, with its tax."""
    tax = rounded(left.tax, Fraction(gross, _gross(case, left)), case.parts.tax_unit)
    return Part(pieces=Decimal(1), amount=gross if case.parts.inclusive else gross - tax, tax=tax)


# -- the note --------------------------------------------------------------------------------------------------------


def _invoice_number(invoices: Sequence[Invoice], notes: Sequence[CreditNote], amount: Decimal) -> str:
    """Name the first invoice that notes leave enough of, else the one that has most left."""
    left = _left_of(invoices, notes)
    return next((number for number, rest in left.items() if rest >= amount), max(left, key=lambda name: left[name]))


def _left_of(invoices: Sequence[Invoice], notes: Sequence[CreditNote]) -> dict[str, Decimal]:
    """Say by its number what of each invoice that stands no note that counts credits."""
    counted = [note for note in notes if note.authorised]
    return {
        invoice.number: invoice.total
        - sum((note.total for note in counted if note.invoice_number == invoice.number), NOTHING)
        for invoice in invoices
        if invoice.stands
    }


def _restock(
    order: Order, rows: Sequence[Row], notes: Sequence[CreditNote], products: Mapping[str, Product], location: str
) -> tuple[Restock, ...]:
    """Put back what came back for the shelf, as far as this note credits it and no earlier one restocked it."""
    back = _pieces_back(order, _TO_THE_SHELF)
    for note in notes:
        for sku, pieces in note.restocked.items():
            back[sku] = back.get(sku, NOTHING) - pieces
    credited: dict[str, Row] = {}
    for row in rows:
        if row.kind is RowKind.LINE and products[row.sku].type != SERVICE:
            before = credited[row.sku].quantity if row.sku in credited else NOTHING
            credited[row.sku] = msgspec.structs.replace(row, quantity=before + row.quantity)
    return tuple(
        Restock(
            sku=sku,
            product_id=row.product_id,
            name=row.name,
            quantity=min(row.quantity, back[sku]),
            location=location,
        )
        for sku, row in credited.items()
        if back.get(sku, NOTHING) > 0
    )


# -- what a person finds out -----------------------------------------------------------------------------------------


def _unallocated(refund: Refund, cause: str, facts: Mapping[str, str] | None = None) -> Finding:
    return Finding(
        code="refund_unallocated",
        cause=cause,
        field=refund.transaction_id,
        facts={"refund": refund.transaction_id, "provider's id": refund.interaction_id, **(facts or {})},
    )


def _open(case: _Case, readings: Sequence[_Reading], why: str) -> Finding:
    tried = ", ".join(f"{reading.words} {_figure(case.gross(reading.choice))}" for reading in readings)
    cause = f"{_figure(case.amount)} was given back: {why}. Tried: {tried or 'nothing of it is left'}"
    return _unallocated(case.refund, cause, _breakdown(case))


def _exceeds(case: _Case) -> Finding:
    left = case.gross(case.left)
    return Finding(
        code="credit_exceeds_invoice",
        cause=f"{_figure(case.amount)} was given back, and {_figure(left)} is invoiced and not credited",
        field=case.refund.transaction_id,
        facts={"refund": case.refund.transaction_id, **_breakdown(case)},
    )


def _breakdown(case: _Case) -> dict[str, str]:
    """Write both sides: what was given back and what came back; what is invoiced and what of it is credited."""
    sides = {"given back": _figure(case.amount)}
    sides |= {f"{sku or 'unknown line'} came back": f"{pieces:f} not credited" for sku, pieces in case.back.items()}
    for name, choice in (("invoiced", case.invoiced), ("credited", case.credited), ("left", case.left)):
        sides[name] = _figure(case.gross(choice))
        sides[f"{name}, rows"] = " · ".join(f"{key.name} {shown(part)} @ {key.rule}" for key, part in choice.items())
    return sides


def _figure(count: int) -> str:
    return f"{from_ticks(count):f}"
