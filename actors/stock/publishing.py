"""Publishes one SKU: takes the next step of one of its entries, with at most one remote write.

Only differences are written, under version check. A conflict means that somebody bought: the entry is read and assessed
anew, never the same figure sent again. The ledger moves in the commit of the outcome, by what was really written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.core.retry import UNAUTHORISED_SECONDS
from actors.core.rules_in_force import InForce, Ruled
from actors.core.unleased import wait_for_lease
from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Missing, Rejected, Unauthorised, WireError
from actors.domain.exception_types import Finding
from actors.domain.inventory import Entry
from actors.domain.ledger import Decision, Question, Step, Waits, base_of, prunable
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge
from actors.stock.assessing import Case, assess, outlook
from actors.stock.ports import Shelves
from actors.stock.rules import StockRules
from storage import availability, calls, demand, entries, exceptions, flows, outbox, stock
from storage.exceptions import Record

SKU = "sku:"
"""What messages about one SKU begin with."""

READ = "read"
"""The subject of the message that reads SKUs by name."""

MOST_CONFLICTS = 10
"""Conflicts in a row after which an entry lets others go first."""

YIELD = 5_000
REFUSED_AGAIN = 900_000
"""Milliseconds: after so many conflicts; after a refusal."""

SHORT_QUEUE = 20
"""So many new SKUs are asked for by name although the next pass brings them too."""

READS = (Purpose.CT_LIST_INVENTORY.operation, Purpose.CT_READ_ENTRY.operation)
WRITES = (Purpose.CT_WRITE_ENTRY.operation, Purpose.CT_CREATE_ENTRY.operation)
"""An answer to one of these proves the way and the scope of its like."""

OF_A_STEP = {Step.CREATE: Purpose.CT_CREATE_ENTRY}


def sku_nudge(sku: str, due_at: Instant) -> Nudge:
    """Look at a SKU."""
    return Nudge(flow=Flow.STOCK, subject=SKU + sku, due_at=due_at)


def record_of(sku: str) -> Record:
    """Name a SKU as what an exception is about."""
    return Record(kind="sku", id=sku)


class OvertakenError(Exception):
    """Something was heard of between a decision and its intent: nothing was sent, and it is decided anew."""


class Publisher(Ruled[StockRules]):
    """Handles messages about one SKU."""

    def __init__(
        self, surroundings: Surroundings, *, shelves: Shelves, rules: InForce[StockRules], may_write: Callable[[], bool]
    ) -> None:
        self._around = surroundings
        self._shelves = shelves
        super().__init__(rules)
        self._may_write = may_write
        #: Conflicts since this process began.
        self.conflicts = 0
        self._refused_until: Instant = 0

    async def publish(self, sku: str) -> Outcome:
        """Take the next step; where there is none, keep what is waited for."""
        now = self._around.clock.now()
        if now < self._refused_until:
            return Later(due_at=self._refused_until, reason="credentials were refused")
        if not self._rules.shadow and not self._may_write():
            return wait_for_lease(now, self._may_write)
        for _ in range(MOST_CONFLICTS):
            cases = await self._assess(sku)
            case = next((case for case in cases if case.acts and not self._put_off(case)), None)
            if case is None:
                return Done(unit=self._rested(cases))
            outcome = await self._act(case)
            if outcome is not None:
                return outcome
        return self._yielded(sku)

    def _put_off(self, case: Case) -> bool:
        """In shadow mode nothing is written; a would-have is noted when the SKU comes to rest."""
        return self._rules.shadow and not case.unseen and case.decision.step is not Step.RESTART

    async def _assess(self, sku: str) -> list[Case]:
        now = self._around.clock.now()

        def read(connection: sqlite3.Connection) -> list[Case]:
            return assess(connection, self._rules, sku, outlook(connection, self._rules, now=now))

        return await self._around.database.read(read)

    async def _act(self, case: Case) -> Outcome | None:
        """Do what a case calls for; None: it has to be assessed again."""
        if case.unseen:
            await self._look(case)
            return None
        if case.decision.step is Step.RESTART:
            await self._around.database.run(lambda connection: restart(connection, case, self._around.clock.now()))
            return None
        return await self._write(case)

    # -- reading the entry ---------------------------------------------------------------------------------------------

    async def _look(self, case: Case) -> None:
        """Read the entry, or find out that there is none."""
        found, absent_from = await self._find(case)

        def unit(connection: sqlite3.Connection) -> None:
            now = self._around.clock.now()
            if found is None:
                entries.absent(connection, case.sku, case.channel, read_from=absent_from, read_at=now)
            else:
                see(connection, found, now)
                entries.reread(connection, case.sku, case.channel)
            clear_connection(connection, "commercetools", *READS, now=now)

        await self._around.database.run(unit)

    async def _find(self, case: Case) -> tuple[Entry | None, Instant]:
        began = self._around.clock.now()
        if case.record is not None and case.record.entry_id is not None:
            try:
                return await self._shelves.read_entry(case.record.entry_id), began
            except Missing:
                pass  # deleted: perhaps made anew by somebody
        listed = await self._shelves.entries_of(case.sku)
        return next((entry for entry in listed if entry.channel == case.channel), None), began

    # -- writing it ----------------------------------------------------------------------------------------------------

    async def _write(self, case: Case) -> Outcome | None:
        purpose = OF_A_STEP.get(case.decision.step, Purpose.CT_WRITE_ENTRY)
        intent = Intent(purpose, beside=self._intended(case))
        try:
            written = await self._send(case, intent)
        except OvertakenError:
            return None
        except (Conflict, Missing) as error:
            await self._conflicted(case, intent, error)
            return None
        except InDoubt as error:
            return self._doubted(case, intent, error)
        except Rejected as error:
            if "DuplicateField" in f"{error.reason} {error.detail}":
                await self._conflicted(case, intent, error)
                return None
            return self._refused(case, intent, error)
        except WireError as error:
            error.call_id = intent.call_id
            if isinstance(error, Unauthorised):
                # One SKU asks now and then: thousands that are refused would tell nothing more.
                self._refused_until = self._around.clock.now() + int(UNAUTHORISED_SECONDS * 1000)
            raise
        return self._written(case, intent, written)

    async def _conflicted(self, case: Case, intent: Intent, error: WireError) -> None:
        """Nothing was written: read the entry, and assess it anew."""
        self.conflicts += 1
        reason = error.reason

        def unit(connection: sqlite3.Connection) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=reason)
            entries.forget_intent(connection, case.sku, case.channel)
            entries.conflict(connection, case.sku, case.channel, 1)

        await self._around.database.run(unit)
        await self._look(case)

    def _intended(self, case: Case) -> Callable[[sqlite3.Connection, int], None]:
        def beside(connection: sqlite3.Connection, call_id: int) -> None:
            if not self._stands(connection, case):
                raise OvertakenError
            if case.record is None:
                shelf = _question(case).shelf
                entries.absent(connection, case.sku, case.channel, read_from=shelf.read_from, read_at=shelf.read_at)
            quantity = case.decision.quantity if case.decision.writes else None
            stands = case.record.quantity if case.record is not None else 0
            entries.intend(connection, case.sku, case.channel, quantity if quantity is not None else stands, call_id)

        return beside

    def _stands(self, connection: sqlite3.Connection, case: Case) -> bool:
        """Say whether the same would be decided now: an order whose units nobody takes off counts once it is seen."""
        view = outlook(connection, self._rules, now=self._around.clock.now())
        again = assess(connection, self._rules, case.sku, view)
        return any(one.channel == case.channel and one.decision == case.decision for one in again)

    async def _send(self, case: Case, intent: Intent) -> Entry:
        quantity = case.decision.quantity if case.decision.writes else None
        record = case.record
        if record is None or record.entry_id is None:
            return await self._shelves.create_entry(
                case.sku, case.channel, quantity=quantity or 0, delivery=case.delivery, intent=intent
            )
        known = Entry(
            id=record.entry_id,
            sku=record.sku,
            channel=record.channel,
            version=record.version,
            quantity=record.quantity,
            modified_at=record.read_at,
            read_from=record.read_from,
            read_at=record.read_at,
            expected_delivery=record.expected_delivery,
        )
        return await self._shelves.write_entry(known, quantity=quantity, delivery=case.delivery, intent=intent)

    def _written(self, case: Case, intent: Intent, written: Entry) -> Done:
        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "done")
            before = _question(case).shelf.quantity
            settled = case.decision.step in (Step.TRUE_UP, Step.CREATE)
            if settled:
                _tell_drift(connection, case, written.quantity, now)
                begin_anew(connection, case, written.quantity, now)
            else:
                entries.move_put(connection, case.sku, case.channel, written.quantity - (before or 0))
            step = case.decision.step.value if case.decision.writes else "date"
            explanation = msgspec.json.encode(case.sum).decode()
            entries.published(connection, written, step=step, before=before, explanation=explanation, now=now)
            entries.wait(connection, case.sku, case.channel, "", now=now)
            record = record_of(case.sku)
            clear = ("stock_refused", *(("stock_edited", "stock_untrued") if settled else ()))
            exceptions.clear(
                connection, record, resolution="the entry was written", now=now, types=clear, fields=(case.channel,)
            )
            clear_connection(connection, "commercetools", *READS, *WRITES, now=now)
            flows.succeeded(connection, Flow.STOCK, now=now)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(self._again(case),), points=points)

    def _again(self, case: Case, after: int = 0) -> Nudge:
        return sku_nudge(case.sku, self._around.clock.now() + after)

    def _doubted(self, case: Case, intent: Intent, error: InDoubt) -> Done:
        """It may stand or not, and may yet be executed: the entry is read when that is over."""
        until = max(error.until, self._around.clock.now())

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "unknown", detail=error.reason)
            entries.doubt(connection, case.sku, case.channel, until=until)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(sku_nudge(case.sku, until),), points=points)

    def _refused(self, case: Case, intent: Intent, error: Rejected) -> Done:
        """This SKU waits, the others go on. Told once, tried again: what was mended is noticed by itself."""
        due_at = self._around.clock.now() + REFUSED_AGAIN
        words = error.detail or error.reason
        finding = Finding(
            code="stock_refused",
            cause=f"commercetools refused to change the inventory entry of {shown(case)}: {words}",
            field=case.channel,
            sku=case.sku,
            group=f"stock_refused:{error.reason}",
            facts={"answer": words, "channel": case.channel, "quantity": str(case.decision.quantity)},
        )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=words)
            entries.forget_intent(connection, case.sku, case.channel)
            entries.refuse(connection, case.sku, case.channel, words)
            exceptions.raise_finding(connection, record_of(case.sku), finding, now=now, next_attempt_at=due_at)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(sku_nudge(case.sku, due_at),), points=points)

    def _yielded(self, sku: str) -> Later:
        """It sells faster than it can be written: others go first, and it is counted."""
        self._around.log("stock.conflicts", level="warning", sku=sku, tries=MOST_CONFLICTS)
        return Later(due_at=self._around.clock.now() + YIELD, reason=f"{MOST_CONFLICTS} conflicts in a row")

    # -- nothing to do -------------------------------------------------------------------------------------------------

    def _rested(self, cases: Sequence[Case]) -> Unit:
        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            for case in cases:
                rest(connection, self._rules, case, now)
                if self._put_off(case) and case.acts:
                    would_have(connection, case, now)
            if availability.asked(connection):
                outbox.accept(connection, Nudge(flow=Flow.STOCK, subject=READ, due_at=now), now=now)

        return unit


def shown(case: Case) -> str:
    """Name an entry for people."""
    return f"{case.sku} on channel {case.channel}" if case.channel else case.sku


def see(connection: sqlite3.Connection, entry: Entry, now: Instant) -> bool:
    """Keep an entry as read; a rise that is not ours is told, and said so."""
    before = entries.get(connection, entry.sku, entry.channel)
    rise = entries.saw(connection, entry)
    if not rise or before is None or before.put is None:
        return False
    who = entry.modified_by or "somebody whom commercetools does not name"
    finding = Finding(
        code="stock_edited",
        cause=f"{who} raised the entry of {entry.sku} by at least {rise}: it shows {entry.quantity}, where"
        f" {before.quantity} or less was left by us and by orders.",
        field=entry.channel,
        sku=entry.sku,
        group=f"stock_edited:{entry.modified_by}",
        facts={
            "shows": str(entry.quantity),
            "showed": str(before.quantity),
            "who": entry.modified_by,
            "version": str(entry.version),
            "channel": entry.channel,
        },
    )
    exceptions.raise_finding(connection, record_of(entry.sku), finding, now=now)
    return True


def rest(connection: sqlite3.Connection, rules: StockRules, case: Case, now: Instant) -> None:
    """Nothing is to be done about an entry now: keep what the next change waits for, and ask for what it needs."""
    waits = case.decision.waits
    if case.record is None and waits and case.question is not None:
        shelf = case.question.shelf
        entries.absent(connection, case.sku, case.channel, read_from=shelf.read_from, read_at=shelf.read_at)
    if case.record is None or case.record.waits != waits.value:
        entries.wait(connection, case.sku, case.channel, waits.value, now=now)
    begun = case.record is not None and case.record.put is not None
    # What has no ledger yet may be very many SKUs: they wait for the next pass, but for a few new ones.
    few = case.new and availability.asked(connection) < SHORT_QUEUE
    if waits is Waits.READING and (begun or few):
        for sku in case.unread or _read_for(case):
            availability.ask(connection, sku, urgency=1, reason="a raise or a true-up waits", now=now)
    if says_more(case):
        for sku in _read_for(case):
            availability.ask(connection, sku, urgency=0, reason="push", now=now)
    if case.decision.step is Step.HOLD:
        hold(connection, rules, case, now)
    elif case.zero_asked and (not stock.zero_confirmed(connection, case.sku) or (case.sum.there or 0) <= 0):
        stock.forget_zero(connection, case.sku)


def says_more(case: Case) -> bool:
    """Say whether what was pushed is more than our own sales explain: only then is it worth a call."""
    question = case.question
    if question is None or question.hint is None or not question.targets:
        return False
    return question.hint.high != question.targets[0].high


def hold(connection: sqlite3.Connection, rules: StockRules, case: Case, now: Instant) -> None:
    """The list shows none of a SKU that is on sale: it is asked for by name, unless too many are."""
    stock.hold_zero(connection, case.sku, number=0, now=now)
    if stock.count_held(connection) <= most_zeros(connection, rules):
        for sku in _read_for(case):
            availability.ask(connection, sku, urgency=0, reason="the list shows none", now=now)


def most_zeros(connection: sqlite3.Connection, rules: StockRules) -> int:
    """Return how many SKUs a pass may bring to zero."""
    return max(rules.mass_zero_least, int(stock.sellable(connection) * rules.mass_zero_percent / 100))


def _read_for(case: Case) -> list[str]:
    return [part.sku for part in case.sum.kit] or [case.sku]


def restart(connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    """What stands is right: the ledger begins anew with it, and nothing is written."""
    question = _question(case)
    begin_anew(connection, case, question.shelf.quantity or 0, now)
    entries.explain(connection, case.sku, case.channel, msgspec.json.encode(case.sum).decode())
    exceptions.clear(
        connection,
        record_of(case.sku),
        resolution="the entry was trued up",
        now=now,
        types=("stock_edited", "stock_untrued"),
        fields=(case.channel,),
    )


def begin_anew(connection: sqlite3.Connection, case: Case, put: int, now: Instant) -> None:
    """Restart the ledger of an entry, and forget the orders it need not know any more."""
    question = _question(case)
    base = base_of(question.shelf)
    low_by = question.young
    entries.restart(connection, case.sku, case.channel, put=put, base=base, low_by=low_by, now=now)
    forgotten = prunable(question.claims, question.targets, base)
    demand.forget(connection, case.sku, case.channel, forgotten)


def would_have(connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    """Shadow mode: keep what would have been written, once for each figure."""
    quantity = case.decision.quantity
    if not case.decision.writes or quantity is None:
        return
    last = entries.history(connection, case.sku, limit=20)
    step = f"would {case.decision.step.value}"
    same = next((change for change in last if change.channel == case.channel), None)
    if same is not None and (same.step, same.quantity) == (step, quantity):
        return
    explanation = msgspec.json.encode(case.sum).decode()
    entries.note_would(
        connection,
        case.sku,
        case.channel,
        step=step,
        before=_question(case).shelf.quantity,
        quantity=quantity,
        explanation=explanation,
        now=now,
    )


def unexplained(question: Question, decision: Decision) -> int:
    """Return by how many units a true-up moves an entry beyond what cancelled orders and lost answers explain."""
    ledger, there, goal = question.ledger, question.shelf.quantity, decision.quantity
    if ledger is None or ledger.suspended or there is None or goal is None:
        return 0
    back = sum(claim.units for claim in question.claims if claim.released) + ledger.low_by
    bounds = [target.low + question.taken - ledger.put for target in question.targets]
    expected = back + max(0, min(bounds, default=0))
    moved = goal - there
    return max(0, moved - expected) + min(0, moved)


def _tell_drift(connection: sqlite3.Connection, case: Case, quantity: int, now: Instant) -> None:
    if case.decision.step is not Step.TRUE_UP or case.record is None:
        return
    units = unexplained(_question(case), case.decision)
    if units:
        exceptions.raise_finding(connection, record_of(case.sku), drift_finding(case, units, quantity), now=now)


def drift_finding(case: Case, units: int, right: int) -> Finding:
    """Say by how much an entry was wrong, and who changed it last."""
    record = case.record
    who = (record.modified_by if record is not None else "") or "nobody commercetools names"
    return Finding(
        code="stock_drift",
        cause=f"The entry of {shown(case)} showed {case.sum.there} where {right} is right; {abs(units)} of that are"
        f" explained by no order and no reading. It was last changed by {who}.",
        field=case.channel,
        sku=case.sku,
        group=f"stock_drift:{who}",
        facts={
            "showed": str(case.sum.there),
            "right": str(right),
            "available": str(case.sum.available),
            "uncounted": str(case.sum.uncounted),
            "buffer": str(case.sum.buffer),
            "put": str(case.sum.put),
            "who": who,
        },
    )


def _question(case: Case) -> Question:
    if case.question is None:
        raise ValueError("a case that acts was decided by something")
    return case.question
