"""Reads Cin7 Core's availability: the whole list, page by page, and single SKUs by name.

The list has no modified-since, may move while it is read, and may leave out rows of zero (Cin7 fact sheet §4). A SKU's
figure is taken over as soon as every row of it that was known is met; what a pass has not met counts as gone only after
a pass whose rows add up, and a SKU that is on sale is asked for by name before. Every page is a message of its own, so
a kill costs one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC

import msgspec

from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.availability import Reading, StockPage
from actors.domain.errors import Limited, Transient
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind
from actors.domain.time import Instant, date_in_zone
from actors.messages import Flow, Nudge
from actors.stock.assessing import PROGRESS, Case
from actors.stock.ports import Availability
from actors.stock.publishing import READ, most_zeros, sku_nudge
from actors.stock.rules import StockRules
from actors.stock.settling import assess_all, related, settle
from storage import availability, entries, exceptions, facts, flows, meta, outbox, stock
from storage.exceptions import Record

LIST = "list"
ASSESS = "assess"
"""Subjects: the reading of the whole list; the assessment of every SKU after the first one."""

ASSESSED = "stock_assessed"

SOME = 300
"""SKUs that are settled in one unit of work."""

SELLING = 3_600_000
"""Milliseconds of orders that say how fast a SKU sells."""

MOST_RERUNS = 2
NO_ANSWER_AGAIN = 2_000
PRODUCTS_WAIT = 5_000

STOCK = Record(kind="flow", id="stock")


class Progress(msgspec.Struct, kw_only=True):
    """How far the reading of the whole list is. `number` tells passes apart; `page` 0: between two of them.

    `met` and `total` count rows, `moved` whether the total changed or a row came twice. `missing`: the SKU after which
    those that were not met are gone through (None: not yet there). `whole_at`: when a pass last added up;
    `wholes`: how many did.
    """

    number: int = 0
    page: int = 0
    met: int = 0
    total: int = 0
    moved: bool = False
    missing: str | None = None
    gone: int = 0
    began_at: Instant = 0
    ended_at: Instant = 0
    whole_at: Instant = 0
    took: int = 0
    calls: int = 0
    rows: int = 0
    pages: int = 0
    reruns: int = 0
    wholes: int = 0


def progress_of(connection: sqlite3.Connection) -> Progress:
    """Return how far the reading of the whole list is."""
    known = meta.text(connection, PROGRESS)
    return msgspec.json.decode(known, type=Progress) if known else Progress()


def nudge(subject: str, due_at: Instant) -> Nudge:
    """Read on."""
    return Nudge(flow=Flow.STOCK, subject=subject, due_at=due_at)


class Reader(Ruled[StockRules]):
    """Handles the messages that read Cin7 Core."""

    def __init__(self, surroundings: Surroundings, *, book: Availability, rules: InForce[StockRules]) -> None:
        self._around = surroundings
        self._book = book
        super().__init__(rules)

    # -- the whole list ------------------------------------------------------------------------------------------------

    async def list_page(self) -> Outcome:
        """Read the next page, or go on with what the pass has not met."""
        progress = await self._around.database.read(progress_of)
        if progress.missing is not None:
            return await self._missing(progress)
        if progress.page == 0:
            progress = self._begin(progress)
        page = await self._book.stock_page(page=progress.page)
        touched = await self._around.database.run(lambda connection: self._keep(connection, progress, page))
        first = progress.whole_at == 0
        cases = [] if first else await assess_all(self._around, self._rules, touched)
        return self._advance(progress, page, cases)

    def _begin(self, before: Progress) -> Progress:
        return Progress(
            number=before.number + 1,
            page=1,
            began_at=self._around.clock.now(),
            ended_at=before.ended_at,
            whole_at=before.whole_at,
            took=before.took,
            reruns=before.reruns,
            rows=before.rows,
            pages=before.pages,
            wholes=before.wholes,
        )

    def _keep(self, connection: sqlite3.Connection, progress: Progress, page: StockPage) -> list[str]:
        """Store the rows of a page and the readings they complete; return the SKUs that have to be assessed."""
        number = progress.number
        progress.moved |= availability.repeated(connection, page.rows, number=number) > 0
        availability.store_rows(connection, page.rows, number=number, began_at=page.began_at, ended_at=page.ended_at)
        touched = []
        for sku in dict.fromkeys(row.sku for row in page.rows):
            if availability.unmet(connection, sku, number=number):
                continue
            if self._read(connection, sku, *availability.met_span(connection, sku, number=number)):
                touched.append(sku)
        return related(connection, touched)

    def _read(
        self, connection: sqlite3.Connection, sku: str, began_at: Instant, ended_at: Instant, *, named: bool = False
    ) -> bool:
        """Add the reading that the rows of a SKU make; say whether anything follows from it."""
        figures = availability.reading_now(connection, sku)
        today = date_in_zone(self._around.clock.now(), UTC)
        settled = availability.settled(connection, sku, figures, today=today)
        reading = Reading(began_at=began_at, ended_at=ended_at, figures=figures, named=named)
        availability.add_reading(connection, sku, reading, keep=self._rules.wanted)
        return not settled

    def _advance(self, progress: Progress, page: StockPage, cases: Sequence[Case]) -> Done:
        moved = progress.moved or (progress.page > 1 and page.total != progress.total)
        met, calls = progress.met + page.met, progress.calls + 1
        last = page.met == 0 or met >= page.total
        following = msgspec.structs.replace(
            progress, page=progress.page + 1, met=met, total=page.total, moved=moved, calls=calls
        )
        due_at = self._around.clock.now()
        if last:
            following, due_at = self._ended(following, whole=not moved and met == page.total)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            for one in settle(connection, self._rules, cases, now):
                outbox.accept(connection, one, now=now)
            keep(connection, following)
            if availability.asked(connection):
                outbox.accept(connection, nudge(READ, now), now=now)
            clear_connection(connection, "cin7", now=now)
            flows.succeeded(connection, Flow.STOCK, now=now)

        return Done(unit=unit, nudges=(nudge(LIST, due_at),))

    def _ended(self, progress: Progress, *, whole: bool) -> tuple[Progress, Instant]:
        """A pass is over: go through what it has not met if its rows add up, else read the list again soon."""
        now = self._around.clock.now()
        if whole:
            return msgspec.structs.replace(progress, missing=""), now
        again = progress.reruns < MOST_RERUNS
        following = msgspec.structs.replace(
            progress, page=0, ended_at=now, took=now - progress.began_at, reruns=progress.reruns + 1 if again else 0
        )
        self._around.log("stock.list_moved", level="info", rows=progress.met, total=progress.total)
        return following, now if again else self._next_pass(progress)

    def _next_pass(self, progress: Progress) -> Instant:
        return max(self._around.clock.now(), progress.began_at + self._rules.snapshot)

    # -- what a pass has not met ---------------------------------------------------------------------------------------

    async def _missing(self, progress: Progress) -> Outcome:
        """Go through some of the SKUs of which a whole pass has not met every row."""
        after, number = progress.missing or "", progress.number
        skus = await self._around.database.read(
            lambda connection: availability.missed_skus(connection, number=number, after=after, limit=SOME)
        )
        if not skus:
            return await self._conclude(progress)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            changed = [sku for sku in skus if self._not_met(connection, progress, sku, now)]
            keep(connection, msgspec.structs.replace(progress, missing=skus[-1], gone=progress.gone))
            for sku in related(connection, changed):
                outbox.accept(connection, sku_nudge(sku, now), now=now)

        return Done(unit=unit, nudges=(nudge(LIST, self._around.clock.now()),))

    def _not_met(self, connection: sqlite3.Connection, progress: Progress, sku: str, now: Instant) -> bool:
        """Take what is gone for gone; a SKU that is on sale and gone altogether is only marked, to be asked by name."""
        met = availability.has_met(connection, sku, number=progress.number)
        on_sale = any(entry.quantity > 0 for entry in entries.of_sku(connection, sku))
        if not met and on_sale:
            stock.hold_zero(connection, sku, number=progress.number, now=now)
            return False
        availability.drop_unmet(connection, sku, number=progress.number)
        # That something is not there is known of the whole pass, not of one page.
        return self._read(connection, sku, progress.began_at, self._around.clock.now())

    async def _conclude(self, progress: Progress) -> Done:
        """The pass is whole: judge what it would bring to zero, and ask by name for what is on sale and not listed."""
        now = self._around.clock.now()
        following = msgspec.structs.replace(
            progress,
            page=0,
            missing=None,
            ended_at=now,
            whole_at=now,
            took=now - progress.began_at,
            reruns=0,
            rows=progress.total,
            pages=progress.page - 1,
            wholes=progress.wholes + 1,
        )
        # Ledgers begin by several readings: at the very beginning nobody waits for the schedule.
        due_at = self._next_pass(progress) if following.wholes > self._rules.wanted else now
        first = progress.whole_at == 0

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            self._judge_zeros(connection, at)
            availability.renew_empty(connection, began_at=progress.began_at, ended_at=at)
            for sku in availability.never_read(connection, after="", limit=SOME):
                availability.ask(connection, sku, urgency=0, reason="not in the list", now=at)
            keep(connection, following)
            if first:
                meta.set_text(connection, ASSESSED, "")
                outbox.accept(connection, nudge(ASSESS, at), now=at)
            if availability.asked(connection):
                outbox.accept(connection, nudge(READ, at), now=at)

        return Done(unit=unit, nudges=(nudge(LIST, due_at),))

    def _judge_zeros(self, connection: sqlite3.Connection, now: Instant) -> None:
        held = stock.held_zeros(connection)
        most = most_zeros(connection, self._rules)
        if len(held) > most:
            exceptions.raise_finding(connection, STOCK, _too_many(held, most), now=now)
            return
        exceptions.clear(connection, STOCK, resolution="few enough go to zero", now=now, types=("stock_mass_zero",))
        number = progress_of(connection).number
        for sku in held:
            if availability.has_met(connection, sku, number=number):
                stock.confirm_zero(connection, sku)
                outbox.accept(connection, sku_nudge(sku, now), now=now)
            else:
                availability.ask(connection, sku, urgency=0, reason="missing from the list", now=now)

    # -- every SKU, once -----------------------------------------------------------------------------------------------

    async def assess_some(self) -> Outcome:
        """Assess every SKU, some at a time: after the first whole pass, and after every whole listing of entries."""
        if not await self._around.database.read(lambda connection: FactKind.PRODUCT in facts.lists(connection)):
            return Later(due_at=self._around.clock.now() + PRODUCTS_WAIT, reason="the products are not known yet")
        after = await self._around.database.read(lambda connection: meta.text(connection, ASSESSED))
        skus = await self._around.database.read(
            lambda connection: availability.read_skus(connection, after=after, limit=SOME)
        )
        cases = await assess_all(self._around, self._rules, skus)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            for one in settle(connection, self._rules, cases, now):
                outbox.accept(connection, one, now=now)
            meta.set_text(connection, ASSESSED, skus[-1] if skus else "")
            if availability.asked(connection):
                outbox.accept(connection, nudge(READ, now), now=now)

        more = (nudge(ASSESS, self._around.clock.now()),) if len(skus) == SOME else ()
        return Done(unit=unit, nudges=more)

    # -- by name -------------------------------------------------------------------------------------------------------

    async def read_one(self) -> Outcome:
        """Read the SKU that waits first."""
        since = self._around.clock.now() - SELLING
        asked = await self._around.database.read(
            lambda connection: availability.next_asked(connection, sold_since=since)
        )
        if asked is None:
            return Done()
        sku = asked.sku
        try:
            page = await self._book.stock_of(sku)
        except Limited:
            raise
        except Transient as error:
            due_at = self._around.clock.now() + NO_ANSWER_AGAIN
            return Later(
                due_at=due_at,
                reason=error.reason,
                unit=lambda connection, now: availability.unanswered(connection, sku),
            )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            number = progress_of(connection).number
            availability.drop_rows(connection, sku)
            span = {"began_at": page.began_at, "ended_at": page.ended_at}
            availability.store_rows(connection, page.rows, number=availability.MINUS * number, **span)
            self._read(connection, sku, page.began_at, page.ended_at, named=True)
            availability.answered(connection, sku)
            for one in related(connection, [sku]):
                outbox.accept(connection, sku_nudge(one, now), now=now)
            if availability.asked(connection):
                outbox.accept(connection, nudge(READ, now), now=now)
            clear_connection(connection, "cin7", now=now)

        return Done(unit=unit)


def keep(connection: sqlite3.Connection, progress: Progress) -> None:
    """Write down how far the reading is."""
    meta.set_text(connection, PROGRESS, msgspec.json.encode(progress).decode())


def _too_many(held: Sequence[str], most: int) -> Finding:
    return Finding(
        code="stock_mass_zero",
        cause=f"The list of Cin7 Core shows none of {len(held)} SKUs that are on sale; at most {most} may go to zero in"
        f" one reading. They stay as they are: {', '.join(held[:10])}{', …' if len(held) > 10 else ''}",
        facts={"skus": str(len(held)), "most": str(most), "first": ", ".join(held[:50])},
    )
