"""One page of a query: predicates, sorting, limit and offset (commercetools fact sheet §2.6)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Protocol

from adapters.sandbox.clues import Clue, Every, start_of, values_of
from adapters.sandbox.orders import Wire
from adapters.sandbox.predicates import Predicate, PredicateError, Shape, compile_predicate
from adapters.sandbox.refusals import invalid_input

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 500
_MAX_OFFSET = 10_000
_MAX_TOTAL = 10_000  # when filtered
_INSTANTS = ("lastModifiedAt", "createdAt")
_SORT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.]*)(?:\s+(asc|desc))?\s*")


class Indexed(Protocol):
    """Documents too many to be looked at one by one: found by a value, or read on from a place in an order."""

    def everything(self) -> Iterable[Wire]:
        """Return all documents."""
        ...

    def having(self, values: Collection[tuple[str, str]]) -> Iterable[Wire] | None:
        """Return at least the documents with one of these (path, text); None where no index tells."""
        ...

    def onwards(self, order: Sequence[str], start: tuple[str, ...]) -> Iterable[Wire]:
        """Return the documents from a place on, in one of the `KEPT_ORDERS`."""
        ...


KEPT_ORDERS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("id asc",): ("id",),
    ("lastModifiedAt asc", "id asc"): ("lastModifiedAt", "id"),
}
"""The sorts that are indexed, and their fields."""


def page(documents: Sequence[Wire], query: Sequence[tuple[str, str]], shape: Shape) -> Wire:
    """Answer a query over documents. What no `sort` decides comes in an order that means nothing.

    Raises:
        Refusal: 400 for a limit above 500, a malformed predicate, an unknown field.
    """
    limit, offset = _window(query)
    predicates = _predicates(tuple(query), shape)
    found = _sorted(_fitting(_beyond(documents, _clue(predicates)), predicates), _values(query, "sort"), shape)
    answer = _answer(found[offset : offset + limit], limit, offset)
    if _wants_total(query):
        answer["total"] = min(len(found), _MAX_TOTAL) if _values(query, "where") else len(found)
    return answer


def page_of_many(book: Indexed, query: Sequence[tuple[str, str]], shape: Shape) -> Wire:
    """Answer a query as `page` does, looking at as few documents as it allows. Raises `Refusal`."""
    limit, offset = _window(query)
    predicates = _predicates(tuple(query), shape)
    clue = _clue(predicates)
    values = values_of(clue)
    few = None if values is None else book.having(values)
    if few is not None:
        return page(list(few), query, shape)
    order = KEPT_ORDERS.get(tuple(_spelt_out(text) for text in _values(query, "sort")))
    if order is None or _wants_total(query):
        return page(list(book.everything()), query, shape)
    found = _fitting(book.onwards(order, start_of(clue, order)), predicates)
    return _answer(list(islice(found, offset, offset + limit)), limit, offset)


def _answer(results: list[Wire], limit: int, offset: int) -> Wire:
    return {"limit": limit, "offset": offset, "count": len(results), "results": results}


def _window(query: Sequence[tuple[str, str]]) -> tuple[int, int]:
    return _number(query, "limit", _DEFAULT_LIMIT, _MAX_LIMIT), _number(query, "offset", 0, _MAX_OFFSET)


def _wants_total(query: Sequence[tuple[str, str]]) -> bool:
    return _values(query, "withTotal")[-1:] != ["false"]


def _spelt_out(sort: str) -> str:
    words = sort.split()
    return " ".join(words if len(words) != 1 else [*words, "asc"])


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


@lru_cache(maxsize=256)
def _predicates(query: tuple[tuple[str, str], ...], shape: Shape) -> tuple[Predicate, ...]:
    """Read what is asked: once, for who sweeps asks the same again while nothing has changed."""
    variables: dict[str, list[str]] = {}
    for name, value in query:
        if name.startswith("var."):
            variables.setdefault(name.removeprefix("var."), []).append(value)
    try:
        return tuple(compile_predicate(text, variables, shape) for text in _values(query, "where"))
    except PredicateError as problem:
        raise invalid_input(f"Malformed parameter: where: {problem}") from problem


def _clue(predicates: Sequence[Predicate]) -> Clue:
    return Every(tuple(predicate.clue for predicate in predicates))


def _beyond(documents: Iterable[Wire], clue: Clue) -> Iterable[Wire]:
    """Leave out what is too old to fit: most of a long list, and one look at each does."""
    for field in _INSTANTS:
        start = start_of(clue, (field,))
        if start:
            documents = [document for document in documents if (document.get(field, ""),) >= start]
    return documents


def _fitting(documents: Iterable[Wire], predicates: Sequence[Predicate]) -> Iterator[Wire]:
    tests = [predicate.holds for predicate in predicates]
    return (document for document in documents if all(test(document) for test in tests))


def _sorted(documents: Iterable[Wire], sorts: Sequence[str], shape: Shape) -> list[Wire]:
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
