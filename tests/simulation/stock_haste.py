"""What makes a run of ten thousand orders bearable: shortcuts that change nothing anybody could see.

The double of commercetools goes through all its orders for every page it shows: whoever asks for what changed since an
instant gets the same rows from a journal of changes. The dispatcher asks for the next nudge of each flow and urgency in
a statement of its own, twenty times a second while one waits for its running twin: here it is one statement, and twins
are left out, whose settlement rings anyway.
"""

from __future__ import annotations

import bisect
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

from actors.domain.time import Instant
from actors.messages import Flow, Urgency
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


_READY = """
SELECT {what} FROM (SELECT {what} FROM outbox AS waiting
WHERE flow = '{flow}' AND state = 'ready' AND urgency = {urgency} {due}
  AND NOT EXISTS (SELECT 1 FROM outbox AS busy
                  WHERE busy.flow = waiting.flow AND busy.subject = waiting.subject AND busy.state = 'running')
ORDER BY due_at, id LIMIT {limit})
"""


def _next_due(connection: sqlite3.Connection, flows: Collection[Flow]) -> Instant | None:
    parts = [
        _READY.format(what="due_at", flow=flow.value, urgency=int(urgency), due="", limit=1)
        for flow in flows
        for urgency in Urgency
    ]
    if not parts:
        return None
    [found] = connection.execute(f"SELECT min(due_at) FROM ({' UNION ALL '.join(parts)})").fetchone()  # noqa: S608 -- words of ours
    return None if found is None else int(found)


@contextmanager
def haste() -> Iterator[None]:
    """Let the dispatcher ask for less."""
    with mock.patch("storage.outbox.next_due", _next_due):
        yield
