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


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as tallyd knows it. `sale_id` is the sale recorded as standing for it; `settled_at` its last movement.

    `by_hand`: a person took the order out of tallyd's hands, as one does who booked it by hand.
    """

    id: str
    number: str | None
    state: OrderState
    settled_at: Instant
    sale_id: str | None = None
    sale_number: str | None = None
    by_hand: bool = False

    @property
    def shown_as(self) -> str:
        """Its number, or its id where it has none."""
        return self.number or self.id


class CarryingSale(msgspec.Struct, frozen=True, kw_only=True):
    """A listed sale that carries one of the order's references, or is the one recorded for it."""

    id: str
    number: str
    voided: bool

    @property
    def shown_as(self) -> str:
        """Its number with its id: people know the one, the API the other."""
        return f"{self.number or 'a sale'} ({self.id})"


def is_settled(order: KnownOrder, *, began: Instant, margin: int) -> bool:
    """Say whether the order can be judged by a list whose reading began then: nothing of it has moved since."""
    return order.state not in UNDERWAY and order.settled_at <= began - margin


def judge(order: KnownOrder, sales: Sequence[CarryingSale]) -> list[Finding]:
    """Return what is wrong with the sales of one settled order."""
    findings: list[Finding] = []
    own = next((sale for sale in sales if sale.id == order.sale_id), None)
    live = [sale for sale in sales if not sale.voided]
    if order.sale_id is not None and own is None:
        findings.append(_gone(order))
    if own is not None and own.voided:
        findings.append(_voided(order, own))
    if len(live) > 1:
        findings.append(_two(order, live))
    strange = [sale for sale in live if sale.id != order.sale_id]
    if len(live) == 1 and strange and not order.by_hand:
        findings.append(_by_hand(order, strange[0]))
    return findings


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
