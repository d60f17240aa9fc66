"""What the configuration names against what the account holds, and an account that is not what it was."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from actors.catalogue.rules import company_findings, contradictions, settings_changed
from actors.domain.facts import Carrier, Company, Customer, FactKind, Facts, Location
from actors.domain.posting import ChargeRule, Charges, CurrencyRule, PostingRules
from tests.orders_builder import CUSTOMER, LOCATION, facts_for, rules_for, service

TODAY = date(2026, 12, 24)
COMPANY = Company(name="Demo", currency="GBP", time_zone="Europe/London")


def named(posting: PostingRules, **changes: Any) -> dict[str, str]:
    """Return what is contradicted: the setting and what it names."""
    return {one.facts["setting"]: one.facts["names"] for one in contradictions(facts_for(**changes), posting)}


def test_an_account_that_holds_everything_contradicts_nothing() -> None:
    posting = rules_for(
        carriers={"Express": "DHL Express"},
        currencies={"EUR": CurrencyRule(customer="Web EUR", rate="1")},
        slugs={"gift-wrap": ChargeRule(product="Gift wrap")},
        split_location="Second",
        charges=Charges(discount="Discount {rule}"),
    )
    held = facts_for(
        carriers={"DHL Express": Carrier(id="k", name="DHL Express")},
        customers={
            CUSTOMER: Customer(id="c", name=CUSTOMER, currency="GBP"),
            "Web EUR": Customer(id="e", name="Web EUR", currency="EUR"),
        },
        services={name: service(name) for name in ("Shipping", "Rounding", "Gift wrap")},
        locations={name: Location(id=name, name=name) for name in (LOCATION, "Second")},
    )
    assert list(contradictions(held, posting)) == []


def test_each_name_the_account_does_not_hold_is_told_with_its_setting() -> None:
    posting = rules_for(
        carriers={"Express": "DHL", "Letter": "Post"},
        currencies={"EUR": CurrencyRule(customer="Web EUR", rate="1")},
        slugs={"gift-wrap": ChargeRule(product="Gift wrap")},
        split_location="Second",
        channels={"north": (LOCATION, "Third")},
    )
    seen = named(posting, services={}, carriers={"DHL": Carrier(id="k", name="DHL")})
    assert seen == {
        "[orders] split_location": "location 'Second'",
        "[mappings.channels]": "location 'Third'",
        "[mappings.currencies] EUR": "customer 'Web EUR'",
        '[mappings.shipping] "Letter"': "carrier 'Post'",
        "[orders] shipping_charge": "service product 'Shipping'",
        "[orders] discount_charge": "service product 'Discount'",
        "[orders] rounding_charge": "service product 'Rounding'",
        '[mappings.charges] "gift-wrap"': "service product 'Gift wrap'",
    }


def test_a_deprecated_location_and_a_discount_that_is_never_a_charge() -> None:
    posting = rules_for(discount_as="lines")
    gone = {LOCATION: Location(id="l", name=LOCATION, deprecated=True)}
    services = {name: service(name) for name in ("Shipping", "Rounding")}
    assert named(posting, locations=gone, services=services) == {"[orders] location": f"location '{LOCATION}'"}


def test_a_list_never_read_contradicts_nothing() -> None:
    posting = rules_for(carriers={"Express": "DHL"}, currencies={"EUR": CurrencyRule(customer="x", rate="1")})
    assert list(contradictions(Facts(), posting)) == []
    every = set(FactKind)
    for kind in every:
        loaded = frozenset({kind})
        told = {one.waits_for.split(":")[0] for one in contradictions(Facts(loaded=loaded), posting)}
        assert told <= {kind.value}


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        (None, False),
        ("", False),
        ("2026-12-24", False),
        ("2026-11-30T00:00:00", False),
        ("2026-12-25", True),
        ("31/01/2027", True),
        ("03/04/2026", True),
        ("soon", True),
    ],
)
def test_a_lock_date_ahead_or_unreadable_is_told(lock: str | None, told: bool) -> None:
    facts = Facts(company=msgspec.structs.replace(COMPANY, lock_date=lock))
    found = list(company_findings(facts, today=TODAY))
    assert [one.code for one in found] == (["period_lock"] if told else [])
    assert all(one.waits_for == "company:" for one in found)


def test_without_a_day_only_a_date_that_is_none_is_told() -> None:
    ahead = Facts(company=msgspec.structs.replace(COMPANY, lock_date="2030-01-01"))
    assert list(company_findings(ahead)) == []
    unread = Facts(company=msgspec.structs.replace(COMPANY, lock_date="soon", automatic_discounts=True))
    assert [one.code for one in company_findings(unread)] == ["automatic_discounts", "period_lock"]
    assert list(company_findings(Facts(), today=TODAY)) == []


@pytest.mark.parametrize(
    ("field", "setting", "was", "now"),
    [
        ("tax_calculation_method", "TaxCalculationMethod", "", "Total"),
        ("discount_rule", "DiscountRule", "", "Best"),
        ("customer_discount_last", "ApplyCustomerDiscountsAfterOtherDiscounts", "false", "true"),
        ("rounding_table", "RoundingTable", "", "[]"),
        ("automatic_discounts", "AutomaticallyApplyDiscounts", "false", "true"),
        ("currency", "Currency", "GBP", "EUR"),
    ],
)
def test_a_setting_that_changes_figures_and_was_changed_is_told_once_each(
    field: str, setting: str, was: str, now: str
) -> None:
    changed = msgspec.structs.replace(COMPANY, **{field: now if now not in ("true",) else True})
    [finding] = settings_changed(COMPANY, changed)
    assert (finding.code, finding.field) == ("account_settings_changed", setting)
    assert finding.facts == {"setting": setting, "was": was, "is": now}


def test_nothing_is_told_of_an_account_seen_first_or_of_what_changes_no_figure() -> None:
    assert list(settings_changed(None, COMPANY)) == []
    other = msgspec.structs.replace(COMPANY, name="x", time_zone="Europe/Berlin", lock_date="2026-01-01")
    assert list(settings_changed(COMPANY, other)) == []
