"""What the warehouse does with a sale: pick, pack and ship, in one fulfilment or several, and take each back (§2.7).

A person in Cin7's own screens may do all of it; over the API only what `cin7_sales` routes here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from adapters.sandbox.catalogue import CARRIERS
from adapters.sandbox.cin7_books import Books, Sale
from adapters.sandbox.cin7_fulfilments import (
    AUTHORISED,
    DRAFT,
    NOT_AVAILABLE,
    PARTLY,
    VOIDED,
    Fulfilment,
    Shipment,
    Units,
    by_sku,
    take,
)
from adapters.sandbox.cin7_ledger import CreditNote, Invoice
from adapters.sandbox.cin7_wire import RefusedError, day_of

Tracking = str | Mapping[str, str]
"""One number for all boxes, or one for each by its label."""

_FIRST_BOX: Final = "Box 1"
_OPEN: Final = (NOT_AVAILABLE, DRAFT)


class Tell(Protocol):
    """Hears what happened to which sale, by the name of the webhook; `task` is the document it happened to."""

    def __call__(self, kind: str, sale: Sale, task: Fulfilment | CreditNote | Invoice | None = None) -> None:
        """Hear of it."""
        ...


class WarehouseDesk:
    """Every step of a fulfilment. `now` gives ms UTC. Each method raises `RefusedError` where the stages forbid it."""

    def __init__(self, books: Books, *, now: Callable[[], int], tell: Tell) -> None:
        self._books = books
        self._now = now
        self._tell = tell

    # --- fulfilments

    def begin(self, sale: Sale) -> None:
        """Give a sale that was just authorised its first fulfilment; only a simple sale's has the sale's id."""
        task_id = self._books.new_id() if sale.type == "Advanced Sale" else sale.id
        sale.fulfilments = [Fulfilment(task_id=task_id, number=1)]

    def add(self, sale: Sale) -> Fulfilment:
        """Make another fulfilment: a simple sale becomes an advanced one by it (fact sheet §9, quirk 12)."""
        _check_order(sale, "Fulfilment")
        for one in sale.fulfilments:
            if not one.voided and not one.is_picked:
                raise RefusedError(f"Fulfilment cannot be created. Pick Status is {one.pick_status}.")
        sale.type = "Advanced Sale" if sale.type == "Simple Sale" else sale.type
        task = Fulfilment(task_id=self._books.new_id(), number=len(sale.fulfilments) + 1, pick_status=DRAFT)
        sale.fulfilments = [*sale.fulfilments, task]
        self._touch(sale)
        return task

    def void(self, sale: Sale, task: Fulfilment) -> None:
        """Void one fulfilment of an advanced sale: its goods lie on the shelf again, and are reserved. No event is."""
        self._check_end(sale, task)
        self._put_back(sale, task)
        void_stages(task)
        self._touch(sale)

    def undo(self, sale: Sale, task: Fulfilment) -> None:
        """Take every stage of one fulfilment of an advanced sale back."""
        self._check_end(sale, task)
        self._put_back(sale, task)
        task.pick_status, task.pack_status, task.ship_status = DRAFT, NOT_AVAILABLE, NOT_AVAILABLE
        self._changed("Sale/Undo", sale, task)

    def _check_end(self, sale: Sale, task: Fulfilment) -> None:
        if sale.type != "Advanced Sale":
            raise RefusedError(f"Fulfilment cannot be voided. Sale Type is {sale.type}.")
        if task.voided:
            raise RefusedError("Fulfilment cannot be voided. Fulfilment Status is VOIDED.")

    # --- pick

    def pick(self, sale: Sale, task: Fulfilment, quantities: Mapping[str, Decimal] | None = None) -> None:
        """Take reserved units off the shelf: those of the SKUs named, else all."""
        _check_order(sale, "Pick")
        if task.pick_status not in _OPEN:
            raise RefusedError(f"Pick cannot be changed. Pick Status is {task.pick_status}.")
        pool = reserved(sale)
        task.picked = pool if quantities is None else take(pool, quantities)
        for units in task.picked:
            self._books.pick(sale, units.line, units.quantity)
        task.pick_status = AUTHORISED
        self._changed("Sale/PickAuthorised", sale, task)

    def undo_pick(self, sale: Sale, task: Fulfilment) -> None:
        """Put what was picked back on the shelf, where it stays reserved; boxes are opened."""
        if not task.is_picked:
            raise RefusedError(f"Pick cannot be undone. Pick Status is {task.pick_status}.")
        if task.has_left:
            raise RefusedError(f"Pick cannot be undone. Ship Status is {task.ship_status}.")
        self._put_back(sale, task)
        task.pick_status, task.pack_status, task.ship_status = DRAFT, NOT_AVAILABLE, NOT_AVAILABLE
        self._changed("Sale/Undo", sale, task)

    def _put_back(self, sale: Sale, task: Fulfilment) -> None:
        for units in task.picked if task.is_picked else ():
            self._books.unpick(sale, units.line, units.quantity)

    # --- pack

    def pack(self, sale: Sale, task: Fulfilment, boxes: Mapping[str, Mapping[str, Decimal]] | None = None) -> None:
        """Put all that was picked into boxes: by label, the units of each SKU; into one unless told."""
        if not task.is_picked:
            raise RefusedError(f"Pack cannot be authorised. Pick Status is {task.pick_status}.")
        if task.pack_status not in _OPEN:
            raise RefusedError(f"Pack cannot be changed. Pack Status is {task.pack_status}.")
        pool = [Units(line=units.line, quantity=units.quantity) for units in task.picked]
        boxes = {_FIRST_BOX: by_sku(pool)} if boxes is None else boxes
        packed = [units for label, content in boxes.items() for units in take(pool, content, label)]
        if pool:
            raise RefusedError(f"Pack cannot be authorised. {by_sku(pool)} lie in no box.")
        task.packed, task.pack_status = packed, AUTHORISED
        self._changed("Sale/PackAuthorised", sale, task)

    def set_aside(self, sale: Sale, task: Fulfilment, quantities: Mapping[str, Decimal]) -> str:
        """Put exactly these units in a box of their own, out of those that still stand here; return its label."""
        if not task.is_packed:
            self.pack(sale, task)
        gone = task.shipped
        staying = [Units(line=units.line, quantity=units.quantity, box=units.box) for units in task.waiting]
        labels = {units.box for units in task.packed}
        label = next(name for number in range(1, len(labels) + 2) if (name := f"Box {number}") not in labels)
        aside = take(staying, quantities, label)
        task.packed = [*gone, *staying, *aside]
        return label

    # --- ship

    def ship(
        self,
        sale: Sale,
        task: Fulfilment,
        *,
        boxes: Collection[str] | None = None,
        carrier: str = CARRIERS[0],
        tracking: Tracking = "",
    ) -> None:
        """Let boxes leave (None: all that stand here), packed first where nobody did.

        Boxes of one tracking number are one shipment. That an event tells of a part of the boxes too is our reading.
        """
        if not task.is_picked:
            raise RefusedError(f"Shipment cannot be authorised. Pick Status is {task.pick_status}.")
        if task.ship_status == AUTHORISED:
            raise RefusedError("Shipment cannot be changed. Ship Status is AUTHORISED.")
        if self._books.carrier(carrier) is None:
            raise RefusedError(f"Carrier '{carrier}' was not found in reference book", code=404)
        known = task.waiting_boxes if task.is_packed else [_FIRST_BOX]
        if unknown := [box for box in boxes or () if box not in known]:
            raise RefusedError(f"Box '{unknown[0]}' was not found in Pack.")
        if not task.is_packed:
            self.pack(sale, task)
        standing = task.waiting_boxes
        leaving = standing if boxes is None else list(boxes)
        staying = [box for box in standing if box not in leaving]
        left = [
            Shipment(**self._stamp(), boxes=together, carrier=carrier, tracking=number, shipped=True)
            for number, together in _by_tracking(leaving, tracking).items()
        ]
        task.shipments = [*task.gone, *left, *(Shipment(**self._stamp(), boxes=[box]) for box in staying)]
        task.ship_status = PARTLY if staying else AUTHORISED
        self._changed("Sale/ShipmentAuthorised", sale, task)

    def _stamp(self) -> dict[str, Any]:
        return {"id": self._books.new_id(), "day": day_of(self._now())}

    def set_tracking(
        self, sale: Sale, task: Fulfilment, tracking: str, *, carrier: str | None = None, box: str | None = None
    ) -> None:
        """Change the tracking number of what has left, of one box if named, and the carrier where one is given."""
        changed = [one for one in task.gone if box is None or box in one.boxes]
        if not changed:
            raise RefusedError(f"Tracking number cannot be changed. Ship Status is {task.ship_status}.")
        for shipment in changed:
            shipment.tracking = tracking
            shipment.carrier = shipment.carrier if carrier is None else carrier
        self._changed("Sale/ShipmentTrackingNumberChanged", sale, task)

    def undo_ship(self, sale: Sale, task: Fulfilment) -> None:
        """Take the shipment back to a draft; its boxes stand here again, and its records stay as they were."""
        if not task.has_left:
            raise RefusedError(f"Shipment cannot be undone. Ship Status is {task.ship_status}.")
        task.ship_status = DRAFT
        self._changed("Sale/Undo", sale, task)

    def _changed(self, kind: str, sale: Sale, task: Fulfilment) -> None:
        self._touch(sale)
        self._tell(kind, sale, task)

    def _touch(self, sale: Sale) -> None:
        sale.updated_ms = self._now()


def reserved(sale: Sale) -> list[Units]:
    """What is held for a sale and not picked yet, by line."""
    return [Units(line=line, quantity=line.reserved) for line in sale.lines if line.reserved]


def void_stages(task: Fulfilment) -> None:
    """Void a fulfilment; its records stay."""
    task.pick_status = task.pack_status = task.ship_status = VOIDED


def _check_order(sale: Sale, document: str) -> None:
    if sale.voided or not sale.authorised:
        raise RefusedError(f"{document} cannot be authorised. Order Status is {sale.order_status}.")


def _by_tracking(boxes: Collection[str], tracking: Tracking) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for box in boxes:
        grouped.setdefault(tracking if isinstance(tracking, str) else tracking.get(box, ""), []).append(box)
    return grouped
