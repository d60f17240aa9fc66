"""The kinds of account the local Cin7 Core can be: its sixteen arithmetics, what it refuses, what it does by itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adapters.sandbox import catalogue
from adapters.sandbox.cin7_documents import ACCOUNTS, Arithmetic
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, VAT, Shop

REDUCED = "5% (VAT on Income)"


def figures(order: Any) -> tuple[str, ...]:
    return tuple(f"{Decimal(order[name]):f}" for name in ("TotalBeforeTax", "Tax", "Total"))


# --- the sixteen arithmetics


def test_there_are_sixteen_accounts_and_no_two_are_one() -> None:
    assert len(set(ACCOUNTS)) == len(ACCOUNTS) == 16
    kinds = {(account.tax, account.tax_digits if account.tax == "row" else None) for account in ACCOUNTS}
    assert kinds == {("given", None), ("row", 2), ("row", 4), ("document", None)}
    assert {(account.line_digits, account.rounding) for account in ACCOUNTS} == {
        (2, "half_up"),
        (2, "half_even"),
        (4, "half_up"),
        (4, "half_even"),
    }


@pytest.mark.parametrize(
    ("inclusive", "taxes"),
    [
        # two rows of 9.99 at 20 % (a tie), and 2 x 3.3333 (6.67) at 5 %, sent with 1.66, 1.66 and 0.31
        (True, {("given", 2): "3.63", ("row", 2): "3.66", ("row", 4): "3.6476", ("document", 2): "3.65"}),
        (False, {("given", 2): "3.63", ("row", 2): "4.33", ("row", 4): "4.3295", ("document", 2): "4.33"}),
    ],
)
async def test_tax_is_what_the_kind_of_account_makes_of_it(inclusive: bool, taxes: dict[tuple[str, int], str]) -> None:
    for account in (each for each in ACCOUNTS if each.rounding == "half_up" and each.line_digits == 2):
        shop = Shop()
        shop.double.set_arithmetic(account)
        rows = [
            shop.line(price=9.99, Tax=1.66),
            shop.line(PLATE, price=9.99, Tax=1.66),
            shop.line("EN-TRV-SMART", quantity=2, price=3.3333, Tax=0.31, TaxRule=REDUCED),
        ]
        order = await shop.post_order(await shop.create(TaxInclusive=inclusive), *rows)
        assert figures(order)[1] == taxes[account.tax, account.tax_digits]


async def test_document_tax_has_two_decimals_whatever_rows_have() -> None:
    shop = Shop(tax_behaviour="document", tax_digits=4)
    order = await shop.post_order(await shop.create(), shop.line(price=9.99, Tax=1.66))
    assert order["Tax"] == Decimal("1.67")


async def test_an_account_that_changes_overnight_leaves_old_documents_alone() -> None:
    shop = Shop()
    first = await shop.create()
    before = await shop.post_order(first, shop.line(price=9.99, Tax=1.66))
    shop.double.set_arithmetic(Arithmetic(tax="row"))
    assert shop.double.arithmetic.tax == "row"
    assert await shop.call("GET", "/sale/order", {"SaleID": first}) == before
    after = await shop.post_order(await shop.create(), shop.line(price=9.99, Tax=1.66))
    assert (before["Tax"], after["Tax"]) == (Decimal("1.66"), Decimal("1.67"))


# --- what it refuses


async def refusal(shop: Shop, *lines: dict[str, object], **more: Any) -> str:
    return await shop.refused("POST", "/sale/order", body=shop.order(await shop.create(), *lines, **more))


async def test_a_negative_charge_is_refused_in_these_words_and_may_be_allowed_again() -> None:
    shop = Shop()
    shop.double.set_rules(negative_charges=False)
    charge = shop.charge(-2, -0.33, Description="Discount")
    words = await refusal(shop, shop.line(), AdditionalCharges=[charge])
    assert words == "AdditionalCharges[1]: attribute 'Price' must not be negative"
    shop.double.set_rules(negative_charges=True)
    await shop.post_order(await shop.create(), shop.line(), AdditionalCharges=[charge])


@pytest.mark.parametrize("late", [False, True])
async def test_a_service_product_twice_is_refused_if_the_account_minds(late: bool) -> None:
    shop = Shop(repeated_charges=late)
    if late:
        shop.double.set_rules(repeated_charges=False)
    charges = [shop.charge(4, 0.67), shop.charge(1, 0.05, TaxRule=REDUCED)]
    words = await refusal(shop, shop.line(), AdditionalCharges=charges)
    assert words == "AdditionalCharges contain duplicate service product 'Shipping'."
    shop.double.set_rules(repeated_charges=True)
    order = await shop.post_order(await shop.create(), shop.line(), AdditionalCharges=charges)
    assert len(order["AdditionalCharges"]) == 2


async def test_a_sku_twice_may_be_allowed() -> None:
    shop = Shop(repeated_skus=True)
    order = await shop.post_order(await shop.create(), shop.line(), shop.line(price=1))
    assert [line["SKU"] for line in order["Lines"]] == [MUG, MUG]
    assert shop.double.available(MUG) == 178
    shop.double.set_rules(repeated_skus=False)
    assert "duplicate product with SKU" in await refusal(shop, shop.line(), shop.line(price=1))


async def test_a_tax_that_is_not_the_calculated_one_is_refused_if_the_account_checks() -> None:
    shop = Shop(check_tax=True)
    words = await refusal(shop, shop.line(price=30, Tax=4.99))
    assert words == "Lines[1]: attribute 'Tax' doesn't match calculated tax. Expected value is: 5.00"
    charges = [shop.charge(4.95, 0.82)]
    words = await refusal(shop, shop.line(price=30, Tax=5), AdditionalCharges=charges)
    assert words.startswith("AdditionalCharges[1]: attribute 'Tax' doesn't match")
    await shop.post_order(await shop.create(), shop.line(price=30, Tax=5.0))
    shop.double.set_rules(check_tax=False)
    await shop.post_order(await shop.create(), shop.line(price=30, Tax=4.99))


async def test_too_many_rows_are_refused() -> None:
    shop = Shop(most_rows=2)
    rows = [shop.line(), shop.line(PLATE)]
    await shop.post_order(await shop.create(), *rows)
    assert "Maximum is 2" in await refusal(shop, *rows, AdditionalCharges=[shop.charge(1, 0.17)])
    shop.double.set_rules(most_rows=None)
    await shop.post_order(await shop.create(), *rows, AdditionalCharges=[shop.charge(1, 0.17)])


def test_a_rule_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rule"):
        Shop().double.set_rules(colours=False)


# --- what it does by itself


async def test_automatic_discounts_act_on_authorisation_only() -> None:
    shop = Shop(tax_behaviour="row")
    shop.double.set_company(automatic_discounts=True)
    sale_id, charge = await shop.create(), shop.charge(4.95, 0.83)
    rows = [shop.line(price=20, Tax=3.33), shop.line(PLATE, price=10, Discount=98, Tax=0.03)]
    draft = await shop.post_order(sale_id, *rows, status="DRAFT", AdditionalCharges=[charge])
    assert [line["Discount"] for line in draft["Lines"]] == [0, 98]
    assert figures(draft)[2] == "25.15"
    final = await shop.post_order(sale_id, *rows, AdditionalCharges=[charge])
    assert [(line["Discount"], line["Total"], line["Tax"]) for line in final["Lines"]] == [
        (5, 19, Decimal("3.17")),
        (100, 0, 0),
    ]
    assert figures(final)[2] == "23.95"
    assert shop.double.available(MUG) == 179


async def test_automatic_discounts_leave_a_given_tax_as_it_is() -> None:
    shop = Shop()
    shop.double.set_company(automatic_discounts=True, automatic_discount=Decimal(10))
    order = await shop.post_order(await shop.create(), shop.line(price=20, Tax=3.33))
    assert figures(order) == ("14.67", "3.33", "18")


# --- customers


def customer(**changes: object) -> dict[str, object]:
    return {
        "Name": "Blythe & Co (CT 4f0c)",
        "DisplayName": "Blythe & Co",
        "Status": "Active",
        "Currency": "EUR",
        "PaymentTerm": "14 days",
        "AccountReceivable": "610",
        "RevenueAccount": "200",
        "TaxRule": REDUCED,
        "Discount": 2.5,
        "Addresses": [
            {"Line1": "14 Orchard Lane", "City": "Hebden Bridge", "Country": "United Kingdom", "Type": "Billing"}
        ],
        "Contacts": [{"Name": "Harriet Blythe", "Email": "harriet@example.org", "Phone": "01632 960114"}],
        **changes,
    }


async def test_a_customer_is_shown_as_it_was_made() -> None:
    shop = Shop()
    if cin7_spec.available():
        assert cin7_spec.check_request("POST", "/customer", {}, customer()) == []
    made = (await shop.call("POST", "/customer", body=customer()))["CustomerList"][0]
    (shown,) = (await shop.call("GET", "/customer", {"ID": made["ID"]}))["CustomerList"]
    assert shown == made
    same = ("Name", "DisplayName", "Currency", "PaymentTerm", "AccountReceivable", "RevenueAccount", "TaxRule")
    assert {name: shown[name] for name in same} == {name: customer()[name] for name in same}
    assert shown["Discount"] == Decimal("2.5")
    assert [(each["Name"], each["Email"]) for each in shown["Contacts"]] == [("Harriet Blythe", "harriet@example.org")]
    assert [(each["Line1"], each["Type"]) for each in shown["Addresses"]] == [("14 Orchard Lane", "Billing")]


async def test_a_taken_name_is_refused_and_a_shown_name_may_repeat() -> None:
    shop = Shop()
    await shop.call("POST", "/customer", body=customer())
    assert "already exists" in await shop.refused("POST", "/customer", body=customer(DisplayName="Other"))
    other = await shop.call("POST", "/customer", body=customer(Name="Blythe & Co (CT 4f0d)"))
    assert other["CustomerList"][0]["DisplayName"] == "Blythe & Co"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Contacts": [{"Email": "x@example.org"}]}, "Contacts[1]: attribute 'Name' is required"),
        ({"Addresses": [{"Line1": "1", "Country": "United Kingdom"}]}, "'Type' is required"),
        ({"Addresses": [{"Line1": "1", "Country": "United Kingdom", "Type": "Home"}]}, "Billing, Business or Shipping"),
        ({"Contacts": {}}, "must be an array"),
    ],
)
async def test_a_customer_is_refused_for_what_does_not_fit(changes: dict[str, object], words: str) -> None:
    shop = Shop()
    assert words in await shop.refused("POST", "/customer", body=customer(**changes))
    assert len(shop.double.books.customers) == 1


async def test_a_sale_in_another_currency_shows_rate_and_day_everywhere() -> None:
    shop = Shop()
    await shop.call("POST", "/customer", body=customer())
    name = customer()["Name"]
    sale_id = await shop.create(Customer=name, CurrencyRate=0.8612, SaleOrderDate="2026-11-27T00:00:00")
    sale = await shop.call("GET", "/sale", {"ID": sale_id})
    assert (sale["CustomerCurrency"], sale["CurrencyRate"]) == ("EUR", Decimal("0.8612"))
    assert sale["SaleOrderDate"] == "2026-11-27T00:00:00"
    (row,) = await shop.rows()
    assert (row["CustomerCurrency"], row["BaseCurrency"], row["OrderDate"]) == ("EUR", "GBP", "2026-11-27T00:00:00")


# --- carriers and what a header keeps


async def test_carriers_are_listed_and_an_unknown_one_is_refused() -> None:
    shop = Shop()
    listed = await shop.call("GET", "/ref/carrier")
    assert [row["Description"] for row in listed["CarrierList"]] == list(catalogue.CARRIERS)
    assert (await shop.call("GET", "/ref/carrier", {"Description": "dhl"}))["Total"] == 1
    words = await shop.refused("POST", "/sale", body=shop.header(Carrier="Pigeon"))
    assert words == "Carrier 'Pigeon' was not found in reference book"
    assert shop.double.sales == []
    shop.double.add_carrier("Pigeon")
    sale = await shop.call("GET", "/sale", {"ID": await shop.create(Carrier="Pigeon")})
    assert sale["Carrier"] == "Pigeon"


async def test_a_header_keeps_its_texts_attributes_and_address() -> None:
    shop = Shop()
    address = {
        "Line1": "14 Orchard Lane",
        "City": "Hebden Bridge",
        "Postcode": "HX7 8AL",
        "Country": "United Kingdom",
        "Company": "Blythe & Co",
        "Contact": "Harriet Blythe",
        "ShipToOther": True,
    }
    kept = {
        "Note": "n" * 1024,
        "ShippingNotes": "s" * 1024,
        "Carrier": "Royal Mail",
        "ShipBy": "2026-12-03T00:00:00",
        "AdditionalAttributes": {"AdditionalAttribute1": "gift", "AdditionalAttribute10": "last"},
        "ShippingAddress": address,
    }
    sale_id = await shop.create(**kept)
    sale = await shop.call("GET", "/sale", {"ID": sale_id})
    for name in ("Note", "ShippingNotes", "Carrier", "ShipBy"):
        assert sale[name] == kept[name]
    assert {name: sale["ShippingAddress"][name] for name in address} == address
    attributes = sale["AdditionalAttributes"]
    assert (attributes["AdditionalAttribute1"], attributes["AdditionalAttribute10"]) == ("gift", "last")
    for name in ("Note", "ShippingNotes"):
        assert "longer than 1024" in await shop.refused("POST", "/sale", body=shop.header(**{name: "x" * 1025}))
    changed = await shop.call("PUT", "/sale", body={"ID": sale_id, "ShipBy": "2026-12-05", "Carrier": "DHL Express"})
    assert (changed["ShipBy"], changed["Carrier"], changed["Note"]) == (
        "2026-12-05T00:00:00",
        "DHL Express",
        kept["Note"],
    )


# --- stock and tax rules


async def test_an_expected_delivery_shows_in_availability() -> None:
    shop = Shop(zero_rows=False)
    shop.double.expect_delivery(MUG, date(2026, 12, 24))
    shop.double.expect_delivery(MUG, date(2027, 1, 7), location="Paris")
    answer = await shop.call("GET", "/ref/productavailability", {"Sku": MUG})
    shown = {row["Location"]: row["NextDeliveryDate"] for row in answer["ProductAvailabilityList"]}
    assert shown == {"Main Warehouse": "2026-12-24T00:00:00", "Paris": "2027-01-07T00:00:00"}
    shop.double.expect_delivery(MUG, None)
    shop.double.expect_delivery(MUG, None, location="Paris")
    answer = await shop.call("GET", "/ref/productavailability", {"Sku": MUG})
    assert [(row["Location"], row["NextDeliveryDate"]) for row in answer["ProductAvailabilityList"]] == [
        ("Main Warehouse", None)
    ]
    with pytest.raises(KeyError):
        shop.double.expect_delivery("NO-SUCH-SKU", None)


async def test_another_tax_rule_may_stand_on_a_row() -> None:
    shop = Shop(tax_behaviour="row")
    shop.double.add_tax_rule("Texas 8.25%", Decimal("8.25"))
    assert (await shop.call("GET", "/ref/tax", {"Name": "Texas"}))["TaxRuleList"][0]["TaxPercent"] == Decimal("8.25")
    rows = [shop.line(price=20, Tax=0, TaxRule="Texas 8.25%")]
    order = await shop.post_order(await shop.create(TaxInclusive=False), *rows)
    assert figures(order) == ("20", "1.65", "21.65")


async def test_the_service_products_of_the_shop_are_there() -> None:
    shop = Shop()
    charges = [shop.charge(1, 0.17, Description=name, TaxRule=VAT) for name in catalogue.SERVICES]
    order = await shop.post_order(await shop.create(), shop.line(), AdditionalCharges=charges)
    assert len(order["AdditionalCharges"]) == len(catalogue.SERVICES)
