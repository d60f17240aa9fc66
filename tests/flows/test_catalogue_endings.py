"""What the catalogue flow tells ends once it is over, and what it does comes to rest."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from actors.catalogue.rules import CatalogueRules
from adapters.transport import Request, Response
from tests.catalogue_house import DRAFTS, CatalogueHouse, catalogue_house, rules
from tests.simulation.world import Serve, intercept, virtual

MINUTE = 60.0
TEXT = {"name": "text"}
REFUSAL = b'{"statusCode":400,"message":"no","errors":[{"code":"InvalidOperation","message":"not now"}]}'
TAKEN = msgspec.json.encode(
    {
        "statusCode": 400,
        "message": "no",
        "errors": [{"code": "DuplicateField", "message": "NEW-1 exists", "field": "masterVariant.sku"}],
    }
)
UNPUBLISH = rules(unpublish=True, share=100)


def drafting(**changes: Any) -> CatalogueRules:
    return rules(drafts=True, draft=msgspec.structs.replace(DRAFTS, **changes))


def types(house: CatalogueHouse) -> None:
    """A product type with an attribute that nothing of Cin7 Core fills."""
    house.shop.add_product_type("strict", [{"name": "origin", "type": TEXT, "isRequired": True}])


def about_drafts(house: CatalogueHouse) -> list[str]:
    return [row.type for row in house.made.daemon.open_exceptions() if row.record.kind == "draft"]


async def again(house: CatalogueHouse, the_rules: CatalogueRules) -> None:
    """Stop the daemon, change the file's catalogue settings, and start it."""
    house.made.daemon.plan = msgspec.structs.replace(house.made.daemon.plan, catalogue=the_rules)
    house.made.daemon.die("its settings change")
    await house.made.until(lambda: house.made.daemon.running, within=MINUTE)
    await house.made.clock.sleep(3 * MINUTE)


@virtual
async def test_a_variant_of_a_family_that_has_a_product_of_its_own_stays_there() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        for sku in ("T-S", "T-M"):
            house.shop.add_product(sku, name=f"Shirt {sku}", published=False)
            house.cin7.add_item(sku, name=f"Shirt {sku}")
        await house.sweep()
        house.cin7.add_item("T-L", name="Shirt L")
        house.cin7.add_family("T", "Shirt", options=("Size",), members={"T-S": ("S",), "T-M": ("M",), "T-L": ("L",)})
        await house.made.until(lambda: house.shop.product_of("T-L") is not None, within=15 * MINUTE)
        await house.made.clock.sleep(30 * MINUTE)
        assert house.made.calls("product_update") <= 2
        assert not about_drafts(house)


@pytest.mark.parametrize("change", ["unfit", "family", "off"])
@virtual
async def test_a_draft_that_is_refused_and_wanted_no_more_is_told_no_more(change: str) -> None:
    the_rules = drafting(product_type="strict")
    async with catalogue_house(the_rules=the_rules, before=types) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.until(lambda: about_drafts(house) == ["draft_attribute_missing"], within=15 * MINUTE)
        [before] = house.told("draft_attribute_missing")
        if change == "unfit":
            house.cin7.deprecate("NEW-1")
        elif change == "family":
            house.cin7.add_family("T", "Lamps", options=("Size",), members={"NEW-1": ("S",)})
        else:
            await again(house, rules())
        await house.made.clock.sleep(90 * MINUTE)
        assert before.id not in [row.id for row in house.made.daemon.open_exceptions()]


@virtual
async def test_an_attribute_that_a_person_filled_is_not_missed() -> None:
    async with catalogue_house(the_rules=drafting(product_type="strict"), before=types) as house:
        await house.refresh()
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.until(lambda: bool(about_drafts(house)), within=15 * MINUTE)
        house.shop.add_product("NEW-1", name="A lamp of ours", published=False)
        await house.sweep()
        await house.made.clock.sleep(90 * MINUTE)
        assert not about_drafts(house)


@virtual
async def test_an_item_that_is_renamed_gets_no_second_product() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()
        house.shop.add_product("MADE-BY-HAND", name="Lamp", published=False)
        await house.sweep()
        house.cin7.add_item("MADE-BY-HAND", name="Lamp")
        house.cin7.add_item("NEW-1", name="Chair")
        await house.made.until(lambda: house.shop.product_of("NEW-1") is not None, within=15 * MINUTE)
        chair = house.product_of("NEW-1")
        await house.made.clock.sleep(2 * MINUTE)
        house.cin7.rename_item("MADE-BY-HAND", "LAMP-1")
        house.cin7.rename_item("NEW-1", "CHAIR-1")
        await house.refresh()
        await house.made.clock.sleep(30 * MINUTE)
        assert house.shop.product_of("LAMP-1") is None
        assert house.shop.product_of("CHAIR-1") is None
        assert house.shop.skus_of(chair, staged=True) == ["NEW-1"]
        assert not about_drafts(house)


