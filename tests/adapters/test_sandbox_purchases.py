"""The local Cin7 Core's purchases: what is shown of them, what their documents are worth, and what stock expects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.cin7_purchase_value import spread
from adapters.sandbox.cin7_purchases import Purchase
from adapters.sandbox.cin7_wire import RefusedError
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, START, Shop, needs_specs

R1, R2, BILLED = date(2026, 11, 3), date(2026, 11, 17), date(2026, 11, 24)
NEVER = "00000000-0000-0000-0000-000000000001"


class Buyer(Shop):
    """The double; what is asked of it is held against the documents too."""

    async def call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, *, status: int = 200
    ) -> Any:
        if cin7_spec.available():
            assert cin7_spec.check_request(method, path, query or {}, None) == []
        return await super().call(method, path, query, body, status=status)

    async def listed(self, **query: str) -> list[str]:
        page = await self.call("GET", "/purchaseList", query)
        return [row["OrderNumber"] for row in page["PurchaseList"]]

    async def row(self, purchase_id: str) -> Any:
        page = await self.call("GET", "/purchaseList")
        return next(row for row in page["PurchaseList"] if row["ID"] == purchase_id)

    async def shown(self, purchase_id: str) -> Any:
        path = "/purchase" if self.double.purchase(purchase_id).simple else "/advanced-purchase"
        return await self.call("GET", path, {"ID": purchase_id})

    async def stock(self, sku: str, location: str = "Main Warehouse") -> Any:
        page = await self.call("GET", "/ref/productavailability", {"Sku": sku, "Location": location})
        return page["ProductAvailabilityList"][0]


@pytest.fixture
def shop() -> Buyer:
    return Buyer()


def euros(shop: Buyer, **changes: Any) -> str:
    """The purchase of `docs/landed-cost.md`: the mug is its MUG-BLUE, the plate its BOWL-OAK."""
    terms: dict[str, Any] = {"currency": "EUR", "rate": "0.8600", "day": date(2026, 10, 20)}
    return shop.double.buy({MUG: (300, "4.15"), PLATE: (120, "11.90")}, **terms | changes)


def landed(shop: Buyer, **changes: Any) -> str:
    """All of it: two receipts, freight and duty from others, and the invoice three weeks late at another rate."""
    bought = euros(shop, **changes)
    shop.double.receive(bought, {MUG: 200, PLATE: 70}, day=R1)
    shop.double.receive(bought, {MUG: 100, PLATE: 50}, day=R2)
    shop.double.link_service(bought, supplier="North Sea Lines", amount="186.40")
    shop.double.link_service(bought, supplier="Customs Brokers", amount="96.23", what="Duty")
    charges = (("Packing", "45.00", "630"), ("Bank fee", "12.00", "425"))
    shop.double.invoice_purchase(bought, rate="0.8725", charges=charges, day=BILLED, number="RE-5521")
    return bought


def values(shop: Buyer, purchase_id: str) -> tuple[str, str]:
    return str(shop.double.value_of(purchase_id, MUG)), str(shop.double.value_of(purchase_id, PLATE))


# --- what documents are worth


async def test_a_purchase_worked_out(shop: Buyer) -> None:
    bought = euros(shop)
    shop.double.receive(bought, {MUG: 200, PLATE: 70}, day=R1)
    assert values(shop, bought) == ("713.8000", "716.3800")
    shop.double.receive(bought, {MUG: 100, PLATE: 50}, day=R2)
    assert values(shop, bought) == ("1070.7000", "1228.0800")
    shop.double.link_service(bought, supplier="North Sea Lines", amount="186.40")
    assert values(shop, bought) == ("1157.5193", "1327.6607")
    shop.double.link_service(bought, supplier="Customs Brokers", amount="96.23", what="Duty")
    assert values(shop, bought) == ("1202.3402", "1379.0698")
    shop.double.invoice_purchase(bought, rate="0.8725", day=BILLED, charges=[("Bank fee", "12.00", "425")])
    assert values(shop, bought) == ("1217.9027", "1396.9198")


async def test_the_movements_add_up_to_what_the_documents_say(shop: Buyer) -> None:
    bought = landed(shop)
    shown = await shop.shown(bought)
    assert values(shop, bought) == ("1236.1899", "1417.8951")
    (invoice,) = [one for one in shown["Invoice"] if one["Status"] == "AUTHORISED"]
    goods = sum(line["Total"] for line in invoice["Lines"]) * invoice["CurrencyRate"]
    packing = invoice["AdditionalCharges"][0]["Total"] * invoice["CurrencyRate"]
    linked = sum(row["Amount"] for one in shown["ManualJournals"] for row in one["Lines"] if row["Debit"] == "630")
    assert sum(row["COGS"] for row in shown["InventoryMovements"]) == goods + packing + linked
    assert (shown["CurrencyRate"], invoice["CurrencyRate"]) == (Decimal("0.86"), Decimal("0.8725"))


async def test_late_costs_are_dated_back_and_the_invoice_is_not(shop: Buyer) -> None:
    shown = await shop.shown(landed(shop))
    mugs = [row for row in shown["InventoryMovements"] if row["ProductID"] == shown["Order"]["Lines"][0]["ProductID"]]
    first, second = (one["TaskID"] for one in shown["StockReceived"])
    assert [(row["TaskID"] == first, row["Date"][5:10], str(row["COGS"])) for row in mugs] == [
        (True, "11-03", "713.8"),
        (False, "11-17", "356.9"),
        (True, "11-03", "57.8795"),
        (False, "11-17", "28.9398"),
        (True, "11-03", "29.8806"),
        (False, "11-17", "14.9403"),
        (True, "11-24", "22.5665"),  # 10.3750 of goods, 12.1915 of packing
        (False, "11-24", "11.2832"),
    ]
    assert {row["TaskID"] for row in mugs} == {first, second}


async def test_a_service_is_a_purchase_of_its_own(shop: Buyer) -> None:
    bought = landed(shop)
    freight = shop.double.purchases[1]
    shown = await shop.shown(freight.id)
    assert (shown["Type"], shown["IsServiceOnly"], shown["Order"]["Lines"]) == ("Service Purchase", True, [])
    (charge,) = shown["Invoice"][0]["AdditionalCharges"]
    assert (charge["Description"], charge["Total"], charge["Account"]) == ("Freight", Decimal("186.4"), "425")
    (journal,) = (await shop.shown(bought))["ManualJournals"]
    line = journal["Lines"][0]
    assert (line["Reference"], line["Debit"], line["Credit"]) == (shown["Invoice"][0]["InvoiceNumber"], "630", "425")
    assert (line["IsSystem"], line["Date"][:10], journal["Status"]) == (False, "2026-11-03", "AUTHORISED")


async def test_an_expense_is_no_stock_value(shop: Buyer) -> None:
    bought = euros(shop)
    shop.double.receive(bought, {MUG: 10})
    shop.double.link_service(bought, supplier="Line", amount=50, currency="USD", rate="0.75", account="425")
    assert shop.double.value_of(bought, MUG) == Decimal("35.69")
    (journal,) = (await shop.shown(bought))["ManualJournals"]
    assert (journal["Lines"][0]["Amount"], journal["Lines"][0]["Debit"]) == (Decimal("37.5"), "425")


async def test_a_cost_waits_for_the_goods_it_is_for(shop: Buyer) -> None:
    bought = euros(shop)
    shop.double.link_service(bought, supplier="Line", amount=50)
    assert shop.double.purchase(bought).movements == []
    shop.double.receive(bought, {MUG: 10})
    assert shop.double.value_of(bought, MUG) == Decimal("85.69")


async def test_an_invoice_before_the_goods_is_worth_nothing_yet(shop: Buyer) -> None:
    bought = euros(shop, approach="INVOICE")
    shop.double.invoice_purchase(bought, rate="0.9", charges=[("Packing", "26.73", "630")])
    assert shop.double.purchase(bought).movements == []
    shop.double.receive(bought, {MUG: 300, PLATE: 60})
    assert shop.double.value_of(bought, MUG) == Decimal("1245.00") * Decimal("0.9") * Decimal("1.01")
    assert shop.double.value_of(bought, PLATE) == Decimal("714.00") * Decimal("0.9") * Decimal("1.01")
    shop.double.receive(bought, {PLATE: 60})
    assert shop.double.value_of(bought, PLATE) == Decimal("1428.00") * Decimal("0.9") * Decimal("1.01")


async def test_another_price_on_the_invoice_corrects_the_value_without_tax(shop: Buyer) -> None:
    bought = shop.double.buy({MUG: (10, 4), PLATE: (10, 5)})
    shop.double.receive(bought, {MUG: 10, PLATE: 10})
    invoice = shop.double.invoice_purchase(bought, price={MUG: "4.50"})
    assert values(shop, bought) == ("45.0000", "50.0000")
    assert (str(invoice.net), str(invoice.tax)) == ("95.00", "19.00")
    assert (await shop.row(bought))["InvoiceAmount"] == 114


async def test_goods_on_no_invoice_follow_the_rate_of_the_purchase(shop: Buyer) -> None:
    bought = euros(shop)
    shop.double.receive(bought, {MUG: 100})
    shop.double.invoice_purchase(bought, {MUG: 40}, rate="0.9")
    shop.double.change_rate(bought, "0.8")
    assert shop.double.value_of(bought, MUG) == Decimal("166.00") * Decimal("0.9") + Decimal("249.00") * Decimal("0.8")


async def test_a_simple_purchase_has_one_rate_and_its_own_task(shop: Buyer) -> None:
    bought = euros(shop, kind="Simple")
    shop.double.receive(bought, {MUG: 300, PLATE: 100}, day=R1)
    shop.double.receive(bought, {PLATE: 20}, day=R2)
    shop.double.invoice_purchase(bought, rate="0.9", number="7")
    shown = await shop.shown(bought)
    assert (shown["CurrencyRate"], shown["Invoice"]["CurrencyRate"]) == (Decimal("0.9"), None)
    assert shown["Invoice"]["InvoiceNumber"] == "7"
    assert [line["Date"][:10] for line in shown["StockReceived"]["Lines"]] == ["2026-11-03"] * 2 + ["2026-11-17"]
    assert {row["TaskID"] for row in shown["InventoryMovements"]} == {bought}
    assert shop.double.value_of(bought, PLATE) == Decimal("1428.00") * Decimal("0.9")
    with pytest.raises(RefusedError, match="one invoice"):
        shop.double.invoice_purchase(bought, {MUG: 1})


@pytest.mark.parametrize("kind", ["Simple", "Advanced"])
async def test_what_goes_back_takes_its_value_along(shop: Buyer, kind: Any) -> None:
    bought = euros(shop, kind=kind)
    shop.double.receive(bought, {MUG: 300, PLATE: 120})
    invoice = shop.double.invoice_purchase(bought, rate="0.9")
    before = shop.double.available(MUG)
    shop.double.send_back(bought, {MUG: 20})
    assert shop.double.value_of(bought, MUG) == Decimal("4.15") * 280 * Decimal("0.9")
    assert shop.double.received(bought, MUG) == 280
    assert before - shop.double.available(MUG) == 20
    shown, row = await shop.shown(bought), await shop.row(bought)
    assert shown["InventoryMovements"][-1]["COGS"] == Decimal("-74.7")
    note = shown["CreditNote"] if kind == "Simple" else shown["CreditNote"][0]
    unstock = note["Unstock"]["Lines"] if kind == "Simple" else note["Unstock"]
    assert (note["Lines"][0]["Total"], unstock[0]["Quantity"], note["Status"]) == (83, 20, "AUTHORISED")
    assert note.get("CreditNoteInvoiceNumber", invoice.number) == invoice.number
    assert (row["Status"], row["CombinedInvoiceStatus"]) == ("RECEIVED / CREDITED", "INVOICED / CREDITED")
    with pytest.raises(RefusedError, match="unstock"):
        shop.double.send_back(bought, {MUG: 281})


@pytest.mark.parametrize("kind", ["Simple", "Advanced"])
async def test_a_void_purchase_leaves_nothing(shop: Buyer, kind: Any) -> None:
    before = await shop.stock(MUG)
    bought = euros(shop, kind=kind)
    shop.double.receive(bought, {MUG: 300, PLATE: 20})
    shop.double.send_back(bought, {MUG: 20})
    shop.double.invoice_purchase(bought)
    shop.double.void_purchase(bought)
    assert values(shop, bought) == ("0.0000", "0.0000")
    assert shop.double.received(bought, MUG) == 0
    assert await shop.stock(MUG) == before
    row, shown = await shop.row(bought), await shop.shown(bought)
    statuses = ("Status", "OrderStatus", "StockReceivedStatus", "InvoiceStatus", "CombinedReceivingStatus")
    assert {row[name] for name in statuses} == {"VOIDED"}
    assert shown["Order"]["Status"] == "VOIDED"
    with pytest.raises(RefusedError, match="already"):
        shop.double.void_purchase(bought)
    with pytest.raises(RefusedError, match="VOIDED"):
        shop.double.receive(bought, {MUG: 1})


@given(
    st.decimals(-10_000, 10_000, places=6),
    st.lists(st.decimals(0, 1_000, places=3), min_size=1, max_size=6),
)
def test_shares_add_up_and_no_share_is_off_by_a_step(amount: Decimal, weights: list[Decimal]) -> None:
    shares = spread(amount, weights)
    assert sum(shares) == round_half_up(amount)
    for share, weight in zip(shares, weights, strict=True):
        if total := sum(weights):
            assert abs(share - amount * weight / total) < Decimal("0.0002")


DOINGS = st.lists(
    st.tuples(
        st.sampled_from(["receive", "invoice", "link", "rate"]),
        st.sampled_from([MUG, PLATE]),
        st.integers(1, 40),
        st.decimals("0.5", "1.5", places=4),
    ),
    max_size=8,
)


@given(DOINGS)
def test_in_whatever_order_documents_come_the_ledger_ends_at_their_sum(doings: list[tuple[str, str, int, Any]]) -> None:
    shop = Buyer()
    bought = shop.double.buy({MUG: (400, "4.15"), PLATE: (400, "11.90")}, currency="EUR", rate="0.86")
    for what, sku, units, rate in doings:
        if what == "receive":
            shop.double.receive(bought, {sku: units})
        elif what == "invoice":
            charges = [("Packing", rate * 10, "630"), ("Bank fee", rate, "425")]
            shop.double.invoice_purchase(bought, {sku: units}, rate=rate, price=rate * 4, charges=charges)
        elif what == "link":
            shop.double.link_service(bought, supplier="Line", amount=rate * units, currency="USD", rate=rate)
        else:
            shop.double.change_rate(bought, rate)
    purchase = shop.double.purchase(bought)
    for sku in (MUG, PLATE):  # everything comes, and is billed
        shop.double.receive(bought, {sku: 400 - shop.double.received(bought, sku)})
        product = shop.double.books.the_product(sku)
        shop.double.invoice_purchase(bought, {sku: 400 - purchase.invoiced(product.id)})
    said = sum((cost.amount for cost in purchase.linked), Decimal(0))
    for invoice in purchase.invoices:
        assert invoice.rate is not None
        stock = [charge.amount for charge in invoice.charges if charge.account == "630"]
        amounts = [*(line.total for line in invoice.lines), *stock]
        said += sum(round_half_up(amount * invoice.rate) for amount in amounts)
    assert sum(moved.value for moved in purchase.movements) == said
    assert sum((shop.double.value_of(bought, sku) for sku in (MUG, PLATE)), Decimal(0)) == said


def round_half_up(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"), rounding="ROUND_HALF_UP")


# --- what is shown


async def test_the_list_is_ascending_and_pages(shop: Buyer) -> None:
    bought = [shop.double.buy({MUG: (1, 1)}) for _ in range(3)]
    shop.clock.forward(60)
    shop.double.receive(bought[0], {MUG: 1})
    assert await shop.listed() == ["PO-00001", "PO-00002", "PO-00003"]
    assert await shop.listed(Page="2", Limit="2") == ["PO-00003"]
    assert await shop.listed(UpdatedSince="2026-12-01T09:00:30Z") == ["PO-00001"]
    assert await shop.listed(UpdatedUntil="2026-12-01T09:00:30Z") == ["PO-00002", "PO-00003"]


FILTERS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [1, 2, 3, 4, 5]),
    ({"Status": "ORDERED"}, [1, 4]),
    ({"Status": "COMPLETED"}, [3]),
    ({"OrderStatus": "DRAFT"}, [5]),
    ({"StockReceivedStatus": "AUTHORISED"}, [2, 3]),
    ({"RestockReceivedStatus": "AUTHORISED"}, [1, 2, 3, 4, 5]),  # documented, and silently ignored
    ({"InvoiceStatus": "AUTHORISED"}, [3]),
    ({"Type": "Simple Purchase"}, [1, 2, 3, 4, 5]),  # no filter
    ({"RequiredBy": "2026-12-10"}, [4]),
    ({"RequiredBy": "2026-12-09"}, []),
    ({"Search": "stonew"}, [2]),
    ({"Search": "re-55"}, [3]),
    ({"Search": "po-00004"}, [4]),
]


@pytest.mark.parametrize(("query", "numbers"), FILTERS, ids=str)
async def test_filters(shop: Buyer, query: dict[str, str], numbers: list[int]) -> None:
    shop.double.buy({MUG: (2, 1)})
    second = shop.double.buy({MUG: (2, 1)}, supplier="Stoneworks")
    third = shop.double.buy({MUG: (2, 1)}, kind="Simple")
    shop.double.buy({MUG: (2, 1)}, required_by=date(2026, 12, 10))
    shop.double.buy({MUG: (2, 1)}, status="DRAFT")
    for bought in (second, third):
        shop.double.receive(bought, {MUG: 2})
    shop.double.invoice_purchase(third, number="RE-5521")
    # Not every filter that does something, or nothing, is documented.
    answer = await Shop.call(shop, "GET", "/purchaseList", query)
    assert [row["OrderNumber"] for row in answer["PurchaseList"]] == [f"PO-{number:05d}" for number in numbers]


Step = Callable[[Buyer, str], object]
STAGES: list[tuple[str, tuple[str, ...], list[Step]]] = [
    ("ordered", ("ORDERED", "DRAFT", "NOT AVAILABLE", "NOT RECEIVED", "NOT INVOICED"), []),
    (
        "half of it came",
        ("RECEIVING", "DRAFT", "DRAFT", "PARTIALLY RECEIVED", "NOT INVOICED"),
        [lambda shop, one: shop.double.receive(one, {MUG: 3})],
    ),
    (
        "all of it came",
        ("RECEIVED", "AUTHORISED", "DRAFT", "FULLY RECEIVED", "NOT INVOICED"),
        [lambda shop, one: shop.double.receive(one, {MUG: 10})],
    ),
    (
        "part of it is billed",
        ("PARTIALLY INVOICED", "AUTHORISED", "DRAFT", "FULLY RECEIVED", "PARTIALLY INVOICED"),
        [
            lambda shop, one: shop.double.receive(one, {MUG: 10}),
            lambda shop, one: shop.double.invoice_purchase(one, {MUG: 3}),
        ],
    ),
    (
        "billed before it came",
        ("INVOICED", "DRAFT", "AUTHORISED", "NOT RECEIVED", "INVOICED"),
        [lambda shop, one: shop.double.invoice_purchase(one, {MUG: 10})],
    ),
    (
        "all is done",
        ("COMPLETED", "AUTHORISED", "AUTHORISED", "FULLY RECEIVED", "INVOICED"),
        [
            lambda shop, one: shop.double.receive(one, {MUG: 10}),
            lambda shop, one: shop.double.invoice_purchase(one),
        ],
    ),
    (
        "some of it went back",
        ("RECEIVING / CREDITED", "DRAFT", "DRAFT", "PARTIALLY RECEIVED", "NOT INVOICED"),
        [
            lambda shop, one: shop.double.receive(one, {MUG: 5}),
            lambda shop, one: shop.double.send_back(one, {MUG: 1}),
        ],
    ),
]


@pytest.mark.parametrize("kind", ["Simple", "Advanced"])
@pytest.mark.parametrize(("statuses", "steps"), [one[1:] for one in STAGES], ids=[one[0] for one in STAGES])
async def test_statuses(shop: Buyer, kind: Any, statuses: tuple[str, ...], steps: list[Step]) -> None:
    bought = shop.double.buy({MUG: (10, 4)}, kind=kind)
    for step in steps:
        step(shop, bought)
    row = await shop.row(bought)
    names = ("Status", "StockReceivedStatus", "InvoiceStatus", "CombinedReceivingStatus", "CombinedInvoiceStatus")
    assert tuple(row[name] for name in names) == statuses
    shown = await shop.shown(bought)
    assert (shown["Status"], shown["Order"]["Status"]) == (statuses[0], "AUTHORISED")


async def test_a_draft_is_on_order_for_nobody(shop: Buyer) -> None:
    bought = shop.double.buy({MUG: (10, 4)}, status="DRAFT")
    row = await shop.row(bought)
    assert (row["Status"], row["CombinedReceivingStatus"]) == ("ORDERING", "NOT AVAILABLE")
    with pytest.raises(RefusedError, match="DRAFT"):
        shop.double.receive(bought, {MUG: 1})
    assert (await shop.stock(MUG))["OnOrder"] == 0
    shop.double.authorise_purchase(bought)
    assert (await shop.stock(MUG))["OnOrder"] == 10
    with pytest.raises(RefusedError, match="AUTHORISED"):
        shop.double.authorise_purchase(bought)


async def test_each_endpoint_is_for_its_own_kind(shop: Buyer) -> None:
    simple, advanced = euros(shop, kind="Simple"), euros(shop)
    service = shop.double.link_service(advanced, supplier="Line", amount=1)
    for purchase_id in (advanced, service.id):
        assert "does not support Advanced Purchase" in await shop.refused("GET", "/purchase", {"ID": purchase_id})
    shell = await shop.call("GET", "/advanced-purchase", {"ID": simple})
    assert "OrderNumber" not in shell
    assert "Order" not in shell
    for path in ("/purchase", "/advanced-purchase"):
        assert "not found" in await shop.refused("GET", path, {"ID": NEVER})


async def test_a_rate_can_be_missing_or_lost(shop: Buyer) -> None:
    without, lost = euros(shop, rate=None), euros(shop)
    shop.double.receive(without, {MUG: 10})
    assert shop.double.value_of(without, MUG) == Decimal("41.5")
    shop.double.receive(lost, {MUG: 10})
    shop.double.invoice_purchase(lost)
    shop.double.drop_rate(lost)
    assert (await shop.shown(without))["CurrencyRate"] is None
    shown = await shop.shown(lost)
    assert (shown["CurrencyRate"], shown["Invoice"][-1]["CurrencyRate"]) == (None, 0)
    assert shop.double.value_of(lost, MUG) == Decimal("35.69")


STEPS: dict[str, Step] = {
    "receive": lambda shop, one: shop.double.receive(one, {MUG: 1}),
    "invoice": lambda shop, one: shop.double.invoice_purchase(one, {MUG: 1}),
    "link": lambda shop, one: shop.double.link_service(one, supplier="Line", amount=1),
    "rate": lambda shop, one: shop.double.change_rate(one, "0.9"),
    "drop": lambda shop, one: shop.double.drop_rate(one),
    "day": lambda shop, one: shop.double.change_required_by(one, R2),
    "send back": lambda shop, one: shop.double.send_back(one, {MUG: 1}),
    "void": lambda shop, one: shop.double.void_purchase(one),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_every_step_moves_the_purchase(shop: Buyer, step: Step) -> None:
    bought = euros(shop)
    shop.double.receive(bought, {MUG: 5})
    shop.clock.forward(60)
    booked = list(shop.double.purchase(bought).movements)
    step(shop, bought)
    moved: Purchase = shop.double.purchase(bought)
    assert moved.updated_ms == START + 60_000
    assert moved.movements[: len(booked)] == booked


# --- what stock expects


async def test_stock_expects_what_is_ordered_and_did_not_come(shop: Buyer) -> None:
    before = await shop.stock(MUG)
    shop.double.expect_delivery(MUG, date(2026, 12, 20), quantity=7)
    bought = shop.double.buy({MUG: (10, 4)}, required_by=date(2026, 12, 15))
    shop.double.buy({MUG: (5, 4)})
    row = await shop.stock(MUG)
    assert (row["OnOrder"], row["NextDeliveryDate"]) == (22, "2026-12-15T00:00:00")
    shop.double.receive(bought, {MUG: 4})
    row = await shop.stock(MUG)
    assert (row["OnOrder"], row["NextDeliveryDate"]) == (18, "2026-12-15T00:00:00")
    assert (row["OnHand"] - before["OnHand"], row["Available"] - before["Available"]) == (4, 4)
    shop.double.change_required_by(bought, date(2026, 12, 18))
    assert (await shop.stock(MUG))["NextDeliveryDate"] == "2026-12-18T00:00:00"
    shop.double.receive(bought, {MUG: 6})
    row = await shop.stock(MUG)
    assert (row["OnOrder"], row["NextDeliveryDate"]) == (12, "2026-12-20T00:00:00")


async def test_a_purchase_comes_to_its_own_location(shop: Buyer) -> None:
    bought = shop.double.buy({MUG: (10, 4)}, location="Paris", required_by=R2)
    assert (await shop.stock(MUG))["OnOrder"] == 0
    assert (await shop.stock(MUG, "Paris"))["OnOrder"] == 10
    shop.double.receive(bought, {MUG: 10})
    row = await shop.stock(MUG, "Paris")
    assert (row["OnHand"], row["OnOrder"], row["NextDeliveryDate"]) == (10, 0, None)
    with pytest.raises(KeyError):
        shop.double.buy({MUG: (1, 1)}, location="Nowhere")


async def test_the_oldest_backorders_get_what_comes(shop: Buyer) -> None:
    there = shop.double.available(MUG)
    sale = shop.double.sell_by_hand(MUG, there + 3)
    bought = shop.double.buy({MUG: (10, 4)})
    shop.double.receive(bought, {MUG: 10})
    assert not sale.backordered
    assert shop.double.available(MUG) == 7


async def test_purchases_move_no_id_of_a_sale() -> None:
    with_purchases, without = Buyer(), Buyer()
    landed(with_purchases)
    assert with_purchases.double.books.new_id() == without.double.books.new_id()


@needs_specs
async def test_the_documents_tell_the_two_kinds_apart(shop: Buyer) -> None:
    for title, path in (("Purchase", "/purchase"), ("Advanced Purchase", "/advanced-purchase")):
        assert cin7_spec.answer_samples(title, path)["GET"]["ID"]
    response = await shop.send("GET", "/purchase", {"ID": euros(shop, kind="Simple")})
    assert cin7_spec.check_answer("GET", "/purchase", 200, response.body) == []
    assert "Invoice is not an array" in cin7_spec.check_answer("GET", "/advanced-purchase", 200, response.body)
