"""Slows whoever guesses tokens: after a few that were wrong, an address waits twice as long each time."""

from __future__ import annotations

from actors.domain.time import Instant

FREE = 3
"""Tries that cost no wait."""

LONGEST = 30_000
"""A token cannot be guessed; the wait is bounded, since people behind one proxy share an address. Milliseconds."""

_FORGOTTEN_AFTER = 15 * 60_000
_MOST_PEERS = 1000


class Throttle:
    """Counts tries that failed, by address; in memory, for as long as the process lives."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, Instant]] = {}

    def wait(self, peer: str, *, now: Instant) -> int:
        """Return how many milliseconds this address has yet to wait."""
        count, last = self._failed.get(peer, (0, 0))
        if count < FREE or now - last >= _FORGOTTEN_AFTER:
            return 0
        return max(0, last + min(LONGEST, 1000 << min(count - FREE, 10)) - now)

    def failed(self, peer: str, *, now: Instant) -> None:
        """Count a try."""
        count, last = self._failed.pop(peer, (0, 0))
        self._failed[peer] = (1 if now - last >= _FORGOTTEN_AFTER else count + 1, now)
        if len(self._failed) > _MOST_PEERS:
            del self._failed[next(iter(self._failed))]

    def passed(self, peer: str) -> None:
        """Forget an address that had a token."""
        self._failed.pop(peer, None)
