"""How an item or a family becomes a draft, and what of a product that exists may be written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.drafting import (
    DraftRules,
    Written,
    changes,
    compose,
    meant,
    ours,
    product_type_key,
    slug,
    source_of_family,
    source_of_item,
    tax_category_key,
)
from actors.domain.exception_types import Finding
from actors.domain.facts import Product
from actors.domain.item import Family, Item, Member
from actors.domain.listing import (
    AddVariant,
    AttributeDefinition,
    ListedProduct,
    ProductDraft,
    ProductType,
    SetAttribute,
    SetTaxCategory,
    Variant,
)


def item(sku: str = "MUG-1", **changes: Any) -> Item:
    fields: dict[str, Any] = {"status": "Active", "sellable": True, "type": "Stock", "category": "Kitchen"}
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    product = Product(
        id=changes.pop("id", f"id-{sku.lower()}"), sku=sku, name=changes.pop("name", "Mug, grün 350 ml"), **fields
    )
    return Item(product=product, **changes)


KIND = ProductType(
    id="type-1",
    key="default",
    attributes=(
        AttributeDefinition(name="barcode", kind="text"),
        AttributeDefinition(name="size", kind="enum", values=("S", "M")),
        AttributeDefinition(name="colour", kind="lenum", values=("red", "blue")),
        AttributeDefinition(name="title", kind="ltext"),
        AttributeDefinition(name="weight", kind="number"),
        AttributeDefinition(name="vegan", kind="boolean"),
        AttributeDefinition(name="launch", kind="date"),
        AttributeDefinition(name="tags", kind="text", many=True),
        AttributeDefinition(name="picture", kind="reference"),
    ),
)
RULES = DraftRules(product_type="default", attributes={"Barcode": "barcode", "Size": "size"})


def drafted(source: Any = None, kind: ProductType = KIND, rules: DraftRules = RULES) -> ProductDraft:
    made = compose(source or source_of_item(item(barcode="4012")), kind, rules, language="en-GB")
    assert isinstance(made, ProductDraft), made
    return made


def refused(source: Any = None, kind: ProductType = KIND, rules: DraftRules = RULES) -> list[Finding]:
    made = compose(source or source_of_item(item()), kind, rules, language="en-GB")
    assert isinstance(made, list)
    return made


def test_an_item_becomes_a_product_of_one_variant() -> None:
    made = drafted()
    assert made.key == "cin7-id-mug-1"
    assert made.names == {"en-GB": "Mug, grün 350 ml"}
    assert made.slugs == {"en-GB": "mug-grun-350-ml-mug-1"}
    [variant] = made.variants
    assert (variant.sku, variant.key, variant.attributes) == ("MUG-1", "cin7-id-mug-1", {"barcode": "4012"})


def test_a_family_becomes_a_product_with_its_fit_members_as_variants_and_options_as_attributes() -> None:
    members = {one.id: one for one in (item("T-M"), item("T-S", barcode="1"), item("T-X", status="Deprecated"))}
    family = Family(
        id="f",
        sku="T",
        name="Shirt",
        options=("Size",),
        members=tuple(Member(item_id=key, sku=one.sku, options=(one.sku[-1],)) for key, one in members.items()),
    )
    made = drafted(source_of_family(family, members))
    assert (made.key, made.names, made.slugs) == ("cin7-family-f", {"en-GB": "Shirt"}, {"en-GB": "shirt"})
    assert [(one.sku, one.attributes) for one in made.variants] == [
        ("T-M", {"size": "M"}),
        ("T-S", {"barcode": "1", "size": "S"}),
    ]


@pytest.mark.parametrize(
    ("attribute", "text", "value"),
    [
        ("barcode", "0401", "0401"),
        ("title", "Mug", {"en-GB": "Mug"}),
        ("size", "M", "M"),
        ("colour", "red", "red"),
        ("weight", "12", 12),
        ("weight", "1.50", Decimal("1.50")),
        ("vegan", "Yes", True),
        ("vegan", "0", False),
        ("launch", "2026-12-24T00:00:00", "2026-12-24"),
        ("tags", "new", ["new"]),
    ],
)
def test_a_field_is_written_as_its_attribute_takes_it(attribute: str, text: str, value: object) -> None:
    rules = msgspec.structs.replace(RULES, attributes={"AdditionalAttribute1": attribute})
    made = drafted(source_of_item(item(attributes={"AdditionalAttribute1": text})), rules=rules)
    assert made.variants[0].attributes == {attribute: value}


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("size", "XXL"),
        ("weight", "heavy"),
        ("weight", "NaN"),
        ("vegan", "perhaps"),
        ("launch", "soon"),
        ("picture", "x"),
    ],
)
def test_a_value_the_attribute_does_not_take_is_a_wrong_mapping(attribute: str, text: str) -> None:
    rules = msgspec.structs.replace(RULES, attributes={"Brand": attribute})
    [found] = refused(source_of_item(item(brand=text)), rules=rules)
    assert (found.code, found.field) == ("draft_mapping_wrong", "Brand of MUG-1")
    assert text in found.cause


def test_an_attribute_the_type_has_not_is_a_wrong_mapping_where_there_is_something_to_write() -> None:
    rules = msgspec.structs.replace(RULES, attributes={"Brand": "maker"})
    [found] = refused(source_of_item(item(brand="Denby")), rules=rules)
    assert (found.code, found.field) == ("draft_mapping_wrong", '[mappings.attributes] "Brand" = maker')
    assert drafted(source_of_item(item()), rules=rules).variants[0].attributes == {}


def test_a_required_attribute_that_nothing_fills_is_told_with_what_would_fill_it() -> None:
    kind = ProductType(
        id="t", key="default", attributes=(AttributeDefinition(name="barcode", kind="text", required=True),)
    )
    [found] = refused(kind=kind)
    assert (found.code, found.field, found.sku) == ("draft_attribute_missing", "barcode", "MUG-1")
    assert "Barcode of MUG-1 is empty" in found.cause
    [found] = refused(kind=kind, rules=DraftRules())
    assert "no mapping fills it" in found.cause
    assert drafted(kind=kind).variants[0].attributes == {"barcode": "4012"}


def test_a_family_of_more_variants_than_a_product_takes_is_told() -> None:
    many = {one.id: one for one in (item(f"S-{number:03}") for number in range(101))}
    family = Family(
        id="f", sku="S", name="S", members=tuple(Member(item_id=key, sku=one.sku) for key, one in many.items())
    )
    assert [one.code for one in refused(source_of_family(family, many))] == ["draft_mapping_wrong"]


def test_product_type_and_tax_category_are_mapped_by_category_and_tax_rule() -> None:
    rules = DraftRules(
        product_types={"Kitchen": "kitchen"}, tax_category="standard", tax_categories={"5% (VAT on Income)": "reduced"}
    )
    source = source_of_item(item(tax_rule="5% (VAT on Income)"))
    assert (product_type_key(source, rules), tax_category_key(source, rules)) == ("kitchen", "reduced")
    other = source_of_item(item(category="Garden"))
    assert tax_category_key(other, rules) == "standard"
    found = product_type_key(other, rules)
    assert isinstance(found, Finding)
    assert found.field == '[mappings.product_types] "Garden"'


@given(st.text(max_size=300), st.text(min_size=1, max_size=50))
def test_a_slug_is_one_that_commercetools_takes(name: str, sku: str) -> None:
    made = slug(source_of_item(item(sku, name=name, id="3f1c")))
    assert re.fullmatch(r"[a-zA-Z0-9_-]{2,256}", made), made


# -- what exists -------------------------------------------------------------------------------------------------------


def product(*variants: Variant, **fields: Any) -> ListedProduct:
    return ListedProduct(
        id="p", version=3, modified_at=0, published=fields.pop("published", False), staged=variants, **fields
    )


def listed(draft: ProductDraft, written: Written | None = None, **fields: Any) -> list[Any]:
    own = fields.pop("own", True)
    there = fields.pop("there")
    return list(changes(there, draft, written or {}, language="en-GB", own=own))


def test_a_product_as_it_was_made_lacks_nothing() -> None:
    there = product(Variant(id=1, sku="MUG-1", attributes={"barcode": "4012"}))
    assert listed(drafted(), there=there) == []


def test_an_empty_field_is_filled_and_what_we_wrote_follows_cin7() -> None:
    empty = product(Variant(id=1, sku="MUG-1"))
    assert listed(drafted(), there=empty) == [SetAttribute(variant_id=1, name="barcode", value="4012")]
    old = product(Variant(id=1, sku="MUG-1", attributes={"barcode": "1111"}))
    assert listed(drafted(), {"MUG-1/barcode": ["1111"]}, there=old) == [
        SetAttribute(variant_id=1, name="barcode", value="4012")
    ]


def test_what_a_person_wrote_is_left() -> None:
    theirs = product(Variant(id=1, sku="MUG-1", attributes={"barcode": "by hand"}))
    assert listed(drafted(), {"MUG-1/barcode": ["1111"]}, there=theirs) == []
    assert listed(drafted(), there=theirs) == []


def test_an_enumeration_and_a_text_by_language_are_compared_by_what_is_ours() -> None:
    rules = msgspec.structs.replace(RULES, attributes={"Brand": "size", "Category": "title"})
    draft = drafted(source_of_item(item(brand="M")), rules=rules)
    shown = {"size": {"key": "M", "label": "Medium"}, "title": {"en-GB": "Kitchen", "de": "Küche"}}
    assert listed(draft, there=product(Variant(id=1, sku="MUG-1", attributes=shown))) == []


TITLED = msgspec.structs.replace(RULES, attributes={"ShortDescription": "title"})
WEIGHED = msgspec.structs.replace(RULES, attributes={"ShortDescription": "weight"})


def titled(text: str) -> Any:
    return source_of_item(item(description=text))


def kind_with(attribute: AttributeDefinition) -> ProductType:
    return msgspec.structs.replace(KIND, attributes=(attribute,))


@pytest.mark.parametrize("shown", [{"de": "Becher"}, {"de": "Becher", "en-GB": "Mug"}])
def test_a_text_is_written_beside_what_stands_there_in_other_languages(shown: dict[str, str]) -> None:
    draft = drafted(titled("Cup"), rules=TITLED)
    variant = Variant(id=1, sku="MUG-1", attributes={"title": shown})
    [change] = listed(draft, there=product(variant), written={"MUG-1/title": [{"en-GB": "Mug"}]})
    assert change == SetAttribute(variant_id=1, name="title", value={"de": "Becher", "en-GB": "Cup"})


def test_a_set_of_texts_that_somebody_translated_is_theirs() -> None:
    titles = AttributeDefinition(name="title", kind="ltext", many=True)
    draft = drafted(titled("Cup"), kind_with(titles), TITLED)
    variant = Variant(id=1, sku="MUG-1", attributes={"title": [{"en-GB": "Mug", "de": "Becher"}]})
    assert listed(draft, there=product(variant), written={"MUG-1/title": [[{"en-GB": "Mug"}]]}) == []


def test_a_number_goes_as_a_number_and_is_known_for_ours_after_it_was_kept() -> None:
    """JSON knows no exact decimals: written exactly it would be a text, which commercetools refuses."""
    before = drafted(titled("1.25"), rules=WEIGHED)
    assert msgspec.json.encode(before.variants[0].attributes) == b'{"weight":1.25}'
    kept = msgspec.json.decode(msgspec.json.encode(meant(before, {})))
    after = drafted(titled("2.5"), rules=WEIGHED)
    variant = Variant(id=1, sku="MUG-1", attributes={"weight": 1.25})
    assert listed(after, kept, there=product(variant)) == [SetAttribute(variant_id=1, name="weight", value=2.5)]


def test_an_attribute_of_the_product_as_a_whole_is_refused_with_its_mapping() -> None:
    whole = AttributeDefinition(name="barcode", kind="text", level="Product", required=True)
    found = refused(source_of_item(item(barcode="4012")), kind_with(whole))
    assert [one.code for one in found] == ["draft_mapping_wrong", "draft_attribute_missing"]
    assert all("product as a whole" in one.cause for one in found)


def test_what_a_product_that_is_there_requires_is_not_missed() -> None:
    strict = kind_with(AttributeDefinition(name="origin", kind="text", required=True))
    made = compose(source_of_item(item()), strict, RULES, language="en-GB", present={"MUG-1"})
    assert isinstance(made, ProductDraft)


def test_a_variant_that_goes_by_another_sku_is_its_items_all_the_same() -> None:
    draft = drafted()
    renamed = Variant(id=1, sku="MUG-OLD", key=draft.variants[0].key)
    assert listed(draft, there=product(renamed)) == []


def test_a_member_more_is_a_variant_more_unless_it_stands_in_the_current_version() -> None:
    draft = drafted()
    other = product(Variant(id=1, sku="OTHER"))
    assert listed(draft, there=other) == [AddVariant(variant=draft.variants[0])]
    current = msgspec.structs.replace(other, current=(Variant(id=2, sku="MUG-1"),))
    assert listed(draft, there=current) == []


def test_of_a_product_of_another_type_only_variants_are_added_without_attributes() -> None:
    draft = drafted()
    [added] = listed(draft, there=product(Variant(id=1, sku="OTHER")), own=False)
    assert added == AddVariant(variant=msgspec.structs.replace(draft.variants[0], attributes={}))
    assert listed(draft, there=product(Variant(id=1, sku="MUG-1")), own=False) == []


@pytest.mark.parametrize(
    ("published", "has", "expected"),
    [(False, "", [SetTaxCategory(key="standard")]), (True, "", []), (False, "other", [])],
)
def test_a_tax_category_is_only_given_to_what_has_none_and_is_not_sold(
    published: bool, has: str, expected: list[Any]
) -> None:
    draft = drafted(rules=msgspec.structs.replace(RULES, tax_category="standard"))
    there = product(Variant(id=1, sku="MUG-1", attributes={"barcode": "4012"}), published=published, tax_category=has)
    assert listed(draft, there=there) == expected


_VALUES = st.sampled_from([None, "a", "b", "c"])


@given(shown=_VALUES, written=_VALUES, wanted=st.sampled_from(["a", "b"]))
def test_nothing_a_person_wrote_is_ever_overwritten(shown: str | None, written: str | None, wanted: str) -> None:
    draft = drafted(source_of_item(item(barcode=wanted)))
    attributes = {} if shown is None else {"barcode": shown}
    there = product(Variant(id=1, sku="MUG-1", attributes=attributes))
    before = {} if written is None else {"MUG-1/barcode": [written]}
    actions = listed(draft, before, there=there)
    assert bool(actions) == (shown != wanted and (shown is None or shown == written))
    kept = ours(there, draft, before, language="en-GB")
    assert kept == ({"MUG-1/barcode": [wanted]} if shown == wanted else before)


@given(shown=st.sampled_from(["a", "b"]))
def test_whichever_of_two_values_arrived_is_ours_and_a_persons_is_not(shown: str) -> None:
    sent = meant(drafted(source_of_item(item(barcode="b"))), {"MUG-1/barcode": ["a"]})
    assert meant(drafted(source_of_item(item(barcode="b"))), sent) == sent == {"MUG-1/barcode": ["a", "b"]}
    draft = drafted(source_of_item(item(barcode="c")))
    there = product(Variant(id=1, sku="MUG-1", attributes={"barcode": shown}))
    assert listed(draft, sent, there=there) == [SetAttribute(variant_id=1, name="barcode", value="c")]
    theirs = product(Variant(id=1, sku="MUG-1", attributes={"barcode": "by hand"}))
    assert listed(draft, sent, there=theirs) == []
