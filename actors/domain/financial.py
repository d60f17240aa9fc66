"""The documents of a sale that enter the books, as Cin7 Core shows them: invoices and payments (fact sheet §2.8).

Amounts are `Decimal` in the customer's currency, of at most four places; days are those of the books' time zone.
Statuses are open words. Credit notes are goods as well, and stand in `actors.domain.fulfilment`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.rows import OrderRow

NOTHING = Decimal(0)
_STANDING = ("AUTHORISED", "PAID")


class PostedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment on an invoice, or a refund on a credit note. `reference` names the transaction it stands for.

    `type` is PREPAYMENT, PAYMENT or REFUND in capitals; `task_id` is the invoice's or the note's. `rate` is base units
    for one unit of the currency, None where it is not shown.
    """

    id: str
    type: str
    amount: Decimal
    reference: str = ""
    day: date | None = None
    account: str = ""
    task_id: str = ""
    rate: Decimal | None = None


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice of a sale. `number` is "" while Cin7 has given none; `paid` is what it says was paid of it."""

    task_id: str
    number: str
    status: str
    rows: tuple[OrderRow, ...] = ()
    net: Decimal = NOTHING
    tax: Decimal = NOTHING
    total: Decimal = NOTHING
    day: date | None = None
    memo: str = ""
    rate: Decimal | None = None
    paid: Decimal = NOTHING
    payments: tuple[PostedPayment, ...] = ()

    @property
    def stands(self) -> bool:
        """True when it counts in the books: a draft, or a void one, does not."""
        return self.status in _STANDING

    @property
    def open(self) -> Decimal:
        """What its payments leave to be paid."""
        return self.total - sum((one.amount for one in self.payments), NOTHING)
