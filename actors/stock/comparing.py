"""Sorts the difference between an entry and what Cin7 Core and the orders say: a pure rule of the daily compare."""

from __future__ import annotations

from enum import StrEnum

from actors.domain.ledger import Question, Step, Waits, base_of
from actors.stock.assessing import Case
from actors.stock.publishing import unexplained


class Difference(StrEnum):
    """Why an entry shows something else than it should."""

    EXACT = "exact"  # it does not
    IN_FLIGHT = "in flight"  # a write of ours, a released order or a guard explains it: it is being put right
    LAG = "lag"  # an order may not be off the entry yet, or not known, or the reading is older than the last sale
    DRIFT = "drift"  # nothing explains it


def difference(case: Case) -> tuple[Difference, int]:
    """Return the class of an entry's difference, and by how many units it shows too much (negative: too little)."""
    question = case.question
    if question is None or question.shelf.quantity is None or not question.targets:
        return Difference.EXACT, 0
    low, high = _right(question)
    there = question.shelf.quantity
    off = there - high if there > high else min(0, there - low)
    if off == 0:
        return Difference.EXACT, 0
    if _under_way(case, question):
        return Difference.IN_FLIGHT, off
    if case.decision.step is Step.TRUE_UP:
        # It is about to be put right: what the ledger would have moved anyway is no drift.
        units = unexplained(question, case.decision)
        return (Difference.DRIFT, -units) if units else (Difference.IN_FLIGHT, off)
    if question.young or question.targets[0].began_at < question.shelf.read_at:
        return Difference.LAG, off
    if off < 0 and question.mark < base_of(question.shelf):
        return Difference.LAG, off  # orders that nobody has heard of yet may have taken it
    return Difference.DRIFT, off


def _right(question: Question) -> tuple[int, int]:
    """Return the bounds of what should stand there; below zero only where that is published.

    No more has to stand there than all the readings that a raise needs, and what was pushed since, agree on.
    """
    if question.ceiling is not None:
        return min(question.ceiling, 0), question.ceiling
    said = [*question.targets, *([question.hint] if question.hint is not None else [])]
    low, high = min(target.low for target in said), question.targets[0].high
    return low, high if question.below_zero else max(high, 0)


def _under_way(case: Case, question: Question) -> bool:
    record, ledger = case.record, question.ledger
    if ledger is None or ledger.suspended or record is None:
        return True
    if record.pending_call is not None or record.reread_after is not None or record.refused:
        return True
    if any(claim.released for claim in question.claims) or case.decision.step in (Step.LOWER, Step.RAISE, Step.HOLD):
        return True
    return case.decision.waits is Waits.READING
