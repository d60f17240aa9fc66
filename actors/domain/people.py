"""Whom a sale is for and where it goes: the header's texts, taken from the order's addresses.

Everything here is personal data. It is made when the sale is sent and lives in memory only; a finding names a field and
a length, never the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from actors.domain.countries import country_name
from actors.domain.exception_types import Finding
from actors.domain.limits import Field
from actors.domain.order import Address, Order
from actors.domain.posting import PostingRules
from actors.domain.references import customer_reference
from actors.domain.sale import SaleAddress

NO_LINE = "-"
"""Cin7 requires a first address line; commercetools guarantees only the country. Nothing is invented."""


def contact_of(order: Order) -> str:
    """Return who the sale is for: the receiver, else the payer."""
    return _first(order.shipping_address, order.billing, "name")


def phone_of(order: Order) -> str:
    """Return the number a carrier would ring: the receiver's, else the payer's."""
    return _first(order.shipping_address, order.billing, "phone")


def email_of(order: Order) -> str:
    """Return the order's e-mail, else the payer's, else the receiver's."""
    return order.email or _first(order.billing, order.shipping_address, "email")


def address_of(address: Address | None) -> SaleAddress | None:
    """Return the address as Cin7 takes it, or None where the order has none."""
    if address is None:
        return None
    return SaleAddress(
        line1=Field.ADDRESS_LINE_1.fit(address.line1 or NO_LINE),
        line2=Field.ADDRESS_LINE_2.fit(address.line2),
        city=Field.CITY.fit(address.city),
        state=Field.STATE.fit(address.state),
        postcode=Field.POSTCODE.fit(address.postcode),
        country=Field.COUNTRY.fit(country_name(address.country)),
        company=Field.COMPANY.fit(address.company),
        contact=Field.CONTACT.fit(address.name),
    )


def text_findings(order: Order, rules: PostingRules) -> Iterator[Finding]:
    """Find header texts that are too long and must not be cut."""
    for where, field, text in _texts(order, rules):
        if field.too_long(text):
            yield Finding(
                code="field_too_long",
                cause=f"{where} has {len(text)} characters, Cin7 Core's {field.wire_name} takes {field.most}",
                field=where,
                group=f"field_too_long:{field.wire_name}",
            )


def _texts(order: Order, rules: PostingRules) -> Iterator[tuple[str, Field, str]]:
    yield "orderNumber", Field.CUSTOMER_REFERENCE, customer_reference(order, rules.order_reference)
    yield "customerEmail", Field.EMAIL, email_of(order)
    for name, address in (("shippingAddress", order.shipping_address), ("billingAddress", order.billing)):
        if address is None:
            continue
        yield f"{name}.name", Field.CONTACT, address.name
        yield f"{name}.phone", Field.PHONE, address.phone
        yield f"{name}.streetName", Field.ADDRESS_LINE_1, address.line1
        yield f"{name}.additionalStreetInfo", Field.ADDRESS_LINE_2, address.line2
        yield f"{name}.city", Field.CITY, address.city
        yield f"{name}.state", Field.STATE, address.state
        yield f"{name}.postalCode", Field.POSTCODE, address.postcode
        yield f"{name}.country", Field.COUNTRY, address.country


def _first(preferred: Address | None, other: Address | None, field: str) -> str:
    """Return the field of the first of two addresses that has it."""
    for address in (preferred, other):
        text = "" if address is None else str(getattr(address, field))
        if text:
            return text
    return ""


WITHHELD = "(withheld)"
_SHORTEST = 3
"""Texts shorter than this are not taken for a person's: they would blank half of any sentence."""


def withhold(order: Order, text: str) -> str:
    """Return words of another system with everything blanked that this order says of people (law L9)."""
    for part in sorted(_personal(order), key=len, reverse=True):
        text = re.sub(re.escape(part), WITHHELD, text, flags=re.IGNORECASE)
    return text


def _personal(order: Order) -> set[str]:
    texts = {order.email, contact_of(order), phone_of(order), email_of(order), order.purchase_order}
    for text in (*order.custom.values(), order.note or ""):
        # Another system quotes what it was sent, which may be a line of it or the text without its blanks.
        texts |= {text, *text.splitlines()}
    for address in (order.billing, order.shipping_address):
        if address is not None:
            texts |= {
                address.name,
                address.company,
                address.line1,
                address.line2,
                address.city,
                address.postcode,
                address.phone,
                address.email,
            }
    return {text.strip() for text in texts if len(text.strip()) >= _SHORTEST}
