"""The call log: every call is a row on disk before it leaves (design §3; `Intent` is also a line of the timeline).

The row is written by whoever sends, through the `CallJournal` port. Its end is what the rate law needs; its outcome is
what an order needs: a *write* whose row has no outcome when the daemon starts is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from actors.domain.calls import Lane, Purpose
from actors.domain.time import Instant


class Intent:
    """What one message means to send. `call_id` is filled in once the row is on disk.

    `subject` is the record it is about (an order id); `generation` counts the sales an order was ever meant to have
    (1, then one more for every deliberate resend), so that a database constraint can refuse a second create. `beside`
    is written in the commit of the intent, with the call's id: what a start has to know of a write that broke off.
    """

    def __init__(
        self,
        purpose: Purpose,
        *,
        subject: str = "",
        lane: Lane = Lane.ORDERS,
        generation: int = 1,
        beside: Callable[[Any, int], None] | None = None,  # (connection, call id): the governor knows no database
    ) -> None:
        self.purpose = purpose
        self.subject = subject
        self.lane = lane
        self.generation = generation
        self.beside = beside
        self.call_id: int | None = None


class LoggedCall:
    """One row of the log as the governor needs it at start: when it left and, if known, when it was over."""

    __slots__ = ("ended_at", "lane", "sent_at")

    def __init__(self, *, sent_at: Instant, ended_at: Instant | None, lane: Lane) -> None:
        self.sent_at = sent_at
        self.ended_at = ended_at
        self.lane = lane


class CallJournal(Protocol):
    """Where calls are written down."""

    async def begin(self, intent: Intent, *, at: Instant, finished: Sequence[tuple[int, Instant]] = ()) -> int:
        """Write the call's row and, in the same commit, the ends of calls finished since; return the row's id."""
        ...

    async def finish(self, finished: Sequence[tuple[int, Instant]]) -> None:
        """Write ends alone (at shutdown)."""
        ...
