"""What the warehouse, finance and the returns desk do in Cin7's own screens, by the sale's id: a part of the double.

Where no fulfilment is named by its task's id, the one that is next for the step is meant; with several that is the
first, and to take something back the last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from adapters.sandbox.catalogue import CARRIERS
from adapters.sandbox.cin7_books import Books, Charge, Line, Sale
from adapters.sandbox.cin7_fulfilments import ZERO, Fulfilment, by_sku
from adapters.sandbox.cin7_ledger import CreditNote, Invoice, Payment
from adapters.sandbox.cin7_returns import Given, GivenCharge
from adapters.sandbox.cin7_sales import SalesDesk
from adapters.sandbox.cin7_warehouse import Tracking, reserved
from adapters.sandbox.cin7_wire import RefusedError

Quantities = Mapping[str, Decimal | int]
"""Units by SKU."""

Amount = Decimal | int | str
"""Money in the customer's currency."""

BANK: Final = "090"
"""The account the shop's money comes in on."""


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

    # --- the order, changed once it stands

    def edit_order_row(
        self,
        sale_id: str,
        row: str,
        *,
        price: Amount | None = None,
        quantity: Decimal | int | None = None,
        tax: Amount | None = None,
        tax_rule: str | None = None,
    ) -> Sale:
        """Change a row of the order document, by its SKU or the name of its service; the totals follow.

        Other units are allocated, and backordered, anew. Raises KeyError, `RefusedError` for fewer than are picked.
        """
        sale = self.sale(sale_id)
        changes = _changes(price=price, quantity=quantity, tax=tax, tax_rule=tax_rule)
        self._desk.edit_row(sale, _row_of(sale, row), changes)
        return sale

    # --- the ledger

    def invoice(
        self, sale_id: str, units: Quantities | None = None, *, day: date | None = None, memo: str = ""
    ) -> Invoice:
        """Invoice what is not invoiced yet, or so many units of it, at the figures of the order document."""
        wanted = None if units is None else _decimals(units)
        return self._desk.invoices.make(self.sale(sale_id), wanted, day=day, memo=memo)

    def void_invoice(self, sale_id: str, number: str) -> Invoice:
        """Void an invoice, paid or not; its payments are gone with it. Raises KeyError."""
        invoice = self._invoice(sale_id, number)
        self._desk.invoices.void(self.sale(sale_id), invoice)
        return invoice

    def undo_invoice(self, sale_id: str, number: str) -> Invoice:
        """Take an invoice back to a draft. Raises KeyError."""
        invoice = self._invoice(sale_id, number)
        self._desk.invoices.undo(self.sale(sale_id), invoice)
        return invoice

    def edit_invoice(
        self,
        sale_id: str,
        number: str,
        *,
        sku: str | None = None,
        price: Amount | None = None,
        tax: Amount | None = None,
        tax_rule: str | None = None,
        rate: Amount | None = None,
    ) -> Invoice:
        """Change a row of an invoice (its first, or by SKU or name), or its rate; the figures follow.

        Raises KeyError.
        """
        invoice = self._invoice(sale_id, number)
        if rate is not None:
            invoice.rate = Decimal(rate)
        entries = [entry for entry in (*invoice.lines, *invoice.charges) if sku in (None, entry.called)]
        if not entries:
            raise KeyError(sku)
        changes = _changes(price=price, tax=tax, tax_rule=tax_rule)
        self._desk.invoices.correct(self.sale(sale_id), invoice, entries[0], changes)
        return invoice

    def pay(
        self,
        sale_id: str,
        amount: Amount | None = None,
        *,
        reference: str = "",
        account: str = BANK,
        day: date | None = None,
        number: str | None = None,
    ) -> Payment:
        """Pay an invoice by its number, else the first that is open, else the last: what is open of it unless said.

        A person may pay more than that. Raises KeyError where no invoice stands.
        """
        sale = self.sale(sale_id)
        standing = [one for one in sale.invoices if one.stands and number in (None, one.number)]
        if not standing:
            raise KeyError(number or sale_id)
        invoice = next((one for one in standing if one.open > 0), standing[-1])
        paid = invoice.open if amount is None else Decimal(amount)
        day = day or self._desk.today()
        return self._desk.payments.add(sale, invoice, paid, reference=reference, account=account, day=day)

    def delete_payment(self, sale_id: str, payment_id: str) -> None:
        """Delete a payment, or a refund. Raises KeyError when the sale has none of that id."""
        if payment_id not in {payment.id for payment in self.payments(sale_id)}:
            raise KeyError(payment_id)
        self._desk.payments.delete(payment_id)

    def _invoice(self, sale_id: str, number: str) -> Invoice:
        found = next((invoice for invoice in self.sale(sale_id).invoices if invoice.number == number), None)
        if found is None:
            raise KeyError(number)
        return found

    # --- what comes back

    def add_credit_note(
        self,
        sale_id: str,
        *,
        status: str = "AUTHORISED",
        restock_status: str | None = None,
        lines: Given = (),
        charges: Sequence[GivenCharge] = (),
        restock: Given | None = None,
        memo: str = "",
        number: str | None = None,
        invoice_number: str | None = None,
        refund_reference: str = "",
    ) -> CreditNote:
        """Credit a sale: money by `lines` and `charges`, goods by `restock` (see `ReturnsDesk.add`).

        An authorised note restocks. With a `refund_reference` all of it is paid back.
        """
        note = self._desk.returns.add(
            self.sale(sale_id),
            status=status,
            restock_status=restock_status,
            lines=lines,
            charges=charges,
            restock=restock,
            memo=memo,
            number=number,
            invoice_number=invoice_number,
        )
        if refund_reference:
            self.refund_by_hand(sale_id, note.number, note.total, refund_reference)
        return note

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

    def refund_by_hand(
        self,
        sale_id: str,
        note_number: str,
        amount: Amount,
        reference: str = "",
        *,
        account: str = BANK,
        day: date | None = None,
    ) -> Payment:
        """Pay money of a credit note back, be it more than the note is of. Raises KeyError."""
        sale, note = self.sale(sale_id), self._note(sale_id, note_number)
        day = day or self._desk.today()
        return self._desk.payments.add(sale, note, Decimal(amount), reference=reference, account=account, day=day)

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

    def invoices(self, sale_id: str | None = None) -> list[Invoice]:
        """Return every invoice, drafts and void ones too; `stands`, the figures and `by_rule` judge the rest."""
        return [invoice for sale in self._sales(sale_id) for invoice in sale.invoices]

    def payments(self, sale_id: str | None = None) -> list[Payment]:
        """Return every payment of an invoice, then every refund of a credit note, sale by sale."""
        found: list[Payment] = []
        for sale in self._sales(sale_id):
            found += [payment for invoice in sale.invoices for payment in invoice.payments]
            found += [refund for note in sale.credit_notes for refund in note.refunds]
        return found

    def credit_notes(self, sale_id: str | None = None) -> list[CreditNote]:
        """Return every credit note, drafts and void ones too."""
        return [note for sale in self._sales(sale_id) for note in sale.credit_notes]

    def _sales(self, sale_id: str | None) -> list[Sale]:
        return self.books.sales if sale_id is None else [self.sale(sale_id)]

    def shipped(self, sale_id: str) -> dict[str, Decimal]:
        """Return the units by SKU that stand as shipped: nothing of what was undone or voided."""
        return by_sku(units for one in self.sale(sale_id).fulfilments for units in one.shipped)

    def restocked(self, sale_id: str) -> dict[str, Decimal]:
        """Return the units by SKU that authorised credit notes put back on the shelf."""
        counted: dict[str, Decimal] = {}
        for row in (row for note in self.sale(sale_id).credit_notes for row in note.on_shelf):
            counted[row.sku] = counted.get(row.sku, ZERO) + row.quantity
        return counted


def _row_of(sale: Sale, name: str) -> Line | Charge:
    for line in sale.lines:
        if line.sku == name:
            return line
    for charge in sale.charges:
        if charge.description == name:
            return charge
    raise KeyError(name)


def _changes(*, tax_rule: str | None, **amounts: Amount | None) -> dict[str, Any]:
    """Return what is to change, by the names of a row's fields."""
    changes: dict[str, Any] = {name: Decimal(amount) for name, amount in amounts.items() if amount is not None}
    return changes if tax_rule is None else {**changes, "tax_rule": tax_rule}


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
