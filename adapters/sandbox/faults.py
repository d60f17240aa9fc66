"""What can be made to go wrong in a double: planned for the next calls of one kind, or drawn by a seeded die.

A fault happens *before* the effect (nothing was done, an error or a cut connection), *after* it (done, the answer is
lost), or only to the answer (slow, malformed). The double asks `pick` once per request and obeys.
"""

from __future__ import annotations

import fnmatch
import random
from enum import StrEnum
from functools import lru_cache

import msgspec


class DropConnectionError(Exception):
    """The double cuts the connection instead of answering: the socket closes, or in memory the answer is lost."""


class FaultKind(StrEnum):
    """Where in the life of one request it goes wrong."""

    ERROR_BEFORE = "error_before"  # `status` (500 unless said) and nothing done
    DROP_BEFORE = "drop_before"  # connection cut, nothing done
    ERROR_AFTER = "error_after"  # done, answered `status`
    DROP_AFTER = "drop_after"  # done, connection cut
    SLOW = "slow"  # `seconds` pass before it is done
    SLOW_ANSWER = "slow_answer"  # done at once, `seconds` pass before the answer
    MALFORMED = "malformed"  # done, the answer is not what it should be (HTML, cut JSON)
    LIMITED = "limited"  # a limit answer although nobody is over the limit


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing going wrong."""

    kind: FaultKind
    status: int = 500
    seconds: float = 0.0


class Faults:
    """The faults of one double. `operation` patterns are shell globs over the double's operation names."""

    def __init__(self, *, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._planned: list[tuple[str, Fault]] = []
        self._drawn: list[tuple[str, Fault, float]] = []
        self.happened: list[tuple[str, Fault]] = []

    def plan(self, operation: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next `times` matching requests fail this way; plans are used up in the order they were made."""
        self._planned.extend((operation, fault) for _ in range(times))

    def chance(self, operation: str, fault: Fault, probability: float) -> None:
        """Let every matching request fail this way with a probability, drawn from the seed."""
        self._drawn.append((operation, fault, probability))

    def clear(self) -> None:
        """Make everything well again."""
        self._planned.clear()
        self._drawn.clear()

    def pick(self, operation: str) -> Fault | None:
        """Say what goes wrong with this request, if anything; record it."""
        fault = self._take_planned(operation) or self._draw(operation)
        if fault is not None:
            self.happened.append((operation, fault))
        return fault

    def _take_planned(self, operation: str) -> Fault | None:
        for index, (pattern, fault) in enumerate(self._planned):
            if _fits(operation, pattern):
                del self._planned[index]
                return fault
        return None

    def _draw(self, operation: str) -> Fault | None:
        for pattern, fault, probability in self._drawn:
            if _fits(operation, pattern) and self._random.random() < probability:
                return fault
        return None


@lru_cache(maxsize=4096)
def _fits(operation: str, pattern: str) -> bool:
    """Say whether the operation is one of the pattern's: there are few of both, and every request asks for all."""
    return fnmatch.fnmatchcase(operation, pattern)
