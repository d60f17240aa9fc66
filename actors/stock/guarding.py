"""The guards that look every few seconds: figures that grow old, entries never at rest, blocks that end."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Surroundings
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.exception_types import Finding
from actors.domain.ledger import Step, Waits
from actors.domain.time import Instant, format_instant
from actors.messages import Nudge
from actors.stock.assessing import Case, outlook
from actors.stock.publishing import READ, record_of, sku_nudge
from actors.stock.reading import STOCK, nudge
from actors.stock.rules import StockRules
from actors.stock.settling import assess_all, settle
from storage import availability, entries, exceptions, outbox, stock
from storage.stop_sell import sell_again

ATTEND = "attend"

EVERY = 15_000
"""Milliseconds between two looks."""

SOME = 300

WAITING = (Waits.MARK.value, Waits.QUIET.value, Waits.READING.value)


class Guard(Ruled[StockRules]):
    """Handles the message that attends to what waits for time."""

    def __init__(self, surroundings: Surroundings, *, rules: InForce[StockRules]) -> None:
        self._around = surroundings
        super().__init__(rules)
        #: After which SKU the next look begins: those that never come to rest keep nobody else waiting.
        self._after = ""

    async def attend(self) -> Done:
        """Look at what waits, at what grew old, and at blocks that are over."""
        now = self._around.clock.now()
        skus = await self._around.database.read(lambda connection: self._waiting(connection, now))
        # Going through every reading takes a while: not on the writer.
        old = await self._around.database.read(lambda connection: self._old(connection, now))
        cases = await assess_all(self._around, self._rules, skus)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            nudges = settle(connection, self._rules, cases, at)
            nudges += self._end_blocks(connection, at)
            nudges += self._tell_old(connection, old, at)
            self._tell_untrued(connection, cases, at)
            entries.prune_history(connection, before=at - self._rules.retain)
            if availability.asked(connection):
                nudges.append(nudge(READ, at))
            for one in nudges:
                outbox.accept(connection, one, now=at)

        return Done(unit=unit, nudges=(nudge(ATTEND, now + EVERY),))

    def _waiting(self, connection: sqlite3.Connection, now: Instant) -> list[str]:
        before = now - self._rules.trueup_max // 4
        waiting = entries.waiting(connection, WAITING, untrued_before=before, after=self._after, limit=SOME)
        self._after = waiting[-1] if len(waiting) == SOME else ""
        return waiting

    def _end_blocks(self, connection: sqlite3.Connection, now: Instant) -> list[Nudge]:
        over = stock.expired_blocks(connection, now=now)
        for sku in over:
            sell_again(connection, sku)
        return [sku_nudge(sku, now) for sku in over]

    def _old(self, connection: sqlite3.Connection, now: Instant) -> tuple[Finding, list[str]] | None:
        """Return what to tell of figures that are too old, one exception for all of them, and the oldest SKUs."""
        limit = outlook(connection, self._rules, now=now).stale_after
        count, oldest = availability.count_older(connection, now - limit)
        if not count:
            return None
        first = availability.older_than(connection, now - limit, limit=SOME)
        finding = Finding(
            code="stock_stale",
            cause=f"Cin7 Core's figures of {count} SKUs are older than {limit // 1000} s; the oldest is of"
            f" {format_instant(oldest)}. Published is: {_POLICIES[self._rules.stale_policy]}.",
            facts={"skus": str(count), "first": ", ".join(first[:20]), "policy": self._rules.stale_policy},
        )
        return finding, first

    def _tell_old(
        self, connection: sqlite3.Connection, old: tuple[Finding, list[str]] | None, now: Instant
    ) -> list[Nudge]:
        """What is published of an old figure is a setting."""
        if old is None:
            exceptions.clear(connection, STOCK, resolution="every SKU was read", now=now, types=("stock_stale",))
            return []
        finding, skus = old
        exceptions.raise_finding(connection, STOCK, finding, now=now)
        if self._rules.stale_policy == "keep":
            return []
        return [sku_nudge(sku, now) for sku in skus]

    def _tell_untrued(self, connection: sqlite3.Connection, cases: list[Case], now: Instant) -> None:
        for case in cases:
            since = _untrued_since(case)
            if since is None or now - since < self._rules.trueup_max or case.decision.step is Step.RESTART:
                continue
            sold = case.question.taken if case.question is not None else 0
            finding = Finding(
                code="stock_untrued",
                cause=f"The entry of {case.sku} was last trued up at {format_instant(since)} and was never at rest"
                f" since. A change by hand of up to {sold} units would not have been noticed.",
                field=case.channel,
                sku=case.sku,
                facts={"since": format_instant(since), "bound": str(sold), "channel": case.channel},
                group="stock_untrued",
            )
            exceptions.raise_finding(connection, record_of(case.sku), finding, now=now)


_POLICIES = {
    "keep": "what stands there, less what is sold",
    "zero": "0",
    "buffer": "less, by [stock] stale_buffer",
}


def _untrued_since(case: Case) -> Instant | None:
    """Return since when an entry waits to be trued up, where orders were taken off it meanwhile."""
    if case.record is None or case.record.put is None or case.question is None or not case.question.taken:
        return None
    return case.record.trued_at
