"""What a predicate lets one conclude about the documents that fit it, so that not all need be looked at.

Taken from the predicate as it is written: a value that must be there, or a place in a sort order before which nothing
fits. A clue may promise too little, never too much; the predicate itself still judges every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

_AFTER_ALL = "\U0010ffff"


class Leaf(msgspec.Struct, frozen=True):
    """A field, by its path with dots, holds one of these texts (`=`) or lies beyond the only one (`>`, `>=`)."""

    path: str
    operator: str
    values: tuple[str, ...]


class Every(msgspec.Struct, frozen=True):
    """All of these hold."""

    parts: tuple[Clue, ...]


class Some(msgspec.Struct, frozen=True):
    """At least one of these holds."""

    parts: tuple[Clue, ...]


Clue: TypeAlias = Leaf | Every | Some | None
"""None says nothing."""


def inside(field: str, clue: Clue) -> Clue:
    """Return what is known of a document when this is known of what its field holds."""
    match clue:
        case Leaf(path, operator, values):
            return Leaf(f"{field}.{path}", operator, values)
        case Every(parts):
            return Every(tuple(inside(field, part) for part in parts))
        case Some(parts):
            return Some(tuple(inside(field, part) for part in parts))
    return None


def values_of(clue: Clue) -> frozenset[tuple[str, str]] | None:
    """Return (path, text) pairs of which every fitting document has at least one; None where nothing is known."""
    match clue:
        case Leaf(path, "=", values):
            return frozenset((path, value) for value in values)
        case Every(parts):
            known = [found for part in parts if (found := values_of(part)) is not None]
            return min(known, key=len, default=None)
        case Some(parts):
            each = [values_of(part) for part in parts]
            return None if None in each else frozenset().union(*(found for found in each if found is not None))
    return None


def start_of(clue: Clue, fields: Sequence[str]) -> tuple[str, ...]:
    """Return a place in the order of these fields before which no document fits: a prefix of such a sort key."""
    if not fields:
        return ()
    match clue:
        case Leaf(path, operator, values) if path == fields[0]:
            return (min(values), _AFTER_ALL) if operator == ">" else (min(values),)
        case Some(parts):
            return min((start_of(part, fields) for part in parts), default=())
        case Every(parts):
            bounds = [start_of(part, fields) for part in parts]
            fixed = next((part.values for part in parts if isinstance(part, Leaf) and _fixes(part, fields[0])), None)
            if fixed is not None:
                bounds.append(fixed + max(start_of(part, fields[1:]) for part in parts))
            return max(bounds, default=())
    return ()


def _fixes(leaf: Leaf, field: str) -> bool:
    return leaf.path == field and leaf.operator == "=" and len(leaf.values) == 1
