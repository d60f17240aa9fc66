"""Returns of an order, each action refused where commercetools refuses it (fact sheet §3.3, §3.5). No stock returns."""

from __future__ import annotations

from adapters.sandbox.action_fields import Action, RecordContext, named, new_key, one_of, quantity_of, records, texts
from adapters.sandbox.orders import Wire
from adapters.sandbox.refusals import Refusal, invalid_input

_PAYMENT_OF = {"Advised": "NonRefundable", "Returned": "Initial"}
_SHIPMENT_STATES = (*_PAYMENT_OF, "BackInStock", "Unusable")
_ENDS = ("BackInStock", "Unusable")
_PAYMENT_STATES = ("NonRefundable", "Initial", "Refunded", "NotRefunded")


def add_return_info(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`addReturnInfo`: what is advised, or is back already."""
    drafts = records(action.get("items"), "items")
    if not drafts:
        raise invalid_input("A return needs at least one item.")
    taken, items = {item["key"] for item in items_of(order) if "key" in item}, list[Wire]()
    for draft in drafts:
        items.append(_item(order, draft, taken, context))
        taken |= {items[-1].get("key", "")}
    info = {"items": items, **texts(action, "returnTrackingId", "returnDate")}
    return {**order, "returnInfo": [*order.get("returnInfo", ()), info]}


def items_of(order: Wire) -> list[Wire]:
    """Return every item of every return."""
    return [item for info in order.get("returnInfo", ()) for item in info["items"]]


def _item(order: Wire, draft: Action, taken: set[str], context: RecordContext) -> Wire:
    state = one_of(draft, "shipmentState", _SHIPMENT_STATES)
    if state not in _PAYMENT_OF:
        raise invalid_input(f"The shipment state of a new return must be 'Advised' or 'Returned', not '{state}'.")
    field, book = ("lineItemId", "lineItems") if "lineItemId" in draft else ("customLineItemId", "customLineItems")
    if draft.get(field) not in [item["id"] for item in order[book]]:
        raise invalid_input(f"The order has no line item with the ID '{draft.get(field)}'.")
    return {
        "id": context.new_id(),
        **new_key(draft.get("key"), taken, "key"),
        "type": "LineItemReturnItem" if field == "lineItemId" else "CustomLineItemReturnItem",
        field: draft[field],
        "quantity": quantity_of(draft),
        "shipmentState": state,
        "paymentState": _PAYMENT_OF[state],
        "createdAt": context.now_text(),
        "lastModifiedAt": context.now_text(),
        **texts(draft, "comment"),
    }


def set_return_shipment_state(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`setReturnShipmentState`: only what is back goes on, to the shelf or to waste."""
    state, item = one_of(action, "shipmentState", _SHIPMENT_STATES), _found(order, action)
    if state not in _ENDS or item["shipmentState"] != "Returned":
        raise Refusal(400, "InvalidOperation", f"A return cannot go from '{item['shipmentState']}' to '{state}'.")
    return _changed(order, item, {"shipmentState": state, "lastModifiedAt": context.now_text()})


def set_return_payment_state(order: Wire, action: Action, context: RecordContext) -> Wire:
    """`setReturnPaymentState`."""
    state = one_of(action, "paymentState", _PAYMENT_STATES)
    return _changed(order, _found(order, action), {"paymentState": state, "lastModifiedAt": context.now_text()})


def _found(order: Wire, action: Action) -> Wire:
    field, value = named(action, "returnItem")
    found = next((item for item in items_of(order) if field in item and item[field] == value), None)
    if found is None:
        raise Refusal(400, "InvalidOperation", f"There is no return item with the {field} '{value}'.")
    return found


def _changed(order: Wire, item: Wire, fields: Wire) -> Wire:
    infos = [
        {**info, "items": [one | fields if one is item else one for one in info["items"]]}
        for info in order["returnInfo"]
    ]
    return {**order, "returnInfo": infos}
