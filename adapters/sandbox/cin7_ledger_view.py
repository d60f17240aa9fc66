"""How invoices, credit notes and payments are shown (fact sheet §2.8): inside a sale, and by endpoints of their own.

Inside a sale they carry their totals and bare payments; by themselves they carry no totals.
"""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.cin7_books import Books, Sale
from adapters.sandbox.cin7_ledger import CreditNote, Entry, Invoice, Payment, Restocked
from adapters.sandbox.cin7_wire import JsonObject, plain, written_day, written_instant


def invoice_view(sale: Sale, invoice: Invoice, books: Books, *, combine: bool = False) -> JsonObject:
    """An invoice inside `GET /sale`."""
    return {
        **_invoice(invoice, books, combine=combine),
        "Payments": [_payment(payment, sale) for payment in invoice.payments],
        **_totals(invoice),
        "Paid": plain(invoice.paid),
    }


def invoices_document(sale: Sale, books: Books, *, combine: bool = False) -> JsonObject:
    """What `/sale/invoice` answers: every invoice of the sale, void ones too."""
    shown = [{**_invoice(one, books, combine=combine), "CombineAdditionalCharges": combine} for one in sale.invoices]
    return {"SaleID": sale.id, "Invoices": shown}


def credit_note_view(sale: Sale, note: CreditNote, books: Books, *, combine: bool = False) -> JsonObject:
    """A credit note inside `GET /sale`: its refunds are `Refunds`, without a type."""
    return {
        **_credit_note(note, books, combine=combine),
        "Refunds": [_payment(refund, sale) for refund in note.refunds],
        **_totals(note),
    }


def credit_notes_document(sale: Sale, books: Books, *, payments: bool = False, combine: bool = False) -> JsonObject:
    """What `/sale/creditnote` answers; with `payments` also the balance and the refunds of each note."""
    shown = []
    for note in sale.credit_notes:
        view = {**_credit_note(note, books, combine=combine), "CombineAdditionalCharges": combine}
        if payments:
            refunds = [_told(refund, sale, books) for refund in note.refunds]
            view |= {"CreditNoteBalance": plain(note.balance), "Payments": refunds}
        shown.append(view)
    return {"SaleID": sale.id, "CreditNotes": shown}


def payment_view(payment: Payment, sale: Sale, books: Books) -> JsonObject:
    """A payment or a refund as `/sale/payment` shows it."""
    return {"SaleID": sale.id, "TaskID": payment.task_id, **_told(payment, sale, books)}


def payments_list(sale: Sale, books: Books) -> list[JsonObject]:
    """What `GET /sale/payment` answers: a bare array, payments first."""
    of_invoices = [payment for invoice in sale.invoices for payment in invoice.payments]
    of_notes = [refund for note in sale.credit_notes for refund in note.refunds]
    return [payment_view(payment, sale, books) for payment in of_invoices + of_notes]


def _told(payment: Payment, sale: Sale, books: Books) -> JsonObject:
    """A payment with the numbers of what it is for; its type is not spelled as the table says (BP, samples)."""
    invoice, note = books.invoices.get(payment.task_id), books.credit_notes.get(payment.task_id)
    is_refund = payment.type == "REFUND"
    return {
        **_payment(payment, sale),
        "SaleOrderNumber": sale.order_number,
        "InvoiceNumber": invoice.number if invoice and not is_refund else None,
        "CreditNoteNumber": note.number if note and is_refund else None,
        "Type": payment.type.capitalize(),
        "CreditID": None,
    }


def _payment(payment: Payment, sale: Sale) -> JsonObject:
    return {
        "ID": payment.id,
        "Reference": payment.reference,
        "Amount": plain(payment.amount),
        "DatePaid": written_day(payment.day),
        "Account": payment.account,
        "CurrencyRate": _rate(payment.rate),
        "DateCreated": written_instant(payment.created_ms, sale.number),
    }


def _invoice(invoice: Invoice, books: Books, *, combine: bool) -> JsonObject:
    return {
        "TaskID": invoice.task_id,
        "InvoiceNumber": invoice.number or None,
        "Memo": invoice.memo,
        "Status": invoice.status,
        "InvoiceDate": written_day(invoice.day),
        "InvoiceDueDate": written_day(invoice.due),
        "CurrencyConversionRate": _rate(invoice.rate),
        "BillingAddressLine1": invoice.billing[0],
        "BillingAddressLine2": invoice.billing[1],
        "LinkedFulfillmentNumber": invoice.linked_fulfilment or None,
        **_rows(invoice, books, combine=combine),
    }


def _credit_note(note: CreditNote, books: Books, *, combine: bool) -> JsonObject:
    return {
        "TaskID": note.task_id,
        "CreditNoteInvoiceNumber": note.invoice_number,
        "Memo": note.memo,
        "Status": note.status,
        "CreditNoteDate": written_day(note.day),
        "CreditNoteNumber": note.number,
        "CreditNoteConversionRate": _rate(note.rate),
        **_rows(note, books, combine=combine),
        "Restock": [_restocked(row) for row in note.restock],
    }


def _rows(document: Invoice | CreditNote, books: Books, *, combine: bool) -> JsonObject:
    """With `combine` the charges come merged into `Lines`."""
    lines = [_line(line, books) for line in document.lines]
    if combine:
        merged = [{"Name": charge.name, **_amounts(charge)} for charge in document.charges]
        return {"Lines": lines + merged, "AdditionalCharges": []}
    charges = [{"Description": charge.name, **_amounts(charge)} for charge in document.charges]
    return {"Lines": lines, "AdditionalCharges": charges}


def _line(line: Entry, books: Books) -> JsonObject:
    product = books.product_by_id(line.product_id)
    return {
        "ProductID": line.product_id,
        "SKU": line.sku,
        "Name": line.name,
        "AverageCost": plain(product.cost) if product else 0,
        **_amounts(line),
    }


def _amounts(entry: Entry) -> JsonObject:
    return {
        "Quantity": plain(entry.quantity),
        "Price": plain(entry.price),
        "Discount": plain(entry.discount),
        "Tax": plain(entry.tax),
        "Total": plain(entry.total),
        "TaxRule": entry.tax_rule,
        "Account": entry.account,
        "Comment": entry.comment,
    }


def _restocked(row: Restocked) -> JsonObject:
    return {
        "ProductID": row.product_id,
        "SKU": row.sku,
        "Name": row.name,
        "Location": row.location.name,
        "LocationID": row.location.id,
        "Quantity": plain(row.quantity),
        "BatchSN": None,
        "ExpiryDate": None,
        "RestockLocation": row.location.name,
        "RestockLocationID": row.location.id,
        "RestockDate": written_day(row.day),
    }


def _totals(document: Invoice | CreditNote) -> JsonObject:
    return {
        "TotalBeforeTax": plain(document.net),
        "Tax": plain(document.tax),
        "Total": plain(document.total),
    }


def _rate(rate: Decimal) -> Decimal:
    """A document's rate has four decimals, the header's has five."""
    return plain(rate.quantize(Decimal("0.0001")))
