"""What both doubles' books say of stock over a whole run, kept in the order it happened; nothing asks the daemon.

Every order with what Cin7 Core holds for it, every answer about availability as Cin7 Core evaluated it, and every
quantity that was ever written into an inventory entry. `tests/simulation/stock_judge.py` judges by it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.ledger import Question
from adapters.sandbox.cin7_books import Line, Sale
from adapters.sandbox.cin7_fulfilments import Fulfilment
from adapters.sandbox.cin7_ledger import CreditNote, Invoice
from adapters.sandbox.network import VirtualTransport
from adapters.sandbox.shelves import EntryWrite
from adapters.transport import Request, Response
from tests.simulation.world import World

NEVER = math.inf

BASIS: ContextVar[Question | None] = ContextVar("basis", default=None)
"""What the daemon's task went by when it last decided about an entry: it names the readings that were used."""


class Sent(msgspec.Struct, frozen=True):
    """A request of the daemon on its way: when it left, and what was decided by."""

    at: int
    request: Request
    basis: Question | None = None


_SENT: ContextVar[Sent | None] = ContextVar("sent", default=None)


class Bought(msgspec.Struct, kw_only=True):
    """One order's units of one SKU; `untaken` of them commercetools does not take off by itself (mode None).

    `held` is how many of them Cin7 Core holds, as it changed: (tick, units).
    """

    order: Order
    sku: str
    units: int
    untaken: int
    held: list[tuple[int, int]] = []

    def held_at(self, tick: float) -> int:
        """How many units Cin7 Core held at a moment."""
        found = 0
        for since, units in self.held:
            if since > tick:
                break
            found = units
        return found


class Order(msgspec.Struct, kw_only=True):
    """An order; `placed`, `cancelled` and `sale_gone` (the end of its last live sale) are ticks."""

    id: str
    placed: int
    cancelled: float = NEVER
    sale_gone: float = -1

    def claims(self, tick: float) -> bool:
        """Whether it claims its units: until it is cancelled, and no sale of it lives or ever comes to life again."""
        return self.cancelled > tick or self.sale_gone > tick


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was available of a SKU when Cin7 Core evaluated one request, sent at `sent_at`."""

    tick: int
    at: int
    sent_at: int
    available: Decimal


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity that came to stand in an entry by a write. `before` None: the entry was made.

    `pending` are the units of accepted orders that commercetools had not taken off yet. `sent` None: not the daemon's.
    """

    tick: int
    at: int
    sku: str
    before: int | None
    quantity: int
    pending: int
    sent: Sent | None

    @property
    def raises(self) -> bool:
        """True where there is more to sell after it."""
        return self.quantity > (self.before or 0)


