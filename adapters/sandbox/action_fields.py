"""What stands in the fields of an update action: lists, numbers, keys, and which record of an order is meant.

Raises `Refusal` where a field is not what it must be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from adapters.sandbox.refusals import Refusal, invalid_json

Action = Mapping[str, Any]
"""An action, or one of the records it carries."""

_KEY = re.compile(r"[A-Za-z0-9_-]{2,256}")


class RecordContext(Protocol):
    """What an action that makes records may ask of the shop."""

    def now_text(self) -> str:
        """Return the instant of the update."""
        ...

    def new_id(self) -> str:
        """Return a new id."""
        ...


def records(value: object, field: str) -> list[Action]:
    """Read a list of objects."""
    if not isinstance(value, list | tuple):
        raise invalid_json(f"actions -> {field}: Array expected.")
    if not all(isinstance(record, Mapping) for record in value):
        raise invalid_json(f"actions -> {field}: Object expected.")
    return list(value)


def texts(action: Action, *fields: str) -> dict[str, str]:
    """Read those of the fields that are given."""
    found = {field: action[field] for field in fields if action.get(field) is not None}
    for field, value in found.items():
        if not isinstance(value, str):
            raise invalid_json(f"actions -> {field}: String expected.")
    return found


def objects(action: Action, *fields: str) -> dict[str, Mapping[str, Any]]:
    """Read those of the fields that are given."""
    found = {field: action[field] for field in fields if action.get(field) is not None}
    for field, value in found.items():
        if not isinstance(value, Mapping):
            raise invalid_json(f"actions -> {field}: Object expected.")
    return found


def one_of(action: Action, field: str, allowed: Collection[str]) -> str:
    """Read a value of an enumeration."""
    value = action.get(field)
    if value is None:
        raise invalid_json(f"actions -> {field}: Missing required value")
    if not isinstance(value, str) or value not in allowed:
        expected = ", ".join(f"'{one}'" for one in allowed)
        raise invalid_json(f"actions -> {field}: Invalid enum value: '{value}'. Expected one of: {expected}")
    return value


def quantity_of(record: Action) -> int:
    """Read a number of units."""
    quantity = record.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise invalid_json("actions -> items -> quantity: Number expected.")
    return quantity


def named(action: Action, what: str) -> tuple[str, object]:
    """Return which field names the record, and its value: id or key, never both."""
    found = [(field, action[f"{what}{field.title()}"]) for field in ("id", "key") if f"{what}{field.title()}" in action]
    if len(found) != 1:
        raise invalid_json(f"actions: either '{what}Id' or '{what}Key' is needed.")
    return found[0]


def new_key(key: object, taken: Collection[str], field: str) -> dict[str, str]:
    """Read the key of a new record, which is nobody else's in the order; nothing where it has none."""
    if key is None:
        return {}
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise invalid_json(f"actions -> {field}: '{key}' is no key.")
    if key in taken:
        # Which code it is, is not documented (fact sheet §10, row 8).
        message = f"A duplicate value '\"{key}\"' exists for field '{field}'."
        raise Refusal(400, "DuplicateField", message, field=field, duplicateValue=key)
    return {"key": key}