@pytest.mark.parametrize("change", ["matched", "off"])
@virtual
async def test_a_refusal_to_unpublish_is_over_once_nothing_is_to_be_unpublished(change: str) -> None:
    def before(house: CatalogueHouse) -> None:
        house.shop.add_product("NEW-1", name="Lamp")

    async def refused(request: Request, serve: Serve) -> Response:
        if request.method == "POST" and "/products/" in request.url:
            return Response(status=400, headers={"content-type": "application/json"}, body=REFUSAL)
        return await serve(request)

    async with catalogue_house(the_rules=UNPUBLISH, before=before) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        intercept(house.made.ct_network, refused)
        await house.approve()
        await house.made.until(lambda: bool(house.told("unpublish_rejected")), within=30 * MINUTE)
        if change == "matched":
            house.cin7.add_item("NEW-1", name="Lamp")
            await house.refresh()
        else:
            await again(house, rules())
        await house.made.clock.sleep(10 * MINUTE)
        assert not house.told("unpublish_rejected")


@virtual
async def test_what_was_approved_before_it_was_switched_off_waits_for_a_person_again() -> None:
    def before(house: CatalogueHouse) -> None:
        house.shop.add_product("NEW-1", name="Lamp")

    async with catalogue_house(the_rules=UNPUBLISH, before=before) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.approve()
        await again(house, rules())
        await again(house, UNPUBLISH)
        house.shop.edit_product(house.product_of("NEW-1"), name="A better lamp")
        await house.sweep()
        await house.made.clock.sleep(60 * MINUTE)
        assert house.shop.is_published(house.product_of("NEW-1"))
        assert house.told("unpublish_asks")


@virtual
async def test_what_was_approved_in_shadow_mode_waits_for_a_person_in_live_mode() -> None:
    def before(house: CatalogueHouse) -> None:
        house.shop.add_product("NEW-1", name="Lamp")

    async with catalogue_house(the_rules=msgspec.structs.replace(UNPUBLISH, shadow=True), before=before) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.approve()
        await house.made.until(lambda: bool(house.would_haves()), within=60 * MINUTE)
        await again(house, UNPUBLISH)
        house.shop.edit_product(house.product_of("NEW-1"), name="A better lamp")
        await house.sweep()
        await house.made.clock.sleep(60 * MINUTE)
        assert house.shop.is_published(house.product_of("NEW-1"))
        assert house.told("unpublish_asks")


@virtual
async def test_a_mapping_that_is_entered_or_taken_away_is_judged_at_the_next_start() -> None:
    def before(house: CatalogueHouse) -> None:
        house.shop.add_product("GIFT-7", name="Gift card")

    async with catalogue_house(before=before) as house:
        assert [row.sku for row in house.told("product_unmatched")] == ["GIFT-7"]
        await again(house, rules(mapped=frozenset({"GIFT-7"})))
        assert not house.told("product_unmatched")
        await again(house, rules())
        assert [row.sku for row in house.told("product_unmatched")] == ["GIFT-7"]


@virtual
async def test_a_page_that_is_too_large_is_read_in_smaller_ones() -> None:
    async with catalogue_house() as house:

        async def heavy(request: Request, serve: Serve) -> Response:
            limit = re.search(r"product-projections.*[?&]limit=(\d+)", request.url)
            if limit and int(limit[1]) > 20:
                return Response(status=504)
            return await serve(request)

        intercept(house.made.ct_network, heavy)
        house.shop.add_product("NEW-1", name="Lamp")
        await house.made.until(lambda: bool(house.told("product_unmatched")), within=15 * MINUTE)


@virtual
async def test_with_the_catalogue_switched_off_nothing_of_it_stands_open_and_switched_on_all_is_judged_anew() -> None:
    def before(house: CatalogueHouse) -> None:
        house.shop.add_product("NEW-1", name="Lamp")

    async with catalogue_house(before=before) as house:
        house.shop.add_product("NEW-2", name="Lamp")
        await house.sweep()
        assert len(house.told("product_unmatched")) == 2
        await again(house, rules(enabled=False))
        house.shop.delete_product(house.product_of("NEW-1"))
        house.cin7.add_item("NEW-3", name="Lamp")
        await house.made.clock.sleep(10 * MINUTE)
        assert not house.told("product_unmatched")
        await again(house, rules())
        assert [row.sku for row in house.told("product_unmatched")] == ["NEW-2"]
        assert house.covered("NEW-1") is None


@virtual
async def test_a_sku_that_is_said_to_exist_and_never_found_is_told() -> None:
    async with catalogue_house(the_rules=drafting()) as house:
        await house.refresh()

        tried: list[str] = []

        async def taken(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and request.url.endswith("/products"):
                tried.append(request.url)
                return Response(status=400, headers={"content-type": "application/json"}, body=TAKEN)
            return await serve(request)

        intercept(house.made.ct_network, taken)
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.made.until(lambda: about_drafts(house) == ["draft_rejected"], within=15 * MINUTE)
        before = len(tried)
        await house.made.clock.sleep(30 * MINUTE)
        assert len(tried) == before
        [row] = house.told("draft_rejected")
        assert "NEW-1" in row.facts["answer"]
