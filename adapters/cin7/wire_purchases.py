"""Purchases as Cin7 Core shows them (Cin7 fact sheet §7), as far as stock and cost are told by them.

Contacts, phones and addresses of suppliers are not decoded: nobody here needs them. What is one object on a simple
purchase is a list, a task each, on an advanced one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from adapters.cin7.wire import Wire


class PurchaseRow(Wire):
    """A row of `/purchaseList`."""

    id: Any = msgspec.field(default=None, name="ID")
    order_number: Any = None
    status: Any = None
    type: Any = None
    supplier: Any = None
    base_currency: Any = None
    supplier_currency: Any = None
    required_by: Any = None
    combined_receiving_status: Any = None
    combined_invoice_status: Any = None
    last_updated_date: Any = None


class PurchaseList(Wire):
    """A page of purchases, each as it came."""

    total: int | None = None
    rows: list[msgspec.Raw] | None = msgspec.field(default=None, name="PurchaseList")


class GoodsLine(Wire):
    """A line of the order, an invoice or a credit note; one of the order has no account."""

    product_id: Any = msgspec.field(default=None, name="ProductID")
    sku: Any = msgspec.field(default=None, name="SKU")
    name: Any = None
    quantity: Any = None
    tax: Any = None
    total: Any = None
    account: Any = None


class ChargeLine(Wire):
    """An additional charge of an invoice or a credit note."""

    description: Any = None
    reference: Any = None
    tax: Any = None
    total: Any = None
    account: Any = None


class StockLine(Wire):
    """Units received, put away, or sent back."""

    date: Any = None
    quantity: Any = None
    product_id: Any = msgspec.field(default=None, name="ProductID")
    sku: Any = msgspec.field(default=None, name="SKU")
    location: Any = None
    received: Any = None


class Order(Wire):
    """What was ordered."""

    status: Any = None
    lines: list[GoodsLine] | None = None


class Document(Wire):
    """What a document of a purchase has in common with the others; the documents of a simple one name no task."""

    task_id: Any = msgspec.field(default=None, name="TaskID")
    status: Any = None


class Stock(Document):
    """What was received, put away, or (of a simple purchase) sent back."""

    lines: list[StockLine] | None = None


class Invoice(Document):
    """An invoice. The sample of a simple one misspells the name of its number."""

    number: Any = msgspec.field(default=None, name="InvoiceNumber")
    misspelt_number: Any = msgspec.field(default=None, name="InvocieNumber")
    invoice_date: Any = None
    currency_rate: Any = None
    lines: list[GoodsLine] | None = None
    additional_charges: list[ChargeLine] | None = None


class CreditNote(Document):
    """A credit note. What it sends back has a status of its own on a simple purchase."""

    number: Any = msgspec.field(default=None, name="CreditNoteNumber")
    invoice_number: Any = msgspec.field(default=None, name="CreditNoteInvoiceNumber")
    credit_note_date: Any = None
    lines: list[GoodsLine] | None = None
    additional_charges: list[ChargeLine] | None = None
    unstock: list[StockLine] | Stock | None = None


class JournalRow(Wire):
    """A line of a manual journal."""

    reference: Any = None
    amount: Any = None
    date: Any = None
    debit: Any = None
    credit: Any = None
    is_system: Any = None


class Journal(Document):
    """The manual journals of a task."""

    lines: list[JournalRow] | None = None


class MovementRow(Wire):
    """A line of the value ledger."""

    task_id: Any = msgspec.field(default=None, name="TaskID")
    product_id: Any = msgspec.field(default=None, name="ProductID")
    date: Any = None
    value: Any = msgspec.field(default=None, name="COGS")


class Purchase(Wire):
    """A purchase, simple or advanced. `/purchase` does not show the `Type`."""

    id: Any = msgspec.field(default=None, name="ID")
    order_number: Any = None
    type: Any = None
    status: Any = None
    supplier: Any = None
    base_currency: Any = None
    supplier_currency: Any = None
    tax_calculation: Any = None
    currency_rate: Any = None
    location: Any = None
    inventory_account: Any = None
    order_date: Any = None
    required_by: Any = None
    related_drop_ship_sale_task: Any = None
    last_updated_date: Any = None
    order: Order | None = None
    stock_received: list[Stock] | Stock | None = None
    put_away: list[Stock] | Stock | None = None
    invoice: list[Invoice] | Invoice | None = None
    credit_note: list[CreditNote] | CreditNote | None = None
    manual_journals: list[Journal] | Journal | None = None
    inventory_movements: list[MovementRow] | None = None
