"""A difference between the two sides of an order, classed and explained (law L5, law L6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return f"{self.chain.value} {self.component}{place}: {ours}, {theirs}: {self.reason.value}"


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What a person released of one family of chains: by how much its sides differ, gross, and for which reasons."""

    gross: Decimal
    reasons: frozenset[str]


_FAMILY = {Chain.SALE: "goods", Chain.INVOICE: "goods"}
"""An invoice carries what its sale differs by: who accepts the one accepts the other."""


def accepted_of(found: Sequence[Discrepancy]) -> dict[str, Accepted]:
    """Say what is accepted when somebody releases an order with these differences."""
    return {_FAMILY.get(chain, chain.value): one for chain, one in _by_chain(found).items()}


def is_covered(found: Sequence[Discrepancy], accepted: Mapping[str, Accepted]) -> bool:
    """Say whether a release covers what differs now: by the same amounts, for no reason that was not seen then."""
    for chain, now in _by_chain(found).items():
        then = accepted.get(_FAMILY.get(chain, chain.value))
        if then is None or now.gross != then.gross or not now.reasons <= then.reasons:
            return False
    return True


def _by_chain(found: Sequence[Discrepancy]) -> dict[Chain, Accepted]:
    """Add up what is wrong, chain by chain; of the goods the invoices count where both differ."""
    chains: dict[Chain, Accepted] = {}
    for one in found:
        if not one.wrong:
            continue
        before = chains.get(one.chain, Accepted(gross=NOTHING, reasons=frozenset()))
        chains[one.chain] = Accepted(
            gross=before.gross + one.net + one.tax, reasons=before.reasons | {one.reason.value}
        )
    return chains
