"""Purchases of the double of Cin7 Core: what was ordered, came, was billed and sent back, and the ledger of its value.

Amounts are `Decimal`, in the supplier's currency unless said; the ledger is in the books' own (fact sheet §7.5). Plain
records, no wire in them.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from adapters.sandbox.cin7_stock import ZERO

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Location, Product, TaxRule

PurchaseType = Literal["Simple Purchase", "Advanced Purchase", "Service Purchase"]
SIMPLE: PurchaseType = "Simple Purchase"
ADVANCED: PurchaseType = "Advanced Purchase"
SERVICE: PurchaseType = "Service Purchase"

VOIDED, DRAFT, AUTHORISED, NOT_AVAILABLE = "VOIDED", "DRAFT", "AUTHORISED", "NOT AVAILABLE"

_CENT = Decimal("0.01")
_TERM = timedelta(days=30)


class GoodsLine(msgspec.Struct, kw_only=True):
    """Goods on the order, an invoice or a credit note. `tax` comes on top of the total."""

    product: Product
    quantity: Decimal
    price: Decimal
    tax: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Quantity x price, without tax, to the cent."""
        return (self.quantity * self.price).quantize(_CENT, rounding=ROUND_HALF_UP)


class ChargeLine(msgspec.Struct, kw_only=True):
    """An additional charge of an invoice, booked to an account; `amount` is without tax."""

    description: str
    amount: Decimal
    account: str
    tax: Decimal = ZERO


class Receipt(msgspec.Struct, kw_only=True):
    """What came on one day. `number` counts the receiving and invoicing tasks of a purchase."""

    task_id: str
    number: int
    day: date
    units: list[tuple[Product, Decimal]]


class PurchaseInvoice(msgspec.Struct, kw_only=True):
    """What the supplier billed. `rate`: base units for one of the supplier's; None: the purchase's own holds."""

    task_id: str
    group: int
    number: str
    day: date
    rate: Decimal | None
    lines: list[GoodsLine]
    charges: list[ChargeLine]

    @property
    def due(self) -> date:
        """When it is to be paid."""
        return self.day + _TERM

    @property
    def net(self) -> Decimal:
        """Everything on it, without tax."""
        return sum((line.total for line in self.lines), ZERO) + sum((one.amount for one in self.charges), ZERO)

    @property
    def tax(self) -> Decimal:
        """The tax of all of it."""
        return sum((line.tax for line in self.lines), ZERO) + sum((one.tax for one in self.charges), ZERO)


