"""Stock of the double of Cin7 Core: a consequence of documents, by product, location, bin and batch.

On hand is what was received and not picked, and stands where it was put. Allocated is what authorised orders reserved
and no pick has taken yet: it has no bin, nor have deliveries that are expected, so both stand beside what has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from adapters.sandbox.cin7_books import Line, Location, Product, Sale

ZERO = Decimal(0)

_Key = tuple[str, str]


class Spot(NamedTuple):
    """Where in a location something lies."""

    bin: str | None = None
    batch: str | None = None


ANYWHERE = Spot()


class StockRow(NamedTuple):
    """One row of availability."""

    product: Product
    location: Location
    spot: Spot


class StockRoom:
    """What there is of every product, and what orders hold of it."""

    products: list[Product]
    locations: list[Location]
    sales: list[Sale]
    _products_by_sku: dict[str, Product]
    _products_by_id: dict[str, Product]

    def __init__(self) -> None:
        self.on_stock_moved: Callable[[Product, Location], None] = lambda product, location: None
        self._on_hand: dict[_Key, dict[Spot, Decimal]] = {}
        self._allocated: dict[_Key, Decimal] = {}
        self._expected: dict[_Key, dict[date, Decimal]] = {}
        self._coming: dict[_Key, dict[str, tuple[date | None, Decimal]]] = {}
        self._rows: list[StockRow] | None = None

    # --- what there is

    def stock_rows(self, product: Product | None = None) -> list[StockRow]:
        """Every place where a product ever was, was wanted or is expected: by product, then location, bin and batch."""
        if product is not None:
            return list(self._rows_of(product))
        if self._rows is None:
            self._rows = [row for each in self.products for row in self._rows_of(each)]
        return self._rows

    def _rows_of(self, product: Product) -> Iterator[StockRow]:
        for location in self.locations:
            spots = self._on_hand.get((product.id, location.id), {})
            for spot in sorted(spots, key=lambda spot: (spot.bin or "", spot.batch or "")):
                yield StockRow(product, location, spot)

    def stock_places(self) -> Iterator[tuple[Product, Location]]:
        """Every product and location where there is a row, in that order."""
        for product in self.products:
            for location in self.locations:
                if (product.id, location.id) in self._on_hand:
                    yield product, location

    def on_hand(self, product_id: str, location_id: str, spot: Spot | None = None) -> Decimal:
        """Return the physical quantity, of the whole location unless a spot is named."""
        spots = self._on_hand.get((product_id, location_id), {})
        return sum(spots.values(), ZERO) if spot is None else spots.get(spot, ZERO)

    def allocated(self, product_id: str, location_id: str, spot: Spot | None = None) -> Decimal:
        """Return what authorised orders reserved."""
        return self._allocated.get((product_id, location_id), ZERO) if spot in (None, ANYWHERE) else ZERO

    def available(self, product_id: str, location_id: str, spot: Spot | None = None) -> Decimal:
        """Return OnHand - Allocated; negative after a loss of stock that was reserved."""
        return self.on_hand(product_id, location_id, spot) - self.allocated(product_id, location_id, spot)

    def on_order(self, product_id: str, location_id: str, spot: Spot | None = None) -> Decimal:
        """Return the quantity that is expected, of purchases and otherwise."""
        if spot not in (None, ANYWHERE):
            return ZERO
        key = (product_id, location_id)
        bought = (quantity for _, quantity in self._coming.get(key, {}).values())
        return sum(self._expected.get(key, {}).values(), ZERO) + sum(bought, ZERO)

    def next_delivery(self, product_id: str, location_id: str, spot: Spot | None = None) -> date | None:
        """Return the day of the next expected receipt, if any."""
        if spot not in (None, ANYWHERE):
            return None
        key = (product_id, location_id)
        bought = (day for day, _ in self._coming.get(key, {}).values() if day is not None)
        return min((*self._expected.get(key, {}), *bought), default=None)

    # --- what comes in

    def receive(self, sku: str, location: Location, quantity: Decimal, spot: Spot = ANYWHERE) -> None:
        """Put stock in; a negative quantity takes it out."""
        product = self._products_by_sku[sku]
        self._put((product.id, location.id), quantity, spot)
        self.on_stock_moved(product, location)

    def expect_delivery(self, sku: str, location: Location, day: date | None, quantity: Decimal = ZERO) -> None:
        """Expect a receipt on this day too; None expects none. The product shows at the location from now on."""
        key = (self._products_by_sku[sku].id, location.id)
        self._put(key, ZERO)
        if day is None:
            self._expected.pop(key, None)
        else:
            self._expected.setdefault(key, {})[day] = quantity

    def receive_delivery(self, sku: str, location: Location, day: date) -> None:
        """Put in what was expected that day. Raises KeyError when nothing was."""
        key = (self._products_by_sku[sku].id, location.id)
        quantity = self._expected[key].pop(day)
        self.receive(sku, location, quantity)

    def set_coming(
        self, purchase_id: str, product: Product, location: Location, day: date | None, quantity: Decimal
    ) -> None:
        """Expect so much of a purchase, on a day or on none; nothing: it is not expected any more."""
        key = (product.id, location.id)
        self._put(key, ZERO)
        coming = self._coming.setdefault(key, {})
        if quantity:
            coming[purchase_id] = (day, quantity)
        else:
            coming.pop(purchase_id, None)

    def _put(self, key: _Key, quantity: Decimal, spot: Spot = ANYWHERE) -> None:
        spots = self._on_hand.setdefault(key, {})
        if spot not in spots:
            self._rows = None
        spots[spot] = spots.get(spot, ZERO) + quantity

    # --- what orders hold

    def allocate(self, sale: Sale) -> None:
        """Reserve for each line what is available; the rest is backordered without a word (fact sheet §2.5)."""
        for line in sale.lines:
            if self._products_by_id[line.product_id].type == "Stock":
                line.backordered = line.quantity - line.reserved - line.picked
                self._reserve(sale, line)

    def allocate_again(self, sale: Sale, line: Line) -> None:
        """Reserve for a line whose quantity changed; what is picked for it stays picked."""
        if self._products_by_id[line.product_id].type != "Stock":
            return
        self._let_go(sale, line)
        line.backordered = line.quantity - line.picked
        self._reserve(sale, line)

    def fill_backorders(self, sku: str, location: Location) -> None:
        """Give free stock to the oldest waiting lines first, those of kits it is a part of among them."""
        for sale in self.sales:
            if sale.authorised and not sale.voided and sale.location.id == location.id:
                for line in sale.lines:
                    if line.backordered and self._needs(line, sku):
                        self._reserve(sale, line)

    def _needs(self, line: Line, sku: str) -> bool:
        parts = self._products_by_id[line.product_id].parts
        return line.sku == sku or any(part.product.sku == sku for part in parts)

    def _reserve(self, sale: Sale, line: Line) -> None:
        """Hold what is on the shelf and then, of a kit, what can be made of its parts."""
        self._put((line.product_id, sale.location.id), ZERO)
        taken = min(line.backordered, max(self._free(line.product_id, sale), ZERO))
        self._hold(line.product_id, sale, taken)
        made = self._makeable(sale, line, line.backordered - taken)
        for product_id, quantity in line.drawn.items():
            self._hold(product_id, sale, made * quantity)
        line.made += made
        line.reserved += taken + made
        line.backordered -= taken + made

    def _makeable(self, sale: Sale, line: Line, wanted: Decimal) -> Decimal:
        """Return how many whole kits may be made; what a kit takes of its parts is settled by the first of them."""
        product = self._products_by_id[line.product_id]
        if not line.drawn and product.assembled:
            line.drawn = {part.product.id: part.quantity / product.quantity_to_produce for part in product.parts}
        if not line.drawn:
            return ZERO
        allowed = min(max(self._free(part, sale), ZERO) / quantity for part, quantity in line.drawn.items())
        return min(wanted, allowed) // 1

    def release(self, sale: Sale) -> None:
        """Give back what a sale reserved and what was picked for it."""
        for line in sale.lines:
            self._let_go(sale, line)
            if line.picked:
                self._put((line.product_id, sale.location.id), line.picked)
                self._moved(line.product_id, sale)
            line.picked = line.backordered = ZERO

    def _let_go(self, sale: Sale, line: Line) -> None:
        self._hold(line.product_id, sale, line.made - line.reserved)
        for product_id, quantity in line.drawn.items():
            self._hold(product_id, sale, -line.made * quantity)
        line.reserved = line.made = ZERO

    def pick(self, sale: Sale, line: Line, quantity: Decimal) -> None:
        """Take reserved units off the shelf: OnHand and Allocated fall together, Available stays (our reading).

        Of a kit what lies ready goes first, then the parts of what is made.
        """
        ready = min(quantity, line.reserved - line.made)
        made = quantity - ready
        taken = {line.product_id: ready} | {part: made * each for part, each in line.drawn.items()}
        for product_id, units in taken.items():
            if units:
                key = (product_id, sale.location.id)
                self._allocated[key] -= units
                self._take_off(key, units)
        line.picked += quantity
        line.reserved -= quantity
        line.made -= made

    def unpick(self, sale: Sale, line: Line, quantity: Decimal) -> None:
        """Put picked units back, still reserved: OnHand and Allocated rise together; a kit that was made stays made."""
        key = (line.product_id, sale.location.id)
        self._put(key, quantity)
        self._allocated[key] = self._allocated.get(key, ZERO) + quantity
        line.picked -= quantity
        line.reserved += quantity

    def _take_off(self, key: _Key, quantity: Decimal) -> None:
        """Take from bin after bin; what no bin has is missing where there is none."""
        for spot, there in self._on_hand[key].items():
            taken = min(max(there, ZERO), quantity)
            self._on_hand[key][spot] -= taken
            quantity -= taken
        self._put(key, -quantity)

    def _free(self, product_id: str, sale: Sale) -> Decimal:
        return self.available(product_id, sale.location.id)

    def _hold(self, product_id: str, sale: Sale, quantity: Decimal) -> None:
        """Reserve so much, or (negative) let it go."""
        if not quantity:
            return
        key = (product_id, sale.location.id)
        self._put(key, ZERO)
        self._allocated[key] = self._allocated.get(key, ZERO) + quantity
        self._moved(product_id, sale)

    def _moved(self, product_id: str, sale: Sale) -> None:
        self.on_stock_moved(self._products_by_id[product_id], sale.location)
