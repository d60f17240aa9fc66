"""One order's life after its sale, cell by cell: what happens, when, and how tallyd hears of it, against one table.

`TABLE` says for every event at every stage how the order ends; `docs/fulfilment.md` shows the same table, and a test
compares. How the news travels must make no difference: told once, twice, late, or lost and found by the sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from actors.census import hooks
from actors.messages import Flow
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.platform import read_notifications
from adapters.intake.ports import CIN7, SQS
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft, ShippingDraft, rule_of
from adapters.sandbox.cin7_wire import RefusedError
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.postman import Payload
from tests.simulation.senders import PATH, PUBLIC_URL, Senders, body_of
from tests.simulation.world import World

MUG, PLATE = "HW-MUG-STN-01", "HW-PLT-DIN-26"


class Stage(StrEnum):
    """How far an order is when something happens to it."""

    BEFORE = "before export"
    DOUBT = "in doubt"
    EXPORTED = "exported"
    PICKED = "picked"
    PART = "part shipped"
    SHIPPED = "shipped"


class Event(StrEnum):
    """What happens to it."""

    CANCEL = "cancel"
    ADDRESS = "edit of the address"
    LINES = "edit of the lines"
    PICK = "pick"
    PARTIAL = "partial ship"
    SHIP = "ship"
    UNDO = "undo"
    VOID = "void"
    RETURN = "return"


class News(StrEnum):
    """How tallyd hears of it."""

    ONCE = "once"
    TWICE = "twice"
    LATE = "late"
    LOST = "lost and swept"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How it ends: the order here, its states there, what is shown as delivered, whether a sale stands, who is asked.

    `shipment` "" is none; `delivered` are units of all lines; `sale` is "live", "void" or "none".
    """

    state: str
    order: str = "Open"
    shipment: str = ""
    delivered: int = 0
    sale: str = "live"
    asked: tuple[str, ...] = ()
    returned: int = 0

    def __str__(self) -> str:
        """One cell of the page."""
        shown = [f"**{self.state}**", f"order {self.order}", f"shipment {self.shipment or '–'}"]
        shown.append(f"{self.delivered} delivered")
        if self.returned:
            shown.append(f"{self.returned} back in stock")
        shown.append(f"sale {self.sale}")
        if self.asked:
            shown.append(", ".join(f"`{code}`" for code in self.asked))
        return " · ".join(shown)


UNITS = 3
"""Units of the order of every cell: two mugs and a plate, of which one mug is part shipped."""

_SOLD = End(state="exported")
_PICKED = End(state="exported", shipment="Ready")
_PART = End(state="exported", shipment="Partial", delivered=1)
_DONE = End(state="exported", shipment="Shipped", delivered=UNITS, order="Complete")


def _with(end: End, **changes: Any) -> End:
    return msgspec.structs.replace(end, **changes)


def _row(*, before: End, doubt: End, exported: End, picked: End, part: End, shipped: End) -> Mapping[Stage, End]:
    return dict(zip(Stage, (before, doubt, exported, picked, part, shipped), strict=True))


_CANCELLED = End(state="cancelled", order="Cancelled", sale="void")

