"""Deliveries and parcels of an order, each action refused where commercetools refuses it (fact sheet §3.5, §10).

What is delivered is not held against what was ordered: a repeated `addDelivery` under another key is taken.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.sandbox.action_fields import Action, RecordContext, named, new_key, objects, quantity_of, records
from adapters.sandbox.orders import Wire
from adapters.sandbox.refusals import Refusal, invalid_input


def deliveries_of(order: Wire) -> list[Wire]:
    """Return every delivery of an order, of all its shipments."""
    return [delivery for _, delivery in shipped_by(order)]


def shipped_by(order: Wire) -> list[tuple[str, Wire]]:
    """Return every delivery of an order with the key of its shipment; "" where the order has one at most."""
    single = [("", order["shippingInfo"])] if "shippingInfo" in order else []
    several = [(one["shippingKey"], one["shippingInfo"]) for one in order.get("shipping", ())]
    return [(key, delivery) for key, info in [*single, *several] for delivery in info.get("deliveries", ())]


def add_delivery(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`addDelivery`: needs a shipment to belong to; its key and those of its parcels are new in the order."""
    key = new_key(action.get("deliveryKey"), _delivery_keys(order), "deliveryKey")
    taken, parcels = _parcel_keys(order), list[Wire]()
    for draft in records(action.get("parcels", ()), "parcels"):
        parcels.append(_parcel(order, draft, draft.get("key"), taken, context))
        taken |= {parcels[-1].get("key", "")}
    delivery: Wire = {
        "id": context.new_id(),
        **key,
        "createdAt": context.now_text(),
        "items": _items(order, action.get("items", ())),
        "parcels": parcels,
    }
    return _in_shipment(order, action.get("shippingKey"), delivery | objects(action, "address"))


def _in_shipment(order: Wire, shipping_key: object, delivery: Wire) -> Wire:
    if "shipping" in order and order.get("shippingMode") == "Multiple":
        if shipping_key not in {one["shippingKey"] for one in order["shipping"]}:
            raise Refusal(400, "InvalidOperation", f"There is no shipping with the key '{shipping_key}'.")
        shipping = [
            one if one["shippingKey"] != shipping_key else one | {"shippingInfo": _with(one["shippingInfo"], delivery)}
            for one in order["shipping"]
        ]
        return {**order, "shipping": shipping}
    if "shippingInfo" not in order:
        raise Refusal(400, "InvalidOperation", "The order has no shipping info, so it can have no delivery.")
    return {**order, "shippingInfo": _with(order["shippingInfo"], delivery)}


def _with(info: Wire, delivery: Wire) -> Wire:
    return {**info, "deliveries": [*info.get("deliveries", ()), delivery]}


def remove_delivery(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`removeDelivery`, by id or key."""
    found = _delivery(order, action)
    return _replaced(order, lambda one: None if one is found else one)


def set_delivery_items(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`setDeliveryItems`, by id or key."""
    found = _delivery(order, action)
    changed = {**found, "items": _items(order, action.get("items"))}
    return _replaced(order, lambda one: changed if one is found else one)


def add_parcel(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`addParcelToDelivery`: the parcel's key is new in the order."""
    found = _delivery(order, action)
    parcel = _parcel(order, action, action.get("parcelKey"), _parcel_keys(order), context)
    changed = {**found, "parcels": [*found["parcels"], parcel]}
    return _replaced(order, lambda one: changed if one is found else one)


def remove_parcel(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`removeParcelFromDelivery`, by id or key."""
    return _parcel_changed(order, action, lambda parcel: None)


def set_tracking(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`setParcelTrackingData`; without any, what was there is taken away."""
    data = objects(action, "trackingData")
    return _parcel_changed(
        order, action, lambda parcel: {name: parcel[name] for name in parcel if name != "trackingData"} | data
    )


def set_parcel_items(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`setParcelItems`, by id or key."""
    items = _items(order, action.get("items"))
    return _parcel_changed(order, action, lambda parcel: {**parcel, "items": items})


# -- finding and changing ---------------------------------------------------------------------------------------------


def _replaced(order: Wire, change: Callable[[Wire], Wire | None]) -> Wire:
    def info_of(info: Wire) -> Wire:
        changed = [change(delivery) for delivery in info.get("deliveries", ())]
        return {**info, "deliveries": [delivery for delivery in changed if delivery is not None]}

    new = dict(order)
    if "shippingInfo" in order:
        new["shippingInfo"] = info_of(order["shippingInfo"])
    if "shipping" in order:
        new["shipping"] = [one | {"shippingInfo": info_of(one["shippingInfo"])} for one in order["shipping"]]
    return new


def _parcel_changed(order: Wire, action: Action, change: Callable[[Wire], Wire | None]) -> Wire:
    wanted = named(action, "parcel")
    if not any(_is(parcel, *wanted) for delivery in deliveries_of(order) for parcel in delivery["parcels"]):
        raise Refusal(400, "InvalidOperation", f"There is no parcel with the {wanted[0]} '{wanted[1]}'.")

    def changed(delivery: Wire) -> Wire:
        parcels = [change(parcel) if _is(parcel, *wanted) else parcel for parcel in delivery["parcels"]]
        return {**delivery, "parcels": [parcel for parcel in parcels if parcel is not None]}

    return _replaced(order, changed)


def _delivery(order: Wire, action: Action) -> Wire:
    field, value = named(action, "delivery")
    found = next((one for one in deliveries_of(order) if _is(one, field, value)), None)
    if found is None:
        raise Refusal(400, "InvalidOperation", f"There is no delivery with the {field} '{value}'.")
    return found


def _is(record: Wire, field: str, value: object) -> bool:
    return field in record and record[field] == value


def _items(order: Wire, drafts: object) -> list[Wire]:
    known = [item["id"] for name in ("lineItems", "customLineItems") for item in order[name]]
    items = records(drafts, "items")
    for item in items:
        if item.get("id") not in known:
            raise invalid_input(f"The order has no line item with the ID '{item.get('id')}'.")
    return [{"id": item["id"], "quantity": quantity_of(item)} for item in items]


def _parcel(order: Wire, draft: Action, key: object, taken: set[str], context: RecordContext) -> Wire:
    return {
        "id": context.new_id(),
        **new_key(key, taken, "parcelKey"),
        "createdAt": context.now_text(),
        **objects(draft, "measurements", "trackingData"),
        "items": _items(order, draft.get("items", ())),
    }


def _delivery_keys(order: Wire) -> set[str]:
    return {one["key"] for one in deliveries_of(order) if "key" in one}


def _parcel_keys(order: Wire) -> set[str]:
    return {parcel["key"] for one in deliveries_of(order) for parcel in one["parcels"] if "key" in parcel}
