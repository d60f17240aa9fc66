"""How a SKU stands on both sides: exact or not at all, and what is odd about it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.coverage import Flag, ItemFact, Match, VariantFact, judge, suggestion

ITEM = ItemFact(id="i1", status="Active", sellable=True, type="Stock")
LIVE = VariantFact(product_id="p1", live=True, taxed=True, prices=1)
STAGED = msgspec.structs.replace(LIVE, live=False)


def of(fact: ItemFact, **changes: object) -> ItemFact:
    return msgspec.structs.replace(fact, **changes)


def shown(fact: VariantFact, **changes: object) -> VariantFact:
    return msgspec.structs.replace(fact, **changes)


CASES = {
    "matched": ([ITEM], [LIVE, STAGED], Match.MATCHED, set(), True),
    "only there": ([ITEM], [], Match.ONLY_CIN7, set(), False),
    "only here": ([], [LIVE], Match.ONLY_COMMERCETOOLS, set(), True),
    "deprecated": ([of(ITEM, status="Deprecated")], [LIVE], Match.MATCHED, {Flag.DEPRECATED}, True),
    "not sellable": ([of(ITEM, sellable=False)], [LIVE], Match.MATCHED, {Flag.NOT_SELLABLE}, True),
    "not set up": ([of(ITEM, status="Setup required")], [LIVE], Match.MATCHED, {Flag.NOT_SELLABLE}, True),
    "not published": ([ITEM], [STAGED], Match.MATCHED, {Flag.NOT_PUBLISHED}, False),
    "without tax category": ([ITEM], [shown(LIVE, taxed=False)], Match.MATCHED, {Flag.NO_TAX_CATEGORY}, True),
    "without price": ([ITEM], [shown(LIVE, prices=0), STAGED], Match.MATCHED, {Flag.NO_PRICE}, True),
    "a price that is only staged is none": ([ITEM], [shown(LIVE, prices=0)], Match.MATCHED, {Flag.NO_PRICE}, True),
    "prices that nobody may read": ([ITEM], [shown(LIVE, prices=None)], Match.MATCHED, set(), True),
    "twice in Cin7 Core": ([ITEM, of(ITEM, id="i2")], [LIVE], Match.MATCHED, {Flag.DUPLICATE}, True),
    "on two products": ([ITEM], [LIVE, shown(STAGED, product_id="p2")], Match.MATCHED, {Flag.DUPLICATE}, True),
    "twice, and nowhere else": (
        [],
        [LIVE, shown(LIVE, product_id="p2")],
        Match.ONLY_COMMERCETOOLS,
        {Flag.DUPLICATE},
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_class_is_named(name: str) -> None:
    items, variants, match, flags, published = CASES[name]
    judged = judge("S", items, variants)
    assert judged is not None
    assert (judged.match, set(judged.flags), judged.published) == (match, flags, published)


def test_what_a_mapping_names_needs_no_item_of_its_own() -> None:
    judged = judge("GIFT-50", [], [LIVE], mapped=True)
    assert judged is not None
    assert (judged.match, set(judged.flags)) == (Match.MATCHED, {Flag.MAPPED})
    assert judge("GIFT-50", [], [], mapped=True) is None


def test_a_service_of_cin7_is_no_goods_unless_the_storefront_has_it() -> None:
    service = of(ITEM, type="Service")
    assert judge("SVC-SHIPPING", [service], []) is None
    judged = judge("SVC-WRAP", [service], [LIVE])
    assert judged is not None
    assert judged.match is Match.MATCHED


def test_a_sku_of_neither_side_is_none() -> None:
    assert judge("S", [], []) is None


def test_a_look_alike_of_the_other_side_is_a_near_miss_and_no_match() -> None:
    judged = judge("mug-1", [], [LIVE], near_items=["MUG-1"])
    assert judged is not None
    assert judged.match is Match.ONLY_COMMERCETOOLS
    assert (set(judged.flags), judged.near) == ({Flag.NEAR_MISS}, ("MUG-1",))


def test_a_look_alike_of_a_matched_sku_across_is_nobodys_business() -> None:
    judged = judge("MUG-1", [ITEM], [LIVE])
    assert judged is not None
    assert judged.flags == frozenset()


@pytest.mark.parametrize(("items", "variants"), [([ITEM], []), ([], [LIVE]), ([ITEM], [LIVE])])
def test_two_of_one_side_that_look_alike_collide(items: list[ItemFact], variants: list[VariantFact]) -> None:
    judged = judge(
        "MUG-1", items, variants, near_items=["mug-1"] if items else [], near_variants=["Mug 1"] if variants else []
    )
    assert judged is not None
    assert Flag.COLLISION in judged.flags
    assert Flag.NEAR_MISS not in judged.flags


_ITEMS = st.builds(
    ItemFact,
    id=st.sampled_from(["i1", "i2"]),
    status=st.sampled_from(["Active", "Deprecated", "Setup required"]),
    sellable=st.booleans(),
    type=st.sampled_from(["Stock", "Service"]),
)
_VARIANTS = st.builds(
    VariantFact,
    product_id=st.sampled_from(["p1", "p2"]),
    live=st.booleans(),
    taxed=st.booleans(),
    prices=st.sampled_from([None, 0, 1, 3]),
)


@given(
    st.lists(_ITEMS, max_size=3), st.lists(_VARIANTS, max_size=4), st.lists(st.text(min_size=1, max_size=3), max_size=3)
)
def test_a_match_is_presence_on_both_sides_and_order_changes_nothing(
    items: list[ItemFact], variants: list[VariantFact], near: list[str]
) -> None:
    judged = judge("S", items, variants, near_items=near)
    assert (judged is None) == (not variants and all(item.type == "Service" for item in items))
    if judged is None:
        return
    assert (judged.match is Match.MATCHED) == (bool(items) and bool(variants))
    assert judged == judge("S", items[::-1], variants[::-1], near_items=near)
    assert judged.published == any(variant.live for variant in variants)


def test_the_suggestion_goes_from_the_certain_to_the_unknown() -> None:
    assert "'B'" in suggestion("A", near=["C"], renamed_to="B", family="F")
    assert "'C'" in suggestion("A", near=["C"], family="F")
    assert "family 'F'" in suggestion("A", near=[], family="F")
    assert "create the item" in suggestion("A", near=[])
