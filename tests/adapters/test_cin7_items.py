"""The client's readings of items and families: what a catalogue shows, exactly, and nothing that stops a page."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.catalogue.ports import AccountBook
from actors.domain.calls import Lane, Purpose
from actors.domain.errors import Transient
from actors.domain.facts import Product
from actors.domain.item import Family, Item, Member
from adapters.transport import Request, Response
from tests.adapters.test_cin7_documents import client_over
from tests.adapters.test_sandbox_cin7 import Shop
from tests.cin7_reader import Reader, bare, needs_samples, sample
from tests.wire_doubles import answer, path_of, query_of

ITEM: dict[str, Any] = {
    "ID": "524C20A3-A8EC-44F2-9685-311F1F7D1498",
    "SKU": "Bread",
    "Name": "Baked Bread",
    "Type": "Stock",
    "Status": "Active",
    "Barcode": "4006381333931",
    "Brand": "Oven",
    "SaleTaxRule": "Tax on Sales",
    "ShortDescription": "Baked,\nnot fried",
    "InventoryAccount": 715,
    "AverageCost": 5.1234,
    "AdditionalAttribute1": "S",
    "AdditionalAttribute2": " ",
    "AdditionalAttribute3": None,
    "AdditionalAttribute10": 7,
    "AFieldOfNextYear": {"Deep": [1]},
}
READ = Item(
    product=Product(id="524c20a3-a8ec-44f2-9685-311f1f7d1498", sku="Bread", name="Baked Bread", type="Stock"),
    barcode="4006381333931",
    brand="Oven",
    tax_rule="Tax on Sales",
    description="Baked,\nnot fried",
    inventory_account="715",
    average_cost=Decimal("5.1234"),
    attributes={"AdditionalAttribute1": "S", "AdditionalAttribute10": "7"},
)
FAMILY: dict[str, Any] = {
    "ID": "2AA3892D-5006-438B-A94C-BCFCCA020EA4",
    "SKU": "SHIRT",
    "Name": "Shirt",
    "Category": "Tops",
    "Brand": "Loom",
    "SaleTaxRule": "Tax on Sales",
    "ShortDescription": "A shirt",
    "Option1Name": "Size",
    "Option2Name": "",
    "Option3Name": "Colour",
    "Products": [
        {"ID": "AA", "SKU": "SHIRT-S", "Name": "Shirt S", "Option1": "S", "Option2": "left over", "Option3": "red"},
        {"ID": "bb", "SKU": "SHIRT-M", "Option1": "M", "Option3": None},
        {"ID": "cc", "SKU": ""},
        {"SKU": "SHIRT-X"},
    ],
}
SHIRT = Family(
    id="2aa3892d-5006-438b-a94c-bcfcca020ea4",
    sku="SHIRT",
    name="Shirt",
    options=("Size", "Colour"),
    members=(
        Member(item_id="aa", sku="SHIRT-S", options=("S", "red")),
        Member(item_id="bb", sku="SHIRT-M", options=("M", "")),
    ),
    category="Tops",
    brand="Loom",
    tax_rule="Tax on Sales",
    description="A shirt",
)


def products(*rows: Any) -> Response:
    return answer(200, {"Total": len(rows), "Page": 1, "Products": list(rows)})


def families(*rows: Any, total: Any = 7) -> Response:
    return answer(200, {"Total": total, "Page": 1, "ProductFamilies": list(rows)})


async def one_item(row: Any) -> Item:
    page = await Reader(products(row)).client.products(page=1, modified_since=None)
    [item] = page.items
    return item


async def one_family(row: Any) -> Family:
    page = await Reader(families(row)).client.families(page=1, modified_since=None)
    [family] = page.families
    return family


async def test_it_is_the_port() -> None:
    book: AccountBook = Reader().client
    assert book is not None


# -- items ------------------------------------------------------------------------------------------------------------


async def test_an_item_is_read_with_what_a_catalogue_shows() -> None:
    assert await one_item(ITEM) == READ


async def test_an_item_that_shows_nothing_is_one_all_the_same() -> None:
    assert await one_item({"ID": "x", "SKU": "a"}) == Item(product=Product(id="x", sku="a", name="", type=""))


UNREAD: list[Any] = [None, "", "dear", "NaN", "1E+999999999", True, [], {"Amount": 1}]


@pytest.mark.parametrize("cost", UNREAD, ids=repr)
async def test_a_cost_nobody_can_read_is_0_and_hinders_nothing(cost: Any) -> None:
    found = await one_item(ITEM | {"AverageCost": cost})
    assert (found.average_cost, found.sku) == (Decimal(0), "Bread")
    assert isinstance(found.average_cost, Decimal)


@pytest.mark.parametrize(
    "field", ["Barcode", "Brand", "SaleTaxRule", "ShortDescription", "InventoryAccount", "AdditionalAttribute1"]
)
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True], ids=repr)
async def test_a_text_that_is_none_is_empty(field: str, value: Any) -> None:
    found = await one_item(ITEM | {field: value})
    assert found != READ
    assert found.sku == "Bread"


@given(st.decimals(min_value=0, max_value=10**9, places=4))
async def test_a_cost_is_read_to_the_last_digit(cost: Decimal) -> None:
    for written in (f"{cost}", f'"{cost}"'):
        row = f'{{"Total": 1, "Products": [{{"ID": "x", "SKU": "a", "AverageCost": {written}}}]}}'
        page = await Reader(bare(row)).client.products(page=1, modified_since=None)
        assert page.items[0].average_cost == cost


@needs_samples
async def test_the_documents_own_product_is_read() -> None:
    page = await Reader(answer(200, sample("Product"))).client.products(page=1, modified_since=None)
    [found] = page.items
    assert (found.sku, found.average_cost, found.attributes) == ("Bread", Decimal(5), {})
    assert (page.rows, page.total) == (1, 1)


# -- families ---------------------------------------------------------------------------------------------------------


async def test_a_family_is_read_with_its_options_that_have_a_name() -> None:
    assert await one_family(FAMILY) == SHIRT


async def test_a_page_of_families_is_asked_for() -> None:
    reader = Reader(families(total=1001), families())
    page = await reader.client.families(page=2, modified_since=1_800_000_000_123)
    await reader.client.families(page=1, modified_since=None)
    assert (page.families, page.rows, page.total) == ((), 0, 1001)
    assert [path_of(one) for one in reader.requests] == ["/ExternalApi/v2/productFamily"] * 2
    assert [query_of(one) for one in reader.requests] == [
        {"Page": ["2"], "Limit": ["1000"], "ModifiedSince": ["2027-01-15T08:00:00.123Z"]},
        {"Page": ["1"], "Limit": ["1000"]},
    ]
    assert {(intent.purpose, intent.lane) for intent in reader.gate.intents} == {
        (Purpose.CIN7_FAMILIES, Lane.CATALOGUE)
    }


ODD_FAMILIES: list[Any] = [
    FAMILY | {"ID": None},
    FAMILY | {"SKU": "  "},
    FAMILY | {"SKU": {"code": 1}},
    FAMILY | {"Products": 3},
    FAMILY | {"Products": [3]},
    "SHIRT",
    None,
]


@pytest.mark.parametrize("row", ODD_FAMILIES, ids=repr)
async def test_a_family_that_cannot_be_read_is_counted_and_left_out(row: Any) -> None:
    page = await Reader(families(row, FAMILY | {"ID": "other"})).client.families(page=1, modified_since=None)
    assert ([one.id for one in page.families], page.rows, page.total) == (["other"], 2, 7)


async def test_a_family_met_twice_is_one() -> None:
    page = await Reader(families(FAMILY, FAMILY | {"ID": FAMILY["ID"].lower(), "Name": "Blouse"})).client.families(
        page=1, modified_since=None
    )
    assert ([one.name for one in page.families], page.rows) == (["Blouse"], 2)


@pytest.mark.parametrize("body", [{"Total": None, "ProductFamilies": []}, {"Total": 1}, {"ProductFamilies": []}])
async def test_a_list_without_its_total_or_rows_is_none(body: Any) -> None:
    with pytest.raises(Transient) as seen:
        await Reader(answer(200, body)).client.families(page=1, modified_since=None)
    assert seen.value.reason == "malformed"


@needs_samples
async def test_the_documents_own_family_is_read() -> None:
    page = await Reader(answer(200, sample("Product Family"))).client.families(page=1, modified_since=None)
    [found] = page.families
    assert (found.sku, found.options, page.rows, page.total) == ("Test", ("Test 1",), 1, 1)
    assert found.members == (Member(item_id="ce9a6504-4207-4001-b430-749bf11fdc4f", sku="GB1-White", options=("3",)),)


# -- against the local Cin7 Core --------------------------------------------------------------------------------------


class Wire:
    """The way to the double."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def send(self, request: Request) -> Response:
        return await self._shop.double.handle(request)


