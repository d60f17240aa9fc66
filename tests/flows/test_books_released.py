"""What people decide about books, through the whole engine: nothing is posted before, and what they saw after."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from actors.finance.rules import FinanceRules
from daemon import releasing
from storage import books, exceptions, orders
from storage.books import BooksRecord
from tests.flows.test_fulfilment import TWO, sale_of
from tests.simulation.life import MUG
from tests.simulation.world import World, plan, virtual, world

ACCOUNTS = {"adyen": "090"}
MINUTE = 60.0


@asynccontextmanager
async def sold(seed: int, **rules: str | bool) -> AsyncIterator[tuple[World, str]]:
    """A world in which one paid order is exported; finance begins when its books are looked at."""
    finance = FinanceRules(accounts=ACCOUNTS, **{"posting": "hold", **rules})  # type: ignore[arg-type]
    async with world(seed, the_plan=plan(finance=finance)) as made:
        await made.ready()
        order = made.shop.place_order(TWO)
        await made.exported(order, within=2 * MINUTE)
        await made.until(lambda: kept(made, order).verdict != "", within=5 * MINUTE)
        yield made, order


def kept(made: World, order: str) -> BooksRecord:
    found = made.read(lambda connection: books.get(connection, order))
    assert found is not None
    return found


def posted(made: World, order: str) -> list[tuple[Decimal, list[Decimal]]]:
    """The invoices that stand, each with its payments, as the double's own books have them."""
    [sale] = [sale for sale in made.cin7.sales if sale.id == sale_of(made, order)]
    return [(one.total, [paid.amount for paid in one.payments]) for one in sale.standing_invoices]


def told(made: World) -> set[str]:
    return {row.type for row in made.read(exceptions.listing)}


async def says(made: World, order: str, author: str, decision: str, *, four_eyes: bool = False) -> str:
    """Let a person decide, as the command does."""

    def unit(connection: sqlite3.Connection) -> str:
        record, stands = orders.get(connection, order), books.get(connection, order)
        assert record is not None
        assert stands is not None
        now = made.clock.now()
        if decision == "reject":
            return releasing.reject(connection, record, stands, author=author, reason="seen", now=now).message
        return releasing.release(
            connection, record, stands, author=author, reason="seen", four_eyes=four_eyes, now=now
        ).message

    return await made.daemon.write(unit)


async def dearer(made: World, order: str) -> None:
    """Somebody raises a price on the sale by hand, and has the order looked at again."""
    made.cin7.edit_order_row(sale_of(made, order), MUG, price=Decimal("13.95"))
    now = made.clock.now()
    await made.daemon.write(lambda connection: books.ask(connection, order, now=now, told=True))
    await made.until(lambda: kept(made, order).step == "held", within=MINUTE)


@virtual
async def test_a_day_that_agrees_is_posted_once_somebody_releases_it() -> None:
    async with sold(781) as (made, order):
        await made.until(lambda: kept(made, order).step == "waits", within=MINUTE)
        await made.clock.sleep(10 * MINUTE)
        assert posted(made, order) == []
        assert told(made) == {"posting_waits"}
        day = kept(made, order).day
        now = made.clock.now()
        done = await made.daemon.write(
            lambda connection: releasing.release_day(connection, day, author="ann", reason="seen", now=now)
        )
        assert done.orders == 1
        await made.until(lambda: posted(made, order) == [(Decimal("45.84"), [Decimal("45.84")])], within=2 * MINUTE)
        await made.clock.sleep(MINUTE)
        assert told(made) == set()
        assert kept(made, order).step == ""


@virtual
async def test_what_differs_is_posted_as_it_stands_once_two_persons_say_so() -> None:
    async with sold(782, four_eyes=True) as (made, order):
        await dearer(made, order)
        assert "books_differ" in told(made)
        assert "second person" in await says(made, order, "ann", "release", four_eyes=True)
        await made.clock.sleep(10 * MINUTE)
        assert posted(made, order) == []
        assert kept(made, order).step == "asked"
        assert "as they stand" in await says(made, order, "bob", "release", four_eyes=True)
        await made.until(lambda: posted(made, order) != [], within=2 * MINUTE)
        [(total, _)] = posted(made, order)
        assert total == Decimal("47.84")
        await made.clock.sleep(MINUTE)
        assert not told(made) & {"books_differ", "release_unconfirmed"}


@virtual
async def test_what_is_rejected_is_never_posted() -> None:
    async with sold(783, posting="hold") as (made, order):
        await dearer(made, order)
        await says(made, order, "ann", "reject")
        await made.clock.sleep(20 * MINUTE)
        assert posted(made, order) == []
        assert "books_differ" not in told(made)
        assert kept(made, order).decision == "rejected"
