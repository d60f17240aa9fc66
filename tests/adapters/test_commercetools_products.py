"""The commercetools client on products: against a scripted wire, and against the double."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.catalogue.ports import Showcase
from actors.core.actor import OF_OTHER_SCOPES
from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Limited, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.feed import FeedCursor
from actors.domain.listing import (
    AddVariant,
    AttributeDefinition,
    DraftAction,
    DraftVariant,
    ListedProduct,
    Listing,
    ProductDraft,
    ProductType,
    ProjectModel,
    SetAttribute,
    SetTaxCategory,
    Variant,
)
from actors.governor.journal import Intent
from adapters.commercetools.client import CommercetoolsClient
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.commercetools_spec import check_answer, requires_spec
from tests.wire_doubles import ListJournal, ScriptedWire, StillClock, answer, path_of, query_of, sent_json, text_answer

TOKEN = answer(200, {"access_token": "tok-1", "expires_in": 172_800, "scope": "x", "token_type": "Bearer"})
PRODUCT_WORDS = {"product", "products", "prices", "tax"}
NOW = 1_800_000_000_000
CHANGED = 1_795_428_930_123
PRICE = {
    "id": "p-1",
    "value": {"type": "centPrecision", "currencyCode": "GBP", "centAmount": 1999, "fractionDigits": 2},
}
RESOURCE = {
    "id": "pr-1",
    "version": 7,
    "createdAt": "2026-11-01T00:00:00.000Z",
    "lastModifiedAt": "2026-11-23T10:15:30.123Z",
}
ABOUT = {
    "key": "lamp",
    "productType": {"typeId": "product-type", "id": "t-1"},
    "taxCategory": {"typeId": "tax-category", "id": "x-1"},
    "priceMode": "Embedded",
}
RED: dict[str, Any] = {
    "id": 1,
    "sku": "L-RED",
    "key": "l-red",
    "prices": [PRICE, PRICE],
    "images": [{"url": "https://img.example/1.png", "dimensions": {"w": 10, "h": 10}}],
    "attributes": [
        {"name": "barcode", "value": "4012345678901"},
        {"name": "size", "value": {"key": "m", "label": "M"}},
    ],
    "assets": [],
}
BARE: dict[str, Any] = {"id": 2, "prices": [], "images": [], "attributes": [], "assets": []}
BLUE: dict[str, Any] = {"id": 3, "sku": "L-BLUE", "attributes": []}
DATA: dict[str, Any] = {
    "name": {"de": "Lampe", "en": "Lamp"},
    "slug": {"de": "lampe", "en": "lamp"},
    "description": {"en": "A lamp."},
    "categories": [],
    "categoryOrderHints": {},
    "searchKeywords": {},
    "attributes": [],
    "masterVariant": RED,
    "variants": [BARE],
}
PROJECTION: dict[str, Any] = {
    **RESOURCE,
    **ABOUT,
    **{name: part for name, part in DATA.items() if name != "searchKeywords"},
    "published": True,
    "hasStagedChanges": True,
}
FOUND: dict[str, Any] = {
    **RESOURCE,
    **ABOUT,
    "lastModifiedBy": {"isPlatformClient": True, "user": {"typeId": "user", "id": "u-1"}},
    "masterData": {
        "published": True,
        "hasStagedChanges": True,
        "current": {**DATA, "name": {"en": "Old lamp"}},
        "staged": {**DATA, "variants": [BARE, BLUE]},
    },
}
LISTING = Listing(
    id="pr-1",
    version=7,
    modified_at=CHANGED,
    published=True,
    staged_changes=True,
    key="lamp",
    name="Lamp",
    slug="lamp",
    product_type="t-1",
    tax_category="x-1",
    price_mode="Embedded",
    variants=(Variant(id=1, sku="L-RED", key="l-red", prices=2), Variant(id=2)),
)
RED_VARIANT = Variant(
    id=1,
    sku="L-RED",
    key="l-red",
    prices=2,
    attributes={"barcode": "4012345678901", "size": {"key": "m", "label": "M"}},
)
PRODUCT = ListedProduct(
    id="pr-1",
    version=7,
    modified_at=CHANGED,
    published=True,
    key="lamp",
    modified_by="u-1",
    product_type="t-1",
    tax_category="x-1",
    names={"de": "Lampe", "en": "Lamp"},
    slugs={"de": "lampe", "en": "lamp"},
    current=(RED_VARIANT, Variant(id=2)),
    staged=(RED_VARIANT, Variant(id=2), Variant(id=3, sku="L-BLUE")),
)
TYPE: dict[str, Any] = {
    **{**RESOURCE, "id": "t-1"},
    "key": "default",
    "name": "Default",
    "description": "",
    "attributes": [
        {
            "name": name,
            "label": {"en": name},
            "type": kind,
            "isRequired": name == "barcode",
            "isSearchable": False,
            "inputHint": "SingleLine",
            "level": "Variant",
            "attributeConstraint": constraint,
        }
        for name, kind, constraint in (
            ("barcode", {"name": "text"}, "Unique"),
            ("size", {"name": "enum", "values": [{"key": "m", "label": "M"}, {"key": "l", "label": "L"}]}, "None"),
            (
                "colours",
                {"name": "set", "elementType": {"name": "lenum", "values": [{"key": "red", "label": {"en": "Red"}}]}},
                "CombinationUnique",
            ),
        )
    ],
}
DRAFT = ProductDraft(
    key="lamp",
    product_type="default",
    names={"en": "Lamp"},
    slugs={"en": "lamp"},
    variants=(
        DraftVariant(sku="L-RED", key="l-red", attributes={"barcode": "4012345678901", "size": "m"}),
        DraftVariant(sku="L-BLUE", key="l-blue"),
    ),
    tax_category="standard",
)
ACTIONS: tuple[DraftAction, ...] = (
    AddVariant(variant=DraftVariant(sku="L-BLUE", key="l-blue", attributes={"size": "l"})),
    SetAttribute(variant_id=2, name="barcode", value=False),
    SetAttribute(variant_id=1, name="size", value=None),
    SetTaxCategory(key="standard"),
)


def error(status: int, code: str, **facts: Any) -> Response:
    return answer(status, {"statusCode": status, "message": "no", "errors": [{"code": code, "message": "no", **facts}]})


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part for name, part in document.items() if name not in names}


def made_client(
    wire: Any,
    clock: StillClock,
    diary: list[str],
    *,
    secret: str = "s",  # noqa: S107
    may_write: bool = True,
) -> CommercetoolsClient:
    return CommercetoolsClient(
        transport=wire,
        clock=clock,
        journal=ListJournal(diary),
        probe=diary.append,
        project_key="acme",
        api_url="https://api.example/",
        auth_url="https://api.example",
        client_id="sandbox-client",
        client_secret=secret,
        max_in_flight=10,
        random=random.Random(7),
        may_write=lambda: may_write,
    )


class House:
    """A client on a scripted wire; answers after the token's."""

    def __init__(self, *answers: Any, may_write: bool = True) -> None:
        self.clock = StillClock(NOW)
        self.wire = ScriptedWire(TOKEN, *answers)
        self.diary: list[str] = []
        self.client = made_client(self.wire, self.clock, self.diary, may_write=may_write)

    @property
    def requests(self) -> list[Request]:
        return [one for one in self.wire.requests if "/acme" in one.url]


