"""Edits of an order after its sale was made: what the sale was made from, and what is otherwise by now (story C9).

What a sale was made from is kept field by field, under names people can read. SKUs, quantities and amounts are kept as
they are; a text that may be about people only as a keyed digest (law L9), so that a change of it is seen and the text
is not kept. Lines are named by their SKU, not by their id: a line taken out and put back has another id, and the sale
is what it was. Of several lines with one SKU each has a number, in the order of what they hold.

The names are compared with what earlier releases wrote: changing one makes every exported order look edited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

import msgspec

from actors.domain.items import charged, shown
from actors.domain.limits import Field
from actors.domain.notes import ATTRIBUTES, NOTE, SHIP_BY, SHIPPING_NOTES, header_texts
from actors.domain.order import Address, CustomLine, Line, Order, Shipping, Taxed, TaxedTotal, TaxRate
from actors.domain.payments import authorised
from actors.domain.people import address_of, contact_of, email_of, phone_of
from actors.domain.posting import PostingRules
from actors.domain.references import customer_reference
from actors.domain.sale import SaleChange

Fields = Mapping[str, str]
"""What a sale is made from, by the fields' names. What is empty is left out."""

SHIPPING = "shippingAddress"
BILLING = "billingAddress"
CONTACT = "contact"
EMAIL = "customerEmail"
PHONE = "phone"
PURCHASE_ORDER = "purchaseOrderNumber"
NUMBER = "orderNumber"
DESK_NOTE = "note of the desk"
CUSTOM = "custom.fields"
CURRENCY = "currency"
CHANNELS = "supply channels"
METHOD = "method"
TOTAL = "total"

_KEY = "(key)"
"""Which key the digests are made with."""
_PAID = "(paid)"
"""What was owed in minor units, where payments covered it."""

_TEXTS = frozenset({CONTACT, EMAIL, PHONE, PURCHASE_ORDER, NUMBER, DESK_NOTE})
_GROUPS = frozenset({SHIPPING, BILLING, CUSTOM})
_ADDRESS = ("name", "company", "line1", "line2", "city", "state", "postcode", "country")


def _anywhere(part: str) -> tuple[str, ...]:
    return f"{SHIPPING}.{part}", f"{BILLING}.{part}"


_LOST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "street": _anywhere("line1"),
        "additional": _anywhere("line2"),
        "postal_code": _anywhere("postcode"),
        "city": _anywhere("city"),
        "region": _anywhere("state"),
        "company": _anywhere("company"),
        "name": (CONTACT, *_anywhere("name")),
        "phone": (PHONE,),
        "email": (EMAIL,),
        "note": (DESK_NOTE, PURCHASE_ORDER),
    }
)
"""The fields each text the desk may put in decides. A note that is lost is not made anew by a purchase order number."""

_WITHHELD = "changed"
_NOTHING = "none"


class Kind(StrEnum):
    """What a difference asks for."""

    SAFE = "safe"  # a text of the header, which tallyd may change
    UNSAFE = "unsafe"  # goods, money or where it is booked: a person decides


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is otherwise than when the sale was made; "" where it was, or is, not there."""

    field: str
    before: str
    after: str

    @property
    def kind(self) -> Kind:
        """What it asks for."""
        return kind_of(self.field)

    @property
    def group(self) -> str:
        """The part of the order it belongs to: `shippingAddress` of `shippingAddress.city`."""
        return _group(self.field)

    @property
    def shown(self) -> tuple[str, str]:
        """Before and now as people may read it: of a text about people only that it changed."""
        if is_private(self.field):
            return "", _WITHHELD
        return self.before or _NOTHING, self.after or _NOTHING


def fields(order: Order, rules: PostingRules, digest: Callable[[str], str]) -> dict[str, str]:
    """List what a sale of the order is made from; `digest` names a text about people by a key nobody else has.

    Who buys is none of it: a sale stays with the Cin7 customer it was made for.
    """

    def named() -> Iterator[tuple[str, str]]:
        for name, text in (*_header(order, rules), *_rows(order)):
            yield name, digest(f"{order.id}|{name}|{text}") if text and is_private(name) else text
        yield _KEY, digest(_KEY)
        yield _PAID, str(order.payable) if authorised(order) else ""

    return {name: text for name, text in named() if text}


def compare(then: Fields, now: Fields) -> tuple[Change, ...]:
    """List what differs. Texts whose digests were made with another key (a new storage key) cannot be compared."""
    comparable = is_readable(then, now)
    return tuple(
        Change(field=name, before=then.get(name, ""), after=now.get(name, ""))
        for name in {**then, **now}
        if name not in (_KEY, _PAID) and then.get(name) != now.get(name) and (comparable or not is_private(name))
    )


def is_readable(then: Fields, now: Fields) -> bool:
    """Say whether texts about people can be compared: whether both are named by one key."""
    return then.get(_KEY) == now.get(_KEY)


def named_anew(then: Fields, now: Fields) -> dict[str, str]:
    """Return what the sale was made from by the key of today: texts that cannot be compared count as they are now."""
    kept = {name: text for name, text in then.items() if not is_private(name)}
    return kept | {name: text for name, text in now.items() if is_private(name)} | {_KEY: now[_KEY]}


def unseen(then: Fields, now: Fields, lost: Collection[str]) -> dict[str, str]:
    """Return what a sale would be made from, where texts the desk had put in can be read no more: these count as kept.

    `lost` are the names a person edits them under (`patching.Laid.lost`).
    """
    names = {field for name in lost for field in _LOST.get(name, ())}
    kept = {name: text for name, text in now.items() if name not in names}
    return kept | {name: text for name, text in then.items() if name in names}


def kind_of(name: str) -> Kind:
    """Say what a difference in a field asks for."""
    return Kind.SAFE if name in _TEXTS or _group(name) in _GROUPS else Kind.UNSAFE


def is_private(name: str) -> bool:
    """Say whether a field's text may be about people: then it is kept as a digest, and shown to nobody."""
    text = kind_of(name) is Kind.SAFE and name != NUMBER
    return text or (name.startswith("charge ") and name.endswith(" name"))


