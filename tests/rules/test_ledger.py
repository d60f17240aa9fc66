"""The rule of the ledger, step by step (docs/stock.md). The random histories are in `ledger_simulation.py`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.availability import Claim, Target
from actors.domain.ledger import (
    LANDED,
    SKEW,
    Decision,
    Ledger,
    Question,
    Shelf,
    Step,
    Waits,
    base_of,
    decide,
    old_by,
    prunable,
    worth_a_look,
)
from tests.rules.ledger_simulation import PEOPLE, PLAIN, RULE, SLIPS, WITHOUT, World, caught, fails, play

NOW = 1_800_000_000_000
SHELF = Shelf(quantity=10, version=3, read_from=NOW, read_at=NOW + 100)
MARK = base_of(SHELF)
OLD = NOW - LANDED - SKEW
"""An order created then had landed when the entry was read; one created a millisecond later may not have."""

RUNNING = Ledger(put=10, base=NOW - 60_000)
SUSPENDED = Ledger(put=10, base=NOW - 60_000, suspended="somebody else raised it")


def target(low: int, high: int | None = None, *, at: int = NOW - 1_000, free: tuple[int, int] | None = None) -> Target:
    """Return a target by a reading that began at `at`; `free` are its bounds without released orders."""
    high = low if high is None else high
    free_low, free_high = free if free is not None else (low, high)
    return Target(
        began_at=at, ended_at=at + 10, available=high, low=low, high=high, free_low=free_low, free_high=free_high
    )


def fresh(low: int, high: int | None = None, *, free: tuple[int, int] | None = None, place: int = 0) -> Target:
    """Return a target by a reading that began after the entry was read."""
    return target(low, high, at=NOW + 200 - place, free=free)


def claim(created_at: int = NOW - 30_000, **more: Any) -> Claim:
    return Claim(**{"order_id": "a", "created_at": created_at, "units": 1, "taken": 1, **more})


def question(*targets: Target, there: int | None = 10, **more: Any) -> Question:
    plain = {
        "shelf": msgspec.structs.replace(SHELF, quantity=there),
        "ledger": RUNNING,
        "wanted": 2,
        "targets": targets,
    }
    return Question(**{**plain, **more})


def nothing(waits: Waits = Waits.NOTHING) -> Decision:
    return Decision(step=Step.NOTHING, waits=waits)


def step(name: Step, quantity: int) -> Decision:
    return Decision(step=name, quantity=quantity)


TABLE: dict[str, tuple[Question, Decision]] = {
    # -- a running ledger ----------------------------------------------------------------------------------------------
    "what stands is right": (question(target(10), target(10)), nothing()),
    "a receipt, seen twice": (question(target(15), target(15)), step(Step.RAISE, 15)),
    "a receipt, seen once": (question(target(15), target(10)), nothing(Waits.READING)),
    "a receipt, read once at all": (question(target(15)), nothing(Waits.READING)),
    "one reading is enough where one is wanted": (question(target(15), wanted=1), step(Step.RAISE, 15)),
    "a raise goes by the lowest": (question(target(15), target(12)), step(Step.RAISE, 12)),
    "two of three readings are wanted": (question(target(15), target(15), target(10)), step(Step.RAISE, 15)),
    "three of three readings are wanted": (
        question(target(15), target(15), target(10), wanted=3),
        nothing(Waits.READING),
    ),
    "wholesale, seen once": (question(target(6), target(10)), step(Step.LOWER, 6)),
    "an older reading does not lower": (question(target(10), target(6)), nothing()),
    "between the bounds nothing is written": (question(target(8, 12), target(8, 12)), nothing()),
    "an uncertain receipt is raised to the lower bound": (
        question(target(12, 15), target(12, 15)),
        step(Step.RAISE, 12),
    ),
    "uncertain wholesale is lowered to the upper bound": (question(target(5, 7), target(10)), step(Step.LOWER, 7)),
    "an order seen before it is taken off moves nothing": (
        question(target(9), target(9), claims=(claim(),)),
        nothing(),
    ),
    "an order taken off before it is seen moves nothing, and waits for the list": (
        question(target(10), target(10), there=9),
        nothing(Waits.LIST),
    ),
    "or for the mark, once Cin7 Core was read after it": (
        question(fresh(10), fresh(10), there=9, mark=MARK - 1),
        nothing(Waits.MARK),
    ),
    "taken off, and seen": (question(target(9), target(9), there=9, claims=(claim(),)), nothing()),
    "taken off and unseen, and a receipt": (question(target(15), target(15), there=9), step(Step.RAISE, 14)),
    "mode None is taken off by nobody": (
        question(target(9), target(9), claims=(claim(taken=0),)),
        step(Step.LOWER, 9),
    ),
    "an order of the ledger before is not of this one": (
        question(target(9), target(9), claims=(claim(RUNNING.base),)),
        step(Step.LOWER, 9),
    ),
    "an order a millisecond later is": (question(target(9), target(9), claims=(claim(RUNNING.base + 1),)), nothing()),
    "a cancelled order stays subtracted, and waits for the true-up": (
        question(target(9, free=(10, 10)), target(9), there=9, claims=(claim(released=True),)),
        nothing(Waits.READING),
    ),
    "put more than a reading shows": (
        question(target(10), target(10), ledger=Ledger(put=15, base=0)),
        step(Step.LOWER, 5),
    ),
    # -- below zero ----------------------------------------------------------------------------------------------------
    "oversold in Cin7: zero": (question(target(-3), target(-3)), step(Step.LOWER, 0)),
    "oversold in Cin7, published as it is": (question(target(-3), target(-3), below_zero=True), step(Step.LOWER, -3)),
    "an entry below zero is not lowered": (
        question(target(-5), target(-5), there=-2, ledger=Ledger(put=-2, base=0)),
        nothing(),
    ),
    "an entry below zero, published as it is": (
        question(target(-5), target(-5), there=-2, ledger=Ledger(put=-2, base=0), below_zero=True),
        step(Step.LOWER, -5),
    ),
    "an entry below zero is raised below zero": (
        question(target(-1), target(-1), there=-3, ledger=Ledger(put=-3, base=0)),
        step(Step.RAISE, -1),
    ),
    "an entry below zero is trued up below zero": (
        question(fresh(-1), fresh(-1), there=-3, ledger=None, mark=MARK),
        step(Step.TRUE_UP, -1),
    ),
    "zero where less is right: the ledger begins with it": (
        question(fresh(-4), fresh(-4), there=0, ledger=None, mark=MARK),
        step(Step.RESTART, 0),
    ),
    # -- pushed --------------------------------------------------------------------------------------------------------
    "a push lowers at once": (question(target(10), target(10), hint=target(4)), step(Step.LOWER, 4)),
    "a push lowers before anything was read": (question(hint=target(4)), step(Step.LOWER, 4)),
    "a push does not raise": (question(target(10), target(10), hint=target(15)), nothing()),
    "a push alone does not raise": (question(hint=target(15)), nothing(Waits.READING)),
    "a push does not weaken what a reading lowers": (
        question(target(6), target(10), hint=target(8)),
        step(Step.LOWER, 6),
    ),
    "what a push lowered is not raised by older readings": (
        question(target(10), target(10), there=4, ledger=Ledger(put=4, base=0), hint=target(4)),
        nothing(Waits.READING),
    ),
    "nor by a true-up": (
        question(fresh(10), fresh(10), there=4, ledger=Ledger(put=4, base=0), hint=target(4), mark=MARK),
        nothing(Waits.READING),
    ),
    "a push of more than a receipt holds nothing back": (
        question(target(15), target(15), hint=target(20)),
        step(Step.RAISE, 15),
    ),
    # -- no ledger, or a suspended one ---------------------------------------------------------------------------------
    "nothing is known": (question(), nothing(Waits.READING)),
    "nothing is known of a new entry": (question(ledger=None), nothing(Waits.READING)),
    "no raise before a true-up": (question(target(15), target(15), ledger=None), nothing(Waits.READING)),
    "no raise while suspended": (question(target(15), target(15), ledger=SUSPENDED), nothing(Waits.READING)),
    "lowered before a true-up": (question(target(6), target(6), ledger=None), step(Step.LOWER, 6)),
    "lowered to the upper bound before a true-up": (question(target(5, 7), ledger=None), step(Step.LOWER, 7)),
    "a rise is lowered at once": (question(target(10), there=14, ledger=SUSPENDED), step(Step.LOWER, 10)),
    "what is young may be taken off yet": (
        question(target(9), ledger=None, claims=(claim(OLD + 1),)),
        nothing(Waits.READING),
    ),
    "what is old is off": (question(target(9), ledger=None, claims=(claim(OLD),)), step(Step.LOWER, 9)),
    # -- the true-up ---------------------------------------------------------------------------------------------------
    "begins": (question(fresh(15), fresh(15), ledger=None, mark=MARK), step(Step.TRUE_UP, 15)),
    "begins where what stands is right": (question(fresh(10), ledger=None, mark=MARK), step(Step.RESTART, 10)),
    "begins between the bounds with what stands": (
        question(fresh(8, 12), ledger=None, mark=MARK),
        step(Step.RESTART, 10),
    ),
    "ends a suspension": (question(fresh(10), ledger=SUSPENDED, mark=MARK), step(Step.RESTART, 10)),
    "waits for a reading after the entry": (
        question(target(15), target(15), ledger=None, mark=MARK),
        nothing(Waits.READING),
    ),
    "waits for a second reading": (question(fresh(15), target(15), ledger=None), nothing(Waits.READING)),
    "waits for the mark": (question(fresh(15), fresh(15), ledger=None, mark=MARK - 1), nothing(Waits.MARK)),
    "a raise goes by the lowest fresh": (
        question(fresh(15), fresh(12), ledger=None, mark=MARK),
        step(Step.TRUE_UP, 12),
    ),
    "raises with a young order": (
        question(fresh(14), fresh(14), ledger=None, mark=MARK, claims=(claim(OLD + 1),)),
        step(Step.TRUE_UP, 14),
    ),
    "does not begin with a young order where what stands is enough": (
        question(fresh(10), fresh(10), ledger=None, mark=MARK, claims=(claim(OLD + 1),)),
        nothing(Waits.QUIET),
    ),
    "gives cancelled units back": (
        question(fresh(9, free=(10, 10)), fresh(9, free=(10, 10)), there=9, mark=MARK, claims=(claim(released=True),)),
        step(Step.TRUE_UP, 10),
    ),
    "is due, and forgets nothing": (question(fresh(10), mark=MARK, due=True), step(Step.RESTART, 10)),
    "is not due, and forgets nothing": (question(fresh(10), mark=MARK), nothing()),
    "is not due, and forgets what is counted": (
        question(fresh(10), mark=MARK, claims=(claim(OLD, counted=1, counted_at=OLD),)),
        step(Step.RESTART, 10),
    ),
    "is due, and waits for a young order": (
        question(fresh(9), fresh(9), mark=MARK, due=True, claims=(claim(OLD + 1),)),
        nothing(Waits.QUIET),
    ),
    "finds what the ledger did not see: too much": (
        question(fresh(10), there=12, ledger=Ledger(put=12, base=0), mark=MARK),
        step(Step.LOWER, 10),
    ),
    "finds what the ledger did not see: units taken out by hand": (
        question(fresh(10), fresh(10), there=6, mark=MARK),
        step(Step.TRUE_UP, 10),
    ),
    "finds what the ledger did not see: units put in as others were sold": (
        question(
            fresh(6), there=10, mark=MARK, ledger=Ledger(put=10, base=0), claims=tuple(claim(OLD) for _ in range(4))
        ),
        step(Step.TRUE_UP, 6),
    ),
    # -- ceilings and held zeros ---------------------------------------------------------------------------------------
    "blocked": (question(target(15), target(15), ceiling=0), step(Step.LOWER, 0)),
    "blocked, and never read": (question(ceiling=0), step(Step.LOWER, 0)),
    "blocked, and zero": (question(fresh(15), fresh(15), there=0, ceiling=0, mark=MARK), nothing()),
    "blocked, and below zero": (question(target(15), target(15), there=-2, ceiling=0, below_zero=True), nothing()),
    "a zero that somebody has to confirm": (question(target(0), hold_zero=True), step(Step.HOLD, 0)),
    "a zero by a true-up, too": (
        question(fresh(0), hold_zero=True, mark=MARK, claims=tuple(claim(OLD) for _ in range(10))),
        step(Step.HOLD, 0),
    ),
    "less, but not zero, is not held": (question(target(1), hold_zero=True), step(Step.LOWER, 1)),
    "blocked goes to zero unasked": (question(target(10), ceiling=0, hold_zero=True), step(Step.LOWER, 0)),
    # -- an entry that is missing --------------------------------------------------------------------------------------
    "made": (question(fresh(7), fresh(6), there=None, ledger=None, mark=MARK), step(Step.CREATE, 6)),
    "made empty": (question(fresh(-2), fresh(-2), there=None, ledger=None, mark=MARK), step(Step.CREATE, 0)),
    "made as it is": (
        question(fresh(-2), fresh(-2), there=None, ledger=None, mark=MARK, below_zero=True),
        step(Step.CREATE, -2),
    ),
    "not made by old readings": (
        question(target(7), target(7), there=None, ledger=None, mark=MARK),
        nothing(Waits.READING),
    ),
    "not made before the mark": (
        question(fresh(7), fresh(7), there=None, ledger=None, mark=MARK - 1),
        nothing(Waits.MARK),
    ),
    "not ours to make": (
        question(fresh(7), fresh(7), there=None, ledger=None, mark=MARK, may_create=False),
        nothing(),
    ),
    "not made while blocked": (question(fresh(7), fresh(7), there=None, ledger=None, mark=MARK, ceiling=0), nothing()),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_step(name: str) -> None:
    asked, expected = TABLE[name]

    assert decide(asked) == expected


# -- what a ledger that begins need not know ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "forgotten"),
    [
        (claim(OLD, counted=1, counted_at=NOW - 10_000), True),
        (claim(OLD, counted=1, counted_at=NOW - 999), False),  # the newest reading began before
        (claim(OLD, counted=1, counted_at=NOW - 1_500), False),  # the one before did
        (claim(OLD, counted=1, counted_at=NOW - 10_000, short=1), False),
        (claim(OLD), False),
        (claim(MARK, counted=1, counted_at=NOW - 10_000), True),
        (claim(MARK + 1, counted=1, counted_at=NOW - 10_000), False),  # it belongs to the ledger that begins
        (claim(OLD, released=True), True),
    ],
)
def test_a_ledger_that_begins_forgets_what_every_reading_counts(one: Claim, forgotten: bool) -> None:
    readings = (target(10, at=NOW - 1_000), target(10, at=NOW - 2_000))

    assert prunable([one], readings, MARK) == (["a"] if forgotten else [])


def test_without_a_reading_nothing_is_forgotten() -> None:
    assert prunable([claim(OLD, counted=1, counted_at=OLD)], (), MARK) == []


@pytest.mark.parametrize(
    ("claims", "now", "worth"),
    [
        ((), NOW + 60_000, False),
        ((claim(OLD),), NOW + 60_000, False),
        ((claim(OLD + 1),), NOW, False),
        ((claim(OLD + 1),), NOW + 1, True),
        ((claim(OLD + 1), claim(NOW)), NOW + LANDED + SKEW - 1, False),
        ((claim(OLD + 1), claim(NOW)), NOW + LANDED + SKEW, True),
        ((claim(OLD + 1), claim(NOW, taken=0)), NOW + 1, True),
        ((claim(OLD + 1, taken=0),), NOW + 60_000, False),
    ],
)
def test_an_entry_is_worth_another_look_once_nothing_is_young_now(
    claims: tuple[Claim, ...], now: int, worth: bool
) -> None:
    assert worth_a_look(question(target(10), claims=claims), now) is worth
    assert old_by(NOW) == OLD


def test_what_a_decision_writes() -> None:
    assert {one for one in Step if Decision(step=one).writes} == {Step.LOWER, Step.RAISE, Step.TRUE_UP, Step.CREATE}


# -- histories ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("world", "runs"), [(PLAIN, 200), (SLIPS, 60)])
def test_no_history_raises_beyond_what_may_be_sold_and_each_ends_exact(world: World, runs: int) -> None:
    played = {seed: play(seed, RULE, world) for seed in range(runs)}

    assert {seed: verdict for seed, verdict in played.items() if fails(verdict)} == {}
    assert sum(verdict.raises for verdict in played.values()) > runs  # something was at stake


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), world=st.sampled_from([PLAIN, SLIPS]))
def test_nor_does_any_other(seed: int, world: World) -> None:
    assert not fails(play(seed, RULE, world))


RARE = {"an unchanged entry is not read again": 200, "a sale counts until it is proved void": 100}
"""From which seed a history that shows it is not far."""


@pytest.mark.parametrize("name", WITHOUT)
def test_each_term_is_needed(name: str) -> None:
    first = RARE.get(name, 0)

    assert caught(WITHOUT[name], range(first, first + 80)) is not None


@pytest.mark.parametrize("seed", range(20))
def test_what_people_do_to_an_entry_is_absorbed_in_the_end(seed: int) -> None:
    assert play(seed, RULE, PEOPLE).exact
