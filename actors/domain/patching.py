"""Edits people make at the desk, laid over an order before it is judged and made a sale. Pure; the original stays.

Four things of an order may be edited: the SKU it is sold as, the sale's note, where it goes, and whom to reach. Nothing
that was counted or paid is among them: quantities, prices, taxes and currencies are mended at their source, and so is a
country, which decides a tax.

Of texts about people an edit says what it puts in and what stood there then. Where commercetools says something else by
now, that is the newer word: the edit gives way. Where its texts can be read no more, nobody knows what was wanted, and
the texts it was about are blank rather than the original's: `Laid.lost` names them, and the order is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import msgspec

from actors.domain.limits import Field
from actors.domain.order import Address, Line, Order

Texts = Mapping[str, str]
"""Texts by the names a person edits them under."""


class Edited(StrEnum):
    """What an edit is about."""

    ALIAS = "alias"
    NOTE = "note"
    ADDRESS = "address"
    CONTACT = "contact"


PARTS: Mapping[Edited, tuple[str, ...]] = MappingProxyType(
    {
        Edited.NOTE: ("note",),
        Edited.ADDRESS: ("street", "additional", "postal_code", "city", "region", "country"),
        Edited.CONTACT: ("email", "phone", "first_name", "last_name", "company"),
    }
)
"""The names of the texts that each edit about people may put in. A country among them is never changed."""

NAMES = ("first_name", "last_name")
"""A person's name is laid over an order as one: who edits a part of it says the other too."""

_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "street": "line1",
        "additional": "line2",
        "postal_code": "postcode",
        "city": "city",
        "region": "state",
        "phone": "phone",
        "company": "company",
        "name": "name",
    }
)
"""The parts of the receiver's address, by the names of what a person edits."""

_LIMITS: Mapping[str, Field] = MappingProxyType(
    {
        "note": Field.NOTE,
        "street": Field.ADDRESS_LINE_1,
        "additional": Field.ADDRESS_LINE_2,
        "postal_code": Field.POSTCODE,
        "city": Field.CITY,
        "region": Field.STATE,
        "email": Field.EMAIL,
        "phone": Field.PHONE,
        "company": Field.COMPANY,
        "name": Field.CONTACT,
    }
)
"""How long each text may be: what Cin7 Core takes (its fact sheet §2.4), so that nothing a person wrote is cut."""


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """One edit that stands. An alias has `sku` (as ordered) and `alias` (as Cin7 Core has it).

    `values` are the texts put in, `base` those that stood in their places then; None: they can be read no more, and
    `names` alone say what they were about.
    """

    id: int
    field: Edited
    sku: str = ""
    alias: str = ""
    names: tuple[str, ...] = ()
    values: Texts | None = None
    base: Texts = MappingProxyType({})


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its edits laid over it. `lost`: the names of texts that were edited and can be read no more.

    `overtaken` are the edits that gave way to a newer word of commercetools.
    """

    order: Order
    lost: frozenset[str] = frozenset()
    overtaken: tuple[int, ...] = ()


def lay(order: Order, patches: Sequence[Patch]) -> Laid:
    """Lay the edits over an order as commercetools has it, the oldest first."""
    laid, lost, overtaken = sold_as(order, aliases_of(patches)), frozenset[str](), list[int]()
    for patch in patches:
        if patch.field is Edited.ALIAS:
            continue
        named = frozenset(_whole(patch.names))
        if patch.values is None:
            laid, lost = put(laid, dict.fromkeys(named, "")), lost | named
        elif _is_overtaken(patch, order):
            overtaken.append(patch.id)
        else:
            laid, lost = put(laid, joined(patch.values)), lost - named
    return Laid(order=laid, lost=lost, overtaken=tuple(overtaken))


def aliases_of(patches: Iterable[Patch]) -> dict[str, str]:
    """Return what each SKU is sold as; of several edits of one the newest counts."""
    return {patch.sku: patch.alias for patch in patches if patch.field is Edited.ALIAS}


def sold_as(order: Order, aliases: Mapping[str, str]) -> Order:
    """Name every line by the SKU it is sold as: the alias of the one it was ordered as, else that.

    It may be laid over an order again and again: a line that has an alias already knows what it was ordered as.
    """
    lines = tuple(_line_sold_as(line, aliases) for line in order.lines)
    return order if lines == order.lines else msgspec.structs.replace(order, lines=lines)


def _line_sold_as(line: Line, aliases: Mapping[str, str]) -> Line:
    ordered = line.ordered_as or line.sku
    if ordered is None:
        return line
    alias = aliases.get(ordered, ordered)
    return msgspec.structs.replace(line, sku=alias, ordered_as=None if alias == ordered else ordered)


# -- texts about people ------------------------------------------------------------------------------------------------


def joined(values: Texts) -> dict[str, str]:
    """Return texts with a person's name as one, under `name`."""
    parts = [values[name].strip() for name in NAMES if name in values]
    rest = {name: text for name, text in values.items() if name not in NAMES}
    return rest | {"name": " ".join(filter(None, parts))} if parts else rest


def standing(order: Order, names: Iterable[str]) -> dict[str, str]:
    """Return what an order says where these texts would be put, for `Patch.base`. A note is made, not said: no base."""
    return {name: _text(order, name) for name in _whole(names) if name != "note"}


def put(order: Order, texts: Texts) -> Order:
    """Put texts into an order: note and e-mail into itself, the others into the address it goes to."""
    changes: dict[str, object] = {}
    if "note" in texts:
        changes["note"] = texts["note"]
    if "email" in texts:
        changes["email"] = texts["email"]
    parts = {_ATTRIBUTES[name]: text for name, text in texts.items() if name in _ATTRIBUTES}
    receiver = receiver_of(order)
    if parts and receiver is not None:
        where = "shipping_address" if order.shipping_address is not None else "billing"
        changes[where] = msgspec.structs.replace(receiver, **parts)
    return msgspec.structs.replace(order, **changes) if changes else order


def receiver_of(order: Order) -> Address | None:
    """Return the address of who the sale is for: the receiver's, else the payer's."""
    return order.shipping_address or order.billing


def unfit(values: Texts) -> str:
    """Say what is wrong with texts that are to be put in; "" where nothing is. No text is quoted."""
    for name, text in joined(values).items():
        limit = _LIMITS.get(name)
        if limit is not None and len(text) > limit.most:
            return f"{name} has {len(text)} characters, Cin7 Core takes {limit.most}."
        if any(not character.isprintable() and not (name == "note" and character == "\n") for character in text):
            return f"{name} holds a character that cannot be printed."
    email = values.get("email", "")
    if email and (email.count("@") != 1 or email != email.strip() or " " in email):
        return "email is no e-mail address."
    return ""


def _whole(names: Iterable[str]) -> tuple[str, ...]:
    """Return names with a person's name as one."""
    return tuple(dict.fromkeys("name" if name in NAMES else name for name in names))


def _is_overtaken(patch: Patch, order: Order) -> bool:
    return any(_text(order, name) != text for name, text in patch.base.items())


def _text(order: Order, name: str) -> str:
    if name == "email":
        return order.email
    receiver, attribute = receiver_of(order), _ATTRIBUTES.get(name)
    return str(getattr(receiver, attribute)) if receiver is not None and attribute is not None else ""
