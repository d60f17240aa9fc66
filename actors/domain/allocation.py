"""Which lines of an order the shipped units belong to: decided by what is in the boxes and what the order shows.

Boxes come one after another: fulfilments by number, boxes by label; each takes what its lines have left, in the order's
own order. What a box shows already it keeps, before any other takes a unit: so one that leaves later moves nothing,
whatever its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from actors.domain.fulfilment import Box, Fulfilment
from actors.domain.order import Line, Order

Shown = Callable[[str, str | None, str], Mapping[str, int]]
"""What a box (by task, shipping key and label) shows already, by line."""


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A box with what is in it, by shipping key (None: the order has one) and line."""

    task_id: str
    box: Box
    shares: Mapping[str | None, Mapping[str, int]]


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Every box that has left, and the units by SKU that no line has room for."""

    packed: tuple[Packed, ...]
    beyond: Mapping[str, int]


class _Room(msgspec.Struct):
    """What is left of a line under one shipping key."""

    line_id: str
    shipping_key: str | None
    left: int


class _Open(msgspec.Struct):
    """A box, and what of it is not assigned yet, by SKU."""

    task_id: str
    box: Box
    left: dict[str, int]
    shares: dict[str | None, dict[str, int]]

    def fill(self, sku: str, room: _Room, most: int) -> None:
        units = min(room.left, self.left[sku], most)
        if units <= 0:
            return
        room.left -= units
        self.left[sku] -= units
        lines = self.shares.setdefault(room.shipping_key, {})
        lines[room.line_id] = lines.get(room.line_id, 0) + units


def allocate(order: Order, fulfilments: Sequence[Fulfilment], shown: Shown) -> Allocation:
    """Assign what was shipped to lines. Parts of a unit count once they add up to a whole one."""
    rooms = {sku: list(_rooms(order, lines)) for sku, lines in _lines_by_sku(order).items()}
    boxes = list(_opened(fulfilments, _speller(rooms)))
    for box, sku, room in _pairs(boxes, rooms):
        box.fill(sku, room, shown(box.task_id, room.shipping_key, box.box.label).get(room.line_id, 0))
    for box, sku, room in _pairs(boxes, rooms):
        box.fill(sku, room, room.left)
    beyond: dict[str, int] = {}
    for sku, units in ((sku, units) for box in boxes for sku, units in box.left.items() if units):
        beyond[sku] = beyond.get(sku, 0) + units
    packed = tuple(Packed(task_id=box.task_id, box=box.box, shares=box.shares) for box in boxes)
    return Allocation(packed=packed, beyond=beyond)


def _pairs(boxes: Iterable[_Open], rooms: Mapping[str, Sequence[_Room]]) -> Iterator[tuple[_Open, str, _Room]]:
    """Every box with every line that may take something of it, in their order."""
    return ((box, sku, room) for box in boxes for sku in box.left for room in rooms.get(sku, ()))


def _opened(fulfilments: Sequence[Fulfilment], meant: Callable[[str], str]) -> Iterator[_Open]:
    """Every box with its whole units: those that its SKU's sum, over all boxes so far, reaches with it."""
    sums: dict[str, Decimal] = {}
    for one in sorted(fulfilments, key=lambda one: (one.number, one.task_id)):
        for box in sorted(one.boxes, key=lambda box: box.label):
            whole: dict[str, int] = {}
            for shipped, units in sorted(box.units.items()):
                sku = meant(shipped)
                before = sums.get(sku, Decimal(0))
                sums[sku] = before + units
                whole[sku] = whole.get(sku, 0) + int(sums[sku]) - int(before)
            yield _Open(task_id=one.task_id, box=box, left=whole, shares={})


def _lines_by_sku(order: Order) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in order.lines:
        if line.sku:
            found.setdefault(line.sku, []).append(line)
    return found


def _rooms(order: Order, lines: Iterable[Line]) -> Iterator[_Room]:
    """What each line has room for. What does not say how it travels goes with the first method there is."""
    first = order.shipping[0].key if order.shipping else None
    for line in lines:
        left = line.quantity
        by_key: dict[str | None, int] = {}
        for travel in line.travels:
            share = min(travel.quantity, left)
            left -= share
            by_key[travel.shipping_key] = by_key.get(travel.shipping_key, 0) + share
        by_key[first] = by_key.get(first, 0) + left
        yield from (_Room(line_id=line.id, shipping_key=key, left=share) for key, share in by_key.items())


def _speller(skus: Iterable[str]) -> Callable[[str], str]:
    """Find the SKU that is meant: the same, else the only one that differs in nothing but case, else none of these."""
    exact = frozenset(skus)
    folded: dict[str, list[str]] = {}
    for sku in exact:
        folded.setdefault(sku.casefold(), []).append(sku)

    def meant(shipped: str) -> str:
        alike = folded.get(shipped.casefold(), [])
        return alike[0] if shipped not in exact and len(alike) == 1 else shipped

    return meant
