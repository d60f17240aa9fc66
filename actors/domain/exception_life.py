"""Where an exception stands with the people who settle it: open, assigned, snoozed, waiting, reopened, resolved.

What holds a record, and what clears it, asks only whether it is open or resolved (law L6); a stage is what a person
sees on top: nothing is ever closed by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from actors.domain.exception_types import Severity
from actors.domain.time import Instant

HOUR = 3_600_000

DUE: Mapping[Severity, int] = MappingProxyType(
    {Severity.CRITICAL: HOUR, Severity.ERROR: 24 * HOUR, Severity.WARNING: 3 * 24 * HOUR, Severity.INFO: 7 * 24 * HOUR}
)
"""How long somebody has before an exception is overdue, in milliseconds."""


class Stage(StrEnum):
    """What its people know of it."""

    OPEN = "open"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    WAITING = "waiting"
    REOPENED = "reopened"
    RESOLVED = "resolved"


class ExceptionFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which exceptions; "" narrows nothing.

    `state` is open, resolved or all, `stage` one of `Stage`, `text` part of the order's number, the SKU or the cause.
    """

    owner: str = ""
    type: str = ""
    state: str = "open"
    stage: str = ""
    severity: str = ""
    group: str = ""
    assignee: str = ""
    text: str = ""


def stage(
    *,
    resolved: bool,
    snoozed_until: Instant | None,
    next_attempt_at: Instant | None,
    assignee: str,
    reopens: int | None,
    now: Instant,
) -> Stage:
    """Return the stage: of several that fit, the one that says most about what happens next.

    *Waiting* is what tallyd tries again by itself, and nobody's: what is somebody's is shown as theirs all the while.
    """
    if resolved:
        return Stage.RESOLVED
    if snoozed_until is not None and snoozed_until > now:
        return Stage.SNOOZED
    if assignee:
        return Stage.ASSIGNED
    if next_attempt_at is not None:
        return Stage.WAITING
    return Stage.OPEN if reopens is None else Stage.REOPENED


def due_at(severity: Severity, opened_at: Instant) -> Instant:
    """Return when an exception of this severity is overdue."""
    return opened_at + DUE[severity]
