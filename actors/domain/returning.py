"""What came back: returns of the storefront against what Cin7 Core put back in stock, and refunds against its notes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order
from actors.domain.order_update import OrderAction


class ReturnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to write about returns (`actions`), and what does not agree (`findings`)."""

    actions: tuple[OrderAction, ...] = ()
    findings: tuple[Finding, ...] = ()


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of the order; `credit_note` is the number of the note that names it, None while none does."""

    transaction_id: str
    payment_id: str
    interaction_id: str
    amount: int
    currency: str
    state: str
    credit_note: str | None


def plan_returns(order: Order, notes: Sequence[CreditNote] | None) -> ReturnPlan:
    """Compare the order's returns with what credit notes restocked. `notes` None: the sale was not read."""
    raise NotImplementedError


def refunds(order: Order, notes: Sequence[CreditNote] | None, known: Sequence[Refund]) -> tuple[Refund, ...]:
    """Return the order's refunds, each with the credit note that names it. `notes` None: as `known` says."""
    raise NotImplementedError


def refund_findings(order: Order, found: Sequence[Refund]) -> tuple[Finding, ...]:
    """Tell of each refund that stands and that no credit note names."""
    raise NotImplementedError
