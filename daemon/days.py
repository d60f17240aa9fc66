"""Days and months as people write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adapters.operator.problems import ProblemError

T = TypeVar("T")

LONGEST = 40
"""So much of a text that means nothing is shown."""


def read(reader: Callable[[str], T], name: str, text: str) -> T:
    """Return what a text means to `reader`; the refusal says which field it is of, and what stood there.

    Raises:
        ProblemError: 400, it means nothing.
    """
    try:
        return reader(text)
    except ValueError as error:
        raise ProblemError(400, f"{name} {text[:LONGEST]!r}: {error}.") from None
