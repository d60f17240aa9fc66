"""What a count of both sides against each other says about one order: pure, so that every case is a line of a table.

An order has at most one sale that is not void, and Cin7 Core's own list must show that one and no other under the
order's references (laws L1 and L2). What is still on its way is judged the next time.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant

KINDS = ("sale_gone", "sale_voided_there", "sales_two", "sale_by_hand")
"""What the census may find about an order by its sales; each clears when it is no longer found."""

UNDERWAY = frozenset({OrderState.CREATING, OrderState.IN_DOUBT, OrderState.HEADER, OrderState.CANCELLING})


TOLD_AS = {
    "sale_gone": frozenset({"sale_vanished"}),
    "sale_voided_there": frozenset({"sale_voided_by_hand"}),
    "sales_two": frozenset({"several_sales"}),
    "sale_by_hand": frozenset({"sale_not_ours", "several_sales"}),
}
"""What the orders flow says of the same cause: one open exception is enough."""


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as tallyd knows it. `sale_id` is the sale recorded as standing for it; `settled_at` its last movement.

    `by_hand`: others may have booked the order: a person took it out of tallyd's hands, or nothing was sent for it
    while tallyd only watched. `cancelled`: in commercetools, whatever was done about it here. `busy`: somebody is about
    to change its sale. `inherits`: it is older than the file, and a sale under its external id is still to be looked
    for. `told` are the types of its open exceptions.
    """

    id: str
    number: str | None
    state: OrderState
    settled_at: Instant
    sale_id: str | None = None
    sale_number: str | None = None
    by_hand: bool = False
    cancelled: bool = False
    busy: bool = False
    inherits: bool = False
    told: frozenset[str] = frozenset()

    @property
    def shown_as(self) -> str:
        """Its number, or its id where it has none."""
        return self.number or self.id


class CarryingSale(msgspec.Struct, frozen=True, kw_only=True):
    """A listed sale that carries one of the order's references, or is the one recorded for it.

    `ours`: it carries an external id as only tallyd writes it for this order.
    """

    id: str
    number: str
    voided: bool
    ours: bool = False

    @property
    def shown_as(self) -> str:
        """Its number with its id: people know the one, the API the other."""
        return f"{self.number or 'a sale'} ({self.id})"


def is_settled(order: KnownOrder, *, began: Instant, margin: int) -> bool:
    """Say whether the order can be judged by a list whose reading began then: nothing of it has moved since."""
    return order.state not in UNDERWAY and not order.busy and order.settled_at <= began - margin


def judge(order: KnownOrder, sales: Sequence[CarryingSale]) -> list[Finding]:
    """Return what is wrong with the sales of one settled order, without what it is told of already."""
    return [finding for finding in _wrong(order, sales) if not TOLD_AS[finding.code] & order.told]


def ends(order: KnownOrder, sales: Sequence[CarryingSale]) -> bool:
    """Say whether the order is cancelled and its sale is void or gone: then only the orders flow has to hear of it."""
    return order.cancelled and order.sale_id is not None and all(s.voided for s in sales if s.id == order.sale_id)


def _wrong(order: KnownOrder, sales: Sequence[CarryingSale]) -> list[Finding]:
    findings: list[Finding] = []
    own = next((sale for sale in sales if sale.id == order.sale_id), None)
    live = [sale for sale in sales if not sale.voided]
    if order.sale_id is not None and own is None and not order.cancelled:
        findings.append(_gone(order))
    if own is not None and own.voided and not order.cancelled:
        findings.append(_voided(order, own))
    if len(live) > 1:
        findings.append(_two(order, live))
    if len(live) == 1 and live[0].id != order.sale_id and not _accounted_for(order, live[0]):
        findings.append(_by_hand(order, live[0]))
    return findings


def _accounted_for(order: KnownOrder, sale: CarryingSale) -> bool:
    """Say whether it is known why this one sale stands for the order without being recorded."""
    return order.by_hand or (order.inherits and sale.ours)


def _facts(order: KnownOrder, sales: Sequence[CarryingSale]) -> dict[str, str]:
    own = f"{order.sale_number or 'a sale'} ({order.sale_id})" if order.sale_id is not None else "none"
    listed = ", ".join(sale.shown_as for sale in sales) or "none"
    return {"order": f"{order.shown_as} ({order.id})", "sale of tallyd": own, "sales in Cin7 Core": listed}


def _gone(order: KnownOrder) -> Finding:
    return Finding(
        code="sale_gone",
        cause=f"Sale {order.sale_number or order.sale_id} of order {order.shown_as} is no more in Cin7 Core's list.",
        facts=_facts(order, ()),
    )


def _voided(order: KnownOrder, own: CarryingSale) -> Finding:
    return Finding(
        code="sale_voided_there",
        cause=f"Sale {own.number or own.id} of order {order.shown_as} is void in Cin7 Core; the order stands.",
        facts=_facts(order, (own,)),
    )


def _two(order: KnownOrder, live: Sequence[CarryingSale]) -> Finding:
    named = ", ".join(sale.number or sale.id for sale in live)
    return Finding(
        code="sales_two",
        cause=f"{len(live)} sales that are not void carry the reference of order {order.shown_as}: {named}.",
        facts=_facts(order, live),
    )


def _by_hand(order: KnownOrder, sale: CarryingSale) -> Finding:
    return Finding(
        code="sale_by_hand",
        cause=f"Sale {sale.number or sale.id} carries the reference of order {order.shown_as} and is not tallyd's.",
        facts=_facts(order, (sale,)),
    )


def orphan(sale: CarryingSale, order_id: str) -> Finding:
    """Say that a sale carries a reference of ours and there is no such order."""
    return Finding(
        code="sale_without_order",
        cause=f"Sale {sale.number or sale.id} carries tallyd's reference to order {order_id}, which is not known.",
        facts={"sale in Cin7 Core": sale.shown_as, "order": order_id},
    )
