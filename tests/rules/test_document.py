"""The two bodies of a sale: references, dates, places and lengths."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.countries import country_name
from actors.domain.document import header, order_document
from actors.domain.facts import Carrier, Company, ExchangeRate
from actors.domain.limits import Field
from actors.domain.order import Order
from actors.domain.prediction import Prediction, predict
from actors.domain.references import customer_reference, external_id
from actors.domain.sale import SaleHeader
from actors.domain.time import parse_instant
from tests.orders_builder import ADDRESS, CUSTOMER, LOCATION, ORDER_ID, facts_for, plain_order, product, rules_for


def predicted(order: Order, **changes: Any) -> Prediction:
    answer = predict(order, facts_for(order, **changes), rules_for(order))
    assert isinstance(answer, Prediction), answer
    return answer


def header_of(order: Order, generation: int = 1, zone: str = "Europe/London") -> SaleHeader:
    facts = facts_for(order, company=Company(name="", currency="GBP", time_zone=zone))
    return header(order, predicted(order), rules_for(order), facts, generation)


def test_the_reference_is_exact_and_differs_by_generation() -> None:
    assert external_id(ORDER_ID, 1) == f"ct-order:{ORDER_ID}"
    assert external_id(ORDER_ID, 2) == f"ct-order:{ORDER_ID}:2"
    assert external_id(ORDER_ID, 12) == f"ct-order:{ORDER_ID}:12"


@pytest.mark.parametrize(
    ("order_id", "generation"), [("", 1), ("a b", 1), ("a:2", 1), ("é", 1), ("a\n", 1), ("x" * 201, 1), ("a", 0)]
)
def test_a_reference_that_could_be_mistaken_is_an_error(order_id: str, generation: int) -> None:
    with pytest.raises(ValueError, match=r"order id|generations"):
        external_id(order_id, generation)


def test_people_see_the_order_number_or_the_id() -> None:
    order = plain_order()
    assert customer_reference(order, "order-number") == "CT-100045"
    assert customer_reference(order, "id") == ORDER_ID
    assert customer_reference(msgspec.structs.replace(order, number=None), "order-number") == ORDER_ID


def test_the_header_says_everything_and_relies_on_no_default() -> None:
    sent = header_of(plain_order(included=False), generation=2)

    assert (sent.customer_id, sent.location, sent.tax_rule) == ("customer-1", LOCATION, "Sales 20%")
    assert sent.tax_inclusive is False
    assert header_of(plain_order()).tax_inclusive is True
    assert (sent.external_id, sent.customer_reference) == (f"ct-order:{ORDER_ID}:2", "CT-100045")
    assert (sent.contact, sent.email, sent.phone) == (ADDRESS.name, "ann@example.test", ADDRESS.phone)
    assert sent.shipping is not None
    assert (sent.shipping.line1, sent.shipping.postcode) == ("3 Park St", "LS1 4AP")
    assert (sent.shipping.country, sent.shipping.contact) == ("United Kingdom", "Ann Example")
    assert sent.billing == sent.shipping
    assert CUSTOMER not in msgspec.json.encode(sent).decode()


@pytest.mark.parametrize(
    ("created_at", "zone", "day"),
    [
        ("2026-12-31T23:30:00Z", "Europe/London", "2026-12-31"),
        ("2026-12-31T23:30:00Z", "Europe/Berlin", "2027-01-01"),
        ("2027-01-01T00:30:00Z", "America/New_York", "2026-12-31"),
        ("2026-06-30T23:30:00Z", "Europe/London", "2026-07-01"),  # summer time
        ("2026-10-25T00:30:00Z", "Europe/London", "2026-10-25"),  # the hour that comes twice
        ("2026-10-24T23:30:00Z", "Europe/London", "2026-10-25"),
        ("2026-01-31T13:00:00Z", "Pacific/Auckland", "2026-02-01"),
    ],
)
def test_the_order_is_dated_in_the_zone_of_the_books(created_at: str, zone: str, day: str) -> None:
    order = plain_order(created_at=parse_instant(created_at))
    assert header_of(order, zone=zone).order_date.isoformat() == day


def test_the_configured_zone_comes_before_the_reported_one() -> None:
    order = plain_order(created_at=parse_instant("2026-12-31T23:30:00Z"))
    facts = facts_for(order, company=Company(name="", currency="GBP", time_zone="(UTC+00:00) Dublin, London"))
    rules = rules_for(order, time_zone="Europe/Berlin")
    prediction = predict(order, facts, rules)
    assert isinstance(prediction, Prediction)
    assert header(order, prediction, rules, facts, 1).order_date.isoformat() == "2027-01-01"


def test_a_header_is_not_made_from_facts_nothing_was_predicted_with() -> None:
    order = plain_order()
    with pytest.raises(ValueError, match="never read"):
        header(order, predicted(order), rules_for(order), facts_for(order, company=None), 1)
    with pytest.raises(ValueError, match="no IANA"):
        header_of(order, zone="Mars/Base")


def test_missing_people_and_places_are_not_invented() -> None:
    bare = msgspec.structs.replace(ADDRESS, name="", line1="", phone="", city="", postcode="", country="XK")
    sent = header_of(plain_order(shipping_address=bare, billing=None, email=""))

    assert sent.billing is None
    assert sent.shipping is not None
    assert (sent.shipping.line1, sent.shipping.country, sent.shipping.city) == ("-", "XK", "")
    assert (sent.contact, sent.phone, sent.email) == ("", "", ADDRESS.email)


def test_without_addresses_there_are_none() -> None:
    sent = header_of(plain_order(shipping_address=None, billing=None, email=""))
    assert (sent.shipping, sent.billing, sent.contact, sent.email) == (None, None, "", "")


def test_the_order_document_is_the_prediction() -> None:
    order = plain_order(("A", 2, 500), shipping=495)
    sent = order_document("sale-1", predicted(order))
    assert (sent.sale_id, sent.authorise, sent.rows) == ("sale-1", True, predicted(order).rows)


def test_free_text_is_cut_where_it_does_no_harm() -> None:
    long = msgspec.structs.replace(ADDRESS, company="c" * 200)
    sent = header_of(plain_order(shipping_address=long))
    assert sent.shipping is not None
    assert sent.shipping.company == "c" * 127 + "…"
    order = plain_order(*(("A", 1, 1000 + n) for n in range(60)))
    rows = predicted(order, products={"A": product("A", name="n" * 2000)}).rows
    assert (len(rows[0].comment), len(rows[0].name)) == (256, 1024)


@pytest.mark.parametrize("field", list(Field))
def test_every_field_keeps_its_length(field: Field) -> None:
    fits, long = "x" * field.most, "x" * (field.most + 1)
    assert field.fit(fits) == fits
    assert not field.too_long(fits)
    if field.cuttable:
        assert len(field.fit(long)) == field.most
        assert not field.too_long(long)
        return
    assert field.too_long(long)
    with pytest.raises(ValueError, match=field.wire_name):
        field.fit(long)


LENGTHS = {
    Field.CUSTOMER_REFERENCE: ("CustomerReference", 256, "whole"),
    Field.EXTERNAL_ID: ("ExternalID", 256, "whole"),
    Field.CONTACT: ("Contact", 512, "whole"),
    Field.PHONE: ("Phone", 50, "whole"),
    Field.EMAIL: ("Email", 256, "whole"),
    Field.ADDRESS_LINE_1: ("Line1", 256, "whole"),
    Field.ADDRESS_LINE_2: ("Line2", 256, "whole"),
    Field.CITY: ("City", 256, "whole"),
    Field.STATE: ("State", 256, "whole"),
    Field.POSTCODE: ("Postcode", 20, "whole"),
    Field.COUNTRY: ("Country", 256, "whole"),
    Field.COMPANY: ("Company", 128, "cut"),
    Field.SKU: ("SKU", 50, "whole"),
    Field.NAME: ("Name", 1024, "cut"),
    Field.DESCRIPTION: ("Description", 256, "whole"),
    Field.TAX_RULE: ("TaxRule", 50, "whole"),
    Field.LINE_COMMENT: ("Comment", 256, "cut"),
    Field.CHARGE_COMMENT: ("Comment", 1024, "cut"),
    Field.MEMO: ("Memo", 1024, "cut"),
    Field.NOTE: ("Note", 1024, "cut"),
    Field.SHIPPING_NOTES: ("ShippingNotes", 1024, "whole"),
    Field.ATTRIBUTE: ("AdditionalAttribute", 256, "whole"),
    Field.CARRIER: ("Carrier", 256, "whole"),
    Field.CUSTOMER_NAME: ("Customer.Name", 256, "whole"),
    Field.DISPLAY_NAME: ("DisplayName", 256, "cut"),
    Field.CUSTOMER_CONTACT: ("Contacts.Name", 256, "cut"),
}


@pytest.mark.parametrize("field", list(Field))
def test_the_length_of_every_field_is_the_documented_one(field: Field) -> None:
    assert (field.wire_name, field.most, "cut" if field.cuttable else "whole") == LENGTHS[field]


def test_a_header_says_whose_it_is_at_what_rate_by_whom_and_what_else() -> None:
    custom = {"gift": "To Ann", "by": "2026-12-30", "colour": "blue"}
    order = msgspec.structs.replace(plain_order(shipping=495), purchase_order="4711", custom=custom)
    rules = rules_for(
        order,
        fields={"gift": "ShippingNotes", "by": "ShipBy", "colour": "AdditionalAttribute3"},
        carriers={"Standard": "DHL Express"},
    )
    facts = facts_for(order, carriers={"DHL Express": Carrier(id="k", name="DHL Express")})
    prediction = predict(order, facts, rules)
    assert isinstance(prediction, Prediction), prediction
    rate = ExchangeRate(currency="EUR", day=date(2026, 12, 23), rate=Decimal("0.86123"), source="fixed")
    sent = header(order, prediction, rules, facts, 1, customer_id="customer-9", rate=rate)
    assert (sent.customer_id, sent.currency_rate, sent.carrier) == ("customer-9", Decimal("0.86123"), "DHL Express")
    assert (sent.note, sent.shipping_notes, sent.attributes) == ("PO 4711", "To Ann", {3: "blue"})
    assert sent.ship_by == date(2026, 12, 30)
    plain = header(order, prediction, rules, facts, 1)
    assert (plain.customer_id, plain.currency_rate) == (prediction.customer_id, None)
    with pytest.raises(ValueError, match="carrier DHL Express"):
        header(order, prediction, rules, facts_for(order), 1)


def test_countries_are_named_or_left_as_they_are() -> None:
    assert country_name("DE") == "Germany"
    assert country_name("AU") == "Australia"
    assert country_name("ZZ") == "ZZ"
