"""Twenty ways in which orders, readings, writes and people cross each other at one entry (docs/stock.md).

Each row is played against the pure rule and the entry on a real file (`storage/entries.py`): the figure that stands at
each of its points, and the right one once everything has come to rest. The same rows are played against the absolute
rule, and against the rule without the term that the row is about: both times another figure stands.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.domain.availability import Claim, Source, Target, plain_target
from actors.domain.inventory import Entry
from actors.domain.ledger import Decision, Question, Step, base_of, decide, prunable
from storage import entries
from tests.rules.ledger_simulation import WITHOUT, Rule
from tests.stored import NOW, fresh

SKU, CHANNEL = "SKU-1", ""
SECOND, HOUR = 1_000, 3_600_000
EXECUTED_WITHIN = 30 * SECOND


@dataclass
class Order:
    """An order as commercetools has it, and its claim as we would know it."""

    claim: Claim
    known: bool = False
    cancelled: bool = False


@dataclass
class Reading:
    """What Cin7 Core showed, and in which span of time."""

    began_at: int
    ended_at: int
    shows: int


@dataclass
class Stage:
    """Both systems, and what we know of them; moments are seconds. Whatever we hear of is followed by a step."""

    file: sqlite3.Connection
    stands: int
    rule: Rule | None
    """None: the absolute rule, which writes the target of every reading."""
    points: list[int] = field(default_factory=list)
    available: int = 0
    version: int = 1
    now: int = NOW
    mark: int = NOW - 60 * SECOND
    orders: dict[str, Order] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    pushed: Reading | None = None
    in_carts: int = 0
    sees_carts: bool = False
    """What a look takes for the entry's quantity: that on stock, or what carts leave of it."""
    blocked: bool = False
    on_the_wire: Callable[[], None] | None = None
    loses: bool = False

    def __post_init__(self) -> None:
        """A ledger has begun a minute ago with what stands there, and Cin7 Core says the same."""
        self.available = self.stands
        entries.saw(self.file, self.entry(at=NOW - 60 * SECOND))
        entries.restart(self.file, SKU, CHANNEL, put=self.stands, base=NOW - 58 * SECOND, now=NOW)
        self.readings = [Reading(NOW - at * SECOND, NOW - at * SECOND, self.stands) for at in (10, 20)]

    # -- what happens --------------------------------------------------------------------------------------------------

    def at(self, seconds: float) -> None:
        self.now = NOW + round(seconds * SECOND)

    def ordered(self, name: str, units: int = 1, *, taken: bool = True) -> None:
        claim = Claim(order_id=name, created_at=self.now, units=units, taken=units if taken else 0)
        self.orders[name] = Order(claim)

    def heard(self, name: str) -> None:
        self.orders[name].known = True
        self.step()

    def taken_off(self, name: str) -> None:
        self.set_entry(self.stands - self.orders[name].claim.units)

    def set_entry(self, quantity: int) -> None:
        """Somebody changes the entry: commercetools, a person, a script."""
        self.stands, self.version = quantity, self.version + 1

    def cin7(self, available: int) -> None:
        self.available = available

    def learnt(self, name: str, **facts: object) -> None:
        order = self.orders[name]
        order.claim = msgspec.structs.replace(order.claim, **facts)
        self.step()

    def cancelled(self, name: str) -> None:
        self.orders[name].cancelled = True
        self.step()

    def looked(self) -> None:
        """The entry is read."""
        if self.rule is not None and not self.rule.sees_rises:
            self.file.execute("UPDATE entries SET doubtful = 1000000")
        entries.saw(self.file, self.entry(at=self.now))
        if self.now >= (self.record.reread_after or 0):
            entries.reread(self.file, SKU, CHANNEL)
        self.step()

    def swept(self) -> None:
        """Every order before now is known."""
        for order in self.orders.values():
            order.known = True
        self.mark = self.now
        self.step()

    def read(self, *shows: int, took: float = 0) -> None:
        """Cin7 Core is read, as often as figures are given, else twice. The reading that `took` so long ends now."""
        for figure in shows or (self.available,) * 2:
            began_at = self.now - round(took * SECOND)
            self.readings.insert(0, Reading(began_at, self.now, figure))
            self.now += SECOND // 10
            self.pushed = None
            self.step(read=True)

    def push(self, shows: int, *, minutes_ago: int) -> None:
        self.pushed = Reading(self.now - minutes_ago * 60 * SECOND, self.now, shows)
        self.step(read=True)

    def between(self, *moves: Move) -> None:
        """These happen while the next write is on its way."""
        self.on_the_wire = lambda: play(self, moves)

    def loses_next(self) -> None:
        """The answer to the next write is lost."""
        self.loses = True

    def reserved(self, units: int) -> None:
        """So many are in carts: only `availableQuantity` falls."""
        self.in_carts, self.version = units, self.version + 1

    def block(self) -> None:
        self.blocked = True
        self.step()

    def point(self) -> None:
        """Note what stands here."""
        self.points.append(self.stands)

    def rest(self) -> None:
        """Everything comes to rest: all is known, the entry and Cin7 Core are read."""
        self.now += HOUR
        self.looked()
        self.swept()
        for _ in range(2):
            self.read()
            self.now += HOUR
            self.swept()

    # -- what we do ----------------------------------------------------------------------------------------------------

    @property
    def record(self) -> entries.EntryRecord:
        found = entries.get(self.file, SKU, CHANNEL)
        assert found is not None
        return found

    def entry(self, *, at: int) -> Entry:
        """Return the entry as we read it."""
        return Entry(
            id="e-1",
            sku=SKU,
            channel=CHANNEL,
            version=self.version,
            quantity=self.stands - self.in_carts * self.sees_carts,
            modified_at=at,
            read_from=at,
            read_at=at,
        )

    def step(self, *, read: bool = False) -> None:
        if self.rule is None:
            if read:
                self.absolute()
            return
        asked = self.question(self.rule)
        decision = self.rule.decide(asked)
        if self.record.reread_after is not None and decision.step is not Step.LOWER:
            return
        if decision.step is Step.RESTART:
            self.restart(asked, decision.quantity or 0)
            self.step()
        elif decision.writes:
            self.write(asked, decision)

    def question(self, rule: Rule) -> Question:
        claims = tuple(order.claim for order in self.known)
        seen = tuple(rule.claims(claim) for claim in claims)
        asked = rule.kind(
            shelf=self.record.shelf,
            ledger=self.record.ledger,
            targets=tuple(target(reading, seen) for reading in self.readings[: rule.wanted]),
            wanted=rule.wanted,
            claims=claims,
            mark=self.mark,
            hint=target(self.pushed, seen) if self.pushed is not None else None,
            ceiling=0 if self.blocked else None,
        )
        return rule.change(asked)

    @property
    def known(self) -> list[Order]:
        return [order for order in self.orders.values() if order.known]

    def write(self, asked: Question, decision: Decision) -> None:
        """Write as the flow does: the intent, the call under version check, its outcome."""
        assert self.rule is not None
        quantity, before = decision.quantity or 0, asked.shelf.quantity or 0
        entries.intend(self.file, SKU, CHANNEL, quantity, call_id=1)
        happens, self.on_the_wire = self.on_the_wire, None
        if happens is not None:
            happens()
        if self.version != asked.shelf.version and self.rule.checks_versions:
            entries.forget_intent(self.file, SKU, CHANNEL)
            self.looked()
            return
        self.set_entry(quantity)
        if self.loses:
            self.loses = False
            lost = entries.doubt if self.rule.raises_count else _not_done
            lost(self.file, SKU, CHANNEL, until=self.now + EXECUTED_WITHIN)
            return
        if decision.step is Step.TRUE_UP:
            self.restart(asked, quantity)
        else:
            entries.move_put(self.file, SKU, CHANNEL, quantity - before)
        answer, words = msgspec.structs.replace(self.entry(at=self.now), quantity=quantity), decision.step.value
        entries.published(self.file, answer, step=words, before=before, explanation="{}", now=self.now)
        self.step()

    def restart(self, asked: Question, put: int) -> None:
        base = base_of(asked.shelf)
        entries.restart(self.file, SKU, CHANNEL, put=put, base=base, now=self.now)
        for name in prunable(asked.claims, asked.targets, base):
            del self.orders[name]

    # -- what others do ------------------------------------------------------------------------------------------------

    def absolute(self) -> None:
        """Make up for the difference between what is for sale and what the last reading says, less uncounted orders."""
        reading = self.pushed or self.readings[0]
        goal = reading.shows - sum(order.claim.units for order in self.known if not _counted(order, reading))
        more = goal - (self.stands - self.in_carts)
        if not more:
            return
        happens, self.on_the_wire = self.on_the_wire, None
        if happens is not None:
            happens()
            more = goal - (self.stands - self.in_carts)
        self.set_entry(self.stands + more)
        self.loses = False


