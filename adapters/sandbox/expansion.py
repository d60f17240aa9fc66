"""Reference expansion: `expand=paymentInfo.payments[*]` puts the payment itself beside its id, as `obj`.

A path that leads nowhere changes nothing. Documents in the books are shared, so only the way to a reference is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from adapters.sandbox.orders import Wire

Resolve = Callable[[str, str], Wire | None]
"""From type id and id to the resource, or None where it does not exist or may not be seen."""


def expanded(document: Wire, paths: Sequence[str], resolve: Resolve) -> Wire:
    """Return the document with the references at `paths` expanded."""
    for path in paths:
        steps = path.replace("[*]", ".*").split(".")
        document = _expand(document, steps, resolve)
    return document


def _expand(value: Any, steps: Sequence[str], resolve: Resolve) -> Any:
    if not steps:
        return _embedded(value, resolve)
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(value, list):
        return [_expand(item, rest, resolve) for item in value]
    if not isinstance(value, dict):
        return value
    if step in value:
        return {**value, step: _expand(value[step], rest, resolve)}
    return value


def _embedded(value: Any, resolve: Resolve) -> Any:
    if not isinstance(value, dict) or "typeId" not in value or "id" not in value:
        return value
    found = resolve(value["typeId"], value["id"])
    return value if found is None else {**value, "obj": found}
