"""The stock flow: reads what there is, decides what may be sold, and publishes the difference (law L4).

One message is about one SKU (`sku:…`), or is one step of something that goes on for ever: the reading of Cin7 Core's
whole list, the SKUs that are asked for by name, the listing of commercetools' entries, the guards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.failure import place_of
from actors.core.rules_in_force import InForce
from actors.domain.errors import WireError
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge
from actors.stock.guarding import ATTEND, Guard
from actors.stock.ports import Availability, Shelves
from actors.stock.publishing import READ, SKU, Publisher, sku_nudge
from actors.stock.reading import ASSESS, LIST, Reader, nudge
from actors.stock.rules import StockRules
from actors.stock.watching import ALL, CHANGED, Watcher
from storage import calls, entries

STANDING = (LIST, READ, ALL, CHANGED, ATTEND)
"""What the flow lives on: set aside by nothing."""

ANSWER_SECONDS = 60
"""How long a write that broke off may still be executed."""


class StockActor(Actor):
    """Handles nudges about stock."""

    flow = Flow.STOCK
    standing = True

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        book: Availability,
        shelves: Shelves,
        rules: InForce[StockRules],
        may_write: Callable[[], bool],
    ) -> None:
        # The reading of the list and of a SKU by name wait for turns: they hold no place of those that publish.
        places = rules.current.concurrency + len(STANDING)
        super().__init__(surroundings, concurrency=places, capacity=places)
        self.rules = rules
        self.reader = Reader(surroundings, book=book, rules=rules)
        self.watcher = Watcher(surroundings, shelves=shelves, rules=rules)
        self.guard = Guard(surroundings, rules=rules)
        self.publisher = Publisher(surroundings, shelves=shelves, rules=rules, may_write=may_write)
        self._steps: dict[str, Callable[[], Awaitable[Outcome]]] = {
            LIST: self.reader.list_page,
            READ: self.reader.read_one,
            ASSESS: self.reader.assess_some,
            ALL: self.watcher.list_page,
            CHANGED: self.watcher.changes,
            ATTEND: self.guard.attend,
        }

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts everything that goes on for ever; what is under way goes on where it was."""
        if not self.rules.current.enabled:
            return ()
        return tuple(nudge(subject, now) for subject in STANDING)

    async def handle(self, envelope: Envelope) -> Outcome:
        """Take one step."""
        if not self.rules.current.enabled:
            return Done()
        subject = envelope.subject
        if subject.startswith(SKU):
            return await self.publisher.publish(subject.removeprefix(SKU))
        step = self._steps.get(subject)
        return await step() if step is not None else Done()

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant) -> None:
        """A write that was certainly not executed leaves nothing; one that broke off may stand."""
        sku = envelope.subject.removeprefix(SKU)
        for entry in entries.of_sku(connection, sku):
            if entry.pending_call is None:
                continue
            if isinstance(error, WireError) and error.call_id == entry.pending_call:
                calls.settle(connection, entry.pending_call, "refused", detail=error.reason)
                entries.forget_intent(connection, sku, entry.channel)
            else:
                calls.settle(connection, entry.pending_call, "unknown", detail=place_of(error))
                entries.doubt(connection, sku, entry.channel, until=now + ANSWER_SECONDS * 1000)


def doubt_writes(connection: sqlite3.Connection, *, now: Instant) -> list[Nudge]:
    """At a start: what was on the wire when the process ended may stand or not. Return the looks that follow."""
    until = now + ANSWER_SECONDS * 1000
    return [sku_nudge(sku, until) for sku in entries.doubt_all(connection, until=until)]
