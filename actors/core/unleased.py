"""What waits for the lease: nobody asks for it again and again, whoever gains it brings forward what waits."""

from __future__ import annotations

from collections.abc import Callable

from actors.core.actor import Later, Unit
from actors.domain.time import Instant

NO_LEASE = "the lease is not ours"

LEASE_WAIT = 30_000
"""Milliseconds before what waits for the lease looks again by itself."""


def wait_for_lease(now: Instant, may_write: Callable[[], bool], unit: Unit | None = None) -> Later:
    """Put a message off until the lease is ours."""
    return Later(due_at=now + LEASE_WAIT, reason=NO_LEASE, unit=unit, unless=may_write)
