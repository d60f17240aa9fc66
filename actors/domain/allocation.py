"""Which lines of an order the shipped units belong to: decided by order alone, so that it is the same at every look.

Boxes come one after another: fulfilments by number, boxes by label; each takes what its lines have left. A box that is
shown already comes first and keeps its lines, so that a box which leaves later, before it by name, moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from actors.domain.fulfilment import Box, Fulfilment
from actors.domain.order import Line, Order

Shown = Callable[[str, str], Mapping[str, int] | None]


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A box with what is in it, by shipping key (None: the order has one) and line."""

    task_id: str
    box: Box
    shares: Mapping[str | None, Mapping[str, int]]


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Every box that has left, and what was shipped by SKU that no line has room for."""

    packed: tuple[Packed, ...]
    beyond: Mapping[str, Decimal]


class _Room(msgspec.Struct):
    """What is left of a line under one shipping key."""

    line_id: str
    shipping_key: str | None
    left: int


def allocate(order: Order, fulfilments: Sequence[Fulfilment], shown: Shown) -> Allocation:
    """Assign what was shipped to lines. Parts of a unit count once they add up to a whole one.

    `shown` says which lines a box (by task and label) shows already, by line; None where it is not shown.
    """
    rooms = {sku: list(_rooms(order, lines)) for sku, lines in _lines_by_sku(order).items()}
    spelled = _spellings(rooms)
    loose: dict[str, Decimal] = {}
    packed = []
    for task_id, box, before in _in_turn(fulfilments, shown):
        shares: dict[str | None, dict[str, int]] = {}
        for shipped, units in sorted(box.units.items()):
            sku = spelled.get(shipped, spelled.get(shipped.casefold(), shipped))
            whole = loose.get(sku, Decimal(0)) + units
            loose[sku] = whole - _take(rooms.get(sku, []), int(whole), shares, before)
        packed.append(Packed(task_id=task_id, box=box, shares=shares))
    return Allocation(packed=tuple(packed), beyond={sku: units for sku, units in loose.items() if units >= 1})


def _in_turn(fulfilments: Sequence[Fulfilment], shown: Shown) -> list[tuple[str, Box, Mapping[str, int]]]:
    boxes = [
        (one.task_id, box, shown(one.task_id, box.label))
        for one in sorted(fulfilments, key=lambda one: (one.number, one.task_id))
        for box in sorted(one.boxes, key=lambda box: box.label)
    ]
    return [(task_id, box, lines or {}) for task_id, box, lines in sorted(boxes, key=lambda entry: entry[2] is None)]


def _lines_by_sku(order: Order) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in order.lines:
        found.setdefault(line.sku or "", []).append(line)
    return found


def _rooms(order: Order, lines: Iterable[Line]) -> Iterator[_Room]:
    """What each line has room for. What does not say how it travels goes with the first method there is."""
    first = order.shipping[0].key if order.shipping else None
    for line in lines:
        left = line.quantity
        for travel in line.travels:
            share = min(travel.quantity, left)
            left -= share
            yield _Room(line_id=line.id, shipping_key=travel.shipping_key, left=share)
        if left:
            yield _Room(line_id=line.id, shipping_key=first, left=left)


def _spellings(skus: Iterable[str]) -> dict[str, str]:
    """Every SKU as it is; and in small letters, where only one is spelled so."""
    exact = {sku: sku for sku in skus}
    folded: dict[str, list[str]] = {}
    for sku in exact:
        folded.setdefault(sku.casefold(), []).append(sku)
    return {small: same[0] for small, same in folded.items() if len(same) == 1} | exact


def _take(
    rooms: Sequence[_Room], units: int, shares: dict[str | None, dict[str, int]], before: Mapping[str, int]
) -> int:
    """Fill what is left of the lines, those it had `before` first; return how many units found room."""
    taken = 0
    wanted = [(room, before[room.line_id]) for room in rooms if room.line_id in before]
    for room, most in [*wanted, *((room, room.left) for room in rooms)]:
        share = min(room.left, units - taken, most)
        if share <= 0:
            continue
        room.left -= share
        taken += share
        lines = shares.setdefault(room.shipping_key, {})
        lines[room.line_id] = lines.get(room.line_id, 0) + share
    return taken
