"""One look at one order: what the warehouse did with its sale, what the order shows of it, and the difference.

The sale is read at most once, the order once, and at most one update is written: it brings the order to what stands in
Cin7 Core now, whatever was missed, late or told twice (design §3, "one message makes at most one remote write").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping

import msgspec

from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.core.unleased import wait_for_lease
from actors.domain import delivering, returning
from actors.domain.applying import applied
from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.delivering import Plan
from actors.domain.errors import InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Stages, is_undone
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.order_update import OrderAction, SetOrderState
from actors.domain.patching import sold_as
from actors.domain.people import withhold
from actors.domain.returning import Refund, ReturnPlan
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from actors.fulfilment.ports import Storefront, Warehouse
from actors.fulfilment.rules import FulfilmentRules, Known, has_to_be_read, is_due
from actors.fulfilment.telling import cin7_words, note, storefront_words
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge, Urgency
from storage import books, calls, exceptions, facts, flows, fulfilments, listed_sales, orders, outbox, patches, timeline
from storage.fulfilments import FulfilmentRecord
from storage.orders import OrderRecord, SaleRecord

TOLD = (
    "shipment_differs",
    "restock_differs",
    "return_open",
    "refund_open",
    "fulfilment_rejected",
)
"""Types that a look finds again as long as they hold: what it finds no more is over."""

LIST_LAGS = 600_000
"""Milliseconds after which the list shows what a reading has shown, if it ever does in the same words."""

_SENT = {"Partial", "Shipped"}

_UNSOLD = frozenset({OrderState.CREATING, OrderState.IN_DOUBT, OrderState.HEADER})
"""States in which the sale is still being made: its order's own flow nudges once it stands."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is on disk about one order. `listed`: how the list shows its sale (None: it does not).

    `aliases`: as what SKUs of the order are sold.
    """

    order: OrderRecord
    sale: SaleRecord
    row: FulfilmentRecord
    listed: listed_sales.Standing | None
    behind_from: Instant | None
    needless: bool
    refused: bool
    counted: bool
    refunds: tuple[Refund, ...]
    aliases: Mapping[str, str]

    def stages(self, view: SaleView | None = None) -> Stages:
        """How far the sale is: as read, else as listed. What stood once and is a draft now was undone."""
        if view is not None:
            undone = not view.voided and is_undone(view.order_status)
            return msgspec.structs.replace(view.stages, undone=undone)
        return self.listed.stages if self.listed is not None else Stages()

    def seen(self, view: SaleView | None = None) -> str:
        """The same with the credit notes, as it is compared."""
        return fulfilments.seen_text(self.stages(view), self.listed.notes if self.listed is not None else {})


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a look saw and decided. `view` None: the sale was not read."""

    subject: Subject
    began: Instant
    order: Order
    view: SaleView | None
    plan: Plan
    returns: ReturnPlan
    refunds: tuple[Refund, ...]
    actions: tuple[OrderAction, ...]

    @property
    def stages(self) -> Stages:
        """How far the sale is: as read, else as listed."""
        return self.subject.stages(self.view)


