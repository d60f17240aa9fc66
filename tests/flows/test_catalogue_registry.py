"""The catalogue flow's small lists: carriers, customers of currencies, rates of files and sales, changed settings."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import pytest

from actors.catalogue.actor import REFRESH, CatalogueActor
from actors.catalogue.matching import PRODUCTS
from actors.catalogue.ports import AccountBook, RateFiles, Showcase
from actors.catalogue.rules import CatalogueRules
from actors.core.actor import Done, Surroundings
from actors.core.bell import Bell
from actors.core.rules_in_force import InForce
from actors.domain.exception_types import Finding
from actors.domain.facts import (
    Carrier,
    Company,
    Customer,
    ExchangeRate,
    FactKind,
    KitPart,
    LedgerAccount,
    Location,
    PaymentTerm,
    Product,
    TaxRule,
)
from actors.domain.item import FamilyPage, Item, ItemPage
from actors.domain.posting import CurrencyRule, PostingRules
from actors.messages import Envelope, Flow, Urgency
from adapters.rate_files import MOST_BYTES, DiskRateFiles
from storage import exceptions, facts, outbox
from storage.database import Database
from storage.schema import upgrade
from tests.orders_builder import CUSTOMER, LOCATION, plain_order, rules_for
from tests.stored import NOW, accepted
from tests.wire_doubles import StillClock

T = TypeVar("T")
DAY = 86_400_000
PATH = "/srv/rates.csv"
NAMES = (CUSTOMER, f"{CUSTOMER} EUR", "Elsewhere USD")


class Account:
    """An account in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.me = Company(name="Demo", currency="GBP", time_zone="Europe/London")
        self.rates: tuple[ExchangeRate, ...] = ()
        self.goods: tuple[Product, ...] = ()

    async def company(self) -> Company:
        return self.me

    async def tax_rules(self) -> tuple[TaxRule, ...]:
        return ()

    async def locations(self) -> tuple[Location, ...]:
        return (Location(id="l", name=LOCATION),)

    async def payment_terms(self) -> tuple[PaymentTerm, ...]:
        return ()

    async def accounts(self) -> tuple[LedgerAccount, ...]:
        return ()

    async def customers_named(self, name: str) -> tuple[Customer, ...]:
        self.asked.append(name)
        return tuple(Customer(id=one, name=one, currency=one[-3:]) for one in NAMES if one.startswith(name))

    async def carriers(self) -> tuple[Carrier, ...]:
        self.asked.append("carriers")
        return (Carrier(id="k", name="DHL Express"),)

    async def latest_rates(self, currencies: frozenset[str], *, since: int) -> tuple[ExchangeRate, ...]:
        self.asked.append(f"rates of {','.join(sorted(currencies))} since {since}")
        return self.rates

    async def products(self, *, page: int, modified_since: int | None) -> ItemPage:
        items = tuple(Item(product=one) for one in self.goods)
        return ItemPage(items=items, rows=len(items), total=len(items))

    async def families(self, *, page: int, modified_since: int | None) -> FamilyPage:
        return FamilyPage(families=(), rows=0, total=0)


class Files:
    """Rates files in memory; None: not there."""

    def __init__(self) -> None:
        self.texts: dict[str, str | None] = {}

    async def read(self, path: str) -> str:
        text = self.texts.get(path)
        if text is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return text


NO_STOREFRONT = cast(Showcase, None)
"""Nothing of the storefront is read here."""


class House:
    """The flow with everything around it, on one file."""

    def __init__(self, database: Database, posting: PostingRules) -> None:
        self.database = database
        self.clock = StillClock(NOW)
        self.account = Account()
        self.files = Files()
        self.posting = InForce(posting)
        book: AccountBook = self.account
        files: RateFiles = self.files
        around = Surroundings(database=database, clock=self.clock, bell=Bell(), chance=random.Random(1))
        self.actor = CatalogueActor(
            around,
            account=book,
            showcase=NO_STOREFRONT,
            posting=self.posting,
            refresh=300_000,
            rate_files=files,
            rules=InForce(CatalogueRules(enabled=False)),
            may_write=lambda: True,
        )

    async def refresh(self, subject: str = REFRESH) -> None:
        envelope = Envelope(
            id=1, flow=Flow.CATALOGUE, subject=subject, attempt=1, accepted_at=NOW, urgency=Urgency.FRESH
        )
        outcome = await self.actor.handle(envelope)
        assert isinstance(outcome, Done)
        assert outcome.unit is not None
        unit, now = outcome.unit, self.clock.now()
        await self.database.run(lambda connection: unit(connection, now))
        if outcome.after is not None:
            outcome.after()

    async def stirred(self, *skus: str) -> list[str]:
        def waiting(connection: sqlite3.Connection) -> list[str]:
            return [sku for sku in skus if outbox.is_waiting(connection, Flow.STOCK, f"sku:{sku}")]

        return await self.database.read(waiting)

    async def known(self) -> Any:
        return await self.database.read(lambda connection: facts.for_order(connection, ()))

    async def open(self) -> list[tuple[str, str]]:
        rows = await self.database.read(exceptions.listing)
        return [(row.type, row.field) for row in rows if row.type != "mapping_contradicted"]


