"""The intake flow: sweeps, looks at records that events were about, and the guard of the doors.

Every way an order is heard of ends in the same `OrderKeeper`; every event in the same `Acceptance`.
"""

from __future__ import annotations

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.domain.time import Instant
from actors.intake import guarding, sweeping
from actors.intake.guarding import Guard
from actors.intake.keeping import OrderKeeper
from actors.intake.looking import Looker
from actors.intake.ports import OrderFeed
from actors.intake.rules import ORDER_LOOK, PAYMENT_LOOK, DoorRules, SweepRules
from actors.intake.sweeping import COMPLETE, HOT, ReadMessage, Sweeper
from actors.messages import Envelope, Flow, Nudge, Urgency
from storage.bodies import Sealer

__all__ = ["COMPLETE", "HOT", "IntakeActor"]

CONCURRENCY = 8
"""Records looked at side by side: commercetools has no limit to spare, and its client bounds what is on the wire."""


class IntakeActor(Actor):
    """Handles nudges to read on, and to look at one record."""

    flow = Flow.INTAKE
    standing = True

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        feed: OrderFeed,
        rules: SweepRules,
        sealer: Sealer,
        doors: DoorRules,
        read_message: ReadMessage,
    ) -> None:
        super().__init__(surroundings, concurrency=CONCURRENCY, capacity=CONCURRENCY)
        keeper = OrderKeeper(rules, sealer)
        self.sweeper = Sweeper(
            surroundings, feed=feed, rules=rules, keeper=keeper, read_message=read_message, project=doors.project
        )
        self.looker = Looker(surroundings, feed=feed, keeper=keeper, sweeper=self.sweeper)
        self.guard = Guard(surroundings, feed=feed, rules=doors, overlap=rules.overlap)
        self._watched = (guarding.DOORS, guarding.SUBSCRIPTION) if doors.subscription else (guarding.DOORS,)

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts the sweeps and the guard."""
        subjects = (*sweeping.SWEEPS, *self._watched)
        return tuple(
            Nudge(flow=Flow.INTAKE, subject=subject, due_at=now, urgency=Urgency.UNDERWAY) for subject in subjects
        )

    async def handle(self, envelope: Envelope) -> Outcome:
        """Read one page of one sweep, or look at one record, or judge the doors."""
        subject = envelope.subject
        if subject in sweeping.SWEEPS:
            return await self.sweeper.sweep(subject)
        if subject.startswith((ORDER_LOOK, PAYMENT_LOOK)):
            return await self.looker.look(subject)
        if subject in (guarding.DOORS, guarding.SUBSCRIPTION):
            return await self.guard.look(subject)
        return Done()
