"""The local Cin7 Core's range: what a catalogue shows of an item, and families of items."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from adapters.sandbox.catalogue import ITEMS, SERVICES
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, VAT, Shop

LATER = "2026-12-01T09:00:30Z"


class Range(Shop):
    """The double; what is asked of it is held against the documents too."""

    async def call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, *, status: int = 200
    ) -> Any:
        if cin7_spec.available():
            assert cin7_spec.check_request(method, path, query or {}, None) == []
        return await super().call(method, path, query, body, status=status)

    async def items(self, **query: str) -> list[str]:
        return [row["SKU"] for row in (await self.call("GET", "/product", query))["Products"]]

    async def item(self, sku: str) -> Any:
        page = await self.call("GET", "/product", {"Sku": sku, "IncludeDeprecated": "true"})
        (row,) = page["Products"]
        return row

    async def families(self, **query: str) -> list[Any]:
        rows: list[Any] = (await self.call("GET", "/productFamily", query))["ProductFamilies"]
        return rows


@pytest.fixture
def shop() -> Range:
    return Range()


# --- items


async def test_an_item_shows_what_a_catalogue_needs(shop: Range) -> None:
    made = shop.double.add_item(
        "LAMP-1",
        name="Lamp",
        barcode="4012345678901",
        brand="Fell",
        tax_rule=VAT,
        attributes={"AdditionalAttribute1": "brass", "AdditionalAttribute10": "E27"},
        description="Shines.",
        cost=Decimal("12.3456"),
        inventory_account="630",
    )
    row = await shop.item("LAMP-1")
    assert (row["ID"], row["Name"], row["Category"]) == (made, "Lamp", "Kitchen")
    assert (row["Barcode"], row["Brand"], row["SaleTaxRule"]) == ("4012345678901", "Fell", VAT)
    assert (row["AdditionalAttribute1"], row["AdditionalAttribute2"]) == ("brass", "")
    assert (row["AdditionalAttribute10"], row["ShortDescription"]) == ("E27", "Shines.")
    assert (row["AverageCost"], row["InventoryAccount"]) == (Decimal("12.3456"), "630")
    stock = await shop.call("GET", "/ref/productavailability", {"Sku": "LAMP-1"})
    assert stock["ProductAvailabilityList"][0]["Barcode"] == "4012345678901"
    assert (await shop.item(MUG))["Barcode"] is None


async def test_a_service_or_what_is_not_ready_is_no_less_an_item(shop: Range) -> None:
    shop.double.add_item("ENGRAVE", kind="Service", sellable=False, status="Setup required")
    row = await shop.item("ENGRAVE")
    assert (row["Type"], row["Sellable"], row["Status"], row["Name"]) == ("Service", False, "Setup required", "ENGRAVE")


CHANGES: dict[str, Callable[[Range], object]] = {
    "edited": lambda shop: shop.double.edit_item(MUG, barcode="1"),
    "renamed": lambda shop: shop.double.rename_item(MUG, "NEW"),
    "retired": lambda shop: shop.double.retire_item(MUG),
    "new": lambda shop: shop.double.add_item("NEW"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_changes_is_modified(shop: Range, change: Callable[[Range], object]) -> None:
    assert await shop.items(ModifiedSince=LATER, IncludeDeprecated="true") == []
    shop.clock.forward(60)
    change(shop)
    assert len(await shop.items(ModifiedSince=LATER, IncludeDeprecated="true")) == 1


async def test_a_renamed_item_keeps_its_id_and_its_stock(shop: Range) -> None:
    before, there = await shop.item(MUG), shop.double.available(MUG)
    bought = shop.double.buy({MUG: (10, 4)})
    shop.double.rename_item(MUG, "A-MUG")
    assert await shop.items(Sku=MUG) == []
    assert (await shop.items(Limit="1"), (await shop.item("A-MUG"))["ID"]) == (["A-MUG"], before["ID"])
    shop.double.receive(bought, {"A-MUG": 10})
    assert shop.double.available("A-MUG") == there + 10
    shop.double.add_item(MUG)
    with pytest.raises(ValueError, match="exists already"):
        shop.double.rename_item("A-MUG", MUG)
    assert (await shop.item("A-MUG"))["ID"] == before["ID"]


async def test_a_removed_item_is_gone_everywhere(shop: Range) -> None:
    shop.double.add_family("SET", "Set", ("Size",), {MUG: ("S",), PLATE: ("L",)})
    everything = await shop.items(Limit="1000", IncludeDeprecated="true")
    shop.double.remove_item(MUG)
    left = await shop.items(Limit="1000", IncludeDeprecated="true")
    assert (set(everything) - set(left), len(left)) == ({MUG}, len(everything) - 1)
    stock = await shop.call("GET", "/ref/productavailability", {"Limit": "1000"})
    assert MUG not in {row["SKU"] for row in stock["ProductAvailabilityList"]}
    assert [member["SKU"] for member in (await shop.families())[0]["Products"]] == [PLATE]
    with pytest.raises(KeyError):
        shop.double.edit_item(MUG, barcode="1")


async def test_the_list_stays_in_order_however_it_came_about(shop: Range) -> None:
    for sku in ("ZZ-9", "AA-1", "MM-5"):
        shop.double.add_item(sku)
    shop.double.rename_item("MM-5", "AA-0")
    shop.double.remove_item("ZZ-9")
    shop.double.retire_item("AA-1")
    listed = await shop.items(Limit="1000")
    assert listed == sorted(listed)
    assert (listed[0], len(listed)) == ("AA-0", len(ITEMS) + len(SERVICES) + 1)
    assert (await shop.items(Limit="1000", IncludeDeprecated="true"))[:2] == ["AA-0", "AA-1"]


# --- families


async def test_a_family_shows_its_options_and_who_belongs_to_it(shop: Range) -> None:
    made = shop.double.add_family(
        "TEE",
        "Shirt",
        members={MUG: ("M", "Red"), PLATE: ("L", "Red")},
        brand="Fell",
        tax_rule=VAT,
        category="Textiles",
    )
    (row,) = await shop.families()
    assert (row["ID"], row["SKU"], row["Name"], row["Category"]) == (made, "TEE", "Shirt", "Textiles")
    assert [row[f"Option{place}Name"] for place in (1, 2, 3)] == ["Size", "Colour", ""]
    assert [row[f"Option{place}Values"] for place in (1, 2, 3)] == ["M,L", "Red", ""]
    assert (row["Brand"], row["SaleTaxRule"]) == ("Fell", VAT)
    mug, plate = row["Products"]
    assert (mug["SKU"], mug["ID"]) == (MUG, (await shop.item(MUG))["ID"])
    assert [plate[f"Option{place}"] for place in (1, 2, 3)] == ["L", "Red", ""]


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["CUP", "TEE"]),
    ({"Sku": "ee"}, ["TEE"]),
    ({"Name": "CUPS"}, ["CUP"]),
    ({"Limit": "1", "Page": "2"}, ["TEE"]),
    ({"ModifiedSince": LATER}, ["CUP"]),
    ({"ID": "00000000-0000-0000-0000-000000000001"}, []),
]


@pytest.mark.parametrize(("query", "found"), FILTERS, ids=str)
async def test_families_are_found(shop: Range, query: dict[str, str], found: list[str]) -> None:
    shop.double.add_family("TEE", "Shirts")
    shop.double.add_family("CUP", "Cups")
    shop.clock.forward(60)
    shop.double.join_family("CUP", MUG, ("M", "Grey"))
    assert [row["SKU"] for row in await shop.families(**query)] == found


async def test_a_family_is_found_by_its_id_alone(shop: Range) -> None:
    shop.double.add_family("TEE", "Shirts")
    made = shop.double.add_family("CUP", "Cups")
    assert [row["SKU"] for row in await shop.families(ID=made.upper())] == ["CUP"]


async def test_a_member_joins_once_and_may_change(shop: Range) -> None:
    shop.double.add_family("CUP", "Cups", ("Size",), {MUG: ("M",)})
    shop.double.join_family("CUP", MUG, ("L",))
    (row,) = await shop.families()
    assert [(one["SKU"], one["Option1"]) for one in row["Products"]] == [(MUG, "L")]
    shop.clock.forward(60)
    shop.double.edit_family("CUP", name="Mugs")
    assert [row["Name"] for row in await shop.families(ModifiedSince=LATER)] == ["Mugs"]


def test_what_cannot_be_is_refused(shop: Range) -> None:
    shop.double.add_family("CUP", "Cups", ("Size",))
    with pytest.raises(ValueError, match="exists already"):
        shop.double.add_family("CUP", "Cups")
    with pytest.raises(ValueError, match="one to 3"):
        shop.double.add_family("TEE", "Shirts", ("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="differs in Size"):
        shop.double.join_family("CUP", MUG, ("M", "Red"))
    with pytest.raises(ValueError, match="no field"):
        shop.double.edit_family("CUP", nonsense=1)
    for family, item in (("NONE", MUG), ("CUP", "NONE")):
        with pytest.raises(KeyError):
            shop.double.join_family(family, item, ("M",))
    with pytest.raises(ValueError, match="exists already"):
        shop.double.add_item(MUG)


def test_a_family_moves_no_other_id(shop: Range) -> None:
    shop.double.add_family("CUP", "Cups", members={MUG: ("M", "Red")})
    assert shop.double.books.new_id() == Range().double.books.new_id()
