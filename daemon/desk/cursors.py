"""Where a page of a list goes on, as the caller carries it: opaque, but for a list that is sorted by its numbers."""

from __future__ import annotations

import base64
import binascii

import msgspec

from adapters.operator.problems import ProblemError
from storage.keyset import Place

_BEYOND = 2**62


def token(place: Place | None) -> str | int | None:
    """Return a place as a token; None: that was all."""
    if place is None:
        return None
    if place.value == place.key and isinstance(place.key, int):
        return place.key
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(text: str) -> Place | None:
    """Return the place of a token; None for "", the first page.

    Raises:
        ProblemError: 400, it is none.
    """
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            number = int(text)
            if number >= _BEYOND:
                raise ValueError(text)
            return Place(number, number)
        place = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Place)
        if any(isinstance(part, int) and abs(part) >= _BEYOND for part in place):
            raise ValueError(text)
        return place
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise ProblemError(400, "after must be the `next` of the page before.") from None


def onwards(token_of_next: str | int | None) -> str | None:
    """Return a token as the `after` of the next page."""
    return None if token_of_next is None else str(token_of_next)
