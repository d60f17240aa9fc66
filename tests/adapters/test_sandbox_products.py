"""The shop's products: lists, drafts, updates, people's edits; exchanges conform to the official spec."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sandbox.catalogue import ITEMS, Item
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.sandbox.orders import Wire, stable_id
from adapters.sandbox.paging import page, page_of_many
from adapters.sandbox.product_book import BookView
from adapters.sandbox.product_view import projected
from adapters.sandbox.refusals import Refusal
from adapters.sandbox.shapes import PROJECTION
from tests.commercetools_spec import check_answer, requires_spec
from tests.commercetools_world import Answer, Caller, HandClock

MUG, CAFETIERE, BOOK = "HW-MUG-STN-01", "HW-CAF-8C", "BK-CAMP-CKB"
OURS = {"isPlatformClient": False, "clientId": "sandbox-client"}
BY_SKU = "masterVariant(sku in :skus) or variants(sku in :skus)"
ON_EITHER_SIDE = (
    "masterData(current(masterVariant(sku = :sku) or variants(sku = :sku)))"
    " or masterData(staged(masterVariant(sku = :sku) or variants(sku = :sku)))"
)
KEYSET = "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)) and lastModifiedAt <= :until"
SIZES = {"name": "enum", "values": [{"key": "s", "label": "Small"}, {"key": "l", "label": "Large"}]}
SHADES = {"name": "lenum", "values": [{"key": "red", "label": {"en-GB": "Red"}}]}
SHIRT: tuple[Wire, ...] = (
    {"name": "care", "type": {"name": "text"}, "isRequired": True},
    {"name": "title", "type": {"name": "ltext"}},
    {"name": "weight", "type": {"name": "number"}},
    {"name": "organic", "type": {"name": "boolean"}},
    {"name": "size", "type": SIZES},
    {"name": "shade", "type": SHADES},
    {"name": "since", "type": {"name": "date"}},
    {"name": "tags", "type": {"name": "set", "elementType": {"name": "text"}}},
    {"name": "barcode", "type": {"name": "text"}, "attributeConstraint": "Unique"},
    {"name": "maker", "type": {"name": "text"}, "attributeConstraint": "SameForAll"},
    {"name": "fit", "type": {"name": "text"}, "attributeConstraint": "CombinationUnique"},
    {"name": "length", "type": {"name": "text"}, "attributeConstraint": "CombinationUnique"},
    {"name": "season", "type": {"name": "text"}, "level": "Product"},
)


class Place:
    """A double, its clock and somebody logged in."""

    def __init__(self, **knobs: Any) -> None:
        self.clock = HandClock()
        self.double = CommercetoolsDouble(clock=self.clock, **knobs)
        self.double.add_product_type("shirt", SHIRT)
        self.caller = Caller(self.double)

    def id_of(self, sku: str) -> str:
        return str(self.double.product_of(sku))

    async def listed(self, *pairs: tuple[str, str], staged: bool = False) -> list[Any]:
        side = ("staged", "true" if staged else "false")
        answer = await self.caller.get("/product-projections", side, ("limit", "500"), *pairs)
        assert answer.status == 200, answer.body
        return list(answer.json["results"])

    async def product(self, product_id: str) -> Any:
        return (await self.caller.get(f"/products/{product_id}")).json

    async def act(self, product_id: str, *actions: Any, conform: bool = True) -> Answer:
        body = {"version": self.double.products[product_id]["version"], "actions": list(actions)}
        return await self.caller.post(f"/products/{product_id}", body, conform=conform)


async def place(**knobs: Any) -> Place:
    made = Place(**knobs)
    assert (await made.caller.log_in()).status == 200
    return made


def draft(sku: str = "A-1", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "key": f"cin7-{sku}",
        "productType": {"typeId": "product-type", "key": "default"},
        "name": {"en-GB": "Lamp"},
        "slug": {"en-GB": f"lamp-{sku}"},
        "masterVariant": {"sku": sku, "attributes": [{"name": "barcode", "value": "401"}]},
        "taxCategory": {"typeId": "tax-category", "key": "standard"},
        "publish": False,
    }
    return made | fields


def shirt(*variants: dict[str, object]) -> dict[str, Any]:
    """A draft of the type with every kind of attribute; each variant by its attributes, all with the required one."""
    made = [
        {"sku": f"S-{n}", "attributes": [{"name": name, "value": value} for name, value in values.items()]}
        for n, values in enumerate({"care": "30°", **one} for one in variants)
    ]
    kind = {"typeId": "product-type", "key": "shirt"}
    return draft("S", productType=kind, masterVariant=made[0], variants=made[1:])


# Lists.


async def test_the_shops_items_are_published_products() -> None:
    here = await place()
    every = await here.listed(("sort", "id asc"))
    assert sorted(one["masterVariant"]["sku"] for one in every) == sorted(item.sku for item in ITEMS)
    assert [one["id"] for one in every] == sorted(one["id"] for one in every)
    [book] = await here.listed(("where", BY_SKU), ("var.skus", BOOK))
    assert (book["id"], book["published"], book["hasStagedChanges"]) == (stable_id("product", BOOK), True, False)
    assert [price["value"]["centAmount"] for price in book["masterVariant"]["prices"]] == [1999]
    tax = (await here.caller.get("/tax-categories/key=zero")).json
    assert (book["taxCategory"]["id"], tax["rates"][0]["amount"]) == (tax["id"], 0)
    kind = (await here.caller.get(f"/product-types/{book['productType']['id']}")).json
    assert (kind["key"], [one["name"] for one in kind["attributes"]]) == (
        "default",
        ["barcode", "size", "colour", "brand"],
    )


def test_products_leave_the_dice_of_the_shop_alone() -> None:
    plain, busy = (CommercetoolsDouble(clock=HandClock(), seed=5) for _ in range(2))
    product_id = busy.add_product("A-1")
    busy.edit_product(product_id, name="Lamp")
    busy.unpublish(product_id)
    assert plain.new_id() == busy.new_id()
    assert plain.next_version(1) == busy.next_version(1)


@pytest.mark.parametrize("order", [("id",), ("lastModifiedAt", "id")])
async def test_a_keyset_shows_every_product_once(order: tuple[str, ...]) -> None:
    here = await place()
    for sku in (MUG, BOOK):
        here.clock.forward(1)
        here.double.edit_product(here.id_of(sku), name="Another")
    found: list[Any] = []
    at, last = "2026-01-01T00:00:00.000Z", ""
    while True:
        where = ("where", "id > :id" if order == ("id",) else KEYSET)
        variables = [("var.id", last)]
        if order != ("id",):
            variables += [("var.at", at), ("var.until", "2027-01-01T00:00:00.000Z")]
        sorts = [("sort", f"{field} asc") for field in order]
        pairs = [("staged", "true"), where, *variables, *sorts, ("limit", "7"), ("withTotal", "false")]
        answer = (await here.caller.get("/product-projections", *pairs)).json
        assert "total" not in answer
        found.extend(answer["results"])
        if answer["count"] < 7:
            break
        at, last = found[-1]["lastModifiedAt"], found[-1]["id"]
    keys = [tuple(one[field] for field in order) for one in found]
    assert keys == sorted(set(keys)) and len(keys) == len(ITEMS)


async def test_sides_differ_until_somebody_publishes() -> None:
    here = await place()
    lamp = here.double.add_product("A-1", published=False)
    named = ("where", BY_SKU), ("var.skus", "A-1"), ("var.skus", "A-2")
    assert await here.listed(*named) == []
    [hidden] = await here.listed(*named, staged=True)
    assert (hidden["id"], hidden["published"], hidden["hasStagedChanges"]) == (lamp, False, False)
    here.double.publish(lamp)
    here.double.edit_product(lamp, sku="A-2", name="Lantern", price=5, staged_only=True)
    [shown] = await here.listed(*named)
    [staged] = await here.listed(*named, staged=True)
    assert [one["masterVariant"]["sku"] for one in (shown, staged)] == ["A-1", "A-2"]
    assert (shown["name"], shown["hasStagedChanges"]) == ({"en-GB": "Product A-1"}, True)
    assert (here.double.skus_of(lamp), here.double.skus_of(lamp, staged=True)) == (["A-1"], ["A-2"])
    for sku in ("A-1", "A-2"):
        [whole] = (await here.caller.get("/products", ("where", ON_EITHER_SIDE), ("var.sku", sku))).json["results"]
        assert whole["id"] == lamp
    here.double.publish(lamp)
    assert [one["masterVariant"]["sku"] for one in await here.listed(*named)] == ["A-2"]
    assert here.double.product_of("A-1") is None
    here.double.edit_product(lamp, sku="")
    assert here.double.product_of("A-2") is None and here.double.skus_of(lamp) == []


SKUS = [item.sku for item in ITEMS[:6]]
INSTANTS = [f"2026-12-01T00:00:0{second}.000Z" for second in range(4)]


def shelves() -> CommercetoolsDouble:
    """Items as they were or edited, each at its own instant, one unpublished; and a product beside them."""
    clock = HandClock()
    double = CommercetoolsDouble(clock=clock, items=ITEMS[:6])
    double.add_product("NEW")
    for second, sku in enumerate((*SKUS[:3], "NEW")):
        double.edit_product(str(double.product_of(sku)), name=f"Name {second}", staged_only=second == 1)
        clock.forward(1)
    double.unpublish(str(double.product_of(SKUS[2])))
    return double


SHELVES = shelves()
IDS = sorted(SHELVES.products)


def quoted(values: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(values).map(json.dumps)


COMPARED = st.one_of(
    st.builds("{} {} {}".format, st.just("id"), st.sampled_from(["=", ">", ">=", "<", "!="]), quoted(IDS)),
    st.builds("lastModifiedAt {} {}".format, st.sampled_from(["=", ">", ">=", "<="]), quoted(INSTANTS)),
    st.builds("masterVariant(sku = {} or key is defined)".format, quoted(SKUS)),
    st.builds("masterVariant(sku in ({}, {}))".format, quoted(SKUS), quoted([*SKUS, "NEW"])),
    st.builds("slug(`en-GB` = {})".format, quoted([sku.lower() for sku in SKUS])),
    st.builds("key = {}".format, quoted([sku.lower() for sku in SKUS])),
    st.just("published = true"),
)
PREDICATES = st.recursive(
    COMPARED,
    lambda inner: st.one_of(
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("not({})".format, inner),
    ),
    max_leaves=6,
)
SORTS = st.sampled_from([(), ("id asc",), ("id",), ("id desc",), ("lastModifiedAt asc", "id asc"), ("key asc",)])


@settings(max_examples=200, deadline=None)
@given(where=st.lists(PREDICATES, max_size=2), sorts=SORTS, staged=st.booleans(), limit=st.integers(0, 9))
def test_an_index_finds_what_looking_at_everything_finds(
    where: list[str], sorts: tuple[str, ...], staged: bool, limit: int
) -> None:
    view = BookView(SHELVES.products, lambda product: projected(product, staged=staged, modular=False))
    query = [*(("where", text) for text in where), *(("sort", text) for text in sorts)]
    query += [("limit", str(limit)), ("withTotal", "false")]
    assert page_of_many(view, query, PROJECTION) == page(list(view.everything()), query, PROJECTION)


# Drafts.


async def test_a_draft_becomes_a_product_that_nobody_sees_yet() -> None:
    here = await place()
    prices = [{"value": {"currencyCode": "GBP", "centAmount": 1999}, "country": "GB"}]
    asked = draft(variants=[{"sku": "A-2", "key": "a2", "prices": prices}], description={"en-GB": "Bright"})
    made = await here.caller.post("/products", asked)
    assert (made.status, made.json["version"]) == (201, 1)
    assert made.json["createdBy"] == made.json["lastModifiedBy"] == OURS
    data = made.json["masterData"]
    assert (data["published"], data["hasStagedChanges"], data["current"]) == (False, False, data["staged"])
    assert data["staged"]["masterVariant"]["attributes"] == [{"name": "barcode", "value": "401"}]
    [second] = data["staged"]["variants"]
    assert (second["id"], second["sku"], second["prices"][0]["value"]["centAmount"]) == (2, "A-2", 1999)
    assert (await here.caller.get("/products/key=cin7-A-1")).json == made.json
    assert not here.double.is_published(made.json["id"])
    bare = {field: draft("B-1")[field] for field in ("productType", "name", "slug")}
    assert (await here.caller.post("/products", bare)).json["masterData"]["staged"]["masterVariant"]["id"] == 1


async def test_every_kind_of_attribute_is_kept() -> None:
    here = await place()
    values = {
        "care": "30°",
        "title": {"en-GB": "Shirt"},
        "weight": 0.25,
        "organic": True,
        "size": "l",
        "shade": {"key": "red"},
        "since": "2026-11-26",
        "tags": ["new", "blue"],
    }
    made = await here.caller.post("/products", shirt(values))
    assert made.status == 201, made.body
    kept = {one["name"]: one["value"] for one in made.json["masterData"]["staged"]["masterVariant"]["attributes"]}
    assert kept == values | {"size": SIZES["values"][1], "shade": SHADES["values"][0]}


OTHER = {"typeId": "product-type", "key": "nothing"}
UNKNOWN_ID = {"typeId": "product-type", "id": "00000000-0000-0000-0000-000000000000"}
PENCE = {"currencyCode": "GBP", "centAmount": 1}


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (draft(productType=None), "InvalidJsonInput", None),
        (draft(name=None), "InvalidJsonInput", None),
        (draft(slug=None), "InvalidJsonInput", None),
        (draft(name="Lamp"), "InvalidJsonInput", None),
        (draft(publish="yes"), "InvalidJsonInput", None),
        (draft(priceMode="None"), "InvalidJsonInput", None),
        (draft(productType=OTHER), "ReferencedResourceNotFound", None),
        (draft(productType=UNKNOWN_ID), "ReferencedResourceNotFound", None),
        (draft(taxCategory={"typeId": "tax-category", "key": "nothing"}), "ReferencedResourceNotFound", None),
        (draft(categories=[{"typeId": "category", "key": "lamps"}]), "ReferencedResourceNotFound", None),
        (draft(masterVariant={"sku": MUG}), "DuplicateField", "masterVariant.sku"),
        (draft(variants=[{"sku": BOOK}]), "DuplicateField", "variants.sku"),
        (draft(variants=[{"sku": "A-1"}]), "DuplicateField", "variants.sku"),
        (draft(slug={"en-GB": "hw-caf-8c"}), "DuplicateField", "slug"),
        (draft(key="hw-caf-8c"), "DuplicateField", "key"),
        (draft(key="a b"), "InvalidField", "key"),
        (draft(slug={"en-GB": "a b"}), "InvalidField", "slug"),
        (draft(slug={"en-GB": "a"}), "InvalidField", "slug"),
        (draft(name={"de": "Lampe"}), "InvalidField", "name"),
        (draft(masterVariant={"attributes": [{"name": "weight", "value": 1}]}), "InvalidField", "weight"),
        (draft(masterVariant={"attributes": [{"name": "barcode", "value": 401}]}), "InvalidField", "barcode"),
        (draft(masterVariant={"prices": [{"value": PENCE}, {"value": PENCE}]}), "DuplicatePriceScope", None),
        (draft(masterVariant={"prices": [{"value": {"currencyCode": "GBP"}}]}), "InvalidJsonInput", None),
        (draft(variants=[{}] * 100), "InvalidInput", None),
        (shirt({"care": None}), "RequiredField", "care"),
        (shirt({}, {"care": None}), "RequiredField", "care"),
        (shirt({"title": {"de": "Hemd"}}), "InvalidField", "title"),
        (shirt({"weight": True}), "InvalidField", "weight"),
        (shirt({"organic": "yes"}), "InvalidField", "organic"),
        (shirt({"size": "xxl"}), "InvalidField", "size"),
        (shirt({"shade": "Red"}), "InvalidField", "shade"),
        (shirt({"since": "26.11.2026"}), "InvalidField", "since"),
        (shirt({"tags": "new"}), "InvalidField", "tags"),
        (shirt({"tags": [1]}), "InvalidField", "tags"),
        (shirt({"season": "summer"}), "InvalidField", "season"),
        (shirt({"barcode": "1"}, {"barcode": "1"}), "DuplicateAttributeValue", None),
        (shirt({"maker": "us", "fit": "a"}, {"maker": "them"}), "InvalidField", "maker"),
        (shirt({"fit": "a", "length": "b"}, {"fit": "a", "length": "b"}), "DuplicateAttributeValues", None),
    ],
)
async def test_what_a_product_may_not_be(wrong: dict[str, Any], code: str, field: str | None) -> None:
    here = await place()
    asked = {name: value for name, value in wrong.items() if value is not None}
    refused = await here.caller.post("/products", asked, conform=False)
    assert (refused.status, refused.code) == (400, code), refused.body
    assert refused.json["errors"][0].get("field") == field
    assert len(here.double.products) == len(ITEMS)


async def test_what_is_taken_names_who_has_it() -> None:
    here = await place()
    error = (await here.caller.post("/products", draft(masterVariant={"sku": MUG}))).json["errors"][0]
    assert (error["duplicateValue"], error["conflictingResource"]["id"]) == (MUG, here.id_of(MUG))
    here.double.edit_product(here.id_of(MUG), sku="MUG-2", staged_only=True)
    for sku in (MUG, "MUG-2"):  # of either side
        assert (await here.caller.post("/products", draft(masterVariant={"sku": sku}))).code == "DuplicateField"
    here.double.delete_product(here.id_of(MUG))
    again = (await here.caller.post("/products", draft(masterVariant={"sku": MUG}))).json
    assert again["id"] == here.id_of(MUG) and again["id"] not in here.double.deleted_products


async def test_languages_are_the_projects() -> None:
    here = await place(languages=("de", "en-GB"))
    assert (await here.caller.get("")).json["languages"] == ["de", "en-GB"]
    assert (await here.caller.post("/products", draft(name={"de": "Lampe", "en-GB": "Lamp"}))).status == 201


async def test_the_modular_model_has_no_variants_in_products() -> None:
    here = await place()
    assert (await here.caller.get("")).json["productCatalogModel"] == "Classic"
    here.double.catalog_model = "Modular"
    assert (await here.caller.get("")).json["productCatalogModel"] == "Modular"
    assert (await here.caller.post("/products", draft())).code == "InvalidInput"
    bare = {name: value for name, value in draft().items() if name != "masterVariant"}
    here.caller.lenient = True  # the specification asks for variants all the same
    assert (await here.caller.post("/products", bare)).status == 201
    assert all("masterVariant" not in one and "variants" not in one for one in await here.listed(staged=True))
    whole = await here.product(here.id_of(MUG))
    assert "masterVariant" not in whole["masterData"]["current"]


# Updates.


def price_of(minor: int, **scope: object) -> dict[str, object]:
    return {"value": {"currencyCode": "GBP", "centAmount": minor}, **scope}


@pytest.mark.parametrize(
    ("action", "path", "value"),
    [
        ({"action": "changeName", "name": {"en-GB": "Cup"}}, ("name",), {"en-GB": "Cup"}),
        ({"action": "changeSlug", "slug": {"en-GB": "cup-1"}}, ("slug",), {"en-GB": "cup-1"}),
        ({"action": "setDescription", "description": {"en-GB": "D"}}, ("description",), {"en-GB": "D"}),
        ({"action": "setProductVariantKey", "variantId": 1, "key": "cup"}, ("masterVariant", "key"), "cup"),
        (
            {"action": "setAttribute", "sku": "A-1", "name": "brand", "value": "us"},
            ("masterVariant", "attributes"),
            [{"name": "brand", "value": "us"}],
        ),
        (
            {"action": "setAttributeInAllVariants", "name": "size", "value": "L"},
            ("masterVariant", "attributes"),
            [{"name": "size", "value": "L"}],
        ),
        ({"action": "setPrices", "variantId": 1, "prices": []}, ("masterVariant", "prices"), []),
        ({"action": "setSku", "variantId": 1, "sku": "A-9"}, ("masterVariant", "sku"), "A-9"),
    ],
)
async def test_an_action_changes_what_is_staged_unless_it_says_otherwise(
    action: dict[str, Any], path: tuple[str, ...], value: object
) -> None:
    here = await place()
    lamp = here.double.add_product("A-1")

    def at_path(data: Any) -> object:
        for step in path:
            data = data.get(step)
        return data

    staged = (await here.act(lamp, action)).json
    assert at_path(staged["masterData"]["staged"]) == value
    assert at_path(staged["masterData"]["current"]) != value
    assert staged["masterData"]["hasStagedChanges"] and staged["version"] == 2 and staged["lastModifiedBy"] == OURS
    assert (await here.act(lamp, action)).json["version"] == 2  # nothing changed
    both = (await here.act(lamp, {**action, "staged": False})).json["masterData"]
    assert at_path(both["current"]) == value and not both["hasStagedChanges"]


async def test_variants_come_and_go() -> None:
    here = await place()
    lamp = here.double.add_product("A-1")
    add = {"action": "addVariant", "sku": "A-2", "attributes": [{"name": "size", "value": "M"}]}
    data = (await here.act(lamp, add, {"action": "addVariant", "sku": "A-3", "staged": False})).json["masterData"]
    assert [(one["id"], one["sku"]) for one in data["staged"]["variants"]] == [(2, "A-2"), (3, "A-3")]
    assert [(one["id"], one["sku"]) for one in data["current"]["variants"]] == [(3, "A-3")]
    priced = {"action": "addPrice", "sku": "A-3", "price": price_of(500), "staged": False}
    assert (await here.act(lamp, priced)).json["masterData"]["current"]["variants"][0]["prices"]
    assert (await here.act(lamp, priced)).code == "DuplicatePriceScope"
    gone = {"action": "removeVariant", "sku": "A-3", "staged": False}
    data = (await here.act(lamp, gone, {"action": "removeVariant", "id": 2})).json["masterData"]
    assert data["staged"]["variants"] == data["current"]["variants"] == []
    assert here.double.product_of("A-3") is None
    assert here.double.add_variant(lamp, "A-3") == 2
    here.double.remove_variant("A-3")
    assert here.double.skus_of(lamp) == ["A-1"]


async def test_publishing_shows_all_that_is_staged_or_prices_alone() -> None:
    here = await place()
    lamp = here.double.add_product("A-1", price=100)
    here.double.edit_product(lamp, name="Lantern", price=200, staged_only=True)
    prices = (await here.act(lamp, {"action": "publish", "scope": "Prices"})).json["masterData"]
    assert prices["current"]["masterVariant"]["prices"][0]["value"]["centAmount"] == 200
    assert (prices["current"]["name"], prices["hasStagedChanges"]) == ({"en-GB": "Product A-1"}, True)
    shown = (await here.act(lamp, {"action": "publish"})).json
    assert shown["masterData"]["current"]["name"] == {"en-GB": "Lantern"}
    assert not shown["masterData"]["hasStagedChanges"]
    assert (await here.act(lamp, {"action": "publish"})).json["version"] == shown["version"]
    hidden = (await here.act(lamp, {"action": "unpublish"})).json
    assert not hidden["masterData"]["published"] and not here.double.is_published(lamp)
    assert (await here.act(lamp, {"action": "publish", "scope": "Prices"})).code == "InvalidOperation"


async def test_a_product_is_told_by_key_and_taxed() -> None:
    here = await place()
    lamp = here.double.add_product("A-1", tax_category=False, key="lamp")
    tax = {"action": "setTaxCategory", "taxCategory": {"typeId": "tax-category", "key": "reduced"}}
    body = {"version": 1, "actions": [tax, {"action": "setKey", "key": "lantern"}]}
    changed = (await here.caller.post("/products/key=lamp", body)).json
    assert (changed["key"], changed["version"]) == ("lantern", 3)
    assert changed["taxCategory"]["id"] == stable_id("tax-category", "reduced")
    assert (await here.caller.get("/products/key=lamp")).status == 404
    here.double.remove_tax_category(lamp)
    assert "taxCategory" not in await here.product(lamp)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"action": "setSku", "variantId": 1, "sku": "NEW"}, "InvalidOperation"),
        ({"action": "setSku", "variantId": 1}, "InvalidOperation"),
        ({"action": "setSku", "variantId": 7, "sku": "NEW"}, "InvalidInput"),
        ({"action": "addVariant", "sku": BOOK}, "DuplicateField"),
        ({"action": "addVariant", "sku": MUG}, "DuplicateField"),
        ({"action": "removeVariant", "id": 1}, "InvalidOperation"),
        ({"action": "removeVariant"}, "InvalidJsonInput"),
        ({"action": "removeVariant", "id": 1, "sku": MUG}, "InvalidJsonInput"),
        ({"action": "setAttribute", "variantId": 1, "name": "weight", "value": 1}, "InvalidField"),
        ({"action": "changeSlug", "slug": {"en-GB": "hw-caf-8c"}}, "DuplicateField"),
        ({"action": "changeName", "name": {"fr": "Tasse"}}, "InvalidField"),
        ({"action": "setKey", "key": "hw-caf-8c"}, "DuplicateField"),
        ({"action": "setTaxCategory", "taxCategory": {"key": "nothing"}}, "ReferencedResourceNotFound"),
        ({"action": "publish", "scope": "Some"}, "InvalidJsonInput"),
        ({"action": "setMagic"}, "InvalidJsonInput"),
        ("publish", "InvalidJsonInput"),
    ],
)
async def test_an_update_is_all_or_nothing(action: Any, code: str) -> None:
    here = await place()
    mug = here.id_of(MUG)
    before = here.double.products[mug]
    first = {"action": "changeName", "name": {"en-GB": "Cup"}}
    refused = await here.act(mug, first, action, conform=False)
    assert (refused.status, refused.code) == (400, code), refused.body
    assert here.double.products[mug] == before


async def test_a_required_attribute_cannot_be_taken_away() -> None:
    here = await place()
    product_id = here.double.add_product("S-1", product_type="shirt", attributes={"care": "30°"})
    gone = await here.act(product_id, {"action": "setAttribute", "variantId": 1, "name": "care"})
    assert (gone.code, gone.json["errors"][0]["field"]) == ("RequiredField", "care")
    with pytest.raises(Refusal):
        here.double.add_product("S-2", product_type="shirt")


async def test_another_version_is_a_conflict() -> None:
    here = await place()
    mug = here.id_of(MUG)
    here.double.edit_product(mug, name="Cup", by="anna")
    body = {"version": 1, "actions": [{"action": "unpublish"}]}
    refused = await here.caller.post(f"/products/{mug}", body)
    assert (refused.status, refused.code, refused.json["errors"][0]["currentVersion"]) == (
        409,
        "ConcurrentModification",
        2,
    )
    assert (await here.product(mug))["lastModifiedBy"]["user"]["id"] == "anna"
    assert (await here.caller.post("/products/nothing", body)).status == 404


# People.


async def test_people_rename_delete_and_take_prices_away() -> None:
    here = await place()
    mug = here.id_of(MUG)
    here.double.rename_sku(MUG, "MUG")
    assert here.double.product_of("MUG") == mug and here.double.product_of(MUG) is None
    assert here.double.stock(MUG) == 180
    with pytest.raises(Refusal):
        here.double.rename_sku("MUG", BOOK)
    with pytest.raises(KeyError):
        here.double.rename_sku(MUG, "X")
    here.double.add_standalone_price("MUG", 900)
    here.double.add_standalone_price(BOOK)
    asked = ("where", "sku in :skus"), ("var.skus", "MUG"), ("var.skus", "X")
    [price] = (await here.caller.get("/standalone-prices", *asked)).json["results"]
    assert (price["sku"], price["value"]["centAmount"]) == ("MUG", 900)
    here.double.remove_prices(mug)
    assert (await here.caller.get("/standalone-prices", *asked)).json["results"] == []
    assert (await here.product(mug))["masterData"]["current"]["masterVariant"]["prices"] == []
    here.double.delete_product(mug)
    assert (await here.caller.get(f"/products/{mug}")).status == 404
    assert len(await here.listed()) == len(here.double.products) == len(ITEMS) - 1


def test_an_item_takes_the_product_its_sku_has() -> None:
    double = CommercetoolsDouble(clock=HandClock(), items=())
    made = double.add_product("NEW", published=False)
    double.add_item(Item("NEW", "New", 1000, 5, 7, "Home"))
    double.add_item(Item("new", "New again", 1000, 5, 7, "Home"))
    assert double.product_of("NEW") == made and not double.is_published(made)
    second = double.products[str(double.product_of("new"))]
    assert second["masterData"]["current"]["slug"] != double.products[made]["masterData"]["current"]["slug"]
    assert second["taxCategory"]["id"] == stable_id("tax-category", "vat-7")


# Who may, and what goes wrong on the way.


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("view_published_products", "/product-projections", 200),
        ("view_published_products", "/product-projections?staged=true", 403),
        ("view_published_products", "/products", 403),
        ("view_products", "/product-projections?staged=true", 200),
        ("view_products", "/product-types", 200),
        ("view_products", "/tax-categories", 200),
        ("view_products", "/standalone-prices", 403),
        ("view_standalone_prices", "/standalone-prices", 200),
        ("view_tax_categories", "/tax-categories/key=standard", 200),
        ("view_product_types", "/product-types/key=default", 200),
        ("view_orders", "/product-projections", 403),
    ],
)
async def test_scopes(scope: str, path: str, status: int) -> None:
    here = await place(scopes=(scope,))
    assert (await here.caller.get(path)).status == status


async def test_writing_needs_more_than_reading() -> None:
    here = await place(scopes=("view_products",))
    for path, body in (("/products", draft()), (f"/products/{here.id_of(MUG)}", {"version": 1, "actions": []})):
        assert (await here.caller.post(path, body)).code == "insufficient_scope"


async def test_a_lost_answer_leaves_the_product() -> None:
    here = await place()
    here.double.faults.plan("product_create", Fault(kind=FaultKind.DROP_AFTER))
    with pytest.raises(DropConnectionError):
        await here.caller.post("/products", draft())
    assert here.double.product_of("A-1") is not None
    operations = [
        ("/product-projections", "product_list"),
        (f"/products/{here.id_of(MUG)}", "product_read"),
        ("/product-types/key=default", "product_type"),
        ("/tax-categories/key=standard", "tax_category"),
        ("/standalone-prices", "price_list"),
    ]
    for path, operation in operations:
        here.double.faults.plan(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=503))
        assert (await here.caller.get(path)).status == 503
        assert (await here.caller.get(path)).status == 200


@requires_spec  # type: ignore[untyped-decorator, unused-ignore]
async def test_the_judge_of_answers_refuses_a_product_that_is_wrong() -> None:
    here = await place()
    product = await here.product(here.id_of(MUG))
    path = f"/acme/products/{product['id']}"
    assert check_answer("GET", path, 200, json.dumps(product).encode()) == []
    for field, value in (("masterData", {}), ("productType", None), ("version", "1")):
        assert check_answer("GET", path, 200, json.dumps({**product, field: value}).encode()), field
