"""The first page: what needs whom, which orders are not in Cin7 Core and why, how old stock is, and for how long.

What is counted in the file is kept for a while (`daemon.kept`); what the process knows is of the moment.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import anyio

from actors.domain.order_state import OrderState
from actors.domain.time import Instant, format_instant
from actors.messages import Flow
from daemon.desk.sampling import budget
from daemon.health import health
from daemon.instants import text_of
from daemon.kept import Kept
from daemon.running import Running
from storage import overview

Document = dict[str, Any]

POINTS = 288
"""So many samples are drawn of the last 24 hours: one each five minutes."""

CALLS_AN_ORDER, CALLS_A_HEADER = 2, 1
"""Calls to Cin7 Core an order takes that was only accepted, and one whose sale is begun (docs/architecture.md)."""


class Overview:
    """Gathers the page; who asks while it is gathered is given the same."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._kept = Kept()
        self._gathering = anyio.Lock()

    async def document(self) -> Document:
        """Return the page."""
        engine = self._app.engine
        shown = await health(self._app)
        async with self._gathering:
            stored = await self._kept.get("stored", engine.clock, self._stored)
        return {
            "health": shown,
            "owners": stored["owners"],
            "orders": stored["orders"],
            "finance": stored["finance"],
            "backlog": self._backlog(shown),
            "stock": self._stock(shown["stock"]),
            "samples": stored["samples"],
        }

    async def _stored(self) -> Document:
        now = self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: _counted(connection, now))

    def _backlog(self, shown: Document) -> Document:
        """Add what the orders that wait will ask for: calls are asked for a few orders at a time only."""
        engine, states = self._app.engine, shown["orders"]["states"]
        snapshot = engine.governor.snapshot()
        waiting = states.get(OrderState.ACCEPTED, 0)
        ahead = CALLS_AN_ORDER * waiting + CALLS_A_HEADER * states.get(OrderState.HEADER, 0)
        per_lane = {**snapshot.queued, "orders": max(snapshot.queued["orders"], ahead)}
        calls = sum(per_lane.values())
        minutes = max(snapshot.minutes_to_drain, calls / max(1, snapshot.limit)) if calls else 0.0
        paused = Flow.ORDERS in engine.dispatcher.paused
        stands = paused or Flow.ORDERS in engine.dispatcher.stopped
        gone = engine.clock.now() + round(minutes * 60_000)
        return {
            "calls": calls,
            "minutes": minutes,
            "gone_at": format_instant(gone) if calls and not stands else None,
            "per_lane": per_lane,
            "orders": waiting,
            "paused": paused,
        }

    def _stock(self, figures: Document) -> Document:
        age = figures.get("oldest_seconds")
        oldest = None if age is None else self._app.engine.clock.now() - age * 1000
        return {
            "enabled": bool(figures.get("enabled")),
            "oldest_read_at": text_of(oldest),
            "age_seconds": age,
            "median_age_seconds": figures.get("p50_seconds"),
            "skus": figures.get("skus", 0),
            "stale": figures.get("behind", 0),
            "blocked": figures.get("blocked", 0),
        }


def _counted(connection: sqlite3.Connection, now: Instant) -> Document:
    return {
        "owners": [
            {**one._asdict(), "oldest_at": text_of(one.oldest_at)} for one in overview.owners(connection, now=now)
        ],
        "orders": _orders(connection),
        "finance": _finance(connection),
        "samples": budget(connection, hours=24, most=POINTS, now=now),
    }


def _orders(connection: sqlite3.Connection) -> Document:
    found = overview.not_in_cin7(connection)
    return {
        "not_in_cin7": sum(one.orders for one in found),
        "by_reason": [
            {
                "reason": one.reason,
                "state": one.state,
                "count": one.orders,
                "oldest_at": format_instant(one.oldest_at),
            }
            for one in found
        ],
        "oldest_waiting_at": text_of(min((one.oldest_at for one in found), default=None)),
    }


def _finance(connection: sqlite3.Connection) -> Document:
    days: dict[str, Document] = {}
    for one in overview.to_release(connection):
        day = days.setdefault(one.day, {"day": one.day, "orders": 0, "amounts": []})
        day["orders"] += one.orders
        day["amounts"].append(f"{one.payable:f} {one.currency}")
    return {
        "to_release": sum(day["orders"] for day in days.values()),
        "days": list(days.values()),
        "differ": overview.differing(connection),
    }
