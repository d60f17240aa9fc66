"""The header of a sale that exists: what is read of it goes back with every change, so that nothing else changes.

Whether `PUT /sale` keeps what it is not told, or blanks it, is not documented, and a customer and a location are
required of it as of a new sale (fact sheet §2.4 and its unknowns): so all that may be written is written, as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.domain.money import is_plain
from actors.domain.sale import ShownHeader
from adapters.cin7 import wire
from adapters.cin7.fields import plain_text

_ATTRIBUTES = tuple(f"AdditionalAttribute{number}" for number in range(1, 11))
_BILLING = ("Line1", "Line2", "City", "State", "Postcode", "Country")
_SHIPPING = (*_BILLING, "Company", "Contact")


def shown_header(document: wire.Sale) -> ShownHeader:
    """Keep what may be written of a header that was read, as `PUT /sale` takes it. What is empty is left out."""
    return ShownHeader(fields=dict(_fields(document)))


def changed_header(shown: ShownHeader, change: wire.SaleChange) -> dict[str, Any]:
    """Write the body of `PUT /sale`: the header as it was shown, but for the change. Attributes are one object."""
    changed: dict[str, Any] = msgspec.to_builtins(change)
    named = "AdditionalAttributes"
    if named in changed:
        changed[named] = dict.fromkeys(_ATTRIBUTES, "") | shown.fields.get(named, {}) | changed[named]
    return {"ID": change.id, **shown.fields, **changed}


def _fields(document: wire.Sale) -> Iterator[tuple[str, Any]]:
    texts = {
        "CustomerID": document.customer_id,
        "Customer": document.customer if not document.customer_id else "",
        "Contact": document.contact,
        "Phone": document.phone,
        "Email": document.email,
        "DefaultAccount": document.default_account,
        "ShippingNotes": document.shipping_notes,
        "TaxRule": document.tax_rule,
        "Terms": document.terms,
        "PriceTier": document.price_tier,
        "ShipBy": document.ship_by,
        "Location": document.location,
        "SaleOrderDate": document.sale_order_date,
        "Note": document.note,
        "CustomerReference": document.customer_reference,
        "SalesRepresentative": document.sales_representative,
        "Carrier": document.carrier,
        "ExternalID": document.external_id,
    }
    yield from ((name, text) for name, value in texts.items() if (text := plain_text(value)))
    if isinstance(document.skip_quote, bool):
        yield "SkipQuote", document.skip_quote
    if document.tax_calculation:  # read as a word, written as a flag
        yield "TaxInclusive", document.tax_calculation.strip().upper() == "INCLUSIVE"
    rate = document.currency_rate
    if rate is not None and is_plain(rate) and rate > 0:
        yield "CurrencyRate", rate
    if (billing := _address(document.billing_address, _BILLING)) is not None:
        yield "BillingAddress", billing
    if (shipping := _address(document.shipping_address, _SHIPPING)) is not None:
        # What stands on the document never enters the customer's address book (fact sheet §9, quirk 10).
        yield "ShippingAddress", shipping | {"ShipToOther": True}
    if any(attributes := _texts(document.additional_attributes, _ATTRIBUTES).values()):
        yield "AdditionalAttributes", dict(zip(_ATTRIBUTES, attributes, strict=True))


def _address(value: Any, names: tuple[str, ...]) -> dict[str, str] | None:
    """Read an address; None where it lacks what Cin7 does not take one without."""
    texts = _texts(value, names)
    return texts if texts["Line1"] and texts["Country"] else None


def _texts(value: Any, names: tuple[str, ...]) -> dict[str, str]:
    return {name: plain_text(value.get(name)) if isinstance(value, dict) else "" for name in names}
