"""Inventory entries of commercetools, as far as stock needs them (commercetools fact sheet §4)."""

from __future__ import annotations

import hashlib
from datetime import date

import msgspec

from actors.domain.time import Instant

LONGEST_KEY = 256


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An inventory entry. `channel` is the key of its supply channel, or its id where that is all there is; "" without.

    `quantity` is `quantityOnStock`: `availableQuantity` is derived from it and cannot be written. `expected_delivery`
    is the day of `expectedDelivery`. `modified_by` names who changed it last: a client id, a user id, or "". It was
    read or written between `read_from` and `read_at` (ours).
    """

    id: str
    sku: str
    channel: str
    version: int
    quantity: int
    modified_at: Instant
    read_from: Instant
    read_at: Instant
    key: str = ""
    expected_delivery: date | None = None
    modified_by: str = ""


class DateChange(msgspec.Struct, frozen=True):
    """Set the date of the next delivery, or clear it (None)."""

    day: date | None


def entry_key(sku: str, channel: str) -> str:
    """Return the key we give an entry: always the same for a SKU and channel, and legal (2 to 256 of [A-Za-z0-9_-]).

    What a key may not hold is written as `_` and two hex digits a byte, so that two SKUs never share one.
    """
    name = f"{_legal(sku)}--{_legal(channel)}" if channel else _legal(sku)
    if len(name) > LONGEST_KEY:
        return f"{name[:200]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return f"{name}--" if len(name) < 2 else name


def _legal(text: str) -> str:
    return "".join(_spelled(char) for char in text)


def _spelled(char: str) -> str:
    if char.isascii() and (char.isalnum() or char == "-"):
        return char
    return "".join(f"_{byte:02x}" for byte in char.encode())
