"""A difference between the two sides of an order, classed and explained (law L5, law L6)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.financial import NOTHING


class Chain(StrEnum):
    """Which two documents are held against each other: commercetools' first, Cin7 Core's second."""

    SALE = "sale"  # the order and the sale's order document
    INVOICE = "invoice"  # the order and all invoices of its sale
    PAYMENT = "payment"  # captured transactions and payments
    CREDIT = "credit"  # refunds and credit notes
    REFUND = "refund"  # refunds and refund payments


class Reason(StrEnum):
    """Why they differ. `TIMING` alone is nothing wrong: the one side is ahead of the other."""

    ROUNDING = "rounding"
    TAX_TITLE = "tax title"
    SHIPPING = "shipping"
    DISCOUNT = "discount"
    EDITED_CIN7 = "edited in Cin7 Core"
    EDITED_COMMERCETOOLS = "edited in commercetools"
    MISSING_CIN7 = "missing in Cin7 Core"
    MISSING_COMMERCETOOLS = "missing in commercetools"
    TIMING = "timing"
    FOREIGN_EXCHANGE = "foreign exchange"


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, with both figures, the two documents' numbers, and the rule that made each figure.

    `net` and `tax` are what it explains of commercetools' amounts less Cin7 Core's, in `currency`, for `rule` (a tax
    rule; "" for payments and refunds, whose whole amount is in `net`). All discrepancies of a chain add up to what its
    two sides differ by: the month's unexplained remainder is what they leave. `component` is what differs (total, net,
    tax, shipping, quantity, rate, …), `where` the SKU, charge, tax rule or transaction it is about, or "".
    """

    chain: Chain
    reason: Reason
    component: str
    currency: str
    where: str = ""
    rule: str = ""
    net: Decimal = NOTHING
    tax: Decimal = NOTHING
    ours: str = ""
    theirs: str = ""
    our_document: str = ""
    their_document: str = ""
    our_rule: str = ""
    their_rule: str = ""

    @property
    def wrong(self) -> bool:
        """True when somebody has to look: it is more than one side being ahead."""
        return self.reason is not Reason.TIMING

    def __str__(self) -> str:
        place = f" of {self.where}" if self.where else ""
        ours = f"{self.ours or '–'} in commercetools ({self.our_document or '–'})"
        theirs = f"{self.theirs or '–'} in Cin7 Core ({self.their_document or '–'})"
        return f"{self.component}{place}: {ours}, {theirs}: {self.reason.value}"
