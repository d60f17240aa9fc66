"""What the warehouse did with a sale, as Cin7 Core shows it: fulfilments with their boxes, and credit notes.

Quantities are units by SKU, as Cin7 writes them. Statuses are open words (Cin7 fact sheet §2.1, §2.7, §2.8).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.financial import NOTHING, PostedPayment
from actors.domain.rows import OrderRow

AUTHORISED = "AUTHORISED"


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A box that has left: what is in it, and how it travels. `label` is the box's name within its fulfilment."""

    label: str
    units: dict[str, Decimal]
    carrier: str = ""
    tracking: str = ""
    shipped_on: date | None = None


class Fulfilment(msgspec.Struct, frozen=True, kw_only=True):
    """One fulfilment of a sale. `boxes` are only those that stand as shipped; none of a void or undone one.

    `picked` are the units whose pick is authorised. `number` orders the fulfilments of a sale (it starts at 1).
    """

    task_id: str
    number: int
    picking: str
    packing: str
    shipping: str
    picked: dict[str, Decimal] = {}
    boxes: tuple[Box, ...] = ()

    @property
    def is_picked(self) -> bool:
        """True when its pick stands."""
        return self.picking == AUTHORISED

    @property
    def is_shipped(self) -> bool:
        """True when something of it has left."""
        return bool(self.boxes)


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note of a sale. `restocked` are the units that went back on the shelf; none: money without goods.

    `refunds` are the references of its refund payments; `memo` is free text that may name the same ids. `rows`, with
    the amounts of the document, are what it takes off; `payments` are the refunds themselves, where they are shown.
    """

    task_id: str
    number: str
    status: str
    memo: str = ""
    credited: dict[str, Decimal] = {}
    restocked: dict[str, Decimal] = {}
    refunds: tuple[str, ...] = ()
    invoice_number: str = ""
    day: date | None = None
    rows: tuple[OrderRow, ...] = ()
    net: Decimal = NOTHING
    tax: Decimal = NOTHING
    total: Decimal = NOTHING
    rate: Decimal | None = None
    payments: tuple[PostedPayment, ...] = ()

    @property
    def authorised(self) -> bool:
        """True when it counts."""
        return self.status == AUTHORISED


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sale is, in the words that a row of `saleList` and the sale itself share (fact sheet §2.2, §2.3).

    A word that nothing authorised stands behind (NOT AVAILABLE, DRAFT, NOT PICKED, PICKING, …) is "". `undone`: its
    order document is no longer authorised, so Cin7 holds nothing for it.
    """

    voided: bool = False
    undone: bool = False
    picking: str = ""
    packing: str = ""
    shipping: str = ""
    invoicing: str = ""
    tracking: str = ""

    @property
    def is_partial(self) -> bool:
        """True where the words may stay the same while more is shipped: Cin7 has no word for how much."""
        return self.shipping.startswith("PARTIALLY")


_NOTHING_YET = frozenset(
    {"NOT AVAILABLE", "DRAFT"}
    | {"NOT PICKED", "PICKING", "NOT PACKED", "PACKING", "NOT SHIPPED", "SHIPPING", "NOT INVOICED"}
)
"""A stage that nobody has authorised anything of: no webhook tells of it."""


def is_undone(order_status: str) -> bool:
    """Say whether an order document of this status, once authorised, was taken back."""
    return order_status.upper() in ("DRAFT", "NOT AVAILABLE")


def word(status: str) -> str:
    """Return the status as `Stages` writes it."""
    return "" if status.upper() in _NOTHING_YET else status.upper()