class StockBooks:
    """Keeps the books of a world from the moment it is made."""

    def __init__(self, made: World) -> None:
        self._made = made
        self._ticks = itertools.count()
        self.orders: dict[str, Order] = {}
        self.bought: dict[str, list[Bought]] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.writes: list[Write] = []
        self.on_sale_made: Callable[[str], None] = lambda order_id: None
        self._of_order: dict[str, dict[str, Bought]] = {}
        self._held: Counter[tuple[str, str, str]] = Counter()
        self._live: dict[str, set[str]] = {}
        self._listen_to_the_shop()
        self._listen_to_cin7()
        for network in (made.ct_network, made.cin7_network):
            note_sending(network, made.clock.now)

    # -- commercetools -------------------------------------------------------------------------------------------------

    def _listen_to_the_shop(self) -> None:
        shop = self._made.shop
        place, cancel = shop.place_order, shop.cancel

        def placing(*args: Any, **kwargs: Any) -> str:
            order_id = place(*args, **kwargs)
            self._placed(order_id)
            return order_id

        def cancelling(order_id: str) -> None:
            cancel(order_id)
            self.orders[order_id].cancelled = min(self.orders[order_id].cancelled, next(self._ticks))

        shop.place_order = placing  # type: ignore[method-assign]
        shop.cancel = cancelling  # type: ignore[method-assign]
        shop.on_entry_written = self._written

    def _placed(self, order_id: str) -> None:
        document = self._made.shop.orders[order_id]
        order = Order(id=order_id, placed=next(self._ticks))
        self.orders[order_id] = order
        of_order = self._of_order[order_id] = {}
        for line in document["lineItems"]:
            sku, units = line["variant"]["sku"], line["quantity"]
            bought = of_order.get(sku)
            if bought is None:
                bought = of_order[sku] = Bought(order=order, sku=sku, units=0, untaken=0)
                self.bought.setdefault(sku, []).append(bought)
            bought.units += units
            if line.get("inventoryMode", document["inventoryMode"]) == "None":
                bought.untaken += units

    def _written(self, written: EntryWrite) -> None:
        write = Write(
            tick=next(self._ticks),
            at=written.at,
            sku=written.sku,
            before=written.before,
            quantity=written.after,
            pending=written.waiting,
            sent=_SENT.get(),
        )
        self.writes.append(write)

    # -- Cin7 Core -----------------------------------------------------------------------------------------------------

    def _listen_to_cin7(self) -> None:
        cin7 = self._made.cin7
        books, desk = cin7.books, cin7._desk
        reserve, release, add, tell = books._reserve, books.release, books.add_sale, desk._tell

        def reserving(sale: Sale, line: Line) -> None:
            reserve(sale, line)
            self._holds(sale, line.sku)

        def releasing(sale: Sale) -> None:
            release(sale)
            for sku in {line.sku for line in sale.lines}:
                self._holds(sale, sku)

        def adding(sale: Sale) -> Sale:
            order = self._order_of(sale)
            if order is not None:
                self._live.setdefault(order.id, set()).add(sale.id)
                order.sale_gone = NEVER
                self.on_sale_made(order.id)
            return add(sale)

        def telling(kind: str, sale: Sale, task: Fulfilment | CreditNote | Invoice | None = None) -> None:
            order = self._order_of(sale)
            if kind == "Sale/Voided" and order is not None:
                self._live[order.id].discard(sale.id)
                order.sale_gone = NEVER if self._live[order.id] else next(self._ticks)
            tell(kind, sale, task)

        books._reserve = reserving  # type: ignore[method-assign]
        books.release = releasing  # type: ignore[method-assign]
        books.add_sale = adding  # type: ignore[method-assign]
        desk._tell = telling
        methods = cin7._routes["/ref/productavailability"]
        operation, answer = methods["GET"]

        def answering(call: Any) -> Any:
            answered: Any = answer(call)
            self._answered(answered["ProductAvailabilityList"])
            return answered

        methods["GET"] = (operation, answering)

    def _order_of(self, sale: Sale) -> Order | None:
        """The order a sale was made for, by the reference in its external id."""
        kind, _, rest = (sale.external_id or "").partition(":")
        return self.orders.get(rest.partition(":")[0]) if kind == "ct-order" else None

    def _holds(self, sale: Sale, sku: str) -> None:
        order = self._order_of(sale)
        bought = None if order is None else self._of_order[order.id].get(sku)
        if order is None or bought is None:
            return
        held = int(sum(line.reserved + line.picked for line in sale.lines if line.sku == sku))
        place = (order.id, sale.id, sku)
        before, self._held[place] = self._held[place], held
        units = (bought.held[-1][1] if bought.held else 0) + held - before
        bought.held.append((next(self._ticks), units))

    def _answered(self, rows: list[dict[str, Any]]) -> None:
        tick, at, sent = next(self._ticks), self._made.clock.now(), _SENT.get()
        available: dict[str, Decimal] = {}
        for row in rows:
            available[row["SKU"]] = available.get(row["SKU"], Decimal(0)) + Decimal(str(row["Available"]))
        for sku, figure in available.items():
            answer = Answer(tick=tick, at=at, sent_at=sent.at if sent else at, available=figure)
            self.answers.setdefault(sku, []).append(answer)

    # -- as it stands --------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """A moment after everything that has happened."""
        return next(self._ticks)

    def uncounted(self, sku: str, reading: float, at: float) -> int:
        """Units of a SKU that orders claim at `at` and a reading made at `reading` had not counted."""
        return sum(
            max(0, one.units - one.held_at(reading))
            for one in self.bought.get(sku, ())
            if one.order.placed < at and one.order.claims(at)
        )

    def target(self, sku: str, *, buffer: int = 0) -> int:
        """The exact figure of a SKU as everything stands now."""
        now = self.now()
        available = int(self._made.cin7.available(sku))
        return available - self.uncounted(sku, now, now) - buffer


def note_sending(network: VirtualTransport, now: Callable[[], int]) -> None:
    """Let the double know when the request it serves was sent: its half of an exchange inherits the context."""
    send = network.send

    async def noting(request: Request) -> Response:
        mark = _SENT.set(Sent(now(), request, BASIS.get()))
        try:
            return await send(request)
        finally:
            _SENT.reset(mark)

    network.send = noting  # type: ignore[method-assign]


def request_on_its_way() -> Request | None:
    """The request that a double is serving, if it serves one."""
    sent = _SENT.get()
    return None if sent is None else sent.request
