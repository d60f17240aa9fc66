"""Invoices, payments and credit notes: how they are posted, and how Cin7 Core shows them (fact sheet §2.8).

Inside `GET /sale` a document carries its totals and its payments. The answers of `/sale/invoice` and `/sale/creditnote`
carry neither: what such a document comes to is added up from its rows, in the tax mode it was posted in.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from actors.domain.financial import NOTHING, Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.rows import OrderRow
from actors.domain.sale import Row, RowKind
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, Restock
from adapters.cin7 import fulfilments, wire
from adapters.cin7.fields import UnreadableAnswerError, day, guid, needed, number, optional_number, plain_text, text
from adapters.cin7.numbers import AMOUNT_PLACES, PAYMENT_PLACES, plain_number

NEW = "00000000-0000-0000-0000-000000000000"
"""The task id that asks for a new document."""

_W = TypeVar("_W")

_NOT_AVAILABLE = "NOT AVAILABLE"
_NOTHING_POSTED = (_NOT_AVAILABLE, "DRAFT", "VOIDED")
_REFUND = "REFUND"

# -- what is sent -----------------------------------------------------------------------------------------------------


def sent_invoice(voucher: InvoiceVoucher) -> wire.SentInvoice:
    """Write the body of `POST /sale/invoice`.

    Raises:
        ValueError: a figure with more than four decimals, which Cin7 does not take.
    """
    return wire.SentInvoice(
        sale_id=voucher.sale_id,
        task_id=NEW,
        combine_additional_charges=False,
        memo=voucher.memo,
        status="AUTHORISED",
        invoice_date=_day(voucher.day),
        invoice_due_date=_day(voucher.due),
        currency_conversion_rate=_rate(voucher.rate),
        lines=_lines(voucher.rows, voucher.account),
        additional_charges=_charges(voucher.rows, voucher.account),
    )


def sent_credit_note(voucher: CreditVoucher) -> wire.SentCreditNote:
    """Write the body of `POST /sale/creditnote`. Raises ValueError as `sent_invoice`."""
    return wire.SentCreditNote(
        sale_id=voucher.sale_id,
        task_id=NEW,
        combine_additional_charges=False,
        credit_note_invoice_number=voucher.invoice_number,
        memo=voucher.memo,
        status="AUTHORISED",
        credit_note_date=_day(voucher.day),
        credit_note_conversion_rate=_rate(voucher.rate),
        lines=_lines(voucher.rows, voucher.account),
        additional_charges=_charges(voucher.rows, voucher.account),
        restock=[_restock(row, _day(voucher.day)) for row in voucher.restock],
    )


def sent_payment(voucher: PaymentVoucher) -> wire.SentPayment:
    """Write the body of `POST /sale/payment`.

    Raises:
        ValueError: an amount of more than two decimals, or a rate too small for the four that a payment's has.
    """
    return wire.SentPayment(
        task_id=voucher.task_id,
        type="Refund" if voucher.refund else "Payment",
        reference=voucher.reference,
        amount=plain_number(voucher.amount, PAYMENT_PLACES),
        date_paid=_day(voucher.day),
        account=voucher.account,
        currency_rate=_nearest_rate(voucher.rate),
    )


def _day(when: Any) -> str:
    return f"{when.isoformat()}T00:00:00"


def _rate(rate: Decimal | None) -> Decimal | msgspec.UnsetType:
    """Name the rate, where a document can: it takes four decimals and the sale five; else it has the sale's own."""
    fits = rate is not None and rate == round(rate, AMOUNT_PLACES)
    return plain_number(rate) if rate is not None and fits else msgspec.UNSET


def _nearest_rate(rate: Decimal) -> Decimal:
    """Return the nearest rate that a payment can carry: it must name one, of a decimal less than the sale's own."""
    nearest = round(rate, AMOUNT_PLACES)
    if not nearest:
        raise ValueError("Cin7 Core takes no rate of a payment below 0.0001")
    return plain_number(nearest)


def _lines(rows: Iterable[Row], account: str) -> list[wire.SentDocumentLine]:
    return [
        wire.SentDocumentLine(
            product_id=row.product_id,
            sku=row.sku,
            name=row.name,
            quantity=plain_number(row.quantity),
            price=plain_number(row.price),
            discount=plain_number(row.discount),
            tax=plain_number(row.tax),
            total=plain_number(row.amount),
            tax_rule=row.tax_rule,
            account=row.account or account or msgspec.UNSET,
            comment=row.comment,
        )
        for row in rows
        if row.kind is RowKind.LINE
    ]


def _charges(rows: Iterable[Row], account: str) -> list[wire.SentDocumentCharge]:
    return [
        wire.SentDocumentCharge(
            description=row.sku,
            quantity=plain_number(row.quantity),
            price=plain_number(row.price),
            discount=plain_number(row.discount),
            tax=plain_number(row.tax),
            total=plain_number(row.amount),
            tax_rule=row.tax_rule,
            account=row.account or account or msgspec.UNSET,
            comment=row.comment,
        )
        for row in rows
        if row.kind is not RowKind.LINE
    ]


