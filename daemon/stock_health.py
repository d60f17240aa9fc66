"""The figures of stock in `/health`: ages, counts, the pass, and what is left alone.

With 100,000 SKUs they take most of a second, and the storefront's look-ups wait at the same connection. So they are
gathered in short units, and kept (`daemon.kept`).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio
import msgspec

from actors.domain.time import Instant
from actors.stock.assessing import PROGRESS, forecast
from actors.stock.rules import StockRules, standing_of
from actors.stock.watching import COMPARE
from daemon.instants import text_of
from daemon.kept import Kept
from storage import availability, meta, stock_figures

if TYPE_CHECKING:
    from daemon.engine import Engine

Document = dict[str, Any]

SLICE = 5_000
"""SKUs that are looked at in one unit."""

_T = TypeVar("_T")


class Look(Protocol[_T]):
    """Looks at a slice of the SKUs; returns what it found, and the SKU after which to go on (None: all done)."""

    def __call__(self, connection: sqlite3.Connection, *, after: str, limit: int) -> tuple[list[_T], str | None]:
        """Look at up to `limit` SKUs after one."""
        ...


class StockHealth:
    """Gathers the figures, and keeps what took long."""

    def __init__(self) -> None:
        self._gathering = anyio.Lock()
        self._kept = Kept()

    async def figures(self, engine: Engine) -> Document:
        """Return the figures; who asks while they are gathered is given the same.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        if not engine.plan.stock.enabled:
            return {"enabled": False}
        async with self._gathering:
            counted = await self._kept.get("counted", engine.clock, lambda: _counted(engine))
            return {**counted, "left": await self._kept.get("left", engine.clock, lambda: _left(engine))}


async def _counted(engine: Engine) -> Document:
    rules, now = engine.plan.stock, engine.clock.now()
    ages = sorted(max(0, now - read_at) // 1000 for read_at in await _sliced(engine, stock_figures.read_at))
    stored = await engine.database.read(lambda connection: _stored(connection, rules, now))
    return {
        "enabled": True,
        "skus": len(ages),
        "oldest_seconds": ages[-1] if ages else None,
        "p50_seconds": _percentile(ages, 50),
        "p95_seconds": _percentile(ages, 95),
        "behind": sum(age * 1000 > rules.max_age for age in ages),
        **stored,
    }


def _stored(connection: sqlite3.Connection, rules: StockRules, now: Instant) -> Document:
    progress, compared = meta.text(connection, PROGRESS), meta.text(connection, COMPARE)
    untrued = stock_figures.oldest_untrued(connection)
    return {
        **stock_figures.counts(connection),
        "forecast_seconds": forecast(connection, rules) // 1000,
        "pass": _shown(progress) if progress else None,
        "queued": availability.asked(connection),
        "untrued_oldest_seconds": None if untrued is None else (now - untrued) // 1000,
        "compare": _shown(compared) if compared else None,
    }


async def _left(engine: Engine) -> Document:
    """Count the SKUs of which no entry is written, by what they are."""
    left: Counter[str] = Counter()
    for product, count in await _sliced(engine, stock_figures.products):
        standing = standing_of(product, engine.plan.stock)
        left[standing.value] += 0 if standing.ours else count
    return dict(sorted((+left).items()))


async def _sliced(engine: Engine, look: Look[_T]) -> list[_T]:
    """Look at every SKU, a slice in each unit: other readers have their turn in between."""
    found: list[_T] = []
    after: str | None = ""
    while after is not None:
        some, after = await engine.database.read(partial(look, after=after, limit=SLICE))
        found += some
    return found


def _shown(known: str) -> Document:
    """Return what the file keeps of a pass or a compare, its instants as text."""
    return {
        name: text_of(value or None) if name == "at" or name.endswith("_at") else value
        for name, value in msgspec.json.decode(known, type=Document).items()
    }


def _percentile(ages: Sequence[int], percent: int) -> int | None:
    return ages[min(len(ages) - 1, len(ages) * percent // 100)] if ages else None
