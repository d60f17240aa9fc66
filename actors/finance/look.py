"""One look at the books of one order: both sides held against each other, what differs told, and one thing posted.

The order is read in commercetools; the sale in Cin7 Core only where something moved that nobody has read, or a posting
is in doubt. What Cin7 answers to a posting is its read-back, so that a whole life costs no reading of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec

from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.core.unleased import wait_for_lease
from actors.domain import returning
from actors.domain.errors import Missing, Rejected
from actors.domain.order import Order
from actors.domain.patching import sold_as
from actors.domain.posting import PostingRules
from actors.domain.returning import Refund
from actors.domain.tendering import money_of
from actors.domain.time import Instant
from actors.finance import case as cases
from actors.finance.case import Case, Subject
from actors.finance.deciding import REFUSED, Plan, decide
from actors.finance.doubting import Resolved, inherited_from, resolve
from actors.finance.entering import lines
from actors.finance.ports import Ledger, Storefront
from actors.finance.poster import Poster
from actors.finance.rules import FinanceRules
from actors.finance.telling import tell, tell_over
from actors.messages import Flow
from storage import books, flows, fulfilments, timeline
from storage.books import NEXT, Shown


class Looker(Ruled[FinanceRules]):
    """Looks at the books of orders."""

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
        self._around = surroundings
        self._storefront = storefront
        self._ledger = ledger
        super().__init__(rules)
        self._posting = posting
        self._may_write = may_write
        self._poster = Poster(surroundings, ledger=ledger, rules=rules.current)

    async def look(self, order_id: str) -> Outcome:
        """Bring the books of one order to where they can be now."""
        began = self._around.clock.now()
        subject, zone = await self._around.database.read(
            lambda connection: (cases.load(connection, order_id), cases.zone_in(connection, self._posting.current))
        )
        if subject is None:
            return Done()
        if zone is None:
            return Later(due_at=began + self._rules.unreadable, reason="the zone of the books is not known")
        if subject.books.step == NEXT and not self._rules.shadow and not self._may_write():
            # Not even read: a second daemon would ask for every order that is to be posted again and again.
            return wait_for_lease(began, self._may_write)
        wait = self._wait_for(subject, began)
        if wait is not None:
            return wait
        try:
            read = await self._storefront.read_order(order_id)
        except Missing:
            return Done(unit=_over(subject, began))
        except Rejected as error:
            # The orders flow tells of an order nobody can read, and clears it once it can be read.
            return Later(due_at=began + self._rules.unreadable, reason=error.reason)
        order = sold_as(read.order, subject.aliases)
        if not self._has_to_be_read(subject, began):
            outcome = await self._judge(subject, order, subject.books.shown, zone, began, fresh=False)
            if outcome is not None:
                return outcome
        try:
            view = await self._ledger.read_books(subject.sale.sale_id, subject=order_id)
        except Missing:
            return Done(unit=_over(subject, began))  # the census tells of a sale that is gone
        outcome = await self._judge(subject, order, books.shown_of(view), zone, began, fresh=True)
        assert outcome is not None  # noqa: S101 -- what was read needs no reading
        return outcome

    def _wait_for(self, subject: Subject, now: Instant) -> Later | None:
        """Nothing is looked for before a posting in doubt can have been executed, and the list had time to show it."""
        inherited = inherited_from(subject, self._rules)
        if inherited is not None and now < inherited:
            return Later(due_at=inherited, reason="older than this file: its sale is read first")
        for one in subject.doubts:
            due = max(one.doubt_until or 0, one.looked_at or 0) + self._rules.quiet
            if now < due:
                return Later(due_at=due, reason="a posting is in doubt")
        return None

    def _has_to_be_read(self, subject: Subject, now: Instant) -> bool:
        kept = subject.books
        never = kept.read_at is None and kept.posted_at is None
        moved = subject.moved_from is not None and subject.moved_from <= now
        inherited = inherited_from(subject, self._rules) is not None
        return never or inherited or kept.sold is None or kept.told_at is not None or moved or bool(subject.doubts)

    def _wait_on(self, subject: Subject, shown: Shown, resolved: Resolved, began: Instant) -> Later:
        """Keep what a look for postings in doubt found; another look follows, at once where nothing is left open."""
        due = began + self._rules.quiet if resolved.left else began

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            _keep_reading(connection, subject, shown, began)
            resolved.write(connection, now)

        return Later(due_at=due, reason="a posting is in doubt" if resolved.left else "looked for", unit=unit)

    async def _judge(
        self, subject: Subject, order: Order, shown: Shown, zone: ZoneInfo, began: Instant, *, fresh: bool
    ) -> Outcome | None:
        """Judge by what is shown; None: something is to be posted, and the sale moved: it has to be read before."""
        resolved = resolve(subject, shown, self._rules, began)
        if subject.doubts and (resolved.left or resolved.gone):
            return self._wait_on(subject, shown, resolved, began)
        known = await self._around.database.read(lambda connection: cases.knowledge(connection, order))
        refunds = _refunds(order, shown, subject.refunds, fresh=fresh)
        subject = msgspec.structs.replace(subject, postings=resolved.postings)
        case = cases.build(subject, order, shown, known, self._posting.current, refunds=refunds, zone=zone, now=began)
        if case is None:
            return Done(unit=_over(subject, began))
        plan = decide(case, self._rules, began)
        if plan.draw is not None and not fresh and _has_moved(subject, began):
            return None
        rests_until = subject.rests_until
        if plan.draw is not None and rests_until is not None and rests_until > began:
            resting = msgspec.structs.replace(plan, step=REFUSED, draw=None)
            settle = self._settle(case, resting, resolved, began, fresh=fresh)
            return Later(due_at=rests_until, reason="refused a while ago", unit=settle)
        settle = self._settle(case, plan, resolved, began, fresh=fresh)
        if plan.draw is None:
            return self._done(case, settle, began)
        if self._rules.shadow:
            return self._would(case, plan, settle, began)
        if not self._may_write():
            return wait_for_lease(began, self._may_write, settle)
        return await self._poster.post(case, plan.draw, settle)

    def _done(self, case: Case, settle: Callable[[sqlite3.Connection, Instant], None], now: Instant) -> Outcome:
        """What the list shows unexplained is read when it has lain still."""
        later = case.subject.moved_from
        if later is not None and later > now:
            return Later(due_at=later, reason="something moved a moment ago", unit=settle)
        return Done(unit=settle)

    def _would(
        self, case: Case, plan: Plan, settle: Callable[[sqlite3.Connection, Instant], None], now: Instant
    ) -> Outcome:
        """In shadow mode: what would have been posted is a line of the timeline, once."""
        key = plan.draw.key if plan.draw is not None else ""
        done = self._done(case, settle, now)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            settle(connection, at)
            said = any(
                line.what == "would post" and line.detail.get("key") == key
                for line in timeline.of_order(connection, case.order.id)
            )
            if not said:
                timeline.note(connection, case.order.id, "would post", now=at, key=key)

        return msgspec.structs.replace(done, unit=unit)

    def _settle(
        self, case: Case, plan: Plan, resolved: Resolved, began: Instant, *, fresh: bool
    ) -> Callable[[sqlite3.Connection, Instant], None]:
        """Write what the look found: the figures of both sides, what differs, the verdict, and what people are told."""
        subject, order = case.subject, case.order
        entered = lines(order, case.ordered, case.sold, case.documents(), case.refunds, day=case.day, zone=case.zone)
        verified = plan.agrees and not resolved.left

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            resolved.write(connection, now)
            if subject.books.sold is None or subject.books.ordered != case.ordered:
                books.keep_bases(connection, order.id, case.ordered, case.sold, day=case.day.isoformat())
            if fresh:
                _keep_reading(connection, subject, case.shown, began)
            books.enter(connection, order.id, entered, now=now, verified=verified)
            books.put_discrepancies(connection, order.id, plan.found, now=now)
            books.looked(
                connection,
                order.id,
                looked_from=began,
                now=now,
                moved=money_of(order),
                verdict="agrees" if plan.agrees else "differs",
                step=plan.step,
            )
            for refund in case.refunds:
                fulfilments.put_refund(connection, order.id, refund, now=now)
            tell(connection, case, plan, now)
            clear_connection(connection, "commercetools", "read_order", now=now)
            flows.succeeded(connection, Flow.FINANCE, now=now)

        return unit


def _keep_reading(connection: sqlite3.Connection, subject: Subject, shown: Shown, read_at: Instant) -> None:
    """Keep how the sale was read, unless it was read again meanwhile: that one is news, and a look at it follows."""
    kept = books.get(connection, subject.record.id)
    if kept is not None and (kept.read_at or 0) < read_at:
        books.show(connection, subject.record.id, shown, read_at=read_at)


def _has_moved(subject: Subject, now: Instant) -> bool:
    """Say whether the list shows of the sale what nobody has read, and not merely our own posting of a moment ago."""
    kept = subject.books
    known_at = max(kept.read_at or 0, kept.posted_at or 0)
    return subject.moved_from is not None and now > known_at + books.CLOCK_SLACK


def _refunds(order: Order, shown: Shown, known: tuple[Refund, ...], *, fresh: bool) -> tuple[Refund, ...]:
    """Return the order's refunds with the notes that name them: as read now, else as known from before."""
    before = {one.transaction_id: one.credit_note for one in known}
    if fresh:
        return returning.refunds(order, shown.notes, known)
    found = returning.refunds(order, shown.notes, known)
    return tuple(
        one if one.credit_note is not None else msgspec.structs.replace(one, credit_note=before.get(one.transaction_id))
        for one in found
    )


def _over(subject: Subject, began: Instant) -> Callable[[sqlite3.Connection, Instant], None]:
    """There is nothing to hold against anything: keep that what was told until now was looked into."""
    kept = subject.books

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        books.looked(
            connection,
            subject.record.id,
            looked_from=began,
            now=now,
            moved=kept.moved,
            verdict=kept.verdict,
            step="",
        )
        tell_over(connection, kept, now)

    return unit