def _restock(row: Restock, when: str) -> wire.SentRestock:
    return wire.SentRestock(
        product_id=row.product_id,
        sku=row.sku,
        name=row.name,
        quantity=plain_number(row.quantity),
        location=row.location,
        restock_location=row.location,
        restock_date=when,
    )


# -- what arrives -----------------------------------------------------------------------------------------------------

_INVOICES = msgspec.json.Decoder(list[wire.InvoiceDocument] | None, float_hook=Decimal)
_NOTES = msgspec.json.Decoder(list[wire.CreditDocument] | None, float_hook=Decimal)
_POSTED_INVOICES = msgspec.json.Decoder(wire.Invoices, float_hook=Decimal)
_POSTED_NOTES = msgspec.json.Decoder(wire.CreditNotes, float_hook=Decimal)
_POSTED_PAYMENTS = msgspec.json.Decoder(list[wire.PaymentDocument] | wire.PaymentDocument, float_hook=Decimal)


def invoices(raw: msgspec.Raw) -> tuple[Invoice, ...]:
    """Read the invoices of a sale; a place where none is yet is left out.

    Raises:
        UnreadableAnswerError: one without TaskID, or a row or total without a figure.
    """
    rows = _decoded(_INVOICES, raw, "Invoices")
    read = (_invoice(row, f"Invoices[{place}]", tax_inclusive=None) for place, row in enumerate(rows))
    return tuple(invoice for invoice in read if invoice is not None)


def with_figures(notes: tuple[CreditNote, ...], raw: msgspec.Raw) -> tuple[CreditNote, ...]:
    """Return the credit notes of a sale with what each comes to.

    Raises:
        UnreadableAnswerError: a row or total without a figure.
    """
    shown = _decoded(_NOTES, raw, "CreditNotes")
    rows = {text(row.task_id).lower(): (place, row) for place, row in enumerate(shown)}
    found = []
    for note in notes:
        place, row = rows[note.task_id]
        figures = _credit_figures(row, f"CreditNotes[{place}]", tax_inclusive=None)
        found.append(msgspec.structs.replace(note, **figures))
    return tuple(found)


def _decoded(decoder: msgspec.json.Decoder[list[_W] | None], raw: msgspec.Raw, name: str) -> list[_W]:
    try:
        return decoder.decode(raw) or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswerError(f"{name}: {error}") from None


def posted_invoice(answer: msgspec.Raw, voucher: InvoiceVoucher) -> Invoice:
    """Find what was posted in the answer, by its memo.

    Raises:
        UnreadableAnswerError: it is not there once, does not stand, or the answer is about another sale.
    """
    document = _POSTED_INVOICES.decode(answer)
    _same_sale(document.sale_id, voucher.sale_id)
    rows = [row for row in document.invoices or [] if text(row.memo) == voucher.memo]
    if len(rows) != 1:
        raise UnreadableAnswerError("Invoices does not show the one that was posted")
    read = _invoice(rows[0], "Invoices", tax_inclusive=voucher.tax_inclusive)
    if read is None or not read.stands:
        raise UnreadableAnswerError("Invoices.Status is not AUTHORISED")
    return read


def posted_credit_note(answer: msgspec.Raw, voucher: CreditVoucher) -> CreditNote:
    """Find what was posted in the answer, by its memo. Raises as `posted_invoice`."""
    document = _POSTED_NOTES.decode(answer)
    _same_sale(document.sale_id, voucher.sale_id)
    rows = [row for row in document.credit_notes or [] if text(row.memo) == voucher.memo]
    if len(rows) != 1:
        raise UnreadableAnswerError("CreditNotes does not show the one that was posted")
    note = fulfilments.credit_note(rows[0], 0, "CreditNotes")
    if note is None or not note.authorised:
        raise UnreadableAnswerError("CreditNotes.Status is not AUTHORISED")
    needed(note.number, "CreditNotes.CreditNoteNumber")
    figures = _credit_figures(rows[0], "CreditNotes", tax_inclusive=voucher.tax_inclusive)
    return msgspec.structs.replace(note, **figures)


def posted_payment(answer: msgspec.Raw, voucher: PaymentVoucher) -> PostedPayment:
    """Find what was posted in the answer: one payment, or all of the sale. Raises as `posted_invoice`."""
    document = _POSTED_PAYMENTS.decode(answer)
    rows = document if isinstance(document, list) else [document]
    found = [
        _payment(row, "Payment", task_id=voucher.task_id)
        for row in rows
        if text(row.task_id).lower() == voucher.task_id.lower() and text(row.reference) == voucher.reference
    ]
    matching = [one for one in found if one.amount == voucher.amount]
    if not matching:
        raise UnreadableAnswerError("the answer does not show the payment that was posted")
    return matching[-1]


