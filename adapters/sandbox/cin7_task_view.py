"""How the fulfilments of a sale are shown (fact sheet §2.7).

Names are spelled as Cin7 spells them: `FulFilmentStatus`, `FulfillmentNumber`, and `Boxes` where a write says `Box`.
"""

from __future__ import annotations

from adapters.sandbox.cin7_books import Location, Sale
from adapters.sandbox.cin7_fulfilments import Fulfilment, Shipment, Units
from adapters.sandbox.cin7_wire import JsonObject, plain, written_day


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
