"""What makes a run of ten thousand orders bearable: shortcuts that change nothing anybody could see.

The double of commercetools goes through all its orders for every page it shows: whoever asks for what changed since an
instant, or for the orders of payments, gets the same rows from an index.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from adapters.sandbox.orders import Wire
from adapters.sandbox.predicates import canonical_instant
from tests.simulation.stock_books import request_on_its_way
from tests.simulation.world import World


class IndexedOrders:
    """Keeps which order changed when and is paid by what, and goes through no others for a page."""

    def __init__(self, made: World) -> None:
        self._shop = made.shop
        self._all = made.shop.listed_orders
        self._changed_at: list[str] = []
        self._changed: list[str] = []
        self._paid_by: dict[str, str] = {}
        self._keep = made.shop._keep
        made.shop._keep = self._kept  # type: ignore[method-assign]
        made.shop.listed_orders = self._listed  # type: ignore[method-assign]

    def _kept(self, order: Wire) -> None:
        self._keep(order)
        self._changed_at.append(order["lastModifiedAt"])
        self._changed.append(order["id"])
        for payment in order.get("paymentInfo", {}).get("payments", ()):
            self._paid_by[payment["id"]] = order["id"]

    def _listed(self) -> list[Wire]:
        asked = _query()
        where = " ".join(asked.get("where", ()))
        if "lastModifiedAt" in where and "var.at" in asked:
            first = bisect.bisect_left(self._changed_at, canonical_instant(asked["var.at"][0]))
            return self._shown(self._changed[first:])
        if "paymentInfo(payments(id in :payments))" in where:
            return self._shown(self._paid_by[one] for one in asked["var.payments"] if one in self._paid_by)
        return self._all()

    def _shown(self, order_ids: Iterable[str]) -> list[Wire]:
        """The orders as lists show them now: a change that is not visible yet leaves the one before it."""
        shop, ids = self._shop, dict.fromkeys(order_ids)
        if not shop._visibility_lag:
            return [shop.orders[order_id] for order_id in ids]
        shown = (shop._visible(shop._shown[order_id], shop.now()) for order_id in ids)
        return [order for order in shown if order is not None]


class IndexedPayments(dict[str, Wire]):
    """The payments of a shop, of which a page of those that changed goes through no others."""

    def __init__(self, made: World) -> None:
        super().__init__(made.shop.payments)
        self._changed_at = [payment["lastModifiedAt"] for payment in self.values()]
        self._changed = list(self)
        self._book = made.shop._book
        made.shop.payments = self
        made.shop._book = self._asked_for  # type: ignore[method-assign]

    def __setitem__(self, payment_id: str, payment: Wire) -> None:
        super().__setitem__(payment_id, payment)
        self._changed_at.append(payment["lastModifiedAt"])
        self._changed.append(payment_id)

    def _asked_for(self, name: str) -> dict[str, Wire]:
        asked = _query()
        if name != "payments" or "lastModifiedAt" not in " ".join(asked.get("where", ())) or "var.at" not in asked:
            return self._book(name)
        first = bisect.bisect_left(self._changed_at, canonical_instant(asked["var.at"][0]))
        return {payment_id: self[payment_id] for payment_id in self._changed[first:]}


def _query() -> dict[str, list[str]]:
    """What the request that is being served asks for."""
    request = request_on_its_way()
    return {} if request is None else parse_qs(urlsplit(request.url).query)
