"""How a sale is shown: as a row of the list, as the full object, as its order document (fact sheet §2.2-§2.7)."""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.cin7_books import Books, Charge, CreditNote, Line, Sale
from adapters.sandbox.cin7_wire import JsonObject, plain, written_day, written_instant

_TEXTS = ("Contact", "Phone", "Email", "DefaultAccount", "ShippingNotes", "Note", "PriceTier", "SalesRepresentative")


def list_row(sale: Sale, books: Books) -> JsonObject:
    """One row of `saleList`: no lines, no attributes."""
    return {
        "SaleID": sale.id,
        "OrderNumber": sale.order_number,
        "Status": sale.status,
        "OrderDate": written_day(sale.order_date),
        "InvoiceDate": None,
        "Customer": sale.customer.name,
        "CustomerID": sale.customer.id,
        "InvoiceNumber": None,
        "CustomerReference": sale.reference,
        "InvoiceAmount": 0,
        "PaidAmount": 0,
        "SaleInvoicesTotalAmount": 0,
        "InvoiceDueDate": None,
        "ShipBy": written_day(sale.ship_by),
        "BaseCurrency": books.company.currency,
        "CustomerCurrency": sale.currency,
        "CreditNoteNumber": sale.credit_notes[-1].number if sale.credit_notes else None,
        "Updated": written_instant(sale.updated_ms, sale.number),
        "QuoteStatus": "NOT AVAILABLE",
        "OrderStatus": sale.order_status,
        **combined_statuses(sale),
        "CombinedPaymentTotal": 0,
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
        "Fulfilments": fulfilment_view(sale),
        "Invoices": [],
        "CreditNotes": [],
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


def fulfilment_view(sale: Sale) -> list[JsonObject]:
    """The fulfilments of a sale: one, whose TaskID is the sale's, once the order is authorised."""
    if sale.pick_status == "NOT AVAILABLE" and not sale.authorised:
        return []
    return [
        {
            "TaskID": sale.id,
            "FulfillmentNumber": 1,
            "LinkedInvoiceNumber": None,
            "FulFilmentStatus": _fulfilment_status(sale),
            "Pick": pick_view(sale),
            "Pack": {"Status": sale.pack_status, "Lines": []},
            "Ship": {
                "Status": sale.ship_status,
                "RequireBy": None,
                "ShippingAddress": sale.header.get("ShippingAddress"),
                "ShippingNotes": "",
                "Lines": [],
            },
        }
    ]


def pick_view(sale: Sale) -> JsonObject:
    """The pick of the fulfilment."""
    lines = [
        {
            "ProductID": line.product_id,
            "SKU": line.sku,
            "Name": line.name,
            "Location": sale.location.name,
            "LocationID": sale.location.id,
            "Quantity": plain(line.picked),
            "BatchSN": None,
            "ExpiryDate": None,
            "NonInventory": False,
        }
        for line in sale.lines
        if line.picked
    ]
    return {"Status": sale.pick_status, "Lines": lines}


def combined_statuses(sale: Sale) -> JsonObject:
    """The axes of a sale that list and full object share."""
    return {
        "CombinedPickingStatus": _stage(sale, sale.pick_status, "PICKED"),
        "CombinedPackingStatus": _stage(sale, sale.pack_status, "PACKED"),
        "CombinedShippingStatus": _stage(sale, sale.ship_status, "SHIPPED"),
        "FulFilmentStatus": _fulfilment_status(sale),
        "CombinedInvoiceStatus": "VOIDED" if sale.voided else "NOT INVOICED" if sale.authorised else "NOT AVAILABLE",
        "CombinedPaymentStatus": "VOIDED" if sale.voided else "UNPAID",
        "CombinedTrackingNumbers": "",
    }


def _stage(sale: Sale, status: str, done: str) -> str:
    if sale.voided:
        return "VOIDED"
    if status == "AUTHORISED":
        return done
    return f"NOT {done}" if sale.authorised else "NOT AVAILABLE"


def _fulfilment_status(sale: Sale) -> str:
    if sale.voided:
        return "VOIDED"
    if sale.ship_status == "AUTHORISED":
        return "PARTIALLY FULFILLED" if sale.backordered else "FULFILLED"
    return "NOT FULFILLED" if sale.authorised else "NOT AVAILABLE"


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
