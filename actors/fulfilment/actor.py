"""The fulfilment flow: what the warehouse did with a sale is shown on its order, each thing once (laws L2, L6).

A message is about one order; or it goes through every live sale once in a while, for what a pause left behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from actors.core.actor import Done, Outcome, Surroundings
from actors.core.attending import AttendingActor
from actors.core.failure import place_of
from actors.core.rules_in_force import InForce
from actors.domain.calls import Purpose
from actors.domain.errors import WireError
from actors.domain.time import Instant
from actors.fulfilment.look import Looker
from actors.fulfilment.ports import Storefront, Warehouse
from actors.fulfilment.rules import FulfilmentRules, next_attendance
from actors.messages import Envelope, Flow, Nudge, Urgency
from storage import calls, cursors, flows, fulfilments
from storage.cursors import Cursor

SOME = 2_000
"""Sales gone through in one commit."""


class FulfilmentActor(AttendingActor):
    """Handles nudges to look at how an order was fulfilled."""

    flow = Flow.FULFILMENT

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        storefront: Storefront,
        warehouse: Warehouse,
        rules: InForce[FulfilmentRules],
        may_write: Callable[[], bool],
    ) -> None:
        super().__init__(surroundings, enabled=rules.current.enabled, concurrency=rules.current.concurrency)
        self.rules = rules
        self.looker = Looker(surroundings, storefront=storefront, warehouse=warehouse, rules=rules, may_write=may_write)

    async def look(self, order_id: str) -> Outcome:
        """Look at one order."""
        return await self.looker.look(order_id)

    async def attend(self) -> Done:
        """Go through some live sales; then through those after them, and after the last one rest."""
        place = await self.around.database.read(lambda connection: cursors.get(connection, ATTEND_CURSOR))
        after = place.after_id if place is not None else ""
        found, end = await self.around.database.read(
            lambda connection: fulfilments.behind(connection, after=after, limit=SOME)
        )
        now = self.around.clock.now()

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            # Behind those that move now: after a long pause, or the first start with this flow, there may be very many.
            fulfilments.stir(connection, found, now=at, urgency=Urgency.FRESH, told=True)
            cursors.put(connection, ATTEND_CURSOR, Cursor(at=at, after_id=end), now=at)
            flows.succeeded(connection, Flow.FULFILMENT, now=at)

        return Done(unit=unit, nudges=(self.attendance(now if end else next_attendance(self.rules.current, now)),))

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant) -> None:
        """A write that was certainly not executed leaves nothing; one that broke off may stand: the order will tell."""
        if isinstance(error, WireError):
            calls.settle(connection, error.call_id, "refused", detail=error.reason)
            return
        for write in calls.open_writes(connection):
            if write.purpose is Purpose.CT_UPDATE_ORDER and write.subject == envelope.subject:
                calls.settle(connection, write.call_id, "unknown", detail=place_of(error))


ATTEND_CURSOR = "fulfilment:attend"
"""Cursor in the file: the sale up to which everything was gone through."""


def doubt_updates(connection: sqlite3.Connection, *, now: Instant) -> list[Nudge]:
    """At a start: updates without an outcome may stand or not. Return the looks that follow."""
    looks = []
    for write in calls.open_writes(connection):
        if write.purpose is Purpose.CT_UPDATE_ORDER:
            calls.settle(connection, write.call_id, "unknown", detail="no answer was recorded")
            fulfilments.tell(connection, write.subject, now=now)
            looks.append(fulfilments.nudge(write.subject, now))
    return looks
