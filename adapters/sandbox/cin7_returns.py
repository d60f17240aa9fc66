"""Credit notes of a sale: what was given back in money, and what of it lies on the shelf again (fact sheet §2.8)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

ZERO = Decimal(0)


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
    """Units that come back to a location, by its id and name."""

    product_id: str
    sku: str
    name: str
    quantity: Decimal


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
