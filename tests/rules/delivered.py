"""Orders, boxes and what an order shows once an update was done: commercetools in a few lines, as strict as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from actors.domain.fulfilment import AUTHORISED, Box, Fulfilment
from actors.domain.order import Delivery, Line, Order, Parcel, Shipping, Transaction, Travel
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetShipmentState,
    SetTracking,
)

LEGAL = re.compile(r"[A-Za-z0-9_-]{2,256}")
SINGLE = (Shipping(method="Standard", price=0),)


def line(id_: str, sku: str | None, quantity: int, **travels: int) -> Line:
    """A line of one cent a piece; `travels`: how many of it go with which shipping key."""
    return Line(
        id=id_,
        sku=sku,
        name=sku or "",
        quantity=quantity,
        unit_minor=1,
        list_minor=1,
        total=quantity,
        currency="GBP",
        travels=tuple(Travel(shipping_key=key, quantity=units) for key, units in travels.items()),
    )


def methods(*keys: str) -> tuple[Shipping, ...]:
    return tuple(Shipping(method=key, price=0, key=key) for key in keys)


def order(
    *lines: Line,
    shipping: tuple[Shipping, ...] = SINGLE,
    shipment: str | None = None,
    state: str = "Open",
    deliveries: tuple[Delivery, ...] = (),
) -> Order:
    return Order(
        id="o1",
        number="1001",
        version=3,
        created_at=0,
        modified_at=0,
        currency="GBP",
        digits=2,
        total=sum(one.total for one in lines),
        state=state,
        shipment_state=shipment,
        shipping_mode="Multiple" if any(one.key for one in shipping) else "Single",
        lines=lines,
        shipping=shipping,
        deliveries=deliveries,
    )


def money(type_: str, amount: int, *, state: str = "Success", currency: str = "GBP") -> Transaction:
    return Transaction(type=type_, state=state, amount=amount, currency=currency)


def box(label: str, carrier: str = "", tracking: str = "", **units: float | str) -> Box:
    return Box(
        label=label,
        units={sku: Decimal(str(count)) for sku, count in units.items()},
        carrier=carrier,
        tracking=tracking,
    )


def fulfilment(number: int, *boxes: Box, picking: str = AUTHORISED, task: str = "") -> Fulfilment:
    """A fulfilment whose task is `t` and its number."""
    return Fulfilment(
        task_id=task or f"t{number}",
        number=number,
        picking=picking,
        packing=AUTHORISED if boxes else "",
        shipping=AUTHORISED if boxes else "",
        boxes=boxes,
    )


def apply(order: Order, actions: Iterable[OrderAction]) -> Order:
    """Return the order after its update. What commercetools would refuse is an assertion."""
    for action in actions:
        order = _applied(order, action)
    keys = [one.key for one in order.deliveries if one.key]
    parcels = [parcel.key for one in order.deliveries for parcel in one.parcels if parcel.key]
    assert len(keys) == len(set(keys)), f"a delivery twice: {keys}"
    assert len(parcels) == len(set(parcels)), f"a parcel twice: {parcels}"
    assert all(LEGAL.fullmatch(key) for key in (*keys, *parcels))
    return order


def _applied(order: Order, action: OrderAction) -> Order:
    match action:
        case SetShipmentState(state=state):
            assert state != order.shipment_state, f"is {state} already"
            return msgspec.structs.replace(order, shipment_state=state)
        case SetOrderState(state=state):
            assert state != order.state, f"is {state} already"
            return msgspec.structs.replace(order, state=state)
        case AddDelivery(key=key, items=items, parcels=parcels, shipping_key=shipping_key):
            assert items
            assert shipping_key in {one.key for one in order.shipping}, f"does not ship by {shipping_key}"
            added = Delivery(key=key, items=items, parcels=parcels, shipping_key=shipping_key)
            return _shows(order, (*order.deliveries, added))
        case RemoveDelivery(delivery_key=key):
            assert key in {one.key for one in order.deliveries}, f"no delivery {key}"
            return _shows(order, [one for one in order.deliveries if one.key != key])
        case SetDeliveryItems(delivery_key=key, items=items):
            return _of_delivery(order, key, lambda one: msgspec.structs.replace(one, items=items))
        case AddParcel(delivery_key=key, parcel=parcel):
            return _of_delivery(order, key, lambda one: msgspec.structs.replace(one, parcels=(*one.parcels, parcel)))
        case RemoveParcel(parcel_key=key):
            return _of_parcel(order, key, lambda parcel: ())
        case SetParcelItems(parcel_key=key, items=items):
            return _of_parcel(order, key, lambda parcel: (msgspec.structs.replace(parcel, items=items),))
        case SetTracking(parcel_key=key, carrier=carrier, tracking=tracking):
            return _of_parcel(
                order, key, lambda parcel: (msgspec.structs.replace(parcel, carrier=carrier, tracking=tracking),)
            )
        case _:
            raise AssertionError(f"not the business of deliveries: {action}")


def _shows(order: Order, deliveries: Sequence[Delivery]) -> Order:
    return msgspec.structs.replace(order, deliveries=tuple(deliveries))


def _of_delivery(order: Order, key: str, change: Callable[[Delivery], Delivery]) -> Order:
    assert key in {one.key for one in order.deliveries}, f"no delivery {key}"
    return _shows(order, [change(one) if one.key == key else one for one in order.deliveries])


def _of_parcel(order: Order, key: str, change: Callable[[Parcel], Sequence[Parcel]]) -> Order:
    holder = next((one for one in order.deliveries if key in {parcel.key for parcel in one.parcels}), None)
    assert holder is not None, f"no parcel {key}"
    parcels = [new for parcel in holder.parcels for new in (change(parcel) if parcel.key == key else (parcel,))]
    return _of_delivery(order, holder.key, lambda one: msgspec.structs.replace(one, parcels=tuple(parcels)))