def page(*rows: dict[str, Any]) -> Response:
    return answer(200, {"limit": 500, "offset": 0, "count": len(rows), "results": list(rows)})


def priced(*skus: str, active: bool = True, after: int = 0) -> Response:
    rows = [{"id": f"sp-{after + number:04}", "sku": sku, "active": active} for number, sku in enumerate(skus)]
    return page(*rows)


@requires_spec  # type: ignore[untyped-decorator, unused-ignore]
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/acme/product-projections", {"limit": 1, "offset": 0, "count": 1, "results": [PROJECTION]}),
        ("/acme/products", {"limit": 1, "offset": 0, "count": 1, "results": [FOUND]}),
        ("/acme/products/pr-1", FOUND),
        ("/acme/product-types/key=default", TYPE),
    ],
)
def test_the_answers_used_here_are_such_as_the_specification_shows(path: str, document: dict[str, Any]) -> None:
    assert check_answer("GET", path, 200, json.dumps(document).encode()) == []
    broken = json.dumps(document).replace('"version"', '"revision"').encode()
    assert check_answer("GET", path, 200, broken)


# Reading lists.


async def test_a_projection_is_read_without_what_is_not_used() -> None:
    house = House(page(PROJECTION))
    showcase: Showcase = house.client
    assert await showcase.listings(staged=True, after_id="", limit=9_999) == [LISTING]
    [request] = house.requests
    assert path_of(request) == "/acme/product-projections"
    assert query_of(request) == {"staged": ["true"], "sort": ["id asc"], "limit": ["500"], "withTotal": ["false"]}


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"priceMode": "Whatever"}, "price_mode", "Whatever"),
        ({"priceMode": None}, "price_mode", ""),
        ({"key": None}, "key", ""),
        ({"taxCategory": None}, "tax_category", ""),
        ({"published": False}, "published", False),
        ({"hasStagedChanges": False}, "staged_changes", False),
        ({"name": {"fr": "Lampe", "de": "Leuchte"}}, "name", "Leuchte"),
        ({"name": {"en": "", "fr": "Lampe"}}, "name", "Lampe"),
        ({"slug": {}}, "slug", ""),
        ({"masterVariant": None, "variants": None}, "variants", ()),
        (
            {"masterVariant": {"id": 1, "sku": "A", "kind": "new"}, "variants": []},
            "variants",
            (Variant(id=1, sku="A"),),
        ),
    ],
)
async def test_what_a_projection_may_hold(changed: dict[str, Any], field: str, value: Any) -> None:
    shown = {**PROJECTION, **changed, "invented": {"lately": [1]}}
    [listing] = await House(page({k: v for k, v in shown.items() if v is not None})).client.listings(
        staged=False, after_id="", limit=1
    )
    assert getattr(listing, field) == value


