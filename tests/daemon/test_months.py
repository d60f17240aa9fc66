"""The report of a month for its page: who waits for it, how long it is kept, and what is told meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio.lowlevel
import pytest

from actors.domain.facts import Company, FactKind
from actors.domain.time import parse_instant
from adapters.operator.problems import ProblemError
from daemon.desk.months import OLDEST_SECONDS, Months
from daemon.kept import KEEPS
from daemon.readmodel import LiveReading
from storage import facts
from tests.daemon_app import NOW, FixedClock, assembled


class Clock(FixedClock):
    """Moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Book:
    """Makes reports, each when it is let."""

    def __init__(self, clock: Clock, *, takes: float = 0.0) -> None:
        self.clock = clock
        self.takes = takes
        self.made: list[str] = []
        self.let = threading.Event()
        self.let.set()

    def make(self, period: str) -> dict[str, Any]:
        self.let.wait(10)
        self.made.append(period)
        self.clock.seconds += self.takes
        if period == "never":
            raise ProblemError(409, "not known yet")
        return {"period": period, "number": len(self.made)}


async def until_made(months: Months, period: str) -> dict[str, Any]:
    """Ask, as a page does, until it is there."""
    with anyio.fail_after(10):
        while (found := await months.shown(period)) is None:
            await anyio.lowlevel.checkpoint()
    return found


async def test_a_small_month_is_there_at_once_and_kept_as_long_as_it_took() -> None:
    clock = Clock(NOW)
    book = Book(clock, takes=2.0)
    months = Months(book.make, clock)
    assert await months.shown("2026-11") == {"period": "2026-11", "number": 1}
    clock.seconds += 2.0 * KEEPS - 1
    assert await months.shown("2026-11") == {"period": "2026-11", "number": 1}
    clock.seconds += 2
    assert await months.shown("2026-11") == {"period": "2026-11", "number": 2}
    assert await months.shown("2026-10") == {"period": "2026-10", "number": 3}


async def test_nobody_waits_for_a_large_month_and_it_is_made_once() -> None:
    clock = Clock(NOW)
    book = Book(clock, takes=2.0)
    months = Months(book.make, clock)
    book.let.clear()
    assert await months.shown("2026-11") is None
    assert await months.shown("2026-11") is None
    book.let.set()
    assert (await until_made(months, "2026-11"))["number"] == 1
    assert book.made == ["2026-11"]


async def test_what_is_not_too_old_is_shown_while_another_is_made() -> None:
    clock = Clock(NOW)
    book = Book(clock, takes=2.0)
    months = Months(book.make, clock)
    await months.shown("2026-11")
    book.let.clear()
    clock.seconds += OLDEST_SECONDS - 1
    assert await months.shown("2026-11") == {"period": "2026-11", "number": 1}
    clock.seconds += 2
    assert await months.shown("2026-11") is None
    book.let.set()
    assert (await until_made(months, "2026-11"))["number"] == 2


async def test_the_month_under_way_is_that_of_the_books(tmp_path: Path) -> None:
    """Half past eleven in the evening of the 31st in UTC is the 1st in Auckland."""
    async with assembled(tmp_path, lambda connection: None) as app:
        clock = app.engine.clock
        assert isinstance(clock, FixedClock)
        clock.at = parse_instant("2026-12-31T23:30:00Z")
        reading = LiveReading(app)
        assert await reading.this_month() == "2026-12"
        company = Company(name="Books", currency="NZD", time_zone="Pacific/Auckland")
        await app.engine.database.run(
            lambda connection: facts.store(connection, FactKind.COMPANY, (company,), now=NOW, whole=True)
        )
        assert await reading.this_month() == "2027-01"


async def test_what_goes_wrong_when_nobody_waits_any_more_is_told_to_who_asks_next() -> None:
    book = Book(Clock(NOW))
    months = Months(book.make, book.clock)
    book.let.clear()
    assert await months.shown("never") is None
    book.let.set()
    with anyio.fail_after(10):
        while book.made != ["never"]:
            await anyio.lowlevel.checkpoint()
    book.let.clear()  # nothing that is made from now on says why
    with pytest.raises(ProblemError, match="not known yet"):
        await until_made(months, "never")
    book.let.set()


async def test_what_cannot_be_made_says_why_and_is_tried_again() -> None:
    clock = Clock(NOW)
    months = Months(Book(clock).make, clock)
    for _ in range(2):
        with pytest.raises(ProblemError, match="not known yet"):
            await months.shown("never")
