"""The drills of the sandbox: a trouble that somebody else's system makes, what it looks like, and when it is mended.

A drill makes its trouble on the two local systems only; what the daemon does about it is what it would do on a server.
What a person would do in commercetools' or Cin7 Core's own screens is `mend`: the sandbox does it when it is told to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from actors.domain.time import Clock
from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft, rule_of
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.generator import STRANGER, UNKNOWN_TAX

MUG, CANDLE = "HW-MUG-STN-01", "HW-CND-FIG"
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


async def _nothing(_stage: Stage) -> None:
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
    press: Step = _nothing
    solved: Fact


# -- a SKU that Cin7 Core does not have -------------------------------------------------------------------------------


async def _sell_stranger(stage: Stage) -> None:
    if STRANGER.sku not in stage.shop.items:
        stage.shop.add_item(STRANGER)
    stage.notes["order"] = stage.place(lines=(LineDraft(sku=STRANGER.sku), LineDraft(sku=MUG)))


async def _create_stranger(stage: Stage) -> None:
    stage.cin7.add_product(STRANGER.sku, STRANGER.name, price=Decimal("37.50"), stock=20, tax_rule=STRANGER.tax_rule)


async def _no_longer_unknown(stage: Stage) -> bool:
    return await stage.exported(stage.notes["order"]) and not await stage.is_open("sku_unknown", stage.notes["order"])


# -- more sold than there is ------------------------------------------------------------------------------------------


async def _oversell(stage: Stage) -> None:
    """Sell the last candles over the counter, and on the storefront before it can know."""
    left = stage.cin7.available(CANDLE)
    stage.cin7.sell_by_hand(CANDLE, left)
    # The storefront answers for what it reserved: that it had some is not to be seen any more once it was told.
    line = LineDraft(sku=CANDLE, quantity=2, inventory_mode="ReserveOnOrder")
    stage.notes["order"] = stage.place(lines=(line,))


async def _candles_arrive(stage: Stage) -> None:
    stage.cin7.receive_stock(CANDLE, 10)


async def _ask_again(stage: Stage) -> None:
    await stage.watch.retry(stage.notes["order"])


def _is_open(*codes: str) -> Fact:
    async def fact(stage: Stage) -> bool:
        return any([await stage.is_open(code, stage.notes.get("order", "")) for code in codes])

    return fact


def _closed(*codes: str) -> Fact:
    async def fact(stage: Stage) -> bool:
        order = stage.notes.get("order", "")
        return not any([await stage.is_open(code, order) for code in codes])

    return fact


# -- Cin7 Core does not answer ----------------------------------------------------------------------------------------


async def _cin7_goes_down(stage: Stage) -> None:
    stage.cin7.faults.chance("*", Fault(kind=FaultKind.ERROR_BEFORE, status=503), 1.0)
    stage.notes["late order"] = stage.place()


async def _cin7_comes_back(stage: Stage) -> None:
    stage.cin7.faults.clear()


async def _is_unreachable(stage: Stage) -> bool:
    return await stage.is_open("cin7_unreachable")


async def _is_back(stage: Stage) -> bool:
    return await stage.exported(stage.notes["late order"]) and not await _is_unreachable(stage)


# -- a tax nobody mapped ----------------------------------------------------------------------------------------------


async def _tax_luxury(stage: Stage) -> None:
    stage.notes["order"] = stage.place(lines=(LineDraft(sku=MUG, tax=UNKNOWN_TAX),))


async def _map_luxury(stage: Stage) -> None:
    await stage.watch.map("tax", "GB/luxury", "20% (VAT on Income)")


async def _is_exported(stage: Stage) -> bool:
    return await stage.exported(stage.notes["order"])


# -- answers that are lost --------------------------------------------------------------------------------------------


async def _lose_an_answer(stage: Stage) -> None:
    stage.cin7.faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
    stage.notes["order"] = stage.place()


async def _is_in_doubt(stage: Stage) -> bool:
    return await stage.state(stage.notes["order"]) == "in_doubt"


async def _one_sale(stage: Stage) -> bool:
    order = stage.notes["order"]
    sales = [one for one in stage.cin7.live_sales() if order in (one.external_id or "")]
    if len(sales) > 1:
        raise DrillError("there are two sales for one order: void one of them, and report this")
    return await stage.exported(order)


# -- somebody else uses the key ---------------------------------------------------------------------------------------


async def _share_the_key(stage: Stage) -> None:
    stage.cin7.faults.chance("*", Fault(kind=FaultKind.LIMITED), 0.5)
    stage.notes["late order"] = stage.place()


async def _is_shared(stage: Stage) -> bool:
    return await stage.is_open("foreign_use")


async def _goes_on(stage: Stage) -> bool:
    """The exception itself clears after an hour without a limit answer: an order that goes through is the evidence."""
    return await stage.exported(stage.notes["late order"])


async def _key_of_their_own(stage: Stage) -> None:
    stage.cin7.faults.clear()
    stage.notes["late order"] = stage.place()


# -- pushes that stay away --------------------------------------------------------------------------------------------


async def _silence(stage: Stage) -> None:
    if stage.pushes is None:
        raise DrillError("this drill needs the doors: leave --no-push away")
    stage.pushes.switch_off()
    stage.notes["late order"] = stage.place()


async def _is_missed(stage: Stage) -> bool:
    return await stage.is_open("push_missed")


async def _speak_again(stage: Stage) -> None:
    if stage.pushes is not None:
        stage.pushes.switch_on()
    stage.place()


async def _tells_again(stage: Stage) -> bool:
    return not await _is_missed(stage)


# -- an order cancelled while it is packed ----------------------------------------------------------------------------


async def _cancel_late(stage: Stage) -> None:
    order = stage.notes["order"] = stage.place()
    await stage.until(lambda: stage.exported(order), "the order is a sale")
    stage.cin7.pick(stage.sale(order).id)
    stage.shop.cancel(order)


async def _void_the_sale(stage: Stage) -> None:
    sale = stage.sale(stage.notes["order"])
    stage.cin7.undo_pick(sale.id)
    for invoice in stage.cin7.invoices(sale.id):
        stage.cin7.void_invoice(sale.id, invoice.number)
    stage.cin7.void_by_hand(sale.id)


async def _is_cancelled(stage: Stage) -> bool:
    return await stage.state(stage.notes["order"]) == "cancelled"


# -- money given back, and nobody says what for -----------------------------------------------------------------------


async def _give_back(stage: Stage) -> None:
    order = stage.notes["order"] = stage.place()
    await _invoiced(stage, order)
    stage.shop.advise_return(order, MUG, 1)
    stage.notes["refund"] = stage.shop.refund(order, 1295)


async def _invoiced(stage: Stage, order: str) -> None:
    async def fact() -> bool:
        return await stage.exported(order) and any(one.stands for one in stage.cin7.invoices(stage.sale(order).id))

    await stage.until(fact, "the order is invoiced")


async def _credit_the_mug(stage: Stage) -> None:
    sale = stage.sale(stage.notes["order"])
    stage.cin7.add_credit_note(sale.id, lines=((MUG, 1),), refund_reference=stage.notes["refund"])


# -- the month does not tie out ---------------------------------------------------------------------------------------


async def _edit_an_invoice(stage: Stage) -> None:
    order = stage.notes["order"] = stage.place()
    await _invoiced(stage, order)
    sale = stage.sale(order)
    [invoice] = [one for one in stage.cin7.invoices(sale.id) if one.stands]
    price = next(iter(invoice.lines)).price
    stage.notes["price"] = str(price)
    stage.cin7.edit_invoice(sale.id, invoice.number, sku=MUG, price=price + 1)


async def _put_it_right(stage: Stage) -> None:
    sale = stage.sale(stage.notes["order"])
    [invoice] = [one for one in stage.cin7.invoices(sale.id) if one.stands]
    stage.cin7.edit_invoice(sale.id, invoice.number, sku=MUG, price=Decimal(stage.notes["price"]))


_DECLARED = (
    Drill(
        name="sku-missing",
        role="ecommerce",
        code="sku_unknown",
        story="Somebody bought a framed print that is on the storefront and was never entered in Cin7 Core.",
        see="One order is held by `sku_unknown`; the other orders go on. The incident names the SKU and its orders.",
        page="/exceptions?type=sku_unknown",
        command="exceptions list --owner ecommerce",
        steps=(
            "Open the exception: read the SKU as it is written, capitals and blanks too.",
            "Decide: if it is misspelt, mend it on the storefront; if the item is missing, create it in Cin7 Core.",
            "Do that. Wait: the order goes on by itself once Cin7 Core's list is read.",
        ),
        hand="creates the item in Cin7 Core, with 20 in stock",
        lesson="The SKU is the only thread between both sides. Create the item first, publish the product second.",
        minutes=3,
        trouble=_sell_stranger,
        seen=_is_open("sku_unknown"),
        mend=_create_stranger,
        solved=_no_longer_unknown,
    ),
    Drill(
        name="oversell",
        role="ecommerce",
        code="oversold",
        story="The shop in town sold the last fig candles; a second later somebody bought two on the storefront.",
        see="The order is a sale, and both candles are on backorder: `oversold`, sold as available.",
        page="/exceptions?type=oversold",
        command="exceptions list --owner ecommerce",
        steps=(
            "Open the exception: see how many are short, and when the next delivery comes.",
            "Tell the customer the date, or offer another item.",
            "Once the goods are in, press retry: the sale is looked at again (else within six hours by itself).",
        ),
        hand="receives ten candles in Cin7 Core",
        lesson="A sale over the counter is known after seconds, not at once. What sells in both places needs a buffer.",
        minutes=3,
        trouble=_oversell,
        seen=_is_open("oversold"),
        mend=_candles_arrive,
        press=_ask_again,
        solved=_closed("oversold", "backordered"),
    ),
    Drill(
        name="cin7-down",
        role="it",
        code="cin7_unreachable",
        story="Cin7 Core answers every call with an error. The storefront goes on selling.",
        see="Orders are accepted and wait. After the third failure one exception says that Cin7 Core is unreachable.",
        page="/",
        command="exceptions list --owner it",
        steps=(
            "Look at the overview: orders come in and wait, so nothing is lost. Restart nothing.",
            "Look at Cin7 Core's own status page; ask their support. Tell ops and finance that sales are late.",
            "Wait: tallyd tries again by itself, and works the backlog off within the limit.",
        ),
        hand="repairs Cin7 Core",
        lesson="Whatever is down, orders are kept. The minutes to drain say when the backlog will be gone.",
        minutes=4,
        trouble=_cin7_goes_down,
        seen=_is_unreachable,
        mend=_cin7_comes_back,
        solved=_is_back,
    ),
    Drill(
        name="tax-unmapped",
        role="finance",
        code="tax_unmapped",
        story="The storefront has a new tax rate, and nobody told finance which rule of Cin7 Core it is.",
        see="The order is held by `tax_unmapped`; the exception names the key that is looked for.",
        page="/exceptions?type=tax_unmapped",
        command="exceptions list --owner finance",
        steps=(
            "Open the exception: read the tax's name and rate. Decide which rule of Cin7 Core it is.",
            "Map it there (key `GB/luxury`, rule `20% (VAT on Income)`): it is tried on the last orders first.",
            "Put it in force: the order goes on at once.",
        ),
        hand="",
        lesson="Unknown is never zero. A new rate is agreed with finance before it is switched on.",
        minutes=3,
        trouble=_tax_luxury,
        seen=_is_open("tax_unmapped"),
        mend=_nothing,
        press=_map_luxury,
        solved=_is_exported,
    ),
    Drill(
        name="lost-answers",
        role="it",
        code="",
        story="Cin7 Core made a sale, and its answer was lost on the way. Nobody knows yet whether the sale is there.",
        see="The order is `in_doubt`. It is looked for by its exact reference, and never made a second time blindly.",
        page="/orders?state=in_doubt",
        command="orders list --state in_doubt",
        steps=(
            "Open the order: the timeline says what was sent, and when it is looked for.",
            "Enter nothing by hand in Cin7 Core, and do not press retry: it would be looked for, no more.",
            "Wait some two minutes: the sale is found, and the order goes on with it.",
        ),
        hand="",
        lesson="One order, one sale. Doubt is settled by looking, never by sending again.",
        minutes=4,
        trouble=_lose_an_answer,
        seen=_is_in_doubt,
        mend=_nothing,
        solved=_one_sale,
    ),
    Drill(
        name="key-shared",
        role="it",
        code="foreign_use",
        story="Another program was given tallyd's application key. Cin7 Core turns half of all calls away.",
        see="`foreign_use`: the limit is said to be reached, and tallyd is under it. Orders are slower; none fails.",
        page="/",
        command="exceptions list --owner it",
        steps=(
            "Look at the call budget: tallyd has lowered what it asks for by itself.",
            "Find who uses the key (Cin7 Core → Integrations → API), and give them one of their own.",
            "Or share it knowingly: lower [cin7] calls_per_minute to tallyd's part.",
        ),
        hand="gives the other program a key of its own",
        lesson="One program, one key. The exception closes by itself an hour after the last limit answer.",
        minutes=4,
        trouble=_share_the_key,
        seen=_is_shared,
        mend=_key_of_their_own,
        solved=_goes_on,
    ),
    Drill(
        name="push-silent",
        role="it",
        code="push_missed",
        story="commercetools' events do not arrive any more: somebody changed the subscription.",
        see="Orders still come in, found by the sweeps. `push_missed` counts what the door should have told.",
        page="/exceptions?type=push_missed",
        command="exceptions list --owner it",
        steps=(
            "See that orders go on: the sweeps find everything, some seconds later.",
            "Look at the subscription in commercetools (its health and destination), and at the queue or topic.",
            "Mend it. The exception closes once the door tells again.",
        ),
        hand="mends the subscription, and another order is placed",
        lesson="Pushes make it fast, sweeps make it whole.",
        minutes=4,
        trouble=_silence,
        seen=_is_missed,
        mend=_speak_again,
        solved=_tells_again,
    ),
    Drill(
        name="cancelled-late",
        role="ops",
        code="cancelled_after_pick",
        story="A customer cancels an order that the warehouse has just picked.",
        see="`cancelled_after_pick`: the order is cancelled, the sale stands, and tallyd does not void it by itself.",
        page="/exceptions?type=cancelled_after_pick",
        command="exceptions list --owner ops",
        steps=(
            "Call the warehouse: stop the parcel.",
            "In Cin7 Core undo the pick, void the invoice if there is one, then void the sale.",
            "Wait: the exception closes once the sale is read as void.",
        ),
        hand="undoes the pick in Cin7 Core, voids the invoice and then the sale",
        lesson="Once hands are on it, a person decides. Before that, tallyd voids by itself.",
        minutes=3,
        trouble=_cancel_late,
        seen=_is_open("cancelled_after_pick"),
        mend=_void_the_sale,
        solved=_is_cancelled,
    ),
    Drill(
        name="refund",
        role="finance",
        code="refund_unallocated",
        story="Customer service gave the money for a mug back, while the mug is still on its way to us.",
        see="`refund_unallocated`: money left, and no goods came back that a credit note could name.",
        page="/exceptions?type=refund_unallocated",
        command="exceptions list --owner finance",
        steps=(
            "Open the order: see the refund, the return that is announced, and the invoice.",
            "Ask what it was for. Where goods are back, mark the return in commercetools: the note follows by itself.",
            "Else enter a credit note in Cin7 Core; the refund's id, which is shown, is the reference of its payment.",
        ),
        hand="enters the credit note in Cin7 Core: one mug, paid back under the refund's id",
        lesson="A credit note says what money was given back for. Whoever gives money back enters the return with it.",
        minutes=5,
        trouble=_give_back,
        seen=_is_open("refund_unallocated"),
        mend=_credit_the_mug,
        solved=_closed("refund_unallocated", "books_differ"),
    ),
    Drill(
        name="month-end",
        role="finance",
        code="books_differ",
        story="On the last day of the month somebody changed the price on a posted invoice in Cin7 Core.",
        see="`books_differ`: order and invoice do not agree, by a pound and its tax. The month's report shows it.",
        page="/reconciliation",
        command="exceptions list --type books_differ",
        steps=(
            "Open the order: both sides stand side by side, with the document and the row that differ.",
            "Put the invoice right in Cin7 Core; or, if it was meant, accept it with a reason.",
            "Run the month's report again: nothing is left that differs.",
        ),
        hand="puts the invoice right in Cin7 Core",
        lesson="Finance closes a month once nothing differs and nothing waits; every accepted difference has a reason.",
        minutes=5,
        trouble=_edit_an_invoice,
        seen=_is_open("books_differ"),
        mend=_put_it_right,
        solved=_closed("books_differ"),
    ),
)

DRILLS: Mapping[str, Drill] = MappingProxyType({drill.name: drill for drill in _DECLARED})
"""Every drill by its name."""
