"""The client's purchases against the local Cin7 Core: what was done by hand there is what is read here."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.errors import Missing
from actors.domain.purchase import Purchase, PurchaseKind, PurchaseMark
from adapters.cin7.client import Cin7Client
from adapters.sandbox.cin7_wire import RefusedError
from adapters.transport import Request, Response
from tests.adapters.test_cin7_documents import client_over
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, Shop

ORDERED, RECEIVED, LATER, BILLED = (date(2026, 11, day) for day in (2, 10, 12, 20))


class Wire:
    """The way to the double, and which endpoints were asked."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.asked: list[str] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(urlsplit(request.url).path.rpartition("/")[2])
        return await self._shop.double.handle(request)


class Desk:
    """Who buys in the double, and the client that reads it."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.double = self.shop.double
        self.wire = Wire(self.shop)
        self.client: Cin7Client = client_over(self.wire, self.shop.account, self.shop.key)

    async def marks(self, since: int | None = None) -> dict[str, PurchaseMark]:
        page = await self.client.purchases(page=1, updated_since=since)
        assert page.met == page.total == len(page.marks)
        return {mark.id: mark for mark in page.marks}

    async def read(self, purchase_id: str) -> Purchase:
        return await self.client.read_purchase((await self.marks())[purchase_id])

    def buy(self, kind: Literal["Simple", "Advanced"] = "Advanced") -> str:
        lines = {MUG: (10, "4.00"), PLATE: (5, "8.00")}
        return self.double.buy(lines, kind=kind, currency="EUR", rate="0.85", day=ORDERED, required_by=LATER)


def units(purchase: Purchase, sku: str) -> Decimal:
    return sum((one.quantity for one in purchase.receipts if one.sku == sku), Decimal(0))


def value(desk: Desk, purchase: Purchase, sku: str) -> Decimal:
    product = desk.double.books.product_by_sku(sku)
    assert product is not None
    return sum((one.value for one in purchase.movements if one.product_id == product.id), Decimal(0))


async def test_a_purchase_is_read_as_it_was_made() -> None:
    desk = Desk()
    bought = desk.buy()
    first = desk.double.receive(bought, {MUG: 6}, day=RECEIVED)
    second = desk.double.receive(bought, {MUG: 4, PLATE: 5}, day=LATER)
    invoice = desk.double.invoice_purchase(
        bought, rate="0.9", charges=(("Packing", "7.50", "630"), ("Postage", "2.50", "425")), day=BILLED, number="R-77"
    )
    freight = desk.double.link_service(bought, supplier="Sea Lines", amount="120", currency="USD", rate="0.8")
    found = await desk.read(bought)
    assert (found.kind, found.currency, found.base_currency, found.rate, found.foreign) == (
        PurchaseKind.ADVANCED,
        "EUR",
        "GBP",
        Decimal("0.85"),
        True,
    )
    assert (found.supplier, found.inventory_account, found.ordered_on, found.required_by) == (
        "Bayside Wholesale",
        "630",
        ORDERED,
        LATER,
    )
    assert [(line.sku, line.quantity, line.total) for line in found.ordered] == [
        (MUG, Decimal(10), Decimal(40)),
        (PLATE, Decimal(5), Decimal(40)),
    ]
    assert [(one.task_id, one.day, one.sku, one.quantity, one.location) for one in found.receipts] == [
        (first.task_id, RECEIVED, MUG, Decimal(6), found.location),
        (second.task_id, LATER, MUG, Decimal(4), found.location),
        (second.task_id, LATER, PLATE, Decimal(5), found.location),
    ]
    [billed] = found.invoices
    assert (billed.task_id, billed.number, billed.day, billed.rate) == (invoice.task_id, "R-77", BILLED, Decimal("0.9"))
    assert [(one.sku, one.quantity, one.total, one.account) for one in billed.lines] == [
        (MUG, Decimal(10), Decimal(40), "630"),
        (PLATE, Decimal(5), Decimal(40), "630"),
    ]
    assert [(one.what, one.total, one.account) for one in billed.charges] == [
        ("Packing", Decimal("7.5"), "630"),
        ("Postage", Decimal("2.5"), "425"),
    ]
    [journal] = found.journals
    assert (journal.reference, journal.amount, journal.debit, journal.system) == (
        freight.invoices[0].number,
        Decimal(96),
        "630",
        False,
    )
    for sku in (MUG, PLATE):
        assert value(desk, found, sku) == desk.double.value_of(bought, sku) > 0


async def test_the_service_of_another_is_a_purchase_of_its_own() -> None:
    desk = Desk()
    service = desk.double.link_service(desk.buy(), supplier="Sea Lines", amount="120", what="Duty")
    found = await desk.read(service.id)
    assert (found.kind, found.supplier, found.ordered, found.receipts) == (PurchaseKind.SERVICE, "Sea Lines", (), ())
    assert [(one.what, one.total) for one in found.invoices[0].charges] == [("Duty", Decimal(120))]


async def test_a_simple_purchase_is_asked_of_its_own_endpoint() -> None:
    desk = Desk()
    bought = desk.buy("Simple")
    desk.double.receive(bought, {MUG: 10, PLATE: 5}, day=RECEIVED)
    desk.double.invoice_purchase(bought, rate="0.9")
    desk.double.send_back(bought, {PLATE: 2}, day=LATER)
    found = await desk.read(bought)
    assert desk.wire.asked == ["purchaseList", "purchase"]
    assert (found.kind, found.rate) == (PurchaseKind.SIMPLE, Decimal("0.9"))
    assert [one.rate for one in found.invoices] == [None, None]
    assert {one.task_id for one in found.receipts} == {one.task_id for one in found.invoices} == {bought}
    assert {one.task_id for one in found.movements} == {bought}
    assert (units(found, MUG), units(found, PLATE)) == (Decimal(10), Decimal(3))
    assert [one.lines[-1].total for one in found.invoices] == [Decimal(40), Decimal(-16)]
    assert value(desk, found, PLATE) == desk.double.value_of(bought, PLATE)


@pytest.mark.parametrize("kind", ["Simple", "Advanced"])
@pytest.mark.parametrize("told", list(PurchaseKind))
async def test_a_purchase_is_found_whatever_the_list_called_it(
    kind: Literal["Simple", "Advanced"], told: PurchaseKind
) -> None:
    desk = Desk()
    bought = desk.buy(kind)
    desk.double.receive(bought, {MUG: 10})
    mark = (await desk.marks())[bought]
    found = await desk.client.read_purchase(msgspec.structs.replace(mark, kind=told))
    assert found == await desk.client.read_purchase(mark)
    assert units(found, MUG) == 10


async def test_a_purchase_that_is_not_there_is_missing() -> None:
    desk = Desk()
    bought = desk.buy()
    mark = (await desk.marks())[bought]
    for kind in PurchaseKind:
        with pytest.raises(Missing):
            await desk.client.read_purchase(msgspec.structs.replace(mark, id=mark.id[::-1], kind=kind))


async def test_a_rate_that_is_not_shown_is_none() -> None:
    desk = Desk()
    bought = desk.buy()
    desk.double.receive(bought, {MUG: 10})
    desk.double.invoice_purchase(bought)
    desk.double.drop_rate(bought)
    found = await desk.read(bought)
    assert (found.rate, found.invoices[0].rate) == (None, None)


@pytest.mark.parametrize("kind", ["Simple", "Advanced"])
async def test_of_what_is_void_the_ledger_alone_tells(kind: Literal["Simple", "Advanced"]) -> None:
    desk = Desk()
    bought = desk.buy(kind)
    desk.double.receive(bought, {MUG: 10})
    desk.double.invoice_purchase(bought)
    desk.double.void_purchase(bought)
    found = await desk.read(bought)
    assert (found.status, found.ordered, found.receipts, found.invoices) == ("VOIDED", (), (), ())
    assert value(desk, found, MUG) == 0
    assert len(found.movements) > 1


async def test_what_moved_since_is_listed() -> None:
    desk = Desk()
    first, second = desk.buy(), desk.buy("Simple")
    before = desk.shop.clock.now()
    desk.shop.clock.forward(60)
    desk.double.receive(first, {MUG: 3})
    assert set(await desk.marks()) == {first, second}
    marks = await desk.marks(before)
    assert set(marks) == {first}
    mark, found = marks[first], await desk.read(first)
    assert (mark.receiving, mark.invoicing, mark.required_by) == ("PARTIALLY RECEIVED", "NOT INVOICED", LATER)
    assert (mark.updated_at, mark.number, mark.status) == (found.updated_at, found.number, found.status)
    assert mark.updated_at == desk.shop.clock.now()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["receive", "invoice", "link", "send_back", "rate"]),
        st.integers(1, 7),
        st.sampled_from([MUG, PLATE]),
        st.decimals("0.1", "3", places=4),
    ),
    max_size=8,
)


def act(desk: Desk, bought: str, step: tuple[str, int, str, Decimal]) -> None:
    what, quantity, sku, rate = step
    match what:
        case "receive":
            desk.double.receive(bought, {sku: quantity})
        case "invoice":
            desk.double.invoice_purchase(bought, {sku: quantity}, rate=rate, price=rate * 3)
        case "link":
            desk.double.link_service(bought, supplier="Sea Lines", amount=rate, currency="USD", rate=rate)
        case "send_back":
            desk.double.send_back(bought, {sku: quantity})
        case _:
            desk.double.change_rate(bought, rate)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from(["Simple", "Advanced"]))
async def test_units_and_values_are_those_of_the_books_whatever_was_done(
    steps: list[tuple[str, int, str, Decimal]], kind: Literal["Simple", "Advanced"]
) -> None:
    desk = Desk()
    bought = desk.buy(kind)
    for step in steps:
        with contextlib.suppress(RefusedError):
            act(desk, bought, step)
    found, books = await desk.read(bought), desk.double.purchase(bought)
    for sku in (MUG, PLATE):
        assert units(found, sku) == desk.double.received(bought, sku)
        assert value(desk, found, sku) == desk.double.value_of(bought, sku)
    assert sum((line.total for one in found.invoices for line in one.lines), Decimal(0)) == sum(
        (one.net for one in books.invoices), Decimal(0)
    ) - sum((one.net for one in books.notes), Decimal(0))
    assert sum((one.amount for one in found.journals), Decimal(0)) == sum(
        (one.amount for one in books.linked), Decimal(0)
    )
