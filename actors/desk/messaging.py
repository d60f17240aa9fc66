"""How messages get to people, and what of the machine alerts are judged by: ports of the alert workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from actors.domain.outgoing import Tone
from actors.domain.time import Instant
from actors.messages import Flow, Nudge


class Messenger(Protocol):
    """Sends a message through a channel, which it knows by its key."""

    async def send(self, channel: str, *, title: str, body: str, tone: Tone, topic: str = "") -> None:
        """Send it. `topic` names what the message is about where a channel keeps incidents by name.

        Raises:
            UndeliveredError: it did not go out, or nobody knows.
        """
        ...

    async def understands(self, channel: str) -> bool:
        """Say whether a channel has an address a message could be sent to; nothing is sent."""
        ...


class Pulse(Protocol):
    """The running parts, as far as alerts are judged by them."""

    def minutes_to_drain(self) -> float:
        """How long Cin7 Core will take to answer what is queued."""
        ...

    def working_since(self) -> Mapping[str, Instant]:
        """When each flow finished something last (or the process began), of those that may work."""
        ...


def notice_nudge(channel: str, *, due_at: Instant) -> Nudge:
    """Return what wakes the sender of a channel."""
    return Nudge(flow=Flow.DESK, subject=f"notice:{channel}", due_at=due_at)
