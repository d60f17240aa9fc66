"""The pages of Cin7 Core's lists of sales and of credit notes, as a sweep and a census need them (fact sheet §2.2).

Only what identifies a row must be there: a status nobody knows, a number that is no text or a date that is none are the
row's own matter, while a row without its sale makes the page one that cannot be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.domain.references import PREFIX
from actors.domain.sale import CreditNotePage, ListedCreditNote, ListedSale, SalePage, SaleRow
from adapters.cin7 import wire
from adapters.cin7.fields import UnreadableAnswerError, amount, guid, instant, plain_text


def sale_page(page: wire.ListedSales) -> SalePage:
    """Read a page of `saleList`.

    Raises:
        UnreadableAnswerError: no Total, no list, or a row without its ID.
    """
    rows, total = _whole(page)
    return SalePage(sales=tuple(_sale(row) for row in rows), rows=len(rows), total=total)


def credit_note_page(page: wire.ListedSales) -> CreditNotePage:
    """Read a page of `saleCreditNoteList`. Raises as `sale_page`."""
    rows, total = _whole(page)
    return CreditNotePage(notes=tuple(_credit_note(row) for row in rows), rows=len(rows), total=total)


def _whole(page: wire.ListedSales) -> tuple[list[wire.ListedSale], int]:
    if page.total is None or page.rows is None:
        raise UnreadableAnswerError("Total or SaleList is missing")
    return page.rows, page.total


def _sale(row: wire.ListedSale) -> ListedSale:
    return ListedSale(
        id=guid(row.sale_id, "SaleID"),
        number=plain_text(row.order_number) or None,
        status=plain_text(row.status),
        order_status=plain_text(row.order_status) or "NOT AVAILABLE",
        external_id=plain_text(row.external_id) or None,
        customer_reference=plain_text(row.customer_reference) or None,
        picking=plain_text(row.combined_picking_status),
        packing=plain_text(row.combined_packing_status),
        shipping=plain_text(row.combined_shipping_status),
        fulfilment=plain_text(row.fulfilment_status),
        invoicing=plain_text(row.combined_invoice_status),
        payment=plain_text(row.combined_payment_status),
        credit_note=plain_text(row.credit_note_status),
        tracking=plain_text(row.combined_tracking_numbers),
        type=plain_text(row.type),
        updated=instant(row.updated),
        invoiced=amount(row.invoice_amount),
        paid=amount(row.paid_amount),
    )


def _credit_note(row: wire.ListedSale) -> ListedCreditNote:
    return ListedCreditNote(
        sale_id=guid(row.sale_id, "SaleID"),
        number=plain_text(row.credit_note_number) or None,
        status=plain_text(row.credit_note_status),
        restock_status=plain_text(row.restock_status),
        updated=instant(row.updated),
    )


def newest(rows: Iterable[SaleRow], currencies: frozenset[str]) -> list[SaleRow]:
    """Choose the newest sale of each currency: the latest day, then the last on the list.

    A void sale proves no rate, and one of tallyd's own carries the rate tallyd chose: it would confirm itself for ever.
    """
    found: dict[str, SaleRow] = {}
    for row in rows:
        ours = (row.external_id or "").startswith(PREFIX)
        if row.currency not in currencies or row.voided or ours or row.order_date is None:
            continue
        known = found.get(row.currency)
        if known is None or known.order_date is None or row.order_date >= known.order_date:
            found[row.currency] = row
    return [found[currency] for currency in sorted(found)]