TABLE: Mapping[Event, Mapping[Stage, End]] = {
    Event.CANCEL: _row(
        before=_with(_CANCELLED, sale="none"),
        doubt=_CANCELLED,
        exported=_CANCELLED,
        picked=_with(_PICKED, state="held", order="Cancelled", asked=("cancelled_after_pick",)),
        part=_with(_PART, state="held", order="Cancelled", asked=("shipped_after_cancel",)),
        shipped=_with(_DONE, state="held", order="Cancelled", asked=("shipped_after_cancel",)),
    ),
    Event.ADDRESS: _row(
        before=_SOLD,
        doubt=_SOLD,
        exported=_SOLD,
        picked=_with(_PICKED, asked=("edit_not_applied",)),
        part=_with(_PART, asked=("edit_not_applied",)),
        shipped=_with(_DONE, asked=("edit_not_applied",)),
    ),
    Event.LINES: _row(
        before=_SOLD,
        doubt=_with(_SOLD, state="held", asked=("order_edited", "totals_differ")),
        exported=_with(_SOLD, state="held", asked=("order_edited",)),
        picked=_with(_PICKED, state="held", asked=("order_edited",)),
        part=_with(_PART, state="held", asked=("order_edited",)),
        # Sent was all of it, and now it is not.
        shipped=_with(_DONE, state="held", shipment="Partial", asked=("order_edited",)),
    ),
    Event.PICK: _row(before=_SOLD, doubt=_PICKED, exported=_PICKED, picked=_PICKED, part=_PART, shipped=_DONE),
    Event.PARTIAL: _row(
        before=_SOLD, doubt=_PART, exported=_PART, picked=_PART, part=_with(_PART, delivered=2), shipped=_DONE
    ),
    Event.SHIP: _row(before=_SOLD, doubt=_DONE, exported=_DONE, picked=_DONE, part=_DONE, shipped=_DONE),
    Event.UNDO: _row(
        before=_SOLD,
        doubt=_SOLD,
        exported=_with(_SOLD, asked=("sale_undone",)),
        picked=_with(_SOLD, shipment="Pending"),
        part=_with(_PICKED, asked=("shipment_undone",)),
        shipped=_with(_PICKED, order="Complete", asked=("shipment_undone",)),
    ),
    Event.VOID: _row(
        before=_SOLD,
        doubt=_with(_SOLD, state="held", sale="void", asked=("sale_voided_by_hand",)),
        exported=_with(_SOLD, state="held", sale="void", asked=("sale_voided_by_hand",)),
        picked=_with(_SOLD, state="held", shipment="Pending", sale="void", asked=("sale_voided_by_hand",)),
        part=_with(
            _SOLD, state="held", shipment="Pending", sale="void", asked=("sale_voided_by_hand", "shipment_undone")
        ),
        shipped=_with(
            _SOLD,
            state="held",
            shipment="Pending",
            order="Complete",
            sale="void",
            asked=("sale_voided_by_hand", "shipment_undone"),
        ),
    ),
    Event.RETURN: _row(
        before=_SOLD,
        doubt=_with(_SOLD, returned=1),
        exported=_with(_SOLD, returned=1),
        picked=_with(_PICKED, returned=1),
        part=_with(_PART, returned=1),
        shipped=_with(_DONE, returned=1),
    ),
}
"""How every cell ends, whichever way the news came. Before there is a sale nothing can happen to one."""


