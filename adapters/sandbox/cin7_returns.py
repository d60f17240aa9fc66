"""Credit notes of a sale: what was given back in money, and what of it lies on the shelf again (fact sheet §2.8).

Over the API the precondition table rules. By hand they are entered whatever was shipped or invoiced: a person may well
do what the API would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from adapters.sandbox.cin7_books import Books, Line, Location, Sale
from adapters.sandbox.cin7_documents import Rules, total_up
from adapters.sandbox.cin7_entries import EntryReader, check_combined, check_new, entry_of, status_of
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_ledger import AUTHORISED, DRAFT, NOT_AVAILABLE, VOIDED, ZERO, CreditNote, Entry, Restocked
from adapters.sandbox.cin7_wire import JsonObject, RefusedError, day_of

if TYPE_CHECKING:
    from adapters.sandbox.cin7_warehouse import Tell

_CENT: Final = Decimal("0.01")

Given = Sequence[tuple[str, Decimal | int]]
"""SKU and units, row by row."""

GivenCharge = tuple[str, Decimal, Decimal]
"""The name of a service, its price and its tax: what is credited beside goods."""


class ReturnsDesk:
    """Enters credit notes, authorises and voids them. `now` gives ms UTC and dates those that are entered by hand."""

    def __init__(self, books: Books, rules: Callable[[], Rules], *, now: Callable[[], int], tell: Tell) -> None:
        self._books = books
        self._rules = rules
        self._now = now
        self._tell = tell
        self._reader = EntryReader(books, rules)

    # --- over the API

    def post(self, sale: Sale, body: JsonObject) -> CreditNote:
        """`POST /sale/creditnote`: a DRAFT is replaced whole; the zero GUID makes a new one.

        Raises `RefusedError` unless the invoice it names stands and has enough left to be credited.
        """
        fields = Fields(body, "SaleCreditNote")
        task_id = fields.text("TaskID", 36, required=True).lower()
        existing = self._draft(sale, task_id)
        if existing is None:
            check_new(task_id, sale, sale.credit_notes)
        check_combined(fields)
        invoice_number = self._invoice_number(sale, fields)
        status = status_of(fields)
        now = self._now()
        note = CreditNote(
            sale_id=sale.id,
            task_id=existing.task_id if existing else self._next_task(sale),
            number=existing.number if existing else "",
            status=status,
            restock_status=NOT_AVAILABLE,
            created_ms=existing.created_ms if existing else now,
            updated_ms=now,
            day=self._reader.day(fields, "CreditNoteDate"),
            rate=self._reader.rate(fields, "CreditNoteConversionRate", sale),
            invoice_number=invoice_number,
            memo=fields.text("Memo", 1024),
            lines=self._reader.lines(fields, sale),
            charges=self._reader.charges(fields, sale),
            restock=self._read_restock(fields, sale),
        )
        note.restock_status = status if note.restock else NOT_AVAILABLE
        self._reader.check_rows(fields, note.lines, note.charges, status)
        self._total_up(sale, note)
        self._check_left(sale, note)
        self._check_restock(sale, note)
        note.number = note.number or self._books.next_credit_note()
        return self._enter(sale, note)

    def end(self, sale: Sale, note: CreditNote, *, void: bool) -> None:
        """`DELETE /sale/creditnote`: of advanced sales only, and not once money went back (our reading)."""
        if sale.type != "Advanced Sale":
            raise RefusedError(f"Credit Note cannot be voided. Sale Type is {sale.type}.")
        if note.refunds:
            raise RefusedError("Credit Note cannot be voided. It is refunded.")
        if void:
            self.void(sale, note)
        else:
            self.undo(sale, note)

    def _draft(self, sale: Sale, task_id: str) -> CreditNote | None:
        """Find the note that is to be written, if it exists; only a DRAFT may be written."""
        found = next((note for note in sale.credit_notes if note.task_id == task_id), None)
        if found is not None and found.status != DRAFT:
            raise RefusedError(f"Credit Note cannot be changed. Credit Note Status is {found.status}.")
        return found

    def _invoice_number(self, sale: Sale, fields: Fields) -> str:
        number = fields.text("CreditNoteInvoiceNumber", 50, required=True)
        found = next((invoice for invoice in sale.invoices if invoice.number == number), None)
        if found is None or not found.stands:
            status = NOT_AVAILABLE if found is None else found.status
            raise RefusedError(f"Credit Note cannot be created. Invoice Status is {status}.")
        return number

    def _read_restock(self, fields: Fields, sale: Sale) -> list[Restocked]:
        rows = fields.raw("Restock")
        if rows is None:
            return []
        if not isinstance(rows, list):
            raise fields.refused("Restock", "must be an array")
        return [self._restock_row(Fields(row, f"Restock[{place}]"), sale) for place, row in enumerate(rows, start=1)]

    def _restock_row(self, fields: Fields, sale: Sale) -> Restocked:
        sku = fields.text("SKU", 50, required=True)
        product = self._books.product_by_sku(sku)
        if product is None:
            raise RefusedError(f"Product with SKU '{sku}' was not found.", code=404)
        if product.type != "Stock":
            raise fields.refused("SKU", "is not a stock product")
        quantity = fields.number("Quantity", 4, required=True)
        if quantity <= 0:
            raise fields.refused("Quantity", "must be greater than 0")
        place = self._place(fields, "Location")
        if place is None:
            raise fields.refused("Location", "is required")
        return Restocked(
            product_id=product.id,
            sku=sku,
            name=product.name,
            quantity=quantity,
            location=self._place(fields, "RestockLocation") or place,
            day=fields.day("RestockDate") or day_of(self._now()),
        )

    def _place(self, fields: Fields, name: str) -> Location | None:
        wanted, place_id = fields.text(name, 256), fields.text(f"{name}ID", 36).lower()
        if not wanted and not place_id:
            return None
        found = (place for place in self._books.locations if place.id == place_id or place.name == wanted)
        if (place := next(found, None)) is None:
            raise RefusedError(f"Location '{wanted or place_id}' was not found in Locations reference book", code=404)
        return place

    def _check_left(self, sale: Sale, note: CreditNote) -> None:
        """Refuse to credit more of an invoice than it is of, drafts counted."""
        invoiced = sum((one.total for one in sale.invoices if one.number == note.invoice_number), ZERO)
        others = (one for one in sale.credit_notes if one.task_id != note.task_id and one.status != VOIDED)
        left = invoiced - sum((one.total for one in others if one.invoice_number == note.invoice_number), ZERO)
        if note.total > left:
            raise RefusedError(f"Credit Note total {note.total:f} exceeds the invoice. {left:f} is left.")

    def _check_restock(self, sale: Sale, note: CreditNote) -> None:
        """Refuse to put more back on the shelf than was taken off it and is not back yet."""
        back = [row for one in sale.credit_notes for row in one.on_shelf] + note.restock
        for sku in {row.sku for row in note.restock}:
            picked = sum((line.picked for line in sale.lines if line.sku == sku), ZERO)
            if sum((row.quantity for row in back if row.sku == sku), ZERO) > picked:
                raise RefusedError(f"Restock quantity of product (SKU: {sku}) exceeds picked quantity {picked:f}.")

    # --- by whoever may

    def add(
        self,
        sale: Sale,
        *,
        status: str,
        restock_status: str | None = None,
        lines: Given = (),
        charges: Sequence[GivenCharge] = (),
        restock: Given | None = None,
        memo: str = "",
        number: str | None = None,
        invoice_number: str | None = None,
    ) -> CreditNote:
        """Enter a credit note at the prices of the sale. Raises KeyError for a SKU that no product has.

        `restock` None is all of the lines, if `restock_status` says that goods are back. `invoice_number` None is the
        last invoice's that stands, if any. The first note of a simple sale has the sale's id as its task, like its
        fulfilment (BP, webhook samples).
        """
        put_back = (lines if restock_status == AUTHORISED else ()) if restock is None else restock
        now = self._now()
        standing = [invoice.number for invoice in sale.invoices if invoice.stands]
        note = CreditNote(
            sale_id=sale.id,
            task_id=self._next_task(sale),
            number="",
            status=status,
            restock_status=restock_status or (status if put_back else NOT_AVAILABLE),
            created_ms=now,
            updated_ms=now,
            day=day_of(now),
            rate=sale.currency_rate,
            invoice_number=(standing[-1] if standing else "") if invoice_number is None else invoice_number,
            memo=memo,
            lines=[self._credited(sale, sku, Decimal(quantity)) for sku, quantity in lines],
            charges=[self._charged(sale, *charge) for charge in charges],
            restock=[self._restocked(sale, sku, Decimal(quantity)) for sku, quantity in put_back],
        )
        self._total_up(sale, note)
        note.number = number or self._books.next_credit_note()
        return self._enter(sale, note)

    def authorise(self, sale: Sale, note: CreditNote) -> None:
        """Make a draft count: its goods go back on the shelf."""
        if note.status != DRAFT:
            raise RefusedError(f"Credit Note cannot be changed. Credit Note Status is {note.status}.")
        note.status = AUTHORISED
        note.restock_status = AUTHORISED if note.restock else note.restock_status
        self._touch(sale, note)
        self._take_effect(sale, note)

    def void(self, sale: Sale, note: CreditNote) -> None:
        """Void a note: what it put on the shelf is taken off again. No event tells of it."""
        if note.status == VOIDED:
            raise RefusedError("Credit Note cannot be voided. Credit Note Status is VOIDED.")
        self._take_off(note)
        note.restock_status = VOIDED if note.restock else note.restock_status
        note.status = VOIDED
        self._touch(sale, note)

    def undo(self, sale: Sale, note: CreditNote) -> None:
        """Take a note back to a draft: what it put on the shelf is taken off again."""
        if not note.stands:
            raise RefusedError(f"Credit Note cannot be undone. Credit Note Status is {note.status}.")
        self._take_off(note)
        note.status = DRAFT
        note.restock_status = DRAFT if note.restock else note.restock_status
        self._touch(sale, note)
        self._tell("Sale/Undo", sale, note)

    # --- both

    def _next_task(self, sale: Sale) -> str:
        is_first = not sale.credit_notes and sale.type != "Advanced Sale"
        return sale.id if is_first else self._books.new_id()

    def _enter(self, sale: Sale, note: CreditNote) -> CreditNote:
        sale.credit_notes = [one for one in sale.credit_notes if one.task_id != note.task_id]
        self._books.add_credit_note(sale, note)
        self._touch(sale, note)
        if note.stands:
            self._take_effect(sale, note)
        return note

    def _take_effect(self, sale: Sale, note: CreditNote) -> None:
        for row in note.on_shelf:
            self._books.receive(row.sku, row.location, row.quantity)
        self._tell("Sale/CreditNoteAuthorised", sale, note)

    def _take_off(self, note: CreditNote) -> None:
        for row in note.on_shelf:
            self._books.receive(row.sku, row.location, -row.quantity)

    def _total_up(self, sale: Sale, note: CreditNote) -> None:
        total_up(note, inclusive=sale.tax_inclusive, books=self._books, rules=self._rules())

    def _touch(self, sale: Sale, note: CreditNote) -> None:
        sale.updated_ms = note.updated_ms = self._now()

    def _credited(self, sale: Sale, sku: str, quantity: Decimal) -> Entry:
        """Credit units of a line at what they were sold at; of a SKU that was not sold, at its list price untaxed."""
        product = self._books.product_by_sku(sku)
        if product is None:
            raise KeyError(sku)
        line: Line | None = next((line for line in sale.lines if line.sku == sku), None)
        sold = line or _unsold(sku, product.id, product.name, price=product.price, tax_rule=sale.tax_rule)
        entry = entry_of(sold, account=self._reader.booked_to(sold, sale))
        entry.name, entry.quantity, entry.comment = product.name, quantity, ""
        entry.tax = (sold.tax * quantity / sold.quantity).quantize(_CENT)
        entry.total = self._rules().arithmetic.row_total(quantity, sold.price, sold.discount)
        return entry

    def _charged(self, sale: Sale, name: str, price: Decimal, tax: Decimal) -> Entry:
        rule = next((charge.tax_rule for charge in sale.charges if charge.description == name), sale.tax_rule)
        account = self._reader.account_of_service(name, sale)
        return Entry(name=name, quantity=Decimal(1), price=price, tax=tax, tax_rule=rule, total=price, account=account)

    def _restocked(self, sale: Sale, sku: str, quantity: Decimal) -> Restocked:
        product = self._books.product_by_sku(sku)
        if product is None:
            raise KeyError(sku)
        return Restocked(
            product_id=product.id,
            sku=sku,
            name=product.name,
            quantity=quantity,
            location=sale.location,
            day=day_of(self._now()),
        )


def _unsold(sku: str, product_id: str, name: str, *, price: Decimal, tax_rule: str) -> Line:
    return Line(
        product_id=product_id,
        sku=sku,
        name=name,
        quantity=Decimal(1),
        price=price,
        discount=ZERO,
        tax=ZERO,
        tax_rule=tax_rule,
        total=price,
    )
