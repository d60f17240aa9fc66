"""Returns of an order, each action refused where commercetools refuses it (fact sheet §3.3, §3.5). No stock returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.sandbox.delivery_actions import DeliveryContext
from adapters.sandbox.orders import Wire
from adapters.sandbox.refusals import Refusal, invalid_input, invalid_json

Action = Mapping[str, Any]

_PAYMENT_OF = {"Advised": "NonRefundable", "Returned": "Initial"}
_ENDS = ("BackInStock", "Unusable")
_PAYMENT_STATES = ("NonRefundable", "Initial", "Refunded", "NotRefunded")


def add_return_info(order: Wire, action: Action, context: DeliveryContext) -> Wire:
    """`addReturnInfo`: what is advised, or is back already."""
    drafts = action.get("items")
    if not isinstance(drafts, list) or not drafts:
        raise invalid_json("actions -> items: Array expected.")
    taken = {item["key"] for item in items_of(order) if "key" in item}
    info: Wire = {"items": [_item(order, draft, taken, context) for draft in drafts]}
    info |= {name: action[name] for name in ("returnTrackingId", "returnDate") if name in action}
    return {**order, "returnInfo": [*order.get("returnInfo", ()), info]}


def items_of(order: Wire) -> list[Wire]:
    """Return every item of every return."""
    return [item for info in order.get("returnInfo", ()) for item in info["items"]]


def _item(order: Wire, draft: Action, taken: set[str], context: DeliveryContext) -> Wire:
    state = draft.get("shipmentState")
    if state not in _PAYMENT_OF:
        raise invalid_input(f"The shipment state of a new return must be 'Advised' or 'Returned', not '{state}'.")
    if draft.get("key") in taken:
        message = f"A duplicate value '\"{draft['key']}\"' exists for field 'key'."
        raise Refusal(400, "DuplicateField", message, field="key", duplicateValue=draft["key"])
    field, book = ("lineItemId", "lineItems") if "lineItemId" in draft else ("customLineItemId", "customLineItems")
    if draft.get(field) not in {item["id"] for item in order.get(book, ())}:
        raise invalid_input(f"The order has no line item with the ID '{draft.get(field)}'.")
    kept = {name: draft[name] for name in ("key", "comment") if name in draft}
    return {
        "id": context.new_id(),
        "type": "LineItemReturnItem" if field == "lineItemId" else "CustomLineItemReturnItem",
        field: draft[field],
        "quantity": draft["quantity"],
        "shipmentState": state,
        "paymentState": _PAYMENT_OF[state],
        "createdAt": context.now_text(),
        "lastModifiedAt": context.now_text(),
        **kept,
    }


def set_return_shipment_state(order: Wire, action: Action, context: DeliveryContext) -> Wire:
    """`setReturnShipmentState`: only what is back goes on, to the shelf or to waste."""
    state, item = action.get("shipmentState"), _found(order, action)
    if state not in _ENDS or item["shipmentState"] != "Returned":
        raise Refusal(400, "InvalidOperation", f"A return cannot go from '{item['shipmentState']}' to '{state}'.")
    return _changed(order, item, {"shipmentState": state, "lastModifiedAt": context.now_text()})


def set_return_payment_state(order: Wire, action: Action, context: DeliveryContext) -> Wire:
    """`setReturnPaymentState`."""
    state = action.get("paymentState")
    if state not in _PAYMENT_STATES:
        raise invalid_json(f"actions -> paymentState: Invalid enum value: '{state}'.")
    return _changed(order, _found(order, action), {"paymentState": state, "lastModifiedAt": context.now_text()})


def _found(order: Wire, action: Action) -> Wire:
    for item in items_of(order):
        if item["id"] == action.get("returnItemId") or item.get("key", "") == action.get("returnItemKey"):
            return item
    raise Refusal(400, "InvalidOperation", "There is no such return item.")


def _changed(order: Wire, item: Wire, fields: Wire) -> Wire:
    infos = [
        {**info, "items": [one | fields if one is item else one for one in info["items"]]}
        for info in order["returnInfo"]
    ]
    return {**order, "returnInfo": infos}