async def test_what_was_entered_by_hand_is_what_is_read() -> None:
    shop = Shop()
    client = client_over(Wire(shop), shop.account, shop.key)
    before = shop.clock.now()
    shop.clock.forward(60)
    added = shop.double.add_item(
        "SHIRT-S",
        barcode="4006381333931",
        brand="Loom",
        attributes={"AdditionalAttribute2": "cotton"},
        cost=Decimal("3.25"),
    )
    shop.double.add_item("SHIRT-M", status="Deprecated")
    family = shop.double.add_family(
        "SHIRT", "Shirt", members={"SHIRT-S": ("S", "Red"), "SHIRT-M": ("M", "Blue")}, brand="Loom"
    )
    items = await client.products(page=1, modified_since=before)
    by_sku = {item.sku: item for item in items.items}
    assert set(by_sku) == {"SHIRT-S", "SHIRT-M"}
    shirt = by_sku["SHIRT-S"]
    assert (shirt.id, shirt.barcode, shirt.brand, shirt.average_cost, shirt.attributes) == (
        added,
        "4006381333931",
        "Loom",
        Decimal("3.25"),
        {"AdditionalAttribute2": "cotton"},
    )
    assert (shirt.fit, by_sku["SHIRT-M"].fit) == (True, False)
    page = await client.families(page=1, modified_since=before)
    [found] = page.families
    assert (found.id, found.sku, found.options, found.brand) == (family, "SHIRT", ("Size", "Colour"), "Loom")
    assert [(one.item_id == by_sku[one.sku].id, one.sku, one.options) for one in found.members] == [
        (True, "SHIRT-S", ("S", "Red")),
        (True, "SHIRT-M", ("M", "Blue")),
    ]


async def test_a_kit_whose_parts_cannot_be_read_is_there_and_no_order_is_judged_by_it() -> None:
    kit = ITEM | {"BillOfMaterial": True, "AutoAssembly": True, "QuantityToProduce": -1}
    page = await Reader(products(kit, ITEM | {"ID": "other", "SKU": "Other"})).client.products(
        page=1, modified_since=None
    )
    assert [(one.sku, one.readable, one.fit) for one in page.items] == [("Bread", False, False), ("Other", True, True)]
    assert [one.sku for one in page.products] == ["Other"]
    assert page.rows == 2
