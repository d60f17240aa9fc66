"""A page is what the predicates say, whatever is left out beforehand because it is too old."""

from __future__ import annotations

from itertools import starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.orders import Wire, instant_text
from adapters.sandbox.paging import page
from adapters.sandbox.predicates import compile_predicate
from adapters.sandbox.shapes import ORDER

INSTANTS = [instant_text(1_796_083_200_000 + step) for step in range(4)]
PREDICATES = (
    "lastModifiedAt > :at",
    "lastModifiedAt >= :at and createdAt <= :until",
    "lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)",
    "lastModifiedAt > :at or createdAt > :at",
    "createdAt >= :at and not(lastModifiedAt > :until)",
    "lastModifiedAt = :at",
    "lastModifiedAt != :at and createdAt > :at",
)


def document(number: int, created: str, modified: str) -> Wire:
    return {"id": f"id-{number}", "createdAt": created, "lastModifiedAt": modified}


instants = st.sampled_from(INSTANTS)
documents = st.lists(st.tuples(st.integers(0, 9), instants, instants), max_size=8).map(
    lambda drawn: list(starmap(document, drawn))
)


@pytest.mark.parametrize("text", PREDICATES)
@given(found=documents, at=instants, until=instants, after=st.integers(0, 9))
def test_a_page_has_what_fits_and_all_of_it(text: str, found: list[Wire], at: str, until: str, after: int) -> None:
    values = {"at": [at], "until": [until], "id": [f"id-{after}"]}
    fits = compile_predicate(text, values, ORDER).holds
    query = [("where", text), *((f"var.{name}", value[0]) for name, value in values.items()), ("limit", "500")]
    shown = page(found, query, ORDER)["results"]
    assert sorted(map(str, shown)) == sorted(str(one) for one in found if fits(one))


def test_the_same_words_about_another_instant_are_another_question() -> None:
    older, newer = (document(number, at, at) for number, at in enumerate(INSTANTS[:2]))
    where = [("where", "lastModifiedAt >= :at")]
    for at, shown in ((INSTANTS[1], [newer]), (INSTANTS[0], [older, newer]), (INSTANTS[1], [newer])):
        assert page([older, newer], [*where, ("var.at", at), ("sort", "id asc")], ORDER)["results"] == shown
