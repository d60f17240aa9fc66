"""What the API lets programs do to inventory entries: drafts and update actions (commercetools fact sheet §4.1, §4.2).

An action takes a document and returns a new one, so that an update is all or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from adapters.sandbox.orders import Wire, reference
from adapters.sandbox.predicates import PredicateError, canonical_instant
from adapters.sandbox.refusals import Refusal, invalid_input, invalid_json

_KEY = re.compile(r"[A-Za-z0-9_-]{2,256}")
_MOST = 2**63 - 1
_ROLE = "InventorySupply"

Action = Mapping[str, Any]


class DraftContext(Protocol):
    """What a draft may ask of the shop."""

    def entry_exists(self, sku: str, channel_id: str | None) -> bool:
        """Say whether a SKU has an entry on a channel, or without one."""
        ...

    def entry_key_is_taken(self, key: str) -> bool:
        """Say whether an entry of this key exists."""
        ...

    def channel_named(self, identifier: object) -> Wire:
        """Find a channel by a resource identifier (id or key). Raises `Refusal`."""
        ...


def drafted_entry(draft: Mapping[str, Any], context: DraftContext) -> Wire:
    """Read the body of `POST /inventory` into the fields of an entry.

    Raises:
        Refusal: 400; `DuplicateField` where the key is taken, or the SKU has an entry on that channel.
    """
    sku = draft.get("sku")
    if not isinstance(sku, str) or not sku:
        raise invalid_json("sku: Missing required value")
    quantity = _whole(draft, "quantityOnStock")
    fields: Wire = {"sku": sku, "quantityOnStock": quantity, "availableQuantity": quantity}
    if (key := draft.get("key")) is not None:
        fields["key"] = _free_key(key, context)
    if (identifier := draft.get("supplyChannel")) is not None:
        fields["supplyChannel"] = reference("channel", _supplying(context.channel_named(identifier))["id"])
    if context.entry_exists(sku, fields.get("supplyChannel", {}).get("id")):
        raise _duplicate("sku", sku)
    if draft.get("expectedDelivery") is not None:
        fields["expectedDelivery"] = _instant(draft["expectedDelivery"])
    if draft.get("restockableInDays") is not None:
        fields["restockableInDays"] = _whole(draft, "restockableInDays")
    return fields


def apply_entry_action(entry: Wire, action: object) -> Wire:
    """Return the entry after one action.

    Raises:
        Refusal: 400 with the code commercetools gives.
    """
    if not isinstance(action, Mapping):
        raise invalid_json("actions: Object expected.")
    name = action.get("action")
    handler = _ACTIONS.get(name) if isinstance(name, str) else None
    if handler is None:
        raise invalid_json(f"actions: Invalid type value '{name}' in 'action'.")
    return handler(entry, action)


def _change_quantity(entry: Wire, action: Action) -> Wire:
    return {**entry, "quantityOnStock": _whole(action, "quantity")}


def _add_quantity(entry: Wire, action: Action) -> Wire:
    return {**entry, "quantityOnStock": entry["quantityOnStock"] + _whole(action, "quantity")}


def _remove_quantity(entry: Wire, action: Action) -> Wire:
    return {**entry, "quantityOnStock": entry["quantityOnStock"] - _whole(action, "quantity")}


def _set_expected_delivery(entry: Wire, action: Action) -> Wire:
    value = action.get("expectedDelivery")
    return _with(entry, "expectedDelivery", None if value is None else _instant(value))


def _set_restockable(entry: Wire, action: Action) -> Wire:
    value = action.get("restockableInDays")
    return _with(entry, "restockableInDays", None if value is None else _whole(action, "restockableInDays"))


def _with(entry: Wire, field: str, value: object) -> Wire:
    """Set an optional field; without a value it goes."""
    kept = {name: known for name, known in entry.items() if name != field}
    return kept if value is None else {**kept, field: value}


_ACTIONS: Mapping[str, Callable[[Wire, Action], Wire]] = {
    "changeQuantity": _change_quantity,
    "addQuantity": _add_quantity,
    "removeQuantity": _remove_quantity,
    "setExpectedDelivery": _set_expected_delivery,
    "setRestockableInDays": _set_restockable,
}


def _whole(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if value is None:
        raise invalid_json(f"{name}: Missing required value")
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MOST:
        raise invalid_json(f"{name}: Number expected.")
    return value


def _instant(value: object) -> str:
    if not isinstance(value, str):
        raise invalid_json("expectedDelivery: String expected.")
    try:
        return canonical_instant(value)
    except PredicateError as problem:
        raise invalid_json(f"expectedDelivery: {problem}") from problem


def _free_key(key: object, context: DraftContext) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise invalid_input("Invalid 'key': 2 to 256 characters of [A-Za-z0-9_-].")
    if context.entry_key_is_taken(key):
        raise _duplicate("key", key)
    return key


def _supplying(channel: Wire) -> Wire:
    if _ROLE in channel["roles"]:
        return channel
    message = f"The channel '{channel['key']}' does not have the role '{_ROLE}'."
    raise Refusal(400, "MissingRoleOnChannel", message, channel=reference("channel", channel["id"]), missingRole=_ROLE)


def _duplicate(field: str, value: str) -> Refusal:
    message = f"A duplicate value '\"{value}\"' exists for field '{field}'."
    return Refusal(400, "DuplicateField", message, field=field, duplicateValue=value)
