"""What every door needs of the daemon: the one `accept`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.domain.notification import Delivery

SQS = "sqs"
SNS = "sns"
PUBSUB = "pubsub"
EVENTGRID = "eventgrid"
CIN7 = "cin7"
"""The doors' names, in health, metrics and exceptions."""


class Accept(Protocol):
    """Commits what a door brings. When it returns, the deliveries are on disk and the sender may be told."""

    async def __call__(self, door: str, deliveries: Sequence[Delivery]) -> None:
        """Accept all of them in one commit, or none.

        Raises:
            IntakeClosedError: the daemon stops, the disk takes nothing, or too much waits: ask the sender to come
                again. A commit that fails is told so too.
        """
        ...