async def test_prices_that_are_kept_elsewhere_are_not_counted() -> None:
    [listing] = await House(page({**PROJECTION, "priceMode": "Standalone"})).client.listings(
        staged=False, after_id="", limit=1
    )
    assert [variant.prices for variant in listing.variants] == [None, None]


@pytest.mark.parametrize(
    "row",
    [
        without(PROJECTION, "id"),
        without(PROJECTION, "version"),
        {**PROJECTION, "lastModifiedAt": "soon"},
        {**PROJECTION, "masterVariant": without(RED, "id")},
    ],
)
async def test_a_page_with_a_product_that_cannot_be_read_is_asked_for_again(row: dict[str, Any]) -> None:
    house = House(*[page(PROJECTION, row)] * 3)
    with pytest.raises(Transient) as seen:
        await house.client.listings(staged=True, after_id="", limit=2)
    assert seen.value.reason == "malformed"


async def test_lists_are_read_by_keyset_in_either_version() -> None:
    house = House(*[page()] * 2)
    assert await house.client.listings(staged=False, after_id="pr-0", limit=2) == []
    assert await house.client.changed_listings(FeedCursor(at=5, id="pr-0"), staged=True, until=9_000, limit=2) == []
    by_id, by_change = (query_of(request) for request in house.requests)
    assert (by_id["staged"], by_id["where"], by_id["var.id"]) == (["false"], ["id > :id"], ["pr-0"])
    assert (by_id["sort"], by_id["limit"]) == (["id asc"], ["2"])
    assert by_change["staged"] == ["true"]
    assert by_change["where"] == [
        "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id)) and lastModifiedAt <= :until"
    ]
    assert by_change["sort"] == ["lastModifiedAt asc", "id asc"]


# Prices that are records of their own.


async def test_which_skus_have_a_price_of_their_own() -> None:
    house = House(priced("A", "A", "C"))
    assert await house.client.priced_apart(["A", "B"]) == {"A"}
    [request] = house.requests
    assert path_of(request) == "/acme/standalone-prices"
    query = query_of(request)
    assert (query["where"], sorted(query["var.skus"])) == (["sku in :skus"], ["A", "B"])


async def test_a_price_that_is_not_active_is_none() -> None:
    assert await House(priced("A", active=False)).client.priced_apart(["A"]) == frozenset()


async def test_no_sku_is_no_question() -> None:
    house = House()
    assert await house.client.priced_apart([]) == frozenset()
    assert not house.wire.requests


