"""A Cin7 Core sale as tallyd thinks of it: what is sent, and what is read back.

Amounts here are `Decimal` in the document's currency, as Cin7 writes them (up to four places). Cin7 fact sheet §2.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote, Fulfilment, Stages
from actors.domain.rows import OrderRow
from actors.domain.time import Instant


class RowKind(StrEnum):
    """What a row of the document stands for; `LINE` is goods, the others are additional charges."""

    LINE = "line"
    SHIPPING = "shipping"
    CUSTOM = "custom"
    DISCOUNT = "discount"
    ROUNDING = "rounding"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `amount` = quantity x price, gross in an inclusive document and net in an exclusive one.

    `sku` is the SKU of a line, or the name of the service product of a charge. `discount` is a percent. `account` is
    what an invoice or a credit note books the row to, where its product has a revenue account of its own.
    """

    kind: RowKind
    sku: str
    product_id: str
    name: str
    quantity: Decimal
    price: Decimal
    tax: Decimal
    tax_rule: str
    amount: Decimal
    discount: Decimal = Decimal(0)
    comment: str = ""
    account: str = ""


class SaleHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /sale` is told. `external_id` is the exact reference the sale is found by; never reused.

    `currency_rate` is base units for one unit of the customer's currency (None in the books' own). `attributes` are
    AdditionalAttribute1 to 10 by number.
    """

    customer_id: str
    external_id: str
    customer_reference: str
    location: str
    tax_rule: str
    tax_inclusive: bool
    order_date: date
    terms: str | None = None
    contact: str = ""
    email: str = ""
    phone: str = ""
    billing: SaleAddress | None = None
    shipping: SaleAddress | None = None
    currency_rate: Decimal | None = None
    carrier: str = ""
    note: str = ""
    shipping_notes: str = ""
    attributes: dict[int, str] = {}
    ship_by: date | None = None


class ShownHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What may be written of a sale's header, as it was read and as Cin7 spells it: it goes back with a change.

    Texts about people are among it: it is kept nowhere, and shows nothing of itself.
    """

    fields: dict[str, Any] = {}

    def __repr__(self) -> str:
        """Show what is known, and nothing of it."""
        return f"ShownHeader({', '.join(self.fields)})"


class SaleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change about the header of a sale that exists: only what is not None (fact sheet §2.4).

    `attributes` are the AdditionalAttributes to change, by number.
    """

    sale_id: str
    contact: str | None = None
    email: str | None = None
    phone: str | None = None
    billing: SaleAddress | None = None
    shipping: SaleAddress | None = None
    note: str | None = None
    shipping_notes: str | None = None
    customer_reference: str | None = None
    attributes: dict[int, str] | None = None
    ship_by: date | None = None


class CustomerCard(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /customer` is told: a name nobody else has, and what Cin7 requires beside it (fact sheet §5)."""

    name: str
    display_name: str
    currency: str
    payment_term: str
    receivable: str
    revenue: str
    tax_rule: str
    contact: str = ""
    email: str = ""
    phone: str = ""


class SaleAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address on the document (it never enters the customer's address book: ShipToOther)."""

    line1: str
    country: str
    line2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    company: str = ""
    contact: str = ""


class SaleOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /sale/order` is told. `authorise` False leaves it a DRAFT."""

    sale_id: str
    rows: tuple[Row, ...]
    authorise: bool = True
    memo: str = ""


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """The order document of a sale as Cin7 shows it back."""

    status: str
    rows: tuple[OrderRow, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    number: str | None = None

    @property
    def authorised(self) -> bool:
        """True when the order stands; `AUTH_NO_ALLOC` counts, though nothing is allocated (fact sheet §2.1)."""
        return self.status.upper().startswith("AUTH") or self.status.upper() in ("FULFILLED", "CLOSED")

    @property
    def shortages(self) -> dict[str, Decimal]:
        """What is not allocated, by SKU: on backorder, or all of it where Cin7 says that nothing is."""
        short: dict[str, Decimal] = {}
        for row in self.rows:
            missing = row.quantity if self.status.upper() == "AUTH_NO_ALLOC" else row.backordered
            if not row.is_charge and missing > 0:
                short[row.sku] = short.get(row.sku, Decimal(0)) + missing
        return short


class SaleView(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as `GET /sale` shows it. `order` is None while there is no order document.

    `money_read`: its invoices and credit notes were read with all their figures.
    """

    id: str
    status: str
    external_id: str | None
    customer_reference: str | None
    tax_inclusive: bool
    currency: str | None = None
    currency_rate: Decimal | None = None
    order_date: date | None = None
    number: str | None = None
    order: OrderView | None = None
    location: str = ""
    header: ShownHeader = ShownHeader()
    order_status: str = "NOT AVAILABLE"
    fulfilment_authorised: bool = False
    invoiced: bool = False
    stages: Stages = Stages()
    fulfilments: tuple[Fulfilment, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    money_read: bool = False

    @property
    def shipped(self) -> bool:
        """True when something of it has left the house."""
        return any(fulfilment.is_shipped for fulfilment in self.fulfilments)

    @property
    def voided(self) -> bool:
        """True when the sale is void and counts for nothing."""
        return self.status.upper().startswith("VOID")


class SaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `saleList`. `searched` joins the texts that `Search` looks through (fact sheet §2.2)."""

    id: str
    number: str | None
    status: str
    order_status: str
    external_id: str | None
    customer_reference: str | None
    searched: str = ""
    currency: str = ""
    order_date: date | None = None

    @property
    def voided(self) -> bool:
        """True when the sale is void and counts for nothing."""
        return self.status.upper().startswith("VOID")


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """A page of `saleList` asked for by one reference: the rows, and the Total the answer claims."""

    rows: tuple[SaleRow, ...]
    total: int


class ListedSale(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `saleList` as the sweep and the census need it (fact sheet §2.2). Statuses are open words.

    `updated` is milliseconds UTC, None where it cannot be read. `credit_note` is the credit note's status. `invoiced`
    is net of credits and `paid` net of refunds, in the customer's currency; None where the row does not say.
    """

    id: str
    number: str | None
    status: str
    order_status: str
    external_id: str | None
    customer_reference: str | None
    picking: str = ""
    packing: str = ""
    shipping: str = ""
    fulfilment: str = ""
    invoicing: str = ""
    payment: str = ""
    credit_note: str = ""
    tracking: str = ""
    type: str = ""
    updated: Instant | None = None
    invoiced: Decimal | None = None
    paid: Decimal | None = None

    @property
    def voided(self) -> bool:
        """True when the sale is void and counts for nothing."""
        return self.status.upper().startswith("VOID")


class SalePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of `saleList`. `rows` is how many rows came, `total` how many the envelope says there are."""

    sales: tuple[ListedSale, ...]
    rows: int
    total: int


class ListedCreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `saleCreditNoteList`: of which sale, and how it stands."""

    sale_id: str
    number: str | None
    status: str
    restock_status: str = ""
    updated: Instant | None = None


class CreditNotePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of `saleCreditNoteList`."""

    notes: tuple[ListedCreditNote, ...]
    rows: int
    total: int
