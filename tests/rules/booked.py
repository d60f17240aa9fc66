"""Orders with their books: what was ordered and sold, and documents of Cin7 Core made from it, right or wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from actors.domain import figures
from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.figures import Figures, Share, Sold, by_rule
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order, Payment, Transaction
from actors.domain.prediction import Prediction, predict
from actors.domain.reconciling import Documents, reconcile
from actors.domain.returning import Refund, refunds
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView
from actors.finance.entering import lines
from storage.books import LedgerLine
from tests.orders_builder import REDUCED, STANDARD, answer_for, facts_for, line, plain_order, rules_for

Sums = dict[tuple[Chain, str, str], Share]

ALL = frozenset(Chain)
KINDS = {
    Chain.SALE: ("order", "sale"),
    Chain.INVOICE: ("order", "invoice"),
    Chain.PAYMENT: ("payment", "payment"),
    Chain.CREDIT: ("refund", "credit_note"),
    Chain.REFUND: ("refund", "refund"),
}
CENT = Decimal("0.01")


def an_order(**changes: Any) -> Order:
    """Three mugs at 20 %, two plates at 5 %, and shipping: 30.00 + 12.00 + 4.95 with their taxes included."""
    order = plain_order(line("MUG", 3, 1000, rate=STANDARD), line("PLATE", 2, 600, rate=REDUCED), shipping=495)
    return msgspec.structs.replace(order, **changes)


def posted(order: Order) -> tuple[Figures, Sold]:
    """Predict the order, and have it shown back as predicted: what was ordered, and what was sold."""
    prediction = predict(order, facts_for(order), rules_for(order))
    assert isinstance(prediction, Prediction), prediction
    answer = answer_for(prediction)
    return figures.ordered(prediction), figures.sold(prediction, answer, tax_inclusive=prediction.tax_inclusive)


def summed(rows: Sequence[OrderRow], *, tax_inclusive: bool) -> dict[str, Any]:
    """Add rows up to the totals of a document."""
    shares = by_rule(rows, tax_inclusive=tax_inclusive).values()
    net, tax = sum((one.net for one in shares), Decimal(0)), sum((one.tax for one in shares), Decimal(0))
    return {"net": net, "tax": tax, "total": net + tax}


def resold(sold: Sold, rows: Sequence[OrderRow]) -> Sold:
    """Return a sale of these rows."""
    return msgspec.structs.replace(sold, rows=tuple(rows), **summed(rows, tax_inclusive=sold.tax_inclusive))


def view(sold: Sold, rows: Sequence[OrderRow] | None = None, status: str = "AUTHORISED") -> OrderView:
    """Show the sale's order document, with these rows in place of its own."""
    shown = sold.rows if rows is None else tuple(rows)
    return OrderView(status=status, rows=shown, **summed(shown, tax_inclusive=sold.tax_inclusive))


def invoice(sold: Sold, rows: Sequence[OrderRow] | None = None, number: int = 1, **changes: Any) -> Invoice:
    """Invoice the sale, or these rows."""
    shown = sold.rows if rows is None else tuple(rows)
    made = Invoice(
        task_id=f"inv-{number}",
        number=f"INV-{number:05}",
        status="AUTHORISED",
        rows=shown,
        day=date(2026, 11, number),
        **summed(shown, tax_inclusive=sold.tax_inclusive),
    )
    return msgspec.structs.replace(made, **changes)


def note(amount: str, number: int = 1, **changes: Any) -> CreditNote:
    """Make a credit note of this much, a sixth of it tax."""
    worth = Decimal(amount)
    tax = (worth / 6).quantize(CENT)
    row = OrderRow(
        sku="",
        name="Refund",
        quantity=Decimal(1),
        price=worth,
        tax=tax,
        tax_rule="Sales 20%",
        total=worth,
        is_charge=True,
    )
    made = CreditNote(
        task_id=f"note-{number}",
        number=f"CR-{number:05}",
        status="AUTHORISED",
        rows=(row,),
        net=worth - tax,
        tax=tax,
        total=worth,
        day=date(2026, 11, 20),
    )
    return msgspec.structs.replace(made, **changes)