async def test_a_sku_of_many_prices_hides_no_other() -> None:
    house = House(priced(*["A"] * 500), priced(*["B"] * 500, active=False, after=500), priced("B", after=1000))
    assert await house.client.priced_apart(["A", "B", "C"]) == {"A", "B"}
    first, second, third = (query_of(request) for request in house.requests)
    assert "var.id" not in first
    assert (second["var.skus"], second["var.id"]) == (["B", "C"], ["sp-0499"])
    assert second["where"] == ["sku in :skus", "id > :id"]
    assert (third["var.skus"], third["var.id"]) == (["B", "C"], ["sp-0999"])


async def test_it_is_over_once_every_sku_is_found() -> None:
    house = House(priced(*["A"] * 500))
    assert await house.client.priced_apart(["A"]) == {"A"}
    assert len(house.requests) == 1


LONG = [f"Straße/{'€' * 60}/{number}" for number in range(100)]


@example(LONG)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256), unique=True, max_size=100))
async def test_every_sku_is_asked_for_once_in_urls_that_are_short(skus: list[str]) -> None:
    house = House(*[priced(*skus)] * 100)
    assert await house.client.priced_apart(skus) == set(skus)
    asked = [sku for request in house.requests for sku in query_of(request)["var.skus"]]
    assert sorted(asked) == sorted(skus)
    assert all(len(request.url) < 4_096 for request in house.requests)


async def test_who_may_not_read_prices_is_told() -> None:
    with pytest.raises(Unauthorised):
        await House(error(403, "insufficient_scope")).client.priced_apart(["A"])


# Reading products.


async def test_a_product_is_read_whole() -> None:
    house = House(answer(200, FOUND))
    product = await house.client.read_product("pr/1")
    assert product == PRODUCT
    assert product.skus == {"L-RED", "L-BLUE"}
    assert path_of(house.requests[0]) == "/acme/products/pr%2F1"


async def test_a_product_that_is_gone() -> None:
    with pytest.raises(Missing):
        await House(error(404, "ResourceNotFound")).client.read_product("pr-1")


@pytest.mark.parametrize(
    "changed", [{"masterData": {}}, {"version": None}, {"lastModifiedAt": "soon"}, {"masterData": None}]
)
async def test_a_product_that_cannot_be_read_is_asked_for_again(changed: dict[str, Any]) -> None:
    with pytest.raises(Transient) as seen:
        await House(*[answer(200, {**FOUND, **changed})] * 3).client.read_product("pr-1")
    assert seen.value.reason == "malformed"


async def test_products_are_found_by_a_sku_of_either_version() -> None:
    house = House(page(FOUND, {**FOUND, "id": "pr-2"}), page(FOUND))
    assert [one.id for one in await house.client.products_with("L-BLUE")] == ["pr-1", "pr-2"]
    assert await house.client.products_with("l-blue") == []  # another SKU, whatever the other side thinks of case
    query = query_of(house.requests[0])
    assert path_of(house.requests[0]) == "/acme/products"
    assert query["where"] == [
        "masterData(current(masterVariant(sku = :sku) or variants(sku = :sku))"
        " or staged(masterVariant(sku = :sku) or variants(sku = :sku)))"
    ]
    assert query["var.sku"] == ["L-BLUE"]


async def test_products_are_found_by_a_slug_in_a_language() -> None:
    house = House(page(FOUND))
    assert await house.client.products_with_slug("lamp", "en-GB") == [PRODUCT]
    query = query_of(house.requests[0])
    assert query["where"] == ["masterData(current(slug(`en-GB` = :slug)) or staged(slug(`en-GB` = :slug)))"]
    assert query["var.slug"] == ["lamp"]


@pytest.mark.parametrize("language", ["", "en` = :slug) or slug(`en", "en_GB", "-", "e", "en-"])
async def test_only_a_language_may_stand_in_a_predicate(language: str) -> None:
    house = House()
    with pytest.raises(ValueError, match="language"):
        await house.client.products_with_slug("lamp", language)
    assert not house.wire.requests


