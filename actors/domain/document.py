"""The two bodies of a sale: its header and its order, made from the prediction and nothing else (money §3)."""

from __future__ import annotations

import hashlib

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import ExchangeRate, Facts
from actors.domain.limits import Field
from actors.domain.notes import carrier_of, header_texts
from actors.domain.order import Order
from actors.domain.people import address_of, contact_of, email_of, phone_of
from actors.domain.posting import PostingRules
from actors.domain.posting_date import posting_date, zone_of
from actors.domain.prediction import Prediction
from actors.domain.references import customer_reference, external_id
from actors.domain.sale import SaleHeader, SaleOrder


def header(
    order: Order,
    prediction: Prediction,
    rules: PostingRules,
    facts: Facts,
    generation: int,
    *,
    customer_id: str | None = None,
    rate: ExchangeRate | None = None,
) -> SaleHeader:
    """Return the header of the order's n-th sale. The same order and generation give the same header.

    `customer_id` is whose sale it is where that is not the prediction's customer; `rate` is what an order in another
    currency than the books is booked at.

    Raises:
        ValueError: the facts are not those the order was predicted with (no company, unknown zone or carrier), or the
            order's id is none.
    """
    if facts.company is None:
        raise ValueError("the company settings were never read")
    zone = zone_of(facts.company, rules)
    if isinstance(zone, Finding):
        raise ValueError(zone.cause)
    carrier = carrier_of(order, facts, rules)
    if isinstance(carrier, Finding):
        raise ValueError(carrier.cause)
    texts = header_texts(order, rules, zone)
    return SaleHeader(
        customer_id=customer_id if customer_id is not None else prediction.customer_id,
        external_id=Field.EXTERNAL_ID.fit(external_id(order.id, generation)),
        customer_reference=Field.CUSTOMER_REFERENCE.fit(customer_reference(order, rules.order_reference)),
        location=prediction.location,
        tax_rule=prediction.tax_rule,
        tax_inclusive=prediction.tax_inclusive,
        order_date=posting_date(order, zone),
        contact=Field.CONTACT.fit(contact_of(order)),
        email=Field.EMAIL.fit(email_of(order)),
        phone=Field.PHONE.fit(phone_of(order)),
        billing=address_of(order.billing),
        shipping=address_of(order.shipping_address),
        currency_rate=rate.rate if rate is not None else None,
        carrier=Field.CARRIER.fit(carrier),
        note=texts.note,
        shipping_notes=texts.shipping_notes,
        attributes=texts.attributes,
        ship_by=texts.ship_by,
    )


def order_document(sale_id: str, prediction: Prediction, *, authorise: bool = True) -> SaleOrder:
    """Return the order of the sale, authorised or as a DRAFT: the predicted rows, in their fixed order."""
    return SaleOrder(sale_id=sale_id, rows=prediction.rows, authorise=authorise)


def digest(prediction: Prediction) -> str:
    """Name the document by its content: two predictions with one digest would send the same rows."""
    content = (prediction.tax_inclusive, prediction.currency, prediction.rows)
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:32]
