"""The census flow over a file of its own, with both lists in memory: messages are handled one after the other.

Between two messages a test may change either list, or be killed: another `House` on the same file goes on.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.census.actor import CensusActor
from actors.census.rules import CensusRules
from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.calls import Purpose
from actors.domain.feed import OrderMark
from actors.domain.order_state import OrderState
from actors.domain.posting import PostingRules
from actors.domain.references import external_id
from actors.domain.sale import CreditNotePage, ListedCreditNote, ListedSale, SalePage
from actors.domain.time import Instant
from actors.domain.webhook import Webhook
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge
from storage import calls, census, cursors, doors, exceptions, meta, orders, outbox
from storage.cursors import Cursor
from storage.database import Database
from storage.exceptions import ExceptionRow
from storage.orders import SaleRecord
from tests.orders_builder import plain_order, rules_for
from tests.stored import NOW, upgrade_quickly
from tests.wire_doubles import StillClock

T = TypeVar("T")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SINCE = NOW - 30 * DAY
COMPLETE = "sweep:complete"


class Ledger:
    """Cin7 Core's lists: sales in the order of their numbers, credit notes, webhooks. `asked` holds every call."""

    def __init__(self) -> None:
        self.sales: dict[str, ListedSale] = {}
        self.notes: list[ListedCreditNote] = []
        self.hooks: list[Webhook] = []
        self.asked: list[str] = []
        self.since: list[Instant | None] = []
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self.begin: Callable[[Intent], Any] | None = None
        self.write: Callable[[str], Exception | None] = lambda call: None
        #: Whether a write shows in the list, and at which address.
        self.keeps = True
        self.shown: Callable[[str], str] = lambda url: url
        #: How many rows more than there are `Total` claims, in these lists.
        self.padding = 0
        self.padded: tuple[str, ...] = ("list", "sweep")

    def put(self, number: int, *, updated: Instant | None = NOW - DAY, **fields: Any) -> ListedSale:
        """Put a sale on the list, or change it."""
        sale = ListedSale(
            id=f"s{number}",
            number=f"SO-{number:06d}",
            status="ORDERED",
            order_status="AUTHORISED",
            external_id=None,
            customer_reference=None,
            updated=updated,
        )
        self.sales[sale.id] = msgspec.structs.replace(self.sales.get(sale.id, sale), updated=updated, **fields)
        return self.sales[sale.id]

    @contextmanager
    def _call(self, what: str) -> Iterator[None]:
        self.before(what)
        self.asked.append(what)
        yield
        self.after(what)

    async def listed_sales(
        self, *, page: int, created_since: Instant, updated_since: Instant | None, rows: int = 1000
    ) -> SalePage:
        assert created_since == SINCE - DAY
        kind = "list" if updated_since is None else "sweep"
        with self._call(f"{kind} {page}/{rows}"):
            self.since.append(updated_since)
            wanted = [s for s in self.sales.values() if updated_since is None or (s.updated or 0) >= updated_since]
            ordered = sorted(wanted, key=lambda sale: sale.number or "")
            shown = tuple(ordered[(page - 1) * rows : page * rows])
            return SalePage(
                sales=shown, rows=len(shown), total=len(ordered) + (self.padding if kind in self.padded else 0)
            )

    async def credit_notes(self, *, page: int, updated_since: Instant) -> CreditNotePage:
        with self._call(f"notes {page}"):
            wanted = [note for note in self.notes if (note.updated or 0) >= updated_since]
            shown = tuple(wanted[(page - 1) * 1000 : page * 1000])
            return CreditNotePage(notes=shown, rows=len(shown), total=len(wanted))

    async def webhooks(self) -> tuple[Webhook, ...]:
        with self._call("hooks"):
            return tuple(self.hooks)

    async def create_webhook(self, kind: str, url: str, intent: Intent) -> Webhook:
        assert intent.purpose is Purpose.CIN7_CREATE_WEBHOOK
        return await self._write(
            f"create {kind}",
            Webhook(id=f"{kind}-{len(self.asked)}", type=kind, url=url, active=True, bearer=True),
            intent,
        )

    async def revive_webhook(self, hook: Webhook, intent: Intent) -> Webhook:
        assert intent.purpose is Purpose.CIN7_REVIVE_WEBHOOK
        revived = msgspec.structs.replace(hook, active=True, bearer=True)
        return await self._write(f"revive {hook.type}", revived, intent)

    async def _write(self, what: str, hook: Webhook, intent: Intent) -> Webhook:
        assert self.begin is not None
        await self.begin(intent)
        self.asked.append(what)
        error = self.write(what)
        if self.keeps and (error is None or getattr(error, "took_effect", False)):
            shown = msgspec.structs.replace(hook, url=self.shown(hook.url))
            self.hooks = [other for other in self.hooks if other.id != hook.id] + [shown]
        if error is not None:
            raise error
        return hook


