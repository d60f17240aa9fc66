"""What holds for the books of every cart: invoiced in any parts and credited in any order, it is what was ordered.

The carts are those of the prediction: every feature, every currency, both document modes. What documents come to is
added up here from their rows (money §7, invariants 5 and 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from actors.domain.arithmetic import MODELS, Sheet, ticks
from actors.domain.crediting import to_credit
from actors.domain.exception_types import Finding
from actors.domain.figures import Sold, ordered
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.invoicing import to_invoice
from actors.domain.order import Order, ReturnItem
from actors.domain.prediction import Prediction, predict
from actors.domain.rows import OrderRow
from tests.books_builder import REFUND_CHARGE, SALE_ID, Posted, by_rule, invoice_of, note_of, sold_of, summed
from tests.orders_builder import LOCATION, facts_for, rules_for, service
from tests.rules.test_crediting import refund_of
from tests.rules.test_prediction_properties import carts

EXAMPLES = settings(max_examples=60, deadline=None)
DAY = date(2026, 12, 30)
NOTHING = Decimal(0)


class Cart(NamedTuple):
    """A cart that could be posted, with what was predicted of it."""

    sale: Posted
    prediction: Prediction


@st.composite
def sales(draw: st.DrawFn, *, negatives: bool = True) -> Cart:
    order = draw(carts(negatives=negatives))
    facts = facts_for(order)
    prediction = predict(order, facts, rules_for(order))
    assume(isinstance(prediction, Prediction))
    assert isinstance(prediction, Prediction)
    services = {**facts.services, REFUND_CHARGE: service(REFUND_CHARGE)}
    return Cart(Posted(order, sold_of(prediction), facts.products, services), prediction)


def pieces_of(sold: Sold) -> dict[str, int]:
    return {row.sku: int(row.quantity) for row in sold.rows if not row.is_charge}


@st.composite
def ways(draw: st.DrawFn, sold: Sold) -> list[dict[str, int]]:
    """Up to four steps on the way to all pieces, each said in all."""
    whole = pieces_of(sold)
    steps = [{sku: draw(st.integers(0, count)) for sku, count in whole.items()} for _ in range(draw(st.integers(0, 3)))]
    way: list[dict[str, int]] = []
    for step in steps:
        before = way[-1] if way else {}
        way.append({sku: max(count, before.get(sku, 0)) for sku, count in step.items()})
    return [*way, whole]


def invoice_all(cart: Cart, steps: Iterable[dict[str, int]]) -> list[Invoice]:
    """Invoice step by step. What is exact as a whole only may wait, and nothing else may."""
    sale = cart.sale
    invoices: list[Invoice] = []
    for step in steps:
        units = {sku: Decimal(count) for sku, count in step.items()}
        made = to_invoice(sale.sold, invoices, units, products=sale.products, services=sale.services)
        if isinstance(made, Finding):
            assert made.code == "part_not_invoiceable", made
            assert sale.sold.whole_only
            continue
        if made:
            invoices.append(invoice_of(sale.sold, made, len(invoices) + 1))
    return invoices


def by_name(rows: Iterable[OrderRow]) -> dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]]:
    """Pieces of goods, amount and tax by name and rule; what comes to nothing is left out."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]] = {}
    for row in rows:
        key = (row.name if row.is_charge else row.sku, row.tax_rule)
        pieces, amount, tax = found.get(key, (NOTHING, NOTHING, NOTHING))
        found[key] = (pieces + (NOTHING if row.is_charge else row.quantity), amount + row.total, tax + row.tax)
    return {key: figures for key, figures in found.items() if any(figures)}


def all_rows(documents: Iterable[Invoice] | Iterable[CreditNote]) -> list[OrderRow]:
    return [row for document in documents for row in document.rows]


@EXAMPLES
@given(data=st.data())
def test_whatever_the_parts_the_invoices_are_what_was_ordered(data: st.DataObject) -> None:
    cart = data.draw(sales())
    sold, order = cart.sale.sold, cart.sale.order

    invoices = invoice_all(cart, data.draw(ways(sold)))

    event(f"{len(invoices)} invoices")
    rows = all_rows(invoices)
    assert by_name(rows) == by_name(sold.rows)
    assert summed(rows, inclusive=sold.tax_inclusive) == (sold.net, sold.tax, sold.total)
    assert sold.total.scaleb(order.digits) == order.payable
    shares = {rule: (share.net, share.tax) for rule, share in ordered(cart.prediction).by_rule.items()}
    sides = {rule: (amount - tax * sold.tax_inclusive, tax) for rule, (amount, tax) in by_rule(rows).items()}
    assert sides == {rule: share for rule, share in shares.items() if any(share)}
    assert all(invoice.total >= 0 for invoice in invoices)
    again = to_invoice(sold, invoices, None, products=cart.sale.products, services=cart.sale.services)
    assert again == ()


@EXAMPLES
@given(data=st.data())
def test_no_part_depends_on_how_cin7_rounds_a_line(data: st.DataObject) -> None:
    cart = data.draw(sales())
    sold, percents = cart.sale.sold, cart.prediction.percents

    steps = data.draw(ways(sold))
    made = to_invoice(
        sold, (), {sku: Decimal(count) for sku, count in steps[0].items()},
        products=cart.sale.products, services=cart.sale.services,
    )  # fmt: skip
    assume(not isinstance(made, Finding))
    assert not isinstance(made, Finding)
    sheet = Sheet(made, percents, inclusive=sold.tax_inclusive)
    for model in MODELS:
        totals = [total for total, _ in sheet.under(model).rows]
        assert totals == [ticks(row.amount) for row in made], model


