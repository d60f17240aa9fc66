"""Items and families of Cin7 Core as its lists show them (Cin7 fact sheet §3). Figures and texts are only copied.

What a catalogue shows of an item hinders nothing where it cannot be read: it is empty then, and an unknown cost 0.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.domain.facts import Product
from actors.domain.item import Family, Item, Member
from adapters.cin7 import translate, wire
from adapters.cin7.fields import UnreadableAnswerError, amount, guid, plain_text, text

_ZERO = Decimal(0)
_FAMILY = msgspec.json.Decoder(wire.Family, float_hook=Decimal)
_ATTRIBUTES = {f"additional_attribute{number}": f"AdditionalAttribute{number}" for number in range(1, 11)}


def item(row: wire.Product) -> Item:
    """Read a product with what its list shows beside. One whose bill of materials cannot be read is there all the same.

    Raises:
        UnreadableAnswerError: no ID or no SKU.
    """
    product, readable = _product(row)
    return Item(
        product=product,
        readable=readable,
        barcode=text(row.barcode),
        brand=text(row.brand),
        tax_rule=plain_text(row.sale_tax_rule),
        description=plain_text(row.short_description),
        inventory_account=text(row.inventory_account),
        average_cost=amount(row.average_cost) or _ZERO,
        attributes=_filled(row),
    )


def _product(row: wire.Product) -> tuple[Product, bool]:
    try:
        return translate.product(row), True
    except UnreadableAnswerError:
        return translate.product(msgspec.structs.replace(row, bill_of_material=False)), False


def family(raw: msgspec.Raw) -> Family:
    """Read a product family. A member without ID or SKU is none; an option without a name is not in use.

    Raises:
        UnreadableAnswerError: no ID or no SKU, or it is no family at all.
    """
    row = _decoded(raw)
    options = [text(name) for name in (row.option1_name, row.option2_name, row.option3_name)]
    members = [_member(one, options) for one in row.products or ()]
    return Family(
        id=guid(text(row.id), "ID"),
        sku=_sku(row.sku),
        name=plain_text(row.name),
        options=tuple(name for name in options if name),
        members=tuple(member for member in members if member is not None),
        category=plain_text(row.category),
        brand=text(row.brand),
        tax_rule=plain_text(row.sale_tax_rule),
        description=plain_text(row.short_description),
    )


def _decoded(raw: msgspec.Raw) -> wire.Family:
    try:
        return _FAMILY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswerError(str(error)) from None


def _member(row: wire.FamilyMember, options: list[str]) -> Member | None:
    """Read a member with its value of each option that has a name."""
    if not text(row.id) or not text(row.sku):
        return None
    values = (row.option1, row.option2, row.option3)
    return Member(
        item_id=guid(text(row.id), "ID"),
        sku=_sku(row.sku),
        options=tuple(text(value) for name, value in zip(options, values, strict=True) if name),
    )


def _sku(value: object) -> str:
    """Insist on a SKU, and leave it exactly as it is written: a space in it is what a mismatch is made of."""
    if not text(value):
        raise UnreadableAnswerError("SKU is missing")
    return plain_text(value)


def _filled(row: wire.Product) -> dict[str, str]:
    """Read the additional attributes that say something, by their field's name."""
    said = {name: text(getattr(row, field)) for field, name in _ATTRIBUTES.items()}
    return {name: value for name, value in said.items() if value}
