"""A purchase of Cin7 Core as tallyd reads it: what was ordered, received, billed and booked (Cin7 fact sheet §7).

Nothing of it is ever written. Amounts are `Decimal`: those of lines and charges in the supplier's currency without tax,
those of journals and movements in the books' own. `rate` is base units for one unit of the supplier's currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

import msgspec

from actors.domain.time import Instant

ZERO = Decimal(0)


class PurchaseKind(StrEnum):
    """Which endpoint shows it; live values beyond these are read as `OTHER`."""

    SIMPLE = "Simple Purchase"
    ADVANCED = "Advanced Purchase"
    SERVICE = "Service Purchase"
    OTHER = ""


class PurchaseMark(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `GET /purchaseList` (fact sheet §7.1). Statuses are open strings."""

    id: str
    number: str
    kind: PurchaseKind
    status: str
    supplier: str
    currency: str
    base_currency: str
    updated_at: Instant
    required_by: date | None = None
    receiving: str = ""
    invoicing: str = ""


class PurchasePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of purchases; `met` counts the rows as they came, `total` is what the list says it holds."""

    marks: tuple[PurchaseMark, ...]
    met: int
    total: int


class PurchaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the order or of an invoice; `total` is without tax, after discount."""

    product_id: str
    sku: str
    quantity: Decimal
    total: Decimal
    name: str = ""
    account: str = ""


class PurchaseCharge(msgspec.Struct, frozen=True, kw_only=True):
    """An additional charge of an invoice. It enters the value of stock only on the inventory account (§7.5)."""

    what: str
    total: Decimal
    account: str = ""
    reference: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Units that arrived (or, below zero, went back to the supplier)."""

    task_id: str
    day: date
    product_id: str
    sku: str
    quantity: Decimal
    location: str = ""


class PurchaseInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An authorised invoice of the supplier. `rate` None: none is shown for it, and the header's holds."""

    task_id: str
    number: str
    day: date | None
    rate: Decimal | None
    lines: tuple[PurchaseLine, ...]
    charges: tuple[PurchaseCharge, ...] = ()


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A manual journal linked to the purchase: freight or duty that somebody else billed (§7.5). Base currency."""

    reference: str
    amount: Decimal
    day: date | None
    debit: str
    credit: str
    system: bool = False
    task_id: str = ""


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the value ledger: what the stock of a product is worth more (or less). Base currency, append-only."""

    task_id: str
    product_id: str
    day: date
    value: Decimal


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase read whole. `rate` is the header's. `inventory_account` is where its lines are booked by default.

    Only what counts is in it: lines of a receipt, an invoice or a journal that is authorised (or paid). What is bought
    as a `drop_ship` goes from the supplier to the customer of one sale (§7.2).
    """

    id: str
    number: str
    kind: PurchaseKind
    status: str
    supplier: str
    currency: str
    base_currency: str
    updated_at: Instant
    location: str = ""
    inventory_account: str = ""
    rate: Decimal | None = None
    ordered_on: date | None = None
    required_by: date | None = None
    drop_ship: bool = False
    ordered: tuple[PurchaseLine, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    invoices: tuple[PurchaseInvoice, ...] = ()
    journals: tuple[JournalLine, ...] = ()
    movements: tuple[Movement, ...] = ()

    @property
    def foreign(self) -> bool:
        """True when the supplier is paid in another currency than the books'."""
        return bool(self.currency) and self.currency != self.base_currency


_Row = TypeVar("_Row", PurchaseLine, Receipt, Movement)


def by_product(rows: Iterable[_Row]) -> defaultdict[str, list[_Row]]:
    """Put together what is about the same product: a purchase has hundreds of lines, and each is looked at once."""
    found: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.product_id].append(row)
    return found


class PartKind(StrEnum):
    """What a part of a landed cost is."""

    GOODS = "goods"
    CHARGE = "charge"
    JOURNAL = "journal"
    REST = "rest"


class CostPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what a SKU of a purchase cost. `amount` in `currency`, `base` in the books' currency.

    `reference` is the invoice's or the journal's. A rest is what the ledger holds and no document explains (yet).
    """

    kind: PartKind
    what: str
    reference: str
    amount: Decimal
    currency: str
    rate: Decimal | None
    base: Decimal


class LandedCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one SKU of one purchase cost, landed: `unit` = `value` / `quantity`, to four places, in `currency` (base).

    `value` is the sum of the ledger's movements; the parts add up to it. `first` and `day` are when it was first and
    last received. `invoiced` says whether every received unit is on an invoice: until then the goods' part is an
    estimate.
    """

    purchase_id: str
    number: str
    sku: str
    product_id: str
    first: date
    day: date
    quantity: Decimal
    value: Decimal
    unit: Decimal
    currency: str
    parts: tuple[CostPart, ...]
    invoiced: bool


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU that a purchase still brings to a location; `day` None: nobody said when."""

    sku: str
    location: str
    units: Decimal
    day: date | None
