"""What Cin7 Core says there is of a SKU, and what of it may be sold: pure sums of readings and claims.

A *reading* says what was available at some moment between the start and the end of a call. A *claim* is what one order
takes of one entry of the storefront. Whether a reading had counted a claim already is sometimes not known (the sale was
authorised while the call ran, or its answer was lost): then there is a lower and an upper bound, and both are carried
along (law L4, `docs/stock.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal

import msgspec

from actors.domain.time import Instant

ZERO = Decimal(0)


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `GET /ref/productavailability` (Cin7 fact sheet §4): one SKU, location, bin and batch ("" without).

    `available` is read and never computed; it may be negative. `next_delivery` is when the next receipt is expected.
    """

    sku: str
    location: str
    bin: str = ""
    batch: str = ""
    on_hand: Decimal = ZERO
    allocated: Decimal = ZERO
    available: Decimal = ZERO
    on_order: Decimal = ZERO
    in_transit: Decimal = ZERO
    next_delivery: date | None = None

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What tells the row from every other one; Cin7 gives rows no id."""
        return (self.sku, self.location, self.bin, self.batch)


class StockPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of availability, and the span of the call that read it (ours, milliseconds).

    `met` counts the rows of the page as they came, usable or not; `total` is what the list says it holds.
    """

    rows: tuple[StockRow, ...]
    met: int
    total: int
    began_at: Instant
    ended_at: Instant


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was available of a SKU, by location, at some moment between `began_at` and `ended_at`.

    `named`: the SKU was asked for by name.
    """

    began_at: Instant
    ended_at: Instant
    figures: Mapping[str, Decimal]
    named: bool = False

    def at(self, locations: Iterable[str]) -> Decimal:
        """Return what is available in these locations together."""
        return sum((self.figures.get(location, ZERO) for location in locations), ZERO)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one order claims of one entry: units of one SKU on one supply channel.

    `taken` are the units commercetools takes off the entry by itself. `counted` are those its sale holds in Cin7 Core
    since the sale was authorised, `short` of them on backorder (`short_before` of them until `short_at`).
    `maybe_from`: when an authorisation was first sent; `counted_at`: when it was proved; `uncounted_at`: when the sale
    was found void. `leaving`: it is being voided, and a reading may show its units already. `released`: the order
    claims nothing any more (cancelled without a live sale, deleted, completed by somebody else, or let go by a person),
    which only a true-up may act on.
    """

    order_id: str
    created_at: Instant
    units: int
    taken: int = 0
    counted: int = 0
    short: int = 0
    short_before: int = 0
    short_at: Instant | None = None
    maybe_from: Instant | None = None
    counted_at: Instant | None = None
    uncounted_at: Instant | None = None
    leaving: bool = False
    released: bool = False

    def uncounted(self, began_at: Instant, ended_at: Instant) -> Bounds:
        """Return how many of its units a reading of that span does not show as taken, at least and at most."""
        if self.counted_at is None:
            return self._without_a_sale(began_at, ended_at)
        rest = self._rest(self.short)
        if self.leaving:
            return Bounds(rest, self.units)
        if began_at >= self.counted_at:
            if self.short_at is None or began_at >= self.short_at:
                return Bounds(rest, rest)
            return Bounds(rest, max(rest, self._rest(self.short_before)))
        before_it = self.maybe_from is not None and ended_at <= self.maybe_from
        if before_it and (self.uncounted_at is None or began_at >= self.uncounted_at):
            return Bounds(self.units, self.units)
        return Bounds(rest, self.units)

    def _without_a_sale(self, began_at: Instant, ended_at: Instant) -> Bounds:
        if self.uncounted_at is not None and began_at < self.uncounted_at:
            return Bounds(self._rest(0), self.units)
        began = self.maybe_from
        if began is None or ended_at <= began or (self.uncounted_at is not None and began <= self.uncounted_at):
            return Bounds(self.units, self.units)
        return Bounds(0, self.units)

    def _rest(self, short: int) -> int:
        """Return what the sale does not hold while so many of its units are on backorder."""
        return min(self.units, max(0, self.units - self.counted + short))