class Shop:
    """commercetools' list of orders."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderMark] = {}
        self.asked: list[str] = []

    async def count_orders(self, created_from: Instant, created_before: Instant) -> int:
        self.asked.append("count")
        return min(10_000, len(self._of(created_from, created_before)))

    async def listed_orders(
        self, created_from: Instant, created_before: Instant, *, after_id: str, limit: int
    ) -> list[OrderMark]:
        self.asked.append(f"list after {after_id!r}" if after_id else "list")
        found = sorted(self._of(created_from, created_before), key=lambda order: order.id)
        return [order for order in found if order.id > after_id][:limit]

    def _of(self, start: Instant, end: Instant) -> list[OrderMark]:
        return [order for order in self.orders.values() if start <= order.created_at < end]


class House:
    """One process of the flow."""

    def __init__(
        self, database: Database, ledger: Ledger, shop: Shop, clock: StillClock, posting: PostingRules, **rules: Any
    ) -> None:
        self.database, self.ledger, self.shop, self.clock = database, ledger, shop, clock
        self.points: list[str] = []
        self.posting = posting
        self.rules = rules
        ledger.begin = self._begin
        around = Surroundings(
            database=database,
            clock=clock,
            bell=Bell(),
            chance=random.Random(1),
            probe=lambda point: self.points.append(str(point)),
        )
        self.actor = CensusActor(
            around, sales=ledger, orders=shop, rules=CensusRules(since=SINCE, **rules), posting=posting
        )

    async def _begin(self, intent: Intent) -> None:
        intent.call_id = await self.write(lambda connection: calls.begin(connection, intent, at=self.clock.now()))

    def again(self) -> House:
        """Be killed and start again on the same file."""
        self.actor.mailbox.dispose()
        return House(self.database, self.ledger, self.shop, self.clock, self.posting, **self.rules)

    # -- messages -----------------------------------------------------------------------------------------------------

    async def nudge(self, *subjects: str) -> None:
        now = self.clock.now()
        for subject in subjects:
            told = Nudge(flow=Flow.CENSUS, subject=subject, due_at=now)
            await self.write(lambda connection, told=told: outbox.accept(connection, told, now=now))  # type: ignore[misc]

    async def one(self) -> str:
        """Handle the next message that is due; return its subject ("" where none is)."""
        claimed = await self.write(
            lambda connection: outbox.claim(connection, Flow.CENSUS, limit=1, now=self.clock.now())
        )
        if not claimed:
            return ""
        await self.actor.step(claimed[0])
        return claimed[0].subject

    async def work(self, *, most: int = 2000) -> Counter[str]:
        """Handle what is due, and what becomes due within half a minute of waiting, until all is quiet."""
        done: Counter[str] = Counter()
        for _ in range(most):
            subject = await self.one()
            if subject:
                done[subject] += 1
                continue
            due_at = await self.read(lambda connection: outbox.next_due(connection, (Flow.CENSUS,)))
            if due_at is None or due_at > self.clock.now() + MINUTE // 2:
                return done
            self.later(due_at - self.clock.now())
        raise AssertionError(f"no end: {done}")

    async def take(self, *, after: int = HOUR) -> dict[str, Any]:
        """Let the time pass, everything that was read by then with it, and take a census."""
        self.later(after)
        await self.orders_read()
        await self.nudge("census")
        await self.work()
        return await self.taken()

    async def orders_read(self) -> None:
        now = self.clock.now()
        await self.write(lambda connection: cursors.put(connection, COMPLETE, Cursor(at=now, mark=now), now=now))

    # -- the file -----------------------------------------------------------------------------------------------------

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.read(unit)

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.run(unit)

    def later(self, milliseconds: int) -> None:
        self.clock.pass_time(milliseconds / 1000)

    async def taken(self) -> dict[str, Any]:
        text = await self.read(lambda connection: meta.text(connection, census.TAKEN))
        return dict(msgspec.json.decode(text)) if text else {}

    async def cursor(self, name: str) -> Cursor:
        stored = await self.read(lambda connection: cursors.get(connection, name))
        assert stored is not None
        return stored

    async def open(self) -> dict[str, list[str]]:
        """The types of the open exceptions, by record."""
        found: dict[str, list[str]] = {}
        for row in await self.rows():
            found.setdefault(row.record.id, []).append(row.type)
        return found

    async def rows(self) -> list[ExceptionRow]:
        return await self.read(lambda connection: exceptions.listing(connection, limit=1000))

    async def looks(self, flow: Flow) -> list[str]:
        """What of another flow is nudged; taken out."""

        def unit(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("DELETE FROM outbox WHERE flow = ? RETURNING subject", (flow.value,)).fetchall()
            return sorted(row[0] for row in rows)

        return await self.write(unit)

    # -- what there is ------------------------------------------------------------------------------------------------

    async def order(
        self,
        number: int,
        *,
        state: OrderState = OrderState.EXPORTED,
        sale: bool = True,
        created_at: Instant = NOW - 10 * DAY,
        listed: bool = True,
        cin7: bool = True,
        source_state: str = "Open",
    ) -> str:
        """Have an order here and there; `sale`: one is recorded, `cin7`: and listed, `listed`: by commercetools."""
        order_id = order_name(number)
        made = plain_order(id=order_id, number=f"N-{number}", created_at=created_at, state=source_state)

        def unit(connection: sqlite3.Connection) -> None:
            orders.accept(connection, made, now=created_at)
            if sale:
                orders.add_sale(connection, sale_of(number, created_at))
            # As after a whole life: not by the road that leads there.
            connection.execute("DROP TRIGGER IF EXISTS orders_move")
            connection.execute(
                "UPDATE orders SET state = ?, exported_at = ?, state_since = ? WHERE id = ?",
                (state.value, created_at, created_at, order_id),
            )

        await self.write(unit)
        if listed:
            self.shop.orders[order_id] = OrderMark(
                id=order_id, number=f"N-{number}", version=1, created_at=created_at, state=source_state
            )
        if sale and cin7:
            self.ledger.put(number, external_id=external_id(order_id, 1), customer_reference=f"N-{number}")
        return order_id


def order_name(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def sale_of(number: int, made_at: Instant) -> SaleRecord:
    return SaleRecord(
        sale_id=f"s{number}",
        order_id=order_name(number),
        generation=1,
        reference=f"N-{number}",
        number=f"SO-{number:06d}",
        made_at=made_at,
        voided_at=None,
    )


@asynccontextmanager
async def house(
    folder: Path,
    *,
    name: str = "tallyd",
    posting: dict[str, Any] | None = None,
    doors_open: tuple[str, ...] = (),
    **rules: Any,
) -> AsyncIterator[House]:
    def prepare(connection: sqlite3.Connection) -> None:
        upgrade_quickly(connection, now=SINCE)
        doors.open_doors(connection, doors_open, now=NOW)

    async with Database.open(folder / f"{name}.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        made = House(database, Ledger(), Shop(), StillClock(NOW), rules_for(plain_order(), **(posting or {})), **rules)
        try:
            yield made
        finally:
            made.actor.mailbox.dispose()
