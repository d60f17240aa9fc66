"""New items of Cin7 Core become unpublished drafts: once, after two looks, by the mapping, and never over a person."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.catalogue.rules import CatalogueRules
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from tests.catalogue_house import DRAFTS, CatalogueHouse, catalogue_house, rules
from tests.simulation.world import Serve, intercept, virtual

MINUTE = 60.0
TEXT = {"name": "text"}
SIZES = {"name": "enum", "values": [{"key": "S", "label": "Small"}, {"key": "M", "label": "Medium"}]}


def drafting(**changes: Any) -> CatalogueRules:
    return rules(drafts=True, draft=msgspec.structs.replace(DRAFTS, **changes))


def types(house: CatalogueHouse) -> None:
    """A product type that the mapping names."""
    house.shop.add_product_type(
        "sandwich",
        [
            {"name": "barcode", "type": TEXT, "isRequired": False},
            {"name": "size", "type": SIZES, "isRequired": False},
        ],
    )
    house.shop.add_product_type("strict", [{"name": "origin", "type": TEXT, "isRequired": True}])


async def settled(house: CatalogueHouse, sku: str = "NEW-1") -> str:
    """Wait until the shop has a product of a SKU; return its id."""
    await house.made.until(lambda: house.shop.product_of(sku) is not None, within=15 * MINUTE)
    await house.made.clock.sleep(90)
    return house.product_of(sku)


def staged(house: CatalogueHouse, product_id: str) -> dict[str, Any]:
    data: dict[str, Any] = house.shop.products[product_id]["masterData"]["staged"]
    return data


def attributes(house: CatalogueHouse, product_id: str, place: int = 0) -> dict[str, Any]:
    data = staged(house, product_id)
    variant = [data["masterVariant"], *data["variants"]][place]
    shown = {one["name"]: one["value"] for one in variant.get("attributes", [])}
    return {name: value["key"] if isinstance(value, dict) else value for name, value in shown.items()}


@virtual
async def test_a_new_item_becomes_an_unpublished_draft_and_what_was_there_before_does_not() -> None:
    def before(house: CatalogueHouse) -> None:
        house.cin7.add_item("OLD-1", name="There before")

    async with catalogue_house(the_rules=drafting(), before=before) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Brass lamp", barcode="4012345678901")
        product = await settled(house)
        data = staged(house, product)
        assert house.shop.products[product]["key"].startswith("cin7-")
        assert (data["name"], data["slug"]) == ({"en-GB": "Brass lamp"}, {"en-GB": "brass-lamp-new-1"})
        assert attributes(house, product) == {"barcode": "4012345678901"}
        assert not house.shop.is_published(product)
        assert house.shop.product_of("OLD-1") is None
        assert house.made.calls("product_create") == 1
        assert not [row for row in house.made.daemon.open_exceptions() if row.record.kind == "draft"]


@virtual
async def test_switched_off_no_item_becomes_a_draft() -> None:
    async with catalogue_house() as house:
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.clock.sleep(60 * MINUTE)
        assert house.writes() == 0
        assert house.counts()["only_cin7"] >= 1


@virtual
async def test_an_item_that_is_not_ready_for_sale_waits_until_it_is() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", status="Setup required")
        await house.made.clock.sleep(15 * MINUTE)
        assert house.writes() == 0
        house.cin7.edit_item("NEW-1", status="Active")
        await settled(house)


@virtual
async def test_a_family_becomes_one_product_with_its_options_as_attributes_and_grows_with_it() -> None:
    async with catalogue_house(the_rules=drafting(product_type="sandwich"), before=types) as house:
        await house.refresh()
        house.cin7.add_item("T-S", name="Shirt S")
        house.cin7.add_item("T-M", name="Shirt M")
        house.cin7.add_family("T", "Shirt", options=("Size",), members={"T-S": ("S",), "T-M": ("M",)})
        product = await settled(house, "T-S")
        assert staged(house, product)["name"] == {"en-GB": "Shirt"}
        assert sorted(house.shop.skus_of(product, staged=True)) == ["T-M", "T-S"]
        assert {attributes(house, product, place)["size"] for place in (0, 1)} == {"S", "M"}
        house.cin7.add_item("T-M2", name="Shirt M, again", barcode="12")
        house.cin7.join_family("T", "T-M2", ("M",))
        await house.made.until(lambda: house.shop.product_of("T-M2") == product, within=15 * MINUTE)
        assert house.made.calls("product_create") == 1


@virtual
async def test_what_a_person_made_meanwhile_is_taken_for_what_it_is_and_only_completed() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", barcode="4012")
        await house.refresh()  # the first look found none
        product = house.shop.add_product("NEW-1", name="A lamp of ours", published=False)
        await house.made.until(lambda: attributes(house, product).get("barcode") == "4012", within=10 * MINUTE)
        assert house.made.calls("product_create") == 0
        assert staged(house, product)["name"] == {"en-GB": "A lamp of ours"}


@virtual
async def test_a_search_that_misses_makes_no_second_product() -> None:
    """K1: the second look misses as well, and the create is refused for its SKU: it becomes an update."""
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()

        async def blind(request: Request, serve: Serve) -> Response:
            answer = await serve(request)
            if request.method == "GET" and "/products?" in request.url and not house.made.calls("product_create"):
                return msgspec.structs.replace(answer, body=b'{"limit":500,"offset":0,"count":0,"results":[]}')
            return answer

        intercept(house.made.ct_network, blind)
        house.cin7.add_item("NEW-1", name="Lamp", barcode="4012")
        await house.refresh()
        product = house.shop.add_product("NEW-1", name="Made in the same minute", published=False)
        began = house.made.clock.now()
        await house.made.until(lambda: house.made.calls("product_create") > 0, within=5 * MINUTE)
        assert house.made.clock.now() - began >= 50_000  # two looks, a minute apart
        await house.made.until(lambda: attributes(house, product).get("barcode") == "4012", within=5 * MINUTE)
        assert house.shop.product_of("NEW-1") == product
        assert staged(house, product)["name"] == {"en-GB": "Made in the same minute"}


@virtual
async def test_our_field_follows_cin7_and_a_persons_stays() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", barcode="1")
        product = await settled(house)
        house.cin7.edit_item("NEW-1", barcode="2")
        await house.made.until(lambda: attributes(house, product).get("barcode") == "2", within=15 * MINUTE)
        by_hand = {"action": "setAttribute", "variantId": 1, "name": "barcode", "value": "by hand"}
        house.shop.update_product(house.shop.products[product], [by_hand], {"isPlatformClient": True})
        house.shop.edit_product(product, name="A much better name")
        await house.sweep()
        house.cin7.edit_item("NEW-1", barcode="3", name="Another name")
        await house.refresh()
        await house.made.clock.sleep(20 * MINUTE)
        assert attributes(house, product)["barcode"] == "by hand"
        assert staged(house, product)["name"] == {"en-GB": "A much better name"}
        assert not house.shop.is_published(product)


@pytest.mark.parametrize(
    ("the_rules", "code", "words"),
    [
        (drafting(product_type="nowhere"), "draft_mapping_wrong", "'nowhere'"),
        (drafting(product_type=""), "draft_mapping_wrong", "[catalogue] product_type names none"),
        (drafting(tax_category="nowhere"), "draft_mapping_wrong", "tax category"),
        (drafting(attributes={"Barcode": "ean"}), "draft_mapping_wrong", "no attribute 'ean'"),
        (drafting(product_type="strict"), "draft_attribute_missing", "'origin'"),
        (drafting(language="xx"), "draft_rejected", "xx"),
    ],
)
@virtual
async def test_what_cannot_be_drafted_is_told_clearly(the_rules: CatalogueRules, code: str, words: str) -> None:
    async with catalogue_house(the_rules=the_rules, before=types) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", barcode="4012")
        await house.made.until(lambda: bool(house.told(code)), within=15 * MINUTE)
        [row] = house.told(code)
        assert (row.record.kind, row.owner) == ("draft", "ecommerce")
        assert words in row.cause
        assert house.shop.product_of("NEW-1") is None


@virtual
async def test_a_slug_that_is_taken_is_told_with_who_has_it_and_the_draft_is_made_once_it_is_free() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        other = house.shop.add_product("OTHER", name="Lamp")
        slug = {"action": "changeSlug", "slug": {"en-GB": "lamp-new-1"}, "staged": False}
        house.shop.update_product(house.shop.products[other], [slug], {"isPlatformClient": True})
        house.cin7.add_item("OTHER", name="Other")
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.until(lambda: bool(house.told("draft_slug_taken")), within=15 * MINUTE)
        [row] = house.told("draft_slug_taken")
        assert ("lamp-new-1" in row.cause, other in row.cause) == (True, True)
        free = {**slug, "slug": {"en-GB": "another"}}
        house.shop.update_product(house.shop.products[other], [free], {"isPlatformClient": True})
        await house.made.until(lambda: house.shop.product_of("NEW-1") is not None, within=90 * MINUTE, every=30)
        await house.made.clock.sleep(60)
        assert not house.told("draft_slug_taken")


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.ERROR_AFTER, FaultKind.MALFORMED]
)
@virtual
async def test_a_lost_answer_makes_no_second_product(kind: FaultKind) -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.made.ct_faults.plan("product_create", Fault(kind=kind))
        house.cin7.add_item("NEW-1", name="Lamp")
        await settled(house)
        await house.made.clock.sleep(10 * MINUTE)
        assert house.made.calls("product_create") == (2 if kind is FaultKind.DROP_BEFORE else 1)
        assert not [row for row in house.made.daemon.open_exceptions() if row.record.kind == "draft"]


@pytest.mark.parametrize("operation", ["product_create", "product_update"])
@virtual
async def test_an_item_that_changes_before_a_lost_answer_is_looked_for_is_followed_all_the_same(operation: str) -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", barcode="1")
        if operation == "product_update":
            await settled(house)
            house.cin7.edit_item("NEW-1", barcode="2")
        house.made.ct_faults.plan(operation, Fault(kind=FaultKind.DROP_AFTER))
        await house.made.until(lambda: house.made.calls(operation) == 1, within=15 * MINUTE)
        house.cin7.edit_item("NEW-1", barcode="3")
        await house.refresh()
        product = house.product_of("NEW-1")
        await house.made.until(lambda: attributes(house, product).get("barcode") == "3", within=30 * MINUTE)


@virtual
async def test_a_version_overtaken_each_time_is_told_and_the_field_written_in_the_end() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp", barcode="1")
        product = await settled(house)

        async def edited_first(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and product in request.url:
                house.shop.edit_product(product, name=f"Lamp {house.made.clock.now()}", by="somebody")
            return await serve(request)

        undo = intercept(house.made.ct_network, edited_first)
        house.cin7.edit_item("NEW-1", barcode="2")
        await house.made.until(lambda: bool(house.told("draft_conflict")), within=15 * MINUTE)
        undo()
        await house.made.until(lambda: attributes(house, product).get("barcode") == "2", within=15 * MINUTE)
        await house.made.clock.sleep(30)
        assert not house.told("draft_conflict")


@virtual
async def test_in_shadow_mode_a_draft_is_a_would_have() -> None:
    shadow = msgspec.structs.replace(drafting(), shadow=True)
    async with catalogue_house(the_rules=shadow) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.until(lambda: bool(house.would_haves()), within=15 * MINUTE)
        assert house.would_haves() == [("create draft", "draft")]
        product = house.shop.add_product("NEW-1", name="By hand", published=False)
        house.cin7.edit_item("NEW-1", barcode="4012")
        await house.made.until(lambda: len(house.would_haves()) > 1, within=15 * MINUTE)
        assert house.would_haves()[1] == ("update draft", "draft")
        assert attributes(house, product) == {}
        assert house.writes() == 0


@virtual
async def test_a_kill_at_each_step_makes_one_product() -> None:
    for point in ("decided", "intended", "answered", "settled"):
        async with catalogue_house(the_rules=drafting()) as house:
            await house.refresh()
            wanted = f"commercetools.create_product.{point}"
            died: list[str] = []

            def once(name: str, wanted: str = wanted, died: list[str] = died) -> bool:
                if str(name).endswith(wanted.partition(".")[2]) and not died:
                    died.append(str(name))
                    return True
                return False

            house.made.daemon.kill_next = once
            house.cin7.add_item("NEW-1", name="Lamp")
            await settled(house)
            await house.made.clock.sleep(5 * MINUTE)
            assert len([one for one in house.shop.products.everything() if "NEW-1" in str(one)]) == 1
