"""One page of a query: predicates, sorting, limit and offset (commercetools fact sheet §2.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from adapters.sandbox.orders import Wire
from adapters.sandbox.predicates import PredicateError, Shape, compile_predicate
from adapters.sandbox.refusals import invalid_input

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 500
_MAX_OFFSET = 10_000
_MAX_TOTAL = 10_000  # when filtered
_SORT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.]*)(?:\s+(asc|desc))?\s*")


def page(documents: Sequence[Wire], query: Sequence[tuple[str, str]], shape: Shape) -> Wire:
    """Answer a query over documents. What no `sort` decides comes in an order that means nothing.

    Raises:
        Refusal: 400 for a limit above 500, a malformed predicate, an unknown field.
    """
    limit = _number(query, "limit", _DEFAULT_LIMIT, _MAX_LIMIT)
    offset = _number(query, "offset", 0, _MAX_OFFSET)
    found = _sorted(_filtered(documents, query, shape), _values(query, "sort"), shape)
    results = found[offset : offset + limit]
    answer: Wire = {"limit": limit, "offset": offset, "count": len(results), "results": results}
    if _values(query, "withTotal")[-1:] != ["false"]:
        answer["total"] = min(len(found), _MAX_TOTAL) if _values(query, "where") else len(found)
    return answer


def _values(query: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in query if key == name]


def _number(query: Sequence[tuple[str, str]], name: str, default: int, highest: int) -> int:
    values = _values(query, name)
    if not values:
        return default
    if not re.fullmatch(r"-?\d+", values[-1]):
        raise invalid_input(f"Malformed parameter: {name}: '{values[-1]}' is not a number.")
    value = int(values[-1])
    if not 0 <= value <= highest:
        raise invalid_input(f"Malformed parameter: {name}: {value} is not between 0 and {highest}.")
    return value


def _filtered(documents: Sequence[Wire], query: Sequence[tuple[str, str]], shape: Shape) -> list[Wire]:
    variables: dict[str, list[str]] = {}
    for name, value in query:
        if name.startswith("var."):
            variables.setdefault(name.removeprefix("var."), []).append(value)
    try:
        tests = [compile_predicate(text, variables, shape) for text in _values(query, "where")]
    except PredicateError as problem:
        raise invalid_input(f"Malformed parameter: where: {problem}") from problem
    return [document for document in documents if all(test(document) for test in tests)]


def _sorted(documents: list[Wire], sorts: Sequence[str], shape: Shape) -> list[Wire]:
    ordered = sorted(documents, key=lambda document: document["id"][::-1])
    for text in reversed(sorts):
        match = _SORT.fullmatch(text)
        if match is None:
            raise invalid_input(f"Malformed parameter: sort: '{text}'.")
        path = match.group(1).split(".")
        if not _known(path, shape):
            raise invalid_input(f"Malformed parameter: sort: The field '{match.group(1)}' does not exist.")
        ordered.sort(key=partial(_sort_key, path), reverse=match.group(2) == "desc")
    return ordered


def _known(path: Sequence[str], shape: Shape) -> bool:
    for name in path:
        if not shape.knows(name):
            return False
        shape = shape.below(name)
    return True


def _sort_key(path: Sequence[str], document: object) -> tuple[int, int, str]:
    value = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return (1, 0, "")
    if isinstance(value, int):
        return (0, value, "")
    return (0, 0, str(value))
