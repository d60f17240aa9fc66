"""How long a flow waits while another daemon may be writing: just after a start the lease is a moment away."""

from __future__ import annotations

from actors.domain.time import Clock

SHORT, LONG = 1_000, 30_000
"""Milliseconds."""

_A_START = 60.0
"""Seconds."""


class Patience:
    """Counts from when its flow was made."""

    def __init__(self, clock: Clock, *, short: int = SHORT) -> None:
        self._clock = clock
        self._short = short
        self._began = clock.monotonic()

    @property
    def wait(self) -> int:
        """Milliseconds until it is worth asking again: short at a start, long once somebody else has the lease."""
        return self._short if self._clock.monotonic() - self._began < _A_START else LONG
