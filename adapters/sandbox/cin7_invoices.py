"""The invoices of a sale: over the API as the precondition table allows, by hand as a person may (fact sheet §2.8).

A sale has one invoice or several; the second makes it an advanced one. Nothing keeps a caller from posting the same
invoice again, but that no unit is invoiced twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from adapters.sandbox.cin7_books import Books, Line, Sale
from adapters.sandbox.cin7_documents import Rules, total_up
from adapters.sandbox.cin7_entries import EntryReader, check_combined, check_new, entry_of, status_of, units_of
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_ledger import AUTHORISED, DRAFT, NOT_AVAILABLE, VOIDED, ZERO, Entry, Invoice
from adapters.sandbox.cin7_wire import JsonObject, RefusedError, day_of

if TYPE_CHECKING:
    from adapters.sandbox.cin7_warehouse import Tell

_CENT: Final = Decimal("0.01")


class InvoiceDesk:
    """Everything that can be done to invoices. `now` gives ms UTC; methods raise `RefusedError` where one may not."""

    def __init__(self, books: Books, rules: Callable[[], Rules], *, now: Callable[[], int], tell: Tell) -> None:
        self._books = books
        self._rules = rules
        self._now = now
        self._tell = tell
        self._reader = EntryReader(books, rules)

    # --- over the API

    def post(self, sale: Sale, body: JsonObject) -> Invoice:
        """`POST /sale/invoice`: a DRAFT is replaced whole; the zero GUID makes a new one."""
        fields = Fields(body, "SaleInvoice")
        _check_order(sale)
        task_id = fields.text("TaskID", 36, required=True).lower()
        existing = self._draft(sale, task_id)
        if existing is None:
            check_new(task_id, sale, sale.invoices)
        check_combined(fields)
        invoice = self._new(sale, fields) if existing is None else self._replaced(sale, existing, fields)
        status = status_of(fields)
        invoice.lines, invoice.charges = self._reader.lines(fields, sale), self._reader.charges(fields, sale)
        return self._keep(sale, invoice, fields, status)

    def put(self, sale: Sale, body: JsonObject) -> Invoice:
        """`PUT /sale/invoice`: what is absent stays, an empty array takes the rows away."""
        fields = Fields(body, "SaleInvoice")
        _check_order(sale)
        existing = self._draft(sale, fields.text("TaskID", 36, required=True).lower())
        if existing is None:
            raise RefusedError(f"Invoice cannot be changed. Invoice Status is {NOT_AVAILABLE}.")
        invoice = self._changed(sale, existing, fields)
        status = invoice.stage if fields.absent("Status") else status_of(fields)
        if not fields.absent("Lines"):
            invoice.lines = self._reader.lines(fields, sale)
        if not fields.absent("AdditionalCharges"):
            invoice.charges = self._reader.charges(fields, sale)
        return self._keep(sale, invoice, fields, status)

    def end(self, sale: Sale, invoice: Invoice, *, void: bool) -> None:
        """`DELETE /sale/invoice`: of advanced sales only, and not once it is paid or credited (our reading)."""
        if sale.type != "Advanced Sale":
            raise RefusedError(f"Invoice cannot be voided. Sale Type is {sale.type}.")
        if invoice.payments:
            raise RefusedError(f"Invoice cannot be voided. Invoice Status is {invoice.status}.")
        if any(note.stands and note.invoice_number == invoice.number for note in sale.credit_notes):
            raise RefusedError("Invoice cannot be voided. Credit Note Status is AUTHORISED.")
        if void:
            self.void(sale, invoice)
        else:
            self.undo(sale, invoice)

    def _draft(self, sale: Sale, task_id: str) -> Invoice | None:
        """Find the invoice that is to be written, if it exists; only a DRAFT may be written."""
        found = next((one for one in sale.invoices if one.task_id == task_id), None)
        if found is not None and found.stage != DRAFT:
            raise RefusedError(f"Invoice cannot be changed. Invoice Status is {found.status}.")
        return found

    def _new(self, sale: Sale, fields: Fields) -> Invoice:
        now = self._now()
        return Invoice(
            sale_id=sale.id,
            task_id=self._next_task(sale),
            created_ms=now,
            updated_ms=now,
            day=self._reader.day(fields, "InvoiceDate"),
            due=self._reader.day(fields, "InvoiceDueDate", may_be_locked=True),
            rate=self._reader.rate(fields, "CurrencyConversionRate", sale),
            memo=fields.text("Memo", 1024),
            billing=(fields.text("BillingAddressLine1", 256), fields.text("BillingAddressLine2", 256)),
            linked_fulfilment=fields.text("LinkedFulfillmentNumber", 50),
        )

    def _replaced(self, sale: Sale, existing: Invoice, fields: Fields) -> Invoice:
        new = self._new(sale, fields)
        return msgspec.structs.replace(
            new,
            task_id=existing.task_id,
            created_ms=existing.created_ms,
            number=existing.number,
            payments=existing.payments,
        )

    def _changed(self, sale: Sale, existing: Invoice, fields: Fields) -> Invoice:
        invoice = msgspec.structs.replace(existing)
        if not fields.absent("InvoiceDate"):
            invoice.day = self._reader.day(fields, "InvoiceDate")
        if not fields.absent("InvoiceDueDate"):
            invoice.due = self._reader.day(fields, "InvoiceDueDate", may_be_locked=True)
        if not fields.absent("CurrencyConversionRate"):
            invoice.rate = self._reader.rate(fields, "CurrencyConversionRate", sale)
        if not fields.absent("Memo"):
            invoice.memo = fields.text("Memo", 1024)
        if not fields.absent("LinkedFulfillmentNumber"):
            invoice.linked_fulfilment = fields.text("LinkedFulfillmentNumber", 50)
        return invoice

    def _keep(self, sale: Sale, invoice: Invoice, fields: Fields, status: str) -> Invoice:
        """Enter what was read, once nothing is wrong with it: a refusal leaves all as it was."""
        self._reader.check_rows(fields, invoice.lines, invoice.charges, status)
        self._check_units(sale, invoice)
        self._total_up(sale, invoice)
        return self._enter(sale, invoice, authorise=status == AUTHORISED)

    def _check_units(self, sale: Sale, invoice: Invoice) -> None:
        ordered, invoiced = units_of(sale.lines), self._invoiced(sale, but=invoice.task_id)
        for sku, units in units_of(invoice.lines).items():
            left = ordered.get(sku, ZERO) - invoiced.get(sku, ZERO)
            if units > left:
                raise RefusedError(f"Quantity of product (SKU: {sku}) exceeds ordered quantity. {left:f} is left.")

    def _invoiced(self, sale: Sale, *, but: str = "") -> dict[str, Decimal]:
        live = (one for one in sale.invoices if one.stage != VOIDED and one.task_id != but)
        return units_of(line for one in live for line in one.lines)

    # --- by whoever may

    def make(
        self, sale: Sale, units: Mapping[str, Decimal] | None = None, *, day: date | None = None, memo: str = ""
    ) -> Invoice:
        """Invoice what is not invoiced yet, or so many units by SKU of it; the charges go with the first invoice.

        A part bears its share of the line's tax, to the cent, and the last part the rest.
        """
        _check_order(sale)
        now = self._now()
        day = day or day_of(now)
        invoice = Invoice(
            sale_id=sale.id,
            task_id=self._next_task(sale),
            created_ms=now,
            updated_ms=now,
            day=day,
            due=day + timedelta(days=self._term(sale)),
            rate=sale.currency_rate,
            memo=memo,
            lines=self._rest_of(sale, units),
            charges=self._open_charges(sale),
        )
        self._check_units(sale, invoice)
        if not invoice.lines and not invoice.charges:
            raise RefusedError("Invoice cannot be created. Nothing is left to invoice.")
        self._total_up(sale, invoice)
        return self._enter(sale, invoice, authorise=True)

    def correct(self, sale: Sale, invoice: Invoice, entry: Entry, changes: Mapping[str, Any]) -> None:
        """Change fields of a row by name, and count the invoice again."""
        for name, value in changes.items():
            setattr(entry, name, value)
        entry.total = self._rules().arithmetic.row_total(entry.quantity, entry.price, entry.discount)
        self._total_up(sale, invoice)
        self._touch(sale, invoice)

    def void(self, sale: Sale, invoice: Invoice) -> None:
        """Void an invoice; its payments are gone with it, its rows stay to be read."""
        if invoice.stage == VOIDED:
            raise RefusedError("Invoice cannot be voided. Invoice Status is VOIDED.")
        for payment in invoice.payments:
            del self._books.payments[payment.id]
        invoice.stage, invoice.payments = VOIDED, []
        self._touch(sale, invoice)

    def undo(self, sale: Sale, invoice: Invoice) -> None:
        """Take an invoice back to a draft; the number it was given stays."""
        if not invoice.stands:
            raise RefusedError(f"Invoice cannot be undone. Invoice Status is {invoice.status}.")
        invoice.stage = DRAFT
        self._touch(sale, invoice)
        self._tell("Sale/Undo", sale, invoice)

    def _rest_of(self, sale: Sale, units: Mapping[str, Decimal] | None) -> list[Entry]:
        """Take units off the lines that have some left, the first lines first."""
        done = self._invoiced(sale)
        entries = []
        wanted = dict(units) if units is not None else None
        for line in sale.lines:
            before = min(done.get(line.sku, ZERO), line.quantity)
            done[line.sku] = done.get(line.sku, ZERO) - before
            left = line.quantity - before
            part = left if wanted is None else min(left, wanted.get(line.sku, ZERO))
            if wanted is not None and part:
                wanted[line.sku] -= part
            if part:
                entries.append(self._part(sale, line, before, part))
        missing = {sku: count for sku, count in (wanted or {}).items() if count}
        if missing:
            raise RefusedError(f"Quantity of product exceeds ordered quantity: {missing}.")
        return entries

    def _part(self, sale: Sale, line: Line, before: Decimal, units: Decimal) -> Entry:
        entry = entry_of(line, account=self._reader.booked_to(line, sale))
        if units == line.quantity:
            return entry
        entry.quantity = units
        entry.tax = _share(line.tax, before + units, line.quantity) - _share(line.tax, before, line.quantity)
        entry.total = self._rules().arithmetic.row_total(units, line.price, line.discount)
        return entry

    def _open_charges(self, sale: Sale) -> list[Entry]:
        if any(one.stage != VOIDED and one.charges for one in sale.invoices):
            return []
        return [entry_of(charge, account=self._reader.booked_to(charge, sale)) for charge in sale.charges]

    def _term(self, sale: Sale) -> int:
        term = self._books.payment_term(sale.terms)
        return term.days if term is not None else 0

    # --- both

    def _next_task(self, sale: Sale) -> str:
        """The first invoice of a sale that is not an advanced one has the sale's id, like its fulfilment."""
        is_first = sale.type != "Advanced Sale" and not sale.invoices
        return sale.id if is_first else self._books.new_id()

    def _enter(self, sale: Sale, invoice: Invoice, *, authorise: bool) -> Invoice:
        sale.invoices = [one for one in sale.invoices if one.task_id != invoice.task_id]
        self._books.add_invoice(sale, invoice)
        if sale.type == "Simple Sale" and len([one for one in sale.invoices if one.stage != VOIDED]) > 1:
            sale.type = "Advanced Sale"
        if authorise:
            invoice.number = invoice.number or self._books.next_invoice()
            invoice.stage = AUTHORISED
        self._touch(sale, invoice)
        if authorise:
            self._tell("Sale/InvoiceAuthorised", sale, invoice)
        return invoice

    def _total_up(self, sale: Sale, invoice: Invoice) -> None:
        total_up(invoice, inclusive=sale.tax_inclusive, books=self._books, rules=self._rules())

    def _touch(self, sale: Sale, invoice: Invoice) -> None:
        sale.updated_ms = invoice.updated_ms = self._now()


def _check_order(sale: Sale) -> None:
    if sale.voided:
        raise RefusedError("Invoice cannot be created. Sale Status is VOIDED.")
    if not sale.authorised:
        raise RefusedError(f"Invoice cannot be created. Order Status is {sale.order_status}.")


def _share(tax: Decimal, units: Decimal, of: Decimal) -> Decimal:
    return tax if units == of else (tax * units / of).quantize(_CENT)
