"""Credit notes of a sale: what was given back in money, and what of it lies on the shelf again (fact sheet §2.8).

They are entered by hand, whatever was shipped or invoiced: a person may well do what the API would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from adapters.sandbox.cin7_wire import RefusedError, day_of

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Books, Line, Location, Sale
    from adapters.sandbox.cin7_warehouse import Tell

AUTHORISED: Final = "AUTHORISED"
VOIDED: Final = "VOIDED"

ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")

Given = Sequence[tuple[str, Decimal | int]]
"""SKU and units, row by row."""


class Credited(msgspec.Struct, kw_only=True):
    """A line of a credit note; `total` is quantity x price less discount."""

    product_id: str
    sku: str
    name: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal


class Restocked(msgspec.Struct, kw_only=True):
    """Units that come back to a location."""

    product_id: str
    sku: str
    name: str
    quantity: Decimal
    location: Location
    day: date


class Refund(msgspec.Struct, kw_only=True):
    """A payment back to the customer; `reference` is what joins it to what the payment provider says."""

    id: str
    reference: str
    amount: Decimal
    made_ms: int


class CreditNote(msgspec.Struct, kw_only=True):
    """A credit note; `restock_status` says whether its goods are back on the shelf."""

    task_id: str
    number: str
    status: str
    restock_status: str
    created_ms: int
    updated_ms: int
    day: date
    invoice_number: str = ""
    memo: str = ""
    lines: list[Credited] = []
    restock: list[Restocked] = []
    refunds: list[Refund] = []
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO

    @property
    def on_shelf(self) -> list[Restocked]:
        """What is back on the shelf because of it."""
        return self.restock if self.status == AUTHORISED else []

    @property
    def balance(self) -> Decimal:
        """What is not refunded yet."""
        return self.total - sum((refund.amount for refund in self.refunds), ZERO)


class ReturnsDesk:
    """Enters credit notes, authorises and voids them. `now` gives ms UTC and dates them."""

    def __init__(self, books: Books, *, now: Callable[[], int], tell: Tell) -> None:
        self._books = books
        self._now = now
        self._tell = tell

    def add(
        self,
        sale: Sale,
        *,
        status: str,
        restock_status: str | None = None,
        lines: Given = (),
        restock: Given | None = None,
        memo: str = "",
        number: str | None = None,
        refund_reference: str = "",
    ) -> CreditNote:
        """Enter a credit note at the prices of the sale. Raises KeyError for a SKU that no product has.

        `restock` None is all of the lines, if `restock_status` says that goods are back. The first note of a simple
        sale has the sale's id as its task, like its fulfilment (BP, webhook samples).
        """
        put_back = (lines if restock_status == AUTHORISED else ()) if restock is None else restock
        now = self._now()
        is_first = not sale.credit_notes and sale.type != "Advanced Sale"
        note = CreditNote(
            task_id=sale.id if is_first else self._books.new_id(),
            number=number or self._books.next_credit_note(),
            status=status,
            restock_status=restock_status or (status if put_back else "NOT AVAILABLE"),
            created_ms=now,
            updated_ms=now,
            day=day_of(now),
            invoice_number=f"INV-{sale.number:05d}",
            memo=memo,
            lines=[self._credited(sale, sku, Decimal(quantity)) for sku, quantity in lines],
            restock=[self._restocked(sale, sku, Decimal(quantity)) for sku, quantity in put_back],
        )
        _total_up(note, inclusive=sale.tax_inclusive)
        if refund_reference:
            note.refunds = [self._refund(refund_reference, note.total)]
        sale.credit_notes = [*sale.credit_notes, note]
        sale.updated_ms = now
        if status == AUTHORISED:
            self._take_effect(sale, note)
        return note

    def authorise(self, sale: Sale, note: CreditNote) -> None:
        """Make a draft count: its goods go back on the shelf."""
        if note.status != "DRAFT":
            raise RefusedError(f"Credit Note cannot be changed. Credit Note Status is {note.status}.")
        note.status = AUTHORISED
        note.restock_status = AUTHORISED if note.restock else note.restock_status
        self._touch(sale, note)
        self._take_effect(sale, note)

    def void(self, sale: Sale, note: CreditNote) -> None:
        """Void a note: what it put on the shelf is taken off again. No event tells of it."""
        if note.status == VOIDED:
            raise RefusedError("Credit Note cannot be voided. Credit Note Status is VOIDED.")
        for row in note.on_shelf:
            self._books.receive(row.sku, row.location, -row.quantity)
        note.restock_status = VOIDED if note.restock else note.restock_status
        note.status = VOIDED
        self._touch(sale, note)

    def _take_effect(self, sale: Sale, note: CreditNote) -> None:
        for row in note.on_shelf:
            self._books.receive(row.sku, row.location, row.quantity)
        self._tell("Sale/CreditNoteAuthorised", sale, note)

    def _touch(self, sale: Sale, note: CreditNote) -> None:
        sale.updated_ms = note.updated_ms = self._now()

    def _credited(self, sale: Sale, sku: str, quantity: Decimal) -> Credited:
        """Credit units of a line at what they were sold at; of a SKU that was not sold, at its list price untaxed."""
        product = self._books.product_by_sku(sku)
        if product is None:
            raise KeyError(sku)
        line: Line | None = next((line for line in sale.lines if line.sku == sku), None)
        price = product.price if line is None else line.price
        discount = ZERO if line is None else line.discount
        return Credited(
            product_id=product.id,
            sku=sku,
            name=product.name,
            quantity=quantity,
            price=price,
            discount=discount,
            tax=ZERO if line is None else (line.tax * quantity / line.quantity).quantize(_CENT),
            tax_rule=sale.tax_rule if line is None else line.tax_rule,
            total=(quantity * price * (100 - discount) / 100).quantize(_CENT),
        )

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

    def _refund(self, reference: str, amount: Decimal) -> Refund:
        return Refund(id=self._books.new_id(), reference=reference, amount=amount, made_ms=self._now())


def _total_up(note: CreditNote, *, inclusive: bool) -> None:
    amount = sum((line.total for line in note.lines), ZERO)
    note.tax = sum((line.tax for line in note.lines), ZERO)
    note.net = amount - note.tax if inclusive else amount
    note.total = note.net + note.tax