async def test_what_is_asked_for_by_its_key() -> None:
    house = House(answer(200, FOUND), answer(200, TYPE), answer(200, {"id": "x-1"}))
    assert await house.client.product_with_key("lamp") == PRODUCT
    assert await house.client.product_type("default") == ProductType(
        id="t-1",
        key="default",
        attributes=(
            AttributeDefinition(name="barcode", kind="text", required=True, constraint="Unique"),
            AttributeDefinition(name="size", kind="enum", values=("m", "l")),
            AttributeDefinition(
                name="colours", kind="lenum", many=True, values=("red",), constraint="CombinationUnique"
            ),
        ),
    )
    assert await house.client.has_tax_category("standard rate")
    assert [path_of(request) for request in house.requests] == [
        "/acme/products/key=lamp",
        "/acme/product-types/key=default",
        "/acme/tax-categories/key=standard%20rate",
    ]


async def test_what_has_no_such_key() -> None:
    house = House(*[error(404, "ResourceNotFound")] * 3)
    assert await house.client.product_with_key("lamp") is None
    assert await house.client.product_type("default") is None
    assert not await house.client.has_tax_category("standard")


async def test_an_attribute_of_a_kind_nobody_knows_is_read() -> None:
    attribute = {"name": "shape", "type": {"name": "hologram", "layers": 3}, "attributeConstraint": "Odd"}
    found = await House(answer(200, {"id": "t-1", "attributes": [attribute]})).client.product_type("default")
    assert found is not None
    assert found.attributes == (AttributeDefinition(name="shape", kind="hologram", constraint="Odd"),)


@pytest.mark.parametrize(
    ("changed", "model"),
    [
        ({}, ProjectModel()),
        ({"languages": ["de", "en-GB"]}, ProjectModel(languages=("de", "en-GB"))),
        ({"productCatalogModel": "Modular"}, ProjectModel(catalogue="Modular")),
        ({"productCatalogModel": "Later"}, ProjectModel(catalogue="Later")),
    ],
)
async def test_the_catalogue_model_of_the_project(changed: dict[str, Any], model: ProjectModel) -> None:
    assert await House(answer(200, {"key": "acme", "version": 2, **changed})).client.project() == model


# Writing.


Writing = Callable[[CommercetoolsClient], Awaitable[ListedProduct]]


async def unpublish(client: CommercetoolsClient) -> ListedProduct:
    return await client.unpublish(PRODUCT, Intent(Purpose.CT_UNPUBLISH_PRODUCT))


async def create(client: CommercetoolsClient) -> ListedProduct:
    return await client.create_draft(DRAFT, Intent(Purpose.CT_CREATE_PRODUCT))


async def update(client: CommercetoolsClient) -> ListedProduct:
    return await client.update_draft(PRODUCT, ACTIONS, Intent(Purpose.CT_UPDATE_PRODUCT))


WRITES: dict[Purpose, Writing] = {
    Purpose.CT_UNPUBLISH_PRODUCT: unpublish,
    Purpose.CT_CREATE_PRODUCT: create,
    Purpose.CT_UPDATE_PRODUCT: update,
}
each_write = pytest.mark.parametrize("purpose", WRITES)


async def test_unpublishing_does_that_and_nothing_else() -> None:
    shown = {**FOUND, "version": 9, "masterData": {**FOUND["masterData"], "published": False}}
    house = House(answer(200, shown))
    written = await unpublish(house.client)
    assert (written.version, written.published) == (9, False)
    [request] = house.requests
    assert (request.method, path_of(request)) == ("POST", "/acme/products/pr-1")
    assert sent_json(request) == {"version": 7, "actions": [{"action": "unpublish"}]}


async def test_a_draft_is_made_unpublished() -> None:
    house = House(answer(201, FOUND))
    assert await create(house.client) == PRODUCT
    [request] = house.requests
    assert (request.method, path_of(request)) == ("POST", "/acme/products")
    assert sent_json(request) == {
        "key": "lamp",
        "productType": {"typeId": "product-type", "key": "default"},
        "name": {"en": "Lamp"},
        "slug": {"en": "lamp"},
        "masterVariant": {
            "sku": "L-RED",
            "key": "l-red",
            "attributes": [{"name": "barcode", "value": "4012345678901"}, {"name": "size", "value": "m"}],
        },
        "variants": [{"sku": "L-BLUE", "key": "l-blue", "attributes": []}],
        "taxCategory": {"typeId": "tax-category", "key": "standard"},
        "publish": False,
    }


