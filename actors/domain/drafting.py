"""How an item or a family of Cin7 Core becomes an unpublished product of the storefront, by the mapping tables. Pure.

Written are the SKU, its key, and the attributes a mapping names; name and slug only when the product is made. What a
person wrote is never overwritten: an attribute is changed only where it is empty or still reads as we wrote it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.item import Family, Item
from actors.domain.listing import (
    PRODUCT_LEVEL,
    AddVariant,
    AttributeDefinition,
    DraftAction,
    DraftVariant,
    ListedProduct,
    ProductDraft,
    ProductType,
    SetAttribute,
    SetTaxCategory,
)

MOST_VARIANTS = 100
"""Variants of one product (commercetools fact sheet §7)."""

Written = Mapping[str, Sequence[Any]]
"""What we wrote, by "<sku>/<attribute>": the last value, and those that may stand since an answer was lost."""

_LONGEST_SLUG = 256
_NOT_OF_A_SLUG = re.compile(r"[^a-z0-9]+")
WRITABLE = frozenset({"text", "ltext", "enum", "lenum", "number", "boolean", "date"})
"""Types of attributes that a text of Cin7 Core can be written to."""

_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class DraftRules(msgspec.Struct, frozen=True, kw_only=True):
    """The mapping tables. `product_types` by Cin7 category, `tax_categories` by Cin7 sale tax rule.

    `attributes` maps a field of the item (Barcode, Brand, Category, ShortDescription, AdditionalAttribute1 to 10) or
    the name of a family's option to an attribute. `language` "": the project's first.
    """

    product_type: str = ""
    product_types: Mapping[str, str] = {}
    tax_category: str = ""
    tax_categories: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    language: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft is made from: one item, or the members of a family that are fit, each with its options by name."""

    key: str
    name: str
    category: str
    tax_rule: str
    members: tuple[tuple[Item, Mapping[str, str]], ...]

    @property
    def skus(self) -> tuple[str, ...]:
        """The SKUs of its members."""
        return tuple(item.sku for item, _ in self.members)


def source_of_item(item: Item) -> Source:
    """An item that belongs to no family."""
    return Source(
        key=f"cin7-{item.id}",
        name=item.product.name or item.sku,
        category=item.product.category,
        tax_rule=item.tax_rule,
        members=((item, {}),),
    )


def source_of_family(family: Family, items: Mapping[str, Item]) -> Source:
    """A family: its members that are fit, in SKU order; `items` are its members by id."""
    members = [
        (items[member.item_id], dict(zip(family.options, member.options, strict=False)))
        for member in family.members
        if member.item_id in items and items[member.item_id].fit
    ]
    members.sort(key=lambda pair: pair[0].sku)
    first = members[0][0] if members else None
    return Source(
        key=f"cin7-family-{family.id}",
        name=family.name or family.sku,
        category=family.category or (first.product.category if first else ""),
        tax_rule=family.tax_rule or (first.tax_rule if first else ""),
        members=tuple(members),
    )


def product_type_key(source: Source, rules: DraftRules) -> str | Finding:
    """Return the key of the product type, or what is missing."""
    key = rules.product_types.get(source.category, rules.product_type)
    if key:
        return key
    return _wrong(
        f'[mappings.product_types] "{source.category}"',
        f"No product type is named for the category {source.category!r}, and [catalogue] product_type names none.",
    )


def tax_category_key(source: Source, rules: DraftRules) -> str:
    """Return the key of the tax category; "" where no mapping names one: a person chooses it before publishing."""
    return rules.tax_categories.get(source.tax_rule, rules.tax_category)


def compose(
    source: Source, kind: ProductType, rules: DraftRules, *, language: str, present: Collection[str] = ()
) -> ProductDraft | list[Finding]:
    """Return the draft, or everything that keeps it from being made.

    Of SKUs that are `present` in the product already, what its type requires is there, or a person's business.
    """
    found: list[Finding] = []
    if len(source.members) > MOST_VARIANTS:
        found.append(
            _wrong("Products", f"The family has {len(source.members)} products; a product takes {MOST_VARIANTS}.")
        )
    variants = []
    for item, options in source.members:
        attributes, problems = _attributes(item, options, kind, rules, language)
        found += [one for one in problems if one.code != "draft_attribute_missing" or item.sku not in present]
        variants.append(DraftVariant(sku=item.sku, key=variant_key(item), attributes=attributes))
    if found:
        return found
    return ProductDraft(
        key=source.key,
        product_type=kind.key,
        names={language: source.name},
        slugs={language: slug(source)},
        variants=tuple(variants),
        tax_category=tax_category_key(source, rules),
    )


