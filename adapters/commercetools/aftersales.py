"""What came after the sale, out of an order document: deliveries with their parcels, and returns (§3.2, §3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from actors.domain.order import Delivery, Parcel, ReturnItem, Travel
from adapters.commercetools import wire


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
        key=document.key or "",
        items=_units(document.items),
        parcels=tuple(_parcel(parcel) for parcel in document.parcels or ()),
        shipping_key=shipping_key,
    )


def _parcel(document: wire.Parcel) -> Parcel:
    data = document.tracking_data
    return Parcel(
        key=document.key or "",
        items=_units(document.items),
        carrier=(data.carrier or "") if data is not None else "",
        tracking=(data.tracking_id or "") if data is not None else "",
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
        key=item.key or "",
        line_id=item.line_item_id or item.custom_line_item_id or "",
        quantity=item.quantity,
        state=item.shipment_state,
        payment_state=item.payment_state,
    )


def travels(item: wire.LineItem) -> tuple[Travel, ...]:
    """Read which units go with which shipment; where only one method is named for the item, all of them."""
    details = item.shipping_details
    named = [
        Travel(shipping_key=target.shipping_method_key, quantity=target.quantity)
        for target in (details.targets if details is not None else ())
        if target.shipping_method_key
    ]
    return tuple(named) or _only_method(item.per_method_tax_rate or (), item.quantity)


def _only_method(methods: Sequence[wire.MethodTaxRate], quantity: int) -> tuple[Travel, ...]:
    keys = {method.shipping_method_key for method in methods}
    return tuple(Travel(shipping_key=key, quantity=quantity) for key in keys) if len(keys) == 1 else ()
