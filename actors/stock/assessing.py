"""Assesses one SKU: from what is on disk, what each of its entries should show, and the next step towards it.

Everything is read in one unit, so that it belongs together; the sum is kept with the figure when it is published.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, date
from decimal import Decimal

import msgspec

from actors.domain.availability import (
    Claim,
    Drawn,
    Part,
    Reading,
    Source,
    StockRow,
    Target,
    kit_target,
    plain_target,
    summed,
)
from actors.domain.facts import FactKind, KitPart
from actors.domain.inventory import DateChange
from actors.domain.ledger import Decision, Question, Shelf, Step, Waits, decide, worth_a_look
from actors.domain.time import Instant, date_in_zone
from actors.stock.rules import Standing, StockRules, buffer_of, standing_of
from storage import availability, cursors, demand, entries, facts, meta, purchases, stock
from storage.availability import Hint
from storage.entries import EntryRecord

ORDERS_MARK = "sweep:complete"
"""The cursor whose mark says which orders are known (the intake's complete sweep)."""

OLDER_ORDERS = "sweep:before-since"
"""The cursor that has a mark once the orders from before `[orders] since` were read."""

PROGRESS = "stock_pass"
"""Under which the file keeps how far the reading of the whole list is."""

LISTED = "stock_listed"

PUSHED_FOR = 80 * 60_000
"""Milliseconds over which Cin7 Core retries a webhook (fact sheet §8): so old may be what it says."""

MOST_CLAIMS = 20


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The last whole listing of commercetools' entries: what it did not hold was not there."""

    began_at: Instant
    ended_at: Instant


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What all SKUs have in common at one moment.

    `list_read`: Cin7 Core's whole list was read once; `steady`: often enough for every ledger to begin. `stale_after`:
    milliseconds after which a figure is too old. `zeros`: some SKU is held, or confirmed, at zero.
    """

    now: Instant
    mark: Instant
    listed: Listed | None
    products_known: bool
    list_read: bool
    zeros: bool
    steady: bool
    stale_after: int


class SumReading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading, as it entered a sum."""

    began_at: Instant
    ended_at: Instant
    low: int
    high: int
    named: bool


class SumClaim(msgspec.Struct, frozen=True, kw_only=True):
    """One order, as it entered a sum."""

    order: str
    units: int
    taken: int
    counted: int


class SumPart(msgspec.Struct, frozen=True, kw_only=True):
    """One component of a kit, as it entered a sum."""

    sku: str
    quantity: str
    available: str


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """How a figure came about: available - uncounted - buffer = target; + taken = capacity; - put = change."""

    at: Instant
    step: str
    there: int | None
    quantity: int | None
    available: int | None = None
    buffer: int = 0
    uncounted: tuple[int, int] | None = None
    target: tuple[int, int] | None = None
    taken: int = 0
    capacity: tuple[int, int] | None = None
    put: int | None = None
    base: Instant | None = None
    waits: str = ""
    readings: tuple[SumReading, ...] = ()
    claims: tuple[SumClaim, ...] = ()
    claims_in_all: int = 0
    blocked: bool = False
    stale: bool = False
    standing: str = ""
    locations: dict[str, str] = {}
    kit: tuple[SumPart, ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a SKU, and what is to be done about it.

    `unseen`: commercetools has to be asked for the entry first. `delivery`: the date it should show, where it does not.
    `unread`: SKUs without which nothing can be decided. `new`: its ledger has not begun, and most others have.
    `zero_asked`: a pass has brought some SKU near zero, perhaps this one.
    """

    sku: str
    channel: str
    standing: Standing
    record: EntryRecord | None
    decision: Decision
    sum: Sum
    question: Question | None = None
    delivery: DateChange | None = None
    unseen: bool = False
    unread: tuple[str, ...] = ()
    new: bool = False
    zero_asked: bool = False

    @property
    def acts(self) -> bool:
        """True when something is to be done at once."""
        return self.unseen or self.decision.writes or self.delivery is not None or self.decision.step is Step.RESTART


def outlook(connection: sqlite3.Connection, rules: StockRules, *, now: Instant) -> Outlook:
    """Read what all SKUs have in common."""
    cursor, older = cursors.get(connection, ORDERS_MARK), cursors.get(connection, OLDER_ORDERS)
    listed, progress = meta.text(connection, LISTED), meta.text(connection, PROGRESS)
    passes = msgspec.json.decode(progress).get("wholes", 0) if progress else 0
    return Outlook(
        now=now,
        # Orders from before `since` are read once; until they were, some may be hidden.
        mark=(cursor.mark or 0) if cursor is not None and older is not None and older.mark is not None else 0,
        listed=msgspec.json.decode(listed, type=Listed) if listed else None,
        products_known=FactKind.PRODUCT in facts.lists(connection),
        list_read=passes > 0,
        zeros=stock.any_zeros(connection),
        steady=passes > rules.wanted,
        stale_after=max(rules.max_age, forecast(connection, rules)),
    )


def forecast(connection: sqlite3.Connection, rules: StockRules) -> int:
    """Return within how many milliseconds every SKU should have been read: a pass and what the last one took."""
    known = meta.text(connection, PROGRESS)
    took = msgspec.json.decode(known).get("took", 0) if known else 0
    return rules.snapshot + 2 * int(took)


def assess(connection: sqlite3.Connection, rules: StockRules, sku: str, view: Outlook) -> list[Case]:
    """Assess every entry a SKU has or should have.

    None before Cin7 Core's products and its list were once read whole: a SKU may have rows on a page still to come.
    """
    if not view.products_known or not view.list_read:
        return []
    return list(_Assessment(connection, rules, sku, view).cases())


class _Assessment:
    """One SKU, as it stands on disk."""

    def __init__(self, connection: sqlite3.Connection, rules: StockRules, sku: str, view: Outlook) -> None:
        self._connection = connection
        self._rules = rules
        self._sku = sku
        self._view = view
        self._product = facts.product(connection, sku)
        self._standing = standing_of(self._product, rules)
        self._readings: dict[str, list[Reading]] = {}
        self._hints: dict[str, list[Hint]] = {}
        self._parts = self._parts_of()
        self._kits = self._kits_with(sku)
        block = stock.block_of(connection, sku)
        self._blocked = block is not None and (block.until is None or block.until > view.now)

    def cases(self) -> Iterator[Case]:
        known = {record.channel: record for record in entries.of_sku(self._connection, self._sku)}
        for channel, locations in self._rules.channels.items():
            case = self._case(channel, locations, known.get(channel))
            if case is not None:
                yield case

    def _case(self, channel: str, locations: Sequence[str], record: EntryRecord | None) -> Case | None:
        # What we once published and Cin7 Core does not list any more is gone, and what is blocked is not to be sold;
        # anything else of no standing is not ours.
        unknown = self._standing is Standing.UNKNOWN and record is not None
        gone = unknown and record is not None and (record.put is not None or self._blocked)
        if not (self._standing.ours or gone):
            return None
        shelf = self._shelf(record)
        if shelf is None:
            return None
        readings = self._read(self._sku)
        if shelf.quantity is None and not self._has_place(locations):
            return None
        claims = tuple(demand.claims_of(self._connection, self._sku, channel))
        stale = bool(readings) and self._view.now - readings[0].ended_at > self._view.stale_after
        buffer = self._buffer(channel, stale=stale)
        targets, unread = self._targets(channel, locations, claims, buffer)
        question = Question(
            shelf=shelf,
            ledger=record.ledger if record is not None else None,
            targets=targets,
            wanted=self._rules.wanted,
            claims=claims,
            mark=self._view.mark,
            hint=self._hint(channel, locations, claims, buffer),
            ceiling=self._ceiling(gone=gone, stale=stale),
            below_zero=self._sku in self._rules.below_zero,
            may_create=self._rules.create_missing and self._standing in (Standing.STOCK, Standing.KIT),
            hold_zero=self._holds_zero(targets),
            due=self._due(record, claims),
        )
        decision = self._decided(question, record)
        return Case(
            sku=self._sku,
            channel=channel,
            standing=self._standing,
            record=record,
            question=question,
            decision=decision,
            delivery=self._delivery(locations, record, decision),
            unseen=self._unseen(record, question, decision),
            unread=unread,
            new=question.ledger is None and self._view.steady,
            zero_asked=self._view.zeros,
            sum=self._sum(question, decision, locations, buffer, stale=stale),
        )

    def _holds_zero(self, targets: Sequence[Target]) -> bool:
        """A zero is held that only the whole list shows, and no order explains; asked for by name it is believed."""
        if not targets or targets[0].available > targets[0].buffer:
            return False
        newest = [self._read(sku)[0] for sku in self._needed]
        if all(reading.named for reading in newest):
            return False
        return not stock.zero_confirmed(self._connection, self._sku)

    @property
    def _needed(self) -> list[str]:
        """The SKUs whose readings decide: a kit's parts, or itself."""
        return [part.sku for part in self._parts] or [self._sku]

    # -- the entry -----------------------------------------------------------------------------------------------------

    def _shelf(self, record: EntryRecord | None) -> Shelf | None:
        if record is not None:
            return record.shelf
        listed = self._view.listed
        if listed is None:
            return None
        return Shelf(quantity=None, version=0, read_from=listed.began_at, read_at=listed.ended_at)

    def _has_place(self, locations: Sequence[str]) -> bool:
        """An entry is made where Cin7 Core lists the SKU, or its components, at one of the channel's locations."""
        skus = [self._sku, *(part.sku for part in self._parts)]
        return any(row.location in locations for sku in skus for row in availability.rows_of(self._connection, sku))

    def _unseen(self, record: EntryRecord | None, question: Question, decision: Decision) -> bool:
        """An entry is read after a write of lost outcome, and once more when no order is young any longer."""
        if record is None:
            return False
        if record.reread_after is not None:
            return record.reread_after <= self._view.now
        exists = record.entry_id is not None
        return exists and decision.waits is Waits.QUIET and worth_a_look(question, self._view.now)

    def _due(self, record: EntryRecord | None, claims: Sequence[Claim]) -> bool:
        if record is None or record.trued_at is None or not claims:
            return False
        return self._view.now - record.trued_at > self._rules.trueup_max // 4

    def _decided(self, question: Question, record: EntryRecord | None) -> Decision:
        if record is not None and record.refused == entries.DUPLICATE:
            return Decision(step=Step.NOTHING)
        decision = decide(question)
        if record is None or record.reread_after is None or decision.step is Step.LOWER:
            return decision
        # A write of ours may still be executed: until the entry was read after it, it may only be lowered.
        return Decision(step=Step.NOTHING, waits=Waits.QUIET)

    # -- what is available ---------------------------------------------------------------------------------------------

    def _read(self, sku: str) -> list[Reading]:
        if sku not in self._readings:
            self._readings[sku] = availability.readings_of(self._connection, sku)
        return self._readings[sku]

    def _hinted(self, sku: str) -> list[Hint]:
        if sku not in self._hints:
            self._hints[sku] = availability.hints_of(self._connection, sku)
        return self._hints[sku]

    def _parts_of(self) -> list[KitPart]:
        if self._standing is not Standing.KIT:
            return []
        return stock.parts_of(self._connection, self._sku)

    def _kits_with(self, sku: str) -> list[KitPart]:
        """Return the kits that draw on a SKU when they are sold."""
        if not self._rules.kits:
            return []
        return [kit for kit in stock.kits_with(self._connection, sku) if kit.sku != self._sku]

    def _targets(
        self, channel: str, locations: Sequence[str], claims: tuple[Claim, ...], buffer: int
    ) -> tuple[tuple[Target, ...], tuple[str, ...]]:
        """Return the targets of the last readings, newest first, and the SKUs that were never read."""
        needed = self._needed
        unread = tuple(sku for sku in needed if not self._read(sku))
        if unread:
            return (), unread
        rounds = min(self._rules.wanted, *(len(self._read(sku)) for sku in needed), self._rules.wanted)
        return tuple(self._target(channel, locations, claims, buffer, place) for place in range(rounds)), ()

    def _target(
        self, channel: str, locations: Sequence[str], claims: tuple[Claim, ...], buffer: int, place: int
    ) -> Target:
        if not self._parts:
            reading = self._read(self._sku)[place]
            own = _source(reading, locations, claims)
            return plain_target(own, buffer=buffer, drawn=self._drawn(self._kits, channel, locations, reading, place))
        parts = tuple(self._part(part, channel, locations, place) for part in self._parts)
        span = parts[0].source
        reading = self._place(self._sku, place, span)
        return kit_target(_source(reading, locations, claims), parts, buffer=buffer)

    def _part(self, part: KitPart, channel: str, locations: Sequence[str], place: int) -> Part:
        reading = self._read(part.sku)[place]
        claims = tuple(demand.claims_of(self._connection, part.sku, channel))
        drawn = self._drawn(self._kits_with(part.sku), channel, locations, reading, place)
        return Part(source=_source(reading, locations, claims), quantity=part.quantity, drawn=drawn)

    def _drawn(
        self, kits: Sequence[KitPart], channel: str, locations: Sequence[str], reading: Reading, place: int
    ) -> tuple[Drawn, ...]:
        drawn = []
        for kit in kits:
            claims = tuple(demand.claims_of(self._connection, kit.sku, channel))
            if claims:
                made = self._place(kit.sku, place, reading)
                drawn.append(Drawn(kit=_source(made, locations, claims), quantity=kit.quantity))
        return tuple(drawn)

    def _place(self, sku: str, place: int, span: Reading | Source) -> Reading:
        """Return a kit's own reading; one that never stood on a shelf has none of its own."""
        read = self._read(sku)
        if read:
            return read[min(place, len(read) - 1)]
        return Reading(began_at=span.began_at, ended_at=span.ended_at, figures={})

    def _hint(self, channel: str, locations: Sequence[str], claims: tuple[Claim, ...], buffer: int) -> Target | None:
        """Return the target by what was pushed, if anything was: the last reading with the pushed rows in place."""
        skus = [self._sku, *(part.sku for part in self._parts)]
        if not any(self._hinted(sku) for sku in skus):
            return None
        if any(not self._read(part.sku) for part in self._parts):
            return None
        kept = self._readings
        self._readings = dict(kept)
        for sku in skus:
            if self._hinted(sku):
                self._readings[sku] = [_pushed(availability.rows_of(self._connection, sku), self._hinted(sku))]
        try:
            return self._target(channel, locations, claims, buffer, 0)
        finally:
            self._readings = kept

    # -- bounds and dates ----------------------------------------------------------------------------------------------

    def _buffer(self, channel: str, *, stale: bool) -> int:
        category = self._product.category if self._product is not None else ""
        more = self._rules.stale_buffer if stale and self._rules.stale_policy == "buffer" else 0
        return buffer_of(self._rules, self._sku, category, channel) + more

    def _ceiling(self, *, gone: bool, stale: bool) -> int | None:
        zero = self._blocked or gone or self._standing is Standing.RETIRED
        return 0 if zero or (stale and self._rules.stale_policy == "zero") else None

    def _delivery(self, locations: Sequence[str], record: EntryRecord | None, decision: Decision) -> DateChange | None:
        """Return the date to show: the next delivery, none once it has passed. A later one of a person's is left.

        Cin7's list names a day and the purchases name theirs (one that was entered a moment ago stands in no reading
        yet): the first of all of them is shown.
        """
        exists = record is not None and record.entry_id is not None
        if not exists and decision.step is not Step.CREATE:
            return None
        if record is not None and record.reread_after is not None:
            return None
        today = date_in_zone(self._view.now, UTC)
        days = [
            row.next_delivery
            for row in availability.rows_of(self._connection, self._sku)
            if row.location in locations and row.next_delivery is not None and row.next_delivery >= today
        ]
        bought = purchases.next_day(self._connection, self._sku, locations, today)
        wanted = min([*days, *([bought] if bought is not None else [])], default=None)
        shown = record.expected_delivery if record is not None else None
        if wanted == shown or (wanted is None and not _ours_to_clear(shown, record, today)):
            return None
        return DateChange(wanted)

    # -- the sum -------------------------------------------------------------------------------------------------------

    def _sum(
        self, question: Question, decision: Decision, locations: Sequence[str], buffer: int, *, stale: bool
    ) -> Sum:
        newest = question.targets[0] if question.targets else None
        figures = self._read(self._sku)[0].figures if self._read(self._sku) else {}
        ledger, taken = question.ledger, question.taken
        claims = question.claims
        return Sum(
            at=self._view.now,
            step=decision.step.value,
            there=question.shelf.quantity,
            quantity=decision.quantity,
            available=newest.available if newest else None,
            buffer=buffer,
            uncounted=_between(newest.available - buffer, newest.high, newest.low) if newest else None,
            target=(newest.low, newest.high) if newest else None,
            taken=taken,
            capacity=(newest.low + taken, newest.high + taken) if newest else None,
            put=ledger.put if ledger else None,
            base=ledger.base if ledger else None,
            waits=decision.waits.value,
            readings=tuple(self._sum_reading(target) for target in question.targets),
            claims=tuple(
                SumClaim(order=one.order_id, units=one.units, taken=one.taken, counted=one.counted)
                for one in claims[-MOST_CLAIMS:]
            ),
            claims_in_all=len(claims),
            blocked=self._blocked,
            stale=stale,
            standing=self._standing.value,
            locations={place: f"{figure:f}" for place, figure in figures.items() if place in locations},
            kit=tuple(self._sum_part(part, locations) for part in self._parts),
        )

    def _sum_reading(self, target: Target) -> SumReading:
        named = any(reading.named for reading in self._read(self._sku) if reading.began_at == target.began_at)
        return SumReading(
            began_at=target.began_at, ended_at=target.ended_at, low=target.low, high=target.high, named=named
        )

    def _sum_part(self, part: KitPart, locations: Sequence[str]) -> SumPart:
        read = self._read(part.sku)
        available = read[0].at(locations) if read else Decimal(0)
        return SumPart(sku=part.sku, quantity=f"{part.quantity:f}", available=f"{available:f}")


def _source(reading: Reading, locations: Sequence[str], claims: tuple[Claim, ...]) -> Source:
    return Source(available=reading.at(locations), began_at=reading.began_at, ended_at=reading.ended_at, claims=claims)


def _pushed(rows: Sequence[StockRow], hints: Sequence[Hint]) -> Reading:
    """Put pushed rows in the place of those last read: a reading of unknown age."""
    places = {row.place: row for row in rows}
    for hint in hints:
        place = (hint.sku, hint.location, hint.bin, hint.batch)
        places[place] = StockRow(
            sku=hint.sku, location=hint.location, bin=hint.bin, batch=hint.batch, available=hint.available
        )
    received = [hint.received_at for hint in hints]
    return Reading(began_at=min(received) - PUSHED_FOR, ended_at=max(received), figures=summed(places.values()))


def _ours_to_clear(shown: date | None, record: EntryRecord | None, today: date) -> bool:
    """A date that has passed is cleared, and one that we set; not one a person set for later."""
    if shown is None:
        return False
    return shown < today or (record is not None and record.published_date == shown)


def _between(most: int, high: int, low: int) -> tuple[int, int]:
    return most - high, most - low
