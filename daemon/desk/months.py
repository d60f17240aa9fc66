"""The report of a month for its page: kept for a while, and made aside, so that nobody waits for a page.

A month of tens of thousands of orders takes seconds to add up. Who asks for it first is told that it is being made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
import anyio.to_thread

from actors.domain.time import Clock
from daemon.kept import KEEPS

Document = dict[str, Any]

PATIENCE_SECONDS = 0.1
"""A small month is waited for."""

OLDEST_SECONDS = 600.0
"""One that is older is not shown while another is made."""


class _Made(NamedTuple):
    """A report, since when it stands, and until when nothing newer is needed; seconds of the monotonic clock."""

    period: str
    report: Document
    at: float
    until: float


class Months:
    """Makes a report where none is being made, and keeps the last; `make` runs in a thread."""

    def __init__(self, make: Callable[[str], Document], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._last: _Made | None = None
        self._makers = 0
        self._failed: tuple[str, Exception] | None = None

    async def shown(self, period: str) -> Document | None:
        """Return the report, perhaps some minutes old; None: it is being made.

        Raises:
            ProblemError: there is no such period, or the books' time zone is not known yet.
            Exception: what went wrong the last time, after nobody waited for it any more.
        """
        failed, self._failed = self._failed, None
        if failed is not None and failed[0] == period:
            raise failed[1]
        if not self._is_fresh(period) and not self._makers:
            with anyio.move_on_after(PATIENCE_SECONDS):
                try:
                    await anyio.to_thread.run_sync(self._gather, period, abandon_on_cancel=True)
                except Exception:
                    self._failed = None  # it is told here and now
                    raise
        last, now = self._last, self._clock.monotonic()
        if last is None or last.period != period or now - last.at > OLDEST_SECONDS:
            return None
        return last.report

    def _is_fresh(self, period: str) -> bool:
        last = self._last
        return last is not None and last.period == period and self._clock.monotonic() < last.until

    def _gather(self, period: str) -> None:
        """Goes on when nobody waits for it any more: what it finds is kept."""
        self._makers += 1
        try:
            began = self._clock.monotonic()
            report = self._make(period)
            ended = self._clock.monotonic()
            self._last = _Made(period, report, ended, ended + KEEPS * (ended - began))
        except Exception as error:
            self._failed = period, error
            raise
        finally:
            self._makers -= 1
