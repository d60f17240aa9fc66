"""The finance flow: every order held against its sale and its documents, and what agrees posted once (laws L2, L5).

A message is about one order; or it goes through all books once in a while, for what a kill or a pause left behind, for
what the list shows and nobody has read, and for tax rules that were changed after sales were posted with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from actors.core.actor import Done, Outcome, Surroundings
from actors.core.attending import AttendingActor
from actors.core.failure import place_of
from actors.core.rules_in_force import InForce
from actors.domain.calls import POSTINGS
from actors.domain.errors import WireError
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.finance.look import Looker
from actors.finance.ports import Ledger, Storefront
from actors.finance.rules import FinanceRules
from actors.finance.ruling import tell_tax_rules
from actors.messages import Envelope, Flow, Nudge, Urgency
from storage import books, calls, cursors, flows, meta, outbox
from storage.cursors import Cursor

SOME = 1_000
"""Books gone through in one commit."""

ATTEND_CURSOR = "finance:attend"
"""Cursor in the file: the order up to which all books were gone through."""

AT_START = "finance:at_start"
"""Counter in the file: 1 while all books are gone through for the first time since the daemon started."""


class FinanceActor(AttendingActor):
    """Handles nudges to look at the books of an order."""

    flow = Flow.FINANCE

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        storefront: Storefront,
        ledger: Ledger,
        rules: InForce[FinanceRules],
        posting: InForce[PostingRules],
        may_write: Callable[[], bool],
    ) -> None:
        super().__init__(surroundings, enabled=rules.current.enabled, concurrency=rules.current.concurrency)
        self.rules = rules
        self.looker = Looker(
            surroundings, storefront=storefront, ledger=ledger, rules=rules, posting=posting, may_write=may_write
        )

    async def look(self, order_id: str) -> Outcome:
        """Look at one order."""
        return await self.looker.look(order_id)

    async def attend(self) -> Done:
        """Go through some books; then through those after them, and after the last ones rest."""

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            place = cursors.get(connection, ATTEND_CURSOR)
            after = place.after_id if place is not None else ""
            at_start = bool(meta.counter(connection, AT_START))
            if not after:
                tell_tax_rules(connection, now=at)
            found, end = books.behind(
                connection, after=after, limit=SOME, waiting=at_start, overdue=at - self.rules.current.overdue
            )
            for order_id, sale_id, currency in books.unopened(connection, after=after, until=end, limit=SOME):
                books.begin(connection, order_id, sale_id, currency)
                found.append(order_id)
            for order_id in found:
                # Behind what moves now: after a long pause, or the first start with this flow, there may be very many.
                outbox.accept(connection, books.nudge(order_id, at, Urgency.FRESH), now=at)
            cursors.put(connection, ATTEND_CURSOR, Cursor(at=at, after_id=end), now=at)
            outbox.accept(connection, self.attendance(at if end else at + self.rules.current.attend), now=at)
            if not end:
                meta.set_counter(connection, AT_START, 0)
            flows.succeeded(connection, Flow.FINANCE, now=at)

        return Done(unit=unit)

    def undo(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant) -> None:
        """A posting that was certainly not executed leaves nothing; one that broke off may stand: it is looked for."""
        if isinstance(error, WireError):
            if error.call_id is not None:
                calls.settle(connection, error.call_id, "refused", detail=error.reason)
                books.forget_intended(connection, envelope.subject)
            return
        for write in calls.open_writes(connection):
            if write.purpose in POSTINGS and write.subject == envelope.subject:
                calls.settle(connection, write.call_id, "unknown", detail=place_of(error))
        # It may have broken off with its request on the way.
        books.doubt_intended(connection, until=now + self.rules.current.timeout, order_id=envelope.subject)


def doubt_postings(connection: sqlite3.Connection, *, timeout: int, now: Instant) -> list[Nudge]:
    """At a start: postings without an outcome may stand or not. Return the looks that follow.

    `timeout` is how long, in milliseconds, a request that left may still be executed.
    """
    meta.set_counter(connection, AT_START, 1)
    cursors.put(connection, ATTEND_CURSOR, Cursor(at=now), now=now)
    for write in calls.open_writes(connection):
        if write.purpose in POSTINGS:
            calls.settle(connection, write.call_id, "unknown", detail="no answer was recorded")
    return [
        books.nudge(order_id, now) for order_id in books.doubt_intended(connection, until=now + timeout, order_id=None)
    ]
