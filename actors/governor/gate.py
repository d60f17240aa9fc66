"""The gate in front of Cin7 Core as its client sees it: ask for a turn, speak once, say how it ended."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from actors.domain.time import Instant
from actors.governor.journal import Intent


class Turn(Protocol):
    """The right to send one request now. Leaving the context stamps its end."""

    @property
    def sent_at(self) -> Instant:
        """The instant the turn was granted and its row was committed."""
        ...

    def limited(self, retry_after_seconds: float) -> None:
        """Tell that the answer was a limit answer: not executed, and we are over somebody's count."""
        ...

    def lost(self, until: Instant) -> None:
        """Tell that no answer came and the request may still be seen until that instant."""
        ...

    def not_sent(self) -> None:
        """Tell that the request never left (no connection): it counts for nothing."""
        ...


class Gate(Protocol):
    """Hands out turns, one at a time, in order of lanes."""

    def turn(self, intent: Intent) -> AbstractAsyncContextManager[Turn]:
        """Wait for a turn in the intent's lane; its row is on disk when the turn begins (`intent.call_id` is set)."""
        ...
