"""What the storefront is to show of what was picked and shipped, and the actions that bring it there.

Declarative: what should stand is computed from what stands in Cin7 Core now, compared with what the order shows, and the
difference is what is written. So an event may come late, twice or never, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Fulfilment, Stages
from actors.domain.order import Order
from actors.domain.order_update import OrderAction

KEY = "cin7-"
"""What the keys of our deliveries and parcels begin with; others are other people's, and are left alone."""


class DeliveryRules(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant's choices. `carriers`: Cin7 carrier → what the storefront shows; one not named is shown as it is."""

    publish_from: Literal["pick", "ship"] = "pick"
    complete: Literal["never", "shipped", "shipped-and-paid"] = "shipped"
    carriers: Mapping[str, str] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, in one request and this order; nothing where the order shows everything already.

    `state` is the shipment state that is ours once it is written ("": none is). `taken_back`: units whose delivery the
    order showed and that have not left after all, by SKU; a customer may have been told of them.
    """

    actions: tuple[OrderAction, ...] = ()
    state: str = ""
    findings: tuple[Finding, ...] = ()
    taken_back: dict[str, int] = {}


def plan(
    order: Order,
    fulfilments: Sequence[Fulfilment] | None,
    stages: Stages,
    *,
    digital: frozenset[str],
    published: str,
    rules: DeliveryRules,
) -> Plan:
    """Compare what the warehouse did with what the order shows.

    `fulfilments` None: the sale was not read, since by its `stages` nothing of it has left; deliveries are then let be.
    `digital` are the SKUs of the order that need no shipping. `published` is the shipment state we set last.
    """
    raise NotImplementedError
