"""How a sale is shown: as a row of the list, as the full object, as its order document (fact sheet §2.2-§2.7)."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from adapters.sandbox.cin7_books import Books, Charge, Line, Sale
from adapters.sandbox.cin7_fulfilments import AUTHORISED, DRAFT, NOT_AVAILABLE, VOIDED, total
from adapters.sandbox.cin7_ledger import CreditNote
from adapters.sandbox.cin7_ledger_view import credit_note_view, invoice_view
from adapters.sandbox.cin7_task_view import fulfilments_view
from adapters.sandbox.cin7_wire import JsonObject, plain, written_day, written_instant

_TEXTS = ("Contact", "Phone", "Email", "DefaultAccount", "ShippingNotes", "Note", "PriceTier", "SalesRepresentative")


def list_row(sale: Sale, books: Books) -> JsonObject:
    """One row of `saleList`: no lines, no attributes."""
    last = sale.standing_invoices[-1] if sale.standing_invoices else None
    return {
        "SaleID": sale.id,
        "OrderNumber": sale.order_number,
        "Status": sale.status,
        "OrderDate": written_day(sale.order_date),
        "InvoiceDate": written_day(last.day if last else None),
        "Customer": sale.customer.name,
        "CustomerID": sale.customer.id,
        "InvoiceNumber": last.number if last else None,
        "CustomerReference": sale.reference,
        "InvoiceAmount": plain(sale.invoiced - sale.credited),
        "PaidAmount": plain(sale.paid),
        "SaleInvoicesTotalAmount": plain(sale.invoiced),
        "InvoiceDueDate": written_day(last.due if last else None),
        "ShipBy": written_day(sale.ship_by),
        "BaseCurrency": books.company.currency,
        "CustomerCurrency": sale.currency,
        "CreditNoteNumber": sale.credit_notes[-1].number if sale.credit_notes else None,
        "Updated": written_instant(sale.updated_ms, sale.number),
        "QuoteStatus": "NOT AVAILABLE",
        "OrderStatus": sale.order_status,
        **combined_statuses(sale),
        "CombinedPaymentTotal": plain(sale.paid),
        "CreditNoteStatus": credit_note_status(sale),
        "Type": sale.type,
        "SourceChannel": None,
        "ExternalID": sale.external_id,
        "OrderLocationID": sale.location.id,
    }


def credit_note_row(sale: Sale, note: CreditNote, books: Books) -> JsonObject:
    """One row of `saleCreditNoteList`: the sale's, less two amounts, with the note's number and statuses."""
    row = list_row(sale, books)
    del row["SaleInvoicesTotalAmount"], row["CombinedPaymentTotal"]
    return row | {
        "CreditNoteNumber": note.number,
        "CreditNoteStatus": note.status,
        "RestockStatus": note.restock_status,
        "Updated": written_instant(note.updated_ms, sale.number),
    }


def credit_note_status(sale: Sale) -> str:
    """How the sale's last credit note stands."""
    return sale.credit_notes[-1].status if sale.credit_notes else "NOT AVAILABLE"


def sale_view(sale: Sale, books: Books, *, combine: bool = False) -> JsonObject:
    """The full sale. `Order` is there from the start, NOT AVAILABLE and empty (fact sheet §2.3)."""
    return {
        "ID": sale.id,
        "Customer": sale.customer.name,
        "CustomerID": sale.customer.id,
        **{name: sale.header.get(name, "") for name in _TEXTS},
        "SkipQuote": sale.skip_quote,
        "BillingAddress": sale.header.get("BillingAddress"),
        "ShippingAddress": sale.header.get("ShippingAddress"),
        "BaseCurrency": books.company.currency,
        "CustomerCurrency": sale.currency,
        "TaxRule": sale.tax_rule,
        "TaxCalculation": "Inclusive" if sale.tax_inclusive else "Exclusive",
        "Terms": sale.terms,
        "ShipBy": written_day(sale.ship_by),
        "Location": sale.location.name,
        "SaleOrderDate": written_day(sale.order_date),
        "LastModifiedOn": written_instant(sale.updated_ms, sale.number + 1),
        "CustomerReference": sale.reference,
        "COGSAmount": 0,
        "Status": sale.status,
        **combined_statuses(sale),
        "Carrier": sale.header.get("Carrier", ""),
        "CurrencyRate": plain(sale.currency_rate),
        "ServiceOnly": sale.type == "Service Sale",
        "Type": sale.type,
        "SourceChannel": None,
        "ExternalID": sale.external_id,
        "Quote": _empty_quote(),
        "Order": order_view(sale, books, combine=combine),
        "Fulfilments": fulfilments_view(sale),
        "Invoices": [invoice_view(sale, invoice, books, combine=combine) for invoice in sale.invoices],
        "CreditNotes": [credit_note_view(sale, note, books, combine=combine) for note in sale.credit_notes],
        "ManualJournals": {"Status": "NOT AVAILABLE", "Lines": []},
        "AdditionalAttributes": sale.header.get("AdditionalAttributes"),
        "Attachments": [],
        "InventoryMovements": [],
        "Transactions": [],
    }


