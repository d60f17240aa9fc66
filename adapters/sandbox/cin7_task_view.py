"""How the tasks of a sale are shown: its fulfilments and its credit notes (fact sheet §2.7, §2.8).

Names are spelled as Cin7 spells them: `FulFilmentStatus`, `FulfillmentNumber`, and `Boxes` where a write says `Box`.
"""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.cin7_books import Books, Location, Sale
from adapters.sandbox.cin7_fulfilments import Fulfilment, Shipment, Units
from adapters.sandbox.cin7_returns import Credited, CreditNote, Refund, Restocked
from adapters.sandbox.cin7_wire import JsonObject, day_of, plain, written_day, written_instant


def fulfilments_view(sale: Sale) -> list[JsonObject]:
    """The fulfilments of a sale, void ones too; none before its order is authorised."""
    return [
        {
            "TaskID": task.task_id,
            "FulfillmentNumber": task.number,
            "LinkedInvoiceNumber": None,
            "FulFilmentStatus": task.status,
            "Pick": pick_view(sale, task),
            "Pack": pack_view(sale, task),
            "Ship": ship_view(sale, task),
        }
        for task in sale.fulfilments
    ]


def pick_view(sale: Sale, task: Fulfilment) -> JsonObject:
    """The pick of a fulfilment: a line for each order line it took from."""
    return {"Status": task.pick_status, "Lines": [_picked(units, sale.location) for units in task.picked]}


def pack_view(sale: Sale, task: Fulfilment) -> JsonObject:
    """The boxes of a fulfilment, line by line."""
    lines = [
        _picked(units, sale.location) | {"Box": units.box, "WarrantyRegistrationNumber": None} for units in task.packed
    ]
    return {"Status": task.pack_status, "Lines": lines}


def ship_view(sale: Sale, task: Fulfilment) -> JsonObject:
    """The shipment of a fulfilment: a line for the boxes that travel together."""
    return {
        "Status": task.ship_status,
        "RequireBy": written_day(sale.ship_by),
        "ShippingAddress": sale.header.get("ShippingAddress"),
        "ShippingNotes": sale.header.get("ShippingNotes", ""),
        "Lines": [_shipment(shipment) for shipment in task.shipments],
    }


def _picked(units: Units, place: Location) -> JsonObject:
    return {
        "ProductID": units.line.product_id,
        "SKU": units.line.sku,
        "Name": units.line.name,
        "Location": place.name,
        "LocationID": place.id,
        "Quantity": plain(units.quantity),
        "BatchSN": None,
        "ExpiryDate": None,
        "NonInventory": False,
    }


def _shipment(shipment: Shipment) -> JsonObject:
    return {
        "ID": shipment.id,
        "ShipmentDate": written_day(shipment.day),
        "Carrier": shipment.carrier,
        "Boxes": ",".join(shipment.boxes),
        "TrackingNumber": shipment.tracking,
        "TrackingURL": "",
        "IsShipped": shipment.shipped,
    }


# --- credit notes


def credit_note_view(sale: Sale, note: CreditNote, books: Books) -> JsonObject:
    """A credit note inside `GET /sale`: its refunds are `Refunds`, without a type."""
    return {
        **_credit_note(sale, note, books),
        "Refunds": [_refund(sale, refund, books) for refund in note.refunds],
        "TotalBeforeTax": plain(note.net),
        "Tax": plain(note.tax),
        "Total": plain(note.total),
    }


def credit_note_document(sale: Sale, note: CreditNote, books: Books, *, payments: bool) -> JsonObject:
    """A credit note as `GET /sale/creditnote` shows it: no totals, and with `payments` its balance and refunds."""
    document = {**_credit_note(sale, note, books), "CombineAdditionalCharges": False}
    if not payments:
        return document
    numbers = {"SaleOrderNumber": sale.order_number, "InvoiceNumber": None, "CreditNoteNumber": note.number}
    shown = [{**_refund(sale, refund, books), **numbers, "Type": "Refund", "CreditID": None} for refund in note.refunds]
    return document | {"CreditNoteBalance": plain(note.balance), "Payments": shown}


def _credit_note(sale: Sale, note: CreditNote, books: Books) -> JsonObject:
    return {
        "TaskID": note.task_id,
        "CreditNoteInvoiceNumber": note.invoice_number,
        "Memo": note.memo,
        "Status": note.status,
        "CreditNoteDate": written_day(note.day),
        "CreditNoteNumber": note.number,
        "CreditNoteConversionRate": _rate(sale),
        "Lines": [_credited(line, sale, books) for line in note.lines],
        "AdditionalCharges": [],
        "Restock": [_restocked(row) for row in note.restock],
    }


def _credited(line: Credited, sale: Sale, books: Books) -> JsonObject:
    product = books.product_by_id(line.product_id)
    return {
        "ProductID": line.product_id,
        "SKU": line.sku,
        "Name": line.name,
        "Quantity": plain(line.quantity),
        "Price": plain(line.price),
        "Discount": plain(line.discount),
        "Tax": plain(line.tax),
        "Total": plain(line.total),
        "AverageCost": plain(product.cost) if product else 0,
        "TaxRule": line.tax_rule,
        "Account": sale.customer.revenue,
        "Comment": "",
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


def _refund(sale: Sale, refund: Refund, books: Books) -> JsonObject:
    return {
        "ID": refund.id,
        "Reference": refund.reference,
        "Amount": plain(refund.amount),
        "DatePaid": written_day(day_of(refund.made_ms)),
        "Account": next(account.code for account in books.accounts if account.for_payments),
        "CurrencyRate": _rate(sale),
        "DateCreated": written_instant(refund.made_ms, sale.number),
    }


def _rate(sale: Sale) -> Decimal:
    """A document's rate has four decimals, the header's has five."""
    return plain(sale.currency_rate.quantize(Decimal("0.0001")))