def variant_key(item: Item) -> str:
    """Return the key of an item's variant: the same whatever its SKU."""
    return f"cin7-{item.id}"


def slug(source: Source) -> str:
    """Return the address of the product: its name and, where it is one item, its SKU, in plain letters and dashes."""
    words = [source.name, *(source.skus if len(source.members) == 1 else ())]
    plain = unicodedata.normalize("NFKD", " ".join(words)).encode("ascii", "ignore").decode().lower()
    short = _NOT_OF_A_SLUG.sub("-", plain).strip("-")[:_LONGEST_SLUG].strip("-")
    return short if len(short) > 1 else source.key


# -- attributes --------------------------------------------------------------------------------------------------------


def is_writable(attribute: AttributeDefinition) -> bool:
    """Say whether a text of Cin7 Core can be written to it: each variant has its own, and its type takes a text."""
    return attribute.level != PRODUCT_LEVEL and attribute.kind in WRITABLE


def fields_of(item: Item, options: Mapping[str, str]) -> dict[str, str]:
    """Return what a mapping may name, by the name Cin7 Core gives it; an option goes before a field."""
    return {
        "Barcode": item.barcode,
        "Brand": item.brand,
        "Category": item.product.category,
        "ShortDescription": item.description,
        **item.attributes,
        **options,
    }


def _attributes(
    item: Item, options: Mapping[str, str], kind: ProductType, rules: DraftRules, language: str
) -> tuple[dict[str, Any], list[Finding]]:
    defined = {attribute.name: attribute for attribute in kind.attributes}
    fields = fields_of(item, options)
    values: dict[str, Any] = {}
    found: list[Finding] = []
    for field, name in rules.attributes.items():
        text = fields.get(field, "").strip()
        if name not in defined:
            # A mapping may be meant for another product type: it is wrong only where there is something to write.
            if text and kind.key:
                found.append(_unknown_attribute(field, name, kind))
            continue
        if not text:
            continue
        if defined[name].level == PRODUCT_LEVEL:
            found.append(_of_the_product(field, name, kind))
            continue
        value = _value(text, defined[name], language)
        if value is None:
            found.append(_unfit(field, text, defined[name], item))
            continue
        values[name] = [value] if defined[name].many else value
    found += [_missing(attribute, item, rules) for attribute in kind.attributes if attribute.required]
    return values, [one for one in found if one.code != "draft_attribute_missing" or one.field not in values]


def _value(text: str, attribute: AttributeDefinition, language: str) -> Any:
    """Write a text as the attribute takes it; None where it cannot be."""
    match attribute.kind:
        case "text":
            return text
        case "ltext":
            return {language: text}
        case "enum" | "lenum":
            return text if text in attribute.values else None
        case "number":
            return _number(text)
        case "boolean":
            return True if text.lower() in _YES else False if text.lower() in _NO else None
        case "date":
            return _day(text)
    return None


