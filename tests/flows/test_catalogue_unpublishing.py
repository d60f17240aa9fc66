"""Products without a match are taken down: only where that is switched on and approved, and never one too many."""

from __future__ import annotations

from typing import Any

import pytest

from actors.stock.rules import StockRules
from adapters.sandbox.catalogue import Item
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from storage import audit
from tests.catalogue_house import MUG, CatalogueHouse, catalogue_house, rules
from tests.simulation.world import Serve, intercept, virtual

MINUTE = 60.0
UNPUBLISH = rules(unpublish=True, share=100)


def strangers(*skus: str) -> Any:
    """Put products into the shop that Cin7 Core knows nothing of."""

    def before(house: CatalogueHouse) -> None:
        for sku in skus:
            house.shop.add_product(sku, name=f"Lamp {sku}")

    return before


async def down(house: CatalogueHouse, *skus: str) -> None:
    """Wait until these are not published any more, and what follows is done."""
    products = [house.product_of(sku) for sku in skus]
    await house.made.until(lambda: not any(house.shop.is_published(one) for one in products), within=30 * MINUTE)
    await house.made.clock.sleep(90)


@virtual
async def test_switched_off_nothing_is_taken_down_however_long_it_stands() -> None:
    async with catalogue_house(before=strangers("NEW-1")) as house:
        await house.made.clock.sleep(30 * MINUTE)
        assert house.told("product_unmatched")
        assert not house.told("unpublish_asks")
        assert house.writes() == 0


@virtual
async def test_the_first_time_a_person_is_asked_and_nothing_happens_before_the_answer() -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1", "NEW-2")) as house:
        await house.made.clock.sleep(30 * MINUTE)
        [row] = house.told("unpublish_asks")
        assert row.owner == "ecommerce"
        assert (row.facts["products"], "Lamp NEW-1" in row.facts["first"]) == ("2", True)
        assert house.writes() == 0
        await house.approve()
        await down(house, "NEW-1", "NEW-2")
        assert not house.told("unpublish_asks", "product_unmatched")
        record = f"product:{house.product_of('NEW-1')}"
        [(_, author, action, _)] = house.made.read(lambda file: audit.of_record(file, record))
        assert (author, action) == ("tallyd", "unpublish")
        # From now on what is few goes by itself.
        house.shop.add_product("NEW-3", name="Lamp 3")
        await house.sweep()
        await down(house, "NEW-3")
        assert not house.told("unpublish_asks")


@virtual
async def test_carts_keep_their_lines_so_the_stock_of_what_is_taken_down_is_held_at_zero() -> None:
    lamp = Item(sku="NEW-1", name="Lamp", price=2_000, stock=7, tax_percent=20, category="Home")
    publishes = {"stock": StockRules(channels={"": ("Main Warehouse",)}, snapshot=60_000)}
    async with catalogue_house(
        the_rules=UNPUBLISH, the_plan=publishes, before=lambda house: house.shop.add_item(lamp)
    ) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.made.clock.sleep(5 * MINUTE)
        assert house.shop.stock("NEW-1") == 7  # no stock of ours, as long as nobody says that it is not to be sold
        await house.approve()
        await down(house, "NEW-1")
        assert house.blocked("NEW-1") == "tallyd"
        await house.made.until(lambda: house.shop.stock("NEW-1") == 0, within=5 * MINUTE)


@virtual
async def test_a_product_that_still_has_a_matched_variant_is_never_taken_down() -> None:
    async with catalogue_house(the_rules=UNPUBLISH) as house:
        product = house.product_of(MUG)
        house.shop.add_variant(product, "NEW-1")
        await house.sweep()
        await house.made.until(lambda: bool(house.told("product_unmatched")), within=5 * MINUTE)
        await house.approve()
        await house.made.clock.sleep(30 * MINUTE)
        assert house.shop.is_published(product)
        assert house.writes() == 0
        assert [row.sku for row in house.told("product_unmatched")] == ["NEW-1"]


