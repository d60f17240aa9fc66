"""What an order is once an update of ours was done: what commercetools makes of the actions (fact sheet §3.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from actors.domain.order import Delivery, Order, Parcel, ReturnItem
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


def applied(order: Order, actions: Sequence[OrderAction]) -> Order:
    """Return the order after the actions, in their order; its version stays. A return we entered has its key for id."""
    for action in actions:
        order = _applied(order, action)
    return order


def _applied(order: Order, action: OrderAction) -> Order:
    replace = msgspec.structs.replace
    match action:
        case SetShipmentState(state=state):
            return replace(order, shipment_state=state)
        case SetOrderState(state=state):
            return replace(order, state=state)
        case AddReturn() | SetReturnState():
            return replace(order, returns=_returns(order.returns, action))
        case _:
            return replace(order, deliveries=_deliveries(order.deliveries, action))


def _returns(returns: tuple[ReturnItem, ...], action: AddReturn | SetReturnState) -> tuple[ReturnItem, ...]:
    if isinstance(action, AddReturn):
        item = ReturnItem(
            id=action.key, key=action.key, line_id=action.line_id, quantity=action.quantity, state="Returned"
        )
        return (*returns, item)
    wanted = action.item_id or action.key
    return tuple(
        msgspec.structs.replace(item, state=action.state) if wanted in (item.id, item.key) else item for item in returns
    )


def _deliveries(deliveries: tuple[Delivery, ...], action: OrderAction) -> tuple[Delivery, ...]:
    replace = msgspec.structs.replace
    match action:
        case AddDelivery():
            made = Delivery(
                key=action.key, items=action.items, parcels=action.parcels, shipping_key=action.shipping_key
            )
            return (*deliveries, made)
        case RemoveDelivery(delivery_key=key):
            return tuple(one for one in deliveries if one.key != key)
        case SetDeliveryItems(delivery_key=key, items=items):
            return tuple(replace(one, items=items) if one.key == key else one for one in deliveries)
        case AddParcel(delivery_key=key, parcel=parcel):
            return tuple(replace(one, parcels=(*one.parcels, parcel)) if one.key == key else one for one in deliveries)
        case RemoveParcel(parcel_key=key):
            return _each_parcel(deliveries, key, lambda parcel: None)
        case SetTracking(parcel_key=key, carrier=carrier, tracking=tracking):
            return _each_parcel(deliveries, key, lambda parcel: replace(parcel, carrier=carrier, tracking=tracking))
        case SetParcelItems(parcel_key=key, items=items):
            return _each_parcel(deliveries, key, lambda parcel: replace(parcel, items=items))
        case _:
            return deliveries


def _each_parcel(
    deliveries: tuple[Delivery, ...], key: str, change: Callable[[Parcel], Parcel | None]
) -> tuple[Delivery, ...]:
    """Change the parcel of this key, or (None) take it out."""

    def parcels(delivery: Delivery) -> tuple[Parcel, ...]:
        changed = (change(parcel) if parcel.key == key else parcel for parcel in delivery.parcels)
        return tuple(parcel for parcel in changed if parcel is not None)

    return tuple(msgspec.structs.replace(one, parcels=parcels(one)) for one in deliveries)
