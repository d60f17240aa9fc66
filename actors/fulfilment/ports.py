"""What the fulfilment flow needs from the two systems, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.domain.feed import ReadOrder
from actors.domain.order import Order
from actors.domain.order_update import OrderAction
from actors.domain.sale import SaleView
from actors.governor.journal import Intent


class Storefront(Protocol):
    """commercetools' orders. Every method may raise the errors of `actors.domain.errors`."""

    async def read_order(self, order_id: str) -> ReadOrder:
        """Read the order as it is now, payments expanded. Raises `Missing` when it was deleted."""
        ...

    async def update_order(self, order: Order, actions: Sequence[OrderAction], intent: Intent) -> int:
        """Do all of these, in their order, under the order's version; return the new version.

        Raises:
            Conflict: the order has changed since it was read; nothing was done.
            InDoubt: no clear answer.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was done.
        """
        ...


class Warehouse(Protocol):
    """Cin7 Core's sales, read in the lane of fulfilment. Every method is one governed call."""

    async def read_fulfilment(self, sale_id: str, *, subject: str) -> SaleView:
        """Read one sale with its fulfilments and credit notes. Raises `Missing` when there is none."""
        ...
