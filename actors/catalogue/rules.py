"""Pure rules of the registry: does the account hold what the configuration names?"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, fact_ref
from actors.domain.posting import PostingRules


def contradictions(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    """Yield what the configuration names and Cin7 does not hold. Each holds only the orders that use it."""
    if FactKind.TAX_RULE in facts.loaded:
        for key, name in posting.tax.items():
            rule = facts.tax_rules.get(name)
            if rule is None or not rule.active or not rule.for_sale:
                yield _contradicted(f'[mappings.tax] "{key}"', f"tax rule {name!r}", FactKind.TAX_RULE, name)
    if FactKind.LOCATION in facts.loaded:
        named = {posting.location, *(name for names in posting.channels.values() for name in names)}
        for name in sorted(named):
            location = facts.locations.get(name)
            if location is None or location.deprecated:
                key = "[orders] location" if name == posting.location else "[mappings.channels]"
                yield _contradicted(key, f"location {name!r}", FactKind.LOCATION, name)
    if FactKind.CUSTOMER in facts.loaded and posting.customer not in facts.customers:
        yield _contradicted("[orders] customer", f"customer {posting.customer!r}", FactKind.CUSTOMER, posting.customer)
    if FactKind.PRODUCT in facts.loaded:
        names = (("shipping_charge", posting.charges.shipping), ("rounding_charge", posting.charges.rounding))
        for key, name in names:
            if name and "{rule}" not in name and name not in facts.services:
                yield _contradicted(f"[orders] {key}", f"service product {name!r}", FactKind.PRODUCT, "")


def _contradicted(key: str, what: str, kind: FactKind, name: str) -> Finding:
    return Finding(
        code="mapping_contradicted",
        cause=f"{key} names {what}, which Cin7 Core does not hold (or not for use).",
        field=f"{key} = {name}" if name else key,
        waits_for=fact_ref(kind, name),
        group=f"mapping_contradicted:{kind.value}:{name}",
        facts={"setting": key, "names": what},
    )


def company_findings(facts: Facts) -> Iterator[Finding]:
    """Yield settings of the account that change what a document adds up to."""
    if facts.company is not None and facts.company.automatic_discounts:
        yield Finding(
            code="automatic_discounts",
            cause="The Cin7 Core account applies discounts by itself when an order is authorised: totals may change.",
            waits_for=fact_ref(FactKind.COMPANY, ""),
            facts={"setting": "AutomaticallyApplyDiscounts", "value": "true"},
        )