class PurchaseNote(msgspec.Struct, kw_only=True):
    """A credit note of the supplier's, for goods that were sent back to them."""

    task_id: str
    number: str
    invoice_number: str
    day: date
    lines: list[GoodsLine]

    @property
    def net(self) -> Decimal:
        """What it is of, without tax."""
        return sum((line.total for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        """The tax of all of it."""
        return sum((line.tax for line in self.lines), ZERO)


class Cell(NamedTuple):
    """The goods of one product in one receipt, by its place among them: what value is spread over."""

    receipt: int
    product_id: str


class LinkedCost(msgspec.Struct, kw_only=True):
    """A line of the manual journals: what somebody else billed for these goods, in base currency.

    `shares` says where it went; it is empty while nothing was received, and when it is no stock value.
    """

    reference: str
    amount: Decimal
    day: date
    debit: str
    credit: str
    shares: dict[Cell, Decimal] = {}


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the value ledger; `value` in base currency, below zero for what goes."""

    task_id: str
    product: Product
    day: date
    value: Decimal


class Purchase(msgspec.Struct, kw_only=True):
    """A purchase with its documents.

    `rate` is None where nobody gave one, `shows_rate` False where it is not shown any more. `booked` is what the
    movements say so far of the goods that came; `groups` counts its tasks of receiving and invoicing.
    """

    id: str
    number: int
    kind: PurchaseType
    supplier: str
    supplier_id: str
    currency: str
    rate: Decimal | None
    location: Location
    order_date: date
    updated_ms: int
    tax_rule: TaxRule
    inventory_account: str
    required_by: date | None = None
    approach: str = "STOCK"
    order_status: str = AUTHORISED
    voided: bool = False
    shows_rate: bool = True
    groups: int = 0
    lines: list[GoodsLine] = []
    charges: list[ChargeLine] = []
    receipts: list[Receipt] = []
    invoices: list[PurchaseInvoice] = []
    notes: list[PurchaseNote] = []
    linked: list[LinkedCost] = []
    movements: list[Movement] = []
    booked: dict[Cell, Decimal] = {}

    @property
    def order_number(self) -> str:
        """The number people know it by."""
        return f"PO-{self.number:05d}"

    @property
    def simple(self) -> bool:
        """True when it has one document of each kind."""
        return self.kind == SIMPLE

    @property
    def authorised(self) -> bool:
        """True when the order stands."""
        return self.order_status == AUTHORISED and not self.voided

    def rate_of(self, invoice: PurchaseInvoice | None) -> Decimal:
        """Return the rate that holds for an invoice, or for what has none; without any, 1: foreign money as if own."""
        held = None if invoice is None or self.simple else invoice.rate
        return held or self.rate or Decimal(1)

    def task_of(self, document: Receipt | PurchaseInvoice | PurchaseNote) -> str:
        """Return the task of a document; a simple purchase is its own."""
        return self.id if self.simple else document.task_id

    # --- units

    def ordered(self, product_id: str) -> Decimal:
        """Return the units that were ordered of a product."""
        return _units(self.lines, product_id)

    def came(self, product_id: str) -> Decimal:
        """Return the units that came, those that went back since among them."""
        rows = (row for receipt in self.receipts for row in receipt.units)
        return sum((quantity for product, quantity in rows if product.id == product_id), ZERO)

    def returned(self, product_id: str) -> Decimal:
        """Return the units that were sent back."""
        return _units([line for note in self.notes for line in note.lines], product_id)

    def invoiced(self, product_id: str) -> Decimal:
        """Return the units that were billed."""
        return _units([line for invoice in self.invoices for line in invoice.lines], product_id)

    def outstanding(self, product_id: str) -> Decimal:
        """Return the units that are still to come."""
        return max(self.ordered(product_id) - self.came(product_id), ZERO) if self.authorised else ZERO

    def cells(self) -> Iterator[tuple[Cell, Product, Decimal]]:
        """Go through what came, in the order in which it did."""
        for place, receipt in enumerate(self.receipts):
            for product, quantity in receipt.units:
                yield Cell(place, product.id), product, quantity

    # --- what it is shown as

    @property
    def receiving(self) -> str:
        """`CombinedReceivingStatus`."""
        if self.voided:
            return VOIDED
        if not self.authorised or self.kind == SERVICE:
            return NOT_AVAILABLE
        if not self.receipts:
            return "NOT RECEIVED"
        return (
            "PARTIALLY RECEIVED" if any(self.outstanding(line.product.id) for line in self.lines) else "FULLY RECEIVED"
        )

    @property
    def invoicing(self) -> str:
        """`CombinedInvoiceStatus`."""
        if not self.authorised:
            return NOT_AVAILABLE
        if not self.invoices:
            return "NOT INVOICED"
        is_open = any(self.invoiced(line.product.id) < line.quantity for line in self.lines)
        word = "PARTIALLY INVOICED" if is_open else "INVOICED"
        return f"{word} / CREDITED" if self.notes else word

    @property
    def paying(self) -> str:
        """`CombinedPaymentStatus`; nobody pays suppliers here."""
        return VOIDED if self.voided else "UNPAID"

    @property
    def received_status(self) -> str:
        """`StockReceivedStatus` of the list: authorised once everything came."""
        words = {VOIDED: VOIDED, NOT_AVAILABLE: NOT_AVAILABLE, "FULLY RECEIVED": AUTHORISED}
        return words.get(self.receiving, DRAFT)

    @property
    def invoice_status(self) -> str:
        """`InvoiceStatus` of the list: authorised once everything is billed."""
        if self.voided or not self.authorised:
            return VOIDED if self.voided else NOT_AVAILABLE
        if self.invoicing.startswith("INVOICED"):
            return AUTHORISED
        return NOT_AVAILABLE if self.approach == "STOCK" and not self.receipts else DRAFT

    @property
    def credit_status(self) -> str:
        """`CreditNoteStatus` and `UnstockStatus` of the list."""
        if not self.notes:
            return NOT_AVAILABLE
        return VOIDED if self.voided else AUTHORISED

    @property
    def status(self) -> str:
        """The status of the purchase (BP, Available Purchase Statuses)."""
        if self.voided:
            return VOIDED
        if not self.authorised:
            return "ORDERING" if self.order_status == DRAFT else DRAFT
        came, billed = self.receiving, self.invoicing
        if self.notes:
            return {"FULLY RECEIVED": "RECEIVED / CREDITED", "PARTIALLY RECEIVED": "RECEIVING / CREDITED"}[came]
        if billed == "INVOICED":
            return "COMPLETED" if came == "FULLY RECEIVED" else "INVOICED"
        if billed == "PARTIALLY INVOICED":
            return billed
        return {"FULLY RECEIVED": "RECEIVED", "PARTIALLY RECEIVED": "RECEIVING"}.get(came, "ORDERED")


def _units(lines: list[GoodsLine], product_id: str) -> Decimal:
    return sum((line.quantity for line in lines if line.product.id == product_id), ZERO)


class PurchaseBook:
    """The purchases of one account, by number. Ids come from a sequence of their own, so that no sale's id moves."""

    def __init__(self, *, seed: int) -> None:
        self.purchases: list[Purchase] = []
        self._by_id: dict[str, Purchase] = {}
        self._suppliers: dict[str, str] = {}
        self._random = random.Random(f"purchases {seed}")

    def new_id(self) -> str:
        """Make a GUID from the seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    @property
    def next_number(self) -> int:
        """The number the next purchase gets."""
        return len(self.purchases) + 1

    def supplier_id(self, name: str) -> str:
        """Return the id of a supplier, who is entered when first named."""
        if name not in self._suppliers:
            self._suppliers[name] = self.new_id()
        return self._suppliers[name]

    def add(self, purchase: Purchase) -> Purchase:
        """Enter a purchase under the next number."""
        self.purchases.append(purchase)
        self._by_id[purchase.id] = purchase
        return purchase

    def find(self, purchase_id: str) -> Purchase | None:
        """Find a purchase by GUID, in any letter case."""
        return self._by_id.get(purchase_id.lower())
