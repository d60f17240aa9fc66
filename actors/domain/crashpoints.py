"""Places where a kill must do no harm, so that a run can stand on each of them.

A crash point is announced by calling the injected `Probe`; in production it does nothing. The set of points is derived
from the code, not kept by hand: every `Purpose` that writes has the four phases of a remote write, and the mechanism
has its own. A run that kills at each point fails if one was never reached (`tests/simulation`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from actors.domain.calls import Purpose

Probe = Callable[[str], None]
"""Called with the name of the point that is being passed."""


class WritePhase(StrEnum):
    """The four moments around a remote write."""

    DECIDED = "decided"  # what to send is known, the intent is not on disk
    INTENDED = "intended"  # the intent is committed, nothing has left
    ANSWERED = "answered"  # the answer is here, nothing of it is on disk
    SETTLED = "settled"  # the outcome is committed


class MechanismPoint(StrEnum):
    """The moments of the mechanism itself."""

    PAGE_READ = "intake.page_read"  # a page of orders is in memory only
    PAGE_ACCEPTED = "intake.page_accepted"  # its orders and its cursor are committed
    DELIVERED = "intake.delivered"  # what a sender told is in memory only
    NOTED = "intake.noted"  # it is committed, the sender has not been told
    CLAIMED = "actor.claimed"  # the claim is committed, the handler has not begun
    HANDLED = "actor.handled"  # the handler is done, nothing of it is on disk
    SETTLED = "actor.settled"  # the settlement is committed


def write_point(purpose: Purpose, phase: WritePhase) -> str:
    """Name the crash point of one phase of one kind of write."""
    return f"{purpose.value}.{phase.value}"


def crash_points() -> frozenset[str]:
    """Every point there is."""
    writes = {write_point(purpose, phase) for purpose in Purpose if purpose.writes for phase in WritePhase}
    return frozenset(writes | {point.value for point in MechanismPoint})


def no_probe(point: str) -> None:
    """The probe of production: does nothing."""
