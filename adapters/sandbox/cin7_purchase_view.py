"""How a purchase is shown: as a row of the list, as a simple one, as an advanced one (fact sheet §7.1-§7.2).

A simple purchase shows one document of each kind; an advanced one shows a list of each, by task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from adapters.sandbox.cin7_books import Books, Product
from adapters.sandbox.cin7_purchases import (
    AUTHORISED,
    DRAFT,
    NOT_AVAILABLE,
    SERVICE,
    VOIDED,
    ChargeLine,
    GoodsLine,
    Purchase,
    PurchaseInvoice,
    PurchaseNote,
    Receipt,
)
from adapters.sandbox.cin7_wire import JsonObject, Query, RefusedError, page_of, plain, written_day, written_instant

_ATTRIBUTES = tuple(f"AdditionalAttribute{number}" for number in range(1, 11))
_ADDRESS = ("DisplayAddressLine1", "DisplayAddressLine2", "Line1", "Line2", "City", "State", "Postcode", "Country")
_NOT_SIMPLE = (
    "This endpoint is deprecated and does not support Advanced Purchase and Service Purchase. "
    "Please use Advanced Purchase endpoint instead."
)

# What the live service filters by: RestockReceivedStatus is documented and does nothing, StockReceivedStatus is not
# documented and works (fact sheet §7.1, measured).
_FILTERS: Mapping[str, Callable[[Purchase], str]] = {
    "OrderStatus": lambda purchase: purchase.order_status,
    "StockReceivedStatus": lambda purchase: purchase.received_status,
    "InvoiceStatus": lambda purchase: purchase.invoice_status,
    "CreditNoteStatus": lambda purchase: purchase.credit_status,
    "UnstockStatus": lambda purchase: purchase.credit_status,
    "Status": lambda purchase: purchase.status,
}


# --- what is asked


def purchase_list(books: Books, query: Query) -> JsonObject:
    """`GET /purchaseList`: ascending by number; an unknown filter does nothing."""
    since, until = query.instant("UpdatedSince"), query.instant("UpdatedUntil")
    found = [
        purchase
        for purchase in books.buying.purchases
        if (since is None or purchase.updated_ms > since) and (until is None or purchase.updated_ms < until)
        if _is_required_by(purchase, query) and _wanted(purchase, query)
    ]
    return page_of(found, "PurchaseList", query, lambda purchase: list_row(purchase, books))


def _is_required_by(purchase: Purchase, query: Query) -> bool:
    wanted = query.text("RequiredBy")
    if wanted is None:
        return True
    query.instant("RequiredBy")
    return purchase.required_by is not None and purchase.required_by.isoformat() <= wanted[:10]


def _wanted(purchase: Purchase, query: Query) -> bool:
    for name, value in _FILTERS.items():
        if (wanted := query.text(name)) is not None and wanted.lower() != value(purchase).lower():
            return False
    text = query.text("Search")
    return text is None or any(text.lower() in value.lower() for value in _searched(purchase))


def _searched(purchase: Purchase) -> list[str]:
    numbers = [invoice.number for invoice in purchase.invoices] + [note.number for note in purchase.notes]
    return [purchase.order_number, purchase.status, purchase.supplier, *numbers]


def read_simple(books: Books, query: Query) -> JsonObject:
    """`GET /purchase?ID=`. Raises `RefusedError` for any but a simple one."""
    purchase = _found(books, query)
    if not purchase.simple:
        raise RefusedError(_NOT_SIMPLE)
    return simple_view(purchase, books)


def read_advanced(books: Books, query: Query) -> JsonObject:
    """`GET /advanced-purchase?ID=`; of a simple one there is an almost empty shell (fact sheet §7.2, measured)."""
    purchase = _found(books, query)
    return _shell(purchase) if purchase.simple else advanced_view(purchase, books)


def _found(books: Books, query: Query) -> Purchase:
    purchase = books.buying.find(query.text("ID") or "")
    if purchase is None:
        raise RefusedError("Purchase with specified ID not found", code=404)
    return purchase


# --- the list


def list_row(purchase: Purchase, books: Books) -> JsonObject:
    """One row of the list: no lines."""
    last = purchase.invoices[-1] if purchase.invoices else None
    return {
        "ID": purchase.id,
        "BlindReceipt": False,
        "OrderNumber": purchase.order_number,
        "Status": purchase.status,
        "OrderDate": written_day(purchase.order_date),
        "InvoiceDate": written_day(last.day if last else None),
        "Supplier": purchase.supplier,
        "SupplierID": purchase.supplier_id,
        "InvoiceNumber": last.number if last else None,
        "InvoiceAmount": plain(sum((one.net + one.tax for one in purchase.invoices), Decimal(0))),
        "PaidAmount": 0,
        "InvoiceDueDate": written_day(last.due if last else None),
        "RequiredBy": written_day(purchase.required_by),
        "BaseCurrency": books.company.currency,
        "SupplierCurrency": purchase.currency,
        "CreditNoteNumber": purchase.notes[-1].number if purchase.notes else None,
        "OrderStatus": purchase.order_status,
        "StockReceivedStatus": purchase.received_status,
        "UnstockStatus": purchase.credit_status,
        "InvoiceStatus": purchase.invoice_status,
        "CreditNoteStatus": purchase.credit_status,
        "LastUpdatedDate": written_instant(purchase.updated_ms, purchase.number),
        **_kind(purchase),
        "DropShipTaskID": None,
    }


def _kind(purchase: Purchase) -> JsonObject:
    return {
        "Type": purchase.kind,
        "CombinedInvoiceStatus": purchase.invoicing,
        "CombinedReceivingStatus": purchase.receiving,
        "CombinedPaymentStatus": purchase.paying,
        "IsServiceOnly": purchase.kind == SERVICE,
    }


# --- the whole purchase


def simple_view(purchase: Purchase, books: Books) -> JsonObject:
    """A simple purchase: one document of each kind, none of them with a rate of its own."""
    invoice = purchase.invoices[0] if purchase.invoices else None
    note = purchase.notes[0] if purchase.notes else None
    return {
        **_header(purchase, books),
        "StockReceived": _received(purchase),
        "Invoice": _no_invoice(purchase) if invoice is None else _invoice(purchase, invoice),
        "CreditNote": _no_note(purchase) if note is None else _simple_note(purchase),
        "ManualJournals": {"Status": _of(purchase, bool(purchase.linked)), "Lines": _journal_lines(purchase)},
        **_footer(purchase),
    }


def advanced_view(purchase: Purchase, books: Books) -> JsonObject:
    """An advanced or a service purchase: documents by task."""
    return {
        **_header(purchase, books),
        **_kind(purchase),
        "StockReceived": [_receipt(purchase, one, put_away=False) for one in purchase.receipts],
        "PutAway": [_receipt(purchase, one, put_away=True) for one in purchase.receipts],
        "Invoice": [_empty_invoice(one) for one in purchase.receipts]
        + [_task(one.task_id, one.group) | _invoice(purchase, one) for one in purchase.invoices],
        "CreditNote": [
            {"TaskID": note.task_id, **_note(purchase, note), "Unstock": _unstocked(purchase, note)}
            for note in purchase.notes
        ],
        "ManualJournals": _journals(purchase),
        **_footer(purchase),
    }


def _shell(purchase: Purchase) -> JsonObject:
    nothing: JsonObject = dict.fromkeys(("StockReceived", "PutAway", "Invoice", "CreditNote", "ManualJournals"))
    return {"ID": purchase.id, "Type": purchase.kind, "IsServiceOnly": False, **{name: [] for name in nothing}}


def _header(purchase: Purchase, books: Books) -> JsonObject:
    return {
        "ID": purchase.id,
        "SupplierID": purchase.supplier_id,
        "Supplier": purchase.supplier,
        "Contact": "",
        "Phone": "",
        "InventoryAccount": purchase.inventory_account,
        "BlindReceipt": False,
        "Approach": purchase.approach,
        "BillingAddress": dict.fromkeys(_ADDRESS, ""),
        "ShippingAddress": {**dict.fromkeys(_ADDRESS, ""), "ShipToOther": False},
        "BaseCurrency": books.company.currency,
        "SupplierCurrency": purchase.currency,
        "TaxRule": purchase.tax_rule.name,
        "TaxCalculation": "Exclusive",
        "Terms": "30 days",
        "RequiredBy": written_day(purchase.required_by),
        "Location": purchase.location.name,
        "Note": "",
        "OrderNumber": purchase.order_number,
        "OrderDate": written_day(purchase.order_date),
        "Status": purchase.status,
        "RelatedDropShipSaleTask": None,
        "CurrencyRate": plain(purchase.rate) if purchase.rate is not None and purchase.shows_rate else None,
        "LastUpdatedDate": written_instant(purchase.updated_ms, purchase.number),
        "Order": _order(purchase),
    }


def _footer(purchase: Purchase) -> JsonObject:
    movements = [
        {
            "TaskID": moved.task_id,
            "ProductID": moved.product.id,
            "Date": written_day(moved.day),
            "COGS": plain(moved.value),
            **_more(moved.product),
        }
        for moved in purchase.movements
    ]
    attributes = dict.fromkeys(_ATTRIBUTES, "")
    return {"AdditionalAttributes": attributes, "Attachments": [], "InventoryMovements": movements}


# --- the order


def _order(purchase: Purchase) -> JsonObject:
    charges = [_charge(purchase, charge) for charge in purchase.charges]
    rows = [*(line.total for line in purchase.lines), *(charge.amount for charge in purchase.charges)]
    taxes = [*(line.tax for line in purchase.lines), *(charge.tax for charge in purchase.charges)]
    return {
        "Memo": "",
        "Status": purchase.order_status,
        "Lines": [{**_line(purchase, line), "SupplierSKU": ""} for line in purchase.lines],
        "AdditionalCharges": [_without(charge, "Account") for charge in charges],
        "Prepayments": [],
        **_totals(sum(rows, Decimal(0)), sum(taxes, Decimal(0))),
    }


def _line(purchase: Purchase, line: GoodsLine) -> JsonObject:
    return {
        **_product(line.product),
        "Quantity": plain(line.quantity),
        "Price": plain(line.price),
        "Discount": 0,
        "Tax": plain(line.tax),
        "TaxRule": purchase.tax_rule.name,
        "Comment": "",
        "Total": plain(line.total),
        **_more(line.product),
    }


def _charge(purchase: Purchase, charge: ChargeLine) -> JsonObject:
    return {
        "Description": charge.description,
        "Reference": "",
        "Quantity": 1,
        "Price": plain(charge.amount),
        "Discount": 0,
        "Tax": plain(charge.tax),
        "TaxRule": purchase.tax_rule.name,
        "Account": charge.account,
        "Total": plain(charge.amount),
    }


# --- goods that came and went


def _received(purchase: Purchase) -> JsonObject:
    lines = [line for one in purchase.receipts for line in _stock_lines(purchase, one, placed=True)]
    return {"Status": _of(purchase, bool(purchase.receipts)), "Lines": lines}


def _receipt(purchase: Purchase, receipt: Receipt, *, put_away: bool) -> JsonObject:
    """Show a receipt; where the goods went is said where they are put away only."""
    lines = _stock_lines(purchase, receipt, placed=put_away)
    return {**_task(receipt.task_id, receipt.number), "Status": _of(purchase, there=True), "Lines": lines}


def _stock_lines(purchase: Purchase, receipt: Receipt, *, placed: bool) -> list[JsonObject]:
    return [
        {
            "Date": written_day(receipt.day),
            "Quantity": plain(quantity),
            **_product(product),
            "Location": purchase.location.name if placed else None,
            "LocationID": purchase.location.id if placed else None,
            "Received": True,
            "BatchSN": None,
            "SupplierSKU": "",
            "ExpiryDate": None,
            "CardID": receipt.task_id,
            **_more(product),
        }
        for product, quantity in receipt.units
    ]


def _unstocked(purchase: Purchase, note: PurchaseNote) -> list[JsonObject]:
    return [
        {
            "CardID": note.task_id,
            "Date": written_day(note.day),
            "Quantity": plain(line.quantity),
            **_product(line.product),
            "Location": purchase.location.name,
            "BatchSN": None,
            "ExpiryDate": None,
            **_more(line.product),
        }
        for line in note.lines
    ]


# --- money


def _invoice(purchase: Purchase, invoice: PurchaseInvoice) -> JsonObject:
    return {
        "InvoiceDate": written_day(invoice.day),
        "InvoiceDueDate": written_day(invoice.due),
        "InvoiceNumber": invoice.number,
        "Status": _of(purchase, there=True),
        "CurrencyRate": _rate(purchase, invoice),
        "Lines": [{**_line(purchase, line), "Account": purchase.inventory_account} for line in invoice.lines],
        "AdditionalCharges": [_charge(purchase, charge) for charge in invoice.charges],
        "Payments": [],
        **_totals(invoice.net, invoice.tax),
        "Paid": 0,
    }


def _rate(purchase: Purchase, invoice: PurchaseInvoice) -> Decimal | int | None:
    """Only an invoice of an advanced purchase has one (fact sheet §7.5); one that was dropped shows as 0."""
    if invoice.rate is None:
        return None
    return plain(invoice.rate) if purchase.shows_rate else 0


def _empty_invoice(receipt: Receipt) -> JsonObject:
    """A receipt opens a task of its own, and with it a draft of an invoice that nobody fills (fact sheet §7.4)."""
    return {
        **_task(receipt.task_id, receipt.number),
        "InvoiceDate": written_day(receipt.day),
        "InvoiceDueDate": written_day(receipt.day),
        "InvoiceNumber": "",
        "Status": DRAFT,
        "CurrencyRate": None,
        "Lines": [],
        "AdditionalCharges": [],
        "Payments": [],
        **_totals(Decimal(0), Decimal(0)),
        "Paid": 0,
    }


def _note(purchase: Purchase, note: PurchaseNote) -> JsonObject:
    return {
        "CreditNoteInvoiceNumber": note.invoice_number,
        "CreditNoteNumber": note.number,
        "CreditNoteDate": written_day(note.day),
        "Status": _of(purchase, there=True),
        "Lines": [{**_line(purchase, line), "Account": purchase.inventory_account} for line in note.lines],
        "AdditionalCharges": [],
        "Refunds": [],
        **_totals(note.net, note.tax),
    }


def _simple_note(purchase: Purchase) -> JsonObject:
    """Show all that was sent back as the one credit note there is."""
    note = purchase.notes[0]
    together = PurchaseNote(
        task_id=note.task_id,
        number=note.number,
        invoice_number=note.invoice_number,
        day=note.day,
        lines=[line for one in purchase.notes for line in one.lines],
    )
    unstock = {"Status": _of(purchase, there=True), "Lines": _unstocked(purchase, together)}
    return {**_without(_note(purchase, together), "CreditNoteInvoiceNumber"), "Unstock": unstock}


def _no_invoice(purchase: Purchase) -> JsonObject:
    """What a simple purchase shows where none is: dates are never null."""
    day = written_day(purchase.order_date)
    return {"Status": NOT_AVAILABLE, "Lines": [], "InvoiceDate": day, "InvoiceDueDate": day}


def _no_note(purchase: Purchase) -> JsonObject:
    unstock = {"Status": NOT_AVAILABLE, "Lines": []}
    nothing = {"Status": NOT_AVAILABLE, "Lines": [], "CreditNoteNumber": "", "Unstock": unstock}
    return nothing | {"CreditNoteDate": written_day(purchase.order_date)}


def _journals(purchase: Purchase) -> list[JsonObject]:
    """Show what was linked in the task of the first receipt, or in one of its own."""
    if not purchase.linked:
        return []
    task = (
        _task(purchase.receipts[0].task_id, purchase.receipts[0].number) if purchase.receipts else _task(purchase.id, 0)
    )
    return [{**task, "Status": _of(purchase, there=True), "Lines": _journal_lines(purchase)}]


def _journal_lines(purchase: Purchase) -> list[JsonObject]:
    return [
        {
            "Reference": cost.reference,
            "Amount": plain(cost.amount),
            "Date": written_day(cost.day),
            "Debit": cost.debit,
            "Credit": cost.credit,
            "IsSystem": False,
        }
        for cost in purchase.linked
    ]


# --- parts of all of them


def _task(task_id: str, number: int) -> JsonObject:
    return {"TaskID": task_id, "InvoicingAndReceivingNumber": number}


def _of(purchase: Purchase, there: bool) -> str:
    """Return the status of a document."""
    if purchase.voided:
        return VOIDED
    return AUTHORISED if there else NOT_AVAILABLE


def _totals(net: Decimal, tax: Decimal) -> JsonObject:
    return {"TotalBeforeTax": plain(net), "Tax": plain(tax), "Total": plain(net + tax)}


def _product(product: Product) -> JsonObject:
    return {"ProductID": product.id, "SKU": product.sku, "Name": product.name}


def _more(product: Product) -> JsonObject:
    """Show what stands beside every ProductID of a purchase."""
    sizes = dict.fromkeys(("ProductLength", "ProductWidth", "ProductHeight", "ProductWeight"), 0)
    fields = {
        f"ProductCustomField{number}": product.attributes.get(f"AdditionalAttribute{number}", "")
        for number in range(1, 11)
    }
    return {**sizes, "WeightUnits": "g", "DimensionsUnits": "cm", **fields}


def _without(row: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in row.items() if key != name}
