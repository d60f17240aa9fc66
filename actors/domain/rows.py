"""A row of one of Cin7 Core's documents as it is shown back: of an order, an invoice or a credit note."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as Cin7 shows it back."""

    sku: str
    name: str
    quantity: Decimal
    price: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal
    discount: Decimal = Decimal(0)
    is_charge: bool = False
    backordered: Decimal = Decimal(0)