class Looker(Ruled[FulfilmentRules]):
    """Looks at orders."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        storefront: Storefront,
        warehouse: Warehouse,
        rules: InForce[FulfilmentRules],
        may_write: Callable[[], bool],
    ) -> None:
        self._around = surroundings
        self._storefront = storefront
        self._warehouse = warehouse
        super().__init__(rules)
        self._may_write = may_write

    async def look(self, order_id: str) -> Outcome:
        """Bring one order to what stands in Cin7 Core."""
        began = self._around.clock.now()
        unsent = self._rules.gift_cards
        subject = await self._around.database.read(lambda connection: _load(connection, order_id, unsent))
        if subject is None:
            return Done()
        known = _known(subject, began)
        if not is_due(known):
            later = subject.behind_from
            return Done() if later is None else Later(due_at=later, reason="read a moment ago")
        if not self._rules.shadow and not self._may_write():
            return wait_for_lease(began, self._may_write)
        # The order first: while commercetools does not answer, or not with an order, no call to Cin7 Core is spent.
        try:
            read = await self._storefront.read_order(order_id)
        except Missing:
            # There is nothing left to show anything on: whatever moved until now needs no second look.
            return Done(
                unit=_over(order_id, _looked(subject, None, began), began), nudges=(_of_orders(order_id, began),)
            )
        except Rejected as error:
            # The orders flow tells of an order nobody can read, and clears it once it can be read.
            return Later(due_at=began + self._rules.quiet, reason=error.reason, unit=_hand_on(order_id))
        order, view = sold_as(read.order, subject.aliases), None
        if has_to_be_read(known):
            try:
                view = await self._warehouse.read_fulfilment(subject.sale.sale_id, subject=order_id)
            except Missing:
                # It was deleted, and the census tells of it. Should the list still show it move, it is asked for again.
                return Done(unit=_over(order_id, subject.row, began))
        sight = await self._judge(subject, order, view, began)
        if not sight.actions:
            return Done(unit=self._seen(sight, order.version, order), after=self._tell(sight))
        if self._rules.shadow:
            return Done(unit=self._would(sight), after=self._tell(sight))
        return await self._write(sight)

    async def _judge(self, subject: Subject, order: Order, view: SaleView | None, began: Instant) -> Sight:
        skus = {line.sku for line in order.lines if line.sku}
        # Only now that the sale was read: what voided it, if it was us, was written down before.
        digital, voiding = await self._around.database.read(
            lambda connection: (_digital(connection, skus), _is_voiding(connection, subject.order))
        )
        digital |= skus & self._rules.gift_cards
        plan = delivering.plan(
            order,
            view.fulfilments if view is not None else None,
            subject.stages(view),
            digital=digital,
            published=_ours(subject.row, order),
            rules=self._rules.delivery,
        )
        notes = view.credit_notes if view is not None else None
        returns = returning.plan_returns(order, notes)
        actions = (*plan.actions, *returns.actions)
        if view is not None and view.voided and not voiding and self._cancels(order):
            actions = (
                *(one for one in actions if not isinstance(one, SetOrderState)),
                SetOrderState(state="Cancelled"),
            )
        return Sight(
            subject=subject,
            began=began,
            order=order,
            view=view,
            plan=plan,
            returns=returns,
            refunds=returning.refunds(order, notes, subject.refunds),
            actions=actions,
        )

    def _cancels(self, order: Order) -> bool:
        return self._rules.cancel_voided and order.state in ("Open", "Confirmed")

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _write(self, sight: Sight) -> Outcome:
        order = sight.order
        intent = Intent(
            Purpose.CT_UPDATE_ORDER,
            subject=order.id,
            generation=sight.subject.order.generation,
            beside=lambda connection, _: self._intend(connection, sight),
        )
        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        try:
            version = await self._storefront.update_order(order, sight.actions, intent)
        except InDoubt as error:
            reason = error.reason
            return Later(
                due_at=None,
                reason=reason,
                unit=lambda connection, now: calls.settle(connection, intent.call_id, "unknown", detail=reason),
                points=points,
            )
        except Rejected as error:
            return self._rejected(sight, intent, withhold(order, error.detail) or error.reason, points)
        except WireError as error:
            error.call_id = intent.call_id
            raise
        seen = self._seen(sight, version, applied(order, sight.actions))

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "done")
            clear_connection(connection, intent.purpose.side, intent.purpose.operation, now=now)
            note(connection, sight.order.id, sight.actions, now)
            seen(connection, now)

        return Done(unit=unit, points=points, after=self._tell(sight))

    def _intend(self, connection: sqlite3.Connection, sight: Sight) -> None:
        """Write down, before the update leaves, what has to be known should no answer come.

        The state may be there from here on, and is then ours. A delivery may be gone, and a later look finds nothing to
        take off any more: that a customer may have been told of it is told now.
        """
        fulfilments.claim(connection, sight.order.id, sight.plan.state)
        if _takes_back(sight):
            exceptions.raise_finding(connection, _record(sight), _undone(sight), now=self._around.clock.now())

    def _rejected(self, sight: Sight, intent: Intent, words: str, points: tuple[str, ...]) -> Later:
        due_at = self._around.clock.now() + self._rules.refused
        looked = _over(sight.order.id, _looked(sight.subject, sight.view, sight.began), sight.began)
        finding = Finding(
            code="fulfilment_rejected",
            cause=f"commercetools refused what was fulfilled of order {sight.order.shown_as}: {words}",
            group=f"fulfilment_rejected:{words}",
            facts={"answer": words, "actions": ", ".join(type(action).__name__ for action in sight.actions)},
        )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=words)
            exceptions.raise_finding(connection, _record(sight), finding, now=now, next_attempt_at=due_at)
            # What was seen would be refused again: until then only what moves anew is a reason to read the sale.
            looked(connection, now)

        return Later(due_at=due_at, reason="refused", unit=unit, points=points)

    # -- settling -----------------------------------------------------------------------------------------------------

    def _seen(self, sight: Sight, version: int, order: Order) -> Callable[[sqlite3.Connection, Instant], None]:
        """Keep what was seen and is shown now: `order` as it is under `version`, after our write if there was one."""

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            row = sight.subject.row
            shipped = delivering.shown_as_sent(order)
            shown = {sku: max(units, shipped.get(sku, 0)) for sku, units in (shipped | row.shown).items()}
            fulfilments.put(
                connection,
                order.id,
                FulfilmentRecord(
                    seen=sight.subject.seen(sight.view),
                    alias=_alias(sight),
                    read_at=sight.began if sight.view is not None else row.read_at,
                    published=sight.plan.state,
                    shown=shown,
                    aftersales=returning.aftersales(order),
                    unpaid=sight.plan.unpaid,
                    looked_at=now,
                    cin7=cin7_words(sight.stages, sight.view, row.cin7),
                    storefront=storefront_words(order),
                ),
                looked_from=sight.began,
            )
            if sight.view is not None:
                books.saw(connection, order.id, sight.view, read_at=sight.began, now=now)
            for refund in sight.refunds:
                fulfilments.put_refund(connection, order.id, refund, now=now)
            self._tell_findings(connection, sight, shipped, now)
            _pass_on(connection, sight, version, order, now)
            clear_connection(connection, "commercetools", "read_order", now=now)
            flows.succeeded(connection, Flow.FULFILMENT, now=now)

        return unit

    def _would(self, sight: Sight) -> Callable[[sqlite3.Connection, Instant], None]:
        """In shadow mode: what would have been written is a line of the timeline."""
        seen = self._seen(sight, sight.order.version, sight.order)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            what = ", ".join(type(action).__name__ for action in sight.actions)
            timeline.note(connection, sight.order.id, "would update order", now=now, actions=what)
            seen(connection, now)

        return unit

    def _tell_findings(
        self, connection: sqlite3.Connection, sight: Sight, shipped: dict[str, int], now: Instant
    ) -> None:
        record, order = _record(sight), sight.order
        refunds = returning.refund_findings(order, sight.refunds) if self._rules.tell_refunds else ()
        found = [*sight.plan.findings, *sight.returns.findings, *refunds]
        if sight.view is None:
            found = [finding for finding in found if finding.code == "refund_open"]
        for finding in found:
            exceptions.raise_finding(connection, record, finding, now=now)
        kept = {(finding.code, finding.sku, finding.field) for finding in found}
        types = TOLD if sight.view is not None else ("refund_open", "fulfilment_rejected")
        exceptions.clear(connection, record, resolution="looked at again", now=now, types=types, keep=kept)
        if _takes_back(sight):
            exceptions.raise_finding(connection, record, _undone(sight), now=now)
        elif all(shipped.get(sku, 0) >= units for sku, units in sight.subject.row.shown.items()):
            exceptions.clear(connection, record, resolution="shipped again", now=now, types=("shipment_undone",))

    def _tell(self, sight: Sight) -> Callable[[], None]:
        def after() -> None:
            if sight.actions:
                self._around.log("order.shown", order=sight.order.id, state=sight.plan.state or "-")

        return after


def _load(connection: sqlite3.Connection, order_id: str, unsent: Collection[str]) -> Subject | None:
    """Read what there is to know; None where no sale stands, or it is still being made.

    A void sale is looked at once more, where the order still shows something of it.
    """
    order = orders.get(connection, order_id)
    if order is None or order.state in _UNSOLD or order.cin7_total is None:
        return None
    row, sales = fulfilments.get(connection, order_id), orders.sales_of(connection, order_id)
    shows = row.told_at is not None and row.published in fulfilments.FORWARD
    sale = next((one for one in sales if one.voided_at is None), sales[-1] if sales and shows else None)
    if sale is None:
        return None
    return Subject(
        order=order,
        sale=sale,
        row=row,
        listed=fulfilments.standing(connection, order_id, sale.sale_id),
        behind_from=fulfilments.behind_from(connection, order_id, sale.sale_id),
        needless=row.looked_at is None and fulfilments.needs_no_shipping(connection, order_id, unsent),
        refused=exceptions.is_open(connection, exceptions.Record(kind="order", id=order_id), "fulfilment_rejected"),
        counted=orders.is_counted(connection, order_id),
        refunds=tuple(fulfilments.refunds_of(connection, order_id)),
        aliases=patches.aliases(connection, order_id),
    )


def _known(subject: Subject, now: Instant) -> Known:
    listed, behind_from = subject.listed, subject.behind_from
    return Known(
        stages=subject.stages(),
        noted=listed is not None and bool(listed.notes),
        behind=behind_from is not None and behind_from <= now,
        told=subject.row.told_at is not None,
        shown=bool(subject.row.shown) or bool(_SENT & {subject.row.published, subject.row.intended}),
        unpaid=subject.row.unpaid,
        needless=subject.needless,
        refused=subject.refused,
        uncounted=not subject.counted,
    )


def _ours(row: FulfilmentRecord, order: Order) -> str:
    """Return the shipment state that is ours, if the order shows it: set, or about to be when no answer came."""
    return row.intended if row.intended and order.shipment_state == row.intended else row.published


def _is_voiding(connection: sqlite3.Connection, order: OrderRecord) -> bool:
    """Say whether a void of the order's sale, of that generation, may be of our own doing."""
    now = orders.get(connection, order.id) or order
    return now.resend or calls.may_be_done(connection, order.id, order.generation, Purpose.CIN7_VOID_SALE)


