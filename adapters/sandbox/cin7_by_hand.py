"""What the warehouse and the returns desk do in Cin7's own screens, by the sale's id: a part of the double.

Where no fulfilment is named by its task's id, the one that is next for the step is meant; with several that is the
first, and to take something back the last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from adapters.sandbox.catalogue import CARRIERS
from adapters.sandbox.cin7_books import Books, Sale
from adapters.sandbox.cin7_fulfilments import ZERO, Fulfilment, by_sku
from adapters.sandbox.cin7_returns import CreditNote, Given
from adapters.sandbox.cin7_sales import SalesDesk
from adapters.sandbox.cin7_warehouse import Tracking, reserved
from adapters.sandbox.cin7_wire import RefusedError

Quantities = Mapping[str, Decimal | int]
"""Units by SKU."""


class ByHand:
    """Each method raises KeyError for a sale that is not there, `RefusedError` for what its stages forbid."""

    books: Books
    _desk: SalesDesk

    def sale(self, sale_id: str) -> Sale:
        """Return one sale. Raises KeyError."""
        sale = self.books.sale(sale_id)
        if sale is None:
            raise KeyError(sale_id)
        return sale

    # --- the whole sale

    def void_by_hand(self, sale_id: str, *, even_shipped: bool = False) -> Sale:
        """Void a sale. Raises `RefusedError` once it is shipped, unless told to all the same, or void already."""
        self._desk.void(self.sale(sale_id), even_shipped=even_shipped)
        return self.sale(sale_id)

    def undo_by_hand(self, sale_id: str) -> Sale:
        """Take a sale's order back to DRAFT."""
        self._desk.undo(self.sale(sale_id))
        return self.sale(sale_id)

    def authorise_again(self, sale_id: str) -> Sale:
        """Authorise an order that was taken back to DRAFT; it allocates and backorders like any other."""
        sale = self.sale(sale_id)
        self._desk.authorise_again(sale)
        return sale

    # --- forward

    def authorise_pick(self, sale_id: str) -> Sale:
        """Pick what is reserved for a sale, if it was never picked."""
        sale = self.sale(sale_id)
        self._desk.warehouse.pick(sale, _first(sale))
        return sale

    def authorise_ship(self, sale_id: str) -> Sale:
        """Pack and ship what was picked for a sale."""
        sale = self.sale(sale_id)
        self._desk.warehouse.ship(sale, _first(sale))
        return sale

    def add_fulfilment(self, sale_id: str) -> Fulfilment:
        """Make another fulfilment: the sale is an advanced one from now on."""
        return self._desk.warehouse.add(self.sale(sale_id))

    def pick(self, sale_id: str, quantities: Quantities | None = None, *, task: str | None = None) -> Fulfilment:
        """Pick units by SKU, or all that is reserved; in another fulfilment, when the pick of each one stands."""
        sale = self.sale(sale_id)
        picked = self._to_pick(sale) if task is None else _named(sale, task)
        self._desk.warehouse.pick(sale, picked, None if quantities is None else _decimals(quantities))
        return picked

    def pack(
        self, sale_id: str, boxes: Mapping[str, Quantities] | None = None, *, task: str | None = None
    ) -> Fulfilment:
        """Put all that was picked into boxes, by label; into one unless told."""
        sale = self.sale(sale_id)
        packed = _chosen(sale, task, lambda one: one.is_picked and not one.is_packed)
        contents = None if boxes is None else {label: _decimals(content) for label, content in boxes.items()}
        self._desk.warehouse.pack(sale, packed, contents)
        return packed

    def ship(
        self,
        sale_id: str,
        *,
        boxes: Collection[str] | None = None,
        carrier: str = CARRIERS[0],
        tracking: Tracking = "",
        task: str | None = None,
    ) -> Fulfilment:
        """Let boxes of one fulfilment leave (None: all that still stand here); it is packed first where nobody did."""
        sale = self.sale(sale_id)
        shipped = _chosen(sale, task, lambda one: one.waits)
        self._desk.warehouse.ship(sale, shipped, boxes=boxes, carrier=carrier, tracking=tracking)
        return shipped

    def ship_part(
        self, sale_id: str, quantities: Quantities, *, carrier: str = CARRIERS[0], tracking: str = ""
    ) -> Sale:
        """Let exactly these units leave: of what is picked first, then of what is picked for it now."""
        sale, missing = self.sale(sale_id), _decimals(quantities)
        _check_enough(sale, missing)
        for task in [one for one in sale.fulfilments if one.waits]:
            here = by_sku(task.waiting)
            if part := {sku: min(here.get(sku, ZERO), units) for sku, units in missing.items() if here.get(sku)}:
                box = self._desk.warehouse.set_aside(sale, task, part)
                self._desk.warehouse.ship(sale, task, boxes=[box], carrier=carrier, tracking=tracking)
                missing = {sku: left for sku, units in missing.items() if (left := units - part.get(sku, ZERO))}
        if missing:
            task = self._to_pick(sale)
            self._desk.warehouse.pick(sale, task, missing)
            self._desk.warehouse.ship(sale, task, carrier=carrier, tracking=tracking)
        return sale

    def ship_rest(self, sale_id: str, *, carrier: str = CARRIERS[0], tracking: str = "") -> Sale:
        """Let everything leave that is picked or can be. Raises `RefusedError` when there is nothing."""
        sale = self.sale(sale_id)
        tasks = [one for one in sale.fulfilments if one.waits]
        if reserved(sale) or not tasks:
            tasks.append(self.pick(sale_id))
        for task in tasks:
            self._desk.warehouse.ship(sale, task, carrier=carrier, tracking=tracking)
        return sale

    def set_tracking(
        self,
        sale_id: str,
        tracking: str,
        carrier: str | None = None,
        box: str | None = None,
        *,
        task: str | None = None,
    ) -> Sale:
        """Change the tracking number (and the carrier) of what has left, of one box if it is named."""
        sale = self.sale(sale_id)
        shipped = _chosen(sale, task, lambda one: one.has_left, last=True)
        self._desk.warehouse.set_tracking(sale, shipped, tracking, carrier=carrier, box=box)
        return sale

    # --- and back

    def undo_ship(self, sale_id: str, *, task: str | None = None) -> Sale:
        """Take a shipment back: the goods stand packed in the house."""
        sale = self.sale(sale_id)
        self._desk.warehouse.undo_ship(sale, _chosen(sale, task, lambda one: one.has_left, last=True))
        return sale

    def undo_pick(self, sale_id: str, *, task: str | None = None) -> Sale:
        """Take a pick back: the goods lie on the shelf, reserved."""
        sale = self.sale(sale_id)
        chosen = _chosen(sale, task, lambda one: one.is_picked and not one.has_left, last=True)
        self._desk.warehouse.undo_pick(sale, chosen)
        return sale

    def void_fulfilment(self, sale_id: str, task: str) -> Sale:
        """Void one fulfilment of an advanced sale, shipped or not; what was picked for it is reserved again."""
        sale = self.sale(sale_id)
        self._desk.warehouse.void(sale, _named(sale, task))
        return sale

    # --- what comes back

    def add_credit_note(
        self,
        sale_id: str,
        *,
        status: str = "AUTHORISED",
        restock_status: str | None = None,
        lines: Given = (),
        restock: Given | None = None,
        memo: str = "",
        number: str | None = None,
        refund_reference: str = "",
    ) -> CreditNote:
        """Credit a sale: money by `lines`, goods by `restock` (see `ReturnsDesk.add`); an authorised note restocks.

        With a `refund_reference` all of it is paid back.
        """
        return self._desk.returns.add(
            self.sale(sale_id),
            status=status,
            restock_status=restock_status,
            lines=lines,
            restock=restock,
            memo=memo,
            number=number,
            refund_reference=refund_reference,
        )

    def authorise_credit_note(self, sale_id: str, number: str) -> CreditNote:
        """Make a draft count. Raises KeyError."""
        note = self._note(sale_id, number)
        self._desk.returns.authorise(self.sale(sale_id), note)
        return note

    def void_credit_note(self, sale_id: str, number: str) -> CreditNote:
        """Void a credit note: its goods leave the shelf again. Raises KeyError."""
        note = self._note(sale_id, number)
        self._desk.returns.void(self.sale(sale_id), note)
        return note

    def _note(self, sale_id: str, number: str) -> CreditNote:
        found = next((note for note in self.sale(sale_id).credit_notes if note.number == number), None)
        if found is None:
            raise KeyError(number)
        return found

    def _to_pick(self, sale: Sale) -> Fulfilment:
        """Return the fulfilment that is open for a pick, a new one when each pick stands and something is reserved."""
        opened = next((one for one in sale.live_fulfilments if not one.is_picked), None)
        if opened is not None:
            return opened
        return self._desk.warehouse.add(sale) if reserved(sale) else _first(sale)

    # --- what the books say

    def shipped(self, sale_id: str) -> dict[str, Decimal]:
        """Return the units by SKU that stand as shipped: nothing of what was undone or voided."""
        return by_sku(units for one in self.sale(sale_id).fulfilments for units in one.shipped)

    def restocked(self, sale_id: str) -> dict[str, Decimal]:
        """Return the units by SKU that authorised credit notes put back on the shelf."""
        counted: dict[str, Decimal] = {}
        for row in (row for note in self.sale(sale_id).credit_notes for row in note.on_shelf):
            counted[row.sku] = counted.get(row.sku, ZERO) + row.quantity
        return counted


