"""What every step of an order's export works with, and the few things they all do the same way."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, tzinfo
from typing import TypeVar

import anyio
import msgspec

from actors.core.actor import Done, Later, Surroundings, Unit, clear_connection
from actors.core.rules_in_force import InForce
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, WireError
from actors.domain.exception_types import HOLDING, Finding
from actors.domain.facts import Facts
from actors.domain.feed import ReadOrder
from actors.domain.fingerprint import fingerprint
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.people import withhold
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.time import Instant, date_in_zone
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge, Urgency
from actors.orders.ports import SalesBook, Storefront
from actors.orders.rules import ExportRules
from storage import bodies, calibration, calls, exceptions, facts, meta, orders, outbox, timeline
from storage.bodies import Sealer
from storage.orders import OrderRecord, SaleRecord

T = TypeVar("T")

UNTIL_HANDLED = ("order_unreadable", "message_quarantined")
"""Types that say the order could not even be looked at: over once it was."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one order: its row, its sales, and what commercetools says now with the desk's edits laid over it.

    `lost`: names of texts that were edited at the desk and can be read no more.
    """

    record: OrderRecord
    sales: tuple[SaleRecord, ...]
    read: ReadOrder
    lost: frozenset[str] = frozenset()

    @property
    def order(self) -> Order:
        """The order a sale is made of. The body it was read from stays as it came."""
        return self.read.order

    @property
    def live(self) -> SaleRecord | None:
        """The sale that stands for the order, if any."""
        return next((sale for sale in self.sales if sale.voided_at is None), None)

    @property
    def voided_ids(self) -> frozenset[str]:
        """Sales of this order that are known to be void."""
        return frozenset(sale.sale_id for sale in self.sales if sale.voided_at is not None)


class Desk:
    """The orders flow's tools."""

    def __init__(
        self,
        around: Surroundings,
        *,
        storefront: Storefront,
        book: SalesBook,
        export: ExportRules,
        posting: InForce[PostingRules],
        sealer: Sealer,
        born_at: Instant,
        may_write: Callable[[], bool],
    ) -> None:
        self.around = around
        self.storefront = storefront
        self.book = book
        self.export = export
        self._posting = posting
        self.sealer = sealer
        self.born_at = born_at
        self.may_write = may_write
        #: One order at a time asks the account by a DRAFT how it calculates: the next ones know by then.
        self.probing = anyio.Lock()

    @property
    def posting(self) -> PostingRules:
        """Mappings and names as they hold now."""
        return self._posting.current

    async def facts_for(self, order: Order) -> Facts:
        """Load what is known of the account for one order: no call."""
        skus = {line.sku for line in order.lines if line.sku}

        def read(connection: sqlite3.Connection) -> Facts:
            known = facts.for_order(connection, skus, currency=order.currency)
            learnt = calibration.load(connection, today=self.today(known), fingerprint=self.settings_of(known))
            return msgspec.structs.replace(known, calibration=learnt)

        return await self.around.database.read(read)

    def today(self, known: Facts) -> date:
        """Return the day of the books."""
        return date_in_zone(self.around.clock.now(), self.zone(known))

    def zone(self, known: Facts) -> tzinfo:
        """Return the zone of the books; UTC while it is unknown."""
        zone = None if known.company is None else zone_of(known.company, self.posting)
        return UTC if zone is None or isinstance(zone, Finding) else zone

    def settings_of(self, known: Facts) -> str:
        """Return the fingerprint of everything that decides how the account calculates."""
        if known.company is None:
            return ""
        named = set(self.posting.tax.values())
        return fingerprint(known.company, (rule for name, rule in known.tax_rules.items() if name in named))

    async def judge(self, order: Order) -> tuple[Prediction | Hold, Facts]:
        """Predict the order's document, or say why it cannot be posted."""
        known = await self.facts_for(order)
        return predict(order, known, self.posting), known

    async def write(self, case: Case, intent: Intent, send: Awaitable[T]) -> T:
        """Make a remote write. What certainly did not happen is marked so in the commit that puts the message back.

        The other side's words may quote what it was sent: the people in the order are taken out of them.
        """
        try:
            return await send
        except WireError as error:
            error.detail = withhold(case.order, error.detail)
            if not isinstance(error, InDoubt):
                error.call_id = intent.call_id
            raise

    def refresh(self, connection: sqlite3.Connection, case: Case, now: Instant) -> None:
        """Keep what was read: the order's row and lines, and the sealed body. Both systems answered."""
        order = case.order
        orders.accept(connection, order, now=now)
        sealed = self.sealer.seal(case.read.body, order_id=order.id, kind="order")
        bodies.put(connection, order.id, "order", version=order.version, sealed=sealed, now=now)
        clear_connection(connection, "commercetools", "read_order", now=now)
        exceptions.clear(connection, record_of(order), resolution="read and handled", now=now, types=UNTIL_HANDLED)

    def hold(self, case: Case, findings: Iterable[Finding], *, known: Facts | None = None) -> Done:
        """Let the order wait: every finding is one exception; what is found no more is cleared.

        `known` are the facts it was judged by: should they have changed since, nobody would wake it, so it is looked at
        again.
        """
        found = tuple(findings)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            self.refresh(connection, case, now)
            record = record_of(case.order)
            for finding in found:
                exceptions.raise_finding(connection, record, finding, now=now)
            kept = {(finding.code, finding.sku, finding.field) for finding in found}
            exceptions.clear(
                connection,
                record,
                resolution="judged again",
                now=now,
                types=HOLDING | {"awaiting_too_long", "missed"},
                keep=kept,
            )
            orders.move(connection, case.order.id, OrderState.HELD, now=now, reason=found[0].code)
            if known is not None and meta.counter(connection, facts.EDITION) != known.edition:
                nudge = Nudge(flow=Flow.ORDERS, subject=case.order.id, due_at=now)
                outbox.accept(connection, nudge, now=now)

        def after() -> None:
            codes = ", ".join(sorted({finding.code for finding in found}))
            self.around.log("order.held", level="warning", order=case.order.id, reason=codes)

        return Done(unit=unit, after=after)

    def hold_refused(self, case: Case, finding: Finding, intent: Intent, detail: str) -> Done:
        """Let the order wait for what a refused write is about; that it was refused is settled in the same commit."""
        held = self.hold(case, [finding])

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            refused(connection, intent, detail)
            if held.unit is not None:
                held.unit(connection, now)

        return Done(unit=unit, points=settled(intent), after=held.after)

    def clear_holds(self, connection: sqlite3.Connection, order: Order, now: Instant) -> None:
        """The order goes on: what held it is over."""
        exceptions.clear(
            connection,
            record_of(order),
            resolution="the order went on",
            now=now,
            types=HOLDING | {"awaiting_too_long", "missed"},
        )

    def later(self, case: Case, due_at: Instant, reason: str, unit: Unit | None = None) -> Later:
        """Come back at an instant, keeping what was read."""

        def refreshed(connection: sqlite3.Connection, now: Instant) -> None:
            self.refresh(connection, case, now)
            if unit is not None:
                unit(connection, now)

        return Later(due_at=due_at, reason=reason, unit=refreshed)

    def done(self, case: Case, unit: Unit | None = None) -> Done:
        """Nothing more to do, keeping what was read."""

        def refreshed(connection: sqlite3.Connection, now: Instant) -> None:
            self.refresh(connection, case, now)
            if unit is not None:
                unit(connection, now)

        return Done(unit=refreshed)


def record_of(order: Order) -> exceptions.Record:
    """Name an order in an exception."""
    return exceptions.Record(kind="order", id=order.id, number=order.number)


def underway(order_id: str, due_at: Instant) -> Nudge:
    """Look at this order again, before any that has not begun."""
    return Nudge(flow=Flow.ORDERS, subject=order_id, due_at=due_at, urgency=Urgency.UNDERWAY)


def settled(intent: Intent) -> tuple[str, ...]:
    """Name the crash point behind the commit that records a write's outcome."""
    return (write_point(intent.purpose, WritePhase.SETTLED),)


def answered(connection: sqlite3.Connection, intent: Intent, now: Instant) -> None:
    """Record that a write was done."""
    calls.settle(connection, intent.call_id, "done")
    clear_connection(connection, intent.purpose.side, intent.purpose.operation, now=now)


def refused(connection: sqlite3.Connection, intent: Intent, detail: str) -> None:
    """Record that a write certainly was not done."""
    calls.settle(connection, intent.call_id, "refused", detail=detail)


def note(connection: sqlite3.Connection, order_id: str, what: str, now: Instant, **detail: str | int | None) -> None:
    """Add a line to the order's timeline."""
    timeline.note(connection, order_id, what, now=now, **detail)