async def test_a_draft_is_changed_where_nobody_sees_it() -> None:
    house = House(answer(200, FOUND))
    assert await update(house.client) == PRODUCT
    assert sent_json(house.requests[0]) == {
        "version": 7,
        "actions": [
            {
                "action": "addVariant",
                "sku": "L-BLUE",
                "key": "l-blue",
                "attributes": [{"name": "size", "value": "l"}],
                "staged": True,
            },
            {"action": "setAttribute", "variantId": 2, "name": "barcode", "value": False, "staged": True},
            {"action": "setAttribute", "variantId": 1, "name": "size", "staged": True},
            {"action": "setTaxCategory", "taxCategory": {"typeId": "tax-category", "key": "standard"}},
        ],
    }


async def test_what_says_nothing_is_not_sent() -> None:
    house = House()
    with pytest.raises(ValueError, match="no action"):
        await house.client.update_draft(PRODUCT, (), Intent(Purpose.CT_UPDATE_PRODUCT))
    empty = ProductDraft(key="lamp", product_type="default", names={}, slugs={}, variants=())
    with pytest.raises(ValueError, match="no variant"):
        await house.client.create_draft(empty, Intent(Purpose.CT_CREATE_PRODUCT))
    assert not house.wire.requests and not house.diary


async def test_a_draft_without_a_tax_category_names_none() -> None:
    house = House(answer(201, FOUND))
    lean = ProductDraft(
        key="lamp", product_type="default", names={"en": "L"}, slugs={"en": "l"}, variants=DRAFT.variants[:1]
    )
    await house.client.create_draft(lean, Intent(Purpose.CT_CREATE_PRODUCT))
    assert "taxCategory" not in sent_json(house.requests[0])


@each_write
async def test_an_intent_is_on_disk_before_a_product_is_written(purpose: Purpose) -> None:
    house = House(answer(200, FOUND))
    await WRITES[purpose](house.client)
    decided, intended, answered = (
        write_point(purpose, phase) for phase in (WritePhase.DECIDED, WritePhase.INTENDED, WritePhase.ANSWERED)
    )
    assert house.diary == [decided, "on disk", intended, answered]


@each_write
async def test_who_may_not_write_sends_nothing(purpose: Purpose) -> None:
    house = House(may_write=False)
    with pytest.raises(Transient) as seen:
        await WRITES[purpose](house.client)
    assert seen.value.reason == "lease_lost" and not house.requests


@each_write
@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (error(409, "ConcurrentModification"), Conflict, "conflict"),
        (error(404, "ResourceNotFound"), Missing, "missing"),
        (error(400, "DuplicateField"), Rejected, "duplicate"),
        (error(400, "RequiredField"), Rejected, "rejected"),
        (error(400, "ReferencedResourceNotFound"), Rejected, "rejected"),
        (error(403, "insufficient_scope"), Unauthorised, "unauthorised"),
        (answer(429, {}), Limited, "limited"),
        (error(503, "OverCapacity"), InDoubt, "unavailable"),
        (text_answer(200, "<html>", "text/html"), InDoubt, "malformed"),
        (answer(200, without(FOUND, "version")), InDoubt, "malformed"),
        (answer(200, {**FOUND, "lastModifiedAt": "soon"}), InDoubt, "malformed"),
        (answer(200, {**FOUND, "id": "pr-2", "key": "other"}), InDoubt, "malformed"),
        (AnswerLostError("cut"), InDoubt, "no_answer"),
        (NotSentError("refused"), Transient, "not_sent"),
    ],
)
async def test_what_an_answer_to_a_write_means(
    purpose: Purpose, reply: Any, kind: type[WireError], reason: str
) -> None:
    house = House(reply)
    with pytest.raises(kind) as seen:
        await WRITES[purpose](house.client)
    assert (type(seen.value), seen.value.reason) == (kind, reason)
    assert len(house.requests) == 1  # never sent again by itself
    if isinstance(seen.value, InDoubt):
        assert seen.value.until == NOW + 30_000


