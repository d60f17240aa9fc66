"""What the finance flow needs from the two systems, in its own words."""

from __future__ import annotations

from typing import Protocol

from actors.domain.feed import ReadOrder
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.sale import SaleView
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher
from actors.governor.journal import Intent


class Storefront(Protocol):
    """commercetools' orders. Every method may raise the errors of `actors.domain.errors`."""

    async def read_order(self, order_id: str) -> ReadOrder:
        """Read the order as it is now, payments expanded. Raises `Missing` when it was deleted."""
        ...


class Ledger(Protocol):
    """Cin7 Core's documents, in the lane of finance. Every method is one governed call.

    A write raises `InDoubt` where no clear answer came, or one that is not about what was posted; after `Rejected`,
    `Unauthorised`, `Limited` and `Transient` (not sent) nothing was posted.
    """

    async def read_books(self, sale_id: str, *, subject: str) -> SaleView:
        """Read one sale with its invoices, payments and credit notes. Raises `Missing` when there is none."""
        ...

    async def post_invoice(self, voucher: InvoiceVoucher, intent: Intent) -> Invoice:
        """Post an invoice; return it as Cin7 shows it in its answer, found by its memo."""
        ...

    async def post_payment(self, voucher: PaymentVoucher, intent: Intent) -> PostedPayment:
        """Post a payment of an invoice, or a refund payment of a credit note; return it as it is shown."""
        ...

    async def post_credit_note(self, voucher: CreditVoucher, intent: Intent) -> CreditNote:
        """Post a credit note; return it as Cin7 shows it in its answer, found by its memo."""
        ...