class Bounds(msgspec.Struct, frozen=True):
    """At least and at most."""

    least: Decimal | int
    most: Decimal | int


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU on one channel in one reading: what is available, and what orders claim of it."""

    available: Decimal
    began_at: Instant
    ended_at: Instant
    claims: tuple[Claim, ...] = ()

    def uncounted(self, *, free: bool = False) -> Bounds:
        """Add up what the reading does not show as taken; `free` leaves out what is released."""
        bounds = [
            claim.uncounted(self.began_at, self.ended_at) for claim in self.claims if not (free and claim.released)
        ]
        return Bounds(sum(one.least for one in bounds), sum(one.most for one in bounds))


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A kit that is assembled on sale from `quantity` of a component: its orders draw on the component."""

    kit: Source
    quantity: Decimal

    def uncounted(self, *, free: bool) -> Bounds:
        """Return what the kit's orders draw; those that kits on the shelf can serve draw nothing."""
        made, orders = max(0, _floor(self.kit.available)), self.kit.uncounted(free=free)
        return Bounds(self.quantity * max(ZERO, orders.least - made), self.quantity * max(ZERO, orders.most - made))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A component of a kit; `drawn` are the *other* kits that draw on it."""

    source: Source
    quantity: Decimal
    drawn: tuple[Drawn, ...] = ()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What may stand in an entry by one reading: available, less what orders claim uncounted, less the buffer.

    `low` and `high` are its bounds; `free_low` and `free_high` those without released claims, which is what a true-up
    writes. `available` is floored here, once.
    """

    began_at: Instant
    ended_at: Instant
    available: int
    low: int
    high: int
    free_low: int
    free_high: int
    buffer: int = 0


def plain_target(source: Source, *, buffer: int, drawn: Sequence[Drawn] = ()) -> Target:
    """Return the target of a SKU that is stock; `drawn` are the kits assembled from it."""
    spans = [source, *(one.kit for one in drawn)]

    def left(free: bool) -> tuple[int, int]:
        claims = [source.uncounted(free=free), *(one.uncounted(free=free) for one in drawn)]
        most = sum((Decimal(one.most) for one in claims), ZERO)
        least = sum((Decimal(one.least) for one in claims), ZERO)
        return _floor(source.available - most) - buffer, _floor(source.available - least) - buffer

    return _target(spans, _floor(source.available), left(False), left(True), buffer)


def kit_target(source: Source, parts: Sequence[Part], *, buffer: int) -> Target:
    """Return the target of a kit: what is on the shelf and what its scarcest component allows, less its orders."""
    spans = [source, *(part.source for part in parts), *(one.kit for part in parts for one in part.drawn)]

    def left(free: bool) -> tuple[int, int]:
        own = source.uncounted(free=free)
        makeable = [_makeable(part, free=free) for part in parts]
        least = min((one.least for one in makeable), default=ZERO)
        most = min((one.most for one in makeable), default=ZERO)
        return (
            _floor(source.available + least - own.most) - buffer,
            _floor(source.available + most - own.least) - buffer,
        )

    allowed = min((_whole_kits(part.source.available, part) for part in parts), default=ZERO)
    available = _floor(source.available + allowed)
    return _target(spans, available, left(False), left(True), buffer)


def _makeable(part: Part, *, free: bool) -> Bounds:
    claims = [part.source.uncounted(free=free), *(one.uncounted(free=free) for one in part.drawn)]
    most = sum((Decimal(one.most) for one in claims), ZERO)
    least = sum((Decimal(one.least) for one in claims), ZERO)
    available = part.source.available
    return Bounds(_whole_kits(available - most, part), _whole_kits(available - least, part))


def _whole_kits(available: Decimal, part: Part) -> Decimal:
    """Return how many kits so much of a component makes; one that is oversold takes no kit off the shelf."""
    return max(ZERO, Decimal(_floor(available / part.quantity)))


def _target(
    spans: Sequence[Source], available: int, bounds: tuple[int, int], free: tuple[int, int], buffer: int
) -> Target:
    return Target(
        began_at=min(one.began_at for one in spans),
        ended_at=max(one.ended_at for one in spans),
        available=available,
        low=bounds[0],
        high=bounds[1],
        free_low=free[0],
        free_high=free[1],
        buffer=buffer,
    )


def summed(rows: Iterable[StockRow]) -> dict[str, Decimal]:
    """Add up bins and batches by location; nothing is rounded."""
    figures: dict[str, Decimal] = {}
    for row in rows:
        figures[row.location] = figures.get(row.location, ZERO) + row.available
    return figures


def _floor(quantity: Decimal) -> int:
    return int(quantity.to_integral_value(ROUND_FLOOR))
