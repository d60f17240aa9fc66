"""The Cin7 customer of one buyer (`customer.mode = "per-customer"`): who they are, and the card that is made for them.

Cin7's customer names are unique and Cin7 has no idempotency key, so the name is the key: made from the buyer's identity
alone, it is the same from every order, every process and every spelling, and a second create of it is refused.
"""

from __future__ import annotations

import hashlib

from actors.domain.facts import Customer
from actors.domain.limits import Field
from actors.domain.order import Address, Order
from actors.domain.people import contact_of, email_of, phone_of
from actors.domain.sale import CustomerCard

PER_CUSTOMER = "per-customer"
"""The mode in which every buyer has a Cin7 customer of their own."""

PREFIX = "CT customer "
_FIGURES = 16


def identity_of(order: Order) -> str:
    """Return who bought, as 16 hex figures that say nothing of them.

    A signed-in buyer is their commercetools id. A guest is their e-mail, so that guests do not multiply; without one
    their name and address; without anything the order itself, since two strangers must never share an account.
    """
    return hashlib.sha256(_who(order).encode()).hexdigest()[:_FIGURES]


def customer_name(identity: str, currency: str, *, base: str) -> str:
    """Return the unique name: one customer holds one currency, so there is one for each that is not the books'."""
    return f"{PREFIX}{identity}" if currency == base else f"{PREFIX}{identity} {currency}"


def customer_card(order: Order, identity: str, template: Customer, *, base: str) -> CustomerCard:
    """Return the card of the order's buyer. Term, accounts, tax rule and currency are the template's.

    Nothing but the texts shown depends on how people write themselves; `base` is the books' currency.
    """
    return CustomerCard(
        name=Field.CUSTOMER_NAME.fit(customer_name(identity, template.currency, base=base)),
        display_name=Field.DISPLAY_NAME.fit(_shown(order)),
        currency=template.currency,
        payment_term=template.payment_term,
        receivable=template.receivable,
        revenue=template.revenue,
        tax_rule=template.tax_rule,
        contact=Field.CUSTOMER_CONTACT.fit(contact_of(order)),
        email=Field.EMAIL.fit(email_of(order)),
        phone=Field.PHONE.fit(phone_of(order)),
    )


def _who(order: Order) -> str:
    if order.customer_id:
        return f"customer:{order.customer_id}"
    email = _plain(email_of(order))
    if email:
        return f"guest:{email}"
    known = [_place(address) for address in (order.billing, order.shipping_address) if address is not None]
    place = next((place for place in known if place), "")
    return f"person:{place}" if place else f"order:{order.id}"


def _place(address: Address) -> str:
    """Write a name and address one way; "" where name or street are missing: the rest is nobody's in particular."""
    parts = (address.name, address.company, address.line1, address.line2, address.postcode, address.city)
    plain = [_plain(part) for part in parts]
    return "\n".join([*plain, address.country]) if (plain[0] or plain[1]) and plain[2] else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _shown(order: Order) -> str:
    """Return what people find the customer by: the payer's company, else their name, else the receiver's."""
    addresses = [address for address in (order.billing, order.shipping_address) if address is not None]
    texts = (text for address in addresses for text in (address.company, address.name))
    return next((text for text in texts if text), "")