def _digital(connection: sqlite3.Connection, skus: set[str]) -> frozenset[str]:
    """Which of these need no shipping: Cin7 Core holds them as something else than stock."""
    products = {sku: facts.product(connection, sku) for sku in skus}
    return frozenset(sku for sku, product in products.items() if product is not None and product.type == "Service")


def _alias(sight: Sight) -> str:
    """How the list writes what the sale itself shows, where it does so long after that was read.

    Should the two never agree in their words, a sale is read a few times more, and not at every sweep for ever. A list
    that merely lags shows what was before, and that must not be taken for the same.
    """
    listed, row = sight.subject.listed, sight.subject.row
    if sight.view is None or listed is None:
        return row.alias
    seen, text = sight.subject.seen(sight.view), sight.subject.seen()
    if seen != row.seen or row.read_at is None:
        return ""
    return text if text != seen and listed.seen_at > row.read_at + LIST_LAGS else row.alias


def _pass_on(connection: sqlite3.Connection, sight: Sight, version: int, after: Order, now: Instant) -> None:
    """Know our own write; hand on what is the orders flow's to decide: a change, a void sale, what was held up."""
    order, before, view = sight.order, sight.subject.order, sight.view
    if order.version == before.version:
        # Our own write made this version: its echo in the next sweep is known and causes no work.
        orders.updated(connection, after, version=version, now=now)
    # A void and another sale may have overtaken the look: what it read is then nothing to count by.
    sales = orders.sales_of(connection, order.id)
    stands = any(one.sale_id == sight.subject.sale.sale_id and one.voided_at is None for one in sales)
    voided = stands and view is not None and view.voided
    if voided:
        exceptions.clear(connection, _record(sight), resolution="it is void", now=now, types=("sale_undone",))
        orders.void_sale(connection, sight.subject.sale.sale_id, now=now)
        timeline.note(connection, order.id, "sale void", now=now, sale=sight.subject.sale.sale_id, how="in Cin7 Core")
    elif stands and view is not None:
        _count(connection, sight, now)
    cancelled = any(isinstance(action, SetOrderState) and action.state == "Cancelled" for action in sight.actions)
    known = view is not None or sight.subject.listed is not None
    free = known and fulfilments.is_free(connection, order.id, sight.stages)
    if order.version > before.version or voided or cancelled or free or order.state == "Cancelled":
        outbox.accept(connection, _of_orders(order.id, now), now=now)


