"""What a drill is, what it acts on, and the facts that drills wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from actors.domain.time import Clock
from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft, rule_of
from adapters.sandbox.faults import Fault

MUG = "HW-MUG-STN-01"
EVERY_SECONDS = 1.0
_PLAIN = OrderDraft(lines=(LineDraft(sku=MUG, quantity=2),), shipping=ShippingDraft(tax=rule_of(20)))

Document = Mapping[str, Any]


class Watch(Protocol):
    """How a drill looks at the daemon, and acts there as one of its people would."""

    async def open_exceptions(self) -> list[Document]:
        """Every open exception, as the API shows it."""
        ...

    async def order(self, order_id: str) -> Document | None:
        """An order, as the API shows it."""
        ...

    async def retry(self, order_id: str) -> None:
        """Ask for a look at an order. Raises `DrillError` when it is refused."""
        ...

    async def map(self, kind: str, key: str, value: str) -> None:
        """Map one name to another, as finance does. Raises `DrillError` when it is refused."""
        ...


class Doorman(Protocol):
    """What pushes to the daemon's doors."""

    def switch_off(self) -> None:
        """What should be told is lost from now on."""
        ...

    def switch_on(self) -> None:
        """It is told again."""
        ...


class DrillError(Exception):
    """A drill cannot go on."""


class Stage:
    """What a drill acts on: both local systems, and the daemon as its people see it. `notes` is the drill's own."""

    def __init__(
        self, shop: Any, cin7: Any, *, clock: Clock, watch: Watch, pushes: Doorman | None = None, patience: float = 600
    ) -> None:
        self.shop = shop
        self.cin7 = cin7
        self.clock = clock
        self.watch = watch
        self.pushes = pushes
        self.patience = patience
        self.notes: dict[str, str] = {}

    def place(self, **changes: Any) -> str:
        """Let somebody order two mugs (or something else); return the order's id."""
        return str(self.shop.place_order(msgspec.structs.replace(_PLAIN, **changes)))

    def number(self, order_id: str) -> str:
        """The number people know an order by."""
        return str(self.shop.orders[order_id]["orderNumber"])

    def sale(self, order_id: str) -> Any:
        """The live sale of an order. Raises `DrillError` where there is none."""
        found = [one for one in self.cin7.live_sales() if order_id in (one.external_id or "")]
        if not found:
            raise DrillError(f"there is no sale for {self.number(order_id)}")
        return found[0]

    async def state(self, order_id: str) -> str:
        """Where the daemon says an order stands; "" while it does not know it."""
        found = await self.watch.order(order_id)
        return "" if found is None else str(found["state"])

    async def is_open(self, code: str, record_id: str = "") -> bool:
        """Say whether an exception of a type is open, of one record when asked."""
        for one in await self.watch.open_exceptions():
            if one["type"] == code and record_id in ("", one["record"]["id"]):
                self.notes.setdefault("exception", str(one["id"]))
                return True
        return False

    async def until(self, fact: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds. Raises `DrillError` past all patience."""
        deadline = self.clock.monotonic() + self.patience
        while not await fact():
            if self.clock.monotonic() > deadline:
                raise DrillError(f"{what}: not within {self.patience:g} seconds")
            await self.clock.sleep(EVERY_SECONDS)

    async def exported(self, order_id: str) -> bool:
        """Say whether an order is a sale, marked on both sides."""
        return await self.state(order_id) == "exported"


Step = Callable[[Stage], Awaitable[None]]
Fact = Callable[[Stage], Awaitable[bool]]


async def nothing(_stage: Stage) -> None:
    """Nobody has to do anything."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. `code` is the exception it is about ("": none), `page` the console's page it begins at.

    `hand` says what `mend` does in the other system ("": nothing). `press` is what a person does at the console: it is
    done for them only where nobody is there. `lesson` is what to take home.
    """

    name: str
    role: str
    code: str
    story: str
    see: str
    page: str
    command: str
    steps: tuple[str, ...]
    hand: str
    lesson: str
    minutes: int
    trouble: Step
    seen: Fact
    mend: Step
    press: Step = nothing
    solved: Fact


ORDER, LATE_ORDER = "order", "late order"
"""The notes of the order a drill is about, and of one that only shows that orders go on."""


def is_open(*codes: str) -> Fact:
    """Wait until an exception of one of these types is open, of the drill's order where it is about one."""

    async def fact(stage: Stage) -> bool:
        return any([await stage.is_open(code, stage.notes.get(ORDER, "")) for code in codes])

    return fact


def is_closed(*codes: str) -> Fact:
    """Wait until no exception of these types is open."""
    still_open = is_open(*codes)

    async def fact(stage: Stage) -> bool:
        return not await still_open(stage)

    return fact


def is_in(state: str, note: str = ORDER) -> Fact:
    """Wait until an order is in a state."""

    async def fact(stage: Stage) -> bool:
        return await stage.state(stage.notes[note]) == state

    return fact


def both(one: Fact, other: Fact) -> Fact:
    """Wait until both hold at one look."""

    async def fact(stage: Stage) -> bool:
        return await one(stage) and await other(stage)

    return fact


def calls_fail(fault: Fault, share: float) -> Step:
    """Let this share of all calls of Cin7 Core fail, and somebody order meanwhile."""

    async def step(stage: Stage) -> None:
        stage.cin7.faults.chance("*", fault, share)
        stage.notes[LATE_ORDER] = stage.place()

    return step
