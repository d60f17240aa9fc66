"""What Cin7 Core's webhooks carry, type by type, spelled as its samples are (fact sheet §8).

GUIDs of sales are upper case here and lower case in every answer; a shipment names a task and no sale; a stock level
comes as a bare array. A payload shows what was so when the event happened.
"""

from __future__ import annotations

from adapters.sandbox.cin7_availability import rows_of
from adapters.sandbox.cin7_books import Books, Location, Product, Sale
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


def sale_payload(kind: str, sale: Sale, *, tenant: str) -> JsonObject:
    """Write the event of a sale; `tenant` is the account's id."""
    named = {"SaleID": sale.id.upper(), "SaleOrderNumber": sale.order_number}
    contact = {
        "CustomerContactName": sale.header.get("Contact", ""),
        "CustomerContactEmail": sale.header.get("Email", ""),
    }
    customer = {"CustomerName": sale.customer.name, **contact}
    task = {"TaskID": sale.id.upper()}
    parts: dict[str, JsonObject] = {
        "Sale/Created": {**named, **customer, **_created(sale)},
        "Sale/OrderAuthorised": named,
        "Sale/Backordered": named,
        "Sale/Voided": {**named, **customer},
        "Sale/Undo": {**named, **contact},
        "Sale/PickAuthorised": {**named, **task, **customer},
        "Sale/PackAuthorised": {**named, **task, **customer},
        "Sale/ShipmentAuthorised": {
            "SaleTaskID": sale.id.upper(),
            "TenantID": tenant.upper(),
            "OrderNumber": sale.order_number,
            **customer,
        },
        "Sale/CreditNoteAuthorised": {
            **named,
            "CreditNoteNumber": sale.credit_notes[-1].number if sale.credit_notes else None,
            **task,
            **customer,
        },
    }
    return {**parts[kind], "EventType": kind}


def _created(sale: Sale) -> JsonObject:
    return {
        "SaleRepEmail": "",
        "SaleOrderDate": sale.order_date.isoformat(),
        "TaskTypeSign": "0",
        "IsServiceOnly": "1" if sale.type == "Service Sale" else "0",
        "DownloadLink": None,
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