def _count(connection: sqlite3.Connection, sight: Sight, now: Instant) -> None:
    """Tell of a sale whose order was taken back to a draft: Cin7 holds nothing for it, and another may sell it."""
    order, sale, record = sight.order, sight.subject.sale, _record(sight)
    counted = sight.subject.counted
    if not sight.stages.undone:
        exceptions.clear(connection, record, resolution="authorised again", now=now, types=("sale_undone",))
        if not counted and sight.subject.order.state is OrderState.EXPORTED:
            orders.count(connection, order.id, now=now)
        return
    shown = sale.number or sale.sale_id
    finding = Finding(
        code="sale_undone",
        cause=f"Sale {shown} of order {order.shown_as} was taken back to a draft in Cin7 Core; nothing is held for it.",
        facts={"sale": shown},
    )
    exceptions.raise_finding(connection, record, finding, now=now)
    if counted:
        orders.uncount(connection, order.id, now=now)


def _looked(subject: Subject, view: SaleView | None, began: Instant) -> FulfilmentRecord:
    """Return the row of an order whose sale was looked at, with nothing shown of it."""
    return msgspec.structs.replace(
        subject.row,
        seen=subject.seen(view),
        alias=subject.seen() if subject.listed is not None else "",
        read_at=began if view is not None else subject.row.read_at,
    )


