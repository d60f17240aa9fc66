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
from actors.domain.time import Clock, Instant
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
                claimed, next_due = await self._dispatch()
            except CommitFailedError:
                await self._clock.sleep(STORAGE_PAUSE_SECONDS)
                continue
            if not claimed:
                await self._bell.wait(self._seconds_to(next_due))

    def _open_flows(self) -> list[Flow]:
        return [flow for flow in self._actors if flow not in self.paused and flow not in self.stopped]

    async def _dispatch(self) -> tuple[int, Instant | None]:
        """Claim what there is room for; return how many, and when the next that there is room for can be claimed.

        None: full mailboxes, suspects and running twins ring when they move on.
        """
        room = {flow: self._actors[flow].mailbox.free for flow in self._open_flows()}
        roomy = [flow for flow, free in room.items() if free > 0]
        if not roomy:
            return 0, None
        stopped = tuple(self.stopped)

        def unit(connection: sqlite3.Connection) -> tuple[list[Envelope], Instant | None]:
            now = self._clock.now()
            envelopes, suspects = outbox.claim_suspect(connection, room.keys(), now=now, stopped=stopped)
            if suspects:
                return envelopes, None
            firsts = outbox.claimable(connection, roomy)
            due = [flow for flow, due_at in firsts.items() if due_at <= now]
            claimed = [one for flow in due for one in outbox.claim(connection, flow, limit=room[flow], now=now)]
            return claimed, min(firsts.values(), default=None)

        envelopes, next_due = await self._database.run(unit)
        for envelope in envelopes:
            if not self._actors[envelope.flow].mailbox.offer(envelope):
                # Only a mailbox that is being closed refuses what it had room for: a start reclaims the row.
                return 0, next_due
        return len(envelopes), next_due

    def _seconds_to(self, due_at: Instant | None) -> float | None:
        # Never zero: what became due since the claim is claimed in a moment.
        return None if due_at is None else max(0.05, (due_at - self._clock.now()) / 1000)
