"""Moves due nudges from the outbox into mailboxes, as many as fit.

Everything in flight is first a row: the claim is committed, then the envelope is offered. After an unclean stop the
nudges that were running are handled one at a time, alone, before anything else: the one that kills the process is then
counted by itself and set aside at its third attempt, and the innocent go through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from actors.core.actor import Actor, set_aside
from actors.core.bell import Bell
from actors.domain.time import Clock
from actors.messages import Envelope, Flow
from storage import outbox
from storage.database import CommitFailedError, Database

STORAGE_PAUSE_SECONDS = 1.0
"""After a commit that failed: how long before the next claim is tried."""


class Dispatcher:
    """Feeds the actors. `paused` and `stopped` flows are left alone; their nudges stay where they are."""

    def __init__(self, *, database: Database, clock: Clock, bell: Bell, actors: Mapping[Flow, Actor]) -> None:
        self._database = database
        self._clock = clock
        self._bell = bell
        self._actors = actors
        self._suspects = False
        self._closing = False
        self.paused: set[Flow] = set()
        self.stopped: set[Flow] = set()
        self.beats = 0

    async def reclaim(self) -> list[Envelope]:
        """After a start: put back what was running, set aside what is out of attempts; return the latter."""

        def unit(connection: sqlite3.Connection) -> list[Envelope]:
            now = self._clock.now()
            spent = outbox.reclaim(connection, now=now)
            for envelope in spent:
                set_aside(connection, envelope, reason="the process died while it was handled", now=now)
            return spent

        return await self._database.run(unit)

    def close(self) -> None:
        """Claim nothing more."""
        self._closing = True
        self._bell.ring()

    async def run(self) -> None:
        """Dispatch until closed."""
        while not self._closing:
            self.beats += 1
            try:
                claimed = await self._dispatch()
                wait = None if claimed else await self._seconds_to_next()
            except CommitFailedError:
                await self._clock.sleep(STORAGE_PAUSE_SECONDS)
                continue
            if not claimed:
                await self._bell.wait(wait)

    def _open_flows(self) -> list[Flow]:
        return [flow for flow in self._actors if flow not in self.paused and flow not in self.stopped]

    async def _dispatch(self) -> int:
        room = {flow: self._actors[flow].mailbox.free for flow in self._open_flows()}
        if not any(room.values()):
            return 0
        stopped = tuple(self.stopped)

        def unit(connection: sqlite3.Connection) -> list[Envelope]:
            now = self._clock.now()
            envelopes, self._suspects = outbox.claim_suspect(connection, room.keys(), now=now, stopped=stopped)
            if self._suspects:
                return envelopes
            return [
                envelope
                for flow in outbox.due_flows(connection, [flow for flow, free in room.items() if free > 0], now=now)
                for envelope in outbox.claim(connection, flow, limit=room[flow], now=now)
            ]

        envelopes = await self._database.run(unit)
        for envelope in envelopes:
            if not self._actors[envelope.flow].mailbox.offer(envelope):
                # Only a mailbox that is being closed refuses what it had room for: a start reclaims the row.
                return 0
        return len(envelopes)

    async def _seconds_to_next(self) -> float | None:
        """Return seconds until a nudge can be claimed; full mailboxes, suspects and twins ring when they move on."""
        flows = [flow for flow in self._open_flows() if self._actors[flow].mailbox.free > 0]
        due_at = await self._database.read(lambda connection: outbox.next_due(connection, flows))
        if due_at is None or self._suspects:
            return None
        # Never zero: what became due since the claim is claimed in a moment.
        return max(0.05, (due_at - self._clock.now()) / 1000)
