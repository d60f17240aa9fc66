"""What a change of an order is told as: its Messages, from the document before and after (fact sheet §2.3).

Nothing is told of sync info, nor of the money of a return; an order edit has a Message of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.sandbox.delivery_actions import shipped_by
from adapters.sandbox.orders import Wire
from adapters.sandbox.return_actions import items_of

Told = tuple[str, Wire]
"""The type of a Message, and its own fields."""

_STATES = {
    "orderState": ("OrderStateChanged", "oldOrderState"),
    "shipmentState": ("OrderShipmentStateChanged", "oldShipmentState"),
    "paymentState": ("OrderPaymentStateChanged", "oldPaymentState"),
}
_TEXTS = {
    "shippingAddress": ("OrderShippingAddressSet", "address", "oldAddress"),
    "billingAddress": ("OrderBillingAddressSet", "address", "oldAddress"),
    "customerEmail": ("OrderCustomerEmailSet", "email", "oldEmail"),
    "purchaseOrderNumber": ("OrderPurchaseOrderNumberSet", "purchaseOrderNumber", "oldPurchaseOrderNumber"),
}


def news_of(before: Wire, after: Wire) -> Iterator[Told]:
    """Tell what differs between an order and the same order after one action."""
    for field, (kind, old_field) in _STATES.items():
        if field in after and after[field] != before.get(field):
            yield kind, {field: after[field], **_present(before, field, old_field)}
    for field, (kind, name, old_name) in _TEXTS.items():
        if after.get(field) != before.get(field):
            yield kind, {**_present(after, field, name), **_present(before, field, old_name)}
    yield from _custom_fields(before, after)
    yield from _payments(before, after)
    yield from _deliveries(before, after)
    yield from _returns(before, after)


def _present(record: Wire, field: str, name: str) -> Wire:
    return {name: record[field]} if field in record else {}


def _custom_fields(before: Wire, after: Wire) -> Iterator[Told]:
    old, new = (order.get("custom", {}).get("fields", {}) for order in (before, after))
    for name in old.keys() | new.keys():
        if name not in new:
            yield "OrderCustomFieldRemoved", {"name": name}
        elif name not in old:
            yield "OrderCustomFieldAdded", {"name": name, "value": new[name]}
        elif old[name] != new[name]:
            yield "OrderCustomFieldChanged", {"name": name, "value": new[name], "previousValue": old[name]}


def _payments(before: Wire, after: Wire) -> Iterator[Told]:
    old, new = (order.get("paymentInfo", {}).get("payments", []) for order in (before, after))
    for payment in new:
        if payment not in old:
            yield "OrderPaymentAdded", {"paymentRef": payment}
    for payment in old:
        if payment not in new:
            yield "OrderPaymentRemoved", {"paymentRef": payment, "removedPaymentInfo": not new}


def _deliveries(before: Wire, after: Wire) -> Iterator[Told]:
    old = {delivery["id"]: delivery for _, delivery in shipped_by(before)}
    new = {delivery["id"] for _, delivery in shipped_by(after)}
    for shipping_key, delivery in shipped_by(after):
        of = {"shippingKey": shipping_key} if shipping_key else {}
        known = old.get(delivery["id"])
        if known is None:
            # The parcels that came with it are told one by one.
            known = {**delivery, "parcels": []}
            yield "DeliveryAdded", {"delivery": known, **of}
        for kind, fields in _changes_of_delivery(known, delivery):
            yield kind, {**fields, **of}
    for shipping_key, delivery in shipped_by(before):
        if delivery["id"] not in new:
            yield "DeliveryRemoved", {"delivery": delivery, **({"shippingKey": shipping_key} if shipping_key else {})}


def _changes_of_delivery(old: Wire, new: Wire) -> Iterator[Told]:
    named = {"deliveryId": new["id"]}
    if old["items"] != new["items"]:
        yield "DeliveryItemsUpdated", {**named, "items": new["items"], "oldItems": old["items"]}
    known = {parcel["id"]: parcel for parcel in old["parcels"]}
    for parcel in new["parcels"]:
        if parcel["id"] not in known:
            yield "ParcelAddedToDelivery", {"delivery": new, "parcel": parcel}
        else:
            yield from _changes_of_parcel(known.pop(parcel["id"]), parcel, named)
    for parcel in known.values():
        yield "ParcelRemovedFromDelivery", {**named, "parcel": parcel}


def _changes_of_parcel(old: Wire, new: Wire, delivery: Wire) -> Iterator[Told]:
    named = {**delivery, "parcelId": new["id"]}
    if old.get("trackingData") != new.get("trackingData"):
        yield "ParcelTrackingDataUpdated", {**named, **_present(new, "trackingData", "trackingData")}
    if old["items"] != new["items"]:
        yield "ParcelItemsUpdated", {**named, "items": new["items"], "oldItems": old["items"]}


def _returns(before: Wire, after: Wire) -> Iterator[Told]:
    for info in after.get("returnInfo", [])[len(before.get("returnInfo", [])) :]:
        yield "ReturnInfoAdded", {"returnInfo": info}
    known = {item["id"]: item["shipmentState"] for item in items_of(before)}
    for item in items_of(after):
        if item["shipmentState"] != known.get(item["id"], item["shipmentState"]):
            fields = {"returnItemId": item["id"], "returnShipmentState": item["shipmentState"]}
            yield "OrderReturnShipmentStateChanged", fields