@pytest.mark.parametrize(
    ("code", "field", "begins"),
    [
        ("DuplicateField", "sku", "sku: DuplicateField: no"),
        ("DuplicateField", "slug.en-GB", "slug.en-GB: DuplicateField: no"),
        ("DuplicateFieldWithConflictingResource", "key", "key: DuplicateFieldWithConflictingResource: no"),
        ("RequiredField", "barcode", "barcode: RequiredField: no"),
        ("DuplicateField", 7, "DuplicateField: no"),
        ("DuplicateField", None, "DuplicateField: no"),
    ],
)
async def test_a_refusal_names_the_field_first(code: str, field: Any, begins: str) -> None:
    with pytest.raises(Rejected) as seen:
        await create(House(error(400, code, field=field, duplicateValue="x")).client)
    assert seen.value.detail == begins


# Against the double.


class Memory:
    """The double as a transport."""

    def __init__(self, double: CommercetoolsDouble) -> None:
        self.send = double.handle


class Shop:
    """A double without products of its own, and a client of it."""

    def __init__(self, **options: Any) -> None:
        self.clock = StillClock(NOW)
        self.double = CommercetoolsDouble(clock=self.clock, items=(), languages=("en-GB", "de"), **options)
        self.double.add_product_type(
            "lamps",
            [
                {"name": "barcode", "type": {"name": "text"}, "isRequired": True},
                {"name": "size", "type": {"name": "enum", "values": [{"key": "m", "label": "M"}]}},
            ],
        )
        self.client = made_client(Memory(self.double), self.clock, [], secret="sandbox-secret")

    async def make(self, draft: ProductDraft) -> ListedProduct:
        self.clock.pass_time(1)
        return await self.client.create_draft(draft, Intent(Purpose.CT_CREATE_PRODUCT))

    async def change(self, product: ListedProduct, *actions: DraftAction) -> ListedProduct:
        self.clock.pass_time(1)
        return await self.client.update_draft(product, actions, Intent(Purpose.CT_UPDATE_PRODUCT))

    async def hide(self, product: ListedProduct) -> ListedProduct:
        self.clock.pass_time(1)
        return await self.client.unpublish(product, Intent(Purpose.CT_UNPUBLISH_PRODUCT))


LAMP = ProductDraft(
    key="lamp",
    product_type="lamps",
    names={"en-GB": "Lamp"},
    slugs={"en-GB": "lamp"},
    variants=(DraftVariant(sku="L-RED", key="l-red", attributes={"barcode": "4012345678901", "size": "m"}),),
)
OTHER = DraftVariant(sku="B", key="b-1", attributes={"barcode": "1"})
ANOTHER: dict[str, Any] = {"key": "other", "slugs": {"en-GB": "other"}, "variants": (OTHER,)}


async def test_a_draft_is_made_changed_and_found_in_the_double() -> None:
    shop = Shop()
    made = await shop.make(LAMP)
    assert (made.published, made.key, made.tax_category, made.modified_by) == (False, "lamp", "", "sandbox-client")
    assert made.modified_at == shop.clock.now()
    assert made.staged[0].attributes["barcode"] == "4012345678901"
    blue = DraftVariant(sku="L-BLUE", key="l-blue", attributes={"barcode": "4012345678918"})
    changed = await shop.change(made, AddVariant(variant=blue), SetTaxCategory(key="standard"))
    assert changed.skus == {"L-RED", "L-BLUE"} and changed.tax_category
    assert [variant.sku for variant in changed.current] == ["L-RED"]
    with pytest.raises(Conflict):
        await shop.change(made, SetAttribute(variant_id=1, name="size", value=None))
    assert await shop.client.products_with("L-BLUE") == [changed]
    assert await shop.client.product_with_key("lamp") == await shop.client.read_product(made.id) == changed
    assert await shop.client.products_with_slug("lamp", "en-GB") == [changed]
    assert await shop.client.products_with_slug("lamp", "de") == []
    assert await shop.client.products_with("l-blue") == []
    assert await shop.client.listings(staged=False, after_id="", limit=500) == []
    [listing] = await shop.client.listings(staged=True, after_id="", limit=500)
    assert (listing.id, listing.version, listing.modified_at) == (made.id, changed.version, changed.modified_at)
    assert [variant.sku for variant in listing.variants] == ["L-RED", "L-BLUE"]


