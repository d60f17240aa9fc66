"""What tallyd changes about an order, as commercetools spells it (commercetools fact sheet §3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from actors.domain.order import Parcel
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    AddReturn,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetReturnState,
    SetShipmentState,
    SetTracking,
)

Payload = dict[str, Any]


def payloads(actions: Sequence[OrderAction]) -> list[Payload]:
    """Write the actions, in their order."""
    return [_payload(action) for action in actions]


def _payload(action: OrderAction) -> Payload:
    match action:
        case AddDelivery():
            return {
                "action": "addDelivery",
                "deliveryKey": action.key,
                **({"shippingKey": action.shipping_key} if action.shipping_key is not None else {}),
                "items": _items(action.items),
                "parcels": [{"key": parcel.key, **_contents(parcel)} for parcel in action.parcels],
            }
        case SetDeliveryItems():
            items = _items(action.items)
            return {"action": "setDeliveryItems", "deliveryKey": action.delivery_key, "items": items}
        case RemoveDelivery():
            return {"action": "removeDelivery", "deliveryKey": action.delivery_key}
        case AddParcel():
            named = {"deliveryKey": action.delivery_key, "parcelKey": action.parcel.key}
            return {"action": "addParcelToDelivery", **named, **_contents(action.parcel)}
        case SetTracking():
            tracking = _tracking(action.carrier, action.tracking)
            return {"action": "setParcelTrackingData", "parcelKey": action.parcel_key, **tracking}
        case SetParcelItems():
            return {"action": "setParcelItems", "parcelKey": action.parcel_key, "items": _items(action.items)}
        case RemoveParcel():
            return {"action": "removeParcelFromDelivery", "parcelKey": action.parcel_key}
        case SetShipmentState():
            return {"action": "changeShipmentState", "shipmentState": action.state}
        case SetOrderState():
            return {"action": "changeOrderState", "orderState": action.state}
        case AddReturn():
            return {"action": "addReturnInfo", "items": [_return(action)]}
        case SetReturnState():
            named = {"returnItemId": action.item_id} if action.item_id else {"returnItemKey": action.key}
            return {"action": "setReturnShipmentState", **named, "shipmentState": action.state}
        case _:
            assert_never(action)


def _items(units: Mapping[str, int]) -> list[Payload]:
    return [{"id": line, "quantity": count} for line, count in units.items()]


def _contents(parcel: Parcel) -> Payload:
    return {**_tracking(parcel.carrier, parcel.tracking), "items": _items(parcel.items)}


def _tracking(carrier: str, number: str) -> Payload:
    """Only what is known; without either the field stays out, which takes away what was there."""
    known = {"trackingId": number, "carrier": carrier}
    data = {name: text for name, text in known.items() if text}
    return {"trackingData": data} if data else {}


def _return(action: AddReturn) -> Payload:
    item = {
        "key": action.key,
        "lineItemId": action.line_id,
        "quantity": action.quantity,
        "shipmentState": "Returned",
    }
    return item | ({"comment": action.comment} if action.comment else {})
