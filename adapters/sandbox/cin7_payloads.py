"""What Cin7 Core's webhooks carry, type by type, spelled as its samples are (fact sheet §8).

GUIDs of sales are upper case here and lower case in every answer; a shipment names a task and no sale; a stock level
comes as a bare array. A payload shows what was so when the event happened.
"""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.cin7_availability import rows_of
from adapters.sandbox.cin7_books import Books, Location, Product, Sale
from adapters.sandbox.cin7_fulfilments import Fulfilment
from adapters.sandbox.cin7_ledger import CreditNote, Invoice
from adapters.sandbox.cin7_reference import product_view
from adapters.sandbox.cin7_wire import JsonObject, written_instant

_NOT_IN_STOCK_EVENTS = frozenset({"InTransit", "NextDeliveryDate"})
_NOT_IN_PRODUCT_EVENTS = frozenset(
    {
        "Suppliers",
        "ReorderLevels",
        "BillOfMaterialsProducts",
        "BillOfMaterialsServices",
        "Movements",
        "Attachments",
        "CustomPrices",
    }
)


def sale_payload(
    kind: str, sale: Sale, *, tenant: str, task: Fulfilment | CreditNote | Invoice | None = None
) -> JsonObject:
    """Write the event of a sale; `tenant` is the account's id, `task` the document it happened to, if to one."""
    named = {"SaleID": sale.id.upper(), "SaleOrderNumber": sale.order_number}
    contact = {
        "CustomerContactName": sale.header.get("Contact", ""),
        "CustomerContactEmail": sale.header.get("Email", ""),
    }
    customer = {"CustomerName": sale.customer.name, **contact}
    task_id = sale.id if task is None else task.task_id
    of_task = {"TaskID": task_id.upper()}
    parts: dict[str, JsonObject] = {
        "Sale/Created": {**named, **customer, **_created(sale)},
        "Sale/OrderAuthorised": named,
        "Sale/Backordered": named,
        "Sale/Voided": {**named, **customer},
        "Sale/Undo": {**named, **contact},
        "Sale/PickAuthorised": {**named, **of_task, **customer},
        "Sale/PackAuthorised": {**named, **of_task, **customer},
        "Sale/ShipmentAuthorised": {
            "SaleTaskID": task_id.upper(),
            "TenantID": tenant.upper(),
            "OrderNumber": sale.order_number,
            **customer,
        },
        "Sale/InvoiceAuthorised": {
            "SaleTaskID": task_id.upper(),
            "TenantID": tenant.upper(),
            "OrderNumber": sale.order_number,
            "InvoiceNumber": task.number if isinstance(task, Invoice) else None,
            **customer,
        },
        "Sale/PartialPaymentReceived": _paid(sale, task) if isinstance(task, Invoice) else {},
        "Sale/FullPaymentReceived": _paid(sale, task) if isinstance(task, Invoice) else {},
        "Sale/CreditNoteAuthorised": {
            **named,
            "CreditNoteNumber": task.number if isinstance(task, CreditNote) else None,
            **of_task,
            **customer,
        },
        "Sale/ShipmentTrackingNumberChanged": _tracking(sale, task) if isinstance(task, Fulfilment) else {},
    }
    if kind == "Sale/FullPaymentReceived":
        del parts[kind]["AmountPercent"]
    return {**parts[kind], "EventType": kind}


def _paid(sale: Sale, invoice: Invoice) -> JsonObject:
    """What was paid of an invoice: the GUID is lower case in this sample, the day has its day first."""
    percent = invoice.paid * 100 / invoice.total if invoice.total else Decimal(100)
    return {
        "SaleID": sale.id,
        "DocumentNumber": invoice.number,
        "DocumentType": "invoice",
        "DocumentDate": f"{invoice.day:%d/%m/%Y}",
        "CustomerName": sale.customer.name,
        "CustomerContactName": sale.header.get("Contact", ""),
        "CustomerContactEmail": sale.header.get("Email", ""),
        "AmountPercent": f"{percent:.2f}",
    }


def _created(sale: Sale) -> JsonObject:
    return {
        "SaleRepEmail": "",
        "SaleOrderDate": sale.order_date.isoformat(),
        "TaskTypeSign": "0",
        "IsServiceOnly": "1" if sale.type == "Service Sale" else "0",
        "DownloadLink": None,
    }


def _tracking(sale: Sale, task: Fulfilment) -> JsonObject:
    """GUIDs are lower case in this sample, days day first, and the contact is called otherwise than elsewhere."""
    shipments = [
        {
            "ShipmentDate": f"{shipment.day:%d/%m/%Y}",
            "TrackingNumber": shipment.tracking,
            "TrackingUrl": "",
            "Carrier": shipment.carrier,
        }
        for shipment in task.gone
    ]
    return {
        "SaleID": sale.id,
        "TaskID": task.task_id,
        "SaleOrderNumber": sale.order_number,
        "SaleOrderDate": f"{sale.order_date:%d/%m/%Y}",
        "CustomerContact": sale.header.get("Contact", ""),
        "CustomerEmail": sale.header.get("Email", ""),
        "CustomerName": sale.customer.name,
        "TaskTypeSign": 0,
        "Shipments": shipments,
    }


def product_payload(product: Product, *, new: bool) -> JsonObject:
    """Write the event of a product; what its word is for anything but a creation is not documented."""
    shown = {name: value for name, value in product_view(product).items() if name not in _NOT_IN_PRODUCT_EVENTS}
    more = {
        "AlwaysShowQuantity": 0,
        "WarrantyName": None,
        "HSCode": None,
        "CountryOfOrigin": None,
        "CountryOfOriginCode": None,
        "CreatedDate": written_instant(product.modified_ms, 2),
    }
    event = {"Event": "Creation" if new else "Update", **shown, **more}
    return {"NumberOfProducts": 1, "ProductDetailsList": [event], "EventType": "Product/Updated"}


def stock_payload(books: Books, product: Product, place: Location) -> list[JsonObject]:
    """Write the event of a stock level: a bare array of the rows it is made of."""
    rows = rows_of(books, product, place.id)
    return [
        {name: value for name, value in row.items() if name not in _NOT_IN_STOCK_EVENTS}
        | {"Category": product.category, "MaxRows": len(rows)}
        for row in rows
    ]
