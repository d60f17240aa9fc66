"""The procurement flow with everything around it, on one file, before an account whose purchases a test writes."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.errors import Missing, WireError
from actors.domain.facts import Company, FactKind
from actors.domain.purchase import Purchase, PurchaseMark, PurchasePage
from actors.messages import Flow, Nudge
from actors.procurement.actor import ProcurementActor
from actors.procurement.ports import PurchaseBook
from actors.procurement.rules import ProcurementRules
from storage import exceptions, facts, outbox
from storage.database import Database
from tests.orders_builder import rules_for
from tests.stored import NOW, upgrade_quickly
from tests.wire_doubles import StillClock

T = TypeVar("T")
HOUR = 3_600
PAGE = 3


class KilledError(BaseException):
    """The process died here."""


class Account:
    """The purchases of an account: a list of short pages by number, and each of them whole. It notes what it is asked.

    `refuses` is raised instead of the list, `refusals` instead of a purchase; `meanwhile` happens while one is read.
    """

    def __init__(self) -> None:
        self.held: dict[str, Purchase] = {}
        self.refusals: dict[str, WireError] = {}
        self.refuses: WireError | None = None
        self.listed: list[tuple[int, int | None]] = []
        self.read: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    @property
    def calls(self) -> int:
        return len(self.listed) + len(self.read)

    def put(self, *purchases: Purchase) -> None:
        self.held |= {one.id: one for one in purchases}

    async def purchases(self, *, page: int, updated_since: int | None) -> PurchasePage:
        self.listed.append((page, updated_since))
        if self.refuses is not None:
            raise self.refuses
        moved = (one for one in self.held.values() if one.updated_at >= (updated_since or 0))
        rows = sorted(moved, key=lambda one: one.number)
        some = rows[(page - 1) * PAGE : page * PAGE]
        return PurchasePage(marks=tuple(_mark(one) for one in some), met=len(some), total=len(rows))

    async def read_purchase(self, mark: PurchaseMark) -> Purchase:
        self.read.append(mark.id)
        if mark.id in self.refusals:
            raise self.refusals[mark.id]
        if mark.id not in self.held:
            raise Missing("missing", side="cin7", operation="read_purchase")
        found = self.held[mark.id]
        self.meanwhile()
        return found


def _mark(one: Purchase) -> PurchaseMark:
    return PurchaseMark(
        id=one.id,
        number=one.number,
        kind=one.kind,
        status=one.status,
        supplier=one.supplier,
        currency=one.currency,
        base_currency=one.base_currency,
        updated_at=one.updated_at,
    )


class House:
    """The flow, its file and its clock."""

    def __init__(self, database: Database, account: Account, clock: StillClock, rules: ProcurementRules) -> None:
        self.database = database
        self.clock = clock
        self.account = account
        self.handled: list[str] = []
        self.rules = rules
        #: How many more points of the mechanism are passed before the process dies; None: it does not.
        self.dies_after: int | None = None
        self.start()

    def _probe(self, point: str) -> None:
        if self.dies_after is None:
            return
        self.dies_after -= 1
        if self.dies_after < 0:
            self.dies_after = None
            raise KilledError(point)

    async def rest_through_kills(self) -> bool:
        """Handle messages until none is due; a process that dies begins again. True: it died."""
        try:
            await self.rest()
        except KilledError:
            await self.database.run(lambda connection: outbox.give_back(connection, Flow.PROCUREMENT))
            self.actor.mailbox.dispose()
            self.start()
            await self.rest()
            return True
        return False

    def start(self) -> None:
        """The process begins: nothing of it is kept but the file."""
        around = Surroundings(
            database=self.database, clock=self.clock, bell=Bell(), chance=random.Random(1), probe=self._probe
        )
        book: PurchaseBook = self.account
        self.actor = ProcurementActor(around, book=book, rules=self.rules, posting=rules_for())

    async def begin(self) -> None:
        """Put in what the flow lives on, as a start of the daemon does."""
        now = self.clock.now()

        def unit(connection: sqlite3.Connection) -> None:
            for nudge in self.actor.first_nudges(now):
                outbox.accept(connection, nudge, now=now)

        await self.database.run(unit)

    async def ask(self, subject: str) -> None:
        """Nudge the flow to look at something now."""
        now = self.clock.now()
        nudge = Nudge(flow=Flow.PROCUREMENT, subject=subject, due_at=now)
        await self.database.run(lambda connection: outbox.accept(connection, nudge, now=now))

    async def step(self) -> bool:
        """Handle one message that is due; False: none is."""
        now = self.clock.now()
        claimed = await self.database.run(
            lambda connection: outbox.claim(connection, Flow.PROCUREMENT, limit=1, now=now)
        )
        for envelope in claimed:
            self.handled.append(envelope.subject)
            await self.actor.step(envelope)
        return bool(claimed)

    async def rest(self, *, steps: int = 400) -> None:
        """Handle messages until none is due."""
        for _ in range(steps):
            if not await self.step():
                return
        raise AssertionError(f"it never rests: {self.handled[-5:]}")

    async def wait(self, hours: float = 1) -> None:
        """Let time pass, and what is due by then be handled."""
        self.clock.pass_time(hours * HOUR)
        await self.rest()

    async def read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.read(unit)

    async def run(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.run(unit)

    async def open(self, *types: str) -> list[tuple[str, str]]:
        """The open exceptions of these types (all without any): type, and number or id of the record."""
        rows = await self.database.read(exceptions.listing)
        return [(row.type, row.record.number or row.record.id) for row in rows if not types or row.type in types]

    async def stirred(self, *skus: str) -> list[str]:
        """Which of these SKUs the stock flow is to look at; they are taken note of."""

        def unit(connection: sqlite3.Connection) -> list[str]:
            found = [sku for sku in skus if outbox.is_waiting(connection, Flow.STOCK, f"sku:{sku}")]
            connection.execute("DELETE FROM outbox WHERE flow = 'stock'")
            return found

        return await self.database.run(unit)


@asynccontextmanager
async def house(folder: Path, **rules: Any) -> AsyncIterator[House]:
    """Open a house on a new file. The books are in GBP, in London."""

    def prepare(connection: sqlite3.Connection) -> None:
        upgrade_quickly(connection, now=NOW)
        company = Company(name="Demo", currency="GBP", time_zone="Europe/London")
        facts.store(connection, FactKind.COMPANY, [company], now=NOW, whole=True)

    async with Database.open(folder / "tallyd.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        opened = House(database, Account(), StillClock(NOW), ProcurementRules(**rules))
        try:
            yield opened
        finally:
            opened.actor.mailbox.dispose()
