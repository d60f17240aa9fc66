"""The two bodies of a sale: its header and its order, made from the prediction and nothing else (money §3)."""

from __future__ import annotations

from actors.domain.exception_types import Finding
from actors.domain.facts import Facts
from actors.domain.limits import Field
from actors.domain.order import Order
from actors.domain.people import address_of, contact_of, email_of, phone_of
from actors.domain.posting import PostingRules
from actors.domain.posting_date import posting_date, zone_of
from actors.domain.prediction import Prediction
from actors.domain.references import customer_reference, external_id
from actors.domain.sale import SaleHeader, SaleOrder


def header(order: Order, prediction: Prediction, rules: PostingRules, facts: Facts, generation: int) -> SaleHeader:
    """Return the header of the order's n-th sale. The same order and generation give the same header.

    Raises:
        ValueError: the facts are not those the order was predicted with (no company, unknown zone), or the order's id
            is none.
    """
    if facts.company is None:
        raise ValueError("the company settings were never read")
    zone = zone_of(facts.company, rules)
    if isinstance(zone, Finding):
        raise ValueError(zone.cause)
    return SaleHeader(
        customer_id=prediction.customer_id,
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
    )


def order_document(sale_id: str, prediction: Prediction) -> SaleOrder:
    """Return the authorised order of the sale: the predicted rows, in their fixed order."""
    return SaleOrder(sale_id=sale_id, rows=prediction.rows)
