"""Whose sale it is: found or made, once, whatever happens on the way and however many orders ask at the same time."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.lowlevel
import msgspec
import pytest

from actors.core.actor import Done, Later, Outcome, Surroundings
from actors.core.bell import Bell
from actors.core.rules_in_force import InForce
from actors.domain.customers import identity_of
from actors.domain.errors import InDoubt, Rejected, Transient
from actors.domain.facts import Company, Customer, FactKind
from actors.domain.feed import ReadOrder
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.sale import CustomerCard
from actors.governor.journal import Intent
from actors.messages import Urgency
from actors.orders.customers import customer_id_for
from actors.orders.desk import Case, Desk
from actors.orders.ports import SalesBook, Storefront
from actors.orders.rules import ExportRules, Trigger
from storage import calls, customers, exceptions, facts, orders
from storage.bodies import Sealer
from storage.database import Database
from storage.schema import upgrade
from tests.orders_builder import plain_order, rules_for
from tests.stored import NOW
from tests.wire_doubles import StillClock

TEMPLATE = Customer(
    id="template",
    name="commercetools web orders",
    currency="GBP",
    payment_term="30 days",
    receivable="610",
    revenue="200",
    tax_rule="20%",
)
ORDER = msgspec.structs.replace(plain_order(), customer_id="cust-1")
NAME = f"CT customer {identity_of(ORDER)}"
CALL: dict[str, Any] = {"side": "cin7", "operation": "create_customer"}
EXISTS = Rejected("rejected", detail=f"Customer with name '{NAME}' already exists", status=400, **CALL)

Trouble = Callable[[CustomerCard], Exception | None]


class Book:
    """Cin7's customers: names are unique. `before` breaks a create before it counts, `after` behind it."""

    def __init__(self, database: Database, clock: StillClock) -> None:
        self.database = database
        self.clock = clock
        self.held: dict[str, Customer] = {}
        self.asked: list[str] = []
        self.before: Trouble = lambda card: None
        self.after: Trouble = lambda card: None
        self.hidden = False

    async def find_customer(self, name: str, *, subject: str) -> Customer | None:
        self.asked.append(f"find {subject}")
        await anyio.lowlevel.checkpoint()
        return None if self.hidden else self.held.get(name)

    async def create_customer(self, card: CustomerCard, intent: Intent) -> Customer:
        self.asked.append(f"create {intent.subject}")
        intent.call_id = await self.database.run(lambda c: calls.begin(c, intent, at=self.clock.now()))
        await anyio.lowlevel.checkpoint()
        self._break(self.before(card))
        if card.name in self.held:
            raise EXISTS
        self.held[card.name] = Customer(id=f"id-{len(self.held)}", name=card.name, currency=card.currency)
        self._break(self.after(card))
        return self.held[card.name]

    def _break(self, error: Exception | None) -> None:
        if error is not None:
            raise error


class House:
    """A desk with everything around it, on one file."""

    def __init__(self, database: Database, mode: str) -> None:
        self.database = database
        self.clock = StillClock(NOW)
        self.book = Book(database, self.clock)
        around = Surroundings(database=database, clock=self.clock, bell=Bell(), chance=random.Random(1))
        self.desk = Desk(
            around,
            storefront=cast("Storefront", None),
            book=cast("SalesBook", self.book),
            export=ExportRules(since=0, trigger=Trigger(order_states=("Open",), payment="any")),
            posting=InForce(rules_for(ORDER, customer_mode=mode)),
            sealer=Sealer(bytes(32)),
            born_at=NOW,
            may_write=lambda: True,
        )

    async def case(self, order: Order = ORDER) -> Case:
        def unit(connection: sqlite3.Connection) -> Case:
            orders.accept(connection, order, now=NOW)
            record = orders.get(connection, order.id)
            assert record is not None
            return Case(record=record, sales=(), read=ReadOrder(order=order, body=b"{}"))

        return await self.database.run(unit)

    async def ask(self, order: Order = ORDER, template: Customer = TEMPLATE) -> str | Outcome:
        """Ask once, and settle what comes of it."""
        found = await customer_id_for(self.desk, await self.case(order), template)
        if not isinstance(found, str) and found.unit is not None:
            unit = found.unit
            await self.database.run(lambda connection: unit(connection, self.clock.now()))
        return found

    async def known(self, currency: str = "GBP") -> str | None:
        return await self.database.read(lambda c: customers.get(c, identity_of(ORDER), currency))

    async def open(self) -> list[str]:
        return [row.type for row in await self.database.read(exceptions.listing)]

    async def outcomes(self) -> list[str | None]:
        rows: Callable[[sqlite3.Connection], list[str | None]] = lambda c: [  # noqa: E731
            row[0] for row in c.execute("SELECT outcome FROM calls ORDER BY id")
        ]
        return await self.database.read(rows)


