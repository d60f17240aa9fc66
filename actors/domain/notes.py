"""The header's texts that are not about where a sale goes: note, shipping notes, attributes, ship-by date, carrier.

They come from the order's custom fields as `[mappings.fields]` names them, its purchase order number and its shipping
method. Like addresses they are about people: made when the sale is sent, never logged; a finding names a field only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, tzinfo

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, fact_ref
from actors.domain.limits import Field
from actors.domain.order import Order
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.time import date_in_zone, parse_instant

NOTE = "Note"
SHIPPING_NOTES = "ShippingNotes"
SHIP_BY = "ShipBy"
ATTRIBUTES = {f"AdditionalAttribute{number}": number for number in range(1, 11)}
"""The sale's ten free attributes, by their names on the wire."""

TARGETS = frozenset({NOTE, SHIPPING_NOTES, SHIP_BY, *ATTRIBUTES})
"""The fields of a sale that `[mappings.fields]` may name."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class HeaderTexts(msgspec.Struct, frozen=True, kw_only=True):
    """Texts of a header as they are sent: `note` is cut where it is too long, the others are whole."""

    note: str = ""
    shipping_notes: str = ""
    attributes: dict[int, str] = {}
    ship_by: date | None = None


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was shortened: the field, its length and what is left of it. Never the text itself."""

    field: str
    length: int
    kept: int


def header_texts(order: Order, rules: PostingRules, zone: tzinfo) -> HeaderTexts:
    """Return the header's texts; `zone` is the books', for a ship-by date given as an instant.

    Raises:
        ValueError: a text is too long for a field that must not be cut, or a ship-by date is none (`note_findings`
            finds both before).
    """
    return HeaderTexts(
        note=Field.NOTE.fit(note_of(order, rules)),
        shipping_notes=Field.SHIPPING_NOTES.fit(_joined(order, rules, SHIPPING_NOTES)),
        attributes={
            number: Field.ATTRIBUTE.fit(text)
            for name, number in ATTRIBUTES.items()
            if (text := _joined(order, rules, name))
        },
        ship_by=next((_day(text, zone) for _, text in _mapped(order, rules, SHIP_BY)), None),
    )


def note_of(order: Order, rules: PostingRules) -> str:
    """Return the whole note: the purchase order number first, then every field mapped to it, one a line.

    What a person at the desk wrote stands in the place of all that.
    """
    if order.note is not None:
        return order.note
    number = order.purchase_order.strip()
    texts = [f"PO {number}"] if number else []
    return "\n".join([*texts, *(text for _, text in _mapped(order, rules, NOTE))])


def note_findings(order: Order, facts: Facts, rules: PostingRules) -> Iterator[Finding]:
    """Find mapped texts that are too long and must not be cut, and ship-by dates that are none."""
    for name, field in ((SHIPPING_NOTES, Field.SHIPPING_NOTES), *((name, Field.ATTRIBUTE) for name in ATTRIBUTES)):
        text = _joined(order, rules, name)
        if field.too_long(text):
            yield _too_long(order, rules, name, len(text), field.most)
    zone = zone_of(facts.company, rules) if facts.company is not None else None
    if zone is None or isinstance(zone, Finding):
        return  # the order is held for its zone, and judged again with it
    for source, text in _mapped(order, rules, SHIP_BY):
        try:
            _day(text, zone)
        except ValueError:
            yield Finding(
                code="field_unreadable",
                cause=f"the custom field {source}, mapped to {SHIP_BY}, holds no date",
                field=f"custom.fields.{source}",
                group=f"field_unreadable:{source}",
            )


def cuts(order: Order, rules: PostingRules) -> tuple[Cut, ...]:
    """List what of the header was cut, for the order's timeline: fields and lengths, never texts."""
    texts = [
        (NOTE, Field.NOTE, note_of(order, rules)),
        *(
            (f"{where}.Company", Field.COMPANY, address.company)
            for where, address in (("ShippingAddress", order.shipping_address),)
            if address is not None
        ),
    ]
    return tuple(
        Cut(field=where, length=len(text), kept=len(field.fit(text)))
        for where, field, text in texts
        if field.cuttable and len(text) > field.most
    )


def carrier_of(order: Order, facts: Facts, rules: PostingRules) -> str | Finding:
    """Return the Cin7 carrier of the order's shipping method; "" where none is mapped, or its parcels name several.

    A sale names one carrier. Where the shipments of an order would need two, none is invented.
    """
    names = {rules.carriers.get(one.method, "") for one in order.shipping}
    name = next(iter(names)) if len(names) == 1 else ""
    if not name or name in facts.carriers:
        return name
    if FactKind.CARRIER not in facts.loaded:
        return Finding(
            code="facts_missing",
            cause=f"The carrier list of Cin7 Core was never read, so carrier {name} cannot be judged yet",
            field=FactKind.CARRIER.value,
            waits_for=fact_ref(FactKind.CARRIER, ""),
            group=f"facts_missing:{FactKind.CARRIER.value}",
        )
    return Finding(
        code="carrier_unknown",
        cause=f"the shipping method is mapped to carrier {name}, which Cin7 Core does not have",
        field="Carrier",
        waits_for=fact_ref(FactKind.CARRIER, name),
        group=f"carrier_unknown:{name}",
    )


def _mapped(order: Order, rules: PostingRules, target: str) -> list[tuple[str, str]]:
    """List the custom fields mapped to a field of the sale that hold a text, in the order they are configured."""
    found = ((source, order.custom.get(source, "").strip()) for source, to in rules.fields.items() if to == target)
    return [(source, text) for source, text in found if text]


def _joined(order: Order, rules: PostingRules, target: str) -> str:
    return "\n".join(text for _, text in _mapped(order, rules, target))


def _day(text: str, zone: tzinfo) -> date:
    """Read a date as it stands; an instant is the day it falls on in the books' zone. Raises ValueError of neither."""
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    if not _DAY.match(text):
        raise ValueError("no date")
    try:
        return date_in_zone(parse_instant(text), zone)
    except OverflowError:
        raise ValueError("no date of any calendar") from None


def _too_long(order: Order, rules: PostingRules, target: str, length: int, most: int) -> Finding:
    sources = " and ".join(source for source, _ in _mapped(order, rules, target))
    return Finding(
        code="field_too_long",
        cause=f"custom field {sources} has {length} characters, Cin7 Core's {target} takes {most}",
        field=f"custom.fields.{sources}",
        group=f"field_too_long:{target}",
    )
