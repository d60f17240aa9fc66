"""What is known of the arithmetic of one Cin7 Core account, learnt from its own answers (money §6).

Cin7's arithmetic is not documented, so sixteen models of it are held against every answer. A model that would have
shown other figures than Cin7 did is *refuted*; what is left is *alive*. Inclusive and exclusive documents learn apart.

A refutation is worth what it was seen on: an account may be changed overnight and say nothing of it. So a refutation
also has a day, and an order that hinges on models nobody refuted *today* goes as a DRAFT first.
"""

from __future__ import annotations

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
