"""How far the shipping of an order is, and the states of the order that say so.

A shipment state moves forward by itself; back only from one that is our own, where Cin7 Core shows that what stood was
undone. What others set ahead of us stays (commercetools couples none of these states, fact sheet §3.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from actors.domain.order import Order
from actors.domain.order_update import ShipmentState

_RANK = {"": 0, "Pending": 0, "Backorder": 0, "Delayed": 0, "Ready": 1, "Partial": 2, "Shipped": 3}
"""How far a shipment state is; one that is not here (`Delivered`, `Canceled`, tomorrow's) is beyond us."""


class Coverage(StrEnum):
    """How much of what needs shipping has left."""

    NEEDLESS = "needless"
    NOTHING = "nothing"
    PART = "part"
    ALL = "all"


def coverage(order: Order, sent: Iterable[Mapping[str, int]], digital: frozenset[str]) -> Coverage:
    """Compare units `sent`, by line, with what was ordered; a line without SKU needs shipping, and never gets any."""
    needed = {line.id: line.quantity for line in order.lines if line.sku not in digital}
    if not needed:
        return Coverage.NEEDLESS
    gone: dict[str, int] = {}
    for lines in sent:
        for line, units in lines.items():
            gone[line] = gone.get(line, 0) + units
    if all(gone.get(line, 0) >= units for line, units in needed.items()):
        return Coverage.ALL
    return Coverage.PART if any(gone.get(line) for line in needed) else Coverage.NOTHING


def due_state(covered: Coverage, *, picked: bool) -> ShipmentState:
    """Return the state the order should show; `Pending` where nothing has happened that it could show."""
    match covered:
        case Coverage.ALL:
            return "Shipped"
        case Coverage.PART:
            return "Partial"
        case Coverage.NOTHING if picked:
            return "Ready"
        case _:
            return "Pending"


def step(present: str, due: ShipmentState, *, published: str, read: bool) -> ShipmentState | None:
    """Return the state to move to, or None to let it be. `published` is the state we set last.

    Where the sale was not `read`, only the row of a list speaks, which may be late: it takes no shipment back.
    """
    if present not in _RANK:
        return None
    if _RANK[due] > _RANK[present]:
        return due
    undone = _RANK[due] < _RANK[present] and present == published
    return due if undone and (read or present == "Ready") else None
