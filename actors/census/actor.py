"""The census flow: what Cin7 Core lists of its sales, both sides counted against each other, and the webhooks.

A flow of its own, so that waiting for a turn at Cin7 never keeps the intake from reading commercetools.
"""

from __future__ import annotations

import sqlite3

from actors.census import hooks, sweeping
from actors.census.counting import Census
from actors.census.hooks import HookKeeper
from actors.census.ports import OrderCount, SalesList
from actors.census.progress import CENSUS
from actors.census.rules import CensusRules
from actors.census.sweeping import SaleSweeper, nudge
from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.failure import place_of
from actors.domain.errors import WireError
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge
from storage import calls

SUBJECTS = (sweeping.SALES, sweeping.CREDIT_NOTES, CENSUS, hooks.WATCH, hooks.APPLY)


class CensusActor(Actor):
    """Handles nudges to read a list on, to go on counting, or to look after the webhooks."""

    flow = Flow.CENSUS
    standing = True

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        sales: SalesList,
        orders: OrderCount,
        rules: CensusRules,
        posting: PostingRules,
    ) -> None:
        # One place for each subject: none waits while another waits for its turn at Cin7.
        super().__init__(surroundings, concurrency=len(SUBJECTS), capacity=len(SUBJECTS))
        self.rules = rules
        self.sweeper = SaleSweeper(surroundings, sales=sales, rules=rules)
        self.census = Census(surroundings, sales=sales, orders=orders, rules=rules, posting=posting)
        self.hooks = HookKeeper(surroundings, sales=sales, rules=rules)

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What keeps the lists read and the counts taken. Webhooks of a door that was closed are looked at once."""
        return tuple(nudge(subject, now) for subject in SUBJECTS if subject != hooks.APPLY)

    async def handle(self, envelope: Envelope) -> Outcome:
        """Take one step of what the subject names."""
        subject = envelope.subject
        if subject in (sweeping.SALES, sweeping.CREDIT_NOTES):
            return await self.sweeper.sweep(subject)
        if subject == CENSUS:
            return await self.census.step()
        if subject in (hooks.WATCH, hooks.APPLY):
            return await self.hooks.keep(subject)
        return Done()

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant) -> None:
        """A write that was certainly not executed leaves nothing; one that broke off may stand: the list will tell."""
        if isinstance(error, WireError):
            calls.settle(connection, error.call_id, "refused", detail=error.reason)
            return
        if envelope.subject in (hooks.WATCH, hooks.APPLY):
            for write in calls.open_writes(connection):
                if write.purpose in hooks.WRITES:
                    calls.settle(connection, write.call_id, "unknown", detail=place_of(error))