def paid_with(amount: str, reference: str, id_: str = "", kind: str = "PAYMENT", **changes: Any) -> PostedPayment:
    """Make a payment as Cin7 shows it."""
    made = PostedPayment(id=id_ or f"pay-{reference}", type=kind, amount=Decimal(amount), reference=reference)
    return msgspec.structs.replace(made, **changes)


def transaction(type_: str, amount: int, id_: str, state: str = "Success", **changes: Any) -> Transaction:
    """Make a transaction of pounds."""
    made = Transaction(type=type_, state=state, amount=amount, currency="GBP", id=id_)
    return msgspec.structs.replace(made, **changes)


def paying(order: Order, *transactions: Transaction, interface: str = "adyen", method: str = "scheme") -> Order:
    """Add a payment of these transactions to an order."""
    payment = Payment(
        id=f"payment-{len(order.payments) + 1}", interface=interface, method=method, transactions=transactions
    )
    return msgspec.structs.replace(order, payments=(*order.payments, payment))


def documents(sold: Sold, **changes: Any) -> Documents:
    """Show the sale with nothing after it."""
    made = Documents(
        sale_number="SO-00001",
        voided=False,
        tax_inclusive=sold.tax_inclusive,
        currency=sold.currency,
        rate=sold.rate,
        order=view(sold),
        invoices=(),
        notes=(),
    )
    return msgspec.structs.replace(made, **changes)


def given_back(order: Order, shown: Documents) -> tuple[Refund, ...]:
    """Return the order's refunds, each with the note that names it."""
    return refunds(order, shown.notes, ())


def judged(
    order: Order,
    shown: Documents,
    books: tuple[Figures, Sold],
    due: frozenset[Chain] = ALL,
    tolerance: int = 0,
) -> tuple[Discrepancy, ...]:
    """Reconcile an order with its documents."""
    return reconcile(order, *books, shown, given_back(order, shown), due=due, tolerance=tolerance)


def reasons(found: Sequence[Discrepancy]) -> dict[Chain, set[Reason]]:
    """Say why each chain differs."""
    return {one.chain: {other.reason for other in found if other.chain is one.chain} for one in found}


def changed(rows: Sequence[OrderRow], name: str, **changes: Any) -> tuple[OrderRow, ...]:
    """Change the row of a SKU or charge; figures are given as texts."""
    texts = {key: Decimal(value) if key not in ("tax_rule", "sku", "name") else value for key, value in changes.items()}
    return tuple(
        msgspec.structs.replace(row, **texts) if name in (row.sku, row.name if row.is_charge else "") else row
        for row in rows
    )


def entered(order: Order, shown: Documents, books: tuple[Figures, Sold]) -> list[LedgerLine]:
    """Enter everything of an order in the ledger."""
    refunds = given_back(order, shown)
    return lines(order, *books, shown, refunds, day=date(2026, 11, 2), zone=ZoneInfo("Europe/London"))


def sides(found: Sequence[LedgerLine]) -> Sums:
    """Add up ours less theirs: orders, sales and invoices per rule, the others whole."""
    sums: Sums = defaultdict(Share)
    for chain, kinds in KINDS.items():
        for side, kind, sign in zip(("commercetools", "cin7"), kinds, (1, -1), strict=True):
            for one in found:
                if (one.side, one.kind) != (side, kind):
                    continue
                whole = chain not in (Chain.SALE, Chain.INVOICE)
                net, tax = (one.net + one.tax, Decimal(0)) if whole else (one.net, one.tax)
                before = sums[chain, one.currency, "" if whole else one.rule]
                sums[chain, one.currency, "" if whole else one.rule] = Share(
                    net=before.net + sign * net, tax=before.tax + sign * tax
                )
    return {key: share for key, share in sums.items() if share != Share()}


def explained(found: Sequence[Discrepancy]) -> Sums:
    """Add up what discrepancies explain."""
    sums: Sums = defaultdict(Share)
    for one in found:
        before = sums[one.chain, one.currency, one.rule]
        sums[one.chain, one.currency, one.rule] = Share(net=before.net + one.net, tax=before.tax + one.tax)
    return {key: share for key, share in sums.items() if share != Share()}
