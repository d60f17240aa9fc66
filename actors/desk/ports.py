"""What the desk works with: one worker for each kind of subject."""

from __future__ import annotations

from typing import Protocol

from actors.core.actor import Outcome
from actors.domain.time import Instant
from actors.messages import Nudge


class Worker(Protocol):
    """Does one kind of the desk's work. Its subjects are its name, or begin with its name and a colon."""

    @property
    def name(self) -> str:
        """What its subjects begin with."""
        ...

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What has to wait in the outbox for it to run by itself."""
        ...

    async def work(self, subject: str) -> Outcome:
        """Take one step of what the subject names; `subject` is without the worker's name ("" where it is that)."""
        ...