def _not_done(connection: sqlite3.Connection, sku: str, channel: str, *, until: int) -> None:
    entries.forget_intent(connection, sku, channel)


def _counted(order: Order, reading: Reading) -> bool:
    counted_at = order.claim.counted_at
    return order.cancelled or (counted_at is not None and reading.began_at >= counted_at)


def target(reading: Reading, claims: tuple[Claim, ...]) -> Target:
    source = Source(
        available=Decimal(reading.shows), began_at=reading.began_at, ended_at=reading.ended_at, claims=claims
    )
    return plain_target(source, buffer=0)


@dataclass(frozen=True)
class Move:
    """One thing that happens."""

    verb: Callable[..., None]
    words: tuple[object, ...] = ()
    facts: tuple[tuple[str, object], ...] = ()


def do(verb: Callable[..., None], *words: object, **facts: object) -> Move:
    return Move(verb, words, tuple(facts.items()))


def play(stage: Stage, moves: Sequence[Move]) -> None:
    for move in moves:
        move.verb(stage, *move.words, **dict(move.facts))


# -- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One interleaving: the figures at its points by the ledger and by the absolute rule, and the right one at rest.

    `without`: the rule, without the term this row is about; or `sees_carts`, where it is about what is compared.
    """

    what: str
    moves: tuple[Move, ...]
    ledger: list[int]
    absolute: list[int]
    right: int
    without: Rule
    start: int = 10
    sees_carts: bool = False


S = Stage
POINT, READ, SWEPT, LOOKED = do(S.point), do(S.read), do(S.swept), do(S.looked)
UNSEEN = (do(S.ordered, "a"), do(S.at, 2), do(S.taken_off, "a"), do(S.at, 40), LOOKED, do(S.at, 60))
"""An order that is off the entry at 2 s, and that we do not know of at 60 s."""

SEEN = (*UNSEEN, do(S.heard, "a"))


def _never_raises(question: Question) -> Decision:
    decision = decide(question)
    return Decision(step=Step.NOTHING) if decision.step is Step.RAISE else decision


def _everywhere(claim: Claim) -> Claim:
    return msgspec.structs.replace(claim, counted=claim.units)


def _all_taken(question: Question) -> Question:
    claims = tuple(msgspec.structs.replace(claim, taken=claim.units) for claim in question.claims)
    return msgspec.structs.replace(question, claims=claims)


UNMARKED = WITHOUT["a true-up without the mark"]
FREE_AT_ONCE = WITHOUT["cancelled units free at once"]

ROWS: dict[str, Row] = {
    "1": Row(
        what="heard of at 1 s, off the entry at 8 s",
        moves=(
            do(S.ordered, "a"),
            do(S.at, 1),
            do(S.heard, "a"),
            do(S.at, 5),
            READ,
            do(S.at, 8),
            do(S.taken_off, "a"),
            POINT,
        ),
        ledger=[9],
        absolute=[8],
        right=9,
        without=WITHOUT["D not added"],
    ),
    "2": Row(
        what="off the entry at 2 s, read at 60 s, heard of at 300 s",
        moves=(*UNSEEN, READ, POINT, do(S.at, 300), do(S.heard, "a"), READ, POINT),
        ledger=[9, 9],
        absolute=[10, 9],
        right=9,
        without=UNMARKED,
    ),
    "3": Row(
        what="the same, and five are received",
        moves=(*UNSEEN, do(S.cin7, 15), READ, POINT, do(S.at, 300), do(S.heard, "a"), READ, POINT),
        ledger=[14, 14],
        absolute=[15, 14],
        right=14,
        without=UNMARKED,
    ),
    "4": Row(
        what="five are received before an order is off the entry, or heard of",
        moves=(
            do(S.ordered, "a"),
            do(S.cin7, 15),
            do(S.at, 3),
            READ,
            POINT,
            do(S.at, 8),
            do(S.taken_off, "a"),
            POINT,
            do(S.at, 300),
            do(S.heard, "a"),
            READ,
            POINT,
        ),
        ledger=[15, 14, 14],
        absolute=[15, 14, 14],
        right=14,
        without=Rule(decide=_never_raises),
    ),
    "5": Row(
        what="off the entry, not heard of, and wholesale takes four",
        moves=(*UNSEEN, do(S.cin7, 6), READ, POINT, do(S.at, 120), READ, POINT),
        ledger=[5, 5],
        absolute=[6, 6],
        right=5,
        without=UNMARKED,
    ),
    "6": Row(
        what="its sale is authorised while two readings run, one shows it and the other does not",
        moves=(
            *SEEN,
            do(S.learnt, "a", maybe_from=NOW + 62 * SECOND),
            do(S.learnt, "a", counted=1, counted_at=NOW + 64 * SECOND),
            do(S.at, 65),
            do(S.read, 9, took=5),
            POINT,
            do(S.read, 10, 10, took=5),
            POINT,
            do(S.cin7, 9),
            do(S.at, 90),
            READ,
            POINT,
        ),
        ledger=[9, 9, 9],
        absolute=[8, 9, 9],
        right=9,
        without=WITHOUT["uncertain counting believed"],
    ),
    "7": Row(
        what="taken off between our read and our write of five more",
        moves=(
            do(S.ordered, "a"),
            do(S.cin7, 15),
            do(S.at, 3),
            do(S.between, do(S.taken_off, "a")),
            READ,
            POINT,
        ),
        ledger=[14],
        absolute=[15],
        right=14,
        without=WITHOUT["no check of the version"],
    ),
    "8": Row(
        what="our five more are written, the answer is lost, six are sold",
        moves=(
            do(S.ordered, "a", 6),
            do(S.cin7, 15),
            do(S.at, 3),
            do(S.loses_next),
            READ,
            do(S.at, 8),
            do(S.taken_off, "a"),
            do(S.at, 60),
            LOOKED,
            READ,
            POINT,
            do(S.at, 300),
            do(S.heard, "a"),
            READ,
            POINT,
        ),
        ledger=[9, 9],
        absolute=[15, 9],
        right=9,
        without=WITHOUT["a lost raise counts as not done"],
    ),
    "9": Row(
        what="cancelled before its export; nobody gives its unit back",
        moves=(
            *SEEN,
            do(S.cancelled, "a"),
            do(S.learnt, "a", released=True),
            READ,
            POINT,
            do(S.at, 120),
            SWEPT,
            READ,
            POINT,
        ),
        ledger=[9, 10],
        absolute=[10, 10],
        right=10,
        without=FREE_AT_ONCE,
    ),
    "10": Row(
        what="cancelled before its export; a script of the shop gives its unit back",
        moves=(
            do(S.ordered, "a"),
            do(S.at, 2),
            do(S.taken_off, "a"),
            do(S.at, 30),
            do(S.set_entry, 10),
            do(S.at, 40),
            LOOKED,
            do(S.heard, "a"),
            do(S.cancelled, "a"),
            do(S.learnt, "a", released=True),
            READ,
            POINT,
        ),
        ledger=[10],
        absolute=[10],
        right=10,
        without=FREE_AT_ONCE,
    ),
    "11": Row(
        what="cancelled after its export; a reading runs while its sale is voided, and shows the unit",
        moves=(
            *SEEN,
            do(S.cin7, 9),
            do(S.learnt, "a", maybe_from=NOW + 61 * SECOND, counted=1, counted_at=NOW + 62 * SECOND),
            do(S.at, 90),
            READ,
            POINT,
            do(S.cancelled, "a"),
            do(S.learnt, "a", leaving=True),
            do(S.at, 100),
            do(S.cin7, 10),
            do(S.read, 10, 10, took=5),
            POINT,
            do(S.at, 102),
            do(S.learnt, "a", leaving=False, counted_at=None, maybe_from=None, uncounted_at=NOW + 102 * SECOND),
            do(S.learnt, "a", released=True),
            POINT,
            do(S.at, 120),
            SWEPT,
            READ,
            POINT,
        ),
        ledger=[9, 9, 9, 10],
        absolute=[9, 10, 10, 10],
        right=10,
        without=WITHOUT["a sale counts until it is proved void"],
    ),
    "12": Row(
        what="cancelled while it is not known whether its sale exists",
        moves=(
            *SEEN,
            do(S.learnt, "a", maybe_from=NOW + 61 * SECOND),
            do(S.cancelled, "a"),
            do(S.at, 90),
            READ,
            POINT,
            SWEPT,
            READ,
            POINT,
            do(S.at, 200),
            do(S.learnt, "a", maybe_from=None, released=True),
            READ,
            POINT,
        ),
        ledger=[9, 9, 10],
        absolute=[10, 10, 10],
        right=10,
        without=WITHOUT["sent counts as counted"],
    ),
    "13": Row(
        what="held for two days",
        moves=(*SEEN, READ, POINT, do(S.at, 172_800), SWEPT, READ, POINT),
        ledger=[9, 9],
        absolute=[9, 9],
        right=9,
        without=WITHOUT["uncounted orders not subtracted"],
    ),
    "14": Row(
        what="three on hand, five ordered: two on backorder, and ten received that are not allocated yet",
        moves=(
            do(S.ordered, "a", 5),
            do(S.at, 2),
            do(S.taken_off, "a"),
            do(S.at, 40),
            LOOKED,
            do(S.heard, "a"),
            do(S.cin7, 0),
            do(S.learnt, "a", maybe_from=NOW + 41 * SECOND, counted=5, short=2, counted_at=NOW + 42 * SECOND),
            do(S.at, 60),
            READ,
            POINT,
            do(S.cin7, 10),
            do(S.at, 90),
            READ,
            POINT,
            do(S.cin7, 8),
            do(S.at, 120),
            do(S.learnt, "a", short=0, short_before=2, short_at=NOW + 120 * SECOND),
            READ,
            POINT,
        ),
        ledger=[-2, 8, 8],
        absolute=[0, 10, 8],
        right=8,
        without=WITHOUT["backorders count as allocated"],
        start=3,
    ),
    "15": Row(
        # `tallyd check` refuses such a mapping; where it comes about all the same, the sale counts elsewhere.
        what="an order on a channel whose sale stands at a location that does not feed it",
        moves=(
            *SEEN,
            do(S.learnt, "a", maybe_from=NOW + 61 * SECOND, counted=0, counted_at=NOW + 62 * SECOND),
            do(S.at, 90),
            READ,
            POINT,
        ),
        ledger=[9],
        absolute=[10],
        right=9,
        without=Rule(claims=_everywhere),
    ),
    "16": Row(
        what="a person puts in four",
        moves=(do(S.at, 40), do(S.set_entry, 14), LOOKED, POINT, READ, POINT),
        ledger=[10, 10],
        absolute=[14, 10],
        right=10,
        without=WITHOUT["a rise of others is not seen"],
    ),
    "17": Row(
        what="a person sets it to zero",
        moves=(do(S.at, 40), do(S.set_entry, 0), LOOKED, READ, POINT, do(S.at, 120), SWEPT, READ, POINT),
        ledger=[0, 10],
        absolute=[10, 10],
        right=10,
        without=UNMARKED,
    ),
    "17, blocked": Row(
        what="a person sets it to zero, and blocks it",
        moves=(do(S.at, 40), do(S.set_entry, 0), do(S.block), LOOKED, do(S.at, 120), SWEPT, READ, POINT),
        ledger=[0],
        absolute=[10],
        right=0,
        without=Rule(change=lambda question: msgspec.structs.replace(question, ceiling=None)),
    ),
    "18": Row(
        what="three are in carts, then five are received",
        moves=(
            do(S.at, 40),
            do(S.reserved, 3),
            LOOKED,
            READ,
            POINT,
            do(S.cin7, 15),
            do(S.at, 90),
            READ,
            POINT,
        ),
        ledger=[10, 15],
        absolute=[13, 18],
        right=15,
        without=Rule(),
        sees_carts=True,
    ),
    "19, seen": Row(
        what="an order in mode None that is seen",
        moves=(do(S.ordered, "a", taken=False), do(S.at, 1), do(S.heard, "a"), READ, POINT),
        ledger=[9],
        absolute=[9],
        right=9,
        without=Rule(change=_all_taken),
    ),
    "19, unseen": Row(
        what="an order in mode None that is not seen: nobody can know, until it is",
        moves=(do(S.ordered, "a", taken=False), do(S.at, 60), READ, POINT, do(S.heard, "a"), READ, POINT),
        ledger=[10, 9],
        absolute=[10, 9],
        right=9,
        without=Rule(change=_all_taken),
    ),
    "20": Row(
        what="a push of 76 minutes ago says 15; there are 5",
        moves=(do(S.at, 60), do(S.push, 15, minutes_ago=76), POINT, do(S.at, 70), READ, POINT),
        ledger=[5, 5],
        absolute=[15, 5],
        right=5,
        without=WITHOUT["a push is a reading"],
        start=5,
    ),
}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


@pytest.mark.parametrize("number", ROWS)
def test_the_ledger_shows_at_each_point_what_it_should_and_what_is_right_in_the_end(
    number: str, file: sqlite3.Connection
) -> None:
    row = ROWS[number]
    stage = Stage(file, row.start, Rule())
    play(stage, row.moves)
    assert stage.points == row.ledger
    stage.rest()
    assert stage.stands == row.right


@pytest.mark.parametrize("number", ROWS)
def test_the_absolute_rule_shows_what_is_told_of_it(number: str, file: sqlite3.Connection) -> None:
    row = ROWS[number]
    stage = Stage(file, row.start, None)
    play(stage, row.moves)
    assert stage.points == row.absolute


def test_which_rows_the_absolute_rule_fails() -> None:
    """It stands where every order is seen in time and stays (13), and where nothing is hidden (4, 10, 19)."""
    assert [number for number, row in ROWS.items() if row.absolute == row.ledger] == [
        "4",
        "10",
        "13",
        "19, seen",
        "19, unseen",
    ]


@pytest.mark.parametrize("number", ROWS)
def test_without_the_term_a_row_is_about_another_figure_stands(number: str, file: sqlite3.Connection) -> None:
    row = ROWS[number]
    stage = Stage(file, row.start, row.without, sees_carts=row.sees_carts)
    play(stage, row.moves)
    points = list(stage.points)
    stage.rest()
    assert (points, stage.stands) != (row.ledger, row.right)
