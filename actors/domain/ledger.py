"""The ledger of an inventory entry: what may be written into it, so that no sold unit is handed back (law L4).

The rule, its true-up and the interleavings it survives are told in `docs/stock.md`. `decide` is the whole of it: from
the entry as it was last read, its ledger, the last readings and the orders known, to one step. It does no I/O and reads
no clock; what it went by is kept with every figure that is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from actors.domain.availability import Claim, Target
from actors.domain.time import Instant

LANDED = 15_000
"""Milliseconds after an order by which commercetools has taken it off its entry: up to ten seconds are usual."""

SKEW = 2_000
"""Milliseconds by which our clock and commercetools' may differ."""


class Step(StrEnum):
    """What to do with an entry."""

    NOTHING = "nothing"
    LOWER = "lower"
    RAISE = "raise"
    TRUE_UP = "true-up"
    RESTART = "restart"  # a true-up whose figure stands already: nothing is written
    CREATE = "create"
    HOLD = "hold"  # it would go to zero, and somebody has to say so first


class Waits(StrEnum):
    """What the next change of an entry waits for."""

    NOTHING = ""
    READING = "reading"  # of Cin7 Core
    LIST = "list"  # the next reading of the whole list: there is no hurry
    MARK = "mark"  # of the complete sweep: every order before the entry was read is known
    QUIET = "quiet"  # a moment without a young order


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as last read or written. `quantity` is its `quantityOnStock`, None where it certainly does not exist.

    It was read between `read_from` and `read_at`.
    """

    quantity: int | None
    version: int
    read_from: Instant
    read_at: Instant


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """`put` is what we have put into the entry since the ledger began; orders created after `base` belong to it.

    `suspended` says why nothing is raised before the next true-up ("": it may be). `low_by`: at most so many units less
    than is right stood in the entry when the ledger began, since orders were young.
    """

    put: int
    base: Instant
    suspended: str = ""
    low_by: int = 0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a step is decided by.

    `targets` are those of the last readings, newest first; a raise needs `wanted` of them. `hint` is what a push says,
    if anything: it may lower. `claims` are the known orders on this entry (for a component: not those of kits). `mark`:
    every order created before it is known. `ceiling`: nothing above it may stand (blocked, retired, stale); None: no
    such bound. `below_zero`: the figure is published as it is, also below zero. `may_create`: an entry that is missing
    is ours to make. `hold_zero`: the list alone may not bring it to zero before the whole of it was judged. `due`: the
    last true-up is so long ago that the ledger begins anew whenever it can.
    """

    shelf: Shelf
    ledger: Ledger | None
    targets: tuple[Target, ...]
    wanted: int
    claims: tuple[Claim, ...] = ()
    mark: Instant = 0
    hint: Target | None = None
    ceiling: int | None = None
    below_zero: bool = False
    may_create: bool = True
    hold_zero: bool = False
    due: bool = False

    @property
    def taken(self) -> int:
        """D: units of known orders of this ledger that commercetools takes off by itself."""
        base = self.ledger.base if self.ledger is not None else None
        return sum(claim.taken for claim in self.claims if base is not None and claim.created_at > base)

    @property
    def young(self) -> int:
        """Units that commercetools may or may not have taken off when the entry was read."""
        since = old_by(self.shelf.read_from)
        return sum(claim.taken for claim in self.claims if claim.created_at > since)

    @property
    def running(self) -> Ledger | None:
        """The ledger, where it may be raised by."""
        return self.ledger if self.ledger is not None and not self.ledger.suspended else None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `quantity` is what the entry is to show after it; `waits` what a further one waits for."""

    step: Step
    quantity: int | None = None
    waits: Waits = Waits.NOTHING

    @property
    def writes(self) -> bool:
        """True when the step is a write."""
        return self.step in (Step.LOWER, Step.RAISE, Step.TRUE_UP, Step.CREATE)


_NOTHING = Decision(step=Step.NOTHING)


def decide(question: Question) -> Decision:
    """Return the next step of an entry."""
    if question.shelf.quantity is None:
        return _create(question)
    there = question.shelf.quantity
    if question.ceiling is not None:
        return _lowered(question, there, question.ceiling) or _NOTHING
    if not question.targets and question.hint is None:
        return Decision(step=Step.NOTHING, waits=Waits.READING)
    return _lower(question, there) or _true_up(question, there) or _raise(question, there)


def old_by(moment: Instant) -> Instant:
    """Return the instant by which an order was created that an entry read at a moment certainly shows as taken off."""
    return moment - LANDED - SKEW


def worth_a_look(question: Question, now: Instant) -> bool:
    """Say whether reading the entry again would show what keeps it from being trued up: no young order is young now."""
    return question.young > 0 and all(claim.created_at <= old_by(now) for claim in question.claims if claim.taken)


def base_of(shelf: Shelf) -> Instant:
    """Where a ledger begins that is trued up by this reading of the entry: younger orders are taken off after it."""
    return shelf.read_at + SKEW


def prunable(claims: Sequence[Claim], targets: Sequence[Target], base: Instant) -> list[str]:
    """Return the ids of orders that a ledger which begins at `base` need not know: counted by every reading kept."""
    return [
        claim.order_id
        for claim in claims
        if claim.released
        or (
            claim.created_at <= base
            and bool(targets)
            and all(claim.uncounted(one.began_at, one.ended_at).most == 0 for one in targets)
        )
    ]


def _lowered(question: Question, there: int, goal: int) -> Decision | None:
    """Lower to a goal, if that is lower; what is not published below zero stops there, or where it is already."""
    if not question.below_zero:
        goal = max(goal, 0)
    return Decision(step=Step.LOWER, quantity=goal) if goal < there else None


def _lower(question: Question, there: int) -> Decision | None:
    """Lower to the upper bound of the newest reading, or of what was pushed: always allowed."""
    ledger, said = question.running, _and_pushed(question, question.targets[:1])
    if ledger is not None:
        goals = [there + target.high + question.taken - ledger.put for target in said]
    else:
        # What is young may still be taken off by commercetools itself.
        goals = [target.high + question.young for target in said]
    lower = _lowered(question, there, min(goals))
    if lower is None or not question.hold_zero or (lower.quantity or 0) > 0:
        return lower
    # What was pushed names the SKU: only a zero that the list alone shows is held.
    pushed = question.hint is not None and goals[-1] <= 0
    return lower if pushed else Decision(step=Step.HOLD, quantity=lower.quantity)


def _true_up(question: Question, there: int) -> Decision | None:
    """Write what is right, once nothing can be hidden; None while a raise by the ledger has to be enough."""
    fresh = [target for target in question.targets if target.began_at >= question.shelf.read_at]
    if not fresh or question.mark < base_of(question.shelf):
        return None
    if len(fresh) >= question.wanted:
        goal = min(target.free_low for target in _and_pushed(question, fresh[: question.wanted]))
        if goal > there:
            # Safe with young orders too: the ledger then starts low.
            return Decision(step=Step.TRUE_UP, quantity=goal)
    if question.young:
        return None
    lower = _lowered(question, there, fresh[0].free_high)
    if lower is not None:
        if question.hold_zero and (lower.quantity or 0) <= 0:
            return Decision(step=Step.HOLD, quantity=lower.quantity)
        return Decision(step=Step.TRUE_UP, quantity=lower.quantity)
    return _restart(question, there)


def _and_pushed(question: Question, targets: Sequence[Target]) -> list[Target]:
    """Return these, and what was pushed since: an older reading must not raise again what a push has lowered."""
    return [*targets, *([question.hint] if question.hint is not None else [])]


def _restart(question: Question, there: int) -> Decision | None:
    """Begin the ledger anew where it has to be, or where that lets it forget something."""
    kept = question.running is not None and not question.due
    if kept and not prunable(question.claims, question.targets, base_of(question.shelf)):
        return None
    return Decision(step=Step.RESTART, quantity=there)


def _raise(question: Question, there: int) -> Decision:
    """Raise by the lowest capacity of the last readings; what was pushed since may hold it back."""
    ledger, last = question.running, question.targets[: question.wanted]
    waits = _waits(question)
    if ledger is None:
        return Decision(step=Step.NOTHING, waits=waits)
    if not last:
        return Decision(step=Step.NOTHING, waits=Waits.READING)
    more = min(target.low for target in _and_pushed(question, last)) + question.taken - ledger.put
    if len(last) >= question.wanted and more > 0:
        return Decision(step=Step.RAISE, quantity=there + more)
    if last[0].low + question.taken > ledger.put:
        return Decision(step=Step.NOTHING, waits=Waits.READING)
    if any(claim.released for claim in question.claims) or (question.due and waits is Waits.QUIET):
        return Decision(step=Step.NOTHING, waits=waits)
    if there < ledger.put - question.taken:
        # It fell by more than known orders explain: by some nobody told of yet, or by hand. The true-up will tell.
        return Decision(step=Step.NOTHING, waits=Waits.LIST if waits is Waits.READING else waits)
    return _NOTHING


def _waits(question: Question) -> Waits:
    """Say what a true-up waits for."""
    fresh = [target for target in question.targets if target.began_at >= question.shelf.read_at]
    if len(fresh) < question.wanted:
        return Waits.READING
    if question.mark < base_of(question.shelf):
        return Waits.MARK
    return Waits.QUIET


def _create(question: Question) -> Decision:
    """Make the entry with what is right: as for a true-up, nothing may be hidden."""
    if not question.may_create or question.ceiling is not None:
        return _NOTHING
    fresh = [target for target in question.targets if target.began_at >= question.shelf.read_at]
    if len(fresh) < question.wanted:
        return Decision(step=Step.NOTHING, waits=Waits.READING)
    if question.mark < base_of(question.shelf):
        return Decision(step=Step.NOTHING, waits=Waits.MARK)
    goal = min(target.free_low for target in fresh[: question.wanted])
    return Decision(step=Step.CREATE, quantity=goal if question.below_zero else max(goal, 0))