def _same_sale(shown: Any, asked: str) -> None:
    if text(shown) and text(shown).lower() != asked.strip().lower():
        raise UnreadableAnswerError("SaleID is another sale's")


def _credit_figures(row: wire.CreditDocument, field: str, *, tax_inclusive: bool | None) -> dict[str, Any]:
    """Read what a credit note comes to: its rows, totals, day and refunds."""
    rows = _rows(row.lines, row.additional_charges, field)
    net, tax, total = _totals(row, rows, field, tax_inclusive=tax_inclusive)
    task = text(row.task_id).lower()
    refunds = [one for one in row.refunds or [] if text(one.type).upper() in ("", _REFUND)]
    refunds += [one for one in row.payments or [] if text(one.type).upper() == _REFUND]
    return {
        "invoice_number": text(row.invoice_number),
        "day": day(plain_text(row.date)),
        "rows": rows,
        "net": net,
        "tax": tax,
        "total": total,
        "rate": optional_number(row.rate, f"{field}.CreditNoteConversionRate"),
        "payments": tuple(_payment(one, f"{field}.Refunds", task_id=task, kind=_REFUND) for one in refunds),
    }


def _invoice(row: wire.InvoiceDocument, field: str, *, tax_inclusive: bool | None) -> Invoice | None:
    """Read an invoice; None of the place where one would be, which has no rows."""
    status = text(row.status).upper() or _NOT_AVAILABLE
    rows = _rows(row.lines, row.additional_charges, field)
    if status == _NOT_AVAILABLE and not rows:
        return None
    net, tax, total = _totals(row, rows, field, tax_inclusive=tax_inclusive)
    task_id = guid(text(row.task_id), f"{field}.TaskID")
    payments = tuple(_payment(one, f"{field}.Payments", task_id=task_id) for one in row.payments or [])
    return Invoice(
        task_id=task_id,
        number=text(row.number),
        status=status,
        rows=rows,
        net=net,
        tax=tax,
        total=total,
        day=day(plain_text(row.date)),
        memo=text(row.memo),
        rate=optional_number(row.rate, f"{field}.CurrencyConversionRate"),
        paid=optional_number(row.paid, f"{field}.Paid") or NOTHING,
        payments=payments,
    )


def _payment(row: wire.PaymentDocument, field: str, *, task_id: str, kind: str = "PAYMENT") -> PostedPayment:
    return PostedPayment(
        id=guid(text(row.id), f"{field}.ID"),
        type=text(row.type).upper() or kind,
        amount=number(row.amount, f"{field}.Amount"),
        reference=text(row.reference),
        day=day(plain_text(row.date_paid)),
        account=text(row.account),
        task_id=task_id,
        rate=optional_number(row.currency_rate, f"{field}.CurrencyRate"),
    )


def _rows(
    lines: list[wire.DocumentRow] | None, charges: list[wire.DocumentRow] | None, field: str
) -> tuple[OrderRow, ...]:
    goods = [_row(line, f"{field}.Lines[{n}]") for n, line in enumerate(lines or [])]
    beside = [_row(one, f"{field}.AdditionalCharges[{n}]", charge=True) for n, one in enumerate(charges or [])]
    return (*goods, *beside)


def _row(row: wire.DocumentRow, field: str, *, charge: bool = False) -> OrderRow:
    named = text(row.description) if charge else text(row.sku)
    return OrderRow(
        sku=needed(named, f"{field}.{'Description' if charge else 'SKU'}"),
        name=named if charge else plain_text(row.name),
        quantity=number(row.quantity, f"{field}.Quantity"),
        price=number(row.price, f"{field}.Price"),
        tax=number(row.tax, f"{field}.Tax"),
        tax_rule=plain_text(row.tax_rule),
        total=number(row.total, f"{field}.Total"),
        discount=optional_number(row.discount, f"{field}.Discount") or NOTHING,
        is_charge=charge,
    )


def _totals(
    document: wire.InvoiceDocument | wire.CreditDocument,
    rows: tuple[OrderRow, ...],
    field: str,
    *,
    tax_inclusive: bool | None,
) -> tuple[Decimal, Decimal, Decimal]:
    """Return net, tax and total: as shown, else added up in the tax mode that is known.

    What is not posted and has no row comes to nothing: of a void document Cin7 may show no more than its name.
    """
    if document.total is not None:
        return (
            number(document.total_before_tax, f"{field}.TotalBeforeTax"),
            number(document.tax, f"{field}.Tax"),
            number(document.total, f"{field}.Total"),
        )
    if not rows and (text(document.status).upper() or _NOT_AVAILABLE) in _NOTHING_POSTED:
        return NOTHING, NOTHING, NOTHING
    if tax_inclusive is None:
        raise UnreadableAnswerError(f"{field}.Total is missing")
    amounts = sum((row.total for row in rows), NOTHING)
    tax = sum((row.tax for row in rows), NOTHING)
    return (amounts - tax, tax, amounts) if tax_inclusive else (amounts, tax, amounts + tax)
