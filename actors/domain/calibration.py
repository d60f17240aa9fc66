"""What is known of the arithmetic of one Cin7 Core account, learnt from its own answers (money §6).

Cin7's arithmetic is not documented, so sixteen models of it are held against every answer. A model that would have
shown other figures than Cin7 did is *refuted*; what is left is *alive*. Inclusive and exclusive documents learn apart.

A refutation is worth what it was seen on: an account may be changed overnight and say nothing of it. So a refutation
also has a day, and an order that hinges on models nobody refuted *today* goes as a DRAFT first.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

HYPOTHESES = 16
"""How many models there are; `actors.domain.arithmetic` says which number is which."""

ALL = frozenset(range(HYPOTHESES))


class ModeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known for documents of one mode. Numbers are those of `arithmetic.MODELS`.

    `alive` was never refuted since the last reset, `fresh` was refuted today. `outside`: an answer fitted no model at
    all, so nothing is believed and every order goes as a DRAFT first. `seen` counts the answers that taught something.
    """

    alive: frozenset[int] = ALL
    fresh: frozenset[int] = frozenset()
    outside: bool = False
    seen: int = 0


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The record of an account. The flags are None while unknown.

    `negative_charges`: a charge below zero is taken. `repeated_charges`: one service product may stand twice.
    """

    inclusive: ModeRecord = ModeRecord()
    exclusive: ModeRecord = ModeRecord()
    negative_charges: bool | None = None
    repeated_charges: bool | None = None

    def of(self, *, inclusive: bool) -> ModeRecord:
        """Return the record of one document mode."""
        return self.inclusive if inclusive else self.exclusive


class Knowledge(StrEnum):
    """What the record says of one document."""

    SURE = "sure"  # every model alive shows it as meant, and the others were refuted today
    OPEN = "open"  # a DRAFT will tell
    WRONG = "wrong"  # no model alive shows it as meant


def judge(record: ModeRecord, exact: frozenset[int]) -> Knowledge:
    """Say whether a document that is exact under these models may be authorised at once."""
    if record.outside:
        return Knowledge.OPEN
    if not record.alive & exact:
        return Knowledge.WRONG
    if record.alive <= exact and (ALL - exact) <= record.fresh:
        return Knowledge.SURE
    return Knowledge.OPEN


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer taught: the record after it. `upset`: the answer contradicted what was believed."""

    record: ModeRecord
    upset: bool = False


def learn(record: ModeRecord, refuted: frozenset[int]) -> Lesson:
    """Take one answer in, given by the models it refutes.

    An answer that leaves no model alive says that the account has changed: all are alive again but those it refutes
    itself. One that fits no model at all says that the account is none of the sixteen.
    """
    if refuted == ALL:
        return Lesson(record=ModeRecord(outside=True, seen=record.seen + 1), upset=not record.outside)
    if record.outside:
        return Lesson(record=record)
    seen = record.seen + (1 if refuted else 0)
    alive = record.alive - refuted
    if alive:
        return Lesson(record=ModeRecord(alive=alive, fresh=record.fresh | refuted, seen=seen))
    return Lesson(record=ModeRecord(alive=ALL - refuted, fresh=refuted, seen=1), upset=True)