# -- credits ---------------------------------------------------------------------------------------------------------


def credit(cart: Cart, order: Order, invoices: Sequence[Invoice], notes: list[CreditNote], amount: int) -> str:
    """Credit a refund; return "" or why there is no note. A note is worth exactly its refund."""
    sale = cart.sale
    made = to_credit(
        order,
        sale.sold,
        invoices,
        notes,
        refund_of(amount, order.currency, f"paid-back-{len(notes)}"),
        sale_id=SALE_ID,
        products=sale.products,
        services=sale.services,
        refund_charge=REFUND_CHARGE,
        location=LOCATION,
        day=DAY,
    )
    if isinstance(made, Finding):
        event(made.code)
        return f"{made.code}: {made.cause}"
    notes.append(note_of(sale.sold, made.rows, len(notes) + 1, {each.sku: each.quantity for each in made.restock}))
    assert notes[-1].total.scaleb(order.digits) == amount
    return ""


def never_beyond(sold: Sold, invoices: Sequence[Invoice], notes: Sequence[CreditNote]) -> None:
    """By rule and in all, what is credited lies between nothing and what is invoiced."""
    invoiced, credited = by_rule(all_rows(invoices)), by_rule(all_rows(notes))
    for rule, (amount, tax) in credited.items():
        most, most_tax = invoiced[rule]
        assert min(most, NOTHING) <= amount <= max(most, NOTHING), rule
        assert min(most_tax, NOTHING) <= tax <= max(most_tax, NOTHING), rule
    assert sum(note.total for note in notes) <= sum(invoice.total for invoice in invoices)


def minor(amount: Decimal, order: Order) -> int:
    return int(amount.scaleb(order.digits))


@EXAMPLES
@given(data=st.data())
def test_whatever_is_given_back_in_the_end_it_is_the_invoices(data: st.DataObject) -> None:
    cart = data.draw(sales())
    sold, order = cart.sale.sold, cart.sale.order
    invoices = invoice_all(cart, data.draw(ways(sold)))
    notes: list[CreditNote] = []

    for _ in range(data.draw(st.integers(0, 3))):
        left = order.payable - sum(minor(note.total, order) for note in notes)
        amount = data.draw(st.integers(1, left + 1)) if left else 1
        refused = credit(cart, order, invoices, notes, amount)
        assert refused.startswith("credit_exceeds_invoice") == (amount > left), refused
        never_beyond(sold, invoices, notes)
    left = order.payable - sum(minor(note.total, order) for note in notes)

    refused = credit(cart, order, invoices, notes, left) if left else ""
    assume(" alike, " not in refused)  # all that is left may come to the shipping, beside a discount of the rest
    assert not refused
    never_beyond(sold, invoices, notes)
    assert by_rule(all_rows(notes)) == by_rule(sold.rows)
    assert summed(all_rows(notes), inclusive=sold.tax_inclusive) == (sold.net, sold.tax, sold.total)
    if left:
        assert by_name(all_rows(notes)) == by_name(sold.rows)


@EXAMPLES
@given(data=st.data())
def test_pieces_that_come_back_in_any_order_are_credited_as_they_were_invoiced(data: st.DataObject) -> None:
    """Each return is paid back at once, with its tax rounded on the sum; the last brings what whole prices left."""
    cart = data.draw(sales(negatives=False))
    sold, order = cart.sale.sold, cart.sale.order
    assume(not any(row.total < 0 for row in sold.rows) and not sold.whole_only)
    goods = {row.sku: row for row in sold.rows if not row.is_charge}
    invoices = invoice_all(cart, data.draw(ways(sold)))
    notes: list[CreditNote] = []
    returned: dict[str, int] = {}
    unpaid = 0

    for step in data.draw(ways(sold)):
        last = step == pieces_of(sold)
        returned |= step
        back = tuple(
            ReturnItem(id=f"return-{line.id}", key="", line_id=line.id, quantity=returned[sku], state="Returned")
            for sku, line in {line.sku or "": line for line in order.lines}.items()
            if returned.get(sku)
        )
        worth = sum(worth_of(goods[sku], count, order, inclusive=sold.tax_inclusive) for sku, count in returned.items())
        paid = sum(minor(note.total, order) for note in notes)
        amount = order.payable - paid if last else worth - paid
        if amount > 0 and not last:
            unpaid += bool(credit(cart, msgspec.structs.replace(order, returns=back), invoices, notes, amount))
        elif amount > 0:
            refused = credit(cart, msgspec.structs.replace(order, returns=back), invoices, notes, amount)
            assume(" alike, " not in refused)
            assert not refused
        never_beyond(sold, invoices, notes)

    event(f"{len(notes)} notes, {unpaid} left open")
    assert by_name(all_rows(notes)) == by_name(sold.rows)
    restocked = {sku: sum(note.restocked.get(sku, NOTHING) for note in notes) for sku in goods}
    assert restocked == pieces_of(sold)


def worth_of(row: OrderRow, count: int, order: Order, *, inclusive: bool) -> int:
    """What so many pieces of a row cost the customer, in minor units: the tax of pieces is rounded half up."""
    share = Decimal(count) / row.quantity
    unit = Decimal(1).scaleb(-order.digits)
    tax = row.tax if count == row.quantity else (row.tax * share).quantize(unit, rounding=ROUND_HALF_UP)
    amount = NOTHING if row.discount else row.price * count
    return minor(amount if inclusive else amount + tax, order)
