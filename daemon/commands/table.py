"""Plain columns for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align columns by their widest cell; the last one is left as it is. None shows as a dash."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    return "\n".join(
        "  ".join(
            cell if index == len(head) - 1 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


_SIDES = ((" commercetools", " Cin7 Core"), (" predicted", " shown"))
"""How the names of two figures that belong together end."""

_BETWEEN = " · "
"""Stands between the rows of a document, where they are told in one text."""

Pair = tuple[str, str | None, str | None]
"""A component, and what both sides say of it."""


def paired(facts: Mapping[str, str]) -> tuple[list[Pair], dict[str, str]]:
    """Put the figures of both sides beside each other: rows of (component, left, right), and what has no side.

    A component that only one side has is a row too: a row that is missing is a difference.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {}
    alone: dict[str, str] = {}
    for name, value in facts.items():
        component, place = _side(name)
        left, right = pairs.get(component, (None, None))
        if place is None:
            alone[name] = value
        else:
            pairs[component] = (value, right) if place == 0 else (left, value)
    return [(component, *both) for component, both in pairs.items()], alone


def _side(name: str) -> tuple[str, int | None]:
    for ends in _SIDES:
        for place, ending in enumerate(ends):
            if name.endswith(ending):
                return name.removesuffix(ending), place
    return name, None


def side_by_side(facts: Mapping[str, str]) -> str:
    """Print the pairs among these facts as three columns, a list of rows (`A · B`) one below the other; "" for none."""
    pairs, _ = paired(facts)
    if not pairs:
        return ""
    ours = "predicted" if any(name.endswith(" predicted") for name in facts) else "commercetools"
    rows: list[Sequence[object]] = []
    for component, left, right in pairs:
        parts = zip_longest((left or "").split(_BETWEEN), (right or "").split(_BETWEEN))
        rows += [(" " if number else component, *both) for number, both in enumerate(parts)]
    return table(["COMPONENT", ours, "Cin7 Core"], rows)


def minute(instant: str | None) -> str:
    """Shorten a timestamp to what a person compares; UTC."""
    return "-" if instant is None else instant[:19].replace("T", " ")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else " ".join(str(value).splitlines())