def _over(order_id: str, row: FulfilmentRecord, began: Instant) -> Callable[[sqlite3.Connection, Instant], None]:
    """Nothing is there to be shown: keep that what was told until now was looked into."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        fulfilments.put(connection, order_id, row, looked_from=began)

    return unit


def _hand_on(order_id: str) -> Callable[[sqlite3.Connection, Instant], None]:
    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        outbox.accept(connection, _of_orders(order_id, now), now=now)

    return unit


def _of_orders(order_id: str, due_at: Instant) -> Nudge:
    return Nudge(flow=Flow.ORDERS, subject=order_id, due_at=due_at, urgency=Urgency.UNDERWAY)


def _record(sight: Sight) -> exceptions.Record:
    return exceptions.Record(kind="order", id=sight.order.id, number=sight.order.number)


def _takes_back(sight: Sight) -> bool:
    """Whether a customer may have been told of what is shown no longer; of a cancelled order nobody waits for it."""
    return bool(sight.plan.taken_back) and sight.order.state != "Cancelled"


def _undone(sight: Sight) -> Finding:
    units = ", ".join(f"{units} of {sku}" for sku, units in sorted(sight.plan.taken_back.items()))
    sale = sight.subject.sale
    return Finding(
        code="shipment_undone",
        cause=f"{units}: shown as sent on order {sight.order.shown_as}, and no longer shipped in Cin7 Core.",
        facts={"units": units, "sale": sale.number or sale.sale_id},
    )