def order_view(sale: Sale, books: Books, *, combine: bool = False) -> JsonObject:
    """The order document. With `combine` the charges come merged into `Lines`."""
    charges = [_charge(charge) for charge in sale.charges]
    lines = [_line(line, books) for line in sale.lines]
    if combine:
        lines += [{"Name": charge.pop("Description"), **charge} for charge in charges]
        charges = []
    return {
        "SaleOrderNumber": sale.order_number,
        "Memo": sale.memo,
        "Status": sale.order_status,
        "Lines": lines,
        "AdditionalCharges": charges,
        "TotalBeforeTax": plain(sale.net),
        "Tax": plain(sale.tax),
        "Total": plain(sale.total),
    }


def combined_statuses(sale: Sale) -> JsonObject:
    """The axes of a sale that list and full object share, over all its fulfilments; void ones count for nothing."""
    live = sale.live_fulfilments
    picked = _Stage([one.pick_status for one in live], sum(total(one.picked) for one in live if one.is_picked))
    packed = _Stage([one.pack_status for one in live], sum(total(one.packed) for one in live if one.is_packed))
    shipped = _Stage([one.ship_status for one in live], sum(total(one.shipped) for one in live))
    return {
        "CombinedPickingStatus": _axis(sale, picked, "PICKED", "PICKING"),
        "CombinedPackingStatus": _axis(sale, packed, "PACKED", "PACKING"),
        "CombinedShippingStatus": _axis(sale, shipped, "SHIPPED", "SHIPPING"),
        "FulFilmentStatus": _axis(sale, shipped, "FULFILLED", "NOT FULFILLED"),
        "CombinedInvoiceStatus": _invoice_axis(sale),
        "CombinedPaymentStatus": _payment_axis(sale),
        "CombinedTrackingNumbers": ",".join(_tracking_numbers(sale))[:256],
    }


def _invoice_axis(sale: Sale) -> str:
    """The words of the samples, not of the table (fact sheet §2.1)."""
    if sale.voided:
        return VOIDED
    if not sale.standing_invoices:
        return "NOT INVOICED" if sale.authorised else NOT_AVAILABLE
    if any(note.stands for note in sale.credit_notes):
        return "INVOICED / CREDITED"
    return "INVOICED" if sale.fully_invoiced else "PARTIALLY INVOICED"


def _payment_axis(sale: Sale) -> str:
    """NOT REFUNDED: more was paid than is owed since a note took off of it. OVERPAID is seen on purchases only."""
    owed = sale.invoiced - sale.credited
    if sale.voided:
        return VOIDED
    if not sale.standing_invoices or (owed > 0 and sale.paid <= 0):
        return "UNPAID"
    if sale.paid > owed:
        return "NOT REFUNDED" if sale.credited else "OVERPAID"
    return "PAID" if sale.paid == owed else "PARTIALLY PAID"


class _Stage(NamedTuple):
    """How one stage stands in each fulfilment, and how many units are through it."""

    statuses: list[str]
    units: Decimal | int


def _axis(sale: Sale, stage: _Stage, done: str, begun: str) -> str:
    if sale.voided:
        return VOIDED
    if not sale.authorised:
        return NOT_AVAILABLE
    if stage.units:
        return done if stage.units == sum(line.stocked for line in sale.lines) else f"PARTIALLY {done}"
    if set(stage.statuses) == {AUTHORISED}:
        # There was nothing to do, as with a sale of services.
        return done
    return begun if DRAFT in stage.statuses else f"NOT {done}"


def _tracking_numbers(sale: Sale) -> list[str]:
    numbers = (shipment.tracking for one in sale.fulfilments for shipment in one.gone)
    return list(dict.fromkeys(number for number in numbers if number))


def _empty_quote() -> JsonObject:
    return {
        "Memo": "",
        "Status": "NOT AVAILABLE",
        "Prepayments": [],
        "Lines": [],
        "AdditionalCharges": [],
        "TotalBeforeTax": 0,
        "Tax": 0,
        "Total": 0,
    }


def _line(line: Line, books: Books) -> JsonObject:
    product = books.product_by_id(line.product_id)
    return {
        "ProductID": line.product_id,
        "SKU": line.sku,
        "Name": line.name,
        "Quantity": plain(line.quantity),
        "Price": plain(line.price),
        "Discount": plain(line.discount),
        "Tax": plain(line.tax),
        "AverageCost": plain(product.cost if product else Decimal(0)),
        "TaxRule": line.tax_rule,
        "Comment": line.comment,
        "DropShip": False,
        "BackorderQuantity": plain(line.backordered),
        "Total": plain(line.total),
    }


def _charge(charge: Charge) -> JsonObject:
    return {
        "Description": charge.description,
        "Price": plain(charge.price),
        "Quantity": plain(charge.quantity),
        "Discount": plain(charge.discount),
        "Tax": plain(charge.tax),
        "Total": plain(charge.total),
        "TaxRule": charge.tax_rule,
        "Comment": charge.comment,
    }
