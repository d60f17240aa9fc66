"""What decides how an account calculates, in one text: when it differs, what was learnt may be wrong (money §6).

Only settings that change figures count. The company's name, its time zone or its lock date do not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal

from actors.domain.facts import Company, TaxRule

SETTINGS: tuple[tuple[str, str], ...] = (
    ("Currency", "currency"),
    ("TaxCalculationMethod", "tax_calculation_method"),
    ("AutomaticallyApplyDiscounts", "automatic_discounts"),
    ("ApplyCustomerDiscountsAfterOtherDiscounts", "customer_discount_last"),
    ("DiscountRule", "discount_rule"),
    ("RoundingTable", "rounding_table"),
)
"""Settings of `/me` that change what a document adds up to: as Cin7 spells them, and as the fact does."""


def settings_of(company: Company) -> dict[str, str]:
    """Return those settings of a company as texts, by Cin7's names."""
    return {wire: _text(getattr(company, field)) for wire, field in SETTINGS}


def fingerprint(company: Company, tax_rules: Iterable[TaxRule]) -> str:
    """Return the SHA-256, in hex, of the settings and of these rules' percent, parts and inclusiveness.

    The order of the rules, how their percent is written (20 or 20.0) and their ids do not matter.
    """
    rules = sorted([rule.name, _figure(rule.percent), sorted(rule.components), rule.inclusive] for rule in tax_rules)
    text = json.dumps([settings_of(company), rules], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _figure(value: Decimal) -> str:
    return str(value.normalize()) if value.is_finite() else str(value)