def is_header(name: str) -> bool:
    """Say whether a field is sent with the sale's header; the others are with its order document."""
    sent = name in (CURRENCY, CHANNELS, _KEY, _PAID) or (name.startswith("shipping ") and name.endswith(METHOD))
    return sent or kind_of(name) is Kind.SAFE


def owed_by(then: Fields) -> int | None:
    """Return what was owed when the sale was made, in minor units; None where no payment covered it then."""
    return int(then[_PAID]) if _PAID in then else None


def accept(then: Fields, now: Fields, kind: Kind) -> dict[str, str]:
    """Return what counts as the sale's from now on, where a person accepts the differences of a kind."""
    other = {name: text for name, text in then.items() if kind_of(name) is not kind or name in (_KEY, _PAID)}
    return other | {name: text for name, text in now.items() if kind_of(name) is kind and name not in (_KEY, _PAID)}


def forgive(then: Fields) -> dict[str, str]:
    """Return what counts as the sale's where a person takes it on that its money is gone."""
    return {name: text for name, text in then.items() if name != _PAID}


def applied(then: Fields, now: Fields, changes: Iterable[Change]) -> dict[str, str]:
    """Return what the sale is made from once these changes were made to it."""
    names = {change.field for change in changes}
    kept = {name: text for name, text in then.items() if name not in names}
    return kept | {name: text for name, text in now.items() if name in names} | {_KEY: now[_KEY]}


def change_of(
    order: Order, changes: Iterable[Change], sale_id: str, rules: PostingRules, zone: tzinfo
) -> SaleChange | None:
    """Return what to change about the sale's header so that it shows the order as it is; None: nothing of it is sent.

    Each part is sent whole and as the order is now, so sending it twice does what sending it once does.

    Raises:
        ValueError: a text is too long or no date, or the order has lost what a sale cannot be without.
    """
    groups = {change.group for change in changes}
    targets = {rules.fields.get(change.field.removeprefix(f"{CUSTOM}."), "") for change in changes}
    targets |= {NOTE} if groups & {PURCHASE_ORDER, DESK_NOTE} else set()
    texts = header_texts(order, rules, zone)
    if SHIP_BY in targets and texts.ship_by is None:
        raise ValueError("the order names no ship-by date any more")
    mapped = {number: "" for name, number in ATTRIBUTES.items() if name in rules.fields.values()}
    change = SaleChange(
        sale_id=sale_id,
        contact=Field.CONTACT.fit(contact_of(order)) if CONTACT in groups else None,
        email=Field.EMAIL.fit(email_of(order)) if EMAIL in groups else None,
        phone=Field.PHONE.fit(phone_of(order)) if PHONE in groups else None,
        billing=address_of(_there(order.billing, "billing")) if BILLING in groups else None,
        shipping=address_of(_there(order.shipping_address, "shipping")) if SHIPPING in groups else None,
        note=texts.note if NOTE in targets else None,
        shipping_notes=texts.shipping_notes if SHIPPING_NOTES in targets else None,
        customer_reference=_reference(order, rules) if NUMBER in groups else None,
        attributes=mapped | texts.attributes if targets & ATTRIBUTES.keys() else None,
        ship_by=texts.ship_by if SHIP_BY in targets else None,
    )
    return None if change == SaleChange(sale_id=sale_id) else change


