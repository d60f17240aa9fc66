"""What came after the sale, out of an order document: deliveries with their parcels, and returns.

What is counted (items, their units, a return's state) must be readable, or the order is not: a delivery that vanished
would be sent again. Keys, tracking and how a line travels only name and describe: an odd one is as if it were absent.
Sources: commercetools fact sheet §3.2, §3.3, §3.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from actors.domain.order import Delivery, Parcel, ReturnItem, Travel
from adapters.commercetools import wire

_T = TypeVar("_T")
_TEXT = msgspec.json.Decoder(str | None)
_TRACKING = msgspec.json.Decoder(wire.TrackingData | None)
_DETAILS = msgspec.json.Decoder(wire.ShippingDetails | None)


def deliveries(document: wire.Order) -> tuple[Delivery, ...]:
    """Read every delivery; in shipping mode Multiple each belongs to one of the shipments."""
    found = [_delivery(one, key) for key, info in _shipments(document) for one in info.deliveries or ()]
    return tuple(found)


def _shipments(document: wire.Order) -> Iterator[tuple[str | None, wire.ShippingInfo]]:
    if document.shipping_info is not None:
        yield None, document.shipping_info
    for one in document.shipping or ():
        yield one.shipping_key, one.shipping_info


def _delivery(document: wire.Delivery, shipping_key: str | None) -> Delivery:
    return Delivery(
        key=_text(document.key),
        items=_units(document.items),
        parcels=tuple(_parcel(parcel) for parcel in document.parcels or ()),
        shipping_key=shipping_key,
    )


def _parcel(document: wire.Parcel) -> Parcel:
    data = _plain(_TRACKING, document.tracking_data) or wire.TrackingData()
    return Parcel(
        key=_text(document.key),
        items=_units(document.items),
        carrier=_text(data.carrier),
        tracking=_text(data.tracking_id),
    )


def _units(items: Iterable[wire.DeliveryItem] | None) -> dict[str, int]:
    """Add up what is delivered of each line; one may be named twice."""
    found: dict[str, int] = {}
    for item in items or ():
        found[item.id] = found.get(item.id, 0) + item.quantity
    return found


def returns(document: wire.Order) -> tuple[ReturnItem, ...]:
    """Read every item of every return, in their order."""
    return tuple(_returned(item) for info in document.return_info or () for item in info.items)


def _returned(item: wire.ReturnItem) -> ReturnItem:
    return ReturnItem(
        id=item.id,
        key=_text(item.key),
        line_id=_text(item.line_item_id) or _text(item.custom_line_item_id),
        quantity=item.quantity,
        state=item.shipment_state,
        payment_state=_text(item.payment_state),
    )


def travels(item: wire.LineItem, document: wire.Order) -> tuple[Travel, ...]:
    """Read which units go with which of several shipments; one that the order does not have is nowhere to go.

    Where the item has no targets and only one method taxes it, all of it goes with that one. Else it is not known.
    """
    shipments = {one.shipping_key for one in document.shipping or ()}
    details = _plain(_DETAILS, item.shipping_details)
    named = [
        Travel(shipping_key=target.shipping_method_key, quantity=target.quantity)
        for target in (details.targets if details is not None else ())
        if target.shipping_method_key in shipments and target.quantity > 0
    ]
    if named:
        return tuple(named)
    methods = (*(item.per_method_tax_rate or ()), *(item.taxed_price_portions or ()))
    keys = {method.shipping_method_key for method in methods}
    if len(keys) != 1 or not keys <= shipments:
        return ()
    return (Travel(shipping_key=keys.pop(), quantity=item.quantity),)


def _text(raw: msgspec.Raw) -> str:
    return _plain(_TEXT, raw) or ""


def _plain(decoder: msgspec.json.Decoder[_T | None], raw: msgspec.Raw) -> _T | None:
    """Read what may be odd; None if it is, or absent."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
