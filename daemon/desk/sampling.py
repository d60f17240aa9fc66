"""The worker that writes down once a minute how the call budget and the backlog stand, and what is drawn of it."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.core.actor import Later, Outcome
from actors.domain.time import Instant, format_instant
from actors.governor.governor import GovernorSnapshot
from actors.messages import Flow, Nudge
from daemon.engine import Engine
from storage import exceptions, outbox, samples
from storage.samples import Sample

Document = dict[str, Any]

NAME = "samples"
MINUTE, HOUR = 60_000, 3_600_000
KEPT = 14 * 24 * HOUR
MOST_COUNTED = 1_000_000
"""So many waiting messages are counted."""


class SampleWorker:
    """Implements `actors.desk.ports.Worker`."""

    name = NAME

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """A sample at the start: what a restart left behind is drawn too."""
        return (Nudge(flow=Flow.DESK, subject=NAME, due_at=now),)

    async def work(self, subject: str) -> Outcome:
        """Take a sample, and the next one when the minute is over. A pause of the flow is a gap in the picture."""
        snapshot = self._engine.governor.snapshot()
        now = self._engine.clock.now()
        return Later(
            due_at=(now // MINUTE + 1) * MINUTE,
            reason="once a minute",
            unit=lambda connection, _: _write(connection, snapshot, now),
        )


def budget(connection: sqlite3.Connection, *, hours: int, most: int, now: Instant) -> list[Document]:
    """Return samples of the last hours as they are drawn, at most so many, the oldest first."""
    found = samples.thinned(connection, since=now - hours * HOUR, every=max(MINUTE, -(-hours * HOUR // (most - 1))))
    return [
        {
            "at": format_instant(one.at),
            "limit": one.limit,
            "in_window": one.in_window,
            "queued": one.queued,
            "minutes_to_drain": one.minutes_to_drain,
            "outbox_ready": one.outbox_ready,
            "open_exceptions": one.open_exceptions,
        }
        for one in found
    ]


def _write(connection: sqlite3.Connection, snapshot: GovernorSnapshot, now: Instant) -> None:
    sample = Sample(
        at=now,
        limit=snapshot.limit,
        in_window=snapshot.in_window,
        queued=snapshot.queued,
        minutes_to_drain=snapshot.minutes_to_drain,
        outbox_ready=outbox.waiting(connection, most=MOST_COUNTED),
        open_exceptions=sum(exceptions.count_open_by_owner(connection).values()),
    )
    samples.add(connection, sample, keep_from=now - KEPT)
