"""Update actions on an order, each refused where commercetools refuses it (commercetools fact sheet §3.5).

An action takes a document and returns a new one; the caller keeps the first if any of them is refused, which makes an
update all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from adapters.sandbox import delivery_actions, return_actions
from adapters.sandbox.action_fields import Action, RecordContext, objects, one_of, texts
from adapters.sandbox.orders import Wire, reference
from adapters.sandbox.predicates import PredicateError, canonical_instant
from adapters.sandbox.refusals import Refusal, invalid_input, invalid_json

ORDER_STATES = ("Open", "Confirmed", "Complete", "Cancelled")
SHIPMENT_STATES = ("Shipped", "Delivered", "Ready", "Pending", "Delayed", "Partial", "Backorder", "Canceled")
PAYMENT_STATES = ("BalanceDue", "Failed", "Pending", "CreditOwed", "Paid")
_SYNC_ROLES = frozenset({"OrderExport", "OrderImport"})


class ActionContext(RecordContext, Protocol):
    """What an action may ask of the shop."""

    sync_info_appends: bool

    def channel_named(self, identifier: object) -> Wire:
        """Find a channel by a resource identifier (id or key). Raises `Refusal`."""
        ...

    def payment_named(self, identifier: object) -> Wire:
        """Find a payment by a resource identifier (id or key). Raises `Refusal`."""
        ...

    def number_is_taken(self, order_number: str) -> bool:
        """Say whether an order of this number exists."""
        ...


def apply_order_action(order: Wire, action: object, context: ActionContext) -> Wire:
    """Return the order after one action; the same object if nothing changed.

    Raises:
        Refusal: 400 with the code commercetools gives.
    """
    if not isinstance(action, Mapping):
        raise invalid_json("actions: Object expected.")
    name = action.get("action")
    handler = ACTIONS.get(name) if isinstance(name, str) else None
    if handler is None:
        raise invalid_json(f"actions: Invalid type value '{name}' in 'action'.")
    return handler(order, action, context)


def _update_sync_info(order: Wire, action: Action, context: ActionContext) -> Wire:
    channel = context.channel_named(action.get("channel"))
    if not _SYNC_ROLES.intersection(channel["roles"]):
        raise invalid_input(f"The channel '{channel['key']}' does not have the role 'OrderExport' or 'OrderImport'.")
    entry: Wire = {
        "channel": reference("channel", channel["id"]),
        "syncedAt": _synced_at(action, context),
        **texts(action, "externalId"),
    }
    entries = list(order["syncInfo"])
    if not context.sync_info_appends:
        entries = [kept for kept in entries if kept["channel"]["id"] != channel["id"]]
    return {**order, "syncInfo": [*entries, entry]}


def _synced_at(action: Action, context: ActionContext) -> str:
    text = texts(action, "syncedAt").get("syncedAt")
    if text is None:
        return context.now_text()
    try:
        return canonical_instant(text)
    except PredicateError as problem:
        raise invalid_json(f"actions -> syncedAt: {problem}") from problem


def _state_setter(field: str, allowed: tuple[str, ...]) -> Callable[[Wire, Action, ActionContext], Wire]:
    def change(order: Wire, action: Action, context: ActionContext) -> Wire:
        wanted = one_of(action, field, allowed)
        return order if order.get(field) == wanted else {**order, field: wanted}

    return change


def _set_order_number(order: Wire, action: Action, context: ActionContext) -> Wire:
    number = texts(action, "orderNumber").get("orderNumber")
    if order.get("orderNumber") == number:
        return order
    if "orderNumber" in order or number is None:
        raise Refusal(400, "InvalidOperation", "The order number is already set and cannot be changed.")
    if context.number_is_taken(number):
        message = f"A duplicate value '\"{number}\"' exists for field 'orderNumber'."
        raise Refusal(400, "DuplicateField", message, field="orderNumber", duplicateValue=number)
    return {**order, "orderNumber": number}


def _text_setter(field: str, name: str) -> Callable[[Wire, Action, ActionContext], Wire]:
    """Set a text that an action carries under `name`; without it the field is taken away."""
    return lambda order, action, context: _with(order, field, texts(action, name).get(name))


def _address_setter(field: str) -> Callable[[Wire, Action, ActionContext], Wire]:
    """Set an address; without one it is taken away."""
    return lambda order, action, context: _with(order, field, objects(action, "address").get("address"))


def _set_custom_field(order: Wire, action: Action, context: ActionContext) -> Wire:
    """`setCustomField`: needs a type, which says what fields there are; without a value the field is taken away."""
    name = texts(action, "name").get("name")
    if name is None:
        raise invalid_json("actions -> name: Missing required value")
    if "custom" not in order:
        raise Refusal(400, "InvalidOperation", "The order has no custom type, so it can have no custom field.")
    fields = _with(order["custom"]["fields"], name, action.get("value"))
    return _with(order, "custom", {**order["custom"], "fields": fields})


def _add_payment(order: Wire, action: Action, context: ActionContext) -> Wire:
    payments = order.get("paymentInfo", {}).get("payments", [])
    added = reference("payment", context.payment_named(action.get("payment"))["id"])
    return order if added in payments else {**order, "paymentInfo": {"payments": [*payments, added]}}


def _remove_payment(order: Wire, action: Action, context: ActionContext) -> Wire:
    """`removePayment`: of the last one nothing is left, not even the list."""
    gone = reference("payment", context.payment_named(action.get("payment"))["id"])
    left = [payment for payment in order.get("paymentInfo", {}).get("payments", []) if payment != gone]
    return _with(order, "paymentInfo", {"payments": left} if left else None)


def _with(document: Wire, field: str, value: object) -> Wire:
    """Return the document with another value of a field, or without it; the same object if nothing changed."""
    if document.get(field) == value:
        return document
    kept = {name: document[name] for name in document if name != field}
    return kept if value is None else kept | {field: value}


ACTIONS: Mapping[str, Callable[[Wire, Action, ActionContext], Wire]] = {
    "updateSyncInfo": _update_sync_info,
    "changeOrderState": _state_setter("orderState", ORDER_STATES),
    "changeShipmentState": _state_setter("shipmentState", SHIPMENT_STATES),
    "changePaymentState": _state_setter("paymentState", PAYMENT_STATES),
    "setOrderNumber": _set_order_number,
    "setShippingAddress": _address_setter("shippingAddress"),
    "setBillingAddress": _address_setter("billingAddress"),
    "setCustomerEmail": _text_setter("customerEmail", "email"),
    "setPurchaseOrderNumber": _text_setter("purchaseOrderNumber", "purchaseOrderNumber"),
    "setCustomField": _set_custom_field,
    "addPayment": _add_payment,
    "removePayment": _remove_payment,
    "addDelivery": delivery_actions.add_delivery,
    "removeDelivery": delivery_actions.remove_delivery,
    "setDeliveryItems": delivery_actions.set_delivery_items,
    "addParcelToDelivery": delivery_actions.add_parcel,
    "removeParcelFromDelivery": delivery_actions.remove_parcel,
    "setParcelTrackingData": delivery_actions.set_tracking,
    "setParcelItems": delivery_actions.set_parcel_items,
    "addReturnInfo": return_actions.add_return_info,
    "setReturnShipmentState": return_actions.set_return_shipment_state,
    "setReturnPaymentState": return_actions.set_return_payment_state,
}
"""Every action the shop takes, by its name."""
