"""What a sale leaves in the ledger: its invoices and credit notes, and the payments of both (fact sheet §2.8).

Plain records. Amounts are `Decimal` in the customer's currency; days are as the documents carry them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Location

NOT_AVAILABLE: Final = "NOT AVAILABLE"
DRAFT: Final = "DRAFT"
AUTHORISED: Final = "AUTHORISED"
PAID: Final = "PAID"
VOIDED: Final = "VOIDED"

ZERO: Final = Decimal(0)


class Figures(msgspec.Struct, frozen=True):
    """What a document carries of one tax rule."""

    net: Decimal
    tax: Decimal


class Entry(msgspec.Struct, kw_only=True):
    """A row of an invoice or a credit note; an additional charge has no product, and the service's name.

    `total` is quantity x price less discount, in an inclusive document with the tax inside. `account` is what it is
    booked to.
    """

    name: str
    quantity: Decimal
    price: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal
    product_id: str = ""
    sku: str = ""
    discount: Decimal = ZERO
    account: str = ""
    comment: str = ""

    @property
    def called(self) -> str:
        """What it is known by: the SKU, or the name of the service."""
        return self.sku or self.name


class Payment(msgspec.Struct, kw_only=True):
    """Money that came in for an invoice (PAYMENT), or went back for a credit note (REFUND); `task_id` names which.

    `reference` is free text: nothing keeps two payments from having the same. `rate` is base units for one unit.
    """

    id: str
    sale_id: str
    task_id: str
    type: str
    reference: str
    amount: Decimal
    day: date
    account: str
    rate: Decimal
    created_ms: int


class Restocked(msgspec.Struct, kw_only=True):
    """Units that come back to a location."""

    product_id: str
    sku: str
    name: str
    quantity: Decimal
    location: Location
    day: date


class Invoice(msgspec.Struct, kw_only=True):
    """An invoice. `stage` is DRAFT, AUTHORISED or VOIDED; it has no number before it is authorised first."""

    sale_id: str
    task_id: str
    created_ms: int
    updated_ms: int
    day: date
    due: date
    rate: Decimal
    stage: str = DRAFT
    number: str = ""
    memo: str = ""
    billing: tuple[str, str] = ("", "")
    linked_fulfilment: str = ""
    lines: list[Entry] = []
    charges: list[Entry] = []
    payments: list[Payment] = []
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    by_rule: dict[str, Figures] = {}

    @property
    def stands(self) -> bool:
        """True when it counts: a draft does not, nor one that is void."""
        return self.stage == AUTHORISED

    @property
    def status(self) -> str:
        """The word it is shown with: PAID once nothing is left to pay."""
        return PAID if self.stands and self.open <= 0 else self.stage

    @property
    def paid(self) -> Decimal:
        """The sum of its payments."""
        return sum((payment.amount for payment in self.payments), ZERO)

    @property
    def open(self) -> Decimal:
        """What is left to pay."""
        return self.total - self.paid


class CreditNote(msgspec.Struct, kw_only=True):
    """A credit note; `restock_status` says whether its goods are back on the shelf."""

    sale_id: str
    task_id: str
    number: str
    status: str
    restock_status: str
    created_ms: int
    updated_ms: int
    day: date
    rate: Decimal
    invoice_number: str = ""
    memo: str = ""
    lines: list[Entry] = []
    charges: list[Entry] = []
    restock: list[Restocked] = []
    refunds: list[Payment] = []
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    by_rule: dict[str, Figures] = {}

    @property
    def stands(self) -> bool:
        """True when it counts."""
        return self.status == AUTHORISED

    @property
    def on_shelf(self) -> list[Restocked]:
        """What is back on the shelf because of it."""
        return self.restock if self.stands else []

    @property
    def refunded(self) -> Decimal:
        """The sum of its refunds."""
        return sum((refund.amount for refund in self.refunds), ZERO)

    @property
    def balance(self) -> Decimal:
        """What is not refunded yet."""
        return self.total - self.refunded
