"""An actor that looks at orders, one a message, and now and then goes through all of them for what was left behind."""

from __future__ import annotations

import abc
from contextlib import AbstractContextManager

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.domain.time import Instant
from actors.messages import Envelope, Nudge, Urgency

ATTEND = "attend"
"""The subject of the message that goes through all."""


class AttendingActor(Actor):
    """Every look at an order is a span of its one trace. Switched off, it settles what comes and does nothing."""

    def __init__(self, surroundings: Surroundings, *, enabled: bool, concurrency: int) -> None:
        super().__init__(surroundings, concurrency=concurrency, capacity=concurrency)
        self._enabled = enabled

    @abc.abstractmethod
    async def look(self, order_id: str) -> Outcome:
        """Look at one order."""

    @abc.abstractmethod
    async def attend(self) -> Done:
        """Go through some orders, and see to it that the others follow."""

    def trace(self, envelope: Envelope) -> AbstractContextManager[None]:
        """Open the span of one handling."""
        if envelope.subject == ATTEND:
            return super().trace(envelope)
        return self.around.tracer.span(
            f"{self.flow.value}.handle", order_id=envelope.subject, attempt=envelope.attempt, message=envelope.id
        )

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """At a start everything is gone through at once."""
        return (self.attendance(now),) if self._enabled else ()

    async def handle(self, envelope: Envelope) -> Outcome:
        """Look at one order, or find those that were left behind."""
        if not self._enabled:
            return Done()
        return await (self.attend() if envelope.subject == ATTEND else self.look(envelope.subject))

    def attendance(self, due_at: Instant) -> Nudge:
        """Ask for all to be gone through, behind what moves now."""
        return Nudge(flow=self.flow, subject=ATTEND, due_at=due_at, urgency=Urgency.FRESH)
