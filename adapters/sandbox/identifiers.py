"""Resource identifiers in requests: `{"typeId": "channel", "key": "paris"}` (commercetools fact sheet §6)."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.sandbox.orders import Wire
from adapters.sandbox.refusals import Refusal, invalid_json, not_found


def identified(book: Mapping[str, Wire], type_id: str, identifier: object) -> Wire:
    """Find the resource of a kind that an identifier names: by id or by key, never both.

    Raises:
        Refusal: 400 malformed, or `ReferencedResourceNotFound`.
    """
    if not isinstance(identifier, Mapping) or len({"id", "key"} & identifier.keys()) != 1:
        raise invalid_json(f"actions -> {type_id}: A resource identifier needs 'id' or 'key'.")
    if identifier.get("typeId", type_id) != type_id:
        raise invalid_json(f"actions -> {type_id}: Invalid 'typeId'.")
    [(field, value)] = ((field, identifier[field]) for field in ("id", "key") if field in identifier)
    found = next((one for one in book.values() if field in one and one[field] == value), None)
    if found is None:
        message = not_found(f"identifier '{value}'").message
        raise Refusal(400, "ReferencedResourceNotFound", message, typeId=type_id, **{field: value})
    return found