def _number(text: str) -> int | float | None:
    """Read a number of an attribute as JSON takes it, where one that is written exactly would be a text."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not math.isfinite(float(number)):
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None


# -- changes -----------------------------------------------------------------------------------------------------------


def changes(
    product: ListedProduct, draft: ProductDraft, written: Written, *, language: str, own: bool
) -> Iterator[DraftAction]:
    """Yield what a product that exists lacks of a draft: variants, and attributes that are ours to fill.

    `own`: the product is of the draft's product type, so that its attributes are known to be defined. A variant that
    has the key of an item and another SKU is that item's all the same: which of the two names is right, a person says.
    """
    staged = {variant.sku: variant for variant in product.staged}
    present = product.skus
    keys = {variant.key for variant in (*product.current, *product.staged)}
    for wanted in draft.variants:
        variant = staged.get(wanted.sku)
        if variant is None:
            if wanted.sku not in present and wanted.key not in keys:
                yield AddVariant(variant=wanted if own else msgspec.structs.replace(wanted, attributes={}))
            continue
        if not own:
            continue
        for name, value in wanted.attributes.items():
            shown = plain(variant.attributes.get(name), language)
            target = plain(value, language)
            mine = [plain(one, language) for one in written.get(place(wanted, name), ())]
            if shown != target and (shown is None or shown in mine):
                beside = _beside(variant.attributes.get(name), value)
                yield SetAttribute(variant_id=variant.id, name=name, value=beside)
    if draft.tax_category and not product.tax_category and not product.published:
        yield SetTaxCategory(key=draft.tax_category)


def _beside(shown: Any, value: Any) -> Any:
    """Write a text beside those that people wrote in other languages; the value of anything else is all there is."""
    if isinstance(shown, Mapping) and isinstance(value, Mapping):
        return {**shown, **value}
    return value


def plain(value: Any, language: str) -> Any:
    """Reduce an attribute's value to what is compared: an enumeration to its key, a text to that of our language.

    Of a set of texts, one that says something in another language too is more than ours, and is compared whole.
    """
    if isinstance(value, list):
        return [one if _in_many_languages(one) else plain(one, language) for one in value]
    if isinstance(value, Mapping):
        return value.get("key", value.get(language))
    if isinstance(value, float):
        return Decimal(str(value))
    return value


def _in_many_languages(value: Any) -> bool:
    return isinstance(value, Mapping) and "key" not in value and len(value) > 1


def meant(draft: ProductDraft, written: Written) -> dict[str, list[Any]]:
    """Return what may be ours once a draft was sent, whether or not its answer arrives: what was, and what it says.

    An answer that is lost and an item that changes before anybody looks would else make a person's of our own value.
    """
    may_be = {at: [*values] for at, values in written.items()}
    for variant in draft.variants:
        for name, value in variant.attributes.items():
            values = may_be.setdefault(place(variant, name), [])
            if value not in values:
                values.append(value)
    return may_be


def ours(product: ListedProduct, draft: ProductDraft, written: Written, *, language: str) -> dict[str, list[Any]]:
    """Return what of a product is ours: what it shows as we wrote it, now or before.

    What a person wrote instead reads otherwise, now and later, and is left alone.
    """
    staged = {variant.sku: variant for variant in product.staged}
    kept = {at: [*values] for at, values in written.items()}
    for wanted in draft.variants:
        variant = staged.get(wanted.sku)
        if variant is None:
            continue
        for name, value in wanted.attributes.items():
            if plain(variant.attributes.get(name), language) == plain(value, language):
                kept[place(wanted, name)] = [value]
    return kept


def place(variant: DraftVariant, attribute: str) -> str:
    """Name an attribute of a variant."""
    return f"{variant.sku}/{attribute}"


# -- findings ----------------------------------------------------------------------------------------------------------


def _wrong(field: str, cause: str) -> Finding:
    return Finding(code="draft_mapping_wrong", cause=cause, field=field, group=f"draft_mapping_wrong:{field}")


def no_product_type(key: str) -> Finding:
    """The product type that is named does not exist."""
    return _wrong(
        f"product type {key}", f"commercetools has no product type with the key {key!r}, which the mapping names."
    )


def no_tax_category(key: str) -> Finding:
    """The tax category that is named does not exist."""
    return _wrong(
        f"tax category {key}", f"commercetools has no tax category with the key {key!r}, which the mapping names."
    )


def _unknown_attribute(field: str, name: str, kind: ProductType) -> Finding:
    return _wrong(
        f'[mappings.attributes] "{field}" = {name}', f"The product type {kind.key!r} has no attribute {name!r}."
    )


def _of_the_product(field: str, name: str, kind: ProductType) -> Finding:
    return _wrong(
        f'[mappings.attributes] "{field}" = {name}',
        f"The attribute {name!r} of the product type {kind.key!r} is one of the product as a whole; tallyd writes those"
        " of variants.",
    )


def _unfit(field: str, text: str, attribute: AttributeDefinition, item: Item) -> Finding:
    allowed = f"; it allows {', '.join(attribute.values[:20])}" if attribute.values else ""
    return _wrong(
        f"{field} of {item.sku}",
        f"{field} of {item.sku} is {text!r}, which the attribute {attribute.name!r} (of type {attribute.kind}) does not"
        f" take{allowed}.",
    )


def _missing(attribute: AttributeDefinition, item: Item, rules: DraftRules) -> Finding:
    if attribute.level == PRODUCT_LEVEL:
        return _missing_of_the_product(attribute, item)
    filled_by: Sequence[str] = [field for field, name in rules.attributes.items() if name == attribute.name]
    by = f"{' or '.join(filled_by)} of {item.sku} is empty" if filled_by else "no mapping fills it"
    return Finding(
        code="draft_attribute_missing",
        cause=f"The product type requires the attribute {attribute.name!r}, and {by}.",
        field=attribute.name,
        sku=item.sku,
        group=f"draft_attribute_missing:{attribute.name}",
    )


def _missing_of_the_product(attribute: AttributeDefinition, item: Item) -> Finding:
    return Finding(
        code="draft_attribute_missing",
        cause=f"The product type requires the attribute {attribute.name!r} of the product as a whole, and tallyd writes"
        " those of variants.",
        field=attribute.name,
        sku=item.sku,
        group=f"draft_attribute_missing:{attribute.name}",
    )