@asynccontextmanager
async def house(tmp_path: Path, mode: str = "per-customer") -> AsyncIterator[House]:
    def prepare(connection: sqlite3.Connection) -> None:
        upgrade(connection, now=NOW)
        company = Company(name="Demo", currency="GBP", time_zone="Europe/London")
        facts.store(connection, FactKind.COMPANY, [company], now=NOW, whole=True)

    async with Database.open(tmp_path / "t.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        yield House(database, mode)


async def test_in_the_mode_single_nobody_is_asked(tmp_path: Path) -> None:
    async with house(tmp_path, "single") as made:
        assert await made.ask() == "template"
        assert made.book.asked == []


async def test_a_new_buyer_is_made_and_the_order_comes_back_for_its_sale(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        outcome = await made.ask()
        assert isinstance(outcome, Done)
        [nudge] = outcome.nudges
        assert (nudge.subject, nudge.urgency) == (ORDER.id, Urgency.UNDERWAY)
        assert outcome.points == ("cin7.create_customer.settled",)
        assert await made.ask() == "id-0"
        assert made.book.asked == [f"find {ORDER.id}", f"create {ORDER.id}"]
        assert await made.outcomes() == ["done"]
        record = await made.database.read(lambda c: orders.get(c, ORDER.id))
        assert record is not None
        assert record.state is OrderState.ACCEPTED


async def test_a_buyer_who_is_there_is_found_with_one_call_and_remembered(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.book.held[NAME] = Customer(id="there", name=NAME, currency="GBP")
        assert await made.ask() == "there"
        assert await made.ask(msgspec.structs.replace(ORDER, id="other-order")) == "there"
        assert made.book.asked == [f"find {ORDER.id}"]


async def test_each_currency_is_a_customer_of_its_own(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.ask()
        await made.ask(template=msgspec.structs.replace(TEMPLATE, currency="EUR"))
        assert set(made.book.held) == {NAME, f"{NAME} EUR"}
        assert (await made.known(), await made.known("EUR")) == ("id-0", "id-1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "Deprecated"}, "customer_unknown"),
        ({"currency": "EUR"}, "customer_currency"),
        ({"discount": 5}, "customer_discount"),
    ],
)
async def test_a_customer_that_would_change_the_sale_holds_the_order(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    async with house(tmp_path) as made:
        held = msgspec.convert({"id": "there", "name": NAME, "currency": "GBP"} | change, Customer, strict=False)
        made.book.held[NAME] = held
        assert isinstance(await made.ask(), Done)
        assert await made.open() == [code]
        assert await made.known() is None


async def test_an_answer_that_was_lost_is_looked_for_and_makes_no_twin(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.book.after = lambda card: InDoubt("no_answer", until=NOW, **CALL)
        outcome = await made.ask()
        assert isinstance(outcome, Later)
        assert (outcome.due_at, outcome.points) == (None, ("cin7.create_customer.settled",))
        assert await made.outcomes() == ["unknown"]
        assert await made.ask() == "id-0"
        assert len(made.book.held) == 1


async def test_a_create_that_was_lost_on_the_way_is_sent_again(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.book.before = lambda card: InDoubt("no_answer", until=NOW, **CALL)
        assert isinstance(await made.ask(), Later)
        made.book.before = lambda card: None
        assert isinstance(await made.ask(), Done)
        assert await made.ask() == "id-0"


async def test_two_orders_of_one_new_buyer_make_one_customer(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        other = msgspec.structs.replace(ORDER, id="other-order")
        outcomes: dict[str, str | Outcome] = {}

        async def ask(order: Order) -> None:
            outcomes[order.id] = await made.ask(order)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, ORDER)
            tasks.start_soon(ask, other)
        assert sorted(type(one).__name__ for one in outcomes.values()) == ["Done", "Later"]
        assert len(made.book.held) == 1
        assert await made.ask() == await made.ask(other) == "id-0"
        assert sorted(str(one) for one in await made.outcomes()) == ["done", "refused"]


async def test_a_name_that_exists_and_is_never_found_is_a_person_s_after_a_while(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.book.hidden = True
        made.book.held[NAME] = Customer(id="there", name=NAME, currency="GBP")
        assert [type(await made.ask()) for _ in range(4)] == [Later, Later, Later, Done]
        assert await made.open() == ["customer_rejected"]


async def test_a_refusal_holds_the_order_in_cin7_s_own_words_without_the_buyer(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        words = "PaymentTerm '30 days' does not exist (for Ann Example)"
        made.book.before = lambda card: Rejected("rejected", detail=words, status=400, **CALL)
        assert isinstance(await made.ask(), Done)
        [row] = await made.database.read(exceptions.listing)
        assert (row.type, row.owner) == ("customer_rejected", "finance")
        assert row.facts["answer"] == "PaymentTerm '30 days' does not exist (for (withheld))"
        assert await made.outcomes() == ["refused"]


async def test_what_did_not_leave_is_the_schedule_s(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.book.before = lambda card: Transient("not_sent", **CALL)
        with pytest.raises(Transient) as seen:
            await made.ask()
        assert seen.value.call_id is not None
        assert await made.known() is None