async def test_only_what_is_published_is_sold() -> None:
    shop = Shop()
    sold = shop.double.add_product("A-1")
    shop.double.add_variant(sold, "A-2", staged_only=True)
    [current] = await shop.client.listings(staged=False, after_id="", limit=500)
    [staged] = await shop.client.listings(staged=True, after_id="", limit=500)
    assert [[one.sku for one in listing.variants] for listing in (current, staged)] == [["A-1"], ["A-1", "A-2"]]
    assert current.published and current.staged_changes and current.variants[0].prices == 1
    product = await shop.client.read_product(sold)
    hidden = await shop.hide(product)
    assert not hidden.published and hidden.version > product.version
    assert [one.sku for one in hidden.staged] == ["A-1", "A-2"]  # what is staged stays
    assert await shop.client.listings(staged=False, after_id="", limit=500) == []


@pytest.mark.parametrize(
    ("changed", "reason", "begins"),
    [
        ({"key": "other", "slugs": {"en-GB": "other"}}, "duplicate", "masterVariant.sku: DuplicateField"),
        ({"key": "other", "variants": (OTHER,)}, "duplicate", "slug"),
        ({"slugs": {"en-GB": "other"}, "variants": (OTHER,)}, "duplicate", "key: DuplicateField"),
        ({"product_type": "furniture"}, "rejected", "ReferencedResourceNotFound"),
        ({"tax_category": "none"}, "rejected", "ReferencedResourceNotFound"),
        ({**ANOTHER, "variants": (DraftVariant(sku="B", key="b-1"),)}, "rejected", "barcode: RequiredField"),
        ({**ANOTHER, "slugs": {"en-GB": "a lamp"}}, "rejected", "slug"),
    ],
)
async def test_the_double_refuses_and_names_the_field(changed: dict[str, Any], reason: str, begins: str) -> None:
    shop = Shop()
    await shop.make(LAMP)
    with pytest.raises(Rejected) as seen:
        await shop.make(msgspec.structs.replace(LAMP, **changed))
    assert seen.value.reason == reason
    assert seen.value.detail.startswith(begins)


async def test_a_sweep_meets_every_product_that_changed() -> None:
    shop = Shop()
    made = [shop.double.add_product(f"A-{number}") for number in range(12)]
    everything: list[str] = []
    while part := await shop.client.listings(staged=True, after_id=(everything or [""])[-1], limit=5):
        everything += [listing.id for listing in part]
    assert everything == sorted(made)
    shop.clock.pass_time(1)
    since = shop.clock.now()
    for product_id in made[:7]:
        shop.double.edit_product(product_id, name="Better")
    cursor, met = FeedCursor(at=since), []
    while part := await shop.client.changed_listings(cursor, staged=True, until=since, limit=3):
        met += [listing.id for listing in part]
        cursor = FeedCursor(at=part[-1].modified_at, id=part[-1].id)
    assert sorted(met) == sorted(made[:7])


async def test_what_the_double_says_of_types_taxes_prices_and_model() -> None:
    shop = Shop(catalog_model="Modular")
    found = await shop.client.product_type("lamps")
    assert found is not None
    assert found.attributes == (
        AttributeDefinition(name="barcode", kind="text", required=True),
        AttributeDefinition(name="size", kind="enum", values=("m",)),
    )
    assert await shop.client.product_type("furniture") is None
    assert await shop.client.has_tax_category("standard") and not await shop.client.has_tax_category("none")
    shop.double.add_standalone_price("A")
    shop.double.add_standalone_price("B", active=False)
    assert await shop.client.priced_apart(["A", "B", "C"]) == {"A"}
    assert await shop.client.project() == ProjectModel(catalogue="Modular", languages=("en-GB", "de"))


async def test_products_of_the_modular_model_are_read_without_variants() -> None:
    shop = Shop(catalog_model="Modular")
    made = shop.double.add_product("A-1")
    [listing] = await shop.client.listings(staged=True, after_id="", limit=500)
    assert (listing.id, listing.variants) == (made, ())
    assert (await shop.client.read_product(made)).skus == frozenset()


def test_a_scope_that_is_missing_for_products_says_nothing_of_orders() -> None:
    """Whoever may not read products still reads orders."""
    about = {one for one in Purpose if one.side == "commercetools" and set(one.operation.split("_")) & PRODUCT_WORDS}
    assert len(about) == 9
    assert {one.operation for one in about} <= OF_OTHER_SCOPES