def _first(sale: Sale) -> Fulfilment:
    if not sale.fulfilments:
        raise RefusedError(f"Pick cannot be authorised. Order Status is {sale.order_status}.")
    return sale.fulfilments[0]


def _named(sale: Sale, task: str) -> Fulfilment:
    found = next((one for one in sale.fulfilments if one.task_id == task.lower()), None)
    if found is None:
        raise KeyError(task)
    return found


def _chosen(sale: Sale, task: str | None, fits: Callable[[Fulfilment], bool], *, last: bool = False) -> Fulfilment:
    """Return the one named, else the first (or last) that fits, else one whose stages say why none does."""
    if task is not None:
        return _named(sale, task)
    fitting = [one for one in sale.fulfilments if fits(one)]
    if not fitting:
        return _first(sale)
    return fitting[-1 if last else 0]


def _decimals(quantities: Quantities) -> dict[str, Decimal]:
    return {sku: Decimal(units) for sku, units in quantities.items()}


def _check_enough(sale: Sale, wanted: Mapping[str, Decimal]) -> None:
    """Refuse before anything is done."""
    there = by_sku([units for one in sale.fulfilments if one.waits for units in one.waiting] + reserved(sale))
    for sku, units in wanted.items():
        if there.get(sku, ZERO) < units:
            raise RefusedError(f"Quantity of product (SKU: {sku}) is {there.get(sku, ZERO)}, cannot ship {units}.")
