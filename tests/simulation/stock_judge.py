"""Law L4 and the exact figure, by the doubles' own books.

A write of the daemon that raises an entry is held against *each* of the last readings, as many as a raise needs: once
commercetools has taken off every order it had accepted by then, the entry may show no more than what Cin7 Core had
available when it evaluated that reading, less every order that was accepted by then and that the reading had not
counted, less the buffer. Which readings were used is what the daemon decided by, as far as there were such readings;
what they said, and whom they counted, is in the books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from actors.domain.time import Instant
from tests.simulation.stock_books import Answer, Bought, StockBooks, Write
from tests.simulation.world import World


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A raise that hands back units that are sold; `over` of them, by the worst of its readings."""

    sku: str
    at: Instant
    before: int | None
    quantity: int
    pending: int
    available: int
    uncounted: int
    buffer: int
    over: int
    readings: int

    def __str__(self) -> str:
        return (
            f"{self.sku} at {self.at}: {self.before} raised to {self.quantity}, {self.pending} still to be taken off,"
            f" but available {self.available} - uncounted {self.uncounted} - buffer {self.buffer}:"
            f" {self.over} too many ({self.readings} readings)"
        )


class Judge:
    """Judges the raises of a run after it. `known_at`: since when the daemon's file knew each order."""

    def __init__(
        self, books: StockBooks, *, known_at: Mapping[str, Instant], wanted: int, buffers: Mapping[str, int]
    ) -> None:
        self._books = books
        self._known_at = known_at
        self._wanted = wanted
        self._buffers = buffers

    def violations(self) -> list[Violation]:
        """Return every raise of the daemon that broke L4."""
        raised = [write for write in self._books.writes if write.raises and write.sent is not None]
        judged = (self._judged(write) for write in raised)
        return [violation for violation in judged if violation is not None]

    def _judged(self, write: Write) -> Violation | None:
        answers = self._used(write)
        bounds = [(int(one.available), self._uncounted(write, one)) for one in answers]
        available, uncounted = min(bounds, key=lambda pair: pair[0] - pair[1], default=(0, 0))
        buffer = self._buffers.get(write.sku, 0)
        over = write.quantity - write.pending - (available - uncounted - buffer)
        if answers and over <= 0:
            return None
        return Violation(
            sku=write.sku,
            at=write.at,
            before=write.before,
            quantity=write.quantity,
            pending=write.pending,
            available=available,
            uncounted=uncounted,
            buffer=buffer,
            over=over,
            readings=len(answers),
        )

    def _uncounted(self, write: Write, answer: Answer) -> int:
        return sum(
            max(0, self._units(one, write) - one.held_at(answer.tick))
            for one in self._books.bought.get(write.sku, ())
            if one.order.placed < write.tick and one.order.claims(write.tick)
        )

    def _units(self, bought: Bought, write: Write) -> int:
        """What commercetools does not take off counts from the instant we see it."""
        assert write.sent is not None
        seen = self._known_at.get(bought.order.id)
        return bought.units - (bought.untaken if seen is None or seen > write.sent.at else 0)

    def _used(self, write: Write) -> list[Answer]:
        """The readings a write was decided by, filled up by the last ones before them that the daemon had heard."""
        assert write.sent is not None
        answers = self._books.answers.get(write.sku, [])
        targets = write.sent.basis.targets if write.sent.basis is not None else ()
        used: dict[int, Answer] = {}
        for target in targets[: self._wanted]:
            within = [one for one in answers if target.began_at <= one.sent_at and one.at <= target.ended_at]
            if within:
                found = min(within, key=lambda one: one.sent_at - target.began_at)
                used[found.tick] = found
        latest = min(used, default=write.tick)
        earlier = [one for one in answers if one.tick < latest and one.at <= write.sent.at]
        for one in reversed(earlier):
            if len(used) >= self._wanted:
                break
            used[one.tick] = one
        return list(used.values())


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry shows, and what it should."""

    sku: str
    shown: int
    right: int

    @property
    def exact(self) -> bool:
        """Nothing is published below zero; what was sold below it stands there until there is more."""
        return self.shown == self.right if self.right >= 0 else self.right <= self.shown <= 0


def wrong_figures(made: World, books: StockBooks, skus: Sequence[str], buffers: Mapping[str, int]) -> list[Figure]:
    """Return every SKU whose entry does not show the exact figure."""
    figures = (
        Figure(sku=sku, shown=made.shop.stock(sku), right=books.target(sku, buffer=buffers.get(sku, 0))) for sku in skus
    )
    return [figure for figure in figures if not figure.exact]


def forgotten(made: World, books: StockBooks) -> list[str]:
    """Return the orders the daemon knows, that claim units Cin7 Core does not hold, and that it does not subtract."""
    now = books.now()
    owed = {
        (one.order.id, one.sku)
        for of_sku in books.bought.values()
        for one in of_sku
        if one.order.claims(now) and one.held_at(now) < one.units
    }
    known = {row[0] for row in made.read(lambda file: file.execute("SELECT id FROM orders").fetchall())}
    kept = set(made.read(lambda file: file.execute("SELECT order_id, sku FROM demand WHERE units > 0").fetchall()))
    return sorted(f"{order_id} {sku}" for order_id, sku in owed - kept if order_id in known)
