"""What makes a run of ten thousand orders bearable: shortcuts that change nothing anybody could see.

The double of commercetools goes through all its orders for every page it shows. Whoever asks for what changed since an
instant gets the same rows from a journal of changes.
"""

from __future__ import annotations

import bisect
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.sandbox.orders import Wire
from adapters.sandbox.predicates import canonical_instant
from tests.simulation.stock_books import request_on_its_way
from tests.simulation.world import World


class ChangedOrders:
    """Keeps which order changed when, and shows a page's asker no others."""

    def __init__(self, made: World) -> None:
        self._shop = made.shop
        self._all = made.shop.listed_orders
        self._changed_at: list[str] = []
        self._changed: list[str] = []
        self._keep = made.shop._keep
        made.shop._keep = self._kept  # type: ignore[method-assign]
        made.shop.listed_orders = self._listed  # type: ignore[method-assign]

    def _kept(self, order: Wire) -> None:
        self._keep(order)
        self._changed_at.append(order["lastModifiedAt"])
        self._changed.append(order["id"])

    def _listed(self) -> list[Wire]:
        since = _changed_since()
        if since is None:
            return self._all()
        ids = dict.fromkeys(self._changed[bisect.bisect_left(self._changed_at, since) :])
        shown = (self._shown(order_id) for order_id in ids if order_id in self._shop.orders)
        return [order for order in shown if order is not None]

    def _shown(self, order_id: str) -> Wire | None:
        """The order as lists show it now: a change that is not visible yet leaves the one before it."""
        if not self._shop._visibility_lag:
            return self._shop.orders[order_id]
        return self._shop._visible(self._shop._shown[order_id], self._shop.now())


def _changed_since() -> str | None:
    """The instant of the query that is being served, where it asks for what changed since one."""
    request = request_on_its_way()
    if request is None:
        return None
    asked: dict[str, Any] = dict(parse_qsl(urlsplit(request.url).query))
    if "lastModifiedAt" not in asked.get("where", "") or "var.at" not in asked:
        return None
    return canonical_instant(asked["var.at"])