@asynccontextmanager
async def house(tmp_path: Path, **rules: Any) -> AsyncIterator[House]:
    def prepare(connection: sqlite3.Connection) -> None:
        upgrade(connection, now=NOW)

    async with Database.open(tmp_path / "t.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        made = House(database, rules_for(plain_order(), **rules))
        try:
            yield made
        finally:
            made.actor.mailbox.dispose()


def currency(rate: str, customer: str = f"{CUSTOMER} EUR") -> dict[str, Any]:
    return {"currencies": {"EUR": CurrencyRule(customer=customer, rate=rate)}}


def rate(day: int, figure: str, source: str = "cin7-last") -> ExchangeRate:
    return ExchangeRate(currency="EUR", day=date(2026, 12, day), rate=Decimal(figure), source=source)


async def test_a_plain_configuration_asks_for_no_carriers_and_no_rates(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.refresh()
        assert made.account.asked == [CUSTOMER]
        known = await made.known()
        assert {FactKind.CARRIER, FactKind.RATE}.isdisjoint(known.loaded)


async def test_carriers_and_the_customers_of_every_currency_are_read(tmp_path: Path) -> None:
    usd = CurrencyRule(customer="Elsewhere USD", rate="0.7")
    rules = {"carriers": {"Express": "DHL Express"}, "currencies": currency("0.8")["currencies"] | {"USD": usd}}
    async with house(tmp_path, **rules) as made:
        await made.refresh()
        # The filter means *starts with*: the customer of EUR came with the one whose name it begins with.
        assert made.account.asked == ["Elsewhere USD", CUSTOMER, "carriers"]
        known = await made.known()
        assert set(known.customers) == set(NAMES)
        assert set(known.carriers) == {"DHL Express"}
        assert FactKind.RATE not in known.loaded


async def test_a_row_that_is_mapped_while_the_lists_are_read_has_them_read_once_more(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        posting = made.posting.current

        async def mapped_meanwhile(name: str) -> tuple[Customer, ...]:
            made.posting.current = msgspec.structs.replace(posting, tax={"standard": "Other"})
            return ()

        async def read_at() -> int:
            return await made.database.read(made.actor.account.read_at)

        await made.refresh()
        assert await read_at() == NOW
        made.posting.current = msgspec.structs.replace(posting, tax={})
        assert await read_at() == 0, "as a start with another configuration reads them"
        made.posting.current = posting
        made.account.customers_named = mapped_meanwhile  # type: ignore[method-assign]
        await made.refresh()
        assert await read_at() == 0, "what was asked for is not what is needed now"
        await made.refresh()
        assert await read_at() == NOW


async def test_a_rates_file_is_read_at_each_refresh_and_is_the_truth(tmp_path: Path) -> None:
    async with house(tmp_path, **currency(f"file:{PATH}")) as made:
        source = f"file:{PATH}"
        made.files.texts[PATH] = "date,currency,rate\n2026-12-01,EUR,0.80\n2026-12-02,EUR,0.81\n2026-12-02,CHF,0.9\n"
        await made.refresh()
        assert (await made.known()).rates == (rate(1, "0.80", source), rate(2, "0.81", source))
        edition = (await made.known()).edition
        await made.refresh()
        assert (await made.known()).edition == edition
        made.files.texts[PATH] = "2026-12-02,EUR,0.82\n2026-12-03,EUR,0.83\n"
        await made.refresh()
        assert (await made.known()).rates == (rate(2, "0.82", source), rate(3, "0.83", source))
        assert (await made.known()).edition > edition
        assert await made.open() == []


@pytest.mark.parametrize("text", [None, "2026-12-02,EUR,0.82\n2026-12-0", ""])
async def test_a_file_that_is_gone_torn_or_empty_takes_no_rate_away(tmp_path: Path, text: str | None) -> None:
    async with house(tmp_path, **currency(f"file:{PATH}")) as made:
        source = f"file:{PATH}"
        made.files.texts[PATH] = "2026-12-01,EUR,0.80\n"
        await made.refresh()
        made.files.texts[PATH] = text
        await made.refresh()
        assert rate(1, "0.80", source) in (await made.known()).rates
        assert await made.open() == ([] if text == "" else [("rate_file_unreadable", PATH)])
        made.files.texts[PATH] = "2026-12-01,EUR,0.80\n"
        await made.refresh()
        assert await made.open() == []
        assert (await made.known()).rates == (rate(1, "0.80", source),)


@pytest.mark.parametrize(("age", "days"), [(None, 30), (3, 3), (0, 1)])
async def test_rates_of_sales_are_asked_for_once_an_hour_and_kept(tmp_path: Path, age: int | None, days: int) -> None:
    async with house(tmp_path, rate_max_age=age, **currency("cin7-last")) as made:
        made.account.rates = (rate(1, "0.80"),)
        await made.refresh()
        made.clock.pass_time(3599)
        await made.refresh()
        asked = [one for one in made.account.asked if one.startswith("rates")]
        assert asked == [f"rates of EUR since {NOW - days * DAY}"]
        made.clock.pass_time(1)
        made.account.rates = (rate(2, "0.81"),)
        await made.refresh()
        assert len([one for one in made.account.asked if one.startswith("rates")]) == 2
        assert (await made.known()).rates == (rate(1, "0.80"), rate(2, "0.81"))
        assert FactKind.RATE in (await made.known()).loaded


async def test_a_new_rate_wakes_the_orders_that_wait_for_one(tmp_path: Path) -> None:
    async with house(tmp_path, **currency("cin7-last")) as made:
        await made.refresh()

        def wait(connection: sqlite3.Connection) -> str:
            order_id = accepted(connection)
            finding = Finding(code="rate_missing", cause="none", waits_for="rate:")
            exceptions.raise_finding(connection, exceptions.Record(kind="order", id=order_id), finding, now=NOW)
            connection.execute("DELETE FROM outbox")
            return order_id

        def waiting(connection: sqlite3.Connection) -> list[str]:
            return [row[0] for row in connection.execute("SELECT subject FROM outbox WHERE flow = 'orders'")]

        order_id = await made.database.run(wait)
        made.clock.pass_time(3600)
        await made.refresh()
        assert await made.database.read(waiting) == []
        made.clock.pass_time(3600)
        made.account.rates = (rate(1, "0.80"),)
        await made.refresh()
        assert await made.database.read(waiting) == [order_id]


async def test_a_setting_that_changed_is_told_until_a_person_closes_it(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.refresh()
        assert await made.open() == []
        made.account.me = msgspec.structs.replace(made.account.me, tax_calculation_method="Total")
        for _ in range(3):
            await made.refresh()
        assert await made.open() == [("account_settings_changed", "TaxCalculationMethod")]
        [row] = [one for one in await made.database.read(exceptions.listing) if one.type == "account_settings_changed"]
        assert row.facts == {"setting": "TaxCalculationMethod", "was": "", "is": "Total"}
        await made.database.run(lambda c: exceptions.resolve(c, row.id, resolution="meant", now=NOW))
        await made.refresh()
        assert await made.open() == []


async def test_a_lock_date_ahead_is_told_and_clears_by_itself(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.account.me = msgspec.structs.replace(made.account.me, lock_date="2099-01-01T00:00:00")
        await made.refresh()
        assert await made.open() == [("period_lock", "LockDate")]
        made.account.me = msgspec.structs.replace(made.account.me, lock_date=None)
        await made.refresh()
        assert await made.open() == []


async def test_files_on_disk(tmp_path: Path) -> None:
    files, path = DiskRateFiles(), tmp_path / "rates.csv"
    with pytest.raises(FileNotFoundError):
        await files.read(str(path))
    path.write_text("2026-12-01,EUR,0.8\n", encoding="utf-8")
    assert await files.read(str(path)) == "2026-12-01,EUR,0.8\n"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        await files.read(str(path))
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ValueError, match="large"):
        await files.read(str(path))
    with pytest.raises(IsADirectoryError):
        await files.read(str(tmp_path))


CHANGES: list[dict[str, Any]] = [
    {"type": "Service"},
    {"drop_ship": "Always Drop Ship"},
    {"status": "Deprecated"},
    {"sellable": False},
    {"category": "Clearance"},
    {"parts": (KitPart(sku="SKU", quantity=Decimal(2)),)},
]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_product_that_changed_has_its_entries_looked_at(tmp_path: Path, change: dict[str, Any]) -> None:
    async with house(tmp_path) as made:
        mug, bowl = (Product(id=sku, sku=sku, name=sku, type="Stock") for sku in ("MUG", "BOWL"))
        for goods in ((mug, bowl), (mug, bowl), (msgspec.structs.replace(mug, **change), bowl)):
            # Nothing follows from the first reading of the whole list, nor from one that says the same.
            assert await made.stirred("MUG", "BOWL") == []
            made.account.goods = goods
            await made.refresh(PRODUCTS)
        assert await made.stirred("MUG", "BOWL") == ["MUG"]


async def test_a_start_a_moment_after_a_reading_reads_again_only_under_another_configuration(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.refresh()
        plain = rules_for(plain_order())

        async def started(posting: PostingRules) -> list[str]:
            """A process that begins on this file, and what its first refresh asks for."""
            again = House(made.database, posting)
            again.clock.pass_time((made.clock.now() - again.clock.now()) / 1000)
            outcome = await again.actor.handle(
                Envelope(id=1, flow=Flow.CATALOGUE, subject=REFRESH, attempt=1, accepted_at=NOW, urgency=Urgency.FRESH)
            )
            assert isinstance(outcome, Done)
            if outcome.unit is None:
                assert [nudge.due_at for nudge in outcome.nudges] == [NOW + 60_000]
            again.actor.mailbox.dispose()
            return again.account.asked

        assert await started(plain) == []
        assert await started(rules_for(plain_order(), customer=NAMES[1])) != []
        made.clock.pass_time(60)
        assert await started(plain) == [CUSTOMER]
