"""Watches what no message is about: the key used by somebody else, orders later than they should be, old bodies."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Surroundings
from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.governor.governor import Governor, GovernorSnapshot
from storage import bodies, calls, exceptions, orders

EVERY_SECONDS = 15.0
QUIET_MS = 3_600_000
"""So long without a limit answer that was not ours, and nobody else seems to use the key."""

RETAIN_CALLS_MS = 2 * 86_400_000
"""Calls about no record (sweeps of the registry) are needed for a few minutes; an order's calls stay with it."""

UNDERWAY = (OrderState.ACCEPTED, OrderState.CREATING, OrderState.HEADER, OrderState.POSTED)


class Watch:
    """A chore: looks every few seconds, writes only what changed."""

    def __init__(
        self,
        around: Surroundings,
        *,
        governor: Governor,
        missed_after: int,
        retain_bodies: int,
    ) -> None:
        self._around = around
        self._governor = governor
        self._missed_after = missed_after
        self._retain_bodies = retain_bodies
        self.beats = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._around.clock.sleep(EVERY_SECONDS)
            await self.look()
            self.beats += 1

    async def look(self) -> None:
        """Look once."""
        snapshot = self._governor.snapshot()

        def unit(connection: sqlite3.Connection) -> None:
            now = self._around.clock.now()
            _foreign_use(connection, snapshot, now)
            _missed(connection, now - self._missed_after - int(snapshot.minutes_to_drain * 60_000), now)
            bodies.expire(connection, before=now - self._retain_bodies)
            calls.prune(connection, before=now - RETAIN_CALLS_MS)

        await self._around.database.run(unit)


def _foreign_use(connection: sqlite3.Connection, snapshot: GovernorSnapshot, now: Instant) -> None:
    """Limit answers although our own log was within the law: somebody else uses the key (failure story R10)."""
    record = exceptions.Record(kind="connection", id="cin7")
    if snapshot.foreign_use_at is None or now - snapshot.foreign_use_at > QUIET_MS:
        exceptions.clear(connection, record, resolution="no more limit answers", now=now, types=("foreign_use",))
        return
    finding = Finding(
        code="foreign_use",
        cause=f"Cin7 Core answered with its limit {snapshot.foreign_use} times while tallyd was within it: something"
        " else uses this application key.",
        facts={"limit": str(snapshot.limit), "cap": str(snapshot.cap), "limit answers": str(snapshot.foreign_use)},
    )
    exceptions.raise_finding(connection, record, finding, now=now)


def _missed(connection: sqlite3.Connection, before: Instant, now: Instant) -> None:
    """An order under way later than its own forecast allows is told; it clears when the order goes on."""
    for order_id, number, state in orders.stuck(connection, UNDERWAY, before=before):
        finding = Finding(
            code="missed",
            cause=f"The order is {state} since longer than its forecast and [orders] missed_after_seconds allow.",
            group=f"missed:{state}",
        )
        record = exceptions.Record(kind="order", id=order_id, number=number)
        exceptions.raise_finding(connection, record, finding, now=now)