@virtual
async def test_more_than_the_share_at_once_waits_for_a_person() -> None:
    async with catalogue_house(the_rules=rules(unpublish=True, share=2), before=strangers("NEW-0")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.approve()
        await down(house, "NEW-0")
        # 2 % of the shop's 62 products is one a day, and that one is gone.
        house.shop.add_product("NEW-1", name="Lamp 1")
        await house.sweep()
        await house.made.clock.sleep(10 * MINUTE)
        [row] = house.told("unpublish_asks")
        assert "more than the 0 that may go today" in row.cause
        assert house.shop.is_published(house.product_of("NEW-1"))


@virtual
async def test_a_match_that_comes_back_ends_the_block_and_asks_for_the_product_to_be_published() -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.approve()
        await down(house, "NEW-1")
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.refresh()
        [row] = house.told("publish_again")
        assert row.record.id == house.product_of("NEW-1")
        assert house.blocked("NEW-1") == ""
        assert not house.shop.is_published(house.product_of("NEW-1"))  # we never publish
        house.shop.publish(house.product_of("NEW-1"))
        await house.sweep()
        assert not house.told("publish_again", "product_unmatched")


@virtual
async def test_a_match_between_the_approval_and_the_write_keeps_the_product_up() -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        house.shop.rename_sku("NEW-1", "HW-APR-CAN ")  # not that either: a blank at the end counts
        house.made.shop.faults.plan("product_read", Fault(kind=FaultKind.ERROR_BEFORE), times=2)
        await house.approve()
        house.shop.rename_sku("HW-APR-CAN ", "NEW-1")
        house.cin7.add_item("NEW-1", name="Lamp")
        await house.refresh()
        await house.made.clock.sleep(10 * MINUTE)
        assert house.shop.is_published(house.product_of("NEW-1"))
        assert house.writes() == 0


@virtual
async def test_in_shadow_mode_it_is_a_would_have_and_nothing_is_blocked() -> None:
    shadow = rules(unpublish=True, share=100, shadow=True)
    async with catalogue_house(the_rules=shadow, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        await house.approve()
        await house.made.clock.sleep(10 * MINUTE)
        assert house.would_haves() == [("unpublish", "product")]
        assert house.writes() == 0
        assert house.blocked("NEW-1") == ""
        assert house.shop.is_published(house.product_of("NEW-1"))


@virtual
async def test_a_version_that_is_overtaken_each_time_is_told_and_tried_again() -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        product = house.product_of("NEW-1")

        async def edited_first(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and product in request.url:
                house.shop.edit_product(product, name=f"Lamp {house.made.clock.now()}", by="somebody")
            return await serve(request)

        undo = intercept(house.made.ct_network, edited_first)
        await house.approve()
        await house.made.until(lambda: bool(house.told("draft_conflict")), within=5 * MINUTE)
        [row] = house.told("draft_conflict")
        assert row.facts["changed by"] == "somebody"
        assert house.shop.is_published(product)
        undo()
        await down(house, "NEW-1")
        assert not house.told("draft_conflict")


@virtual
async def test_a_refusal_is_told_in_its_words_and_tried_again() -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        product = house.product_of("NEW-1")
        body = b'{"statusCode":400,"message":"no","errors":[{"code":"InvalidOperation","message":"not now"}]}'

        async def refused(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and product in request.url:
                return Response(status=400, headers={"content-type": "application/json"}, body=body)
            return await serve(request)

        undo = intercept(house.made.ct_network, refused)
        await house.approve()
        await house.made.until(lambda: bool(house.told("unpublish_rejected")), within=5 * MINUTE)
        [row] = house.told("unpublish_rejected")
        assert "not now" in row.facts["answer"]
        undo()
        await down(house, "NEW-1")
        assert not house.told("unpublish_rejected")


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.ERROR_AFTER, FaultKind.MALFORMED]
)
@virtual
async def test_a_lost_answer_is_looked_for_and_the_product_ends_down(kind: FaultKind) -> None:
    async with catalogue_house(the_rules=UNPUBLISH, before=strangers("NEW-1")) as house:
        await house.made.until(lambda: bool(house.told("unpublish_asks")), within=5 * MINUTE)
        house.made.ct_faults.plan("product_update", Fault(kind=kind))
        await house.approve()
        await down(house, "NEW-1")
        assert house.writes() == (2 if kind is FaultKind.DROP_BEFORE else 1)
        assert not house.told("product_unmatched", "draft_conflict", "unpublish_rejected")
