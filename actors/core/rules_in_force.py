"""Rules that may change while the daemon runs: a row mapped at the desk holds at once, without a restart."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class InForce(Generic[T]):
    """Holds the rules; whoever judges reads `current` at that moment, and keeps none."""

    def __init__(self, current: T) -> None:
        self.current = current


class Ruled(Generic[T]):
    """A part of a flow that judges by such rules."""

    def __init__(self, rules: InForce[T]) -> None:
        self._in_force = rules

    @property
    def _rules(self) -> T:
        return self._in_force.current
