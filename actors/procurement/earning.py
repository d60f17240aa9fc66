"""Works out what each SKU of an order earned, and tells of a SKU that is sold below the floor: once, not per order.

The file itself keeps which orders are due: those that were sold, or sold otherwise, and those whose goods cost
something else by now. None of it costs a call.
"""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

from actors.core.actor import Done, Surroundings
from actors.domain.exception_types import Finding
from actors.domain.margins import Earned, OrderMargin, below, below_floor_finding, earned, margin_of
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.procurement import nudges
from actors.procurement.day import today
from actors.procurement.nudges import BELOW_FLOOR, MARGINS
from actors.procurement.rules import ProcurementRules
from storage import cursors, exceptions, facts, margins, meta, outbox, purchases
from storage.cursors import Cursor
from storage.purchases import UnitCost

FLOOR = "margins:floor"
"""Text in the file: the floor that every SKU was held to."""

SOME = 50
"""Orders of one message: while they are worked out nothing else is written."""

LATELY = timedelta(days=90)
"""How far back the worst sale of a SKU is looked for, and the orders below the floor are counted."""


class Earner:
    """Works out the margins of orders that are due, some at a time."""

    def __init__(self, surroundings: Surroundings, *, rules: ProcurementRules, posting: PostingRules) -> None:
        self._around = surroundings
        self._rules = rules
        self._posting = posting

    async def step(self) -> Done:
        """Work out the next margins, and judge the SKUs of which they are news."""
        return Done(unit=self._some)

    def _some(self, connection: sqlite3.Connection, now: Instant) -> None:
        due = margins.due(connection, limit=SOME)
        costs = _Costs(connection)
        news: set[str] = set()
        for order_id in due:
            news |= margins.store(connection, order_id, _earned_by(connection, order_id, costs), now=now)
        others = self._of_another_floor(connection, now)
        since = today(connection, self._posting, now) - LATELY
        for sku in sorted({*news, *others}):
            self._judge(connection, sku, costs, since, now)
        pause = 0 if SOME in (len(due), len(others)) else self._rules.refresh
        outbox.accept(connection, nudges.nudge(MARGINS, now + pause), now=now)

    def _of_another_floor(self, connection: sqlite3.Connection, now: Instant) -> list[str]:
        """Where the floor was changed, return the next SKUs that were held to another one."""
        floor = f"{self._rules.floor:f}"
        if meta.text(connection, FLOOR) == floor:
            return []
        name = f"{FLOOR}:{floor}"
        place = cursors.get(connection, name)
        skus = margins.skus_after(connection, place.after_id if place is not None else "", limit=SOME)
        ended = len(skus) < SOME
        cursors.put(connection, name, Cursor(at=now, after_id="" if ended else skus[-1]), now=now)
        if ended:
            meta.set_text(connection, FLOOR, floor)
        return skus

    def _judge(self, connection: sqlite3.Connection, sku: str, costs: _Costs, since: date, now: Instant) -> None:
        """One exception for a SKU: its newest sale decides. While that has no cost, nobody knows better than before."""
        record = exceptions.Record(kind="sku", id=sku)
        newest = margins.newest(connection, sku)
        if newest is not None and newest.unit is None:
            return
        if newest is None or not below(newest.net, newest.percent, self._rules.floor):
            resolution = "its newest sale is not below the floor" if newest is not None else "no sale of it stands"
            exceptions.clear(connection, record, resolution=resolution, now=now, types=(BELOW_FLOOR,))
            return
        finding = self._finding(connection, newest, costs.of(sku, newest.day), since)
        if not exceptions.dismissed_as_it_is(connection, record, finding):
            exceptions.raise_finding(connection, record, finding, now=now)

    def _finding(
        self, connection: sqlite3.Connection, newest: OrderMargin, cost: UnitCost | None, since: date
    ) -> Finding:
        floor = self._rules.floor
        company = facts.company(connection)
        return below_floor_finding(
            newest,
            margins.worst(connection, newest.sku, since=since) or newest,
            floor=floor,
            count=max(1, margins.count_below(connection, newest.sku, floor, since=since)),
            currency=company.currency if company is not None else "",
            parts=cost.cost.parts if cost is not None and cost.cost is not None else (),
        )


class _Costs:
    """Unit costs, each looked up once for a message."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, date], UnitCost | None] = {}

    def of(self, sku: str, day: date) -> UnitCost | None:
        key = (sku, day)
        if key not in self._known:
            self._known[key] = purchases.unit_cost(self._connection, sku, day)
        return self._known[key]


def _earned_by(connection: sqlite3.Connection, order_id: str, costs: _Costs) -> list[OrderMargin]:
    """Return what each SKU of an order earned; nothing of one without a live sale."""
    found = margins.sold(connection, order_id)
    if found is None:
        return []
    day, sold = found
    return [_margin(order_id, day, one, costs.of(one.sku, day)) for one in earned(sold)]


def _margin(order_id: str, day: date, one: Earned, cost: UnitCost | None) -> OrderMargin:
    unit = cost.unit if cost is not None else None
    return OrderMargin(
        order_id=order_id,
        sku=one.sku,
        day=day,
        quantity=one.quantity,
        net=one.net_base,
        unit=unit,
        source=cost.source if cost is not None else "",
        percent=margin_of(one, unit).percent,
    )