def _there(address: Address | None, which: str) -> Address:
    if address is None:
        raise ValueError(f"the order has no {which} address any more")
    return address


def _reference(order: Order, rules: PostingRules) -> str:
    return Field.CUSTOMER_REFERENCE.fit(customer_reference(order, rules.order_reference))


def _group(name: str) -> str:
    return next((group for group in _GROUPS if name.startswith(f"{group}.")), name)


# -- what a sale is made from -----------------------------------------------------------------------------------------


def _header(order: Order, rules: PostingRules) -> Iterator[tuple[str, str]]:
    for where, address in ((SHIPPING, order.shipping_address), (BILLING, order.billing)):
        if address is not None:
            yield from ((f"{where}.{part}", str(getattr(address, part))) for part in _ADDRESS)
    yield CONTACT, contact_of(order)
    yield EMAIL, email_of(order)
    yield PHONE, phone_of(order)
    yield PURCHASE_ORDER, order.purchase_order.strip()
    yield DESK_NOTE, (order.note or "").strip()
    yield from ((f"{CUSTOM}.{source}", order.custom.get(source, "").strip()) for source in rules.fields)
    yield NUMBER, order.number or ""
    yield CURRENCY, order.currency
    yield CHANNELS, ", ".join(sorted({line.supply_channel or "(none)" for line in order.lines}))


def _rows(order: Order) -> Iterator[tuple[str, str]]:
    for name, line in _numbered("line", ((line.sku or "(no SKU)", line) for line in order.lines), order):
        yield f"{name} quantity", str(line.quantity)
        yield from _priced(name, line, order)
    for name, custom in _numbered("charge", ((line.slug, line) for line in order.custom_lines), order):
        yield f"{name} name", custom.name
        yield f"{name} quantity", str(custom.quantity)
        yield from _priced(name, custom, order)
    for name, part in _numbered("shipping", ((part.key or "", part) for part in order.shipping), order):
        yield f"{name} {METHOD}", part.method
        yield from _priced(name, part, order)
    yield "discount", _amount(order.discount_on_total, order)
    yield "discount net", _amount(order.discount_net, order)
    yield "discount gross", _amount(order.discount_gross, order)
    yield TOTAL, shown(order.total, order)
    yield from _taxed("total", order.taxed, order)
    if order.taxed is not None:
        yield "total tax", _amount(order.taxed.tax, order)
        portions = (f"{one.name or ''} {one.rate:f}: {shown(one.amount, order)}" for one in order.taxed.portions)
        yield "taxes", "; ".join(sorted(portion.strip() for portion in portions))


_Priced = Line | CustomLine | Shipping
_Part = TypeVar("_Part", Line, CustomLine, Shipping)


def _numbered(what: str, parts: Iterable[tuple[str, _Part]], order: Order) -> Iterator[tuple[str, _Part]]:
    """Name parts by what they are called; those of one name are numbered, in the order of what they hold."""
    seen: Counter[str] = Counter()
    for name, part in sorted(parts, key=lambda pair: (pair[0], _content(pair[1], order))):
        seen[name] += 1
        number = f" #{seen[name]}" if seen[name] > 1 else ""
        yield f"{what} {name}".strip() + number, part


def _content(part: _Priced, order: Order) -> tuple[str, ...]:
    own = part.method if isinstance(part, Shipping) else f"{part.quantity:012d} {part.name}"
    return (own, *(text for _, text in _priced("", part, order)))


def _priced(name: str, part: _Priced, order: Order) -> Iterator[tuple[str, str]]:
    yield f"{name} price", shown(charged(part) if isinstance(part, Shipping) else part.total, order)
    rates = (part.tax_rate,) if part.tax_rate is not None else getattr(part, "method_rates", ())
    yield f"{name} tax rate", ", ".join(sorted(_rate(rate) for rate in rates))
    yield from _taxed(name, part.taxed, order)


def _taxed(name: str, taxed: Taxed | TaxedTotal | None, order: Order) -> Iterator[tuple[str, str]]:
    if taxed is not None:
        yield f"{name} net", shown(taxed.net, order)
        yield f"{name} gross", shown(taxed.gross, order)


def _rate(rate: TaxRate) -> str:
    where = f"{rate.country}/" if rate.country else ""
    return f"{where}{rate.name} {rate.rate.normalize():f} {'included' if rate.included else 'added'}"


def _amount(minor: int | None, order: Order) -> str:
    return "" if minor is None else shown(minor, order)
