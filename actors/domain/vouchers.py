"""What is posted to the books: an invoice, a payment, a credit note, a refund payment (fact sheet §2.8).

Each carries a mark of its own in a text that Cin7 keeps: after a lost answer it is found by that, and never posted
again blind (law L2). Amounts are `Decimal` in the customer's currency; days those of the books' time zone.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.sale import Row


class VoucherKind(StrEnum):
    """What a voucher is."""

    INVOICE = "invoice"
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"


class InvoiceVoucher(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /sale/invoice` is told: a new invoice, authorised. `memo` holds its mark and nothing else.

    `account` is the revenue account of every row that has none of its own ("": Cin7's own choice). `rate` is base units
    for one unit of the customer's currency, None in the books' own. `tax_inclusive` is the mode of the sale, which an
    answer does not say.
    """

    sale_id: str
    rows: tuple[Row, ...]
    day: date
    due: date
    memo: str
    account: str = ""
    rate: Decimal | None = None
    tax_inclusive: bool = False


class PaymentVoucher(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /sale/payment` is told. `task_id` is the invoice's, or the credit note's where it is a `refund`.

    `reference` is the id of commercetools' transaction. `amount` has two decimals at most.
    """

    sale_id: str
    task_id: str
    reference: str
    amount: Decimal
    day: date
    account: str
    rate: Decimal
    refund: bool = False


class Restock(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a SKU go back on the shelf of a location."""

    sku: str
    product_id: str
    name: str
    quantity: Decimal
    location: str


class CreditVoucher(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /sale/creditnote` is told: a new note, authorised. `memo` holds the refund's transaction id.

    `restock` empty: money back without goods back. `day` is also the day of the restock.
    """

    sale_id: str
    invoice_number: str
    rows: tuple[Row, ...]
    day: date
    memo: str
    restock: tuple[Restock, ...] = ()
    account: str = ""
    rate: Decimal | None = None
    tax_inclusive: bool = False


Voucher = InvoiceVoucher | PaymentVoucher | CreditVoucher