class Messenger(Senders):
    """Carries the news as one policy says; while `held` everything is kept for `deliver_late`."""

    def __init__(self, made: World, news: News) -> None:
        super().__init__(made)
        self.news = News.ONCE
        self._policy = news
        self._kept: list[Callable[[], Any]] = []

    async def listen(self) -> None:
        """Have Cin7's webhooks made, and wait until they stand."""
        await self._made.daemon.nudge(hooks.APPLY, Flow.CENSUS)
        await self._made.until(self.all_stand, within=300)

    def begin(self) -> None:
        """From here on the news travels as the policy says; what brought the orders to their stages did not."""
        self.news = self._policy

    async def deliver_late(self) -> None:
        """Bring everything that was kept back, the newest first."""
        self.news = News.ONCE
        while self._kept:
            await self._kept.pop()()

    async def _carry(self, accept: Callable[[], Any]) -> bool:
        match self.news:
            case News.LOST:
                return True
            case News.LATE:
                self._kept.append(accept)
                return True
            case News.TWICE:
                return bool(await accept()) and bool(await accept())
            case _:
                return bool(await accept())

    async def _notify(self, payload: Payload) -> bool:
        async def accept() -> bool:
            return await self._made.daemon.accept(SQS, [read_notifications(body_of(payload))])

        return await self._carry(accept)

    async def _call(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        kind = url.removeprefix(PUBLIC_URL + PATH)

        async def accept() -> bool:
            return await self._made.daemon.accept(CIN7, read_hook(kind, body))

        return 200 if await self._carry(accept) else 503


class Life:
    """One order and what people do to it."""

    def __init__(self, made: World, event: Event, stage: Stage) -> None:
        self.made = made
        self.event = event
        self.stage = stage
        self.order_id = ""

    @property
    def sale_id(self) -> str:
        """The sale of the order, by its external id; "" while there is none."""
        wanted = f"ct-order:{self.order_id}"
        found = [sale.id for sale in self.made.cin7.sales if (sale.external_id or "").startswith(wanted)]
        return found[-1] if found else ""

    # -- to its stage -------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """Place the order; where it is to wait, unpaid."""
        draft = OrderDraft(
            lines=(LineDraft(sku=MUG, quantity=2), LineDraft(sku=PLATE, quantity=1)),
            shipping=ShippingDraft(tax=rule_of(20)),
        )
        if self.event is Event.LINES:
            draft = msgspec.structs.replace(draft, inventory_mode="None")
        if self.stage is Stage.BEFORE:
            draft = msgspec.structs.replace(draft, payment=PaymentDraft(status="pending"))
        self.order_id = self.made.shop.place_order(draft)

    async def arrive(self) -> None:
        """Be in the stage, and have tallyd know it."""
        if self.stage is Stage.DOUBT:
            await self._be_in_doubt()
            return
        self.place()
        if self.stage is Stage.BEFORE:
            await self.made.in_state(self.order_id, "awaiting", within=120)
            return
        await self.made.in_state(self.order_id, "exported", within=600)
        steps: Mapping[Stage, Callable[[], None]] = {
            Stage.EXPORTED: lambda: None,
            Stage.PICKED: self.pick,
            Stage.PART: self.ship_one,
            Stage.SHIPPED: self.ship,
        }
        steps[self.stage]()

    async def _be_in_doubt(self) -> None:
        """Lose the answer to the authorised order, and keep the daemon from looking until the event has happened."""
        made = self.made
        made.cin7_faults.plan("sale_order", Fault(kind=FaultKind.DROP_AFTER))
        self.place()
        await made.until(self._authorised, within=300, every=0.05)
        made.cin7_network.reachable = False

    def _authorised(self) -> bool:
        return bool(self.sale_id) and self.made.cin7.sale(self.sale_id).authorised

    # -- what happens -------------------------------------------------------------------------------------------------

    async def happen(self) -> None:
        """Let the event happen; what cannot happen at this stage is refused, and nothing has happened."""
        steps: Mapping[Event, Callable[[], None]] = {
            Event.CANCEL: lambda: self.made.shop.cancel(self.order_id),
            Event.ADDRESS: self.move_house,
            Event.LINES: self.order_more,
            Event.PICK: self.pick,
            Event.PARTIAL: self.ship_one,
            Event.SHIP: self.ship,
            Event.UNDO: self.undo,
            Event.VOID: self.void,
            Event.RETURN: self.come_back,
        }
        in_cin7 = self.event not in (Event.CANCEL, Event.ADDRESS, Event.LINES)
        if not in_cin7 or self.sale_id:
            with contextlib.suppress(RefusedError):
                steps[self.event]()
        if self.stage is Stage.DOUBT:
            self.made.cin7_network.reachable = True

    def move_house(self) -> None:
        self.made.shop.set_address(self.order_id, {"country": "GB", "streetName": "New Lane", "city": "York"})

    def order_more(self) -> None:
        self.made.shop.edit_order(self.order_id, quantities={MUG: 3})

    def pick(self) -> None:
        self.made.cin7.pick(self.sale_id)

    def ship_one(self) -> None:
        self.made.cin7.ship_part(self.sale_id, {MUG: 1}, tracking=f"T-{self.order_id[:8]}-{len(self._fulfilments)}")

    def ship(self) -> None:
        self.made.cin7.ship_rest(self.sale_id, tracking=f"S-{self.order_id[:8]}")

    def undo(self) -> None:
        """Undo the last thing done: the shipment, the pick, or the order itself."""
        cin7 = self.made.cin7
        if self.stage in (Stage.PART, Stage.SHIPPED):
            cin7.undo_ship(self.sale_id)
        elif self.stage is Stage.PICKED:
            cin7.undo_pick(self.sale_id)
        else:
            cin7.undo_by_hand(self.sale_id)

    def void(self) -> None:
        self.made.cin7.void_by_hand(self.sale_id, even_shipped=True)

    def come_back(self) -> None:
        self.made.cin7.add_credit_note(self.sale_id, status="AUTHORISED", lines=((MUG, 1),), restock=((MUG, 1),))

    @property
    def _fulfilments(self) -> list[Any]:
        return list(self.made.cin7.sale(self.sale_id).fulfilments)

    # -- how it ends --------------------------------------------------------------------------------------------------

    def end(self) -> End:
        """What both doubles' books and the daemon's file say."""
        made, order = self.made, self.made.shop.orders[self.order_id]
        sale = made.cin7.sale(self.sale_id) if self.sale_id else None
        returned = [item for info in order.get("returnInfo", ()) for item in info["items"]]
        return End(
            state=made.daemon.state(self.order_id),
            order=order["orderState"],
            shipment=order.get("shipmentState") or "",
            delivered=sum(made.shop.delivered(self.order_id).values()),
            sale="none" if sale is None else "void" if sale.voided else "live",
            asked=tuple(made.daemon.open_types(self.order_id)),
            returned=sum(item["quantity"] for item in returned if item["shipmentState"] == "BackInStock"),
        )

    def books_agree(self) -> str:
        """Say what does not agree between the two doubles' books; "" where all does."""
        made = self.made
        shipped = sum(made.cin7.shipped(self.sale_id).values(), Decimal(0)) if self.sale_id else 0
        delivered = sum(made.shop.delivered(self.order_id).values())
        if delivered != shipped:
            return f"{delivered} delivered, {shipped} shipped"
        if self.event is Event.ADDRESS and not made.daemon.open_types(self.order_id):
            address = made.cin7.sale(self.sale_id).header.get("ShippingAddress")
            if not isinstance(address, dict) or address.get("City") != "York":
                return "the sale shows the old address"
        keys = [(delivery, parcel) for delivery, parcel, _ in made.shop.parcels(self.order_id)]
        return "a parcel twice" if len(keys) != len(set(keys)) else ""
