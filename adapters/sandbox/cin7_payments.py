"""Payments of invoices and refunds of credit notes: over the API as the precondition table allows (fact sheet §2.8).

Nothing keeps two payments apart but their ids: the same payment sent twice is two payments, which is why callers look
for theirs first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from adapters.sandbox.cin7_books import Books, Sale
from adapters.sandbox.cin7_documents import Rules
from adapters.sandbox.cin7_entries import EntryReader
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_ledger import ZERO, CreditNote, Invoice, Payment
from adapters.sandbox.cin7_wire import JsonObject, RefusedError

if TYPE_CHECKING:
    from adapters.sandbox.cin7_warehouse import Tell

PAYMENT: Final = "PAYMENT"
REFUND: Final = "REFUND"
_PREPAYMENT: Final = "PREPAYMENT"
_TYPES: Final = (_PREPAYMENT, PAYMENT, REFUND)


class PaymentDesk:
    """Takes payments and gives refunds. `now` gives ms UTC; methods raise `RefusedError` where one may not."""

    def __init__(self, books: Books, rules: Callable[[], Rules], *, now: Callable[[], int], tell: Tell) -> None:
        self._books = books
        self._rules = rules
        self._now = now
        self._tell = tell
        self._reader = EntryReader(books, rules)

    # --- over the API

    def post(self, body: JsonObject) -> Payment:
        """`POST /sale/payment`; `Type` in any letter case. No customer has credits: a `CreditID` is never known."""
        fields = Fields(body, "SalePayment")
        kind = fields.text("Type", 20, required=True).upper()
        if kind not in _TYPES:
            raise fields.refused("Type", f"must be one of {', '.join(_TYPES)}")
        sale, paid = self._document(fields.text("TaskID", 36, required=True).lower(), kind)
        if not fields.absent("CreditID"):
            raise RefusedError("Sale Credit with specified ID not found", code=404)
        amount, rate = self._amount(fields), self._rate(fields)
        day, account = self._reader.day(fields, "DatePaid"), self._account(fields)
        self._check_open(paid, amount)
        reference = fields.text("Reference", 256)
        return self.add(sale, paid, amount, reference=reference, account=account, day=day, rate=rate)

    def put(self, body: JsonObject) -> Payment:
        """`PUT /sale/payment`: changes what is sent and leaves the rest."""
        fields = Fields(body, "SalePayment")
        sale, paid, payment = self.found(fields.text("ID", 36, required=True))
        amount = payment.amount if fields.absent("Amount") else self._amount(fields)
        self._check_open(paid, amount - payment.amount)
        day = payment.day if fields.absent("DatePaid") else self._reader.day(fields, "DatePaid")
        account = payment.account if fields.absent("Account") else self._account(fields)
        rate = payment.rate if fields.absent("CurrencyRate") else self._rate(fields)
        if not fields.absent("Reference"):
            payment.reference = fields.text("Reference", 256)
        payment.amount, payment.day, payment.account, payment.rate = amount, day, account, rate
        self._touch(sale, paid)
        return payment

    def _document(self, task_id: str, kind: str) -> tuple[Sale, Invoice | CreditNote]:
        """Find what is paid: an invoice that stands, or a credit note. Prepayments need a quote, and none is made."""
        paid = self._books.credit_notes.get(task_id) if kind == REFUND else self._books.invoices.get(task_id)
        sale = self._books.sale(task_id if paid is None else paid.sale_id)
        if sale is None:
            raise RefusedError("Sale Task with specified ID not found", code=404)
        if kind == _PREPAYMENT:
            raise RefusedError("Prepayment cannot be created. Quote Status is NOT AVAILABLE.")
        document = "Credit Note" if kind == REFUND else "Invoice"
        if paid is None or not paid.stands:
            status = "NOT AVAILABLE" if paid is None else paid.status
            raise RefusedError(f"{kind.capitalize()} cannot be created. {document} Status is {status}.")
        return sale, paid

    def _amount(self, fields: Fields) -> Decimal:
        amount = fields.number("Amount", 2, required=True)
        if amount <= 0:
            raise fields.refused("Amount", "must be greater than 0")
        return amount

    def _rate(self, fields: Fields) -> Decimal:
        rate = fields.number("CurrencyRate", 4, required=True)
        if rate <= 0:
            raise fields.refused("CurrencyRate", "must be greater than 0")
        return rate

    def _account(self, fields: Fields) -> str:
        code = self._reader.account(fields.text("Account", 50, required=True))
        account = self._books.account(code)
        if account is None or not account.for_payments:
            raise RefusedError(f"Account '{code}' cannot be used for payments.")
        return code

    def _check_open(self, paid: Invoice | CreditNote, amount: Decimal) -> None:
        left = paid.open if isinstance(paid, Invoice) else paid.balance
        if amount > max(left, ZERO) and not self._rules().overpayments:
            raise RefusedError(f"Payment amount {amount:f} exceeds the balance due {left:f}.")

    # --- by whoever may

    def add(
        self,
        sale: Sale,
        paid: Invoice | CreditNote,
        amount: Decimal,
        *,
        reference: str,
        account: str,
        day: date,
        rate: Decimal | None = None,
    ) -> Payment:
        """Enter a payment of an invoice, or a refund of a credit note, be it more than is open."""
        payment = Payment(
            id=self._books.new_id(),
            sale_id=sale.id,
            task_id=paid.task_id,
            type=PAYMENT if isinstance(paid, Invoice) else REFUND,
            reference=reference,
            amount=amount,
            day=day,
            account=account,
            rate=sale.currency_rate if rate is None else rate,
            created_ms=self._now(),
        )
        self._books.payments[payment.id] = payment
        if isinstance(paid, CreditNote):
            paid.refunds = [*paid.refunds, payment]
            self._touch(sale, paid)
            return payment
        paid.payments = [*paid.payments, payment]
        self._touch(sale, paid)
        self._tell("Sale/PartialPaymentReceived" if paid.open > 0 else "Sale/FullPaymentReceived", sale, paid)
        return payment

    def delete(self, payment_id: str) -> None:
        """`DELETE /sale/payment?ID=`: the payment is gone; what it paid is open again."""
        sale, paid, payment = self.found(payment_id)
        if isinstance(paid, CreditNote):
            paid.refunds = [one for one in paid.refunds if one is not payment]
        else:
            paid.payments = [one for one in paid.payments if one is not payment]
        del self._books.payments[payment.id]
        self._touch(sale, paid)

    def found(self, payment_id: str) -> tuple[Sale, Invoice | CreditNote, Payment]:
        """Find a payment, what it pays, and its sale. Raises `RefusedError` when it is not there, or gone."""
        payment = self._books.payments.get(payment_id.lower())
        sale = None if payment is None else self._books.sale(payment.sale_id)
        if payment is None or sale is None:
            raise RefusedError("Payment with specified ID not found", code=404)
        if payment.type == REFUND:
            return sale, self._books.credit_notes[payment.task_id], payment
        return sale, self._books.invoices[payment.task_id], payment

    def _touch(self, sale: Sale, paid: Invoice | CreditNote) -> None:
        sale.updated_ms = paid.updated_ms = self._now()
