"""One buyer is one Cin7 customer: an identity that says nothing of them, and a card whose name depends on it alone."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.customers import customer_card, customer_name, identity_of
from actors.domain.facts import Customer
from actors.domain.order import Order
from tests.orders_builder import ADDRESS, plain_order

TEMPLATE = Customer(
    id="t-1",
    name="commercetools web orders",
    currency="GBP",
    payment_term="30 days",
    receivable="610",
    revenue="200",
    tax_rule="20%",
)


def bought(**changes: Any) -> Order:
    return msgspec.structs.replace(plain_order(), **changes)


def by(**changes: Any) -> Order:
    """An order of somebody of whom only an address is known."""
    address = msgspec.structs.replace(ADDRESS, email="", **changes)
    return bought(email="", billing=address, shipping_address=address)


def test_an_identity_is_sixteen_figures_and_shows_nothing() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", identity_of(bought(customer_id="cust-1")))


def test_who_signed_in_is_one_buyer_whatever_they_write() -> None:
    known = identity_of(bought(customer_id="cust-1"))
    assert identity_of(bought(customer_id="cust-1", email="new@example.test", billing=None, id="other")) == known
    assert identity_of(bought(customer_id="cust-2")) != known
    assert identity_of(bought(customer_id=None)) != known


def test_a_guest_is_their_e_mail_however_it_is_written() -> None:
    known = identity_of(bought(email="ann@example.test"))
    assert identity_of(bought(email=" Ann@Example.TEST ", id="other", billing=None, shipping_address=None)) == known
    assert identity_of(bought(email="bob@example.test")) != known
    assert identity_of(bought(email="", billing=ADDRESS)) == known


def test_an_id_that_looks_like_an_e_mail_is_somebody_else() -> None:
    assert identity_of(bought(customer_id="ann@example.test")) != identity_of(bought(email="ann@example.test"))


def test_without_an_e_mail_it_is_name_and_address() -> None:
    known = identity_of(by())
    assert identity_of(by(name="ANN  example", line1="3 park st ")) == known
    assert identity_of(by(phone="something else")) == known
    assert identity_of(by(name="Bob")) != known
    assert identity_of(by(postcode="LS1 4AQ")) != known
    assert identity_of(by(country="IE")) != known


@pytest.mark.parametrize("missing", [{"name": "", "company": ""}, {"line1": ""}])
def test_strangers_of_whom_nothing_is_known_share_no_customer(missing: dict[str, str]) -> None:
    assert identity_of(by(**missing)) != identity_of(msgspec.structs.replace(by(**missing), id="other"))
    bare = bought(email="", billing=None, shipping_address=None)
    assert identity_of(bare) != identity_of(msgspec.structs.replace(bare, id="other"))


def test_the_card_is_the_template_s_but_for_the_buyer() -> None:
    order = plain_order()
    card = customer_card(order, "0123456789abcdef", TEMPLATE, base="GBP")
    assert card.name == "CT customer 0123456789abcdef"
    assert (card.display_name, card.contact, card.email) == ("Ann Example", "Ann Example", "ann@example.test")
    assert (card.phone, card.currency) == (ADDRESS.phone, "GBP")
    assert (card.payment_term, card.receivable, card.revenue, card.tax_rule) == ("30 days", "610", "200", "20%")


def test_each_currency_has_a_customer_of_its_own() -> None:
    euro = msgspec.structs.replace(TEMPLATE, currency="EUR")
    assert customer_card(plain_order(), "ab", euro, base="GBP").name == "CT customer ab EUR"
    assert customer_name("ab", "EUR", base="EUR") == "CT customer ab"


@given(name=st.text(max_size=600), company=st.text(max_size=600))
def test_the_name_does_not_depend_on_how_people_write_themselves(name: str, company: str) -> None:
    address = msgspec.structs.replace(ADDRESS, name=name, company=company)
    order = bought(customer_id="cust-1", billing=address, shipping_address=None)
    card = customer_card(order, identity_of(order), TEMPLATE, base="GBP")
    assert card.name == customer_card(bought(customer_id="cust-1"), identity_of(order), TEMPLATE, base="GBP").name
    assert len(card.display_name) <= 256
    assert len(card.contact) <= 256
    assert card.display_name[:255] == (company or name)[:255]


def test_a_card_of_nobody_in_particular_has_no_contact() -> None:
    card = customer_card(bought(email="", billing=None, shipping_address=None), "ab", TEMPLATE, base="GBP")
    assert (card.display_name, card.contact, card.email, card.phone) == ("", "", "", "")
