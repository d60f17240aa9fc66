"""The fulfilments of a sale: what was picked for it, in which boxes it lies, which have left (fact sheet §2.7).

A stage that was undone or voided keeps its records: what stands is told by the stage's status, never by its lines.
Quantities are units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from adapters.sandbox.cin7_wire import RefusedError

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Line

NOT_AVAILABLE: Final = "NOT AVAILABLE"
DRAFT: Final = "DRAFT"
PARTLY: Final = "PARTIALLY AUTHORISED"
AUTHORISED: Final = "AUTHORISED"
VOIDED: Final = "VOIDED"

ZERO: Final = Decimal(0)


class Units(msgspec.Struct, kw_only=True):
    """So many units of an order line; `box` is where they lie, once packed."""

    line: Line
    quantity: Decimal
    box: str = ""


class Shipment(msgspec.Struct, kw_only=True):
    """Boxes that travel together, or (not `shipped`) a box that still stands here."""

    id: str
    day: date
    boxes: list[str]
    carrier: str = ""
    tracking: str = ""
    shipped: bool = False


class Fulfilment(msgspec.Struct, kw_only=True):
    """One fulfilment. `task_id` is the sale's own id for the first one of a simple sale."""

    task_id: str
    number: int
    pick_status: str = NOT_AVAILABLE
    pack_status: str = NOT_AVAILABLE
    ship_status: str = NOT_AVAILABLE
    picked: list[Units] = []
    packed: list[Units] = []
    shipments: list[Shipment] = []

    @property
    def voided(self) -> bool:
        """True when it counts for nothing."""
        return self.pick_status == VOIDED

    @property
    def is_picked(self) -> bool:
        """True when its pick stands."""
        return self.pick_status == AUTHORISED

    @property
    def is_packed(self) -> bool:
        """True when its boxes are closed."""
        return self.pack_status == AUTHORISED

    @property
    def has_left(self) -> bool:
        """True when at least one box of it has left."""
        return self.ship_status in (PARTLY, AUTHORISED)

    @property
    def waits(self) -> bool:
        """True when it was picked and not all of it has left."""
        return self.is_picked and self.ship_status != AUTHORISED

    @property
    def gone(self) -> list[Shipment]:
        """The shipments that stand."""
        return [one for one in self.shipments if one.shipped] if self.has_left else []

    @property
    def gone_boxes(self) -> set[str]:
        """The boxes that have left."""
        return {box for shipment in self.gone for box in shipment.boxes}

    @property
    def shipped(self) -> list[Units]:
        """What was in them."""
        return [units for units in self.packed if units.box in self.gone_boxes]

    @property
    def waiting(self) -> list[Units]:
        """What is picked and has not left."""
        if not self.is_picked:
            return []
        return [units for units in self.packed if units.box not in self.gone_boxes] if self.is_packed else self.picked

    @property
    def waiting_boxes(self) -> list[str]:
        """The boxes that still stand here, in the order they were packed."""
        return list(dict.fromkeys(units.box for units in self.packed if units.box not in self.gone_boxes))

    @property
    def status(self) -> str:
        """The word of `FulFilmentStatus` (fact sheet §2.1)."""
        if self.voided:
            return VOIDED
        return {AUTHORISED: "FULFILLED", PARTLY: "PARTIALLY FULFILLED"}.get(self.ship_status, "NOT FULFILLED")


def total(rows: Iterable[Units]) -> Decimal:
    """Count the units."""
    return sum((units.quantity for units in rows), ZERO)


def by_sku(rows: Iterable[Units]) -> dict[str, Decimal]:
    """Count the units of each SKU."""
    counted: dict[str, Decimal] = {}
    for units in rows:
        counted[units.line.sku] = counted.get(units.line.sku, ZERO) + units.quantity
    return counted


def take(pool: list[Units], wanted: Mapping[str, Decimal], box: str = "") -> list[Units]:
    """Take units by SKU out of the pool, its first rows first; what is left of it stays in it.

    Raises `RefusedError` when there are fewer, and the pool is then spoilt.
    """
    taken = []
    for sku, quantity in wanted.items():
        missing = quantity
        for units in (units for units in pool if units.line.sku == sku):
            part = min(units.quantity, missing)
            units.quantity, missing = units.quantity - part, missing - part
            if part:
                taken.append(Units(line=units.line, quantity=part, box=box))
        if missing:
            raise RefusedError(f"Quantity of product (SKU: {sku}) is {quantity - missing}, cannot take {quantity}.")
    pool[:] = [units for units in pool if units.quantity]
    return taken
